"""What changes nothing: potential shaping of rewards, shifts of logits, and the representatives that one may choose."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from proofs_check.claim import TREE, Claim, Comparison, misread
from proofs_check.derivatives import flat, terminal
from proofs_check.instances import MODEST, Instance, Scope
from proofs_check.mistakes import (
    INVERSE,
    OF_TEMPERATURE,
    POLICY,
    RESPONSE_REWARDS,
    SOFT_BELLMAN,
    SOFT_BELLMAN_LOGITS,
    without,
)
from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman.enumeration import completions

__all__ = ["CLAIMS"]

_TREE: Final = f"{TREE}; φ = 0 after the last step"

_SHALLOW: Final = Scope(
    "at most 12 depths, where completions are written out from each", lambda i: i.space.n_depths <= 12
)
# M with these moves as M does: a maximum, a mean, a sum over some actions, a sum that is clipped, any temperature,
# and something more at every end.
_EQUIVARIANT: Final = (
    "hard-max",
    "eos-left-out",
    "token-temperature",
    "no-shift",
    "log-mean-exp",
    "expected-value",
    "temperature-inverted",
    "terminal-not-zero",
)


def _potential(kit: Toolkit[Any], instance: Instance, *, at_root: bool) -> list[Any]:
    """φ as a carrier for each depth: random, 0 at the root or another number at each prompt's."""
    levels = list(instance.potential.levels)
    if at_root:
        levels[0] = np.arange(1.0, instance.space.n_prompts + 1.0)
    return [kit.lift(level) for level in levels]


def _shifted(kit: Toolkit[Any], levels: Levels, phi: Levels, *, back: bool = False) -> list[Any]:
    """f(s, a) + φ(s), or minus."""
    operation = kit.system.divide if back else kit.system.multiply
    return [operation(level, here) for level, here in zip(levels, phi, strict=True)]


def _shaped(kit: Toolkit[Any], instance: Instance, rewards: Levels, phi: Levels, wrong: str = "") -> list[Any]:
    """r(s, a) + φ(s) - φ(s⊕a)."""
    V = instance.space.n_tokens
    if wrong == "one-sided":
        return _shifted(kit, rewards, phi)
    shaped = []
    for t, level in enumerate(rewards):
        if t + 1 < len(phi):
            below = phi[t + 1].reshape((V, level.shape[1]))
            operation = kit.system.multiply if wrong == "sign" else kit.system.divide
            level = kit.system.stack([operation(level[:V], below), level[V:]])
        shaped.append(level)
    return _shifted(kit, shaped, phi)


def _logs(kit: Toolkit[Any], levels: Levels) -> Any:
    """All logarithms as one array of numbers."""
    return flat([kit.log(level) for level in levels])


# -- bodies -----------------------------------------------------------------------------------------------------------


