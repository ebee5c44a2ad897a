"""Appendices A.7 to A.9: nested maxima, the evidence lower bound, and sums over the paths of a graph."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.claim import TREE, Claim, Comparison, misread
from proofs_check.exact import as_exact
from proofs_check.instances import MODEST, Instance, bare
from proofs_check.mistakes import (
    EBM,
    EBM_RISK,
    ENTROPY,
    KL,
    LOG_PARTITION,
    OF_TEMPERATURE,
    POLICY,
    SOFT_BELLMAN,
    SOFT_BELLMAN_POLICY,
    without,
)
from proofs_check.paths import lengths, tempered
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace
from tabular_bellman.enumeration import completions
from tabular_bellman.recursion import forward

__all__ = ["CLAIMS"]


def _logs(kit: Toolkit[Any], weights: Any, forbidden: NDArray[np.bool_]) -> Any:
    """Return log weights as numbers, with 0 at what is forbidden (where no one goes)."""
    return reals.where(forbidden, kit.number(np.zeros(forbidden.shape)), kit.log(weights))


# -- A.7: nested maxima ------------------------------------------------------------------------------------------------


def _nested(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, tau = instance.space, kit.rewards(instance), instance.temperature
    logits, values = kit.soft_bellman(space, rewards, tau)
    best, other = kit.policy(space, tempered(kit, logits, tau)), kit.policy(space, kit.other(instance))
    largest = kit.log(kit.log_partition(space, rewards, tau)) * tau
    yield Comparison("A = the value of π = softmax(M r)", largest, _value_of(kit, space, rewards, best, tau, wrong))
    yield Comparison("A ≥ that of another π", _value_of(kit, space, rewards, other, tau, wrong), largest, "at most")
    for t, live in enumerate(instance.live):
        alive, pi = live.any(axis=0), other[t]
        forbidden = kit.system.is_zero(pi)
        surprise = _logs(kit, pi, forbidden)
        gains = _logs(kit, logits[t], forbidden) - tau * surprise
        missing = kit.log(values[t])[alive] - expectation(kit, pi, gains)[alive]
        divergence = expectation(kit, pi, surprise - _logs(kit, best[t], forbidden))[alive]
        if alive.any():
            yield Comparison(f"what π misses at each prefix of depth {t} = τ KL(π‖π*)", missing, tau * divergence)


def _value_of(kit: Toolkit[Any], space: SequenceSpace, rewards: Levels, policy: Levels, tau: float, wrong: str) -> Any:
    """Return E[r + τ H + …] from the last step to the first, at the root."""
    below: Any = None
    for t in reversed(range(space.n_depths)):
        pi = policy[t]
        if wrong == "blind" and t == space.n_depths - 1 > 0:
            pi = pi[:, np.tile(np.arange(space.n_prefixes_at(t - 1)), space.n_tokens)]
        forbidden = kit.system.is_zero(pi)
        gains = _logs(kit, rewards[t], forbidden)
        if below is not None:
            V = space.n_tokens
            gains = reals.concatenate([gains[:V] + below.reshape((V, gains.shape[1])), gains[V:]])
        if not (wrong == "no entropy" or (wrong == "first entropy" and t > 0)):
            gains = gains - tau * _logs(kit, pi, forbidden)
        below = expectation(kit, pi, gains)
    return below


# -- A.8: the evidence lower bound -------------------------------------------------------------------------------------


def _elbo(kit: Toolkit[Any], space: SequenceSpace, rewards: Levels, logits: Levels, wrong: str = "") -> Any:
    """Return E_p[R] + H(p) of the model with these logits, step by step."""
    terms = []
    for passing, pi, r in zip(kit.passing(space, logits), kit.policy(space, logits), rewards, strict=True):
        forbidden = kit.system.is_zero(pi)
        gains = _logs(kit, r, forbidden)
        if wrong != "no entropy":
            gains = gains - _logs(kit, pi, forbidden)
        per_prefix = expectation(kit, pi, gains).reshape((passing.shape[0] // space.n_prompts, space.n_prompts))
        terms.append(expectation(kit, passing.reshape(per_prefix.shape), per_prefix))
    return sum(terms[1:], terms[0])


def _lower_bound(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, tau, others = instance.space, instance.temperature, kit.other(instance)
    steps = tempered(kit, kit.rewards(instance), tau)
    logits = tempered(kit, kit.soft_bellman(space, kit.rewards(instance), tau)[0], tau)
    largest = kit.log(kit.log_partition(space, kit.rewards(instance), tau))
    bound = _elbo(kit, space, steps, others, wrong)
    yield Comparison("ELBO(p) ≤ A", bound, largest, "at most")
    gap = kit.kl(space, logits, others) if wrong == "reversed" else kit.kl(space, others, logits)
    yield Comparison("A - ELBO(p) = KL(p‖p_R)", largest - bound, gap)
    best = _elbo(kit, space, steps, kit.logits(instance) if wrong == "q = r" else logits, wrong)
    yield Comparison("A = ELBO at q = M(r)", largest, best)


def _saddle(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, target, weights = (
        instance.space,
        kit.rewards(instance),
        kit.other(instance),
        instance.prompt_weights,
    )
    logits, _ = kit.soft_bellman(space, rewards, 1.0)
    log_rho = kit.arm_log_probs(space, target)
    pooled = np.full_like(weights, 1.0 / weights.size) if wrong == "pooled" else weights

    def objective(table: Levels, q: Levels) -> Any:
        """E_q[R] + H(q) - E_ρ[R]."""
        rewarded = kit.response_rewards(space, table)
        there = expectation(kit, log_rho, kit.log(rewarded))
        return reals.total((_elbo(kit, space, table, q, wrong) - there) * pooled)

    risk = kit.ebm_risk(space, rewards, target, weights)
    least = reals.total(kit.entropy(space, target) * weights)
    yield Comparison("E_ρ ℓ_R = max over q, at q = M(r)", risk, objective(rewards, logits))
    yield Comparison("no other q gives more", objective(rewards, kit.logits(instance)), risk, "at most")
    yield Comparison("H(ρ) ≤ E_ρ ℓ_R", least, risk, "at most")
    attained = kit.policy(space, target)
    if wrong == "R = 0":
        attained = [kit.lift(np.where(live, 0.0, -np.inf)) for live in instance.live]
    yield Comparison("E_ρ ℓ_R = H(ρ) at R = log ρ", kit.ebm_risk(space, attained, target, weights), least)
    yield Comparison("at q = log π_ρ every R gives H(ρ)", objective(rewards, target), least)
    yield Comparison("at R = log ρ no q gives more", objective(attained, kit.logits(instance)), least, "at most")


# -- A.9: sums over paths ----------------------------------------------------------------------------------------------


def _forward_backward(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, tau, system = instance.space, instance.temperature, kit.system
    V, last = space.n_tokens, space.n_depths - 1
    steps = tempered(kit, kit.rewards(instance), tau)
    logits, values = kit.soft_bellman(space, kit.rewards(instance), tau)
    policy = kit.policy(space, tempered(kit, logits, tau))
    alpha = forward(space, system, steps)
    beta = [system.sum(completions(space, system, steps, start=t)) for t in range(space.n_depths)]
    for t, (q, step) in enumerate(zip(policy, steps, strict=True)):
        yield Comparison(f"V = log β at depth {t}", system.power(values[t], 1.0 / tau), beta[t])
        A, N = step.shape
        below = beta[t + 1].reshape((V, N)) if t < last else system.ones((0, N))
        end = -np.inf if wrong == "dead end" else 0.0
        after = system.stack([below, kit.lift(np.full((A - below.shape[0], N), end))])
        here = alpha[t] if wrong == "no β" else system.multiply(alpha[t], beta[t])
        there = system.multiply(alpha[t], system.ones((A, N)) if wrong == "no step" else step)
        left, right = system.multiply(here, q), system.multiply(there, after)
        yield Comparison(f"α(s) β(s) π(a|s) = α(s⊕a) β(s⊕a) at depth {t}", left, right)


def _cut(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, tau, system = instance.space, kit.rewards(instance), instance.temperature, kit.system
    steps, values = tempered(kit, rewards, tau), tempered(kit, kit.soft_bellman(space, rewards, tau)[1], tau)
    log_z, log_probs = kit.log_partition(space, rewards, tau), kit.ebm_log_probs(space, rewards, tau)
    if wrong == "strings":
        free = np.log(space.n_tokens + 1.0) * (space.max_length - lengths(space))
        log_z = system.sum(system.multiply(kit.response_rewards(space, steps), kit.lift(free[:, None])))
    ended: list[Any] = []
    for t, alpha in enumerate(forward(space, system, steps)):
        shape = (space.n_tokens**t, space.n_prompts)
        products = system.multiply(alpha, values[t]).reshape(shape)
        survive = system.sum(log_probs[lengths(space) > (t + 1 if wrong == "late" and t else t)])
        if wrong == "printed":
            survive = system.ones(survive.shape)
        expected = system.multiply(log_z, survive)
        yield Comparison(f"Σ α β over prefixes of {t} tokens = Z P(|Y| ≥ {t + 1})", system.sum(products), expected)
        yield Comparison(f"with what ended before {t + 1}: Z", system.sum(system.stack([products, *ended])), log_z)
        if space.has_eos and t >= space.min_length - 1:
            ended.append(system.multiply(alpha, steps[t][-1]).reshape(shape))


def _contexts(space: SequenceSpace, t: int, window: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return one prefix of t tokens for each context (the last `window` tokens), and each prefix's context."""
    P, kept = space.n_prompts, min(t, window)
    prefix, prompt = np.divmod(np.arange(space.n_prefixes_at(t)), P)
    context, one = np.divmod(prefix, space.n_tokens ** (t - kept))
    return np.flatnonzero(one == 0), context * P + prompt


