"""The keys of the moment in the last line: as many as fit, the least important gone first; a click presses one."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from textual import events
from textual.binding import Binding
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from tui.glyphs import plain
from tui.look import look_of
from tui.table import Line

# Order in the line, and which go first where space is short (the highest number). Others stand before these.
_RANKS: Final = {
    "choose": (0, 1), "filter": (1, 5), "sort": (2, 6), "go": (3, 2), "toggle_run": (4, 4), "restart_actor": (5, 4),
    "checkpoint": (6, 7), "keys": (7, 1), "detach": (8, 3), "quit": (9, 1), "command_palette": (10, 3),
}  # fmt: skip


def key_parts(bindings: list[Binding], width: int, display: dict[str, str]) -> list[tuple[str, str, str]]:
    """Key to press, what it is called and what it does, for the bindings that fit ``width`` cells."""
    ranked = [
        (*_RANKS.get(binding.action.partition("(")[0].rpartition(".")[2], (0, 2)), number, binding)
        for number, binding in enumerate(bindings)
        if binding.show
    ]
    ranked.sort(key=lambda item: (item[0], item[2]))

    def size(binding: Binding) -> int:
        return cell_len(display[binding.key]) + cell_len(binding.description) + 3

    while ranked and sum(size(item[3]) for item in ranked) > width:
        ranked.remove(max(ranked, key=lambda item: (item[1], item[0])))
    return [(binding.key, display[binding.key], binding.description) for *_, binding in ranked]


class KeyLine(Widget):
    """Stands at the foot of every screen."""

    DEFAULT_CSS = """
    KeyLine { height: 1; dock: bottom; background: $background; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[tuple[str, str, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_resize(self) -> None:
        self._changed(self.screen)

    def _changed(self, screen: Screen[object]) -> None:
        if screen is not self.screen:
            return
        active = [entry for entry in screen.active_bindings.values() if entry.enabled]
        bindings = [entry.binding for entry in active]
        display = {binding.key: self.app.get_key_display(binding) for binding in bindings}
        self._parts = key_parts(bindings, self.size.width, display)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        look = look_of(self)
        clean = str if look.glyphs.braille else plain
        line: Line = []
        for _, key, words in self._parts:
            line += [(f" {clean(key)}", "notice"), (f" {words} ", "dim")]
        return look.strip(line, self.size.width)

    async def on_click(self, event: events.Click) -> None:
        start = 0
        for key, shown, words in self._parts:
            start += cell_len(shown) + cell_len(words) + 3
            if event.x < start:
                self.app.simulate_key(key)
                return
