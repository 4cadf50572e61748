"""Graphs of the recent values of the run's metrics, filled from below, and the shares of the time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from rich.style import Style

from exphil_rt.messages.telemetry import Series, Shares
from tui.glyphs import Glyphs
from tui.palette import GRADIENT
from tui.table import Line, line_width
from tui.widgets.panel import Panel
from tui.words import count, fit, metric

ORDER: Final = (
    "win_rate_vs_first", "held_out", "held_out_changed", "nll", "frames_per_s", "loss", "entropy", "reward",
    "value_loss", "kl", "waited", "accuracy", "learning_rate",
    "fps", "late", "decide_p99_ms", "flush_p99_ms", "call_p99_ms", "step_p99_ms", "flush_net_p99_ms",
)  # fmt: skip
"""What is shown first where not all fits."""

LABELS: Final = {
    "win_rate_vs_first": "vs first", "frames_per_s": "frames/s", "value_loss": "value", "policy_loss": "policy",
    "decide_p99_ms": "decide", "flush_p99_ms": "flush", "call_p99_ms": "call", "step_p99_ms": "step",
    "flush_net_p99_ms": "net",
    "held_out": "held out", "held_out_changed": "changed", "waited": "waiting", "learning_rate": "step",
    "accuracy": "right", "files_per_s": "files/s",
}  # fmt: skip

SCALES: Final[dict[str, dict[str, float]]] = {
    "win_rate_vs_first": {"low": 0.0, "high": 1.0},
    "frames_per_s": {"low": 0.0},
    "fps": {"low": 0.0},
    "late": {"low": 0.0},
    "files_per_s": {"low": 0.0},
    "waited": {"low": 0.0},
}
"""Where a graph does not run from the least to the greatest value."""

PERCENT: Final = frozenset({"win_rate_vs_first", "waited", "accuracy"})
COUNTED: Final = frozenset({"frames_per_s", "files_per_s"})
"""How values are said; the others as they are."""

EMPTY: Final = "No update yet: the trainer waits for its first rollout."
_LABEL_WIDTH: Final = 8
_VALUE_WIDTH: Final = 6


def resample(values: Sequence[float], width: int) -> list[float]:
    """``values`` as exactly ``width`` columns or fewer: the mean of each bucket when there are more."""
    if width <= 0 or not values:
        return []
    if len(values) <= width:
        return list(values)
    edges = [round(k * len(values) / width) for k in range(width + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]


def graph(
    values: Sequence[float], width: int, height: int, glyphs: Glyphs, *, low: float | None = None,
    high: float | None = None,
) -> list[str]:  # fmt: skip
    """``height`` strings of ``width`` cells, the newest value at the right; short series stand at the right edge.

    Args:
        low, high: the scale; else the least and the greatest finite value.
    """
    shown = resample([value for value in values if value == value and abs(value) != float("inf")], width)
    if not shown:
        return [" " * width for _ in range(height)]
    floor = min(shown) if low is None else low
    ceiling = max(shown) if high is None else high
    span = ceiling - floor
    steps = len(glyphs.levels) - 1
    heights = [
        max(1, round((value - floor) / span * height * steps)) if span > 0 else max(1, height * steps // 2)
        for value in shown
    ]
    rows = []
    for row in range(height):
        under = (height - 1 - row) * steps
        cells = "".join(glyphs.levels[min(steps, max(0, filled - under))] for filled in heights)
        rows.append(" " * (width - len(cells)) + cells)
    return rows


def shown_value(series: Series) -> str:
    """The newest value of a series as people say it."""
    if not series.values:
        return ""
    value = series.values[-1]
    if series.name in PERCENT:
        return f"{100 * value:.0f}%"
    if series.name == "learning_rate":
        return f"{value:.1e}".replace("e-0", "e-")
    return count(value) if series.name in COUNTED else metric(value)


def share_bar(shares: Shares, width: int, glyphs: Glyphs) -> Line:
    """One stacked bar of where the time goes, each part in its colour and in ASCII in its letter."""
    parts = [(name, getattr(shares, name)) for name in ("game", "inference", "learning", "waiting")]
    total = sum(value for _, value in parts)
    if total <= 0 or width <= 0:
        return [(glyphs.bar_empty * max(0, width), "ghost")]
    line: Line = []
    used, before = 0.0, 0
    for name, value in parts:
        used += value
        edge = round(width * used / total)
        char = glyphs.bar_full if glyphs.braille else name[0]
        line.append((char * (edge - before), name))
        before = edge
    return line


class Sparklines(Panel):
    """One graph a metric, as high as the space allows."""

    def __init__(self, *, id: str | None = None, most: int = 7) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._most = most
        self._empty = EMPTY
        self._series: tuple[Series, ...] = ()
        self._shares: Shares | None = None
        self._lines: list[Line] = []

    def show_series(
        self, series: Sequence[Series], shares: Shares | None = None, *, learning_from_replays: bool = False
    ) -> None:
        """Show the metrics that have values."""
        self._empty = "Nothing learned yet." if learning_from_replays else EMPTY
        known = {one.name: one for one in series if one.values}
        names = [name for name in ORDER if name in known] + sorted(set(known) - set(ORDER))
        self._series = tuple(known[name] for name in names)
        self._shares = shares
        self.redraw()

    def redraw(self) -> None:
        """Draw the graphs anew."""
        width, height = self.size
        if width <= 0 or height <= 0:
            return
        foot = self._foot(width) if height >= 5 and self._shares is not None else []
        room = height - len(foot)
        # Three rows a graph look best; where there is less, one row each shows more of them.
        fits = room // 3 if room >= 9 else room
        series = self._series[: min(self._most, max(1, fits))]
        self._lines = []
        if series:
            tall, extra = divmod(room, len(series))
            for index, one in enumerate(series):
                self._lines += self._block(one, width, min(6, tall + (1 if index < extra else 0)))
            self._lines += [[]] * (room - len(self._lines)) + foot
        frames = max((one.frames[-1] for one in self._series if one.frames), default=0)
        self.entitle("Training", f"at {count(frames)} frames" if frames else "")
        self.refresh()

    def line_at(self, y: int, width: int) -> tuple[Line, Style | None]:
        if not self._series:
            return self.centered(y, self._empty), None
        return (self._lines[y] if y < len(self._lines) else []), None

    def on_resize(self) -> None:
        self.redraw()

    def _block(self, series: Series, width: int, height: int) -> list[Line]:
        glyphs = self.look.glyphs
        label = fit(LABELS.get(series.name, series.name), _LABEL_WIDTH, glyphs)
        value = shown_value(series)
        scale = SCALES.get(series.name, {})
        gap = 1 if height > 2 else 0  # a free row between tall graphs
        rows = height - gap
        if rows == 1:
            drawn = graph(series.values, width - _LABEL_WIDTH - _VALUE_WIDTH - 2, 1, glyphs, **scale)
            return [
                [(f"{label:<{_LABEL_WIDTH}}", "dim"), (f"{value:>{_VALUE_WIDTH}} ", "bold"), (drawn[0], GRADIENT[2])]
            ]
        drawn = graph(series.values, width - _LABEL_WIDTH - 1, rows, glyphs, **scale)
        lines: list[Line] = []
        for row in range(rows):
            side = label if row == 0 else value if row == 1 else self._span(series) if row == 2 else ""
            style = ("dim", "bold", "faint", "faint")[min(row, 3)]
            shade = GRADIENT[min(len(GRADIENT) - 1, (rows - 1 - row) * len(GRADIENT) // rows)]
            lines.append([(f"{side:<{_LABEL_WIDTH}} ", style), (drawn[row], shade)])
        return lines + [[]] * gap

    def _span(self, series: Series) -> str:
        if series.name == "win_rate_vs_first":
            return "0-100%"
        low, high = SCALES.get(series.name, {}).get("low", min(series.values)), max(series.values)
        if series.name in PERCENT:
            return f"{100 * low:.0f}-{100 * high:.0f}%"
        if series.name == "learning_rate":
            return ""
        show = count if series.name in COUNTED else (lambda value: f"{value:.2g}")
        return f"{show(low)}-{show(high)}"[:_LABEL_WIDTH]

    def _foot(self, width: int) -> list[Line]:
        if self._shares is None:
            return []
        glyphs = self.look.glyphs
        names: Line = []
        gap = "  " if width >= 42 else " "
        for name, short in (("game", "game"), ("inference", "infer"), ("learning", "learn"), ("waiting", "wait")):
            part = [(f"{short} ", "dim"), (f"{100 * getattr(self._shares, name):.0f}%{gap}", name)]
            if line_width(names) + line_width(part) - len(gap) <= width:
                names += part
        return [share_bar(self._shares, width, glyphs), names]
