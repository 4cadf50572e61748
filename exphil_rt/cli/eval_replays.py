"""``eval replays`` and ``eval average``: how well policies predict recorded play."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.config import resolve
from exphil_rt.cli.options import Json
from exphil_rt.cli.output import say, show, show_json, table
from exphil_rt.cli.progress import ProgressLine
from exphil_rt.cli.sides import Names, SideOptions, Workers, tell_selection
from exphil_rt.errors import ExphilError
from exphil_rt.game import ids
from exphil_rt.policy.manifest import Manifest, check_delay
from exphil_rt.policy.ref import bundle_name, next_version, resolve_bundle
from exphil_rt.store.home import Home

if TYPE_CHECKING:
    from exphil_rt.policy.policy import Policy
    from exphil_rt.training.baselines import Score
    from exphil_rt.training.dataset import Dataset, Split
    from exphil_rt.training.replay_report import ReplayReport

SHORT: Final = ("-", "R", "UR", "U", "UL", "L", "DL", "D", "DR")
"""Columns of the stick's confusion."""


class EvaluationInvalid(ExphilError):
    """A measurement that would say nothing."""

    exit_code = 2


def replays(
    policy: str,
    path: Path | None = None,
    /,
    *,
    sides: SideOptions = SideOptions(),  # noqa: B008
    fit: Path | None = None,
    held_out: Annotated[float, Parameter(validator=Number(gt=0, lt=1))] = 0.15,
    seed: int | None = None,
    frame_delay: int | None = None,
    delays: Annotated[tuple[int, ...], Parameter(name="--delay-curve"), Names] = (),
    plot: Path | None = None,
    export_predictions: Path | None = None,
    workers: Workers = 0,
    json: Json = False,
) -> None:
    """Measure a policy's predictions on replays beside two tables: P(a) and P(a | previous a).

    Args:
        policy: a policy: NAME, NAME@vN, NAME@latest, NAME@best, or a path.
        path: a data set, a folder of .slp files, or one of these; else EXPHIL_RT_REPLAYS, else Slippi's own folder.
        sides: which sides to measure on; by default those that play what the policy was trained with.
        fit: games to count the tables on; then all of PATH is measured. Else PATH is split as training splits it.
        held_out: share of the games that is measured; the tables are counted on the others.
        seed: key of that split; by default the one that the policy was trained with.
        frame_delay: another delay that it was trained for.
        delays: measure at this delay, too; repeat it (0, 6, 12, 18). Only delays that it was trained for.
        plot: draw accuracy against delay as PNG.
        export_predictions: every prediction as a Parquet file.
        workers: processes that read replays; 0 is one for each core.
        json: print the report as JSON.
    """
    home = Home.find()
    resolve(None, (), ())  # which packages are trusted
    import torch

    from exphil_rt.policy.bundle import load_bundle
    from exphil_rt.training.replay_report import replay_report

    torch.set_num_threads(1)
    net, manifest = load_bundle(resolve_bundle(policy, home.root))
    asked = dict.fromkeys((*delays, *(() if frame_delay is None else (frame_delay,))))
    for delay in asked:
        check_delay(manifest, delay)
    dataset = _open(home, path, net, manifest.characters, sides, workers)
    key = manifest.training.seed if seed is None else seed
    split: Split | None = None
    if fit is None:
        split = dataset.split(held_out, key)
        measured, counted, tables = split.held_out, (dataset, split.train), f"the other games (seed {key})"
    else:
        other = _open(home, fit, net, manifest.characters, sides, workers)
        measured, counted, tables = dataset.sides, (other, other.sides), str(fit)
    reports = [
        replay_report(net, dataset, measured, counted, tables=tables, delay=delay, export=export)
        for delay, export in [
            (delay, export_predictions if place == 0 else None)
            for place, delay in enumerate(asked or {manifest.delay: None})
        ]
    ]
    if plot is not None:
        _plot(reports, manifest, plot)
        say(f"plot: {plot}")
    if json:
        show_json(reports[0] if len(reports) == 1 else {"by_delay": reports})
        return
    for report in reports:
        _show(report, manifest)
    if export_predictions is not None:
        say(f"predictions: {export_predictions}")


