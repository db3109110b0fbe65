"""Times whole questions to the agent's real command through its SDK: with no store, and with the package's.

Arguments: a configuration directory, a folder for everything else, how many rounds. Prints a JSON object: for each side
the seconds of every round.
"""
import asyncio
import json
import sys
import time
from pathlib import Path

import mirrorbox
from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, query


async def timed(options):
    start = time.perf_counter()
    answers = [message async for message in query(prompt="Remember PINEAPPLE-42", options=options)]
    seconds = time.perf_counter() - start
    assert any(isinstance(message, ResultMessage) and not message.is_error for message in answers), answers
    return seconds


async def main(config, folder, rounds):
    folder = Path(folder)
    found = {"without": [], "durable": [], "wrapped": []}
    # Once before: the command lays out a home of its own.
    for number in range(int(rounds) + 1):
        for side, times in found.items():
            home, work = folder / side / "home", folder / side / "work"
            for made in (home, work):
                made.mkdir(parents=True, exist_ok=True)
            environment = {"CLAUDE_CONFIG_DIR": str(home), "HOME": str(home)}
            options = ClaudeAgentOptions(cwd=work, env=environment)
            where = {"config": config, "state": folder / side / "state"}
            if side == "durable":
                options = mirrorbox.durable(options, **where)
            if side == "wrapped":
                options = mirrorbox.wrapped(options, **where)
            took = await timed(options)
            if number > 0:
                times.append(took)
            if options.session_store is not None:
                left = await options.session_store.aclose(60)
                assert not left, left
    print(json.dumps(found))


asyncio.run(main(*sys.argv[1:]))
