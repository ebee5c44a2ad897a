"""What a check is asked for: its keyword arguments, their defaults, and what is out of range."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final, TypedDict

from proofs_check.session import SESSION
from proofs_check.testing.adapters import ADAPTERS
from proofs_check.testing.arrays import Arrays
from proofs_check.testing.cases import Options
from proofs_check.testing.kinds import Kind
from tabular_bellman import TabularBellmanError
from tabular_bellman.inputs import number
from tabular_bellman.recursion import checked_temperature
from tabular_bellman.tokens import positive_int, some

__all__ = ["DRAWS", "Settings", "options"]

DRAWS: Final = 2000
"""How many responses a sampler draws on each instance, unless told otherwise."""


class Settings(TypedDict, total=False):
    """Keyword arguments of every check.

    Attributes
    ----------
    adapter : {"dict", "batch", "next-token", "mdp", "table"}, default "dict"
        How tables, responses and numbers look to the function (docs/testing.md has each in full).
    array : {"numpy", "torch", "jax"}, default "numpy"
        The library of the arrays that the function gets; whatever it returns is understood.
    dtype : {"float64", "float32", "bfloat16", "float16"}, default "float64"
        In what the function gets its numbers, and computes; it decides the bound.
    temperature : float, optional
        The temperature that is built into the function, or the one to call it with.  By default a function that has
        a parameter `temperature` is called with several, by keyword, and any other is taken to have 1.
    masks : bool, default True
        Whether actions are forbidden (-inf) on some instances; where the function takes rewards, whole subtrees too.
    numbers : {"any", "plain"}, default "any"
        Whether numbers may be large, or one far ahead of the others, on some instances; "plain" keeps to ±4.
    prompts : bool, default False
        Whether there are several prompts on one instance, with strings that coincide; only some adapters have them.
    lengths : {"eos", "fixed", "both"}, default "eos"
        Whether responses end in EOS, or have a fixed number of tokens.
    tolerance : float, default 0
        Added to the derived bound, for a function that approximates (finite differences, iteration until ε).
    examples : int, default 100
        How many instances are drawn, besides the fixed ones.
    seed : int, default 0
        The same seed draws the same instances.
    max_responses : int, default 40
        The largest number of responses to one prompt on an instance.
    throw : bool, default True
        Whether a function that is wrong raises `Disagreement`; if not, the report says so.
    """

    adapter: str
    array: str
    dtype: str
    temperature: float | None
    masks: bool
    numbers: str
    prompts: bool
    lengths: str
    tolerance: float
    examples: int | None
    seed: int | None
    max_responses: int
    throw: bool


def options(kind: Kind, function: Callable[..., Any], given: dict[str, Any]) -> Options:
    """Fill in the defaults, and refuse what is out of range."""
    known = {*Settings.__annotations__, "returns", "view", "of", "discount", "reference", "draws", "false_alarm"} - {
        "throw"
    }
    if unknown := set(given) - known:
        raise TabularBellmanError(
            f"unknown setting {some(tuple(sorted(unknown)))}; there are {', '.join(sorted(known))}."
        )
    arrays = Arrays(given.get("array", "numpy"), given.get("dtype", "float64"))
    adapter = _one_of("adapter", given.get("adapter", "dict"), ADAPTERS)
    made = ADAPTERS[adapter](arrays, bool(given.get("prompts", False)))
    returns = _one_of("returns", given.get("returns") or kind.returns[0], kind.returns)
    view = _one_of("view", given.get("view") or kind.views[0], kind.views)
    of = _one_of("of", given.get("of") or kind.of[0], kind.of)
    if of == "nll":
        view = "logits"
    if (kind.responses or of == "nll") and not made.has_responses:
        needs = f"{kind.name} of='nll'" if of == "nll" else kind.name
        raise TabularBellmanError(f"adapter {adapter!r} has no responses, which {needs} needs.")
    for name in ("draws", "false_alarm"):
        if kind.name != "sampler" and given.get(name) is not None:
            raise TabularBellmanError(f"{name} goes with a sampler, not with {kind.name}.")
    if of == "nll" and made.prompts:
        raise TabularBellmanError("of='nll' goes without prompts.")
    parameters = frozenset() if of == "nll" else kind.parameters
    named = _parameters_of(function) & (parameters | ({"rng", "seed"} if kind.name == "sampler" else set()))
    fixed = {name: _fixed(name, given.get(name), parameters, named) for name in ("temperature", "discount")}
    reference = given.get("reference")
    if reference not in (None, "uniform") or (reference and "reference" not in parameters):
        raise TabularBellmanError(f"reference is {reference!r}; it is 'uniform', of soft-bellman and inverse, or None.")
    masks = bool(given.get("masks", True))
    dead = view == "rewards" and not kind.gentle
    tolerance = number(given.get("tolerance", 0.0), "tolerance")
    false_alarm = number(given.get("false_alarm", 1e-6), "false_alarm")
    if not 0.0 <= tolerance < float("inf"):
        raise TabularBellmanError(f"tolerance is {tolerance}; it must be 0 or more, and finite.")
    if not 0.0 < false_alarm < 1.0:
        raise TabularBellmanError(f"false_alarm is {false_alarm}; it must lie between 0 and 1.")
    examples = given.get("examples")
    examples = _first(examples, SESSION.examples, 100)
    seed = given.get("seed")
    seed = _first(seed, SESSION.seed, 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise TabularBellmanError(f"seed is {seed!r}; it must be an integer, 0 or more.")
    return Options(
        adapter=made,
        arrays=arrays,
        named=frozenset(named),
        temperature=fixed["temperature"],
        discount=fixed["discount"],
        reference=reference or ("varies" if "reference" in named else "none"),
        returns=returns,
        view=view,
        of=of,
        forbidden="none" if not masks else "dead" if dead else "live",
        large=_one_of("numbers", given.get("numbers", "any"), ("any", "plain")) == "any",
        prompts=made.prompts,
        lengths=_one_of("lengths", given.get("lengths", "eos"), ("eos", "fixed", "both")),
        tolerance=tolerance,
        examples=positive_int("draws" if kind.name == "sampler" else "examples",
                              given.get("draws", DRAWS) if kind.name == "sampler" else examples, 1_000_000),
        seed=seed,
        max_responses=positive_int("max_responses", given.get("max_responses", 40), 10_000),
        false_alarm=false_alarm,
    )  # fmt: skip


def _first(*found: Any) -> Any:
    """Return the first that is not None."""
    return next(x for x in found if x is not None)


def _one_of(name: str, value: Any, allowed: Iterable[str]) -> str:
    if tuple(allowed) == ("",) and value:
        raise TabularBellmanError(f"{name} is {value!r}; it does not go with functions of this kind.")
    if value not in tuple(allowed):
        raise TabularBellmanError(f"{name} is {value!r}; it is one of {some(tuple(allowed))}.")
    return str(value)


def _parameters_of(function: Callable[..., Any]) -> set[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions written in C
        return set()
    bound = getattr(function, "keywords", {})  # of a partial
    named = (
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    )
    return {parameter.name for parameter in named} - set(bound)


def _fixed(name: str, value: Any, parameters: frozenset[str], named: set[str]) -> float | None:
    """Return the value of a parameter; None where it varies."""
    if value is None:
        return None if name in named else 1.0
    if name not in parameters:
        raise TabularBellmanError(f"{name} does not go with a function like this.")
    if name == "temperature":
        return checked_temperature(value)
    found = number(value, name, allow_nan=False)
    if not 0.0 < found <= 1.0:
        raise TabularBellmanError(f"discount is {found}; it must lie in (0, 1].")
    return found
