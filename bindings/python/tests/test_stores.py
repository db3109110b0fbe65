"""Stores written in Python, as destinations."""

import asyncio
import json
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import anyio
import mirrorbox
import mirrorbox.testing
import pytest
from memory_store import MemoryStore
from mirrorbox import AwayError, Host, InvalidError, Key, ReadError, stores
from support import BACKENDS, environment, place

PROJECT, SESSION = "p", "s"
LINE = '{"type":"user","uuid":"1"}'


def host(folder, store, **options):
    return Host(state=folder, stores={"mine": store}, **options)


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_machine_reads_what_one_has_stored(tmp_path, backend):
    store = MemoryStore()
    lines = [json.dumps({"type": "user", "uuid": str(n), "text": "x" * 2000}) for n in range(2000)]

    async def run():
        async with host(tmp_path / "one", store) as one:
            await one.transcript(PROJECT, SESSION).append(lines)
            await one.transcript(PROJECT, SESSION, "subagents/agent-a").append([LINE])
            assert not await one.flush(60)
            (destination,) = one.status()
            assert destination["destination"] == "mine" and destination["open"]
        assert len(store.logs[Key(PROJECT, SESSION)].batches) > 1
        async with host(tmp_path / "two", store) as two:
            sessions = two.sessions(PROJECT)
            assert [row.session for row in await sessions.list()] == [SESSION]
            restored = await sessions.restore(SESSION, tmp_path / "into")
            assert restored.entries == 2001
            file = tmp_path / "into" / "projects" / PROJECT / f"{SESSION}.jsonl"
            assert file.read_text() == "".join(line + "\n" for line in lines)
            # It goes on, and the first machine's lines are not stored again.
            await two.transcript(PROJECT, SESSION).append([LINE])
            assert not await two.flush(60)
            stored = b"".join(batch.payload for batch in store.logs[Key(PROJECT, SESSION)].batches)
            assert stored.decode() == "".join(line + "\n" for line in [*lines, LINE])
            await sessions.delete(SESSION)
            assert not await two.flush(60)
            assert await sessions.list() == []

    anyio.run(run, backend=backend)


def test_damage_is_found(tmp_path):
    store = MemoryStore()

    async def run():
        async with host(tmp_path / "one", store) as one:
            await one.transcript(PROJECT, SESSION).append([LINE])
            assert not await one.flush(60)
            (batch,) = store.logs[Key(PROJECT, SESSION)].batches
            store.logs[Key(PROJECT, SESSION)].batches = [
                stores.Batch(batch.number, batch.kind, batch.writer, batch.line, batch.digest, b"{}\n")
            ]
            with pytest.raises(ReadError, match="not what was written"):
                await one.sessions(PROJECT).restore(SESSION, tmp_path / "into")

    anyio.run(run)


def test_it_keeps_the_contract():
    async def run():
        store = MemoryStore()
        report = await mirrorbox.testing.check(store)
        assert report.passed and report.detects_gaps, str(report)
        skipped = [check.name for check in report.checks if check.outcome == "skipped"]
        assert skipped == ["compact"] and len(report.checks) > 30
        assert not store._alive()

    anyio.run(run)


def test_the_checks_find_what_is_wrong():
    class Forgetful(MemoryStore):
        async def append(self, key, batch, summary):
            self.logs.pop(key, None) if batch.number == 3 else None
            await super().append(key, batch, summary)

    class Odd(MemoryStore):
        async def load(self, key, after, max_bytes):
            return 7

    async def run():
        for store in (Forgetful(), Odd()):
            report = await mirrorbox.testing.check(store, filter="load")
            assert not report.passed, str(report)
            assert any(check.outcome == "failed" and check.reason and check.rule for check in report.checks)

    anyio.run(run)


