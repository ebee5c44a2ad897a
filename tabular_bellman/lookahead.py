"""The soft Bellman map with a horizon: logits that see only so many steps ahead (beyond the paper).

M(r) makes of rewards the logits of a model that knows, at each token, everything that can follow.  With horizon h the
value of a prefix counts the rewards of its next h steps and nothing after them; M is horizon T - 1.
"""

from collections.abc import Sequence

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect
from tabular_bellman.number_systems import C, LogFloat, NumberSystem
from tabular_bellman.recursion import checked_temperature
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable

__all__ = ["backward_within", "lookahead_logits"]


def backward_within(
    space: SequenceSpace,
    system: NumberSystem[C],
    rewards: Sequence[C],
    horizon: int,
    *,
    temperature: float = 1.0,
) -> list[C]:
    """Return the logits that see `horizon` steps ahead, level by level, over any number system.

    Parameters
    ----------
    space : SequenceSpace
    system : NumberSystem
    rewards : sequence of carriers, shapes (A_t, P·V**t)
    horizon : int
        From 0 to T - 1.
    temperature : float, default 1.0

    Returns
    -------
    list of carriers, shapes (A_t, P·V**t)

    Notes
    -----
    The logits of depth t are those of M on the tree cut after depth t + h.  The depths from T - 1 - h on see to the
    end, so one sweep serves them all.
    """
    V, last = space.n_tokens, space.n_depths - 1
    logits = list(rewards)
    for cut in range(horizon, last + 1):
        q = rewards[cut]
        for t in reversed(range(cut - horizon, cut)):
            values = system.power(system.sum(system.power(q, 1.0 / temperature)), temperature)
            q, children = rewards[t], values.reshape((V, rewards[t].shape[1]))
            q = system.stack([system.multiply(q[:V], children), q[V:]])
            if t == cut - horizon or cut == last:
                logits[t] = q
    return logits


def lookahead_logits(reward: StateActionTable, horizon: int, *, temperature: float = 1.0) -> StateActionTable:
    """Apply M_h, the soft Bellman map that looks h steps ahead.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids an action.
    horizon : int
        h, from 0 (the rewards themselves) to T - 1 (M itself).
    temperature : float, default 1.0
        τ > 0, as for `soft_bellman`.

    Returns
    -------
    StateActionTable
        The logits: q_0 = r; q_h(s, a) = r(s, a) + V_{h-1}(s⊕a), with V_k(s) = τ log Σ_a exp(q_k(s, a)/τ), and 0 after
        the last step.  What lies beyond the horizon counts as 0, also where it is forbidden: such logits can lead to a
        prefix below which nothing is allowed, which an `AutoregressiveModel` refuses; `prefix_marginals` takes them.

    Raises
    ------
    TabularBellmanError
        For a horizon or a temperature out of range, and where the sums overflow float64.

    Notes
    -----
    Beyond the paper.  M_h r is what h + 1 applications of the soft Bellman operator, q ↦ r + V_q(s⊕a), make of
    V = 0 (Section 3.3 has its fixed point, M r).  A longer horizon need not be better: see ``proofs-check lookahead``.

    Examples
    --------
    How many ways there are to go on from the first token, as far as each horizon sees:

    >>> import numpy as np
    >>> from tabular_bellman import SequenceSpace, StateActionTable, soft_bellman
    >>> from tabular_bellman.lookahead import lookahead_logits
    >>> reward = StateActionTable.zeros(SequenceSpace(1, max_length=4))
    >>> [round(float(np.exp(lookahead_logits(reward, h)[None, (), 0]))) for h in range(4)]
    [1, 2, 3, 3]
    >>> lookahead_logits(reward, 3).allclose(soft_bellman(reward)[0], atol=1e-15)
    True
    """
    expect(StateActionTable, reward, "the reward")
    last = reward.n_depths - 1
    if isinstance(horizon, bool) or not isinstance(horizon, (int, np.integer)) or not 0 <= horizon <= last:
        raise TabularBellmanError(
            f"horizon is {horizon!r}; over {reward.space!r} it must be an integer from 0, which sees a step's own "
            f"reward, to {last}, which sees everything."
        )
    temperature = checked_temperature(temperature)
    try:
        with np.errstate(over="raise"):
            logits: list[FloatArray] = backward_within(
                reward.space, LogFloat(), reward.levels, int(horizon), temperature=temperature
            )
    except FloatingPointError:
        raise TabularBellmanError("the rewards overflow float64; scale them down, or raise the temperature.") from None
    return StateActionTable.from_levels(reward.space, logits)
