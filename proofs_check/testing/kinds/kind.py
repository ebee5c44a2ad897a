"""What a kind of function is: how it is called, and what it should have returned.

A kind has one or more *routes*: ways to the right answer, each through one function of the toolkit.  Over the
reference toolkit a route gives the answer with its bound; over the library with a mistake put into that function it
gives what this mistake would have returned, which is how a diagnosis is made.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from proofs_check.paths import tempered
from proofs_check.testing.cases import Case, Options
from proofs_check.toolkit import Toolkit
from tabular_bellman import TabularBellmanError

__all__ = [
    "Function",
    "Kind",
    "Over",
    "Part",
    "Route",
    "each",
    "lifted",
    "model_log_probs",
    "model_logits",
    "named_arguments",
    "on_response",
    "on_tables",
    "ways",
]

Over = Literal["pairs", "prefixes", "responses", "prompts"]
"""What there is a number for."""


@dataclass(frozen=True)
class Part:
    """One thing that is returned: numbers over the pairs, prefixes, responses or prompts of a space.

    Attributes
    ----------
    what : str
    over : {"pairs", "prefixes", "responses", "prompts"}
    values : sequence of arrays (or carriers, or `Real`)
        One for each depth over pairs and prefixes; a single one of shape (n, P) or (P,) over responses and prompts.
    counts : sequence of Boolean arrays, optional
        Where anything goes, False.
    """

    what: str
    over: Over
    values: Sequence[Any]
    counts: Sequence[NDArray[np.bool_]] | None = None


Route = Callable[[Toolkit[Any], Options, Case], list[Part]]
"""A way to the answer, by the functions of a toolkit."""

Function = Callable[..., Any]
"""A user's function."""


class Kind(ABC):
    """One kind of function.

    Attributes
    ----------
    name : str
    statement : str
        What it should compute, in mathematics.
    parameters : frozenset of str
        Which of temperature, discount and reference go with it.
    returns, views, of : tuple of str
        The forms that it knows, the default first.
    moderate : bool
        Whether huge numbers are left out, as they overflow in right code too.
    gentle : bool
        Whether no prefix may be dead, also where the function takes rewards: a derivative is undefined there.
    inputs : int
        How many tables the function takes.
    responses : bool
        Whether it takes or returns responses.
    """

    name: ClassVar[str]
    statement: ClassVar[str]
    parameters: ClassVar[frozenset[str]] = frozenset({"temperature"})
    returns: ClassVar[tuple[str, ...]] = ("",)
    views: ClassVar[tuple[str, ...]] = ("logits", "rewards")
    of: ClassVar[tuple[str, ...]] = ("",)
    moderate: ClassVar[bool] = False
    gentle: ClassVar[bool] = False
    inputs: ClassVar[int] = 1
    responses: ClassVar[bool] = False

    def claim(self, o: Options) -> str:
        """Return what it should compute, as it was asked for."""
        if len(self.views) < 2:
            return self.statement
        tempered = o.temperature != 1.0
        if o.view == "logits":
            return f"{self.statement}{'; π = softmax(q/τ)' if tempered else ''}"
        return f"{self.statement}; of p(y) ∝ exp(R(y){'/τ' if tempered else ''})"

    def signature(self, o: Options) -> str:
        """Return how the function is called, in words for a person."""
        tables = ["rewards" if o.view == "rewards" else "logits"] if self.inputs == 1 else ["logits_p", "logits_q"]
        more = (["prompt"] if o.adapter.prompts else []) + ["response"] if self.responses else []
        return self.called(o, [*tables, *o.adapter.extra_names, *more])

    def uncallable(self, o: Options, failure: str) -> TabularBellmanError:
        """Return what to raise where the function fails on the plainest instance."""
        called = f"it was called as {self.signature(o)}, adapter {o.adapter.name!r}"
        return TabularBellmanError(f"it cannot be called as {self.name}: it {failure}; {called}.")

    def called(self, o: Options, arguments: Sequence[str]) -> str:
        """Return a call with these arguments, and those by keyword."""
        return f"f({', '.join([*arguments, *(f'{name}=…' for name in sorted(o.named))])})"

    @abstractmethod
    def call(self, o: Options, function: Function, case: Case) -> list[Part]:
        """Call the user's function and read what it returned."""

    @abstractmethod
    def routes(self, o: Options) -> dict[str, Route]:
        """Return the ways to the right answer, by the function of the toolkit that each goes through."""


def named_arguments(o: Options, case: Case) -> dict[str, Any]:
    """The keyword arguments that the function takes."""
    found: dict[str, Any] = {}
    if "temperature" in o.named:
        found["temperature"] = case.temperature
    if "discount" in o.named:
        found["discount"] = case.discount
    if "reference" in o.named and case.reference is not None:
        found["reference"] = o.adapter.weights(case.reference)
    return found


def on_tables(o: Options, function: Function, case: Case, *more: Any) -> Any:
    """Call a function of tables."""
    a = o.adapter
    tables = [a.table(case.table)] if case.other is None else [a.table(case.table), a.table(case.other)]
    return function(*tables, *a.extras(case.space), *more, **named_arguments(o, case))


def lifted(kit: Toolkit[Any], case: Case) -> list[Any]:
    """Return the table in the number system."""
    return [kit.lift(level) for level in case.table.levels]


def model_logits(kit: Toolkit[Any], o: Options, case: Case, through: str) -> list[Any]:
    """The logits of the model: those of the table over τ, or what p ∝ exp(R/τ) has."""
    levels = lifted(kit, case)
    if o.view == "logits":
        return tempered(kit, levels, case.temperature)
    if through == "soft_bellman":
        return tempered(kit, kit.soft_bellman(case.space, levels, case.temperature)[0], case.temperature)
    return list(kit.ebm_policy(case.space, levels, case.temperature))


def ways(o: Options, *own: str) -> tuple[str, ...]:
    """The functions that an answer goes through, besides those that make a model of rewards."""
    return own if o.view == "logits" else (*own, "ebm_policy", "soft_bellman", "ebm_log_probs")


def model_log_probs(kit: Toolkit[Any], o: Options, case: Case, way: str) -> Any:
    """The log-probabilities of responses, shape (n, P)."""
    if way == "ebm_log_probs":
        return kit.ebm_log_probs(case.space, lifted(kit, case), case.temperature)
    return kit.arm_log_probs(case.space, model_logits(kit, o, case, way))


def each(ways: Sequence[str], answer: Callable[[Toolkit[Any], Options, Case, str], list[Part]]) -> dict[str, Route]:
    """Return a route for each way of one answer."""

    def route(way: str) -> Route:
        return lambda kit, o, case: answer(kit, o, case, way)

    return {way: route(way) for way in ways}


def on_response(o: Options, function: Function, case: Case, prompt: Any, response: Any) -> Any:
    """Call a function of tables and a response."""
    return on_tables(o, function, case, *o.adapter.response(case.space, prompt, response))
