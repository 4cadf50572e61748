"""Reading the tree without asking anybody: rows for a tree view, and one actor's page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from exphil_rt.actor.errors import NoProc
from exphil_rt.actor.reasons import describe
from exphil_rt.actor.specs import Kind

if TYPE_CHECKING:
    from exphil_rt.actor.cell import Cell
    from exphil_rt.actor.children import Child

_STATE_LIMIT: Final = 20_000
_MESSAGE_LIMIT: Final = 200


class ActorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the supervision tree."""

    path: str
    """Slash-joined ids from the root."""
    name: str
    depth: int
    kind: Kind
    strategy: str = ""
    state: str = "running"
    """``starting``, ``running``, ``suspended``, ``stopping``, ``restarting``, ``down``."""
    pid: int = 0
    """Number of the incarnation, 0 where there is none."""
    os_pid: int = 0
    uptime_s: float = 0.0
    mailbox: int = 0
    mailbox_cap: int = 0
    handled: int = 0
    restarts: int = 0
    detail: str = ""


class ActorReport(NamedTuple):
    """What an actor page shows."""

    state: str
    """The state as indented JSON, cut at 20,000 characters."""
    recent: tuple[str, ...]
    """The last messages handled, newest last."""
    exits: tuple[str, ...]
    """How earlier incarnations ended, newest last."""


def read_tree(roots: Sequence[Cell], now: float) -> tuple[ActorInfo, ...]:
    """Rows of everything below ``roots``, depth first."""
    return tuple(row for root in roots if not root.dead for row in _rows(root, None, 0, now))


def _rows(cell: Cell, child: Child | None, depth: int, now: float) -> Iterator[ActorInfo]:
    actor = cell.actor
    yield ActorInfo(
        path=cell.path,
        name=cell.name or cell.id,
        depth=depth,
        kind=actor.kind,
        strategy=actor.strategy,
        state=_state(cell),
        pid=cell.number,
        os_pid=actor.os_pid,
        uptime_s=now - cell.started_at,
        mailbox=len(cell.mailbox),
        mailbox_cap=cell.mailbox.capacity,
        handled=cell.handled,
        restarts=0 if child is None else child.restarts,
        detail=_detail(actor),
    )
    for below in _children(cell):
        if below.cell is not None:
            yield from _rows(below.cell, below, depth + 1, now)
        else:
            yield ActorInfo(
                path=f"{cell.path}/{below.spec.id}",
                name=below.spec.name or below.spec.id,
                depth=depth + 1,
                kind=below.spec.start.kind,
                state="restarting" if below.restarting else "down",
                restarts=below.restarts,
            )


def _children(cell: Cell) -> tuple[Child, ...]:
    from exphil_rt.actor.supervisor import Supervisor

    return tuple(cell.actor.children) if isinstance(cell.actor, Supervisor) else ()


def _state(cell: Cell) -> str:
    if cell.phase == "running":
        return "suspended" if cell.suspended else "running"
    return "stopping" if cell.phase == "ending" else cell.phase


def _detail(actor: Any) -> str:
    try:
        return str(actor.detail())
    except Exception as error:
        return f"detail() failed: {type(error).__name__}"


def find(roots: Sequence[Cell], path: str) -> tuple[Cell | None, Child | None, Cell | None]:
    """The actor at ``path``: its cell, its supervisor's record of it, and its supervisor; all None where unknown."""
    ids = path.split("/")
    for root in roots:
        if root.id == ids[0] and not root.dead:
            cell: Cell | None = root
            child: Child | None = None
            parent: Cell | None = None
            for name in ids[1:]:
                found = None if cell is None else next((c for c in _children(cell) if c.spec.id == name), None)
                if found is None:
                    return None, None, None
                cell, child, parent = found.cell, found, cell
            return cell, child, parent
    return None, None, None


def read_report(roots: Sequence[Cell], path: str, now: float) -> ActorReport:
    """The page of the actor at ``path``; raises NoProc where the tree has none."""
    cell, child, _ = find(roots, path)
    if cell is None and child is None:
        raise NoProc(path)
    exits = tuple(f"{now - when:.0f} s ago it {describe(reason)}" for when, reason in (child.exits if child else ()))
    if cell is None:
        return ActorReport("", (), exits)
    return ActorReport(_state_json(cell), tuple(_short(message) for message in cell.recent or ()), exits)


def _state_json(cell: Cell) -> str:
    try:
        encoded = msgspec.json.encode(getattr(cell.actor, "state", None), enc_hook=_short)
        text = msgspec.json.format(encoded, indent=2).decode()
    except Exception as error:  # a state may hold anything
        text = f'"the state cannot be shown: {type(error).__name__}"'
    return text[:_STATE_LIMIT]


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__}: repr failed with {type(error).__name__}>"
    return text if len(text) <= _MESSAGE_LIMIT else text[: _MESSAGE_LIMIT - 3] + "..."
