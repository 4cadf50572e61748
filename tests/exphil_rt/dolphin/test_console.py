"""A console process with a real libmelee and a stand-in: what it plays, how it ends, and that nothing is left of it."""

from __future__ import annotations

import os
import signal
import time

import msgspec
import numpy as np
import pytest
from console_parts import BOTS, SHORT, console, left_behind, saved_frames, suffer, what_came

from exphil_rt.actor import Crash, Normal
from exphil_rt.dolphin.link import Ask
from exphil_rt.game.ids import Character, Stage
from exphil_rt.messages.dolphin import ConsolePhase, Seat, StopConsole
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.replays import read_replay
from exphil_rt.testing.consoles import play_console, random_inputs
from exphil_rt.testing.stand_in_dolphin.trace import read_trace

pytestmark = [pytest.mark.trio, pytest.mark.usefixtures("forkserver")]


def inputs_came_as_decided(folder, asked: list[Ask], delay: int) -> int:
    """How many decisions the replay shows exactly on the frames that they were due on; all of them must be."""
    (path,) = folder.glob("replays/*.slp")
    played = read_replay(path, rollback="last").frames
    codec, checked = ActionCodec(), 0
    for ask in asked:
        due = ask.frame + delay + 1
        if due > played.frame[-1]:
            continue
        pad, at = codec.decode(random_inputs(ask)), int(due - played.frame[0])
        shown = played.controllers[at, ask.player]
        for name in ("buttons", "joystick_x", "joystick_y", "cstick_x", "cstick_y", "raw_x", "raw_y"):
            assert getattr(shown, name) == pytest.approx(getattr(pad, name), abs=1e-6), (name, due)
        assert shown.trigger == pytest.approx(float(pad.trigger), abs=1e-6) or pad.trigger < 43 / 140
        checked += 1
    return checked


@pytest.mark.parametrize(
    ("delay", "console_delay"),
    [(3, 2), *(pytest.param(*both, marks=pytest.mark.slow) for both in ((0, 0), (2, 0), (1, 1), (18, 18), (24, 18)))],
)
async def test_every_decision_is_played_on_the_frame_it_was_due(tmp_path, delay, console_delay):
    args = console(tmp_path, {"menus": "drive", "time_limit_frames": 30}, console_delay=console_delay)
    async with play_console(args, delay=delay) as played:
        await played.heard.until(lambda: False)
    heard = played.heard
    assert heard.reason == Normal(), heard.messages
    assert heard.phases == ["brain", "launch", "connect", "pipes", "menus", "game", "closing"]
    (over,) = heard.over
    assert (over.reason, over.frames, over.stocks) == ("timer", 154, (4, 4))
    assert saved_frames(tmp_path) == [154]
    assert over.replay == str(next(tmp_path.glob("replays/*.slp")))
    asked = played.brain.asked
    assert [ask.frame for ask in asked if ask.player == 1] == list(range(-123, 31))
    assert inputs_came_as_decided(tmp_path, asked, delay) >= 2 * (153 - delay - console_delay)
    stats = heard.stats
    assert (stats.late, stats.skipped, stats.duplicate, stats.unasked) == (0, 0, 0, 0)
    assert stats.echo_lag == (1 + console_delay,) * 2
    assert set(stats.ages) == {delay - console_delay}
    last = [line for line in read_trace(tmp_path / "trace") if line["event"] == "frame"][-1]
    # Two pipes; the first step's FLUSH answers no demand, that of the last frame is still to come.
    assert last["flushes"] == 2 * last["demands"]
    assert left_behind(tmp_path) == []


async def test_games_follow_one_another_through_the_menus(tmp_path):
    seats = (
        Seat(port=2, who="bot", fighter=Character.SHEIK, costume=2),
        Seat(port=3, who="cpu", level=4, fighter=Character.FALCO),
    )
    stand_in = {"menus": "drive", "time_limit_frames": 30}
    args = console(
        tmp_path, stand_in, seats=seats, games=2, on_game_end="restart", first_game_id=7, stage=Stage.YOSHIS_STORY
    )
    async with play_console(args) as played:
        await played.heard.until(lambda: False)
    heard = played.heard
    assert heard.reason == Normal(), heard.messages
    assert [game.game_id for game in heard.started] == [7, 8]
    for game in heard.started:
        setup = game.setup
        assert (setup.stage, setup.ports, setup.cpu_levels) == (Stage.YOSHIS_STORY, (2, 3), (0, 4))
        assert setup.characters == (Character.SHEIK, Character.FALCO)
    assert heard.started[0].setup.costumes[0] == 2
    assert saved_frames(tmp_path) == [154, 154]
    assert {ask.epoch for ask in played.brain.asked} == {2, 3}  # the first one is the runner's own, before any game
    assert {ask.player for ask in played.brain.asked} == {0}
    assert left_behind(tmp_path) == []


