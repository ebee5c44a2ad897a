"""Functions named on the command line, as package.module:function; the current folder counts."""

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tabular_bellman import TabularBellmanError

__all__ = ["hint", "load_function", "names_function"]

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def names_function(source: str) -> bool:
    """Tell whether a text has the form package.module:function."""
    return bool(_FUNCTION.fullmatch(source)) and not hint(source)


def hint(source: str) -> str:
    """Say what was meant by folder/file.py:function."""
    file, colon, function = source.partition(":")
    if colon and file.endswith(".py"):
        return f"; for a function in {file}, stand in its folder and write {Path(file).stem}:{function}"
    return ""


def load_function(what: str, source: str) -> Callable[..., Any]:
    """Import a function; `what` says in errors which argument named it.

    Raises
    ------
    TabularBellmanError
        If there is no such module or attribute, it is not callable, or importing it raises.
    """
    module_name, _, attribute = source.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the current folder, as `python -m` has it
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        own = error.name is not None and f"{module_name}.".startswith(f"{error.name}.")
        found_none = f"no module named {error.name!r} in the current folder or among installed packages"
        raise TabularBellmanError(
            f"{what} {source}: {found_none if own else f'importing {module_name} needs {error.name!r}: {error}'}."
        ) from error
    except (Exception, SystemExit) as error:
        raise TabularBellmanError(
            f"{what} {source}: importing {module_name} raised {type(error).__name__}: {error}."
        ) from error
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise TabularBellmanError(f"{what} {source}: {module_name} has no {attribute!r}: {error}.") from error
    if not callable(found):
        raise TabularBellmanError(f"{what} {source}: {attribute} is a {type(found).__name__}, not a function.")
    function: Callable[..., Any] = found
    return function
