"""HotSwap: one policy on its way into one running agent, frame by frame.

A plain object, asked once a frame by whoever runs the agent (the rollout loop, a console's inference process). It warms
the new policy on the agent's last frames, runs it beside the old one, lets it take over between two frames, watches it,
and gives the agent back to the old one where it fails. Loading bundles and naming agents happen elsewhere.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from exphil_rt.game.frames import U8, Frames
from exphil_rt.policy.backbones.base import State
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import Inputs, build_inputs
from exphil_rt.policy.policy import Policy

Phase = Literal["warming", "shadow", "guarded", "settled", "rolled_back", "refused"]

DEADLINE_S: Final = 1 / 60
"""A decision a game frame: what a policy may cost at most."""
SHADOW_DECISIONS: Final = 20
"""Live frames on which the new policy decides, unheard, before it takes over."""
GUARD_DECISIONS: Final = 120
"""Decisions after taking over during which the old policy stays ready."""
COLLAPSED: Final = 0.95
"""Share of one joint action among the guarded decisions that is a collapse ..."""
LIVELY: Final = 0.70
"""... where the old policy, on the same frames, stays below this."""
_WARM_S: Final = 0.004
"""Seconds a frame that warming may take."""
_RECENT: Final = 10
_MAX_MISSES: Final = 5
"""Decisions beyond the deadline, of the last ``_RECENT``, that end the swap; one hiccup of the machine does not."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the new policy decided for the frame."""

    action: U8
    """``[P]``, parts of the codec."""
    logp: float
    value: float


