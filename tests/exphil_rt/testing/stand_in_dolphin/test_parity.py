"""Parity: what libmelee sees through the stand-in is what its own file reader sees in the recording."""

from __future__ import annotations

import pytest
from stand_in_parts import drive, stand_in

from exphil_rt.testing.stand_in_dolphin.sources.recording import NotStreamable, messages_of

FAST = ("short/v3.18.slp", "short/netplay.slp", "short/v3.13.slp")
SLOW = (
    "short/v3.12.slp", "short/v3.16.slp", "short/crazy_name_tags.slp", "short/short_game_tbh10.slp",
    "matches/fox_multishine.slp",
    "matches/fox_multishine_closed.slp", "matches/gnw_neutral_dense.slp", "matches/ics2.slp", "matches/items.slp",
    "matches/mewtwo_dtilt_uptilt_dense.slp", "matches/mewtwo_ground_neutral_v2.slp",
    "matches/mewtwo_recovery_mix.slp", "matches/mewtwo_shfair_only.slp", "matches/mewtwo_vs_fox_20260716.slp",
    "matches/ys_multishine_good_2026-08-04.slp",
)  # fmt: skip
OLD = "no bookends"
NOT_STREAMABLE = {
    "broken/corrupt.slp": "no bookends",
    "matches/console_name.slp": OLD, "matches/marth_vs_fox_yoshis.slp": OLD, "matches/nintendont.slp": OLD,
    "matches/old_ver_thegang.slp": OLD, "matches/transform.slp": OLD, "matches/v2.0.slp": OLD,
    "short/buttons_abxy.slp": OLD, "short/buttons_lrzs.slp": OLD, "short/cstick_udlr.slp": OLD,
    "short/dash_back.slp": OLD, "short/dpad_udlr.slp": OLD, "short/ics.slp": OLD, "short/joystick_udlr.slp": OLD,
    "short/shield_drop.slp": OLD, "short/unknown_event.slp": OLD,
}  # fmt: skip
"""Recordings of Slippi 1 and 2: a console sends a frame when its bookend comes, and these have none."""


def compared(replays_dir, tmp_path, names, **console):
    scripts = [
        {
            "exe": stand_in(tmp_path, str(number), source=str(replays_dir / name)),
            "parity": str(replays_dir / name),
            "console": console,
            "steps": 40_000,
        }
        for number, name in enumerate(names)
    ]
    for name, report in zip(names, drive(*scripts, deadline_s=600.0), strict=True):
        assert report["outcome"] == "played", (name, report)
        assert report["parity"]["compared"] == len(report["frames"]) > 100, name
        assert report["parity"]["different"] == 0, (name, report["parity"])


def test_short_games_are_the_same_states(replays_dir, tmp_path):
    compared(replays_dir, tmp_path, FAST)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_matches_are_the_same_states(replays_dir, tmp_path, name):
    compared(replays_dir, tmp_path, [name])


def test_every_replay_is_compared_or_named_with_its_reason(replays_dir):
    names = {str(path.relative_to(replays_dir)) for path in replays_dir.rglob("*.slp")}
    assert names == {*FAST, *SLOW, *NOT_STREAMABLE}


@pytest.mark.parametrize("name", NOT_STREAMABLE)
def test_what_no_console_could_send_is_refused_with_its_reason(replays_dir, name):
    with pytest.raises(NotStreamable, match=NOT_STREAMABLE[name]):
        messages_of(replays_dir / name)
