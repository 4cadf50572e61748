"""Control: carries out what clients of the control socket ask for. The socket itself is ``exphil_rt.control``'s."""

from __future__ import annotations

import os

import anyio
import msgspec

import exphil_rt
from agents.context import RunContext
from agents.notes import note
from agents.swap_desk import SWAP_S
from exphil_rt.actor import ActorError, GenServer, restart_child, terminate_child
from exphil_rt.control.server import serve
from exphil_rt.control.wire import (
    PROTOCOL,
    ActorReply,
    Answer,
    Checkpoint,
    Command,
    Done,
    GetActor,
    GetOverview,
    GetStatus,
    Hello,
    HotSwap,
    OverviewReply,
    Pause,
    Refused,
    RestartActor,
    Resume,
    StatusReply,
    Stop,
)
from exphil_rt.messages.run import CheckpointRun, PauseRun, ResumeRun, StopRun, SwapAgent


class ControlState(msgspec.Struct, kw_only=True):
    """What was asked."""

    commands: int = 0


class Control(GenServer[ControlState]):
    """The daemon's door."""

    async def init(self, args: RunContext) -> ControlState:
        """Open the socket."""
        self.context = args
        hello = Hello(protocol=PROTOCOL, version=exphil_rt.__version__, run=args.run.name, pid=os.getpid())
        self.start_task(serve, args.socket, hello, self.carry_out, args.hub)
        return ControlState()

    def detail(self) -> str:
        """Who watches."""
        clients = self.context.hub.clients
        return f"{clients} client{'' if clients == 1 else 's'}" if clients else ""

    async def carry_out(self, command: Command, author: str) -> Answer:
        """One command of a client; runs beside the mailbox, so a slow one holds up nobody."""
        self.state.commands += 1
        try:
            match command:
                case GetStatus():
                    return StatusReply(await self.runtime.call("telemetry", command))
                case GetOverview():
                    return OverviewReply(await self.runtime.call("telemetry", command))
                case GetActor(path=path):
                    report = await self.runtime.call("telemetry", command)
                    return ActorReply(report) if report else _unknown(path)
                case Pause():
                    return await self._manager(PauseRun(author=author))
                case Resume():
                    return await self._manager(ResumeRun(author=author))
                case Checkpoint():
                    return await self._manager(CheckpointRun(author=author), 45.0)
                case Stop():
                    return await self._manager(StopRun(author=author))
                case RestartActor(path=path):
                    return await self._restart(path, author)
                case HotSwap(target=target, policy=policy):
                    swap = SwapAgent(author=author, target=target, policy=policy)
                    answer: Answer = await self.runtime.call(self.context.swapper, swap, SWAP_S + 5.0)
                    return answer
                case _:
                    return Refused(f"The daemon does not know {type(command).__name__}.")
        except ActorError as error:
            return Refused(str(error), "Try again in a few seconds; `exphil-rt tree` shows what is restarting.")

    async def _manager(self, message: object, timeout: float = 5.0) -> Answer:
        answer: Answer = await self.runtime.call("run_manager", message, timeout)
        return answer

    async def _restart(self, path: str, author: str) -> Answer:
        nodes = {node.path: node for node in self.runtime.tree()}
        above, _, child = path.rpartition("/")
        if path not in nodes:
            return _unknown(path)
        if path == self.path or self.path.startswith(f"{path}/"):
            return Refused(f"{path} holds this connection and cannot be restarted over it.", "Stop and resume the run.")
        note(self, "info", "restart_asked", f"{path} is restarted.", author=author)
        config = self.context.config.daemon
        with anyio.CancelScope(shield=True):  # or a client that is cut off would leave it stopped
            await terminate_child(nodes[above].name, child, timeout=config.stop_deadline_s + 10.0)
            await restart_child(nodes[above].name, child, timeout=config.start_deadline_s + 10.0)
        return Done(f"{path} was restarted")


def _unknown(path: str) -> Refused:
    return Refused(f"There is no actor {path}.", "`exphil-rt tree` lists them.")
