"""The manifest of a policy bundle: what it is, what it needs, and whether it may play here. Imports no torch."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import Final

import msgspec

from exphil_rt.errors import ExphilError
from exphil_rt.policy.config import PolicyConfig

FORMAT: Final = 2
"""Version of the bundle's layout that this code writes; it reads this one and older ones."""
WEIGHTS_FILE: Final = "policy.safetensors"
MANIFEST_FILE: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 1 << 20
MAX_WEIGHTS_BYTES: Final = 1 << 31
MAX_STATE: Final = 1 << 24
MAX_BATCH_STEPS: Final = 32
ONLINE_DELAY: Final = 18
"""Frames of delay with which netplay is played without rollbacks that a policy would not expect (slippi-ai's)."""


class BundleInvalid(ExphilError):
    """A bundle that is damaged or incomplete."""


class PolicyIncompatible(ExphilError):
    """A bundle that is whole, and does not fit this version or this use."""


class Training(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the weights came about."""

    method: str = ""
    """``imitation``, ``ppo``, or empty for untrained weights."""
    data: str = ""
    """What it was trained on, for people: ``5 games, 13 min of Mewtwo``."""
    steps: int = 0
    """Optimiser steps, over all parents."""
    frames: int = 0
    """Game frames learned from, over all parents."""
    seed: int = 0
    delays: tuple[int, ...] = ()
    """Delays that it was trained for alike, where these are several."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``manifest.json``. The last five fields are written by ``save_bundle``."""

    format: int = FORMAT
    name: str
    version: int
    config: PolicyConfig
    characters: tuple[int, ...] = ()
    """Internal ids of the characters it was trained with; empty for any."""
    temperature: float = 1.0
    """Sampling temperature to play with unless told otherwise."""
    batch_steps: int = 1
    """Frames that one call may decide in live play, each by what was committed before the call."""
    parent: str = ""
    """``NAME@vN`` that the weights started from."""
    run: str = ""
    """Id of the run that wrote it."""
    training: Training = Training()
    metrics: dict[str, float] = {}
    physics: str = ""
    """Version of the game's rules that it was trained in (``sim-1``, ``melee-1.02``)."""
    code: str = ""
    """Version of exphil-rt that wrote it."""
    created: int = 0
    """Seconds since 1970."""
    weights_sha256: str = ""
    weights_bytes: int = 0
    parameters: int = 0
    state_floats: int = 0
    """Recurrent state of a row; 0 in format 1, which had no backbone of more than ``state`` says."""

    @property
    def state(self) -> int:
        """Floats a row of recurrent state, at most."""
        return self.state_floats or 2 * self.config.hidden * self.config.layers

    @property
    def ref(self) -> str:
        """``NAME@vN``."""
        return f"{self.name}@v{self.version}"

    @property
    def delay(self) -> int:
        """Frames of delay that it was trained for."""
        return self.config.delay


class _Format(msgspec.Struct):
    format: int


def read_manifest(path: Path | str) -> Manifest:
    """Read and check the manifest of the bundle folder ``path``; the weights are not looked at.

    Raises:
        BundleInvalid: missing, too large, or no manifest.
        PolicyIncompatible: written by a newer version, or nothing that this version can build.
    """
    folder = Path(path)
    file = folder / MANIFEST_FILE
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        raise BundleInvalid(f"{folder} is no policy bundle: it has no {MANIFEST_FILE}.") from None
    except OSError as error:
        raise BundleInvalid(f"{file} cannot be read: {error.strerror}.") from error
    return parse_manifest(data, folder.name, file)


def parse_manifest(data: bytes, label: str, file: Path | str = MANIFEST_FILE) -> Manifest:
    """Parse and check a manifest's bytes; ``label`` and ``file`` name it in sentences.

    Raises:
        BundleInvalid, PolicyIncompatible: as ``read_manifest``.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise BundleInvalid(f"{file} is larger than {MAX_MANIFEST_BYTES >> 20} MiB, which no manifest is.")
    try:
        written = msgspec.json.decode(data, type=_Format).format
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleInvalid(f"{file} is no manifest: {_plain(error)}.") from error
    if written > FORMAT:
        raise PolicyIncompatible(
            f"{label} has bundle format {written}, and this version of exphil-rt reads up to {FORMAT}.",
            hint="Update exphil-rt.",
        )
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleInvalid(f"{file} does not fit format {FORMAT}: {_plain(error)}.") from error
    check_manifest(manifest, label)
    return manifest


def read_weights(folder: Path, manifest: Manifest) -> bytes:
    """The bundle's weights file, as safetensors bytes whose length and SHA-256 sum are those of the manifest.

    Raises:
        BundleInvalid: they are missing, truncated or not what the manifest says.
    """
    file = folder / WEIGHTS_FILE
    try:
        size = file.stat().st_size
        if size > MAX_WEIGHTS_BYTES:
            raise BundleInvalid(f"{file} is larger than 2 GiB, which no policy is.")
        if size != manifest.weights_bytes:
            word = "truncated" if size < manifest.weights_bytes else "too long"
            raise BundleInvalid(
                f"{file} is {word}: {size} of {manifest.weights_bytes} bytes.", hint="Copy the bundle again."
            )
        data = file.read_bytes()
    except FileNotFoundError:
        raise BundleInvalid(f"{file.parent} is no policy bundle: it has no {WEIGHTS_FILE}.") from None
    except OSError as error:
        raise BundleInvalid(f"{file} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(data).hexdigest() != manifest.weights_sha256:
        raise BundleInvalid(
            f"{file} is not what its manifest says: the SHA-256 sums differ.", hint="Copy the bundle again."
        )
    return data


def check_manifest(manifest: Manifest, label: str) -> None:
    """Raise BundleInvalid or PolicyIncompatible, with ``label`` in the sentence, unless every field makes sense."""
    if manifest.format < 1 or manifest.version < 1:
        raise BundleInvalid(f"{label}: format and version count from 1.")
    if not (math.isfinite(manifest.temperature) and 0.0 <= manifest.temperature <= 100.0):
        raise BundleInvalid(f"{label}: the sampling temperature {manifest.temperature} is not within 0 to 100.")
    if not 1 <= manifest.batch_steps <= MAX_BATCH_STEPS:
        raise BundleInvalid(f"{label}: batch_steps {manifest.batch_steps} is not within 1 to {MAX_BATCH_STEPS}.")
    if any(not 0 <= character < 256 for character in manifest.characters):
        raise BundleInvalid(f"{label}: a character id is not within 0 to 255.")
    if not re.fullmatch(r"[0-9a-f]{64}", manifest.weights_sha256):
        raise BundleInvalid(f"{label}: weights_sha256 is no SHA-256 sum.")
    if not 0 < manifest.weights_bytes <= MAX_WEIGHTS_BYTES:
        raise BundleInvalid(f"{label}: weights of {manifest.weights_bytes} bytes are none or more than 2 GiB.")
    if not 0 <= manifest.state_floats <= MAX_STATE:
        raise BundleInvalid(f"{label}: a recurrent state of {manifest.state_floats} floats is none or too large.")
    try:
        manifest.config.check()
    except ExphilError as error:
        raise PolicyIncompatible(f"{label} does not fit: {error.message}", hint=error.hint) from error


def _plain(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def delay_sentence(delay: int) -> str:
    """Where a policy of this delay can play, for people: said before every training."""
    where = "embedded game and local Dolphin"
    if delay >= ONLINE_DELAY:
        return f"delay {delay}: {where}, and online"
    return f"delay {delay}: {where}; online needs --frame-delay {ONLINE_DELAY}"


def check_delay(manifest: Manifest, delay: int, force: bool = False) -> None:
    """Refuse a delay that the policy was not trained for.

    Args:
        force: allow an untrained delay (its play is then anybody's guess), as far as the network has slots for it.

    Raises:
        PolicyIncompatible: with the delay that it was trained for.
    """
    config = manifest.config
    if delay == config.delay or delay in manifest.training.delays:
        return
    if not 0 <= delay <= config.dmax:
        raise PolicyIncompatible(
            f"{manifest.ref} cannot play with delay {delay}: its network takes 0 to {config.dmax}.",
            hint=f"It was trained for delay {config.delay}.",
        )
    if not force:
        raise PolicyIncompatible(
            f"{manifest.ref} was trained for delay {config.delay}, not {delay}.",
            hint="Give its own delay, or force it.",
        )
