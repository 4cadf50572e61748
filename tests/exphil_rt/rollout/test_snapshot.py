"""Lockstep learning, stopped and put back: the same bits as without the stop."""

from __future__ import annotations

import itertools
from hashlib import blake2b

import numpy as np
import pytest
import torch
from rollout_parts import ITSELF, game, small_policy

from exphil_rt.messages.rollout import RANDOM, PlayerSpec
from exphil_rt.rollout import snapshot
from exphil_rt.rollout.snapshot import SnapshotInvalid
from exphil_rt.training.learner import Learner, LearnerConfig

CONFIG = LearnerConfig(sequence=20, minibatches=2, deterministic=True)
OLD = PlayerSpec(policy="old")


@pytest.fixture(autouse=True)
def _deterministic():
    yield
    torch.use_deterministic_algorithms(False)


class Games:
    """Games of a slot by their number in it, as a daemon would assign them again after a resume."""

    def __init__(self, counts=(0, 0, 0)):
        self.counts = list(counts)

    def __call__(self, slot):
        number = self.counts[slot]
        self.counts[slot] += 1
        others = itertools.cycle([ITSELF, OLD, PlayerSpec(policy=RANDOM), PlayerSpec(policy="cpu6")])
        opponent = next(itertools.islice(others, number + slot, None))
        return game(100 * slot + number, (ITSELF, opponent), max_frames=110 + 7 * slot)


def learning(make_loop, policy, games):
    loop = make_loop(policy, games=3, steps=40, deterministic=True, supply=games)
    loop.seats.load("old", small_policy("mlp", seed=8), version=1)
    return loop, Learner(CONFIG, policy)


def update(loop, learner):
    rollout = loop.collect()
    arrays = rollout.steps.arrays() | {"state": rollout.state, "committed": rollout.committed, "mask": rollout.mask}
    digests = {name: blake2b(np.ascontiguousarray(array).tobytes()).hexdigest()[:16] for name, array in arrays.items()}
    digests["loss"] = learner.learn(rollout).loss.hex()
    loop.set_current(learner.update)
    return digests


@pytest.mark.parametrize(("backbone", "delay"), [("gru", 0), ("gru", 2), ("mlp", 1)])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(make_loop, tmp_path, backbone, delay):
    games = Games()
    loop, learner = learning(make_loop, small_policy(backbone, delay=delay), games)
    for _ in range(5):
        update(loop, learner)
    generation = learner.save(tmp_path)
    snapshot.save(loop, generation / "loop.safetensors")
    waiting = [0 if spec is None else 1 for spec in loop.table.waiting]
    assert sum(waiting) == 3
    counts = list(games.counts)
    expected = [update(loop, learner) for _ in range(5)]

    later, again = learning(make_loop, small_policy(backbone, seed=77, delay=delay), Games(counts))
    again.restore(tmp_path)
    later.prepare_own()
    snapshot.restore(later, generation / "loop.safetensors")
    assert later.update == 5
    for step in expected:
        found = update(later, again)
        assert {name for name in step if found[name] != step[name]} == set()
    assert all(torch.equal(w, again.weights()[name]) for name, w in learner.weights().items())


def test_two_runs_of_one_seed_are_equal(make_loop):
    runs = []
    for _ in range(2):
        loop, learner = learning(make_loop, small_policy(), Games())
        runs.append([update(loop, learner) for _ in range(4)])
    assert runs[0] == runs[1]


def test_rated_games_beside_it_change_no_bit(make_loop):
    def run(rated):
        loop = make_loop(games=2, rated=rated, steps=40, deterministic=True)
        for slot in range(2 + rated):
            loop.table.assign(slot, game(slot, kind="training" if slot < 2 else "rated"))
        return loop.collect().steps.logp.tobytes()

    assert run(0) == run(3)


def test_it_is_saved_at_a_boundary_only(make_loop, tmp_path):
    loop, _ = learning(make_loop, small_policy(), Games())
    loop.prepare_own()
    loop.tick()
    loop.tick()
    with pytest.raises(SnapshotInvalid, match="between two rollouts"):
        snapshot.save(loop, tmp_path / "loop")


def test_a_damaged_state_or_another_runs_is_refused(make_loop, tmp_path):
    loop, learner = learning(make_loop, small_policy(), Games())
    update(loop, learner)
    path = tmp_path / "loop"
    snapshot.save(loop, path)
    other = make_loop(small_policy(), games=2, steps=40)
    with pytest.raises(SnapshotInvalid, match="3 games, 40 steps"):
        snapshot.restore(other, path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SnapshotInvalid, match="cannot be read"):
        snapshot.restore(other, path)
    with pytest.raises(SnapshotInvalid, match="cannot be read"):
        snapshot.restore(other, tmp_path / "nothing")
