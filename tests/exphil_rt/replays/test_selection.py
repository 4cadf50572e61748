"""Filters choose sides, every drop has a reason, the same game is taken once, the split is deterministic."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import Character, UnknownName
from exphil_rt.replays import (
    BadFilter,
    BadReplay,
    NoReplays,
    PlayerMeta,
    Replay,
    ReplayMeta,
    Selection,
    SideFilter,
    find_replays,
    read_many,
    replay_folder,
    split_games,
)


def game(name="a", first=Character.MEWTWO, second=Character.FOX, frames=600, **changes):
    columns = Frames.allocate((frames,))
    columns.controllers.buttons[frames // 2 :] = 0x100
    players = (
        PlayerMeta(port=0, character=int(first), cpu=False, code="AA#1"),
        PlayerMeta(port=1, character=int(second), cpu=False, code="BB#22"),
    )
    meta = ReplayMeta(
        version=(3, 19, 0), stage=32, players=players, frames=frames, rows=frames, end_method="game", digest=name
    )
    return Replay(Path(f"{name}.slp"), columns, msgspec.structs.replace(meta, **changes))


def test_filters_choose_sides_not_games():
    selection = Selection(SideFilter.parse(["mewtwo"]))
    assert selection.take(game("a")) == [0]
    assert selection.take(game("b", Character.FOX, Character.MEWTWO)) == [1]
    assert selection.take(game("c", Character.MEWTWO, Character.MEWTWO)) == [0, 1]
    assert selection.take(game("d", Character.FOX, Character.FOX)) == []
    assert selection.dropped == {"not Mewtwo": 4}
    assert selection.kept_line() == "3 games, 40 s of Mewtwo"


def test_versus_player_and_several_names():
    versus = Selection(SideFilter.parse([], ["m2"]))
    assert versus.take(game()) == [1]
    assert versus.dropped == {"not against Mewtwo": 1}
    player = Selection(SideFilter.parse(player=["bb\uff0322"]))  # as Slippi writes it, with a full-width sign
    assert player.take(game()) == [1]
    assert player.dropped == {"not played by BB#22": 1}
    both = Selection(SideFilter.parse(["fox", "mewtwo"]))
    assert both.take(game()) == [0, 1]


def test_cpu_idle_and_short_sides_are_dropped_with_their_reason():
    first, second = game().meta.players
    with_cpu = game(players=(first, msgspec.structs.replace(second, cpu=True)))
    assert Selection(SideFilter()).take(with_cpu) == [0]
    assert Selection(SideFilter(cpu=True)).take(with_cpu) == [0, 1]
    idle = game()
    idle.frames.controllers.buttons[:, 1] = 0
    selection = Selection(SideFilter())
    assert selection.take(idle) == [0]
    assert selection.dropped == {"never touched the controller": 1}
    assert selection.take(game("b", frames=100)) == []
    assert selection.dropped["shorter than 3 s"] == 2


def test_the_same_game_is_taken_once_by_content_and_by_match():
    selection = Selection(SideFilter())
    assert selection.take(game("a", match_id="m/1/0")) == [0, 1]
    copy = dataclasses.replace(game("a"), path=Path("copy.slp"))
    assert selection.take(copy) == []
    other_side = game("a-as-the-other-player-saw-it", match_id="m/1/0")
    assert selection.take(other_side) == []
    assert selection.take(game("b", match_id="m/2/0")) == [0, 1]
    assert selection.duplicates == [(Path("copy.slp"), Path("a.slp")), (other_side.path, Path("a.slp"))]
    assert selection.dropped_lines() == ["2 files dropped: a game seen before (copy.slp is a.slp)"]


def test_bad_files_are_named_up_to_a_few():
    selection = Selection(SideFilter())
    for number in range(7):
        assert selection.take(BadReplay(Path(f"{number}.slp"), "is empty")) == []
    lines = selection.dropped_lines()
    assert lines[0] == "file dropped: 0.slp is empty"
    assert lines[-1] == "and 2 more files that cannot be read"
    assert len(lines) == 6
    assert selection.kept_line() == "no games"


def test_wrong_filters_are_one_sentence():
    with pytest.raises(UnknownName, match="mewtow"):
        SideFilter.parse(["mewtow"])
    with pytest.raises(BadFilter, match="'MANG0' is no connect code"):
        SideFilter.parse(player=["mang0"])


def test_the_split_is_by_game_and_deterministic():
    names = [f"{number:x}" for number in range(40)]
    held = split_games(names, 0.15, 7)
    assert len(held) == 6
    assert held == split_games(reversed(names), 0.15, 7)
    assert held != split_games(names, 0.15, 8)
    assert len(split_games(names[:2], 0.01, 0)) == 1
    assert len(split_games(names[:2], 0.99, 0)) == 1
    with pytest.raises(BadFilter, match="1 game left"):
        split_games(["a", "a"], 0.15, 0)


def test_the_real_folder(replays_dir):
    selection = Selection(SideFilter.parse(["mewtwo"]))
    folder = replay_folder(replays_dir / "matches")
    kept = [
        (result.path.name, side)
        for result in read_many(find_replays(folder), rollback="first")
        for side in selection.take(result)
    ]
    assert len(kept) == 5
    assert all(name.startswith("mewtwo") and side == 0 for name, side in kept)
    assert selection.kept_line() == "5 games, 13 min of Mewtwo"


def test_folder_is_the_named_one_else_the_environments_else_slippis(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("EXPHIL_RT_REPLAYS", raising=False)
    assert replay_folder().path == tmp_path / "Slippi"
    assert replay_folder().origin == "Slippi's own folder"
    monkeypatch.setenv("EXPHIL_RT_REPLAYS", str(tmp_path / "mine"))
    assert replay_folder().path == tmp_path / "mine"
    assert "EXPHIL_RT_REPLAYS" in replay_folder().origin
    assert replay_folder("~/x").path == tmp_path / "x"


def test_missing_and_empty_folders_are_one_sentence(tmp_path):
    with pytest.raises(NoReplays, match=r"There is no replay folder .*nowhere") as error:
        find_replays(replay_folder(tmp_path / "nowhere"))
    assert error.value.exit_code == 2
    assert "EXPHIL_RT_REPLAYS" in error.value.hint
    with pytest.raises(NoReplays, match=r"has no \.slp file"):
        find_replays(replay_folder(tmp_path))
    (tmp_path / "2024-01").mkdir()
    (tmp_path / "2024-01" / "B.SLP").touch()
    (tmp_path / "a.slp").touch()
    (tmp_path / "notes.txt").touch()
    assert find_replays(replay_folder(tmp_path)) == [tmp_path / "2024-01" / "B.SLP", tmp_path / "a.slp"]
    assert find_replays(replay_folder(tmp_path / "a.slp")) == [tmp_path / "a.slp"]


def test_ports_stages_versions_and_quality_choose_sides():
    def dropped(**wanted):
        selection = Selection(SideFilter.parse(**wanted))
        kept = selection.take(game())
        return kept, dict(selection.dropped)

    assert dropped(port=[2]) == ([1], {"not at port 2": 1})
    assert dropped(stage=["bf"]) == ([], {"not on Battlefield": 2})
    assert dropped(stage=["fd"]) == ([0, 1], {})
    assert dropped(min_version="3.20") == ([], {"recorded by a Slippi older than 3.20.0": 2})
    assert dropped(min_version="3.19.0") == ([0, 1], {})
    assert dropped(min_quality=0.9) == ([0, 1], {})
    for wrong in ({"port": [0]}, {"min_version": "3.x"}, {"min_version": "1.2.3.4"}):
        with pytest.raises(BadFilter):
            SideFilter.parse(**wrong)


def test_a_head_refuses_what_is_certain_and_leaves_zelda_to_the_frames():
    zelda = game("z", Character.ZELDA, Character.FOX).meta
    sheik = SideFilter.parse(["sheik"])
    assert sheik.refusal(zelda, 0, certain=False) == ""
    assert sheik.refusal(zelda, 0) == "not Sheik"
    assert sheik.refusal(zelda, 1, certain=False) == "not Sheik"
    unknown = msgspec.structs.replace(zelda, frames=-1)
    assert SideFilter().refusal(unknown, 0, certain=False) == ""
