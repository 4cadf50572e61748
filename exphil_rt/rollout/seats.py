"""Seats: which policy decides for each player of each slot, what it is shown, and when its actions fall due.

One row per player: row = 2 * slot + port. Policies that observe alike share one encoding a tick; there is one forward
per distinct policy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import F32, I32, PLAYERS, U8, Controllers, Frames
from exphil_rt.inference import Engine
from exphil_rt.inference.hot_swap import HotSwap
from exphil_rt.messages.rollout import CURRENT, RANDOM, GameSpec
from exphil_rt.policy.delay import DelayQueue
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import Inputs, build_inputs
from exphil_rt.policy.noise import ACTION_DOMAIN, keyed_uniform
from exphil_rt.policy.policy import Policy
from exphil_rt.rollout.experience import padded
from exphil_rt.sim.cpu import CpuPlayers, level_of


class SeatInvalid(ExphilError):
    """A policy that cannot be seated beside the others."""


class Decided(NamedTuple):
    """What all players of S slots decided, and what falls due in the next frame."""

    actions: U8
    """``[S, 2, 13]``, due at frame + delay + 1."""
    applied: U8
    """``[S, 2, 13]``, due at frame + 1."""
    controllers: Controllers
    """``applied``, decoded."""
    logp: F32
    """``[S, 2]``"""
    value: F32
    """``[S, 2]``"""
    committed: U8
    """``[S, 2, Dmax, 13]``, what each player had due after the frame when it decided."""
    mask: U8
    """``[S, 2, Dmax]``"""
    faults: dict[str, str]
    """Policies that gave NaN, and one sentence each."""


class Seats:
    """Players of ``slots`` slots.

    Args:
        engine: holds the policies; has at least ``2 * slots`` rows.
        policy: loaded as ``current``.
        slots: of the lane.
        seed: key of the players' draws.
        update: learner updates behind ``policy``.
        dmax: largest delay that may be seated; None: the current policy's own.
    """

    def __init__(
        self, engine: Engine, policy: Policy, slots: int, *, seed: int = 0, update: int = 0, dmax: int | None = None
    ) -> None:
        self.engine = engine
        self.policy = policy
        self.update = update
        self.delay = policy.config.delay
        self.dmax = policy.config.dmax
        self.state_size = sum(part.shape[1] for part in policy.init_state(1))
        self.seed = seed
        self.codec = policy.config.codec
        self.encoder = Encoder(policy.config.schema)
        self.queue = DelayQueue(PLAYERS * slots, self.delay, max(self.dmax, dmax or 0), self.codec.neutral())
        self.total_late = 0
        self.swaps: dict[int, HotSwap] = {}
        """By row: a policy on its way into the place of the one that the engine plays there."""
        self._versions: dict[str, int] = {RANDOM: 0}
        self._policies: dict[str, Policy] = {CURRENT: policy}
        self._cpus = CpuPlayers(PLAYERS * slots, seed)
        self._level = np.zeros(PLAYERS * slots, np.int64)  # of rows that a scripted opponent plays, else 0
        self._network = np.zeros(PLAYERS * slots, bool)  # rows that any policy plays
        self._late = np.zeros(slots, np.int64)
        self._learner = np.zeros(PLAYERS * slots, bool)  # rows that ``current`` plays
        self._alike = True
        engine.load(CURRENT, policy)

    # Policies ---------------------------------------------------------------------------------------------------

    def load(
        self, key: str, policy: Policy, version: int = 0, temperature: float = 1.0, *, frozen: bool = True
    ) -> None:
        """Have ``policy`` play under ``key``; ``frozen``: by the engine for those that never change.

        Raises:
            SeatInvalid: for a reserved key, another action codec, or a delay that the queues have no room for.
        """
        if key in (CURRENT, RANDOM) or level_of(key):
            raise SeatInvalid(f"The policy key {key!r} is reserved.")
        if policy.config.codec != self.codec:
            raise SeatInvalid(
                f"The policy {key!r} has another action codec than this run's.",
                hint="Play policies of one codec in one run.",
            )
        if policy.config.delay > self.queue.dmax:
            raise SeatInvalid(
                f"The policy {key!r} has delay {policy.config.delay}; this run has room for {self.queue.dmax}.",
                hint="Play policies of one delay in one run.",
            )
        self.engine.load(key, policy, temperature, frozen=frozen)
        self._policies[key] = policy
        self._versions[key] = version
        self._compare()

    def refresh(self, update: int) -> None:
        """Play with the weights that ``policy`` has now, those of ``update``: the engine plays copies."""
        self.update = update
        self.engine.load(CURRENT, self.policy)

    def unload(self, key: str) -> None:
        """Forget a policy that no game names (rows of ended games may still be assigned to it)."""
        if key in self._policies and key != CURRENT:
            rows = [row for row in range(self.engine.num_rows) if self.engine.assigned(row) == key]
            if rows:
                self.engine.assign(np.asarray(rows), RANDOM)
            self.engine.unload(key)
            del self._policies[key], self._versions[key]
            self._compare()

    def knows(self, key: str) -> bool:
        """Whether a game may name this policy."""
        return key == RANDOM or key in self._policies or level_of(key) > 0

    def version(self, key: str) -> int:
        """What the decisions of this policy are stamped with now."""
        return self.update if key == CURRENT else self._versions.get(key, 0)

    # Games ------------------------------------------------------------------------------------------------------

    def seat(self, slot: int, game: GameSpec) -> None:
        """A new game begins in ``slot``."""
        for port, player in enumerate(game.players):
            row = PLAYERS * slot + port
            policy = self._policies.get(player.policy)
            level = level_of(player.policy)
            # The engine has no network for a scripted opponent: it draws a random action, which is not used.
            self.engine.assign(row, RANDOM if level else player.policy)
            own = 0 if level else self.delay  # its reaction time is its delay
            self.queue.reset([row], delay=own if policy is None else policy.config.delay)
            self._level[row], self._network[row] = level, policy is not None
            self._cpus.reset(row)
            self._learner[row] = player.policy == CURRENT

    def forget(self, slot: int) -> None:
        """The slot's players lose what they have seen: frames of theirs were not shown to the learner."""
        self.engine.reset(np.arange(PLAYERS * slot, PLAYERS * (slot + 1)))

    def settle(self, row: int, key: str, version: int) -> None:
        """The policy that was swapped in on ``row`` is from now on the one that the engine plays there."""
        swap = self.swaps[row]
        if not self.knows(key):
            # Not frozen: to prepare that engine may take seconds, and the game is in play.
            self.load(key, swap.policy, version, swap.temperature, frozen=False)
        self.engine.assign([row], key)
        self.engine.set_state([row], key, swap.state)
        self._level[row], self._network[row], self._learner[row] = 0, True, False

    def late(self, slot: int) -> int:
        """Actions of the slot's game that were not there in time; asked once, at its end."""
        rows = slice(PLAYERS * slot, PLAYERS * (slot + 1))
        count = int(self.queue.counts.missing[rows].sum() + self.queue.counts.late[rows].sum())
        late = count - int(self._late[slot])
        self._late[slot] = count
        self.total_late += late
        return late

    def state(self, games: int) -> F32:
        """Recurrent state ``[games, 2, S]`` of ``current`` in the first slots; zeros where another one plays."""
        found = np.zeros((PLAYERS * games, self.state_size), np.float32)
        rows = np.flatnonzero(self._learner[: PLAYERS * games])
        if rows.size and self.state_size:
            found[rows] = np.concatenate(self.engine.state(rows)[CURRENT], axis=-1)
        return found.reshape(games, PLAYERS, self.state_size)

    def decide(self, slots: I32, frames: Frames, game_id: NDArray[np.int64]) -> Decided:
        """Have the players of ``slots`` ``[S]`` decide on their ``frames`` ``[S]``."""
        count, parts = len(slots), self.codec.num_heads
        rows = (slots[:, None].astype(np.intp) * PLAYERS + np.arange(PLAYERS)).reshape(-1)  # [2 S]
        frame = np.repeat(frames.frame.astype(np.int64), PLAYERS)
        committed, mask = self.queue.committed(rows, frame)
        noise = keyed_uniform(
            self.seed,
            ACTION_DOMAIN,
            np.repeat(game_id, PLAYERS),
            frame,
            np.tile(np.arange(PLAYERS), count),
            self.codec.num_logits,
        )
        decision = self.engine.step(rows, self._inputs(rows, frames, committed, mask), noise)
        if (scripted := np.flatnonzero(self._level[rows])).size:
            mine, games = rows[scripted], scripted // PLAYERS
            held = self._cpus.act(frames[games], scripted % PLAYERS, self._level[mine], mine, game_id[games])
            decision.actions[scripted] = self.codec.encode(held)
        for place in np.flatnonzero(np.isin(rows, list(self.swaps))) if self.swaps else ():
            port, one = int(rows[place]) % PLAYERS, slice(place, place + 1)
            game = slice(place // PLAYERS, place // PLAYERS + 1)
            chosen = self.swaps[int(rows[place])].decide(
                frames[game], port, committed[one], mask[one], noise[one], decision.actions[place]
            )
            if chosen is not None:
                decision.actions[place] = chosen.action
                decision.logp[place], decision.value[place] = chosen.logp, chosen.value
        self.queue.push(rows, frame + self.queue.delay[rows] + 1, decision.actions)
        applied = self.queue.pop(rows, frame + 1).reshape(count, PLAYERS, parts)
        finite = np.isfinite(decision.value) & np.isfinite(decision.logp)
        return Decided(
            actions=padded(decision.actions.reshape(count, PLAYERS, parts)),
            applied=padded(applied),
            controllers=self.codec.decode(applied),
            logp=decision.logp.reshape(count, PLAYERS),
            value=decision.value.reshape(count, PLAYERS),
            committed=padded(committed[:, : self.dmax].reshape(count, PLAYERS, self.dmax, parts)),
            mask=mask[:, : self.dmax].reshape(count, PLAYERS, self.dmax),
            faults={} if finite.all() else self._name(rows[~finite]),
        )

    # The state of a deterministic run ---------------------------------------------------------------------------

    def export(self, games: int, frame: I32) -> dict[str, NDArray[Any]]:
        """What the first ``games`` slots' players have in mind and in their queues, at ``frame`` ``[games]``."""
        rows = np.arange(PLAYERS * games)
        committed, mask = self.queue.committed(rows, np.repeat(frame, PLAYERS))
        arrays: dict[str, NDArray[Any]] = {"committed": committed, "mask": mask, "delay": self.queue.delay[rows]}
        if self._level[rows].any():
            arrays |= {"cpu.level": self._level[rows], "cpu.memory": self._cpus.export(rows)}
        for key in {self.engine.assigned(int(row)) for row in rows} - {RANDOM}:
            mine = np.array([row for row in rows if self.engine.assigned(int(row)) == key])
            arrays[f"rows.{key}"] = mine
            for number, part in enumerate(self.engine.state(mine)[key]):
                arrays[f"part.{number}.{key}"] = part
        return arrays

    def load_export(self, arrays: dict[str, NDArray[Any]], frame: I32) -> None:
        """Put an export back; the policies that it names must be loaded.

        Raises:
            EngineError: where one is not.
        """
        frames = np.repeat(frame, PLAYERS).astype(np.int64)
        rows = np.arange(len(frames))
        self.queue.reset(rows, frames, arrays["delay"])
        for ahead in range(self.queue.dmax):
            due = np.flatnonzero(arrays["mask"][:, ahead])
            self.queue.push(due, frames[due] + ahead + 1, arrays["committed"][due, ahead])
        if "cpu.level" in arrays:
            self._level[rows] = arrays["cpu.level"]
            self._cpus.load_export(rows, arrays["cpu.memory"])
        for name in sorted(arrays):
            kind, _, key = name.partition(".")
            if kind == "rows":
                mine = arrays[name]
                self.engine.assign(mine, key)
                self._network[mine] = True
                self._learner[mine] = key == CURRENT
                count = sum(other.startswith("part.") and other.endswith(f".{key}") for other in arrays)
                self.engine.set_state(mine, key, tuple(arrays[f"part.{n}.{key}"] for n in range(count)))

    def _inputs(self, rows: NDArray[np.intp], frames: Frames, committed: U8, mask: U8) -> Inputs | dict[str, Inputs]:
        """Inputs of all rows where every policy observes as ``current`` does, else by policy."""
        delay, count = self.queue.delay[rows], len(rows) // PLAYERS
        own = self.policy.config
        if not self._network[rows].any():
            return {}
        if self._alike:
            inputs = build_inputs(
                self.encoder,
                self.codec,
                frames,
                None,
                committed[:, : own.dmax].reshape(count, PLAYERS, own.dmax, self.codec.num_heads),
                mask[:, : own.dmax].reshape(count, PLAYERS, own.dmax),
                delay.reshape(count, PLAYERS),
            )
            return _flat(inputs)
        built = {}
        names = np.array([self.engine.assigned(int(row)) for row in rows])
        for key in set(names.tolist()) - {RANDOM}:
            config = self._policies[key].config
            mine = np.flatnonzero(names == key)
            built[key] = build_inputs(
                Encoder(config.schema),
                config.codec,
                frames[mine // PLAYERS],
                mine % PLAYERS,
                committed[mine, : config.dmax],
                mask[mine, : config.dmax],
                delay[mine],
            )
        return built

    def _compare(self) -> None:
        own = self.policy.config
        configs = [policy.config for policy in self._policies.values()]
        self._alike = all((c.schema, c.codec, c.dmax) == (own.schema, own.codec, own.dmax) for c in configs)

    def _name(self, rows: NDArray[np.intp]) -> dict[str, str]:
        keys = sorted({self.engine.assigned(int(row)) for row in rows})
        return {key: f"The policy {key!r} gave a value that is no number; its games were dropped." for key in keys}


def _flat(inputs: Inputs) -> Inputs:
    """Leading shape ``[S, 2]`` to ``[2 S]``."""

    def flat(array: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(array).reshape(array.shape[0] * array.shape[1], *array.shape[2:])

    return Inputs(
        flat(inputs.floats),
        flat(inputs.ids),
        flat(inputs.committed),
        flat(inputs.mask),
        flat(inputs.delay),
        flat(inputs.previous),
    )
