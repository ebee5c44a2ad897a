"""E15, E16, E17, E24, E26: what can be computed about the experiments of Appendix C."""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any, Final

from proofs_check.errata.erratum import Erratum, Finding, Grade
from proofs_check.errata.exact_numbers import exp
from proofs_check.errata.pictures import Bar, BarsPicture, Cell, CurvesPicture, Series, TreePicture, cell, grown
from proofs_check.errata.search import Case, Grid, search
from proofs_check.errata.trees import (
    Pair,
    State,
    Table,
    Tree,
    Weights,
    autoregressive,
    energy_based,
    prompt_names,
    reward_grid,
    soft_bellman,
    weight_of,
)

__all__ = ["EXPERIMENTS"]

Vector = tuple[Fraction, ...]


# -- E15 -----------------------------------------------------------------------------------------------------------


def _as_printed(z: Vector) -> Vector:
    """z - ⟨z, 1⟩ 1."""
    return tuple(x - sum(z) for x in z)


def _centred(z: Vector) -> Vector:
    """z - ⟨z, 1⟩ 1 / n."""
    return tuple(x - sum(z, start=Fraction(0)) / len(z) for x in z)


def _ignores_shifts(c: Callable[[Vector], Vector]) -> Callable[[Vector], bool]:
    return lambda z: all(c(z) == c(tuple(x + shift for x in z)) for shift in (1, 2, -1))


def _e15() -> Finding:
    cases = []
    for n in (1, 2, 3, 4):
        vectors = [tuple(map(Fraction, z)) for z in product((0, 1, 2), repeat=n)]
        for z in sorted(vectors, key=lambda z: (sum(x != 0 for x in z), z)):
            cases.append(Case(1, n, 1, sum(x != 0 for x in z), f"z = {_vector(z)}", z))
    grid = Grid("one state with n ≤ 4 actions, of which V = n counts; z with entries 0, 1, 2", tuple(cases))
    found = search("c(z + 1) = c(z)", grid, _ignores_shifts(_as_printed), _ignores_shifts(_centred))
    z, example = found.smallest, (Fraction(1), Fraction(2))
    raised = tuple(x + 1 for x in z)
    bars = [
        Bar(f"{what}{_vector(v)}, entry {k}", float(entry), wrong=c(v) != c(z))
        for what, c in (("c", _as_printed), ("with 1/n, c", _centred))
        for v in (z, raised)
        for k, entry in enumerate(c(v), start=1)
    ]
    return Finding(
        (
            (f"c{_vector(z)}", _vector(_as_printed(z))),
            (f"c{_vector(tuple(x + 1 for x in z))}", _vector(_as_printed(tuple(x + 1 for x in z)))),
            (f"c{_vector(example)}", _vector(_as_printed(example))),
            (f"c{_vector(tuple(x + 1 for x in example))}", _vector(_as_printed(tuple(x + 1 for x in example)))),
            (f"with 1/n, c{_vector(example)}", _vector(_centred(example))),
        ),
        (found,),
        pictures=(BarsPicture("A constant added to z, and what centring makes of it", tuple(bars)),),
    )


def _vector(z: Vector) -> str:
    return "(" + ",".join(map(str, z)) + ")"


# -- E16 -----------------------------------------------------------------------------------------------------------


def _gaps(table: Table, logits: Weights, start: State) -> list[Any]:
    """exp of Σ_t q(s_t, y_t) - R_r(x, y), for every response."""
    return [weight_of(logits, start, y) / weight_of(table.weights, start, y) for y in table.responses]


def _before_is_zero(table: Table) -> bool:
    """Whether the centred sums agree: whether they differ by a constant."""
    logits, _ = soft_bellman(table.tree, table.weights)
    gaps = [_gaps(table, logits, x) for x in table.tree.starts]
    return all(gap == per_prompt[0] for per_prompt in gaps for gap in per_prompt)


def _after_is_zero(table: Table) -> bool:
    """Whether q = M(r), shifted at every state, and M(r) agree when centred at each state; and p_q = p_R."""
    logits, _ = soft_bellman(table.tree, table.weights)
    shifted = {(s, a): w * exp(1 + len(s)) for (s, a), w in logits.items()}
    for s in table.tree.states:
        ratios = [shifted[s, a] / logits[s, a] for a in table.tree.actions(s)]
        if any(ratio != ratios[0] for ratio in ratios):
            return False
    for x in table.tree.starts:
        _, p = energy_based(table.weights, x, table.responses)
        if any(autoregressive(table.tree, shifted, x, y) != p[y] for y in table.responses):
            return False
    return True


def _before(table: Table, logits: Weights) -> float:
    """max_y |c(R_r)(y) - c(Σ_t q)(y)|, c with 1/n."""
    gaps = [math.log(float(gap)) for gap in _gaps(table, logits, table.tree.starts[0])]
    return max(abs(gap - math.fsum(gaps) / len(gaps)) for gap in gaps)


