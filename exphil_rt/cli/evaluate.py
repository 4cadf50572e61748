"""``eval match``: two policies head to head, with what the result says of their strength."""

from __future__ import annotations

import math
import time
from typing import Annotated, Final, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.config import resolve
from exphil_rt.cli.options import Json
from exphil_rt.cli.output import duration, say, show, show_json

PROGRESS_S: Final = 2.0
Names = Parameter(consume_multiple=False, negative="")


def match(
    a: str,
    b: str,
    /,
    *,
    games: Annotated[int, Parameter(validator=Number(gte=2, lte=100_000))] = 100,
    characters: Annotated[tuple[str, ...], Parameter(name="--character"), Names] = (),
    stages: Annotated[tuple[str, ...], Parameter(name="--stage"), Names] = (),
    stocks: Annotated[int, Parameter(validator=Number(gte=1, lte=99))] = 4,
    max_episode_frames: Annotated[int, Parameter(validator=Number(gte=1, lte=28_800))] = 3600,
    seed: int = 1,
    engine: Literal["torch", "onnx"] = "onnx",
    json: Json = False,
) -> None:
    """Play two policies head to head in the embedded game: ports swapped, draws half.

    Args:
        a: a policy: NAME, NAME@vN, NAME@latest, NAME@best, a path, random, or a scripted opponent, cpu1 to cpu9.
        b: its opponent.
        games: an even number of games.
        characters: a fighter that both may play; repeat it for several. A policy with characters of its own plays
            those.
        stages: a stage to play on; repeat it for several.
        stocks: stocks of each side.
        max_episode_frames: frame limit of a game; then more stocks win, then lower percent.
        seed: key of every random draw.
        engine: what runs the policies: onnx (ONNX Runtime, the quicker one on a CPU) or torch.
        json: print the result as JSON.
    """
    settings = resolve(None, (), ()).config.game
    say(f"{a} against {b}: {games} games ...")
    import torch

    from exphil_rt.rollout.match import play_match

    torch.set_num_threads(1)  # so small a batch gains nothing by more
    started = told = time.monotonic()

    def progress(done: int, wins: int, draws: int, losses: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= PROGRESS_S or done == games:
            told = now
            left = duration((now - started) / done * (games - done))
            say(f"  {done}/{games}  {wins} won, {draws} drawn, {losses} lost  {left} left")

    result = play_match(
        a,
        b,
        games,
        characters=characters or settings.characters,
        stages=stages or settings.stages,
        stocks=stocks,
        max_frames=max_episode_frames,
        seed=seed,
        engine=engine,
        progress=progress,
    )
    if json:
        show_json(result)
        return
    show(f"{result.a} against {result.b}: {result.wins} won, {result.draws} drawn, {result.losses} lost")
    low, high = _points(result.elo_low), _points(result.elo_high)
    show(f"stocks a game: {result.stocks_taken:.2f} taken, {result.stocks_lost:.2f} lost")
    show(f"score {result.score:.3f}  Elo difference {_points(result.elo)} (95 %: {low} to {high})")
    say(
        f"{result.frames:,} frames in {result.seconds:.1f} s, {result.by_stocks} games ended by stocks, "
        f"physics {result.physics}, seed {result.seed}"
    )


def _points(elo: float) -> str:
    return f"{elo:+.0f}" if math.isfinite(elo) else ("+" if elo > 0 else "-") + "infinite"
