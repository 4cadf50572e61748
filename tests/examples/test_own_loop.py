"""The example's own loop runs as it stands, and learns."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_loop.py"


@pytest.fixture
def own_loop():
    spec = importlib.util.spec_from_file_location("own_loop", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_learns_and_plays_its_matches(own_loop, capsys):
    small = ["--games", "2", "--steps", "32", "--hidden", "16", "--limit", "200", "--match", "2"]
    learner = own_loop.main(["--frames", "400", *small])
    assert learner.frames >= 400
    assert learner.update >= 7
    assert all(bool(torch.isfinite(w).all()) for w in learner.weights().values())
    said = capsys.readouterr().out.splitlines()
    assert len(said) == learner.update + 2
    assert said[-2].startswith("against random: ")
    assert said[-1].startswith("against its first version: ")


def test_it_is_short_enough_to_read():
    lines = [line for line in EXAMPLE.read_text().splitlines() if line.strip()]
    assert len(lines) <= 80
