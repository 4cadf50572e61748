"""Hits: damage, knockback, hitlag, hitstun, DI, staling, shields, grabs, against known values of the real game."""

from __future__ import annotations

import math

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character
from exphil_rt.sim import damage, kernel
from exphil_rt.sim.shield import recoil, shield_place, whole

FOX, MEWTWO, MARTH = Character.FOX, Character.MEWTWO, Character.MARTH


def common():
    return kernel.load().tables[0]["common"][0]


@pytest.mark.parametrize(
    ("percent", "dealt", "base", "weight", "kbg", "wdsk", "bkb", "expected"),
    [
        # Mewtwo's forward air on Fox at 0 %, a real replay: speed 2.2776, hitstun 30
        (0.0, 14.0, 14.0, 75.0, 100.0, 0.0, 40.0, 75.92),
        # staled second hit of the same replay at 14 %: 12.74 %, speed 2.7668
        (14.0, 12.74, 14.0, 75.0, 100.0, 0.0, 40.0, 92.2277),
        # the published form of the formula, percent after the hit p, damage d, weight w
        (50.0, 10.0, 10.0, 100.0, 70.0, 0.0, 30.0, (((60 / 10 + 60 * 10 / 20) * 200 / 200 * 1.4) + 18) * 0.7 + 30),
        # set knockback does not know percent
        (0.0, 3.0, 3.0, 100.0, 100.0, 30.0, 0.0, (1 + 10 * 30 / 20) * 1.4 + 18),
        (150.0, 3.0, 3.0, 100.0, 100.0, 30.0, 0.0, (1 + 10 * 30 / 20) * 1.4 + 18),
        (999.0, 50.0, 50.0, 55.0, 300.0, 0.0, 100.0, 2500.0),
    ],
)
def test_knockback_formula(percent, dealt, base, weight, kbg, wdsk, bkb, expected):
    kb = damage.knockback(percent, dealt, base, weight, kbg, wdsk, bkb, common())
    assert kb == pytest.approx(expected, rel=1e-4)


def test_hitlag_formula():
    c = common()
    assert damage.hitlag_frames(12.0, False, False, c) == 7
    assert damage.hitlag_frames(12.0, True, False, c) == 10
    assert damage.hitlag_frames(12.0, False, True, c) == 4


def test_sakurai_angle():
    c = common()
    assert damage.launch_angle(361.0, 100.0, True, c) == pytest.approx(math.radians(45))
    assert damage.launch_angle(361.0, 100.0, False, c) == pytest.approx(math.radians(44))
    assert damage.launch_angle(361.0, 20.0, False, c) == 0.0
    assert damage.launch_angle(90.0, 20.0, False, c) == pytest.approx(math.pi / 2)


def beside(new_game, attacker=FOX, victim=MEWTWO, gap=8.0):
    """Attacker at the middle facing right, victim ``gap`` before it."""
    game = new_game((attacker, victim))
    game.put(0, 0.0, 1.0)
    game.put(1, gap, -1.0)
    game.step()
    return game


def up_smash(game):
    game.pad(cy=1.0)
    game.step()
    game.pad()


def test_an_up_smash_launches_on_its_frame(new_game):
    game = beside(new_game, gap=4.0)
    up_smash(game)
    frames = game.until(lambda: bool(game.player(1).hitlag > 0))
    assert frames + 1 == 7  # Fox's up smash hits on frame 7
    victim = game.player(1)
    assert victim.percent == pytest.approx(18.0)
    assert victim.hitlag == 9  # floor(18/3 + 3)
    assert game.player(0).hitlag == 9
    kb = ((18 / 10 + 18 * 18 / 20) * 200 / 185 * 1.4 + 18) * 1.12 + 30
    assert victim.hitstun == math.floor(kb * 0.4)
    assert math.hypot(victim.knockback_x, victim.knockback_y) == pytest.approx(kb * 0.03, rel=1e-4)
    assert math.degrees(math.atan2(victim.knockback_y, victim.knockback_x)) == pytest.approx(80.0, abs=1e-3)
    assert victim.last_hit_by == 0
    assert game.player(0).last_attack_landed == 11
    place = float(victim.position_y)
    game.step(8)
    assert game.player(1).position_y == place  # frozen in hitlag
    game.step()
    assert game.player(1).position_y > place
    assert game.player(1).percent == pytest.approx(18.0)  # one hit a swing


