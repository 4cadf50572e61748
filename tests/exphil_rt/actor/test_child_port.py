"""What a process child's end of the socket says of itself."""

from __future__ import annotations

import socket

from exphil_rt.actor import ChildPort


def test_a_port_knows_when_its_proxy_does_not_keep_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        port = ChildPort(ours, [])
        sent = 0
        while port.has_room():
            port.send("x" * 1000)  # never waits while there is room
            sent += 1
            assert sent < 10_000
        received = 0
        while received < sent * 1000:
            received += len(theirs.recv(1 << 20))
        assert port.has_room()
