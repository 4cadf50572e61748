"""Which backbone, for what is to be had? All of them on the same games: loss at equal time and at equal steps.

    python benchmarks/bench_backbones.py FOLDER [--minutes 3] [--epochs 3] [--seeds 1] [--out backbones]

FOLDER (else EXPHIL_RT_REPLAYS, else Slippi's own) holds .slp files. Time is the learner's own processor time, measuring
left out, so that a machine which others use gives the same table. Each training is added to OUT.jsonl when it is over;
run again with the same OUT, only those are trained that it lacks. Writes OUT.html (tables and plots) at the end.
Latency is that of a whole step, from a frame to controllers: batch 1, and 64 games at once, torch beside ONNX Runtime.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from exphil_rt.game.frames import Frames
from exphil_rt.inference.export import quantise, to_onnx
from exphil_rt.inference.onnx_player import OnnxPlayer
from exphil_rt.inference.player import Player
from exphil_rt.inference.torch_player import TorchPlayer
from exphil_rt.policy.backbones import BACKBONES
from exphil_rt.policy.config import PolicyConfig, new_config, parse_options
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import build_inputs
from exphil_rt.policy.policy import Policy
from exphil_rt.replays import find_replays, replay_folder
from exphil_rt.training.dataset import BuildReport, BuildSettings, Split, build_dataset
from exphil_rt.training.imitation import ImitationConfig, fit

WALL, STEPS = "time", "steps"
SHOWN = (
    "frames_per_second", "steps", "nll", "table_nll", "nll_changed", "table_nll_changed", "accuracy",
    "accuracy_changed",
)  # fmt: skip
COLOURS = ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#b07aa1", "#9c755f")


def train(config: PolicyConfig, data: Split, seed: int, kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """One training, for equal time or for equal steps."""
    torch.manual_seed(seed)
    curve, frames = [], [0]
    began = time.process_time()

    def told(report: Any) -> None:
        curve.append((time.process_time() - began, frames[0], report.held_out.nll, report.held_out.nll_changed))

    def counted(progress: Any) -> None:
        frames[0] = progress.frames

    # The rate of the settings' default: at twice this one Mamba is behind the table for its first 40 steps.
    given = {"batch": 32, "learning_rate": 1e-3, "seed": seed, **parse_options(options.set)}
    if kind == "steps":
        given |= {"epochs": options.epochs, "patience": options.epochs}
    else:
        given |= {"epochs": 1000, "patience": 1000, "max_seconds": 60 * options.minutes}
    settings = msgspec.convert(given, ImitationConfig)
    result = fit(Policy(config), data, settings, on_progress=counted, on_epoch=told, clock=time.process_time)
    return {
        "epochs": len(result.epochs),
        "steps": result.steps,
        "seconds": time.process_time() - began,
        "frames_per_second": result.frames_per_second,
        "nll": result.score.nll,
        "nll_changed": result.score.nll_changed,
        "accuracy": result.score.accuracy,
        "accuracy_changed": result.score.accuracy_changed,
        "table_nll": result.previous.nll,
        "table_nll_changed": result.previous.nll_changed,
        "beats_table": result.score.nll < result.previous.nll
        and result.score.nll_changed < result.previous.nll_changed,
        "curve": curve,
    }


def latency(policy: Policy, seconds: float) -> dict[str, Any]:
    """Microseconds of a step from frames to controllers: median and p99 for one game, and a game of 64."""
    model = to_onnx(policy)
    found = {}
    for name, rows, player in (
        ("torch, 1 game", 1, TorchPlayer(policy, 1.0, 1, torch.device("cpu"))),
        ("onnx, 1 game", 1, OnnxPlayer(policy, 1.0, 1, model)),
        ("onnx 8 bit, 1 game", 1, OnnxPlayer(policy, 1.0, 1, quantise(model))),
        ("torch, 64 games", 64, TorchPlayer(policy, 1.0, 64, torch.device("cpu"))),
        ("onnx, 64 games", 64, OnnxPlayer(policy, 1.0, 64, model)),
    ):
        median, late = timed(policy.config, player, rows, seconds)
        found[name] = {"p50": median, "p99": late, "a_game": median / rows}
    return found


def timed(config: PolicyConfig, player: Player, rows: int, seconds: float) -> tuple[float, float]:
    encoder, every = Encoder(config.schema), np.arange(rows)
    frames = Frames.allocate((rows,))
    frames.players.exists[:] = 1
    rng = np.random.default_rng(0)
    frames.players.position_x[:] = rng.normal(0, 40, (rows, 2))
    committed = np.tile(config.codec.neutral(), (rows, config.dmax, 1))
    mask = np.ones((rows, config.dmax), np.uint8)
    noise = (rng.random((rows, config.codec.num_logits)) * 0.99 + 0.005).astype(np.float32)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < 200:
        start = time.perf_counter()
        inputs = build_inputs(encoder, config.codec, frames, 0, committed, mask, config.delay)
        actions, _, _ = player.decide(every, inputs, noise)
        config.codec.decode(actions)
        taken.append((time.perf_counter() - start) * 1e6)
    warm = taken[20:]
    return float(np.median(warm)), float(np.quantile(warm, 0.99))


def plot(series: dict[str, Sequence[tuple[float, float]]], across: str, up: str) -> str:
    """Lines as SVG."""
    points = [point for line in series.values() for point in line]
    if not points:
        return ""
    (x0, x1), (y0, y1) = (((min(v)), (max(v))) for v in zip(*points, strict=True))
    x0, spread, height = 0.0, max(y1 - y0, 1e-9), 260

    def place(point: tuple[float, float]) -> str:
        x = 50 + 520 * (point[0] - x0) / max(x1 - x0, 1e-9)
        return f"{x:.1f},{20 + height * (1 - (point[1] - y0) / spread):.1f}"

    parts = [f'<svg viewBox="0 0 720 330" width="720" role="img"><text x="300" y="320">{html.escape(across)}</text>']
    parts.append(f'<text x="4" y="14">{html.escape(up)}</text><text x="4" y="34">{y1:.2f}</text>')
    parts.append(f'<text x="4" y="{height + 20}">{y0:.2f}</text><text x="545" y="300">{x1:.0f}</text>')
    parts.append(f'<path d="M50 20V{height + 20}H575" fill="none" stroke="#888"/>')
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(place(point) for point in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in (p.split(",") for p in path.split())]
        parts.append(f'<text x="585" y="{30 + 18 * number}" fill="{colour}">{html.escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def page(found: dict[str, Any]) -> str:
    """The report: self-contained."""
    names = list(found["backbones"])
    shown = [f"<h1>Backbones</h1><p>{html.escape(found['machine'])}<br>{html.escape(found['data'])}</p>"]
    for key, title in ((WALL, f"Equal processor time ({found['minutes']:g} min)"), (STEPS, "Equal steps")):
        head = "".join(f"<th>{h}</th>" for h in (
            "backbone", "seed", "epochs", "frames/s", "NLL", "table", "changed", "table", "right",
            "changed right", "beats both",
        ))  # fmt: skip
        rows = "".join(
            f"<tr><td>{name}</td><td>{seed}</td><td>{r['epochs']}</td><td>{r['frames_per_second']:,.0f}</td>"
            f"<td>{r['nll']:.3f}</td><td>{r['table_nll']:.3f}</td><td>{r['nll_changed']:.3f}</td>"
            f"<td>{r['table_nll_changed']:.3f}</td><td>{r['accuracy']:.3f}</td><td>{r['accuracy_changed']:.3f}</td>"
            f"<td>{'yes' if r['beats_table'] else 'no'}</td></tr>"
            for name in names
            for seed, r in enumerate(found["backbones"][name][key])
        )
        shown.append(f"<h2>{title}</h2><table><tr>{head}</tr>{rows}</table>")
        for at, across in ((0, "seconds"), (1, "frames")):
            lines = {n: [(c[at], c[2]) for c in found["backbones"][n][key][0]["curve"]] for n in names
                     if found["backbones"][n][key]}  # fmt: skip
            shown.append(plot(lines, across, "held-out NLL, nats a frame"))
    found_latency = {name: found["backbones"][name]["latency"] for name in names if found["backbones"][name]["latency"]}
    kinds = list(next(iter(found_latency.values()), {}))
    head = "".join(f"<th>{html.escape(kind)}</th>" for kind in ("backbone", "weights", *kinds))
    rows = "".join(
        f"<tr><td>{name}</td><td>{found['backbones'][name]['weights']:,}</td>"
        + "".join(
            f"<td>{v['p50']:.0f} / {v['p99']:.0f}" + (f" ({v['a_game']:.1f} a game)" if "64" in kind else "") + "</td>"
            for kind, v in of.items()
        )
        + "</tr>"
        for name, of in found_latency.items()
    )
    shown.append(f"<h2>A step, frame to controllers: microseconds, p50 / p99</h2><table><tr>{head}</tr>{rows}</table>")
    style = (
        "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{padding:3px 10px;text-align:right}"
    )
    return f"<!doctype html><meta charset=utf-8><title>Backbones</title><style>{style}</style>" + "".join(shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--minutes", type=float, default=3.0, help="processor time of each training; 0 leaves it out")
    parser.add_argument("--epochs", type=int, default=3, help="of the trainings of equal steps; 0 leaves them out")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--hold", action="append", default=[], help="a file to hold out for every seed")
    parser.add_argument("--backbones", nargs="*", default=list(BACKBONES))
    parser.add_argument("--option", action="append", default=[], help="BACKBONE.NAME=VALUE")
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE of the imitation's config")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=2, help="jamba has at least three")
    parser.add_argument("--heads", default="autoregressive")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="spent on each latency; 0 leaves it out")
    parser.add_argument("--out", type=Path, default=Path("backbones"))
    options = parser.parse_args()
    paths = find_replays(replay_folder(options.folder))
    machine = (
        f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}, "
        f"{options.threads} threads to train, 1 to play"
    )
    print(machine)
    with tempfile.TemporaryDirectory() as scratch:
        report = build_dataset(Path(scratch) / "bench", paths, BuildSettings())
        trainings(report, machine, options)
    print(options.out.with_suffix(".html"))


def trainings(report: BuildReport, machine: str, options: argparse.Namespace) -> None:
    """Those that the file lacks; seed by seed, so that a table of fewer seeds is whole early."""
    file = options.out.with_suffix(".jsonl")
    done = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    settings = {
        name: value
        for name, value in sorted(vars(options).items())
        if name not in ("out", "seconds", "seeds", "backbones", "folder")
    }
    known = {(row["backbone"], row["seed"], row["kind"]) for row in done if row["settings"] == settings}
    configs = {name: config_of(name, options) for name in options.backbones}
    for seed in range(options.seeds):
        data = split(report, options.hold, seed)
        for kind in [kind for kind, wanted in ((WALL, options.minutes), (STEPS, options.epochs)) if wanted]:
            for name, config in configs.items():
                if (name, seed, kind) in known:
                    continue
                torch.set_num_threads(options.threads)
                row = {"backbone": name, "seed": seed, "kind": kind, "settings": settings}
                row |= train(config, data, seed, kind, options)
                done.append(row)
                with file.open("a") as stream:
                    stream.write(json.dumps(row) + "\n")
                print(
                    f"{name:10} seed {seed} {kind:5} {row['epochs']:3} epochs {row['steps']:5} steps "
                    f"{row['frames_per_second']:8,.0f} frames/s  NLL {row['nll']:.3f} (table {row['table_nll']:.3f})  "
                    f"changed {row['nll_changed']:.3f} ({row['table_nll_changed']:.3f})  right {row['accuracy']:.3f}, "
                    f"changed {row['accuracy_changed']:.3f}  beats both: {row['beats_table']}",
                    flush=True,
                )
    mine = [row for row in done if row["settings"] == settings]
    found: dict[str, Any] = {
        "machine": machine, "data": report.selection.kept_line(), "minutes": options.minutes, "backbones": {},
    }  # fmt: skip
    torch.set_num_threads(1)
    for name, config in configs.items():
        policy = Policy(config).eval()
        kept: dict[str, Any] = {"weights": policy.parameter_count, "latency": {}}
        for kind in (WALL, STEPS):
            kept[kind] = sorted(
                (row for row in mine if (row["backbone"], row["kind"]) == (name, kind)), key=lambda row: row["seed"]
            )
        if options.seconds:
            kept["latency"] = latency(policy, options.seconds)
            for kind, v in kept["latency"].items():
                print(
                    f"{name:10} {kind:20} p50 {v['p50']:7.0f} p99 {v['p99']:7.0f} us, a game {v['a_game']:.1f}",
                    flush=True,
                )
        found["backbones"][name] = kept
    summary(found)
    options.out.with_suffix(".html").write_text(page(found))


def summary(found: dict[str, Any]) -> None:
    """Means over the seeds, as a table for a page."""
    for kind in (WALL, STEPS):
        print(f"\n{kind}: means of the seeds (smallest to largest NLL)")
        for name, kept in found["backbones"].items():
            if not (rows := kept[kind]):
                continue
            mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key in SHOWN}
            nlls = [row["nll"] for row in rows]
            cells = [
                f"`{name}`",
                f"{len(rows)}",
                f"{mean['frames_per_second']:,.0f}",
                f"{mean['steps']:,.0f}",
                f"{mean['nll']:.3f} ({min(nlls):.3f} to {max(nlls):.3f})",
                *(f"{mean[key]:.3f}" for key in SHOWN[3:]),
            ]
            print(f"| {' | '.join(cells)} |")


def config_of(name: str, options: argparse.Namespace) -> PolicyConfig:
    """Of one backbone."""
    given = parse_options(o.partition(".")[2] for o in options.option if o.startswith(f"{name}."))
    layers = max(options.layers, BACKBONES[name].layers if name in BACKBONES else 1)
    return new_config(name, hidden=options.hidden, layers=layers, options=given, heads=options.heads)


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
