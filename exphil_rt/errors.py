"""The root of every error that a user may see. Each child lives beside what raises it."""

from __future__ import annotations


class ExphilError(Exception):
    """What happened, to which thing, and what to do, in one sentence.

    Args:
        message: what happened and to which thing.
        hint: what to do about it; may be empty.
        exit_code: the exit status that a command ends with (0 ok, 1 failed, 2 usage or settings, 3 daemon not
            running, 4 already running, 5 dependency missing).
    """

    exit_code: int = 1

    def __init__(self, message: str, *, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
