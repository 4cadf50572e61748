"""The game's tables as flat arrays, in the form in which compiled code takes them (always as an argument).

Built once a process from ``data/`` (see its README for the public sources) and libmelee's frame data.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character
from exphil_rt.game.randall import RANDALL_PERIOD, RANDALL_WIDTH, randall
from exphil_rt.sim import framedata
from exphil_rt.sim.anim_table import NUM_FIGHTERS, anim_table, motion_table
from exphil_rt.sim.datafiles import data_file, number, read_rows
from exphil_rt.sim.hit_table import BODY, CIRCLE, THROWN, hit_table
from exphil_rt.sim.hurt import hurt_tables
from exphil_rt.sim.item_table import item_tables
from exphil_rt.sim.learned import HELD, ecb_table, hang_table, held_places, sides_table, thrown_table
from exphil_rt.sim.specials.table import special_tables
from exphil_rt.sim.stage_facts import LEFT_PLATFORM, RANDALL, RIGHT_PLATFORM
from exphil_rt.sim.state import records

AIR_JUMP_FRAMES: Final = 72
MAX_LINES: Final = 16

LINE: Final = np.dtype(
    [(name, np.float32) for name in ("x0", "y0", "x1", "y1")]
    + [(name, np.int32) for name in ("drop", "ledge", "left", "right", "moving")],
    align=True,
)
"""Ground from left to right; ``left`` and ``right`` are the joined lines, -1 for an edge; ``moving`` as in stage.py."""

WALL: Final = np.dtype([(name, np.float32) for name in ("x0", "y0", "x1", "y1")] + [("side", np.int32)], align=True)
"""A wall from below to above (side +1 where its open side is to the right, -1 left) or a ceiling (side 0)."""

STAGE: Final = np.dtype(
    [(name, np.float32) for name in ("left", "right", "bottom", "top", "rebirth_y", "rebirth_drop")]
    + [("rebirth_x", np.float32, (2,)), ("spawn", np.float32, (4,))]
    + [("edge_x", np.float32, (2,)), ("edge_y", np.float32, (2,)), ("edge_line", np.int32, (2,))]  # left, right ledge
    + [(name, np.int32) for name in ("id", "lines", "walls", "line_offset", "wall_offset", "moving", "windy")],
    align=True,
)

RELEASE: Final = np.dtype(
    [("after", np.float32), ("x", np.float32), ("y", np.float32), ("weighted", np.int32)], align=True
)
"""When a throw lets go: the first age above ``after``, with the victim there, seen from the catcher along its facing;
``weighted`` throws play at 100 / weight of the victim."""

RELEASE_SHARE: Final = 0.45
"""Of its animation, for throws that no replay showed."""

_FEET: Final = ("ecb_jump", "ecb_fall", "ecb_air_jump", "ecb_attack")
"""Height of the lowest point of the body that lands in jumps, falls, air jumps and aerials that no replay showed."""

# Half the distance at which grounded fighters push each other: 3.3 in real replays of Fox, Falco, Mewtwo and
# Mr. Game & Watch, less of these two.
_PUSH_WIDTH: Final = {Character.MARTH: 3.07, Character.PEACH: 3.07, Character.CAPTAIN_FALCON: 3.83}

# Height of the diamond's sides: the middle of the states in the sources of known_ecb.csv; else learned
# (learned_feet.csv) or, of those that no replay showed beside a wall, a share of the body's height.
_SIDE_UP: Final = {
    Character.FOX: 7.5, Character.FALCO: 8.9, Character.MARTH: 8.9, Character.CAPTAIN_FALCON: 5.3,
    Character.JIGGLYPUFF: 2.5,
}  # fmt: skip
SIDE_SHARE: Final = 0.42
# Where the ledge must be for a fighter to catch it: at most so far out from the diamond, at least so far above the
# feet, and at most so far above where they were. Five fighters' boxes are the game's own (kodycode's attributes.js, see
# data/README.md; Fox's in its memory, too), the others' are measured on catches of four fighters.
_LEDGE: Final = ("ledge_out", "ledge_low", "ledge_high")
_LEDGE_BOX: Final = {
    Character.FOX: (11.0, 8.5, 17.5), Character.FALCO: (11.0, 8.5, 17.5), Character.MARTH: (9.0, 11.5, 22.5),
    Character.CAPTAIN_FALCON: (9.0, 11.5, 22.5), Character.JIGGLYPUFF: (9.0, 5.5, 14.5),
    Character.GAME_AND_WATCH: (12.0, 10.0, 19.5), Character.POPO: (12.0, 7.8, 19.5),
}  # fmt: skip
_LEDGE_BOX_ELSE: Final = (12.0, 8.0, 19.5)  # Mewtwo catches one at 19.40 above, none at 19.72

# https://www.ssbwiki.com/Wall_jump, the list for Melee
_WALL_JUMPS: Final = (
    Character.MARIO, Character.FOX, Character.CAPTAIN_FALCON, Character.SHEIK, Character.SAMUS, Character.YOUNG_LINK,
    Character.FALCO, Character.PICHU,
)  # fmt: skip

# After their special falls these fighters land free like after a jump (real replays; of others none was seen to).
_FREE_LANDING: Final = (Character.MEWTWO, Character.GAME_AND_WATCH, Character.FOX, Character.FALCO)

# Five (Kirby) and five (Jigglypuff) air jumps: vertical speed of each, own estimates for
# Kirby, measured on real replays for Jigglypuff.
_MULTI_JUMPS: Final = {
    Character.KIRBY: (1.8, 1.7, 1.6, 1.5, 1.4),
    Character.JIGGLYPUFF: (1.65, 1.59, 1.47, 1.36, 1.25),
}


def load(folder: Path | None = None) -> NDArray[Any]:
    """Build the tables: one record ``[1]`` with every table as a field, so that compiled code passes one pointer.

    Fields: ``common`` [1] constants; ``fighters`` [27] attributes by internal id; ``anim`` [27, 341] ANIM;
    ``hit_frames`` HIT_FRAME; ``circles`` CIRCLE; ``motion`` forward movement a frame; ``throws`` [27, 4] CIRCLE by
    state from ThrowF; ``ecb``, ``hang`` and ``sides`` see learned.py; ``randall`` [1200, 2]; ``air_jump``
    [27, 72] vertical speed by frame of an animated double jump, nan for none;
    ``stages`` STAGE; ``lines`` LINE; ``walls`` WALL.

    Args:
        folder: keeps libmelee's parsed frame data; none parses it again.
    """
    frames = framedata.load(folder)
    anim = anim_table(frames)
    hit_frames, circles = hit_table(frames, anim)
    stages, lines, walls = _stages()
    fighters = _fighters()
    throws, releases = _throws()
    motion = motion_table(frames, anim)
    parts = {
        "common": _common(),
        "fighters": fighters,
        "anim": anim,
        "hit_frames": hit_frames,
        "circles": circles,
        "motion": motion,
        "ecb": ecb_table(anim),
        "hang": hang_table(frames, anim),
        "sides": sides_table(anim),
        "randall": randall(np.arange(RANDALL_PERIOD, dtype=np.int32)),
        "throws": throws,
        "releases": releases,
        "thrown": thrown_table(NUM_FIGHTERS),
        "shields": _shields(),
        **hurt_tables(anim),
        "air_jump": _air_jump(),
        "stages": stages,
        "lines": lines,
        "walls": walls,
        **special_tables(frames, anim, fighters),
        **item_tables(),
    }
    for name in ("fighters", "anim", "throws", "releases", "thrown", "hurt", "special", "special_start"):
        parts[name][int(Character.NANA)] = parts[name][int(Character.POPO)]  # no table lists her apart
    parts["special_start"][int(Character.NANA)]["up"] = 0  # alone she cannot begin it (real replays)
    layout = np.dtype([(name, part.dtype, part.shape) for name, part in parts.items()], align=True)
    table = np.zeros(1, layout)
    for name, part in parts.items():
        table[name][0] = part
    return records(table)


@cache
def stage_rows() -> dict[int, int]:
    """Row of the stage tables by Slippi's stage id."""
    return {int(stage["stage"]): row for row, stage in enumerate(json.loads(data_file("stages.json")).values())}


