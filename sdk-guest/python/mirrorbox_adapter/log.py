"""Lines for the host's log, under a context of the adapter's choice: the part of it that speaks.

`print` works, too: the host logs what an adapter prints. Natively, in tests of an adapter, lines go to standard error.
"""

from __future__ import annotations

import sys

try:
    from wit_world.imports import logging
except ImportError:
    logging = None


def debug(context: str, message: object) -> None:
    """What helps to find out why something went wrong."""
    _line("debug", context, message)


def info(context: str, message: object) -> None:
    """What happened, in the normal course of things."""
    _line("info", context, message)


def warn(context: str, message: object) -> None:
    """Something is not as it should be, and the adapter goes on."""
    _line("warn", context, message)


def error(context: str, message: object) -> None:
    """An operation failed in a way that its error alone does not tell."""
    _line("error", context, message)


def _line(level: str, context: str, message: object) -> None:
    if logging is None:
        print(f"{level} {context}: {message}", file=sys.stderr)
    else:
        logging.log(logging.Level[level.upper()], context, str(message))
