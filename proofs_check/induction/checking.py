"""Whether a proof is one: the part after the last step, the chain at s link by link, the lemmas, and the anchor."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from proofs_check.induction.anchor import SEED, TREES, Anchored, anchored
from proofs_check.induction.cones import facts_in, not_negative, written_out
from proofs_check.induction.normal_form import Equations, ended, equal, instance
from proofs_check.induction.scopes import malformed
from proofs_check.induction.terms import Term, TermError
from proofs_check.induction.theory import HYPOTHESIS, ONE_ACTION, RULES, Link, Step, Theorem, Theory

__all__ = [
    "Checker",
    "ProofResult",
    "base_fault",
    "chain",
    "lemmas_of",
    "link_fault",
    "mentioned_in",
    "start",
    "target",
]

# What a theorem is about at s: y goes on from a.
_AT_STEP: Final[dict[str, tuple[str, ...]]] = {"response": ("a", "y")}


_SKIPPED: Final = "not looked at"


@dataclass(frozen=True)
class ProofResult:
    """What became of a proof.

    Attributes
    ----------
    theorem : str
    base_fault : str
        What is wrong after the last step; "" if nothing, or if the proof has no such part.
    step_fault : str
        What is wrong with the chain as a whole: its ends, its cases, its definitions.
    link_faults : tuple of str
        What is wrong with each link, "" if nothing.
    lemmas : dict of str to bool
        Whether each lemma that is cited, directly or by another, is proved.
    lemma_fault : str
        What is wrong with the lemmas as a whole.
    anchor : Anchored, optional
        None where it was not asked, because the rest had failed.
    """

    theorem: str
    base_fault: str
    step_fault: str
    link_faults: tuple[str, ...]
    lemmas: dict[str, bool] = field(default_factory=dict)
    lemma_fault: str = ""
    anchor: Anchored | None = None

    @property
    def derived(self) -> bool:
        """Whether base, step, links and lemmas are in order (the anchor aside)."""
        return not (self.base_fault or self.step_fault or self.lemma_fault or any(self.link_faults))

    @property
    def proved(self) -> bool:
        """Whether base, step, links, lemmas and anchor are all in order."""
        return self.derived and all(self.lemmas.values()) and self.anchor is not None and self.anchor.ok

    @property
    def reason(self) -> str:
        """Why it is not proved; "" if it is."""
        if self.base_fault:
            return f"after the last step: {self.base_fault}"
        if self.step_fault:
            return self.step_fault
        for number, fault in enumerate(self.link_faults, start=1):
            if fault and fault != _SKIPPED:
                return f"link {number}: {fault}"
        if self.lemma_fault:
            return self.lemma_fault
        for name, proved in self.lemmas.items():
            if not proved:
                return f"lemma {name} is not proved"
        if self.anchor is None:
            return "not compared with enumeration"
        return "" if self.anchor.ok else f"enumeration disagrees: {self.anchor.fault}"


class Checker:
    """Checks the theorems of one theory, and their lemmas, each of them once.

    Parameters
    ----------
    theory : Theory
    trees : int
        How many random trees the definitions, facts and links are compared with enumeration on.
    seed : int
    anchor : bool
        Without, nothing is PROVED: `ProofResult.derived` says what the rules alone make of it.
    suspects : collection of int, optional
        Links of the theorem to look at first, from 0; the first fault then ends the search.
    """

    def __init__(
        self,
        theory: Theory,
        trees: int = TREES,
        seed: int = SEED,
        *,
        anchor: bool = True,
        suspects: Collection[int] | None = None,
    ) -> None:
        self.theory, self.trees, self.seed = theory, trees, seed
        self.anchor, self.suspects = anchor, suspects
        self.done: dict[str, ProofResult] = {}

    def check(self, name: str, above: tuple[str, ...] = ()) -> ProofResult:
        """Check a theorem, and its lemmas; `above` are those that it is a lemma of."""
        if name in self.done:
            return self.done[name]
        theory, theorem = self.theory, self.theory.theorems[name]
        base, step = base_fault(theory, theorem), _step_fault(theory, theorem)
        result = ProofResult(name, base, step, self._links(theorem, bool(base or step)))
        if result.derived and self.anchor:
            spoken_of = mentioned_in(theory, theorem)
            result = replace(result, anchor=anchored(theory, theorem, spoken_of, self.trees, self.seed))
        # What has failed already need not ask for its lemmas.
        if result.derived and (result.anchor is None or result.anchor.ok):
            result = self._with_lemmas(result, lemmas_of(theorem, theory), (*above, name))
        if not result.lemma_fault:
            self.done[name] = result
        return result

    def _links(self, theorem: Theorem, failed: bool) -> tuple[str, ...]:
        links = list(chain(theorem))
        faults = [_SKIPPED] * len(links)
        suspects = self.suspects or ()
        for number in sorted(range(len(links)), key=lambda number: number not in suspects):
            if self.suspects is not None and failed:
                break
            faults[number] = link_fault(self.theory, theorem, *links[number])
            failed = failed or bool(faults[number])
        return tuple(faults)

    def _with_lemmas(self, result: ProofResult, names: set[str], above: tuple[str, ...]) -> ProofResult:
        lemmas: dict[str, bool] = {}
        for name in sorted(names):
            if name in above:
                return replace(result, lemma_fault=f"{name} is used to prove itself")
            found = self.check(name, above)
            if found.lemma_fault:
                return replace(result, lemma_fault=found.lemma_fault)
            lemmas.update(found.lemmas)
            lemmas[name] = found.proved if self.anchor else found.derived and all(found.lemmas.values())
        return replace(result, lemmas=lemmas)


def lemmas_of(theorem: Theorem, theory: Theory) -> set[str]:
    """Return the theorems that its links cite."""
    return {name for link in theorem.links for name in link.by if name in theory.theorems}


def mentioned_in(theory: Theory, theorem: Theorem) -> set[str]:
    """Return the quantities that a theorem and its definitions speak of."""
    return theory.mentioned(*theorem.terms())


def start(theorem: Theorem) -> Term:
    """Return the left side at s: the first term of the chain."""
    return _at_step(theorem, theorem.left)


def target(theorem: Theorem) -> Term:
    """Return the right side at s: the last term of the chain."""
    return _at_step(theorem, theorem.right)


def _at_step(theorem: Theorem, side: Term) -> Term:
    return instance(side, "", "", _AT_STEP.get(theorem.kind, ()))


def base_fault(theory: Theory, theorem: Theorem) -> str:
    """Return what is wrong after the last step: the two sides, generated from the statement, are not so related."""
    if not theorem.by_induction:
        return ""
    try:
        rules = Equations(theory)
        left, right = (rules.normal(ended(side, theory)) for side in (theorem.left, theorem.right))
        if equal(left, right):
            return ""
        rest = (right - left).number() if theorem.relation == "≤" else None
    except TermError as error:
        return str(error)
    return "" if rest is not None and rest >= 0 else f"the claim is not {theorem.relation} there"


def _step_fault(theory: Theory, theorem: Theorem) -> str:
    cases = [step.case for step in theorem.steps]
    if cases != [""] and sorted(cases) != ["one action", "several actions"]:
        return "the cases do not cover every prefix"
    try:
        spoken_of = mentioned_in(theory, theorem)
        fault = malformed(theory, theorem, spoken_of) or theory.unsound(spoken_of)
        if fault:
            return fault
        for step in theorem.steps:
            if not step.links:
                return "there is no chain"
            last, rules = step.links[-1].to, Equations(theory)
            if not equal(rules.normal(last), rules.normal(target(theorem))):
                return "the chain does not end at the right side"
    except TermError as error:
        return str(error)
    if theorem.relation == "=" and any(link.certificate is not None for link in theorem.links):
        return "a chain of = has a link of ≤"
    return ""


def link_fault(theory: Theory, theorem: Theorem, step: Step, before: Term, link: Link) -> str:
    """Return what is wrong with a link: it does not follow, says nothing, or cites too little or too much."""
    facts = set() if link.certificate is None else facts_in(link.certificate)
    unknown = [name for name in link.by if not _is_known(name, theory)]
    if unknown:
        return f"cites {unknown[0]}, which is nothing"
    if len(set(link.by)) < len(link.by):
        return "cites something twice"
    if ONE_ACTION in link.by and step.case != "one action":
        return "speaks of the only action where there may be several"
    rules = [name for name in link.by if name not in facts]
    if not all(name in link.by for name in facts):
        return "uses a fact that it does not cite"
    surplus = [name for name in rules if name in theory.facts or _is_inequality(name, theory, theorem)]
    if surplus:
        return f"cites {surplus[0]} and does not use it"
    try:
        if link.certificate is not None and not not_negative(link.certificate, theory, link.by):
            return "what is added is not shown to be at least 0"
        if not _follows(theory, theorem, step, before, link, rules):
            return "does not follow from what is cited"
        if link.certificate is None and _follows(theory, theorem, step, before, link, []):
            return "changes nothing"
    except TermError as error:
        return str(error)
    for name in rules:
        if _follows_without(theory, theorem, step, before, link, [rule for rule in rules if rule != name]):
            return f"does not need {name}"
    return ""


def _follows(theory: Theory, theorem: Theorem, step: Step, before: Term, link: Link, rules: list[str]) -> bool:
    equations = Equations(theory, rules, theorem if theorem.by_induction else None, step.case)
    difference = equations.normal(link.to) - equations.normal(before)
    if link.certificate is None:
        return equal(difference, equations.normal(link.to - link.to))
    return equal(difference, equations.normal(written_out(link.certificate, theory, theorem)))


def _follows_without(theory: Theory, theorem: Theorem, step: Step, before: Term, link: Link, rules: list[str]) -> bool:
    try:
        return _follows(theory, theorem, step, before, link, rules)
    except TermError:
        return False


def _is_known(name: str, theory: Theory) -> bool:
    return name in RULES or name in theory.quantities or name in theory.facts or name in theory.theorems


def _is_inequality(name: str, theory: Theory, theorem: Theorem) -> bool:
    known = theorem if name == HYPOTHESIS else theory.theorems.get(name)
    return known is not None and known.relation == "≤"


def chain(theorem: Theorem) -> Iterator[tuple[Step, Term, Link]]:
    """Yield each link with its step and the term before it."""
    for step in theorem.steps:
        before = start(theorem)
        for link in step.links:
            yield step, before, link
            before = link.to
