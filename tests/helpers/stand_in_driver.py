"""The unmodified libmelee against stand-ins, in a process of its own that may hang: plays scripts, prints what it saw.

python stand_in_driver.py        a list of scripts as JSON on stdin, a list of reports as JSON on stdout
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from typing import Any

import enet
import melee

NOT_OF_THE_GAME = {"playedOn", "startAt", "consoleNick", "nickName", "connectCode", "custom"}
OVER_READ = {"ecb", "ecb_top", "ecb_bottom", "ecb_left", "ecb_right"}
"""libmelee reads these behind the event's end: garbage of the next event in a live game."""
BUTTONS = [b for b in melee.Button if b.name not in ("BUTTON_MAIN", "BUTTON_C", "BUTTON_START")]


def free_port() -> int:
    """A UDP port that nobody has at this moment."""
    for _ in range(100):
        port = random.SystemRandom().randint(20_000, 60_000)
        with contextlib.suppress(MemoryError, OSError):
            host = enet.Host(enet.Address(None, port), 1, 1, 0, 0)
            del host
            return port
    raise OSError("no free port")


REPORTS: list[dict[str, Any]] = []
OUT = os.dup(1)
HOPELESS_S = 3.0
"""An interrupt takes a second."""


def tell(reports: list[dict[str, Any]]) -> None:
    """Print the reports and end, whatever else still runs."""
    if tempfile.tempdir is not None:
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
    with os.fdopen(OUT, "w") as stream:
        json.dump(reports, stream)
    os._exit(0)


