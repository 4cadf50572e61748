"""The game that is drawn large: stage, both fighters with trails, and what stands in the corners of Melee's screen.

Only rows that changed since the last frame are drawn again, so that 60 frames a second stay cheap and calm.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message

from exphil_rt.game.ids import character_name, stage_name
from exphil_rt.messages.telemetry import GameSample, PlayerSample
from tui.palette import heat_name
from tui.raster import Raster
from tui.scene import ASCII_MARKS, INKS, Camera, aim, draw_scene, ease
from tui.stages import stage_shape
from tui.table import Line, crop, line_width
from tui.widgets.panel import Panel
from tui.words import fit, fit_name, game_clock, state_name, stocks

TRAIL: Final = 18
"""Positions kept for a trail."""

BIG_FROM: Final = 17
"""Rows of the panel from which on the percentages are written in large figures."""

_BIG: Final = {
    "0": ("╭─╮", "│ │", "╰─╯"), "1": (" ╮ ", " │ ", "╶┴╴"), "2": ("╶─╮", "╭─╯", "╰─╴"), "3": ("╶─╮", " ─┤", "╶─╯"),
    "4": ("╷ ╷", "╰─┤", "  ╵"), "5": ("╭─╴", "╰─╮", "╶─╯"), "6": ("╭─╴", "├─╮", "╰─╯"), "7": ("╶─┐", "  │", "  ╵"),
    "8": ("╭─╮", "├─┤", "╰─╯"), "9": ("╭─╮", "╰─┤", "╶─╯"),
}  # fmt: skip


class Exhibition(Panel):
    """Draws one GameSample large; ``show_game`` may be called 60 times a second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Open", key_display="enter"),
        Binding("z", "zoom", "Zoom", show=False),
    ]

    class Chosen(Message):
        """Enter on the game."""

        def __init__(self, slot: int) -> None:
            self.slot = slot
            super().__init__()

    def __init__(self, *, id: str | None = None, empty: str = "No games yet.") -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.empty = empty
        """What to say while there is no game."""
        self.opens = True
        """Whether enter opens the game's page; not there already."""
        self.whole = False
        """Whether all up to the blast zones is shown."""
        self._game: GameSample | None = None
        self._camera: Camera | None = None
        self._trails: tuple[deque[tuple[float, float]], ...] = (deque(maxlen=TRAIL), deque(maxlen=TRAIL))
        self._drawn: list[Line] = []

    @property
    def camera(self) -> Camera | None:
        """Where the camera stands now."""
        return self._camera

    @property
    def hud_rows(self) -> int:
        """Rows below the stage."""
        if self.size.height < 6:
            return 1
        return 3 if self.size.height >= BIG_FROM and self.look.glyphs.braille else 2

    def show_game(self, game: GameSample | None, *, name: str = "Exhibition") -> None:
        """Draw ``game``; None empties the panel."""
        old = self._game
        if game is None:
            self._game, self._camera, self._drawn = None, None, []
            self.entitle(name)
            self.refresh()
            return
        if old is None or old.game_id != game.game_id or old.stage != game.stage:
            self._camera = None
            for trail in self._trails:
                trail.clear()
        for trail, player in zip(self._trails, game.players, strict=True):
            if not player.exists or player.state <= 11:
                trail.clear()
            elif old is None or old.frame != game.frame:
                trail.append((player.x, player.y))
        self._game = game
        self.entitle(f"{name}  {stage_name(game.stage)}  {game_clock(game.frame)}", f"game {game.game_id}")
        self.redraw()

    def redraw(self) -> None:
        """Draw the game again and mark the rows that differ."""
        width, height = self.size
        if self._game is None or width <= 0 or height <= 0:
            return
        drawn = self._draw(self._game, width, height)
        if len(drawn) != len(self._drawn):
            self._drawn = drawn
            self.refresh()
            return
        dirty = [
            Region(0, y, width, 1) for y, (new, now) in enumerate(zip(drawn, self._drawn, strict=True)) if new != now
        ]
        self._drawn = drawn
        if dirty:
            self.refresh(*dirty)

    def line_at(self, y: int, width: int) -> tuple[Line, Style | None]:
        if self._game is None:
            return self.centered(y, self.empty), None
        return (self._drawn[y] if y < len(self._drawn) else []), None

    def on_resize(self) -> None:
        self._camera = None
        self._drawn = []
        self.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter has a meaning only where it leads somewhere."""
        return self.opens if action == "choose" else True

    def action_choose(self) -> None:
        """Open the game's page."""
        if self._game is not None:
            self.post_message(self.Chosen(self._game.slot))

    def action_zoom(self) -> None:
        """Change between the near view and all up to the blast zones."""
        self.whole = not self.whole
        self._camera = None
        self.redraw()

    def _draw(self, game: GameSample, width: int, height: int) -> list[Line]:
        hud = self.hud_rows
        glyphs = self.look.glyphs
        raster = Raster(width, max(1, height - hud), braille=glyphs.braille, ascii_marks=ASCII_MARKS)
        goal = aim(stage_shape(game.stage), game.players, raster.width, raster.height, whole=self.whole)
        self._camera = ease(self._camera, goal)
        draw_scene(raster, game, self._camera, glyphs, self._trails)
        lines: list[Line] = [[(text, INKS[ink]) for text, ink in raster.runs(row)] for row in range(raster.rows)]
        return lines + self._hud(game, width, hud)

    def _hud(self, game: GameSample, width: int, rows: int) -> list[Line]:
        half = width // 2
        sides = [self._corner(game.players[index], index, half, rows) for index in (0, 1)]
        return [
            [*left, (" " * (half - line_width(left)), "text"), *right]
            for left, right in zip(*sides, strict=True)
        ]  # fmt: skip

    def _corner(self, player: PlayerSample, index: int, width: int, rows: int) -> list[Line]:
        glyphs = self.look.glyphs
        ink = ("p1", "p2")[index]
        heat = heat_name(player.percent)
        percent = f"{player.percent:.0f}"
        name = character_name(player.character)
        lives = stocks(player.stocks, glyphs)
        doing = state_name(player.state)
        if rows == 1:
            line: Line = [(f"{index + 1} ", ink), (f"{percent:>3}% ", heat), (lives, ink), (f" {name}", "dim")]
            return [crop(line, width)]
        if rows == 2:
            top: Line = [
                (f" {index + 1} ", ink), (fit(name, width - 16, glyphs), "bold"),
                (f"  {percent}%", heat), ("  " + lives, ink),
            ]  # fmt: skip
            room = max(6, width - len(doing) - 6)
            under: Line = [("   ", "text"), (fit_name(player.policy, room, glyphs), "dim"), (f"  {doing}", "faint")]
            return [crop(top, width), crop(under, width)]
        figures = [_BIG[digit] for digit in percent[-3:]]
        blocks = ["".join(figure[row] for figure in figures) for row in range(3)]
        lead = " " * (10 - len(blocks[0]))
        room = width - 16
        beside: list[Line] = [
            [("%  ", heat), (f"{index + 1} ", ink), (fit(name, room - 6, glyphs), "bold"), ("  " + lives, ink)],
            [("   ", heat), (fit_name(player.policy, room, glyphs), "text")],
            [("   ", heat), (fit(doing, room, glyphs), "dim")],
        ]
        return [crop([(lead + blocks[row], heat), *beside[row]], width) for row in range(3)]