async def test_a_dolphin_that_dies_is_a_fault_by_name_at_once(tmp_path):
    stand_in = {"fps": 60.0, "chaos": [{"do": "crash", "at": -80}]}
    came = await suffer(console(tmp_path, stand_in), tmp_path)
    assert (came.said, came.text) == ("exited", "Dolphin ended by itself (signal SIGKILL).")
    assert came.seconds < 5.0
    assert came.left == []
    assert saved_frames(tmp_path) == [44]


async def test_a_game_that_stands_still_is_ended_in_time(tmp_path):
    stand_in = {"fps": 60.0, "chaos": [{"do": "stall", "at": -100}]}
    deadlines = msgspec.structs.replace(SHORT, frame_s=1.0)
    args = console(tmp_path, stand_in, blocking=False, runner="async", deadlines=deadlines)
    came = await suffer(args, tmp_path)
    assert came.said == "no_frame"
    assert 0.9 < came.seconds < 5.0
    assert came.left == []
    assert saved_frames(tmp_path)[0] >= 23


async def test_nothing_is_left_of_a_console_that_is_killed(tmp_path):
    args = console(tmp_path, {"fps": 60.0, "time_limit_frames": 6000})
    async with play_console(args, delay=2) as played:
        await played.heard.until(lambda: played.heard.frames > 20)
        shown = len(played.heard.shown)
        os.kill(played.heard.os_pid, signal.SIGKILL)
        await played.heard.until(lambda: False)
        assert isinstance(played.heard.reason, Crash)
        assert left_behind(tmp_path) == []
    assert saved_frames(tmp_path)[0] >= shown


async def test_a_lost_brain_is_a_fault_and_inputs_go_neutral(tmp_path):
    args = console(tmp_path, {"fps": 60.0, "time_limit_frames": 6000})
    async with play_console(args, delay=2) as played:
        await played.heard.until(lambda: played.heard.frames > 10)
        played.brain.link.close()
        await played.heard.until(lambda: False)
    assert played.heard.fault.kind == "brain_lost"
    assert left_behind(tmp_path) == []
    (path,) = tmp_path.glob("replays/*.slp")
    last = read_replay(path, rollback="last").frames.controllers[-1]
    assert (last.buttons == 0).all()
    assert (np.abs(last.joystick_x) + np.abs(last.joystick_y) == 0).all()


