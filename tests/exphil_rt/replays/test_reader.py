"""Real files become frames that equal what peppi's arrays and libmelee's own reader say."""

from __future__ import annotations

import csv
import inspect

import numpy as np
import pytest

from exphil_rt.game.frames import MAX_ITEMS
from exphil_rt.game.ids import EXTERNAL_TO_INTERNAL, Character, Stage
from exphil_rt.game.randall import randall
from exphil_rt.replays import Replay, ReplayError, read_replay
from exphil_rt.replays.stages import fod_platforms, stadium_transformation

END_METHODS = {"unresolved": "0", "time": "1", "game": "2", "resolved": "3", "no_contest": "7", "missing": ""}


def peppi(path):
    read = pytest.importorskip("peppi_py._peppi").read_slippi
    return read(str(path), False)


def leader(game, port):
    return game.frames.field("ports").field(port).field("leader")


@pytest.fixture(scope="module")
def manifest(replays_dir):
    file = replays_dir / "MANIFEST.csv"
    if not file.is_file():
        pytest.skip(f"no {file}")
    with file.open() as lines:
        return list(csv.DictReader(lines))


def test_every_file_is_read_as_its_manifest_says_or_refused_with_its_reason(replays_dir, manifest):
    for row in manifest:
        path = replays_dir / row["file"]
        players = row["port_character_type"].split()
        if row["parse"] != "ok":
            with pytest.raises(ReplayError) as refused:
                read_replay(path, rollback="first")
            assert row["parse"] in refused.value.reason
        elif len(players) != 2:
            with pytest.raises(ReplayError, match=f"has {len(players)} players"):
                read_replay(path, rollback="first")
        else:
            replay = read_replay(path, rollback="first")
            meta = replay.meta
            assert ".".join(map(str, meta.version)) == row["slippi_version"], row
            assert meta.rows == int(row["frames"])
            assert END_METHODS[meta.end_method] == row["end_method"]
            assert Stage(meta.stage).name == row["stage"].replace("DREAM_LAND_N64", "DREAM_LAND")
            for player, told in zip(meta.players, players, strict=True):
                port, _, kind = told.split(":")
                assert player.port == int(port) - 1
                assert player.cpu == (kind == "cpu")
            assert replay.frames.lead == (meta.frames,)
            assert np.array_equal(replay.frames.frame, np.arange(-123, -123 + meta.frames))


def test_columns_equal_peppis_arrays_where_nothing_was_rolled_back(replays_dir):
    path = replays_dir / "matches" / "mewtwo_vs_fox_20260716.slp"
    replay, game = read_replay(path, rollback="first"), peppi(path)
    frames = replay.frames
    for player, port in enumerate(("P1", "P2")):
        post, pre = leader(game, port).field("post"), leader(game, port).field("pre")
        mine, held = frames.players[:, player], frames.controllers[:, player]
        assert mine.exists.all()
        for name, source in (("stocks", "stocks"), ("percent", "percent"), ("state", "state"), ("shield", "shield"),
                             ("state_age", "state_age"), ("hitlag", "hitlag"), ("jumps", "jumps"),
                             ("facing", "direction"), ("animation", "animation_index"), ("airborne", "airborne"),
                             ("hurtbox_state", "hurtbox_state"), ("l_cancel", "l_cancel"), ("ground", "ground"),
                             ("character", "character"), ("combo_count", "combo_count")):  # fmt: skip
            assert np.array_equal(getattr(mine, name), post.field(source).to_numpy()), name
        for axis in ("x", "y"):
            assert np.array_equal(getattr(mine, f"position_{axis}"), post.field("position").field(axis).to_numpy())
            assert np.array_equal(getattr(held, f"joystick_{axis}"), pre.field("joystick").field(axis).to_numpy())
            assert np.array_equal(getattr(held, f"cstick_{axis}"), pre.field("cstick").field(axis).to_numpy())
            assert np.array_equal(getattr(held, f"raw_{axis}"), pre.field(f"raw_analog_{axis}").to_numpy())
        for name in ("self_x_air", "self_y", "self_x_ground", "knockback_x", "knockback_y"):
            assert np.array_equal(getattr(mine, name), post.field("velocities").field(name).to_numpy())
        assert np.array_equal(held.buttons, pre.field("buttons_physical").to_numpy())
        assert np.array_equal(held.trigger, pre.field("triggers").to_numpy())
        for bit in range(5):
            assert np.array_equal(mine.flags[:, bit], post.field("state_flags").field(str(bit)).to_numpy())
    assert not frames.nanas.exists.any()
    assert replay.meta.title == "Mewtwo - Fox, Final Destination"


