"""Writing what the game shows straight into the memory of Frames columns.

All columns of a Frames lie in one buffer (``game.columns``); compiled code takes that buffer once and the place of
every column, instead of some sixty arrays.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.columns import Columns
from exphil_rt.game.frames import MAX_ITEMS, Controllers, Frames
from exphil_rt.sim.jit import njit
from exphil_rt.sim.stage_facts import LEFT_PLATFORM, RANDALL
from exphil_rt.sim.state import records


def places(kind: type[Columns], lead: tuple[int, ...]) -> dict[str, int]:
    """Index of the first element of every column, in units of its own item size, in a buffer of ``lead``."""
    columns = kind.allocate(lead)
    arrays = columns.arrays()
    base = min(array.__array_interface__["data"][0] for array in arrays.values())
    return {name: (a.__array_interface__["data"][0] - base) // a.itemsize for name, a in arrays.items()}


FRAME_COLUMNS: Final = tuple(name for name, _, _ in Frames.leaves() if not name.startswith("nana"))
FOLLOWERS: Final = {"players": "nanas", "controllers": "nana_controllers"}
"""Where the columns of followers lie, by those of the players."""
PAD_COLUMNS: Final = tuple(name for name, _, _ in Controllers.leaves())


def place_record(kind: type[Columns], names: tuple[str, ...], lead: tuple[int, ...]) -> NDArray[Any]:
    """The places of ``names`` as one record ``[1]`` with fields such as ``players_x``."""
    found = places(kind, lead)
    record = np.zeros(1, [(name.replace(".", "_"), np.int64) for name in names])
    for name in names:
        record[name.replace(".", "_")] = found[name]
    return records(record)


def frame_places(lead: tuple[int, ...]) -> NDArray[Any]:
    """Where the columns of Frames lie: ``[2]``, of the players and, by the same names, of their followers."""
    found = places(Frames, lead)
    both = np.concatenate([place_record(Frames, FRAME_COLUMNS, lead)] * 2)
    for name in FRAME_COLUMNS:
        group, _, column = name.partition(".")
        if group in FOLLOWERS:
            both[name.replace(".", "_")][1] = found[f"{FOLLOWERS[group]}.{column}"]
    return records(both)


@njit
def observe(i: int, game: Any, a: Any, b: Any, c: Any, d: Any, count: int, t: Any, o: Any, fo: Any, f32: Any, i32: Any,
            u16: Any, u8: Any, i8: Any) -> None:  # fmt: skip
    """Write game ``i`` and its ``count`` fighters into the columns at the places ``o``, followers' at ``fo``."""
    i32[o.frame + i] = game.frame
    u8[o.stage + i] = game.stage_id
    moving = t.stages[game.stage].moving
    f32[o.randall + 2 * i] = game.randall_x if moving == RANDALL else 0.0
    f32[o.randall + 2 * i + 1] = game.randall_y if moving == RANDALL else 0.0
    f32[o.platforms + 2 * i] = game.height_0 if moving == LEFT_PLATFORM else 0.0
    f32[o.platforms + 2 * i + 1] = game.height_1 if moving == LEFT_PLATFORM else 0.0
    first_line = t.stages[game.stage].line_offset
    observe_items(i, game, o, f32, u16, u8, i8)
    observe_player(2 * i, a, t, o, first_line, f32, u16, u8, i8)
    observe_player(2 * i + 1, b, t, o, first_line, f32, u16, u8, i8)
    for n in range(2, count):
        k = 2 * i + n - 2
        pl = c if n == 2 else d
        if pl.exists:
            observe_player(k, pl, t, fo, first_line, f32, u16, u8, i8)
        else:
            nobody(k, fo, f32, u16, u8, i8)


@njit
def observe_items(i: int, game: Any, o: Any, f32: Any, u16: Any, u8: Any, i8: Any) -> None:
    """Write the items into the game's row of the item columns; what was there before goes."""
    first = MAX_ITEMS * i
    for n in range(game.num_items):
        item = game.items[n]
        k = first + n
        u8[o.items_exists + k] = 1
        u16[o.items_kind + k] = item.kind
        u8[o.items_state + k] = item.state
        f32[o.items_facing + k] = item.facing
        f32[o.items_position_x + k] = item.x
        f32[o.items_position_y + k] = item.y
        f32[o.items_velocity_x + k] = item.vx
        f32[o.items_velocity_y + k] = item.vy
        f32[o.items_timer + k] = item.timer
        i8[o.items_owner + k] = item.owner
    for n in range(game.num_items, MAX_ITEMS):
        k = first + n
        if u8[o.items_exists + k] == 0:
            break
        u8[o.items_exists + k] = 0
        u16[o.items_kind + k] = 0
        u8[o.items_state + k] = 0
        f32[o.items_facing + k] = 0.0
        f32[o.items_position_x + k] = 0.0
        f32[o.items_position_y + k] = 0.0
        f32[o.items_velocity_x + k] = 0.0
        f32[o.items_velocity_y + k] = 0.0
        f32[o.items_timer + k] = 0.0
        i8[o.items_owner + k] = 0


