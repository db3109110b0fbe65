"""Programs that embed the host: transcripts, and stored sessions."""

import json
import subprocess
import sys
import textwrap
import threading
from datetime import datetime, timezone

import anyio
import mirrorbox
import pytest
from mirrorbox import ClosedError, Host, InvalidError, Key, NotDeliveredError, NotFoundError, NotWrittenError
from support import BACKENDS, environment, place

PROJECT, SESSION = "-srv-app", "7b1f6c0e-2d5a-4c3e-9f10-aa0000000001"


def host(where):
    return Host(config=where.config, state=where.state)


def said(uuid, parent=None, kind="user"):
    message = {"role": kind, "content": f"{uuid} said"}
    time = f"2026-03-01T10:00:0{int(uuid) % 10}Z"
    return {"type": kind, "uuid": uuid, "parentUuid": parent, "timestamp": time, "message": message}


def conversation(count):
    return [said(str(n), str(n - 1) if n else None) for n in range(count)]


async def collected(messages):
    return [message async for message in messages]


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_appended_is_stored_as_it_was(tmp_path, backend):
    where = place(tmp_path)
    raw = '{ "type": "user",  "n": 5e-05, "text": "\\u00e9" }'

    async def run():
        async with host(where) as one:
            assert len(one.writer) > 8
            transcript = one.transcript(PROJECT, SESSION)
            assert transcript.key == Key(PROJECT, SESSION)
            await transcript.append([raw, raw.encode(), {"type": "user", "n": 5e-05, "text": "é"}])
            await transcript.append([])
            agent = one.transcript(PROJECT, SESSION, "subagents/agent-1")
            await agent.append([b'{"type":"user"}'])
            transcript.turn_ended()
            # Of all of the session.
            assert not await transcript.flush(60)
            for wrong in ["no JSON", "[1]", '{"a":1}\n', b'{"a":\n1}', "\ud800", 7, {"a": {1}}]:
                with pytest.raises(InvalidError):
                    await transcript.append(['{"kept":false}', wrong])
            with pytest.raises(InvalidError):
                await transcript.append(["{}"], timeout=-1)
            with pytest.raises(InvalidError):
                await one.transcript("", SESSION).append(["{}"])
            assert not await one.flush(60)
            assert one.status()[0]["open"]
            one.retry()

    anyio.run(run, backend=backend)
    shown = where.run("show", SESSION, "--json").splitlines()
    assert shown == [raw, raw, '{"type":"user","n":0.00005,"text":"é"}']


def test_calls_keep_their_order_before_the_host_is_open(tmp_path):
    where = place(tmp_path)

    async def run():
        one = host(where)
        transcript = one.transcript(PROJECT, SESSION)
        transcript.turn_ended()
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(transcript.append, [{"n": number}])
        assert not await one.aclose(60)
        with pytest.raises(ClosedError):
            await transcript.append(["{}"])
        with pytest.raises(ClosedError):
            await one.sessions(PROJECT).list()

    anyio.run(run)
    lines = where.run("show", SESSION, "--json").splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(50))


def test_a_host_and_a_store_of_the_same_directories_are_one(tmp_path):
    where = place(tmp_path)

    async def run():
        store = where.open()
        key = {"project_key": PROJECT, "session_id": SESSION}
        async with host(where) as one:
            await store.append(key, [{"n": 1}])
            await one.transcript(PROJECT, SESSION).append(['{"n":2}'])
            assert await store.load(key) == [{"n": 1}, {"n": 2}]
            other = host(where)
            assert other.writer == one.writer
            await other.aclose()
        # It lives for as long as somebody uses it.
        await store.append(key, [{"n": 3}])
        assert len(await store.load(key)) == 3
        await store.aclose()

    anyio.run(run)
    assert len(list((where.state / "spool").iterdir())) <= 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_stored_sessions(tmp_path, backend):
    where = place(tmp_path)

    async def run():
        async with host(where) as one:
            await one.transcript(PROJECT, SESSION).append(conversation(200))
            await one.transcript(PROJECT, SESSION, "subagents/agent-a1").append(conversation(3))
            assert not await one.flush(60)
            sessions = one.sessions(PROJECT)
            (row,) = await sessions.list()
            assert (row.project, row.session, row.info.first_prompt) == (PROJECT, SESSION, "0 said")
            assert row.modified > 1e12 and row.error is None
            assert await sessions.info(SESSION) == row and await sessions.info("other") is None
            assert await sessions.list(offset=1) == [] == await one.sessions("other").list(limit=5)

            messages = await collected(sessions.messages(SESSION))
            assert [message.uuid for message in messages] == [str(n) for n in range(200)]
            assert messages[0].type == "user" and messages[0].message["content"] == "0 said"
            (agent,) = await sessions.subagents(SESSION)
            assert agent == mirrorbox.Subagent("a1", Key(PROJECT, SESSION, "subagents/agent-a1"))
            assert len(await collected(sessions.subagent_messages(SESSION, agent.id))) == 3

            await sessions.rename(SESSION, " The leak ")
            await sessions.tag(SESSION, "later")
            fork = await sessions.fork(SESSION, through="9", title="Another")
            assert fork.session.project == PROJECT and fork.title == "Another"
            assert not await one.flush(60)
            renamed = await sessions.info(SESSION)
            assert (renamed.info.summary, renamed.info.tag) == ("The leak", "later")
            assert len(await collected(sessions.messages(fork.session.session))) == 10
            await sessions.tag(SESSION, None)
            await sessions.delete(fork.session.session)
            await one.delete(PROJECT, "nobody")
            assert not await one.flush(60)
            assert [row.session for row in await sessions.list()] == [SESSION]
            assert (await sessions.info(SESSION)).info.tag is None

    anyio.run(run, backend=backend)


