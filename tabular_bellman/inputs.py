"""What users hand in, turned into floats: numbers, arrays, the results of their functions."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray

__all__ = ["call", "entries", "expect", "float_array", "generator", "number", "number_from", "scalar"]


_NO_NUMBERS = (str, bytes, complex, np.complexfloating)


def expect(kind: type | tuple[type, ...], value: Any, what: str, remedy: str = "") -> None:
    """Refuse an argument of another type."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(k.__name__ for k in kinds)
        raise TabularBellmanError(
            f"{what} is a {type(value).__name__}; it must be a {wanted}.{remedy and ' ' + remedy}"
        )


def entries(values: Any, what: str, most: int) -> list[Any]:
    """Return the entries of an iterable, which may have no end; refuse none of them and more than `most`."""
    expect(Iterable, values, what)
    found = list(islice(values, most + 1))
    if not found:
        raise TabularBellmanError(f"{what} is empty; give at least one, or leave it out.")
    if len(found) > most:
        raise TabularBellmanError(f"{what} has more than {most:,} entries, which is the limit.")
    return found


def generator(rng: Any) -> np.random.Generator:
    """Return a random generator from what SPEC 7 allows: a generator, a seed, or None."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise TabularBellmanError(f"rng is {rng!r}; it must be a Generator, an int of 0 or more, or None.") from error


def number(value: Any, what: str, allow_nan: bool = True) -> float:
    """Return a float; refuse strings, None, complex numbers and arrays."""
    if hasattr(value, "__float__") and not isinstance(value, _NO_NUMBERS) and not getattr(value, "ndim", 0):
        try:
            result = float(value)
        except Exception as error:  # __float__ is the user's
            raise TabularBellmanError(f"{what} is a {type(value).__name__}, but no float: {error}.") from error
        if result == -np.inf and value != -np.inf:
            raise TabularBellmanError(f"{what} is {value!r}, beyond the range of float64; write -inf to forbid.")
        if np.isnan(result) and not allow_nan:
            raise TabularBellmanError(f"{what} is nan; give a finite number, or -inf to forbid.")
        return result
    raise TabularBellmanError(f"{what} is {value!r}, of type {type(value).__name__}; it must be a number.")


def scalar(value: Any, operation: str) -> float:
    """Return the finite number that a table is to be combined with."""
    result = number(value, f"the operand of {operation}")
    if not np.isfinite(result):
        raise TabularBellmanError(f"the operand of {operation} is {result}; it must be finite.")
    return result


def float_array(values: ArrayLike, what: str) -> FloatArray:
    """Return a float64 copy of anything that NumPy can read as real numbers."""
    if isinstance(values, Mapping):
        raise TabularBellmanError(
            f"{what} is a {type(values).__name__}; give an array, or a function that looks it up."
        )
    if isinstance(values, np.ma.MaskedArray):
        raise TabularBellmanError(f"{what} is a masked array; write -inf where something is forbidden, and no mask.")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise TabularBellmanError(f"{what} cannot be read as an array of floats: {error}.") from error
    if array.dtype.kind == "O":
        array = np.array([number(value, what) for value in array.ravel()]).reshape(array.shape)
    if array.dtype.kind not in "biuf":
        raise TabularBellmanError(f"{what} cannot be read as an array of floats: dtype {array.dtype}.")
    return cast(FloatArray, array.astype(np.float64))


def call(f: Callable[..., Any], arguments: tuple[Any, ...], where: Callable[[], str]) -> Any:
    """Call a user's function; what it raises comes out as our error, with the place."""
    try:
        return f(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() in a user's function is an error, not a way to end well
        name = getattr(f, "__name__", "the function")
        raise TabularBellmanError(f"{name} raised {type(error).__name__}: {error} at {where()}.") from error


def number_from(f: Callable[..., Any], arguments: tuple[Any, ...], form: str) -> float:
    """Call a user's function for a number; `form` names its arguments in an error message."""
    value = call(f, arguments, lambda: form.format(*arguments))
    return value if type(value) is float else number(value, f"the value at {form.format(*arguments)}")
