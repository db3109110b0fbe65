"""The session store of the agent's SDK."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, TypeVar

import anyio.to_thread
from anyio.lowlevel import RunVar

from . import _hosts
from .errors import ClosedError, InvalidError

T = TypeVar("T")

_THREADS = 64
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("mirrorbox threads")


async def _blocking(work: Callable[..., T], *arguments: Any, abandon: bool = False) -> T:
    """Runs what blocks on a thread, under asyncio and trio. Others' work never takes these threads."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(_THREADS)
        _limiter.set(limiter)
    return await anyio.to_thread.run_sync(work, *arguments, limiter=limiter, abandon_on_cancel=abandon)


@dataclass(frozen=True)
class Undelivered:
    """What is on local disk and not in every destination yet. False where that is nothing."""

    text: str
    left: list[dict[str, Any]]
    adopting: bool = False

    def __bool__(self) -> bool:
        return bool(self.left) or self.adopting

    def __str__(self) -> str:
        return self.text


def _undelivered(found: dict[str, Any] | None) -> Undelivered:
    if found is None:
        return Undelivered("everything is delivered", [])
    return Undelivered(found["text"], found["left"], found["adopting"])


class SessionStore:
    """Keeps sessions on local disk first, and in every destination of a configuration.

    It has the six methods of the SDK's ``SessionStore``, and works under asyncio and trio, from any thread and loop,
    and in forked processes. Stores of the same directories share one host.

    :param config: the configuration directory; the command's own unless it is named.
    :param state: the state directory; the command's own unless it is named.
    :param while_away: what to answer while no destination can be reached. ``"error"``: what this machine holds whole,
        and :class:`~mirrorbox.errors.AwayError` for everything else. ``"local"``: what this machine does not hold does
        not exist.
    :param append_timeout: so many seconds an append may take. The SDK waits for 60, and its reading stands still.
    """

    def __init__(
        self,
        *,
        config: str | os.PathLike[str] | None = None,
        state: str | os.PathLike[str] | None = None,
        while_away: Literal["error", "local"] = "error",
        append_timeout: float = 50.0,
    ) -> None:
        if while_away not in ("error", "local"):
            raise InvalidError(f'while_away is "error" or "local", and not {while_away!r}')
        self._directories = _hosts.directories(config, state)
        self._answers_from_here = while_away == "local"
        self._append_timeout = append_timeout
        self._is_closed = False
        _hosts.use(self._directories)

    def __repr__(self) -> str:
        where = self._directories
        return f"SessionStore(config={str(where.config)!r}, state={str(where.state)!r})"

    # The SDK's own.

    async def append(self, key: dict[str, str], entries: list[dict[str, Any]]) -> None:
        """Appends entries: they are on local disk when this returns, all or none."""
        if not entries:
            return
        host = self._host()
        call = host.append(_hosts.Append(_parts(key), list(entries)))

        def wait() -> None:
            if call.pending is None and call.failure is None:
                host.open()
            call.wait(self._append_timeout)

        await _blocking(wait)

    async def load(self, key: dict[str, str]) -> list[dict[str, Any]] | None:
        """The entries of a transcript; ``None`` where it was never written."""
        host, parts = self._host(), _parts(key)

        def load() -> list[dict[str, Any]] | None:
            loaded = host.open(self._answers_from_here).load(*parts)
            if loaded is None:
                return None
            entries: list[dict[str, Any]] = []
            while (lines := loaded.next()) is not None:
                entries.extend(_entries(lines))
            return entries

        return await _blocking(load)

    async def list_sessions(self, project_key: str) -> list[dict[str, Any]]:
        """The sessions of a project: ``session_id`` and ``mtime``, in Unix milliseconds."""
        host = self._host()
        listed = await _blocking(lambda: host.open(self._answers_from_here).list_sessions(project_key))
        return [{"session_id": session, "mtime": mtime} for session, mtime in listed]

    async def list_session_summaries(self, project_key: str) -> list[dict[str, Any]]:
        """What is known of each session of a project: ``session_id``, ``mtime`` and ``data``."""
        host = self._host()
        listed = await _blocking(lambda: host.open(self._answers_from_here).list_session_summaries(project_key))
        return [{"session_id": session, "mtime": mtime, "data": json.loads(data)} for session, mtime, data in listed]

    async def delete(self, key: dict[str, str]) -> None:
        """Deletes a session with all that belongs to it, or what one subpath holds."""
        host, parts = self._host(), _parts(key)
        await _blocking(lambda: host.open().delete(*parts))

    async def list_subkeys(self, key: dict[str, str]) -> list[str]:
        """The subpaths of a session."""
        host, (project, session, _) = self._host(), _parts(key)
        return await _blocking(lambda: host.open(self._answers_from_here).list_subkeys(project, session))

    # What the SDK does not ask for.

    async def flush(self, timeout: float = 30.0) -> Undelivered:
        """Delivers what is there now, for so many seconds at most; what remains goes on being delivered."""
        host = self._host()

        def flush() -> Undelivered:
            host.open()
            return _undelivered(json.loads(host.native.flush(timeout)))

        return await _blocking(flush)

    def status(self) -> list[dict[str, Any]]:
        """How every stream is doing at every destination. Opens the store if nobody has yet."""
        host = self._host()
        host.open()
        return json.loads(host.native.status())

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """What must not pass in silence, from now on: ``of``, ``name``, ``text``, and ``destination`` and ``stream``
        where it is about one. Ends when the store is closed."""
        host = self._host()
        await _blocking(host.open)
        events = host.native.events()
        while (event := await _blocking(events.next, abandon=True)) is not None:
            yield json.loads(event)

    def retry(self) -> None:
        """Tries destinations now that wait before the next try: a server is back, a password was changed."""
        host = self._host()
        host.open()
        host.native.retry()

    async def aclose(self, timeout: float = 30.0) -> Undelivered:
        """Ends this store. The last one of its directories delivers for so many seconds at most, and what remains is
        delivered by whichever process comes next."""
        if self._is_closed:
            return _undelivered(None)
        self._is_closed = True
        return _undelivered(await _blocking(_hosts.release, self._directories, timeout))

    async def __aenter__(self) -> SessionStore:
        await _blocking(self._host().open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.aclose()

    def _host(self) -> _hosts.Host:
        if self._is_closed:
            raise ClosedError("the store is closed; make another one")
        return _hosts.host(self._directories)


def _parts(key: dict[str, str]) -> tuple[str, str, str | None]:
    try:
        return key["project_key"], key["session_id"], key.get("subpath")
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidError(f"a key has project_key and session_id: {error!r}") from error


def _entries(lines: bytes) -> list[dict[str, Any]]:
    """Lines as objects; what is no entry is passed over, as the SDK does with files."""
    try:
        texts = lines.decode().split("\n")[:-1]
        entries = json.loads(f"[{','.join(texts)}]")
        if len(entries) == len(texts):
            return entries
    except ValueError:
        pass
    found = []
    for line in lines.split(b"\n")[:-1]:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found
