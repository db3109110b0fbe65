"""Write a storage adapter for Mirrorbox in Python.

Derive a class from `Adapter`, implement its operations, and let `export` make of it what the component exports::

    from mirrorbox_adapter import Adapter, Info, export

    class Mine(Adapter):
        INFO = Info("mine", "0.1.0", listing=True, deletion=True)
        ...

    SessionStore = export(Mine)      # the name that componentize-py looks for

What each operation must do on a retry, on a conflict, after a tombstone and on an empty stream stands in
`wit/deps/adapter/adapter.wit`; the operations here have the same names.

* `Settings`: what the manifest's `[config]` says, typed; a setting that nobody asked for is refused by name.
* `encoding`: parts of a key as names in a backend, so that two keys never share a place.
* `files`: files that are there whole, and durably, or not at all.
* `AdapterError` and its kinds say to the host whether to try again, to wait or to alarm. An `OSError` reaches the host
  as `unavailable` (or `denied`), any other exception as `other`, with its traceback in the host's log.

**Import every module at the top of a file.** What is imported when the component is built is inside it; an `import`
that only runs inside a function finds nothing (`No module named 'ssl'`).
"""

from .adapter import Adapter
from .errors import (
    AdapterError,
    Conflict,
    Corrupt,
    Denied,
    Misconfigured,
    Other,
    Rejected,
    Throttled,
    Unavailable,
    Unsupported,
)
from .export import export
from .settings import Settings
from .types import Batch, Info, Page, Position, Session, SessionKey, Summary

__all__ = [
    "Adapter",
    "AdapterError",
    "Batch",
    "Conflict",
    "Corrupt",
    "Denied",
    "Info",
    "Misconfigured",
    "Other",
    "Page",
    "Position",
    "Rejected",
    "Session",
    "SessionKey",
    "Settings",
    "Summary",
    "Throttled",
    "Unavailable",
    "Unsupported",
    "export",
]
