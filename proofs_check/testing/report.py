"""What a check returns, or raises."""

from dataclasses import dataclass, field
from typing import Any

from proofs_check.testing.cases import Case

__all__ = ["Disagreement", "Report"]


class Disagreement(AssertionError):
    """A function does not compute what it should.

    Attributes
    ----------
    report : Report
    """

    def __init__(self, report: "Report") -> None:
        super().__init__(report.text())
        self.report = report


@dataclass(frozen=True)
class Report:
    """The outcome of one check.

    Attributes
    ----------
    kind : str
    function : str
        Its name.
    agrees : bool
    instances : int
        On how many it was called.
    ratio : float
        The largest residual over its bound, where it agrees.
    mistakes : tuple of str
        The mistakes of the registry that reproduce its numbers.
    smallest : Case, optional
        The smallest instance on which it is wrong.
    right_on, wrong_on : tuple of str
        The fixed instances on which it agrees, and on which it does not.
    lines : tuple of str
        The report, line by line.
    only_with : str
        What each instance on which it is wrong has, and none of the other fixed ones: "large numbers", "dead prefixes",
        …; empty where there is no such thing.
    """

    kind: str
    function: str
    agrees: bool
    instances: int
    ratio: float = 0.0
    mistakes: tuple[str, ...] = ()
    smallest: Case | None = None
    right_on: tuple[str, ...] = ()
    wrong_on: tuple[str, ...] = ()
    lines: tuple[str, ...] = field(default=(), repr=False)
    only_with: str = ""

    def text(self) -> str:
        """Return the report as text."""
        return "\n".join(self.lines)

    def __str__(self) -> str:
        return self.text()

    def line(self) -> str:
        """Return the report in one line."""
        if self.agrees:
            return self.lines[0]
        if self.only_with and not self.mistakes:
            return f"{self.kind}: {self.function} is wrong; only with {self.only_with}"
        return f"{self.kind}: {self.function} is wrong; looks like {' or '.join(self.mistakes) or 'no known mistake'}"

    def to_dict(self) -> dict[str, Any]:
        """Return what a program may want, for JSON."""
        space = None if self.smallest is None else self.smallest.space
        return {
            "kind": self.kind,
            "function": self.function,
            "agrees": self.agrees,
            "instances": self.instances,
            "ratio": self.ratio if self.agrees else None,
            "mistakes": list(self.mistakes),
            "right_on": list(self.right_on),
            "wrong_on": list(self.wrong_on),
            "only_with": self.only_with or None,
            "smallest": None if space is None else {"tokens": space.n_tokens, "max_length": space.max_length},
            "text": self.text(),
        }
