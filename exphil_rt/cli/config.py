"""``config``: show the settings that hold and where each came from; check settings files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exphil_rt.cli.options import ConfigFiles, Flag, Json, Preset, Settings
from exphil_rt.cli.output import show, show_json
from exphil_rt.config import ConfigError, Resolved, load_config, to_toml
from exphil_rt.config.layers import preset_file
from exphil_rt.policy.backbones import trust
from exphil_rt.store.home import setting_files


def resolve(
    preset: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    flags: Mapping[str, object] | None = None,
    *,
    base: Path | None = None,
) -> Resolved:
    """The settings of all layers; packages that they trust may be imported from now on.

    ``settings`` are ``section.key=value`` texts, ``flags`` a command's own options. With ``base``, a run's own
    settings, only what is named here is laid over it: neither the user's files nor the environment.

    Raises:
        ConfigError: as ``load_config``, or a text without ``=``.
    """
    overrides: dict[str, object] = dict(flags or {})
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text} has no value.", hint="Write --set section.key=value.")
        overrides[key.strip()] = value
    if base is None:
        resolved = load_config(preset, (*setting_files(), *files), overrides=overrides)
    else:
        presets = () if preset is None else (preset_file(preset),)
        resolved = load_config(None, (base, *presets, *files), env={}, overrides=overrides)
    trust(resolved.config.trust.packages)
    return resolved


def show_settings(
    *,
    origin: Flag = False,
    preset: Preset = None,
    config: ConfigFiles = (),
    settings: Settings = (),
    json: Json = False,
) -> None:
    """Print the settings that hold, as TOML.

    Args:
        origin: say behind each value where it came from.
        preset: name of a preset.
        config: a settings file; may be repeated, the last one wins.
        settings: one setting, as section.key=value; may be repeated.
        json: print them as JSON.
    """
    resolved = resolve(preset, config, settings)
    if json:
        show_json(resolved if origin else resolved.config)
        return
    show_resolved(resolved, origin=origin)


def show_resolved(resolved: Resolved, *, origin: bool = False) -> None:
    """Print settings as TOML, without the file's head lines."""
    lines = to_toml(resolved).splitlines()[2:]
    show("\n".join(lines if origin else (line.rpartition("  # ")[0] or line for line in lines)))


def validate(*files: Path, preset: Preset = None, settings: Settings = ()) -> None:
    """Check settings: the files that are named, on top of all other layers.

    Args:
        files: settings files.
        preset: name of a preset.
        settings: one setting, as section.key=value; may be repeated.
    """
    resolved = resolve(preset, files, settings)
    changed = sum(where != "default" for where in resolved.origin.values())
    read = [*setting_files(), *files]
    show(
        f"ok: {len(resolved.origin)} settings, {changed} of them set{' by ' if read else ''}{', '.join(map(str, read))}"
    )
