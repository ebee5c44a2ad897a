"""E4: states as strings, where prompts of different lengths share contexts."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations, product
from typing import Any, Final

import numpy as np

from proofs_check.errata.erratum import Erratum, Finding, Grade
from proofs_check.errata.exact_numbers import Logs, entropy, log
from proofs_check.errata.pictures import Bar, BarsPicture, TreePicture, cell, grown
from proofs_check.errata.search import Case, Grid, NothingFound, choices, search
from proofs_check.errata.trees import (
    Pair,
    State,
    Table,
    Tree,
    autoregressive,
    energy_based,
    responses,
    show_pair,
    soft_bellman,
    steps,
    tokens,
)
from proofs_check.exact import rank
from tabular_bellman import EOS
from tabular_bellman.extended import FloatArray

__all__ = ["STRINGS"]

_LONGEST: Final = 3  # U: prompts are BOS and one or two tokens


# -- prompts, and the states that they have ------------------------------------------------------------------------


def _prompts(vocab: int, longest: int = _LONGEST) -> list[State]:
    """{BOS} × ⋃_{t=1..U-1} V^t."""
    return [("BOS", *y) for t in range(1, longest) for y in product(tokens(vocab), repeat=t)]


def _as_pairs(tree: Tree) -> Tree:
    """The same prompts, each one symbol: states are pairs (prompt, prefix), and nothing is shared."""
    return Tree(tuple((_text(start),) for start in tree.starts), tree.vocab, tree.steps, tree.forced)


def _text(state: State) -> str:
    return "(" + ",".join(str(part) for part in state) + ")"


def _trees() -> Iterator[Tree]:
    """Every tree of one or two string prompts, smallest first."""
    for P, V, T in product((1, 2), (1, 2), (1, 2, 3)):
        for chosen in combinations(_prompts(V), P):
            yield Tree(chosen, V, T)


def _named(tree: Tree) -> str:
    return "prompts " + " and ".join(_text(x) for x in tree.starts)


# -- Proposition 1 -------------------------------------------------------------------------------------------------


def _reward_grid(most: int) -> Grid[Table]:
    cases = []
    for tree in _trees():
        pairs = tree.every_pair
        for chosen in choices(len(pairs), most):
            ones = [pairs[i] for i in chosen]
            words = ", ".join(f"r({show_pair(pair)}) = 1" for pair in ones) or "r = 0"
            case = Case(
                len(tree.starts),
                tree.vocab,
                tree.steps,
                len(ones),
                f"{_named(tree)}, {words}",
                Table(tree, frozenset(ones)),
            )
            cases.append(case)
    words = (
        "1 or 2 prompts from {BOS} × ⋃_{t=1,2} V^t, V ≤ 2, T ≤ 3; r on S×A, entries 0 or 1, at most "
        f"{most} of them 1"
    )
    return Grid(words, tuple(sorted(cases, key=lambda case: case.size)))


def _proposition_1(table: Table) -> bool:
    tree = table.tree
    logits, _ = soft_bellman(tree, table.weights)
    for start in tree.starts:
        _, p = energy_based(table.weights, start, table.responses)
        if any(p[y] != autoregressive(tree, logits, start, y) for y in table.responses):
            return False
    return True


def _proposition_1_of_pairs(table: Table) -> bool:
    """The same rewards, on states that are pairs."""
    tree = _as_pairs(table.tree)
    ones = set()
    for start, name in zip(table.tree.starts, tree.starts, strict=True):
        for state, action in tree.every_pair:
            if state[0] == name[0] and ((*start, *state[1:]), action) in table.ones:
                ones.add((state, action))
    return _proposition_1(Table(tree, frozenset(ones)))


# -- Proposition 2: three minima -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """Prompts, and ρ(y|x) for each; the prompts are equally likely.

    EOS is forced at the T-th step of each prompt, by time and not by state: the mildest reading of equation (3).
    """

    tree: Tree
    target: tuple[tuple[Fraction, ...], ...]

    @property
    def prompt_weight(self) -> Fraction:
        """The chance of each prompt."""
        return Fraction(1, len(self.tree.starts))

    @property
    def responses(self) -> list[tuple[Any, ...]]:
        """Proposition 4's."""
        return responses(self.tree.vocab, self.tree.steps)

    @cached_property
    def entropy(self) -> Logs:
        """H(Y|X)."""
        return sum((entropy(row).times(self.prompt_weight) for row in self.target), start=Logs())

    def arm_minimum(self) -> Logs:
        """min_q L^ARM: at each state the policy is ρ's frequency of each action there, whoever comes by."""
        taken: dict[Pair, Fraction] = {}
        for start, row in zip(self.tree.starts, self.target, strict=True):
            for y, chance in zip(self.responses, row, strict=True):
                # At the T-th step EOS is certain and costs nothing.
                for pair in list(steps(start, y))[: self.tree.steps - 1]:
                    taken[pair] = taken.get(pair, Fraction(0)) + self.prompt_weight * chance
        here: dict[State, Fraction] = {}
        for (state, _), mass in taken.items():
            here[state] = here.get(state, Fraction(0)) + mass
        return sum((log(here[s] / mass).times(mass) for (s, _), mass in taken.items() if mass), start=Logs())

    def ebm_reaches_entropy(self) -> bool:
        """Whether min_r L^EBM(R_r) = H(Y|X): whether log ρ is some R_r plus a constant for each prompt."""
        rho = [chance for row in self.target for chance in row]
        return all(
            not sum((log(p).times(c) for p, c in zip(rho, direction, strict=True)), start=Logs()).parts
            for direction in _unreachable(self.tree)
        )

    def ebm_minimum(self) -> tuple[float, float]:
        """Return min_r L^EBM(R_r) between two bounds: the risk of some r, and the entropy of some p.

        L^EBM(R_r) is convex in r; its dual is the largest H(Y|X) among the p whose counts of each pair are those
        of ρ.  So the entropy of *any* such p is at most the risk of *any* r, and both may come from an optimiser.
        """
        from scipy.optimize import minimize

        features = np.array(_counts(self.tree), dtype=np.float64)
        P, n = len(self.tree.starts), len(self.responses)
        rho = np.array([[float(chance) for chance in row] for row in self.target]) / P

        def risk(r: FloatArray) -> tuple[float, FloatArray]:
            scores = (features @ r).reshape(P, n)
            top = scores.max(axis=1, keepdims=True)
            weights = np.exp(scores - top)
            partition = top[:, 0] + np.log(weights.sum(axis=1))
            model = weights / weights.sum(axis=1, keepdims=True) / P
            return float(partition.mean() - (rho * scores).sum()), features.T @ (model - rho).reshape(-1)

        # The line search ends when it cannot improve in float64; how good the end is, the bounds say.
        best = minimize(risk, np.zeros(features.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-11}).x
        scores = (features @ best).reshape(P, n)
        model = np.exp(scores - scores.max(axis=1, keepdims=True))
        model /= model.sum(axis=1, keepdims=True) * P
        feasible = rho
        if directions := _unreachable(self.tree):
            free = np.array([[float(c) for c in direction] for direction in directions])
            along, *_ = np.linalg.lstsq(free.T, (model - rho).reshape(-1), rcond=None)
            feasible = rho + (along @ free).reshape(P, n)
        if (feasible <= 0.0).any():
            raise ArithmeticError("the optimiser stopped too far from the minimum for a bound from below.")
        return float(-(feasible * np.log(feasible * P)).sum()), risk(best)[0]


