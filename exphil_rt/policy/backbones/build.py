"""Building a backbone from its name and options, each checked before anything large is made."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import cast

from torch import nn

from exphil_rt.policy.backbones import BackboneInvalid, entry
from exphil_rt.policy.backbones.base import Backbone, Option

Value = bool | int | float


def backbone_class(name: str) -> type[nn.Module]:
    """The class of the backbone ``name``.

    Raises:
        BackboneInvalid: not known, not trusted, or not to be found.
    """
    module, _, attribute = entry(name).target.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        raise BackboneInvalid(
            f"The backbone {name!r} cannot be imported: {error}.", hint=f"Install the package of {module}."
        ) from error
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise BackboneInvalid(f"{attribute!r} of {module} is no backbone: it is no class of torch.nn.Module.")
    missing = [method for method in ("init_state", "OPTIONS") if not hasattr(found, method)]
    if missing:
        raise BackboneInvalid(
            f"The backbone {name!r} has no {missing[0]}.", hint="docs/adding-a-backbone.md shows what one has."
        )
    return found


def options_of(name: str, given: Mapping[str, Value]) -> dict[str, Value]:
    """All options of the backbone ``name``: those given, checked, and defaults for the others.

    Raises:
        BackboneInvalid: an option that it does not have, or a value out of its range.
    """
    known: dict[str, Option] = cast("type[Backbone]", backbone_class(name)).OPTIONS
    for key, value in given.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(known) or 'none'}."
            raise BackboneInvalid(f"The backbone {name} has no option {key!r}.", hint=hint)
        option = known[key]
        if not option.low <= value <= option.high or (isinstance(option.default, int) and value != int(value)):
            raise BackboneInvalid(
                f"The option {key} of the backbone {name} is {value:g}; it must be "
                f"{'a whole number from ' if isinstance(option.default, int) else ''}{option.low:g} to {option.high:g}."
            )
    return {key: type(option.default)(given.get(key, option.default)) for key, option in known.items()}


def build(name: str, features: int, hidden: int, layers: int, options: Mapping[str, Value]) -> nn.Module:
    """A backbone from ``features`` to ``hidden`` wide.

    Raises:
        BackboneInvalid: not known, not trusted, or not possible with these sizes.
    """
    checked = options_of(name, options)
    try:
        return backbone_class(name)(features, hidden, layers, **checked)
    except (ValueError, TypeError) as error:
        raise BackboneInvalid(f"The backbone {name} cannot be built: {error}.") from error
