"""The results as people read them: a block for each task and size, tables for a page, the targets."""

from collections.abc import Sequence
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.results import Cell, Row
from benchmarks.targets import Target
from benchmarks.tasks import TASKS
from benchmarks.text import number, seconds, table

__all__ = ["block", "document", "pages", "target_lines", "target_table"]


def block(cell: Cell) -> list[str]:
    """Return the lines of one task at one size."""
    head = f"{cell.task} {cell.size}, {cell.entries:,} entries"
    if cell.floor is not None and cell.copy is not None and cell.exp is not None:
        head += f"; floor {seconds(cell.floor)} (copy {seconds(cell.copy)}, exp {seconds(cell.exp)})"
    ours = cell.least("ours")
    told = [head, f"  {'':22}{'least':>10}{'median':>10}{'× floor':>9}{'× ours':>9}{'ready in':>12}{'differs':>9}"]
    for row in sorted(cell.timed(), key=lambda row: row.least or 0.0):
        assert row.least is not None
        assert row.median is not None
        assert row.ready is not None
        by_floor = number(row.least / cell.floor) if cell.floor else "-"
        by_ours = number(row.least / ours) if ours else "-"
        differs = "-" if row.difference is None else f"{row.difference:.0e}"
        if cell.task == "sampling":
            differs = f"{row.difference:.1f} sd"
        first = seconds(row.ready) if row.compiled else ""
        told.append(
            f"  {row.contender:22}{seconds(row.least):>10}{seconds(row.median):>10}{by_floor:>9}{by_ours:>9}"
            f"{first:>12}{differs:>9}"
        )
    told += [f"  {row.contender:22}ERROR {row.reason}" for row in cell.rows if row.status == "error"]
    reasons: dict[str, list[str]] = {}
    for row in cell.rows:
        if row.status == "skipped":
            reasons.setdefault(row.reason, []).append(row.contender)
    told += [f"  without {', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return told


def target_lines(targets: Sequence[Target]) -> list[str]:
    """Return the targets, a line for each."""
    width = max(len(target.name) for target in targets)
    return [
        f"  {target.name:{width}}  {target.sense} {_amount(target.wanted, target.unit):>7}"
        f"{'-' if target.measured is None else _amount(target.measured, target.unit):>10}  {target.verdict}"
        + (f" ({target.remark})" if target.remark else "")
        for target in targets
    ]


def _amount(x: float, unit: str) -> str:
    return f"{number(x)} {unit}" if unit != "×" else f"{number(x)} ×"


# -- for a page ------------------------------------------------------------------------------------------------------


def pages(
    cells: Sequence[Cell], targets: Sequence[Target], machine: Sequence[str], contenders: Sequence[Contender]
) -> dict[str, str]:
    """Return the sections of docs/speed.md that ``python -m benchmarks`` writes."""
    names = {row.contender for cell in cells for row in cell.rows}
    who = [[c.name, c.what, "yes" if c.preallocates else "no"] for c in contenders if c.name in names]
    return {
        "machine": "```\n" + "\n".join(machine) + "\n```\n",
        "contenders": table(["contender", "what it is", "writes into arrays that are there"], who),
        "tasks": "\n".join(_task_section(name, [cell for cell in cells if cell.task == name]) for name in TASKS),
        "targets": target_table(targets),
    }


def _task_section(name: str, cells: list[Cell]) -> str:
    if not cells:
        return ""
    task = TASKS[name]
    order = [row.contender for row in max(cells, key=lambda cell: len(list(cell.timed()))).rows]
    shown = [who for who in order if any(cell.row(who) or _failed(cell, who) for cell in cells)]
    head = ["", *(f"{cell.size}, {cell.entries:,}" if cell.floor else str(cell.size) for cell in cells)]
    rows = [["*floor*", *(f"*{seconds(cell.floor)}*" if cell.floor else "" for cell in cells)]]
    rows = [row for row in rows if any(row[1:])]
    rows += [[who, *(_entry(cell, who) for cell in cells)] for who in shown]
    text = f"### {name}\n\n{task.title}.{' ' + task.note if task.note else ''}\n\n"
    return text + table(head, rows)


def _failed(cell: Cell, who: str) -> Row | None:
    return next((row for row in cell.rows if row.contender == who and row.status == "error"), None)


def _entry(cell: Cell, who: str) -> str:
    if _failed(cell, who):
        return "**error**"
    least = cell.least(who)
    if least is None:
        return "–"
    by = cell.floor or cell.least("ours")
    text = f"{seconds(least)}, {number(least / by)}×" if by else seconds(least)
    return f"**{text}**" if who == "ours" else text


def target_table(targets: Sequence[Target]) -> str:
    """Return the targets as a table."""
    rows = [
        [
            target.name + (f" ({target.remark})" if target.remark else ""),
            f"{target.sense} {_amount(target.wanted, target.unit)}",
            "–" if target.measured is None else _amount(target.measured, target.unit),
            target.verdict,
        ]
        for target in targets
    ]
    return table(["target", "wanted", "measured", ""], rows)


def document(
    machine: dict[str, Any], settings: dict[str, Any], cells: Sequence[Cell], targets: Sequence[Target]
) -> dict[str, Any]:
    """Return everything, for JSON."""
    return {
        "schema_version": 1,
        "machine": machine,
        "settings": settings,
        "cells": [cell.document() for cell in cells],
        "targets": [target.document() for target in targets],
    }
