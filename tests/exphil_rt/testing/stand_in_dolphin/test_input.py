"""Inputs: what a bot sends comes back one frame and the console's delay later, on both ports, whatever it thinks."""

from __future__ import annotations

import pytest
from stand_in_parts import drive, stand_in

from exphil_rt.testing.stand_in_dolphin.trace import read_trace

DELAYS = (0, 1, 2, 18)
FRAMES = 200


def script(tmp_path, name, delay=0, think_ms=0, frames=FRAMES, blocking=True, **settings):
    trace = tmp_path / f"{name}.trace"
    return {
        "exe": stand_in(tmp_path, name, trace=str(trace), **settings),
        "console": {"online_delay": delay, "blocking_input": blocking},
        "echo": {"delay": delay, "think_ms": think_ms, "seed": delay},
        "frames": frames,
    }


def echoed(reports, frames=FRAMES):
    for report in reports:
        assert report["outcome"] == "played", report
        assert report["frames"][:frames] == list(range(-123, -123 + frames))
        assert report["echo"]["wrong"] == 0, report["echo"]
        assert report["echo"]["checked"] == 2 * len(report["frames"])


def one_flush_a_demand(tmp_path, name):
    """Every pad flushed once for each demand of the game that was answered, and once before the first."""
    frames = [line for line in read_trace(tmp_path / f"{name}.trace") if line["event"] == "frame"]
    assert len(frames) > 100
    assert {line["flushes"] - 2 * line["demands"] for line in frames} == {0}


def test_inputs_come_back_after_the_console_delay_on_both_ports(tmp_path):
    echoed(drive(*[script(tmp_path, f"d{delay}", delay) for delay in DELAYS]))
    for delay in DELAYS:
        one_flush_a_demand(tmp_path, f"d{delay}")


@pytest.mark.slow
@pytest.mark.parametrize("think_ms", [3, 10, 20])
@pytest.mark.parametrize("menu_frames", [0, 5])
def test_the_echo_does_not_depend_on_how_long_a_bot_thinks(tmp_path, think_ms, menu_frames):
    name = f"t{think_ms}"
    echoed(drive(script(tmp_path, name, 2, think_ms, menu_frames=menu_frames)))
    one_flush_a_demand(tmp_path, name)


def test_a_recording_gives_back_the_inputs_of_ports_with_a_pipe(replays_dir, tmp_path):
    source = str(replays_dir / "short" / "v3.18.slp")
    echoed(drive(script(tmp_path, "recorded", 1, source=source, override=True)))


@pytest.mark.slow
def test_inputs_come_back_without_blocking_at_60_frames_a_second(tmp_path):
    (report,) = drive(script(tmp_path, "live", 2, frames=120, blocking=False, fps=60.0))
    assert report["outcome"] == "played"
    # A busy machine may let a bot miss a frame; what it sent then comes back a frame later.
    assert report["echo"]["wrong"] < report["echo"]["checked"] / 4, report["echo"]


@pytest.mark.slow
def test_an_input_that_is_late_or_lost_is_seen_in_the_echo(tmp_path):
    def with_fault(do):
        return script(tmp_path, do, chaos=({"do": do, "at": 0, "arg": 1},))

    late, deaf = drive(with_fault("late_input"), with_fault("deaf"))
    for report in (late, deaf):
        assert report["outcome"] == "played"
        assert report["echo"]["wrong"] > 0.9 * 2 * (FRAMES - 123), report["echo"]
        assert min(frame for frame, *_ in report["echo"]["first"]) in (0, 1)
