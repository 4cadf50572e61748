"""Cloning, end to end: NLL below the tables, a bundle that loads and plays, one sentence for wrong inputs."""

from __future__ import annotations

import math

import msgspec
import pytest
import torch

from exphil_rt.cli.app import run
from exphil_rt.policy import Policy, PolicyConfig, load_bundle, load_policy
from exphil_rt.replays import SideFilter, read_replay
from exphil_rt.training.dataset import BuildSettings, build_dataset
from exphil_rt.training.imitation import ImitationConfig, ImitationDiverged, evaluate, fit

FAST = PolicyConfig(hidden=32, head_width=32)


@pytest.fixture(autouse=True)
def no_report_card(monkeypatch):
    """It wants the compiled game; tests/exphil_rt/rollout/test_closed_loop.py plays for it."""
    monkeypatch.setenv("EXPHIL_RT_IMITATION__REPORT_GAMES", "0")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def multishine(replays_dir):
    """Three games of a repeating technique: quick to learn."""
    names = ("fox_multishine.slp", "fox_multishine_closed.slp", "ys_multishine_good_2026-08-04.slp")
    return [replays_dir / "matches" / name for name in names]


@pytest.fixture(scope="module")
def data(multishine, tmp_path_factory):
    settings = BuildSettings(filter=SideFilter.parse(["fox"]), workers=2)
    return build_dataset(tmp_path_factory.mktemp("data") / "shine", multishine, settings).dataset.split(seed=2)


def test_cloning_beats_both_tables_and_is_deterministic(data):
    def train():
        torch.manual_seed(0)
        policy = Policy(FAST)
        config = ImitationConfig(epochs=4, batch=8, learning_rate=3e-3, seed=0)
        return policy, fit(policy, data, config)

    policy, result = train()
    assert result.score.nll < min(result.previous.nll, result.marginal.nll)
    assert result.score.nll_changed < min(result.previous.nll_changed, result.marginal.nll_changed)
    assert result.epochs[-1].train_nll < result.epochs[0].train_nll
    assert result.frames == data.train_frames() * len(result.epochs)
    assert evaluate(policy, data.dataset, data.held_out) == result.score, "the policy holds the best weights"
    best = min(report.held_out.nll for report in result.epochs)
    assert result.score.nll == best == result.epochs[result.best_epoch - 1].held_out.nll
    other, again = train()
    assert again.score == result.score
    for name, weights in policy.state_dict().items():
        assert torch.equal(weights, other.state_dict()[name]), name


def test_a_fresh_policy_begins_as_the_table(data):
    torch.manual_seed(1)
    policy = Policy(FAST)
    result = fit(policy, data, ImitationConfig(epochs=1, batch=8, learning_rate=1e-12))
    assert result.score.nll == pytest.approx(result.previous.nll, rel=1e-4)
    assert result.score.nll_changed == pytest.approx(result.previous.nll_changed, rel=1e-4)
    assert result.score.frames == result.previous.frames
    assert result.score.changed_frames == result.previous.changed_frames


def test_training_with_delay_is_measured_like_its_tables(data):
    config = msgspec.structs.replace(FAST, delay=3, dmax=4)
    result = fit(Policy(config), data, ImitationConfig(epochs=1, batch=8))
    assert result.score.frames == result.previous.frames == sum(side.frames - 4 for side in data.held_out)
    assert math.isfinite(result.score.nll)


def test_it_stops_early_when_held_out_nll_no_longer_falls(data):
    torch.manual_seed(0)
    reports = []
    result = fit(
        Policy(FAST),
        data,
        ImitationConfig(epochs=30, batch=8, learning_rate=0.3, patience=2),
        on_epoch=reports.append,
    )
    assert result.ended in ("patience", "diverged")
    assert len(reports) == len(result.epochs) < 30
    assert result.epochs[result.best_epoch - 1].best


def test_ctrl_c_keeps_the_best_of_the_whole_epochs(data):
    seen = []

    def interrupt(progress):
        if progress.epoch == 2:
            raise KeyboardInterrupt
        seen.append(progress)

    result = fit(Policy(FAST), data, ImitationConfig(epochs=3, batch=8), on_progress=interrupt)
    assert result.ended == "interrupted"
    assert result.best_epoch == len(result.epochs) == 1
    assert [progress.frames for progress in seen] == sorted(progress.frames for progress in seen)
    assert seen[-1].frames == data.train_frames()
    assert seen[-1].eta_s > 0
    with pytest.raises(KeyboardInterrupt):
        fit(Policy(FAST), data, ImitationConfig(epochs=1), on_progress=lambda progress: interrupt_now())


def interrupt_now():
    raise KeyboardInterrupt


def test_a_loss_that_is_not_finite_is_one_sentence(data):
    policy = Policy(FAST)
    with torch.no_grad():
        policy.embed.project.weight.fill_(math.nan)
    with pytest.raises(ImitationDiverged, match=r"diverged at batch 1: .*--learning-rate"):
        fit(policy, data, ImitationConfig(epochs=1))


