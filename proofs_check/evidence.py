"""Claims, comparisons and verdicts: how a statement is judged, and how a check is shown to be able to fail.

A claim is judged three times with one body.  Over the library it gives residuals; over pairs of value and error, a
bound for each residual that follows from the computation; over the library with one function replaced by a wrong
variant, residuals that must exceed those bounds.
"""

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from proofs_check.instances import Instance
from proofs_check.toolkit import LIBRARY, REFERENCE, Toolkit
from tabular_bellman import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.number_systems import Bounded

__all__ = ["Claim", "Comparison", "Fate", "Mistake", "Outcome", "Result", "Verdict", "check", "evaluate", "planted"]


class Verdict(enum.Enum):
    """What a claim's evidence amounts to; the values say it in words."""

    CHECKED = "float64 within an error bound derived from the computation; mistakes that differ are rejected"
    REFUTED = "a residual above its bound, or a refusal where the statement gives a number"
    INCONCLUSIVE = "within the bound, but that means little here, as said above: not a pass"


# A bound wider than this, in nats, says too little, and could hide a mistake.
INFORMATIVE_BOUND: Final = 1e-6


@dataclass(frozen=True)
class Comparison:
    """Two sides that the claim says are equal, entry by entry, as logarithms; -inf equals only -inf."""

    what: str
    left: Any
    right: Any


@dataclass(frozen=True)
class Claim:
    """One statement, where it stands, and the body that compares its two sides.

    Attributes
    ----------
    id : str
    place : str
        Where the paper states it.
    statement : str
        In mathematics, on one line.
    hypotheses : str
    body : callable
        (toolkit, instance) → comparisons.
    mistakes : tuple of Mistake
        The wrong variants that the claim must reject wherever they differ.
    """

    id: str
    place: str
    statement: str
    hypotheses: str
    body: Callable[[Toolkit[Any], Instance], Iterable[Comparison]]
    mistakes: tuple["Mistake", ...]


@dataclass(frozen=True)
class Mistake:
    """A wrong variant of one function of the toolkit.

    Attributes
    ----------
    name : str
    summary : str
        What is wrong, in one line.
    replaces : str
        The toolkit's function that it stands in for.
    wrong : callable
        (toolkit, *arguments of that function) → result.
    """

    name: str
    summary: str
    replaces: str
    wrong: Callable[..., Any]


@dataclass(frozen=True)
class Outcome:
    """What one claim gave on one instance.

    Attributes
    ----------
    instance : str
    residual, bound : float
        Of the entry whose residual is largest in proportion to its bound, in nats.
    where : str
        The comparison that it belongs to.
    live, forbidden : int
        How many entries were compared: finite ones, and those that must be -inf on both sides.
    widest : float
        The largest bound of all entries.
    refusal : str
        The library's error message, where it refused.
    """

    instance: str
    residual: float = 0.0
    bound: float = 0.0
    where: str = ""
    live: int = 0
    forbidden: int = 0
    widest: float = 0.0
    refusal: str = ""

    @property
    def holds(self) -> bool:
        """Whether every residual is within its bound."""
        return not self.refusal and self.residual <= self.bound < np.inf

    @property
    def ratio(self) -> float:
        """Residual over bound; inf where the claim fails beyond any bound."""
        if self.refusal or self.residual > 0.0 == self.bound:
            return np.inf
        return self.residual / self.bound if self.bound else 0.0


class Fate(enum.Enum):
    """What became of a mistake that was put in; the values say it in words."""

    REJECTED = "the claim fails with it, on some instance"
    SURVIVED = "it changes what the claim compares, and the claim holds all the same"
    UNSEEN = "it changes its function's results, but not what the claim compares on these instances"
    EQUIVALENT = "it returns the right thing on these instances"


