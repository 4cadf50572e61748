"""The embedded game: pads from the pipes, scripted opponents at the levels that the menus say, real ends of games."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from exphil_rt.game.frames import FIRST_FRAME, Controllers, Frames
from exphil_rt.game.lane import GameEnd, GameSetup
from exphil_rt.replays.slp import END_METHODS, Carry, GameStart, frame_events, game_end
from exphil_rt.sim import EmbeddedLane
from exphil_rt.sim.cpu import CpuPlayers
from exphil_rt.testing.stand_in_dolphin.choice import Choice
from exphil_rt.testing.stand_in_dolphin.pads import NEUTRAL, Held
from exphil_rt.testing.stand_in_dolphin.sources.source import left_end, opening, start_of

_SLOT: Final = np.zeros(1, np.int32)


class EmbeddedGame:
    """Games of the embedded Melee.

    Args:
        seed: key of the games' draws.
        stocks: of each player.
        timer_frames: until the clock ends a game.
        gecko_packets: pieces of the code list behind the start block.
    """

    def __init__(self, *, seed: int, stocks: int, timer_frames: int, gecko_packets: int) -> None:
        self.frame = FIRST_FRAME - 1
        self._seed, self._stocks, self._timer, self._gecko = seed, stocks, timer_frames, gecko_packets
        self._lane = EmbeddedLane(1)
        self._bots = CpuPlayers(2, seed)
        self._pads = Controllers.allocate((1, 2))
        self._start: GameStart
        self._ended: GameEnd | None = None

    def begin(self, choice: Choice | None, number: int) -> list[bytes]:
        assert choice is not None
        first, second = choice.seats
        self._choice, self._game, self._ended, self._carry = choice, number, None, Carry()
        self._levels = [seat.cpu_level or seat.person_level for seat in choice.seats]
        self._lane.start(
            0,
            GameSetup(
                game_id=number,
                stage=choice.stage,
                characters=(first.character, second.character),
                seed=self._seed,
                stocks=self._stocks,
                timer_frames=self._timer,
            ),
        )
        self._start = start_of(
            choice, stocks=self._stocks, timer_frames=self._timer, seed=self._seed * 1_000_003 + number
        )
        self.frame = FIRST_FRAME - 1
        return opening(self._start, self._gecko)

    def step(self, held: Mapping[int, Held]) -> bytes | None:
        if self._ended is not None:
            return None
        shown = self._lane.frames(_SLOT)
        self._press(held, shown)
        if self.frame >= FIRST_FRAME:
            self._lane.commit(_SLOT, self._pads, shown.frame + 1)
            shown = self._lane.frames(_SLOT)
            for end in self._lane.ended():
                self._ended = end
        # As the pads were held: the embedded game keeps no raw y. These frames are nobody else's.
        shown.controllers.assign(slice(None), self._pads)
        self.frame = int(shown.frame[0])
        (packet,), self._carry = frame_events(self._start, shown, self._carry)
        return packet

    def end(self, left: int) -> list[bytes]:
        end = self._ended
        if end is None:
            return [left_end(self._start, left)]
        places = (1, 0) if end.winner == 1 else (0, 1) if end.winner == 0 else (0, 0)
        return [game_end(END_METHODS[end.reason], places, self._start)]

    def _press(self, held: Mapping[int, Held], shown: Frames) -> None:
        """Both players' inputs of the next frame."""
        pads = self._pads
        for side, seat in enumerate(self._choice.seats):
            if level := self._levels[side]:
                bot = self._bots.act(shown, side, level, rows=[side], game=self._game)
                pads.assign((slice(None), side), bot)
                continue
            pad = held.get(seat.held_at, NEUTRAL)
            pads.buttons[0, side], pads.trigger[0, side] = pad.buttons, pad.trigger
            pads.joystick_x[0, side], pads.joystick_y[0, side] = pad.x, pad.y
            pads.cstick_x[0, side], pads.cstick_y[0, side] = pad.cx, pad.cy
            pads.raw_x[0, side], pads.raw_y[0, side] = pad.raw_x, pad.raw_y
