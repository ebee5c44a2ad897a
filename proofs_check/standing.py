"""Where a claim stands: one verdict for each kind of evidence, about the statement or about code on its inputs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from proofs_check.claim import Claim, Misreading, Mistake
from proofs_check.evidence import Verdict
from proofs_check.instances import Instance
from proofs_check.strengths import Evidence, Strength, instances_for, judge, left_out

__all__ = ["EVIDENCE", "Standing", "proved", "standing_of", "stands"]

EVIDENCE: Final = ("float64", "exact", "certified", "symbolic", "induction")
"""The kinds of evidence, as the command line names them."""


@dataclass(frozen=True)
class Standing:
    """What one claim has of one kind of evidence.

    Attributes
    ----------
    kind : str
        One of `EVIDENCE`.
    verdict : Verdict
    on : tuple of str
        The instances, sizes or theorems that it rests on.
    of : int
        How many were tried.
    why : str
        What is to be said besides: what failed, what is open, what is left to the reader.
    fates : dict of str to str
        What became of each thing that must fail the claim, as `strengths.rejects` says it.
    failed : tuple of str
        The instances that it fails on.
    attained : int
        Inequalities whose sides balls cannot tell apart.
    bits : int
        The most bits that balls needed.
    """

    kind: str
    verdict: Verdict
    on: tuple[str, ...] = ()
    of: int = 0
    why: str = ""
    fates: dict[str, str] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    attained: int = 0
    bits: int = 0

    @property
    def unexpected(self) -> bool:
        """Whether it contradicts the claim, or leaves open what it should decide."""
        return self.verdict.unexpected

    @property
    def in_part(self) -> bool:
        """Whether something is left to the reader."""
        return self.verdict is Verdict.PROVED and bool(self.why)

    def counted(self, *fates: str) -> int:
        """How many of the things that must fail it had one of these fates."""
        return sum(found.partition(":")[0] in fates for found in self.fates.values())


def stands(
    claim: Claim,
    kind: str,
    instances: Sequence[Instance],
    *,
    complete: bool,
    seed: int = 0,
    wrong: Mistake | Misreading | None = None,
) -> tuple[Standing, Evidence | None]:
    """Return where a claim stands by one kind, not float64, and the evidence behind that.

    Parameters
    ----------
    claim : Claim
    kind : str
    instances : sequence of Instance
        Those of the run.
    complete : bool
        Whether these are the built-in ones, which the claim adds its own to.
    seed : int
    wrong : Mistake or Misreading, optional
        Put into the reference toolkit, or in the place of the statement; proofs are of the statement as it is.
    """
    if kind == "induction":
        return proved(claim), None
    strength = Strength(kind)
    chosen = instances_for(claim, strength, instances, complete=complete, seed=seed)
    evidence = judge(claim, strength, chosen, wrong=wrong, mistakes=complete)
    standing = standing_of(evidence)
    if not chosen and standing.verdict is Verdict.NOT_APPLICABLE:
        standing = replace(standing, why=left_out(claim, strength, instances, complete=complete))
    return standing, evidence


def standing_of(evidence: Evidence) -> Standing:
    """Return what evidence amounts to, in plain types."""
    complete = evidence.complete
    return Standing(
        evidence.strength.value,
        evidence.verdict,
        tuple(found.instance.name for found in complete),
        len(evidence.findings),
        evidence.why,
        evidence.fates or {},
        tuple(found.instance.name for found in evidence.findings if found.failed),
        sum(found.attained for found in complete),
        max((found.bits for found in evidence.findings), default=0),
    )


def proved(claim: Claim) -> Standing:
    """Return what induction proves of a claim, each proof checked again."""
    from proofs_check.induction import check, proof_of

    theorems = proof_of(claim.id)
    if not theorems:
        return Standing("induction", Verdict.NOT_APPLICABLE, why="no proof by induction here")
    for theorem in theorems:
        result = check(theorem)
        if not result.proved:
            why = f"the proof of {theorem.name} fails: {result.reason}"
            return Standing("induction", Verdict.INCONCLUSIVE, of=len(theorems), why=why)
    left = [part for theorem in theorems for part in theorem.claims[claim.id].split("; ") if part]
    names = tuple(theorem.name for theorem in theorems)
    return Standing("induction", Verdict.PROVED, names, len(theorems), "; ".join(dict.fromkeys(left)))
