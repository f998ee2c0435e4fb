"""Logs: one line an event, as text for people or as JSON for collectors."""

import logging
import sys
from typing import Literal

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter


def configure(format_: Literal["text", "json"], level: str) -> None:
    """Send all logs to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    if format_ == "json":
        handler.setFormatter(
            JsonFormatter(
                "{asctime}{levelname}{name}{message}",
                style="{",
                # What kopf attaches to its records for itself; some of it can't be written as JSON.
                reserved_attrs=[*RESERVED_ATTRS, "settings", "k8s_skip", "k8s_ref"],
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
                datefmt="%Y-%m-%dT%H:%M:%S%z",
            )
        )
    else:
        handler.setFormatter(
            logging.Formatter("{asctime} {levelname:<7} {message}", style="{", datefmt="%Y-%m-%dT%H:%M:%S%z")
        )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "aiohttp", "asyncio", "kubernetes", "kopf"):
        # Never below INFO: at DEBUG some of them log requests with their headers.
        logging.getLogger(chatty).setLevel(max(logging.getLevelName(level.upper()), logging.INFO))
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # At INFO kopf says that a timer or an event handler succeeded: once per poll.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
