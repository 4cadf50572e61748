"""Does self-play unlearn a clone? Its report card before and after self-play from its bundle, backbone by backbone.

    python benchmarks/bench_unlearning.py FOLDER [--backbones gru,lstm] [--minutes 3] [--frames 1000000] [--home HOME]
    python benchmarks/bench_unlearning.py --policy my-fox [--frames 1000000]

A small clone of each backbone learns from the .slp files in FOLDER (else EXPHIL_RT_REPLAYS, else Slippi's own), for
--minutes of this process's processor time; or --policy names a bundle. `self-play --headless --policy CLONE` then runs
to --frames as a person would run it, daemon and all, and both play --games against each opponent, the same games at
the same temperature: points with their interval, percent dealt a life, and the difference in what a game came to (a
stock 1, a percent 0.01) with its 95 % interval. Worse is what lies below the clone with its whole interval.

Clones, runs and OUT.jsonl stay where they are (--home, --out): begun again, it goes on where it was ended.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch

from exphil_rt.game import ids
from exphil_rt.policy.bundle import Manifest, load_policy, save_bundle
from exphil_rt.policy.config import new_config
from exphil_rt.policy.manifest import Training
from exphil_rt.policy.policy import Policy
from exphil_rt.policy.ref import resolve_bundle
from exphil_rt.replays import NoReplays, SideFilter, find_replays, replay_folder
from exphil_rt.rollout.closed_loop import play
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run, RunError
from exphil_rt.training.dataset import BuildSettings, build_dataset
from exphil_rt.training.imitation import ImitationConfig, fit

SEED: Final = 1


class Bout(msgspec.Struct, frozen=True):
    """Games against one opponent."""

    points: float
    low: float
    high: float
    damage_a_life: float
    self_destructs: float
    merits: list[float]
    """Of each game: stocks taken less lost, and a hundredth of the percent."""


def clone(name: str, backbone: str, options: argparse.Namespace, home: Home) -> None:
    """Learn from replays and write the bundle."""
    folder = replay_folder(options.folder)
    wanted = SideFilter(characters=frozenset(int(ids.character(who)) for who in options.characters))
    data = home.datasets / "bench-unlearning"
    dataset = build_dataset(data, find_replays(folder), BuildSettings(workers=2)).dataset.select(wanted)
    config = new_config(backbone, hidden=options.hidden)
    torch.manual_seed(SEED)
    policy = Policy(config)
    settings = ImitationConfig(
        epochs=1000, patience=1000, batch=32, mirror=0.5, max_seconds=60 * options.minutes, seed=SEED
    )
    result = fit(policy, dataset.split(seed=SEED), settings, clock=time.process_time)
    print(
        f"{name}: NLL {result.score.nll:.3f}, of the table {result.previous.nll:.3f}; changed frames "
        f"{result.score.nll_changed:.3f}, of the table {result.previous.nll_changed:.3f}",
        flush=True,
    )
    manifest = Manifest(
        name=name,
        version=1,
        config=config,
        characters=tuple(sorted(wanted.characters)),
        training=Training(
            method="imitation", data=str(folder.path), steps=result.steps, frames=result.frames, seed=SEED
        ),
    )
    save_bundle(home.policies / f"{name}@v1", policy, manifest)


def practise(run: str, policy: str, options: argparse.Namespace, home: Home) -> str:
    """Self-play from ``policy`` through the command line; the last version's name."""
    try:
        begin = ["--resume", run] if Run.open(run, home) else []
    except RunError:
        begin = ["--run", run, "--policy", policy, "--seed", str(SEED)]
        begin += [word for setting in options.set for word in ("--set", setting)]
    command = [sys.executable, "-m", "exphil_rt.cli.app", "self-play", "--headless", *begin]
    began = time.monotonic()
    subprocess.run([*command, "--timesteps", str(options.frames)], check=True)
    print(f"{run}: {options.frames:,} frames, {time.monotonic() - began:.0f} s", flush=True)
    columns = Run.open(run, home).policies()
    last = int(np.argmax(columns["version"]))
    return f"{columns['name'][last]}@v{columns['version'][last]}"


def card(policy: str, options: argparse.Namespace) -> dict[str, Bout]:
    """Games against every opponent."""
    found = {}
    for opponent in options.opponents:
        played, tally = play(load_policy(policy), opponent, options.games, temperature=options.temperature, seed=SEED)
        merits = [game.merit for game in tally.games]
        found[opponent] = Bout(
            played.win_rate, played.win_rate_low, played.win_rate_high, played.damage_a_life, played.self_destructs,
            merits,
        )  # fmt: skip
    return found


