"""Random trees against a reference model: who lives, in which order they started and stopped, when intensity gives up.

A hypothesis machine makes a tree and a program of crashes, ends, kills, terminations, restarts and waits, with slow
stops among them, and plays it on the model; then the same program runs on the kernel, on both loops, and must give the
same after each step. The slow test goes on until 10,000 ends; ``make test`` plays a few hundred.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import anyio
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from exphil_rt.actor import (
    ChildSpec,
    Crash,
    ExitReason,
    Killed,
    Normal,
    Shutdown,
    SupFlags,
    delete_child,
    is_clean,
    restart_child,
    terminate_child,
)
from exphil_rt.actor.inspection import ActorInfo
from exphil_rt.testing.actors import End, ProbeArgs, probe
from exphil_rt.testing.clocks import BACKENDS, run
from exphil_rt.testing.trees import StaticSupervisor, Tree, start_tree

PERIOD_S = 5.0
PATIENCE_S = 1.0
"""Shutdown time of every worker; all times are binary fractions, so that both clocks are exact."""
REASONS: tuple[ExitReason, ...] = (Normal(), Shutdown(), Shutdown("odd"), Crash("odd", "odd"))
STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")


@dataclass
class Node:
    """A specification, and whether something runs for it."""

    name: str
    restart: str
    stop_s: float = 0.0
    """Seconds that a worker's terminate takes; longer than PATIENCE_S is a kill."""
    strategy: str = ""
    """Of a supervisor; '' for a worker."""
    intensity: int = 0
    below: tuple[Node, ...] = ()
    """Specifications of a supervisor, for each of its starts."""
    alive: bool = False
    children: list[Node] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)

    def fresh(self) -> Node:
        return Node(self.name, self.restart, self.stop_s, self.strategy, self.intensity, self.below)


