"""Measuring on replays: the report against its own export, tables fitted apart, the commands that print them."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow.parquet
import pytest
import torch

from exphil_rt.cli.app import run
from exphil_rt.policy import Policy, PolicyConfig, save_bundle
from exphil_rt.policy.manifest import Manifest, Training
from exphil_rt.replays import SideFilter
from exphil_rt.training.dataset import BuildSettings, build_dataset
from exphil_rt.training.replay_report import replay_report

NAMES = ("matches/fox_multishine.slp", "matches/fox_multishine_closed.slp")
CONFIG = PolicyConfig(hidden=16, head_width=16, delay=1, dmax=3)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(replays_dir, tmp_path_factory):
    paths = [replays_dir / name for name in NAMES]
    settings = BuildSettings(filter=SideFilter.parse([]), workers=1)
    return build_dataset(tmp_path_factory.mktemp("data") / "two", paths, settings).dataset.split(seed=1)


def test_the_report_is_the_sum_of_its_exported_predictions(data, tmp_path):
    torch.manual_seed(0)
    policy = Policy(CONFIG)
    with torch.no_grad():
        policy.heads.weight.normal_()
    path = tmp_path / "predictions.parquet"
    report = replay_report(
        policy, data.dataset, data.held_out, (data.dataset, data.train), tables="the rest", export=path
    )
    table = pyarrow.parquet.read_table(path)
    assert table.num_rows == report.policy.frames == report.previous.frames
    heads = policy.config.codec.heads
    logp = np.stack([table[f"logp.{head}"].to_numpy() for head in heads], 1)
    done = np.stack([table[f"done.{head}"].to_numpy() for head in heads], 1)
    likeliest = np.stack([table[f"likeliest.{head}"].to_numpy() for head in heads], 1)
    assert -logp.sum(1, dtype=np.float64).mean() == pytest.approx(report.policy.nll, rel=1e-6)
    assert (done == likeliest).all(1).mean() == pytest.approx(report.policy.accuracy)
    counts = np.array(report.stick.counts)
    assert counts.sum() == report.policy.frames
    assert np.array(report.stick.changed).sum() == report.policy.changed_frames
    shown = policy.config.codec.decode(done)
    assert counts[0].sum() == ((shown.joystick_x == 0) & (shown.joystick_y == 0)).sum()
    assert sum(score.frames for score in report.by_character.values()) == report.policy.frames
    assert report.previous.nll < report.marginal.nll
    digests = {data.dataset.games[side.game].meta.digest for side in data.held_out}
    assert set(table["game"].to_pylist()) == digests


def test_the_commands(replays_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "replays"
    folder.mkdir()
    for name in NAMES:
        (folder / name.rpartition("/")[2]).symlink_to(replays_dir / name)
    for version in (1, 2):
        torch.manual_seed(version)
        manifest = Manifest(
            name="fox", version=version, config=CONFIG, characters=(1,), training=Training(seed=2, delays=(1, 3))
        )
        save_bundle(tmp_path / "home" / "policies" / f"fox@v{version}", Policy(CONFIG), manifest)
    picture = tmp_path / "curve.png"
    argv = ["eval", "replays", "fox@v1", str(folder), "--workers", "1"]
    assert run([*argv, "--delay-curve", "1", "--delay-curve", "3", "--plot", str(picture), "--json"]) == 0
    reports = msgspec.json.decode(capsys.readouterr().out)["by_delay"]
    assert [report["delay"] for report in reports] == [1, 3]
    assert reports[0]["policy"]["frames"] > reports[1]["policy"]["frames"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run([*argv, "--fit", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "P(a | previous a)" in out
    assert "stick, on changed frames" in out
    assert run([*argv, "--frame-delay", "2"]) != 0
    assert "was trained for delay 1, not 2" in capsys.readouterr().err
    assert run(["eval", "average", "fox@v1", "fox@v2", "--on", str(folder), "--policy-out", "mean"]) == 0
    out = capsys.readouterr().out
    assert "mean@v1" in out
    assert "fox@v2" in out
    assert run(["eval", "average", "fox@v1"]) == 2
    assert "two policies at least" in capsys.readouterr().err