def test_hitstun_is_the_misc_value_in_hitstun_and_0_elsewhere(replays_dir):
    path = replays_dir / "matches" / "mewtwo_recovery_mix.slp"
    fighter, game = read_replay(path, rollback="first").frames.players[:, 0], peppi(path)
    misc = leader(game, "P1").field("post").field("misc_as").to_numpy()
    stunned = (fighter.flags[:, 3] & 2) != 0
    assert stunned.sum() > 100
    assert np.array_equal(fighter.hitstun[stunned], misc[stunned])
    assert (fighter.hitstun[~stunned] == 0).all()
    assert (misc[~stunned] != 0).any(), "the misc value means other things elsewhere"
    assert set(fighter.state[stunned]) <= set(range(75, 92))


def test_first_and_last_differ_only_on_frames_that_were_simulated_again(replays_dir):
    path = replays_dir / "matches" / "ics2.slp"
    first, last = read_replay(path, rollback="first"), read_replay(path, rollback="last")
    ids = peppi(path).frames.field("id").to_numpy()
    index, count = np.unique(ids, return_counts=True)
    assert first.meta == last.meta, "the digest does not depend on the rows"
    assert first.meta.rows == len(ids) > first.meta.frames == len(index)
    once = count == 1
    differs = np.zeros(len(index), bool)
    for name, values in first.frames.arrays().items():
        other = last.frames.arrays()[name]
        assert np.array_equal(values[once], other[once]), name
        differs |= (values != other).reshape(len(index), -1).any(axis=1)
    assert differs.any(), "a rolled-back frame was guessed wrong the first time"


def test_rollback_is_a_required_choice(replays_dir):
    parameter = inspect.signature(read_replay).parameters["rollback"]
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
    assert parameter.default is inspect.Parameter.empty
    with pytest.raises(ValueError, match="not 'first' or 'last'"):
        read_replay(replays_dir / "short" / "ics.slp", rollback="newest")


def test_nana_and_her_absence(replays_dir):
    path = replays_dir / "matches" / "ics2.slp"
    frames, game = read_replay(path, rollback="last").frames, peppi(path)
    follower = game.frames.field("ports").field("P1").field("follower")
    valid = follower.is_valid().to_numpy(zero_copy_only=False)
    ids = game.frames.field("id").to_numpy()
    at = len(ids) - 1 - np.unique(ids[::-1], return_index=True)[1]
    nana = frames.nanas[:, 0]
    assert np.array_equal(nana.exists.astype(bool), valid[at])
    here = nana.exists == 1
    assert 0 < here.sum() < len(here)
    assert (nana.character[here] == Character.NANA).all()
    assert np.array_equal(
        nana.position_x[here],
        follower.field("post").field("position").field("x").to_numpy(zero_copy_only=False)[at][here],
    )
    for name, values in nana.arrays().items():
        if name != "last_hit_by":
            assert not values[~here].any(), name
    assert not frames.nanas[:, 1].exists.any()
    assert set(frames.nanas.last_hit_by.ravel()) <= {0, 1, 6}


def test_items_lie_in_their_slots_with_the_player_as_owner(replays_dir):
    for name in ("matches/gnw_neutral_dense.slp", "matches/ys_multishine_good_2026-08-04.slp", "matches/items.slp"):
        path = replays_dir / name
        items, game = read_replay(path, rollback="first").frames.items, peppi(path)
        column = game.frames.field("item").to_pylist()
        assert items.exists.sum() == sum(len(row) for row in column)
        for frame, row in enumerate(column):
            for slot, item in enumerate(row[:MAX_ITEMS]):
                assert items.exists[frame, slot] == 1
                assert items.kind[frame, slot] == item["type"]
                assert items.position_x[frame, slot] == np.float32(item["position"]["x"])
                assert items.velocity_y[frame, slot] == np.float32(item["velocity"]["y"])
                assert items.owner[frame, slot] == item["owner"]
        assert (items.owner[items.exists == 0] == -1).all()


