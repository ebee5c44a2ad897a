"""Lemma 1 and its sharp form: how far apart two policies are in one step, with logits within ε of each other."""

from typing import Final, NamedTuple

from proofs_check.induction.terms import Log, Term
from proofs_check.induction.theorems.common import ZERO, chord, given, proof, tangent
from proofs_check.induction.theory import LINEAR, LOGARITHM, ONE_ACTION, Fact, Link, Quantity, Step, Theorem
from proofs_check.induction.vocabulary import (
    Policy,
    cosh,
    cosh_s,
    divergence,
    divergence_k,
    each_action,
    epsilon,
    epsilon_s,
    exp_epsilon,
    f,
    g,
    k,
    kappa,
    kappa_s,
    log_c,
    log_c_s,
    s,
    several,
    shift,
    sinh,
    sinh_s,
)

__all__ = ["FACTS", "THEOREMS"]

# -- facts -------------------------------------------------------------------------------------------------------------

_ABOVE: Final = Fact(
    name="f - g ≤ ε",
    kind="pair",
    term=epsilon() - Log(f.exp_q("a")) + Log(g.exp_q("a")),
    words="hypothesis: |f - g| ≤ ε",
)
_BELOW: Final = Fact(
    name="g - f ≤ ε",
    kind="pair",
    term=exp_epsilon() * f.exp_q("a") - g.exp_q("a"),
    words="hypothesis: |f - g| ≤ ε, so e^g ≤ e^ε e^f",
)
_ODDS: Final = g.exp_V(s) / f.exp_V(s)
_AT_EPSILON: Final = tangent(
    "log X ≤ X/c - 1 + log c at c = e^ε", _ODDS, 1 / exp_epsilon(), epsilon(), about=("X = e^V_g / e^V_f, c = e^ε",)
)


class _Step(NamedTuple):
    """What the bound of one step is about."""

    name: str
    other: Policy
    one: Quantity
    kappa: Term
    chord: Fact
    tangent: Fact
    sinh: Term
    factor: Term | None  # e^c, if the logits are compared up to a shift


def _near(tag: str, other: Policy, one: Quantity, most: Term, size: tuple[Term, ...], factor: Term | None) -> _Step:
    """Return the chord and the tangent for logits that are within ε of each other."""
    eps, sinh_, cosh_, log_c_ = size
    odds, total = other.exp_q("a") / f.exp_q("a"), other.exp_V(s) / f.exp_V(s)
    if factor is not None:
        odds, total = factor * odds, factor * total
    moved = "" if factor is None else " + c"
    return _Step(
        tag,
        other,
        one,
        most,
        chord(
            f"chord of exp{moved}",
            odds,
            eps,
            sinh_,
            cosh_,
            "pair",
            f"x = {tag} - f{moved}, where |x| ≤ ε is the hypothesis",
        ),
        tangent(
            f"log X ≤ X/c - 1 + log c at c = sinh ε/ε{moved}",
            total,
            eps / sinh_,
            log_c_,
            about=(f"X = e^V_{tag} / e^V_f{' e^c' if moved else ''}, c = sinh ε/ε",),
        ),
        sinh_,
        factor,
    )


_PLAIN: Final = _near("g", g, divergence, kappa(), (epsilon(), sinh(), cosh(), log_c()), None)
_SHIFTED: Final = _near("k", k, divergence_k, kappa_s(s), (epsilon_s(s), sinh_s(s), cosh_s(s), log_c_s(s)), shift(s))
_CHORD_AT_0: Final = Fact(
    name="cosh ε ≥ 1",
    kind="prefix",
    term=epsilon() * cosh() - epsilon(),
    words="ε e^x ≤ ε cosh ε + x sinh ε at x = 0",
    trusted=True,
)
_TANGENT_AT_1: Final = Fact(
    name="log 1 ≤ 1/c - 1 + log c",
    kind="prefix",
    term=epsilon() / sinh() - 1 + log_c(),
    words="log X ≤ X/c - 1 + log c at X = 1, c = sinh ε/ε",
    trusted=True,
)
FACTS: Final = (
    _ABOVE,
    _BELOW,
    _AT_EPSILON,
    _PLAIN.chord,
    _PLAIN.tangent,
    _SHIFTED.chord,
    _SHIFTED.tangent,
    _CHORD_AT_0,
    _TANGENT_AT_1,
)

# -- one step ----------------------------------------------------------------------------------------------------------


def _logs(other: Policy) -> Term:
    return each_action(f.pi("a") * (Log(f.pi("a")) - Log(other.pi("a"))))