def test_the_likeliest_choices_are_those_of_greedy_play(data):
    torch.manual_seed(3)
    policy = Policy(FAST)
    hidden, previous = torch.randn(40, FAST.hidden), torch.zeros(40, 13, dtype=torch.uint8)
    with torch.no_grad():
        policy.heads.weight.normal_()
        greedy, _ = policy.heads.sample(hidden, previous, torch.full((40, 81), 0.5), temperature=0.0)
        assert torch.equal(policy.heads.likeliest(policy.heads.logits(hidden, previous, greedy)), greedy)


def test_the_command_writes_a_bundle_that_loads_and_plays(multishine, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "replays"
    folder.mkdir()
    for path in multishine:
        (folder / path.name).symlink_to(path)
    (folder / "broken.slp").write_bytes(b"no replay")
    (folder / "copy.slp").write_bytes(multishine[0].read_bytes())
    argv = ["train", "imitation", str(folder), "--character", "fox", "--epochs", "1", "--hidden", "32"]
    argv += ["--policy-out", "shiner", "--seed", "2"]
    assert run(argv) == 0
    out, err = capsys.readouterr()
    assert "shiner@v1" in out
    assert "next: exphil-rt self-play --policy shiner" in out
    assert "P(a | previous a)" in out
    told = err.splitlines()
    delay = told.index("delay 0: embedded game and local Dolphin; online needs --frame-delay 18")
    kept = next(i for i, line in enumerate(told) if line.startswith("Left to learn from: 3 games, "))
    first_epoch = next(i for i, line in enumerate(told) if line.startswith("epoch 1"))
    assert kept < delay < first_epoch
    assert any("broken.slp is too small for a game" in line for line in told)
    assert any("a game seen before" in line for line in told)
    policy, manifest = load_bundle(tmp_path / "home" / "policies" / "shiner@v1")
    assert policy.config.hidden == 32
    assert manifest.training.method == "imitation"
    assert manifest.training.data.startswith("3 games, ")
    assert "broken.slp" in manifest.training.data
    assert manifest.characters == (1,)
    assert manifest.metrics["nll"] > 0
    assert {"previous_nll", "marginal_nll", "nll_changed", "accuracy.main_x"} <= set(manifest.metrics)
    player = load_policy("shiner@v1", home=tmp_path / "home")
    frames = read_replay(multishine[0], rollback="first").frames
    controllers = player.act(frames[0], port=0)
    assert -1 <= float(controllers.joystick_x) <= 1


def test_the_result_as_json(multishine, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "replays"
    folder.mkdir()
    for path in multishine[:2]:
        (folder / path.name).symlink_to(path)
    assert (
        run(["train", "imitation", str(folder), "--character", "fox", "--epochs", "1", "--hidden", "16", "--json"]) == 0
    )
    found = msgspec.json.decode(capsys.readouterr().out)
    assert found["policy"] == "clone@v1"
    assert found["path"] == str(tmp_path / "home" / "policies" / "clone@v1")
    assert found["result"]["score"]["nll"] > 0
    assert found["result"]["ended"] == "epochs"
    assert run(["runs", "list"]) == 0
    assert "done" in capsys.readouterr().out
    assert run(["train", "imitation", "--resume", "clone"]) == 2
    assert "There is no unfinished training of clone." in capsys.readouterr().err


def test_dry_run_says_what_is_kept_and_writes_nothing(replays_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path / "home"))
    assert run(["train", "imitation", str(replays_dir / "short"), "--character", "marth", "--dry-run"]) == 0
    err = capsys.readouterr().err
    assert "Left to learn from: " in err
    assert "of Marth." in err
    assert "crazy_name_tags.slp has 4 players" in err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence", "code"),
    [
        (["/no/such/folder"], "There is no replay folder /no/such/folder (named on the command line).", 2),
        (["--character", "mewtow"], "'mewtow' is no character", 2),
        (["--player", "MANG0"], "is no connect code", 2),
        (["--policy-out", "random"], "'random' is a reserved name", 2),
        (["--policy-out", "a/b"], "is no name for a policy", 2),
        (["--frame-delay", "-1"], "policy.delay is -1", 2),
        (["--held-out", "1.5"], "imitation.held_out is 1.5", 2),
        (["--resume", "nobody"], "There is no unfinished training of nobody.", 2),
        (["--preset", "mewtow"], "Did you mean mewtwo?", 2),
        (["--character", "pichu"], "training needs two at least", 2),
    ],
)
def test_wrong_inputs_are_one_sentence(replays_dir, tmp_path, monkeypatch, capsys, arguments, sentence, code):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EXPHIL_RT_REPLAYS", str(replays_dir / "short"))
    assert run(["train", "imitation", *arguments]) == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("exphil-rt: ")
    assert sentence in last


def test_without_a_path_it_looks_in_slippis_own_folder_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EXPHIL_RT_REPLAYS", raising=False)
    assert run(["train", "imitation"]) == 2
    assert f"There is no replay folder {tmp_path / 'Slippi'} (Slippi's own folder)." in capsys.readouterr().err
