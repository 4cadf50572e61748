"""Which hitbox of a move deals which row of ``hits.csv``: that file lists the different rows of a window once each.

What the slots deal is a table of its own (``slot_rows.csv``), window by window, wherever it is not simply slot n row n:
slots share rows, are made in another order than they are numbered in, or outlive the window that made them.
"""

from __future__ import annotations

from typing import Final

from exphil_rt.sim.datafiles import read_rows

Row = dict[str, str]
"""One row of ``hits.csv``."""


def _read() -> dict[tuple[str, str, str], str]:
    return {(row["character"], row["state"], row["start"]): row["rows"] for row in read_rows("slot_rows.csv")}


SLOT_ROWS: Final = _read()
"""Row of slot 0, 1, ... as digits, by fighter, state and first frame of a window."""


def rows_of_slots(hits: list[Row], slots: list[int]) -> list[int]:
    """For each of ``slots`` the index of the row among ``hits``, the rows of one window, that it deals.

    Where no source says it, a slot deals the row of its number; with too few rows the first slots share the first one.
    """
    known = SLOT_ROWS.get((hits[0].get("character", ""), hits[0].get("state", ""), hits[0]["start"]))
    if known is not None:
        return [int(known[min(slot, len(known) - 1)]) for slot in slots]
    spare = max(len(slots) - len(hits), 0)
    return [min(max(n - spare, 0) if spare else slot, len(hits) - 1) for n, slot in enumerate(slots)]
