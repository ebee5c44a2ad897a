"""How far apart two models can be, given how far their logits or rewards are: the paper's bounds and the sharp ones.

Everything here is about numbers and spaces; what two given models say about each other is in `pair_bounds`.  KL is of
whole responses, in nats; a bound holds for KL(p‖q) and KL(q‖p) alike, since none tells p from q.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from tabular_bellman.divergence import one_or_all
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.inputs import expect
from tabular_bellman.kappa import kappa, kappa_with_future, nonnegative
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable
from tabular_bellman.tokens import positive_int

__all__ = [
    "free_steps_bound",
    "kappa",
    "kappa_bound",
    "lemma_1_bound",
    "logit_ball_supremum",
    "proposition_3_bound",
    "reward_ball_supremum",
    "total_variation_bound",
]

Tree = SequenceSpace | StateActionTable
_NOWHERE: Final = -np.inf  # the value of what no response goes through


def lemma_1_bound(epsilon: ArrayLike) -> FloatArray:
    """Return 2ε, the paper's bound on KL(softmax f ‖ softmax g) for ‖f - g‖∞ ≤ ε (Lemma 1).

    Parameters
    ----------
    epsilon : array_like
        ε, 0 or more, in nats.

    Returns
    -------
    ndarray
        In nats, of the shape of `epsilon`.

    Raises
    ------
    TabularBellmanError
        For ε below 0, and for NaN.

    Notes
    -----
    Lemma 1: KL = E_f[f - g] + log Z_g - log Z_f, and neither part exceeds ε.  Never attained; `kappa` is the largest.
    """
    with np.errstate(over="ignore"):
        return np.asarray(2.0 * nonnegative(epsilon, "ε"))


def proposition_3_bound(epsilon: ArrayLike, max_length: int) -> FloatArray:
    """Return 2Tε, the paper's bound on the sequence-level KL for logits within ε of each other (Prop. 3).

    Parameters
    ----------
    epsilon : array_like
        ε, 0 or more, in nats.
    max_length : int
        T, the largest length of a response, EOS included.

    Returns
    -------
    ndarray
        In nats, of the shape of `epsilon`.

    Raises
    ------
    TabularBellmanError
        For ε below 0, for NaN, and for a length that is not a positive integer.

    Notes
    -----
    Proposition 3: by the chain rule KL is a mean of the KLs at the prefixes of a response, of which there are at most
    T, each with the bound of Lemma 1.

    Examples
    --------
    >>> from tabular_bellman.bounds import proposition_3_bound
    >>> proposition_3_bound([0.5, 1.0], 3)
    array([3., 6.])
    """
    return _times(2.0 * positive_int("max_length", max_length, 10**15), nonnegative(epsilon, "ε"))


def free_steps_bound(epsilon: ArrayLike, space: SequenceSpace) -> FloatArray:
    """Return 2·n_free·ε: Proposition 3, where only depths that offer a choice count.

    Parameters
    ----------
    epsilon : array_like
        ε, 0 or more, in nats: max |f - g| over the allowed actions of every prefix.
    space : SequenceSpace

    Returns
    -------
    ndarray
        In nats, of the shape of `epsilon`.

    Raises
    ------
    TabularBellmanError
        For ε below 0, and for NaN.

    Notes
    -----
    Beyond the paper; no source found.  As for `proposition_3_bound`, but where one action is all there is the two
    policies are the same, whatever the logits are: n_free is T - 1 with EOS (two tokens or more), n for n tokens
    without EOS; with forbidden actions, no more than that.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace
    >>> from tabular_bellman.bounds import free_steps_bound
    >>> free_steps_bound(1.0, SequenceSpace(2, max_length=3))
    array(4.)
    """
    return _times(2.0 * _free(space), nonnegative(epsilon, "ε"))


def kappa_bound(epsilon: ArrayLike, space: SequenceSpace) -> FloatArray:
    """Return n_free·κ(ε), the bound on the KL of whole responses that replaces 2Tε.

    Parameters
    ----------
    epsilon : array_like
        ε, 0 or more, in nats: max |f - g| over the allowed actions of every prefix.
    space : SequenceSpace

    Returns
    -------
    ndarray
        In nats, of the shape of `epsilon`.

    Raises
    ------
    TabularBellmanError
        For ε below 0, and for NaN.

    Notes
    -----
    Beyond the paper (sources: `kappa`; that free steps alone count: none found).  KL(p_f‖p_g) = Σ_s
    P_f(s) KL_s by the chain rule, KL_s ≤ κ(ε) where there is a choice, and P_f adds up to at most 1 over the prefixes
    of one depth.  With two tokens or more no smaller bound in ε holds: `logit_ball_supremum` is equal to it.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace
    >>> from tabular_bellman.bounds import kappa_bound
    >>> kappa_bound(1.0, SequenceSpace(2, max_length=3)).round(6)
    np.float64(0.948949)
    """
    n = _free(space)
    return _times(float(n), kappa(epsilon))


def logit_ball_supremum(epsilon: ArrayLike, tree: Tree) -> Any:
    """Return the supremum of KL(p_f‖p_g) over all logits with |f - g| ≤ ε at every allowed action.

    Parameters
    ----------
    epsilon : array_like
        ε, 0 or more, in nats: one number, or one for each prompt, shape (P,).
    tree : SequenceSpace or StateActionTable
        Which responses there are: all of a space (nothing is allocated, so that any size will do), or those that a
        table allows, where it is not -inf.

    Returns
    -------
    float or ndarray of shape (P,)
        In nats.

    Raises
    ------
    TabularBellmanError
        For ε below 0, for NaN, for a wrong number of them, and if a table forbids every response to a prompt.

    Notes
    -----
    Beyond the paper; no source found.  With D(s) the supremum of what is lost from prefix s on, D = 0 after the last
    step, and d₁ ≥ d₂ the largest of the D(s⊕a),

        D(s) = d₂ + F(ε, d₁ - d₂), or d₁ where only one action leads to a response

    (F: `kappa_with_future`).  For a given policy of f, what is lost is convex in f - g at s, so that each action has
    ±ε; the chance of each side had best go to its action with the largest D, and +ε to the better of these.
    Attained where at every prefix each action has D = d₁ or d₂ and d₁ - d₂ < e^(2ε) - 1 - 2ε: one free step, fixed
    length, or one token.  Else approached, as some chances go to 0: with EOS, two tokens or more and T ≥ 3, that of EOS
    before the last step.

    Two tokens or more: `kappa_bound`, n_free·κ(ε).  One token: D_n, n = n_free, of D_n = F(ε, D_(n-1)), at most
    e^(2ε) - 1 - 2ε for any T, since F(ε, δ) = δ there.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace
    >>> from tabular_bellman.bounds import logit_ball_supremum
    >>> round(logit_ball_supremum(1.0, SequenceSpace(10, max_length=40)), 6)
    18.504511
    >>> [round(logit_ball_supremum(1.0, SequenceSpace(1, max_length=T)), 6) for T in (2, 3, 4)]
    [0.474475, 0.810332, 1.071482]
    """
    space = _space(tree)
    eps = _per_prompt(epsilon, space, "ε")
    even = kappa(eps)

    def lost(values: FloatArray) -> FloatArray:
        first, second = _two_largest(values)
        choice = second > _NOWHERE
        with np.errstate(invalid="ignore"):
            future = np.where(choice & (first > second), first - second, 0.0)
            n = first.size // eps.size
            gain = kappa_with_future(np.tile(eps, n), future) if future.any() else np.tile(even, n)
            return np.where(choice, second + gain, first)

    return one_or_all(_from_the_end(tree, lost))


def reward_ball_supremum(eta: ArrayLike, tree: Tree) -> Any:
    """Return the supremum of KL(p_r‖p_r') over all rewards with |r - r'| ≤ η at every allowed action.

    Parameters
    ----------
    eta : array_like
        η, 0 or more, in nats: one number, or one for each prompt, shape (P,).
    tree : SequenceSpace or StateActionTable
        Which responses there are: all of a space (nothing is allocated), or those that a table allows.

    Returns
    -------
    float or ndarray of shape (P,)
        In nats: κ(η·d/2), d the largest number of (prefix, action) pairs that two responses do not share.

    Raises
    ------
    TabularBellmanError
        For η below 0, for NaN, for a wrong number of them, and if a table forbids every response to a prompt.

    Notes
    -----
    Beyond the paper (source: `kappa`; for trees none found).  KL(p_r‖p_r') ≤ κ(½ span_y (R - R')) as for
    one softmax over all responses, and R - R' of two responses differ by at most η for each pair that one of them has
    and the other has not.  Two with the most such pairs, +η along one and -η along the other, and rewards that leave
    all others no chance, come as near to it as one likes.  Attained where every response can be at one of the two
    ends, as in a fixed-length space. d is the distance of the two leaves of the tree that are furthest apart: two
    tokens or more, and T ≥ 2, give κ(Tη); one token κ((T - T_min + 2)η/2), the shortest response, of length T_min,
    against the longest; a single response gives 0.

    The logits M(r) and M(r') can be up to Tη apart at the root, so that `kappa_bound` is of no use here.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace
    >>> from tabular_bellman.bounds import kappa, reward_ball_supremum
    >>> reward_ball_supremum(0.25, SequenceSpace(2, max_length=4)) == kappa(1.0)
    np.True_
    """
    space = _space(tree)
    distances = _per_prompt(eta, space, "η")
    apart = np.zeros(0)  # of the prefixes of one depth: the most pairs between two responses below

    def longest(heights: FloatArray) -> FloatArray:
        nonlocal apart
        first, second = _two_largest(heights + 1.0)
        here = np.maximum(first + second, 0.0)
        if apart.size:
            below = apart.reshape(-1, heights.shape[1])
            here = np.maximum(here, np.where(heights[: len(below)] > _NOWHERE, below, 0.0).max(axis=0))
        apart = here
        return first

    _from_the_end(tree, longest)
    with np.errstate(over="ignore", invalid="ignore"):
        ends = np.where(apart > 0.0, 0.5 * apart * distances, 0.0)
    return one_or_all(kappa(ends))


def total_variation_bound(divergence: ArrayLike) -> FloatArray:
    """Return min(√(KL/2), √(1 - e^(-KL))), a bound on the total variation distance of two distributions.

    Parameters
    ----------
    divergence : array_like
        KL(p‖q) or KL(q‖p), or a bound on one of them, 0 or more, in nats.

    Returns
    -------
    ndarray
        A bound on max |p(A) - q(A)| = ½ Σ |p - q|, at most 1, of the shape of `divergence`.

    Raises
    ------
    TabularBellmanError
        For a divergence below 0, and for NaN.

    Notes
    -----
    Beyond the paper.  The first is Pinsker's inequality with its best constant (Csiszár 1967; Kullback 1967), by
    comparing two distributions on two points; the second is that of Bretagnolle and Huber (1978), by
    TV² ≤ 1 - (Σ √(pq))² and Jensen's inequality, Σ √(pq) ≥ e^(-KL/2).  The second is the smaller from KL = 1.594 on,
    and it alone says something (< 1) from KL = 2 on.

    Examples
    --------
    >>> from tabular_bellman.bounds import total_variation_bound
    >>> total_variation_bound([0.02, 3.0]).round(6)
    array([0.1     , 0.974789])
    """
    kl = nonnegative(divergence, "the divergence")
    with np.errstate(over="ignore"):
        pinsker = 0.5 * np.sqrt(2.0 * kl)  # doubling keeps the digits of what is smaller than any normal number
    return np.asarray(np.minimum(pinsker, np.sqrt(-np.expm1(-kl))))


# -- backward over the tree --------------------------------------------------------------------------------------------


def _from_the_end(tree: Tree, step: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Return the value at each root: `step` of the values that its actions lead to, 0 after the last step.

    `step` takes an array of shape (actions, prefixes), with -inf for an action that leads to no response, and returns
    one of shape (prefixes,).  The prefixes of one depth of a space are all alike: one for each prompt will do, with two
    of its tokens.
    """
    space, values = _space(tree), np.zeros(0)
    for t in reversed(range(space.n_depths)):
        if isinstance(tree, StateActionTable):
            after = np.where(np.isneginf(tree.levels[t]), _NOWHERE, 0.0)
            if values.size:
                tokens, below = after[: space.n_tokens], values.reshape(space.n_tokens, -1)
                after[: space.n_tokens] = np.where(np.isneginf(tokens), _NOWHERE, below)
        else:
            after = np.zeros((_n_actions(space, t, 2), space.n_prompts))
            if values.size:
                after[: min(space.n_tokens, 2)] = values
        values = step(after)
    nothing = np.isneginf(values)
    if nothing.any():
        prompt = space.prompts[int(nothing.argmax())]
        raise TabularBellmanError(f"the table forbids every response to prompt {prompt!r}; allow at least one.")
    return values


def _n_actions(space: SequenceSpace, depth: int, most: int) -> int:
    """Return the number of actions at a depth, of tokens at most so many."""
    tokens = min(space.n_tokens, most)
    if not space.has_eos:
        return tokens
    return tokens * (depth + 1 < space.max_length) + (depth + 1 >= space.min_length)


def _two_largest(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the largest and the next of each column; -inf for a next that is not there."""
    if len(values) == 1:
        return values[0], np.full_like(values[0], _NOWHERE)
    ordered = np.partition(values, len(values) - 2, axis=0)
    return ordered[-1], ordered[-2]


# -- what is handed in and out -----------------------------------------------------------------------------------------


def _space(tree: Tree) -> SequenceSpace:
    expect((SequenceSpace, StateActionTable), tree, "the tree of responses")
    if isinstance(tree, SequenceSpace):
        return tree
    return tree.space


def _free(space: SequenceSpace) -> int:
    expect(SequenceSpace, space, "the space", "For what a table allows, use logit_ball_supremum.")
    return space.n_free_depths


def _times(factor: float, numbers: FloatArray) -> FloatArray:
    """Return a multiple; 0 times anything is 0."""
    with np.errstate(over="ignore"):
        return np.asarray(factor * numbers if factor else np.zeros_like(numbers))


def _per_prompt(distance: ArrayLike, space: SequenceSpace, what: str) -> FloatArray:
    array = nonnegative(distance, what)
    if array.shape not in ((), (space.n_prompts,)):
        raise TabularBellmanError(
            f"{what} has shape {array.shape}; give one number, or one for each prompt, shape ({space.n_prompts},)."
        )
    return np.broadcast_to(array, (space.n_prompts,))
