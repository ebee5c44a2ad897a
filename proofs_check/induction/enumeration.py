"""What each quantity is, by plain enumeration: sums and products over whole responses, written out.

Nothing here knows the definitions that the proofs unfold. Where a definition goes one action at a time, the value here
goes through all responses below, all prefixes below, or the way from the root.
"""

from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import Final

from proofs_check.induction.logarithms import Exact, log, log_log
from proofs_check.induction.trees import Prefix, Response, World

__all__ = ["NUMBERS", "PAIRS", "PREFIXES", "RESPONSES"]

# The weight of a pair, known by the prefix that it leads to.
_Weight = Callable[[World, Prefix], Fraction]


def _above(s_a: Prefix) -> Prefix:
    assert s_a.above is not None
    return s_a.above


def _given(name: str) -> _Weight:
    return lambda world, s: world.at[name, s]


# -- products and sums over responses ----------------------------------------------------------------------------------


def _along(world: World, y: Response, weight: _Weight) -> Fraction:
    return prod((weight(world, s_a) for s_a in y), start=Fraction(1))


def _product(weight: _Weight) -> Callable[[World, Prefix, Response], Fraction]:
    return lambda world, _, y: _along(world, y, weight)


def _partition(weight: _Weight) -> _Weight:
    """Σ over the responses below of the product of weights."""
    return lambda world, s: sum((_along(world, y, weight) for y in world.responses(s)), Fraction(0))


def _first(weight: _Weight) -> _Weight:
    """The part of the partition above that begins with a pair."""
    whole = _partition(weight)
    return lambda world, s_a: weight(world, s_a) * whole(world, s_a)


def _share(weight: _Weight) -> _Weight:
    """The share of the responses below s that begin with a pair."""
    whole, first = _partition(weight), _first(weight)
    return lambda world, s_a: first(world, s_a) / whole(world, _above(s_a))


def _local(weight: _Weight) -> _Weight:
    """Σ over the actions at a prefix; 1 after the last step."""
    return lambda world, s: sum((weight(world, s_a) for s_a in s.below), Fraction(0)) if s.below else Fraction(1)


def _softmax(weight: _Weight) -> _Weight:
    return lambda world, s_a: weight(world, s_a) / sum(weight(world, other) for other in _above(s_a).below)


def _under(weight: _Weight, value: Callable[[World, Prefix, Response], Exact]) -> Callable[[World, Prefix], Exact]:
    """The expectation of a function of responses, for the policy of these weights."""
    chance = _softmax(weight)

    def expectation(world: World, s: Prefix) -> Exact:
        found: Exact = Fraction(0)
        for y in world.responses(s):
            found = found + value(world, s, y) * _along(world, y, chance)
        return found

    return expectation


# -- the quantities ----------------------------------------------------------------------------------------------------

_r, _f, _g, _k = _given("e^r"), _given("e^f"), _given("e^g"), _given("e^k")
_pi_f, _pi_g, _pi_k, _ref = _softmax(_f), _softmax(_g), _softmax(_k), _given("π_ref")


def _shaped(world: World, s_a: Prefix) -> Fraction:
    return world.at["e^r", s_a] * world.at["e^φ", _above(s_a)] / world.at["e^φ", s_a]


def _back(world: World, s_a: Prefix) -> Fraction:
    """M⁻¹ of f: f(s,a) less the soft value of the logits at s·a."""
    return world.at["e^f", s_a] / _local(_f)(world, s_a)


def _tilted(world: World, s_a: Prefix) -> Fraction:
    return world.at["e^r", s_a] * world.at["π_ref", s_a]


def _joint(world: World, s: Prefix, y: Response) -> Fraction:
    return world.at["ρ", y[-1] if y else s]


def _mass(world: World, s: Prefix) -> Fraction:
    return sum((_joint(world, s, y) for y in world.responses(s)), Fraction(0))


def _values_along(value: _Weight) -> Callable[[World, Prefix, Response], Fraction]:
    """The product of a quantity over the prefixes that a response stops at, its end not among them."""
    return lambda world, s, y: prod((value(world, at) for at in (s, *y)[:-1]), start=Fraction(1))


