"""``sim warmup``: compile the embedded game ahead of its first use."""

from __future__ import annotations

from exphil_rt.cli.output import say, show


def warmup() -> None:
    """Compile the game, so that the next start is quick. Does nothing when it is compiled already."""
    say("Compiling the embedded game (once a version; about a minute) ...")
    from exphil_rt.sim import warmup as compile_game

    seconds = compile_game(lambda what, done, total: say(f"  {done}/{total} {what}"))
    show(f"The game is ready ({seconds:.1f} s).")
