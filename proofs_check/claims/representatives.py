"""Beyond the paper: one orbit for each model, and the rewards of least norm and of mean 0 that stand for it."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.claim import TREE, Claim, Comparison, misread
from proofs_check.derivatives import flat, terminal
from proofs_check.instances import MODEST, Instance
from proofs_check.mistakes import OF_TEMPERATURE, POLICY, RESPONSE_REWARDS, SOFT_BELLMAN, without
from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman import SequenceSpace
from tabular_bellman.enumeration import completions, reading_order
from tabular_bellman.number_systems import LogFloat

__all__ = ["CLAIMS"]

Flags = list[NDArray[np.bool_]]

_TREE: Final = f"{TREE}; what no allowed response takes is left out; φ = 0 after the last step"
# The potential of a shaped reward is the same with these in both.
_EQUIVARIANT: Final = (
    *("hard-max", "eos-left-out", "no-shift", "log-mean-exp", "expected-value", "terminal-not-zero"),
    *OF_TEMPERATURE,  # the temperature is 1
    "mask-1e9",  # what is forbidden is left out
)


# -- trees of numbers -------------------------------------------------------------------------------------------------


def _passed(instance: Instance) -> Flags:
    """Which pairs an allowed response takes."""
    V, levels = instance.space.n_tokens, [instance.live[0]]
    for live in instance.live[1:]:
        levels.append(live & levels[-1][:V].reshape(-1))
    return levels


def _allowed(instance: Instance, start: int = 0) -> NDArray[np.bool_]:
    """Which completions of each prefix of `start` tokens are allowed, in the order of `completions`."""
    return np.asarray(np.isfinite(completions(instance.space, LogFloat(), instance.reward.levels, start)))


class _Along:
    """Plain numbers, combined along responses as `completions` multiplies weights."""

    def __init__(self, kit: Toolkit[Any], *, product: bool = False) -> None:
        self.kit, self.product, self.stack = kit, product, reals.concatenate

    def ones(self, shape: tuple[int, ...]) -> Any:
        return self.kit.number(np.full(shape, float(self.product)))

    def multiply(self, x: Any, y: Any) -> Any:
        return x * y if self.product else x + y


def _along(kit: Toolkit[Any], space: SequenceSpace, levels: Levels, *, product: bool = False) -> Any:
    """Return the sums, or products, of numbers along each response, (n, P)."""
    system: Any = _Along(kit, product=product)
    return completions(space, system, levels)[reading_order(space)]


def _only(kit: Toolkit[Any], where: NDArray[np.bool_], x: Any) -> Any:
    """Return x there, and 0 elsewhere."""
    return reals.where(where, x, kit.number(np.zeros(where.shape)))


def _ahead(space: SequenceSpace, level: Any, below: Any, sign: float = 1.0) -> Any:
    """Return f(s, a) ± g(s⊕a); what ends a response leads nowhere."""
    if below is None:
        return level
    V = space.n_tokens
    return reals.concatenate([level[:V] + sign * below.reshape((V, level.shape[1])), level[V:]])


def _shaped(space: SequenceSpace, live: Flags, kit: Toolkit[Any], steps: Levels, phi: Levels) -> list[Any]:
    """r(s,a) + φ(s) - φ(s⊕a), of numbers."""
    after = [*phi[1:], None]
    return [_only(kit, live[t], _ahead(space, step + phi[t], after[t], -1.0)) for t, step in enumerate(steps)]


def _as_numbers(kit: Toolkit[Any], live: Flags, rewards: Levels) -> list[Any]:
    return [_only(kit, where, kit.log(level)) for where, level in zip(live, rewards, strict=True)]


def _potential(kit: Toolkit[Any], instance: Instance, *, at_root: bool) -> list[Any]:
    """φ as a carrier for each depth: random, 0 at the root or another number at each prompt's."""
    levels = list(instance.potential.levels)
    if at_root:
        levels[0] = np.arange(1.0, instance.space.n_prompts + 1.0)
    return [kit.lift(level) for level in levels]


