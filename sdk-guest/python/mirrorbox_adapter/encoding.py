"""Parts of a key as names in a backend: injective, so that two keys never share a place.

Join encoded parts with any character that is not among ASCII letters, digits and `-_.~%`: then (`a:b`, `c`) and
(`a`, `b:c`) stay apart, and `..` leads nowhere.

>>> encode("subagents/agent-A1"), decode("subagents%2Fagent-A1")
('subagents%2Fagent-A1', 'subagents/agent-A1')
>>> encode_file_name("-srv-App"), encode_file_name("..")
('-srv-%41pp', '%2E%2E')
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

MAX_FILE_NAME = 200
"""The most bytes in what `encode_file_name` makes. File systems take 255; this leaves room for a suffix."""

_READABLE = 120
"""How much of a long name stays readable."""

_DEVICE = re.compile(r"(con|prn|aux|nul|com|lpt)[0-9]?(\.|\Z)")
"""Windows opens a device under these names, in any case and with any extension."""

_ESCAPE = re.compile(rb"%([0-9A-F]{2})|%|([^%]+)", re.DOTALL)

_LOWER = frozenset(b"abcdefghijklmnopqrstuvwxyz")
_PLAIN = frozenset(b"0123456789-_")
_SAFE = _LOWER | _PLAIN | frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DOT = ord(".")


def encode(part: str) -> str:
    """Percent-encodes every byte but ASCII letters, digits and `-_.`; and the dots where there is nothing else.

    For backends that take names as they are: object stores, databases.
    """
    only_dots = not part.strip(".")
    return _percent_encode(part, lambda _, byte: byte in _SAFE or (byte == _DOT and not only_dots))


def decode(encoded: str) -> str | None:
    """What `encode` made this of; `None` if it made nothing like it."""
    part = _percent_decode(encoded)
    return part if part is not None and encode(part) == encoded else None


def encode_file_name(part: str) -> str:
    """A file name of at most `MAX_FILE_NAME` bytes, all lower-case ASCII but for the digits of an escape.

    Different parts give different names, also on a file system that folds case, normalises Unicode, drops trailing dots
    or reserves names. No name begins with a dot. One that is too long keeps its beginning and ends in `~` and the
    SHA-256 of the part (`is_hashed`); an adapter that lists keys stores the part beside it.
    """
    last = len(part.encode()) - 1
    device = _DEVICE.match(part) is not None

    def safe(at: int, byte: int) -> bool:
        if byte == _DOT:
            return at not in (0, last)
        return byte in _PLAIN or (byte in _LOWER and not (at == 0 and device))

    name = _percent_encode(part, safe)
    return name if len(name) <= MAX_FILE_NAME else _hashed(name, part)


def decode_file_name(name: str) -> str | None:
    """What `encode_file_name` made this of; `None` if it was too long to be kept, or if it made nothing like it."""
    part = _percent_decode(name)
    return part if part is not None and encode_file_name(part) == name else None


def is_hashed(name: str) -> bool:
    """Whether `encode_file_name` shortened the part to this name."""
    return "~" in name


def _hashed(name: str, part: str) -> str:
    readable = name[:_READABLE]
    # An escape that was cut in two would look like another character.
    cut = readable.rfind("%")
    if cut > _READABLE - 3:
        readable = readable[:cut]
    return f"{readable}~{hashlib.sha256(part.encode()).hexdigest()}"


def _percent_encode(part: str, safe: Callable[[int, int], bool]) -> str:
    return "".join(chr(byte) if safe(at, byte) else f"%{byte:02X}" for at, byte in enumerate(part.encode()))


def _percent_decode(encoded: str) -> str | None:
    pieces = []
    for piece in _ESCAPE.finditer(encoded.encode()):
        digits, plain = piece.groups()
        if digits is None and plain is None:
            return None
        pieces.append(plain if digits is None else bytes.fromhex(digits.decode()))
    try:
        return b"".join(pieces).decode()
    except UnicodeDecodeError:
        return None