def _invariance(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards = instance.space, kit.rewards(instance)
    totals = kit.response_rewards(space, rewards)
    phi = _potential(kit, instance, at_root=wrong == "root-ignored")
    shaped = kit.response_rewards(space, _shaped(kit, instance, rewards, phi, wrong))
    yield Comparison("φ(x) = 0: R is unchanged", kit.log(shaped), kit.log(totals))
    phi = _potential(kit, instance, at_root=True)
    shaped = kit.response_rewards(space, _shaped(kit, instance, rewards, phi, wrong))
    yield Comparison("φ(x) adds itself to R", kit.log(shaped), kit.log(kit.system.multiply(totals, phi[0])))


def _equivariance(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, tau = instance.space, kit.rewards(instance), instance.temperature
    phi = _potential(kit, instance, at_root=True)
    logits, values = kit.soft_bellman(space, rewards, tau)
    shaped, moved = kit.soft_bellman(space, _shaped(kit, instance, rewards, phi, wrong), tau)
    back = wrong == "backward"
    expected = (
        _shaped(kit, instance, logits, phi) if wrong == "shaped-logits" else _shifted(kit, logits, phi, back=back)
    )
    yield Comparison("M(r + φ(s) - φ(s⊕a)) = M(r) + φ(s)", _logs(kit, shaped), _logs(kit, expected))
    yield Comparison("its values move by φ(s)", _logs(kit, moved), _logs(kit, _shifted(kit, values, phi, back=back)))


def _quotient(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, logits = instance.space, kit.rewards(instance), kit.logits(instance)
    phi = _potential(kit, instance, at_root=True)
    # Rewards with the same R up to a constant: the same policy.
    mapped = kit.soft_bellman(space, rewards, 1.0)[0]
    shaped = kit.soft_bellman(space, _shaped(kit, instance, rewards, phi, wrong), 1.0)[0]
    left, right = kit.policy(space, shaped), kit.policy(space, mapped)
    yield Comparison("same R, same policy", _logs(kit, left), _logs(kit, right))
    # Logits with the same policy: the same R up to a constant.
    moved = _shifted(kit, logits, phi)
    if wrong == "by-action":
        moved = [
            kit.system.stack([level[:-1], kit.system.multiply(level[-1:], one)]) for level, one in _last(logits, phi)
        ]
    one, two = (kit.response_rewards(space, kit.inverse(space, q, 1.0)) for q in (logits, moved))
    if wrong != "exactly-same":
        one = kit.system.multiply(one, phi[0])
    yield Comparison("same policy, same R up to c(x)", kit.log(two), kit.log(one))


def _last(logits: Levels, phi: Levels) -> Iterator[tuple[Any, Any]]:
    return zip(logits, (level.reshape((1, -1)) for level in phi), strict=True)


def _sections(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, logits = instance.space, kit.rewards(instance), kit.logits(instance)
    V, ones = space.n_tokens, kit.system.ones
    totals = kit.response_rewards(space, rewards)
    at_last_steps = terminal(kit, space, totals)
    if wrong == "also-before":
        at_last_steps = [*at_last_steps[:-1], kit.system.multiply(at_last_steps[-1], rewards[-1])]
    yield Comparison("R of terminal R = R", kit.log(kit.response_rewards(space, at_last_steps)), kit.log(totals))
    policy = logits if wrong == "any-logits" else kit.policy(space, logits)
    sums = [kit.system.sum(level) for level in policy]
    alive = [kit.lift(np.where(live.any(axis=0), 0.0, -np.inf)) for live in instance.live]
    yield Comparison("V of log π = 0", _logs(kit, sums), _logs(kit, alive))
    # The value at the root takes part in no logit.
    fixed = [kit.system.multiply(policy[0], kit.lift(np.array(1.0))), *policy[1:]]
    yield Comparison(
        "M(log π + c(x)) = log π + c(x)", _logs(kit, kit.soft_bellman(space, fixed, 1.0)[0]), _logs(kit, fixed)
    )
    # M(r) = r where V = 0 below: M(r) - r is V(s⊕a), by enumeration of what can follow.
    mapped = kit.soft_bellman(space, rewards, 1.0)[0]
    for t in range(space.n_depths - 1):
        after = kit.system.sum(completions(space, kit.system, rewards, start=t + 1)).reshape((V, rewards[t].shape[1]))
        if wrong == "own-value":
            after = kit.system.multiply(ones(after.shape), kit.system.sum(mapped[t]))
        expected = kit.system.stack([kit.system.multiply(rewards[t][:V], after), rewards[t][V:]])
        yield Comparison(f"M(r) - r = V(s⊕a) at depth {t}", kit.log(mapped[t]), kit.log(expected))


CLAIMS: Final = (
    Claim(
        id="G-invariance",
        place="beyond the paper",
        statement="R of r(s,a) + φ(s) - φ(s⊕a) is R_r + φ(x)",
        latex=r"R_{r + \varphi(s) - \varphi(s \oplus a)} = R_r + \varphi(x)",
        hypotheses=_TREE,
        routes=("shaped rewards added up along each response", "rewards added up along each response, plus φ(x)"),
        body=_invariance,
        # In another order both sides are.
        mistakes=without(RESPONSE_REWARDS, "responses-backwards"),
        misreadings=misread(
            _invariance,
            ("invariance-sign", "r + φ(s) + φ(s⊕a)", "sign"),
            ("invariance-one-sided", "r + φ(s)", "one-sided"),
            ("invariance-root-ignored", "φ(x) need not be 0 for R to stay", "root-ignored"),
        ),
        errata=("E16",),
    ),
    Claim(
        id="G-equivariance",
        place="beyond the paper",
        statement="M(r + φ(s) - φ(s⊕a)) = M(r) + φ(s)",
        latex=r"M(r + \varphi(s) - \varphi(s \oplus a)) = M(r) + \varphi(s)",
        hypotheses=f"{_TREE}; any temperature",
        routes=("shaped rewards, then the recursion", "the recursion, then a shift at each prefix"),
        body=_equivariance,
        mistakes=without(SOFT_BELLMAN, *_EQUIVARIANT),
        misreadings=misread(
            _equivariance,
            ("equivariance-sign", "r + φ(s) + φ(s⊕a)", "sign"),
            ("equivariance-backward", "M(r) - φ(s)", "backward"),
            ("equivariance-shaped-logits", "logits are shaped as rewards are", "shaped-logits"),
        ),
        errata=("E16",),
    ),
    Claim(
        id="G-quotient",
        place="beyond the paper; Proposition 1",
        statement="R_r = R_r' up to c(x) ⇔ softmax M(r) = softmax M(r')",
        latex=r"R_r = R_{r'} + c(x) \iff \mathrm{softmax}\, M(r) = \mathrm{softmax}\, M(r')",
        hypotheses=f"{_TREE}; only shaping keeps R (G-shaping), only shifts at each prefix keep the policy",
        routes=(
            "policies of M(r) and of M of shaped rewards",
            "R of M⁻¹(q) and of M⁻¹(q + c(s)), added up along each response",
        ),
        body=_quotient,
        mistakes=(
            *without(SOFT_BELLMAN, *_EQUIVARIANT, "values-one-early", "lost-temperature"),  # the temperature is 1
            *without(INVERSE, "inverse-hard-max", "inverse-lost-temperature"),  # a maximum moves with its logits too
            # As does any normaliser over some of the actions; and the best action stays the best.
            *without(POLICY, "policy-without-eos", "never-empty", "policy-greedy"),
            *without(RESPONSE_REWARDS, "responses-backwards"),  # on both sides
        ),
        misreadings=misread(
            _quotient,
            ("quotient-one-sided", "rewards may be shifted at each prefix as logits may", "one-sided"),
            ("quotient-by-action", "the logit of one action alone may be shifted", "by-action"),
            ("quotient-exactly-same", "R is the same, not up to a constant", "exactly-same"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="G-sections",
        place="beyond the paper; B.3 uses the first, Section 2.2 the second",
        statement="terminal R has R_r = R; log π has V = 0; M(r) - r = V(s⊕a), so M(log π) = log π",
        latex=r"R_r = R \text{ for } r = R \text{ at last steps, } 0 \text{ before}; \quad "
        r"V_q = 0 \text{ for } q = \log \pi; \quad M(r)(s,a) - r(s,a) = V_q(s \oplus a), \text{ so } M(\log\pi) "
        r"= \log\pi",
        hypotheses="any finite tree of responses, one for each prompt; the value at the root takes part in no logit",
        routes=(
            "R of rewards at last steps alone, against R; sums of π, against 1",
            "the recursion on log π, against log π",
            "M(r) by the recursion, against r plus log Σ exp over completions, by enumeration",
        ),
        body=_sections,
        mistakes=(
            *without(SOFT_BELLMAN_LOGITS, *OF_TEMPERATURE),  # the temperature is 1
            *without(POLICY, "never-empty", "policy-greedy"),  # which are policies too: V is 0
            *without(RESPONSE_REWARDS, "first-step-missing"),  # missing on both sides
        ),
        misreadings=misread(
            _sections,
            ("sections-any-logits", "M(q) = q for logits that are not normalised", "any-logits"),
            ("sections-own-value", "M(r) - r = V(s)", "own-value"),
            ("sections-also-before", "terminal R, and the last reward besides", "also-before"),
        ),
        scope=MODEST & _SHALLOW,
    ),
)
