"""Table of hitboxes: libmelee's recorded circles joined with the parameters of each hit."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character
from exphil_rt.sim.datafiles import read_rows

HIT_FRAME: Final = np.dtype([("offset", np.int32), ("count", np.int32), ("epoch", np.int32)], align=True)
"""Hitboxes of one frame: rows of CIRCLE; a victim is hit once an epoch."""

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
    windows: dict[tuple[int, int], list[dict[str, str]]] = {}
    for row in [*read_rows("hits.csv"), *read_rows("special_hits.csv")]:
        windows.setdefault((int(row["character"]), int(row["state"])), []).append(row)
    for (who, state), hits in _estimated(frames).items():
        windows.setdefault((who, state), hits)
    by_state: dict[tuple[int, int], dict[int, list[tuple[int, NDArray[Any]]]]] = {}
    for (who, state, frame), circles in zip(frames["key"], frames["circles"], strict=True):
        active = [(slot, circles[slot]) for slot in range(4) if circles[slot, 0] and circles[slot, 3] > 0]
        if active and (int(who), int(state)) in windows:
            by_state.setdefault((int(who), int(state)), {})[int(frame)] = active
    for (who, state), hits in windows.items():
        if (who, state) not in by_state and _plain_attack(state):
            by_state[who, state] = _guessed_circles(who, state, hits)
    hit_frames: list[tuple[int, int, int]] = []
    rows: list[tuple[float, ...]] = []
    for (who, state), by_frame in by_state.items():
        hits = windows[who, state]
        first, last = min(by_frame), max(by_frame)
        anim[who, state]["hit_first"] = first
        anim[who, state]["hit_frames"] = last - first + 1
        anim[who, state]["hit_offset"] = len(hit_frames)
        epoch, before = 0, first
        for frame in range(first, last + 1):
            active = by_frame.get(frame, [])
            if active and frame > before + 1:
                epoch += 1  # a pause between windows: the same victim can be hit again
            if active:
                before = frame
            hit_frames.append((len(rows), len(active), epoch))
            rows += [_circle(circle, _parameters(hits, frame, slot)) for slot, circle in active]
    return np.array(hit_frames, HIT_FRAME), np.array(rows, CIRCLE)


def _plain_attack(state: int) -> bool:
    return st.ATTACK_11 <= state <= st.ATTACK_AIR_LW


def _estimated(frames: dict[str, NDArray[Any]]) -> dict[tuple[int, int], list[dict[str, str]]]:
    """Parameters of attacks whose hitboxes are recorded but which no table lists: getup and ledge attacks, and others.

    Own estimates after the common values of such moves (6 % and 8 %, Sakurai angle).
    """
    found: dict[tuple[int, int], list[dict[str, str]]] = {}
    key, circles = frames["key"], frames["circles"]
    for who, state, _ in key[circles[:, :, 0].any(axis=1)]:
        if _plain_attack(state):
            damage, kbg, bkb = "12", "90", "30"
        elif state in (st.DOWN_ATTACK_U, st.DOWN_ATTACK_D):
            damage, kbg, bkb = "6", "50", "80"
        elif state in (st.CLIFF_ATTACK_SLOW, st.CLIFF_ATTACK_QUICK):
            damage, kbg, bkb = "8", "100", "20"
        else:
            continue
        found[int(who), int(state)] = [_hit_row(0, 999, damage, kbg, bkb)]
    # Peach's three weapons are items to the tables; all of them hit about here
    found[int(Character.PEACH), st.ATTACK_S4_S] = [_hit_row(13, 16, "16", "90", "30")]
    return found


def _hit_row(start: int, end: int, damage: str, kbg: str, bkb: str) -> dict[str, str]:
    return {
        "start": str(start), "end": str(end), "slot": "0", "damage": damage, "angle": "361", "kbg": kbg, "wdsk": "0",
        "bkb": bkb, "element": "normal", "shield_damage": "0", "hit_ground": "1", "hit_air": "1",
    }  # fmt: skip


def _guessed_circles(who: int, state: int, hits: list[dict[str, str]]) -> dict[int, list[tuple[int, NDArray[Any]]]]:
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


def _parameters(hits: list[dict[str, str]], frame: int, slot: int) -> dict[str, str]:
    """The hit row nearest in time, of this slot where there is one."""

    def distance(row: dict[str, str]) -> tuple[int, int]:
        start, end = int(row["start"]), int(row["end"])
        away = max(start - frame, frame - end, 0)
        return away, abs(int(row["slot"]) - slot)

    return min(hits, key=distance)


def _circle(circle: NDArray[Any], hit: dict[str, str]) -> tuple[float, ...]:
    return (
        float(circle[1]), float(circle[2]), float(circle[3]), float(hit["damage"]), float(hit["angle"]),
        float(hit["kbg"]), float(hit["wdsk"]), float(hit["bkb"]), float(hit["shield_damage"]),
        ELEMENTS.index(hit["element"]), int(hit["hit_ground"]), int(hit["hit_air"]),
    )  # fmt: skip
