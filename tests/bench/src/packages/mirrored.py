"""Times the agent SDK's own batcher in front of the package's store.

Arguments: batched or eager; a configuration directory, a state directory, a file of frames, a project. Prints one JSON object: the
seconds until every append was answered, and until everything was delivered.
"""
import asyncio
import json
import sys
import time

import mirrorbox
import sdk_stores


async def main(mode, config, state, path, project):
    frames = sdk_stores.frames_of(path)
    limits = sdk_stores.EAGER if mode == "eager" else {}
    async with mirrorbox.SessionStore(config=config, state=state) as store:
        answered, sessions = await sdk_stores.mirror(store, frames, limits, project)
        start = time.perf_counter()
        left = await store.flush(600)
        delivered = answered + time.perf_counter() - start
        assert not left, left
        stored = [len(await store.load({"project_key": project, "session_id": session})) for session in sessions]
    lost = sum(len(entries) for _, entries in frames) - sum(stored)
    print(json.dumps({"answered": answered, "delivered": delivered, "lost": lost, "session": sessions[0]}))


asyncio.run(main(*sys.argv[1:]))
