"""The terminal client: a Textual app over one connection to a run's daemon.

It owns the View and the connection, hands structs to the screens, and says commands for the person. What things look
like is in ``screens`` and ``widgets``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, SearchIcon
from textual.screen import Screen
from textual.widget import Widget

from exphil_rt.control.framing import ControlError
from exphil_rt.control.wire import (
    ActorReply,
    Answer,
    Checkpoint,
    Command,
    Done,
    EventsUpdate,
    ExhibitionUpdate,
    GetActor,
    Hello,
    HotSwap,
    OverviewReply,
    Pause,
    Refused,
    RestartActor,
    Resume,
    Stop,
    Update,
)
from exphil_rt.messages.telemetry import MatchStatus, Overview
from tui.glyphs import ASCII, UNICODE, plain
from tui.keys import key_lines
from tui.link import BACKOFF_S, EXHIBITION_HZ, REFRESH_HZ, Link
from tui.look import Look
from tui.palette import Palette
from tui.screens.actor import ActorScreen
from tui.screens.base import RunScreen
from tui.screens.dialogs import ConfirmScreen, KeysScreen, QuitScreen
from tui.screens.events import EventsScreen, event_report
from tui.screens.game import GameScreen
from tui.screens.games import GamesScreen
from tui.screens.overview import OverviewScreen
from tui.screens.policies import PoliciesScreen
from tui.screens.report import ReportScreen
from tui.screens.swap import SwapScreen
from tui.screens.training import TrainingScreen
from tui.screens.tree import TreeScreen
from tui.theme import MIDNIGHT, VARIABLES
from tui.verbs import verbs
from tui.view import View
from tui.widgets.events import EventLog
from tui.widgets.exhibition import Exhibition
from tui.widgets.rows import Rows
from tui.widgets.tiles import Tiles
from tui.widgets.tree_table import TreeTable

Outcome = Literal["detached", "kept", "stopped"]
"""How a person left: ``kept`` and ``stopped`` answer what becomes of a daemon that this client started."""

CHANGING: Final = frozenset({"toggle_run", "restart_actor", "hot_swap", "checkpoint"})
ACTOR_S: Final = 1.0
SWAP_S: Final = 30.0
STOP_S: Final = 60.0
"""How long a stop may take before the client leaves anyway."""


class ExphilApp(App[Outcome]):
    """The client.

    Args:
        socket_path: the daemon's control socket.
        owns_daemon: whether this client started the daemon, so that quitting asks what becomes of it.
        readonly: hide and refuse everything that changes the run.
        ascii_only: draw with ASCII characters alone.
        theme: a Textual theme's name; empty for the client's own.
        backoff: seconds between attempts to connect.
        refresh_hz: times a second, at most, that the overview is sent and drawn.
        exhibition_hz: times a second, at most, that the exhibition game is.
    """

    TITLE = "exphil_rt"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - the base declares an instance variable
        (0, "-tabs"), (80, "-narrow"), (110, "-normal"), (160, "-wide"),
    ]  # fmt: skip
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-medium"), (44, "-tall")]  # noqa: RUF012 - the base declares an instance variable
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "overview": OverviewScreen, "games": GamesScreen, "tree": TreeScreen, "training": TrainingScreen,
        "policies": PoliciesScreen, "events": EventsScreen,
    }  # fmt: skip
    COMMAND_PALETTE_DISPLAY = "^p"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "go('overview')", "Screens", key_display="1-6"),
        Binding("2", "go('games')", "Games", show=False),
        Binding("3", "go('tree')", "Tree", show=False),
        Binding("4", "go('training')", "Training", show=False),
        Binding("5", "go('policies')", "Policies", show=False),
        Binding("6", "go('events')", "Events", show=False),
        Binding("question_mark", "keys", "Keys", key_display="?"),
        Binding("f1", "keys", "Keys", show=False),
        Binding("P", "toggle_run", "Pause", key_display="P"),
        Binding("R", "restart_actor", "Restart", key_display="R"),
        Binding("W", "hot_swap", "Hot-swap", key_display="W"),
        Binding("C", "checkpoint", "Save", key_display="C"),
        Binding("d", "detach", "Detach"),
        Binding("ctrl+p", "command_palette", "Palette", key_display="^p"),
        Binding("ctrl+q", "quit", "Quit", key_display="^q", priority=True),
        Binding("p", "freeze", "Pause view", show=False),
        Binding("l", "events_of", "Events of selection", show=False),
        Binding("y", "copy_report", "Copy", show=False),
        Binding("f12", "picture", "Screenshot", show=False),
        Binding("colon", "command_palette", "Palette", show=False),
    ]
    CSS = """
    ExphilApp.-ascii Toast { border-left: ascii $warning; border-right: none; }
    ExphilApp.-ascii CommandPalette #--container { border: ascii $panel-edge; }
    ExphilApp.-ascii CommandPalette #--input, ExphilApp.-ascii CommandPalette #--results { border: none; }
    ExphilApp.-ascii * { scrollbar-size: 0 0; }
    """

    def __init__(
        self,
        socket_path: str | Path,
        owns_daemon: bool = False,
        readonly: bool = False,
        *,
        ascii_only: bool = False,
        theme: str = "",
        backoff: tuple[float, ...] = BACKOFF_S,
        refresh_hz: float = REFRESH_HZ,
        exhibition_hz: float = EXHIBITION_HZ,
    ) -> None:
        super().__init__()
        self.view = View()
        self.view.readonly = readonly
        self.link = Link(
            Path(socket_path),
            self,
            readonly=readonly,
            backoff=backoff,
            refresh_hz=refresh_hz,
            exhibition_hz=exhibition_hz,
        )
        self._owns_daemon = owns_daemon
        self._theme_name = theme or MIDNIGHT.name
        self._leaving = False
        """Whether the daemon was told to stop."""
        self._left = False
        """Whether the app is ending: its widgets may be gone already."""
        self._held: Overview | None = None
        self.register_theme(MIDNIGHT)
        self.look = Look(ASCII if ascii_only else UNICODE, Palette(self.get_css_variables()))

    # -- start, themes

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(VARIABLES)

    async def on_mount(self) -> None:
        self.set_class(not self.look.glyphs.braille, "-ascii")
        self.theme = self._theme_name if self._theme_name in self.available_themes else MIDNIGHT.name
        self.theme_changed_signal.subscribe(self, lambda _theme: self._repaint())
        await self.switch_mode("overview")
        self._repaint()
        self.run_worker(self.link.run(), group="link")
        self.set_interval(ACTOR_S, self._ask_actor)

    def _repaint(self) -> None:
        """Compute the palette anew and draw everything with it."""
        self.look.palette = Palette(self.theme_variables, stale=self.view.stale)
        for screen in self.screen_stack:
            for widget in screen.query(Widget):
                widget.refresh()

    # -- what the connection says

    def link_up(self, hello: Hello) -> None:
        self._set_link("connected", "")
        self.sub_title = hello.run

    def link_down(self, reason: str, retry_s: float) -> None:
        self.view.retry_s = retry_s
        status = self.view.status
        if self._leaving:
            self.exit("stopped")
        elif status is None:
            self._set_link("connecting", f"{reason} Next attempt in {max(1, round(retry_s))} s.")
        elif status.state in ("ended", "failed", "stopping"):
            self._set_link("ended", reason)
        else:
            self._set_link("lost", reason)

    def link_update(self, update: Update) -> None:
        if self._left:
            return
        match update:
            case ExhibitionUpdate(game):
                if not self.view.frozen:
                    self.view.exhibition = game
                    screen = self._run_screen()
                    if screen is not None and screen.is_mounted and self.screen is screen:
                        screen.show_exhibition(game)
            case OverviewReply(overview):
                if self.view.frozen:
                    self._held = overview
                else:
                    self.view.take(overview, time.monotonic())
                    self._show()
            case EventsUpdate(events):
                self.view.add_events(events)

    def _set_link(self, state: Literal["connecting", "connected", "lost", "ended"], text: str) -> None:
        before = self.view.stale
        self.view.link, self.view.link_text = state, text
        if self.view.stale != before:
            self._repaint()
        self._show()

    @property
    def _match(self) -> MatchStatus | None:
        """Of a match on a console."""
        return self.view.status.match if self.view.status is not None else None

    def _run_screen(self) -> RunScreen | None:
        """The page that is seen, also below a question; none while the client ends and takes its pages down."""
        if not self.is_running:
            return None
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, RunScreen)), None)

    def _show(self) -> None:
        screen = self._run_screen()
        if screen is not None and not self._left:
            screen.show_view(self.view)

    def show_on(self, screen: RunScreen) -> None:
        """A page has come up: give it what there is, unless it was left at once."""
        if self.is_running and screen in self.screen_stack:
            screen.show_view(self.view)

    # -- commands to the daemon

    async def _say(self, command: Command, timeout: float = 10.0) -> Answer | None:
        """Say a command and tell the person what came of it; None when the daemon is lost."""
        try:
            answer = await self.link.request(command, timeout)
        except ControlError as error:
            self._tell(str(error), "error")
            return None
        match answer:
            case Done(text):
                self._tell(text or "Done.", "information")
            case Refused(message, hint):
                self._tell(f"{message} {hint}".strip(), "error")
        return answer

    def _tell(self, text: str, severity: Literal["information", "warning", "error"]) -> None:
        self.notify(text if self.look.glyphs.braille else plain(text), severity=severity, markup=False)

    async def _ask_actor(self) -> None:
        screen = self._run_screen()
        if not isinstance(screen, ActorScreen) or self.view.link != "connected" or self.view.frozen:
            return
        try:
            answer = await self.link.request(GetActor(screen.path), ACTOR_S * 5)
        except ControlError as error:
            screen.show_report(None, str(error))
        else:
            match answer:
                case ActorReply(report):
                    screen.show_report(report)
                case Refused(message, hint):
                    screen.show_report(None, f"{message} {hint}".strip())
        if screen.is_mounted:
            screen.show_view(self.view)

    # -- keys that look

    async def action_go(self, mode: str) -> None:
        """Go to one of the numbered screens."""
        if self.current_mode == mode:
            while len(self.screen_stack) > 1:
                await self.pop_screen()
        else:
            await self.switch_mode(mode)
        self._show()

    def action_keys(self) -> None:
        """Show all keys."""
        self.push_screen(KeysScreen("Keys", key_lines(readonly=self.view.readonly)))

    def action_freeze(self) -> None:
        """Hold the view still, or let it go on with what has come since."""
        self.view.frozen = not self.view.frozen
        if not self.view.frozen and self._held is not None:
            self.view.take(self._held, time.monotonic())
            self._held = None
        self._show()

    async def action_events_of(self) -> None:
        """Go to the events of what is selected."""
        screen = self._run_screen()
        wanted = screen.wanted_events() if screen is not None else ""
        await self.action_go("events")
        if wanted and isinstance(self.screen, EventsScreen):
            self.screen.filter_by(wanted)

    def action_copy_report(self) -> None:
        """Copy a text about the selection."""
        screen = self._run_screen()
        text = screen.report(self.view) if screen is not None else ""
        if text:
            self.copy_to_clipboard(text)
            self._tell(f"Copied {len(text)} characters.", "information")

    def action_picture(self) -> None:
        """Save the screen as SVG in the current folder."""
        try:
            path = self.save_screenshot(path=".")
        except OSError as error:
            self._tell(f"The picture could not be saved: {error.strerror or error}.", "error")
        else:
            self._tell(f"Saved {path}.", "information")

    def inspect_actor(self, path: str) -> None:
        """Open an actor's page."""
        self.push_screen(ActorScreen(path))
        self.call_later(self._ask_actor)

    def inspect_game(self, slot: int, *, live: bool = False) -> None:
        """Open a game's page."""
        self.push_screen(GameScreen(slot, live=live))

    def on_rows_chosen(self, message: Rows.Chosen) -> None:
        if isinstance(message.rows, TreeTable):
            self.inspect_actor(message.key)
        elif isinstance(message.rows, EventLog):
            found = next((event for event in self.view.events if str(event.seq) == message.key), None)
            if found is not None:
                self.push_screen(ReportScreen(f"Event {found.seq}", event_report(found)))

    def on_tiles_chosen(self, message: Tiles.Chosen) -> None:
        self.inspect_game(message.slot)

    def on_exhibition_chosen(self, message: Exhibition.Chosen) -> None:
        if not isinstance(self.screen, GameScreen):
            self.inspect_game(message.slot, live=True)

    # -- keys that change

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what a read-only client may not do, and what the run has nothing for."""
        status = self.view.status
        if action == "hot_swap" and status is not None and status.imitation is not None:
            return False
        return not (self.view.readonly and action in CHANGING)

    def action_toggle_run(self) -> None:
        """Pause the run, or let it go on."""
        status = self.view.status
        paused = status is not None and status.state == "paused"
        self.run_worker(self._say(Resume() if paused else Pause()), group="command")

    def action_checkpoint(self) -> None:
        """Write the learner's state and publish the newest policy."""
        self.run_worker(self._say(Checkpoint(), STOP_S), group="command")

    def action_restart_actor(self, path: str | None = None) -> None:
        """Restart the selected actor, after a question."""
        screen = self._run_screen()
        target = path or (screen.selected_actor() if screen is not None else None)
        if target is None:
            self._tell("Select an actor first: 3 shows the tree.", "warning")
            return
        node = self.view.node(target)
        children = sum(one.path.startswith(target + "/") for one in self.view.tree)
        below = f" and the {children} actors below it" if children else ""
        kind = node.kind if node else "actor"

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.run_worker(self._say(RestartActor(target)), group="command")

        self.push_screen(ConfirmScreen(f"Restart the {kind} {target}{below}?", "Restart"), answered)

    def action_hot_swap(self) -> None:
        """Ask which policy goes into which agent; the game that is shown is proposed."""
        screen = self.screen
        target = f"{screen.slot}:1" if isinstance(screen, GameScreen) and not screen.live else "exhibition:1"
        if (match := self._match) is not None and match.bots:
            target = f"console:{match.bots[0] + 1}"
        names = [rating.policy for rating in self.view.overview.ratings] if self.view.overview else []

        def answered(swap: HotSwap | None) -> None:
            if swap is not None:
                self.run_worker(self._say(swap, SWAP_S), group="command")

        self.push_screen(SwapScreen(target, names), answered)

    # -- leaving

    def exit(self, result: Outcome | None = None, *args: Any, **options: Any) -> None:
        """End the app; what still arrives is not shown any more."""
        self._left = True
        super().exit(result, *args, **options)

    def action_detach(self) -> None:
        """Leave; the run goes on."""
        self.exit("detached")

    async def action_quit(self) -> None:
        """Leave; ask first what becomes of a daemon that this client started."""
        if not self._owns_daemon or self.view.link == "ended" or self._leaving:
            self.exit("detached")
            return
        if isinstance(self.screen, QuitScreen):
            return

        def answered(answer: str | None) -> None:
            if answer == "keep":
                self.exit("kept")
            elif answer == "stop":
                self.run_worker(self._stop(), group="command")

        self.push_screen(QuitScreen(self._match is not None), answered)

    async def _stop(self) -> None:
        self._leaving = True
        doing = "Ending the match." if self._match is not None else "Writing a checkpoint and stopping."
        self._tell(f"{doing} ctrl+q leaves at once.", "information")
        answer = await self._say(Stop(), STOP_S)
        if isinstance(answer, Refused):
            self._leaving = False
            return
        # The end of the connection is the end of the daemon; link_down leaves then.
        self.set_timer(STOP_S if answer is not None else 0.5, lambda: self.exit("stopped"))

    # -- the palette

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every verb, by name."""
        return verbs(self)

    def on_command_palette_opened(self, _message: CommandPalette.Opened) -> None:
        if not self.look.glyphs.braille:
            self.screen.query_one(SearchIcon).icon = ">"


def run_app(
    socket_path: str | Path,
    owns_daemon: bool = False,
    readonly: bool = False,
    *,
    ascii_only: bool = False,
    theme: str = "",
    refresh_hz: float = REFRESH_HZ,
    exhibition_hz: float = EXHIBITION_HZ,
) -> Outcome:
    """Run the client in this terminal until the person leaves.

    Args:
        socket_path: the daemon's control socket; it need not exist yet.
        owns_daemon: ask at the end whether the daemon is to be stopped.
        readonly: look only.
        ascii_only: draw with ASCII characters alone. ``NO_COLOR`` in the environment is respected besides.
        theme: a Textual theme's name; empty for the client's own.
        refresh_hz: times a second, at most, that the overview is sent and drawn.
        exhibition_hz: times a second, at most, that the exhibition game is; lower it over a slow line.

    Returns:
        ``stopped`` when the daemon was told to stop, ``kept`` when it was asked to go on, else ``detached``.
    """
    app = ExphilApp(
        socket_path,
        owns_daemon,
        readonly,
        ascii_only=ascii_only,
        theme=theme,
        refresh_hz=refresh_hz,
        exhibition_hz=exhibition_hz,
    )
    return app.run() or "detached"


__all__ = ("ExphilApp", "Outcome", "run_app")
