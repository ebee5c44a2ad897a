"""The bounds of a distillation report: each with its formula, its value, and its ratio to the KL."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tabular_bellman.bounds import free_steps_bound, kappa_bound, logit_ball_supremum, proposition_3_bound
from tabular_bellman.divergence import one_or_all
from tabular_bellman.extended import FloatArray
from tabular_bellman.models import AutoregressiveModel, EnergyBasedModel
from tabular_bellman.pair_bounds import (
    kl_lower_bound,
    max_span_bound,
    perturbation_bound,
    residual_bound,
    span_bound,
)
from tabular_bellman.recursion import inverse_soft_bellman
from tabular_bellman.sequence_model import SequenceModel
from tabular_bellman.table import StateActionTable

__all__ = ["Bound", "Pair", "bounds"]


@dataclass(frozen=True, eq=False)
class Bound:
    """One bound on the KL of whole responses.

    Attributes
    ----------
    name : str
        For programs.
    formula, meaning : str
        For people.
    kind : {"upper", "lower"}
    value : float or ndarray of shape (P,)
        In nats.
    ratio : float or ndarray of shape (P,)
        value / KL; NaN where that says nothing: where KL is 0, or no more than the rounding of log-probabilities
        leaves of it, and where both are inf.
    """

    name: str
    formula: str
    meaning: str
    kind: Literal["upper", "lower"]
    value: Any
    ratio: Any


class Pair:
    """What the bounds of both directions are made of; arrays of shape (P,)."""

    def __init__(self, teacher: SequenceModel, student: SequenceModel) -> None:
        self.teacher, self.student, self.space = teacher, student, teacher.space
        self.support = _logits(teacher)
        self.epsilon, self.epsilon_best_gauge = self._distances(_logits(student))
        self.rounding = _rounding(teacher) + _rounding(student)

    def _distances(self, others: StateActionTable) -> tuple[FloatArray, FloatArray]:
        """Return max |f - g|, and half of the largest span of f - g, over what one of the two may do."""
        P = self.space.n_prompts
        epsilon, half_span = np.zeros(P), np.zeros(P)
        reached = zip(self.teacher.prefix_log_probs.levels, self.student.prefix_log_probs.levels, strict=True)
        for passing, f, g in zip(reached, self.support.levels, others.levels, strict=True):
            here = ~(np.isneginf(passing[0]) & np.isneginf(passing[1]))
            allowed = ~(np.isneginf(f) & np.isneginf(g)) & here
            with np.errstate(invalid="ignore", over="ignore"):
                h = f - g
                high, low = (np.where(allowed, h, -np.inf).max(axis=0), np.where(allowed, h, np.inf).min(axis=0))
                distance = np.where(here, np.maximum(high, -low), 0.0).reshape(-1, P).max(axis=0)
                width = np.where(here & (high > low), high - low, 0.0).reshape(-1, P).max(axis=0)
            epsilon, half_span = np.maximum(epsilon, distance), np.maximum(half_span, 0.5 * width)
        return epsilon + 0.0, half_span + 0.0  # never -0.0

    def supremum(self, epsilon: FloatArray) -> FloatArray:
        """The largest KL of logits so near, over the responses that there are."""
        finite = np.isfinite(epsilon)
        found = np.atleast_1d(logit_ball_supremum(np.where(finite, epsilon, 0.0), self.support))
        return np.where(finite, found, np.inf)

    @property
    def of_best_gauge(self) -> FloatArray:
        """The largest KL where no span of f - g is above the largest one here."""
        return self.supremum(self.epsilon_best_gauge)

    @property
    def of_rewards(self) -> tuple[str, str, str, Any]:
        """The bound from rewards: name, formula, meaning, value."""
        tables = self.teacher, self.student
        energy_based = [isinstance(model, EnergyBasedModel) for model in tables]
        if all(energy_based) or not any(energy_based):
            value = perturbation_bound(*(_reward(model) for model in tables))
            what = "their rewards" if all(energy_based) else "M⁻¹(logits)"
            return "perturbation", "κ(span_y (R-R')/2)", f"of {what} along responses", value
        first, second = sorted(tables, key=lambda model: isinstance(model, EnergyBasedModel))
        value = residual_bound(_logits(first), _reward(second))
        return "residual", "κ(span_y Σ_t δ_t / 2)", "δ = q - B_r q, the Bellman residual", value


def bounds(p: SequenceModel, q: SequenceModel, kl: FloatArray, pair: Pair) -> Iterator[Bound]:
    """Yield every bound on KL(p‖q), from weak to sharp, those from below last; `kl` of shape (P,)."""
    space, epsilon = pair.space, pair.epsilon
    told = np.where(kl > pair.rounding, kl, np.nan)
    table: list[tuple[str, str, str, Any]] = [
        ("paper", "2Tε", "the paper's, Proposition 3", proposition_3_bound(epsilon, space.max_length)),
        ("free_steps", "2·n_free·ε", "depths that offer one action are free", free_steps_bound(epsilon, space)),
        ("kappa", "n_free·κ(ε)", "κ(ε): the most that one step can lose", kappa_bound(epsilon, space)),
        ("ball", "sup of |f-g| ≤ ε", "the largest KL of any logits so near", pair.supremum(epsilon)),
        ("max_span", "n_free·κ(max span/2)", "the widest span of f-g; no gauge", max_span_bound(p, q)),
        ("ball_best_gauge", "sup of spans ≤ max span", "the largest KL of any with such spans", pair.of_best_gauge),
        pair.of_rewards,
        ("span", "Σ_s P(s) κ(span_s/2)", "each prefix by its chance and span", span_bound(p, q)),
    ]
    for name, formula, meaning, value in table:
        yield _bound(name, formula, meaning, "upper", np.atleast_1d(value), told)
    least = "from the two actions furthest apart"
    yield _bound("lower", "Σ_s P(s) L_s", least, "lower", np.atleast_1d(kl_lower_bound(p, q)), told)


def _bound(
    name: str, formula: str, meaning: str, kind: Literal["upper", "lower"], value: FloatArray, kl: FloatArray
) -> Bound:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return Bound(name, formula, meaning, kind, one_or_all(value), one_or_all(np.asarray(value / kl)))


def _rounding(model: SequenceModel) -> FloatArray:
    """What rounding can leave of a KL that is 0: it is of second order in the error of log-probabilities."""
    log_p = model.log_probabilities()
    size = np.abs(np.where(np.isneginf(log_p), 0.0, log_p)).max(axis=1)
    with np.errstate(over="ignore"):
        return np.asarray((2.0**-48 * (1.0 + size)) ** 2)


def _logits(model: SequenceModel) -> StateActionTable:
    """The logits as given; of an energy-based model those of M."""
    if isinstance(model, EnergyBasedModel):
        model = model.to_autoregressive()
    return model.logits if isinstance(model, AutoregressiveModel) else model.log_policy


def _reward(model: SequenceModel) -> StateActionTable:
    """The reward of temperature 1 and no reference whose model it is: r/τ + log π_ref, or M⁻¹ of logits."""
    if isinstance(model, EnergyBasedModel):
        return StateActionTable._wrap(model.space, model._steps)
    return inverse_soft_bellman(_logits(model))
