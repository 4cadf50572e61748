"""A controller's named pipe, written so that nothing ever blocks: opening it, filling it and closing it.

libmelee opens a pipe with ``open(path, "w")``, which waits for ever where nobody reads, and writes it through a
buffer, which waits for ever where nobody reads any more. This takes the place of that file object.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Final

from exphil_rt.dolphin.faults import DolphinFault
from exphil_rt.dolphin.watch import Watch

_TRY_S: Final = 0.01
_FLUSH: Final = "FLUSH\n"


def open_pipe(path: str, watch: Watch) -> Pipe:
    """Open a pipe when Dolphin has.

    Raises:
        DolphinFault: nobody opened the other end by the watch's deadline, or Dolphin ended.
    """
    while True:
        try:
            return Pipe(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise DolphinFault("pipe_not_opened", f"The pipe {path} cannot be opened: {error.strerror}.") from None
        watch.sleep(_TRY_S)


class Pipe:
    """A pipe open for writing, with what libmelee's Controller calls on its file."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: list[str] = []
        self._ahead = False
        self.flushes = 0

    def write(self, text: str) -> None:
        """Keep a line for the next flush."""
        self._lines.append(text)

    def commit(self) -> None:
        """Flush now, in place of the next flush: libmelee's own comes only when the next frame is waited for.

        Raises:
            BrokenPipeError: Dolphin closed it.
            BlockingIOError: it is full.
        """
        self.write(_FLUSH)
        self._ahead = False
        self.flush()
        self._ahead = True

    def flush(self) -> None:
        """Hand everything over at once, unless that was done ahead.

        Raises:
            BrokenPipeError: Dolphin closed it.
            BlockingIOError: it is full.
        """
        ahead, self._ahead = self._ahead, False
        if ahead and self._lines == [_FLUSH]:
            self._lines.clear()
            return
        data = "".join(self._lines).encode()
        self._lines.clear()
        if os.write(self._fd, data) != len(data):  # more than PIPE_BUF is never written: then it is whole or not at all
            raise BlockingIOError
        self.flushes += 1

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1
