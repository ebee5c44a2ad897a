"""The two views of one distribution: `EnergyBasedModel` and `AutoregressiveModel`, and the ways between them.

The energy-based model is computed by enumeration, as it is defined; the autoregressive model by products of
next-token probabilities.  Only `to_autoregressive` and `to_energy_based` use the soft Bellman map.
"""

from collections.abc import Hashable
from functools import cached_property

import numpy as np
from scipy.special import logsumexp as scipy_logsumexp

from tabular_bellman import kernel
from tabular_bellman.enumeration import completions, reading_order
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, normalise
from tabular_bellman.inputs import expect
from tabular_bellman.number_systems import LogFloat
from tabular_bellman.recursion import (
    SupportsLogPolicy,
    checked_temperature,
    forward,
    inverse_soft_bellman,
    log_reference_levels,
    refuse_dead,
    soft_bellman,
)
from tabular_bellman.sequence_model import SequenceModel
from tabular_bellman.table import StateActionTable, StateTable
from tabular_bellman.tokens import Response

__all__ = ["AutoregressiveModel", "EnergyBasedModel"]


class EnergyBasedModel(SequenceModel):
    """p(y|x) ∝ p_ref(y|x) exp(R(x, y)/τ), with R(x, y) the sum of the rewards along y.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids.
    temperature : float, default 1.0
        τ > 0; it divides rewards.
    reference : StateActionTable or model, optional
        π_ref, as for `soft_bellman`; absent, 1 everywhere.

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden, naming the prompt.

    Notes
    -----
    Eq. (1), and eq. (2) with a reference.  Everything is computed by enumeration: write out the responses, add up,
    normalise once.  `log_partition` is log Σ_y p_ref(y) exp(R(y)/τ); `values` are τ times such sums over the
    completions of a prefix.

    Examples
    --------
    >>> from tabular_bellman import EnergyBasedModel, SequenceSpace, StateActionTable
    >>> space = SequenceSpace(1, max_length=3)
    >>> EnergyBasedModel(StateActionTable.zeros(space)).probabilities().round(4)
    array([[0.3333, 0.3333, 0.3333]])
    """

    def __init__(
        self,
        reward: StateActionTable,
        temperature: float = 1.0,
        *,
        reference: StateActionTable | SupportsLogPolicy | None = None,
    ) -> None:
        expect(StateActionTable, reward, "the reward")
        self.space = reward.space
        self.reward = reward
        self.temperature = checked_temperature(temperature)
        self.reference = reference
        steps = reward if self.temperature == 1.0 else reward / self.temperature
        log_reference = log_reference_levels(self.space, reference)
        if log_reference is not None:
            steps = steps + StateActionTable._wrap(self.space, log_reference)
        self._steps = steps.levels
        self._refuse_empty(self._log_partitions)

    def _completions(self, start: int) -> FloatArray:
        try:
            with np.errstate(over="raise"):
                return completions(self.space, LogFloat(), self._steps, start)
        except FloatingPointError:
            raise TabularBellmanError("the rewards of a response overflow float64; scale them down.") from None

    @cached_property
    def _totals(self) -> FloatArray:
        # Shape (P, n): R/τ + log p_ref of every response.
        return np.ascontiguousarray(self._completions(0)[reading_order(self.space)].T)

    @cached_property
    def _log_partitions(self) -> FloatArray:
        return np.asarray(scipy_logsumexp(self._totals, axis=1))

    @property
    def _ranking(self) -> FloatArray:
        return self._totals  # normalising rounds, and could make a tie

    @cached_property
    def _log_probabilities(self) -> FloatArray:
        return np.ascontiguousarray(normalise(self._totals.T).T)

    def _log_prob(self, p: int, response: Response) -> float:
        return float(self._log_probabilities[p, self.space.response_index(response)])

    @cached_property
    def _log_futures(self) -> list[FloatArray]:
        # log Σ over the completions of each prefix; the definition, not the recursion.
        return [np.asarray(scipy_logsumexp(self._completions(t), axis=0)) for t in range(self.space.n_depths)]

    @cached_property
    def values(self) -> StateTable:
        """The soft value of each prefix, τ log Σ over its completions, in nats; -inf at a dead prefix."""
        return StateTable._wrap(self.space, [self.temperature * future for future in self._log_futures])

    @cached_property
    def log_policy(self) -> StateActionTable:
        """log π(a|s): what share of the completions' weight begins with a."""
        V, levels = self.space.n_tokens, []
        for t, step in enumerate(self._steps):
            joint = step.copy()
            if t + 1 < self.space.n_depths:
                joint[:V] += self._log_futures[t + 1].reshape(V, -1)
            levels.append(normalise(joint))
        return StateActionTable._wrap(self.space, levels)

    @cached_property
    def prefix_log_probs(self) -> StateTable:
        """The log-probability of passing through each prefix: the sum of the probabilities of what begins so."""
        space, levels = self.space, []
        P, V = space.n_prompts, space.n_tokens
        for t in range(space.n_depths):
            # Responses by length; those of n tokens in lexicographic order, so by their first t tokens.
            groups, start = [], 0
            for n in range(space.min_length - 1, space.max_length) if space.has_eos else (space.max_length,):
                if n >= t:
                    groups.append(self._log_probabilities[:, start : start + V**n].reshape(P, V**t, -1))
                start += V**n
            passing = np.minimum(scipy_logsumexp(np.concatenate(groups, axis=2), axis=2), 0.0)
            levels.append(space.from_lexicographic(passing[..., None], t)[0])
        return StateTable._wrap(space, levels)

    def _sample(self, n: int, p: int, rng: np.random.Generator) -> list[Response]:
        chosen = rng.choice(self.space.n_responses_per_prompt, size=n, p=np.exp(self._log_probabilities[p]))
        return [self.space.response_at(int(i)) for i in chosen]

    def with_reference(self, reference: StateActionTable | SupportsLogPolicy | None) -> "EnergyBasedModel":
        """Return the same reward and temperature with another reference measure: p ∝ p_ref exp(R/τ), eq. (2).

        Parameters
        ----------
        reference : StateActionTable or model, optional
            As for the class; None for none.
        """
        return EnergyBasedModel(self.reward, self.temperature, reference=reference)

    def to_autoregressive(self, *, discount: float = 1.0) -> "AutoregressiveModel":
        """Return the autoregressive model with the same distribution, through the soft Bellman map (Prop. 1).

        Its logits are M(r)/τ, plus log π_ref where there is a reference.

        Parameters
        ----------
        discount : float, default 1.0
            Only 1 keeps the distribution.

        Raises
        ------
        TabularBellmanError
            For a discount other than 1.
        """
        if discount != 1.0:
            raise TabularBellmanError(
                f"discount is {discount!r}; only discount 1 keeps the distribution. With γ < 1, from max_length 3 on, "
                "the policy of M(r) is the energy-based model neither of Σ r nor of Σ γ^(t-1) r. For its logits, use "
                "soft_bellman(..., discount=γ)."
            )
        logits, _ = soft_bellman(self.reward, temperature=self.temperature, reference=self.reference)
        if self.temperature != 1.0:
            logits = logits / self.temperature
        log_reference = log_reference_levels(self.space, self.reference)
        if log_reference is not None:
            logits = logits + StateActionTable._wrap(self.space, log_reference)
        return AutoregressiveModel(logits)

    def __repr__(self) -> str:
        reference = "" if self.reference is None else ", with a reference"
        return f"EnergyBasedModel({self.space!r}, temperature={self.temperature:g}{reference})"