@njit
def hurtbox(pl: Any, t: Any) -> int:
    """0 vulnerable, 1 invulnerable, 2 intangible."""
    an = t.anim[pl.character, pl.state]
    if pl.intangible > 0 or (an.safe_to > 0.0 and an.safe_from <= pl.age < an.safe_to):
        return 2
    return 1 if pl.invincible > 0 else 0


@njit
def shown_state(pl: Any, t: Any) -> int:
    """The state that Slippi would show: five air jumps are five states, some attacks a fighter's own."""
    jumping = pl.state == st.JUMP_AERIAL_F or pl.state == st.JUMP_AERIAL_B
    if jumping and t.fighters[pl.character].multi_jump_0 > 0.0:
        return int(st.FIRST_SPECIAL + min(max(4 - pl.jumps, 0), 4))
    return int(t.anim[pl.character, pl.state].shown)


@njit
def observe_player(k: int, pl: Any, t: Any, o: Any, first_line: int, f32: Any, u16: Any, u8: Any, i8: Any) -> None:
    """Write one fighter into row ``k`` of the player columns."""
    u8[o.players_exists + k] = pl.exists
    u8[o.players_character + k] = pl.character
    u16[o.players_state + k] = shown_state(pl, t)
    f32[o.players_state_age + k] = pl.age
    f32[o.players_position_x + k] = pl.x
    f32[o.players_position_y + k] = pl.y
    f32[o.players_facing + k] = pl.facing
    f32[o.players_percent + k] = pl.percent
    f32[o.players_shield + k] = pl.shield
    u8[o.players_stocks + k] = max(pl.stocks, 0)
    u8[o.players_jumps + k] = pl.jumps
    u8[o.players_airborne + k] = pl.airborne
    f32[o.players_hitlag + k] = pl.hitlag
    f32[o.players_hitstun + k] = pl.hitstun
    u8[o.players_hurtbox_state + k] = hurtbox(pl, t)
    u8[o.players_l_cancel + k] = pl.l_cancel
    u8[o.players_last_attack_landed + k] = pl.last_attack
    u8[o.players_combo_count + k] = min(pl.combo, 255)
    u8[o.players_last_hit_by + k] = pl.last_hit_by
    u16[o.players_ground + k] = pl.last_line - first_line if pl.last_line >= 0 else 65535
    f32[o.players_self_x_air + k] = pl.vx
    f32[o.players_self_y + k] = pl.vy
    f32[o.players_self_x_ground + k] = pl.gv
    f32[o.players_knockback_x + k] = pl.kx
    f32[o.players_knockback_y + k] = pl.ky
    u16[o.controllers_buttons + k] = pl.buttons
    f32[o.controllers_joystick_x + k] = pl.stick_x
    f32[o.controllers_joystick_y + k] = pl.stick_y
    f32[o.controllers_cstick_x + k] = pl.c_x
    f32[o.controllers_cstick_y + k] = pl.c_y
    f32[o.controllers_trigger + k] = pl.trigger
    i8[o.controllers_raw_x + k] = int(pl.raw_x)


@njit
def nobody(k: int, o: Any, f32: Any, u16: Any, u8: Any, i8: Any) -> None:
    """Row ``k`` of the player columns shows an absent fighter."""
    u8[o.players_exists + k] = 0
    u8[o.players_character + k] = 0
    u16[o.players_state + k] = 0
    f32[o.players_state_age + k] = 0.0
    f32[o.players_position_x + k] = 0.0
    f32[o.players_position_y + k] = 0.0
    f32[o.players_facing + k] = 0.0
    f32[o.players_percent + k] = 0.0
    f32[o.players_shield + k] = 0.0
    u8[o.players_stocks + k] = 0
    u8[o.players_jumps + k] = 0
    u8[o.players_airborne + k] = 0
    f32[o.players_hitlag + k] = 0.0
    f32[o.players_hitstun + k] = 0.0
    u8[o.players_hurtbox_state + k] = 0
    u8[o.players_l_cancel + k] = 0
    u8[o.players_last_attack_landed + k] = 0
    u8[o.players_combo_count + k] = 0
    u8[o.players_last_hit_by + k] = 6
    u16[o.players_ground + k] = 0
    f32[o.players_self_x_air + k] = 0.0
    f32[o.players_self_y + k] = 0.0
    f32[o.players_self_x_ground + k] = 0.0
    f32[o.players_knockback_x + k] = 0.0
    f32[o.players_knockback_y + k] = 0.0
    u16[o.controllers_buttons + k] = 0
    f32[o.controllers_joystick_x + k] = 0.0
    f32[o.controllers_joystick_y + k] = 0.0
    f32[o.controllers_cstick_x + k] = 0.0
    f32[o.controllers_cstick_y + k] = 0.0
    f32[o.controllers_trigger + k] = 0.0
    i8[o.controllers_raw_x + k] = 0
