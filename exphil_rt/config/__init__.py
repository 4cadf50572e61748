"""Typed settings and their layers.

``sections`` holds every setting with its default and what it means; ``layers`` merges defaults, presets, files,
environment and flags, and says where each value came from; ``reference`` writes settings out again. Knows msgspec
and the standard library only: names of characters, stages and policies are checked where they are used.
"""

from __future__ import annotations

from exphil_rt.config.layers import NOT_SETTINGS, ConfigError, Resolved, load_config, preset_names
from exphil_rt.config.reference import Setting, settings, to_toml
from exphil_rt.config.sections import (
    Config,
    DaemonSettings,
    GameSettings,
    ImitationSettings,
    LeagueSettings,
    PolicySettings,
    RolloutSettings,
    RunSettings,
    StoreSettings,
    TrainSettings,
    TuiSettings,
)

__all__ = (
    "NOT_SETTINGS",
    "Config",
    "ConfigError",
    "DaemonSettings",
    "GameSettings",
    "ImitationSettings",
    "LeagueSettings",
    "PolicySettings",
    "Resolved",
    "RolloutSettings",
    "RunSettings",
    "Setting",
    "StoreSettings",
    "TrainSettings",
    "TuiSettings",
    "load_config",
    "preset_names",
    "settings",
    "to_toml",
)
