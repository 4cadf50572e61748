"""EmbeddedLane: determinism, save and restore, ends of games, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from exphil_rt.game.frames import Controllers, Frames
from exphil_rt.game.ids import Character, Stage
from exphil_rt.game.lane import GameSetup, Lane
from exphil_rt.sim import PHYSICS, EmbeddedLane, LaneMisuse, SetupRefused
from exphil_rt.sim.lane import PART

FD, BF = Stage.FINAL_DESTINATION, Stage.BATTLEFIELD
BUTTONS = np.array([0, 0, 0, 0x100, 0x200, 0x400, 0x40, 0x10, 0x100], np.uint16)
STICK = np.array([-1.0, -0.5, 0.0, 0.0, 0.5, 1.0], np.float32)


def random_pads(seed: int, frame: int, games: np.ndarray) -> Controllers:
    """Inputs that depend on the game and the frame alone, held for five frames."""
    pads = Controllers.allocate((len(games), 2))
    for n, game in enumerate(games):
        rng = np.random.default_rng([seed, int(game), frame // 5])
        pads.buttons[n] = rng.choice(BUTTONS, 2)
        for name in ("joystick_x", "joystick_y"):
            getattr(pads, name)[n] = rng.choice(STICK, 2)
        pads.cstick_x[n] = rng.choice([0, 0, 0, 1.0, -1.0], 2)
    return pads


def setups(count: int, **more: int) -> list[GameSetup]:
    pairs = [(Character.FOX, Character.MEWTWO), (Character.MARTH, Character.FALCO), (Character.POPO, Character.NESS)]
    return [
        GameSetup(game_id=100 + n, stage=(FD, BF)[n % 2], characters=pairs[n % 3], seed=9, **more) for n in range(count)
    ]


def play(lane: EmbeddedLane, games: list[GameSetup], frames: int) -> list[dict[str, np.ndarray]]:
    """Frames of each game after ``frames`` steps, every 50 frames."""
    for slot, setup in enumerate(games):
        lane.start(slot, setup)
    slots = np.arange(len(games), dtype=np.int32)
    ids = np.array([setup.game_id for setup in games])
    shown = []
    for step in range(frames):
        now = lane.frames(slots).frame
        lane.commit(slots, random_pads(1, step, ids), now + 1)
        if step % 50 == 49:
            shown.append({name: a.copy() for name, a in lane.frames(slots).arrays().items()})
    return shown


def test_it_is_a_lane():
    lane: Lane = EmbeddedLane(2)
    assert lane.physics == PHYSICS == "sim-7"
    assert len(lane.ready()) == 0
    lane.close()
    lane.close()


def test_bits_do_not_depend_on_threads():
    games = setups(3 * PART + 5)
    slots, ids = np.arange(len(games), dtype=np.int32), np.array([setup.game_id for setup in games])
    lanes = [EmbeddedLane(len(games), threads) for threads in (1, 3)]
    for lane in lanes:
        for slot, setup in enumerate(games):
            lane.start(slot, setup)
    for step in range(160):
        if step % 5 == 0:
            pads = random_pads(1, step, ids)
        for lane in lanes:
            lane.commit(slots, pads, lane.frames(slots).frame + 1)
        if step % 20 == 19:
            one, three = (lane.frames(slots).arrays() for lane in lanes)
            for name, values in one.items():
                assert values.tobytes() == three[name].tobytes(), (step, name)
    for lane in lanes:
        lane.close()


def test_bits_do_not_depend_on_the_batch():
    games = setups(8)
    alone = [play(EmbeddedLane(1), [game], 400) for game in games]
    batch = play(EmbeddedLane(8), games, 400)
    for k, frames in enumerate(batch):
        for name, values in frames.items():
            for n in range(8):
                assert values[n].tobytes() == alone[n][k][name][0].tobytes(), (name, n)
    assert not np.array_equal(batch[-1]["players.position_x"][0], batch[-1]["players.position_x"][2])


def test_a_subset_of_slots_steps_alone():
    lane = EmbeddedLane(4)
    for slot, game in enumerate(setups(4)):
        lane.start(slot, game)
    some = np.array([1, 3], np.int32)
    lane.commit(some, Controllers.allocate((2, 2)), np.array([-122, -122], np.int32))
    assert lane.frames(np.arange(4, dtype=np.int32)).frame.tolist() == [-123, -122, -123, -122]
    assert lane.frames(some).frame.tolist() == [-122, -122]


def test_restored_and_copied_games_go_on_bit_for_bit():
    games = setups(1)
    lane = EmbeddedLane(2)
    lane.start(0, games[0])
    slots = np.array([0], np.int32)
    both = np.array([0, 1], np.int32)
    id0 = np.array([games[0].game_id])
    for step in range(300):
        lane.commit(slots, random_pads(1, step, id0), lane.frames(slots).frame + 1)
    saved = lane.save(0)
    lane.copy(0, 1)
    assert lane.ready().tolist() == [0, 1]
    for step in range(300, 600):
        pads = Controllers.allocate((2, 2))
        one = random_pads(1, step, id0)
        for n in range(2):
            pads.assign(n, one[0])
        lane.commit(both, pads, lane.frames(both).frame + 1)
    first = lane.frames(both).copy()
    assert lane.save(0).tobytes() == lane.save(1).tobytes()
    lane.restore(0, saved)
    for step in range(300, 600):
        lane.commit(slots, random_pads(1, step, id0), lane.frames(slots).frame + 1)
    for name, values in lane.frames(slots).arrays().items():
        assert values[0].tobytes() == first.arrays()[name][0].tobytes() == first.arrays()[name][1].tobytes(), name


def run_out(lane: EmbeddedLane, pads: Controllers, limit: int = 40_000):
    for _ in range(limit):
        slots = lane.ready()
        if len(slots) == 0:
            return lane.ended()
        lane.commit(slots, pads[slots], lane.frames(slots).frame + 1)
    raise AssertionError("no game ended")


def test_games_end_by_stocks():
    lane = EmbeddedLane(1)
    lane.start(0, GameSetup(game_id=1, stage=FD, characters=(Character.FOX, Character.MARTH), stocks=2))
    pads = Controllers.allocate((1, 2))
    pads.joystick_x[0] = (-1.0, 0.0)
    (end,) = run_out(lane, pads)
    assert (end.slot, end.reason, end.winner, end.stocks) == (0, "stocks", 1, (0, 2))
    assert end.setup.game_id == 1
    assert lane.ended() == []
    lane.start(0, end.setup)
    assert lane.ready().tolist() == [0]


def test_games_end_by_timer_and_by_frame_limit():
    lane = EmbeddedLane(2)
    fighters = (Character.FOX, Character.FOX)
    lane.start(0, GameSetup(game_id=1, stage=FD, characters=fighters, timer_frames=300))
    lane.start(1, GameSetup(game_id=2, stage=FD, characters=fighters, max_frames=200))
    ends = sorted(run_out(lane, Controllers.allocate((2, 2))), key=lambda end: end.slot)
    assert [(end.reason, end.winner) for end in ends] == [("timer", None), ("frame_limit", None)]
    assert [end.frames for end in ends] == [300 + 124, 200]


def test_lower_percent_wins_a_timed_game():
    lane = EmbeddedLane(1)
    lane.start(0, GameSetup(game_id=1, stage=FD, characters=(Character.FOX, Character.FOX), max_frames=150))
    lane.players[0, 0]["percent"] = 12.0
    (end,) = run_out(lane, Controllers.allocate((1, 2)))
    assert (end.winner, end.percent) == (1, (12.0, 0.0))


def test_frames_are_whole_and_stamped():
    lane = EmbeddedLane(1)
    lane.start(0, GameSetup(game_id=1, stage=BF, characters=(Character.PEACH, Character.POPO)))
    slots = np.zeros(1, np.int32)
    frames = lane.frames(slots)
    assert isinstance(frames, Frames)
    assert (int(frames.frame[0]), int(frames.stage[0])) == (-123, BF)
    assert frames.players.character[0].tolist() == [Character.PEACH, Character.POPO]
    assert frames.players.stocks[0].tolist() == [4, 4]
    assert frames.players.position_x[0].tolist() == pytest.approx([-38.8, 38.8])
    assert frames.nanas.exists[0].tolist() == [0, 1]
    assert frames.nanas.character[0].tolist() == [0, Character.NANA]
    assert frames.nanas.position_x[0].tolist() == pytest.approx([0.0, 48.8])
    assert frames.nanas.last_hit_by[0].tolist() == [6, 6]
    pads = Controllers.allocate((1, 2))
    pads.joystick_x[0] = (2.0, np.nan)
    pads.joystick_y[0] = (0.1, -0.7)
    pads.buttons[0] = (0x0500, 0xFFFF)
    for _ in range(90):
        lane.commit(slots, pads, lane.frames(slots).frame + 1)
    stamped = lane.frames(slots).controllers
    assert stamped.joystick_x[0].tolist() == [1.0, 0.0]
    assert stamped.joystick_y[0].tolist() == pytest.approx([0.0, -0.7])
    assert stamped.buttons[0].tolist() == [0x0500, 0x1F7F]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stage": 999}, "stage 999"),
        ({"characters": (Character.FOX, Character.NANA)}, "Nana"),
        ({"characters": (40, Character.FOX)}, "character 40"),
        ({"stocks": 0}, "0 stocks"),
        ({"timer_frames": 0}, "timer"),
        ({"max_frames": -1}, "limit"),
        ({"seed": 2**70}, "64 bits"),
    ],
)
def test_games_it_cannot_play_are_refused_in_one_sentence(changes, says):
    lane = EmbeddedLane(1)
    setup = {"game_id": 1, "stage": FD, "characters": (Character.FOX, Character.FOX)} | changes
    with pytest.raises(SetupRefused, match=says):
        lane.start(0, GameSetup(**setup))
    assert len(lane.ready()) == 0


def test_misuse_is_told():
    lane = EmbeddedLane(2)
    lane.start(0, setups(1)[0])
    pads = Controllers.allocate((1, 2))
    for slots, due, says in (
        ([5], [-122], "do not all exist"),
        ([1], [-122], "no running game"),
        ([0], [-100], "waits for inputs of frame -122"),
    ):
        with pytest.raises(LaneMisuse, match=says):
            lane.commit(np.array(slots, np.int32), pads, np.array(due, np.int32))
    with pytest.raises(LaneMisuse, match="twice"):
        lane.commit(np.zeros(2, np.int32), Controllers.allocate((2, 2)), np.array([-122, -122], np.int32))
    with pytest.raises(LaneMisuse, match="no saved game"):
        lane.restore(0, np.zeros(3))
    with pytest.raises(LaneMisuse, match="Slot 7"):
        lane.start(7, setups(1)[0])
    with pytest.raises(LaneMisuse):
        EmbeddedLane(0)


def test_importing_the_package_loads_neither_numba_nor_melee():
    code = "import sys, exphil_rt.sim; print(sorted({'numba', 'melee', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_damaged_save_is_refused():
    lane = EmbeddedLane(1)
    lane.start(0, setups(1)[0])
    for field, value in (("state", 9999), ("line", 10_000), ("character", 30)):
        saved = lane.save(0)
        saved["players"][field] = value
        with pytest.raises(LaneMisuse, match="damaged"):
            lane.restore(0, saved)
