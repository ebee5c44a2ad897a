"""E7 and E19: how far two policies can be apart."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Final

from proofs_check.errata.erratum import Erratum, Finding, Grade
from proofs_check.errata.exact_numbers import Logs, kl
from proofs_check.errata.pictures import Cell, CurvesPicture, Series, TreePicture, cell, grown
from proofs_check.errata.search import Case, Grid, at_most, choices, search
from proofs_check.errata.trees import (
    Pair,
    Response,
    State,
    Tree,
    autoregressive,
    prompt_names,
    responses,
    show_pair,
    steps,
)
from tabular_bellman.bounds import kappa

__all__ = ["DIVERGENCES"]


# -- E7 ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pairing:
    """Two tables of logits for one prompt, by their weights."""

    tree: Tree
    student: dict[Pair, Fraction]
    target: dict[Pair, Fraction]

    def policy(self, which: dict[Pair, Fraction], state: State) -> list[Fraction]:
        """π(·|s)."""
        weights = [which[state, a] for a in self.tree.actions(state)]
        return [w / sum(weights) for w in weights]

    def probabilities(self, which: dict[Pair, Fraction]) -> dict[Response, Fraction]:
        """p(y|x) of every response."""
        tree = self.tree
        among = responses(tree.vocab, tree.steps)
        return {y: Fraction(autoregressive(tree, which, tree.starts[0], y)) for y in among}

    def whole(self) -> Logs:
        """KL(p_q, p_q*), over responses."""
        return kl(self.probabilities(self.student).values(), self.probabilities(self.target).values())

    def by_steps(self, of: dict[Pair, Fraction], to: dict[Pair, Fraction], visits: dict[Pair, Fraction]) -> Logs:
        """Σ_t E KL(π_of(·|S_t), π_to(·|S_t)), S_t as the policy `visits` makes it."""
        chances = self.probabilities(visits)
        total = Logs()
        for state in self.tree.states:
            seen = state[1:]
            mass = sum((p for y, p in chances.items() if y[: len(seen)] == seen), start=Fraction(0))
            total += kl(self.policy(of, state), self.policy(to, state)).times(mass)
        return total


def _pairing_grid(most: int) -> Grid[Pairing]:
    cases = []
    for V, T in ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2)):
        tree = Tree(prompt_names(1), V, T)
        # A forced action has no choice of logit that matters.
        free = [(s, a) for s, a in tree.pairs if len(tree.actions(s)) > 1]
        for chosen in choices(2 * len(free), most):
            tables = []
            for offset in (0, len(free)):
                raised = {free[i - offset] for i in chosen if offset <= i < offset + len(free)}
                tables.append({pair: Fraction(3 if pair in raised else 1) for pair in tree.pairs})
            names = [f"{'q' if i < len(free) else 'q*'}({show_pair(free[i % len(free)])}) = log 3" for i in chosen]
            words = ", ".join(names) + ", other logits 0" if names else "q = q* = 0"
            cases.append(Case(1, V, T, len(chosen), words, Pairing(tree, tables[0], tables[1])))
    words = (
        "1 prompt; V=1, T ≤ 3; V=2, T ≤ 2; logits 0 or log 3, so that with two actions π is 1/4, 1/2 or 3/4; at most "
        f"{most} of them log 3"
    )
    return Grid(words, tuple(cases))


def _e7() -> Finding:
    found = search(
        "KL(p_q, p_q*) = Σ_t E_{S_t ~ p_q*} KL(π_q*, π_q)",
        _pairing_grid(4),
        lambda pair: not (pair.whole() - pair.by_steps(pair.target, pair.student, pair.target)).parts,
        lambda pair: not (pair.whole() - pair.by_steps(pair.student, pair.target, pair.student)).parts,
    )
    pair = found.smallest
    x = pair.tree.starts[0]
    whole, right = pair.whole(), pair.by_steps(pair.student, pair.target, pair.student)
    printed = pair.by_steps(pair.target, pair.student, pair.target)
    p, p_target = pair.probabilities(pair.student), pair.probabilities(pair.target)
    picture = TreePicture(
        "Two policies, and the divergence of which from which",
        grown(
            pair.tree,
            labels=lambda at: (f"q = {_log(pair.student[at])}", f"q* = {_log(pair.target[at])}"),
            cells=lambda _, y: (cell(p[y]), cell(p_target[y])),
        ),
        ("p_q(y|x)", "p_q*(y|x)"),
        (
            ("KL(p_q, p_q*)", (cell(whole), None)),
            ("the sum as printed", (Cell(float(printed), bool((printed - whole).parts)), None)),
            ("the sum as it holds", (cell(right), None)),
        ),
    )
    return Finding(
        (
            ("π_q(EOS|x)", pair.policy(pair.student, x)[0]),
            ("π_q*(EOS|x)", pair.policy(pair.target, x)[0]),
            ("KL(p_q, p_q*)", float(whole)),
            ("the sum as printed", float(printed)),
            ("the sum as it holds", float(right)),
        ),
        (found,),
        remark="The bound of Proposition 3 stands: Lemma 1 is symmetric in its two arguments.",
        pictures=(picture,),
    )


def _log(weight: Fraction) -> str:
    """Write a logit of the grid, which is 0 or the logarithm of an integer."""
    return "0" if weight == 1 else f"log {weight}"


# -- E19 -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Apart:
    """Two tables of logits, by the policy of the first and how much lower the second's logits are."""

    tree: Tree
    policy: dict[State, dict[Hashable, Fraction]]
    lower: dict[Pair, int]

    @property
    def distance(self) -> int:
        """max |q - q'| over the allowed pairs."""
        return max(map(abs, self.lower.values()), default=0)

    @property
    def free_steps(self) -> int:
        """How many steps offer a choice."""
        return self.tree.steps - 1

    def probabilities(self) -> tuple[dict[Response, float], dict[Response, float]]:
        """p_q(y|x) and p_q'(y|x) of every response."""
        (x,) = self.tree.starts
        first, second = {}, {}
        for y in responses(self.tree.vocab, self.tree.steps):
            first[y] = second[y] = 1.0
            for state, action in steps(x, y):
                policy = self.policy[state]
                lowered = {a: float(p) * math.exp(-self.lower.get((state, a), 0)) for a, p in policy.items()}
                first[y] *= float(policy[action])
                second[y] *= lowered[action] / math.fsum(lowered.values())
        return first, second

    def divergence(self) -> float:
        """KL(p_q, p_q'), over responses."""
        (x,) = self.tree.starts
        total = 0.0
        for y in responses(self.tree.vocab, self.tree.steps):
            chance, log_ratio = Fraction(1), 0.0
            for t, action in enumerate(y):
                state = (*x, *y[:t])
                policy = self.policy[state]
                chance *= policy[action]
                # log π/π' = h(a) + log Σ π exp(-h), with h how much lower the second is.
                terms = [float(p) * math.exp(-self.lower.get((state, a), 0)) for a, p in policy.items()]
                log_ratio += self.lower.get((state, action), 0) + math.log(math.fsum(terms))
            total += float(chance) * log_ratio
        return total


