"""Polynomials with rational coefficients in free atoms, whose exponents may be negative.

An atom is any hashable value. Nothing is known about atoms but their names: what vanishes here vanishes whatever
numbers (not 0) stand for them.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from fractions import Fraction
from typing import Final, Union

__all__ = ["ONE", "Atom", "Coefficient", "Monomial", "Polynomial"]

Atom = Hashable
Monomial = frozenset[tuple[Atom, int]]
# Whole numbers are kept as such: they are much faster.
Coefficient = int | Fraction

ONE: Final[Monomial] = frozenset()


class Polynomial:
    """Σ coefficient · monomial.

    Parameters
    ----------
    terms : mapping of monomial to int or Fraction
        A monomial is a frozen set of pairs (atom, exponent).
    """

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Monomial, Coefficient] | None = None) -> None:
        self.terms: dict[Monomial, Coefficient] = {m: c for m, c in terms.items() if c} if terms else {}

    @classmethod
    def constant(cls, value: Coefficient) -> "Polynomial":
        """Return a number as a polynomial."""
        return cls({ONE: value.numerator if value.denominator == 1 else value})

    @classmethod
    def atom(cls, atom: Atom, exponent: int = 1) -> "Polynomial":
        """Return a power of an atom as a polynomial."""
        return cls({frozenset(((atom, exponent),)): 1})

    @classmethod
    def total(cls, summands: Iterable["Polynomial"]) -> "Polynomial":
        """Return a sum."""
        terms: dict[Monomial, Coefficient] = {}
        for summand in summands:
            for monomial, coefficient in summand.terms.items():
                terms[monomial] = terms[monomial] + coefficient if monomial in terms else coefficient
        return cls(terms)

    def __repr__(self) -> str:
        return f"Polynomial({self.terms!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.items)

    @property
    def items(self) -> frozenset[tuple[Monomial, Coefficient]]:
        """The terms, as a value to name atoms with."""
        return frozenset(self.terms.items())

    @property
    def is_zero(self) -> bool:
        """Whether nothing is left."""
        return not self.terms

    def number(self) -> Fraction | None:
        """Return the value if there are no atoms."""
        if not self.terms:
            return Fraction(0)
        return Fraction(self.terms[ONE]) if len(self.terms) == 1 and ONE in self.terms else None

    def __add__(self, other: Union["Polynomial", Coefficient]) -> "Polynomial":
        return Polynomial.total((self, _polynomial(other)))

    __radd__ = __add__

    def __neg__(self) -> "Polynomial":
        return Polynomial({monomial: -coefficient for monomial, coefficient in self.terms.items()})

    def __sub__(self, other: Union["Polynomial", Coefficient]) -> "Polynomial":
        return self + -_polynomial(other)

    def __rsub__(self, other: Union["Polynomial", Coefficient]) -> "Polynomial":
        return -self + other

    def __mul__(self, other: Union["Polynomial", Coefficient]) -> "Polynomial":
        found: dict[Monomial, Coefficient] = {}
        theirs = _polynomial(other).terms
        for mine, c in self.terms.items():
            for its, d in theirs.items():
                product = _times(mine, its) if mine and its else mine or its
                found[product] = found[product] + c * d if product in found else c * d
        return Polynomial(found)

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> "Polynomial":
        if exponent < 0:
            if len(self.terms) != 1:
                raise ZeroDivisionError("only a single term has an inverse among polynomials")
            ((monomial, coefficient),) = self.terms.items()
            inverse = frozenset((atom, -k) for atom, k in monomial)
            return (Polynomial({inverse: 1}) * Polynomial.constant(1 / Fraction(coefficient))) ** -exponent
        found = Polynomial.constant(1)
        for _ in range(exponent):
            found = found * self
        return found

    def substituted(self, value: Callable[[Atom], "Polynomial | None"]) -> "Polynomial":
        """Return the polynomial with values for some atoms (None: as it is); those must have exponents of 0 or more."""
        return Polynomial.total(
            _product(coefficient, ((atom, value(atom), exponent) for atom, exponent in monomial))
            for monomial, coefficient in self.terms.items()
        )

    def atoms(self) -> set[Atom]:
        """Return the atoms that occur."""
        return {atom for monomial in self.terms for atom, _ in monomial}

    def degree_in(self, atom: Atom) -> int:
        """Return the largest exponent of an atom, 0 where there is none."""
        return max((dict(monomial).get(atom, 0) for monomial in self.terms), default=0)


def _product(coefficient: Coefficient, powers: Iterable[tuple[Atom, Polynomial | None, int]]) -> Polynomial:
    found = Polynomial({ONE: coefficient})
    for atom, inside, exponent in powers:
        found = found * (Polynomial.atom(atom, exponent) if inside is None else inside**exponent)
    return found


def _times(mine: Monomial, theirs: Monomial) -> Monomial:
    exponents = dict(mine)
    for atom, exponent in theirs:
        exponents[atom] = exponents.get(atom, 0) + exponent
    return frozenset((atom, exponent) for atom, exponent in exponents.items() if exponent)


def _polynomial(value: Polynomial | Coefficient) -> Polynomial:
    return value if isinstance(value, Polynomial) else Polynomial.constant(value)
