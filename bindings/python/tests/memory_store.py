"""A store in memory, written in Python, that keeps the contract."""

import time
from dataclasses import dataclass, field

from mirrorbox.stores import Batch, ConflictError, Key, Page, Position, StoredSession, Summary


@dataclass
class Log:
    batches: list[Batch] = field(default_factory=list)
    modified: int = 0
    summary: Summary | None = None

    @property
    def end(self) -> int:
        return self.batches[-1].number if self.batches else 0

    @property
    def is_alive(self) -> bool:
        return bool(self.batches) and self.batches[-1].kind != "tombstone"


class MemoryStore:
    version = "1"

    def __init__(self) -> None:
        self.logs: dict[Key, Log] = {}

    async def append(self, key: Key, batch: Batch, summary: Summary | None) -> None:
        log = self.logs.setdefault(key, Log())
        if not any(stored.number == batch.number and stored.digest == batch.digest for stored in log.batches):
            is_gap = batch.number > log.end + 1 and batch.kind != "tombstone"
            if batch.number <= log.end or is_gap:
                raise ConflictError
            if batch.kind == "tombstone":
                log.batches, log.summary = [], None
            log.batches.append(batch)
            log.modified = int(time.time() * 1000)
        if summary is not None and (log.summary is None or log.summary.through < summary.through):
            log.summary = summary

    async def load(self, key: Key, after: int, max_bytes: int) -> list[Batch]:
        found, size = [], 0
        for batch in self._log(key).batches:
            if batch.number > after and (not found or size < max_bytes):
                found.append(batch)
                size += len(batch.payload)
        return found

    async def end(self, key: Key) -> Position | None:
        log = self._log(key)
        return log.batches[-1].position if log.batches else None

    async def list_subkeys(self, project: str, session: str, token: str | None, limit: int) -> Page[str]:
        alive = [key for key in self._alive() if (key.project, key.session) == (project, session)]
        return page(sorted(key.subpath for key in alive if key.subpath is not None), token, limit)

    async def list_projects(self, token: str | None, limit: int) -> Page[str]:
        return page(sorted({key.project for key in self._alive() if key.subpath is None}), token, limit)

    async def list_sessions(self, project: str, token: str | None, limit: int) -> Page[StoredSession]:
        ids = sorted(key.session for key in self._alive() if key.project == project and key.subpath is None)
        found = page(ids, token, limit)
        return Page([self._session(Key(project, session)) for session in found.items], found.next)

    async def find_session(self, project: str, session: str) -> StoredSession | None:
        key = Key(project, session)
        return self._session(key) if self._log(key).is_alive else None

    async def delete(self, key: Key, tombstone: Batch) -> None:
        await self.append(key, tombstone, None)

    def _log(self, key: Key) -> Log:
        return self.logs.get(key, Log())

    def _alive(self) -> list[Key]:
        return [key for key, log in self.logs.items() if log.is_alive]

    def _session(self, key: Key) -> StoredSession:
        log = self.logs[key]
        return StoredSession(key.session, log.modified, log.end, log.summary)


def page(names: list[str], token: str | None, limit: int) -> Page[str]:
    rest = [name for name in names if token is None or name > token]
    items = rest[:limit]
    return Page(items, items[-1] if len(rest) > limit else None)
