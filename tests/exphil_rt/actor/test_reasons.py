"""Exit reasons: what is clean, what an exception becomes, and that they travel as messages."""

from __future__ import annotations

import msgspec
import pytest

from exphil_rt.actor import Crash, ExitReason, Killed, Normal, Shutdown, describe, is_clean
from exphil_rt.actor.reasons import crash_of


def _fail(text: str) -> None:
    raise ValueError(text)


def _caught(text: str) -> ValueError:
    try:
        _fail(text)
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("reason", "clean", "words"),
    [
        (Normal(), True, "ended normally"),
        (Shutdown(), True, "was shut down"),
        (Shutdown("end of match"), True, "was shut down (end of match)"),
        (Killed(), False, "was killed"),
        (Crash("ValueError", "bad"), False, "crashed: ValueError: bad"),
        (Crash("ValueError", ""), False, "crashed: ValueError"),
    ],
)
def test_reasons_are_data(reason: ExitReason, clean: bool, words: str) -> None:
    assert is_clean(reason) == clean
    assert describe(reason) == words
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reason), type=ExitReason) == reason


def test_an_exception_becomes_a_crash_with_its_stack() -> None:
    crash = crash_of(_caught("bad"))
    assert (crash.type, crash.text) == ("ValueError", "bad")
    assert crash.trace.startswith("Traceback (most recent call last):\n")
    assert "in _fail\n    raise ValueError(text)\nValueError: bad" in crash.trace


def test_causes_and_notes_are_kept() -> None:
    with pytest.raises(KeyError) as caught:
        raise KeyError("outer") from _caught("inner")
    assert "ValueError: inner" in crash_of(caught.value).trace
    noted = _caught("bad")
    noted.add_note("while loading the bundle")
    assert "while loading the bundle" in crash_of(noted).trace


def test_a_group_of_one_is_its_member_and_a_larger_one_names_them_all() -> None:
    one = crash_of(ExceptionGroup("group", [ExceptionGroup("inner", [_caught("bad")])]))
    assert (one.type, one.text) == ("ValueError", "bad")
    two = crash_of(ExceptionGroup("group", [_caught("a"), _caught("b")]))
    assert two.type == "ExceptionGroup"
    assert "ValueError: a" in two.trace
    assert "ValueError: b" in two.trace


def test_a_crash_stays_small() -> None:
    crash = crash_of(_caught("x" * 1_000_000))
    assert len(crash.text) + len(crash.trace) <= 10_000
