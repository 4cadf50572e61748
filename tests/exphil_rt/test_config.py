"""Settings: their layers, where values come from, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exphil_rt import config
from exphil_rt.config import Config, ConfigError, load_config, to_toml

ROOT = Path(__file__).resolve().parents[2]


def refused(**how) -> ConfigError:
    how.setdefault("env", {})
    with pytest.raises(ConfigError) as caught:
        load_config(**how)
    assert caught.value.exit_code == 2
    return caught.value


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_without_any_layer_the_defaults_hold_and_say_so():
    resolved = load_config(env={})
    assert resolved.config == Config()
    assert set(resolved.origin.values()) == {"default"}
    assert resolved.config.run.games == 16


def test_each_layer_covers_the_one_below_and_every_origin_is_told(tmp_path):
    user = write(tmp_path / "user.toml", "[train]\ngamma = 0.9\nclip = 0.3\nepochs = 5\n[run]\nseed = 7\ngames = 3\n")
    project = write(tmp_path / "project.toml", "[train]\nclip = 0.4\nepochs = 6\n")
    resolved = load_config(
        "smoke",
        files=[user, project],
        env={"EXPHIL_RT_TRAIN__EPOCHS": "7", "EXPHIL_RT_RUN__STOCKS": "2", "PATH": "/bin"},
        overrides={"run.stocks": 3, "run.name": None},
    )
    assert resolved.config.policy.backbone == "mlp"
    assert resolved.origin["policy.backbone"].endswith("configs/smoke.toml")
    assert (resolved.config.train.gamma, resolved.origin["train.gamma"]) == (0.9, str(user))
    assert (resolved.config.train.clip, resolved.origin["train.clip"]) == (0.4, str(project))
    assert (resolved.config.run.games, resolved.origin["run.games"]) == (3, str(user))
    assert (resolved.config.train.epochs, resolved.origin["train.epochs"]) == (7, "environment EXPHIL_RT_TRAIN__EPOCHS")
    assert (resolved.config.run.stocks, resolved.origin["run.stocks"]) == (3, "flag")
    assert resolved.origin["run.name"] == "default"


@pytest.mark.parametrize("preset", config.preset_names())
def test_every_preset_holds(preset):
    assert load_config(preset, env={}).config != Config()


def test_a_preset_nobody_wrote_names_the_nearest():
    assert str(refused(preset="overnigth")) == "'overnigth' is not a preset. Did you mean overnight?"
    assert "smoke" in refused(preset="../../etc/passwd").hint


def test_a_misspelt_key_names_file_key_and_the_nearest(tmp_path):
    path = write(tmp_path / "x.toml", "[train]\nlearning_rte = 1.0\n")
    assert str(refused(files=[path])) == (
        f"{path}: train.learning_rte is not a setting. Did you mean train.learning_rate?"
    )


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("train.lr", "train.learning_rate"),
        ("learning_rate", "train.learning_rate"),
        ("trian.gamma", "train.gamma"),
        ("train.entropi", "train.entropy"),
        ("run.gamma", "train.gamma"),
        ("leage", "league"),
    ],
)
def test_what_a_wrong_key_was_meant_to_be(key, nearest):
    assert refused(overrides={key: 1}).hint == f"Did you mean {nearest}?"


def test_a_key_like_no_other_lists_what_there_is():
    assert "learning_rate, gamma" in refused(overrides={"train.xyzzyq": 1}).hint
    assert "run, game, policy" in refused(overrides={"xyzzyq.xyzzyq": 1}).hint


def test_a_misspelt_variable_names_the_nearest_variable():
    error = refused(env={"EXPHIL_RT_TRAIN__LERNING_RATE": "1"})
    assert str(error) == (
        "EXPHIL_RT_TRAIN__LERNING_RATE is not a setting. Did you mean EXPHIL_RT_TRAIN__LEARNING_RATE?"
    )
    assert refused(env={"EXPHIL_RT_HOEM": "/x"}).hint == "Did you mean EXPHIL_RT_HOME?"


def test_variables_that_are_no_settings_are_let_be():
    env = dict.fromkeys(config.NOT_SETTINGS, "/somewhere") | {"EXPHIL": "1", "HOME": "/root"}
    assert load_config(env=env).config == Config()


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("train.gamma", "high", "a number above 0.0 and below 1.0"),
        ("train.gamma", 1.5, "a number above 0.0 and below 1.0"),
        ("train.learning_rate", float("nan"), "a number above 0.0"),
        ("train.learning_rate", float("inf"), "a number above 0.0"),
        ("train.learning_rate", 10**400, "a number above 0.0"),
        ("train.epochs", 1.5, "a whole number at least 1 and at most 100"),
        ("train.epochs", True, "a whole number at least 1 and at most 100"),
        ("run.seed", -1, "a whole number at least 0 and at most 4294967295"),
        ("run.deterministic", "maybe", "true or false"),
        ("train.reward", "fun", "one of shaped, sparse, standard"),
        ("train.device", "gpu", "auto, cpu, mps, cuda or cuda:N"),
        ("game.stages", [], "a list of texts with at least one"),
        ("game.stages", [1], "a list of texts with at least one"),
        ("train.reward_weights", {"win": float("nan")}, "a table of numbers by name"),
        ("train.reward_weights", "win", "a table of numbers by name"),
        ("run.name", "x" * 49, "a text of at most 48 characters"),
    ],
)
def test_a_wrong_value_says_which_key_and_what_is_wanted(key, value, wanted):
    error = refused(overrides={key: value})
    assert error.message.startswith(f"flag: {key} is ")
    assert error.hint == f"Wanted is {wanted}."


def test_a_wrong_value_names_its_file_even_if_a_higher_layer_covers_it(tmp_path):
    path = write(tmp_path / "x.toml", "[train]\nepochs = 'many'\n")
    assert str(path) in refused(files=[path], overrides={"train.epochs": 3}).message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[train\n", "not valid TOML"),
        ("\x00", "not valid TOML"),
        ("train = 3\n", "It is a section: write [train]."),
        ("seed = 3\n", "Did you mean run.seed?"),
        ("[train.reward_weights]\nwin = 'big'\n", "a table of numbers by name"),
        ("x = " + "[" * 50_000, "not valid TOML"),
        ("x = " + "9" * 5000, "not valid TOML"),
        ("#" * 1_100_000, "larger than 1 MB"),
    ],
    ids=["unclosed", "zero", "scalar", "no section", "inner", "deep", "digits", "large"],
)
def test_a_bad_file_gets_one_sentence_with_its_name(tmp_path, text, part):
    path = write(tmp_path / "bad.toml", text)
    error = str(refused(files=[path]))
    assert str(path) in error
    assert part in error
    assert len(error) < 600


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    assert str(refused(files=[tmp_path / "no.toml"])) == (
        f"{tmp_path / 'no.toml'} cannot be read: No such file or directory. Check the path."
    )
    assert "Is a directory" in refused(files=[tmp_path]).message
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'[tui]\ntheme = "\xe9"\n')
    assert "not valid TOML" in refused(files=[latin]).message


def test_texts_of_variables_and_flags_are_read_by_the_settings_type():
    env = {
        "EXPHIL_RT_RUN__TIMESTEPS": "3.2e6",
        "EXPHIL_RT_RUN__GAMES": "1_0",
        "EXPHIL_RT_RUN__NAME": "42",
        "EXPHIL_RT_RUN__DETERMINISTIC": "Yes",
        "EXPHIL_RT_GAME__CHARACTERS": "fox, marth",
        "EXPHIL_RT_GAME__STAGES": '["battlefield"]',
    }
    resolved = load_config(env=env, overrides={"train.reward_weights": '{win = 5, "my.module:term" = 0.5}'})
    assert resolved.config.run.timesteps == 3_200_000
    assert resolved.config.run.games == 10
    assert resolved.config.run.name == "42"
    assert resolved.config.run.deterministic is True
    assert resolved.config.game.characters == ("fox", "marth")
    assert resolved.config.game.stages == ("battlefield",)
    assert resolved.config.train.reward_weights == {"win": 5.0, "my.module:term": 0.5}


def test_settings_that_do_not_go_together_are_refused():
    none = {"league.current": 0, "league.historical": 0, "league.uniform": 0}
    assert "all 0" in refused(overrides=none).message
    assert "at most one worker a game" in refused(overrides={"rollout.workers": 3, "run.games": 2}).hint


def test_what_is_written_reads_back_the_same_with_origins_beside(tmp_path):
    resolved = load_config(
        "ditto",
        env={"EXPHIL_RT_TUI__THEME": 'a "quoted" \\ name\t\x7f é ☃'},
        overrides={"train.learning_rate": 1e-5, "train.reward_weights": {"a:b": -0.5, 'odd "key"': 1.0}},
    )
    text = to_toml(resolved)
    path = write(tmp_path / "config.toml", text)
    assert load_config(files=[path], env={}).config == resolved.config
    assert "learning_rate = 1e-05  # flag" in text
    assert "# environment EXPHIL_RT_TUI__THEME" in text
    assert "gamma = 0.995  # default" in text


@settings(max_examples=60)
@given(
    theme=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50),
    rate=st.floats(min_value=1e-300, max_value=1e300),
    weights=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.floats(allow_nan=False, allow_infinity=False)
    ),
    characters=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9), min_size=1, max_size=5
    ),
    origin=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_settings_read_back_the_same(tmp_path_factory, theme, rate, weights, characters, origin):
    resolved = load_config(
        env={},
        overrides={"train.learning_rate": rate, "train.reward_weights": weights, "game.characters": characters},
    )
    tui = msgspec.structs.replace(resolved.config.tui, theme=theme)
    whole = config.Resolved(msgspec.structs.replace(resolved.config, tui=tui), resolved.origin | {"tui.theme": origin})
    path = tmp_path_factory.mktemp("any") / "config.toml"
    path.write_text(to_toml(whole), encoding="utf-8")
    assert load_config(files=[path], env={}).config == whole.config


def test_every_setting_says_what_it_means_and_stands_in_the_reference():
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = [f"| `{row.key}` | `{row.default}` | {row.wanted} | {row.text} |" for row in config.settings()]
    assert len(rows) > 40
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows
