"""How a claim is judged, and how a check is shown to be able to fail.

A claim is judged three times with one body.  Over the library it gives residuals; over pairs of value and error, a
bound for each residual that follows from the computation; over the library with one function replaced by a wrong
variant, or with the statement misread, residuals that must exceed those bounds.
"""

import enum
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from proofs_check.claim import Body, Claim, Comparison, Measured, Misreading, Mistake
from proofs_check.instances import Instance
from proofs_check.library import LIBRARY
from proofs_check.reals import Real
from proofs_check.toolkit import FUNCTIONS, REFERENCE, Toolkit
from tabular_bellman import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.number_systems import Bounded

__all__ = [
    "Fate",
    "Outcome",
    "Result",
    "Verdict",
    "applicable",
    "arrays",
    "called",
    "check",
    "evaluate",
    "fate",
    "outcomes",
    "planted",
    "references",
]


class Verdict(enum.Enum):
    """What a claim's evidence amounts to; the values say it in words."""

    PROVED = "by induction, checked by machine, for all trees: every length, vocabulary and set of forbidden actions"
    PROVED_AT = "an identity of rational functions: for every reward, at the sizes named"
    EXACT = "equal as integers or rationals, no tolerance at all; mistakes are rejected"
    CERTIFIED = "enclosed by balls: equal to 1e-30 of 1 or of the number, inequalities decided"
    CHECKED = "float64 within an error bound derived from the computation; mistakes are rejected"
    REFUTED = "a residual above its bound, or a refusal where the statement gives a number"
    INCONCLUSIVE = "within the bound, but that means little here, as said above: not a pass"
    NOT_RUN = "what it needs is not installed: not a pass, not a failure"
    NOT_APPLICABLE = "nothing in this run shows anything about it, as said there: not a pass, not a failure"

    @property
    def passed(self) -> bool:
        """Whether the evidence counts as a pass."""
        return self in _PASSES

    @property
    def unexpected(self) -> bool:
        """Whether it contradicts the claim, or leaves open what it should decide."""
        return self in (Verdict.REFUTED, Verdict.INCONCLUSIVE)


_PASSES: Final = (Verdict.PROVED, Verdict.PROVED_AT, Verdict.EXACT, Verdict.CERTIFIED, Verdict.CHECKED)

Reference = Sequence[Comparison] | None

# A bound wider than this, in nats (of larger numbers: relative), says too little, and could hide a mistake.
INFORMATIVE_BOUND: Final = 1e-6
# Sides of an inequality below this are no near miss.
_NOTHING: Final = 1e-6


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
        The largest bound of all entries, divided by the entry where that is larger than 1.
    exact : bool
        Whether everything compared is an integer or a rational.
    slack : float or None
        Of inequalities: the smallest distance to equality.
    measured : tuple of Measured
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
    exact: bool = False
    slack: float | None = None
    measured: tuple[Measured, ...] = ()
    refusal: str = ""

    @property
    def holds(self) -> bool:
        """Whether every residual is within its bound; where there is no bound (inf), nothing contradicts."""
        return not self.refusal and (self.residual <= self.bound or self.bound == np.inf)

    @property
    def ratio(self) -> float:
        """Residual over bound; inf where the claim fails beyond any bound."""
        if self.refusal or self.residual > 0.0 == self.bound:
            return np.inf
        return self.residual / self.bound if 0.0 < self.bound < np.inf else 0.0


class Fate(enum.Enum):
    """What became of a mistake that was put in; the values say it in words."""

    REJECTED = "the claim fails with it, on some instance"
    SURVIVED = "it changes what the claim compares, and the claim holds all the same"
    UNSEEN = "it changes its function's results, but not what the claim compares on these instances"
    EQUIVALENT = "it returns the right thing on these instances"
    UNUSED = "the claim does not use the function that it replaces"


