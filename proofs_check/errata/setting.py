"""E1, E2, E3, E12, E27: which responses, states and pairs there are.  E4 has a module of its own."""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any, Final

from proofs_check.errata.descent import descent
from proofs_check.errata.erratum import Erratum, Finding, Grade
from proofs_check.errata.exact_numbers import Ratio, exp
from proofs_check.errata.pictures import Cell, TreePicture, cell, grown, listed
from proofs_check.errata.search import Case, Grid, search
from proofs_check.errata.trees import (
    Response,
    State,
    Table,
    Tree,
    autoregressive,
    energy_based,
    responses,
    reward_grid,
    soft_bellman,
    tokens,
)
from tabular_bellman import EOS

__all__ = ["SETTING"]


# -- E1 ------------------------------------------------------------------------------------------------------------


def _main_text(vocab: int, steps: int) -> list[Response]:
    """⋃_{t=1..T-1} V^t × EOS."""
    return [(*y, EOS) for n in range(1, steps) for y in product(tokens(vocab), repeat=n)]


def _appendix_a1(vocab: int, steps: int) -> list[Response]:
    """⋃_{t=1..T} V^t × EOS."""
    return [(*y, EOS) for n in range(1, steps + 1) for y in product(tokens(vocab), repeat=n)]


def _mass(table: Table, among: list[Response], start: State) -> Any:
    return sum(autoregressive(table.tree, table.weights, start, y) for y in among)


def _masses_are_one(which: Callable[[int, int], list[Response]]) -> Callable[[Table], bool]:
    def holds(table: Table) -> bool:
        among = which(table.tree.vocab, table.tree.steps)
        return not among or all(_mass(table, among, start) == 1 for start in table.tree.starts)

    return holds


def _without_bare_eos(table: Table, steps: int) -> bool:
    """The other repair: the edge (x, EOS) deleted, EOS forced at the last of `steps` steps; Section 1's Y."""
    tree = Tree(table.tree.starts, table.tree.vocab, steps, bare=False)
    deleted, among = Table(tree, table.ones), _main_text(tree.vocab, steps)
    return steps == 1 or all(_mass(deleted, among, start) == 1 for start in tree.starts)


def _e1() -> Finding:
    grid, proposition_4 = reward_grid("q"), _masses_are_one(responses)
    main = search(
        "Σ p_q(y|x) = 1 over Section 1's Y, where it is not empty",
        grid,
        _masses_are_one(_main_text),
        lambda table: proposition_4(table) and _without_bare_eos(table, table.tree.steps),
    )
    # A.1's Y is Section 1's for T+1.
    a1 = search(
        "Σ p_q(y|x) = 1 over A.1's Y",
        grid,
        _masses_are_one(_appendix_a1),
        lambda table: proposition_4(table) and _without_bare_eos(table, table.tree.steps + 1),
    )
    table = main.smallest
    start, among = table.tree.starts[0], _main_text(table.tree.vocab, table.tree.steps)
    _, values = soft_bellman(table.tree, table.weights)
    partition, _ = energy_based(table.weights, start, among)
    stop = autoregressive(table.tree, table.weights, start, (EOS,))
    smaller = a1.smallest
    picture = TreePicture(
        "The bare EOS has mass, and is no response of Section 1",
        grown(
            table.tree,
            labels=lambda pair: (table.written("q", pair),),
            cells=lambda x, y: (cell(autoregressive(table.tree, table.weights, x, y)),),
            odd=lambda pair: "no response of Section 1" if pair == (start, EOS) else "",
        ),
        ("p_q(y|x)",),
        (
            ("Σ over Section 1's Y", (cell(_mass(table, among, start), 1),)),
            ("Σ over Proposition 4's", (cell(_mass(table, table.responses, start), 1),)),
        ),
    )
    return Finding(
        (
            ("Σ p_q(y|x) over the main text's Y", float(_mass(table, among, start))),
            ("π(EOS|x), the mass that is missing", float(stop)),
            ("with r = q: A(x) over that Y", math.log(float(partition))),
            ("            V(x) by the recursion", math.log(float(values[start]))),
            (
                "Σ p_q(y|x) over A.1's Y at its own smallest",
                float(_mass(smaller, _appendix_a1(smaller.tree.vocab, smaller.tree.steps), smaller.tree.starts[0])),
            ),
        ),
        (main, a1),
        remark="At T = 1 the main text's Y is empty; the search takes that for excluded.",
        pictures=(picture,),
    )


