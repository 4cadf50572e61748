from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from exphil_rt.game.frames import Button, Controllers
from exphil_rt.policy.codec import STICK_DEAD_ZONE, STICK_RADIUS, ActionCodec, CodecInvalid, transition_counts

SIZES = ActionCodec().sizes

CODEC = ActionCodec()
ACTIONS = st.tuples(*(st.integers(0, size - 1) for size in SIZES)).map(lambda a: np.asarray(a, np.uint8))


def same(a: Controllers, b: Controllers) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.arrays().values(), b.arrays().values(), strict=True))


@given(ACTIONS)
def test_decoding_is_a_fixed_point(action):
    shown = CODEC.decode(action)
    again = CODEC.encode(shown)
    assert same(CODEC.decode(again), shown)
    assert np.array_equal(CODEC.encode(CODEC.decode(again)), again)


def test_every_stick_position_is_legal():
    pairs = np.asarray(list(itertools.product(range(17), repeat=2)), np.uint8)
    actions = np.tile(CODEC.neutral(), (len(pairs), 1))
    actions[:, 8:10] = actions[:, 10:12] = pairs
    shown = CODEC.decode(actions)
    for x, y in ((shown.joystick_x, shown.joystick_y), (shown.cstick_x, shown.cstick_y)):
        for axis in (x, y):
            raw = np.asarray(axis, np.float64) * STICK_RADIUS
            assert np.allclose(raw, np.rint(raw), atol=1e-4)
            assert ((axis == 0) | (np.abs(raw) > STICK_DEAD_ZONE - 0.01)).all()
        assert (np.hypot(x, y) <= 1.0 + 1e-6).all()
    assert (np.hypot(shown.raw_x.astype(float), shown.raw_y.astype(float)) <= STICK_RADIUS).all()
    # No bucket but the middle one is lost to the dead zone, not even beside full deflection.
    assert (((pairs == 8) == (np.stack([shown.joystick_x, shown.joystick_y], -1) == 0)).all()).all()


@given(ACTIONS)
def test_buttons_decide_the_trigger_as_in_the_game(action):
    shown = CODEC.decode(action)
    trigger = float(shown.trigger)
    if action[5] or action[6]:
        assert trigger == 1.0
    elif action[4]:
        assert trigger >= np.float32(0.35)
    assert trigger == 0.0 or trigger >= np.float32(43 / 140)
    bits = (Button.A, Button.B, Button.X, Button.Y, Button.Z, Button.L, Button.R, Button.D_UP)
    assert int(shown.buttons) == sum(bit for bit, on in zip(bits, action[:8], strict=True) if on)


@given(
    hnp.arrays(np.float32, 6, elements=st.floats(width=32, allow_nan=True, allow_infinity=True)), st.integers(0, 65535)
)
def test_any_numbers_encode_to_legal_actions(numbers, buttons):
    row = Controllers.allocate(())
    for name, value in zip(("joystick_x", "joystick_y", "cstick_x", "cstick_y", "trigger"), numbers, strict=False):
        getattr(row, name)[...] = value
    row.buttons[...] = buttons
    action = CODEC.encode(row)
    assert (action < np.asarray(SIZES)).all()
    assert same(CODEC.decode(CODEC.encode(CODEC.decode(action))), CODEC.decode(action))


def test_encoding_takes_the_nearest_position():
    rng = np.random.default_rng(3)
    angle, radius = rng.uniform(0, 2 * np.pi, 500), rng.uniform(0, 1, 500)
    row = Controllers.allocate((500,))
    row.joystick_x[:] = np.rint(80 * radius * np.cos(angle)) / 80
    row.joystick_y[:] = np.rint(80 * radius * np.sin(angle)) / 80
    row.joystick_x[np.abs(row.joystick_x) < 0.28] = 0
    row.joystick_y[np.abs(row.joystick_y) < 0.28] = 0
    shown = CODEC.decode(CODEC.encode(row))
    pairs = np.asarray(list(itertools.product(range(17), repeat=2)), np.uint8)
    actions = np.tile(CODEC.neutral(), (len(pairs), 1))
    actions[:, 8:10] = pairs
    every = CODEC.decode(actions)
    best = np.hypot(
        row.joystick_x[:, None] - every.joystick_x[None], row.joystick_y[:, None] - every.joystick_y[None]
    ).min(1)
    found = np.hypot(row.joystick_x - shown.joystick_x, row.joystick_y - shown.joystick_y)
    assert np.allclose(found, best, atol=1e-6)
    assert best.max() < 0.2


def test_neutral_touches_nothing():
    shown = CODEC.decode(CODEC.neutral())
    assert all((array == 0).all() for array in shown.arrays().values())
    assert np.array_equal(CODEC.encode(shown), CODEC.neutral())


def test_leading_shapes_are_kept(random_actions):
    actions = random_actions((3, 4, 2))
    shown = CODEC.decode(actions)
    assert shown.joystick_x.shape == (3, 4, 2)
    assert np.array_equal(CODEC.encode(shown)[1, 2], CODEC.encode(CODEC.decode(actions[1, 2])))


@pytest.mark.parametrize(
    "bad",
    [
        ActionCodec(stick=(-80, 80)),
        ActionCodec(stick=(0,)),
        ActionCodec(stick=tuple(range(-80, 81)) + tuple(range(81, 200))),
        ActionCodec(main=((0, 0), (80, 0)), c_stick=()),
        ActionCodec(c_stick=((0, 0), (80, 0))),
        ActionCodec(main=((80, 0), (0, 80)), c_stick=((0, 0), (80, 0))),
        ActionCodec(main=((0, 0), (80, 0), (80, 0)), c_stick=((0, 0), (80, 0))),
        ActionCodec(main=((0, 0), (80, 80)), c_stick=((0, 0), (80, 0))),
        ActionCodec(main=((0, 0), (10, 0)), c_stick=((0, 0), (80, 0))),
        ActionCodec(stick=tuple(range(-90, 80, 10))),
        ActionCodec(trigger=(0, 50, 40, 110, 140)),
        ActionCodec(trigger=(0, 49, 79, 110, 150)),
    ],
)
def test_impossible_centres_are_refused(bad):
    with pytest.raises(CodecInvalid):
        bad.check()
    with pytest.raises(CodecInvalid):
        bad.neutral(), bad.decode(CODEC.neutral())


def test_transition_counts_count(random_actions):
    previous, actions = random_actions((200,), 1), random_actions((200,), 2)
    counts = transition_counts(previous, actions, SIZES)
    assert [c.shape for c in counts] == [(n, n) for n in SIZES]
    assert all(c.sum() == 200 for c in counts)
    assert counts[8][3, 5] == ((previous[:, 8] == 3) & (actions[:, 8] == 5)).sum()


def test_real_inputs_survive_the_codec(replays_dir: Path):
    """Buttons exactly, sticks and trigger to within a bucket."""
    from exphil_rt.replays import read_replay

    controllers = read_replay(
        replays_dir / "matches" / "mewtwo_vs_fox_20260716.slp", rollback="first"
    ).frames.controllers
    shown = CODEC.decode(CODEC.encode(controllers))
    known = sum((Button.A, Button.B, Button.X, Button.Y, Button.Z, Button.L, Button.R, Button.D_UP))
    assert np.array_equal(shown.buttons, controllers.buttons & known)
    assert np.abs(shown.trigger - controllers.trigger).max() < 0.16
    distance = np.hypot(shown.joystick_x - controllers.joystick_x, shown.joystick_y - controllers.joystick_y)
    assert distance.max() < 0.12
    assert (distance < 0.08).mean() > 0.98
