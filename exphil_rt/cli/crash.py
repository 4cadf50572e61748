"""What is kept of an error that nobody foresaw: its traceback in a file, its place in one sentence."""

from __future__ import annotations

import os
import shlex
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from exphil_rt import __version__
from exphil_rt.errors import ExphilError
from exphil_rt.store.files import write_whole
from exphil_rt.store.home import Home


def write_crash(error: BaseException, argv: Sequence[str]) -> str:
    """Write the traceback under the home, or where that cannot be, in the temporary folder; a sentence about it."""
    text = "".join(
        [f"exphil_rt {__version__}: exphil-rt {shlex.join(argv)}\n", *traceback.format_exception(error)]
    ).encode(errors="replace")
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    first = " ".join(str(error).split())[:200] or "no message"
    for folder in (_home_logs, lambda: Path(tempfile.gettempdir())):
        try:
            path = folder() / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)
        except (OSError, ExphilError):
            continue
        return f"{first} (traceback in {path}; `--debug` shows it)"
    return f"{first} (`--debug` shows the traceback)"


def _home_logs() -> Path:
    return Home.find().root / "logs"
