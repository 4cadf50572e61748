"""What no replay shows, rebuilt from what it showed before: the records of every frame, made causally.

The embedded game walks along the recording: from its own record of one frame it plays the next with the recorded
inputs, and then everything that the recording shows of that frame is written over it. Timers, jump counts, stale moves
and the insides of states are so the game's own, corrected wherever the game was seen to be wrong. A record never
depends on a later frame; :func:`leaks` finds a tracker that peeks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.frames import MAX_ITEMS, Button, Frames
from exphil_rt.game.lane import GameSetup
from exphil_rt.sim.fidelity.recording import Recording, merged
from exphil_rt.sim.fidelity.rollout import every, feed
from exphil_rt.sim.lane import EmbeddedLane
from exphil_rt.sim.stage_facts import (
    LEDGE_SAFE,
    LEFT_PLATFORM,
    PLATFORM_BASE,
    PLATFORM_HIGH,
    PLATFORM_LOW,
    PLATFORM_SCALE,
    RANDALL,
    WIND_FRAMES,
    WIND_REST,
    WIND_SPEED,
)
from exphil_rt.sim.state import FIGHTERS, SAVED, STALE_SLOTS

SHOWN: Final = {
    "x": "position_x", "y": "position_y", "facing": "facing", "vx": "self_x_air", "vy": "self_y", "gv": "self_x_ground",
    "kx": "knockback_x", "ky": "knockback_y", "age": "state_age", "percent": "percent", "shield": "shield",
    "airborne": "airborne", "jumps": "jumps", "stocks": "stocks", "hitlag": "hitlag", "hitstun": "hitstun",
    "exists": "exists", "character": "character",
}  # fmt: skip
"""Field of a record by the column of the recording that shows it."""

_PAD_FIELDS: Final = (
    "stick_x", "stick_y", "last_x", "last_y", "c_x", "c_y", "last_cx", "last_cy", "trigger", "raw_x", "raw_x1",
    "raw_x2", "buttons", "pressed", "tilt_x", "tilt_y", "since_lrz", "since_lr", "since_lr_before", "since_xy",
    "ledge_wait",
)  # fmt: skip
_QUEUE_FIELDS: Final = ("stale", "stale_serial", "stale_next")
# The two fields of a body that make a prediction exact, with how far off it may be.
_EXACT: Final = (
    ("x", "position_x"), ("y", "position_y"), ("vx", "self_x_air"), ("vy", "self_y"), ("gv", "self_x_ground"),
    ("kx", "knockback_x"), ("ky", "knockback_y"), ("percent", "percent"),
)  # fmt: skip
EXACT: Final = 1e-3
MOST_RECOIL: Final = 2.5
STAR_FRAMES: Final = 176
DEAD_FRAMES: Final = 60
FLYING: Final = 1
"""``items.FLYING``, which cannot be imported without numba."""
INTANGIBLE: Final = 2
"""Of Slippi's hurtbox states."""
_MAX_FRAMES: Final = 10**9


@dataclass(frozen=True, slots=True)
class Tracked:
    """Records ``[W]`` at the wanted places, and ``exact`` ``[T, F, 2]``: one frame ahead was foretold exactly.

    ``foretold`` ``[T, F, 2]`` is the state that the game expected.
    """

    records: NDArray[Any]
    exact: NDArray[np.bool_]
    foretold: NDArray[np.int16]


