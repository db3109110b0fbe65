"""Files in a granted folder that are there whole, and durably, or not at all.

Hosts share nothing but the folder. Three steps are atomic there: creating a file that must not exist, linking a file to
a name that must not exist, renaming. So what is written gets a name of its own in `.tmp` first, and its place by a link
or by renaming, once it is whole and synced.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from .errors import Misconfigured, Unavailable

_STALE = 60 * 60
"""Seconds. A file that a crash left behind is removed when it is this old; a younger one may be in use."""

_LISTINGS = 100
"""How often a folder is listed again because something in it went away meanwhile."""

_UNABLE = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems without hard links say."""


class Files:
    """Writes below a root folder, which must exist."""

    def __init__(self, root: Path) -> None:
        """Makes sure that the root can decide who gets a name, and removes what crashes left behind."""
        if not root.is_dir():
            raise Misconfigured(f"{root} is not a folder: grant one under that name (`dirs` under [grants])")
        self.root = root
        self._temporary = root / ".tmp"
        make_folder(self._temporary)
        self._probe()
        for entry in listed(self._temporary):
            with suppress(FileNotFoundError):
                path = self._temporary / entry
                if time.time() - path.stat().st_mtime > _STALE:
                    remove(path)

    def create(self, path: Path, *parts: bytes) -> bool:
        """Puts a file into its place if that is free; returns whether it was. Durable once its folder is synced."""
        written = self._write(parts)
        try:
            os.link(written, path)
        except FileExistsError:
            return False
        finally:
            remove(written)
        return True

    def replace(self, path: Path, *parts: bytes) -> None:
        """Puts a file into its place, whatever was there."""
        written = self._write(parts)
        try:
            os.replace(written, path)
        except OSError:
            remove(written)
            raise

    def _write(self, parts: tuple[bytes, ...]) -> Path:
        path = self._temporary / secrets.token_hex(8)
        with path.open("xb", buffering=0) as file:
            for part in parts:
                rest = memoryview(part)
                while rest:
                    rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        return path

    def _probe(self) -> None:
        """A name must be given once: nothing else decides between two hosts."""
        link = self._temporary / f"{secrets.token_hex(8)}.link"
        try:
            first, second = self.create(link), self.create(link)
        except OSError as error:
            if error.errno in _UNABLE:
                raise Misconfigured(f"the file system of {self.root} has no hard links: choose another") from None
            raise
        finally:
            remove(link)
        if not first or second:
            raise Misconfigured(f"the file system of {self.root} lets a link replace a file: choose another")


def make_folder(path: Path) -> None:
    """Makes a folder; it may be there already."""
    with suppress(FileExistsError):
        path.mkdir()


def remove(path: Path) -> None:
    """Removes a file; it may be gone already."""
    with suppress(FileNotFoundError):
        path.unlink()


def sync(folder: Path) -> None:
    """Makes the names in a folder durable: what was created, linked and removed there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def listed(folder: Path) -> list[str]:
    """The names in a folder; none where there is no folder."""
    for _ in range(_LISTINGS):
        try:
            return os.listdir(folder)
        except FileNotFoundError:
            # A host looks at each entry before it hands out the list: one that was removed in between breaks it off.
            if not folder.exists():
                return []
    raise Unavailable(f"{folder} changes faster than it can be listed")


def numbered(folder: Path, number: int, suffix: str) -> Path:
    """A file that is named by a number. Names sort as numbers do."""
    return folder / f"{number:020}{suffix}"


def numbers(folder: Path, suffix: str) -> list[int]:
    """The numbers of a folder's files that `numbered` named, sorted; none where there is no folder."""
    stems = (name.removesuffix(suffix) for name in listed(folder) if name.endswith(suffix))
    return sorted(int(stem) for stem in stems if len(stem) == 20 and stem.isascii() and stem.isdigit())
