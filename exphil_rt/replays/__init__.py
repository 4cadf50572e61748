"""Replays: .slp files into frames, and which sides of them to learn from. What is learned is not said here."""

from exphil_rt.replays.folder import NoReplays, ReplayFolder, find_replays, replay_folder
from exphil_rt.replays.pool import read_many
from exphil_rt.replays.reader import read_replay
from exphil_rt.replays.replay import BadReplay, PlayerMeta, Replay, ReplayError, ReplayMeta, Rollback
from exphil_rt.replays.selection import BadFilter, Selection, SideFilter, split_games

__all__ = (
    "BadFilter",
    "BadReplay",
    "NoReplays",
    "PlayerMeta",
    "Replay",
    "ReplayError",
    "ReplayFolder",
    "ReplayMeta",
    "Rollback",
    "Selection",
    "SideFilter",
    "find_replays",
    "read_many",
    "read_replay",
    "replay_folder",
    "split_games",
)
