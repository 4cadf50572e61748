"""Keyed random draws: a number is a function of (seed, domain; game, frame, port), never of what was drawn before.

Counter-based mixing with the 32-bit finaliser of MurmurHash3 (public domain, Austin Appleby).
"""

from __future__ import annotations

from exphil_rt.sim.jit import njit

MASK = 0xFFFFFFFF


@njit
def mix(h: int, value: int) -> int:
    """Fold the low 32 bits of ``value`` into ``h``."""
    h = (h ^ (value & MASK)) & MASK
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & MASK
    return (h ^ (h >> 16)) & MASK


@njit
def uniform(seed: int, domain: int, game: int, frame: int, port: int) -> float:
    """A number in 0..1 (1 excluded) for this key."""
    h = mix(0x9E3779B9, int(seed))
    h = mix(h, int(seed) >> 32)
    h = mix(h + 0x632BE5AB, domain)
    h = mix(h + 0x632BE5AB, int(game))
    h = mix(h, int(game) >> 32)
    h = mix(h + 0x632BE5AB, int(frame))
    h = mix(h + 0x632BE5AB, port)
    return float(h / 4294967296.0)
