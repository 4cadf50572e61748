"""Two fighters that stand, and walk where the stick points: fast, for tests of timing, echo and faults.

The events are laid down once and only changed where something changes, so a frame costs little.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from exphil_rt.game.frames import FIRST_FRAME, FIRST_PLAYABLE_FRAME, Frames
from exphil_rt.game.states import WAIT, WALK_SLOW
from exphil_rt.replays.slp import frame_events, game_end
from exphil_rt.replays.slp.layout import BOOKEND, FRAME_START, POST, PRE
from exphil_rt.testing.stand_in_dolphin.choice import Choice
from exphil_rt.testing.stand_in_dolphin.pads import NEUTRAL, Held
from exphil_rt.testing.stand_in_dolphin.sources.source import left_end, opening, start_of

_EDGE: Final = 50.0
_STEP: Final = 0.75
"""Units a frame at full tilt."""
_PACKET: Final = np.dtype([("open", FRAME_START), ("pre", PRE, (2,)), ("post", POST, (2,)), ("close", BOOKEND)])


class StillGame:
    """Games without fighting; the clock ends them, as a draw.

    Args:
        seed: of the start blocks.
        stocks: what the fighters have all the time.
        timer_frames: frames from frame 0 on until the clock ends the game.
        gecko_packets: pieces of the code list behind the start block.
    """

    def __init__(self, *, seed: int, stocks: int, timer_frames: int, gecko_packets: int) -> None:
        self.frame = FIRST_FRAME - 1
        self._seed, self._stocks, self._timer, self._gecko = seed, stocks, timer_frames, gecko_packets

    def begin(self, choice: Choice | None, number: int) -> list[bytes]:
        assert choice is not None
        self._choice = choice
        self.frame = FIRST_FRAME - 1
        self._start = start_of(
            choice, stocks=self._stocks, timer_frames=self._timer, seed=self._seed * 1_000_003 + number
        )
        rows = Frames.allocate((1,))
        rows.stage[:], rows.frame[:] = choice.stage, FIRST_FRAME
        rows.nanas.last_hit_by[:] = rows.players.last_hit_by[:] = 6
        rows.items.owner[:] = -1
        fighters = rows.players
        fighters.exists[:], fighters.stocks[:], fighters.shield[:], fighters.jumps[:] = 1, self._stocks, 60.0, 2
        fighters.character[0] = [seat.character for seat in choice.seats]
        fighters.state[:] = WAIT
        fighters.position_x[0], fighters.facing[0] = (-30.0, 30.0), (1.0, -1.0)
        (packet,), _ = frame_events(self._start, rows)
        # Stage events of the first frame lie between the inputs and the fighters; a frame here has none.
        close = packet[-BOOKEND.itemsize - 2 * POST.itemsize :]
        self._packet = np.frombuffer(bytearray(packet[: FRAME_START.itemsize + 2 * PRE.itemsize] + close), _PACKET)
        self._x = [-30.0, 30.0]
        return opening(self._start, self._gecko)

    def step(self, held: Mapping[int, Held]) -> bytes | None:
        if self.frame >= self._timer:
            return None
        self.frame += 1
        packet: Any = self._packet[0]
        packet["open"]["frame"], packet["open"]["scene_frame"] = self.frame, self.frame - FIRST_FRAME
        packet["close"]["frame"] = packet["close"]["finalized"] = self.frame
        for side, seat in enumerate(self._choice.seats):
            pad = held.get(seat.held_at, NEUTRAL)
            pre, post = packet["pre"][side], packet["post"][side]
            x = self._x[side]
            pre["frame"], pre["position_x"], pre["state"] = self.frame, x, post["state"]
            pre["facing"] = post["facing"]
            fill_pre(pre, pad)
            moving = pad.x if self.frame >= FIRST_PLAYABLE_FRAME else 0.0
            x = min(_EDGE, max(-_EDGE, x + _STEP * moving))
            state = WALK_SLOW if moving else WAIT
            age = float(post["state_age"])
            post["state_age"] = age + 1.0 if state == int(post["state"]) else 1.0
            post["frame"], post["position_x"], post["state"] = self.frame, x, state
            post["self_x_ground"] = _STEP * moving
            if moving:
                post["facing"] = 1.0 if moving > 0 else -1.0
            self._x[side] = x
        return self._packet.tobytes()

    def end(self, left: int) -> list[bytes]:
        if left:
            return [left_end(self._start, left)]
        return [game_end(1, (0, 0), self._start)]


def fill_pre(pre: Any, pad: Held) -> None:
    """Put a controller into a pre-frame event."""
    pre["joystick_x"], pre["joystick_y"] = pad.x, pad.y
    pre["cstick_x"], pre["cstick_y"] = pad.cx, pad.cy
    pre["trigger"], pre["left"], pre["right"] = pad.trigger, pad.left, pad.right
    pre["buttons"], pre["processed"] = pad.buttons, processed(pad)
    pre["raw_x"], pre["raw_y"], pre["raw_cstick_x"], pre["raw_cstick_y"] = pad.raw_x, pad.raw_y, pad.raw_cx, pad.raw_cy


def processed(pad: Held) -> int:
    """Slippi's processed buttons: the physical ones, the sticks' directions, any trigger."""
    bits = pad.buttons
    for bit, there in enumerate(
        (pad.y > 0, pad.y < 0, pad.x < 0, pad.x > 0, pad.cy > 0, pad.cy < 0, pad.cx < 0, pad.cx > 0), start=16
    ):
        bits |= there << bit
    return bits | (pad.trigger > 0) << 31
