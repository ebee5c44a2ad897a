"""E9, E10, E11: Appendices A.1, A.9, A.11."""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any, Final

from proofs_check.errata.erratum import Erratum, Finding, Grade
from proofs_check.errata.pictures import Cell, TreePicture, cell, grown
from proofs_check.errata.search import search
from proofs_check.errata.theorems import Target, target_grid
from proofs_check.errata.trees import (
    Response,
    State,
    Table,
    Tree,
    energy_based,
    responses,
    reward_grid,
    soft_bellman,
    steps,
    tokens,
    weight_of,
)
from tabular_bellman import EOS

__all__ = ["APPENDIX"]


# -- E9 ------------------------------------------------------------------------------------------------------------


def _through_step(table: Table, start: State, step: int) -> Any:
    """Σ over the states s_t of α_t(s) β_t(s), with β = exp V."""
    _, values = soft_bellman(table.tree, table.weights)
    prefixes = product(tokens(table.tree.vocab), repeat=step - 1)
    return sum(weight_of(table.weights, start, y) * values[(*start, *y)] for y in prefixes)


def _ended_before(table: Table, start: State, step: int) -> Any:
    """Σ of the weights of the responses with |y| < t."""
    return sum(weight_of(table.weights, start, y) for y in table.responses if len(y) < step)


def _same_at_every_step(ended: bool) -> Callable[[Table], bool]:
    def holds(table: Table) -> bool:
        for x in table.tree.starts:
            total, _ = energy_based(table.weights, x, table.responses)
            for t in range(1, table.tree.steps + 1):
                mass = _through_step(table, x, t) + (_ended_before(table, x, t) if ended else 0)
                if mass != total:
                    return False
        return True

    return holds


def _all_sequences(table: Table, start: State) -> Any:
    """Σ over A^T of the product of ψ; ψ = 1 after EOS, where the text does not say."""
    total: Any = 0
    for sequence in product((EOS, *tokens(table.tree.vocab)), repeat=table.tree.steps):
        total = total + prod((table.weights.get(pair, 1) for pair in steps(start, sequence)), start=1)
    return total


def _allowed_sequences(table: Table, start: State) -> Any:
    """The same over sequences of allowed actions that stay at EOS once it came: an absorbing state."""
    tree = table.tree
    total: Any = 0
    for sequence in product((EOS, *tokens(tree.vocab)), repeat=tree.steps):
        ends = sequence.index(EOS) if EOS in sequence else len(sequence)
        going = list(steps(start, sequence))[: ends + 1]
        if set(sequence[ends:]) <= {EOS} and all(a in tree.actions(s) for s, a in going):
            total = total + prod((table.weights[pair] for pair in going), start=1)
    return total


def _partition_is(by: Callable[[Table, State], Any]) -> Callable[[Table], bool]:
    return lambda table: all(
        energy_based(table.weights, x, table.responses)[0] == by(table, x) for x in table.tree.starts
    )


