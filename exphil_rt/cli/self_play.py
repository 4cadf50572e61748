"""``self-play``: make or resume a run, start its daemon, then watch it in the terminal or as progress lines."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from exphil_rt.cli.attach import need_terminal
from exphil_rt.cli.config import resolve
from exphil_rt.cli.options import ConfigFiles, Flag, Preset, Settings
from exphil_rt.cli.output import duration, say
from exphil_rt.config.layers import DEFAULT
from exphil_rt.control.framing import ControlError
from exphil_rt.control.sync import SyncClient
from exphil_rt.errors import ExphilError
from exphil_rt.game import ids
from exphil_rt.messages.telemetry import RunStatus
from exphil_rt.policy.manifest import check_delay, delay_sentence, read_manifest, read_weights
from exphil_rt.policy.ref import resolve_bundle
from exphil_rt.store.home import Home
from exphil_rt.store.lock import RunLocked
from exphil_rt.store.run import Run

START_S: Final = 60.0
"""How long the daemon may take to open its socket; the games come later, on screen."""
LINE_S: Final = 10.0
"""Seconds between two progress lines of a run without a terminal client."""
OUTPUT: Final = "daemon.out"
"""What the daemon prints, among the run's logs: nothing, unless something is wrong."""
LAST_S: Final = 120.0
"""How long a daemon that is saving may go on after its socket closed."""


class DaemonFailed(ExphilError):
    """The daemon did not come up, or ended the run badly."""


def self_play(
    *,
    policy: Annotated[str | None, Parameter(name="--policy")] = None,
    games: int | None = None,
    timesteps: int | None = None,
    max_episode_frames: int | None = None,
    characters: Annotated[tuple[str, ...], Parameter(name="--character", consume_multiple=False, negative="")] = (),
    reward: str | None = None,
    teacher_kl: float | None = None,
    frame_delay: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    inference_device: str | None = None,
    deterministic: Flag = False,
    run: Annotated[str | None, Parameter(name="--run")] = None,
    resume: Annotated[str | None, Parameter(name="--resume")] = None,
    headless: Flag = False,
    dry_run: Flag = False,
    preset: Preset = None,
    config: ConfigFiles = (),
    set_: Settings = (),
) -> int:
    """Run self-play training: games, a league and a learner under one supervision tree.

    Args:
        policy: start from this policy (NAME, NAME@vN or a path); without it the run learns from zero.
        games: training games at a time.
        timesteps: total of game frames of the run; 0 runs until it is stopped.
        max_episode_frames: cut games after this many frames; 0 leaves them to the game's timer.
        characters: a fighter that both sides draw from; repeat it for several. By default those of the policy.
        reward: standard, shaped or sparse.
        teacher_kl: weight of staying near the policy that the run starts from; 0 lets it go.
        frame_delay: frames between deciding and acting.
        seed: key of every random draw.
        device: where the learner runs: auto, cpu, cuda:N or mps.
        inference_device: where policies run while they play.
        deterministic: lockstep, so that a resumed run equals an uninterrupted one bit for bit.
        run: name of the new run; one is made up without it.
        resume: go on with this run, with its own settings.
        headless: print progress lines until the run ends, instead of opening the terminal client.
        dry_run: print the settings and stop.
        preset: a named set of settings.
        config: a settings file; repeat it for several, the last one wins.
        set_: one setting, as `section.key=value`.
    """
    if not headless and not dry_run:
        need_terminal()  # before anything is started for its sake
    home = Home.find()
    if resume is not None:
        found = _resume(home, resume)
        if _is_over(found):
            return 0
    else:
        flags: dict[str, object] = {
            "run.name": run,
            "run.games": games,
            "run.timesteps": timesteps,
            "run.max_episode_frames": max_episode_frames,
            "run.seed": seed,
            "run.deterministic": deterministic or None,
            "game.characters": characters or None,
            "policy.start": policy,
            "policy.delay": frame_delay,
            "train.reward": reward,
            "train.teacher_kl": teacher_kl,
            "train.device": device,
            "rollout.inference_device": inference_device,
        }
        resolved = resolve(preset, config, set_, flags)
        _check_names(resolved.config.game.characters, resolved.config.game.stages)
        delay = resolved.config.policy.delay
        if resolved.config.policy.start:
            bundle = resolve_bundle(resolved.config.policy.start, home.root)
            manifest = read_manifest(bundle)
            read_weights(bundle, manifest)  # a bad bundle is named before there is a run
            if frame_delay is not None:
                check_delay(manifest, frame_delay)
            delay = manifest.delay
            if manifest.characters and resolved.origin["game.characters"] == DEFAULT:
                # A clone of one fighter knows no other; whoever wants more names them.
                flags["game.characters"] = tuple(ids.Character(number).name.lower() for number in manifest.characters)
                resolved = resolve(preset, config, set_, flags)
        say(delay_sentence(delay))
        if dry_run:
            from exphil_rt.cli.config import show_resolved

            show_resolved(resolved)
            return 0
        found = Run.create(home, resolved)
    if headless:
        process = _launch(found)
        with _stopping_on_signals(process):
            _await_answer(found, process)
            return _follow(found, process)
    start_daemon(found)
    from exphil_rt.cli.attach import open_client

    open_client(found.name, found.socket, owns_daemon=True)
    return 0


def _resume(home: Home, name: str) -> Run:
    found = Run.open(name, home)
    holder = found.holder()
    if holder is not None:
        raise RunLocked(
            f"The run {name} already has a daemon (pid {holder.pid}).", hint=f"Watch it with `exphil-rt attach {name}`."
        )
    return found


