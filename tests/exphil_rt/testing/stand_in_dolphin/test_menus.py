"""Menus: libmelee's own MenuHelper gets every fighter, stage and CPU level out of them, game after game."""

from __future__ import annotations

import pytest
from stand_in_parts import drive, stand_in

from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character, Stage
from exphil_rt.testing.stand_in_dolphin.menu_event import CPU, HUMAN, UNPLUGGED
from exphil_rt.testing.stand_in_dolphin.menus import FIGHTERS, STAGES, Menus
from exphil_rt.testing.stand_in_dolphin.pads import Held

NEUTRAL = Held()
BUDGET = 600
"""Menu frames that any choice may take."""


def choose(fighters, stage, cpu=0):
    """Port 2 starts the game: it is the one that may have to find its level first."""
    return {
        "1": {"fighter": fighters[0], "stage": stage},
        "2": {"fighter": fighters[1], "stage": stage, "cpu": cpu, "start": True},
    }


def script(tmp_path, name, choices, *, people=(), ports=(1, 2), games=1, **settings):
    exe = stand_in(tmp_path, name, menus="drive", **({"time_limit_frames": 1} | settings))
    return {
        "exe": exe, "choose": choices, "games": games, "last": -120, "ports": list(ports), "people": list(people),
        "steps": games * (BUDGET + 150),
    }  # fmt: skip


def test_the_menu_helper_gets_a_bot_and_a_cpu_into_game_after_game(tmp_path):
    (report,) = drive(script(tmp_path, "a", choose(("FOX", "MARTH"), "BATTLEFIELD", cpu=7), games=2))
    assert report["outcome"] == "played"
    wanted = {"stage": "BATTLEFIELD", "players": {"1": ["FOX", 0], "2": ["MARTH", 7]}}
    assert report["started"] == [wanted, wanted]


NAMES = (
    "DOC", "MARIO", "LUIGI", "BOWSER", "PEACH", "YOSHI", "DK", "CPTFALCON", "GANONDORF", "FALCO", "FOX", "NESS",
    "POPO", "KIRBY", "SAMUS", "ZELDA", "LINK", "YLINK", "PICHU", "PIKACHU", "JIGGLYPUFF", "MEWTWO",
    "GAMEANDWATCH", "MARTH", "ROY", "SHEIK",
)  # fmt: skip
STAGE_NAMES = (
    "BATTLEFIELD", "FINAL_DESTINATION", "DREAMLAND", "POKEMON_STADIUM", "YOSHIS_STORY", "FOUNTAIN_OF_DREAMS",
)  # fmt: skip
CASES = [  # MenuHelper cannot make a CPU Sheik
    (name, NAMES[(at + 7) % 25], STAGE_NAMES[at % 6], at % 10) for at, name in enumerate(NAMES)
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cases", "blocking"), [*((CASES[at : at + 5], True) for at in range(0, len(CASES), 5)), (CASES[2:4], False)]
)
def test_every_fighter_stage_and_level_can_be_chosen(tmp_path, cases, blocking):
    scripts = [
        script(tmp_path, name, choose((name, other), stage, cpu), fps=0.0 if blocking else 60.0)
        | {"console": {"blocking_input": blocking}}
        for name, other, stage, cpu in cases
    ]
    for (name, other, stage, cpu), report in zip(cases, drive(*scripts, deadline_s=300), strict=True):
        assert report["started"] == [{"stage": stage, "players": {"1": [name, 0], "2": [other, cpu]}}], report
        assert report["menus"] < BUDGET


@pytest.mark.slow
def test_a_person_at_an_adapter_has_chosen_already(tmp_path):
    choices = {"1": {"fighter": "FALCO", "stage": "YOSHIS_STORY", "start": True}}
    (report,) = drive(script(tmp_path, "p", choices, ports=(1,), people=(3,), person="peach"))
    assert report["started"] == [{"stage": "YOSHIS_STORY", "players": {"1": ["FALCO", 0], "3": ["PEACH", 0]}}]


@pytest.mark.slow
def test_without_the_menu_code_there_are_no_menu_events(tmp_path):
    one = script(tmp_path, "n", choose(("FOX", "FOX"), "BATTLEFIELD"))
    (report,) = drive(one | {"console": {"setup_gecko_codes": False}, "limit_s": 1.5})
    assert (report["outcome"], report["menus"], report["started"]) == ("interrupted", 0, [])


@pytest.mark.slow
def test_cursors_that_do_not_move_leave_the_menus_for_nobody(tmp_path):
    one = script(tmp_path, "s", choose(("FOX", "FOX"), "BATTLEFIELD"), chaos=({"do": "stuck_cursor", "at": "start"},))
    (report,) = drive(one)
    assert (report["outcome"], report["started"]) == ("played", [])
    assert report["menus"] > BUDGET


@pytest.mark.slow
def test_other_fighters_than_chosen_can_appear(tmp_path):
    one = script(
        tmp_path, "w", choose(("FOX", "FOX"), "BATTLEFIELD"), chaos=({"do": "wrong_character", "at": "start"},)
    )
    (report,) = drive(one)
    assert report["started"][0]["players"] == {"1": ["MARIO", 0], "2": ["MARIO", 0]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["exit", "disconnect", "bad_json", "stall"])
def test_faults_in_menus(tmp_path, kind):
    one = script(
        tmp_path, kind, choose(("FOX", "FOX"), "BATTLEFIELD"), chaos=({"do": kind, "at": "menu:20", "arg": 3},)
    )
    (report,) = drive(one | {"limit_s": 2.0})
    expected = {"disconnect": "EnetDisconnected", "bad_json": "JSONDecodeError"}.get(kind, "interrupted")
    assert (report["outcome"], report["started"]) == (expected, [])
    assert report["menus"] in (20, 21)
    assert report["rc"] == (3 if kind == "exit" else None)


