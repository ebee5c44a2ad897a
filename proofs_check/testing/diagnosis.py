"""Which mistake of the registry reproduces a function's numbers.

A mistake is named only if its wrong variant gives their numbers on every instance at hand (or, if there is none, on
every one without large numbers, or with nothing forbidden besides, as the report then says), and is told apart from the
right answer on one of them at least.  Two that fit are both named.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from proofs_check.claim import Mistake
from proofs_check.draws import FORMATS
from proofs_check.evidence import planted
from proofs_check.mistakes import MISTAKES
from proofs_check.testing.arrays import Arrays
from proofs_check.testing.cases import Case, Options
from proofs_check.testing.judging import Outcome, flat
from proofs_check.testing.kinds import Kind
from tabular_bellman import TabularBellmanError
from tabular_bellman.extended import FloatArray

__all__ = ["candidates", "diagnose"]

_SINGLE: Final = "single-precision"
_SINGLE_ERROR: Final = (2.0**-29, 2.0**-21)  # of a number that is rounded to float32 on the way
_LARGE: Final = 20.0


def candidates(kind: Kind, o: Options) -> list[Mistake]:
    """Return the mistakes that a function of this kind can make."""
    routes = kind.routes(o)
    return [mistake for mistake in MISTAKES if mistake.replaces in routes]


def diagnose(kind: Kind, o: Options, outcomes: Sequence[Outcome]) -> tuple[list[Mistake], str]:
    """Return the mistakes that reproduce the numbers, and on what; outcomes without numbers are passed over.

    If none does so on all instances, those are tried on which no number is large, then those of them on which nothing
    is forbidden.
    """
    numbers = [outcome for outcome in outcomes if not outcome.failure]
    if o.arrays.dtype == "float64" and _single_precision(o, numbers):
        return [mistake for mistake in MISTAKES if mistake.name == _SINGLE], "everywhere"
    modest = [outcome for outcome in numbers if outcome.case.largest <= _LARGE]
    ordinary = [outcome for outcome in modest if not outcome.case.forbids]
    for where, chosen in (("everywhere", numbers), ("modest", modest), ("ordinary", ordinary)):
        found = [mistake for mistake in candidates(kind, o) if _reproduces(kind, o, mistake, chosen)]
        if found:
            return found, where
    return [], ""


def _single_precision(o: Options, outcomes: Sequence[Outcome]) -> bool:
    """Tell whether what is off is kept in float32, or off by as much as a number kept in float32 leaves."""
    if not all(_right_in_float32(o, outcome) for outcome in outcomes):
        return False
    off = [
        (outcome.found[wrong], outcome.residual[wrong]) for outcome in outcomes if (wrong := outcome.ratio > 1.0).any()
    ]
    if not off:
        return False
    found, residual = (np.concatenate(parts) for parts in zip(*off, strict=True))
    with np.errstate(over="ignore", invalid="ignore"):
        kept = np.mean(found == found.astype(np.float32))
        relative = np.median(residual / np.maximum(np.abs(found), 1.0))
    return bool(kept >= 0.5 or _SINGLE_ERROR[0] <= relative <= _SINGLE_ERROR[1])


def _right_in_float32(o: Options, outcome: Outcome) -> bool:
    double, single = FORMATS["float64"], FORMATS["float32"]
    bound = 2.0 ** (double.bits - single.bits) * (outcome.answer.bound - o.tolerance) + single.smallest
    return bool((outcome.residual <= bound).all())


def _reproduces(kind: Kind, o: Options, mistake: Mistake, outcomes: Sequence[Outcome]) -> bool:
    tells = False
    for outcome in outcomes:
        wrong = _wrong(kind, o, mistake, outcome.case)
        if wrong is None or wrong.shape != outcome.found.shape:
            return False
        room = _room(o.arrays, outcome.answer.bound, wrong)
        if not _same(wrong, outcome.found, room)[outcome.counted].all():
            return False
        tells = tells or not _same(wrong, outcome.answer.right, room)[outcome.counted].all()
    return tells


def _wrong(kind: Kind, o: Options, mistake: Mistake, case: Case) -> FloatArray | None:
    """Return what the mistake gives, or None where it gives nothing."""
    try:
        with np.errstate(all="ignore"):
            wrong = flat(kind.routes(o)[mistake.replaces](planted(mistake), o, case))
            # In the registry an overflow stays finite, so that the library takes it.
            return np.where(np.abs(wrong) >= np.finfo(np.float64).max, np.copysign(np.inf, wrong), wrong)
    except TabularBellmanError:
        return None


def _room(arrays: Arrays, bound: FloatArray, wrong: FloatArray) -> FloatArray:
    """A wrong variant's own rounding is not analysed: three quarters of the digits must agree."""
    size = np.where(np.isfinite(wrong), np.abs(wrong), 0.0)
    return np.asarray(bound + arrays.unit_roundoff**0.75 * (1.0 + size))


def _same(x: FloatArray, y: FloatArray, room: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore"):
        return np.asarray((x == y) | (np.abs(x - y) <= room) | (np.isnan(x) & np.isnan(y)))
