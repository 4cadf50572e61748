"""Faults: each does to the unmodified libmelee what is known of it; what must survive them then meets the real thing.

How a supervised console comes through them is another test's question; here a step that hangs is interrupted.
"""

from __future__ import annotations

import signal
import subprocess

import msgspec
import pytest
from stand_in_parts import drive, stand_in

from exphil_rt.testing.stand_in_dolphin import KINDS, BadStandIn, Chaos, Soak, StandInConfig, write_stand_in
from exphil_rt.testing.stand_in_dolphin.chaos import Schedule

AT = -100
LIMIT_S = 1.0
"""After so long without a frame a step counts as hanging."""
PATIENCE_S = 10.0
"""The same where none should hang, on a busy machine."""
ENET_S = 12.0
"""ENet gives a silent peer up after 7 seconds."""
WAITS = "interrupted"
SPLIT = [AT - 1, AT + 1]

BLOCKING = {
    "exit": WAITS, "stall": WAITS, "truncate": WAITS, "lost_bookend": WAITS, "lost_frame": WAITS, "bad_base64": WAITS,
    "disconnect": "EnetDisconnected", "bad_json": "JSONDecodeError", "merge": "played", "empty": "played",
    "menu_in_game": "played", "duplicate": "played", "rollback": "played", "slow": "played", "fast": "played",
}  # fmt: skip
"""What becomes of a blocking game. Of an exit libmelee hears only through ENet's timeout."""
LIVE = BLOCKING | dict.fromkeys(("truncate", "lost_bookend", "lost_frame", "bad_base64"), "played")
"""What becomes of a game that waits for nobody."""
LOST = {"truncate": SPLIT, "lost_bookend": SPLIT, "lost_frame": SPLIT, "bad_base64": SPLIT, "merge": [AT, AT + 2]}
"""The frames around the gap that libmelee says nothing of."""
FAST = ("lost_bookend", "bad_json", "rollback")


def script(tmp_path, kind, blocking, limit_s=LIMIT_S, **more):
    arg = {"exit": 3, "rollback": 4, "slow": 3, "fast": 5}.get(kind, 0)
    fault = {"do": kind, "at": AT, "arg": arg, "seconds": 0.05 if kind == "slow" else 0.0}
    return {
        "exe": stand_in(tmp_path, f"{kind}-{blocking}", fps=0.0 if blocking else 60.0, chaos=(fault,)),
        "console": {"blocking_input": blocking},
        "frames": 60,
        "limit_s": limit_s,
        "until_exit": kind in ("exit", "crash", "segv"),
    } | more


def as_known(kinds, expected, tmp_path, blocking):
    reports = drive(
        *[script(tmp_path, kind, blocking, LIMIT_S if expected[kind] == WAITS else PATIENCE_S) for kind in kinds]
    )
    for kind, report in zip(kinds, reports, strict=True):
        assert report["outcome"] == expected[kind], (kind, report)
        gaps = [[a, b] for a, b in zip(report["frames"], report["frames"][1:], strict=False) if b != a + 1]
        if expected[kind] == "played":
            assert gaps == ([LOST[kind]] if kind in LOST else []), kind
        else:
            assert report["frames"][-1] == AT - 1, kind
    return dict(zip(kinds, reports, strict=True))


def test_faults_of_a_blocking_game(tmp_path):
    as_known(FAST, BLOCKING, tmp_path, blocking=True)


@pytest.mark.slow
def test_all_faults_of_a_blocking_game(tmp_path):
    reports = as_known(BLOCKING, BLOCKING, tmp_path, blocking=True)
    assert reports["exit"]["rc"] == 3


@pytest.mark.slow
def test_all_faults_of_a_live_game(tmp_path):
    as_known(LIVE, LIVE, tmp_path, blocking=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "status"),
    [("crash", -signal.SIGKILL), ("segv", -signal.SIGSEGV), ("stop", None), ("freeze", None), ("vanish", None)],
)
def test_silence_ends_in_enets_timeout(tmp_path, kind, status):
    (report,) = drive(script(tmp_path, kind, True, limit_s=ENET_S))
    assert report["outcome"] == "EnetDisconnected"
    assert report["frames"][-1] in (AT - 1, AT)
    assert 4.0 < report["silence_s"] < 30.0, "a busy machine may add some to the 7 seconds"
    assert report["rc"] == status


@pytest.mark.slow
def test_an_unknown_event_is_a_loop_that_no_interrupt_ends(tmp_path):
    (report,) = drive(script(tmp_path, "unknown_event", True))
    assert report["outcome"] == "hung"


@pytest.mark.slow
def test_a_freeze_and_a_stall_of_two_seconds_are_survived(tmp_path):
    chaos = ({"do": "freeze", "at": -110, "seconds": 2.0}, {"do": "stall", "at": -100, "seconds": 2.0})
    (report,) = drive({"exe": stand_in(tmp_path, chaos=chaos), "frames": 60, "limit_s": 6.0})
    assert (report["outcome"], report["frames"][:60]) == ("played", list(range(-123, -63)))
    assert report["seconds"] > 4.0


@pytest.mark.slow
def test_rollback_frames_are_shown_where_they_are_wanted(tmp_path):
    chaos = ({"do": "rollback", "at": AT, "arg": 3},)
    exe = stand_in(tmp_path, chaos=chaos)
    (report,) = drive({"exe": exe, "frames": 40, "console": {"skip_rollback_frames": False}})
    frames = report["frames"]
    assert frames[frames.index(AT) : frames.index(AT) + 5] == [AT, AT - 2, AT - 1, AT, AT + 1]


