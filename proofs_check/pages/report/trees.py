"""A small tree as a drawing: from left to right, numbers beside its ends, and below what they come to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proofs_check.errata.pictures import WRONG, Branch, Cell, TreePicture
from proofs_check.pages.report.svg import LINE, box, framed, line, text, wide
from proofs_check.pages.report.words import figure

__all__ = ["drawn", "told"]

_SLANT: Final = 22  # how far an edge runs askew before it is level
_BOX: Final = 20  # height of a node with its name
_END: Final = 9  # and of an end
_GAP: Final = 18  # between columns
_HEAD: Final = 26  # for the names of the columns


@dataclass
class _Placed:
    """A branch, and where its node is."""

    branch: Branch
    below: list["_Placed"]
    left: float = 0.0  # of its edge
    x: float = 0.0  # of its node
    y: float = 0.0

    @property
    def width(self) -> float:
        return wide(self.branch.state) + 12 if self.branch.state else _END

    def __iter__(self) -> Iterator["_Placed"]:
        yield self
        for each in self.below:
            yield from each


def drawn(picture: TreePicture, key: str) -> Any:
    """Return the drawing of a picture; `key` names it on its page."""
    roots = [_placed(root) for root in picture.roots]
    every = [each for root in roots for each in root]
    ends = [each for each in every if not each.below]
    two = any(len(each.branch.labels) > 1 for each in every)
    height, top = (46 if two else 36), _HEAD if picture.columns else 8
    for number, end in enumerate(ends):
        end.y = top + height * (number + 0.5)
    for root in roots:
        _spread(root)
        _shift(root, 0.0)

    right = max(each.x + each.width for each in every)
    labels = max((wide(what) for what, _ in picture.rows), default=0.0)
    columns = _columns(picture, ends, max(right, labels) + _GAP)
    body = [part for root in roots for part in _edges(root)]
    body += [part for each in every for part in _node(each)]
    body += [text(x, 14, name, "soft", "end") for name, x in zip(picture.columns, columns, strict=True)]
    for end in ends:
        if picture.columns:
            body.append(
                line([(end.x + end.width + 3, end.y), (columns[0] - _cells_width(picture, ends, 0) - 8, end.y)], "lead")
            )
            body += _cells(end.branch.cells, columns, end.y + 4)
    bottom = top + height * len(ends) + 6
    if picture.rows:
        body.append(line([(0, bottom), (columns[-1], bottom)], "rule"))
    for what, cells in picture.rows:
        bottom += LINE
        body.append(text(0, bottom, what))
        body += _cells(cells, columns, bottom)
    legend = list(_legend(picture, every))
    for sample, words in legend:
        bottom += LINE + 2
        body += _sample(sample, bottom)
        body.append(text(34, bottom, words, "soft"))
    width = max([right, *columns, *(34 + wide(words) for _, words in legend)]) + 4
    return framed(key, picture.title, told(picture), (width, bottom + 8), body)


def _placed(branch: Branch) -> _Placed:
    return _Placed(branch, [_placed(each) for each in branch.branches])


def _spread(placed: _Placed) -> None:
    """Put each node at the middle of what is below it."""
    for each in placed.below:
        _spread(each)
    if placed.below:
        placed.y = (placed.below[0].y + placed.below[-1].y) / 2


def _shift(placed: _Placed, x: float) -> None:
    """Put what is below a node to the right of it, as far as the words on the edges need."""
    placed.x = x
    start = x + placed.width
    words = [wide(each) for branch in placed.below for each in _lines(branch.branch)]
    for each in placed.below:
        each.left = start
        _shift(each, start + _SLANT + max(words, default=0.0) + 12)


def _lines(branch: Branch) -> list[str]:
    """What stands above an edge, and what below."""
    first, *others = branch.labels or ("",)
    return [f"{branch.action}: {first}" if first else branch.action, *others]


def _edges(placed: _Placed) -> Iterator[str]:
    for each in placed.below:
        start = each.left + _SLANT
        kind = "edge odd" if each.branch.odd else "edge"
        yield line([(each.left, placed.y), (start, each.y), (each.x, each.y)], kind)
        for number, words in enumerate(_lines(each.branch)):
            yield text(start + 3, each.y + (15 if number else -5), words)
        yield from _edges(each)


def _node(placed: _Placed) -> Iterator[str]:
    x, y, branch = placed.x, placed.y, placed.branch
    if not branch.state:
        yield box(x, y - _END / 2, _END, _END, "end hollow" if branch.odd else "end")
        return
    yield box(x, y - _BOX / 2, placed.width, _BOX, "node", 4)
    if branch.shared:
        yield box(x + 2.5, y - _BOX / 2 + 2.5, placed.width - 5, _BOX - 5, "node", 2)
    yield text(x + placed.width / 2, y + 4.5, branch.state, anchor="middle")


def _columns(picture: TreePicture, ends: Sequence[_Placed], left: float) -> list[float]:
    """Return the right end of each column."""
    found = []
    for number in range(len(picture.columns)):
        left += _cells_width(picture, ends, number)
        found.append(left)
        left += _GAP
    return found


def _cells_width(picture: TreePicture, ends: Sequence[_Placed], number: int) -> float:
    rows = [*(end.branch.cells for end in ends), *(cells for _, cells in picture.rows)]
    cells = [cells[number] for cells in rows if cells]
    return max([wide(picture.columns[number]), *(wide(_shown(each)) for each in cells if each is not None)])


def _cells(cells: Sequence[Cell | None], columns: Sequence[float], y: float) -> Iterator[str]:
    for each, x in zip(cells, columns, strict=True):
        if each is not None:
            yield text(x, y, _shown(each), "wrong" if each.wrong else "right", "end")


def _shown(cell: Cell) -> str:
    return f"{'≠ ' if cell.wrong else ''}{figure(cell.number)}"


def _legend(picture: TreePicture, every: Sequence[_Placed]) -> Iterator[tuple[str, str]]:
    """Yield what is drawn apart from the rest, and why."""
    for words in dict.fromkeys(each.branch.odd for each in every if each.branch.odd):
        yield "odd", words
    for words in dict.fromkeys(each.branch.shared for each in every if each.branch.shared):
        yield "shared", words
    rows = [*(each.branch.cells for each in every), *(cells for _, cells in picture.rows)]
    if any(each is not None and each.wrong for cells in rows for each in cells):
        yield "", f"≠: {WRONG}"


def _sample(sample: str, y: float) -> Iterator[str]:
    if sample == "odd":
        yield line([(0, y - 4), (28, y - 4)], "edge odd")
    elif sample == "shared":
        yield box(2, y - 13, 24, 16, "node", 4)
        yield box(4.5, y - 10.5, 19, 11, "node", 2)


def told(picture: TreePicture) -> str:
    """Return in words what is seen."""
    parts = [sentence for root in picture.roots for sentence in _sentences(root, picture.columns)]
    for what, cells in picture.rows:
        parts.append(f"{what}: {', '.join(_spoken(each) for each in cells if each is not None)}.")
    return " ".join(parts)


def _sentences(branch: Branch, columns: Sequence[str]) -> Iterator[str]:
    where = branch.state + (f" ({branch.shared})" if branch.shared else "")
    if not branch.branches:
        yield f"{where}: {_numbers(branch.cells, columns)}."
        return
    ways = []
    for each in branch.branches:
        remarks = "; ".join(filter(None, (*each.labels, each.odd)))
        goes = f"to {each.state}" if each.state and each.branches else "ends here"
        numbers = f", {_numbers(each.cells, columns)}" if each.cells else ""
        ways.append(f"{each.action}{f' ({remarks})' if remarks else ''} {goes}{numbers}")
    yield f"From {where}: {'; '.join(ways)}."
    for each in branch.branches:
        if each.branches:
            yield from _sentences(each, columns)


def _numbers(cells: Sequence[Cell], columns: Sequence[str]) -> str:
    return ", ".join(f"{name} {_spoken(each)}" for name, each in zip(columns, cells, strict=True))


def _spoken(cell: Cell) -> str:
    return f"{figure(cell.number)}{' (not right)' if cell.wrong else ''}"
