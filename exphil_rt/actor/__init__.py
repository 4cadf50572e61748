"""The kernel: OTP's actors on anyio.

Mailboxes, GenServer, Supervisor, DynamicSupervisor, names, monitors, ``sys`` and supervised OS processes. It knows
nothing of games and learning, and imports neither torch nor numba.
"""

from __future__ import annotations

from exphil_rt.actor import sys
from exphil_rt.actor.admin import (
    ChildCounts,
    ChildInfo,
    count_children,
    delete_child,
    get_callback_module,
    get_childspec,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)
from exphil_rt.actor.calls import NO_REPLY, From, Refused
from exphil_rt.actor.child import ChildPort, PortClosed
from exphil_rt.actor.children import FailedToStartChild
from exphil_rt.actor.dead_letters import DeadLetters
from exphil_rt.actor.dynamic import DynamicSupervisor
from exphil_rt.actor.errors import (
    ActorError,
    AlreadyPresent,
    AlreadyRegistered,
    AlreadyStarted,
    BadSpec,
    CallingCycle,
    CallTimeout,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    CodeChangeFailed,
    MailboxFull,
    MaxChildren,
    NoHandler,
    NoProc,
    NotSupported,
    NotSuspended,
    SlotsExhausted,
    StartError,
)
from exphil_rt.actor.forkserver import start_forkserver, stop_forkserver
from exphil_rt.actor.genserver import GenServer
from exphil_rt.actor.handlers import handle_call, handle_cast
from exphil_rt.actor.inspection import ActorInfo, ActorReport
from exphil_rt.actor.mailbox import MailboxSpec
from exphil_rt.actor.outcomes import Continue, Extra, Ignore, Stop
from exphil_rt.actor.pid import Down, Exit, Pid, Ref, Target, Timeout
from exphil_rt.actor.process import ProcessChild
from exphil_rt.actor.reasons import Crash, ExitReason, Killed, Normal, Shutdown, describe, is_clean
from exphil_rt.actor.registry import Entry, Registry
from exphil_rt.actor.report_format import format_log
from exphil_rt.actor.reports import CrashReport, DeadLetter, ProgressReport, Report, SupervisorReport
from exphil_rt.actor.runtime import Runtime, RuntimeStatistics
from exphil_rt.actor.slots import SlotPool, map_slots
from exphil_rt.actor.specs import Backoff, ChildSpec, DynamicFlags, Restart, Strategy, SupFlags, check_childspecs
from exphil_rt.actor.supervisor import Supervisor
from exphil_rt.actor.sys import ActorStatistics, ActorStatus
from exphil_rt.actor.timers import Timer

__all__ = (
    "NO_REPLY",
    "ActorError",
    "ActorInfo",
    "ActorReport",
    "ActorStatistics",
    "ActorStatus",
    "AlreadyPresent",
    "AlreadyRegistered",
    "AlreadyStarted",
    "Backoff",
    "BadSpec",
    "CallTimeout",
    "CallingCycle",
    "ChildCounts",
    "ChildInfo",
    "ChildNotFound",
    "ChildPort",
    "ChildRestarting",
    "ChildRunning",
    "ChildSpec",
    "CodeChangeFailed",
    "Continue",
    "Crash",
    "CrashReport",
    "DeadLetter",
    "DeadLetters",
    "Down",
    "DynamicFlags",
    "DynamicSupervisor",
    "Entry",
    "Exit",
    "ExitReason",
    "Extra",
    "FailedToStartChild",
    "From",
    "GenServer",
    "Ignore",
    "Killed",
    "MailboxFull",
    "MailboxSpec",
    "MaxChildren",
    "NoHandler",
    "NoProc",
    "Normal",
    "NotSupported",
    "NotSuspended",
    "Pid",
    "PortClosed",
    "ProcessChild",
    "ProgressReport",
    "Ref",
    "Refused",
    "Registry",
    "Report",
    "Restart",
    "Runtime",
    "RuntimeStatistics",
    "Shutdown",
    "SlotPool",
    "SlotsExhausted",
    "StartError",
    "Stop",
    "Strategy",
    "SupFlags",
    "Supervisor",
    "SupervisorReport",
    "Target",
    "Timeout",
    "Timer",
    "check_childspecs",
    "count_children",
    "delete_child",
    "describe",
    "format_log",
    "get_callback_module",
    "get_childspec",
    "handle_call",
    "handle_cast",
    "is_clean",
    "map_slots",
    "restart_child",
    "start_child",
    "start_forkserver",
    "stop_forkserver",
    "sys",
    "terminate_child",
    "which_children",
)
