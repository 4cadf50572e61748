"""What the environments share: settings of their games, what is observed, how actions act, and the default reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game import ids
from exphil_rt.game.frames import F32, MAX_ITEMS, Controllers, Frames
from exphil_rt.game.lane import GameSetup
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.observation import default_schema
from exphil_rt.sim import EmbeddedLane

Observation = Literal["vector", "features"]
Reward = Callable[[Frames, Frames, int], NDArray[Any]]
"""(frames before, frames after, port) -> reward ``[N]`` of that player; frames have the leading shape ``[N]``."""

PERCENT = 0.01
"""Reward of a percent dealt or taken: a stock is worth 100."""


class EnvInvalid(ExphilError):
    """Settings or actions that no game can be played with."""

    exit_code = 2


def damage_and_stocks(before: Frames, after: Frames, port: int) -> F32:
    """The default reward ``[N]`` of player ``port``, a zero-sum: 0.01 a percent dealt, 1 a stock taken, less what
    the other one deals and takes.
    """
    gained = np.maximum(after.players.percent - before.players.percent, 0.0) * PERCENT  # [N, 2]
    lost = before.players.stocks.astype(np.float32) - after.players.stocks
    hurt = gained + np.maximum(lost, 0.0)
    found: F32 = (hurt[:, 1 - port] - hurt[:, port]).astype(np.float32)
    return found


class Games:
    """Games of a lane with their settings: the plain part of every environment here.

    Args:
        count: games at a time.
        characters: names; each game draws one for each player, or ``(first, second)`` of ``fixed`` pairs by a draw.
        stages: names, drawn.
        stocks: of each player.
        max_frames: frame limit of an episode (a truncation); 0 for none. The game's own timer ends it after 8 minutes.
        observation: ``vector``: one float vector, the encoder's numbers and behind them its ids; ``features``: both
            apart, as policies are fed them.

    Raises:
        EnvInvalid: settings that make no game.
        UnknownName: no such character or stage.
    """

    def __init__(
        self,
        count: int,
        *,
        characters: Sequence[str],
        stages: Sequence[str],
        stocks: int,
        max_frames: int,
        observation: Observation,
        threads: int = 1,
    ) -> None:
        if count < 1 or not characters or not stages:
            raise EnvInvalid("An environment needs one game, one character and one stage at least.")
        if observation not in ("vector", "features"):
            raise EnvInvalid(f"There is no observation {observation!r}.", hint="It is 'vector' or 'features'.")
        self.characters = [int(ids.character(name)) for name in characters]
        self.stages = [int(ids.stage(name)) for name in stages]
        self.stocks, self.max_frames, self.observation = stocks, max_frames, observation
        self.codec = ActionCodec()
        self.encoder = Encoder(default_schema())
        self.lane = EmbeddedLane(count, threads)
        self.slots = np.arange(count, dtype=np.int32)
        self.seed = 0
        self.started = 0

    def start(self, slot: int, draw: np.random.Generator) -> None:
        """Begin another game in ``slot``."""
        setup = GameSetup(
            game_id=self.started,
            stage=int(draw.choice(self.stages)),
            characters=(int(draw.choice(self.characters)), int(draw.choice(self.characters))),
            seed=self.seed,
            stocks=self.stocks,
            max_frames=self.max_frames,
        )
        self.lane.start(slot, setup)
        self.started += 1

    def observe(self, frames: Frames, port: int) -> Any:
        """What player ``port`` sees of ``frames`` ``[N]``: an observation of :func:`observation_space`, batched."""
        encoded = self.encoder.encode(frames, port)
        if self.observation == "features":
            return {"floats": encoded.floats, "ids": encoded.ids}
        return np.concatenate([encoded.floats, encoded.ids.astype(np.float32)], axis=-1)

    def controllers(self, actions: Any, count: int) -> Controllers:
        """Controllers ``[count]`` of actions ``[count, 13]``.

        Raises:
            EnvInvalid: actions of another shape, or out of range.
        """
        found = np.asarray(actions)
        sizes = np.array(self.codec.sizes)
        if found.shape != (count, len(sizes)) or found.dtype.kind not in "iu":
            raise EnvInvalid(f"Actions are integers {(count, len(sizes))}, not {found.dtype} {found.shape}.")
        if ((found < 0) | (found >= sizes)).any():
            raise EnvInvalid("An action is outside the action space.", hint=f"Its sizes are {tuple(sizes.tolist())}.")
        return self.codec.decode(found)

    def observation_space(self) -> spaces.Space[Any]:
        """The space of one observation."""
        schema = self.encoder.schema
        fields = [*schema.of("float", items=False), *schema.of("float", items=True) * MAX_ITEMS]
        # A field is clipped to its bounds, and 0 where a fighter or an item does not exist.
        low = np.array([min(one.low, 0.0) for one in fields], np.float32)
        high = np.array([max(one.high, 0.0) for one in fields], np.float32)
        rows = max(table.rows for table in schema.tables)
        if self.observation == "vector":
            ids_low, ids_high = np.zeros(schema.num_ids, np.float32), np.full(schema.num_ids, rows, np.float32)
            return spaces.Box(np.concatenate([low, ids_low]), np.concatenate([high, ids_high]), dtype=np.float32)
        return spaces.Dict(
            {"floats": spaces.Box(low, high, dtype=np.float32), "ids": spaces.Box(0, rows, (schema.num_ids,), np.int64)}
        )

    def action_space(self) -> spaces.MultiDiscrete:
        """The space of one action: 8 buttons, four stick axes in 17 steps, the trigger in 5."""
        return spaces.MultiDiscrete(np.array(self.codec.sizes))