def _e9() -> Finding:
    through = search(
        "Z = Σ_{s_t} α_t β_t at every t", reward_grid("r"), _same_at_every_step(False), _same_at_every_step(True)
    )
    over = search(
        "Z = Σ over A^T of Π ψ",
        reward_grid("r", lambda tree: tree.every_pair),
        _partition_is(_all_sequences),
        _partition_is(_allowed_sequences),
    )
    table, other = through.smallest, over.smallest
    x, steps_taken = table.tree.starts[0], table.tree.steps
    total, p = energy_based(table.weights, x, table.responses)
    still = sum(p[y] for y in table.responses if len(y) >= steps_taken)
    weights = {y: weight_of(table.weights, x, y) for y in table.responses}
    ended = TreePicture(
        f"What ended before t = {steps_taken} passes through no s_{steps_taken}",
        grown(
            table.tree,
            labels=lambda pair: (table.written("r", pair),),
            cells=lambda _, y: (cell(weights[y]), cell(weights[y] if len(y) >= steps_taken else 0, weights[y])),
            odd=lambda pair: "" if pair[1] is not EOS or len(pair[0]) == steps_taken else "ended before",
        ),
        ("e^R", f"α β at s_{steps_taken}"),
        (("Z, and the printed sum", (cell(total), cell(_through_step(table, x, steps_taken), total))),),
    )
    endless = TreePicture(
        "A^T goes on where nothing is allowed",
        grown(
            other.tree,
            labels=lambda pair: (other.written("r", pair),),
            cells=lambda start, y: (
                cell(weight_of(other.weights, start, y) if y in other.responses else 0),
                cell(prod(other.weights[pair] for pair in steps(start, y)), None if y in other.responses else 0),
            ),
            odd=lambda pair: "" if pair[1] in other.tree.actions(pair[0]) else "not allowed here",
            actions=lambda *_: (EOS, *tokens(other.tree.vocab)),
        ),
        ("e^R", "Π ψ"),
        (
            (
                "Z, and the printed sum",
                (
                    cell(energy_based(other.weights, x, other.responses)[0]),
                    cell(_all_sequences(other, x), energy_based(other.weights, x, other.responses)[0]),
                ),
            ),
        ),
    )
    return Finding(
        (
            ("Z", float(total)),
            (f"Σ over s_{steps_taken} of α β", float(_through_step(table, x, steps_taken))),
            (f"Z · P(|Y| ≥ {steps_taken})", float(total * still)),
            ("Σ over A^T of Π ψ", float(_all_sequences(table, x))),
            ("at the second: Z", float(energy_based(other.weights, x, other.responses)[0])),
            ("               Σ over A^T of Π ψ", float(_all_sequences(other, x))),
        ),
        (through, over),
        remark="Both hold for responses of one length, without EOS.",
        pictures=(ended, endless),
    )


# -- E10 -----------------------------------------------------------------------------------------------------------


def _bottom_up(table: Table, forced: bool) -> dict[State, Any]:
    """V(s_{T+1}) = 0, then log-sum-exps over all of A, or over what is allowed."""
    tree = Tree(table.tree.starts, table.tree.vocab, table.tree.steps, forced=forced)
    return soft_bellman(tree, table.weights)[1]


def _e10() -> Finding:
    found = search(
        "V_q(x) = A_{R_r}(x), with log-sum-exps over A and V(s_{T+1}) = 0",
        reward_grid("r", lambda tree: tree.every_pair),
        _partition_is(lambda table, x: _bottom_up(table, False)[x]),
        _partition_is(lambda table, x: _bottom_up(table, True)[x]),
    )
    table = found.smallest
    x = table.tree.starts[0]
    value, total = _bottom_up(table, False)[x], energy_based(table.weights, x, table.responses)[0]
    picture = TreePicture(
        "A token at the last step counts in V, and in no response",
        grown(
            Tree(table.tree.starts, table.tree.vocab, table.tree.steps, forced=False),
            labels=lambda pair: (table.written("r", pair),),
            cells=lambda start, y: (
                cell(weight_of(table.weights, start, y) if y in table.responses else 0),
                cell(weight_of(table.weights, start, y), None if y in table.responses else 0),
            ),
            odd=lambda pair: "" if pair[1] in table.tree.actions(pair[0]) else "not allowed here",
        ),
        ("in e^A", "in e^V"),
        (("A_R(x), and V_q(x)", (cell(math.log(float(total))), Cell(math.log(float(value)), value != total))),),
    )
    return Finding(
        (
            ("V_q(x), over all of A", math.log(float(value))),
            ("A_R(x)", math.log(float(total))),
        ),
        (found,),
        pictures=(picture,),
    )


# -- E11 -----------------------------------------------------------------------------------------------------------


def _given(target: Target, response: Response, event: Callable[[Response], bool], seen: int) -> Fraction:
    """P(event | the first `seen` tokens are those of the response); 0 where they have no chance."""
    alike = {y: c for y, c in target.chances.items() if y[:seen] == response[:seen]}
    mass = sum(alike.values(), start=Fraction(0))
    return sum((c for y, c in alike.items() if event(y)), start=Fraction(0)) / mass if mass else Fraction(0)


