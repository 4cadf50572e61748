"""What a replay says of itself before its frames: enough to refuse most files without parsing a game."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

from exphil_rt.game.frames import FIRST_FRAME, PLAYERS
from exphil_rt.game.ids import EXTERNAL_TO_INTERNAL, NUM_STAGES
from exphil_rt.replays.replay import PlayerMeta, ReplayError, ReplayHead


def read_head(path: Path, game: Any) -> ReplayHead:
    """From a game that peppi parsed, with or without frames.

    Raises:
        ReplayError: not a two-player game of versus mode.
        KeyError, ValueError, TypeError, IndexError: not laid out as Slippi says.
    """
    start, metadata = game.start, game.metadata or {}
    players = sorted(start["players"], key=lambda player: str(player["port"]))
    if len(players) != PLAYERS:
        raise ReplayError(path, f"has {len(players)} players, and only two-player games are read")
    if start["stage"] >= NUM_STAGES:
        raise ReplayError(path, f"is played on stage {start['stage']}, which is no stage of versus mode")
    match = start.get("match") or {}
    last = metadata.get("lastFrame")
    first, second = (_player(player, metadata) for player in players)
    return ReplayHead(
        version=tuple(start["slippi"]["version"]),
        stage=int(start["stage"]),
        players=(first, second),
        frames=int(last) - FIRST_FRAME + 1 if isinstance(last, int) and FIRST_FRAME <= last < 1 << 24 else -1,
        match_id=f"{match['id']}/{match['game']}/{match['tiebreaker']}" if match.get("id") else "",
        started_at=text(metadata.get("startAt")),
        played_on=text(metadata.get("playedOn")),
        frozen_stadium=bool(start.get("is_frozen_ps")),
    )


def text(value: Any) -> str:
    """A string of the file made safe to show: normalised, no control characters, at most 64 long."""
    if not isinstance(value, str):
        return ""
    return "".join(ch for ch in unicodedata.normalize("NFKC", value).strip()[:64] if ch.isprintable())


def _player(player: dict[str, Any], metadata: dict[str, Any]) -> PlayerMeta:
    port = int(player["port"][1]) - 1
    named = ((metadata.get("players") or {}).get(str(port)) or {}).get("names") or {}
    netplay = player.get("netplay") or {}
    external = int(player["character"])
    return PlayerMeta(
        port=port,
        character=int(EXTERNAL_TO_INTERNAL[external]) if external < len(EXTERNAL_TO_INTERNAL) else 32,
        cpu=player["type"] != "Human",
        cpu_level=int(player.get("cpu_level") or 0),
        stocks=int(player["stocks"]),
        costume=int(player["costume"]),
        code=(text(netplay.get("code")) or text(named.get("code"))).upper(),
        name=text(netplay.get("name")) or text(named.get("netplay")) or text(player.get("name_tag")),
    )
