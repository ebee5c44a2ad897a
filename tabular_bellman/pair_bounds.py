"""What two given models, or two given tables, say about their KL: upper and lower bounds, without the KL itself.

Nothing here depends on the gauge: a constant added to the logits of a prefix, or potential shaping of a reward, moves
neither the models nor the bounds.  All bounds are of whole responses, in nats, one for each prompt, and hold for
KL(p‖q); the KL the other way round is bounded by the arguments the other way round.

With less at hand than two tables, `bounds.reward_ball_supremum` of max |δ|, δ the Bellman residual or the perturbation
of the reward, and `bounds.kappa_bound` of max |f - g| hold too.
"""

from typing import Any, Final

import numpy as np
from scipy.special import expit

from tabular_bellman.divergence import one_or_all, same_space
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, weighted
from tabular_bellman.inputs import expect
from tabular_bellman.kappa import kappa
from tabular_bellman.recursion import inverse_soft_bellman
from tabular_bellman.sequence_model import SequenceModel
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable

__all__ = [
    "bellman_residual",
    "kl_lower_bound",
    "max_span_bound",
    "perturbation_bound",
    "residual_bound",
    "span_bound",
]

_FAR: Final = 600.0  # from here on e^w overflows soon


def span_bound(p: SequenceModel, q: SequenceModel) -> Any:
    """Return Σ_s P_p(s) κ(span_s/2), a bound on KL(p‖q) from how far the policies are apart at each prefix.

    Parameters
    ----------
    p, q : EnergyBasedModel or AutoregressiveModel
        Over one space.

    Returns
    -------
    float or ndarray of shape (P,)
        In nats; inf where, at a prefix that p reaches, one of them allows an action that the other forbids.

    Notes
    -----
    Beyond the paper; the ingredients are the chain rule and the step from Hoeffding's lemma (1963) to
    KL ≤ span²/8, of which κ(span/2) is the sharp form.  span_s is the largest minus the smallest of
    log π_p - log π_q over the actions allowed at s; a constant at each prefix drops out of it, so that for any logits
    span_s/2 ≤ max |f - g|.  KL(p‖q) = Σ_s P_p(s) KL_s, and KL_s ≤ κ(span_s/2), as some shift of q's logits brings all
    differences within span_s/2.  Prefixes that p does not reach count 0.

    Examples
    --------
    >>> from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable, kl_divergence
    >>> from tabular_bellman.pair_bounds import span_bound
    >>> space = SequenceSpace(2, max_length=3)
    >>> p, q = (AutoregressiveModel(StateActionTable.random(space, rng)) for rng in (0, 1))
    >>> round(kl_divergence(p, q), 4), round(span_bound(p, q), 4)
    (0.4111, 0.5392)
    """
    spans = _spans(p, q)
    pairs = zip(p.prefix_log_probs.levels, spans, strict=True)
    terms = [weighted(passing, kappa(0.5 * span)) for passing, span in pairs]
    return one_or_all(_sums(p.space, terms))


def max_span_bound(p: SequenceModel, q: SequenceModel) -> Any:
    """Return n_free·κ(max_s span_s/2), the bound on KL(p‖q) from the prefix at which the policies are furthest apart.

    Parameters
    ----------
    p, q : EnergyBasedModel or AutoregressiveModel
        Over one space.

    Returns
    -------
    float or ndarray of shape (P,)
        In nats; never below `span_bound`.

    Notes
    -----
    Beyond the paper, as `span_bound`.  Both the largest span and n_free are over prefixes that p reaches: n_free counts
    the depths at which one of these has two actions or more that p or q allows, since at other depths the policies
    agree.  P_p adds up to at most 1 over the prefixes of one depth, so this bounds the sum over prefixes.

    Examples
    --------
    >>> from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable
    >>> from tabular_bellman.pair_bounds import max_span_bound
    >>> space = SequenceSpace(2, max_length=3)
    >>> p, q = (AutoregressiveModel(StateActionTable.random(space, rng)) for rng in (0, 1))
    >>> round(max_span_bound(p, q), 4)
    2.3666
    """
    spans, n_prompts = _spans(p, q), p.space.n_prompts
    widest, n_free = np.zeros(n_prompts), np.zeros(n_prompts)
    for t, passing in enumerate(p.prefix_log_probs.levels):
        reached = ~np.isneginf(passing)
        allowed = ~np.isneginf(p.log_policy.levels[t]) | ~np.isneginf(q.log_policy.levels[t])
        free = reached & (allowed.sum(axis=0) > 1)
        n_free += free.reshape(-1, n_prompts).any(axis=0)
        widest = np.maximum(widest, np.where(free, spans[t], 0.0).reshape(-1, n_prompts).max(axis=0))
    return one_or_all(n_free * kappa(0.5 * widest))  # where n_free is 0 the span is 0 too


