"""Bodies that can be hit: the game's own capsules where they are known, else the fitted one."""

from __future__ import annotations

from collections import defaultdict

import pytest

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character
from exphil_rt.sim import hurt
from exphil_rt.sim.datafiles import read_rows
from exphil_rt.sim.state import JIT

FOX = int(Character.FOX)


@pytest.fixture
def body(new_game):
    """Fox at the middle of a stage, in a state at an age; what it stands in is put there, not played."""
    game = new_game()
    fighter = game.lane.players[0, 0]

    def be(state, age=0.0, facing=1.0, airborne=0):
        fighter["x"], fighter["y"], fighter["facing"] = 10.0, 5.0, facing
        fighter["state"], fighter["age"], fighter["airborne"] = state, age, airborne
        return fighter, game.lane.tables

    return be


def poses():
    """Capsules of known_hurt.csv by state and age."""
    found = defaultdict(list)
    for row in read_rows("known_hurt.csv"):
        if int(row["character"]) == FOX:
            found[int(row["state"]), int(row["age"])].append(row)
    return found


def middle(row):
    return tuple((float(row[name + "0"]) + float(row[name + "1"])) / 2 for name in "xy")


def strikes(fighter, tables, forward, up, radius=0.1):
    x = float(fighter["x"]) + float(fighter["facing"]) * forward
    touched = hurt.touches_body(x, float(fighter["y"]) + up, radius, fighter, tables)
    at = (tables["fighters"] if JIT else tables.fighters)[FOX]  # compiled code takes a record as it is
    part = hurt.struck_part(x, float(fighter["y"]) + up, radius, fighter, at, tables)
    return touched, part


@pytest.mark.parametrize("facing", [1.0, -1.0])
def test_every_capsule_of_a_standing_fox_is_struck_where_it_is(body, facing):
    fighter, tables = body(st.WAIT, facing=facing)
    seen = set()
    for row in poses()[st.WAIT, 0]:
        touched, part = strikes(fighter, tables, *middle(row))
        assert touched
        seen.add(part)
    assert seen == {hurt.HEAD, hurt.BODY, hurt.LEGS}


def test_beside_them_nothing_is_struck(body):
    fighter, tables = body(st.WAIT)
    high = max(float(row[y]) + float(row["radius"]) for row in poses()[st.WAIT, 0] for y in ("y0", "y1"))
    assert not strikes(fighter, tables, 0.0, high + 0.6, 0.5)[0]
    assert strikes(fighter, tables, middle(poses()[st.WAIT, 0][3])[0], high - 0.2, 0.5) == (True, hurt.HEAD)
    assert not strikes(fighter, tables, 12.0, 8.0, 3.0)[0]


def test_the_pose_is_that_of_the_age(body):
    known = poses()
    state, ages = next(
        (state, ages) for state in sorted({key[0] for key in known})
        if len(ages := sorted(age for of, age in known if of == state)) > 1
    )  # fmt: skip
    for n, age in enumerate(ages):
        fighter, tables = body(state, float(age), airborne=1)
        assert all(strikes(fighter, tables, *middle(row))[0] for row in known[state, age])
        first = tables["anim"][FOX][state]["pose_first"]
        assert hurt.pose_of(fighter, tables) == first + n
        fighter["age"] = age + 0.5
        assert hurt.pose_of(fighter, tables) == first + n


def test_a_state_without_a_pose_has_that_of_its_kind(body):
    fighter, tables = body(st.OTTOTTO)
    assert (st.OTTOTTO, 0) not in poses()
    assert hurt.pose_of(fighter, tables) == tables["anim"][FOX][st.WAIT]["pose_first"]
    fighter, tables = body(400, 7.0, airborne=1)
    assert hurt.pose_of(fighter, tables) == tables["anim"][FOX][st.FALL]["pose_first"]


def test_who_is_not_known_has_one_fitted_capsule(body):
    fighter, tables = body(st.WAIT)
    fighter["character"] = int(Character.MEWTWO)
    assert hurt.pose_of(fighter, tables) == -1
    shape = tables["hurt"][int(Character.MEWTWO)][hurt.STAND]
    assert strikes(fighter, tables, float(shape["x0"]), float(shape["y0"]))[0]
    assert not strikes(fighter, tables, 30.0, 8.0)[0]
