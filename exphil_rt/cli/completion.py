"""``completion``: a script that teaches a shell the commands and their options."""

from __future__ import annotations

from typing import Literal

from exphil_rt.cli.output import say, show

HOW = {
    "bash": 'eval "$(exphil-rt completion bash)"',
    "zsh": "exphil-rt completion zsh > ~/.zfunc/_exphil-rt",
    "fish": "exphil-rt completion fish > ~/.config/fish/completions/exphil-rt.fish",
}


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the completion script of a shell.

    Args:
        shell: bash, zsh or fish.
    """
    from exphil_rt.cli.app import app

    show(app.generate_completion(shell=shell))
    say(f"next: {HOW[shell]}")