def kl_lower_bound(p: SequenceModel, q: SequenceModel) -> Any:
    """Return a bound on KL(p‖q) from below, from the two actions of each prefix on which p and q disagree most.

    Parameters
    ----------
    p, q : EnergyBasedModel or AutoregressiveModel
        Over one space.

    Returns
    -------
    float or ndarray of shape (P,)
        In nats; equal to KL(p‖q) where no prefix that p reaches has more than two actions.

    Notes
    -----
    Beyond the paper; no source found.  With h = log π_p - log π_q over the actions that p allows at s, a and b those of
    its largest and smallest value, w = h_a - h_b and c = π_p(a)/(π_p(a) + π_p(b)), the bound is Σ_s P_p(s) L_s,

        L = (π_p(a) + π_p(b)) KL(Bern(c) ‖ Bern with log-odds lower by w) ≥ 2 min(π_p(a), π_p(b)) log cosh(w/2).

    Grouping a and b, KL_s is the KL between {a, b} and each of the others, plus π_p(a) + π_p(b) times the KL of a
    against b; the first part is 0 where q agrees with p on all but a and b.  So L is the least KL_s for given π_p and
    w, and KL_s > 0 as soon as a span is.

    Examples
    --------
    >>> from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable, kl_divergence
    >>> from tabular_bellman.pair_bounds import kl_lower_bound
    >>> space = SequenceSpace(2, max_length=3)
    >>> p, q = (AutoregressiveModel(StateActionTable.random(space, rng)) for rng in (0, 1))
    >>> round(kl_lower_bound(p, q), 4), round(kl_divergence(p, q), 4)
    (0.3814, 0.4111)
    """
    same_space(p, q)
    steps = zip(p.prefix_log_probs.levels, p.log_policy.levels, q.log_policy.levels, strict=True)
    terms = [weighted(passing, _least_kl(mine, theirs)) for passing, mine, theirs in steps]
    return one_or_all(_sums(p.space, terms))


def bellman_residual(logits: StateActionTable, reward: StateActionTable) -> StateActionTable:
    """Return q - B_r q, by how much logits miss the soft Bellman equation of a reward.

    Parameters
    ----------
    logits : StateActionTable
        q, in nats.
    reward : StateActionTable
        r, in nats, over the same space, which allows the same responses.

    Returns
    -------
    StateActionTable
        δ(s, a) = q(s, a) - r(s, a) - V_q(s⊕a), in nats, V_q = 0 after the last step; -inf where no response goes.

    Raises
    ------
    TabularBellmanError
        Where one of the tables allows an action on the way to a response and the other does not, naming the prefix;
        and for a finite logit into a dead prefix.

    Notes
    -----
    Section 3.3, eq. (8): q = M(r) if and only if δ = 0.  In general q = M(r + δ): the logits are those of a reward
    that is off by δ (the inverse soft Bellman operator, as of IQ-Learn, Garg et al. 2021, gives r + δ = M⁻¹(q)).

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable, soft_bellman
    >>> from tabular_bellman.pair_bounds import bellman_residual
    >>> reward = StateActionTable.random(SequenceSpace(2, max_length=3), rng=0)
    >>> bellman_residual(soft_bellman(reward)[0], reward).allclose(reward * 0.0, atol=1e-14)
    True
    """
    implied = _implied(logits, reward)
    space, mine, theirs = reward.space, _on_the_way(implied), _on_the_way(reward)
    for t, (one, two) in enumerate(zip(mine, theirs, strict=True)):
        if (one != two).any():
            row, index = (int(i) for i in np.argwhere(one != two)[0])
            which = ("logits allow", "reward forbids") if one[row, index] else ("reward allows", "logits forbid")
            raise TabularBellmanError(
                f"the {which[0]} a response through {space.where(t, index, row)}, the {which[1]} it, so that the "
                "residual there is infinite. Forbid the same in both, with -inf."
            )
    steps = zip(mine, implied.levels, reward.levels, strict=True)
    return StateActionTable._wrap(space, [_difference(live, x, y) for live, x, y in steps])._checked("the residual")


