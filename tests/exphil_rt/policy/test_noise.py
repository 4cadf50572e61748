from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exphil_rt.policy.noise import keyed_uniform

GOLDEN = [
    ["0x1.3f178c0000000p-2", "0x1.4db7b00000000p-4", "0x1.4a9ba00000000p-5"],
    ["0x1.47d6d20000000p-1", "0x1.80631c0000000p-2", "0x1.5842e60000000p-1"],
]
I64 = st.integers(-(2**62), 2**62)


def test_bits_are_the_same_everywhere():
    """Golden values: a change of them would break every recorded game."""
    found = keyed_uniform(7, "action", [1, 2], [-123, 5], [0, 1], 3)
    assert found.dtype == np.float32
    assert [[float(x).hex() for x in row] for row in found] == GOLDEN


@given(seed=I64, game=I64, frame=st.integers(-123, 10**6), port=st.integers(0, 3), count=st.integers(1, 40))
def test_numbers_are_open_uniform_and_independent_of_the_batch(seed, game, frame, port, count):
    alone = keyed_uniform(seed, "a", game, frame, port, count)
    rows = keyed_uniform(seed, "a", [5, game, 9], [0, frame, -7], [1, port, 0], count + 3)
    assert np.array_equal(alone[0], rows[1, :count])
    assert ((alone > 0) & (alone < 1)).all()


def test_every_part_of_the_key_matters():
    base = {"seed": 1, "domain": "a", "game_id": 2, "frame": 3, "port": 0, "count": 8}
    first = keyed_uniform(**base)
    for change in ({"seed": 2}, {"domain": "b"}, {"game_id": 3}, {"frame": 2}, {"port": 1}):
        assert not np.isin(keyed_uniform(**(base | change)), first).any()
    assert not np.array_equal(keyed_uniform(1, "a", 2, 3, 0, 8), keyed_uniform(1, "a", 3, 2, 0, 8))


def test_distribution_is_uniform_and_uncorrelated():
    games, frames = np.meshgrid(np.arange(40), np.arange(-123, 377), indexing="ij")
    draws = keyed_uniform(0, "action", games.reshape(-1), frames.reshape(-1), 0, 4).astype(np.float64)
    rows = len(draws)
    for column in draws.T:
        counts = np.bincount((column * 64).astype(int), minlength=64)
        chi = ((counts - rows / 64) ** 2 / (rows / 64)).sum()
        assert chi < 120  # 63 degrees of freedom: about 5 deviations
    table = draws[:, 0].reshape(40, 500) - 0.5
    along_frames = (table[:, 1:] * table[:, :-1]).mean() * 12
    along_games = (table[1:] * table[:-1]).mean() * 12
    between = ((draws[:, 0] - 0.5) * (draws[:, 1] - 0.5)).mean() * 12
    assert max(map(abs, (along_frames, along_games, between))) < 5 / rows**0.5
