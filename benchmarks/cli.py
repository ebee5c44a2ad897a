"""The command line of ``python -m benchmarks``."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, report
from benchmarks.contenders import Contender, ours
from benchmarks.contenders.registry import CONTENDERS, OURS
from benchmarks.problem import Size
from benchmarks.results import Cell
from benchmarks.runner import measure
from benchmarks.targets import of_benchmarks
from benchmarks.tasks import QUICK_SIZES, TASKS
from benchmarks.text import write_sections
from benchmarks.threads import DEFAULT_THREADS
from benchmarks.timing import QUICK, Effort

__all__ = ["main"]

_NOT_QUICK = ("torch.compile",)  # compiles for longer than a quick run takes


def main(arguments: Sequence[str] | None = None, contenders: Sequence[Contender] = CONTENDERS) -> int:
    """Measure, print, and return the exit status: 1 where a contender does not agree, or fails."""
    options = _parser().parse_args(arguments)
    chosen = _chosen(options, contenders)
    if options.list:
        _list(contenders)
        return 0
    start = time.perf_counter()
    effort = QUICK if options.quick else Effort()
    facts = machine.facts()
    print(*machine.lines(facts), sep="\n", end="\n\n")
    print("least and median of rounds in turn, for one call; × floor and × ours: of the least")
    cells: list[Cell] = []
    interrupted = False
    try:
        for task in (TASKS[name] for name in options.task or TASKS):
            for size in task.sizes:
                if not _wanted(options, size, task.sizes):
                    continue
                cell = measure(task, size, OURS, chosen, effort, options.threads, options.seed, _progress)
                cells.append(cell)
                _progress("")
                print("", *report.block(cell), sep="\n", flush=True)
    except KeyboardInterrupt:
        interrupted = True
        _progress("")
        print("\ninterrupted; so far:")
    if not cells and not interrupted:
        print("nothing to measure: no task has one of these sizes", file=sys.stderr)
        return 2
    now = machine.facts()
    facts["threads"] = now["threads"]  # by now the libraries are loaded
    if "load" in now:
        facts["load_after"] = now["load"]
    targets = of_benchmarks(cells)
    print("\nTargets\n", *report.target_lines(targets), sep="\n")
    print(f"\n{time.perf_counter() - start:.0f} s in all", flush=True)
    _write(options, cells, facts, targets, contenders)
    errors = sum(row.status == "error" for cell in cells for row in cell.rows)
    if errors:
        print(f"{errors} ERROR{'S' if errors > 1 else ''}: see above", file=sys.stderr)
    return 130 if interrupted else 1 if errors else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--task", action="append", choices=list(TASKS), help="this task (may be given several times)")
    add("--size", action="append", type=_size, metavar="V,T", help="this size, T with EOS (several times)")
    add("--contender", action="append", metavar="NAME", help="this one, and ours (several times; see --list)")
    add("--quick", action="store_true", help="the two smallest sizes, a few rounds, without torch.compile")
    add("--threads", type=int, default=DEFAULT_THREADS, metavar="N", help="for everybody (default: 2)")
    add("--seed", type=int, default=0, help="of numbers and of the order of turns (default: 0)")
    add("--json", metavar="FILE", help="write everything as one document")
    add("--plot", metavar="FILE", help="draw cost against size (needs matplotlib)")
    add("--markdown", nargs="?", const="docs/speed.md", metavar="FILE", help="write the tables of docs/speed.md")
    add("--list", action="store_true", help="list tasks and contenders")
    return parser


def _size(text: str) -> Size:
    try:
        size = Size.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not two numbers V,T") from None
    if min(size) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: both must be 1 or more")
    return size


def _chosen(options: argparse.Namespace, contenders: Sequence[Contender]) -> list[Contender]:
    names = {contender.name for contender in contenders}
    for name in options.contender or ():
        if name not in names:
            raise SystemExit(f"no contender {name!r}; there are {', '.join(sorted(names))}")
    skipped = () if options.contender or not options.quick else _NOT_QUICK
    wanted = {*(options.contender or names), *(contender.name for contender in ours.CONTENDERS)}
    return [c for c in contenders if c is not OURS and c.name in wanted and c.name not in skipped]


def _wanted(options: argparse.Namespace, size: Size, sizes: Sequence[Size]) -> bool:
    if options.size:
        return size in options.size
    return not options.quick or len(sizes) == 1 or size in QUICK_SIZES


def _list(contenders: Sequence[Contender]) -> None:
    print("tasks")
    for task in TASKS.values():
        print(f"  {task.name:24}{task.title}; {', '.join(map(str, task.sizes))}")
    print("contenders")
    for contender in contenders:
        print(f"  {contender.name:24}{contender.what}{'; ' + reason if (reason := contender.absent()) else ''}")


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


def _write(
    options: argparse.Namespace,
    cells: list[Cell],
    facts: dict[str, Any],
    targets: list[Any],
    contenders: Sequence[Contender],
) -> None:
    if options.json:
        settings = {name: getattr(options, name) for name in ("quick", "threads", "seed", "task", "contender")}
        document = report.document(facts, settings, cells, targets)
        Path(options.json).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if options.plot:
        from benchmarks.plot import write_plot

        write_plot(options.plot, cells)
    if options.markdown:
        write_sections(options.markdown, report.pages(cells, targets, machine.lines(facts), contenders))