def _common() -> NDArray[Any]:
    values = json.loads(data_file("common.json"))
    array = np.zeros(1, np.dtype([(name, np.float32) for name in values], align=True))
    for name, value in values.items():
        array[name] = value
    return array


def _fighters() -> NDArray[Any]:
    rows = read_rows("fighters.csv")
    names = [name for name in rows[0] if name != "character"]
    extra = [
        "height",
        "width",
        "push_width",
        *_FEET,
        *(f"multi_jump_{n}" for n in range(5)),
        "animated_jump",
        "free_landing",
        "wall_jumps",
        "side_up",
        *_LEDGE,
        *HELD,
    ]
    array = np.zeros(NUM_FIGHTERS, np.dtype([(name, np.float32) for name in names + extra], align=True))
    curves = {int(row["character"]) for row in read_rows("air_jumps.csv")}
    for row in rows:
        who = int(row["character"])
        for name in names:
            array[who][name] = number(row[name])
        array[who]["height"], array[who]["width"] = BODY[Character(who)]
        array[who]["animated_jump"] = who in curves
        array[who]["wall_jumps"] = who in _WALL_JUMPS
        array[who]["side_up"] = BODY[Character(who)][0] * SIDE_SHARE
        for name, value in zip(_LEDGE, _LEDGE_BOX.get(Character(who), _LEDGE_BOX_ELSE), strict=True):
            array[who][name] = value
        array[who]["free_landing"] = who in _FREE_LANDING
        array[who]["push_width"] = _PUSH_WIDTH.get(Character(who), 3.3)
        for n, speed in enumerate(_MULTI_JUMPS.get(Character(who), ())):
            array[who][f"multi_jump_{n}"] = speed
    for row in read_rows("learned_feet.csv"):
        array[int(row["character"])][row["kind"]] = float(row["height"])
    held = held_places(NUM_FIGHTERS)
    for column, name in enumerate(HELD):
        array[name] = held[:, column]
    for who, height in _SIDE_UP.items():
        array[int(who)]["side_up"] = height
    return array


