"""Every number against the oracle to 50 digits, each held to the error bound that follows from its computation.

The bounds are those that the claims of `proofs_check` rely on (pairs of value and error).  They are rigorous, so that
not one entry of one table may be further off: neither of the library's, nor of the pairs' own values.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import precise_oracle as oracle
import pytest
from precise_oracle import MINUS_INF, NOISE, PreciseTree, mp
from strategies import as_dict, plain

from proofs_check import reals
from proofs_check.instances import Instance
from proofs_check.library import LIBRARY
from proofs_check.reals import Real
from proofs_check.toolkit import REFERENCE, expectation
from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    entropy_by_depth,
    kl_by_depth,
    kl_divergence,
    prefix_marginals,
    token_kl_divergence,
)
from tabular_bellman.bounds import kappa
from tabular_bellman.enumeration import completions
from tabular_bellman.learning import autoregressive_risk, energy_based_risk

N_INSTANCES = 300
SCALES = (0.01, 1.0, 30.0, 1000.0)
TEMPERATURES = (1.0, 1.0, 0.5, 2.0, 0.3, 7.0)
PROMPTS = (None, None, ["x", "y"], ["a", "ab"], [("long", 1), 0, True])
# (tokens, largest length with EOS, length without)
SIZES = ((1, 7, 5), (2, 4, 4), (3, 3, 3))


def drawn(seed):
    """One random table, of any size, prompts, mask, temperature and scale; a live root at each prompt."""
    rng = np.random.default_rng([512, seed])
    V, longest, fixed = SIZES[rng.integers(len(SIZES))]
    prompts = PROMPTS[rng.integers(len(PROMPTS))]
    if prompts is not None and len(prompts) > 1:
        longest, fixed = longest - (V > 1), fixed - (V > 1)  # keep the oracle quick
    if rng.random() < 0.3:
        space = SequenceSpace.fixed_length(V, int(rng.integers(1, fixed + 1)), prompts)
    else:
        T = int(rng.integers(1, longest + 1))
        space = SequenceSpace(V, max_length=T, min_length=int(rng.integers(1, T + 1)), prompts=prompts)
    table = StateActionTable.random(space, rng, SCALES[rng.integers(len(SCALES))])
    reward = masked(table, rng, (0.0, 0.0, 0.2, 0.5, 0.8)[rng.integers(5)])
    return Instance(f"seed {seed}: {space!r}", reward, TEMPERATURES[rng.integers(len(TEMPERATURES))], seed)


def masked(table, rng, share):
    """Forbid a share of what is allowed, except along one allowed response of each prompt."""
    space = table.space
    levels = [np.where(rng.random(level.shape) < share, -np.inf, level) for level in table.levels]
    allowed = np.isfinite(EnergyBasedModel(table).log_probabilities())
    for prompt, row in zip(space.prompts, allowed, strict=True):
        kept = space.response_at(int(rng.choice(np.flatnonzero(row))))
        for t, action in enumerate(kept):
            _, index = space.prefix_index(kept[:t], prompt)
            a = space.action_index(t, action)
            levels[t][a, index] = table.levels[t][a, index]
    return StateActionTable.from_levels(space, levels)


@dataclass(frozen=True)
class Case:
    """An instance, with what the oracle needs of it."""

    instance: Instance

    @property
    def space(self):
        return self.instance.space

    @cached_property
    def tree(self):
        space = self.space
        return PreciseTree(space.vocab, space.min_length, space.max_length, space.has_eos)

    @cached_property
    def tau(self):
        return mp.mpf(self.instance.temperature)

    @cached_property
    def reward(self):
        return oracle.precise(as_dict(self.instance.reward))

    @cached_property
    def logits(self):
        return oracle.precise(as_dict(self.instance.logits))

    @cached_property
    def other(self):
        return oracle.precise(as_dict(self.instance.other))

    @cached_property
    def direction(self):
        return oracle.precise(as_dict(self.instance.direction))

    @cached_property
    def fewer(self):
        """Logits that forbid more than `logits` do, so that a divergence from them can be infinite."""
        table = masked(self.instance.logits, np.random.default_rng(self.instance.seed), 0.3)
        return Instance("", table).logits

    @cached_property
    def no_underflow(self):
        """Whether every allowed response has a probability that is a float; 0·inf has no bound."""
        found = [x for log_p in self.autoregressive for x in log_p.values() if x != MINUS_INF]
        return min(found) > -700

    @cached_property
    def weights(self):
        return [mp.mpf(float(w)) for w in self.instance.prompt_weights]

    @cached_property
    def energy_based(self):
        return self.each(oracle.energy_based, self.reward, temperature=self.tau)

    @cached_property
    def autoregressive(self):
        return self.each(oracle.autoregressive, self.logits)

    @cached_property
    def others(self):
        return self.each(oracle.autoregressive, self.other)

    @cached_property
    def policy(self):
        return self.each(oracle.log_policy, self.logits)

    # -- from dicts of the oracle to the layout of the package -------------------------------------------------------

    def each(self, function, table, **options):
        return [function(self.tree, table, prompt, **options) for prompt in self.space.prompts]

    @cached_property
    def prefixes(self):
        return [
            [self.space.prefix_at(t, i) for i in range(self.space.n_prefixes_at(t))] for t in range(self.space.n_depths)
        ]

    def at_prefixes(self, found):
        place = {prompt: i for i, prompt in enumerate(self.space.prompts)}
        return [np.array([found[place[x]][s] for x, s in level], dtype=object) for level in self.prefixes]

    def at_pairs(self, found):
        place = {prompt: i for i, prompt in enumerate(self.space.prompts)}
        levels = []
        for t, level in enumerate(self.prefixes):
            actions = plain(self.space.actions(t))
            rows = [[found[place[x]][s, a] for x, s in level] for a in actions]
            levels.append(np.array(rows, dtype=object))
        return levels

    def at_responses(self, found):
        rows = [[one[plain(y)] for one in found] for y in self.space.responses()]
        return [np.array(rows, dtype=object)]

    def per_prompt(self, numbers):
        return [np.array(list(numbers), dtype=object)]


# -- what claims use: each function of the toolkit ---------------------------------------------------------------------


def toolkit(kit, case):
    """Yield (name, levels) of everything in the toolkit: by the library's public functions, or by pairs."""
    i, space, tau = case.instance, case.space, case.instance.temperature
    rewards, logits, other, weights = kit.rewards(i), kit.logits(i), kit.other(i), i.prompt_weights
    fewer = [kit.lift(level) for level in case.fewer.levels]
    direction = [kit.number(level) for level in i.direction.levels]
    for name in ("soft_bellman", "recursion"):
        q, v = getattr(kit, name)(space, rewards, tau)
        yield f"{name}: logits", q
        yield f"{name}: values", v
    q, v = kit.with_reference(space, rewards, kit.policy(space, other))
    yield "with a reference: logits", q
    yield "with a reference: values", v
    yield "inverse", kit.inverse(space, logits, tau)
    yield "response rewards", [kit.response_rewards(space, rewards)]
    yield "log-partition", [kit.log_partition(space, rewards, tau)]
    yield "energy-based log p", [kit.ebm_log_probs(space, rewards, tau)]
    yield "autoregressive log p", [kit.arm_log_probs(space, logits)]
    yield "log π", kit.policy(space, logits)
    yield "log chance of passing", kit.passing(space, logits)
    yield "entropy", [kit.entropy(space, logits)]
    yield "KL", [kit.kl(space, logits, other)]
    yield "KL from fewer", [kit.kl(space, fewer, logits)]
    if case.no_underflow:
        yield "KL to fewer", [kit.kl(space, logits, fewer)]
    yield "risk of logits", [kit.arm_risk(space, logits, other, weights)]
    yield "risk of rewards", [kit.ebm_risk(space, rewards, other, weights)]
    yield "gradient of the risk of logits", kit.arm_gradient(space, logits, other, weights)
    yield "gradient of the risk of rewards", kit.ebm_gradient(space, rewards, other, weights)
    yield "gradient of the log-partition", kit.log_partition_gradient(space, rewards)
    yield "J d", kit.pushforward(space, rewards, direction)
    yield "Jᵀ g", kit.pullback(space, rewards, direction)
    changes, root = kit.forward_mode(space, rewards, direction)
    yield "forward mode", changes
    yield "forward mode: root", [root]


