"""``train imitation``: choose sides of replays, and start the run that clones their play; its result at the end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.config import resolve
from exphil_rt.cli.imitation_options import LearningOptions, NetworkOptions
from exphil_rt.cli.imitation_resume import (
    TrainingUnfinished,
    find_unfinished,
    keep,
    replays_name,
    unfinished_of,
)
from exphil_rt.cli.imitation_resume import (
    resume as resume_run,
)
from exphil_rt.cli.imitation_summary import show_outcome
from exphil_rt.cli.launch import DaemonFailed, last_words, run_in_client, run_in_lines
from exphil_rt.cli.options import ConfigFiles, Flag, Json, Preset, Settings
from exphil_rt.cli.output import duration, say, show_json
from exphil_rt.cli.progress import ProgressLine
from exphil_rt.cli.sides import SideOptions, tell_selection
from exphil_rt.config import Resolved
from exphil_rt.config.layers import DEFAULT
from exphil_rt.control.sync import SyncClient
from exphil_rt.errors import ExphilError
from exphil_rt.messages.telemetry import Event, RunStatus
from exphil_rt.policy.manifest import delay_sentence
from exphil_rt.policy.ref import bundle_name
from exphil_rt.replays import Selection, SideFilter, find_replays, read_many, replay_folder
from exphil_rt.store.files import remove_folder
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run
from exphil_rt.training.imitation_plan import ImitationPlan, unfinished

LOOK_S: Final = 0.25
"""Seconds between two looks at a training without a terminal client."""
ACTOR: Final = "imitator"
NOT_TOLD: Final = frozenset({"policy_published"})
"""Events of the imitator that the summary tells."""


def imitation(
    replays: Path | None = None,
    /,
    *,
    sides: SideOptions = SideOptions(),  # noqa: B008
    network: NetworkOptions = NetworkOptions(),  # noqa: B008
    learning: LearningOptions = LearningOptions(),  # noqa: B008
    policy_out: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    workers: Annotated[int | None, Parameter(validator=Number(gte=0, lte=64))] = None,
    run: Annotated[str | None, Parameter(name="--run")] = None,
    resume: Annotated[str | None, Parameter(name="--resume")] = None,
    restart: Flag = False,
    headless: Flag = False,
    dry_run: Flag = False,
    preset: Preset = None,
    config: ConfigFiles = (),
    set_: Settings = (),
    json: Json = False,
) -> int:
    """Clone the play in .slp replays into a new policy.

    It is a run with a daemon, as self-play is: shown in the terminal client, or told in lines where there is no
    terminal.

    Args:
        replays: a data set, a folder of .slp files, or one of these; else EXPHIL_RT_REPLAYS, else Slippi's own folder.
        sides: which sides to learn from.
        network: what is trained.
        learning: how.
        policy_out: name of the policy to write (clone); it gets the next free version.
        seed: key of the split and of every random draw.
        device: auto, cpu, cuda:N or mps.
        workers: processes that read replays; 0 is one for each core.
        run: name of the run; by default that of the policy.
        resume: go on with the unfinished training of this run or policy, with its own replays and settings.
        restart: begin again where an unfinished training of that policy lies.
        headless: print progress lines until the training ends, instead of opening the terminal client.
        dry_run: say what would be learned from and how, and stop.
        preset: a named set of settings: quick, standard, production, a fighter, low_tier_unified.
        config: a settings file; repeat it for several, the last one wins.
        set_: one setting, as `imitation.focal=2`.
        json: print the result as JSON.
    """
    home = Home.find()
    flags: dict[str, object] = {
        **network.flags(),
        **learning.flags(),
        "run.name": run,
        "run.seed": seed,
        "train.device": device,
    }
    found: Run | None = None
    if resume is not None:
        if restart:
            raise TrainingUnfinished("--resume and --restart contradict each other.", hint="Give one of them.")
        found = find_unfinished(home, resume)
        plan, resolved = resume_run(
            found, home, replays=replays, policy_out=policy_out, sides=sides, network=network, workers=workers,
            preset=preset, files=config, settings=set_, flags=flags,
        )  # fmt: skip
    else:
        policy_out = policy_out or "clone"
        bundle_name(policy_out, 1)
        resolved = resolve(preset, config, set_, flags)
        characters = sides.characters or resolved.config.imitation.characters
        chosen = msgspec.structs.replace(sides.filter(home, characters), opt_out=frozenset())
        plan = ImitationPlan(
            policy_out=policy_out,
            replays=None if replays is None else replays_name(replays),
            sides=chosen,
            policy=network.policy(resolved.config),
            workers=workers or 0,
        )
    wanted = plan.wanted(home)
    if dry_run:
        return _dry_run(plan, resolved, wanted)
    _check_replays(home, plan)
    if found is None:
        found = _new_run(home, plan, resolved, restart=restart)
    else:
        keep(found, plan, resolved)
    if headless or json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _told(found, json=json)
    return _shown(found)


# Making the run -------------------------------------------------------------------------------------------------------


def _check_replays(home: Home, plan: ImitationPlan) -> None:
    """That there is something to read, before anything is started for its sake."""
    from exphil_rt.training.dataset.find import find_dataset

    if plan.replays is None or find_dataset(home, plan.replays) is None:
        find_replays(replay_folder(plan.replays))


def _new_run(home: Home, plan: ImitationPlan, resolved: Resolved, *, restart: bool) -> Run:
    """The run's folder, with plan and settings in it.

    Raises:
        TrainingUnfinished: an unfinished one of that policy lies there, and is neither resumed nor given up.
    """
    before = unfinished_of(plan.policy_out, unfinished(home))
    if before is not None:
        holder = before.holder()
        if holder is not None:
            raise TrainingUnfinished(
                f"A training of {plan.policy_out} is under way (run {before.name}, daemon pid {holder.pid}).",
                hint=f"Watch it with `exphil-rt attach {before.name}`, or give another --policy-out.",
            )
        learned = any(before.learner.glob("gen-*"))
        if learned and not restart:
            raise TrainingUnfinished(
                f"An unfinished training of {plan.policy_out} lies in {before.folder}.",
                hint=f"Go on with --resume {before.name}, or begin again with --restart.",
            )
        remove_folder(before.folder)
    wanted = resolved.config.run.name or _free_name(home, plan.policy_out)
    return Run.create(home, resolved, wanted, plan=plan.encode(), policy_name=plan.policy_out)


def _free_name(home: Home, policy: str) -> str:
    base = policy.replace(".", "-")[:40]
    names = (base if number == 1 else f"{base}-{number}" for number in range(1, 100_000))
    return next(name for name in names if not (home.runs / name).exists())


# Watching it ----------------------------------------------------------------------------------------------------------


class _Teller:
    """Tells a training's events and, on a line of its own, where it is."""

    def __init__(self, run: Run) -> None:
        self._run, self._line = run, ProgressLine()
        with run.reader() as database:
            past = database.events(limit=1)
        self._seq = past[-1].seq if past else 0

    def look(self, client: SyncClient) -> None:
        """What is new."""
        overview = client.overview()
        self._tell(overview.events)
        self._line.update(lambda: progress_text(overview.status))

    def last(self) -> None:
        """What was said after the last look."""
        with self._run.reader() as database:
            self._tell(tuple(database.events(limit=100)))
        self._line.end()

    def _tell(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if event.seq > self._seq:
                self._seq = event.seq
                if event.level in ("warn", "error") or (event.actor == ACTOR and event.event not in NOT_TOLD):
                    self._line.end(event.text)


def _told(run: Run, *, json: bool) -> int:
    """Lines until the training is over; its result is the exit code."""
    teller = _Teller(run)
    code = run_in_lines(run, teller.look, LOOK_S)
    teller.last()
    return _end(run, code, show_json if json else show_outcome)


def _shown(run: Run) -> int:
    """The terminal client until the person leaves it; then what there is to say."""
    process = run_in_client(run)
    if run.holder() is not None:
        return 0
    try:
        code = process.wait(5.0)
    except subprocess.TimeoutExpired:
        return 0
    return _end(run, code, show_outcome)


def _end(run: Run, code: int, tell: Callable[[Any], None]) -> int:
    """Say what it came to, and give the exit code.

    Raises:
        ExphilError: it failed, in the words of who failed.
    """
    with run.reader() as database:
        ended = database.progress().ended
    if code != 0:
        words, learned = last_words(run, code), any(run.learner.glob("gen-*"))
        if ended != "failed":
            raise DaemonFailed(
                f"The training {run.name} ended badly: {words}", hint=f"Go on with `{run.resume_command}`."
            )
        if not learned:
            remove_folder(run.folder)
        raise ExphilError(words, hint=f"Go on with `{run.resume_command}`." if learned else "", exit_code=code)
    if run.outcome_file.is_file():
        tell(_outcome(run))
    if ended == "done":
        return 0
    say(f"go on with: {run.resume_command}")
    return 130


def _outcome(run: Run) -> Any:
    from exphil_rt.training.imitation_result import Outcome

    return msgspec.json.decode(run.outcome_file.read_bytes(), type=Outcome)


def progress_text(status: RunStatus) -> str:
    """One line of where a training is."""
    now = status.imitation
    if now is None or now.doing or now.nll is None:
        return (now.doing if now is not None else "") or status.message or status.state
    return (
        f"epoch {now.epoch}/{now.epochs}  {status.frames / max(status.target_frames, 1):4.0%}  NLL {now.nll:.3f}  "
        f"{status.frames_per_s:,.0f} frames/s  ETA {duration(status.eta_s or 0.0)}"
    )


def _dry_run(plan: ImitationPlan, resolved: Resolved, wanted: SideFilter) -> int:
    """Read and choose as training would, say how it would learn, and write nothing."""
    for key, origin in resolved.origin.items():
        section, _, name = key.partition(".")
        if section in ("imitation", "policy") and origin != DEFAULT:
            say(f"{key} = {getattr(getattr(resolved.config, section), name)!r}  ({origin})")
    say(
        f"policy {plan.policy_out}: {plan.policy.backbone} of {plan.policy.layers} x {plan.policy.hidden}, seed "
        f"{resolved.config.run.seed}; {delay_sentence(plan.policy.delay)}"
    )
    folder = replay_folder(plan.replays)
    paths = find_replays(folder)
    say(f"Reading {len(paths)} replays in {folder.path} ({folder.origin}) ...")
    selection, line = Selection(wanted), ProgressLine()
    for number, result in enumerate(read_many(paths, rollback="first", workers=plan.workers), start=1):
        selection.take(result)
        line.update(lambda done=number: f"read {done} of {len(paths)} replays")  # type: ignore[misc]
    line.end()
    tell_selection(selection)
    return 0
