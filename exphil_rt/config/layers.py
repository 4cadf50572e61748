"""Merging the layers of settings, low to high: defaults, preset, files, environment, flags.

Every leaf is checked in the layer that gave it, so that an error names the file (or variable) and the key. Where a
platform keeps the user's file is ``store.home``'s business; paths are passed in.
"""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect

from exphil_rt.config.sections import Config
from exphil_rt.errors import ExphilError

ENV_PREFIX: Final = "EXPHIL_RT_"
NOT_SETTINGS: Final = frozenset({"EXPHIL_RT_HOME", "EXPHIL_RT_REPLAYS", "EXPHIL_RT_SIM_JIT", "EXPHIL_RT_TEST_REPLAYS"})
"""Variables that bear the prefix and are no settings."""
MAX_FILE: Final = 1024 * 1024
"""Bytes of a settings file; a longer one is no settings file."""

DEFAULT: Final = "default"
FLAG: Final = "flag"


class ConfigError(ExphilError):
    """A setting, or a file of settings, that does not fit."""

    exit_code = 2


class Resolved(msgspec.Struct, frozen=True):
    """Settings as they hold, and where each came from."""

    config: Config
    origin: dict[str, str]
    """By dotted key: ``default``, a file's path, ``environment NAME`` or ``flag``."""


def leaf_types() -> dict[str, inspect.Type]:
    """Type of every setting by its dotted key, in the order of declaration."""
    root = inspect.type_info(Config)
    assert isinstance(root, inspect.StructType)
    leaves: dict[str, inspect.Type] = {}
    for section in root.fields:
        assert isinstance(section.type, inspect.StructType)
        for field in section.type.fields:
            leaves[f"{section.name}.{field.name}"] = field.type
    return leaves


_LEAVES: Final = leaf_types()
_SECTIONS: Final = tuple(dict.fromkeys(key.partition(".")[0] for key in _LEAVES))
_TYPES: Final = {
    f"{section}.{field.name}": field.type
    for section in _SECTIONS
    for field in msgspec.structs.fields(type(getattr(Config(), section)))
}


def _number_range(kind: inspect.IntType | inspect.FloatType) -> str:
    low = f"at least {kind.ge}" if kind.ge is not None else f"above {kind.gt}" if kind.gt is not None else ""
    high = f"at most {kind.le}" if kind.le is not None else f"below {kind.lt}" if kind.lt is not None else ""
    return " and ".join(part for part in (low, high) if part)


def wanted(kind: inspect.Type) -> str:
    """What a setting of this type may be, in words: ``a number above 0``."""
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number {_number_range(kind)}".strip()
        case inspect.FloatType():
            return f"a number {_number_range(kind)}".strip()
        case inspect.LiteralType():
            return "one of " + ", ".join(str(value) for value in kind.values)
        case inspect.StrType(pattern=str()):
            return "auto, cpu, mps, cuda or cuda:N"
        case inspect.StrType():
            return "a text" + (f" of at most {kind.max_length} characters" if kind.max_length else "")
        case inspect.VarTupleType(item_type=inspect.IntType()):
            return "a list of whole numbers"
        case inspect.VarTupleType():
            return "a list of texts" + (" with at least one" if kind.min_length else "")
        case inspect.DictType():
            return "a table of numbers by name"
        case _:
            raise TypeError(f"no words for {kind!r}")


def _nearest(key: str) -> str | None:
    """The setting that ``key`` was probably meant to be: that name elsewhere, its initials, or a near spelling."""
    section, _, name = key.rpartition(".")
    by_name: dict[str, list[str]] = {}
    for leaf in _LEAVES:
        leaf_name = leaf.partition(".")[2]
        by_name.setdefault(leaf_name, []).append(leaf)
        if "_" in leaf_name:
            by_name.setdefault("".join(word[0] for word in leaf_name.split("_")), []).append(leaf)
    own = [leaf_name for leaf_name, leaves in by_name.items() if f"{section}.{leaf_name}" in leaves]
    near = [name] if name in by_name else difflib.get_close_matches(name, own, n=1, cutoff=0.6)
    if not near:
        near = difflib.get_close_matches(name, by_name, n=1, cutoff=0.75)
    if near:
        leaves = by_name[near[0]]
        return max(leaves, key=lambda leaf: difflib.SequenceMatcher(None, leaf, key).ratio())
    return next(iter(difflib.get_close_matches(key, _LEAVES, n=1, cutoff=0.75)), None)


def _refuse_key(where: str, key: str, env_name: str = "") -> ConfigError:
    section = key.partition(".")[0]
    nearest = _nearest(key)
    if not nearest and section not in _SECTIONS:
        nearest = next(iter(difflib.get_close_matches(section, _SECTIONS, n=1)), None)
    if nearest:
        hint = f"Did you mean {ENV_PREFIX + nearest.upper().replace('.', '__') if env_name else nearest}?"
    elif section in _SECTIONS:
        names = (leaf.partition(".")[2] for leaf in _LEAVES if leaf.startswith(f"{section}."))
        hint = f"Settings of {section}: {', '.join(names)}."
    else:
        hint = f"Sections are: {', '.join(_SECTIONS)}."
    return ConfigError(f"{env_name or f'{where}: {key}'} is not a setting.", hint=hint)


