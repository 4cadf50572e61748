"""Reading the files of ``sim/data``."""

from __future__ import annotations

import csv
from importlib import resources


def data_file(name: str) -> str:
    """Text of a file in ``sim/data``."""
    return resources.files("exphil_rt.sim").joinpath("data", name).read_text(encoding="utf-8")


def read_rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(data_file(name).splitlines()))


def number(text: str) -> float:
    return float(text) if text else 0.0
