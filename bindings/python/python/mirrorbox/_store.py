"""The session store of the agent's SDK."""

from __future__ import annotations

import json
import os
from typing import Any, Literal

from . import _hosts
from ._threads import blocking
from ._user import User
from .errors import InvalidError


class SessionStore(User):
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
        self._answers_from_here = while_away == "local"
        self._append_timeout = append_timeout
        super().__init__(config, state)

    async def append(self, key: dict[str, str], entries: list[dict[str, Any]]) -> None:
        """Appends entries: they are on local disk when this returns, all or none."""
        if not entries:
            return
        host = self._host()
        call = host.append(_hosts.Append(_parts(key), list(entries)))
        await blocking(host.finish, call, self._append_timeout)

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

        return await blocking(load)

    async def list_sessions(self, project_key: str) -> list[dict[str, Any]]:
        """The sessions of a project: ``session_id`` and ``mtime``, in Unix milliseconds."""
        host = self._host()
        listed = await blocking(lambda: host.open(self._answers_from_here).list_sessions(project_key))
        return [{"session_id": session, "mtime": mtime} for session, mtime in listed]

    async def list_session_summaries(self, project_key: str) -> list[dict[str, Any]]:
        """What is known of each session of a project: ``session_id``, ``mtime`` and ``data``."""
        host = self._host()
        listed = await blocking(lambda: host.open(self._answers_from_here).list_session_summaries(project_key))
        return [{"session_id": session, "mtime": mtime, "data": json.loads(data)} for session, mtime, data in listed]

    async def delete(self, key: dict[str, str]) -> None:
        """Deletes a session with all that belongs to it, or what one subpath holds."""
        host, parts = self._host(), _parts(key)
        await blocking(lambda: host.open().delete(*parts))

    async def list_subkeys(self, key: dict[str, str]) -> list[str]:
        """The subpaths of a session."""
        host, (project, session, _) = self._host(), _parts(key)
        return await blocking(lambda: host.open(self._answers_from_here).list_subkeys(project, session))


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
