"""Their numbers beside the right ones: what differs by more than rounding can explain.

The bound comes from a running error analysis of the definition (see `BoundedLog` and `Real`), at the unit roundoff of
the dtype that the function computes in: over every route of the kind, with a softmax taken as q - log Σ exp q, the
form in which it loses most.  `ROOM` times that leaves space for another order of operations and for functions that
are off by more units in the last place than NumPy's.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check.testing.adapters import Unreadable
from proofs_check.testing.cases import Case, Options
from proofs_check.testing.kinds import Kind, Part
from proofs_check.toolkit import Toolkit, bounded_toolkit
from tabular_bellman.extended import FloatArray
from tabular_bellman.number_systems import Bounded, BoundedLog

__all__ = ["ORACLE", "ROOM", "Answer", "Outcome", "answer", "flat", "judge", "message"]

ROOM: Final = 4.0
"""How many times the running error of the definition a function may be off."""

_UNIT_ROUNDOFF: Final = 2.0**-53


class _AnyForm(BoundedLog):
    """Bounds that also hold for q - log Σ exp q, computed as it stands."""

    def normalise(self, x: Bounded) -> Bounded:
        found = super().normalise(x)
        total = self.sum(x)
        rows = Bounded(np.broadcast_to(total.value, x.shape), np.broadcast_to(total.error, x.shape))
        return Bounded(found.value, np.maximum(found.error, self.divide(x, rows).error))


ORACLE: Final[Toolkit[Bounded]] = bounded_toolkit(_AnyForm())
"""Every function in pairs of value and error."""


@dataclass(frozen=True)
class Answer:
    """The right numbers, flat, with their bounds.

    Attributes
    ----------
    parts : list of Part
    right, bound : ndarray of shape (n,)
    """

    parts: list[Part]
    right: FloatArray
    bound: FloatArray


def answer(kind: Kind, o: Options, case: Case) -> Answer:
    """Return the right numbers of a case, and how far rounding can take another program from them."""
    found = [route(ORACLE, o, case) for route in kind.routes(o).values()]
    right = flat(found[0])
    errors = np.max([_flat(parts, lambda x: x.error) for parts in found], axis=0)
    u = o.arrays.unit_roundoff
    errors = errors * (u / _UNIT_ROUNDOFF) + u * _flat(found[0], _size)
    # Probabilities below the smallest normal number may be lost; so may what is multiplied by them.
    return Answer(found[0], right, ROOM * errors + 8.0 * o.arrays.smallest + o.tolerance)


def _size(x: Bounded) -> FloatArray:
    """What one rounding is relative to: the number, and at least 1, since there is 1 - p, and log exp x."""
    return np.asarray(1.0 + np.abs(np.where(np.isfinite(x.value), x.value, 0.0)))


def flat(parts: list[Part]) -> FloatArray:
    """Return the values of all parts one after the other."""
    return _flat(parts, lambda x: x.value if isinstance(x, Bounded) else x)


def _flat(parts: list[Part], take: Callable[[Any], Any]) -> FloatArray:
    return np.concatenate(
        [np.asarray(take(value), dtype=np.float64).ravel() for part in parts for value in part.values]
    )


@dataclass(frozen=True)
class Outcome:
    """What became of one case.

    Attributes
    ----------
    case : Case
    failure : str
        Why there are no numbers, if there are none.
    theirs : list of Part
    found : ndarray of shape (n,)
        Their numbers, flat.
    answer : Answer
    """

    case: Case
    failure: str = ""
    theirs: list[Part] = field(default_factory=list)
    found: FloatArray = field(default_factory=lambda: np.zeros(0))
    answer: Answer = field(default_factory=lambda: Answer([], np.zeros(0), np.zeros(0)))

    @cached_property
    def residual(self) -> FloatArray:
        """How far each of their numbers is off: inf for NaN, and for infinity against a number."""
        with np.errstate(invalid="ignore"):
            apart = np.where(self.found == self.answer.right, 0.0, np.abs(self.found - self.answer.right))
        apart = np.where(np.isnan(apart), np.inf, apart)
        return np.where(self.counted, apart, 0.0)

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Where a number is asked for."""
        return np.concatenate(
            [
                (np.ones(value.size, bool) if part.counts is None else part.counts[i].ravel())
                for part in self.theirs
                for i, value in enumerate(part.values)
            ]
        )

    @cached_property
    def ratio(self) -> FloatArray:
        """The residual over the bound."""
        residual = self.residual
        with np.errstate(invalid="ignore", over="ignore"):
            return np.where(residual == 0.0, 0.0, residual / self.answer.bound)

    @property
    def vague(self) -> float:
        """The share of the numbers whose bound is more than a tenth of them."""
        size = np.abs(self.answer.right)
        told = self.counted & np.isfinite(size) & (size > 0.0)
        return float((self.answer.bound[told] > 0.1 * size[told]).mean()) if told.any() else 0.0

    @property
    def agrees(self) -> bool:
        """Whether every number lies within its bound."""
        return not self.failure and bool((self.ratio <= 1.0).all())

    @cached_property
    def worst(self) -> int:
        """The place of the number that is furthest beyond its bound; of equals, the one that is furthest off."""
        ratio, residual = self.ratio, self.residual
        return max(range(ratio.size), key=lambda i: (ratio[i], residual[i]))

    def where(self, place: int) -> tuple[Part, str]:
        """Name the number at a place."""
        for part in self.theirs:
            for depth, value in enumerate(part.values):
                if place < value.size:
                    return part, _label(self.case, part, depth, np.unravel_index(place, value.shape))
                place -= value.size
        raise IndexError(place)


def _label(case: Case, part: Part, depth: int, position: tuple[Any, ...]) -> str:
    space = case.space
    prompt = None
    if part.over in ("pairs", "prefixes"):
        prompt, prefix = space.prefix_at(depth, int(position[-1]))
        text = f"prefix {prefix!r}"
        if part.over == "pairs":
            text += f", action {space.actions(depth)[int(position[0])]!r}"
    else:
        prompt = space.prompts[int(position[-1])]
        text = "" if part.over == "prompts" else f"response {space.response_at(int(position[0]))!r}"
    named = "" if space.prompts == (None,) else f"prompt {prompt!r}"
    return ", ".join(filter(None, (named, text)))


def judge(kind: Kind, o: Options, function: Callable[..., Any], case: Case) -> Outcome:
    """Call a function on a case, and compare."""
    try:
        with np.errstate(all="ignore"):  # what comes of an overflow is judged, not warned of
            theirs = kind.call(o, function, case)
    except Unreadable as error:
        return Outcome(case, failure=f"returned {error}")
    except (Exception, SystemExit) as error:
        return Outcome(case, failure=f"raised {message(error)}{_line_of(error)}")
    return Outcome(case, "", theirs, flat(theirs), answer(kind, o, case))


def message(error: BaseException) -> str:
    """Return type and message of an exception."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # of its own __str__
        return type(error).__name__


def _line_of(error: BaseException) -> str:
    """Say in which line of the user's code an exception was raised."""
    lines = list(_frames(error))
    return f" ({lines[-1]})" if lines else ""


def _frames(error: BaseException) -> Iterator[str]:
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if not name.startswith(("proofs_check.testing", "tabular_bellman")):
            yield f"{_short_path(trace.tb_frame.f_code.co_filename)}, line {trace.tb_lineno}"
            if name.partition(".")[0] in sys.stdlib_module_names:
                break
        trace = trace.tb_next


def _short_path(name: str) -> str:
    """Leave out the current folder."""
    here = Path.cwd()
    return str(Path(name).relative_to(here)) if Path(name).is_relative_to(here) else name
