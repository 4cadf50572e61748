"""What to do with files that cannot be read: go on or end, show them or not, write them down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Annotated, Self

from cyclopts import Parameter

from exphil_rt.cli.output import say
from exphil_rt.errors import ExphilError
from exphil_rt.replays import BadReplay
from exphil_rt.replays.replay import shown


class ErrorLogInvalid(ExphilError):
    """A file for errors that cannot be written."""

    exit_code = 2


@Parameter(name="*")
@dataclass(frozen=True)
class BadFileOptions:
    """What to do with files that cannot be read."""

    fail_fast: Annotated[bool, Parameter(name="--fail-fast", negative="--skip-errors")] = False
    """end with the first file that cannot be read, instead of leaving it out."""
    show_errors: Annotated[bool, Parameter(name="--show-errors", negative="--hide-errors")] = False
    """print each of them when it is met."""
    error_log: Path | None = None
    """write each of them to this file, a line each: path, tabulator, reason."""


class BadFiles:
    """The files that could not be read; a context that holds the log open."""

    def __init__(self, options: BadFileOptions) -> None:
        self.options = options
        self.count = 0
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        if self.options.error_log is not None:
            try:
                self._file = self.options.error_log.open("w", encoding="utf-8")
            except OSError as error:
                raise ErrorLogInvalid(
                    f"The error log {self.options.error_log} cannot be written: {error.strerror}.",
                    hint="Name a file in a folder that exists.",
                ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, bad: BadReplay) -> None:
        """One more."""
        self.count += 1
        if self._file is not None:
            self._file.write(f"{shown(bad.path)}\t{bad.reason}\n")
        if self.options.show_errors:
            say(f"{shown(bad.path)} {bad.reason}")