def toolkit_truths(case):
    """Yield (name, levels) of the same, by the oracle."""
    tree, prompts, tau, r, q = case.tree, case.space.prompts, case.tau, case.reward, case.logits
    values = case.at_prefixes(case.each(oracle.values, r, temperature=tau))
    logits = case.at_pairs(case.each(oracle.logits, r, temperature=tau))
    for name in ("soft_bellman", "recursion"):
        yield f"{name}: logits", logits
        yield f"{name}: values", values
    # V = log Σ π_ref exp q is the soft value of rewards r + log π_ref, and q is that table's logits less log π_ref.
    log_reference = case.each(oracle.log_policy, case.other)
    both = {(x, s, a): r[x, s, a] + log_reference[p][s, a] for p, x in enumerate(prompts) for s, a in tree.pairs}
    found = case.each(oracle.values, both)
    below = [{(s, a): r[x, s, a] + found[p].get((*s, a), 0) for s, a in tree.pairs} for p, x in enumerate(prompts)]
    yield "with a reference: logits", case.at_pairs(below)
    yield "with a reference: values", case.at_prefixes(found)
    yield "inverse", case.at_pairs(case.each(oracle.inverse, q, temperature=tau))
    yield "response rewards", case.at_responses(case.each(oracle.response_rewards, r))
    totals = case.each(oracle.response_rewards, r)
    yield "log-partition", case.per_prompt(oracle.log_sum_exp([x / tau for x in one.values()]) for one in totals)
    yield "energy-based log p", case.at_responses(case.energy_based)
    yield "autoregressive log p", case.at_responses(case.autoregressive)
    yield "log π", case.at_pairs(case.policy)
    yield "log chance of passing", case.at_prefixes(case.each(oracle.log_passing, q))
    yield "entropy", case.per_prompt(map(oracle.entropy, case.autoregressive))
    fewer = case.each(oracle.autoregressive, oracle.precise(as_dict(case.fewer)))
    yield "KL", case.per_prompt(map(oracle.kl, case.autoregressive, case.others))
    yield "KL from fewer", case.per_prompt(map(oracle.kl, fewer, case.autoregressive))
    if case.no_underflow:
        yield "KL to fewer", case.per_prompt(map(oracle.kl, case.autoregressive, fewer))
    arguments = (case.other, prompts, case.weights)
    yield "risk of logits", case.per_prompt([oracle.autoregressive_risk(tree, q, *arguments)])
    yield "risk of rewards", case.per_prompt([oracle.energy_based_risk(tree, r, *arguments)])
    pairs = list(zip(prompts, case.weights, strict=True))
    found = [oracle.autoregressive_gradient(tree, q, case.other, x, w) for x, w in pairs]
    yield "gradient of the risk of logits", case.at_pairs(found)
    found = [oracle.energy_based_gradient(tree, r, case.other, x, w) for x, w in pairs]
    yield "gradient of the risk of rewards", case.at_pairs(found)
    marginals = [oracle.marginals(tree, log_p) for log_p in case.each(oracle.energy_based, r)]
    yield "gradient of the log-partition", case.at_pairs(marginals)
    pushed = [oracle.pushforward(tree, r, case.direction, x) for x in prompts]
    yield "J d", case.at_pairs([levels for levels, _ in pushed])
    yield "Jᵀ g", case.at_pairs([oracle.pullback(tree, r, case.direction, x) for x in prompts])
    yield "forward mode", case.at_pairs([levels for levels, _ in pushed])
    yield "forward mode: root", case.per_prompt(root for _, root in pushed)


