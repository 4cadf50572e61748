"""How fast are replays learned from, and does the clone beat the tables? (How fast they are read: bench_dataset.)

    python benchmarks/bench_imitation.py FOLDER [--seeds 3] [--epochs 10] [--delay 0] [--threads 1]

FOLDER (else EXPHIL_RT_REPLAYS, else Slippi's own) holds .slp files. One GRU is trained a seed (each seed holds other
games out), and its held-out NLL stands beside smoothed P(a) and P(a | previous a), counted on the same training games.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

import torch

from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.policy import Policy
from exphil_rt.replays import NoReplays, find_replays, replay_folder
from exphil_rt.training.dataset import BuildReport, BuildSettings, build_dataset
from exphil_rt.training.imitation import ImitationConfig, fit


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
    try:
        paths = find_replays(folder)
    except NoReplays as error:
        print(f"nothing to measure: {error}")
        return
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    )
    print(f"{len(paths)} files in {folder.path}")
    config = PolicyConfig(delay=options.delay, dmax=options.delay)
    with tempfile.TemporaryDirectory() as scratch:
        learn(build_dataset(Path(scratch) / "bench", paths, BuildSettings()), config, options)


def learn(report: BuildReport, config: PolicyConfig, options: argparse.Namespace) -> None:
    """A clone a seed, beside its tables."""
    print(f"kept: {report.selection.kept_line()}")
    print(f"\n{'':6}{'NLL on held-out games':^33}{'the same on changed frames':^33}")
    print(f"{'seed':6}{'clone':>11}{'P(a|prev)':>11}{'P(a)':>11}{'clone':>11}{'P(a|prev)':>11}{'P(a)':>11}  frames/s")
    wins = 0
    for seed in range(options.seeds):
        torch.manual_seed(seed)
        result = fit(Policy(config), report.dataset.split(seed=seed), ImitationConfig(epochs=options.epochs, seed=seed))
        scores = (result.score, result.previous, result.marginal)
        row = [score.nll for score in scores] + [score.nll_changed for score in scores]
        wins += row[0] < min(row[1:3]) and row[3] < min(row[4:])
        print(
            f"{seed:<6}{''.join(f'{value:11.3f}' for value in row)}  {result.frames_per_second:,.0f}"
            f"  ({result.seconds:.0f} s, best epoch {result.best_epoch} of {len(result.epochs)})",
            flush=True,
        )
    print(f"the clone beats both tables on both in {wins} of {options.seeds} seeds")


if __name__ == "__main__":
    main()
