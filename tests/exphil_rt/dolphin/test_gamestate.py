"""Parity: a replay through peppi and the same replay through libmelee's own reader are the same frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exphil_rt.game.frames import Frames
from exphil_rt.replays import read_replay

SHORT = (
    "short/v3.18.slp", "short/v3.16.slp", "short/v3.13.slp", "short/v3.12.slp", "short/netplay.slp", "short/ics.slp",
    "short/short_game_tbh10.slp", "short/buttons_abxy.slp", "short/buttons_lrzs.slp", "short/cstick_udlr.slp",
    "short/dash_back.slp", "short/dpad_udlr.slp", "short/joystick_udlr.slp", "short/shield_drop.slp",
    "matches/fox_multishine.slp", "matches/ys_multishine_good_2026-08-04.slp",
)  # fmt: skip
"""Without unknown_event.slp, which libmelee cannot end, and crazy_name_tags.slp, which has four players."""
LONG = (
    "console_name", "fox_multishine_closed", "gnw_neutral_dense", "ics2", "items", "marth_vs_fox_yoshis",
    "mewtwo_dtilt_uptilt_dense", "mewtwo_ground_neutral_v2", "mewtwo_recovery_mix", "mewtwo_shfair_only",
    "mewtwo_vs_fox_20260716", "nintendont", "old_ver_thegang", "transform", "v2.0",
)  # fmt: skip
DEADLINE_S = 600.0
CHILD = """
import logging, sys
logging.disable(logging.CRITICAL)
import melee
import numpy as np
from exphil_rt.dolphin.gamestate import StateReader
from exphil_rt.game.frames import Frames

for number, path in enumerate(sys.argv[2:]):
    console = melee.Console(path=path, is_dolphin=False, allow_old_version=True)
    reader = StateReader(console)
    assert console.connect()
    found = []
    while (state := console.step()) is not None:
        if reader.ports and state.frame >= -123 and state.players:
            frame = reader.read(state)
            found.append(frame)
            # What libmelee itself made of the events says the same, where it keeps all of it.
            for index, port in enumerate(reader.ports):
                player = state.players.get(port + 1)
                if player is None or not frame.players.exists[0, index]:
                    continue
                mine = frame.players[:, index]
                assert (player.position.x, player.position.y) == (mine.position_x[0], mine.position_y[0])
                assert (player.action.value, player.character.value) == (mine.state, mine.character)
                assert (player.percent, player.stock) == (mine.percent, mine.stocks)
                assert player.shield_strength == mine.shield
                assert player.facing == (mine.facing > 0)
                assert player.speed_y_self == mine.self_y
                assert player.hitlag_left == int(mine.hitlag[0])
                x, y = player.controller_state.main_stick
                held = frame.controllers[:, index]
                np.testing.assert_allclose((x * 2 - 1, y * 2 - 1), (held.joystick_x[0], held.joystick_y[0]), atol=1e-6)
            assert len(state.projectiles) == frame.items.exists.sum()
    out = Frames.allocate((len(found),))
    for at, frame in enumerate(found):
        out.assign(slice(at, at + 1), frame)
    np.savez(f"{sys.argv[1]}/{number}.npz", **out.arrays())
"""


def through_libmelee(paths: list[Path], scratch: Path) -> list[dict[str, np.ndarray]]:
    """The frames that libmelee reads from files, in a process that may hang."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(scratch), *map(str, paths)],
        timeout=DEADLINE_S, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = []
    for number in range(len(paths)):
        with np.load(scratch / f"{number}.npz") as arrays:
            found.append(dict(arrays))
    return found


def check(path: Path, theirs: dict[str, np.ndarray]) -> None:
    replay = read_replay(path, rollback="first")
    count = len(theirs["frame"])
    # libmelee does not show the last frame of a recording that broke off.
    assert replay.meta.frames - 1 <= count <= replay.meta.frames
    mine = replay.frames.arrays()
    assert set(theirs) == set(mine) == {name for name, _, _ in Frames.leaves()}
    for name, values in mine.items():
        if name == "controllers.raw_y" and replay.meta.version < (3, 15, 0):
            continue  # not recorded
        same = values[:count] == theirs[name]
        assert same.all(), (name, np.argwhere(~same)[:3].tolist(), values[:count][~same][:3], theirs[name][~same][:3])


@pytest.fixture(scope="module")
def shown(replays_dir, tmp_path_factory):
    """What libmelee shows of the short replays, by name."""
    pytest.importorskip("melee")
    paths = [replays_dir / name for name in SHORT]
    return dict(zip(SHORT, through_libmelee(paths, tmp_path_factory.mktemp("frames")), strict=True))


@pytest.mark.parametrize("name", SHORT)
def test_short_replays_are_the_same_frames(replays_dir, shown, name):
    check(replays_dir / name, shown[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_matches_are_the_same_frames(replays_dir, tmp_path, name):
    pytest.importorskip("melee")
    path = replays_dir / "matches" / f"{name}.slp"
    check(path, through_libmelee([path], tmp_path)[0])


def test_every_match_is_compared(replays_dir):
    names = {path.stem for path in (replays_dir / "matches").glob("*.slp")}
    assert names == set(LONG) | {Path(name).stem for name in SHORT if name.startswith("matches/")}
