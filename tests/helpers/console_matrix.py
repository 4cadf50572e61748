"""Write the table of docs/dolphin-faults.md: each fault of a stand-in at a real console, and what it came to.

``python tests/helpers/console_matrix.py``: about six minutes on a quiet machine. With words behind it, only the faults
that they name, and only printed.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import anyio
import structlog
from console_parts import EVERY, Case, saved_frames

from exphil_rt.actor import start_forkserver, stop_forkserver

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dolphin-faults.md"
_BETWEEN = re.compile(r"(?<=<!-- matrix -->\n).*?(?=<!-- end of matrix -->)", re.DOTALL)


def row(case: Case, folder: Path) -> str:
    """One line of the table."""
    came = anyio.run(case.play, folder, backend="trio")
    good = came.said in case.comes_to and came.seconds < case.within and not came.left
    frames = max(saved_frames(folder), default=0)
    if came.shown and frames < came.shown:
        good = False
    text = came.text.replace(str(folder / "stand-in"), "...").replace("|", "/") if came.said != "played on" else ""
    said = f"`{came.said}`: {text}" if text else came.said
    left = "nothing" if not came.left else ", ".join(came.left)
    return f"| {case.name} | {said} | {came.seconds:.1f} s | {case.within:g} s | {left} |{'' if good else ' **no**'}"


def main() -> None:
    """Play all of them, print each, and write the page's table."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    start_forkserver()
    lines = ["| fault | came to | after | at most | left behind |", "|---|---|---|---|---|"]
    wanted = " ".join(sys.argv[1:])
    for case in EVERY:
        if wanted not in case.name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            lines.append(row(case, Path(folder)))
        print(lines[-1], flush=True)  # noqa: T201
    stop_forkserver()
    if not wanted:
        PAGE.write_text(_BETWEEN.sub(lambda _: "\n".join(lines) + "\n", PAGE.read_text()))


if __name__ == "__main__":
    main()
