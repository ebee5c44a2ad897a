"""Sections 2.1 and 2.2, Proposition 4, Appendices A.5 and A.6: laws of responses, lengths, references."""

from typing import Final

from proofs_check.induction.terms import Term
from proofs_check.induction.theorems.common import ONE, proof
from proofs_check.induction.theory import DISJOINT, HYPOTHESIS, LINEAR, Fact, Link, Theorem
from proofs_check.induction.vocabulary import (
    a_y,
    each_action,
    each_response,
    exp_A_f,
    exp_q,
    exp_q_ref,
    exp_R,
    exp_r,
    exp_R_f,
    exp_V,
    exp_V_ref,
    f,
    p_ref,
    p_tilted,
    pi,
    pi_ref,
    pi_tilted,
    power,
    reaching,
    s,
    s_a,
    x,
)

__all__ = ["FACTS", "THEOREMS"]

FACTS: Final[tuple[Fact, ...]] = ()


def _sum(prefix: str, bound: str = "y") -> Term:
    """Σ e^R."""
    return each_response(prefix, exp_R(prefix, bound), bound)


def _tilted(prefix: str, bound: str = "y") -> Term:
    """Σ e^R p_ref."""
    return each_response(prefix, exp_R(prefix, bound) * p_ref(prefix, bound), bound)


def _lengths(prefix: str) -> Term:
    """E x^|y| under p_f."""
    return each_response(prefix, f.p(prefix, "y") * power(prefix, "y"))


