"""``proofs-check distill``: two saved tables compared as teacher and student."""

import argparse
import csv
import json
import math
import sys
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofs_check.commands import _print
from tabular_bellman import AutoregressiveModel, EnergyBasedModel, StateActionTable, TabularBellmanError
from tabular_bellman.sequence_model import SequenceModel

if TYPE_CHECKING:  # other commands do without it
    from tabular_bellman.distillation import DistillationReport

__all__ = ["distill"]

_READINGS = {"rewards": "rewards of an energy-based model", "logits": "logits of an autoregressive model"}


def distill(options: argparse.Namespace) -> int:
    """Compare a student with its teacher: both KLs and where they come from, bounds on them, and their estimators."""
    from tabular_bellman.distillation import distillation_report
    from tabular_bellman.distillation.text import lines

    if options.temperature is not None and options.teacher_is != "rewards":
        raise TabularBellmanError("--temperature divides the teacher's rewards; it goes with --teacher-is rewards.")
    if options.csv is not None and options.csv.suffix.lower() != ".csv":
        raise TabularBellmanError(f"--csv {options.csv}: its name must end in .csv.")
    temperature = 1.0 if options.temperature is None else options.temperature
    teacher = _model(options.teacher, options.teacher_is, temperature, options.max_bytes)
    student = _model(options.student, options.student_is, 1.0, options.max_bytes)
    report = distillation_report(teacher, student)
    if options.csv is not None:
        _write(report, options.csv)
    if options.json:
        _print([json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)])
        return 0
    readings = [_reading(options, role) for role in ("teacher", "student")]
    if options.quiet:
        print(*readings, sep="\n", file=sys.stderr)
        _print(lines(report, brief=True))
    else:
        _print([*readings, "", *lines(report)])
    return 0


def _reading(options: argparse.Namespace, role: str) -> str:
    reading = getattr(options, f"{role}_is")
    other = "logits" if reading == "rewards" else "rewards"
    return f"{getattr(options, role)}: read as {_READINGS[reading]} (else: --{role}-is {other})"


def _model(path: Path, reading: str, temperature: float, max_bytes: int) -> SequenceModel:
    table = StateActionTable.load(path, max_bytes=max_bytes)
    try:
        return EnergyBasedModel(table, temperature) if reading == "rewards" else AutoregressiveModel(table)
    except TabularBellmanError as error:
        raise TabularBellmanError(f"{path}, read as {reading}: {error}") from None


def _write(report: "DistillationReport", path: Path) -> None:
    """Write every number in long format; a prefix is its tokens, as JSON has them."""
    from tabular_bellman.distillation.records import COLUMNS

    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for row in report.rows():
                writer.writerow({name: _cell(value) for name, value in row.items()})
    except OSError as error:
        raise TabularBellmanError(f"--csv {path}: cannot write it: {error.strerror}.") from error


def _cell(value: Hashable) -> Any:
    from tabular_bellman.distillation.records import plain

    if isinstance(value, tuple):
        return json.dumps(plain(value), ensure_ascii=False)
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value
