"""What can be checked: for each kind, how the function is called, and what it should have returned.

A kind has one or more *routes*: ways to the right answer, each through one function of the toolkit.  Over the
reference toolkit a route gives the answer with its bound; over the library with a mistake put into that function it
gives what this mistake would have returned, which is how a diagnosis is made.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from proofs_check import paths
from proofs_check.testing.adapters import Batch, Unreadable, response_rows
from proofs_check.testing.arrays import as_floats
from proofs_check.testing.cases import Case, Options
from proofs_check.toolkit import Toolkit, expectation
from tabular_bellman import AutoregressiveModel, EnergyBasedModel
from tabular_bellman.extended import FloatArray
from tabular_bellman.recursion import forward

__all__ = ["KINDS", "Kind", "Part", "Route"]

Over = Literal["pairs", "prefixes", "responses", "prompts"]


@dataclass(frozen=True)
class Part:
    """One thing that is returned: numbers over the pairs, prefixes, responses or prompts of a space.

    Attributes
    ----------
    what : str
    over : {"pairs", "prefixes", "responses", "prompts"}
    values : sequence of arrays (or carriers, or `Real`)
        One for each depth over pairs and prefixes; a single one of shape (n, P) or (P,) over responses and prompts.
    counts : sequence of Boolean arrays, optional
        Where anything goes, False.
    """

    what: str
    over: Over
    values: Sequence[Any]
    counts: Sequence[NDArray[np.bool_]] | None = None


Route = Callable[[Toolkit[Any], Options, Case], list[Part]]
Function = Callable[..., Any]


class Kind(ABC):
    """One kind of function.

    Attributes
    ----------
    name : str
    statement : str
        What it should compute, in mathematics.
    parameters : frozenset of str
        Which of temperature, discount and reference go with it, where it takes rewards.
    returns, views, of : tuple of str
        The forms that it knows, the default first.
    moderate : bool
        Whether huge numbers are left out, as they overflow in right code too.
    inputs : int
        How many tables the function takes.
    """

    name: ClassVar[str]
    statement: ClassVar[str]
    parameters: ClassVar[frozenset[str]] = frozenset({"temperature"})
    returns: ClassVar[tuple[str, ...]] = ("",)
    views: ClassVar[tuple[str, ...]] = ("logits", "rewards")
    of: ClassVar[tuple[str, ...]] = ("",)
    moderate: ClassVar[bool] = False
    gentle: ClassVar[bool] = False
    inputs: ClassVar[int] = 1
    responses: ClassVar[bool] = False

    def claim(self, o: Options) -> str:
        """Return what it should compute, as it was asked for."""
        return self.statement

    @abstractmethod
    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        """Call the user's function and read what it returned."""

    @abstractmethod
    def routes(self, o: Options) -> dict[str, Route]:
        """Return the ways to the right answer, by the function of the toolkit that each goes through."""


def _named(o: Options, case: Case) -> dict[str, Any]:
    """The keyword arguments that the function takes."""
    found: dict[str, Any] = {}
    if "temperature" in o.named:
        found["temperature"] = case.temperature
    if "discount" in o.named:
        found["discount"] = case.discount
    if "reference" in o.named and case.reference is not None:
        found["reference"] = o.adapter.weights(case.reference)
    return found


def _on_tables(o: Options, function: Function, case: Case, *more: Any) -> Any:
    """Call a function of tables."""
    a = o.adapter
    tables = [a.table(case.table)] if case.other is None else [a.table(case.table), a.table(case.other)]
    return function(*tables, *a.extras(case.space), *more, **_named(o, case))


def _lifted(kit: Toolkit[Any], case: Case) -> list[Any]:
    return [kit.lift(level) for level in case.table.levels]


def _over_temperature(kit: Toolkit[Any], levels: Sequence[Any], temperature: float) -> list[Any]:
    return [kit.system.power(level, 1.0 / temperature) for level in levels]


def _logits(kit: Toolkit[Any], o: Options, case: Case, through: str) -> list[Any]:
    """The logits of the model: the table itself, or what p ∝ exp(R/τ) has."""
    levels = _lifted(kit, case)
    if o.view == "logits":
        return levels
    if through == "soft_bellman":
        return _over_temperature(kit, kit.soft_bellman(case.space, levels, case.temperature)[0], case.temperature)
    return list(kit.ebm_policy(case.space, levels, case.temperature))


def _ways(o: Options, *own: str) -> tuple[str, ...]:
    """The functions that an answer goes through, besides those that make a model of rewards."""
    return own if o.view == "logits" else (*own, "ebm_policy", "soft_bellman", "ebm_log_probs")


