"""Between componentize-py's bindings and `Adapter`."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from . import errors
from .adapter import Adapter
from .settings import Settings
from .types import Batch, Page, Position, Session, SessionKey, Summary

try:
    from componentize_py_types import Err
    from wit_world import exports
    from wit_world.exports import session_store as wit
    from wit_world.imports import store

    _Base: Any = exports.SessionStore
except ImportError:
    # Natively, in tests of an adapter, there are no bindings, and nothing is exported.
    _Base = object

_MOST_MILLISECONDS = 2**32 - 1


def export(adapter: type[Adapter]) -> type:
    """Makes of an adapter the class that componentize-py looks for: `SessionStore = export(Mine)`.

    Each instance of the component holds one adapter, from a successful `open` on. After it was made, settings that
    nobody asked for are refused as by `Settings.finish`.
    """

    class SessionStore(_Base):
        # Of the class: componentize-py makes an object for each call.
        _adapter: Adapter | None = None

        def open(self) -> wit.Info:
            return _guarded(self._open)

        def _open(self) -> wit.Info:
            settings = Settings(dict(_all_settings()))
            opened = adapter(settings)
            settings.finish()
            SessionStore._adapter = opened
            return _info(opened.INFO)

        def append(self, key: wit.SessionKey, batch: wit.Batch, summary: wit.Summary | None) -> None:
            _guarded(lambda: self._opened().append(_key(key), _batch(batch), _summary(summary)))

        def load(self, key: wit.SessionKey, after: int, max_bytes: int) -> list[wit.Batch]:
            return _guarded(lambda: [_to_batch(batch) for batch in self._opened().load(_key(key), after, max_bytes)])

        def end(self, key: wit.SessionKey) -> wit.Position | None:
            return _guarded(lambda: _to_position(self._opened().end(_key(key))))

        def list_subkeys(self, project_key: str, session_id: str, token: str | None, limit: int) -> wit.SubkeyPage:
            page: Page[str] = _guarded(lambda: self._opened().list_subkeys(project_key, session_id, token, limit))
            return wit.SubkeyPage(page.items, page.next)

        def list_projects(self, token: str | None, limit: int) -> wit.ProjectPage:
            page: Page[str] = _guarded(lambda: self._opened().list_projects(token, limit))
            return wit.ProjectPage(page.items, page.next)

        def list_sessions(self, project_key: str, token: str | None, limit: int) -> wit.SessionPage:
            return _guarded(lambda: _to_sessions(self._opened().list_sessions(project_key, token, limit)))

        def find_session(self, project_key: str, session_id: str) -> wit.Session | None:
            return _guarded(lambda: _to_session(self._opened().find_session(project_key, session_id)))

        def delete(self, key: wit.SessionKey, tombstone: wit.Batch) -> None:
            _guarded(lambda: self._opened().delete(_key(key), _batch(tombstone)))

        def compact(self, key: wit.SessionKey, through: int) -> None:
            _guarded(lambda: self._opened().compact(_key(key), through))

        def _opened(self) -> Adapter:
            if self._adapter is None:
                raise errors.Other("the adapter was called before `open` succeeded")
            return self._adapter

    return SessionStore


def _guarded(call: Callable[[], Any]) -> Any:
    """An exception that is not the contract's would be a trap, of which the host learns nothing."""
    try:
        return call()
    except errors.AdapterError as error:
        raise Err(_to_error(error)) from None
    except MemoryError:
        # Nothing can be trusted any more: let the host say how much memory the manifest allows, and start afresh.
        raise
    except PermissionError as error:
        raise Err(wit.Error_Denied(f"{error}; give the user that runs the host access to it")) from None
    except OSError as error:
        # Of a file, a connection or a name: what fails may work later, and the host tries again.
        raise Err(wit.Error_Unavailable(str(error))) from None
    except Exception as error:
        traceback.print_exc()
        raise Err(wit.Error_Other(f"{type(error).__name__}: {error}")) from None


def _to_error(error: errors.AdapterError) -> Any:
    match error:
        case errors.Throttled():
            return wit.Error_Throttled(max(0, min(error.milliseconds, _MOST_MILLISECONDS)))
        case errors.Corrupt():
            return wit.Error_Corrupt(wit.Damage(error.first, error.last, str(error)))
        case errors.Conflict():
            return wit.Error_Conflict()
        case errors.Unsupported():
            return wit.Error_Unsupported()
        case errors.Unavailable():
            return wit.Error_Unavailable(str(error))
        case errors.Denied():
            return wit.Error_Denied(str(error))
        case errors.Misconfigured():
            return wit.Error_Misconfigured(str(error))
        case errors.Rejected():
            return wit.Error_Rejected(str(error))
    return wit.Error_Other(str(error))


def _all_settings() -> list[tuple[str, str]]:
    try:
        return store.get_all()
    except Err as error:
        raise errors.Unavailable(f"the settings cannot be read: {error.value.value}") from None


def _info(info: Any) -> wit.Info:
    can = wit.Capabilities(0)
    for flag in ("listing", "deletion", "compaction"):
        if getattr(info, flag):
            can |= wit.Capabilities[flag.upper()]
    return wit.Info(info.name, info.version, can)


def _key(key: wit.SessionKey) -> SessionKey:
    return SessionKey(key.project_key, key.session_id, key.subpath)


def _batch(batch: wit.Batch) -> Batch:
    kind = batch.kind.name.lower()
    return Batch(batch.number, kind, batch.writer, batch.line, batch.digest, batch.payload)


def _to_batch(batch: Batch) -> wit.Batch:
    kind = wit.Kind[batch.kind.upper()]
    return wit.Batch(batch.number, kind, batch.writer, batch.line, batch.digest, batch.payload)


def _summary(summary: wit.Summary | None) -> Summary | None:
    return None if summary is None else Summary(summary.through, summary.json)


def _to_position(position: Position | None) -> wit.Position | None:
    return None if position is None else wit.Position(position.number, position.digest)


def _to_sessions(page: Page[Session]) -> wit.SessionPage:
    return wit.SessionPage([_to_session(session) for session in page.items], page.next)


def _to_session(session: Session | None) -> wit.Session | None:
    if session is None:
        return None
    summary = session.summary
    stored = None if summary is None else wit.Summary(summary.through, summary.json)
    return wit.Session(session.session_id, session.modified, session.last, stored)
