"""What may be given beside ``--resume``."""

from __future__ import annotations

import pytest

from exphil_rt.cli.app import run
from exphil_rt.config import load_config
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.replays import SideFilter
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run
from exphil_rt.training.imitation_plan import ImitationPlan


@pytest.fixture
def one(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path / "home"))
    overrides = {"run.timesteps": 1000, "run.games": 4}
    return Run.create(Home(tmp_path / "home").create(), load_config(env={}, overrides=overrides), "one")


def test_what_is_safe_is_said_and_a_dry_run_changes_nothing(one, capsys):
    before = one.config_file.read_bytes()
    argv = ["self-play", "--resume", "one", "--run", "one", "--timesteps", "2000", "--set", "train.learning_rate=1e-4"]
    assert run([*argv, "--games", "4", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert "changed: run.timesteps 1000 -> 2000" in err
    assert "changed: train.learning_rate 0.0005 -> 0.0001" in err
    assert "games" not in err
    assert "timesteps = 2000" in out
    assert one.config_file.read_bytes() == before


def test_a_run_that_is_over_goes_on_with_more_timesteps_only(one, capsys):
    with one.database() as database:
        database.update_progress(frames=1000, ended="timesteps")
    assert run(["self-play", "--resume", "one", "--headless"]) == 0
    assert "all its 1,000 frames are played" in capsys.readouterr().err
    assert run(["self-play", "--resume", "one", "--headless", "--timesteps", "900"]) == 0
    assert one.config().run.timesteps == 900


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--games", "8"], "run.games is 4 in the run one, and cannot become 8 on the way."),
        (["--seed", "7"], "run.seed is 1"),
        (["--character", "fox"], "game.characters is"),
        (["--policy", "other"], "policy.start is ''"),
        (["--set", "policy.hidden=64"], "policy.hidden is 128"),
        (["--set", "policy.hiden=64"], "Did you mean policy.hidden?"),
    ],
)
def test_what_is_not_safe_is_refused_in_one_sentence(one, capsys, argv, sentence):
    before = one.config_file.read_bytes()
    assert run(["self-play", "--resume", "one", "--headless", *argv]) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1
    assert one.config_file.read_bytes() == before


def test_a_deterministic_run_keeps_how_it_learns(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path / "home"))
    settings = load_config(env={}, overrides={"run.deterministic": True})
    Run.create(Home(tmp_path / "home").create(), settings, "two")
    argv = ["self-play", "--resume", "two", "--dry-run"]
    assert run([*argv, "--set", "train.learning_rate=1e-4"]) == 2
    assert run([*argv, "--timesteps", "100"]) == 0


def test_the_background_start_says_where_changes_belong(one, capsys):
    assert run(["daemon", "start", "--resume", "one", "--set", "run.timesteps=5"]) == 2
    assert "Give changes to `exphil-rt self-play --resume one`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--min-seconds", "10", "--quality-threshold", "0.5"], 0),
        (["--min-seconds", "3"], 2),
        (["--quality-threshold", "0"], 2),
    ],
)
def test_a_training_that_goes_on_tells_what_is_given_as_by_default_from_what_is_not_given(
    tmp_path, monkeypatch, capsys, replays_dir, argv, code
):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path))
    sides = SideFilter.parse((), (), (), min_frames=600, min_quality=0.5)
    replays = str(replays_dir / "short" / "dash_back.slp")
    plan = ImitationPlan(policy_out="mine", replays=replays, sides=sides, policy=PolicyConfig())
    Run.create(Home(tmp_path).create(), load_config(env={}), "mine", plan=plan.encode())
    assert run(["train", "imitation", "--resume", "mine", "--dry-run", *argv]) == code
    assert ("Other sides" in capsys.readouterr().err) == (code == 2)
