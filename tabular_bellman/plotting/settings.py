"""What a caller hands on to Matplotlib: by the full names of properties, over our looks, refused in plain words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.plotting.canvas import color_scale

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap

__all__ = ["handed_on", "merged", "shades"]


def merged(look: Mapping[str, Any], given: Mapping[str, Any], kind: "type[Artist]") -> dict[str, Any]:
    """Return the caller's settings over ours; ``lw`` and ``linewidths`` are the ``linewidth`` of an artist.

    Raises
    ------
    TabularBellmanError
        If one property is given twice, under two names.
    """
    from matplotlib.cbook import normalize_kwargs

    with handed_on(given):
        return {**normalize_kwargs(dict(look), kind), **normalize_kwargs(dict(given), kind)}


@contextmanager
def handed_on(given: Mapping[str, Any]) -> Iterator[None]:
    """Say of what Matplotlib refuses that it is the caller's, and which settings there were."""
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        if not given:  # then it is a mistake of ours
            raise
        names = ", ".join(f"{name}=" for name in given)
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise TabularBellmanError(
            f"Matplotlib refuses what was handed on to it ({names}): {reason}. Leave it out, or give what it takes."
        ) from error


def shades(
    values: ArrayLike,
    *,
    cmap: "str | Colormap",
    norm: Any = None,
    vmin: float | None = None,
    vmax: float | None = None,
) -> "ScalarMappable":
    """Return what turns numbers into colours: even steps from `vmin` to `vmax`, or `norm`.

    Ends that are not given are those of the finite `values`; a norm without ends is given them, as Matplotlib does.

    Raises
    ------
    TabularBellmanError
        For a map, norm or end that makes no colours of these numbers.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, Normalize

    finite = np.asarray(values, dtype=np.float64).ravel()
    finite = finite[np.isfinite(finite)]
    if norm is not None and not (vmin is None and vmax is None):
        raise TabularBellmanError("norm= is given, and vmin= or vmax=; give the ends to the norm.")
    with handed_on({"cmap": cmap} if norm is None else {"cmap": cmap, "norm": norm}):
        found = ScalarMappable(color_scale(finite, vmin, vmax) if norm is None else norm, cmap)
        if finite.size:
            found.set_array(finite)
            found.to_rgba(finite)
            if isinstance(found.norm, Normalize) and not isinstance(found.norm, BoundaryNorm):  # which has no inverse
                found.norm.inverse(0.5)  # shows ends that cannot be: logarithms of numbers below 0, say
    return found