def _factored(target: Target, response: Response, seen: int) -> Fraction:
    """P(Y_≤τ = y_≤τ) · P(len = τ | the first `seen` tokens), with τ tokens before EOS."""
    tau = len(response) - 1
    begins = sum((c for y, c in target.chances.items() if y[:tau] == response[:tau]), start=Fraction(0))
    return begins * _given(target, response, lambda y: len(y) - 1 == tau, seen)


def _e11() -> Finding:
    # S_τ holds the first τ-1 tokens, S_{τ+1} the first τ; S_0 is nothing, so the empty response is left out.
    found = search(
        "P(Y = y) = P(Y_≤τ = y_≤τ) P(len = τ | S_τ) for every y with τ ≥ 1 tokens",
        target_grid(2, ((1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 3))),
        lambda target: all(_factored(target, y, len(y) - 2) == c for y, c in target.chances.items() if len(y) > 1),
        lambda target: all(_factored(target, y, len(y) - 1) == c for y, c in target.chances.items()),
    )
    target = found.smallest
    y, chance = next((y, c) for y, c in target.chances.items() if len(y) > 1 and _factored(target, y, len(y) - 2) != c)
    V, T = target.tree.vocab, target.tree.steps
    powers = [t for t in range(T + 1) if any(len(z) - 1 == t for z in responses(V, T))]
    longest = max(len(z) for z in ((*w, EOS) for w in product(tokens(V), repeat=T)))
    taken = target.conditionals
    picture = TreePicture(
        "The chance of a length, one token too early",
        grown(
            target.tree,
            labels=lambda pair: (f"ρ = {taken[pair]}",),
            # S_0 is nothing: of the empty response the printed product says nothing.
            cells=lambda _, z: (
                cell(target.chances[z]),
                cell(_factored(target, z, len(z) - 2), target.chances[z]) if len(z) > 1 else Cell("–"),
                cell(_factored(target, z, len(z) - 1)),
            ),
        ),
        ("P(Y = y)", "printed", "repaired"),
    )
    return Finding(
        (
            (f"P(Y = {' '.join(map(str, y))})", chance),
            ("P(Y_≤τ = y_≤τ) P(len = τ|S_τ)", _factored(target, y, len(y) - 2)),
            ("P(Y_≤τ = y_≤τ) P(len = τ|S_{τ+1})", _factored(target, y, len(y) - 1)),
            ("numbers τ of tokens that responses have (V^{≤T}: from 1)", ", ".join(map(str, powers))),
            (f"longest response in A.1's Y, EOS counted (T = {T})", longest),
        ),
        (found,),
        pictures=(picture,),
    )


APPENDIX: Final = (
    Erratum(
        id="E9",
        place="A.9",
        grade=Grade.SETTING,
        title="Partition by forward and backward weights, with EOS",
        printed="Z is the sum of Π ψ over A^T, and Σ_{s_t} α_t(s_t) β_t(s_t) for every t.",
        trouble="With EOS, responses that ended before t are missing from the second, and continued after their end in "
        "the first.",
        repair="Sum over allowed actions; add the mass that ended before t, or an absorbing state: "
        "Σ α β = Z · P(|Y| ≥ t). True as printed for responses of one length.",
        find=_e9,
    ),
    Erratum(
        id="E10",
        place="A.11, bottom-up pass",
        grade=Grade.SETTING,
        title="Only EOS at the last step",
        printed="V(s_{T+1}) = 0, and V(s_t) is the log-sum-exp over all of A of q(s_t, ·), at t = T too.",
        repair="At s_T only EOS is allowed: V(s_T) = r(s_T, EOS).",
        find=_e10,
    ),
    Erratum(
        id="E11",
        place="A.1",
        grade=Grade.INDEXING,
        title="The length, given one token more",
        printed="P(Y = y) = P(Y_≤τ = y_≤τ) P(len = τ | S_τ).",
        trouble="S_τ does not know y_τ yet. Also V^{≤T} leaves out the empty string although 0 ≤ τ; S lacks t = 0 and "
        "has t = T; and this Y has responses of length T+1.",
        repair="P(len = τ | S_{τ+1}); t from 0 to T-1.",
        find=_e11,
    ),
)