@pytest.mark.slow
def test_from_the_title_a_bot_finds_a_local_match(tmp_path):
    (report,) = drive(script(tmp_path, "t", choose(("FOX", "MARTH"), "DREAMLAND"), begins="title", games=2))
    wanted = {"stage": "DREAMLAND", "players": {"1": ["FOX", 0], "2": ["MARTH", 0]}}
    assert report["started"] == [wanted, wanted], report


@pytest.mark.slow
@pytest.mark.parametrize("own", [1, 2])
def test_in_direct_mode_a_bot_types_a_code_and_plays_at_the_port_it_is_given(tmp_path, own):
    account = tmp_path / "user.json"
    account.write_text('{"connectCode": "BOT#001", "uid": "x", "playKey": "y"}')
    choices = {"1": {"fighter": "FOX", "stage": "DREAMLAND", "code": "KZ#42", "start": True, "costume": 2}}
    one = script(tmp_path, "d", choices, ports=(1,), begins="title", online_port=own, games=2, person="peach")
    one |= {"console": {"user_json_path": str(account)}, "last": -20, "hold": {"1": [1.0, 0.5]}, "watch": True}
    (report,) = drive(one | {"steps": 8000})
    assert report["outcome"] == "played"
    other = 3 - own
    assert [game["players"] for game in report["started"]] == [{str(own): ["FOX", 0], str(other): ["PEACH", 0]}] * 2
    assert report["codes"] == {str(own): "BOT#001", str(other): "KZ#42"}
    assert report["costumes"][str(own)] == 2
    moved = [abs(last[0] - first[0]) for first, last in zip(report["seen"][0], report["seen"][-1], strict=True)]
    assert moved[own - 1] > 1.0
    assert moved[other - 1] == 0.0


def press(menus, port, **held):
    return menus.step({port: Held(**held)})


def walk(menus, port, x, y):
    """Move a cursor to a place."""
    slot = menus.slots[port - 1]
    for _ in range(400):
        dx, dy = x - slot.x, y - slot.y
        if abs(dx) < 1 and abs(dy) < 1:
            return
        press(menus, port, x=max(-1, min(1, dx)), y=max(-1, min(1, dy)))
    raise AssertionError("never there")


def test_a_cursor_chooses_the_fighter_below_it_and_b_takes_the_coin_back():
    menus = Menus([1])
    slot = menus.slots[0]
    walk(menus, 1, -29.0, 18.5)
    assert FIGHTERS[slot.fighter] == Character.DR_MARIO
    assert not slot.coin_down
    press(menus, 1, buttons=Button.A)
    assert slot.coin_down
    walk(menus, 1, 0.0, 11.5)
    assert FIGHTERS[slot.fighter] == Character.DR_MARIO, "the coin lies where it lies"
    press(menus, 1, buttons=Button.B)
    assert not slot.coin_down


def test_the_button_below_a_port_turns_a_player_into_a_cpu_and_away():
    menus = Menus([1])
    walk(menus, 1, -31.5, -2.2)
    seen = []
    for _ in range(3):
        press(menus, 1, buttons=Button.A)
        press(menus, 1)
        seen.append(menus.slots[0].status)
    assert seen == [CPU, UNPLUGGED, HUMAN]
    walk(menus, 1, -16.1, -2.2)
    press(menus, 1, buttons=Button.A)
    assert menus.slots[1].status == CPU, "an empty port becomes a CPU for anybody"


def test_the_slider_moves_only_while_it_is_held():
    menus = Menus([1])
    slot = menus.slots[0]
    slot.status, slot.cpu_level, slot.coin_down = CPU, 1, True
    walk(menus, 1, -30.9, -15.12)
    press(menus, 1, buttons=Button.A)
    assert slot.holds_slider
    for _ in range(60):
        press(menus, 1, x=0.3)
    assert slot.cpu_level == 9
    press(menus, 1, buttons=Button.A)
    assert not slot.holds_slider


def test_what_is_held_from_the_game_on_is_no_press():
    menus = Menus([1, 2])
    for slot in menus.slots[:2]:
        slot.fighter, slot.coin_down = FIGHTERS.index(Character.FOX), True
    held = {1: Held(buttons=Button.START | Button.A), 2: NEUTRAL}
    for _ in range(3):
        assert menus.step(held)[1:3] == b"\x00\x02", "still at character select"
    menus.step({1: NEUTRAL, 2: NEUTRAL})
    menus.step(held)
    assert menus.step(held)[1:3] == b"\x01\x02"


def test_two_ready_players_reach_a_random_stage_by_start_and_a():
    chosen = set()
    for seed in range(20):
        menus = Menus([1, 2], seed=seed)
        for slot in menus.slots[:2]:
            slot.fighter, slot.coin_down = FIGHTERS.index(Character.FOX), True
        menus.step({1: NEUTRAL, 2: NEUTRAL})
        menus.step({1: Held(buttons=Button.START), 2: NEUTRAL})
        for _ in range(14):
            menus.step({1: Held(x=-0.8, y=0.3), 2: NEUTRAL})
        menus.step({1: Held(buttons=Button.A), 2: NEUTRAL})
        for _ in range(20):
            menus.step({1: NEUTRAL, 2: NEUTRAL})
        assert menus.choice is not None
        chosen.add(menus.choice.stage)
        assert [seat.costume for seat in menus.choice.seats] == [0, 1], "the second Fox wears another costume"
    assert chosen == {int(stage) for stage, _, _, _ in STAGES} == {int(stage) for stage in Stage}
