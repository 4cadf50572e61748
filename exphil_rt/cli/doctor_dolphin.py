"""What ``doctor`` says of playing in Dolphin: each thing that a match needs, and the exact fix where it is not so.

A machine without Dolphin is not ill: then these are notes.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from exphil_rt.cli.config import resolve
from exphil_rt.cli.finding import Finding
from exphil_rt.dolphin.find import Found, find
from exphil_rt.dolphin.netplay import AccountMissing, own_code
from exphil_rt.errors import ExphilError

VERSION_S: Final = 5.0
ADAPTER: Final = ("057e", "0337")
"""USB vendor and product of Nintendo's GameCube controller adapter."""
UDEV: Final = 'SUBSYSTEM=="usb", ATTRS{idVendor}=="057e", ATTRS{idProduct}=="0337", MODE="0666"'
MENU_CODE: Final = "Extract Menu Info"
OTHERS: Final = (
    "Slippi Launcher",
    "slippi-launcher",
    "Slippi_Online",
    "Slippi_Netplay",
    "Slippi_Dolphin",
    "dolphin-emu",
)
"""Names of programs that hold what a match needs."""
_GAMES: Final = {
    "d4e70c064cc714ba8400a849cf299dbd1aa326fc": "NTSC 1.02",
    "6e83240872d47cd080a28dea7b8907140c44bef5": "NTSC 1.02 (NKit)",
    "3bf23f7c87caadfc983954eb8c6cf2823fa8713b": "NTSC 1.02 (GCZ)",
    "e63d50e63a0cdd357f867342d542e7cec0c3a7c7": "NTSC 1.02 (scrubbed)",
    "55109bc139b947c8b96b5fc913fbd91245104db8": "NTSC 1.02 (scrubbed)",
}
"""SHA-1 sums of copies that Slippi knows (project-slippi/slippi-launcher, verifyIso)."""


def found_here() -> Found:
    """What settings, environment and Slippi Launcher name."""
    try:
        return find(resolve(None, (), ()).config.dolphin)
    except ExphilError as error:
        return Found(problem=error.message)


def check_dolphin() -> Iterator[Finding]:
    found = found_here()
    if found.problem:
        fix = "correct it, or let `exphil-rt setup` find what is there"
        yield Finding("dolphin", "FAIL", found.problem.rstrip("."), fix)
        return
    if not found.executable:
        text = "none found; the embedded game and `exphil-rt play stand-in` need none"
        yield Finding("dolphin", "note", text, "only to play in it: install Slippi Launcher (https://slippi.gg)")
        return
    said, version = dolphin_version(found.executable)
    where = f"{found.executable} (named by {found.executable_from})"
    if said:
        yield Finding("dolphin", "ok", f"{version}, {where}")
    else:
        fix = f"start it by hand ({found.executable} --version), and reinstall it if it fails there, too"
        yield Finding("dolphin", "FAIL", f"{version}: {where}", fix)


def check_iso() -> Iterator[Finding]:
    found = found_here()
    if not found.executable and not found.iso:
        return
    if not found.iso:
        fix = "choose your ISO in Slippi Launcher's settings, or set ISO_PATH"
        yield Finding("iso", "FAIL", "no copy of Melee is named", fix)
        return
    try:
        with open(found.iso, "rb") as file:
            known = _GAMES.get(hashlib.file_digest(file, "sha1").hexdigest())
    except OSError as error:
        yield Finding(
            "iso", "FAIL", f"{found.iso} cannot be read: {error.strerror}", "give yourself the right to read it"
        )
        return
    if known:
        yield Finding("iso", "ok", f"{known}, {found.iso}")
    else:
        text = f"{found.iso} is no copy of Melee 1.02 (NTSC) that Slippi knows"
        yield Finding("iso", "note", text, "a modified game may lack what the menus need: use a clean copy of 1.02")


def check_port() -> Iterator[Finding]:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            number = probe.getsockname()[1]
    except OSError as error:
        fix = "let programs bind UDP ports of 127.0.0.1 (a container's or firewall's setting)"
        yield Finding("udp port", "FAIL", f"none can be bound at 127.0.0.1: {error.strerror}", fix)
    else:
        yield Finding("udp port", "ok", f"free ones are to be had (such as {number})")


