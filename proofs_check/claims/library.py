"""Statements about this library: its two ways to compute one thing agree."""

from collections.abc import Iterator
from typing import Any, Final

from proofs_check.claim import Claim, Comparison
from proofs_check.instances import Instance
from proofs_check.mistakes import SOFT_BELLMAN
from proofs_check.toolkit import Toolkit

__all__ = ["CLAIMS"]


def _kernel(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    rewards, tau = kit.rewards(instance), instance.temperature
    logits, values = kit.soft_bellman(instance.space, rewards, tau)
    generic_logits, generic_values = kit.recursion(instance.space, rewards, tau)
    for t in range(instance.space.n_depths):
        yield Comparison(f"logits at depth {t}", logits[t], generic_logits[t])
        yield Comparison(f"values at depth {t}", values[t], generic_values[t])


CLAIMS: Final = (
    Claim(
        id="L-kernel",
        place="this library",
        statement="the fast kernel computes what the generic recursion computes",
        latex=r"\text{the fast kernel computes what the generic recursion computes}",
        hypotheses="none",
        routes=("the kernel behind soft_bellman", "the generic recursion over LogFloat"),
        body=_kernel,
        mistakes=SOFT_BELLMAN,
    ),
)
