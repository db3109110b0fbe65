"""Answers what the agent's own Python SDK (package claude_agent_sdk) answers: a JSON request a line, a JSON answer a line."""

import json
import re
import sys

try:
    from claude_agent_sdk import fold_session_summary, project_key_for_directory
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


ANSWERS = {
    "project_key": project_key_for_directory,
    "path_key": file_path_to_session_key,
    "is_safe_subpath": lambda subpath: _is_safe_subpath(subpath, Path("/nowhere/session")),
    "summary": summary,
}


def printable(value):
    """The value with U+FFFD for each lone surrogate, which not every reader takes."""
    if isinstance(value, str):
        return SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {key: printable(item) for key, item in value.items()}
    return value


sys.setrecursionlimit(100_000)
sys.stdin.reconfigure(encoding="utf-8", newline="\n")
print(json.dumps({"ready": True}), flush=True)
for request in sys.stdin:
    name, arguments = json.loads(request)
    print(json.dumps(printable(ANSWERS[name](*arguments))), flush=True)
