"""``policies info`` and ``policies compare``: what a policy is, layer by layer, and how two differ."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from exphil_rt.cli.config import resolve
from exphil_rt.cli.options import Json
from exphil_rt.cli.output import show, show_json, size, table
from exphil_rt.policy.pack import MAX_REPORT_BYTES, REPORT_FILE
from exphil_rt.policy.ref import resolve_bundle

if TYPE_CHECKING:
    from exphil_rt.policy.manifest import Manifest
    from exphil_rt.policy.policy import Policy


def info(policy: str, /, *, json: Json = False) -> None:
    """Say what a policy is: its layers and sizes, what it sees and how it acts, where it comes from, its scores.

    Args:
        policy: NAME, NAME@vN, NAME@best or a path.
        json: print it as JSON.
    """
    network, manifest = _load(policy)
    layers, card = _layers(network), _card(resolve_bundle(policy))
    if json:
        show_json(
            {
                "manifest": manifest,
                "report_card": card,
                "layers": [dict(zip(("layer", "shapes", "weights"), r, strict=True)) for r in layers],
            }
        )
        return
    show(manifest.ref)
    facts = _facts(manifest) | {"report card": _card_line(manifest, card)}
    show(table(("what", ""), list(facts.items())))
    show()
    rows = [(name, shapes, f"{count:,}") for name, shapes, count in layers]
    show(table(("layer", "shapes", "weights"), [*rows, ("all", "", f"{network.parameter_count:,}")], right="weights"))
    if manifest.metrics:
        show()
        scores = [(name, f"{value:.4g}") for name, value in manifest.metrics.items() if "." not in name]
        show(table(("score", "value"), scores, right="value"))


def compare(a: str, b: str, /, *, json: Json = False) -> None:
    """Hold two policies side by side: what they are, their sizes and their scores.

    Args:
        a: a policy: NAME, NAME@vN, NAME@best or a path.
        b: the other.
        json: print it as JSON.
    """
    loaded = [_load(ref) for ref in (a, b)]
    one, other = (_facts(manifest) for _, manifest in loaded)
    layers = [{name: count for name, _, count in _layers(network)} for network, _ in loaded]
    scores = [manifest.metrics for _, manifest in loaded]
    if json:
        show_json([{"policy": m.ref, "facts": f, "layers": w, "metrics": s}
                   for (_, m), f, w, s in zip(loaded, (one, other), layers, scores, strict=True)])  # fmt: skip
        return
    heads = ("", *(manifest.ref for _, manifest in loaded))
    facts = [(name, one[name], other[name]) for name in one if one[name] != other[name]]
    show(table(heads, facts) if facts else "They are built alike and come from the same training.")
    show()
    right = " ".join(heads[1:])
    weights = [(f"weights in {n}", *(f"{w[n]:,}" if n in w else "-" for w in layers)) for n in _union(*layers)]
    show(table(heads, weights, right=right))
    names = [name for name in _union(*scores) if "." not in name]
    if names:
        show()
        show(table(heads, [(n, *(f"{s[n]:.4g}" if n in s else "-" for s in scores)) for n in names], right=right))


def _load(ref: str) -> tuple[Policy, Manifest]:
    from exphil_rt.policy.bundle import load_bundle

    resolve(None, (), ())  # which packages are trusted
    return load_bundle(resolve_bundle(ref))


def _card(folder: Path) -> dict[str, Any] | None:
    """The report card in a bundle's folder; None where it has none that can be read."""
    try:
        with (folder / REPORT_FILE).open("rb") as file:
            found = msgspec.json.decode(file.read(MAX_REPORT_BYTES))
    except (OSError, msgspec.MsgspecError):
        return None
    return found if isinstance(found, dict) else None


def _card_line(manifest: Manifest, card: dict[str, Any] | None) -> str:
    """How it plays; a version that a training published before its end has not played yet."""
    if card is None:
        return f"none; `exphil-rt eval play {manifest.ref} --save` plays for one"
    try:
        parts = [f"{p['win_rate']:.0%} of the points against {p['opponent']}" for p in card["played"]]
        return f"{', '.join(parts)} ({card['played'][0]['games']} games each)"
    except (LookupError, TypeError, ValueError):
        return f"{REPORT_FILE} cannot be read"


def _layers(network: Policy) -> list[tuple[str, str, int]]:
    """Modules with weights of their own: name, shapes and count."""
    found = []
    for name, module in network.named_modules():
        own = list(module.named_parameters(recurse=False))
        if own:
            shapes = "  ".join(f"{part} {'x'.join(map(str, p.shape))}" for part, p in own)
            found.append((name or "policy", shapes, sum(p.numel() for _, p in own)))
    return found


def _facts(manifest: Manifest) -> dict[str, str]:
    config, codec, training = manifest.config, manifest.config.codec, manifest.training
    options = ", ".join(f"{name} {value:g}" for name, value in config.options.items())
    kind = f"pairs of {len(codec.main)} and {len(codec.c_stick)}" if codec.joint else f"axes of {len(codec.stick)}"
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(manifest.created)) if manifest.created else "?"
    return {
        "backbone": f"{config.backbone}, {config.layers} layers of {config.hidden}{options and f' ({options})'}",
        "heads": f"{config.heads}, {config.head_width} wide",
        "actions": f"8 buttons, sticks as {kind}, trigger of {len(codec.trigger)}",
        "observes": f"{config.schema.num_floats} numbers, {config.schema.num_ids} ids",
        "delay": f"{config.delay} frames, room for {config.dmax}",
        "weights": f"{manifest.parameters:,} ({size(manifest.weights_bytes)})",
        "state": f"{manifest.state:,} floats a row",
        "characters": _characters(manifest.characters),
        "temperature": f"{manifest.temperature:g}",
        "parent": manifest.parent or "none",
        "training": f"{training.method or 'none'}, {training.frames:,} frames, {training.steps:,} steps",
        "seed": str(training.seed),
        "data": training.data or "none",
        "physics": manifest.physics or "?",
        "made": f"{made} by exphil-rt {manifest.code or '?'}",
    }  # fmt: skip


def _characters(ids: Iterable[int]) -> str:
    from exphil_rt.game.ids import Character

    known = {int(character): character.name.lower() for character in Character}
    return ", ".join(known.get(number, str(number)) for number in ids) or "any"


def _union(*tables: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for one in tables for name in one))
