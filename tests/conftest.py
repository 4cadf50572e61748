"""Fixtures for every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, and no deadline: a machine may be busy.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def replays_dir() -> Path:
    """Folder of real .slp files; the test is skipped where there is none."""
    named = os.environ.get("EXPHIL_RT_TEST_REPLAYS")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "replays"
    if not folder.is_dir():
        pytest.skip(f"no real replays at {folder} (set EXPHIL_RT_TEST_REPLAYS to a folder of .slp files)")
    return folder
