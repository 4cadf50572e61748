"""Framing: whatever bytes come in, what comes out is bodies or one ProtocolError."""

from __future__ import annotations

import struct
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exphil_rt.control.framing import (
    MAX_EVENTS,
    CommandRefused,
    Deframer,
    ProtocolError,
    accepted,
    decode_client_frame,
    decode_server_frame,
    encode_frame,
    merge,
    mismatch,
)
from exphil_rt.control.wire import (
    MAX_FRAME,
    Checkpoint,
    ClientFrame,
    Done,
    EventsUpdate,
    ExhibitionUpdate,
    Fault,
    GetActor,
    GetOverview,
    GetStatus,
    Hello,
    Pause,
    Refused,
    Reply,
    Request,
    RestartActor,
    Resume,
    Stop,
    Subscribe,
    Unsubscribe,
)
from exphil_rt.messages.telemetry import Event

COMMANDS = st.one_of(
    st.sampled_from([GetStatus(), GetOverview(), Pause(), Resume(), Checkpoint(), Stop()]),
    st.builds(GetActor, st.text(max_size=40)),
    st.builds(RestartActor, st.text(max_size=40)),
    st.builds(Subscribe, st.sampled_from(["overview", "exhibition", "events"]), st.floats(allow_nan=False)),
    st.builds(Unsubscribe, st.sampled_from(["overview", "exhibition", "events"])),
)
FRAMES = st.one_of(
    st.builds(Hello, protocol=st.integers(0, 99), version=st.text(max_size=9), readonly=st.booleans()),
    st.builds(Request, st.integers(0, 2**40), st.text(max_size=9), COMMANDS),
)


def event(seq: int) -> Event:
    return Event(seq=seq, time_ns=0, level="info", actor="root", event="e", text="t")


@given(st.lists(FRAMES, max_size=5), st.data())
def test_frames_survive_any_cutting_of_the_stream(frames: list[ClientFrame], data: st.DataObject) -> None:
    stream = b"".join(map(encode_frame, frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    deframer = Deframer()
    out = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        out += [decode_client_frame(body) for body in deframer.feed(stream[start:end])]
    assert out == frames


@given(FRAMES, st.data())
def test_a_truncated_frame_is_waited_for(frame: ClientFrame, data: st.DataObject) -> None:
    stream = encode_frame(frame)
    cut = data.draw(st.integers(0, len(stream) - 1))
    assert list(Deframer().feed(stream[:cut])) == []


@given(FRAMES, st.data())
def test_a_truncated_body_is_refused(frame: ClientFrame, data: st.DataObject) -> None:
    body = encode_frame(frame)[4:]
    with pytest.raises(ProtocolError):
        decode_client_frame(body[: data.draw(st.integers(0, len(body) - 1))])


def problem_of(read: Callable[[], object]) -> str:
    """The sentence of the ProtocolError that ``read`` raises, or nothing; any other error is the test's failure."""
    try:
        read()
    except ProtocolError as error:
        return str(error)
    return ""


@given(st.binary(max_size=300))
def test_garbage_gives_bodies_or_one_named_error(garbage: bytes) -> None:
    bodies: list[bytes] = []
    problem = problem_of(lambda: bodies.extend(Deframer(limit=100).feed(garbage)))
    assert not problem or "1 to 100" in problem
    for body in bodies:
        assert 0 < len(body) <= 100
        assert "\n" not in problem_of(lambda body=body: decode_client_frame(body))
        assert "\n" not in problem_of(lambda body=body: decode_server_frame(body))


@given(st.recursive(st.none() | st.integers(-9, 2**60) | st.text() | st.floats(), st.lists, max_leaves=20))
def test_well_formed_msgpack_that_is_no_frame_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError):
        decode_client_frame(msgspec.msgpack.encode(value))


@pytest.mark.parametrize("length", [0, 101, 2**32 - 1])
def test_a_bad_length_is_refused_before_its_body_is_awaited(length: int) -> None:
    with pytest.raises(ProtocolError, match=f"{length:,}"):
        list(Deframer(limit=100).feed(struct.pack(">I", length)))


def test_deep_nesting_is_refused_not_a_crash() -> None:
    deep = b"\x91" * 60_000 + b"\xc0"
    with pytest.raises(ProtocolError):
        decode_client_frame(deep)
    hidden = b"\x82\xa4type\xa5hello\xa1x" + deep  # below a key that the decoder skips
    with pytest.raises(ProtocolError):
        decode_client_frame(hidden)


def test_fields_of_a_later_version_are_skipped() -> None:
    body = msgspec.msgpack.encode({"type": "hello", "protocol": 1, "version": "9", "new": [1, {"a": 2}]})
    assert decode_client_frame(body) == Hello(protocol=1, version="9")


def test_an_oversize_answer_is_refused_on_our_side() -> None:
    with pytest.raises(ProtocolError, match="Reply"):
        encode_frame(Reply(1, Done("x" * MAX_FRAME)))


def test_a_client_cannot_say_what_only_the_daemon_says() -> None:
    with pytest.raises(ProtocolError):
        decode_client_frame(encode_frame(Fault("x"))[4:])


def test_merge_keeps_the_latest_state_and_the_newest_events() -> None:
    assert merge(None, ExhibitionUpdate(None)) == ExhibitionUpdate(None)
    first = EventsUpdate(tuple(map(event, range(900))))
    both = merge(first, EventsUpdate(tuple(map(event, range(900, 1300)))))
    assert isinstance(both, EventsUpdate)
    assert [one.seq for one in both.events] == list(range(1300 - MAX_EVENTS, 1300))


def test_mismatch_names_both_sides() -> None:
    mine = Hello(protocol=1, version="0.1.0")
    assert mismatch(mine, Hello(protocol=1, version="0.3.0")) == ""
    text = mismatch(mine, Hello(protocol=2, version="0.3.0"))
    assert "0.1.0" in text
    assert "0.3.0" in text


def test_a_refusal_keeps_its_words_and_exit_code() -> None:
    assert accepted(Done("ok")) == Done("ok")
    with pytest.raises(CommandRefused, match=r"No such actor\. See `tree`\.") as caught:
        accepted(Refused("No such actor.", "See `tree`.", 2))
    assert caught.value.exit_code == 2
