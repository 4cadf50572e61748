"""``doctor``: is this machine fit to run the program; each fault with its exact fix."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from exphil_rt.cli.doctor_dolphin import DOLPHIN_CHECKS
from exphil_rt.cli.finding import Finding
from exphil_rt.cli.options import Json
from exphil_rt.cli.output import show, show_json, size
from exphil_rt.errors import ExphilError
from exphil_rt.replays.folder import find_replays, replay_folder
from exphil_rt.store.home import Home

PACKAGES: Final = ("agents", "supervisors", "tui")
LIBRARIES: Final = ("torch", "numba", "peppi_py", "textual", "melee", "onnxruntime")
MIN_FREE: Final = 2_000_000_000
COLUMNS: Final = 80
LINES: Final = 24


def doctor(*, json: Json = False) -> int:
    """Check this machine. Exit code 0 when nothing fails, else 1.

    Args:
        json: print the findings as JSON.
    """
    found = [finding for check in CHECKS for finding in check()]
    if json:
        show_json(found)
    else:
        for finding in found:
            show(f"{finding.state:<5} {finding.name:<14} {finding.text}")
            if finding.fix:
                show(f"{'':<5} {'':<14} fix: {finding.fix}")
    return 1 if any(finding.state == "FAIL" for finding in found) else 0


def check_python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield Finding("python", "ok", version)
    else:
        yield Finding("python", "FAIL", f"{version} is not 3.11 to 3.13", "make clean; make PYTHON=python3.12")


def check_libraries() -> Iterator[Finding]:
    for name in LIBRARIES:
        try:
            module = importlib.import_module(name)
        except Exception as error:  # a broken binary wheel raises whatever it likes
            text = f"cannot be imported: {type(error).__name__}: {' '.join(str(error).split())[:160]}"
            yield Finding(name, "FAIL", text, "make clean; make install")
        else:
            yield Finding(name, "ok", str(getattr(module, "__version__", "")) or "importable")


def check_accelerator() -> Iterator[Finding]:
    try:
        import torch
    except Exception:
        return  # check_libraries said so
    if torch.cuda.is_available():
        yield Finding("accelerator", "ok", f"cuda: {torch.cuda.get_device_name(0)}")
    elif torch.backends.mps.is_available():
        yield Finding("accelerator", "ok", "mps")
    else:
        yield Finding("accelerator", "note", f"none: runs on the CPU ({os.cpu_count()} cores)")


def check_names() -> Iterator[Finding]:
    """Our top-level packages must be ours: another distribution may own the same names."""
    import exphil_rt

    ours = Path(exphil_rt.__file__).resolve().parents[1]
    owners = importlib.metadata.packages_distributions()
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is not None and origin.parent.parent == ours:
            continue
        others = [owner for owner in owners.get(name, ()) if owner != "exphil-rt"]
        what = f"comes from {', '.join(others) or origin or 'nowhere'}"
        fix = f"pip uninstall {' '.join(others)}" if others else "make clean; make install"
        yield Finding(name, "FAIL", what, f"{fix} (or install exphil-rt into an environment of its own)")
        return
    yield Finding("packages", "ok", f"{', '.join(PACKAGES)} are ours")


def check_home() -> Iterator[Finding]:
    home = Home.find()
    try:
        _try_writing(_existing(home.root))
    except OSError as error:
        text = f"{home.root} cannot be written: {error.strerror}"
        yield Finding("home", "FAIL", text, "name a folder of yours with --home or EXPHIL_RT_HOME")
        return
    yield Finding("home", "ok", str(home.root))
    free = shutil.disk_usage(_existing(home.root)).free
    if free < MIN_FREE:
        yield Finding("disk", "FAIL", f"{size(free)} free", f"free {size(MIN_FREE)} there, or name another --home")
    else:
        yield Finding("disk", "ok", f"{size(free)} free")


def check_game_cache() -> Iterator[Finding]:
    folder = Home.find().cache
    try:
        _try_writing(_existing(folder))
    except OSError as error:
        text = f"{folder} cannot be written ({error.strerror}): the game would be compiled at every start"
        yield Finding("game cache", "FAIL", text, f"chown -R $USER {folder}, or name another --home")
    else:
        yield Finding("game cache", "ok", str(folder))


def check_socket() -> Iterator[Finding]:
    try:
        path = Home.find().socket("x" * 16)
        _try_writing(_existing(path.parent))
    except ExphilError as error:
        yield Finding("socket", "FAIL", error.message, error.hint)
    except OSError as error:
        yield Finding("socket", "FAIL", f"{path.parent}: {error.strerror}", "set XDG_RUNTIME_DIR to a folder of yours")
    else:
        yield Finding("socket", "ok", str(path.parent.parent))


def check_terminal() -> Iterator[Finding]:
    if not sys.stdout.isatty():
        yield Finding("terminal", "note", "stdout is no terminal")
        return
    columns, lines = shutil.get_terminal_size()
    if columns < COLUMNS or lines < LINES:
        text = f"{columns} x {lines} is smaller than {COLUMNS} x {LINES}"
        yield Finding("terminal", "note", text, "enlarge the window, or choose a smaller font")
    else:
        yield Finding("terminal", "ok", f"{columns} x {lines}")
    if os.environ.get("NO_COLOR"):
        yield Finding("colours", "note", "off, as NO_COLOR says")
    elif os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        yield Finding("colours", "ok", "true colour")
    else:
        term = os.environ.get("TERM", "")
        yield Finding("colours", "note", f"TERM is {term or 'not set'}", "export COLORTERM=truecolor, if it can")


def check_replays() -> Iterator[Finding]:
    folder = replay_folder()
    try:
        count = len(find_replays(folder))
    except ExphilError as error:
        yield Finding("replays", "note", error.message, f"only for imitation: {error.hint}")
    else:
        yield Finding("replays", "ok", f"{count} in {folder.path} ({folder.origin})")


CHECKS: Final[tuple[Callable[[], Iterator[Finding]], ...]] = (
    check_python,
    check_libraries,
    check_accelerator,
    check_names,
    check_home,
    check_game_cache,
    check_socket,
    check_terminal,
    check_replays,
    *DOLPHIN_CHECKS,
)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))


def _try_writing(folder: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".exphil-rt-"):
        pass
