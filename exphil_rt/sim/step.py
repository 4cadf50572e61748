"""One frame of many games: the phases in the game's order. The only compiled functions that Python calls are here.

Order: animation, pad and interrupts, physics, collisions, grabs, hits, life and death; each phase for both players in
port order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exphil_rt.game import states as st
from exphil_rt.game.frames import FIRST_FRAME, FIRST_PLAYABLE_FRAME
from exphil_rt.sim.anim import animate
from exphil_rt.sim.carry import carry
from exphil_rt.sim.collide import collide
from exphil_rt.sim.damage import shift_in_hitlag
from exphil_rt.sim.enter import enter
from exphil_rt.sim.grab import resolve
from exphil_rt.sim.hits import hits, push_apart
from exphil_rt.sim.inputs import LONG_AGO, NEUTRAL_TILT, read_pad
from exphil_rt.sim.interrupts import interrupt
from exphil_rt.sim.items import item_hits, move_items
from exphil_rt.sim.jit import njit
from exphil_rt.sim.ko import judge, life
from exphil_rt.sim.observe import observe
from exphil_rt.sim.physics import move
from exphil_rt.sim.shield import drain
from exphil_rt.sim.specials.rows import ANIMATE, HIT, INTERRUPT, LANDED, MOVE
from exphil_rt.sim.stage import begin_stage, move_stage, weather
from exphil_rt.sim.state import RUNNING


@njit
def begin_player(pl: Any, t: Any, stage: Any, port: int, character: int, stocks: int) -> None:
    """Put a fighter at its entry."""
    at = t.fighters[character]
    pl.character = character
    pl.stocks = stocks
    pl.exists = 1
    pl.x = stage.spawn[2 * port]
    pl.y = stage.spawn[2 * port + 1]
    pl.facing = 1.0 if pl.x < 0.0 else -1.0
    pl.shield = t.common[0].shield_hp
    pl.jumps = int(at.max_jumps) - 1
    pl.airborne = 1
    pl.line = -1
    pl.last_line = -1
    pl.pass_line = -1
    pl.tilt_x = NEUTRAL_TILT
    pl.tilt_y = NEUTRAL_TILT
    pl.since_lrz = LONG_AGO
    pl.since_lr = LONG_AGO
    pl.since_lr_before = LONG_AGO
    pl.since_side = LONG_AGO
    pl.fall_drift = t.common[0].fall_special_mobility
    pl.last_hit_by = 6
    enter(pl, t, st.ENTRY)


@njit
def begin(games: Any, players: Any, i: int, tables: Any, stage: int, characters: Any, fo: Any, frames: Any) -> None:
    """Set up the game of slot ``i`` (its record holds the setup, its players are zeroed) and show frame -123."""
    game = games[i]
    t = tables[0]
    game.frame = FIRST_FRAME
    game.stage = stage
    game.stage_id = t.stages[stage].id
    game.status = RUNNING
    game.reason = 0
    game.winner = -1
    game.num_items = 0
    begin_stage(game, t)
    begin_player(players[i, 0], t, t.stages[stage], 0, characters[0], game.stocks)
    begin_player(players[i, 1], t, t.stages[stage], 1, characters[1], game.stocks)
    show(games, players, i, tables, fo, frames)


@njit
def show(games: Any, players: Any, i: int, tables: Any, fo: Any, frames: Any) -> None:
    """Write the frame of slot ``i`` into the Frames memory ``frames`` (bytes) at the places ``fo``."""
    observe(i, games[i], players[i, 0], players[i, 1], tables[0], fo[0], frames.view(np.float32), frames.view(np.int32),
            frames.view(np.uint16), frames, frames.view(np.int8))  # fmt: skip


@njit
def read_pads(i: int, game: Any, a: Any, b: Any, t: Any, po: Any, f32: Any, u16: Any, i8: Any) -> None:
    """Phase 2a of both players of slot ``i``; before the game's start the pads rest."""
    c = t.common[0]
    if game.frame < FIRST_PLAYABLE_FRAME:
        read_pad(a, c, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
        read_pad(b, c, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
        return
    k = 2 * i
    read_pad(a, c, int(u16[po.buttons + k]), f32[po.joystick_x + k], f32[po.joystick_y + k], f32[po.cstick_x + k],
             f32[po.cstick_y + k], f32[po.trigger + k], int(i8[po.raw_x + k]))  # fmt: skip
    k += 1
    read_pad(b, c, int(u16[po.buttons + k]), f32[po.joystick_x + k], f32[po.joystick_y + k], f32[po.cstick_x + k],
             f32[po.cstick_y + k], f32[po.trigger + k], int(i8[po.raw_x + k]))  # fmt: skip


@njit
def step_game(game: Any, a: Any, b: Any, t: Any, po: Any, pf: Any, pu: Any, pi: Any, i: int, special: Any) -> None:
    """One frame of one game; ``special`` is the pointer to ``registry.special_phase``."""
    stage = t.stages[game.stage]
    move_stage(game, t)
    weather(game, t)
    animate(a, t)
    if a.state >= st.FIRST_SPECIAL:
        special(ANIMATE, a, b, t, game, 0)
    animate(b, t)
    if b.state >= st.FIRST_SPECIAL:
        special(ANIMATE, b, a, t, game, 1)
    read_pads(i, game, a, b, t, po, pf, pu, pi)
    shift_in_hitlag(a, t)
    shift_in_hitlag(b, t)
    if a.carrying:
        carry(a, t, game, 0)
    if b.carrying:
        carry(b, t, game, 1)
    if game.frame >= FIRST_PLAYABLE_FRAME:
        interrupt(a, t)
        if a.state >= st.FIRST_SPECIAL:
            special(INTERRUPT, a, b, t, game, 0)
        interrupt(b, t)
        if b.state >= st.FIRST_SPECIAL:
            special(INTERRUPT, b, a, t, game, 1)
    if a.state >= st.FIRST_SPECIAL:
        special(MOVE, a, b, t, game, 0)
    move(a, t)
    if b.state >= st.FIRST_SPECIAL:
        special(MOVE, b, a, t, game, 1)
    move(b, t)
    collide(a, b, t, stage, game)
    collide(b, a, t, stage, game)
    if a.special == 2:
        special(LANDED, a, b, t, game, 0)
    if b.special == 2:
        special(LANDED, b, a, t, game, 1)
    drain(a, t)
    drain(b, t)
    resolve(a, b, t, game)
    push_apart(a, b, t)
    if game.num_items:
        move_items(game, a, b, t, stage)
    hits(a, b, t, game)
    if game.num_items:
        item_hits(game, a, b, t)
    if a.landed_hit or a.special_state or a.state >= st.FIRST_SPECIAL:
        special(HIT, a, b, t, game, 0)
    if b.landed_hit or b.special_state or b.state >= st.FIRST_SPECIAL:
        special(HIT, b, a, t, game, 1)
    life(a, t, game, stage, 0)
    life(b, t, game, stage, 1)
    judge(game, a, b)


@njit
def step_slots(games: Any, players: Any, slots: Any, first: int, last: int, tables: Any, po: Any, pads: Any, fo: Any,
               frames: Any, times: int, watch: int, special: Any) -> int:  # fmt: skip
    """Step the running games ``slots[first:last]`` by ``times`` frames with the same pads.

    Args:
        games: GAME records ``[N]``.
        players: PLAYER records ``[N, 2]``.
        slots: ``[S]`` int32.
        first: first of this call's slots.
        last: one past its last.
        tables: the tables.
        po: places of the pads' columns.
        pads: memory of Controllers ``[N, 2]``, bytes.
        fo: places of the frames' columns.
        frames: memory of Frames ``[N]``, bytes.
        times: frames to step.
        watch: 1 to write the frames, 0 to leave them out (benchmarks).
        special: the pointer to ``registry.special_phase``.

    Returns:
        How many of the games ended.
    """
    pf, pu, pi = pads.view(np.float32), pads.view(np.uint16), pads.view(np.int8)
    f32, i32 = frames.view(np.float32), frames.view(np.int32)
    u16, i8 = frames.view(np.uint16), frames.view(np.int8)
    t = tables[0]
    over = 0
    for n in range(first, last):
        i = slots[n]
        game = games[i]
        a = players[i, 0]
        b = players[i, 1]
        for _ in range(times):
            if game.status != RUNNING:
                break
            game.frame += 1
            step_game(game, a, b, t, po[0], pf, pu, pi, i, special)
            if watch:
                observe(i, game, a, b, t, fo[0], f32, i32, u16, frames, i8)
            if game.status != RUNNING:
                over += 1
    return over
