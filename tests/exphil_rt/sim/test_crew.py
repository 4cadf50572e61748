"""The threads that share a commit, without the game: who is called, and how they end."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from exphil_rt.sim import crew
from exphil_rt.sim.crew import Crew, CrewStuck


def crew_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("crew-")]


def test_every_thread_does_its_share_of_each_work():
    team = Crew(2)
    barrier = threading.Barrier(3)
    seen: list[tuple[int, int]] = []
    for turn in range(20):

        def work(number: int, turn: int = turn) -> bool:
            seen.append((turn, number))
            barrier.wait(10)
            return True

        team.work(work)
    team.close()
    assert sorted(seen) == [(turn, number) for turn in range(20) for number in range(3)]
    assert not crew_threads()


def test_the_caller_goes_on_until_all_is_done():
    team = Crew(1)
    told, done = threading.Event(), threading.Event()

    def work(number: int) -> bool:
        if number:
            assert told.wait(10)
            done.set()
            return True
        ready = done.is_set()
        told.set()
        return ready

    team.work(work)
    assert done.is_set()
    team.close()


def test_a_thread_that_never_ends_its_share_is_reported(monkeypatch):
    monkeypatch.setattr(crew, "DEADLINE_S", 0.0)
    team = Crew(1)
    with pytest.raises(CrewStuck, match="has not ended its share"):
        team.work(lambda number: False)
    monkeypatch.undo()
    team.close()
    team.close()


def test_a_crew_that_nobody_holds_ends_its_threads():
    class Owner:
        def __init__(self) -> None:
            self.crew = Crew(2)
            self.crew.work(self.share)

        def share(self, number: int) -> bool:
            return True

    owner = Owner()
    gone, threads = weakref.ref(owner), crew_threads()
    assert len(threads) == 2
    del owner
    for _ in range(1000):  # a thread may still hold its last share for an instant
        gc.collect()
        if gone() is None:
            break
        threads[0].join(0.01)
    assert gone() is None
    for thread in threads:
        thread.join(10)
    assert not crew_threads()
