"""``python tests/published``: what the testing kit says of each package; the tables of docs/published.md."""

import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from proofs_check import testing
from proofs_check.testing.judging import judge
from proofs_check.testing.kinds import KINDS
from proofs_check.testing.settings import options
from proofs_check.testing.witnesses import plainest, witnesses

PACKAGES = ("irl-maxent", "torch-struct", "transformers", "msdm")
BESIDES = ("hypothesis", "numpy", "torch")
HEADER = ("check, adapter", "code", "settings", "the kit says", "agrees to", "a counterexample")
UNTOLD = {"adapter", "array", "throw", "examples", "seed", "draws", "false_alarm"}
DEFAULTS = {"returns": ("both", "probabilities"), "view": ("logits",), "of": ("log-partition",)}


def main():
    """Run the tests of each package, and print a row for each check that they make."""
    check = testing.check
    for package in PACKAGES:
        rows = [HEADER, ("---",) * len(HEADER)]

        def recorded(kind, function, rows=rows, **settings):
            report = check(kind, function, **settings)
            rows.append(row(KINDS[kind], function, settings, report))
            return report

        testing.check = recorded  # all the check_… functions call it
        try:
            tests = import_module(f"published.test_{package.replace('-', '_')}")
        except pytest.skip.Exception as absent:
            print(f"{absent}\n")
            continue
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        for name, test in vars(tests).items():
            if name.startswith("test_"):
                test()
        print(f"### {package} {version(package)}\n")
        print(*(f"| {' | '.join(cells)} |" for cells in rows), sep="\n", end="\n\n")
    print("with", ", ".join(f"{name} {version(name)}" for name in BESIDES if find_spec(name)))


def row(kind, function, settings, report):
    """One line of a table."""
    given = {name: value for name, value in settings.items() if value is not None and name not in UNTOLD}
    told = [f"{name}={value!r}" for name, value in given.items() if value not in DEFAULTS.get(name, ())]
    name = report.function.rpartition(".")[2]
    where = f"{kind.name}, {settings.get('adapter', 'dict')}"
    return where, name, ", ".join(told), said(report), *numbers(kind, function, settings, report)


def said(report):
    """The verdict, with the fixed instances on which code is wrong, and the diagnosis."""
    if report.agrees:
        return "agrees"
    wrong = list(report.wrong_on)
    where = ", ".join(wrong) if len(wrong) < 3 else f"{len(wrong)} fixed instances"
    return ": ".join(filter(None, (f"differs on {where or 'drawn instances'}", " or ".join(report.mistakes))))


def numbers(kind, function, settings, report):
    """The largest difference on the fixed instances where it agrees, numbers to ±3; one number where it does not."""
    if kind.name == "sampler":
        worst = next((line for line in report.lines if line.startswith("worst")), "")
        return "", worst.partition(": ")[2].partition(";")[0]
    settings = {name: value for name, value in settings.items() if name != "throw"}
    o = options(kind, function, settings)
    outcomes = [judge(kind, o, function, case) for case in (plainest(kind, o), *witnesses(kind, o))]
    right = [x.residual.max() for x in outcomes if x.agrees and x.case.name != "large numbers"]
    agrees_to = f"{max(right):.1e}" if right else ""
    if report.agrees:
        return agrees_to, ""
    smallest = judge(kind, o, function, report.smallest)
    theirs, ours = smallest.found[smallest.worst], smallest.answer.right[smallest.worst]
    return agrees_to, f"{theirs:.10g} for {ours:.10g}"


if __name__ == "__main__":
    main()
