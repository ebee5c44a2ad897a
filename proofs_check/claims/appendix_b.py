"""Appendix B: Proposition 4, autoregressive models are valid distributions."""

from collections.abc import Iterator
from typing import Any, Final

from proofs_check.evidence import Claim, Comparison
from proofs_check.instances import Instance
from proofs_check.mistakes import ARM
from proofs_check.toolkit import Toolkit

__all__ = ["CLAIMS"]


def _validity(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    total = kit.system.sum(kit.arm_log_probs(instance.space, kit.logits(instance)))
    yield Comparison("log of the total probability = 0", total, kit.system.ones(total.shape))


CLAIMS: Final = (
    Claim(
        "P4-validity",
        "Proposition 4, Appendix B.5",
        "Σ_y p_q(y|x) = 1 for every q with π(EOS|s_T) = 1",
        "any finite tree of responses, one for each prompt; q any logits, -inf into dead prefixes",
        _validity,
        ARM,
    ),
)
