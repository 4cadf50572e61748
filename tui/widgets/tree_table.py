"""The supervision tree: who lives, under whom, how full its mailbox is, how often it was restarted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from exphil_rt.messages.telemetry import ActorNode
from tui.glyphs import Glyphs
from tui.palette import load_name
from tui.table import Column, Line, Span, fit_columns, header_line, row_line
from tui.widgets.rows import Rows
from tui.words import clock, count, fit, rate

SORTS: Final = ("tree", "mailbox", "rate", "restarts", "uptime")

COLUMNS: Final = (
    Column("actor", 18, flex=True), Column("", 1), Column("strategy", 12, priority=5),
    Column("uptime", 8, right=True, priority=4), Column("mailbox", 9, right=True, priority=1),
    Column("msg/s", 6, right=True, priority=2), Column("rst", 3, right=True, priority=3),
    Column("os pid", 7, right=True, priority=7), Column("handled", 7, right=True, priority=8),
    Column("detail", 24, priority=9),
)  # fmt: skip


def arrange(
    tree: Sequence[ActorNode], rates: Mapping[str, float], sort: str, wanted: str, folded: Iterable[str]
) -> list[ActorNode]:
    """The rows to show: filtered by a part of the path, folded, sorted.

    A filter or a sort other than ``tree`` shows the rows flat.
    """
    if wanted:
        part = wanted.lower()
        rows = [node for node in tree if part in node.path.lower() or part in node.detail.lower()]
    elif sort == "tree":
        closed = tuple(path + "/" for path in folded)
        rows = [node for node in tree if not node.path.startswith(closed)] if closed else list(tree)
    else:
        rows = list(tree)
    if sort == "mailbox":
        rows.sort(key=lambda node: (-node.mailbox / max(1, node.mailbox_cap), -node.mailbox))
    elif sort == "rate":
        rows.sort(key=lambda node: -rates.get(node.path, 0.0))
    elif sort == "restarts":
        rows.sort(key=lambda node: -node.restarts)
    elif sort == "uptime":
        rows.sort(key=lambda node: node.uptime_s)
    return rows


class TreeTable(Rows):
    """Rows are keyed by actor path."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort"),
        Binding("space", "fold", "Fold", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.empty = "No actors yet: the tree is starting."
        self.sort = SORTS[0]
        self.wanted = ""
        self._folded: set[str] = set()
        self._tree: Sequence[ActorNode] = ()
        self._rates: Mapping[str, float] = {}

    def show_tree(self, tree: Sequence[ActorNode], rates: Mapping[str, float]) -> None:
        """Show the tree with messages a second by path."""
        self._tree, self._rates = tree, rates
        self.rearrange()

    def rearrange(self) -> None:
        """Lay the rows out anew, after new data, a filter, a sort or a fold."""
        glyphs = self.look.glyphs
        fitted = fit_columns(COLUMNS, self.size.width)
        nodes = arrange(self._tree, self._rates, self.sort, self.wanted, self._folded)
        flat = bool(self.wanted) or self.sort != "tree"
        parents = {node.path.rpartition("/")[0] for node in self._tree}
        detailed = any(column.title == "detail" for _, column, _ in fitted)
        named = next(width for _, column, width in fitted if column.title == "actor")
        rows: list[tuple[str, Line]] = []
        for node in nodes:
            cells = self._cells(node, flat=flat, parent=node.path in parents, named=named, detailed=detailed)
            rows.append((node.path, row_line(cells, fitted, glyphs)))
        empty = f"No actor matches {self.wanted!r}." if self.wanted else self.empty
        self.set_rows(header_line(fitted, glyphs), rows, empty)
        extra = f"  filter {self.wanted!r}" if self.wanted else ""
        extra += f"  by {self.sort}" if self.sort != "tree" else ""
        restarts = sum(node.restarts for node in self._tree)
        self.entitle(f"Supervision tree  {len(self._tree)} actors, {restarts} restarts{extra}", self.position)

    def action_sort(self) -> None:
        """Sort by the next column."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        self.rearrange()

    def action_fold(self) -> None:
        """Fold or unfold the children of the selected actor."""
        if self.key is not None:
            self._folded ^= {self.key}
            self.rearrange()

    def _cells(self, node: ActorNode, *, flat: bool, parent: bool, named: int, detailed: bool) -> list[Span]:
        glyphs = self.look.glyphs
        mark, mark_style = state_mark(node, glyphs)
        label = node.path.rpartition("/")[2] or node.name
        if flat:
            text = fit_tail(node.path, named, glyphs)
        else:
            sign = (glyphs.collapsed if node.path in self._folded else glyphs.expanded) if parent else " "
            text = f"{'  ' * node.depth}{sign} {label}"
        if not detailed and node.kind == "worker" and node.detail and named - len(text) > 8:
            text = f"{text}  {fit(node.detail, named - len(text) - 2, glyphs)}"
        alive = "text" if node.state == "running" else mark_style
        mailbox = f"{count(node.mailbox)}/{count(node.mailbox_cap)}" if node.mailbox_cap else glyphs.dash
        per_second = self._rates.get(node.path, 0.0)
        return [
            (text, "bold" if parent and not flat else alive), (mark, mark_style), (node.strategy, "dim"),
            (clock(node.uptime_s, glyphs), "dim"),
            (mailbox, load_name(node.mailbox, node.mailbox_cap)),
            (rate(per_second), "text" if per_second else "faint"),
            (str(node.restarts), "warn" if node.restarts else "faint"),
            (str(node.os_pid) if node.os_pid else glyphs.dash, "dim"),
            (count(node.handled), "dim"), (node.detail, "dim"),
        ]  # fmt: skip


def state_mark(node: ActorNode, glyphs: Glyphs) -> Span:
    """One character and its style for what an actor is doing."""
    return {
        "running": (glyphs.dot, "good"),
        "restarting": (glyphs.restarting, "warn"),
        "suspended": (glyphs.dot, "accent"),
    }.get(node.state, (glyphs.dot, "bad"))


def fit_tail(path: str, width: int, glyphs: Glyphs) -> str:
    """``path`` in ``width`` cells, its beginning cut: the end of a path says more."""
    return path if len(path) <= width else glyphs.ellipsis + path[len(path) - width + len(glyphs.ellipsis) :]
