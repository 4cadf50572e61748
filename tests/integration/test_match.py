"""Matches on the stand-in, through the command line: played, swapped, killed, given up, and what is left of them.

The stand-in's fighters only walk (``--source still``), so that nothing has to be compiled.
"""

from __future__ import annotations

import json
import os
import signal

import pytest
from dolphin_parts import manifest_of
from rollout_parts import small_policy

from exphil_rt.policy.bundle import save_bundle
from exphil_rt.replays import read_replay
from exphil_rt.store.run import Run

WALK = ("--source", "still", "--headless", "--opponent", "cpu3")
DELAY = 6


def save(place, name, seed, backbone="gru", delay=DELAY):
    policy = small_policy(backbone, seed=seed, delay=delay)
    save_bundle(place.home.policies / f"{name}@v1", policy, manifest_of(policy, name))


@pytest.fixture(scope="module")
def bundles(place):
    save(place, "old", 1)
    save(place, "new", 7, "mlp")
    save(place, "far", 3, delay=18)


def left(place, live):
    """What a match's end has left behind: processes, and temporary folders."""
    return place.living(live.family), list((live.run.folder / "console").glob("*"))


@pytest.fixture(scope="module")
def live(place, bundles):
    place.start("play", "stand-in", "old", *WALK, "--run", "one")
    found = place.live("one")
    place.until(lambda: found.status.match and found.status.match.frames > 60, "it plays")
    found.family = found.processes()
    yield found
    found.client.close()


def test_its_figures_are_read_while_it_plays(place, live):
    shown = json.loads(place.do("status", "--run", "one", "--json").stdout)["match"]
    assert shown["console"] == "stand-in"
    assert shown["players"] == ["old@v1", "cpu3"]
    assert shown["plan"] == ["delay 6 = 2 console + 4 headroom"]
    assert shown["echo_lag"] == [3]
    assert {"flush", "decide", "step", "call"} <= {one["phase"] for one in shown["latency"]}
    said = place.do("status", "--run", "one").stdout
    assert "old@v1 0:0 cpu3" in said
    assert "late" in said
    assert live.overview.exhibition is not None


def test_a_policy_is_swapped_in_and_what_does_not_fit_is_refused(place, live):
    for _ in range(10):  # on a machine that is busy, a decision may take too long, and the agent is given back
        done = place.do("policies", "hot-swap", "console:1", "new", "--run", "one")
        ended = place.until(
            lambda: [e for e in live.events() if e.event in ("swap_settled", "swap_rolled_back", "swap_refused")],
            "the end of its guard",
        )[-1]
        if ended.event == "swap_settled":
            break
        assert " ms" in ended.text
    assert done.returncode == 0, done.stderr
    assert "new@v1 plays console:1 in place of old@v1" in done.stdout
    taken = live.events("swap_taken_over")[-1]
    due, first = int(taken.report["due"]), [int(one.report["frame"]) for one in live.events("first_action")]
    assert due in first or live.status.match.late  # an action that is late is not sent
    refused = place.do("policies", "hot-swap", "console:1", "far", "--run", "one")
    assert refused.returncode == 1
    assert "delay: 18 where the agent has 6" in refused.stderr
    other = place.do("policies", "hot-swap", "console:2", "new", "--run", "one")
    assert "names no policy that plays here. Write console:1." in other.stderr
    place.until(lambda: live.status.match.players[0] == "new@v1", "it is shown")


def test_a_console_that_is_killed_comes_back_and_keeps_the_policy(place, live):
    frames, start = live.status.match.frames, live.status.match.starts
    os.kill(live.node("console").os_pid, signal.SIGKILL)
    place.until(lambda: live.status.match.starts > start and live.status.match.frames > frames + 60, "it plays on")
    assert live.status.match.players[0] == "new@v1"
    assert len(list((live.run.folder / "console").glob("*"))) == 1


def test_it_is_stopped_and_leaves_its_replays_alone(place, live):
    live.family |= live.processes()
    done = place.do("daemon", "stop", "--run", "one")
    assert done.returncode == 0, done.stderr
    place.until(lambda: left(place, live) == ([], []), "nothing is left")
    with Run(place.home, "one").reader() as database:
        assert database.progress().ended == "stopped"
    replays = sorted((live.run.replays / "console").glob("*.slp"))
    assert len(replays) >= 2
    assert all(len(read_replay(path, rollback="last").frames.frame) > 60 for path in replays)


