"""`WindowModel`: the energy-based model of a reward that sees the last tokens only, on the lattice of Appendix A.9."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, normalise
from tabular_bellman.implicit.folds import Best, Fold, LogSum, Scratch, best_row
from tabular_bellman.implicit.functions import Function, IntArray, digits, n_actions
from tabular_bellman.implicit.model import ImplicitModel, checked_integer
from tabular_bellman.implicit.passes import as_row, drawn_rows
from tabular_bellman.implicit.plan import Rows
from tabular_bellman.implicit.rewards import refuse_empty
from tabular_bellman.space import SequenceSpace
from tabular_bellman.tokens import count

__all__ = ["WindowModel"]

_LARGEST_REWARD: Final = 40.0
_EXTREME: Final = 1e290


class WindowModel(ImplicitModel):
    """p(y|x) ∝ exp(R(x, y)/τ), where the reward of a step depends on the last W tokens, the depth and the action.

    What follows a prefix then depends on its last W tokens only, so V**W *contexts* stand for all prefixes of a depth:
    work is O(T·V**(W+1)) and memory O(T·V**W), not V**T.

    Parameters
    ----------
    space : SequenceSpace
    reward : callable
        reward(prompt, contexts, depth) → float array (A, n), in nats; -inf forbids.  `contexts` is a read-only array
        of ints, shape (min(W, depth), n): a column for each context, the last tokens in reading order, by their
        positions in the vocabulary.  Rows of the result are actions in the order of ``space.actions(depth)``: tokens,
        then EOS.  Called for each prompt and depth, in each pass; it must give the same each time.
    window : int
        W, 0 or more.
    temperature : float, default 1.0
        τ > 0; it divides rewards.

    Raises
    ------
    TabularBellmanError
        For a lattice beyond ``space.max_bytes``, before anything is allocated; if the reward raises or returns
        another shape, NaN or +inf, naming the place; and if every response to a prompt is forbidden.

    Notes
    -----
    Appendix A.9: forward and backward sums over a lattice; window 1 is a bigram model, O(T·V²).

    Examples
    --------
    Of the strings of 200 binary digits, those with no two 1 in a row; a Fibonacci number:

    >>> import math
    >>> import numpy as np
    >>> from tabular_bellman import SequenceSpace
    >>> from tabular_bellman.implicit import WindowModel
    >>> def reward(prompt, contexts, depth):
    ...     rewards = np.zeros((2, contexts.shape[1]))
    ...     if depth:
    ...         rewards[1, contexts[-1] == 1] = -np.inf
    ...     return rewards
    >>> model = WindowModel(SequenceSpace.fixed_length(2, 200), reward, window=1)
    >>> round(model.log_partition() / math.log((1 + 5**0.5) / 2), 3)  # 202 - log_φ √5
    200.328
    """

    _columns = "context"

    def __init__(self, space: SequenceSpace, reward: Function, *, window: int, temperature: float = 1.0) -> None:
        super().__init__(space, reward, temperature)
        self.window = checked_integer(window, "window", 0)
        self._check_budget()
        longest = self._length(space.n_depths - 1)
        self._contexts = digits(0, space.n_tokens**longest, space.n_tokens, longest)
        self._values = [self._soft_values(p) for p in range(space.n_prompts)]
        for p, values in enumerate(self._values):
            refuse_empty(space, p, values[0][0])

    # -- numbers for every context of a depth ----------------------------------------------------------------------

    def values(self, depth: int) -> FloatArray:
        """Return the soft values at a depth, in nats, by context: shape (P,) + (V,)*min(W, depth); -inf where dead."""
        length = self._length(self._depth(depth))
        return self._nested(length, f"values({depth})", lambda p: self._in_nats(self._values[p][depth], "values"))

    def logits(self, depth: int) -> FloatArray:
        """Return q = M(r) at a depth, in nats, by context: shape (P,) + (V,)*min(W, depth) + (A,)."""
        length, A = self._length(self._depth(depth)), n_actions(self.space, depth)
        return self._nested(
            length, f"logits({depth})", lambda p: self._in_nats(self._logits(p, depth), "logits"), n_rows=A
        )

    def context_marginals(self, depth: int) -> FloatArray:
        """Return the chance of still writing at a depth, after these last tokens: shape (P,) + (V,)*min(W, depth).

        Notes
        -----
        The αβ of Appendix A.9, normalised.  They add up to the chance that a response has `depth` tokens at least.
        """
        length = self._length(self._depth(depth))

        def marginals(p: int) -> FloatArray:
            passing = np.ones(1)
            for t in range(depth):
                passing = self._forgotten(passing * self._policy(p, t), t)
            return passing

        return self._nested(length, f"context_marginals({depth})", marginals)

    def prefix_marginals(self, depth: int) -> FloatArray:
        """Return the chance of passing through each prefix of a depth, shape (P,) + (V,)*depth.

        Raises
        ------
        TabularBellmanError
            If they would take more than ``space.max_bytes``.
        """
        V = self.space.n_tokens
        self.space.check_budget(f"prefix marginals of depth {depth}", 2 * self.space.n_prefixes_at(depth))

        def marginals(p: int) -> FloatArray:
            passing = np.ones(1)
            for t in range(depth):
                policy = self._policy(p, t)
                passing = (policy[:, :, None] * passing.reshape(policy.shape[1], -1)).reshape(V ** (t + 1))
            return passing

        return self._nested(depth, f"prefix_marginals({depth})", marginals)

    # -- the lattice -----------------------------------------------------------------------------------------------

    def _check_budget(self) -> None:
        """Refuse a lattice that would not fit, by formula."""
        space, V = self.space, self.space.n_tokens
        kept = sum(V ** self._length(t) for t in range(space.n_depths))
        longest = self._length(space.n_depths - 1)
        at_a_time = (longest + 3 * (V + 1)) * V**longest  # contexts, rewards, and two arrays of their size
        n_bytes = 8 * (space.n_prompts * kept + at_a_time)
        if n_bytes > space.max_bytes:
            raise TabularBellmanError(
                f"the lattice of window {self.window} over {space!r} would take {count(n_bytes)} bytes; the budget is "
                f"{space.max_bytes:,} bytes. Use a smaller window or vocabulary, or raise the budget of the space with "
                "max_bytes=."
            )

    def _steps(self, p: int, depth: int) -> FloatArray:
        """Return rewards over the temperature, (A, n); they may share memory with what the function keeps."""
        return self._rewards.steps(p, self._strings(depth), depth)

    def _soft_values(self, p: int) -> list[FloatArray]:
        """Return log Σ exp over the completions of the contexts of each depth."""
        space, fold, scratch = self.space, LogSum(), Scratch()
        values: list[FloatArray] = []
        for t in reversed(range(space.n_depths)):
            steps = self._steps(p, t)
            found = self._sums(steps, values[-1], t, scratch) if values else None
            if found is None:
                out = np.empty((1, steps.shape[1]))
                children = self._children(values[-1][None], t) if values else None
                self._rewards.combine(fold, p, self._strings(t), t, steps, children, out, scratch)
                found = out[0]
            values.append(found)
        return values[::-1]

    @np.errstate(all="ignore")
    def _sums(self, steps: FloatArray, below: FloatArray, depth: int, scratch: Scratch) -> FloatArray | None:
        """Return log Σ exp of one depth as a sum of products; None where that could lose something."""
        V, forgetting = self.space.n_tokens, self._forgetting(depth)
        # Beyond this, what underflows of the values could matter, multiplied by the exp of such a reward.
        if len(steps) < V or not np.maximum.reduce(steps, axis=None) <= _LARGEST_REWARD:
            return None
        weights = np.exp(steps, out=scratch("weights", *steps.shape))
        top = np.maximum.reduce(below)
        low = np.minimum.reduce(steps, axis=None)
        if low == -np.inf:
            low = np.minimum.reduce(steps, axis=None, where=steps > -np.inf, initial=0.0)
        if not (np.abs(top) < _EXTREME and low > -_EXTREME):
            return None  # a sum could overflow
        after = np.exp(below - top)
        if self.window or not forgetting:  # whatever the oldest token, which comes last here
            rest = weights[:V].reshape(V, -1, V if forgetting else 1)
            totals = np.einsum("aro,ar->ro", rest, after.reshape(V, -1)).ravel()
        else:
            totals = weights[:V].sum(axis=0) * after
        if len(steps) > V:
            totals += np.exp(steps[V] - top)
        np.log(totals, out=totals)
        # So all are between -632 and 632.  What is no number, as where a top is -inf, is no such product.
        if not np.einsum("i,i->", totals, totals) < 632.0**2:
            return None
        return np.asarray(totals + top)

    def _length(self, depth: int) -> int:
        return min(self.window, depth)

    def _depth(self, depth: int) -> int:
        self.space.n_prefixes_at(depth)  # refuses what is no depth
        return depth

    def _strings(self, depth: int) -> IntArray:
        length = self._length(depth)
        return self._contexts[:length, : self.space.n_tokens**length]

    def _forgetting(self, depth: int) -> bool:
        """Tell whether the step from `depth` on forgets the oldest token of the context."""
        return self._length(depth) == self._length(depth + 1)

    def _children(self, carried: FloatArray, depth: int) -> FloatArray:
        """Return what the children of the contexts of a depth carry, (K, V, n), from what their own contexts do."""
        K, V = len(carried), self.space.n_tokens
        if not self._forgetting(depth):
            return carried.reshape(K, V, -1)
        if self.window == 0:
            return np.repeat(carried[:, None], V, axis=1)
        return np.repeat(carried.reshape(K, V, -1), V, axis=2)  # whatever the oldest token, which comes first

    def _forgotten(self, below: FloatArray, depth: int) -> FloatArray:
        """Add up numbers (V, n) of contexts and next tokens into those of the contexts of the next depth."""
        if not self._forgetting(depth):
            return below.ravel()
        return np.asarray(below.reshape(-1, len(below) if self.window else below.size).sum(axis=1))

    def _backward(self, fold: Fold, p: int) -> Iterator[FloatArray]:
        """Yield what the contexts of each depth carry, (K, n), from the last depth to the root."""
        below, scratch = None, Scratch()
        for t in reversed(range(self.space.n_depths)):
            steps = self._steps(p, t)
            out = np.empty((fold.n_carried, steps.shape[1]))
            children = None if below is None else self._children(below, t)
            self._rewards.combine(fold, p, self._strings(t), t, steps, children, out, scratch)
            yield out
            below = out

    def _root(self, fold: Fold, prompts: Sequence[int]) -> list[FloatArray]:
        if isinstance(fold, LogSum):
            return [self._values[p][0] for p in prompts]
        return [deque(self._backward(fold, p), maxlen=1)[0][:, 0] for p in prompts]

    def _logits(self, p: int, depth: int) -> FloatArray:
        """Return logits over the temperature, (A, n)."""
        steps, children = self._steps(p, depth), None
        if depth + 1 < self.space.n_depths:
            children = self._children(self._values[p][depth + 1][None], depth)[0]
        return self._rewards.joined(p, self._strings(depth), depth, steps, children)

    def _policy(self, p: int, depth: int) -> FloatArray:
        """Return π of the tokens, (V, n)."""
        return np.asarray(np.exp(normalise(self._logits(p, depth))[: self.space.n_tokens]))

    def _root_logits(self, prompts: Sequence[int]) -> list[FloatArray]:
        return [self._logits(p, 0) for p in prompts]

    # -- responses -------------------------------------------------------------------------------------------------

    def _next(self, index: IntArray, token: IntArray, depth: int) -> IntArray:
        """Return the numbers of the contexts that tokens lead to."""
        V, length = self.space.n_tokens, self._length(depth + 1)
        kept = index // V if self._forgetting(depth) else index
        return kept + token * V ** (length - 1) if length else kept

    def _best(self, p: int) -> Rows:
        carried, rows, index = list(self._backward(Best(), p))[::-1], [], np.zeros(1, np.intp)
        for t in range(self.space.n_depths):
            steps = self._steps(p, t)
            children = self._children(carried[t + 1], t)[:, :, index[0]] if t + 1 < len(carried) else None
            rows.append(as_row(self.space, t, best_row(steps[:, index[0]], children)))
            if rows[-1] == self.space.n_tokens:
                break
            index = self._next(index, np.array(rows[-1:]), t)
        return tuple(rows)

    def _draw(self, n: int, p: int, rng: np.random.Generator) -> list[Rows]:
        V = self.space.n_tokens
        rows = np.full((self.space.n_depths, n), -1, np.int32)
        active, index = np.arange(n), np.zeros(n, np.intp)
        for t in range(self.space.n_depths):
            if not active.size:
                break
            chosen = drawn_rows(self._logits(p, t), index, rng)
            if as_row(self.space, t, 0) == V:
                chosen[:] = V
            rows[t, active] = chosen
            going_on = chosen < V
            active, index = active[going_on], self._next(index[going_on], chosen[going_on], t)
        return [tuple(row for row in column if row >= 0) for column in rows.T.tolist()]

    def _step(self, p: int, prefix: Rows) -> FloatArray:
        t, V = len(prefix), self.space.n_tokens
        last = prefix[t - self._length(t) :]
        return self._steps(p, t)[:, sum(token * V**i for i, token in enumerate(last))]

    def _step_level(self, p: int, depth: int) -> FloatArray:
        rewards = self._rewards.function(p, self._strings(depth), depth)
        return np.repeat(rewards, self.space.n_tokens ** (depth - self._length(depth)), axis=1)

    def __repr__(self) -> str:
        return f"WindowModel({self.space!r}, window={self.window}, temperature={self.temperature:g})"
