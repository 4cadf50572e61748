"""What is fed and asked at each frame, and how games become batches."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.observation import Encoder
from exphil_rt.replays import BadFilter, SideFilter, read_replay
from exphil_rt.training.imitation_data import (
    PIECE,
    DataTooLarge,
    encode_side,
    load_sides,
    split,
    training_batches,
    whole_batches,
)


@pytest.fixture(scope="module")
def replay(replays_dir):
    return read_replay(replays_dir / "matches" / "fox_multishine.slp", rollback="first")


def side_of(replay, player=0, delay=0):
    config = PolicyConfig(delay=delay, dmax=delay)
    return encode_side(replay, player, Encoder(config.schema), config)


@pytest.mark.parametrize("delay", [0, 1, 5])
def test_the_label_at_t_is_the_action_for_t_plus_delay_plus_1(replay, delay):
    side = side_of(replay, delay=delay)
    actions = ActionCodec().encode(replay.frames.controllers[:, 0])
    frames = replay.meta.frames
    assert side.frames == frames - delay - 1
    assert np.array_equal(side.targets, actions[delay + 1 :])
    assert np.array_equal(side.inputs.previous, actions[delay : frames - 1])
    assert np.array_equal(side.actions, actions[delay:])
    for k in range(delay):
        assert np.array_equal(side.inputs.committed[:, k], actions[k + 1 : k + 1 + side.frames])
    assert side.inputs.mask.all()
    assert (side.inputs.delay == delay).all()


def test_the_state_is_that_of_the_chosen_player(replay):
    config = PolicyConfig()
    encoder = Encoder(config.schema)
    for player in (0, 1):
        side = encode_side(replay, player, encoder, config)
        encoded = encoder.encode(replay.frames[: side.frames], player)
        assert np.array_equal(side.inputs.floats, encoded.floats)
        assert np.array_equal(side.inputs.ids, encoded.ids)


def rows_of(batches):
    """For each row of the batches, the pieces it went through: lists of (targets, floats) between resets."""
    pieces = []
    open_pieces = {}
    for batch in batches:
        for row in range(len(batch.reset)):
            count = int(batch.weight[row].sum())
            assert not batch.weight[row, count:].any(), "padding stands at the end"
            if batch.reset[row]:
                open_pieces[row] = []
                pieces.append(open_pieces[row])
            if count:
                open_pieces[row].append((batch.targets[row, :count], batch.inputs.floats[row, :count]))
    joined = [[np.concatenate(part) for part in zip(*piece, strict=True)] for piece in pieces if piece]
    return joined


def test_whole_batches_are_the_sides_from_the_first_frame_to_the_last(replay):
    sides = [side_of(replay, 0), side_of(replay, 1), side_of(replay, 0, delay=7)]
    sides[2] = side_of(replay, 1)
    pieces = rows_of(whole_batches(sides, 2, 100))
    assert len(pieces) == 3
    for (targets, floats), side in zip(pieces, sides, strict=True):
        assert np.array_equal(targets, side.targets)
        assert np.array_equal(floats, side.inputs.floats)


def test_an_epoch_shows_every_frame_once_in_consecutive_sequences(replay):
    sides = [side_of(replay, 0), side_of(replay, 1)]
    pieces = rows_of(training_batches(sides, 4, 64, np.random.default_rng(5)))
    assert all(len(targets) <= PIECE for targets, _ in pieces)
    shown = np.concatenate([floats for _, floats in pieces])
    wanted = np.concatenate([side.inputs.floats for side in sides])
    assert len(shown) == len(wanted)
    order = lambda rows: rows[np.lexsort(rows.T)]  # noqa: E731
    assert np.array_equal(order(shown), order(wanted))
    whole = {0: sides[0].inputs.floats, 1: sides[1].inputs.floats}
    for _, floats in pieces:
        assert any(
            any(
                np.array_equal(floats, side[start : start + len(floats)])
                for start in np.flatnonzero((side[:, :20] == floats[0, :20]).all(axis=1))
            )
            for side in whole.values()
        ), "a piece is a consecutive stretch of one side"


def test_batches_are_the_same_for_the_same_seed_and_differ_for_another(replay):
    sides = [side_of(replay, 0), side_of(replay, 1)]

    def first(seed):
        return next(training_batches(sides, 4, 64, np.random.default_rng(seed))).targets

    assert np.array_equal(first(1), first(1))
    assert not np.array_equal(first(1), first(2))


def test_hidden_pieces_show_actions_but_no_state(replay):
    sides = [side_of(replay, 0, delay=2)]
    for batch in training_batches(sides, 2, 64, np.random.default_rng(0), hide_state=1.0):
        assert not batch.inputs.floats.any()
        assert not batch.inputs.ids.any()
        there = batch.weight > 0
        assert batch.inputs.mask[there].all()
        assert batch.inputs.previous[there].any()


def test_no_game_is_on_both_sides_of_the_split(replays_dir):
    paths = sorted((replays_dir / "short").glob("*.slp"))
    sides, selection = load_sides(paths, SideFilter(), PolicyConfig(), workers=2)
    data = split(sides, selection, held_out=0.3, seed=1)
    train, held = ({side.game for side in part} for part in (data.train, data.held_out))
    assert train
    assert held
    assert not train & held
    assert len(data.train) + len(data.held_out) == len(sides)
    assert split(sides, selection, held_out=0.3, seed=1).held_out == data.held_out
    assert data.train_frames == sum(len(side.targets) for side in data.train)


def test_too_much_data_and_too_few_games_are_one_sentence(replays_dir):
    paths = sorted((replays_dir / "short").glob("v3.1*.slp"))
    with pytest.raises(DataTooLarge, match=r"fill more than 0\.0 GB"):
        load_sides(paths, SideFilter(), PolicyConfig(), memory=1000)
    sides, selection = load_sides(paths[:1], SideFilter(), PolicyConfig())
    with pytest.raises(BadFilter, match="training needs two"):
        split(sides, selection)
