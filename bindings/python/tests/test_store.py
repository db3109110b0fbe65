"""What the store offers beside the SDK's methods."""

import anyio
import pytest
from claude_agent_sdk import ClaudeAgentOptions
import mirrorbox
from mirrorbox import AwayError, ClosedError, ConfigError, InvalidError, MirrorboxError, durable, wrapped
from support import BACKENDS, place

KEY = {"project_key": "p", "session_id": "s"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_waits_is_named_until_it_is_delivered(tmp_path, backend):
    where = place(tmp_path)
    where.go_away()

    async def run():
        async with where.open() as store:
            await store.append(KEY, [{"n": 1}, {"n": 2}])
            left = await store.flush(0)
            assert left and left.left[0]["entries"] == 2 and "fs" in str(left)
            with anyio.fail_after(60):
                while not store.status()[0]["trouble"]:
                    await anyio.sleep(0.01)
            assert not store.status()[0]["open"]
            with pytest.raises(AwayError, match="no spool of this machine"):
                await store.load({**KEY, "session_id": "other"})
            (where.folder / "elsewhere").rename(where.store)
            store.retry()
            with anyio.fail_after(60):
                while await store.flush(5):
                    pass
            assert await store.load(KEY) == [{"n": 1}, {"n": 2}]

    anyio.run(run, backend=backend)


def test_events_come_until_the_store_is_closed(tmp_path):
    where = place(tmp_path)

    async def run():
        store, seen = where.open(), []
        stream = store.events()
        async with anyio.create_task_group() as tasks:

            async def listen():
                async for event in stream:
                    seen.append(event)

            tasks.start_soon(listen)
            await store.append(KEY, [{"n": 1}])
            while not any(event["name"] in ("opened", "loaded") for event in seen):
                await anyio.sleep(0.01)
            await store.aclose()
        assert all(event["text"] for event in seen)

    anyio.run(run)


def test_errors_say_what_to_do(tmp_path):
    where = place(tmp_path)

    async def run():
        absent = mirrorbox.SessionStore(config=tmp_path / "none", state=where.state)
        with pytest.raises(ConfigError, match="mirrorbox init"):
            await absent.append(KEY, [{}])
        with pytest.raises(ConfigError):
            await absent.load(KEY)
        bare = place(tmp_path / "bare")
        bare.run("adapters", "remove", "fs", "--yes")
        with pytest.raises(ConfigError, match="no adapters to deliver to"):
            await bare.open().append(KEY, [{}])
        store = where.open()
        for key in [{}, {"project_key": "p"}, {"project_key": "", "session_id": "s"}, {**KEY, "subpath": ""}]:
            with pytest.raises(InvalidError):
                await store.append(key, [{}])
        with pytest.raises(InvalidError, match="class `set`"):
            await store.append(KEY, [{"a": {1}}])
        assert await store.load(KEY) is None
        other = where.open()
        await store.append(KEY, [{"n": 1}])
        assert not await store.aclose()
        assert not await store.aclose()
        with pytest.raises(ClosedError):
            await store.append(KEY, [{}])
        # Its host lives for as long as somebody uses it.
        assert await other.load(KEY) == [{"n": 1}]
        await other.aclose()

    anyio.run(run)
    assert issubclass(InvalidError, ValueError) and issubclass(AwayError, MirrorboxError)


def test_durable_options(tmp_path):
    where = place(tmp_path)
    plain = ClaudeAgentOptions(model="m", max_buffer_size=1)
    options = durable(plain, config=where.config, state=where.state)
    assert isinstance(options.session_store, mirrorbox.SessionStore)
    assert (options.session_store_flush, options.model) == ("eager", "m")
    assert options.max_buffer_size >= 100 << 20 and plain.session_store is None
    again = durable(options)
    assert again.session_store is options.session_store
    with pytest.raises(InvalidError):
        durable(options, state=where.state)


def test_wrapped_options(tmp_path):
    where = place(tmp_path)
    places = {"config": where.config, "state": where.state}
    options = wrapped(ClaudeAgentOptions(cli_path="/bin/echo"), task="it's nightly", **places)
    with open(options.cli_path) as script:
        text = script.read()
    assert "run --config" in text and "'it'\"'\"'s nightly'" in text and text.endswith('-- /bin/echo "$@"\n')
    assert wrapped(ClaudeAgentOptions(cli_path="/bin/echo"), task="it's nightly", **places).cli_path == options.cli_path
    resumed = wrapped(ClaudeAgentOptions(cli_path="/bin/echo", resume="id", fork_session=True), **places)
    assert resumed.resume is None and not resumed.fork_session
    with pytest.raises(InvalidError):
        wrapped(ClaudeAgentOptions(resume="id"), task="t", **places)


def test_stores_of_the_same_directories_share_a_host_however_they_answer(tmp_path):
    where = place(tmp_path)
    where.state.mkdir(parents=True, exist_ok=True)
    (tmp_path / "link").symlink_to(where.state)

    async def run():
        linked = mirrorbox.SessionStore(config=where.config, state=tmp_path / "link")
        stores = [where.open(), where.open(while_away="local"), linked]
        for n in range(30):
            await stores[n % 3].append(KEY, [{"n": n}])
        assert [entry["n"] for entry in await stores[1].load(KEY)] == list(range(30))
        await stores[0].delete(KEY)
        await stores[1].append(KEY, [{"n": "after"}])
        for store in stores:
            assert await store.load(KEY) == [{"n": "after"}]
        where.go_away()
        await stores[2].append(KEY, [{"n": "last"}])
        # Others go on using the host: what is left is said all the same.
        for store in stores:
            assert await store.aclose(0)

    anyio.run(run)


def test_no_time_is_too_long(tmp_path):
    async def run():
        async with place(tmp_path).open() as store:
            await store.append(KEY, [{"n": 1}])
            assert not await store.flush(float("inf"))

    anyio.run(run)
