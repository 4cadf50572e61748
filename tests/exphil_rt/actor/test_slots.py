"""Slots of shared memory: owners, generations, and what a dead owner leaves."""

from __future__ import annotations

import pytest

from exphil_rt.actor import SlotPool, SlotsExhausted, map_slots


@pytest.fixture
def pool() -> SlotPool:
    return SlotPool(3, 5000)


def test_slots_run_out_and_come_back_with_a_new_generation(pool: SlotPool) -> None:
    taken = [pool.acquire("worker") for _ in range(3)]
    assert sorted(slot for slot, _ in taken) == [0, 1, 2]
    assert pool.free == 0
    with pytest.raises(SlotsExhausted, match="All 3 slots"):
        pool.acquire("worker")
    slot, generation = taken[1]
    assert pool.release(slot, generation)
    assert pool.acquire("worker") == (slot, generation + 1)
    pool.close()


def test_what_is_stale_changes_nothing(pool: SlotPool) -> None:
    slot, generation = pool.acquire()
    assert pool.release(slot, generation)
    assert not pool.release(slot, generation)
    again, newer = pool.acquire()
    assert again == slot
    assert not pool.release(slot, generation)
    assert not pool.transfer(slot, generation, "trainer")
    assert pool.valid(slot, newer)
    assert not pool.valid(99, 1)
    assert not pool.valid(-1, 0)
    pool.close()


def test_a_dead_owners_slots_are_reclaimed_and_nobody_elses(pool: SlotPool) -> None:
    mine, moved = pool.acquire("worker-1"), pool.acquire("worker-1")
    other = pool.acquire("worker-2")
    assert pool.transfer(*moved, "trainer")
    assert pool.reclaim("worker-1") == 1
    assert not pool.valid(*mine)
    assert pool.valid(*moved)
    assert pool.valid(*other)
    assert pool.reclaim("worker-1") == 0
    pool.close()


def test_maps_of_one_pool_share_memory_and_slots_do_not_overlap(pool: SlotPool) -> None:
    here, there = map_slots(pool.fd, pool.count, pool.size), map_slots(pool.fd, pool.count, pool.size)
    assert [len(view) for view in here] == [5000] * 3
    for number, view in enumerate(here):
        view[:] = bytes([number + 1]) * 5000
    assert [bytes(view) for view in there] == [bytes([number + 1]) * 5000 for number in range(3)]
    pool.close()
    assert bytes(there[2][:2]) == b"\3\3"


def test_a_pool_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 x 5"):
        SlotPool(0, 5)
