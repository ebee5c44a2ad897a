"""The few lines that most implementations on dicts begin with."""

import math

__all__ = ["by_prefix", "log_softmax", "log_sum_exp", "softmax"]


def log_sum_exp(values):
    top = max(values, default=-math.inf)
    if top == -math.inf:
        return -math.inf
    return top + math.log(sum(math.exp(v - top) for v in values))


def by_prefix(table):
    """{(prefix, action): number} as {prefix: {action: number}}."""
    rows = {}
    for (prefix, action), number in table.items():
        rows.setdefault(prefix, {})[action] = number
    return rows


def log_softmax(row):
    total = log_sum_exp(list(row.values()))
    return {action: x - total if x > -math.inf else x for action, x in row.items()}


def softmax(row):
    return {action: math.exp(x) for action, x in log_softmax(row).items()}
