"""Evidence stronger than float64: one body over rationals, over balls, and over rational functions.

Each strength runs a claim's body over the reference toolkit in numbers that do not round, and decides each comparison.
What a number system has no form for it declines: then the comparisons up to there stand, and nothing is said of the
rest.
"""

import enum
import itertools
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any, Final

import numpy as np

from proofs_check.claim import Body, Claim, Comparison, Misreading, Mistake
from proofs_check.evidence import Verdict, planted
from proofs_check.instances import Instance, adversarial, sizes, with_roots
from proofs_check.kits import certified_toolkit, exact_toolkit, symbolic_toolkit
from proofs_check.numbers.ball import Ball, Undecided, bits_now, precision
from proofs_check.numbers.element import Declined, is_finite
from proofs_check.numbers.exact import Exact
from proofs_check.numbers.log import Log
from proofs_check.numbers.symbolic import Symbolic
from proofs_check.numbers.systems import elementwise
from proofs_check.toolkit import FUNCTIONS, Toolkit
from tabular_bellman import TabularBellmanError

__all__ = ["Evidence", "Finding", "Side", "Strength", "findings", "instances_for", "judge", "rejects", "sees_1e_20"]


class Strength(enum.Enum):
    """What the numbers are; the values are the names on the command line."""

    EXACT = "exact"
    CERTIFIED = "certified"
    SYMBOLIC = "symbolic"

    @property
    def verdict(self) -> Verdict:
        """What a claim has that passes."""
        return {"exact": Verdict.EXACT, "certified": Verdict.CERTIFIED, "symbolic": Verdict.PROVED_AT}[self.value]


# Balls start with so many bits, and get twice as many until they decide, or until there are this many.
FIRST_BITS: Final = 128
_MOST_BITS: Final = 2048
# An inequality whose sides are one number is never decided by balls; with so many bits they are taken to be one.
_BITS_TO_TELL_EQUALS: Final = 512
# What a ball may leave open of an equality, and how far apart two numbers are told apart.
_RADIUS: Final = Fraction(1, 10**30)


# Where mistakes are put in, and where what has been written out stays short.
_FEW_PAIRS: Final = 130
_FEW_PAIRS_OF_SYMBOLS: Final = 26
_MOST_PAIRS: Final = {Strength.EXACT: 100, Strength.CERTIFIED: 10_000, Strength.SYMBOLIC: 200}
# Rewards beyond this have rational weights of hundreds of digits.
_LARGEST_REWARD: Final = 1000.0


def instances_for(
    claim: Claim, strength: Strength, instances: Sequence[Instance], *, complete: bool, seed: int = 0
) -> list[Instance]:
    """Return what a claim is judged on at one strength, small ones first.

    Of a run over the built-in instances (`complete`), these and some that are hard for floats; over a user's, these,
    as far as there is something to be said: rationals need rational weights, and symbols are for sizes, not rewards.
    """
    if claim.own is not None:
        chosen = list(claim.own(seed)) if complete else []
    elif strength is Strength.SYMBOLIC:
        chosen = list(sizes(seed)) if complete else list(instances[:1])
    else:
        chosen = [*instances, *(adversarial(seed) if complete else ())]
        if complete and strength is Strength.CERTIFIED and claim.certified_on is not None:
            chosen += claim.certified_on(seed)
        if strength is Strength.EXACT:
            chosen = [*chosen, *(with_roots(seed) if complete else ())]
            chosen = [each for each in chosen if (complete or each.weights) and _largest(each) <= _LARGEST_REWARD]
    fits = [each for each in chosen if claim.own or claim.scope.includes(each)]
    return sorted(
        (each for each in fits if each.space.n_pairs <= _MOST_PAIRS[strength]), key=lambda each: each.space.n_pairs
    )


def _largest(instance: Instance) -> float:
    return max(float(np.abs(level[np.isfinite(level)]).max(initial=0.0)) for level in instance.reward.levels)


