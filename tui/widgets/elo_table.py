"""Ratings of the population, best first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exphil_rt.messages.telemetry import Rating
from tui.table import Column, Line, fit_columns, header_line, row_line
from tui.widgets.rows import Rows
from tui.words import count

COLUMNS: Final = (
    Column("#", 2, right=True, priority=3), Column("policy", 10, flex=True, name=True), Column("elo", 4, right=True),
    Column("±", 3, right=True, priority=4), Column("games", 5, right=True, priority=5),
    Column("w-l-d", 11, right=True, priority=6), Column("score", 5, right=True, priority=7),
    Column("", 24, priority=8),
)  # fmt: skip


class EloTable(Rows):
    """Rows are keyed by policy name."""

    empty = "No ratings yet: the first rated match sets them."

    def show_ratings(self, ratings: Sequence[Rating], population: int = 0) -> None:
        """Show ``ratings``, best first."""
        glyphs = self.look.glyphs
        columns = [
            Column(glyphs.plus_minus, c.width, right=True, priority=c.priority) if c.title == "±" else c
            for c in COLUMNS
        ]  # fmt: skip
        fitted = fit_columns(columns, self.size.width)
        best = sorted(ratings, key=lambda rating: -rating.elo)
        low = min((rating.elo for rating in best), default=0.0)
        span = max(1.0, max((rating.elo for rating in best), default=1.0) - low)
        rows: list[tuple[str, Line]] = []
        for place, rating in enumerate(best, 1):
            error = "" if rating.anchor else f"{rating.error:.0f}" if rating.games else glyphs.dash
            played = rating.wins + rating.losses + rating.draws
            score = f"{100 * (rating.wins + rating.draws / 2) / played:.0f}%" if played else glyphs.dash
            wld = f"{count(rating.wins)}-{count(rating.losses)}-{count(rating.draws)}"
            bar = glyphs.bar_full * max(1, round(24 * (rating.elo - low) / span))
            strong = "good" if place == 1 else "dim" if rating.anchor else "text"
            cells = [
                (str(place), "faint"), (rating.policy, strong), (f"{rating.elo:.0f}", "bold" if place == 1 else "text"),
                ("fix" if rating.anchor else error, "faint"), (count(rating.games), "dim"), (wld, "dim"),
                (score, "dim"), (bar, "game"),
            ]  # fmt: skip
            rows.append((rating.policy, row_line(cells, fitted, glyphs)))
        self.set_rows(header_line(fitted, glyphs), rows, self.empty)
        self.entitle(f"Elo  population {population}" if population else "Elo", self.position)
