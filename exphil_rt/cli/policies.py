"""``policies list``: the bundles of the policy store."""

from __future__ import annotations

import time
from typing import Any

from exphil_rt.cli.options import Json
from exphil_rt.cli.output import say, show, show_json, size, table
from exphil_rt.store.home import Home
from exphil_rt.store.policies import BundleInfo, list_bundles


def describe(bundle: BundleInfo) -> dict[str, object]:
    """One bundle as plain values. Its manifest is shown, not trusted: loading it checks every field."""
    manifest = bundle.manifest
    config: dict[str, Any] = manifest["config"] if isinstance(manifest.get("config"), dict) else {}
    return {
        "policy": bundle.ref,
        "backbone": config.get("backbone"),
        "delay": config.get("delay"),
        "parameters": manifest.get("parameters"),
        "parent": manifest.get("parent"),
        "metrics": manifest.get("metrics"),
        "bytes": bundle.bytes,
        "created_ns": bundle.created_ns,
        "path": str(bundle.path),
        "problem": bundle.problem,
    }


def list_policies(name: str | None = None, *, json: Json = False) -> None:
    """List policies and their versions.

    Args:
        name: only policies whose name begins so.
        json: print them as JSON.
    """
    home = Home.find()
    found = [describe(bundle) for bundle in list_bundles(home.policies) if bundle.name.startswith(name or "")]
    if json:
        show_json(found)
        return
    if not found:
        say(f"No policies in {home.policies} yet. next: exphil-rt self-play, or exphil-rt train imitation")
        return
    rows = [
        (
            policy["policy"],
            policy["backbone"] or "?",
            "?" if policy["delay"] is None else policy["delay"],
            size(int(str(policy["bytes"]))),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(int(str(policy["created_ns"])) / 1e9)),
            policy["problem"] or policy["parent"] or "",
        )
        for policy in found
    ]
    show(table(("policy", "backbone", "delay", "size", "made", "from"), rows, "delay size"))