# At most 3 responses of 3 steps each, and log-ratios up to 3·(4 + 4 + log 2) < 27: below 1000 roundings of 27·2**-53.
_ROUNDING: Final = 1000 * 27 * 2.0**-53


def _apart_grid() -> Grid[Apart]:
    cases = []
    quarters = [Fraction(2, 4), Fraction(1, 4), Fraction(3, 4)]
    for T in (1, 2, 3):
        tree = Tree(prompt_names(1), 1, T)
        free = [(s, a) for s, a in tree.pairs if len(tree.actions(s)) > 1]
        inner = [s for s in tree.states if len(tree.actions(s)) > 1]
        for chosen in choices(len(free), 4):
            for epsilon, stops in product((1, 2, 3, 4) if chosen else (0,), product(quarters, repeat=len(inner))):
                for signs in product((1, -1), repeat=len(chosen)):
                    lower = {free[i]: sign * epsilon for i, sign in zip(chosen, signs, strict=True)}
                    policy = {s: _policy(tree, s, dict(zip(inner, stops, strict=True))) for s in tree.states}
                    facts = [f"π_q(EOS|{'⊕'.join(map(str, s))}) = {p}" for s, p in zip(inner, stops, strict=True)]
                    facts += [f"(q-q')({show_pair(pair)}) = {h}" for pair, h in lower.items()]
                    in_words = ", ".join(facts) or "nothing to choose"
                    cases.append(Case(1, 1, T, len(chosen), in_words, Apart(tree, policy, lower)))
    words = "1 prompt, V = 1, T ≤ 3; π_q(EOS) in {1/2, 1/4, 3/4}; q-q' in {0, ε, -ε} with ε in {1, 2, 3, 4}"
    return Grid(words, tuple(cases))


def _policy(tree: Tree, state: State, stops: dict[State, Fraction]) -> dict[Hashable, Fraction]:
    actions = tree.actions(state)
    if len(actions) == 1:
        return {actions[0]: Fraction(1)}
    return {actions[0]: stops[state], actions[1]: 1 - stops[state]}


