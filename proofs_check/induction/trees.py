"""Random finite trees, and random rational numbers on them, for what the proofs say to be compared with enumeration."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Final

__all__ = ["Prefix", "Response", "World", "worlds"]


@dataclass(eq=False)
class Prefix:
    """A prefix: a node of the tree. The pair (s, a) is known by the prefix s·a that it leads to.

    Attributes
    ----------
    above : Prefix or None
    below : list of Prefix
        One for each allowed action; none after the last step.
    """

    above: "Prefix | None" = None
    below: list["Prefix"] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """How many steps lead here."""
        return 0 if self.above is None else self.above.depth + 1

    def grown(self, number: int) -> list["Prefix"]:
        """Add actions and return the prefixes that they lead to."""
        self.below += [Prefix(self) for _ in range(number)]
        return self.below[len(self.below) - number :]


Response = tuple[Prefix, ...]


@dataclass(eq=False)
class World:
    """One tree with numbers on it.

    Attributes
    ----------
    root : Prefix
    label : str
    numbers : dict of str to Fraction
        The same everywhere.
    at : dict of (str, Prefix) to Fraction
        At prefixes, or for the pair that leads to one.
    """

    root: Prefix
    label: str
    numbers: dict[str, Fraction] = field(default_factory=dict)
    at: dict[tuple[str, Prefix], Fraction] = field(default_factory=dict)
    _responses: dict[Prefix, list[Response]] = field(default_factory=dict)

    def prefixes(self) -> list[Prefix]:
        """Return all prefixes, the ends among them."""
        found, waiting = [], [self.root]
        while waiting:
            s = waiting.pop()
            found.append(s)
            waiting += s.below
        return found

    def responses(self, s: Prefix) -> list[Response]:
        """Return the responses below a prefix, each as the prefixes on its way; after the end, the empty one."""
        if s not in self._responses:
            found: list[Response] = []
            waiting: list[tuple[Prefix, Response]] = [(s, ())]
            while waiting:
                at, path = waiting.pop()
                if not at.below:
                    found.append(path)
                waiting += [(s_a, (*path, s_a)) for s_a in at.below]
            self._responses[s] = found
        return self._responses[s]

    def prefixes_below(self, s: Prefix) -> Iterator[tuple[Prefix, Response]]:
        """Yield every prefix below s that is before the end, s itself first, with the way to it."""
        waiting: list[tuple[Prefix, Response]] = [(s, ())]
        while waiting:
            at, path = waiting.pop(0)
            if at.below:
                yield at, path
            waiting += [(s_a, (*path, s_a)) for s_a in at.below]


# -- shapes ------------------------------------------------------------------------------------------------------------


def _with_eos(vocab: int, length: int) -> Prefix:
    root = Prefix()
    level = [root]
    for t in range(length):
        for s in level:
            s.grown(1)
        level = [s_a for s in level for s_a in s.grown(vocab)] if t < length - 1 else []
    return root


def _fixed_length(vocab: int, length: int) -> Prefix:
    root = Prefix()
    level = [root]
    for _ in range(length):
        level = [s_a for s in level for s_a in s.grown(vocab)]
    return root


def _ragged(rng: Random, depth: int) -> Prefix:
    root = Prefix()
    level = [root]
    for t in range(1, depth + 1):
        going = {s: rng.randrange(3) if t < depth else 0 for s in level}
        for s in level:
            s.grown(rng.randrange(2) if going[s] else rng.randint(1, 2))
        level = [s_a for s in level for s_a in s.grown(going[s])]
    return root


def _wide(rng: Random) -> Prefix:
    """A prefix with many actions below one with two, and one with more below that."""
    root = Prefix()
    many, _ = root.grown(2)
    further = many.grown(rng.randint(5, 6))
    further[0].grown(rng.randint(2, 5))
    return root


def _forbidden(rng: Random, root: Prefix) -> Prefix:
    """Take a third of the actions away, but not the last one of a prefix."""
    waiting = [root]
    while waiting:
        s = waiting.pop()
        kept = [s_a for s_a in s.below if rng.random() > 1 / 3]
        s.below = kept or s.below[:1]
        waiting += s.below
    return root


_SHAPES: Final[tuple[tuple[str, Callable[[Random], Prefix]], ...]] = (
    ("up to 1 token and EOS, V = 1", lambda _: _with_eos(1, 2)),
    ("after the last step", lambda _: Prefix()),
    ("2 tokens, V = 2, no EOS", lambda _: _fixed_length(2, 2)),
    ("ragged", lambda rng: _ragged(rng, 4)),
    ("many actions after the first", _wide),
    ("up to 3 tokens and EOS, V = 1", lambda _: _with_eos(1, 4)),
    ("up to 2 tokens and EOS, V = 2, some forbidden", lambda rng: _forbidden(rng, _with_eos(2, 3))),
    ("1 token, V = 7, no EOS", lambda _: _fixed_length(7, 1)),
    ("EOS alone", lambda _: _with_eos(0, 1)),
    ("ragged, deeper", lambda rng: _ragged(rng, 5)),
    ("2 tokens, V = 3, no EOS, some forbidden", lambda rng: _forbidden(rng, _fixed_length(3, 2))),
    ("up to 2 tokens and EOS, V = 2", lambda _: _with_eos(2, 3)),
)


# -- numbers -----------------------------------------------------------------------------------------------------------


def worlds(number: int, seed: int) -> Iterator[World]:
    """Yield trees of all shapes in turn, with new numbers each time."""
    rng = Random(seed)
    for index in range(number):
        label, shape = _SHAPES[index % len(_SHAPES)]
        world = World(shape(rng), label)
        _fill(world, rng)
        yield world


def _weight(rng: Random) -> Fraction:
    return Fraction(rng.randint(1, 5), rng.randint(1, 3))


def _fill(world: World, rng: Random) -> None:
    spread = 1 + _weight(rng)
    world.numbers = {"e^ε": spread, "x": Fraction(rng.randint(-5, 5), 3)}
    pairs = [s for s in world.prefixes() if s.above is not None]
    marked = rng.choice(pairs) if pairs and rng.random() < 0.5 else None
    for s in world.prefixes():
        end = not s.below
        world.at["e^φ", s] = Fraction(1) if end else _weight(rng)
        world.at["ρ", s] = _weight(rng)
        world.at["start", s] = Fraction(1) if end else _weight(rng)
        world.at["e^c", s] = _weight(rng)
        world.at["e^ε(s)", s] = 1 + _weight(rng)
        slack = rng.choice((0, 0, 1))
        world.at["slack", s] = Fraction(0 if end else slack)
    for s in pairs:
        assert s.above is not None
        for name in ("e^r", "e^f", "π_ref"):
            world.at[name, s] = _weight(rng)
        world.at["d", s] = Fraction(s is marked) if marked else Fraction(rng.randint(-3, 3), rng.randint(1, 3))
        local = world.at["e^ε(s)", s.above]
        world.at["e^g", s] = world.at["e^f", s] * _within(rng, spread)
        world.at["e^k", s] = world.at["e^f", s] * _within(rng, local) / world.at["e^c", s.above]


def _within(rng: Random, most: Fraction) -> Fraction:
    """Return a number between 1/most and most, the ends among them."""
    return rng.choice((most, 1 / most, Fraction(1), (1 + most) / 2, 2 / (1 + most)))
