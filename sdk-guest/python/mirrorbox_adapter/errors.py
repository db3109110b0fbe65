"""Why an adapter did not do what it was asked. The kind decides what the host does next.

Texts are read by people, in a log or on a terminal: say what, where and what to do. They must hold no secret and
nothing of a payload.
"""

from __future__ import annotations


class AdapterError(Exception):
    """Any of the contract's errors."""


class Unavailable(AdapterError):
    """The backend could not be reached or did not answer: the host tries again, soon."""


class Throttled(AdapterError):
    """The backend asks for less: the host waits this many milliseconds at least. A `delete` whose tombstone stands and
    that has more to remove raises it with 0: the host makes the same call again at once."""

    def __init__(self, milliseconds: int) -> None:
        super().__init__(f"wait {milliseconds} ms")
        self.milliseconds = milliseconds


class Denied(AdapterError):
    """Credentials or permissions: the host alarms, and tries again from time to time."""


class Misconfigured(AdapterError):
    """The settings are unusable, or the backend cannot keep the contract."""


class Conflict(AdapterError):
    """The number is taken by another batch, or lies before the newest tombstone."""


class Rejected(AdapterError):
    """This payload will never be accepted."""


class Corrupt(AdapterError):
    """What is stored cannot be read back as it was written: batches `first` to `last`, as far as that is known."""

    def __init__(self, first: int, last: int, reason: str) -> None:
        super().__init__(reason)
        self.first = first
        self.last = last


class Unsupported(AdapterError):
    """This adapter has no such operation."""


class Other(AdapterError):
    """Anything else: the host tries again and alarms."""