def check_adapter() -> Iterator[Finding]:
    """A person's GameCube adapter: is it there, and may it be opened."""
    if sys.platform != "linux" or not found_here().executable:
        return
    for device in sorted(Path("/sys/bus/usb/devices").glob("*")):
        with contextlib.suppress(OSError, ValueError):
            if tuple((device / name).read_text().strip() for name in ("idVendor", "idProduct")) != ADAPTER:
                continue
            bus, number = (int((device / name).read_text()) for name in ("busnum", "devnum"))
            node = Path(f"/dev/bus/usb/{bus:03}/{number:03}")
            if os.access(node, os.R_OK | os.W_OK):
                yield Finding("adapter", "ok", "a GameCube controller adapter is plugged in")
            else:
                fix = f"sudo sh -c 'echo {UDEV!r} > /etc/udev/rules.d/51-gcadapter.rules', then plug it in again"
                yield Finding("adapter", "FAIL", f"the GameCube controller adapter ({node}) may not be opened", fix)
            return
    yield Finding("adapter", "note", "no GameCube controller adapter; a pad set up in your own Dolphin does as well")


def check_controllers() -> Iterator[Finding]:
    found = found_here()
    if not found.executable:
        return
    if found.user:
        yield Finding("controllers", "ok", f"a person's are taken from {found.user}")
    else:
        fix = "start Dolphin once from Slippi Launcher and set up your controller, or set dolphin.user"
        yield Finding(
            "controllers", "note", "your own Dolphin folder was not found; a person plays with the adapter", fix
        )


def check_account() -> Iterator[Finding]:
    """Slippi's account, which netplay needs. Its code is not shown: what doctor says is pasted into questions."""
    found = found_here()
    if not found.executable:
        return
    try:
        own_code(found.account)
    except AccountMissing as error:
        yield Finding(
            "account", "note", error.message.rstrip("."), f"only for --connect-code: {error.hint.rstrip('.')}"
        )
    else:
        yield Finding("account", "ok", f"logged in to Slippi ({found.account})")


def check_others() -> Iterator[Finding]:
    """A Launcher or a second Dolphin that is open."""
    if not found_here().executable:
        return
    others = running(OTHERS)
    if others:
        text = f"{', '.join(sorted(set(others.values())))} runs (pid {', '.join(map(str, others))})"
        yield Finding(
            "other Dolphin", "note", text, "close it before a match: two Dolphins share controllers and ports"
        )
    else:
        yield Finding("other Dolphin", "ok", "none is open")


def check_menu_codes() -> Iterator[Finding]:
    """The code that tells libmelee of the menus; it ships with libmelee and is put into each console's folder."""
    try:
        text = (importlib.resources.files("melee") / "GALE01r2.ini").read_bytes().decode(errors="replace")
    except (OSError, ModuleNotFoundError):
        text = ""
    if MENU_CODE in text:
        yield Finding("menu codes", "ok", f"libmelee's {MENU_CODE}")
    else:
        yield Finding("menu codes", "FAIL", f"libmelee's GALE01r2.ini lacks {MENU_CODE}", "make clean; make install")


def dolphin_version(executable: str) -> tuple[bool, str]:
    """Whether ``--version`` was answered in time, and with what (or why not)."""
    try:
        process = subprocess.Popen(
            [executable, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return False, f"it cannot be started ({error.strerror})"
    try:
        out, _ = process.communicate(timeout=VERSION_S)
    except subprocess.TimeoutExpired:
        return False, f"it did not say its version within {VERSION_S:g} s"
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    lines = out.strip().splitlines()
    return bool(lines), lines[0] if lines else f"it said nothing (exit code {process.returncode})"


def running(names: tuple[str, ...]) -> dict[int, str]:
    """Processes of this machine by pid whose program has one of these names; none where that cannot be seen."""
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            program = os.path.basename((entry / "cmdline").read_bytes().split(b"\0", 1)[0].decode(errors="replace"))
            found |= {int(entry.name): name for name in names if program.startswith(name)}
    return found


DOLPHIN_CHECKS: Final[tuple[Callable[[], Iterator[Finding]], ...]] = (
    check_dolphin,
    check_iso,
    check_port,
    check_adapter,
    check_controllers,
    check_account,
    check_others,
    check_menu_codes,
)
