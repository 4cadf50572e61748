from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = ("codec", "observation", "delay", "inputs", "noise", "ref", "manifest", "config", "random_play")


@pytest.mark.parametrize(
    "modules", [tuple(f"exphil_rt.policy.{m}" for m in LIGHT), ("exphil_rt.policy",), ("exphil_rt.inference",)]
)
def test_no_torch_is_loaded(modules):
    code = f"import sys, {', '.join(modules)}; print([m for m in ('torch', 'numba', 'melee') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    import exphil_rt.inference
    import exphil_rt.policy

    for package in (exphil_rt.policy, exphil_rt.inference):
        assert all(getattr(package, name) is not None for name in package.__all__)
        with pytest.raises(AttributeError, match="nothing"):
            _ = package.nothing