def _from_text(key: str, text: str) -> object:
    """A value out of the text of a variable or flag, guided by the setting's type; what does not parse stays text."""
    kind = _LEAVES[key]
    text = text.strip()
    match kind:
        case inspect.BoolType():
            return {
                "true": True,
                "yes": True,
                "on": True,
                "1": True,
                "false": False,
                "no": False,
                "off": False,
                "0": False,
            }.get(text.lower(), text)
        case inspect.IntType() | inspect.FloatType():
            for read in (int, float):
                try:
                    return read(text)
                except ValueError:
                    continue
            return text
        case inspect.VarTupleType(item_type=inspect.IntType()) if not text.startswith("["):
            try:
                return [int(part) for part in text.split(",") if part.strip()]
            except ValueError:
                return text
        case inspect.VarTupleType() if not text.startswith("["):
            return [part.strip() for part in text.split(",") if part.strip()]
        case inspect.VarTupleType() | inspect.DictType():
            try:
                return tomllib.loads(f"value = {text}")["value"]
            except (ValueError, RecursionError):
                return text
        case _:
            return text


def _check(where: str, key: str, value: object) -> object:
    kind = _LEAVES[key]
    if isinstance(kind, inspect.IntType) and isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        made: object = msgspec.convert(value, _TYPES[key])
    except (msgspec.ValidationError, OverflowError):
        made = None
    numbers = made.values() if isinstance(made, dict) else (made,)
    if made is None or any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
        raise ConfigError(f"{where}: {key} is {shown}.", hint=f"Wanted is {wanted(kind)}.")
    return made


def _leaves_of(where: str, table: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for section, content in table.items():
        if section not in _SECTIONS:
            inner = next(iter(content), "") if isinstance(content, dict) else ""
            raise _refuse_key(where, f"{section}.{inner}" if inner else section)
        if not isinstance(content, dict):
            raise ConfigError(f"{where}: {section} is {content!r}.", hint=f"It is a section: write [{section}].")
        for name, value in content.items():
            key = f"{section}.{name}"
            if key not in _LEAVES:
                raise _refuse_key(where, key)
            yield key, _check(where, key, value)


def read_file(path: Path) -> dict[str, object]:
    """The checked leaves of a settings file, by dotted key.

    Raises:
        ConfigError: it is missing, no TOML, too large, or holds what is not a setting.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from None
    if len(data) > MAX_FILE:
        raise ConfigError(f"{path} is larger than 1 MB.", hint="Is it a file of settings?")
    try:
        table = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.", hint="Correct it there.") from None
    return dict(_leaves_of(str(path), table))


def _preset_folder() -> Path:
    package = Path(__file__).resolve().parents[1]
    shipped = package / "configs"  # in the wheel; a checkout has them beside the package
    return shipped if shipped.is_dir() else package.parent / "configs"


def preset_names() -> tuple[str, ...]:
    """Names of the presets that are there."""
    return tuple(sorted(file.stem for file in _preset_folder().glob("*.toml")))


def preset_file(name: str) -> Path:
    """The file of a preset.

    Raises:
        ConfigError: there is none of that name; with the nearest.
    """
    names = preset_names()
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Presets are: {', '.join(names) or 'none'}."
        raise ConfigError(f"{name!r} is not a preset.", hint=hint)
    return _preset_folder() / f"{name}.toml"


def _env_leaves(env: Mapping[str, str]) -> Iterator[tuple[str, str, object]]:
    for variable in sorted(env):
        if not variable.startswith(ENV_PREFIX) or variable in NOT_SETTINGS:
            continue
        key = variable.removeprefix(ENV_PREFIX).lower().replace("__", ".", 1)
        if key not in _LEAVES:
            other = difflib.get_close_matches(variable, NOT_SETTINGS, n=1, cutoff=0.85)
            if other:
                raise ConfigError(f"{variable} is not a setting.", hint=f"Did you mean {other[0]}?")
            raise _refuse_key("environment", key, env_name=variable)
        yield key, variable, _check(variable, key, _from_text(key, env[variable]))


def _check_whole(config: Config, origin: Mapping[str, str]) -> None:
    league = config.league
    if league.current + league.historical + league.uniform <= 0.0:
        where = origin["league.current"]
        raise ConfigError(f"{where}: league.current, historical and uniform are all 0.", hint="Give one a share.")
    if config.rollout.workers > config.run.games:
        raise ConfigError(
            f"{origin['rollout.workers']}: rollout.workers is {config.rollout.workers} for {config.run.games} games.",
            hint="Use at most one worker a game (run.games).",
        )


def load_config(
    preset: str | None = None,
    files: Sequence[str | Path] = (),
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Resolved:
    """The settings that hold.

    Args:
        preset: name of a file in ``configs``.
        files: settings files, low to high; each must exist.
        env: the environment; that of this process by default.
        overrides: flags: values by dotted key (``train.learning_rate``). Texts are read as in the environment,
            None is passed over.

    Raises:
        ConfigError: naming the file (or variable, or flag), the key, and what to write instead.
    """
    values: dict[str, object] = {}
    origin = dict.fromkeys(_LEAVES, DEFAULT)
    named = [preset_file(preset)] if preset else []
    for path in [*named, *(Path(file) for file in files)]:
        leaves = read_file(path)
        values |= leaves
        origin |= dict.fromkeys(leaves, str(path))
    for key, variable, value in _env_leaves(os.environ if env is None else env):
        values[key] = value
        origin[key] = f"environment {variable}"
    for key, given in (overrides or {}).items():
        if given is None:
            continue
        if key not in _LEAVES:
            raise _refuse_key(FLAG, key)
        values[key] = _check(FLAG, key, _from_text(key, given) if isinstance(given, str) else given)
        origin[key] = FLAG
    nested: dict[str, dict[str, object]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        nested.setdefault(section, {})[name] = value
    config = msgspec.convert(nested, Config)
    _check_whole(config, origin)
    return Resolved(config, origin)
