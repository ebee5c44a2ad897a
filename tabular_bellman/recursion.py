"""The loops over depth: backward (the soft Bellman map M), inverse (M⁻¹), forward (chances of passing).

The generic forms run over any number system and take and return *levels*, flat storage as `StateActionTable.levels`
gives it.  The public functions take and return tables of float64 logs, and use the kernel.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tabular_bellman import kernel
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect, number
from tabular_bellman.number_systems import C, NumberSystem
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable, StateTable

__all__ = [
    "SupportsLogPolicy",
    "backward",
    "checked_discount",
    "checked_temperature",
    "forward",
    "inverse",
    "inverse_of_levels",
    "inverse_soft_bellman",
    "log_reference_levels",
    "prefix_marginals",
    "refuse_dead",
    "soft_bellman",
]


@runtime_checkable
class SupportsLogPolicy(Protocol):
    """Anything with a table of next-action log-probabilities: both kinds of model."""

    @property
    def log_policy(self) -> StateActionTable:
        """log π(a|s)."""


# -- over any number system ------------------------------------------------------------------------------------------


def backward(
    space: SequenceSpace,
    system: NumberSystem[C],
    rewards: Sequence[C],
    *,
    temperature: float = 1.0,
    discount: float = 1.0,
    log_reference: Sequence[C] | None = None,
) -> tuple[list[C], list[C]]:
    """Return (logits, values), level by level.

    Parameters
    ----------
    space : SequenceSpace
    system : NumberSystem
    rewards : sequence of carriers, shapes (A_t, P·V**t)
        The weights exp(r), in the system's own form.
    temperature, discount : float, default 1.0
        Powers of weights, which an exact system declines.
    log_reference : sequence of carriers, optional
        The weights π_ref, in the system's own form.

    Returns
    -------
    logits : list of carriers, shapes (A_t, P·V**t)
    values : list of carriers, shapes (P·V**t,)

    Notes
    -----
    Eq. (6): q(s, a) = r(s, a) + V(s⊕a), V(s) = log Σ_a exp q(s, a), and V = 0 after the last step.
    """
    logits: list[C] = []
    values: list[C] = []
    for t in reversed(range(space.n_depths)):
        q = rewards[t]
        if values:
            q = _at_tokens(space, system, system.multiply, q, system.power(values[-1], discount))
        logits.append(q)
        values.append(_soft_value(system, q, temperature, None if log_reference is None else log_reference[t]))
    return logits[::-1], values[::-1]


def _soft_value(system: NumberSystem[C], q: C, temperature: float, log_reference: C | None) -> C:
    """V = τ log Σ π_ref exp(q/τ)."""
    x = system.power(q, 1.0 / temperature)
    if log_reference is not None:
        x = system.multiply(x, log_reference)
    return system.power(system.sum(x), temperature)


def _at_tokens(
    space: SequenceSpace, system: NumberSystem[C], operation: Callable[[C, C], C], level: C, children: C
) -> C:
    """Combine the rows of tokens with the values that they lead to; EOS leads nowhere."""
    V = space.n_tokens
    tokens = operation(level[:V], children.reshape((V, level.shape[1])))
    return system.stack([tokens, level[V:]])


def inverse(
    space: SequenceSpace,
    system: NumberSystem[C],
    logits: Sequence[C],
    *,
    temperature: float = 1.0,
    discount: float = 1.0,
    log_reference: Sequence[C] | None = None,
) -> list[C]:
    """Return the rewards that `backward` maps to `logits`: r(s, a) = q(s, a) - V_q(s⊕a) (Appendix B.2).

    Raises
    ------
    TabularBellmanError
        For an allowed action into a dead prefix, where no response is allowed below: no reward maps to it.
    """
    references: Sequence[C | None] = [None] * len(logits) if log_reference is None else log_reference
    values = [_soft_value(system, q, temperature, ref) for q, ref in zip(logits, references, strict=True)]
    refuse_dead([system.is_zero(q) for q in logits], [system.is_zero(v) for v in values], space)
    rewards = list(logits)
    for t in range(space.n_depths - 1):
        children = system.power(values[t + 1], discount)
        rewards[t] = _at_tokens(space, system, system.divide, logits[t], children)
    return rewards


def forward(space: SequenceSpace, system: NumberSystem[C], policy: Sequence[C]) -> list[C]:
    """Return the weight of the path to every prefix, level by level: products of `policy` from the root."""
    weights = [system.ones((space.n_prompts,))]
    for t in range(space.n_depths - 1):
        tokens = policy[t][: space.n_tokens]
        weights.append(system.multiply(tokens, weights[t]).reshape((space.n_prefixes_at(t + 1),)))
    return weights


def refuse_dead(
    forbidden: Sequence[NDArray[np.bool_]], dead: Sequence[NDArray[np.bool_]], space: SequenceSpace
) -> None:
    """Refuse logits that allow an action into a prefix below which nothing is allowed."""
    for t in range(space.n_depths - 1):
        wrong = ~forbidden[t][: space.n_tokens] & dead[t + 1].reshape(space.n_tokens, -1)
        if wrong.any():
            row, index = (int(i) for i in np.argwhere(wrong)[0])
            _, prefix = space.prefix_at(t, index)
            raise TabularBellmanError(
                f"the logit at {space.where(t, index, row)} is finite, but it leads to the dead prefix "
                f"{(*prefix, space.vocab[row])!r}, below which every response is forbidden; only -inf is possible "
                "there. Set it to -inf; or, to draw from what can still be completed, read the table as rewards: "
                "EnergyBasedModel(table).to_autoregressive()."
            )


# -- float64 tables --------------------------------------------------------------------------------------------------


def soft_bellman(
    reward: StateActionTable,
    *,
    temperature: float = 1.0,
    discount: float = 1.0,
    reference: "StateActionTable | SupportsLogPolicy | None" = None,
) -> tuple[StateActionTable, StateTable]:
    """Apply the soft Bellman map M: rewards to logits and values.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids an action.
    temperature : float, default 1.0
        τ > 0.  It divides rewards, all along the response; dividing the logits instead is another distribution.
    discount : float, default 1.0
        γ in (0, 1].  The bijection with sequence models is that of γ = 1.
    reference : StateActionTable or model, optional
        π_ref: a table of weights, 0 or more (such as ``model.policy``), or a model, whose logarithms are used as
        they are, without underflow.  Absent: 1 everywhere.

    Returns
    -------
    logits : StateActionTable
        q = M(r): q(s, a) = r(s, a) + γ V(s⊕a), with V = 0 after the last step.
    values : StateTable
        V(s) = τ log Σ_a π_ref(a|s) exp(q(s, a)/τ); -inf where no response is allowed below (a *dead* prefix).

    Raises
    ------
    TabularBellmanError
        For a temperature, discount or reference out of range, and where the sums overflow float64.

    Notes
    -----
    Section 3.2, eq. (6); with a reference measure, Appendix A.5.  The policy of the logits is
    π(a|s) ∝ π_ref(a|s) exp(q(s, a)/τ).

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable, soft_bellman
    >>> import numpy as np
    >>> space = SequenceSpace(1, max_length=3)
    >>> logits, values = soft_bellman(StateActionTable.zeros(space))
    >>> np.exp(values[0]).round(12)  # three responses
    array([3.])
    >>> logits[0].round(4)  # going on leads to two of them
    array([[0.6931, 0.    ]])
    """
    expect(StateActionTable, reward, "the reward")
    temperature, discount = checked_temperature(temperature), checked_discount(discount)
    log_reference = log_reference_levels(reward.space, reference)
    logits, values = kernel.backward(reward.space, reward.levels, temperature, discount, log_reference)
    return StateActionTable._wrap(reward.space, logits), StateTable._wrap(reward.space, values)


def inverse_soft_bellman(
    logits: StateActionTable,
    *,
    temperature: float = 1.0,
    discount: float = 1.0,
    reference: "StateActionTable | SupportsLogPolicy | None" = None,
) -> StateActionTable:
    """Apply M⁻¹: logits to rewards.

    Parameters
    ----------
    logits : StateActionTable
        q, in nats.
    temperature, discount, reference
        As for `soft_bellman`.

    Returns
    -------
    StateActionTable
        r(s, a) = q(s, a) - γ V_q(s⊕a).

    Raises
    ------
    TabularBellmanError
        For a finite logit into a dead prefix, which is the image of no reward; and as `soft_bellman`.

    Notes
    -----
    Proposition 1 and Appendix B.2.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable, inverse_soft_bellman, soft_bellman
    >>> reward = StateActionTable.random(SequenceSpace(2, max_length=3), rng=0)
    >>> logits, _ = soft_bellman(reward)
    >>> inverse_soft_bellman(logits).allclose(reward, atol=1e-14)
    True
    """
    expect(StateActionTable, logits, "the table of logits")
    temperature, discount = checked_temperature(temperature), checked_discount(discount)
    log_reference = log_reference_levels(logits.space, reference)
    rewards = inverse_of_levels(logits.space, logits.levels, temperature, discount, log_reference)
    return StateActionTable._wrap(logits.space, rewards)


def inverse_of_levels(
    space: SequenceSpace,
    logits: Sequence[FloatArray],
    temperature: float,
    discount: float,
    log_reference: Sequence[FloatArray] | None,
    out: Sequence[FloatArray] | None = None,
) -> Sequence[FloatArray]:
    """Return M⁻¹ of flat levels; refuse a finite logit into a dead prefix."""
    rewards, dead = kernel.inverse(space, logits, temperature, discount, log_reference, out=out)
    if dead:
        weights = logits if log_reference is None else map(np.add, logits, log_reference)
        nothing = [np.asarray(np.isneginf(level).all(axis=0)) for level in weights]
        refuse_dead([np.isneginf(level) for level in logits], nothing, space)
    return rewards


def prefix_marginals(logits: StateActionTable) -> StateTable:
    """Return the chance of passing through each prefix when tokens are drawn from softmax(logits).

    Parameters
    ----------
    logits : StateActionTable
        Any table.  Where everything is forbidden at a prefix, what gets there ends there.

    Returns
    -------
    StateTable
        1 at the root; ρ(s⊕a) = ρ(s) π(a|s).

    Notes
    -----
    The α of Appendix A.9, normalised; the gradient of Appendix A.11.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable, prefix_marginals
    >>> prefix_marginals(StateActionTable.zeros(SequenceSpace(1, max_length=3)))[2]
    array([[[0.25]]])
    """
    expect(StateActionTable, logits, "the table of logits", "For a model, exponentiate its prefix_log_probs.")
    return StateTable._wrap(logits.space, kernel.passing(logits.space, logits.levels))


def checked_temperature(temperature: float) -> float:
    """Return a temperature as a float, if it and its inverse are ordinary numbers."""
    if type(temperature) is not float:
        temperature = number(temperature, "temperature")
    if not 1e-300 <= temperature <= 1e300:
        raise TabularBellmanError(f"temperature is {temperature}; it must be positive, from 1e-300 to 1e300.")
    return temperature


def checked_discount(discount: float) -> float:
    """Return a discount as a float, if it lies in (0, 1]."""
    if type(discount) is not float:
        discount = number(discount, "discount")
    if not 0.0 < discount <= 1.0:
        raise TabularBellmanError(f"discount is {discount}; it must lie in (0, 1].")
    return discount


def log_reference_levels(
    space: SequenceSpace, reference: StateActionTable | SupportsLogPolicy | None
) -> Sequence[FloatArray] | None:
    """Return log π_ref level by level, whatever form the reference has; None for none."""
    if reference is None:
        return None
    if isinstance(reference, StateActionTable):
        space.require_same(reference.space, "reward and reference")
        for t, level in enumerate(reference.levels):
            if (level < 0.0).any():
                row, index = (int(i) for i in np.argwhere(level < 0.0)[0])
                raise TabularBellmanError(
                    f"the reference is {level[row, index]} at {space.where(t, index, row)}; a table of reference "
                    "weights holds probabilities, 0 or more. For logarithms, use AutoregressiveModel(table)."
                )
        with np.errstate(divide="ignore"):
            return [np.log(level) for level in reference.levels]  # log 0 = -inf: forbidden
    if isinstance(reference, SupportsLogPolicy):
        table = reference.log_policy
        space.require_same(table.space, "reward and reference")
        return table.levels
    raise TabularBellmanError(
        f"the reference is a {type(reference).__name__}; it must be a StateActionTable of weights, or a model."
    )
