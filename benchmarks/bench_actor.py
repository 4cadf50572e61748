"""How fast is the kernel? Casts, calls, restarts, starts and stops, beside trio's channels and asyncio's queue.

    python benchmarks/bench_actor.py [--backend trio|asyncio|both] [--repeats 5]

Prints machine facts, then medians of the repeats. Rates and start and stop times are per second of CPU time, so that
other work on the machine counts little; latencies are wall time, p50 and p99 of all samples, so there it counts.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import signal
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import structlog
import trio

from exphil_rt.actor import (
    ChildSpec,
    DynamicFlags,
    DynamicSupervisor,
    From,
    GenServer,
    MailboxSpec,
    Runtime,
    Supervisor,
    SupFlags,
    handle_call,
    handle_cast,
    start_child,
    start_forkserver,
)
from exphil_rt.testing.process_child import Echo, Proxy
from exphil_rt.testing.trees import start_tree

MESSAGES = 200_000
CALLS = 10_000
RESTARTS = 500
ACTORS = 10_000
PROCESS_RESTARTS = 20


class Tick(msgspec.Struct, frozen=True):
    number: int


class Crash(msgspec.Struct, frozen=True):
    pass


class Nothing(msgspec.Struct, frozen=True):
    pass


class Counter(GenServer[int]):
    mailbox = MailboxSpec(1_000_000)
    born: Callable[[], None] | None = None

    async def init(self, args: Any) -> int:
        if Counter.born is not None:
            Counter.born()
        return 0

    @handle_cast
    async def tick(self, message: Tick) -> None:
        self.state += 1

    @handle_call
    async def ask(self, message: Tick, sender: From) -> int:
        return self.state

    @handle_cast
    async def crash(self, message: Crash) -> None:
        raise RuntimeError


class Small(Counter):
    mailbox = MailboxSpec(1024)


class Idle(GenServer[None]):
    async def init(self, args: Any) -> None:
        return None


class Top(Supervisor):
    def init(self, args: Any) -> tuple[SupFlags, list[ChildSpec]]:
        flags = SupFlags(intensity=10_000_000, period=1.0)
        return flags, [
            ChildSpec(id="counter", name="counter", start=Counter),
            ChildSpec(id="small", name="small", start=Small),
        ]


class Crowd(Supervisor):
    def init(self, args: int) -> tuple[SupFlags, list[ChildSpec]]:
        return SupFlags(), [ChildSpec(id=f"group{n}", start=Group, args=args // 100) for n in range(100)]


class Group(Supervisor):
    def init(self, args: int) -> tuple[SupFlags, list[ChildSpec]]:
        return SupFlags(), [ChildSpec(id=f"a{n}", start=Idle) for n in range(args)]


async def casts() -> float:
    async with Runtime.open() as runtime:
        await runtime.start_root(ChildSpec(id="top", start=Top))
        pid = runtime.whereis("counter")
        assert pid is not None
        message = Tick(1)
        started = time.process_time()
        for _ in range(MESSAGES):
            runtime.cast(pid, message)
        await runtime.call(pid, message)
        return MESSAGES / (time.process_time() - started)


async def bounded_casts() -> float:
    async with Runtime.open() as runtime:
        await runtime.start_root(ChildSpec(id="top", start=Top))
        pid = runtime.whereis("small")
        assert pid is not None
        message = Tick(1)
        started = time.process_time()
        for _ in range(MESSAGES):
            await runtime.cast_wait(pid, message)
        await runtime.call(pid, message)
        return MESSAGES / (time.process_time() - started)


async def calls() -> list[float]:
    async with Runtime.open() as runtime:
        await runtime.start_root(ChildSpec(id="top", start=Top))
        pid = runtime.whereis("counter")
        assert pid is not None
        message, samples = Tick(1), []
        for _ in range(CALLS):
            started = time.perf_counter()
            await runtime.call(pid, message)
            samples.append(time.perf_counter() - started)
        return samples


async def restarts() -> list[float]:
    samples: list[float] = []
    async with Runtime.open() as runtime:
        await runtime.start_root(ChildSpec(id="top", start=Top))
        for _ in range(RESTARTS):
            up = anyio.Event()
            Counter.born = up.set
            started = time.perf_counter()
            runtime.cast("counter", Crash())
            await up.wait()
            samples.append(time.perf_counter() - started)
            await anyio.lowlevel.checkpoint()
        Counter.born = None
    return samples


async def crowd() -> tuple[float, float, float]:
    gc.collect()
    before = rss_bytes()
    async with Runtime.open(stop_deadline=120.0) as runtime:
        started = time.process_time()
        await runtime.start_root(ChildSpec(id="crowd", start=Crowd, args=ACTORS))
        up = time.process_time() - started
        size = (rss_bytes() - before) / ACTORS
        started = time.process_time()
        await runtime.stop(120.0)
        return up, time.process_time() - started, size


async def dynamic_crowd() -> tuple[float, float]:
    async with Runtime.open(stop_deadline=120.0) as runtime:
        await runtime.start_root(ChildSpec(id="d", name="d", start=DynamicSupervisor, args=DynamicFlags()))
        spec = ChildSpec(id="a", start=Idle, restart="temporary")
        started = time.process_time()
        for _ in range(ACTORS):
            await start_child("d", spec)
        up = time.process_time() - started
        started = time.process_time()
        await runtime.stop(120.0)
        return up, time.process_time() - started


async def process_restarts() -> list[float]:
    samples = []
    flags = SupFlags(intensity=1_000_000)
    async with start_tree(ChildSpec(id="p", name="p", start=Proxy), flags=flags) as tree:
        for _ in range(PROCESS_RESTARTS):
            old = tree.pid("p")
            started = time.perf_counter()
            os.kill(old.cell.actor.os_pid, signal.SIGKILL)
            await tree.runtime.wait_ended(old, 10.0)
            while tree.runtime.whereis("p") is None:  # noqa: ASYNC110
                await anyio.sleep(0.0005)
            await tree.runtime.call("p", Echo("up"), timeout=10.0)
            samples.append(time.perf_counter() - started)
    return samples


async def trio_channel() -> float:
    send, receive = trio.open_memory_channel[int](1000)

    async def consume() -> None:
        async with receive:
            async for _ in receive:
                pass

    count = MESSAGES // 4
    started = time.process_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        async with send:
            for n in range(count):
                await send.send(n)
    return count / (time.process_time() - started)


async def asyncio_queue() -> float:
    queue: asyncio.Queue[int] = asyncio.Queue(1000)

    async def consume() -> None:
        for _ in range(MESSAGES):
            await queue.get()

    started = time.process_time()
    task = asyncio.create_task(consume())
    for n in range(MESSAGES):
        await queue.put(n)
    await task
    return MESSAGES / (time.process_time() - started)


def rss_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def microseconds(samples: list[float]) -> str:
    samples = sorted(samples)
    return f"p50 {samples[len(samples) // 2] * 1e6:8.1f} us   p99 {samples[int(len(samples) * 0.99)] * 1e6:8.1f} us"


def flat(lists: list[list[float]]) -> list[float]:
    return [sample for samples in lists for sample in samples]


def repeat(backend: str, repeats: int, function: Callable[[], Awaitable[Any]]) -> list[Any]:
    return [anyio.run(function, backend=backend) for _ in range(repeats)]


def report(backend: str, repeats: int) -> None:
    print(f"\n{backend}")
    cast = statistics.median(repeat(backend, repeats, casts))
    print(f"  cast, unbounded mailbox     {cast:12,.0f} /s")
    print(f"  cast_wait, capacity 1024    {statistics.median(repeat(backend, repeats, bounded_casts)):12,.0f} /s")
    other_name, other = ("trio memory channel 1000", trio_channel)
    if backend == "asyncio":
        other_name, other = ("asyncio.Queue 1000", asyncio_queue)
    rate = statistics.median(repeat(backend, repeats, other))
    print(f"  {other_name:27s} {rate:12,.0f} /s   (a cast is {cast / rate:.1f} times as fast)")
    print(f"  call with deadline          {microseconds(flat(repeat(backend, repeats, calls)))}")
    text = microseconds(flat(repeat(backend, 1, process_restarts)))
    print(f"  SIGKILL to first reply      {text}   (a process child that has torch)")
    print(f"  crash to new init           {microseconds(flat(repeat(backend, repeats, restarts)))}")
    first = repeat(backend, 1, crowd)[0]
    ups, downs, _ = zip(first, *repeat(backend, repeats - 1, crowd), strict=True)
    text = (
        f"start {statistics.median(ups):.2f} s   stop {statistics.median(downs):.2f} s   {first[2] / 1024:.1f} KiB each"
    )
    print(f"  {ACTORS:,} actors, 3 levels     {text}")
    ups, downs = zip(*repeat(backend, repeats, dynamic_crowd), strict=True)
    text = f"start {statistics.median(ups):.2f} s   stop {statistics.median(downs):.2f} s"
    print(f"  {ACTORS:,} dynamic children     {text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=("trio", "asyncio", "both"), default="both")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    start_forkserver(["torch"])
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}", end="")
    print(f", trio {trio.__version__}, {sys.getswitchinterval() * 1e3:g} ms switch interval")
    for backend in ("trio", "asyncio") if options.backend == "both" else (options.backend,):
        report(backend, options.repeats)


if __name__ == "__main__":
    main()