def test_what_is_not_there_has_a_class(tmp_path):
    where = place(tmp_path)

    async def run():
        async with host(where) as one:
            await one.transcript(PROJECT, SESSION).append(conversation(2))
            await one.flush(60)
            sessions = one.sessions(PROJECT)
            calls = [
                lambda: sessions.rename("nobody", "x"),
                lambda: sessions.fork("nobody"),
                lambda: sessions.fork(SESSION, through="nothing"),
                lambda: sessions.restore("nobody", tmp_path / "into"),
                lambda: collected(sessions.messages("nobody")),
                lambda: collected(sessions.subagent_messages(SESSION, "nobody")),
                lambda: collected(sessions.follow("nobody")),
            ]
            for call in calls:
                with pytest.raises(NotFoundError):
                    await call()
            with pytest.raises(InvalidError):
                await sessions.rename(SESSION, " ")
            with pytest.raises(InvalidError):
                await sessions.restore(SESSION, tmp_path / "into", through="1", at=0)

    anyio.run(run)
    assert issubclass(NotFoundError, LookupError)


def test_a_session_is_restored_to_the_byte(tmp_path):
    where = place(tmp_path)
    lines = [json.dumps(said(str(n)), separators=(", ", ":")) for n in range(10)]

    async def run():
        async with host(where) as one:
            await one.transcript(PROJECT, SESSION).append(lines)
            await one.flush(60)
            sessions = one.sessions(PROJECT)
            into = tmp_path / "into"
            restored = await sessions.restore(SESSION, into)
            assert (restored.session, restored.files, restored.entries) == (SESSION, 1, 10)
            file = into / "projects" / PROJECT / f"{SESSION}.jsonl"
            assert file.read_text() == "".join(line + "\n" for line in lines)
            # Nothing is replaced.
            with pytest.raises(NotWrittenError, match="replaces nothing"):
                await sessions.restore(SESSION, into)
            time = datetime(2026, 3, 1, 10, 0, 4, tzinfo=timezone.utc)
            for number, until in enumerate([{"through": "4"}, {"at": time}, {"at": time.timestamp()}]):
                earlier = await sessions.restore(SESSION, tmp_path / f"{number}", folder="elsewhere", **until)
                assert earlier.entries == 5
                assert (tmp_path / f"{number}" / "projects" / "elsewhere" / f"{SESSION}.jsonl").exists()

    anyio.run(run)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_session_is_followed(tmp_path, backend):
    where = place(tmp_path)

    async def run():
        async with host(where) as one:
            transcript = one.transcript(PROJECT, SESSION)
            await transcript.append(['{"n":1}'])
            await one.flush(60)
            seen = []
            async for news in one.sessions(PROJECT).follow(SESSION):
                seen.append(news)
                if len(seen) == 5:
                    assert news.name == "deleted" and news.entry is None and news.text
                    break
                assert news.entry == {"n": len(seen)} and news.line == b'{"n":%d}' % len(seen)
                if len(seen) == 4:
                    await one.sessions(PROJECT).delete(SESSION)
                else:
                    await transcript.append([f'{{"n":{len(seen) + 1}}}'])
                    transcript.turn_ended()

    with_patience(run, backend)


