"""Taking a hit: damage and staling, knockback, hitlag, hitstun, DI, and which damage state shows it.

Formulas: the knockback formula of the game as documented by the community (https://www.ssbwiki.com/Knockback and
https://github.com/doldecomp/melee for names), constants from ``data/common.json``.
"""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.enter import enter, leave_ground
from exphil_rt.sim.hit_table import ELECTRIC, THROWN
from exphil_rt.sim.inputs import LONG_AGO, NEUTRAL_TILT
from exphil_rt.sim.jit import njit
from exphil_rt.sim.random import uniform
from exphil_rt.sim.shield import guards
from exphil_rt.sim.state import FIGHTERS, STALE_SLOTS

DOMAIN_FLY_ROLL = 1
WEAK = 7.0  # a blow of less leaves one who lies down lying (real replays: 6.96 did, 7.70 did not)
THROW_WEIGHT = 100.0  # throws launch everyone as if of this weight (real replays)


@njit
def knockback(percent: float, staled: float, base: float, weight: float, kbg: float, wdsk: float, bkb: float,
              c: Any) -> float:  # fmt: skip
    """Knockback of a hit.

    Args:
        percent: the victim's percent before the hit (its integer part counts).
        staled: damage dealt, staling and charge included.
        base: the hitbox's own damage.
        weight: the victim's weight.
        kbg: knockback growth, percent.
        wdsk: set knockback, 0 for none (weight dependent).
        bkb: base knockback.
        c: the common constants.
    """
    factor = c.kb_weight_num / (weight + c.kb_weight_add)
    if wdsk > 0.0:
        part = 1.0 + c.kb_wdsk_mul * wdsk * c.kb_damage_mul
    else:
        p = math.floor(percent) + staled
        part = p * c.kb_percent_mul + p * math.floor(base) * c.kb_damage_mul
    kb = (part * factor * c.kb_growth_mul + c.kb_base_add) * kbg * 0.01 + bkb
    return float(min(kb, c.kb_applied_max))


@njit
def hitlag_frames(damage: float, electric: bool, crouching: bool, c: Any) -> float:
    """Frames of hitlag of a hit."""
    frames = math.floor(damage * c.hitlag_dmg_mul + c.hitlag_base)
    if electric:
        frames = math.floor(frames * c.hitlag_electric_mul)
    if crouching:
        frames = math.floor(frames * c.hitlag_crouch_mul)
    return float(min(max(frames, 1.0), 20.0))


@njit
def stale_factor(game: Any, side: int, move: int, c: Any) -> float:
    """Share of its damage that ``move`` of a side (both climbers of it) still does."""
    lost = 0.0
    for n in range(STALE_SLOTS):
        if game.stale[side, (game.stale_next[side] - 1 - n) % STALE_SLOTS] == move:
            lost += c.stale_weights_0 - 0.01 * n
    return 1.0 - lost


@njit
def push_stale(game: Any, side: int, move: int, serial: int) -> None:
    """Enter ``move`` into a side's queue, once for each use of it, which ``serial`` tells."""
    for n in range(STALE_SLOTS):
        if game.stale[side, n] == move and game.stale_serial[side, n] == serial:
            return
    game.stale[side, game.stale_next[side]] = move
    game.stale_serial[side, game.stale_next[side]] = serial
    game.stale_next[side] = (game.stale_next[side] + 1) % STALE_SLOTS


@njit
def use_of(pl: Any, n: int) -> int:
    """The use of a move that fighter ``n`` is in, as the queue tells them apart."""
    return int(pl.attack_serial) * FIGHTERS + n


@njit
def launch_angle(angle: float, kb: float, airborne: bool, c: Any) -> float:
    """Launch angle in radians; 361 is the Sakurai angle."""
    if angle == 361.0:
        if airborne:
            angle = c.sakurai_air_deg
        elif kb < c.sakurai_kb_threshold_0:
            angle = 0.0
        elif kb >= c.sakurai_kb_threshold_1:
            angle = c.sakurai_ground_max_deg
        else:
            span = c.sakurai_kb_threshold_1 - c.sakurai_kb_threshold_0
            angle = c.sakurai_ground_max_deg * (kb - c.sakurai_kb_threshold_0) / span
    return angle * math.pi / 180.0


