"""Forks, and the ends of processes."""

import os
import signal
import subprocess
import sys
import textwrap

import anyio
from support import environment, place

KEY = {"project_key": "p", "session_id": "s"}

BEGIN = """
    import anyio, os, sys, threading, time
    import mirrorbox
    store = mirrorbox.SessionStore(config=sys.argv[1], state=sys.argv[2])
    key = {"project_key": "p", "session_id": "s"}
"""


def program(where, text):
    code = textwrap.dedent(BEGIN) + textwrap.dedent(text)
    return [sys.executable, "-X", "faulthandler", "-c", code, str(where.config), str(where.state)]


def run(where, text):
    options = {"capture_output": True, "text": True, "timeout": 120, "env": environment()}
    done = subprocess.run(program(where, text), **options)
    return done.returncode, done.stdout, done.stderr


def loaded(where):
    async def load():
        async with where.open() as store:
            return await store.load(KEY)

    return anyio.run(load)


def test_everything_is_delivered_at_exit(tmp_path):
    where = place(tmp_path)
    code, _, errors = run(where, "anyio.run(store.append, key, [{'n': 1}])")
    assert (code, errors) == (0, "")
    assert "s" in where.run("sessions") and loaded(where) == [{"n": 1}]


def test_what_is_not_delivered_at_exit_is_told(tmp_path):
    where = place(tmp_path)
    where.go_away()
    code, _, errors = run(where, "anyio.run(store.append, key, [{'n': 1}]); mirrorbox._hosts.close_all(0)")
    assert code == 0 and "1 entries are not delivered yet" in errors, errors


def test_an_exit_in_the_middle_of_an_append_does_not_hang(tmp_path):
    where = place(tmp_path)
    code, _, errors = run(
        where,
        """
        def work():
            number = 0
            while True:
                anyio.run(store.append, key, [{"n": number}])
                number += 1
        anyio.run(store.append, key, [{"n": -1}])
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.2)
        """,
    )
    assert code == 0, errors
    assert loaded(where)[0] == {"n": -1}


def test_a_killed_process_loses_nothing_that_was_answered(tmp_path):
    where = place(tmp_path)
    text = """
        number = 0
        while True:
            anyio.run(store.append, key, [{"n": number}])
            print(number, flush=True)
            number += 1
        """
    child = subprocess.Popen(program(where, text), stdout=subprocess.PIPE, text=True, env=environment())
    for line in child.stdout:
        if int(line) >= 20:
            break
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().split()
    child.wait()
    answered = max(20, *map(int, rest)) if rest else 20
    numbers = [entry["n"] for entry in loaded(where)]
    assert numbers[: answered + 1] == list(range(answered + 1))
    assert numbers == list(range(len(numbers)))


def test_a_process_that_was_forked_behind_an_open_store_says_so_and_holds_nothing(tmp_path):
    where = place(tmp_path)
    code, said, errors = run(
        where,
        """
        anyio.run(store.append, key, [{"by": "parent"}])
        def below():
            state, found = os.path.realpath(sys.argv[2]) + os.sep, []
            for name in os.listdir("/proc/self/fd"):
                try:
                    found.append((os.readlink(f"/proc/self/fd/{name}") + os.sep).startswith(state))
                except OSError:
                    pass
            return sum(found)
        assert below() > 0
        child = os.fork()
        if child == 0:
            assert below() == 0
            for call in (store.append, store.load):
                try:
                    anyio.run(call, key, *([[{"by": "child"}]] if call == store.append else []))
                except mirrorbox.ClosedError as error:
                    print("spawn" in str(error), flush=True)
            sys.exit(0)
        _, status = os.waitpid(child, 0)
        anyio.run(store.append, key, [{"by": "parent"}])
        print(os.waitstatus_to_exitcode(status), len(anyio.run(store.load, key)), flush=True)
        """,
    )
    assert (code, said.split()) == (0, ["True", "True", "0", "2"]), errors


def test_the_command_is_on_the_path(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from mirrorbox._command import main; main()", "--version"],
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert done.returncode == 0 and done.stdout.startswith("mirrorbox "), done.stderr
