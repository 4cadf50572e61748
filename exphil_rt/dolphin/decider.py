"""Decider: what plays one port of a console: a policy in an engine, its draws, and a hot swap where one is under way.

A plain object without a loop, a link or a delay queue: it is shown frames with what was committed when they were asked
about, and gives actions. The process around it is ``brain``'s, the delay queue the console's.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from exphil_rt.dolphin.recent import Recent
from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import FIRST_FRAME, U8, Frames
from exphil_rt.inference import RANDOM, Engine
from exphil_rt.inference.hot_swap import HotSwap
from exphil_rt.inference.player import EngineKind, Player
from exphil_rt.messages.rollout import SwapPolicy, SwapTold
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.delay import MAX_DELAY
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import build_inputs
from exphil_rt.policy.manifest import Manifest
from exphil_rt.policy.noise import ACTION_DOMAIN, keyed_uniform
from exphil_rt.policy.policy import Policy

if TYPE_CHECKING:  # onnxruntime is loaded where it plays
    from exphil_rt.inference.compare import Comparison

_MEMORY: Final = 2 * MAX_DELAY
"""Decisions that are remembered by due frame."""
_NEVER: Final = np.iinfo(np.int64).min
WARM_CALLS: Final = 12
"""Calls of a warm-up; the cost is the median of its second half."""


class SwapRefused(ExphilError):
    """A policy that does not fit the agent, or an agent that is being swapped."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Actions for the frames asked about."""

    actions: U8
    """``[T, K]``."""
    keys: list[str]
    """Which policy decided each."""


@dataclass(slots=True)
class _Under:
    asked: SwapPolicy
    manifest: Manifest
    swap: HotSwap
    player: Player | None
    load_ms: float
    told: bool = False


