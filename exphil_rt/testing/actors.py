"""Actors for tests that start, end and misbehave on request (after the helper modules of OTP's supervisor suite)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import anyio
import msgspec

from exphil_rt.actor import (
    ChildSpec,
    DynamicFlags,
    DynamicSupervisor,
    ExitReason,
    From,
    GenServer,
    Ignore,
    Pid,
    Restart,
    Shutdown,
    Stop,
    handle_call,
    handle_cast,
)

Start = Literal["ok", "ignore", "crash", "stop"]


class ProbeArgs(msgspec.Struct, frozen=True):
    """How a Probe behaves."""

    start: Start | Callable[[], Start] = "ok"
    terminate_s: float = 0.0
    """Seconds that its ``terminate`` takes."""
    diary: list[str] | None = None
    """Gets ``+id`` at each start and ``-id`` at each orderly end."""


class ProbeState(msgspec.Struct):
    """State of a Probe."""

    diary: list[str]
    terminate_s: float
    seen: list[Any] = []
    """What ``handle_info`` got."""


class WhoAreYou(msgspec.Struct, frozen=True):
    """Call: answer with the pid."""


class End(msgspec.Struct, frozen=True):
    """Cast: end with this reason."""

    reason: ExitReason


class Break(msgspec.Struct, frozen=True):
    """Cast: raise RuntimeError."""

    text: str = "broken on request"


class SleepFor(msgspec.Struct, frozen=True):
    """Cast or call: spend this time in the handler; None is for ever."""

    seconds: float | None
    shielded: bool = False
    """Refuse cancellation meanwhile."""


class Seen(msgspec.Struct, frozen=True):
    """Call: answer with what ``handle_info`` got."""


class Probe(GenServer[ProbeState]):
    """An actor that does what it is told."""

    async def init(self, args: ProbeArgs | None) -> ProbeState | Ignore:
        """As ``args.start`` says."""
        args = args or ProbeArgs()
        match args.start() if callable(args.start) else args.start:
            case "ignore":
                return Ignore()
            case "crash":
                raise RuntimeError("refuses to start")
            case "stop":
                raise Stop(Shutdown("no start"))
        diary = args.diary if args.diary is not None else []
        diary.append(f"+{self.path.rpartition('/')[2]}")
        return ProbeState(diary, args.terminate_s)

    @handle_call
    async def who_are_you(self, message: WhoAreYou, sender: From) -> Pid:
        """The pid."""
        return self.pid

    @handle_call
    async def seen(self, message: Seen, sender: From) -> list[Any]:
        """What handle_info got so far."""
        return list(self.state.seen)

    @handle_cast
    async def end(self, message: End) -> None:
        """End."""
        raise Stop(message.reason)

    @handle_cast
    async def break_down(self, message: Break) -> None:
        """Crash."""
        raise RuntimeError(message.text)

    @handle_cast
    async def sleep_for(self, message: SleepFor) -> None:
        """Be busy."""
        with anyio.CancelScope(shield=message.shielded):
            await (anyio.sleep_forever() if message.seconds is None else anyio.sleep(message.seconds))

    @handle_call
    async def sleep_and_answer(self, message: SleepFor, sender: From) -> str:
        """Be busy, then answer."""
        await self.sleep_for(message)
        return "slept"

    async def handle_info(self, message: object) -> None:
        """Keep it."""
        self.state.seen.append(message)

    async def terminate(self, reason: ExitReason) -> None:
        """Take the time that was asked for."""
        if self.state.terminate_s:
            await anyio.sleep(self.state.terminate_s)
        self.state.diary.append(f"-{self.path.rpartition('/')[2]}")


class TrappingProbe(Probe):
    """A Probe that is asked to end by message, so it finishes what it does first."""

    trap_exit = True


def probe(id: str, args: ProbeArgs | None = None, *, trap_exit: bool = False, **fields: Any) -> ChildSpec:  # noqa: A002
    """The specification of a Probe that is registered under its id."""
    start = TrappingProbe if trap_exit else Probe
    return ChildSpec(**{"id": id, "name": id, "start": start, "args": args, **fields})


def dynamic(id: str, flags: DynamicFlags | None = None, **fields: Any) -> ChildSpec:  # noqa: A002
    """The specification of a DynamicSupervisor that is registered under its id."""
    return ChildSpec(**{"id": id, "name": id, "start": DynamicSupervisor, "args": flags, **fields})


RESTARTS: tuple[Restart, ...] = ("permanent", "transient", "temporary")
