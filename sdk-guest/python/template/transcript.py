"""The backend: one transcript's batches as files.

    <root>/<project>/<session>/           the main transcript
        00000000000000000001.jsonl        a batch: a line of JSON that says what it is, then its payload
        summary/<number>.json             the summary, and the batch that it reaches to
        tombstones/<number>               a tombstone stands, or was meant to stand, at that number
        subpaths/<subpath>/               another transcript of the session, like the main one
        .key                              what the folder stands for, if its name is hashed

Mirrorbox's own fs adapter reads and writes the same.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from mirrorbox_adapter import Batch, Conflict, Corrupt, Other, Position, Session, SessionKey, Summary, Throttled, log
from mirrorbox_adapter.encoding import encode_file_name, is_hashed
from mirrorbox_adapter.files import Files, make_folder, numbered, numbers, remove, sync

FORMAT = 1
"""Another number in a batch's first line: another adapter wrote it."""

PIECE = 10
"""Seconds. A removal that takes longer goes on in the next call, which the host makes at once."""


class Transcript:
    def __init__(self, files: Files, key: SessionKey) -> None:
        self.files = files
        self.key = key
        # The folders from the root down, and the part of the key that each stands for.
        project = files.root / encode_file_name(key.project_key)
        session = project / encode_file_name(key.session_id)
        self.levels: list[tuple[Path, str | None]] = [(project, key.project_key), (session, key.session_id)]
        if key.subpath is not None:
            subpaths = session / "subpaths"
            self.levels += [(subpaths, None), (subpaths / encode_file_name(key.subpath), key.subpath)]
        self.folder = self.levels[-1][0]
        self.marks = self.folder / "tombstones"
        self.summaries = self.folder / "summary"

    def append(self, batch: Batch) -> None:
        self._make_folders()
        if batch.kind == "tombstone":
            # Before the tombstone: what is looked for first is found in every case. One that fails hides nothing.
            make_folder(self.marks)
            sync(self.folder)
            self.files.create(numbered(self.marks, batch.number, ""))
            sync(self.marks)
        slot = self._slot(batch.number)
        is_new = self.files.create(slot, self._header(batch), batch.payload)
        if not is_new:
            # This very batch, if the reply to an earlier try was lost: then it is stored.
            stored = self._read(batch.number, with_payload=False)
            if stored is None or stored.digest != batch.digest:
                raise Conflict
        sync(self.folder)
        # After the batch: of a tombstone and a batch that come at once, one sees the other.
        if self.newest_tombstone() > batch.number:
            if is_new:
                remove(slot)
            raise Conflict

    def load(self, after: int, max_bytes: int) -> list[Batch]:
        page: list[Batch] = []
        size = 0
        number = max(after + 1, self.newest_tombstone())
        while not page or size < max_bytes:
            try:
                batch = self._read(number)
            except Corrupt:
                # What was read is good; the next page tells what is not.
                if page:
                    break
                raise
            if batch is not None:
                page.append(batch)
                size += len(batch.payload)
                number += 1
                continue
            if page:
                break
            resumed = self._resume(number, after)
            if resumed is None:
                break
            number = resumed
        return page

    def _resume(self, number: int, after: int) -> int | None:
        """Where to read on if there is no batch of that number: `None` at the end."""
        later = next((later for later in self.numbers() if later >= number), None)
        if later is None:
            return None
        # Batches are stored in order, so by now it is there, or lies before a tombstone, or is lost.
        if later == number or self._slot(number).exists():
            return number
        tombstone = self.newest_tombstone()
        if tombstone > number:
            return tombstone
        if after == 0 and tombstone == 0:
            return later
        raise Corrupt(number, later - 1, f"missing in {self.folder}, although later batches are there")

    def end(self) -> Position | None:
        gone = None
        while numbers := self.numbers():
            batch = self._read(numbers[-1], with_payload=False)
            if batch is not None:
                return Position(batch.number, batch.digest)
            # Removed below a tombstone just now: then another one is the last.
            if gone == numbers[-1]:
                raise Corrupt(gone, gone, f"{self._slot(gone)} cannot be opened")
            gone = numbers[-1]
        return None

    def remove_before(self, tombstone: int) -> None:
        """Removes everything that a tombstone hides, or as much as there is time for."""
        for through in self._summaries():
            if through <= tombstone:
                remove(numbered(self.summaries, through, ".json"))
        hidden = [number for number in self.numbers() if number < tombstone]
        began = time.monotonic()
        for number in hidden:
            remove(self._slot(number))
            if time.monotonic() - began > PIECE and number != hidden[-1]:
                sync(self.folder)
                raise Throttled(0)
        sync(self.folder)

    def newest_tombstone(self) -> int:
        """The number of the newest tombstone that stands; 0 where none does."""
        seen: set[int] = set()
        marks = numbers(self.marks, "")
        while marks:
            number = marks.pop()
            seen.add(number)
            batch = self._read(number, with_payload=False)
            if batch is None:
                # It never stood, or was removed below a newer one, whose mark is there by now.
                marks = sorted({*marks, *numbers(self.marks, "")} - seen)
            elif batch.kind == "tombstone":
                return number
        return 0

    def hidden_before(self) -> int:
        """As `newest_tombstone`, for listings: a damaged tombstone, which `load` reports, must not hide all others."""
        try:
            return self.newest_tombstone()
        except Corrupt as error:
            log.warn("listing", error)
            return 0

    def put_summary(self, summary: Summary) -> None:
        """Stores a summary unless one is there that reaches as far."""
        stored = self._summaries()
        if stored and stored[-1] >= summary.through:
            return
        make_folder(self.summaries)
        path = numbered(self.summaries, summary.through, ".json")
        self.files.replace(path, summary.json.encode())
        for through in stored:
            remove(numbered(self.summaries, through, ".json"))
        # As with a batch: a tombstone that came meanwhile must not leave a summary behind.
        if self.newest_tombstone() >= summary.through:
            remove(path)

    def summary(self) -> Summary | None:
        """The summary that reaches furthest; a tombstone may hide it."""
        gone = None
        while stored := self._summaries():
            through = stored[-1]
            try:
                return Summary(through, numbered(self.summaries, through, ".json").read_bytes().decode())
            except FileNotFoundError:
                # Replaced just now by one that reaches further.
                if gone == through:
                    raise
                gone = through
        return None

    def session(self) -> Session | None:
        """This main transcript as listings show it; `None` if it holds nothing but a tombstone."""
        summary = self.summary()
        stored = self.numbers()
        if not stored:
            return None
        last = stored[-1]
        modified = self._slot(last).stat().st_mtime_ns // 1_000_000
        # Last of all: a tombstone that was taken for the last batch is found.
        tombstone = self.hidden_before()
        if last <= tombstone:
            return None
        if summary is not None and summary.through <= tombstone:
            summary = None
        return Session(self.key.session_id, modified, last, summary)

    def numbers(self) -> list[int]:
        return numbers(self.folder, ".jsonl")

    def _summaries(self) -> list[int]:
        return numbers(self.summaries, ".json")

    def _slot(self, number: int) -> Path:
        return numbered(self.folder, number, ".jsonl")

    def _make_folders(self) -> None:
        parent = self.files.root
        for folder, part in self.levels:
            make_folder(folder)
            if part is not None and is_hashed(folder.name):
                self.files.create(folder / ".key", part.encode())
                sync(folder)
            sync(parent)
            parent = folder

    def _header(self, batch: Batch) -> bytes:
        header = {
            "mirrorbox": FORMAT,
            "number": batch.number,
            "kind": batch.kind,
            "writer": batch.writer,
            "line": batch.line,
            "digest": batch.digest,
            "bytes": len(batch.payload),
            "project": self.key.project_key,
            "session": self.key.session_id,
        }
        if self.key.subpath is not None:
            header["subpath"] = self.key.subpath
        return json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def _read(self, number: int, with_payload: bool = True) -> Batch | None:
        """The batch of that number, checked: it is this batch of this key, and complete. `None` where there is none."""
        path = self._slot(number)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        with file:
            first = file.readline()
            try:
                header = json.loads(first)
                size, kind, found = header["bytes"], header["kind"], header["mirrorbox"]
                key = SessionKey(header["project"], header["session"], header.get("subpath"))
                batch = Batch(header["number"], kind, header["writer"], header["line"], header["digest"], b"")
            except (ValueError, KeyError, TypeError):
                raise Corrupt(number, number, f"{path}: its first line is not a header") from None
            if found != FORMAT:
                raise Other(f"{path} has format {found}, and this adapter knows format {FORMAT}: install a newer one")
            if batch.number != number or key != self.key or kind not in ("entries", "claim", "tombstone"):
                raise Corrupt(number, number, f"{path}: it is another batch, moved or copied here")
            if os.fstat(file.fileno()).st_size != len(first) + size:
                raise Corrupt(number, number, f"{path}: its payload is cut short or has grown")
            if not with_payload:
                return batch
            payload = file.read(size)
        return Batch(number, kind, batch.writer, batch.line, batch.digest, payload)