@dataclass(frozen=True)
class Result:
    """A claim's verdict, with the outcomes and the fates of its mistakes behind it.

    `complete` says that the instances were chosen so that every mistake shows on them (the built-in ones are);
    `broken`, with what an attack on an inequality has broken it.
    """

    claim: Claim
    outcomes: list[Outcome]
    fates: dict[str, Fate]
    complete: bool = False
    broken: str = ""

    def named(self, fate: Fate) -> list[str]:
        """The mistakes that had this fate."""
        return [name for name, found in self.fates.items() if found is fate]

    @property
    def verdict(self) -> Verdict:
        """REFUTED outranks everything; a pass in which nothing could have failed is inconclusive.

        On instances that were chosen for it every mistake must be rejected.  On others some make a difference that
        the claim truly does not feel: with a bound that is small enough to mean something, that is no doubt.
        """
        if not self.complete and not self.outcomes:
            return Verdict.NOT_APPLICABLE
        if self.broken or not all(outcome.holds for outcome in self.outcomes):
            return Verdict.REFUTED
        if self.indifferent:
            return Verdict.NOT_APPLICABLE
        if self.doubts():
            return Verdict.INCONCLUSIVE
        return Verdict.EXACT if all(outcome.exact for outcome in self.outcomes) else Verdict.CHECKED

    @property
    def indifferent(self) -> bool:
        """Whether, on instances that were not chosen for it, no mistake makes any difference at all."""
        harmless = (Fate.UNSEEN, Fate.EQUIVALENT, Fate.UNUSED)
        informative = all(outcome.widest <= INFORMATIVE_BOUND for outcome in self.outcomes)
        return not self.complete and informative and all(fate in harmless for fate in self.fates.values())

    def doubts(self) -> list[str]:
        """Why agreement means little here, in words; nothing where it means something."""
        rejected, survived = self.named(Fate.REJECTED), self.named(Fate.SURVIVED)
        widest = max((outcome.widest for outcome in self.outcomes), default=0.0)
        reasons = []
        if widest == np.inf:
            reasons.append("the numbers are so large that float64 has no bound for the rounding of these sums")
        elif widest > INFORMATIVE_BOUND:
            reasons.append(
                f"a bound of {widest:.1e} nats is too wide to mean something (the limit is {INFORMATIVE_BOUND:.0e})"
            )
        if not rejected:
            reasons.append("no mistake is noticed here, so nothing here could have failed")
        elif self.complete and survived:
            reasons.append(f"not rejected, though they change what is compared: {', '.join(survived)}")
        elif self.complete and len(rejected) < len(self.fates):
            reasons.append("not every mistake shows on instances that were chosen for it")
        return reasons

    @property
    def worst(self) -> Outcome:
        """The outcome nearest to its bound, or furthest beyond it."""
        return max(self.outcomes, key=_badness, default=Outcome("none"))

    @property
    def slack(self) -> float | None:
        """Of inequalities: the smallest distance to equality that was met."""
        found = [outcome.slack for outcome in self.outcomes if outcome.slack is not None]
        return min(found, default=None)


def _badness(outcome: Outcome) -> tuple[float, float]:
    return outcome.ratio, outcome.bound


def check(
    claim: Claim,
    instances: Sequence[Instance],
    toolkit: Toolkit[FloatArray] = LIBRARY,
    *,
    complete: bool = False,
    seed: int = 0,
    misread: Misreading | None = None,
) -> Result:
    """Judge a claim: over `toolkit`, and over the library with each of its mistakes put in.

    Of `instances`, those in the claim's scope count; a claim with instances of its own takes these, where the run
    is `complete`, and is not applicable elsewhere.  `misread` puts a wrong statement in the place of the right one.
    """
    chosen = applicable(claim, instances, complete=complete, seed=seed)
    bounds = references(claim, chosen)
    body, code = (claim.body, toolkit) if misread is None else (misread.body, replace(toolkit))
    found = outcomes(body, code, chosen, bounds)
    fates = {wrong.name: fate(claim, wrong, chosen, bounds) for wrong in claim.rejects}
    return Result(claim, found, fates, complete)


def applicable(claim: Claim, instances: Sequence[Instance], *, complete: bool, seed: int = 0) -> list[Instance]:
    """Return the instances that the claim is checked on."""
    if claim.own is not None:
        return list(claim.own(seed)) if complete else []
    return [instance for instance in instances if claim.scope.includes(instance)]


def evaluate(claim: Claim, toolkit: Toolkit[FloatArray], instance: Instance) -> Outcome:
    """Return the outcome of one claim on one instance."""
    return _outcome(claim.body, toolkit, instance, _reference(claim.body, instance))


