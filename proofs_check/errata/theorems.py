"""E5, E6, E14: the propositions and their proofs."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any, Final

from proofs_check.errata.descent import descent
from proofs_check.errata.erratum import Erratum, Finding, Grade
from proofs_check.errata.exact_numbers import Logs, entropy, kl, log
from proofs_check.errata.pictures import Branch, Cell, TreePicture, cell, grown
from proofs_check.errata.search import Case, Grid, choices, search
from proofs_check.errata.trees import (
    Pair,
    Response,
    State,
    Table,
    Tree,
    autoregressive,
    energy_based,
    prompt_names,
    responses,
    reward_grid,
    soft_bellman,
    steps,
)
from tabular_bellman import EOS

__all__ = ["THEOREMS"]


# -- E5 ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """ρ(·|x) for one prompt."""

    tree: Tree
    chances: dict[Response, Fraction]

    @cached_property
    def conditionals(self) -> dict[Pair, Fraction]:
        """ρ(s, a), the chance to pass through s and take a."""
        taken = dict.fromkeys(self.tree.pairs, Fraction(0))
        for y, chance in self.chances.items():
            for pair in steps(self.tree.starts[0], y):
                taken[pair] += chance
        return taken


def distributions(n: int, denominator: int) -> Iterator[tuple[Fraction, ...]]:
    """Yield distributions over n outcomes in multiples of 1/denominator, few outcomes first, first outcomes first."""
    counts = [c for c in product(range(denominator, -1, -1), repeat=n) if sum(c) == denominator]
    for c in sorted(counts, key=lambda c: n - c.count(0)):
        yield tuple(Fraction(k, denominator) for k in c)


def target_grid(denominator: int, sizes: tuple[tuple[int, int], ...]) -> Grid[Target]:
    """Return every ρ in multiples of 1/denominator, for one prompt and each (V, T)."""
    cases = []
    for V, T in sizes:
        tree, among = Tree(prompt_names(1), V, T), responses(V, T)
        for row in distributions(len(among), denominator):
            words = "ρ = (" + ", ".join(map(str, row)) + ") by length of the response"
            support = sum(1 for chance in row if chance)
            cases.append(Case(1, V, T, support, words, Target(tree, dict(zip(among, row, strict=True)))))
    in_words = "; ".join(f"V={V}, T={T}" for V, T in sizes)
    return Grid(f"1 prompt; {in_words}; ρ(y|x) a multiple of 1/{denominator}, 0 allowed", tuple(cases))


def _attained(target: Target) -> bool:
    """Whether some finite q has gradient 0; L^ARM is convex, so that is where a minimum is.

    The gradient at (s, a) is ρ(s) π(a|s) - ρ(s, a), and π > 0: it can be 0 only where ρ(s, a) > 0 or ρ(s) = 0.  Where
    it can, q = log ρ(s, a) is tried, and the risk compared with H(Y|X), below which it cannot fall.
    """
    tree, taken = target.tree, target.conditionals
    if any(_shunned(target, pair) for pair in tree.pairs):
        return False
    weights = {pair: mass if mass else Fraction(1) for pair, mass in taken.items()}
    model = [autoregressive(tree, weights, tree.starts[0], y) for y in target.chances]
    return not kl(target.chances.values(), model).parts


def _shunned(target: Target, pair: Pair) -> bool:
    """Whether ρ passes through the state and never takes the action; where it never comes by, any logit will do."""
    taken, (state, _) = target.conditionals, pair
    return not taken[pair] and any(taken[state, a] for a in target.tree.actions(state))


def _infimum_is_entropy(target: Target) -> bool:
    """ρ > 0 ⇒ attained; always inf L = H(Y|X): from below by KL ≥ 0, and from above by mixing with uniform policies.

    The mixture of ρ's policies with uniform ones, of weight 1/n, has p(y) ≥ (1 - 1/n)^T ρ(y), so that its risk is at
    most H + T log(n/(n-1)).
    """
    if all(target.chances.values()):
        return _attained(target)
    tree, taken = target.tree, target.conditionals
    for n in (10, 1000):
        mixed: dict[Pair, Fraction] = {}
        for state in tree.states:
            actions = tree.actions(state)
            mass = sum((taken[state, a] for a in actions), start=Fraction(0))
            for a in actions:
                policy = taken[state, a] / mass if mass else Fraction(1, len(actions))
                mixed[state, a] = policy * Fraction(n - 1, n) + Fraction(1, n * len(actions))
        for y, chance in target.chances.items():
            p = autoregressive(tree, mixed, tree.starts[0], y)
            if p <= 0 or p < Fraction(n - 1, n) ** tree.steps * chance:
                return False
    return True


def _e5() -> Finding:
    grid = target_grid(4, ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2)))
    found = search("min_q L^ARM is attained by some q: E → R", grid, _attained, _infimum_is_entropy)
    target = found.smallest
    falling = descent(target.tree, target.tree.starts[0], target.chances)
    taken = target.conditionals
    picture = TreePicture(
        "A target that no finite table reaches",
        grown(
            target.tree,
            labels=lambda pair: (f"ρ = {taken[pair]}",),
            cells=lambda _, y: (cell(target.chances[y]),),
            odd=lambda pair: "never taken: its logit would be -∞" if _shunned(target, pair) else "",
        ),
        ("ρ(y|x)",),
        (("H(Y|X)", (cell(entropy(target.chances.values())),)),),
    )
    return Finding(
        (
            (f"L^ARM, with {falling.difference}", falling.risk),
            ("    its derivative, negative for every real d", falling.slope),
            ("    its limit, which no q attains", falling.limit),
            ("H(Y|X), the infimum", float(entropy(target.chances.values()))),
        ),
        (found,),
        remark="In the repaired statement the infimum is H(Y|X) for every ρ; if ρ > 0 it is a minimum.",
        pictures=(picture, falling.picture),
    )


# -- E6 ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weighted:
    """Prompts and responses drawn in proportion to integers."""

    prompts: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]

    def cells(self) -> Iterator[tuple[Fraction, Fraction]]:
        """Yield ρ(x) and ρ(y|x) for every prompt and response."""
        for x, row in zip(self.prompts, self.rows, strict=True):
            for y in row:
                yield Fraction(x, sum(self.prompts)), Fraction(y, sum(row))

    def minimum(self) -> Logs:
        """The risk E[A_R(X) - R(X, Y)] at R = log of the integers: there p_R = ρ, so that its gradient is 0."""
        total = Logs()
        for x, row in zip(self.prompts, self.rows, strict=True):
            chance = Fraction(x, sum(self.prompts))
            expected = sum((log(y).times(Fraction(y, sum(row))) for y in row), start=Logs())
            total += (log(sum(row)) - expected).times(chance)
        return total


def _joint_entropy(weighted: Weighted) -> Logs:
    return sum((log(x * y).times(-x * y) for x, y in weighted.cells()), start=Logs())


def _conditional_entropy(weighted: Weighted) -> Logs:
    return sum((log(y).times(-x * y) for x, y in weighted.cells()), start=Logs())


def _e6() -> Finding:
    cases = []
    for P, V, T in ((P, V, T) for P in (1, 2, 3) for V in (1, 2) for T in (1, 2)):
        n = len(responses(V, T))
        for chosen in choices(P * (n + 1), 2):
            entries = [2 if i in chosen else 1 for i in range(P * (n + 1))]
            prompts, rows = tuple(entries[:P]), tuple(tuple(entries[P + p * n : P + (p + 1) * n]) for p in range(P))
            words = f"ρ(x) ∝ {_listed(prompts)}, ρ(y|x) ∝ {' and '.join(map(_listed, rows))}"
            cases.append(Case(P, V, T, len(chosen), words, Weighted(prompts, rows)))
    grid = Grid("P ≤ 3, V ≤ 2, T ≤ 2; ρ(x) and ρ(y|x) in proportion to 1 or 2, at most two of them 2", tuple(cases))
    found = search(
        "min_R L^EBM(R) = -E log ρ(X, Y)",
        grid,
        lambda w: not (w.minimum() - _joint_entropy(w)).parts,
        lambda w: not (w.minimum() - _conditional_entropy(w)).parts,
    )
    weighted, case = found.smallest, found.case
    assert case is not None  # or there were no smallest
    picture = TreePicture(
        "Two prompts, and two entropies",
        tuple(
            Branch(
                state=f"x{p}" if p else "x",
                branches=tuple(
                    Branch(" ".join(map(str, y)), cells=(Cell(joint, joint != row), Cell(row)))
                    for y, joint, row in zip(
                        responses(case.vocab, case.steps),
                        [Fraction(x * w, sum(weighted.prompts) * sum(each)) for w in each],
                        [Fraction(w, sum(each)) for w in each],
                        strict=True,
                    )
                ),
            )
            for p, (x, each) in enumerate(zip(weighted.prompts, weighted.rows, strict=True))
        ),
        ("ρ(x, y)", "ρ(y|x)"),
        (("-E log", (cell(float(_joint_entropy(weighted)), float(weighted.minimum())), cell(weighted.minimum()))),),
    )
    return Finding(
        (
            ("-E log ρ(X, Y), as printed", float(_joint_entropy(weighted))),
            ("min_R L^EBM(R)", float(weighted.minimum())),
        ),
        (found,),
        remark="The two differ by H(X), which is 0 with the one prompt of Appendix C: nothing there changes.",
        pictures=(picture,),
    )


def _listed(numbers: tuple[int, ...]) -> str:
    return "(" + ",".join(map(str, numbers)) + ")"


# -- E14 -----------------------------------------------------------------------------------------------------------


def _started_at(table: Table, start: State, response: Response, depth: int) -> Any:
    """p_q(y|x) where the recursion starts at t = depth, with q = r there and nothing below."""
    full = table.tree
    tree = Tree(full.starts, full.vocab, depth, forced=depth == full.steps)
    logits, _ = soft_bellman(tree, table.weights)
    return autoregressive(tree, logits, start, response)


def _recursion_works(depth_of: Callable[[Response, int], int]) -> Callable[[Table], bool]:
    def holds(table: Table) -> bool:
        for x in table.tree.starts:
            _, p = energy_based(table.weights, x, table.responses)
            for y in table.responses:
                if _started_at(table, x, y, depth_of(y, table.tree.steps)) != p[y]:
                    return False
        return True

    return holds


def _bellman_step_of(table: Table, which: Callable[[int, int], int]) -> bool:
    """Whether q(s_{τ-1}, y_{τ-1}) = r + V_q(s_which) along the responses 1, 1, …, of every length τ ≥ 2."""
    tree = table.tree
    logits, values = soft_bellman(tree, table.weights)
    for x in tree.starts:
        path = [s for s, _ in steps(x, tree_longest(tree))]  # s_1, …, s_T
        for tau in range(2, tree.steps + 1):
            pair = (path[tau - 2], 1)
            if logits[pair] != table.weights[pair] * values[path[which(tau, tree.steps) - 1]]:
                return False
    return True


def tree_longest(tree: Tree) -> Response:
    """The first of the longest responses."""
    return (*(1,) * (tree.steps - 1), EOS)


def _e14() -> Finding:
    grid = reward_grid("r")
    first = search(
        "p_{R_r}(y|x) = p_q(y|x), the recursion started at t = τ = |y|",
        grid,
        _recursion_works(lambda y, _: len(y)),
        _recursion_works(lambda _, T: T),
    )
    second = search(
        "q(s_{τ-1}, y_{τ-1}) = r(s_{τ-1}, y_{τ-1}) + V_q(s_T) on the way to 1 1 … EOS",
        grid,
        lambda table: _bellman_step_of(table, lambda _, T: T),
        lambda table: _bellman_step_of(table, lambda tau, _: tau),
    )
    table, other = first.smallest, second.smallest
    x, stop = table.tree.starts[0], (EOS,)
    _, p = energy_based(table.weights, x, table.responses)
    path = [s for s, _ in steps(x, tree_longest(other.tree))]
    _, values = soft_bellman(other.tree, other.weights)
    short = TreePicture(
        "Started at t = |y|, the recursion misses what is below",
        grown(
            table.tree,
            labels=lambda pair: (table.written("r", pair),),
            cells=lambda x, y: (cell(p[y]), cell(_started_at(table, x, y, len(y)), p[y])),
        ),
        ("p_R(y|x)", "p_q(y|x)"),
    )
    below = TreePicture(
        "Below a step of a response of length τ = 2 stands V(s_2), not V(s_T)",
        grown(
            other.tree,
            labels=lambda pair: (other.written("r", pair),),
            name=lambda s: f"{'⊕'.join(map(str, s))}: V = {math.log(float(values[s])):.4g}",
        ),
    )
    return Finding(
        (
            ("p_R(EOS|x)", float(p[stop])),
            ("p_q(EOS|x), started at t = τ = 1", float(_started_at(table, x, stop, 1))),
            ("at the second: V_q(s_τ), τ = 2", math.log(float(values[path[1]]))),
            ("               V_q(s_T), T = 3", math.log(float(values[path[-1]]))),
        ),
        (first, second),
        remark="Other branches reach depth T whatever the length of y.",
        pictures=(short, below),
    )


THEOREMS: Final = (
    Erratum(
        id="E5",
        place="Proposition 2",
        grade=Grade.HYPOTHESIS,
        title="A minimum needs ρ > 0",
        printed="For any ρ, the minima over q, r and R are attained and related.",
        trouble="Where ρ(y|x) = 0 for some y, no finite table attains them, and the sets of minimisers are empty.",
        repair="inf in place of min; or ρ(·|x) > 0 for every x.",
        find=_e5,
    ),
    Erratum(
        id="E6",
        place="Section 5 and C.1: L*",
        grade=Grade.HYPOTHESIS,
        title="The smallest risk is a conditional entropy",
        printed="L* = -E log ρ(X, Y).",
        trouble="That is H(X) + H(Y|X).",
        repair="L* = -E log ρ(Y|X) = H(Y|X). The two agree if X is constant, as in Appendix C.",
        find=_e6,
    ),
    Erratum(
        id="E14",
        place="Sections 3.1, 3.2 and B.2",
        grade=Grade.INDEXING,
        title="Where the recursion starts",
        printed="The recursion runs from t = τ to 1, for a response of length τ; and in B.2 q(s_{τ-1}, ·) = r + "
        "V_q(s_T).",
        repair="From t = T to 1; and V_q(s_τ).",
        find=_e14,
    ),
)
