"""Pads and pipes: Dolphin's commands, its rules for waiting, and what Melee makes of raw values."""

from __future__ import annotations

import os
import select

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exphil_rt.game.frames import Button
from exphil_rt.testing.stand_in_dolphin.delay import InputDelay
from exphil_rt.testing.stand_in_dolphin.ini import ADAPTER, PIPE, read_user_folder
from exphil_rt.testing.stand_in_dolphin.pads import BUTTONS, NEUTRAL, Held, Pad
from exphil_rt.testing.stand_in_dolphin.pipes import Pipes


def held(*lines):
    pad = Pad()
    for line in lines:
        pad.command(line)
    return pad.held()


@given(x=st.integers(-80, 80), y=st.integers(-80, 80))
def test_what_libmelee_sends_for_a_place_of_the_stick_is_that_place(x, y):
    controller = pytest.importorskip("melee.controller")
    fixed = [controller.fix_analog_stick(value / 160 + 0.5) for value in (x, y)]
    pad = held(f"SET MAIN {fixed[0]} {fixed[1]}")
    assert (pad.raw_x, pad.raw_y) == (x, y)
    if x * x + y * y <= 6400:
        assert (pad.x, pad.y) == (x / 80 if abs(x) > 22 else 0, y / 80 if abs(y) > 22 else 0)
    assert pad.x**2 + pad.y**2 <= 1.0


@given(raw=st.integers(0, 140))
def test_what_libmelee_sends_for_a_trigger_is_that_trigger(raw):
    controller = pytest.importorskip("melee.controller")
    pad = held(f"SET R {controller.fix_analog_trigger(raw / 140)}")
    assert pad.trigger == pad.right == (raw / 140 if raw >= 43 else 0)


@settings(max_examples=50)
@given(st.lists(st.text(max_size=20) | st.sampled_from(["PRESS A", "SET MAIN nan inf", "SET L x"]), max_size=5))
def test_no_line_breaks_a_pad(lines):
    pad = held(*lines)
    assert all(-1 <= value <= 1 for value in (pad.x, pad.y, pad.cx, pad.cy))
    assert 0 <= pad.trigger <= 1


def test_buttons_are_pressed_until_they_are_released_and_digital_triggers_count_fully():
    for name, bit in BUTTONS.items():
        assert held(f"PRESS {name}").buttons == bit
        assert held(f"PRESS {name}", f"RELEASE {name}") == NEUTRAL
    assert held("PRESS L", "SET L 0.3").trigger == 1.0
    assert held("PRESS Z").trigger == pytest.approx(0.35)
    assert held("PRESS Q", "FLY", "SET MAIN 1") == NEUTRAL


@pytest.fixture
def pipes(tmp_path):
    """Two pipes and the writing ends."""
    paths = {port: tmp_path / f"slippibot{port}" for port in (1, 2)}
    for path in paths.values():
        os.mkfifo(path)
    found = Pipes(paths)
    ends = {port: os.open(path, os.O_WRONLY) for port, path in paths.items()}
    yield found, ends
    found.close()
    for end in ends.values():
        if end is not None:
            os.close(end)


class Waits:
    """Waiting for a pipe: feeds it what a bot would write meanwhile, and notes whom was waited for."""

    def __init__(self, ends, *feed):
        self.ends, self.feed, self.waited = ends, list(feed), 0

    def __call__(self, fd):
        self.waited += 1
        if not select.select([fd], [], [], 0)[0]:
            assert self.feed, "this would wait for ever"
            port, text = self.feed.pop(0)
            os.write(self.ends[port], text)


def test_a_wait_ends_with_a_flush_of_every_pipe_in_turn(pipes):
    found, ends = pipes
    os.write(ends[2], b"PRESS B\nFLUSH\n")
    waits = Waits(ends, (1, b"PRESS A\n"), (1, b"PRESS X\nFL"), (1, b"USH\n"))
    found.poll(waits)
    assert waits.feed == []
    assert {port: pad.buttons for port, pad in found.held().items()} == {1: Button.A | Button.X, 2: Button.B}


def test_flushes_in_the_pipe_collapse_and_a_line_behind_the_last_one_waits_on(pipes):
    found, ends = pipes
    os.write(ends[1], b"FLUSH\nFLUSH\nPRESS A\n")
    os.write(ends[2], b"FLUSH\nFLUSH\nFLUSH\n")
    waits = Waits(ends, (1, b"FLUSH\n"))
    found.poll(waits)
    assert waits.feed == [], "the line behind the flush was the last one that was read"
    assert found.flushes() == 6


def test_a_press_that_is_released_between_two_polls_is_lost(pipes):
    found, ends = pipes
    os.write(ends[1], b"PRESS A\nRELEASE A\n")
    found.poll(None)
    assert found.held()[1] == NEUTRAL


def test_a_pipe_whose_writer_is_gone_is_not_waited_for(pipes):
    found, ends = pipes
    os.write(ends[1], b"PRESS A\nFLUSH\n")
    os.close(ends[2])
    ends[2] = None
    found.poll(Waits(ends))
    assert found.held()[1].buttons == Button.A


def test_an_input_is_played_after_the_delay():
    delay = InputDelay(2)
    pads = [{1: Held(raw_x=number)} for number in range(6)]
    assert [delay.play(pad) for pad in pads] == [{}, {}, *pads[:4]]
    delay.lengthen(1)
    assert [delay.play({}) for _ in range(3)] == [pads[4], pads[4], pads[5]]
    delay.reset()
    assert delay.play(pads[0]) == {}


def test_a_fresh_user_folder_is_as_in_a_fresh_dolphin(tmp_path):
    user = read_user_folder(tmp_path, mainline=True)
    assert (user.port, user.online_delay, user.blocking, user.speed) == (51441, 2, False, 1.0)
    assert (user.devices, user.pipes(), user.menu_events) == ({1: ADAPTER}, {}, False)


@pytest.mark.parametrize(("mainline", "section", "prefix"), [(True, "Slippi", ""), (False, "Core", "Slippi")])
def test_each_flavour_reads_its_own_section(tmp_path, mainline, section, prefix):
    (tmp_path / "Config").mkdir()
    sections = {"Core": ["SIDevice0 = 6", "sidevice1 = 12", "SIDevice3 = 0", "EmulationSpeed = 0.5"], "Slippi": []}
    blocking = "blockingpipes = True"  # configparser, which libmelee uses, writes all keys in small letters
    sections[section] += [f"{prefix}SpectatorLocalPort = 6000", f"{prefix}onlinedelay = many", blocking]
    text = "".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())
    (tmp_path / "Config" / "Dolphin.ini").write_text(text)
    user = read_user_folder(tmp_path, mainline)
    assert (user.port, user.online_delay, user.blocking) == (6000, 0, True)
    assert user.devices == {1: PIPE, 2: ADAPTER}
    (tmp_path / "Pipes").mkdir()
    os.mkfifo(tmp_path / "Pipes" / "slippibot3")
    (tmp_path / "Pipes" / "slippibot4").touch()
    assert user.pipes() == {3: tmp_path / "Pipes" / "slippibot3"}, "a pipe that no port has is waited for, too"
    assert (user.plugged(PIPE), user.plugged(ADAPTER)) == ({1}, {2})
    assert user.speed == (0.5 if mainline else 1.0)
    assert read_user_folder(tmp_path, not mainline).port == 51441
