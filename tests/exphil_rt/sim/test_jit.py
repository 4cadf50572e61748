"""The cache of compiled code: named by what it is made of, and readable as plain Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import exphil_rt
from exphil_rt.sim import jit

PACKAGE = Path(exphil_rt.__file__).parent


def run(code: str, root: Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "EXPHIL_RT_HOME": str(root / "home"), **env},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def copy_of_the_game(tmp_path: Path) -> Path:
    """A package of its own with the simulator and what it imports."""
    target = tmp_path / "exphil_rt"
    for name in ("sim", "game"):
        shutil.copytree(PACKAGE / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "errors.py"):
        shutil.copy(PACKAGE / name, target / name)
    (tmp_path / "probe.py").write_text(
        "from exphil_rt.sim import begin\n"
        "from exphil_rt.sim.jit import njit\n"
        "@njit\n"
        "def run(players, tables):\n"
        "    begin.to_dash(players[0], tables[0])\n"
    )
    return tmp_path


# probe.run calls begin, which calls enter: numba's own cache does not follow that.
CALL = """
import numpy as np
from exphil_rt.sim import anim_table, state
from probe import run
tables = np.zeros(1, [("anim", anim_table.ANIM, (27, 341))])
players = np.zeros(1, state.PLAYER)
run(players, tables)
print(float(players[0]["rate"]))
"""


def test_a_constant_changed_in_a_callee_is_seen(copy_of_the_game: Path):
    root = copy_of_the_game
    assert run(CALL, root) == "1.0"
    assert run(CALL, root) == "1.0"
    folders = list((root / "home" / "cache" / "sim").iterdir())
    assert len(folders) == 1
    callee = root / "exphil_rt" / "sim" / "enter.py"
    text = callee.read_text()
    assert "pl.rate = 1.0" in text
    callee.write_text(text.replace("pl.rate = 1.0", "pl.rate = 2.5", 1))
    assert run(CALL, root) == "2.5"
    assert len(list((root / "home" / "cache" / "sim").iterdir())) == 2


def test_the_key_follows_sources_tables_and_ids(copy_of_the_game: Path):
    package = copy_of_the_game / "exphil_rt"
    before = jit.source_hash(package / "sim")
    assert before == jit.source_hash(package / "sim")
    for file in (package / "sim" / "ko.py", package / "sim" / "data" / "common.json", package / "game" / "states.py"):
        file.write_text(file.read_text() + "\n")
        after = jit.source_hash(package / "sim")
        assert after != before
        before = after


def test_an_unwritable_home_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("EXPHIL_RT_HOME", str(blocked))
    with pytest.raises(jit.CacheUnwritable, match="EXPHIL_RT_HOME"):
        jit.cache_folder()


PLAY = """
import json, sys
import numpy as np
from exphil_rt.game.frames import Controllers
from exphil_rt.game.lane import GameSetup
from exphil_rt.sim import EmbeddedLane
lane = EmbeddedLane(1)
lane.start(0, GameSetup(game_id=3, stage=31, characters=(1, 18)))
slot, pads, rows = np.zeros(1, np.int32), Controllers.allocate((1, 2)), []
for frame in range(-122, 150):
    pads.joystick_x[0] = (1.0, -1.0) if frame % 40 < 20 else (-0.5, 0.0)
    pads.buttons[0] = (0x400 if frame % 30 == 0 else 0, 0x100 if frame % 9 == 0 else 0)
    lane.commit(slot, pads, np.array([frame], np.int32))
    p = lane.frames(slot).players
    rows.append([p.state[0].tolist(), p.position_x[0].tolist(), p.percent[0].tolist()])
print(json.dumps([rows, "numba" in sys.modules]))
"""


def test_plain_python_plays_the_same_game(tmp_path: Path):
    plain, used = json.loads(run(PLAY, tmp_path, EXPHIL_RT_SIM_JIT="0", PYTHONPATH=str(PACKAGE.parent)))
    assert not used
    home = os.environ.get("EXPHIL_RT_HOME", "")
    env = {"PYTHONPATH": str(PACKAGE.parent), "EXPHIL_RT_HOME": home or str(jit.cache_root().parents[1])}
    compiled, used = json.loads(run(PLAY, tmp_path, **env))
    assert used
    assert [row[0] for row in plain] == [row[0] for row in compiled]
    for row, other in zip(plain, compiled, strict=True):
        assert row[1] == pytest.approx(other[1], abs=1e-3)
        assert row[2] == pytest.approx(other[2], abs=1e-3)
