"""The theorems, in the order of the paper; what goes beyond it comes last."""

from types import MappingProxyType
from typing import Final

from proofs_check.induction.theorems import (
    distillation,
    gauges,
    gradients,
    information,
    laws,
    learning,
    one_step,
    paths,
    proposition1,
)
from proofs_check.induction.theory import Theory
from proofs_check.induction.vocabulary import QUANTITIES

__all__ = ["THEORY"]

_PARTS: Final = (proposition1, learning, laws, information, paths, gradients, one_step, distillation, gauges)

THEORY: Final = Theory(
    QUANTITIES,
    MappingProxyType({fact.name: fact for part in _PARTS for fact in part.FACTS}),
    MappingProxyType({theorem.name: theorem for part in _PARTS for theorem in part.THEOREMS}),
)