def _counts(tree: Tree) -> list[list[int]]:
    """How often each (prompt, response) takes each pair: the matrix of r ↦ R_r."""
    index = {pair: i for i, pair in enumerate(tree.every_pair)}
    rows = []
    for start in tree.starts:
        for y in responses(tree.vocab, tree.steps):
            row = [0] * len(index)
            for pair in steps(start, y):
                row[index[pair]] += 1
            rows.append(row)
    return rows


def _with_constants(tree: Tree) -> list[list[int]]:
    """The same, and a constant for each prompt."""
    n = len(responses(tree.vocab, tree.steps))
    return [[*row, *(int(i // n == p) for p in range(len(tree.starts)))] for i, row in enumerate(_counts(tree))]


_UNREACHABLE: Final[dict[Tree, list[list[Fraction]]]] = {}


def _unreachable(tree: Tree) -> list[list[Fraction]]:
    """A basis of what no R_r plus constants reaches: the left null space, in rationals."""
    if tree not in _UNREACHABLE:
        from sympy import QQ
        from sympy.polys.matrices import DomainMatrix

        columns: list[list[Any]] = [[QQ(x) for x in column] for column in zip(*_with_constants(tree), strict=True)]
        null = DomainMatrix(columns, (len(columns), len(columns[0])), QQ).nullspace().to_list()
        _UNREACHABLE[tree] = [[Fraction(int(x.numerator), int(x.denominator)) for x in row] for row in null]
    return _UNREACHABLE[tree]


def _freedom(tree: Tree) -> int:
    """How many parameters p_{R_r} has: the rank of r ↦ R_r, constants of each prompt taken off."""
    return rank(_with_constants(tree)) - len(tree.starts)


def _proposition_2(problem: Problem) -> bool:
    return not (problem.arm_minimum() - problem.entropy).parts and problem.ebm_reaches_entropy()


def _target_grid(most: int) -> Grid[Problem]:
    cases = []
    for tree in _trees():
        n, P = len(responses(tree.vocab, tree.steps)), len(tree.starts)
        for chosen in choices(n * P, most):
            weights = [[2 if p * n + i in chosen else 1 for i in range(n)] for p in range(P)]
            rows = tuple(tuple(Fraction(w, sum(row)) for w in row) for row in weights)
            words = f"{_named(tree)}, ρ ∝ " + " and ".join("(" + ",".join(map(str, row)) + ")" for row in weights)
            cases.append(Case(P, tree.vocab, tree.steps, len(chosen), words, Problem(tree, rows)))
    words = (
        "the same prompts, V and T; equally likely prompts, log ρ(y|x) = 0 or log 2 up to a constant, "
        f"at most {most} of them log 2"
    )
    return Grid(words, tuple(sorted(cases, key=lambda case: case.size)))


# -- the note ------------------------------------------------------------------------------------------------------


def _e4() -> Finding:
    rewards, targets = _reward_grid(1), _target_grid(1)
    one = search(
        "p_{R_r} = p_q with q = M(r), states as strings, EOS forced at every s_T",
        rewards,
        _proposition_1,
        _proposition_1_of_pairs,
    )
    two = search(
        "min_q L^ARM = min_r L^EBM(R_r) = H(Y|X), states as strings, EOS forced by time only",
        targets,
        _proposition_2,
        lambda problem: _proposition_2(Problem(_as_pairs(problem.tree), problem.target)),
    )
    alike = [case.data for case in rewards.cases if _equally_long(case.data.tree)]
    alike_targets = [case.data for case in targets.cases if _equally_long(case.data.tree)]
    table = one.smallest
    logits, _ = soft_bellman(table.tree, table.weights)
    held = sum(map(_proposition_1, alike)) + sum(map(_proposition_2, alike_targets))
    x = table.tree.starts[-1]
    problem = two.smallest
    chosen = (Fraction(1, 3),) * 3, (Fraction(8, 10), Fraction(1, 10), Fraction(1, 10))
    three = Problem(problem.tree, chosen)
    six = Tree(tuple(_prompts(2)), 2, 3)
    n = len(responses(2, 3))
    minima = [*_minima("at the second", problem)], [*_minima("there, ρ = (1/3,1/3,1/3) and (.8,.1,.1)", three)]
    names = [what.rpartition(": ")[2].strip() for what, _ in minima[1]]
    apart = BarsPicture(
        "Three minima that should be one (at the second, with the other ρ)",
        tuple(
            Bar(name, number, wrong=number != minima[1][-1][1])
            for name, (_, number) in zip(names, minima[1], strict=True)
        ),
        wrong="not H(Y|X), as printed",
    )
    return Finding(
        (
            (f"p_R(EOS|{_text(x)})", float(energy_based(table.weights, x, table.responses)[1][(EOS,)])),
            (f"p_q(EOS|{_text(x)})", float(autoregressive(table.tree, logits, x, (EOS,)))),
            ("terminal rewards that B.3 puts on one pair there", _doubly_rewarded(table.tree)),
            *minima[0],
            *minima[1],
            ("parameters of p_R there", f"{_freedom(problem.tree)}, needed {len(chosen) * 2}"),
            ("V = 2, U = 3, T = 3, all six prompts", f"{_freedom(six)}, needed {len(six.starts) * (n - 1)}"),
            ("prompts of one length: cases where both hold", f"{held} of {len(alike) + len(alike_targets)}"),
        ),
        (one, two),
        holds=held == len(alike) + len(alike_targets),
        remark="(BOS,1)⊕1 and (BOS,1,1) are one string, so that one prompt's prefix is another prompt. With U ≤ 2 all "
        "prompts have one length, and nothing is shared. min_r L^EBM is computed by convex minimisation; it is printed "
        "as far as a feasible p of the dual problem confirms it from below.",
        pictures=(_sharing(table), apart),
    )


def _sharing(table: Table) -> TreePicture:
    """Draw one prompt after the other, the strings that they share, and what the one forbids to the other."""
    tree = table.tree
    logits, _ = soft_bellman(tree, table.weights)
    right = {x: energy_based(table.weights, x, table.responses)[1] for x in tree.starts}
    each = [Tree((x,), tree.vocab, tree.steps) for x in tree.starts]
    roots = [
        root
        for one in each
        for root in grown(
            one,
            labels=lambda pair: (table.written("r", pair),),
            cells=lambda x, y: (cell(right[x][y]), cell(autoregressive(tree, logits, x, y), right[x][y])),
            odd=lambda pair: "" if pair[1] in tree.actions(pair[0]) else "forbidden: this is s_T of another prompt",
            shared=lambda state: "a string of both prompts" if all(state in one.known for one in each) else "",
            name=_text,
        )
    ]
    return TreePicture("States as strings: what two prompts share", tuple(roots), ("p_R(y|x)", "p_q(y|x)"))


def _equally_long(tree: Tree) -> bool:
    return len({len(x) for x in tree.starts}) == 1


def _doubly_rewarded(tree: Tree) -> str:
    """The (prompt, response)s whose last pair is one and the same, for two prompts or more."""
    ends: dict[Pair, list[str]] = {}
    for x in tree.starts:
        for y in responses(tree.vocab, tree.steps):
            ends.setdefault(((*x, *y[:-1]), EOS), []).append(f"R({_text(x)}, {' '.join(map(str, y))})")
    return "; ".join(" and ".join(names) for names in ends.values() if len(names) > 1)


def _minima(where: str, problem: Problem) -> list[tuple[str, float]]:
    lower, upper = problem.ebm_minimum()
    # Six digits are printed, so the bounds must agree on them; upper < lower by more than the rounding of their sums,
    # of at most 14 terms below 3 in some 100 operations, would be an error.
    if upper - lower > 5e-7 or upper < lower - 100 * 14 * 3 * 2.0**-53:
        raise NothingFound(f"the bounds on min_r L^EBM are {lower} and {upper}, too far apart to print six digits.")
    return [
        (f"{where}: min_q L^ARM", float(problem.arm_minimum())),
        ("    min_r L^EBM(R_r)", upper),
        ("    min_R L^EBM(R) = H(Y|X)", float(problem.entropy)),
    ]


STRINGS: Final = (
    Erratum(
        id="E4",
        place="Section 2.2 and A.1: S; “for all x ∈ X” in Propositions 1 and 2",
        grade=Grade.SETTING,
        title="States as strings: a prefix of one prompt is another prompt",
        printed="States are strings of tokens, and Propositions 1 and 2 hold for all x ∈ X.",
        trouble="Prompts of different lengths share states, at different times. Then (3) at s_2 of one prompt forbids "
        "what the other needs; B.3's terminal reward would have to be two numbers; and even if EOS is forced by time "
        "alone, Propositions 1 and 2, (5) and A.8 fail.",
        repair="States are pairs (x, y_<t). (Or a separator token after the prompt, or prompts none of which begins "
        "another.)",
        find=_e4,
    ),
)
