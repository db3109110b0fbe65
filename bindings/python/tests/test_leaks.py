"""What is used again and again takes no more memory than before."""

import os
from pathlib import Path

import anyio
from support import place

KEY = {"project_key": "p", "session_id": "s"}
LOADS = 100_000 if "MIRRORBOX_SOAK" in os.environ else 3_000
"""In the long form, as many as a process of months makes."""


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

            # Until every thread and cache is there.
            await load(max(LOADS // 4, 1_000))
            before = resident()
            await load(LOADS)
            after = resident()
            print(f"{LOADS} loads: resident memory {after / before:.3f} times what it was")
            assert after <= before * 1.05, (before, after)

    anyio.run(run)
