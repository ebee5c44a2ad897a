"""Appendix A.9: forward and backward weights."""

from typing import Final

from proofs_check.induction.terms import Term
from proofs_check.induction.theorems.common import proof
from proofs_check.induction.theory import DISJOINT, HYPOTHESIS, LINEAR, Fact, Link, Theorem
from proofs_check.induction.vocabulary import (
    alpha,
    beta,
    each_action,
    each_response,
    exp_q,
    exp_R,
    exp_r,
    exp_V,
    paths,
    pi,
    s,
    s_a,
    steps,
    x,
)

__all__ = ["FACTS", "THEOREMS"]

FACTS: Final[tuple[Fact, ...]] = ()


def _sum(prefix: str, bound: str = "y") -> Term:
    """Σ e^R."""
    return each_response(prefix, exp_R(prefix, bound), bound)


THEOREMS: Final = (
    Theorem(
        name="A9-values",
        title="backward weights are soft values",
        place="Appendix A.9",
        claims={"A9-beta": ""},
        statement="For every finite tree of responses and every reward: e^V(s) = β(s), with β(s·EOS) = 1.",
        kind="prefix",
        left=exp_V(s),
        right=beta(s),
        steps=proof(
            Link(each_action(exp_q("a")), ("e^V",)),
            Link(each_action(exp_r("a") * exp_V(s_a)), ("e^q",)),
            Link(each_action(exp_r("a") * beta(s_a)), (HYPOTHESIS,)),
            Link(beta(s), ("β",)),
        ),
    ),
    Theorem(
        name="A9-beta",
        title="the policy from forward and backward weights",
        place="Appendix A.9",
        claims={"A9-beta": ""},
        statement="For every finite tree of responses and every reward: α(s) β(s) π(a|s) = α(s·a) β(s·a).",
        kind="pair",
        left=alpha(s) * beta(s) * pi("a"),
        right=alpha(s_a) * beta(s_a),
        steps=proof(
            Link(alpha(s) * beta(s) * exp_q("a") / exp_V(s), ("π",)),
            Link(alpha(s) * beta(s) * exp_r("a") * exp_V(s_a) / exp_V(s), ("e^q",)),
            Link(alpha(s) * exp_r("a") * beta(s_a), ("A9-values",)),
            Link(alpha(s_a) * beta(s_a), ("α",)),
        ),
    ),
    Theorem(
        name="A9-sum",
        title="backward weights are sums over paths",
        place="Appendix A.9",
        claims={},
        statement="For every finite tree of responses and every reward: β(s) = Σ_y e^R(s,y).",
        kind="prefix",
        left=beta(s),
        right=_sum(s),
        steps=proof(
            Link(each_action(exp_r("a") * beta(s_a)), ("β",)),
            Link(each_action(exp_r("a") * _sum(s_a)), (HYPOTHESIS,)),
            Link(each_action(each_response(s_a, exp_r("a") * exp_R(s_a, "y"))), (LINEAR,)),
            Link(_sum(s), (DISJOINT, "e^R")),
        ),
    ),
    Theorem(
        name="A9-Z",
        title="what passes each depth",
        place="Appendix A.9",
        claims={"A9-Z": "reading off x^(t-1): Σ_{s_t} αβ = Σ_{|y|≥t} e^R; the rest of Z is the difference"},
        statement="For every reward: Σ over prefixes of x^steps α β, from s, is Σ_y e^R(y) (1 + … + x^(|y|-1)).",
        kind="prefix",
        left=paths(s),
        right=each_response(s, exp_R(s, "y") * steps(s, "y")),
        steps=proof(
            Link(beta(s) + x() * each_action(exp_r("a") * paths(s_a)), ("αβ",)),
            Link(
                beta(s) + x() * each_action(exp_r("a") * each_response(s_a, exp_R(s_a, "y") * steps(s_a, "y"))),
                (HYPOTHESIS,),
            ),
            Link(
                each_action(exp_r("a") * beta(s_a))
                + x() * each_action(exp_r("a") * each_response(s_a, exp_R(s_a, "y") * steps(s_a, "y"))),
                ("β",),
            ),
            Link(
                each_action(each_response(s_a, exp_r("a") * exp_R(s_a, "y") * (1 + x() * steps(s_a, "y")))),
                ("A9-sum", LINEAR),
            ),
            Link(each_response(s, exp_R(s, "y") * steps(s, "y")), (DISJOINT, "e^R", "steps")),
        ),
    ),
)
