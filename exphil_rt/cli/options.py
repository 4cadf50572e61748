"""Options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json", negative="")]
"""Print JSON instead of text."""

Run = Annotated[str | None, Parameter(name="--run")]
"""Name of a run; the only live one by default."""

Flag = Annotated[bool, Parameter(negative="")]
"""A switch without a ``--no-`` twin."""

Preset = Annotated[str | None, Parameter(name="--preset")]
ConfigFiles = Annotated[tuple[Path, ...], Parameter(name="--config", consume_multiple=False, negative="")]
Settings = Annotated[tuple[str, ...], Parameter(name="--set", consume_multiple=False, negative="")]