@dataclass(frozen=True)
class Side:
    """One comparison as it came out, with the numbers on both sides."""

    what: str
    relation: str
    left: Sequence[Any]
    right: Sequence[Any]
    holds: bool


@dataclass(frozen=True)
class Finding:
    """What one claim gave on one instance, at one strength.

    Attributes
    ----------
    instance : Instance
    sides : tuple of Side
        The comparisons that were decided, in order.
    failed : str
        The first that does not hold, with its numbers, or the library's refusal.
    declined : str
        Why what follows the last of them has no form in this number system; nothing where all was decided.
    undecided : str
        What balls left open with the most bits that they may have.
    attained : int
        How many entries of inequalities have sides that balls cannot tell apart: equal to within 1e-30.
    bits : int
        With how many bits balls decided.
    """

    instance: Instance
    sides: tuple[Side, ...] = ()
    failed: str = ""
    declined: str = ""
    undecided: str = ""
    attained: int = 0
    bits: int = 0

    @property
    def complete(self) -> bool:
        """Whether every comparison was decided, and holds."""
        return not (self.failed or self.declined or self.undecided)


@dataclass(frozen=True)
class Evidence:
    """What one claim has at one strength.

    `fates` tells of each thing that must fail it what became of it: "rejected", "declined: why", or "survived".
    """

    claim: Claim
    strength: Strength
    findings: tuple[Finding, ...]
    fates: dict[str, str]
    not_run: str = ""

    @property
    def complete(self) -> list[Finding]:
        """The findings in which everything was decided, and holds."""
        return [found for found in self.findings if found.complete]

    @property
    def verdict(self) -> Verdict:
        """A refutation outranks everything; a claim passes where it is decided whole, on some instance."""
        if self.not_run:
            return Verdict.NOT_RUN
        if any(found.failed for found in self.findings):
            return Verdict.REFUTED
        if any(found.undecided for found in self.findings):
            return Verdict.INCONCLUSIVE
        # An inequality may be an identity where there is one response: the smallest size must be among the proved.
        proves = self.strength is not Strength.SYMBOLIC or (bool(self.findings) and self.findings[0].complete)
        # With one response there is nothing to choose: that alone says little, where more was tried.
        telling = [found for found in self.findings if found.instance.space.n_responses_per_prompt > 1]
        proves = proves and (not telling or any(found.complete for found in telling))
        if not (self.complete and proves):
            return Verdict.NOT_APPLICABLE
        if "survived" in self.fates.values():
            return Verdict.INCONCLUSIVE
        # Where everything wrong is declined, nothing could have failed.
        felt = not self.fates or "rejected" in self.fates.values()
        return self.strength.verdict if felt else Verdict.NOT_APPLICABLE

    @property
    def why(self) -> str:
        """What is to be said beside the verdict."""
        if self.not_run:
            return self.not_run
        for fault in ("failed", "undecided"):
            for found in self.findings:
                if getattr(found, fault):
                    return f"on {found.instance.name}: {getattr(found, fault)}"
        survivors = [name for name, fate in self.fates.items() if fate == "survived"]
        if survivors and self.verdict is Verdict.INCONCLUSIVE:
            return f"not rejected: {', '.join(survivors)}"
        if self.verdict.passed:
            return ""
        if not self.findings:
            return "nothing to judge it on"
        first = next((found for found in self.findings if found.declined), None)
        if first is None:
            return "no mistake is rejected, so nothing here could have failed"
        most = len(first.sides)
        part = f"{most} comparison{'s hold' if most != 1 else ' holds'}, then " if most else ""
        return part + first.declined.removesuffix(".")


