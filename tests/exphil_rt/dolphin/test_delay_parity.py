"""One policy, one seed, the same recorded states: the same actions for the same due frames, wherever it plays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dolphin_parts import CODEC, Played, Tape, manifest_of, offline, states
from rollout_parts import small_policy

from exphil_rt.dolphin.link import Ask
from exphil_rt.inference import Engine
from exphil_rt.messages.rollout import CURRENT, RANDOM, GameSpec, PlayerSpec
from exphil_rt.policy.playable import PlayablePolicy
from exphil_rt.rollout.loop import RolloutLoop

torch.set_num_threads(1)
SEED, GAME, FRAMES = 5, 0, 80


def controllers(actions):
    """Bytes of the controllers by due frame."""
    decoded = {due: CODEC.decode(np.frombuffer(action, np.uint8)) for due, action in actions.items()}
    return {due: [np.asarray(column).tobytes() for column in one.arrays().values()] for due, one in decoded.items()}


def in_the_embedded_games_loop(policy, frames, port):
    """What the rollout loop commits for each frame."""
    tape = Tape(frames)
    players = [PlayerSpec(policy=RANDOM), PlayerSpec(policy=RANDOM)]
    players[port] = PlayerSpec(policy=CURRENT)
    spec = GameSpec(game_id=GAME, kind="training", stage=32, characters=(1, 18), players=tuple(players), seed=SEED)
    loop = RolloutLoop(tape, Engine(2), policy, games=1, seed=SEED, supply=lambda slot: spec, sample_hz=0)
    while tape.at < frames.lead[0]:
        assert loop.tick()
    return {due: [column[port].tobytes() for column in both.arrays().values()] for due, both in tape.committed.items()}


def in_a_script(policy, frames, port):
    """What ``load_policy(...).act`` gives for each frame."""
    player = PlayablePolicy(policy, None, SEED)
    found = {}
    for t in range(frames.lead[0]):
        given = player.act(frames[t], port)
        found[int(frames.frame[t]) + 1] = [np.asarray(column).tobytes() for column in given.arrays().values()]
    return found


@pytest.mark.parametrize(("delay", "port"), [(0, 1), (2, 0), (18, 1)])
def test_the_same_actions_fall_due_on_the_same_frames(served, delay, port):
    policy, frames = small_policy(seed=3, delay=delay), states(FRAMES)
    brain = served(policy, manifest_of(policy), port=port, seed=SEED)

    def over_the_link(shown, committed, mask):
        ask = Ask(port, 1, GAME, int(shown.frame[0]), 0, delay, shown, committed[0], mask[0])
        (answer,) = brain.ask(ask)
        assert (answer.frame, answer.due) == (ask.frame, ask.frame + delay + 1)
        return answer.action[None]

    linked = Played(over_the_link, delay, CODEC).run(frames)
    assert linked == {due: bytes(action) for due, action in offline(policy, frames, port, SEED, GAME).items()}
    shown = in_the_embedded_games_loop(policy, frames, port)
    assert shown == in_a_script(policy, frames, port)
    wanted = controllers(linked)
    first = int(frames.frame[0])
    assert sorted(shown) == list(range(first + 1, first + 1 + FRAMES))
    for due, held in shown.items():
        neutral = controllers({due: CODEC.neutral().tobytes()})[due]
        assert held == (wanted[due] if due > first + delay else neutral)
