"""What an adapter implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from .errors import Unsupported
from .settings import Settings
from .types import Batch, Info, Page, Position, Session, SessionKey, Summary


class Adapter(ABC):
    """A backend that keeps transcripts.

    An object is used by one call at a time, but it is never alone: other instances, on this host and on others, work on
    the same backend. Whatever must not interleave is decided there. Any call may have been made before, with or without
    its answer having arrived.
    """

    INFO: ClassVar[Info]
    """What this adapter is and can."""

    @abstractmethod
    def __init__(self, settings: Settings) -> None:
        """Reads the settings, reaches the backend once, prepares it and makes sure that it can keep the contract.

        Call `settings.finish()` before anything is prepared: a misspelt setting should not leave a table behind.
        """

    @abstractmethod
    def append(self, key: SessionKey, batch: Batch, summary: Summary | None) -> None:
        """Stores a batch, durably, if its number is free; raises `Conflict` if another batch holds it."""

    @abstractmethod
    def load(self, key: SessionKey, after: int, max_bytes: int) -> list[Batch]:
        """The batches after number `after`, in order, until `max_bytes` of payload are reached; at least one if there is
        any."""

    @abstractmethod
    def end(self, key: SessionKey) -> Position | None:
        """The last batch, or `None` where the key was never written."""

    @abstractmethod
    def list_subkeys(self, project_key: str, session_id: str, token: str | None, limit: int) -> Page[str]:
        """The subpaths of a session that hold more than a tombstone."""

    def list_projects(self, token: str | None, limit: int) -> Page[str]:
        """The projects that have sessions."""
        raise Unsupported

    def list_sessions(self, project_key: str, token: str | None, limit: int) -> Page[Session]:
        """The sessions of a project whose main transcript holds more than a tombstone."""
        raise Unsupported

    def find_session(self, project_key: str, session_id: str) -> Session | None:
        """One session, as `list_sessions` has it."""
        raise Unsupported

    def delete(self, key: SessionKey, tombstone: Batch) -> None:
        """Appends the tombstone, then removes every batch before it, and the summary."""
        raise Unsupported

    def compact(self, key: SessionKey, through: int) -> None:
        """Rewrites the batches up to `through` into fewer, larger objects. Nothing that `load` returns changes."""
        raise Unsupported
