"""The only registry of mistakes: small wrong variants of the things that claims check.

Each is an error that is easy to make, in code or in reading the paper.  A wrong variant gets the toolkit that it
is put into and does arithmetic through the toolkit's number system; its carriers are plain arrays.
"""

from typing import Final

from proofs_check.claim import Mistake
from proofs_check.mistakes.enumeration import EBM, LOG_PARTITION, RESPONSE_REWARDS
from proofs_check.mistakes.information import ENTROPY, KAPPA, KL
from proofs_check.mistakes.inverse import INVERSE
from proofs_check.mistakes.learning import (
    ARM_GRADIENT,
    ARM_RISK,
    EBM_GRADIENT,
    EBM_RISK,
    FORWARD_MODE,
    LOG_PARTITION_GRADIENT,
    PULLBACK,
    PUSHFORWARD,
)
from proofs_check.mistakes.next_token import ARM, PASSING, POLICY
from proofs_check.mistakes.reference import WITH_REFERENCE
from proofs_check.mistakes.soft_bellman import SOFT_BELLMAN

__all__ = [
    "ARM",
    "ARM_GRADIENT",
    "ARM_RISK",
    "EBM",
    "EBM_GRADIENT",
    "EBM_RISK",
    "ENTROPY",
    "FORWARD_MODE",
    "INVERSE",
    "KAPPA",
    "KL",
    "LOG_PARTITION",
    "LOG_PARTITION_GRADIENT",
    "MISTAKES",
    "PASSING",
    "POLICY",
    "PULLBACK",
    "PUSHFORWARD",
    "RESPONSE_REWARDS",
    "SOFT_BELLMAN",
    "WITH_REFERENCE",
    "without",
]

MISTAKES: Final = (
    *SOFT_BELLMAN,
    *WITH_REFERENCE,
    *INVERSE,
    *RESPONSE_REWARDS,
    *LOG_PARTITION,
    *EBM,
    *ARM,
    *POLICY,
    *PASSING,
    *ENTROPY,
    *KL,
    *ARM_RISK,
    *EBM_RISK,
    *ARM_GRADIENT,
    *EBM_GRADIENT,
    *LOG_PARTITION_GRADIENT,
    *PUSHFORWARD,
    *PULLBACK,
    *FORWARD_MODE,
    *KAPPA,
)


def without(mistakes: tuple[Mistake, ...], *names: str) -> tuple[Mistake, ...]:
    """Leave out what truly makes no difference to a claim, as a comment there says why."""
    assert set(names) <= {mistake.name for mistake in mistakes}
    return tuple(mistake for mistake in mistakes if mistake.name not in names)
