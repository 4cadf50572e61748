"""The blocking client against peers that are no daemon, or a foreign one. With a daemon: tests of the command line."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exphil_rt.control.framing import ControlError, DaemonGone, DaemonNotRunning, ProtocolError, encode_frame
from exphil_rt.control.sync import SyncClient
from exphil_rt.control.wire import PROTOCOL, Done, Fault, Hello, Pause, Reply

HELLO = encode_frame(Hello(protocol=PROTOCOL, version="0.1.0"))
Peer = Callable[..., Path]


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Listens once, sends these bytes when asked for a connection, and reads until the client leaves."""
    threads: list[threading.Thread] = []
    with tempfile.TemporaryDirectory(prefix="ert") as folder:

        def make(*sent: bytes, close: bool = False) -> Path:
            path = Path(folder) / str(len(threads))
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(os.fspath(path))
            listener.listen()
            listener.settimeout(10)

            def talk() -> None:
                with listener, listener.accept()[0] as raw:
                    raw.settimeout(10)
                    for data in sent:
                        raw.sendall(data)
                    while not close and raw.recv(65_536):
                        pass

            threads.append(threading.Thread(target=talk))
            threads[-1].start()
            return path

        yield make
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(DaemonNotRunning) as caught:
        SyncClient(tmp_path / "none")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("sent", "close", "error", "text"),
    [
        ([], False, DaemonGone, "in time"),
        ([], True, DaemonGone, "ended the connection"),
        ([HELLO[:5]], True, DaemonGone, "ended the connection"),
        ([encode_frame(Fault("The house is full."))], False, ProtocolError, "The house is full"),
        ([encode_frame(Hello(protocol=2, version="9.9.9"))], False, ProtocolError, r"9\.9\.9"),
        ([encode_frame(Reply(1, Done()))], False, ProtocolError, "did not begin with Hello"),
        ([b"SSH-2.0-OpenSSH_9.9\r\n"], False, ProtocolError, "was announced"),
    ],
)
def test_a_peer_that_cannot_be_talked_to(
    peer: Peer, sent: list[bytes], close: bool, error: type[ControlError], text: str
) -> None:
    with pytest.raises(error, match=text):
        SyncClient(peer(*sent, close=close), deadline=0.2)


def test_a_daemon_that_never_answers(peer: Peer) -> None:
    with SyncClient(peer(HELLO)) as client, pytest.raises(DaemonGone, match=r"Pause within 0\.05 s"):
        client.do(Pause(), timeout=0.05)


def test_an_answer_of_another_kind(peer: Peer) -> None:
    with (
        SyncClient(peer(HELLO, encode_frame(Reply(99, Done())), encode_frame(Reply(1, Done("x"))))) as client,
        pytest.raises(ProtocolError, match="GetStatus with Done"),
    ):
        client.status()
