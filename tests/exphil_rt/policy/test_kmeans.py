from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest

from exphil_rt.game.frames import Controllers
from exphil_rt.policy.codec import ActionCodec, CodecInvalid, read_codec
from exphil_rt.policy.kmeans import StickCounts, _best_means, codec_error, fit_axes, fit_pairs


def counted(rows: int = 5000, seed: int = 0) -> StickCounts:
    """Sticks that are mostly neutral or full, and otherwise held at a few angles."""
    rng = np.random.default_rng(seed)
    kinds = np.array([(0, 0), (80, 0), (-80, 0), (0, -80), (56, 56), (37, 0), (0, 44), (70, 30)])
    pick = kinds[rng.choice(len(kinds), rows, p=[0.4, 0.15, 0.15, 0.1, 0.05, 0.05, 0.05, 0.05])]
    row = Controllers.allocate((rows,))
    row.joystick_x[:], row.joystick_y[:] = pick[:, 0] / 80, pick[:, 1] / 80
    row.cstick_x[:] = np.where(rng.random(rows) < 0.02, 1.0, 0.0)
    row.joystick_x[0] = np.nan
    counts = StickCounts.empty()
    counts.add(row)
    return counts


def test_axes_fit_what_was_held():
    counts = counted()
    codec = fit_axes(counts, 21)
    codec.check()
    assert codec.stick == tuple(-c for c in reversed(codec.stick))
    assert {0, 80, -80, 37, 44, 56, 70, 30} <= set(codec.stick)
    assert codec_error(codec, counts).main < codec_error(ActionCodec(), counts).main
    assert len(fit_axes(StickCounts.empty(), 21).stick) == 3


def test_pairs_fit_what_was_held():
    counts = counted()
    codec = fit_pairs(counts, 12)
    codec.check()
    assert codec == fit_pairs(counts, 12)
    assert codec_error(codec, counts).main < 1.0
    assert codec_error(codec, counts).exact > 0.95
    assert len(codec.c_stick) == 2
    fit_pairs(StickCounts.empty(), 12).check()


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_means_are_the_best_there_are(k):
    rng = np.random.default_rng(k)
    values, weights = np.arange(9.0), rng.integers(1, 9, 9).astype(float)
    found = _best_means(values, weights, k)

    def error(cuts):
        total = 0.0
        for a, b in itertools.pairwise((0, *cuts, 9)):
            mean = np.average(values[a:b], weights=weights[a:b])
            total += (weights[a:b] * (values[a:b] - mean) ** 2).sum()
        return total

    best = min(error(cuts) for cuts in itertools.combinations(range(1, 9), k - 1))
    nearest = np.abs(values[:, None] - np.array(found)).min(1)
    assert (weights * nearest**2).sum() == pytest.approx(best)


@pytest.mark.parametrize("k", [0, 1, 4, 101])
def test_impossible_counts_are_refused(k):
    with pytest.raises(CodecInvalid, match="centres"):
        fit_axes(counted(10), k)


def test_a_codec_file_is_read_with_care(tmp_path):
    file = tmp_path / "codec.json"
    codec = fit_axes(counted(), 21)
    file.write_bytes(msgspec.json.encode(codec))
    assert read_codec(file) == codec
    for content in (b"", b"[]", b'{"stick": [0]}', b'{"sticks": []}', b"\xff" * 10, b"[" * 9999):
        file.write_bytes(content)
        with pytest.raises(CodecInvalid):
            read_codec(file)
    with pytest.raises(CodecInvalid, match="cannot be read"):
        read_codec(tmp_path / "none.json")
