"""The writer of the run's database."""

from __future__ import annotations

import msgspec
import pytest

from exphil_rt.messages.rows import Metric, PolicyRow
from exphil_rt.messages.store import (
    AllWritten,
    CommitPolicy,
    KeepBudget,
    LoadPolicies,
    PutMetrics,
    PutProgress,
    ReserveGames,
)

ONLY = ("store", "telemetry")


def row(version, **fields):
    return PolicyRow(
        ref=f"one@v{version}", name="one", version=version, frames=version, generation=version, created_ns=version,
        **fields,
    )  # fmt: skip


@pytest.mark.trio
async def test_game_ids_are_never_given_twice(make):
    async with make(*ONLY) as world:
        first = await world.ask("store", ReserveGames(count=100))
        assert await world.ask("store", ReserveGames(count=100)) == first + 100
    async with make(*ONLY) as world:
        assert await world.ask("store", ReserveGames(count=1)) == first + 200


@pytest.mark.trio
async def test_a_full_disk_refuses_and_complains_once_a_minute(make, mock_clock):
    async with make(*ONLY) as world:
        for _ in range(2):
            mock_clock.jump(61.0)
            async with world.full_disk():
                for version in (1, 2):
                    committed = await world.ask("store", CommitPolicy(row=row(version)))
                    assert not committed.done
                    assert "has no room left for" in committed.problem
                world.tell("store", PutMetrics((Metric(name="loss", frames=1, time_ns=1, value=1.0),)))
                assert await world.ask("store", ReserveGames(count=1)) is None
                await world.settle()
            assert (await world.ask("store", CommitPolicy(row=row(3)))).done
        assert len(world.events("store_refused")) == 2
        assert [r.version for r in (await world.ask("store", LoadPolicies())).rows] == [3]


@pytest.mark.trio
async def test_a_bundle_that_a_crash_left_without_a_row_is_removed_and_said(make):
    async with make("store", "telemetry", "population_manager") as world:
        world.publish(1, 100)
        await world.until(lambda: world.events("policy_published"))
    context = make.context()[0]
    left = context.home.policies / "one@v2"
    left.mkdir()
    (left / "manifest.json").write_bytes(msgspec.json.encode({"run": context.run_id, "name": "one", "version": 2}))
    other = context.home.policies / "other@v1"
    other.mkdir()
    (other / "manifest.json").write_bytes(msgspec.json.encode({"run": "another", "name": "other", "version": 1}))
    async with make(*ONLY) as world:
        (event,) = await world.until(lambda: world.events("policy_dropped"))
        assert "one@v2" in event.text
        assert not left.exists()
        assert other.exists()
        assert (context.home.policies / "one@v1").exists()
        assert not world.runtime.statistics().dead_letters


@pytest.mark.trio
async def test_the_budget_never_takes_the_population_or_the_best(make):
    async with make(*ONLY, **{"store.max_gb": 0.003}) as world:
        context = world.context
        for version in range(1, 7):
            folder = context.home.policies / f"one@v{version}"
            folder.mkdir()
            (folder / "manifest.json").write_bytes(msgspec.json.encode({"run": context.run_id}))
            (folder / "policy.safetensors").write_bytes(bytes(1_000_000))
            await world.ask("store", CommitPolicy(row=row(version)))
        world.tell("store", KeepBudget(population=("one@v1", "one@v6"), best="one@v3"))
        await world.until(lambda: world.events("disk_pruned"))
        left = {folder.name for folder in context.home.policies.iterdir()}
        assert left == {"one@v1", "one@v3", "one@v6"}
        rows = (await world.ask("store", LoadPolicies())).rows
        assert {r.ref for r in rows if not r.pruned} == left


@pytest.mark.trio
async def test_progress_is_kept(make):
    async with make(*ONLY) as world:
        world.tell("store", PutProgress(frames=77, generation=3, ended="stopped"))
        await world.ask("store", AllWritten())
        progress = world.rows(lambda db: db.progress())
        assert (progress.frames, progress.generation, progress.ended) == (77, 3, "stopped")
