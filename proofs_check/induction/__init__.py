"""Proofs for all lengths and vocabularies, by induction on finite trees, checked by machine.

`PROOFS` has the theorems by name, `proof_of` those of a claim, `check` the verdict on one, `printed` its proof as a
person would write it, `perturbed` planted errors in it, `TRUSTED` what all of them take for granted.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from proofs_check.induction import perturbations, printing
from proofs_check.induction.anchor import SEED, TREES
from proofs_check.induction.checking import Checker, ProofResult
from proofs_check.induction.perturbations import Perturbation
from proofs_check.induction.printing import TRUSTED
from proofs_check.induction.theorems import THEORY
from proofs_check.induction.theory import Theorem

__all__ = ["PROOFS", "TRUSTED", "Perturbation", "ProofResult", "Theorem", "check", "perturbed", "printed", "proof_of"]

PROOFS: Final[Mapping[str, Theorem]] = THEORY.theorems


def proof_of(claim: str) -> tuple[Theorem, ...]:
    """Return the theorems that prove a claim or a part of it, by its id; none if there are none."""
    return tuple(theorem for theorem in PROOFS.values() if claim in theorem.claims)


def check(theorem: Theorem | str, *, trees: int = TREES, seed: int = SEED) -> ProofResult:
    """Check a proof: base, step, each link, its lemmas, and all of it against enumeration on random trees."""
    theorem = _found(theorem)
    if PROOFS.get(theorem.name) is theorem:
        return _checker(trees, seed).check(theorem.name)
    return Checker(THEORY.with_theorem(theorem), trees, seed).check(theorem.name)


def printed(theorem: Theorem | str, result: ProofResult | None = None) -> list[str]:
    """Return the lines of a proof, with what was checked and what is trusted."""
    theorem = _found(theorem)
    return printing.printed(theorem, check(theorem) if result is None else result, THEORY)


def perturbed(theorem: Theorem | str) -> Iterator[Perturbation]:
    """Yield planted errors, one at a time; `Perturbation.check` says what becomes of the proof."""
    theorem = _found(theorem)
    return perturbations.perturbed(theorem.name, THEORY.with_theorem(theorem))


@lru_cache(maxsize=8)
def _checker(trees: int, seed: int) -> Checker:
    return Checker(THEORY, trees, seed)


def _found(theorem: Theorem | str) -> Theorem:
    if isinstance(theorem, Theorem):
        return theorem
    if theorem not in PROOFS:
        raise KeyError(f"no proof is called {theorem}; there are {', '.join(PROOFS)}")
    return PROOFS[theorem]
