"""What can go wrong. Each class says what to do about it; each message says what happened, and where."""

from __future__ import annotations


class MirrorboxError(Exception):
    """Something did not work. Every other class of this module is one of these."""


class ConfigError(MirrorboxError):
    """The configuration directory cannot be used. Make one with ``mirrorbox init``, or pass ``config=``."""


class StateError(MirrorboxError):
    """The state directory cannot be used. Pass ``state=`` with a directory on a local disk that can be written to."""


class ClosedError(MirrorboxError):
    """The store or host was closed, or belongs to the process that this one was forked from. Make another one."""


class InvalidError(MirrorboxError, ValueError):
    """What was passed is no key, no entry or no option. Nothing of the call was kept; the same call fails again."""


class NotWrittenError(MirrorboxError):
    """Entries, or files that were to be restored, are not on local disk: it is full, fails, or something stands in the
    way. Mend that, then make the same call again."""


class NotDeliveredError(MirrorboxError):
    """Entries are accepted, and did not get to where they are to be in time. They are delivered later: do not send them
    again."""


class NotFoundError(MirrorboxError, LookupError):
    """No session, subagent, message or row that is stored has that name. ``Sessions.list`` says which there are."""


class ReadError(MirrorboxError):
    """What is stored cannot be read, or is damaged: ``mirrorbox verify`` says more."""


class AwayError(ReadError):
    """No destination answers, and this machine does not hold everything. The same call works once one answers."""
