"""What an imitation is of and how it learns, kept beside its state so that ``--resume NAME`` needs nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from exphil_rt.cli.config import resolve
from exphil_rt.cli.output import say
from exphil_rt.cli.sides import SideOptions
from exphil_rt.config import Config, ConfigError, Resolved, to_toml
from exphil_rt.config.layers import preset_file
from exphil_rt.errors import ExphilError
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import HeadsKind, PolicyConfig, new_config
from exphil_rt.store.files import write_whole
from exphil_rt.store.home import Home

PLAN: Final = "plan.json"
SETTINGS: Final = "settings.toml"
STATE: Final = "state"
_FIXED: Final = (
    "run.seed", "imitation.held_out", "imitation.characters", "imitation.batch", "imitation.steps",
    "imitation.delays", "imitation.hide_state", "imitation.mirror", "imitation.balance_characters",
    "imitation.balance_sticks",
)  # fmt: skip
"""Settings by which a position in the data is reckoned; with ``policy.*``, those that a resumed training keeps."""


class TrainingUnfinished(ExphilError):
    """An unfinished training in the way of a new one, or none where one is to go on."""

    exit_code = 2


class ImitationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is learned from, and what it becomes."""

    policy_out: str
    replays: str | None
    sides: SideOptions
    policy: PolicyConfig


def policy_of(
    config: Config, heads: HeadsKind, codec: ActionCodec | None, options: dict[str, bool | int | float]
) -> PolicyConfig:
    """The network that the settings describe."""
    policy, delays = config.policy, config.imitation.delays
    return new_config(
        policy.backbone,
        hidden=policy.hidden,
        layers=policy.layers or None,
        options={**policy.backbone_options, **options},
        heads=heads,
        delay=policy.delay if not delays or policy.delay in delays else max(delays),
        dmax=max(delays) if delays else None,
        codec=codec,
    )


def begin_plan(home: Home, plan: ImitationPlan, resolved: Resolved, *, going_on: bool, restart: bool) -> Path:
    """The folder of the training's state, with the plan and the settings in it.

    Raises:
        TrainingUnfinished: an unfinished one of that name lies there, and is neither resumed nor given up.
    """
    folder = home.imitation / plan.policy_out
    if folder.exists() and not going_on:
        if not restart and any((folder / STATE).glob("gen-*")):
            raise TrainingUnfinished(
                f"An unfinished training of {plan.policy_out} lies in {folder}.",
                hint=f"Go on with --resume {plan.policy_out}, or begin again with --restart.",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / PLAN, msgspec.json.format(msgspec.json.encode(plan), indent=1))
    write_whole(folder / SETTINGS, to_toml(resolved).encode())
    return folder


def resume_plan(
    home: Home,
    name: str,
    preset: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    flags: Mapping[str, object],
) -> tuple[ImitationPlan, Resolved]:
    """The plan and the settings of an unfinished training, with what is to change of them laid over, and said.

    Raises:
        TrainingUnfinished: there is none of that name, or it cannot be read.
        ConfigError: for a setting that cannot change on the way.
    """
    folder = home.imitation / Path(name).name
    kept = folder / SETTINGS
    try:
        plan = msgspec.json.decode((folder / PLAN).read_bytes(), type=ImitationPlan)
        before = resolve(None, (kept,), (), {}).config
    except OSError:
        known = sorted(path.name for path in home.imitation.glob("*") if (path / PLAN).is_file())
        raise TrainingUnfinished(
            f"There is no unfinished training of {name}.",
            hint=f"There is one of {', '.join(known)}." if known else "Leave --resume out to begin one.",
        ) from None
    except msgspec.MsgspecError as error:
        raise TrainingUnfinished(f"{folder / PLAN} cannot be read: {error}.", hint="Begin again.") from None
    laid = resolve(None, (kept, *_preset_files(preset), *files), settings, flags)
    for key in laid.origin:
        section, _, field = key.partition(".")
        old, new = (getattr(getattr(config, section), field) for config in (before, laid.config))
        if old == new:
            continue
        if key in _FIXED or section == "policy":
            raise ConfigError(
                f"{key} is {old!r} in the unfinished training of {name}, and cannot become {new!r} on the way.",
                hint="Leave it out, or begin again with --restart.",
            )
        say(f"changed: {key} {old!r} -> {new!r}")
    return plan, laid


def _preset_files(preset: str | None) -> tuple[Path, ...]:
    return () if preset is None else (preset_file(preset),)
