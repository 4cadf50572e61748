"""How a match on a console goes: its pace, what was late, how its delay is spent, what each part of a frame takes."""

from __future__ import annotations

from typing import Final

from rich.style import Style

from exphil_rt.messages.telemetry import Latency, MatchStatus
from tui.table import Line, crop
from tui.widgets.panel import Panel
from tui.words import count, fit_name

FRAME_MS: Final = 1000 / 60
LABEL: Final = 9
"""Width of what stands at the left."""
PHASES: Final = {
    "flush": "state seen to inputs sent",
    "flush_net": "the same without waiting for a CPU",
    "step": "packet to state",
    "decide": "asked to answered",
    "call": "in the policy",
}


class ConsolePanel(Panel):
    """Figures of a match."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._match: MatchStatus | None = None

    def show_match(self, match: MatchStatus | None) -> None:
        """Show the figures."""
        self._match = match
        if match is not None:
            self.entitle(f"{match.console}  {match.phase}", f"start {match.starts}" if match.starts > 1 else "")
        self.refresh()

    def on_resize(self) -> None:
        self.show_match(self._match)  # the title is cut to the width

    def line_at(self, y: int, width: int) -> tuple[Line, Style | None]:
        if self._match is None:
            return self.centered(y, "No console plays in this run."), None
        lines = self._lines(self._match, width)
        return (lines[y] if y < len(lines) else []), None

    def _lines(self, match: MatchStatus, width: int) -> list[Line]:
        won, drawn, lost = match.score
        room = max(4, (width - LABEL - 10) // 2)
        one, two = (fit_name(name, room, self.look.glyphs) for name in match.players)
        score: Line = [(f"{one} ", "p1"), (f"{won}:{lost}", "bold"), (f" {two}", "p2")]
        if drawn:
            score.append((f"  {drawn} drawn", "dim"))
        counted: Line = [(str(match.late), "bad" if match.late else "good"), (" late  ", "dim")]
        for name in ("skipped", "dropped", "duplicate", "resimulated", "unasked", "undecided"):
            if (number := getattr(match, name)) or name == "skipped":
                counted += [(str(number), "warn" if number else "text"), (f" {name}  ", "dim")]
        lag = ", ".join(str(lag) for lag in match.echo_lag) or self.look.glyphs.dash
        steady = all(lag in (-1, match.echo_wanted) for lag in match.echo_lag)
        early = "bad" if match.headroom < 0 else "text"
        rows: list[tuple[str, Line]] = [
            ("score", score),
            ("pace", [(f"{match.fps:.1f}", "bold"), (" fps  ", "dim"), (f"{count(match.frames)} frames", "text")]),
            ("frames", counted),
            *((("delay" if not n else ""), [(text, "text")]) for n, text in enumerate(dict.fromkeys(match.plan))),
            ("inputs", [("back after ", "dim"), (lag, "text" if steady else "bad"),
                        (f" of {match.echo_wanted} frames", "dim"),
                        ("  early by at least ", "dim"), (str(match.headroom), early)]),
            ("ages", [(_ages(match.ages), "text")]),
            ("engine", [(match.engine, "text"), ("  waiting at most ", "dim"), (str(match.waiting), "text")]),
            *((one.phase, _latency(one)) for one in match.latency),
        ]  # fmt: skip
        if match.fault:
            rows.append(("fault", [(match.fault, "warn")]))
        lines: list[Line] = []
        for name, line in rows:
            lines.append([(f"{name:<{LABEL}}", "faint"), *crop(line, width - LABEL)])
        return lines


def _latency(one: Latency) -> Line:
    worst = one.p99_us / 1e3
    style = "bad" if worst > FRAME_MS else "warn" if worst > FRAME_MS / 2 else "text"
    figures: Line = [(f"{one.p50_us / 1e3:5.2f}", "text"), (" ms, p99 ", "dim"), (f"{worst:5.2f}", style)]
    return [*figures, (f"  {PHASES.get(one.phase, '')}", "faint")]


def _ages(ages: dict[int, int]) -> str:
    """``17: 99.8 %  18: 0.2 %``: frames between what was seen and what was sent, the commonest first."""
    total = sum(ages.values())
    most = sorted(ages.items(), key=lambda item: -item[1])[:4]
    return "  ".join(f"{age}: {100 * number / total:.1f} %" for age, number in most) if total else ""