class Tracker:
    """Walks along recorded games; one slot of a lane each."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        body = recording.body
        games = len(recording.length)
        self.lane = EmbeddedLane(games)
        self.tables = self.lane.tables
        self.num_states = self.tables["anim"].shape[1]
        for game in range(games):
            who = tuple(int(c) for c in body["character"][0, game, :2])
            stage = int(recording.stage[game])
            self.lane.start(
                game, GameSetup(game_id=game, stage=stage, characters=(who[0], who[1]), timer_frames=_MAX_FRAMES)
            )
        self.lane.games["led"] = 1
        self.windy = self.tables["stages"]["windy"][self.lane.games["stage"]] != 0
        self.known = np.minimum(body["state"], 1023).astype(np.int32)
        unknown = self.known >= self.num_states
        self.known[unknown] = np.where(body["airborne"][unknown] != 0, st.FALL_SPECIAL, st.WAIT)
        for kind, one in ((st.RUN + 1, st.RUN), (30, 29), (31, 29), (33, 32), (34, 32), (36, 35), (37, 35)):
            self.known[self.known == kind] = one
        self.known[:, :, 2:][body["exists"][:, :, 2:] == 0] = st.SLEEP

    def walk(self, wanted: NDArray[np.int32]) -> Tracked:
        """Walk to the end; records at ``wanted`` ``[W, 2]`` (row, game)."""
        recording, lane = self.recording, self.lane
        rows, games = recording.body["state"].shape[:2]
        records = np.zeros(len(wanted), SAVED)
        by_row: dict[int, list[int]] = {}
        for n, (row, _) in enumerate(wanted):
            by_row.setdefault(int(row), []).append(n)
        exact = np.zeros((rows, games, 2), bool)
        foretold = np.zeros((rows, games, 2), np.int16)
        self._correct(0, np.arange(games), every(lane, np.arange(games)), lane.games.copy(), first=True)
        for row in range(1, rows):
            slots = np.flatnonzero(recording.length > row).astype(np.int32)
            before = every(lane, slots)
            games = lane.games[slots].copy()
            lane.games["status"][slots] = 1
            lane.games["frame"][slots] = row - 124
            feed(lane, slots, recording.pads, row, slots)
            lane.step(slots, 1, watch=False)
            exact[row, slots], foretold[row, slots] = self._compare(row, slots)
            self._correct_stage(row, slots)
            self._correct_items(row, slots, games)
            self._correct(row, slots, before, games)
            if row in by_row:
                chosen = by_row[row]
                at = wanted[chosen, 1]
                records["game"][chosen] = lane.games[at]
                records["players"][chosen] = lane.players[at]
                records["followers"][chosen] = lane.followers[at]
        lane.close()
        return Tracked(records, exact, foretold)

    def _compare(self, row: int, slots: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[Any]]:
        body, mine = self.recording.body, self.lane.players[slots]
        good = merged(mine["state"]) == self.recording.merged[row, slots, :2]
        for field, column in _EXACT:
            good &= np.abs(mine[field] - body[column][row, slots, :2]) <= EXACT
        return good, mine["state"]

    def _correct_stage(self, row: int, slots: NDArray[Any]) -> None:
        """Where platforms are shown to be, and the wind that fighters are seen to drift in."""
        games, shown = self.lane.games, self.recording.platforms
        for slot in slots[shown[row, slots].any(axis=1)]:
            for side in range(2):
                now, before = float(shown[row, slot, side]), float(shown[row - 1, slot, side])
                games[f"height_{side}"][slot], games[f"last_{side}"][slot] = now, before
                far = PLATFORM_HIGH if now > before else PLATFORM_LOW
                games[f"goal_{side}"][slot] = now if now == before else far
                games[f"rest_{side}"][slot] = max(int(games[f"rest_{side}"][slot]), 60)
        for slot in slots[self.windy[slots]]:
            mine = self.lane.players[slot]
            off = self.recording.body["position_x"][row, slot, :2] - mine["x"]
            rise = np.abs(self.recording.body["position_y"][row, slot, :2] - mine["y"])
            for sign in (-1, 1):
                if (np.abs(off - sign * WIND_SPEED) + rise < 2e-3).any():
                    games["wind"][slot] = np.clip(games["wind"][slot] + sign, -1, 1)
                    games["wind_frames"][slot] = WIND_FRAMES if games["wind"][slot] else int(WIND_REST[0])
                    break

    def _correct_items(self, row: int, slots: NDArray[Any], before: NDArray[Any]) -> None:
        """Projectiles in flight are those shown; what the game knew of the one it takes for the same is kept.

        Those ``before`` this frame, too: the game may have used one up that flies on.
        """
        shown = self.recording.items
        kinds = self.tables["item_kinds"]
        some = (shown["exists"][row, slots] != 0).any(axis=1) | (self.lane.games["num_items"][slots] > 0)
        for place in np.flatnonzero(some):
            slot, earlier = slots[place], before["items"][place][: int(before["num_items"][place])]
            game = self.lane.games[slot]
            mine = [game["items"][k].copy() for k in range(int(game["num_items"]))]
            kept = [item for item in mine if item["state"] != FLYING]
            loose = [item for item in mine if item["state"] == FLYING]
            left = {int(item["serial"]) for item in mine}
            loose += [one.copy() for one in earlier if one["state"] == FLYING and int(one["serial"]) not in left]
            for n in np.flatnonzero(shown["exists"][row, slot]):
                here = {name: shown[name][row, slot, n] for name in shown}
                kind, owner = int(here["kind"]), int(here["owner"])
                known = kind < len(kinds) and kinds[kind]["life"] > 0
                if not known or owner not in (0, 1) or here["velocity_x"] == 0.0:
                    continue
                same = [k for k, item in enumerate(loose) if item["kind"] == kind and item["owner"] == owner]
                gaps = [abs(float(loose[k]["x"] - here["position_x"])) for k in same]
                item = loose.pop(same[int(np.argmin(gaps))]) if same else np.zeros((), game["items"].dtype)[()]
                if not same:
                    item["kind"], item["owner"], item["damage"] = kind, owner, 1.0
                    item["state"], item["timer"] = FLYING, here["timer"]
                    game["item_serial"] += 1
                    item["serial"] = game["item_serial"]
                for axis in ("x", "y"):
                    item[axis] = item[f"prev_{axis}"] = here[f"position_{axis}"]
                    item[f"v{axis}"] = here[f"velocity_{axis}"]
                item["facing"] = np.sign(here["velocity_x"])
                kept.append(item)
            for k, item in enumerate(kept[:MAX_ITEMS]):
                game["items"][k] = item
            game["num_items"] = min(len(kept), MAX_ITEMS)

    def _correct(
        self, row: int, slots: NDArray[Any], before: NDArray[Any], games: NDArray[Any], first: bool = False
    ) -> None:
        """Write what frame ``row`` shows over the records of ``slots``.

        ``before`` are the fighters' of the frame before, ``games`` the games'.
        """
        body = self.recording.body
        mine = every(self.lane, slots)
        shown = self.known[row, slots]
        there = body["exists"][row, slots] != 0
        hits = self._learn_hits(row, slots, mine, before, games) if row else []
        wrong = mine["state"] != shown
        if wrong.any() or first:
            earlier = self.known[row - 1, slots] if row else shown
            age, last_age = body["state_age"][row, slots], body["state_age"][max(row - 1, 0), slots]
            going_on = wrong & (shown == earlier) & (age >= last_age) & (before["state"] == shown)
            if going_on.any():
                kept = before[going_on]
                for name in (*_PAD_FIELDS, "last_attack"):
                    kept[name] = mine[name][going_on]
                kept["t"] += body["hitlag"][row, slots][going_on] == 0
                for name in ("merge_frames", "intangible", "invincible"):
                    kept[name] = np.maximum(kept[name] - 1, 0)
                mine[going_on] = kept
            for n, port in zip(*np.nonzero(wrong & ~going_on), strict=True):
                self._entered(mine[n], port, int(shown[n, port]), before[n, port], int(earlier[n, port]), int(slots[n]))
        self._spend(row, slots, mine, hits)
        self._learn_recoil(row, slots, mine, before, wrong)
        was_air = mine["airborne"] != 0
        who = mine["character"].copy()
        for field, column in SHOWN.items():
            mine[field] = body[column][row, slots]
        mine["character"] = np.where(there, mine["character"], who)  # who is gone comes back as who it was
        calm = (body["hitlag"][row, slots] == 0) & ~wrong & (row > 0)
        if row:
            gain = body["state_age"][row, slots] - body["state_age"][row - 1, slots]
            learned = calm & (shown == self.known[row - 1, slots]) & (gain > 0.05) & (gain < 12)
            learned &= (np.abs(gain - mine["rate"]) > 0.01) & _stretched(shown)
            mine["rate"] = np.where(learned, gain, mine["rate"])
        at = self.tables["fighters"][np.minimum(mine["character"], len(self.tables["fighters"]) - 1)]
        air = mine["airborne"] != 0
        quick = air & (np.abs(mine["vy"] + at["fastfall_vel"]) < 1e-3)
        mine["fastfall"] = np.where(quick, 1, np.where(air & (mine["vy"] > -at["terminal_vel"]), 0, mine["fastfall"]))
        untouchable = body["hurtbox_state"][row, slots]
        mine["intangible"] = np.where(untouchable == 0, 0, np.maximum(mine["intangible"], untouchable == INTANGIBLE))
        mine["invincible"] = np.where(body["hurtbox_state"][row, slots] == 0, 0, mine["invincible"])
        caught = ((shown >= st.CAPTURE_PULLED_HI) & (shown < st.CAPTURE_CUT)) | (
            (shown >= st.THROWN_F) & (shown <= st.THROWN_LW + 1)
        )
        catching = (shown >= st.CATCH) & (shown <= st.THROW_LW)
        second = catching[:, [3, 2, 3, 2]] & ~catching[:, [1, 0, 1, 0]]
        catcher = np.where(second, (4, 3, 4, 3), (2, 1, 2, 1))
        mine["held"] = np.where(caught, catcher, 0)
        hanging = (shown >= st.CLIFF_CATCH) & (shown <= st.CLIFF_JUMP_QUICK_1) & air
        mine["ledge"] = np.where(hanging, np.where(mine["x"] > 0, 1, -1), 0)
        left = air & (~was_air | first)
        mine["air_frames"] = np.where(left, 0, mine["air_frames"])
        mine["line"] = np.where(air, -1, mine["line"])
        for n, port in zip(*np.nonzero(~air & there & ~self._stands(mine)), strict=True):
            self._stand(mine[n], port, int(slots[n]))
        self.lane.players[slots], self.lane.followers[slots] = mine[:, :2], mine[:, 2:]

    def _learn_hits(
        self, row: int, slots: NDArray[Any], mine: NDArray[Any], before: NDArray[Any], games: NDArray[Any]
    ) -> list[tuple[int, int, int]]:
        """Keep the sides' stale moves to what was recorded, not to what was foretold.

        Returns:
            The recorded hits: place in ``slots``, victim and attacker.
        """
        body = self.recording.body
        percent, hitlag, landed = body["percent"], body["hitlag"][row, slots], body["last_attack_landed"]
        rose = (percent[row, slots] > percent[row - 1, slots]) & (body["exists"][row - 1, slots] != 0)
        # what hurts without a blow: being out of sight
        rose &= (hitlag > 0) | _any_foe(hitlag > 0) | (body["state"][row, slots] != body["state"][row - 1, slots])
        foretold = mine["percent"] > before["percent"]
        for n, victim in zip(*np.nonzero(foretold & ~rose), strict=True):
            epoch, side = "hit_epoch" if victim < 2 else "hit_epoch_2", 1 - victim % 2
            alone = not rose[n, (victim + 2) % FIGHTERS]
            for foe in (side, side + 2):
                for name in (epoch, "last_attack") if alone else (epoch,):
                    mine[n, foe][name] = before[n, foe][name]
            for name in _QUEUE_FIELDS if alone else ():
                self.lane.games[name][slots[n], side] = games[name][n, side]
        hits = []
        for n, victim in zip(*np.nonzero(rose), strict=True):
            foe = 1 - victim % 2
            told = landed[row, slots[n], foe] != landed[row - 1, slots[n], foe]
            if hitlag[n, foe + 2] > 0 and not (hitlag[n, foe] > 0 and told):
                new = landed[row, slots[n], foe + 2] != landed[row - 1, slots[n], foe + 2]
                foe += 2 if new or hitlag[n, foe] == 0 else 0
            hits.append((int(n), int(victim), int(foe)))
            if foretold[n, victim]:
                continue
            giver = mine[n, foe]
            move = int(landed[row, slots[n], foe])
            state = int(self.known[row, slots[n], foe])
            anim = self.tables["anim"][int(giver["character"]), state]
            # what is no attack of this state, or of the one that a trade ended, came from an item
            last = self.tables["anim"]["attack"][int(giver["character"]), int(self.known[row - 1, slots[n], foe])]
            serial = int(giver["attack_serial"]) * FIGHTERS + foe if move in (int(anim["attack"]), int(last)) else -row
            game, side = self.lane.games[slots[n]], 1 - victim % 2
            known = game["stale_next"][side] != games["stale_next"][n, side]  # foretold for the other of that side
            known |= ((game["stale"][side] == move) & (game["stale_serial"][side] == serial)).any()
            if move and not known:
                at = int(game["stale_next"][side])
                game["stale"][side, at], game["stale_serial"][side, at] = move, serial
                game["stale_next"][side] = (at + 1) % STALE_SLOTS
        return hits

    def _spend(self, row: int, slots: NDArray[Any], mine: NDArray[Any], hits: list[tuple[int, int, int]]) -> None:
        """Hitboxes that were out when their fighter hit have met whom it hit."""
        age = self.recording.body["state_age"]
        for n, victim, foe in hits:
            giver = mine[n, foe]
            anim = self.tables["anim"][int(giver["character"]), int(giver["state"])]
            past = int(age[row, slots[n], foe]) - int(anim["hit_first"])
            if giver["state"] == self.known[row, slots[n], foe] and 0 <= past < int(anim["hit_frames"]):
                epoch = self.tables["hit_frames"][int(anim["hit_offset"]) + past]["epoch"]
                giver["hit_epoch" if victim < 2 else "hit_epoch_2"] = epoch

    def _learn_recoil(
        self, row: int, slots: NDArray[Any], mine: NDArray[Any], before: NDArray[Any], wrong: NDArray[np.bool_]
    ) -> None:
        """How fast an attacker slides back from a shield, by how far off its place was foretold."""
        body, shown = self.recording.body, self.known[row, slots]
        off = body["position_x"][row, slots] - mine["x"]
        blocked = _any_foe(shown == st.GUARD_SET_OFF) | (before["recoil"] != 0)
        attacks = (shown >= st.ATTACK_11) & (shown <= st.LANDING_AIR_LW)
        learned = blocked & attacks & ~wrong & (body["hitlag"][row, slots] == 0) & (body["exists"][row, slots] != 0)
        learned &= (np.abs(off) > EXACT) & (np.abs(off) < MOST_RECOIL)
        mine["recoil"] = np.where(learned, mine["recoil"] + off, mine["recoil"])

    def _entered(self, pair: Any, port: Any, state: int, before: Any, earlier: int, slot: int) -> None:
        """A state that the game did not foresee begins, after the record ``before`` in state ``earlier``."""
        mine = pair[port]
        mine["state"] = state
        mine["rate"] = 1.0
        for name in ("t", "flag", "count", "charge"):
            mine[name] = 0
        mine["hit_epoch"] = mine["made_epoch"] = -1
        if _attacks(state):
            attack = self.tables["anim"]["attack"][int(mine["character"])]
            mine["attack_serial"] = before["attack_serial"] + int(attack[state] != attack[earlier])
            game, side = self.lane.games[slot], port % 2
            newest = (game["stale_next"][side] - 1 - np.arange(STALE_SLOTS)) % STALE_SLOTS
            same = game["stale"][side, newest] == attack[state]
            mine["made"] = 1.0 - (same * (0.09 - 0.01 * np.arange(STALE_SLOTS))).sum()  # of throws; blows make it anew
        if state == st.TURN:
            flick = abs(mine["stick_x"]) >= 0.8
            mine["count"] = 1 if flick else int(self.tables["fighters"][mine["character"]]["turn_frames"]) + 1
            mine["charge"] = 0 if flick else 1
        elif state <= st.DEAD_UP_STAR:
            mine["dead_frames"] = STAR_FRAMES if state == st.DEAD_UP_STAR else DEAD_FRAMES
        elif state == st.CLIFF_CATCH:
            mine["intangible"] = LEDGE_SAFE
        elif state == st.FALL_SPECIAL:
            mine["fall_drift"] = 1.0
        elif state == st.KNEE_BEND:
            mine["short_hop"] = 0
            mine["stick_jump"] = 0 if mine["pressed"] & (Button.X | Button.Y) else 1
        elif st.DAMAGE_HI_1 <= state <= st.DAMAGE_FLY_ROLL:
            mine["di_pending"] = 1
            mine["tumble"] = int(state >= st.DAMAGE_FLY_HI)
            mine["merge_frames"] = 10

    def _stands(self, mine: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether the line of a record lies under its feet (of one that moves, look again)."""
        line = self.tables["lines"][np.maximum(mine["line"], 0)]
        run = np.where(line["x1"] > line["x0"], line["x1"] - line["x0"], 1)
        share = np.clip((mine["x"] - line["x0"]) / run, -0.01, 1.01)
        found: NDArray[np.bool_] = np.abs(line["y0"] + share * (line["y1"] - line["y0"]) - mine["y"]) < 0.3
        found &= (mine["line"] >= 0) & (share > -0.01) & (share < 1.01)
        found &= line["moving"] == 0
        return found

    def _stand(self, pair: Any, port: Any, slot: int) -> None:
        """Find the line that a grounded fighter stands on."""
        mine = pair[port]
        stage = self.tables["stages"][self.lane.games["stage"][slot]]
        first, count = int(stage["line_offset"]), int(stage["lines"])
        lines = self.tables["lines"]
        game = self.lane.games[slot]
        gaps = []
        for n in range(count):
            right, up = _shift(lines[first + n], game)
            gaps.append(_gap(lines[first + n], mine["x"] - right, mine["y"] - up))
        mine["line"] = mine["last_line"] = first + int(np.argmin(gaps))


