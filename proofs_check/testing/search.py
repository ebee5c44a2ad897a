"""Look for an instance on which a function is wrong, and shrink it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, currently_in_test_context, given, seed, settings
from hypothesis.errors import Flaky

from proofs_check.testing.cases import Case, Options
from proofs_check.testing.drawn import cases
from proofs_check.testing.judging import Outcome, judge
from proofs_check.testing.kinds import Kind
from proofs_check.testing.witnesses import plainest, witnesses

__all__ = ["Found", "look"]

_LARGEST: Final = (3, 4)  # tokens, steps
_SMALLER: Final = ((1, 2), (2, 2), (1, 3), (2, 3))


@dataclass
class Found:
    """What a search found.

    Attributes
    ----------
    fixed : list of Outcome
        On the fixed instances.
    drawn : int
        How many instances were drawn besides.
    smallest : Outcome or None
        The smallest on which the function is wrong.
    ratio : float
        The largest residual over its bound, of a function that agrees.
    fickle : bool
        Whether it gave different answers to the same arguments.
    """

    fixed: list[Outcome] = field(default_factory=list)
    drawn: int = 0
    smallest: Outcome | None = None
    ratio: float = 0.0
    fickle: bool = False


class _Wrong(Exception):
    """The function is wrong on this instance."""


def look(kind: Kind, o: Options, function: Callable[..., Any]) -> Found:
    """Judge a function on the fixed instances and on drawn ones.

    Raises
    ------
    TabularBellmanError
        If it cannot be called on the plainest instance.
    """
    first = judge(kind, o, function, plainest(kind, o))
    if first.failure:
        raise kind.uncallable(o, first.failure)
    found = Found([first, *(judge(kind, o, function, case) for case in witnesses(kind, o))])
    _draw(kind, o, function, found, *_LARGEST)
    if found.smallest is not None:
        _try_smaller(kind, o, function, found)
    wrong = [outcome for outcome in found.fixed if not outcome.agrees]
    if found.smallest is None and wrong:
        found.smallest = wrong[0]
    if found.smallest is not None:
        again = [judge(kind, o, function, found.smallest.case) for _ in range(3)]
        found.fickle = found.fickle or not all(_same(outcome, found.smallest) for outcome in again)
    else:
        found.ratio = max([found.ratio, *(float(outcome.ratio.max(initial=0.0)) for outcome in found.fixed)])
    return found


def _same(x: Outcome, y: Outcome) -> bool:
    return x.failure == y.failure and np.array_equal(x.found, y.found, equal_nan=True)


def _try_smaller(kind: Kind, o: Options, function: Callable[..., Any], found: Found) -> None:
    """Draw again within smaller limits: shrinking changes one thing at a time, and can stop at a space too large."""
    assert found.smallest is not None
    space = found.smallest.case.space
    for max_tokens, max_length in _SMALLER:
        if max_tokens * max_length < space.n_tokens * space.max_length:
            again = Found()
            _draw(kind, o, function, again, max_tokens, max_length)
            if again.smallest is not None and again.smallest.failure == "" == found.smallest.failure:
                found.smallest = again.smallest
                return


def _draw(kind: Kind, o: Options, function: Callable[..., Any], found: Found, max_tokens: int, max_length: int) -> None:
    """Judge drawn instances, and leave the smallest on which the function is wrong in `found`."""

    def run() -> None:
        @seed(o.seed)
        @settings(
            max_examples=o.examples,
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
        )
        @given(cases(kind, o, max_tokens, max_length))
        def agrees(case: Case) -> None:
            outcome = judge(kind, o, function, case)
            if not outcome.agrees:
                found.smallest = outcome  # the last one to fail is the smallest
                raise _Wrong
            found.drawn += found.smallest is None
            found.ratio = max(found.ratio, float(outcome.ratio.max(initial=0.0)))

        agrees()

    try:
        if currently_in_test_context():  # in a user's own @given, into which Hypothesis lets no other
            with ThreadPoolExecutor(1) as pool:
                pool.submit(run).result()
        else:
            run()
    except _Wrong:
        pass
    except Flaky:
        found.fickle = True
