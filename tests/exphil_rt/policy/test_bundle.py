from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import exphil_rt
from exphil_rt.errors import ExphilError
from exphil_rt.policy.bundle import load_bundle, load_policy, save_bundle
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.manifest import (
    MANIFEST_FILE,
    WEIGHTS_FILE,
    BundleInvalid,
    Manifest,
    PolicyIncompatible,
    Training,
    read_manifest,
)
from exphil_rt.policy.policy import Policy
from exphil_rt.policy.ref import PolicyNotFound, PolicyRefInvalid

CONFIG = PolicyConfig(hidden=16, head_width=8, delay=1, dmax=2)


def _manifest(version: int = 1) -> Manifest:
    return Manifest(
        name="fox",
        version=version,
        config=CONFIG,
        characters=(1, 22),
        temperature=0.8,
        parent="fox@v0",
        run="r1",
        training=Training(method="ppo", data="self-play", steps=10, frames=1000, seed=3),
        metrics={"elo": 1234.5},
        physics="sim-1",
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    folder = tmp_path / "fox@v1"
    save_bundle(folder, Policy(CONFIG), _manifest())
    return folder


def test_a_bundle_comes_back_as_it_was(tmp_path):
    policy = Policy(CONFIG)
    written = save_bundle(tmp_path / "policies" / "fox@v1", policy, _manifest())
    state = torch.random.get_rng_state()
    loaded, manifest = load_bundle(tmp_path / "policies" / "fox@v1")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert manifest == written == read_manifest(tmp_path / "policies" / "fox@v1")
    assert manifest.config == CONFIG
    assert manifest.code == exphil_rt.__version__
    assert manifest.parameters == sum(p.numel() for p in policy.parameters())
    assert (manifest.ref, manifest.delay, manifest.training.frames) == ("fox@v1", 1, 1000)
    for (name, a), (other, b) in zip(policy.state_dict().items(), loaded.state_dict().items(), strict=True):
        assert name == other
        assert torch.equal(a, b)
    assert not loaded.training
    assert sorted(p.name for p in (tmp_path / "policies").iterdir()) == ["fox@v1"]
    assert sorted(p.name for p in (tmp_path / "policies" / "fox@v1").iterdir()) == [MANIFEST_FILE, WEIGHTS_FILE]


def test_bundles_never_change(bundle):
    before = (bundle / MANIFEST_FILE).read_bytes()
    with pytest.raises(BundleInvalid, match="already exists"):
        save_bundle(bundle, Policy(CONFIG), _manifest())
    assert (bundle / MANIFEST_FILE).read_bytes() == before
    assert [p.name for p in bundle.parent.iterdir()] == ["fox@v1"]


def test_a_bundle_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    """A disk that is full in the middle leaves nothing behind."""

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BundleInvalid, match="No space left on device"):
        save_bundle(tmp_path / "fox@v1", Policy(CONFIG), _manifest())
    assert list(tmp_path.iterdir()) == []


def test_broken_weights_are_not_saved(tmp_path):
    policy = Policy(CONFIG)
    with torch.no_grad():
        policy.heads.bias[3] = float("nan")
    with pytest.raises(BundleInvalid, match=r"heads\.bias is not finite"):
        save_bundle(tmp_path / "fox@v1", policy, _manifest())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["random", "cpu1", "a/b", ""])
def test_a_name_that_no_bundle_may_have_is_refused(tmp_path, name):
    with pytest.raises(PolicyRefInvalid):
        save_bundle(tmp_path / "x", Policy(CONFIG), Manifest(name=name, version=1, config=CONFIG))
    assert list(tmp_path.iterdir()) == []


