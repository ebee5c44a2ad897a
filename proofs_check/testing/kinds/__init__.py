"""What can be checked, by name."""

from typing import Final

from proofs_check.testing.kinds.kind import Kind, Part, Route
from proofs_check.testing.kinds.numbers import Entropy, Kl, LogPartition
from proofs_check.testing.kinds.responses import KlEstimator, LogProb, Sampler
from proofs_check.testing.kinds.tables import Gradient, Inverse, Marginals, Policy, SoftBellman

__all__ = ["KINDS", "Kind", "Part", "Route"]

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        SoftBellman(),
        Inverse(),
        LogPartition(),
        LogProb(),
        Policy(),
        Sampler(),
        Gradient(),
        Marginals(),
        Kl(),
        KlEstimator(),
        Entropy(),
    )
}
"""What can be checked, by name."""
