"""Whether a store written in Python keeps the contract, rule by rule."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from . import _native, _store_thread
from ._threads import blocking
from .stores import Store

__all__ = ["Check", "Report", "check"]


@dataclass(frozen=True)
class Check:
    """What came of one check."""

    name: str
    rule: str
    """The sentence of the contract."""
    outcome: Literal["passed", "failed", "warned", "skipped"]
    reason: str | None = None
    """What the store did instead, or why it was passed over."""
    call: dict[str, Any] | None = None
    """Of a failure, the call that showed it: ``function``, ``key`` and ``said``."""


@dataclass(frozen=True)
class Report:
    """What came of every check. ``str`` gives a line for each rule that is broken."""

    text: str
    passed: bool
    detects_gaps: bool
    """Whether an append that would leave a hole is a conflict. A store that cannot tell need not."""
    seed: int
    checks: list[Check]

    def __str__(self) -> str:
        return self.text


async def check(
    store: Store,
    other: Store | None = None,
    *,
    long: bool = False,
    seed: int | None = None,
    filter: str = "",
    timeout: float = 30.0,
) -> Report:
    """Tries every rule of the contract on a store, under project keys that nobody used before.

    :param other: another one on the same backend, as another machine would have it; else races prove less.
    :param long: sizes and numbers that find more; takes minutes.
    :param seed: what random keys and payloads are made from; another each time unless it is given.
    :param filter: only the checks whose names contain this.
    :param timeout: so many seconds a call may take.
    """
    thread = _store_thread.thread()
    named = _store_thread.checked({"ours": store, "theirs": store if other is None else other})
    ours, theirs = (thread.add(name, named[name]) for name in ("ours", "theirs"))

    def run() -> str:
        return _native.check(thread.calls, ours, theirs, timeout, long, seed, filter)

    try:
        found = json.loads(await blocking(run))
    finally:
        thread.remove([ours[1], theirs[1]])
    checks = [Check(**row) for row in found.pop("checks")]
    return Report(**found, checks=checks)
