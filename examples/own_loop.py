"""Self-play learning in a loop of your own: no daemon, no actors, no processes.

    python examples/own_loop.py --frames 2000000

A lane steps the games, an engine runs the policy, the rollout loop joins them, a learner improves the policy. Every
object is plain: put it into a notebook, a process of your own or a cluster's actor.
"""

from __future__ import annotations

import argparse
import copy
import itertools

import numpy as np
import torch

from exphil_rt.game import ids
from exphil_rt.inference import Engine
from exphil_rt.messages.rollout import GameSpec, PlayerSpec
from exphil_rt.policy import PolicyConfig
from exphil_rt.rollout.loop import RolloutLoop
from exphil_rt.rollout.match import play_match
from exphil_rt.sim import EmbeddedLane
from exphil_rt.training.fresh import fresh_policy
from exphil_rt.training.learner import Learner, LearnerConfig

FIGHTERS = ("fox", "marth", "mewtwo")
ITSELF = PlayerSpec(policy="current", learn=True)


def main(argv: list[str] | None = None) -> Learner:
    """Learn from zero, then play against a random player and against the first version."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=2_000_000, help="game frames to learn from")
    parser.add_argument("--games", type=int, default=16, help="games at a time")
    parser.add_argument("--steps", type=int, default=128, help="frames of each game in an update")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--match", type=int, default=100, help="games of the closing matches")
    parser.add_argument("--limit", type=int, default=3600, help="frame limit of a game")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    draw = np.random.default_rng(args.seed)
    numbers = itertools.count()

    def next_game(slot: int) -> GameSpec:
        one, two = (int(ids.character(name)) for name in draw.choice(FIGHTERS, 2))
        return GameSpec(
            game_id=next(numbers), kind="training", stage=int(ids.stage("final destination")), characters=(one, two),
            players=(ITSELF, ITSELF), seed=args.seed, max_frames=args.limit,
        )  # fmt: skip

    policy = fresh_policy(PolicyConfig(backbone="gru", hidden=args.hidden), args.seed)
    first = copy.deepcopy(policy)
    learner = Learner(LearnerConfig(seed=args.seed), policy)
    loop = RolloutLoop(
        EmbeddedLane(args.games), Engine(2 * args.games), policy,
        games=args.games, steps=args.steps, seed=args.seed, supply=next_game, sample_hz=0,
    )  # fmt: skip
    while learner.frames < args.frames:
        metrics = learner.learn(loop.collect())
        loop.set_current(learner.update)
        loop.events.clear()
        print(f"{learner.frames:>9,} frames  value {metrics.explained_variance:+.2f}  entropy {metrics.entropy:.2f}")
    for name, opponent in (("random", "random"), ("its first version", first)):
        result = play_match(policy, opponent, args.match, characters=FIGHTERS, max_frames=args.limit, seed=args.seed)
        print(f"against {name}: {result.score:.2f} of the points, Elo {result.elo_low:+.0f} to {result.elo_high:+.0f}")
    return learner


if __name__ == "__main__":
    main()
