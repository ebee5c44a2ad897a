"""Functions of a response, or that return some."""

from typing import Any

import numpy as np

from proofs_check.testing.adapters import Batch, shaped
from proofs_check.testing.cases import Case, Options
from proofs_check.testing.kinds.kind import (
    Function,
    Kind,
    Part,
    Route,
    each,
    model_log_probs,
    model_logits,
    named_arguments,
    on_response,
    ways,
)
from proofs_check.testing.kinds.numbers import divergence
from proofs_check.testing.rows import response_rows
from proofs_check.toolkit import Toolkit
from tabular_bellman import AutoregressiveModel
from tabular_bellman.extended import FloatArray

__all__ = ["KlEstimator", "LogProb", "Sampler"]


def _number(found: Any) -> float:
    return float(shaped(found, (1,), "a number")[0])


class LogProb(Kind):
    """f(logits, response) → number."""

    def signature(self, o: Options) -> str:
        """Return how it is called."""
        name = "rewards" if o.view == "rewards" else "logits"
        return self.called(o, [name, "tokens", "lengths"]) if isinstance(o.adapter, Batch) else super().signature(o)

    name = "log-prob"
    statement = "log p(y) = Σ_t log π(y_t | y_1 … y_(t-1)), the step to the end counted"
    responses = True

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        space, a = case.space, o.adapter
        if isinstance(a, Batch):
            tokens, lengths = response_rows(space)
            arrays = (o.arrays.floats(a.along(case.table)), o.arrays.integers(tokens), o.arrays.integers(lengths))
            found = shaped(function(*arrays, **named_arguments(o, case)), (len(tokens),), "a number for each response")[
                :, None
            ]
        else:
            found = np.array(
                [[_number(on_response(o, function, case, x, y)) for x in space.prompts] for y in space.responses()]
            )
        return [Part("log-probability", "responses", [found])]

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            if way == "policy":
                policy = kit.policy(case.space, model_logits(kit, o, case, way))
                found = kit.response_rewards(case.space, policy)
            else:
                found = model_log_probs(kit, o, case, way)
            return [Part("log-probability", "responses", [found])]

        return each(ways(o, "arm_log_probs", "policy"), answer)


class KlEstimator(Kind):
    """f(logits of p, logits of q, response) → number."""

    def signature(self, o: Options) -> str:
        """Return how it is called."""
        return self.called(o, ["log_p", "log_q", "lengths"]) if isinstance(o.adapter, Batch) else super().signature(o)

    name = "kl-estimator"
    statement = "E_(y~p) of the estimate = KL(p‖q) = Σ_y p(y) log(p(y)/q(y)), the expectation taken exactly"
    views = ("logits",)
    parameters = frozenset()
    moderate = True
    inputs = 2
    responses = True

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        space, a = case.space, o.adapter
        assert case.other is not None
        p, q = AutoregressiveModel(case.table), AutoregressiveModel(case.other)
        weights = np.atleast_2d(p.probabilities())
        drawn = weights > 0.0  # only these can be drawn
        estimates = np.zeros(drawn.shape)
        if isinstance(a, Batch):
            tokens, lengths = response_rows(space)
            steps = [_chosen_steps(a, model.log_policy, tokens, lengths) for model in (p, q)]
            rows = np.flatnonzero(drawn[0])
            found = function(*(o.arrays.floats(step[rows]) for step in steps), o.arrays.integers(lengths[rows]))
            estimates[0, rows] = shaped(found, (rows.size,), "a number for each response")
        else:
            for i, prompt in enumerate(space.prompts):
                for j, response in enumerate(space.responses()):
                    if drawn[i, j]:
                        estimates[i, j] = _number(on_response(o, function, case, prompt, response))
        return [Part("KL(p‖q)", "prompts", [(weights * estimates).sum(axis=1)])]

    def routes(self, o: Options) -> dict[str, Route]:
        return each(("kl",), divergence)


def _chosen_steps(a: Batch, log_policy: Any, tokens: Any, lengths: Any) -> FloatArray:
    """Return (n, T): the log-probability of each step taken; 0 after the end."""
    steps = np.take_along_axis(a.along(log_policy), tokens[:, :, None], axis=2)[:, :, 0]
    return np.where(np.arange(tokens.shape[1]) < lengths[:, None], steps, 0.0)


class Sampler(Kind):
    """Judged by `proofs_check.testing.sampling`; its routes give the chances of the responses."""

    name = "sampler"
    statement = "independent draws from p(y), each a response with its end"
    responses = True

    def signature(self, o: Options) -> str:
        """Return how it is called."""
        name = "rewards" if o.view == "rewards" else "logits"
        return self.called(o, [name, *o.adapter.extra_names, "n"])

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        raise NotImplementedError  # draws are tested, not compared

    def routes(self, o: Options) -> dict[str, Route]:
        return LogProb().routes(o)
