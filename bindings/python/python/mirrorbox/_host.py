"""The host, for programs that write transcripts themselves."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from . import _hosts, _rows, _store_thread
from ._rows import Key, Undelivered
from ._sessions import Sessions
from ._threads import blocking
from ._user import User, seconds
from .stores import Store

Line = dict[str, Any] | str | bytes
"""An entry: an object, printed as the agent's command prints it; or its line without an LF, kept as it is."""


class Host(User):
    """Keeps transcripts on local disk first, and mirrors them to every destination of a configuration.

    It is for programs that run an agent themselves, without the agent's SDK. It works under asyncio and trio, from any
    thread and loop, and in forked processes. A :class:`~mirrorbox.SessionStore` of the same directories shares it.

    :param config: the configuration directory; the command's own unless it is named, and none where there are stores.
    :param state: the state directory; the command's own unless it is named.
    :param stores: destinations written in Python (:mod:`mirrorbox.stores`), by name, beside those of the configuration.
    :param store_timeout: so many seconds a call of these stores may take.
    """

    def __init__(
        self,
        *,
        config: str | os.PathLike[str] | None = None,
        state: str | os.PathLike[str] | None = None,
        stores: Mapping[str, Store] | None = None,
        store_timeout: float = 30.0,
    ) -> None:
        named = _store_thread.checked(stores or {})
        super().__init__(config, state, named, seconds("store_timeout", store_timeout))

    @property
    def writer(self) -> str:
        """This process's identity in the origin of what it stores. Opens the host if nobody has yet."""
        host = self._host()
        host.open()
        return host.native.writer

    def transcript(self, project: str, session: str, subpath: str | None = None) -> Transcript:
        """A transcript to append to: the main one of a session, or with a subpath another one of it."""
        return Transcript(self, Key(project, session, subpath))

    def sessions(self, project: str) -> Sessions:
        """The stored sessions of a project: to list, to read, to rename, to fork and so on."""
        return Sessions(self, project)

    async def delete(self, project: str, session: str) -> None:
        """Deletes a session at every destination, now or as soon as each can be reached, however often this machine is
        started again meanwhile. What is appended from now on begins it anew."""
        host = self._host()

        def delete() -> None:
            host.open()
            host.native.delete(project, session)

        await blocking(delete)


class Transcript:
    """A transcript of this process's: what is appended is on local disk before the answer, and on its way after it."""

    def __init__(self, of: User, key: Key) -> None:
        self._of = of
        self._key = key

    def __repr__(self) -> str:
        return f"Transcript({self._key!r})"

    @property
    def key(self) -> Key:
        """Which transcript."""
        return self._key

    async def append(self, lines: Sequence[Line], timeout: float = 60.0) -> None:
        """Appends entries, all or none. They are on local disk when this returns, or, with ``acknowledge = "remote"``,
        in every destination; :class:`~mirrorbox.NotDeliveredError` where that takes longer than so many seconds. Calls
        for one transcript are written in the order in which they were made."""
        most, host, key = seconds("timeout", timeout), self._of._host(), self._key
        if not lines:
            return
        call = host.append(_hosts.Append((key.project, key.session, key.subpath), list(lines), takes_lines=True))
        await blocking(host.finish, call, most)

    def turn_ended(self) -> None:
        """The end of a turn: what waits for more, of all of the session, is delivered now. Does not wait for it."""
        store = self._of._host().store
        # Nothing waits where nothing was appended.
        if store is not None:
            store.turn_ended(self._key.project, self._key.session)

    async def flush(self, timeout: float = 30.0) -> Undelivered:
        """Delivers what is there now, of all of the session, for so many seconds at most; what remains goes on being
        delivered."""
        host, key = self._of._host(), self._key

        def flush() -> Undelivered:
            host.open()
            return _rows.undelivered(json.loads(host.native.flush_session(key.project, key.session, timeout)))

        return await blocking(flush)
