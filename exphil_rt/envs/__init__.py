"""The embedded game in the field's own shapes: PettingZoo's ParallelEnv, Gymnasium's Env and VectorEnv.

Needs the extra ``envs``. Importing it registers ``exphil_rt/Melee-v0`` with Gymnasium.
"""

from __future__ import annotations

from exphil_rt.errors import ExphilError


class EnvsMissing(ExphilError, ImportError):
    """The packages of the extra ``envs`` are not installed."""

    exit_code = 5


try:
    import gymnasium
    import pettingzoo  # noqa: F401
except ImportError as error:
    raise EnvsMissing(
        f"exphil_rt.envs needs {error.name}, which is not installed.", hint="Run `pip install 'exphil-rt[envs]'`."
    ) from None

from exphil_rt.envs.duel import DuelEnv  # noqa: E402
from exphil_rt.envs.game import EnvInvalid, Reward, damage_and_stocks  # noqa: E402
from exphil_rt.envs.single import MeleeEnv  # noqa: E402
from exphil_rt.envs.vector import MeleeVectorEnv  # noqa: E402

__all__ = ("DuelEnv", "EnvInvalid", "EnvsMissing", "MeleeEnv", "MeleeVectorEnv", "Reward", "damage_and_stocks")

ID = "exphil_rt/Melee-v0"
if ID not in gymnasium.registry:
    gymnasium.register(
        ID,
        entry_point="exphil_rt.envs.single:MeleeEnv",
        vector_entry_point="exphil_rt.envs.vector:MeleeVectorEnv",
    )
