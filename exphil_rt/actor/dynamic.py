"""DynamicSupervisor: children of any number and kind, started on request, addressed by pid, stopped all at once."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from exphil_rt.actor.admin import DeleteChild, RestartChild, StartChild, TerminateChild
from exphil_rt.actor.calls import From, Refused
from exphil_rt.actor.cell import Cell
from exphil_rt.actor.children import Child, SupState
from exphil_rt.actor.errors import BadSpec, ChildNotFound, MaxChildren, NotSupported
from exphil_rt.actor.genserver import GenServer
from exphil_rt.actor.handlers import handle_call
from exphil_rt.actor.pid import Pid
from exphil_rt.actor.specs import ChildSpec, DynamicFlags, check_flags, check_spec
from exphil_rt.actor.supervisor import Supervisor


class DynamicSupervisor(Supervisor):
    """Started with ``args=DynamicFlags(...)``, or subclassed with ``init(args) -> DynamicFlags``.

    Specifications with an id that is taken get a number behind it. There is no order among the children, so the
    strategy is one_for_one; a child that ended for good is forgotten.
    """

    _serial: int = 0

    @classmethod
    def _family(cls) -> type[GenServer[Any]]:
        return DynamicSupervisor

    def _merge(self, specs: list[ChildSpec]) -> None:
        """Its children are its callers'; ``init`` answers flags only."""

    def init(self, args: Any) -> Any:
        """The flags; by default the arguments."""
        return DynamicFlags() if args is None else args

    def _checked(self, outcome: Any) -> tuple[SupState, list[ChildSpec]]:
        if not isinstance(outcome, DynamicFlags):
            raise BadSpec(f"{type(self).__name__}.init must answer DynamicFlags or Ignore().")
        check_flags(outcome)
        self.strategy = "dynamic"
        return SupState(outcome), []

    async def _stop_all(self) -> None:
        loop = self.runtime.loop
        ending: list[tuple[Child, Cell]] = []
        for child in self._children.values():
            child.stop_waiting()
            cell = self._release(child)
            if cell is not None:
                self._signal_end(child, cell)
                ending.append((child, cell))
                self._cell.waiting_on.append(cell)
        told = loop.now()
        # The shortest patience first, so that no child gets more than its own.
        for child, cell in sorted(ending, key=lambda pair: pair[0].spec.shutdown_s):
            if not await cell.wait_dead(told + child.spec.shutdown_s):
                cell.kill()
        for child, cell in ending:
            await cell.wait_dead(math.inf)  # bounded: whoever is not dead was killed
            self._cell.waiting_on.remove(cell)
            self._note_stopped(child, cell)

    def _drop(self, child: Child) -> None:
        self._forget(child)

    @handle_call
    async def start_child(self, message: StartChild, sender: From) -> Pid | Refused | None:
        """Start one more child."""
        flags = self.state.flags
        assert isinstance(flags, DynamicFlags)
        try:
            check_spec(message.spec, flags.auto_shutdown)
        except BadSpec as error:
            return Refused(error)
        if flags.max_children is not None and len(self._children) >= flags.max_children:
            return Refused(MaxChildren(flags.max_children))
        spec = message.spec
        while spec.id in self._children:
            self._serial += 1
            spec = msgspec.structs.replace(spec, id=f"{message.spec.id}#{self._serial}")
        return await self._add(Child(spec))

    @handle_call
    async def terminate_child(self, message: TerminateChild, sender: From) -> Refused | None:
        """Stop and forget the child of this pid; a dead one is no error."""
        if not isinstance(message.child, Pid):
            return Refused(NotSupported("A dynamic supervisor's children are stopped by pid."))
        child = self._find(message.child)
        if child is None:
            dead_child = message.child.cell.parent is self._cell and message.child.cell.dead
            return None if dead_child else Refused(ChildNotFound(str(message.child)))
        await self._stop_child(child)
        self._drop(child)
        return None

    @handle_call
    async def restart_child(self, message: RestartChild, sender: From) -> Pid | Refused | None:
        """Not for dynamic children."""
        return Refused(NotSupported("A dynamic supervisor forgets children that ended; start_child starts new ones."))

    @handle_call
    async def delete_child(self, message: DeleteChild, sender: From) -> Refused | None:
        """Not for dynamic children."""
        return Refused(NotSupported("A dynamic supervisor forgets children that ended by itself."))
