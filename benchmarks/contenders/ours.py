"""Ours: `tabular_bellman.levels` on arrays that are there, and the public calls on tables.

The first, as everybody here, without looking at the arrays (``check=False``); the public calls with all their checks.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Maker, Prepared
from benchmarks.contenders.sampling import of_responses
from benchmarks.problem import Problem
from benchmarks.tasks import DRAWS
from tabular_bellman import AutoregressiveModel, StateActionTable, inverse_soft_bellman, levels, soft_bellman
from tabular_bellman.extended import FloatArray

__all__ = ["CONTENDERS"]


def _soft_bellman(problem: Problem) -> Prepared:
    space, rewards = problem.space, problem.table
    out = (problem.empty_pairs(), problem.empty_prefixes())
    return Prepared(lambda: levels.soft_bellman(space, rewards, out=out, check=False))


def _inverse(problem: Problem) -> Prepared:
    space, logits, out = problem.space, problem.table, problem.empty_pairs()
    return Prepared(lambda: levels.inverse_soft_bellman(space, logits, out=out, check=False))


def _log_partition(problem: Problem) -> Prepared:
    space, rewards = problem.space, problem.table
    return Prepared(lambda: levels.log_partition(space, rewards))


def _log_probs(problem: Problem) -> Prepared:
    space, logits, out = problem.space, problem.table, problem.empty_prefixes()
    return Prepared(lambda: levels.response_log_probs(space, logits, out=out, check=False))


def _log_probs_in_reading_order(problem: Problem) -> Prepared:
    space, logits, out = problem.space, problem.table, problem.empty_prefixes()

    def call() -> FloatArray:
        stored = levels.response_log_probs(space, logits, out=out, check=False)
        return np.concatenate([space.to_lexicographic(x.reshape(1, -1), t).ravel() for t, x in enumerate(stored)])

    def arrays(read: FloatArray) -> list[FloatArray]:
        ends = list(itertools.accumulate(problem.V**t for t in range(problem.size.T)))
        parts = np.split(read, ends[:-1])
        return [space.from_lexicographic(x.reshape(1, -1, 1), t).ravel() for t, x in enumerate(parts)]

    return Prepared(call, arrays)


def _marginals(problem: Problem) -> Prepared:
    space, logits, out = problem.space, problem.table, problem.empty_prefixes()
    return Prepared(lambda: levels.prefix_marginals(space, logits, out=out, check=False))


def _kl(problem: Problem) -> Prepared:
    space, p, q = problem.space, problem.table, problem.other
    return Prepared(lambda: levels.kl_divergence(space, p, q, check=False))


def _sampling(problem: Problem) -> Prepared:
    table = StateActionTable.from_levels(problem.space, problem.table)
    rng = np.random.default_rng(problem.seed)
    return Prepared(lambda: AutoregressiveModel(table).sample(DRAWS, rng=rng), of_responses)


def _sampling_again(problem: Problem) -> Prepared:
    model = AutoregressiveModel(StateActionTable.from_levels(problem.space, problem.table))
    rng = np.random.default_rng(problem.seed)
    return Prepared(lambda: model.sample(DRAWS, rng=rng), of_responses)


def _public_call(problem: Problem) -> Prepared:
    reward = StateActionTable.from_levels(problem.space, problem.table)

    def arrays(result: Any) -> list[FloatArray]:
        logits, values = result
        return [*logits.levels, *values.levels]

    return Prepared(lambda: soft_bellman(reward), arrays)


def _examples(strategy: Callable[[Problem], Any], body: Callable[[Problem, Any], object]) -> Maker:
    """Return what makes a property-based test that draws 100 examples."""

    def prepare(problem: Problem) -> Prepared:
        from hypothesis import HealthCheck, Phase, given, seed, settings

        examples = 0

        @settings(
            max_examples=100,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @seed(problem.seed)
        @given(strategy(problem))
        def test(drawn: Any) -> None:
            nonlocal examples
            examples += 1
            body(problem, drawn)

        test()
        return Prepared(test, lambda _: [], per=examples)

    return prepare


def _numbers(problem: Problem) -> Any:
    from hypothesis import strategies as st

    n = problem.n_entries
    return st.lists(st.floats(-10.0, 10.0), min_size=n, max_size=n)


def _tables(problem: Problem) -> Any:
    from proofs_check.strategies import rewards

    return rewards(space=problem.space, masks="none", numbers="plain")


def _nothing(*_: object) -> None:
    pass


def _of_table(_: Problem, reward: StateActionTable) -> None:
    logits, _values = soft_bellman(reward)
    assert inverse_soft_bellman(logits).allclose(reward, atol=1e-12)


def _of_numbers(problem: Problem, numbers: list[float]) -> None:
    _of_table(problem, StateActionTable.from_vector(problem.space, numbers))


def _window(problem: Problem) -> Prepared:
    from benchmarks.contenders.chains import Chain
    from tabular_bellman.implicit import WindowModel

    chain = Chain(problem)
    return Prepared(lambda: WindowModel(problem.space, chain.reward, window=1).log_partition())


def _window_at_hand(problem: Problem) -> Prepared:
    from benchmarks.contenders.chains import Chain
    from tabular_bellman.implicit import WindowModel

    arrays = Chain(problem).at_hand()

    def reward(_prompt: object, _contexts: object, depth: int) -> FloatArray:
        return arrays[depth]

    return Prepared(lambda: WindowModel(problem.space, reward, window=1).log_partition())


CONTENDERS = (
    Contender(
        "ours",
        "tabular_bellman.levels, check=False; in public-call, sampling, example and window the public functions",
        {
            "soft-bellman": _soft_bellman,
            "inverse": _inverse,
            "log-partition": _log_partition,
            "log-probs": _log_probs,
            "marginals": _marginals,
            "kl": _kl,
            "sampling": _sampling,
            "public-call": _public_call,
            "example": _examples(_numbers, _of_numbers),
            "window": _window,
        },
        preallocates=True,
    ),
    *(
        Contender(name, what, tasks, otherwise="")
        for name, what, tasks in (
            ("ours, in reading order", "and all responses in one array", {"log-probs": _log_probs_in_reading_order}),
            ("ours, rewards at hand", "written out before, as those of hmmlearn are", {"window": _window_at_hand}),
            ("ours, of a kept model", "without making the model", {"sampling": _sampling_again}),
            (
                "ours, our strategy",
                "with tables that proofs_check.strategies draws",
                {"example": _examples(_tables, _of_table)},
            ),
            ("our strategy alone", "proofs_check.strategies.rewards", {"example": _examples(_tables, _nothing)}),
            ("Hypothesis alone", "as many floats, in a list", {"example": _examples(_numbers, _nothing)}),
        )
    ),
)
