"""E8 and E13: what is true as printed, and says less than it seems."""

import math
from typing import Final

from proofs_check.errata.erratum import Erratum, Finding, Grade
from proofs_check.errata.pictures import Bar, BarsPicture, TreePicture, cell, grown
from proofs_check.errata.theorems import tree_longest
from proofs_check.errata.trees import State, Table, Tree, energy_based, prompt_names, reward_grid, steps, weight_of
from tabular_bellman import EOS

__all__ = ["REMARKS"]


# -- E8 ------------------------------------------------------------------------------------------------------------


def _loss_is_zero_sometimes(table: Table) -> tuple[bool, bool]:
    """Whether ℓ(x, y) = A - R = 0 for some x and y, and whether p(y|x) = 1 for some."""
    zero = one = False
    for x in table.tree.starts:
        total, p = energy_based(table.weights, x, table.responses)
        zero = zero or any(total == weight_of(table.weights, x, y) for y in table.responses)
        one = one or any(p[y] == 1 for y in table.responses)
    return zero, one


def _e8() -> Finding:
    tables = [case.data for case in reward_grid("r").cases]
    larger = [table for table in tables if len(table.responses) > 1]
    outcomes = [_loss_is_zero_sometimes(table) for table in larger]
    single = [_loss_is_zero_sometimes(table) for table in tables if len(table.responses) == 1]
    smallest, bound, where = math.inf, 0.0, larger[0]
    for table in larger:
        for x in table.tree.starts:
            scores = [math.log(float(weight_of(table.weights, x, y))) for y in table.responses]
            loss = math.log(math.fsum(math.exp(s - max(scores)) for s in scores))
            if loss < smallest:
                span = max(scores) - min(scores)
                smallest, bound, where = loss, math.log1p((len(scores) - 1) * math.exp(-span)), table
    total, p = energy_based(where.weights, where.tree.starts[0], where.responses)
    picture = TreePicture(
        "The smallest loss of these cases, and it is not 0",
        grown(
            where.tree,
            labels=lambda pair: (where.written("r", pair),),
            cells=lambda x, y: (cell(p[y]), cell(math.log(float(total / weight_of(where.weights, x, y))))),
        ),
        ("p(y|x)", "ℓ(x, y)"),
        (("its bound, above 0", (None, cell(bound))),),
    )
    return Finding(
        (
            ("cases with |Y| ≥ 2, r in {0, 1}", len(larger)),
            ("    of them with ℓ = 0 for some y", sum(zero for zero, _ in outcomes)),
            ("    of them with p(y|x) = 1 for some y", sum(one for _, one in outcomes)),
            ("    the smallest ℓ among them", smallest),
            ("    its bound log(1 + (|Y|-1) exp(-span R))", bound),
            ("cases with |Y| = 1; with ℓ = 0 and p = 1", f"{len(single)}; {sum(z and o for z, o in single)}"),
        ),
        holds=not any(zero or one for zero, one in outcomes)
        and all(zero and one for zero, one in single)
        and smallest >= bound - 1e-12,
        remark="True as printed: for |Y| ≥ 2 and finite R neither side ever holds.",
        pictures=(picture,),
    )


# -- E13 -----------------------------------------------------------------------------------------------------------


def _sums(tree: Tree, states: list[State]) -> int:
    """How many log-sum-exps it takes to know V at these states and all below."""
    needed: set[State] = set()
    stack = states
    while stack:
        state = stack.pop()
        if state in tree.known and state not in needed:
            needed.add(state)
            stack += [(*state, a) for a in tree.actions(state) if a is not EOS]
    return len(needed)


def _e13() -> Finding:
    rows, bars = [], []
    for V, T in ((1, 4), (1, 8), (2, 4), (3, 4)):
        tree = Tree(prompt_names(1), V, T)
        (x,) = tree.starts
        # M needs V of all that is below x.  M⁻¹ needs V(s⊕a), of logits that are there: for each pair, or along one y.
        forward = _sums(tree, [(*x, a) for a in tree.actions(x) if a is not EOS])
        back = len([s for s, a in tree.pairs if a is not EOS])
        along = [s for s, _ in steps(x, tree_longest(tree))][1:]
        terms = sum(len(tree.actions(s)) for s in along)
        rows.append((f"V={V}, T={T}, V^T={V**T}", f"{forward}; {back}; {len(along)} ({terms} terms)"))
        bars += [Bar(f"V={V}, T={T}: all of q", forward), Bar("all of r", back), Bar("R_r at one y", len(along))]
    return Finding(
        (("log-sum-exps for", "all of q (or q at x); all of r; R_r(x, y) at one y"), *rows),
        remark="Both costs are right for what they count: R_r(x, y) of one response is cheap from q, while q at one "
        "state takes the whole tree below it. For full tables the two directions cost the same; and at V = 1 the "
        "cost is T - 1, not V^T = 1.",
        pictures=(BarsPicture("How many log-sum-exps it takes", tuple(bars), powers=True),),
    )


REMARKS: Final = (
    Erratum(
        id="E8",
        place="Section 4.1",
        grade=Grade.REMARK,
        title="A loss of 0",
        printed="ℓ(x, y) = 0 if and only if p(y|x) = 1.",
        repair="As printed; with |Y| ≥ 2 and finite rewards it says nothing, since ℓ ≥ log(1 + (|Y|-1) exp(-span R)) "
        "> 0.",
        find=_e8,
    ),
    Erratum(
        id="E13",
        place="Section 3.2 and A.9: O(VT) against O(V^T)",
        grade=Grade.REMARK,
        title="Two costs of two different things",
        printed="From ARM to EBM takes O(VT), from EBM to ARM O(V^T).",
        repair="O(VT) for R_r(x, y) at one y; O(Σ_{t<T} V^t) sums for q at one state, and for a full table in either "
        "direction.",
        find=_e13,
    ),
)
