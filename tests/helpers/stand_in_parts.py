"""Running scripts of libmelee against stand-ins from a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from exphil_rt.testing.stand_in_dolphin import StandInConfig, write_stand_in

DRIVER = Path(__file__).parent / "stand_in_driver.py"
DEADLINE_S = 120.0


def stand_in(folder: Path, name: str = "stand-in", **settings: Any) -> str:
    """A stand-in with these settings; as fast as it goes and without menus unless said otherwise."""
    config = msgspec.convert(
        {"fps": 0.0, "menus": "skip", "menu_frames": 3, "die_with_parent": True} | settings, StandInConfig
    )
    return str(write_stand_in(folder / name, config))


def drive(*scripts: dict[str, Any], deadline_s: float = DEADLINE_S, **env: str) -> list[dict[str, Any]]:
    """What libmelee saw in each script (see ``stand_in_driver``)."""
    done = subprocess.run(
        [sys.executable, str(DRIVER)], input=json.dumps(scripts), timeout=deadline_s,
        capture_output=True, text=True, check=False, env=os.environ | env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    reports: list[dict[str, Any]] = json.loads(done.stdout)
    return reports
