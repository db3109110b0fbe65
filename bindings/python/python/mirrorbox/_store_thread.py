"""The thread on which stores written in Python run: one asyncio loop for all stores of the process."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from . import _native, stores
from ._rows import Key
from .errors import InvalidError
from .stores import Batch, Page, Position, Store, StoredSession, StoreError, Summary

END_SECONDS = 1.0
"""So long the end of the process waits for what stores are doing then."""

NEEDED = ("append", "load", "end", "list_subkeys")
LISTING = ("list_projects", "list_sessions", "find_session")

ARGUMENTS = {
    "append": ("key", "batch", "summary"),
    "load": ("key", "after", "max_bytes"),
    "end": ("key",),
    "list_subkeys": ("project", "session", "token", "limit"),
    "list_projects": ("token", "limit"),
    "list_sessions": ("project", "token", "limit"),
    "find_session": ("project", "session"),
    "delete": ("key", "tombstone"),
    "compact": ("key", "through"),
}
"""By place: a store may call them as it likes."""

Described = tuple[str, int, str, str, bool, bool, bool]


class StoreThread:
    """Takes the host's calls and has stores answer them."""

    def __init__(self) -> None:
        self.calls = _native.NativeCalls()
        self._stores: dict[int, Store] = {}
        self._numbers = itertools.count(1)
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="mirrorbox-stores", daemon=True)
        self._thread.start()

    def add(self, name: str, store: Store) -> Described:
        """Gives a store a number, and says what it can."""
        number = next(self._numbers)
        self._stores[number] = store
        version = str(getattr(store, "version", ""))
        lists, deletes, compacts = (_has(store, names) for names in (LISTING, ("delete",), ("compact",)))
        return name, number, type(store).__name__, version, lists, deletes, compacts

    def remove(self, numbers: Iterable[int]) -> None:
        """Stores whose host is closed."""
        for number in numbers:
            self._stores.pop(number, None)

    def end(self) -> None:
        """No store is asked any more; what is under way is cancelled. One that hangs is left alone."""
        self.calls.end()
        try:
            self._loop.call_soon_threadsafe(self._loop.stop)
        except RuntimeError:
            return
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.add_reader(self.calls.fileno(), self._take)
        try:
            self._loop.run_forever()
        finally:
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            if tasks:
                self._loop.run_until_complete(asyncio.wait(tasks, timeout=END_SECONDS / 2))
            self._loop.close()

    def _take(self) -> None:
        calls, given_up = self.calls.take()
        for call in calls:
            task = self._loop.create_task(self._answer(call))
            self._under_way[call.number] = task
            task.add_done_callback(lambda _, number=call.number: self._under_way.pop(number, None))
        for number in given_up:
            if number in self._under_way:
                self._under_way[number].cancel()

    async def _answer(self, call: Any) -> None:
        try:
            given = await _asked(self._stores[call.store], call)
        except BaseException as error:
            # Nothing that a store does ends the thread that others need.
            call.fail(_said(error))
            return
        try:
            call.answer(*_printed(call.name, given))
        except Exception as error:
            call.fail(_contract(f"{call.name} gave {type(given).__name__}: {error!r}"))


def _has(store: Store, names: Iterable[str]) -> bool:
    return all(callable(getattr(store, name, None)) for name in names)


async def _asked(store: Store, call: Any) -> Any:
    text, payload = call.arguments()
    arguments = json.loads(text)
    if "key" in arguments:
        arguments["key"] = Key(**arguments["key"])
    for name in ("batch", "tombstone"):
        if name in arguments:
            arguments[name] = Batch(**arguments[name], payload=payload or b"")
    if arguments.get("summary") is not None:
        arguments["summary"] = Summary(**arguments["summary"])
    function = getattr(store, call.name, None)
    if function is None:
        raise stores.UnsupportedError(call.name)
    return await function(*(arguments[name] for name in ARGUMENTS[call.name]))


def _printed(name: str, given: Any) -> tuple[str, list[bytes]]:
    """What a store gave, as JSON and payloads."""
    payloads: list[bytes] = []
    if name == "load":
        payloads = [bytes(batch.payload) for batch in given]
        found: Any = [_head(batch) for batch in given]
    elif name == "end":
        found = None if given is None else _position(given)
    elif name == "find_session":
        found = None if given is None else _session(given)
    elif name == "list_sessions":
        found = {"items": [_session(row) for row in given.items], "next": given.next}
    elif name in ("list_subkeys", "list_projects"):
        found = _page(given)
    else:
        found = given
    return json.dumps(found), payloads


def _head(batch: Batch) -> dict[str, Any]:
    kind, digest = batch.kind, batch.digest
    return {"number": batch.number, "kind": kind, "writer": batch.writer, "line": batch.line, "digest": digest}


def _position(position: Position) -> dict[str, Any]:
    return {"number": position.number, "digest": position.digest}


def _page(page: Page[str]) -> dict[str, Any]:
    return {"items": list(page.items), "next": page.next}


def _session(row: StoredSession) -> dict[str, Any]:
    summary = None if row.summary is None else {"through": row.summary.through, "json": row.summary.json}
    return {"session": row.session, "modified": row.modified, "last": row.last, "summary": summary}


def _said(error: BaseException) -> str:
    """An exception as an error of the contract."""
    if isinstance(error, stores.ThrottledError):
        return json.dumps({"error": error.name, "seconds": error.seconds})
    if isinstance(error, stores.CorruptError):
        return json.dumps({"error": error.name, "text": str(error), "first": error.first, "last": error.last})
    if isinstance(error, StoreError):
        return json.dumps({"error": error.name, "text": str(error)})
    if isinstance(error, asyncio.CancelledError):
        return json.dumps({"error": "unavailable", "text": "the call was cancelled"})
    return json.dumps({"error": "other", "text": f"{type(error).__name__}: {error}"})


def _contract(text: str) -> str:
    return json.dumps({"error": "contract", "text": text})


def checked(found: Mapping[str, Store]) -> dict[str, Store]:
    """Stores by the names of destinations; what is no store is refused."""
    if not isinstance(found, Mapping):
        raise InvalidError(f"stores are a dict from names to stores, and not of the class {type(found).__name__}")
    for name, store in found.items():
        lacks = [needed for needed in NEEDED if not callable(getattr(store, needed, None))]
        if lacks or isinstance(store, type) or not isinstance(name, str):
            needed = ", ".join(lacks or NEEDED)
            raise InvalidError(f"{store!r}, under the name {name!r}, is no store: one has async {needed}")
    return dict(found)


_lock = threading.Lock()
_thread: StoreThread | None = None
_left_alone: list[StoreThread] = []


def thread() -> StoreThread:
    """The thread of this process, started by the first that needs it."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = StoreThread()
        return _thread


def end() -> None:
    """At the end of the process, once every host is closed."""
    global _thread
    with _lock:
        ending, _thread = _thread, None
    if ending is not None:
        ending.end()


def after_fork() -> None:
    """In the new process, which has no such thread: its loop is never touched here, nor dropped."""
    global _lock, _thread
    _lock = threading.Lock()
    if _thread is not None:
        _left_alone.append(_thread)
        _thread = None
