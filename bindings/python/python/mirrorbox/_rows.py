"""What is told of sessions, as rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Undelivered:
    """What is on local disk and not in every destination yet. False where that is nothing."""

    text: str
    left: list[dict[str, Any]]
    adopting: bool = False

    def __bool__(self) -> bool:
        return bool(self.left) or self.adopting

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Key:
    """Which transcript: the main one of a session, or with a subpath another one of it."""

    project: str
    session: str
    subpath: str | None = None


@dataclass(frozen=True)
class SessionInfo:
    """What the summary of a session says. Nothing here is empty."""

    summary: str
    """One text that stands for the session: its title, else its latest prompt, the agent's summary, its first one."""
    custom_title: str | None
    first_prompt: str | None
    """At most 201 characters."""
    git_branch: str | None
    cwd: str | None
    """The first working directory."""
    tag: str | None
    created_at: int | None
    """In Unix milliseconds."""


@dataclass(frozen=True)
class SessionRow:
    """A stored session, for a list."""

    project: str
    session: str
    modified: int
    """When the main transcript was appended to last, in Unix milliseconds."""
    last: int
    """The number of the last batch of the main transcript."""
    info: SessionInfo | None
    """``None``: a side chain, or there is nothing to show."""
    error: str | None = None
    """Why there is no info though there should be some: the transcript could not be read."""


@dataclass(frozen=True)
class Subagent:
    """A subagent of a stored session."""

    id: str
    transcript: Key


@dataclass(frozen=True)
class Message:
    """A message of a conversation."""

    type: Literal["user", "assistant"]
    uuid: str
    session_id: str
    """The session that the entry names; empty where it names none."""
    message: Any
    """What the API was sent or has answered."""
    parent_tool_use_id: str | None = None
    parent_agent_id: str | None = None


@dataclass(frozen=True)
class Forked:
    """A session that was begun with what another one holds."""

    session: Key
    title: str
    entries: int


@dataclass(frozen=True)
class Restored:
    """A session that was written out as the agent's files."""

    project: str
    session: str
    files: int
    entries: int
    bytes: int
    notes: list[Any]
    """What a person should know: streams that were left out."""


@dataclass(frozen=True)
class News:
    """Something that happened to a stream that is followed."""

    name: Literal["entry", "deleted", "away", "back"]
    """``entry``: there is one more. ``deleted``: what comes now begins the stream anew. ``away``: the destination does
    not answer, and is asked again. ``back``: it answers again."""
    text: str | None
    """What happened, in words; ``None`` for an entry."""
    line: bytes | None
    """The entry's line without its LF, as it was written."""

    @property
    def entry(self) -> dict[str, Any] | None:
        """The line as an object; ``None`` where there is none."""
        return None if self.line is None else json.loads(self.line)


def undelivered(found: dict[str, Any] | None) -> Undelivered:
    """What a host says is left; nothing where it was closed before."""
    if found is None:
        return Undelivered("everything is delivered", [])
    return Undelivered(found["text"], found["left"], found["adopting"])


def session_row(found: dict[str, Any]) -> SessionRow:
    """A row of a list."""
    info = found.pop("info")
    return SessionRow(**found, info=None if info is None else SessionInfo(**info))


def subagent(found: dict[str, Any]) -> Subagent:
    """A row of the subagents of a session."""
    return Subagent(found["id"], Key(**found["transcript"]))


def forked(found: dict[str, Any]) -> Forked:
    """What came of a fork."""
    return Forked(Key(**found["session"]), found["title"], found["entries"])


def restored(found: dict[str, Any]) -> Restored:
    """What came of restoring a session."""
    found.pop("failure")
    return Restored(**found)
