"""The usual wrong answers to each exercise, as a reader would give them, and what the hint to each has to speak of."""

import math
from fractions import Fraction

import numpy as np

from proofs_check.examples.brackets import reward
from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable, soft_bellman

__all__ = ["WRONG"]

PAIRS = SequenceSpace.fixed_length("ab", 2)
THREE = {((), "a"): 0.0, ((), "b"): 0.0, ((), None): 0.0, (("a",), None): 0.0, (("b",), None): 0.0}


def paid(worth):
    """A reward for each bracket, say."""
    return lambda prompt, y: reward(prompt, y) + worth * (len(y) - 1)


def two_steps(first, after_a, after_b):
    """A model over `PAIRS` from the chances of `a`."""
    chances = {(): first, ("a",): after_a, ("b",): after_b}
    logits = {}
    for prefix, chance in chances.items():
        logits |= {(None, prefix, "a"): math.log(chance), (None, prefix, "b"): math.log(1 - chance)}
    return AutoregressiveModel(StateActionTable.from_dict(PAIRS, logits))


def backup(value):
    """A backup with a value of one's own."""

    def f(rewards, temperature):
        logits, values = {}, {}
        for prefix in sorted({prefix for prefix, _ in rewards}, key=len, reverse=True):
            here = {a: r + values.get((*prefix, a), 0.0) for (s, a), r in rewards.items() if s == prefix}
            logits |= {(prefix, a): q for a, q in here.items()}
            values[prefix] = value(np.array(list(here.values())), temperature)
        return logits, values

    return f


def log_sum_exp(q):
    top = q.max()
    return top if top == -math.inf else top + math.log(np.exp(q - top).sum())


def total(weights):
    ends = [prefix for prefix, action in weights if action is None]
    steps = [[(s[:t], s[t]) for t in range(len(s))] + [(s, None)] for s in ends]
    return sum(math.prod(weights[step] for step in path) for path in steps)


def tuned(reference, rewards, temperature):
    weights = reference * np.exp(rewards / temperature)
    return weights / weights.sum()


def tuned_with(exponent):
    """As `tuned`, with an exponent of one's own, and the largest one that counts taken out."""

    def f(reference, rewards, temperature):
        x = exponent(rewards, temperature)
        return tuned(reference, np.where(reference > 0, x - x[reference > 0].max(), -np.inf), 1.0)

    return f


