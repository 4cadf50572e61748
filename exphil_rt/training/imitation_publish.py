"""From a trained clone to a bundle: its manifest, and the folder with its report card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from exphil_rt.config import Config
from exphil_rt.policy.bundle import save_bundle
from exphil_rt.policy.manifest import Manifest, Training, read_manifest
from exphil_rt.policy.policy import Policy
from exphil_rt.policy.ref import next_version
from exphil_rt.replays import Selection
from exphil_rt.store.home import Home
from exphil_rt.store.policies import list_bundles
from exphil_rt.training.imitation_result import ImitationResult, metrics

if TYPE_CHECKING:
    from exphil_rt.rollout.closed_loop import ReportCard

PHYSICS: Final = "melee-1.02"
"""What recorded games are played on."""


def manifest_of(
    policy: Policy,
    result: ImitationResult,
    about: Selection,
    settings: Config,
    *,
    name: str,
    run_id: str,
    home: Home,
) -> Manifest:
    """The manifest of the next version of ``name`` that is free."""
    return Manifest(
        name=name,
        version=next_version(name, home.root),
        config=policy.config,
        characters=tuple(sorted(about.sides)),
        run=run_id,
        training=Training(
            method="imitation",
            data="; ".join([about.kept_line(), *about.dropped_lines()]),
            steps=result.steps,
            frames=result.frames,
            seed=settings.run.seed,
            delays=settings.imitation.delays,
        ),
        metrics=metrics(result, policy.config.codec.heads),
        physics=PHYSICS,
    )


def publish(
    policy: Policy, manifest: Manifest, home: Home, graded: tuple[ReportCard, bytes] | None = None
) -> tuple[Path, Manifest]:
    """Write the bundle; one that the same run wrote of the same weights stands as it is.

    Args:
        policy: with the weights that are published.
        manifest: of ``manifest_of``.
        home: where policies lie.
        graded: report card and the game in the middle; the card's temperature becomes the policy's.

    Returns:
        The bundle's folder and its manifest as written.
    """
    if graded is not None:
        manifest = msgspec.structs.replace(manifest, temperature=graded[0].temperature)
    path, written = home.policies / manifest.ref, None
    for bundle in reversed(list_bundles(home.policies)):
        if bundle.name == manifest.name and bundle.run == manifest.run and not bundle.problem:
            before = read_manifest(bundle.path)
            if (before.training, before.metrics, before.temperature) == (
                manifest.training,
                manifest.metrics,
                manifest.temperature,
            ):
                path, written = bundle.path, before
            break
    if written is None:
        written = save_bundle(path, policy, manifest)
    if graded is not None:
        from exphil_rt.rollout.closed_loop import keep_card

        card = msgspec.structs.replace(graded[0], policy=written.ref)
        keep_card(card, graded[1], path)
    return path, written
