"""Sections 3.1 and 3.2: the chain rule of probability, rewards split into steps, and what the two ways cost."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check.claim import Claim, Comparison, misread
from proofs_check.exact import as_exact, rank
from proofs_check.instances import SMALL, Instance, bare
from proofs_check.mistakes import ARM, POLICY, RESPONSE_REWARDS
from proofs_check.paths import incidence
from proofs_check.toolkit import Levels, Toolkit
from tabular_bellman import EOS, SequenceSpace, StateActionTable
from tabular_bellman.number_systems import ExactWeights
from tabular_bellman.recursion import backward, inverse

__all__ = ["CLAIMS"]

Exact = NDArray[np.object_]


# -- Section 3.1: the chain rule --------------------------------------------------------------------------------------


def _conditionals(kit: Toolkit[Any], instance: Instance, log_probs: Any, wrong: str = "") -> list[Any]:
    """log P(a|s): the responses that pass through (s, a), over those that pass through s."""
    space = instance.space
    n, P = space.n_responses_per_prompt, space.n_prompts
    longest = np.array([len(y) == space.max_length for y in space.responses()])
    levels = []
    for passes in incidence(space):
        chosen = passes & longest if wrong == "longest" else passes
        only = np.where(chosen, 0.0, -np.inf).transpose(2, 0, 1)[..., None]  # (n, A, V**t, 1)
        pairs = kit.system.sum(kit.system.multiply(log_probs.reshape((n, 1, 1, P)), kit.lift(only)))
        pairs = pairs.reshape((passes.shape[0], passes.shape[1] * P))
        levels.append(pairs if wrong == "marginals" else kit.system.normalise(pairs))
    return levels


def _reachable(instance: Instance) -> list[NDArray[np.bool_]]:
    """Which prefixes can be passed: every action on the way is live."""
    found = [np.ones(instance.space.n_prompts, dtype=np.bool_)]
    for live in instance.live[:-1]:
        found.append((live[: instance.space.n_tokens] & found[-1]).reshape(-1))
    return found


def _chain(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits = instance.space, kit.logits(instance)
    joint = kit.system.normalise(kit.response_rewards(space, kit.rewards(instance)))
    steps = _conditionals(kit, instance, joint, wrong)
    yield Comparison("joint → conditionals → joint", kit.response_rewards(space, steps), joint)
    policy = kit.policy(space, logits)
    again = _conditionals(kit, instance, kit.arm_log_probs(space, logits), wrong)
    for t, reachable in enumerate(_reachable(instance)):
        # Where nothing passes there is no conditional: the full support is that of free states only.
        passed = kit.lift(np.where(reachable, 0.0, -np.inf))
        left, right = (kit.system.multiply(level, passed) for level in (again[t], policy[t]))
        yield Comparison(f"conditionals → joint → conditionals at depth {t}", left, right)
    prefixes = [prefix for t in range(space.n_depths) for _, prefix in space.prefixes(t, space.prompts[0])]
    free = sum(len(space.actions(len(prefix))) - 1 for prefix in prefixes)
    if wrong == "all free":
        free = space.n_tokens * len(prefixes)
    n_responses = len(set(space.responses()))
    yield Comparison("degrees of freedom at free states = |Y| - 1", as_exact(free), as_exact(n_responses - 1))


# -- Section 3.2: rewards split into steps ----------------------------------------------------------------------------


def _decomposition(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space = instance.space

    def state(x: Any, prefix: tuple[Any, ...]) -> Any:
        return (*x, *prefix) if wrong == "strings" else (x, prefix)

    def kept(prefix: tuple[Any, ...], action: Any) -> bool:
        last = len(prefix) + 1 == space.max_length
        return not (action is EOS and (wrong == "tokens" or (wrong == "last" and last)))

    edges = {(state(x, s), a): 0 for x, s, a in space.pairs() if kept(s, a)}
    column = {edge: i for i, edge in enumerate(edges)}
    responses = [(x, y) for x in space.prompts for y in space.responses()]
    matrix = np.zeros((len(responses), len(edges)), dtype=np.int64)
    for row, (x, y) in enumerate(responses):
        for t, action in enumerate(y):
            if kept(y[:t], action):
                matrix[row, column[state(x, y[:t]), action]] = 1
    found = rank(matrix) if edges else 0
    yield Comparison("rank of r ↦ R_r = |X||Y|", as_exact(found), as_exact(space.n_responses))
    roots = space.n_prefixes if wrong == "kernel" else space.n_prompts
    kernel = as_exact(space.n_prefixes - roots)
    yield Comparison("dimension of its kernel = |S| - |X|", as_exact(len(edges) - found), kernel)

    # And a way to reach any R: all of it on the last step.
    total = np.random.default_rng([instance.seed, space.n_pairs]).normal(size=(len(responses),))
    levels = [np.zeros((space.n_actions(t), space.n_prefixes_at(t))) for t in range(space.n_depths)]
    for reward, (x, y) in zip(total.tolist(), responses, strict=True):
        t = len(y) - 1
        depth, index = space.prefix_index(y[:t], x)
        levels[depth][space.action_index(depth, y[t]), index] = reward
    reached = kit.response_rewards(space, [kit.lift(level) for level in levels])
    expected = np.ascontiguousarray(total.reshape(space.n_prompts, -1).T)
    yield Comparison("R_r = R with all reward on the last step", reached, kit.lift(expected))


def _decomposition_own(seed: int) -> list[Instance]:
    one, apart = [("BOS",)], [("BOS", 0), ("BOS", 0, 0)]
    spaces = [SequenceSpace(V, max_length=T, prompts=one) for V, T in ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (2, 5))]
    spaces += [SequenceSpace.fixed_length(V, n, one) for V, n in ((2, 3), (3, 2))]
    spaces += [SequenceSpace(2, max_length=4, min_length=3, prompts=one), SequenceSpace(1, max_length=3, prompts=apart)]
    return [Instance(repr(space)[16:-1], StateActionTable.zeros(space), seed=seed) for space in spaces]


# -- Section 3.2: cost ------------------------------------------------------------------------------------------------


class _Counting(ExactWeights):
    """Exact weights; counts log-sum-exps (here sums of weights) and their terms."""

    def __init__(self) -> None:
        self.sums = 0
        self.terms = 0

    def sum(self, x: Exact) -> Exact:
        self.sums += int(np.prod(x.shape[1:]))
        self.terms += x.size
        return super().sum(x)


def _one_response(space: SequenceSpace, system: _Counting, logits: Levels, response: tuple[Any, ...]) -> Any:
    """exp R_r(x, y) of r = M⁻¹(q), for one response: q - V_q(child) along it."""
    weight = Fraction(1)
    for t, action in enumerate(response):
        depth, index = space.prefix_index(response[:t])
        weight *= logits[depth][space.action_index(depth, action), index]
        if action is not EOS:
            depth, index = space.prefix_index(response[: t + 1])
            weight /= system.sum(logits[depth][:, [index]])[0]
    return weight


def _one_state(space: SequenceSpace, system: _Counting, rewards: Levels, prefix: tuple[Any, ...]) -> Exact:
    """exp q(s, ·) of q = M(r), at one state: it needs the value of each child, and so everything below."""
    depth, index = space.prefix_index(prefix)
    column = []
    for action, weight in zip(space.actions(depth), rewards[depth][:, index], strict=True):
        child = None if action is EOS else _one_state(space, system, rewards, (*prefix, action))
        column.append(weight if child is None else weight * system.sum(child[:, None])[0])
    return np.array(column, dtype=np.object_)


def _cost(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    for V, T in product((1, 2, 3), (2, 3, 4)):
        space = SequenceSpace(V, max_length=T)
        table = [
            np.array([Fraction(1 + (t + i) % 5, 1 + i % 3) for i in range(level.size)], dtype=object).reshape(
                level.shape
            )
            for t, level in enumerate(StateActionTable.zeros(space).levels)
        ]
        to_logits, to_rewards, response, state = (_Counting() for _ in range(4))
        logits, _ = backward(space, to_logits, table)
        rewards = inverse(space, to_rewards, logits)
        longest = space.response_at(space.n_responses - 1)
        total = _one_response(space, response, logits, longest)
        first = _one_state(space, state, table, ())
        n = len(set(space.responses()))
        full = {"path": T - 1, "root": n}.get(wrong, n - 1)
        # Both recursions give the root's value too, which neither table needs.
        counted = as_exact(to_logits.sums - 1, to_rewards.sums - 1)
        yield Comparison(f"V={V}, T={T}: of either whole table, |Y| - 1", counted, as_exact(n - 1, full))
        terms = (T - 2) * (V if wrong == "no EOS" else V + 1) + 1
        yield Comparison(
            f"V={V}, T={T}: of one R_r(x, y), T - 1 with (T - 2)(V + 1) + 1 terms",
            as_exact(response.sums, response.terms),
            as_exact(T - 1, terms),
        )
        lookahead = T - 1 if wrong == "lookahead" else n - 1
        yield Comparison(
            f"V={V}, T={T}: of q at one state, |Y| - 1 with |E| - V - 1 terms",
            as_exact(state.sums, state.terms),
            as_exact(lookahead, space.n_pairs - (V + 1)),
        )
        path = np.prod(
            [table[t][space.action_index(t, a), space.prefix_index(longest[:t])[1]] for t, a in enumerate(longest)]
        )
        yield Comparison(
            f"V={V}, T={T}: what was computed", np.array([total, *first]), np.array([path, *logits[0][:, 0]])
        )
        back = np.concatenate([(x == y).ravel() for x, y in zip(rewards, table, strict=True)])
        yield Comparison(f"V={V}, T={T}: M⁻¹ gives r back", as_exact(int(back.sum())), as_exact(space.n_pairs))


CLAIMS: Final = (
    Claim(
        id="S3.1-chain",
        place="Section 3.1, eq. (4)",
        statement="P(Y|X) and P(A|S) determine each other; Σ_s (|A(s)| - 1) = |Y| - 1",
        latex=r"p(y \mid x) = \prod_t \pi(y_t \mid s_t), \quad "
        r"\pi(a \mid s) = \frac{\sum_{y \ni (s, a)} p(y \mid x)}{\sum_{y \ni s} p(y \mid x)}, \quad "
        r"\sum_{s \in S(x)} (|A(s)| - 1) = |Y| - 1",
        hypotheses="π(EOS|s_T) = 1; conditionals at prefixes of positive probability, full support at free states only",
        routes=(
            "sums over the responses that pass, and products of their quotients",
            "the joint, or the policy, itself",
        ),
        body=_chain,
        mistakes=(*ARM, *POLICY),
        misreadings=misread(
            _chain,
            ("chain-marginals", "marginals are multiplied, not conditionals", "marginals"),
            ("chain-longest", "marginals count only responses of length T", "longest"),
            ("chain-all-states-free", "full support over V + 1 actions at every state", "all free"),
        ),
        errata=("E14",),
        scope=SMALL,
    ),
    Claim(
        id="S3.2-decomp",
        place="Section 3.2, eq. (5)",
        statement="r ↦ R_r has rank |X||Y|: any R is an R_r, all reward on the last step",
        latex=r"\operatorname{rank}(r \mapsto R_r) = |X||Y|, \quad \dim \ker = |S| - |X|, \quad "
        r"\text{any } R = R_r \text{ for } r = R \text{ at last steps, } 0 \text{ before}",
        hypotheses="states are pairs (x, y_<t); r(s_T, EOS) is free; any lengths, with EOS or without",
        routes=("elimination over the rationals, and R_r along each response", "counts, and a random R itself"),
        body=_decomposition,
        mistakes=RESPONSE_REWARDS,
        misreadings=misread(
            _decomposition,
            ("decomp-string-states", "states are the strings x⊕y_<t", "strings"),
            ("decomp-last-zero", "r(s_T, EOS) = 0 (eq. (3))", "last"),
            ("decomp-tokens-only", "EOS has no reward", "tokens"),
            ("decomp-injective", "r is determined by R_r", "kernel"),
        ),
        errata=("E2", "E4"),
        own=_decomposition_own,
    ),
    Claim(
        id="P1-cost",
        place="Section 3.2, Appendix A.9",
        statement="log-sum-exps: T - 1 for one R_r(x, y); |Y| - 1 each for q at x, for all of q, and for all of r",
        latex=r"\text{log-sum-exps: } T - 1 \text{ for one } R_r(x, y), \quad "
        r"|Y| - 1 \text{ each for } q \text{ at } x, \text{ for all of } q, \text{ and for all of } r",
        hypotheses="|y| = T; the cost printed compares one response with a whole table, and whole tables cost the same",
        routes=("counted by a number system while exact weights are computed", "closed forms"),
        body=_cost,
        misreadings=misread(
            _cost,
            ("p1-cost-table-for-path", "M⁻¹ of a whole table takes T - 1", "path"),
            ("p1-cost-lookahead", "q at one state takes T - 1", "lookahead"),
            ("p1-cost-root", "M⁻¹ needs the root's value", "root"),
            ("p1-cost-without-eos", "EOS is no term of V_q", "no EOS"),
        ),
        errata=("E13",),
        own=lambda _: [bare("V ≤ 3, T = 2 to 4")],
    ),
)