def _e16() -> Finding:
    found = search(
        "equal distributions have distance 0 “before mapping”, for q = M(r)",
        reward_grid("r"),
        _before_is_zero,
        _after_is_zero,
    )
    table = found.smallest
    small, _ = soft_bellman(table.tree, table.weights)
    picture = TreePicture(
        "One distribution, at a distance from itself",
        grown(
            table.tree,
            labels=lambda pair: (f"r = {_log(table.weights[pair])}", f"q = {_log(small[pair])}"),
            cells=lambda x, y: (
                cell(energy_based(table.weights, x, table.responses)[1][y]),
                Cell(_log(weight_of(table.weights, x, y))),
                Cell(_log(weight_of(small, x, y))),
            ),
        ),
        ("p(y|x)", "R_r(x, y)", "Σ q"),
        (("distance before mapping", (None, None, Cell(_before(table, small), not _before_is_zero(table)))),),
    )
    larger = Table(Tree(prompt_names(1), 2, 3), frozenset())
    mapped, values = soft_bellman(larger.tree, larger.weights)
    normalised: dict[Pair, Any] = {(s, a): w / values[s] for (s, a), w in mapped.items()}
    (x,) = larger.tree.starts
    raised = {(s, a): w * exp(10) if s == (*x, 1) else w for (s, a), w in normalised.items()}
    return Finding(
        (
            ("distance before mapping, p_q = p_R", _before(table, small)),
            ("V = 2, T = 3, r = 0: q = M(r)", _before(larger, mapped)),
            ("    q log-normalised, the same p", _rounded(_before(larger, normalised))),
            ("    that, 10 added at the state x⊕1, the same p", _before(larger, raised)),
        ),
        (found,),
        remark="The distance after mapping is 0 in all of these; it does not depend on such shifts. At other rewards "
        "than 0 the second number is another.",
        pictures=(picture,),
    )


def _log(weight: Any) -> str:
    return f"{math.log(float(weight)):.4g}"


def _rounded(number: float) -> float:
    """0 for what a few roundings of numbers up to log 7 can make of it."""
    return 0.0 if abs(number) < 100 * 2.0 * 2.0**-53 else number


# -- E17 and E26 ---------------------------------------------------------------------------------------------------


def parameters(V: int, T: int, D: int, F: int, layers: int, *, head: int = 1, bos: bool = True) -> int:
    """Count what the Transformer of C.2 learns: embeddings, positions, blocks, head; no LayerNorm at the end."""
    embeddings = (V + T + 2 * bos) * D
    block = 4 * D + 4 * (D * D + D) + D * F + F + F * D + D  # two LayerNorms; Q, K, V, O; two dense layers
    return embeddings + layers * block + head * (D + 1)


# (V, T) of the runs; width D, layers, and the printed count of both models.
_SIZES: Final = ((8, 4), (4, 8))
_PRINTED: Final = ((16, 2, 3633), (64, 3, 76609))


def _dense_layers(D: int, layers: int, printed: int) -> list[int]:
    """Which F in 1..128 give the printed count at both (V, T)."""
    return [F for F in range(1, 129) if all(parameters(V, T, D, F, layers) == printed for V, T in _SIZES)]


def _e17() -> Finding:
    numbers: list[tuple[str, int | str]] = []
    pictures = []
    unique = True
    for D, layers, printed in _PRINTED:
        fits = _dense_layers(D, layers, printed)
        unique = unique and len(fits) == 1
        numbers.append((f"EBM, {layers} layers, D = {D}: F in 1..128 that give {printed}", ", ".join(map(str, fits))))
        for (V, T), F in product(_SIZES, fits):
            count = parameters(V, T, D, F, layers, head=V)
            numbers.append((f"    ARM with F = {F}, a head of V = {V}, T = {T}", count))
        (V, T), *_ = _SIZES
        counts = tuple((float(F), float(parameters(V, T, D, F, layers))) for F in range(1, 129))
        chosen = tuple(point for point in counts if point[0] in fits)
        pictures.append(
            CurvesPicture(
                f"The count of the EBM with {layers} layers, D = {D}",
                "F, the width of the dense layer",
                "parameters",
                (Series("EBM", counts), Series(f"F = {', '.join(map(str, fits))}", chosen, joined=False)),
                ("as printed", float(printed)),
            )
        )
    return Finding(
        tuple(numbers),
        read_off=True,
        holds=unique,
        remark="The printed counts are met by the EBM at both (V, T), as V + T + 2 = 14 in both; the ARM's differ and "
        "depend on V. D is what the printed counts and those of the printed listing (E26) differ by, halved.",
        pictures=tuple(pictures),
    )


def _e26() -> Finding:
    numbers: list[tuple[str, int | str]] = []
    for D, layers, printed in _PRINTED:
        fits = _dense_layers(D, layers, printed)
        literal = {parameters(V, T, D, F, layers, bos=False) for (V, T), F in product(_SIZES, fits)}
        numbers.append((f"{layers} layers: parameters of the code as printed", ", ".join(map(str, sorted(literal)))))
        numbers.append(("    as C.2 counts", printed))
    return Finding(
        tuple(numbers), read_off=True, remark="The slips of the listing itself are for the eye, not for a computer."
    )


