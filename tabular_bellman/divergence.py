"""Entropy and Kullback-Leibler divergence over whole sequences, their splits by depth, and token-level KL.

All in nats.  A function gives a float for a space with one prompt, else an array in the order of ``space.prompts``.
"""

from typing import Any, Literal

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, expectation, kl_terms, weighted
from tabular_bellman.inputs import expect
from tabular_bellman.sequence_model import SequenceModel

__all__ = ["entropy_by_depth", "kl_by_depth", "kl_divergence", "token_kl_divergence"]


def kl_divergence(p: SequenceModel, q: SequenceModel) -> Any:
    """Return KL(p‖q) = Σ_y p(y) log(p(y)/q(y)) over whole responses, exactly.

    Parameters
    ----------
    p, q : EnergyBasedModel or AutoregressiveModel
        Over one space.

    Returns
    -------
    float or ndarray of shape (P,)
        In nats; inf where p allows a response that q forbids, however small its probability.

    Examples
    --------
    >>> from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable, kl_divergence
    >>> space = SequenceSpace(2, max_length=2)
    >>> p = AutoregressiveModel(StateActionTable.zeros(space))
    >>> kl_divergence(p, p)
    0.0
    """
    same_space(p, q)
    terms = kl_terms(p.log_probabilities(), q.log_probabilities())
    return one_or_all(terms.sum(axis=1))


def kl_by_depth(p: SequenceModel, q: SequenceModel) -> FloatArray:
    """Split KL(p‖q) by depth: E over the prefixes that p passes of KL(π_p‖π_q) there (Appendix A.4).

    Parameters
    ----------
    p, q : EnergyBasedModel or AutoregressiveModel
        Over one space.

    Returns
    -------
    ndarray of shape (n_depths,), or (P, n_depths) for several prompts
        Each term is weighted by the chance of getting there; they add up to `kl_divergence`.
    """
    return _by_depth(p, prefix_kl(p, q))


def entropy_by_depth(p: SequenceModel) -> FloatArray:
    """Split the entropy by depth: E over the prefixes that p passes of the entropy of π there (Appendix A.3).

    Parameters
    ----------
    p : EnergyBasedModel or AutoregressiveModel

    Returns
    -------
    ndarray of shape (n_depths,), or (P, n_depths) for several prompts
        Each term is weighted by the chance of getting there; they add up to ``p.entropy()``.
    """
    expect_model("p", p)
    return _by_depth(p, [-expectation(np.exp(level), level, axis=0) + 0.0 for level in p.log_policy.levels])


def token_kl_divergence(
    p: SequenceModel, q: SequenceModel, *, average: Literal["tokens", "responses"] = "tokens"
) -> Any:
    """Return the *token-level* KL: the mean over steps of KL(π_p‖π_q), no larger than `kl_divergence`.

    Parameters
    ----------
    p, q : EnergyBasedModel or AutoregressiveModel
        Over one space; steps are drawn from p, EOS counted.
    average : {"tokens", "responses"}, default "tokens"
        "tokens": all steps of many responses count the same, Σ_t KL / E[length]; what a mean over the tokens of a
        batch estimates.  "responses": the mean over a response's steps, then over responses.

    Returns
    -------
    float or ndarray of shape (P,)
        In nats per token.
    """
    per_prefix = prefix_kl(p, q)
    space = p.space
    if average == "tokens":
        lengths = sum(np.exp(level).reshape(-1, space.n_prompts).sum(axis=0) for level in p.prefix_log_probs.levels)
        return one_or_all(np.atleast_2d(kl_by_depth(p, q)).sum(axis=1) / lengths)
    if average != "responses":
        raise TabularBellmanError(f"average is {average!r}; it is 'tokens' or 'responses'.")
    V, means = space.n_tokens, np.zeros(space.n_prompts)
    so_far = np.zeros(space.n_prompts)  # Σ of KL along each prefix
    for t, (passing, policy) in enumerate(zip(p.prefix_log_probs.levels, p.log_policy.levels, strict=True)):
        so_far = so_far + per_prefix[t]
        ends = policy[-1:] if space.has_eos else policy
        if t + 1 == space.n_depths or (space.has_eos and t + 1 >= space.min_length):
            terms = weighted(passing + ends, so_far / (t + 1))
            means += terms.reshape(-1, space.n_prompts).sum(axis=0)
        so_far = np.tile(so_far, V)
    return one_or_all(means)


def expect_model(name: str, model: SequenceModel) -> None:
    expect(SequenceModel, model, name, "Make it an AutoregressiveModel or an EnergyBasedModel.")


def same_space(p: SequenceModel, q: SequenceModel) -> None:
    expect_model("p", p)
    expect_model("q", q)
    p.space.require_same(q.space, "KL divergence")


def total_variation(p: SequenceModel, q: SequenceModel) -> FloatArray:
    """½ Σ |p - q|, as the larger of the two times 1 - e^(-|log p/q|), in which nothing cancels."""
    log_p, log_q = p.log_probabilities(), q.log_probabilities()
    larger = np.maximum(log_p, log_q)
    never = np.isneginf(larger)
    apart = np.where(never, 0.0, larger) - np.where(never, 0.0, np.minimum(log_p, log_q))
    return np.asarray(-0.5 * (np.exp(larger) * np.expm1(-apart)).sum(axis=1) + 0.0)


def prefix_kl(p: SequenceModel, q: SequenceModel) -> list[FloatArray]:
    same_space(p, q)
    pairs = zip(p.log_policy.levels, q.log_policy.levels, strict=True)
    return [kl_terms(log_p, log_q).sum(axis=0) for log_p, log_q in pairs]


def _by_depth(p: SequenceModel, per_prefix: list[FloatArray]) -> FloatArray:
    P = p.space.n_prompts
    pairs = zip(p.prefix_log_probs.levels, per_prefix, strict=True)
    table = np.stack([weighted(passing, x).reshape(-1, P).sum(axis=0) for passing, x in pairs], axis=1)
    return table[0] if P == 1 else table


def one_or_all(per_prompt: FloatArray) -> Any:
    return float(per_prompt[0]) if per_prompt.size == 1 else per_prompt
