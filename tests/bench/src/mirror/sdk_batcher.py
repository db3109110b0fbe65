"""Times the agent SDK's own batcher in front of a store that takes everything and keeps nothing.

The argument is a file of frames, `{"session":…,"entries":[…]}` a line; prints one JSON object.
"""
import asyncio
import json
import sys
import time

from claude_agent_sdk import SessionStore
from claude_agent_sdk._internal.transcript_mirror_batcher import TranscriptMirrorBatcher


class Nothing(SessionStore):
    async def append(self, key, entries):
        pass

    async def load(self, key):
        return None


async def complain(key, message):
    sys.exit(f"dropped a batch of {key}: {message}")


async def main(path):
    with open(path, encoding="utf-8", newline="\n") as file:
        frames = [json.loads(line) for line in file]
    batchers = {}
    start = time.perf_counter()
    for number, frame in enumerate(frames):
        session = frame["session"]
        if session not in batchers:
            batchers[session] = TranscriptMirrorBatcher(store=Nothing(), projects_dir="/p", on_error=complain)
        batchers[session].enqueue(f"/p/project/{session}.jsonl", frame["entries"])
        if number % 64 == 63:
            # As a reader of a pipe does: others get their turn.
            await asyncio.sleep(0)
    for batcher in batchers.values():
        await batcher.close()
    seconds = time.perf_counter() - start
    # `ru_maxrss` will not do: it begins at what the parent had.
    with open("/proc/self/status") as status:
        peak = next(int(text.split()[1]) for text in status if text.startswith("VmHWM:"))
    print(json.dumps({"seconds": seconds, "peak_kib": peak}))


asyncio.run(main(sys.argv[1]))
