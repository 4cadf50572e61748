"""Experience: who owns which slot of shared memory. Grants free ones to runners, hands full ones to the trainer.

The bytes are never looked at here. A slot's generation changes with every owner, so that what a dead child still
says about an old one is ignored.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agents.context import RunContext
from exphil_rt.actor import GenServer, handle_cast
from exphil_rt.messages.experience import SlotLearned, SlotReady, TrainerUp
from exphil_rt.messages.league import RunnerUp
from exphil_rt.messages.learner import Learn
from exphil_rt.messages.rollout import FreeSlot

TRAINER: Final = "trainer"


class ExperienceState(msgspec.Struct, kw_only=True):
    """Slots that somebody owns."""

    filling: dict[int, tuple[str, int]] = {}
    """slot -> (runner that fills it, generation)."""
    learning: dict[int, Learn] = {}
    """Full slots that the trainer has, in the order they came."""
    learned: int = 0


class Experience(GenServer[ExperienceState]):
    """The keeper of the slots."""

    async def init(self, args: RunContext) -> ExperienceState:
        """All slots are free: whoever held one was told by an incarnation that is gone."""
        self.context = args
        self.pool = args.pool
        for owner in (*args.runners, TRAINER):
            self.pool.reclaim(owner)
        return ExperienceState()

    @handle_cast
    async def on_runner(self, message: RunnerUp) -> None:
        """A fresh worker process: what the old one was filling is void."""
        for slot in [s for s, (runner, _) in self.state.filling.items() if runner == message.runner]:
            del self.state.filling[slot]
        self.pool.reclaim(message.runner)
        for _ in range(self._share()):
            self._grant(message.runner)

    @handle_cast
    async def on_full(self, message: SlotReady) -> None:
        """Hand a full slot to the trainer."""
        filled = message.filled
        if self.state.filling.pop(filled.slot, None) != (message.runner, filled.generation):
            return
        if not self.pool.transfer(filled.slot, filled.generation, TRAINER):
            return
        learn = Learn(slot=filled.slot, generation=filled.generation, frames=filled.frames)
        self.state.learning[filled.slot] = learn
        self.cast("trainer", learn)

    @handle_cast
    async def on_learned(self, message: SlotLearned) -> None:
        """A slot is free again: to the runner that has fewest."""
        known = self.state.learning.get(message.slot)
        if known is None or known.generation != message.generation:
            return
        del self.state.learning[message.slot]
        self.pool.release(message.slot, message.generation)
        self.state.learned += 1
        owners = [runner for runner, _ in self.state.filling.values()]
        self._grant(min(self.context.runners, key=owners.count))

    @handle_cast
    async def on_trainer(self, message: TrainerUp) -> None:
        """A fresh learner: the slots that the old one had are still whole."""
        for learn in self.state.learning.values():
            self.cast("trainer", learn)

    def _share(self) -> int:
        return max(1, self.pool.count // len(self.context.runners))

    def _grant(self, runner: str) -> None:
        if self.pool.free:
            slot, generation = self.pool.acquire(runner)
            self.state.filling[slot] = (runner, generation)
            self.cast(runner, FreeSlot(slot=slot, generation=generation))
