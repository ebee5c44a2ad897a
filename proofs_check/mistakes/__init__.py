"""The only registry of mistakes: small wrong variants of the things that claims check.

Each is an error that is easy to make, in code or in reading the paper.  A wrong variant gets the toolkit that it
is put into and does arithmetic through the toolkit's number system; its carriers are plain arrays.
"""

from typing import Final

from proofs_check.mistakes.common import without
from proofs_check.mistakes.ebm_policy import EBM_POLICY
from proofs_check.mistakes.enumeration import EBM, LOG_PARTITION, RESPONSE_REWARDS
from proofs_check.mistakes.information import ENTROPY, KAPPA, KL, KL_ALLOWED, KL_OF_ONE_STEP
from proofs_check.mistakes.inverse import INVERSE
from proofs_check.mistakes.kernel import KERNEL
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
from proofs_check.mistakes.regularised import REGULARISED, REGULARISED_INVERSE
from proofs_check.mistakes.soft_bellman import OF_TEMPERATURE, SOFT_BELLMAN, SOFT_BELLMAN_LOGITS, SOFT_BELLMAN_POLICY

__all__ = [
    "ARM",
    "ARM_GRADIENT",
    "ARM_RISK",
    "EBM",
    "EBM_GRADIENT",
    "EBM_POLICY",
    "EBM_RISK",
    "ENTROPY",
    "FORWARD_MODE",
    "INVERSE",
    "KAPPA",
    "KERNEL",
    "KL",
    "KL_ALLOWED",
    "KL_OF_ONE_STEP",
    "LOG_PARTITION",
    "LOG_PARTITION_GRADIENT",
    "MISTAKES",
    "OF_TEMPERATURE",
    "PASSING",
    "POLICY",
    "PULLBACK",
    "PUSHFORWARD",
    "REGULARISED",
    "REGULARISED_INVERSE",
    "RESPONSE_REWARDS",
    "SOFT_BELLMAN",
    "SOFT_BELLMAN_LOGITS",
    "SOFT_BELLMAN_POLICY",
    "WITH_REFERENCE",
    "without",
]

MISTAKES: Final = (
    *SOFT_BELLMAN,
    *KERNEL,
    *WITH_REFERENCE,
    *REGULARISED,
    *INVERSE,
    *REGULARISED_INVERSE,
    *RESPONSE_REWARDS,
    *LOG_PARTITION,
    *EBM,
    *EBM_POLICY,
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
