"""What the backward recursion carries from children to parents: log Σ exp, expectations, the best completion.

A fold turns what its children carry, shape (K, V, n), and the rewards of the n prefixes, shape (A, n), into what these
carry, shape (K, n).  It works on blocks, in memory that it is lent, and does not know whether the children are those
of a tree or of a lattice of contexts.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tabular_bellman.extended import FloatArray, logsumexp, normalise
from tabular_bellman.implicit.functions import Checked

__all__ = ["Best", "Expectations", "Fold", "LogSum", "Scratch", "best_row", "joined", "log_sum_exp"]

_QUIET: Final[dict[str, Any]] = {
    "over": "ignore",
    "under": "ignore",
    "divide": "ignore",
    "invalid": "ignore",
}  # done again below
_SMALLEST_SUM: Final = 1e-280  # what was lost below the range of float64 is less than 1e-27 of it
_LARGEST: Final = 1e300  # stands for inf, where a product with 0 must be 0


class Scratch:
    """Work arrays by name, kept from block to block."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}

    def __call__(self, name: str, *shape: int, dtype: type = np.float64) -> Any:
        """Return an array of this shape, with anything in it."""
        size = shape[0] * (shape[1] if len(shape) > 1 else 1)
        kept = self._kept.get(name)
        if kept is None or kept.size < size:
            kept = self._kept[name] = np.empty(size, dtype)
        return kept[:size].reshape(shape)


class Fold(Protocol):
    """What is carried upwards, K numbers for each prefix."""

    @property
    def n_carried(self) -> int:
        """K."""

    @property
    def functions(self) -> Sequence[Checked]:
        """Functions whose numbers are needed besides the rewards."""

    def combine(
        self,
        steps: FloatArray,
        extras: Sequence[FloatArray],
        children: FloatArray | None,
        out: FloatArray,
        scratch: Scratch,
    ) -> None:
        """Write what the prefixes carry to `out`, (K, n).

        Parameters
        ----------
        steps : ndarray, shape (A, n)
            Rewards over the temperature.
        extras : sequence of ndarray, shape (A, n)
            The numbers of `functions`.
        children : ndarray, shape (K, V, n), or None at the last step
        out : ndarray, shape (K, n)
        scratch : Scratch

        Raises
        ------
        FloatingPointError
            Where a sum of two numbers overflows.
        """


def joined(steps: FloatArray, children: FloatArray | None, out: FloatArray) -> FloatArray:
    """Write steps + children, (V, n) for the tokens and nothing for EOS, to `out`; return `out`."""
    if children is None:
        np.copyto(out, steps)
        return out
    V = len(children)
    with np.errstate(over="raise", under="ignore"):
        np.add(steps[:V], children, out=out[:V])
    out[V:] = steps[V:]
    return out


def log_sum_exp(
    steps: FloatArray, children: FloatArray | None, out: FloatArray, terms: FloatArray
) -> NDArray[np.intp] | None:
    """Write log Σ_a exp(steps + children) to `out`; return the columns that needed a shift, None for none.

    Subtracting the maximum costs two passes, and is needed only where the sum is no ordinary number.

    Parameters
    ----------
    steps : ndarray, shape (A, n)
    children : ndarray, shape (V, n), or None
        Added to the rows of tokens.
    out : ndarray, shape (n,)
    terms : ndarray, shape (A, n)
        Left with exp(steps + children).
    """
    V = 0 if children is None else len(children)
    if children is not None:
        with np.errstate(over="raise", under="ignore"):
            np.add(steps[:V], children, out=terms[:V])
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        np.exp(terms[:V], out=terms[:V])
        np.exp(steps[V:], out=terms[V:])
        np.add.reduce(terms, axis=0, out=out)
        again = None
        if not (out.min() > _SMALLEST_SUM and out.max() < np.inf):
            again = np.flatnonzero(~((out > _SMALLEST_SUM) & (out < np.inf)))
        np.log(out, out=out)
    if again is not None:
        out[again] = logsumexp(_columns(steps, children, again))
    return again


def _columns(steps: FloatArray, children: FloatArray | None, columns: NDArray[np.intp]) -> FloatArray:
    """Return steps + children of some columns."""
    some = np.take(steps, columns, axis=1)
    return joined(some, None if children is None else np.take(children, columns, axis=1), some)


