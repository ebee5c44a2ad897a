"""The atoms of normal forms, and how sums are named.

An atom is a quantity at a place, ("at", name, prefix, action, response); a sum, ("sum", range, index, terms); the
inverse of a sum of terms, ("inverse", terms); or a logarithm, ("log", terms).
"""

from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import Any

from proofs_check.induction.polynomials import Atom, Polynomial

__all__ = ["depends", "is_inverse", "sum_atom"]


def sum_atom(prefix: str | None, bound: str, body: Polynomial) -> Atom:
    """Name a sum: its range, and its body with a name for the index that depends on the body alone."""
    deepest = max((_height(atom) for atom in body.atoms()), default=0)
    index = f"#{deepest + 1}"
    return ("sum", prefix, index, _with_index(body.items, bound, index))


@lru_cache(maxsize=100_000)
def _height(atom: Any) -> int:
    """Return how deeply sums are nested in an atom."""
    match atom[0]:
        case "at":
            return 0
        case "sum":
            return int(atom[2][1:])
        case _:
            return max((_height(inside) for inside in _inside(atom)), default=0)


@lru_cache(maxsize=100_000)
def depends(atom: Any, name: str) -> bool:
    """Whether a free name occurs in an atom."""
    match atom[0]:
        case "at":
            return name in (atom[2], atom[3]) or name in (atom[4] or ())
        case "sum":
            return atom[1] == name or any(depends(inside, name) for inside in _inside(atom))
        case _:
            return any(depends(inside, name) for inside in _inside(atom))


def _inside(atom: Any) -> Iterator[Hashable]:
    for monomial, _ in atom[-1]:
        for inside, _ in monomial:
            yield inside


def _with_index(items: Any, bound: str, index: str) -> Any:
    return frozenset(
        (frozenset((_atom_with_index(atom, bound, index), exponent) for atom, exponent in monomial), coefficient)
        for monomial, coefficient in items
    )


@lru_cache(maxsize=100_000)
def _atom_with_index(atom: Any, bound: str, index: str) -> Any:
    if not depends(atom, bound):
        return atom
    match atom[0]:
        case "at":
            _, name, prefix, action, response = atom
            swap = {bound: index}
            responses = None if response is None else tuple(swap.get(part, part) for part in response)
            return ("at", name, swap.get(prefix, prefix), swap.get(action, action), responses)
        case "sum":
            return ("sum", index if atom[1] == bound else atom[1], atom[2], _with_index(atom[3], bound, index))
        case _:
            return (atom[0], _with_index(atom[1], bound, index))


def is_inverse(atom: Any) -> bool:
    """Whether an atom is what a sum is divided by."""
    return bool(atom[0] == "inverse")
