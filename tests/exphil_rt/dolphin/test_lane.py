"""The lane of consoles, with a test at the other end of each link: what it waits for, what it tells, how games end."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from exphil_rt.dolphin.lane import STILL_S, ConsoleLane
from exphil_rt.dolphin.link import Answer, Ask, Link, LinkLost, Over, Play, Ready, accept_end, link_pair, send_end
from exphil_rt.game.frames import Controllers, Frames
from exphil_rt.game.lane import GameSetup
from exphil_rt.policy.codec import ActionCodec

CODEC = ActionCodec()


class Clock:
    """Time that passes when a lane looks at it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.001
        return self.now


class FakeConsole:
    """The far end of one slot's link."""

    def __init__(self, lane, slot):
        mine, its = link_pair()
        lane.attach(slot, its)
        self.link = Link(mine)

    def told(self, kind):
        return [record for record in self.link.receive() if isinstance(record, kind)]

    def show(self, game_id, frame, percent=0.0):
        """Ask about a frame, once for each player."""
        state = Frames.allocate((1,))
        state.frame[0], state.players.stocks[:], state.players.percent[0] = frame, 4, (0.0, percent)
        none = np.zeros((0, CODEC.num_heads), np.uint8), np.zeros(0, np.uint8)
        for player in (0, 1):
            assert self.link.send(Ask(player, 7, game_id, frame, 0, 0, state, *none))


def setup(game_id, **fields):
    return GameSetup(game_id=game_id, stage=32, characters=(1, 18), **fields)


def inputs(count, button=0x0100):
    pads = Controllers.allocate((count, 2))
    pads.buttons[:, 0] = button
    return pads


@pytest.fixture
def lane():
    found = ConsoleLane(2, CODEC, "stand-in-still", Clock())
    yield found
    found.close()


@pytest.fixture
def consoles(lane):
    """Two consoles in the middle of games 10 and 11."""
    found = [FakeConsole(lane, slot) for slot in (0, 1)]
    for slot, one in enumerate(found):
        lane.start(slot, setup(10 + slot))
        one.show(10 + slot, -123)
    yield found
    for one in found:
        one.link.close()


def test_a_console_is_told_who_decides_and_what_is_played(lane):
    lane.start(0, setup(10))
    console = FakeConsole(lane, 0)
    assert lane.attached(0)
    assert not lane.attached(1)
    records = console.link.receive()
    assert [(r.player, r.delay, r.codec) for r in records if isinstance(r, Ready)] == [(0, 0, CODEC), (1, 0, CODEC)]
    assert records[-1] == Play(game_id=10, stage=32, characters=(1, 18))
    assert lane.ready().tolist() == []
    console.link.close()


def test_inputs_come_for_the_frame_after_the_one_shown(lane, consoles):
    assert lane.ready().tolist() == [0, 1]
    shown = lane.frames(lane.ready())
    assert shown.frame.tolist() == [-123, -123]
    pads = inputs(2)
    lane.commit(lane.ready(), pads, shown.frame + 1)
    for console in consoles:
        answers = console.told(Answer)
        assert [(a.player, a.epoch, a.frame, a.due) for a in answers] == [(0, 7, -123, -122), (1, 7, -123, -122)]
        assert CODEC.decode(answers[0].action).buttons == 0x0100
        assert CODEC.decode(answers[1].action).buttons == 0
    assert lane.waits


def test_games_keep_together_and_wait_for_nobody_for_long(lane, consoles):
    lane.commit(lane.ready(), inputs(2), np.full(2, -122, np.int32))
    consoles[0].show(10, -122)
    assert lane.ready().tolist() == []  # the other one's frame may come at any moment
    while not lane.ready().size:
        assert lane.waits
    assert lane._clock.now < 2 * STILL_S
    assert lane.ready().tolist() == [0]
    lane.commit(np.zeros(1, np.int32), inputs(1), np.full(1, -121, np.int32))
    consoles[0].show(10, -121)
    assert lane.ready().tolist() == [0]
    consoles[1].show(11, -122)
    assert lane.ready().tolist() == [0, 1]
    assert lane.frames(lane.ready()).frame.tolist() == [-121, -122]


def test_a_game_ends_as_its_console_says(lane, consoles):
    lane.ready()
    consoles[0].link.send(Over(game_id=9, reason="stocks", stocks=(1, 0), percents=(0.0, 0.0)))  # of another game
    consoles[1].link.send(Over(game_id=11, reason="stocks", winner=1, stocks=(0, 2), percents=(30.0, 9.0)))
    assert lane.ready().tolist() == [0]
    (end,) = lane.ended()
    assert (end.slot, end.setup.game_id, end.reason, end.winner) == (1, 11, "stocks", 1)
    assert (end.stocks, end.percent, end.frames) == ((0, 2), (30.0, 9.0), 1)
    lane.start(1, setup(12))
    assert consoles[1].told(Play)[-1].game_id == 12
    consoles[1].show(11, -122)  # the old game, which is still being left
    assert lane.ready().tolist() == [0]
    consoles[1].show(12, -123)
    assert lane.ready().tolist() == [0, 1]


def test_a_game_is_cut_at_its_frame_limit(lane, consoles):
    lane.start(0, setup(12, max_frames=2))
    consoles[0].show(12, -123)
    assert lane.ready().tolist() == [0, 1]
    consoles[0].show(12, -122, percent=8.0)
    assert lane.ready().tolist() == [1]
    (end,) = lane.ended()
    assert (end.reason, end.winner, end.frames, end.stocks) == ("frame_limit", 0, 2, (4, 4))


def test_a_lost_console_takes_its_game_with_it_and_the_next_one_is_told_the_next(lane, consoles):
    assert lane.ready().tolist() == [0, 1]
    consoles[0].link.close()
    assert lane.ready().tolist() == [1]
    (end,) = lane.ended()
    assert (end.slot, end.reason, end.winner, end.setup.game_id) == (0, "void", None, 10)
    lane.commit(np.zeros(1, np.int32), inputs(1), np.full(1, -122, np.int32))  # decided before it was known
    lane.start(0, setup(12))
    assert not lane.attached(0)
    consoles[0] = FakeConsole(lane, 0)
    assert [play.game_id for play in consoles[0].told(Play)] == [12]
    consoles[0].link.close()  # before the game began: it is still the next one's
    assert lane.ready().tolist() == [1]
    assert lane.ended() == []
    consoles[0] = FakeConsole(lane, 0)
    assert [play.game_id for play in consoles[0].told(Play)] == [12]


def test_a_closed_lane_lets_its_consoles_go(lane, consoles):
    lane.ready()
    lane.close()
    assert consoles[0].link.receive(1.0)  # what it was told before
    with pytest.raises(LinkLost):
        consoles[0].link.receive(1.0)
    assert lane.ready().tolist() == []
    assert lane.ended() == []


def test_an_end_of_a_link_comes_through_the_door(lane):
    door, inside = socket.socketpair()
    with door, inside:
        assert accept_end(inside) is None
        mine, its = link_pair()
        with its:
            send_end(door, 1, its.fileno())
        slot, sock = accept_end(inside)
        assert slot == 1
        lane.attach(slot, sock)
        link = Link(mine)
        assert any(isinstance(record, Ready) for record in link.receive(1.0))
        lane.attach(5, mine.dup())  # no such slot: closed at once
        link.close()
        door.close()
        assert accept_end(inside) is None