def _one_step(name: str, near: _Step, claims: dict[str, str], statement: str) -> Theorem:
    """KL of one step is at most κ: the chord for each action, the tangent for their sum."""
    other = near.other
    odds, total = other.exp_q("a") / f.exp_q("a"), other.exp_V(s) / f.exp_V(s)
    if near.factor is not None:
        odds, total = near.factor * odds, near.factor * total
    tag = other.pi.name[2:]
    softmax = ("π_f", "e^V_f", LINEAR)
    return Theorem(
        name=name,
        title="the sharp bound of one step",
        place="beyond the paper (Lemma 1, sharp)",
        claims=claims,
        statement=statement,
        kind="step",
        left=near.one(s),
        right=near.kappa,
        relation="≤",
        steps=proof(
            Link(_logs(other), (near.one.name,)),
            Link(Log(total) - each_action(f.pi("a") * Log(odds)), (*softmax, f"π_{tag}", LOGARITHM)),
            Link(
                near.kappa,
                (
                    near.tangent.name,
                    near.chord.name,
                    *softmax,
                    f"e^V_{tag}",
                    "κ" if near.factor is None else "κ(s)",
                ),
                given(near.tangent) + each_action(f.pi("a") * given(near.chord, action="a")) / near.sinh,
            ),
        ),
    )


def _step_or_none(name: str, near: _Step, bound: str) -> Theorem:
    """KL of one step is at most bκ: where there is one action, it is 0."""
    other = near.other
    tag = other.pi.name[2:]
    return Theorem(
        name=name,
        title="one action is free",
        place="beyond the paper",
        claims={},
        statement=f"As {bound}, with b κ for κ, where b = 0 if there is one action, else 1.",
        kind="step",
        left=near.one(s),
        right=several(s) * near.kappa,
        relation="≤",
        steps=(
            Step(
                (
                    Link(near.kappa, (bound,), given(bound)),
                    Link(several(s) * near.kappa, ("b",)),
                ),
                "several actions",
            ),
            Step(
                (
                    Link(_logs(other), (near.one.name,)),
                    Link(ZERO, (ONE_ACTION, "π_f", "e^V_f", f"π_{tag}", f"e^V_{tag}")),
                    Link(several(s) * near.kappa, ("b",)),
                ),
                "one action",
            ),
        ),
    )


_EITHER: Final = "the other direction, which is the same with f and g exchanged"
_TWICE: Final = 2 * epsilon()

THEOREMS: Final = (
    Theorem(
        name="L1-logZ",
        title="log-partitions of logits within ε",
        place="Lemma 1, B.4",
        claims={"L1-logZ": _EITHER},
        statement="For all logits with |f - g| ≤ ε at s: V_g(s) - V_f(s) ≤ ε.",
        kind="step",
        left=Log(_ODDS),
        right=epsilon(),
        relation="≤",
        steps=proof(
            Link(
                epsilon(),
                (_AT_EPSILON.name, _BELOW.name, "e^V_f", "e^V_g", LINEAR),
                given(_AT_EPSILON) + each_action(given(_BELOW, action="a")) / (exp_epsilon() * f.exp_V(s)),
            ),
        ),
    ),
    Theorem(
        name="L1-kl",
        title="KL of one step, for logits within ε",
        place="Lemma 1, B.4",
        claims={"L1-kl": "that it is never reached, and that 2 is the best constant"},
        statement="For all logits with |f - g| ≤ ε at s: KL(π_f‖π_g) ≤ 2ε.",
        kind="step",
        left=divergence(s),
        right=_TWICE,
        relation="≤",
        steps=proof(
            Link(_logs(g), ("KL",)),
            Link(
                each_action(f.pi("a") * (Log(f.exp_q("a")) - Log(g.exp_q("a")))) + Log(_ODDS),
                ("π_f", "π_g", "e^V_f", LINEAR, LOGARITHM),
            ),
            Link(
                epsilon() + Log(_ODDS),
                (_ABOVE.name, "Σπ_f = 1", LINEAR),
                each_action(f.pi("a") * given(_ABOVE, action="a")),
            ),
            Link(_TWICE, ("L1-logZ",), given("L1-logZ")),
        ),
    ),
    Theorem(
        name="κ ≥ 0",
        title="the constant is not negative",
        place="beyond the paper",
        claims={},
        statement="κ(ε) = ε coth ε - 1 + log(sinh ε/ε) ≥ 0.",
        kind="step",
        left=ZERO,
        right=kappa(),
        relation="≤",
        steps=proof(
            Link(
                kappa(),
                (_TANGENT_AT_1.name, _CHORD_AT_0.name, "κ"),
                given(_TANGENT_AT_1) + given(_CHORD_AT_0) / sinh(),
            ),
        ),
    ),
    _one_step(
        "K-kappa",
        _PLAIN,
        {"K-kappa": f"that it is attained; {_EITHER}"},
        "For all logits with |f - g| ≤ ε at s: KL(π_f‖π_g) ≤ κ(ε).",
    ),
    _one_step(
        "K-span",
        _SHIFTED,
        {"K-span": f"c the middle of f - k, so that ε is half the span; κ ≤ span²/8; centred norms; {_EITHER}"},
        "For all logits with |f - k - c| ≤ ε at s, for some c: KL(π_f‖π_k) ≤ κ(ε).",
    ),
    _step_or_none("K-kappa of a step", _PLAIN, "K-kappa"),
    _step_or_none("K-span of a step", _SHIFTED, "K-span"),
)
