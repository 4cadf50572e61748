"""Players who asked not to be learned from: a file of connect codes and names, one a line.

Their sides are dropped wherever sides are chosen, and again wherever a data set is opened; games against them stay.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from exphil_rt.errors import ExphilError
from exphil_rt.replays.replay import PlayerMeta

OPT_OUT_FILE: Final = "do-not-learn-from.txt"
"""Its name in the home folder."""
OPTED_OUT: Final = "its player asked not to be learned from"
"""The reason for which such a side is dropped."""
MAX_BYTES: Final = 16 << 20


class OptOutInvalid(ExphilError):
    """A list of players that cannot be read: nothing is learned until it can."""


def opt_out_names(names: Iterable[str]) -> frozenset[str]:
    """Connect codes and names as people write them, made to compare."""
    return frozenset(filter(None, map(_plain, names)))


def read_opt_out(path: Path) -> frozenset[str]:
    """The list in a file; empty where there is no file. What stands behind ``//`` and empty lines do not count.

    Raises:
        OptOutInvalid: it is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise OptOutInvalid(f"{path} is larger than {MAX_BYTES >> 20} MB, which no list of players is.")
        return opt_out_names(line.partition("//")[0] for line in data.decode().splitlines())
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError) as error:
        raise OptOutInvalid(
            f"{path}, the list of players who asked not to be learned from, cannot be read: {error}.",
            hint="Make it a readable text file with one connect code a line, or remove it.",
        ) from error


def opted_out(player: PlayerMeta, names: frozenset[str]) -> bool:
    """Whether this player is on the list."""
    return bool(names) and bool({_plain(player.code), _plain(player.name)} & names)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().upper()
