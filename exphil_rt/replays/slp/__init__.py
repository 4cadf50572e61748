"""Writing .slp: games as Slippi 3.18 files and as the events that a live console sends. Reading is in ``reader``.

The layout is that of https://github.com/project-slippi/slippi-wiki/blob/master/SPEC.md; fields newer than that text
are laid out as peppi (https://github.com/hohav/peppi) names and reads them.
"""

from exphil_rt.replays.slp.events import Carry, event_sizes, frame_events, game_end, game_start
from exphil_rt.replays.slp.start import END_METHODS, GameStart, PlayerStart, start_of_replay, start_of_setup
from exphil_rt.replays.slp.writer import encode_slp, write_slp

__all__ = (
    "END_METHODS",
    "Carry",
    "GameStart",
    "PlayerStart",
    "encode_slp",
    "event_sizes",
    "frame_events",
    "game_end",
    "game_start",
    "start_of_replay",
    "start_of_setup",
    "write_slp",
)
