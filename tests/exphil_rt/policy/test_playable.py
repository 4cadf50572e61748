from __future__ import annotations

import numpy as np
import pytest
import torch

from exphil_rt.game.frames import FIRST_FRAME, Controllers, Frames
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.manifest import Manifest, PolicyIncompatible
from exphil_rt.policy.noise import keyed_uniform
from exphil_rt.policy.playable import PlayablePolicy
from exphil_rt.policy.policy import Policy
from exphil_rt.policy.random_play import C_STICK, PRESS, TRIGGER, random_actions

SIZES = ActionCodec().sizes
NUM_HEADS = ActionCodec().num_heads


def playable(delay: int = 0, seed: int = 0) -> PlayablePolicy:
    torch.manual_seed(0)
    config = PolicyConfig(hidden=16, delay=delay, dmax=delay + 1 if delay else 0)
    policy = Policy(config).eval()
    torch.nn.init.normal_(policy.heads.weight, std=0.5)
    return PlayablePolicy(policy, Manifest(name="fox", version=1, config=config), seed=seed)


def play(player: PlayablePolicy, frames: Frames, port: int = 0) -> list[dict[str, np.ndarray]]:
    """Feeds frames ``[T, ...]`` in order, with the player's own controllers coming back in the next frame."""
    given = []
    frames = frames.copy()
    for t in range(frames.lead[0]):
        controllers = player.act(frames[t], port)
        given.append(controllers.arrays())
        if t + 1 < frames.lead[0]:
            frames.controllers.assign((t + 1, ..., port), controllers)
    return given


def equal(a: list[dict[str, np.ndarray]], b: list[dict[str, np.ndarray]]) -> bool:
    return all(all(np.array_equal(x[k], y[k]) for k in x) for x, y in zip(a, b, strict=True))


def test_the_first_frames_of_a_delayed_policy_are_neutral(make_frames):
    given = play(playable(delay=3), make_frames((8,)))
    for early in given[:3]:
        assert not any(np.any(value) for value in early.values())
    assert any(np.any(value) for value in given[3].values())


@pytest.mark.parametrize("delay", [0, 2])
def test_the_seed_decides(make_frames, delay):
    frames = make_frames((12,), 3)
    first = play(playable(delay), frames)
    assert equal(first, play(playable(delay), frames))
    assert not equal(first, play(playable(delay, seed=1), frames))


def test_a_new_game_begins_afresh(make_frames):
    """Frame -123 clears state and queue, whatever was played before."""
    player, frames = playable(delay=2), make_frames((10,), 4)
    player.temperature = 0.0
    first = play(player, frames)
    assert equal(first, play(player, frames))


def test_rows_are_games_of_their_own(make_frames):
    player, alone = playable(delay=1), playable(delay=1)
    player.temperature = alone.temperature = 0.0
    frames = make_frames((9, 3), 5)
    frames.frame[:] = FIRST_FRAME + np.arange(9)[:, None]
    together = play(player, frames)
    second = play(alone, frames[:, 1:2])
    for a, b in zip(together, second, strict=True):
        assert all(np.array_equal(a[k][1:2], b[k]) for k in a)


def test_controllers_come_in_the_shape_of_the_frames(make_frames):
    player = playable()
    single = player.act(make_frames(()), 1)
    assert isinstance(single, Controllers)
    assert np.shape(single.joystick_x) == ()
    assert player.act(make_frames((4,)), np.array([0, 1, 0, 1])).joystick_x.shape == (4,)


def test_an_untrained_delay_is_refused_unless_forced():
    player = playable(delay=2)
    with pytest.raises(PolicyIncompatible, match="trained for delay 2"):
        player.set_delay(3)
    player.set_delay(3, force=True)
    assert player.delay == 3
    with pytest.raises(PolicyIncompatible, match="plays with delay 0"):
        PlayablePolicy(None, None).set_delay(1)


def test_random_plays_without_a_network(make_frames):
    frames = make_frames((6,))
    given = play(PlayablePolicy(None, None, seed=4), frames)
    assert equal(given, play(PlayablePolicy(None, None, seed=4), frames))
    assert any(np.any(row["joystick_x"]) for row in given)


def test_random_actions_are_legal_and_as_documented():
    noise = keyed_uniform(0, "action", np.arange(20_000), 0, 0, NUM_HEADS)
    actions = random_actions(noise)
    assert (actions < np.asarray(SIZES)).all()
    assert abs(actions[:, :8].mean() - PRESS) < 0.01
    stick = np.bincount(actions[:, 8], minlength=17) / len(actions)
    assert np.abs(stick - 1 / 17).max() < 0.01
    assert abs((actions[:, 10] != 8).mean() - C_STICK * 16 / 17) < 0.01
    assert abs((actions[:, 12] != 0).mean() - TRIGGER) < 0.01
    assert set(actions[:, 10]) == set(range(17))
    assert set(actions[:, 12]) == set(range(5))
    edges = np.full((1, NUM_HEADS), np.float32(1 - 2**-24))
    assert (random_actions(edges) < np.asarray(SIZES)).all()
    edges[:, 10:] = np.nextafter(np.float32(0.1), np.float32(0))
    assert (random_actions(edges) < np.asarray(SIZES)).all()
    assert ActionCodec().decode(actions).joystick_x.shape == (20_000,)
