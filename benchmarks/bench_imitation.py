"""How fast are replays read and learned from, and does the clone beat the tables?

    python benchmarks/bench_imitation.py FOLDER [--seeds 3] [--epochs 10] [--delay 0] [--threads 1]

FOLDER (else EXPHIL_RT_REPLAYS, else Slippi's own) holds .slp files. Parsing is measured in this process and in worker
processes. Then one GRU is trained a seed (each seed holds other games out), and its held-out NLL stands beside
smoothed P(a) and P(a | previous a), counted on the same training games.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time

import torch

from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.observation import Encoder
from exphil_rt.policy.policy import Policy
from exphil_rt.replays import Replay, ReplayError, SideFilter, find_replays, read_many, read_replay, replay_folder
from exphil_rt.training.imitation import ImitationConfig, fit
from exphil_rt.training.imitation_data import encode_side, load_sides, split


def main() -> None:
    parser = argparse.ArgumentParser(description="Replays and imitation.")
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--delay", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = replay_folder(options.folder)
    paths = find_replays(folder)
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    )
    print(f"{len(paths)} files in {folder.path}")
    config = PolicyConfig(delay=options.delay, dmax=options.delay)
    parsing(paths, config)
    sides, selection = load_sides(paths, SideFilter(), config)
    print(f"kept: {selection.kept_line()}; {sum(side.nbytes for side in sides) / 1e6:.0f} MB encoded")
    print(f"\n{'':6}{'NLL on held-out games':^33}{'the same on changed frames':^33}")
    print(f"{'seed':6}{'clone':>11}{'P(a|prev)':>11}{'P(a)':>11}{'clone':>11}{'P(a|prev)':>11}{'P(a)':>11}  frames/s")
    wins = 0
    for seed in range(options.seeds):
        torch.manual_seed(seed)
        result = fit(
            Policy(config), split(sides, selection, seed=seed), ImitationConfig(epochs=options.epochs, seed=seed)
        )
        scores = (result.score, result.previous, result.marginal)
        row = [score.nll for score in scores] + [score.nll_changed for score in scores]
        wins += row[0] < min(row[1:3]) and row[3] < min(row[4:])
        print(
            f"{seed:<6}{''.join(f'{value:11.3f}' for value in row)}  {result.frames_per_second:,.0f}"
            f"  ({result.seconds:.0f} s, best epoch {result.best_epoch} of {len(result.epochs)})",
            flush=True,
        )
    print(f"the clone beats both tables on both in {wins} of {options.seeds} seeds")


def parsing(paths: list, config: PolicyConfig, repeats: int = 3) -> None:
    """Frames a second: parsed here, parsed in workers, encoded for one side."""
    here, apart, encoding = [], [], []
    encoder = Encoder(config.schema)
    for _ in range(repeats):
        started, replays = time.perf_counter(), []
        for path in paths:
            try:
                replays.append(read_replay(path, rollback="first"))
            except ReplayError:
                continue
        frames = sum(replay.meta.frames for replay in replays)
        here.append(frames / (time.perf_counter() - started))
        started = time.perf_counter()
        found = sum(r.meta.frames for r in read_many(paths, rollback="first") if isinstance(r, Replay))
        apart.append(found / (time.perf_counter() - started))
        started = time.perf_counter()
        for replay in replays:
            encode_side(replay, 0, encoder, config)
        encoding.append(frames / (time.perf_counter() - started))
    for name, values in (("parsed here", here), ("parsed in workers", apart), ("encoded, one side", encoding)):
        print(f"{name:20}{statistics.median(values):12,.0f} game frames/s (median of {repeats})")


if __name__ == "__main__":
    main()
