"""The oracle to 50 digits, by mpmath: what every other number of the package is compared with.

As in oracle.py, a tree is plain numbers and a table is a dict {(prompt, prefix, action): value}; it imports nothing of
the package's arithmetic.  Each thing is computed from its definition, by writing out responses; nothing recurses.
"""

from functools import cached_property

import mpmath
from oracle import Tree

mp = mpmath.mp.clone()  # a context of our own: nobody else's digits change
mp.dps = 50
# What the oracle's own rounding can amount to, for totals up to some 1e7.
NOISE = mp.mpf(10) ** -38
ZERO, ONE, MINUS_INF = mp.mpf(0), mp.mpf(1), mp.ninf


class PreciseTree(Tree):
    """A tree that looks up what it has once written out."""

    @cached_property
    def all(self):
        return self.responses()

    @cached_property
    def whole(self):
        return set(self.all)

    @cached_property
    def below(self):
        """The completions of each prefix."""
        found = {}
        for y in self.all:
            for t in range(len(y)):
                found.setdefault(y[:t], []).append(y)
        return found

    @cached_property
    def choices(self):
        """What can come next after each prefix."""
        order = {a: i for i, a in enumerate(self.vocab)}
        found = {}
        for prefix, completions in self.below.items():
            following = {y[len(prefix)] for y in completions}
            found[prefix] = sorted(following, key=lambda a: order.get(a, len(order)))
        return found

    @cached_property
    def pairs(self):
        return [(prefix, a) for prefix, choices in self.choices.items() for a in choices]

    def through(self, prefix, action):
        """The responses that take an action after a prefix."""
        return [y for y in self.below[prefix] if y[len(prefix)] == action]


def precise(table):
    return {key: mp.mpf(value) for key, value in table.items()}


def total(table, prompt, response, start=0):
    return mp.fsum(table[prompt, response[:t], response[t]] for t in range(start, len(response)))


def log_sum_exp(values):
    top = max(values, default=MINUS_INF)
    if top == MINUS_INF:
        return MINUS_INF
    return top + mp.log(mp.fsum(mp.exp(v - top) for v in values))


def soft_value(values, temperature=ONE):
    return temperature * log_sum_exp([v / temperature for v in values])


def value(tree, table, prompt, prefix, temperature=ONE):
    """τ log Σ over completions of exp(reward still to come / τ)."""
    return soft_value([total(table, prompt, y, len(prefix)) for y in tree.below[prefix]], temperature)


def values(tree, table, prompt, temperature=ONE):
    return {prefix: value(tree, table, prompt, prefix, temperature) for prefix in tree.below}


def logits(tree, table, prompt, temperature=ONE):
    """M(r), from the values by their definition."""
    found = values(tree, table, prompt, temperature)
    return {(s, a): table[prompt, s, a] + found.get((*s, a), ZERO) for s, a in tree.pairs}


def inverse(tree, table, prompt, temperature=ONE):
    """M⁻¹(q) = q - V_q(child); -inf stays."""
    found = {}
    for s, a in tree.pairs:
        q, child = table[prompt, s, a], (*s, a)
        below = ZERO
        if child not in tree.whole:
            below = soft_value([table[prompt, child, b] for b in tree.choices[child]], temperature)
        found[s, a] = q if q == MINUS_INF else q - below
    return found


def response_rewards(tree, table, prompt):
    return {y: total(table, prompt, y) for y in tree.all}


def log_normalised(scores):
    """{key: score - log Σ exp}; -inf stays, also where all are -inf."""
    log_z = log_sum_exp(list(scores.values()))
    return {key: x if x == MINUS_INF else x - log_z for key, x in scores.items()}


def energy_based(tree, table, prompt, temperature=ONE):
    """log p(y) of the energy-based model."""
    return log_normalised({y: R / temperature for y, R in response_rewards(tree, table, prompt).items()})


def log_policy(tree, table, prompt):
    found = {}
    for s, choices in tree.choices.items():
        found.update({(s, a): x for a, x in log_normalised({a: table[prompt, s, a] for a in choices}).items()})
    return found


def autoregressive(tree, table, prompt):
    """log p(y) of the autoregressive model, by products of next-token probabilities."""
    steps = log_policy(tree, table, prompt)
    return {y: mp.fsum(steps[y[:t], y[t]] for t in range(len(y))) for y in tree.all}


def log_passing(tree, table, prompt):
    """The log chance of passing through each prefix when tokens are drawn from softmax(table)."""
    steps = log_policy(tree, table, prompt)
    return {s: mp.fsum(steps[s[:t], s[t]] for t in range(len(s))) for s in tree.below}


def mean(log_p, x):
    """Σ p x; what cannot happen does not count."""
    return mp.fsum(mp.exp(log_p[key]) * x[key] for key in log_p if log_p[key] != MINUS_INF)


def marginals(tree, log_p):
    """The chance of each (prefix, action): a sum over responses."""
    p = {y: mp.exp(x) for y, x in log_p.items()}
    return {(s, a): mp.fsum(p[y] for y in tree.through(s, a)) for s, a in tree.pairs}