def _is_over(run: Run) -> bool:
    """Whether all frames of the run are played; says so."""
    with run.reader() as database:
        progress, policy_name = database.progress(), database.meta("policy_name")
    target = run.config().run.timesteps
    if progress.ended != "timesteps" or progress.frames < target:
        return False
    say(f"The run {run.name} is over: all its {target:,} frames are played.")
    say(f"next: exphil-rt self-play --policy {policy_name}, which goes on from it as a new run")
    return True


def _check_names(characters: tuple[str, ...], stages: tuple[str, ...]) -> None:
    for name in characters:
        ids.character(name)
    for name in stages:
        ids.stage(name)


def start_daemon(run: Run) -> subprocess.Popen[bytes]:
    """Start the run's daemon in a session of its own, and wait until its socket answers.

    Raises:
        DaemonFailed: it ended or does not answer; with what it printed last.
    """
    process = _launch(run)
    _await_answer(run, process)
    return process


def _launch(run: Run) -> subprocess.Popen[bytes]:
    with (run.logs / OUTPUT).open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "exphil_rt.cli.app", "daemon", "run", "--run", run.name],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=os.environ | {"EXPHIL_RT_HOME": str(run.home.root)},
        )


def _await_answer(run: Run, process: subprocess.Popen[bytes]) -> None:
    try:
        _poll_until_it_answers(run, process)
    except BaseException:  # also Ctrl-C: nobody knows of this daemon yet
        process.send_signal(signal.SIGTERM)
        raise
    say(f"run {run.name}  daemon pid {process.pid}  (exphil-rt status, attach, daemon stop)")


def _poll_until_it_answers(run: Run, process: subprocess.Popen[bytes]) -> None:
    output = run.logs / OUTPUT
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        code = process.poll()
        if code == 0:  # told to stop already
            return
        if code is not None:
            if code == -signal.SIGTERM:  # told to stop before it listened for that
                raise KeyboardInterrupt
            raise DaemonFailed(
                f"The daemon of {run.name} ended with exit code {code}: {_last_line(output)}", exit_code=max(code, 1)
            )
        try:
            with SyncClient(run.socket, deadline=2.0) as client:
                client.status()
        except ControlError:
            time.sleep(0.05)
        else:
            return
    raise DaemonFailed(
        f"The daemon of {run.name} did not answer within {START_S:.0f} s.",
        hint=f"See `exphil-rt logs --run {run.name}` and {output}.",
    )


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("exphil-rt: ") if lines else "it said nothing."


def _follow(run: Run, process: subprocess.Popen[bytes]) -> int:
    """Progress lines until the run is over; its result is the exit code."""
    client: SyncClient | None = None
    heard, due = time.monotonic(), 0.0
    while (code := process.poll()) is None:
        try:
            if time.monotonic() >= due:
                client = client or SyncClient(run.socket)
                say(progress_line(client.status()))
                heard = time.monotonic()
                due = heard + LINE_S
            time.sleep(0.2)
        except ControlError:  # an actor is being restarted, or the daemon ends and its exit code says how
            if client is not None:
                client.close()
                client = None
            if time.monotonic() - heard > LAST_S:
                raise DaemonFailed(
                    f"The daemon of {run.name} (pid {process.pid}) lives but has not answered for {LAST_S:.0f} s.",
                    hint=f"See `exphil-rt logs --run {run.name}`.",
                ) from None
            due = time.monotonic() + 0.5
    if client is not None:
        client.close()
    with run.reader() as database:
        progress = database.progress()
    if code != 0:
        detail = _last_line(run.logs / OUTPUT) if code > 0 else f"signal {-code}"
        raise DaemonFailed(
            f"The run {run.name} ended badly at {progress.frames:,} frames: {detail}",
            hint=f"Go on with `exphil-rt self-play --resume {run.name}`.",
        )
    say(f"The run {run.name} is over at {progress.frames:,} frames ({progress.ended or 'stopped'}).")
    next_step = "policies list" if progress.ended == "timesteps" else f"self-play --resume {run.name}"
    say(f"next: exphil-rt {next_step}")
    return 0


@contextlib.contextmanager
def _stopping_on_signals(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Have the first Ctrl-C, or SIGTERM (of ``timeout``, say), stop the daemon, and a second one leave it."""
    asked: list[int] = []

    def stop(number: int, frame: object) -> None:
        asked.append(number)
        if len(asked) > 1:
            raise KeyboardInterrupt
        process.send_signal(signal.SIGTERM)
        say("Saving and stopping; once more to leave it to itself.")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def progress_line(status: RunStatus) -> str:
    """One line for a log."""
    parts = [f"{status.state:<8}", f"{status.frames:>12,} frames", f"{status.frames_per_s:>7,.0f}/s"]
    if status.target_frames:
        parts.insert(2, f"{status.frames / status.target_frames:5.1%}")
    if status.eta_s is not None:
        parts.append(f"eta {duration(status.eta_s)}")
    parts.append(status.policy or "no version yet")
    if status.win_rate_vs_first is not None:
        parts.append(f"{status.win_rate_vs_first:.0%} against the first version")
    parts.append(f"{status.matches} rated")
    if status.restarts:
        parts.append(f"{status.restarts} restarts")
    if status.message and status.state != "running":
        parts.append(status.message)
    return "  ".join(parts)
