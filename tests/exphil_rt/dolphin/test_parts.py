"""The parts of a console one by one: pipes that never block, a person's pad, faults by name, the seams of libmelee."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import time

import pytest

from exphil_rt.actor import ChildPort
from exphil_rt.dolphin.faults import DolphinFault, fault_of
from exphil_rt.dolphin.gamestate import NotTwoPlayers
from exphil_rt.dolphin.keeper import _WRAPPER
from exphil_rt.dolphin.launch import clean_up, free_udp_port, make_temporary
from exphil_rt.dolphin.link import LinkLost
from exphil_rt.dolphin.person import copy_controller, device_of
from exphil_rt.dolphin.pipes import Pipe, open_pipe
from exphil_rt.dolphin.watch import Stopped, Watch
from exphil_rt.messages.dolphin import ConsoleArgs, Seat, StopConsole


@pytest.fixture
def watch():
    import socket

    ours, theirs = socket.socketpair()
    found = Watch(ChildPort(ours, []))
    found.theirs = theirs
    yield found
    theirs.close()
    ours.close()


def test_a_pipe_that_nobody_opens_is_given_up_in_time(tmp_path, watch):
    os.mkfifo(tmp_path / "pipe")
    watch.arm("pipe_not_opened", 0.1, "Dolphin did not open it")
    with pytest.raises(DolphinFault, match=r"Dolphin did not open it within 0\.1 s"):
        open_pipe(str(tmp_path / "pipe"), watch)


def test_a_pipe_hands_over_each_frame_once(tmp_path, watch):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    watch.arm("pipe_not_opened", 1.0, "")
    pipe = open_pipe(str(tmp_path / "pipe"), watch)
    pipe.write("PRESS A\n")
    pipe.commit()
    assert os.read(reader, 100) == b"PRESS A\nFLUSH\n"
    pipe.write("FLUSH\n")
    pipe.flush()  # libmelee's, for the same frame
    with pytest.raises(BlockingIOError):
        os.read(reader, 100)
    pipe.write("RELEASE A\n")
    pipe.write("FLUSH\n")
    pipe.flush()  # that of a game's start comes with inputs of its own
    assert os.read(reader, 100) == b"RELEASE A\nFLUSH\n"
    assert pipe.flushes == 2
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        pipe.commit()
    pipe.close()
    pipe.close()


def test_a_pipe_that_nobody_reads_is_full_and_never_blocks(tmp_path, watch):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    pipe = Pipe(os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK))

    def fill():
        for _ in range(10_000):
            pipe.write("SET MAIN 0.5 0.5\n" * 8)
            pipe.commit()

    with pytest.raises(BlockingIOError) as caught:
        fill()
    assert fault_of(caught.value).kind == "pipe_full"
    pipe.close()
    os.close(reader)


def test_whoever_waits_hears_the_order_to_stop(watch):
    from exphil_rt.actor.process_wire import MESSAGE, SHUTDOWN, pack

    watch.arm("no_frame", 10.0, "")
    watch.check()
    watch.theirs.sendall(pack(MESSAGE, StopConsole(after_game=True)))
    watch.check()
    assert watch.after_game
    watch.theirs.sendall(pack(SHUTDOWN))
    with pytest.raises(Stopped):
        watch.check()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DolphinFault("echo", "x"), "echo"),
        (LinkLost("gone"), "brain_lost"),
        (NotTwoPlayers("four"), "not_two_players"),
        (BrokenPipeError(), "broken_pipe"),
        (BlockingIOError(), "pipe_full"),
        (json.JSONDecodeError("x", "y", 0), "bad_data"),
        (KeyError("nick"), "bad_data"),
        (AssertionError(), "bad_data"),
        (PermissionError(13, "denied"), "bad_setup"),
        (RuntimeError("anything else"), "libmelee"),
        (MemoryError(), "libmelee"),
    ],
)
def test_every_error_has_a_name(error, kind):
    assert fault_of(error).kind == kind
    if kind in ("broken_pipe", "libmelee"):
        assert fault_of(error, "signal SIGSEGV").kind == "exited"


def test_libmelees_own_errors_have_names():
    code = """
from melee.console import SlippiVersionTooLow
from melee.slippstream import EnetDisconnected
from exphil_rt.dolphin.faults import fault_of
print(fault_of(SlippiVersionTooLow("2.0.1")).kind, fault_of(EnetDisconnected()).kind)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["slippi_too_old", "disconnected"]