def _edit(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def apply(bundle: Path) -> None:
        file = bundle / MANIFEST_FILE
        data = json.loads(file.read_text())
        change(data)
        file.write_text(json.dumps(data))

    return apply


def _weights(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    """Other weights, honestly signed."""

    def apply(bundle: Path) -> None:
        file = bundle / WEIGHTS_FILE
        tensors = safetensors.torch.load(file.read_bytes())
        change(tensors)
        _sign(bundle, safetensors.torch.save(tensors))

    return apply


def _sign(bundle: Path, data: bytes) -> None:
    (bundle / WEIGHTS_FILE).write_bytes(data)
    sums = {"weights_sha256": hashlib.sha256(data).hexdigest(), "weights_bytes": len(data)}
    _edit(lambda manifest: manifest.update(sums))(bundle)


def _truncate(bundle: Path) -> None:
    file = bundle / WEIGHTS_FILE
    file.write_bytes(file.read_bytes()[:-100])


def _flip(bundle: Path) -> None:
    file = bundle / WEIGHTS_FILE
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)


def _set(*path: str | int, value: Any) -> Callable[[Path], None]:
    def change(data: dict[str, Any]) -> None:
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return _edit(change)


BAD: dict[str, tuple[Callable[[Path], None], type[ExphilError], str]] = {
    "truncated weights": (_truncate, BundleInvalid, "is truncated"),
    "longer weights": (
        lambda b: (b / WEIGHTS_FILE).write_bytes((b / WEIGHTS_FILE).read_bytes() + b"x"),
        BundleInvalid,
        "is too long",
    ),
    "flipped bit": (_flip, BundleInvalid, "SHA-256"),
    "no weights": (lambda b: (b / WEIGHTS_FILE).unlink(), BundleInvalid, "no policy.safetensors"),
    "no manifest": (lambda b: (b / MANIFEST_FILE).unlink(), BundleInvalid, "no manifest.json"),
    "signed garbage": (lambda b: _sign(b, b"\xff" * 64), BundleInvalid, "holds no weights"),
    "signed pickle": (lambda b: _sign(b, b"\x80\x04cos\nsystem\n."), BundleInvalid, "holds no weights"),
    "manifest garbage": (lambda b: (b / MANIFEST_FILE).write_bytes(b"\xff\xfe{"), BundleInvalid, "no manifest"),
    "manifest truncated": (
        lambda b: (b / MANIFEST_FILE).write_bytes((b / MANIFEST_FILE).read_bytes()[:500]),
        BundleInvalid,
        "no manifest",
    ),
    "manifest huge": (lambda b: (b / MANIFEST_FILE).write_bytes(b" " * (2 << 20)), BundleInvalid, "larger than"),
    "manifest deep": (lambda b: (b / MANIFEST_FILE).write_bytes(b"[" * 500_000), BundleInvalid, "no manifest"),
    "manifest a folder": (
        lambda b: ((b / MANIFEST_FILE).unlink(), (b / MANIFEST_FILE).mkdir()),
        BundleInvalid,
        "cannot be read",
    ),
    "newer format": (_set("format", value=99), PolicyIncompatible, "bundle format 99"),
    "format zero": (_set("format", value=0), BundleInvalid, "count from 1"),
    "unknown field": (_set("colour", value="red"), BundleInvalid, "colour"),
    "missing field": (_edit(lambda d: d.pop("config")), BundleInvalid, "config"),
    "wrong type": (_set("temperature", value="hot"), BundleInvalid, "temperature"),
    "impossible temperature": (_set("temperature", value=-1.0), BundleInvalid, "temperature"),
    "no sum": (_set("weights_sha256", value="abc"), BundleInvalid, "no SHA-256"),
    "huge weights": (_set("weights_bytes", value=1 << 40), BundleInvalid, "2 GiB"),
    "unknown backbone": (_set("config", "backbone", value="mamba"), PolicyIncompatible, "mamba"),
    "other backbone": (_set("config", "backbone", value="mlp"), PolicyIncompatible, r"weight backbone\."),
    "other width": (_set("config", "hidden", value=32), PolicyIncompatible, r"\(32,"),
    "fewer layers": (_set("config", "layers", value=2), PolicyIncompatible, "lacks the weight"),
    "absurd width": (_set("config", "hidden", value=1 << 30), PolicyIncompatible, "hidden"),
    "delay beyond dmax": (_set("config", "delay", value=3), PolicyIncompatible, "dmax"),
    "unknown source": (
        _set("config", "schema", "fields", 0, "source", value="own.mood"),
        PolicyIncompatible,
        "own.mood",
    ),
    "absurd table": (_set("config", "schema", "tables", 0, "rows", value=1 << 40), PolicyIncompatible, "size"),
    "impossible codec": (_set("config", "codec", "trigger", value=[0, 5, 4, 3, 2]), PolicyIncompatible, "centres"),
    "another weight": (
        _weights(lambda t: t.update(extra=torch.zeros(1))),
        PolicyIncompatible,
        "weight extra",
    ),
    "missing weight": (_weights(lambda t: t.pop("heads.bias")), PolicyIncompatible, "lacks the weight heads.bias"),
    "half precision": (
        _weights(lambda t: t.update({"heads.bias": t["heads.bias"].half()})),
        PolicyIncompatible,
        "float16",
    ),
    "infinite weight": (
        _weights(lambda t: t["heads.bias"].fill_(float("inf"))),
        BundleInvalid,
        "heads.bias is not finite",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_bundle_is_one_sentence(bundle, case):
    damage, kind, word = BAD[case]
    damage(bundle)
    with pytest.raises(kind, match=word) as caught:
        load_bundle(bundle)
    message = str(caught.value)
    assert "fox@v1" in message
    assert "\n" not in message
    assert len(message) < 400


def test_the_manifest_alone_is_read_without_weights(bundle):
    (bundle / WEIGHTS_FILE).unlink()
    assert read_manifest(bundle).characters == (1, 22)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(BundleInvalid, match="no policy bundle"):
        load_bundle(tmp_path / "fox@v1")


def test_policies_load_by_name_path_and_reserved_name(bundle):
    home = bundle.parent / "home"
    (home / "policies").mkdir(parents=True)
    shutil.copytree(bundle, home / "policies" / "fox@v1")
    assert load_policy("fox", home=home).manifest == load_policy(bundle).manifest
    assert exphil_rt.load_policy is load_policy
    assert load_policy("random").policy is None
    with pytest.raises(PolicyNotFound, match="scripted opponent"):
        load_policy("cpu9")
    with pytest.raises(PolicyNotFound, match="no policy bundle at"):
        load_policy(bundle.parent / "nothing@v1")
