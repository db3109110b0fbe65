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

from . import _command, _native
from .errors import ClosedError, ConfigError

EXIT_SECONDS = 10.0
"""So long the end of the process waits for deliveries."""


FORKED = (
    "this process was forked from one whose store was open, and the locks of the threads that it had are held here for "
    "ever; use a store for the first time after the fork (gunicorn without --preload), or start processes with spawn"
)


@dataclass(frozen=True)
class Directories:
    """What a host is opened on."""

    config: Path
    state: Path


def directories(config: Any, state: Any) -> Directories:
    """The directories that the command would use, unless others are named."""
    if config is None:
        config = os.environ.get("MIRRORBOX_CONFIG") or _platform("XDG_CONFIG_HOME", ".config")
    if state is None:
        state = _platform("XDG_STATE_HOME", ".local/state")
    # A directory is one, whatever it is called.
    return Directories(Path(config).resolve(), Path(state).resolve())


def _platform(variable: str, default: str) -> Path:
    named = os.environ.get(variable, "")
    if named.startswith("/"):
        return Path(named) / "mirrorbox"
    try:
        return Path.home() / default / "mirrorbox"
    except RuntimeError as error:
        raise ConfigError(f"cannot find your home directory: {error}; pass config= and state=") from error


@dataclass
class Append:
    """Entries of one call, from when it was made."""

    key: tuple[str, str, str | None]
    entries: list[Any]
    pending: Any = None
    failure: BaseException | None = None

    def begin(self, store: Any) -> None:
        """Takes its place in the order."""
        entries, self.entries = self.entries, []
        try:
            self.pending = store.append(*self.key, entries)
        except BaseException as failure:
            self.failure = failure

    def wait(self, seconds: float) -> None:
        """Blocks until it is done."""
        if self.failure is not None:
            raise self.failure
        self.pending.wait(seconds)


@dataclass
class Host:
    """A host, or the place for one."""

    directories: Directories
    users: int = 0
    native: Any = None
    store: Any = None
    """One for all: it remembers what was read, for what is appended behind that."""
    waiting: deque[Append] = field(default_factory=deque)

    def append(self, call: Append) -> Append:
        """Gives a call its place in the order. Does not block: what comes before the host is open waits in turn."""
        with _lock:
            if self.store is None:
                self.waiting.append(call)
            else:
                call.begin(self.store)
        return call

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
            where = self.directories
            try:
                native = _native.NativeHost(where.config, where.state, _command.bundled())
            except BaseException as failure:
                self.fail(failure)
            with _lock:
                self.native = native
                store = native.store()
                while self.waiting:
                    self.waiting.popleft().begin(store)
                self.store = store
            _register_exit()
            return self.store

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
_hosts: dict[Directories, Host] = {}


def host(where: Directories) -> Host:
    """This process's host of these directories."""
    with _lock:
        return _hosts.setdefault(where, Host(where))


def use(where: Directories) -> None:
    """Somebody uses the host, until he releases it."""
    with _lock:
        host(where).users += 1


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


def close(known: Host, seconds: float) -> dict[str, Any] | None:
    """Ends a host, which delivers for so long. Blocks."""
    with _lock:
        native = known.native
    if native is None:
        return None
    left = native.close(seconds)
    return None if left is None else json.loads(left)


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


_exits: set[str] = set()


def _register_exit() -> None:
    if "atexit" not in _exits:
        _exits.add("atexit")
        atexit.register(close_all)
    # A process that multiprocessing forked ends without `atexit`.
    processes = sys.modules.get("multiprocessing.util")
    if processes is not None and "multiprocessing" not in _exits:
        import multiprocessing

        if multiprocessing.parent_process() is not None:
            _exits.add("multiprocessing")
            processes.Finalize(None, close_all, exitpriority=10)


def _after_fork() -> None:
    """In the new process: the hosts of the one before have no threads here, and their files are its own."""
    global _opening, _lock, _is_forked
    _is_forked = _is_forked or any(known.native for known in _hosts.values())
    _opening, _lock = threading.RLock(), threading.RLock()
    states = [str(os.path.realpath(known.directories.state)) + os.sep for known in _hosts.values() if known.native]
    # They are never dropped here: nothing of them may run.
    _left_alone.extend(_hosts.values())
    users = {where: known.users for where, known in _hosts.items()}
    _hosts.clear()
    _exits.discard("multiprocessing")
    for where, count in users.items():
        _hosts[where] = Host(where, users=count)
    _close_descriptors(states)


_left_alone: list[Host] = []


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

