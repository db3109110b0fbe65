"""Answers what the agent's own Python SDK (package claude_agent_sdk) answers: a JSON request a line, a JSON answer a line."""

import dataclasses
import json
import re
import sys

try:
    import anyio
    from claude_agent_sdk import (
        InMemorySessionStore,
        fold_session_summary,
        fork_session_via_store,
        get_session_info_from_store,
        get_session_messages_from_store,
        get_subagent_messages_from_store,
        list_sessions_from_store,
        list_subagents_from_store,
        project_key_for_directory,
        rename_session_via_store,
        tag_session_via_store,
    )
    from claude_agent_sdk._internal.session_resume import _is_safe_subpath
    from claude_agent_sdk._internal.session_store import file_path_to_session_key
    from claude_agent_sdk._internal.session_summary import summary_entry_to_sdk_info
except ImportError as error:
    print(json.dumps({"missing": str(error)}))
    sys.exit()

from pathlib import Path

KEY = {"project_key": "project", "session_id": "session"}
SURROGATE = re.compile("[\ud800-\udfff]")


def objects(lines):
    """The lines that are JSON objects, as values."""
    for line in lines:
        try:
            value = json.loads(line, parse_constant=lambda name: 1 / 0)
        except (ValueError, ZeroDivisionError):
            continue
        if isinstance(value, dict):
            yield value


def summary(lines):
    folded = fold_session_summary(None, KEY, list(objects(lines)))
    info = summary_entry_to_sdk_info(folded, None)
    fields = ("summary", "custom_title", "first_prompt", "git_branch", "cwd", "tag", "created_at")
    return {
        "data": folded["data"],
        "info": info and {field: getattr(info, field) for field in fields},
    }


def key_of(directory, session, subpath=""):
    key = {"project_key": project_key_for_directory(directory), "session_id": session}
    return {**key, "subpath": subpath} if subpath else key


async def store_of(directory, sessions):
    store = InMemorySessionStore()
    for session, streams in sessions:
        for subpath, lines in streams.items():
            if entries := list(objects(lines)):
                await store.append(key_of(directory, session, subpath), entries)
    return store


def info(found):
    """What is known of a session, but for what its storage says."""
    if found is None:
        return None
    fields = dataclasses.asdict(found)
    return {field: fields[field] for field in fields if field not in ("last_modified", "file_size")}


async def sessions_from(directory, sessions):
    store = await store_of(directory, sessions)
    each = []
    for session, _ in sessions:
        agents = await list_subagents_from_store(store, session, directory)
        conversations = {}
        for agent in agents:
            found = await get_subagent_messages_from_store(store, session, agent, directory)
            conversations[agent] = [dataclasses.asdict(message) for message in found]
        found = await get_session_messages_from_store(store, session, directory)
        each.append(
            {
                "messages": [dataclasses.asdict(message) for message in found],
                "subagents": agents,
                "subagent_messages": conversations,
            }
        )
    listed = await list_sessions_from_store(store, directory)
    alone = [info(await get_session_info_from_store(store, session, directory)) for session, _ in sessions]
    return {"list": [info(found) for found in listed], "each": each, "alone": alone}


def sessions(directory, made):
    return anyio.run(sessions_from, directory, made)


async def entries_of(store, directory, session):
    return await store.load(key_of(directory, session))


async def edits_from(directory, session, titles, tags):
    """The entries that give titles and tags; none where the SDK refuses."""
    store = InMemorySessionStore()
    written = []
    for change, texts in ((rename_session_via_store, titles), (tag_session_via_store, tags)):
        for text in texts:
            try:
                await change(store, session, text, directory)
                written.append((await entries_of(store, directory, session))[-1])
            except ValueError:
                written.append(None)
    return written


async def forks_from(directory, sessions):
    """The entries of a fork of each session; none where the SDK refuses."""
    forks = []
    for session, streams, through, title in sessions:
        store = await store_of(directory, [(session, streams)])
        try:
            fork = await fork_session_via_store(store, session, directory, through, title)
            forks.append(await entries_of(store, directory, fork.session_id))
        except (ValueError, FileNotFoundError):
            forks.append(None)
    return forks


def edits(*arguments):
    return anyio.run(edits_from, *arguments)


def forks(*arguments):
    return anyio.run(forks_from, *arguments)


ANSWERS = {
    "project_key": project_key_for_directory,
    "path_key": file_path_to_session_key,
    "is_safe_subpath": lambda subpath: _is_safe_subpath(subpath, Path("/nowhere/session")),
    "summary": summary,
    "sessions": sessions,
    "edits": edits,
    "forks": forks,
}


def printable(value):
    """The value with U+FFFD for each lone surrogate, which not every reader takes."""
    if isinstance(value, str):
        return SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {key: printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [printable(item) for item in value]
    return value


sys.setrecursionlimit(100_000)
sys.stdin.reconfigure(encoding="utf-8", newline="\n")
print(json.dumps({"ready": True}), flush=True)
for request in sys.stdin:
    name, arguments = json.loads(request)
    print(json.dumps(printable(ANSWERS[name](*arguments))), flush=True)
