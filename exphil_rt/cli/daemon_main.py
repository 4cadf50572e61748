"""What the daemon process does: lock the run, start the forkserver, build the tree, serve until the run is over.

No numba, no torch and no melee in here: they live in the daemon's children.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from exphil_rt.errors import ExphilError

if TYPE_CHECKING:
    from agents.context import RunContext, SelfPlayContext
    from exphil_rt.actor import ChildSpec
    from exphil_rt.actor.leftovers import Leftovers
    from exphil_rt.messages.imitation import RunOver
    from exphil_rt.store.run import Run

SLOTS: Final = 3
"""Experience slots: one is filled, one is learned from, one waits for whoever is slower."""
LOCKSTEP_SLOTS: Final = 2
"""In lockstep nobody waits; but the last row of a slot is the first of the next, which must be there."""
PRELOADED: Final = ("torch", "numpy", "msgspec")
"""What the forkserver imports once, so that its children start in milliseconds."""


class RunFailed(ExphilError):
    """The tree gave up."""


def run_daemon(*, run: Annotated[str, Parameter(name="--run")]) -> int:
    """Hold a run in the foreground until it is over or told to stop (SIGTERM; a second one stops at once).

    Args:
        run: name of a run that exists; `exphil-rt self-play` makes one.
    """
    import structlog
    import trio

    from exphil_rt.actor import start_forkserver
    from exphil_rt.actor.leftovers import Leftovers
    from exphil_rt.logs import open_log
    from exphil_rt.store.files import remove_folder
    from exphil_rt.store.home import Home
    from exphil_rt.store.run import Run

    home = Home.find().create()
    opened = Run.open(run, home)
    with opened.lock():
        config = opened.config()
        open_log(opened.logs, config.daemon.log_level)
        leftovers = Leftovers(opened.processes_file)
        if left := leftovers.end_earlier().processes:
            structlog.get_logger("exphil_rt").warning("leftovers_ended", os_pids=left)
        start_forkserver(PRELOADED)
        outcome, failure = trio.run(_serve, opened, leftovers)
        if outcome == "done":  # its database says so: there is nothing left to go on from
            remove_folder(opened.learner)
    if failure is not None:
        raise RunFailed(failure.failure, hint=failure.hint, exit_code=failure.exit_code)
    if outcome.startswith("failed"):
        hint = f"See `exphil-rt logs --run {run}`; resume it with --resume."
        raise RunFailed(f"The run {run} {outcome.rstrip('.')}.", hint=hint)
    return 0


async def _serve(run: Run, leftovers: Leftovers) -> tuple[str, RunOver | None]:
    """The tree's life; why it ended, and what is to be said where it failed."""
    import trio

    from exphil_rt.actor import ActorError, Runtime, StartError
    from exphil_rt.messages.run import StopRun
    from supervisors.reports import root_cause, tell_reports

    over = trio.Event()
    why: list[str] = []

    def finish(reason: str) -> None:
        why.append(reason)
        over.set()

    with build_context(run, finish, leftovers) as (context, tree):
        deadline = context.config.daemon.stop_deadline_s
        async with (
            Runtime.open(stop_deadline=deadline, exit_on_zombies=True) as runtime,
            trio.open_nursery() as nursery,
        ):
            runtime.subscribe_reports(tell_reports(runtime))
            leftovers.follow(runtime)

            async def watch_signals() -> None:
                with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                    asked = False
                    async for number in signals:
                        if asked:
                            finish("stopped")
                            return
                        asked = True
                        name = signal.Signals(number).name
                        try:
                            await runtime.call("run_manager", StopRun(author=name, reason=f"stopped by {name}"))
                        except ActorError:
                            finish("stopped")

            async def grow() -> None:
                try:
                    await runtime.start_root(tree)
                    reason = await runtime.wait_root()
                except StartError as error:
                    reason = error.reason
                finish(f"failed: {root_cause(reason)}")

            nursery.start_soon(watch_signals)
            nursery.start_soon(grow)
            await over.wait()
            nursery.cancel_scope.cancel()
    return why[0], context.failure


