"""Pictures of trees, tables and divergences: functions that draw on Matplotlib Axes (extra ``plot``)."""

from tabular_bellman.plotting.divergences import bounds_against_kl, kl_by_depth, kl_by_prefix
from tabular_bellman.plotting.horizons import lookahead_curve, reach_of_rewards
from tabular_bellman.plotting.tables import table_by_depth, table_heatmap
from tabular_bellman.plotting.temperatures import temperature_sweep
from tabular_bellman.plotting.trees import prefix_tree

__all__ = [
    "bounds_against_kl",
    "kl_by_depth",
    "kl_by_prefix",
    "lookahead_curve",
    "prefix_tree",
    "reach_of_rewards",
    "table_by_depth",
    "table_heatmap",
    "temperature_sweep",
]