@pytest.mark.slow
def test_so_many_games_end_the_match(place, bundles):
    done = place.do("play", "stand-in", "old", *WALK, "--run", "two", "--games", "2", "--seconds", "1", "--fps", "0")
    assert done.returncode == 0, done.stderr
    assert "old@v1: delay 6 = 2 console + 4 headroom" in done.stderr
    assert "The match two is over after" in done.stderr
    run = Run(place.home, "two")
    with run.reader() as database:
        assert database.progress().ended == "games"
        assert len([event for event in database.events(limit=100) if event.event == "game_over"]) == 2
    rows = run.matches()
    assert (rows["kind"], rows["policy_0"], rows["policy_1"]) == (["match"] * 2, ["old@v1"] * 2, ["cpu3"] * 2)
    assert (rows["physics"], rows["reason"]) == (["stand-in-still"] * 2, ["timer"] * 2)
    assert (rows["character_0"].tolist(), rows["stage"].tolist()) == ([1, 1], [32, 32])
    assert not run.ratings()["policy"]
    assert not list((run.folder / "console").glob("*"))


@pytest.mark.slow
def test_over_the_network_it_goes_through_the_menus_of_direct_mode_and_plays_whom_a_code_finds(place, bundles):
    argv = ("--connect-code", "abcd#123", "--source", "still", "--headless", "--games", "2", "--seconds", "1")
    done = place.do("play", "stand-in", "old", *argv, "--run", "six")
    assert done.returncode == 0, done.stderr
    assert "old@v1: delay 6 = 2 console + 4 headroom" in done.stderr
    run = Run(place.home, "six")
    rows = run.matches()
    assert (rows["policy_0"], rows["policy_1"], rows["kind"]) == (["old@v1"] * 2, ["remote"] * 2, ["match"] * 2)
    with run.reader() as database:
        events = database.events(limit=100)
    assert not [event.text for event in events if event.level == "error"]
    assert [event.text for event in events if "ABCD#123" in event.text] == []
    replays = sorted((run.replays / "console").glob("*.slp"))
    assert all(read_replay(path, rollback="last").frames.frame[-1] == 60 for path in replays)
    assert not list((run.folder / "console").glob("*"))


@pytest.mark.slow
def test_two_policies_are_rated_under_the_physics_that_they_played(place, bundles):
    argv = ("--opponent", "new", "--source", "still", "--headless", "--games", "1", "--seconds", "1", "--fps", "0")
    done = place.do("play", "stand-in", "old", *argv, "--run", "five")
    assert done.returncode == 0, done.stderr
    run = Run(place.home, "five")
    rows, ratings = run.matches(), run.ratings()
    assert (rows["kind"], rows["policy_0"], rows["policy_1"]) == (["rated"], ["old@v1"], ["new@v1"])
    assert sorted(ratings["policy"]) == ["new@v1", "old@v1"]
    assert set(ratings["physics"]) == {"stand-in-still"}
    assert set(ratings["draws"].tolist()) == {1}


def test_what_cannot_be_played_is_said_before_anything_starts(place, bundles):
    for argv, code, words in (
        (("dolphin", "old"), 5, "There is no Slippi Dolphin on this machine."),
        (("stand-in", "old", "--frame-delay", "3"), 1, "old@v1 was trained for delay 6, not 3."),
        (("stand-in", "old", "--console-delay", "9"), 2, "cannot play on a console with delay 9"),
        (("stand-in", "old", "--opponent-port", "1"), 2, "Both players are at port 1."),
        (("stand-in", "old", "--connect-code", "ABCD-123"), 2, "'ABCD-123' is no connect code."),
        (("stand-in", "old", "--connect-code", "SELF#000"), 2, "SELF#000 is your own connect code."),
        (("stand-in", "old", "--connect-code", "A#1", "--opponent", "cpu5"), 2, "A#1 is the opponent, and not cpu5"),
        (("stand-in", "old", "--connect-code", "A#1", "--console-delay", "6"), 2, "over the network it cannot"),
        (("stand-in", "cpu5"), 2, "cpu5 cannot be the policy of a match."),
        (("stand-in", "nobody"), 1, "There is no policy 'nobody'."),
    ):
        done = place.do("play", *argv, "--headless")
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
        assert words in done.stderr
    assert {run.parent.name for run in place.home.runs.glob("*/run.db")} <= {
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
    }