def test_directional_influence_turns_the_launch_by_at_most_18_degrees(new_game):
    angles = {}
    for x in (0.0, -1.0, 1.0):
        game = beside(new_game, gap=4.0)
        up_smash(game)
        game.until(lambda game=game: bool(game.player(1).hitlag > 0))
        game.pad(1, x=x)
        game.until(lambda game=game: bool(game.player(1).hitlag == 0))
        victim = game.player(1)
        angles[x] = math.degrees(math.atan2(victim.knockback_y, victim.knockback_x))
    assert angles[0.0] == pytest.approx(80.0, abs=1e-2)
    full = 18.0 * math.sin(math.radians(80)) ** 2
    assert angles[-1.0] - angles[0.0] == pytest.approx(full, abs=0.05)
    assert angles[0.0] - angles[1.0] == pytest.approx(full, abs=0.05)


def test_repeated_moves_stale(new_game):
    game = beside(new_game, gap=4.0)
    dealt = []
    for _ in range(3):
        before = float(game.player(1).percent)
        up_smash(game)
        game.until(lambda before=before: bool(game.player(1).percent > before))
        dealt.append(float(game.player(1).percent) - before)
        game.until(lambda: game.state(0) == st.WAIT)
        game.until(lambda: game.state(1) in (st.WAIT, st.DOWN_WAIT_U, st.DOWN_WAIT_D), 900)
        game.pad(1, y=0.0 if game.state(1) == st.WAIT else 1.0)
        game.until(lambda: game.state(1) == st.WAIT)
        game.pad(1)
        game.put(0, 0.0, 1.0)
        game.put(1, 4.0, -1.0)
        game.step()
    assert dealt == pytest.approx([18.0, 18.0 * 0.91, 18.0 * 0.83], rel=1e-4)


def test_a_miss_hits_nobody(new_game):
    game = beside(new_game, gap=60.0)
    up_smash(game)
    game.step(60)
    assert game.player(1).percent == 0


def test_crouching_shortens_knockback(new_game):
    speeds = []
    for y in (0.0, -1.0):
        game = beside(new_game, gap=5.0)
        game.pad(1, y=y)
        game.step(12)
        game.pad(0, buttons=Button.A, y=-0.4)
        game.step()
        game.pad()
        game.until(lambda game=game: bool(game.player(1).hitlag > 0))
        speeds.append(math.hypot(game.player(1).knockback_x, game.player(1).knockback_y))
    assert speeds[1] / speeds[0] == pytest.approx(2 / 3, rel=1e-4)


def test_landing_lag_and_l_cancel(new_game):
    lags = {}
    for cancel in (False, True):
        game = new_game((FOX, MEWTWO))
        game.pad(buttons=Button.X)
        game.step()
        game.pad()
        game.until(lambda game=game: bool(game.player().airborne))
        game.step(6)
        game.pad(cx=1.0)
        game.step()
        game.pad()
        while game.player().airborne:
            game.pad(buttons=Button.R if cancel and game.player().position_y < 3.0 and game.player().self_y < 0 else 0)
            game.step()
        assert game.state() == st.LANDING_AIR_F
        assert game.player().l_cancel == (1 if cancel else 2)
        game.pad()
        lags[cancel] = game.until(lambda game=game: game.state() == st.WAIT)
    assert lags == {False: 22, True: 11}


@pytest.mark.parametrize(("trigger", "early", "fast"), [(0.5, 3, True), (0.5, 9, False), (0.2, 3, False)])
def test_a_light_press_cancels_landing_lag_too(new_game, trigger, early, fast):
    game = new_game((FOX, MEWTWO))
    game.pad(buttons=Button.X)
    game.step()
    game.pad()
    game.until(lambda: bool(game.player().airborne))
    game.step(6)
    game.pad(cx=1.0)
    game.step()
    game.pad()
    twin = game.lane.save(0)
    flight = game.until(lambda: game.state() == st.LANDING_AIR_F)
    game.lane.restore(0, twin)
    game.step(flight - early)
    game.pad(trigger=trigger)
    game.step(early)
    assert game.state() == st.LANDING_AIR_F
    assert game.player().l_cancel == (1 if fast else 2)