# (lesson, exercise): [(answer, words of the hint)]
WRONG = {
    (1, 1): [
        (0.5, "coin"),
        (Fraction(1, 2), "coin"),
        (1, "could not be completed"),
        (0.49, "give 3 decimals"),
        (0.486, "give 3 decimals"),
        (0.5115, "other bracket"),
        (0.3, "Divide two counts"),
    ],
    (1, 2): [
        (131, "counts the balanced strings"),
        (197, "shorter"),
        (196, "empty string"),
        (math.log(132), "exponential"),
        (2**12, "min_length"),
    ],
    (1, 3): [
        (reward, "equally likely"),
        (paid(math.log(2)), "4^k"),
        (paid(1.0), "logarithm is missing"),
        (paid(0.5), "e^k"),
        (lambda prompt, y: len(y) // 2, "e^R(y)"),
    ],
    (1, 4): [("rises", "softmax"), ("falls", "Compute"), ("higher", "'rises', 'falls', 'stays'")],
    (2, 1): [(39, "bare EOS"), (27, "Shorter"), (81, "T counts EOS"), (120, "T counts EOS"), (121, "T - 1 tokens")],
    (2, 2): [
        (0.67, "give 3 decimals"),
        (1, "Section 1"),
        (Fraction(1, 3), "missing"),
        (0.5, "three actions"),
        (Fraction(6, 7), "equally likely"),
    ],
    (2, 3): [
        (1 / (1 + math.exp(0.5)), "forced, but it is paid"),
        (math.e / (1 + math.e), "at the start is missing"),
        (1.0, "certain"),
        (1 / (1 + math.exp(1.5)), "other response"),
    ],
    (2, 4): [
        (lambda x, y, T: x.startswith(y) or y.startswith(x), "How far apart"),
        (lambda x, y, T: y.startswith(x) and len(y) - len(x) <= T - 1, "exchanged"),
        (lambda x, y, T: (x.startswith(y) or y.startswith(x)) and abs(len(x) - len(y)) <= T, "One too many"),
        (lambda x, y, T: (x.startswith(y) or y.startswith(x)) and abs(len(x) - len(y)) < T - 1, "One too few"),
        (lambda x, y, T: (x.startswith(y) or y.startswith(x)) and abs(len(x) - len(y)) <= min(T - 1, 2), "When is one"),
        (lambda x, y, T: (x.startswith(y) or y.startswith(x)) and abs(len(x) - len(y)) <= min(T - 1, 3), "When is one"),
        (lambda x, y, T: {x} & {y}, "Return True or False. Yours returned a set."),
        (lambda x, y, T: "True", "Return True or False. Yours returned a str."),
        (lambda x, y, T: None, "returned nothing"),
        (lambda x, y, T: False, "`aa`"),
        (lambda x, y, T: x == y, "`aa`"),
    ],
    (3, 1): [(0.5, "formula for the odds"), (2.665, "You have"), (0.366, "multiplies the odds"), (0.1, "odds of 1")],
    (3, 2): [
        (math.inf, "cannot write"),
        (2.7323, "any length"),
        (30.11, "draws"),
        (1.0, "largest reward"),
        (4.912, "bits"),
        (-3.4048, "never"),
        (3.4, "give 3 decimals"),
    ],
    (3, 3): [("rises", "ratio"), ("falls", "e^R"), (True, "Choose")],
    (3, 4): [
        (tuned, "overflows"),
        (lambda p, r, tau: tuned(p, r - r.max(), tau), "never earns it"),
        (lambda p, r, tau: np.exp(r / tau - np.max(r / tau)) / np.exp(r / tau - np.max(r / tau)).sum(), "reference"),
        (tuned_with(lambda r, tau: r), "Where is τ"),
        (lambda p, r, tau: tuned(p, r - r.max(), 1.0), "Where is τ"),
        (lambda p, r, tau: tuned(p, r, 1.0), "Where is τ"),
        (tuned_with(lambda r, tau: r * tau), "divides the reward"),
        (lambda p, r, tau: tuned(p, (r - r.max()) * tau, 1.0), "divides the reward"),
        (lambda p, r, tau: p * np.exp((r - r.max()) / tau), "divide by the sum"),
    ],
    (4, 1): [(1 / 3, "sequence temperature"), (0.4, "temperature ½"), (Fraction(2, 5), "squared"), (0.5858, "step")],
    (4, 2): [("a", "products"), ("c", "sum of squares"), ("d", "Choose")],
    (4, 3): [
        (two_steps(0.6, 0.9, 0.5), "is its mode"),
        (two_steps(0.6, 0.5, 0.9), "only 1.20 times"),
        (soft_bellman(StateActionTable.zeros(PAIRS))[0], "is its mode"),
        (AutoregressiveModel(StateActionTable.zeros(SequenceSpace(1, max_length=3))), "over the space"),
        ("garden", "AutoregressiveModel"),
    ],
    (4, 4): [
        (lambda rewards, tau: soft_bellman(rewards)[0] / tau, "token temperature"),
        (lambda rewards, tau: soft_bellman(rewards, temperature=tau)[0], "softmax(q/τ)"),
        (lambda rewards, tau: rewards / tau, "nothing is planned"),
        (lambda rewards, tau: soft_bellman(rewards / tau), "Return a StateActionTable"),
        (lambda rewards, tau: soft_bellman(rewards)[0], "Where is τ"),
        (lambda rewards, tau: soft_bellman(rewards * tau)[0], "p ∝ e^(R/τ)"),
    ],
    (5, 1): [
        (1.1, "give 3 decimals"),
        (math.log(2), "napkin"),
        (0.0, "log(e^0"),
        (3, "logarithm"),
        (math.log(4), "EOS"),
    ],
    (5, 2): [("hard-max", "not the one"), ("lost-temperature", "not the one"), ("max", "knows no such")],
    (5, 3): [
        ({((), "a"): 0.0, ((), None): 0.0, (("a",), None): 0.0}, "0.6931"),
        ({((), "a"): 9.0, ((), "b"): 0.0, ((), None): 0.0, (("a",), None): 0.0, (("b",), None): 0.0}, "stands out"),
        ({((), t): 0.0 for t in ("a", "b", "c", None)} | {((t,), None): 0.0 for t in "abc"}, "fewer"),
        ({((), "a"): 0.0, ((), None): 0.0}, "('a',)"),
        (THREE | {((), None): math.nan}, "is nan"),
        (THREE | {((), None): math.inf}, "is inf"),
        (dict.fromkeys(THREE, "0"), "is '0'"),
        (dict.fromkeys(THREE, -math.inf), "must be allowed"),
        (dict.fromkeys(THREE, 10**400), "more than floats"),
        ([0.0, 0.0], "dict"),
    ],
    (5, 4): [
        (backup(lambda q, tau: q.max()), "hard-max"),
        (backup(lambda q, tau: log_sum_exp(q / tau)), "lost-temperature"),
        (lambda rewards: backup(lambda q, tau: log_sum_exp(q))(rewards, 1.0), "called `temperature`"),
        (lambda rewards, tau: backup(lambda q, t: t * log_sum_exp(q / t))(rewards, tau), "by name, as `temperature`"),
        (lambda: None, "could not call"),
    ],
    (6, 1): [
        (0.0374, "give 5 decimals"),
        (0.037, "give 5 decimals"),
        (0.00615, "token-level"),
        (0.03702, "other way round"),
        (0.02181, "four brackets"),
        (0.03008, "EOS"),
    ],
    (6, 2): [(2.0, "nothing reaches it"), (0.5, "small ε"), (1.0, "not yet a KL"), (0.1233, "span")],
    (6, 3): [("kl", "Softmax"), ("span", "largest minus"), ("none", "Choose")],
    (6, 4): [
        (lambda log_p, log_q: log_p - log_q, "negative"),
        (lambda log_p, log_q: (log_p - log_q) ** 2 / 2, "not KL(p‖q)"),
        (lambda log_p, log_q: abs(log_p - log_q), "not KL(p‖q)"),
        (lambda log_p, log_q: math.exp(log_p - log_q) * (log_p - log_q) + math.exp(log_q - log_p), "negative"),
        (lambda log_p, log_q: math.exp(log_p - log_q) - 1 - (log_p - log_q), "not KL(p‖q)"),
    ],
    (7, 1): [(15, "still differs"), (17, "smallest"), (324, "itself is 0"), (53, "bits")],
    (7, 2): [
        ({"a": "rationals", "b": "balls", "c": "float64", "d": "induction"}, "'a'"),
        ({"a": "float64", "b": "rationals", "c": "balls", "d": "induction"}, "'b'"),
        ({"a": "float64", "b": "balls"}, "keys"),
    ],
    (7, 3): [(53, "still touch"), (106, "still touch"), (4096, "twice"), (212.5, "an int")],
    (7, 4): [
        (total, "it is right"),
        (lambda weights: total(weights) * (1 + Fraction(1, 10**6)), "can notice"),
        (lambda weights: float(total(weights)), "no Fraction"),
        (lambda weights: total(weights) * 0, "can notice"),
    ],
}
