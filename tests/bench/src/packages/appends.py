"""Times appends that are awaited one by one: ours, the SDK's kind of store, and a lone write with a sync of the same bytes.

Arguments: memory, redis, postgres or s3; a configuration directory, a state directory, how many rounds. Prints a JSON
object: for each number of entries, for each side the median seconds of every round.
"""
import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path

import mirrorbox
import sdk_stores
from claude_agent_sdk import InMemorySessionStore

CALLS = {1: 40, 10: 40, 500: 8}
"""How many calls a round has, by their entries; its figure is their median."""


def entry(number):
    return {"type": "user", "uuid": f"{number:032x}", "message": {"role": "user", "content": "x" * 1_000}}


class Lone:
    """What the disk takes, without a store."""

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def append(self, key, lines):
        os.write(self.file, lines)
        os.fdatasync(self.file)


async def timed(calls):
    times = []
    for call in calls:
        start = time.perf_counter()
        await call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


async def main(where, config, state, rounds):
    theirs = InMemorySessionStore() if where == "memory" else await sdk_stores.opened(where)
    lone = Lone(Path(state).with_name("lone"))
    found = {}
    async with mirrorbox.SessionStore(config=config, state=state) as ours:
        for size, calls in CALLS.items():
            entries = [entry(number) for number in range(size)]
            lines = "".join(sdk_stores.dumped(entry) + "\n" for entry in entries).encode()
            sides = {"lone": (lone, lines), "theirs": (theirs, entries), "ours": (ours, entries)}
            key = {"project_key": f"appends-{size}", "session_id": "s"}
            found[size] = {side: [] for side in sides}
            # Once before, for what is only made once.
            for number in range(int(rounds) + 1):
                for side, (store, what) in sides.items():
                    took = await timed([lambda: store.append(key, what)] * calls)
                    if number > 0:
                        found[size][side].append(took)
            left = await ours.flush(600)
            assert not left, left
            assert len(await ours.load(key)) == size * calls * (int(rounds) + 1)
    print(json.dumps(found))


asyncio.run(main(*sys.argv[1:]))
