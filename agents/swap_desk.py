"""SwapDesk: hot swaps that somebody asked for: who waits for an answer, and what is told of each.

A plain object in the actor that owns an agent's policies: the rollout workers' (``inference_worker``) or a console's
(``dolphin_agent``). How a swap goes is decided in the process that plays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from agents.notes import note
from exphil_rt.actor import From, GenServer
from exphil_rt.control.wire import Done, Refused
from exphil_rt.messages.rollout import SwapPolicy, SwapTold
from exphil_rt.messages.run import SwapAgent

SWAP_S: Final = 20.0
"""Deadline of a swap's first word: loading, warming, and some frames beside the old policy."""


class SwapLate(msgspec.Struct, frozen=True):
    """To the actor itself: nothing was heard of this swap in time."""

    id: int


class SwapDesk:
    """The swaps of one actor.

    Args:
        actor: answers those who asked, and is sent SwapLate.
    """

    def __init__(self, actor: GenServer[Any]) -> None:
        self._actor = actor
        self._count = 0
        self._open: dict[int, tuple[SwapAgent, str, From | None]] = {}

    def begin(self, asked: SwapAgent, path: Path, where: str, slot: int, port: int, sender: From) -> SwapPolicy:
        """What to send the process ``where`` that plays; ``sender`` is answered when it was heard of."""
        self._count += 1
        key = path.name
        version = key.rpartition("@v")[2]
        self._open[self._count] = (asked, where, sender)
        self._actor.send_after(SWAP_S, SwapLate(self._count))
        return SwapPolicy(
            id=self._count,
            slot=slot,
            port=port,
            key=key,
            path=str(path),
            version=int(version) if version.isdigit() else 0,
        )

    def told(self, message: SwapTold) -> str:
        """Make an event of how a swap goes, and answer who asked; gives where it was, or nothing if it is unknown."""
        asked, where, sender = self._open.pop(message.id, (None, "", None))
        if asked is None:
            return ""
        text = swap_sentence(asked.target, message)
        figures = {
            "target": asked.target, "old": message.old, "new": message.key, "frame": str(message.frame),
            "due": str(message.due), "load_ms": f"{message.load_ms:.1f}", "warmed": str(message.warmed),
            "cost_ms": f"{message.cost_ms:.2f}", "decisions": str(message.decisions),
        }  # fmt: skip
        bad = message.stage in ("refused", "rolled_back")
        note(self._actor, "warn" if bad else "info", f"swap_{message.stage}", text, author=asked.author, **figures)
        if message.stage == "taken_over":
            self._open[message.id] = (asked, where, None)
        if sender is not None:
            self._actor.reply(sender, Refused(text) if message.stage == "refused" else Done(text))
        return where

    def late(self, message: SwapLate) -> None:
        """Answer who still waits."""
        asked, _, sender = self._open.get(message.id, (None, "", None))
        if asked is not None and sender is not None:
            del self._open[message.id]
            self._actor.reply(sender, Refused(f"Nothing was heard of the swap of {asked.target} for {SWAP_S:g} s."))


def swap_sentence(target: str, swap: SwapTold) -> str:
    """One sentence about how a swap goes."""
    match swap.stage:
        case "taken_over":
            return (
                f"{swap.key} plays {target} in place of {swap.old}: its first decision, on frame {swap.frame}, was"
                f" played on frame {swap.due} (loaded in {swap.load_ms:.0f} ms, warmed on {swap.warmed} frames,"
                f" {swap.cost_ms:.1f} ms a decision)."
            )
        case "settled":
            return f"{swap.key} stays on {target}: {swap.decisions} decisions were watched."
        case "rolled_back":
            return (
                f"{target} was given back to {swap.old} after {swap.decisions} decisions of {swap.key}: {swap.reason}."
            )
        case "refused":
            return f"{swap.key} did not take over {target}: {swap.reason.rstrip('.')}."
        case "game_over":
            return f"The game of {target} ended while {swap.key} was watched ({swap.decisions} decisions)."