def _log_probs(kit: Toolkit[Any], o: Options, case: Case, way: str) -> Any:
    """The log-probabilities of responses, shape (n, P)."""
    if way == "ebm_log_probs":
        return kit.ebm_log_probs(case.space, _lifted(kit, case), case.temperature)
    return kit.arm_log_probs(case.space, _logits(kit, o, case, way))


def _each(ways: Sequence[str], answer: Callable[[Toolkit[Any], Options, Case, str], list[Part]]) -> dict[str, Route]:
    def route(way: str) -> Route:
        return lambda kit, o, case: answer(kit, o, case, way)

    return {way: route(way) for way in ways}


# -- maps between tables ----------------------------------------------------------------------------------------------


class _SoftBellman(Kind):
    name = "soft-bellman"
    statement = "q(s,a) = r(s,a) + γ V(s⊕a), V(s) = τ log Σ_a π_ref(a|s) exp(q(s,a)/τ), V = 0 after the last step"
    parameters = frozenset({"temperature", "discount", "reference"})
    returns = ("both", "logits", "values")
    views = ("rewards",)

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        found, a = _on_tables(o, function, case), o.adapter
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
            levels, space = _lifted(kit, case), case.space
            if way == "soft_bellman":
                logits, values = kit.soft_bellman(space, levels, case.temperature)
            else:
                logits, values = kit.regularised(
                    space, levels, case.temperature, case.discount, _log_reference(kit, case)
                )
            parts = [Part("logit", "pairs", logits), Part("value", "prefixes", values)]
            return {"both": parts, "logits": parts[:1], "values": parts[1:]}[o.returns]

        return _each(("regularised",) if _is_regularised(o) else ("soft_bellman",), answer)


def _is_regularised(o: Options) -> bool:
    return o.discount != 1.0 or o.reference != "none"


def _log_reference(kit: Toolkit[Any], case: Case) -> list[Any] | None:
    return None if case.log_reference is None else [kit.lift(level) for level in case.log_reference]


class _Inverse(Kind):
    name = "inverse"
    statement = "r(s,a) = q(s,a) - γ V(s⊕a), V(s) = τ log Σ_a π_ref(a|s) exp(q(s,a)/τ)"
    parameters = frozenset({"temperature", "discount", "reference"})
    views = ("logits",)

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        return [Part("reward", "pairs", o.adapter.read_table(case.space, _on_tables(o, function, case)))]

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            levels, space, tau = _lifted(kit, case), case.space, case.temperature
            if way == "inverse":
                rewards = kit.inverse(space, levels, tau)
            else:
                rewards = kit.regularised_inverse(space, levels, tau, case.discount, _log_reference(kit, case))
            return [Part("reward", "pairs", rewards)]

        return _each(("regularised_inverse",) if _is_regularised(o) else ("inverse",), answer)


class _Policy(Kind):
    name = "policy"
    statement = "π(a|s) = exp q(s,a) / Σ_b exp q(s,b)"
    returns = ("probabilities", "log-probabilities")

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        found = o.adapter.read_table(case.space, _on_tables(o, function, case))
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
                log_probs = kit.ebm_log_probs(space, _lifted(kit, case), case.temperature)
                through = [paths.chances(kit, space, log_probs, t) for t in range(space.n_depths)]
                pairs = zip(paths.pair_totals(kit, space, log_probs), through, strict=True)
                levels = [kit.system.divide(x, y) for x, y in pairs]
            else:
                levels = _logits(kit, o, case, way)
                if way != "ebm_policy":
                    levels = list(kit.policy(space, levels))
            if o.returns == "probabilities":
                levels = [kit.real(level) for level in levels]
            return [Part(self._what(o), "pairs", levels)]

        return _each(_ways(o, "policy"), answer)


class _Marginals(Kind):
    name = "marginals"
    statement = "ρ(s) = Π_t π(s_t | s_1 … s_(t-1)), the chance of passing through the prefix s; 1 at the root"

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        return [Part("chance", "prefixes", o.adapter.read_states(case.space, _on_tables(o, function, case)))]

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            space = case.space
            if way in ("ebm_log_probs", "arm_log_probs"):
                log_probs = _log_probs(kit, o, case, way)
                levels = [paths.chances(kit, space, log_probs, t) for t in range(space.n_depths)]
            elif way == "passing":
                levels = list(kit.passing(space, _logits(kit, o, case, way)))
            else:
                levels = forward(space, kit.system, kit.policy(space, _logits(kit, o, case, way)))
            return [Part("chance", "prefixes", [kit.real(level) for level in levels])]

        return _each(_ways(o, "passing", "policy", "arm_log_probs"), answer)