# -- the public functions that no toolkit has ------------------------------------------------------------------------


def views(case):
    """Yield (name, levels of the library, of pairs of value and error, of the oracle): what both views offer."""
    i, space, tree, tau = case.instance, case.space, case.tree, case.tau
    kit, system, V = REFERENCE, REFERENCE.system, case.space.n_tokens
    model = EnergyBasedModel(i.reward, i.temperature)
    steps = [system.power(level, 1.0 / i.temperature) for level in kit.rewards(i)]
    futures = [system.sum(completions(space, system, steps, t)) for t in range(space.n_depths)]

    values, logits = (case.each(f, case.reward, temperature=tau) for f in (oracle.values, oracle.logits))
    ours = [system.power(future, i.temperature) for future in futures]
    yield "energy-based: values", model.values.levels, ours, case.at_prefixes(values)

    joint = list(steps)
    for t in range(space.n_depths - 1):
        below = futures[t + 1].reshape((V, steps[t].shape[1]))
        joint[t] = system.stack([system.multiply(steps[t][:V], below), steps[t][V:]])
    theirs = [
        {(s, a): x if x == MINUS_INF else (x - v[s]) / tau for (s, a), x in q.items()}
        for q, v in zip(logits, values, strict=True)
    ]
    ours = [system.normalise(q) for q in joint]
    yield "energy-based: log π", model.log_policy.levels, ours, case.at_pairs(theirs)

    so_far, ours = system.ones((space.n_prompts,)), []
    for t, future in enumerate(futures):
        prompt = np.arange(future.shape[0]) % space.n_prompts
        ours.append(system.divide(system.multiply(so_far, future), futures[0][prompt]))
        if t + 1 < space.n_depths:
            so_far = system.multiply(steps[t][:V], so_far).reshape((space.n_prefixes_at(t + 1),))
    theirs = [
        {s: oracle.log_sum_exp([log_p[y] for y in found]) for s, found in tree.below.items()}
        for log_p in case.energy_based
    ]
    yield "energy-based: log chance of passing", model.prefix_log_probs.levels, ours, case.at_prefixes(theirs)
    ours = kit.ebm_log_probs(space, kit.rewards(i), i.temperature)
    mean = [-expectation(kit, ours, kit.log(ours))]
    yield (
        "energy-based: entropy",
        per_prompt(model.entropy()),
        mean,
        case.per_prompt(map(oracle.entropy, case.energy_based)),
    )

    logits = kit.logits(i)
    ours, theirs = ([system.sum(q) for q in logits], soft_values(case))
    yield "autoregressive: values", AutoregressiveModel(i.logits).values.levels, ours, case.at_prefixes(theirs)
    ours = [kit.real(level) for level in kit.passing(space, logits)]
    theirs = [{s: mp.exp(x) for s, x in one.items()} for one in case.each(oracle.log_passing, case.logits)]
    yield "chance of passing", prefix_marginals(i.logits).levels, ours, case.at_prefixes(theirs)


