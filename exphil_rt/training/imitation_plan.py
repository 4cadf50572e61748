"""What an imitation is of, as its run folder keeps it: from what is learned, whose sides, and what it becomes.

How it learns are the settings of the run. Imports no torch.
"""

from __future__ import annotations

import msgspec

from exphil_rt.errors import ExphilError
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.replays import SideFilter
from exphil_rt.replays.optout import OPT_OUT_FILE, read_opt_out
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run, list_runs


class PlanInvalid(ExphilError):
    """A run that is no imitation, or whose plan is damaged."""

    exit_code = 2


class ImitationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """``plan.json``."""

    policy_out: str
    replays: str | None
    """A data set or a folder of replays; None for the usual folder."""
    sides: SideFilter
    """Without those who asked not to be learned from: their list is read at each start."""
    policy: PolicyConfig
    workers: int = 0
    """Processes that read replays; 0 is one for each core."""

    def wanted(self, home: Home) -> SideFilter:
        """The sides that are learned from today.

        Raises:
            OptOutInvalid: the list of those who asked not to be learned from cannot be read.
        """
        return msgspec.structs.replace(self.sides, opt_out=read_opt_out(home.root / OPT_OUT_FILE))

    def encode(self) -> bytes:
        """As the file holds it."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1)


def read_plan(run: Run) -> ImitationPlan:
    """The plan of a run.

    Raises:
        PlanInvalid: it has none, or it cannot be read.
    """
    try:
        return msgspec.json.decode(run.plan_file.read_bytes(), type=ImitationPlan)
    except FileNotFoundError:
        raise PlanInvalid(
            f"The run {run.name} is no imitation.", hint=f"Go on with it: `{run.resume_command}`."
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise PlanInvalid(f"{run.plan_file} cannot be read: {error}.", hint="Begin again.") from None


def unfinished(home: Home) -> list[Run]:
    """Imitations that are not over, the last used first."""
    found = []
    for run in list_runs(home):
        if run.plan_file.is_file():
            with run.reader() as database:
                if database.progress().ended != "done":
                    found.append(run)
    return found
