"""Implementations as people write them, right and wrong, for the testing kit to judge.

Modules that need a library that is not installed are left out; `MISSING` says which, and what they need.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from gallery.entry import Entry
from proofs_check.testing import Report, check

__all__ = ["MISSING", "RIGHT", "WRONG", "Entry", "verdict"]

_MODULES: Final = {
    "recursions": "",
    "enumerations": "",
    "responses": "",
    "samplers": "",
    "padded": "",
    "decisions": "",
    "next_token": "",
    "library_tables": "",
    "with_torch": "torch",
    "with_jax": "jax",
}

MISSING: Final = {name: needs for name, needs in _MODULES.items() if needs and find_spec(needs) is None}
_LOADED: Final = [import_module(f"gallery.{name}") for name in _MODULES if name not in MISSING]

RIGHT: Final[tuple[Entry, ...]] = tuple(entry for module in _LOADED for entry in module.RIGHT)
WRONG: Final[tuple[Entry, ...]] = tuple(entry for module in _LOADED for entry in module.WRONG)


def verdict(entry: Entry, **settings: Any) -> Report:
    """Let the kit judge an implementation."""
    return check(entry.kind, entry.function, **{**entry.options, **settings}, throw=False)
