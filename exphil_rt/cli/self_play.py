"""``self-play``: make or resume a run, start its daemon, then watch it in the terminal or as progress lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from exphil_rt.cli.attach import need_terminal
from exphil_rt.cli.config import resolve, show_resolved
from exphil_rt.cli.consoles import STAND_IN, compile_game, console_of
from exphil_rt.cli.launch import DaemonFailed, free_run, last_words, run_in_client, run_in_lines
from exphil_rt.cli.options import ConfigFiles, Flag, Preset, Settings
from exphil_rt.cli.output import duration, say
from exphil_rt.cli.resume import lay_over
from exphil_rt.config import Resolved, to_toml
from exphil_rt.config.layers import DEFAULT
from exphil_rt.dolphin.hosted import consoles_of
from exphil_rt.game import ids
from exphil_rt.messages.telemetry import RunStatus
from exphil_rt.policy.manifest import check_delay, delay_sentence, read_manifest, read_weights
from exphil_rt.policy.ref import resolve_bundle
from exphil_rt.store.files import write_whole
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run, RunError

LINE_S: Final = 10.0
"""Seconds between two progress lines of a run without a terminal client."""

CONSOLES: Final = 2
"""Training games at a time on consoles, where nobody says how many."""

DETERMINISTIC_CHANGEABLE: Final = ("run.timesteps", "store.", "daemon.")
CHANGEABLE: Final = (*DETERMINISTIC_CHANGEABLE, "train.", "league.", "run.max_episode_frames")
"""Settings that may change when a run is gone on with: what was learned and played before stays true."""


def self_play(
    *,
    policy: Annotated[str | None, Parameter(name="--policy")] = None,
    game_type: str | None = None,
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
        game_type: embedded (by default), dolphin, or stand-in, which speaks as Dolphin does and needs none.
        games: training games at a time; on consoles, each has one of its own.
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
        resume: go on with this run, with its own settings; --timesteps and what concerns learning may change.
        headless: print progress lines until the run ends, instead of opening the terminal client.
        dry_run: print the settings and stop.
        preset: a named set of settings.
        config: a settings file; repeat it for several, the last one wins.
        set_: one setting, as `section.key=value`.
    """
    if not headless and not dry_run:
        need_terminal()  # before anything is started for its sake
    home = Home.find()
    flags: dict[str, object] = {
        "run.name": run,
        "run.game_type": game_type,
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
    if resume is not None:
        found, laid = _resumed(home, resume, preset, config, set_, flags)
        if dry_run:
            show_resolved(laid)
            return 0
        if laid.config != found.config():
            write_whole(found.config_file, to_toml(laid))
        if _is_over(found):
            return 0
    else:
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
        if resolved.config.run.game_type != "embedded":
            resolved = _on_consoles(resolved, lambda: resolve(preset, config, set_, flags), flags, home)
        if dry_run:
            show_resolved(resolved)
            return 0
        found = Run.create(home, resolved)
    kind, source = found.config().run.game_type, found.config().play.source
    if kind == STAND_IN and source == "game":
        compile_game()
    if headless:
        return _in_lines(found)
    run_in_client(found)
    return 0


def _on_consoles(resolved: Resolved, again: Callable[[], Resolved], flags: dict[str, object], home: Home) -> Resolved:
    """The settings of a run on consoles; says what it will be played on.

    Raises:
        ExphilError: what is missing or cannot be asked of consoles, in a sentence.
    """
    fewer = {"rollout.exhibition": False, "run.games": CONSOLES}  # the training games can be watched as well
    flags |= {key: value for key, value in fewer.items() if resolved.origin[key] == DEFAULT}
    resolved = again()
    config = resolved.config
    console_of(config, home.root / "unnamed")
    rated = config.rollout.rated_games
    shown = ", 1 to look at" if config.rollout.exhibition else ""
    what = "consoles of Slippi Dolphin" if config.run.game_type == "dolphin" else "stand-ins"
    say(f"{consoles_of(config)} {what}: {config.run.games} to learn from, {rated} rated{shown} (rollout.rated_games)")
    return resolved


def _resumed(
    home: Home,
    name: str,
    preset: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    flags: dict[str, object],
) -> tuple[Run, Resolved]:
    """The run and its settings, with those options laid over them that may change on the way.

    Raises:
        RunError: it is not there, or no run of self-play.
        ConfigError: an option that may not change.
    """
    found = free_run(home, name)
    settled = found.config().run
    if found.plan_file.is_file() or settled.kind != "training":
        kind = "an imitation" if found.plan_file.is_file() else f"a {settled.kind}"
        raise RunError(f"The run {name} is {kind}.", hint=f"Go on with it: `{found.resume_command}`.")
    free = DETERMINISTIC_CHANGEABLE if settled.deterministic else CHANGEABLE
    laid = lay_over(
        found, preset, files, settings, flags,
        may_change=lambda key: key.startswith(free),
        hint="Leave it out, or begin a new run with --policy.",
    )  # fmt: skip
    return found, laid


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


def _in_lines(run: Run) -> int:
    """Progress lines until the run is over; its result is the exit code."""
    code = run_in_lines(run, lambda client: say(progress_line(client.status())), LINE_S)
    with run.reader() as database:
        progress = database.progress()
    if code != 0:
        raise DaemonFailed(
            f"The run {run.name} ended badly at {progress.frames:,} frames: {last_words(run, code)}",
            hint=f"Go on with `{run.resume_command}`.",
        )
    say(f"The run {run.name} is over at {progress.frames:,} frames ({progress.ended or 'stopped'}).")
    say("next: exphil-rt policies list" if progress.ended == "timesteps" else f"next: {run.resume_command}")
    return 0


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
