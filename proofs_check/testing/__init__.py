"""Check your own code against the exact oracle: call a ``check_…`` function from a test, on your function.

Each check calls the function on small instances, plain ones and adversaries, drawn by Hypothesis and shrunk where
something is wrong, and compares what it returns with the exact answer, within a bound derived from the dtype.
"""

import inspect
from collections.abc import Callable
from typing import Any, Literal, Unpack

from proofs_check.session import SESSION
from proofs_check.testing import rendering
from proofs_check.testing.cases import Options
from proofs_check.testing.diagnosis import diagnose
from proofs_check.testing.kinds import KINDS, Kind
from proofs_check.testing.report import Disagreement, Report
from proofs_check.testing.sampling import sample_all, sampler_diagnosis
from proofs_check.testing.search import look
from proofs_check.testing.settings import DRAWS, Settings, options
from tabular_bellman import TabularBellmanError

__all__ = [
    "Disagreement",
    "Report",
    "Settings",
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

    Logits never lead into a dead prefix.

    Parameters
    ----------
    function : callable
    discount, reference : float, {"uniform"}, optional
        As for `check_soft_bellman`.
    **settings
        See `Settings`.
    """
    __tracebackhide__ = True
    return check("inverse", function, discount=discount, reference=reference, **settings)


def check_log_partition(function: Callable[..., Any], **settings: Unpack[Settings]) -> Report:
    """Check a log-partition, f(rewards) → number: log Σ_y exp(R(y)/τ), by whatever route (eq. (1)).

    Parameters
    ----------
    function : callable
    **settings
        See `Settings`.
    """
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
    draws: int = DRAWS,
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
    """Check the chances of passing through each prefix, f(logits) → state table.

    Parameters
    ----------
    function : callable
    view : {"logits", "rewards"}
        As for `check_policy`.
    **settings
        See `Settings`.
    """
    __tracebackhide__ = True
    return check("marginals", function, view=view, **settings)


def check_kl(function: Callable[..., Any], **settings: Unpack[Settings]) -> Report:
    """Check a divergence, f(logits of p, logits of q) → KL(p‖q) over whole responses, in nats.

    Parameters
    ----------
    function : callable
    **settings
        See `Settings`.
    """
    __tracebackhide__ = True
    return check("kl", function, **settings)


def check_kl_estimator(function: Callable[..., Any], **settings: Unpack[Settings]) -> Report:
    """Check that an estimate of KL(p‖q) from one response y ~ p is unbiased, its expectation taken exactly.

    f(logits of p, logits of q, response) → number; with the adapter "batch", f(log_p (n, T), log_q (n, T),
    lengths (n,)) → (n,), of the log-probabilities of the steps taken.

    Parameters
    ----------
    function : callable
    **settings
        See `Settings`.
    """
    __tracebackhide__ = True
    return check("kl-estimator", function, **settings)


def check_entropy(function: Callable[..., Any], *, view: str = "logits", **settings: Unpack[Settings]) -> Report:
    """Check an entropy over whole responses, f(logits) → number, in nats.

    Parameters
    ----------
    function : callable
    view : {"logits", "rewards"}
        As for `check_policy`.
    **settings
        See `Settings`.
    """
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
    kind = kind.replace("_", "-") if isinstance(kind, str) else kind
    if kind not in KINDS:
        raise TabularBellmanError(f"kind is {kind!r}; it is one of {', '.join(map(repr, KINDS))}.")
    if not callable(function):
        raise TabularBellmanError(f"the function is a {type(function).__name__}; it must be callable.")
    if inspect.iscoroutinefunction(function):
        raise TabularBellmanError(f"{_name(function)} is a coroutine function; give one that returns numbers.")
    throw = settings.pop("throw", True)
    chosen, name = KINDS[kind], _name(function)
    o = options(chosen, function, settings)
    try:
        report = _sampled(chosen, o, function, name) if kind == "sampler" else _compared(chosen, o, function, name)
    except TabularBellmanError as error:
        raise TabularBellmanError(f"{name}: {error}") from None
    if throw and SESSION.heard is not None:
        SESSION.heard.append(report.line())
    if throw and not report.agrees:
        raise Disagreement(report)
    return report


def _compared(kind: Kind, o: Options, function: Callable[..., Any], name: str) -> Report:
    found = look(kind, o, function)
    instances = len(found.fixed) + found.drawn
    if found.smallest is None:
        return rendering.agreement(kind, o, name, found.fixed, instances, found.ratio)
    mistakes, where = diagnose(kind, o, [found.smallest, *found.fixed])
    return rendering.disagreement(kind, o, name, found, instances, mistakes, where)


def _sampled(kind: Kind, o: Options, function: Callable[..., Any], name: str) -> Report:
    found = sample_all(o, function)
    wrong = not all(drawn.agrees for drawn in found)
    return rendering.of_sampler(kind, o, name, found, sampler_diagnosis(o, found) if wrong else [])


def _name(function: Callable[..., Any]) -> str:
    inner = getattr(function, "func", function)  # of a partial
    module, name = getattr(inner, "__module__", None), getattr(inner, "__qualname__", type(inner).__name__)
    return name if module in (None, "__main__", "builtins") else f"{module}.{name}"
