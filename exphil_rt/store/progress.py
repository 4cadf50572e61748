"""Progress: where a run stands, as its database keeps it."""

from __future__ import annotations

import msgspec


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands: what a resumed one goes on from."""

    frames: int = 0
    """Game frames that count towards ``run.timesteps``."""
    generation: int = 0
    """Last learner generation that is known to lie on disk."""
    next_game_id: int = 0
    """No game has had this id or a higher one."""
    starts: int = 0
    """Times that a daemon began or resumed it."""
    ended: str = ""
    """Why it ended (``timesteps``, ``stopped``, ``done``, ``failed``); empty while it runs and after a crash."""