def _moved(kit: Toolkit[Any], space: SequenceSpace, rewards: Levels, phi: Levels) -> list[Any]:
    """r(s,a) + φ(s) - φ(s⊕a), of carriers."""
    V, system, moved = space.n_tokens, kit.system, []
    for t, level in enumerate(rewards):
        if t + 1 < space.n_depths:
            below = phi[t + 1].reshape((V, level.shape[1]))
            level = system.stack([system.divide(level[:V], below), level[V:]])
        moved.append(system.multiply(level, phi[t]))
    return moved


# -- orbits -----------------------------------------------------------------------------------------------------------


def _orbit(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, live = instance.space, kit.rewards(instance), _passed(instance)
    logits, values = kit.soft_bellman(space, rewards, 1.0)
    potential = _potential(kit, instance, at_root=True)
    totals = kit.system.multiply(kit.response_rewards(space, rewards), potential[0])
    others = {
        "R + c(x) at the end": terminal(kit, space, totals),
        "log π": kit.policy(space, logits),
        "shaped r": _moved(kit, space, rewards, potential),
    }
    steps = _as_numbers(kit, live, rewards)
    for name, other in others.items():
        _, theirs = kit.soft_bellman(space, other, 1.0)
        phi = []
        for t, where in enumerate(live):
            up, down = (values[t], theirs[t]) if wrong == "orbit-sign" else (theirs[t], values[t])
            phi.append(_only(kit, np.asarray(where.any(axis=0)), kit.log(kit.system.divide(up, down))))
        if wrong == "orbit-root":
            phi[0] = kit.number(np.zeros(space.n_prompts))
        if wrong == "orbit-of-logits":
            expected = [_only(kit, live[t], step + phi[t]) for t, step in enumerate(steps)]
        else:
            expected = _shaped(space, live, kit, steps, phi)
        found = _as_numbers(kit, live, other)
        yield Comparison(f"{name} = r + φ(s) - φ(s⊕a), φ = V' - V", flat(found), flat(expected))
        if name == "log π":
            yield from _gained(kit, instance, rewards, other, phi)


def _gained(kit: Toolkit[Any], instance: Instance, rewards: Levels, other: Levels, phi: Levels) -> Iterator[Comparison]:
    """φ(s) is what any completion of s gains, by enumeration."""
    space = instance.space
    for t, where in enumerate(_passed(instance)):
        mine, theirs = (completions(space, kit.system, levels, start=t) for levels in (rewards, other))
        allowed = _allowed(instance, t) & where.any(axis=0)
        gained = _only(kit, allowed, kit.log(kit.system.divide(theirs, mine)))
        spread = _only(kit, allowed, phi[t] + kit.number(np.zeros(allowed.shape)))
        yield Comparison(f"log π: φ(s) = what any completion gains, depth {t}", gained, spread)


# -- least norm -------------------------------------------------------------------------------------------------------


def _conductances(kit: Toolkit[Any], space: SequenceSpace, live: Flags, wrong: str = "") -> tuple[list[Any], list[Any]]:
    """g(s, a), of a step and all that follows in series, and c(s), of these in parallel; 1 where nothing passes."""
    steps: list[Any] = []
    places: list[Any] = []
    V = space.n_tokens
    for where in reversed(live):
        g = kit.number(where.astype(np.float64))
        if places:
            c = places[-1].reshape((V, where.shape[1]))
            series = c if wrong == "least-norm-no-resistance" else c / (1.0 + c)
            g = reals.concatenate([_only(kit, where[:V], series), g[V:]])
        steps.append(g)
        places.append(reals.where(np.asarray(where.any(axis=0)), g.sum(0), kit.number(np.ones(where.shape[1]))))
    return steps[::-1], places[::-1]


def _currents(
    kit: Toolkit[Any], space: SequenceSpace, live: Flags, steps: Levels, *, free: bool = False, wrong: str = ""
) -> tuple[list[Any], Any, Any]:
    """Return the reward of least norm, and c and w at the roots: what flows in is shared out by conductance."""
    g, c = _conductances(kit, space, live, wrong)
    means: list[Any] = []
    for t in reversed(range(space.n_depths)):
        to_come = _ahead(space, steps[t], means[-1] if means else None)
        means.append((g[t] * to_come).sum(0) / c[t])
    means = means[::-1]
    inflow = kit.number(np.zeros(space.n_prompts)) if free else c[0] * means[0]
    flows = []
    for t, where in enumerate(live):
        to_come = _ahead(space, steps[t], means[t + 1] if t + 1 < space.n_depths else None)
        shares = g[t] / c[t]
        if wrong == "least-norm-equal-shares":
            shares = kit.number(where.astype(np.float64)) / np.maximum(where.sum(axis=0), 1)
        flows.append(g[t] * (to_come - means[t]) + shares * inflow)
        inflow = flows[t][: space.n_tokens].reshape((-1,)) if t + 1 < space.n_depths else None
    return flows, c[0], means[0]


def _laws(kit: Toolkit[Any], space: SequenceSpace, flows: Levels, wrong: str = "") -> Iterator[Comparison]:
    """What flows into a prefix flows out of it."""
    for t in range(1, space.n_depths):
        into, out = flows[t - 1][: space.n_tokens].reshape((-1,)), flows[t].sum(0)
        if wrong == "least-norm-out-alone":
            into = 0.0 * into
        yield Comparison(f"r(into s) = Σ_a r(s, a), depth {t}", into, out)


def _least_norm(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, live = instance.space, kit.rewards(instance), _passed(instance)
    steps = _as_numbers(kit, live, rewards)
    allowed = _allowed(instance)[reading_order(space)]
    totals = _only(kit, allowed, kit.log(kit.response_rewards(space, rewards)))
    flows, _, _ = _currents(kit, space, live, steps, wrong=wrong)
    yield Comparison("R is kept", _only(kit, allowed, _along(kit, space, flows)), totals)
    yield from _laws(kit, space, flows, wrong)
    phi = _potential(kit, instance, at_root=wrong == "least-norm-any-root")
    again = _as_numbers(kit, live, _moved(kit, space, rewards, phi))
    other, _, _ = _currents(kit, space, live, again, wrong=wrong)
    yield Comparison("φ(x) = 0: the same from r + φ(s) - φ(s⊕a)", flat(other), flat(flows))

    # With a constant that is free, R loses its mean where each step is taken with chance g/c.
    free, _, _ = _currents(kit, space, live, steps, free=True, wrong=wrong)
    g, c = _conductances(kit, space, live)
    chances = _along(kit, space, [x / y for x, y in zip(g, c, strict=True)], product=True)
    constant = 0.0 * (chances * totals).sum(0) if wrong == "least-norm-free-keeps" else (chances * totals).sum(0)
    kept = _only(kit, allowed, totals - constant)
    yield Comparison("a constant free: R less its mean", _only(kit, allowed, _along(kit, space, free)), kept)
    yield Comparison("a constant free: Σ_a r(x, a) = 0", free[0].sum(0), kit.number(np.zeros(space.n_prompts)))
    yield from _laws(kit, space, free, wrong)
    phi = _potential(kit, instance, at_root=True)
    again = _as_numbers(kit, live, _moved(kit, space, rewards, phi))
    other, _, _ = _currents(kit, space, live, again, free=True, wrong=wrong)
    yield Comparison("a constant free: the same from r + φ(s) - φ(s⊕a)", flat(other), flat(free))


def _square(space: SequenceSpace, levels: Levels) -> Any:
    """Σ r² of each prompt."""
    return reals.concatenate([(level * level).reshape((-1, space.n_prompts)) for level in levels]).sum(0)


def _norms(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, live = instance.space, kit.rewards(instance), _passed(instance)
    steps = _as_numbers(kit, live, rewards)
    flows, c, w = _currents(kit, space, live, steps)
    free, _, _ = _currents(kit, space, live, steps, free=True)
    phi = _potential(kit, instance, at_root=wrong == "norms-any-root")
    again = _as_numbers(kit, live, _moved(kit, space, rewards, phi))
    least = _square(space, flows)
    for name, other in (("r", steps), ("r + φ(s) - φ(s⊕a)", again)):
        gap = [x - y for x, y in zip(other, flows, strict=True)]
        rest = 0.5 * _square(space, gap) if wrong == "norms-half" else _square(space, gap)
        yield Comparison(f"Σ r² of {name} = Σ u² + Σ (r - u)²", _square(space, other), least + rest)
        yield Comparison(f"Σ u² ≤ Σ r² of {name}", least, _square(space, other), "at most")
    more = w * w if wrong == "norms-without-conductance" else c * w * w
    yield Comparison("Σ u² = Σ u² with a constant free + c(x) w(x)²", least, _square(space, free) + more)
    # A response alone has R² over its number of steps, as has any of its steps' shares; others can only add to that.
    steps_of = _along(kit, space, [kit.number(where.astype(np.float64)) for where in live])
    allowed = _allowed(instance)[reading_order(space)]
    totals = _only(kit, allowed, kit.log(kit.response_rewards(space, rewards)))
    long = reals.where(allowed, steps_of, kit.number(np.ones(allowed.shape)))
    alone = totals * totals if wrong == "norms-length" else totals * totals / long
    yield Comparison("R(y)²/|y| ≤ Σ u²", alone, least + 0.0 * totals, "at most")


# -- mean 0 -----------------------------------------------------------------------------------------------------------


def _centring(
    kit: Toolkit[Any], space: SequenceSpace, live: Flags, rewards: Levels, wrong: str = ""
) -> tuple[list[Any], list[Any]]:
    """Return φ and r + φ(s) - φ(s⊕a), of mean 0 at each prefix."""
    steps, mean, phi = _as_numbers(kit, live, rewards), None, []
    policy = kit.policy(space, kit.soft_bellman(space, rewards, 1.0)[0]) if wrong == "centred-by-policy" else None
    for t in reversed(range(space.n_depths)):
        to_come, counted = _only(kit, live[t], _ahead(space, steps[t], mean)), live[t]
        if policy is not None:
            mean = (_only(kit, live[t], kit.real(policy[t])) * to_come).sum(0)
        else:
            if wrong == "centred-without-eos" and space.has_eos and t + 1 < space.n_depths:
                counted = live[t] & (np.arange(len(live[t])) < space.n_tokens)[:, None]
                to_come = _only(kit, counted, to_come)
            mean = to_come.sum(0) / np.maximum(counted.sum(axis=0), 1.0)
        phi.append(mean if wrong == "centred-sign" else -mean)
    phi = phi[::-1]
    return phi, _shaped(space, live, kit, steps, phi)


def _centred(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, live = instance.space, kit.rewards(instance), _passed(instance)
    phi, centred = _centring(kit, space, live, rewards, wrong)
    for t, level in enumerate(centred):
        yield Comparison(f"Σ_a r(s, a) = 0, depth {t}", level.sum(0), kit.number(np.zeros(level.shape[1])))
    # The mean of R where each allowed action is as likely: over responses, each with the product of its choices.
    allowed = _allowed(instance)[reading_order(space)]
    totals = _only(kit, allowed, kit.log(kit.response_rewards(space, rewards)))
    choices = [np.broadcast_to(np.maximum(where.sum(axis=0), 1.0), where.shape) for where in live]
    mean = (totals / _along(kit, space, [kit.number(level) for level in choices], product=True)).sum(0)
    yield Comparison("φ(x) = - mean R", phi[0], -mean)
    kept = totals if wrong == "centred-root" else _only(kit, allowed, totals - mean)
    yield Comparison("R less its mean", _only(kit, allowed, _along(kit, space, centred)), kept)
    moved = _moved(kit, space, rewards, _potential(kit, instance, at_root=True))
    _, other = _centring(kit, space, live, moved, wrong)
    yield Comparison("the same from r + φ(s) - φ(s⊕a)", flat(other), flat(centred))


CLAIMS: Final = (
    Claim(
        id="G-orbit",
        place="beyond the paper; Proposition 1",
        statement="R_r' = R_r + c(x) ⇔ r' = r + φ(s) - φ(s⊕a); then φ = V' - V, φ(x) = c(x)",
        latex=r"R_{r'} = R_r + c(x) \iff r'(s,a) = r(s,a) + \varphi(s) - \varphi(s \oplus a); \quad "
        r"\varphi = V' - V, \; \varphi(x) = c(x)",
        hypotheses=f"{_TREE}; one direction is G-invariance, this is the other",
        routes=(
            "rewards of the same model: R + c(x) on the last steps, log π of M(r), shaped r",
            "r shaped by V' - V; what each completion of a prefix gains, by enumeration",
        ),
        body=_orbit,
        mistakes=(
            *without(SOFT_BELLMAN, *_EQUIVARIANT),
            *without(POLICY, "never-empty"),
            *RESPONSE_REWARDS,
        ),
        misreadings=misread(
            _orbit,
            ("orbit-sign", "φ = V - V'"),
            ("orbit-root", "φ(x) = 0 whatever c(x) is"),
            ("orbit-of-logits", "r' = r + φ(s), as logits may be shifted"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="G-min-norm",
        place="beyond the paper",
        statement="least Σr² for one R ⇔ r(into s) = Σ_a r(s,a), s ≠ x: currents of a tree",
        latex=r"\sum r^2 \text{ least for one } R \iff r(\text{into } s) = \sum_a r(s,a) \text{ at every } s \ne x",
        hypotheses=f"{_TREE}; with a constant free for each prompt, also Σ_a r(x,a) = 0",
        routes=(
            "conductances in series and in parallel: what flows into a prefix is shared out by them",
            "R of each response; flows into and out of each prefix; the mean of R over random walks",
        ),
        body=_least_norm,
        mistakes=RESPONSE_REWARDS,
        misreadings=misread(
            _least_norm,
            ("least-norm-equal-shares", "what flows in is shared out equally"),
            ("least-norm-no-resistance", "a step has no resistance of its own: g(s,a) = c(s⊕a)"),
            ("least-norm-out-alone", "Σ_a r(s,a) = 0 at each prefix, as for the centred reward"),
            ("least-norm-any-root", "the same for φ(x) ≠ 0, where R is to be kept"),
            ("least-norm-free-keeps", "with a constant free, R stays as it is"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="G-pythagoras",
        place="beyond the paper",
        statement="Σr² = Σu² + Σ(r-u)², u of least norm with R_u = R_r; R(y)²/|y| ≤ Σu²",
        latex=r"\sum r^2 = \sum u^2 + \sum (r - u)^2, \quad R(y)^2/|y| \le \sum u^2, \quad "
        r"u \text{ of least norm with } R_u = R_r",
        hypotheses=f"{_TREE}; r any reward with the same R; c(x) and w(x) as in G-min-norm",
        routes=("sums of squares of r, and of r shaped", "sums of squares of currents, and of what is left"),
        body=_norms,
        misreadings=misread(
            _norms,
            ("norms-half", "Σr² = Σu² + ½Σ(r-u)²"),
            ("norms-any-root", "r may be shaped at the root too"),
            ("norms-without-conductance", "a constant of R is worth w(x)², not c(x) w(x)²"),
            ("norms-length", "R(y)² ≤ Σu²"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="G-centred",
        place="beyond the paper",
        statement="φ(s) = -mean_a(r(s,a) - φ(s⊕a)) ⇔ Σ_a r'(s,a) = 0; R loses its mean",
        latex=r"\varphi(s) = {-\operatorname{mean}_a} (r(s,a) - \varphi(s \oplus a)) \iff \sum_a r'(s,a) = 0, \quad "
        r"r'(s,a) = r(s,a) + \varphi(s) - \varphi(s \oplus a), \; R_{r'} = R_r - \operatorname{mean} R_r",
        hypotheses=f"{_TREE}; r' = r + φ(s) - φ(s⊕a); means over allowed actions, each as likely",
        routes=(
            "from the last step back",
            "0; R less its mean over responses, each with the product of its choices; from shaped r",
        ),
        body=_centred,
        mistakes=RESPONSE_REWARDS,
        misreadings=misread(
            _centred,
            ("centred-sign", "φ(s) = +mean_a(…)"),
            ("centred-by-policy", "the mean is taken under π of M(r)"),
            ("centred-without-eos", "the mean is over tokens alone"),
            ("centred-root", "R stays as it is"),
        ),
        scope=MODEST,
    ),
)
