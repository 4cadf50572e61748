"""Write the table of docs/dolphin-faults.md: each fault of a stand-in at a real console, and what it came to.

``python tests/helpers/console_matrix.py``: about six minutes on a quiet machine.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import anyio
import msgspec
import structlog
from console_parts import EVERY, Case, console, saved_frames, suffer

from exphil_rt.actor import start_forkserver, stop_forkserver

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dolphin-faults.md"
_BETWEEN = re.compile(r"(?<=<!-- matrix -->\n).*?(?=<!-- end of matrix -->)", re.DOTALL)


def row(case: Case, folder: Path) -> str:
    """One line of the table."""
    stand_in = case.stand_in | {"chaos": [msgspec.to_builtins(fault) for fault in case.chaos]}
    came = anyio.run(suffer, console(folder, stand_in, **case.fields), folder, backend="trio")
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
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(60))
    start_forkserver()
    lines = ["| fault | came to | after | at most | left behind |", "|---|---|---|---|---|"]
    for case in EVERY:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(row(case, Path(folder)))
        print(lines[-1], flush=True)  # noqa: T201
    stop_forkserver()
    if "--print" not in sys.argv:
        PAGE.write_text(_BETWEEN.sub(lambda _: "\n".join(lines) + "\n", PAGE.read_text()))


if __name__ == "__main__":
    main()
