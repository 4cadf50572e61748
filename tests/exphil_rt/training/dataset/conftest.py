"""A data set of real games, built once."""

from __future__ import annotations

import pytest

from exphil_rt.training.dataset import BuildSettings, build_dataset

NAMES = (
    "matches/fox_multishine.slp",  # 3.19
    "matches/ys_multishine_good_2026-08-04.slp",  # Randall, lasers
    "matches/transform.slp",  # 1.7, Zelda and Sheik
    "matches/ics2.slp",  # Nana, rollbacks
    "short/v3.18.slp",  # Fountain of Dreams' platforms, against a CPU
)


@pytest.fixture(scope="session")
def paths(replays_dir):
    return [replays_dir / name for name in NAMES]


@pytest.fixture(scope="session")
def dataset(paths, tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets") / "some"
    return build_dataset(folder, paths, BuildSettings(workers=2, shard_bytes=4 << 20)).dataset
