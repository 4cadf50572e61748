"""Files are old or new, never half; a full disk is named."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from exphil_rt.store import files
from exphil_rt.store.files import folder_bytes, remove_folder, write_whole


def test_a_file_is_replaced_whole_and_nothing_is_left_beside(tmp_path):
    path = tmp_path / "a.toml"
    write_whole(path, "old")
    write_whole(path, b"new \xff")
    assert path.read_bytes() == b"new \xff"
    assert os.listdir(tmp_path) == ["a.toml"]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "inside").touch()
    with pytest.raises(OSError, match="folder"):
        write_whole(path, "data")
    assert (path / "inside").exists()
    assert os.listdir(tmp_path) == ["folder"]


def test_no_room_for_a_file_is_one_sentence_and_the_old_file_stands(tmp_path):
    """A limit on the size of files stands for the full disk: the same failing write, in a process of its own."""
    path = tmp_path / "a.bin"
    path.write_text("old")
    code = (
        "import resource, sys, pathlib\n"
        "from exphil_rt.store.files import write_whole, DiskFull\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    write_whole(pathlib.Path(sys.argv[1]), b'x' * 100_000)\n"
        "except DiskFull as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(f"The disk has no room left for {path} (")
    assert "EXPHIL_RT_HOME" in done.stdout
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_free_room_is_that_of_the_disk(tmp_path):
    stats = os.statvfs(tmp_path)
    assert files.free_bytes(tmp_path / "a" / "b") == pytest.approx(stats.f_bavail * stats.f_frsize, rel=0.05)


def test_a_folder_is_measured_without_following_links_and_removed_whole(tmp_path):
    folder = tmp_path / "bundle"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_bytes(b"x" * 1000)
    (folder / "deep" / "b").write_bytes(b"x" * 500)
    outside = tmp_path / "outside"
    outside.write_bytes(b"x" * 9000)
    (folder / "link").symlink_to(outside)
    assert 1500 <= folder_bytes(folder) < 2000
    remove_folder(folder)
    remove_folder(folder)
    assert os.listdir(tmp_path) == ["outside"]
