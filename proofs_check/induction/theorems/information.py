"""Appendices A.3, A.4 and A.8, Section 2.1: chain rules of entropy and divergence, and lower bounds."""

from typing import Final

from proofs_check.induction.terms import Log, Operand, Term
from proofs_check.induction.theorems.common import LAWS, LIMITS, gibbs, given, proof
from proofs_check.induction.theory import DISJOINT, HYPOTHESIS, LINEAR, LOGARITHM, Fact, Link, Quantity, Theorem
from proofs_check.induction.vocabulary import (
    Policy,
    divergence,
    divergence_k,
    divergences,
    divergences_k,
    each_action,
    each_response,
    entropies,
    entropy,
    estimator,
    exp_R,
    f,
    g,
    k,
    p_ref,
    s,
    s_a,
)

__all__ = ["FACTS", "THEOREMS"]


def _sum(prefix: str, bound: str = "y") -> Term:
    """Σ e^R."""
    return each_response(prefix, exp_R(prefix, bound), bound)


def _tilted(prefix: str, bound: str = "y") -> Term:
    """Σ e^R p_ref."""
    return each_response(prefix, exp_R(prefix, bound) * p_ref(prefix, bound), bound)


def _expected(prefix: str, value: Operand) -> Term:
    """E over y ~ p_f."""
    return each_response(prefix, f.p(prefix, "y") * value)


def _log_p(prefix: str) -> Term:
    return Log(f.p(prefix, "y"))


def _log_ratio(prefix: str, other: Policy) -> Term:
    return _log_p(prefix) - Log(other.p(prefix, "y"))


_P_R: Final = exp_R(s, "y") / _sum(s, "z")
_P_STAR: Final = exp_R(s, "y") * p_ref(s, "y") / _tilted(s, "z")
_GIBBS: Final = gibbs("log X ≤ X - 1 at p_R/p_f", _P_R / f.p(s, "y"))
FACTS: Final[tuple[Fact, ...]] = (_GIBBS,)


def _chain_of_divergences(name: str, other: Policy, one: Quantity, chain: Quantity, claims: dict[str, str]) -> Theorem:
    """Appendix A.4, for two policies."""
    pi_f, pi_0, tag = f.pi("a"), other.pi("a"), other.pi.name[2:]
    return Theorem(
        name=name,
        title="the chain rule of KL",
        place="Appendix A.4",
        claims=claims,
        statement=f"For all logits f and {tag}: KL(p_f‖p_{tag}) = Σ_s P_f(s) KL(π_f‖π_{tag}).",
        kind="prefix",
        left=chain(s),
        right=_expected(s, _log_ratio(s, other)),
        steps=proof(
            Link(one(s) + each_action(pi_f * chain(s_a)), (chain.name,)),
            Link(one(s) + each_action(pi_f * _expected(s_a, _log_ratio(s_a, other))), (HYPOTHESIS,)),
            Link(
                each_action(pi_f * (Log(pi_f) - Log(pi_0) + _expected(s_a, _log_ratio(s_a, other)))), (one.name, LINEAR)
            ),
            Link(
                each_action(
                    each_response(s_a, pi_f * f.p(s_a, "y") * (Log(pi_f) - Log(pi_0) + _log_ratio(s_a, other)))
                ),
                ("P4-validity", LINEAR),
            ),
            Link(_expected(s, _log_ratio(s, other)), (DISJOINT, "p_f", f"p_{tag}", LOGARITHM)),
        ),
    )


