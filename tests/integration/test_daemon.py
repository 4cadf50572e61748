"""One small run through all that can happen to it: processes killed, the daemon killed, resumed and stopped.

The tests build on one another, in the order in which they stand here.
"""

from __future__ import annotations

import os
import signal
import socket
import stat

import pytest

from exphil_rt.control.wire import RestartActor
from exphil_rt.store.run import Run

RUN = "one"


@pytest.fixture(scope="module")
def terminal(place):
    """The command line that the run was started from."""
    return place.start("self-play", "--headless", "--run", RUN, "--timesteps", "0", *place.small)


@pytest.fixture(scope="module")
def live(place, terminal):
    """The run that all tests share."""
    found = place.live(RUN)
    yield found
    found.client.close()


def test_it_plays_learns_rates_and_publishes(place, live):
    live.plays_on()
    place.until(lambda: live.status.matches >= 2, "two rated games", 120.0)
    place.until(lambda: live.status.policy not in ("", f"{RUN}@v1"), "a second version", 120.0)
    overview = live.overview
    assert overview.status.state == "running"
    assert overview.status.restarts == 0
    assert not [event for event in overview.events if event.level in ("warn", "error")]
    assert len([game for game in overview.games if game.kind == "training"]) == 2
    assert overview.exhibition is not None
    log = (live.run.logs / "daemon.jsonl").read_text()
    assert "dead_letter" not in log
    assert "unknown_message" not in log
    assert (live.run.logs / "daemon.out").read_text() == ""


def test_a_policy_is_put_into_a_running_agent(place, live):
    done = place.do("policies", "hot-swap", "exhibition:2", f"{RUN}@v1", "--run", RUN)
    assert done.returncode == 0, done.stderr
    assert f"{RUN}@v1 plays exhibition:2 in place of" in done.stdout
    place.until(lambda: live.events("swap_settled") or live.events("swap_game_over"), "the end of its guard")
    refused = place.do("policies", "hot-swap", "exhibition:2", "nobody", "--run", RUN)
    assert refused.returncode == 1
    assert "There is no policy 'nobody'." in refused.stderr


