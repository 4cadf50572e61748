"""SlotPool: bulk data in shared memory, and who owns which slot of it.

A memfd that is passed by descriptor, so the kernel frees it with its last user (on macOS an unlinked shm_open segment).
Messages carry slot and generation; a slot of a dead owner is reclaimed, and what still arrives about it is stale.
"""

from __future__ import annotations

import importlib
import mmap
import os
from collections.abc import Collection
from typing import Final

import msgspec

from exphil_rt.actor.errors import SlotsExhausted

_ALIGN: Final = 4096


class _Slot(msgspec.Struct):
    generation: int = 0
    owner: object = None


class SlotPool:
    """``count`` slots of ``size`` bytes. Ownership is kept here, in the daemon; processes map the memory."""

    def __init__(self, count: int, size: int) -> None:
        if count < 1 or size < 1:
            raise ValueError(f"a pool needs slots and bytes, not {count} x {size}")
        self.count = count
        self.size = size
        self.fd = _anonymous_memory("exphil-slots")
        os.ftruncate(self.fd, count * stride(size))
        self._slots = [_Slot() for _ in range(count)]
        self._free = list(reversed(range(count)))

    @property
    def free(self) -> int:
        """How many slots nobody owns."""
        return len(self._free)

    def acquire(self, owner: object = None) -> tuple[int, int]:
        """A free slot and its new generation.

        Raises:
            SlotsExhausted: there is none.
        """
        if not self._free:
            raise SlotsExhausted(f"All {self.count} slots are in use.")
        number = self._free.pop()
        slot = self._slots[number]
        slot.generation += 1
        slot.owner = owner
        return number, slot.generation

    def valid(self, slot: int, generation: int) -> bool:
        """Whether the slot is owned and this is its generation."""
        return 0 <= slot < self.count and slot not in self._free and self._slots[slot].generation == generation

    def transfer(self, slot: int, generation: int, owner: object) -> bool:
        """Give an owned slot to another owner; False where that is stale."""
        if not self.valid(slot, generation):
            return False
        self._slots[slot].owner = owner
        return True

    def release(self, slot: int, generation: int) -> bool:
        """Free a slot; False where that is stale."""
        if not self.valid(slot, generation):
            return False
        self._slots[slot].owner = None
        self._free.append(slot)
        return True

    def reclaim(self, owner: object, keep: Collection[int] = ()) -> int:
        """Free the slots of an owner that is gone, or that it does not ``keep``; returns how many."""
        mine = [n for n, s in enumerate(self._slots) if n not in self._free and n not in keep and s.owner == owner]
        for number in mine:
            self.release(number, self._slots[number].generation)
        return len(mine)

    def close(self) -> None:
        """Give the descriptor back; maps of it stay valid."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def stride(size: int) -> int:
    """Bytes from one slot to the next: whole pages."""
    return -(-size // _ALIGN) * _ALIGN


def map_slots(fd: int, count: int, size: int) -> list[memoryview]:
    """The slots of a pool as writable memory, in this process; ``numpy.frombuffer`` takes each."""
    whole = memoryview(mmap.mmap(fd, count * stride(size)))
    return [whole[n * stride(size) : n * stride(size) + size] for n in range(count)]


def _anonymous_memory(name: str) -> int:
    memfd_create = getattr(os, "memfd_create", None)
    if memfd_create is not None:
        fd: int = memfd_create(name, os.MFD_CLOEXEC)
        return fd
    shm = importlib.import_module("_posixshmem")  # CPython's own binding of shm_open, on macOS
    path = f"/{name}-{os.getpid()}"
    fd = shm.shm_open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    shm.shm_unlink(path)
    return fd