def test_ports_become_players_in_port_order(replays_dir):
    path = replays_dir / "matches" / "nintendont.slp"
    replay, game = read_replay(path, rollback="first"), peppi(path)
    assert [player.port for player in replay.meta.players] == [1, 3]
    for player, port in enumerate(("P2", "P4")):
        post = leader(game, port).field("post")
        assert np.array_equal(replay.frames.players.percent[:, player], post.field("percent").to_numpy())
        hitter = post.field("last_hit_by").to_numpy()
        mine = replay.frames.players.last_hit_by[:, player]
        assert np.array_equal(mine[hitter == 1], np.zeros((hitter == 1).sum(), np.uint8))
        assert np.array_equal(mine[hitter == 3], np.ones((hitter == 3).sum(), np.uint8))
        assert (mine[(hitter != 1) & (hitter != 3)] == 6).all()


def test_columns_that_an_old_version_lacks_are_zero(replays_dir):
    frames = read_replay(replays_dir / "short" / "ics.slp", rollback="first").frames  # Slippi 1.0
    for name in ("hitlag", "hitstun", "jumps", "airborne", "hurtbox_state", "self_x_air", "knockback_y", "animation"):
        assert not getattr(frames.players, name).any(), name
    assert not frames.controllers.raw_x.any()
    assert not frames.controllers.raw_y.any()
    assert not frames.items.exists.any()
    assert frames.players.exists.all()
    assert frames.players.stocks[0].tolist() == [4, 4]


def test_the_fighter_is_who_was_on_screen(replays_dir):
    replay = read_replay(replays_dir / "matches" / "transform.slp", rollback="first")
    assert EXTERNAL_TO_INTERNAL[18] == Character.ZELDA, "the start block says Zelda"
    assert replay.meta.players[1].character == Character.SHEIK
    assert {Character.SHEIK, Character.ZELDA} <= set(replay.frames.players.character[:, 1])


def test_names_and_codes(replays_dir):
    meta = read_replay(replays_dir / "short" / "v3.16.slp", rollback="first").meta
    assert [(player.name, player.code) for player in meta.players] == [("Clown", "CLWN#889"), ("sweezy017", "SWZ#195")]
    assert meta.match_id
    old = read_replay(replays_dir / "short" / "netplay.slp", rollback="first").meta  # codes only in the metadata
    assert [player.code for player in old.players] == ["ABCD#123", "XX#000"]


def test_a_game_with_an_event_unknown_to_us_has_the_same_digest(replays_dir):
    known = read_replay(replays_dir / "matches" / "marth_vs_fox_yoshis.slp", rollback="first")
    other = read_replay(replays_dir / "short" / "unknown_event.slp", rollback="first")
    assert known.meta.digest == other.meta.digest
    different = read_replay(replays_dir / "matches" / "v2.0.slp", rollback="first")
    assert known.meta.digest != different.meta.digest


def test_fountain_platforms_follow_the_recorded_events(replays_dir):
    frames = read_replay(replays_dir / "short" / "v3.18.slp", rollback="first").frames
    assert frames.platforms[0].tolist() == [20.0, 28.0]
    rows = peppi(replays_dir / "short" / "v3.18.slp").frames.field("fod_platform").to_pylist()
    left, right = 20.0, 28.0
    for at, events in enumerate(rows):
        for event in events:
            if event["platform"] == 1:
                left = event["height"]
            else:
                right = event["height"]
        assert frames.platforms[at].tolist() == [np.float32(left), np.float32(right)]
    assert not read_replay(replays_dir / "short" / "netplay.slp", rollback="first").frames.platforms.any()


def test_stage_events_are_held_and_taken_from_the_kept_rows():
    keep = np.array([0, 1, 3])
    heights = fod_platforms(np.array([1, 2]), np.array([0, 1]), np.array([26.0, 21.0]), keep, 4)
    assert heights.tolist() == [[20, 28], [20, 26], [21, 26]]
    assert stadium_transformation(np.array([1, 3]), np.array([3, 5]), keep, 4).tolist() == [0, 3, 0]
    none = np.zeros(0, np.int64)
    assert fod_platforms(none, none, none, keep, 4).tolist() == [[20, 28]] * 3
    assert not stadium_transformation(none, none, keep, 4).any()


