"""Many appends at once: each call's entries are there once, those of one key in the order of the calls."""

import multiprocessing
import threading

import anyio
import pytest
from support import BACKENDS, place

KEYS, CALLS = 8, 25


def key(number):
    return {"project_key": "p", "session_id": f"s{number % KEYS}"}


async def append_all(store, label):
    async with anyio.create_task_group() as tasks:
        for number in range(KEYS * CALLS):
            tasks.start_soon(store.append, key(number), [{"type": "x", "by": label, "n": number}])


async def check(store, labels):
    for session in range(KEYS):
        entries = await store.load(key(session))
        for label in labels:
            numbers = [entry["n"] for entry in entries if entry["by"] == label]
            assert sorted(numbers) == list(range(session, KEYS * CALLS, KEYS)), (session, label)
        assert len(entries) == CALLS * len(labels)


@pytest.mark.parametrize("backend", BACKENDS)
def test_tasks(tmp_path, backend):
    where = place(tmp_path)

    async def run():
        store = where.open()
        await append_all(store, "task")
        await check(store, ["task"])
        assert not await store.aclose(60)

    anyio.run(run, backend=backend)


def test_calls_of_one_key_keep_their_order_while_the_store_is_being_opened(tmp_path):
    where = place(tmp_path)

    async def run():
        store = where.open()
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(store.append, key(0), [{"n": number}])
        # asyncio begins tasks in the order in which they were made.
        assert [entry["n"] for entry in await store.load(key(0))] == list(range(50))
        await store.aclose(60)

    anyio.run(run)


def test_threads_with_loops_of_their_own(tmp_path):
    store = place(tmp_path).open()
    labels = [f"thread {number}" for number in range(4)]
    failed = []

    def work(label, backend):
        try:
            anyio.run(append_all, store, label, backend=backend)
        except BaseException as error:
            failed.append(error)

    backends = ["asyncio", "trio", "asyncio", "trio"]
    threads = [threading.Thread(target=work, args=pair) for pair in zip(labels, backends)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    anyio.run(check, store, labels)
    anyio.run(store.aclose)


def in_a_process(store, label):
    anyio.run(append_all, store, label)
    # What others wrote is read, too.
    assert anyio.run(store.load, key(0))


def test_forked_processes(tmp_path):
    # A store that was not used yet: each process opens a host of its own.
    store = place(tmp_path).open()
    fork = multiprocessing.get_context("fork")
    labels = [f"process {number}" for number in range(8)]
    processes = [fork.Process(target=in_a_process, args=(store, label)) for label in labels]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 8
    anyio.run(check, store, labels)
    anyio.run(store.aclose)