class LogSum:
    """Soft values over the temperature: log Σ exp over the completions of a prefix; eq. (6)."""

    n_carried = 1
    functions: Sequence[Checked] = ()

    def combine(
        self,
        steps: FloatArray,
        extras: Sequence[FloatArray],  # noqa: ARG002
        children: FloatArray | None,
        out: FloatArray,
        scratch: Scratch,
    ) -> None:
        """Write the soft values."""
        values = None if children is None else children[0]
        if len(steps) == 1:  # exact, as at the last step
            joined(steps, values, out)
        else:
            log_sum_exp(steps, values, out[0], scratch("terms", *steps.shape))


class Expectations:
    """Soft values, entropies to come, and expectations of what is to come; the chain rule of Appendix A.3."""

    def __init__(self, functions: Sequence[Checked] = (), *, entropy: bool = False) -> None:
        self.functions = tuple(functions)
        self.entropy = entropy

    @property
    def n_carried(self) -> int:
        """K: the value, the entropy if it is wanted, an expectation for each function."""
        return 1 + self.entropy + len(self.functions)

    def combine(
        self,
        steps: FloatArray,
        extras: Sequence[FloatArray],
        children: FloatArray | None,
        out: FloatArray,
        scratch: Scratch,
    ) -> None:
        """Write values, entropies and expectations."""
        values = None if children is None else children[0]
        policy, terms = scratch("policy", *steps.shape), scratch("terms", *steps.shape)
        again = log_sum_exp(steps, values, out[0], policy)
        log_policy = None if again is None else normalise(_columns(steps, values, again))
        with np.errstate(**_QUIET):
            np.divide(policy, np.add.reduce(policy, axis=0), out=policy)
            if log_policy is not None:
                policy[:, again] = np.exp(log_policy)
        row = 1
        if self.entropy:
            with np.errstate(**_QUIET):
                np.subtract(out[0], joined(steps, values, terms), out=terms)
                if log_policy is not None:
                    terms[:, again] = -log_policy
                np.minimum(terms, _LARGEST, out=terms)  # of what is forbidden
            self._expect(policy, terms, None if children is None else children[row], out[row])
            row += 1
        for numbers in extras:
            np.copyto(terms, numbers)
            self._expect(policy, terms, None if children is None else children[row], out[row])
            row += 1
        if len(steps) == 1:
            joined(steps, values, out[:1])  # exact, as `LogSum` has it

    @staticmethod
    def _expect(policy: FloatArray, terms: FloatArray, to_come: FloatArray | None, out: FloatArray) -> None:
        """Write Σ π (now + to come), with what is now in `terms`, which is lost."""
        with np.errstate(over="raise", under="ignore"):
            if to_come is not None:
                tokens = terms[: len(to_come)]
                np.add(tokens, to_come, out=tokens)
            np.multiply(policy, terms, out=terms)
            np.add.reduce(terms, axis=0, out=out)


class Best:
    """The largest sum of rewards over the completions of a prefix, and the length of the shortest that has it."""

    n_carried = 2
    functions: Sequence[Checked] = ()

    def combine(
        self,
        steps: FloatArray,
        extras: Sequence[FloatArray],  # noqa: ARG002
        children: FloatArray | None,
        out: FloatArray,
        scratch: Scratch,
    ) -> None:
        """Write sums and lengths; a length counts the steps left, EOS among them."""
        x = joined(steps, None if children is None else children[0], scratch("x", *steps.shape))
        np.maximum.reduce(x, axis=0, out=out[0])
        lengths = scratch("lengths", *steps.shape)
        lengths[...] = 1.0
        if children is not None:
            lengths[: children.shape[1]] += children[1]
        worse = np.less(x, out[0], out=scratch("worse", *steps.shape, dtype=np.bool_))
        np.copyto(lengths, np.inf, where=worse)
        np.minimum.reduce(lengths, axis=0, out=out[1])


def best_row(steps: FloatArray, children: FloatArray | None) -> int:
    """Return the row that `Best` chooses at one prefix: steps (A,), children (2, V); of equals the first."""
    sums, lengths = steps.copy(), np.ones(len(steps))
    if children is not None:
        V = children.shape[1]
        sums[:V] += children[0]
        lengths[:V] += children[1]
    return int(np.where(sums == sums.max(), lengths, np.inf).argmin())
