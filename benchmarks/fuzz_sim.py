"""Does the embedded game keep its promises whatever is pressed? All fighters and stages, random and hostile inputs.

    python benchmarks/fuzz_sim.py [--frames 100000000] [--games 1024] [--seed 1] [--threads 1]

Checked after every frame of every game: numbers are finite; percent within 0..999; nobody alive beyond the left, right
or bottom blast zone, nor beyond the top while launched upward (k_y >= 2.4); no action state lasts longer than the game
allows; every game ends by its timer. Each defect is printed once a kind, fighter and state with the setup and the frame
at which it was seen; the same arguments show it again. Exit code 1 where there is one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

import numpy as np

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button, Controllers, Frames
from exphil_rt.game.ids import PLAYABLE, character_name, stage_name
from exphil_rt.game.lane import GameSetup
from exphil_rt.game.states import state_name
from exphil_rt.sim import STAGES, EmbeddedLane
from exphil_rt.sim.cpu import CpuPlayers

TIMERS = (1200, 3600, 7200)
LAUNCHED_UP = 2.4
GRACE = 2  # frames after the timer
FLOATS = (
    "position_x", "position_y", "percent", "shield", "state_age", "self_x_air", "self_y", "self_x_ground",
    "knockback_x", "knockback_y", "hitlag", "hitstun", "facing",
)  # fmt: skip
ALL_BUTTONS = np.array([Button.A, Button.B, Button.X, Button.Y, Button.Z, Button.L, Button.R, Button.D_UP], np.uint16)

# Frames that a state may last, hitlag included; what is not named here may last ELSE. None: as long as one likes.
ELSE = 400
LIMITS = {
    **dict.fromkeys((st.WAIT, st.WALK_SLOW, st.WALK_MIDDLE, st.WALK_FAST, st.RUN, st.SQUAT_WAIT), None),
    st.OTTOTTO_WAIT: None, st.SLEEP: None,
    **dict.fromkeys(range(st.DEAD_DOWN, st.DEAD_UP_STAR + 1), 240),
    st.REBIRTH: 120, st.KNEE_BEND: 60, st.DASH: 120, st.TURN: 60, st.LANDING: 120,
    st.FURAFURA: 900, st.CLIFF_WAIT: 700, st.GUARD: 900, st.CATCH_WAIT: 900, st.CAPTURE_WAIT_LW: 900,
    st.CATCH_ATTACK: 200, st.FALL: 900, st.FALL_AERIAL: 900, st.FALL_SPECIAL: 900, st.DAMAGE_FALL: 900,
}  # fmt: skip
SPECIAL = 1200
"""A fighter's own states: some are held as long as a button is."""


def limit_table() -> np.ndarray:
    """Frames that each state may last ``[512]``."""
    table = np.full(512, ELSE, np.int64)
    table[st.FIRST_SPECIAL :] = SPECIAL
    for state, limit in LIMITS.items():
        table[state] = 10**9 if limit is None else limit
    return table