def _throws() -> tuple[NDArray[Any], NDArray[Any]]:
    table = np.zeros((NUM_FIGHTERS, 4), CIRCLE)
    releases = np.zeros((NUM_FIGHTERS, 4), RELEASE)
    for row in read_rows("throws.csv"):
        if row["state"] not in {str(state) for state in range(st.THROW_F, st.THROW_LW + 1)}:
            continue
        place = int(row["character"]), int(row["state"]) - st.THROW_F
        cell = table[place]
        for name in ("damage", "angle", "kbg", "wdsk", "bkb"):
            cell[name] = float(row[name])
        cell["element"] = THROWN
        seen = row["release"] != ""
        releases[place]["after"] = number(row["release"]) if seen else float(row["frames"]) * RELEASE_SHARE
        releases[place]["weighted"] = int(row["weighted"]) if seen else 1
        releases[place]["x"] = number(row["dx"]) if seen else 7.0
        releases[place]["y"] = number(row["dy"]) if seen else 2.0
    # Donkey Kong carries forward, Bowser's down throw is not in the tables: both as the throw behind them
    for part in (table, releases):
        part[int(Character.DONKEY_KONG), 0] = part[int(Character.DONKEY_KONG), 1]
        part[int(Character.BOWSER), 3] = part[int(Character.BOWSER), 1]
    return table, releases


# Where the bubble is, in shares of the height: forward and up when it is not tilted (the mean of the nine that are
# known), and the half axes of its way round (the median of the five, of which Fox and Falco count as one).
_SHIELD_ELSE: Final = (0.08, 0.57)
_SHIELD_WAY: Final = (0.22, 0.24)


