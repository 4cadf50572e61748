"""The kernel: OTP's actors on anyio.

Mailboxes, GenServer, Supervisor, DynamicSupervisor, names, monitors, ``sys`` and supervised OS processes. It knows
nothing of games and learning, and imports neither torch nor numba.
"""

from __future__ import annotations

from exphil_rt.actor import sys, tasks
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
from exphil_rt.actor.demand import Consumer, Producer, ProducerConsumer
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
from exphil_rt.actor.lag import LagMonitor, LagSettings
from exphil_rt.actor.mailbox import MailboxSpec
from exphil_rt.actor.outcomes import Continue, Extra, Ignore, Stop
from exphil_rt.actor.partition import Partitions, PartitionSupervisor, resize
from exphil_rt.actor.pid import Down, Exit, Pid, Ref, Target, Timeout
from exphil_rt.actor.process import ProcessChild
from exphil_rt.actor.reasons import Crash, ExitReason, Killed, Normal, Shutdown, describe, is_clean
from exphil_rt.actor.registry import Entry, Registry
from exphil_rt.actor.report_format import format_log
from exphil_rt.actor.reports import (
    BlockedLoop,
    CrashReport,
    DeadLetter,
    LagReport,
    ProgressReport,
    Report,
    SupervisorReport,
)
from exphil_rt.actor.runtime import Runtime, RuntimeStatistics
from exphil_rt.actor.slots import SlotPool, map_slots
from exphil_rt.actor.specs import Backoff, ChildSpec, DynamicFlags, Restart, Strategy, SupFlags, check_childspecs
from exphil_rt.actor.supervisor import Supervisor
from exphil_rt.actor.sys import ActorStatistics, ActorStatus
from exphil_rt.actor.tasks import Done, Exited, Task, TaskSupervisor
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
    "BlockedLoop",
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
    "Consumer",
    "Continue",
    "Crash",
    "CrashReport",
    "DeadLetter",
    "DeadLetters",
    "Done",
    "Down",
    "DynamicFlags",
    "DynamicSupervisor",
    "Entry",
    "Exit",
    "ExitReason",
    "Exited",
    "Extra",
    "FailedToStartChild",
    "From",
    "GenServer",
    "Ignore",
    "Killed",
    "LagMonitor",
    "LagReport",
    "LagSettings",
    "MailboxFull",
    "MailboxSpec",
    "MaxChildren",
    "NoHandler",
    "NoProc",
    "Normal",
    "NotSupported",
    "NotSuspended",
    "PartitionSupervisor",
    "Partitions",
    "Pid",
    "PortClosed",
    "ProcessChild",
    "Producer",
    "ProducerConsumer",
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
    "Task",
    "TaskSupervisor",
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
    "resize",
    "restart_child",
    "start_child",
    "start_forkserver",
    "stop_forkserver",
    "sys",
    "tasks",
    "terminate_child",
    "which_children",
)
