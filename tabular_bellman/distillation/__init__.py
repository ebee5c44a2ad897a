"""Everything about a teacher and a student that is worth knowing before one is used for the other."""

from tabular_bellman.distillation.report import DirectedReport, DistillationReport, Uncovered, distillation_report

__all__ = ["DirectedReport", "DistillationReport", "Uncovered", "distillation_report"]
