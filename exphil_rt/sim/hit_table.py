"""Table of hitboxes: libmelee's recorded circles joined with the parameters of each hit."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character
from exphil_rt.sim.datafiles import read_rows
from exphil_rt.sim.framedata import CLONES
from exphil_rt.sim.slot_rows import Row, rows_of_slots

HIT_FRAME: Final = np.dtype([("offset", np.int32), ("count", np.int32), ("epoch", np.int32)], align=True)
"""Hitboxes of one frame: rows of CIRCLE; a victim is hit once an epoch (-1 where nothing is out)."""

CIRCLE: Final = np.dtype(
    [(name, np.float32) for name in ("x", "y", "radius", "damage", "angle", "kbg", "wdsk", "bkb", "shield_damage")]
    + [(name, np.int32) for name in ("element", "hit_ground", "hit_air")],
    align=True,
)

ELEMENTS: Final = ("normal", "fire", "electric", "slash", "coin", "ice", "sleep_103f", "empty", "grab", "cape",
                   "grounded", "darkness")  # fmt: skip
ELECTRIC: Final = 2
GRAB: Final = 8
EMPTY: Final = 7
THROWN: Final = 12
"""Not in the tables: the release of a throw."""

Params = dict[tuple[int, int], list[Row]]
"""Rows by fighter and state."""
ByFrame = dict[int, list[tuple[int, NDArray[Any]]]]
"""Slot and circle (active, x forward, y, radius) of each hitbox by frame."""

_ANGLES: Final = {
    st.ATTACK_S3_HI + 1: (st.ATTACK_S3_HI, st.ATTACK_S3_S), st.ATTACK_S3_HI + 3: (st.ATTACK_S3_LW, st.ATTACK_S3_S),
    st.ATTACK_S3_HI: (st.ATTACK_S3_S,), st.ATTACK_S3_LW: (st.ATTACK_S3_S,),
    st.ATTACK_S4_S - 2: (st.ATTACK_S4_S - 1, st.ATTACK_S4_S), st.ATTACK_S4_S - 1: (st.ATTACK_S4_S - 2, st.ATTACK_S4_S),
    st.ATTACK_S4_S + 1: (st.ATTACK_S4_S + 2, st.ATTACK_S4_S), st.ATTACK_S4_S + 2: (st.ATTACK_S4_S + 1, st.ATTACK_S4_S),
}  # fmt: skip
"""Other angles of the forward tilt and smash whose circles may stand in."""
_SAME_SPECIAL: Final = {(15, 369): 371, (15, 370): 371, (15, 372): 371, (15, 365): 367, (15, 366): 368}
"""Specials whose circles libmelee lists for another side or direction only: Jigglypuff's Rest and Sing."""
_GUESSED_SPECIALS: Final = frozenset(
    {(18, 370), (18, 372), (26, 370), (26, 372), (24, 377), (24, 380), (2, 360), (25, 360)}
)
"""Specials that hit but whose circles nobody lists: counters, the emptied bucket, the kick's landing."""
_ONE_BLOW: Final = frozenset({(23, st.ATTACK_AIR_B), (24, 377), (24, 378), (24, 379), (24, 380)})
"""Moves whose windows follow each other without a pause and repeat the blow, but whose hitboxes are not made anew:
Pichu's back air and the emptied bucket."""
_LATE_BY_ONE: Final = frozenset({st.ATTACK_12, st.CATCH, st.CATCH_DASH})
"""States that libmelee counts one frame late for a few fighters (Peach's and Zelda's grabs, Peach's second jab)."""

# Heights and half widths of the body: heights estimated from the fighters' proportions, widths so that recorded hits
# of real replays on five of them (Fox, Falco, Mewtwo, Popo, Mr. Game & Watch) are met most often: of 257 hits 90 %, at
# 5 % false touches. No public table of hurtboxes exists; the hurt capsule is upright at the fighter's position.
BODY: Final = {
    Character.MARIO: (13.0, 5.4), Character.FOX: (13.0, 5.1), Character.CAPTAIN_FALCON: (17.0, 5.7),
    Character.DONKEY_KONG: (19.0, 9.0), Character.KIRBY: (9.5, 6.9), Character.BOWSER: (19.5, 9.8),
    Character.LINK: (16.0, 5.7), Character.SHEIK: (16.5, 4.8), Character.NESS: (11.5, 5.7),
    Character.PEACH: (17.0, 5.4), Character.POPO: (10.0, 5.7), Character.NANA: (10.0, 5.7),
    Character.PIKACHU: (10.0, 6.0), Character.SAMUS: (17.5, 6.3), Character.YOSHI: (15.0, 7.5),
    Character.JIGGLYPUFF: (9.5, 7.2), Character.MEWTWO: (18.0, 6.3), Character.LUIGI: (15.0, 5.1),
    Character.MARTH: (17.0, 5.1), Character.ZELDA: (17.0, 5.1), Character.YOUNG_LINK: (12.0, 5.1),
    Character.DR_MARIO: (13.0, 5.4), Character.FALCO: (14.5, 5.4), Character.PICHU: (7.5, 4.8),
    Character.GAME_AND_WATCH: (14.0, 5.4), Character.GANONDORF: (18.5, 6.6), Character.ROY: (16.0, 5.1),
}  # fmt: skip


