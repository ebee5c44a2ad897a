"""What a limited horizon loses: the models of M_h r beside that of M r, and where one more step makes it worse.

A draw from softmax(M_h r) can run into a prefix below which everything is forbidden: it stops there, which softmax(M r)
never does.  So KL(p_h‖p) is infinite where that can happen, KL(p‖p_h) is not, and success is the chance that the draw
ends in an allowed response.  All numbers are pairs of value and error; what is said to be larger is so by more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import inf
from textwrap import shorten, wrap
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.examples.brackets import brackets_reward
from proofs_check.reals import Real
from proofs_check.toolkit import REFERENCE, Levels, expectation
from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable, TabularBellmanError, soft_bellman
from tabular_bellman.enumeration import completions
from tabular_bellman.lookahead import backward_within
from tabular_bellman.number_systems import ExactWeights
from tabular_bellman.tokens import Prompt

__all__ = ["FINITE", "FORBIDDING", "Grid", "Row", "Searched", "rows", "smallest", "story", "successes"]


@dataclass(frozen=True)
class Row:
    """One horizon h; numbers of shape (P,), one for each prompt.

    Attributes
    ----------
    horizon : int
    log_probs : Bounded
        log p_h(y) of each response, shape (n, P); they add up to the chance of success.
    forwards : Real
        KL(p_h‖p), in nats; inf where p_h can run into a dead prefix.
    backwards : Real
        KL(p‖p_h), in nats.
    success : Real
        The chance that a draw from softmax(M_h r) ends in an allowed response.
    """

    horizon: int
    log_probs: Any
    forwards: Real
    backwards: Real
    success: Real


def rows(reward: StateActionTable) -> list[Row]:
    """Compare softmax(M_h r) with softmax(M r) for h = 0, …, T-1.

    Raises
    ------
    TabularBellmanError
        Where the rewards overflow float64.
    """
    kit, space = REFERENCE, reward.space
    rewards = [kit.lift(level) for level in reward.levels]
    found = []
    try:
        with np.errstate(over="raise"):
            exact, values = kit.soft_bellman(space, rewards, 1.0)
            dead = [kit.system.is_zero(level) for level in values]
            log_p = kit.arm_log_probs(space, exact)
            for horizon in range(space.n_depths):
                logits = backward_within(space, kit.system, rewards, horizon)
                log_h = kit.arm_log_probs(space, logits)
                forwards, backwards = _divergence(log_h, log_p), _divergence(log_p, log_h)
                lost = _can_stop(space, logits, dead)
                forwards = reals.where(lost, Real.exact(np.full(lost.shape, inf)), forwards)
                found.append(Row(horizon, log_h, forwards, backwards, kit.real(log_h).sum(0)))
    except FloatingPointError:
        raise TabularBellmanError("the rewards overflow float64; scale them down.") from None
    return found


def _divergence(log_p: Any, log_q: Any) -> Any:
    return expectation(REFERENCE, log_p, REFERENCE.log(REFERENCE.system.divide(log_p, log_q)))


def _can_stop(space: SequenceSpace, logits: Levels, dead: list[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Tell for each prompt whether a draw can come to a dead prefix."""
    V, found = space.n_tokens, np.zeros(space.n_prompts, dtype=np.bool_)
    passed = ~dead[0]
    for t in range(space.n_depths - 1):
        going = ~REFERENCE.system.is_zero(logits[t])[:V] & passed
        passed = going.reshape(-1)
        found |= (passed & dead[t + 1]).reshape(-1, space.n_prompts).any(axis=0)
    return found


def successes(reward: StateActionTable) -> list[Fraction]:
    """Return the chance of success for each horizon, as a rational number: of rewards 0 and -inf, for one prompt."""
    system, space = ExactWeights(), reward.space
    if not all(np.isin(level, (0.0, -inf)).all() for level in reward.levels):
        raise TabularBellmanError("exact chances are of rewards 0 and -inf; others have no rational weights.")
    weights = [
        np.array([[Fraction(int(x == 0.0)) for x in row] for row in level.tolist()], dtype=np.object_)
        for level in reward.levels
    ]
    found = []
    for horizon in range(space.n_depths):
        policy = [system.normalise(level) for level in backward_within(space, system, weights, horizon)]
        found.append(Fraction(system.sum(completions(space, system, policy))[0]))
    return found


