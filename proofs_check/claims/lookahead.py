"""Beyond the paper: M_h, the soft Bellman map that looks h steps ahead, between r (h = 0) and M r (h = T - 1)."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.claim import TREE, Claim, Comparison, Misreading, misread
from proofs_check.instances import EQUAL_LENGTHS, MODEST, Instance, built_in, half_forbidden
from proofs_check.mistakes import EBM, SOFT_BELLMAN_LOGITS, without
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace, StateActionTable
from tabular_bellman.lookahead import backward_within

__all__ = ["CLAIMS"]

_PLACE: Final = "beyond the paper"
_TREE: Final = f"{TREE}; M_h r = r(s, a) + V_{{h-1}}(s⊕a), M_0 r = r"
# All horizons of a deep tree are many; the last one is H-exact's.
_MOST: Final = 4


def _horizons(space: SequenceSpace) -> range:
    return range(min(space.n_depths, _MOST))


def _log_probs(kit: Toolkit[Any], space: SequenceSpace, logits: Levels) -> Any:
    """Return log p_h(y): products of softmax, which may stop at a dead prefix, where no model is allowed to be."""
    return kit.response_rewards(space, [kit.system.normalise(q) for q in logits])


def _divergence(kit: Toolkit[Any], log_p: Any, log_q: Any) -> Any:
    return expectation(kit, log_p, kit.log(kit.system.divide(log_p, log_q)))


# -- M itself ----------------------------------------------------------------------------------------------------------


def _exact(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards, tau = instance.space, kit.rewards(instance), instance.temperature
    last = space.n_depths - 1
    horizon = max(last - 1, 0) if wrong == "lookahead-exact-one-short" else last
    seen = backward_within(space, kit.system, rewards, horizon, temperature=tau)
    logits, _ = kit.soft_bellman(space, rewards, tau)
    for t in range(space.n_depths):
        yield Comparison(f"logits at depth {t}", seen[t], logits[t])


# -- the soft Bellman operator -----------------------------------------------------------------------------------------


def _applied(kit: Toolkit[Any], instance: Instance, values: Levels, wrong: str) -> tuple[Levels, Levels]:
    """Apply B_r to values of all depths at once: logits r + V(s⊕a), and their values."""
    space, tau, system = instance.space, instance.temperature, kit.system
    V, logits = space.n_tokens, []
    for t, reward in enumerate(kit.rewards(instance)):
        q = reward
        if t + 1 < space.n_depths:
            children = values[t + 1].reshape((V, reward.shape[1]))
            ends = reward[V:]
            if wrong == "lookahead-eos-goes-on":
                ends = system.multiply(ends, children[: ends.shape[0]])
            q = system.stack([system.multiply(reward[:V], children), ends])
        logits.append(q)
    scale = 1.0 if wrong == "lookahead-lost-temperature" else tau
    return logits, [system.power(system.sum(system.power(q, 1.0 / tau)), scale) for q in logits]


def _ways_on(kit: Toolkit[Any], instance: Instance, depth: int, n_steps: int) -> Any:
    """Return τ log Σ exp(rewards on the way / τ) over the ways to go on from each prefix for at most `n_steps`."""
    space, system = instance.space, kit.system
    rewards = [system.power(level, 1.0 / instance.temperature) for level in kit.rewards(instance)]
    V, n, ended = space.n_tokens, space.n_prefixes_at(depth), []
    so_far = system.ones((1, n))
    for t in range(depth, depth + n_steps):
        step = rewards[t].reshape((rewards[t].shape[0], so_far.shape[0], n))
        going = 0 if t + 1 == space.n_depths else V
        ended += [system.multiply(so_far, row) for row in step[going:]]
        if not going:
            break
        so_far = system.multiply(so_far, step[:V]).reshape((V * so_far.shape[0], n))
    else:
        ended.append(so_far)  # cut off
    return system.power(system.sum(system.stack(ended)), instance.temperature)


def _operator(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space = instance.space
    start: Levels = [kit.system.ones((space.n_prefixes_at(t),)) for t in range(space.n_depths)]
    if wrong == "lookahead-forbids-beyond":
        start = [kit.lift(np.full(space.n_prefixes_at(t), -np.inf)) for t in range(space.n_depths)]
    logits, values = _applied(kit, instance, start, wrong)
    if wrong == "lookahead-starts-from-one-more":
        logits, values = _applied(kit, instance, values, wrong)
    for horizon in _horizons(space):
        seen = backward_within(space, kit.system, kit.rewards(instance), horizon, temperature=instance.temperature)
        for t in range(space.n_depths):
            yield Comparison(f"logits at depth {t}, horizon {horizon}", seen[t], logits[t])
            if t + 1 < space.n_depths:
                after = _ways_on(kit, instance, t + 1, horizon).reshape((space.n_tokens, logits[t].shape[1]))
                tokens = kit.system.multiply(kit.rewards(instance)[t][: space.n_tokens], after)
                yield Comparison(f"the ways on from depth {t}, horizon {horizon}", tokens, logits[t][: space.n_tokens])
        if wrong != "lookahead-same-for-all":
            logits, values = _applied(kit, instance, values, wrong)


# -- a reward at the last step alone -----------------------------------------------------------------------------------


def _terminal(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, system, last = instance.space, kit.system, instance.space.n_depths - 1
    rewards = [kit.system.ones(level.shape) for level in instance.reward.levels[:last]] + kit.rewards(instance)[last:]
    log_p = kit.ebm_log_probs(space, rewards, 1.0)
    log_vocab = reals.log(kit.number(float(space.n_tokens)))
    before: Any = None
    for horizon in range(space.n_depths):
        blind = last - horizon  # steps before the reward comes into sight
        if wrong == "lookahead-blind-one-more":
            blind = min(blind + 1, space.n_depths)
        log_h = _log_probs(kit, space, backward_within(space, system, rewards, horizon))
        n = np.arange(space.n_responses_per_prompt)
        ways_on = space.n_tokens ** (space.max_length - blind)
        beginning, groups = n // ways_on, n.reshape(-1, ways_on).T  # responses by their first tokens: one column each
        marginal = system.sum(log_p[groups])
        uniform = system.normalise(system.ones(marginal.shape))
        if wrong == "lookahead-blind-follows-rewards":
            uniform = marginal
        expected = system.multiply(system.divide(log_p, marginal[beginning]), uniform[beginning])
        yield Comparison(f"log-probability of each response, horizon {horizon}", log_h, expected)
        divergence = _divergence(kit, log_p, log_h)
        entropy = -expectation(kit, marginal, kit.log(marginal))
        sign = -1.0 if wrong == "lookahead-loss-adds-entropy" else 1.0
        loss = blind * log_vocab - sign * entropy
        yield Comparison(f"KL(p_M‖p_h), horizon {horizon}", divergence, loss)
        if before is not None:
            pair = (before, divergence) if wrong == "lookahead-loss-grows" else (divergence, before)
            yield Comparison(f"KL(p_M‖p_h) from horizon {horizon - 1} to {horizon}", *pair, "at most")
        before = divergence


# -- success -----------------------------------------------------------------------------------------------------------


def _success(kit: Toolkit[Any], instance: Instance, share: float = 1.0) -> Iterator[Comparison]:
    space, rewards = instance.space, kit.rewards(instance)
    # p by enumeration: the models with horizons are compared with what they should be, not with M.
    log_p = kit.ebm_log_probs(space, rewards, 1.0)
    for horizon in _horizons(space):
        log_h = _log_probs(kit, space, backward_within(space, kit.system, rewards, horizon))
        least = reals.exp(share * -_divergence(kit, log_p, log_h))
        yield Comparison(f"horizon {horizon}", least, kit.real(log_h).sum(0), "at most")


def _with_dead_ends(seed: int) -> Iterator[Instance]:
    """Yield a tie, whatever is forbidden at random, and the rewards of every run."""
    space = SequenceSpace.fixed_length(2, 2)
    dead = StateActionTable.from_arrays(space, [[[0.0, 0.0]], [[[0.0, 0.0], [-np.inf, -np.inf]]]])
    # Of two beginnings one is dead: horizon 0 takes it half of the time, and p_0 = p otherwise.
    yield Instance("half of the beginnings dead", dead, seed=seed)
    rng = np.random.default_rng(seed)
    for V, T in ((2, 4), (3, 3)):
        yield half_forbidden(SequenceSpace(V, max_length=T), rng, seed)
    yield from (instance for instance in built_in(seed) if instance.space.n_pairs <= 100)


CLAIMS: Final = (
    Claim(
        id="H-exact",
        place=_PLACE,
        statement="M_{T-1} r = M r: a horizon of T-1 sees everything",
        latex=r"M_{T-1}\, r = M(r)",
        hypotheses=_TREE,
        routes=("M on the tree cut after each depth's horizon", "the soft Bellman recursion from the last step"),
        body=_exact,
        mistakes=SOFT_BELLMAN_LOGITS,
        misreadings=misread(_exact, ("lookahead-exact-one-short", "a horizon of T-2 sees everything")),
    ),
    Claim(
        id="H-operator",
        place=_PLACE,
        statement="M_h r = B_r^{h+1} 0, with B_r the soft Bellman operator, from V = 0",
        latex=r"M_h\, r = B_r^{h+1}\, 0, \quad (B_r V)(s,a) = r(s,a) + V(s \oplus a)",
        hypotheses=f"{_TREE}; (B_r V)(s, a) = r(s, a) + V(s⊕a), then V = τ log Σ exp(·/τ)",
        routes=(
            "M on the tree cut after each depth's horizon",
            "the operator applied to all prefixes at once, h+1 times",
            "the ways to go on for at most h steps, written out",
        ),
        body=_operator,
        misreadings=misread(
            _operator,
            ("lookahead-starts-from-one-more", "h+2 applications"),
            ("lookahead-same-for-all", "one application, whatever h"),
            ("lookahead-forbids-beyond", "what lies beyond the horizon is forbidden: V starts at -inf"),
            ("lookahead-eos-goes-on", "EOS is followed by a value, as if it were a token"),
            ("lookahead-lost-temperature", "V = log Σ exp(q/τ) lacks its factor τ"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="H-terminal",
        place=_PLACE,
        statement="r at the last step alone: KL(p_{M r}‖p_{M_h r}) = m log V - H(Y_≤m), m = T-1-h",
        latex=r"r \text{ at the last step alone: } \mathrm{KL}(p_{M r} \,\|\, p_{M_h r}) "
        r"= m \log V - H(Y_{\le m}), \quad m = T - 1 - h",
        hypotheses="responses of one length T without EOS, reward at the last step alone; it falls as h grows",
        routes=(
            "products of softmax(M_h r) along each response",
            "uniform first m tokens, the rest as p_R given them, by enumeration",
        ),
        body=_terminal,
        mistakes=without(EBM, "ebm-without-temperature"),  # it is at temperature 1
        misreadings=misread(
            _terminal,
            ("lookahead-blind-one-more", "m = T-h steps are blind"),
            ("lookahead-blind-follows-rewards", "the first m tokens are drawn as p_R draws them"),
            ("lookahead-loss-adds-entropy", "m log V + H(Y_≤m)"),
            ("lookahead-loss-grows", "the divergence grows with the horizon"),
        ),
        scope=EQUAL_LENGTHS & MODEST,
    ),
    Claim(
        id="H-success",
        place=_PLACE,
        statement="P(a draw from softmax(M_h r) ends in a response) ≥ exp -KL(p_{M r}‖p_{M_h r})",
        latex=r"P(\text{a draw from } \mathrm{softmax}(M_h r) \text{ ends in a response}) "
        r"\ge e^{-\mathrm{KL}(p_{M r} \,\|\, p_{M_h r})}",
        hypotheses=f"{_TREE}; a draw that comes to a dead prefix stops there",
        routes=("products of softmax(M_h r), added up over responses", "p_R by enumeration, and its divergence"),
        body=_success,
        # It holds of any distribution in the place of p_R, so few wrong ones show.
        mistakes=without(EBM, "last-reward-missing", "reward-per-token", "ebm-without-temperature"),
        misreadings=tuple(
            Misreading(f"success-{name}", f"the bound exp(-{shown} KL)", partial(_success, share=share))
            for name, shown, share in (("half", "½", 0.5), ("nine-tenths", "0.9", 0.9), ("free", "0", 0.0))
        ),
        own=_with_dead_ends,
    ),
)
