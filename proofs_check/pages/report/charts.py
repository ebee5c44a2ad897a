"""Bars and curves as drawings, with their numbers."""

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

from proofs_check.errata.pictures import BarsPicture, CurvesPicture, Series
from proofs_check.pages.report.svg import LINE, box, element, framed, line, text, wide
from proofs_check.pages.report.words import figure

__all__ = ["bars", "curves"]

_LONG: Final = 190  # of the longest bar
_ROW: Final = 24
_WIDE: Final = 330  # of the field of curves
_HIGH: Final = 190

Scale = Callable[[float], float]


def bars(picture: BarsPicture, key: str) -> Any:
    """Return the drawing of bars; `key` names it on its page."""
    across = picture.line
    values = [each.value for each in picture.bars] + ([across[1]] if across else [])
    left = max(wide(each.label) for each in picture.bars) + 8
    low, high = (min(values), max(values)) if picture.powers else (min(0.0, *values), max(0.0, *values))
    ticks = _powers(low, high) if picture.powers else [0.0]
    if picture.powers:
        low, high = ticks[0], ticks[-1]
    at = _scale(low, high, left, left + _LONG, picture.powers)
    top = LINE + 6 if across else 4
    bottom = top + _ROW * len(picture.bars)
    body = [line([(at(tick), top), (at(tick), bottom)], "tick") for tick in ticks]
    right = left + _LONG
    for number, each in enumerate(picture.bars):
        y = top + _ROW * number
        start, end = sorted((at(0.0) if not picture.powers else left, at(each.value)))
        shown = f"{'≠ ' if each.wrong else ''}{each.text or figure(each.value)}"
        body.append(text(left - 8, y + 16, each.label, anchor="end"))
        body.append(box(start, y + 4, max(end - start, 1.0), _ROW - 8, "bar wrong" if each.wrong else "bar"))
        # Beside its bar; beside the field where a line would run through it, or a bar grows to the left.
        beside = left + _LONG if across or each.value < 0 else end
        body.append(text(beside + 5, y + 16, shown, "wrong" if each.wrong else ""))
        right = max(right, beside + 5 + wide(shown))
    if across:
        x = at(across[1])
        body.append(line([(x, top - 4), (x, bottom)], "across"))
        name = f"{across[0]}: {figure(across[1])}"
        body.append(text(x, 14, name, "soft", "middle" if x > wide(name) / 2 else ""))
        right = max(right, x + wide(name) / 2)
    if picture.powers:
        bottom += LINE - 3
        body += [text(at(tick), bottom, figure(tick), "soft", "middle") for tick in ticks[:: 1 + len(ticks) // 5]]
        right = max(right, at(ticks[-1]) + 20)
    if any(each.wrong for each in picture.bars):
        bottom += LINE + 4
        body.append(text(0, bottom, f"≠: {picture.wrong}", "soft"))
        right = max(right, wide(f"≠: {picture.wrong}"))
    told = [
        f"{each.label}: {each.text or figure(each.value)}{' (not right)' if each.wrong else ''}"
        for each in picture.bars
    ]
    if across:
        told.append(f"a line across, {across[0]}: {figure(across[1])}")
    return framed(key, picture.title, f"Bars. {'; '.join(told)}.", (right + 4, bottom + 8), body)


def curves(picture: CurvesPicture, key: str) -> Any:
    """Return the drawing of curves; `key` names it on its page."""
    points = [point for each in picture.series for point in each.points]
    heights = [y for _, y in points] + ([picture.line[1]] if picture.line else [])
    x_ticks = _ticks([x for x, _ in points], picture.x_powers)
    y_ticks = _ticks(heights, picture.y_powers)
    left = max(wide(figure(float(y))) for y in y_ticks) + 10
    rows = len(picture.series) + (picture.line is not None)
    top = LINE * rows + 12
    across = _scale(x_ticks[0], x_ticks[-1], left, left + _WIDE, picture.x_powers)
    up = _scale(y_ticks[0], y_ticks[-1], top + _HIGH, top, picture.y_powers)
    body = [line([(across(x), top), (across(x), top + _HIGH)], "tick") for x in x_ticks]
    body += [line([(left, up(y)), (left + _WIDE, up(y))], "tick") for y in y_ticks]
    body += [text(across(x), top + _HIGH + 16, figure(float(x)), "soft", "middle") for x in x_ticks]
    body += [text(left - 6, up(y) + 4, figure(float(y)), "soft", "end") for y in y_ticks]
    for number, each in enumerate(picture.series):
        body += _series(each, number, across, up)
        body += _named(each.name, number, each.joined, left, LINE * number + 14)
    if picture.line:
        y = up(picture.line[1])
        body.append(line([(left, y), (left + _WIDE, y)], "across"))
        here = LINE * len(picture.series) + 14
        body.append(line([(left, here - 4), (left + 26, here - 4)], "across"))
        body.append(text(left + 34, here, f"{picture.line[0]}: {figure(picture.line[1])}"))
    bottom = top + _HIGH + 16 + LINE
    body.append(text(left + _WIDE / 2, bottom, f"{picture.x}; upwards, {picture.y}", "soft", "middle"))
    right = left + _WIDE / 2 + max(_WIDE / 2 + 14, wide(f"{picture.x}; upwards, {picture.y}") / 2)
    return framed(key, picture.title, _told(picture), (right, bottom + 8), body)


def _series(series: Series, number: int, across: Scale, up: Scale) -> Iterable[str]:
    placed = [(across(x), up(y)) for x, y in series.points]
    if series.joined:
        return [line(placed, f"curve curve-{number}")]
    return [element("circle", cx=x, cy=y, r=3.2, class_="dot") for x, y in placed]


def _named(name: str, number: int, joined: bool, left: float, y: float) -> list[str]:
    sample = line([(left, y - 4), (left + 26, y - 4)], f"curve curve-{number}")
    dot = element("circle", cx=left + 13, cy=y - 4, r=3.2, class_="dot")
    return [sample if joined else dot, text(left + 34, y, name)]


def _told(picture: CurvesPicture) -> str:
    parts = []
    for each in picture.series:
        heights = [y for _, y in each.points]
        ends = " and ".join(f"{figure(float(y))} at {figure(float(x))}" for x, y in (each.points[0], each.points[-1]))
        kind = "a curve" if each.joined else f"{len(each.points)} points"
        parts.append(
            f"{each.name}: {kind}, {ends}; between {figure(float(min(heights)))} and {figure(float(max(heights)))}"
        )
    if picture.line:
        parts.append(f"a line across, {picture.line[0]}: {figure(picture.line[1])}")
    return f"{picture.y} over {picture.x}. {'. '.join(parts)}."


def _scale(low: float, high: float, start: float, end: float, powers: bool) -> Scale:
    """Return where a number stands between two places."""
    if powers:
        low, high = math.log10(low), math.log10(high)
    return lambda x: start + (end - start) * ((math.log10(x) if powers else x) - low) / (high - low)


def _powers(low: float, high: float) -> list[float]:
    """Return the powers of ten from the one below to the one above."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**k for k in range(first, max(last, first + 1) + 1)]


def _ticks(values: list[float], powers: bool) -> list[float]:
    """Return about five round numbers that the values lie between; those from 0 begin there."""
    low, high = min(values), max(values)
    if powers:
        return _powers(low, high)
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next(k for k in (1, 2, 2.5, 5, 10) if (high - low) / (k * step) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * k for k in range(first, last + 1)]
