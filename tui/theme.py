"""The client's own theme and the variables that it adds to every other one."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

VARIABLES: Final = {"player-1": "#ff6ac1", "player-2": "#57c7ff", "panel-edge": "#2d3640"}
"""Used where a theme does not define them."""

MIDNIGHT: Final = Theme(
    name="exphil",
    primary="#59c2ff",
    secondary="#39bae6",
    accent="#d2a6ff",
    foreground="#d4dae4",
    background="#0b0e14",
    surface="#121821",
    panel="#1a212c",
    success="#7fd962",
    warning="#ffb454",
    error="#f26d78",
    dark=True,
    variables={
        "footer-background": "#0b0e14",
        "footer-key-foreground": "#ffb454",
        "footer-description-foreground": "#8b95a3",
        **VARIABLES,
    },
)
