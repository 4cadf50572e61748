"""The two head lines: which run, how it goes, how far it is; and the banner below them when something is the matter."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from textual.strip import Strip
from textual.widget import Widget

from exphil_rt.messages.telemetry import ImitationStatus, MatchStatus, RunStatus
from tui.glyphs import Glyphs
from tui.look import look_of
from tui.table import Line
from tui.view import View
from tui.words import clock, count, fit_name, share

STATE_STYLES: Final = {
    "starting": "warn", "running": "good", "paused": "accent", "stopping": "warn", "ended": "primary", "failed": "bad",
}  # fmt: skip

STATE_WORDS: Final = {
    "paused": "The run is paused; P lets it go on.",
    "starting": "The daemon is starting.",
    "stopping": "The daemon writes a checkpoint and stops.",
}

Part = tuple[int, Line]
"""Priority (the highest number goes first where space is short) and the text."""


def join_parts(parts: list[Part], width: int, gap: str = "   ") -> Line:
    """The parts that fit ``width``, in order, with ``gap`` between them."""
    kept = list(parts)

    def size() -> int:
        return sum(cell_len(text) for _, line in kept for text, _ in line) + len(gap) * (len(kept) - 1) + 1

    while len(kept) > 1 and size() > width:
        worst = max(priority for priority, _ in kept)
        kept.remove(next(part for part in reversed(kept) if part[0] == worst))
    line: Line = [(" ", "text")]
    for position, (_, part) in enumerate(kept):
        if position:
            line.append((gap, "text"))
        line += part
    return line


def first_line(status: RunStatus, view: View, glyphs: Glyphs, width: int) -> Line:
    """Who runs: program, run, state, uptime, policy, origin, delay."""
    style = STATE_STYLES[status.state]
    state = status.state
    if view.link == "lost":
        state_part: Line = [(f"{glyphs.dot} reconnecting {max(1, round(view.retry_s))} s", "alarm")]
    else:
        state_part = [(f"{glyphs.dot} {state} ", style), (clock(status.uptime_s, glyphs), "text")]
    policy: Line = [("policy ", "dim"), (fit_name(status.policy or glyphs.dash, 28, glyphs), "text")]
    parts: list[Part] = [
        (0, [("exphil_rt", "accent")]),
        (1, [(fit_name(status.run, 28, glyphs), "bold")]),
        (0, state_part),
        *([] if status.match else [(3, policy)]),
        (2, [(status.origin, "primary")]),
        (6, [("delay ", "dim"), (str(status.delay), "text")]),
        *([] if status.imitation is not None else [(5, [("matches ", "dim"), (count(status.matches), "text")])]),
        (7, [("restarts ", "dim"), (str(status.restarts), "warn" if status.restarts else "text")]),
        (8, [(f"v{status.version}", "faint")]),
        (9, [(f"daemon pid {status.daemon_pid}", "faint")]),
    ]  # fmt: skip
    if view.frozen:
        parts.insert(3, (0, [("view paused", "warn")]))
    if view.readonly:
        parts.insert(3, (4, [("read-only", "accent")]))
    return join_parts(parts, width)


def second_line(status: RunStatus, glyphs: Glyphs, width: int) -> Line:
    """How far: frames of the target, speed, time left, progress against the first version or the table; of a match,
    how it goes."""
    if status.match is not None:
        return match_line(status.match, width)
    target = status.target_frames
    done = min(1.0, status.frames / target) if target else 0.0
    cells = 10 if width < 110 else 20
    filled = round(cells * done)
    bar: Line = [(glyphs.bar_full * filled, "good"), (glyphs.bar_empty * (cells - filled), "ghost")]
    frames: Line = [("frames ", "dim"), (count(status.frames), "bold")]
    if target:
        frames += [(f"/{count(target)}", "dim")]
    parts: list[Part] = [(0, frames)]
    if target:
        parts.append((4, [*bar, (f" {100 * done:.0f} %", "text")]))
    parts.append((1, [(count(status.frames_per_s), "bold"), (" frames/s", "dim")]))
    if status.imitation is not None:
        return join_parts([*parts, *_imitation_parts(status.imitation, status.eta_s, glyphs)], width)
    parts += [
        (2, [("vs first ", "dim"), (share(status.win_rate_vs_first, glyphs), _win_style(status.win_rate_vs_first))]),
        (3, [("ETA ", "dim"), (clock(status.eta_s, glyphs), "text")]),
        (5, [("games ", "dim"), (str(status.games), "text")]),
        (6, [("population ", "dim"), (str(status.population), "text")]),
    ]
    return join_parts(parts, width)


def match_line(match: MatchStatus, width: int) -> Line:
    """How a match goes: what the console does, its pace, what was late, how the delay is spent."""
    won, _, lost = match.score
    parts: list[Part] = [
        (0, [(match.phase, "text")]),
        (1, [(f"{match.fps:.1f}", "bold"), (" fps", "dim")]),
        (2, [(str(match.late), "bad" if match.late else "good"), (" late", "dim")]),
        (3, [("score ", "dim"), (f"{won}:{lost}", "bold")]),
        (5, [("frames ", "dim"), (count(match.frames), "text")]),
        *((4, [(plan, "primary")]) for plan in dict.fromkeys(match.plan)),
    ]  # fmt: skip
    return join_parts(parts, width)


def _imitation_parts(now: ImitationStatus, eta_s: float | None, glyphs: Glyphs) -> list[Part]:
    """How well it predicts what was held out, beside the table that it must beat."""
    best = next((done.held_out.nll for done in now.done if done.epoch == now.best_epoch), None)
    table = None if now.previous is None else now.previous.nll
    style = "dim" if best is None or table is None else "good" if best < table else "bad"
    return [
        (3, [("epoch ", "dim"), (f"{now.epoch}/{now.epochs}" if now.epochs else glyphs.dash, "text")]),
        (2, [("held out ", "dim"), (glyphs.dash if best is None else f"{best:.3f}", style)]),
        (5, [("table ", "dim"), (glyphs.dash if table is None else f"{table:.3f}", "text")]),
        (3, [("ETA ", "dim"), (clock(eta_s, glyphs), "text")]),
        (6, [("waiting ", "dim"), (share(now.waited if now.nll is not None else None, glyphs), "text")]),
    ]


def _win_style(rate: float | None) -> str:
    return "dim" if rate is None else "good" if rate > 0.5 else "warn" if rate > 0.35 else "bad"


class HeadLines(Widget):
    """Two lines at the top of every screen."""

    DEFAULT_CSS = """
    HeadLines { height: 2; background: $background; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view: View | None = None

    def show_view(self, view: View) -> None:
        """Show the head of the run."""
        self._view = view
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One of the two lines."""
        look, width = look_of(self), self.size.width
        view = self._view
        line: Line = []
        if view is None or view.status is None:
            if y == 0:
                word = "connecting" if view is None or view.link == "connecting" else "waiting for the daemon"
                line = [(" exphil_rt", "accent"), (f"   {look.glyphs.dot} {word}", "warn")]
        else:
            status = view.status
            line = first_line(status, view, look.glyphs, width) if y == 0 else second_line(status, look.glyphs, width)
        return look.strip(line, width, look.palette.bar)


class Banner(Widget):
    """One line that is there only when there is something to say."""

    DEFAULT_CSS = """
    Banner { height: 1; display: none; background: $background; &.-said { display: block; } }
    """

    def __init__(self) -> None:
        super().__init__()
        self._line: Line = []

    def show_view(self, view: View) -> None:
        """Say what is the matter, or vanish."""
        line = banner_line(view)
        self.set_class(bool(line), "-said")
        if line != self._line:
            self._line = line
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        return look_of(self).strip(self._line, self.size.width)


def banner_line(view: View) -> Line:
    """What stands below the head: a lost daemon, an end and its reason, what a start or a pause waits for."""
    status = view.status
    if view.link == "ended" and status is not None:
        said = status.message or "The daemon ended."
        return [(f" The run {'failed' if status.state == 'failed' else 'ended'}: {said}", "notice"),
                ("  Last values are shown; ctrl+q leaves.", "dim")]  # fmt: skip
    if view.link == "lost":
        return [(f" {view.link_text}", "alarm"), ("  Last values are shown.", "dim")]
    if status is None:
        return [(f" {view.link_text}", "notice")] if view.link_text else []
    if status.state == "running" and not status.message:
        return []
    said = status.message or STATE_WORDS.get(status.state, "")
    return [(f" {status.state}", STATE_STYLES[status.state]), (f"  {said}", "text")] if said else []