def residual_bound(logits: StateActionTable, reward: StateActionTable) -> Any:
    """Return κ(½ span_y Σ_t δ(s_t, y_t)), a bound on KL(p_q‖p_R) and KL(p_R‖p_q) from the Bellman residual alone.

    Parameters
    ----------
    logits : StateActionTable
        q, in nats: those of a student, say.
    reward : StateActionTable
        r, in nats, over the same space; R(y) = Σ_t r(s_t, y_t).  The logits M(r) of the teacher are not needed.

    Returns
    -------
    float or ndarray of shape (P,)
        In nats; inf where one of them allows a response that the other forbids.

    Raises
    ------
    TabularBellmanError
        For a finite logit into a dead prefix, and if every response to a prompt is forbidden.

    Notes
    -----
    Beyond the paper (source: `kappa`; none found with residuals).  Since q = M(r + δ)
    (`bellman_residual`), p_q is the energy-based model of R + Σ_t δ, and this is `perturbation_bound` for it.  The
    span is over the responses that are allowed, and at most the number of pairs that two responses do not share,
    times max |δ|: see `bounds.reward_ball_supremum`.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable, soft_bellman
    >>> from tabular_bellman.pair_bounds import residual_bound
    >>> reward = StateActionTable.random(SequenceSpace(2, max_length=3), rng=0)
    >>> round(residual_bound(reward, reward), 6)  # what comes later is left out of the logits
    0.689406
    """
    return perturbation_bound(_implied(logits, reward), reward)


def perturbation_bound(reward: StateActionTable, other: StateActionTable) -> Any:
    """Return κ(½ span_y (R - R')), a bound on the KL, either way, of the energy-based models of two rewards.

    Parameters
    ----------
    reward, other : StateActionTable
        r and r', in nats, over one space; R(y) = Σ_t r(s_t, y_t).

    Returns
    -------
    float or ndarray of shape (P,)
        In nats; inf where one of them allows a response that the other forbids.

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden.

    Notes
    -----
    Beyond the paper (source: `kappa`).  p_R is one softmax over all responses, so its KL is at most κ of half the span
    of R - R', as at one step (`span_bound`).  The span is over responses that are allowed, and found by a backward pass
    for the largest and one for the smallest, not by enumeration.  Potential shaping leaves R, and so the bound, as it
    is; sharp for the rewards of a single step.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace, StateActionTable
    >>> from tabular_bellman.pair_bounds import perturbation_bound
    >>> reward = StateActionTable.random(SequenceSpace(2, max_length=3), rng=0)
    >>> round(perturbation_bound(reward, 1.5 * reward), 6)
    0.171334
    """
    expect(StateActionTable, reward, "the reward")
    expect(StateActionTable, other, "the other reward")
    space = reward.space
    space.require_same(other.space, "a perturbation")
    mine, theirs = _on_the_way(reward), _on_the_way(other)
    differ = np.zeros(space.n_prompts, dtype=np.bool_)
    for one, two in zip(mine, theirs, strict=True):
        differ |= (one != two).reshape(-1, space.n_prompts).any(axis=0)
    both = [one & two for one, two in zip(mine, theirs, strict=True)]
    steps = zip(both, reward.levels, other.levels, strict=True)
    differences = [_difference(live, x, y) for live, x, y in steps]
    return one_or_all(kappa(0.5 * np.where(differ, np.inf, _span_of_responses(space, both, differences))))


# -- at one prefix -----------------------------------------------------------------------------------------------------


def _spans(p: SequenceModel, q: SequenceModel) -> list[FloatArray]:
    """Return the span of log π_p - log π_q over what p or q allows, at each prefix; 0 where one of them is dead.

    (Into such a prefix that p reaches, q forbids the action: there the span is infinite.)
    """
    same_space(p, q)
    found = []
    for mine, theirs in zip(p.log_policy.levels, q.log_policy.levels, strict=True):
        largest, smallest = _ends(mine, theirs, ~np.isneginf(mine) | ~np.isneginf(theirs))
        with np.errstate(invalid="ignore"):
            found.append(np.where(largest > smallest, largest - smallest, 0.0))
    return found


def _ends(mine: FloatArray, theirs: FloatArray, allowed: Any) -> tuple[FloatArray, FloatArray]:
    """Return the largest and the smallest log π_p - log π_q among the allowed."""
    with np.errstate(invalid="ignore"):
        h = mine - theirs
    return np.where(allowed, h, -np.inf).max(axis=0), np.where(allowed, h, np.inf).min(axis=0)


