"""What a killed program leaves is ended at the next start, and nothing else is."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from exphil_rt.actor import ChildSpec, start_child
from exphil_rt.actor.forkserver import forkserver_pid
from exphil_rt.actor.leftovers import Ended, Leftovers
from exphil_rt.actor.parent_death import start_time
from exphil_rt.testing.clocks import both_backends_real_time
from exphil_rt.testing.process_child import Proxy
from exphil_rt.testing.trees import start_tree

BOOT = Path("/proc/sys/kernel/random/boot_id")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process was started")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "leftovers.json"


@pytest.fixture
def left() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    yield process
    process.kill()
    process.wait(10)


def write(file: Path, *processes: tuple[int, int], boot: str | None = None) -> None:
    boot = BOOT.read_text(encoding="ascii").strip() if boot is None else boot
    file.write_bytes(msgspec.json.encode({"boot": boot, "processes": processes, "paths": []}))


@linux
def test_a_listed_process_is_ended(file: Path, left: subprocess.Popen[bytes]) -> None:
    write(file, (left.pid, start_time(left.pid)), (2**22 - 1, 5))
    assert Leftovers(file).end_earlier() == Ended((left.pid,))
    assert left.wait(10) == -signal.SIGKILL
    assert Leftovers(file).end_earlier() == Ended()


@linux
def test_another_process_with_that_pid_is_left_alone(file: Path, left: subprocess.Popen[bytes]) -> None:
    write(file, (left.pid, start_time(left.pid) - 1), (1, start_time(1)))
    assert Leftovers(file).end_earlier() == Ended()
    assert left.poll() is None


@linux
def test_pids_of_another_boot_are_left_alone(file: Path, left: subprocess.Popen[bytes]) -> None:
    write(file, (left.pid, start_time(left.pid)), boot="another")
    assert Leftovers(file).end_earlier() == Ended()
    assert left.poll() is None


@pytest.mark.parametrize("content", [None, b"", b"[[1,", b"{ torn", b'{"pid": 1}', b"[[1, 2]]", b"\xff\xfe"])
def test_no_list_or_a_broken_one_ends_nobody(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)
    assert Leftovers(file).end_earlier() == Ended()


def test_listed_paths_are_removed_and_what_is_not_its_is_left_alone(tmp_path: Path, file: Path) -> None:
    first = Leftovers(file)
    kept, gone, folder = tmp_path / "kept", tmp_path / "gone", tmp_path / "folder"
    for path in (kept, gone):
        first.add_path(path)
        path.write_bytes(b"x")
    first.add_path(folder)
    folder.mkdir()
    (folder / "inside").write_bytes(b"x")
    first.remove_path(kept)
    kept.write_bytes(b"somebody else's")
    assert Leftovers(file).end_earlier() == Ended((), (str(gone), str(folder)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "leftovers.json"]
    assert Leftovers(file).end_earlier() == Ended()


@linux
@pytest.mark.usefixtures("forkserver")
@both_backends_real_time
async def test_the_list_has_every_process_of_the_tree(file: Path) -> None:
    async with start_tree() as tree:
        Leftovers(file).follow(tree.runtime)
        await start_child("sup", ChildSpec(id="proxy", name="proxy", start=Proxy))
        pid = tree.pid("proxy").cell.actor.os_pid
        listed = dict(msgspec.json.decode(file.read_bytes())["processes"])  # noqa: ASYNC240
        assert listed == {pid: start_time(pid), forkserver_pid(): start_time(forkserver_pid() or 0)}
        assert all(listed.values())


@linux
@pytest.mark.usefixtures("forkserver")
@both_backends_real_time
async def test_a_list_that_cannot_be_written_holds_up_nobody(tmp_path: Path) -> None:
    async with start_tree() as tree:
        Leftovers(tmp_path / "gone" / "leftovers.json").follow(tree.runtime)
        await start_child("sup", ChildSpec(id="proxy", name="proxy", start=Proxy))
        assert tree.pid("proxy").alive
