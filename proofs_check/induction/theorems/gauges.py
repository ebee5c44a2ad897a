"""Beyond the paper: what changes of reward do to values, logits and responses."""

from typing import Final

from proofs_check.induction.terms import Log
from proofs_check.induction.theorems.common import ONE, proof
from proofs_check.induction.theory import HYPOTHESIS, LINEAR, LOGARITHM, Fact, Link, Theorem
from proofs_check.induction.vocabulary import (
    a_y,
    each_action,
    exp_phi,
    exp_q,
    exp_q_phi,
    exp_q_pi,
    exp_R,
    exp_r,
    exp_R_phi,
    exp_r_phi,
    exp_V,
    exp_V_phi,
    exp_V_pi,
    f,
    s,
    s_a,
)

__all__ = ["FACTS", "THEOREMS"]

FACTS: Final[tuple[Fact, ...]] = ()

THEOREMS: Final = (
    Theorem(
        name="G-values",
        title="shaping shifts values",
        place="beyond the paper",
        claims={},
        statement="For every reward r and potential φ, 0 at the end: V'(s) = V(s) + φ(s), with r' = r + φ(s) - φ(s·a).",
        kind="prefix",
        left=exp_V_phi(s),
        right=exp_phi(s) * exp_V(s),
        steps=proof(
            Link(each_action(exp_q_phi("a")), ("e^V'",)),
            Link(each_action(exp_r_phi("a") * exp_V_phi(s_a)), ("e^q'",)),
            Link(each_action(exp_r_phi("a") * exp_phi(s_a) * exp_V(s_a)), (HYPOTHESIS,)),
            Link(each_action(exp_r("a") * exp_phi(s) * exp_V(s_a)), ("e^r'",)),
            Link(exp_phi(s) * each_action(exp_q("a")), ("e^q", LINEAR)),
            Link(exp_phi(s) * exp_V(s), ("e^V",)),
        ),
    ),
    Theorem(
        name="G-equivariance",
        title="shaping is a gauge of M",
        place="beyond the paper",
        claims={"G-equivariance": "a temperature τ: r/τ and φ/τ for r and φ"},
        statement="For every reward r and potential φ, 0 at the end: M(r + φ(s) - φ(s·a)) = M(r) + φ(s).",
        kind="pair",
        left=exp_q_phi("a"),
        right=exp_phi(s) * exp_q("a"),
        steps=proof(
            Link(exp_r_phi("a") * exp_V_phi(s_a), ("e^q'",)),
            Link(exp_r_phi("a") * exp_phi(s_a) * exp_V(s_a), ("G-values",)),
            Link(exp_r("a") * exp_phi(s) * exp_V(s_a), ("e^r'",)),
            Link(exp_phi(s) * exp_q("a"), ("e^q",)),
        ),
    ),
    Theorem(
        name="G-invariance",
        title="shaping is invisible to responses",
        place="beyond the paper",
        claims={
            "G-invariance": "",
            "G-shaping": "that nothing else is in the kernel: there is one potential for each prefix but the root",
        },
        statement="For every reward r and potential φ, 0 at the end: R'(y) = R(y) + φ(s) for every response y.",
        kind="response",
        left=exp_R_phi(s, "y"),
        right=exp_phi(s) * exp_R(s, "y"),
        steps=proof(
            Link(exp_r_phi("a") * exp_R_phi(s_a, "y"), ("e^R'",)),
            Link(exp_r_phi("a") * exp_phi(s_a) * exp_R(s_a, "y"), (HYPOTHESIS,)),
            Link(exp_r("a") * exp_phi(s) * exp_R(s_a, "y"), ("e^r'",)),
            Link(exp_phi(s) * exp_R(s, a_y), ("e^R",)),
        ),
    ),
    Theorem(
        name="G-normalised",
        title="log-probabilities have the value 0",
        place="beyond the paper",
        claims={},
        statement="For all logits f: the soft value of the rewards log π_f is 0 at every prefix.",
        kind="prefix",
        left=exp_V_pi(s),
        right=ONE,
        steps=proof(
            Link(each_action(exp_q_pi("a")), ("e^V_π",)),
            Link(each_action(f.pi("a") * exp_V_pi(s_a)), ("e^q_π",)),
            Link(each_action(f.pi("a")), (HYPOTHESIS,)),
            Link(ONE, ("Σπ_f = 1",)),
        ),
    ),
    Theorem(
        name="G-sections",
        title="M keeps log-probabilities",
        place="beyond the paper; Section 2.2",
        claims={"G-sections": ""},
        statement="For all logits f: M(log π_f) = log π_f.",
        kind="pair",
        left=exp_q_pi("a"),
        right=f.pi("a"),
        steps=proof(
            Link(f.pi("a") * exp_V_pi(s_a), ("e^q_π",)),
            Link(f.pi("a"), ("G-normalised",)),
        ),
    ),
    Theorem(
        name="G-fixed",
        title="what M adds is the value after",
        place="beyond the paper",
        claims={
            "G-sections": "that M(r) - r = 0 for all pairs says V = 0 at every prefix but the root, and conversely"
        },
        statement="For every reward: M(r)(s,a) - r(s,a) = V(s·a).",
        kind="pair",
        left=Log(exp_q("a")) - Log(exp_r("a")),
        right=Log(exp_V(s_a)),
        steps=proof(Link(Log(exp_V(s_a)), ("e^q", LOGARITHM))),
    ),
)
