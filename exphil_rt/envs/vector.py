"""MeleeVectorEnv: many games at once in Gymnasium's vector shape, one player learning, the other an opponent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from exphil_rt.envs.game import Games, Observation, Reward, damage_and_stocks
from exphil_rt.game.frames import Controllers
from exphil_rt.rollout.player import Player, load_player


class MeleeVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """Games of the embedded (approximate) Melee in step. The learning player is player 0 (or ``port``).

    A game ends (terminates) by stocks or by its timer, and is truncated at ``max_frames``. Autoreset is Gymnasium's
    default, next step: the step after an end ignores that game's action, begins another one and gives reward 0.
    The first 84 frames of a game are its entry, in which no input acts, as in Melee.

    Args:
        num_envs: games at a time.
        opponent: ``random``, ``cpu1`` to ``cpu9``, a policy's reference, or a Player.
        port: the player that learns, 0 or 1.
        characters: names; each game draws one for each player.
        stages: names, drawn.
        stocks: of each player.
        max_frames: frame limit of an episode; 0 for none.
        observation: ``vector`` or ``features``.
        reward: (frames before, frames after, port) -> rewards ``[N]``.
        threads: threads that step the games.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        *,
        opponent: str | Player = "cpu3",
        port: int = 0,
        characters: Sequence[str] = ("fox",),
        stages: Sequence[str] = ("final destination",),
        stocks: int = 4,
        max_frames: int = 3600,
        observation: Observation = "vector",
        reward: Reward = damage_and_stocks,
        threads: int = 1,
    ) -> None:
        self.num_envs = num_envs
        self._games = Games(
            num_envs,
            characters=characters,
            stages=stages,
            stocks=stocks,
            max_frames=max_frames,
            observation=observation,
            threads=threads,
        )
        self._opponent_ref = opponent
        self._opponent: Player | None = None
        self._port = port
        self._reward = reward
        self._done = np.zeros(num_envs, bool)
        self.single_observation_space = self._games.observation_space()
        self.single_action_space = self._games.action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin new games everywhere."""
        super().reset(seed=seed)
        games = self._games
        if seed is not None:
            games.seed, games.started = seed, 0
        key = games.seed
        self._opponent = load_player(self._opponent_ref, seed=key) if isinstance(self._opponent_ref, str) else None
        if self._opponent is None:
            assert not isinstance(self._opponent_ref, str)
            self._opponent = self._opponent_ref
        self._opponent.reset(self.num_envs)
        games.lane.ended()
        for slot in range(self.num_envs):
            games.start(slot, self.np_random)
        self._done[:] = False
        return self._observe(), {"frame": self._frames().frame.copy()}

    def step(self, actions: Any) -> tuple[Any, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """One frame of every game."""
        games, count = self._games, self.num_envs
        held = games.controllers(actions, count)
        if self._opponent is None:
            raise gymnasium.error.ResetNeeded("Call reset before step.")
        fresh = self._done.copy()
        pads = Controllers.allocate((count, 2))
        pads.assign((slice(None), self._port), held)
        pads.assign((slice(None), 1 - self._port), self._opponent.act(self._frames(), 1 - self._port))
        before = self._frames().copy()
        playing = games.slots[~fresh]
        games.lane.commit(playing, pads[playing], before.frame[playing] + 1)
        rewards = np.asarray(self._reward(before, self._frames(), self._port), np.float32)
        rewards = np.where(fresh, np.float32(0.0), rewards)
        terminations, truncations = np.zeros(count, bool), np.zeros(count, bool)
        infos: dict[str, Any] = {}
        for end in games.lane.ended():
            (truncations if end.reason == "frame_limit" else terminations)[end.slot] = True
            won = 0.5 if end.winner is None else float(end.winner == self._port)
            infos = self._add_info(infos, {"score": won, "episode_frames": end.frames}, end.slot)
        for slot in np.flatnonzero(fresh).tolist():
            games.start(slot, self.np_random)
        self._done = terminations | truncations
        infos["frame"] = self._frames().frame.copy()
        return self._observe(), rewards, terminations, truncations, infos

    def close_extras(self, **kwargs: Any) -> None:
        """Release the games."""
        self._games.lane.close()

    def _frames(self) -> Any:
        return self._games.lane.frames(self._games.slots)

    def _observe(self) -> Any:
        return self._games.observe(self._frames(), self._port)
