from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from exphil_rt.policy.backbones import trust
from exphil_rt.policy.backbones.gru import GRU
from exphil_rt.testing.backbones import BackboneBroken, check_backbone


class Sound(GRU):
    """A GRU under another name."""


class LooksAhead(GRU):
    def forward(self, x, state, reset=None):
        y, state = super().forward(x, state, reset)
        return y + x.mean(1, keepdim=True).mean(-1, keepdim=True), state


class IgnoresResets(GRU):
    def forward(self, x, state, reset=None):
        return super().forward(x, state, None)


class MixesRows(GRU):
    def forward(self, x, state, reset=None):
        y, state = super().forward(x, state, reset)
        return y - y.mean(0, keepdim=True), state


class Counts(GRU):
    calls = 0

    def forward(self, x, state, reset=None):
        self.calls += 1
        y, state = super().forward(x, state, reset)
        return y + self.calls * 1e-6, state


class WritesState(GRU):
    def forward(self, x, state, reset=None):
        y, after = super().forward(x, state, reset)
        if x.shape[1] > 9 and not torch.is_grad_enabled():
            with torch.no_grad():
                state[0].mul_(0.999999)
        return y, after


class DeadWeight(GRU):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.spare = nn.Parameter(torch.zeros(3))


class StartsAtOne(GRU):
    def init_state(self, batch):
        return tuple(part + 1 for part in super().init_state(batch))


class HidesWeight(GRU):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.secret = torch.randn(1)

    def __deepcopy__(self, memo):
        twin = HidesWeight(24, self.hidden, self.num_layers)
        return twin.eval()

    def forward(self, x, state, reset=None):
        y, state = super().forward(x, state, reset)
        return y + self.secret, state


CLASSES = {
    LooksAhead: "single steps",
    IgnoresResets: "reset",
    MixesRows: "row",
    Counts: "another output",
    WritesState: "writes into the state",
    DeadWeight: "spare gets no gradient",
    StartsAtOne: "not all zeros",
    HidesWeight: "state_dict",
}


@pytest.fixture(autouse=True)
def package(monkeypatch):
    """A trusted package with the classes above."""
    found = ModuleType("their_nets")
    for kind in (Sound, *CLASSES):
        setattr(found, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "their_nets", found)
    monkeypatch.setenv("EXPHIL_RT_TRUST__PACKAGES", "")
    trust(["their_nets"])


def test_a_sound_one_passes():
    report = check_backbone("their_nets:Sound")
    assert report.stepping <= 2e-5


@pytest.mark.parametrize(("kind", "words"), CLASSES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_one_is_told_what_is_broken(kind, words):
    with pytest.raises(BackboneBroken, match=f"(?i){words}"):
        check_backbone(f"their_nets:{kind.__name__}")
