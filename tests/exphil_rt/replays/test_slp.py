"""What the writer wrote, peppi, libmelee and our reader read back to the same frames."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from slp_parts import differing, simulated

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import Character, Stage
from exphil_rt.game.lane import GameSetup
from exphil_rt.replays import read_replay
from exphil_rt.replays.slp import (
    GameStart,
    PlayerStart,
    encode_slp,
    event_sizes,
    frame_events,
    game_end,
    game_start,
    start_of_replay,
    start_of_setup,
    write_slp,
)

REAL = (
    "matches/mewtwo_vs_fox_20260716.slp", "matches/ics2.slp", "matches/items.slp",
    "matches/ys_multishine_good_2026-08-04.slp",
    "matches/v2.0.slp", "short/v3.18.slp", "short/v3.16.slp", "short/netplay.slp", "short/ics.slp",
)  # fmt: skip
SETUP = GameSetup(
    game_id=3,
    stage=int(Stage.BATTLEFIELD),
    characters=(int(Character.SHEIK), int(Character.MARTH)),
    seed=11,
    stocks=1,
    timer_frames=900,
)


@pytest.fixture(scope="module")
def game():
    """A game by the embedded game: 900 frames, then the timer."""
    return simulated(SETUP, frames=2000)


def tiny(frames=5, stage=Stage.FINAL_DESTINATION, character=Character.FOX):
    """A made-up game."""
    rows = Frames.allocate((frames,))
    rows.frame[:] = np.arange(-123, -123 + frames)
    rows.stage[:] = stage
    rows.players.exists[:] = 1
    rows.players.stocks[:] = 4
    rows.players.facing[:] = 1
    rows.players.last_hit_by[:] = 6
    rows.nanas.last_hit_by[:] = 6
    rows.items.owner[:] = -1
    rows.players.character[:] = character
    first = PlayerStart(character=int(character), port=0, name="fox", code="FOX#1")
    players = first, PlayerStart(character=int(character), port=2, costume=1)
    return GameStart(stage=int(stage), players=players), rows


def read_back(tmp_path, start, frames, end=None, **more):
    path = tmp_path / "game.slp"
    size = write_slp(path, start, frames, end, **more)
    assert path.stat().st_size == size
    return read_replay(path, rollback="last")


def told(frames):
    """The frames with the columns that the reader fills and the simulator leaves empty."""
    found = frames.copy()
    for fighters in (found.players, found.nanas):
        fighters.flags[:] = 0
        fighters.last_hit_by[fighters.exists == 0] = 6
    found.items.owner[found.items.exists == 0] = -1
    return found


def test_a_simulated_game_is_read_back_by_our_reader_column_by_column(game, tmp_path):
    frames, end = game
    assert end is not None
    replay = read_back(tmp_path, start_of_setup(SETUP, ("left@v1", "random"), (0, 3)), frames, end)
    assert differing(told(replay.frames), told(frames)) == []
    meta = replay.meta
    assert (meta.version, meta.stage, meta.played_on) == ((3, 18, 0), SETUP.stage, "exphil_rt")
    assert meta.end_method == {"stocks": "game", "timer": "time"}[end.reason]
    assert [player.character for player in meta.players] == list(SETUP.characters)
    assert [(player.port, player.name, player.stocks) for player in meta.players] == [
        (0, "left@v1", 1),
        (1, "random", 1),
    ]
    assert [(player.cpu, player.cpu_level) for player in meta.players] == [(False, 0), (True, 3)]


def test_peppi_reads_the_start_block_the_placements_and_the_metadata(game, tmp_path):
    read_slippi = pytest.importorskip("peppi_py._peppi").read_slippi
    frames, end = game
    path = tmp_path / "game.slp"
    write_slp(path, start_of_setup(SETUP, started_at="2026-07-07T18:06:12Z"), frames, end)
    read = read_slippi(str(path), False)
    first, second = read.start["players"]
    assert (first["character"], second["character"]) == (19, 9), "external ids of Sheik and Marth"
    assert first["ucf"] == {"dash_back": "Ucf", "shield_drop": "Ucf"}
    assert read.start["timer"] == 900 // 60
    assert not read.start["is_teams"]
    assert read.metadata["startAt"] == "2026-07-07T18:06:12Z"
    assert read.metadata["lastFrame"] == frames.frame[-1]
    assert read.metadata["players"]["0"]["characters"] == {"7": len(frames.frame)}
    places = {row["port"]: row["placement"] for row in read.end["players"]}
    assert end.winner is not None
    assert places[f"P{end.winner + 1}"] == 0
    assert places[f"P{2 - end.winner}"] == 1


def test_libmelee_reads_the_same_frames(game, tmp_path):
    melee = pytest.importorskip("melee")
    frames, end = game
    path = tmp_path / "game.slp"
    write_slp(path, start_of_setup(SETUP), frames, end)
    console = melee.Console(is_dolphin=False, path=str(path))
    assert console.connect()
    zero_based = console.zero_indices
    for at in range(len(frames.frame)):
        state = console.step()
        assert state is not None
        assert (state.frame, state.stage) == (frames.frame[at], melee.Stage.BATTLEFIELD)
        for port in (1, 2):
            seen, mine, held = state.players[port], frames.players[at, port - 1], frames.controllers[at, port - 1]
            assert seen.character.value == mine.character
            assert seen.action.value == mine.state
            age = int(mine.state_age) + (int(mine.state) in zero_based[int(mine.character)])
            assert seen.action_frame == age
            assert (seen.position.x, seen.position.y) == (mine.position_x, mine.position_y)
            assert (seen.percent, seen.shield_strength, seen.stock) == (mine.percent, mine.shield, mine.stocks)
            assert (seen.jumps_left, seen.on_ground, seen.facing) == (mine.jumps, not mine.airborne, mine.facing > 0)
            assert (seen.hitlag_left, seen.hitstun_frames_left) == (int(mine.hitlag), int(mine.hitstun))
            assert seen.invulnerable == (mine.hurtbox_state != 0)
            speeds = seen.speed_air_x_self, seen.speed_y_self, seen.speed_ground_x_self
            assert speeds == (mine.self_x_air, mine.self_y, mine.self_x_ground)
            assert (seen.speed_x_attack, seen.speed_y_attack) == (mine.knockback_x, mine.knockback_y)
            pad = seen.controller_state
            assert pad.main_stick == (held.joystick_x / 2 + 0.5, held.joystick_y / 2 + 0.5)
            assert pad.c_stick == (held.cstick_x / 2 + 0.5, held.cstick_y / 2 + 0.5)
            assert pad.l_shoulder == held.trigger
            assert pad.raw_main_stick == (held.raw_x, held.raw_y)
            assert pad.button[melee.Button.BUTTON_A] == bool(held.buttons & 0x100)
            assert pad.button[melee.Button.BUTTON_L] == bool(held.buttons & 0x40)
    console.stop()


@pytest.mark.parametrize("name", REAL)
def test_a_real_replay_read_and_written_is_read_back_whole(replays_dir, tmp_path, name):
    path = replays_dir / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    replay = read_replay(path, rollback="last")
    again = read_back(tmp_path, start_of_replay(replay), replay.frames)
    unknown = [] if replay.meta.version >= (2, 0, 0) else ["players.flags", "nanas.flags"]
    assert [column for column in differing(replay.frames, again.frames) if column not in unknown] == []
    for mine, real in zip(again.meta.players, replay.meta.players, strict=True):
        assert (mine.port, mine.character, mine.cpu, mine.costume) == (
            real.port,
            real.character,
            real.cpu,
            real.costume,
        )
        assert (mine.code, mine.name) == (real.code, real.name)


def test_state_bits_that_the_columns_tell_are_those_of_real_games(replays_dir, tmp_path):
    path = replays_dir / "matches" / "mewtwo_vs_fox_20260716.slp"
    if not path.is_file():
        pytest.skip(f"no {path}")
    replay = read_replay(path, rollback="last")
    start = start_of_replay(replay)
    silent = GameStart(**{name: getattr(start, name) for name in start.__struct_fields__} | {"state_flags": False})
    mine = read_back(tmp_path, silent, replay.frames).frames.players.flags
    real = replay.frames.players.flags
    for byte, bit in ((1, 0x20), (2, 0x80), (3, 0x02)):
        assert np.array_equal(mine[..., byte] & bit, real[..., byte] & bit)
        assert (real[..., byte] & bit).any()


def test_packets_of_a_stream_are_the_files_bytes_however_it_is_cut(game):
    frames, _ = game
    start = start_of_setup(SETUP)
    whole, _ = frame_events(start, frames)
    carry, parts = None, []
    for first, last in ((0, 1), (1, 2), (2, 40), (40, len(frames.frame))):
        packets, carry = frame_events(start, frames[first:last], carry)
        parts += packets
    assert parts == whole
    assert all(packet[0] == 0x3A and packet[-9] == 0x3C for packet in whole)
    file = encode_slp(start, frames)
    assert event_sizes() + game_start(start) + b"".join(whole) + game_end(7, (0, 0), start) in file
    (length,) = struct.unpack(">I", file[11:15])
    assert file[15 + length :].startswith(b"U\x08metadata{")


def test_platforms_of_the_fountain_and_the_stadiums_transformation(tmp_path):
    start, frames = tiny(8, Stage.FOUNTAIN_OF_DREAMS)
    frames.platforms[:, 0] = (20, 20, 19, 18, 18, 18, 0, 0)
    frames.platforms[:, 1] = (28, 27.5, 27, 27, 27, 27, 27, 26)
    assert differing(told(frames), told(read_back(tmp_path, start, frames).frames)) == []
    start, frames = tiny(8, Stage.POKEMON_STADIUM)
    frames.stadium[:] = (0, 0, 3, 3, 0, 0, 9, 9)
    assert differing(told(frames), told(read_back(tmp_path, start, frames).frames)) == []


def test_items_keep_their_number_while_they_fly(tmp_path):
    read_slippi = pytest.importorskip("peppi_py._peppi").read_slippi
    start, frames = tiny(6)
    lasers = frames.items
    for row, places in enumerate([(), (0.0,), (7.0, 0.0), (14.0, 7.0), (14.0,), ()]):
        for slot, x in enumerate(places):
            lasers.exists[row, slot], lasers.kind[row, slot], lasers.owner[row, slot] = 1, 54, 1
            lasers.position_x[row, slot], lasers.velocity_x[row, slot] = x, 7.0
    again = read_back(tmp_path, start, frames)
    assert differing(told(frames), told(again.frames)) == []
    column = read_slippi(str(tmp_path / "game.slp"), False).frames.field("item")
    assert column.values.field("id").to_pylist() == [0, 0, 1, 0, 1, 1]
    assert set(column.values.field("owner").to_pylist()) == {2}, "player 1 is in port 3"


def test_a_follower_and_one_who_is_gone(tmp_path):
    start, frames = tiny(6, character=Character.POPO)
    frames.nanas.exists[:3, 0] = 1
    frames.nanas.character[:3, 0] = Character.NANA
    frames.nanas.position_x[:3, 0] = 5.5
    frames.nanas.facing[:3, 0] = -1
    frames.players.exists[4:, 1] = 0
    frames.players.stocks[4:, 1] = frames.players.character[4:, 1] = 0
    frames.players.facing[4:, 1] = 0
    again = read_back(tmp_path, start, frames).frames
    assert differing(told(frames), told(again)) == []
    assert (again.nanas.flags[:3, 0, 4] & 0x08).all(), "told to be a follower"


def test_the_ice_climbers_are_read_back_with_nana(tmp_path):
    melee = pytest.importorskip("melee")
    pair = int(Character.POPO), int(Character.FOX)
    setup = GameSetup(game_id=5, stage=int(Stage.BATTLEFIELD), characters=pair, seed=3, timer_frames=400)
    frames, end = simulated(setup, frames=600)
    assert frames.nanas.exists[:, 0].all()
    assert frames.nana_controllers.joystick_x[:, 0].any()
    replay = read_back(tmp_path, start_of_setup(setup), frames, end)
    assert differing(told(replay.frames), told(frames)) == []
    console = melee.Console(is_dolphin=False, path=str(tmp_path / "game.slp"))
    assert console.connect()
    for at in range(len(frames.frame)):
        nana, mine = console.step().players[1].nana, frames.nanas[at, 0]
        assert (nana.position.x, nana.position.y, nana.action.value) == (mine.position_x, mine.position_y, mine.state)
        assert (nana.percent, nana.facing, nana.on_ground) == (mine.percent, mine.facing > 0, not mine.airborne)


def test_names_that_do_not_fit_are_cut_at_a_letter(tmp_path):
    start, frames = tiny()
    players = (
        PlayerStart(character=1, port=1, name="\u30de\u30eb\u30b9" * 9, code="ABCD#123"),
        PlayerStart(character=2, port=3, name="a-very-long-policy-name-of-somebody@v12"),
    )
    start = GameStart(stage=32, players=players)
    first, second = read_back(tmp_path, start, frames).meta.players
    assert first.name == "\u30de\u30eb\u30b9" * 5
    assert second.name == "a-very-long-policy-name-of-som"
    assert (first.code, first.port, second.port) == ("ABCD#123", 1, 3)


def test_a_game_that_broke_off_says_no_contest_and_what_is_no_game_is_refused(tmp_path):
    start, frames = tiny()
    assert read_back(tmp_path, start, frames).meta.end_method == "no_contest"
    assert read_back(tmp_path, start, frames, method=1, placements=(0, 1)).meta.end_method == "time"
    for wrong in (frames[1:], frames[:0], frames[::2]):
        with pytest.raises(ExphilError, match="no whole game"):
            encode_slp(start, wrong)


def test_a_file_is_whole_or_the_old_one(tmp_path):
    start, frames = tiny()
    path = tmp_path / "game.slp"
    path.write_bytes(b"old")
    with pytest.raises(ExphilError):
        write_slp(path, start, frames[1:])
    assert path.read_bytes() == b"old"
    write_slp(path, start, frames)
    assert sorted(tmp_path.iterdir()) == [path]