@dataclass(frozen=True)
class Result:
    """A claim's verdict, with the outcomes and the fates of its mistakes behind it.

    `complete` says that the instances were chosen so that every mistake shows on them (the built-in ones are).
    """

    claim: Claim
    outcomes: list[Outcome]
    fates: dict[str, Fate]
    complete: bool = False

    def named(self, fate: Fate) -> list[str]:
        """The mistakes that had this fate."""
        return [name for name, found in self.fates.items() if found is fate]

    @property
    def verdict(self) -> Verdict:
        """REFUTED outranks everything; a pass that a mistake could have had too is inconclusive."""
        if not all(outcome.holds for outcome in self.outcomes):
            return Verdict.REFUTED
        return Verdict.INCONCLUSIVE if self.doubts() else Verdict.CHECKED

    def doubts(self) -> list[str]:
        """Why agreement means little here, in words; nothing where it means something."""
        rejected, survived = self.named(Fate.REJECTED), self.named(Fate.SURVIVED)
        widest = max((outcome.widest for outcome in self.outcomes), default=0.0)
        reasons = []
        if widest > INFORMATIVE_BOUND:
            reasons.append(
                f"a bound of {widest:.1e} nats is too wide to mean something (the limit is {INFORMATIVE_BOUND:.0e})"
            )
        if survived:
            reasons.append(f"not rejected, though they change what is compared: {', '.join(survived)}")
        if not rejected:
            reasons.append("no mistake makes a difference here, so nothing here could have failed")
        elif self.complete and len(rejected) + len(survived) < len(self.fates):
            reasons.append("not every mistake shows on instances that were chosen for it")
        return reasons

    @property
    def worst(self) -> Outcome:
        """The outcome nearest to its bound, or furthest beyond it."""
        return max(self.outcomes, key=_badness)


def _badness(outcome: Outcome) -> tuple[float, float]:
    return outcome.ratio, outcome.bound


def check(
    claim: Claim, instances: Sequence[Instance], toolkit: Toolkit[FloatArray] = LIBRARY, *, complete: bool = False
) -> Result:
    """Judge a claim on instances: over `toolkit`, and over the library with each of its mistakes put in."""
    bounds = [_reference(claim, instance) for instance in instances]
    outcomes = [evaluate(claim, toolkit, i, bound) for i, bound in zip(instances, bounds, strict=True)]
    fates = {mistake.name: _fate(claim, mistake, instances, bounds) for mistake in claim.mistakes}
    return Result(claim, outcomes, fates, complete)


def evaluate(
    claim: Claim, toolkit: Toolkit[FloatArray], instance: Instance, reference: Sequence[Comparison] | None = None
) -> Outcome:
    """Return the outcome of one claim on one instance; `reference` holds the comparisons over `REFERENCE`."""
    reference = _reference(claim, instance) if reference is None else reference
    return _judge(instance, _comparisons(claim, toolkit, instance), reference)


def _reference(claim: Claim, instance: Instance) -> list[Comparison]:
    """Return the comparisons with their bounds; an overflow has no bound, and is refused."""
    try:
        with np.errstate(over="raise"):
            return list(claim.body(REFERENCE, instance))
    except FloatingPointError:
        raise TabularBellmanError(f"{instance.name}: the rewards overflow float64; scale them down.") from None


def _comparisons(claim: Claim, toolkit: Toolkit[FloatArray], instance: Instance) -> list[Comparison] | str:
    """Return the comparisons over code under test, or the message with which it refused."""
    try:
        # A wrong variant may overflow; what comes of it is judged, not warned of.
        with np.errstate(all=None if toolkit is LIBRARY else "ignore"):
            return list(claim.body(toolkit, instance))
    except TabularBellmanError as error:
        return str(error)


def _judge(instance: Instance, found: list[Comparison] | str, reference: Sequence[Comparison]) -> Outcome:
    if isinstance(found, str):
        return Outcome(instance.name, np.inf, where="refused", refusal=found)
    parts = [_compare(instance.name, mine, bound) for mine, bound in zip(found, reference, strict=True)]
    return replace(
        max(parts, key=_badness),
        live=sum(part.live for part in parts),
        forbidden=sum(part.forbidden for part in parts),
        widest=max(part.widest for part in parts),
    )