def entropy(log_p):
    return -mean(log_p, log_p)


def kl(log_p, log_q):
    if any(log_q[key] == MINUS_INF != x for key, x in log_p.items()):
        return mp.inf
    return mean(log_p, {key: x - log_q[key] for key, x in log_p.items() if x != MINUS_INF})


def cross_entropy(log_p, log_q):
    if any(log_q[key] == MINUS_INF != x for key, x in log_p.items()):
        return mp.inf
    return -mean(log_p, log_q)


def by_depth(tree, log_p, per_prefix):
    """Σ over the prefixes of each length, by the chance (a sum over responses) of passing there."""
    p = {y: mp.exp(x) for y, x in log_p.items()}
    found = [ZERO] * tree.max_length
    for s, completions in tree.below.items():
        passing = mp.fsum(p[y] for y in completions)
        if passing > 0:
            found[len(s)] += passing * per_prefix(s)
    return found


def token_kl(tree, log_p, per_prefix):
    """The two means over steps: over all tokens, and over responses of means over their steps."""
    likely = {y: mp.exp(x) for y, x in log_p.items() if x != MINUS_INF}
    along = {y: mp.fsum(per_prefix(y[:t]) for t in range(len(y))) for y in likely}
    by_tokens = mp.fsum(p * along[y] for y, p in likely.items()) / mp.fsum(p * len(y) for y, p in likely.items())
    return by_tokens, mp.fsum(p * along[y] / len(y) for y, p in likely.items())


# -- learning --------------------------------------------------------------------------------------------------------


def autoregressive_risk(tree, table, target, prompts, weights):
    return mp.fsum(
        w * cross_entropy(autoregressive(tree, target, x), autoregressive(tree, table, x))
        for x, w in zip(prompts, weights, strict=True)
    )


def energy_based_risk(tree, table, target, prompts, weights):
    return mp.fsum(
        w * cross_entropy(autoregressive(tree, target, x), energy_based(tree, table, x))
        for x, w in zip(prompts, weights, strict=True)
    )


def autoregressive_gradient(tree, table, target, prompt, weight):
    """∂/∂q(s, a) of Σ_y ρ(y) (V_q(s) - q(s, y_t)): each response through s gives π(a|s), minus 1 if it takes a."""
    rho = {y: mp.exp(x) for y, x in autoregressive(tree, target, prompt).items()}
    steps = log_policy(tree, table, prompt)
    found = {}
    for s, a in tree.pairs:
        taking = mp.fsum(rho[y] for y in tree.through(s, a))
        found[s, a] = weight * (mp.exp(steps[s, a]) * mp.fsum(rho[y] for y in tree.below[s]) - taking)
    return found


def energy_based_gradient(tree, table, target, prompt, weight):
    mine = marginals(tree, energy_based(tree, table, prompt))
    theirs = marginals(tree, autoregressive(tree, target, prompt))
    return {pair: weight * (mine[pair] - theirs[pair]) for pair in mine}


def future(tree, table, prompt, prefix):
    """The log chance of each completion of a prefix, in the energy-based model; {} for a dead prefix or none."""
    rewards = {y: total(table, prompt, y, len(prefix)) for y in tree.below.get(prefix, [])}
    return {y: x for y, x in log_normalised(rewards).items() if x != MINUS_INF}


def pushforward(tree, table, direction, prompt):
    """The change of M(r) along d, and that of the root's value: means of d over completions."""

    def change(s):
        log_p = future(tree, table, prompt, s)
        return mean(log_p, {y: total(direction, prompt, y, len(s)) for y in log_p}) if log_p else ZERO

    return {(s, a): direction[prompt, s, a] + change((*s, a)) for s, a in tree.pairs}, change(())


def pullback(tree, table, gradient, prompt):
    """J_Mᵀ g: every pair on the way to (s, a) gives its g, times the chance of (s, a) from there."""
    found = {(s, a): gradient[prompt, s, a] for s, a in tree.pairs}
    for s, a in tree.pairs:
        for y, x in future(tree, table, prompt, (*s, a)).items():
            p = mp.exp(x) * gradient[prompt, s, a]
            for t in range(len(s) + 1, len(y)):
                found[y[:t], y[t]] += p
    return found


def kappa(epsilon):
    """ε coth ε - 1 + log(sinh ε / ε), with more digits where the terms cancel down to ε²/2."""
    if epsilon == 0:
        return ZERO
    with mp.workdps(mp.dps + max(0, int(-2 * mp.log10(epsilon)))):
        return epsilon * mp.coth(epsilon) - 1 + mp.log(mp.sinh(epsilon) / epsilon)


def two_point_kl(epsilon, p):
    """KL of (p, 1-p) from the same with logits moved by +ε and -ε: its largest over p is κ(ε)."""
    d = 2 * epsilon
    return -p * d + mp.log(1 - p + p * mp.exp(d))
