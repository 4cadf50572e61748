"""``setup``: write into the user's settings file what this machine has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from exphil_rt.cli.options import Flag
from exphil_rt.cli.output import say, show
from exphil_rt.config import load_config
from exphil_rt.config.sections import DolphinSettings
from exphil_rt.dolphin.find import DolphinMissing, find
from exphil_rt.store.files import write_whole
from exphil_rt.store.home import user_settings_file

SECTION: Final = "dolphin"


def setup(
    *, dolphin: Path | None = None, iso: Path | None = None, user: Path | None = None, dry_run: Flag = False
) -> None:
    """Find Dolphin, your copy of Melee and your controllers, and write them into your settings file.

    Other settings in the file stay as they are.

    Args:
        dolphin: Dolphin's executable or the folder that it lies in, where it is not found.
        iso: your copy of Melee 1.02 (NTSC), where it is not found.
        user: your own Dolphin's User folder, where it is not found.
        dry_run: print what would be written.
    """
    file = user_settings_file()
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    known = load_config(files=[file] if before else []).config.dolphin
    asked = DolphinSettings(
        path=str(dolphin.expanduser().absolute()) if dolphin else known.path,
        iso=str(iso.expanduser().absolute()) if iso else known.iso,
        user=str(user.expanduser().absolute()) if user else known.user,
    )
    found = find(asked)
    if found.problem:
        raise DolphinMissing(found.problem, hint="Name the right one: --dolphin PATH, --iso PATH.")
    values = {"path": found.executable, "iso": found.iso, "user": found.user}
    for name, what in (("path", "Dolphin"), ("iso", "Melee"), ("user", "controllers")):
        show(f"{what:<12} {values[name] or 'not found'}")
    kept = {name: value for name, value in values.items() if value}
    if not kept:
        raise DolphinMissing(
            "Nothing was found that could be written.",
            hint="Install Slippi Launcher (https://slippi.gg) and choose your ISO there, or give --dolphin and --iso.",
        )
    text = with_section(before, kept)
    if dry_run:
        say(f"would be written to {file}:")
        show(text.rstrip())
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, text)
    say(f"written to {file}")
    if found.executable and found.iso:
        say("next: exphil-rt play dolphin NAME --opponent human")
    else:
        say("next: exphil-rt doctor, which says what is missing")


def with_section(text: str, values: dict[str, str]) -> str:
    """The settings file ``text`` with these values in its section ``dolphin``; all else stays as it is."""
    lines = [f"{name} = {_quoted(value)}" for name, value in values.items()]
    header = re.compile(rf"^\[{SECTION}\][ \t]*(#.*)?$", re.MULTILINE)
    found = header.search(text)
    if found is None:
        return f"{text.rstrip()}\n\n[{SECTION}]\n".lstrip() + "\n".join(lines) + "\n"
    rest = text[found.end() :]
    following = re.search(r"^\[", rest, re.MULTILINE)
    end = following.start() if following else len(rest)
    key = re.compile(rf"^[ \t]*({'|'.join(values)})[ \t]*=")
    kept = [line for line in rest[:end].strip("\n").splitlines() if not key.match(line)]
    body = "\n".join([*lines, *kept]).rstrip()
    after = rest[end:]
    return text[: found.end()] + "\n" + body + "\n" + (f"\n{after}" if after else "")


def _quoted(value: str) -> str:
    """A TOML basic string."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