START = {
    "version_rc": ("RuntimeError", 7),
    "version_text": ("AssertionError", 0),
    "exit": ("ConnectionError", 5),
    "never_listen": ("ConnectionError", 0),
    "never_handshake": (WAITS, 0),
    "no_menus": (WAITS, 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", START)
def test_faults_of_the_start(tmp_path, kind):
    outcome, arg = START[kind]
    exe = stand_in(tmp_path, chaos=({"do": kind, "at": "start", "arg": arg},))
    (report,) = drive({"exe": exe, "frames": 10, "limit_s": 12.0 if outcome == "ConnectionError" else 2.0})
    assert report["outcome"] == outcome, report
    if kind == "exit":
        assert report["rc"] == 5
    if outcome == "ConnectionError":
        assert report["seconds"] > 9.0, "libmelee waits ten times a second for ENet, whatever became of the process"


@pytest.mark.slow
def test_pipes_that_nobody_opens_hang_the_bot_for_good(tmp_path):
    exe = stand_in(tmp_path, chaos=({"do": "never_open_pipes", "at": "start"},))
    (report,) = drive({"exe": exe, "frames": 10, "limit_s": 3.0, "watch_launch": True})
    assert report["outcome"] == "hung"


@pytest.mark.slow
def test_pipes_that_nobody_reads_starve_a_blocking_game(tmp_path):
    exe = stand_in(tmp_path, wait_for_client=False, boot_s=0.5, chaos=({"do": "ignore_pipes", "at": "start"},))
    (report,) = drive({"exe": exe, "frames": 10, "limit_s": 2.0})
    assert (report["outcome"], report["frames"]) == (WAITS, [])


@pytest.mark.slow
def test_a_late_start_is_still_connected(tmp_path):
    exe = stand_in(tmp_path, chaos=({"do": "start_delay", "at": "start", "seconds": 3.5},))
    (report,) = drive({"exe": exe, "frames": 10, "bound_s": 0.0})
    assert report["outcome"] == "played"
    assert report["seconds"] > 3.5


def test_a_version_that_hangs_hangs(tmp_path):
    exe = stand_in(tmp_path, chaos=({"do": "version_hang", "at": "start"},))
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([exe, "--version"], timeout=1.0, check=False, capture_output=True)


def test_a_fault_may_belong_to_one_launch_and_one_game():
    faults = (Chaos(do="crash", at=5, launch=1), Chaos(do="stall", at=5, game=2), Chaos(do="empty", at=0, every=10))
    first, second = (Schedule(StandInConfig(chaos=faults), launch) for launch in (1, 2))
    assert [fault.do for fault in first.in_game(5, 1)] == ["crash"]
    assert second.in_game(5, 1) == []
    assert [fault.do for fault in second.in_game(5, 2)] == ["stall"]
    assert [second.in_game(frame, 3) != [] for frame in (0, 5, 10, 20, 20)] == [True, False, True, True, False]


def test_a_soak_draws_one_fault_a_launch_from_its_seed():
    config = StandInConfig(soak=Soak(kinds=("crash", "stall", "empty"), first=-50, last=50), seed=3)

    def drawn(launch):
        schedule = Schedule(config, launch)
        return [(frame, fault.do) for frame in range(-123, 200) for fault in schedule.in_game(frame, 1)]

    found = [drawn(launch) for launch in range(1, 60)]
    assert found == [drawn(launch) for launch in range(1, 60)]
    assert {len(faults) for faults in found} == {1}
    assert {faults[0][1] for faults in found} == {"crash", "stall", "empty"}
    assert all(-50 <= faults[0][0] <= 50 for faults in found)
    assert len({faults[0][0] for faults in found}) > 20


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"chaos": (Chaos(do="explode", at=3),)}, "no fault 'explode' in menus and games"),
        ({"chaos": (Chaos(do="crash", at="start"),)}, "no fault 'crash' at the start"),
        ({"chaos": (Chaos(do="merge", at="menu"),)}, "done to a frame"),
        ({"chaos": (Chaos(do="crash", at="never"),)}, "cannot be at 'never'"),
        ({"soak": Soak(kinds=("explode",))}, "no fault 'explode'"),
        ({"soak": Soak(kinds=("crash",), first=3, last=2)}, "a first frame before"),
        ({"fps": -1.0}, "cannot be negative"),
        ({"ports": (1, 1)}, "Two ports out of 1 to 4"),
        ({"cpu_levels": (0, 10)}, "Levels go from 0"),
        ({"slippi_version": "new"}, "no version of Slippi"),
        ({"online_port": 3}, "at ports 1 and 2"),
        ({"stocks": 0}, "1 to 99 stocks"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(tmp_path, settings, words):
    with pytest.raises(BadStandIn, match=words):
        write_stand_in(tmp_path, msgspec.structs.replace(StandInConfig(), **settings))


def test_every_kind_of_fault_is_proven():
    proven = {
        *BLOCKING,
        "crash",
        "segv",
        "stop",
        "freeze",
        "vanish",
        "unknown_event",
        "deaf",
        "late_input",
        "pause",
        "leave",
    }
    assert proven == set(KINDS)
