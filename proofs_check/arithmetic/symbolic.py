"""Rational functions of the rewards' exponentials, and combinations of their logarithms: numbers for every reward."""

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from typing import Any

from proofs_check.arithmetic.element import Declined, rational
from proofs_check.arithmetic.exact import Exact, root_of
from proofs_check.arithmetic.formal import Formal
from proofs_check.arithmetic.functions import Function, Product, Symbol, polynomial_at
from proofs_check.arithmetic.log import Log
from proofs_check.arithmetic.logarithms import over_coprime_base

__all__ = ["Symbolic", "SymbolicLog"]


class Symbolic(Formal):
    """A rational function plus a formal sum of multiples of logarithms of rationals, symbols and polynomials."""

    __slots__ = ()

    @staticmethod
    def element(x: Any) -> Any:
        return x if isinstance(x, Function) else rational(x)

    @staticmethod
    def as_log(weight: Any) -> "SymbolicLog":
        _refuse_either_sign(weight)
        return SymbolicLog(weight)

    @classmethod
    def log_of(cls, weight: Any) -> "Symbolic":
        """Return the logarithm of a function that is above 0: of its coefficient, its symbols, its polynomials."""
        product = _refuse_either_sign(weight)
        logs: dict[Any, Any] = {base: Fraction(e) for base, e in (*product.powers.items(), *product.factors.items())}
        coefficient = product.coefficient
        return cls(0, logs if coefficient == 1 else {coefficient: Fraction(1), **logs})

    @staticmethod
    def root(weight: Any, exponent: Any) -> Any:
        if not isinstance(exponent, Fraction):
            raise Declined("a power with a function as its exponent is no rational function.")
        if isinstance(weight, Fraction):
            return root_of(weight, exponent)
        if isinstance(weight, Function):
            return weight.root(exponent)
        raise Declined("the power of a symbol is asked for out of its field.")

    def is_zero(self) -> bool:
        """Decide whether it is 0 whatever the symbols stand for.

        It is if every factor is.  If not, some values of the symbols, all of them rationals above 0, have to show it.
        """
        if not self.logs:
            return not self.constant
        rationals = {x: factor for x, factor in self.logs.items() if isinstance(x, Fraction)}
        others = [factor for x, factor in self.logs.items() if not isinstance(x, Fraction)]
        if not any((self.constant, *others, *over_coprime_base(rationals).values())):
            return True
        for start in (2, 11):
            with suppress(ZeroDivisionError, Declined):  # a pole, or the logarithm of 0
                if not self.at(lambda symbol, start=start: _generic(symbol + start)).is_zero():  # type: ignore[misc]
                    return False
        raise Declined("whether it is 0 is open: its logarithms may depend on one another.")

    def at(self, value: Callable[[int], Fraction]) -> Exact:
        """Return its value where the symbols, by number, are these rationals above 0."""

        def evaluated(x: Any) -> Fraction:
            return x.at(value) if isinstance(x, Function) else x

        found = Exact(evaluated(self.constant))
        for argument, factor in self.logs.items():
            found += evaluated(factor) * Exact.log_of(_at(argument, value))
        return found

    def _sign(self) -> int:
        """Return the sign of what has no symbol in it, or is 0."""
        if self._without_symbols():
            return self.at(_no_symbol)._sign()
        if self.is_zero():
            return 0
        raise Declined("a function of the rewards has no one sign.")

    def _without_symbols(self) -> bool:
        rationals = all(isinstance(x, Fraction) for x in self.logs)
        return rationals and all(_is_rational(x) for x in (self.constant, *self.logs.values()))


def _refuse_either_sign(weight: Any) -> Product:
    """Return what a logarithm is taken of as a product; refuse what is not plainly above 0 for all symbols above 0."""
    product = weight.product if isinstance(weight, Function) else Product(rational(weight), {}, {})
    if product is None or product.coefficient <= 0 or any(min(factor.coeffs()) < 0 for factor in product.factors):
        raise Declined("the logarithm of what is not plainly above 0 is not taken.")
    return product


def _is_rational(x: Any) -> bool:
    product = x.product if isinstance(x, Function) else None
    return product is None or not (product.powers or product.factors)


def _no_symbol(_: int) -> Fraction:
    raise AssertionError("there is no symbol in it")


def _generic(n: int) -> Fraction:
    # Unlike n itself: hardly a relation between symbols holds among fifth powers by accident.
    return Fraction(pow(n, 5, 10_007), 7)


def _at(argument: Any, value: Callable[[int], Fraction]) -> Fraction:
    if isinstance(argument, Fraction):
        return argument
    if isinstance(argument, Symbol):
        return value(argument.number)
    return polynomial_at(argument, value)


class SymbolicLog(Log):
    """The logarithm of a rational function."""

    __slots__ = ()
    plain = Symbolic
