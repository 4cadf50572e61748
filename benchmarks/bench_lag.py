"""How late is a 60 Hz loop in the daemon while a trainer and a rollout worker run flat out beside it?

    python benchmarks/bench_lag.py [--seconds 20]

A LagMonitor ticks at 60 Hz on trio, alone and then beside two process children: one trains a GRU (torch, Adam) and
one steps the embedded game with all its slots. Lag is gross, and net of what the kernel counts as the loop's wait for a
CPU (/proc schedstat), which other work on the machine adds to the first only. ``--no-game`` leaves the game out (it
is compiled at its first use).
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Sequence
from typing import Any

import anyio
import structlog
import trio

from exphil_rt.actor import (
    ChildPort,
    ChildSpec,
    LagMonitor,
    LagReport,
    LagSettings,
    ProcessChild,
    start_forkserver,
    sys,
)
from exphil_rt.testing.trees import start_tree

TICK_S = 1 / 60
SLOTS = 64


class Flat(ProcessChild[int]):
    """A process that works all the time and says so."""

    receives = None
    sends = None

    async def init(self, args: Any) -> int:
        await self.start_process(None)
        return 0


class Trainer(Flat):
    target = "bench_lag:train"
    nice = 10


class Worker(Flat):
    target = "bench_lag:roll_out"


def train(port: ChildPort) -> None:
    import torch

    torch.set_num_threads(1)
    net = torch.nn.GRU(256, 256, batch_first=True)
    optimizer = torch.optim.Adam(net.parameters())
    batch = torch.randn(16, 32, 256)
    port.ready()
    while not port.stopping:
        port.receive(None)
        port.heartbeat("training")
        optimizer.zero_grad()
        net(batch)[0].square().mean().backward()
        optimizer.step()


def roll_out(port: ChildPort) -> None:
    import numpy as np

    from exphil_rt.game.lane import GameSetup
    from exphil_rt.sim import EmbeddedLane
    from exphil_rt.sim.lane import STAGES

    lane = EmbeddedLane(SLOTS)
    for slot in range(SLOTS):
        lane.start(slot, GameSetup(game_id=slot, stage=min(STAGES), characters=(1, 2), stocks=99, timer_frames=10**8))
    slots = np.arange(SLOTS, dtype=np.int32)
    lane.step(slots)
    port.ready()
    while not port.stopping:
        port.receive(None)
        port.heartbeat("rolling out")
        lane.step(slots)


async def measure(seconds: float, children: Sequence[ChildSpec]) -> LagReport:
    lag = ChildSpec(id="lag", name="lag", start=LagMonitor, args=LagSettings(tick_s=TICK_S, window_s=seconds))
    async with start_tree(*children, lag):
        deadline = time.monotonic() + seconds * 2 + 60.0
        while time.monotonic() < deadline:
            await anyio.sleep(0.5)
            if isinstance(last := (await sys.get_state("lag")).last, LagReport):
                return last
    raise TimeoutError(f"no report within {2 * seconds + 60:g} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--no-game", action="store_true")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    start_forkserver(["torch"])
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}", end="")
    print(f", trio {trio.__version__}; a tick of {TICK_S * 1e3:.1f} ms for {options.seconds:g} s")
    trainer = ChildSpec(id="trainer", start=Trainer)
    worker = ChildSpec(id="worker", start=Worker)
    beside = [("alone", []), ("beside a trainer", [trainer])]
    if not options.no_game:
        beside.append(("beside a trainer and a rollout worker", [trainer, worker]))
    for name, children in beside:
        last = anyio.run(measure, options.seconds, children, backend="trio")
        print(f"{name:40s} waited for a CPU {last.run_queue_ms:.0f} ms")
        print(f"  net    p50 {last.net_p50_ms:7.2f}   p99 {last.net_p99_ms:7.2f}   max {last.net_max_ms:7.2f} ms")
        print(f"  gross  p50 {last.gross_p50_ms:7.2f}   p99 {last.gross_p99_ms:7.2f}   max {last.gross_max_ms:7.2f} ms")


if __name__ == "__main__":
    main()