class AutoregressiveModel(SequenceModel):
    """p(y|x) = Π_t π(y_t|s_t), with π = softmax of the logits at each prefix.

    Parameters
    ----------
    logits : StateActionTable
        q, in nats; -inf forbids.

    Raises
    ------
    TabularBellmanError
        For a finite logit into a dead prefix (where nothing is allowed below), naming it, and if every response to
        a prompt is forbidden.

    Notes
    -----
    Section 2.2.  `log_partition` is V_q at the root, the log-partition of the energy-based model with rewards M⁻¹(q).
    There is no temperature here: dividing logits by τ is not dividing rewards by τ.  With one token,
    lengths up to 3 and reward 0, temperature ½ on the rewards leaves ⅓, ⅓, ⅓; on the logits it gives ⅕, ⅖, ⅖.

    Examples
    --------
    >>> from tabular_bellman import AutoregressiveModel, EnergyBasedModel, SequenceSpace, StateActionTable
    >>> space = SequenceSpace(1, max_length=3)
    >>> logits = EnergyBasedModel(StateActionTable.zeros(space)).to_autoregressive().logits
    >>> AutoregressiveModel(logits).probabilities().round(4)
    array([[0.3333, 0.3333, 0.3333]])
    >>> AutoregressiveModel(logits / 0.5).probabilities().round(4)
    array([[0.2, 0.4, 0.4]])
    """

    def __init__(self, logits: StateActionTable) -> None:
        expect(StateActionTable, logits, "the table of logits")
        self.space = logits.space
        self.logits = logits
        self._values = StateTable._wrap(self.space, kernel.soft_values(logits.levels))
        self._refuse_empty(self._values.levels[0])
        dead = [np.isneginf(level) for level in self._values.levels]
        if any(level.any() for level in dead):
            refuse_dead([np.isneginf(level) for level in logits.levels], dead, self.space)

    @property
    def values(self) -> StateTable:
        """V_q(s) = log Σ_a exp q(s, a), in nats; -inf at a dead prefix."""
        return self._values

    @property
    def _step_ranking(self) -> StateActionTable:
        return self.logits

    @cached_property
    def log_policy(self) -> StateActionTable:
        """log π(a|s) = q(s, a) - V_q(s)."""
        return self.logits.log_softmax()

    @cached_property
    def prefix_log_probs(self) -> StateTable:
        """The log-probability of passing through each prefix: the sum of log π along it."""
        return StateTable._wrap(self.space, forward(self.space, LogFloat(), self.log_policy.levels))

    @property
    def _log_partitions(self) -> FloatArray:
        # V_q at the root: by Prop. 1 the log-partition of the energy-based model with the same distribution.
        return self._values.levels[0]

    @cached_property
    def _log_probabilities(self) -> FloatArray:
        P, ends = self.space.n_prompts, kernel.response_log_probs(self.space, self.logits.levels)
        first = self.space.n_depths - len(ends)
        levels = (level.reshape(-1, level.shape[-1]) for level in ends)
        parts = [self.space.to_lexicographic(level, t).reshape(P, -1) for t, level in enumerate(levels, first)]
        return np.concatenate(parts, axis=1)

    def _log_prob(self, p: int, response: Response) -> float:
        prompt = self.space.prompts[p]
        steps = [self.log_policy[prompt, response[:t], action] for t, action in enumerate(response)]
        return float(sum(steps))

    def _sample(self, n: int, p: int, rng: np.random.Generator) -> list[Response]:
        # Gumbel-max: argmax of log π + G never picks what is forbidden, and needs no cumulative sums.
        V = self.space.n_tokens
        drawn: list[list[Hashable]] = [[] for _ in range(n)]
        active, index = np.arange(n), np.full(n, p)
        for t, level in enumerate(self.logits.levels):  # normalised where somebody passes
            rows = (normalise(level[:, index]) + rng.gumbel(size=(level.shape[0], index.size))).argmax(axis=0)
            actions = self.space.actions(t)
            for i, row in zip(active.tolist(), rows.tolist(), strict=True):
                drawn[i].append(actions[row])
            going_on = rows < V if len(actions) >= V and t + 1 < self.space.n_depths else np.zeros(rows.size, bool)
            active = active[going_on]
            index = index[going_on] + rows[going_on] * self.space.n_prefixes_at(t)
            if not active.size:
                break
        return [tuple(response) for response in drawn]

    def with_reference(self, reference: StateActionTable | SupportsLogPolicy) -> "AutoregressiveModel":
        """Return the model with policy π ∝ π_ref exp(q) at each prefix (Appendix A.5).

        Parameters
        ----------
        reference : StateActionTable or model
            π_ref, as for `EnergyBasedModel`.
        """
        log_reference = log_reference_levels(self.space, reference)
        if log_reference is None:
            return self
        return AutoregressiveModel(self.logits + StateActionTable._wrap(self.space, log_reference))

    def to_energy_based(self) -> EnergyBasedModel:
        """Return the energy-based model with the same distribution: reward M⁻¹(logits), temperature 1 (Prop. 1)."""
        return EnergyBasedModel(inverse_soft_bellman(self.logits))

    def __repr__(self) -> str:
        return f"AutoregressiveModel({self.logits!r})"
