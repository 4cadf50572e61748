"""The epochs of an imitation, newest first, under the tables that they must beat."""

from __future__ import annotations

from typing import Final

from exphil_rt.messages.telemetry import Figures, ImitationStatus
from tui.glyphs import Glyphs
from tui.table import Column, Fitted, Line, fit_columns, header_line, row_line
from tui.widgets.rows import Rows
from tui.words import clock

COLUMNS: Final = (
    Column("epoch", 17, flex=True), Column("NLL", 6, right=True), Column("changed", 7, right=True, priority=1),
    Column("right", 6, right=True, priority=3), Column("changed", 7, right=True, priority=4),
    Column("train", 6, right=True, priority=2), Column("took", 8, right=True, priority=5),
)  # fmt: skip


class EpochTable(Rows):
    """Rows are keyed by the epoch's number."""

    def show_imitation(self, now: ImitationStatus | None) -> None:
        """Show what is held out: negative log-likelihood and share of right actions, on all and on changed frames."""
        glyphs = self.look.glyphs
        fitted = fit_columns(COLUMNS, self.size.width)
        rows: list[tuple[str, Line]] = []
        if now is not None:
            for key, table in (("P(a | previous a)", now.previous), ("P(a)", now.marginal)):
                if table is not None:
                    rows.append((key, _row(key, table, "", "", "dim", fitted, glyphs)))
            for done in reversed(now.done):
                best = done.epoch == now.best_epoch
                rows.append((
                    str(done.epoch),
                    _row(
                        f"{done.epoch}{'  best' if best else ''}", done.held_out, f"{done.train_nll:.3f}",
                        clock(done.seconds, glyphs), "good" if best else "text", fitted, glyphs,
                    ),
                ))  # fmt: skip
        self.set_rows(header_line(fitted, glyphs), rows, "No epoch yet: the first one is measured when it is learned.")
        games = now.held_out_games if now is not None else 0
        held = f"  {games} game{'' if games == 1 else 's'} held out" if games else ""
        self.entitle(f"Epochs{held}", self.position)


def _row(name: str, held_out: Figures, train: str, took: str, style: str, fitted: Fitted, glyphs: Glyphs) -> Line:
    cells = [
        (name, style), (f"{held_out.nll:.3f}", "bold" if style == "good" else style),
        (f"{held_out.nll_changed:.3f}", style), (f"{held_out.accuracy:.1%}", "dim"),
        (f"{held_out.accuracy_changed:.1%}", "dim"), (train, "dim"), (took, "faint"),
    ]  # fmt: skip
    return row_line(cells, fitted, glyphs)
