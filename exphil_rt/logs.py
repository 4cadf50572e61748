"""The one log writer: structlog events as JSON lines into a run's folder, rotated."""

from __future__ import annotations

import logging
import logging.handlers
import os
from pathlib import Path
from typing import Final

import structlog

MAX_BYTES: Final = 10_000_000
KEPT: Final = 5
LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def open_log(folder: Path, level: str = "info", name: str = "daemon") -> None:
    """Send every structlog event of this process to ``folder/name.jsonl``.

    A line has ``ts`` (ISO 8601, UTC), ``level``, ``event`` and the event's own fields (``actor``, ``text``). Five files
    of 10 MB are kept.
    """
    handler = logging.handlers.RotatingFileHandler(
        folder / f"{name}.jsonl", maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.get_logger("exphil_rt").info("log_opened", pid=os.getpid())
