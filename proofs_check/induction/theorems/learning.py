"""Section 4.1: Proposition 2, and the risks around it."""

from typing import Final

from proofs_check.induction.terms import Log, Operand, Term
from proofs_check.induction.theorems.common import ONE, gibbs, given, proof
from proofs_check.induction.theory import HYPOTHESIS, LINEAR, LOGARITHM, Fact, Link, Theorem
from proofs_check.induction.vocabulary import (
    a_y,
    each_response,
    exp_q,
    exp_R,
    exp_r,
    exp_V,
    loss,
    mass,
    p_rho,
    rho,
    s,
    s_a,
)

__all__ = ["FACTS", "THEOREMS"]


def _sum(prefix: str, bound: str = "z") -> Term:
    return each_response(prefix, exp_R(prefix, bound), bound)


def _expected(value: Operand) -> Term:
    """E over y ~ ρ(·|s)."""
    return each_response(s, p_rho(s, "y") * value)


_P_R: Final = exp_R(s, "y") / _sum(s)
_LOG_RHO: Final = Log(p_rho(s, "y"))
_EBM_LOSS: Final = Log(_sum(s)) - Log(exp_R(s, "y"))
_GIBBS: Final = gibbs("log X ≤ X - 1 at p_R/ρ", _P_R / p_rho(s, "y"))
FACTS: Final[tuple[Fact, ...]] = (_GIBBS,)

_ONTO: Final = "min over q and over R: M is a bijection (P1-bijection-r, -q), and every R an R_r (S3.1-chain); prompts"

THEOREMS: Final = (
    Theorem(
        name="P2-loss",
        title="the loss of one response, step by step",
        place="Proposition 2, B.3",
        claims={},
        statement="For every reward, q = M(r): Σ_t V_q(s_t) - q(s_t,y_t) = V(s) - R(s,y).",
        kind="response",
        left=loss(s, "y"),
        right=Log(exp_V(s)) - Log(exp_R(s, "y")),
        steps=proof(
            Link(Log(exp_V(s)) - Log(exp_q("a")) + loss(s_a, "y"), ("ℓ",)),
            Link(Log(exp_V(s)) - Log(exp_q("a")) + Log(exp_V(s_a)) - Log(exp_R(s_a, "y")), (HYPOTHESIS,)),
            Link(Log(exp_V(s)) - Log(exp_r("a")) - Log(exp_R(s_a, "y")), ("e^q", LOGARITHM)),
            Link(Log(exp_V(s)) - Log(exp_R(s, a_y)), ("e^R", LOGARITHM)),
        ),
    ),
    Theorem(
        name="P2-pointwise",
        title="both losses are one",
        place="Proposition 2, B.3",
        claims={"S4.1-zero": "convexity, the lower bound, and where the loss would be 0"},
        statement="For every reward and every response: ℓ^ARM(M(r), y) = A_R - R(y) = ℓ^EBM(R_r, y).",
        kind="response",
        left=loss(s, "y"),
        right=_EBM_LOSS,
        steps=proof(
            Link(Log(exp_V(s)) - Log(exp_R(s, a_y)), ("P2-loss",)),
            Link(Log(_sum(s)) - Log(exp_R(s, a_y)), ("P1-logZ",)),
        ),
    ),
    Theorem(
        name="P2-risks",
        title="both risks are one",
        place="Proposition 2, B.3",
        claims={"P2-minima": _ONTO},
        statement="For every reward and every positive law ρ: L^ARM(M(r)) = L^EBM(R_r).",
        kind="prefix",
        left=_expected(loss(s, "y")),
        right=_expected(_EBM_LOSS),
        steps=proof(Link(_expected(_EBM_LOSS), ("P2-pointwise",))),
    ),
    Theorem(
        name="Σρ = 1",
        title="ρ is a law of responses",
        place="Section 4.1",
        claims={},
        statement="For every positive law of responses, given by weights: Σ_y ρ(y|s) = 1.",
        kind="prefix",
        left=_expected(ONE),
        right=ONE,
        steps=proof(
            Link(each_response(s, rho(s, "y") / mass(s)), ("S3.1-chain",)),
            Link(each_response(s, rho(s, "y")) / mass(s), (LINEAR,)),
            Link(ONE, ("P",)),
        ),
    ),
    Theorem(
        name="S5-Lstar",
        title="what a model misses is a divergence",
        place="Section 5, C.1",
        claims={"S5-Lstar": "the expectation over prompts, L* = H(X,Y) - H(X)"},
        statement="For every reward and every positive law ρ: L^EBM(R) + Σ ρ log ρ = KL(ρ‖p_R).",
        kind="prefix",
        left=_expected(_EBM_LOSS) + _expected(_LOG_RHO),
        right=_expected(_LOG_RHO - Log(_P_R)),
        steps=proof(Link(_expected(_LOG_RHO - Log(_P_R)), (LINEAR, LOGARITHM))),
    ),
    Theorem(
        name="P2-bound",
        title="no risk is below the entropy",
        place="Proposition 2, B.3",
        claims={"P2-minima": _ONTO},
        statement="For every reward and every positive law ρ: H(ρ) ≤ L^EBM(R_r).",
        kind="prefix",
        left=-_expected(_LOG_RHO),
        right=_expected(_EBM_LOSS),
        relation="≤",
        steps=proof(
            Link(
                _expected(_EBM_LOSS),
                (_GIBBS.name, "Σρ = 1", LINEAR, LOGARITHM),
                _expected(given(_GIBBS, response="y")),
            ),
        ),
    ),
    Theorem(
        name="P2-attained",
        title="the entropy is reached at the rewards log π_ρ",
        place="Proposition 2, B.3",
        claims={
            "P2-minima": _ONTO,
            "P2-argmin": "that minimisers correspond: equal risks (P2-risks) of numbers that correspond",
        },
        statement="For every positive law ρ, at R = log ρ, which is R_r for r = log π_ρ (S3.1-chain): L^EBM(R) = H(ρ).",
        kind="prefix",
        left=_expected(Log(each_response(s, p_rho(s, "z"), "z")) - _LOG_RHO),
        right=-_expected(_LOG_RHO),
        steps=proof(Link(-_expected(_LOG_RHO), ("Σρ = 1", LINEAR))),
    ),
)
