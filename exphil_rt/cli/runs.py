"""``runs list``: what runs there are."""

from __future__ import annotations

import time

from exphil_rt.cli.options import Json
from exphil_rt.cli.output import say, show, show_json, table
from exphil_rt.store.database import StoreInvalid
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run, list_runs


def describe(run: Run) -> dict[str, object]:
    """One run as plain values; a run whose database is damaged says so."""
    holder = run.holder()
    found: dict[str, object] = {
        "run": run.name,
        "daemon_pid": holder.pid if holder else 0,
        "used_ns": run.database_file.stat().st_mtime_ns,
        "folder": str(run.folder),
    }
    try:
        with run.reader() as database:
            progress = database.progress()
            found |= {
                "frames": progress.frames,
                "policies": len(database.policies()),
                "state": "running" if holder else progress.ended or "interrupted" if progress.starts else "new",
            }
    except StoreInvalid as error:
        found |= {"frames": 0, "policies": 0, "state": f"damaged: {error.message}"}
    return found


def list_runs_command(*, json: Json = False) -> None:
    """List runs, the last used first.

    Args:
        json: print them as JSON.
    """
    home = Home.find()
    found = [describe(run) for run in list_runs(home)]
    if json:
        show_json(found)
        return
    if not found:
        say(f"No runs in {home.runs} yet. next: exphil-rt self-play")
        return
    rows = [
        (
            run["run"],
            run["state"],
            f"{run['frames']:,}",
            run["policies"],
            time.strftime("%Y-%m-%d %H:%M", time.localtime(int(str(run["used_ns"])) / 1e9)),
        )
        for run in found
    ]
    show(table(("run", "state", "frames", "policies", "last used"), rows, "frames policies"))