def _sweeps(world: World, s: Prefix) -> Fraction:
    """e^V after as many sweeps over the whole tree as s is high, or up to three more."""

    def longest(at: Prefix) -> int:
        return max(len(y) for y in world.responses(at))

    extra = world.numbers["x"].numerator % 4
    values = {at: world.at["start", at] for at in world.prefixes()}
    for _ in range(longest(world.root) + extra - s.depth):
        values = {
            at: sum((world.at["e^r", to] * values[to] for to in at.below), Fraction(0)) if at.below else Fraction(1)
            for at in values
        }
    return values[s]


def _loss(world: World, s: Prefix, y: Response) -> Exact:
    """Σ_t log Σ_a e^q(s_t, a) - q(s_t, y_t), with e^q summed over whole responses."""
    first, found = _first(_r), log(Fraction(1))
    for at, to in zip((s, *y), y, strict=False):
        found = found + log(sum((first(world, other) for other in at.below), Fraction(0))) - log(first(world, to))
    return found


def _step_entropy(world: World, s: Prefix) -> Exact:
    return -_expected_log(world, s, _pi_f, (_pi_f, 1))


def _step_divergence(other: _Weight) -> Callable[[World, Prefix], Exact]:
    return lambda world, s: _expected_log(world, s, _pi_f, (_pi_f, 1), (other, -1))


def _expected_log(world: World, s: Prefix, chance: _Weight, *of: tuple[_Weight, int]) -> Exact:
    found: Exact = log(Fraction(1))
    for s_a in s.below:
        for weight, sign in of:
            found = found + log(weight(world, s_a)) * (sign * chance(world, s_a))
    return found


def _visited(local: Callable[[World, Prefix], Exact], chance: _Weight) -> Callable[[World, Prefix], Exact]:
    """Σ over the prefixes below, each weighted with its chance to be reached."""

    def total(world: World, s: Prefix) -> Exact:
        found: Exact = Fraction(0)
        for at, path in world.prefixes_below(s):
            found = found + local(world, at) * _along(world, path, chance)
        return found

    return total


def _summed_entropy(world: World, s: Prefix, y: Response) -> Exact:
    found: Exact = Fraction(0)
    for at in (s, *y)[:-1]:
        found = found + _step_entropy(world, at)
    return found


def _regularised(world: World, _: Prefix, y: Response) -> Exact:
    return log(_along(world, y, _r)) - log(_along(world, y, _pi_f))


def _alpha(world: World, s: Prefix) -> Fraction:
    found = Fraction(1)
    while s.above is not None:
        found, s = found * world.at["e^r", s], s.above
    return found


def _paths(world: World, s: Prefix) -> Fraction:
    beta = _partition(_r)
    return sum(
        (
            world.numbers["x"] ** len(path) * _along(world, path, _r) * beta(world, at)
            for at, path in world.prefixes_below(s)
        ),
        Fraction(0),
    )


def _reaching(world: World, s: Prefix) -> Fraction:
    return sum(
        (world.numbers["x"] ** len(path) * _along(world, path, _pi_f) for _, path in world.prefixes_below(s)),
        Fraction(0),
    )


def _along_d(world: World, _: Prefix, y: Response) -> Fraction:
    return sum((world.at["d", s_a] for s_a in y), Fraction(0))


def _slope(weights: list[Fraction], slopes: list[Fraction]) -> Fraction:
    """The derivative of a product, by dual numbers (value, slope)."""
    value, slope = Fraction(1), Fraction(0)
    for weight, its in zip(weights, slopes, strict=True):
        value, slope = value * weight, slope * weight + value * its
    return slope


def _along_slope(world: World, y: Response) -> Fraction:
    """The derivative of e^R(y), where e^r grows by e^r d."""
    weights = [world.at["e^r", s_a] for s_a in y]
    return _slope(weights, [w * world.at["d", s_a] for w, s_a in zip(weights, y, strict=True)])


