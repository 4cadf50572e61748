"""The question which policy goes into which running agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from exphil_rt.control.wire import HotSwap
from tui.look import look_of


class SwapScreen(ModalScreen[HotSwap | None]):
    """Asks for the agent, then for the policy; the result is the command, or None.

    Args:
        target: the agent that is proposed.
        policies: names that the policy is completed from.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]
    DEFAULT_CSS = """
    SwapScreen {
        align: center middle; background: $background 65%;
        #box {
            width: 62; max-width: 94%; height: auto; padding: 1 2; background: $surface; border: round $warning;
            &.-ascii { border: ascii $warning; }
        }
        Static { height: auto; }
        Input { border: none; height: 1; padding: 0; background: $panel; margin-bottom: 1; }
    }
    """

    def __init__(self, target: str, policies: Sequence[str]) -> None:
        super().__init__()
        self._target = target
        self._policies = policies

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static("Agent: exhibition or a game's number, and :1 or :2 for the player", markup=False)
            yield Input(self._target, id="target", select_on_focus=True)
            yield Static("Policy that takes its place, to the end of the game (right arrow completes)", markup=False)
            yield Input(placeholder="NAME@vN", id="policy", suggester=SuggestFromList(self._policies))

    def on_mount(self) -> None:
        self.query_one("#box").set_class(not look_of(self).glyphs.braille, "-ascii")
        self.query_one("#policy", Input).focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        target, policy = (self.query_one(f"#{name}", Input).value.strip() for name in ("target", "policy"))
        if target and policy:
            self.dismiss(HotSwap(target=target, policy=policy))
        else:
            self.query_one("#policy" if target else "#target", Input).focus()

    def action_cancel(self) -> None:
        """Leave it as it is."""
        self.dismiss(None)
