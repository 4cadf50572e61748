"""How a policy is named: ``NAME``, ``NAME@vN``, ``NAME@latest``, ``NAME@best`` or a path.

``random`` and ``cpu1`` to ``cpu9`` are reserved names. Finding a bundle reads folder names and manifests only: no
torch is imported here.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Final, Literal

import msgspec
import platformdirs

from exphil_rt.errors import ExphilError

RefKind = Literal["bundle", "path", "random", "cpu"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FOLDER: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})@v([1-9][0-9]{0,8})")
_CPU: Final = re.compile(r"cpu([1-9])")
_MAX_LISTED: Final = 10


class PolicyRefInvalid(ExphilError):
    """A reference that does not follow the grammar."""

    exit_code = 2


class PolicyNotFound(ExphilError):
    """No policy, or more than one, by this reference."""


class PolicyRef(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed reference."""

    kind: RefKind
    name: str = ""
    version: int | Literal["latest", "best"] = "latest"
    path: str = ""
    level: int = 0
    """Of a scripted opponent, 1 to 9."""

    def __str__(self) -> str:
        if self.kind == "path":
            return self.path
        if self.kind == "bundle":
            return bundle_name(self.name, self.version) if isinstance(self.version, int) else self.name
        return self.name


def default_home() -> Path:
    """``EXPHIL_RT_HOME``, else the platform's data folder."""
    named = os.environ.get("EXPHIL_RT_HOME")
    return Path(named).expanduser() if named else platformdirs.user_data_path("exphil_rt")


def is_reserved(name: str) -> bool:
    """Whether ``name`` is ``random`` or ``cpu1`` to ``cpu9``."""
    return name == "random" or _CPU.fullmatch(name) is not None


def bundle_name(name: str, version: int) -> str:
    """``NAME@vN``, checked.

    Raises:
        PolicyRefInvalid: for a reserved or malformed name, or a version below 1.
    """
    if is_reserved(name):
        raise PolicyRefInvalid(f"{name!r} is a reserved name.", hint="Choose another name for the policy.")
    folder = f"{name}@v{version}"
    if not _NAME.fullmatch(name) or not _FOLDER.fullmatch(folder):
        raise PolicyRefInvalid(
            f"{name!r} version {version} is no name for a policy.",
            hint="Use letters, digits, '.', '_' and '-' (64 at most), and versions from 1.",
        )
    return folder


def parse_ref(text: str) -> PolicyRef:
    """Parse a reference. Anything with a path separator, or that begins with ``.`` or ``~``, is a path.

    Raises:
        PolicyRefInvalid: with the grammar.
    """
    if text == "random":
        return PolicyRef(kind="random", name=text)
    if cpu := _CPU.fullmatch(text):
        return PolicyRef(kind="cpu", name=text, level=int(cpu[1]))
    if "/" in text or os.sep in text or text.startswith((".", "~")):
        return PolicyRef(kind="path", path=text)
    name, at, version = text.partition("@")
    if _NAME.fullmatch(name):
        if not at or version == "latest":
            return PolicyRef(kind="bundle", name=name)
        if version == "best":
            return PolicyRef(kind="bundle", name=name, version="best")
        if numbered := _FOLDER.fullmatch(text):
            return PolicyRef(kind="bundle", name=name, version=int(numbered[2]))
    raise PolicyRefInvalid(f"{text!r} names no policy.", hint="Write NAME, NAME@vN, NAME@latest, NAME@best or a path.")


def list_bundles(home: Path | None = None) -> dict[str, list[int]]:
    """Names and ascending versions of the bundles in a home; empty where it has none."""
    found: dict[str, list[int]] = {}
    folder = (home or default_home()) / "policies"
    if folder.is_dir():
        for entry in folder.iterdir():
            if matched := _FOLDER.fullmatch(entry.name):
                found.setdefault(matched[1], []).append(int(matched[2]))
    return {name: sorted(found[name]) for name in sorted(found)}


def next_version(name: str, home: Path | None = None) -> int:
    """The version that the next bundle of ``name`` gets."""
    return max(list_bundles(home).get(name, [0])) + 1


def resolve_bundle(ref: str | PolicyRef, home: Path | None = None) -> Path:
    """The folder of a reference.

    A name need not be whole: one that begins exactly one policy's name stands for it.

    Raises:
        PolicyRefInvalid: malformed.
        PolicyNotFound: with the candidates, or the nearest name.
    """
    parsed = parse_ref(ref) if isinstance(ref, str) else ref
    if parsed.kind == "path":
        path = Path(parsed.path).expanduser()
        if not path.is_dir():
            raise PolicyNotFound(f"There is no policy bundle at {path}.", hint="Give the folder NAME@vN itself.")
        return path
    if parsed.kind != "bundle":
        raise PolicyNotFound(f"{parsed.name!r} is a reserved name, not a bundle.")
    root = home or default_home()
    known = list_bundles(root)
    name = _whole_name(parsed.name, known, root)
    versions = known[name]
    if parsed.version == "latest":
        version = versions[-1]
    elif parsed.version == "best":
        version = _best(root, name, versions)
    else:
        version = parsed.version
        if version not in versions:
            shown = ", ".join(f"v{v}" for v in versions[-_MAX_LISTED:])
            raise PolicyNotFound(f"There is no {name}@v{version}.", hint=f"There is: {shown}.")
    return root / "policies" / bundle_name(name, version)


def _whole_name(name: str, known: dict[str, list[int]], root: Path) -> str:
    if name in known:
        return name
    candidates = [other for other in known if other.startswith(name)]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        shown = ", ".join(candidates[:_MAX_LISTED]) + (", ..." if len(candidates) > _MAX_LISTED else "")
        raise PolicyNotFound(f"{name!r} may mean {len(candidates)} policies.", hint=f"Name one of: {shown}.")
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        hint = f"Did you mean {close[0]}?"
    else:
        hint = "`exphil-rt policies list` shows what there is." if known else f"{root / 'policies'} holds none yet."
    raise PolicyNotFound(f"There is no policy {name!r}.", hint=hint)


def _best(root: Path, name: str, versions: list[int]) -> int:
    """The version with the highest ``elo`` in its manifest's metrics; the latest where none has one."""
    from exphil_rt.policy.manifest import BundleInvalid, read_manifest

    best, best_elo = versions[-1], float("-inf")
    for version in versions:
        try:
            elo = read_manifest(root / "policies" / bundle_name(name, version)).metrics.get("elo")
        except BundleInvalid:
            continue
        if elo is not None and elo > best_elo:
            best, best_elo = version, elo
    return best