def judge(
    claim: Claim,
    strength: Strength,
    instances: Sequence[Instance],
    *,
    wrong: Mistake | Misreading | None = None,
    mistakes: bool = True,
) -> Evidence:
    """Judge a claim at one strength, and what must fail it.

    Parameters
    ----------
    claim : Claim
    strength : Strength
    instances : sequence of Instance
        Small ones first, since mistakes are put in until they show.
    wrong : Mistake or Misreading, optional
        Put into the toolkit, or in the place of the statement.
    mistakes : bool, default True
        Whether what must fail the claim is put in.
    """
    if strength is Strength.CERTIFIED:
        try:
            with precision(FIRST_BITS):
                pass
        except TabularBellmanError as error:
            return Evidence(claim, strength, (), {}, str(error))
    body = wrong.body if isinstance(wrong, Misreading) else claim.body
    found = tuple(findings(body, strength, instances, wrong if isinstance(wrong, Mistake) else None))
    few = _FEW_PAIRS_OF_SYMBOLS if strength is Strength.SYMBOLIC else _FEW_PAIRS
    told = [each.instance for each in found if each.sides and each.instance.space.n_pairs <= few]
    mistakes = mistakes and any(each.complete for each in found)
    fates = {wrong.name: rejects(claim, wrong, strength, told) for wrong in claim.rejects} if mistakes and told else {}
    return Evidence(claim, strength, found, fates)


def findings(
    body: Body, strength: Strength, instances: Sequence[Instance], wrong: Mistake | None = None, bits: int = 0
) -> Iterator[Finding]:
    """Yield what a body gives on each instance, over the reference toolkit or with a mistake in it.

    Balls get as many bits as they need, or just `bits`.
    """
    too_large = ""
    for instance in instances:
        if too_large:
            yield Finding(instance, declined=too_large)
            continue
        if strength is not Strength.CERTIFIED:
            found = _finding(body, strength, instance, wrong)
            # What is too large to be written out at one size is so at those that follow.
            too_large = found.declined if "too large" in found.declined else ""
            yield found
            continue
        enough = bits or FIRST_BITS
        found = _finding(body, strength, instance, wrong, enough)
        while not bits and (
            (found.undecided and enough < _MOST_BITS) or (found.attained and enough < _BITS_TO_TELL_EQUALS)
        ):
            enough *= 2
            found = _finding(body, strength, instance, wrong, enough)
        yield found