def test_what_is_used_of_libmelee_is_there():
    """Names that the session takes the place of, or reads: another libmelee may have others."""
    code = """
import inspect, melee, melee.console, melee.slippstream
source = inspect.getsource(melee.console)
assert source.count("subprocess.") == 2, "libmelee starts programs in other ways"
for name in ("_events_this_frame", "_connect_codes", "_costumes", "_cpu_level", "SlippstreamClient", "self._process"):
    assert name in source, name
assert [name for name in inspect.signature(melee.console.SlippstreamClient.__init__).parameters] == [
    "self", "address", "port"]
assert [name for name in inspect.signature(melee.slippstream.SlippstreamWorker.__init__).parameters] == [
    "self", "address", "port", "buffer", "shutdown"]
worker = inspect.getsource(melee.slippstream.SlippstreamWorker)
assert {line.split("self._buffer.")[1].split("(")[0] for line in worker.splitlines() if "self._buffer." in line} == {
    "send", "send_bytes", "close"}
assert "is_set" in worker
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_loads_no_melee():
    code = """
import sys
import exphil_rt.dolphin, exphil_rt.dolphin.console, exphil_rt.dolphin.runner, exphil_rt.dolphin.link
import exphil_rt.dolphin.channel, exphil_rt.dolphin.keeper, exphil_rt.dolphin.launch, exphil_rt.dolphin.worker
assert "melee" not in sys.modules and "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_keepers_wrapper_is_the_kernels(tmp_path):
    from exphil_rt.actor.parent_death import wrapped

    assert wrapped(["x"])[-3] == str(_WRAPPER)


def args(tmp_path, **fields) -> ConsoleArgs:
    seats = (Seat(port=1, who="bot"), Seat(port=2, who="human"))
    return ConsoleArgs(executable="x", seats=seats, temporary=str(tmp_path / "own" / "tmp"), **fields)


def test_the_temporary_folder_is_the_consoles_own(tmp_path):
    make_temporary(args(tmp_path))
    folder = tmp_path / "own" / "tmp"
    (folder / "left").write_text("x")
    assert folder.stat().st_mode & 0o777 == 0o700
    make_temporary(args(tmp_path))
    assert list(folder.iterdir()) == []
    clean_up(args(tmp_path))
    clean_up(args(tmp_path))
    assert not folder.exists()


def test_a_keeper_whose_console_is_gone_ends_its_dolphin_and_tidies_up(tmp_path):
    import socket

    temporary = tmp_path / "tmp"
    temporary.mkdir()
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"]
    start = [sys.executable, "-P", "-m", "exphil_rt.dolphin.keeper", str(theirs.fileno()), "0.2", str(temporary), ""]
    keeper = subprocess.Popen([*start, *command], pass_fds=[theirs.fileno()], start_new_session=True)
    theirs.close()
    ours.settimeout(10.0)
    line = ours.recv(100).split()
    assert line[0] == b"started"
    pid = int(line[1])
    os.kill(pid, 0)
    time.sleep(0.1)
    ours.close()
    assert keeper.wait(10.0) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not temporary.exists()


def user_folder(tmp_path, pads: str, dolphin: str):
    config = tmp_path / "user" / "Config"
    config.mkdir(parents=True)
    (config / "GCPadNew.ini").write_text(pads)
    (config / "Dolphin.ini").write_text(dolphin)
    return tmp_path / "user"


def test_a_persons_pad_is_theirs(tmp_path):
    user = user_folder(
        tmp_path, "[GCPad1]\nDevice = SDL/0/Pad\nButtons/A = `Button 0`\nMain Stick/Up = `Axis 1-`\n[GCPad2]\n",
        "[Core]\nSIDevice0 = 6\n",
    )  # fmt: skip
    home = tmp_path / "home"
    (home / "Config").mkdir(parents=True)
    (home / "Config" / "Dolphin.ini").write_text("[Core]\nsidevice0 = 6\nsidevice1 = 0\n")
    (home / "Config" / "GCPadNew.ini").write_text("[GCPad1]\ndevice = Pipe/0/slippibot1\n")
    assert device_of(user, 2) == "copied"
    copy_controller(user, home, 2)
    pads = configparser.ConfigParser(interpolation=None)
    pads.read(home / "Config" / "GCPadNew.ini")
    assert pads.get("GCPad2", "Device") == "SDL/0/Pad"
    assert pads.get("GCPad2", "Buttons/A") == "`Button 0`"
    assert pads.get("GCPad1", "Device") == "Pipe/0/slippibot1"
    dolphin = configparser.ConfigParser()
    dolphin.read(home / "Config" / "Dolphin.ini")
    assert dolphin.get("Core", "SIDevice1") == "6"


def test_an_adapter_stays_an_adapter(tmp_path):
    user = user_folder(tmp_path, "[GCPad2]\nDevice = x\n", "[Core]\nSIDevice1 = 12\n")
    assert device_of(user, 2) == "adapter"
    assert device_of(None, 2) == "adapter"
    assert device_of(tmp_path / "nothing", 2) == "adapter"


def test_a_broken_file_is_no_pad(tmp_path):
    user = user_folder(tmp_path, "\x00\x01 not an ini [", "[[[")
    assert device_of(user, 1) == "adapter"


def test_ports_differ():
    assert len({free_udp_port() for _ in range(5)}) > 1
