from __future__ import annotations

import io
import json
import zipfile

import msgspec
import pytest
import torch

from exphil_rt.errors import ExphilError
from exphil_rt.policy.bundle import Manifest, Training, add_pack, load_bundle, save_bundle
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.pack import PackInvalid, anonymous, pack_bundle, read_pack
from exphil_rt.policy.policy import Policy


@pytest.fixture
def folder(tmp_path):
    """A bundle whose manifest and report card name a player and a folder."""
    torch.manual_seed(0)
    config = PolicyConfig(backbone="mlp", hidden=8, head_width=8)
    manifest = Manifest(
        name="fox",
        version=3,
        config=config,
        run="run-123",
        training=Training(method="imitation", data="5 games of FOX#123 in /home/me/slp, left 3/4"),
        metrics={"nll": 1.5},
    )
    path = tmp_path / "home" / "policies" / "fox@v3"
    save_bundle(path, Policy(config), manifest)
    (path / "report_card.json").write_text(json.dumps({"file": "/home/me/x.slp", "who": ["MANG#0"], "rate": 0.5}))
    return path


def rezipped(data: bytes, change) -> bytes:
    """The pack with its entries changed: name to bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return found.getvalue()


def test_a_pack_comes_back_as_the_policy(folder, tmp_path):
    data = pack_bundle(folder)
    assert data == pack_bundle(folder)
    file = tmp_path / "fox.zip"
    file.write_bytes(data)
    policies = tmp_path / "other" / "policies"
    manifest = add_pack(file, policies)
    assert manifest.ref == "fox@v1"
    policy, read = load_bundle(policies / "fox@v1")
    mine, _ = load_bundle(folder)
    assert read.metrics == {"nll": 1.5}
    assert all(torch.equal(a, b) for a, b in zip(policy.parameters(), mine.parameters(), strict=True))
    assert json.loads((policies / "fox@v1" / "report_card.json").read_text())["rate"] == 0.5
    assert add_pack(file, policies) == read  # the same weights are not taken twice
    assert add_pack(file, policies, "theirs").ref == "theirs@v1"
    assert sorted(path.name for path in policies.iterdir()) == ["fox@v1", "theirs@v1"]


def test_a_pack_tells_nothing_of_its_maker(folder):
    data = pack_bundle(folder)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist() if name.endswith(".json")).decode()
    for word in ("FOX#123", "MANG#0", "/home", "run-123", ".slp"):
        assert word not in text
    assert "5 games of (player) in (path), left 3/4" in text
    assert anonymous(r"C:\Users\me and ~/x and MANG#0") == "(path) and (path) and (player)"


def _grow(parts):
    parts["../../evil"] = b"x"


def _twist(parts):
    parts["policy.safetensors"] = parts["policy.safetensors"][:-1] + b"\xff"


def _lack(parts):
    del parts["manifest.json"]


def _bomb(parts):
    parts["manifest.json"] = b" " * (64 << 20)


def _newer(parts):
    parts["manifest.json"] = parts["manifest.json"].replace(b'"format": 2', b'"format": 99')


def _huge(parts):
    parts["manifest.json"] = parts["manifest.json"].replace(b'"weights_bytes": ', b'"weights_bytes": 9')


def _other_shape(parts):
    parts["manifest.json"] = parts["manifest.json"].replace(b'"hidden": 8', b'"hidden": 9')


def _untrusted(parts):
    parts["manifest.json"] = parts["manifest.json"].replace(b'"backbone": "mlp"', b'"backbone": "evil:Net"')


def _bad_report(parts):
    parts["report_card.json"] = b"[" * 100_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_grow, "evil"),
        (_twist, "not what its manifest says"),
        (_lack, "no manifest"),
        (_bomb, "larger than"),
        (_newer, "bundle format 99"),
        (_huge, "not what its manifest says|2 GiB"),
        (_other_shape, "describes"),
        (_untrusted, "not trusted"),
        (_bad_report, "report card"),
    ],
)
def test_a_bad_pack_is_refused_and_leaves_nothing(folder, tmp_path, change, words):
    file, policies = tmp_path / "bad.zip", tmp_path / "other" / "policies"
    file.write_bytes(rezipped(pack_bundle(folder), change))
    with pytest.raises(ExphilError, match=words):
        add_pack(file, policies)
    assert not policies.exists()


def test_what_is_no_zip_is_refused(tmp_path, folder):
    whole = pack_bundle(folder)
    for number, data in enumerate((b"", b"hello", whole[:100], whole[:-30], whole[50:])):
        file = tmp_path / f"{number}.zip"
        file.write_bytes(data)
        with pytest.raises(PackInvalid):
            read_pack(file)
    with pytest.raises(PackInvalid, match="no file"):
        read_pack(tmp_path / "none.zip")
    with pytest.raises(PackInvalid):
        read_pack(tmp_path)


def test_old_bundles_still_load(folder):
    """As format 1 wrote them: no options, no kind of heads, no pairs, no size of the state."""
    file = folder / "manifest.json"
    manifest = msgspec.json.decode(file.read_bytes())
    manifest["format"] = 1
    del manifest["state_floats"], manifest["config"]["options"], manifest["config"]["heads"]
    del manifest["config"]["codec"]["main"], manifest["config"]["codec"]["c_stick"]
    file.write_bytes(msgspec.json.encode(manifest))
    policy, read = load_bundle(folder)
    assert policy.config.backbone == "mlp"
    assert read.state == 2 * 8
