"""Founder: has the run's first bundle written and committed, once in a run's life, before anybody learns or plays."""

from __future__ import annotations

from agents.context import SelfPlayContext
from exphil_rt.actor import Ignore, ProcessChild
from exphil_rt.errors import ExphilError
from exphil_rt.messages.founding import FoundArgs
from exphil_rt.messages.league import GetPopulation, Population, VersionPublished


class NotFounded(ExphilError):
    """The first version was not committed; the store has said why."""


class Founder(ProcessChild[None]):
    """Runs to its end within ``init``, so that what is started after it can rely on the bundle."""

    target = "exphil_rt.training.founding:main"
    init_timeout = 300.0

    async def init(self, args: SelfPlayContext) -> Ignore:
        """Write and commit ``name@v1``, unless the population has it."""
        if args.going_on is not None:
            return Ignore()
        known: Population = await self.call("population_manager", GetPopulation())
        if known.first is not None:
            return Ignore()
        policy = args.config.policy
        self.ready_s = args.config.daemon.start_deadline_s
        await self.start_process(
            FoundArgs(
                policies=str(args.home.policies),
                name=args.policy_name,
                run=args.run_id,
                start=args.start,
                backbone=policy.backbone,
                hidden=policy.hidden,
                layers=policy.layers,
                backbone_options=policy.backbone_options,
                delay=args.delay,
                temperature=policy.temperature,
                characters=args.characters,
                seed=args.config.run.seed,
            )
        )
        self.cast(
            "population_manager",
            VersionPublished(
                name=args.policy_name,
                version=1,
                path=args.first_version,
                update=0,
                frames=0,
                learner_generation=0,
            ),
        )
        # Casts and calls of one sender keep their order: the answer says that the version is committed.
        known = await self.call("population_manager", GetPopulation(), timeout=30.0)
        if known.first is None:
            raise NotFounded(f"The run's first version {args.policy_name}@v1 could not be committed.")
        return Ignore()
