"""Options beside ``--resume``: laid over the run's own settings where that is safe, and said; else refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from exphil_rt.cli.config import resolve
from exphil_rt.cli.output import say
from exphil_rt.config import ConfigError, Resolved
from exphil_rt.store.run import Run


def lay_over(
    run: Run,
    preset: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    flags: Mapping[str, object],
    *,
    may_change: Callable[[str], bool],
    hint: str,
) -> Resolved:
    """The run's settings with what is given laid over them; each change is said.

    Args:
        run: whose settings hold.
        preset: of the command line, as the next three.
        files: settings files.
        settings: ``section.key=value`` texts.
        flags: values by key.
        may_change: whether a setting may become another one on the way.
        hint: what to do where it may not.

    Raises:
        ConfigError: a setting that may not change would.
    """
    before = run.config()
    given = {key: value for key, value in flags.items() if (key, value) != ("run.name", run.name)}
    laid = resolve(preset, files, settings, given, base=run.config_file)
    changes = []
    for key in laid.origin:
        section, _, field = key.partition(".")
        old, new = (getattr(getattr(config, section), field) for config in (before, laid.config))
        if old == new:
            continue
        if not may_change(key):
            raise refused(run, key, old, new, hint)
        changes.append(f"changed: {key} {old!r} -> {new!r}")
    for text in changes:
        say(text)
    return laid


def refused(run: Run, what: str, old: object, new: object, hint: str) -> ConfigError:
    """That something cannot become something else on the way."""
    return ConfigError(f"{what} is {old!r} in the run {run.name}, and cannot become {new!r} on the way.", hint=hint)
