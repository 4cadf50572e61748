"""Our Mamba against the one of transformers: golden vectors always, the live class where it is installed.

``python tests/exphil_rt/policy/backbones/test_mamba_oracle.py`` writes the vectors anew (extra ``oracle``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from exphil_rt.policy.backbones.mamba import Mixer

GOLDEN = Path(__file__).with_name("mamba_mixer.safetensors")
SEED = 5
HIDDEN, STATE, EXPAND, CONV, STEPS = 8, 4, 2, 4, 24
TOLERANCE = {"rtol": 0.0, "atol": 2e-6}


def reference(hidden: int, state: int, seed: int) -> Any:
    """A mixer of transformers whose every weight matters."""
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    torch.manual_seed(seed)
    config = MambaConfig(
        hidden_size=hidden, state_size=state, expand=EXPAND, intermediate_size=EXPAND * hidden, conv_kernel=CONV,
        time_step_rank=-(-hidden // 16), num_hidden_layers=1, use_bias=False,
    )  # fmt: skip
    mixer = MambaMixer(config, 0).eval()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return mixer


def ours(weights: dict[str, Tensor], hidden: int, state: int) -> Mixer:
    mixer = Mixer(hidden, state, EXPAND, CONV).eval()
    mixer.load_state_dict(weights)
    return mixer


def both_ways(mixer: Mixer, x: Tensor) -> tuple[Tensor, Tensor]:
    """As one sequence and step by step."""
    with torch.no_grad():
        whole, _, _ = mixer(x, *mixer.init_state(len(x)), None)
        state, steps = mixer.init_state(len(x)), []
        for t in range(x.shape[1]):
            y, *state = mixer(x[:, t : t + 1], *state, None)
            steps.append(y)
    return whole, torch.cat(steps, 1)


def test_the_golden_vectors_come_out():
    with safe_open(GOLDEN, "pt") as file:
        assert file.metadata()["seed"] == str(SEED)
    tensors = safetensors.torch.load_file(GOLDEN)
    x, expected = tensors.pop("x"), tensors.pop("y")
    mixer = ours(tensors, HIDDEN, STATE)
    for found in both_ways(mixer, x):
        torch.testing.assert_close(found, expected, **TOLERANCE)
    with torch.no_grad():  # the comparison would notice
        mixer.D.mul_(1.01)
    assert (both_ways(mixer, x)[0] - expected).abs().max() > 1e-4


@pytest.mark.filterwarnings("ignore")
def test_the_live_class_agrees():
    pytest.importorskip("transformers")
    live = reference(32, 16, 1)
    x = torch.randn(3, 40, 32)
    with torch.no_grad():
        expected = live(x)
    for found in both_ways(ours(live.state_dict(), 32, 16), x):
        torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-5)


if __name__ == "__main__":
    import transformers

    live = reference(HIDDEN, STATE, SEED)
    x = torch.randn(2, STEPS, HIDDEN)
    with torch.no_grad():
        tensors = {**live.state_dict(), "x": x, "y": live(x).contiguous()}
    safetensors.torch.save_file(tensors, GOLDEN, {"seed": str(SEED), "transformers": transformers.__version__})