class HotSwap:
    """Puts ``policy`` into the place of the one that an agent plays.

    ``phase`` goes warming, shadow, guarded, settled; it ends early at ``refused`` (never took over) or ``rolled_back``
    (did, and lost the agent again), with the sentence why in ``reason``.

    Args:
        policy: the new one; its delay and codec are the agent's.
        temperature: that it samples with.
        deadline_s: seconds that a decision may take.
        clock: seconds, monotonic.
        delay: of the agent, where the policy can play with several; by default its own.
    """

    def __init__(
        self,
        policy: Policy,
        temperature: float = 1.0,
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.perf_counter,
        delay: int | None = None,
    ) -> None:
        self.policy = policy.eval()
        self.temperature = temperature
        self.phase: Phase = "warming"
        self.reason = ""
        self.warmed = 0
        """Past frames that it was shown."""
        self.took_over = 0
        """The frame on which it first decided for the agent."""
        self.decisions = 0
        """That it made for the agent."""
        self.cost_s = 0.0
        """Median cost of its last decisions."""
        self._delay = policy.config.delay if delay is None else delay
        self._deadline = deadline_s
        self._clock = clock
        self._encoder = Encoder(policy.config.schema)
        self._backlog: deque[Inputs] = deque()  # rows [T] that it was not shown yet
        self._costs: deque[float] = deque(maxlen=_RECENT)
        self._shadowed = 0
        self._joint: Counter[bytes] = Counter()
        self._old: Counter[bytes] = Counter()
        with torch.inference_mode():
            self._state: State = policy.init_state(1)

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.phase in ("settled", "rolled_back", "refused")

    @property
    def state(self) -> tuple[NDArray[np.float32], ...]:
        """The new policy's recurrent state, ``[1, ...]`` each, as an engine takes it."""
        return tuple(part.numpy().copy() for part in self._state)

    def remember(self, frames: Frames, port: int, committed: U8, mask: U8) -> None:
        """Have it see the agent's last frames ``[T]`` first (``committed [T, dmax, P]``, ``mask [T, dmax]``)."""
        if frames.lead[0]:
            self._backlog.append(self._inputs(frames, port, committed, mask))

    def decide(
        self, frames: Frames, port: int, committed: U8, mask: U8, noise: NDArray[np.float32], old: U8
    ) -> Choice | None:
        """The agent has to decide on a frame.

        Args:
            frames: the frame, ``[1]``.
            port: which player the agent is.
            committed, mask: ``[1, dmax, P]`` and ``[1, dmax]``, of its delay queue.
            noise: ``[1, N]``: the draws that the agent's decision has anyway.
            old: ``[P]``: what the old policy decided on it.

        Returns:
            The decision that counts, or None where the old policy's counts.
        """
        if self.over:
            return None
        inputs = self._inputs(frames, port, committed, mask)
        if self.phase == "warming":
            self._backlog.append(inputs)
            self._warm()
            return None
        choice, seconds = self._act(inputs, noise)
        self._costs.append(seconds)
        self.cost_s = float(np.median(self._costs))
        if choice is None:
            self._fail("it gave a value that is no number")
            return None
        slow = sum(cost > self._deadline for cost in self._costs)
        if slow >= _MAX_MISSES:
            self._fail(f"a decision takes {self.cost_s * 1e3:.1f} ms, and a frame has {self._deadline * 1e3:.1f} ms")
            return None
        if self.phase == "shadow":
            self._shadowed += 1
            if self._shadowed == SHADOW_DECISIONS:
                self.phase = "guarded"
            return None
        if not self.decisions:
            self.took_over = int(frames.frame[0])
        self.decisions += 1
        self._joint[choice.action.tobytes()] += 1
        self._old[np.ascontiguousarray(old).tobytes()] += 1
        if self.decisions == GUARD_DECISIONS:
            return self._judge(choice)
        return choice

    def _judge(self, choice: Choice) -> Choice | None:
        mine = self._joint.most_common(1)[0][1] / self.decisions
        theirs = self._old.most_common(1)[0][1] / self.decisions
        if mine > COLLAPSED and theirs < LIVELY:
            self._fail(
                f"{mine:.0%} of its {self.decisions} decisions were one and the same, where the policy before it"
                f" had {theirs:.0%}"
            )
            return None
        self.phase = "settled"
        return choice

    def _fail(self, why: str) -> None:
        self.reason = why
        self.phase = "rolled_back" if self.phase == "guarded" and self.decisions else "refused"

    def _warm(self) -> None:
        """Go through the backlog, a few milliseconds' worth a frame; by single frames until the cost is known."""
        until = self._clock() + _WARM_S
        while self._backlog:
            rows = self._backlog[0]
            per_row = self.cost_s or self._deadline
            count = 1 if len(self._costs) < _RECENT // 2 else max(1, int(_WARM_S / 2 / max(per_row, 1e-6)))
            count = min(count, rows.lead[0])
            begin = self._clock()
            if not self._show(rows[:count]):
                self._fail("it gave a value that is no number")
                return
            self._costs.append((self._clock() - begin) / count)
            # The first step of a network allocates, so it says nothing about the rest.
            self.cost_s = float(np.median(list(self._costs)[1:] or [0.0]))
            self.warmed += count
            if count == rows.lead[0]:
                self._backlog.popleft()
            else:
                self._backlog[0] = rows[count:]
            if len(self._costs) >= _RECENT // 2 and self.cost_s > self._deadline:
                self._fail(
                    f"a decision takes {self.cost_s * 1e3:.1f} ms, and a frame has {self._deadline * 1e3:.1f} ms"
                )
                return
            if self._clock() >= until:
                break
        if not self._backlog:
            self.phase = "shadow"
            self._costs.clear()

    def _inputs(self, frames: Frames, port: int, committed: U8, mask: U8) -> Inputs:
        config = self.policy.config
        some = slice(0, config.dmax)
        return build_inputs(self._encoder, config.codec, frames, port, committed[:, some], mask[:, some], self._delay)

    @torch.inference_mode()
    def _show(self, inputs: Inputs) -> bool:
        _, value, self._state = self.policy(to_tensors(inputs).at((None,)), self._state)  # [1, T]
        return bool(torch.isfinite(value).all())

    @torch.inference_mode()
    def _act(self, inputs: Inputs, noise: NDArray[np.float32]) -> tuple[Choice | None, float]:
        begin = self._clock()
        action, logp, value, self._state = self.policy.act(
            to_tensors(inputs), self._state, torch.from_numpy(np.ascontiguousarray(noise)), self.temperature
        )
        seconds = self._clock() - begin
        if not (torch.isfinite(logp).all() and torch.isfinite(value).all()):
            return None, seconds
        return Choice(action[0].numpy(), float(logp[0]), float(value[0])), seconds
