"""Fit the hurt capsules (``sim/data/learned_hurt.csv``) to the hits and misses of real replays.

Each frame on which a hitbox is out and has not hit yet says that the victim's body did, or did not, touch one of its
circles (libmelee's frame data). The capsules that tell these apart best are fitted all at once, in shares of the
fighters' heights: one shape a kind of state for all, the fighters' sizes, and what each fighter's own shapes add, each
held to nothing as firmly as its pull says.
Usage: learn_hurt.py REPLAYS [--folds N] [--write]. The figures printed for folds are of replays that were not learned
from.
"""

from __future__ import annotations

import argparse
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exphil_rt.game import states as st
from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import Character, character_name
from exphil_rt.replays import BadReplay, find_replays, read_many, replay_folder
from exphil_rt.sim import datafiles, kernel
from exphil_rt.sim.framedata import OWN_ATTACKS
from exphil_rt.sim.hit_table import GRAB
from exphil_rt.sim.hurt import AIR, DOWN_D, DOWN_U, GROUPS, HEIGHT, HURT, HURT_AIR, STAND, group_of
from exphil_rt.store.files import write_whole

DATA = Path(datafiles.__file__).parent / "data" / "learned_hurt.csv"
SOFT = 0.7  # world units in which a contact becomes sure
# Prior precisions of what is added to the first guess for all fighters, to a fighter's own shapes, and to its size (its
# logarithm); between a third and three times these as many contacts of left out replays are met.
COMMON_PULL, OWN_PULL, SIZE_PULL = 1.0, 1.0, 250.0
STEPS, RATE = 500, 0.05
SAME_DAMAGE = 0.02  # of a recorded contact and of a hitbox, staled
Circle = tuple[float, float, float]
Shapes = dict[tuple[int | None, int], NDArray[np.float64]]
"""Capsules by (fighter or None for the common one in shares of the height, group)."""
SCALE = np.array([2.0, 3.0, 2.0, 3.0, 1.5, 1.5]) / 14.0
"""By how much the parts of a capsule (x0, y0, x1, y1, radius, radius1) may well differ, shares of the height."""
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
        struck = (st.DAMAGE_HI_1 <= after <= st.DAMAGE_FLY_ROLL or after in (st.DOWN_DAMAGE_U, st.DOWN_DAMAGE_D)) and (
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
        lands = body.hitlag[row, attacker] > 0 or st.THROW_F <= state <= st.THROW_LW
        if hurt and lands and pushed != use:
            queue.insert(0, move)
            del queue[9:]
            pushed = use
    return factor


def _dodges(state: int) -> bool:
    return (
        st.DOWN_STAND_U <= state <= st.DOWN_BACK_U + 1 or st.DOWN_STAND_D <= state <= st.PASSIVE + 5
        or st.ESCAPE_F <= state <= st.ESCAPE_AIR or st.CLIFF_CATCH <= state <= st.CLIFF_JUMP_QUICK_2
    )  # fmt: skip


def margins(circles: Tensor, shape: Tensor) -> Tensor:
    """How deep the deepest of the circles ``[N, 4, 3]`` reaches into the capsule ``[N, 6]`` beside it."""
    x0, y0, x1, y1, radius, radius1 = (shape[:, n : n + 1] for n in range(6))
    there = ~circles[..., 0].isnan()
    circles = circles.nan_to_num(nan=0.0)
    px, py, dx, dy = circles[..., 0] - x0, circles[..., 1] - y0, x1 - x0, y1 - y0
    share = ((px * dx + py * dy) / (dx * dx + dy * dy + 1e-6)).clamp(0.0, 1.0)
    away = torch.sqrt((px - share * dx) ** 2 + (py - share * dy) ** 2 + 1e-9)
    deep = circles[..., 2] + radius + share * (radius1 - radius) - away
    return torch.where(there, deep, torch.full_like(deep, -99.0)).max(dim=1).values


def learn(samples: Samples) -> Shapes:
    """Shapes by (fighter or None for the common one in shares of height, group)."""
    fighters = np.unique(samples.who)
    height = np.array([_height(who) for who in fighters])
    first = np.tile(UPRIGHT, (len(GROUPS), 1))
    first[[DOWN_U, DOWN_D]] = LYING
    guess, scale, tall = torch.from_numpy(first), torch.from_numpy(SCALE), torch.from_numpy(height)
    who, group = torch.from_numpy(np.searchsorted(fighters, samples.who)), torch.from_numpy(samples.group)
    circles, sign = torch.from_numpy(samples.circles), torch.from_numpy(np.where(samples.hit, 1.0, -1.0))
    upright = torch.from_numpy(~np.isin(np.arange(len(GROUPS)), (DOWN_U, DOWN_D))[:, None])
    stance = torch.zeros(6, dtype=torch.float64, requires_grad=True)  # of all upright groups, free
    common = torch.zeros(len(GROUPS), 6, dtype=torch.float64, requires_grad=True)
    own = torch.zeros(len(fighters), len(GROUPS), 6, dtype=torch.float64, requires_grad=True)
    size = torch.zeros(len(fighters), 3, dtype=torch.float64, requires_grad=True)  # length, height and thickness

    def shapes() -> tuple[Tensor, Tensor]:
        """The common ones [G, 6] in shares of the height, the fighters' own [F, G, 6] in world units."""
        shared = guess + (common + upright * stance) * scale
        stretch = size.exp()[:, None, [0, 1, 0, 1, 2, 2]]
        each = (shared * stretch + own * scale) * tall[:, None, None]
        return _thick(shared), _thick(each)

    search = torch.optim.Adam([stance, common, own, size], lr=RATE)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(search, STEPS)
    for _ in range(STEPS):
        search.zero_grad()
        deep = margins(circles, shapes()[1][who, group])
        surprise = torch.nn.functional.softplus(-sign * deep / SOFT).sum()
        held = COMMON_PULL * (common**2).sum() + OWN_PULL * (own**2).sum() + SIZE_PULL * (size**2).sum()
        (surprise + held).backward()  # type: ignore[no-untyped-call]
        search.step()
        slower.step()
    with torch.no_grad():
        shared, each = shapes()
    found: Shapes = {(None, n): shared[n].numpy() for n in range(len(GROUPS))}
    for row, fighter in enumerate(fighters):
        found.update({(int(fighter), n): each[row, n].numpy() for n in range(len(GROUPS))})
    return found


def _thick(shapes: Tensor) -> Tensor:
    """No radius below nothing."""
    return torch.cat([shapes[..., :4], shapes[..., 4:].clamp(min=0.0)], dim=-1)


def _height(who: int) -> float:
    return HEIGHT[Character(who)]


def shape_of(found: Shapes, who: int, group: int) -> NDArray[np.float64]:
    """The fighter's own shape, else the common one at its height."""
    own = found.get((who, group))
    return found[None, group] * _height(who) if own is None else own


def judge(found: Shapes, samples: Samples) -> NDArray[np.bool_]:
    """Whether each sample is told right."""
    shapes = [shape_of(found, int(who), int(group)) for who, group in zip(samples.who, samples.group, strict=True)]
    deep = margins(torch.from_numpy(samples.circles), torch.from_numpy(np.array(shapes)))
    return np.asarray((deep >= 0.0).numpy() == samples.hit)


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


def written(found: Shapes) -> str:
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
    torch.set_num_threads(1)
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
