"""The link between a console and its inference process: records go through unchanged, nothing waits, ends are seen."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exphil_rt.dolphin.link import SWAPPED, Answer, Ask, Link, LinkBroken, LinkLost, Ready, link_pair
from exphil_rt.game.frames import Frames
from exphil_rt.policy.codec import ActionCodec


def framed_pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


@pytest.fixture(params=[link_pair, framed_pair])
def link(request):
    ends = [Link(sock) for sock in request.param()]
    yield ends
    for end in ends:
        end.close()


def ask(rng: np.random.Generator, dmax: int, heads: int, **values) -> Ask:
    state = Frames.allocate((1,))
    for array in state.arrays().values():
        array[...] = rng.integers(0, 100, array.shape)
    fields = {"player": 1, "epoch": 3, "game_id": 2**40, "frame": -123, "seen_ns": 2**60, "delay": dmax} | values
    committed = rng.integers(0, 17, (dmax, heads)).astype(np.uint8)
    return Ask(**fields, state=state, committed=committed, mask=rng.integers(0, 2, dmax).astype(np.uint8))


def same_ask(a: Ask, b: Ask) -> bool:
    scalars = ("player", "epoch", "game_id", "frame", "seen_ns", "delay")
    assert all(getattr(a, name) == getattr(b, name) for name in scalars)
    np.testing.assert_array_equal(a.committed, b.committed)
    np.testing.assert_array_equal(a.mask, b.mask)
    others = b.state.arrays()
    for name, array in a.state.arrays().items():
        np.testing.assert_array_equal(array, others[name])
    return True


@settings(max_examples=40)
@given(st.integers(0, 64), st.sampled_from((11, 13, 16)), st.integers(-123, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_an_ask_arrives_as_it_was_sent(dmax, heads, frame, seed):
    one, two = (Link(sock) for sock in link_pair())
    sent = ask(np.random.default_rng(seed), dmax, heads, frame=frame)
    assert one.send(sent)
    (came,) = two.receive()
    assert same_ask(sent, came)
    one.close(), two.close()


@settings(max_examples=40)
@given(st.integers(11, 16), st.integers(-123, 2**30), st.text(max_size=32), st.integers(0, 2**32 - 1), st.booleans())
def test_an_answer_arrives_as_it_was_sent(heads, frame, version, took, swapped):
    one, two = (Link(sock) for sock in link_pair())
    version = version.replace("\0", "")
    action = np.arange(heads, dtype=np.uint8)
    assert two.send(Answer(1, 7, frame, frame + 3, action, version, took, SWAPPED * swapped))
    (came,) = one.receive()
    np.testing.assert_array_equal(came.action, action)
    assert (came.player, came.epoch, came.frame, came.due) == (1, 7, frame, frame + 3)
    assert (came.version, came.took_us, came.flags) == (version, took, SWAPPED * swapped)
    one.close(), two.close()


def test_ready_carries_the_codec(link):
    codec = ActionCodec(main=((0, 0), (80, 0), (-80, 0)), c_stick=((0, 0), (0, 80)))
    ready = Ready(player=0, delay=18, dmax=24, batch_steps=7, codec=codec, version="fox-a1b2@v7")
    assert link[1].send(ready)
    assert link[0].receive(1.0) == [ready]


def test_records_keep_their_order_both_ways(link):
    rng = np.random.default_rng(0)
    asks = [ask(rng, 4, 13, frame=frame) for frame in range(20)]
    for record in asks:
        assert link[0].send(record)
    answers = [Answer(0, 1, frame, frame + 1, np.zeros(13, np.uint8)) for frame in range(20)]
    for record in answers:
        assert link[1].send(record)
    assert [record.frame for record in link[0].receive()] == list(range(20))
    assert all(map(same_ask, asks, link[1].receive()))


def test_a_full_link_takes_nothing_and_nothing_is_torn(link):
    rng = np.random.default_rng(0)
    sent = 0
    while link[0].send(ask(rng, 64, 16, frame=sent)):
        sent += 1
        assert sent < 10_000
    came = link[1].receive()
    assert [record.frame for record in came] == list(range(sent))[: len(came)]
    assert len(came) >= sent - 1  # of a framed link, the last one may be half sent
    assert link[0].send(ask(rng, 0, 13, frame=sent))
    assert [record.frame for record in came + link[1].receive()] == list(range(sent + 1))


def test_the_other_sides_end_is_seen_behind_what_it_sent(link):
    link[1].send(Answer(0, 1, 5, 6, np.zeros(13, np.uint8)))
    link[1].close()
    assert [record.frame for record in link[0].receive(1.0)] == [5]
    with pytest.raises(LinkLost):
        link[0].receive()
    with pytest.raises(LinkLost):
        link[0].send(Answer(0, 1, 5, 6, np.zeros(13, np.uint8)))


def test_nothing_waits_unless_told_to(link):
    assert link[0].receive() == []
    assert link[0].receive(0.01) == []


@pytest.mark.parametrize("data", [b"\x09junk", b"\x01short", b"\x02short", b"\x03{}", b"\x03\xff"])
def test_what_is_no_record_is_refused(data):
    ours, theirs = link_pair()
    theirs.send(data)
    link = Link(ours)
    with pytest.raises(LinkBroken):
        link.receive(1.0)
    link.close(), theirs.close()


def test_a_length_that_no_record_has_is_refused():
    ours, theirs = framed_pair()
    theirs.send(b"\xff\xff\xff\x7f")
    link = Link(ours)
    with pytest.raises(LinkBroken):
        link.receive(1.0)
    link.close(), theirs.close()


def test_records_that_fit_none_are_refused(link):
    with pytest.raises(ValueError, match="fit no record"):
        link[0].send(ask(np.random.default_rng(0), 65, 13))
    with pytest.raises(ValueError, match="fits no record"):
        link[0].send(Answer(0, 1, 5, 6, np.zeros(17, np.uint8)))
