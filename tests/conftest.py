"""Profiles of Hypothesis, and fixtures of the command line."""

import gc
import os
import sys

import pytest
from hypothesis import settings

from proofs_check import cli

# Six thousand tests stay to the end: the garbage collector need not look through them as often as it would.
gc.set_threshold(50_000, 20, 50)

# There are several modules of this name, and as a module with doctests only one can be imported.
collect_ignore_glob = ["conftest.py", "*/conftest.py"]

# Machines differ in speed, and a deadline tests the machine. What CI says must not depend on luck: it has the same
# examples each time, and fewer; new ones are looked for wherever else the tests run.
settings.register_profile("default", deadline=None, max_examples=40)
settings.register_profile("ci", deadline=None, max_examples=20, derandomize=True, print_blob=True, database=None)
settings.register_profile("thorough", deadline=None, max_examples=600)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to stand in, with nothing of it left among the modules afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) in {str(p) for p in tmp_path.rglob("*.py")}:
            del sys.modules[name]


@pytest.fixture
def run(capsys, folder):
    """Run a command there: (exit status, what it printed, what it complained of)."""

    def run(*arguments):
        try:
            status = cli.main(arguments)
        except SystemExit as stop:  # argparse
            status = stop.code
        return status, *capsys.readouterr()

    return run
