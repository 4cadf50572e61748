"""The title screen and the main menu, from which a bot finds its way to a local match or to a direct one online."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from exphil_rt.game.frames import Button
from exphil_rt.testing.stand_in_dolphin.menu_event import MAIN_MENU, PRESS_START, Slot, menu_event
from exphil_rt.testing.stand_in_dolphin.pads import Held

MAIN: Final = 0
ONE_PLAYER: Final = 1
VERSUS: Final = 2
ONLINE: Final = 8
_ITEMS: Final = {MAIN: 5, ONE_PLAYER: 5, VERSUS: 5, ONLINE: 4}
"""Entries of each submenu (libmelee's ids); further ones lead nowhere here."""
_INTO: Final = {(MAIN, 0): ONE_PLAYER, (MAIN, 1): VERSUS, (ONE_PLAYER, 2): ONLINE}
_TO: Final[dict[tuple[int, int], Literal["versus", "direct"]]] = {(VERSUS, 0): "versus", (ONLINE, 2): "direct"}
_TILT: Final = 0.5


class Title:
    """From "press start" on."""

    def __init__(self) -> None:
        self.to: Literal["versus", "direct"] | None = None
        """Where somebody went; None while nobody has decided."""
        self._scene, self._frame = PRESS_START, -1
        self._submenu = self._entry = 0
        self._held: dict[int, int] = {}
        self._tilted = 0

    def step(self, held: Mapping[int, Held]) -> bytes:
        """One menu frame with these inputs; what it shows."""
        self._frame += 1
        pressed = 0
        for port, pad in held.items():
            pressed |= pad.buttons & ~self._held.get(port, 0)
        self._held = {port: pad.buttons for port, pad in held.items()}
        tilt = next((1 if pad.y < 0 else -1 for pad in held.values() if abs(pad.y) > _TILT), 0)
        flick, self._tilted = (tilt if tilt != self._tilted else 0), tilt
        if self._scene == PRESS_START:
            shown = menu_event(PRESS_START, self._frame, _nobody())
            if pressed & Button.START:
                self._scene, self._frame = MAIN_MENU, -1
            return shown
        self._entry = (self._entry + flick) % _ITEMS[self._submenu]
        place = (self._submenu, self._entry)
        if pressed & Button.A and place in _INTO:
            self._submenu, self._entry = _INTO[place], 0
        elif pressed & Button.A and place in _TO:
            self.to = _TO[place]
        elif pressed & Button.B:
            self._submenu = self._entry = 0
        return menu_event(MAIN_MENU, self._frame, _nobody(), submenu=self._submenu, selection=self._entry)


def _nobody() -> list[Slot]:
    return [Slot() for _ in range(4)]
