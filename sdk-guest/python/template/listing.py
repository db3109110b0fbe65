"""What is stored: pages sorted by folder name; a token is the last name of the page before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mirrorbox_adapter import Page, Session, SessionKey
from mirrorbox_adapter.encoding import decode_file_name, encode_file_name, is_hashed
from mirrorbox_adapter.files import Files, listed

from transcript import Transcript

T = TypeVar("T")


def projects(files: Files, token: str | None, limit: int) -> Page[str]:
    """The projects that have sessions."""

    def project(project_key: str) -> str | None:
        return project_key if sessions(files, project_key, None, 1).items else None

    return _page(files.root, token, limit, project)


def sessions(files: Files, project_key: str, token: str | None, limit: int) -> Page[Session]:
    """The sessions of a project whose main transcript holds more than a tombstone."""

    def session(session_id: str) -> Session | None:
        return Transcript(files, SessionKey(project_key, session_id)).session()

    return _page(files.root / encode_file_name(project_key), token, limit, session)


def subpaths(files: Files, main: SessionKey, token: str | None, limit: int) -> Page[str]:
    """The other transcripts of a session that hold more than a tombstone."""

    def subpath(subpath: str) -> str | None:
        transcript = Transcript(files, SessionKey(main.project_key, main.session_id, subpath))
        stored = transcript.numbers()
        return subpath if stored and stored[-1] > transcript.hidden_before() else None

    return _page(Transcript(files, main).folder / "subpaths", token, limit, subpath)


def _page(folder: Path, token: str | None, limit: int, item: Callable[[str], T | None]) -> Page[T]:
    """One page of the parts of a key that a folder holds; `item` says what stands for a part, if anything does."""
    items: list[T] = []
    last = None
    for name in sorted(listed(folder)):
        part = _part(folder, name) if token is None or name > token else None
        found = item(part) if part is not None else None
        if found is None:
            continue
        if len(items) == limit:
            return Page(items, last)
        items.append(found)
        last = name
    return Page(items)


def _part(folder: Path, name: str) -> str | None:
    """The part of a key that a folder stands for; `None` if it is not one of ours."""
    if not is_hashed(name):
        return decode_file_name(name)
    try:
        part = (folder / name / ".key").read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return None
    return part if encode_file_name(part) == name else None
