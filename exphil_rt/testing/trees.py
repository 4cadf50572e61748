"""Small trees for tests: a supervisor that is given its children, and the runtime around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from exphil_rt.actor import ChildSpec, Pid, Report, Runtime, Supervisor, SupFlags


class Tree(msgspec.Struct, frozen=True):
    """Arguments of StaticSupervisor."""

    children: Sequence[ChildSpec] = ()
    flags: SupFlags = SupFlags()


class StaticSupervisor(Supervisor):
    """A supervisor of exactly what its arguments name."""

    def init(self, args: Tree) -> tuple[SupFlags, list[ChildSpec]]:
        """Flags and children as given."""
        return args.flags, list(args.children)


class StartedTree:
    """A runtime with one supervisor in it, and all that was reported."""

    def __init__(self, runtime: Runtime, supervisor: Pid, reports: list[Report]) -> None:
        self.runtime = runtime
        self.supervisor = supervisor
        self.reports = reports

    def pid(self, name: str) -> Pid:
        """The living actor of a registered name."""
        pid = self.runtime.whereis(name)
        if pid is None:
            raise AssertionError(f"no actor is named {name}")
        return pid


@asynccontextmanager
async def start_tree(
    *children: ChildSpec, flags: SupFlags | None = None, stop_deadline: float = 10.0
) -> AsyncIterator[StartedTree]:
    """A runtime whose root is a StaticSupervisor, named ``sup``, of ``children``; stopped at the end of the body."""
    reports: list[Report] = []
    async with Runtime.open(stop_deadline=stop_deadline) as runtime:
        runtime.subscribe_reports(reports.append)
        root = ChildSpec(id="sup", name="sup", start=StaticSupervisor, args=Tree(children, flags or SupFlags()))
        yield StartedTree(runtime, await runtime.start_root(root), reports)
