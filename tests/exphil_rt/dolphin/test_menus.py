"""The menus: where MenuHelper sticks for ever, and the budgets. In a process of its own, since it loads melee."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CHILD = """
import json, sys
from melee import Button, ControllerState, GameState, Menu, PlayerState, enums
from exphil_rt.dolphin.faults import DolphinFault
from exphil_rt.dolphin.menus import Menus
from exphil_rt.messages.dolphin import ConsoleArgs, ConsoleDeadlines, Seat

class Pad:
    port = 1
    _console = None
    def __init__(self):
        self.current, self.prev, self.log = ControllerState(), ControllerState(), []
    def release_all(self):
        self.stick, self.buttons = (0.5, 0.5), set()
    def press_button(self, button): self.buttons.add(button.value)
    def release_button(self, button): self.buttons.discard(button.value)
    def tilt_analog(self, button, x, y): self.stick = (x, y)
    def press_shoulder(self, button, amount): pass

case = json.loads(sys.argv[1])
pad = Pad(); pad.release_all()
seats = (Seat(port=1, who="bot", fighter=1), Seat(port=2, who=case.get("other", "human"), fighter=18))
args = ConsoleArgs(executable="x", temporary="x", seats=seats, stage=31,
    deadlines=ConsoleDeadlines(menu_steps=case.get("steps", 3600)))
menus = Menus(args, {1: pad})
seen, fault = [], ""
x, y = case.get("cursor", (0.0, 0.0))
for frame in range(case["frames"]):
    state = GameState()
    state.frame, state.menu_state = frame, getattr(Menu, case["menu"])
    state.submenu = enums.SubMenu.MAIN_MENU_SUBMENU
    for port in (1, 2):
        player = state.players[port] = PlayerState()
        player.cursor.x, player.cursor.y = x, y
        player.character = enums.Character(case.get("character", 18))
        player.coin_down = case.get("coin", False)
    pad.prev.button = {button: button.value in pad.buttons for button in pad.prev.button}
    try:
        menus.step(state)
    except DolphinFault as error:
        fault = error.kind
        break
    seen.append((pad.stick, sorted(pad.buttons)))
    if case.get("moves"):
        x += 0.9 * (pad.stick[0] - 0.5) * 2
        y += 0.9 * (pad.stick[1] - 0.5) * 2
print(json.dumps({"seen": seen, "fault": fault, "cursor": (x, y), "steps": menus.steps}))
"""
FOX_X, FOX_Y = -32.5 + 3.5 + 7.0, 1 + 3.5 + 7.0
"""Fox's place on the character select screen as MenuHelper reckons it (melee/menuhelper.py, choose_character)."""


def walk(**case):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(case)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_cursor_at_exactly_the_dead_distance_is_pushed_out_of_it():
    """MenuHelper's wiggle room: nearer than 1.5 is there, farther is not, and 1.5 is neither."""
    place = (FOX_X - 1.5, FOX_Y)
    first = walk(menu="CHARACTER_SELECT", frames=40, cursor=place)
    assert all(stick == [0.5, 0.5] and not buttons for stick, buttons in first["seen"])
    later = walk(menu="CHARACTER_SELECT", frames=120, cursor=place, moves=True)
    assert any("A" in buttons for _, buttons in later["seen"])


def test_a_frozen_cursor_spends_its_budget():
    came = walk(menu="CHARACTER_SELECT", frames=200, steps=100, other="bot")
    assert came["fault"] == "menu_budget"
    assert came["steps"] == 101


def test_beside_a_person_there_is_no_hurry():
    came = walk(menu="CHARACTER_SELECT", frames=200, steps=100)
    assert came["fault"] == ""


def test_start_is_not_pressed_for_a_person():
    came = walk(menu="CHARACTER_SELECT", frames=100, character=1, coin=True, cursor=(0.0, 20.0))
    assert not any("START" in buttons for _, buttons in came["seen"])


@pytest.mark.parametrize("menu", ["PRESS_START", "MAIN_MENU"])
def test_the_title_and_the_main_menu_are_walked_through(menu):
    came = walk(menu=menu, frames=10)
    assert any(buttons or stick != [0.5, 0.5] for stick, buttons in came["seen"])


def test_a_screen_that_nobody_knows_is_waited_out_and_then_skipped():
    came = walk(menu="UNKNOWN_MENU", frames=120)
    pressed = [frame for frame, (_, buttons) in enumerate(came["seen"]) if "START" in buttons]
    assert pressed[0] >= 60
    assert len(pressed) >= 4
