"""What stands behind the statements, part by part of the paper: of each the strongest kind of evidence alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from proofs_check.claim import Claim
from proofs_check.claims import PARTS
from proofs_check.evidence import Verdict
from proofs_check.instances import Instance, built_in
from proofs_check.ledger import LEDGER
from proofs_check.report import wrapped
from proofs_check.standing import proved
from proofs_check.strengths import Strength, instances_for, judge
from tabular_bellman import TabularBellmanError

__all__ = ["lines", "strongest"]

_COLUMNS: Final = ("all trees", "in part", "any reward", "inputs")
_SMALL: Final = 14  # pairs: up to 2 tokens and 3 steps; proofs-check run --evidence symbolic takes larger ones too
_LEGEND: Final = (
    "all trees: proved by induction, each step checked by machine.",
    "in part: so proved, except for a step that is left to the reader and named (proofs-check proof CLAIM).",
    "any reward: an identity of rational functions, at the sizes tried.",
    "inputs: no proof of the statement. proofs-check run says on which inputs it was checked, and how.",
)


def lines() -> Iterator[str]:
    """Yield the table; everything in it is computed, so that it takes some seconds."""
    instances = list(built_in(0, "quick"))
    yield f"{'strongest evidence of each':<44}{''.join(f'{name:>{len(name) + 1}}' for name in _COLUMNS)}"
    total: Counter[str] = Counter()
    for title, claims in PARTS:
        counts = Counter(strongest(claim, instances) for claim in claims)
        yield _row(title, counts)
        total += counts
    yield _row(f"{total.total()} statements", total)
    yield ""
    for text in _LEGEND:
        yield from wrapped(text)
    missing = [row.id for row in LEDGER if row.not_computable]
    yield from wrapped(
        f"Not among them, since they cannot be computed: {', '.join(missing)} (proofs-check show NAME says why)."
    )


def _row(title: str, counts: Counter[str]) -> str:
    cells = "".join(f"{counts[name] or '-':>{len(name) + 1}}" for name in _COLUMNS)
    return f"{title:<44}{cells}"


def strongest(claim: Claim, instances: Sequence[Instance]) -> str:
    """Return the column of the table that a claim belongs to.

    Raises
    ------
    TabularBellmanError
        Where evidence contradicts the claim: it belongs to none.
    """
    by_induction = proved(claim)
    if by_induction.verdict is Verdict.PROVED:
        return "in part" if by_induction.in_part else "all trees"
    chosen = instances_for(claim, Strength.SYMBOLIC, instances, complete=True)
    chosen = [each for each in chosen if each.space.n_pairs <= _SMALL] or chosen[:1]
    identity = judge(claim, Strength.SYMBOLIC, chosen, mistakes=False)
    for verdict, why in ((by_induction.verdict, by_induction.why), (identity.verdict, identity.why)):
        if verdict.unexpected:
            raise TabularBellmanError(f"{claim.id}: {verdict.name}: {why}")
    return "any reward" if identity.verdict is Verdict.PROVED_AT else "inputs"
