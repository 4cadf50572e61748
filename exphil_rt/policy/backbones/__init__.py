"""Backbones by name, and which packages of the user's own may bring more. Imports no torch: ``build`` does.

A backbone is one module in this folder and one line in ``BACKBONES``; or ``module:Class`` of an installed package
that the user trusts (``[trust] packages`` of the settings).
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from exphil_rt.errors import ExphilError

TRUST_VARIABLE: Final = "EXPHIL_RT_TRUST__PACKAGES"
"""The setting ``trust.packages`` as every process finds it: names with commas between, or a TOML list."""
_PLUGIN: Final = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", re.ASCII)


class BackboneInvalid(ExphilError):
    """A backbone that is not known, not trusted, or cannot be built."""


class Entry(NamedTuple):
    """What is known of a backbone before it is imported."""

    target: str
    """``module:Class``."""
    layers: int = 2
    """Of a new policy, unless told otherwise."""
    options: dict[str, bool | int | float] = {}  # noqa: RUF012  (read only)
    """Of a new policy, unless told otherwise, where they differ from the class's defaults."""


_HERE = "exphil_rt.policy.backbones"
BACKBONES: Final[dict[str, Entry]] = {
    "mlp": Entry(f"{_HERE}.mlp:MLP", options={"residual": True, "norm": True}),
    "gru": Entry(f"{_HERE}.gru:GRU", layers=1),
    "lstm": Entry(f"{_HERE}.lstm:LSTM", layers=1),
    "attention": Entry(f"{_HERE}.attention:Attention"),
    "hybrid": Entry(f"{_HERE}.hybrid:Hybrid"),
    "mamba": Entry(f"{_HERE}.mamba:Mamba"),
    "jamba": Entry(f"{_HERE}.jamba:Jamba", layers=3),
}
"""Every backbone of ours, by the name that a config gives."""


def trust(packages: Iterable[str]) -> None:
    """Let backbones of these packages be imported, in this process and those that it starts.

    Args:
        packages: names of packages or modules (``my_nets`` covers ``my_nets.deep``).
    """
    os.environ[TRUST_VARIABLE] = json.dumps(sorted(set(packages)))


def trusted() -> tuple[str, ...]:
    """The packages that the user trusts."""
    text = os.environ.get(TRUST_VARIABLE, "").strip()
    if not text.startswith("["):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        found = tomllib.loads(f"found = {text}")["found"]
    except (ValueError, RecursionError):
        return ()
    return tuple(name for name in found if isinstance(name, str) and name) if isinstance(found, list) else ()


def entry(name: str) -> Entry:
    """What is known of the backbone ``name``; nothing is imported.

    Raises:
        BackboneInvalid: not one of ours, and not of a trusted package.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    plugin = _PLUGIN.fullmatch(name)
    if plugin is None:
        near = difflib.get_close_matches(name, BACKBONES, n=1)
        raise BackboneInvalid(
            f"The policy has the backbone {name!r}, which this version does not know.",
            hint=(f"Did you mean {near[0]}? " if near else "")
            + f"Known are {', '.join(BACKBONES)}, and module:Class of a package that you trust.",
        )
    module = plugin[1]
    if not any(module == package or module.startswith(f"{package}.") for package in trusted()):
        raise BackboneInvalid(
            f"The backbone {name!r} is code of the package {module.partition('.')[0]!r}, which is not trusted.",
            hint=f'If you trust it, put it into your settings: [trust] packages = ["{module.partition(".")[0]}"].',
        )
    return Entry(name)


def widest_state(hidden: int, layers: int, options: Mapping[str, float]) -> int:
    """Floats a row that no backbone of ours exceeds with these sizes (memory set aside for it costs nothing unused)."""
    window, expand = options.get("window", 60), options.get("expand", 2)
    cache = 2 * window * hidden
    mixer = expand * hidden * (options.get("state_size", 16) + options.get("conv", 4))
    return int(layers * max(2 * hidden, cache, mixer) + cache + window)


__all__ = ("BACKBONES", "BackboneInvalid", "Entry", "entry", "trust", "trusted", "widest_state")
