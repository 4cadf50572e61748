"""What is fed and asked at each frame, and how games become batches."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import sequence_inputs
from exphil_rt.replays import read_replay
from exphil_rt.training.dataset import Loader, LoaderPosition, PlanConfig
from exphil_rt.training.dataset.dataset import Dataset, Side
from exphil_rt.training.dataset.loader import prefetched, whole_batches
from exphil_rt.training.dataset.mirror import mirrored
from exphil_rt.training.dataset.plan import batches, epoch_pieces, side_weights, stick_classes

CODEC = ActionCodec()


@pytest.fixture(scope="module")
def frames_of(paths):
    return {str(path): read_replay(path, rollback="first").frames for path in paths}


def frames(dataset: Dataset, side: Side, frames_of):
    return frames_of[dataset.games[side.game].path]


def rows_of(batches_of):
    """For each piece of each row (side, start): its rows of (targets, floats, ids, previous)."""
    pieces, live = [], {}
    for batch in batches_of:
        for row in range(len(batch.reset)):
            count = int(batch.weight[row].sum())
            assert not batch.weight[row, count:].any(), "padding stands at the end"
            assert not batch.inputs.floats[row, count:].any()
            assert not batch.targets[row, count:].any()
            if batch.reset[row] and count:
                live[row] = (int(batch.side[row]), int(batch.start[row]), [])
                pieces.append(live[row])
            if count:
                assert batch.start[row] == live[row][1] + sum(len(part[0]) for part in live[row][2])
                live[row][2].append((
                    batch.targets[row, :count],
                    batch.inputs.floats[row, :count],
                    batch.inputs.ids[row, :count],
                    batch.inputs.previous[row, :count],
                    batch.inputs.committed[row, :count],
                    batch.inputs.mask[row, :count],
                    batch.next_state[row, :count],
                ))  # fmt: skip
    return [(side, start, [np.concatenate(part) for part in zip(*parts, strict=True)]) for side, start, parts in pieces]


@pytest.mark.parametrize("delay", [0, 1, 7])
def test_whole_sides_are_fed_as_play_with_that_delay_would_feed_them(dataset, frames_of, delay):
    encoder = Encoder(dataset.schema)
    pieces = rows_of(whole_batches(dataset, dataset.sides, CODEC, delay=delay, dmax=9, batch=3, steps=100))
    assert sorted(side for side, _, _ in pieces) == list(range(len(dataset.sides)))
    own_state = [field.source for field in dataset.schema.of("id", items=False)].index("own.state")
    for number, start, (targets, floats, ids, previous, committed, mask, next_state) in pieces:
        side = dataset.sides[number]
        game = frames(dataset, side, frames_of)
        inputs, wanted = sequence_inputs(encoder, CODEC, game, side.player, delay, 9)
        assert start == 0
        assert np.array_equal(targets, wanted)
        assert np.array_equal(floats, inputs.floats)
        assert np.array_equal(ids, inputs.ids)
        assert np.array_equal(previous, inputs.previous)
        assert np.array_equal(committed, inputs.committed)
        assert np.array_equal(mask, inputs.mask)
        later = encoder.encode(game[delay + 1 :], side.player).ids[:, own_state]
        assert np.array_equal(next_state, later)


def test_an_epoch_shows_every_frame_once_in_consecutive_sequences(dataset, frames_of):
    loader = Loader(dataset, dataset.sides, CODEC, PlanConfig(batch=4, steps=64, seed=5))
    pieces = rows_of(loader.epoch())
    covered = [np.zeros(side.frames - 1, int) for side in dataset.sides]
    encoder = Encoder(dataset.schema)
    for number, start, (targets, floats, *_) in pieces:
        covered[number][start : start + len(targets)] += 1
        side = dataset.sides[number]
        there = frames(dataset, side, frames_of)[start : start + len(targets)]
        assert np.array_equal(floats, encoder.encode(there, side.player).floats)
        assert len(targets) <= 1024
    assert all((count == 1).all() for count in covered)
    assert loader.frames == sum(map(len, covered))
    assert loader.position == LoaderPosition(epoch=1)


def test_the_same_seed_gives_the_same_batches_and_any_position_is_found_again(dataset):
    def loader(seed=1, prefetch=2):
        plan = PlanConfig(
            batch=5, steps=32, seed=seed, mirror=0.5, hide_state=0.3, delays=(0, 4), balance_characters=True
        )
        return Loader(dataset, dataset.sides, CODEC, plan, dmax=4, prefetch=prefetch)

    first = [batch.inputs.floats.sum() + batch.targets.sum() for batch in loader().epoch(3)]
    assert first == [batch.inputs.floats.sum() + batch.targets.sum() for batch in loader(prefetch=0).epoch(3)]
    assert first != [batch.inputs.floats.sum() + batch.targets.sum() for batch in loader().epoch(4)]
    assert first != [batch.inputs.floats.sum() + batch.targets.sum() for batch in loader(seed=2).epoch(3)]
    broken_off = loader()
    broken_off.position = LoaderPosition(epoch=3)
    run = broken_off.epoch()
    for _ in range(7):
        next(run)
    run.close()
    kept = broken_off.position
    assert kept == LoaderPosition(epoch=3, batch=7), "made ahead is not given out"
    resumed = loader()
    resumed.position = kept
    rest = [batch.inputs.floats.sum() + batch.targets.sum() for batch in resumed.epoch()]
    assert rest == first[7:]


def test_a_mirrored_batch_is_the_mirrored_game(dataset, frames_of):
    encoder = Encoder(dataset.schema)
    loader = Loader(dataset, dataset.sides, CODEC, PlanConfig(batch=3, steps=50, mirror=1.0, delays=(2,)), dmax=2)
    seen = set()
    for number, start, (targets, floats, ids, previous, *_) in rows_of(loader.epoch()):
        side = dataset.sides[number]
        game = mirrored(frames(dataset, side, frames_of))
        inputs, wanted = sequence_inputs(encoder, CODEC, game, side.player, 2, 2)
        part = slice(start, start + len(targets))
        np.testing.assert_allclose(floats, inputs.floats[part], atol=1e-6)
        assert np.array_equal(ids, inputs.ids[part])
        assert np.array_equal(targets, wanted[part])
        assert np.array_equal(previous, inputs.previous[part])
        seen.add(dataset.games[side.game].meta.stage)
    assert {2, 8} <= seen, "with platforms of different heights, and with Randall"


def test_two_mirrors_are_none(frames_of):
    for game in frames_of.values():
        twice = mirrored(mirrored(game))
        for name, values in game.arrays().items():
            np.testing.assert_allclose(twice.arrays()[name], values, atol=2e-5, err_msg=name)


def test_hidden_pieces_show_actions_but_no_state(dataset):
    loader = Loader(dataset, dataset.sides, CODEC, PlanConfig(batch=2, hide_state=1.0, delays=(2,)), dmax=2)
    for batch in loader.epoch():
        assert not batch.inputs.floats.any()
        assert not batch.inputs.ids.any()
        there = batch.weight > 0
        assert batch.inputs.mask[there].all()
        assert batch.inputs.previous[there].any()


def test_each_piece_has_one_of_the_delays(dataset):
    plan = PlanConfig(batch=4, delays=(0, 6, 12))
    seen = set()
    for batch in Loader(dataset, dataset.sides, CODEC, plan, dmax=14).epoch():
        assert (batch.inputs.delay == batch.inputs.delay[:, :1]).all()
        seen |= set(batch.inputs.delay[:, 0].tolist())
        there = batch.weight > 0
        assert (batch.inputs.mask.sum(-1)[there] == batch.inputs.delay[there]).all()
        neutral = batch.inputs.committed[batch.inputs.mask == 0]
        assert (neutral == CODEC.neutral()).all()
    assert seen == {0, 6, 12}
    with pytest.raises(ValueError, match="delay 12 does not fit dmax 6"):
        Loader(dataset, dataset.sides, CODEC, plan, dmax=6)


def shown(dataset, plan):
    """Frames shown of each side in five epochs."""
    weights = side_weights(dataset, dataset.sides, plan)
    count = np.zeros(len(dataset.sides))
    for epoch in range(5):
        pieces = epoch_pieces(dataset.sides, plan, epoch, weights)
        np.add.at(count, pieces.side, pieces.end - pieces.start)
    return count


def test_balanced_characters_are_shown_equally_often(dataset):
    plain, even = (shown(dataset, PlanConfig(batch=4, balance_characters=yes)) for yes in (False, True))
    names = np.array([side.character for side in dataset.sides])

    def spread(count):
        by = [count[names == name].sum() for name in set(names.tolist())]
        return max(by) / min(by)

    assert spread(plain) > 4
    assert spread(even) < 1.7


def test_balanced_sticks_prefer_sides_that_move(dataset):
    plain, even = (shown(dataset, PlanConfig(batch=4, balance_sticks=share)) for share in (0.0, 1.0))
    still = np.array([(stick_classes(dataset.controllers(side)) == 0).mean() for side in dataset.sides])
    gained = even / plain
    assert gained[still.argmin()] > gained[still.argmax()]


def test_stick_classes_are_directions(make_sticks):
    x = [0, 1, 0.7, 0, -0.7, -1, -0.7, 0, 0.7]
    y = [0, 0, 0.7, 1, 0.7, 0, -0.7, -1, -0.7]
    assert stick_classes(make_sticks(x, y)).tolist() == list(range(9))


@pytest.fixture
def make_sticks():
    from exphil_rt.game.frames import Controllers

    def make(x, y):
        held = Controllers.allocate((len(x),))
        held.joystick_x[:], held.joystick_y[:] = x, y
        return held

    return make


def test_rows_take_the_next_piece_when_theirs_is_over(dataset):
    pieces = epoch_pieces(dataset.sides, PlanConfig(batch=6, steps=64), 0, None)
    total = 0
    for plan in batches(pieces, 6, 64):
        assert ((plan.end - plan.start)[plan.side >= 0] > 0).all()
        assert ((plan.end - plan.start)[plan.side < 0] == 0).all()
        total += int((plan.end - plan.start).sum())
    assert total == int((pieces.end - pieces.start).sum())


def test_what_goes_wrong_in_the_thread_is_raised_where_batches_are_taken():
    def broken():
        yield 1
        raise RuntimeError("no more")

    made = prefetched(broken(), 2)
    assert next(made) == 1
    with pytest.raises(RuntimeError, match="no more"):
        next(made)
