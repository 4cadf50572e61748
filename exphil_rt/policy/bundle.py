"""Bundles on disk: ``NAME@vN/`` with ``policy.safetensors`` and ``manifest.json``, written whole, read with care."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import safetensors.torch
import torch
from safetensors import SafetensorError

import exphil_rt
from exphil_rt.policy.manifest import (
    FORMAT,
    MANIFEST_FILE,
    WEIGHTS_FILE,
    BundleInvalid,
    Manifest,
    PolicyIncompatible,
    Training,
    check_delay,
    check_manifest,
    delay_sentence,
    read_manifest,
    read_weights,
)
from exphil_rt.policy.pack import REPORT_FILE, read_pack
from exphil_rt.policy.playable import PlayablePolicy
from exphil_rt.policy.policy import Policy
from exphil_rt.policy.ref import PolicyNotFound, PolicyRef, bundle_name, list_bundles, parse_ref, resolve_bundle

__all__ = (
    "FORMAT",
    "BundleInvalid",
    "Manifest",
    "PlayablePolicy",
    "PolicyIncompatible",
    "Training",
    "add_pack",
    "check_delay",
    "delay_sentence",
    "load_bundle",
    "load_policy",
    "read_manifest",
    "save_bundle",
)


def save_bundle(path: Path | str, policy: Policy, manifest: Manifest) -> Manifest:
    """Write a bundle to the folder ``path`` (``.../NAME@vN``), which must not exist: bundles never change.

    The folder appears whole or not at all, also when the machine loses power.

    Args:
        manifest: its config, checksum, sizes, format, code version and time are filled in here.

    Returns:
        The manifest as written.

    Raises:
        BundleInvalid: the folder exists, or a weight is not finite, or it cannot be written.
        PolicyRefInvalid: the manifest's name or version is none that a bundle may have.
    """
    target = Path(path)
    bundle_name(manifest.name, manifest.version)
    tensors = {name: tensor.detach().to("cpu").contiguous() for name, tensor in policy.state_dict().items()}
    broken = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise BundleInvalid(f"{target.name} is not saved: the weight {broken[0]} is not finite.")
    weights = safetensors.torch.save(tensors)
    manifest = msgspec.structs.replace(
        manifest,
        format=FORMAT,
        config=policy.config,
        code=exphil_rt.__version__,
        created=manifest.created or int(time.time()),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        weights_bytes=len(weights),
        parameters=policy.parameter_count,
        state_floats=sum(part.shape[1] for part in policy.init_state(1)),
    )
    check_manifest(manifest, target.name)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _whole_folder(target) as temporary:
            _write(temporary / WEIGHTS_FILE, weights)
            _write(temporary / MANIFEST_FILE, text)
    except OSError as error:
        if target.exists():
            raise BundleInvalid(
                f"{target} already exists, and bundles never change.", hint="Save as the next version."
            ) from error
        raise BundleInvalid(f"{target} cannot be written: {error.strerror}.") from error
    return manifest


def load_bundle(path: Path | str) -> tuple[Policy, Manifest]:
    """Load the bundle in the folder ``path``, on the CPU and in evaluation mode.

    Raises:
        BundleInvalid: damaged or incomplete.
        PolicyIncompatible: nothing that this version can build, or weights of another architecture.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    return _policy_of(manifest, read_weights(folder, manifest), folder.name), manifest


def _policy_of(manifest: Manifest, weights: bytes, label: str) -> Policy:
    try:
        tensors = safetensors.torch.load(weights)
    except SafetensorError as error:
        raise BundleInvalid(f"{label}/{WEIGHTS_FILE} holds no weights: {error}.") from error
    with torch.random.fork_rng(devices=[]):  # building draws initial weights that are overwritten
        policy = Policy(manifest.config)
    _check_shapes(policy, tensors, label)
    policy.load_state_dict(tensors)
    return policy.eval()


def add_pack(file: Path | str, policies: Path, name: str = "") -> Manifest:
    """Write the policy of a pack into the folder ``policies``, under the next version of its name.

    Args:
        file: as ``pack.pack_bundle`` made it.
        policies: the home's folder of bundles.
        name: to call it by; empty for its own.

    Returns:
        The manifest as written; that of the bundle that is there, where these very weights are there under the name.

    Raises:
        BundleInvalid, PolicyIncompatible, PolicyRefInvalid: nothing was written then.
    """
    pack = read_pack(Path(file))
    wanted = name or pack.manifest.name
    bundle_name(wanted, 1)
    versions = list_bundles(policies.parent).get(wanted, [])
    for version in versions:
        with contextlib.suppress(BundleInvalid, PolicyIncompatible):
            there = read_manifest(policies / bundle_name(wanted, version))
            if there.weights_sha256 == pack.manifest.weights_sha256:
                return there
    manifest = msgspec.structs.replace(pack.manifest, name=wanted, version=max(versions, default=0) + 1)
    target = policies / manifest.ref
    check_manifest(manifest, target.name)
    _policy_of(manifest, pack.weights, target.name)
    try:
        policies.mkdir(parents=True, exist_ok=True)
        with _whole_folder(target) as temporary:
            _write(temporary / WEIGHTS_FILE, pack.weights)
            _write(temporary / MANIFEST_FILE, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
            if pack.report:
                _write(temporary / REPORT_FILE, pack.report)
    except OSError as error:
        raise BundleInvalid(f"{target} cannot be written: {error.strerror}.") from error
    return manifest


def load_policy(ref: str | Path, home: Path | str | None = None, seed: int = 0) -> PlayablePolicy:
    """A policy that plays, from a reference (``NAME``, ``NAME@v3``, ``NAME@best``, a path, or ``random``).

    Raises:
        PolicyRefInvalid, PolicyNotFound, BundleInvalid, PolicyIncompatible: in one sentence.
    """
    parsed = PolicyRef(kind="path", path=str(ref)) if isinstance(ref, Path) else parse_ref(ref)
    if parsed.kind == "random":
        return PlayablePolicy(None, None, seed=seed)
    if parsed.kind == "cpu":
        raise PolicyNotFound(
            f"{parsed} is a scripted opponent and no policy.",
            hint="`exphil_rt.load_player` loads both; in a match or a run name it as the opponent.",
        )
    policy, manifest = load_bundle(resolve_bundle(parsed, Path(home) if home is not None else None))
    return PlayablePolicy(policy, manifest, seed=seed)


def _check_shapes(policy: Policy, tensors: dict[str, torch.Tensor], label: str) -> None:
    expected = policy.state_dict()
    for name, tensor in expected.items():
        found = tensors.get(name)
        if found is None:
            raise PolicyIncompatible(f"{label} lacks the weight {name}, which a {policy.config.backbone} has.")
        if found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise PolicyIncompatible(
                f"{label}: the weight {name} is {found.dtype} {tuple(found.shape)}, and its manifest describes "
                f"{tensor.dtype} {tuple(tensor.shape)}."
            )
        if not bool(torch.isfinite(found).all()):
            raise BundleInvalid(f"{label}: the weight {name} is not finite.")
    extra = sorted(set(tensors) - set(expected))
    if extra:
        raise PolicyIncompatible(
            f"{label} has the weight {extra[0]}, which its architecture ({policy.config.backbone}) has not."
        )


def _write(file: Path, data: bytes) -> None:
    with file.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


@contextlib.contextmanager
def _whole_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target`` that takes its name when the block ends well, and is removed otherwise."""
    temporary = target.parent / f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    temporary.mkdir()
    try:
        yield temporary
        _fsync_folder(temporary)
        temporary.rename(target)  # fails where target is a folder with anything in it
        _fsync_folder(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