def _lattice(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, tau = instance.space, instance.temperature
    for window in (0, 1, 2):
        contexts = [_contexts(space, t, window) for t in range(space.n_depths)]
        pairs = list(zip(instance.reward.levels, contexts, strict=True))
        tree = [kit.lift(level[:, one][:, context]) for level, (one, context) in pairs]
        nodes = _values_of_lattice(
            kit, space, [kit.lift(level[:, one]) for level, (one, _) in pairs], window, tau, wrong
        )
        _, values = kit.soft_bellman(space, tree, tau)
        for t, (_, context) in enumerate(contexts):
            value = kit.system.power(values[t], 1.0 / tau)
            yield Comparison(f"V at depth {t} with a window of {window}", value, nodes[t][context])
        total = kit.system.sum(kit.response_rewards(space, tempered(kit, tree, tau)))
        yield Comparison(f"log-partition with a window of {window}", total, nodes[0])


def _values_of_lattice(
    kit: Toolkit[Any], space: SequenceSpace, levels: Levels, window: int, tau: float, wrong: str
) -> list[Any]:
    """Return log β of each context, from the last step to the first: one node for each depth and context."""
    V, P = space.n_tokens, space.n_prompts
    values: list[Any] = []
    for t in reversed(range(space.n_depths)):
        q = kit.system.power(levels[t], 1.0 / tau)
        if values:
            n = V ** min(t, window)
            longer = np.arange(V * n).reshape(V, n)  # the context with the token at its end
            if wrong == "first":
                longer = np.arange(V)[:, None] + V * np.arange(n)  # at its beginning
            if t >= window:
                longer = longer % n if wrong == "newest" else longer // V  # without its oldest token
            child = (longer[:, :, None] * P + np.arange(P)).reshape(V, n * P)
            ends = q[V:]
            if wrong == "EOS" and ends.shape[0]:
                ends = kit.lift(np.full(ends.shape, -np.inf))
            q = kit.system.stack([kit.system.multiply(q[:V], values[-1][child]), ends])
        values.append(kit.system.sum(q))
    return values[::-1]


# (tokens, largest length, window); the last is the whole tree.
_WINDOWS: Final = ((2, 6, 2), (2, 6, 1), (3, 4, 1), (1, 5, 2), (2, 4, 0), (2, 4, 3))


def _edges(_: Toolkit[Any], __: Instance, wrong: str = "") -> Iterator[Comparison]:
    for V, T, W in _WINDOWS:
        bound = {"no EOS": T * V ** (W + 1), "nodes": T * V**W, "no length": V**W * (V + 1)}.get(
            wrong, T * V**W * (V + 1)
        )
        sums = sum(V ** min(t, W) * (V + 1) for t in range(T - 1)) + V ** min(T - 1, W)
        found = as_exact(_visited(SequenceSpace(V, max_length=T), W))
        yield Comparison(f"edges, V={V}, T={T}, W={W}", found, as_exact(sums))
        yield Comparison(f"at most T V^W (V+1), V={V}, T={T}, W={W}", found, as_exact(bound), "at most")
        bound = bound if wrong else T * V ** (W + 1)
        fixed = as_exact(_visited(SequenceSpace.fixed_length(V, T), W))
        yield Comparison(f"of one length: at most T V^(W+1), V={V}, T={T}, W={W}", fixed, as_exact(bound), "at most")


def _visited(space: SequenceSpace, window: int) -> int:
    """Count the (depth, context, action) that occur in some response."""
    steps = ((t, y[max(0, t - window) : t], y[t]) for y in space.responses() for t in range(len(y)))
    return len(set(steps))


CLAIMS: Final = (
    Claim(
        id="A7-variational",
        place="Appendix A.7",
        statement="A = max_(π_1) E[r + H(π_1) + … max_(π_T) E[r + H(π_T)]], at π = softmax(M r)",
        latex=r"A = \max_{\pi_1} \mathbb{E}\bigl[r_1 + H(\pi_1) + \dots + \max_{\pi_T} \mathbb{E}[r_T "
        r"+ H(\pi_T)]\bigr], \text{ at } \pi = \mathrm{softmax}(M(r))",
        hypotheses=f"{TREE}; each π_t sees S_t (printed: π_T ∈ P(V|S_(T-1))); a π misses KL(π‖π*) at each prefix",
        routes=("log-sum-exp over all responses, by enumeration", "rewards and entropies, from the last step back"),
        body=_nested,
        # exp(-1e9) is 0, so that mask shows in no sum that has other terms; where all is dead, nothing is compared.
        mistakes=(*without(SOFT_BELLMAN, "mask-1e9", "terminal-not-zero"), *LOG_PARTITION, *POLICY),
        misreadings=misread(
            _nested,
            ("variational-last-step-blind", "π_T sees S_(T-1) only (A.7)", "blind"),
            ("variational-no-entropy", "the maximum of E[R] alone", "no entropy"),
            ("variational-first-entropy", "one entropy, of the first step", "first entropy"),
        ),
    ),
    Claim(
        id="A8-elbo",
        place="Appendix A.8",
        statement="A_R ≥ E_p[R] + H(p) for every p, with gap KL(p‖p_R), 0 at q = M(r)",
        latex=r"A_R = \mathbb{E}_p[R] + H(p) + \mathrm{KL}(p, p_R) \ge \mathbb{E}_p[R] + H(p) "
        r"\text{ for every } p, \quad \mathrm{KL}(p_q, p_R) = 0 \text{ at } q = M(r)",
        hypotheses=f"{TREE}; p allows only what R allows",
        routes=("log-sum-exp, and KL over all responses, by enumeration", "E_p[r + H(π)], step by step from the root"),
        body=_lower_bound,
        # exp(-1e9) is 0, so that mask shows in no sum that has other terms.
        mistakes=(*without(SOFT_BELLMAN_POLICY, "mask-1e9"), *LOG_PARTITION, *KL),
        misreadings=misread(
            _lower_bound,
            ("elbo-no-entropy", "E_p[R], without H(p)", "no entropy"),
            ("elbo-gap-reversed", "the gap is KL(p_R‖p)", "reversed"),
            ("elbo-tight-at-r", "equality at q = r", "q = r"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="A8-minmax",
        place="Appendix A.8",
        statement="min_R E_ρ ℓ_R = min_R max_q E_q[R] + H(p_q) - E_ρ[R] = H(ρ), at R = log ρ",
        latex=r"\min_R \mathbb{E}_\rho \ell_R = \min_R \max_q \mathbb{E}_{p_q}[R] + H(p_q) - \mathbb{E}_\rho[R] "
        r"= H(\rho), \text{ at } R = \log \rho",
        hypotheses=f"{TREE}; ρ(·|x) > 0 on what is allowed (else inf for min); every R is an R_r",
        routes=("risks and entropies by enumeration", "E_q[r + H(π)], step by step from the root, less E_ρ[R]"),
        body=_saddle,
        # At temperature 1; and what float32 changes in q changes E_q[R] + H(p_q) by its square, as q is a maximum.
        mistakes=(
            *without(SOFT_BELLMAN_POLICY, *OF_TEMPERATURE, "mask-1e9", "single-precision"),
            *EBM_RISK,
            *ENTROPY,
        ),
        misreadings=misread(
            _saddle,
            ("minmax-no-entropy", "the inner maximum is of E_q[R] alone", "no entropy"),
            ("minmax-at-zero", "H(ρ) is attained at R = 0", "R = 0"),
            ("minmax-prompts-alike", "every prompt counts the same", "pooled"),
        ),
        errata=("E4", "E5"),
        scope=MODEST,
    ),
    Claim(
        id="A9-beta",
        place="Appendix A.9",
        statement="V_q(s) = log β(s), π(a|s) = α(s⊕a) β(s⊕a) / (α(s) β(s)), β(s⊕EOS) = 1",
        latex=r"V_q(s) = \log \beta(s), \quad \alpha(s) \beta(s) \, \pi(a \mid s) "
        r"= \alpha(s \oplus a) \beta(s \oplus a), \quad \beta(s \oplus \mathrm{EOS}) = 1",
        hypotheses=f"{TREE}; A: allowed actions; stated without the division, which is 0/0 at dead prefixes",
        routes=(
            "products from the root; sums over all continuations of s",
            "the soft Bellman recursion and its softmax",
        ),
        body=_forward_backward,
        mistakes=(*SOFT_BELLMAN, *POLICY),
        misreadings=misread(
            _forward_backward,
            ("beta-nothing-after-eos", "β(s⊕EOS) = 0, as s⊕EOS is no state", "dead end"),
            ("beta-missing-below", "π = α(s⊕a) β(s⊕a) / α(s)", "no β"),
            ("beta-step-left-out", "α(s) for α(s⊕a)", "no step"),
        ),
        errata=(
            "E9",
            "E27",
        ),
        scope=MODEST,
    ),
    Claim(
        id="A9-Z",
        place="Appendix A.9",
        statement="Σ_(s_t) α(s_t) β(s_t) = Z P(|Y| ≥ t), which is Z for every t at fixed length",
        latex=r"\sum_{s_t} \alpha(s_t) \beta(s_t) = Z \, P(|Y| \ge t) = Z - \sum_{|y| < t} e^{R(y)}, "
        r"\text{ which is } Z \text{ for every } t \text{ at fixed length}",
        hypotheses=f"{TREE}; printed with Z alone, which needs responses of one length or an absorbing end",
        routes=("products from the root, times values of the soft Bellman recursion", "sums over all responses"),
        body=_cut,
        # exp(-1e9) is 0, so that mask shows in no sum that has other terms.
        mistakes=(*without(SOFT_BELLMAN, "mask-1e9"), *LOG_PARTITION, *EBM),
        misreadings=misread(
            _cut,
            ("cut-as-printed", "Z at every t, also for responses of several lengths (A.9)", "printed"),
            ("cut-all-strings", "Z adds up over A^T, whatever follows EOS (A.9)", "strings"),
            ("cut-one-late", "P(|Y| > t)", "late"),
        ),
        errata=("E9",),
    ),
    Claim(
        id="A9-lattice",
        place="Appendix A.9",
        statement="rewards of the last W tokens: one node for each (t, context) gives V and Z",
        latex=r"r(s_t, a) = f_t(y_{t-W}, \dots, y_{t-1}, a) \implies V(s_t) "
        r"= \log \beta_t(y_{t-W}, \dots, y_{t-1}), \; Z = e^{V(s_1)}",
        hypotheses=f"{TREE}; rewards may depend on t; W = 0, 1, 2",
        routes=("the recursion over the tree; sums over all responses", "the recursion over contexts"),
        body=_lattice,
        mistakes=SOFT_BELLMAN,
        misreadings=misread(
            _lattice,
            ("lattice-newest-dropped", "the window keeps the oldest tokens", "newest"),
            ("lattice-newest-first", "a token enters its window at the front", "first"),
            ("lattice-without-eos", "edges of EOS are left out", "EOS"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="A9-lattice-cost",
        place="Appendix A.9",
        statement="a window of W tokens has ≤ T V^W (V+1) edges; T V^(W+1) without EOS",
        latex=r"\#\text{edges} = \sum_{t < T-1} V^{\min(t, W)} (V+1) + V^{\min(T-1, W)} \le T V^W (V+1), \quad "
        r"\#\text{edges} \le T V^{W+1} \text{ without EOS}",
        hypotheses="up to T-1 tokens and EOS, or T tokens; one visit of each edge; O(T V²) for W = 1",
        routes=("the (t, context, action) that occur in some response, counted", "the formula"),
        body=_edges,
        misreadings=misread(
            _edges,
            ("lattice-cost-eos-not-counted", "T V^(W+1) with EOS too: 49 > 48 at V=2, T=6, W=2", "no EOS"),
            ("lattice-cost-nodes-only", "T V^W", "nodes"),
            ("lattice-cost-one-step-only", "V^W (V+1), whatever T", "no length"),
        ),
        own=lambda _: [bare("six windows")],
    ),
)
