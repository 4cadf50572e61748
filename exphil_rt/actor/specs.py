"""What a supervisor is told: child specifications, flags, back-off; and the checks that refuse nonsense."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from exphil_rt.actor.errors import BadSpec

if TYPE_CHECKING:
    from exphil_rt.actor.genserver import GenServer

Restart = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
Kind = Literal["supervisor", "worker"]

DEFAULT_SHUTDOWN_S: Final = 5.0


class Backoff(msgspec.Struct, frozen=True):
    """Wait before a restart: ``first`` seconds, times ``factor`` a failure in a row, at most ``max``.

    ``jitter`` is the share of the wait that is drawn at random (0 none, 1 all). A child that lived longer than ``max``
    starts over. Ours beside OTP's intensity, which counts the attempts as ever.
    """

    first: float = 0.5
    factor: float = 2.0
    max: float = 30.0
    jitter: float = 0.1


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One child of a supervisor.

    ``shutdown``: seconds that the child gets to end before it is killed; None is 5 s, infinity for a supervisor.
    ``name`` is registered for each incarnation.
    """

    id: str
    start: type[GenServer[Any]]
    args: Any = None
    name: str | None = None
    restart: Restart = "permanent"
    shutdown: float | Literal["brutal_kill", "infinity"] | None = None
    significant: bool = False
    backoff: Backoff | None = None

    @property
    def shutdown_s(self) -> float:
        """Seconds between being told to end and being killed: 0 for brutal_kill, inf for infinity."""
        match self.shutdown:
            case None:
                return math.inf if self.start.kind == "supervisor" else DEFAULT_SHUTDOWN_S
            case "brutal_kill":
                return 0.0
            case "infinity":
                return math.inf
            case seconds:
                return float(seconds)


class SupFlags(msgspec.Struct, frozen=True):
    """A supervisor's rule: more than ``intensity`` restarts within ``period`` seconds and it gives up."""

    strategy: Strategy = "one_for_one"
    intensity: int = 1
    period: float = 5.0
    auto_shutdown: AutoShutdown = "never"


class DynamicFlags(msgspec.Struct, frozen=True):
    """The rule of a DynamicSupervisor, which is always one_for_one; ``max_children`` counts restarting ones too."""

    max_children: int | None = None
    intensity: int = 1
    period: float = 5.0
    auto_shutdown: AutoShutdown = "never"


def check_flags(flags: SupFlags | DynamicFlags) -> None:
    """Raise BadSpec for flags that OTP would refuse."""
    if isinstance(flags, SupFlags) and flags.strategy not in ("one_for_one", "one_for_all", "rest_for_one"):
        raise BadSpec(f"A supervisor's strategy cannot be {flags.strategy!r}.")
    if isinstance(flags, DynamicFlags) and flags.max_children is not None and flags.max_children < 0:
        raise BadSpec(f"A supervisor's max_children cannot be {flags.max_children!r}.")
    if isinstance(flags.intensity, bool) or not isinstance(flags.intensity, int) or flags.intensity < 0:
        raise BadSpec(f"A supervisor's intensity cannot be {flags.intensity!r}.")
    if not isinstance(flags.period, int | float) or not 0 < flags.period < math.inf:
        raise BadSpec(f"A supervisor's period cannot be {flags.period!r}.")
    if flags.auto_shutdown not in ("never", "any_significant", "all_significant"):
        raise BadSpec(f"A supervisor's auto_shutdown cannot be {flags.auto_shutdown!r}.")


def check_spec(spec: object, auto_shutdown: AutoShutdown = "never") -> None:
    """Raise BadSpec for a child specification that OTP would refuse."""
    from exphil_rt.actor.genserver import GenServer

    if not isinstance(spec, ChildSpec):
        raise BadSpec(f"A child specification must be a ChildSpec, not {type(spec).__name__}.")
    if not isinstance(spec.id, str) or not spec.id or "/" in spec.id:
        raise BadSpec(f"A child's id must be a word without a slash, not {spec.id!r}.")
    if not (isinstance(spec.start, type) and issubclass(spec.start, GenServer)):
        raise BadSpec(f"The child {spec.id} starts {spec.start!r}, which is no GenServer class.")
    if spec.restart not in ("permanent", "transient", "temporary"):
        raise BadSpec(f"The child {spec.id} has the restart {spec.restart!r}.")
    shutdown = spec.shutdown
    is_time = isinstance(shutdown, int | float) and not isinstance(shutdown, bool) and 0 <= shutdown < math.inf
    if shutdown is not None and shutdown not in ("brutal_kill", "infinity") and not is_time:
        raise BadSpec(f"The child {spec.id} has the shutdown {shutdown!r}.")
    if not isinstance(spec.significant, bool):
        raise BadSpec(f"The child {spec.id} has the significance {spec.significant!r}.")
    if spec.significant and (spec.restart == "permanent" or auto_shutdown == "never"):
        raise BadSpec(
            f"The child {spec.id} is significant, which is for transient and temporary children of a supervisor with"
            " auto_shutdown."
        )


def check_childspecs(specs: Sequence[object], auto_shutdown: AutoShutdown = "never") -> None:
    """Raise BadSpec for the first bad or repeated child specification."""
    seen: set[str] = set()
    for spec in specs:
        check_spec(spec, auto_shutdown)
        assert isinstance(spec, ChildSpec)
        if spec.id in seen:
            raise BadSpec(f"Two children have the id {spec.id}.")
        seen.add(spec.id)
