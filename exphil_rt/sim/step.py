"""One frame of many games: the phases in the game's order. The only compiled functions that Python calls are here.

Order: animation, pad and interrupts, physics, collisions, grabs, hits, life and death; each phase for both players in
port order, then for their followers.
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
from exphil_rt.sim.follower import BEHIND, NANA, POPO, accompany, leave_platform, press
from exphil_rt.sim.grab import resolve
from exphil_rt.sim.hits import hits
from exphil_rt.sim.inputs import LONG_AGO, NEUTRAL_TILT, read_pad
from exphil_rt.sim.interrupts import interrupt
from exphil_rt.sim.items import item_hits, move_items
from exphil_rt.sim.jit import fetch_add, njit
from exphil_rt.sim.ko import judge, life
from exphil_rt.sim.observe import observe
from exphil_rt.sim.physics import move
from exphil_rt.sim.push import push
from exphil_rt.sim.shield import drain, tilt
from exphil_rt.sim.specials.rows import ANIMATE, HIT, INTERRUPT, LANDED, MOVE
from exphil_rt.sim.stage import begin_stage, move_stage, weather
from exphil_rt.sim.state import RUNNING


@njit
def begin_fighter(pl: Any, t: Any, stage: Any, n: int, character: int, stocks: int) -> None:
    """Put fighter ``n`` at its entry; a follower stands behind her leader."""
    port = n & 1
    at = t.fighters[character]
    pl.character = character
    pl.stocks = stocks
    pl.exists = 1
    pl.x = stage.spawn[2 * port]
    pl.y = stage.spawn[2 * port + 1]
    pl.facing = 1.0 if pl.x < 0.0 else -1.0
    if n >= 2:
        pl.x -= BEHIND * pl.facing
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
    pl.since_xy = LONG_AGO
    pl.since_side = LONG_AGO
    pl.fall_drift = t.common[0].fall_special_mobility
    pl.last_hit_by = 6
    enter(pl, t, st.ENTRY)


@njit
def begin(games: Any, fighters: Any, i: int, tables: Any, stage: int, characters: Any, fo: Any, frames: Any) -> None:
    """Set up the game of slot ``i`` (its record holds the setup, its fighters are zeroed) and show frame -123."""
    game = games[i]
    t = tables[0]
    game.frame = FIRST_FRAME
    game.stage = stage
    game.stage_id = t.stages[stage].id
    game.status = RUNNING
    game.reason = 0
    game.winner = -1
    game.num_items = 0
    game.fighters = 4 if characters[0] == POPO or characters[1] == POPO else 2
    begin_stage(game, t)
    for n in range(4):
        who = characters[n & 1]
        if n >= 2 and who == POPO:
            who = NANA
        elif n >= 2:
            fighters[n >> 1, i, n & 1].state = st.SLEEP
            continue
        begin_fighter(fighters[n >> 1, i, n & 1], t, t.stages[stage], n, who, game.stocks)
    show(games, fighters, i, tables, fo, frames)


@njit
def show(games: Any, fighters: Any, i: int, tables: Any, fo: Any, frames: Any) -> None:
    """Write the frame of slot ``i`` into the Frames memory ``frames`` (bytes) at the places ``fo``; all of it."""
    f32, i32, u16, i8 = frames.view(np.float32), frames.view(np.int32), frames.view(np.uint16), frames.view(np.int8)
    a, b, c, d = fighters[0, i, 0], fighters[0, i, 1], fighters[1, i, 0], fighters[1, i, 1]
    observe(i, games[i], a, b, c, d, 4, tables[0], fo[0], fo[1], f32, i32, u16, frames, i8)


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
def ledge_of(pl: Any) -> int:
    """The ledge that a fighter hangs on: 1 the left, 2 the right one, 0 none."""
    return 0 if pl.ledge == 0 else 1 if pl.ledge < 0 else 2


@njit
def hit_met(pl: Any, foe: Any, second: Any, t: Any, game: Any, port: int, special: Any) -> None:
    """What a special's blow does, to whom of the other side it met."""
    if pl.landed_hit or pl.special_state or pl.state >= st.FIRST_SPECIAL:
        if pl.landed_hit and pl.met >= 2:
            special(HIT, pl, second, t, game, port)
        else:
            special(HIT, pl, foe, t, game, port)


