"""Matches that are ill-treated: processes killed at any frame, a console that fails each time, swaps without end.

What ``play dolphin`` launches here is the stand-in, named by DOLPHIN_PATH, so that it can be told to fail.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time

import pytest
import torch
from dolphin_parts import manifest_of
from rollout_parts import small_policy

from exphil_rt.policy.bundle import save_bundle
from exphil_rt.policy.config import new_config
from exphil_rt.policy.manifest import Manifest
from exphil_rt.replays import read_replay
from exphil_rt.store.run import Run
from exphil_rt.testing.slow_net import PACKAGE, SLOW
from exphil_rt.testing.stand_in_dolphin import Chaos, StandInConfig, write_stand_in
from exphil_rt.training.fresh import fresh_policy

DELAY = 18
KILLS = int(os.environ.get("EXPHIL_RT_TEST_KILLS", "3"))
"""Of each process; a soak takes more."""
SWAPS = int(os.environ.get("EXPHIL_RT_TEST_SWAPS", "12"))
BAD_ROUNDS = int(os.environ.get("EXPHIL_RT_TEST_BAD", "2"))
BAD = {
    "nan": "no number",
    "late": "ms a frame on this machine, and a frame lasts 16.7 ms",
    "stuck": "one and the same",
    "another": "its delay: 2 where the agent has 18",
    "torn": "torn@v1",
}
"""What becomes known of policies that may not play, by name."""


@pytest.fixture(scope="module")
def bundles(place):
    for name, seed, backbone in (("one", 1, "gru"), ("two", 7, "mlp"), ("nan", 3, "gru"), ("stuck", 5, "gru")):
        policy = small_policy(backbone, seed=seed, delay=DELAY)
        with torch.no_grad():
            if name == "one":
                policy.heads.previous_table.zero_()  # lively: a fresh policy rests most of the time
            if name == "nan":
                policy.value[2].weight.fill_(3e38)  # finite, and what comes of it is not
            if name == "stuck":
                for head in range(policy.heads.num_heads):
                    policy.heads.bias[policy.heads.columns(head)][0] = 99.0
        save_bundle(place.home.policies / f"{name}@v1", policy, manifest_of(policy, name))
    with pytest.MonkeyPatch.context() as patch:
        place.env["EXPHIL_RT_TRUST__PACKAGES"] = PACKAGE
        patch.setenv("EXPHIL_RT_TRUST__PACKAGES", PACKAGE)
        late = new_config(SLOW, hidden=16, layers=1, delay=DELAY, options={"call_ms": 40.0})
        save_bundle(
            place.home.policies / "late@v1", fresh_policy(late, 3), Manifest(name="late", version=1, config=late)
        )
    another = small_policy(delay=2)
    save_bundle(place.home.policies / "another@v1", another, manifest_of(another, "another"))
    torn = place.home.policies / "torn@v1"  # its manifest tells of another network than its weights are of
    save_bundle(torn, small_policy(delay=DELAY), manifest_of(small_policy(delay=DELAY), "torn"))
    said = torn / "manifest.json"
    said.write_text(re.sub(r'"hidden":\s*16', '"hidden": 32', said.read_text()))


@pytest.fixture
def match(place, bundles):
    """Makes matches: on the stand-in, or in a Dolphin that is a stand-in with faults."""
    found = []

    def make(name, *argv, chaos=(), **stand_in):
        console = "stand-in"
        if chaos or stand_in:
            config = StandInConfig(**({"source": "still"} | stand_in), chaos=chaos)
            place.env["DOLPHIN_PATH"] = str(write_stand_in(place.folder / name, config))
            place.env["ISO_PATH"] = place.env["DOLPHIN_PATH"]
            console = "dolphin"
        else:
            argv = (*argv, "--source", "still")
        process = place.start("play", console, "one", "--opponent", "cpu3", "--headless", "--run", name, *argv)
        live = place.live(name)
        live.process = process
        found.append(live)
        return live

    yield make
    for live in found:
        live.client.close()


def plays(place, live, frames=60):
    """Wait until so many more frames are played; how long it took."""
    before, begin = live.status.match.frames if live.status.match else 0, time.monotonic()
    place.until(lambda: (m := live.status.match) and m.frames > before + frames, "it plays on", 90.0)
    return time.monotonic() - begin


def stopped(place, live, name):
    """Stop it; nothing may be left."""
    family = live.processes()
    done = place.do("daemon", "stop", "--run", name)
    assert done.returncode == 0, done.stderr
    place.until(lambda: not place.living(family), "its processes end")
    assert list((live.run.folder / "console").glob("*")) == []


def below(place, live, words):
    """Processes of the match whose command line has these words."""
    found = []
    for pid in live.processes():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                text = file.read().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if words in text:
            found.append(pid)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["console", "dolphin_agent", "stand-in", "worker"])
def test_a_process_that_is_killed_at_any_frame_is_replaced(place, match, victim):
    name = f"kill-{victim.replace('_', '-')}"
    live = match(name)
    plays(place, live)
    chance = random.Random(victim)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.0, 1.0))
        starts = live.status.match.starts
        if victim in ("console", "dolphin_agent"):
            pids = [live.node(victim).os_pid]
        else:
            words = "stand_in_dolphin" if victim == "stand-in" else "exphil_rt.dolphin.worker"
            pids = place.until(lambda words=words: below(place, live, words), f"{victim} is there")
        os.kill(pids[-1], signal.SIGKILL)
        place.until(lambda starts=starts: live.status.match.starts > starts, "the console is started again")
        plays(place, live)
        assert len(list((live.run.folder / "console").glob("*"))) == 1
    stopped(place, live, name)


@pytest.mark.slow
def test_the_daemon_is_killed_and_nothing_survives_it(place, match):
    for number in range(KILLS):
        live = match(f"daemon-{number}")
        plays(place, live, frames=10 + 7 * number)
        family = live.processes()
        os.kill(live.pid, signal.SIGKILL)
        place.until(lambda family=family: not place.living(family), "all its processes end")
        place.until(lambda live=live: not list((live.run.folder / "console").glob("*/*")), "its temporary files go")
        for replay in (live.run.replays / "console").glob("**/*.slp"):
            read_replay(replay, rollback="last")


@pytest.mark.slow
def test_a_console_that_fails_each_time_ends_the_match_with_the_reason(place, match):
    live = match("hopeless", chaos=(Chaos(do="crash", at=-100),))
    live.process.wait(180.0)
    assert live.process.code == 1
    assert "The match hopeless ended badly" in live.process.output
    assert "signal SIGKILL" in live.process.output
    assert not list((Run(place.home, "hopeless").folder / "console").glob("*"))
    assert live.run.holder() is None


@pytest.mark.slow
def test_a_fault_in_a_game_is_told_and_the_match_goes_on(place, match):
    live = match("hiccup", chaos=(Chaos(do="crash", at=60, launch=1), Chaos(do="bad_json", at=90, launch=2)))
    plays(place, live, frames=400)
    faults = live.events("console_fault")
    assert [fault.report["kind"] for fault in faults] == ["exited", "bad_data"]
    assert live.status.match.starts == 3
    assert live.status.match.fault
    stopped(place, live, "hiccup")


@pytest.mark.slow
def test_swaps_without_end_miss_and_double_no_frame(place, match):
    live = match("swaps", "--console-delay", "2")
    plays(place, live)
    settled = 0
    for number in range(SWAPS):
        wanted = "two" if number % 2 == 0 else "one"
        last = max((event.seq for event in live.events()), default=-1)
        place.do("policies", "hot-swap", "console:1", wanted, "--run", "swaps")
        ends = ("swap_settled", "swap_rolled_back", "swap_refused")
        end = place.until(
            lambda last=last, ends=ends: [e for e in live.events() if e.seq > last and e.event in ends], "its end"
        )[0]
        assert end.event == "swap_settled" or " ms" in end.text, end.text  # slow on a machine that is busy
        settled += end.event == "swap_settled"
    assert settled >= SWAPS // 2
    with live.run.reader() as database:
        events = database.events(limit=10 * SWAPS)
    taken = [int(event.report["due"]) for event in events if event.event == "swap_taken_over"]
    first = [int(event.report["frame"]) for event in events if event.event == "first_action"]
    shown = live.status.match
    for due in taken:
        sent = min(frame for frame in first if frame >= due)
        assert sent == due or shown.late  # an action that is late is not sent
    assert (shown.starts, shown.skipped, shown.duplicate) == (1, 0, 0)
    stopped(place, live, "swaps")
    (replay,) = (live.run.replays / "console").glob("**/*.slp")
    frames = read_replay(replay, rollback="last").frames.frame
    assert (frames[1:] == frames[:-1] + 1).all()


@pytest.mark.slow
def test_what_may_not_play_is_refused_or_rolled_back_each_time(place, match):
    live = match("bad", "--console-delay", "2")
    plays(place, live)
    for number in range(BAD_ROUNDS * len(BAD)):
        name, words = list(BAD.items())[number % len(BAD)]
        last = max((event.seq for event in live.events()), default=-1)
        done = place.do("policies", "hot-swap", "console:1", name, "--run", "bad")
        if name == "stuck":  # shown only by what it plays
            ends = ("swap_rolled_back", "swap_refused", "swap_settled")
            end = place.until(
                lambda last=last, ends=ends: [e for e in live.events() if e.seq > last and e.event in ends], "its end"
            )[0]
            assert end.event == "swap_rolled_back", end.text
            assert words in end.text
        else:
            assert done.returncode == 1
            assert words in done.stderr, done.stderr
        plays(place, live, frames=10)
        assert live.status.match.players[0].startswith("one@v1")
    shown = live.status.match
    assert (shown.starts, shown.skipped, shown.duplicate) == (1, 0, 0)
    stopped(place, live, "bad")