def test_randall_is_where_libmelee_says(replays_dir):
    stages = pytest.importorskip("melee.stages")
    frame = np.arange(-123, 2600, dtype=np.int32)
    told = np.array([stages.randall_position(int(index))[:2] for index in frame])
    skips = frame % 1200 < 416  # libmelee is one step ahead there, and falls back at 416
    assert np.allclose(randall(frame)[~skips], told[~skips, ::-1], atol=2e-5)
    assert np.allclose(randall(frame)[skips], told[skips, ::-1] - (0.35484, 0), atol=2e-5)
    steps = np.hypot(*np.diff(randall(np.arange(1201, dtype=np.int32)), axis=0).T)
    assert (steps > 0.29).all()
    assert (steps < 0.38).all(), "it moves at one speed, all the way round"
    frames = read_replay(replays_dir / "matches" / "v2.0.slp", rollback="first").frames
    assert np.array_equal(frames.randall, randall(frames.frame))
    assert not read_replay(replays_dir / "matches" / "ics2.slp", rollback="first").frames.randall.any()


@pytest.mark.parametrize(
    "name", ["short/v3.16.slp", "short/v3.18.slp", "matches/fox_multishine.slp", "short/v3.13.slp"]
)
def test_frames_equal_what_libmelee_reads_from_the_same_file(replays_dir, name):
    melee = pytest.importorskip("melee")
    path = replays_dir / name
    replay = read_replay(path, rollback="first")
    assert isinstance(replay, Replay)
    console = melee.Console(path=str(path), is_dolphin=False, allow_old_version=True)
    assert console.connect()
    frames, seen = replay.frames, 0
    while (state := console.step()) is not None:
        at = state.frame + 123
        seen += 1
        assert frames.frame[at] == state.frame
        for player, meta in enumerate(replay.meta.players):
            theirs, mine = state.players[meta.port + 1], frames.players[at, player]
            assert int(theirs.character.value) == mine.character
            assert int(theirs.action.value) == mine.state
            assert int(theirs.stock) == mine.stocks
            assert float(theirs.percent) == mine.percent
            assert (float(theirs.position.x), float(theirs.position.y)) == (mine.position_x, mine.position_y)
            assert bool(theirs.facing) == (mine.facing > 0)
            assert bool(theirs.on_ground) == (not mine.airborne)
            assert int(theirs.jumps_left) == mine.jumps
            assert float(theirs.shield_strength) == mine.shield
            held = frames.controllers[at, player]
            x, y = theirs.controller_state.main_stick
            assert (np.float32(x), np.float32(y)) == pytest.approx(
                ((held.joystick_x + 1) / 2, (held.joystick_y + 1) / 2)
            )
            if not meta.cpu:  # libmelee shows a CPU's untouched controller
                assert theirs.controller_state.button[melee.Button.BUTTON_B] == bool(held.buttons & 0x200)
        assert len(state.projectiles) == frames.items.exists[at].sum()
        for slot, projectile in enumerate(state.projectiles):
            assert float(projectile.position.x) == frames.items.position_x[at, slot]
    assert seen >= replay.meta.frames - 1


@pytest.mark.parametrize("version", [(0, 1, 0), (0, 2, 0), (1, 2, 0)])
def test_the_oldest_versions_are_read_without_what_they_lack(replays_dir, tmp_path, version):
    """A replay of 1.0 that says it is older: peppi then leaves out what its version did not have."""
    data = bytearray((replays_dir / "short" / "ics.slp").read_bytes())
    sizes = data.index(b"\x35", 11)
    start = sizes + data[sizes + 1] + 1
    assert data[start] == 0x36
    data[start + 1 : start + 4] = bytes(version)
    (tmp_path / "old.slp").write_bytes(data)
    if version > (1, 0, 0):  # it names fields that its events are too short for
        with pytest.raises(ReplayError, match="cannot be parsed"):
            read_replay(tmp_path / "old.slp", rollback="first")
        return
    replay = read_replay(tmp_path / "old.slp", rollback="first")
    whole = read_replay(replays_dir / "short" / "ics.slp", rollback="first")
    assert replay.meta.version == version
    assert np.array_equal(replay.frames.players.position_x, whole.frames.players.position_x)
    assert not replay.frames.players.hitstun.any()
    if version < (0, 2, 0):
        assert not replay.frames.players.state_age.any()
