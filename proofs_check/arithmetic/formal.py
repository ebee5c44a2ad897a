"""Elements of a field and linear combinations of their logarithms: what entropies and divergences are, exactly."""

from typing import Any, Self

from proofs_check.arithmetic.element import Declined, Element
from proofs_check.arithmetic.log import Log

__all__ = ["Formal"]


class Formal(Element):
    """A number in closed form: an element of a field plus a formal sum of multiples of logarithms of others.

    Attributes
    ----------
    constant : element of the field
    logs : dict
        Of each element whose logarithm occurs, the factor before it.
    """

    __slots__ = ("constant", "logs")

    def __init__(self, constant: Any = 0, logs: dict[Any, Any] | None = None) -> None:
        self.constant = self.element(constant)
        self.logs = {} if logs is None else logs

    # -- what a field has to say --------------------------------------------------------------------------------------

    @staticmethod
    def element(x: Any) -> Any:
        """Return a float, an integer or an element as an element of the field."""
        raise NotImplementedError

    @staticmethod
    def as_log(weight: Any) -> Log:
        """Return the logarithm of an element, as a carrier."""
        raise NotImplementedError

    @classmethod
    def log_of(cls, weight: Any) -> Self:
        """Return the logarithm of an element, as a number."""
        return cls(0, {} if weight == 1 else {weight: cls.element(1)})

    @staticmethod
    def root(weight: Any, exponent: Any) -> Any:
        """Return weight**exponent, if it is in the field."""
        raise NotImplementedError

    def is_zero(self) -> bool:
        """Decide whether it is 0."""
        raise NotImplementedError

    # -- arithmetic ---------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        parts = [f"{factor} log {argument}" for argument, factor in self.logs.items()]
        return " + ".join([str(self.constant), *parts] if self.constant or not parts else parts)

    @classmethod
    def of(cls, x: Any) -> Self:
        """Take a number of any kind that has such a form."""
        if isinstance(x, cls):
            return x
        if isinstance(x, Log):
            found: Self = x.number()
            return found
        return cls(x)

    def weight(self) -> Any:
        """Return the element of the field that it is."""
        if self.logs:
            raise Declined("a logarithm has no exact value.")
        return self.constant

    def exp(self) -> Self:
        """Return e to it, where that is in the field."""
        if self.constant:
            raise Declined("e to a rational number has no exact value.")
        found = self.element(1)
        for argument, factor in self.logs.items():
            found = found * self.root(argument, factor)
        return type(self)(found)

    def log(self) -> Log:
        """Return the logarithm of what has none in it."""
        return self.as_log(self.weight())

    def _plus(self, other: Any) -> Self:
        other = self.of(other)
        if not other.logs:
            return type(self)(self.constant + other.constant, self.logs)
        logs = dict(self.logs)
        for argument, factor in other.logs.items():
            logs[argument] = logs[argument] + factor if argument in logs else factor
            if not logs[argument]:
                del logs[argument]
        return type(self)(self.constant + other.constant, logs)

    def _times(self, other: Any) -> Self:
        other = self.of(other)
        if self.logs and other.logs:
            raise Declined("a product of two logarithms has no exact form here.")
        few, many = (self, other) if not self.logs else (other, self)
        factor = few.constant
        logs = {argument: c * factor for argument, c in many.logs.items()} if many.logs and factor else {}
        return type(self)(many.constant * factor, logs)

    def _inverse(self) -> Self:
        return type(self)(1 / self.weight())

    def __bool__(self) -> bool:
        return not self.is_zero()

    def __float__(self) -> float:
        raise Declined("no float is taken of it.")