def _compare(name: str, mine: Comparison, reference: Comparison) -> Outcome:
    left, right, bound = mine.left, mine.right, _error(reference.left) + _error(reference.right)
    if left.shape != right.shape or left.shape != bound.shape:
        raise RuntimeError(f"{mine.what}: shapes {left.shape}, {right.shape}, {bound.shape} differ")  # a bug
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        residual = np.where(left == right, 0.0, np.abs(left - right))
        residual[np.isnan(residual) | np.isposinf(left) | np.isposinf(right)] = np.inf
        ratio = np.where(residual == 0.0, 0.0, residual / bound)
    forbidden = np.isneginf(left) & np.isneginf(right)
    position = np.unravel_index(int(ratio.argmax() if ratio.max() > 0.0 else bound.argmax()), ratio.shape)
    return Outcome(
        name,
        float(residual[position]),
        float(bound[position]),
        mine.what,
        int(forbidden.size - forbidden.sum()),
        int(forbidden.sum()),
        float(bound.max()),
    )


def _error(side: Bounded | FloatArray) -> FloatArray:
    return side.error if isinstance(side, Bounded) else np.zeros(side.shape)


def planted(mistake: Mistake, toolkit: Toolkit[FloatArray] = LIBRARY) -> Toolkit[FloatArray]:
    """Return the toolkit with one function replaced by its wrong variant."""

    changes: dict[str, Any] = {mistake.replaces: partial(mistake.wrong, toolkit)}
    return replace(toolkit, **changes)


def _fate(
    claim: Claim, mistake: Mistake, instances: Sequence[Instance], bounds: Sequence[Sequence[Comparison]]
) -> Fate:
    seen = differed = False
    for instance, reference in zip(instances, bounds, strict=True):
        calls: list[tuple[tuple[Any, ...], Any]] = []
        toolkit = _recording(planted(mistake), mistake.replaces, calls)
        found = _comparisons(claim, toolkit, instance)
        if isinstance(found, str) or not _judge(instance, found, reference).holds:
            return Fate.REJECTED
        pairs = list(zip(found, reference, strict=True))
        seen = seen or any(_apart(x.left, y.left) or _apart(x.right, y.right) for x, y in pairs)
        differed = differed or any(_differs(mistake, arguments, result) for arguments, result in calls)
    return Fate.SURVIVED if seen else Fate.UNSEEN if differed else Fate.EQUIVALENT


def _recording(
    toolkit: Toolkit[FloatArray], name: str, calls: list[tuple[tuple[Any, ...], Any]]
) -> Toolkit[FloatArray]:
    function = getattr(toolkit, name)

    def recorded(*arguments: Any) -> Any:
        result = function(*arguments)
        calls.append((arguments, result))
        return result

    changes: dict[str, Any] = {name: recorded}
    return replace(toolkit, **changes)


def _differs(mistake: Mistake, arguments: tuple[Any, ...], result: Any) -> bool:
    """Tell whether what a mistake returned differs from the right result by more than rounding explains."""
    space, levels, *rest = arguments
    right = getattr(REFERENCE, mistake.replaces)(space, [REFERENCE.lift(level) for level in levels], *rest)
    return any(_apart(x, y) for x, y in zip(_arrays(result), _arrays(right), strict=True))


def _apart(found: FloatArray, right: Bounded) -> bool:
    outcome = _compare("", Comparison("", found, right.value), Comparison("", right, REFERENCE.lift(right.value)))
    return not outcome.holds


def _arrays(result: Any) -> Iterator[Any]:
    if isinstance(result, (list, tuple)):
        for part in result:
            yield from _arrays(part)
    else:
        yield result
