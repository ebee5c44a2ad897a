"""The fixed instances have what they are there for."""

import numpy as np
import pytest

from proofs_check.testing.kinds import KINDS
from proofs_check.testing.settings import options
from proofs_check.testing.witnesses import plainest, witnesses


def parameters(*_, temperature, discount, reference):
    raise NotImplementedError


def plain(*_):
    raise NotImplementedError


def fixed(kind, function=plain, **given):
    o = options(KINDS[kind], function, given)
    return {case.name: case for case in (plainest(KINDS[kind], o), *witnesses(KINDS[kind], o))}


def numbers(table):
    return np.concatenate([level[np.isfinite(level)] for level in table.levels])


def test_some_prefix_is_dead():
    case = fixed("soft-bellman")["dead prefixes"]
    assert not all(live.all() for live in case.live_prefixes)
    assert case.live_prefixes[0].all()


def test_where_something_is_forbidden_nothing_is_dead():
    case = fixed("log-prob")["forbidden actions"]
    assert any(np.isneginf(level).any() for level in case.table.levels)
    assert all(live.all() for live in case.live_prefixes)


def test_an_end_is_likely():
    level = fixed("marginals")["a likely end"].table.levels[0]
    assert (level[-1] - level[:-1].max(axis=0) > 9.0).all()


@pytest.mark.parametrize(("dtype", "least"), [("float64", 1000.0), ("float32", 250.0)])
def test_some_numbers_are_large(dtype, least):
    assert np.abs(numbers(fixed("soft-bellman", dtype=dtype)["large numbers"].table)).max() > least


def test_some_numbers_are_large_in_both_tables():
    case = fixed("kl")["large numbers"]
    assert np.abs(numbers(case.other)).max() > 1000.0


def test_references_differ_unless_they_are_uniform():
    varied = fixed("soft-bellman", parameters)["2 tokens, 3 steps"].reference.levels[0]
    assert np.ptp(varied) > 0.01
    uniform = fixed("soft-bellman", reference="uniform")["2 tokens, 3 steps"].reference.levels[0]
    assert np.ptp(uniform) == 0.0


def test_only_q_forbids():
    case = fixed("kl")["q forbids what p allows"]
    assert np.isneginf(case.other.levels[0]).any()
    assert np.isfinite(case.table.levels[0]).all()


def test_parameters_are_varied_where_they_can_be():
    assert {case.temperature for case in fixed("soft-bellman", parameters).values()} == {0.5, 1.0, 2.0}
    assert {case.discount for case in fixed("soft-bellman", parameters).values()} == {0.5, 1.0}
    assert {case.temperature for case in fixed("soft-bellman", plain, temperature=3.0).values()} == {3.0}
    assert {case.temperature for case in fixed("soft-bellman").values()} == {1.0}


def test_sizes():
    sizes = {(case.space.n_tokens, case.space.max_length) for case in fixed("entropy").values()}
    assert sizes == {(2, 2), (2, 3), (3, 3), (3, 4), (1, 4), (1, 1)}


def test_losses_have_several_responses():
    assert max(len(case.responses) for case in fixed("gradient", of="nll").values()) > 3
