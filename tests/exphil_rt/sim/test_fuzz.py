"""Random inputs: nothing becomes nan, leaves its range or hangs, for every fighter on every stage."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.frames import Controllers
from exphil_rt.game.ids import PLAYABLE, Character, Stage
from exphil_rt.game.lane import GameSetup
from exphil_rt.sim import STAGES, EmbeddedLane


def pads_of(rng: np.random.Generator, count: int) -> Controllers:
    pads = Controllers.allocate((count, 2))
    pads.buttons[:] = rng.choice([0, 0, 0, 0x100, 0x200, 0x400, 0x800, 0x40, 0x20, 0x10, 0xF70], (count, 2))
    for name in ("joystick_x", "joystick_y", "cstick_x", "cstick_y"):
        stick = rng.uniform(-1, 1, (count, 2)) * rng.choice([0, 1, 1, 3], (count, 2))
        getattr(pads, name)[:] = np.clip(stick, -1, 1)
    pads.trigger[:] = rng.choice([0, 0, 0.2, 0.5, 1.0], (count, 2))
    pads.raw_x[:] = np.round(pads.joystick_x * 80)
    return pads


def fuzz(seed: int, frames: int, hold: int) -> None:
    games = [(who, stage) for who in PLAYABLE for stage in STAGES]
    lane = EmbeddedLane(len(games))
    rng = np.random.default_rng(seed)
    foes = rng.permutation([int(who) for who, _ in games])
    for slot, (who, stage) in enumerate(games):
        setup = GameSetup(game_id=slot, stage=stage, characters=(who, int(foes[slot])), stocks=99)
        lane.start(slot, setup)
    everyone = np.arange(len(games), dtype=np.int32)
    flat = np.array([stage == Stage.FINAL_DESTINATION for _, stage in games])
    seen: set[int] = set()
    followed = np.zeros((len(games), 2), bool)
    for step in range(frames):
        slots = lane.ready()
        if step % hold == 0:
            pads = pads_of(rng, len(games))
        lane.commit(slots, pads[slots], lane.frames(slots).frame + 1)
        if step % 7:
            continue
        players = lane.frames(everyone).players
        seen |= set(players.state.ravel().tolist())
        for name, values in players.arrays().items():
            assert np.isfinite(values).all(), name
        assert (np.abs(players.position_x) < 600).all()
        inside = (
            (np.abs(players.position_x) < 75)
            & (players.position_y > -9)
            & (players.position_y + lane.players["ecb"] < -1.0)
        )  # the lowest point lands, which is above the position with the legs tucked in
        alive = players.state > st.REBIRTH_WAIT
        free = lane.players["held"] == 0  # throws carry some into the ground, as real ones do
        inside &= alive & free & flat[:, None]
        assert not inside.any(), players.state[inside]
        assert (np.abs(players.position_y) < 600).all()
        assert (np.abs(players.facing) == 1).all()
        assert ((players.percent >= 0) & (players.percent <= 999)).all()
        assert ((players.shield >= 0) & (players.shield <= 60)).all()
        assert (players.state < 400).all()
        assert ((players.hitlag >= 0) & (players.hitlag <= 20)).all()
        assert ((lane.fighters["held"] > 0).sum(axis=(0, 2)) <= 2).all()
        by_player = (lane.players["held"] == 1) | (lane.players["held"] == 2)  # Nana may catch who holds her Popo
        assert not by_player.all(axis=1).any()
        nanas = lane.frames(everyone).nanas
        for name, values in nanas.arrays().items():
            assert np.isfinite(values).all(), name
        assert (np.abs(nanas.position_x) < 600).all()
        assert ((nanas.percent >= 0) & (nanas.percent <= 999)).all()
        assert ((nanas.hitlag >= 0) & (nanas.hitlag <= 20)).all()
        assert (lane.followers["t"][nanas.exists > 0] <= 1300).all()
        followed |= nanas.exists > 0
        stuck = lane.players["t"] > 1300  # only Wait and Fall-like states last, and these inputs leave both
        assert not stuck.any(), lane.players["state"][stuck]
    popos = np.array(
        [[int(who) == Character.POPO, int(foe) == Character.POPO] for (who, _), foe in zip(games, foes, strict=True)]
    )
    assert (followed == popos).all()
    assert len(seen) > 80
    assert sum(state >= st.FIRST_SPECIAL for state in seen) > 40


def test_random_inputs_for_every_fighter_on_every_stage():
    fuzz(seed=1, frames=1500, hold=5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_inputs_for_long(seed):
    fuzz(seed=10 + seed, frames=20_000, hold=(1, 3, 8, 20)[seed])
