"""GAE across game ends: equal, bit for bit, to a naive loop over single games."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.rollout.experience import CUT, IDLE, IN_PLAY, OVER
from exphil_rt.training.returns import edges, gae


def naive(rewards, values, ended, reset, gamma, lam):
    """One game and port at a time, backwards, in float32 scalars."""
    steps, games, _ = rewards.shape
    advantages = np.zeros_like(rewards)
    for n in range(games):
        for p in range(2):
            last = np.float32(0)
            for t in reversed(range(steps)):
                same_game = ended[t + 1, n] in (OVER, CUT) or (ended[t + 1, n] == IN_PLAY and reset[t + 1, n] == 0)
                if ended[t, n] != IN_PLAY or not same_game:
                    last = np.float32(0)
                    continue
                ahead = np.float32(0) if ended[t + 1, n] == OVER else values[t + 1, n, p]
                delta = rewards[t, n, p] + np.float32(gamma) * ahead - values[t, n, p]
                kept = last if ended[t + 1, n] == IN_PLAY else np.float32(0)
                last = delta + np.float32(gamma * lam) * kept
                advantages[t, n, p] = last
    return advantages


def random_rows(rng, steps, games):
    ended = np.zeros((steps + 1, games), np.uint8)
    reset = np.zeros((steps + 1, games), np.uint8)
    for n in range(games):
        t = 0
        while t <= steps:
            length = int(rng.integers(1, 9))
            reset[t, n] = t > 0 or rng.random() < 0.5
            t += length
            if t > steps:
                break
            kind = rng.choice([OVER, CUT, IDLE, IN_PLAY])  # IN_PLAY: the game vanished, the next one starts at once
            if kind == IN_PLAY:
                continue
            ended[t, n] = kind
            t += 1
    return ended, reset


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_naive_loop_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    steps, games = 40, 7
    ended, reset = random_rows(rng, steps, games)
    rewards = rng.normal(size=(steps, games, 2)).astype(np.float32)
    values = rng.normal(size=(steps + 1, games, 2)).astype(np.float32)
    advantages, returns = gae(rewards, values, edges(ended, reset), 0.99, 0.95)
    expected = naive(rewards, values, ended, reset, 0.99, 0.95)
    assert advantages.tobytes() == expected.tobytes()
    assert returns.tobytes() == (expected + values[:-1]).tobytes()
    assert np.abs(advantages).max() > 0


def two_games(kind):
    """Row 2 is the first game's last frame; the second game starts at row 3."""
    ended = np.zeros((5, 1), np.uint8)
    reset = np.zeros((5, 1), np.uint8)
    ended[2], reset[3] = kind, 1
    rewards = np.zeros((4, 1, 2), np.float32)
    rewards[1, 0] = (1, -1)
    values = np.full((5, 1, 2), 10, np.float32)
    return rewards, values, edges(ended, reset)


def test_a_decided_game_has_no_value_behind_its_end():
    advantages, _ = gae(*two_games(OVER), 0.5, 1.0)
    assert advantages[1, 0].tolist() == [1 - 10, -1 - 10]
    assert advantages[2, 0].tolist() == [0, 0]


def test_a_cut_game_bootstraps_and_nothing_flows_from_the_next_game():
    rewards, values, steps = two_games(CUT)
    advantages, _ = gae(rewards, values, steps, 0.5, 1.0)
    assert advantages[1, 0].tolist() == [1 + 5 - 10, -1 + 5 - 10]
    rewards[3] = 100
    assert gae(rewards, values, steps, 0.5, 1.0)[0][:3].tolist() == advantages[:3].tolist()


def test_what_is_still_in_play_bootstraps_from_the_last_row():
    shape = np.zeros((3, 1), np.uint8)
    values = np.array([[[0, 0]], [[0, 0]], [[4, 8]]], np.float32)
    advantages, _ = gae(np.zeros((2, 1, 2), np.float32), values, edges(shape, shape), 0.5, 1.0)
    assert advantages[:, 0].tolist() == [[1, 2], [2, 4]]