# -- E2 ------------------------------------------------------------------------------------------------------------


def _same_probabilities(table: Table, last_logit: Ratio | None) -> bool:
    logits, _ = soft_bellman(table.tree, table.weights, last_logit=last_logit)
    for start in table.tree.starts:
        _, p = energy_based(table.weights, start, table.responses)
        if any(p[y] != autoregressive(table.tree, logits, start, y) for y in table.responses):
            return False
    return True


def _same_partition(table: Table, last_logit: Ratio | None) -> bool:
    _, values = soft_bellman(table.tree, table.weights, last_logit=last_logit)
    return all(energy_based(table.weights, x, table.responses)[0] == values[x] for x in table.tree.starts)


def _e2() -> Finding:
    grid = reward_grid("r")
    probabilities = search(
        "p_{R_r} = p_q, with q = M(r) but for q(s_T, EOS) = 0",
        grid,
        lambda table: _same_probabilities(table, exp(0)),
        lambda table: _same_probabilities(table, None),
    )
    partition = search(
        "A_{R_r}(x) = V_q(x), with q = M(r) but for q(s_T, EOS) = 0",
        grid,
        lambda table: _same_partition(table, exp(0)),
        lambda table: _same_partition(table, None),
    )
    table = probabilities.smallest
    start = table.tree.starts[0]
    logits, values = soft_bellman(table.tree, table.weights, last_logit=exp(0))
    total, p = energy_based(table.weights, start, table.responses)
    longest = table.responses[-1]
    small = partition.smallest
    x = small.tree.starts[0]
    picture = TreePicture(
        "The last reward is lost where q(s_T, EOS) = 0",
        grown(
            table.tree,
            labels=lambda pair: (table.written("r", pair), f"q = {math.log(float(logits[pair])):.4g}"),
            cells=lambda start, y: (cell(p[y]), cell(autoregressive(table.tree, logits, start, y), p[y])),
            odd=lambda pair: "0, as (3) has it" if pair[0] in table.tree.last else "",
        ),
        ("p_R(y|x)", "p_q(y|x)"),
        (("A_R(x), and V_q(x)", (_log(total), _log(values[start], total))),),
    )
    return Finding(
        (
            (f"p_R({_show(longest)}|x)", float(p[longest])),
            (f"p_q({_show(longest)}|x)", float(autoregressive(table.tree, logits, start, longest))),
            ("A_R(x)", math.log(float(total))),
            ("V_q(x)", math.log(float(values[start]))),
            ("at the second: A_R(x)", math.log(float(energy_based(small.weights, x, small.responses)[0]))),
            (
                "               V_q(x)",
                math.log(float(soft_bellman(small.tree, small.weights, last_logit=exp(0))[1][x])),
            ),
        ),
        (probabilities, partition),
        remark="Setting q(s_T, EOS) to 0 after the recursion is harmless: it is a shift of all logits at s_T.",
        pictures=(picture,),
    )


def _log(weight: Any, right: Any = None) -> Cell:
    return Cell(math.log(float(weight)), right is not None and weight != right)


def _show(response: Response) -> str:
    return " ".join(str(action) for action in response)


# -- E3 ------------------------------------------------------------------------------------------------------------


def _sums_to_one(table: Table, forced: bool) -> bool:
    tree = Tree(table.tree.starts, table.tree.vocab, table.tree.steps, forced=forced)
    return all(sum(autoregressive(tree, table.weights, x, y) for y in table.responses) == 1 for x in tree.starts)