class Decider:
    """Plays ``port`` with a policy, or ``random``.

    Args:
        port: the player, 0 or 1.
        delay: D that the console keeps.
        kind: what runs the policy; one that is swapped in is watched under torch, and run by this once it has settled.
        temperature: to sample with; None for each policy's own.
        seed: key of the draws.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        port: int,
        delay: int,
        policy: Policy | None,
        manifest: Manifest | None,
        *,
        kind: EngineKind = "torch",
        temperature: float | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.port = port
        self.delay = delay
        self.key = manifest.ref if manifest else RANDOM
        """Whose decisions count, unless a swap has taken over."""
        self.told: deque[SwapTold] = deque()
        """What became of swaps, for the daemon."""
        self.decisions = 0
        self._temperature = temperature
        self._seed = seed
        self._clock = clock
        self._engine = Engine(1, kind="torch", frozen=kind)
        self._original: tuple[Policy, str, float] | None = None
        if policy is not None and manifest is not None:
            if kind == "onnx-int8":
                self._original = policy, self.key, self._heat(manifest)
            self._engine.load(self.key, policy, self._heat(manifest), frozen=True)
            self._engine.assign(0, self.key)
        self._recent = Recent(self.codec.num_heads)
        self._made = np.zeros((_MEMORY, self.codec.num_heads), np.uint8)
        self._made_due = np.full(_MEMORY, _NEVER, np.int64)
        self._under: _Under | None = None
        self._game = (-1, -1)

    @property
    def codec(self) -> ActionCodec:
        """Of the actions."""
        return self._engine.codec

    def warm_up(self, steps: int) -> float:
        """Run the whole path of a decision some times; seconds a call on ``steps`` frames. Leaves no trace."""
        frames = Frames.allocate((steps,))
        frames.players.exists[:] = 1
        committed = np.tile(self.codec.neutral(), (steps, MAX_DELAY, 1))
        mask = np.zeros((steps, MAX_DELAY), np.uint8)
        costs = []
        for number in range(WARM_CALLS):
            frames.frame[:] = FIRST_FRAME + number * steps + np.arange(steps)
            begin = self._clock()
            self._decide(0, frames, committed, mask)
            costs.append(self._clock() - begin)
        self._engine.reset(0)
        return float(np.median(costs[WARM_CALLS // 2 :]))

    def decide(self, epoch: int, game_id: int, frames: Frames, committed: U8, mask: U8) -> Decided:
        """Decide on frames ``[T]`` of one game, which come in order.

        Args:
            epoch: changes with every game, also where ``game_id`` does not.
            game_id: key of the draws.
            committed: ``[T, n, K]`` and ``mask [T, n]``, as the console had them when each frame was asked about. What
                was decided here before this call is committed too, though it may still be on its way.
        """
        if self._game != (epoch, game_id):
            self._game = (epoch, game_id)
            self._begin()
        committed, mask = self._known(frames, committed, mask)
        actions, noise = self._decide(game_id, frames, committed, mask)
        count, old = len(mask), self.key
        keys = [old] * count
        self.decisions += count
        for t in range(count):
            if (under := self._under) is None:
                if self.key != old:  # it has settled: the engine plays it from here on
                    rest = slice(t, count)
                    actions[rest], _ = self._decide(game_id, frames[rest], committed[rest], mask[rest])
                    keys[rest] = [self.key] * (count - t)
                break
            one = slice(t, t + 1)
            choice = under.swap.decide(frames[one], self.port, committed[one], mask[one], noise[one], actions[t])
            if choice is not None:
                actions[t], keys[t] = choice.action, under.asked.key
            self._look()
        self._recent.write(frames, committed, mask)
        due = frames.frame.astype(np.int64) + self.delay + 1
        self._made[due % _MEMORY], self._made_due[due % _MEMORY] = actions, due
        return Decided(actions, keys)

    def prepare(self, policy: Policy, manifest: Manifest) -> Player:
        """What runs ``policy`` once it has settled. For another thread: to make a graph may take seconds."""
        return self._engine.prepare(policy, self._heat(manifest), frozen=True)

    def measure(self) -> Callable[[], tuple[str, Comparison]] | None:
        """Once, when the first policy is run with 8-bit weights and a game has filled the past: what to do in another
        thread to know what they change on these frames. Its answer is whose weights, and the comparison with torch."""
        if self._original is None or not self._recent.full:
            return None
        (policy, key, heat), self._original = self._original, None
        if key != self.key or self._under is not None:
            return None  # somebody else plays by now
        from exphil_rt.inference.compare import compare
        from exphil_rt.inference.onnx_player import OnnxPlayer

        player = self._engine.player(key)
        assert isinstance(player, OnnxPlayer)
        config, (frames, committed, mask) = policy.config, self._recent.newest()
        inputs = build_inputs(
            Encoder(config.schema),
            config.codec,
            frames,
            self.port,
            committed[:, : config.dmax],
            mask[:, : config.dmax],
            self.delay,
        )
        return lambda: (key, compare(policy, player.session, [inputs], heat))

    def begin_swap(
        self, asked: SwapPolicy, policy: Policy, manifest: Manifest, load_ms: float, player: Player | None = None
    ) -> None:
        """Start putting ``policy`` into the place of the one that plays.

        Args:
            player: as ``prepare`` made it; without one, torch goes on running it.

        Raises:
            SwapRefused: for a policy that does not fit, or while another swap is being watched.
        """
        if self._under is not None:
            done = self._under.swap.decisions
            raise SwapRefused(
                f"The swap to {self._under.asked.key} is still being watched ({done} decisions so far).",
                hint="Try again in a few seconds.",
            )
        self.check_fit(asked.key, manifest)
        self._under = _Under(asked, manifest, self._swap(policy, manifest), player, load_ms)
        self._under.swap.remember(*self._seen())

    def check_fit(self, key: str, manifest: Manifest) -> None:
        """Raise SwapRefused, with the one field that differs, unless the policy may play in the place of this one."""
        if manifest.delay != self.delay and self.delay not in manifest.training.delays:
            raise SwapRefused(
                f"{key} differs from the agent in its delay: {manifest.delay} where the agent has {self.delay}."
            )
        if manifest.config.codec != self.codec:
            raise SwapRefused(f"{key} differs from the agent in its codec of the actions.")

    # ------------------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Another game: nothing of the last one is remembered, and a swap under way begins again."""
        self._engine.reset(0)
        self._recent.clear()
        self._made_due[:] = _NEVER
        if (under := self._under) is not None:
            under.swap = self._swap(under.swap.policy, under.manifest)

    def _decide(self, game_id: int, frames: Frames, committed: U8, mask: U8) -> tuple[U8, NDArray[np.float32]]:
        count = len(mask)
        noise = keyed_uniform(self._seed, ACTION_DOMAIN, game_id, frames.frame, self.port, self.codec.num_logits)
        if count == 1:
            decision = self._engine.step_frames([0], frames, self.port, committed, mask, self.delay, noise)
        else:
            decision = self._engine.step_run(0, frames, self.port, committed, mask, self.delay, noise)
        return decision.actions, noise

    def _known(self, frames: Frames, committed: U8, mask: U8) -> tuple[U8, U8]:
        """What is committed at each frame, with a slot for any policy (neutral beyond those that were asked with)."""
        count, slots = mask.shape
        known = np.zeros((count, MAX_DELAY), np.uint8)
        known[:, :slots] = mask
        actions = np.tile(self.codec.neutral(), (count, MAX_DELAY, 1))
        actions[:, :slots][mask > 0] = committed[mask > 0]
        due = frames.frame[:, None].astype(np.int64) + np.arange(1, self.delay + 1)  # [T, D]
        place = due % _MEMORY
        made = (self._made_due[place] == due) & (known[:, : self.delay] == 0)
        actions[:, : self.delay][made] = self._made[place[made]]
        known[:, : self.delay][made] = 1
        return actions, known

    def _heat(self, manifest: Manifest) -> float:
        return manifest.temperature if self._temperature is None else self._temperature

    def _swap(self, policy: Policy, manifest: Manifest) -> HotSwap:
        return HotSwap(policy, self._heat(manifest), clock=self._clock, delay=self.delay)

    def _seen(self) -> tuple[Frames, int, U8, U8]:
        frames, committed, mask = self._recent.newest()
        return frames, self.port, committed, mask

    def _look(self) -> None:
        """Tell what becomes of the swap, and carry out what follows from it."""
        under = self._under
        assert under is not None
        swap = under.swap
        if swap.decisions and not under.told:
            under.told = True
            self._tell(under, "taken_over")
        if swap.phase == "settled":
            self._tell(under, "settled")
            self._settle(under)
        elif swap.over:
            self._tell(under, "rolled_back" if under.told else "refused")
        if swap.over:
            self._under = None

    def _settle(self, under: _Under) -> None:
        """The new policy is from now on the one that the engine plays."""
        old, new = self.key, under.asked.key
        self._engine.load(new, under.swap.policy, self._heat(under.manifest), player=under.player)
        self._engine.assign(0, new)
        self._engine.set_state(0, new, under.swap.state)
        if old not in (new, RANDOM):
            self._engine.unload(old)
        self.key = new

    def _tell(self, under: _Under, stage: Literal["taken_over", "refused", "settled", "rolled_back"]) -> None:
        swap = under.swap
        self.told.append(
            SwapTold(
                id=under.asked.id,
                stage=stage,
                slot=under.asked.slot,
                port=self.port,
                game_id=self._game[1],
                old=self.key,
                key=under.asked.key,
                frame=swap.took_over,
                due=swap.took_over + self.delay + 1,
                decisions=swap.decisions,
                load_ms=under.load_ms,
                warmed=swap.warmed,
                cost_ms=swap.cost_s * 1e3,
                reason=swap.reason,
            )
        )