def with_patience(run, backend="asyncio"):
    async def bounded():
        with anyio.fail_after(120):
            await run()

    anyio.run(bounded, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_who_reads_news_and_events_ends_with_the_host_or_when_cancelled(tmp_path, backend, monkeypatch):
    where, started, ended = place(tmp_path), [], []
    read_json = mirrorbox._user.read_json

    def noted(reading):
        started.append("events")
        return read_json(reading)

    monkeypatch.setattr(mirrorbox._user, "read_json", noted)

    async def events(one):
        async for _ in one.events():
            pass
        ended.append("events")

    async def news(one):
        async for _ in one.sessions(PROJECT).follow(SESSION):
            started.append("news")
        ended.append("news")

    async def listeners(tasks, one, count):
        started.clear()
        for _ in range(count):
            tasks.start_soon(events, one)
            tasks.start_soon(news, one)
        while len(started) < 2 * count:
            await anyio.sleep(0.01)

    async def run():
        one = host(where)
        await one.transcript(PROJECT, SESSION).append(['{"n":1}'])
        await one.flush(60)
        async with anyio.create_task_group() as tasks:
            # More than there are threads for calls: nobody waits for them.
            await listeners(tasks, one, 40)
            assert (await one.sessions(PROJECT).info(SESSION)).session == SESSION
            tasks.cancel_scope.cancel()
        assert ended == []
        async with anyio.create_task_group() as tasks:
            await listeners(tasks, one, 1)
            await one.aclose(60)
        assert sorted(ended) == ["events", "news"]

    with_patience(run, backend)


def test_memory_stays_flat_while_messages_are_read(tmp_path):
    where = place(tmp_path)

    def resident():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmRSS"))

    async def run():
        async with host(where) as one:
            transcript = one.transcript(PROJECT, SESSION)
            for first in range(0, 3000, 500):
                rows = [said(str(n), str(n - 1) if n else None) for n in range(first, first + 500)]
                for row in rows:
                    row["message"]["content"] = "x" * 20_000
                await transcript.append(rows)
            assert not await one.flush(120)
            del rows
            before = count = most = 0
            async for message in one.sessions(PROJECT).messages(SESSION):
                assert len(message.message["content"]) == 20_000
                count += 1
                before = resident() if count == 300 else before
                most = max(most, resident()) if count > 300 and count % 50 == 0 else most
            # 60 MB of them.
            assert count == 3000 and most - before < 20, (most, before)

    anyio.run(run)


def test_a_destination_that_is_away_holds_up_nobody(tmp_path):
    where = place(tmp_path)
    (where.config / "mirrorbox.toml").write_text('acknowledge = "remote"\n')
    where.go_away()

    async def run():
        one = host(where)
        with pytest.raises(NotDeliveredError):
            await one.transcript(PROJECT, SESSION).append(["{}"], timeout=0.2)
        with pytest.raises(mirrorbox.AwayError):
            await one.sessions(PROJECT).list()
        assert await one.aclose(0)

    anyio.run(run)


def test_threads_with_loops_of_their_own(tmp_path):
    where = place(tmp_path)
    one, failed = host(where), []

    def work(label, backend):
        async def run():
            for number in range(20):
                await one.transcript(PROJECT, SESSION).append([{"by": label, "n": number}])

        try:
            anyio.run(run, backend=backend)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n, BACKENDS[n % 2])) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert not anyio.run(one.aclose)
    entries = [json.loads(line) for line in where.run("show", SESSION, "--json").splitlines()]
    for label in range(4):
        assert [entry["n"] for entry in entries if entry["by"] == label] == list(range(20))


BEGIN = """
    import anyio, os, sys
    import mirrorbox
    one = mirrorbox.Host(config=sys.argv[1], state=sys.argv[2])
    transcript = one.transcript("p", "s")
"""


def run_program(where, text):
    code = textwrap.dedent(BEGIN) + textwrap.dedent(text)
    command = [sys.executable, "-X", "faulthandler", "-c", code, str(where.config), str(where.state)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment())
    return done.returncode, done.stdout, done.stderr


def test_a_program_that_ends_while_it_follows_ends(tmp_path):
    where = place(tmp_path)
    code, _, errors = run_program(
        where,
        """
        async def listen(things):
            async for _ in things:
                pass
        async def run():
            await transcript.append(["{}"])
            await one.flush(60)
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(listen, one.sessions("p").follow("s"))
                    tasks.start_soon(listen, one.events())
                await anyio.sleep(1)
                tasks.cancel_scope.cancel()
        anyio.run(run)
        """,
    )
    assert (code, errors) == (0, "")


def test_forks(tmp_path):
    where = place(tmp_path)
    code, out, errors = run_program(
        where,
        """
        async def run(by):
            await transcript.append([{"by": by}])
            assert not await one.aclose(60)
        child = os.fork()
        if child == 0:
            anyio.run(run, "child")
            sys.exit(0)
        _, status = os.waitpid(child, 0)
        assert status == 0
        anyio.run(transcript.append, [{"by": "parent"}])
        child = os.fork()
        if child == 0:
            for call in (lambda: transcript.append(["{}"]), one.sessions("p").list):
                try:
                    anyio.run(call)
                except mirrorbox.ClosedError as error:
                    print("spawn" in str(error), flush=True)
            sys.exit(0)
        os.waitpid(child, 0)
        assert not anyio.run(one.aclose)
        """,
    )
    assert (code, out.split(), errors) == (0, ["True", "True"], "")
    lines = where.run("show", "s", "--json").splitlines()
    assert lines == ['{"by":"child"}', '{"by":"parent"}']
