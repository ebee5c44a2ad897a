"""Cost against size: one panel for each task, a line for each contender, the floor below."""

from collections.abc import Sequence
from typing import Any

from benchmarks.results import Cell

__all__ = ["write_plot"]


def write_plot(path: str, cells: Sequence[Cell]) -> None:
    """Write nanoseconds for each entry against the number of entries, for tasks with two sizes or more."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    by_task: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: cell.entries):
        by_task.setdefault(cell.task, []).append(cell)
    tasks = {name: found for name, found in by_task.items() if len(found) > 1}
    if not tasks:
        raise SystemExit("--plot needs a task at two sizes or more")
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5 * columns, 4 * rows), squeeze=False, layout="constrained")
    names = list(dict.fromkeys(row.contender for found in tasks.values() for cell in found for row in cell.timed()))
    for ax, (name, found) in zip(axes.flat, tasks.items(), strict=False):
        _panel(ax, name, found, names)
    for ax in list(axes.flat)[len(tasks) :]:
        ax.set_axis_off()
    handles = {label: h for ax in axes.flat for h, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(path)
    plt.close(figure)


def _panel(ax: Any, name: str, cells: Sequence[Cell], names: Sequence[str]) -> None:
    for i, who in enumerate(names):
        points = [
            (cell.entries, 1e9 * least / cell.entries) for cell in cells if (least := cell.least(who)) is not None
        ]
        if points:
            ours = who == "ours"
            style = {"color": "black", "linewidth": 2.5, "zorder": 3} if ours else {"color": f"C{i % 10}"}
            ax.loglog(*zip(*points, strict=True), marker="o" if ours else ".", label=who, **style)
    floors = [(cell.entries, 1e9 * cell.floor / cell.entries) for cell in cells if cell.floor]
    if floors:
        ax.loglog(*zip(*floors, strict=True), linestyle=":", color="grey", label="floor")
    ax.set_title(name)
    ax.set_xlabel("entries of a table")
    ax.set_ylabel("ns for each entry")
