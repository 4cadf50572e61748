"""What libmelee wrote for Dolphin: the ini files and pipes of a user folder, read as Dolphin reads them.

Mainline keeps its settings under ``[Slippi]``, Ishiiruka under ``[Core]`` with a prefix. Keys are compared without
their case, as both do.
"""

from __future__ import annotations

import configparser
import math
from pathlib import Path
from typing import Final

import msgspec

PIPE: Final = "6"
ADAPTER: Final = "12"
PORTS: Final = (1, 2, 3, 4)
_MAX_JSON: Final = 65_536
_MENU_CODE: Final = "$Optional: Extract Menu Info"


class UserFolder(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one user folder."""

    home: Path
    spectator: bool
    port: int
    """UDP port of the spectator server."""
    online_delay: int
    blocking: bool
    save_replays: bool
    replay_dir: Path
    monthly_folders: bool
    devices: dict[int, str]
    """By controller port: ``PIPE`` or ``ADAPTER``; unplugged ports are missing."""
    menu_events: bool
    """Whether the code is on that sends menu events."""
    speed: float
    """Of the emulation, 1 the game's own; 0 as fast as it goes. Only mainline has it."""
    connect_code: str
    """Of the account in ``Slippi/user.json``; empty where there is none."""
    infinite_time: bool
    instant_match: bool

    def pipes(self) -> dict[int, Path]:
        """The input pipes that are there now, by controller port: Dolphin waits for each, plugged in or not."""
        paths = {port: self.home / "Pipes" / f"slippibot{port}" for port in PORTS}
        return {port: path for port, path in paths.items() if path.is_fifo()}

    def plugged(self, device: str) -> frozenset[int]:
        """Ports with this device."""
        return frozenset(port for port, kind in self.devices.items() if kind == device)


def read_user_folder(home: Path, mainline: bool) -> UserFolder:
    """The settings under ``home``; what is missing is as in a fresh Dolphin."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read(home / "Config" / "Dolphin.ini")
    section, prefix = ("Slippi", "") if mainline else ("Core", "Slippi")

    def text(key: str, default: str, name: str = section, before: str = prefix) -> str:
        return parser.get(name, before + key, fallback=default).strip()

    def flag(key: str, default: bool, before: str = prefix) -> bool:
        return text(key, str(default), before=before).lower() in ("true", "1", "yes")

    devices = {
        port: kind
        for port in PORTS
        if (kind := text(f"SIDevice{port - 1}", ADAPTER if port == 1 else "0", "Core", "")) in (PIPE, ADAPTER)
    }
    codes = _enabled_codes(home / "GameSettings" / "GALE01r2.ini")
    return UserFolder(
        home=home,
        spectator=flag("EnableSpectator", True),
        port=int(_number(text("SpectatorLocalPort", "51441"))),
        online_delay=int(_number(text("OnlineDelay", "2"))),
        blocking=flag("BlockingPipes", False, before=""),
        save_replays=flag("SaveReplays", True),
        replay_dir=Path(text("ReplayDir", "") or Path.home() / "Slippi"),
        monthly_folders=flag("ReplayMonthlyFolders", False),
        devices=devices,
        menu_events=_MENU_CODE in codes,
        speed=_number(text("EmulationSpeed", "1.0", "Core", "")) if mainline else 1.0,
        connect_code=_connect_code(home / "Slippi" / "user.json"),
        infinite_time="$Optional: Infinite Time Mode" in codes,
        instant_match="$Optional: Instant Match" in codes,
    )


def _connect_code(path: Path) -> str:
    try:
        code = msgspec.json.decode(path.read_bytes()[:_MAX_JSON]).get("connectCode", "")
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, AttributeError):
        return ""
    return code if isinstance(code, str) else ""


def _number(text: str) -> float:
    """A number above or at 0; 0 for what is none, as Dolphin reads it."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return max(0.0, value) if math.isfinite(value) else 0.0


def _enabled_codes(path: Path) -> frozenset[str]:
    """Names of the Gecko codes that are switched on."""
    found, inside = set(), False
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        if line.startswith("["):
            inside = line.strip() == "[Gecko_Enabled]"
        elif inside and line.startswith("$"):
            found.add(line.strip())
    return frozenset(found)
