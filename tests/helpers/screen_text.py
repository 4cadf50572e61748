"""The terminal client's screen as text."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from rich.cells import cell_len
from textual.app import App
from textual.pilot import Pilot

from tui.app import ExphilApp

CELL_WIDTH, LINE_HEIGHT = 12.2, 24.4  # of Textual's SVG export

Opened = Callable[..., AbstractAsyncContextManager[tuple[ExphilApp, Pilot]]]


def screen_lines(app: App) -> list[str]:
    """The terminal as lines of text, read back from the picture that the app exports."""
    rows: dict[int, dict[int, str]] = {}
    pattern = r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*clip-path="[^"]*-line-(\d+)\)">([^<]*)</text>'
    for x, _, line, body in re.findall(pattern, app.export_screenshot()):
        column = round(float(x) / CELL_WIDTH)
        for char in html.unescape(body).replace("\xa0", " "):
            rows.setdefault(int(line), {})[column] = char
            column += max(1, cell_len(char))
    width, height = app.size
    return ["".join(rows.get(y, {}).get(x, " ") for x in range(width)) for y in range(height)]
