"""Proposition 3 and its sharp form: how far apart two models are over whole responses, with logits within ε."""

from typing import Final

from proofs_check.induction.terms import Log, Term
from proofs_check.induction.theorems.common import given, hypothesis, proof
from proofs_check.induction.theory import HYPOTHESIS, LINEAR, Fact, Link, Quantity, Theorem
from proofs_check.induction.vocabulary import (
    Policy,
    divergence,
    divergence_k,
    divergences,
    divergences_k,
    each_action,
    each_response,
    epsilon,
    f,
    free_depths,
    g,
    height,
    k,
    kappa,
    kappa_s,
    kappas,
    mean_length,
    s,
    s_a,
    several,
)

__all__ = ["FACTS", "THEOREMS"]

_FREE: Final = Fact(
    name="n(s) ≥ b(s) + n(s·a)",
    kind="pair",
    term=free_depths(s) - several(s) - free_depths(s_a),
    words="a depth that offers several actions at s or below counts: n is at least their number, b 1 or 0",
)
_HIGH: Final = Fact(
    name="T(s) ≥ 1 + T(s·a)", kind="pair", term=height(s) - 1 - height(s_a), words="T: at least the steps that are left"
)
FACTS: Final = (_FREE, _HIGH)


def _kl(prefix: str, other: Policy) -> Term:
    return each_response(prefix, f.p(prefix, "y") * (Log(f.p(prefix, "y")) - Log(other.p(prefix, "y"))))


def _unfolded(other: Policy, one: Quantity, chain: Quantity, lemma: str) -> tuple[Link, ...]:
    """KL of responses as KL of this step and of what follows."""
    return (
        Link(chain(s), (lemma,)),
        Link(one(s) + each_action(f.pi("a") * chain(s_a)), (chain.name,)),
        Link(one(s) + each_action(f.pi("a") * _kl(s_a, other)), (lemma,)),
    )


def _then(bound: Term, other: Policy) -> Term:
    return bound + each_action(f.pi("a") * _kl(s_a, other))


_EITHER: Final = "the other direction, which is the same with f and g exchanged"
_A4: Final = _unfolded(g, divergence, divergences, "A4-kl-chain")
_TWICE: Final = 2 * epsilon()


THEOREMS: Final = (
    Theorem(
        name="P3-kl-bound",
        title="distillation",
        place="Proposition 3, B.4",
        claims={
            "P3-kl-bound": f"f or g = q* = M(r), whose p is p_R (P1-prob); T(x) = T, ε the maximum; {_EITHER}",
            "S4.2-approx": "ε ≤ δ/2T, so that 2Tε ≤ δ; that a Transformer gets so near",
        },
        statement="For all logits with |f - g| ≤ ε: KL(p_f‖p_g) ≤ 2ε T(s), T(s) at least the steps that are left at s.",
        kind="prefix",
        left=_kl(s, g),
        right=_TWICE * height(s),
        relation="≤",
        steps=proof(
            *_A4,
            Link(_then(_TWICE, g), ("L1-kl",), given("L1-kl")),
            Link(
                _TWICE + each_action(f.pi("a") * _TWICE * height(s_a)),
                (HYPOTHESIS, LINEAR),
                each_action(f.pi("a") * hypothesis()),
            ),
            Link(
                _TWICE * height(s),
                (_HIGH.name, "Σπ_f = 1", LINEAR),
                _TWICE * each_action(f.pi("a") * given(_HIGH, action="a")),
            ),
        ),
    ),
    Theorem(
        name="B4-proof",
        title="distillation, by expected length",
        place="Proposition 3, B.4",
        claims={"B4-proof": "g = q* = M(r), whose p is p_R (P1-prob); ε the maximum. The chain of KL is A4-kl-chain"},
        statement="For all logits with |f - g| ≤ ε: KL(p_f‖p_g) ≤ 2ε E|Y|, the expectation under p_f.",
        kind="prefix",
        left=_kl(s, g),
        right=_TWICE * mean_length(s),
        relation="≤",
        steps=proof(
            *_A4,
            Link(_then(_TWICE, g), ("L1-kl",), given("L1-kl")),
            Link(
                _TWICE + each_action(f.pi("a") * _TWICE * mean_length(s_a)),
                (HYPOTHESIS, LINEAR),
                each_action(f.pi("a") * hypothesis()),
            ),
            Link(_TWICE * mean_length(s), ("E|Y|", LINEAR)),
        ),
    ),
    Theorem(
        name="K-sequence",
        title="κ for each step that offers a choice",
        place="beyond the paper (Proposition 3, sharp)",
        claims={
            "K-sequence": f"n = T - 1 with EOS forced at the last step; that it is attained or approached; {_EITHER}",
            "K-fixed-length": f"n = the length; that it is attained; {_EITHER}",
        },
        statement="For all logits with |f - g| ≤ ε: KL(p_f‖p_g) ≤ n κ(ε), n the depths that offer several actions.",
        kind="prefix",
        left=_kl(s, g),
        right=free_depths(s) * kappa(),
        relation="≤",
        steps=proof(
            *_A4,
            Link(_then(several(s) * kappa(), g), ("K-kappa of a step",), given("K-kappa of a step")),
            Link(
                several(s) * kappa() + each_action(f.pi("a") * free_depths(s_a) * kappa()),
                (HYPOTHESIS, LINEAR),
                each_action(f.pi("a") * hypothesis()),
            ),
            Link(
                free_depths(s) * kappa(),
                (_FREE.name, "κ ≥ 0", "Σπ_f = 1", LINEAR),
                given("κ ≥ 0") * each_action(f.pi("a") * given(_FREE, action="a")),
            ),
        ),
    ),
    Theorem(
        name="K-sequence by spans",
        title="κ of each step's own distance",
        place="beyond the paper (Proposition 3, sharp)",
        claims={
            "K-sequence": "c the middle of f - k at each prefix, so that ε(s) is half the span",
            "C5-bound": "c the middle of f - k, so that ε(s) is half the span; that κ(span/2) ≤ 2‖f - k‖",
        },
        statement="For all logits with |f - k - c(s)| ≤ ε(s): KL(p_f‖p_k) ≤ Σ P_f(s) κ(ε(s)), over free prefixes.",
        kind="prefix",
        left=_kl(s, k),
        right=kappas(s),
        relation="≤",
        steps=proof(
            *_unfolded(k, divergence_k, divergences_k, "A4-kl-chain of k"),
            Link(_then(several(s) * kappa_s(s), k), ("K-span of a step",), given("K-span of a step")),
            Link(
                several(s) * kappa_s(s) + each_action(f.pi("a") * kappas(s_a)),
                (HYPOTHESIS, LINEAR),
                each_action(f.pi("a") * hypothesis()),
            ),
            Link(kappas(s), ("κ_chain",)),
        ),
    ),
)
