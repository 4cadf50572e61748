"""Tables and scores on toys whose numbers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from exphil_rt.training.baselines import Meter, Tables


def test_tables_are_smoothed_counts_of_consecutive_actions():
    # head 0 (2 choices): 0 -> 1 -> 1 -> 0; head 1 (3 choices): always 2
    side = np.array([[0, 2], [1, 2], [1, 2], [0, 2]], np.uint8)
    tables = Tables.fit([side], (2, 3), smoothing=1.0)
    assert np.exp(tables.previous[0]) == pytest.approx(np.array([[1 / 3, 2 / 3], [2 / 4, 2 / 4]]))
    assert np.exp(tables.marginal[0]) == pytest.approx([2 / 5, 3 / 5])
    assert np.exp(tables.previous[1][2]) == pytest.approx([1 / 6, 1 / 6, 4 / 6])
    assert np.exp(tables.previous[1][0]) == pytest.approx([1 / 3] * 3), "never seen: nothing is known"


def test_pairs_never_span_two_sides():
    first, second = np.zeros((3, 1), np.uint8), np.ones((3, 1), np.uint8)
    tables = Tables.fit([first, second], (2,))
    assert np.exp(tables.previous[0]) == pytest.approx(np.array([[3 / 4, 1 / 4], [1 / 4, 3 / 4]]))


def test_scores_over_all_and_over_changed_frames():
    train = np.array([[0], [0], [0], [1]], np.uint8)  # 0->0 twice, 0->1 once
    tables = Tables.fit([train], (2,))
    held = np.array([[0], [0], [1], [1]], np.uint8)
    alone, given = tables.scores([held])
    p_given = (3 / 5, 2 / 5, 1 / 2)  # of 0 after 0, 1 after 0, 1 after 1
    assert given.frames == 3
    assert given.changed_frames == 1
    assert given.nll == pytest.approx(-sum(map(math.log, p_given)) / 3)
    assert given.nll_changed == pytest.approx(-math.log(2 / 5))
    assert given.accuracy == pytest.approx(1 / 3), "0 after 0 is right; ties take the first choice"
    assert given.accuracy_changed == 0
    p_alone = (3 / 5, 2 / 5, 2 / 5)
    assert alone.nll == pytest.approx(-sum(map(math.log, p_alone)) / 3)


def test_a_meter_sums_batches_and_is_zero_without_any():
    whole, parts = Meter(2), Meter(2)
    rng = np.random.default_rng(3)
    logp, right = -rng.random((10, 2)), rng.random((10, 2)) < 0.5
    changed = rng.random(10) < 0.5
    whole.add(logp, right, changed)
    parts.add(logp[:4], right[:4], changed[:4])
    parts.add(logp[4:], right[4:], changed[4:])
    a, b = whole.score(), parts.score()
    assert a.nll == pytest.approx(b.nll)
    assert a.head_nll_changed == pytest.approx(b.head_nll_changed)
    assert a.head_accuracy == b.head_accuracy
    assert a.nll == pytest.approx(sum(a.head_nll))
    assert Meter(2).score().nll == 0
