"""Swaps: the hot swaps under way in one rollout loop: who is swapped where, and what is told of it.

The policy's own way (warming, shadow, guard) is ``exphil_rt.inference.hot_swap``'s; who may be swapped is decided here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import PLAYERS
from exphil_rt.inference.hot_swap import HotSwap
from exphil_rt.messages.rollout import FromRollout, SwapPolicy, SwapTold
from exphil_rt.policy.policy import Policy
from exphil_rt.rollout.past import Past
from exphil_rt.rollout.seats import Seats
from exphil_rt.rollout.table import GameTable


class SwapRefused(ExphilError):
    """An agent that cannot be swapped, or a policy that does not fit it."""


@dataclass(slots=True)
class _Under:
    asked: SwapPolicy
    swap: HotSwap
    game_id: int
    old: str
    load_ms: float
    told: bool = False


class Swaps:
    """Hot swaps by row.

    Args:
        seats: of the loop.
        table: of the loop.
        events: where what happens is put.
        clock: seconds, monotonic; what decisions cost is measured with it.
    """

    def __init__(self, seats: Seats, table: GameTable, events: deque[FromRollout], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seats = seats
        self._table = table
        self._events = events
        self._under: dict[int, _Under] = {}

    def begin(
        self, asked: SwapPolicy, policy: Policy, temperature: float, past: Past, place: int, load_ms: float
    ) -> None:
        """Start putting ``policy`` into the agent's place; ``place`` is the slot's in ``past``.

        Raises:
            SwapRefused: for an agent that is not there, is being swapped, or is fixed; or a policy that does not fit.
        """
        slot, row = asked.slot, PLAYERS * asked.slot + asked.port
        spec = self._table.specs[slot]
        if spec is None or not self._table.playing[slot]:
            raise SwapRefused("No game is in play there.", hint="Try again when the next one has started.")
        if row in self._under:
            done = self._under[row].swap.decisions
            raise SwapRefused(
                f"The swap to {self._under[row].asked.key} is still being watched ({done} decisions so far).",
                hint="Try again in a few seconds.",
            )
        mine, run = policy.config, self._seats.policy.config
        for field, new, old in (
            ("delay", mine.delay, int(self._seats.queue.delay[row])),
            ("codec", mine.codec, run.codec),
        ):
            if new != old:
                shown = f": {new} where the agent has {old}" if field == "delay" else " of the actions"
                raise SwapRefused(f"{asked.key} differs from the agent in its {field}{shown}.")
        swap = HotSwap(policy, temperature, clock=self._clock)
        frames, committed, mask = past.of(place, row, self._seats.queue)
        swap.remember(frames, asked.port, committed, mask)
        self._under[row] = _Under(asked, swap, spec.game_id, spec.players[asked.port].policy, load_ms)
        self._seats.swaps[row] = swap

    def look(self) -> None:
        """After a frame: tell what became of each, and carry out what follows from it."""
        for row, under in list(self._under.items()):
            slot, port, swap = under.asked.slot, under.asked.port, under.swap
            if not self._table.playing[slot] or int(self._table.game_id[slot]) != under.game_id:
                if under.told:
                    self._tell(under, "game_over")
                else:
                    swap.reason = "the game ended before it could take over"
                    self._tell(under, "refused")
                self._drop(row)
                continue
            if swap.decisions and not under.told:
                under.told = True
                self._table.reseat(slot, port, label=under.asked.key, version=under.asked.version)
                self._tell(under, "taken_over")
            if swap.phase == "settled":
                self._seats.settle(row, under.asked.key, under.asked.version)
                self._table.reseat(slot, port, policy=under.asked.key, version=under.asked.version)
                self._tell(under, "settled")
                self._drop(row)
            elif swap.over:
                if under.told:
                    version = self._seats.version(under.old)
                    self._table.reseat(slot, port, label=under.old, version=version)
                self._tell(under, "rolled_back" if under.told else "refused")
                self._drop(row)

    def _drop(self, row: int) -> None:
        del self._under[row]
        self._seats.swaps.pop(row, None)

    def _tell(
        self, under: _Under, stage: Literal["taken_over", "refused", "settled", "rolled_back", "game_over"]
    ) -> None:
        swap, asked = under.swap, under.asked
        delay = int(self._seats.queue.delay[PLAYERS * asked.slot + asked.port])
        self._events.append(
            SwapTold(
                id=asked.id,
                stage=stage,
                slot=asked.slot,
                port=asked.port,
                game_id=under.game_id,
                old=under.old,
                key=asked.key,
                frame=swap.took_over,
                due=swap.took_over + delay + 1,
                decisions=swap.decisions,
                load_ms=under.load_ms,
                warmed=swap.warmed,
                cost_ms=swap.cost_s * 1e3,
                reason=swap.reason,
            )
        )