def _partition_slope(world: World, s: Prefix) -> Fraction:
    return sum((_along_slope(world, y) for y in world.responses(s)), Fraction(0))


def _first_slope(world: World, s_a: Prefix) -> Fraction:
    return sum((_along_slope(world, (s_a, *y)) for y in world.responses(s_a)), Fraction(0))


def _through(world: World, s: Prefix) -> Fraction:
    """Σ over the pairs below s of (the way there) e^r β(behind) d."""
    beta, found = _partition(_r), Fraction(0)
    for at, path in world.prefixes_below(s):
        for to in at.below:
            found += _along(world, path, _r) * world.at["e^r", to] * beta(world, to) * world.at["d", to]
    return found


def _local_slope(world: World, s: Prefix) -> Fraction:
    return sum((world.at["e^f", s_a] * world.at["d", s_a] for s_a in s.below), Fraction(0))


def _values_slope(world: World, s: Prefix, y: Response) -> Fraction:
    stops = (s, *y)[:-1]
    return _slope([_local(_f)(world, at) for at in stops], [_local_slope(world, at) for at in stops])


def _expected_d(world: World, s: Prefix, y: Response) -> Fraction:
    found = Fraction(0)
    for at in (s, *y)[:-1]:
        found += sum((_pi_f(world, s_a) * world.at["d", s_a] for s_a in at.below), Fraction(0))
    return found


def _pi_rho(world: World, s_a: Prefix) -> Fraction:
    return _mass(world, s_a) / _mass(world, _above(s_a))


def _gap(world: World, s: Prefix) -> Fraction:
    """Σ over the pairs below s of P(the prefix) (π_f - π_ρ) d."""
    found, whole = Fraction(0), _mass(world, s)
    for at, _ in world.prefixes_below(s):
        for to in at.below:
            found += _mass(world, at) / whole * (_pi_f(world, to) - _pi_rho(world, to)) * world.at["d", to]
    return found


def _free_depths(world: World, s: Prefix) -> Fraction:
    """The depths below at which some prefix offers several actions; on other trees, the most along one response."""
    if world.numbers["x"].numerator % 2:
        return Fraction(len({len(path) for at, path in world.prefixes_below(s) if len(at.below) > 1}))
    return Fraction(max(sum(len(at.below) > 1 for at in (s, *y)) for y in world.responses(s)))


def _height(world: World, s: Prefix) -> Fraction:
    """The length of the longest response below; on other trees, the steps that T leaves."""
    longest = max(len(y) for y in world.responses(s))
    if world.numbers["x"].numerator % 2 or not s.below:
        return Fraction(longest)
    return Fraction(max(len(y) for y in world.responses(world.root)) - s.depth)


def _sinh(exp: Fraction) -> Fraction:
    return (exp - 1 / exp) / 2


def _cosh(exp: Fraction) -> Fraction:
    return (exp + 1 / exp) / 2


def _log_c(exp: Fraction) -> Exact:
    return log(_sinh(exp)) - log_log(exp)


def _kappa(exp: Fraction) -> Exact:
    return log(exp) * (_cosh(exp) / _sinh(exp)) + _log_c(exp) - 1


def _at_eps(value: Callable[[Fraction], Exact]) -> Callable[[World, Prefix], Exact]:
    return lambda world, s: value(world.at["e^ε(s)", s])


def _own_kappa(world: World, s: Prefix) -> Exact:
    return _kappa(world.at["e^ε(s)", s]) if len(s.below) > 1 else Fraction(0)


NUMBERS: Final[dict[str, Callable[[World], Exact]]] = {
    "x": lambda world: world.numbers["x"],
    "e^ε": lambda world: world.numbers["e^ε"],
    "ε": lambda world: log(world.numbers["e^ε"]),
    "sinh ε": lambda world: _sinh(world.numbers["e^ε"]),
    "cosh ε": lambda world: _cosh(world.numbers["e^ε"]),
    "log c": lambda world: _log_c(world.numbers["e^ε"]),
    "κ": lambda world: _kappa(world.numbers["e^ε"]),
}

