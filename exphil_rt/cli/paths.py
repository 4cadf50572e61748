"""``paths``: where everything lies."""

from __future__ import annotations

from pathlib import Path

from exphil_rt.cli.options import Json
from exphil_rt.cli.output import show, show_json
from exphil_rt.replays.folder import replay_folder
from exphil_rt.store.home import Home, setting_files, user_settings_file


def paths(*, json: Json = False) -> None:
    """Say where things lie; nothing is made.

    Args:
        json: print them as JSON.
    """
    home = Home.find()
    replays = replay_folder()
    found = {
        "home": home.root,
        "policies": home.policies,
        "runs": home.runs,
        "datasets": home.datasets,
        "cache": home.cache,
        "sockets": home.socket("RUN").parent.parent,
        "your settings": user_settings_file(),
        "replays": replays.path,
        "program": Path(__file__).resolve().parents[1],
    }
    used = setting_files()
    if json:
        show_json({name.replace(" ", "_"): str(path) for name, path in found.items()} | {"used": list(map(str, used))})
        return
    for name, path in found.items():
        note = f"  ({replays.origin})" if name == "replays" else ""
        show(f"{name:<14} {path}{note}{'' if path.exists() else '  (not there yet)'}")
    for path in used:
        show(f"{'settings read':<14} {path}")
