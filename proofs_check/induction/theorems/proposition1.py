"""Section 3: Proposition 1, the Bellman operator, and what it is the optimum of."""

from typing import Final

from proofs_check.induction.terms import Log, Term
from proofs_check.induction.theorems.common import LIMITS, ONE, gibbs, given, proof
from proofs_check.induction.theory import DISJOINT, HYPOTHESIS, LINEAR, LOGARITHM, Fact, Link, Theorem
from proofs_check.induction.vocabulary import (
    a_y,
    control,
    each_action,
    each_response,
    exp_m,
    exp_q,
    exp_q_m,
    exp_R,
    exp_r,
    exp_r_q,
    exp_U,
    exp_V,
    exp_V_m,
    exp_V_q,
    f,
    mass,
    p,
    p_rho,
    pi,
    pi_rho,
    rho,
    s,
    s_a,
)

__all__ = ["FACTS", "THEOREMS"]


def _all(prefix: str, bound: str = "y") -> Term:
    """Σ e^R over the responses below."""
    return each_response(prefix, exp_R(prefix, bound), bound)


def _divergence(prefix: str) -> Term:
    """KL(p_f‖p) of responses."""
    return each_response(prefix, f.p(prefix, "y") * (Log(f.p(prefix, "y")) - Log(p(prefix, "y"))))


_GIBBS: Final = gibbs("log X ≤ X - 1 at p/p_f", p(s, "y") / f.p(s, "y"))
FACTS: Final[tuple[Fact, ...]] = (_GIBBS,)

_DEAD: Final = "-inf at pairs that lead to no allowed response: they are no part of the tree"

