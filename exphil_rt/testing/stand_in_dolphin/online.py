"""Slippi's direct mode: character select of one's own, the entry of a connect code, the wait for the other player.

The other player is found as soon as a code was given; whom it plays is a setting. There is no network behind it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character
from exphil_rt.testing.stand_in_dolphin.choice import Choice, Seat
from exphil_rt.testing.stand_in_dolphin.menu_event import HUMAN, NAME_ENTRY, NO_FIGHTER, ONLINE_SELECT, Slot, menu_event
from exphil_rt.testing.stand_in_dolphin.menus import FIGHTERS, SPEED, STAGES, fighter_at, on_random
from exphil_rt.testing.stand_in_dolphin.pads import NEUTRAL, Held

LETTERS: Final = ("ABCDEFGHIJ", "KLMNOPQRST", "UVWXYZ   #", "0123456789")
"""The letters as they lie on the screen; libmelee counts 45 at A, one more a row down, five less a column right."""
_CONFIRM: Final = 57
_LONGEST: Final = 8
_SEARCH_FRAMES: Final = 30
_TILT: Final = 0.5


class Online:
    """The screens of direct mode.

    Args:
        own_code: connect code of this player.
        own_port: under which port (1 or 2) this player appears in the game.
        other: the other player's fighter, internal id.
        other_level: how well that one plays; 0 stands.
        seed: key of random fighters and stages.
    """

    def __init__(self, own_code: str, own_port: int, other: int, other_level: int, seed: int) -> None:
        self.choice: Choice | None = None
        self.code = ""
        """What was typed."""
        self._own_code, self._own_port, self._other, self._other_level = own_code, own_port, other, other_level
        self._random = random.Random(seed)
        self._slot = Slot(x=-20.1, y=-9.7, status=HUMAN)
        self._buttons = 0
        self._tilted = (0, 0)
        self.enter()

    def enter(self) -> None:
        """To character select, as after a game; the code stands."""
        self.choice = None
        self._frame = -1
        self._typing = False
        self._row = self._column = 0
        self._searching = 0

    def step(self, held: Mapping[int, Held]) -> bytes:
        """One menu frame with these inputs; what it shows. ``choice`` is set when the game starts."""
        self._frame += 1
        self._pad = min(held, default=1)
        pad = held.get(self._pad, NEUTRAL)
        pressed, self._buttons = pad.buttons & ~self._buttons, pad.buttons
        if self._searching:
            self._searching += 1
            if self._searching > _SEARCH_FRAMES:
                self.choice = self._found()
        elif self._typing:
            self._type(pad, pressed)
        else:
            self._select(pad, pressed)
        slots = [self._slot, Slot(), Slot(), Slot()]
        return menu_event(
            ONLINE_SELECT, self._frame, slots, selection=self._selection(), costume=self._slot.costume,
            nametag=NAME_ENTRY if self._typing else 0,
        )  # fmt: skip

    def _select(self, pad: Held, pressed: int) -> None:
        slot = self._slot
        slot.x += SPEED * pad.x
        slot.y += SPEED * pad.y
        if pressed & Button.B:
            slot.coin_down = False
        if pressed & Button.A and not slot.coin_down:
            under = self._random.randrange(len(FIGHTERS)) if on_random(slot.x, slot.y) else fighter_at(slot.x, slot.y)
            if under != NO_FIGHTER:
                slot.fighter, slot.coin_down, slot.costume = under, True, 0
        if pressed & (Button.X | Button.Y) and slot.coin_down:
            slot.costume = (slot.costume + 1) % 4
        if pressed & Button.START and slot.coin_down:
            if self.code:
                self._searching = 1
            else:
                self._typing = True

    def _type(self, pad: Held, pressed: int) -> None:
        tilted = (_sign(pad.x), -_sign(pad.y))
        right, down = (now if now != before else 0 for now, before in zip(tilted, self._tilted, strict=True))
        self._tilted = tilted
        self._column = (self._column + right) % len(LETTERS[0])
        self._row = (self._row + down) % (len(LETTERS) + 1)  # below the letters, the button that confirms
        if pressed & Button.A and self._row < len(LETTERS) and len(self.code) < _LONGEST:
            self.code += LETTERS[self._row][self._column]
        elif pressed & Button.B:
            self.code = self.code[:-1]
        elif pressed & Button.START and self.code:
            self._typing, self._searching = False, 1

    def _selection(self) -> int:
        if not self._typing:
            return 0
        return _CONFIRM if self._row == len(LETTERS) else 45 + self._row - 5 * self._column

    def _found(self) -> Choice:
        mine = FIGHTERS[self._slot.fighter]
        own = Seat(
            port=self._own_port,
            pad=self._pad,
            character=int(Character.SHEIK if mine == Character.ZELDA else mine),
            costume=self._slot.costume,
            code=self._own_code,
        )
        other = Seat(
            port=3 - self._own_port,
            character=self._other,
            costume=int(own.character == self._other and not own.costume),
            person_level=self._other_level,
            code=self.code,
            away=True,
        )
        seats = (own, other) if self._own_port == 1 else (other, own)
        return Choice(stage=int(self._random.choice(STAGES)[0]), seats=seats)


def _sign(tilt: float) -> int:
    return 0 if abs(tilt) < _TILT else 1 if tilt > 0 else -1
