"""The hosts of this process: one for each pair of directories, opened when it is first needed, closed at exit."""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from . import _command, _native, _store_thread
from .errors import ClosedError, ConfigError, InvalidError
from .stores import Store

EXIT_SECONDS = 10.0
"""So long the end of the process waits for deliveries."""


FORKED = (
    "this process was forked from one whose store was open, and the locks of the threads that it had are held here for "
    "ever; use a store for the first time after the fork (gunicorn without --preload), or start processes with spawn"
)


@dataclass(frozen=True)
class Directories:
    """What a host is opened on."""

    config: Path | None
    """``None``: every destination is a store that is written in Python."""
    state: Path


def directories(config: Any, state: Any, wants_config: bool = True) -> Directories:
    """The directories that the command would use, unless others are named."""
    if config is None and wants_config:
        config = os.environ.get("MIRRORBOX_CONFIG") or _platform("XDG_CONFIG_HOME", ".config")
    if state is None:
        state = _platform("XDG_STATE_HOME", ".local/state")
    # A directory is one, whatever it is called.
    return Directories(None if config is None else Path(config).resolve(), Path(state).resolve())


def _platform(variable: str, default: str) -> Path:
    named = os.environ.get(variable, "")
    if named.startswith("/"):
        return Path(named) / "mirrorbox"
    try:
        return Path.home() / default / "mirrorbox"
    except RuntimeError as error:
        raise ConfigError(f"cannot find your home directory: {error}; pass config= and state=") from error


Stores = dict[str, Store]
"""Stores written in Python, by the names of the destinations that they are."""


@dataclass
class Append:
    """Entries of one call, from when it was made."""

    key: tuple[str, str, str | None]
    entries: list[Any]
    takes_lines: bool = False
    """Whether lines as they are may stand among them."""
    pending: Any = None
    failure: BaseException | None = None

    def begin(self, store: Any) -> None:
        """Takes its place in the order."""
        entries, self.entries = self.entries, []
        try:
            self.pending = store.append(*self.key, entries, self.takes_lines)
        except BaseException as failure:
            self.failure = failure

    def wait(self, seconds: float) -> None:
        """Blocks until it is done."""
        if self.failure is not None:
            raise self.failure
        self.pending.wait(seconds)


@dataclass
class HostPlace:
    """A host, or the place for one."""

    directories: Directories
    users: int = 0
    native: Any = None
    store: Any = None
    """One for all: it remembers what was read, for what is appended behind that."""
    waiting: deque[Append] = field(default_factory=deque)
    stores: Stores = field(default_factory=dict)
    store_timeout: float = 30.0
    numbers: list[int] = field(default_factory=list)
    """Of its stores, on the thread that they run on."""
    is_begun: bool = False

    def append(self, call: Append) -> Append:
        """Gives a call its place in the order. Does not block: what comes before the host is open waits in turn."""
        with _lock:
            if self.store is None:
                self.waiting.append(call)
            else:
                call.begin(self.store)
        return call

    def finish(self, call: Append, seconds: float) -> None:
        """Opens the host if nobody has yet, and waits for a call. Blocks."""
        if call.pending is None and call.failure is None:
            self.open()
        call.wait(seconds)

    def open(self, answer_from_here: bool = False) -> Any:
        """The store, opened by the first that asks, to read from. Blocks."""
        store = self._opened()
        return store.answering_from_here() if answer_from_here else store

    def _opened(self) -> Any:
        with _opening:
            if _is_forked:
                self.fail(ClosedError(FORKED))
            if self.store is not None:
                return self.store
            if _is_ending:
                self.fail(ClosedError("the process is ending: its hosts are closed, and none is opened any more"))
            try:
                native = self._begin()
            except BaseException as failure:
                self.leave_stores()
                self.fail(failure)
            with _lock:
                self.native = native
                store = native.store()
                while self.waiting:
                    self.waiting.popleft().begin(store)
                self.store = store
            _register_exit()
            return self.store

    def _begin(self) -> _native.NativeHost:
        with _lock:
            self.is_begun = True
        where, calls, described = self.directories, None, []
        if self.stores:
            thread = _store_thread.thread()
            calls = thread.calls
            described = [thread.add(name, store) for name, store in self.stores.items()]
            self.numbers = [number for _, number, *_ in described]
        command = _command.bundled()
        return _native.NativeHost(where.config, where.state, command, calls, described, self.store_timeout)

    def leave_stores(self) -> None:
        """Its stores are not asked any more."""
        if self.numbers:
            _store_thread.thread().remove(self.numbers)
            self.numbers = []

    def shares(self, stores: Stores) -> bool:
        """Whether who brings these stores can use it; takes them over where nobody has opened it yet."""
        if not stores or self.stores.keys() == stores.keys() and all(self.stores[n] is stores[n] for n in stores):
            return True
        if self.is_begun or self.stores:
            return False
        self.stores = stores
        return True

    def fail(self, failure: BaseException) -> NoReturn:
        """Nothing that waits for the host to be open will be done."""
        with _lock:
            while self.waiting:
                self.waiting.popleft().failure = failure
        raise failure