class Pads:
    """Inputs by game and port: each is one of these styles, drawn when its game begins."""

    STYLES = ("noise", "sticky", "mash", "hold", "idle", "cpu", "away", "hostile")

    def __init__(self, games: int, rng: np.random.Generator, seed: int) -> None:
        self.rng, self.games = rng, games
        self.style = np.zeros((games, 2), np.int64)
        self.pads = Controllers.allocate((games, 2))
        self.cpu = CpuPlayers(2 * games, seed)
        self.level = np.ones((games, 2), np.int64)
        self.game = np.zeros(games, np.int64)

    def begin(self, slot: int, game: int) -> None:
        """Draw the styles of another game."""
        self.style[slot] = self.rng.integers(0, len(self.STYLES), 2)
        self.level[slot] = self.rng.integers(1, 10, 2)
        self.game[slot] = game

    def next(self, frames: Frames, slots: np.ndarray, step: int) -> Controllers:
        """The next inputs ``[S, 2]``."""
        rng, shape, pads = self.rng, (self.games, 2), self.pads
        name = {style: self.style == n for n, style in enumerate(self.STYLES)}
        change = name["noise"] | ((name["sticky"] | name["hostile"]) & (rng.random(shape) < 0.15))
        change |= (name["hold"] | name["away"]) & (rng.random(shape) < 0.02)
        pressed = np.where(rng.random((*shape, 8)) < 0.15, ALL_BUTTONS, 0).sum(-1).astype(np.uint16)
        pads.buttons[...] = np.where(change, pressed, pads.buttons)
        pads.buttons[...] = np.where(name["mash"], pressed if step % 2 else 0, pads.buttons)
        angle, far = rng.random(shape) * 2 * np.pi, rng.choice([0.0, 0.3, 0.6, 1.0, 1.0], shape)
        for trig, axis in ((np.cos, "x"), (np.sin, "y")):
            for stick in ("joystick", "cstick"):
                values = getattr(pads, f"{stick}_{axis}")
                moved = change | name["mash"] if stick == "joystick" else change & (rng.random(shape) < 0.3)
                values[...] = np.where(moved, (trig(angle) * far).astype(np.float32), values)
        pads.trigger[...] = np.where(change, rng.choice([0.0, 0.0, 0.0, 0.4, 1.0], shape), pads.trigger)
        pads.joystick_x[...] = np.where(name["away"], np.sign(frames.players.position_x), pads.joystick_x)
        for array in (pads.buttons, pads.joystick_x, pads.joystick_y, pads.cstick_x, pads.cstick_y, pads.trigger):
            array[name["idle"]] = 0
        if step % 7 == 0:  # what no controller gives
            wild = name["hostile"] & (rng.random(shape) < 0.2)
            for array in (pads.joystick_x, pads.joystick_y, pads.cstick_x, pads.trigger):
                array[...] = np.where(wild, rng.choice([np.nan, np.inf, -np.inf, 1e30, -3.0], shape), array)
            pads.buttons[...] = np.where(wild, rng.integers(0, 65536, shape), pads.buttons)
            pads.raw_x[...] = np.where(wild, rng.integers(-128, 128, shape), 0)
        rows, ports = np.nonzero(name["cpu"])
        if len(rows):
            held = self.cpu.act(
                frames[rows], ports, self.level[rows, ports], rows=2 * rows + ports, game=self.game[rows]
            )
            pads.assign((rows, ports), held)
        return pads[slots]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=float, default=1e8, help="game frames in all")
    parser.add_argument("--games", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    fuzz = Fuzz(options.games, options.seed, options.threads)
    started = told = time.monotonic()
    while fuzz.frames < options.frames:
        fuzz.step()
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(
                f"  {fuzz.frames:,} frames, {fuzz.ended} games, {len(fuzz.found)} defects", file=sys.stderr, flush=True
            )
    seconds = time.monotonic() - started
    print(f"{fuzz.frames:,} frames of {fuzz.ended:,} games in {seconds:.0f} s, seed {options.seed}: ", end="")
    print(f"{len(fuzz.found)} kinds of defects, {sum(fuzz.found.values()):,} in all")
    print(f"ends: {dict(fuzz.reasons)}")
    for (what, who, state), count in fuzz.found.most_common(40):
        print(f"{count:8}  {what}, {who}, {state}: {fuzz.first[what, who, state]}")
    return 1 if fuzz.found else 0


class Fuzz:
    """Games, and what was found out about them."""

    def __init__(self, games: int, seed: int, threads: int = 1) -> None:
        self.games, self.seed = games, seed
        self.rng = np.random.default_rng(seed)
        self.lane = EmbeddedLane(games, threads)
        self.everyone = np.arange(games, dtype=np.int32)
        self.pads = Pads(games, self.rng, seed)
        self.setups: list[GameSetup] = []
        self.frames = self.ended = self.started = self.steps = 0
        self.found: Counter[tuple[str, str, str]] = Counter()
        self.first: dict[tuple[str, str, str], str] = {}
        self.reasons: Counter[str] = Counter()
        self.limits = limit_table()
        self.since = np.zeros((2, games, 2), np.int64)  # of the players and of their followers
        self.state = np.zeros((2, games, 2), np.int64)
        self.age = np.zeros((2, games, 2), np.float32)
        stages = self.lane._kernel.tables[0]["stages"]  # the only way to the blast zones
        rows = self.lane._kernel.stage_rows
        self.zones = np.zeros((64, 4), np.float32)
        for number, row in rows.items():
            self.zones[number] = [stages[row][side] for side in ("left", "right", "bottom", "top")]
        for slot in range(games):
            self.begin(slot)

    def begin(self, slot: int) -> None:
        """Begin another game: every pair of fighters, every stage in turn."""
        number = self.started
        self.started += 1
        pairs = len(PLAYABLE) ** 2
        pair = (number * 7919) % pairs
        setup = GameSetup(
            game_id=number,
            stage=int(STAGES[number % len(STAGES)]),
            characters=(int(PLAYABLE[pair // len(PLAYABLE)]), int(PLAYABLE[pair % len(PLAYABLE)])),
            seed=self.seed,
            stocks=int(self.rng.integers(1, 5)) if number % 5 else 99,
            timer_frames=int(self.rng.choice(TIMERS)),
        )
        if len(self.setups) <= slot:
            self.setups.append(setup)
        self.setups[slot] = setup
        self.lane.start(slot, setup)
        self.pads.begin(slot, number)
        self.since[:, slot] = 0

    def step(self) -> None:
        """One frame of every game, and its checks."""
        lane, frames = self.lane, self.lane.frames(self.everyone)
        lane.commit(self.everyone, self.pads.next(frames, self.everyone, self.steps), frames.frame + 1)
        self.steps += 1
        self.frames += self.games
        self.check(lane.frames(self.everyone))
        for end in lane.ended():
            self.ended += 1
            self.reasons[end.reason] += 1
            self.begin(end.slot)

    def check(self, frames: Frames) -> None:
        """Everything that must hold after a frame."""
        items = frames.items
        for name in ("position_x", "position_y", "velocity_x", "velocity_y", "timer"):
            wrong = (items.exists > 0) & ~np.isfinite(getattr(items, name))
            self.report(f"item {name} is not finite", np.repeat(wrong.any(1)[:, None], 2, 1), frames)
        timers = np.array([setup.timer_frames for setup in self.setups])
        late = frames.frame > timers + GRACE
        self.report("not ended by the timer", np.repeat(late[:, None], 2, 1), frames)
        self.check_fighters(frames, 0)
        self.check_fighters(frames, 1)

    def check_fighters(self, frames: Frames, follower: int) -> None:
        """What must hold of the players, or of their followers."""
        fighters = frames.nanas if follower else frames.players
        for name in FLOATS:
            self.report(f"{name} is not finite", ~np.isfinite(getattr(fighters, name)), frames, follower)
        percent, shield = fighters.percent, fighters.shield
        self.report("percent out of 0..999", ~((percent >= 0) & (percent <= 999)), frames, follower)
        self.report("shield out of 0..60", ~((shield >= -1e-3) & (shield <= 60.001)), frames, follower)
        state = fighters.state.astype(np.int64)
        alive = (fighters.exists > 0) & (state > st.REBIRTH_WAIT) & ~((state >= st.ENTRY) & (state <= st.ENTRY_END))
        left, right, bottom, top = (self.zones[frames.stage][:, side, None] for side in range(4))
        x, y = fighters.position_x, fighters.position_y
        self.report("alive beyond a side", alive & ((x < left) | (x > right)), frames, follower)
        self.report("alive beyond the bottom", alive & (y < bottom), frames, follower)
        up = alive & (y > top) & (fighters.knockback_y >= LAUNCHED_UP)
        self.report("launched beyond the top", up, frames, follower)
        same = (state == self.state[follower]) & ~(fighters.state_age < self.age[follower])
        same &= (fighters.exists > 0) | (follower == 0)
        self.since[follower] = np.where(same, self.since[follower] + 1, 0)
        self.state[follower], self.age[follower] = state, fighters.state_age.copy()
        self.report("stuck", self.since[follower] > self.limits[np.minimum(state, 511)], frames, follower)

    def report(self, what: str, wrong: np.ndarray, frames: Frames, follower: int = 0) -> None:
        """Note games and players (or followers) ``wrong`` ``[N, 2]``, the first of a kind with how to see it again."""
        if not wrong.any():
            return
        for slot, port in np.argwhere(wrong)[:64].tolist():
            one = (frames.nanas if follower else frames.players)[slot, port]
            key = what, character_name(int(one.character)), state_name(int(one.state))
            self.found[key] += 1
            if key not in self.first:
                setup = self.setups[slot]
                names = " - ".join(character_name(who) for who in setup.characters)
                style = "/".join(Pads.STYLES[n] for n in self.pads.style[slot])
                self.first[key] = (
                    f"step {self.steps} slot {slot} port {port}, {names}, {stage_name(setup.stage)}, {style}, frame"
                    f" {int(frames.frame[slot])}, at {float(one.position_x):.1f} {float(one.position_y):.1f},"
                    f" age {float(one.state_age):.1f}, hitlag {float(one.hitlag):.0f}"
                )
        if what == "stuck":
            self.since[follower][wrong] = 0


if __name__ == "__main__":
    sys.exit(main())
