"""Fit the hurt capsules (``sim/data/learned_hurt.csv``) to the hits and misses of real replays.

Each frame on which a hitbox is out and has not hit yet says that the victim's body did, or did not, touch one of its
circles (libmelee's frame data). The capsules that tell these apart best are searched: first one shape a kind of state
for all fighters in shares of their height, then each fighter's own, held to the common one where it has little data.
Usage: learn_hurt.py REPLAYS [--folds N] [--write]. The figures printed for folds are of replays that were not learned
from.
"""

from __future__ import annotations

import argparse
import csv
import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import PLAYABLE, character_name
from exphil_rt.replays import BadReplay, find_replays, read_many, replay_folder
from exphil_rt.sim import datafiles, kernel
from exphil_rt.sim.framedata import OWN_ATTACKS
from exphil_rt.sim.hit_table import GRAB
from exphil_rt.sim.hurt import AIR, DOWN_D, DOWN_U, GROUPS, HEIGHT, HURT, HURT_AIR, STAND, group_of
from exphil_rt.store.files import write_whole

DATA = Path(datafiles.__file__).parent / "data" / "learned_hurt.csv"
SOFT = 0.7  # world units in which a contact becomes sure
COMMON_PULL = 0.05  # hold of the first guess on the common shape, of the common shape on a fighter's own
OWN_PULL = 0.5
STEPS = 2500
SAME_DAMAGE = 0.02  # of a recorded contact and of a hitbox, staled
Circle = tuple[float, float, float]
SCALE = np.array([2.0, 3.0, 2.0, 3.0, 1.5, 1.5])
"""By how much the parts of a capsule (x0, y0, x1, y1, radius, radius1) may well differ, world units."""
SAFE_AFTER = 130  # frames after rebirth, 40 after a ledge, in which recordings without hurtbox states are left out
UPRIGHT = np.array([0.0, 0.25, 0.0, 0.7, 0.28, 0.28])
LYING = np.array([-0.4, 0.12, 0.4, 0.12, 0.12, 0.12])
"""First guesses in shares of the height."""


