"""The fast float64 passes over the tree: in blocks that stay in cache, no shift where none is needed, on threads.

Only NumPy is used.  `blocks` says how a tree is cut, `sums` what is done with one block, `maps` puts both together.
"""

from tabular_bellman.kernel.blocks import DEFAULT_PLAN, Plan, n_threads
from tabular_bellman.kernel.maps import (
    backward,
    inverse,
    kl_divergence,
    log_policy,
    passing,
    response_log_probs,
    root_values,
    soft_values,
)

__all__ = [
    "DEFAULT_PLAN",
    "Plan",
    "backward",
    "inverse",
    "kl_divergence",
    "log_policy",
    "n_threads",
    "passing",
    "response_log_probs",
    "root_values",
    "soft_values",
]
