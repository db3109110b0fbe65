"""What everything has that uses a host of this process."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, TypeVar

import anyio

from . import _hosts, _rows
from ._rows import Undelivered
from ._threads import blocking, read_json
from .errors import ClosedError, InvalidError

Self = TypeVar("Self", bound="User")


class User:
    """Uses the host of a configuration directory and a state directory. Users of the same directories share it: it is
    opened when it is first asked, and closed behind the last of them, or at exit."""

    def __init__(
        self,
        config: str | os.PathLike[str] | None,
        state: str | os.PathLike[str] | None,
        stores: _hosts.Stores | None = None,
        store_timeout: float = 30.0,
    ) -> None:
        self._directories = _hosts.directories(config, state, wants_config=not stores)
        self._is_closed = False
        _hosts.use(self._directories, stores, store_timeout)

    def __repr__(self) -> str:
        where = self._directories
        config = None if where.config is None else str(where.config)
        return f"{type(self).__name__}(config={config!r}, state={str(where.state)!r})"

    async def flush(self, timeout: float = 30.0) -> Undelivered:
        """Delivers what is there now, for so many seconds at most; what remains goes on being delivered."""
        host = self._host()

        def flush() -> Undelivered:
            host.open()
            return _rows.undelivered(json.loads(host.native.flush(timeout)))

        return await blocking(flush)

    def status(self) -> list[dict[str, Any]]:
        """How every stream is doing at every destination. Opens the host if nobody has yet."""
        host = self._host()
        host.open()
        return json.loads(host.native.status())

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """What must not pass in silence, from now on: ``of``, ``name``, ``text``, and ``destination`` and ``stream``
        where it is about one. Ends when the host is closed."""
        host = self._host()
        await blocking(host.open)
        async for event in read_json(host.native.events()):
            yield event

    def retry(self) -> None:
        """Tries destinations now that wait before the next try: a server is back, a password was changed."""
        host = self._host()
        host.open()
        host.native.retry()

    async def aclose(self, timeout: float = 30.0) -> Undelivered:
        """Ends this use of the host. The last one of its directories delivers for so many seconds at most, and what
        remains is delivered by whichever process comes next."""
        if self._is_closed:
            return _rows.undelivered(None)
        self._is_closed = True
        return _rows.undelivered(await blocking(_hosts.release, self._directories, timeout))

    async def __aenter__(self: Self) -> Self:
        await blocking(self._host().open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.aclose()

    def _host(self) -> _hosts.HostPlace:
        if self._is_closed:
            raise ClosedError(f"this {type(self).__name__} is closed; make another one")
        return _hosts.host(self._directories)


def seconds(name: str, value: float) -> float:
    """A time, which is no negative one."""
    if not isinstance(value, (int, float)) or not value >= 0:
        raise InvalidError(f"{name} is a number of seconds, and not {value!r}")
    return value
