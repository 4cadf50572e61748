"""Every rule in the table of mutations is broken, two at a time, and the tests named beside it fail, on both loops."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import pytest
from actor_mutations import (
    MUTATIONS,
    PAGE,
    REPOSITORY,
    Mutation,
    applied,
    copied_package,
    places,
    run_tests,
    table,
    targets_of,
)
from actor_mutations import survivors as surviving

WORKERS = 2
DEADLINE_S = 1800.0
"""For one rule, with those that come before it."""


@pytest.fixture(scope="module")
def where() -> dict[str, Path]:
    return places()


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, where: dict[str, Path]) -> Iterator[dict[str, Future[dict[str, str]]]]:
    """By rule: what became of the tests named beside those that were chosen; WORKERS run meanwhile."""
    chosen = [item.callspec.params["mutation"] for item in request.session.items if "mutation" in _parameters(item)]
    copies: SimpleQueue[Path] = SimpleQueue()

    def run(mutation: Mutation) -> dict[str, str]:
        copy = copies.get()
        try:
            with applied(mutation, copy):
                return run_tests(copy, targets_of(mutation, where), slow=mutation.slow)
        finally:
            copies.put(copy)

    with ExitStack() as stack:
        for _ in range(WORKERS):
            copies.put(stack.enter_context(copied_package()))
        pool = ThreadPoolExecutor(WORKERS)
        stack.callback(pool.shutdown, cancel_futures=True)
        yield {mutation.rule: pool.submit(run, mutation) for mutation in chosen}


def _parameters(item: pytest.Item) -> dict[str, object]:
    return item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}


def test_every_mutation_fits_the_source_and_names_tests_that_exist(where: dict[str, Path]) -> None:
    for mutation in MUTATIONS:
        source = (REPOSITORY / "exphil_rt" / "actor" / mutation.file).read_text(encoding="utf-8")
        assert source.count(mutation.old) == 1, mutation
        assert mutation.tests
        assert set(mutation.tests.split()) <= set(where), mutation
    assert len({mutation.rule for mutation in MUTATIONS}) == len(MUTATIONS)


def test_every_case_of_otps_suite_is_named_beside_some_rule(where: dict[str, Path]) -> None:
    named = {name for mutation in MUTATIONS for name in mutation.tests.split()}
    suite = (Path(__file__).parent / "test_otp_suite.py").read_text(encoding="utf-8")
    cases = {name for name in where if f'"{name}"' in suite}
    assert len(cases) == 88
    assert cases <= named


def test_the_page_has_the_table() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_without_a_mutation_every_named_test_passes(where: dict[str, Path]) -> None:
    names = dict.fromkeys(name for mutation in MUTATIONS for name in mutation.tests.split())
    with copied_package() as folder:
        outcomes = run_tests(folder, [f"{where[name]}::test_{name}" for name in names], slow=True)
    assert len(outcomes) >= 2 * len(names)
    assert {node for node, outcome in outcomes.items() if outcome != "passed"} == set()


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.rule)
def test_the_named_tests_fail(mutation: Mutation, outcomes: dict[str, Future[dict[str, str]]]) -> None:
    assert surviving(mutation, outcomes[mutation.rule].result(DEADLINE_S)) == []
