"""Stores written in Python, as destinations of a :class:`~mirrorbox.Host`: for tests, and for backends that no adapter
knows.

``wit/adapter.wit`` in the sources says for each function what a retry, a conflict, a tombstone and an empty log mean;
:func:`mirrorbox.testing.check` tries every rule of it on a store. Every function runs on one asyncio loop of the package's
own, on the thread ``mirrorbox-stores``, whatever the program itself runs under: a store makes its connections there, in its
first call, and must not block that thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from ._rows import Key
from .errors import MirrorboxError

T = TypeVar("T")

__all__ = [
    "Batch",
    "ConflictError",
    "CorruptError",
    "DeniedError",
    "Key",
    "MisconfiguredError",
    "Page",
    "Position",
    "RejectedError",
    "Store",
    "StoreError",
    "StoredSession",
    "Summary",
    "ThrottledError",
    "UnavailableError",
    "UnsupportedError",
]


@dataclass(frozen=True)
class Position:
    """The last batch of a log."""

    number: int
    digest: str


@dataclass(frozen=True)
class Batch:
    """Consecutive entries of one writer: what is stored at once, or not at all. It comes back exactly as it was."""

    number: int
    """Its place in the log, from 1; never used twice, not even after a delete."""
    kind: Literal["entries", "claim", "tombstone"]
    """A tombstone says that everything before was deleted; a claim, that a host takes the log over."""
    writer: str
    line: int
    digest: str
    """64 hex digits, made by the host: two batches with one digest are the same."""
    payload: bytes
    """JSON Lines, each line ended by LF; 128 MiB at most. Empty for a tombstone and a claim."""

    @property
    def position(self) -> Position:
        """Where it stands in its log."""
        return Position(self.number, self.digest)


@dataclass(frozen=True)
class Summary:
    """A session's summary: opaque JSON, and the number of the batch of the main transcript that it reaches to."""

    through: int
    json: str


@dataclass(frozen=True)
class StoredSession:
    """A stored session, as listings show it."""

    session: str
    modified: int
    """Unix milliseconds of the last append to the main transcript."""
    last: int
    """The number of the last batch of the main transcript."""
    summary: Summary | None = None


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a listing."""

    items: list[T]
    next: str | None = None
    """The token of the page after it; ``None`` on the last."""


class Store(Protocol):
    """A backend. Of a class that lacks them, the three functions that list, ``delete`` and ``compact`` are not asked
    for.

    A call that takes too long is cancelled, and counts as one that may still land.
    """

    async def append(self, key: Key, batch: Batch, summary: Summary | None) -> None:
        """Stores a batch if its number is free; succeeds if that very batch is there already, by its digest.
        :class:`ConflictError` where the number is taken by another, lies before the newest tombstone, or would leave a
        hole. The summary replaces the session's if it reaches further."""

    async def load(self, key: Key, after: int, max_bytes: int) -> list[Batch]:
        """The batches after a number, in order, until so many bytes of payload are reached; at least one if there is
        any. Empty for what was never written."""
        ...

    async def end(self, key: Key) -> Position | None:
        """The last batch, a tombstone included; ``None`` where the key was never written."""
        ...

    async def list_subkeys(self, project: str, session: str, token: str | None, limit: int) -> Page[str]:
        """The subpaths of a session that hold more than a tombstone; so many a page at most. A token is a page's
        ``next``."""
        ...

    async def list_projects(self, token: str | None, limit: int) -> Page[str]:
        """The project keys that have sessions. Optional, with the two after it."""
        ...

    async def list_sessions(self, project: str, token: str | None, limit: int) -> Page[StoredSession]:
        """The sessions whose main transcript holds more than a tombstone."""
        ...

    async def find_session(self, project: str, session: str) -> StoredSession | None:
        """One session, as the list shows it."""
        ...

    async def delete(self, key: Key, tombstone: Batch) -> None:
        """Appends the tombstone as ``append`` would, then removes every batch before it, and the summary. Optional."""

    async def compact(self, key: Key, through: int) -> None:
        """Rewrites the batches up to a number into fewer, larger objects. Optional."""


class StoreError(MirrorboxError):
    """What a store says. Every other class here is one of these; any other exception is tried again, and said with its
    text."""

    name = "other"


class UnavailableError(StoreError):
    """The backend could not be reached or did not answer: the host tries again."""

    name = "unavailable"


class ThrottledError(StoreError):
    """The backend asks to wait so many seconds at least."""

    name = "throttled"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


class DeniedError(StoreError):
    """Credentials or permissions."""

    name = "denied"


class MisconfiguredError(StoreError):
    """The settings are unusable, or the backend cannot keep the contract."""

    name = "misconfigured"


class ConflictError(StoreError):
    """The number is taken by another batch, lies before the newest tombstone, or would leave a hole."""

    name = "conflict"


class RejectedError(StoreError):
    """This payload will never be accepted."""

    name = "rejected"


class CorruptError(StoreError):
    """The batches from a number to another cannot be read back as they were written."""

    name = "corrupt"

    def __init__(self, first: int, last: int, reason: str) -> None:
        super().__init__(reason)
        self.first, self.last = first, last


class UnsupportedError(StoreError):
    """This store has no such operation."""

    name = "unsupported"
