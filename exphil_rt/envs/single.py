"""MeleeEnv: one game in Gymnasium's shape, the vector environment's game alone."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from exphil_rt.envs.vector import MeleeVectorEnv


class MeleeEnv(gymnasium.Env[Any, Any]):
    """One game of the embedded (approximate) Melee against an opponent.

    Args:
        render_mode: none is there; ``exphil-rt sim watch`` shows games.
        **settings: those of :class:`MeleeVectorEnv` but for ``num_envs``.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, **settings: Any) -> None:
        self.render_mode = render_mode
        self._games = MeleeVectorEnv(1, **settings)
        self.observation_space = self._games.single_observation_space
        self.action_space = self._games.single_action_space
        self._over = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a new game."""
        super().reset(seed=seed)
        shown, infos = self._games.reset(seed=seed if seed is not None else int(self.np_random.integers(2**31)))
        self._over = False
        return _first(shown), {"frame": int(infos["frame"][0])}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One frame."""
        if self._over:
            raise gymnasium.error.ResetNeeded("The game is over: call reset before step.")
        shown, rewards, terminated, truncated, infos = self._games.step(np.asarray(action)[None])
        self._over = bool(terminated[0] or truncated[0])
        found = {name: value[0].item() for name, value in infos.items() if not name.startswith("_")}
        return _first(shown), float(rewards[0]), bool(terminated[0]), bool(truncated[0]), found

    def close(self) -> None:
        """Release the game."""
        self._games.close()


def _first(shown: Any) -> Any:
    if isinstance(shown, dict):
        return {name: values[0] for name, values in shown.items()}
    return shown[0]
