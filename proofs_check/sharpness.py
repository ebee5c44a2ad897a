"""How much the sharp bound gains over the paper's, length by length, and how near a pair of models comes to it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check.furthest import furthest_logits
from proofs_check.library import LIBRARY
from proofs_check.report import wrapped
from tabular_bellman import (
    AutoregressiveModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    kl_divergence,
)
from tabular_bellman.bounds import free_steps_bound, logit_ball_supremum, proposition_3_bound
from tabular_bellman.inputs import number

__all__ = ["NEAR", "Row", "as_document", "compute", "lines"]

SCHEMA_VERSION: Final = 1
NEAR: Final = 1e-9
"""What is called sharp is met to this."""

# Log-odds of what had better have no chance: with each of these a pair comes nearer.
_RARE: Final = (5.0, 10.0, 20.0, 40.0)
_MOST_PAIRS: Final = 2_000_000  # each pair of models is written out, response by response
_SMALLEST: Final = 1e-3  # below, the KL of a pair is too small to keep its digits
_LARGEST: Final = 300.0  # beyond, the chances that a pair needs are too near to 0 for a float


@dataclass(frozen=True)
class Row:
    """The bounds for one length, and what a constructed pair of models loses.

    Attributes
    ----------
    length : int
        T, EOS counted; the number of tokens without EOS.
    free_steps : int
        The number of depths that offer a choice.
    paper, free, sharp : float
        2Tε, 2·free·ε, and the supremum.
    reached : float
        The KL of the pair, by `kl_divergence`.
    approach : tuple of float
        How far below the supremum pairs are, for chances of e^-5, e^-10, e^-20, e^-40; () where it is attained.
    """

    length: int
    free_steps: int
    paper: float
    free: float
    sharp: float
    reached: float
    approach: tuple[float, ...]

    @property
    def gap(self) -> float:
        """What is left below the supremum; below 0 by rounding at most."""
        return self.sharp - self.reached

    @property
    def ratio(self) -> float:
        """The paper's bound over the sharp one."""
        return self.paper / self.sharp if self.sharp else float("inf")

    @property
    def as_expected(self) -> bool:
        """Whether the pair gets there to `NEAR`, and no further."""
        return -1e-12 * self.sharp - 1e-15 <= self.gap <= NEAR * self.sharp


def compute(
    epsilon: float = 1.0, vocab: int = 2, lengths: Sequence[int] = range(2, 9), *, fixed_length: bool = False
) -> list[Row]:
    """Return a row for each length.

    Raises
    ------
    TabularBellmanError
        For ε that is not from 0.001 to 300, and for a space that is too large to be written out.
    """
    epsilon = number(epsilon, "ε")
    if not _SMALLEST <= epsilon <= _LARGEST:
        raise TabularBellmanError(f"ε is {epsilon:g}; a pair of models is made for {_SMALLEST:g} to {_LARGEST:g}.")
    return [_row(epsilon, _space(vocab, length, fixed_length), length) for length in lengths]


def _space(vocab: int, length: int, fixed_length: bool) -> SequenceSpace:
    space = SequenceSpace.fixed_length(vocab, length) if fixed_length else SequenceSpace(vocab, max_length=length)
    if space.n_pairs > _MOST_PAIRS:
        raise TabularBellmanError(
            f"{space!r}: a pair of models is written out on up to {_MOST_PAIRS:,} (prefix, action) pairs. Give a "
            f"smaller {'--fixed-length' if fixed_length else '--max-length'} or --vocab; logit_ball_supremum has the "
            "supremum for any size."
        )
    return space


def _row(epsilon: float, space: SequenceSpace, length: int) -> Row:
    live = [np.ones(level.shape, dtype=np.bool_) for level in StateActionTable.zeros(space).levels]
    sharp = logit_ball_supremum(epsilon, space)
    losses = [_lost(epsilon, space, live, rare) for rare in _RARE]
    # The same pair whatever is rare: nothing has to be.
    attained = max(losses) - min(losses) <= NEAR * sharp
    return Row(
        length,
        space.n_free_depths,
        float(proposition_3_bound(epsilon, length)),
        float(free_steps_bound(epsilon, space)),
        sharp,
        losses[-1],
        () if attained else tuple(sharp - loss for loss in losses),
    )


def _lost(epsilon: float, space: SequenceSpace, live: list[NDArray[np.bool_]], rare: float) -> float:
    """The KL, by the library, of the pair that is made to be far apart."""
    levels = furthest_logits(LIBRARY, space, live, epsilon, rare)
    p, q = (AutoregressiveModel(StateActionTable.from_levels(space, logits)) for logits in levels)
    return float(kl_divergence(p, q))


# -- as text, and as a document ----------------------------------------------------------------------------------------


def lines(rows: Sequence[Row], epsilon: float, vocab: int, fixed_length: bool) -> Iterator[str]:
    """Yield the table, and how the supremum is approached where it is not attained."""
    tokens = f"{vocab} token{'s' if vocab > 1 else ''}"
    step = "T tokens, no EOS" if fixed_length else "up to T - 1 tokens and EOS"
    yield from wrapped(
        f"KL(p‖q) of whole responses, for logits within ε = {epsilon:g} of each other; {tokens}, {step}", hanging=""
    )
    yield ""
    exact = "n κ(ε)" if vocab > 1 else "D_n(ε)"
    yield f"  T   n   paper: 2Tε        2nε  {exact:>13}   KL of a pair  paper/sharp"
    for row in rows:
        ratio = f"{row.ratio:.3g}" if row.sharp else "-"
        yield (
            f"{row.length:3}{row.free_steps:4}{row.paper:13.6g}{row.free:11.6g}{row.sharp:#15.9g}{row.reached:#15.9g}"
            f"{ratio:>13}"
        )
    yield ""
    yield from wrapped(
        "n: depths that offer a choice. KL of a pair: of two models made to be as far apart as they can be.", hanging=""
    )
    attained = [row.length for row in rows if not row.approach]
    approached = [row for row in rows if row.approach]
    if attained:
        worst = max((abs(row.gap) for row in rows if not row.approach), default=0.0)
        yield f"Attained at T = {', '.join(map(str, attained))}: the two agree to {_left(worst, 1.0)}."
    if approached:
        at = ", ".join(str(row.length) for row in approached)
        odds = ", ".join(f"-{rare:g}" for rare in _RARE)
        yield from wrapped(
            f"Approached, not attained, at T = {at}, as EOS before the last step gets rare. What is left, with "
            f"log-odds of {odds}:",
            hanging="",
        )
        for row in approached:
            yield f"{row.length:3}  " + "".join(f"{_left(gap, row.sharp):>10}" for gap in row.approach)


def _left(gap: float, sharp: float) -> str:
    """What rounding alone could leave is shown as that."""
    return f"{gap:.1e}" if abs(gap) > 1e-14 * max(1.0, sharp) else "rounding"


def as_document(rows: Sequence[Row], epsilon: float, vocab: int, fixed_length: bool) -> dict[str, Any]:
    """Return the same in plain types."""
    return {
        "schema_version": SCHEMA_VERSION,
        "epsilon": epsilon,
        "vocab": vocab,
        "fixed_length": fixed_length,
        "log_odds": [-rare for rare in _RARE],
        "rows": [
            {
                **{name: value for name, value in asdict(row).items() if name != "approach"},
                "gap": row.gap,
                "attained": not row.approach,
                "gaps": list(row.approach),
                "ratio": row.ratio if row.sharp else None,
            }
            for row in rows
        ],
    }
