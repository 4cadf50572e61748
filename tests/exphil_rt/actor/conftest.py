"""The forkserver of the process tests: started by the main thread, ended with the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exphil_rt.actor import start_forkserver, stop_forkserver


@pytest.fixture(scope="session")
def forkserver() -> Iterator[None]:
    """One forkserver for every test that starts processes."""
    start_forkserver()
    yield
    stop_forkserver()