def test_shield_takes_the_hit_and_stuns(new_game):
    game = beside(new_game, gap=6.0)
    game.pad(1, buttons=Button.R)
    game.step(10)
    before = float(game.player(1).shield)
    assert game.state(1) == st.GUARD
    up_smash(game)
    game.until(lambda: game.state(1) == st.GUARD_SET_OFF)
    assert game.player(1).percent == 0
    assert before - game.player(1).shield > 0.7 * 18
    game.until(lambda: game.state(1) == st.GUARD)
    game.pad(1)
    game.step()
    assert game.state(1) == st.GUARD_OFF


def test_a_shield_held_too_long_breaks(new_game):
    game = new_game()
    game.pad(buttons=Button.R)
    frames = game.until(lambda: game.state() == st.SHIELD_BREAK_FLY)
    assert frames == pytest.approx(60 / 0.28, abs=2)
    game.pad()
    game.until(lambda: game.state() == st.FURAFURA)
    game.until(lambda: game.state() == st.WAIT, 800)


def test_a_broken_shield_throws_jigglypuff_over_the_top(new_game):
    game = new_game((Character.JIGGLYPUFF, FOX))
    game.pad(buttons=Button.R)
    game.until(lambda: game.state() == st.SHIELD_BREAK_FLY)
    game.pad()
    game.until(lambda: game.player().stocks == 3)


def test_a_launch_from_the_ground_takes_the_jump_from_it(new_game):
    """In 262 launches of real replays, without an exception."""
    game = beside(new_game)
    assert game.player(1).jumps == 2
    game.pad(cy=1.0)
    game.until(lambda: bool(game.player(1).airborne), 60)
    assert game.player(1).jumps == 1


def test_grab_and_throw(new_game):
    game = beside(new_game, attacker=MARTH, gap=7.0)
    game.pad(buttons=Button.Z)
    game.step()
    assert game.state() == st.CATCH
    game.pad()
    game.until(lambda: game.state() == st.CATCH_WAIT)
    assert game.state(1) == st.CAPTURE_WAIT_LW
    game.pad(x=1.0)
    game.step()
    assert (game.state(0), game.state(1)) == (st.THROW_F, st.THROWN_F)
    game.until(lambda: bool(game.player(1).percent > 0))
    assert game.player(1).knockback_x > 0
    assert game.player(1).jumps == 1
    game.pad()
    game.until(lambda: game.state() == st.WAIT)


@pytest.mark.parametrize("feet_first", [False, True])
def test_each_hitbox_is_tried_against_shield_and_body_before_the_next(new_game, feet_first):
    game = beside(new_game, gap=8.0)
    tables = game.lane.tables
    first = int(tables["hit_frames"][int(tables["anim"][int(FOX), st.ATTACK_S3_S]["hit_offset"])]["offset"])
    kept = tables["circles"][first : first + 2].copy()
    feet, middle = (tables["circles"][first + n] for n in ((0, 1) if feet_first else (1, 0)))
    feet["x"], feet["y"], feet["radius"] = 8.0, 1.0, 0.3  # below the bubble
    middle["x"], middle["y"] = 8.0, 9.0
    try:
        game.lane.players[0, 1]["shield"] = 15.0
        game.pad(1, buttons=Button.L)
        game.pad(x=0.5, buttons=Button.A)
        game.step(8)
    finally:
        tables["circles"][first : first + 2] = kept
    assert (game.state(1) == st.GUARD_SET_OFF) is not feet_first
    assert (game.player(1).percent == 0) is not feet_first