def outcomes(
    body: Body, toolkit: Toolkit[FloatArray], instances: Sequence[Instance], bounds: Sequence[Reference]
) -> list[Outcome]:
    """Return the outcome on each instance, by the bounds of `references`."""
    return [_outcome(body, toolkit, instance, bound) for instance, bound in zip(instances, bounds, strict=True)]


def _outcome(body: Body, toolkit: Toolkit[FloatArray], instance: Instance, reference: Reference) -> Outcome:
    if reference is None:  # no bound, whatever comes out
        return Outcome(instance.name, bound=np.inf, widest=np.inf)
    return _judge(instance, _comparisons(body, toolkit, instance), reference)


def references(claim: Claim, instances: Sequence[Instance]) -> list[Reference]:
    """Return the comparisons with their bounds, for each instance; None where an overflow leaves no bound."""
    return [_reference(claim.body, instance) for instance in instances]


def _reference(body: Body, instance: Instance) -> Reference:
    try:
        with np.errstate(over="raise", invalid="ignore"):
            return [found for found in body(REFERENCE, instance) if isinstance(found, Comparison)]
    except (FloatingPointError, TabularBellmanError):
        return None


def _comparisons(body: Body, toolkit: Toolkit[FloatArray], instance: Instance) -> list[Comparison | Measured] | str:
    """Return what the body yields over code under test, or the message with which that code refused."""
    try:
        # A wrong variant may overflow; what comes of it is judged, not warned of.
        with np.errstate(all=None if toolkit is LIBRARY else "ignore"):
            return list(body(toolkit, instance))
    except TabularBellmanError as error:
        return str(error)


def _judge(instance: Instance, found: list[Comparison | Measured] | str, reference: Sequence[Comparison]) -> Outcome:
    if isinstance(found, str):
        return Outcome(instance.name, np.inf, where="refused", refusal=found)
    comparisons = [item for item in found if isinstance(item, Comparison)]
    parts = [_compare(instance.name, mine, bound) for mine, bound in zip(comparisons, reference, strict=True)]
    return replace(
        max(parts, key=_badness),
        live=sum(part.live for part in parts),
        forbidden=sum(part.forbidden for part in parts),
        widest=max(part.widest for part in parts),
        exact=all(part.exact for part in parts),
        slack=min((part.slack for part in parts if part.slack is not None), default=None),
        measured=tuple(item.taken() for item in found if isinstance(item, Measured)),
    )


def _compare(name: str, mine: Comparison, reference: Comparison) -> Outcome:
    left, right = np.asarray(mine.left), np.asarray(mine.right)
    exact = left.dtype == np.object_ and right.dtype == np.object_
    if exact:
        difference = left - right
        left, right = (side.astype(np.float64) for side in (left, right))
        bound = np.zeros(left.shape)
    else:
        difference = None
        bound = _error(reference.left) + _error(reference.right)
        bound = np.where(np.isnan(bound), np.inf, bound)
    if left.shape != right.shape or left.shape != bound.shape:
        raise RuntimeError(f"{mine.what}: shapes {left.shape}, {right.shape}, {bound.shape} differ")  # a bug
    if not left.size:
        return Outcome(name, where=mine.what, exact=exact)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        above = np.where(left == right, 0.0, left - right) if difference is None else difference.astype(np.float64)
        residual = _residual(mine.relation, above, bound)
        residual = np.where(np.isnan(residual) | np.isposinf(left) | np.isposinf(right), np.inf, residual)
        ratio = np.where((residual == 0.0) | np.isposinf(bound), 0.0, residual / bound)
    slack = _slack(left, right) if mine.relation == "at most" else None
    forbidden = np.isneginf(left) & np.isneginf(right)
    position = np.unravel_index(int(ratio.argmax() if ratio.max() > 0.0 else bound.argmax()), ratio.shape)
    size = np.maximum(1.0, np.abs(np.where(np.isfinite(right), right, 0.0)))
    return Outcome(
        name,
        float(residual[position]),
        float(bound[position]),
        mine.what,
        int(forbidden.size - forbidden.sum()),
        int(forbidden.sum()),
        float((bound / size).max()),
        exact,
        slack,
    )


