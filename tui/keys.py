"""The keys of the client, as ``?`` shows them. Lower case looks, upper case changes."""

from __future__ import annotations

from typing import Final

from tui.table import Line

KEYS: Final[tuple[tuple[str, tuple[tuple[str, str], ...]], ...]] = (
    ("Screens", (
        ("1", "overview"), ("2", "games"), ("3", "supervision tree"), ("4", "training"), ("5", "policies"),
        ("6", "events"), ("esc", "back"),
    )),
    ("Look", (
        ("tab, arrows, j k", "move"), ("enter", "inspect an actor, a game or an event"), ("/", "filter"),
        ("s", "sort the tree by the next column"), ("space", "fold a part of the tree"),
        ("l", "events of the selection"), ("z", "show all up to the blast zones, and back"),
        ("[ ]", "turn the panels (under 80 columns)"), ("p", "pause this view; the run goes on"),
        ("y", "copy a report of the selection"), ("f12", "save a picture of the screen"),
    )),
    ("Change", (
        ("P", "pause the run, or let it go on"), ("R", "restart the selected actor"),
        ("W", "put a policy into a running agent"), ("C", "write a checkpoint now"),
    )),
    ("Leave", (
        ("d", "detach: the run goes on"), ("ctrl+q", "quit; asks only if this window started the daemon"),
        ("ctrl+p or :", "every verb, and the themes"), ("?", "these keys"),
    )),
)  # fmt: skip


def key_lines(*, readonly: bool) -> list[Line]:
    """The keys as lines; a read-only client does not see those that change something."""
    lines: list[Line] = []
    for title, keys in KEYS:
        if readonly and title == "Change":
            continue
        lines.append([(f" {title}", "head")])
        lines += [[(f"   {key:<18}", "warn"), (words, "text")] for key, words in keys]
    return lines
