"""How many numbers of a reward, or of logits, its model does not determine; by counting, and by exact elimination."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.gauges import live_pairs
from tabular_bellman.inputs import expect
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable

__all__ = ["GaugeDimensions", "exact_rank", "gauge_dimensions", "reward_matrix"]


@dataclass(frozen=True)
class GaugeDimensions:
    """How many numbers a table has, and how many of them its model does not determine; over all prompts.

    Attributes
    ----------
    prompts : int
        P, the number of trees.
    pairs : int
        \\|E\\|, the (prefix, action) pairs that allowed responses take: the numbers of a reward, or of logits.
    responses : int
        \\|Y\\|, the allowed responses: the rank of r ↦ R_r.
    prefixes : int
        I, the prefixes that allowed responses pass: the dimension of the gauge of logits, q + c(s).
    """

    prompts: int
    pairs: int
    responses: int
    prefixes: int

    @property
    def shaping(self) -> int:
        """I - P, the dimension of the kernel of r ↦ R_r: shaping with φ = 0 at the roots."""
        return self.prefixes - self.prompts

    @property
    def models(self) -> int:
        """\\|Y\\| - P, the dimension of the set of models: what is left of rewards, or logits, without their gauges."""
        return self.responses - self.prompts


def gauge_dimensions(support: SequenceSpace | StateActionTable) -> GaugeDimensions:
    """Count the dimensions of rewards, logits, models, and of the gauges between them.

    Parameters
    ----------
    support : SequenceSpace or StateActionTable
        A space, where everything is allowed: by formula, also where no table would fit.  Or a table, whose -inf
        forbids: counted on what is left of its trees.

    Returns
    -------
    GaugeDimensions
        Exact integers, over all prompts.

    Raises
    ------
    TabularBellmanError
        If a table forbids every response to a prompt.

    Notes
    -----
    Beyond the paper, which has R_r in eq. (5).  In a tree with I inner nodes and leaves Y every node but the root is
    at the end of one edge, so \\|E\\| = I + \\|Y\\| - 1 for each prompt.  r ↦ R_r has rank \\|Y\\|, since each response
    has a last pair of its own, and a kernel of dimension I - 1.  The I - 1 ways to shape with φ(x) = 0 lie in it and
    are independent: φ(s) at the deepest s where it is not 0 shows in r(s, a).  Logits lose I, rewards I - 1 and a
    constant of R, so that \\|Y\\| - 1 is left of either.  `exact_rank` of `reward_matrix` confirms it.  Shaping
    as the gradient of φ: Jenner, van Hoof and Gleave (2022).  For the count itself no source was found.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace
    >>> from tabular_bellman.gauge_dimensions import gauge_dimensions
    >>> found = gauge_dimensions(SequenceSpace(2, max_length=3))
    >>> found
    GaugeDimensions(prompts=1, pairs=13, responses=7, prefixes=7)
    >>> found.shaping, found.models
    (6, 6)
    """
    expect((SequenceSpace, StateActionTable), support, "the support")
    if isinstance(support, SequenceSpace):
        return GaugeDimensions(support.n_prompts, support.n_pairs, support.n_responses, support.n_prefixes)
    live, space = live_pairs(support), support.space
    # Each response has one last pair: EOS, or any action of the last depth.
    ends = sum(int(level[-1].sum()) for level in live[space.min_length - 1 :]) if space.has_eos else int(live[-1].sum())
    prefixes = sum(int(level.any(axis=0).sum()) for level in live)
    return GaugeDimensions(space.n_prompts, sum(int(level.sum()) for level in live), ends, prefixes)


def reward_matrix(support: SequenceSpace | StateActionTable) -> NDArray[np.int64]:
    """Return the matrix of r ↦ R_r: which response takes which pair.

    Parameters
    ----------
    support : SequenceSpace or StateActionTable
        A table's -inf forbids: rows of forbidden responses are 0.

    Returns
    -------
    ndarray of int64, shape (n_responses, n_pairs)
        0 or 1.  Rows are prompts by responses, in the order of ``space.prompts`` and ``space.responses()``; columns
        in the order of ``to_vector()``.  So ``reward_matrix(space) @ reward.to_vector()`` is R.

    Raises
    ------
    TabularBellmanError
        If it would take more than the space's ``max_bytes``, before anything is allocated.

    Examples
    --------
    >>> from tabular_bellman import SequenceSpace
    >>> from tabular_bellman.gauge_dimensions import exact_rank, reward_matrix
    >>> reward_matrix(SequenceSpace(1, max_length=2))  # EOS; then a token and EOS
    array([[0, 1, 0],
           [1, 0, 1]])
    >>> exact_rank(reward_matrix(SequenceSpace(2, max_length=3)))
    7
    """
    expect((SequenceSpace, StateActionTable), support, "the support")
    space = support if isinstance(support, SequenceSpace) else support.space
    space.check_budget("the matrix of responses and pairs", space.n_responses * space.n_pairs)
    P, V, n = space.n_prompts, space.n_tokens, space.n_responses_per_prompt
    first = space.min_length - 1 if space.has_eos else space.max_length
    counts = [V**length for length in range(first, first + space.max_length - space.min_length + 1)]
    # How many tokens each response has, and where it stands among those of its length.
    length = np.repeat(np.arange(first, first + len(counts)), counts)
    place = np.concatenate([np.arange(count) for count in counts])
    prompt = np.arange(P)[:, None]
    matrix, start = np.zeros((P, n, space.n_pairs), dtype=np.int64), 0
    for t in range(space.n_depths):
        A = space.n_actions(t)
        going = np.flatnonzero(length >= t)  # the responses that take an action here
        rest = length[going] - t
        prefix = place[going] // V**rest
        token = place[going] // V ** np.maximum(rest - 1, 0) % V
        action = np.where(rest == 0, A - 1, token)  # EOS is the last action
        matrix[prompt, going, start + (prompt * V**t + prefix) * A + action] = 1
        start += P * V**t * A
    found = matrix.reshape(P * n, -1)
    if isinstance(support, StateActionTable):
        live = StateActionTable.from_levels(space, [level.astype(np.float64) for level in live_pairs(support)])
        found[(found @ (1 - live.to_vector().astype(np.int64))) > 0] = 0
    return found


def exact_rank(matrix: ArrayLike) -> int:
    """Return the rank of a matrix of integers or fractions, by elimination over the rationals.

    Parameters
    ----------
    matrix : array_like, two axes
        Of integers, or `fractions.Fraction`.

    Returns
    -------
    int

    Raises
    ------
    TabularBellmanError
        For another number of axes, and for entries that are not rational; a float is refused.

    Examples
    --------
    >>> from tabular_bellman.gauge_dimensions import exact_rank
    >>> exact_rank([[1, 2], [2, 4]])
    1
    """
    from sympy import QQ
    from sympy.polys.matrices import DomainMatrix

    try:
        array = np.asarray(matrix)
    except ValueError:
        raise TabularBellmanError("the matrix has rows of different lengths.") from None
    if array.ndim != 2:
        raise TabularBellmanError(f"the matrix has {array.ndim} axes; it must have 2.")

    def rational(entry: Any) -> Any:
        if not isinstance(entry, (int, Fraction)):
            raise TabularBellmanError(f"the matrix holds {entry!r}; a rank is exact for integers and fractions alone.")
        return QQ(entry.numerator, entry.denominator)

    rows: list[list[Any]] = [[rational(entry) for entry in row] for row in array.tolist()]
    return int(DomainMatrix(rows, array.shape, QQ).rank())
