"""``train imitation``: choose sides of replays, clone their play, and write the clone as a policy bundle."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.config import resolve
from exphil_rt.cli.eval_play import keep_card, played_text, show_card
from exphil_rt.cli.imitation_plan import STATE, ImitationPlan, begin_plan, policy_of, resume_plan
from exphil_rt.cli.options import ConfigFiles, Flag, Json, Preset, Settings
from exphil_rt.cli.output import duration, say, show, show_json, table
from exphil_rt.cli.progress import ProgressLine
from exphil_rt.cli.replay_build import build_text
from exphil_rt.cli.sides import Names, SideOptions, tell_selection
from exphil_rt.config import Config, Resolved
from exphil_rt.config.layers import DEFAULT
from exphil_rt.errors import ExphilError
from exphil_rt.policy.codec import read_codec
from exphil_rt.policy.config import HeadsKind, parse_options
from exphil_rt.policy.manifest import Manifest, Training, delay_sentence
from exphil_rt.policy.ref import bundle_name, next_version
from exphil_rt.replays import Selection, SideFilter, find_replays, read_many, replay_folder
from exphil_rt.store.home import Home

if TYPE_CHECKING:
    from exphil_rt.policy.policy import Policy
    from exphil_rt.rollout.closed_loop import ReportCard
    from exphil_rt.training.imitation import EpochReport, ImitationResult, Progress

PHYSICS: Final = "melee-1.02"
"""What recorded games are played on."""
ENDED: Final = {
    "epochs": "",
    "patience": ", stopped early: no better on held-out games",
    "seconds": ", its time was over",
    "interrupted": ", interrupted",
    "diverged": ", stopped: the loss diverged",
}


def imitation(
    replays: Path | None = None,
    /,
    *,
    sides: SideOptions = SideOptions(),  # noqa: B008
    epochs: int | None = None,
    policy_out: str = "clone",
    frame_delay: int | None = None,
    backbone: str | None = None,
    hidden: int | None = None,
    layers: int | None = None,
    backbone_options: Annotated[tuple[str, ...], Parameter(name="--backbone-option"), Names] = (),
    heads: HeadsKind = "autoregressive",
    codec: Path | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    held_out: float | None = None,
    seed: int | None = None,
    device: str | None = None,
    workers: Annotated[int, Parameter(validator=Number(gte=0, lte=64))] = 0,
    resume: Annotated[str | None, Parameter(name="--resume")] = None,
    restart: Flag = False,
    dry_run: Flag = False,
    preset: Preset = None,
    config: ConfigFiles = (),
    set_: Settings = (),
    json: Json = False,
) -> int:
    """Clone the play in .slp replays into a new policy.

    Args:
        replays: a data set, a folder of .slp files, or one of these; else EXPHIL_RT_REPLAYS, else Slippi's own folder.
        sides: which sides to learn from.
        epochs: times that every game is gone through; fewer where it no longer helps.
        policy_out: name of the policy to write; it gets the next free version.
        frame_delay: frames between deciding and acting; 18 plays online.
        backbone: mlp, gru, lstm, attention, hybrid, mamba, jamba, or module:Class of a package that you trust.
        hidden: width of the network.
        layers: layers of the backbone; else as many as it is best begun with.
        backbone_options: an option of the backbone, as window=120; repeat it for several.
        heads: which choices of an action are made at once: none, the buttons (grouped) or all (independent).
        codec: an action codec that `replay kmeans` wrote; else 17 centres an axis.
        batch: sequences learned from at a time.
        learning_rate: highest step size.
        held_out: share of the games to measure on, never learned from.
        seed: key of the split and of every random draw.
        device: auto, cpu, cuda:N or mps.
        workers: processes that read replays; 0 is one for each core.
        resume: go on with the unfinished training of this policy name, with its own replays and settings.
        restart: begin again where an unfinished training of that name lies.
        dry_run: say what would be learned from and how, and stop.
        preset: a named set of settings: quick, standard, production, a fighter, low_tier_unified.
        config: a settings file; repeat it for several, the last one wins.
        set_: one setting, as `imitation.focal=2`.
        json: print the result as JSON.
    """
    home = Home.find()
    flags: dict[str, object] = {
        "imitation.epochs": epochs,
        "imitation.batch": batch,
        "imitation.learning_rate": learning_rate,
        "imitation.held_out": held_out,
        "policy.delay": frame_delay,
        "policy.backbone": backbone,
        "policy.hidden": hidden,
        "policy.layers": layers,
        "run.seed": seed,
        "train.device": device,
    }
    if resume is not None:
        plan, resolved = resume_plan(home, resume, preset, config, set_, flags)
    else:
        bundle_name(policy_out, 1)
        resolved = resolve(preset, config, set_, flags)
        plan = ImitationPlan(
            policy_out=policy_out,
            replays=None if replays is None else str(replays.absolute() if replays.exists() else replays),
            sides=sides,
            policy=policy_of(
                resolved.config, heads, None if codec is None else read_codec(codec), parse_options(backbone_options)
            ),
        )
    settings = resolved.config
    characters = plan.sides.characters or settings.imitation.characters
    wanted = replace(plan.sides, characters=characters).filter(home)
    if dry_run:
        return _dry_run(plan, resolved, wanted, workers)
    folder = begin_plan(home, plan, resolved, going_on=resume is not None, restart=restart)

    import torch

    from exphil_rt.policy.bundle import save_bundle
    from exphil_rt.policy.device import pick_device
    from exphil_rt.policy.policy import Policy
    from exphil_rt.training.dataset.build import BuildSettings
    from exphil_rt.training.dataset.dataset import chosen
    from exphil_rt.training.dataset.find import open_or_build
    from exphil_rt.training.imitation import fit
    from exphil_rt.training.imitation_config import of_settings

    target = pick_device(settings.train.device)
    torch.set_num_threads(1)  # small networks gain nothing by more
    began = time.monotonic()
    line = ProgressLine()
    dataset, selection = open_or_build(
        home,
        plan.replays,
        BuildSettings(schema=plan.policy.schema, filter=wanted, workers=workers),
        on_start=say,
        on_progress=lambda now: line.update(lambda: build_text(now)),
    )
    line.end()
    shape = msgspec.structs.replace(plan.policy, schema=dataset.schema)
    about = selection or chosen(dataset, wanted)
    tell_selection(about)
    key = settings.run.seed
    data = dataset.split(settings.imitation.held_out, key)
    games = len({side.game for side in data.held_out})
    say(f"{games} of the games held out to measure on (seed {key}); read in {time.monotonic() - began:.1f} s.")
    say(delay_sentence(shape.delay))
    torch.manual_seed(key)
    policy = Policy(shape).to(target)
    result = fit(
        policy,
        data,
        of_settings(settings.imitation, key),
        folder=folder / STATE,
        on_progress=lambda progress: line.update(lambda: _progress_text(progress)),
        on_epoch=lambda report: line.end(_epoch_text(report)),
        on_event=line.end,
    )
    manifest = _manifest(home, plan, policy, about, result, settings)
    graded = _graded(policy, manifest, settings) if settings.imitation.report_games else None
    if graded is not None:
        manifest = msgspec.structs.replace(manifest, temperature=graded[0].temperature)
    path = home.policies / manifest.ref
    manifest = save_bundle(path, policy, manifest)
    if graded is not None:
        keep_card(*graded, path)
    if result.ended == "interrupted":
        say(f"go on with: exphil-rt train imitation --resume {plan.policy_out}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    if json:
        card = graded[0] if graded is not None else None
        show_json(
            {
                "policy": manifest.ref,
                "path": str(path),
                "data": about.kept_line(),
                "result": result,
                "report_card": card,
            }
        )
    else:
        if graded is not None:
            show_card(graded[0])
            show()
        _summarise(result, manifest, path)
    return 130 if result.ended == "interrupted" else 0


def _dry_run(plan: ImitationPlan, resolved: Resolved, wanted: SideFilter, workers: int) -> int:
    """Read and choose as training would, say how it would learn, and write nothing."""
    for key, origin in resolved.origin.items():
        section, _, name = key.partition(".")
        if section in ("imitation", "policy") and origin != DEFAULT:
            say(f"{key} = {getattr(getattr(resolved.config, section), name)!r}  ({origin})")
    say(
        f"policy {plan.policy_out}: {plan.policy.backbone} of {plan.policy.layers} x {plan.policy.hidden}, seed "
        f"{resolved.config.run.seed}; {delay_sentence(plan.policy.delay)}"
    )
    folder = replay_folder(plan.replays)
    paths = find_replays(folder)
    say(f"Reading {len(paths)} replays in {folder.path} ({folder.origin}) ...")
    selection, line = Selection(wanted), ProgressLine()
    for number, result in enumerate(read_many(paths, rollback="first", workers=workers), start=1):
        selection.take(result)
        line.update(lambda done=number: f"read {done} of {len(paths)} replays")  # type: ignore[misc]
    line.end()
    tell_selection(selection)
    return 0


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


def _manifest(
    home: Home, plan: ImitationPlan, policy: Policy, selection: Selection, result: ImitationResult, settings: Config
) -> Manifest:
    """Of the next version that is free."""
    from exphil_rt.training.imitation import metrics

    name = plan.policy_out
    version = next_version(name, home.root)
    return Manifest(
        name=name,
        version=version,
        config=policy.config,
        characters=tuple(sorted(selection.sides)),
        training=Training(
            method="imitation",
            data="; ".join([selection.kept_line(), *selection.dropped_lines()]),
            steps=result.steps,
            frames=result.frames,
            seed=settings.run.seed,
            delays=settings.imitation.delays,
        ),
        metrics=metrics(result, policy.config.codec.heads),
        physics=PHYSICS,
    )


def _graded(policy: Policy, manifest: Manifest, settings: Config) -> tuple[ReportCard, bytes] | None:
    """How it plays, and at which temperature best; None where the embedded game cannot say."""
    from exphil_rt.policy.playable import PlayablePolicy
    from exphil_rt.rollout.closed_loop import TEMPERATURES, grade

    games = settings.imitation.report_games
    say("playing for the report card ...")
    try:
        return grade(
            PlayablePolicy(policy, manifest),
            games=games + games % 2,
            temperatures=TEMPERATURES,
            stages=settings.game.stages,
            seed=settings.run.seed,
            on_played=lambda played: say(played_text(played)),
        )
    except ExphilError as error:
        say(f"no report card: {error.message}")
        return None


def _summarise(result: ImitationResult, manifest: Manifest, path: Path) -> None:
    ref = manifest.ref
    plural = "" if len(result.epochs) == 1 else "s"
    best = f"mean of the last {result.averaged}" if result.averaged else f"epoch {result.best_epoch}"
    show(
        f"{len(result.epochs)} epoch{plural} in {duration(result.seconds)} ({result.frames_per_second:,.0f} frames/s), "
        f"best: {best}{ENDED[result.ended]}"
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
        for n, head in enumerate(manifest.config.codec.heads)
    ]  # fmt: skip
    show(table(("head", "NLL", "changed", "accuracy", "changed"), heads, right="NLL changed accuracy"))
    show("(NLL in nats a frame; changed: frames whose action differs from the one before)")
    if result.score.nll >= result.previous.nll:
        show("It predicts no better than a table of what followed what: give it more games.")
    show()
    show(f"policy: {ref}  {path}")
    show(f"next: exphil-rt self-play --policy {ref.partition('@')[0]}")
