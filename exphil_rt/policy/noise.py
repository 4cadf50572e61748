"""Keyed noise: uniform numbers that depend on what they are for, never on when or with whom they were drawn.

A counter-based generator: SplitMix64's finaliser (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014; constants of Stafford's variant 13) over (seed, domain, game, frame, port, index). The same
key gives the same bits on every machine. numpy only.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

ACTION_DOMAIN: Final = "action"
"""Domain of the noise that samples actions."""

_GAMMA: Final = 0x9E3779B97F4A7C15
_MIX_1: Final = 0xBF58476D1CE4E5B9
_MIX_2: Final = 0x94D049BB133111EB
_MULTIPLIER: Final = 0xD1342543DE82EF95
_MASK: Final = (1 << 64) - 1
_U64 = NDArray[np.uint64]


@functools.lru_cache(maxsize=64)
def _domain_key(domain: str) -> int:
    return int.from_bytes(hashlib.blake2b(domain.encode(), digest_size=8).digest(), "little")


def _mix(values: _U64) -> _U64:
    """SplitMix64's finaliser, in place."""
    values ^= values >> np.uint64(30)
    values *= np.uint64(_MIX_1)
    values ^= values >> np.uint64(27)
    values *= np.uint64(_MIX_2)
    values ^= values >> np.uint64(31)
    return values


def _mix_one(value: int) -> int:
    """As ``_mix``, of the low 64 bits."""
    value &= _MASK
    value = ((value ^ (value >> 30)) * _MIX_1) & _MASK
    value = ((value ^ (value >> 27)) * _MIX_2) & _MASK
    return value ^ (value >> 31)


def _states(start: int, words: Sequence[NDArray[Any]]) -> _U64:
    """Each word goes through the mixer, so that (1, 2) and (2, 1) are different keys. Negative ones wrap."""
    state = _mix(np.full(1, start, np.uint64) + np.uint64(_GAMMA))
    for word in words:
        state = _mix((state ^ word.astype(np.int64).view(np.uint64)) * np.uint64(_MULTIPLIER) + np.uint64(_GAMMA))
    return state


def _state_of_one(start: int, words: Sequence[int]) -> int:
    """``_states`` of one row in a third of the time, which a live frame notices."""
    state = _mix_one(start + _GAMMA)
    for word in words:
        state = _mix_one((state ^ (word & _MASK)) * _MULTIPLIER + _GAMMA)
    return state


@functools.lru_cache(maxsize=16)
def _steps(count: int) -> _U64:
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GAMMA)
    steps.flags.writeable = False
    return steps


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
    start = (seed ^ _domain_key(domain)) & _MASK
    words = [np.atleast_1d(np.asarray(word)) for word in (game_id, frame, port)]
    if all(word.size == 1 for word in words):
        state = np.full(1, _state_of_one(start, [int(word.item()) for word in words]), np.uint64)
    else:
        state = _states(start, words)
    bits = _mix(state[:, None] + _steps(count))  # [R, count]
    # 23 bits and a half: exact in float32, and never 0 or 1.
    return ((bits >> np.uint64(41)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)
