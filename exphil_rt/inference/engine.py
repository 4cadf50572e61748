"""Engine: several policies and every row's recurrent state, run frame by frame.

A row is one slot and port. One forward a distinct policy a step; what runs it, torch or ONNX Runtime, is a ``Player``.
No loop, no process and no game lives here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import F32, U8, Frames
from exphil_rt.inference.player import EngineKind, Player
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.device import pick_device
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import Inputs, build_inputs
from exphil_rt.policy.policy import Policy
from exphil_rt.policy.random_play import random_actions

RANDOM: Final = "random"
"""Key of the built-in player without a network."""


class EngineError(ExphilError):
    """A policy key that the engine does not hold, or may not drop."""


@dataclass(slots=True)
class Decision:
    """What was decided for each row asked, in their order."""

    actions: U8
    """``[R, K]``."""
    logp: F32
    """``[R]``: log-probability of the action under the distribution it was drawn from."""
    value: F32
    """``[R]``: the policy's value of the state."""


class Engine:
    """Runs policies over rows.

    Args:
        num_rows: rows held; all begin with the ``random`` player.
        device: where the policies run; ONNX Runtime runs on the CPU.
        kind: what runs them.
        frozen: what runs those that are loaded as frozen (their weights stay); by default the same. For a few rows a
            graph takes a fifth of torch's time, and in self-play several frozen versions play every tick.
    """

    def __init__(
        self, num_rows: int, device: str = "cpu", kind: EngineKind = "torch", frozen: EngineKind | None = None
    ) -> None:
        self.num_rows = num_rows
        self.codec = ActionCodec()
        """Of all policies that play here, ``random`` too."""
        self.kind = kind
        self.device = pick_device(device if kind == "torch" else "cpu")
        self.frozen = (frozen or kind) if self.device.type == "cpu" else kind
        self._loaded: dict[str, Player] = {}
        self._encoders: dict[str, Encoder] = {}
        self._names: list[str] = [RANDOM]
        self._key = np.zeros(num_rows, np.intp)  # index into _names, by row

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys that rows may be assigned to."""
        return (RANDOM, *self._loaded)

    def prepare(self, policy: Policy, temperature: float = 1.0, *, frozen: bool = False) -> Player:
        """What ``load`` would hold: to be made in another thread, where making it takes long."""
        return self._player(policy, temperature, self.frozen if frozen else self.kind)

    def load(
        self, key: str, policy: Policy, temperature: float = 1.0, *, frozen: bool = False, player: Player | None = None
    ) -> None:
        """Hold a copy of ``policy`` under ``key``, or what ``prepare`` made of it.

        Under a known key it takes the place of the old one between two steps: its rows keep their state where that
        fits the new network, and begin afresh where it does not.
        """
        if key == RANDOM:
            raise EngineError(f"{RANDOM!r} is a reserved key.")
        if policy.config.codec != self.codec:
            if self._loaded:
                raise EngineError(f"Policy {key!r} has another action codec than those beside it.")
            self.codec = policy.config.codec
        fresh = player or self.prepare(policy, temperature, frozen=frozen)
        if (old := self._loaded.get(key)) is not None:
            fresh.take_over(old)
        self._loaded[key] = fresh
        self._encoders[key] = Encoder(policy.config.schema)
        if key in self._names:
            return
        if "" in self._names:  # the place of an unloaded one
            self._names[self._names.index("")] = key
        else:
            self._names.append(key)

    def unload(self, key: str) -> None:
        """Drop the policy under ``key``; an unknown key is none of the engine's business.

        Raises:
            EngineError: while rows are assigned to it.
        """
        if key in self._loaded:
            place = self._names.index(key)
            if rows := int((self._key == place).sum()):
                raise EngineError(f"Policy {key!r} still plays {rows} rows.", hint="Assign them to another one first.")
            del self._loaded[key], self._encoders[key]
            self._names[place] = ""

    def assign(self, rows: ArrayLike, key: str) -> None:
        """Let ``rows`` be played by ``key`` from now on, with a fresh state."""
        if key != RANDOM:
            self._get(key)
        rows = np.atleast_1d(np.asarray(rows, np.intp))
        self._key[rows] = self._names.index(key)
        self.reset(rows)

    def player(self, key: str) -> Player:
        """What runs the policy under ``key``.

        Raises:
            EngineError: there is none.
        """
        return self._get(key)

    def assigned(self, row: int) -> str:
        """The key that plays ``row``."""
        return self._names[int(self._key[row])]

    def reset(self, rows: ArrayLike) -> None:
        """A new game begins on ``rows``: their state is cleared."""
        rows = np.atleast_1d(np.asarray(rows, np.intp))
        for player in self._loaded.values():
            player.reset(rows)

    def state(self, rows: ArrayLike) -> dict[str, tuple[NDArray[np.float32], ...]]:
        """A copy of the recurrent state of ``rows`` by the key that plays them (training starts a rollout from it)."""
        rows = np.atleast_1d(np.asarray(rows, np.intp))
        found: dict[str, tuple[NDArray[np.float32], ...]] = {}
        for key, places in self._groups(rows):
            if key != RANDOM:
                found[key] = self._get(key).state(rows[places])
        return found

    def set_state(self, rows: ArrayLike, key: str, state: tuple[NDArray[np.float32], ...]) -> None:
        """Put back the recurrent state of ``rows``, which ``key`` plays, as :meth:`state` gave it."""
        self._get(key).set_state(np.atleast_1d(np.asarray(rows, np.intp)), state)

    def step(
        self,
        rows: ArrayLike,
        inputs: Inputs | Mapping[str, Inputs],
        noise: NDArray[np.float32],
    ) -> Decision:
        """Decide one action for each of ``rows``.

        Args:
            rows: distinct rows ``[R]``.
            inputs: ``[R]``, where all policies observe alike; else inputs by key, each ``[R of that key]``.
            noise: ``[R, L]``, uniform in (0, 1), keyed by game, frame and port: a row's action does not depend on
                which other rows are asked with it.
        """
        rows = np.atleast_1d(np.asarray(rows, np.intp))
        decision = Decision(
            np.empty((rows.size, self.codec.num_heads), np.uint8),
            np.zeros(rows.size, np.float32),
            np.zeros(rows.size, np.float32),
        )
        groups = self._groups(rows)
        for key, places in groups:
            if key == RANDOM:
                decision.actions[places] = random_actions(noise[places], self.codec)
                continue
            player, alone = self._get(key), len(groups) == 1
            given = inputs if isinstance(inputs, Inputs) else inputs[key]
            mine = given if alone or given is not inputs else given[places]
            draws = noise if alone else noise[places]
            actions, logp, value = player.decide(rows[places], mine, draws[:, : player.config.codec.num_logits])
            decision.actions[places], decision.logp[places], decision.value[places] = actions, logp, value
        return decision

    def step_frames(
        self,
        rows: ArrayLike,
        frames: Frames,
        port: ArrayLike,
        committed: U8,
        mask: U8,
        delay: ArrayLike,
        noise: NDArray[np.float32],
    ) -> Decision:
        """As ``step``, building each policy's inputs by its own schema and codec.

        Args:
            frames: ``[R]``, the frame of each row's game.
            port: ``[R]``, which player the row is.
            committed, mask: of ``DelayQueue.committed``; policies with fewer slots see their first ones.
            delay: ``[R]`` or one for all.
        """
        rows = np.atleast_1d(np.asarray(rows, np.intp))
        ports = np.broadcast_to(np.asarray(port, np.intp), rows.shape)
        delays = np.broadcast_to(np.asarray(delay, np.uint8), rows.shape)
        built: dict[str, Inputs] = {}
        groups = self._groups(rows)
        for key, places in groups:
            if key == RANDOM:
                continue
            config = self._get(key).config
            some: slice | NDArray[np.intp] = slice(None) if len(groups) == 1 else places
            built[key] = build_inputs(
                self._encoders[key],
                config.codec,
                frames[some],
                ports[some],
                committed[some, : config.dmax],
                mask[some, : config.dmax],
                delays[some],
            )
        return self.step(rows, built, noise)

    def step_run(
        self,
        row: int,
        frames: Frames,
        port: int,
        committed: U8,
        mask: U8,
        delay: int,
        noise: NDArray[np.float32],
    ) -> Decision:
        """Decide on T consecutive frames of one row in one call, each by what was committed before the call.

        Args:
            frames: ``[T]``; ``committed [T, dmax, K]``, ``mask [T, dmax]`` and ``noise [T, L]`` go with them.
        """
        key, count = self.assigned(row), len(noise)
        if key == RANDOM:
            nothing = np.zeros(count, np.float32)
            return Decision(random_actions(noise, self.codec), nothing, nothing.copy())
        player = self._get(key)
        config = player.config
        some = slice(0, config.dmax)
        inputs = build_inputs(self._encoders[key], config.codec, frames, port, committed[:, some], mask[:, some], delay)
        return Decision(*player.decide_run(row, inputs, noise[:, : config.codec.num_logits]))

    def _player(self, policy: Policy, temperature: float, kind: EngineKind) -> Player:
        if kind != "torch":
            from exphil_rt.inference.export import filled, quantise
            from exphil_rt.inference.onnx_player import OnnxPlayer

            model = quantise(filled(policy)) if kind == "onnx-int8" else None
            return OnnxPlayer(policy, temperature, self.num_rows, model)
        from exphil_rt.inference.torch_player import TorchPlayer

        return TorchPlayer(policy, temperature, self.num_rows, self.device)

    def _get(self, key: str) -> Player:
        try:
            return self._loaded[key]
        except KeyError:
            raise EngineError(f"The engine holds no policy {key!r}.", hint="Load it first.") from None

    def _groups(self, rows: NDArray[np.intp]) -> list[tuple[str, NDArray[np.intp]]]:
        """Keys in play on ``rows``, each with the places of its rows; in order of loading."""
        keys = self._key[rows]
        return [(self._names[k], np.flatnonzero(keys == k)) for k in np.unique(keys)]