def _any_foe(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of each fighter ``[S, 4]``: whether it holds for one of the other side."""
    return np.tile(flags[:, 1::-1] | flags[:, :1:-1], 2)


def _shift(line: Any, game: Any) -> tuple[float, float]:
    """Where a line that moves is now, from its place in the tables."""
    if line["moving"] == 0:
        return 0.0, 0.0
    if line["moving"] == RANDALL:
        return float(game["randall_x"]), float(game["randall_y"])
    height = float(game["height_0"] if line["moving"] == LEFT_PLATFORM else game["height_1"])
    return 0.0, height * PLATFORM_SCALE + PLATFORM_BASE


def _gap(line: Any, x: Any, y: Any) -> float:
    """Distance of a place from a line, sideways counted tenfold."""
    inside = min(max(float(x), float(line["x0"])), float(line["x1"]))
    run = float(line["x1"] - line["x0"])
    share = (inside - float(line["x0"])) / run if run else 0.0
    height = float(line["y0"]) + share * float(line["y1"] - line["y0"])
    return abs(height - float(y)) + 10 * abs(inside - float(x))


def _attacks(state: int) -> bool:
    """States that begin a new use of a move, which goes stale on its own."""
    return st.ATTACK_11 <= state <= st.ATTACK_AIR_LW or state in (
        st.DOWN_ATTACK_U, st.DOWN_ATTACK_D, st.CLIFF_ATTACK_SLOW, st.CLIFF_ATTACK_QUICK, st.CATCH_ATTACK,
    ) or st.THROW_F <= state <= st.THROW_LW  # fmt: skip


def _stretched(states: NDArray[Any]) -> NDArray[np.bool_]:
    """States whose animation is played at a speed of its own."""
    landing: NDArray[np.bool_] = (states >= st.LANDING) & (states <= st.LANDING_FALL_SPECIAL)
    landing |= ((states >= st.LANDING_AIR_N) & (states <= st.LANDING_AIR_LW)) | (states == st.GUARD_SET_OFF)
    return landing


def track(recording: Recording, wanted: NDArray[np.int32]) -> Tracked:
    """Records of a recording at ``wanted`` ``[W, 2]`` (row, game)."""
    return Tracker(recording).walk(wanted)


Track = Callable[[Recording, NDArray[np.int32]], Tracked]


def leaks(how: Track, games: Sequence[Frames], wanted: NDArray[np.int32]) -> list[str]:
    """Fields of the wanted records that ``how`` takes from later frames: none, unless it peeks.

    Every wanted record is made twice, from the game and from the game with all later frames standing still.
    """
    whole = how(Recording.of(games), wanted).records
    found: set[str] = set()
    for n, (row, game) in enumerate(wanted):
        frames = games[int(game)]
        cut = frames[np.minimum(np.arange(len(frames.frame)), int(row))]
        again = how(Recording.of([cut]), np.array([[row, 0]], np.int32)).records[0]
        for group in ("players", "followers"):
            for name in again[group].dtype.names:
                if not np.array_equal(again[group][name], whole[n][group][name], equal_nan=True):
                    found.add(name)
    return sorted(found)