# -- where one more step makes it worse --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grid:
    """Rewards over one prompt that are 0 but for a few entries, responses ending with EOS.

    Attributes
    ----------
    values : tuple of float
        What the other entries can be.
    sizes : tuple of (V, T)
        In order.
    most : int
        How many entries are not 0.
    """

    values: tuple[float, ...]
    sizes: tuple[tuple[int, int], ...]
    most: int

    @property
    def words(self) -> str:
        """The grid in words."""
        sizes = ", ".join(f"({V},{T})" for V, T in self.sizes)
        listed = " or ".join(f"{value:g}" for value in self.values)
        return f"(V,T) in {sizes}; at most {self.most} entries are {listed}, the others 0"

    def batches(self) -> Iterator[StateActionTable]:
        """Yield the cases, smallest first: one table for each (V, T, nonzero entries), a prompt for each case."""
        for V, T in self.sizes:
            n_pairs = SequenceSpace(V, max_length=T).n_pairs
            for k in range(min(self.most, n_pairs) + 1):
                chosen = product(combinations(range(n_pairs), k), product(self.values, repeat=k))
                vectors = []
                for entries, values in chosen:
                    vector = np.zeros(n_pairs)
                    vector[list(entries)] = values
                    vectors.append(vector)
                yield _side_by_side(V, T, np.array(vectors))


def _side_by_side(V: int, T: int, vectors: NDArray[np.float64]) -> StateActionTable:
    """Make one table of many: each row, in the order of ``items()``, becomes the rewards of one prompt."""
    space = SequenceSpace("abcdefgh"[:V], max_length=T, prompts=range(len(vectors)))
    arrays, start = [], 0
    for t in range(T):
        shape = (*(V,) * t, space.n_actions(t))
        stop = start + int(np.prod(shape))
        arrays.append(vectors[:, start:stop].reshape(-1, *shape))
        start = stop
    return StateActionTable.from_arrays(space, arrays)


@dataclass(frozen=True)
class Searched:
    """The smallest case in which horizon h + 1 does worse than h, if there is one.

    Attributes
    ----------
    reward : StateActionTable or None
        Of that case.
    horizon : int
        h.
    before : int
        How many cases come before it, or how many there are: in none of them it gets worse.
    rounding : float
        To which error that is known.
    """

    reward: StateActionTable | None
    horizon: int
    before: int
    rounding: float


def smallest(measure: str, grid: Grid) -> Searched:
    """Search a grid, in order, for the first case in which a longer horizon does worse.

    Parameters
    ----------
    measure : {"forwards", "backwards", "success"}
        What should go down with the horizon; success should go up.
    grid : Grid
        Cases without an allowed response are left out.
    """
    before, rounding = 0, 0.0
    for batch in grid.batches():
        allowed = ~np.isneginf(soft_bellman(batch)[1].levels[0])
        found = rows(batch)
        rounding = max(rounding, 2.0 * max(float(getattr(row, measure).error.max()) for row in found))
        worse = _worse(measure, found) & allowed
        if worse.any():
            p = int(worse.any(axis=0).argmax())
            return Searched(_alone(batch, p), int(worse[:, p].argmax()), before + int(allowed[:p].sum()), rounding)
        before += int(allowed.sum())
    return Searched(None, 0, before, rounding)


def _worse(measure: str, found: list[Row]) -> NDArray[np.bool_]:
    """Tell for each h and case whether h + 1 is worse than h by more than both errors, shape (T-1, P)."""
    numbers: list[Real] = [getattr(row, measure) for row in found]
    if measure == "success":
        numbers = [-number for number in numbers]
    table = [after.value - after.error > before.value + before.error for before, after in pairwise(numbers)]
    return np.array(table, dtype=np.bool_).reshape(len(table), len(numbers[0].value))


def _alone(batch: StateActionTable, p: int) -> StateActionTable:
    space = SequenceSpace(batch.space.vocab, max_length=batch.space.max_length)
    return StateActionTable.from_arrays(space, [batch[t][p : p + 1] for t in range(batch.n_depths)])


# -- what a person sees ------------------------------------------------------------------------------------------------

_SIZES: Final = ((1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 3))
FINITE: Final = Grid((-1.0, 1.0), _SIZES, 3)
FORBIDDING: Final = Grid((-inf,), _SIZES, 3)  # rewards of a verifier
_HEADS: Final = {"forwards": "KL(p_h‖p)", "backwards": "KL(p‖p_h)", "success": "success"}
_WIDTH: Final = 80
_MOST_PROMPTS: Final = 8
_MOST_STEPS: Final = 60


