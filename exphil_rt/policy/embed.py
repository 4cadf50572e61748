"""From inputs to the backbone's features: learned embeddings of ids, pooled items, embedded actions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exphil_rt.game.frames import MAX_ITEMS
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.delay import MAX_DELAY
from exphil_rt.policy.inputs import Inputs
from exphil_rt.policy.plain import is_plain


class InputTensors(NamedTuple):
    """``Inputs`` as tensors, fields and shapes alike."""

    floats: Tensor
    ids: Tensor
    committed: Tensor
    mask: Tensor
    delay: Tensor
    previous: Tensor

    def at(self, index: object) -> InputTensors:
        """Index the leading shape of every field."""
        return InputTensors(*(field[index] for field in self))  # type: ignore[index]


def to_tensors(inputs: Inputs, device: torch.device | str = "cpu") -> InputTensors:
    """Tensors over the same memory where the device is the CPU, else copies on the device."""
    arrays = (inputs.floats, inputs.ids, inputs.committed, inputs.mask, inputs.delay, inputs.previous)
    tensors = (torch.from_numpy(a if a.flags.writeable else np.array(a)) for a in arrays)
    return InputTensors(*(t if str(device) == "cpu" else t.to(device) for t in tensors))


class Embed(nn.Module):
    """Inputs ``[..., *]`` to features ``[..., hidden]``."""

    action_offsets: Tensor

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        schema = config.schema
        self.dmax = config.dmax
        self.flat_floats = len(schema.of("float", items=False))
        flat_ids = schema.of("id", items=False)
        self.flat_ids = len(flat_ids)
        self.item_floats = len(schema.of("float", items=True))
        item_ids = schema.of("id", items=True)
        widths = {table.name: table.width for table in schema.tables}
        self.tables = nn.ModuleDict({table.name: nn.Embedding(table.rows, table.width) for table in schema.tables})
        for table in self.tables.values():
            nn.init.normal_(table.weight, std=0.3)  # type: ignore[arg-type]
        # Ids of one table stand side by side.
        tables = [field.table for field in flat_ids]
        self.lookups = [
            (name, slice(tables.index(name), tables.index(name) + tables.count(name))) for name in dict.fromkeys(tables)
        ]
        self.item_tables = [field.table for field in item_ids]
        width = self.flat_floats + sum(widths[name] for name in tables)
        self.items: nn.Linear | None = None
        if self.item_floats:
            self.items = nn.Linear(self.item_floats + sum(widths[t] for t in self.item_tables), config.item_width)
            width += config.item_width
        sizes = config.codec.sizes
        self.actions = nn.Parameter(torch.randn(sum(sizes), config.action_width) * 0.1)
        self.register_buffer(
            "action_offsets", torch.tensor(np.cumsum((0, *sizes[:-1])), dtype=torch.long), persistent=False
        )
        width += config.action_width * (1 + config.dmax) + (1 if config.dmax else 0)
        self.project = nn.Linear(width, config.hidden)
        nn.init.orthogonal_(self.project.weight, 2**0.5)
        nn.init.zeros_(self.project.bias)

    def forward(self, inputs: InputTensors) -> Tensor:
        """Features ``[..., hidden]``."""
        floats, ids = inputs.floats, inputs.ids
        lead = floats.shape[:-1]
        parts = [floats[..., : self.flat_floats]]
        for name, columns in self.lookups:
            found = self.tables[name](ids[..., columns])  # [..., n, width]
            parts.append(found.flatten(-2))
        if self.items is not None:
            parts.append(self._pooled(floats, ids, lead))
        parts.append(self._embedded(inputs.previous))
        if self.dmax:
            committed = self._embedded(inputs.committed) * inputs.mask[..., None].to(floats.dtype)
            parts.append(committed.flatten(-2))
            parts.append(inputs.delay[..., None].to(floats.dtype) / MAX_DELAY)
        return torch.relu(self.project(torch.cat(parts, -1)))

    def _pooled(self, floats: Tensor, ids: Tensor, lead: torch.Size) -> Tensor:
        """Sum over the items of a small layer: their order means nothing."""
        assert self.items is not None
        items = floats[..., self.flat_floats :].reshape(*lead, MAX_ITEMS, self.item_floats)
        exists = items[..., :1]
        if not is_plain() and not bool(exists.any()):  # most games, most of the time
            return floats.new_zeros(*lead, self.items.out_features)
        kinds = ids[..., self.flat_ids :].reshape(*lead, MAX_ITEMS, len(self.item_tables))
        embedded = [self.tables[name](kinds[..., i]) for i, name in enumerate(self.item_tables)]
        return (torch.relu(self.items(torch.cat([items, *embedded], -1))) * exists).sum(-2)

    def _embedded(self, actions: Tensor) -> Tensor:
        """Actions ``[..., K]`` to ``[..., action_width]``."""
        rows = actions.long() + self.action_offsets
        if is_plain():
            return F.embedding(rows, self.actions).sum(-2)
        flat = rows.reshape(-1, rows.shape[-1])
        return F.embedding_bag(flat, self.actions, mode="sum").reshape(*actions.shape[:-1], -1)
