"""Keyed noise: uniform numbers that depend on what they are for, never on when or with whom they were drawn.

A counter-based generator: SplitMix64's finaliser (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014; constants of Stafford's variant 13) over (seed, domain, game, frame, port, index). The same
key gives the same bits on every machine. numpy only.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

ACTION_DOMAIN: Final = "action"
"""Domain of the noise that samples actions."""

_GAMMA: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1
_U64 = NDArray[np.uint64]


@functools.lru_cache(maxsize=64)
def _domain_key(domain: str) -> int:
    return int.from_bytes(hashlib.blake2b(domain.encode(), digest_size=8).digest(), "little")


def _mix(values: _U64) -> _U64:
    """SplitMix64's finaliser, in place."""
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def _words(values: ArrayLike) -> NDArray[Any]:
    """Integers as 64-bit words (two's complement for negative ones), at least 1-d so that they wrap silently."""
    return np.atleast_1d(np.asarray(values)).astype(np.int64).view(np.uint64)


def keyed_uniform(
    seed: int, domain: str, game_id: ArrayLike, frame: ArrayLike, port: ArrayLike, count: int
) -> NDArray[np.float32]:
    """Uniform numbers in the open interval (0, 1), ``[R, count]``, one row a (game, frame, port).

    Args:
        seed: the run's seed.
        domain: what the numbers are for; different domains are independent.
        game_id, frame, port: integers, scalars or ``[R]``, broadcast against each other.
        count: numbers a row. The first numbers of a row are the same for every count.
    """
    start = np.full(1, (seed ^ _domain_key(domain)) & _MASK, np.uint64)
    state = _mix(start + np.uint64(_GAMMA))
    for word in (game_id, frame, port):
        # Each word goes through the mixer, so that (1, 2) and (2, 1) are different keys.
        state = _mix((state ^ _words(word)) * np.uint64(0xD1342543DE82EF95) + np.uint64(_GAMMA))
    index = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GAMMA)
    bits = _mix(state[:, None] + index)  # [R, count]
    # 23 bits and a half: exact in float32, and never 0 or 1.
    return ((bits >> np.uint64(41)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)
