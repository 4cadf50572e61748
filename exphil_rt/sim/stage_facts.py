"""Figures of what moves on the stages; how it moves is in ``stage``."""

from __future__ import annotations

RANDALL = 1
LEFT_PLATFORM = 2
RIGHT_PLATFORM = 3
"""``LINE.moving``; 0 is fixed ground."""

DOMAIN_PLATFORM = 2
DOMAIN_WIND = 4

# Fountain of Dreams. Slippi's heights are in the stage's own scale (real replays: a fighter stands at .75 h + 1.125).
PLATFORM_SCALE = 0.75
PLATFORM_BASE = 1.125
PLATFORM_START = (20.0, 28.0)
PLATFORM_LOW = 3.0
PLATFORM_HIGH = 28.0
PLATFORM_SPEED = 0.12  # of Slippi's heights a frame (a real replay: 7.2 in 60 frames)
PLATFORM_REST = (120.0, 480.0)  # frames between two ways, own estimate

# Dream Land: five gusts of a real replay.
WIND_SPEED = 0.2
WIND_FRAMES = 274
WIND_REST = (650.0, 1200.0)
WIND_NEAR = -15.0  # the tree's middle
WIND_FAR = (-74.3, 76.3)
WIND_LOW, WIND_HIGH = -6.5, 40.0
LEDGE_SAFE = 37
"""Frames that a fighter is intangible from the catch of a ledge on (real replays)."""
