"""How an exploring page writes numbers down: as its script does in words.js, so that nothing moves when it starts."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np

__all__ = ["chance", "exact", "long", "short"]


def exact(x: float) -> str:
    """Return a number with all its digits, as the page keeps it beside what it shows."""
    return "-inf" if x == -np.inf else repr(x)


def _fixed(x: float, digits: int) -> str:
    return str(Decimal(x).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def short(x: float) -> str:
    """Write a number for the drawing: two decimals."""
    if x == -np.inf:
        return "−∞"
    if abs(x) >= 999.995:
        return _scientific(x)
    text = _fixed(x, 2)
    return "0.00" if float(text) == 0.0 else text.replace("-", "−")


def long(x: float) -> str:
    """Write a number for tables: four decimals, or three digits of what is very small or very large."""
    if x == -np.inf:
        return "−∞"
    if x == 0.0:
        return "0"
    return _scientific(x) if abs(x) >= 1e6 or abs(x) < 5e-5 else _fixed(x, 4).replace("-", "−")


def _scientific(x: float) -> str:
    mantissa, exponent = f"{x:.2e}".split("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


def chance(p: float) -> str:
    """Write a probability as a percentage; what is not 0 or 100 % never looks as if it were."""
    percent = 100.0 * p
    if percent == 0.0:
        return "0%"
    if percent < 0.01:
        return "<0.01%"
    for limit, digits in ((0.995, 2), (9.95, 1)):
        if percent < limit:
            return f"{_fixed(percent, digits)}%"
    if percent < 99.5 or percent > 100.0 - 1e-9:
        return f"{_fixed(percent, 0)}%"
    return f"{_fixed(percent, 1)}%" if percent < 99.95 else ">99.9%"