THEOREMS: Final = (
    Theorem(
        name="Σπ_f = 1",
        title="a policy is a law of actions",
        place="Section 2.2",
        claims={},
        statement="For all logits f: Σ_a π_f(a|s) = 1.",
        kind="step",
        left=each_action(f.pi("a")),
        right=ONE,
        steps=proof(
            Link(each_action(f.exp_q("a")) / f.exp_V(s), ("π_f", LINEAR)),
            Link(ONE, ("e^V_f",)),
        ),
    ),
    Theorem(
        name="S2-ebm",
        title="p_R is a law of responses",
        place="Section 2.1, eq. (1)",
        claims={"S2-ebm": ""},
        statement="For every finite tree of responses and every reward: Σ_y e^R(y) / Σ_z e^R(z) = 1.",
        kind="prefix",
        left=each_response(s, exp_R(s, "y") / _sum(s, "z")),
        right=ONE,
        steps=proof(Link(ONE, (LINEAR,))),
    ),
    Theorem(
        name="S2-arm",
        title="log-probabilities of the autoregressive model",
        place="Section 2.2",
        claims={"S2-arm": ""},
        statement="For all logits f and every response: p_f(y) = e^(R_f(y) - A_f(y)), A_f(y) = Σ_t V_f(s_t).",
        kind="response",
        left=f.p(s, "y"),
        right=exp_R_f(s, "y") / exp_A_f(s, "y"),
        steps=proof(
            Link(f.pi("a") * f.p(s_a, "y"), ("p_f",)),
            Link(f.pi("a") * exp_R_f(s_a, "y") / exp_A_f(s_a, "y"), (HYPOTHESIS,)),
            Link(f.exp_q("a") / f.exp_V(s) * exp_R_f(s_a, "y") / exp_A_f(s_a, "y"), ("π_f",)),
            Link(exp_R_f(s, a_y) / exp_A_f(s, a_y), ("e^R_f", "e^A_f")),
        ),
    ),
    Theorem(
        name="P4-validity",
        title="no mass is lost",
        place="Proposition 4",
        claims={"P4-validity": ""},
        statement="For all logits f, on every finite tree (where nothing goes on past the last step): Σ_y p_f(y) = 1.",
        kind="prefix",
        left=each_response(s, f.p(s, "y")),
        right=ONE,
        steps=proof(
            Link(each_action(each_response(s_a, f.pi("a") * f.p(s_a, "y"))), (DISJOINT, "p_f")),
            Link(each_action(f.pi("a") * each_response(s_a, f.p(s_a, "y"))), (LINEAR,)),
            Link(each_action(f.pi("a")), (HYPOTHESIS,)),
            Link(ONE, ("Σπ_f = 1",)),
        ),
    ),
    Theorem(
        name="P4-lengths",
        title="lengths are differences of masses",
        place="Proposition 4, B.5",
        claims={"P4-lengths": "reading off the powers of x: of x^t, it says l_t = M_t - M_{t+1}; their sum over t"},
        statement="For all logits f: Σ_y p_f(y) x^|y| = 1 - (1 - x) N(s), N = Σ over prefixes reached of P x^steps.",
        kind="prefix",
        left=_lengths(s),
        right=1 - (1 - x()) * reaching(s),
        steps=proof(
            Link(
                each_action(each_response(s_a, f.pi("a") * f.p(s_a, "y") * x() * power(s_a, "y"))),
                (DISJOINT, "p_f", "x^|y|"),
            ),
            Link(x() * each_action(f.pi("a") * _lengths(s_a)), (LINEAR,)),
            Link(x() * each_action(f.pi("a") * (1 - (1 - x()) * reaching(s_a))), (HYPOTHESIS,)),
            Link(x() - (1 - x()) * x() * each_action(f.pi("a") * reaching(s_a)), (LINEAR, "Σπ_f = 1")),
            Link(1 - (1 - x()) * reaching(s), ("reach",)),
        ),
    ),
    Theorem(
        name="A5-values",
        title="the soft value with a reference policy",
        place="Appendix A.5",
        claims={},
        statement="For every reward and reference policy: e^W(s) = Σ_y e^R(y) p_ref(y).",
        kind="prefix",
        left=exp_V_ref(s),
        right=_tilted(s),
        steps=proof(
            Link(each_action(pi_ref("a") * exp_q_ref("a")), ("e^W",)),
            Link(each_action(pi_ref("a") * exp_r("a") * exp_V_ref(s_a)), ("e^q̃",)),
            Link(each_action(pi_ref("a") * exp_r("a") * _tilted(s_a)), (HYPOTHESIS,)),
            Link(
                each_action(each_response(s_a, pi_ref("a") * exp_r("a") * exp_R(s_a, "y") * p_ref(s_a, "y"))), (LINEAR,)
            ),
            Link(_tilted(s), (DISJOINT, "e^R", "p_ref")),
        ),
    ),
    Theorem(
        name="A5-reference",
        title="a reference policy",
        place="Appendix A.5",
        claims={"A5-reference": ""},
        statement="For every reward and reference policy, π̃ ∝ π_ref e^q̃: p̃(y) = e^R p_ref / Σ e^R p_ref.",
        kind="response",
        left=p_tilted(s, "y"),
        right=exp_R(s, "y") * p_ref(s, "y") / _tilted(s, "z"),
        steps=proof(
            Link(pi_tilted("a") * p_tilted(s_a, "y"), ("p̃",)),
            Link(pi_tilted("a") * exp_R(s_a, "y") * p_ref(s_a, "y") / _tilted(s_a, "z"), (HYPOTHESIS,)),
            Link(
                pi_ref("a") * exp_q_ref("a") / exp_V_ref(s) * exp_R(s_a, "y") * p_ref(s_a, "y") / _tilted(s_a, "z"),
                ("π̃",),
            ),
            Link(
                pi_ref("a")
                * exp_r("a")
                * exp_V_ref(s_a)
                / exp_V_ref(s)
                * exp_R(s_a, "y")
                * p_ref(s_a, "y")
                / _tilted(s_a, "z"),
                ("e^q̃",),
            ),
            Link(pi_ref("a") * exp_r("a") * exp_R(s_a, "y") * p_ref(s_a, "y") / _tilted(s, "z"), ("A5-values",)),
            Link(exp_R(s, a_y) * p_ref(s, a_y) / _tilted(s, "z"), ("e^R", "p_ref")),
        ),
    ),
    Theorem(
        name="A6-logits",
        title="logits are log-partitions of what follows",
        place="Appendix A.6",
        claims={"A6-chain": ""},
        statement="For every finite tree of responses and every reward: e^q(s,a) = Σ_y e^(r(s,a) + R(s·a,y)).",
        kind="pair",
        left=exp_q("a"),
        right=each_response(s_a, exp_r("a") * exp_R(s_a, "y")),
        steps=proof(
            Link(exp_r("a") * exp_V(s_a), ("e^q",)),
            Link(exp_r("a") * _sum(s_a), ("P1-logZ",)),
            Link(each_response(s_a, exp_r("a") * exp_R(s_a, "y")), (LINEAR,)),
        ),
    ),
    Theorem(
        name="A6-chain",
        title="the policy by marginalising",
        place="Appendix A.6",
        claims={"A6-chain": ""},
        statement="For every finite tree of responses and every reward: π(a|s) is the share of e^R that begins with a.",
        kind="pair",
        left=pi("a"),
        right=each_response(s_a, exp_R(s, a_y)) / _sum(s),
        steps=proof(
            Link(exp_q("a") / exp_V(s), ("π",)),
            Link(each_response(s_a, exp_r("a") * exp_R(s_a, "y")) / exp_V(s), ("A6-logits",)),
            Link(each_response(s_a, exp_R(s, a_y)) / exp_V(s), ("e^R",)),
            Link(each_response(s_a, exp_R(s, a_y)) / _sum(s), ("P1-logZ",)),
        ),
    ),
)
