"""The printed definitions, word for word, on dictionaries: states, responses, both models, the soft Bellman map.

Nothing of the library's recursions is used here: what is tried is the text, in the setting that the text names.
A state is a tuple; ⊕ appends to it.  Whether states are pairs (prompt, prefix) or strings is only a matter of what
a prompt's first state is: ``("x",)`` with the prompt as one symbol, or ``("BOS", 1)`` with its tokens.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, Final

from proofs_check.errata.exact_numbers import Ratio, exp
from proofs_check.errata.search import Case, Grid, choices
from tabular_bellman import EOS

__all__ = [
    "SIZES",
    "Pair",
    "State",
    "Table",
    "Tree",
    "Weights",
    "autoregressive",
    "energy_based",
    "prompt_names",
    "responses",
    "reward_grid",
    "show_pair",
    "soft_bellman",
    "steps",
    "tokens",
    "weight_of",
]

State = tuple[Hashable, ...]
Pair = tuple[State, Hashable]
Response = tuple[Hashable, ...]
Weights = Mapping[Pair, Any]  # exponentials of rewards or logits, in numbers that are compared exactly

# (prompts, V, T) of the grids, smallest first.
SIZES: Final = tuple((1, V, T) for V in (1, 2) for T in (1, 2, 3)) + tuple((2, V, T) for V in (1, 2) for T in (1, 2))


def tokens(vocab: int) -> tuple[int, ...]:
    """Return the tokens 1, …, V."""
    return tuple(range(1, vocab + 1))


def responses(vocab: int, steps: int) -> list[Response]:
    """Return Proposition 4's responses, by length: at most `steps` actions, the last one EOS."""
    return [(*y, EOS) for n in range(steps) for y in product(tokens(vocab), repeat=n)]


def prompt_names(prompts: int) -> tuple[State, ...]:
    """Return first states of as many prompts that share nothing."""
    return tuple((f"x{n}" if n else "x",) for n in range(prompts))


@dataclass(frozen=True)
class Tree:
    """States and the actions allowed at each.

    Attributes
    ----------
    starts : tuple of states
        The first state of each prompt.
    vocab, steps : int
        V and T.
    forced : bool
        Whether EOS is the only action at every s_T, as equation (3) has it; otherwise everything is allowed.
    bare : bool
        Whether EOS is allowed at the first state of a prompt.
    """

    starts: tuple[State, ...]
    vocab: int
    steps: int
    forced: bool = True
    bare: bool = True

    @cached_property
    def states(self) -> tuple[State, ...]:
        """Every state x⊕y_<t with t = 1..T, each once, by depth."""
        depths = range(self.steps)
        found = ((*x, *y) for t in depths for x in self.starts for y in product(tokens(self.vocab), repeat=t))
        return tuple(dict.fromkeys(found))

    @cached_property
    def last(self) -> frozenset[State]:
        """Every state that is s_T of some prompt."""
        ends = product(tokens(self.vocab), repeat=self.steps - 1)
        return frozenset((*x, *y) for y in list(ends) for x in self.starts)

    @cached_property
    def known(self) -> frozenset[State]:
        """The states, for looking up."""
        return frozenset(self.states)

    def actions(self, state: State) -> tuple[Hashable, ...]:
        """Return what is allowed at a state: EOS, and the tokens unless it is the end."""
        if self.forced and state in self.last:
            return (EOS,)
        return (EOS, *tokens(self.vocab)) if self.bare or state not in self.starts else tokens(self.vocab)

    @property
    def pairs(self) -> list[Pair]:
        """The allowed pairs."""
        return [(s, a) for s in self.states for a in self.actions(s)]

    @property
    def every_pair(self) -> list[Pair]:
        """S×A, whatever is allowed."""
        return [(s, a) for s in self.states for a in (EOS, *tokens(self.vocab))]


def steps(start: State, response: Response) -> Iterator[Pair]:
    """Yield (s_t, y_t) along a response."""
    return (((*start, *response[:t]), action) for t, action in enumerate(response))


