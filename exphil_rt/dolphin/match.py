"""A match as settings say it, worked out: who sits where, how each delay is shared out, what both processes are told.

Reads manifests, never weights: no torch, no melee.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from exphil_rt.config import Config
from exphil_rt.dolphin.netplay import REMOTE, check_code
from exphil_rt.dolphin.plan import DelayPlan, plan_delay
from exphil_rt.errors import ExphilError
from exphil_rt.game import ids
from exphil_rt.messages.brain import BrainArgs, BrainSeat
from exphil_rt.messages.dolphin import ConsoleArgs, Seat
from exphil_rt.messages.rollout import RANDOM
from exphil_rt.policy.manifest import Manifest, check_delay, read_manifest, read_weights
from exphil_rt.policy.ref import parse_ref, resolve_bundle

HUMAN: Final = "human"
_CPU: Final = re.compile(r"cpu([1-9])")


class MatchImpossible(ExphilError):
    """A match that cannot be played as it is asked for."""

    exit_code = 2


class MatchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A match, ready to be begun."""

    brain: BrainArgs
    console: ConsoleArgs
    """But for what each start of the console gets: its temporary folder, the first game's id, which start it is."""
    players: tuple[str, str]
    """Display names, by player (ports in ascending order)."""
    plans: tuple[DelayPlan, ...]
    """By bot, as ``brain.seats``."""
    notes: tuple[str, ...] = ()
    """What a person should know before it begins."""


