"""Every case of OTP's supervisor_SUITE is a test here by its own name, on both loops, none left out or skipped.

The names are those of erlang/otp lib/stdlib/test/supervisor_SUITE.erl (OTP 24, the first with auto_shutdown).
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from exphil_rt.testing.clocks import BACKENDS

AS_THEY_ARE: Final = [
    "sup_start_normal",
    "sup_start_ignore_init",
    "sup_start_ignore_child",
    "sup_start_ignore_temporary_child",
    "sup_start_ignore_temporary_child_start_child",
    "sup_start_ignore_temporary_child_start_child_simple",
    "sup_start_ignore_permanent_child_start_child_simple",
    "sup_start_error_return",
    "sup_start_fail",
    "sup_start_child_returns_error",
    "sup_start_restart_child_returns_error",
    "sup_start_child_returns_error_simple",
    "sup_start_map",
    "sup_start_map_simple",
    "sup_stop_infinity",
    "sup_stop_timeout",
    "sup_stop_timeout_dynamic",
    "sup_stop_brutal_kill",
    "sup_stop_brutal_kill_dynamic",
    "sup_stop_race",
    "sup_stop_non_shutdown_exit_dynamic",
    "child_adm",
    "child_adm_simple",
    "extra_return",
    "multiple_restarts",
    "one_for_one",
    "one_for_one_escalation",
    "one_for_all",
    "one_for_all_escalation",
    "one_for_all_other_child_fails_restart",
    "simple_one_for_one",
    "simple_one_for_one_shutdown",
    "simple_one_for_one_extra",
    "simple_one_for_one_escalation",
    "rest_for_one",
    "rest_for_one_escalation",
    "rest_for_one_other_child_fails_restart",
    "permanent_normal",
    "transient_normal",
    "temporary_normal",
    "permanent_shutdown",
    "transient_shutdown",
    "temporary_shutdown",
    "permanent_abnormal",
    "transient_abnormal",
    "temporary_abnormal",
    "temporary_bystander",
    "tree",
    "nonsignificant_temporary",
    "nonsignificant_transient",
    "significant_temporary",
    "significant_transient",
    "significant_simple",
    "significant_bystander",
    "significant_escalation",
    "count_children",
    "count_children_supervisor",
    "do_not_save_child_specs_for_temporary_children",
    "simple_one_for_one_scale_many_temporary_children",
    "order_of_children",
    "scale_start_stop_many_children",
]

_NEXT_CLASS: Final = (
    "the upgrade is a change to a class whose init answers otherwise, not a state that was tampered with"
)
_NO_TUPLES: Final = "specifications are ChildSpec and SupFlags, with no second form; what it adds is said in the test"
ADAPTED: Final = {
    "sup_start_map_faulty_specs": "a missing or unknown key is the constructor's TypeError, the rest BadSpec",
    "child_specs": "values of the one form; a DynamicSupervisor has no template that there could be too many of",
    "child_specs_map": "the cross product of the flags, on the one form",
    "sup_flags": "an unknown flag is the constructor's TypeError, where OTP ignores it",
    "simple_one_for_one_corruption": "that start arguments are let go is seen by a weak reference",
    "faulty_application_shutdown": "there are no applications: the cause comes out of start_root",
    "child_unlink": "a child cannot leave its supervisor; it severs its links and refuses to be cancelled",
    "significant_upgrade_never_any": _NEXT_CLASS,
    "significant_upgrade_any_never": _NEXT_CLASS,
    "significant_upgrade_never_all": _NEXT_CLASS,
    "significant_upgrade_all_never": _NEXT_CLASS,
    "significant_upgrade_any_all": _NEXT_CLASS,
    "significant_upgrade_all_any": _NEXT_CLASS,
    "significant_upgrade_child": f"{_NEXT_CLASS}; the significance is read from get_childspec",
    "count_restarting_children": "a gate makes starts fail, and virtual time replaces the sleeps",
    "get_callback_module": "the module is the supervisor's class",
    "do_not_save_start_parameters_for_temporary_children": "the size is that of the arguments in the specifications",
    "simple_global_supervisor": "names are the runtime's registry; there are no nodes",
    "hanging_restart_loop": "the failing start takes no time, so the loop is kept up by a high intensity",
    "hanging_restart_loop_rest_for_one": "as hanging_restart_loop",
    "hanging_restart_loop_simple": "as hanging_restart_loop",
    "code_change": _NEXT_CLASS,
    "code_change_map": f"{_NEXT_CLASS}; {_NO_TUPLES}",
    "code_change_simple": f"{_NEXT_CLASS}; flags are what changes, and specifications in the answer are refused",
    "code_change_simple_map": f"{_NEXT_CLASS}; here of a subclass, whose restart starts the new class",
    "format_log_1": "reports are Structs; one field a line, in OTP's order, with Python's values",
    "format_log_2": "single_line and chars_limit of OTP, with Python's values",
}
SCALE: Final = {"simple_one_for_one_scale_many_temporary_children", "scale_start_stop_many_children"}


def _tests() -> dict[str, list[Callable[..., Any]]]:
    found: dict[str, list[Callable[..., Any]]] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.name == Path(__file__).name:
            continue
        spec = importlib.util.spec_from_file_location(f"otp_suite_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look themselves up
        spec.loader.exec_module(module)
        for name, function in vars(module).items():
            if name.startswith("test_") and callable(function):
                found.setdefault(name.removeprefix("test_"), []).append(function)
    return found


@pytest.fixture(scope="module")
def tests() -> dict[str, list[Callable[..., Any]]]:
    return _tests()


def test_the_suite_has_88_cases() -> None:
    assert len(AS_THEY_ARE) + len(ADAPTED) == 88
    assert not set(AS_THEY_ARE) & set(ADAPTED)
    assert set(AS_THEY_ARE) >= SCALE


@pytest.mark.parametrize("case", [*AS_THEY_ARE, *ADAPTED])
def test_the_case_is_one_test_on_both_loops_and_never_skipped(
    case: str, tests: dict[str, list[Callable[..., Any]]]
) -> None:
    (function,) = tests[case]
    marks = {mark.name: mark for mark in getattr(function, "pytestmark", ())}
    assert set(marks) <= {"parametrize", "slow"}
    assert ("slow" in marks) == (case in SCALE)
    loops = [mark.args[1] for mark in getattr(function, "pytestmark", ()) if mark.args[:1] == ("backend",)]
    assert loops == [BACKENDS]
    source = inspect.getsource(inspect.unwrap(function))
    assert "skip" not in source
    assert "assert" in source or "await _" in source
