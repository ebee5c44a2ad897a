"""How well one colour stands out from another, as WCAG 2 counts it."""

import numpy as np
from matplotlib.colors import to_rgb


def luminance(color):
    """Relative luminance, of WCAG 2."""
    c = np.asarray(to_rgb(color))
    return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
