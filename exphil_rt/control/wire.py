"""Wire types of the control socket: what a client may say and what the daemon answers.

A frame is a 4-byte big-endian length and a msgpack body of one of the unions below. The first frame of each side is
Hello. Framing and sockets live in ``framing``, ``server`` and ``client``.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from exphil_rt.messages.telemetry import ActorReport, Event, GameSample, Overview, RunStatus

PROTOCOL: Final = 1
MAX_FRAME: Final = 8 * 1024 * 1024
"""Bytes of one frame's body; a longer one ends the connection."""

Topic = Literal["overview", "exhibition", "events"]


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """First frame of both sides."""

    protocol: int
    version: str
    run: str = ""
    pid: int = 0
    readonly: bool = False


class GetStatus(msgspec.Struct, frozen=True, tag="get_status"):
    """Ask for StatusReply."""


class GetOverview(msgspec.Struct, frozen=True, tag="get_overview"):
    """Ask for OverviewReply."""


class GetActor(msgspec.Struct, frozen=True, tag="get_actor"):
    """Ask for ActorReply about the actor at ``path``."""

    path: str


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Have a topic sent as Publish frames, at most ``max_hz`` times a second, the latest only."""

    topic: Topic
    max_hz: float = 4.0


class Unsubscribe(msgspec.Struct, frozen=True, tag="unsubscribe"):
    """End a subscription."""

    topic: Topic


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """Let no game and no learning step on until Resume."""


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """Undo Pause."""


class RestartActor(msgspec.Struct, frozen=True, tag="restart_actor"):
    """Have the supervisor of ``path`` stop and start that child."""

    path: str


class HotSwap(msgspec.Struct, frozen=True, tag="hot_swap"):
    """Put a policy into a running agent, to the end of its game; answered when it has taken over."""

    target: str
    """``exhibition`` or the number of a game, then ``:1`` or ``:2`` for the player (``:1`` where left out)."""
    policy: str
    """``NAME[@vN|@latest|@best]`` or a path."""


class Checkpoint(msgspec.Struct, frozen=True, tag="checkpoint"):
    """Write the learner's state and publish the newest policy now."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Checkpoint, stop the tree in reverse order, end the daemon."""


class Done(msgspec.Struct, frozen=True, tag="done"):
    """A command was carried out; ``text`` says what came of it."""

    text: str = ""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """A command was not carried out: what, why, what to do."""

    message: str
    hint: str = ""
    exit_code: int = 1


class StatusReply(msgspec.Struct, frozen=True, tag="status"):
    """Answer to GetStatus."""

    status: RunStatus


class OverviewReply(msgspec.Struct, frozen=True, tag="overview"):
    """Answer to GetOverview, and body of the topic ``overview``."""

    overview: Overview


class ActorReply(msgspec.Struct, frozen=True, tag="actor"):
    """Answer to GetActor."""

    report: ActorReport


class ExhibitionUpdate(msgspec.Struct, frozen=True, tag="exhibition"):
    """Body of the topic ``exhibition``: the large game, for up to 60 Hz."""

    game: GameSample | None


class EventsUpdate(msgspec.Struct, frozen=True, tag="events"):
    """Body of the topic ``events``: what is new since the last one."""

    events: tuple[Event, ...]


Command = (
    GetStatus
    | GetOverview
    | GetActor
    | Subscribe
    | Unsubscribe
    | Pause
    | Resume
    | RestartActor
    | HotSwap
    | Checkpoint
    | Stop
)
Answer = Done | Refused | StatusReply | OverviewReply | ActorReply
Update = OverviewReply | ExhibitionUpdate | EventsUpdate


class Request(msgspec.Struct, frozen=True, tag="request"):
    """A command with an id that its Reply repeats, and who says it (``tui``, ``cli``)."""

    id: int
    author: str
    body: Command


class Reply(msgspec.Struct, frozen=True, tag="reply"):
    """The answer to the request of this id."""

    id: int
    body: Answer


class Publish(msgspec.Struct, frozen=True, tag="publish"):
    """A subscribed topic's latest value."""

    topic: Topic
    body: Update


class Fault(msgspec.Struct, frozen=True, tag="fault"):
    """The peer broke the protocol; the connection is closed after this frame."""

    message: str


ClientFrame = Hello | Request
ServerFrame = Hello | Reply | Publish | Fault