@pytest.mark.slow
async def test_it_stops_when_it_is_told_now_or_after_the_game(tmp_path):
    args = console(tmp_path, {"fps": 60.0, "time_limit_frames": 30}, on_game_end="restart")
    async with play_console(args) as played:
        await played.heard.until(lambda: played.heard.frames > 5)
        played.tell(StopConsole(after_game=True))
        await played.heard.until(lambda: False)
    assert played.heard.reason == Normal()
    assert [over.reason for over in played.heard.over] == ["timer"]
    async with play_console(args) as played:
        await played.heard.until(lambda: played.heard.frames > 5)
        began = time.monotonic()
        played.tell(StopConsole())
        await played.heard.until(lambda: False)
        assert time.monotonic() - began < 3.0
    assert played.heard.reason == Normal()
    assert [over.reason for over in played.heard.over] == ["stopped"]
    assert left_behind(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("late", ["hold", "neutral", "wait"])
async def test_late_decisions_are_counted_and_the_game_keeps_its_pace(tmp_path, late):
    seats = (BOTS[0], Seat(port=2, who="cpu", level=1, fighter=Character.MARTH))
    args = console(
        tmp_path, {"fps": 60.0, "cpu_levels": [0, 1]}, blocking=False, runner="async", late=late, seats=seats
    )
    async with play_console(args, delay=3, took_s=0.1) as played:
        await played.heard.until(lambda: False)
    came = what_came(played, tmp_path, 0.0)
    assert came.said == "played on"
    assert came.stats.late > (50 if late == "wait" else 100)
    assert came.stats.fps > (55.0 if late != "wait" else 10.0)
    assert came.left == []


@pytest.mark.slow
async def test_a_person_and_a_bot(tmp_path):
    """A person's port has no pipe; the stand-in's person has chosen already, and the bot waits for START."""
    seats = (BOTS[0], Seat(port=2, who="human"))
    args = console(tmp_path, {"cpu_levels": [0, 0]}, seats=seats)
    came = await suffer(args, tmp_path)
    assert came.said == "played on", came
    assert came.left == []


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"executable": "/no/such/dolphin"}, "executable_missing"),
        pytest.param({"iso": "/no/such.iso"}, "bad_setup", marks=pytest.mark.slow),
        pytest.param({"stage": 5}, "bad_setup", marks=pytest.mark.slow),
        pytest.param({"seats": BOTS[::-1]}, "bad_setup", marks=pytest.mark.slow),
        pytest.param({"connect_code": "ABCD#123"}, "bad_setup", marks=pytest.mark.slow),
        ({"console_delay": 3}, "delay_too_small"),
    ],
)
async def test_what_cannot_work_is_said_before_anything_starts(tmp_path, fields, kind):
    args = console(tmp_path, None, **fields)
    came = await suffer(args, tmp_path)
    assert came.said == kind
    assert came.left == []


@pytest.mark.slow
async def test_a_connection_that_fails_is_tried_again_with_a_fresh_dolphin(tmp_path):
    stand_in = {"chaos": [{"do": "never_listen", "at": "start", "launch": 1}]}
    deadlines = msgspec.structs.replace(SHORT, connect_s=4.0, attempts=2)
    async with play_console(console(tmp_path, stand_in, deadlines=deadlines), delay=2) as played:
        await played.heard.until(lambda: False)
    heard = played.heard
    assert heard.reason == Normal(), heard.messages
    assert [message.attempt for message in heard.all(ConsolePhase) if message.phase == "launch"] == [1, 2]
    ports = {line["port"] for line in read_trace(tmp_path / "trace") if line["event"] == "boot"}
    assert len(ports) == 2
    assert left_behind(tmp_path) == []


@pytest.mark.slow
async def test_a_console_that_hangs_itself_is_ended_from_outside(tmp_path):
    args = console(tmp_path, {"fps": 60.0, "time_limit_frames": 6000})
    async with play_console(args, delay=2) as played:
        await played.heard.until(lambda: played.heard.frames > 20)
        began = time.monotonic()
        os.kill(played.heard.os_pid, signal.SIGSTOP)
        await played.heard.until(lambda: False)
        assert time.monotonic() - began < 6.0
        assert played.heard.reason.type == "HeartbeatLost"
        assert left_behind(tmp_path) == []
    assert saved_frames(tmp_path)[0] >= 20


@pytest.mark.slow
async def test_a_policy_is_shown_the_frames_of_the_recording(tmp_path, replays_dir):
    """The states that are asked about, through libmelee and a stand-in, are those that are read from the file."""
    path = replays_dir / "short" / "v3.18.slp"
    recorded = read_replay(path, rollback="first")
    seats = tuple(
        Seat(
            port=player.port + 1,
            who="cpu" if player.cpu else "bot",
            level=player.cpu_level,
            fighter=int(recorded.frames.players.character[0, index]),
        )
        for index, player in enumerate(recorded.meta.players)
    )
    stand_in = {"source": str(path), "override": True, "games": 1}
    args = console(tmp_path, stand_in, seats=seats, stage=recorded.meta.stage)
    neutral = ActionCodec().neutral()
    async with play_console(args, delay=2, decide=lambda ask: neutral) as played:
        await played.heard.until(lambda: False)
    heard = played.heard
    assert heard.reason == Normal(), heard.messages
    asked = [ask for ask in played.brain.asked if ask.player == 0]
    assert [ask.frame for ask in asked] == list(recorded.frames.frame)
    at = {int(frame): index for index, frame in enumerate(recorded.frames.frame)}
    for ask in asked:
        shown, read = ask.state.arrays(), recorded.frames[slice(at[ask.frame], at[ask.frame] + 1)].arrays()
        for name, array in shown.items():
            if not name.startswith("controllers."):  # overridden by what was sent
                np.testing.assert_array_equal(array, read[name], name)


