"""``replay kmeans``: stick centres of an action codec, found in recorded play."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.options import Flag, Json
from exphil_rt.cli.output import save_file, say, show, show_json, table
from exphil_rt.cli.progress import ProgressLine
from exphil_rt.cli.sides import SideOptions, Workers, tell_selection
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.replays import Replay, Selection, find_replays, read_many, replay_folder
from exphil_rt.replays.selection import BadFilter
from exphil_rt.store.home import Home


def kmeans(
    replays: Path | None = None,
    /,
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"))],
    k: Annotated[int, Parameter(validator=Number(gte=2, lte=255))] = 21,
    joint: Flag = False,
    sides: SideOptions = SideOptions(),  # noqa: B008  (frozen)
    seed: int = 0,
    workers: Workers = 0,
    json: Json = False,
) -> None:
    """Find the stick positions that players use, and write them as an action codec.

    Args:
        replays: a folder of .slp files, or one; else EXPHIL_RT_REPLAYS, else Slippi's own folder.
        output: the file to write (JSON), for `train imitation --codec`.
        k: centres of an axis (odd), or positions of the control stick with --joint.
        joint: each stick is one choice among positions, not two axes.
        seed: key of the random start of --joint.
        workers: processes that read replays; 0 is one for each core, at most 8.
        json: print the result as JSON.
    """
    from exphil_rt.policy.kmeans import StickCounts, codec_error, fit_axes, fit_pairs

    folder = replay_folder(replays)
    paths = find_replays(folder)
    say(f"Reading {len(paths)} replays in {folder.path} ({folder.origin}) ...")
    selection, counts, line = Selection(sides.filter(Home.find())), StickCounts.empty(), ProgressLine()
    for number, result in enumerate(read_many(paths, rollback="first", workers=workers), start=1):
        for player in selection.take(result):
            assert isinstance(result, Replay)
            counts.add(result.frames.controllers[:, player])
        line.update(lambda done=number: f"read {done} of {len(paths)} replays")  # type: ignore[misc]
    line.end()
    tell_selection(selection)
    if not counts.main.any():
        raise BadFilter("No side is left to find centres in.", hint="Choose other replays or sides.")
    codec = fit_pairs(counts, k, seed) if joint else fit_axes(counts, k)
    codec.check()
    save_file(output, msgspec.json.format(msgspec.json.encode(codec), indent=1))
    named = (("k-means", codec), ("uniform 17", ActionCodec()))
    errors = {name: codec_error(one, counts) for name, one in named}
    if json:
        show_json({"codec": codec, "file": str(output), "error": errors})
        return
    rows = [(name, f"{e.main:.2f}", f"{e.c_stick:.2f}", f"{e.exact:.1%}") for name, e in errors.items()]
    show(table(("centres", "stick", "C-stick", "exact"), rows, right="stick C-stick exact"))
    show("(mean distance in 1/80 where the stick is not neutral; share of stick positions that come back as they were)")
    show(f"codec: {output}")
    show(f"next: exphil-rt train imitation --codec {output}")