def difference(before: Bout, after: Bout) -> tuple[float, float]:
    """Mean of a game's merit after less before, and half its 95 % interval (Welch)."""
    a, b = np.asarray(after.merits), np.asarray(before.merits)
    spread = a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)
    return float(a.mean() - b.mean()), 1.96 * float(np.sqrt(spread))


def measured(backbone: str, options: argparse.Namespace, home: Home) -> dict[str, Any]:
    """One backbone, from replays to both cards."""
    name = f"bench-{backbone}"
    policy = options.policy or f"{name}@v1"
    if not options.policy and not (home.policies / policy).is_dir():
        clone(name, backbone, options, home)
    first = card(policy, options)
    show(policy, first)
    last = practise(f"{options.tag}-{backbone}", policy, options, home)
    then = card(last, options)
    show(last, then)
    return {
        "backbone": backbone, "clone": policy, "after": last, "frames": options.frames, "games": options.games,
        "set": options.set, "cards": msgspec.to_builtins([first, then]),
    }  # fmt: skip


def show(policy: str, found: dict[str, Bout]) -> None:
    """A card in lines."""
    for opponent, bout in found.items():
        print(
            f"{policy:24} {opponent:8} {bout.points:6.1%} of the points ({bout.low:.1%} to {bout.high:.1%}), "
            f"{bout.damage_a_life:5.1f}% a life, {bout.self_destructs:.2f} self-destructs a minute",
            flush=True,
        )


def verdict(row: dict[str, Any]) -> None:
    """Whether the later card is no worse, opponent by opponent."""
    before, after = msgspec.convert(row["cards"], tuple[dict[str, Bout], dict[str, Bout]])
    worse = []
    for opponent, bout in before.items():
        gain, room = difference(bout, after[opponent])
        if gain + room < 0 or after[opponent].high < bout.low:
            worse.append(opponent)
        then = after[opponent]
        cells = [
            f"`{row['backbone']}`", opponent, *(f"{b.points:.1%} ({b.low:.1%} to {b.high:.1%})" for b in (bout, then)),
            f"{bout.damage_a_life:.0f} to {then.damage_a_life:.0f}",
            f"{bout.self_destructs:.2f} to {then.self_destructs:.2f}", f"{gain:+.2f} +- {room:.2f}",
        ]  # fmt: skip
        print(f"| {' | '.join(cells)} |")
    print(f"{row['backbone']}: {'worse against ' + ', '.join(worse) if worse else 'no worse than the clone'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--backbones", default="gru", help="names, with commas between")
    parser.add_argument("--policy", help="a bundle, in place of clones that are trained here")
    parser.add_argument("--character", action="append", dest="characters", help="whose sides are cloned; repeat it")
    parser.add_argument("--minutes", type=float, default=3.0, help="processor time of each clone's training")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--games", type=int, default=64, help="against each opponent, before and after")
    parser.add_argument("--opponent", action="append", dest="opponents", help="repeat it; random and cpu3")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--set", action="append", default=[], help="SECTION.KEY=VALUE of the run of self-play")
    parser.add_argument("--tag", default="unlearning", help="what the runs are called")
    parser.add_argument("--home", type=Path, help="where clones and runs lie; EXPHIL_RT_HOME")
    parser.add_argument("--out", type=Path, default=Path("unlearning"))
    options = parser.parse_args()
    options.characters = options.characters or ["mewtwo", "fox"]
    options.opponents = options.opponents or ["random", "cpu3"]
    torch.set_num_threads(1)
    if options.home is not None:
        os.environ["EXPHIL_RT_HOME"] = str(options.home.absolute())
    home = Home.find()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}")
    rows_file = options.out.with_suffix(".jsonl")
    rows = [json.loads(line) for line in rows_file.read_text().splitlines()] if rows_file.is_file() else []
    names = options.backbones.split(",")
    if options.policy:
        names = [load_policy(options.policy).policy.config.backbone]
        options.policy = resolve_bundle(options.policy, home.root).name
    for backbone in names:
        given = {"backbone": backbone, "frames": options.frames, "games": options.games, "set": options.set}
        if not any({key: row[key] for key in given} == given for row in rows):
            try:
                rows.append(measured(backbone, options, home))
            except NoReplays as error:
                print(f"nothing to learn from: {error}")
                return
            with rows_file.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    print("\n| backbone | against | points before | after | percent a life | self-destructs a minute | a game |")
    for row in rows:
        verdict(row)


if __name__ == "__main__":
    main()
