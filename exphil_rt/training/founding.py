"""Writes a run's first bundle: the weights of the policy that it starts from, or fresh ones."""

from __future__ import annotations

from pathlib import Path

import torch

from exphil_rt.actor import ChildPort
from exphil_rt.messages.founding import FoundArgs
from exphil_rt.policy.bundle import load_bundle, save_bundle
from exphil_rt.policy.config import new_config
from exphil_rt.policy.manifest import Manifest, Training
from exphil_rt.training.fresh import fresh_policy


def found(args: FoundArgs) -> Path:
    """Write ``name@v1`` and give its path; one that is there already stands as it is."""
    path = Path(args.policies) / f"{args.name}@v1"
    if path.is_dir():
        return path
    if args.start:
        policy, parent = load_bundle(args.start)
        manifest = Manifest(
            name=args.name,
            version=1,
            config=parent.config,
            characters=parent.characters,
            temperature=parent.temperature,
            parent=parent.ref,
            run=args.run,
            training=parent.training,
        )
    else:
        config = new_config(
            args.backbone,
            hidden=args.hidden,
            layers=args.layers or None,
            options=dict(args.backbone_options),
            delay=args.delay,
        )
        policy = fresh_policy(config, args.seed)
        manifest = Manifest(
            name=args.name,
            version=1,
            config=config,
            characters=args.characters,
            temperature=args.temperature,
            run=args.run,
            training=Training(seed=args.seed),
        )
    save_bundle(path, policy, manifest)
    return path


def main(port: ChildPort) -> None:
    """The process: found, say ready, wait to be stopped."""
    torch.set_num_threads(1)
    found(port.args(FoundArgs))
    port.ready()
    while not port.stopping:
        port.heartbeat("done")
        port.receive(FoundArgs, timeout=1.0)
