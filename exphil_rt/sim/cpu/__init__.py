"""Scripted opponents ``cpu1`` to ``cpu9``: one bot, nine settings of its reaction, aim, aggression, recovery and DI.

Importing this package is light; numba is loaded when the first players are built.
"""

from exphil_rt.sim.cpu.levels import LEVELS, NAMES, Level, level_of
from exphil_rt.sim.cpu.players import CpuPlayers

__all__ = ("LEVELS", "NAMES", "CpuPlayers", "Level", "level_of")
