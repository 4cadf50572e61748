"""Finding: one row of what ``doctor`` says."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One row: what was looked at, how it is, and what to do."""

    name: str
    state: Literal["ok", "note", "FAIL"]
    text: str
    fix: str = ""
