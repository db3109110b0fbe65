"""What the tests share."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import mirrorbox
from mirrorbox import _command

BACKENDS = ["asyncio", "trio"]
COMMAND = str(_command.bundled())


class Place:
    """A configuration with the adapter `fs`, its state directory and the folder that it keeps transcripts in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config, self.state, self.store = folder / "config", folder / "state", folder / "store"
        self.run("init", "--store", str(self.store))
        adapter = os.environ.get("STORE_ADAPTER")
        if adapter is not None:
            self.keep_in(adapter, os.environ["STORE_MANIFEST"])

    def keep_in(self, adapter: str, manifest: str) -> None:
        """A server takes the folder's place."""
        self.run("adapters", "install", adapter)
        adapters = self.config / "adapters"
        (adapters / f"{adapter}.toml").write_text(manifest)
        self.run("adapters", "approve", adapter)
        self.run("adapters", "remove", "fs", "--yes")

    def run(self, *arguments: str) -> str:
        command = [COMMAND, "--config", str(self.config), "--state", str(self.state), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def go_away(self) -> None:
        self.store.rename(self.folder / "elsewhere")

    def open(self, **options: object) -> mirrorbox.SessionStore:
        return mirrorbox.SessionStore(config=self.config, state=self.state, **options)


def place(folder: Path | None = None) -> Place:
    return Place(folder or Path(tempfile.mkdtemp(prefix="mirrorbox-python-")))


_numbers = itertools.count(1)


class Isolated(mirrorbox.SessionStore):
    """A store of which nobody else sees the projects: an empty one, where opening adapters anew would take long."""

    def __init__(self, place: Place, **options: object) -> None:
        super().__init__(config=place.config, state=place.state, **options)
        self.number = next(_numbers)

    def named(self, project: str) -> str:
        return f"{self.number}-{project}"

    def mapped(self, key: dict) -> dict:
        return {**key, "project_key": self.named(key["project_key"])}

    async def append(self, key, entries):
        await super().append(self.mapped(key), entries)

    async def load(self, key):
        return await super().load(self.mapped(key))

    async def list_sessions(self, project_key):
        return await super().list_sessions(self.named(project_key))

    async def list_session_summaries(self, project_key):
        return await super().list_session_summaries(self.named(project_key))

    async def delete(self, key):
        await super().delete(self.mapped(key))

    async def list_subkeys(self, key):
        return await super().list_subkeys(self.mapped(key))


def remove(place: Place) -> None:
    shutil.rmtree(place.folder, ignore_errors=True)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MIRRORBOX")}