class Session:
    """One console from its launch to its end."""

    def __init__(self, script: dict[str, Any]) -> None:
        self.script = script
        self.report: dict[str, Any] = {"frames": [], "outcome": "played", "menus": 0, "started": [], "errors": []}
        self.console: Any = None
        self.limit = script.get("limit_s", 60.0)
        self.moved = time.monotonic()
        self.over = threading.Event()
        self.interrupted = False

    def run(self) -> dict[str, Any]:
        """Play; the report."""
        begun = time.monotonic()
        try:
            if self.script.get("watch_launch"):
                threading.Thread(target=self.watch, daemon=True).start()
            self.launch()
            self.moved = time.monotonic()
            if not self.script.get("watch_launch"):
                threading.Thread(target=self.watch, daemon=True).start()
            self.play()
        except Exception as error:
            self.report["outcome"] = "interrupted" if self.interrupted else type(error).__name__
            self.report["text"] = str(error)
        self.report["silence_s"] = time.monotonic() - self.moved
        self.report["seconds"] = time.monotonic() - begun
        self.over.set()
        self.close()
        return self.report

    def launch(self) -> None:
        """Build the console and its controllers, start the stand-in, connect."""
        script = self.script
        options = {"fullscreen": False, "blocking_input": True, "save_replays": False, **script.get("console", {})}
        self.console = melee.Console(path=script["exe"], slippi_port=free_port(), **options)
        self.report["version"] = self.console.dolphin_version.version
        ports = script.get("ports", [1, 2])
        self.pads = {port: melee.Controller(self.console, port) for port in ports}
        for port in script.get("people", []):
            melee.Controller(self.console, port, melee.ControllerType.GCN_ADAPTER)
        self.console.run()
        self.wait_bound()
        if not self.console.connect():
            raise ConnectionError("connect() gave False")
        for pad in self.pads.values():
            pad.connect()

    def wait_bound(self) -> None:
        """Until the stand-in listens: libmelee's first packet would be lost, and the next one comes a second later."""
        mark = f":{self.console.slippi_port:04X} "
        end = time.monotonic() + self.script.get("bound_s", 3.0)
        with contextlib.suppress(OSError):
            while time.monotonic() < end and self.console._process.poll() is None:
                with open("/proc/net/udp") as one, open("/proc/net/udp6") as two:
                    if mark in one.read() + two.read():
                        return
                time.sleep(0.01)

    def watch(self) -> None:
        """Interrupt a step that does not return; where that does not help either, the process ends."""
        while not self.over.wait(0.05):
            if time.monotonic() - self.moved > self.limit:
                break
        else:
            return
        self.interrupted = True
        self.console.interrupt()
        if not self.over.wait(HOPELESS_S):
            self.report["outcome"] = "hung"
            self.console._process.kill()
            self.console._slippstream._worker.kill()
            tell([*REPORTS, self.report])

    def play(self) -> None:
        """Step until the script is done."""
        script, report = self.script, self.report
        wanted, games = script.get("frames", 60), script.get("games", 0)
        helpers = {port: melee.MenuHelper() for port in self.pads}
        bot = Bot(self.pads, script) if script.get("echo") else None
        parity = Parity(script["parity"]) if "parity" in script else None
        expected_exit = script.get("until_exit", False)
        states = 0
        while True:
            if parity is not None and parity.done:
                break
            if parity is None and not games and len(report["frames"]) >= wanted:
                break
            if games and len(report["started"]) >= games and report["frames"][-1] >= script.get("last", -100):
                break
            if states > script.get("steps", 100_000):
                break
            state = self.console.step()
            if state is None:
                if self.interrupted:
                    raise TimeoutError
                time.sleep(0.001)
                if expected_exit and self.console._process.poll() is not None:
                    break
                continue
            states += 1
            self.moved = time.monotonic()
            if state.menu_state is not melee.Menu.IN_GAME:
                report["menus"] += 1
                if report["frames"] and report["started"] and not games and parity is None:
                    break
                for port, pad in self.pads.items():
                    self.menus(helpers, state, port, pad)
                continue
            if state.frame == -123:
                helpers = {port: melee.MenuHelper() for port in self.pads}
                players = {
                    int(port): [player.character.name, int(player.cpu_level)] for port, player in state.players.items()
                }
                report["started"].append({"stage": state.stage.name, "players": players})
                report["codes"] = {int(port): player.connectCode for port, player in state.players.items()}
                report["costumes"] = {int(port): int(player.costume) for port, player in state.players.items()}
            report["frames"].append(int(state.frame))
            if parity is not None:
                parity.compare(state)
            if bot is not None:
                bot.check_and_act(state)
            for port, stick in script.get("hold", {}).items():
                self.pads[int(port)].tilt_analog(melee.Button.BUTTON_MAIN, *stick)
            if script.get("watch"):
                report.setdefault("seen", []).append([
                    [float(player.position.x), float(player.position.y), int(player.stock), float(player.percent)]
                    for player in state.players.values()
                ])  # fmt: skip
        if bot is not None:
            report["echo"] = bot.report()
        if parity is not None:
            report["parity"] = parity.report()

    def menus(self, helpers: dict[int, Any], state: Any, port: int, pad: Any) -> None:
        """Choose, as the script says."""
        choice = self.script.get("choose", {}).get(str(port))
        if choice is None:
            pad.release_all()
            return
        with contextlib.suppress(KeyError):
            if state.menu_state is melee.Menu.PRESS_START:  # menu_helper_simple has no word for it
                melee.MenuHelper.choose_versus_mode(state, pad)
            helpers[port].menu_helper_simple(
                state, pad, melee.Character[choice["fighter"]], melee.Stage[choice["stage"]],
                cpu_level=choice.get("cpu", 0), autostart=choice.get("start", False),
                connect_code=choice.get("code"), costume=choice.get("costume", 0),
            )  # fmt: skip

    def close(self) -> None:
        """End everything, whatever state it is in."""
        console = self.console
        if console is None:
            return
        process = console._process
        if process is not None:
            if self.script.get("terminate"):
                process.terminate()
            if self.script.get("until_exit") or self.script.get("terminate"):
                with contextlib.suppress(Exception):
                    process.wait(5.0)
            self.report["rc"] = process.poll()
            process.kill()
        worker = console._slippstream._worker
        if worker is not None and worker.pid is not None:
            worker.kill()
        console.stop()


