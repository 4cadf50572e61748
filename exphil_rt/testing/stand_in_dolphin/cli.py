"""``exphil-rt-stand-in`` and what a written wrapper runs: Dolphin's own command line, and the stand-in's settings.

What ``--version`` says is what libmelee tells the builds apart by (``melee.console.get_dolphin_version``).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from exphil_rt.errors import ExphilError
from exphil_rt.testing.stand_in_dolphin.config import (
    BadStandIn,
    StandInConfig,
    launches,
    read_config,
    with_settings,
    write_stand_in,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a stand-in; its exit status."""
    arguments = parser().parse_args(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except ExphilError as error:
        print(f"exphil-rt-stand-in: {error}", file=sys.stderr)
        return error.exit_code


def _run(arguments: argparse.Namespace) -> int:
    config = StandInConfig() if arguments.config is None else read_config(arguments.config)
    config = with_settings(config, arguments.set)
    if arguments.write is not None:
        print(write_stand_in(arguments.write, config))
        return 0
    if arguments.version:
        return _say_version(config, 1 if arguments.config is None else launches(arguments.config, count=False) + 1)
    if arguments.user is None:
        raise BadStandIn(
            "No user folder was given.",
            hint="libmelee gives one as Dolphin's -u; --write makes a file that it can launch.",
        )
    from exphil_rt.testing.stand_in_dolphin.start import start

    launch = 1 if arguments.config is None else launches(arguments.config, count=True)
    start(config, arguments.user, launch)


def _say_version(config: StandInConfig, launch: int) -> int:
    faults = {fault.do: fault for fault in config.chaos if fault.at == "start" and fault.launch in (0, launch)}
    if "version_hang" in faults:
        while True:
            time.sleep(3600.0)
    if "version_text" in faults:
        print("some other program 1.0")
        return 0
    if config.flavour == "mainline":
        print(f"Slippi mainline stand-in {config.version}")
        status = 0
    elif config.flavour == "ishiiruka":
        print(config.version)
        status = 255
    else:
        print(f"Faster Melee - Slippi ({config.version}) - ExiAI", file=sys.stderr)
        status = 1
    return faults["version_rc"].arg if "version_rc" in faults else status


def parser() -> argparse.ArgumentParser:
    """The command line: Dolphin's, as far as libmelee uses it, and the stand-in's own."""
    found = argparse.ArgumentParser(
        prog="exphil-rt-stand-in",
        description="An executable that libmelee launches and plays with as with Dolphin. It is no emulator.",
    )
    found.add_argument("-e", "--exec", dest="iso", type=Path, help="the ISO, which is not looked at")
    found.add_argument("-u", "--user", type=Path, help="the user folder that libmelee wrote")
    found.add_argument("--platform", help="as Dolphin's; nothing is drawn in any case")
    found.add_argument("--version", action="store_true", help="say the version as the chosen flavour of Dolphin does")
    found.add_argument("--config", type=Path, help="settings, as JSON")
    found.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; JSON, or a word")
    found.add_argument("--write", type=Path, metavar="FOLDER", help="write a file there that libmelee can launch")
    return found
