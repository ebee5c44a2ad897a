"""Right code as users write it: each kind on dicts, by several routes, and wrappers that give it other looks.

It is written from the definitions and imports nothing of the packages.  All of it keeps the floating-point type of the
numbers that it gets.  A tree that has no None among the actions of its longest prefixes is one of fixed length.
"""

import inspect
from math import inf

import numpy as np

# The source of one such function, for files that tests write: it depends on nothing.
ENTROPY_SOURCE = """\
import math


def entropy(logits):
    rows = {}
    for (prefix, action), q in logits.items():
        rows.setdefault(prefix, {})[action] = q

    def below(prefix):
        row = rows[prefix]
        top = max(row.values())
        total = top + math.log(sum(math.exp(q - top) for q in row.values()))
        found = 0.0
        for action, q in row.items():
            if q > -math.inf:
                p = math.exp(q - total)
                found += p * ((below((*prefix, action)) if action is not None else 0.0) - (q - total))
        return found

    return below(())
"""


def log_sum_exp(values):
    top = max(values, default=-inf)
    if top == -inf:
        return -inf
    return top + np.log(sum(np.exp(x - top) for x in values))


def rows(table):
    """{(prefix, action): x} as {prefix: {action: x}}."""
    found = {}
    for (prefix, action), x in table.items():
        found.setdefault(prefix, {})[action] = x
    return found


def responses(table):
    """Every response, a tuple that ends in None where its tree has ends."""
    tree = rows(table)

    def below(prefix):
        for action in tree[prefix]:
            if action is None or (*prefix, action) not in tree:
                yield (*prefix, action)
            else:
                yield from below((*prefix, action))

    return list(below(()))


def total(table, response, start=0):
    return sum((table[response[:t], response[t]] for t in range(start, len(response))), 0.0)


# -- the maps, by recursion, and by enumeration of the responses -----------------------------------------------------


def soft_bellman(rewards, temperature=1.0, discount=1.0, reference=None):
    logits, values, tree = {}, {}, rows(rewards)
    for prefix in sorted(tree, key=len, reverse=True):
        for action, reward in tree[prefix].items():
            logits[prefix, action] = reward + discount * values.get((*prefix, action), 0.0)
        weights = {a: 0.0 if reference is None else np.log(reference[prefix, a]) for a in tree[prefix]}
        terms = [logits[prefix, a] / temperature + weights[a] for a in tree[prefix]]
        values[prefix] = temperature * log_sum_exp(terms)
    return logits, values


def soft_bellman_by_enumeration(rewards, temperature=1.0):
    whole, tree = responses(rewards), rows(rewards)
    values = {
        s: temperature
        * log_sum_exp([total(rewards, y, len(s)) / temperature for y in whole if len(y) > len(s) and y[: len(s)] == s])
        for s in tree
    }
    logits = {(s, a): reward + values.get((*s, a), 0.0) for (s, a), reward in rewards.items()}
    return logits, values


def inverse(logits, temperature=1.0, discount=1.0, reference=None):
    tree, rewards = rows(logits), {}
    for (prefix, action), q in logits.items():
        child = (*prefix, action)
        value = 0.0
        if child in tree:
            weights = {a: 0.0 if reference is None else np.log(reference[child, a]) for a in tree[child]}
            value = temperature * log_sum_exp([x / temperature + weights[a] for a, x in tree[child].items()])
        rewards[prefix, action] = q if q == -inf else q - discount * value
    return rewards


def log_partition(rewards, temperature=1.0):
    return soft_bellman(rewards, temperature)[1][()] / temperature


def log_partition_by_enumeration(rewards, temperature=1.0):
    return log_sum_exp([total(rewards, y) / temperature for y in responses(rewards)])


def log_policy(logits):
    return {
        (s, a): x if x == -inf else x - log_sum_exp(list(row.values()))
        for s, row in rows(logits).items()
        for a, x in row.items()
    }


def policy(logits):
    found = {}
    for s, row in rows(logits).items():
        top = max(row.values())
        if top == -inf:  # dead
            found.update({(s, a): 0.0 for a in row})
            continue
        weights = {a: np.exp(x - top) for a, x in row.items()}
        found.update({(s, a): w / sum(weights.values()) for a, w in weights.items()})
    return found


