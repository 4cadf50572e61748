"""The process that speaks ENet with Dolphin: libmelee's own SlippstreamWorker, in a process of its own.

pyenet holds Python's lock while it waits, so it cannot be a thread of the console. libmelee starts it with
multiprocessing, which lets a dead sibling's pipe stay open, joins it for ever at exit, and leaves it alive when its
parent is killed. Here it is a plain program behind a socket that dies with its parent.

``python -m exphil_rt.dolphin.worker FD ADDRESS PORT LABEL``: waits for a byte, connects, then passes on what comes.
"""

from __future__ import annotations

import signal
import socket
import sys
from typing import Final

PACKET, CONNECTED, REFUSED, CLOSED = 0, 1, 2, 3
"""Kinds of what it says."""
_QUIET: Final = (BrokenPipeError, ConnectionResetError)


class _Out:
    """What libmelee's worker takes for the pipe to its client."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, connected: bool) -> None:
        """Say whether the server answered."""
        self._send(CONNECTED if connected else REFUSED, b"")

    def send_bytes(self, packet: bytes) -> None:
        """Pass on one packet."""
        self._send(PACKET, packet)

    def close(self) -> None:
        """The server said good-bye."""
        self._send(CLOSED, b"")

    def _send(self, kind: int, body: bytes) -> None:
        self._sock.sendall((len(body) + 1).to_bytes(4, "big") + bytes((kind,)) + body)


class _Never:
    """What libmelee's worker asks whether it is to end: it is killed instead."""

    @staticmethod
    def is_set() -> bool:
        return False


def main() -> None:
    """Serve the socket whose number is the first argument."""
    from melee.slippstream import SlippstreamWorker  # not for who only imports the names above

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(fileno=int(sys.argv[1]))
    worker = SlippstreamWorker(sys.argv[2], int(sys.argv[3]), _Out(sock), _Never())
    if not sock.recv(1):
        return
    try:
        worker.run()
    except _QUIET:  # the console is gone
        return


if __name__ == "__main__":
    main()
