"""Small nets and short games for the rollout tests."""

from __future__ import annotations

import itertools

from exphil_rt.game.ids import Character, Stage
from exphil_rt.messages.rollout import CURRENT, GameSpec, PlayerSpec
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.training.fresh import fresh_policy

ITSELF = PlayerSpec(policy=CURRENT, learn=True)


def small_policy(backbone="gru", seed=0, delay=0):
    config = PolicyConfig(backbone=backbone, hidden=16, head_width=8, action_width=4, delay=delay, dmax=delay)
    return fresh_policy(config, seed)


def game(number, players=(ITSELF, ITSELF), kind="training", **more):
    fields = {
        "stage": int(Stage.FINAL_DESTINATION),
        "characters": (int(Character.FOX), int(Character.MARTH)),
        "max_frames": 300,
        "seed": 5,
    }
    return GameSpec(game_id=number, kind=kind, players=players, **(fields | more))


def supply_of(**more):
    numbers = itertools.count(1)
    return lambda slot: game(next(numbers), **more)


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self):
        return self.now
