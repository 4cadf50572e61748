"""Experience slots: their layout, their seal, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.rollout.collector import Collector
from exphil_rt.rollout.experience import Rollout, RolloutInvalid, RolloutShape, open_sealed, seal, unseal

SHAPE = RolloutShape(steps=3, games=2, dmax=1, state=4)


def memory(shape=SHAPE):
    return memoryview(bytearray(shape.nbytes))


def test_columns_share_the_slots_memory_without_overlap():
    buffer = memory()
    first, again = Rollout.over(buffer, SHAPE), Rollout.over(buffer, SHAPE)
    arrays = {**first.steps.arrays(), "state": first.state, "committed": first.committed, "mask": first.mask}
    for number, array in enumerate(arrays.values()):
        array[...] = number % 100
    others = {**again.steps.arrays(), "state": again.state, "committed": again.committed, "mask": again.mask}
    for number, array in enumerate(others.values()):
        assert (array == number % 100).all()
    assert first.committed.shape == (4, 2, 2, 1, 13)
    assert first.state.shape == (2, 2, 4)
    assert first.frames.players.percent.shape == (4, 2, 2)


def test_only_a_whole_slot_of_the_right_generation_and_shape_opens():
    buffer = memory()
    with pytest.raises(RolloutInvalid, match="not a whole rollout"):
        open_sealed(buffer, SHAPE, 1)
    seal(buffer, SHAPE, 1)
    assert open_sealed(buffer, SHAPE, 1).shape == SHAPE
    with pytest.raises(RolloutInvalid, match="generation 1, not 2"):
        open_sealed(buffer, SHAPE, 2)
    with pytest.raises(RolloutInvalid, match="state 4, where 3, 2, 1 and 5"):
        open_sealed(buffer, RolloutShape(3, 2, 1, 5), 1)
    unseal(buffer)
    with pytest.raises(RolloutInvalid, match="not a whole rollout"):
        open_sealed(buffer, SHAPE, 1)


def test_a_slot_that_is_too_small_is_refused():
    collector = Collector(SHAPE)
    with pytest.raises(RolloutInvalid, match="cannot hold 3 steps of 2 games"):
        collector.give(0, 1, memory()[:-1])
    assert not collector.ready


def test_slots_are_filled_in_turn_and_sealed():
    collector = Collector(SHAPE)
    buffers = [memory(), memory()]
    for number, buffer in enumerate(buffers):
        collector.give(number, 10 + number, buffer)
    assert collector.opens

    def write(row):
        blank = Rollout.allocate(SHAPE)
        one = blank.steps[0].copy()
        one.frames.frame[:] = row
        collector.write(
            frames=one.frames,
            game_id=one.game_id,
            ended=one.ended,
            reset=one.reset,
            learn=one.learn + np.uint8(1),
            version=one.version + np.int32(row),
            actions=one.actions,
            logp=one.logp,
            value=one.value,
            committed=blank.committed[0],
            mask=blank.mask[0],
            state=np.full((2, 2, 4), row, np.float32) if collector.opens else None,
        )

    for row in range(4):
        write(row)
    filled = collector.filled.popleft()
    assert (filled.slot.slot, filled.slot.generation, filled.frames, filled.learnable, filled.update) == (
        0,
        10,
        6,
        12,
        0,
    )
    rollout = open_sealed(buffers[0], SHAPE, 10)
    assert rollout.frames.frame[:, 0].tolist() == [0, 1, 2, 3]
    assert (rollout.state == 0).all()
    assert collector.at_boundary
    for row in (4, 5):
        write(row)
    assert not collector.ready
    collector.give(0, 12, buffers[0])
    write(6)
    assert open_sealed(buffers[1], SHAPE, 11).frames.frame[:, 1].tolist() == [3, 4, 5, 6]
    assert (open_sealed(buffers[1], SHAPE, 11).state == 3).all()
    with pytest.raises(RolloutInvalid):
        open_sealed(buffers[0], SHAPE, 12)  # being filled
