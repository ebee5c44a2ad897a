"""Arrays of NumPy, PyTorch and JAX, none of which but NumPy is imported here unless a check asks for it by name."""

import importlib
from typing import Any, Final

import numpy as np

from proofs_check.draws import FORMATS
from tabular_bellman import TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.tokens import some

__all__ = ["LIBRARIES", "Arrays", "as_floats"]

LIBRARIES: Final = ("numpy", "torch", "jax")
"""Whose arrays a function may take."""


class Arrays:
    """Makes the arrays that a user's function takes.

    Parameters
    ----------
    library : {"numpy", "torch", "jax"}
    dtype : {"float64", "float32", "bfloat16", "float16"}

    Raises
    ------
    TabularBellmanError
        For another name, a library that is not installed, or a dtype that it does not have.
    """

    def __init__(self, library: str, dtype: str) -> None:
        if library not in LIBRARIES:
            raise TabularBellmanError(f"array is {library!r}; it is one of {some(LIBRARIES)}.")
        if dtype not in FORMATS:
            raise TabularBellmanError(f"dtype is {dtype!r}; it is one of {some(tuple(FORMATS))}.")
        if library == "numpy" and dtype == "bfloat16":
            raise TabularBellmanError("NumPy has no bfloat16; give array='torch' or array='jax'.")
        self.library, self.dtype = library, dtype
        self._module: Any = np if library == "numpy" else _imported(library)
        if library == "jax" and dtype == "float64" and not self._module.config.jax_enable_x64:
            raise TabularBellmanError(
                "JAX computes in float32 unless told otherwise; give dtype='float32', or say "
                "jax.config.update('jax_enable_x64', True) before."
            )

    @property
    def unit_roundoff(self) -> float:
        """The largest relative error of one rounding."""
        return float(2.0 ** -FORMATS[self.dtype].bits)

    @property
    def smallest(self) -> float:
        """The smallest normal number; what lies below may be lost."""
        return FORMATS[self.dtype].smallest

    def floats(self, values: FloatArray) -> Any:
        """Return an array of the library, of the dtype."""
        array = np.array(values, dtype=np.float64, order="C")
        if self.library == "numpy":
            return array.astype(self.dtype)
        if self.library == "torch":
            return self._module.tensor(array, dtype=getattr(self._module, self.dtype))
        return self._module.numpy.asarray(array, dtype=self.dtype)

    def integers(self, values: Any) -> Any:
        """Return an array of int64 of the library (int32 in JAX, unless told otherwise)."""
        return self._of(np.array(values, dtype=np.int64))

    def booleans(self, values: Any) -> Any:
        """Return an array of truth values of the library."""
        return self._of(np.array(values, dtype=np.bool_))

    def _of(self, array: Any) -> Any:
        if self.library == "numpy":
            return array
        if self.library == "torch":
            return self._module.tensor(array)
        wide = self._module.config.jax_enable_x64 or array.dtype == np.bool_
        return self._module.numpy.asarray(array if wide else array.astype(np.int32))


def _imported(library: str) -> Any:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise TabularBellmanError(
            f"array={library!r} needs {library}: {error}. Install it (pip install {library}), or give array='numpy'."
        ) from None


def as_floats(x: Any) -> FloatArray:
    """Return anything array-like as float64: nested lists, NumPy, PyTorch (also with gradients, on a device), JAX.

    Raises
    ------
    TypeError, ValueError
        For what does not hold real numbers.
    """
    if hasattr(x, "detach"):  # a tensor of PyTorch; its bfloat16 has no NumPy form
        if x.is_complex():
            raise TypeError(f"a tensor of {x.dtype}, which are not real numbers")
        x = x.detach().cpu().double().numpy()
    elif isinstance(x, (list, tuple)):
        x = [as_floats(part) for part in x]
    array = np.asarray(x)
    if array.dtype.kind == "O" and all(_is_real(number) for number in array.flat):
        return array.astype(np.float64)  # fractions, decimals, numbers of many digits
    if array.dtype.kind not in "biuf" and str(array.dtype) != "bfloat16":
        raise TypeError(f"an array of {array.dtype}, which are not real numbers")
    return array.astype(np.float64)


def _is_real(x: Any) -> bool:
    return hasattr(x, "__float__") and not isinstance(x, (str, complex, np.complexfloating))
