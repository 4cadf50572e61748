"""Experience: who owns which slot of shared memory. Grants free ones to runners, hands full ones to the trainer.

The bytes are never looked at here. A slot's generation changes with every owner, so that what a dead child still
says about an old one is ignored.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agents.again import ask_again
from agents.context import SelfPlayContext
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
    up: list[str] = []
    """Runners that play."""
    learned: int = 0


class Experience(GenServer[ExperienceState]):
    """The keeper of the slots."""

    async def init(self, args: SelfPlayContext) -> ExperienceState:
        """Who holds which slot is said by those who do."""
        self.context = args
        self.pool = args.pool
        ask_again(self, TRAINER, *args.runners)
        return ExperienceState()

    @handle_cast
    async def on_runner(self, message: RunnerUp) -> None:
        """What the runner does not hold now is void, as is all that the process before a fresh one was filling."""
        state = self.state
        for slot in [s for s, (runner, _) in state.filling.items() if runner == message.runner]:
            del state.filling[slot]
        self.pool.reclaim(message.runner, keep=message.held)
        for slot, generation in message.held.items():
            if slot not in state.learning and self.pool.transfer(slot, generation, message.runner):
                state.filling[slot] = (message.runner, generation)
        if message.runner not in state.up:
            state.up.append(message.runner)
        self._deal()

    @handle_cast
    async def on_full(self, message: SlotReady) -> None:
        """Hand a full slot to the trainer."""
        filled = message.filled
        if self.state.filling.get(filled.slot) != (message.runner, filled.generation):
            return
        del self.state.filling[filled.slot]
        if not self.pool.transfer(filled.slot, filled.generation, TRAINER):
            return
        learn = Learn(slot=filled.slot, generation=filled.generation, frames=filled.frames)
        self.state.learning[filled.slot] = learn
        self.cast(TRAINER, learn)

    @handle_cast
    async def on_learned(self, message: SlotLearned) -> None:
        """A slot is free again."""
        known = self.state.learning.get(message.slot)
        if known is None or known.generation != message.generation:
            return
        del self.state.learning[message.slot]
        self.pool.release(message.slot, message.generation)
        self.state.learned += 1
        self._deal()

    @handle_cast
    async def on_trainer(self, message: TrainerUp) -> None:
        """A fresh learner gets what the old one had, which is still whole; another one says what it has."""
        state = self.state
        if message.fresh:
            for learn in state.learning.values():
                self.cast(TRAINER, learn)
        else:
            state.learning |= {learn.slot: learn for learn in message.learning}
        self.pool.reclaim(TRAINER, keep=state.learning)
        self._deal()

    def _deal(self) -> None:
        """Give free slots to the runners that have fewest, at most an equal share each."""
        share = -(-self.pool.count // len(self.context.runners))
        while self.pool.free and self.state.up:
            owners = [runner for runner, _ in self.state.filling.values()]
            runner = min(self.state.up, key=owners.count)
            if owners.count(runner) >= share:
                return
            slot, generation = self.pool.acquire(runner)
            self.state.filling[slot] = (runner, generation)
            self.cast(runner, FreeSlot(slot=slot, generation=generation))
