"""Garbage collection while actors live: rarer, since each of them is a few hundred objects that stay.

The collector's default looks at the young objects after 700 more of them; with many actors that is a third of the time
to start them. Reference counts free what is not cyclic as ever.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_YOUNG: Final = (50_000, 40, 50)
"""Young ones: a pause of a few milliseconds. The next generation costs as much again, so it is looked at rarely."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Raise the process's thresholds for the body, unless somebody set them higher or turned collection off."""
    before = gc.get_threshold()
    if not 0 < before[0] < _YOUNG[0]:
        yield
        return
    gc.set_threshold(*_YOUNG)
    try:
        yield
    finally:
        gc.set_threshold(*before)
