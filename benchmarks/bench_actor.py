"""How fast is the kernel? Casts, calls, restarts, starts and stops, beside others that do the same work in this run:
trio's channels, asyncio's queue, pykka's threads (where installed) and Erlang/OTP itself (where ``erl`` is installed).

    python benchmarks/bench_actor.py [--backend trio|asyncio|both] [--repeats 5]

One core, telemetry on: counts, traces of the last messages, a subscriber for reports and a LagMonitor. Prints machine
facts, then medians of the repeats and ratios. Rates and start and stop times are per second of CPU time, so that other
work on the machine counts little; latencies are wall time, p50 and p99 of all samples, so there it counts.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
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
    LagMonitor,
    MailboxSpec,
    Runtime,
    Shutdown,
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
MANY = 100_000
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


@asynccontextmanager
async def watched() -> AsyncIterator[Runtime]:
    """A runtime with everything on that watches it."""
    reports = 0

    def count(report: Any) -> None:
        nonlocal reports
        reports += 1

    async with Runtime.open(stop_deadline=120.0) as runtime:
        runtime.subscribe_reports(count)
        await runtime.start_root(ChildSpec(id="lag", start=LagMonitor))
        yield runtime


async def casts() -> float:
    async with watched() as runtime:
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
    async with watched() as runtime:
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
    async with watched() as runtime:
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
    async with watched() as runtime:
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


async def crowd(actors: int = ACTORS) -> tuple[float, float, float]:
    gc.collect()
    before = rss_bytes()
    async with watched() as runtime:
        started = time.process_time()
        top = await runtime.start_root(ChildSpec(id="crowd", start=Crowd, args=actors))
        up = time.process_time() - started
        size = (rss_bytes() - before) / actors
        started = time.process_time()
        top.cell.exit_from_parent(Shutdown())
        await runtime.wait_ended(top, 120.0)
        return up, time.process_time() - started, size


async def many() -> tuple[float, float, float]:
    return await crowd(MANY)


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


def pykka_rates() -> tuple[float, list[float]] | None:
    """Messages a second of CPU time, and round trips in seconds; None without pykka."""
    try:
        import pykka
    except ImportError:
        return None

    class Threaded(pykka.ThreadingActor):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def on_receive(self, message: Any) -> int:
            self.count += 1
            return self.count

    actor = Threaded.start()
    try:
        message, count = Tick(1), MESSAGES // 10
        started = time.process_time()
        for _ in range(count):
            actor.tell(message)
        actor.ask(message)
        rate = count / (time.process_time() - started)
        samples = []
        for _ in range(CALLS // 10):
            started = time.perf_counter()
            actor.ask(message, timeout=5.0)
            samples.append(time.perf_counter() - started)
        return rate, samples
    finally:
        actor.stop()


def erlang() -> dict[str, float] | None:
    """The same work on one scheduler of Erlang's; None where it is not installed."""
    if shutil.which("erl") is None or shutil.which("erlc") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source = Path(__file__).with_name("bench_actor_beam.erl")
        subprocess.run(["erlc", "-o", folder, str(source)], check=True)
        numbers = [str(number) for number in (MESSAGES, CALLS, RESTARTS, ACTORS, MANY)]
        command = ["erl", "+S", "1", "+P", "1000000", "-noshell", "-pa", folder, "-run", "bench_actor_beam", "main"]
        done = subprocess.run([*command, *numbers], check=True, capture_output=True, text=True, timeout=300)
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def percentile(samples: list[float], part: float) -> float:
    return sorted(samples)[int(len(samples) * part)]


def microseconds(samples: list[float]) -> str:
    return f"p50 {percentile(samples, 0.5) * 1e6:8.1f} us   p99 {percentile(samples, 0.99) * 1e6:8.1f} us"


def flat(lists: list[list[float]]) -> list[float]:
    return [sample for samples in lists for sample in samples]


def repeat(backend: str, repeats: int, function: Callable[[], Awaitable[Any]]) -> list[Any]:
    return [anyio.run(function, backend=backend) for _ in range(repeats)]


def crowds(samples: list[Any]) -> tuple[float, float]:
    return statistics.median(up for up, *_ in samples), statistics.median(down for _, down, *_ in samples)


def report(backend: str, repeats: int, beam: dict[str, float] | None) -> None:
    def against(name: str, ours: float) -> str:
        return "" if beam is None else f"   ({ours / beam[name]:.1f} x Erlang's {beam[name]:,.1f})"

    print(f"\n{backend}")
    cast = statistics.median(repeat(backend, repeats, casts))
    print(f"  cast, unbounded mailbox     {cast:12,.0f} /s{against('cast_us', 1e6 / cast)}")
    print(f"  cast_wait, capacity 1024    {statistics.median(repeat(backend, repeats, bounded_casts)):12,.0f} /s")
    for name, loop, function in (
        ("trio memory channel 1000", "trio", trio_channel),
        ("asyncio.Queue 1000", "asyncio", asyncio_queue),
    ):
        rate = statistics.median(repeat(loop, repeats, function))
        print(f"  {name:27s} {rate:12,.0f} /s   (a cast is {cast / rate:.1f} times as fast)")
    threads = pykka_rates()
    if threads is None:
        print("  pykka: not installed")
    else:
        print(
            f"  pykka tell                  {threads[0]:12,.0f} /s   (a cast is {cast / threads[0]:.1f} times as fast)"
        )
    samples = flat(repeat(backend, repeats, calls))
    median = percentile(samples, 0.5) * 1e6
    print(f"  call with deadline          {microseconds(samples)}{against('call_p50_us', median)}")
    if threads is not None:
        ratio = percentile(threads[1], 0.5) * 1e6 / median
        print(f"  pykka ask                   {microseconds(threads[1])}   (a call is {ratio:.1f} times as fast)")
    samples = flat(repeat(backend, repeats, restarts))
    median = percentile(samples, 0.5) * 1e6
    print(f"  crash to new init           {microseconds(samples)}{against('restart_p50_us', median)}")
    samples = flat(repeat(backend, 1, process_restarts))
    print(f"  SIGKILL to first reply      {microseconds(samples)}   (a process child that has torch)")
    first = repeat(backend, 1, crowd)[0]
    up, down = crowds([first, *repeat(backend, repeats - 1, crowd)])
    print(f"  {ACTORS:,} actors, 3 levels     start {up:.3f} s{against('crowd_start_us', up * 1e6)}")
    print(f"                              stop  {down:.3f} s{against('crowd_stop_us', down * 1e6)}")
    print(f"                              {first[2]:,.0f} bytes each{against('crowd_bytes', first[2])}")
    up, down = crowds(repeat(backend, repeats, dynamic_crowd))
    print(f"  {ACTORS:,} dynamic children     start {up:.3f} s   stop {down:.3f} s")
    up, down = crowds(repeat(backend, max(1, repeats // 3), many))
    print(f"  {MANY:,} actors            start {up:.2f} s{against('many_start_us', up * 1e6)}   stop {down:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=("trio", "asyncio", "both"), default="trio")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    start_forkserver(["torch"])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}", end="")
    print(f", trio {trio.__version__}, {sys.getswitchinterval() * 1e3:g} ms switch interval; on one core")
    beam = erlang()
    print("Erlang: not installed" if beam is None else f"Erlang/OTP {beam['otp']:.0f}, one scheduler")
    for backend in ("trio", "asyncio") if options.backend == "both" else (options.backend,):
        report(backend, options.repeats, beam)


if __name__ == "__main__":
    main()
