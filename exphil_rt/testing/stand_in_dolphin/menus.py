"""Character and stage select, as far as a cursor, A, B, X, START and Z move them.

Places of the fighters, stages, controller buttons and sliders are those that libmelee's MenuHelper steers to. How fast
a cursor moves is our own choice: slow enough that a bot that sees a menu frame one frame late still hits a button.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Final

from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character, Stage
from exphil_rt.testing.stand_in_dolphin.choice import Choice, Seat
from exphil_rt.testing.stand_in_dolphin.menu_event import (
    CHARACTER_SELECT,
    CPU,
    HUMAN,
    NO_FIGHTER,
    STAGE_SELECT,
    UNPLUGGED,
    Slot,
    menu_event,
)
from exphil_rt.testing.stand_in_dolphin.pads import Held

FIGHTERS: Final = (
    Character.DR_MARIO, Character.MARIO, Character.LUIGI, Character.BOWSER, Character.PEACH, Character.YOSHI,
    Character.DONKEY_KONG, Character.CAPTAIN_FALCON, Character.GANONDORF, Character.FALCO, Character.FOX,
    Character.NESS, Character.POPO, Character.KIRBY, Character.SAMUS, Character.ZELDA, Character.LINK,
    Character.YOUNG_LINK, Character.PICHU, Character.PIKACHU, Character.JIGGLYPUFF, Character.MEWTWO,
    Character.GAME_AND_WATCH, Character.MARTH, Character.ROY,
)  # fmt: skip
"""Internal id by slot of the character select screen, row by row."""
STAGES: Final = (
    (Stage.BATTLEFIELD, 0x18, 1.0, -9.0),
    (Stage.FINAL_DESTINATION, 0x19, 6.7, -9.0),
    (Stage.DREAM_LAND, 0x1A, 12.5, -9.0),
    (Stage.POKEMON_STADIUM, 0x12, 15.0, 3.5),
    (Stage.YOSHIS_STORY, 0x06, 3.5, 15.5),
    (Stage.FOUNTAIN_OF_DREAMS, 0x08, 10.0, 15.5),
)
"""External id, internal id, and where it lies on the stage select screen."""
RANDOM: Final = (0x1D, -13.5, 3.5)
SPEED: Final = 0.93
"""Units a frame of a cursor at full tilt."""
_COLUMNS: Final = 9
_BOX: Final = 3.5
_ICON: Final = 2.7
_BUTTON_Y: Final = -2.2
_SLIDER_Y: Final = -15.12
_NEAR: Final = 2.0
_LEVEL_FRAMES: Final = 4
"""Frames that the slider takes from a level to the next."""
_LEAVING: Final = 8
"""Frames between the choice of a stage and the game: whoever holds A as Zelda then is Sheik."""


class Menus:
    """The menus between games; fighters and levels stay chosen from game to game.

    Args:
        plugged: ports with a pipe.
        people: ports with a controller adapter: a person there has chosen already.
        person: that person's fighter, internal id.
        person_level: how well that person plays.
        seed: key of random stages.
        stuck: whether no cursor moves.
    """

    def __init__(
        self,
        plugged: Iterable[int],
        people: Iterable[int] = (),
        *,
        person: int = Character.FOX,
        person_level: int = 0,
        seed: int = 0,
        stuck: bool = False,
    ) -> None:
        self.slots = [Slot(x=-29.0 + 15.4 * index + 0.13, y=-9.7) for index in range(4)]
        self.choice: Choice | None = None
        """The next game, once it is decided."""
        self._plugged, self._people = set(plugged), set(people)
        self._person_level = person_level
        self._speed = 0.0 if stuck else SPEED
        self._random = random.Random(seed)
        self._held: dict[int, int] = {}
        self._sliding = 0
        for port in self._plugged | self._people:
            self.slots[port - 1].status = HUMAN
        for port in self._people:
            slot = self.slots[port - 1]
            slot.fighter, slot.coin_down = FIGHTERS.index(Character(person)), True
        self.enter()

    def enter(self) -> None:
        """To the character select screen, as after a game."""
        self.choice = None
        self._entered = True
        self._scene, self._frame = CHARACTER_SELECT, -1
        self._x, self._y = -3.3, 0.4
        self._frozen = False
        self._leaving = self._picked = 0

    def step(self, held: Mapping[int, Held]) -> bytes:
        """One menu frame with these inputs; what it shows. ``choice`` is set when the game starts."""
        self._frame += 1
        if self._entered:  # what is held from the game on is no press
            self._entered, self._held = False, {port: pad.buttons for port, pad in held.items()}
        pressed = {port: pad.buttons & ~self._held.get(port, 0) for port, pad in held.items()}
        self._held = {port: pad.buttons for port, pad in held.items()}
        if self._scene == CHARACTER_SELECT:
            for port, pad in held.items():
                self._at_characters(port, pad, pressed[port])
            start = any(buttons & Button.START for buttons in pressed.values())
            shown = menu_event(CHARACTER_SELECT, self._frame, self.slots, ready=self._ready())
            if start and self._ready():
                self._scene, self._frame = STAGE_SELECT, -1
            return shown
        stage = self._at_stages(held, pressed)
        return menu_event(STAGE_SELECT, self._frame, self.slots, stage=stage, x=self._x, y=self._y)

    def _ready(self) -> bool:
        there = [slot for slot in self.slots if slot.status != UNPLUGGED]
        return len(there) == 2 and all(slot.coin_down for slot in there)

    def _at_characters(self, port: int, pad: Held, pressed: int) -> None:
        slot = self.slots[port - 1]
        if pressed & Button.A:
            self._press_a(port, slot)
        if slot.holds_slider:
            self._slide(slot, pad.x)
            return
        slot.x = min(33.0, max(-35.0, slot.x + self._speed * pad.x))
        slot.y = min(26.0, max(-20.0, slot.y + self._speed * pad.y))
        if slot.status != HUMAN and slot.coin_down:
            return
        if pressed & Button.B:
            slot.coin_down = False
        if pressed & Button.X and slot.fighter != NO_FIGHTER:
            slot.costume = (slot.costume + 1) % 4
        if not slot.coin_down:
            slot.fighter = fighter_at(slot.x, slot.y)

    def _press_a(self, port: int, slot: Slot) -> None:
        if slot.holds_slider:
            slot.holds_slider = False
            return
        for index, other in enumerate(self.slots):
            column = 15.4 * index
            if abs(slot.y - _BUTTON_Y) < _NEAR and abs(slot.x - (-31.5 + column)) < _NEAR:
                self._turn(index + 1, other, own=index + 1 == port)
                return
            on_slider = abs(slot.y - _SLIDER_Y) < _NEAR and abs(slot.x - (-30.9 + column)) < _NEAR
            if on_slider and other.status == CPU and index + 1 == port:
                slot.holds_slider = True
                return
        if not slot.coin_down and (fighter := fighter_at(slot.x, slot.y)) != NO_FIGHTER:
            slot.fighter, slot.coin_down = fighter, True

    def _turn(self, port: int, slot: Slot, own: bool) -> None:
        """The button below a port: a plugged one goes away for nobody but its own player."""
        if port in self._people:
            return
        if slot.status == UNPLUGGED:
            slot.status = HUMAN if port in self._plugged else CPU
        elif slot.status == HUMAN:
            slot.status = CPU
        elif port in self._plugged and not own:
            slot.status = HUMAN
        else:
            slot.status = UNPLUGGED
        if slot.status == CPU:
            slot.cpu_level = slot.cpu_level or 1
            if slot.fighter == NO_FIGHTER:
                slot.fighter = self._random.randrange(len(FIGHTERS))
            slot.coin_down = True
        elif slot.status == UNPLUGGED:
            slot.coin_down = False

    def _slide(self, slot: Slot, tilt: float) -> None:
        self._sliding = self._sliding + 1 if tilt else 0
        if tilt and self._sliding % _LEVEL_FRAMES == 0:
            slot.cpu_level = min(9, max(1, slot.cpu_level + (1 if tilt > 0 else -1)))

    def _at_stages(self, held: Mapping[int, Held], pressed: dict[int, int]) -> int:
        if self._leaving:
            self._leaving -= 1
            if not self._leaving:
                self.choice = self._decide(self._picked)
            return self._picked
        for pad in held.values():
            self._x += self._speed * pad.x
            self._y += self._speed * pad.y
        under = _stage_at(self._x, self._y)
        if any(buttons & Button.Z for buttons in pressed.values()):
            self._frozen = not self._frozen
        if under and any(buttons & Button.A for buttons in pressed.values()):
            self._picked, self._leaving = under, _LEAVING
        return under

    def _decide(self, picked: int) -> Choice:
        if picked == RANDOM[0]:
            stage = int(self._random.choice(STAGES)[0])
        else:
            stage = next(int(external) for external, internal, _, _ in STAGES if internal == picked)
        seats: list[Seat] = []
        for index, slot in enumerate(self.slots):
            if slot.status == UNPLUGGED:
                continue
            port, fighter = index + 1, FIGHTERS[slot.fighter]
            if fighter == Character.ZELDA and self._held.get(port, 0) & Button.A and slot.status == HUMAN:
                fighter = Character.SHEIK
            costume = slot.costume
            if seats and (seats[0].character, seats[0].costume) == (fighter, costume):
                costume += 1
            seats.append(
                Seat(
                    port=port,
                    character=int(fighter),
                    costume=costume,
                    cpu_level=slot.cpu_level if slot.status == CPU else 0,
                    person_level=self._person_level if port in self._people else 0,
                )
            )
        return Choice(stage=stage, seats=(seats[0], seats[1]), frozen_stadium=self._frozen)


def fighter_at(x: float, y: float) -> int:
    """The fighter's slot under a cursor; NO_FIGHTER between the boxes."""
    row, column = int((y - 1.0) // (2 * _BOX)), int((x + 32.5) // (2 * _BOX))
    if not 0 <= row <= 2 or not 0 <= column < _COLUMNS:
        return NO_FIGHTER
    slot = (2 - row) * _COLUMNS + column
    if row == 0:  # the left box of the last row is "random"
        slot -= 1
        if column == 0:
            return NO_FIGHTER
    return slot if slot < len(FIGHTERS) else NO_FIGHTER


def on_random(x: float, y: float) -> bool:
    """Whether a cursor is on the left one of the two "random" boxes."""
    return 0 <= x + 32.5 < 2 * _BOX and 0 <= y - 1.0 < 2 * _BOX


def _stage_at(x: float, y: float) -> int:
    """Internal id of the stage under the cursor; 0 where there is none."""
    for _, internal, left, bottom in STAGES:
        if abs(x - left) < _ICON and abs(y - bottom) < _ICON:
            return internal
    internal, left, bottom = RANDOM
    return internal if abs(x - left) < _ICON and abs(y - bottom) < _ICON else 0
