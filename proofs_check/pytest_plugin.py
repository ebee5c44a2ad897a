"""A thin pytest plugin: a marker and options for the checks of `proofs_check.testing`, and a summary of them.

It is loaded with every pytest run where this package is installed, so it imports nothing that a run does not use.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from proofs_check.session import SESSION

__all__: list[str] = []

_PROPERTY = "proofs-check"
_MARKER = "proofs_check(examples=N, seed=S): how many instances the checks of this test draw, and the seed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("proofs-check", "checks of proofs_check.testing")
    group.addoption("--proofs-check-examples", type=int, metavar="N", help="how many instances each check draws (100)")
    group.addoption("--proofs-check-seed", type=int, metavar="S", help="the seed of the instances (0)")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Set the defaults of the checks in a test and its fixtures: those of its marker, or of the command line."""
    marker = item.get_closest_marker("proofs_check")
    given: dict[str, Any] = {} if marker is None else dict(marker.kwargs)
    SESSION.examples = given.get("examples", item.config.getoption("proofs_check_examples"))
    SESSION.seed = given.get("seed", item.config.getoption("proofs_check_seed"))
    SESSION.heard = []
    try:
        return (yield)
    finally:
        SESSION.examples, SESSION.seed, SESSION.heard = None, None, None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Refuse a wrong marker, and note what checks in fixtures say."""
    marker = item.get_closest_marker("proofs_check")
    if marker is not None and (marker.args or set(marker.kwargs) - {"examples", "seed"}):
        raise pytest.UsageError(f"{item.nodeid}: the marker is {_MARKER.partition(':')[0]}.")
    return (yield from _noted(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note what the checks in a test say."""
    return (yield from _noted(item))


def _noted(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    finally:
        # Properties travel with the report of a test, from other processes too, and into JUnit files.
        item.user_properties += [(_PROPERTY, line) for line in SESSION.heard or ()]
        SESSION.heard = []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was checked, if anything was."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    lines = [
        line
        for report in reports
        if getattr(report, "when", "") == "call" or (getattr(report, "when", "") == "setup" and report.failed)
        for name, line in report.user_properties
        if name == _PROPERTY
    ]
    if lines:
        terminalreporter.section("proofs-check")
        for line in lines:
            terminalreporter.write_line(line)
