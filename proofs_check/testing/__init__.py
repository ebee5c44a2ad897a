"""Check your own code against the exact oracle: call a ``check_…`` function from a test, on your function.

Each check calls the function on small instances, plain ones and adversaries, drawn by Hypothesis and shrunk where
something is wrong, and compares what it returns with the exact answer, within a bound derived from the dtype.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, TypedDict, Unpack

from proofs_check.session import SESSION
from proofs_check.testing import reporting
from proofs_check.testing.adapters import ADAPTERS
from proofs_check.testing.arrays import Arrays
from proofs_check.testing.cases import Options
from proofs_check.testing.diagnosis import diagnose
from proofs_check.testing.kinds import KINDS, Kind
from proofs_check.testing.reporting import Disagreement, Report
from proofs_check.testing.sampling import sample_all, sampler_diagnosis
from proofs_check.testing.search import look
from tabular_bellman import TabularBellmanError
from tabular_bellman.inputs import number
from tabular_bellman.recursion import checked_temperature
from tabular_bellman.tokens import positive_int, some

__all__ = [
    "Disagreement",
    "Report",
    "check",
    "check_entropy",
    "check_gradient",
    "check_inverse",
    "check_kl",
    "check_kl_estimator",
    "check_log_partition",
    "check_log_prob",
    "check_marginals",
    "check_policy",
    "check_sampler",
    "check_soft_bellman",
]

_DRAWS: Final = 2000


class Settings(TypedDict, total=False):
    """Keyword arguments of every check.

    Attributes
    ----------
    adapter : {"dict", "batch", "next-token", "mdp", "table"}, default "dict"
        How tables, responses and numbers look to the function (docs/testing.md has each in full).
    array : {"numpy", "torch", "jax"}, default "numpy"
        The library of the arrays that the function gets; whatever it returns is understood.
    dtype : {"float64", "float32", "bfloat16", "float16"}, default "float64"
        In what the function gets its numbers, and computes; it decides the bound.
    temperature : float, optional
        The temperature that is built into the function, or the one to call it with.  By default a function that has
        a parameter `temperature` is called with several, by keyword, and any other is taken to have 1.
    masks : bool, default True
        Whether actions are forbidden (-inf) on some instances; where the function takes rewards, whole subtrees too.
    prompts : bool, default False
        Whether there are several prompts on one instance, with strings that coincide; only some adapters have them.
    lengths : {"eos", "fixed", "both"}, default "eos"
        Whether responses end in EOS, or have a fixed number of tokens.
    tolerance : float, default 0
        Added to the derived bound, for a function that approximates (finite differences, iteration until ε).
    examples : int, default 100
        How many instances are drawn, besides the fixed ones.
    seed : int, default 0
        The same seed draws the same instances.
    max_responses : int, default 40
        The largest number of responses to one prompt on an instance.
    throw : bool, default True
        Whether a function that is wrong raises `Disagreement`; if not, the report says so.
    """

    adapter: str
    array: str
    dtype: str
    temperature: float | None
    masks: bool
    prompts: bool
    lengths: str
    tolerance: float
    examples: int | None
    seed: int | None
    max_responses: int
    throw: bool


def check_soft_bellman(
    function: Callable[..., Any],
    *,
    returns: str = "both",
    discount: float | None = None,
    reference: Literal["uniform"] | None = None,
    **settings: Unpack[Settings],
) -> Report:
    """Check a soft Bellman backup, f(rewards) → (logits, values).

    Parameters
    ----------
    function : callable
        q(s,a) = r(s,a) + γ V(s⊕a) and V(s) = τ log Σ π_ref exp(q/τ), with V = 0 after the last step.
    returns : {"both", "logits", "values"}
    discount : float, optional
        The γ that is built in.  By default a function that has a parameter `discount` is called with several.
    reference : {"uniform"}, optional
        Whether a uniform π_ref over the actions that exist is built in (log mean exp).  A function that has a
        parameter `reference` is called with tables of weights.
    **settings
        See `Settings`.

    Returns
    -------
    Report

    Raises
    ------
    Disagreement
        If the function is wrong: an AssertionError whose text has the smallest instance found, and a diagnosis.
    TabularBellmanError
        If it cannot be called, or for a setting out of range.

    Notes
    -----
    Section 3.2, eq. (6); Appendix A.5 for the reference measure.

    Examples
    --------
    >>> import math
    >>> from proofs_check.testing import check_soft_bellman
    >>> def hard(rewards):
    ...     logits, values = {}, {}
    ...     for prefix, action in sorted(rewards, key=lambda pair: -len(pair[0])):
    ...         below = values.get((*prefix, action), 0.0)
    ...         logits[prefix, action] = rewards[prefix, action] + below
    ...         values[prefix] = max(values.get(prefix, -math.inf), logits[prefix, action])
    ...     return logits, values
    >>> check_soft_bellman(hard, throw=False).mistakes
    ('hard-max',)
    """
    __tracebackhide__ = True
    return check("soft-bellman", function, returns=returns, discount=discount, reference=reference, **settings)


def check_inverse(
    function: Callable[..., Any],
    *,
    discount: float | None = None,
    reference: Literal["uniform"] | None = None,
    **settings: Unpack[Settings],
) -> Report:
    """Check the inverse soft Bellman map, f(logits) → rewards: r(s,a) = q(s,a) - γ V_q(s⊕a) (Proposition 1).

    The parameters are those of `check_soft_bellman`; logits never lead into a dead prefix.
    """
    __tracebackhide__ = True
    return check("inverse", function, discount=discount, reference=reference, **settings)


def check_log_partition(function: Callable[..., Any], **settings: Unpack[Settings]) -> Report:
    """Check a log-partition, f(rewards) → number: log Σ_y exp(R(y)/τ), by whatever route (eq. (1))."""
    __tracebackhide__ = True
    return check("log-partition", function, **settings)


def check_log_prob(function: Callable[..., Any], *, view: str = "logits", **settings: Unpack[Settings]) -> Report:
    """Check the log-probability of whole responses, f(logits, response) → number.

    With the adapter "batch", f(logits (n, T, V+1), tokens (n, T), lengths (n,)) → (n,), as a language model has it.

    Parameters
    ----------
    function : callable
    view : {"logits", "rewards"}
        Whether the table is of logits, or of rewards with p(y) ∝ exp(R(y)/τ).
    **settings
        See `Settings`.
    """
    __tracebackhide__ = True
    return check("log-prob", function, view=view, **settings)


def check_policy(
    function: Callable[..., Any], *, returns: str = "probabilities", view: str = "logits", **settings: Unpack[Settings]
) -> Report:
    """Check a policy, f(logits) → table of π(a|s).

    Parameters
    ----------
    function : callable
    returns : {"probabilities", "log-probabilities"}
    view : {"logits", "rewards"}
        With rewards, π is that of p(y) ∝ exp(R(y)/τ): softmax(q/τ) of the logits q = M(r).
    **settings
        See `Settings`.
    """
    __tracebackhide__ = True
    return check("policy", function, returns=returns, view=view, **settings)


def check_sampler(
    function: Callable[..., Any],
    *,
    view: str = "logits",
    draws: int = _DRAWS,
    false_alarm: float = 1e-6,
    **settings: Unpack[Settings],
) -> Report:
    """Check a sampler, f(logits, n) → n responses, by an exact test.

    Parameters
    ----------
    function : callable
        A parameter `rng` gets a numpy Generator, `seed` an int; else the global generators of random, NumPy and (if
        imported) PyTorch are seeded for the call, and put back.
    view : {"logits", "rewards"}
    draws : int, default 2000
        How many responses are drawn on each of the fixed instances.
    false_alarm : float, default 1e-6
        The largest probability with which this check rejects a right sampler.
    **settings
        See `Settings`; `examples` plays no part.
    """
    __tracebackhide__ = True
    return check("sampler", function, view=view, draws=draws, false_alarm=false_alarm, **settings)


def check_gradient(function: Callable[..., Any], *, of: str = "log-partition", **settings: Unpack[Settings]) -> Report:
    """Check a gradient, f(rewards) → table of derivatives.

    Parameters
    ----------
    function : callable
    of : {"log-partition", "nll"}
        Of log Σ_y exp(R(y)/τ) in the rewards (Appendix A.11); or, f(logits, responses), of the mean negative
        log-likelihood of the responses in the logits.  With the adapter "batch" the latter is
        f(logits (n, T, V+1), tokens (n, T), lengths (n,)) → (n, T, V+1).
    **settings
        See `Settings`.
    """
    __tracebackhide__ = True
    return check("gradient", function, of=of, **settings)


def check_marginals(function: Callable[..., Any], *, view: str = "logits", **settings: Unpack[Settings]) -> Report:
    """Check the chances of passing through each prefix, f(logits) → state table."""
    __tracebackhide__ = True
    return check("marginals", function, view=view, **settings)


def check_kl(function: Callable[..., Any], **settings: Unpack[Settings]) -> Report:
    """Check a divergence, f(logits of p, logits of q) → KL(p‖q) over whole responses, in nats."""
    __tracebackhide__ = True
    return check("kl", function, **settings)


def check_kl_estimator(function: Callable[..., Any], **settings: Unpack[Settings]) -> Report:
    """Check that an estimate of KL(p‖q) from one response y ~ p is unbiased, its expectation taken exactly.

    f(logits of p, logits of q, response) → number; with the adapter "batch", f(log_p (n, T), log_q (n, T),
    lengths (n,)) → (n,), of the log-probabilities of the steps taken.
    """
    __tracebackhide__ = True
    return check("kl-estimator", function, **settings)


def check_entropy(function: Callable[..., Any], *, view: str = "logits", **settings: Unpack[Settings]) -> Report:
    """Check an entropy over whole responses, f(logits) → number, in nats."""
    __tracebackhide__ = True
    return check("entropy", function, view=view, **settings)


def check(kind: str, function: Callable[..., Any], **settings: Any) -> Report:
    """Check a function of the given kind; the ``check_…`` functions, by name.

    Parameters
    ----------
    kind : str
        "soft-bellman", "inverse", "log-partition", "log-prob", "policy", "sampler", "gradient", "marginals", "kl",
        "kl-estimator" or "entropy".
    function : callable
    **settings
        Those of `Settings`, and of the check of that kind.
    """
    __tracebackhide__ = True  # a failure is shown at the user's line
    if kind not in KINDS:
        raise TabularBellmanError(f"kind is {kind!r}; it is one of {some(tuple(KINDS))}.")
    if not callable(function):
        raise TabularBellmanError(f"the function is a {type(function).__name__}; it must be callable.")
    throw = settings.pop("throw", True)
    chosen, name = KINDS[kind], _name(function)
    o = _options(chosen, function, settings)
    try:
        report = _sampled(chosen, o, function, name) if kind == "sampler" else _compared(chosen, o, function, name)
    except TabularBellmanError as error:
        raise TabularBellmanError(f"{name}: {error}") from None
    if SESSION.heard is not None:
        SESSION.heard.append(report.line())
    if throw and not report.agrees:
        raise Disagreement(report)
    return report


def _compared(kind: Kind, o: Options, function: Callable[..., Any], name: str) -> Report:
    found = look(kind, o, function)
    instances = len(found.fixed) + found.drawn
    if found.smallest is None:
        return reporting.agreement(kind, o, name, instances, found.ratio)
    mistakes = diagnose(kind, o, [found.smallest, *found.fixed])
    return reporting.disagreement(kind, o, name, found.smallest, found.fixed, instances, mistakes, found.fickle)


def _sampled(kind: Kind, o: Options, function: Callable[..., Any], name: str) -> Report:
    found = sample_all(o, function)
    wrong = not all(drawn.agrees for drawn in found)
    return reporting.of_sampler(kind, o, name, found, sampler_diagnosis(o, found) if wrong else [])


def _name(function: Callable[..., Any]) -> str:
    inner = getattr(function, "func", function)  # of a partial
    module, name = getattr(inner, "__module__", None), getattr(inner, "__qualname__", type(inner).__name__)
    return name if module in (None, "__main__", "builtins") else f"{module}.{name}"


def _options(kind: Kind, function: Callable[..., Any], given: dict[str, Any]) -> Options:
    """Fill in the defaults, and refuse what is out of range."""
    known = {"adapter", "array", "dtype", "temperature", "masks", "prompts", "lengths", "tolerance", "examples", "seed",
             "max_responses", "returns", "view", "of", "discount", "reference", "draws", "false_alarm"}  # fmt: skip
    if unknown := set(given) - known:
        raise TabularBellmanError(
            f"unknown setting {some(tuple(sorted(unknown)))}; there are {', '.join(sorted(known))}."
        )
    arrays = Arrays(given.get("array", "numpy"), given.get("dtype", "float64"))
    adapter = _one_of("adapter", given.get("adapter", "dict"), ADAPTERS)
    made = ADAPTERS[adapter](arrays, bool(given.get("prompts", False)))
    if kind.responses and not made.has_responses:
        raise TabularBellmanError(f"adapter {adapter!r} has no responses, which {kind.name} needs.")
    returns = _one_of("returns", given.get("returns") or kind.returns[0], kind.returns)
    view = _one_of("view", given.get("view") or kind.views[0], kind.views)
    of = _one_of("of", given.get("of") or kind.of[0], kind.of)
    if of == "nll" and made.prompts:
        raise TabularBellmanError("of='nll' goes without prompts.")
    parameters = kind.parameters if kind.name == "inverse" or (view == "rewards" and of != "nll") else frozenset()
    named = _parameters_of(function) & (parameters | ({"rng", "seed"} if kind.name == "sampler" else set()))
    fixed = {name: _fixed(name, given.get(name), parameters, named) for name in ("temperature", "discount")}
    reference = given.get("reference")
    if reference not in (None, "uniform") or (reference and "reference" not in parameters):
        raise TabularBellmanError(f"reference is {reference!r}; it is 'uniform', of soft-bellman and inverse, or None.")
    masks = bool(given.get("masks", True))
    dead = view == "rewards" and not kind.gentle
    tolerance = number(given.get("tolerance", 0.0), "tolerance", allow_nan=False)
    false_alarm = number(given.get("false_alarm", 1e-6), "false_alarm", allow_nan=False)
    if not 0.0 <= tolerance < float("inf"):
        raise TabularBellmanError(f"tolerance is {tolerance}; it must be 0 or more, and finite.")
    if not 0.0 < false_alarm < 1.0:
        raise TabularBellmanError(f"false_alarm is {false_alarm}; it must lie between 0 and 1.")
    examples = given.get("examples")
    examples = (SESSION.examples or 100) if examples is None else examples
    seed = given.get("seed")
    seed = (SESSION.seed or 0) if seed is None else seed
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise TabularBellmanError(f"seed is {seed!r}; it must be an integer, 0 or more.")
    return Options(
        adapter=made,
        arrays=arrays,
        named=frozenset(named),
        temperature=fixed["temperature"],
        discount=fixed["discount"],
        reference=reference or ("varies" if "reference" in named else "none"),
        returns=returns,
        view=view,
        of=of,
        forbidden="none" if not masks else "dead" if dead else "live",
        prompts=made.prompts,
        lengths=_one_of("lengths", given.get("lengths", "eos"), ("eos", "fixed", "both")),
        tolerance=tolerance,
        examples=positive_int("draws" if kind.name == "sampler" else "examples",
                              given.get("draws", _DRAWS) if kind.name == "sampler" else examples, 1_000_000),
        seed=seed,
        max_responses=positive_int("max_responses", given.get("max_responses", 40), 10_000),
        false_alarm=false_alarm,
    )  # fmt: skip


def _one_of(name: str, value: Any, allowed: Iterable[str]) -> str:
    if value not in tuple(allowed):
        raise TabularBellmanError(f"{name} is {value!r}; it is one of {some(tuple(allowed))}.")
    return str(value)


def _parameters_of(function: Callable[..., Any]) -> set[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions written in C
        return set()
    bound = getattr(function, "keywords", {})  # of a partial
    named = (
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    )
    return {parameter.name for parameter in named} - set(bound)


def _fixed(name: str, value: Any, parameters: frozenset[str], named: set[str]) -> float | None:
    """Return the value of a parameter; None where it varies."""
    if value is None:
        return None if name in named else 1.0
    if name not in parameters:
        raise TabularBellmanError(f"{name} does not go with a function like this: it has no rewards to apply it to.")
    if name == "temperature":
        return checked_temperature(value)
    found = number(value, name, allow_nan=False)
    if not 0.0 < found <= 1.0:
        raise TabularBellmanError(f"discount is {found}; it must lie in (0, 1].")
    return found