@njit
def damage_state(pl: Any, c: Any, kb: float, angle: float, was_air: bool, part: int, roll: float) -> int:
    """The damage state of a hit on a ``part`` of the body (hurt.HEAD, BODY or LEGS)."""
    level = 0
    if pl.hitstun >= c.damage_level_hitstun_0:
        level = 1
    if pl.hitstun >= c.damage_level_hitstun_1:
        level = 2
    if pl.hitstun >= c.damage_level_hitstun_2:
        level = 3
    if level == 3:
        if c.damageflytop_angle_rad_0 <= angle <= c.damageflytop_angle_rad_1:
            return st.DAMAGE_FLY_TOP
        if pl.percent >= c.damagefly_roll_percent and roll < c.damagefly_roll_prob:
            return st.DAMAGE_FLY_ROLL
        return st.DAMAGE_FLY_HI + part
    if was_air:
        return st.DAMAGE_AIR_1 + level
    return st.DAMAGE_HI_1 + 3 * part + level


@njit
def lies(state: int) -> bool:
    """Lying on the ground, or bouncing off it."""
    return bool(st.DOWN_BOUND_U <= state <= st.DOWN_DAMAGE_U or st.DOWN_BOUND_D <= state <= st.DOWN_DAMAGE_D)


@njit
def braces(pl: Any, c: Any) -> bool:
    """L or R was pressed just before, in a jump, a fall or an air dodge: the launch is a little slower."""
    moves = st.JUMP_F <= pl.state <= st.FALL_SPECIAL + 2 or pl.state == st.DAMAGE_FALL or pl.state == st.ESCAPE_AIR
    return bool(moves and pl.since_lr <= c.air_motion_frames and pl.since_lr_before >= c.tech_lr_lockout)


@njit
def take_hit(pl: Any, t: Any, game: Any, n: int, box: Any, damage: float, charge: float, direction: float,
             part: int) -> None:  # fmt: skip
    """``pl`` (fighter ``n``) is hit by ``box``.

    Args:
        pl: the victim.
        t: the tables.
        game: the game's record.
        n: the victim's index, the key of its draws.
        box: the hitbox, a CIRCLE record.
        damage: percent dealt, staled and charged.
        charge: factor that a charged smash puts on the hitbox's own damage, 1 for none.
        direction: -1 or 1, where the launch goes.
        part: where the body was hit, hurt.HEAD, BODY or LEGS.
    """
    c = t.common[0]
    at = t.fighters[pl.character]
    crouching = pl.state == st.SQUAT_WAIT or pl.state == st.SQUAT
    charging = pl.charge > 0 and st.ATTACK_S4_S <= pl.state <= st.ATTACK_LW_4
    weight = THROW_WEIGHT if box.element == THROWN else at.weight
    kb = knockback(pl.percent, damage, box.damage * charge, weight, box.kbg, box.wdsk, box.bkb, c)
    if crouching:
        kb *= c.kb_crouch_mul
    if charging:
        kb *= c.kb_smashcharge_mul
    pl.percent = min(pl.percent + damage, 999.0)
    if kb <= 0.0:
        return  # nor does it stop anybody (real replays: Fox's laser)
    pl.hitlag = hitlag_frames(damage, box.element == ELECTRIC, crouching, c)
    was_air = pl.airborne != 0
    angle = launch_angle(box.angle, kb, was_air, c)
    speed = kb * c.kb_vel_mul
    if was_air and braces(pl, c):
        speed *= c.air_motion_kb_mul
    kx = math.cos(angle) * speed * direction
    ky = math.sin(angle) * speed
    if abs(ky) < 1e-5:
        ky = 0.0
    pl.hitstun = math.floor(kb * c.hitstun_mul)
    fly = pl.hitstun >= c.damage_level_hitstun_2
    if not was_air and ky < 0.0:
        # driven into the ground: bounce when launched, else slide
        ky = -ky * 0.8 if fly else 0.0
    if pl.merge_frames == 0 and (pl.kx != 0.0 or pl.ky != 0.0):
        # still flying from an older hit: the larger speed of each axis where they agree, the sum where not; a blow
        # that follows another one closely replaces it
        kx = (kx if abs(kx) > abs(pl.kx) else pl.kx) if kx * pl.kx > 0.0 else kx + pl.kx
        ky = (ky if abs(ky) > abs(pl.ky) else pl.ky) if ky * pl.ky > 0.0 else ky + pl.ky
    pl.merge_frames = int(c.merge_frames)
    pl.kx = kx
    pl.ky = ky
    pl.vx = 0.0
    pl.vy = 0.0
    pl.gv = 0.0
    if direction != 0.0:
        pl.facing = -direction
    roll = uniform(game.seed, DOMAIN_FLY_ROLL, game.game_id, game.frame, n)
    state = damage_state(pl, c, kb, angle, was_air, part, roll)
    if lies(pl.state) and damage < WEAK:
        state = st.DOWN_DAMAGE_D
    if not was_air and (ky > 0.0 or fly):
        leave_ground(pl)
    pl.fastfall = 0
    pl.tumble = 1 if fly else 0
    pl.di_pending = 1
    pl.ledge = 0
    pl.tilt_x = NEUTRAL_TILT  # a flick from before the hit shifts nothing (real replays)
    pl.tilt_y = NEUTRAL_TILT
    pl.since_xy = LONG_AGO
    enter(pl, t, state)


