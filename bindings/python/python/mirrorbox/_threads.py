"""Waiting for what blocks, under asyncio and trio."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import anyio.to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")

_THREADS = 64
"""Others' work never takes these threads, and this work none of theirs."""

_limiter: RunVar[anyio.CapacityLimiter] = RunVar("mirrorbox threads")
_readers: RunVar[anyio.CapacityLimiter] = RunVar("mirrorbox readers")


async def blocking(work: Callable[..., T], *arguments: Any) -> T:
    """Runs what blocks on a thread. It is waited for even where the caller is cancelled."""
    return await anyio.to_thread.run_sync(work, *arguments, limiter=_of_loop(_limiter, _THREADS))


async def read(reading: Any) -> AsyncIterator[Any]:
    """What comes of something that is read while it is taken. Who stops in between frees the thread that waits."""
    try:
        # Each may wait for as long as nothing happens, so that none must wait for another's thread.
        limiter = _of_loop(_readers, float("inf"))
        while items := await anyio.to_thread.run_sync(reading.next, limiter=limiter, abandon_on_cancel=True):
            for item in items:
                yield item
    finally:
        reading.close()


async def read_json(reading: Any) -> AsyncIterator[dict[str, Any]]:
    """Likewise, of what is JSON."""
    async for item in read(reading):
        yield json.loads(item)


def _of_loop(variable: RunVar[anyio.CapacityLimiter], most: float) -> anyio.CapacityLimiter:
    try:
        return variable.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(most)
        variable.set(limiter)
        return limiter
