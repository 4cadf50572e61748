"""Recorder: keeps rated games and the watched ones as files, a few kilobytes each: seed and inputs, replayed exactly.

How a recording is packed stands in ``exphil_rt.rollout.recording``; the disk budget is the store's matter.
"""

from __future__ import annotations

import anyio.to_thread
import msgspec

from agents.context import SelfPlayContext
from agents.notes import note
from exphil_rt.actor import GenServer, MailboxSpec, handle_cast
from exphil_rt.errors import ExphilError
from exphil_rt.messages.league import GameOver
from exphil_rt.store.files import write_whole


class RecorderState(msgspec.Struct, kw_only=True):
    """What was written."""

    games: int = 0
    bytes: int = 0
    failed: int = 0


class Recorder(GenServer[RecorderState]):
    """The writer of recordings."""

    mailbox = MailboxSpec(capacity=256, overflow="drop_oldest")

    async def init(self, args: SelfPlayContext) -> RecorderState:
        """Make the folders."""
        self.folder = args.run.replays
        for kind in ("rated", "exhibition"):
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
        return RecorderState()

    @handle_cast
    async def on_over(self, message: GameOver) -> None:
        """Write one game."""
        ended = message.ended
        if not ended.recording:
            return
        path = self.folder / ended.game.kind / f"{ended.game.game_id}.rec"
        try:
            await anyio.to_thread.run_sync(write_whole, path, ended.recording)
        except (ExphilError, OSError) as error:
            self.state.failed += 1
            if self.state.failed == 1:
                note(self, "warn", "recording_failed", str(error))
            return
        self.state.games += 1
        self.state.bytes += len(ended.recording)
