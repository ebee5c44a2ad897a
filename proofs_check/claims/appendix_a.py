"""Appendices A.1, A.2, A.5 and A.6: factorisations of p(y|x), marginals, a reference measure, the chain rule."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check.claim import TREE, Claim, Comparison, misread
from proofs_check.instances import MODEST, WITH_EOS, Instance
from proofs_check.mistakes import (
    ARM,
    EBM,
    PASSING,
    POLICY,
    RESPONSE_REWARDS,
    SOFT_BELLMAN_LOGITS,
    WITH_REFERENCE,
    without,
)
from proofs_check.paths import beginnings, chances, lengths, tempered
from proofs_check.toolkit import Toolkit
from tabular_bellman import SequenceSpace
from tabular_bellman.enumeration import completions

__all__ = ["CLAIMS"]


def _ends(space: SequenceSpace, log_probs: Any, t: int) -> Any:
    """Return the probability of the response s⊕EOS for each prefix s of t tokens."""
    return log_probs[beginnings(space, t)[0]].reshape((space.n_prefixes_at(t),))


def _eos_depths(space: SequenceSpace) -> range:
    return range(space.min_length - 1, space.n_depths)


# -- A.1: lengths ------------------------------------------------------------------------------------------------------


def _factorised(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits, system = instance.space, kit.logits(instance), kit.system
    P, V = space.n_prompts, space.n_tokens
    log_probs, passing = kit.arm_log_probs(space, logits), kit.passing(space, logits)
    for t in _eos_depths(space):
        ends = _ends(space, log_probs, t)
        given = system.divide(ends, chances(kit, space, log_probs, t))
        if wrong == "s_tau" and t > 0:
            n = space.n_prefixes_at(t - 1)
            parents = system.divide(system.sum(ends.reshape((V, n))), chances(kit, space, log_probs, t - 1))
            given = parents[np.tile(np.arange(n), V)]
        elif wrong == "unconditional":
            given = system.sum(ends.reshape((V**t, P)))[np.tile(np.arange(P), V**t)]
        elif wrong == "absent":
            given = system.ones(given.shape)
        yield Comparison(f"p(y) of the responses of {t} tokens", ends, system.multiply(passing[t], given))


def _end_given_prefix(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits, system = instance.space, kit.logits(instance), kit.system
    log_probs, policy = kit.arm_log_probs(space, logits), kit.policy(space, logits)
    reached = _reached(instance)
    for t in _eos_depths(space):
        ends = _ends(space, log_probs, t)
        law = system.divide(ends, chances(kit, space, log_probs, t))
        if wrong == "joint":
            law = ends
        elif wrong == "without EOS":
            law = kit.lift(np.full(ends.shape, -np.inf))
            if t + 1 < space.n_depths:
                one_more = _ends(space, log_probs, t + 1).reshape((space.n_tokens, space.n_prefixes_at(t)))
                law = system.divide(system.sum(one_more), chances(kit, space, log_probs, t))
        elif wrong == "unconditional":
            per_prompt = system.sum(ends.reshape((space.n_tokens**t, space.n_prompts)))
            law = per_prompt[np.tile(np.arange(space.n_prompts), space.n_tokens**t)]
        if reached[t].any():
            yield Comparison(f"π(EOS|s) after {t} tokens", policy[t][-1][reached[t]], law[reached[t]])


def _reached(instance: Instance) -> list[NDArray[np.bool_]]:
    """Which prefixes have a chance above 0: elsewhere no conditional law is defined."""
    found: list[NDArray[np.bool_]] = [np.asarray(instance.live[0].any(axis=0))]
    for live in instance.live[:-1]:
        found.append((live[: instance.space.n_tokens] & found[-1]).reshape(-1))
    return found


def _length_law(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits = instance.space, kit.logits(instance)
    probs = kit.real(kit.arm_log_probs(space, logits))
    nothing = kit.number(np.zeros(space.n_prompts))
    masses = [
        kit.real(level).reshape((space.n_tokens**t, space.n_prompts)).sum(0)
        for t, level in enumerate(kit.passing(space, logits))
    ]
    masses += [nothing, nothing]
    if wrong == "leaks":
        masses[-2] = masses[-3] * 0.5
    late = wrong == "late"
    for t in range(1, space.max_length + 1):
        after = nothing if wrong == "alive" else masses[t + late]
        law = probs[lengths(space) == t].sum(0)
        yield Comparison(f"l_t = M_t - M_(t+1), t = {t}", law, masses[t - 1 + late] - after)
        so_far = probs[lengths(space) <= t].sum(0)
        yield Comparison(f"Σ of l up to t = 1 - M_(t+1), t = {t}", so_far, 1.0 - masses[t + late])


# -- A.2 and A.6: summing out ------------------------------------------------------------------------------------------


def _marginals(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, tau, system = instance.space, kit.rewards(instance), instance.temperature, kit.system
    P, V = space.n_prompts, space.n_tokens
    logits, values = kit.soft_bellman(space, rewards, tau)
    logits, root = tempered(kit, logits, tau), system.power(values[0], 1.0 / tau)
    totals = system.power(kit.response_rewards(space, rewards), 1.0 / tau)
    log_probs = totals if wrong == "unnormalised" else kit.ebm_log_probs(space, rewards, tau)
    constant = system.ones(root.shape) if wrong == "no constant" else root
    yield Comparison(
        "R = log p + A of each response", totals, system.multiply(kit.arm_log_probs(space, logits), constant)
    )
    passing, policy = kit.passing(space, logits), kit.policy(space, logits)
    for t in range(space.n_depths):
        yield Comparison(f"p of each prefix of {t} tokens", chances(kit, space, log_probs, t), passing[t])
    for t in _eos_depths(space) if space.has_eos else ():
        length = t if wrong == "length without EOS" else t + 1
        law = system.sum(log_probs[lengths(space) == length])
        ends = system.multiply(passing[t], policy[t][-1]).reshape((V**t, P))
        yield Comparison(f"p(|Y| = {t + 1})", law, system.sum(ends))


def _summed_out(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, tau, system = instance.space, instance.temperature, kit.system
    V, last = space.n_tokens, space.n_depths - 1
    steps = tempered(kit, kit.rewards(instance), tau)
    logits = tempered(kit, kit.soft_bellman(space, kit.rewards(instance), tau)[0], tau)
    log_probs, policy = kit.ebm_log_probs(space, kit.rewards(instance), tau), kit.policy(space, logits)
    for t in range(space.n_depths):
        N, A = space.n_prefixes_at(t), space.n_actions(t)
        below = pairs = system.ones((0, N))
        if t < last or not space.has_eos:
            pairs = chances(kit, space, log_probs, t + 1).reshape((V, N))
        if t < last:
            below = system.sum(completions(space, system, steps, start=t + 1)).reshape((V, N))
            if wrong == "greedy":
                below = system.ones((V, N))
        if pairs.shape[0] < A:
            pairs = system.stack([pairs, _ends(space, log_probs, t).reshape((1, N))])
        below = system.stack([below, system.ones((A - below.shape[0], N))])
        step = system.ones((A, N)) if wrong == "future only" else steps[t]
        yield Comparison(f"logits at depth {t}", logits[t], system.multiply(step, below))
        here = system.ones((N,)) if wrong == "joint" else chances(kit, space, log_probs, t)
        yield Comparison(f"p(s⊕a) = p(s) π(a|s) at depth {t}", pairs, system.multiply(here, policy[t]))


# -- A.5: a reference measure ------------------------------------------------------------------------------------------


def _with_reference(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, system = instance.space, kit.rewards(instance), kit.system
    reference = kit.policy(space, kit.other(instance))
    logits, values = kit.with_reference(space, rewards, kit.other(instance))
    both = kit.response_rewards(space, rewards)
    if wrong != "not in R":
        both = system.multiply(both, kit.arm_log_probs(space, kit.other(instance)))
    if wrong == "twice":
        both = system.multiply(both, kit.arm_log_probs(space, kit.other(instance)))
    tilted = [system.multiply(q, ref) for q, ref in zip(logits, reference, strict=True)]
    models = kit.arm_log_probs(space, list(logits) if wrong == "not in π" else tilted)
    yield Comparison("log-probability of each response", system.normalise(both), models)
    yield Comparison("log-partition = root value", system.sum(both), values[0])


CLAIMS: Final = (
    Claim(
        id="A1-fact",
        place="Appendix A.1",
        statement="P(Y = y) = P(Y_≤τ = y_≤τ) · P(len = τ | S_(τ+1) = x⊕y_≤τ)",
        latex=r"P(Y = y) = P(Y_{\le\tau} = y_{\le\tau}) \, "
        r"P(\mathrm{len} = \tau \mid S_{\tau+1} = x \oplus y_{\le\tau})",
        hypotheses=f"{TREE}; y of τ tokens, EOS not counted; printed with S_τ",
        routes=(
            "products of next-token probabilities along each response",
            "the forward recursion to y_≤τ, times the law of the length among the responses that begin with y_≤τ",
        ),
        body=_factorised,
        mistakes=(*ARM, *PASSING),
        misreadings=misread(
            _factorised,
            ("fact-state-as-printed", "the length given S_τ, without the last token (A.1)", "s_tau"),
            ("fact-length-unconditional", "P(len = τ), given nothing", "unconditional"),
            ("fact-without-length", "P(Y_≤τ = y_≤τ) alone", "absent"),
        ),
        errata=("E11",),
        scope=WITH_EOS,
    ),
    Claim(
        id="A1-eos",
        place="Appendix A.1",
        statement="π(EOS|s_t) = P(len = t | S_t = s_t) for t ≥ 1, EOS counted",
        latex=r"\pi(\mathrm{EOS} \mid s_t) = P(\mathrm{len} = t \mid S_t = s_t) \text{ for } t \ge 1, "
        r"\text{ EOS counted}",
        hypotheses=f"{TREE}; prefixes of positive probability; printed for t ≥ 0, but there is no S_0",
        routes=("the softmax at s_t", "the law of the length among all responses that begin with s_t"),
        body=_end_given_prefix,
        # A softmax of the tokens without EOS leaves the entry of EOS as it is.
        mistakes=(*ARM, *without(POLICY, "policy-without-eos")),
        misreadings=misread(
            _end_given_prefix,
            ("eos-length-without-eos", "EOS is not counted", "without EOS"),
            ("eos-joint", "P(len = t, S_t = s_t)", "joint"),
            ("eos-length-unconditional", "P(len = t)", "unconditional"),
        ),
        errata=("E11",),
        scope=WITH_EOS,
    ),
    Claim(
        id="P4-lengths",
        place="Proposition 4, Appendix B.5",
        statement="l_t = M_t - M_(t+1), so that Σ_(τ≤t) l_τ = 1 - M_(t+1), M_(T+1) = 0",
        latex=r"l_t = M_t - M_{t+1}, \quad \sum_{\tau \le t} l_\tau = 1 - M_{t+1}, \quad M_{T+1} = 0",
        hypotheses=(
            f"{TREE}; l_t: the chance of length t, M_t: of having written t-1 tokens; "
            "where EOS is not forced at t, what is missing is M_(t+1)"
        ),
        routes=("sums over the responses of each length", "sums over prefixes of the forward recursion"),
        body=_length_law,
        mistakes=(*ARM, *PASSING),
        misreadings=misread(
            _length_law,
            ("lengths-one-late", "l_t = M_(t+1) - M_(t+2)", "late"),
            ("lengths-not-ended", "l_t = M_t: what may go on counts too", "alive"),
            ("lengths-end-not-forced", "M_(T+1) > 0", "leaks"),
        ),
        errata=("E1", "E3"),
        scope=WITH_EOS,
    ),
    Claim(
        id="A2-marg",
        place="Appendix A.2",
        statement="R(x, y) = log p(y|x) + A(x); laws of prefixes and lengths are sums of p",
        latex=r"R(x, y) = \log p(y \mid x) + A(x), \quad p(y_{\le t} \mid x) "
        r"= \sum_{y' \succeq y_{\le t}} p(y' \mid x), \quad P(\mathrm{len} = t \mid x) = \sum_{|y| = t} p(y \mid x)",
        hypotheses=f"{TREE}; the “constant factor” is an additive constant of R",
        routes=(
            "rewards along each response; sums of exp R over its normaliser, by enumeration",
            "the soft Bellman recursion, then products of next-token probabilities from the root",
        ),
        body=_marginals,
        # A softmax of the tokens without EOS leaves the entry of EOS as it is, and of π no other is used.
        mistakes=(
            *SOFT_BELLMAN_LOGITS,
            *EBM,
            *ARM,
            *PASSING,
            *without(POLICY, "policy-without-eos"),
            *RESPONSE_REWARDS,
        ),
        misreadings=misread(
            _marginals,
            ("marg-unnormalised", "sums of exp R, not of p", "unnormalised"),
            ("marg-no-constant", "R = log p", "no constant"),
            ("marg-length-without-eos", "EOS is not counted", "length without EOS"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="A5-reference",
        place="Appendix A.5",
        statement="q = r + log E_{π_ref} exp q(next), π ∝ π_ref exp q give p = p_{R + R_ref}",
        latex=r"q = r + \log \mathbb{E}_{\pi_{\mathrm{ref}}} e^{q(s', \cdot)}, \; \pi \propto \pi_{\mathrm{ref}} e^q "
        r"\implies p_\pi = p_{R + R_{\mathrm{ref}}}",
        hypotheses=f"{TREE}; R_ref = log p_ref, with π_ref(EOS|s_T) = 1 and π_ref > 0 where a response is allowed",
        routes=("exp(R + log p_ref) and its sum, by enumeration", "the soft Bellman recursion with a reference"),
        body=_with_reference,
        mistakes=(*WITH_REFERENCE, *ARM, *RESPONSE_REWARDS),
        misreadings=misread(
            _with_reference,
            ("reference-not-in-policy", "π ∝ exp q", "not in π"),
            ("reference-not-in-energy", "p_R, without R_ref", "not in R"),
            ("reference-twice-in-energy", "R + 2 R_ref", "twice"),
        ),
    ),
    Claim(
        id="A6-chain",
        place="Appendix A.6",
        statement="q(s_t, a) = log Σ over y_>t of exp Σ_(k≥t) r(s_k, y_k); π is p_R given s_t",
        latex=r"q(s_t, a) = \log \sum_{y_{>t}} \exp \sum_{k \ge t} r(s_k, y_k), \quad "
        r"\pi(a \mid s_t) = p_R(a \mid s_t)",
        hypotheses=f"{TREE} (the paper: all of one length); y_t = a; stated without dividing by p(s_t)",
        routes=("sums over all continuations, and over all responses", "the soft Bellman recursion and its softmax"),
        body=_summed_out,
        # One normaliser for all prompts cancels in p(s⊕a) = p(s) π(a|s).
        mistakes=(*SOFT_BELLMAN_LOGITS, *without(EBM, "prompts-pooled"), *POLICY),
        misreadings=misread(
            _summed_out,
            ("chain-no-future", "q = r: nothing is summed out", "greedy"),
            ("chain-future-only", "the sum in the exponent starts at t+1", "future only"),
            ("chain-joint", "π(a|s) is taken for p(s⊕a)", "joint"),
        ),
        scope=MODEST,
    ),
)
