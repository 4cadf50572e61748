"""``train imitation``: choose sides of replays, clone their play, and write the clone as a policy bundle."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.config import resolve
from exphil_rt.cli.options import Flag, Json
from exphil_rt.cli.output import duration, say, show, show_json, table
from exphil_rt.policy.config import new_config, parse_options
from exphil_rt.policy.delay import MAX_DELAY
from exphil_rt.policy.manifest import Manifest, Training, delay_sentence
from exphil_rt.policy.ref import bundle_name, next_version
from exphil_rt.replays import Selection, SideFilter, find_replays, read_many, replay_folder
from exphil_rt.store.home import Home

if TYPE_CHECKING:
    from exphil_rt.policy.policy import Policy
    from exphil_rt.training.imitation import EpochReport, ImitationResult, Progress

LINE_S: Final = 5.0
"""Seconds between two progress lines where they cannot overwrite each other."""
REDRAW_S: Final = 0.2
PHYSICS: Final = "melee-1.02"
"""What recorded games are played on."""
ENDED: Final = {
    "epochs": "",
    "patience": ", stopped early: no better on held-out games",
    "interrupted": ", interrupted",
    "diverged": ", stopped: the loss diverged",
}

Names = Parameter(consume_multiple=False, negative="")
Positive = Annotated[int, Parameter(validator=Number(gte=1))]


def imitation(
    replays: Path | None = None,
    /,
    *,
    characters: Annotated[tuple[str, ...], Parameter(name="--character"), Names] = (),
    versus: Annotated[tuple[str, ...], Parameter(name="--vs"), Names] = (),
    players: Annotated[tuple[str, ...], Parameter(name="--player"), Names] = (),
    include_cpu: Flag = False,
    epochs: Positive = 10,
    policy_out: str = "clone",
    frame_delay: Annotated[int, Parameter(validator=Number(gte=0, lte=MAX_DELAY))] = 0,
    backbone: str = "gru",
    hidden: Positive = 128,
    layers: Positive | None = None,
    backbone_options: Annotated[tuple[str, ...], Parameter(name="--backbone-option"), Names] = (),
    batch: Positive = 16,
    learning_rate: Annotated[float, Parameter(validator=Number(gt=0, lte=1))] = 1e-3,
    held_out: Annotated[float, Parameter(validator=Number(gt=0, lt=1))] = 0.15,
    seed: int = 0,
    device: str = "auto",
    workers: Annotated[int, Parameter(validator=Number(gte=0, lte=64))] = 0,
    dry_run: Flag = False,
    json: Json = False,
) -> int:
    """Clone the play in .slp replays into a new policy.

    Args:
        replays: a folder of .slp files, or one; else EXPHIL_RT_REPLAYS, else Slippi's own folder.
        characters: learn from sides that play this fighter; repeat it for several.
        versus: only against this fighter; repeat it for several.
        players: only sides of this connect code (ABCD#123); repeat it for several.
        include_cpu: learn from sides that the game's own CPU plays, too.
        epochs: times that every game is gone through; fewer where it no longer helps.
        policy_out: name of the policy to write; it gets the next free version.
        frame_delay: frames between deciding and acting; 18 plays online.
        backbone: mlp, gru, lstm, attention, hybrid, mamba, jamba, or module:Class of a package that you trust.
        hidden: width of the network.
        layers: layers of the backbone; else as many as it is best begun with.
        backbone_options: an option of the backbone, as window=120; repeat it for several.
        batch: sequences learned from at a time.
        learning_rate: highest step size.
        held_out: share of the games to measure on, never learned from.
        seed: key of the split and of every random draw.
        device: auto, cpu, cuda:N or mps.
        workers: processes that read replays; 0 is one for each core.
        dry_run: say what would be learned from, and stop.
        json: print the result as JSON.
    """
    home = Home.find()
    bundle_name(policy_out, 1)
    wanted = SideFilter.parse(characters, versus, players, cpu=include_cpu)
    resolve(None, (), ())  # which packages are trusted
    config = new_config(
        backbone, hidden=hidden, layers=layers, options=parse_options(backbone_options), delay=frame_delay
    )
    folder = replay_folder(replays)
    paths = find_replays(folder)
    say(f"Reading {len(paths)} replays in {folder.path} ({folder.origin}) ...")
    if dry_run:
        return _dry_run(paths, wanted, workers)

    import torch

    from exphil_rt.policy.device import pick_device
    from exphil_rt.policy.policy import Policy
    from exphil_rt.training.imitation import ImitationConfig, fit
    from exphil_rt.training.imitation_data import load_sides, split

    target = pick_device(device)
    torch.set_num_threads(1)  # small networks gain nothing by more
    began = time.monotonic()
    line = _Line()
    sides, selection = load_sides(
        paths,
        wanted,
        config,
        workers=workers,
        on_file=lambda done: line.update(_read_text(done, len(paths))),
    )
    line.end()
    _tell(selection)
    data = split(sides, selection, held_out, seed)
    games = len({side.game for side in data.held_out})
    say(f"{games} of the games held out to measure on (seed {seed}); read in {time.monotonic() - began:.1f} s.")
    say(delay_sentence(frame_delay))
    torch.manual_seed(seed)
    policy = Policy(config).to(target)
    result = fit(
        policy,
        data,
        ImitationConfig(epochs=epochs, batch=batch, learning_rate=learning_rate, seed=seed),
        on_progress=lambda progress: line.update(lambda: _progress_text(progress)),
        on_epoch=lambda report: line.end(_epoch_text(report)),
    )
    manifest = _save(home, policy_out, policy, data.selection, result, seed)
    path = home.policies / manifest.ref
    if json:
        show_json({"policy": manifest.ref, "path": str(path), "data": data.selection.kept_line(), "result": result})
    else:
        _summarise(result, manifest.ref, path)
    return 130 if result.ended == "interrupted" else 0


def _dry_run(paths: list[Path], wanted: SideFilter, workers: int) -> int:
    selection, line = Selection(wanted), _Line()
    for number, result in enumerate(read_many(paths, rollback="first", workers=workers), start=1):
        selection.take(result)
        line.update(_read_text(number, len(paths)))
    line.end()
    _tell(selection)
    return 0


def _tell(selection: Selection) -> None:
    for text in selection.dropped_lines():
        say(f"  {text}")
    say(f"Left to learn from: {selection.kept_line()}.")


class _Line:
    """One line of progress on stderr: rewritten in place on a terminal, now and then a new one elsewhere."""

    def __init__(self) -> None:
        self._in_place = sys.stderr.isatty()
        self._every = REDRAW_S if self._in_place else LINE_S
        self._due = time.monotonic() + self._every
        self._drawn = False

    def update(self, text: Callable[[], str]) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + self._every
        if self._in_place:
            print(f"\r\x1b[K{text()}", end="", file=sys.stderr, flush=True)
            self._drawn = True
        else:
            say(text())

    def end(self, text: str = "") -> None:
        """Take the line away, and leave ``text`` in its place."""
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._drawn = False
        if text:
            say(text)


def _read_text(done: int, files: int) -> Callable[[], str]:
    return lambda: f"read {done} of {files} replays"


def _progress_text(progress: Progress) -> str:
    return (
        f"epoch {progress.epoch}/{progress.epochs}  {progress.frames / progress.total_frames:4.0%}  "
        f"NLL {progress.nll:.3f}  {progress.frames_per_second:,.0f} frames/s  ETA {duration(progress.eta_s)}"
    )


def _epoch_text(report: EpochReport) -> str:
    return (
        f"epoch {report.epoch}  train NLL {report.train_nll:.3f}  held-out NLL {report.held_out.nll:.3f}  "
        f"changed frames {report.held_out.nll_changed:.3f}  {duration(report.seconds)}{'  best' if report.best else ''}"
    )


def _save(home: Home, name: str, policy: Policy, selection: Selection, result: ImitationResult, seed: int) -> Manifest:
    """Write the bundle under the next version that is free."""
    from exphil_rt.policy.bundle import save_bundle
    from exphil_rt.training.imitation import metrics

    version = next_version(name, home.root)
    manifest = Manifest(
        name=name,
        version=version,
        config=policy.config,
        characters=tuple(sorted(selection.sides)),
        training=Training(
            method="imitation",
            data="; ".join([selection.kept_line(), *selection.dropped_lines()]),
            steps=result.steps,
            frames=result.frames,
            seed=seed,
        ),
        metrics=metrics(result),
        physics=PHYSICS,
    )
    return save_bundle(home.policies / bundle_name(name, version), policy, manifest)


def _summarise(result: ImitationResult, ref: str, path: Path) -> None:
    from exphil_rt.policy.codec import HEADS

    plural = "" if len(result.epochs) == 1 else "s"
    show(
        f"{len(result.epochs)} epoch{plural} in {duration(result.seconds)} ({result.frames_per_second:,.0f} frames/s), "
        f"best: epoch {result.best_epoch}{ENDED[result.ended]}"
    )
    show()
    rows = [
        (name, f"{s.nll:.3f}", f"{s.nll_changed:.3f}", f"{s.accuracy:.1%}", f"{s.accuracy_changed:.1%}")
        for name, s in ((ref, result.score), ("P(a | previous a)", result.previous), ("P(a)", result.marginal))
    ]
    show(table(("held out", "NLL", "changed", "accuracy", "changed"), rows, right="NLL changed accuracy"))
    show()
    score = result.score
    heads = [
        (head, f"{score.head_nll[n]:.3f}", f"{score.head_nll_changed[n]:.3f}",
         f"{score.head_accuracy[n]:.1%}", f"{score.head_accuracy_changed[n]:.1%}")
        for n, head in enumerate(HEADS)
    ]  # fmt: skip
    show(table(("head", "NLL", "changed", "accuracy", "changed"), heads, right="NLL changed accuracy"))
    show("(NLL in nats a frame; changed: frames whose action differs from the one before)")
    if result.score.nll >= result.previous.nll:
        show("It predicts no better than a table of what followed what: give it more games.")
    show()
    show(f"policy: {ref}  {path}")
    show(f"next: exphil-rt self-play --policy {ref.partition('@')[0]}")
