"""A person's controller at a console: taken from the user's own Dolphin settings, so that it works as it does there."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Final, Literal

Device = Literal["adapter", "copied"]
_ADAPTER: Final = "12"
_STANDARD: Final = "6"
_PORTS: Final = (1, 2, 3, 4)


def device_of(user_config: Path | None, port: int) -> Device:
    """What a person at ``port`` plays with: a GameCube adapter, or a pad or keyboard whose settings are to be copied.

    Args:
        user_config: the user's Dolphin folder (with ``Config`` in it); None where there is none: then the adapter.
    """
    if user_config is None or _section(user_config, port) is None:
        return "adapter"
    dolphin = _read(user_config / "Config" / "Dolphin.ini")
    plugged = dolphin.has_option("Core", f"SIDevice{port - 1}")
    return "adapter" if plugged and dolphin.get("Core", f"SIDevice{port - 1}") == _ADAPTER else "copied"


def copy_controller(user_config: Path, home: Path, port: int) -> None:
    """Copy the user's settings of a pad or keyboard into a console's own folder, for ``port``.

    Of this port, else of the first port that has a device: most people configure one only.
    """
    section = _section(user_config, port)
    if section is None:
        return
    ours = home / "Config" / "GCPadNew.ini"
    pads = _read(ours)
    name = f"GCPad{port}"
    pads.remove_section(name)
    pads.add_section(name)
    for key, value in section.items():
        pads.set(name, key, value)
    _write(pads, ours)
    settings = home / "Config" / "Dolphin.ini"
    dolphin = _read(settings)
    if not dolphin.has_section("Core"):
        dolphin.add_section("Core")
    dolphin.set("Core", f"SIDevice{port - 1}", _STANDARD)
    _write(dolphin, settings)


def _section(user_config: Path, port: int) -> dict[str, str] | None:
    pads = _read(user_config / "Config" / "GCPadNew.ini")
    for name in (f"GCPad{port}", *(f"GCPad{other}" for other in _PORTS)):
        if pads.has_section(name) and pads.has_option(name, "Device"):
            return dict(pads.items(name))
    return None


def _read(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return configparser.ConfigParser(interpolation=None)
    return parser


def _write(parser: configparser.ConfigParser, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        parser.write(file)