def _within(bound: Callable[[Apart], float]) -> Callable[[Apart], bool]:
    # Equal logits have equal policies, and 0 ≤ 0 needs no arithmetic.
    return lambda apart: apart.distance == 0 or at_most(apart.divergence(), bound(apart), _ROUNDING)


def _sharp(apart: Apart) -> float:
    """(T-1) κ(ε), and no more than the paper's 2Tε."""
    sharp = apart.free_steps * float(kappa(float(apart.distance)))
    return min(sharp, 2.0 * apart.tree.steps * apart.distance)


def _equal_steps(epsilon: float, n: int) -> float:
    """KL of n tokens from two, logits ε apart, over all 2^n responses; each step's policy the worst for one step."""
    p = 1.0 / (1.0 - math.exp(-2.0 * epsilon)) - 0.5 / epsilon
    partition = math.log(p * math.exp(-epsilon) + (1.0 - p) * math.exp(epsilon))
    total = 0.0
    for ups in product((True, False), repeat=n):
        chance = math.prod(p if up else 1.0 - p for up in ups)
        total += chance * math.fsum((epsilon if up else -epsilon) + partition for up in ups)
    return total


def _e19() -> Finding:
    from scipy.optimize import brentq

    found = search(
        "KL(p_q, p_q') ≤ max |q - q'|", _apart_grid(), _within(lambda apart: apart.distance), _within(_sharp)
    )
    apart = found.smallest
    p, other = apart.probabilities()
    picture = TreePicture(
        "Logits this far apart, and the divergence is larger",
        grown(
            apart.tree,
            labels=lambda at: (f"π = {apart.policy[at[0]][at[1]]}", f"q-q' = {apart.lower.get(at, 0)}"),
            cells=lambda _, y: (cell(p[y]), cell(other[y])),
        ),
        ("p_q(y|x)", "p_q'(y|x)"),
        (
            ("KL(p_q, p_q')", (cell(apart.divergence()), None)),
            ("max |q-q'|, as printed", (Cell(apart.distance, apart.divergence() > apart.distance), None)),
            ("(T-1) κ(ε)", (cell(_sharp(apart)), None)),
        ),
    )
    grid = [k / 8 for k in range(1, 41)]
    curves = CurvesPicture(
        "The largest divergence of one free step, and the distance itself",
        "ε, the distance of the logits",
        "nats",
        (
            Series("κ(ε)", tuple((e, float(kappa(e))) for e in grid)),
            Series("ε, as printed", tuple((e, e) for e in grid)),
        ),
    )
    four = _equal_steps(0.6, 4)
    crossing = {n: brentq(lambda e, n=n: n * float(kappa(e)) - e, 1e-3, 10.0, xtol=1e-14) for n in (1, 4)}
    return Finding(
        (
            ("KL(p_q, p_q')", apart.divergence()),
            ("max |q - q'|", apart.distance),
            ("κ(4), the largest KL of one free step at ε = 4", float(kappa(4.0))),
            ("one free step: κ(ε) > ε for ε above", crossing[1]),
            ("four free steps: 4κ(ε) > ε for ε above", crossing[4]),
            ("KL of four tokens of a fixed length 4, each drawn so, at ε = 0.6", four),
            ("    4 κ(0.6)", 4.0 * float(kappa(0.6))),
        ),
        (found,),
        holds=0.6 < four <= 4.0 * float(kappa(0.6)) + _ROUNDING,
        remark="κ(ε) = ε coth ε - 1 + log(sinh ε/ε). As read off the curves of C.5, there it holds. Four free "
        "steps come as near to 4κ as one likes when V ≥ 2; 4κ is reached with responses of one length.",
        pictures=(picture, curves),
    )


DIVERGENCES: Final = (
    Erratum(
        id="E7",
        place="B.4",
        grade=Grade.INDEXING,
        title="Which divergence, along which path",
        printed="KL(p_q, p_q*) = Σ_t E_{S_t ~ p_q*} KL(π_q*, π_q).",
        trouble="The sum is KL(p_q*, p_q). The last equality of B.4 swaps the arguments again, and takes the maximum "
        "over S for that over S(x).",
        repair="KL(π_q, π_q*) with S_t ~ p_q, and the maximum over S(x).",
        find=_e7,
    ),
    Erratum(
        id="E19",
        place="C.5",
        grade=Grade.HYPOTHESIS,
        title="Divergence and distance of logits without the factor",
        printed="The divergence is at most the largest absolute distance of the logits, without the factor 2T.",
        repair="KL ≤ n κ(ε) ≤ 2Tε, n the number of free steps: T-1 if EOS is forced at the last one, T if responses "
        "have one length, as in Appendix C.",
        find=_e19,
    ),
)