def policy_by_logarithms(logits):
    return {pair: np.exp(x) for pair, x in log_policy(logits).items()}


def log_prob(logits, response):
    return total(log_policy(logits), response)


def log_prob_by_totals(logits, response):
    tree = rows(logits)
    if total(logits, response) == -inf:
        return -inf
    return total(logits, response) - sum(log_sum_exp(list(tree[response[:t]].values())) for t in range(len(response)))


def log_probs(logits):
    steps = log_policy(logits)
    return {y: total(steps, y) for y in responses(logits)}


def marginals(logits):
    steps, chances = policy(logits), {}
    for prefix in sorted(rows(logits), key=len):
        chances[prefix] = chances[prefix[:-1]] * steps[prefix[:-1], prefix[-1]] if prefix else 1.0
    return chances


def marginals_by_logarithms(logits):
    steps = log_policy(logits)
    return {s: np.exp(sum((steps[s[:t], s[t]] for t in range(len(s))), 0.0)) for s in rows(logits)}


def marginals_by_enumeration(logits):
    return {s: _mass(log_probs(logits), s) for s in rows(logits)}


def _mass(log_p, prefix):
    return sum((np.exp(x) for y, x in log_p.items() if y[: len(prefix)] == prefix and len(y) > len(prefix)), 0.0)


def entropy(logits):
    return -sum((np.exp(x) * x for x in log_probs(logits).values() if x > -inf), 0.0)


def entropy_by_steps(logits):
    steps, chances = log_policy(logits), marginals(logits)
    return -sum((chances[s] * np.exp(x) * x for (s, a), x in steps.items() if x > -inf), 0.0)


def kl(p, q):
    log_p, log_q = log_probs(p), log_probs(q)
    if any(x > -inf == log_q[y] for y, x in log_p.items()):
        return inf
    return sum((np.exp(x) * (x - log_q[y]) for y, x in log_p.items() if x > -inf), 0.0)


def kl_by_steps(p, q):
    log_p, log_q, chances = log_policy(p), log_policy(q), marginals(p)
    found = 0.0
    for (s, a), x in log_p.items():
        if x > -inf and _reached(log_p, s):
            if log_q[s, a] == -inf:
                return inf
            found = found + chances[s] * np.exp(x) * (x - log_q[s, a])
    return found


def _reached(steps, prefix):
    return all(steps[prefix[:t], prefix[t]] > -inf for t in range(len(prefix)))


def kl_estimator(p, q, response):
    return log_prob(p, response) - log_prob(q, response)


def gradient(rewards, temperature=1.0):
    """Of the log-partition: forward over the policy, over τ."""
    logits = {pair: q / temperature for pair, q in soft_bellman(rewards, temperature)[0].items()}
    steps, chances = policy(logits), marginals(logits)
    return {(s, a): chances[s] * steps[s, a] / temperature for s, a in rewards}


def gradient_by_enumeration(rewards, temperature=1.0):
    whole = {y: total(rewards, y) / temperature for y in responses(rewards)}
    log_z = log_sum_exp(list(whole.values()))
    found = dict.fromkeys(rewards, 0.0)
    for y, reward in whole.items():
        for t in range(len(y)):
            found[y[:t], y[t]] = found[y[:t], y[t]] + np.exp(reward - log_z) / temperature
    return found


def gradient_of_nll(logits, data):
    steps, tree, found = policy(logits), rows(logits), dict.fromkeys(logits, 0.0)
    for y in data:
        for t in range(len(y)):
            for a in tree[y[:t]]:
                found[y[:t], a] = found[y[:t], a] + (steps[y[:t], a] - (a == y[t])) / len(data)
    return found


def sampler(logits, n, rng):
    whole = log_probs(logits)
    p = np.exp(np.array(list(whole.values()), dtype=float))
    chosen = rng.choice(len(whole), size=n, p=p / p.sum())
    names = list(whole)
    return [names[i] for i in chosen]


