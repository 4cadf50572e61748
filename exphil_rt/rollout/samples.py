"""Samples of games for people: one GameSample from a row of frames."""

from __future__ import annotations

import numpy as np

from exphil_rt.game.frames import Frames
from exphil_rt.messages.rollout import GameSpec
from exphil_rt.messages.telemetry import GameSample, ItemSample, PlayerSample


def sample(slot: int, game: GameSpec, frames: Frames, index: int) -> GameSample:
    """The game of ``slot`` as row ``index`` of ``frames`` shows it."""
    players = frames.players

    def player(port: int) -> PlayerSample:
        at = (index, port)
        spec = game.players[port]
        return PlayerSample(
            policy=spec.label or spec.policy,
            character=int(players.character[at]),
            x=float(players.position_x[at]),
            y=float(players.position_y[at]),
            facing=float(players.facing[at]),
            percent=float(players.percent[at]),
            stocks=int(players.stocks[at]),
            state=int(players.state[at]),
            shield=float(players.shield[at]),
            airborne=bool(players.airborne[at]),
            exists=bool(players.exists[at]),
        )

    items = frames.items

    def item(place: int) -> ItemSample:
        at = (index, place)
        return ItemSample(
            x=float(items.position_x[at]),
            y=float(items.position_y[at]),
            kind=int(items.kind[at]),
            owner=int(items.owner[at]),
        )

    return GameSample(
        slot=slot,
        game_id=game.game_id,
        kind=game.kind,
        stage=int(frames.stage[index]),
        frame=int(frames.frame[index]),
        players=(player(0), player(1)),
        items=tuple(item(int(place)) for place in np.flatnonzero(items.exists[index])),
    )
