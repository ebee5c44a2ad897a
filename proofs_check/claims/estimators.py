"""Beyond the paper: estimates of KL from draws, exactly; and the token-level KL beside that of whole responses."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.claim import TREE, Claim, Comparison, misread
from proofs_check.extremal import expected, step_kls
from proofs_check.instances import MODEST, Instance, Scope, bare, largest_reward
from proofs_check.mistakes import ARM, KL, PASSING, POLICY
from proofs_check.paths import lengths
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace
from tabular_bellman.enumeration import reading_order

__all__ = ["CLAIMS"]

_NOT_FAR: Final = Scope(
    "rewards of size 30 at most, and 10 steps, so that q/p, squared, stays within float64",
    lambda i: largest_reward(i.reward) <= 30.0 and i.space.n_depths <= 10,
)


def _chain_kl(kit: Toolkit[Any], space: SequenceSpace, f: Levels, g: Levels) -> Any:
    """Return Σ_s P(s) KL_s."""
    return expected(kit, space, kit.passing(space, f), step_kls(kit, space, f, g))


def _log_ratio(kit: Toolkit[Any], mine: Any, theirs: Any) -> Any:
    """Return d = log p/q, 0 where p forbids."""
    never = kit.system.is_zero(mine)
    return reals.where(never, kit.number(np.zeros(never.shape)), kit.log(kit.system.divide(mine, theirs)))


def _k3(kit: Toolkit[Any], mine: Any, theirs: Any) -> Any:
    """Return q/p - 1 - log q/p, with no meaning where p forbids."""
    never = kit.system.is_zero(mine)
    ratio = kit.real(theirs) / reals.where(never, kit.number(np.ones(never.shape)), kit.real(mine))
    return ratio - 1.0 + _log_ratio(kit, mine, theirs)


def _variance(kit: Toolkit[Any], weights: Any, x: Any) -> Any:
    away = x - expectation(kit, weights, x)
    return expectation(kit, weights, away * away)


def _of_two(kit: Toolkit[Any], first: int, second: int) -> list[Any]:
    """Return the logits of a response of one token, of two with weights in this proportion."""
    return [kit.carrier(reals.log(kit.number(np.array([[float(first)], [float(second)]]))))]


_ONE_STEP: Final = SequenceSpace.fixed_length(2, 1)


# -- means -------------------------------------------------------------------------------------------------------------


def _means(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    # And a model that never takes one of the first actions, where there are two or more.
    live = instance.live[0]
    first = live.argmax(axis=0)
    left_out = (np.arange(len(live))[:, None] == first) & (live.sum(axis=0) > 1)
    narrow = [kit.system.multiply(f[0], kit.lift(np.where(left_out, -np.inf, 0.0))), *f[1:]]
    begins = kit.real(kit.policy(space, g)[0])
    lost = reals.where(left_out, begins, kit.number(np.zeros(live.shape))).sum(0)
    for name, mine, missing in (("p", f, 0.0 * lost), ("p without a first action", narrow, lost)):
        p, q = kit.arm_log_probs(space, mine), kit.arm_log_probs(space, g)
        never = kit.system.is_zero(p)
        k1 = expectation(kit, q if wrong == "estimates-drawn-from-q" else p, _log_ratio(kit, p, q))
        # p·q/p, since q/p itself may be beyond any float.
        ratio = reals.where(never, kit.number(np.zeros(never.shape)), kit.real(q))
        log_ratio = _log_ratio(kit, p, q)
        if wrong == "k3-inverted":
            ratio, log_ratio = kit.real(kit.system.multiply(p, kit.system.divide(p, q))), -log_ratio
        one = 0.0 if wrong == "k3-without-1" else 1.0
        k3 = (ratio - one * kit.real(p)).sum(0) + expectation(kit, p, log_ratio)
        kl = _chain_kl(kit, space, mine, g)
        yield Comparison(f"{name}: E k1 = KL", -k1 if wrong == "k1-sign" else k1, kl)
        forgotten = wrong == "k3-unbiased-anyway"
        yield Comparison(f"{name}: E k3 = KL - q(p = 0)", k3, kl if forgotten else kl - missing)


# -- second moments ----------------------------------------------------------------------------------------------------


def _path_variance(kit: Toolkit[Any], space: SequenceSpace, f: Levels, g: Levels, wrong: str = "") -> Any:
    """Return Var log p/q as Σ_s P(s) Var_a(d(s, a) + what is expected after a)."""
    policy, V = kit.policy(space, f), space.n_tokens
    steps = [_log_ratio(kit, *pair) for pair in zip(policy, kit.policy(space, g), strict=True)]
    varying, after = [], None
    for t in reversed(range(space.n_depths)):
        told = steps[t]
        if after is not None:
            told = reals.concatenate([told[:V] + after.reshape((V, told.shape[1])), told[V:]])
        varying.append(_variance(kit, policy[t], steps[t] if wrong == "k2-steps-alone" else told))
        after = expectation(kit, policy[t], told)
    return expected(kit, space, kit.passing(space, f), varying[::-1])


def _k2(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    p, q = kit.arm_log_probs(space, f), kit.arm_log_probs(space, g)
    d, kl = _log_ratio(kit, p, q), _chain_kl(kit, space, f, g)
    half = 1.0 if wrong == "k2-without-half" else 0.5
    square = 0.0 if wrong == "k2-half-the-variance" else 1.0
    right = half * (_path_variance(kit, space, f, g, wrong) + square * kl * kl)
    mean = expectation(kit, p, d * d * 0.5)
    yield Comparison("E k2 = ½ (Var k1 + KL²)", mean, kl if wrong == "k2-unbiased" else right)
    coins = _of_two(kit, 1, 1), _of_two(kit, 1, 3)
    p, q = (kit.arm_log_probs(_ONE_STEP, coin) for coin in coins)
    d, kl = _log_ratio(kit, p, q), kit.kl(_ONE_STEP, *coins)
    biased = kl if wrong == "k2-unbiased" else expectation(kit, p, d * d * 0.5)
    yield Comparison("p = (½, ½), q = (¼, ¾): E k2 is not KL", biased, kl, "differs")


def _chi_squared(kit: Toolkit[Any], space: SequenceSpace, f: Levels, g: Levels) -> Any:
    """Return χ²(q‖p) = Σ q²/p - 1, backward over prefixes."""
    V, after = space.n_tokens, None
    for mine, theirs in zip(reversed(kit.policy(space, f)), reversed(kit.policy(space, g)), strict=True):
        never = kit.system.is_zero(mine)
        squares = kit.real(kit.system.divide(kit.system.multiply(theirs, theirs), mine))
        squares = reals.where(never, kit.number(np.zeros(never.shape)), squares)
        if after is not None:
            tokens = squares[:V] * after.reshape((V, squares.shape[1]))
            squares = reals.concatenate([tokens, squares[V:]])
        after = squares.sum(0)
    return after - 1.0  # type: ignore[operator]  # there is at least one depth


def _k3_variance(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    p, q = kit.arm_log_probs(space, f), kit.arm_log_probs(space, g)
    found = _variance(kit, p, _k3(kit, p, q))
    chi_squared = _chi_squared(kit, space, *((g, f) if wrong == "k3-variance-chi-reversed" else (f, g)))
    there, back = _chain_kl(kit, space, f, g), _chain_kl(kit, space, g, f)
    jeffreys = 2.0 * there if wrong == "k3-variance-one-direction" else there + back
    times = 1.0 if wrong == "k3-variance-jeffreys-once" else 2.0
    right = _path_variance(kit, space, f, g) + chi_squared - times * jeffreys
    yield Comparison("Var k3 = Var k1 + χ²(q‖p) - 2 (KL(p‖q) + KL(q‖p))", found, right)
    for what, mine, theirs in (("near", (1, 1), (49, 51)), ("far", (1, 99), (1, 1))):
        p, q = (kit.arm_log_probs(_ONE_STEP, _of_two(kit, *coin)) for coin in (mine, theirs))
        less, more = _variance(kit, p, _k3(kit, p, q)), _variance(kit, p, _log_ratio(kit, p, q))
        if (what == "far") is (wrong != "k3-variance-always-smaller"):
            less, more = more, less
        yield Comparison(f"{what}: which of Var k1, Var k3 is larger", less, more, "at most")


# -- step by step ------------------------------------------------------------------------------------------------------


def _along(space: SequenceSpace, levels: Levels) -> Any:
    """Return the sum of numbers along each response, shape (n, P), in the order of ``responses()``."""
    V, P, parts = space.n_tokens, space.n_prompts, []
    so_far: Any = 0.0
    for t, level in enumerate(levels):
        total = level + so_far
        if t + 1 == space.n_depths or (space.has_eos and t + 1 >= space.min_length):
            parts.append((total[-1:] if space.has_eos else total).reshape((-1, P)))
        if t + 1 < space.n_depths:
            so_far = total[:V].reshape((V * level.shape[1],))
    return reals.concatenate(parts)[reading_order(space)]


def _step_by_step(kit: Toolkit[Any], space: SequenceSpace, f: Levels, g: Levels, wrong: str = "") -> tuple[Any, Any]:
    """Return Σ_t KL_t and Σ_t k3_t along each response."""
    policies = list(zip(kit.policy(space, f), kit.policy(space, g), strict=True))
    kls = [
        kit.number(np.zeros(mine.shape)) + kl
        for kl, (mine, _) in zip(step_kls(kit, space, f, g), policies, strict=True)
    ]
    k3 = [_k3(kit, *(pair[::-1] if wrong == "steps-inverted" else pair)) for pair in policies]
    if wrong == "steps-without-the-first":
        kls[0], k3[0] = 0.0 * kls[0], 0.0 * k3[0]
    return _along(space, kls), _along(space, k3)


def _steps(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    p, kl = kit.arm_log_probs(space, f), kit.kl(space, f, g)
    for what, sums in zip(("KL_t", "k3_t"), _step_by_step(kit, space, f, g, wrong), strict=True):
        found = sums / lengths(space)[:, None] if wrong == "steps-averaged" else sums
        draw = kit.system.normalise(kit.system.ones(p.shape)) if wrong == "steps-uniform-draws" else p
        yield Comparison(f"E Σ_t {what} = KL", expectation(kit, draw, found), kl)


def _steps_variance(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    # EOS, 0 EOS and 0 0 EOS: p = (½, 0, ½), q = (⅓, ⅓, ⅓).
    space, one = SequenceSpace(1, max_length=3), kit.system.ones((1, 1))
    two, never = kit.carrier(reals.log(kit.number([[2.0]]))), kit.lift(np.full((1, 1), -np.inf))
    mine = [kit.system.stack([one, one]), kit.system.stack([one, never]), one]
    theirs = [kit.system.stack([two, one]), kit.system.stack([one, one]), one]
    p, q = kit.arm_log_probs(space, mine), kit.arm_log_probs(space, theirs)
    d, sums = _log_ratio(kit, p, q), _step_by_step(kit, space, mine, theirs)[0]
    log_2, log_3 = (reals.log(kit.number([x])) for x in (2.0, 3.0))
    always = 0.0 * kit.real(p) + log_3 - log_2
    yield Comparison("k1 = log 3/2, whatever is drawn", reals.where(kit.system.is_zero(p), always, d), always)
    for what, guess in (("k1", d), ("Σ_t KL_t", sums)):
        yield Comparison(f"E {what} = log 3/2", expectation(kit, p, guess), log_3 - log_2)
    varying, constant = _variance(kit, p, sums), _variance(kit, p, d)
    if wrong == "steps-vary-less":
        varying, constant = constant, varying
    quarter = 1.0 if wrong == "steps-variance-without-the-chance" else 0.25
    yield Comparison("Var Σ_t KL_t = ¼ (log 2)²", varying, quarter * log_2 * log_2)
    yield Comparison("Var k1 = 0", constant, kit.number(np.zeros(1)))
    yield Comparison("Var k1 ≤ Var Σ_t KL_t", constant, varying, "at most")


# -- tokens ------------------------------------------------------------------------------------------------------------


def _tokens(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    yield Comparison("KL = E|Y| · token-level KL", kit.kl(space, f, g), _from_tokens(kit, space, f, g, wrong))
    # Responses of one step and of two: EOS, 0 EOS.
    space, one = SequenceSpace(1, max_length=2), kit.system.ones((1, 1))
    mine, theirs = ([weights[0], one] for weights in (_of_two(kit, 1, 1), _of_two(kit, 1, 3)))
    by_response = _from_tokens(kit, space, mine, theirs, "token-mean-by-response")
    kl = kit.kl(space, mine, theirs)
    yield Comparison("V=1, T=2: E|Y| times the mean by response = 9/8 KL", by_response * 8.0, kl * 9.0)
    token_level = _from_tokens(kit, space, mine, theirs, "token-level-is-kl")
    yield Comparison("V=1, T=2: token-level KL = 2/3 KL", token_level * 3.0, kl * 2.0)


def _from_tokens(kit: Toolkit[Any], space: SequenceSpace, f: Levels, g: Levels, wrong: str) -> Any:
    """Return E|Y|, over responses, times the mean of KL_s over all steps."""
    passing, kls = kit.passing(space, f), step_kls(kit, space, f, g)
    steps = expected(kit, space, passing, [kit.number(np.ones(kl.shape)) for kl in kls])
    token_level = expected(kit, space, passing, kls) / steps
    p, long = kit.arm_log_probs(space, f), lengths(space)[:, None]
    if wrong == "token-mean-by-response":
        token_level = expectation(kit, p, _step_by_step(kit, space, f, g)[0] / long)
    if wrong == "token-level-is-kl":
        return token_level
    counted = np.full(long.shape, space.max_length) if wrong == "token-times-max-length" else long
    counted = counted - int(wrong == "token-without-eos")
    draw = kit.arm_log_probs(space, g) if wrong == "token-length-of-q" else p
    return (kit.real(draw) * counted.astype(np.float64)).sum(0) * token_level


_SCHULMAN: Final = "beyond the paper (Schulman 2020)"

CLAIMS: Final = (
    Claim(
        id="D-k1-k3",
        place=_SCHULMAN,
        statement="y ~ p, x = q(y)/p(y): E[-log x] = KL(p‖q) = E[x - 1 - log x] + q(p = 0)",
        latex=r"\mathbb{E}_{y \sim p}[{-\log} x] = \mathrm{KL}(p, q) = \mathbb{E}_{y \sim p}[x - 1 - \log x] + q(p "
        r"= 0), \quad x = q(y)/p(y)",
        hypotheses=f"{TREE}; q allows what p allows. k3 is unbiased where p allows what q allows, too",
        routes=(
            "k1 and k3 of each response, weighted by p",
            "KL of each step, weighted by the chance of getting there",
        ),
        body=_means,
        mistakes=(*ARM, *PASSING, *POLICY),
        misreadings=misread(
            _means,
            ("k1-sign", "k1 = log q/p"),
            ("k3-inverted", "x = p/q in k3"),
            ("k3-without-1", "x - log x: the mean of x, 1, is not taken off"),
            ("k3-unbiased-anyway", "what q gives to what p forbids is forgotten"),
            ("estimates-drawn-from-q", "responses are drawn from q"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="D-k2",
        place=_SCHULMAN,
        statement="E k2 = ½ E (log p/q)² = ½ (Var k1 + KL²), which is not KL",
        latex=r"\mathbb{E}_p k_2 = \mathbb{E}_p \tfrac12 (\log \tfrac pq)^2 "
        r"= \tfrac12 \bigl(\operatorname{Var} k_1 + \mathrm{KL}(p, q)^2\bigr) \ne \mathrm{KL}(p, q) "
        r"\text{ in general}",
        hypotheses=f"{TREE}; q allows what p allows. Not KL in general: there are p and q with E k2 = KL",
        routes=(
            "k2 of each response, weighted by p",
            "Var k1 = Σ_s P(s) Var_a(log π/π' + KL still to come), and KL by the chain rule",
        ),
        body=_k2,
        mistakes=(*ARM, *PASSING, *POLICY),
        misreadings=misread(
            _k2,
            ("k2-unbiased", "E k2 = KL"),
            ("k2-without-half", "(log p/q)² for half of it"),
            ("k2-half-the-variance", "KL² is left out"),
            ("k2-steps-alone", "in Var k1 what is still to come is left out"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="D-k3-variance",
        place="beyond the paper",
        statement="Var k3 = Var k1 + χ²(q‖p) - 2 (KL(p‖q) + KL(q‖p)): either may be larger",
        latex=r"\operatorname{Var} k_3 = \operatorname{Var} k_1 + \chi^2(q \Vert p) - 2\, (\mathrm{KL}(p, q) "
        r"+ \mathrm{KL}(q, p))\text{: either may be larger}",
        hypotheses=f"{TREE}; p and q allow the same",
        routes=(
            "k3 of each response, weighted by p",
            "Var k1 as in D-k2; χ² backward over prefixes; both KLs by the chain rule",
        ),
        body=_k3_variance,
        mistakes=(*ARM, *PASSING, *POLICY),
        misreadings=misread(
            _k3_variance,
            ("k3-variance-one-direction", "KL(p‖q) alone"),
            ("k3-variance-jeffreys-once", "the covariance counted once"),
            ("k3-variance-chi-reversed", "χ²(p‖q)"),
            ("k3-variance-always-smaller", "k3 never varies more than k1"),
        ),
        scope=MODEST & _NOT_FAR,
    ),
    Claim(
        id="D-steps",
        place="beyond the paper (A.4)",
        statement="E_(Y~p) Σ_t KL_t = E_(Y~p) Σ_t k3_t = KL(p‖q), with k3 of each step",
        latex=r"\mathbb{E}_{Y \sim p} \sum_{t \le |Y|} \mathrm{KL}(\pi_p, \pi_q)(S_t) = "
        r"\mathbb{E}_{Y \sim p} \sum_{t \le |Y|} k_{3,t} = \mathrm{KL}(p, q)",
        hypotheses=f"{TREE}; of k3, p and q allow the same. The sums end with the response",
        routes=("sums along each response, weighted by p", "Σ p log p/q over responses"),
        body=_steps,
        mistakes=(*ARM, *KL, *POLICY),
        misreadings=misread(
            _steps,
            ("steps-averaged", "the mean over the steps of a response"),
            ("steps-without-the-first", "the first step is left out"),
            ("steps-inverted", "q/p is turned round in k3 of each step"),
            ("steps-uniform-draws", "responses are drawn uniformly"),
        ),
        scope=MODEST & _NOT_FAR,
    ),
    Claim(
        id="D-steps-variance",
        place="beyond the paper",
        statement="Var Σ_t KL_t may exceed Var k1: p = (½,0,½), q = (⅓,⅓,⅓): ¼ (log 2)², 0",
        latex=r"\operatorname{Var} \sum_t \mathrm{KL}_t = \tfrac14 (\log 2)^2 > 0 = \operatorname{Var} k_1 "
        r"\text{ for } p = (\tfrac12, 0, \tfrac12),\ q = (\tfrac13, \tfrac13, \tfrac13)",
        hypotheses="V = 1, T = 3: EOS, 0 EOS and 0 0 EOS; p is q given that 0 EOS is not drawn",
        routes=("sums over the responses", "by hand"),
        body=_steps_variance,
        mistakes=(*ARM, *POLICY),
        misreadings=misread(
            _steps_variance,
            ("steps-vary-less", "Σ_t KL_t never varies more than k1"),
            ("steps-variance-without-the-chance", "(log 2)²: the chance of coming to the second step is left out"),
        ),
        own=lambda _: [bare("V=1, T=3")],
    ),
    Claim(
        id="D-token-kl",
        place="beyond the paper",
        statement="KL of responses = E|Y| · token-level KL (mean over all tokens, EOS counted)",
        latex=r"\mathrm{KL}(p, q) = \mathbb{E}_p |Y| \cdot \frac{\sum_s P(s)\, \mathrm{KL}_s}{\sum_s P(s)}, "
        r"\text{ EOS counted}",
        hypotheses=f"{TREE}; steps drawn from p. The mean over responses of means over their steps is another number",
        routes=(
            "Σ p log p/q over responses",
            "lengths over responses; KL of each step, by the chance of getting there",
        ),
        body=_tokens,
        mistakes=(*ARM, *KL, *PASSING, *POLICY),
        misreadings=misread(
            _tokens,
            ("token-times-max-length", "T for E|Y|"),
            ("token-without-eos", "lengths without EOS"),
            ("token-mean-by-response", "the mean over responses of the mean over their steps"),
            ("token-length-of-q", "E|Y| of the other model"),
            ("token-level-is-kl", "token-level KL is KL"),
        ),
        scope=MODEST,
    ),
)
