"""Functions that return tables: a number for each pair, or for each prefix."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from proofs_check import paths
from proofs_check.paths import tempered
from proofs_check.testing.adapters import Batch, Unreadable, shaped
from proofs_check.testing.cases import Case, Options
from proofs_check.testing.kinds.kind import (
    Function,
    Kind,
    Part,
    Route,
    each,
    lifted,
    model_log_probs,
    model_logits,
    on_tables,
    ways,
)
from proofs_check.testing.rows import offsets, response_rows
from proofs_check.toolkit import Toolkit
from tabular_bellman import EnergyBasedModel
from tabular_bellman.extended import FloatArray
from tabular_bellman.recursion import forward

__all__ = ["Gradient", "Inverse", "Marginals", "Policy", "SoftBellman"]


class SoftBellman(Kind):
    """f(rewards) → (logits, values)."""

    name = "soft-bellman"
    statement = "q(s,a) = r(s,a) + γ V(s⊕a), V(s) = τ log Σ_a π_ref(a|s) exp(q(s,a)/τ), V = 0 after the last step"
    parameters = frozenset({"temperature", "discount", "reference"})
    returns = ("both", "logits", "values")
    views = ("rewards",)

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        found, a = on_tables(o, function, case), o.adapter
        if o.returns == "both" and not (isinstance(found, (tuple, list)) and len(found) == 2):
            raise Unreadable(
                f"a {type(found).__name__}, where a pair (logits, values) was expected; for one of them say "
                "returns='logits' or returns='values'"
            )
        logits, values = found if o.returns == "both" else (found, found)
        parts = []
        if o.returns != "values":
            parts.append(Part("logit", "pairs", a.read_table(case.space, logits)))
        if o.returns != "logits":
            parts.append(Part("value", "prefixes", a.read_states(case.space, values)))
        return parts

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            levels, space = lifted(kit, case), case.space
            if way == "soft_bellman":
                logits, values = kit.soft_bellman(space, levels, case.temperature)
            else:
                logits, values = kit.regularised(
                    space, levels, case.temperature, case.discount, _log_reference(kit, case)
                )
            parts = [Part("logit", "pairs", logits), Part("value", "prefixes", values)]
            return {"both": parts, "logits": parts[:1], "values": parts[1:]}[o.returns]

        return each(("regularised",) if _is_regularised(o) else ("soft_bellman",), answer)


def _is_regularised(o: Options) -> bool:
    return o.discount != 1.0 or o.reference != "none"


def _log_reference(kit: Toolkit[Any], case: Case) -> list[Any] | None:
    return None if case.log_reference is None else [kit.lift(level) for level in case.log_reference]


class Inverse(Kind):
    """f(logits) → rewards."""

    name = "inverse"
    statement = "r(s,a) = q(s,a) - γ V(s⊕a), V(s) = τ log Σ_a π_ref(a|s) exp(q(s,a)/τ)"
    parameters = frozenset({"temperature", "discount", "reference"})
    views = ("logits",)

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        return [Part("reward", "pairs", o.adapter.read_table(case.space, on_tables(o, function, case)))]

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            levels, space, tau = lifted(kit, case), case.space, case.temperature
            if way == "inverse":
                rewards = kit.inverse(space, levels, tau)
            else:
                rewards = kit.regularised_inverse(space, levels, tau, case.discount, _log_reference(kit, case))
            return [Part("reward", "pairs", rewards)]

        return each(("regularised_inverse",) if _is_regularised(o) else ("inverse",), answer)


class Policy(Kind):
    """f(logits) → probabilities."""

    name = "policy"
    statement = "π(a|s) = exp q(s,a) / Σ_b exp q(s,b)"
    returns = ("probabilities", "log-probabilities")

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        found = o.adapter.read_table(case.space, on_tables(o, function, case))
        return [Part(self._what(o), "pairs", found, self._counts(o, case))]

    def _what(self, o: Options) -> str:
        return "probability" if o.returns == "probabilities" else "log-probability"

    def _counts(self, o: Options, case: Case) -> list[NDArray[np.bool_]]:
        """Where a policy is asked for: not where everything is forbidden.

        The policy of p(y) ∝ exp(R(y)/τ) is a conditional probability besides, of which nothing can be said where the
        condition has no chance that the dtype can hold.
        """
        counts = case.live_prefixes
        if o.view == "rewards":
            chances = EnergyBasedModel(case.table, case.temperature).prefix_log_probs.levels
            least = np.log(o.arrays.smallest / o.arrays.unit_roundoff)
            counts = [live & (level > least) for live, level in zip(counts, chances, strict=True)]
        return [np.broadcast_to(here, level.shape) for here, level in zip(counts, case.table.levels, strict=True)]

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            space = case.space
            if way == "ebm_log_probs":
                log_probs = kit.ebm_log_probs(space, lifted(kit, case), case.temperature)
                through = [paths.chances(kit, space, log_probs, t) for t in range(space.n_depths)]
                pairs = zip(paths.pair_totals(kit, space, log_probs), through, strict=True)
                levels = [kit.system.divide(x, y) for x, y in pairs]
            else:
                levels = model_logits(kit, o, case, way)
                if way != "ebm_policy":
                    levels = list(kit.policy(space, levels))
            if o.returns == "probabilities":
                levels = [kit.real(level) for level in levels]
            if way == "remainder":
                levels = [1.0 - (level.sum(0) - level) for level in levels]
            return [Part(self._what(o), "pairs", levels)]

        remainder = ("remainder",) if o.returns == "probabilities" else ()  # 1 less the others
        return each((*ways(o, "policy"), *remainder), answer)


class Marginals(Kind):
    """f(logits) → the chance of passing through each prefix."""

    name = "marginals"
    statement = "ρ(s) = Π_t π(s_t | s_1 … s_(t-1)), the chance of passing through the prefix s; 1 at the root"

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        return [Part("chance", "prefixes", o.adapter.read_states(case.space, on_tables(o, function, case)))]

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            space = case.space
            if way in ("ebm_log_probs", "arm_log_probs"):
                log_probs = model_log_probs(kit, o, case, way)
                levels = [paths.chances(kit, space, log_probs, t) for t in range(space.n_depths)]
            elif way == "passing":
                levels = list(kit.passing(space, model_logits(kit, o, case, way)))
            else:
                levels = forward(space, kit.system, kit.policy(space, model_logits(kit, o, case, way)))
            return [Part("chance", "prefixes", [kit.real(level) for level in levels])]

        return each(ways(o, "passing", "policy", "arm_log_probs"), answer)


class Gradient(Kind):
    """f(rewards), or f(logits, responses) → derivatives."""

    name = "gradient"
    statement = "∂/∂r(s,a) of log Σ_y exp(R(y)/τ), the chance of the pair (s,a) over τ"
    views = ("rewards",)
    of = ("log-partition", "nll")
    gentle = True

    def claim(self, o: Options) -> str:
        """Return which derivative."""
        return self.statement if o.of == "log-partition" else self.of_nll

    def signature(self, o: Options) -> str:
        """Return how it is called."""
        if o.of == "log-partition":
            return super().signature(o)
        return self.called(
            o, ["logits", "tokens", "lengths"] if isinstance(o.adapter, Batch) else ["logits", "responses"]
        )

    of_nll: ClassVar[str] = "∂/∂q(s,a) of the mean of -log p(y) over the responses: (π(a|s) - freq(a|s)) freq(s)"

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        space, a = case.space, o.adapter
        if o.of == "nll" and isinstance(a, Batch):
            return self._in_batch(o, function, case, a)
        data = [[a.response(space, None, response)[0] for response in case.responses]] if o.of == "nll" else []
        return [Part("derivative", "pairs", a.read_table(space, on_tables(o, function, case, *data)))]

    def _in_batch(self, o: Options, function: Function, case: Case, a: Batch) -> list[Part]:
        """Add up what stands at the same prefix in several rows; and look at the padding, which is to be left alone."""
        space, chosen = case.space, [case.space.response_index(y) for y in case.responses]
        tokens, lengths = (rows[chosen] for rows in response_rows(space))
        logits = a.along(case.table)[chosen]
        found = function(o.arrays.floats(logits), o.arrays.integers(tokens), o.arrays.integers(lengths))
        array = shaped(found, logits.shape, "an array")
        sums = np.zeros((space.n_prefixes, space.n_tokens + 1))
        place = offsets(space)
        for i, response in enumerate(case.responses):
            for t in range(len(response)):
                depth, index = space.prefix_index(response[:t])
                sums[place[depth] + index] += array[i, t]
        padding = array[np.arange(array.shape[1]) >= np.asarray(lengths)[:, None]]
        largest = np.abs(padding).max(initial=0.0, keepdims=True).reshape(1)
        return [
            Part("derivative", "pairs", a.read_table(space, sums)),
            Part("largest derivative after the end", "prompts", [largest]),
        ]

    def routes(self, o: Options) -> dict[str, Route]:
        def of_log_partition(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            scaled = tempered(kit, lifted(kit, case), case.temperature)
            levels = kit.log_partition_gradient(case.space, scaled)
            return [Part("derivative", "pairs", [level * (1.0 / case.temperature) for level in levels])]

        def of_nll(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            target = [kit.lift(level) for level in _log_counts(case)]
            parts = [Part("derivative", "pairs", kit.arm_gradient(case.space, lifted(kit, case), target, np.ones(1)))]
            if isinstance(o.adapter, Batch):
                parts.append(Part("largest derivative after the end", "prompts", [kit.number(np.zeros(1))]))
            return parts

        if o.of == "nll":
            return each(("arm_gradient",), of_nll)
        return each(("log_partition_gradient",), of_log_partition)


def _log_counts(case: Case) -> list[FloatArray]:
    """The data as logits: how often each step was taken."""
    counts = [np.zeros(level.shape) for level in case.table.levels]
    for response in case.responses:
        for t, action in enumerate(response):
            depth, index = case.space.prefix_index(response[:t])
            counts[depth][case.space.action_index(depth, action), index] += 1.0
    with np.errstate(divide="ignore"):
        return [np.log(level) for level in counts]
