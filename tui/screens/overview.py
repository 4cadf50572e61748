"""The first screen: everything at once, laid out by the terminal's size; under 80 columns one panel at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.widget import Widget

from exphil_rt.messages.telemetry import GameSample
from tui.screens.base import RunScreen
from tui.view import View
from tui.widgets.console import ConsolePanel
from tui.widgets.elo_table import EloTable
from tui.widgets.epoch_table import EpochTable
from tui.widgets.events import EventLog
from tui.widgets.exhibition import Exhibition
from tui.widgets.panel import Panel
from tui.widgets.sparkline import Sparklines
from tui.widgets.tab_line import TabLine
from tui.widgets.tiles import Tiles
from tui.widgets.tree_table import TreeTable

TABS: Final = (
    ("game", "Game"), ("games", "Games"), ("elo", "Elo"), ("tree", "Tree"), ("training", "Training"),
    ("events", "Events"),
)  # fmt: skip
IMITATION_TABS: Final = (("epochs", "Epochs"), ("tree", "Tree"), ("training", "Training"), ("events", "Events"))


class OverviewScreen(RunScreen):
    """Exhibition game, tiles, ratings, tree, training, events."""

    crumb = "overview"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket,h", "tab(-1)", "Previous panel", show=False),
        Binding("right_square_bracket", "tab(1)", "Next panel", show=False),
    ]
    DEFAULT_CSS = """
    OverviewScreen #page { grid-size: 40; grid-gutter: 0; grid-rows: 5fr 3fr 4; }
    OverviewScreen TabLine { display: none; }
    OverviewScreen #game { column-span: 22; }
    OverviewScreen #games { column-span: 18; }
    OverviewScreen #elo { column-span: 12; }
    OverviewScreen #tree { column-span: 18; }
    OverviewScreen #training { column-span: 10; }
    OverviewScreen #events { column-span: 40; }
    OverviewScreen.-normal.-tall #page, OverviewScreen.-normal.-medium #page { grid-rows: 5fr 4fr 6; }

    /* 160 columns and more: the events stand at the right. */
    OverviewScreen.-wide {
        #page { grid-rows: 3fr 2fr; }
        #game { column-span: 17; }
        #games { column-span: 13; }
        #elo { column-span: 10; }
        #tree { column-span: 17; }
        #training { column-span: 10; }
        #events { column-span: 13; }
    }

    /* 80 to 109 columns: the tiles have a screen of their own (2). */
    OverviewScreen.-narrow {
        #page { grid-rows: 1fr 7 3; }
        #games { display: none; }
        #game { column-span: 24; }
        #elo { column-span: 16; }
        #tree { column-span: 24; }
        #training { column-span: 16; }
    }
    OverviewScreen.-narrow.-medium #page, OverviewScreen.-narrow.-tall #page { grid-rows: 4fr 3fr 6; }

    /* A match on a console: its figures in place of tiles and ratings. */
    OverviewScreen #console { display: none; }
    OverviewScreen.-match {
        #games, #elo { display: none; }
        #console { display: block; column-span: 18; }
        #tree { column-span: 24; }
        #training { column-span: 16; }
    }
    OverviewScreen.-match.-wide {
        #console { column-span: 23; }
        #tree { column-span: 17; }
        #training { column-span: 10; }
    }
    OverviewScreen.-match.-narrow #console { column-span: 16; }
    /* An imitation plays no games: its epochs stand where these would. */
    OverviewScreen #epochs { display: none; column-span: 20; }
    OverviewScreen.-imitation {
        #epochs { display: block; }
        #game, #games, #elo { display: none; }
        #tree { column-span: 20; }
        #training { column-span: 40; }
    }
    OverviewScreen.-imitation.-wide #training { column-span: 27; }

    /* Below 80 columns: one panel at a time. */
    OverviewScreen.-tabs {
        TabLine { display: block; }
        #page { grid-size: 1; grid-rows: 1fr; }
        #page Panel { display: none; column-span: 1; }
        #page Panel.-current { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._tab = 0
        self._tabs: tuple[tuple[str, str], ...] = TABS

    def body(self) -> Iterable[Widget]:
        yield TabLine(TABS)
        with_empty = Exhibition(id="game", empty="No games yet: they appear when the rollout worker is ready.")
        yield Grid(
            EpochTable(id="epochs"), with_empty, Tiles(id="games"), ConsolePanel(id="console"), EloTable(id="elo"),
            TreeTable(id="tree"),
            Sparklines(id="training"), EventLog(id="events"), id="page", classes="page",
        )  # fmt: skip

    def on_mount(self) -> None:
        super().on_mount()
        self._turn_to(0)
        self.query_one(Exhibition).focus()

    def fill(self, view: View) -> None:
        overview = view.overview
        match = view.status.match if view.status else None
        self.set_class(match is not None, "-match")
        self.query_one(ConsolePanel).show_match(match)
        imitation = overview.status.imitation if overview else None
        if (imitation is not None) != self.has_class("-imitation"):
            self.set_class(imitation is not None, "-imitation")
            self._tabs = TABS if imitation is None else IMITATION_TABS
            self.query_one(TabLine).show_tabs(self._tabs)
            self._turn_to(0)
        self.query_one(EpochTable).show_imitation(imitation)
        self.query_one(Exhibition).empty = waiting_words(view)
        self.query_one(Tiles).show_games(overview.games if overview else ())
        self.query_one(EloTable).show_ratings(
            overview.ratings if overview else (), overview.status.population if overview else 0
        )
        self.query_one(TreeTable).show_tree(view.tree, view.rates)
        self.query_one(Sparklines).show_series(
            overview.series if overview else (),
            overview.status.shares if overview and match is None else None,
            learning_from_replays=imitation is not None,
        )
        self.query_one(EventLog).show_events(view.events)
        self.show_exhibition(view.exhibition)

    def show_exhibition(self, game: GameSample | None) -> None:
        self.query_one(Exhibition).show_game(game)

    def selected_actor(self) -> str | None:
        return self.query_one(TreeTable).key

    def action_tab(self, by: int) -> None:
        """Under 80 columns: show another panel."""
        self._turn_to(self._tab + by)

    def on_tab_line_chosen(self, message: TabLine.Chosen) -> None:
        self._turn_to(message.index)

    def _turn_to(self, index: int) -> None:
        self._tab = index % len(self._tabs)
        self.query_one(TabLine).show_current(self._tab)
        shown = self._tabs[self._tab][0]
        for panel in self.query_one("#page").query(Panel):
            panel.set_class(panel.id == shown, "-current")
            if panel.id == shown and self.has_class("-tabs"):
                panel.focus()


def waiting_words(view: View) -> str:
    """What the large panel says while there is no game to draw."""
    status = view.status
    if status is None:
        return "Connecting to the daemon."
    if status.state == "starting":
        return f"Starting: {status.message}" if status.message else "Starting the supervision tree."
    if status.state in ("ended", "failed"):
        return f"The run {status.state}. {status.message}"
    if status.match is not None:
        return f"{status.match.console}: {status.match.phase}."
    return status.message or "No exhibition game yet: it starts when two policies are ready."
