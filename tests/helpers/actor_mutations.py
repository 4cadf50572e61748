"""Rules of the actor kernel, each with a small change to its source that breaks the rule, and the tests that notice.

    python tests/helpers/actor_mutations.py [--only WORD] [--every-test] [--write]

applies each change to a copy of the package in a temporary folder, runs the named tests there (or, with
``--every-test``, all of the kernel's fast ones) and prints which fail, which survive, and which were ended at their
deadline. ``tests/exphil_rt/actor/test_mutations.py`` demands that all named ones fail; ``--write`` puts the table into
``docs/actors.md``.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

REPOSITORY: Final = Path(__file__).resolve().parents[2]
TESTS: Final = REPOSITORY / "tests" / "exphil_rt" / "actor"
PAGE: Final = REPOSITORY / "docs" / "actors.md"
TABLE_START: Final = "<!-- mutations -->"
TABLE_END: Final = "<!-- end of mutations -->"
DEADLINE_S: Final = 10.0
SLOW_DEADLINE_S: Final = 90.0
"""Seconds of CPU time that a test gets, so that a busy machine fails none; four times that of any time, for hangs."""
MEMORY: Final = 8 << 30


class Mutation(NamedTuple):
    """``old`` occurs once in ``exphil_rt/actor/<file>``; ``new`` in its place breaks ``rule``."""

    rule: str
    file: str
    old: str
    new: str
    tests: str
    """Names without ``test_``, separated by blanks."""
    slow: bool = False


SUPERVISOR: Final = "supervisor.py"
MUTATIONS: Final = (
    # Starting
    Mutation(
        "children start one after the other, first to last",
        SUPERVISOR,
        "        for child in children:\n            try:\n                started",
        "        for child in reversed(children):\n            try:\n                started",
        "order_of_children a_child_that_fails_to_start_stops_those_before_it_in_reverse",
    ),
    Mutation(
        "when one fails to start, those that are up are stopped, last first",
        SUPERVISOR,
        "        except _StartFailed as failed:\n            await self._stop_all()\n",
        "        except _StartFailed as failed:\n",
        "a_child_that_fails_to_start_stops_those_before_it_in_reverse",
    ),
    Mutation(
        "a start that fails says which child failed, and why, through every level",
        SUPERVISOR,
        "Shutdown(FailedToStartChild(failed.child.spec.id, failed.reason))",
        "Shutdown(FailedToStartChild(failed.child.spec.id, Normal()))",
        "faulty_application_shutdown a_child_that_fails_to_start_stops_those_before_it_in_reverse",
    ),
    Mutation(
        "what init raises is the reason of the failed start",
        "lifecycle.py",
        "    return error.reason if isinstance(error, Stop) else crash_of(error)",
        "    return error.reason if isinstance(error, Stop) else Normal()",
        "sup_start_fail sup_start_error_return sup_start_child_returns_error sup_start_child_returns_error_simple"
        " transient_abnormal faulty_application_shutdown",
    ),
    Mutation(
        "a supervisor whose init answers Ignore ends normally and is not started",
        "lifecycle.py",
        "                cell.ignored = True\n                return Normal()",
        "                cell.ignored = True\n                return Killed()",
        "sup_start_ignore_init",
    ),
    Mutation(
        "a child that answers Ignore is no failure",
        "lifecycle.py",
        "                cell.ignored = True\n",
        "",
        "sup_start_ignore_child sup_start_ignore_temporary_child sup_start_ignore_temporary_child_start_child"
        " sup_start_ignore_temporary_child_start_child_simple sup_start_ignore_permanent_child_start_child_simple",
    ),
    Mutation(
        "of a temporary child that answers Ignore at its supervisor's start, nothing is kept",
        SUPERVISOR,
        "            if started is None:\n                self._drop(child)\n",
        "            if started is None:\n                pass\n",
        "sup_start_ignore_temporary_child",
    ),
    Mutation(
        "of a temporary child that answers Ignore to start_child, nothing is kept",
        SUPERVISOR,
        "        if cell is None:\n            self._drop(child)\n            return None\n"
        "        self._progress(child, again=False)",
        "        if cell is None:\n            return None\n        self._progress(child, again=False)",
        "sup_start_ignore_temporary_child_start_child sup_start_ignore_temporary_child_start_child_simple"
        " sup_start_ignore_permanent_child_start_child_simple",
    ),
    Mutation(
        "a dynamic supervisor keeps nothing of any child that is gone for good",
        "dynamic.py",
        "    def _drop(self, child: Child) -> None:\n        self._forget(child)",
        "    def _drop(self, child: Child) -> None:\n        super()._drop(child)",
        "sup_start_ignore_permanent_child_start_child_simple",
    ),
    Mutation(
        "of a child that start_child could not start, nothing is kept",
        SUPERVISOR,
        "        except StartError as error:\n            self._forget(child)\n",
        "        except StartError as error:\n",
        "sup_start_child_returns_error sup_start_child_returns_error_simple",
    ),
    Mutation(
        "a child that restart_child could not start keeps its specification",
        SUPERVISOR,
        "        try:\n            cell = await self._start_child(child)\n        except StartError as error:\n"
        '            self._report("start_error", child, error.reason)\n            return Refused(error)\n'
        "        if cell is None:\n            return None\n",
        "        try:\n            cell = await self._start_child(child)\n        except StartError as error:\n"
        "            self._forget(child)\n            return Refused(error)\n"
        "        if cell is None:\n            return None\n",
        "sup_start_restart_child_returns_error hanging_restart_loop",
    ),
    Mutation(
        "what a child's init gives beside its state is its pid's",
        "lifecycle.py",
        "cell.info, outcome = outcome.info, outcome.state",
        "outcome = outcome.state",
        "extra_return simple_one_for_one_extra",
    ),
    # Specifications and flags
    Mutation(
        "defaults: permanent, five seconds",
        "specs.py",
        "DEFAULT_SHUTDOWN_S: Final = 5.0",
        "DEFAULT_SHUTDOWN_S: Final = 6.0",
        "sup_start_map code_change_map",
    ),
    Mutation(
        "a child is found by its pid, and only where it is a child",
        SUPERVISOR,
        "        found = self._by_cell.get(child.cell)\n",
        "        found = next(iter(self._by_cell.values()), None)\n",
        "sup_start_map_simple child_adm_simple",
    ),
    Mutation(
        "a bad specification is refused",
        "specs.py",
        "    for spec in specs:\n        check_spec(spec, auto_shutdown)\n",
        "    for spec in specs:\n",
        "sup_start_map_faulty_specs child_specs_map sup_start_error_return code_change significant_upgrade_child",
    ),
    Mutation(
        "a specification is checked also by start_child",
        SUPERVISOR,
        "        try:\n            check_spec(message.spec, self.state.flags.auto_shutdown)\n",
        "        try:\n            pass\n",
        "child_specs child_specs_map significant_upgrade_never_any significant_upgrade_any_never"
        " significant_upgrade_never_all significant_upgrade_all_never",
    ),
    Mutation(
        "two children have not one id",
        "specs.py",
        "        if spec.id in seen:",
        "        if False:",
        "child_specs code_change",
    ),
    Mutation(
        "bad flags are refused",
        SUPERVISOR,
        "        check_flags(flags)\n        check_childspecs(specs",
        "        check_childspecs(specs",
        "sup_flags sup_start_error_return code_change",
    ),
    # Stopping
    Mutation(
        "a stop is asked for with Shutdown",
        "cell.py",
        "            self.mailbox.put_system(ParentExit(reason))\n",
        "            self.mailbox.put_system(ParentExit(Normal()))\n",
        "sup_start_normal sup_stop_infinity sup_stop_timeout sup_start_ignore_permanent_child_start_child_simple"
        " sup_stop_brutal_kill",
    ),
    Mutation(
        "children stop in the reverse of their start",
        SUPERVISOR,
        "        for child in reversed(tuple(self._children.values())):\n            await self._stop_child(child)",
        "        for child in tuple(self._children.values()):\n            await self._stop_child(child)",
        "order_of_children sup_stop_race",
    ),
    Mutation(
        "shutdown infinity waits as long as it takes",
        "specs.py",
        '            case "infinity":\n                return math.inf',
        '            case "infinity":\n                return 5.0',
        "sup_stop_infinity",
    ),
    Mutation(
        "a child that has not ended in its time is killed",
        SUPERVISOR,
        "cell.wait_dead(self.runtime.loop.now() + child.spec.shutdown_s)",
        "cell.wait_dead(self.runtime.loop.now() + 10 * child.spec.shutdown_s)",
        "sup_stop_timeout child_unlink",
    ),
    Mutation(
        "a dynamic child that has not ended in its time is killed",
        "dynamic.py",
        "cell.wait_dead(told + child.spec.shutdown_s)",
        "cell.wait_dead(told + 10 * child.spec.shutdown_s)",
        "sup_stop_timeout_dynamic",
    ),
    Mutation(
        "brutal_kill does not ask",
        SUPERVISOR,
        '        if child.spec.shutdown == "brutal_kill":\n            cell.kill()',
        '        if child.spec.shutdown == "brutal_kill":\n'
        "            child.spec = msgspec.structs.replace(child.spec, shutdown=5.0)\n"
        "            cell.exit_from_parent(Shutdown())",
        "sup_stop_brutal_kill sup_stop_brutal_kill_dynamic",
    ),
    Mutation(
        "dynamic children stop all at once",
        "dynamic.py",
        "            cell = self._release(child)\n            if cell is not None:\n",
        "            cell = self._release(child)\n            if cell is not None:\n"
        "                self._signal_end(child, cell)\n"
        "                await cell.wait_dead(loop.now() + child.spec.shutdown_s)\n",
        "simple_one_for_one_shutdown",
    ),
    Mutation(
        "a child that ends otherwise than told does not disturb the stop",
        SUPERVISOR,
        '        if not expected:\n            self._report("shutdown_error", child, reason)',
        '        if not expected:\n            raise RuntimeError("shutdown_error")',
        "sup_stop_non_shutdown_exit_dynamic sup_stop_race sup_stop_timeout sup_stop_timeout_dynamic",
    ),
    Mutation(
        "an actor that refuses to end holds nobody up",
        "cell.py",
        "KILL_GRACE_S: Final = 1.0",
        "KILL_GRACE_S: Final = 60.0",
        "child_unlink an_actor_that_refuses_cancellation_holds_nobody_up",
    ),
    Mutation(
        "a cancellation of its own, such as the end of a sleep, is no refusal to end",
        "zombies.py",
        "refusals + 1 if cancelled and owner.told else 0",
        "refusals + 1 if cancelled else 0",
        "one_that_slept_thousands_of_times_did_not_refuse_to_end",
    ),
    # What is asked from outside
    Mutation(
        "a child that runs is neither restarted nor deleted",
        SUPERVISOR,
        "        if child.cell is not None:\n            return Refused(ChildRunning(child.spec.id))\n",
        "",
        "child_adm",
    ),
    Mutation(
        "a child that is restarting is neither restarted nor deleted",
        SUPERVISOR,
        "return Refused(ChildRestarting(child.spec.id)) if child.restarting else None",
        "return None",
        "hanging_restart_loop hanging_restart_loop_rest_for_one",
    ),
    Mutation(
        "terminate_child ends the attempts to restart",
        SUPERVISOR,
        "    async def _stop_child(self, child: Child) -> None:\n        child.stop_waiting()\n",
        "    async def _stop_child(self, child: Child) -> None:\n",
        "hanging_restart_loop hanging_restart_loop_rest_for_one",
    ),
    Mutation(
        "the mailbox is served between two attempts to restart",
        SUPERVISOR,
        "            box.put(message)  # a cast",
        "            box.put_info(message)  # a cast",
        "hanging_restart_loop hanging_restart_loop_rest_for_one hanging_restart_loop_simple count_restarting_children",
    ),
    Mutation(
        "a restarting dynamic child is known by the pid that it had",
        SUPERVISOR,
        "if one.restarting and one.former == child.number",
        "if False",
        "hanging_restart_loop_simple",
    ),
    Mutation(
        "terminating a dynamic child that is dead is no error",
        "dynamic.py",
        "            return None if dead_child else Refused",
        "            return Refused",
        "child_adm_simple",
    ),
    Mutation(
        "dynamic children are neither restarted nor deleted by id",
        "dynamic.py",
        'Refused(NotSupported("A dynamic supervisor forgets children that ended; start_child starts new ones."))',
        "None",
        "child_adm_simple hanging_restart_loop_simple",
    ),
    Mutation(
        "which_children lists the newest first",
        SUPERVISOR,
        "            for child in reversed(tuple(self.children))",
        "            for child in tuple(self.children)",
        "order_of_children child_adm_simple code_change code_change_map hanging_restart_loop_rest_for_one"
        " sup_start_ignore_child",
    ),
    Mutation(
        "count_children counts as active those that run",
        SUPERVISOR,
        "        active = sum(child.cell is not None for child in children)",
        "        active = len(children)",
        "count_restarting_children child_adm hanging_restart_loop sup_start_ignore_child",
    ),
    Mutation(
        "count_children tells supervisors from workers",
        SUPERVISOR,
        'supervisors = sum(child.spec.start.kind == "supervisor" for child in children)',
        "supervisors = 0",
        "count_children_supervisor tree",
    ),
    Mutation(
        "get_callback_module tells the supervisor's class",
        SUPERVISOR,
        "        return type(self)\n",
        "        return Supervisor\n",
        "get_callback_module",
    ),
    Mutation(
        "a child takes no longer to find among many",
        SUPERVISOR,
        "        if isinstance(child, str):\n            return self._children.get(child)",
        "        for one in tuple(self._children.values()):\n"
        "            if one.id == child:\n                return one\n"
        "            for _ in range(20):\n                pass\n"
        "        if isinstance(child, str):\n            return self._children.get(child)",
        "simple_one_for_one_scale_many_temporary_children scale_start_stop_many_children",
        slow=True,
    ),
    # Restarts
    Mutation(
        "a permanent child is restarted after any end",
        "children.py",
        '            case "permanent":\n                return True',
        '            case "permanent":\n                return not is_clean(reason)',
        "permanent_normal permanent_shutdown simple_global_supervisor",
    ),
    Mutation(
        "a permanent child is restarted after a crash",
        "children.py",
        '            case "permanent":\n                return True',
        '            case "permanent":\n                return is_clean(reason)',
        "permanent_abnormal one_for_one one_for_all rest_for_one simple_one_for_one multiple_restarts"
        " one_for_one_escalation one_for_all_escalation rest_for_one_escalation simple_one_for_one_escalation"
        " simple_one_for_one_extra one_for_all_other_child_fails_restart rest_for_one_other_child_fails_restart tree"
        " do_not_save_child_specs_for_temporary_children count_restarting_children temporary_bystander",
    ),
    Mutation(
        "a transient child that ended cleanly is left in peace",
        "children.py",
        "                return not is_clean(reason)",
        "                return True",
        "transient_normal transient_shutdown nonsignificant_transient significant_transient significant_escalation"
        " significant_simple do_not_save_child_specs_for_temporary_children",
    ),
    Mutation(
        "Shutdown is a clean end",
        "reasons.py",
        "    return isinstance(reason, Normal | Shutdown)",
        "    return isinstance(reason, Normal)",
        "transient_shutdown nonsignificant_transient significant_transient significant_escalation",
    ),
    Mutation(
        "a transient child is restarted after a crash",
        "children.py",
        "                return not is_clean(reason)",
        "                return False",
        "transient_abnormal nonsignificant_transient significant_transient",
    ),
    Mutation(
        "a temporary child is never restarted",
        "children.py",
        '            case "temporary":\n                return False',
        '            case "temporary":\n                return True',
        "temporary_normal temporary_shutdown temporary_abnormal nonsignificant_temporary significant_temporary"
        " count_children",
    ),
    Mutation(
        "of a temporary child that ended, nothing is kept",
        SUPERVISOR,
        '        if child.spec.restart == "temporary":\n            self._forget(child)',
        '        if child.spec.restart == "never":\n            self._forget(child)',
        "temporary_normal temporary_shutdown temporary_abnormal temporary_bystander"
        " do_not_save_child_specs_for_temporary_children sup_start_ignore_temporary_child",
    ),
    Mutation(
        "what a temporary child was started with is kept by nobody",
        SUPERVISOR,
        '        if child.spec.restart == "temporary":  # nobody starts',
        "        if False:  # nobody starts",
        "simple_one_for_one_corruption do_not_save_start_parameters_for_temporary_children",
    ),
    Mutation(
        "a temporary child that was swept up is not started again",
        SUPERVISOR,
        "                await self._stop_child(sibling)\n                self._drop(sibling)",
        "                await self._stop_child(sibling)",
        "temporary_bystander significant_bystander",
    ),
    Mutation(
        "more than intensity restarts, and the supervisor gives up",
        "children.py",
        "        return len(self.restarts) <= self.flags.intensity",
        "        return len(self.restarts) <= self.flags.intensity + 1",
        "one_for_one one_for_all rest_for_one simple_one_for_one multiple_restarts one_for_one_escalation tree"
        " code_change_simple_map",
    ),
    Mutation(
        "a supervisor that gives up does so at all",
        "children.py",
        "        return len(self.restarts) <= self.flags.intensity",
        "        return len(self.restarts) <= 1_000_000",
        "one_for_one_escalation one_for_all_escalation rest_for_one_escalation simple_one_for_one_escalation tree",
    ),
    Mutation(
        "restarts that are longer ago than the period do not count",
        "children.py",
        "if now - then <= self.flags.period]",
        "if now - then <= 1e9]",
        "multiple_restarts",
    ),
    Mutation(
        "one_for_one touches nobody else",
        SUPERVISOR,
        "            case _:\n                return [child]",
        "            case _:\n                return list(self._children.values())",
        "one_for_one simple_one_for_one permanent_normal transient_abnormal significant_bystander tree",
    ),
    Mutation(
        "one_for_all restarts all",
        SUPERVISOR,
        '            case "one_for_all":\n                return list(self._children.values())',
        '            case "one_for_all":\n                return [child]',
        "one_for_all one_for_all_escalation one_for_all_other_child_fails_restart temporary_bystander tree"
        " significant_bystander",
    ),
    Mutation(
        "rest_for_one restarts those behind",
        SUPERVISOR,
        "                return children[children.index(child) :]",
        "                return children[: children.index(child) + 1]",
        "rest_for_one rest_for_one_escalation rest_for_one_other_child_fails_restart order_of_children"
        " hanging_restart_loop_rest_for_one temporary_bystander code_change_map",
    ),
    Mutation(
        "siblings are stopped before they are started again, last first",
        SUPERVISOR,
        "        for sibling in reversed(affected):",
        "        for sibling in affected:",
        "order_of_children rest_for_one_stops_in_reverse_and_starts_in_order",
    ),
    Mutation(
        "the child that failed to start is the one that is tried again",
        SUPERVISOR,
        "            self._try_again(failed.child, failed.child.next_delay(), counted=False)",
        "            self._try_again(child, failed.child.next_delay(), counted=False)",
        "rest_for_one_other_child_fails_restart",
    ),
    Mutation(
        "in one_for_all a sibling that is up is stopped again when another fails to start",
        SUPERVISOR,
        "            if sibling is not child:\n",
        "            if sibling is not child and not self._by_cell:\n",
        "one_for_all_other_child_fails_restart one_for_all",
    ),
    Mutation(
        "names are free when their holder is gone",
        "names.py",
        "            del self.cells[cell.name]",
        "            pass",
        "simple_global_supervisor one_for_one a_name_follows_the_incarnation_and_is_unique",
    ),
    # Auto-shutdown
    Mutation(
        "only a significant child's end ends its supervisor",
        SUPERVISOR,
        '        if mode == "never" or not child.spec.significant:',
        '        if mode == "never":',
        "nonsignificant_temporary nonsignificant_transient significant_escalation significant_upgrade_child",
    ),
    Mutation(
        "a significant child's end ends its supervisor",
        SUPERVISOR,
        '        if mode == "never" or not child.spec.significant:',
        "        if True:",
        "significant_temporary significant_transient significant_simple significant_escalation"
        " significant_upgrade_never_any significant_upgrade_never_all significant_upgrade_any_all"
        " significant_upgrade_all_any significant_upgrade_child",
    ),
    Mutation(
        "all_significant waits for the last of them",
        SUPERVISOR,
        '        if mode == "all_significant" and any(',
        "        if False and any(",
        "significant_temporary significant_transient significant_simple significant_upgrade_never_all"
        " significant_upgrade_any_all",
    ),
    Mutation(
        "any_significant waits for nobody else",
        SUPERVISOR,
        '        if mode == "all_significant" and any(',
        "        if any(",
        "significant_transient significant_simple significant_upgrade_never_any significant_upgrade_all_any",
    ),
    Mutation(
        "a child that was stopped on request ends nobody",
        SUPERVISOR,
        "        await self._stop_child(child)\n        self._drop(child)\n        return None",
        "        await self._stop_child(child)\n        self._drop(child)\n        self._auto_shutdown(child)\n"
        "        return None",
        "significant_temporary significant_transient",
    ),
    Mutation(
        "a sibling that was swept up ends nobody",
        SUPERVISOR,
        "                await self._stop_child(sibling)\n                self._drop(sibling)",
        "                await self._stop_child(sibling)\n                self._drop(sibling)\n"
        "                self._auto_shutdown(sibling)",
        "significant_bystander",
    ),
    # Code change
    Mutation(
        "code change replaces the flags",
        SUPERVISOR,
        "        return SupState(state.flags, self.state.restarts)",
        "        return self.state",
        "significant_upgrade_never_any significant_upgrade_any_never significant_upgrade_never_all"
        " significant_upgrade_all_never significant_upgrade_any_all significant_upgrade_all_any code_change"
        " code_change_map code_change_simple code_change_simple_map",
    ),
    Mutation(
        "restarts before a code change count after it",
        SUPERVISOR,
        "        return SupState(state.flags, self.state.restarts)",
        "        return SupState(state.flags)",
        "restarts_before_a_code_change_count_after_it",
    ),
    Mutation(
        "code change merges specifications by id",
        SUPERVISOR,
        "                child.respecify(spec)\n",
        "                pass\n",
        "code_change code_change_map significant_upgrade_child a_child_that_restarts_takes_its_new_specification",
    ),
    Mutation(
        "code change keeps the pids of those that run",
        SUPERVISOR,
        "            child = self._children.get(spec.id)\n            if child is None:",
        "            child = None\n            if child is None:",
        "code_change code_change_map",
    ),
    Mutation(
        "code change does not forget what the new answer lacks",
        SUPERVISOR,
        "        self._children = {**merged, **",
        "        self._children = {**merged} or {**",
        "code_change",
    ),
    Mutation(
        "Ignore in a code change changes nothing",
        SUPERVISOR,
        "        if isinstance(outcome, Ignore):\n            return self.state\n",
        "        if isinstance(outcome, Ignore):\n            return SupState(SupFlags(intensity=7))\n",
        "code_change code_change_simple_map",
    ),
    Mutation(
        "a dynamic supervisor's code change answers flags and nothing else",
        "dynamic.py",
        "        if not isinstance(outcome, DynamicFlags):",
        "        if isinstance(outcome, tuple):\n            outcome = outcome[0]\n"
        "        if not isinstance(outcome, DynamicFlags | SupFlags):",
        "code_change_simple child_specs",
    ),
    Mutation(
        "a code change that fails leaves the old class",
        "sys.py",
        "        actor.__class__ = old\n",
        "",
        "an_error_leaves_the_old_class_and_the_old_state a_code_change_that_is_cut_off_has_not_happened",
    ),
    Mutation(
        "a code change works on a copy of the state",
        "genserver.py",
        "copy.deepcopy(self.state)",
        "self.state",
        "an_error_leaves_the_old_class_and_the_old_state",
    ),
    Mutation(
        "only a suspended actor's code is changed",
        "sys.py",
        "        if not cell.suspended:\n            raise",
        "        if False:\n            raise",
        "every_request_is_served_by_every_kind_also_suspended",
    ),
    Mutation(
        "a restart starts the class that an actor had become",
        "sys.py",
        "        _restart_with(cell, new)\n",
        "",
        "code_change_on_a_live_actor_and_its_restart",
    ),
    # Reports
    Mutation(
        "a report is rendered to the depth that was asked for",
        "report_format.py",
        "_ITEMS if depth > 1 else 0",
        "_ITEMS",
        "format_log_1",
    ),
    Mutation(
        "a report is rendered in as many characters as were asked for",
        "report_format.py",
        "    return text if chars_limit is None or len(text) <= chars_limit else",
        "    return text if True else",
        "format_log_2",
    ),
    Mutation(
        "supervisor reports tell who offended",
        SUPERVISOR,
        "                start=child.spec.start.__qualname__,\n                shutdown=child.spec.shutdown,\n"
        "                significant=child.spec.significant,\n                kind=child.spec.start.kind,\n"
        "                restarts=child.restarts,\n                restart_in_s=delay,",
        "                restarts=child.restarts,\n                restart_in_s=delay,",
        "reports_are_structlog_events_with_otps_fields",
    ),
    # Actors
    Mutation(
        "an abnormal end ends the linked peer",
        "cell.py",
        "            peer.link_signal(self.pid, reason)",
        "            pass",
        "an_abnormal_end_ends_the_peer_from_either_side ends_pass_along_a_chain_of_links"
        " one_that_traps_exits_gets_one_message_and_lives",
    ),
    Mutation(
        "a normal end does not",
        "cell.py",
        "            self.mailbox.put_info(Exit(sender, reason))\n        elif not isinstance(reason, Normal):",
        "            self.mailbox.put_info(Exit(sender, reason))\n        else:",
        "a_normal_end_leaves_the_peer_alone",
    ),
    Mutation(
        "one that traps exits gets a message instead",
        "cell.py",
        "        if self.actor.trap_exit:\n            self.mailbox.put_info(Exit(sender, reason))\n        elif",
        "        if",
        "one_that_traps_exits_gets_one_message_and_lives a_killed_peer_is_survivable_but_a_kill_is_not"
        " exit_signals_reach_those_who_trap_them_as_messages",
    ),
    Mutation(
        "a monitor gives one Down",
        "cell.py",
        "            notify(Down(ref, self.pid, self.label, reason))\n",
        "            notify(Down(ref, self.pid, self.label, reason))\n"
        "            notify(Down(ref, self.pid, self.label, reason))\n",
        "a_monitor_gives_one_down",
    ),
    Mutation(
        "a monitor of nobody gives its Down at once",
        "runtime.py",
        "        if cell is None:\n            notify(",
        "        if cell is None:\n            str(",
        "a_monitor_gives_one_down",
    ),
    Mutation(
        "a call that would wait for itself fails at once",
        "calls.py",
        "    if callee is caller:\n",
        "    if False:\n",
        "a_calling_cycle_fails_at_once_with_its_path",
    ),
    Mutation(
        "a call to an actor that is ending fails at once",
        "cell.py",
        "                message.fail(NoProc(self.label, reason))\n",
        "                pass\n",
        "a_call_to_a_dying_actor_fails_at_once_with_the_reason",
    ),
    Mutation(
        "a call whose caller has gone is not handled",
        "lifecycle.py",
        "                if not message.done:  # else",
        "                if True:  # else",
        "a_call_that_expired_in_the_queue_is_not_handled",
    ),
    Mutation(
        "terminate runs after a crash",
        "lifecycle.py",
        "        if cell.had_started and not cell.killed and cell.actor._has_finish():",
        "        if cell.had_started and isinstance(reason, Shutdown) and cell.actor._has_finish():",
        "terminate_runs_after_a_crash_and_a_stop_but_deferred_calls_run_after_everything",
    ),
    Mutation(
        "terminate is cut off after the shutdown time",
        "lifecycle.py",
        "    patience = cell.shutdown_s or DEFAULT_SHUTDOWN_S",
        "    patience = 10 * cell.shutdown_s or DEFAULT_SHUTDOWN_S",
        "terminate_of_one_that_ends_by_itself_is_cut_off_too",
    ),
    Mutation(
        "handle_continue runs before any message",
        "lifecycle.py",
        "                await actor.handle_continue(outcome.then)\n",
        "                actor._cell.mailbox.put(outcome.then)\n",
        "continue_runs_after_the_start_and_before_any_message",
    ),
    Mutation(
        "a suspended actor serves system messages only",
        "lifecycle.py",
        "        elif cell.suspended:\n",
        "        elif False:\n",
        "a_suspended_actor_serves_nobody_else_until_it_is_resumed a_suspended_supervisor_restarts_when_it_is_resumed",
    ),
    Mutation(
        "a message puts an idle timeout off",
        "lifecycle.py",
        "    finally:\n        timer.cancel()\n\n\nasync def _answer",
        "    finally:\n        pass\n\n\nasync def _answer",
        "an_idle_actor_gets_a_timeout_and_a_message_puts_it_off",
    ),
)

_PLUGIN: Final = """
import faulthandler, os, pytest, signal
LOG, DEADLINE = os.environ["MUTATION_LOG"], float(os.environ["MUTATION_DEADLINE"])