@contextlib.contextmanager
def build_context(
    run: Run, finish: Callable[[str], None], leftovers: Leftovers
) -> Iterator[tuple[RunContext, ChildSpec]]:
    """The live things that the actors of the run share, released at the end; and the tree that they live in.

    Raises:
        UnknownName: a character or stage of the settings that nobody knows.
        ExphilError: a match that cannot be played.
    """
    from exphil_rt.control.server import Hub

    config = run.config()
    with run.database() as database:
        progress = database.progress()
        database.update_progress(starts=progress.starts + 1, ended="")
        run_id, policy_name = database.meta("run_id"), database.meta("policy_name")
    shared: dict[str, Any] = {
        "run": run,
        "home": run.home,
        "config": config,
        "hub": Hub(),
        "socket": run.home.make_runtime_folder(run.name),
        "policy_name": policy_name,
        "run_id": run_id,
        "finish": finish,
    }
    if run.plan_file.is_file():
        from agents.context import ImitationContext
        from supervisors.imitation_tree import imitation_tree

        context = ImitationContext(**shared, origin="learning from replays", delay=config.policy.delay, games=0)
        yield context, imitation_tree(context)
        return
    if config.run.kind == "match":
        from agents.match_context import MatchContext
        from exphil_rt.cli.consoles import physics_of
        from exphil_rt.cli.play import plan_of
        from supervisors.match_tree import match_tree

        plan = plan_of(config, run.folder, run.home)
        match = MatchContext(
            **shared,
            origin=" against ".join(plan.players),
            delay=plan.plans[0].delay,
            games=1,
            plan=plan,
            physics=physics_of(config.play.console, config.play.source),
            leftovers=leftovers,
        )
        yield match, match_tree(match)
        return
    with _self_play(run, shared, leftovers) as playing:
        from supervisors.run_tree import run_tree

        yield playing, run_tree(playing)


@contextlib.contextmanager
def _self_play(run: Run, shared: dict[str, Any], leftovers: Leftovers) -> Iterator[SelfPlayContext]:
    from agents.context import GoingOn, SelfPlayContext
    from exphil_rt.actor import SlotPool
    from exphil_rt.cli.consoles import console_of, physics_of
    from exphil_rt.game import ids
    from exphil_rt.policy.backbones import entry, trust, widest_state
    from exphil_rt.policy.manifest import read_manifest
    from exphil_rt.policy.ref import resolve_bundle
    from exphil_rt.rollout.experience import RolloutShape

    config = run.config()
    trust(config.trust.packages)
    start, delay, origin = "", config.policy.delay, "learning from zero"
    layers = config.policy.layers or entry(config.policy.backbone).layers
    state = widest_state(config.policy.hidden, layers, config.policy.backbone_options)
    if config.policy.start:
        bundle = resolve_bundle(config.policy.start, run.home.root)
        manifest = read_manifest(bundle)
        start, origin = str(bundle), f"from {manifest.ref}"
        delay, state = manifest.delay, manifest.state
    workers = config.rollout.workers
    games = (config.run.games + workers - 1) // workers
    shape = RolloutShape(steps=config.rollout.length, games=games, dmax=max(delay, 1), state=state)
    pool = SlotPool(LOCKSTEP_SLOTS if config.run.deterministic else SLOTS + workers - 1, shape.nbytes)
    try:
        yield SelfPlayContext(
            **shared,
            games=config.run.games,
            pool=pool,
            physics=physics_of(config.run.game_type, config.play.source),
            leftovers=leftovers,
            console=None if config.run.game_type == "embedded" else console_of(config, run.folder),
            start=start,
            origin=origin,
            delay=delay,
            characters=tuple(int(ids.character(name)) for name in config.game.characters),
            stages=tuple(int(ids.stage(name)) for name in config.game.stages),
            going_on=GoingOn.find(run.learner) if config.run.deterministic else None,
        )
    finally:
        pool.close()
