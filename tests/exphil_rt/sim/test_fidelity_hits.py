"""What becomes of one recorded hit: met, missed, on a wrong frame, with a wrong percent or launch, or false."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.sim.fidelity.hits import EARLY_OR_LATE, FALSE, LAUNCH, MET, MISSED, NONE, PERCENT, Contacts
from exphil_rt.sim.state import PLAYER, SAVED

ROWS = 14


def verdict(real, mine, hitlag=True):
    """Verdict on player 1 of one window; a hit is (frame, percent, launch speed), none is None."""
    body = {
        "percent": np.full((ROWS, 1, 2), 10.0, np.float32), "hitlag": np.zeros((ROWS, 1, 2), np.float32),
        "knockback_x": np.zeros((ROWS, 1, 2), np.float32), "knockback_y": np.zeros((ROWS, 1, 2), np.float32),
        "state": np.full((ROWS, 1, 2), st.WAIT, np.int32),
    }  # fmt: skip
    if real is not None:
        frame, percent, launch = real
        body["percent"][frame:, 0, 1] += percent
        body["knockback_x"][frame:, 0, 1] = launch
        if hitlag:
            body["hitlag"][frame, 0] = 5.0
            body["state"][frame:, 0, 1] = st.DAMAGE_N1
    records = np.zeros(1, SAVED)
    records["players"]["percent"] = 10.0
    contacts, zero = Contacts(1), np.zeros(1, np.int32)
    for offset in range(1, ROWS):
        now = np.zeros((1, 2), PLAYER)
        now["percent"], now["state"] = 10.0, st.WAIT
        if mine is not None and offset >= mine[0]:
            now["percent"][0, 1] += mine[1]
            now["hitlag"][0, 1] = 5.0 if offset == mine[0] and hitlag else 0.0
            now["ky"][0, 1] = mine[2]
        contacts.see(offset, now, records, body, zero, zero)
    judged = contacts.judged()
    assert judged["verdict"][0, 0] == NONE
    return judged[0, 1]


@pytest.mark.parametrize(
    ("real", "mine", "expected"),
    [
        ((4, 12.0, 2.0), (4, 12.0, 2.0), MET),
        ((4, 12.0, 2.0), (5, 12.0, 2.03), MET),
        ((4, 12.0, 2.0), (6, 12.0, 2.0), EARLY_OR_LATE),
        ((4, 12.0, 2.0), None, MISSED),
        ((4, 12.0, 2.0), (4, 11.04, 2.0), PERCENT),
        ((4, 12.0, 2.0), (4, 12.0, 2.1), LAUNCH),
        (None, (4, 12.0, 2.0), FALSE),
        (None, None, NONE),
        ((12, 12.0, 2.0), None, NONE),  # after the first eleven frames
    ],
)
def test_verdicts(real, mine, expected):
    assert verdict(real, mine)["verdict"] == expected


@pytest.mark.parametrize(("real", "mine"), [((4, 1.0, 0.0), None), (None, (4, 3.0, 0.0))])
def test_damage_that_stops_nobody_is_no_hit(real, mine):
    assert verdict(real, mine, hitlag=False)["verdict"] == NONE


def test_a_contact_keeps_its_figures():
    contact = verdict((4, 12.0, 2.0), (5, 11.0, 1.0))
    assert contact["when"].tolist() == [4, 5]
    assert contact["percent"].tolist() == pytest.approx([12.0, 11.0])
    assert contact["launch"].tolist() == pytest.approx([2.0, 1.0])
    assert contact["struck"] == st.WAIT
