"""Builds: what is kept and why, going on after any end, and every damage one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import msgspec
import numpy as np
import pytest

from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.observation import default_schema
from exphil_rt.replays import SideFilter, read_replay
from exphil_rt.replays.optout import opt_out_names
from exphil_rt.store.files import DiskFull
from exphil_rt.training.dataset import BuildSettings, Dataset, DatasetInvalid, build_dataset
from exphil_rt.training.dataset.build import BadReplayFound, DatasetExists

SMALL = 1 << 20


def build(folder, paths, **settings):
    return build_dataset(folder, paths, BuildSettings(**{"workers": 2, "shard_bytes": SMALL} | settings))


def test_a_game_in_a_shard_is_what_the_encoder_makes_of_its_frames(dataset, paths):
    encoder = Encoder(dataset.schema)
    assert [row.path for row in dataset.games] == list(map(str, paths))
    assert len(dataset.manifest.shards) >= 2
    for number, path in enumerate(paths):
        frames = read_replay(path, rollback="first").frames
        segment, row = dataset.segment(number), dataset.games[number]
        assert row.meta == read_replay(path, rollback="first").meta
        assert segment.frames == frames.lead[0]
        assert np.array_equal(segment.percent, frames.players.percent)
        assert np.array_equal(segment.stocks, frames.players.stocks)
        for name, values in frames.controllers.arrays().items():
            assert np.array_equal(getattr(segment.controllers, name), values)
        for port in (0, 1):
            flat, ids = encoder.num_flat_floats, encoder.num_flat_ids
            floats = np.empty((segment.frames, flat), np.float32)
            rows = np.empty((segment.frames, ids), np.int64)
            encoder.assemble(segment.parts, port, floats, rows)
            wanted = encoder.encode(frames, port)
            assert np.array_equal(floats, wanted.floats[:, :flat])
            assert np.array_equal(rows, wanted.ids[:, :ids])
    assert [row.nanas for row in dataset.games] == [False, False, False, True, False]
    assert any(row.items for row in dataset.games)


def test_windows_are_views_of_the_file_not_copies(dataset):
    segment = dataset.segment(0)
    for array in (segment.parts.players, segment.controllers.joystick_x, segment.percent):
        assert not array.flags.owndata
        assert not array.flags.writeable
        assert array[100:164].base is not None


def test_what_was_dropped_is_in_the_manifest_by_reason(replays_dir, tmp_path):
    short = sorted((replays_dir / "short").glob("*.slp"))
    broken = replays_dir / "broken" / "corrupt.slp"
    twin = replays_dir / "matches" / "marth_vs_fox_yoshis.slp"
    seen = []
    report = build_dataset(
        tmp_path / "s",
        [twin, *short, broken, tmp_path / "missing.slp"],
        BuildSettings(workers=2, filter=SideFilter.parse(["marth"])),
        on_bad=seen.append,
    )
    manifest = report.dataset.manifest
    assert {"not Marth", "shorter than 3 s"} <= set(manifest.dropped)
    games = manifest.sources - sum(manifest.files_dropped.values())
    assert sum(manifest.dropped.values()) + len(report.dataset.sides) == 2 * games, "every side is accounted for"
    assert manifest.files_dropped == {
        "has 4 players, and only two-player games are read": 1,
        "cannot be parsed": 1,
        "cannot be opened": 1,
        "a game seen before": 1,
    }
    assert {bad.path.name for bad in seen} == {"crazy_name_tags.slp", "corrupt.slp", "missing.slp"}
    assert manifest.kept == report.selection.kept_line()
    assert manifest.sources == len(short) + 3
    assert {side.character for side in report.dataset.sides} == {18}
    assert all(len(row.sha256) == 64 for row in report.dataset.games)


def test_built_again_nothing_is_parsed_and_new_files_are_added(paths, tmp_path):
    first = build(tmp_path / "s", paths[:2])
    again = build(tmp_path / "s", paths[:2])
    assert (first.files, again.files) == (2, 0)
    assert again.dataset.manifest == first.dataset.manifest
    more = build(tmp_path / "s", paths[:4])
    assert more.files == 2
    assert [row.path for row in more.dataset.games] == list(map(str, paths[:4]))
    fewer = build(tmp_path / "s", paths[1:3])
    assert fewer.files == 0
    assert [row.path for row in fewer.dataset.games] == list(map(str, paths[1:3]))
    fewer.dataset.verify()


def test_a_file_that_changed_is_parsed_again(paths, tmp_path):
    copy = tmp_path / "game.slp"
    copy.write_bytes(paths[0].read_bytes())
    assert build(tmp_path / "s", [copy]).dataset.games[0].meta.stage == 32
    copy.write_bytes(paths[1].read_bytes())
    again = build(tmp_path / "s", [copy])
    assert again.files == 1
    assert again.dataset.games[0].meta.stage == 8


def test_an_interrupted_build_goes_on_and_equals_an_uninterrupted_one(paths, tmp_path):
    def stop(progress):
        if progress.files == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_dataset(tmp_path / "s", paths, BuildSettings(workers=1, shard_bytes=SMALL), on_progress=stop)
    with pytest.raises(DatasetInvalid, match="not finished"):
        Dataset.open(tmp_path / "s")
    report = build(tmp_path / "s", paths, workers=1)
    assert report.files == len(paths) - 3
    whole = build(tmp_path / "whole", paths, workers=2)
    for a, b in zip(report.dataset.games, whole.dataset.games, strict=True):
        assert (a.path, a.sha256, a.meta, a.quality) == (b.path, b.sha256, b.meta, b.quality)
    for number in range(len(paths)):
        a, b = report.dataset.segment(number), whole.dataset.segment(number)
        assert np.array_equal(a.parts.players, b.parts.players)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_build_that_was_killed_goes_on_from_whole_shards(paths, tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from exphil_rt.training.dataset import *\n"
        "def progress(p):\n"
        "    if p.files == 3: os.kill(os.getpid(), 9)\n"
        f"build_dataset(Path(sys.argv[1]), [Path(p) for p in sys.argv[2:]], "
        f"BuildSettings(workers=1, shard_bytes={SMALL}), on_progress=progress)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s"), *map(str, paths)], timeout=120, check=False
    )
    assert ended.returncode == -9
    deadline = time.monotonic() + 20
    while (left := os.listdir(tmp_path / "s" / "shards")) and time.monotonic() < deadline:
        size = sum(os.stat(tmp_path / "s" / "shards" / name).st_size for name in left)
        time.sleep(0.3)
        if size == sum(
            os.stat(tmp_path / "s" / "shards" / name).st_size for name in os.listdir(tmp_path / "s" / "shards")
        ):
            break
    report = build(tmp_path / "s", paths)
    assert 1 <= report.files < len(paths), "what lay in whole shards was kept"
    report.dataset.verify()
    assert len(report.dataset.games) == len(paths)


def test_the_journals_torn_last_line_does_not_count(paths, tmp_path):
    build(tmp_path / "s", paths[:2])
    (tmp_path / "s" / "manifest.json").unlink()
    journal = tmp_path / "s" / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"type":"game","path":"/to')
    report = build(tmp_path / "s", paths[:2])
    assert report.files == 0
    assert journal.read_bytes() == whole


def damage(folder, how):
    manifest, index = folder / "manifest.json", folder / "index.jsonl"
    shard = next((folder / "shards").iterdir())
    if how == "newer":
        found = msgspec.json.decode(manifest.read_bytes())
        manifest.write_bytes(msgspec.json.encode(found | {"format": 7, "flavour": "mint"}))
    elif how == "manifest":
        manifest.write_bytes(manifest.read_bytes()[:100])
    elif how == "index":
        index.write_bytes(index.read_bytes()[:-10])
    elif how == "no index":
        index.unlink()
    elif how == "shard":
        os.truncate(shard, 1000)
    elif how == "no shard":
        shard.unlink()
    elif how == "nothing":
        manifest.unlink()
        (folder / "journal.jsonl").unlink()


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("newer", "has format 7, and this version of exphil-rt reads up to 1"),
        ("manifest", "is no manifest of a data set"),
        ("index", "SHA-256 sums differ"),
        ("no index", "cannot be read: No such file"),
        ("shard", "is truncated: 1000 of "),
        ("no shard", "cannot be opened: No such file"),
        ("nothing", "is no data set"),
    ],
)
def test_every_damage_is_one_sentence(paths, tmp_path, how, sentence):
    folder = tmp_path / "s"
    build(folder, paths[:1])
    damage(folder, how)
    with pytest.raises(DatasetInvalid, match=sentence) as raised:
        Dataset.open(folder)
    assert "\n" not in raised.value.message
    assert raised.value.hint


def test_a_shard_cut_short_is_built_again(paths, tmp_path):
    build(tmp_path / "s", paths[:2], workers=1)
    damage(tmp_path / "s", "shard")
    report = build(tmp_path / "s", paths[:2])
    assert report.files >= 1
    report.dataset.verify()


def test_a_flipped_bit_is_found_by_verify(paths, tmp_path):
    dataset = build(tmp_path / "s", paths[:1]).dataset
    row = dataset.games[0]
    with (tmp_path / "s" / "shards" / row.shard).open("r+b") as file:
        file.seek(row.offset + row.nbytes // 2)
        byte = file.read(1)[0]
        file.seek(row.offset + row.nbytes // 2)
        file.write(bytes([byte ^ 4]))
    with pytest.raises(DatasetInvalid, match=r"damaged: the game .*fox_multishine"):
        Dataset.open(tmp_path / "s").verify()


def test_other_settings_under_the_same_name_are_refused_by_what_differs(paths, tmp_path):
    build(tmp_path / "s", paths[:1])
    with pytest.raises(DatasetExists, match="another characters"):
        build(tmp_path / "s", paths[:1], filter=SideFilter.parse(["fox"]))
    with pytest.raises(DatasetExists, match="another schema"):
        build(tmp_path / "s", paths[:1], schema=default_schema(items=False))
    report = build(tmp_path / "s", paths[:1], schema=default_schema(items=False, nana=False), restart=True)
    assert report.files == 1
    assert report.dataset.schema.num_floats < 60


def test_who_asked_not_to_be_learned_from_is_left_out_when_building_and_when_opening(replays_dir, tmp_path):
    path = replays_dir / "short" / "v3.16.slp"
    shunned = opt_out_names(["clwn#889"])
    folder = tmp_path / "s"
    wanted = SideFilter.parse(min_frames=60, opt_out=shunned)
    built = build(folder, [path], filter=wanted)
    assert [side.player for side in built.dataset.sides] == [1]
    assert built.dataset.manifest.dropped == {"its player asked not to be learned from": 1}
    assert len(Dataset.open(folder, opt_out=frozenset()).sides) == 2, "the list is asked when it is opened"
    later = Dataset.open(folder, opt_out=opt_out_names(["Sweezy017"]))
    assert [side.player for side in later.sides] == [0]
    assert later.dropped == {"its player asked not to be learned from": 1}


def test_opening_asks_the_list_in_the_home_folder(replays_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "s"
    build(folder, [replays_dir / "short" / "v3.16.slp"], filter=SideFilter(min_frames=60))
    assert len(Dataset.open(folder).sides) == 2
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "do-not-learn-from.txt").write_text("// asked in March\nCLWN#889  // by mail\n")
    assert [side.player for side in Dataset.open(folder).sides] == [1]


def test_sides_are_chosen_from_an_open_data_set(dataset):
    fox = dataset.select(SideFilter.parse(["fox"]))
    assert {side.character for side in fox.sides} == {1}
    assert 0 < len(fox.sides) < len(dataset.sides)
    assert fox.dropped["not Fox"] == len(dataset.sides) - len(fox.sides)
    split = dataset.split(0.4, seed=1)
    games = [{side.game for side in part} for part in (split.train, split.held_out)]
    assert games[0]
    assert games[1]
    assert not games[0] & games[1]
    assert dataset.split(0.4, seed=1).held_out == split.held_out


def test_fail_fast_ends_with_the_first_bad_file(replays_dir, tmp_path):
    paths = [replays_dir / "broken" / "corrupt.slp", replays_dir / "short" / "v3.18.slp"]
    with pytest.raises(BadReplayFound, match=r"corrupt\.slp cannot be parsed"):
        build(tmp_path / "s", paths, fail_fast=True)


def test_two_builds_of_one_data_set_exclude_each_other(paths, tmp_path):
    def inner(progress):
        with pytest.raises(DatasetExists, match="being built by another process"):
            build(tmp_path / "s", paths[:1])

    build_dataset(tmp_path / "s", paths[:1], BuildSettings(workers=1), on_progress=inner)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a small file system")
def test_a_full_disk_is_one_sentence_and_what_was_done_is_kept(paths, tmp_path, monkeypatch):
    # A worker whose file may not grow beyond 3 MB gets the same errors as one on a full disk.
    script = tmp_path / "worker.py"
    script.write_text(
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))\n"
        "from exphil_rt.training.dataset.worker import main\n"
        "main()\n"
    )
    with monkeypatch.context() as patch:
        patch.setattr("exphil_rt.training.dataset.build._WORKER", (sys.executable, str(script)))
        with pytest.raises(DiskFull, match="no room left"):
            build(tmp_path / "s", paths, workers=1, shard_bytes=64 << 20)
    report = build(tmp_path / "s", paths)
    assert 0 < report.files < len(paths)
    report.dataset.verify()


def test_data_sets_need_no_torch():
    code = "import sys, exphil_rt.training.dataset; print(sorted({'torch', 'numba', 'melee'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
