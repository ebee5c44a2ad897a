"""`StreamedModel`: the energy-based model of a reward function, in memory that V**T does not enter."""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Final

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, normalise
from tabular_bellman.implicit.folds import Best, Fold, LogSum
from tabular_bellman.implicit.functions import Function, digits, n_actions
from tabular_bellman.implicit.model import ImplicitModel
from tabular_bellman.implicit.passes import best, draw, tops
from tabular_bellman.implicit.plan import Problem, Rows
from tabular_bellman.implicit.walk import Top
from tabular_bellman.inputs import expect
from tabular_bellman.parallel import Workers
from tabular_bellman.space import SequenceSpace
from tabular_bellman.tokens import count, positive_int

__all__ = ["StreamedModel"]

_MAX_LEAVES: Final = 10**13
_BLOCK: Final = 2**17

Progress = Callable[[int, int], None]


class StreamedModel(ImplicitModel):
    """p(y|x) ∝ exp(R(x, y)/τ), with R the sum along y of rewards that a function gives and nobody stores.

    Parameters
    ----------
    space : SequenceSpace
    reward : callable
        reward(prompt, prefixes, depth) → float array (A, n), in nats; -inf forbids.  `prefixes` is a read-only array
        of ints, shape (depth, n): a column for each prefix, its tokens by their positions in the vocabulary.  Rows
        of the result are actions in the order of ``space.actions(depth)``: tokens, then EOS.  At depth 0 there is
        one prefix, of shape (0, 1).  The memory of `prefixes` is used again: copy what you keep.
    temperature : float, default 1.0
        τ > 0; it divides rewards.
    block : int, default 2**17
        How many pairs of prefix and action are in memory at a time, roughly.  Numbers depend on it by rounding only;
        which samples a seed gives depends on it, too.
    workers : Workers, optional
        Where shards of the tree are computed; by default here, one after the other.  The results are the same bytes
        whatever the workers.  With threads the reward is called by several at once.
    max_leaves : int, default 10**13
        The largest number of responses to stream over.
    on_progress : callable, optional
        on_progress(done, total), in shards, for each pass that is cut into shards.

    Raises
    ------
    TabularBellmanError
        For a space of more than `max_leaves` responses, blocks beyond ``space.max_bytes``, and arguments out of
        range.  Methods raise it if the reward raises or returns another shape, NaN or +inf, naming the place.

    Notes
    -----
    The soft Bellman recursion, eq. (6), depth first: V(s) = τ log Σ_a exp((r(s, a) + V(s⊕a))/τ).  Every call of a
    method goes once over the tree; `mode` and `sample` go again over parts of it.  Memory is below block × (T + 20)
    numbers for each worker, whatever the number of responses.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from tabular_bellman import SequenceSpace
    >>> from tabular_bellman.implicit import StreamedModel
    >>> space = SequenceSpace.fixed_length(2, 20)  # a million responses
    >>> def reward(prompt, prefixes, depth):  # log 2 for each 1
    ...     return np.repeat([[0.0], [math.log(2.0)]], prefixes.shape[1], axis=1)
    >>> model = StreamedModel(space, reward)
    >>> round(model.log_partition() / math.log(3.0), 12)  # (1 + 2)**20
    20.0
    >>> model.root_policy().round(4)
    array([0.3333, 0.6667])
    """

    _columns = "prefix"

    def __init__(
        self,
        space: SequenceSpace,
        reward: Function,
        temperature: float = 1.0,
        *,
        block: int = _BLOCK,
        workers: Workers | None = None,
        max_leaves: int = _MAX_LEAVES,
        on_progress: Progress | None = None,
    ) -> None:
        super().__init__(space, reward, temperature)
        self.workers = Workers() if workers is None else workers
        expect(Workers, self.workers, "workers")
        max_leaves = positive_int("max_leaves", max_leaves, 10**18)
        if space.n_responses > max_leaves:
            raise TabularBellmanError(
                f"{space!r} has {count(space.n_responses)} responses; the limit is {max_leaves:,}. A billion take "
                "seconds. Use a shorter max_length or a smaller vocabulary, a WindowModel if the reward looks at the "
                "last tokens only, or raise the limit with max_leaves=."
            )
        self._problem = Problem(self._rewards, positive_int("block", block, 2**40))
        self._on_progress = on_progress
        if on_progress is not None and not callable(on_progress):
            raise TabularBellmanError(
                f"on_progress is a {type(on_progress).__name__}; it must be a function of (done, total)."
            )
        self._problem.check_memory(1)

    # -- numbers for every prefix of a depth -----------------------------------------------------------------------

    def values(self, depth: int) -> FloatArray:
        """Return the soft values of all prefixes of a depth, in nats, shape (P,) + (V,)*depth; -inf at a dead prefix.

        Raises
        ------
        TabularBellmanError
            If they, and the tables above them, would take more than ``space.max_bytes``.
        """
        tables = self._tables(self._depth(depth), f"values of depth {depth}")
        return self._nested(
            depth, f"values({depth})", lambda _: self._in_nats(next(tables).carried[depth][0], "values")
        )

    def logits(self, depth: int) -> FloatArray:
        """Return q = M(r) at all prefixes of a depth, in nats, shape (P,) + (V,)*depth + (A,).

        Raises
        ------
        TabularBellmanError
            As `values`.
        """
        A = n_actions(self.space, self._depth(depth))
        tables = self._tables(depth + 1, f"logits of depth {depth}")
        return self._nested(
            depth, f"logits({depth})", lambda _: self._in_nats(next(tables).logits(depth), "logits"), n_rows=A
        )

    def prefix_marginals(self, depth: int) -> FloatArray:
        """Return the chance of passing through each prefix of a depth, shape (P,) + (V,)*depth.

        Raises
        ------
        TabularBellmanError
            As `values`.
        """
        tables = self._tables(self._depth(depth), f"prefix marginals of depth {depth}")

        def marginals(_: int) -> FloatArray:
            top, passing = next(tables), np.zeros(1)
            for t in range(depth):
                passing = (passing + normalise(top.logits(t))[: self.space.n_tokens]).ravel()
            return np.exp(passing)

        return self._nested(depth, f"prefix_marginals({depth})", marginals)

    # -- passes ----------------------------------------------------------------------------------------------------

    def _depth(self, depth: int) -> int:
        self.space.n_prefixes_at(depth)  # refuses what is no depth
        return depth

    def _tables(self, depth: int, what: str) -> Iterator[Top]:
        """Return the tables down to a depth, for every prompt."""
        V = self.space.n_tokens
        per_prompt = (V + 2) * sum(V**t for t in range(depth)) + V**depth
        self.space.check_budget(what, per_prompt + self.space.n_prompts * V**depth)
        return self._tops(LogSum(), range(self.space.n_prompts), depth)

    def _tops(self, fold: Fold, prompts: Sequence[int], depth: int) -> Iterator[Top]:
        """Return the tables of the first depths of each prompt."""
        self._problem.check_memory(fold.n_carried)
        return tops(self._problem, fold, prompts, (), depth, self._run)

    def _run(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Generator[Any]:
        yield from self.workers.map(function, tasks, what="shard", on_done=self._on_progress)

    def _root(self, fold: Fold, prompts: Sequence[int]) -> list[FloatArray]:
        return [top.carried[0][:, 0] for top in self._tops(fold, prompts, 0)]

    def _root_logits(self, prompts: Sequence[int]) -> list[FloatArray]:
        return [top.logits(0) for top in self._tops(LogSum(), prompts, 1)]

    def _best(self, p: int) -> Rows:
        self._problem.check_memory(Best.n_carried)
        return best(self._problem, p, self._run)

    def _draw(self, n: int, p: int, rng: np.random.Generator) -> list[Rows]:
        return draw(self._problem, p, (), n, rng, self._run)

    def _step_level(self, p: int, depth: int) -> FloatArray:
        V, A = self.space.n_tokens, n_actions(self.space, depth)
        level, columns = np.empty((A, V**depth)), self._problem.plan(0).width
        for start in range(0, V**depth, columns):
            stop = min(start + columns, V**depth)
            level[:, start:stop] = self._rewards.function(p, digits(start, stop, V, depth), depth)
        return level

    def _step(self, p: int, rows: Rows) -> FloatArray:
        strings = np.array(rows, np.intp)[:, None]
        return self._rewards.steps(p, strings, len(rows))[:, 0]

    def __repr__(self) -> str:
        return f"StreamedModel({self.space!r}, temperature={self.temperature:g})"