class Model:
    """OTP's rules on plain data and a clock."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.now = 0.0
        self.diary: list[str] = []
        self.ends = 0
        self.parents: dict[str, Node] = {}
        self._start(root)

    def _start(self, node: Node) -> None:
        node.alive = True
        if node.strategy:
            node.restarts = []
            node.children = [below.fresh() for below in node.below]
            for child in node.children:
                self.parents[child.name] = node
                self._start(child)
        else:
            self.diary.append(f"+{node.name}")

    def _stop(self, node: Node) -> None:
        """As its supervisor does it, in order; takes time."""
        if not node.alive:
            return
        if node.strategy:
            for child in reversed(node.children):
                self._stop(child)
            node.children = []
        elif node.stop_s > PATIENCE_S:
            self.now += PATIENCE_S
        else:
            self.now += node.stop_s
            self.diary.append(f"-{node.name}")
        node.alive = False

    def end(self, node: Node, reason: ExitReason) -> None:
        """A worker ends by itself, or is killed, or its supervisor gave up."""
        self.ends += 1
        if not isinstance(reason, Killed):
            if node.stop_s > PATIENCE_S:
                self.now += PATIENCE_S
            else:
                self.now += node.stop_s
                self.diary.append(f"-{node.name}")
        node.alive = False
        self._ended(node, reason)

    def _ended(self, node: Node, reason: ExitReason) -> None:
        parent = self.parents.get(node.name)
        if parent is None:
            return
        if node.restart == "temporary" or (node.restart == "transient" and is_clean(reason)):
            self._drop(parent, node)
            return
        parent.restarts = [then for then in parent.restarts if self.now - then <= PERIOD_S] + [self.now]
        if len(parent.restarts) > parent.intensity:
            self._stop(parent)
            self._ended(parent, Shutdown())
            return
        affected = [node]
        if parent.strategy == "one_for_all":
            affected = list(parent.children)
        elif parent.strategy == "rest_for_one":
            affected = parent.children[parent.children.index(node) :]
        for sibling in reversed(affected):
            if sibling is not node:
                self._stop(sibling)
                self._drop(parent, sibling)
        for child in affected:
            if child in parent.children:
                self._start(child)

    def _drop(self, parent: Node, node: Node) -> None:
        if node.restart == "temporary":
            parent.children.remove(node)

    def terminate(self, node: Node) -> None:
        self.ends += 1
        self._stop(node)
        self._drop(self.parents[node.name], node)

    def nodes(self) -> list[Node]:
        """Every specification below the root, in the order of the tree."""

        def walk(node: Node) -> list[Node]:
            return [node, *[one for child in node.children for one in walk(child)]]

        return walk(self.root)[1:]

    def snapshot(self) -> list[tuple[str, bool]]:
        return [(node.name, node.alive) for node in self.nodes()] if self.root.alive else []


def spec_of(node: Node, diary: list[str]) -> ChildSpec:
    common: dict[str, Any] = {"restart": node.restart}
    if not node.strategy:
        return probe(node.name, ProbeArgs(diary=diary, terminate_s=node.stop_s), shutdown=PATIENCE_S, **common)
    flags = SupFlags(node.strategy, node.intensity, PERIOD_S)  # type: ignore[arg-type]
    tree = Tree([spec_of(below, diary) for below in node.below], flags)
    return ChildSpec(id=node.name, name=node.name, start=StaticSupervisor, args=tree, **common)


@dataclass
class Step:
    """One step, and what the model says after it."""

    kind: str
    name: str
    parent: str
    reason: ExitReason
    seconds: float
    snapshot: list[tuple[str, bool]] = field(default_factory=list)
    diary: list[str] = field(default_factory=list)
    now: float = 0.0


async def play(root: Node, steps: list[Step]) -> None:
    """The program on the kernel, compared after each step."""
    diary: list[str] = []
    specs = [spec_of(below, diary) for below in root.below]
    flags = SupFlags(root.strategy, root.intensity, PERIOD_S)  # type: ignore[arg-type]
    async with start_tree(*specs, flags=flags, stop_deadline=1000.0) as tree:
        runtime = tree.runtime
        opened = runtime.loop.now()
        for step in steps:
            match step.kind:
                case "end":
                    runtime.cast(step.name, End(step.reason))
                case "kill":
                    runtime.exit(step.name, Killed())
                case "terminate":
                    await terminate_child(step.parent, step.name)
                case "restart":
                    await restart_child(step.parent, step.name)
                case "delete":
                    await delete_child(step.parent, step.name)
            await anyio.sleep(opened + step.now - runtime.loop.now())
            rows = runtime.tree()[1:]
            assert [(name_of(row), row.pid > 0) for row in rows] == step.snapshot, step
            assert diary == step.diary, step
            assert {row.state for row in rows} <= {"running", "down"}
            living = sum(row.pid > 0 for row in rows) + tree.supervisor.alive
            statistics = runtime.statistics()
            assert (statistics.actors, statistics.zombies) == (living, 0)
    assert runtime.statistics().actors == 0


def name_of(row: ActorInfo) -> str:
    return row.path.rpartition("/")[2]


class TreeMachine(RuleBasedStateMachine):
    """Draws the tree and the steps, and knows the model while it does."""

    ends: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    @initialize(data=st.data())
    def grow(self, data: st.DataObject) -> None:
        self.grow_tree(data)

    def grow_tree(self, data: st.DataObject) -> None:
        names = (f"n{number}" for number in range(1000))

        def supervisor(depth: int) -> Node:
            below = []
            for _ in range(data.draw(st.integers(1, 4))):
                if depth < 2 and data.draw(st.integers(0, 3)) == 0:
                    below.append(supervisor(depth + 1))
                else:
                    restart = data.draw(st.sampled_from(("permanent", "transient", "temporary")))
                    stop_s = data.draw(st.sampled_from((0.0, 0.0, 0.0, 0.25, 0.5, 2.0)))
                    below.append(Node(next(names), restart, stop_s))
            strategy = data.draw(st.sampled_from(STRATEGIES))
            restart = data.draw(st.sampled_from(("permanent", "transient")))
            intensity = data.draw(st.sampled_from((1, 3, 6)))
            return Node(next(names), restart, 0.0, strategy, intensity, tuple(below))

        self.root = supervisor(0)
        self.model = Model(self.root)

    def alive(self) -> list[Node]:
        return [node for node in self.model.nodes() if node.alive] if self.model.root.alive else []

    def stopped(self) -> list[Node]:
        return [node for node in self.model.nodes() if not node.alive] if self.model.root.alive else []

    def note(self, kind: str, node: Node, reason: ExitReason, wait: float) -> None:
        self.model.now += wait
        parent = self.model.parents[node.name]
        step = Step(kind, node.name, "sup" if parent is self.root else parent.name, reason, wait)
        step.snapshot, step.diary, step.now = self.model.snapshot(), list(self.model.diary), self.model.now
        self.steps.append(step)

    waits = st.sampled_from((0.125, 0.125, 0.5, 1.5, 6.0))

    @precondition(lambda self: any(not node.strategy for node in self.alive()))
    @rule(data=st.data(), reason=st.sampled_from(REASONS), wait=waits)
    def end(self, data: st.DataObject, reason: ExitReason, wait: float) -> None:
        node = data.draw(st.sampled_from([node for node in self.alive() if not node.strategy]))
        self.model.end(node, reason)
        self.note("end", node, reason, wait)

    @precondition(lambda self: any(not node.strategy for node in self.alive()))
    @rule(data=st.data(), wait=waits)
    def kill(self, data: st.DataObject, wait: float) -> None:
        node = data.draw(st.sampled_from([node for node in self.alive() if not node.strategy]))
        self.model.end(node, Killed())
        self.note("kill", node, Killed(), wait)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), wait=waits)
    def terminate(self, data: st.DataObject, wait: float) -> None:
        node = data.draw(st.sampled_from(self.alive()))
        self.model.terminate(node)
        self.note("terminate", node, Shutdown(), wait)

    @precondition(lambda self: self.stopped())
    @rule(data=st.data(), wait=waits)
    def restart(self, data: st.DataObject, wait: float) -> None:
        node = data.draw(st.sampled_from(self.stopped()))
        self.model._start(node)
        self.note("restart", node, Shutdown(), wait)

    @precondition(lambda self: self.stopped())
    @rule(data=st.data(), wait=waits)
    def delete(self, data: st.DataObject, wait: float) -> None:
        node = data.draw(st.sampled_from(self.stopped()))
        self.model.parents[node.name].children.remove(node)
        self.note("delete", node, Shutdown(), wait)

    @precondition(lambda self: not self.model.snapshot())
    @rule(data=st.data())
    def plant(self, data: st.DataObject) -> None:
        """Nothing is left: play what there is, and go on with another tree."""
        self.perform()
        self.grow_tree(data)

    def perform(self) -> None:
        if self.steps:
            TreeMachine.ends += self.model.ends
            for backend in BACKENDS:
                run(play, self.root, self.steps, backend=backend)
        self.steps = []

    def teardown(self) -> None:
        self.perform()


def drive(examples: int, steps: int) -> int:
    """Ends that were played on each backend."""
    TreeMachine.ends = 0
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(TreeMachine, settings=chosen)
    return TreeMachine.ends


def test_random_trees_do_what_the_model_does() -> None:
    assert drive(15, 25) > 50


@pytest.mark.slow
def test_ten_thousand_random_ends() -> None:
    assert drive(700, 60) >= 10_000
