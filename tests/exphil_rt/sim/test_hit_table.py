"""The table of hitboxes: windows, epochs, slots; and that each normal of each fighter does its damage."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.ids import PLAYABLE, Character
from exphil_rt.sim import EmbeddedLane, kernel
from exphil_rt.sim.datafiles import read_rows
from exphil_rt.sim.hit_table import GRAB, hit_plan, hit_row
from exphil_rt.sim.hurt import GROUPS, HEIGHT
from exphil_rt.sim.slot_rows import SLOT_ROWS, rows_of_slots

NORMALS = (
    st.ATTACK_11, st.ATTACK_12, st.ATTACK_DASH, st.ATTACK_S3_S, st.ATTACK_HI_3, st.ATTACK_LW_3, st.ATTACK_S4_S,
    st.ATTACK_HI_4, st.ATTACK_LW_4, *range(st.ATTACK_AIR_N, st.ATTACK_AIR_LW + 1), st.DOWN_ATTACK_U,
    st.CLIFF_ATTACK_QUICK,
)  # fmt: skip


def rows(*windows):
    return [hit_row(start, start + 1, damage, "361", "100", "0", "0") for start, damage in windows]


def test_a_pause_begins_a_new_epoch():
    plan = hit_plan(rows((5, "2")), [5, 6, 9, 10])
    assert [plan[frame][0] for frame in (5, 6, 9, 10)] == [0, 0, 1, 1]


def test_a_repeated_window_hits_again_and_a_weaker_one_does_not():
    again = hit_plan(rows((10, "5"), (13, "5")), list(range(10, 16)))
    assert [again[frame][0] for frame in range(10, 16)] == [0, 0, 0, 1, 1, 1]
    late = hit_plan(rows((10, "16"), (13, "6")), list(range(10, 16)))
    assert {epoch for epoch, _ in late.values()} == {0}
    assert [late[frame][1][0]["damage"] for frame in (12, 13)] == ["16", "6"]


def test_the_last_blow_of_a_loop_comes_when_it_was_recorded():
    # the source lets the loop run once too often: 5, 9, 13 and then the last at 17; recorded are 5, 9 and 13
    plan = hit_plan(rows((5, "2"), (9, "2"), (13, "2"), (17, "4")), [5, 9, 13])
    assert [plan[frame][1][0]["damage"] for frame in (5, 9, 13)] == ["2", "2", "4"]


def test_windows_of_another_clock_are_taken_in_order():
    plan = hit_plan(rows((7, "2"), (14, "3")), [5, 12])
    assert [plan[frame][1][0]["damage"] for frame in (5, 12)] == ["2", "3"]


def test_every_listed_slot_deals_its_damage():
    """Each line of the table names rows that are there, whose damages it was read with, and leaves no row out."""
    hits: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in [*read_rows("hits.csv"), *read_rows("special_hits.csv")]:
        hits.setdefault((row["character"], row["state"], row["start"]), []).append(row)
    listed = read_rows("slot_rows.csv")
    assert len(listed) == len(SLOT_ROWS) > 300
    for line in listed:
        rows = hits[line["character"], line["state"], line["start"]]
        dealt = [rows[int(digit)] for digit in line["rows"]]
        assert [row["damage"] for row in dealt] == line["damages"].split(), line
        blows = {tuple(value for name, value in row.items() if name != "slot") for row in rows}
        assert {tuple(value for name, value in row.items() if name != "slot") for row in dealt} == blows, line


@pytest.mark.parametrize(
    ("who", "state", "damages"),
    [
        (Character.MARTH, st.ATTACK_AIR_F, [10, 9, 9, 13]),  # the tip is the last one,
        (Character.MARTH, st.ATTACK_AIR_LW, [13, 10, 9, 9]),  # or the first
        (Character.ROY, st.ATTACK_AIR_HI, [6, 9, 9, 9]),
        (Character.CAPTAIN_FALCON, st.ATTACK_S3_HI, [12, 12, 11]),
        (Character.BOWSER, st.ATTACK_S3_HI, [15, 13, 15]),
        (Character.LINK, st.ATTACK_DASH, [12, 11, 11, 9]),
        (Character.MEWTWO, st.ATTACK_AIR_B, [9, 11, 13]),  # the tail's root is the strongest
        (Character.PEACH, st.ATTACK_HI_4, [15, 19, 8, 8]),
        (Character.SHEIK, st.ATTACK_AIR_N, [14, 14, 14, 10]),
    ],
)
def test_slots_deal_what_the_game_lets_them(who, state, damages):
    tables = kernel.load().tables[0]
    an = tables["anim"][int(who), state]
    first = tables["hit_frames"][int(an["hit_offset"])]
    dealt = [float(tables["circles"][int(first["offset"]) + n]["damage"]) for n in range(int(first["count"]))]
    assert dealt == damages


def test_unlisted_slots_share_rows_in_their_order():
    two = rows((1, "3"), (1, "5"))
    assert rows_of_slots(two, [0, 1]) == [0, 1]
    assert rows_of_slots(two, [0, 1, 2, 3]) == [0, 0, 0, 1]
    assert rows_of_slots(two[:1], [0, 2, 3]) == [0, 0, 0]
    assert rows_of_slots(two, [1]) == [1]


def test_a_blow_that_only_grows_weaker_hits_once():
    """Link's up air is one hit of 16, then 12 percent; Pichu's back air only renews its hitboxes."""
    tables = kernel.load().tables[0]
    for who, state, damages in (
        (Character.LINK, st.ATTACK_AIR_HI, {16.0, 12.0}),
        (Character.KIRBY, st.ATTACK_AIR_N, {12.0, 10.0, 8.0, 6.0}),
        (Character.PICHU, st.ATTACK_AIR_B, {9.0}),
    ):
        an = tables["anim"][int(who), state]
        out = tables["hit_frames"][int(an["hit_offset"]) : int(an["hit_offset"]) + int(an["hit_frames"])]
        assert {int(frame["epoch"]) for frame in out if frame["count"]} == {0}
        assert {float(tables["circles"][int(frame["offset"])]["damage"]) for frame in out if frame["count"]} == damages


def test_mewtwos_neutral_air_ends_with_its_strong_blow():
    tables = kernel.load().tables[0]
    an = tables["anim"][Character.MEWTWO, st.ATTACK_AIR_N]
    by_frame = tables["hit_frames"][int(an["hit_offset"]) : int(an["hit_offset"]) + int(an["hit_frames"])]
    out = [frame for frame in by_frame if frame["count"]]
    assert [float(tables["circles"][frame["offset"]]["damage"]) for frame in (out[0], out[-1])] == [2.0, 4.0]
    assert len({int(frame["epoch"]) for frame in out}) == 9


def test_each_normal_of_each_fighter_does_its_damage(new_game):
    """A victim inside the first hitbox of a move, in the air, takes one of that frame's damages on that frame."""
    tables = kernel.load().tables[0]
    ready = new_game().lane.save(0)
    cases = []
    for who in PLAYABLE:
        for state in NORMALS:
            an = tables["anim"][int(who), state]
            if an["hit_frames"] == 0:
                continue
            frame = tables["hit_frames"][int(an["hit_offset"])]
            boxes = [tables["circles"][int(frame["offset"]) + n] for n in range(int(frame["count"]))]
            boxes = [box for box in boxes if box["hit_air"] and box["damage"] > 0 and box["element"] != GRAB]
            if boxes:
                cases.append((int(who), state, float(an["hit_first"]), boxes))
    assert len(cases) > 26 * 11
    lane = EmbeddedLane(len(cases))
    for slot, (who, state, first, boxes) in enumerate(cases):
        lane.restore(slot, ready)
        attacker, victim = lane.players[slot, 0], lane.players[slot, 1]
        for player in (attacker, victim):
            player["airborne"], player["line"], player["y"], player["vx"], player["vy"] = 1, -1, 60.0, 0.0, 0.0
        attacker["character"], attacker["state"], attacker["age"], attacker["rate"] = who, state, first - 1, 1.0
        attacker["x"], attacker["facing"], attacker["hit_epoch"] = 0.0, 1.0, -1
        victim["character"], victim["state"], victim["facing"] = Character.MEWTWO, st.FALL, -1.0
        victim["x"], victim["y"] = float(boxes[0]["x"]), 60.0 + float(boxes[0]["y"]) - 0.45 * HEIGHT[Character.MEWTWO]
    lane.step(np.arange(len(cases), dtype=np.int32), 1, watch=False)
    wrong = []
    for slot, (who, state, _, boxes) in enumerate(cases):
        dealt = float(lane.players[slot, 1]["percent"])
        if not any(abs(dealt - float(box["damage"])) < 1e-3 for box in boxes):
            wrong.append((who, st.state_name(state), dealt))
    assert not wrong
    lane.close()


def test_every_fighter_has_a_body_in_every_kind_of_state():
    hurt = kernel.load().tables[0]["hurt"]
    for who in PLAYABLE:
        for group in range(len(GROUPS)):
            shape = hurt[int(who), group]
            length = np.hypot(shape["x1"] - shape["x0"], shape["y1"] - shape["y0"])
            assert min(shape["radius"], shape["radius1"]) >= 0
            assert 1.0 < length + 2 * shape["radius"] < 45.0
