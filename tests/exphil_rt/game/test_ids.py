"""Character and stage ids against libmelee's enums; names that people write."""

from __future__ import annotations

import pytest
from melee.enums import Character as MeleeCharacter
from melee.enums import Stage as MeleeStage
from melee.enums import to_internal_stage

from exphil_rt.game import ids


def test_fighters_have_libmelees_internal_ids():
    theirs = {c for c in MeleeCharacter if c.value <= max(ids.Character)}
    assert {c.value for c in theirs} == set(ids.Character)
    for one in theirs:
        assert ids.character(one.name) == one.value, one.name


def test_external_ids_lead_back():
    assert sorted(ids.EXTERNAL_TO_INTERNAL) == sorted(ids.PLAYABLE)
    assert all(ids.EXTERNAL_TO_INTERNAL[external] == own for own, external in ids.INTERNAL_TO_EXTERNAL.items())


def test_stages_have_the_external_ids_that_libmelee_reads():
    for stage in ids.Stage:
        assert to_internal_stage(int(stage)).name.replace("_", "") == stage.name.replace("_", "")
    known = {number for number in range(ids.NUM_STAGES) if to_internal_stage(number) is not MeleeStage.NO_STAGE}
    assert known == set(ids.Stage)


@pytest.mark.parametrize(
    ("text", "fighter"), [("Mr. Game & Watch", "GAME_AND_WATCH"), ("gnw", "GAME_AND_WATCH"), ("M2", "MEWTWO")]
)
def test_names_as_people_write_them(text, fighter):
    assert ids.character(text) is ids.Character[fighter]
    assert ids.stage("fd") is ids.stage("Final Destination") is ids.Stage.FINAL_DESTINATION


def test_names_for_people_are_understood():
    assert all(ids.character(ids.character_name(fighter)) is fighter for fighter in ids.PLAYABLE)
    assert all(ids.stage(ids.stage_name(stage)) is stage for stage in ids.Stage)


def test_a_misspelt_name_gets_the_nearest_one():
    with pytest.raises(ids.UnknownName, match=r"'mewtow' is no character\. Did you mean mewtwo\?"):
        ids.character("mewtow")
