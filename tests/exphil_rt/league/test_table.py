"""The table of a league: results from both ports, newcomers, the calibration of the first version."""

from __future__ import annotations

import pytest

from exphil_rt.league.elo import START, Standing, calibrated
from exphil_rt.league.table import Table

RULES = {"versions": ["v1", "v2"], "first": "v1", "anchor_games": 2}


def table(**elos: float) -> Table:
    return Table(standings={name: Standing(policy=name, elo=elo) for name, elo in elos.items()})


def test_results_count_from_both_ports():
    found = table(v1=1000.0, v2=1000.0)
    found.record(("v1", "v2"), 1.0, found.after(("v1", "v2"), 1.0, **RULES))
    found.record(("v2", "v1"), 0.5, found.after(("v2", "v1"), 0.5, **RULES))
    assert found.score("v1", "v2") == (1, 1, 0)
    assert found.score("v2", "v1") == (0, 1, 1)
    assert found.matches == 2
    assert found.standings["v1"].games == found.standings["v2"].games == 2
    assert found.win_rate(["v1", "v2"], "v1") == 0.25


def test_a_match_changes_nothing_before_it_is_recorded():
    found = table(v1=1100.0, v2=1000.0)
    one, two = found.after(("v1", "v2"), 0.0, **RULES)
    assert found.standings["v1"].elo == 1100.0
    assert one.elo < 1100.0
    assert two.elo > 1000.0
    assert found.played == {}


def test_a_newcomer_starts_where_the_newest_rated_version_stands():
    found = table(v1=1000.0, v2=1234.0)
    assert found.standing_of("v3", ["v1", "v2", "v3"]).elo == 1234.0
    assert found.standing_of("v3", []).elo == START


def test_the_first_version_is_calibrated_once():
    found = table(v1=1000.0, random=START)
    assert found.calibrated_first("v1", "random", 1) is None, "it has not played"
    found.played["v1", "random"] = (3, 0, 1)
    assert found.calibrated_first("v1", "random", 5) is None
    fixed = found.calibrated_first("v1", "random", 4)
    assert fixed is not None
    assert fixed.anchor
    assert fixed.elo == pytest.approx(calibrated(START, 3, 0, 1))
    found.standings["v1"] = fixed
    assert found.calibrated_first("v1", "random", 4) is None


def test_a_newcomer_is_placed_by_its_first_games_against_the_anchor():
    found = table()
    found.standings["v1"] = Standing(policy="v1", elo=1500.0, anchor=True)
    for pair, score in ((("v2", "v1"), 1.0), (("v1", "v2"), 0.5)):
        found.record(pair, score, found.after(pair, score, **RULES))
    assert found.standings["v2"].elo == pytest.approx(calibrated(1500.0, 1, 1, 0))
    assert found.standings["v1"].elo == 1500.0
