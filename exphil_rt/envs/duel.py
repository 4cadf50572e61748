"""DuelEnv: one game between two agents in PettingZoo's parallel shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from pettingzoo import ParallelEnv

from exphil_rt.envs.game import EnvInvalid, Games, Observation, Reward, damage_and_stocks
from exphil_rt.game.frames import Controllers

AGENTS = ("player_0", "player_1")


class DuelEnv(ParallelEnv[str, Any, Any]):  # type: ignore[misc]  # pettingzoo has no types
    """A game of the embedded (approximate) Melee, both players acting at once.

    It ends (terminates) by stocks or by its timer, and is truncated at ``max_frames``, for both at the same time.

    Args:
        characters: names; each game draws one for each player.
        stages: names, drawn.
        stocks: of each player.
        max_frames: frame limit; 0 for none.
        observation: ``vector`` or ``features``.
        reward: (frames before, frames after, port) -> reward ``[1]``.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "exphil_rt_duel_v0", "render_modes": [], "is_parallelizable": True}

    def __init__(
        self,
        *,
        characters: Sequence[str] = ("fox",),
        stages: Sequence[str] = ("final destination",),
        stocks: int = 4,
        max_frames: int = 3600,
        observation: Observation = "vector",
        reward: Reward = damage_and_stocks,
    ) -> None:
        self.possible_agents = list(AGENTS)
        self.agents: list[str] = []
        self.render_mode = None
        self._games = Games(
            1, characters=characters, stages=stages, stocks=stocks, max_frames=max_frames, observation=observation
        )
        self._reward = reward
        self._draw: np.random.Generator | None = None
        self.observation_spaces = {agent: self._games.observation_space() for agent in AGENTS}
        self.action_spaces = {agent: self._games.action_space() for agent in AGENTS}

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """What an agent sees: always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """What an agent does: always the same object."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Any]:
        """Begin a new game."""
        games = self._games
        if seed is not None or self._draw is None:
            self._draw, drawn = seeding.np_random(seed)
            games.seed, games.started = drawn % 2**62, 0
        self.agents = list(AGENTS)
        games.lane.ended()
        games.start(0, self._draw)
        return self._observe(), {agent: {} for agent in AGENTS}

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], Any, Any, Any, Any]:
        """One frame.

        Raises:
            EnvInvalid: the game is over, or an agent's action is missing or out of range.
        """
        if not self.agents:
            raise EnvInvalid("The game is over.", hint="Call reset before step.")
        if missing := [agent for agent in AGENTS if agent not in actions]:
            raise EnvInvalid(f"There is no action of {missing[0]}.")
        games = self._games
        pads = Controllers.allocate((1, 2))
        for port, agent in enumerate(AGENTS):
            pads.assign((slice(None), port), games.controllers(np.asarray(actions[agent])[None], 1))
        before = games.lane.frames(games.slots).copy()
        games.lane.commit(games.slots, pads, before.frame + 1)
        after = games.lane.frames(games.slots)
        rewards = {agent: float(self._reward(before, after, port)[0]) for port, agent in enumerate(AGENTS)}
        ends = games.lane.ended()
        truncated = bool(ends) and ends[0].reason == "frame_limit"
        over = bool(ends) and not truncated
        infos: dict[str, dict[str, Any]] = {agent: {"frame": int(after.frame[0])} for agent in AGENTS}
        if ends:
            self.agents = []
            for port, agent in enumerate(AGENTS):
                infos[agent]["score"] = 0.5 if ends[0].winner is None else float(ends[0].winner == port)
        return self._observe(), rewards, dict.fromkeys(AGENTS, over), dict.fromkeys(AGENTS, truncated), infos

    def render(self) -> None:
        """Nothing: ``exphil-rt sim watch`` shows games."""

    def close(self) -> None:
        """Release the game."""
        self._games.lane.close()

    def _observe(self) -> dict[str, Any]:
        frames = self._games.lane.frames(self._games.slots)
        shown = {}
        for port, agent in enumerate(AGENTS):
            one = self._games.observe(frames, port)
            shown[agent] = {name: rows[0] for name, rows in one.items()} if isinstance(one, dict) else one[0]
        return shown
