"""``play``: a match on a console: Slippi Dolphin, or the stand-in for a machine without it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from exphil_rt.cli.attach import need_terminal
from exphil_rt.cli.config import resolve
from exphil_rt.cli.consoles import STAND_IN, compile_game, find_console
from exphil_rt.cli.launch import DaemonFailed, last_words, run_in_client, run_in_lines
from exphil_rt.cli.match_options import Count, DecidingOptions, MatchOptions
from exphil_rt.cli.options import ConfigFiles, Flag, Preset, Settings
from exphil_rt.cli.output import say
from exphil_rt.config import Config
from exphil_rt.messages.telemetry import MatchStatus, RunStatus
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run

if TYPE_CHECKING:
    from exphil_rt.dolphin.match import MatchPlan

LINE_S: Final = 5.0
"""Seconds between two progress lines."""


def dolphin(
    policy: str,
    /,
    *,
    match: MatchOptions = MatchOptions(),  # noqa: B008
    deciding: DecidingOptions = DecidingOptions(),  # noqa: B008
    fullscreen: Flag = False,
    seed: int | None = None,
    run: Annotated[str | None, Parameter(name="--run")] = None,
    headless: Flag = False,
    preset: Preset = None,
    config: ConfigFiles = (),
    set_: Settings = (),
) -> int:
    """Play in Slippi Dolphin. Dolphin, the ISO, the delay and the temperature are found, not asked.

    Args:
        policy: who plays: NAME, NAME@vN, a path, or random.
        fullscreen: Dolphin over the whole screen.
        seed: key of every random draw.
        run: name of the run; one is made up without it.
        headless: print progress lines until the match ends, instead of opening the terminal client.
        preset: a named set of settings.
        config: a settings file; repeat it for several, the last one wins.
        set_: one setting, as `section.key=value`.
    """
    flags = {
        "run.name": run, "run.seed": seed, "play.console": "dolphin", "play.policy": policy,
        "play.fullscreen": fullscreen or None, **match.flags(), **deciding.flags(),
    }  # fmt: skip
    return _begin(flags, preset, config, set_, headless)


def stand_in(
    policy: str,
    /,
    *,
    match: MatchOptions = MatchOptions(),  # noqa: B008
    deciding: DecidingOptions = DecidingOptions(),  # noqa: B008
    stocks: Count = None,
    seconds: Count = None,
    source: str | None = None,
    fps: float | None = None,
    seed: int | None = None,
    run: Annotated[str | None, Parameter(name="--run")] = None,
    headless: Flag = False,
    preset: Preset = None,
    config: ConfigFiles = (),
    set_: Settings = (),
) -> int:
    """Play as in Dolphin on a machine without it: libmelee drives a stand-in that plays the embedded game.

    Without an opponent, cpu5 plays.

    Args:
        policy: who plays: NAME, NAME@vN, a path, or random.
        stocks: of each fighter.
        seconds: of the game's clock; 0 for none.
        source: game (the embedded game), or still (fighters that only walk, which needs nothing to be compiled).
        fps: frames a second; 0 for as fast as it goes.
        seed: key of every random draw.
        run: name of the run; one is made up without it.
        headless: print progress lines until the match ends, instead of opening the terminal client.
        preset: a named set of settings.
        config: a settings file; repeat it for several, the last one wins.
        set_: one setting, as `section.key=value`.
    """
    flags = {
        "run.name": run, "run.seed": seed, "play.console": STAND_IN, "play.policy": policy, "play.stocks": stocks,
        "play.seconds": seconds, "play.source": source, "play.fps": fps, **match.flags(), **deciding.flags(),
    }  # fmt: skip
    flags["play.opponent"] = match.opponent or ("human" if match.connect_code else "cpu5")
    return _begin(flags, preset, config, set_, headless)


def _begin(flags: dict[str, object], preset: str | None, files: ConfigFiles, settings: Settings, headless: bool) -> int:
    if not headless:
        need_terminal()  # before anything is started for its sake
    home = Home.find()
    resolved = resolve(preset, files, settings, {"run.kind": "match", **flags})
    plan = plan_of(resolved.config, home.root / "unnamed", home)  # what cannot be played is told here
    for one, seat in zip(plan.plans, plan.brain.seats, strict=True):
        say(f"{plan.players[seat.port]}: {one}")
    for text in plan.notes:
        say(text)
    play = resolved.config.play
    if play.console == STAND_IN and play.source == "game":
        compile_game()
    found = Run.create(home, resolved)
    if headless:
        return _in_lines(found)
    run_in_client(found)
    return 0


def _in_lines(run: Run) -> int:
    """Progress lines until the match is over; its result is the exit code."""
    code = run_in_lines(run, lambda client: say(progress_line(client.status())), LINE_S)
    with run.reader() as database:
        progress = database.progress()
    if code != 0:
        raise DaemonFailed(
            f"The match {run.name} ended badly after {progress.frames:,} frames: {last_words(run, code)}",
            hint=f"See `exphil-rt logs --run {run.name}`.",
        )
    say(f"The match {run.name} is over after {progress.frames:,} frames ({progress.ended or 'stopped'}).")
    if progress.frames:
        say(f"next: exphil-rt replay stats {run.replays / 'console'}")
    return 0


def plan_of(config: Config, folder: Path, home: Home) -> MatchPlan:
    """The match of the settings, worked out; a stand-in is written where the run's folder is there.

    Args:
        folder: of the run, which need not be there yet.

    Raises:
        ExphilError: what is missing or cannot be played, in a sentence.
    """
    from exphil_rt.dolphin.match import plan_match

    play = config.play
    found = find_console(config, play.console, folder, play.stocks, play.fps)
    return plan_match(
        config,
        folder,
        home.root,
        executable=found.executable,
        iso=found.iso,
        user=found.user,
        account=found.account,
        own=found.own_code,
    )


def progress_line(status: RunStatus) -> str:
    """One line for a log."""
    match = status.match
    if match is None or status.state != "running":
        return f"{status.state:<8}  {status.message}".rstrip()
    return f"{match.phase:<22}  {figures(match)}"


def figures(match: MatchStatus) -> str:
    """The match's figures in a line."""
    won, drawn, lost = match.score
    parts = [
        f"{match.players[0]} {won}:{lost} {match.players[1]}" + (f" ({drawn} drawn)" if drawn else ""),
        f"{match.frames:,} frames",
        f"{match.fps:.1f} fps",
        f"{match.late} late",
        f"{match.skipped} skipped",
    ]
    parts += [f"{one.phase} p99 {one.p99_us / 1e3:.1f} ms" for one in match.latency if one.phase in ("flush", "decide")]
    if match.starts > 1:
        parts.append(f"{match.starts} starts")
    return "  ".join(parts)
