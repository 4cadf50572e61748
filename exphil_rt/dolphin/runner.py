"""What one bot of a console sends on each frame: which action is due, what if it is late, how old it is. Pure.

At frame t the action due on t+1+c is sent (c: the console's own delay); it was decided on t+c-D, if it came in time.
Actions are indexed by the frame they are due on, so that a late one is dropped and never shifts those behind it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from exphil_rt.dolphin.link import SWAPPED, Answer, Ask, Ready
from exphil_rt.game.frames import FIRST_FRAME, U8, Controllers, Frames
from exphil_rt.messages.dolphin import LatePolicy
from exphil_rt.policy.delay import DelayQueue

_ROW: Final = np.zeros(1, np.intp)
_PADS: Final = 4096
"""Decoded actions that are kept: policies play few different ones."""
MAX_AGE: Final = 255
"""Ages are counted up to this one."""


@dataclass(slots=True, frozen=True)
class Due:
    """What is sent on one frame."""

    pad: Controllers
    """``[]``"""
    due: int
    """The frame that it is for."""
    swapped: str = ""
    """Policy version, where this is its first action."""


class BotRunner:
    """One bot's due actions over the games of a console.

    Args:
        ready: what the brain said of the policy.
        console_delay: c, at most the policy's delay.
        late: what is sent in place of an action that has not come; who ``wait``s does so before :meth:`due`.
        action_repeat: frames that one decision is held.
    """

    def __init__(self, ready: Ready, console_delay: int, late: LatePolicy = "hold", action_repeat: int = 1) -> None:
        self.player = ready.player
        self.delay = ready.delay
        self.codec = ready.codec
        self.repeat = action_repeat
        self.version = ready.version
        """Policy version that decided last."""
        self.ages: Counter[int] = Counter()
        """Actions sent, by the frames between the state they were decided on and the state they were sent at."""
        self.headroom = MAX_AGE
        """Least number of frames that an action was early by, since it was last set; negative: late."""
        self._console_delay = console_delay
        self._queue = DelayQueue(
            1, ready.delay, ready.dmax, ready.codec.neutral(), console_delay, "neutral" if late == "neutral" else "hold"
        )
        self._versions: dict[int, str] = {}  # by due frame, of first actions of a version
        self._held_source: int | None = None
        self._repeated: U8 | None = None
        self._pads: dict[bytes, Controllers] = {}
        self._pad(ready.codec.neutral())  # the first one of a codec lays down its tables, which takes many frames

    @property
    def epoch(self) -> int:
        """Number of the game at this console."""
        return int(self._queue.epoch[0])

    @property
    def late(self) -> int:
        """Frames whose action had not come."""
        return int(self._queue.counts.missing[0])

    @property
    def dropped(self) -> int:
        """Actions that came too late, or of a game before."""
        return int(self._queue.counts.late[0] + self._queue.counts.stale[0])

    @property
    def skipped(self) -> int:
        """Frames for which nothing was sent."""
        return int(self._queue.counts.skipped[0])

    def begin(self, frame: int = FIRST_FRAME) -> None:
        """A game's first frame was seen: a new epoch, with neutral for the first D frames behind it."""
        self._queue.reset(_ROW, frame)
        self._versions.clear()
        self._held_source = None
        self._repeated = None

    def asks(self, frame: int) -> bool:
        """Whether the policy is asked on this frame; else its last decision is held."""
        return self.repeat == 1 or (frame - FIRST_FRAME) % self.repeat == 0

    def ask(self, state: Frames, game_id: int, seen_ns: int) -> Ask:
        """What to ask about the frame ``[1]`` that was seen."""
        frame = int(state.frame[0])
        committed, mask = self._queue.committed(_ROW, frame)
        return Ask(self.player, self.epoch, game_id, frame, seen_ns, self.delay, state, committed[0], mask[0])

    def take(self, answer: Answer) -> None:
        """An action came."""
        if answer.epoch == self.epoch:
            self.headroom = min(self.headroom, answer.due - self._next_due())
            self.version = answer.version or self.version
            self._repeated = answer.action
            if answer.flags & SWAPPED:
                self._versions[answer.due] = answer.version
        self._queue.push(_ROW, answer.due, answer.action[None], [answer.epoch])

    def hold_decision(self, frame: int) -> None:
        """On a frame that the policy is not asked on: commit its last decision again."""
        if self._repeated is not None:
            self._queue.push(_ROW, frame + self.delay + 1, self._repeated[None])

    def is_due(self, frame: int) -> bool:
        """Whether the action to send at ``frame`` is there."""
        return bool(self._queue.has(_ROW, frame + 1 + self._console_delay)[0])

    def due(self, frame: int) -> Due:
        """What to send now that ``frame`` was seen. Ask once a frame, in order."""
        due = frame + 1 + self._console_delay
        if self.is_due(frame):
            source = due - self.delay - 1
            self._held_source = source if source >= FIRST_FRAME else None  # those before are the neutral beginning
        action = self._queue.pop(_ROW, due)[0]
        if self._held_source is not None:
            self.ages[min(frame - self._held_source, MAX_AGE)] += 1
        swapped = ""
        for first in [first for first in self._versions if first <= due]:
            swapped = self._versions.pop(first)
        return Due(self._pad(action), due, swapped)

    def _pad(self, action: U8) -> Controllers:
        key = action.tobytes()
        pad = self._pads.get(key)
        if pad is None:
            if len(self._pads) >= _PADS:
                self._pads.clear()
            pad = self._pads[key] = self.codec.decode(action)
        return pad

    def _next_due(self) -> int:
        return int(self._queue.served[0]) + 1


Seen = Literal["first", "next", "gap", "repeat"]


class FrameTrack:
    """Whether the frames of a game come one after the other."""

    def __init__(self) -> None:
        self.last: int | None = None
        """The newest frame; None between games."""
        self.jumped = 0
        """Frames that the last one jumped over."""

    def see(self, frame: int) -> Seen:
        """A frame came: the first of a game, the next one, one behind a gap, or an old one again."""
        last, self.jumped = self.last, 0
        if last is not None and frame <= last and frame != FIRST_FRAME:
            return "repeat"
        self.last = frame
        if last is None or frame == FIRST_FRAME:
            self.jumped = frame - FIRST_FRAME
            return "first"
        self.jumped = frame - last - 1
        return "gap" if self.jumped else "next"

    def end(self) -> None:
        """The game is over."""
        self.last = None
