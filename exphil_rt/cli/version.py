"""``version``: what a bug report needs."""

from __future__ import annotations

import platform
from importlib import metadata

from exphil_rt import __version__
from exphil_rt.cli.options import Json
from exphil_rt.cli.output import show, show_json

PARTS = ("torch", "numba", "numpy", "trio", "anyio", "textual", "msgspec", "peppi-py", "melee", "onnxruntime")


def version(*, json: Json = False) -> None:
    """Print the versions of the program and of what it stands on.

    Args:
        json: print them as JSON.
    """
    found = {"exphil_rt": __version__, "python": platform.python_version(), "system": platform.platform()}
    for part in PARTS:
        try:
            found[part] = metadata.version(part)
        except metadata.PackageNotFoundError:
            found[part] = "not installed"
    if json:
        show_json(found)
        return
    for name, text in found.items():
        show(f"{name:<12} {text}")
