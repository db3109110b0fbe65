"""__NAME__: keeps transcripts in one folder, a file for each batch, readable with `head`, `tail` and `jq`.

This file answers the calls; `transcript.py` is the backend. Put yours in its place.
"""

from pathlib import Path

from mirrorbox_adapter import (
    Adapter,
    Batch,
    Info,
    Page,
    Position,
    Session,
    SessionKey,
    Settings,
    Summary,
    export,
)
from mirrorbox_adapter.files import Files

import listing
from transcript import Transcript


class Mine(Adapter):
    INFO = Info("__NAME__", "0.1.0", listing=True, deletion=True)

    def __init__(self, settings: Settings) -> None:
        root = settings.required("root", Path)
        settings.finish()
        self.files = Files(root)

    def append(self, key: SessionKey, batch: Batch, summary: Summary | None) -> None:
        transcript = Transcript(self.files, key)
        transcript.append(batch)
        if summary is not None:
            transcript.put_summary(summary)

    def load(self, key: SessionKey, after: int, max_bytes: int) -> list[Batch]:
        return Transcript(self.files, key).load(after, max_bytes)

    def end(self, key: SessionKey) -> Position | None:
        return Transcript(self.files, key).end()

    def list_subkeys(self, project_key: str, session_id: str, token: str | None, limit: int) -> Page[str]:
        return listing.subpaths(self.files, SessionKey(project_key, session_id), token, limit)

    def list_projects(self, token: str | None, limit: int) -> Page[str]:
        return listing.projects(self.files, token, limit)

    def list_sessions(self, project_key: str, token: str | None, limit: int) -> Page[Session]:
        return listing.sessions(self.files, project_key, token, limit)

    def find_session(self, project_key: str, session_id: str) -> Session | None:
        return Transcript(self.files, SessionKey(project_key, session_id)).session()

    def delete(self, key: SessionKey, tombstone: Batch) -> None:
        transcript = Transcript(self.files, key)
        transcript.append(tombstone)
        transcript.remove_before(tombstone.number)


# The name that componentize-py looks for.
SessionStore = export(Mine)