PREFIXES: Final[dict[str, Callable[[World, Prefix], Exact]]] = {
    "e^V": _partition(_r),
    "e^U": _sweeps,
    "e^V_f": _local(_f),
    "e^V_g": _local(_g),
    "e^V_k": _local(_k),
    "e^V_m": _partition(_back),
    "e^V_q": _local(_first(_r)),
    "e^V_π": _partition(_pi_f),
    "e^φ": _given("e^φ"),
    "e^V'": _partition(_shaped),
    "e^W": _partition(_tilted),
    "ρ(s)": _given("ρ"),
    "P": _mass,
    "H": _step_entropy,
    "H_chain": _visited(_step_entropy, _pi_f),
    "KL": _step_divergence(_pi_g),
    "KL_chain": _visited(_step_divergence(_pi_g), _pi_f),
    "KL_k": _step_divergence(_pi_k),
    "KL_k_chain": _visited(_step_divergence(_pi_k), _pi_f),
    "J": _under(_f, _regularised),
    "α": _alpha,
    "β": _partition(_r),
    "αβ": _paths,
    "reach": _reaching,
    "∂e^V": _partition_slope,
    "αβd": _through,
    "∂e^V_f": _local_slope,
    "Δ": _gap,
    "b": lambda _, s: Fraction(len(s.below) > 1),
    "n": _free_depths,
    "T": _height,
    "E|Y|": _under(_f, lambda _world, _s, y: Fraction(len(y))),
    "ε(s)": _at_eps(log),
    "sinh ε(s)": _at_eps(_sinh),
    "cosh ε(s)": _at_eps(_cosh),
    "log c(s)": _at_eps(_log_c),
    "e^c": _given("e^c"),
    "κ(s)": _at_eps(_kappa),
    "κ_chain": _visited(_own_kappa, _pi_f),
}

PAIRS: Final[dict[str, Callable[[World, Prefix], Exact]]] = {
    "e^r": _r,
    "e^q": _first(_r),
    "π": _share(_r),
    "e^f": _f,
    "π_f": _pi_f,
    "e^g": _g,
    "π_g": _pi_g,
    "e^k": _k,
    "π_k": _pi_k,
    "e^m": _back,
    "e^q_m": _first(_back),
    "e^(M⁻¹q)": lambda world, s_a: _first(_r)(world, s_a) / _local(_first(_r))(world, s_a),
    "e^q_π": _first(_pi_f),
    "e^r'": _shaped,
    "e^q'": _first(_shaped),
    "π_ref": _ref,
    "e^q̃": lambda world, s_a: world.at["e^r", s_a] * _partition(_tilted)(world, s_a),
    "π̃": _share(_tilted),
    "π_ρ": _pi_rho,
    "d": _given("d"),
    "∂e^r": lambda world, s_a: world.at["e^r", s_a] * world.at["d", s_a],
    "∂e^q": _first_slope,
    "∂e^f": lambda world, s_a: world.at["e^f", s_a] * world.at["d", s_a],
}

RESPONSES: Final[dict[str, Callable[[World, Prefix, Response], Exact]]] = {
    "e^R": _product(_r),
    "p": _product(_share(_r)),
    "ℓ": _loss,
    "p_f": _product(_pi_f),
    "p_g": _product(_pi_g),
    "p_k": _product(_pi_k),
    "e^R_f": _product(_f),
    "e^A_f": _values_along(_local(_f)),
    "e^R'": _product(_shaped),
    "p_ref": _product(_ref),
    "p̃": _product(_share(_tilted)),
    "ρ": _joint,
    "p_ρ": _product(_pi_rho),
    "Ĥ": _summed_entropy,
    "steps": lambda world, _, y: sum((world.numbers["x"] ** t for t in range(len(y))), Fraction(0)),
    "x^|y|": lambda world, _, y: world.numbers["x"] ** len(y),
    "R_d": _along_d,
    "∂e^R": lambda world, _, y: _along_slope(world, y),
    "∂e^A_f": _values_slope,
    "Ed": _expected_d,
}
