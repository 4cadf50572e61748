"""A match as settings say it: who sits where, whose delay, which runner; and where Dolphin is found."""

from __future__ import annotations

import json

import pytest
from dolphin_parts import manifest_of
from rollout_parts import small_policy

from exphil_rt.config import load_config
from exphil_rt.config.sections import DolphinSettings
from exphil_rt.dolphin.find import DolphinMissing, find, launcher_folder, need
from exphil_rt.dolphin.match import MatchImpossible, plan_match
from exphil_rt.game.ids import Character
from exphil_rt.policy.bundle import save_bundle
from exphil_rt.policy.manifest import PolicyIncompatible

FOX, MEWTWO, MARTH = (int(Character[name]) for name in ("FOX", "MEWTWO", "MARTH"))


@pytest.fixture
def home(tmp_path):
    for name, delay, more in (
        ("quick", 0, {}),
        ("clone", 18, {"characters": (MEWTWO,)}),
        ("many", 18, {"batch_steps": 7, "temperature": 0.5}),
    ):
        policy = small_policy(delay=delay)
        save_bundle(tmp_path / "policies" / f"{name}@v1", policy, manifest_of(policy, name, **more))
    return tmp_path


@pytest.fixture
def planned(home, tmp_path):
    def plan(**play):
        settings = {f"play.{name}": value for name, value in play.items()}
        config = load_config(files=[], env={}, overrides=settings).config
        return plan_match(config, tmp_path / "run", home, executable="/opt/dolphin", iso="/melee.iso", user="/mine")

    return plan


def test_a_policy_plays_its_own_fighter_at_its_own_delay_against_a_person(planned):
    plan = planned(policy="clone", opponent="human")
    one, two = plan.console.seats
    assert (one.port, one.who, one.fighter, one.label) == (1, "bot", MEWTWO, "clone@v1")
    assert (two.port, two.who, two.label) == (2, "human", "human")
    assert plan.console.user_config == "/mine"
    assert [str(one) for one in plan.plans] == ["delay 18 = 2 console + 16 headroom"]
    assert (plan.console.console_delay, plan.console.runner, plan.console.blocking) == (2, "async", True)
    (seat,) = plan.brain.seats
    assert (seat.port, seat.delay, seat.batch_steps) == (0, 18, 1)
    assert plan.brain.temperature is None
    assert plan.notes == ()


def test_ports_decide_who_is_player_one(planned):
    plan = planned(policy="clone", opponent="cpu9", port=3, opponent_port=1, characters=("fox", "marth"))
    assert plan.players == ("cpu9", "clone@v1")
    assert [(seat.port, seat.who, seat.level, seat.fighter) for seat in plan.console.seats] == [
        (1, "cpu", 9, MARTH),
        (3, "bot", 0, FOX),
    ]
    assert plan.brain.seats[0].port == 1
    assert plan.notes == ("clone@v1 was not trained with fox.",)


def test_a_policy_without_delay_has_the_game_wait_for_it(planned):
    plan = planned(policy="quick", opponent="cpu1")
    assert (plan.console.runner, plan.console.console_delay) == ("sync", 0)
    assert "the game waits" in str(plan.plans[0])


def test_two_policies_keep_their_own_delays(planned):
    plan = planned(policy="clone", opponent="quick", characters=("fox",))
    assert [(seat.port, seat.delay) for seat in plan.brain.seats] == [(0, 18), (1, 0)]
    assert (plan.console.runner, plan.console.console_delay) == ("sync", 0)
    assert [seat.costume for seat in plan.console.seats] == [0, 1]  # a ditto


def test_frames_that_a_call_may_decide_come_from_the_bundle_or_the_settings(planned):
    assert planned(policy="many", console_delay=0).brain.seats[0].batch_steps == 7
    assert planned(policy="many", console_delay=0, batch_steps=3).brain.seats[0].batch_steps == 3
    assert planned(policy="many", console_delay=6).brain.seats[0].batch_steps == 1  # headroom 12 is too short
    assert planned(policy="many", console_delay=6, force=True).brain.seats[0].batch_steps == 7


