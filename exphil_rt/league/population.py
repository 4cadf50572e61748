"""Past versions: which are kept, and against whom the policy trains. Pure; chance comes in as uniform numbers.

Shares are current, historical (mostly the newer half) and uniform, as ExPhil's population manager has them. At most
``SEATS`` frozen opponents are in play at once, because each costs its own forward pass a tick.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

SEATS: Final = 3
"""Frozen opponents in play at once."""
CURRENT: Final = "current"
"""The policy that is being trained, as its own opponent."""
NEWER_HALF: Final = 0.7
"""Of historical draws, the part from the newer half; the rest is from all (ExPhil's population manager)."""
UNIFORMS: Final = 2 + 3 * SEATS
"""Uniform numbers that ``assign`` wants."""


class Shares(NamedTuple):
    """Shares of training games by kind of opponent; they need not add up to 1, only to more than 0."""

    current: float
    historical: float
    uniform: float


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A past version."""

    policy: str
    frames: int
    """The run's game frames when it was taken."""


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen opponents in play in one rollout worker."""

    seats: tuple[str, ...] = ()
    """Oldest first. The retiring one is still among them."""
    retiring: str = ""
    """Gets no new games; its seat is free once its last game ended."""
    assigned: int = 0
    """Games assigned since a seat last changed."""


def keep(snapshots: Sequence[Snapshot], cap: int, protected: Collection[str] = ()) -> list[Snapshot]:
    """The snapshots that stay, at most ``cap``, in the order given.

    The first, the newest and the ``protected`` (the best) always stay. Of the others goes, again and again, the one
    whose neighbours lie closest together, so that what stays is spread evenly over the run's frames.

    Args:
        snapshots: oldest first.
        cap: at least 2.
        protected: policies that stay whatever their place; they must leave room for first and newest.

    Raises:
        ValueError: the cap cannot be kept.
    """
    kept = list(snapshots)
    fixed = {snapshot.policy for snapshot in (*kept[:1], *kept[-1:])} | set(protected)
    while len(kept) > cap:
        loose = [place for place, snapshot in enumerate(kept) if snapshot.policy not in fixed]
        if not loose:
            raise ValueError(f"{len(kept)} snapshots must stay and only {cap} may")
        del kept[min(loose, key=lambda place: (kept[place + 1].frames - kept[place - 1].frames, place))]
    return kept


def draw_past(history: Sequence[str], shares: Shares, kind: float, part: float, pick: float) -> str:
    """One past version, drawn historically or uniformly.

    Args:
        history: oldest first, not empty.
        shares: only ``historical`` to ``uniform`` counts here.
        kind: uniform number in [0, 1): historical or uniform.
        part: uniform number: the newer half or all.
        pick: uniform number: which one.
    """
    past = shares.historical + shares.uniform
    among = history
    if past > 0.0 and kind * past < shares.historical and part < NEWER_HALF:
        among = history[len(history) // 2 :]
    return among[min(int(pick * len(among)), len(among) - 1)]


def assign(
    roster: Roster,
    history: Sequence[str],
    shares: Shares,
    in_play: Mapping[str, int],
    uniforms: Sequence[float],
    *,
    rotate: int,
) -> tuple[str, Roster]:
    """The opponent of the next training game, and the roster after it.

    An opponent is ``CURRENT`` by its share, else one of the seats. Seats are filled by ``draw_past``; after
    ``rotate`` games the oldest seat retires: it gets no new game, and is drawn anew once its last one ended. A seat
    whose version left the history retires at once. So no more than ``SEATS`` frozen versions are ever in play.

    Args:
        roster: of the worker that the game goes to.
        history: past versions, oldest first.
        shares: shares of opponents.
        in_play: games by policy that run or wait in that worker.
        uniforms: ``UNIFORMS`` numbers in [0, 1), keyed to the game.
        rotate: games between two changes of a seat.

    Returns:
        ``CURRENT`` or a past version, and the roster.
    """
    if len(uniforms) < UNIFORMS:
        raise ValueError(f"{UNIFORMS} uniform numbers are wanted, not {len(uniforms)}")
    seats, retiring, assigned = list(roster.seats), roster.retiring, roster.assigned + 1
    for seat in roster.seats:
        if (seat == retiring or seat not in history) and not in_play.get(seat):
            seats.remove(seat)
            assigned = 0
    if retiring not in seats:
        retiring = ""
    draws = iter(uniforms[2:])
    while len(seats) < SEATS:
        fresh = [policy for policy in history if policy not in seats]
        if not fresh:
            break
        seats.append(draw_past(fresh, shares, next(draws), next(draws), next(draws)))
    if not retiring and assigned >= rotate and any(policy not in seats for policy in history):
        retiring = seats[0]
    open_seats = [seat for seat in seats if seat != retiring and seat in history]
    after = Roster(seats=tuple(seats), retiring=retiring, assigned=assigned)

    total = shares.current + shares.historical + shares.uniform
    if not open_seats or uniforms[0] * total < shares.current:
        return CURRENT, after
    return open_seats[min(int(uniforms[1] * len(open_seats)), len(open_seats) - 1)], after
