"""How long does the embedded game follow real movement?

Every 11th frame of a replay at which a fighter moves freely (no hits, no specials, no attacks within the next 60
frames) is a window: the recorded state is loaded, the recorded inputs are fed for 60 frames, and the position is
compared. The opponent is put where it was, so that fighters push each other. Usage: bench_sim_fidelity.py [REPLAYS].
The tables' fitted lengths and heights come from some of these same replays, so the figures are in sample for them.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from exphil_rt.game import states as st
from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import character_name
from exphil_rt.game.lane import GameSetup
from exphil_rt.replays import read_replay
from exphil_rt.sim import EmbeddedLane, kernel

WINDOW, STRIDE, WARM = 60, 11, 25
TOLERANCE = 1.0  # world units
FREE = {
    *range(st.WAIT, st.RUN + 1), st.RUN_BRAKE, *range(st.KNEE_BEND, st.FALL + 1), st.FALL_AERIAL, st.FALL_SPECIAL,
    *range(st.SQUAT, st.LANDING_FALL_SPECIAL + 1), st.ESCAPE_AIR, st.PASS, st.OTTOTTO, st.OTTOTTO_WAIT,
}  # fmt: skip
# Walks and falls of one kind count as one state; RunDirect is Run.
SAME = {16: 15, 17: 15, 22: 21, 30: 29, 31: 29, 32: 29, 33: 29, 34: 29, 36: 35, 37: 35, 245: 14, 246: 14}
PADS = ("buttons", "joystick_x", "joystick_y", "cstick_x", "cstick_y", "trigger", "raw_x")
COPIED = {
    "x": "position_x", "y": "position_y", "facing": "facing", "vx": "self_x_air", "vy": "self_y", "gv": "self_x_ground",
    "age": "state_age", "percent": "percent", "shield": "shield", "airborne": "airborne", "jumps": "jumps",
}  # fmt: skip


def merged(states: np.ndarray) -> np.ndarray:
    """States with the kinds of Walk, Fall and so on merged."""
    return np.array([SAME.get(int(s), int(s)) for s in states])


def windows(frames: Frames, port: int, states: np.ndarray) -> Iterator[int]:
    """First frames of the windows of one player."""
    body = frames.players
    free = np.isin(states, [SAME.get(s, s) for s in FREE]) & (frames.frame > 0) & (body.hitlag[:, port] == 0)
    free &= (body.knockback_x[:, port] == 0) & (body.knockback_y[:, port] == 0)
    for t in range(WARM + 5, len(free) - WINDOW - 1, STRIDE):
        if free[t : t + WINDOW + 1].all():
            yield t


class Replayer:
    """A lane whose slots each replay one window."""

    def __init__(self, frames: Frames, todo: list[tuple[int, int]], stage_row: int) -> None:
        self.frames, self.todo = frames, todo
        self.tables = kernel.load().tables[0]
        self.lane = EmbeddedLane(len(todo))
        self.slots = np.arange(len(todo), dtype=np.int32)
        self.stage = self.tables["stages"][stage_row]
        for n, (port, t) in enumerate(todo):
            who = int(frames.players.character[t, port])
            self.lane.start(n, GameSetup(game_id=n, stage=32, characters=(who, who), timer_frames=10**8))
        self.lane.games["stage"] = stage_row
        self.lane.players["state"][:, 1] = st.SLEEP

    def feed(self, offset: int) -> None:
        """Put the recorded inputs of every window's frame ``offset`` on the pads."""
        for n, (port, t) in enumerate(self.todo):
            for name in PADS:
                getattr(self.lane._pads, name)[n, 0] = getattr(self.frames.controllers, name)[t + offset, port]

    def warm(self) -> None:
        """Run the stick timers up to the window, on a fighter that does nothing."""
        mine = self.lane.players[:, 0]
        for offset in range(-WARM, 1):
            mine["state"], mine["t"] = st.REBIRTH, 0
            self.lane.games["frame"] = 1000
            self.feed(offset)
            self.lane.step(self.slots, 1, watch=False)

    def load(self) -> None:
        """Load the recorded state of every window's first frame."""
        for n, (port, t) in enumerate(self.todo):
            body, mine = self.frames.players, self.lane.players[n, 0]
            for field, column in COPIED.items():
                mine[field] = getattr(body, column)[t, port]
            state = int(body.state[t, port])
            mine["state"] = state if state in FREE else SAME[state]
            start = max(float(self.tables["anim"][mine["character"], mine["state"]]["start"]), 0.0)
            mine["rate"] = 3.01 if state == st.LANDING_FALL_SPECIAL else 1.0
            mine["t"] = max(0, round((float(mine["age"]) - start) / float(mine["rate"])))
            mine["flag"] = mine["count"] = mine["air_frames"] = mine["short_hop"] = 0
            mine["pass_line"] = -1
            self.guess_hidden(mine, n, port, t)

    def guess_hidden(self, mine: Any, n: int, port: int, t: int) -> None:
        """State that no frame shows, from the frames before."""
        body, who = self.frames.players, self.tables["fighters"][mine["character"]]
        begun = t
        while (
            body.state[begun - 1, port] == mine["state"]
            and body.state_age[begun - 1, port] < body.state_age[begun, port]
        ):
            begun -= 1
        if mine["state"] == st.TURN:
            flick = abs(self.frames.controllers.joystick_x[begun, port]) >= 0.8
            mine["flag"] = body.facing[begun, port] != body.facing[t, port]
            mine["count"] = 1 if flick else int(who["turn_frames"]) + 1
        if mine["state"] == st.DASH:
            mine["flag"] = body.state[begun - 1, port] == st.TURN
        if mine["state"] == st.TURN_RUN:
            mine["flag"] = body.facing[begun, port] != body.facing[t, port]
        mine["fastfall"] = bool(mine["airborne"]) and abs(float(mine["vy"]) + float(who["fastfall_vel"])) < 1e-3
        if mine["airborne"]:
            mine["air_frames"] = next((k for k in range(1, 20) if not body.airborne[t - k, port]), 20)
            on_ledge = [k for k in range(30) if st.CLIFF_CATCH <= body.state[t - k, port] <= st.CLIFF_WAIT]
            mine["ledge_wait"] = 30 - on_ledge[0] if on_ledge else 0
        else:
            first = int(self.stage["line_offset"])
            lines = self.tables["lines"][first : first + int(self.stage["lines"])]
            near = (
                (lines["x0"] - 0.2 <= mine["x"]) & (mine["x"] <= lines["x1"] + 0.2) & (abs(lines["y0"] - mine["y"]) < 1)
            )
            mine["line"] = mine["last_line"] = first + (int(np.flatnonzero(near)[0]) if near.any() else 0)

    def push(self, offset: int) -> None:
        """Let the recorded opponent push, as it stood on the frame before."""
        fighters, body = self.tables["fighters"], self.frames.players
        for n, (port, t) in enumerate(self.todo):
            mine, foe, k = self.lane.players[n, 0], 1 - port, t + offset - 1
            gap = float(body.position_x[k, foe]) - float(mine["x"])
            room = fighters[mine["character"]]["push_width"] + fighters[body.character[k, foe]]["push_width"]
            level = abs(float(body.position_y[k, foe]) - float(mine["y"])) < 1
            close = level and abs(gap) < room and not mine["airborne"] and not body.airborne[k, foe]
            alive = body.state[k, foe] > st.REBIRTH_WAIT
            mine["push_x"] = (-0.3 if gap > 0 else 0.3) if close and alive else 0.0