# -- E24 -----------------------------------------------------------------------------------------------------------


def _moments(gradients: tuple[Vector, ...]) -> tuple[Fraction, Fraction]:
    """‖E g‖² and E‖g‖², every gradient equally likely."""
    n = len(gradients)
    mean = [sum(column) / n for column in zip(*gradients, strict=True)]
    of_each = sum((x * x for g in gradients for x in g), start=Fraction(0)) / n
    return sum((m * m for m in mean), start=Fraction(0)), of_each


def _noise_scale(gradients: tuple[Vector, ...]) -> Fraction:
    """tr Cov(g) / ‖E g‖², the covariance written out."""
    n = len(gradients)
    mean = [sum(column) / n for column in zip(*gradients, strict=True)]
    variance = sum(((x - m) ** 2 for g in gradients for x, m in zip(g, mean, strict=True)), start=Fraction(0)) / n
    return variance / _moments(gradients)[0]


def _coherence(gradients: tuple[Vector, ...]) -> Fraction:
    """‖E g‖² / E‖g‖²."""
    of_mean, of_each = _moments(gradients)
    return of_mean / of_each


def _e24() -> Finding:
    plane = [tuple(map(Fraction, g)) for g in product((-1, 0, 1, 2), repeat=2)]
    batches = [b for n in (1, 2, 3) for b in product(plane, repeat=n) if _moments(b)[0] > 0]
    agree = sum(_coherence(b) * (1 + _noise_scale(b)) == 1 for b in batches)
    example = ((Fraction(1), Fraction(0)), (Fraction(0), Fraction(1)))
    sets = {(float(_noise_scale(b)), float(_coherence(b))) for b in batches if len(b) < 3}
    picture = CurvesPicture(
        "Each set of one or two gradients is a point, and all lie on one curve",
        "GNS (those up to 8)",
        "coherence",
        (
            Series("1/(1 + GNS)", tuple((k / 8, 1.0 / (1.0 + k / 8)) for k in range(65))),
            Series("one or two gradients", tuple(sorted(p for p in sets if p[0] <= 8.0)), joined=False),
        ),
    )
    return Finding(
        (
            ("sets of up to 3 gradients in the plane", len(batches)),
            ("    of them with coherence = 1/(1 + GNS), exactly", agree),
            ("g = (1,0) or (0,1): coherence", _coherence(example)),
            ("    GNS", _noise_scale(example)),
        ),
        holds=agree == len(batches),
        remark="With coherence ‖E g‖²/E‖g‖² and noise scale tr Cov(g)/‖E g‖², for a batch gradient without bias.",
        pictures=(picture,),
    )


EXPERIMENTS: Final = (
    Erratum(
        id="E15",
        place="C.3",
        grade=Grade.INDEXING,
        title="Centring needs 1/n",
        printed="c(z) = z - ⟨z, 1⟩ 1, so that a constant added to z does not count.",
        trouble="It does. Also, “s_0 = x” stands for s_1.",
        repair="c(z) = z - ⟨z, 1⟩ 1 / n.",
        find=_e15,
    ),
    Erratum(
        id="E16",
        place="C.3 and Figures 2 to 4, “before mapping”",
        grade=Grade.EXPERIMENT,
        title="The distance before mapping depends on the gauge",
        printed="The centred distance between R(x, y) and Σ_t q(s_t, y_t) is shown to be large before mapping.",
        trouble="It changes with a constant added to all logits of a state, which p_q does not notice: it says nothing "
        "about p.",
        repair="Compare after mapping, which is unaffected; or fix the gauge V_q = 0 first.",
        find=_e16,
    ),
    Erratum(
        id="E17",
        place="C.2",
        grade=Grade.EXPERIMENT,
        title="The counts of parameters need F = 16",
        printed="“V = 16”; and 3633 and 76609 parameters for both models.",
        trouble="3633 parameters at width D = 16 need a dense layer of 16; V is 8 or 4.",
        repair="F = 16, the width of the dense layer; the counts are those of the EBM.",
        find=_e17,
    ),
    Erratum(
        id="E24",
        place="Figure 8",
        grade=Grade.EXPERIMENT,
        title="Two metrics that are one",
        printed="Gradient noise scale and coherence are shown as two metrics.",
        trouble="They carry the same information.",
        repair="coherence = 1/(1 + GNS), always: one is a function of the other.",
        find=_e24,
    ),
    Erratum(
        id="E26",
        place="C.1, code",
        grade=Grade.EXPERIMENT,
        title="The listing and the counts",
        printed="The listing of the two models.",
        trouble="It has no rows for BOS; it discards the result of TransformerBlock(...)(x); y_TxV stands for y_TxD, "
        "(R^V)^T for (R^D)^T; L and x are undefined; and its head has no EOS, although responses end with it.",
        repair="V+1 and T+1 rows; x = TransformerBlock(...)(x); T_exp = T - 1 tokens with EOS implied.",
        find=_e26,
    ),
)
