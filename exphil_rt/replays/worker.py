"""The process that parses replays for ``pool``: one request in, one answer out, until its input ends.

A request is a framed msgpack ``Request``; an answer is a framed ``Answer`` and the bytes of its payload. Other kinds of
workers (``training.dataset.worker``) serve other requests in the same way. A worker loads neither torch nor numba,
limits its own memory, and ends with its parent: end of input when it waits, the parent-death signal and an alarm of
its own when the parser has it.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from exphil_rt.replays.replay import ReplayError, Rollback

MAX_HEADER: Final = 1 << 20
MEMORY_LIMIT: Final = 8 << 30
"""Address space of a worker: a file that claims to be endless ends its worker, not the machine."""
_GRACE_S: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1


class Request(msgspec.Struct, frozen=True):
    """Do one file. ``body`` says what, in the words of the worker's kind."""

    path: bytes
    deadline_s: float
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """What came of it: a ``body`` and ``size`` bytes of payload behind the message, or the reason of the refusal.

    The first one, from a worker that is ready, has none of them.
    """

    reason: str = ""
    body: bytes = b""
    size: int = 0


class ReadJob(msgspec.Struct, frozen=True, tag="read"):
    """Parse a replay; the answer's body is its ``ReplayMeta``, the payload its frames."""

    rollback: Rollback


class ListJob(msgspec.Struct, frozen=True, tag="list"):
    """List the replays in a zip archive; the payload is their paths, each with a zero byte behind it."""


Handler = Callable[[Path, bytes], tuple[bytes, bytearray | None]]
"""(path, body of the request) to (body of the answer, payload). ReplayError is a refusal."""


def write_message(stream: BinaryIO, message: msgspec.Struct, payload: bytearray | None = None) -> None:
    """Write a 4-byte length, the message, and the payload behind it."""
    body = msgspec.msgpack.encode(message)
    stream.write(struct.pack(">I", len(body)))
    stream.write(body)
    if payload is not None:
        stream.write(payload)
    stream.flush()


def _read_request(stream: BinaryIO) -> Request | None:
    header = stream.read(4)
    if len(header) < 4:
        return None
    (size,) = struct.unpack(">I", header)
    return msgspec.msgpack.decode(stream.read(min(size, MAX_HEADER)), type=Request)


def _end_with_parent(parent: int, by_signal: bool) -> None:
    if by_signal and sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit_memory() -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(MEMORY_LIMIT, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def serve(make_handler: Callable[[], Handler]) -> None:
    """Serve requests from stdin on stdout. Arguments: the parent's pid, and 1 where its death may be a signal.

    Args:
        make_handler: imports what it needs and gives the handler; called behind the limits.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _end_with_parent(int(sys.argv[1]), sys.argv[2] == "1")
    if sys.platform == "linux":
        _limit_memory()
    handler = make_handler()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    write_message(answers, Answer())
    while (request := _read_request(requests)) is not None:
        # SIGALRM's default ends the process even where the parser never comes back to Python.
        signal.setitimer(signal.ITIMER_REAL, request.deadline_s + _GRACE_S)
        try:
            body, payload = handler(Path(os.fsdecode(request.path)), request.body)
        except ReplayError as error:
            write_message(answers, Answer(reason=error.reason))
        except MemoryError:
            write_message(answers, Answer(reason="needs more memory than a replay may take"))
        else:
            write_message(answers, Answer(body=body, size=len(payload or b"")), payload)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _handler() -> Handler:
    from exphil_rt.replays.reader import read_buffer
    from exphil_rt.replays.source import list_members

    def handle(path: Path, body: bytes) -> tuple[bytes, bytearray]:
        job = msgspec.msgpack.decode(body, type=ReadJob | ListJob)
        if isinstance(job, ListJob):
            return b"", bytearray(b"".join(os.fsencode(member) + b"\0" for member in list_members(path)))
        meta, buffer = read_buffer(path, job.rollback)
        return msgspec.msgpack.encode(meta), buffer

    return handle


def main() -> None:
    """Parse replays for ``pool.read_many``, list archives for ``pool.list_archives``."""
    serve(_handler)


if __name__ == "__main__":
    main()
