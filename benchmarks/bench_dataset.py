"""How fast do replays become shards, where does the time go, and is a learner kept busy?

    python benchmarks/bench_dataset.py FOLDER [--copies 20] [--workers 0] [--repeats 3] [--target DIR]

FOLDER (else EXPHIL_RT_REPLAYS, else Slippi's own) holds .slp files, which are read ``--copies`` times (dedupe off). The
rate is game frames from file to shard, all processes together; the start of the workers is left out and printed. Then
one process does the same step by step, so that each step's share is seen; the loader is run with nobody learning, and
with a GRU 2 x 256 that learns on one thread, to see what share of its time it waits for batches.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from exphil_rt.game.frames import Frames
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.observation import default_schema
from exphil_rt.replays import NoReplays, ReplayError, SideFilter, find_replays, read_replay, replay_folder
from exphil_rt.replays.quality import side_quality
from exphil_rt.replays.reader import read_head_of, read_open
from exphil_rt.replays.source import open_source
from exphil_rt.training.dataset import BuildSettings, Dataset, Loader, PlanConfig, build_dataset
from exphil_rt.training.dataset.format import layout, segment_over

KEEP_ALL = SideFilter(cpu=True, min_frames=1)


def main() -> None:
    parser = argparse.ArgumentParser(description="From .slp to shards.")
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batches", type=int, default=60, help="that a learner takes while its waiting is measured")
    parser.add_argument("--target", help="where to write (a folder on the disk that is to be measured)")
    options = parser.parse_args()
    folder = replay_folder(options.folder)
    try:
        paths = find_replays(folder)
    except NoReplays as error:
        print(f"nothing to measure: {error}")
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}")
    print(f"load average {os.getloadavg()[0]:.2f} before, {len(paths)} files in {folder.path}, {options.copies} copies")
    with tempfile.TemporaryDirectory(dir=options.target) as scratch:
        copies = link(paths, Path(scratch), options.copies)
        build(copies, Path(scratch), options)
        steps(paths)
        loading(Path(scratch) / "set-0")
        live(paths)
        learning(Path(scratch) / "set-0", options.batches)


def link(paths: list[Path], scratch: Path, copies: int) -> list[Path]:
    """Each path many times, under names of its own."""
    made = []
    for copy in range(copies):
        (scratch / f"copy-{copy}").mkdir()
        for number, path in enumerate(paths):
            made.append(scratch / f"copy-{copy}" / f"{number:04}-{path.name}")
            made[-1].symlink_to(path.absolute())
    return made


def build(paths: list[Path], scratch: Path, options: argparse.Namespace) -> None:
    rates, starts = [], []
    for repeat in range(options.repeats):
        before = processor_seconds()
        report = build_dataset(
            scratch / f"set-{repeat}",
            paths,
            BuildSettings(filter=KEEP_ALL, dedupe=False, workers=options.workers),
        )
        rates.append(report.frames / report.seconds)
        starts.append(report.start_s)
        nbytes = sum(report.dataset.manifest.shards.values())
        each = (processor_seconds() - before) / report.frames
        print(
            f"build {repeat}: {report.frames:,} game frames in {report.seconds:.2f} s = {rates[-1]:,.0f} frames/s, "
            f"{nbytes / 1e6:,.0f} MB ({nbytes / report.frames:.0f} B a frame), started in {report.start_s:.2f} s; "
            f"processor time {each * 1e6:.2f} us a frame = {1 / each:,.0f} frames/s a core that has nothing else to do"
        )
    print(
        f"\nfile to shard: median {statistics.median(rates):,.0f} game frames/s "
        f"(start of the workers, {statistics.median(starts):.2f} s, left out)\n"
    )


def processor_seconds() -> float:
    """User and system time of this process and of the children that have ended."""
    found = os.times()
    return found.user + found.system + found.children_user + found.children_system


def steps(paths: list[Path]) -> None:
    """The same work in this process, one step at a time."""
    spent: dict[str, float] = {}
    encoder = Encoder(default_schema())
    frames_done = 0

    def timed(name: str, work: Callable[[], object]) -> object:
        began = time.process_time()
        result = work()
        spent[name] = spent.get(name, 0.0) + time.process_time() - began
        return result

    from peppi_py._peppi import read_slippi

    for round_ in range(2):  # the first one warms caches
        spent.clear()
        frames_done = 0
        for path in paths:
            try:
                began = time.process_time()
                with open_source(path, digest=True) as source:
                    spent["SHA-256 of the file"] = spent.get("SHA-256 of the file", 0.0) + time.process_time() - began
                    timed("head (peppi without frames)", lambda path=path, source=source: read_head_of(path, source))
                    timed("peppi", lambda source=source: read_slippi(source.name, False))
                    meta, buffer = timed(
                        "peppi and frames", lambda path=path, source=source: read_open(path, source, "first")
                    )
            except ReplayError:
                continue
            frames = Frames.over(memoryview(buffer), (meta.frames,))
            timed("quality", lambda frames=frames: [side_quality(frames, side) for side in (0, 1)])
            timed("encode, both points of view", lambda frames=frames: encode(encoder, frames))
            frames_done += meta.frames
        if round_ == 0:
            continue
    spent["frames from arrow, checked"] = spent.pop("peppi and frames") - spent["peppi"]
    total = sum(spent.values())
    print(f"{'one process, by step':32}{'us a frame':>12}{'share':>8}")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"{name:32}{seconds / frames_done * 1e6:12.2f}{seconds / total:8.0%}")
    print(f"{'all':32}{total / frames_done * 1e6:12.2f}{1:8.0%}  = {frames_done / total:,.0f} frames/s a core\n")


def encode(encoder: Encoder, frames: Frames) -> int:
    """A game into a segment, and its checksum."""
    rows = [encoder.item_rows(frames, port) for port in (0, 1)]
    nanas, items, length = bool(frames.nanas.exists.any()), len(rows[0].frame), frames.lead[0]
    data = memoryview(np.zeros(layout(encoder.part_widths, length, nanas, items)[1], np.uint8))
    out = segment_over(data, 0, encoder.part_widths, length, nanas, items)
    encoder.encode_parts(frames, out.parts)
    out.controllers.assign(slice(None), frames.controllers)
    return zlib.crc32(data)


def loading(folder: Path) -> None:
    dataset = Dataset.open(folder, opt_out=frozenset())
    for name, plan, dmax in (
        ("plain", PlanConfig(batch=32, steps=64), 0),
        ("mirrored, delays 0 to 18, balanced", PlanConfig(
            batch=32, steps=64, mirror=0.5, delays=(0, 6, 12, 18), balance_characters=True, balance_sticks=0.5), 18),
    ):  # fmt: skip
        loader = Loader(dataset, dataset.sides[:68], ActionCodec(), plan, dmax=dmax)
        began, frames = time.perf_counter(), 0.0
        for batch in loader.epoch():
            frames += float(batch.weight.sum())
        print(f"loader, 32 x 64, {name}: {frames / (time.perf_counter() - began):,.0f} frames/s of a side")


def live(paths: list[Path], calls: int = 3000) -> None:
    """One frame of a live game."""
    encoder = Encoder(default_schema())
    for path in paths:
        with contextlib.suppress(ReplayError):
            frames = read_replay(path, rollback="first").frames
            break
    one = frames[500:501].copy()
    taken = []
    for _ in range(calls):
        began = time.perf_counter()
        encoder.encode(one, 0)
        taken.append(time.perf_counter() - began)
    p50, p99 = np.quantile(taken, (0.5, 0.99)) * 1e6
    print(f"encode one live frame: p50 {p50:.0f} us, p99 {p99:.0f} us")


def learning(folder: Path, batches: int) -> None:
    import torch

    from exphil_rt.policy.config import new_config
    from exphil_rt.policy.embed import to_tensors
    from exphil_rt.policy.policy import Policy

    torch.set_num_threads(1)
    dataset = Dataset.open(folder, opt_out=frozenset())
    config = new_config("gru", hidden=256, layers=2, delay=0)
    policy = Policy(config)
    optimizer = torch.optim.AdamW(policy.parameters())
    loader = Loader(dataset, dataset.sides, ActionCodec(), PlanConfig(batch=32, steps=64), dmax=config.dmax)
    began, frames = time.perf_counter(), 0.0
    for number, batch in enumerate(loader.epoch()):
        if number == 5:  # the first ones start the thread and torch
            began, frames, loader.waited_s = time.perf_counter(), 0.0, 0.0
        if number == batches:
            break
        inputs = to_tensors(batch.inputs)
        hidden, _, _ = policy(inputs, policy.init_state(len(batch.reset)))
        _, _, per_head = policy.heads.log_prob(hidden, inputs.previous, torch.from_numpy(batch.targets))
        optimizer.zero_grad(set_to_none=True)
        (-per_head.sum(-1).mean()).backward()
        optimizer.step()
        frames += float(batch.weight.sum())
    seconds = time.perf_counter() - began
    print(
        f"a learner (gru 2 x 256, 32 x 64, one thread): {frames / seconds:,.0f} frames/s, "
        f"{loader.waited_s / seconds:.1%} of its time spent waiting for batches"
    )


if __name__ == "__main__":
    main()
