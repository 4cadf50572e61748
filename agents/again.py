"""How a restarted actor learns what its predecessor knew: it asks those that were not restarted to say it again."""

from __future__ import annotations

from typing import Any

from exphil_rt.actor import GenServer
from exphil_rt.messages.run import SayAgain


def ask_again(actor: GenServer[Any], *names: str) -> None:
    """Have those of ``names`` that are up say again what ``actor`` has to know. At the first start nobody is."""
    for name in names:
        if actor.runtime.whereis(name) is not None:
            actor.cast(name, SayAgain(to=actor.name))
