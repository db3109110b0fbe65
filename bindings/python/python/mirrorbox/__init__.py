"""Mirrorbox keeps the transcripts of AI agents safe in any storage, and brings them back byte for byte.

>>> from claude_agent_sdk import ClaudeAgentOptions
>>> import mirrorbox
>>> options = mirrorbox.durable(ClaudeAgentOptions())       # each row on local disk at once, then in every destination
"""

from __future__ import annotations

from ._host import Host, Line, Transcript
from ._options import durable, wrapped
from ._rows import Forked, Key, Message, News, Restored, SessionInfo, SessionRow, Subagent, Undelivered
from ._sessions import Sessions
from ._store import SessionStore
from . import stores, testing
from .errors import (
    AwayError,
    ClosedError,
    ConfigError,
    InvalidError,
    MirrorboxError,
    NotDeliveredError,
    NotFoundError,
    NotWrittenError,
    ReadError,
    StateError,
)
from .stores import Store

__all__ = [
    "AwayError",
    "ClosedError",
    "ConfigError",
    "Forked",
    "Host",
    "InvalidError",
    "Key",
    "Line",
    "Message",
    "MirrorboxError",
    "News",
    "NotDeliveredError",
    "NotFoundError",
    "NotWrittenError",
    "ReadError",
    "Restored",
    "SessionInfo",
    "SessionRow",
    "SessionStore",
    "Sessions",
    "StateError",
    "Store",
    "Subagent",
    "Transcript",
    "Undelivered",
    "durable",
    "stores",
    "testing",
    "wrapped",
]
