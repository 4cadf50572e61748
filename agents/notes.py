"""How an actor tells a person something: one cast to telemetry, which makes an event, a log line and a row of it."""

from __future__ import annotations

from typing import Any

from exphil_rt.actor import GenServer
from exphil_rt.messages.run import Note
from exphil_rt.messages.telemetry import Level


def note(actor: GenServer[Any], level: Level, event: str, text: str, *, author: str = "", **report: str) -> None:
    """Tell ``text``, one sentence, under the stable name ``event``. ``author``: who wanted it, if a person did."""
    who = actor.name or type(actor).__name__
    actor.cast("telemetry", Note(level=level, actor=who, event=event, text=text, author=author or who, report=report))