def test_a_held_decision_is_a_matter_of_the_runner_that_waits(planned):
    plan = planned(policy="clone", action_repeat=3)
    assert (plan.console.runner, plan.console.action_repeat) == ("sync", 3)


def test_random_plays_at_the_delay_of_who_plays_beside_it(planned):
    plan = planned(policy="random", opponent="clone")
    assert [seat.delay for seat in plan.brain.seats] == [18, 18]
    assert plan.brain.seats[0].policy == "random"


def test_an_end_after_each_game_and_the_likeliest_action(planned):
    plan = planned(policy="clone", on_game_end="stop", temperature=0.0)
    assert (plan.console.games, plan.brain.temperature) == (1, 0.0)


def test_what_cannot_be_played_is_refused(planned):
    with pytest.raises(PolicyIncompatible, match="trained for delay 18, not 6"):
        planned(policy="clone", frame_delay=6)
    assert planned(policy="clone", frame_delay=6, force=True).plans[0].delay == 6
    with pytest.raises(MatchImpossible, match="human cannot be the policy"):
        planned(policy="human")
    with pytest.raises(MatchImpossible, match="two fighters"):
        planned(policy="clone", characters=("fox", "fox", "fox"))


# Finding Dolphin ------------------------------------------------------------------------------------------------------


@pytest.fixture
def person(tmp_path):
    """A home folder with Slippi Launcher, its Dolphin and an ISO."""
    home = tmp_path / "person"
    launcher = launcher_folder(home)
    (launcher / "netplay").mkdir(parents=True)
    (launcher / "netplay" / "Slippi_Online-x86_64.AppImage").write_text("")
    (launcher / "netplay" / "User" / "Config").mkdir(parents=True)
    (tmp_path / "melee.iso").write_text("")
    settings = {"settings": {"isoPath": str(tmp_path / "melee.iso"), "rootSlpPath": "/x"}, "other": [1]}
    (launcher / "Settings").write_text(json.dumps(settings))
    return home


def test_what_the_launcher_installed_is_found(person, tmp_path):
    found = find(DolphinSettings(), {}, person)
    assert found.executable.endswith("netplay/Slippi_Online-x86_64.AppImage")
    assert (found.executable_from, found.iso_from) == ("Slippi Launcher", "Slippi Launcher")
    assert found.iso == str(tmp_path / "melee.iso")
    assert found.user.endswith("netplay/User")
    assert found.problem == ""


def test_a_named_path_comes_before_the_launcher_also_where_it_is_wrong(person, tmp_path):
    (tmp_path / "mine").write_text("")
    env = {"DOLPHIN_PATH": str(tmp_path / "mine"), "ISO_PATH": "/nowhere.iso"}
    found = find(DolphinSettings(), env, person)
    assert (found.executable, found.executable_from) == (str(tmp_path / "mine"), "DOLPHIN_PATH")
    assert found.iso == ""
    assert found.problem == "ISO_PATH names /nowhere.iso, and there is no such file."
    set_by_hand = find(DolphinSettings(path="/nowhere"), env, person)
    assert set_by_hand.problem == "dolphin.path names /nowhere, and there is no Dolphin."


@pytest.mark.parametrize("text", ["", "{", "[]", '{"settings": 3}', "\xff", "[" * 100_000])
def test_a_launcher_file_that_is_none_is_no_reason_to_fail(person, text):
    (launcher_folder(person) / "Settings").write_bytes(text.encode("latin-1"))
    found = find(DolphinSettings(), {}, person)
    assert found.executable
    assert found.iso == ""


def test_a_machine_without_dolphin_is_told_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOLPHIN_PATH", raising=False)
    with pytest.raises(DolphinMissing, match="There is no Slippi Dolphin") as caught:
        need(DolphinSettings())
    assert caught.value.exit_code == 5
    assert "play stand-in" in str(caught.value)
