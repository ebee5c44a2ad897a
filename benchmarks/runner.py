"""One task at one size: prepare everybody, compare everybody with ours, then time everybody in turns."""

import time
from collections.abc import Callable, Iterable, Sequence

from benchmarks.agreement import Disagreement, compare
from benchmarks.contenders import Contender, Prepared, Skip
from benchmarks.floor import Floor
from benchmarks.problem import Problem, Size
from benchmarks.results import Cell, Row
from benchmarks.tasks import Task
from benchmarks.timing import Effort, interleaved
from tabular_bellman.extended import FloatArray

__all__ = ["measure"]


def measure(
    task: Task,
    size: Size,
    ours: Contender,
    others: Iterable[Contender],
    effort: Effort,
    threads: int,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Cell:
    """Return the times of ours, and of all others that agree with it.

    One that does not agree, or fails, is an error in its row, and is not timed.
    """
    problem = Problem(size, seed)
    cell = Cell(task.name, size, task.entries(problem))
    ready: dict[str, Prepared] = {}
    right: Sequence[FloatArray] | None = None
    for contender in (ours, *others):
        if task.name not in contender.tasks and not contender.otherwise:
            continue
        progress(f"{task.name} {size}: {contender.name}")
        row = Row(contender.name, "timed", compiled=contender.compiled)
        cell.rows.append(row)
        try:
            start = time.perf_counter()
            prepared = contender.prepare(task.name, problem)
            result = prepared.call()
            row.ready = time.perf_counter() - start
            found = prepared.arrays(result)
            if right is None:
                right = [array.copy() for array in found]
            row.difference = compare(task, problem, found, right) if found else None
            ready[contender.name] = prepared
        except Skip as skip:
            row.status, row.reason = "skipped", str(skip)
        except Disagreement as difference:
            row.status, row.reason = "error", f"does not agree: {difference}"
        except Exception as error:  # whatever a library raises belongs into the table
            row.status, row.reason = (
                "error",
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            )
        if contender is ours and row.status != "timed":
            row.reason += "; without ours there is nothing to compare the others with"
            return cell
    right = None
    progress(f"{task.name} {size}: timing")
    _time(task, problem, cell, ready, effort, threads)
    return cell


def _time(task: Task, problem: Problem, cell: Cell, ready: dict[str, Prepared], effort: Effort, threads: int) -> None:
    clocks, floor = {}, None
    if task.work is not None:
        floor = Floor(task.work(problem), threads)
        clocks = {"floor: copy": floor.copy_seconds, "floor: exp": floor.exp_seconds}
    functions = {name: prepared.call for name, prepared in ready.items()}
    times = interleaved(functions, clocks, effort, problem.seed)
    for row in cell.timed():
        measured, per = times[row.contender], ready[row.contender].per
        row.least, row.median = measured.least / per, measured.median / per
        row.rounds, row.calls = len(measured.seconds), measured.calls
    if floor is not None:
        cell.copy, cell.exp = times["floor: copy"].least, times["floor: exp"].least
        floor.close()
