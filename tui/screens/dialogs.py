"""The questions: are you sure, what becomes of the daemon, and the list of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui.look import look_of
from tui.table import Line
from tui.widgets.text_page import TextPage

QuitChoice = Literal["stop", "keep", "cancel"]


class _Question(ModalScreen[str]):
    """Buttons in a row under a question; the first one has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer('cancel')", "Cancel"),
        Binding("left", "app.focus_previous", "Previous", show=False),
        Binding("right", "app.focus_next", "Next", show=False),
    ]
    DEFAULT_CSS = """
    _Question {
        align: center middle; background: $background 65%;
        #box {
            width: 62; max-width: 94%; height: auto; padding: 1 2; background: $surface; border: round $warning;
            &.-ascii { border: ascii $warning; }
        }
        #buttons { height: auto; margin-top: 1; align-horizontal: right; }
        Button { height: 1; min-width: 10; border: none; margin-left: 2; padding: 0 1; }
        Static { height: auto; }
    }
    """

    def __init__(self, question: str, answers: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self._question = question
        self._answers = answers
        for key, ident, _ in answers:
            if key:
                self._bindings.bind(key, f"answer('{ident}')", show=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._question, markup=False)
            with Horizontal(id="buttons"):
                for index, (_, ident, label) in enumerate(self._answers):
                    yield Button(label, id=ident, variant="primary" if index == 0 else "default", compact=True)

    def on_mount(self) -> None:
        self.query_one("#box").set_class(not look_of(self).glyphs.braille, "-ascii")
        self.query(Button).first().focus()

    def on_button_pressed(self, message: Button.Pressed) -> None:
        self.dismiss(message.button.id or "cancel")

    def action_answer(self, ident: str) -> None:
        """Answer by key."""
        self.dismiss(ident)


class ConfirmScreen(_Question):
    """Yes or no; the result is ``yes`` or ``cancel``."""

    def __init__(self, question: str, verb: str) -> None:
        super().__init__(question, [("y", "yes", verb), ("n", "cancel", "Cancel")])


class QuitScreen(_Question):
    """What becomes of a daemon that this client started; the result is a QuitChoice.

    Args:
        match: whether it holds a match on a console.
    """

    def __init__(self, match: bool = False) -> None:
        how = "End the match" if match else "Stop it with a checkpoint (the run can be resumed)"
        super().__init__(
            f"This window started the daemon.\n{how}, or keep it running?",
            [
                ("s", "stop", "End it" if match else "Checkpoint and stop"),
                ("k", "keep", "Keep running"),
                ("", "cancel", "Cancel"),
            ],
        )


class KeysScreen(ModalScreen[None]):
    """All keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "app.pop_screen", "Close")]
    DEFAULT_CSS = """
    KeysScreen { align: center middle; background: $background 65%; }
    KeysScreen TextPage { width: 66; max-width: 94%; height: 26; max-height: 92%; }
    """

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        yield TextPage()

    def on_mount(self) -> None:
        page = self.query_one(TextPage)
        page.focus()
        self.call_after_refresh(page.show_text, self._title, self._lines, "")