def soft_values(case):
    """V_q(s) = log Σ_a exp q(s, a), whatever q is."""
    q, choices = case.logits, case.tree.choices
    return [
        {s: oracle.soft_value([q[x, s, a] for a in found]) for s, found in choices.items()} for x in case.space.prompts
    ]


def per_prompt(numbers):
    return [np.atleast_1d(numbers)]


def splits(case):
    """Yield the same of what is split by depth, and of the two means over tokens."""
    i, space, tree, kit = case.instance, case.space, case.tree, REFERENCE
    P, system = space.n_prompts, REFERENCE.system
    model, rival = AutoregressiveModel(i.logits), AutoregressiveModel(i.other)
    rho, mine, others = (
        kit.passing(space, kit.logits(i)),
        kit.policy(space, kit.logits(i)),
        kit.policy(space, kit.other(i)),
    )
    their_policies = list(zip(case.policy, case.each(oracle.log_policy, case.other), strict=True))

    def over_prefixes(levels):
        """The mean over the prefixes passed, for each prompt, depth by depth."""
        pairs = zip(rho, levels, strict=True)
        return [expectation(kit, w.reshape((-1, P)), x.reshape((w.shape[0] // P, P))) for w, x in pairs]

    def at(p, s):
        return [{a: policy[s, a] for a in tree.choices[s]} for policy in their_policies[p]]

    def kl_at(p):
        return lambda s: oracle.kl(*at(p, s))

    def entropy_at(p):
        return lambda s: oracle.entropy(at(p, s)[0])

    def by_depth(per_prefix):
        rows = [oracle.by_depth(tree, log_p, per_prefix(p)) for p, log_p in enumerate(case.autoregressive)]
        return list(np.array(rows, dtype=object).T)

    entropies = [-expectation(kit, pi, kit.log(pi)) for pi in mine]
    found = list(np.atleast_2d(entropy_by_depth(model)).T)
    yield "entropy by depth", found, over_prefixes(entropies), by_depth(entropy_at)
    kls = [
        expectation(kit, pi, kit.log(system.divide(pi, other))) - kit.real(pi).sum(0) + kit.real(other).sum(0)
        for pi, other in zip(mine, others, strict=True)
    ]
    split = over_prefixes(kls)
    yield "KL by depth", list(np.atleast_2d(kl_by_depth(model, rival)).T), split, by_depth(kl_at)

    lengths = over_prefixes([kit.number(np.ones(w.shape)) for w in rho])
    theirs = [oracle.token_kl(tree, log_p, kl_at(p)) for p, log_p in enumerate(case.autoregressive)]
    ours = [sum(split[1:], split[0]) / sum(lengths[1:], lengths[0])]
    found = per_prompt(token_kl_divergence(model, rival))
    yield "KL per token", found, ours, case.per_prompt(x for x, _ in theirs)
    rows = []
    for y in space.responses():
        places = [[space.prefix_index(y[:t], x)[1] for x in space.prompts] for t in range(len(y))]
        along = [kls[t][np.array(indices)] for t, indices in enumerate(places)]
        rows.append((sum(along[1:], along[0]) / len(y)).reshape((1, P)))
    ours = [expectation(kit, kit.arm_log_probs(space, kit.logits(i)), reals.concatenate(rows))]
    found = per_prompt(token_kl_divergence(model, rival, average="responses"))
    yield "KL per token of a response", found, ours, case.per_prompt(x for _, x in theirs)


# -- the comparison --------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """How many numbers were compared, which of them are further off than their bound, and the bounds' widest."""

    compared: int = 0
    widest: float = 0.0
    closest: float = 0.0
    violations: list = field(default_factory=list)

    def hold(self, what, found, truth, bound):
        found, truth, bound = (np.asarray(x) for x in (found, truth, bound))
        assert found.shape == truth.shape == bound.shape, what
        for f, t, b in zip(found.ravel().tolist(), truth.ravel().tolist(), bound.ravel().tolist(), strict=True):
            self.compared += 1
            t = mp.mpf(t)
            if not mp.isfinite(t) or not math.isfinite(f):
                if f != t:
                    self.violations.append((what, f, t, b))
                continue
            off = abs(mp.mpf(f) - t)
            if not off <= b + NOISE:  # also where the bound is NaN
                self.violations.append((what, f, t, b))
            self.widest = max(self.widest, b / max(1.0, abs(f)))
            self.closest = max(self.closest, float(off / b) if b > 1e-290 else 0.0)

    def hold_all(self, instance, name, found, pairs, truth):
        for t, (mine, pair, exact) in enumerate(zip(found, pairs, truth, strict=True)):
            self.hold(f"{name} at depth {t}, {instance}: pairs", pair.value, exact, pair.error)
            self.hold(f"{name} at depth {t}, {instance}: library", mine, exact, pair.error)


def kinds(instance):
    """What an instance has to show."""
    space, levels = instance.space, instance.reward.levels
    dead = any((~live.any(axis=0)).any() for live in instance.live)
    return {
        "masks": any(np.isneginf(level).any() for level in levels),
        "dead prefixes": dead,
        "prompts": space.n_prompts > 1,
        "least length above 1": space.has_eos and space.min_length > 1,
        "one length": not space.has_eos,
        "temperature": instance.temperature != 1.0,
        **{f"scale {scale:g}": scale / 4 < np.abs(_finite(instance.reward)).max() < 4 * scale for scale in SCALES},
    }


def _finite(table):
    vector = table.to_vector()
    return vector[np.isfinite(vector)]


def test_every_number_is_within_its_bound_of_50_digits():
    tally, shown = Tally(), Counter()
    for seed in range(N_INSTANCES):
        case = Case(drawn(seed))
        shown.update(kind for kind, there in kinds(case.instance).items() if there)
        rows = zip(toolkit_truths(case), toolkit(REFERENCE, case), toolkit(LIBRARY, case), strict=True)
        for (name, truth), (_, pairs), (_, found) in rows:
            tally.hold_all(case.instance.name, name, found, pairs, truth)
        for row in (*views(case), *splits(case)):
            tally.hold_all(case.instance.name, *row)
    print(f"{N_INSTANCES} instances, {tally.compared:,} numbers, at most {tally.closest:.0%} of a bound", dict(shown))
    assert tally.violations == []
    assert tally.compared > 100_000
    assert tally.widest < 1e-9  # and the bounds say something
    assert tally.closest > 0.5
    assert min(shown.values()) >= 20
    assert len(shown) == len(kinds(case.instance))


# Both sides of ½, where the library goes from a series to the formula; below 1e-4 the pairs' bound says little.
EPSILONS = np.concatenate([np.logspace(-4, 5, 91), np.linspace(0.3, 0.7, 41), [0.5 - 1e-6, 0.5, 0.5 + 1e-6]])


def test_kappa_is_within_its_bound_of_50_digits():
    tally, truth = Tally(), [oracle.kappa(mp.mpf(float(x))) for x in EPSILONS]
    tally.hold_all(
        "ε", "κ", [kappa(EPSILONS)], [REFERENCE.kappa(Real.exact(EPSILONS))], [np.array(truth, dtype=object)]
    )
    assert tally.violations == []


@pytest.mark.parametrize("epsilon", [0.0, 1e-300, 1e-150, 1e-12, 1e-6, 1e-3])
def test_kappa_of_small_numbers_keeps_its_digits(epsilon):
    assert float(kappa(epsilon)) == pytest.approx(float(oracle.kappa(mp.mpf(epsilon))), rel=1e-14, abs=5e-324)


# -- the oracle itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.01, 0.5, 3.0])
def test_kappa_of_the_oracle_is_the_largest_divergence(epsilon):
    eps = mp.mpf(epsilon)
    best = 1 / (2 * eps) - 1 / mp.expm1(2 * eps)
    assert abs(oracle.two_point_kl(eps, best) - oracle.kappa(eps)) < 1e-40
    grid = [oracle.two_point_kl(eps, mp.mpf(k) / 200) for k in range(201)]
    assert 0.999 * oracle.kappa(eps) < max(grid) <= oracle.kappa(eps)


@pytest.mark.parametrize("seed", range(6))
def test_gradients_of_the_oracle_are_difference_quotients(seed):
    case = Case(drawn(seed))
    tree, prompts, step = case.tree, case.space.prompts, mp.mpf(10) ** -15

    def slope(function, table, key):
        ends = [function(tree, {**table, key: table[key] + sign * step}) for sign in (1, -1)]
        return (ends[0] - ends[1]) / (2 * step)

    def at_most_three(table):
        finite = [key for key in table if table[key] != MINUS_INF]
        return finite[:: max(1, len(finite) // 3)]

    def risk(of):
        return lambda tree, table: of(tree, table, case.other, prompts, case.weights)

    weights = dict(zip(prompts, case.weights, strict=True))
    for of, gradient, table in (
        (oracle.autoregressive_risk, oracle.autoregressive_gradient, case.logits),
        (oracle.energy_based_risk, oracle.energy_based_gradient, case.reward),
    ):
        for x, s, a in at_most_three(table):
            exact = gradient(tree, table, case.other, x, weights[x])[s, a]
            assert abs(slope(risk(of), table, (x, s, a)) - exact) < 1e-20
    for x, s, a in at_most_three(case.reward):
        exact = oracle.marginals(tree, oracle.energy_based(tree, case.reward, x))[s, a]
        found = slope(lambda tree, table, x=x: oracle.value(tree, table, x, ()), case.reward, (x, s, a))
        assert abs(found - exact) < 1e-20
        # One column and one row of the Jacobian of M: along this entry, and of the logits along this entry.
        unit = {key: mp.mpf(key == (x, s, a)) for key in case.reward}
        pushed, _ = oracle.pushforward(tree, case.reward, unit, x)
        for t, b in tree.pairs[:5]:
            if case.reward[x, t, b] != MINUS_INF and (x, t, b) in case.logits and case.logits[x, t, b] != MINUS_INF:
                found = slope(
                    lambda tree, table, x=x, t=t, b=b: oracle.logits(tree, table, x)[t, b], case.reward, (x, s, a)
                )
                assert abs(found - pushed[t, b]) < 1e-20
                row = {key: mp.mpf(key == (x, t, b)) for key in case.reward}
                assert abs(oracle.pullback(tree, case.reward, row, x)[s, a] - pushed[t, b]) < 1e-40


def test_a_number_beyond_its_bound_is_found():
    tally = Tally()
    tally.hold("x", [1.0, 2.0, -np.inf, 3.0, np.nan], [1.0, 2.0 + 2e-15, 0.0, 3.0, 3.0], [0.0, 1e-15, 0.0, np.nan, 1.0])
    assert [found for _, found, _, _ in tally.violations][:2] == [2.0, -math.inf]
    assert len(tally.violations) == 4


@pytest.mark.parametrize("gap", [1.0, 700.0, 800.0, 1e5])
def test_a_forbidden_response_costs_everything_however_unlikely(gap):
    space = SequenceSpace(1, max_length=2)
    target = AutoregressiveModel(StateActionTable.from_arrays(space, [[[0.0, gap]], [[[0.0]]]]))
    table = StateActionTable.from_arrays(space, [[[-np.inf, 0.0]], [[[0.0]]]])
    assert kl_divergence(target, AutoregressiveModel(table)) == math.inf
    assert autoregressive_risk(table, target) == math.inf
    assert energy_based_risk(table, target) == math.inf
