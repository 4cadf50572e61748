"""Data sets: replays parsed once into memory-mapped shards, and the batches that imitation learns from."""

from exphil_rt.training.dataset.batches import Batch
from exphil_rt.training.dataset.build import BuildProgress, BuildReport, BuildSettings, build_dataset
from exphil_rt.training.dataset.dataset import Dataset, Side, Split
from exphil_rt.training.dataset.format import DatasetInvalid
from exphil_rt.training.dataset.loader import Loader, LoaderPosition
from exphil_rt.training.dataset.plan import PlanConfig

__all__ = (
    "Batch",
    "BuildProgress",
    "BuildReport",
    "BuildSettings",
    "Dataset",
    "DatasetInvalid",
    "Loader",
    "LoaderPosition",
    "PlanConfig",
    "Side",
    "Split",
    "build_dataset",
)