@dataclass(frozen=True, slots=True)
class Samples:
    """``circles`` [N, 4, 3] (forward, up, radius; nan for none) seen from the victim, ``hit`` [N], ``who`` [N] victim,
    ``group`` [N], ``game`` [N]. A contact whose damage says which hitbox it was is two samples: that one touched, and
    those before it did not."""

    circles: NDArray[np.float64]
    hit: NDArray[np.bool_]
    who: NDArray[np.int64]
    group: NDArray[np.int64]
    game: NDArray[np.int64]

    def where(self, mask: NDArray[np.bool_]) -> Samples:
        return Samples(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


def collect(games: list[Frames]) -> Samples:
    """The contacts and misses of recorded games."""
    tables = kernel.load().tables[0]
    found: list[tuple[list[Circle], bool, int, int, int]] = []
    for number, frames in enumerate(games):
        for attacker in (0, 1):
            found += [(*row, number) for row in _of_side(frames, attacker, tables)]
    circles = np.full((len(found), 4, 3), np.nan)
    for n, row in enumerate(found):
        circles[n, : len(row[0])] = row[0][:4]
    rest = np.array([row[1:] for row in found], np.int64).reshape(-1, 4)
    return Samples(circles, rest[:, 0] == 1, rest[:, 1], rest[:, 2], rest[:, 3])


def _of_side(
    frames: Frames, attacker: int, tables: Any
) -> list[tuple[list[tuple[float, float, float]], bool, int, int]]:
    body, victim = frames.players, 1 - attacker
    states = body.state.astype(np.int64).copy()
    for (who, own), common in OWN_ATTACKS.items():
        states[(body.character == who) & (states == own)] = common
    recorded = bool(body.hurtbox_state.any())
    rows, spent, last = [], -2, -1
    safe = SAFE_AFTER
    fresh = freshness(frames, attacker)
    for row in range(125, len(states) - 2):
        state, theirs, before = int(states[row, attacker]), int(states[row, victim]), int(states[row - 1, victim])
        safe = 0 if theirs <= st.REBIRTH_WAIT else (
            max(min(safe, SAFE_AFTER - 40), 0) if st.CLIFF_CATCH <= theirs <= st.CLIFF_JUMP_QUICK_1 else safe + 1
        )  # fmt: skip
        age = float(body.state_age[row, attacker])
        if state != last or age < body.state_age[row - 1, attacker]:
            spent = -2
        last = state
        if state >= st.FIRST_SPECIAL or st.CATCH <= state <= st.THROW_LW:
            continue
        an = tables["anim"][int(body.character[row, attacker]), state]
        k = int(age) - int(an["hit_first"])
        if not 0 <= k < int(an["hit_frames"]):
            continue
        frame = tables["hit_frames"][int(an["hit_offset"]) + k]
        if frame["count"] == 0 or frame["epoch"] == spent or age == body.state_age[row - 1, attacker]:
            continue
        shown = row if recorded else row + 1  # before Slippi 2.1 a frame shows its hits on the next one
        after, was = int(states[shown, victim]), int(states[shown - 1, victim])
        struck = st.DAMAGE_HI_1 <= after <= st.DAMAGE_FLY_ROLL and (
            after != was or body.state_age[shown, victim] < body.state_age[shown - 1, victim]
        )
        hurt = body.percent[shown, victim] > body.percent[shown - 1, victim]
        hit = struck and hurt and body.state_age[row + 1, attacker] == age
        if not recorded:
            before = theirs
        if hit:
            spent = int(frame["epoch"])
        elif struck or hurt or before <= st.REBIRTH_WAIT or theirs <= st.REBIRTH_WAIT:
            continue
        elif body.state_age[row + 1, attacker] == age:
            spent = int(frame["epoch"])  # stopped by a shield, another hitbox or an invincible body
            continue
        seen = before if hit else theirs
        if (
            st.GUARD_ON <= seen <= st.GUARD_ON + 4
            or st.CATCH <= seen < st.CATCH_CUT + 5
            or (seen >= 223 and seen < 244)
        ):
            continue
        if (body.hurtbox_state[row, victim] and not hit) if recorded else (safe < SAFE_AFTER or _dodges(seen)):
            continue
        earlier = row - 1 if hit and recorded else row
        air = body.airborne[earlier, victim] != 0
        group = group_of(seen)
        if air and group in (STAND, HURT):
            group = AIR if group == STAND else HURT_AIR
        facing = float(body.facing[earlier, victim])
        circles: list[Circle] = []
        damages: list[float] = []
        for n in range(int(frame["count"])):
            box = tables["circles"][int(frame["offset"]) + n]
            if box["element"] == GRAB or not (box["hit_air"] if air else box["hit_ground"]):
                continue
            x = body.position_x[row, attacker] + body.facing[row, attacker] * box["x"] - body.position_x[row, victim]
            y = body.position_y[row, attacker] + box["y"] - body.position_y[row, victim]
            if abs(x) + abs(y) < 200.0:
                circles.append((float(x) * facing, float(y), float(box["radius"])))
                damages.append(float(box["damage"]))
        if not circles:
            continue
        who = int(body.character[row, victim])
        dealt = float(body.percent[shown, victim] - body.percent[shown - 1, victim]) if hit else 0.0
        struck_by = [abs(damage * fresh[row] - dealt) < SAME_DAMAGE for damage in damages]
        if hit and any(struck_by) and not struck_by[0]:
            first = struck_by.index(True)
            rows.append((circles[:first], False, who, group))
        if hit and any(struck_by):
            circles = [circle for circle, its in zip(circles, struck_by, strict=True) if its]
        rows.append((circles, bool(hit), who, group))
    return rows


def freshness(frames: Frames, attacker: int) -> NDArray[np.float64]:
    """Share of its damage that the attacker's move does on each frame ``[T]``, by the nine moves that hit last."""
    body, victim = frames.players, 1 - attacker
    factor = np.ones(len(body.state))
    queue: list[int] = []
    use, pushed = 0, -1
    for row in range(1, len(factor)):
        state, was = int(body.state[row, attacker]), int(body.state[row - 1, attacker])
        if state <= st.REBIRTH_WAIT:
            queue.clear()
        if state != was or body.state_age[row, attacker] < body.state_age[row - 1, attacker]:
            use += 1
        move = int(body.last_attack_landed[row, attacker])
        hurt = body.percent[row, victim] > body.percent[row - 1, victim]
        # the later blows of one use are staled by its first
        factor[row] = 1.0 - sum(0.09 - 0.01 * n for n, one in enumerate(queue) if one == move)
        if hurt and body.hitlag[row, attacker] > 0 and pushed != use:
            queue.insert(0, move)
            del queue[9:]
            pushed = use
    return factor


def _dodges(state: int) -> bool:
    return (
        st.DOWN_STAND_U <= state <= st.DOWN_BACK_U + 1 or st.DOWN_STAND_D <= state <= st.PASSIVE + 5
        or st.ESCAPE_F <= state <= st.ESCAPE_AIR or st.CLIFF_CATCH <= state <= st.CLIFF_JUMP_QUICK_2
    )  # fmt: skip


def margins(circles: NDArray[np.float64], shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """How deep the deepest circle ``[N, 4, 3]`` reaches into a capsule (x0, y0, x1, y1, radius, radius1)."""
    x0, y0, x1, y1, radius, radius1 = shape
    px, py = circles[..., 0] - x0, circles[..., 1] - y0
    dx, dy = x1 - x0, y1 - y0
    size = dx * dx + dy * dy
    share = np.clip((px * dx + py * dy) / size, 0, 1) if size > 0 else 0.0
    away = np.hypot(px - share * dx, py - share * dy)
    return np.asarray(
        np.nan_to_num(circles[..., 2] + radius + share * (radius1 - radius) - away, nan=-99.0).max(axis=1)
    )


def loss(circles: NDArray[np.float64], hit: NDArray[np.bool_], shape: NDArray[np.float64]) -> float:
    """Surprise of the contacts and misses."""
    deep = margins(circles, shape)
    return float(np.logaddexp(0.0, -np.where(hit, deep, -deep) / SOFT).sum())


def search(cost: Any, start: NDArray[np.float64], scale: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Random search around the best so far, with a step that grows on success."""
    rng = np.random.default_rng(seed)
    best, least, step = start, cost(start), 1.0
    for _ in range(STEPS):
        tried = best + rng.normal(size=len(start)) * scale * step * (rng.random(len(start)) < 0.5)
        if min(tried[-2:]) < 0.0:
            continue
        now = cost(tried)
        if now < least:
            best, least, step = tried, now, min(step * 1.3, 2.0)
        else:
            step = max(step * 0.985, 0.02)
    return best


def learn(samples: Samples) -> dict[tuple[int | None, int], NDArray[np.float64]]:
    """Shapes by (fighter or None for the common one in shares of height, group)."""
    height = np.array([HEIGHT[PLAYABLE[0].__class__(who)] for who in samples.who])
    found: dict[tuple[int | None, int], NDArray[np.float64]] = {}

    def common(group: int, start: NDArray[np.float64]) -> NDArray[np.float64]:
        mask = (samples.group == group) & near
        part, size = samples.circles[mask], height[mask]
        hit = samples.hit[mask]
        scale = SCALE / 14.0

        def cost(shape: NDArray[np.float64]) -> float:
            total = 0.0
            for tall in np.unique(size):
                of = size == tall
                total += loss(part[of], hit[of], shape * tall)
            return total + COMMON_PULL * len(hit) ** 0.5 * float((((shape - start) / scale) ** 2).sum())

        return search(cost, start, scale, group)

    near = margins(samples.circles, np.array([0.0, 6.0, 0.0, 8.0, 16.0, 16.0])) > 0
    found[None, STAND] = common(STAND, UPRIGHT)
    for group in range(len(GROUPS)):
        if group != STAND:
            found[None, group] = common(group, LYING if group in (DOWN_U, DOWN_D) else found[None, STAND])
    for who in np.unique(samples.who):
        tall = HEIGHT[PLAYABLE[0].__class__(who)]
        mine = samples.where(samples.who == who)
        if not mine.hit.any():
            continue
        # the fighter's size first: one stretch for all its shapes
        prior = {group: found[None, group] * tall for group in range(len(GROUPS))}
        factor = search(partial(_sized, mine, prior), np.ones(3), np.full(3, 0.1), int(who))
        for group, base in prior.items():
            start = _stretched(factor, base)
            part = mine.where(mine.group == group)
            found[int(who), group] = search(partial(_own, part, start), start, SCALE, group) if len(part.hit) else start
    return found


def _stretched(factor: NDArray[np.float64], base: NDArray[np.float64]) -> NDArray[np.float64]:
    """A capsule made longer, higher and thicker."""
    return base * np.array([factor[0], factor[1], factor[0], factor[1], factor[2], factor[2]])


def _sized(mine: Samples, prior: dict[int, NDArray[np.float64]], factor: NDArray[np.float64]) -> float:
    """Cost of one stretch for all shapes of a fighter."""
    total = 100.0 * float(((factor - 1.0) ** 2).sum())
    for group, base in prior.items():
        of = mine.group == group
        if of.any():
            total += loss(mine.circles[of], mine.hit[of], _stretched(factor, base))
    return total


def _own(part: Samples, start: NDArray[np.float64], shape: NDArray[np.float64]) -> float:
    """Cost of a fighter's own shape of one kind of state."""
    return loss(part.circles, part.hit, shape) + OWN_PULL * float((((shape - start) / SCALE) ** 2).sum())


def shape_of(found: dict[tuple[int | None, int], NDArray[np.float64]], who: int, group: int) -> NDArray[np.float64]:
    own = found.get((who, group))
    return found[None, group] * HEIGHT[PLAYABLE[0].__class__(who)] if own is None else own


def judge(found: dict[tuple[int | None, int], NDArray[np.float64]], samples: Samples) -> NDArray[np.bool_]:
    """Whether each sample is told right."""
    right = np.zeros(len(samples.hit), bool)
    for who in np.unique(samples.who):
        for group in range(len(GROUPS)):
            of = (samples.who == who) & (samples.group == group)
            if of.any():
                right[of] = (margins(samples.circles[of], shape_of(found, int(who), group)) >= 0) == samples.hit[of]
    return right


def report(name: str, samples: Samples, right: NDArray[np.bool_]) -> None:
    """Shares of contacts seen and of misses taken for contacts, by fighter and by group."""
    print(f"{name}: contacts seen {right[samples.hit].mean():.3f} of {samples.hit.sum()},"
          f" false {1 - right[~samples.hit].mean():.4f} of {(~samples.hit).sum()}")  # fmt: skip
    for title, keys, label in (
        ("fighter", samples.who, lambda who: character_name(int(who))),
        ("group", samples.group, lambda group: GROUPS[int(group)]),
    ):
        for key in np.unique(keys):
            of = keys == key
            if samples.hit[of].any():
                seen, wrong = right[of & samples.hit].mean(), 1 - right[of & ~samples.hit].mean()
                print(f"  {title} {label(key):<16} {seen:.3f} of {(of & samples.hit).sum():>4}, false {wrong:.4f}")


def written(found: dict[tuple[int | None, int], NDArray[np.float64]]) -> str:
    """The table as CSV; an empty character is the common shape in shares of height."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("character", "group", "x0", "y0", "x1", "y1", "radius", "radius1"))
    for (who, group), shape in found.items():
        digits = 3 if who is None else 2
        table.writerow(("" if who is None else who, GROUPS[group], *(f"{value:.{digits}f}" for value in shape)))
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("replays", type=Path)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    games = [
        result.frames
        for result in read_many(find_replays(replay_folder(chosen.replays)), rollback="last")
        if not isinstance(result, BadReplay)
    ]
    samples = collect(games)
    print(f"{len(games)} games, {samples.hit.sum()} contacts, {(~samples.hit).sum()} misses")
    if chosen.folds:
        right = np.zeros(len(samples.hit), bool)
        for fold in range(chosen.folds):
            out = samples.game % chosen.folds == fold
            right[out] = judge(learn(samples.where(~out)), samples.where(out))
        report("left out", samples, right)
    found = learn(samples)
    report("in sample", samples, judge(found, samples))
    if chosen.write:
        write_whole(DATA, written(found).encode())
        print(f"wrote {DATA}")


if __name__ == "__main__":
    main()
