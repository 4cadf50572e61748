"""The shape of a run's tree."""

from __future__ import annotations

import pytest

from agents.context import SelfPlayContext
from exphil_rt.actor import check_childspecs
from exphil_rt.actor.supervisor import Supervisor
from exphil_rt.config import load_config
from exphil_rt.control.server import Hub
from supervisors.run_tree import run_tree


def context(tmp_path, **overrides):
    return SelfPlayContext(
        physics="sim",
        leftovers=None,
        run=None, home=None, config=load_config(env={}, overrides=overrides).config, hub=Hub(), pool=None,
        socket=tmp_path / "s", start="", policy_name="one", run_id="1", origin="", delay=0, games=1, characters=(1,),
        stages=(32,), going_on=None, finish=lambda reason: None,
    )  # fmt: skip


def branches(spec):
    """Specifications by path, in the order of their start."""
    found = {spec.id: spec}
    if issubclass(spec.start, Supervisor):
        flags, children = spec.start().init(spec.args)
        check_childspecs(children, flags.auto_shutdown)
        for child in children:
            found |= {f"{spec.id}/{path}": below for path, below in branches(child).items()}
    return found


def test_what_others_depend_on_starts_first(tmp_path):
    paths = list(branches(run_tree(context(tmp_path))))
    order = [path.rpartition("/")[2] for path in paths]
    for before, after in (
        ("store", "telemetry"),
        ("telemetry", "control"),
        ("control", "trainer"),
        ("population_manager", "matchmaker"),
        ("experience", "inference_worker"),
        ("inference_worker", "trainer"),
        ("founder", "trainer"),
        ("trainer", "game_runner-1"),
    ):
        assert order.index(before) < order.index(after)


def test_every_actor_but_the_founder_is_permanent_and_has_a_name(tmp_path):
    for path, spec in branches(run_tree(context(tmp_path))).items():
        if path.endswith("/founder"):
            assert spec.restart == "temporary"
        else:
            assert spec.restart == "permanent"
            assert spec.name == spec.id


@pytest.mark.parametrize("workers", [1, 3])
def test_there_is_a_runner_for_each_worker_and_only_the_first_has_more_than_training_games(tmp_path, workers):
    specs = branches(run_tree(context(tmp_path, **{"rollout.workers": workers})))
    runners = [spec for path, spec in specs.items() if "/games/" in path]
    assert [spec.name for spec in runners] == [f"game_runner-{n + 1}" for n in range(workers)]
    assert [spec.args[1].first for spec in runners] == [True] + [False] * (workers - 1)
    assert all(spec.backoff is not None for spec in runners)
