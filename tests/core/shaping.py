"""Potential-based shaping as a matrix of integers."""

import numpy as np

from tabular_bellman import StateActionTable, StateTable
from tabular_bellman.gauges import live_pairs


def shaping_matrix(table):
    """Pairs by prefixes, in the order of ``to_vector()``: what shaping by 1 at one prefix adds; 0 where not live."""
    space = table.space
    live = StateActionTable.from_levels(space, [level.astype(float) for level in live_pairs(table)]).to_vector()
    units = np.eye(space.n_prefixes)
    zero = StateActionTable.zeros(space)
    columns = [zero.shaped(StateTable.from_vector(space, unit)).to_vector() * live for unit in units]
    return np.array(columns).T.astype(int)