def follow(path: Path) -> list[tuple[int, bool, int, bool, bool, bool]]:
    """(fighter, moving, frames followed, state equal after 10, 30, 60) of each window of a replay."""
    frames = read_replay(path, rollback="last").frames
    row = kernel.load().stage_rows.get(int(frames.stage[0]))
    if row is None or not frames.players.self_x_air.any():
        return []  # velocities are recorded from Slippi 3.5 on
    states = [merged(frames.players.state[:, port]) for port in range(2)]
    todo = [(port, t) for port in range(2) for t in windows(frames, port, states[port])]
    if not todo:
        return []
    replayer = Replayer(frames, todo, row)
    replayer.warm()
    replayer.load()
    alive, equal = np.full(len(todo), WINDOW), np.zeros((len(todo), WINDOW + 1), bool)
    for offset in range(1, WINDOW + 1):
        replayer.feed(offset)
        replayer.push(offset)
        replayer.lane.step(replayer.slots, 1, watch=False)
        for n, (port, t) in enumerate(todo):
            mine, body = replayer.lane.players[n, 0], frames.players
            error = max(
                abs(mine["x"] - body.position_x[t + offset, port]), abs(mine["y"] - body.position_y[t + offset, port])
            )
            equal[n, offset] = SAME.get(int(mine["state"]), int(mine["state"])) == states[port][t + offset]
            if alive[n] == WINDOW and not error <= TOLERANCE:
                alive[n] = offset - 1
    found = []
    for n, (port, t) in enumerate(todo):
        travelled = np.abs(np.diff(frames.players.position_x[t : t + WINDOW + 1, port])).sum()
        changes = (np.diff(states[port][t : t + WINDOW + 1]) != 0).sum()
        moving = bool(travelled > 15 and changes >= 2)
        found.append(
            (int(frames.players.character[t, port]), moving, int(alive[n]), *map(bool, equal[n, [10, 30, 60]]))
        )
    return found


def report(name: str, rows: np.ndarray) -> None:
    """One line of figures."""
    if len(rows):
        shares = " ".join(f"{value:.3f}" for value in rows[:, 3:].mean(axis=0))
        followed = (rows[:, 2] >= WINDOW).mean()
        print(f"{name:<28} {len(rows):>6} {followed:>9.3f} {np.median(rows[:, 2]):>8.0f}   {shares}")


def main() -> None:
    """Print the figures of a folder of replays."""
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("EXPHIL_RT_TEST_REPLAYS")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "replays"
    found: list[tuple[int, bool, int, bool, bool, bool]] = []
    skipped: Counter[str] = Counter()
    for path in sorted(folder.rglob("*.slp")):
        try:
            found += follow(path)
        except Exception as error:
            skipped[type(error).__name__] += 1
    if not found:
        print(f"no window of free movement in {folder}")
        return
    rows = np.array(found, float)
    print(f"{'':<28} {'count':>6} {'whole 60':>9} {'median':>8}   same state at +10, +30, +60")
    report("all windows", rows)
    moving = rows[rows[:, 1] == 1]
    report("moving windows", moving)
    for who in np.unique(moving[:, 0]):
        report(f"  {character_name(int(who))}", moving[moving[:, 0] == who])
    if skipped:
        print("not read:", dict(skipped))


if __name__ == "__main__":
    main()
