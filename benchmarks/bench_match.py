"""Does a policy keep up with 60 frames a second at a console, beside a training, and how long does each part take?

    python benchmarks/bench_match.py [--seconds 600] [--delay 2] [--console-delay 0] [--hidden 256] [--engine onnx]
        [--call-ms 0] [--batch-steps 1] [--force] [--source still] [--load 1] [--swaps 0]

Plays a fresh GRU on the stand-in through the command line, with non-blocking input, beside ``--load`` processes at nice
10 that multiply matrices as a learner does. ``--call-ms`` has each call of the policy sleep (torch then plays it),
``--swaps`` swaps another policy in so many times while it plays. Prints the match's own figures. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from exphil_rt.control.framing import ControlError
from exphil_rt.control.sync import SyncClient
from exphil_rt.messages.telemetry import MatchStatus
from exphil_rt.policy.bundle import save_bundle
from exphil_rt.policy.config import new_config
from exphil_rt.policy.manifest import Manifest
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run
from exphil_rt.testing.slow_net import PACKAGE, SLOW
from exphil_rt.training.fresh import fresh_policy

CLI = (sys.executable, "-m", "exphil_rt.cli.app")
LEARN = "import os, torch; os.nice(10); torch.set_num_threads(1); a = torch.randn(512, 512)\nwhile True: a @ a"
RUN = "bench"


def save(home: Home, name: str, options: argparse.Namespace, seed: int) -> None:
    """A fresh policy in the home."""
    slow = options.call_ms > 0
    config = new_config(
        SLOW if slow else "gru", hidden=options.hidden, layers=1, delay=options.delay,
        options={"call_ms": options.call_ms} if slow else {},
    )  # fmt: skip
    manifest = Manifest(name=name, version=1, config=config, batch_steps=options.batch_steps)
    save_bundle(home.policies / f"{name}@v1", fresh_policy(config, seed), manifest)


def connected(run: Run) -> SyncClient:
    """A client of the run's daemon, once it answers."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        try:
            if run.holder() is not None:
                return SyncClient(run.socket)
        except ControlError:
            pass
        time.sleep(0.1)
    raise SystemExit("the daemon does not answer")


def playing(client: SyncClient) -> MatchStatus:
    """The match, once it plays."""
    until = time.monotonic() + 120.0
    while time.monotonic() < until:
        match = client.status().match
        if match is not None and match.frames > 60:
            return match
        time.sleep(0.2)
    raise SystemExit("no game was begun")


def swap(client: SyncClient, count: int) -> dict[str, int]:
    """Swap to and fro; how each ended."""
    ends: dict[str, int] = {}
    for number in range(count):
        before = {event.seq for event in client.overview().events}
        with contextlib.suppress(ControlError):  # where it is refused, an event says so
            client.hot_swap("console:1", "two" if number % 2 == 0 else "one")
        end, until = "nothing heard", time.monotonic() + 30.0
        while end == "nothing heard" and time.monotonic() < until:
            for event in client.overview().events:
                if event.seq not in before and event.event in ("swap_settled", "swap_rolled_back", "swap_refused"):
                    end = event.event
            time.sleep(0.1)
        ends[end] = ends.get(end, 0) + 1
    return ends


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--delay", type=int, default=2)
    parser.add_argument("--console-delay", type=int, default=0)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--engine", choices=("onnx", "torch"), default="onnx")
    parser.add_argument("--call-ms", type=float, default=0.0)
    parser.add_argument("--batch-steps", type=int, default=1)
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--source", choices=("still", "game"), default="still")
    parser.add_argument("--load", type=int, default=1)
    parser.add_argument("--swaps", type=int, default=0)
    options = parser.parse_args()
    engine = "torch" if options.call_ms else options.engine
    os.environ["EXPHIL_RT_TRUST__PACKAGES"] = PACKAGE
    print(f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="ert") as folder:
        home = Home(Path(folder) / "home").create()
        for seed, name in enumerate(("one", "two")):
            save(home, name, options, seed)
        env = os.environ | {"EXPHIL_RT_HOME": str(home.root)}
        command = [
            *CLI, "play", "stand-in", "one", "--opponent", "cpu5", "--source", options.source, "--headless",
            "--run", RUN, "--engine", engine, "--console-delay", str(options.console_delay), "--seconds", "0",
            "--stocks", "99", "--set", "play.blocking=false", *(["--force"] if options.force else []),
        ]  # fmt: skip
        match = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
        learners: list[subprocess.Popen[bytes]] = []
        try:
            with connected(Run(home, RUN)) as client:
                first = playing(client)
                learners += [subprocess.Popen([sys.executable, "-c", LEARN]) for _ in range(options.load)]
                begin = time.monotonic()
                ends = swap(client, options.swaps)
                time.sleep(max(0.0, options.seconds - (time.monotonic() - begin)))
                last = client.status().match
                assert last is not None
                show(first, last, time.monotonic() - begin)
                if ends:
                    print(f"swaps: {', '.join(f'{count} {name}' for name, count in ends.items())}")
        except ControlError as error:  # the match's own words stand above
            raise SystemExit(str(error)) from None
        finally:
            for learner in learners:
                learner.kill()
                learner.wait()
            match.terminate()
            match.wait(60.0)
    return 0


def show(first: MatchStatus, last: MatchStatus, seconds: float) -> None:
    """The figures of the measured time."""
    frames = last.frames - first.frames
    print(f"{last.plan[0]}, {last.engine}, {last.starts} start(s)")
    print(f"  {seconds:.0f} s, {frames} frames, {frames / seconds:.2f} frames a second")
    for name in ("late", "dropped", "skipped", "duplicate", "unasked", "undecided"):
        print(f"  {name:<10} {getattr(last, name) - getattr(first, name)}")
    print(f"  inputs back after {last.echo_lag} of {last.echo_wanted}; early by at least {last.headroom}")
    ages = sorted(last.ages.items())
    print(f"  ages {dict(ages[:12])}{' ...' if len(ages) > 12 else ''}")
    for one in last.latency:
        print(
            f"  {one.phase:<10} p50 {one.p50_us / 1e3:7.3f} ms  p99 {one.p99_us / 1e3:7.3f} ms  (of the last seconds)"
        )


if __name__ == "__main__":
    sys.exit(main())
