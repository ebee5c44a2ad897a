"""Section 3.2: Proposition 1, the bijection between rewards and logits."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from proofs_check.claim import FORCED, Claim, Comparison
from proofs_check.instances import Instance
from proofs_check.mistakes import ARM, EBM, INVERSE, LOG_PARTITION, SOFT_BELLMAN_LOGITS, SOFT_BELLMAN_POLICY, without
from proofs_check.toolkit import Toolkit

__all__ = ["CLAIMS"]

_TREE: Final = f"{FORCED}, q(s_T, EOS) free"
_LIVE: Final = f"{_TREE}; live: on the way to an allowed response"


def _log_partition(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    rewards, tau = kit.rewards(instance), instance.temperature
    _, values = kit.soft_bellman(instance.space, rewards, tau)
    enumerated = kit.log_partition(instance.space, rewards, tau)
    yield Comparison("log-partition = root value", enumerated, kit.system.power(values[0], 1.0 / tau))


def _probabilities(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    rewards, tau = kit.rewards(instance), instance.temperature
    logits, _ = kit.soft_bellman(instance.space, rewards, tau)
    energy_based = kit.ebm_log_probs(instance.space, rewards, tau)
    autoregressive = kit.arm_log_probs(instance.space, [kit.system.power(q, 1.0 / tau) for q in logits])
    yield Comparison("log-probability of each response", energy_based, autoregressive)


def _back_to_rewards(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    rewards, tau = kit.rewards(instance), instance.temperature
    logits, _ = kit.soft_bellman(instance.space, rewards, tau)
    back = kit.inverse(instance.space, logits, tau)
    # At a pair that leads to no allowed response M(r) is -inf for every r: there M⁻¹ gives -inf.
    for t, (level, live) in enumerate(zip(instance.reward.levels, instance.live, strict=True)):
        expected = kit.lift(np.where(live, level, -np.inf))
        yield Comparison(f"rewards at depth {t}", back[t], expected)


def _back_to_logits(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
    logits, tau = kit.logits(instance), instance.temperature
    again, _ = kit.soft_bellman(instance.space, kit.inverse(instance.space, logits, tau), tau)
    for t, level in enumerate(logits):
        yield Comparison(f"logits at depth {t}", again[t], level)


CLAIMS: Final = (
    Claim(
        id="P1-logZ",
        place="Proposition 1, Section 3.2",
        statement="A_{R_r}(x) = V_q(x) with q = M(r), for every prompt x",
        latex=r"A_{R_r}(x) = V_q(x) \text{ with } q = M(r), \text{ for every prompt } x",
        hypotheses=_TREE,
        routes=("log-sum-exp of R_r over all responses, by enumeration", "root value of the soft Bellman recursion"),
        body=_log_partition,
        # exp(-1e9) is 0, so that mask cannot show in a sum that has other terms.
        mistakes=(*without(SOFT_BELLMAN_LOGITS, "mask-1e9"), *LOG_PARTITION),
        errata=(
            "E1",
            "E2",
            "E3",
            "E4",
            "E10",
        ),
    ),
    Claim(
        id="P1-prob",
        place="Proposition 1, Section 3.2",
        statement="p_{R_r}(y|x) = p_q(y|x) with q = M(r), for every response y",
        latex=r"p_{R_r}(y \mid x) = p_q(y \mid x) \text{ with } q = M(r), \text{ for every response } y",
        hypotheses=_TREE,
        routes=("exp R_r over its sum, by enumeration", "products of softmax(M(r)) along each response"),
        body=_probabilities,
        mistakes=(*SOFT_BELLMAN_POLICY, *EBM, *ARM),
        errata=(
            "E1",
            "E2",
            "E3",
            "E4",
            "E14",
        ),
    ),
    # These two hold of any V that M and M⁻¹ share; P1-prob and P1-logZ are what ties V down.
    Claim(
        id="P1-bijection-r",
        place="Proposition 1, Section 3.2 and B.2",
        statement="M⁻¹(M(r)) = r at live pairs, -inf elsewhere",
        latex=r"M^{-1}(M(r)) = r \text{ at live pairs}, \; {-\infty} \text{ elsewhere}",
        hypotheses=_LIVE,
        routes=("the recursion, then its inverse", "the rewards themselves"),
        body=_back_to_rewards,
        mistakes=(*SOFT_BELLMAN_LOGITS, *INVERSE),
        errata=(
            "E2",
            "E3",
            "E14",
            "E16",
        ),
    ),
    Claim(
        id="P1-bijection-q",
        place="Proposition 1, Section 3.2 and B.2",
        statement="M(M⁻¹(q)) = q at live pairs, -inf elsewhere",
        latex=r"M(M^{-1}(q)) = q \text{ at live pairs}, \; {-\infty} \text{ elsewhere}",
        hypotheses=_LIVE,
        routes=("the inverse, then the recursion", "the logits themselves"),
        body=_back_to_logits,
        mistakes=(*SOFT_BELLMAN_LOGITS, *INVERSE),
        errata=("E2", "E3"),
    ),
)