THEOREMS: Final = (
    Theorem(
        name="P1-logZ",
        title="log-partition = soft value",
        place="Proposition 1",
        claims={"P1-logZ": ""},
        statement="For every finite tree of responses and every reward: V(s) = log Σ_y e^R(s,y) = A_R(s).",
        kind="prefix",
        left=exp_V(s),
        right=_all(s),
        steps=proof(
            Link(each_action(exp_q("a")), ("e^V",)),
            Link(each_action(exp_r("a") * exp_V(s_a)), ("e^q",)),
            Link(each_action(exp_r("a") * _all(s_a)), (HYPOTHESIS,)),
            Link(each_action(each_response(s_a, exp_r("a") * exp_R(s_a, "y"))), (LINEAR,)),
            Link(_all(s), (DISJOINT, "e^R")),
        ),
    ),
    Theorem(
        name="P1-prob",
        title="one law of responses, normalised twice",
        place="Proposition 1",
        claims={"P1-prob": ""},
        statement="For every finite tree of responses and every reward: p_q(y) = e^R(y) / Σ e^R with q = M(r).",
        kind="response",
        left=p(s, "y"),
        right=exp_R(s, "y") / _all(s, "z"),
        steps=proof(
            Link(pi("a") * p(s_a, "y"), ("p",)),
            Link(exp_q("a") / exp_V(s) * p(s_a, "y"), ("π",)),
            Link(exp_q("a") / exp_V(s) * exp_R(s_a, "y") / _all(s_a, "z"), (HYPOTHESIS,)),
            Link(exp_r("a") * exp_V(s_a) / exp_V(s) * exp_R(s_a, "y") / _all(s_a, "z"), ("e^q",)),
            Link(exp_r("a") * exp_R(s_a, "y") / _all(s, "z"), ("P1-logZ",)),
            Link(exp_R(s, a_y) / _all(s, "z"), ("e^R",)),
        ),
    ),
    Theorem(
        name="P1-values-of-q",
        title="the soft value, from the logits alone",
        place="Proposition 1, B.2",
        claims={},
        statement="The soft value that M⁻¹ computes from the logits q = M(r) is V.",
        kind="prefix",
        left=exp_V_q(s),
        right=exp_V(s),
        steps=proof(
            Link(each_action(exp_q("a")), ("e^V_q",)),
            Link(exp_V(s), ("e^V",)),
        ),
    ),
    Theorem(
        name="P1-bijection-r",
        title="M⁻¹ M = id",
        place="Proposition 1, B.2",
        claims={"P1-bijection-r": _DEAD},
        statement="For every finite tree of responses and every reward: M⁻¹(M(r))(s,a) = r(s,a).",
        kind="pair",
        left=exp_r_q("a"),
        right=exp_r("a"),
        steps=proof(
            Link(exp_q("a") / exp_V_q(s_a), ("e^(M⁻¹q)",)),
            Link(exp_r("a") * exp_V(s_a) / exp_V_q(s_a), ("e^q",)),
            Link(exp_r("a"), ("P1-values-of-q",)),
        ),
    ),
    Theorem(
        name="P1-values-of-m",
        title="the soft value of m = M⁻¹(f)",
        place="Proposition 1, B.2",
        claims={},
        statement="For all logits f: the soft value of the rewards m = M⁻¹(f) is log Σ_a e^f(s,a).",
        kind="prefix",
        left=exp_V_m(s),
        right=f.exp_V(s),
        steps=proof(
            Link(each_action(exp_q_m("a")), ("e^V_m",)),
            Link(each_action(exp_m("a") * exp_V_m(s_a)), ("e^q_m",)),
            Link(each_action(exp_m("a") * f.exp_V(s_a)), (HYPOTHESIS,)),
            Link(each_action(f.exp_q("a")), ("e^m",)),
            Link(f.exp_V(s), ("e^V_f",)),
        ),
    ),
    Theorem(
        name="P1-bijection-q",
        title="M M⁻¹ = id",
        place="Proposition 1, B.2",
        claims={"P1-bijection-q": _DEAD},
        statement="For every finite tree of responses and all logits f: M(M⁻¹(f))(s,a) = f(s,a).",
        kind="pair",
        left=exp_q_m("a"),
        right=f.exp_q("a"),
        steps=proof(
            Link(exp_m("a") * exp_V_m(s_a), ("e^q_m",)),
            Link(exp_m("a") * f.exp_V(s_a), ("P1-values-of-m",)),
            Link(f.exp_q("a"), ("e^m",)),
        ),
    ),
    Theorem(
        name="S3.1-chain",
        title="every law of responses is that of a policy",
        place="Section 3.1, eq. (4); B.3",
        claims={
            "S3.1-chain": "that the numbers of free parameters agree",
            "S4.1-tf": "that L^ARM is the expectation of -log p_q, of which π_ρ is the minimiser (P2-minima)",
        },
        statement="For every positive law ρ of responses, π_ρ(a|s) = P(s·a)/P(s): the product of π_ρ is ρ(y|s).",
        kind="response",
        left=p_rho(s, "y"),
        right=rho(s, "y") / mass(s),
        steps=proof(
            Link(pi_rho("a") * p_rho(s_a, "y"), ("p_ρ",)),
            Link(pi_rho("a") * rho(s_a, "y") / mass(s_a), (HYPOTHESIS,)),
            Link(rho(s_a, "y") / mass(s), ("π_ρ",)),
            Link(rho(s, a_y) / mass(s), ("ρ",)),
        ),
    ),
    Theorem(
        name="S3.1-back",
        title="conditioning gives the policy back",
        place="Section 3.1, eq. (4)",
        claims={"S3.1-chain": "the chance of s, which cancels; that the numbers of free parameters agree"},
        statement="For all logits f: the share of p_f below s that begins with a is π_f(a|s).",
        kind="pair",
        left=each_response(s_a, f.p(s, a_y)) / each_response(s, f.p(s, "y")),
        right=f.pi("a"),
        steps=proof(
            Link(each_response(s_a, f.pi("a") * f.p(s_a, "y")) / each_response(s, f.p(s, "y")), ("p_f",)),
            Link(f.pi("a"), ("P4-validity", LINEAR)),
        ),
    ),
    Theorem(
        name="P sums ρ",
        title="the mass of a prefix",
        place="Section 3.1",
        claims={},
        statement="For every positive law ρ of responses: P(s) is the sum of ρ over the responses below s.",
        kind="prefix",
        left=mass(s),
        right=each_response(s, rho(s, "y")),
        steps=proof(Link(each_response(s, rho(s, "y")), ("P",))),
    ),
    Theorem(
        name="Σπ_ρ = 1",
        title="π_ρ is a law of actions",
        place="Section 3.1",
        claims={},
        statement="For every positive law ρ of responses: Σ_a π_ρ(a|s) = 1.",
        kind="step",
        left=each_action(pi_rho("a")),
        right=ONE,
        steps=proof(
            Link(each_action(mass(s_a)) / mass(s), ("π_ρ", LINEAR)),
            Link(each_action(each_response(s_a, rho(s_a, "y"))) / mass(s), ("P sums ρ",)),
            Link(each_response(s, rho(s, "y")) / mass(s), (DISJOINT, "ρ")),
            Link(ONE, ("P",)),
        ),
    ),
    Theorem(
        name="S3.3-bellman",
        title="as many sweeps as there are steps",
        place="Section 3.3, eq. (8)",
        claims={
            "S3.3-bellman": "that T - 1 sweeps are too few, and that the Lipschitz constant is 1",
            "H-exact": "that M_h r is h + 1 sweeps from the value 0 (H-operator)",
        },
        statement="Swept at least as often as s is high, from any logits whatsoever, the value at s is V(s).",
        kind="prefix",
        left=exp_U(s),
        right=exp_V(s),
        steps=proof(
            Link(each_action(exp_r("a") * exp_U(s_a)), ("e^U",)),
            Link(each_action(exp_r("a") * exp_V(s_a)), (HYPOTHESIS,)),
            Link(each_action(exp_q("a")), ("e^q",)),
            Link(exp_V(s), ("e^V",)),
        ),
    ),
    Theorem(
        name="S3.3-opt",
        title="what a policy misses is a divergence",
        place="Section 3.3, eq. (7)",
        claims={"S3.3-opt": f"p_q = p_R (P1-prob); a temperature τ: r/τ and J/τ for r and J; {LIMITS}"},
        statement="For every reward and every policy π_f: J(π_f) = V - KL(p_f‖p_q) with q = M(r).",
        kind="prefix",
        left=control(s),
        right=Log(exp_V(s)) - _divergence(s),
        steps=proof(
            Link(each_action(f.pi("a") * (Log(exp_r("a")) - Log(f.pi("a")) + control(s_a))), ("J",)),
            Link(
                each_action(f.pi("a") * (Log(exp_r("a")) - Log(f.pi("a")) + Log(exp_V(s_a)) - _divergence(s_a))),
                (HYPOTHESIS,),
            ),
            Link(
                each_action(f.pi("a") * (Log(exp_V(s)) + Log(pi("a")) - Log(f.pi("a")) - _divergence(s_a))),
                ("π", "e^q", LOGARITHM),
            ),
            Link(
                Log(exp_V(s)) - each_action(f.pi("a") * (Log(f.pi("a")) - Log(pi("a")) + _divergence(s_a))),
                ("Σπ_f = 1", LINEAR),
            ),
            Link(
                Log(exp_V(s))
                - each_action(
                    each_response(
                        s_a,
                        f.pi("a")
                        * f.p(s_a, "y")
                        * (Log(f.pi("a")) - Log(pi("a")) + Log(f.p(s_a, "y")) - Log(p(s_a, "y"))),
                    )
                ),
                ("P4-validity", LINEAR),
            ),
            Link(Log(exp_V(s)) - _divergence(s), (DISJOINT, "p_f", "p", LOGARITHM)),
        ),
    ),
    Theorem(
        name="S3.3-max",
        title="the optimum of the regularised reward",
        place="Section 3.3, eq. (7); A.7",
        claims={"A7-variational": f"that each maximum is reached, at π_f = π (S3.3-opt with KL = 0); {LIMITS}"},
        statement="For every reward and every policy π_f: J(π_f) ≤ V.",
        kind="prefix",
        left=control(s),
        right=Log(exp_V(s)),
        relation="≤",
        steps=proof(
            Link(Log(exp_V(s)) - _divergence(s), ("S3.3-opt",)),
            Link(
                Log(exp_V(s)),
                (_GIBBS.name, "P1-prob", "P4-validity", LINEAR, LOGARITHM),
                each_response(s, f.p(s, "y") * given(_GIBBS, response="y")),
            ),
        ),
    ),
)
