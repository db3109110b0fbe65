"""The settings of an adapter, read by name and type; unknown names are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from .errors import Misconfigured

T = TypeVar("T")


def _parse(kind: Callable[[str], T], text: str) -> T:
    """`bool("false")` is true, so booleans are read by their names."""
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError("it is neither true nor false")
        return text == "true"  # type: ignore[return-value]
    return kind(text)


class Settings:
    """What the manifest's `[config]` says, as text; read as any type that can be made of text.

    Each setting that was asked for is a known one; `finish` refuses the others, so that a misspelt name is reported and
    not ignored.

    >>> settings = Settings({"bucket": "transcripts", "attempts": "3"})
    >>> settings.required("bucket"), settings.optional("attempts", int), settings.optional("prefix", default="")
    ('transcripts', 3, '')
    >>> settings.finish()
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)
        self._known: set[str] = set()

    def __repr__(self) -> str:
        """Names only: a value may be a secret."""
        return f"Settings({sorted(self._values)})"

    def required(self, name: str, kind: Callable[[str], T] = str) -> T:  # type: ignore[assignment]
        """A setting that must be there. `kind` makes the value of its text (`int`, `bool`, a function)."""
        value = self.optional(name, kind)
        if value is None:
            raise Misconfigured(f"setting `{name}` is missing: add it under [config]")
        return value

    def optional(self, name: str, kind: Callable[[str], T] = str, default: T | None = None) -> T | None:  # type: ignore[assignment]
        """A setting that may be left out. What `kind` raises must not quote a value that is secret."""
        self._known.add(name)
        text = self._values.get(name)
        if text is None:
            return default
        try:
            return _parse(kind, text)
        except ValueError as error:
            raise Misconfigured(f"setting `{name}` is not a {kind.__name__}: {error}") from error

    def finish(self) -> None:
        """Refuses the settings that nobody asked for, naming them and the known ones."""
        unknown = sorted(set(self._values) - self._known)
        if not unknown:
            return
        known = sorted(self._known)
        if not known:
            rest = "there are none"
        else:
            rest = f"known {'is' if len(known) == 1 else 'are'} {_quoted(known)}"
        raise Misconfigured(f"unknown setting{'s' if len(unknown) > 1 else ''} {_quoted(unknown)}; {rest}")


def _quoted(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