class _Side(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    port: int
    path: str = ""
    """Of a bundle, or ``random``; empty for who is no bot."""
    manifest: Manifest | None = None
    level: int = 0
    fighter: int = 0


def plan_match(
    config: Config,
    folder: Path,
    home: Path,
    *,
    executable: str,
    iso: str = "",
    user: str = "",
    account: str = "",
    own: str = "",
) -> MatchPlan:
    """Work out the match of the settings' ``play``.

    Args:
        folder: of the run; replays and what is temporary go below it.
        home: whose policies are meant.
        executable: of Dolphin, or of the stand-in.
        iso: the game.
        user: the user's own Dolphin folder.
        account: Slippi's account file, and
        own: its connect code; for netplay.

    Raises:
        MatchImpossible, CodeInvalid, DelayImpossible, PolicyIncompatible, PolicyNotFound, BundleInvalid, UnknownName:
            in a sentence.
    """
    play = config.play
    online = check_code(play.connect_code) if play.connect_code else ""
    if online and play.port == 4:
        raise MatchImpossible("Over the network a policy plays at port 1, 2 or 3.", hint="Leave out --port.")
    if online and online == own:
        raise MatchImpossible(f"{online} is your own connect code.", hint="Give that of the other player.")
    if not online and play.port == play.opponent_port:
        raise MatchImpossible(f"Both players are at port {play.port}.", hint="Give --opponent-port another one.")
    sides = _sides(config, home)
    bots = [side for side in sides if side.path]
    if not bots:
        raise MatchImpossible(
            f"{play.policy} is no policy.", hint="Name a policy; `exphil-rt policies list` shows them."
        )
    plans = _plans(config, bots)
    waits = play.action_repeat > 1 or any(plan.waits for plan in plans)
    if waits and online:
        raise MatchImpossible(
            f"{bots[0].name} has the game wait for its decisions ({plans[0]}), and over the network it cannot.",
            hint="Play one with a delay (18 is usual online), and leave two frames of it to decide in; or --force.",
        )
    if waits:
        plans = [msgspec.structs.replace(plan, waits=True, batch_steps=1) for plan in plans]
    ordered = sides if online else sorted(sides, key=lambda side: side.port)  # online the first player is ours
    ditto = ordered[0].fighter == ordered[1].fighter
    seats = tuple(
        Seat(
            port=side.port,
            who="bot" if side.path else "cpu" if side.level else "human",
            level=side.level,
            fighter=side.fighter,
            costume=int(ditto and player == 1),
            label=side.name,
        )
        for player, side in enumerate(ordered)
    )
    brain = BrainArgs(
        seats=tuple(
            BrainSeat(port=ordered.index(side), policy=side.path, delay=plan.delay, batch_steps=plan.batch_steps)
            for side, plan in zip(bots, plans, strict=True)
        ),
        engine=play.engine,
        temperature=play.temperature if play.temperature >= 0 else None,
        seed=config.run.seed,
        force=play.force,
        packages=config.trust.packages,
    )
    console = ConsoleArgs(
        executable=executable,
        iso=iso or None,
        seats=(seats[0], seats[1]),
        stage=int(ids.stage(play.stage)),
        runner="sync" if waits else "async",
        blocking=(play.blocking or waits) and not online,
        console_delay=plans[0].console,
        late=play.late,
        action_repeat=play.action_repeat,
        fps=play.fps,
        on_game_end=play.on_game_end,
        games=1 if play.on_game_end == "stop" else play.games,
        replay_dir=str(folder / "replays" / "console"),
        temporary=str(folder / "console"),
        user_config=user,
        user_json=account if online else "",
        connect_code=online,
        fullscreen=play.fullscreen,
    )
    return MatchPlan(
        brain=brain,
        console=console,
        players=(ordered[0].name, ordered[1].name),
        plans=tuple(plans),
        notes=tuple(_notes(bots)),
    )


def _sides(config: Config, home: Path) -> list[_Side]:
    play = config.play
    found: list[_Side] = []
    opponent = (play.opponent, play.opponent_port)
    if play.connect_code:
        if play.opponent != HUMAN:
            raise MatchImpossible(
                f"Over the network {play.connect_code} is the opponent, and not {play.opponent} as well.",
                hint="Leave out --opponent or --connect-code.",
            )
        opponent = (HUMAN, play.port + 1)
    for number, (name, port) in enumerate(((play.policy, play.port), opponent)):
        given = int(ids.character(play.characters[number])) if len(play.characters) > number else None
        if len(play.characters) > 2:
            raise MatchImpossible("A game has two fighters.", hint="Give --character once or twice.")
        if number and (name == HUMAN or _CPU.fullmatch(name)):
            cpu = _CPU.fullmatch(name)
            fighter = given if given is not None else found[0].fighter
            label = REMOTE if play.connect_code else name
            found.append(_Side(name=label, port=port, level=int(cpu[1]) if cpu else 0, fighter=fighter))
            continue
        if not name or name == HUMAN or parse_ref(name).kind == "cpu":
            raise MatchImpossible(
                f"{name or 'Nobody'} cannot be the policy of a match.", hint="Name a policy, or random."
            )
        manifest, path = None, RANDOM
        if name != RANDOM:
            folder = resolve_bundle(name, home)
            manifest = read_manifest(folder)
            read_weights(folder, manifest)  # a damaged bundle is named before anything is started
            path = str(folder.absolute())
        trained = manifest.characters if manifest else ()
        default = found[0].fighter if found else int(ids.Character.FOX)
        fighter = given if given is not None else default if default in trained or not trained else trained[0]
        label = manifest.ref if manifest else RANDOM
        found.append(_Side(name=label, port=port, path=path, manifest=manifest, fighter=fighter))
    return found


def _plans(config: Config, bots: list[_Side]) -> list[DelayPlan]:
    play = config.play
    wanted: list[tuple[int, int]] = []
    for side in bots:
        delay = side.manifest.delay if side.manifest else 0
        if play.frame_delay >= 0:
            if side.manifest is not None:
                check_delay(side.manifest, play.frame_delay, play.force)
            delay = play.frame_delay
        elif side.manifest is None:  # random plays at any delay: with that of who plays beside it
            delay = max((other.manifest.delay for other in bots if other.manifest), default=0)
        steps = play.batch_steps or (side.manifest.batch_steps if side.manifest else 1)
        wanted.append((delay, steps))
    console = None if play.console_delay < 0 else play.console_delay
    if console is None:
        console = min(plan_delay(delay, None, steps).console for delay, steps in wanted)
    return [plan_delay(delay, console, steps, force=play.force) for delay, steps in wanted]


def _notes(bots: list[_Side]) -> list[str]:
    return [
        f"{side.name} was not trained with {ids.Character(side.fighter).name.lower()}."
        for side in bots
        if side.manifest and side.manifest.characters and side.fighter not in side.manifest.characters
    ]
