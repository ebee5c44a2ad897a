"""Exact tabular soft Bellman maps between energy-based and autoregressive sequence models."""

from tabular_bellman.divergence import entropy_by_depth, kl_by_depth, kl_divergence, token_kl_divergence
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.models import AutoregressiveModel, EnergyBasedModel
from tabular_bellman.recursion import inverse_soft_bellman, prefix_marginals, soft_bellman
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable, StateTable
from tabular_bellman.tokens import EOS

__all__ = [
    "EOS",
    "AutoregressiveModel",
    "EnergyBasedModel",
    "SequenceSpace",
    "StateActionTable",
    "StateTable",
    "TabularBellmanError",
    "entropy_by_depth",
    "inverse_soft_bellman",
    "kl_by_depth",
    "kl_divergence",
    "prefix_marginals",
    "soft_bellman",
    "token_kl_divergence",
]

__version__ = "0.1.0"
