"""Every fault of a stand-in, at a real console: by its name, in time, and nothing left (docs/dolphin-faults.md)."""

from __future__ import annotations

import pytest
from console_parts import EVERY, Case, saved_frames

pytestmark = [pytest.mark.trio, pytest.mark.slow, pytest.mark.usefixtures("forkserver")]


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
async def test_every_fault_has_its_name_and_its_time(tmp_path, case: Case):
    came = await case.play(tmp_path)
    assert came.said in case.comes_to, came
    assert came.seconds < case.within
    assert came.left == []
    if came.said == "played on":
        assert "Normal" in came.text
    if came.shown:
        assert max(saved_frames(tmp_path)) >= came.shown
