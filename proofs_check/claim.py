"""What a claim is: a statement, where it stands, two sides computed by different routes, and what must fail it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import numpy as np

from proofs_check.instances import ANY, Instance, Scope
from proofs_check.toolkit import Toolkit

__all__ = ["FORCED", "TREE", "Body", "Claim", "Comparison", "Measured", "Misreading", "Mistake", "misread"]


TREE: Final = "any finite tree of responses, one for each prompt"
FORCED: Final = f"{TREE}; EOS forced at the last step"


@dataclass(frozen=True)
class Comparison:
    """Two sides that the claim relates, entry by entry; logarithms or plain numbers.

    Attributes
    ----------
    what : str
    left, right : arrays, `Bounded` or `Real`
        Object arrays of integers and rationals are compared exactly.
    relation : {"equal", "at most", "differs"}
        -inf equals only -inf.  "at most" allows left to exceed right by the bound of the computation;
        "differs" needs a distance of more than it.
    """

    what: str
    left: Any
    right: Any
    relation: Literal["equal", "at most", "differs"] = "equal"


@dataclass(frozen=True)
class Measured:
    """A number worth printing beside the verdict, such as a slope; nothing is judged by it.

    `number` may be a function that returns it, where not every system of numbers has one.
    """

    what: str
    number: Any

    def taken(self) -> "Measured":
        """Return it with the number itself."""
        with np.errstate(all="ignore"):  # of numbers that nothing is judged by
            return Measured(self.what, self.number()) if callable(self.number) else self


Body = Callable[[Toolkit[Any], Instance], Iterable[Comparison | Measured]]


@dataclass(frozen=True)
class Mistake:
    """A wrong variant of one function of the toolkit.

    Attributes
    ----------
    name : str
    summary : str
        What is wrong, in one line.
    replaces : str
        The toolkit's function that it stands in for.
    wrong : callable
        f(toolkit, ...) → result; the rest are the arguments of that function.
    """

    name: str
    summary: str
    replaces: str
    wrong: Callable[..., Any]


@dataclass(frozen=True)
class Misreading:
    """A wrong variant of the statement itself: a body with the same comparisons, of which some must fail."""

    name: str
    summary: str
    body: Body


def misread(body: Callable[..., Any], *rows: tuple[str, str] | tuple[str, str, str]) -> tuple[Misreading, ...]:
    """Return misreadings (name, what is wrong, ``wrong=`` as the body takes it; the name, if not said)."""
    return tuple(
        Misreading(name, summary, partial(body, wrong=told[0] if told else name)) for name, summary, *told in rows
    )


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement, where it stands, and the body that compares its two sides.

    Attributes
    ----------
    id : str
    place : str
        Where the paper states it; "beyond the paper" where it does not.
    statement : str
        In mathematics, on one line.
    latex : str
        The same for a page.
    hypotheses : str
    routes : tuple of str
        How each side is computed.
    body : callable
        (toolkit, instance) → comparisons, the same in number and shape for every toolkit.
    mistakes : tuple of Mistake
        Wrong functions that the claim must reject wherever they make a difference.
    misreadings : tuple of Misreading
        Wrong statements, likewise.
    errata : tuple of str
        The notes on the printed text (`proofs-check errata`) with which the statement is to be read.
    scope : Scope
        Which instances it is checked on.
    own : callable, optional
        seed → instances of its own, instead of those of the run: witnesses, or sizes that the statement names.
    certified_on : callable, optional
        seed → more instances for balls, where the statement leaves little room.
    """

    id: str
    place: str
    statement: str
    latex: str
    hypotheses: str
    routes: tuple[str, ...]
    body: Body
    mistakes: tuple[Mistake, ...] = ()
    misreadings: tuple[Misreading, ...] = ()
    errata: tuple[str, ...] = ()
    scope: Scope = ANY
    own: Callable[[int], Iterable[Instance]] | None = None
    certified_on: Callable[[int], Iterable[Instance]] | None = None

    @property
    def checked_on(self) -> str:
        """What it is checked on, in words."""
        return "instances of its own" if self.own else self.scope.words or "every instance of a run"

    @property
    def rejects(self) -> tuple[Mistake | Misreading, ...]:
        """Everything that must fail it."""
        return (*self.mistakes, *self.misreadings)
