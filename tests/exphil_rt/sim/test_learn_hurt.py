"""The learner of bodies, on made-up contacts and misses: shapes that they tell, and how firmly few of them are held."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from exphil_rt.game import states as st
from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import Character
from exphil_rt.sim.hurt import AIR, CROUCH, HEIGHT, STAND

FOX, MARTH = int(Character.FOX), int(Character.MARTH)


@pytest.fixture(scope="module")
def bodies(script):
    module = script("learn_hurt")
    module.STEPS, module.RATE = 100, 0.1  # a few steps tell enough
    return module


def samples(bodies, rows):
    """Rows of forward, up, hit, fighter and group: circles of radius 2."""
    circles = np.full((len(rows), 4, 3), np.nan)
    circles[:, 0] = [(row[0], row[1], 2.0) for row in rows]
    return bodies.Samples(
        circles, np.array([row[2] for row in rows]), np.array([row[3] for row in rows]),
        np.array([row[4] for row in rows]), np.zeros(len(rows), np.int64),
    )  # fmt: skip


def around(half, fighter, group, height=6.0, many=12):
    """A body that circles touch as far as ``half`` to both sides, and no further."""
    return [
        (side * (half + off), height + 0.1 * n, off < 0, fighter, group)
        for n in range(many)
        for side in (-1, 1)
        for off in (-0.4, 0.4)
    ]


def test_shapes_tell_contacts_from_misses_of_wide_and_narrow_bodies(bodies):
    seen = samples(bodies, [*around(9.0, FOX, STAND), *around(4.5, FOX, CROUCH)])
    assert bodies.judge(bodies.learn(seen), seen).mean() > 0.95


def test_one_contact_moves_a_body_less_than_many(bodies):
    wide = around(5.0, FOX, AIR)
    common = bodies.learn(samples(bodies, wide))
    far = [(11.0, 8.0, True, FOX, AIR)]
    once, often = (bodies.learn(samples(bodies, wide + far * many)) for many in (1, 40))

    def reach(found):
        deep = bodies.margins(torch.tensor([[[11.0, 8.0, 2.0]]]), torch.tensor(found[FOX, AIR])[None])
        return float(deep[0])

    assert reach(common) < reach(once) < 0.0 < reach(often)


def test_a_fighter_that_nobody_saw_has_the_common_shape_at_its_height(bodies):
    found = bodies.learn(samples(bodies, around(6.0, FOX, STAND)))
    assert (MARTH, STAND) not in found
    shape = bodies.shape_of(found, MARTH, STAND)
    assert shape.tolist() == (found[None, STAND] * HEIGHT[Character.MARTH]).tolist()
    assert np.isfinite(shape).all()


def test_a_throw_pushes_the_moves_before_it_down_the_queue(bodies):
    frames = Frames.allocate((30,))
    body = frames.players
    body.state[:] = st.WAIT

    def lands(row, state, move, hitlag):
        body.state[row, 0], body.hitlag[row, 0] = state, hitlag
        body.last_attack_landed[row:, 0] = move
        body.percent[row:, 1] += 5.0

    lands(5, st.ATTACK_HI_3, 8, 4.0)
    lands(10, st.THROW_F + 2, 55, 0.0)
    lands(15, st.ATTACK_HI_3, 8, 4.0)
    assert bodies.freshness(frames, 0)[[5, 10, 15]].tolist() == pytest.approx([1.0, 1.0, 1.0 - 0.08])
