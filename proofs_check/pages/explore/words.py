"""How an exploring page writes numbers down: as its script does in words.js, so that nothing moves when it starts."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np

__all__ = ["beyond", "chance", "exact", "long", "out_of_sight", "short"]


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


def out_of_sight(log: float) -> bool:
    """Tell whether what has this logarithm is too small or too large to be computed with as it is."""
    return bool(np.isfinite(log)) and abs(log) > 690.0


def beyond(log: float | None) -> str:
    """Return, as part of a tag, the logarithm of a number that says too little by itself; else nothing."""
    return f" data-log={exact(log)}" if log is not None and out_of_sight(log) else ""


def long(x: float, log: float | None = None) -> str:
    """Write a number for tables: four decimals, or three digits of what is very small or very large.

    Of a probability the logarithm may be given: one too small for a number is not written as 0.
    """
    if log is not None and out_of_sight(log):
        return f"e^{long(log)}"
    if x == -np.inf:
        return "−∞"
    if x == 0.0:
        return "0"
    return _scientific(x) if abs(x) >= 1e10 or abs(x) < 5e-5 else _fixed(x, 4).replace("-", "−")


def _scientific(x: float) -> str:
    mantissa, exponent = f"{x:.2e}".split("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


def chance(p: float, log: float | None = None) -> str:
    """Write a probability as a percentage; what is not 0 or 100 % never looks as if it were.

    One that is too small for a number is told from 0 by its logarithm, if that is given.
    """
    percent = 100.0 * p
    if percent == 0.0 and (log is None or log == -np.inf):
        return "0%"
    if percent < 0.01:
        return "<0.01%"
    for limit, digits in ((0.995, 2), (9.95, 1)):
        if percent < limit:
            return f"{_fixed(percent, digits)}%"
    if percent < 99.5 or percent > 100.0 - 1e-9:
        return f"{_fixed(percent, 0)}%"
    return f"{_fixed(percent, 1)}%" if percent < 99.95 else ">99.9%"
