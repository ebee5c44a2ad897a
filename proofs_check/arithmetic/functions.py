"""Rational functions kept as products of polynomials: what the recursion makes of symbols.

As products they cancel by themselves.  Sums are put over common denominators one denominator at a time, deepest first,
so that what adds up over the children of a prefix cancels before it meets what adds up elsewhere.  Equality is that of
polynomials: no number is ever put in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from itertools import combinations
from math import prod
from typing import Any, Final, NamedTuple, TypeAlias

from proofs_check.arithmetic.element import Declined, rational
from proofs_check.arithmetic.exact import root_of

__all__ = ["Function", "Product", "Symbol", "polynomial_at", "symbols"]

# From `sympy.polys.rings`, which has no type annotations.
Polynomial: TypeAlias = Any
Ring: TypeAlias = Any

# A product of polynomials with more terms than this is not written out.
_MOST_TERMS: Final = 4_000


class Symbol(NamedTuple):
    """A symbol, by its number in the ring."""

    number: int


@dataclass(frozen=True)
class Product:
    """A rational times powers of symbols times powers of polynomials.

    Attributes
    ----------
    coefficient : Fraction
    powers : dict of Symbol to int
        None of them 0.
    factors : dict of polynomial to int
        Of primitive polynomials of more than one term, with positive leading coefficient; no exponent is 0.
    """

    coefficient: Fraction
    powers: Mapping[Symbol, int]
    factors: Mapping[Polynomial, int]

    @cached_property
    def denominator(self) -> frozenset[tuple[Polynomial, int]]:
        """The factors with negative exponents."""
        return frozenset((factor, e) for factor, e in self.factors.items() if e < 0)

    def times(self, other: "Product") -> "Product":
        """Multiply."""
        coefficient = self.coefficient * other.coefficient
        return Product(coefficient, _merged(self.powers, other.powers), _merged(self.factors, other.factors))

    def inverse(self) -> "Product":
        """Return one over it."""
        powers, factors = ({x: -e for x, e in table.items()} for table in (self.powers, self.factors))
        return Product(1 / self.coefficient, powers, factors)


def _merged(one: Mapping[Any, int], other: Mapping[Any, int]) -> Mapping[Any, int]:
    if not one or not other:
        return one or other
    found = dict(one)
    for x, e in other.items():
        total = found.get(x, 0) + e
        if total:
            found[x] = total
        else:
            del found[x]
    return found


# -- sums --------------------------------------------------------------------------------------------------------------


def _total(ring: Ring, terms: Sequence[Product]) -> list[Product]:
    """Return the sum of products as one product, or none where it is 0."""
    groups: dict[Any, list[Product]] = {}
    for term in terms:
        groups.setdefault(term.denominator, []).append(term)
    while True:
        several = [group for group in groups.values() if len(group) > 1]
        chosen: Sequence[Product]
        if several:
            chosen = max(several, key=lambda group: -sum(e for _, e in group[0].denominator))
        elif len(groups) > 1:
            # No two have the same denominator: those two first whose common one is smallest.
            pairs = combinations([group[0] for group in groups.values()], 2)
            chosen = min(pairs, key=lambda pair: len(pair[0].denominator ^ pair[1].denominator))
        else:
            return [term for group in groups.values() for term in group]
        for term in chosen:
            groups.pop(term.denominator, None)
        found = _added(ring, chosen)
        if found is not None:
            groups.setdefault(found.denominator, []).append(found)


def _added(ring: Ring, terms: Sequence[Product]) -> Product | None:
    """Return the sum of a few products: what they have in common, times a polynomial that is written out."""
    powers = _common([term.powers for term in terms])
    factors = _common([term.factors for term in terms])
    shared = Product(Fraction(1), powers, factors).inverse()
    total = reduce(lambda one, other: one + other, [_expanded(ring, term.times(shared)) for term in terms])
    if not total:
        return None
    return Product(Fraction(1), powers, factors).times(_product(ring, total))


def _common(tables: Sequence[Mapping[Any, int]]) -> dict[Any, int]:
    """Return the smallest exponent of each base."""
    bases = {base for table in tables for base in table}
    least = {base: min(table.get(base, 0) for table in tables) for base in bases}
    return {base: e for base, e in least.items() if e}


def _expanded(ring: Ring, term: Product) -> Polynomial:
    """Return a product without denominators as a polynomial over the rationals."""
    exponents = [0] * ring.ngens
    for symbol, e in term.powers.items():
        exponents[symbol.number] = e
    found = ring.from_dict({tuple(exponents): ring.domain(term.coefficient.numerator, term.coefficient.denominator)})
    if prod(len(factor) ** e for factor, e in term.factors.items()) > _MOST_TERMS:
        raise Declined(f"a polynomial of more than {_MOST_TERMS:,} terms: too large to write out.")
    for factor, e in term.factors.items():
        found = found * factor**e
    return found


def _product(ring: Ring, polynomial: Polynomial) -> Product:
    """Return a polynomial other than 0 as content, powers of symbols, and the rest."""
    monomials = list(polynomial.keys())
    least = tuple(map(min, zip(*monomials, strict=True)))
    powers = {Symbol(i): e for i, e in enumerate(least) if e}
    content, rest = polynomial.primitive()
    if rest.LC < 0:
        content, rest = -content, -rest
    coefficient = Fraction(int(content.numerator), int(content.denominator))
    if len(monomials) == 1:
        return Product(coefficient, powers, {})
    if powers:
        rest = ring.from_dict({tuple(map(int.__sub__, m, least)): c for m, c in rest.items()})
    return Product(coefficient, powers, {rest: 1})


def polynomial_at(polynomial: Polynomial, value: Callable[[int], Fraction]) -> Fraction:
    """Return the value of a polynomial where the symbols, by number, are these rationals."""
    return sum(
        (
            Fraction(int(c)) * prod(value(i) ** e for i, e in enumerate(monomial) if e)
            for monomial, c in polynomial.terms()
        ),
        Fraction(0),
    )


# -- the field ---------------------------------------------------------------------------------------------------------


class Function:
    """A rational function, as a sum of products that is carried out when its value is asked for."""

    __slots__ = ("_simple", "ring", "terms")

    def __init__(self, ring: Ring, terms: Sequence[Product]) -> None:
        self.ring = ring
        self.terms = terms
        self._simple = len(terms) <= 1

    @classmethod
    def constant(cls, ring: Ring, x: Any) -> "Function":
        """Return a rational number as a function."""
        value = rational(x)
        return cls(ring, [Product(value, {}, {})] if value else [])

    @property
    def product(self) -> Product | None:
        """Its value as one product; None for 0."""
        if not self._simple:
            self.terms, self._simple = _total(self.ring, self.terms), True
        return self.terms[0] if self.terms else None

    def _of(self, x: Any) -> "Function":
        return x if isinstance(x, Function) else Function.constant(self.ring, x)

    def __add__(self, other: Any) -> "Function":
        return Function(self.ring, [*self.terms, *self._of(other).terms])

    __radd__ = __add__

    def __neg__(self) -> "Function":
        return Function(self.ring, [Product(-term.coefficient, term.powers, term.factors) for term in self.terms])

    def __sub__(self, other: Any) -> "Function":
        return self + (-self._of(other))

    def __rsub__(self, other: Any) -> "Function":
        return self._of(other) - self

    def __mul__(self, other: Any) -> "Function":
        mine, theirs = self.product, self._of(other).product
        return Function(self.ring, [] if mine is None or theirs is None else [mine.times(theirs)])

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Function":
        mine, theirs = self.product, self._of(other).product
        if theirs is None:
            raise ZeroDivisionError("division by the function 0")
        return Function(self.ring, [] if mine is None else [mine.times(theirs.inverse())])

    def __rtruediv__(self, other: Any) -> "Function":
        return self._of(other) / self

    def __pow__(self, exponent: int) -> "Function":
        one = Function.constant(self.ring, 1)
        power = reduce(lambda x, _: x * self, range(abs(exponent)), one)
        return power if exponent >= 0 else one / power

    def root(self, exponent: Fraction) -> "Function":
        """Return a power of it, if that is rational."""
        if exponent.denominator == 1:
            return self ** int(exponent)
        product = self.product
        exponents = [] if product is None else [*product.powers.values(), *product.factors.values()]
        if product is None or any(e % exponent.denominator for e in exponents):
            raise Declined(f"the root of order {exponent.denominator} is no rational function.")
        if exponent.denominator % 2 == 0 and any(min(factor.coeffs()) < 0 for factor in product.factors):
            # The root is the one above 0, and which of two that is would depend on the symbols.
            raise Declined(f"the root of order {exponent.denominator} of what may have either sign is not taken.")
        powers, factors = (
            {x: int(e * exponent) for x, e in table.items()} for table in (product.powers, product.factors)
        )
        return Function(self.ring, [Product(root_of(product.coefficient, exponent), powers, factors)])

    def at(self, value: Callable[[int], Fraction]) -> Fraction:
        """Return its value where the symbols, by number, are these rationals."""
        product = self.product
        if product is None:
            return Fraction(0)
        found = product.coefficient * prod(value(symbol.number) ** e for symbol, e in product.powers.items())
        return found * prod(polynomial_at(factor, value) ** e for factor, e in product.factors.items())

    def __bool__(self) -> bool:
        return self.product is not None

    def __eq__(self, other: object) -> bool:
        return not (self - other)

    __hash__ = None  # type: ignore[assignment] # equal functions need not be the same product

    def __repr__(self) -> str:
        return " + ".join(f"{t.coefficient}·{dict(t.powers)}·{dict(t.factors)}" for t in self.terms) or "0"


def symbols(count: int) -> list[Function]:
    """Return so many symbols, in one field."""
    from sympy import QQ, ring

    field, *_ = ring([f"w{i}" for i in range(count)], QQ)
    return [Function(field, [Product(Fraction(1), {Symbol(i): 1}, {})]) for i in range(count)]