THEOREMS: Final = (
    Theorem(
        name="A3-entropy-chain",
        title="the chain rule of entropy",
        place="Appendix A.3",
        claims={"A3-entropy-chain": "that the sum over prefixes of one depth is the conditional entropy of that step"},
        statement="For all logits f: H(p_f) = Σ_s P_f(s) H(π_f(·|s)), over the prefixes that are reached.",
        kind="prefix",
        left=entropies(s),
        right=-_expected(s, _log_p(s)),
        steps=proof(
            Link(entropy(s) + each_action(f.pi("a") * entropies(s_a)), ("H_chain",)),
            Link(entropy(s) - each_action(f.pi("a") * _expected(s_a, _log_p(s_a))), (HYPOTHESIS, LINEAR)),
            Link(-each_action(f.pi("a") * (Log(f.pi("a")) + _expected(s_a, _log_p(s_a)))), ("H", LINEAR)),
            Link(
                -each_action(each_response(s_a, f.pi("a") * f.p(s_a, "y") * (Log(f.pi("a")) + _log_p(s_a)))),
                ("P4-validity", LINEAR),
            ),
            Link(-_expected(s, _log_p(s)), (DISJOINT, "p_f", LOGARITHM)),
        ),
    ),
    Theorem(
        name="A3-estimates",
        title="entropies on the way, on average",
        place="Appendix A.3",
        claims={},
        statement="For all logits f: the expectation of the sum of H along y is the sum over prefixes of P_f H.",
        kind="prefix",
        left=_expected(s, estimator(s, "y")),
        right=entropies(s),
        steps=proof(
            Link(
                each_action(each_response(s_a, f.pi("a") * f.p(s_a, "y") * (entropy(s) + estimator(s_a, "y")))),
                (DISJOINT, "p_f", "Ĥ"),
            ),
            Link(each_action(f.pi("a") * (entropy(s) + _expected(s_a, estimator(s_a, "y")))), (LINEAR, "P4-validity")),
            Link(each_action(f.pi("a") * (entropy(s) + entropies(s_a))), (HYPOTHESIS,)),
            Link(entropy(s) + each_action(f.pi("a") * entropies(s_a)), (LINEAR, "Σπ_f = 1")),
            Link(entropies(s), ("H_chain",)),
        ),
    ),
    Theorem(
        name="A3-estimator",
        title="an unbiased estimate of entropy",
        place="Appendix A.3",
        claims={"A3-estimator": ""},
        statement="For all logits f: the expectation of Σ_t H(π_f(·|s_t)) along y is H(p_f).",
        kind="prefix",
        left=_expected(s, estimator(s, "y")),
        right=-_expected(s, _log_p(s)),
        steps=proof(
            Link(entropies(s), ("A3-estimates",)),
            Link(-_expected(s, _log_p(s)), ("A3-entropy-chain",)),
        ),
    ),
    _chain_of_divergences("A4-kl-chain", g, divergence, divergences, {"A4-kl-chain": LIMITS}),
    _chain_of_divergences("A4-kl-chain of k", k, divergence_k, divergences_k, {}),
    Theorem(
        name="A8-elbo",
        title="the gap of the lower bound is a divergence",
        place="Section 2.1; Appendix A.8",
        claims={
            "A8-elbo": LAWS,
            "S2-maxent": f"{LAWS}; a temperature τ: R/τ for R; uniqueness of the maximum",
        },
        statement="For every reward and all logits f: A_R = E[R] + H(p_f) + KL(p_f‖p_R), expectations under p_f.",
        kind="prefix",
        left=Log(_sum(s)),
        right=_expected(s, Log(exp_R(s, "y"))) - _expected(s, _log_p(s)) + _expected(s, _log_p(s) - Log(_P_R)),
        steps=proof(
            Link(_expected(s, Log(_sum(s, "z"))), ("P4-validity", LINEAR)),
            Link(
                _expected(s, Log(exp_R(s, "y")) - _log_p(s) + _log_p(s) - Log(_P_R)),
                (LOGARITHM,),
            ),
            Link(
                _expected(s, Log(exp_R(s, "y"))) - _expected(s, _log_p(s)) + _expected(s, _log_p(s) - Log(_P_R)),
                (LINEAR,),
            ),
        ),
    ),
    Theorem(
        name="A8-bound",
        title="the evidence lower bound",
        place="Appendix A.8",
        claims={"A8-elbo": f"{LAWS}; that it is reached, at p_R (A8-elbo with KL = 0)"},
        statement="For every reward and all logits f: E[R] + H(p_f) ≤ A_R, the expectation under p_f.",
        kind="prefix",
        left=_expected(s, Log(exp_R(s, "y"))) - _expected(s, _log_p(s)),
        right=Log(_sum(s)),
        relation="≤",
        steps=proof(
            Link(
                Log(_sum(s)),
                (_GIBBS.name, "P4-validity", LINEAR, LOGARITHM),
                _expected(s, given(_GIBBS, response="y")),
            ),
        ),
    ),
    Theorem(
        name="S2-klreg",
        title="regularised by a reference",
        place="Section 2.1, eq. (2)",
        claims={"S2-klreg": LAWS},
        statement="For every reward and p_f: E[R] - KL(p_f‖p_ref) = log Σ p_ref e^R - KL(p_f‖p*), p* ∝ p_ref e^R.",
        kind="prefix",
        left=_expected(s, Log(exp_R(s, "y"))) - _expected(s, _log_p(s) - Log(p_ref(s, "y"))),
        right=Log(_tilted(s)) - _expected(s, _log_p(s) - Log(_P_STAR)),
        steps=proof(
            Link(
                _expected(s, Log(exp_R(s, "y")) + Log(p_ref(s, "y")) - _log_p(s)),
                (LINEAR,),
            ),
            Link(
                _expected(s, Log(_tilted(s, "z")) + Log(_P_STAR) - _log_p(s)),
                (LOGARITHM,),
            ),
            Link(Log(_tilted(s)) - _expected(s, _log_p(s) - Log(_P_STAR)), ("P4-validity", LINEAR)),
        ),
    ),
)
