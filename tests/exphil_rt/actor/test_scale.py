"""The two cases of OTP's supervisor_SUITE about many children, at OTP's own sizes: ratios of CPU time in one run."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from exphil_rt.actor import Pid, count_children, start_child, terminate_child
from exphil_rt.testing.actors import dynamic, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import start_tree


async def seconds(work: Callable[[], Awaitable[Any]]) -> float:
    started = time.process_time()
    await work()
    return time.process_time() - started


@both_backends
@pytest.mark.slow
async def test_simple_one_for_one_scale_many_temporary_children() -> None:
    """Ten times the children end in at most 50 times the time."""
    async with start_tree(dynamic("pool")) as tree:

        async def ends(count: int) -> float:
            pids: list[Pid] = []
            for _ in range(count):
                pid = await start_child("pool", probe("a", name=None, restart="temporary"))
                assert pid is not None
                pids.append(pid)

            async def end_all() -> None:
                for pid in pids:
                    await terminate_child("pool", pid)

            return await seconds(end_all)

        small = await ends(1_000)
        assert await ends(10_000) <= 50 * small
        assert (await count_children("pool")).active == 0
        assert tree.runtime.statistics().actors == 2


@both_backends
@pytest.mark.slow
async def test_scale_start_stop_many_children() -> None:
    """A hundred times the children start and stop in at most ten times a hundred times the time."""
    async with start_tree(stop_deadline=300.0):

        async def times(count: int) -> tuple[float, float]:
            specs = [probe(f"c{count}_{n}", name=None, shutdown=1.0) for n in range(count)]

            async def start_all() -> None:
                for spec in specs:
                    await start_child("sup", spec)

            async def stop_all() -> None:
                for spec in specs:
                    await terminate_child("sup", spec.id)

            return await seconds(start_all), await seconds(stop_all)

        small_start, small_stop = await times(1_000)
        start, stop = await times(100_000)
        assert start <= 1_000 * small_start
        assert stop <= 1_000 * small_stop
