"""A picture of one window: where both fighters went in the recording, and where the embedded game sent them.

Needs matplotlib, which comes with the extra ``plots``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import FIRST_FRAME, Frames
from exphil_rt.game.ids import character_name, stage_name
from exphil_rt.sim.fidelity.measuring import Measured
from exphil_rt.sim.fidelity.recording import Recording
from exphil_rt.sim.fidelity.rollout import paths
from exphil_rt.sim.fidelity.track import track

_COLOURS = ("#2f6fde", "#d9503f")


class PlotRefused(ExphilError):
    """No picture can be drawn."""

    exit_code = 5


def require() -> Any:
    """matplotlib's ``Figure``.

    Raises:
        PlotRefused: when matplotlib is not installed.
    """
    try:
        return importlib.import_module("matplotlib.figure").Figure
    except ImportError as error:
        raise PlotRefused(
            "matplotlib is not installed, so nothing can be plotted.", hint="pip install 'exphil-rt[plots]'"
        ) from error


def plot_window(games: Sequence[Frames], measured: Measured, out: Path) -> str:
    """Write a PNG of the median moving window of ``measured``; what it shows.

    Args:
        games: the games that were measured, in the same order.
        measured: what ``measure`` found, or a part of it.
        out: the file.

    Raises:
        PlotRefused: without matplotlib, without a window, or when the file cannot be written.
    """
    figure = require()
    windows = measured.windows[measured.windows["moving"]]
    windows = windows if len(windows) else measured.windows
    if not len(windows):
        raise PlotRefused("There is no window to plot.", hint="Name replays that are longer than two seconds.")
    order = np.lexsort((windows["row"], windows["game"], windows["error"][:, -1], windows["alive"]))
    chosen = windows[order[len(order) // 2]]
    game, row = int(chosen["game"]), int(chosen["row"])
    recording = Recording.of([games[game]])
    window = np.array([[row, 0]], np.int32)
    record = track(recording, window).records[0]
    real, mine = paths(recording, window[0], record)
    names = [character_name(int(recording.body["character"][row, 0, port])) for port in range(2)]
    title = f"{names[0]} - {names[1]}, {stage_name(int(recording.stage[0]))}, frame {row + FIRST_FRAME}"
    drawing = figure(figsize=(9, 6), layout="constrained")
    _draw(drawing, real, mine, names, title)
    spare = out.with_name(f".{out.name}-{os.getpid()}")
    try:
        drawing.savefig(spare, format="png", dpi=120)
        with spare.open("rb") as written:
            os.fsync(written.fileno())
        spare.replace(out)
    except OSError as error:
        raise PlotRefused(f"{out} cannot be written: {error.strerror or error}.", hint="Name another file.") from error
    finally:
        spare.unlink(missing_ok=True)
    return title


def _draw(drawing: Any, real: NDArray[Any], mine: NDArray[Any], names: Sequence[str], title: str) -> None:
    way, off = drawing.subplots(2, 1, height_ratios=(3, 1))
    for port, (name, colour) in enumerate(zip(names, _COLOURS, strict=True)):
        label = name if names[0] != names[1] else f"{name} {port + 1}"
        way.plot(*real[:, port].T, color=colour, linewidth=3, alpha=0.35, label=f"{label}, recorded")
        way.plot(*mine[:, port].T, color=colour, linewidth=1.2, label=f"{label}, simulated")
        way.plot(*real[0, port], "o", color=colour)
        off.plot(np.abs(real[:, port] - mine[:, port]).max(axis=1), color=colour)
    way.set_title(title)
    way.set_aspect("equal", adjustable="datalim")
    way.legend(fontsize="small")
    off.axhline(1.0, color="grey", linewidth=0.8, linestyle=":")
    off.set_xlabel("frames")
    off.set_ylabel("units off")
