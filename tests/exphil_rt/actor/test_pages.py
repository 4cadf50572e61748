"""The pages on actors as they stand: the actor, its test, its place in a tree, and the kernel's own page."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import anyio
import pytest

from exphil_rt.actor import ChildSpec, Killed, Runtime
from exphil_rt.actor import sys as actor_sys
from exphil_rt.testing.clocks import BACKENDS, Backend, run

DOCS = Path(__file__).parents[3] / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def load(name: str, code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_documented_actor_passes_its_documented_test_and_lives_in_its_documented_tree(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor, test, tree, *_ = blocks("adding-an-actor.md")
    assert len(actor.splitlines()) <= 42
    tally = load("agents.tally", actor, tmp_path, monkeypatch)
    documented = load("documented_test", test, tmp_path, monkeypatch)
    documented.test_it_counts_and_ends_when_it_has_seen_enough(backend=backend)
    scoring = load("supervisors.scoring", tree, tmp_path, monkeypatch)

    async def main() -> None:
        async with Runtime.open() as runtime:
            await runtime.start_root(ChildSpec(id="scoring", start=scoring.Scoring, args=5))
            runtime.cast("tally", tally.KnockOut(slot=0))
            assert await runtime.call("tally", tally.GetCount()) == 1
            before = runtime.whereis("tally")
            assert before is not None
            runtime.exit("season", Killed())  # what was built on it restarts with it
            await runtime.wait_ended(before, 1.0)
            await anyio.sleep(0.001)
            assert await runtime.call("tally", tally.GetCount()) == 0

    run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_kernels_page_runs(backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, change = blocks("actors.md")
    page = load("actors_page", program, tmp_path, monkeypatch)
    following = load("actors_page_two", f"from actors_page import Counter\n\n{change}", tmp_path, monkeypatch)

    async def main() -> None:
        async with Runtime.open() as runtime:
            await runtime.start_root(ChildSpec(id="top", start=page.Top))
            await actor_sys.suspend("counter")
            await actor_sys.change_code("counter", following.CounterTwo)
            await actor_sys.resume("counter")
            assert await runtime.call("counter", page.Total()) == 400

    run(main, backend=backend)


def test_the_kernel_needs_nothing_else_of_ours() -> None:
    code = "import sys, exphil_rt.actor; print(*[name for name in sys.modules if name.startswith(('exphil', 'torch'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    others = {name for name in done.stdout.split() if not name.startswith("exphil_rt.actor")}
    assert others == {"exphil_rt", "exphil_rt.errors"}