def _least_kl(mine: FloatArray, theirs: FloatArray) -> FloatArray:
    """Return the least KL at each prefix, given p and by how much the log-odds of two actions differ."""
    allowed = ~np.isneginf(mine)
    with np.errstate(invalid="ignore", over="ignore"):
        h = mine - theirs
        up, down = np.where(allowed, h, -np.inf), np.where(allowed, h, np.inf)
        first, last = up.argmax(axis=0), down.argmin(axis=0)
        columns = np.arange(mine.shape[1])
        w = up[first, columns] - down[last, columns]
    log_a, log_b = mine[first, columns], mine[last, columns]
    choice = (first != last) & (w > 0.0) & np.isfinite(w)
    odds = np.where(choice, log_a - np.where(choice, log_b, 0.0), 0.0)
    share = np.exp(log_a) + np.exp(log_b)
    least = share * _bernoulli_kl(odds, np.where(choice, w, 0.0))
    # What q forbids and p allows, however rarely.
    infinite = (allowed & np.isneginf(theirs)).any(axis=0)
    return np.where(infinite, np.inf, np.where(choice, least, 0.0))


def _bernoulli_kl(odds: FloatArray, w: FloatArray) -> FloatArray:
    """Return KL(Bern(c)‖Bern') for log-odds `odds` and `odds` - w: log(1 - c + c e^(-w)) + cw.

    That is log(1 + (1 - c) g(cw) + c g(-(1 - c)w)) with g(x) = e^x - 1 - x, in which nothing cancels.
    """
    c, rest = expit(odds), expit(-odds)
    x = np.minimum(w, _FAR)
    near = np.log1p(rest * _expm1_minus(c * x) + c * _expm1_minus(-rest * x))
    far = np.logaddexp(0.0, w - odds) - np.logaddexp(0.0, -odds) - rest * w
    return np.where(w < _FAR, near, np.maximum(far, 0.0))


def _expm1_minus(x: FloatArray) -> FloatArray:
    """Return e^x - 1 - x, without cancellation where x is small."""
    small = np.clip(x, -0.5, 0.5)
    total = np.zeros_like(x)
    for k in range(16, 1, -1):
        total = (total + 1.0) * small / k
    return np.where(np.abs(x) < 0.5, total * small, np.expm1(x) - x)


# -- over the tree -----------------------------------------------------------------------------------------------------


def _sums(space: SequenceSpace, levels: list[FloatArray]) -> FloatArray:
    """Return the sum over all prefixes of each prompt."""
    return np.asarray(sum(level.reshape(-1, space.n_prompts).sum(axis=0) for level in levels))


def _implied(logits: StateActionTable, reward: StateActionTable) -> StateActionTable:
    """Return the reward that the logits are the image of."""
    expect(StateActionTable, logits, "the table of logits")
    expect(StateActionTable, reward, "the reward")
    logits.space.require_same(reward.space, "a Bellman residual")
    return inverse_soft_bellman(logits)


def _on_the_way(table: StateActionTable) -> list[Any]:
    """Return which pairs an allowed response goes through, level by level."""
    space, V = table.space, table.space.n_tokens
    live = [~np.isneginf(level) for level in table.levels]
    for t in reversed(range(space.n_depths - 1)):
        live[t][:V] &= live[t + 1].any(axis=0).reshape(V, -1)
    roots = live[0].any(axis=0)
    if not roots.all():
        prompt = space.prompts[int(roots.argmin())]
        raise TabularBellmanError(f"a table forbids every response to prompt {prompt!r}; allow at least one.")
    for t in range(space.n_depths - 1):
        live[t + 1] &= live[t][:V].reshape(-1)
    return live


def _difference(live: Any, x: FloatArray, y: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(live, x - y, -np.inf)


def _span_of_responses(space: SequenceSpace, live: list[Any], differences: list[FloatArray]) -> FloatArray:
    """Return the largest minus the smallest sum along an allowed response, by prompt; inf beyond float64."""
    V, largest, smallest = space.n_tokens, np.zeros(0), np.zeros(0)
    for t in reversed(range(space.n_depths)):
        up, down = np.where(live[t], differences[t], -np.inf), np.where(live[t], differences[t], np.inf)
        if largest.size:
            with np.errstate(invalid="ignore", over="ignore"):
                up[:V] = np.where(live[t][:V], up[:V] + largest.reshape(V, -1), -np.inf)
                down[:V] = np.where(live[t][:V], down[:V] + smallest.reshape(V, -1), np.inf)
        largest, smallest = up.max(axis=0), down.min(axis=0)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.nan_to_num(np.maximum(largest - smallest, 0.0), nan=np.inf, posinf=np.inf)