def hit_table(frames: dict[str, NDArray[Any]], anim: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Join libmelee's circles with the hit parameters by fighter, state, frame and slot."""
    params: Params = {}
    for row in [*read_rows("hits.csv"), *read_rows("special_hits.csv")]:
        params.setdefault((int(row["character"]), int(row["state"])), []).append(row)
    for n in range(5):  # Peach floats through the same aerials
        params[int(Character.PEACH), 344 + n] = params[int(Character.PEACH), st.ATTACK_AIR_N + n]
    by_state: dict[tuple[int, int], ByFrame] = {}
    for (who, state, frame), circles in zip(frames["key"], frames["circles"], strict=True):
        active = [(slot, circles[slot]) for slot in range(4) if circles[slot, 0] and circles[slot, 3] > 0]
        if active:
            by_state.setdefault((int(who), int(state)), {})[int(frame)] = active
    for who, state in list(by_state):
        if st.LANDING_AIR_N <= state <= st.LANDING_AIR_LW:  # libmelee counts landings from 1
            by_state[who, state] = {frame - n: hit for frame, hit in by_state[who, state].items() for n in (0, 1)}
    nair = int(Character.MEWTWO), st.ATTACK_AIR_N
    if nair in by_state:  # its last blow comes on landing too (real replays)
        by_state[nair[0], st.LANDING_AIR_N] = {0: by_state[nair][max(by_state[nair])]}
    for place, hits in _unlisted(by_state).items():
        params.setdefault(place, hits)
    for (who, state), model in _SAME_SPECIAL.items():
        by_state[who, state] = by_state[who, model]
    for (who, state), hits in params.items():
        if _holds(state):
            # blows on the one that is held: no place needed, one frame each
            by_state[who, state] = {int(hit["start"]): [(0, np.ones(4, np.float32))] for hit in hits}
        elif (who, state) not in by_state and (_plain_attack(state) or (who, state) in _GUESSED_SPECIALS):
            by_state[who, state] = _borrowed(who, state, by_state) or _guessed_circles(who, state, hits)
    hit_frames: list[tuple[int, int, int]] = []
    rows: list[tuple[float, ...]] = []
    for (who, state), by_frame in by_state.items():
        if (who, state) not in params:
            continue
        if state in _LATE_BY_ONE and min(by_frame) == int(params[who, state][0]["start"]) + 1:
            by_frame = {frame - 1: active for frame, active in by_frame.items()}
        first, last = min(by_frame), max(by_frame)
        anim[who, state]["hit_first"] = first
        anim[who, state]["hit_frames"] = last - first + 1
        anim[who, state]["hit_offset"] = len(hit_frames)
        plan = hit_plan(params[who, state], sorted(by_frame), again=(who, state) not in _ONE_BLOW)
        used: dict[int, set[int]] = {}  # slots of each window
        for frame, (_, hits) in plan.items():
            used.setdefault(id(hits), set()).update(slot for slot, _ in by_frame[frame])
        for frame in range(first, last + 1):
            active = by_frame.get(frame, [])
            epoch, hits = plan.get(frame, (-1, []))
            slots = sorted(used[id(hits)]) if active else []
            row_of = dict(zip(slots, rows_of_slots(hits, slots), strict=True)) if slots else {}
            hit_frames.append((len(rows), len(active), epoch))
            rows += [_circle(circle, hits[row_of[slot]]) for slot, circle in active]
    return np.array(hit_frames, HIT_FRAME), np.array(rows, CIRCLE)


def hit_plan(hits: list[Row], frames: list[int], again: bool = True) -> dict[int, tuple[int, list[Row]]]:
    """Which rows apply on each active frame, and its epoch (a victim is hit once an epoch).

    ``hits`` come in windows of equal ``start``; their source lets a loop of blows run once too often, so that its last,
    different blow stands one period late. ``frames`` are the recorded ones. A pause begins an epoch, and so does a
    window that repeats the one before (else there would be no reason to make it anew), unless ``again`` is off.
    """
    windows: dict[int, list[Row]] = {}
    for row in hits:
        windows.setdefault(int(row["start"]), []).append(row)
    starts = sorted(windows)
    if len(starts) > 2 and starts[-1] > frames[-1] and _same_blow(windows[starts[-2]], windows[starts[-3]]):
        last = starts.pop()
        windows[starts[-1]] = windows.pop(last)
    runs = [frame for frame in frames if frame - 1 not in frames]
    if len(runs) == len(starts) and runs != starts:
        windows = dict(zip(runs, (windows[start] for start in starts), strict=True))
        starts = runs
    plan: dict[int, tuple[int, list[Row]]] = {}
    epoch, current = 0, starts[0]
    for frame in frames:
        due = max((start for start in starts if start <= frame), default=starts[0])
        repeats = again and due != current and _same_blow(windows[due], windows[current])
        if (frame in runs and frame != frames[0]) or repeats:
            epoch += 1
        current = due
        plan[frame] = (epoch, windows[due])
    return plan


def _same_blow(one: list[Row], other: list[Row]) -> bool:
    return [_blow(row) for row in one] == [_blow(row) for row in other]


def _blow(row: Row) -> tuple[str, ...]:
    return tuple(value for name, value in row.items() if name not in ("start", "end", "slot"))


def _unlisted(by_state: dict[tuple[int, int], ByFrame]) -> Params:
    """Rows of attacks whose hitboxes are recorded but which the table does not list."""
    found: Params = {}
    for who, state in by_state:
        if _plain_attack(state):
            found[who, state] = [hit_row(0, 999, "12", "361", "90", "0", "30")]
        elif state in (st.DOWN_ATTACK_U, st.DOWN_ATTACK_D):
            damage = "5" if who == Character.MEWTWO else "6"
            found[who, state] = [hit_row(0, 999, damage, "361", "50", "0", "80")]
        elif state in (st.CLIFF_ATTACK_SLOW, st.CLIFF_ATTACK_QUICK):
            # FightCore's frame data: Mewtwo's and Mr. Game & Watch's; the others as Mewtwo's
            if who == Character.GAME_AND_WATCH:
                found[who, state] = [hit_row(0, 999, "8", "361", "50", "0", "80")]
            else:
                damage = "10" if state == st.CLIFF_ATTACK_SLOW else "8"
                found[who, state] = [hit_row(0, 999, damage, "361", "100", "90", "0")]
        elif st.LANDING_AIR_N <= state <= st.LANDING_AIR_LW:
            if who == Character.MEWTWO:
                # real replays: the launches of both recorded ones, which no table lists, to three digits
                found[who, state] = [{**hit_row(0, 999, "4", "361", "70", "0", "60"), "element": "electric"}]
            else:
                found[who, state] = [hit_row(0, 999, "3", "68", "60", "0", "80")]
    # Peach's three weapons are items to the tables; all of them hit about here
    found[int(Character.PEACH), st.ATTACK_S4_S] = [hit_row(13, 16, "16", "361", "90", "0", "30")]
    return found


def hit_row(start: int, end: int, damage: str, angle: str, kbg: str, wdsk: str, bkb: str) -> Row:
    return {
        "start": str(start), "end": str(end), "slot": "0", "damage": damage, "angle": angle, "kbg": kbg, "wdsk": wdsk,
        "bkb": bkb, "element": "normal", "shield_damage": "0", "hit_ground": "1", "hit_air": "1",
    }  # fmt: skip


def _borrowed(who: int, state: int, by_state: dict[tuple[int, int], ByFrame]) -> ByFrame | None:
    """Circles of an attack that libmelee's table lacks: of its other angle, or of the fighter it is cloned from."""
    for other in _ANGLES.get(state, ()):
        if (who, other) in by_state:
            return by_state[who, other]
    model = CLONES.get(Character(who))
    return by_state.get((int(model), state)) if model is not None else None


def _holds(state: int) -> bool:
    return st.CATCH_ATTACK <= state <= st.THROW_LW


def _plain_attack(state: int) -> bool:
    return st.ATTACK_11 <= state <= st.ATTACK_AIR_LW


def _guessed_circles(who: int, state: int, hits: list[Row]) -> ByFrame:
    """Hitboxes of attacks that libmelee's table lacks: one circle on the side where such an attack hits."""
    height, width = BODY[Character(who)]
    forward, up = {
        st.ATTACK_AIR_N: (0.0, 0.5), st.ATTACK_AIR_B: (-1.0, 0.5), st.ATTACK_AIR_HI: (0.2, 1.1),
        st.ATTACK_AIR_LW: (0.2, 0.0), st.ATTACK_HI_3: (0.5, 1.0), st.ATTACK_HI_4: (0.3, 1.1),
        st.ATTACK_LW_3: (1.2, 0.15),
    }.get(state, (1.0, 0.5))  # fmt: skip
    circle = np.array([1.0, forward * (width + 4.0), up * height, 5.0], np.float32)
    frames = {frame for hit in hits for frame in range(int(hit["start"]), int(hit["end"]) + 1)}
    return {frame: [(0, circle)] for frame in frames}


def _circle(circle: NDArray[Any], hit: Row) -> tuple[float, ...]:
    return (
        float(circle[1]), float(circle[2]), float(circle[3]), float(hit["damage"]), float(hit["angle"]),
        float(hit["kbg"]), float(hit["wdsk"]), float(hit["bkb"]), float(hit["shield_damage"]),
        ELEMENTS.index(hit["element"]), int(hit["hit_ground"]), int(hit["hit_air"]),
    )  # fmt: skip