class Failing(MemoryStore):
    """Raises what it is given."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    async def append(self, key, batch, summary):
        if self.error is not None:
            raise self.error
        await super().append(key, batch, summary)


ERRORS = [
    (stores.UnavailableError("the rack burns"), "unavailable: the rack burns"),
    (stores.DeniedError("who are you"), "denied access: who are you"),
    (stores.MisconfiguredError("no table"), "misconfigured: no table"),
    (stores.RejectedError("too rude"), "rejected: too rude"),
    (stores.ThrottledError(0.01), "asks to wait"),
    (stores.UnsupportedError(), "cannot do that"),
    (stores.CorruptError(1, 2, "a bit fell over"), "1 to 2 are damaged: a bit fell over"),
    (KeyError("shelf"), "KeyError: 'shelf'"),
    (SystemExit(3), "SystemExit: 3"),
]


@pytest.mark.parametrize("error, said", ERRORS)
def test_errors_are_said_and_nothing_is_lost(tmp_path, error, said):
    store = Failing(error)

    async def run():
        async with host(tmp_path / "one", store) as one:
            await one.transcript(PROJECT, SESSION).append([LINE])
            with anyio.fail_after(60):
                while said not in json.dumps(one.status()):
                    await one.flush(0)
                    await anyio.sleep(0.01)
            store.error = None
            with anyio.fail_after(60):
                one.retry()
                while await one.flush(1):
                    one.retry()
        assert store.logs[Key(PROJECT, SESSION)].batches[0].payload.decode() == LINE + "\n"

    anyio.run(run)


class Hanging(MemoryStore):
    """Does not answer, and notes that it was cancelled."""

    def __init__(self, calls=1000):
        super().__init__()
        self.left, self.cancelled = calls, 0

    async def _hang(self):
        if self.left > 0:
            self.left -= 1
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled += 1

    async def append(self, key, batch, summary):
        await self._hang()
        await super().append(key, batch, summary)

    async def list_sessions(self, project, token, limit):
        await self._hang()
        return await super().list_sessions(project, token, limit)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_store_that_hangs_is_bounded(tmp_path, backend):
    async def run():
        store = Hanging(calls=1)
        async with host(tmp_path / "one", store, store_timeout=0.2) as one:
            await one.transcript(PROJECT, SESSION).append([LINE])
            with anyio.fail_after(60):
                while await one.flush(1):
                    one.retry()
            assert store.cancelled == 1
        store = Hanging()
        one = host(tmp_path / "two", store, store_timeout=0.2)
        await one.transcript(PROJECT, SESSION).append([LINE])
        with pytest.raises(AwayError):
            await one.sessions(PROJECT).list()
        assert (await one.aclose(0)).left[0]["entries"] == 1

    anyio.run(run, backend=backend)


def test_a_store_that_blocks_its_thread_holds_up_no_close(tmp_path):
    release = threading.Event()

    class Blocking(MemoryStore):
        async def append(self, key, batch, summary):
            release.wait(60)

    async def run():
        one = host(tmp_path / "one", Blocking(), store_timeout=0.2)
        await one.transcript(PROJECT, SESSION).append([LINE])
        assert await one.flush(1)
        assert await one.aclose(0)

    try:
        anyio.run(run)
    finally:
        release.set()


def test_stores_run_on_one_thread_of_the_package(tmp_path):
    seen = set()

    class Noting(MemoryStore):
        async def append(self, key, batch, summary):
            seen.add((threading.current_thread().name, id(asyncio.get_running_loop())))
            await super().append(key, batch, summary)

    async def run():
        stores = {"a": Noting(), "b": Noting()}
        async with Host(state=tmp_path / "one", stores=stores) as one:
            async with host(tmp_path / "two", Noting()) as two:
                for of in (one, two):
                    await of.transcript(PROJECT, SESSION).append([LINE])
                    assert not await of.flush(60)

    anyio.run(run)
    assert len(seen) == 1 and next(iter(seen))[0] == "mirrorbox-stores"


def test_a_store_stands_beside_adapters_and_who_shares_the_host_says_the_same(tmp_path):
    where, store = place(tmp_path), MemoryStore()
    places = {"config": where.config, "state": where.state}

    async def run():
        async with Host(**places, stores={"mine": store}) as one:
            async with where.open() as other, Host(**places, stores={"mine": store}):
                await other.append({"project_key": PROJECT, "session_id": SESSION}, [{"n": 1}])
                assert not await other.flush(60)
            assert {row["destination"] for row in one.status()} == {"fs", "mine"}
            for wrong in ({"mine": MemoryStore()}, {"other": store}):
                with pytest.raises(InvalidError, match="in use"):
                    Host(**places, stores=wrong)
        assert Key(PROJECT, SESSION) in store.logs

    anyio.run(run)
    assert where.run("show", SESSION, "--json") == '{"n":1}\n'


def test_what_is_no_store_is_refused(tmp_path):
    for wrong in (object(), MemoryStore, 7):
        with pytest.raises(InvalidError):
            host(tmp_path, wrong)

    async def run():
        with pytest.raises(mirrorbox.StateError):
            async with Host(state=tmp_path, stores={"../mine": MemoryStore()}):
                pass

    anyio.run(run)


BEGIN = """
    import asyncio, os, sys, threading, time
    import anyio
    import mirrorbox
    from memory_store import MemoryStore
    class Slow(MemoryStore):
        async def append(self, key, batch, summary):
            await asyncio.sleep(pause)
            await super().append(key, batch, summary)
    class Stuck(MemoryStore):
        async def append(self, key, batch, summary):
            time.sleep(1000)
    pause = 0
    def host(store):
        return mirrorbox.Host(state=sys.argv[1], stores={"mine": store}, store_timeout=5)
