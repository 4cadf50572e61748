"""The stand-in Dolphin: an executable that the unmodified libmelee launches and plays with, without Dolphin or an ISO.

It speaks what real Dolphin speaks (``--version``, ini files, input pipes, the spectator protocol, menus, replays) and
fails in every way that a schedule asks for. It is no emulator, and nothing about real Dolphin's timing follows from it.
Importing this is light: only who runs it loads the rest.
"""

from exphil_rt.testing.stand_in_dolphin.config import (
    KINDS,
    BadStandIn,
    Chaos,
    Soak,
    StandInConfig,
    read_config,
    write_stand_in,
)

__all__ = ("KINDS", "BadStandIn", "Chaos", "Soak", "StandInConfig", "read_config", "write_stand_in")
