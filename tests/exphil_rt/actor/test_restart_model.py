"""Restart logic against a model, and a tree under random ends: properties, not examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exphil_rt.actor import (
    ChildSpec,
    Crash,
    DynamicFlags,
    ExitReason,
    Killed,
    Normal,
    Shutdown,
    SupFlags,
    is_clean,
    start_child,
    which_children,
)
from exphil_rt.testing.actors import RESTARTS, End, ProbeArgs, dynamic, probe
from exphil_rt.testing.clocks import BACKENDS, Backend, run
from exphil_rt.testing.trees import StaticSupervisor, Tree, start_tree

ENDS: tuple[ExitReason, ...] = (Normal(), Shutdown(), Crash("odd", "odd"), Killed())
PERIOD_S = 5.0


@dataclass
class ModelChild:
    restart: str
    starts: int = 1
    alive: bool = True


@dataclass
class Model:
    """OTP's rules on plain data: who lives after each end."""

    strategy: str
    intensity: int
    children: dict[str, ModelChild]
    alive: bool = True
    restarts: list[float] = field(default_factory=list)

    def end(self, name: str, reason: ExitReason, now: float) -> None:
        child = self.children.get(name)
        if not self.alive or child is None or not child.alive:
            return
        child.alive = False
        if child.restart == "temporary" or (child.restart == "transient" and is_clean(reason)):
            if child.restart == "temporary":
                del self.children[name]
            return
        self.restarts = [then for then in self.restarts if now - then <= PERIOD_S] + [now]
        if len(self.restarts) > self.intensity:
            self.alive = False
            return
        names = list(self.children)
        match self.strategy:
            case "one_for_one":
                affected = [name]
            case "one_for_all":
                affected = names
            case _:
                affected = names[names.index(name) :]
        for other in affected:
            if other != name and self.children[other].restart == "temporary":
                del self.children[other]
            else:
                self.children[other].starts += 1
                self.children[other].alive = True


steps = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(ENDS), st.sampled_from((0.001, 0.5, 3.0, 6.0))), max_size=12
)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=60, deadline=None)
@given(
    strategy=st.sampled_from(("one_for_one", "one_for_all", "rest_for_one")),
    restarts=st.lists(st.sampled_from(RESTARTS), min_size=1, max_size=5),
    intensity=st.integers(0, 4),
    steps=steps,
)
def test_a_supervisor_does_what_the_model_does(
    backend: Backend, strategy: Any, restarts: list[Any], intensity: int, steps: list[tuple[int, ExitReason, float]]
) -> None:
    async def main() -> None:
        diary: list[str] = []
        names = [f"c{n}" for n in range(len(restarts))]
        specs = [
            probe(name, ProbeArgs(diary=diary), restart=restart) for name, restart in zip(names, restarts, strict=True)
        ]
        model = Model(strategy, intensity, {spec.id: ModelChild(spec.restart) for spec in specs})
        async with start_tree(*specs, flags=SupFlags(strategy, intensity, PERIOD_S)) as tree:
            for index, reason, wait in steps:
                name = names[index % len(names)]
                now = tree.runtime.loop.now()
                model.end(name, reason, now)
                target = tree.runtime.whereis(name)
                if target is not None:
                    if isinstance(reason, Killed):
                        tree.runtime.exit(target, reason)
                    else:
                        tree.runtime.cast(target, End(reason))
                await anyio.sleep(wait)
                assert tree.supervisor.alive == model.alive
                if not model.alive:
                    assert tree.runtime.statistics().actors == 0
                    return
                infos = reversed(await which_children("sup"))
                assert [(info.id, info.pid is not None) for info in infos] == [
                    (name, child.alive) for name, child in model.children.items()
                ]
                for name, child in model.children.items():
                    assert diary.count(f"+{name}") == child.starts
            assert tree.runtime.statistics().zombies == 0

    run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=25, deadline=None)
@given(data=st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(ENDS), st.booleans()), max_size=40))
def test_random_ends_anywhere_leave_a_whole_tree(backend: Backend, data: list[tuple[int, ExitReason, bool]]) -> None:
    """Whatever ends, also several at once: the tree comes back whole, and the runtime holds exactly what it shows."""
    endless = 1_000_000

    def inner(name: str, strategy: Any) -> ChildSpec:
        children = [probe(f"{name}{n}", trap_exit=n == 1) for n in range(3)]
        tree = Tree(children, SupFlags(strategy, endless))
        return ChildSpec(id=name, name=name, start=StaticSupervisor, args=tree)

    async def main() -> None:
        specs = [inner("a", "one_for_all"), inner("b", "rest_for_one"), dynamic("d", DynamicFlags(intensity=endless))]
        async with start_tree(*specs, flags=SupFlags("rest_for_one", endless)) as tree:
            for n in range(3):
                await start_child("d", probe(f"d{n}"))
            for choice, reason, at_once in data:
                rows = [row for row in tree.runtime.tree()[1:] if row.pid]
                row = rows[choice % len(rows)]
                if isinstance(reason, Killed) or row.kind == "supervisor":
                    tree.runtime.exit(row.name, Killed())
                else:
                    tree.runtime.cast(row.name, End(reason))
                if not at_once:
                    await anyio.sleep(0.001)
            await anyio.sleep(60.0)
            rows = list(tree.runtime.tree())
            assert {row.state for row in rows} == {"running"}
            fixed = [row.path for row in rows if not row.path.startswith("sup/d/")]
            expected = ["sup"]
            for name in "ab":
                expected += [f"sup/{name}", *[f"sup/{name}/{name}{n}" for n in range(3)]]
            assert fixed == [*expected, "sup/d"]
            assert tree.runtime.statistics().actors == len(rows)
            assert tree.runtime.statistics().zombies == 0
            for row in rows:
                pid = tree.runtime.whereis(row.name)
                assert pid is not None
                assert (pid.number, pid.alive) == (row.pid, True)

    run(main, backend=backend)
