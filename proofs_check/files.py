"""Files that appear whole or not at all, places refused before anything is computed, and text that can be seen."""

import os
from contextlib import suppress
from pathlib import Path

from tabular_bellman import TabularBellmanError

__all__ = ["printable", "refuse_place", "write_whole"]


def printable(text: str, keep: str = "") -> str:
    """Return a text in which every character is seen: NUL, marks that turn the direction, … become ``\\x00``, ….

    What shows them as they are could be read as saying what it does not say, or not be written at all; `keep` are
    characters to leave alone.

    Examples
    --------
    >>> printable("a\\u202eb")
    'a\\\\u202eb'
    """
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


def refuse_place(option: str, path: Path) -> None:
    """Refuse a place where no file could be written, or where one would take the place of something else.

    Raises
    ------
    TabularBellmanError
        Naming the option.
    """
    try:
        if not path.name or path.is_dir():
            raise TabularBellmanError(f"{option} {path}: it must be a file, not a folder.")
        if not path.parent.is_dir():
            raise TabularBellmanError(f"{option} {path}: there is no folder {path.parent}.")
        if path.exists() and not path.is_file():
            raise TabularBellmanError(f"{option} {path}: it is there, and no regular file; name another.")
    except OSError as error:  # a name that is too long, or a folder that may not be looked into
        raise TabularBellmanError(f"{option} {path}: cannot be written: {error.strerror}.") from error


def write_whole(option: str, path: Path, text: str) -> None:
    """Write a text, whole or not at all; of a link, to where it leads.

    Raises
    ------
    TabularBellmanError
        Where it cannot be written, naming the option.
    """
    target = path.resolve()
    beside = target.with_name(f".{target.name}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, target)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise TabularBellmanError(f"{option}: cannot write {path}: {error.strerror}.") from error