# No process is forked while a host is being opened. Taken in this order.
_opening = threading.RLock()
_lock = threading.RLock()
_is_forked = False
_is_ending = False
_hosts: dict[Directories, HostPlace] = {}


def host(where: Directories) -> HostPlace:
    """This process's host of these directories."""
    with _lock:
        return _hosts.setdefault(where, HostPlace(where))


def use(where: Directories, stores: Stores | None = None, store_timeout: float = 30.0) -> None:
    """Somebody uses the host, until he releases it."""
    with _lock:
        known = host(where)
        if not known.shares(stores or {}):
            state = where.state
            raise InvalidError(f"the host of {state} is in use already, without these stores: pass the same, or none")
        if stores:
            known.store_timeout = store_timeout
        known.users += 1


def release(where: Directories, seconds: float) -> dict[str, Any] | None:
    """Delivers, and closes the host behind its last user; what is left undelivered. Blocks."""
    with _lock:
        known = _hosts.get(where)
        if known is None:
            return None
        known.users -= 1
        native = known.native if known.users > 0 else None
        if known.users <= 0:
            del _hosts[where]
    if native is not None:
        return json.loads(native.flush(seconds))
    return close(known, seconds) if known.users <= 0 else None


def close(known: HostPlace, seconds: float) -> dict[str, Any] | None:
    """Ends a host, which delivers for so long. Blocks."""
    with _lock:
        native = known.native
    if native is None:
        return None
    try:
        left = native.close(seconds)
    finally:
        known.leave_stores()
    return None if left is None else json.loads(left)


def _end() -> None:
    """At the end of the process, while threads may go on: another host would deliver beside the one that is closing,
    and nobody would close it."""
    global _is_ending
    # One that is being opened is closed, too.
    with _opening:
        _is_ending = True
    close_all()


def close_all(seconds: float = EXIT_SECONDS) -> None:
    """At the end of the process: everything is delivered, or told of."""
    with _lock:
        known = list(_hosts.values())
        _hosts.clear()
    for host in known:
        try:
            left = close(host, seconds)
        except ClosedError:
            continue
        if left is not None and (left["left"] or left["adopting"]):
            text = f"mirrorbox: {left['text']}; it waits in {host.directories.state}, and `mirrorbox drain` delivers it"
            print(text, file=sys.stderr)
    _store_thread.end()


_exits: set[str] = set()


def _register_exit() -> None:
    if "atexit" not in _exits:
        _exits.add("atexit")
        atexit.register(_end)
    # A process that multiprocessing forked ends without `atexit`.
    processes = sys.modules.get("multiprocessing.util")
    if processes is not None and "multiprocessing" not in _exits:
        import multiprocessing

        if multiprocessing.parent_process() is not None:
            _exits.add("multiprocessing")
            processes.Finalize(None, _end, exitpriority=10)


def _after_fork() -> None:
    """In the new process: the hosts of the one before have no threads here, and their files are its own."""
    global _opening, _lock, _is_forked
    _is_forked = _is_forked or any(known.native for known in _hosts.values())
    _opening, _lock = threading.RLock(), threading.RLock()
    states = [str(os.path.realpath(known.directories.state)) + os.sep for known in _hosts.values() if known.native]
    # They are never dropped here: nothing of them may run.
    _left_alone.extend(_hosts.values())
    before = list(_hosts.items())
    _hosts.clear()
    _store_thread.after_fork()
    _exits.discard("multiprocessing")
    for where, known in before:
        place = HostPlace(where, users=known.users, stores=known.stores, store_timeout=known.store_timeout)
        _hosts[where] = place
    _close_descriptors(states)


_left_alone: list[HostPlace] = []


def _close_descriptors(states: list[str]) -> None:
    """Closes what the process before has open below its state directories: a lock that is held in two processes would
    outlive the first."""
    if not states:
        return
    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return
    for name in names:
        try:
            path = os.readlink(f"/proc/self/fd/{name}") + os.sep
        except OSError:
            continue
        if any(path.startswith(state) for state in states):
            os.close(int(name))


def _before_fork() -> None:
    _opening.acquire()
    _lock.acquire()


def _after_fork_in_parent() -> None:
    _lock.release()
    _opening.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)