PERSON = (BOTS[0], Seat(port=2, who="human"))


async def test_a_person_may_pause_and_the_game_goes_on_where_it_was(tmp_path):
    """A pause longer than a game may stand still without a person; no frame is lost, late or out of step."""
    stand_in = {"fps": 60.0, "time_limit_frames": 5, "chaos": [{"do": "pause", "at": -60, "seconds": 1.5}]}
    deadlines = msgspec.structs.replace(SHORT, frame_s=0.5)
    args = console(tmp_path, stand_in, seats=PERSON, deadlines=deadlines)
    async with play_console(args, delay=2) as played:
        await played.heard.until(lambda: False)
    heard = played.heard
    assert heard.reason == Normal(), heard.messages
    assert heard.phases[4:] == ["menus", "game", "paused", "game", "closing"]
    (over,) = heard.over
    assert (over.reason, over.frames) == ("timer", 129)
    assert (heard.stats.late, heard.stats.skipped, heard.stats.echo_lag) == (0, 0, (1,))
    assert [ask.frame for ask in played.brain.asked] == list(range(-123, 6))


async def test_a_person_who_leaves_ends_the_game_without_a_contest(tmp_path):
    stand_in = {"time_limit_frames": 600, "chaos": [{"do": "leave", "at": -60, "seconds": 0.3}]}
    args = console(tmp_path, stand_in, seats=PERSON)
    async with play_console(args, delay=2) as played:
        await played.heard.until(lambda: False)
    (over,) = played.heard.over
    assert (over.reason, over.winner, over.frames) == ("no_contest", None, 64)
    assert saved_frames(tmp_path) == [64]
    assert left_behind(tmp_path) == []


@pytest.mark.slow
async def test_a_pause_without_an_end_says_that_it_may_be_one(tmp_path):
    stand_in = {"fps": 60.0, "chaos": [{"do": "pause", "at": -60}]}
    deadlines = msgspec.structs.replace(SHORT, frame_human_s=1.5)
    came = await suffer(console(tmp_path, stand_in, seats=PERSON, deadlines=deadlines), tmp_path)
    assert came.said == "no_frame"
    assert "paused" in came.text
    assert came.left == []


@pytest.mark.slow
async def test_beside_a_person_a_dead_dolphin_is_no_pause(tmp_path):
    """What keeps the network alive in a pause is gone: ENet gives up after seven seconds."""
    stand_in = {"fps": 60.0, "chaos": [{"do": "stop", "at": -60}]}
    came = await suffer(console(tmp_path, stand_in, seats=PERSON), tmp_path)
    assert came.said == "disconnected"
    assert came.seconds < 12.0
    assert came.left == []


@pytest.mark.slow
@pytest.mark.parametrize("own", [1, 2])
async def test_over_the_network_our_player_is_the_first_whatever_port_it_is_given(tmp_path, own):
    account = tmp_path / "user.json"
    account.write_text('{"connectCode": "BOT#001", "uid": "x", "playKey": "y"}')
    stand_in = {"menus": "drive", "begins": "title", "online_port": own, "person": "peach", "time_limit_frames": 30}
    args = console(
        tmp_path, stand_in | {"fps": 60.0}, seats=PERSON, blocking=False, runner="async", console_delay=2, games=2,
        on_game_end="restart", connect_code="KZ#42", user_json=str(account),
        deadlines=msgspec.structs.replace(SHORT, menus_human_s=60.0),
    )  # fmt: skip
    async with play_console(args, delay=6) as played:
        await played.heard.until(lambda: False, 90.0)
    heard = played.heard
    assert heard.reason == Normal(), heard.messages
    for game in heard.started:
        assert game.setup.characters == (Character.FOX, Character.PEACH)
        assert game.setup.ports == ((1, 2) if own == 1 else (2, 1))
    assert [over.reason for over in heard.over] == ["timer", "timer"]
    assert heard.stats.echo_lag == (3,)
    assert {ask.player for ask in played.brain.asked} == {0}
    assert left_behind(tmp_path) == []
