"""What can be drawn of a finding, as plain data; how it is drawn is no business of a note.

A picture is made from the case that a search found, or from the numbers that were computed: a tree with what stands on
its edges and at its ends, bars, or curves.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from proofs_check.errata.trees import Pair, Response, State, Tree
from tabular_bellman import EOS

__all__ = [
    "WRONG",
    "Bar",
    "BarsPicture",
    "Branch",
    "Cell",
    "CurvesPicture",
    "Number",
    "Picture",
    "Series",
    "TreePicture",
    "cell",
    "grown",
    "listed",
]

Number = int | float | Fraction | str
WRONG: Final = "what the printed formula gives, and should not be"


@dataclass(frozen=True)
class Cell:
    """A number in a column beside a tree, and whether it is what the printed formula gives and should not be."""

    number: Number
    wrong: bool = False


@dataclass(frozen=True)
class Branch:
    """An action and the node that it leads to; without an action, the first node of a tree.

    Attributes
    ----------
    action : str
    labels : tuple of str
        At most two, above the edge and below it.
    state : str
        The name of the node; none after EOS.
    odd : str
        What is the matter with the edge, in words; it is drawn apart from others.
    shared : str
        What is the matter with the node, likewise.
    branches : tuple of Branch
    cells : tuple of Cell
        At an end: one for each column of the picture.
    """

    action: str = ""
    labels: tuple[str, ...] = ()
    state: str = ""
    odd: str = ""
    shared: str = ""
    branches: tuple["Branch", ...] = ()
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class TreePicture:
    """Trees, numbers beside their ends, and rows of numbers below.

    `rows` are (what, one cell or None for each column).
    """

    title: str
    roots: tuple[Branch, ...]
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...] = ()


@dataclass(frozen=True)
class Bar:
    """One bar: what, how long, whether it is what should not be, and the text beside it if not the number."""

    label: str
    value: float
    wrong: bool = False
    text: str = ""


@dataclass(frozen=True)
class BarsPicture:
    """Bars from 0, or on a scale of powers of ten; a line across them, (what it is, where); what wrong ones are."""

    title: str
    bars: tuple[Bar, ...]
    line: tuple[str, float] | None = None
    powers: bool = False
    wrong: str = WRONG


@dataclass(frozen=True)
class Series:
    """Points, joined or not."""

    name: str
    points: tuple[tuple[float, float], ...]
    joined: bool = True


@dataclass(frozen=True)
class CurvesPicture:
    """One or two series over a pair of axes; `line` is (what it is, at which height)."""

    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    line: tuple[str, float] | None = None
    x_powers: bool = False
    y_powers: bool = False


Picture = TreePicture | BarsPicture | CurvesPicture


def cell(number: Any, right: Any = None) -> Cell:
    """Return a cell; where what is right is given too, it is wrong if the two differ, exactly."""
    wrong = right is not None and number != right
    return Cell(number if isinstance(number, (int, Fraction, str)) else float(number), wrong)


def listed(title: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[Cell]]]) -> TreePicture:
    """Return a picture without edges: each node stands for itself."""
    return TreePicture(title, tuple(Branch(state=name, cells=tuple(cells)) for name, cells in rows), tuple(columns))


def grown(
    tree: Tree,
    *,
    labels: Callable[[Pair], Sequence[str]] = lambda _: (),
    cells: Callable[[State, Response], Sequence[Cell]] = lambda *_: (),
    odd: Callable[[Pair], str] = lambda _: "",
    shared: Callable[[State], str] = lambda _: "",
    actions: Callable[[State, int], Sequence[Hashable]] | None = None,
    name: Callable[[State], str] = lambda state: "⊕".join(map(str, state)),
) -> tuple[Branch, ...]:
    """Return a tree as it is drawn, one root for each prompt.

    Parameters
    ----------
    tree : Tree
    labels : callable
        (state, action) → what stands at the edge.
    cells : callable
        (first state, all that was done from there) → the cells of an end: after EOS, or after T steps.
    odd : callable
        (state, action) → what is the matter with the edge.
    shared : callable
        State → what is the matter with it.
    actions : callable, optional
        (state, how many steps were taken) → what is drawn, if not what the tree allows.
    name : callable
        State → its name.
    """

    def below(start: State, done: Response) -> tuple[Branch, ...]:
        state = (*start, *done)
        among = tree.actions(state) if actions is None else actions(state, len(done))
        return tuple(branch(start, done, state, action) for action in among)

    def branch(start: State, done: Response, state: State, action: Hashable) -> Branch:
        after, pair = (*done, action), (state, action)
        ends = action is EOS or len(after) == tree.steps
        return Branch(
            str(action),
            tuple(labels(pair)),
            "" if ends else name((*state, action)),
            odd(pair),
            "" if ends else shared((*state, action)),
            () if ends else below(start, after),
            tuple(cells(start, after)) if ends else (),
        )

    return tuple(Branch(state=name(x), shared=shared(x), branches=below(x, ())) for x in tree.starts)