@njit
def influence(pl: Any, t: Any) -> None:
    """DI: the stick across the launch turns it."""
    size = math.sqrt(pl.kx * pl.kx + pl.ky * pl.ky)
    if size == 0.0 or pl.airborne == 0:
        return
    # how far the stick points across the launch, -1..1
    across = (pl.stick_y * pl.kx - pl.stick_x * pl.ky) / size
    turn = t.common[0].di_max_deg * math.pi / 180.0 * across * across
    if across < 0.0:
        turn = -turn
    angle = math.atan2(pl.ky, pl.kx) + turn
    pl.kx = size * math.cos(angle)
    pl.ky = size * math.sin(angle)


@njit
def leave_hitlag(pl: Any, t: Any) -> None:
    """The last frame of hitlag is over: automatic shift, then DI."""
    c = t.common[0]
    if pl.di_pending == 0:
        return
    pl.di_pending = 0
    by_c = abs(pl.c_x) + abs(pl.c_y) > 0.0
    x = pl.c_x if by_c else pl.stick_x
    y = pl.c_y if by_c else pl.stick_y
    if guards(pl):
        if abs(x) >= c.sdi_radius:  # a stick aslant moves a shield only as far as it points to the side (real replays)
            pl.shift_x = x * c.asdi_step_mul * c.shield_sdi_mul
        return
    if math.sqrt(x * x + y * y) >= c.sdi_radius:
        pl.shift_x = x * c.asdi_step_mul
        pl.shift_y = y * c.asdi_step_mul
    influence(pl, t)


@njit
def shift_in_hitlag(pl: Any, t: Any) -> None:
    """SDI: each new flick during hitlag moves the victim."""
    c = t.common[0]
    if pl.hitlag <= 0.0 or pl.di_pending == 0:
        return
    x, y = pl.stick_x, pl.stick_y
    now = math.sqrt(x * x + y * y)
    if now >= c.sdi_radius and (pl.tilt_x < c.sdi_frames or pl.tilt_y < c.sdi_frames):
        pl.tilt_x = NEUTRAL_TILT  # the flick is spent
        pl.tilt_y = NEUTRAL_TILT
        if guards(pl):
            pl.shift_x = x * c.sdi_step * c.shield_sdi_mul
            return
        pl.shift_x = x * c.sdi_step
        pl.shift_y = y * c.sdi_step