def average(
    *policies: str,
    on: Path | None = None,
    policy_out: str = "average",
    sides: SideOptions = SideOptions(),  # noqa: B008
    held_out: Annotated[float, Parameter(validator=Number(gt=0, lt=1))] = 0.15,
    workers: Workers = 0,
    json: Json = False,
) -> None:
    """Average the weights of several versions of a policy into a new one, and compare it with each of them.

    Args:
        policies: two or more policies of one architecture, as NAME@v3 NAME@v4 NAME@v5.
        on: replays to compare on; without them nothing is measured.
        policy_out: name of the policy to write; it gets the next free version.
        sides: which sides to measure on.
        held_out: share of the games that is measured.
        workers: processes that read replays; 0 is one for each core.
        json: print the result as JSON.
    """
    home = Home.find()
    bundle_name(policy_out, 1)
    if len(policies) < 2:
        raise EvaluationInvalid("An average is of two policies at least.", hint="Name them: NAME@v3 NAME@v4 ...")
    resolve(None, (), ())
    import torch

    from exphil_rt.policy.bundle import load_bundle, save_bundle
    from exphil_rt.training.imitation import evaluate, mean_of

    torch.set_num_threads(1)
    loaded = [load_bundle(resolve_bundle(policy, home.root)) for policy in policies]
    last, manifest = loaded[-1]
    if any(other.config != manifest.config for _, other in loaded):
        raise EvaluationInvalid(
            "These policies are not of one architecture, schema, codec and delay.",
            hint="`exphil-rt policies compare A B` shows what differs.",
        )
    weights = mean_of([net.state_dict() for net, _ in loaded])
    scores: dict[str, float] = {}
    if on is not None:
        dataset = _open(home, on, last, manifest.characters, sides, workers)
        measured = dataset.split(held_out, manifest.training.seed).held_out
        for net, one in loaded:
            scores[one.ref] = evaluate(net, dataset, measured).nll
        last.load_state_dict(weights)
        scores["average"] = evaluate(last, dataset, measured).nll
    last.load_state_dict(weights)
    version = next_version(policy_out, home.root)
    found = save_bundle(
        home.policies / bundle_name(policy_out, version),
        last,
        Manifest(
            name=policy_out,
            version=version,
            config=manifest.config,
            characters=manifest.characters,
            temperature=manifest.temperature,
            parent=manifest.ref,
            training=msgspec.structs.replace(
                manifest.training, data=f"mean of {', '.join(one.ref for _, one in loaded)}"
            ),
            metrics={"nll": scores["average"]} if scores else {},
            physics=manifest.physics,
        ),
    )
    if json:
        show_json({"policy": found.ref, "nll": scores})
        return
    if scores:
        show(table(("policy", "NLL"), [(name, f"{nll:.4f}") for name, nll in scores.items()], right="NLL"))
    show(f"policy: {found.ref}")


def _open(
    home: Home, path: Path | None, net: Policy, known: tuple[int, ...], sides: SideOptions, workers: int
) -> Dataset:
    from exphil_rt.training.dataset.build import BuildSettings
    from exphil_rt.training.dataset.dataset import chosen
    from exphil_rt.training.dataset.find import open_or_build

    line = ProgressLine()
    if not sides.characters:
        sides = replace(sides, characters=tuple(ids.Character(number).name.lower() for number in known))
    wanted = sides.filter(home)
    dataset, selection = open_or_build(
        home,
        path,
        BuildSettings(schema=net.config.schema, filter=wanted, workers=workers),
        on_start=say,
        on_progress=lambda now: line.update(lambda: now.line),
    )
    line.end()
    if dataset.schema != net.config.schema:
        raise EvaluationInvalid(
            f"The data set {dataset.path.name} does not show what this policy observes.",
            hint="Name the folder of replays instead.",
        )
    tell_selection(selection or chosen(dataset, wanted))
    return dataset


def _row(name: str, s: Score) -> tuple[str, ...]:
    return (
        name,
        f"{s.frames:,}",
        f"{s.nll:.3f}",
        f"{s.nll_changed:.3f}",
        f"{s.accuracy:.1%}",
        f"{s.accuracy_changed:.1%}",
    )


def _show(report: ReplayReport, manifest: Manifest) -> None:
    head = ("held out", "frames", "NLL", "changed", "accuracy", "changed")
    rows = [
        _row(manifest.ref, report.policy),
        _row("P(a | previous a)", report.previous),
        _row("P(a)", report.marginal),
    ]
    if len(report.by_character) > 1:
        rows += [_row(f"  {name}", score) for name, score in report.by_character.items()]
    show(f"delay {report.delay}; tables counted on {report.tables}")
    show(table(head, rows, right="frames NLL changed accuracy"))
    show()
    score = report.policy
    heads = [
        (name, f"{score.head_nll[n]:.3f}", f"{score.head_nll_changed[n]:.3f}",
         f"{score.head_accuracy[n]:.1%}", f"{score.head_accuracy_changed[n]:.1%}")
        for n, name in enumerate(report.heads)
    ]  # fmt: skip
    show(table(("head", "NLL", "changed", "accuracy", "changed"), heads, right="NLL changed accuracy"))
    show()
    shares = []
    for name, counts in zip(report.stick.classes, report.stick.changed, strict=True):
        total = max(sum(counts), 1)
        shares.append((name, *(f"{count / total:.0%}" for count in counts)))
    show(table(("stick, on changed frames", *SHORT), shares, right=" ".join(SHORT)))
    show()


def _plot(reports: list[ReplayReport], manifest: Manifest, path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise EvaluationInvalid(
            "Drawing a plot needs matplotlib.", hint="Install it with `pip install 'exphil-rt[plots]'`."
        ) from None
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    delays = [report.delay for report in reports]
    for label, pick in (("policy", "policy"), ("P(a | previous a)", "previous"), ("P(a)", "marginal")):
        scores: list[Score] = [getattr(report, pick) for report in reports]
        line = axes.plot(delays, [s.accuracy for s in scores], marker="o", label=f"{label}, all frames")[0]
        axes.plot(delays, [s.accuracy_changed for s in scores], "--", marker="o", color=line.get_color(),
                  label=f"{label}, changed frames")  # fmt: skip
    axes.set_xlabel("delay in frames")
    axes.set_ylabel("accuracy, all heads right")
    axes.set_xticks(delays)
    axes.set_ylim(0, 1)
    axes.set_title(manifest.ref)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