# -- the same for rewards, p(y) ∝ exp(R(y)/τ) ------------------------------------------------------------------------


def of_rewards(function):
    """Take rewards instead of logits."""

    def wrapped(rewards, *more, temperature=1.0, **named):
        logits = soft_bellman(rewards, temperature)[0]
        return function({pair: q / temperature for pair, q in logits.items()}, *more, **named)

    return wrapped


RIGHT = {
    "soft-bellman": soft_bellman,
    "inverse": inverse,
    "log-partition": log_partition,
    "log-prob": log_prob,
    "policy": policy,
    "sampler": sampler,
    "gradient": gradient,
    "marginals": marginals,
    "kl": kl,
    "kl-estimator": kl_estimator,
    "entropy": entropy,
}

# -- other looks -----------------------------------------------------------------------------------------------------


class Rows:
    """Tables as arrays, a row for each prefix, read into dicts and written back.

    Everything is read, what does not exist too: it is forbidden, or has no weight.
    """

    def __init__(self, keys):
        self.keys = keys

    def read(self, array):
        end = array.shape[1] - 1
        return {
            (key, None if a == end else a): x
            for key, row in zip(self.keys, array, strict=True)
            for a, x in enumerate(row)
        }

    def write(self, table, width):
        return np.array([[table[key, None if a == width - 1 else a] for a in range(width)] for key in self.keys])

    def write_states(self, table):
        return np.array([table[key] for key in self.keys])


def in_batch(function, results):
    """Take one or two tables (N, V+1), prefixes and lengths; `results` says of what: "table", "states", "number"."""

    def wrapped(*arguments, **named):
        *tables, prefixes, lengths = arguments[: -1 if results == "responses" else None]
        keys = [tuple(row[:n]) for row, n in zip(prefixes.tolist(), lengths.tolist(), strict=True)]
        form, width = Rows(keys), tables[0].shape[1]
        if "reference" in named:
            named["reference"] = form.read(named["reference"])
        more = arguments[-1:] if results == "responses" else ()
        found = function(*(form.read(table) for table in tables), *more, **named)
        if results != "responses":
            return _written(found, results, lambda x: form.write(x, width), form.write_states)
        padded = np.full((len(found), prefixes.shape[1]), width - 1)
        for row, y in zip(padded, found, strict=True):
            numbers = [width - 1 if action is None else action for action in y]
            row[: len(y)] = numbers
        return padded

    return _signed(wrapped, function)


def by_next_token(function, results):
    """Take functions of a prefix that return V+1 numbers."""

    def read(table):
        found = {}

        def visit(prefix):
            try:
                row = table(prefix)
            except LookupError:
                return
            for a in range(len(row) - 1):
                found[prefix, a] = row[a]
                visit((*prefix, a))
            found[prefix, None] = row[-1]

        visit(())
        return found

    def wrapped(*arguments, **named):
        tables = [x for x in arguments if callable(x)]
        width = len(tables[0](()))
        more = [_plain_response(x, width - 1) for x in arguments if not callable(x)]
        if "reference" in named:
            named["reference"] = read(named["reference"])
        found = function(*map(read, tables), *more, **named)
        if results == "responses":
            return [tuple(width - 1 if a is None else a for a in y) for y in found]

        def as_function(table):
            return lambda s: [table[s, None if a == width - 1 else a] for a in range(width)]

        return _written(found, results, as_function, lambda table: table.__getitem__)

    return _signed(wrapped, function)


def _plain_response(x, end):
    """A response, several of them, or a number of draws; what ends a response is None."""
    if isinstance(x, list):
        return [_plain_response(y, end) for y in x]
    return tuple(None if a == end else a for a in x) if isinstance(x, tuple) else x


