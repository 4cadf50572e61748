"""Settings written out: as TOML with the origin of each value, and as the rows of the reference page."""

from __future__ import annotations

import ast
import inspect
import json

import msgspec

from exphil_rt.config import sections
from exphil_rt.config.layers import DEFAULT, Resolved, leaf_types, wanted
from exphil_rt.config.sections import Config


class Setting(msgspec.Struct, frozen=True):
    """One row of the reference."""

    key: str
    default: str
    """As it would be written in TOML."""
    wanted: str
    """What it may be, in words."""
    text: str
    """What it means."""


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _quoted(value)
        case tuple() | list():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_quoted(name)} = {_toml(item)}" for name, item in value.items()) + "}"
        case _:
            raise TypeError(f"{value!r} has no place in a settings file")


def _quoted(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped and JSON lets stand.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def to_toml(resolved: Resolved) -> str:
    """All settings as TOML, each with where it came from; ``load_config`` reads the same settings back."""
    lines = ["# The settings of this run as they held when it was created, each with where it came from."]
    for section in Config.__struct_fields__:
        lines += ["", f"[{section}]"]
        content = getattr(resolved.config, section)
        for name in type(content).__struct_fields__:
            origin = resolved.origin.get(f"{section}.{name}", DEFAULT)
            origin = "".join(char if char.isprintable() else "?" for char in origin)  # it stands in a comment
            lines.append(f"{name} = {_toml(getattr(content, name))}  # {origin}")
    return "\n".join(lines) + "\n"


def _texts() -> dict[str, str]:
    """The docstring under every field, by class and field name (``RunSettings.seed``)."""
    texts: dict[str, str] = {}
    for node in ast.parse(inspect.getsource(sections)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, below in zip(node.body, node.body[1:], strict=False):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    texts[f"{node.name}.{name}"] = " ".join(text.split())
    return texts


def settings() -> tuple[Setting, ...]:
    """Every setting in the order of declaration."""
    texts, defaults = _texts(), Config()
    rows = []
    for key, kind in leaf_types().items():
        section, _, name = key.partition(".")
        content = getattr(defaults, section)
        rows.append(
            Setting(key, _toml(getattr(content, name)), wanted(kind), texts[f"{type(content).__name__}.{name}"])
        )
    return tuple(rows)
