"""Where Slippi Dolphin, the game and a person's controllers are: settings, environment, Slippi Launcher, usual places.

Reads folders and one JSON file; starts nothing and imports no melee. What is found is checked to be there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from exphil_rt.config.sections import DolphinSettings
from exphil_rt.dolphin.netplay import ACCOUNT
from exphil_rt.errors import ExphilError

DOLPHIN_ENV: Final = "DOLPHIN_PATH"
ISO_ENV: Final = "ISO_PATH"
_MAX_SETTINGS: Final = 1 << 22
_LINUX: Final = ("Slippi_Netplay_Mainline-x86_64.AppImage", "Slippi_Online-x86_64.AppImage")
_MAC: Final = ("Slippi_Dolphin.app/Contents/MacOS/Slippi_Dolphin", "Slippi Dolphin.app/Contents/MacOS/Slippi Dolphin")


class DolphinMissing(ExphilError):
    """No Dolphin, no game, or not where they are said to be."""

    exit_code = 5


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What there is on this machine; empty for what there is not."""

    executable: str = ""
    executable_from: str = ""
    """Who named it: ``dolphin.path``, ``DOLPHIN_PATH``, ``Slippi Launcher``."""
    iso: str = ""
    iso_from: str = ""
    user: str = ""
    """The user's own Dolphin folder, with ``Config`` in it."""
    account: str = ""
    """Slippi's account file in that folder."""
    problem: str = ""
    """What was named and is not there, in a sentence."""


class _Launcher(msgspec.Struct):
    isoPath: str | None = None
    useNetplayBeta: bool = False


class _LauncherFile(msgspec.Struct):
    settings: _Launcher = msgspec.field(default_factory=_Launcher)


def launcher_folder(home: Path) -> Path:
    """Slippi Launcher's own folder, whether there or not."""
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "Slippi Launcher"
    return home / ".config" / "Slippi Launcher"


def find(settings: DolphinSettings, env: Mapping[str, str] | None = None, home: Path | None = None) -> Found:
    """Look for Dolphin, the game and the user's Dolphin folder; raises nothing.

    What settings or environment name is taken before what the launcher knows, also where it is not there (see
    ``problem``): a person who names a path means that one.
    """
    variables, home = os.environ if env is None else env, home or Path.home()
    launcher = launcher_folder(home)
    known = _launcher_settings(launcher)
    executable, whose, problem = "", "", ""
    named = [("dolphin.path", settings.path), (DOLPHIN_ENV, variables.get(DOLPHIN_ENV, ""))]
    beta = ("netplay-beta", "netplay") if known.useNetplayBeta else ("netplay", "netplay-beta")
    for whose, text in (*named, *(("Slippi Launcher", str(launcher / folder)) for folder in beta)):
        if not text:
            continue
        executable = _executable(Path(text).expanduser())
        if executable or whose != "Slippi Launcher":
            problem = "" if executable else f"{whose} names {text}, and there is no Dolphin."
            break
    iso, iso_whose = "", ""
    for iso_whose, text in (
        ("dolphin.iso", settings.iso),
        (ISO_ENV, variables.get(ISO_ENV, "")),
        ("Slippi Launcher", known.isoPath or ""),
    ):
        if not text:
            continue
        path = Path(text).expanduser()
        if path.is_file():
            iso = str(path.absolute())
        elif not problem:
            problem = f"{iso_whose} names {text}, and there is no such file."
        break
    user = _user_folder(settings, executable, home)
    account = Path(user) / ACCOUNT
    return Found(
        executable=executable,
        executable_from=whose if executable else "",
        iso=iso,
        iso_from=iso_whose if iso else "",
        user=user,
        account=str(account) if user and account.is_file() else "",
        problem=problem,
    )


def need(settings: DolphinSettings) -> Found:
    """As ``find``, for a match that needs both.

    Raises:
        DolphinMissing: in one sentence, with what to do.
    """
    found = find(settings)
    if found.problem:
        raise DolphinMissing(found.problem, hint="Name the right one: `exphil-rt setup`, or DOLPHIN_PATH and ISO_PATH.")
    if not found.executable:
        raise DolphinMissing(
            "There is no Slippi Dolphin on this machine.",
            hint="Install Slippi Launcher (https://slippi.gg) and start it once, or set DOLPHIN_PATH;"
            " `exphil-rt play stand-in` needs none.",
        )
    if not found.iso:
        raise DolphinMissing(
            "There is no copy of Melee that Dolphin could play.",
            hint="Choose your ISO (NTSC 1.02) in Slippi Launcher's settings, or set ISO_PATH.",
        )
    return found


def _launcher_settings(folder: Path) -> _Launcher:
    try:
        with (folder / "Settings").open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_SETTINGS), type=_LauncherFile).settings
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Launcher()


def _executable(path: Path) -> str:
    """The executable that a path names: itself, or the one in an installation's folder."""
    if path.is_file():
        return str(path.absolute())
    for name in _MAC if sys.platform == "darwin" else _LINUX:
        if (path / name).is_file():
            return str((path / name).absolute())
    return ""


def _user_folder(settings: DolphinSettings, executable: str, home: Path) -> str:
    """Dolphin's User folder: as libmelee knows its places, and beside a portable installation."""
    if settings.user:
        return str(Path(settings.user).expanduser().absolute())
    beta = "netplay-beta" in executable or "Mainline" in executable
    if sys.platform == "darwin":
        base = home / "Library" / "Application Support" / "com.project-slippi.dolphin"
        places = [base / ("netplay-beta" if beta else "netplay") / "User"]
    else:
        places = [
            home / ".config" / "slippi-dolphin" / ("netplay-beta" if beta else "netplay"),
            home / ".config" / "SlippiOnline",
        ]
        if not beta:
            places.reverse()
    if executable:
        places.append(Path(executable).parent / "User")
    return next((str(place) for place in places if (place / "Config").is_dir()), "")
