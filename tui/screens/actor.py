"""One actor: what it is, its state, its last messages, its children and how its incarnations ended."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Grid
from textual.widget import Widget

from exphil_rt.messages.telemetry import ActorNode, ActorReport
from tui.glyphs import Glyphs
from tui.look import look_of
from tui.palette import load_name
from tui.screens.base import RunScreen
from tui.table import Line
from tui.view import View
from tui.widgets.text_page import TextPage
from tui.widgets.tree_table import TreeTable, state_mark
from tui.words import clock, count, rate


def facts(node: ActorNode, per_second: float, glyphs: Glyphs) -> list[Line]:
    """The head of the page."""
    mark, style = state_mark(node, glyphs)
    mailbox = f"{node.mailbox}/{node.mailbox_cap}" if node.mailbox_cap else glyphs.dash
    rows: list[Line] = [
        [(f" {mark} {node.state}  ", style), (f"{node.kind}  {node.strategy}", "text"), (f"  {node.detail}", "dim")],
        [(" incarnation ", "dim"), (str(node.pid), "text"), ("   os pid ", "dim"),
         (str(node.os_pid) if node.os_pid else glyphs.dash, "text"), ("   uptime ", "dim"),
         (clock(node.uptime_s, glyphs), "text"), ("   restarts ", "dim"),
         (str(node.restarts), "warn" if node.restarts else "text")],
        [(" mailbox ", "dim"), (mailbox, load_name(node.mailbox, node.mailbox_cap)), ("   handled ", "dim"),
         (count(node.handled), "text"), ("   messages/s ", "dim"), (rate(per_second), "text")],
    ]  # fmt: skip
    return rows


def actor_markdown(report: ActorReport) -> str:
    """The page as Markdown, for the clipboard."""
    node = report.node
    parts = [
        f"## {node.path}",
        f"{node.kind} {node.strategy}, {node.state}, up {node.uptime_s:.0f} s, {node.restarts} restarts",
        f"mailbox {node.mailbox}/{node.mailbox_cap}, {node.handled} handled",
    ]
    for title, body in (
        ("State", report.state), ("Recent messages", "\n".join(report.recent)), ("Exits", "\n".join(report.exits)),
    ):  # fmt: skip
        if body:
            parts += [f"### {title}", f"```\n{body}\n```"]
    return "\n".join(parts)


class ActorScreen(RunScreen):
    """Asked anew by the app every second while it is shown."""

    DEFAULT_CSS = """
    ActorScreen #facts { height: 5; }
    ActorScreen #page { grid-size: 2 2; grid-rows: 3fr 2fr; }
    ActorScreen.-tabs #page { grid-size: 1; grid-rows: 1fr 1fr; }
    ActorScreen.-tabs #children, ActorScreen.-tabs #recent { display: none; }
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.crumb = path
        self._report: ActorReport | None = None
        self._problem = ""

    def body(self) -> Iterable[Widget]:
        yield TextPage(id="facts")
        yield Grid(
            TextPage(id="state"), TextPage(id="recent"), TreeTable(id="children"), TextPage(id="exits"),
            id="page", classes="page",
        )  # fmt: skip

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#facts").can_focus = False
        self.query_one("#children", TreeTable).empty = "It has no children."
        self.query_one("#state").focus()

    def show_report(self, report: ActorReport | None, problem: str = "") -> None:
        """What the daemon answered; ``problem`` is why it could not."""
        self._report = report or self._report
        self._problem = problem

    def fill(self, view: View) -> None:
        report = self._report
        node = view.node(self.path) or (report.node if report else None)
        head = self.query_one("#facts", TextPage)
        glyphs = look_of(self).glyphs
        lines = facts(node, view.rates.get(self.path, 0.0), glyphs) if node else []
        head.show_text(self.path.replace("/", f" {glyphs.right} "), lines, self._problem or "Asking the daemon.")
        said = self._problem or "Asking the daemon."
        here = report is not None
        self.query_one("#state", TextPage).show_text(
            "State", report.state if report else "", "No state." if here else said
        )
        self.query_one("#recent", TextPage).show_text(
            "Recent messages", "\n".join(report.recent) if report else "", "No message was traced." if here else said
        )
        self.query_one("#exits", TextPage).show_text(
            "Exit history", "\n".join(reversed(report.exits)) if report else "", "It never ended." if here else said
        )
        children = self.query_one("#children", TreeTable)
        children.show_tree(report.children if report else (), view.rates)
        children.entitle(f"Children {len(report.children) if report else 0}", children.position)

    def selected_actor(self) -> str | None:
        return self.path

    def report(self, view: View) -> str:
        return actor_markdown(self._report) if self._report else super().report(view)
