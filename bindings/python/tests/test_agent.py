"""The agent's real command, through the real SDK, with a stand-in for the model."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import anyio
import pytest
from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, query
from mirrorbox import SessionStore, durable, wrapped
from support import COMMAND, Place, place

PATIENCE = 120


class Machine:
    """A state directory and an agent's home, with the configuration that all machines have."""

    def __init__(self, shared: Place, folder: Path) -> None:
        self.config, self.state, self.home = shared.config, folder / "state", folder / "home"
        self.home.mkdir(parents=True)

    def options(self, work: Path, **more: object) -> ClaudeAgentOptions:
        environment = {"CLAUDE_CONFIG_DIR": str(self.home), "HOME": str(self.home), "TMPDIR": str(self.home)}
        return ClaudeAgentOptions(cwd=work, env=environment, permission_mode="default", **more)

    def durable(self, work: Path, **more: object) -> ClaudeAgentOptions:
        return durable(self.options(work, **more), config=self.config, state=self.state)

    def store(self) -> SessionStore:
        return SessionStore(config=self.config, state=self.state)

    def rows(self) -> list[dict]:
        """Those of the agent's own files that have an identity."""
        lines = [line for file in self.files() for line in file.read_text().splitlines()]
        rows = [json.loads(line) for line in lines if line.endswith("}")]
        return [row for row in rows if "uuid" in row]

    def files(self) -> list[Path]:
        """A resumed session is laid out in a folder for that, by the SDK or by `mirrorbox run`."""
        # What goes away meanwhile is passed over.
        walked = [step for folder in (self.home, self.state / "agents") for step in os.walk(folder)]
        projects = [(Path(root), names) for root, _, names in walked if Path(root).parent.name == "projects"]
        return [root / name for root, names in projects for name in names if name.endswith(".jsonl")]


async def ask(prompt: str, options: ClaudeAgentOptions) -> ResultMessage:
    with anyio.fail_after(PATIENCE):
        async for message in query(prompt=prompt, options=options):
            if isinstance(message, ResultMessage):
                result = message
    return result


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_another_machine_goes_on(tmp_path, work, backend):
    shared = place(tmp_path)
    one, other = (Machine(shared, tmp_path / name) for name in ("one", "other"))

    async def run():
        options = one.durable(work)
        first = await ask("Remember PINEAPPLE-42", options)
        assert not await options.session_store.aclose(60)
        options = other.durable(work, resume=first.session_id)
        second = await ask("RECALL", options)
        assert "PINEAPPLE-42" in second.result
        assert not await options.session_store.aclose(60)

    anyio.run(run, backend=backend)


def test_another_machine_goes_on_with_a_task(tmp_path, work):
    shared = place(tmp_path)

    async def run():
        answers = []
        for name, prompt in (("one", "Remember PINEAPPLE-42"), ("other", "RECALL")):
            machine = Machine(shared, tmp_path / name)
            options = wrapped(machine.options(work), task="t", config=machine.config, state=machine.state)
            answers.append((await ask(prompt, options)).result)
        assert "PINEAPPLE-42" in answers[1]

    anyio.run(run)


def test_a_destination_that_is_away_costs_nothing(tmp_path, work):
    shared = place(tmp_path)
    machine = Machine(shared, tmp_path / "one")
    shared.go_away()

    async def run():
        options = machine.durable(work)
        await ask("Remember PINEAPPLE-42", options)
        left = await options.session_store.aclose(0)
        assert left and left.left

    anyio.run(run)
    (tmp_path / "elsewhere").rename(shared.store)
    subprocess.run([COMMAND, "--config", shared.config, "--state", machine.state, "drain"], check=True)
    stored = "".join(file.read_text() for file in sorted(shared.store.rglob("*.jsonl")))
    assert machine.rows() and all(row["uuid"] in stored for row in machine.rows())


PROGRAM = """
    import anyio, os, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from support import Place
    import test_agent as tests
    shared, folder, work, way = Place.__new__(Place), *map(Path, sys.argv[3:5]), sys.argv[5]
    shared.config = Path(sys.argv[2])
    resume = sys.argv[6] or None
    machine = tests.Machine(shared, folder)
    # The SDK lays a resumed session out there.
    os.environ["TMPDIR"] = str(machine.home)
    options = machine.durable(work, resume=resume) if way == "durable" else tests.wrapped(
        machine.options(work, resume=resume), config=machine.config, state=machine.state)
    anyio.run(tests.ask, "HOLD", options)
"""


@pytest.mark.parametrize("is_resumed", [False, True])
@pytest.mark.parametrize("way", ["durable", "wrapped"])
def test_a_killed_program_loses_nothing(tmp_path, work, way, is_resumed):
    shared, folder, resume = place(tmp_path), tmp_path / "one", ""
    if is_resumed:

        async def begin() -> str:
            options = Machine(shared, tmp_path / "before").durable(work)
            result = await ask("Remember PINEAPPLE-42", options)
            assert not await options.session_store.aclose(60)
            return result.session_id

        resume = anyio.run(begin)
    arguments = [str(Path(__file__).parent), str(shared.config), str(folder), str(work), way, resume]
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments])
    machine = Machine.__new__(Machine)
    machine.config, machine.state, machine.home = shared.config, folder / "state", folder / "home"
    until = time.monotonic() + PATIENCE

    async def stored() -> set[str]:
        async with machine.store() as store:
            found: set[str] = set()
            for project in {file.parent.name for file in machine.files()}:
                for session in await store.list_sessions(project):
                    entries = await store.load({"project_key": project, "session_id": session["session_id"]})
                    found |= {entry["uuid"] for entry in entries or [] if "uuid" in entry}
            return found

    def wait_for(condition):
        while not (found := condition()):
            assert time.monotonic() < until and (child.poll() is None or child.returncode == -signal.SIGKILL)
            time.sleep(0.1)
        return found

    def on_disk() -> set[str]:
        return {row["uuid"] for row in machine.rows()}

    try:
        # The turn is under way: the prompt is in the agent's file.
        wait_for(lambda: any(row["type"] == "user" and "HOLD" in json.dumps(row) for row in machine.rows()))
        # The model answers nothing, so nothing more comes: all of the file is stored by now.
        if way == "durable":
            wait_for(lambda: on_disk() <= anyio.run(stored))
        before = on_disk()
    finally:
        child.kill()
        child.wait()
    if way == "wrapped":
        wait_for(lambda: on_disk() <= anyio.run(stored))
    assert before and before | on_disk() <= anyio.run(stored)
    print(f"{way}, resumed: {is_resumed}: all {len(before)} rows")