class _Gradient(Kind):
    name = "gradient"
    statement = "∂/∂r(s,a) of log Σ_y exp(R(y)/τ), the chance of the pair (s,a) over τ"
    views = ("rewards",)
    of = ("log-partition", "nll")
    gentle = True

    def claim(self, o: Options) -> str:
        """Return which derivative."""
        return self.statement if o.of == "log-partition" else self.of_nll

    of_nll: ClassVar[str] = "∂/∂q(s,a) of the mean of -log p(y) over the responses: (π(a|s) - freq(a|s)) freq(s)"

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        space, a = case.space, o.adapter
        if o.of == "log-partition":
            levels = a.read_table(space, _on_tables(o, function, case))
        elif isinstance(a, Batch):
            levels = self._in_batch(o, function, case, a)
        else:
            data = [a.response(space, None, response)[0] for response in case.responses]
            levels = a.read_table(space, _on_tables(o, function, case, data))
        return [Part("derivative", "pairs", levels)]

    def _in_batch(self, o: Options, function: Function, case: Case, a: Batch) -> list[FloatArray]:
        """Add up what stands at the same prefix in several rows."""
        space, chosen = case.space, [case.space.response_index(y) for y in case.responses]
        tokens, lengths = (rows[chosen] for rows in response_rows(space))
        logits = a.along(case.table)[chosen]
        found = function(o.arrays.floats(logits), o.arrays.integers(tokens), o.arrays.integers(lengths))
        array = _array(found, logits.shape)
        sums = np.zeros((space.n_prefixes, space.n_tokens + 1))
        place = np.cumsum([0, *(space.n_prefixes_at(t) for t in range(space.n_depths))])
        for i, response in enumerate(case.responses):
            for t in range(len(response)):
                depth, index = space.prefix_index(response[:t])
                sums[place[depth] + index] += array[i, t]
        return a.read_table(space, sums)

    def routes(self, o: Options) -> dict[str, Route]:
        def of_log_partition(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            scaled = _over_temperature(kit, _lifted(kit, case), case.temperature)
            levels = kit.log_partition_gradient(case.space, scaled)
            return [Part("derivative", "pairs", [level * (1.0 / case.temperature) for level in levels])]

        def of_nll(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            target = [kit.lift(level) for level in _log_counts(case)]
            levels = kit.arm_gradient(case.space, _lifted(kit, case), target, np.ones(1))
            return [Part("derivative", "pairs", levels)]

        if o.of == "nll":
            return _each(("arm_gradient",), of_nll)
        return _each(("log_partition_gradient",), of_log_partition)


def _log_counts(case: Case) -> list[FloatArray]:
    """The data as logits: how often each step was taken."""
    counts = [np.zeros(level.shape) for level in case.table.levels]
    for response in case.responses:
        for t, action in enumerate(response):
            depth, index = case.space.prefix_index(response[:t])
            counts[depth][case.space.action_index(depth, action), index] += 1.0
    with np.errstate(divide="ignore"):
        return [np.log(level) for level in counts]


# -- numbers ----------------------------------------------------------------------------------------------------------


class _Number(Kind):
    """A function of tables that returns a number for each prompt."""

    what: ClassVar[str]

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        return [Part(self.what, "prompts", [o.adapter.read_numbers(case.space, _on_tables(o, function, case))])]


class _LogPartition(_Number):
    name = "log-partition"
    what = "log-partition"
    statement = "A = log Σ_y exp(R(y)/τ), R(y) = Σ_t r(s_t, y_t)"
    views = ("rewards",)

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            levels, tau = _lifted(kit, case), case.temperature
            if way == "log_partition":
                found = kit.log_partition(case.space, levels, tau)
            else:
                found = kit.system.power(kit.soft_bellman(case.space, levels, tau)[1][0], 1.0 / tau)
            return [Part(self.what, "prompts", [found])]

        return _each(("log_partition", "soft_bellman"), answer)


class _Entropy(_Number):
    name = "entropy"
    what = "entropy"
    statement = "H = -Σ_y p(y) log p(y), over whole responses, in nats"

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            if way not in ("ebm_log_probs", "arm_log_probs"):
                return [Part(self.what, "prompts", [kit.entropy(case.space, _logits(kit, o, case, way))])]
            log_probs = _log_probs(kit, o, case, way)
            return [Part(self.what, "prompts", [-expectation(kit, log_probs, kit.log(log_probs))])]

        return _each(_ways(o, "entropy", "arm_log_probs"), answer)


class _Kl(_Number):
    name = "kl"
    what = "KL(p‖q)"
    statement = "KL(p‖q) = Σ_y p(y) log(p(y)/q(y)), over whole responses, in nats; inf where only q forbids"
    views = ("logits",)
    inputs = 2

    def routes(self, o: Options) -> dict[str, Route]:
        return _each(("kl",), _kl)


def _kl(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
    assert case.other is not None
    others = [kit.lift(level) for level in case.other.levels]
    return [Part("KL(p‖q)", "prompts", [kit.kl(case.space, _lifted(kit, case), others)])]


# -- functions of responses -------------------------------------------------------------------------------------------


class _LogProb(Kind):
    name = "log-prob"
    statement = "log p(y) = Σ_t log π(y_t | y_1 … y_(t-1)), the step to the end counted"
    responses = True

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        space, a = case.space, o.adapter
        if isinstance(a, Batch):
            tokens, lengths = response_rows(space)
            arrays = (o.arrays.floats(a.along(case.table)), o.arrays.integers(tokens), o.arrays.integers(lengths))
            found = _array(function(*arrays, **_named(o, case)), (len(tokens),))[:, None]
        else:
            found = np.array(
                [[_number(_on_response(o, function, case, x, y)) for x in space.prompts] for y in space.responses()]
            )
        return [Part("log-probability", "responses", [found])]

    def routes(self, o: Options) -> dict[str, Route]:
        def answer(kit: Toolkit[Any], o: Options, case: Case, way: str) -> list[Part]:
            if way == "policy":
                policy = kit.policy(case.space, _logits(kit, o, case, way))
                found = kit.response_rewards(case.space, policy)
            else:
                found = _log_probs(kit, o, case, way)
            return [Part("log-probability", "responses", [found])]

        return _each(_ways(o, "arm_log_probs", "policy"), answer)


def _on_response(o: Options, function: Function, case: Case, prompt: Any, response: Any) -> Any:
    return _on_tables(o, function, case, *o.adapter.response(case.space, prompt, response))


def _number(found: Any) -> float:
    return float(_array(found, ()))


def _array(found: Any, shape: tuple[int, ...]) -> FloatArray:
    try:
        array = as_floats(found)
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise Unreadable(f"a {type(found).__name__}, which holds no numbers: {error}") from None
    if array.shape != shape and not (shape == () and array.size == 1):
        raise Unreadable(f"an array of shape {array.shape}; expected {shape or 'a number'}")
    return array.reshape(shape)


class _KlEstimator(Kind):
    name = "kl-estimator"
    statement = "E_(y~p) of the estimate = KL(p‖q) = Σ_y p(y) log(p(y)/q(y)), the expectation taken exactly"
    views = ("logits",)
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
            estimates[0, rows] = _array(found, (rows.size,))
        else:
            for i, prompt in enumerate(space.prompts):
                for j, response in enumerate(space.responses()):
                    if drawn[i, j]:
                        estimates[i, j] = _number(_on_response(o, function, case, prompt, response))
        return [Part("KL(p‖q)", "prompts", [(weights * estimates).sum(axis=1)])]

    def routes(self, o: Options) -> dict[str, Route]:
        return _each(("kl",), _kl)


def _chosen_steps(a: Batch, log_policy: Any, tokens: Any, lengths: Any) -> FloatArray:
    """Return (n, T): the log-probability of each step taken; 0 after the end."""
    steps = np.take_along_axis(a.along(log_policy), tokens[:, :, None], axis=2)[:, :, 0]
    return np.where(np.arange(tokens.shape[1]) < lengths[:, None], steps, 0.0)


class _Sampler(Kind):
    """Judged by `proofs_check.testing.sampling`; its routes give the chances of the responses."""

    name = "sampler"
    statement = "independent draws from p(y), each a response with its end"
    responses = True

    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        raise NotImplementedError  # draws are tested, not compared

    def routes(self, o: Options) -> dict[str, Route]:
        return _LOG_PROB.routes(o)


_LOG_PROB: Final = _LogProb()

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        _SoftBellman(),
        _Inverse(),
        _LogPartition(),
        _LOG_PROB,
        _Policy(),
        _Sampler(),
        _Gradient(),
        _Marginals(),
        _Kl(),
        _KlEstimator(),
        _Entropy(),
    )
}
