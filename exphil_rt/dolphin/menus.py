"""From any menu into a game: libmelee's MenuHelper for every seat of ours, with budgets, and freed where it sticks.

MenuHelper presses nothing for ever when a cursor stands at exactly its 1.5 units from a target, has no branch for the
title screen, and leaves costumes to chance in local games; all three are seen to here.
"""

from __future__ import annotations

import time
from typing import Final

from melee import Button, Controller, GameState, Menu, MenuHelper
from melee import enums as melee_enums

from exphil_rt.dolphin.faults import DolphinFault
from exphil_rt.game.ids import Character, Stage
from exphil_rt.messages.dolphin import ConsoleArgs, Seat

_STUCK: Final = 45
"""Menu frames in one place after which a cursor that is not done is pushed."""
_PUSH: Final = 3
_DIRECTIONS: Final = ((0.8, 0.5), (0.5, 0.8), (0.2, 0.5), (0.5, 0.2))
_UNKNOWN: Final = 60
"""Frames of a screen that nobody knows (the results of a game) after which START is pressed."""
_STAGES: Final = {
    Stage.FOUNTAIN_OF_DREAMS: melee_enums.Stage.FOUNTAIN_OF_DREAMS,
    Stage.POKEMON_STADIUM: melee_enums.Stage.POKEMON_STADIUM,
    Stage.YOSHIS_STORY: melee_enums.Stage.YOSHIS_STORY,
    Stage.DREAM_LAND: melee_enums.Stage.DREAMLAND,
    Stage.BATTLEFIELD: melee_enums.Stage.BATTLEFIELD,
    Stage.FINAL_DESTINATION: melee_enums.Stage.FINAL_DESTINATION,
}


class Menus:
    """The menus before one game after the other.

    Args:
        args: who is to play what.
        controllers: of our seats, by port.
    """

    def __init__(self, args: ConsoleArgs, controllers: dict[int, Controller]) -> None:
        self._controllers = controllers
        self.begin(args)

    def begin(self, args: ConsoleArgs) -> None:
        """Towards the next game, which ``args`` say: budgets and helpers begin afresh."""
        self._args = args
        self._seats = [seat for seat in args.seats if seat.port in self._controllers]
        self._person = any(seat.who == "human" for seat in args.seats) or bool(args.connect_code)
        deadlines = self._args.deadlines
        self.steps = 0
        self._seconds = deadlines.menus_human_s if self._person else deadlines.menus_s
        self._budget = deadlines.menu_steps if not self._person else 10**9
        self._deadline = time.monotonic() + self._seconds
        self._helpers = {seat.port: MenuHelper() for seat in self._seats}
        self._still: dict[int, tuple[tuple[float, float], int]] = {}
        self._pushes = 0
        self._unknown = 0
        self._dyed = {seat.port: 0 for seat in self._seats}

    def step(self, state: GameState) -> None:
        """Set the controllers for one menu frame.

        Raises:
            DolphinFault: a budget is spent.
        """
        self.steps += 1
        menu = state.menu_state
        if self.steps > self._budget or time.monotonic() > self._deadline:
            where = menu.name.lower().replace("_", " ")
            raise DolphinFault(
                "menu_budget",
                f"After {self.steps} frames of menus there is no game yet (screen: {where}).",
            )
        if menu in (Menu.UNKNOWN_MENU, Menu.POSTGAME_SCORES):
            self._skip()
            return
        self._unknown = 0
        if self._args.connect_code == "" and menu in (Menu.MAIN_MENU, Menu.PRESS_START):
            first, *others = self._seats
            MenuHelper.choose_versus_mode(state, self._controllers[first.port])
            for seat in others:
                self._controllers[seat.port].release_all()
            return
        starts = self._may_start(state)
        for seat in self._seats:
            controller = self._controllers[seat.port]
            if menu is Menu.PRESS_START:
                MenuHelper.choose_direct_online(state, controller)
                continue
            if menu is Menu.CHARACTER_SELECT and self._done(state, seat) and self._dye(seat, controller):
                continue
            self._helpers[seat.port].menu_helper_simple(
                state,
                controller,
                melee_enums.Character(seat.fighter),
                _STAGES[Stage(self._args.stage)],
                connect_code=self._args.connect_code or None,
                cpu_level=seat.level if seat.who == "cpu" else 0,
                costume=seat.costume,
                autostart=starts and seat is self._seats[0],
            )
            self._push(state, seat, controller)

    def _may_start(self, state: GameState) -> bool:
        """Whether the first of our seats may press START: nobody else chooses, and all have chosen."""
        if self._args.connect_code:
            return True
        if self._person:
            return False
        if state.menu_state is not Menu.CHARACTER_SELECT:
            return True
        return all(self._done(state, seat) and self._dyed[seat.port] >= seat.costume for seat in self._seats)

    def _done(self, state: GameState, seat: Seat) -> bool:
        """Whether a seat's fighter and level stand."""
        player = state.players.get(seat.port)
        wanted = Character.ZELDA if seat.fighter == Character.SHEIK else seat.fighter  # Sheik is chosen as Zelda
        if player is None or not player.coin_down or player.character is not melee_enums.Character(wanted):
            return False
        if seat.who != "cpu":
            return True
        is_cpu = player.controller_status is melee_enums.ControllerStatus.CONTROLLER_CPU
        return is_cpu and int(player.cpu_level) == seat.level and not player.is_holding_cpu_slider

    def _dye(self, seat: Seat, controller: Controller) -> bool:
        """Press X once more, each fourth frame, until the costume is reached; whether there was one to press."""
        if self._dyed[seat.port] >= seat.costume or seat.who == "cpu":
            self._dyed[seat.port] = max(self._dyed[seat.port], seat.costume)
            return False
        controller.release_all()
        if self.steps % 4 == 0:
            controller.press_button(Button.BUTTON_X)
            self._dyed[seat.port] += 1
        return True

    def _push(self, state: GameState, seat: Seat, controller: Controller) -> None:
        """Push a cursor that has not moved for long and is not done."""
        player = state.players.get(seat.port)
        if player is None or state.menu_state is not Menu.CHARACTER_SELECT or self._done(state, seat):
            self._still.pop(seat.port, None)
            return
        place = (float(player.cursor.x), float(player.cursor.y))
        last, frames = self._still.get(seat.port, (place, 0))
        frames = frames + 1 if place == last or frames >= _STUCK else 0
        self._still[seat.port] = (place, frames)
        if frames < _STUCK:
            return
        if frames >= _STUCK + _PUSH:
            self._still[seat.port] = (place, 0)
            self._pushes += 1
        x, y = _DIRECTIONS[self._pushes % len(_DIRECTIONS)]
        controller.release_all()
        controller.tilt_analog(Button.BUTTON_MAIN, x, y)

    def _skip(self) -> None:
        """Of a screen that nobody knows: wait, then press START now and then."""
        self._unknown += 1
        for seat in self._seats:
            controller = self._controllers[seat.port]
            controller.release_all()
            if self._unknown > _UNKNOWN and self._unknown % 8 == 0:
                controller.press_button(Button.BUTTON_START)
