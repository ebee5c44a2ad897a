"""Evidence stronger than float64: one body over rationals, over balls, and over rational functions.

Each strength runs a claim's body over the reference toolkit in numbers that do not round, and decides each comparison.
What a number system has no form for it declines: then the comparisons up to there stand, and nothing is said of the
rest.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any, Final

import numpy as np

from proofs_check.arithmetic.ball import Undecided, precision
from proofs_check.arithmetic.element import Declined, is_finite
from proofs_check.arithmetic.log import Log
from proofs_check.arithmetic.systems import elementwise
from proofs_check.claim import Body, Claim, Comparison, Misreading, Mistake
from proofs_check.deciding import BITS_TO_TELL_EQUALS, Side, Strength, decided, entry_holds, first_fault
from proofs_check.evidence import Verdict, arrays, called, planted
from proofs_check.instances import Instance, adversarial, largest_reward, sizes, with_roots
from proofs_check.kits import certified_toolkit, exact_toolkit, symbolic_toolkit
from proofs_check.toolkit import FUNCTIONS, Toolkit
from tabular_bellman import TabularBellmanError

__all__ = [
    "Evidence",
    "Finding",
    "Side",
    "Strength",
    "findings",
    "findings_of",
    "instances_for",
    "judge",
    "left_out",
    "rejects",
    "sees_1e_20",
    "tellers",
    "unavailable",
]


# Balls start with so many bits, and get twice as many until they decide, or until there are this many.
FIRST_BITS: Final = 128
_MOST_BITS: Final = 2048

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
            chosen += with_roots(seed) if complete else ()
            rational = (each for each in chosen if complete or each.weights)
            chosen = [each for each in rational if largest_reward(each.reward) <= _LARGEST_REWARD]
    fits = [each for each in chosen if claim.own or claim.scope.includes(each)]
    return sorted(
        (each for each in fits if each.space.n_pairs <= _MOST_PAIRS[strength]), key=lambda each: each.space.n_pairs
    )


def left_out(claim: Claim, strength: Strength, instances: Sequence[Instance], *, complete: bool) -> str:
    """Return why `instances_for` leaves nothing to judge a claim on."""
    fits = [each for each in instances if claim.scope.includes(each)]
    if not fits or (claim.own and not complete):
        return f"checked on {claim.checked_on}"
    if strength is Strength.EXACT and not complete:
        known = [each for each in fits if each.weights]
        if not known:
            return "the exponentials of these rewards are not rational: give a column weight"
        if all(largest_reward(each.reward) > _LARGEST_REWARD for each in known):
            return f"a weight is beyond e^{_LARGEST_REWARD:g} or e^-{_LARGEST_REWARD:g}: scale the weights"
    return f"the tables have more than {_MOST_PAIRS[strength]:,} pairs, too many to write out in such numbers"


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
        """Whether something was compared, and all of it decided, and holds."""
        compared = any(side.left for side in self.sides)
        return compared and not (self.failed or self.declined or self.undecided)

    @property
    def without_numbers(self) -> "Finding":
        """The finding as it travels between processes: balls do not, and what `Instance` has worked out need not."""
        sides = tuple(replace(side, left=(None,) * bool(side.left), right=()) for side in self.sides)
        return replace(self, instance=replace(self.instance), sides=sides)


@dataclass(frozen=True)
class Evidence:
    """What one claim has at one strength.

    `fates` tells of each thing that must fail it what became of it: "rejected", "declined: why", or "survived"; it is
    None where nothing was put in.
    """

    claim: Claim
    strength: Strength
    findings: tuple[Finding, ...]
    fates: dict[str, str] | None
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
        if self.fates is None:
            return self.strength.verdict
        if "survived" in self.fates.values():
            return Verdict.INCONCLUSIVE
        # Where everything wrong is declined, or nothing is known to be, nothing could have failed.
        return self.strength.verdict if "rejected" in self.fates.values() else Verdict.NOT_APPLICABLE

    @property
    def why(self) -> str:
        """What is to be said beside the verdict."""
        if self.not_run:
            return self.not_run
        for fault in ("failed", "undecided"):
            for found in self.findings:
                if getattr(found, fault):
                    return f"on {found.instance.name}: {getattr(found, fault)}"
        survivors = [name for name, fate in (self.fates or {}).items() if fate == "survived"]
        if survivors and self.verdict is Verdict.INCONCLUSIVE:
            return f"not rejected: {', '.join(survivors)}"
        if self.verdict.passed:
            return ""
        if not self.findings:
            return "nothing to judge it on"
        first = next((found for found in self.findings if found.declined), None)
        if first is None:
            vacuous = any(not found.complete for found in self.findings)
            return "nothing is compared" if vacuous else "no mistake is rejected, so nothing here could have failed"
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
    if why := unavailable(strength):
        return Evidence(claim, strength, (), None, why)
    found = tuple(findings(claim, strength, instances, wrong))
    if not (mistakes and any(each.complete for each in found)):
        return Evidence(claim, strength, found, None)
    told = tellers(strength, found)
    return Evidence(claim, strength, found, {each.name: rejects(claim, each, strength, told) for each in claim.rejects})


def unavailable(strength: Strength) -> str:
    """Return why there are no numbers of this strength here; nothing where there are."""
    if strength is Strength.CERTIFIED:
        try:
            with precision(FIRST_BITS):
                pass
        except TabularBellmanError as error:
            return str(error)
    return ""


def tellers(strength: Strength, found: Iterable[Finding]) -> list[Instance]:
    """Return the instances that mistakes are put in on: small ones, where something was decided."""
    few = _FEW_PAIRS_OF_SYMBOLS if strength is Strength.SYMBOLIC else _FEW_PAIRS
    return [each.instance for each in found if each.sides and each.instance.space.n_pairs <= few]


def findings(
    claim: Claim, strength: Strength, instances: Sequence[Instance], wrong: Mistake | Misreading | None = None
) -> Iterator[Finding]:
    """Yield what a claim gives on each instance, with something wrong put in if asked to."""
    body = wrong.body if isinstance(wrong, Misreading) else claim.body
    return findings_of(body, strength, instances, wrong if isinstance(wrong, Mistake) else None)


def findings_of(
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
            (found.undecided and enough < _MOST_BITS) or (found.attained and enough < BITS_TO_TELL_EQUALS)
        ):
            enough *= 2
            found = _finding(body, strength, instance, wrong, enough)
        yield found


def _finding(body: Body, strength: Strength, instance: Instance, wrong: Mistake | None, bits: int = 0) -> Finding:
    sides: list[Side] = []
    attained, undecided, declined = 0, "", ""
    with _precision(strength, bits):
        try:
            kit = _toolkit(strength, instance, body)
            for item in body(kit if wrong is None else planted(wrong, kit), instance):
                if not isinstance(item, Comparison):
                    continue
                try:
                    side, equal, still_open = decided(strength, item)
                except Declined as error:
                    declined = declined or f"{item.what}: {error}"
                    continue
                attained += equal
                sides.append(side)
                if still_open and not undecided:
                    undecided = f"{item.what}: {still_open}"
                if not side.holds:
                    fault = f"{item.what}: {first_fault(strength, side)}"
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


def _precision(strength: Strength, bits: int) -> AbstractContextManager[None]:
    return precision(bits) if strength is Strength.CERTIFIED else nullcontext()


def _toolkit(strength: Strength, instance: Instance, body: Body) -> Toolkit[Any]:
    if strength is Strength.EXACT:
        return exact_toolkit(instance)
    return symbolic_toolkit(instance, body) if strength is Strength.SYMBOLIC else certified_toolkit(instance)


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
            found = next(findings_of(body, strength, [instance], None if watched is None else watched.mistake))
        if found.failed:
            return "rejected"
        if not found.complete:
            reasons.append(found.declined or found.undecided or "nothing is compared")
        differs = differs or (watched is not None and watched.differs and found.complete)
    if reasons:
        return f"declined: {reasons[0]}"
    return "survived" if differs else "the same"


def sees_1e_20(claim: Claim, strength: Strength, instances: Sequence[Instance]) -> dict[str, str]:
    """Return, of each function that a claim calls, what becomes of a relative change of its results by 1e-20.

    The k-th number that it returns is multiplied by 1 + k·1e-20, so that no change is the same for all.
    """
    used: dict[str, None] = {}
    for instance in instances:
        with _precision(strength, FIRST_BITS):
            kit = _toolkit(strength, instance, claim.body)
            names = called(claim.body, kit, instance)
        used |= {name: None for name in FUNCTIONS if name in names}
    found = {}
    for name in used:
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
            self.differs = any(entry_holds(self.strength, "equal", x, y) is False for x, y in pairs)
        return result


def _entries(result: Any) -> Iterator[Any]:
    for array in arrays(result):
        yield from np.ravel(array).tolist()
