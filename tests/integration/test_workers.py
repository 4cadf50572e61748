"""A run with several rollout workers, all of whose processes are killed at once."""

from __future__ import annotations

import os
import signal

import pytest

pytestmark = pytest.mark.slow


def test_several_workers_play_and_survive_the_death_of_all_processes(place):
    process = place.start("self-play", "--headless", "--run", "many", "--set", "rollout.workers=2", *place.small)
    live = place.live("many")
    names = ("trainer", "game_runner-1", "game_runner-2")

    def os_pids():
        return {node.name: node.os_pid for node in live.overview.tree if node.name in names and node.os_pid}

    place.until(lambda: len(os_pids()) == 3, "both workers", 300.0)
    place.until(lambda: len({game.worker for game in live.overview.games}) == 2, "games of both")
    live.plays_on(200)
    slots = [game.slot for game in live.overview.games]
    assert len(set(slots)) == len(slots)
    before = os_pids()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    place.until(
        lambda: not set(os_pids().values()) & set(before.values()) and len(os_pids()) == 3, "all are back", 120.0
    )
    live.plays_on(200)
    assert sorted(event.actor for event in live.events("child_exit")) == sorted(names)
    assert not [event for event in live.overview.events if event.level == "error"]
    live.client.close()
    process.signal(signal.SIGTERM)
    assert process.wait() == 0, process.output
