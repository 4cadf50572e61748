"""How fast are replays learned from, and does the clone beat the tables? (How fast they are read: bench_dataset.)

    python benchmarks/bench_imitation.py FOLDER [--seeds 3] [--epochs 10] [--delay 0] [--threads 1]
    python benchmarks/bench_imitation.py FOLDER --hidden 256 --layers 2 --seconds 200 --hold NAME --hold NAME

FOLDER (else EXPHIL_RT_REPLAYS, else Slippi's own) holds .slp files. One policy is trained a seed, and its held-out NLL
stands beside smoothed P(a) and P(a | previous a), counted on the same training games. Each seed holds other games out,
unless --hold names files (without their ending), which are then held out for every seed. --seconds is processor time of
this process, learning alone, so that what else a machine does counts for nothing; --set changes how is learned.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import msgspec
import torch

from exphil_rt.policy.config import PolicyConfig, new_config, parse_options
from exphil_rt.policy.policy import Policy
from exphil_rt.replays import NoReplays, find_replays, replay_folder
from exphil_rt.training.dataset import BuildReport, BuildSettings, Split, build_dataset
from exphil_rt.training.imitation import ImitationConfig, fit


def main() -> None:
    parser = argparse.ArgumentParser(description="Replays and imitation.")
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--delay", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backbone", default="gru")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--option", action="append", default=[], help="NAME=VALUE of the backbone")
    parser.add_argument("--seconds", type=float, help="processor time of each training, in place of epochs")
    parser.add_argument("--hold", action="append", default=[], help="a file to hold out")
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE of the imitation's config")
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
    config = new_config(
        options.backbone,
        hidden=options.hidden,
        layers=options.layers,
        options=parse_options(options.option),
        delay=options.delay,
    )
    with tempfile.TemporaryDirectory() as scratch:
        learn(build_dataset(Path(scratch) / "bench", paths, BuildSettings()), config, options)


def learn(report: BuildReport, config: PolicyConfig, options: argparse.Namespace) -> None:
    """A clone a seed, beside its tables."""
    print(f"kept: {report.selection.kept_line()}")
    settings = msgspec.convert(
        {"epochs": options.epochs, "batch": 32, "learning_rate": 2e-3, **parse_options(options.set)}, ImitationConfig
    )
    if options.seconds:
        settings = msgspec.structs.replace(settings, epochs=1000, patience=1000, max_seconds=options.seconds)
    print(f"{config.backbone} {config.layers}x{config.hidden}, {settings}")
    print(f"\n{'':6}{'NLL on held-out games':^33}{'the same on changed frames':^33}")
    names = "".join(f"{name:>11}" for name in ("clone", "P(a|prev)", "P(a)"))
    print(f"{'seed':6}{names}{names}  right: all, changed")
    wins = 0
    for seed in range(options.seeds):
        torch.manual_seed(seed)
        began = time.process_time()
        result = fit(
            Policy(config),
            split(report, options.hold, seed),
            msgspec.structs.replace(settings, seed=seed),
            clock=time.process_time,
        )
        scores = (result.score, result.previous, result.marginal)
        row = [score.nll for score in scores] + [score.nll_changed for score in scores]
        wins += row[0] < min(row[1:3]) and row[3] < min(row[4:])
        print(
            f"{seed:<6}{''.join(f'{value:11.3f}' for value in row)}  {result.score.accuracy:.3f} "
            f"{result.score.accuracy_changed:.3f} ({result.frames_per_second:,.0f} frames a second of processor time, "
            f"best epoch {result.best_epoch} of {len(result.epochs)}, "
            f"{time.process_time() - began:.0f} s with measuring)",
            flush=True,
        )
    print(f"the clone beats both tables on both in {wins} of {options.seeds} seeds")


def split(report: BuildReport, held: list[str], seed: int) -> Split:
    """By the names of files, else by the seed."""
    dataset = report.dataset
    if not held:
        return dataset.split(seed=seed)
    known = {Path(game.path).stem: game.meta.digest for game in dataset.games}
    if missing := set(held) - set(known):
        raise SystemExit(f"no such file: {', '.join(sorted(missing))}")
    return dataset.split_by(known[name] for name in held)


if __name__ == "__main__":
    main()
