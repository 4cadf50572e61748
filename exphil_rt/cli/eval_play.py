"""``eval play``: a policy's report card, from games of the embedded game."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.config import resolve
from exphil_rt.cli.options import Flag, Json
from exphil_rt.cli.output import say, show, show_json, table
from exphil_rt.policy.pack import REPORT_FILE
from exphil_rt.policy.ref import resolve_bundle

if TYPE_CHECKING:
    from exphil_rt.rollout.closed_loop import ReportCard

Names = Parameter(consume_multiple=False, negative="")


def play(
    policy: str,
    /,
    *,
    versus: Annotated[tuple[str, ...], Parameter(name="--vs"), Names] = ("random", "cpu3"),
    games: Annotated[int, Parameter(validator=Number(gte=2, lte=100_000))] = 64,
    temperatures: Annotated[
        tuple[Annotated[float, Parameter(validator=Number(gte=0, lte=100))], ...],
        Parameter(name="--temperature"),
        Names,
    ] = (),
    characters: Annotated[tuple[str, ...], Parameter(name="--character"), Names] = (),
    stages: Annotated[tuple[str, ...], Parameter(name="--stage"), Names] = (),
    stocks: Annotated[int, Parameter(validator=Number(gte=1, lte=99))] = 4,
    max_episode_frames: Annotated[int, Parameter(validator=Number(gte=1, lte=28_800))] = 3600,
    seed: int = 1,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    save: Flag = False,
    json: Json = False,
) -> None:
    """Say how a policy plays: wins, damage, self-destructs, against scripted opponents or other policies.

    Args:
        policy: a policy: NAME, NAME@vN, NAME@latest, NAME@best, or a path.
        versus: an opponent: random, cpu1 to cpu9, or a policy; repeat it for several.
        games: games against each of them, an even number.
        temperatures: sampling temperature; repeat it to try several against cpu3 and keep the best. Else the policy's.
        characters: a fighter that both may play; repeat it for several. A policy with characters of its own plays
            those.
        stages: a stage to play on; repeat it for several.
        stocks: stocks of each side.
        max_episode_frames: frame limit of a game; then more stocks win, then lower percent.
        seed: key of every random draw.
        output: a folder to keep the card in, and the game in the middle as a recording and as .slp.
        save: keep the same in the policy's own folder, in place of its report card.
        json: print the card as JSON.
    """
    settings = resolve(None, (), ()).config.game
    import torch

    from exphil_rt.policy.bundle import load_policy
    from exphil_rt.rollout.closed_loop import grade, keep_card

    torch.set_num_threads(1)  # so small a batch gains nothing by more
    card, recording = grade(
        load_policy(policy),
        opponents=versus,
        games=games,
        temperatures=temperatures,
        characters=characters or settings.characters,
        stages=stages or settings.stages,
        stocks=stocks,
        max_frames=max_episode_frames,
        seed=seed,
        on_played=lambda played: say(played.line),
    )
    for folder in (output, resolve_bundle(policy) if save else None):
        if folder is not None:
            keep_card(card, recording, folder)
            say(f"report card: {folder / REPORT_FILE}")
    if json:
        show_json(card)
    else:
        show_card(card)


def show_card(card: ReportCard) -> None:
    """Print a report card."""
    rows = [
        (
            p.opponent,
            str(p.games),
            f"{p.win_rate:.1%}",
            f"{p.win_rate_low:.1%} to {p.win_rate_high:.1%}",
            f"{p.damage_dealt:.0f}",
            f"{p.damage_taken:.0f}",
            f"{p.stocks_taken:.2f}",
            f"{p.stocks_lost:.2f}",
            f"{p.self_destructs:.2f}",
        )
        for p in card.played
    ]
    head = ("against", "games", "points", "95 %", "dealt", "taken", "stocks taken", "lost", "self-destructs")
    show(table(head, rows, right="games points dealt taken stocks lost self-destructs"))
    show(f"(percent, stocks and self-destructs a minute of play; temperature {card.temperature:g}, {card.physics})")