def test_the_socket_is_its_users_alone(live):
    mode = live.run.socket.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(live.run.socket.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("argv", [("daemon", "run", "--run", RUN), ("self-play", "--headless", "--resume", RUN)])
def test_a_second_daemon_is_refused(place, live, argv):
    done = place.do(*argv)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert f"The run {RUN} already has a daemon (pid {live.pid})." in done.stderr


def test_garbage_on_the_socket_harms_nobody(live):
    for garbage in (b"\xff" * 4096, b"\x00\x00\x00\x04abcd", b"GET / HTTP/1.1\r\n\r\n"):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(10.0)
            stranger.connect(str(live.run.socket))
            stranger.sendall(garbage)
            while stranger.recv(65536):
                pass  # the daemon says why, then closes
    live.plays_on()
    assert live.node("control").restarts == 0


@pytest.mark.parametrize(("name", "process"), [("trainer", "training worker"), ("game_runner-1", "rollout worker")])
def test_a_killed_process_is_restarted_and_the_rest_goes_on(place, live, name, process):
    others = {node.name: node.pid for node in live.overview.tree if node.name != name}
    before, noted = live.node(name), len(live.events("child_exit"))
    os.kill(before.os_pid, signal.SIGKILL)
    place.until(lambda: live.node(name).os_pid not in (0, before.os_pid), f"the {name} is restarted", 120.0)
    live.plays_on()
    events = live.events("child_exit")[noted:]
    assert [event.actor for event in events] == [name]
    assert events[0].level == "warn"
    assert f"{process} ended by SIGKILL" in events[0].text
    assert {node.name: node.pid for node in live.overview.tree if node.name != name} == others
    assert live.node(name).restarts == before.restarts + 1


SERVERS = (
    *("desk/telemetry", "desk/run_manager", "league/population_manager", "league/matchmaker", "league/recorder"),
    *("learning/experience", "learning/inference_worker", "league", "store"),
)


@pytest.mark.parametrize("path", SERVERS)
def test_any_actor_may_be_restarted_and_the_run_goes_on(place, live, path):
    before, warned = live.overview, len([e for e in live.overview.events if e.level in ("warn", "error")])
    node = next(node for node in before.tree if node.path == f"root/{path}")
    assert live.client.do(RestartActor(node.path)) == f"{node.path} was restarted"
    assert live.node(node.name).pid != node.pid
    place.until(lambda: live.status.state == "running", "running")
    live.plays_on(2 * 3 * 16 * 2)  # more than what was granted before
    matches = live.status.matches
    assert matches >= before.status.matches
    place.until(lambda: live.status.matches > matches, "one more rated game", 120.0)
    now = live.overview
    games = {rating.policy: rating.games for rating in now.ratings}
    assert all(games[rating.policy] >= rating.games for rating in before.ratings)
    assert version(now) >= version(before)
    assert now.status.population >= 1
    assert [e.text for e in now.events if e.level in ("warn", "error")][warned:] == []


def version(overview):
    return int(overview.status.policy.rpartition("@v")[2])


def shown(overview):
    """What a client has seen and must not lose."""
    ratings = {rating.policy: rating.games for rating in overview.ratings}
    return overview.status.matches, ratings, version(overview)


def test_a_killed_daemon_leaves_no_process_and_loses_nothing_that_was_shown(place, live, terminal):
    matches = live.status.matches
    place.until(lambda: live.status.matches > matches, "one more rated game", 120.0)
    processes = live.processes()
    assert len(processes) >= 4  # daemon, forkserver, trainer, runner
    matches, ratings, newest = shown(live.overview)
    os.kill(live.pid, signal.SIGKILL)
    place.until(lambda: not place.living(processes), "all of its processes end", 2.0)
    assert terminal.wait() == 1
    assert "signal 9" in terminal.output
    assert f"--resume {RUN}" in terminal.output

    with live.run.reader() as database:
        kept = {rating.policy: rating.games for rating in database.ratings()}
        frames = database.progress().frames
        assert len(database.columns("matches")["game_id"]) >= matches
        assert newest in {row.version for row in database.policies()}
    assert all(kept[name] >= games for name, games in ratings.items())

    resumed = place.start("self-play", "--headless", "--resume", RUN)
    live.again()
    live.pid = live.client.hello.pid
    place.until(lambda: live.status.state == "running", "the run goes on", 120.0)
    overview = live.overview
    assert overview.status.frames >= frames
    now_matches, now_ratings, now_newest = shown(overview)
    assert now_matches >= matches
    assert all(now_ratings[name] >= games for name, games in ratings.items())
    assert now_newest >= newest
    place.until(lambda: live.status.matches > now_matches, "rated games go on", 120.0)
    live.plays_on()
    assert live.status.restarts == 0
    place.terminal = resumed


def test_sigterm_stops_the_run_in_order(place, live):
    processes = live.processes()
    live.plays_on()
    frames = live.status.frames
    os.kill(live.pid, signal.SIGTERM)
    assert place.terminal.wait(60.0) == 0, place.terminal.output
    assert not place.living(processes)
    assert not live.run.socket.exists()
    run = Run(place.home, RUN)
    assert run.holder() is None
    with run.reader() as database:
        progress = database.progress()
        newest = database.policies()[-1]
        events = database.events()
    assert progress.ended == "stopped"
    assert progress.frames >= frames
    assert newest.frames == progress.frames  # what was learned last is published
    assert progress.generation == newest.generation
    assert [event.text for event in events if event.event == "stopping"] == ["The run is stopping."]
    log = (run.logs / "daemon.jsonl").read_text().rpartition('"log_opened"')[2]  # of the second daemon
    assert "dead_letter" not in log
    assert "terminate_timed_out" not in log
    assert "process_ignores" not in log
    assert (run.logs / "daemon.out").read_text() == ""
