"""Times how the agent's SDK lays a stored session out for its command.

Arguments: sdk, a place and what was written there, RUN/SESSION; or package, a configuration directory, a state directory
and a session. Prints one JSON object.
"""
import asyncio
import json
import os
import sys
import tempfile
import time

import sdk_stores
from claude_agent_sdk import ClaudeAgentOptions
from claude_agent_sdk._internal.session_resume import materialize_resume_session


class OfOneProject:
    """A store whose sessions are all of the working directory's project."""

    def __init__(self, store):
        self.store = store

    async def load(self, key):
        return await self.store.load({**key, "project_key": "project"})


async def main(whose, where, what, session=None):
    if whose == "sdk":
        run, session = what.split("/")
        store = await sdk_stores.opened(where, run)
    else:
        import mirrorbox

        store = mirrorbox.SessionStore(config=where, state=what)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLAUDE_CONFIG_DIR"] = folder
        options = ClaudeAgentOptions(cwd=folder, resume=session, session_store=OfOneProject(store))
        before = sdk_stores.memory("VmRSS:")
        start = time.perf_counter()
        laid_out = await materialize_resume_session(options)
        seconds = time.perf_counter() - start
        risen = sdk_stores.memory("VmHWM:") - before
        files = list(laid_out.config_dir.glob("projects/*/*.jsonl"))
        lines = sum(file.read_bytes().count(b"\n") for file in files)
        await laid_out.cleanup()
    print(json.dumps({"seconds": seconds, "risen_kib": risen, "entries": lines}))


asyncio.run(main(*sys.argv[1:]))
