"""``train imitation --resume``: which run is meant, and what of the command line may change on the way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from exphil_rt.cli.imitation_options import NetworkOptions
from exphil_rt.cli.launch import free_run
from exphil_rt.cli.output import say
from exphil_rt.cli.resume import lay_over, refused
from exphil_rt.cli.sides import SideOptions
from exphil_rt.config import ConfigError, Resolved, to_toml
from exphil_rt.errors import ExphilError
from exphil_rt.policy.codec import read_codec
from exphil_rt.policy.config import parse_options
from exphil_rt.replays import SideFilter
from exphil_rt.store.files import write_whole
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run
from exphil_rt.training.imitation_plan import ImitationPlan, read_plan, unfinished

_FIXED: Final = (
    "run.seed", "run.name", "imitation.held_out", "imitation.characters", "imitation.batch", "imitation.steps",
    "imitation.delays", "imitation.hide_state", "imitation.mirror", "imitation.balance_characters",
    "imitation.balance_sticks",
)  # fmt: skip
"""Settings by which a position in the data is reckoned; with ``policy.*``, those that a resumed training keeps."""

_HINT: Final = "Leave it out, or begin again with --restart."


class TrainingUnfinished(ExphilError):
    """An unfinished training in the way of a new one, or none where one is to go on."""

    exit_code = 2


def find_unfinished(home: Home, name: str) -> Run:
    """The unfinished training that ``name`` means: a run, or the newest one of a policy of that name.

    Raises:
        TrainingUnfinished: there is none.
        RunLocked: a daemon holds it.
    """
    runs = unfinished(home)
    found = next((run for run in runs if run.name == name), None) or unfinished_of(name, runs)
    if found is None:
        known = ", ".join(run.name for run in runs[:8])
        raise TrainingUnfinished(
            f"There is no unfinished training of {name}.",
            hint=f"There is one of {known}." if known else "Leave --resume out to begin one.",
        )
    return free_run(home, found.name)


def unfinished_of(policy: str, runs: list[Run]) -> Run | None:
    """The newest of these trainings whose policy bears this name."""
    return next((run for run in runs if read_plan(run).policy_out == policy), None)


def resume(
    run: Run,
    home: Home,
    *,
    replays: Path | None,
    policy_out: str | None,
    sides: SideOptions,
    network: NetworkOptions,
    workers: int | None,
    preset: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    flags: Mapping[str, object],
) -> tuple[ImitationPlan, Resolved]:
    """The plan and the settings of an unfinished training, with what is to change of them laid over, and said.

    Raises:
        ConfigError: for what cannot change on the way.
    """
    plan = read_plan(run)
    _check_plan(run, plan, home, replays, policy_out, sides, network)
    if workers is not None and workers != plan.workers:
        say(f"changed: --workers {plan.workers} -> {workers}")
        plan = msgspec.structs.replace(plan, workers=workers)
    laid = lay_over(
        run,
        preset,
        files,
        settings,
        flags,
        may_change=lambda key: key not in _FIXED and not key.startswith("policy."),
        hint=_HINT,
    )
    return plan, laid


def keep(run: Run, plan: ImitationPlan, resolved: Resolved) -> None:
    """Write what has changed into the run's folder."""
    write_whole(run.plan_file, plan.encode())
    if resolved.config != run.config():
        write_whole(run.config_file, to_toml(resolved))


def _check_plan(
    run: Run,
    plan: ImitationPlan,
    home: Home,
    replays: Path | None,
    policy_out: str | None,
    sides: SideOptions,
    network: NetworkOptions,
) -> None:
    """Refuse what is given and differs; what is given again as it was is welcome."""
    named = None if replays is None else replays_name(replays)
    options = parse_options(network.backbone_options)
    pairs: list[tuple[str, object, object]] = [
        ("REPLAYS", plan.replays, named),
        ("--policy-out", plan.policy_out, policy_out),
        ("--heads", plan.policy.heads, network.heads),
        *((f"--backbone-option {name}", plan.policy.options.get(name), value) for name, value in options.items()),
    ]
    for what, old, new in pairs:
        if new is not None and new != old:
            raise refused(run, what, old, new, _HINT)
    if network.codec is not None and read_codec(network.codec) != plan.policy.codec:
        raise refused(run, "--codec", "another one", str(network.codec), _HINT)
    given, nothing = sides.filter(home), SideOptions().filter(home)
    numbers = {"min_frames": sides.min_seconds, "min_quality": sides.quality_threshold}  # may be given as by default
    for name in SideFilter.__struct_fields__:
        wanted = getattr(given, name)
        told = wanted != getattr(nothing, name) or numbers.get(name) is not None
        if name != "opt_out" and told and wanted != getattr(plan.sides, name):
            raise ConfigError(
                f"Other sides ({name}) than those of the unfinished training {run.name} cannot be learned from on the "
                "way.",
                hint=_HINT,
            )


def replays_name(replays: Path) -> str:
    """How a plan names what was given: a path, or the name of a data set."""
    return str(replays.absolute() if replays.exists() else replays)
