"""Mirrorbox keeps the transcripts of AI agents safe in any storage, and brings them back byte for byte.

>>> from claude_agent_sdk import ClaudeAgentOptions
>>> import mirrorbox
>>> options = mirrorbox.durable(ClaudeAgentOptions())       # each row on local disk at once, then in every destination
"""

from __future__ import annotations

from ._options import durable, wrapped
from ._store import SessionStore, Undelivered
from .errors import (
    AwayError,
    ClosedError,
    ConfigError,
    InvalidError,
    MirrorboxError,
    NotDeliveredError,
    NotWrittenError,
    ReadError,
    StateError,
)

__all__ = [
    "AwayError",
    "ClosedError",
    "ConfigError",
    "InvalidError",
    "MirrorboxError",
    "NotDeliveredError",
    "NotWrittenError",
    "ReadError",
    "SessionStore",
    "StateError",
    "Undelivered",
    "durable",
    "wrapped",
]
