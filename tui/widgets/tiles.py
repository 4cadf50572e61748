"""All games at once: a grid of small tiles, each with its stage, both fighters, percent, stocks and time."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from exphil_rt.game.ids import character_name
from exphil_rt.messages.telemetry import GameSample
from tui.palette import heat_name
from tui.raster import Raster
from tui.scene import ASCII_MARKS, INKS, draw_small
from tui.table import Line, crop, line_width
from tui.widgets.panel import Panel
from tui.words import fit, fit_name, game_clock, stage_short, stocks

LEAST_WIDTH: Final = 11
LEAST_HEIGHT: Final = 2


def grid(count: int, width: int, height: int) -> tuple[int, int, int, int]:
    """Columns, rows, tile width and tile height that show ``count`` tiles best in ``width`` x ``height`` cells.

    Tiles have one cell between them. When not all fit, as many as do.
    """
    most = max(1, (width + 1) // (LEAST_WIDTH + 1))
    best: tuple[float, tuple[int, int, int, int]] | None = None
    for columns in range(1, most + 1):
        rows = -(-count // columns)
        tile_width = (width + 1) // columns - 1
        tile_height = height // max(1, rows)
        if tile_height < LEAST_HEIGHT:
            continue
        shape = (columns, rows, tile_width, min(tile_height, 3 + tile_width // 4))
        covered = count * tile_width * shape[3] / max(1, width * height)
        score = min(tile_width / 2.6, float(shape[3])) * covered
        if best is None or score > best[0]:
            best = (score, shape)
    if best is not None:
        return best[1]
    return most, max(1, height // LEAST_HEIGHT), (width + 1) // most - 1, min(LEAST_HEIGHT, max(1, height))


class Tiles(Panel):
    """The latest state of every game; arrows move, enter opens one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Left", show=False),
        Binding("right", "move(1)", "Right", show=False),
        Binding("up,k", "row(-1)", "Up", show=False),
        Binding("down,j", "row(1)", "Down", show=False),
        Binding("enter", "choose", "Open", key_display="enter"),
    ]

    class Chosen(Message):
        """Enter or a double click on a tile."""

        def __init__(self, slot: int) -> None:
            self.slot = slot
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.empty = "No games yet: the run is starting."
        """What it says while there is none."""
        self._games: tuple[GameSample, ...] = ()
        self._cursor = 0
        self._tiles: list[list[Line]] = []
        self._shape = (1, 1, LEAST_WIDTH, LEAST_HEIGHT)

    @property
    def slot(self) -> int | None:
        """Slot of the game under the cursor."""
        return self._games[self._cursor].slot if self._games else None

    def show_games(self, games: tuple[GameSample, ...]) -> None:
        """Show ``games``, in the order of their slots."""
        self._games = tuple(sorted(games, key=lambda game: game.slot))
        self._cursor = min(self._cursor, max(0, len(games) - 1))
        rated = sum(game.kind == "rated" for game in games)
        self.entitle(f"Games  {len(games)} live{f', {rated} rated' if rated else ''}")
        self.redraw()

    def redraw(self) -> None:
        """Lay the tiles out and draw them."""
        width, height = self.size
        if width <= 0 or height <= 0:
            return
        self._shape = grid(max(1, len(self._games)), width, height)
        columns, rows, tile_width, tile_height = self._shape
        shown = self._games[: columns * rows]
        self._tiles = [self._tile(game, tile_width, tile_height) for game in shown]
        hidden = len(self._games) - len(shown)
        self.entitle(self._shown_title, f"+{hidden} more: press 2" if hidden else "")
        self.refresh()

    def line_at(self, y: int, width: int) -> tuple[Line, Style | None]:
        if not self._games:
            return self.centered(y, self.empty), None
        columns, _, tile_width, tile_height = self._shape
        row, inner = divmod(y, tile_height)
        line: Line = []
        for column in range(columns):
            index = row * columns + column
            if index >= len(self._tiles):
                break
            if column:
                line.append((" ", "text"))
            tile = self._tiles[index][inner]
            if index == self._cursor and self.has_focus and inner == 0:
                tile = [(text, "accent") for text, _ in tile]
            line += tile
            line.append((" " * (tile_width - line_width(tile)), "text"))
        return line, None

    def on_resize(self) -> None:
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        columns, _, tile_width, tile_height = self._shape
        column = (event.x - self.gutter.left) // (tile_width + 1)
        index = (event.y - self.gutter.top) // tile_height * columns + column
        if 0 <= index < len(self._tiles) and 0 <= column < columns:
            self._cursor = index
            self.refresh()
            if event.chain > 1:
                self.action_choose()

    def action_move(self, by: int) -> None:
        """Go to another tile."""
        self._cursor = min(max(0, self._cursor + by), max(0, len(self._tiles) - 1))
        self.refresh()

    def action_row(self, by: int) -> None:
        """Go to another row of tiles."""
        self.action_move(by * self._shape[0])

    def action_choose(self) -> None:
        """Open the game's page."""
        if self.slot is not None:
            self.post_message(self.Chosen(self.slot))

    def _tile(self, game: GameSample, width: int, height: int) -> list[Line]:
        glyphs = self.look.glyphs
        head = f"{game.slot} {stage_short(game.stage)} {game_clock(game.frame)} "
        kind = {"rated": "rated ", "exhibition": "shown "}.get(game.kind, "")
        head = fit(head + kind if len(head + kind) <= width else head, width, glyphs)
        rule = glyphs.rule * (width - len(head))
        lines: list[Line] = [[(head, "head" if game.kind == "training" else "accent"), (rule, "ghost")]]
        names = width >= 20 and height >= 6
        drawn = height - 2 - (1 if names else 0)
        if drawn > 0:
            raster = Raster(width, drawn, braille=glyphs.braille, ascii_marks=ASCII_MARKS)
            draw_small(raster, game)
            lines += [[(text, INKS[ink]) for text, ink in raster.runs(row)] for row in range(drawn)]
        half = width // 2
        if names:
            lines.append(self._pair([[(fit_name(p.policy, half - 1, glyphs), "dim")] for p in game.players], width))
        lines.append(self._pair([self._score(game, index, half) for index in (0, 1)], width))
        return lines[:height]

    def _pair(self, sides: list[Line], width: int) -> Line:
        left, right = sides
        return [*left, (" " * max(0, width - line_width(left) - line_width(right)), "text"), *right]

    def _score(self, game: GameSample, index: int, width: int) -> Line:
        player = game.players[index]
        ink = ("p1", "p2")[index]
        percent = f"{min(999.0, player.percent):.0f}%"
        heat = heat_name(player.percent)
        if width < 9:
            return crop([(f"{percent:>4}", heat), (str(max(0, player.stocks)), ink)], width)
        line: Line = [(f"{percent:>4}", heat), (stocks(player.stocks, self.look.glyphs), ink)]
        room = width - line_width(line) - 2
        if room >= 3:
            line = [(fit(character_name(player.character), room, self.look.glyphs), ink), *line]
        return crop(line, width - 1)