def story(reward: StateActionTable | None = None, source: str = "") -> Iterator[str]:
    """Yield the lines of the report: on a user's rewards, `source` in words, or else on balanced brackets.

    Raises
    ------
    TabularBellmanError
        Where every response to a prompt is forbidden, the rewards overflow float64, or there are more than 60 steps.
    """
    own = reward is not None
    if reward is None:
        reward = brackets_reward()
        yield "Balanced brackets, up to 12; reward at the end only: 0 if balanced, -inf if not."
    elif reward.n_depths > _MOST_STEPS:
        raise TabularBellmanError(
            f"{source}: {reward.n_depths} steps; lookahead goes through every horizon, for at most {_MOST_STEPS} steps."
        )
    else:
        yield from wrap(f"On {source}.", _WIDTH)
    yield "M r plans to the end of a response; M_h r sees h steps further than its own."
    yield "p is drawn token by token from softmax(M r), p_h from softmax(M_h r). Success:"
    yield "a draw ends in an allowed response, not where there is no way on (then KL(p_h‖p)"
    yield "is inf). KL in nats."
    AutoregressiveModel(soft_bellman(reward)[0])  # refuses a prompt to which every response is forbidden
    found, prompts = rows(reward), reward.space.prompts
    for p, prompt in enumerate(prompts[:_MOST_PROMPTS]):
        yield ""
        yield from _table(found, p, prompt)
    if len(prompts) > _MOST_PROMPTS:
        yield f"(and {len(prompts) - _MOST_PROMPTS} more prompts)"
    if own:
        return
    yield ""
    yield "A longer horizon is not always better. The smallest examples, in the order of"
    yield "(V, T, number of entries that are not 0), with the chance of each response:"
    for measure, grid in (("forwards", FINITE), ("backwards", FINITE), ("success", FORBIDDING)):
        yield ""
        yield from _example(measure, grid)


def _table(found: list[Row], p: int, prompt: Prompt) -> Iterator[str]:
    if prompt is not None:
        yield shorten(f"prompt {prompt!r}", _WIDTH, placeholder=" …")
    yield f"{'h':>3}  {'KL(p_h‖p)':>11}  {'KL(p‖p_h)':>11}  {'success':>9}"
    for row in found:
        numbers = (_shown(row.forwards[p]), _shown(row.backwards[p]))
        note = "  M itself" if row is found[-1] else ""
        yield f"{row.horizon:>3}  {numbers[0]:>11}  {numbers[1]:>11}  {float(row.success.value[p]):>9.2%}{note}"


def _shown(number: Real) -> str:
    value, error = float(number.value), float(number.error)
    if not value < inf:
        return "inf"
    return "0" if abs(value) <= error else f"{value:.6f}" if 1e-4 < value < 1e6 else f"{value:.3e}"


def _example(measure: str, grid: Grid) -> Iterator[str]:
    """Search, and recompute what is found from its rewards alone."""
    found, change = smallest(measure, grid), "falls" if measure == "success" else "rises"
    reward, h = found.reward, found.horizon
    head = "The chance of success" if measure == "success" else _HEADS[measure]
    known = f"by more than {found.rounding:.0e}, the error of the computation"
    if reward is None:
        text = f"{head} {change} in none of {found.before:,} cases {known}."
        yield from wrap(f"{text} Grid: {grid.words}.", _WIDTH)
        return
    V, T = reward.space.n_tokens, reward.n_depths
    entries = [(prefix, action, value) for (_, prefix, action), value in reward.items() if value != 0.0]
    text = f"{head} {change} from h = {h} to {h + 1}: V = {V}, T = {T}, {len(entries)} entries."
    text += f" In none of the {found.before:,} cases before it does it do so {known}. Grid: {grid.words}."
    yield from wrap(text, _WIDTH)
    yield "  " + ", ".join(f"r({_word(prefix)}, {action}) = {value:g}" for prefix, action, value in entries)
    yield from (f"  {line}" for line in _responses(reward, measure))


def _responses(reward: StateActionTable, measure: str) -> Iterator[str]:
    """Yield the chance of each response at each horizon, and what it comes to."""
    names = [_word(reward.space.response_tokens(y)) for y in reward.space.responses()]
    yield f"{'h':>3}" + "".join(f"{name:>8}" for name in names) + f"{_HEADS[measure]:>11}"
    exact = successes(reward) if measure == "success" else []
    for row in rows(reward):
        chances = np.exp(row.log_probs.value[:, 0])
        last = str(exact[row.horizon]) if exact else _shown(getattr(row, measure)[0])
        yield f"{row.horizon:>3}" + "".join(f"{chance:>8.4f}" for chance in chances) + f"{last:>11}"


def _word(tokens: tuple[Any, ...]) -> str:
    return "".join(map(str, tokens)) or "ε"
