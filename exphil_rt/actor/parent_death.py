"""Have a process end when its parent does, also when the parent was killed with SIGKILL.

Linux: PR_SET_PDEATHSIG (prctl(2)), set by the process itself and followed by a look at getppid(), since the parent may
have died before. The signal comes when the *thread* that started the process ends, so start such processes from a
main thread. macOS has no such thing; there an end of file on the parent's socket does it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Have signal ``number`` sent to this process when ``parent`` ends; exits at once if it ended already."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


def wrapped(command: Sequence[str]) -> list[str]:
    """The command line that runs ``command`` so that it dies with the process that starts it.

    By this file's path, not its name: the package around it takes a quarter of a second to import.
    """
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid()), *command]


def start_time(pid: int) -> int:
    """When a process was started, in clock ticks since boot (proc(5), field 22); 0 where that cannot be known.

    A pid together with this names a process for good, so that a leftover can be told from a later process of its pid.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def end_leftover(pid: int, started: int) -> bool:
    """Kill the process group of a leftover, unless ``pid`` is another process by now; whether it was there.

    A group outlives its leader, and the leader's pid is given to nobody while it does (credentials(7)).
    """
    if pid <= 1 or started == 0:
        return False
    now = start_time(pid)
    if now not in (0, started):
        return False
    try:
        if now == 0 or os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