def test_the_bubble_follows_the_stick(new_game):
    game = new_game((MEWTWO, FOX))
    game.pad(1, buttons=Button.R)
    game.step(12)
    body, tables = game.lane.players[0, 1], game.lane.tables
    at_rest = shield_place(body, tables)
    facing = float(body["facing"])
    assert at_rest[0] - body["x"] == pytest.approx(2.616 * facing, abs=1e-3)
    assert at_rest[1] - body["y"] == pytest.approx(8.64, abs=1e-3)
    game.pad(1, buttons=Button.R, y=-0.5)  # too little to dodge on the spot
    game.step()
    halfway = shield_place(body, tables)
    game.step(20)
    tilted = shield_place(body, tables)
    assert at_rest[1] > halfway[1] > tilted[1]
    assert tilted[1] - body["y"] == pytest.approx(8.64 - 0.5 * (8.64 - 2.883), abs=0.05)


def test_blows_of_less_than_a_percent_count_as_one_to_a_shield():
    assert [whole(damage) for damage in (0.4, 1.0, 3.9)] == [1.0, 1.0, 3.0]


@pytest.mark.parametrize("airborne", [False, True])
def test_only_an_attacker_on_the_ground_is_pushed_off_a_shield(airborne, new_game):
    game = beside(new_game, gap=6.0)
    body = game.lane.players[0, 0]
    body["airborne"] = airborne
    recoil(body, 10.0, 1.0, 1.0, game.lane.tables["common"][0])
    assert (float(body["recoil"]) < 0.0) is not airborne


def test_a_held_fighter_breaks_free(new_game):
    game = beside(new_game, attacker=MARTH, gap=7.0)
    game.pad(buttons=Button.Z)
    game.step()
    game.pad()
    game.until(lambda: game.state(1) == st.CAPTURE_WAIT_LW)
    game.until(lambda: game.state(1) == st.CAPTURE_CUT, 120)
    game.until(lambda: game.state(0) == st.WAIT and game.state(1) == st.WAIT)


def test_ledge_is_grabbed_and_climbed(new_game):
    game = new_game((FOX, MEWTWO))
    game.put(0, 75.0, 1.0)
    game.pad(x=1.0)
    game.until(lambda: bool(game.player().airborne))
    game.pad(x=-1.0)
    game.step(4)
    game.lane.players[0, 0]["facing"] = -1.0
    game.until(lambda: game.state() == st.CLIFF_CATCH, 60)
    assert game.player().hurtbox_state == 2
    game.pad()
    game.until(lambda: game.state() == st.CLIFF_WAIT)
    game.pad(y=1.0)
    game.until(lambda: game.state() == st.WAIT)
    assert game.player().position_x < 85.0
    assert not game.player().airborne


def test_every_fighter_has_every_normal():
    tables = kernel.load().tables[0]
    for who in kernel.load().characters:
        for state in (
            st.ATTACK_11, st.ATTACK_DASH, st.ATTACK_S3_S, st.ATTACK_HI_3, st.ATTACK_LW_3, st.ATTACK_S4_S,
            st.ATTACK_HI_4, st.ATTACK_LW_4, *range(st.ATTACK_AIR_N, st.ATTACK_AIR_LW + 1), st.CATCH, st.CATCH_DASH,
        ):  # fmt: skip
            row = tables["anim"][who, state]
            assert row["hit_frames"] > 0, (who, state)
            assert row["length"] > row["hit_first"] > 0, (who, state)
            boxes = tables["hit_frames"][row["hit_offset"] : row["hit_offset"] + row["hit_frames"]]
            assert boxes["count"].sum() > 0
    assert np.isfinite(tables["circles"]["x"]).all()
    assert (tables["throws"]["damage"][sorted(kernel.load().characters)] > 0).all()


def test_death_and_rebirth(new_game):
    game = new_game((FOX, MEWTWO))
    game.pad(x=-1.0)
    game.until(lambda: game.state() == st.DEAD_DOWN, 600)
    assert game.player().stocks == 3
    assert game.until(lambda: game.state() == st.REBIRTH) == 60
    game.pad()
    assert game.until(lambda: game.state() == st.REBIRTH_WAIT) == 60
    assert game.player().position_y == pytest.approx(45.0)
    game.step(10)
    game.pad(x=1.0)
    game.step()
    assert game.state() == st.FALL
    assert game.player().hurtbox_state == 1
    assert game.until(lambda: game.player().hurtbox_state == 0) in (119, 120)