def _e3() -> Finding:
    grid = reward_grid("q", lambda tree: tree.every_pair)
    found = search(
        "Σ p_q(y|x) = 1 for q: S×A → R",
        grid,
        lambda table: _sums_to_one(table, False),
        lambda table: _sums_to_one(table, True),
    )
    table = found.smallest
    start = table.tree.starts[0]
    free = Tree(table.tree.starts, table.tree.vocab, table.tree.steps, forced=False)
    falling = descent(free, start, {(EOS,): Fraction(1)})
    leaking = TreePicture(
        "A token at the last step takes mass away",
        grown(
            free,
            labels=lambda pair: (table.written("q", pair),),
            cells=lambda x, y: (cell(autoregressive(free, table.weights, x, y)),),
            odd=lambda pair: "" if pair[1] is EOS else "too long: no response",
        ),
        ("p_q(y|x)",),
        (("Σ over the responses", (cell(_mass(Table(free, table.ones), table.responses, start), 1),)),),
    )
    return Finding(
        (
            ("Σ p_q(y|x)", float(sum(autoregressive(free, table.weights, start, y) for y in table.responses))),
            (f"L^ARM for ρ(EOS|x) = 1, {falling.difference}", falling.risk),
            ("    its derivative, negative for every real d", falling.slope),
            ("    its limit, which no q attains", falling.limit),
        ),
        (found,),
        remark="V_q(s_T⊕v) would be needed too, and s_T⊕v is no state.",
        pictures=(leaking, falling.picture),
    )


# -- E12 -----------------------------------------------------------------------------------------------------------


def _strings(vocab: int, lengths: range) -> set[State]:
    """{BOS} × ⋃_{t in lengths} V^t."""
    return {("BOS", *y) for t in lengths for y in product(tokens(vocab), repeat=t)}


def _bos_is_a_prompt(size: tuple[int, int, int], shortest: int) -> bool:
    U, V, T = size
    prompts, states = _strings(V, range(shortest, U)), _strings(V, range(shortest, U + T - 1))
    return ("BOS",) in prompts and ("BOS",) in states


def _e12() -> Finding:
    sizes = [(U, V, T) for U in (2, 3) for V in (1, 2) for T in (1, 2, 3)]
    cases = sorted(
        (Case(len(_strings(V, range(1, U))), V, T, 0, f"U = {U}", (U, V, T)) for U, V, T in sizes),
        key=lambda case: case.size,
    )
    grid = Grid("U = 2, 3, V ≤ 2, T ≤ 3; the sets X and S written out", tuple(cases))
    found = search(
        "C.3's prompt x = BOS is in X, and in S",
        grid,
        lambda size: _bos_is_a_prompt(size, 1),
        lambda size: _bos_is_a_prompt(size, 0),
    )
    U, V, T = found.smallest
    prompts, states = _strings(V, range(1, U)), _strings(V, range(1, U + T - 1))
    picture = listed(
        "BOS alone, and what X and S hold as printed",
        ("in X", "in S"),
        [
            (_one(s), [Cell("yes" if s in among else "no", s == ("BOS",)) for among in (prompts, states)])
            for s in sorted({("BOS",), *prompts, *states}, key=len)
        ],
    )
    return Finding(
        (
            ("X", _written(prompts)),
            ("S", _written(states)),
            ("X with t from 0", _written(_strings(V, range(U)))),
        ),
        (found,),
        pictures=(picture,),
    )


def _written(strings: set[State]) -> str:
    return "{" + ", ".join(_one(s) for s in sorted(strings, key=len)) + "}"


def _one(string: State) -> str:
    return "(" + ",".join(map(str, string)) + ")"


# -- E27 -----------------------------------------------------------------------------------------------------------


def _closed(table: Table) -> bool:
    """Every allowed action leads to a state."""
    return all((*state, action) in table.tree.known for state, action in table.tree.pairs)