def _shields() -> NDArray[np.float32]:
    """Middle of the bubble ``[27, 9, 2]``, forward and up: not tilted, then tilted fully at 0, 45, ... 315 degrees."""
    table = np.zeros((NUM_FIGHTERS, 9, 2), np.float32)
    angle = np.radians(np.arange(0, 360, 45))
    way = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * _SHIELD_WAY
    height = np.array([BODY[Character(who)][0] for who in range(NUM_FIGHTERS)])
    table[:, 0] = height[:, None] * _SHIELD_ELSE
    known = read_rows("known_shields.csv")
    for row in known:
        if row["angle"] == "":
            table[int(row["character"]), 0] = float(row["x"]), float(row["y"])
    table[:, 1:] = table[:, :1] + height[:, None, None] * way
    for row in known:
        if row["angle"] != "":
            table[int(row["character"]), 1 + int(row["angle"]) // 45] = float(row["x"]), float(row["y"])
    return table


def _air_jump() -> NDArray[np.float32]:
    table = np.full((NUM_FIGHTERS, AIR_JUMP_FRAMES), np.nan, np.float32)
    for row in read_rows("air_jumps.csv"):
        table[int(row["character"]), int(row["frame"])] = float(row["vy"])
    return table


# Where the fighters of the two ports come back, how high, and from how far above: seen in real replays (Battlefield's
# x and the way down of all but Final Destination and Dream Land are estimated).
_REBIRTH: Final = {
    "battlefield": (16.0, -16.0, 80.0, 85.0), "final_destination": (16.0, -50.0, 45.0, 69.0),
    "dreamland": (-5.0, 0.0, 84.2215, 105.7785), "fountain_of_dreams": (0.0, 0.0, 64.0, 85.0),
    "pokemon_stadium": (0.0, 0.0, 60.0, 85.0), "yoshis_story": (0.0, 0.0, 52.5, 85.0),
}  # fmt: skip

# Fountain of Dreams' three platforms lie on one another in the source; their places, left to right, and the top one's
# height: libmelee's stages.py, and real replays.
_FOUNTAIN: Final = ((-35.25, LEFT_PLATFORM, 0.0), (35.25, RIGHT_PLATFORM, 0.0), (0.0, 0, 42.75))


def _stages() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    lines: list[tuple[float, ...]] = []
    walls: list[tuple[float, ...]] = []
    data = json.loads(data_file("stages.json"))
    stages = np.zeros(len(data), STAGE)
    for row, (name, stage) in enumerate(data.items()):
        ground = [line[1:] for line in stage["lines"] if line[0] == "ground"]
        record = stages[row]
        record["left"], record["right"], record["bottom"], record["top"] = stage["blast"]
        left, right, record["rebirth_y"], record["rebirth_drop"] = _REBIRTH[name]
        record["rebirth_x"] = left, right
        record["windy"] = name == "dreamland"
        record["spawn"] = [number for spawn in stage["spawns"][:2] for number in spawn]
        record["id"] = stage["stage"]
        if name == "fountain_of_dreams":
            loose = iter(_FOUNTAIN)
            record["moving"] = LEFT_PLATFORM
        elif name == "yoshis_story":
            ground.append([1, 0, 0.0, 0.0, RANDALL_WIDTH, 0.0])
            record["moving"] = RANDALL
        record["line_offset"], record["lines"] = len(lines), len(ground)
        record["wall_offset"] = len(walls)
        for drop, ledge, x0, y0, x1, y1 in ground:
            joined_left = [n for n, other in enumerate(ground) if (other[4], other[5]) == (x0, y0) and not drop]
            joined_right = [n for n, other in enumerate(ground) if (other[2], other[3]) == (x1, y1) and not drop]
            moving = RANDALL if name == "yoshis_story" and (x0, x1) == (0.0, RANDALL_WIDTH) else 0
            if name == "fountain_of_dreams" and drop:
                shift, moving, height = next(loose)
                x0, y0, x1, y1 = x0 + shift, height, x1 + shift, height
            joins = joined_left[0] if joined_left else -1, joined_right[0] if joined_right else -1
            if ledge and -1 in joins:
                side = joins.index(-1)
                record["edge_x"][side], record["edge_y"][side] = (x0, y0) if side == 0 else (x1, y1)
                record["edge_line"][side] = len(lines)
            lines.append((x0, y0, x1, y1, drop, ledge, *joins, moving))
        for kind, _, _, x0, y0, x1, y1 in stage["lines"]:
            if kind == "ceiling":
                walls.append((*((x0, y0, x1, y1) if x0 < x1 else (x1, y1, x0, y0)), 0))
            elif kind != "ground":
                side = 1 if kind == "wall_right" else -1
                walls.append((*((x0, y0, x1, y1) if y0 < y1 else (x1, y1, x0, y0)), side))
        record["walls"] = len(walls) - record["wall_offset"]
    return stages, np.array(lines, LINE), np.array(walls, WALL)
