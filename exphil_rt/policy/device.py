"""Which device a name of the settings means on this machine."""

from __future__ import annotations

import torch

from exphil_rt.errors import ExphilError


class DeviceMissing(ExphilError):
    """A device that this machine does not have."""

    exit_code = 5


def pick_device(name: str) -> torch.device:
    """The device of ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``; auto is CUDA where there is one, else the CPU.

    Small recurrent policies run faster on the CPU than on Apple's GPU at these batch sizes, so auto never means mps.

    Raises:
        DeviceMissing: it is not here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    present = {
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, True):
        raise DeviceMissing(f"The device {name} is not on this machine.", hint="Use --device cpu or auto.")
    return device
