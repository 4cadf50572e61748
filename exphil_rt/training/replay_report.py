"""What a policy says of recorded games: scores beside the tables, by character, the stick's confusion, predictions.

Teacher forced, on whole sides from their first frame. The sums are ``baselines``', the predictions ``scoring``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import ids
from exphil_rt.game.frames import U8
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.policy import Policy
from exphil_rt.training.baselines import Meter, Score, Tables
from exphil_rt.training.dataset import Dataset, Side
from exphil_rt.training.dataset.dataset import actions_of
from exphil_rt.training.dataset.plan import STICK_CLASSES, stick_classes
from exphil_rt.training.scoring import Predicted, predictions

STICK_NAMES: Final = ("neutral", "right", "up-right", "up", "up-left", "left", "down-left", "down", "down-right")
_ROWS: Final = 1 << 16


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """Where the main stick was (rows) and where the policy would have held it (columns), counts of frames."""

    classes: tuple[str, ...] = STICK_NAMES
    counts: tuple[tuple[int, ...], ...]
    changed: tuple[tuple[int, ...], ...]
    """The same, of frames whose action differs from the one before."""


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """How well a policy predicts recorded play, and how well tables do."""

    heads: tuple[str, ...]
    delay: int
    policy: Score
    marginal: Score
    """P(a), smoothed, counted on the games that ``tables`` names."""
    previous: Score
    """P(a | previous a)."""
    tables: str
    by_character: dict[str, Score]
    stick: Confusion


def replay_report(
    policy: Policy,
    dataset: Dataset,
    sides: Sequence[Side],
    fitted: tuple[Dataset, Sequence[Side]],
    *,
    tables: str,
    delay: int | None = None,
    export: Path | None = None,
) -> ReplayReport:
    """Measure ``policy`` on ``sides``.

    Args:
        policy: what predicts.
        dataset: where ``sides`` lie.
        sides: what is measured on.
        fitted: data set and sides on which the tables are counted.
        tables: what these are, for people.
        delay: with which it acts; its own by default.
        export: every prediction as a Parquet file.
    """
    config = policy.config
    codec, delay = config.codec, config.delay if delay is None else delay
    # One side after the other: the actions of a large data set do not fit the memory.
    counted, measured = (
        (actions_of(where, side, codec)[delay:] for side in part) for where, part in (fitted, (dataset, sides))
    )
    marginal, previous = Tables.fit(counted, codec.sizes).scores(measured)
    whole, by_side = Meter(codec.num_heads), np.asarray([side.character for side in sides])
    characters = {int(number): Meter(codec.num_heads) for number in np.unique(by_side)}
    confusion = np.zeros((2, STICK_CLASSES, STICK_CLASSES), np.int64)
    writer = _Parquet(export, dataset, sides, codec) if export is not None else None
    try:
        for found in predictions(policy, dataset, sides, delay=delay):
            right, changed = found.likeliest == found.targets, (found.previous != found.targets).any(-1)
            whole.add(found.logp, right, changed)
            mine = by_side[found.side]
            for number in np.unique(mine).tolist():
                chosen = mine == number
                characters[number].add(found.logp[chosen], right[chosen], changed[chosen])
            cell = _stick(codec, found.targets) * STICK_CLASSES + _stick(codec, found.likeliest)
            for row, some in enumerate((cell, cell[changed])):
                confusion[row] += np.bincount(some, minlength=STICK_CLASSES**2).reshape(STICK_CLASSES, -1)
            if writer is not None:
                writer.add(found)
    finally:
        if writer is not None:
            writer.close()
    return ReplayReport(
        heads=codec.heads,
        delay=delay,
        policy=whole.score(),
        marginal=marginal,
        previous=previous,
        tables=tables,
        by_character={ids.Character(number).name.lower(): meter.score() for number, meter in characters.items()},
        stick=Confusion(
            counts=tuple(map(tuple, confusion[0].tolist())), changed=tuple(map(tuple, confusion[1].tolist()))
        ),
    )


def _stick(codec: ActionCodec, actions: U8) -> NDArray[np.int64]:
    return stick_classes(codec.decode(actions))


class _Parquet:
    """Predictions as columns: game, player, frame, and of each head what was done, what was likeliest, and its logp."""

    def __init__(self, path: Path, dataset: Dataset, sides: Sequence[Side], codec: ActionCodec) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow, self._heads = pyarrow, codec.heads
        self._digests = np.asarray([dataset.games[side.game].meta.digest for side in sides])
        self._players = np.asarray([side.player for side in sides], np.uint8)
        fields = [("game", pyarrow.string()), ("player", pyarrow.uint8()), ("frame", pyarrow.int32())]
        for kind, dtype in (("done", pyarrow.uint8()), ("likeliest", pyarrow.uint8()), ("logp", pyarrow.float32())):
            fields += [(f"{kind}.{head}", dtype) for head in codec.heads]
        self._schema = pyarrow.schema([*fields, ("value", pyarrow.float32())])
        self._path, self._staging = path, path.with_name(f".{path.name}.tmp")
        self._writer: Any = pyarrow.parquet.ParquetWriter(self._staging, self._schema, compression="zstd")

    def add(self, found: Predicted) -> None:
        columns: dict[str, Any] = {
            "game": self._digests[found.side],
            "player": self._players[found.side],
            "frame": found.frame.astype(np.int32),
        }
        for kind, values in (("done", found.targets), ("likeliest", found.likeliest), ("logp", found.logp)):
            columns |= {f"{kind}.{head}": values[:, k] for k, head in enumerate(self._heads)}
        columns["value"] = found.value
        self._writer.write_table(self._arrow.table(columns, schema=self._schema), row_group_size=_ROWS)

    def close(self) -> None:
        self._writer.close()
        self._staging.rename(self._path)
