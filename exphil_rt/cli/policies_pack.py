"""``policies pack`` and ``policies add``: one file to share a policy, made and taken."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from exphil_rt.cli.config import resolve
from exphil_rt.cli.output import save_file, show, size
from exphil_rt.store.home import Home


def pack(policy: str, /, *, output: Annotated[Path, Parameter(name=("--output", "-o"))]) -> None:
    """Write a policy as one file to share: weights, manifest and report card; no paths, no connect codes.

    Args:
        policy: NAME, NAME@vN, NAME@best or a path.
        output: the file to write.
    """
    from exphil_rt.policy.pack import pack_bundle
    from exphil_rt.policy.ref import resolve_bundle

    resolve(None, (), ())
    folder = resolve_bundle(policy)
    data = pack_bundle(folder)
    save_file(output, data)
    show(f"{folder.name}: {size(len(data))} in {output}")
    show(f"next: exphil-rt policies add {output}")


def add(file: Path, /, *, name: str = "") -> None:
    """Take a policy from a file that `policies pack` made; it is checked whole before anything is written.

    Args:
        file: the file.
        name: what to call it here; else its own name. It gets the next free version.
    """
    from exphil_rt.policy.bundle import add_pack

    resolve(None, (), ())
    home = Home.find()
    before = set(home.policies.iterdir()) if home.policies.is_dir() else set()
    manifest = add_pack(file, home.policies, name)
    path = home.policies / manifest.ref
    show(f"{manifest.ref}: {path}" + (" (was there already)" if path in before else ""))
    show(f"next: exphil-rt eval match {manifest.ref} random")
