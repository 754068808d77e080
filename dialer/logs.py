"""Logs for machines or for eyes, with every telephone number and email address masked before it is written."""

from __future__ import annotations

import logging
import re
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

NUMBER = re.compile(r"\+?[0-9]{7,15}(?![0-9A-Za-z])")
EMAIL = re.compile(r"[^\s<>@,;:\"'()]+@(?=\w)")
OURS = frozenset({"attempt", "attempt_id", "timestamp", "job", "port", "pid"})  # fields that are no telephone numbers
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def mask(number: str) -> str:
    """A number that can be told from others and not be dialled: +15550100123 becomes +15******23."""
    keep = 3 if number.startswith("+") else 2
    return number[:keep] + "*" * max(0, len(number) - keep - 2) + number[-2:]


def mask_local(local_part: str) -> str:
    """The part of an email address before its domain, with the @: zoe@ becomes z***@."""
    return local_part[0] + "***@"


def mask_addresses(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A structlog processor: no field of a log line shows a telephone number or an email address whole."""
    for name, value in event.items():
        if isinstance(value, str) and name not in OURS:
            event[name] = NUMBER.sub(lambda found: mask(found[0]), EMAIL.sub(lambda found: mask_local(found[0]), value))
    return event


def configure(*, level: str = "info", json_lines: bool = False, out: TextIO | None = None) -> None:
    """Set up structlog for this process; lines go to standard error unless `out` says otherwise."""
    stream = out or sys.stderr
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask_addresses,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