class Bot:
    """Random inputs on every frame, and whether they come back when they should."""

    def __init__(self, pads: dict[int, Any], script: dict[str, Any]) -> None:
        self.pads, self.delay = pads, script["echo"]["delay"]
        self.think_s = script["echo"].get("think_ms", 0) / 1000
        self.random = random.Random(script["echo"].get("seed", 0))
        self.sent: dict[int, dict[int, Any]] = {}
        self.checked, self.wrong = 0, []

    def check_and_act(self, state: Any) -> None:
        if state.frame == -123:
            self.sent.clear()
        for port in self.pads:
            seen = state.players[port].controller_state
            due = self.sent.get(state.frame - 1 - self.delay, {}).get(port, ((0.5, 0.5), (0.5, 0.5), 0.0, ()))
            shown = (
                tuple(map(float, seen.main_stick)), tuple(map(float, seen.c_stick)), float(seen.l_shoulder),
                tuple(sorted(b.name for b in BUTTONS if seen.button[b])),
            )  # fmt: skip
            self.checked += 1
            if not _near(due, shown):
                self.wrong.append([int(state.frame), port, repr(due), repr(shown)])
        time.sleep(self.think_s)
        self.sent[int(state.frame)] = {port: self.act(pad) for port, pad in self.pads.items()}

    def act(self, pad: Any) -> Any:
        main, c = self.stick(), self.stick()
        pressed = {b for b in BUTTONS if self.random.random() < 0.2}
        shoulder = self.random.choice([0, *range(43, 141)]) / 140
        for b in BUTTONS:
            (pad.press_button if b in pressed else pad.release_button)(b)
        pad.tilt_analog(melee.Button.BUTTON_MAIN, *main)
        pad.tilt_analog(melee.Button.BUTTON_C, *c)
        pad.press_shoulder(melee.Button.BUTTON_L, shoulder)
        names = tuple(sorted(b.name for b in pressed))
        if "BUTTON_L" in names or "BUTTON_R" in names:
            shoulder = 1.0
        elif "BUTTON_Z" in names:
            shoulder = max(shoulder, 49 / 140)
        return main, c, shoulder, names

    def stick(self) -> tuple[float, float]:
        while True:
            x, y = (self.random.choice([0, *range(-80, -22), *range(23, 81)]) for _ in range(2))
            if math.hypot(x, y) <= 80:
                return x / 160 + 0.5, y / 160 + 0.5

    def report(self) -> dict[str, Any]:
        return {"checked": self.checked, "wrong": len(self.wrong), "first": self.wrong[:3]}


def _near(mine: Any, shown: Any) -> bool:
    flat = [(*a[0], *a[1], a[2]) for a in (mine, shown)]
    return mine[3] == shown[3] and all(abs(x - y) < 1e-6 for x, y in zip(*flat, strict=True))


class Parity:
    """The live states beside those that libmelee's own file reader makes of the same recording."""

    def __init__(self, path: str) -> None:
        self.file = melee.Console(path=path, is_dolphin=False)
        assert self.file.connect()
        self.compared, self.different = 0, []
        self.next = self.file.step()
        self.done = self.next is None

    def compare(self, state: Any) -> None:
        skip = set(OVER_READ)
        if self.file.slp_version_tuple < (3, 15, 0):
            skip.add("raw_main_stick")  # read behind the event's end as well
        mine, theirs = plain(self.next, skip), plain(state, skip)
        self.compared += 1
        if mine != theirs:
            self.different.append([int(state.frame), [k for k in mine if mine[k] != theirs.get(k)]])
        self.next = self.file.step()
        self.done = self.next is None

    def report(self) -> dict[str, Any]:
        return {"compared": self.compared, "different": len(self.different), "first": repr(self.different[:3])}


def plain(value: Any, skip: set[str]) -> Any:
    """A state as plain values that can be compared."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value
    if hasattr(value, "item"):
        return plain(value.item(), skip)
    if isinstance(value, dict):
        return {str(key): plain(inner, skip) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, skip) for inner in value]
    if isinstance(value, int | str | None):
        return value
    if hasattr(value, "name") and hasattr(value, "value"):
        return str(value)
    names = getattr(value, "__slots__", None) or vars(value)
    return {n: plain(getattr(value, n), skip) for n in names if n not in NOT_OF_THE_GAME | skip and n[0] != "_"}


def main() -> None:
    """Run the scripts of stdin."""
    logging.disable(logging.CRITICAL)
    multiprocessing.set_start_method("forkserver")
    os.dup2(2, 1)  # what the children print is no report
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        REPORTS.extend(Session(script).run() for script in json.load(sys.stdin))
    tell(REPORTS)


if __name__ == "__main__":
    main()
