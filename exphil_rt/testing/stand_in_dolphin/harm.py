"""Faults that befall the whole console rather than one frame's packet."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable

from exphil_rt.testing.stand_in_dolphin.board import Board, Ended
from exphil_rt.testing.stand_in_dolphin.config import Chaos
from exphil_rt.testing.stand_in_dolphin.packets import JUNK


def harm(fault: Chaos, board: Board) -> None:
    """Do a fault.

    Raises:
        Ended: where the fault is an orderly end.
    """
    seconds, count = fault.seconds, max(1, fault.arg)
    acts: dict[str, Callable[[], object]] = {
        "crash": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "segv": _segv,
        "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "stall": lambda: board.idle(until=time.monotonic() + seconds) if seconds else board.for_ever(),
        "freeze": lambda: _freeze(seconds),
        "slow": lambda: board.pace.change(seconds, count),
        "fast": lambda: board.pace.change(0.0, count),
        "deaf": lambda: _deafen(board),
        "late_input": lambda: board.delay.lengthen(count),
    }
    if fault.do == "exit":
        raise Ended(fault.arg)
    if fault.do in acts:
        acts[fault.do]()
    elif (server := board.server) is not None:
        to_clients: dict[str, Callable[[], None]] = {
            "disconnect": server.disconnect,
            "vanish": server.fall_silent,
            "empty": lambda: server.raw(b""),
            "bad_json": lambda: server.raw(JUNK["bad_json"]),
        }
        to_clients[fault.do]()


def _segv() -> None:
    """As from a bad pointer, without a core on the disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def _freeze(seconds: float) -> None:
    """Stand still, network and all, and whatever signal comes."""
    end = time.monotonic() + seconds if seconds else float("inf")
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 3600.0))


def _deafen(board: Board) -> None:
    for pipe in board.pipes.pipes:
        pipe.deaf = True
