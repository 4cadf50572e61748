"""``policies info, compare, pack, add`` and ``export onnx``, as typed."""

from __future__ import annotations

import json

import pytest
import torch

from exphil_rt.cli.app import run
from exphil_rt.policy.bundle import Manifest, save_bundle
from exphil_rt.policy.config import PolicyConfig, new_config
from exphil_rt.policy.policy import Policy


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home with two policies."""
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path))
    monkeypatch.setenv("EXPHIL_RT_TRUST__PACKAGES", "")
    torch.manual_seed(0)
    for name, config in (
        ("fox", new_config("gru", hidden=8)),
        ("marth", PolicyConfig(backbone="mlp", hidden=8, heads="grouped")),
    ):
        manifest = Manifest(name=name, version=1, config=config, characters=(1,), metrics={"nll": 1.25})
        save_bundle(tmp_path / "policies" / f"{name}@v1", Policy(config), manifest)
    return tmp_path


def test_info_shows_layers_and_sizes(capsys):
    assert run(["policies", "info", "fox"]) == 0
    out = capsys.readouterr().out
    assert "gru, 1 layers of 8" in out
    assert "backbone.gru" in out
    assert "weight_hh_l0 24x8" in out
    assert run(["policies", "info", "fox", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(layer["weights"] for layer in found["layers"]) == found["manifest"]["parameters"]


def test_info_says_how_it_plays_or_that_nobody_knows(home, capsys):
    """A version that a training published before its end has no card."""
    assert run(["policies", "info", "fox"]) == 0
    assert "none; `exphil-rt eval play fox@v1 --save` plays for one" in capsys.readouterr().out
    file = home / "policies" / "fox@v1" / "report_card.json"
    file.write_text(json.dumps({"played": [{"opponent": "cpu3", "win_rate": 0.25, "games": 16}]}))
    assert run(["policies", "info", "fox"]) == 0
    assert "25% of the points against cpu3 (16 games each)" in capsys.readouterr().out
    assert run(["policies", "info", "fox", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report_card"]["played"][0]["games"] == 16
    for text, shown in (("{", "none;"), ('{"played": [3]}', "report_card.json cannot be read")):
        file.write_text(text)
        assert run(["policies", "info", "fox"]) == 0
        assert shown in capsys.readouterr().out


def test_compare_shows_what_differs(capsys):
    assert run(["policies", "compare", "fox", "marth"]) == 0
    out = capsys.readouterr().out
    assert "autoregressive" in out
    assert "grouped" in out
    assert "delay" not in out
    assert run(["policies", "compare", "fox", "fox"]) == 0
    assert "built alike" in capsys.readouterr().out
    assert run(["policies", "compare", "fox", "marth", "--json"]) == 0
    assert [one["policy"] for one in json.loads(capsys.readouterr().out)] == ["fox@v1", "marth@v1"]


def test_packed_and_added(home, capsys):
    file = home / "fox.zip"
    assert run(["policies", "pack", "fox", "-o", str(file)]) == 0
    assert run(["policies", "add", str(file), "--name", "theirs"]) == 0
    assert (home / "policies" / "theirs@v1" / "policy.safetensors").is_file()
    assert run(["policies", "add", str(file)]) == 0
    assert "was there already" in capsys.readouterr().out
    file.write_bytes(b"no")
    assert run(["policies", "add", str(file)]) == 1
    assert "no pack" in capsys.readouterr().err


def test_an_exported_policy_is_proved_the_same(home, capsys, replays_dir):
    file = home / "fox.onnx"
    replays = str(replays_dir / "matches" / "fox_multishine.slp")
    argv = ["export", "onnx", "fox", "-o", str(file), "--check", "--replays", replays, "--frames", "60", "--json"]
    assert run(argv) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["check"]["other_actions"] == 0
    assert found["check"]["logit_error"] <= 5e-6
    assert file.stat().st_size == found["bytes"]
    assert run([*argv[:-1], "--int8"]) == 0
    assert "8-bit weights" in capsys.readouterr().out
