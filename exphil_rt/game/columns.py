"""Columns: a struct of arrays whose fields share their leading shape.

Frames, controllers, players and items are Columns, from every source (simulator, replay, live game) and in every
place (ordinary memory, a slot in shared memory). What the fields are is not said here but in ``frames``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, Self, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

Index = int | slice | NDArray[Any] | tuple[Any, ...]
_ALIGN = 8


def column(dtype: DTypeLike, *shape: int) -> Any:
    """Declare a field: its dtype and its shape behind the leading shape."""
    return dataclasses.field(metadata={"dtype": np.dtype(dtype), "shape": shape})


def nested(kind: type[Columns], *shape: int) -> Any:
    """Declare a field that is itself Columns, with ``shape`` added to the leading shape."""
    return dataclasses.field(metadata={"columns": kind, "shape": shape})


class Columns:
    """Base of the dataclasses whose fields were declared with :func:`column` and :func:`nested`."""

    @classmethod
    def leaves(
        cls, prefix: str = "", shape: tuple[int, ...] = ()
    ) -> Iterator[tuple[str, np.dtype[Any], tuple[int, ...]]]:
        """Yield (dotted name, dtype, shape behind the leading shape) of every array, in the order of declaration."""
        for field in dataclasses.fields(cast("Any", cls)):
            inner = shape + field.metadata["shape"]
            if "columns" in field.metadata:
                yield from field.metadata["columns"].leaves(f"{prefix}{field.name}.", inner)
            else:
                yield f"{prefix}{field.name}", field.metadata["dtype"], inner

    @classmethod
    def nbytes(cls, lead: tuple[int, ...]) -> int:
        """Bytes that :meth:`over` needs for this leading shape (every array starts at a multiple of 8)."""
        return sum(_padded(dtype.itemsize * math.prod(lead + inner)) for _, dtype, inner in cls.leaves())

    @classmethod
    def allocate(cls, lead: tuple[int, ...]) -> Self:
        """New columns of zeros with leading shape ``lead``."""
        return cls.over(memoryview(bytearray(cls.nbytes(lead))), lead)

    @classmethod
    def over(cls, buffer: memoryview, lead: tuple[int, ...], offset: int = 0) -> Self:
        """Columns that view ``buffer`` from ``offset``: no copy, the same layout in every process."""
        place = offset

        def build(kind: type[Columns], shape: tuple[int, ...]) -> Columns:
            nonlocal place
            values: dict[str, Any] = {}
            for field in dataclasses.fields(cast("Any", kind)):
                inner = shape + field.metadata["shape"]
                if "columns" in field.metadata:
                    values[field.name] = build(field.metadata["columns"], inner)
                    continue
                dtype: np.dtype[Any] = field.metadata["dtype"]
                count = math.prod(inner)
                values[field.name] = np.frombuffer(buffer, dtype, count, place).reshape(inner)
                place += _padded(count * dtype.itemsize)
            return kind(**values)

        return cast("Self", build(cls, tuple(lead)))

    def children(self) -> Iterator[tuple[str, NDArray[Any] | Columns]]:
        """Yield (field name, array or Columns)."""
        for field in dataclasses.fields(cast("Any", self)):
            yield field.name, getattr(self, field.name)

    def arrays(self, prefix: str = "") -> dict[str, NDArray[Any]]:
        """All arrays by dotted name (``players.percent``)."""
        found: dict[str, NDArray[Any]] = {}
        for name, value in self.children():
            if isinstance(value, Columns):
                found.update(value.arrays(f"{prefix}{name}."))
            else:
                found[f"{prefix}{name}"] = value
        return found

    def __getitem__(self, index: Index) -> Self:
        """Index the leading shape of every array: views where numpy gives views, copies where it copies."""
        return type(self)(**{name: value[index] for name, value in self.children()})

    def assign(self, index: Index, source: Columns) -> None:
        """Copy ``source`` into the leading index ``index`` of every array."""
        for name, value in self.children():
            other = getattr(source, name)
            if isinstance(value, Columns):
                value.assign(index, other)
            else:
                value[index] = other

    def copy(self) -> Self:
        """A deep copy in memory of its own."""
        return type(self)(**{name: value.copy() for name, value in self.children()})


def _padded(size: int) -> int:
    return (size + _ALIGN - 1) // _ALIGN * _ALIGN
