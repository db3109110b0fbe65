"""The command ``mirrorbox``, which comes along."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def bundled() -> Path | None:
    """The command: the one in this package, else the one on the path."""
    command = Path(__file__).with_name("bin") / "mirrorbox"
    if command.is_file():
        return command
    found = os.environ.get("MIRRORBOX_COMMAND") or shutil.which("mirrorbox")
    # The script that pip installs leads here.
    if found is None or _is_script(Path(found)):
        return None
    return Path(found)


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True


def main() -> None:
    """Becomes the command."""
    command = bundled()
    if command is None:
        sys.exit("mirrorbox: this package was built without the command; install a released wheel")
    os.execv(command, ["mirrorbox", *sys.argv[1:]])
