"""Scripted opponents: legal, deterministic, as slow as their level says, and good at what they are for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from exphil_rt.game.frames import Controllers, Frames
from exphil_rt.game.ids import PLAYABLE, Character, Stage
from exphil_rt.game.lane import GameSetup
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.sim import STAGES, EmbeddedLane
from exphil_rt.sim.cpu import LEVELS, NAMES, CpuPlayers, level_of
from exphil_rt.sim.cpu.levels import settings
from exphil_rt.sim.cpu.players import NoSuchLevel


def setup(number=0, characters=(Character.FOX, Character.MARTH), stage=Stage.FINAL_DESTINATION, **more):
    fighters = (int(characters[0]), int(characters[1]))
    return GameSetup(game_id=number, stage=int(stage), characters=fighters, **({"seed": 3} | more))


def play(setups, levels, seed=1, frames=10_000):
    """Games between scripted players (None: a pad that nobody touches); pads ``[T, N, 2]`` and ends by game."""
    lane = EmbeddedLane(len(setups))
    for slot, one in enumerate(setups):
        lane.start(slot, one)
    players, everyone = CpuPlayers(2 * len(setups), seed), np.arange(len(setups), dtype=np.int32)
    game = np.array([one.game_id for one in setups])
    shown, ends = [], {}
    for _ in range(frames):
        if not len(ready := lane.ready()):
            break
        now = lane.frames(everyone)[ready]
        pads = Controllers.allocate((len(ready), 2))
        for port in (0, 1):
            if levels[port] is not None:
                held = players.act(now, port, levels[port], rows=2 * ready + port, game=game[ready])
                pads.assign((slice(None), port), held)
        shown.append(pads)
        lane.commit(ready, pads, now.frame + 1)
        ends |= {end.slot: end for end in lane.ended()}
    lane.close()
    return shown, ends


def test_names_and_levels():
    assert [level_of(name) for name in NAMES] == list(LEVELS)
    assert [level_of(name) for name in ("cpu0", "cpu10", "cpu", "random", "CPU3")] == [0] * 5
    for low, high in itertools.pairwise(LEVELS):
        weaker, stronger = settings(low), settings(high)
        assert stronger.reaction < weaker.reaction
        assert stronger.aim < weaker.aim
        assert stronger.recovery > weaker.recovery
    frames = Frames.allocate((2,))
    with pytest.raises(NoSuchLevel, match="no cpu0"):
        CpuPlayers(2).act(frames, 0, 0)


def test_inputs_are_those_of_a_real_controller():
    setups = [setup(n, (who, Character.FOX), max_frames=500) for n, who in enumerate(PLAYABLE)]
    shown, ends = play(setups, (9, 4))
    assert len(ends) == len(PLAYABLE)
    codec = ActionCodec()
    pressed = np.zeros((), np.uint16)
    for pads in shown:
        again = codec.decode(codec.encode(pads))
        assert (np.abs(pads.joystick_x) <= 1).all()
        assert (np.hypot(pads.joystick_x, pads.joystick_y) <= 1.0 + 1e-6).all()
        assert np.array_equal(again.buttons, pads.buttons), "the codec can say every button"
        assert np.array_equal(again.trigger >= 0.35, pads.trigger >= 0.35)
        assert (np.abs(again.joystick_x - pads.joystick_x) < 0.1).all()
        assert (np.abs(again.joystick_y - pads.joystick_y) < 0.1).all()
        pressed |= np.bitwise_or.reduce(pads.buttons, axis=None)
    assert int(pressed).bit_count() >= 4, "A, X, L and Z at least are pressed"


def test_a_game_does_not_depend_on_what_is_played_beside_it():
    one, _ = play([setup(7, max_frames=400)], (6, 8))
    many, _ = play([setup(n, max_frames=400) for n in (5, 6, 7, 8)], (6, 8))
    again, _ = play([setup(7, max_frames=400)], (6, 8))
    other, _ = play([setup(7, max_frames=400)], (6, 8), seed=2)
    for name, values in one[-1].arrays().items():
        assert all(np.array_equal(a.arrays()[name][0], b.arrays()[name][2]) for a, b in zip(one, many, strict=True))
        assert all(np.array_equal(a.arrays()[name], b.arrays()[name]) for a, b in zip(one, again, strict=True))
        assert values.shape == (1, 2)
    assert any((a.buttons != b.buttons).any() for a, b in zip(one, other, strict=True)), "the seed is a key"


@pytest.mark.parametrize("level", [1, 5, 9])
def test_it_notices_nothing_sooner_than_its_reaction_time(level):
    rng = np.random.default_rng(level)
    late = int(settings(level).reaction)
    players = CpuPlayers(2, seed=4)
    frames = Frames.allocate((2,))
    frames.stage[:] = Stage.FINAL_DESTINATION
    frames.players.exists[:] = 1
    frames.players.state[:] = 14
    frames.players.shield[:] = 60
    frames.players.jumps[:] = 2
    frames.players.character[:] = (Character.FOX, Character.MARTH)
    frames.players.position_x[:] = (-20, 30)
    frames.players.facing[:] = (1, -1)
    differs = None
    for frame in range(-123, 600):
        frames.frame[:] = frame
        if frame == 100:  # for one of the two rows, the other fighter comes near and strikes
            frames.players.position_x[1, 1] = -10
            frames.players.state[1, 1] = 53
        if frame > 100:
            frames.players.state_age[1, 1] = frame % 20
        frames.players.position_x[:, 0] = rng.uniform(-21, -19)
        pads = players.act(frames, 0, level, game=1)
        same = all((values[0] == values[1]).all() for values in pads.arrays().values())
        if not same and differs is None:
            differs = frame
    assert differs is not None
    assert differs - 100 >= late


def test_what_it_remembers_can_be_put_back():
    players, other = CpuPlayers(4, seed=1), CpuPlayers(4, seed=1)
    lane = EmbeddedLane(2)
    for slot in (0, 1):
        lane.start(slot, setup(slot))
    everyone, rows = np.arange(2, dtype=np.int32), np.array([0, 2])
    for step in range(500):
        now = lane.frames(everyone).copy()
        if step == 250:
            other.load_export(rows, players.export(rows))
        mine = players.act(now, 0, 7, rows=rows, game=everyone)
        if step >= 250:
            theirs = other.act(now, 0, 7, rows=rows, game=everyone)
            assert all(np.array_equal(a, theirs.arrays()[name]) for name, a in mine.arrays().items())
        pads = Controllers.allocate((2, 2))
        pads.assign((slice(None), 0), mine)
        lane.commit(everyone, pads, now.frame + 1)
    lane.close()
    with pytest.raises(ValueError, match="bytes a row"):
        other.load_export(rows, players.export(rows)[:, 1:])


def test_the_best_beats_a_pad_that_nobody_touches_and_stays_alive():
    setups = [setup(n, (who, Character.FOX), STAGES[n % len(STAGES)], stocks=2) for n, who in enumerate(PLAYABLE)]
    _, ends = play(setups, (9, None), frames=5000)
    won = [end for end in ends.values() if end.winner == 0 and end.reason == "stocks"]
    assert len(won) >= len(PLAYABLE) - 2
    assert sum(end.stocks[0] for end in won) >= 2 * len(won) - 2, "hardly any threw itself off the stage"


def test_every_fighter_plays_at_every_level():
    setups = [setup(n, (who, PLAYABLE[-1 - n]), max_frames=300) for n, who in enumerate(PLAYABLE)]
    for level in (1, 3, 5):
        _, ends = play(setups, (level, 10 - level), frames=400)
        assert len(ends) == len(PLAYABLE)
