"""Numbers, times and game states as short text for people. Pure functions; every width is in terminal cells."""

from __future__ import annotations

import time
from typing import Final

from rich.cells import cell_len, set_cell_size

from tui.glyphs import Glyphs

FPS: Final = 60
"""Game frames a second."""

_SHORT_STAGES: Final = {2: "FoD", 3: "PS", 8: "YS", 28: "DL", 31: "BF", 32: "FD"}

# Ranges of Melee's common action states (names as in Slippi's and the decompilation's tables), first id of each.
_STATES: Final[tuple[tuple[int, str], ...]] = (
    (0, "dead"), (4, "star KO"), (11, "sleep"), (12, "respawn"), (14, "wait"), (15, "walk"), (18, "turn"),
    (19, "turn run"), (20, "dash"), (21, "run"), (23, "run brake"), (24, "jump squat"), (25, "jump"),
    (27, "air jump"), (29, "fall"), (35, "special fall"), (38, "tumble"), (39, "crouch"), (42, "land"),
    (43, "special land"), (44, "jab 1"), (45, "jab 2"), (46, "jab 3"), (47, "rapid jab"), (50, "dash attack"),
    (51, "forward tilt"), (56, "up tilt"), (57, "down tilt"), (58, "forward smash"), (63, "up smash"),
    (64, "down smash"), (65, "neutral air"), (66, "forward air"), (67, "back air"), (68, "up air"),
    (69, "down air"), (70, "land nair"), (71, "land fair"), (72, "land bair"), (73, "land uair"),
    (74, "land dair"), (75, "hitstun"), (87, "launched"), (92, "item"), (178, "shield"), (181, "shield stun"),
    (182, "powershield"), (183, "knocked down"), (184, "lying"), (185, "hit on floor"), (186, "get up"),
    (187, "get-up attack"), (188, "get-up roll"), (191, "knocked down"), (192, "lying"), (193, "hit on floor"),
    (194, "get up"), (195, "get-up attack"), (196, "get-up roll"), (199, "tech"), (200, "tech roll"),
    (202, "wall tech"), (204, "ceiling tech"), (205, "shield break"), (211, "dizzy"), (212, "grab"),
    (216, "grab hold"), (217, "pummel"), (218, "grab end"), (219, "throw f"), (220, "throw b"), (221, "throw u"),
    (222, "throw d"), (223, "grabbed"), (233, "roll f"), (234, "roll b"), (235, "spot dodge"), (236, "air dodge"),
    (237, "rebound"), (239, "thrown"), (244, "drop through"), (245, "teeter"), (247, "wall bounce"),
    (251, "slip off"), (252, "ledge grab"), (253, "ledge hang"), (254, "ledge climb"), (256, "ledge attack"),
    (258, "ledge roll"), (260, "ledge jump"), (264, "taunt"), (266, "carried"), (271, "thrown"), (275, "captured"),
    (293, "barrel"), (294, "buried"), (297, "asleep"), (300, "bound"), (301, "captured"), (305, "item"),
    (322, "entry"), (325, "frozen"), (327, "captured"), (341, "special"),
)  # fmt: skip


def clock(seconds: float | None, glyphs: Glyphs) -> str:
    """``02:14:37``, ``3d 02:14`` from a day on, a dash for None."""
    if seconds is None:
        return glyphs.dash
    whole = max(0, int(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{days}d {hours:02}:{minutes:02}" if days else f"{hours:02}:{minutes:02}:{secs:02}"


def game_clock(frame: int) -> str:
    """Game time that has passed as ``4:12``; frames before the start count as 0."""
    minutes, seconds = divmod(max(0, frame) // FPS, 60)
    return f"{minutes}:{seconds:02}"


def wall_clock(time_ns: int) -> str:
    """Local time of day, ``20:14:09``."""
    return time.strftime("%H:%M:%S", time.localtime(time_ns / 1e9))


def count(number: float) -> str:
    """Three or four figures and a unit: ``842``, ``61.3k``, ``1.21M``, ``3.20G``."""
    size = abs(number)
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= limit * 0.99995:
            value = number / limit
            return f"{value:.0f}{unit}" if abs(value) >= 100 else f"{value:.{2 if limit > 1e3 else 1}f}{unit}"
    return f"{number:.0f}"


def rate(number: float) -> str:
    """A rate a second: ``0``, ``0.2``, ``3.7``, ``60``, ``12.0k``."""
    return f"{number:.1f}" if 0 < number < 10 else count(number)


def metric(value: float) -> str:
    """A loss or the like in at most six characters."""
    size = abs(value)
    if size >= 1000:
        return count(value)
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if size >= 10 else f"{value:.3f}"


def share(value: float | None, glyphs: Glyphs) -> str:
    """``61 %``; a dash for None."""
    return glyphs.dash if value is None else f"{100 * value:.0f} %"


def stocks(left: int, glyphs: Glyphs, most: int = 4) -> str:
    """Stocks as dots, ``●●··``; more than ``most`` as ``●x7``."""
    if left > most:
        return f"{glyphs.stock}x{left}"
    return glyphs.stock * max(0, left) + glyphs.stock_gone * (most - max(0, left))


def stage_short(stage: int) -> str:
    """``FD``, ``BF``; ``#5`` for a stage outside the tournament list."""
    return _SHORT_STAGES.get(stage, f"#{stage}")


def state_name(state: int) -> str:
    """What an action state is called among players: ``forward air``, ``ledge hang``, ``special``."""
    name = ""
    for first, word in _STATES:
        if state < first:
            break
        name = word
    return name or "unknown"


def fit(text: str, width: int, glyphs: Glyphs) -> str:
    """``text`` in at most ``width`` cells, its end replaced by an ellipsis where it is cut; control characters go."""
    if not text.isprintable():
        text = "".join(ch if ch.isprintable() else " " for ch in text)
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - len(glyphs.ellipsis)).rstrip() + glyphs.ellipsis


def fit_name(name: str, width: int, glyphs: Glyphs) -> str:
    """Like ``fit``, but ``name@vN`` keeps its version: ``mewtw…@v12``."""
    base, at, version = name.rpartition("@")
    tail = at + version
    if cell_len(name) <= width or not base or len(tail) + 2 > width:
        return fit(name, width, glyphs)
    return fit(base, width - len(tail), glyphs) + tail