"""


def run_program(folder, text):
    code = textwrap.dedent(BEGIN) + textwrap.dedent(text)
    path = {"PYTHONPATH": f"{environment().get('PYTHONPATH', '')}:{Path(__file__).parent}"}
    options = {"capture_output": True, "text": True, "timeout": 60, "env": {**environment(), **path}}
    command = [sys.executable, "-X", "faulthandler", "-c", code, str(folder)]
    return subprocess.run(command, **options)


def test_everything_is_delivered_at_exit(tmp_path):
    text = """
        class Telling(Slow):
            async def append(self, key, batch, summary):
                await super().append(key, batch, summary)
                os.write(1, batch.payload)
        pause = 0.1
        one = host(Telling())
        anyio.run(one.transcript("p", "s").append, ['{"n":1}'])
    """
    done = run_program(tmp_path, text)
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"n":1}\n', "")


@pytest.mark.parametrize("kind", ["Slow", "Stuck"])
def test_an_exit_behind_a_store_that_hangs_does_not_hang(tmp_path, kind):
    text = f"""
        pause = 1000
        mirrorbox._hosts.EXIT_SECONDS = 1
        one = host({kind}())
        anyio.run(one.transcript("p", "s").append, ['{{"n":1}}'])
        time.sleep(0.5)
        mirrorbox._hosts.close_all(0.5)
    """
    began = time.monotonic()
    done = run_program(tmp_path, text)
    assert done.returncode == 0 and "1 entries are not delivered yet" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    print(f"{kind}: {time.monotonic() - began:.1f} s")


def test_an_exit_in_the_middle_of_calls_neither_hangs_nor_crashes(tmp_path):
    text = """
        pause = 0.001
        one = host(Slow())
        def work():
            while True:
                anyio.run(one.transcript("p", threading.current_thread().name).append, ["{}"])
                one.transcript("p", threading.current_thread().name).turn_ended()
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(1)
    """
    for _ in range(3):
        done = run_program(tmp_path, text)
        assert done.returncode == 0, done.stderr


def test_forks(tmp_path):
    text = """
        store = MemoryStore()
        one = host(store)
        transcript = one.transcript("p", "s")
        async def run():
            await transcript.append(["{}"])
            assert not await one.aclose(30)
            assert len(store.logs) == 1
        if os.fork() == 0:
            anyio.run(run)
            sys.exit(0)
        assert os.wait()[1] == 0
        assert store.logs == {}
        anyio.run(transcript.append, ["{}"])
        assert not anyio.run(one.flush)
        if os.fork() == 0:
            try:
                anyio.run(transcript.append, ["{}"])
            except mirrorbox.ClosedError as error:
                print("spawn" in str(error), flush=True)
            # Nor does a store of its own wait for a thread that is not here.
            sys.exit(0)
        assert os.wait()[1] == 0
        anyio.run(transcript.append, ["{}"])
        assert not anyio.run(one.aclose)
        print(len(store.logs))
    """
    done = run_program(tmp_path, text)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["True", "1"], "")
