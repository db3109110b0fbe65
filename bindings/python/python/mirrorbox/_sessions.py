"""The stored sessions of a project."""

from __future__ import annotations

import builtins
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, TypeVar

from . import _rows
from ._rows import Forked, Message, News, Restored, SessionRow, Subagent
from ._threads import blocking, read, read_json
from ._user import User

T = TypeVar("T")


class Sessions:
    """The stored sessions of a project.

    What is read comes from the first destination that answers and knows the session, as it is stored there: flush
    before, and what this host appended is part of it. What is added goes into the spool, as any entry does, and from
    there to every destination; ``Host.flush`` waits for that. Every call waits until each destination is open, or
    cannot be opened.
    """

    def __init__(self, of: User, project: str) -> None:
        self._of = of
        self._project = project

    def __repr__(self) -> str:
        return f"Sessions({self._project!r})"

    @property
    def project(self) -> str:
        """Which project."""
        return self._project

    async def list(self, *, shown_only: bool = False, offset: int = 0, limit: int | None = None) -> builtins.list[SessionRow]:
        """The sessions, newest first: so many are passed over, and so many listed at most; with ``shown_only`` those
        that have something to show, no side chains."""
        found = json.loads(await self._ask(lambda sessions: sessions.list(shown_only, offset, limit)))
        return [_rows.session_row(row) for row in found]

    async def info(self, session: str) -> SessionRow | None:
        """What a list shows of one session; ``None`` where it is not stored."""
        found = json.loads(await self._ask(lambda sessions: sessions.info(session)))
        return None if found is None else _rows.session_row(found)

    async def subagents(self, session: str) -> builtins.list[Subagent]:
        """The subagents of a session."""
        found = json.loads(await self._ask(lambda sessions: sessions.subagents(session)))
        return [_rows.subagent(row) for row in found]

    async def messages(self, session: str) -> AsyncIterator[Message]:
        """The conversation of a session as it stands, one message after the other; memory stays flat."""
        async for message in self._read(session, None):
            yield message

    async def subagent_messages(self, session: str, agent: str) -> AsyncIterator[Message]:
        """The conversation of a subagent."""
        async for message in self._read(session, agent):
            yield message

    async def follow(self, session: str, subpath: str | None = None) -> AsyncIterator[News]:
        """What happens to a stored transcript as it reaches a destination, from any machine: from its last batch on,
        which comes first. Ends when the host is closed."""
        reading = await self._ask(lambda sessions: sessions.follow(session, subpath))
        async for name, text, line in read(reading):
            yield News(name, text, line)

    async def rename(self, session: str, title: str) -> None:
        """Gives a session a title. White space around it goes."""
        await self._ask(lambda sessions: sessions.rename(session, title))

    async def tag(self, session: str, tag: str | None) -> None:
        """Tags a session, or takes its tag away."""
        await self._ask(lambda sessions: sessions.tag(session, tag))

    async def fork(self, session: str, *, through: str | None = None, title: str | None = None) -> Forked:
        """Begins a new session with what a session holds: up to the message with a uuid, itself included; under its own
        title with ``(fork)`` behind it unless one is given. Subagents stay where they are."""
        return _rows.forked(json.loads(await self._ask(lambda sessions: sessions.fork(session, through, title))))

    async def delete(self, session: str) -> None:
        """Deletes a session at every destination, now or as soon as each can be reached."""
        await self._ask(lambda sessions: sessions.delete(session))

    async def restore(
        self,
        session: str,
        into: str | os.PathLike[str],
        *,
        folder: str | None = None,
        through: str | None = None,
        at: datetime | float | None = None,
    ) -> Restored:
        """Writes a session out as the agent's files, below a configuration directory from which the agent resumes.
        Nothing there is replaced.

        :param folder: the folder below ``projects``; the project's own unless it is named.
        :param through: it ends behind the first row with this uuid.
        :param at: it ends before rows that are younger than this time, a ``datetime`` or Unix seconds.
        """
        until = at.timestamp() if isinstance(at, datetime) else at
        found = await self._ask(lambda sessions: sessions.restore(session, into, folder, through, until))
        return _rows.restored(json.loads(found))

    async def _read(self, session: str, agent: str | None) -> AsyncIterator[Message]:
        reading = await self._ask(lambda sessions: sessions.messages(session, agent))
        async for found in read_json(reading):
            yield Message(**found)

    async def _ask(self, question: Callable[[Any], T]) -> T:
        host = self._of._host()

        def ask() -> T:
            host.open()
            return question(host.native.sessions(self._project))

        return await blocking(ask)
