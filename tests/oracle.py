"""An independent oracle: dicts, itertools, math.fsum, fractions, decimal.

It imports nothing of the package's arithmetic.  A tree is described by plain numbers, a table is a dict
{(prompt, prefix, action): value}, and END marks the end of a response.
"""

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product

END = "the end"


class Tree:
    def __init__(self, vocab, min_length, max_length, has_eos=True):
        self.vocab, self.min_length, self.max_length, self.has_eos = list(vocab), min_length, max_length, has_eos

    def responses(self):
        if not self.has_eos:
            return [tuple(y) for y in product(self.vocab, repeat=self.max_length)]
        return [
            (*y, END)
            for length in range(self.min_length, self.max_length + 1)
            for y in product(self.vocab, repeat=length - 1)
        ]

    def prefixes(self):
        """Every proper beginning of a response, each once."""
        found = {y[:t] for y in self.responses() for t in range(len(y))}
        return sorted(found, key=lambda s: (len(s), [self.vocab.index(token) for token in s]))

    def actions(self, prefix):
        """What can come next so that a response can still be completed."""
        t = len(prefix)
        following = {y[t] for y in self.responses() if len(y) > t and y[:t] == prefix}
        return [a for a in [*self.vocab, END] if a in following]

    def completions(self, prefix):
        return [y for y in self.responses() if len(y) > len(prefix) and y[: len(prefix)] == prefix]


def total(table, prompt, response, start=0):
    """The sum of a table along a response from step `start`."""
    return math.fsum(table[prompt, response[:t], response[t]] for t in range(start, len(response)))


def log_sum_exp(values):
    top = max(values, default=-math.inf)
    if top == -math.inf:
        return -math.inf
    return top + math.log(math.fsum(math.exp(v - top) for v in values))


def value(tree, table, prompt, prefix, temperature=1.0):
    """The soft value, by its definition: τ log Σ over completions of exp(reward still to come / τ)."""
    futures = [total(table, prompt, y, len(prefix)) / temperature for y in tree.completions(prefix)]
    return temperature * log_sum_exp(futures)


def logit(tree, table, prompt, prefix, action, temperature=1.0):
    child = (*prefix, action)
    below = value(tree, table, prompt, child, temperature) if child not in tree.responses() else 0.0
    return table[prompt, prefix, action] + below


def probabilities(tree, table, prompt, temperature=1.0):
    """p(y) of the energy-based model, in the order of `responses`."""
    scores = [total(table, prompt, y) / temperature for y in tree.responses()]
    log_z = log_sum_exp(scores)
    return [math.exp(score - log_z) if score > -math.inf else 0.0 for score in scores]


def softmax_probabilities(tree, logits, prompt):
    """p(y) of the autoregressive model, in the order of `responses`."""
    result = []
    for y in tree.responses():
        p = 1.0
        for t in range(len(y)):
            row = [logits[prompt, y[:t], a] for a in tree.actions(y[:t])]
            x = logits[prompt, y[:t], y[t]]
            p *= math.exp(x - log_sum_exp(row)) if x > -math.inf else 0.0
        result.append(p)
    return result


def entropy(p):
    return -math.fsum(x * math.log(x) for x in p if x > 0.0)


def kl(p, q):
    if any(x > 0.0 == y for x, y in zip(p, q, strict=True)):
        return math.inf
    return math.fsum(x * math.log(x / y) for x, y in zip(p, q, strict=True) if x > 0.0)


def exact_partition(tree, weights, prompt, prefix):
    """Σ over completions of the product of rational weights."""
    result = Fraction(0)
    for y in tree.completions(prefix):
        weight = Fraction(1)
        for t in range(len(prefix), len(y)):
            weight *= weights[prompt, y[:t], y[t]]
        result += weight
    return result


def digits(values, temperature=1.0, precision=60):
    """τ log Σ exp(v/τ) to 60 digits, from the floats as they are."""
    with localcontext() as context:
        context.prec = precision
        tau = Decimal(temperature)
        finite = [Decimal(v) / tau for v in values if v > -math.inf]
        if not finite:
            return Decimal("-Infinity")
        top = max(finite)
        return tau * (top + sum((x - top).exp() for x in finite).ln())