def _closed_with_a_terminal(table: Table) -> bool:
    """Every allowed action leads to a state or, by EOS, to one terminal state of weight 1, and exp V(x) = Z(x)."""
    tree, end = table.tree, ("end",)
    values: dict[State, Any] = {end: 1}
    for state in sorted(tree.states, key=len, reverse=True):
        onward = {a: end if a is EOS else (*state, a) for a in tree.actions(state)}
        if any(child not in values for child in onward.values()):
            return False
        values[state] = sum(table.weights[state, a] * values[child] for a, child in onward.items())
    return all(values[x] == energy_based(table.weights, x, table.responses)[0] for x in tree.starts)


def _e27() -> Finding:
    found = search("s⊕a ∈ S for every allowed action a", reward_grid("r"), _closed, _closed_with_a_terminal)
    tree = found.smallest.tree
    leaving = [(s, a) for s, a in tree.pairs if (*s, a) not in tree.known]
    larger = Tree((("x",),), 2, 3)
    outside = sum((*s, a) not in larger.known for s, a in larger.pairs)
    pictures = (
        _leaving("Where EOS leads is no state", tree),
        _leaving("The same for every response, at V = 2 and T = 3", larger),
    )
    return Finding(
        (
            ("pairs whose s⊕a is not in S", ", ".join(f"({'⊕'.join(map(str, s))}, {a})" for s, a in leaving)),
            ("their number at V = 2, T = 3: one for each response", outside),
        ),
        (found,),
        pictures=pictures,
    )


def _leaving(title: str, tree: Tree) -> TreePicture:
    return TreePicture(
        title, grown(tree, odd=lambda pair: "" if (*pair[0], pair[1]) in tree.known else "leads to no state")
    )


SETTING: Final = (
    Erratum(
        id="E1",
        place="Section 1 and A.1, against Proposition 4",
        grade=Grade.SETTING,
        title="Which responses there are: the bare EOS",
        printed="Section 1 has Y = ⋃_{t=1..T-1} V^t × EOS and A.1 has Y = ⋃_{t=1..T} V^t × EOS.",
        trouble="Both leave out the response that is EOS alone, while the logit q(x, EOS) is a real number: p_q gives "
        "mass to it.",
        repair="Y = ⋃_{τ=1..T} V^{τ-1} × EOS, as in Proposition 4. (Or, for Section 1's Y, delete the edge (x, EOS); "
        "for A.1's, force EOS at step T+1 besides.)",
        find=_e1,
    ),
    Erratum(
        id="E2",
        place="Equations (3) and (6), B.3, C.3",
        grade=Grade.SETTING,
        title="EOS at the last step: free, not 0",
        printed="By (6) the map gives q(s_T, EOS) = r(s_T, EOS); by (3) it is 0.",
        trouble="Both hold only where r(s_T, EOS) = 0. The terminal rewards of B.3 and C.3 are not 0 there either.",
        repair="q(s_T, EOS) is any real number; only the tokens are forbidden at s_T.",
        find=_e2,
    ),
    Erratum(
        id="E3",
        place="Sections 2.2 and 3.2: q, r: S×A → R",
        grade=Grade.SETTING,
        title="Tokens at the last step have no real logit",
        printed="Rewards and logits are real functions on all of S×A.",
        trouble="A real q(s_T, v) leaks mass to responses that are too long.",
        repair="r and q are real functions on the allowed pairs, R^E; what is forbidden is absent, that is -∞.",
        find=_e3,
    ),
    Erratum(
        id="E12",
        place="Section 1: X and S, against C.3",
        grade=Grade.INDEXING,
        title="BOS alone is a prompt",
        printed="X = {BOS} × ⋃_{t=1..U-1} V^t and S = {BOS} × ⋃_{t=1..U+T-2} V^t.",
        trouble="Neither has BOS alone, which is the only prompt in C.3.",
        repair="Both unions from t = 0.",
        find=_e12,
    ),
    Erratum(
        id="E27",
        place="Sections 3.3 and 3.4",
        grade=Grade.SETTING,
        title="Where EOS leads",
        printed="s⊕EOS is a next state, and x⊕(…EOS) a node of the graph.",
        trouble="Neither is in S.",
        repair="Add one absorbing terminal state, with V = 0.",
        find=_e27,
    ),
)
