"""Appendices A.10 and A.11: derivatives along a direction d, of which one pair at a time is the special case."""

from typing import Final

from proofs_check.induction.terms import Term
from proofs_check.induction.theorems.common import proof
from proofs_check.induction.theory import DISJOINT, HYPOTHESIS, LINEAR, Fact, Link, Theorem
from proofs_check.induction.vocabulary import (
    a_y,
    beta,
    d_exp_A_f,
    d_exp_f,
    d_exp_q,
    d_exp_r,
    d_exp_V,
    d_exp_V_f,
    direction,
    direction_R,
    each_action,
    each_response,
    exp_A_f,
    exp_R,
    exp_r,
    exp_V,
    expected_d,
    f,
    gap,
    p_rho,
    pi_rho,
    s,
    s_a,
    through,
)

__all__ = ["FACTS", "THEOREMS"]

FACTS: Final[tuple[Fact, ...]] = ()


def _sum(prefix: str, bound: str = "y") -> Term:
    return each_response(prefix, exp_R(prefix, bound), bound)


def _slopes(prefix: str) -> Term:
    return each_response(prefix, exp_R(prefix, "y") * direction_R(prefix, "y"))


def _losses(prefix: str) -> Term:
    """The derivative of L^ARM(f), of responses below."""
    return each_response(prefix, p_rho(prefix, "y") * (expected_d(prefix, "y") - direction_R(prefix, "y")))


_PRODUCT_RULE: Final = (
    Link(each_action(d_exp_q("a")), ("∂e^V",)),
    Link(each_action(d_exp_r("a") * exp_V(s_a) + exp_r("a") * d_exp_V(s_a)), ("∂e^q",)),
    Link(each_action(exp_r("a") * direction("a") * exp_V(s_a) + exp_r("a") * d_exp_V(s_a)), ("∂e^r",)),
)

