"""The environments pass their libraries' own checks, and the vector one has Gymnasium's vector semantics."""

from __future__ import annotations

import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("pettingzoo")

from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.vector import AutoresetMode  # noqa: E402

from exphil_rt.envs import DuelEnv, EnvInvalid, MeleeEnv, MeleeVectorEnv, damage_and_stocks  # noqa: E402
from exphil_rt.game.frames import Frames  # noqa: E402

with warnings.catch_warnings():
    # PettingZoo's tests import one of its games in a way that PettingZoo has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pettingzoo.test import parallel_api_test, parallel_seed_test

SHORT = {"max_frames": 150, "opponent": "random"}


@pytest.mark.parametrize("observation", ["vector", "features"])
def test_pettingzoos_checks(observation):
    parallel_api_test(DuelEnv(max_frames=200, observation=observation, characters=("fox", "marth")), num_cycles=300)


def test_pettingzoos_seed_check():
    parallel_seed_test(lambda: DuelEnv(max_frames=200), num_cycles=50)


@pytest.mark.parametrize("observation", ["vector", "features"])
def test_gymnasiums_checks(observation):
    check_env(MeleeEnv(observation=observation, **SHORT), skip_render_check=True)


def test_they_are_registered():
    env = gymnasium.make("exphil_rt/Melee-v0", **SHORT)
    env.reset(seed=1)
    env.step(env.action_space.sample())
    env.close()
    envs = gymnasium.make_vec("exphil_rt/Melee-v0", num_envs=3, vectorization_mode="vector_entry_point", **SHORT)
    assert envs.num_envs == 3
    envs.close()


def played(envs, steps, seed=7):
    """What a random player meets; lists of each part of step's answer."""
    shown, _ = envs.reset(seed=seed)
    envs.action_space.seed(seed)
    parts = [[shown]]
    for _ in range(steps):
        answer = envs.step(envs.action_space.sample())
        parts.append([np.copy(part) if isinstance(part, np.ndarray) else part for part in answer])
    return parts


def test_shapes_ends_and_the_step_after_an_end():
    envs = MeleeVectorEnv(4, opponent="cpu9", max_frames=150, stocks=1)
    assert envs.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    parts = played(envs, 400)
    ends = 0
    for now, following in itertools.pairwise(parts[1:]):
        shown, rewards, terminated, truncated, infos = now
        assert envs.observation_space.contains(shown)
        assert (rewards.shape, rewards.dtype) == ((4,), np.float32)
        assert (terminated.dtype, truncated.dtype) == (bool, bool)
        assert not (terminated & truncated).any()
        done = terminated | truncated
        if done.any():
            ends += done.sum()
            assert np.array_equal(infos["_score"], done)
            _, later_rewards, later_terminated, later_truncated, later_infos = following
            assert (later_infos["frame"][done] == -123).all(), "the next step begins another game"
            assert (later_rewards[done] == 0).all()
            assert not (later_terminated | later_truncated)[done].any()
        again = ~done & (infos["frame"] > -122)
        assert (following[4]["frame"][again] == infos["frame"][again] + 1).all()
    assert ends >= 8
    envs.close()


def test_a_seed_decides_everything():
    setups = [MeleeVectorEnv(2, opponent="cpu7", characters=("fox", "marth", "peach"), max_frames=300) for _ in "ab"]
    first, second = (played(envs, 250) for envs in setups)
    other = played(setups[0], 250, seed=8)
    for one, two in zip(first, second, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one[:4], two[:4], strict=True))
    assert any(not np.array_equal(a[0], b[0]) for a, b in zip(first, other, strict=True))
    for envs in setups:
        envs.close()


def test_the_default_reward_is_a_zero_sum_of_damage_and_stocks():
    before, after = Frames.allocate((3,)), Frames.allocate((3,))
    before.players.stocks[:] = after.players.stocks[:] = 4
    before.players.percent[:] = 50
    after.players.percent[:] = 50
    after.players.percent[0, 1] = 62
    after.players.percent[1, 0], after.players.stocks[1, 0] = 0, 3
    assert damage_and_stocks(before, after, 0) == pytest.approx([0.12, -1.0, 0.0])
    assert damage_and_stocks(before, after, 1) == pytest.approx([-0.12, 1.0, 0.0])


def test_a_reward_of_ones_own_and_the_other_port():
    seen = []

    def height(before, after, port):
        seen.append(port)
        return after.players.position_y[:, port]

    envs = MeleeVectorEnv(2, opponent="random", port=1, reward=height, max_frames=200)
    envs.reset(seed=1)
    _, rewards, *_ = envs.step(envs.action_space.sample())
    assert set(seen) == {1}
    assert rewards == pytest.approx(envs._games.lane.frames(envs._games.slots).players.position_y[:, 1])
    envs.close()


def test_what_cannot_be_played_is_one_sentence():
    with pytest.raises(EnvInvalid, match="no observation 'pixels'"):
        DuelEnv(observation="pixels")
    with pytest.raises(EnvInvalid, match="one character"):
        MeleeVectorEnv(2, characters=())
    envs = MeleeVectorEnv(2, **SHORT)
    envs.reset(seed=1)
    with pytest.raises(EnvInvalid, match="outside the action space"):
        envs.step(np.full((2, 13), 99))
    with pytest.raises(EnvInvalid, match="Actions are integers"):
        envs.step(np.zeros((2, 13)))
    envs.close()
    duel = DuelEnv()
    with pytest.raises(EnvInvalid, match="The game is over"):
        duel.step({})
    duel.close()


def test_without_the_extra_the_import_says_what_to_install():
    code = (
        "import sys; sys.modules['pettingzoo'] = None\n"
        "try:\n    import exphil_rt.envs\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "pip install 'exphil-rt[envs]'" in done.stdout
    assert done.stdout.count("\n") == 1