def write(*words):
    with open(LOG, "a") as file:
        print(*words, sep="\\t", file=file)

@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    write("started", item.nodeid)
    faulthandler.dump_traceback_later(4 * DEADLINE, exit=True)
    signal.setitimer(signal.ITIMER_PROF, DEADLINE)  # what nobody handles ends the process
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()

def pytest_runtest_logreport(report):
    if report.when == "call" or report.failed:
        write(report.outcome, report.nodeid)
"""


def places() -> dict[str, Path]:
    """In which file each test of the kernel is, by its name without ``test_``."""
    found: dict[str, Path] = {}
    for path in sorted(TESTS.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found[node.name.removeprefix("test_")] = path
    return found


@contextmanager
def copied_package() -> Iterator[Path]:
    """A temporary folder with a copy of the package, compiled files too: what a mutation changes is newer than them."""
    with tempfile.TemporaryDirectory(prefix="mutations") as name:
        folder = Path(name)
        package = REPOSITORY / "exphil_rt"
        shutil.copytree(package, folder / "exphil_rt")
        (folder / "mutation_plugin.py").write_text(_PLUGIN, encoding="utf-8")
        yield folder


@contextmanager
def applied(mutation: Mutation, folder: Path) -> Iterator[None]:
    """The copy with the mutation in it."""
    path = folder / "exphil_rt" / "actor" / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file} has {text.count(mutation.old)} times: {mutation.old}")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def run_tests(folder: Path, targets: Iterable[str], *, slow: bool = False) -> dict[str, str]:
    """Run tests against the copy: ``passed``, ``failed`` or ``deadline`` by node id.

    A test that hangs ends its process; the others are run in the next one.
    """
    log = folder / "log"
    log.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MUTATION_LOG": str(log),
        "MUTATION_DEADLINE": str(SLOW_DEADLINE_S if slow else DEADLINE_S),
    }
    outcomes: dict[str, str] = {}
    while True:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-c",
            str(REPOSITORY / "pyproject.toml"),
            "-p",
            "mutation_plugin",
        ]
        command += ["--rootdir", str(REPOSITORY), "-o", "faulthandler_timeout=0", "--tb=no", "--no-header"]
        for node in outcomes:
            command += ["--deselect", node]
        subprocess.run(
            [*command, *targets],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=3600,
            check=False,
            preexec_fn=_limit_memory,
        )
        running = ""
        for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
            outcome, node = line.split("\t")
            if outcome == "started":
                running = node
            else:
                outcomes[node] = "failed" if "failed" in (outcome, outcomes.get(node)) else outcome
        if not running or running in outcomes:  # it came to its end
            return outcomes
        outcomes[running] = "deadline"


def _limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def survivors(mutation: Mutation, outcomes: dict[str, str]) -> list[str]:
    """Which of the named tests did not fail on some loop."""
    failed: dict[str, bool] = {}
    for node, outcome in outcomes.items():
        name, _, parameters = node.rpartition("::")[2].removeprefix("test_").partition("[")
        loop = "asyncio" if "asyncio" in parameters else "trio"
        failed[f"{name} on {loop}"] = failed.get(f"{name} on {loop}", False) or outcome != "passed"
    named = [f"{name} on {loop}" for name in mutation.tests.split() for loop in ("trio", "asyncio")]
    return [name for name in named if not failed.get(name, False)]


def targets_of(mutation: Mutation, where: dict[str, Path]) -> list[str]:
    """The node ids of the named tests."""
    return [f"{where[name]}::test_{name}" for name in mutation.tests.split()]


def table() -> str:
    """The mutations as a table in Markdown."""
    rows = [f"| {one.rule} | `{one.file}` | {', '.join(one.tests.split())} |" for one in MUTATIONS]
    return "\n".join(["| rule | broken in | tests that fail then |", "|---|---|---|", *rows])


def write_table() -> None:
    """Put the table into its page."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(TABLE_START)
    tail = rest.partition(TABLE_END)[2]
    PAGE.write_text(f"{head}{TABLE_START}\n{table()}\n{TABLE_END}{tail}", encoding="utf-8")


def main() -> None:
    """Print what each mutation breaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="mutations whose rule has this word")
    parser.add_argument("--write", action="store_true", help="write the table into the documents and run nothing")
    parser.add_argument("--every-test", action="store_true", help="run every fast test of the kernel without processes")
    options = parser.parse_args()
    if options.write:
        write_table()
        return
    where = places()
    quick = sorted(
        {str(path) for path in where.values()} - {str(TESTS / f"test_{n}.py") for n in ("process", "mutations")}
    )
    with copied_package() as folder:
        for mutation in MUTATIONS:
            if options.only not in mutation.rule:
                continue
            targets = [*quick, "-m", "not slow"] if options.every_test else targets_of(mutation, where)
            with applied(mutation, folder):
                outcomes = run_tests(folder, targets, slow=mutation.slow)
            names = {
                node.rpartition("::")[2].partition("[")[0].removeprefix("test_"): outcome
                for node, outcome in outcomes.items()
                if outcome != "passed"
            }
            left = survivors(mutation, outcomes)
            line = {"rule": mutation.rule, "fails": sorted(names), "survive": left}
            line["deadline"] = sorted(name for name, outcome in names.items() if outcome == "deadline")
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
