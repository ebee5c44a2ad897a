"""The kill matrix: every mistake put into every claim, and what became of it."""

from dataclasses import dataclass
from typing import Final

from proofs_check.claim import Misreading
from proofs_check.claims import CLAIMS
from proofs_check.evidence import Fate, applicable, called, fate, outcomes, references
from proofs_check.instances import built_in
from proofs_check.library import LIBRARY
from proofs_check.mistakes import MISTAKES
from tabular_bellman.parallel import Workers

__all__ = ["KillMatrix", "compute"]

SEED: Final = 0


@dataclass(frozen=True)
class KillMatrix:
    """The fates of every mistake in every claim, and of each claim's misreadings.

    Attributes
    ----------
    mistakes : dict of (mistake name, claim id) to Fate
    misreadings : dict of (misreading name, claim id) to Fate
    failing : list of str
        Claims that do not hold with nothing put in, so that what they reject says nothing.
    """

    mistakes: dict[tuple[str, str], Fate]
    misreadings: dict[tuple[str, str], Fate]
    failing: list[str]

    @property
    def unexpected(self) -> list[str]:
        """What should not be: a claim that fails by itself or lets pass what it names, or what all let pass."""
        found = [f"{name} fails with no mistake put in" for name in self.failing]
        for claim in CLAIMS:
            for wrong in claim.rejects:
                table = self.misreadings if isinstance(wrong, Misreading) else self.mistakes
                if table[wrong.name, claim.id] is not Fate.REJECTED:
                    found.append(f"{claim.id} does not reject {wrong.name}: {table[wrong.name, claim.id].name}")
        for mistake in MISTAKES:
            if not any(self.mistakes[mistake.name, claim.id] is Fate.REJECTED for claim in CLAIMS):
                found.append(f"no claim rejects {mistake.name}")
        return found


def compute(workers: Workers | None = None) -> KillMatrix:
    """Fill the matrix, on the small built-in instances and on the claims' own; `workers` take a claim each."""
    mistakes: dict[tuple[str, str], Fate] = {}
    misreadings: dict[tuple[str, str], Fate] = {}
    failing = []
    found = (workers or Workers()).map(_of, [(claim.id,) for claim in CLAIMS], what="claim")
    for claim, (holds, of_mistakes, of_misreadings) in zip(CLAIMS, found, strict=True):
        if not holds:
            failing.append(claim.id)
        mistakes |= of_mistakes
        misreadings |= of_misreadings
    return KillMatrix(mistakes, misreadings, failing)


def _of(name: str) -> tuple[bool, dict[tuple[str, str], Fate], dict[tuple[str, str], Fate]]:
    """Return whether one claim holds, and the fates in it."""
    claim = next(claim for claim in CLAIMS if claim.id == name)
    chosen = applicable(claim, list(built_in(SEED, "quick")), complete=True, seed=SEED)
    bounds = references(claim, chosen)
    used = {name for instance in chosen for name in called(claim.body, LIBRARY, instance)}
    mistakes = {
        (mistake.name, claim.id): fate(claim, mistake, chosen, bounds) if mistake.replaces in used else Fate.UNUSED
        for mistake in MISTAKES
    }
    misreadings = {(wrong.name, claim.id): fate(claim, wrong, chosen, bounds) for wrong in claim.misreadings}
    holds = all(outcome.holds for outcome in outcomes(claim.body, LIBRARY, chosen, bounds))
    return holds, mistakes, misreadings
