"""The edge between the founder actor and the process that writes a run's first bundle."""

from __future__ import annotations

import msgspec


class FoundArgs(msgspec.Struct, frozen=True, kw_only=True, tag="found_args"):
    """What the first bundle is made from. It lies whole at ``policies/name@v1`` once the process is ready."""

    policies: str
    """Folder of bundles."""
    name: str
    run: str
    """Id of the run, for the manifest."""
    start: str = ""
    """Path of the bundle whose weights it takes over; empty: fresh weights of the sizes below."""
    backbone: str = "gru"
    hidden: int = 128
    layers: int = 0
    """0: as many as the backbone is best begun with."""
    backbone_options: dict[str, float] = {}
    delay: int = 0
    temperature: float = 1.0
    characters: tuple[int, ...] = ()
    seed: int = 0