def _finding(body: Body, strength: Strength, instance: Instance, wrong: Mistake | None, bits: int = 0) -> Finding:
    sides: list[Side] = []
    attained, undecided, declined = 0, "", ""
    with precision(bits) if strength is Strength.CERTIFIED else nullcontext():
        try:
            kit = _toolkit(strength, instance, body)
            for item in body(kit if wrong is None else planted(wrong, kit), instance):
                if not isinstance(item, Comparison):
                    continue
                try:
                    side, equal, still_open = _decided(strength, item)
                except Declined as error:
                    declined = declined or f"{item.what}: {error}"
                    continue
                attained += equal
                sides.append(side)
                if still_open and not undecided:
                    undecided = f"{item.what}: {still_open}"
                if not side.holds:
                    fault = f"{item.what}: {_first_fault(strength, side)}"
                    return Finding(instance, tuple(sides), failed=fault, bits=bits)
        except Declined as error:
            declined = declined or str(error)
        except Undecided as error:
            return Finding(instance, tuple(sides), undecided=str(error), bits=bits)
        except TabularBellmanError as error:
            return Finding(instance, tuple(sides), failed=f"refused: {error}", bits=bits)
        except (AttributeError, TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
            if wrong is None:
                raise
            # Casts, clips and masks of floats have no counterpart in numbers that do not round.
            declined = f"{wrong.name} is about floats ({error})"
    return Finding(instance, tuple(sides), declined=declined, undecided=undecided, attained=attained, bits=bits)


def _toolkit(strength: Strength, instance: Instance, body: Body) -> Toolkit[Any]:
    if strength is Strength.EXACT:
        return exact_toolkit(instance)
    return symbolic_toolkit(instance, body) if strength is Strength.SYMBOLIC else certified_toolkit(instance)


# -- deciding ----------------------------------------------------------------------------------------------------------


def _decided(strength: Strength, item: Comparison) -> tuple[Side, int, str]:
    """Return a comparison with whether it holds, how many of its inequalities are attained, and what is open."""
    left, right = np.asarray(item.left), np.asarray(item.right)
    if left.shape != right.shape:
        raise RuntimeError(f"{item.what}: shapes {left.shape} and {right.shape} differ")  # a bug
    holds, attained, still_open = True, 0, ""
    pairs = list(zip(left.ravel().tolist(), right.ravel().tolist(), strict=True))
    for x, y in pairs:
        found = _entry(strength, item.relation, x, y)
        if found is None:
            still_open = still_open or f"{_shown(strength, x)} and {_shown(strength, y)} are too close to tell"
        elif found == "attained":
            attained += 1
        elif not found:
            holds = False
    return Side(item.what, item.relation, [x for x, _ in pairs], [y for _, y in pairs], holds), attained, still_open


def _entry(strength: Strength, relation: str, x: Any, y: Any) -> bool | str | None:
    """Tell whether one entry is as the relation asks; None where that is open."""
    if not (is_finite(x) and is_finite(y)):
        return _beyond(relation, _extended(x), _extended(y))
    if relation == "equal" and isinstance(x, Log) and isinstance(y, Log) and strength is not Strength.CERTIFIED:
        return bool(x.weight == y.weight)
    number = _NUMBERS[strength]
    if strength is Strength.CERTIFIED:
        return _in_balls(relation, Ball.of(x), Ball.of(y), bits_now())
    difference = number.of(x) - number.of(y)
    if relation == "at most":
        return bool(difference._sign() <= 0)
    return bool(difference.is_zero()) is (relation == "equal")


_NUMBERS: Final[dict[Strength, Any]] = {
    Strength.EXACT: Exact,
    Strength.CERTIFIED: Ball,
    Strength.SYMBOLIC: Symbolic,
}


def _extended(x: Any) -> float:
    """Return what is not finite as a float, and 0 for what is."""
    return 0.0 if is_finite(x) else float(x)


def _beyond(relation: str, x: float, y: float) -> bool:
    if np.isnan(x) or np.isnan(y) or x == np.inf:
        return False
    if relation == "at most":
        return x <= y
    # -inf equals itself and nothing else; two infinities of a sum differ from nothing.
    return (x == y == -np.inf) is (relation == "equal")


def _in_balls(relation: str, x: Ball, y: Ball, bits: int) -> bool | str | None:
    difference = x.value - y.value
    # Not as a float: a weight can be e^10000.
    size = abs(y.value.mid()).max(1) if y.value.is_finite() else 1
    narrow = difference.is_finite() and difference.rad() <= Ball.arb(_RADIUS) * size
    if relation == "at most":
        if difference <= 0:
            return True
        if difference > 0:
            return False
        return "attained" if narrow else None
    if not difference.contains(0):
        return relation == "differs"
    if relation == "differs":  # numbers that so many bits cannot tell apart do not differ
        return False if narrow and bits >= _BITS_TO_TELL_EQUALS else None
    return True if narrow else None


def _first_fault(strength: Strength, side: Side) -> str:
    for x, y in zip(side.left, side.right, strict=True):
        if _entry(strength, side.relation, x, y) is False:
            sign = {"equal": "is not", "at most": "is more than", "differs": "is"}[side.relation]
            return f"{_shown(strength, x)} {sign} {_shown(strength, y)}"
    raise AssertionError("a side that fails has an entry that does")


def _shown(strength: Strength, x: Any) -> str:
    if not is_finite(x):
        return str(_extended(x))
    if strength is Strength.CERTIFIED:
        return str(Ball.of(x).value.str(20))
    text = str(x)
    if len(text) <= 60 or strength is Strength.SYMBOLIC:
        return text if len(text) <= 60 else f"a function of {len(text)} characters"
    return f"about {float(Exact.of(x)):.12g}"


# -- what must fail ----------------------------------------------------------------------------------------------------


def rejects(claim: Claim, wrong: Mistake | Misreading, strength: Strength, instances: Sequence[Instance]) -> str:
    """Put something wrong in, and tell what became of it.

    Returns
    -------
    str
        "rejected"; "survived", where it makes a difference that the claim does not notice; "the same", where it makes
        none in these numbers (a shift by infinity); or "declined: why".
    """
    body = claim.body if isinstance(wrong, Mistake) else wrong.body
    reasons, differs = list[str](), not isinstance(wrong, Mistake)
    for instance in instances:
        watched = _Watched(wrong, strength) if isinstance(wrong, Mistake) else None
        with np.errstate(all="ignore"):
            found = next(findings(body, strength, [instance], None if watched is None else watched.mistake))
        if found.failed:
            return "rejected"
        if not found.complete:
            reasons.append(found.declined or found.undecided)
        differs = differs or (watched is not None and watched.differs and found.complete)
    if reasons:
        return f"declined: {reasons[0]}"
    return "survived" if differs else "the same"


def sees_1e_20(claim: Claim, strength: Strength, instances: Sequence[Instance]) -> dict[str, str]:
    """Return, of each function that a claim calls, what becomes of a relative change of its results by 1e-20.

    The k-th number that it returns is multiplied by 1 + k·1e-20, so that no change is the same for all.
    """
    found = {}
    for name in _called(claim, strength, instances):
        wrong = Mistake(f"1e-20 in {name}", "every number a little off", name, partial(_a_little_off, name))
        found[name] = rejects(claim, wrong, strength, instances)
    return found


def _a_little_off(name: str, kit: Toolkit[Any], *arguments: Any) -> Any:
    count = itertools.count(1)

    def off(x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return type(x)(map(off, x))
        return elementwise(lambda entry: _scaled(entry, 1 + Fraction(next(count), 10**20)), x)

    return off(getattr(kit, name)(*arguments))


def _scaled(entry: Any, factor: Fraction) -> Any:
    if not is_finite(entry):
        return entry
    return (entry.exp() * factor).log() if isinstance(entry, Log) else entry * factor


def _called(claim: Claim, strength: Strength, instances: Sequence[Instance]) -> list[str]:
    called: dict[str, None] = {}

    def recording(name: str, function: Any) -> Any:
        def recorded(*arguments: Any) -> Any:
            called[name] = None
            return function(*arguments)

        return recorded

    for instance in instances:
        with precision(FIRST_BITS) if strength is Strength.CERTIFIED else nullcontext(), suppress(TabularBellmanError):
            kit = _toolkit(strength, instance, claim.body)
            functions = {name: recording(name, getattr(kit, name)) for name in FUNCTIONS}
            for _ in claim.body(replace(kit, **functions), instance):
                pass
    return list(called)


class _Watched:
    """A mistake, and whether what it returns ever differs from the right thing."""

    def __init__(self, wrong: Mistake, strength: Strength) -> None:
        self.strength, self.wrong, self.differs = strength, wrong.wrong, False
        self.mistake = replace(wrong, wrong=self._returned)
        self.name = wrong.replaces

    def _returned(self, kit: Toolkit[Any], *arguments: Any) -> Any:
        result = self.wrong(kit, *arguments)
        if not self.differs:
            right = getattr(kit, self.name)(*arguments)
            pairs = zip(_entries(result), _entries(right), strict=True)
            self.differs = any(_entry(self.strength, "equal", x, y) is False for x, y in pairs)
        return result


def _entries(result: Any) -> Iterator[Any]:
    if isinstance(result, (list, tuple)):
        for part in result:
            yield from _entries(part)
    else:
        yield from np.ravel(result).tolist()
