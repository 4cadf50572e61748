"""The verbs of the command palette: every screen, actor and game, and all that changes the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand

if TYPE_CHECKING:
    from tui.app import ExphilApp


def verbs(app: ExphilApp) -> Iterable[SystemCommand]:
    """What the palette offers now; a read-only client is not offered what changes something."""
    for mode in app.MODES:
        yield SystemCommand(f"Go to {mode}", f"Show the {mode} screen", _later(app.action_go, mode))
    yield SystemCommand("Pause or resume the view", "Hold the screen still; the run goes on", app.action_freeze)
    if not app.view.readonly:
        paused = app.view.status is not None and app.view.status.state == "paused"
        verb = "Resume" if paused else "Pause"
        yield SystemCommand(f"{verb} the run", "Games and learning", app.action_toggle_run)
        if app.check_action("hot_swap", ()):
            yield SystemCommand("Hot-swap a policy", "Into a running agent, between two frames", app.action_hot_swap)
        yield SystemCommand("Checkpoint now", "Write the learner's state, publish a policy", app.action_checkpoint)
        for node in app.view.tree:
            yield SystemCommand(
                f"Restart {node.name or node.path}", node.path, _later(app.action_restart_actor, node.path)
            )
    for node in app.view.tree:
        name = node.name or node.path
        yield SystemCommand(f"Inspect {name}", node.path, _later(app.inspect_actor, node.path))
    for game in app.view.overview.games if app.view.overview else ():
        yield SystemCommand(
            f"Go to game {game.slot}", f"{game.kind} game {game.game_id}", _later(app.inspect_game, game.slot)
        )
    yield SystemCommand("Detach", "Leave; the run goes on", app.action_detach)
    yield SystemCommand("Quit", "Leave, or stop a daemon that this window started", app.action_quit)
    yield SystemCommand("Keys", "Show all keys", app.action_keys)
    yield SystemCommand("Theme", "Change the colours", app.action_change_theme)
    yield SystemCommand("Screenshot", "Save the screen as SVG in the current folder", app.action_picture)


def _later(call: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    return lambda: call(*args)
