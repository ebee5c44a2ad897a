"""Appendices A.3 and A.4: the chain rules of entropy and divergence."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.claim import TREE, Claim, Comparison, Measured, misread
from proofs_check.instances import MODEST, Instance, bare
from proofs_check.mistakes import (
    ARM,
    ENTROPY,
    KL,
    PASSING,
    POLICY,
    RESPONSE_REWARDS,
    without,
)
from proofs_check.paths import chances, lengths
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace, StateActionTable

__all__ = ["CLAIMS"]


def _entropy(kit: Toolkit[Any], weights: Any) -> Any:
    """Return -Σ w log w over the first axis."""
    return -expectation(kit, weights, kit.log(weights))


def _divergence(kit: Toolkit[Any], weights: Any, others: Any) -> Any:
    """Return Σ w log(w/w') over the first axis."""
    return expectation(kit, weights, kit.log(kit.system.divide(weights, others)))


def _without_eos(kit: Toolkit[Any], space: SequenceSpace, policy: Levels) -> list[Any]:
    """Return the laws of the next token, given that there is one (a slip)."""
    V = space.n_tokens
    return [kit.system.normalise(pi[:V]) if pi.shape[0] > V else pi for pi in policy]


def _weights(kit: Toolkit[Any], space: SequenceSpace, logits: Levels, others: Levels, wrong: str) -> list[Any]:
    """Return the chance of each prefix, shapes (V**t, P); or what a slip puts in its place."""
    passing = list(kit.passing(space, others if wrong == "other" else logits))
    if wrong == "early":
        tiled = [np.tile(np.arange(space.n_prefixes_at(t)), space.n_tokens) for t in range(space.n_depths - 1)]
        passing = [passing[0], *(level[index] for level, index in zip(passing, tiled, strict=False))]
    found = [w.reshape((space.n_tokens**t, space.n_prompts)) for t, w in enumerate(passing)]
    if wrong == "uniform":
        return [kit.system.normalise(kit.system.ones(w.shape)) for w in found]
    return [kit.system.normalise(w) for w in found] if wrong == "given alive" else found


def _per_depth(kit: Toolkit[Any], weights: list[Any], local: list[Any]) -> list[Any]:
    """Return the expectation over the prefixes of each depth."""
    return [expectation(kit, w, term.reshape(w.shape)) for w, term in zip(weights, local, strict=True)]


# -- A.3: entropy ------------------------------------------------------------------------------------------------------


def _entropy_chain(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits = instance.space, kit.logits(instance)
    policy = kit.policy(space, logits)
    local = [_entropy(kit, pi) for pi in (_without_eos(kit, space, policy) if wrong == "no EOS" else policy)]
    terms = _per_depth(kit, _weights(kit, space, logits, kit.other(instance), wrong), local)
    chain = sum(terms[1:], terms[0] * float(wrong != "late"))
    yield Comparison("entropy of responses = Σ_t E[H(π(·|S_t))]", kit.entropy(space, logits), chain)
    if not MODEST.includes(instance):
        return
    log_probs = kit.arm_log_probs(space, logits)
    before = kit.number(np.zeros(space.n_prompts))
    for t, term in enumerate(terms, start=1):
        after = sum(_outcomes(kit, space, log_probs, t, _entropy))
        yield Comparison(f"H(Y_≤{t}) - H(Y_<{t}) = E[H(π(·|S_{t}))]", after - before, term)
        before = after


def _outcomes(kit: Toolkit[Any], space: SequenceSpace, log_probs: Any, t: int, functional: Any, *others: Any) -> Any:
    """Yield a functional of the law of the first t steps: of responses that have ended, and of prefixes."""
    ended = lengths(space) <= t
    if ended.any():
        yield functional(kit, *(each[ended] for each in (log_probs, *others)))
    if t < space.n_depths:
        shape = (space.n_tokens**t, space.n_prompts)
        yield functional(kit, *(chances(kit, space, each, t).reshape(shape) for each in (log_probs, *others)))


def _estimator(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison | Measured]:
    space, logits = instance.space, kit.logits(instance)
    log_probs = kit.arm_log_probs(space, logits)
    entropy = _entropy(kit, log_probs)
    estimate = _path_sums(kit, space, logits, wrong)
    if wrong == "per step":
        estimate = estimate / lengths(space)[:, None]
    draw = kit.system.normalise(kit.system.ones(log_probs.shape)) if wrong == "uniform" else log_probs
    yield Comparison("E of Σ_t H(π(·|S_t)) = H(p)", expectation(kit, draw, estimate), entropy)
    for name, guess in (("Σ_t H(π(·|S_t))", _path_sums(kit, space, logits)), ("-log p", _surprise(kit, log_probs))):
        yield Measured(f"variance of {name}, nats²", partial(_first_variance, kit, log_probs, guess))


def _first_variance(kit: Toolkit[Any], log_probs: Any, guess: Any) -> float:
    return float(reals.value(_variance(kit, log_probs, guess))[0])


def _surprise(kit: Toolkit[Any], log_probs: Any) -> Any:
    """Return -log p, with 0 for what cannot happen."""
    forbidden = kit.system.is_zero(log_probs)
    return -reals.where(forbidden, kit.number(np.zeros(forbidden.shape)), kit.log(log_probs))


def _variance(kit: Toolkit[Any], log_probs: Any, guess: Any) -> Any:
    away = guess - expectation(kit, log_probs, guess)
    return expectation(kit, log_probs, away * away)


def _path_sums(kit: Toolkit[Any], space: SequenceSpace, logits: Levels, wrong: str = "") -> Any:
    """Return Σ_t H(π(·|s_t)) along each response."""
    steps = []
    for t, pi in enumerate(kit.policy(space, logits)):
        step = kit.number(np.zeros(pi.shape)) + _entropy(kit, pi)
        if wrong == "last step" and space.has_eos and t >= space.min_length - 1:
            step = reals.concatenate([step[:-1], 0.0 * step[-1:]])
        steps.append(0.0 * step if wrong == "first step" and t == 0 else step)
    return kit.log(kit.response_rewards(space, steps))


def _variances(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space = SequenceSpace(1, max_length=3)
    log_2 = reals.log(kit.number(np.full(1, 2.0)))
    two, one = kit.carrier(log_2.reshape((1, 1))), kit.system.ones((1, 1))
    logits = [kit.system.stack([two, one]), kit.system.ones((2, 1)), one]  # three responses, equally likely
    log_probs = kit.arm_log_probs(space, logits)
    guesses = _path_sums(kit, space, logits), _surprise(kit, log_probs)
    found = [_variance(kit, log_probs, guess) for guess in guesses]
    estimator, surprise = found[::-1] if wrong == "swapped" else found
    yield Comparison("Var Σ_t H(π(·|S_t)) = 2/9 (log 2)²", estimator, log_2 * log_2 * 2.0 / 9.0)
    yield Comparison("Var log p = 0", surprise, kit.number(np.zeros(1)))
    yield Comparison("the two differ", surprise, estimator, "differs")


# -- A.4: divergence ---------------------------------------------------------------------------------------------------


def _kl_chain(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space = instance.space
    logits, others = kit.logits(instance), kit.other(instance)
    terms = _kl_terms(kit, space, logits, others, wrong)
    yield Comparison("KL(p‖p0) of responses = Σ_t E[KL(π‖π0)]", kit.kl(space, logits, others), sum(terms[1:], terms[0]))
    log_probs = kit.arm_log_probs(space, logits), kit.arm_log_probs(space, others)
    before = kit.number(np.zeros(space.n_prompts))
    for t, term in enumerate(terms, start=1):
        after = sum(_outcomes(kit, space, log_probs[0], t, _divergence, log_probs[1]))
        yield Comparison(f"what step {t} adds to KL(p‖p0)", after - before, term)
        before = after
    back = _kl_terms(kit, space, others, logits, wrong)
    yield Comparison("KL(p0‖p) of responses = Σ_t E[KL(π0‖π)]", kit.kl(space, others, logits), sum(back[1:], back[0]))


def _kl_terms(kit: Toolkit[Any], space: SequenceSpace, logits: Levels, others: Levels, wrong: str) -> list[Any]:
    policies = kit.policy(space, logits), kit.policy(space, others)
    if wrong == "no EOS":
        policies = _without_eos(kit, space, policies[0]), _without_eos(kit, space, policies[1])
    local = [_divergence(kit, pi, pi_0) for pi, pi_0 in zip(*policies, strict=True)]
    return _per_depth(kit, _weights(kit, space, logits, others, wrong), local)


# -- A.3, A.4: a process with a random transition kernel ---------------------------------------------------------------
#
# S_1 ~ μ_1, A_t ~ π(·|S_t), S_(t+1) ~ μ(·|S_t, A_t): three states and two actions, written as the tree of its
# trajectories, in which states and actions take turns; the right sides merge what has the same state.

_STATES: Final = 3


def _columns(t: int) -> NDArray[np.intp]:
    """One prefix for each state (before an action), or for each state and action (before a state)."""
    kept = 0 if t == 0 else 2 - t % 2
    return np.asarray(np.arange(_STATES**kept) * _STATES ** (t - kept))


def _process(seed: int, steps: int, forbidden: bool) -> Instance:
    rng = np.random.default_rng([seed, steps])
    first, kernel = rng.normal(size=(_STATES, 1)), rng.normal(size=(_STATES, _STATES**2))
    if forbidden:
        kernel[rng.integers(_STATES, size=_STATES**2), np.arange(_STATES**2)] = -np.inf
    space = SequenceSpace.fixed_length(_STATES, 2 * steps)

    def tree() -> StateActionTable:
        policy = rng.normal(size=(_STATES, _STATES))
        policy[-1] = -np.inf  # two actions
        laws = [policy if t % 2 else kernel if t else first for t in range(space.n_depths)]
        levels = [np.repeat(law, _STATES**t // law.shape[1], axis=1) for t, law in enumerate(laws)]
        return StateActionTable.from_levels(space, levels)

    name = f"3 states, 2 actions, T={steps}{', forbidden transitions' * forbidden}"
    return Instance(name, tree(), seed=seed, second=tree())


def _processes(seed: int) -> list[Instance]:
    return [_process(seed, 2, False), _process(seed, 3, False), _process(seed, 3, True)]


def _occupancies(kit: Toolkit[Any], laws: list[Any]) -> list[Any]:
    """Return the law of what the t-th law depends on: nothing, a state, or a state and an action."""
    found = [kit.number(np.ones(1))]
    for t, law in enumerate(laws[:-1]):
        pairs = kit.real(law) * found[-1]
        found.append(pairs.sum(1) if t % 2 == 0 else pairs.reshape((_STATES**2,)))
    return found


def _laws(kit: Toolkit[Any], space: SequenceSpace, logits: Levels) -> list[Any]:
    return [pi[:, _columns(t)] for t, pi in enumerate(kit.policy(space, logits))]


def _total(terms: list[Any]) -> Any:
    return reals.total(sum(terms[1:], terms[0]))


def _entropy_of_process(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits = instance.space, kit.logits(instance)
    laws = _laws(kit, space, logits)
    chances_of = _occupancies(kit, laws)
    passing = kit.passing(space, logits)
    for t in range(1, space.n_depths, 2):
        per_state = kit.real(passing[t]).reshape((_STATES, _STATES ** (t - 1))).sum(1)
        yield Comparison(f"law of the state S_{t // 2 + 1}", per_state, chances_of[t])
    if wrong == "first state":
        chances_of = [w if t % 2 == 0 else chances_of[1] for t, w in enumerate(chances_of)]
    terms = [(w * _entropy(kit, law)).sum(0) for w, law in zip(chances_of, laws, strict=True)]
    if wrong == "uniform":
        terms = [_entropy(kit, law).sum(0) / law.shape[1] for law in laws]
    if wrong == "no kernel":
        terms = terms[1::2]
    yield Comparison("entropy of trajectories", kit.entropy(space, logits), _total(terms))


def _kl_of_process(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits, others = instance.space, kit.logits(instance), kit.other(instance)
    laws, theirs = _laws(kit, space, logits), _laws(kit, space, others)
    weights = _occupancies(kit, theirs if wrong == "other" else laws)
    if wrong == "first state":
        weights = [w if t % 2 == 0 else weights[1] for t, w in enumerate(weights)]
    steps = range(1, space.n_depths, 2)
    terms = [(weights[t] * _divergence(kit, laws[t], theirs[t])).sum(0) for t in steps]
    if wrong == "kernel":
        terms += [(weights[t] * _entropy(kit, laws[t])).sum(0) for t in range(2, space.n_depths, 2)]
    yield Comparison("KL of trajectories", kit.kl(space, logits, others), _total(terms))


_WEIGHTS: Final = "each term weighted by the chance of getting there, 0 after the end"
_PROCESS: Final = "S_1 ~ μ_1, A_t ~ π(·|S_t), S_(t+1) ~ μ(·|S_t, A_t); three states, two actions, T = 2, 3"


CLAIMS: Final = (
    Claim(
        id="A3-entropy-chain",
        place="Appendix A.3",
        statement="H(p) = Σ_t E[H(π(·|S_t))] = Σ_t H(Y_t|x, Y_<t), with 0 after the end",
        latex=r"H(p) = \sum_t \mathbb{E}\bigl[1\{|Y| \ge t\} \, H(\pi(\cdot \mid S_t))\bigr] "
        r"= \sum_t H(Y_t \mid x, Y_{<t})",
        hypotheses=f"{TREE}; {_WEIGHTS}",
        routes=(
            "-Σ p log p over responses; for each t, over responses that have ended and prefixes, by enumeration",
            "entropies of next-token laws, weighted by the forward recursion",
        ),
        body=_entropy_chain,
        mistakes=(*ENTROPY, *PASSING, *POLICY, *ARM),
        misreadings=misread(
            _entropy_chain,
            ("entropy-chain-given-alive", "each term given that the response gets that far", "given alive"),
            ("entropy-chain-uniform", "every prefix of a depth counts the same", "uniform"),
            ("entropy-chain-other-model", "prefixes are drawn from another model", "other"),
            ("entropy-chain-one-early", "weighted by the chance of the prefix without its last token", "early"),
            ("entropy-chain-from-second-step", "the first step is left out", "late"),
            ("entropy-chain-without-eos", "the law of the next token leaves EOS out", "no EOS"),
        ),
    ),
    Claim(
        id="A3-estimator",
        place="Appendix A.3",
        statement="E_(Y~p)[Σ_(t≤|Y|) H(π(·|S_t))] = H(p): the estimator is unbiased",
        latex=r"\mathbb{E}_{Y \sim p}\Bigl[\sum_{t \le |Y|} H(\pi(\cdot \mid S_t))\Bigr] = H(p)",
        hypotheses=f"{TREE}; the sum ends with the response",
        routes=("p times the sum of entropies along each response", "-Σ p log p over responses"),
        body=_estimator,
        mistakes=(*ARM, *POLICY, *RESPONSE_REWARDS),
        misreadings=misread(
            _estimator,
            ("estimator-per-step", "the mean over the steps of a response", "per step"),
            ("estimator-without-last-step", "the step that ends the response is left out", "last step"),
            ("estimator-without-first-step", "the first step is left out", "first step"),
            ("estimator-uniform-draws", "responses are drawn uniformly", "uniform"),
        ),
    ),
    Claim(
        id="A3-variance",
        place="beyond the paper",
        statement="Var Σ_t H(π(·|S_t)) may exceed Var log p: V=1, T=3, uniform: 2/9 (log 2)², 0",
        latex=r"\operatorname{Var} \sum_t H(\pi(\cdot \mid S_t)) = \tfrac29 (\log 2)^2 > 0 "
        r"= \operatorname{Var} \log p \text{ for } V = 1, \; T = 3, \; p \text{ uniform}",
        hypotheses="V = 1, T = 3, three responses of probability 1/3; with T ≤ 2 the estimator is a constant",
        routes=("sums over the three responses", "by hand"),
        body=_variances,
        mistakes=(*ARM, *without(POLICY, "never-empty")),  # the first step is in each sum alike
        misreadings=misread(
            _variances,
            ("variance-the-other-way-round", "Σ_t H(π(·|S_t)) is the constant", "swapped"),
        ),
        own=lambda _: [bare("V=1, T=3, uniform")],
    ),
    Claim(
        id="A3-stoch",
        place="Appendix A.3",
        statement="H(S_1, A_1, …) = H(μ_1) + Σ_t E[H(π(·|S_t))] + Σ_(t<T) E[H(μ(·|S_t, A_t))]",
        latex=r"H(S_1, A_1, \dots, A_T) = H(\mu_1) + \sum_t \mathbb{E}\,H(\pi(\cdot \mid S_t)) "
        r"+ \sum_{t<T} \mathbb{E}\,H(\mu(\cdot \mid S_t, A_t))",
        hypotheses=_PROCESS,
        routes=("-Σ p log p over all trajectories", "laws of S_t from step to step, with states merged"),
        body=_entropy_of_process,
        # Trajectories are all of one length: every one gets to every step.
        mistakes=(*ENTROPY, *without(PASSING, "passing-given-length")),
        misreadings=misread(
            _entropy_of_process,
            ("stoch-entropy-without-kernel", "the terms of μ are left out", "no kernel"),
            ("stoch-entropy-first-state", "every S_t is drawn like S_1", "first state"),
            ("stoch-entropy-uniform", "every state counts the same", "uniform"),
        ),
        own=_processes,
    ),
    Claim(
        id="A4-kl-chain",
        place="Appendix A.4",
        statement="KL(p‖p0) = Σ_t E_(S_t~p)[KL(π(·|S_t)‖π0(·|S_t))], with 0 after the end",
        latex=r"\mathrm{KL}(p, p_0) = \sum_t \mathbb{E}_{S_t \sim p}\bigl[1\{|Y| \ge t\} \, "
        r"\mathrm{KL}(\pi(\cdot \mid S_t), \pi_0(\cdot \mid S_t))\bigr]",
        hypotheses=f"{TREE}; π0 > 0 where π > 0; prefixes from the first argument; {_WEIGHTS}",
        routes=(
            "Σ p log(p/p0) over responses; for each t, over responses that have ended and prefixes, by enumeration",
            "divergences of next-token laws, weighted by the forward recursion",
        ),
        body=_kl_chain,
        mistakes=(*KL, *PASSING, *POLICY, *ARM),
        misreadings=misread(
            _kl_chain,
            ("kl-chain-other-model", "prefixes are drawn from p0", "other"),
            ("kl-chain-given-alive", "each term given that the response gets that far", "given alive"),
            ("kl-chain-uniform", "every prefix of a depth counts the same", "uniform"),
            ("kl-chain-one-early", "weighted by the chance of the prefix without its last token", "early"),
            ("kl-chain-without-eos", "the laws of the next token leave EOS out", "no EOS"),
        ),
        scope=MODEST,
        errata=("E7",),
    ),
    Claim(
        id="A4-stoch",
        place="Appendix A.4",
        statement="KL of trajectories = Σ_t E_(S_t~π)[KL(π(·|S_t)‖π0(·|S_t))]: μ cancels",
        latex=r"\mathrm{KL}(p_\pi, p_{\pi_0}) = \sum_t \mathbb{E}_{S_t \sim p_\pi} \mathrm{KL}(\pi(\cdot \mid S_t), "
        r"\pi_0(\cdot \mid S_t)) \text{ of trajectories, without } \mu",
        hypotheses=f"{_PROCESS}; both with the same μ_1 and μ",
        routes=("Σ p log(p/p0) over all trajectories", "laws of S_t from step to step, with states merged"),
        body=_kl_of_process,
        mistakes=KL,
        misreadings=misread(
            _kl_of_process,
            ("stoch-kl-other-model", "states are drawn with π0", "other"),
            ("stoch-kl-first-state", "every S_t is drawn like S_1", "first state"),
            ("stoch-kl-with-kernel", "terms of μ are added", "kernel"),
        ),
        own=_processes,
    ),
)
