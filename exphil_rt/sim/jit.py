"""Where numba is imported: the compiler's cache folder, and the decorator of every compiled function.

numba does not notice edits in callees or in tables, so the cache lies in a folder named by the hash of everything
that the compiled code depends on. ``EXPHIL_RT_SIM_JIT=0`` runs the game as plain Python, for debugging.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import platformdirs

from exphil_rt.errors import ExphilError
from exphil_rt.sim.state import JIT

_KEEP_DAYS: Final = 7.0


class CacheUnwritable(ExphilError):
    """The folder for compiled game code cannot be written."""


def cache_root() -> Path:
    """The folder under which every version of the compiled game has a folder of its own."""
    home = os.environ.get("EXPHIL_RT_HOME")
    base = Path(home).expanduser() if home else platformdirs.user_data_path("exphil_rt", appauthor=False)
    return base / "cache" / "sim"


def source_hash(folder: Path | None = None) -> str:
    """Hash of all that the compiled code is made of: this package, its tables, the ids, numba and the CPU."""
    package = folder or Path(__file__).parent
    compiled = [file for file in package.rglob("*.py") if file.parent.name != "fidelity"]
    files = sorted([*compiled, *(package / "data").glob("*"), *(package.parent / "game").glob("*.py")])
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(package.parent).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    digest.update(f"{metadata.version('numba')} {metadata.version('numpy')} {_cpu()}".encode())
    return digest.hexdigest()[:20]


def cache_folder() -> Path:
    """This version's cache folder, made when absent.

    Raises:
        CacheUnwritable: when it cannot be made or written.
    """
    folder = cache_root() / source_hash()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CacheUnwritable(
            f"The compiled game cannot be kept in {folder}: {error.strerror or error}.",
            hint="Name a writable folder with EXPHIL_RT_HOME.",
        ) from error
    return folder


def prune() -> None:
    """Remove the caches of other versions that nobody has opened for a week."""
    now = time.time()
    mine = source_hash()
    for folder in cache_root().glob("*"):
        if folder.name != mine and folder.is_dir() and now - folder.stat().st_mtime > _KEEP_DAYS * 86_400:
            shutil.rmtree(folder, ignore_errors=True)


def _cpu() -> str:
    if not JIT:
        return "python"
    llvm: Any = importlib.import_module("llvmlite.binding")
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


def _decorator() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    if not JIT:
        return lambda function: function
    folder = str(cache_folder())
    os.environ["NUMBA_CACHE_DIR"] = folder
    numba: Any = importlib.import_module("numba")
    numba.config.CACHE_DIR = folder  # numba may have been imported before us
    decorate: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(
        cache=True, error_model="numpy", nogil=True
    )
    return decorate


def _add(array: Any, index: int, value: int) -> int:
    before = int(array[index])
    array[index] += value
    return before


def _fetch_add() -> Callable[[Any, int, int], int]:
    if not JIT:
        return _add
    numba: Any = importlib.import_module("numba")
    extending: Any = importlib.import_module("numba.extending")

    def typed(typing: Any, array: Any, index: Any, value: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            made = context.make_array(signature.args[0])(context, builder, given[0])
            return builder.atomic_rmw("add", builder.gep(made.data, [given[1]]), given[2], "seq_cst")

        return numba.int64(array, numba.int64, numba.int64), emit

    made: Callable[[Any, int, int], int] = extending.intrinsic(typed)
    return made


njit: Final = _decorator()
"""Decorator of every compiled function: cached, without bounds or zero-division checks, without the GIL."""

fetch_add: Final = _fetch_add()
"""``fetch_add(array, index, value)``: ``array[index] += value``, atomic where compiled; gives the int64 from before."""
