"""What the gallery is made of: a function as a user writes it, and what a check should say about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """One implementation.

    Attributes
    ----------
    name : str
        Of this entry alone.
    kind : str
        Which check judges it: "soft-bellman", "inverse", …
    function : callable
    options : mapping
        The keyword arguments of that check.
    mistakes : tuple of str
        Names from the registry, one of which is right for it; empty for right code.
    needs : str
        "torch", "jax", or empty.
    shows_at : tuple of int
        (tokens, max_length) that the shrunk counterexample should not exceed.
    """

    name: str
    kind: str
    function: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()
    needs: str = ""
    shows_at: tuple[int, int] = (2, 3)

    @property
    def style(self) -> str:
        """How it takes its tables."""
        names = (self.options.get("adapter", "dict"), self.options.get("array", ""), self.options.get("dtype", ""))
        return " ".join(filter(None, names))