THEOREMS: Final = (
    Theorem(
        name="A11-slopes",
        title="the derivative of the partition sum",
        place="Appendix A.11",
        claims={},
        statement="For every reward and direction d: ∂e^V(s) = Σ_y e^R(y) R_d(y), R_d the sum of d along y.",
        kind="prefix",
        left=d_exp_V(s),
        right=_slopes(s),
        steps=proof(
            *_PRODUCT_RULE,
            Link(
                each_action(exp_r("a") * direction("a") * _sum(s_a) + exp_r("a") * _slopes(s_a)),
                (HYPOTHESIS, "P1-logZ"),
            ),
            Link(
                each_action(
                    each_response(s_a, exp_r("a") * exp_R(s_a, "y") * (direction("a") + direction_R(s_a, "y")))
                ),
                (LINEAR,),
            ),
            Link(_slopes(s), (DISJOINT, "e^R", "R_d")),
        ),
    ),
    Theorem(
        name="A11-backprop",
        title="the gradient of the log-partition is a probability",
        place="Appendices A.10 and A.11",
        claims={
            "A11-backprop": "d = 1 at one pair and 0 elsewhere, so that R_d(y) is 1 if y goes through it, else 0",
            "A10-ebm": "that every direction of R is an R_d (S3.1-chain); R_d = 1 at one response and 0 elsewhere",
        },
        statement="For every reward and direction d: ∂A_R = ∂e^V/e^V = Σ_y p_R(y) R_d(y), R_d the sum of d along y.",
        kind="prefix",
        left=d_exp_V(s) / exp_V(s),
        right=each_response(s, exp_R(s, "y") / _sum(s, "z") * direction_R(s, "y")),
        steps=proof(
            Link(_slopes(s) / exp_V(s), ("A11-slopes",)),
            Link(_slopes(s) / _sum(s), ("P1-logZ",)),
            Link(each_response(s, exp_R(s, "y") / _sum(s, "z") * direction_R(s, "y")), (LINEAR,)),
        ),
    ),
    Theorem(
        name="A11-edges",
        title="the gradient from forward and backward weights",
        place="Appendix A.11, with αβ of A.9",
        claims={"A11-backprop": "d = 1 at one pair and 0 elsewhere, so that the sum is α e^r β of that pair"},
        statement="For every reward and direction d: ∂e^V(s) = Σ over pairs below s of α e^r β d, α counted from s.",
        kind="prefix",
        left=d_exp_V(s),
        right=through(s),
        steps=proof(
            *_PRODUCT_RULE,
            Link(each_action(exp_r("a") * direction("a") * beta(s_a) + exp_r("a") * d_exp_V(s_a)), ("A9-values",)),
            Link(each_action(exp_r("a") * direction("a") * beta(s_a) + exp_r("a") * through(s_a)), (HYPOTHESIS,)),
            Link(through(s), ("αβd",)),
        ),
    ),
    Theorem(
        name="A10-arm",
        title="the gradient of the sum of soft values",
        place="Appendix A.10",
        claims={"A10-arm": "d = 1 at one pair and 0 elsewhere"},
        statement="For all logits f and directions d: ∂e^A_f/e^A_f = ∂A_f(y) is the sum of Σ_b π_f(b) d(b) along y.",
        kind="response",
        left=d_exp_A_f(s, "y"),
        right=exp_A_f(s, "y") * expected_d(s, "y"),
        steps=proof(
            Link(d_exp_V_f(s) * exp_A_f(s_a, "y") + f.exp_V(s) * d_exp_A_f(s_a, "y"), ("∂e^A_f",)),
            Link(
                d_exp_V_f(s) * exp_A_f(s_a, "y") + f.exp_V(s) * exp_A_f(s_a, "y") * expected_d(s_a, "y"), (HYPOTHESIS,)
            ),
            Link(
                each_action(d_exp_f("b"), "b") * exp_A_f(s_a, "y")
                + f.exp_V(s) * exp_A_f(s_a, "y") * expected_d(s_a, "y"),
                ("∂e^V_f",),
            ),
            Link(
                each_action(f.exp_q("b") * direction("b"), "b") * exp_A_f(s_a, "y")
                + f.exp_V(s) * exp_A_f(s_a, "y") * expected_d(s_a, "y"),
                ("∂e^f",),
            ),
            Link(
                f.exp_V(s) * exp_A_f(s_a, "y") * (each_action(f.pi("b") * direction("b"), "b") + expected_d(s_a, "y")),
                ("π_f", LINEAR),
            ),
            Link(exp_A_f(s, a_y) * expected_d(s, a_y), ("e^A_f", "Ed")),
        ),
    ),
    Theorem(
        name="GR-arm-risk",
        title="the gradient of the autoregressive risk",
        place="beyond the paper; A.10 under the expectation",
        claims={"GR-arm-risk": "d = 1 at one pair and 0 elsewhere; the expectation over prompts"},
        statement="For all logits f, directions d and laws ρ: E_ρ[∂A_f - R_d] = Σ_s ρ(s) Σ_a (π_f - π_ρ) d.",
        kind="prefix",
        left=_losses(s),
        right=gap(s),
        steps=proof(
            Link(
                each_action(
                    each_response(
                        s_a,
                        pi_rho("a")
                        * p_rho(s_a, "y")
                        * (
                            each_action(f.pi("b") * direction("b"), "b")
                            + expected_d(s_a, "y")
                            - direction("a")
                            - direction_R(s_a, "y")
                        ),
                    )
                ),
                (DISJOINT, "p_ρ", "Ed", "R_d"),
            ),
            Link(
                each_action(
                    pi_rho("a") * (each_action(f.pi("b") * direction("b"), "b") - direction("a") + _losses(s_a))
                ),
                ("Σρ = 1", LINEAR),
            ),
            Link(
                each_action(pi_rho("a") * (each_action(f.pi("b") * direction("b"), "b") - direction("a") + gap(s_a))),
                (HYPOTHESIS,),
            ),
            Link(
                each_action((f.pi("a") - pi_rho("a")) * direction("a") + pi_rho("a") * gap(s_a)),
                ("Σπ_ρ = 1", LINEAR),
            ),
            Link(gap(s), ("Δ",)),
        ),
    ),
    Theorem(
        name="GR-ebm-risk",
        title="the gradient of the energy-based risk",
        place="beyond the paper; A.10 and A.11 under the expectation",
        claims={"GR-ebm-risk": "d = 1 at one pair and 0 elsewhere; the expectation over prompts"},
        statement="For every reward, direction d and law ρ: E_ρ[∂A_R - R_d] = Σ_y (p_R(y) - ρ(y)) R_d(y).",
        kind="prefix",
        left=each_response(s, p_rho(s, "y") * (d_exp_V(s) / exp_V(s) - direction_R(s, "y"))),
        right=each_response(s, (exp_R(s, "y") / _sum(s, "z") - p_rho(s, "y")) * direction_R(s, "y")),
        steps=proof(
            Link(d_exp_V(s) / exp_V(s) - each_response(s, p_rho(s, "y") * direction_R(s, "y")), ("Σρ = 1", LINEAR)),
            Link(_slopes(s) / exp_V(s) - each_response(s, p_rho(s, "y") * direction_R(s, "y")), ("A11-slopes",)),
            Link(_slopes(s) / _sum(s) - each_response(s, p_rho(s, "y") * direction_R(s, "y")), ("P1-logZ",)),
            Link(each_response(s, (exp_R(s, "y") / _sum(s, "z") - p_rho(s, "y")) * direction_R(s, "y")), (LINEAR,)),
        ),
    ),
)
