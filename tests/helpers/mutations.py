"""Real replays, damaged in every way that a disk, a download or somebody with ill intent damages them."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

Mutation = Callable[[bytearray, np.random.Generator, list[bytes]], bytes]


def events(data: bytes) -> list[tuple[int, int]]:
    """(place, length) of the events in a whole .slp file, by the sizes that it names itself."""
    begin = data.index(b"\x35", 11)
    count = (data[begin + 1] - 1) // 3
    sizes = {}
    for number in range(count):
        at = begin + 2 + 3 * number
        sizes[data[at]] = 1 + int.from_bytes(data[at + 1 : at + 3], "big")
    found, place = [(begin, data[begin + 1] + 1)], begin + data[begin + 1] + 1
    while place < len(data) and data[place] in sizes and place + sizes[data[place]] <= len(data):
        found.append((place, sizes[data[place]]))
        place += sizes[data[place]]
    return found


def flip_bits(data: bytearray, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Some bits anywhere."""
    for place in rng.integers(0, len(data), 1 << int(rng.integers(0, 9))):
        data[place] ^= 1 << int(rng.integers(0, 8))
    return bytes(data)


def flip_header(data: bytearray, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Bits of the file's frame, the event sizes and the start block."""
    for place in rng.integers(0, min(900, len(data)), int(rng.integers(1, 12))):
        data[place] = int(rng.integers(0, 256))
    return bytes(data)


def flip_events(data: bytearray, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Values within frames: floats that are not numbers, ids that nobody has."""
    places = events(bytes(data))
    for _ in range(int(rng.integers(1, 40))):
        place, length = places[int(rng.integers(0, len(places)))]
        at = place + int(rng.integers(1, max(length, 2)))
        value = [b"\x7f\xc0\x00\x00", b"\x7f\x80\x00\x00", b"\xff\xff\xff\xff", b"\x7e\x00\x00\x00", b"\x00" * 4]
        piece = value[int(rng.integers(0, len(value)))][: int(rng.integers(1, 5))]
        data[at : at + len(piece)] = piece
    return bytes(data)


def flip_values(data: bytearray, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """A few values of a few fighters and items; the file stays whole."""
    found = [(place, length) for place, length in events(bytes(data)) if data[place] in (0x37, 0x38, 0x3B)]
    for _ in range(int(rng.integers(1, 6))):
        place, length = found[int(rng.integers(0, len(found)))]
        first = 0x19 if data[place] == 0x37 else 0x7
        at = place + int(rng.integers(first, length))
        data[at] = int(rng.integers(0, 256))
    return bytes(data)


def truncate(data: bytearray, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Cut off anywhere."""
    return bytes(data[: int(rng.integers(0, len(data)))])


def cut_out(data: bytearray, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """A piece is missing."""
    first = int(rng.integers(0, len(data)))
    return bytes(data[:first] + data[first + int(rng.integers(1, 5000)) :])


def splice_events(data: bytearray, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Events twice, gone, in another order, or from another game; the file's own length as it was."""
    place, length = (places := events(bytes(data)))[int(rng.integers(0, len(places)))]
    kind = int(rng.integers(0, 4))
    if kind == 0:
        return bytes(
            data[: place + length] + data[place : place + length] * int(rng.integers(1, 50)) + data[place + length :]
        )
    if kind == 1:
        return bytes(data[:place] + data[place + length :])
    if kind == 2:
        other, size = places[int(rng.integers(0, len(places)))]
        return bytes(data[:place] + data[other : other + size] + data[place + length :])
    stranger = others[int(rng.integers(0, len(others)))]
    at, size = (found := events(stranger))[int(rng.integers(0, len(found)))]
    return bytes(data[:place] + stranger[at : at + size] + data[place:])


def lie_about_lengths(data: bytearray, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """The length of the raw element, or the size of an event, is another."""
    if rng.random() < 0.5:
        data[11:15] = int(rng.integers(0, 1 << 32)).to_bytes(4, "big")
    else:
        begin = data.index(b"\x35", 11)
        at = begin + 2 + 3 * int(rng.integers(0, (data[begin + 1] - 1) // 3))
        data[at + 1 : at + 3] = int(rng.integers(0, 1 << 16)).to_bytes(2, "big")
    return bytes(data)


def noise(data: bytearray, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """A replay's beginning, and then anything."""
    keep = int(rng.integers(11, 2000))
    return bytes(data[:keep]) + rng.bytes(int(rng.integers(1, 60_000)))


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits, flip_header, flip_events, flip_values, truncate, cut_out, splice_events, lie_about_lengths, noise,
)  # fmt: skip


def write_mutant(folder: Path, number: int, sources: list[bytes], seed: int = 0) -> Path:
    """The mutant with this number: a .slp, .slp.gz or .zip file."""
    rng = np.random.default_rng((seed, number))
    data = bytearray(sources[int(rng.integers(0, len(sources)))])
    mutant = MUTATIONS[number % len(MUTATIONS)](data, rng, sources)
    if rng.random() < 0.2 and len(mutant) > 4096:
        mutant = flip_bits(bytearray(mutant), rng, sources)
    packed = rng.random()
    if number % 500 == 499:
        mutant = bytes(mutant[:11]) + bytes(300 << 20)  # a bomb: 300 MB of zeros in 300 kB
    if packed < 0.05 or number % 1000 == 499:
        path = folder / f"{number:06}.slp.gz"
        path.write_bytes(_maybe_damaged(gzip.compress(mutant, 1), rng))
        return path
    if packed < 0.1 or number % 1000 == 999:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("game.slp", mutant)
        path = folder / f"{number:06}.zip"
        path.write_bytes(_maybe_damaged(buffer.getvalue(), rng))
        return path
    path = folder / f"{number:06}.slp"
    path.write_bytes(mutant)
    return path


def _maybe_damaged(data: bytes, rng: np.random.Generator) -> bytes:
    return flip_bits(bytearray(data), rng, []) if rng.random() < 0.3 else data
