"""Files that appear whole or not at all, and places refused before anything is computed for them."""

import os
from pathlib import Path

from tabular_bellman import TabularBellmanError

__all__ = ["refuse_place", "write_whole"]


def refuse_place(option: str, path: Path) -> None:
    """Refuse a place where no file could be written.

    Raises
    ------
    TabularBellmanError
        Naming the option.
    """
    if not path.name or path.is_dir():
        raise TabularBellmanError(f"{option} {path}: it must be a file, not a folder.")
    if not path.parent.is_dir():
        raise TabularBellmanError(f"{option} {path}: there is no folder {path.parent}.")


def write_whole(option: str, path: Path, text: str) -> None:
    """Write a text, whole or not at all.

    Raises
    ------
    TabularBellmanError
        Where it cannot be written, naming the option.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise TabularBellmanError(f"{option}: cannot write {path}: {error.strerror}.") from error
