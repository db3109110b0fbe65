"""Options of the agent's SDK with which nothing is lost."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shlex
import shutil
from pathlib import Path
from typing import TypeVar

from . import _command, _hosts
from ._store import SessionStore
from .errors import ConfigError, InvalidError

Options = TypeVar("Options")

LARGEST_FRAME = 128 << 20
"""The command sends up to 100 MiB at once; the SDK takes 1 MiB unless it is told otherwise."""


def durable(
    options: Options,
    *,
    config: str | os.PathLike[str] | None = None,
    state: str | os.PathLike[str] | None = None,
) -> Options:
    """Options (``ClaudeAgentOptions``) with which each row is on local disk as soon as the SDK has it.

    The store is a :class:`SessionStore` unless the options have one, each frame is stored at once, and a frame may be
    as large as the command makes it. What the command writes after the SDK has stopped reading does not come this way:
    :func:`wrapped` has that, too.
    """
    store = getattr(options, "session_store", None)
    if store is None:
        store = SessionStore(config=config, state=state)
    elif config is not None or state is not None:
        raise InvalidError("the options have a session_store already, which has its own config= and state=")
    largest = max(getattr(options, "max_buffer_size", None) or 0, LARGEST_FRAME)
    return _replaced(options, session_store=store, session_store_flush="eager", max_buffer_size=largest)


def wrapped(
    options: Options,
    *,
    task: str | None = None,
    cwd_key: str | None = None,
    config: str | os.PathLike[str] | None = None,
    state: str | os.PathLike[str] | None = None,
) -> Options:
    """Options with which the command runs under ``mirrorbox run``: every row is kept, whatever becomes of this process.

    With a ``task``, the session that the task had last is gone on with, on whichever machine. ``resume``,
    ``continue_conversation`` and ``fork_session`` of the options do what they do otherwise. A ``session_store`` is left
    out: the rows come from the command itself.
    """
    where = _hosts.directories(config, state)
    run = [_program(), "run", "--config", str(where.config), "--state", str(where.state)]
    resume, goes_on = getattr(options, "resume", None), getattr(options, "continue_conversation", False)
    if task is not None and (resume or goes_on):
        raise InvalidError("a task says which session to go on with: leave resume and continue_conversation unset")
    for option, value in (("--task", task), ("--cwd-key", cwd_key), ("--resume", resume)):
        if value is not None:
            run += [option, value]
    if goes_on and not resume:
        run.append("--continue")
    if getattr(options, "fork_session", False):
        run.append("--fork")
    script = _script(where.state, [*run, "--", _agent(options)])
    return _replaced(
        options,
        cli_path=str(script),
        session_store=None,
        resume=None,
        continue_conversation=False,
        fork_session=False,
        max_buffer_size=max(getattr(options, "max_buffer_size", None) or 0, LARGEST_FRAME),
    )


def _replaced(options: Options, **changes: object) -> Options:
    if not dataclasses.is_dataclass(options):
        raise InvalidError(f"options are ClaudeAgentOptions, and not of the class {type(options).__name__}")
    return dataclasses.replace(options, **changes)  # type: ignore[type-var, return-value]


def _program() -> str:
    command = _command.bundled()
    if command is None:
        raise ConfigError("the command `mirrorbox` is not there: install a released wheel, or put it on the path")
    return str(command.resolve())


def _agent(options: object) -> str:
    """The command that the SDK would start."""
    named = getattr(options, "cli_path", None)
    if named:
        return str(named)
    try:
        import claude_agent_sdk
    except ImportError:
        bundled = None
    else:
        bundled = Path(claude_agent_sdk.__file__).with_name("_bundled") / "claude"
    if bundled is not None and bundled.is_file():
        return str(bundled)
    found = shutil.which("claude")
    if found is None:
        raise ConfigError("the command `claude` is not there: name it with cli_path")
    return found


def _script(state: Path, command: list[str]) -> Path:
    """A program that does what the command line says, with more arguments behind. One for each command line."""
    text = f"#!/bin/sh\nexec {shlex.join(command)} \"$@\"\n"
    folder = state / "wrappers"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    script = folder / hashlib.sha256(text.encode()).hexdigest()[:32]
    if not script.exists():
        fresh = folder / f"{script.name}.{os.getpid()}"
        fresh.write_text(text)
        fresh.chmod(0o700)
        fresh.replace(script)
    return script
