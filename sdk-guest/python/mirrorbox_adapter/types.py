"""The types of the contract: keys, batches, positions, pages and summaries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Info:
    """What an adapter is and can. An operation whose capability is not named here is never called."""

    name: str
    """The kind of backend, in one word (`files`)."""
    version: str
    """The adapter's own version."""
    listing: bool = False
    """`list_projects`, `list_sessions` and `find_session`."""
    deletion: bool = False
    """`delete`."""
    compaction: bool = False
    """`compact`."""


@dataclass(frozen=True)
class SessionKey:
    """Which transcript. Each part is opaque text of 1 to 4096 bytes: it may hold `:`, `/`, `..` and any Unicode."""

    project_key: str
    session_id: str
    subpath: str | None = None
    """`/`-joined; `None` for the session's main transcript."""


@dataclass(frozen=True)
class Batch:
    """One atomic append: all of it becomes readable, or none."""

    number: int
    """Place in the log, from 1. Never used twice, not even after a delete."""
    kind: str
    """`entries`, `claim` or `tombstone`."""
    writer: str
    """The writer that made it."""
    line: int
    """The number of its first line in that writer's own copy."""
    digest: str
    """Made by the host. Two batches are the same if number and digest are."""
    payload: bytes = field(repr=False)
    """Opaque bytes, to come back exactly as they were; up to 128 MiB."""


@dataclass(frozen=True)
class Position:
    """The last batch of a log."""

    number: int
    digest: str


@dataclass(frozen=True)
class Summary:
    """A session's summary. Of two, the one that reaches further counts."""

    through: int
    """The last batch of the main transcript that is in it."""
    json: str = field(repr=False)
    """Opaque JSON."""


@dataclass(frozen=True)
class Session:
    """A session, as listings show it."""

    session_id: str
    modified: int
    """Unix milliseconds of the last append to the main transcript, by the backend's clock where it has one."""
    last: int
    """The number of the last batch of the main transcript."""
    summary: Summary | None = None


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a listing."""

    items: list[T]
    next: str | None = None
    """The token that gives the page after it; `None` on the last. Only its own adapter reads it."""