def test_a_blow_soon_after_another_replaces_its_launch(new_game):
    """Real replays: the blows of Mewtwo's neutral air do not add up; a hit long after another one does."""
    rise = {}
    for wait in (5, 0):
        game = beside(new_game, gap=4.0)
        up_smash(game)
        game.step(5)
        body = game.lane.players[0, 1]
        body["airborne"], body["line"], body["state"] = 1, -1, st.FALL
        body["kx"], body["ky"], body["merge_frames"] = 0.0, 5.0, wait + 1
        body["y"] -= 5.0
        game.until(lambda game=game: bool(game.player(1).hitlag > 0), 4)
        rise[wait] = float(game.player(1).knockback_y)
    assert rise[5] < 4.5 < rise[0]


def test_shields_lose_whole_percents_and_push_the_attacker_back(new_game):
    game = beside(new_game, MEWTWO, FOX, gap=12.0)
    game.pad(1, trigger=1.0)
    game.step(12)
    assert game.state(1) == st.GUARD
    game.pad(0, cx=1.0)
    game.step()
    game.pad(0)
    before = 0.0
    while game.player(1).hitlag == 0:
        before = float(game.player(1).shield)
        game.step()
    # forward smash, 12 %: 0.28 held for the frame, 0.7 of whole percents; stun 7.4 frames
    assert before - float(game.player(1).shield) == pytest.approx(0.28 + 0.7 * 12, abs=1e-3)
    assert game.state(1) == st.GUARD_SET_OFF
    place = float(game.player(0).position_x)
    game.until(lambda: bool(game.player(0).hitlag == 0))
    stood = float(game.player(0).position_x)
    assert stood - place == pytest.approx(-0.816, abs=2e-3)  # real replays: 0.07 * 12 + 0.02, less friction
    assert game.until(lambda: game.state(1) == st.GUARD) == 7


def test_a_press_of_the_button_powershields(new_game):
    game = beside(new_game, MEWTWO, FOX, gap=12.0)
    game.pad(0, cx=1.0)
    game.step()
    game.pad(0)
    game.until(lambda: float(game.player(0).state_age) == 16.0)
    game.pad(1, buttons=Button.R)
    game.step()
    assert game.state(1) == st.GUARD_SET_OFF - 3 + 4  # GuardReflect
    game.until(lambda: bool(game.player(1).hitlag > 0), 3)
    assert game.state(1) == st.GUARD_SET_OFF
    assert float(game.player(1).shield) > 59.0


def test_throws_launch_everyone_alike(new_game):
    launches = []
    for victim in (FOX, Character.BOWSER):
        game = beside(new_game, MARTH, victim, gap=7.0)
        game.pad(buttons=Button.Z)
        game.step()
        game.pad()
        game.until(lambda game=game: game.state(0) == st.CATCH_WAIT, 60)
        game.pad(y=1.0)
        game.step()
        game.pad()
        frames = game.until(lambda game=game: game.state(1) != st.THROWN_HI, 90)
        body = game.player(1)
        launches.append((math.hypot(body.knockback_x, body.knockback_y), frames))
    assert launches[0][0] == pytest.approx(launches[1][0], rel=1e-3)
    assert launches[0][1] < launches[1][1]  # the lighter one is thrown faster


def test_a_weak_hit_plays_its_animation_out_but_frees_after_hitstun(new_game):
    game = beside(new_game, FOX, MEWTWO, gap=9.0)
    game.pad(buttons=Button.A)
    game.step()
    game.pad()
    game.until(lambda: bool(game.player(1).hitlag > 0), 30)
    game.until(lambda: bool(game.player(1).hitlag == 0 and game.player(1).hitstun == 0), 60)
    hurt = game.state(1)
    assert st.DAMAGE_HI_1 <= hurt <= st.DAMAGE_AIR_3  # still shown
    game.pad(1, buttons=Button.X)
    game.step()
    assert game.state(1) in (st.KNEE_BEND, st.JUMP_AERIAL_F)
