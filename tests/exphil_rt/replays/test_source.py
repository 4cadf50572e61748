"""Replays in gzip and zip are the same replays; what unpacks to too much is refused."""

from __future__ import annotations

import gzip
import hashlib
import zipfile

import numpy as np
import pytest

from exphil_rt.replays import BadReplay, Replay, ReplayError, ReplayFolder, find_replays, read_many, read_replay
from exphil_rt.replays import source as source_module
from exphil_rt.replays.source import open_source


@pytest.fixture(scope="module")
def good(replays_dir):
    return replays_dir / "short" / "v3.18.slp"


@pytest.fixture
def packed(good, tmp_path):
    """The same replay as a file, gzipped, in a zip, and gzipped in a zip."""
    (tmp_path / "a.slp").write_bytes(good.read_bytes())
    (tmp_path / "b.slp.gz").write_bytes(gzip.compress(good.read_bytes()))
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(good, "2024/game one.slp")
        archive.writestr("notes.txt", "no replay")
        archive.writestr("z.slp.gz", gzip.compress(good.read_bytes()))
    return tmp_path


def test_every_packing_is_found_and_is_the_same_game(packed, good):
    paths = find_replays(ReplayFolder(packed, "a test"))
    assert [path.relative_to(packed).as_posix() for path in paths] == [
        "a.slp", "b.slp.gz", "c.zip/2024/game one.slp", "c.zip/z.slp.gz",
    ]  # fmt: skip
    plain = read_replay(good, rollback="first")
    for path, result in zip(paths, read_many(paths, rollback="first", workers=2), strict=True):
        assert isinstance(result, Replay), result
        assert result.path == path
        assert result.meta == plain.meta
        for name, values in plain.frames.arrays().items():
            assert np.array_equal(values, result.frames.arrays()[name])


def test_the_digest_is_of_the_unpacked_bytes(packed, good):
    wanted = hashlib.sha256(good.read_bytes()).hexdigest()
    for path in find_replays(ReplayFolder(packed, "a test")):
        with open_source(path, digest=True) as source:
            assert source.sha256 == wanted
            assert source.size == good.stat().st_size


def test_an_archive_may_be_named_itself(packed):
    found = find_replays(ReplayFolder(packed / "c.zip", "a test"))
    assert [path.name for path in found] == ["game one.slp", "z.slp.gz"]


def test_what_unpacks_to_too_much_is_refused_before_it_has(good, tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "MAX_FILE_BYTES", 4 << 20)
    bomb = good.read_bytes()[:11] + bytes(64 << 20)
    (tmp_path / "bomb.slp.gz").write_bytes(gzip.compress(bomb, 1))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("game.slp", bomb)
        archive.writestr("inner.slp.gz", gzip.compress(bomb, 1))
    for name in ("bomb.slp.gz", "bomb.zip/game.slp", "bomb.zip/inner.slp.gz"):
        with pytest.raises(ReplayError, match=r"more than 4 MB|larger than 4 MB"), open_source(tmp_path / name):
            pass


def test_damaged_and_strange_archives_are_rows(good, tmp_path):
    whole = gzip.compress(good.read_bytes())
    (tmp_path / "cut.slp.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "no.slp.gz").write_bytes(b"no gzip at all" * 400)
    (tmp_path / "no.zip").write_bytes(b"PK no zip" * 1000)
    with zipfile.ZipFile(tmp_path / "crc.zip", "w") as archive:
        archive.writestr("game.slp", good.read_bytes())
    data = bytearray((tmp_path / "crc.zip").read_bytes())
    data[5000] ^= 1
    (tmp_path / "crc.zip").write_bytes(data)
    paths = find_replays(ReplayFolder(tmp_path, "a test"))
    rows = {path.name: row for path, row in zip(paths, read_many(paths, rollback="first", workers=2), strict=True)}
    assert all(isinstance(row, BadReplay) for row in rows.values())
    reasons = {name: row.reason for name, row in rows.items()}
    assert set(reasons) == {"cut.slp.gz", "no.slp.gz", "no.zip", "game.slp"}
    assert reasons["no.zip"].startswith("is no zip archive that can be read")
    for name in ("cut.slp.gz", "no.slp.gz", "game.slp"):
        assert reasons[name].startswith("cannot be unpacked"), reasons[name]


def test_a_member_that_is_not_there_is_a_reason(packed):
    with pytest.raises(ReplayError, match="is not in"), open_source(packed / "c.zip" / "other.slp"):
        pass
