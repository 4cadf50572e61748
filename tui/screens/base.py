"""What every page about the run has: the head lines, the banner, the footer, and a View handed in by the app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Protocol, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from exphil_rt.messages.telemetry import GameSample
from tui.look import look_of
from tui.view import View
from tui.widgets.header import Banner, HeadLines
from tui.widgets.key_line import KeyLine
from tui.widgets.panel import Panel


class _HasView(Protocol):
    def show_on(self, screen: RunScreen) -> None: ...


class RunScreen(Screen[None]):
    """A page about the run. Children implement ``body`` and ``fill``."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", show=False)]
    DEFAULT_CSS = """
    RunScreen { layout: vertical; background: $background; }
    RunScreen .page { height: 1fr; }
    """

    crumb = ""
    """What the page is about, for the window's title."""

    def compose(self) -> ComposeResult:
        yield HeadLines()
        yield Banner()
        yield from self.body()
        yield KeyLine()

    def body(self) -> Iterable[Widget]:
        """The widgets between banner and footer."""
        raise NotImplementedError

    def fill(self, view: View) -> None:
        """Hand the parts of ``view`` to the widgets."""
        raise NotImplementedError

    def show_view(self, view: View) -> None:
        """Show ``view``; called about four times a second."""
        if not self.is_mounted:
            return
        look_changed = view.stale
        for panel in self.query(Panel):
            panel.set_class(look_changed, "-stale")
        self.query_one(HeadLines).show_view(view)
        self.query_one(Banner).show_view(view)
        self.fill(view)

    def show_exhibition(self, game: GameSample | None) -> None:
        """A frame of the watched game; most pages do not show it."""

    def selected_actor(self) -> str | None:
        """Path of the actor that R, l and y are about."""
        return None

    def report(self, view: View) -> str:
        """What ``y`` copies: a text about the selection."""
        status = view.status
        return (
            f"run {status.run}: {status.state}, {status.frames:,} frames, newest policy {status.policy}"
            if status
            else ""
        )

    def wanted_events(self) -> str:
        """What ``l`` filters the events by."""
        path = self.selected_actor()
        return path.rpartition("/")[2] if path else ""

    def action_back(self) -> None:
        """Leave a page that lies on top of another."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def on_mount(self) -> None:
        self.set_class(not look_of(self).glyphs.braille, "-ascii")

    def on_screen_resume(self) -> None:
        # After the first layout, so that the widgets know their sizes.
        self.call_after_refresh(cast("_HasView", self.app).show_on, self)
