"""Pairs of logits that are as far apart in KL as their distance allows."""

import numpy as np

from proofs_check.extremal import kappa_of
from proofs_check.library import LIBRARY
from tabular_bellman.bounds import kappa


def test_kappa_is_what_it_is_but_where_its_formula_loses_its_digits():
    distances = np.array([2.0**-16, 1e-3, 1.0, 50.0])
    assert (kappa_of(LIBRARY, distances) == kappa(distances)).all()
    assert 0.0 < kappa_of(LIBRARY, np.zeros(1))[0] < 1e-9