def as_mdp(function, results):
    """Take tables (S, A), next_state and terminal, and walk from the starts."""

    def wrapped(*arguments, **named):
        *tables, next_state, terminal = arguments
        last = int(np.flatnonzero(terminal)[0])
        starts = sorted(set(range(last)) - set(next_state[:last].ravel().tolist()))
        end = next_state.shape[1] - 1
        answers = []
        for start in starts:
            states, keys = {(): start}, [()]
            for key in keys:  # it grows as it is walked
                for a in range(end):
                    if next_state[states[key], a] != last:
                        states[*key, a] = int(next_state[states[key], a])
                        keys.append((*key, a))
            form = Rows(keys)
            picked = [states[key] for key in keys]
            mine = dict(named)
            if "reference" in named:
                mine["reference"] = form.read(named["reference"][picked])
            found = function(*(form.read(table[picked]) for table in tables), **mine)
            answers.append((found, form, picked))

        def table(part):
            array = np.full((last + 1, end + 1), np.nan)  # nobody looks at the terminal state
            for found, form, picked in answers:
                array[picked] = form.write(part(found), end + 1)
            return array

        def states_table(part):
            array = np.full(last + 1, np.nan)
            for found, form, picked in answers:
                array[picked] = form.write_states(part(found))
            return array

        if results == "both":
            return table(lambda x: x[0]), states_table(lambda x: x[1])
        if results == "table":
            return table(lambda x: x)
        if results == "states":
            return states_table(lambda x: x)
        numbers = [found for found, _, _ in answers]
        return numbers[0] if len(numbers) == 1 else np.array(numbers, dtype=float)

    return _signed(wrapped, function)


def with_prompts(function, results):
    """Take dicts whose keys begin with the prompt."""

    def wrapped(*arguments, **named):
        tables = [x for x in arguments if isinstance(x, dict)]
        more = [x for x in arguments if not isinstance(x, dict)]
        prompts = list(dict.fromkeys(key[0] for key in tables[0]))
        if results == "of response":
            prompts, more = more[:1], more[1:]
        found = {}
        for prompt in prompts:
            mine = [{key[1:]: x for key, x in table.items() if key[0] == prompt} for table in tables]
            if "reference" in named:
                weights = {key[1:]: x for key, x in named["reference"].items() if key[0] == prompt}
                found[prompt] = function(*mine, *more, **{**named, "reference": weights})
            else:
                found[prompt] = function(*mine, *more, **named)
        if results == "of response":
            return found[prompts[0]]
        if results == "number":
            return found
        if results == "responses":
            return [(prompt, y) for prompt, drawn in found.items() for y in drawn]

        def table(part):
            return {(prompt, *key): x for prompt, one in found.items() for key, x in part(one).items()}

        def states(part):
            return {(prompt, key): x for prompt, one in found.items() for key, x in part(one).items()}

        if results == "both":
            return table(lambda x: x[0]), states(lambda x: x[1])
        return (table if results == "table" else states)(lambda x: x)

    return _signed(wrapped, function)


def _written(found, results, table, states):
    if results == "both":
        return table(found[0]), states(found[1])
    return {"table": table, "states": states, "number": lambda x: x}[results](found)


def _signed(wrapped, function):
    """Show the parameters that the wrapped function takes by keyword."""
    names = {"temperature", "discount", "reference", "rng", "seed"}
    named = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(function).parameters.values() if p.name in names]
    arguments = inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL)
    wrapped.__signature__ = inspect.Signature([arguments, *named])
    return wrapped


# -- as a language model has it ---------------------------------------------------------------------------------------


def batch_log_softmax(logits):
    top = logits.max(axis=-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))


def batch_log_prob(logits, tokens, lengths):
    steps = np.take_along_axis(batch_log_softmax(logits), tokens[..., None], axis=-1)[..., 0]
    return np.where(np.arange(tokens.shape[1]) < lengths[:, None], steps, 0.0).sum(axis=1)


def batch_nll_gradient(logits, tokens, lengths):
    hits = np.eye(logits.shape[-1])[tokens]
    inside = np.arange(tokens.shape[1]) < lengths[:, None]
    return np.where(inside[..., None], np.exp(batch_log_softmax(logits)) - hits, 0.0) / len(tokens)


def batch_kl_estimator(log_p, log_q, lengths):
    inside = np.arange(log_p.shape[1]) < lengths[:, None]
    return np.where(inside, log_p - log_q, 0.0).sum(axis=1)
