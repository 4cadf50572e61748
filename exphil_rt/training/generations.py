"""Generations: a learner's state on disk, whole or not at all, the last good ones kept.

``gen-000012/`` holds tensors by file (``policy.safetensors``, ``optimizer.safetensors``) and ``state.json`` with their
digests. Written into a temporary folder, fsynced and renamed. What the state means is said in ``learner`` (self-play)
and ``imitation_state``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar, overload

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from exphil_rt.errors import ExphilError

FORMAT: Final = 1
_NAME: Final = re.compile(r"gen-(\d{6,})")


class LearnerStateInvalid(ExphilError):
    """Learner state that is missing, damaged, or of another policy."""


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """What every generation's ``state.json`` has; a learner adds its own fields."""

    format: int = FORMAT
    digests: dict[str, str] = {}
    """sha256 by file."""


class LearnerState(Generation, frozen=True, kw_only=True):
    """Counters of a self-play learner."""

    update: int
    frames: int
    rate_scale: float
    return_spread: float


StateT = TypeVar("StateT", bound=Generation)


def numbers(folder: Path) -> list[int]:
    """Generations in ``folder``, oldest first."""
    if not folder.is_dir():
        return []
    found = (_NAME.fullmatch(entry.name) for entry in folder.iterdir() if entry.is_dir())
    return sorted(int(match[1]) for match in found if match)


def path_of(folder: Path, number: int) -> Path:
    """Where a generation lies."""
    return folder / f"gen-{number:06d}"


def write(folder: Path, state: Generation, tensors: Mapping[str, Mapping[str, Tensor]], keep: int) -> int:
    """Write the next generation and drop all but the last ``keep``.

    Args:
        folder: the learner folder; made where missing.
        state: counters; ``digests`` is filled in.
        tensors: tensors by file name (without ``.safetensors``) and by name.
        keep: generations left, at least 1.

    Returns:
        Its number.

    Raises:
        OSError: disk full and the like; nothing is left of the new generation then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob(".gen-*"):
        shutil.rmtree(stale, ignore_errors=True)
    number = (numbers(folder) or [0])[-1] + 1
    target = path_of(folder, number)
    staging = folder / f".{target.name}.{os.getpid()}"
    try:
        staging.mkdir()
        digests = {}
        for name, named in tensors.items():
            data = save({key: value.detach().cpu().contiguous() for key, value in named.items()})
            digests[f"{name}.safetensors"] = hashlib.sha256(data).hexdigest()
            _write(staging / f"{name}.safetensors", data)
        state = msgspec.structs.replace(state, digests=digests)
        _write(staging / "state.json", msgspec.json.format(msgspec.json.encode(state)))
        _sync(staging)
        staging.rename(target)
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    _sync(folder)
    for old in numbers(folder)[: -max(1, keep)]:
        shutil.rmtree(path_of(folder, old), ignore_errors=True)
    return number


@overload
def read(path: Path) -> tuple[LearnerState, dict[str, dict[str, Tensor]]]: ...
@overload
def read(path: Path, kind: type[StateT]) -> tuple[StateT, dict[str, dict[str, Tensor]]]: ...
def read(path: Path, kind: type[Generation] = LearnerState) -> tuple[Generation, dict[str, dict[str, Tensor]]]:
    """Read one generation, whose state is of ``kind``.

    Raises:
        LearnerStateInvalid: where anything of it is missing or damaged.
    """
    try:
        state = msgspec.json.decode((path / "state.json").read_bytes(), type=kind)
        if state.format != FORMAT:
            raise LearnerStateInvalid(f"{path} has format {state.format}; this version reads {FORMAT}.")
        tensors = {}
        for name, digest in state.digests.items():
            data = (path / Path(name).name).read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                raise LearnerStateInvalid(f"{path / name} is damaged: its digest does not fit.")
            tensors[Path(name).stem] = load(data)
    except (OSError, msgspec.MsgspecError, SafetensorError) as error:
        raise LearnerStateInvalid(f"The learner state {path} cannot be read: {error}.") from None
    return state, tensors


def newest_first(folder: Path) -> Iterator[Path]:
    """Paths of the generations, newest first."""
    for number in reversed(numbers(folder)):
        yield path_of(folder, number)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
