"""Processes that a dead daemon left."""

from __future__ import annotations

import signal
import subprocess
import sys

import msgspec
import pytest

from exphil_rt.actor import ChildSpec, start_child, stop_forkserver
from exphil_rt.actor.parent_death import start_time
from exphil_rt.testing.clocks import both_backends_real_time
from exphil_rt.testing.process_child import Proxy
from exphil_rt.testing.trees import start_tree
from supervisors.leftovers import end_leftovers, list_processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process was started")


@pytest.fixture
def left():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    yield process
    process.kill()
    process.wait(10)


def test_a_listed_process_is_ended(tmp_path, left):
    file = tmp_path / "processes.json"
    file.write_bytes(msgspec.json.encode([(left.pid, start_time(left.pid)), (2**22 - 1, 5)]))
    assert end_leftovers(file) == [left.pid]
    assert left.wait(10) == -signal.SIGKILL
    assert end_leftovers(file) == []


def test_another_process_with_that_pid_is_left_alone(tmp_path, left):
    file = tmp_path / "processes.json"
    file.write_bytes(msgspec.json.encode([(left.pid, start_time(left.pid) - 1), (1, start_time(1))]))
    assert end_leftovers(file) == []
    assert left.poll() is None


@pytest.mark.parametrize("content", [None, b"", b"[[1,", b'{"pid": 1}', b'[["a", 2]]'])
def test_no_list_or_a_broken_one_ends_nobody(tmp_path, content):
    file = tmp_path / "processes.json"
    if content is not None:
        file.write_bytes(content)
    assert end_leftovers(file) == []


@both_backends_real_time
async def test_the_list_has_every_process_of_the_tree(tmp_path):
    file = tmp_path / "processes.json"
    try:
        async with start_tree() as tree:
            tree.runtime.subscribe_reports(list_processes(tree.runtime, file))
            await start_child("sup", ChildSpec(id="proxy", name="proxy", start=Proxy))
            pid = tree.pid("proxy").cell.actor.os_pid
            listed = dict(msgspec.json.decode(file.read_bytes()))
            assert listed[pid] == start_time(pid) > 0
            assert len(listed) == 2  # and the forkserver
    finally:
        stop_forkserver()
