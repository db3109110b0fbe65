"""What is used again and again takes no more memory than before."""

import os
from pathlib import Path

import anyio
from support import place

KEY = {"project_key": "p", "session_id": "s"}
IS_LONG = "MIRRORBOX_SOAK" in os.environ
BEFORE, WINDOWS, LOADS = (25_000, 1, 100_000) if IS_LONG else (1_000, 3, 1_500)
"""In the long form, as many as a process of months makes; before, until every thread and cache is there."""


def resident() -> int:
    """Resident memory, in pages."""
    return int(Path("/proc/self/statm").read_text().split()[1])


def test_loads(tmp_path):
    where = place(tmp_path)

    async def run():
        async with where.open() as store:
            await store.append(KEY, [{"type": "user", "n": n, "text": "x" * 200} for n in range(50)])
            await store.flush(60)

            async def load(count: int) -> None:
                for _ in range(count):
                    assert len(await store.load(KEY)) == 50

            await load(BEFORE)
            # What leaks rises in every window; what grows once, in one of them.
            rises = []
            for _ in range(WINDOWS):
                before = resident()
                await load(LOADS)
                rises.append(resident() / before)
            print(f"{LOADS} loads: resident memory {rises} times what it was")
            assert min(rises) <= (1.05 if IS_LONG else 1.01), rises

    anyio.run(run)
