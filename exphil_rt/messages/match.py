"""The edges between the actors of a match on a console, and of training games on consoles; all in the daemon."""

from __future__ import annotations

import msgspec

from exphil_rt.messages.telemetry import MatchStatus


class OpenLink(msgspec.Struct, frozen=True, tag="open_link"):
    """Console to the dolphin agent, a call: a fresh link to the inference process; answered with LinkEnd."""


class OpenSlot(msgspec.Struct, frozen=True, kw_only=True, tag="open_slot"):
    """A training game's console to its game runner, a call: a fresh link into its lane; answered with LinkEnd."""

    slot: int
    """Of the runner's lane."""


class LinkEnd(msgspec.Struct, frozen=True, kw_only=True, tag="link_end"):
    """Answer to OpenLink and OpenSlot."""

    fd: int
    """The console's end, the caller's to close."""


class GetMatch(msgspec.Struct, frozen=True, kw_only=True, tag="get_match"):
    """Console and dolphin agent to the manager, a call: answered with MatchSoFar."""

    starting: bool = False
    """A console is being started: it is counted."""


class MatchSoFar(msgspec.Struct, frozen=True, kw_only=True, tag="match_so_far"):
    """What a restart has to know."""

    starts: int = 0
    """Of the console, this one too."""
    games: int = 0
    """That are over."""
    policies: dict[int, str] = {}
    """Paths of bundles that were swapped in and have settled, by player."""


class SeatTaken(msgspec.Struct, frozen=True, kw_only=True, tag="seat_taken"):
    """Dolphin agent to the manager: a policy that was swapped in has settled."""

    player: int
    path: str


class ConsoleUp(msgspec.Struct, frozen=True, tag="console_up"):
    """Console to the frame reader: a new process, whose counters begin at zero."""

    start: int
    """Which one, from 1 on."""


class ConsolePlays(msgspec.Struct, frozen=True, tag="console_plays"):
    """Frame reader to the manager, or a training game's console to its runner: this start came to something."""


class MatchReading(msgspec.Struct, frozen=True, kw_only=True, tag="match_reading"):
    """Frame reader to telemetry: the figures of the match, at most four times a second."""

    status: MatchStatus


class MatchOver(msgspec.Struct, frozen=True, tag="match_over"):
    """Console to the manager: its process has ended as it was told to, or for want of further games."""


class MatchFault(msgspec.Struct, frozen=True, kw_only=True, tag="match_fault"):
    """Console and dolphin agent to the manager: what went wrong, in case that it is the last word."""

    text: str
