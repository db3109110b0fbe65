"""The page docs/python.md does what it says, and README's door."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import COMMAND, environment, place

ROOT = Path(__file__).parents[3]


def blocks_of(page):
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)


README = blocks_of("README.md")
BLOCKS = blocks_of("docs/python.md") + README
RUN = [block for block in BLOCKS if "query(" not in block]


def test_there_are_examples():
    assert len(README) == 1
    assert len(RUN) >= 3 and len(BLOCKS) > len(RUN)


@pytest.mark.parametrize("block", RUN)
def test_an_example_runs(tmp_path, block):
    if "claude_agent_sdk" in block:
        pytest.importorskip("claude_agent_sdk")
    where = place(tmp_path)
    home = {"MIRRORBOX_CONFIG": str(where.config), "XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    options = {"capture_output": True, "text": True, "timeout": 120, "env": {**environment(), **home}, "cwd": tmp_path}
    done = subprocess.run([sys.executable, "-c", block], **options)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_is_python(block):
    compile(block, "example", "exec", flags=0x2000)


def test_the_command_is_named():
    assert COMMAND != "None"