@njit
def step_game(game: Any, a: Any, b: Any, c: Any, d: Any, t: Any, po: Any, pf: Any, pu: Any, pi: Any, i: int,
              special: Any) -> None:  # fmt: skip
    """One frame of game ``i``, of players ``a`` and ``b`` and their followers ``c`` and ``d``.

    ``special`` is the pointer to ``registry.special_phase``. Records are passed one by one: an array would be counted
    as in use, atomically, at every call. Followers take each phase after the players, through the same functions; a
    game without any pays a question a phase.
    """
    stage = t.stages[game.stage]
    both = game.fighters > 2
    move_stage(game, t)
    weather(game, t)
    animate(a, t)
    if a.state >= st.FIRST_SPECIAL:
        special(ANIMATE, a, b, t, game, 0)
    push(a, b, t, -1.0)
    animate(b, t)
    if b.state >= st.FIRST_SPECIAL:
        special(ANIMATE, b, a, t, game, 1)
    push(b, a, t, 1.0)
    if both:
        for n in range(2):
            pl = d if n else c
            animate(pl, t)
            if pl.state >= st.FIRST_SPECIAL:
                special(ANIMATE, pl, a if n else b, t, game, n)
    read_pads(i, game, a, b, t, po, pf, pu, pi)
    shift_in_hitlag(a, t)
    shift_in_hitlag(b, t)
    if both:
        for n in range(2):
            pl = d if n else c
            if pl.exists:
                press(pl, b if n else a, t, stage, game, n)
                shift_in_hitlag(pl, t)
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
        if both:
            for n in range(2):
                pl = d if n else c
                leave_platform(pl, b if n else a, t)
                interrupt(pl, t)
                if pl.state >= st.FIRST_SPECIAL:
                    special(INTERRUPT, pl, a if n else b, t, game, n)
    if a.state >= st.FIRST_SPECIAL:
        special(MOVE, a, b, t, game, 0)
    move(a, t)
    if b.state >= st.FIRST_SPECIAL:
        special(MOVE, b, a, t, game, 1)
    move(b, t)
    if both:
        for n in range(2):
            pl = d if n else c
            if pl.state >= st.FIRST_SPECIAL:
                special(MOVE, pl, a if n else b, t, game, n)
            move(pl, t)
        collide(a, ledge_of(b) | ledge_of(d), t, stage, game)
        collide(b, ledge_of(a) | ledge_of(c), t, stage, game)
        collide(c, ledge_of(b) | ledge_of(d), t, stage, game)
        collide(d, ledge_of(a) | ledge_of(c), t, stage, game)
    else:
        collide(a, ledge_of(b), t, stage, game)
        collide(b, ledge_of(a), t, stage, game)
    if a.special == 2:
        special(LANDED, a, b, t, game, 0)
    if b.special == 2:
        special(LANDED, b, a, t, game, 1)
    tilt(a)
    drain(a, t)
    tilt(b)
    drain(b, t)
    if both:
        for n in range(2):
            pl = d if n else c
            if pl.special == 2:
                special(LANDED, pl, a if n else b, t, game, n)
            tilt(pl)
            drain(pl, t)
    resolve(a, b, c, d, game.fighters, t, game)
    if game.num_items:
        move_items(game, a, b, t, stage)
    hits(a, b, c, d, game.fighters, t, game)
    if game.num_items:
        item_hits(game, a, b, c, d, game.fighters, t)
    hit_met(a, b, d, t, game, 0, special)
    hit_met(b, a, c, t, game, 1, special)
    life(a, t, game, stage, 0)
    life(b, t, game, stage, 1)
    if both:
        for n in range(2):
            pl = d if n else c
            hit_met(pl, a if n else b, c if n else d, t, game, n, special)
            if pl.exists:
                life(pl, t, game, stage, n + 2)
            if pl.character == NANA:
                accompany(pl, b if n else a, t, stage, n)
    judge(game, a, b)


@njit
def step_slots(games: Any, fighters: Any, slots: Any, first: int, last: int, tables: Any, po: Any, pads: Any, fo: Any,
               frames: Any, times: int, watch: int, special: Any) -> int:  # fmt: skip
    """Step the running games ``slots[first:last]`` by ``times`` frames with the same pads.

    Args:
        games: GAME records ``[N]``.
        fighters: PLAYER records ``[2, N, 2]``, players and followers.
        slots: ``[S]`` int32.
        first: first of this call's slots.
        last: one past its last.
        tables: the tables.
        po: places of the pads' columns.
        pads: memory of Controllers ``[N, 2]``, bytes.
        fo: places of the frames' columns, of the players and of their followers.
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
        a, b, c, d = fighters[0, i, 0], fighters[0, i, 1], fighters[1, i, 0], fighters[1, i, 1]
        for _ in range(times):
            if game.status != RUNNING:
                break
            game.frame += 1
            step_game(game, a, b, c, d, t, po[0], pf, pu, pi, i, special)
            if watch:
                observe(i, game, a, b, c, d, game.fighters, t, fo[0], fo[1], f32, i32, u16, frames, i8)
            if game.status != RUNNING:
                over += 1
    return over


@njit
def share_slots(taken: Any, turns: Any, turn: int, patience: int, thread: int, games: Any, fighters: Any, slots: Any,
                part: int, tables: Any, po: Any, pads: Any, fo: Any, frames: Any, times: int, watch: int, special: Any
                ) -> bool:  # fmt: skip
    """Step a thread's share of ``slots``, part by part, then help the others with what is left of theirs.

    A thread begins with the same games at every call, as they lie in its core's cache: parts that wander between the
    cores cost more than a second core gains. Thread 0 waits, busy, for what others still work on, which is shorter
    than being woken; the others wait as long for the next turn.

    Args:
        taken: int64 ``[2 + T]`` of zeros that the threads share: parts done, games ended, parts taken of each share.
        turns: int64 ``[1]``, number of the latest call; thread 0 writes it.
        turn: number of this call.
        patience: how often at most to look while waiting.
        thread: 0 to T - 1.
        part: slots in a part; the others as in :func:`step_slots`.

    Returns:
        Whether all parts are done.
    """
    if thread == 0:
        fetch_add(turns, 0, turn - fetch_add(turns, 0, 0))
    threads = len(taken) - 2
    parts = (len(slots) + part - 1) // part
    for n in range(threads):
        share = (thread + n) % threads
        end = parts * (share + 1) // threads
        while True:
            k = parts * share // threads + fetch_add(taken, 2 + share, 1)
            if k >= end:
                break
            first = k * part
            last = min(first + part, len(slots))
            over = step_slots(
                games, fighters, slots, first, last, tables, po, pads, fo, frames, times, watch, special
            )  # fmt: skip
            fetch_add(taken, 1, over)
            fetch_add(taken, 0, 1)
    for _ in range(patience):
        if thread == 0 and fetch_add(taken, 0, 0) >= parts:
            break
        if thread != 0 and fetch_add(turns, 0, 0) > turn:
            break
    return bool(fetch_add(taken, 0, 0) >= parts)