def weight_of(weights: Weights, start: State, response: Response) -> Any:
    """Return exp of the sum along a response: exp R_r(x, y)."""
    return prod((weights[pair] for pair in steps(start, response)), start=1)


def energy_based(weights: Weights, start: State, among: Sequence[Response]) -> tuple[Any, dict[Response, Any]]:
    """Return exp A_R(x) and p_R(y|x) over a set of responses."""
    each = {y: weight_of(weights, start, y) for y in among}
    total = sum(each.values())
    return total, {y: weight / total for y, weight in each.items()}


def autoregressive(tree: Tree, weights: Weights, start: State, response: Response) -> Any:
    """Return p_q(y|x), a product of softmaxes over the actions that are allowed; 0 where one is not."""
    result: Any = 1
    for state, action in steps(start, response):
        allowed = tree.actions(state)
        if action not in allowed:
            return 0
        result = result * weights[state, action] / sum(weights[state, a] for a in allowed)
    return result


def soft_bellman(tree: Tree, weights: Weights, *, last_logit: Any = None) -> tuple[dict[Pair, Any], dict[State, Any]]:
    """Return exp M(r) and exp V by equation (6); `last_logit` takes the place of exp q(s_T, EOS) if given.

    After EOS, and after what lies outside the states, V is 0.
    """
    logits: dict[Pair, Any] = {}
    values: dict[State, Any] = {}
    for state in sorted(tree.states, key=len, reverse=True):
        for action in tree.actions(state):
            below = values.get((*state, action), 1) if action is not EOS else 1
            logits[state, action] = weights[state, action] * below
            if last_logit is not None and action is EOS and state in tree.last:
                logits[state, action] = last_logit
        values[state] = sum(logits[state, action] for action in tree.actions(state))
    return logits, values


@dataclass(frozen=True)
class Table:
    """A table of rewards or logits that are 1 at some pairs and 0 elsewhere."""

    tree: Tree
    ones: frozenset[Pair]

    @cached_property
    def weights(self) -> dict[Pair, Ratio]:
        """The exponentials, on the whole of S×A."""
        return {pair: exp(1 if pair in self.ones else 0) for pair in self.tree.every_pair}

    def written(self, letter: str, pair: Pair) -> str:
        """Write an entry, as ``r = 1``."""
        return f"{letter} = {int(pair in self.ones)}"

    @cached_property
    def responses(self) -> list[Response]:
        """Proposition 4's."""
        return responses(self.tree.vocab, self.tree.steps)


def show_pair(pair: Pair) -> str:
    """Write a pair as ``x⊕1, EOS``."""
    state, action = pair
    return f"{'⊕'.join(str(part) for part in state)}, {action}"


def reward_grid(
    letter: str,
    where: Callable[[Tree], list[Pair]] = lambda tree: tree.pairs,
    *,
    most: int = 2,
    sizes: Sequence[tuple[int, int, int]] = SIZES,
) -> Grid[Table]:
    """Return all tables with entries 0 and 1, at most `most` of them 1, on trees whose prompts share nothing."""
    cases = []
    for P, V, T in sizes:
        tree = Tree(prompt_names(P), V, T)
        pairs = where(tree)
        for chosen in choices(len(pairs), most):
            ones = [pairs[i] for i in chosen]
            words = ", ".join(f"{letter}({show_pair(pair)}) = 1" for pair in ones)
            words = f"{words}, {letter} = 0 elsewhere" if words else f"{letter} = 0"
            cases.append(Case(P, V, T, len(ones), words, Table(tree, frozenset(ones))))
    pairs_in_words = "S×A" if where(Tree((("x",),), 1, 1)) != Tree((("x",),), 1, 1).pairs else "the allowed pairs"
    sizes_in_words = "1 prompt with V ≤ 2, T ≤ 3, and 2 prompts with V ≤ 2, T ≤ 2"
    if tuple(sizes) != SIZES:
        sizes_in_words = "; ".join(f"P={P}, V={V}, T={T}" for P, V, T in sizes)
    return Grid(
        f"{sizes_in_words}; {letter} on {pairs_in_words}, entries 0 or 1, at most {most} of them 1", tuple(cases)
    )