def _residual(relation: str, above: FloatArray, bound: FloatArray) -> FloatArray:
    """Return how far each entry is from what the relation asks."""
    if relation == "at most":
        return np.where(np.isnan(above), np.nan, np.maximum(above, 0.0))
    distance = np.abs(above)
    # "differs" asks for a distance that rounding cannot explain; nothing excuses a lack of it.
    return distance if relation == "equal" else np.where(distance > bound, 0.0, np.inf)


def _slack(left: FloatArray, right: FloatArray) -> float | None:
    """Return the smallest distance to equality; that 0 ≤ 0 says nothing."""
    telling = np.isfinite(left) & np.isfinite(right) & (np.maximum(np.abs(left), np.abs(right)) > _NOTHING)
    return max(0.0, float((right - left)[telling].min())) if telling.any() else None


def _error(side: Bounded | FloatArray) -> FloatArray:
    return side.error if isinstance(side, Bounded) else np.zeros(np.shape(side))


def called(body: Body, toolkit: Toolkit[Any], instance: Instance) -> set[str]:
    """Return the names of the toolkit's functions that a body calls, until it ends or is refused."""
    found: set[str] = set()

    def recording(name: str) -> Any:
        function = getattr(toolkit, name)

        def recorded(*arguments: Any) -> Any:
            found.add(name)
            return function(*arguments)

        return recorded

    changes: dict[str, Any] = {name: recording(name) for name in FUNCTIONS}
    with suppress(TabularBellmanError):
        for _ in body(replace(toolkit, **changes), instance):
            pass
    return found


def planted(wrong: Mistake, toolkit: Toolkit[FloatArray] = LIBRARY) -> Toolkit[FloatArray]:
    """Return the toolkit with one function replaced by its wrong variant."""

    changes: dict[str, Any] = {wrong.replaces: partial(wrong.wrong, toolkit)}
    return replace(toolkit, **changes)


def fate(
    claim: Claim,
    wrong: Mistake | Misreading,
    instances: Sequence[Instance],
    bounds: Sequence[Reference] | None = None,
) -> Fate:
    """Put something wrong in, and tell what became of it."""
    bounds = references(claim, instances) if bounds is None else bounds
    used = seen = differed = False
    for instance, reference in zip(instances, bounds, strict=True):
        calls: list[tuple[tuple[Any, ...], Any]] = []
        if isinstance(wrong, Mistake):
            toolkit, body = _recording(planted(wrong), wrong.replaces, calls), claim.body
        else:
            toolkit, body = replace(LIBRARY), wrong.body  # a copy: a misreading may overflow in silence
        if reference is None:
            continue
        found = _comparisons(body, toolkit, instance)
        if isinstance(found, str) or not _judge(instance, found, reference).holds:
            return Fate.REJECTED
        pairs = list(zip([item for item in found if isinstance(item, Comparison)], reference, strict=True))
        seen = seen or any(_apart(x.left, y.left) or _apart(x.right, y.right) for x, y in pairs)
        used = used or bool(calls)
        if isinstance(wrong, Mistake):
            differed = differed or any(_differs(wrong, arguments, result) for arguments, result in calls)
    if seen:
        return Fate.SURVIVED
    if isinstance(wrong, Mistake) and not used:
        return Fate.UNUSED
    return Fate.UNSEEN if differed else Fate.EQUIVALENT


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
    right = getattr(REFERENCE, mistake.replaces)(*(_lifted(argument) for argument in arguments))
    return any(_apart(x, y) for x, y in zip(arrays(result), arrays(right), strict=True))


def _lifted(argument: Any) -> Any:
    """Return tables of floats as the reference takes them; spaces, temperatures and weights as they are."""
    return [Real.exact(level) for level in argument] if isinstance(argument, (list, tuple)) else argument


def _apart(found: Any, right: Any) -> bool:
    if not isinstance(right, Bounded):
        return bool((np.asarray(found) != np.asarray(right)).any())
    # Either can be its error away from the truth.
    return not _compare("", Comparison("", found, right.value), Comparison("", right, right)).holds


def arrays(result: Any) -> Iterator[Any]:
    """Yield the arrays of a result, which may be one, or levels, or several of these."""
    if isinstance(result, (list, tuple)):
        for part in result:
            yield from arrays(part)
    else:
        yield result
