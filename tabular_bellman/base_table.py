"""What the two kinds of table share: storage, views, arithmetic, files.

Storage is flat, the action slowest and the prompt fastest, tokens between them with the *first token fastest*:
level t of a `StateActionTable` is a C-ordered array of shape ``(A_t, P·V**t)``.  So the values of depth t+1 reshape
to (tokens, prefixes of depth t) without a copy, and a sum over actions runs along the slow axis, where NumPy is
fast.  ``table[t]`` shows the same memory as a reader would index it: ``table[t][p, y1, …, yt, a]``.
"""

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike

from tabular_bellman import table_io
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, subtract
from tabular_bellman.inputs import expect, float_array, generator, number, scalar
from tabular_bellman.space import DEFAULT_MAX_BYTES, SequenceSpace

__all__ = ["MISSING", "Table"]


class _NoDefault:
    def __repr__(self) -> str:
        return "<no default>"


MISSING: Final = _NoDefault()
"""Stands for an argument that was not given, where None would be one."""

_MAX_DIMENSIONS: Final = 64  # NumPy's


class Table:
    """What the two kinds of table share.  Tables are immutable."""

    __slots__ = ("_levels", "space")
    __array_ufunc__ = None  # so that NumPy scalars leave arithmetic with tables to tables
    __hash__ = None  # type: ignore[assignment]  # equality is by value, over arrays
    _kind: str

    space: SequenceSpace
    _levels: tuple[FloatArray, ...]

    def __init__(self, *_: object, **__: object) -> None:
        made = "zeros, random, from_function, from_dict, from_arrays or load"
        raise TypeError(f"a {type(self).__name__} is made by one of its class methods: {made}")

    @staticmethod
    @abstractmethod
    def _level_shape(space: SequenceSpace, depth: int) -> tuple[int, ...]:
        """The shape of the flat storage of one depth."""

    @staticmethod
    @abstractmethod
    def _n_entries(space: SequenceSpace) -> int:
        """How many numbers a table over `space` holds, by formula."""

    @abstractmethod
    def _where(self, depth: int, position: tuple[int, ...]) -> str:
        """Name an entry of the flat storage for an error message."""

    @classmethod
    def _wrap(cls, space: SequenceSpace, levels: Sequence[FloatArray]) -> Self:
        """Take levels that are known to be right; the table owns them from here on."""
        table = cls.__new__(cls)
        table.space = space
        table._levels = tuple(levels)
        for level in table._levels:
            level.flags.writeable = False
        return table

    def _checked(self, what: str) -> Self:
        """Refuse NaN and +inf, naming the prefix."""
        for depth, level in enumerate(self._levels):
            top = level.max()
            if np.isnan(top) or top == np.inf:
                position = tuple(int(i) for i in np.argwhere(np.isnan(level) | np.isposinf(level))[0])
                raise TabularBellmanError(
                    f"{what} is {level[position]} at {self._where(depth, position)}; a table holds finite numbers, "
                    "and -inf where something is forbidden."
                )
        return self

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        for name, value in state[1].items():
            setattr(self, name, value)
        for level in self._levels:
            level.flags.writeable = False  # pickles and copies do not carry this on

    @classmethod
    def _check_space(cls, space: SequenceSpace) -> None:
        expect(SequenceSpace, space, "the space")
        space.check_budget(f"a {cls.__name__}", cls._n_entries(space))

    @classmethod
    def zeros(cls, space: SequenceSpace) -> Self:
        """Return the table of zeros over `space`."""
        cls._check_space(space)
        return cls._wrap(space, [np.zeros(cls._level_shape(space, t)) for t in range(space.n_depths)])

    @classmethod
    def random(cls, space: SequenceSpace, rng: np.random.Generator | int | None = None, scale: float = 1.0) -> Self:
        """Return a table of independent normal numbers with standard deviation `scale`.

        Parameters
        ----------
        space : SequenceSpace
        rng : Generator, int or None
            Passed to `numpy.random.default_rng`; the same seed gives the same bytes.
        scale : float, default 1.0

        Examples
        --------
        >>> from tabular_bellman import SequenceSpace, StateActionTable
        >>> space = SequenceSpace(2, max_length=2)
        >>> StateActionTable.random(space, rng=0) == StateActionTable.random(space, rng=0)
        True
        """
        cls._check_space(space)
        scale = number(scale, "scale")
        if not 0.0 <= scale < np.inf:
            raise TabularBellmanError(f"scale is {scale}; it must be a finite number, zero or positive.")
        rng = generator(rng)
        shapes = [cls._level_shape(space, t) for t in range(space.n_depths)]
        return cls._wrap(space, [scale * rng.standard_normal(shape) for shape in shapes])._checked("a number")

    @classmethod
    def from_levels(cls, space: SequenceSpace, levels: Sequence[ArrayLike]) -> Self:
        """Return a table from flat storage, one array per depth as `level` gives them (copied)."""
        return cls._from_shaped(space, levels, lambda t: cls._level_shape(space, t), lambda array, _: array)

    @classmethod
    def from_arrays(cls, space: SequenceSpace, arrays: Sequence[ArrayLike]) -> Self:
        """Return a table from nested arrays, one per depth, indexed like ``table[t]`` (copied).

        Raises
        ------
        TabularBellmanError
            For a wrong number of arrays, a wrong shape, NaN or +inf.

        Examples
        --------
        >>> from tabular_bellman import SequenceSpace, StateActionTable
        >>> space = SequenceSpace(2, max_length=2)
        >>> table = StateActionTable.from_arrays(space, [[[1.0, 2.0, 3.0]], [[[4.0], [5.0]]]])
        >>> table[1][0, 1, 0]
        np.float64(5.0)
        """

        def flatten(array: FloatArray, t: int) -> FloatArray:
            lexicographic = array.reshape(space.n_prompts, space.n_tokens**t, -1)
            return space.from_lexicographic(lexicographic, t).reshape(cls._level_shape(space, t))

        return cls._from_shaped(space, arrays, lambda t: cls._nested_shape(space, t), flatten)

    @classmethod
    def _from_shaped(
        cls,
        space: SequenceSpace,
        arrays: Sequence[ArrayLike],
        shape: Callable[[int], tuple[int, ...]],
        flatten: Callable[[FloatArray, int], FloatArray],
    ) -> Self:
        cls._check_space(space)
        expect((list, tuple), arrays, "the collection of arrays")
        if len(arrays) != space.n_depths:
            raise TabularBellmanError(f"{len(arrays)} arrays given; {space!r} needs {space.n_depths}, one per depth.")
        levels = []
        for t, given in enumerate(arrays):
            array = float_array(given, f"array {t}")
            if array.shape != shape(t):
                raise TabularBellmanError(f"array {t} has shape {array.shape}; depth {t} needs {shape(t)}.")
            levels.append(np.array(flatten(array, t), order="C"))
        return cls._wrap(space, levels)._checked("the value")

    @classmethod
    def _nested_shape(cls, space: SequenceSpace, depth: int) -> tuple[int, ...]:
        return (space.n_prompts, *(space.n_tokens,) * depth, *cls._level_shape(space, depth)[:-1])

    @classmethod
    def _filled(cls, space: SequenceSpace, default: Any) -> list[FloatArray]:
        """Return writable levels that hold the default, or NaN, for `_from_filled` to find what is missing."""
        cls._check_space(space)
        fill = np.nan if default is MISSING else number(default, "the default", allow_nan=False)
        return [np.full(cls._level_shape(space, t), fill) for t in range(space.n_depths)]

    @classmethod
    def _from_filled(cls, space: SequenceSpace, levels: list[FloatArray]) -> Self:
        table = cls._wrap(space, levels)
        missing = sum(int(np.isnan(level).sum()) for level in levels)
        if missing:
            depth = next(t for t, level in enumerate(levels) if np.isnan(level).any())
            position = tuple(int(i) for i in np.argwhere(np.isnan(levels[depth]))[0])
            raise TabularBellmanError(
                f"no value for {table._where(depth, position)} ({missing:,} missing in all); "
                "give each one, or a default."
            )
        return table._checked("the value")

    @property
    def levels(self) -> tuple[FloatArray, ...]:
        """The flat storage, one read-only array per depth: ``(A_t, P·V**t)`` or ``(P·V**t,)``."""
        return self._levels

    @property
    def n_depths(self) -> int:
        """The number of depths."""
        return len(self._levels)

    def _nested(self, depth: int) -> FloatArray:
        level = self._levels[depth]
        if depth + level.ndim > _MAX_DIMENSIONS:
            raise TabularBellmanError(
                f"the nested view of depth {depth} would have {depth + level.ndim} axes; NumPy allows "
                f"{_MAX_DIMENSIONS}. Use levels[{depth}], the flat storage."
            )
        axes = (*level.shape[:-1], *(self.space.n_tokens,) * depth, self.space.n_prompts)
        return level.reshape(axes).T

    def __len__(self) -> int:
        return self.n_depths

    def _depth_of(self, key: int | np.integer[Any]) -> int:
        if -self.n_depths <= key < self.n_depths:
            return int(key) % self.n_depths
        raise IndexError(f"no depth {key}; the depths are 0 to {self.n_depths - 1}")

    def to_vector(self) -> FloatArray:
        """Return all values as one flat array, in the order of `items`."""
        P, V = self.space.n_prompts, self.space.n_tokens
        return np.concatenate(
            [
                self.space.to_lexicographic(level.reshape(-1, P * V**t), t).ravel()
                for t, level in enumerate(self._levels)
            ]
        )

    @classmethod
    def from_vector(cls, space: SequenceSpace, values: ArrayLike) -> Self:
        """Return the table whose `to_vector` is `values`."""
        cls._check_space(space)
        vector = float_array(values, "the vector")
        shapes = [cls._level_shape(space, t) for t in range(space.n_depths)]
        sizes = [int(np.prod(shape)) for shape in shapes]
        if vector.shape != (sum(sizes),):
            raise TabularBellmanError(
                f"the vector has shape {vector.shape}; a {cls.__name__} over {space!r} needs ({sum(sizes)},)."
            )
        parts = np.split(vector, np.cumsum(sizes)[:-1])
        levels = [
            space.from_lexicographic(part.reshape(space.n_prompts, space.n_tokens**t, -1), t).reshape(shape)
            for t, (part, shape) in enumerate(zip(parts, shapes, strict=True))
        ]
        return cls._wrap(space, [np.array(level) for level in levels])._checked("the value")

    # -- comparison and arithmetic -------------------------------------------------------------------------------

    def _same_kind(self, other: "Table", what: str) -> None:
        if type(other) is not type(self):
            raise TabularBellmanError(f"{what}: a {type(self).__name__} and a {type(other).__name__} do not mix.")
        self.space.require_same(other.space, what)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Table):
            return NotImplemented
        if type(self) is not type(other) or self.space != other.space:
            return False
        return all(map(np.array_equal, self._levels, other._levels))

    def max_abs_difference(self, other: Self) -> float:
        """Return max \\|self - other\\|; entries that are -inf in both count as equal, in one only as inf."""
        self._same_kind(other, "comparison")
        worst = 0.0
        for x, y in zip(self._levels, other._levels, strict=True):
            with np.errstate(invalid="ignore", over="ignore"):
                worst = max(worst, float(np.where(x == y, 0.0, np.abs(x - y)).max()))
        return worst

    def allclose(self, other: Self, *, rtol: float = 0.0, atol: float = 0.0) -> bool:
        """Tell whether \\|self - other\\| <= atol + rtol·\\|other\\| everywhere; -inf equals only -inf."""
        self._same_kind(other, "comparison")
        rtol, atol = number(rtol, "rtol"), number(atol, "atol")
        pairs = zip(self._levels, other._levels, strict=True)
        with np.errstate(over="ignore"):
            return all(np.allclose(x, y, rtol=rtol, atol=atol) for x, y in pairs)

    def _map(self, what: str, function: Callable[..., FloatArray], *others: Self) -> Self:
        for other in others:
            self._same_kind(other, what)
        columns = zip(self._levels, *(other._levels for other in others), strict=True)
        try:
            with np.errstate(over="raise"):
                levels = [function(*column) for column in columns]
        except FloatingPointError:
            raise TabularBellmanError(f"{what} overflows float64; use smaller numbers.") from None
        return self._wrap(self.space, levels)._checked(what)

    def __add__(self, other: Self | float) -> Self:
        if isinstance(other, Table):
            return self._map("the sum", np.add, other)
        shift = scalar(other, "+")
        return self._map("the sum", lambda x: x + shift)

    __radd__ = __add__

    def __sub__(self, other: Self | float) -> Self:
        """Subtract; what is forbidden in both stays forbidden (-inf)."""
        if isinstance(other, Table):
            return self._map("the difference", subtract, other)
        return self + -scalar(other, "-")

    def __rsub__(self, other: float) -> Self:
        return -self + other

    def __mul__(self, factor: float) -> Self:
        """Scale; a forbidden entry stays forbidden under a factor that is not negative."""
        factor = scalar(factor, "*")

        def scale(x: FloatArray) -> FloatArray:
            with np.errstate(invalid="ignore"):
                return np.where(np.isneginf(x) & (factor >= 0.0), -np.inf, x * factor)

        return self._map("the product", scale)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Self:
        divisor = scalar(divisor, "/")
        if divisor == 0.0:
            raise TabularBellmanError("division of a table by zero.")
        return self._map("the quotient", lambda x: x / divisor)

    def __neg__(self) -> Self:
        return self._map("the negative", np.negative)

    # -- files ---------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the table to a `.npz` or `.json` file; an interrupted write leaves the old file whole.

        Raises
        ------
        TabularBellmanError
            For another ending, a folder that is not there, or a token or prompt that is not None, bool, int,
            finite float, str or a tuple of these.
        """
        table_io.write(path, self._kind, self.space, self.to_vector())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, max_bytes: int = DEFAULT_MAX_BYTES) -> Self:
        """Read a table that `save` wrote.

        Raises
        ------
        TabularBellmanError
            For a file that is absent, truncated, pickled, of another kind, of a newer schema, or over the budget.
        """
        _, space, values = table_io.read(path, cls._kind, max_bytes)
        try:
            return cls.from_vector(space, values)
        except TabularBellmanError as error:
            raise TabularBellmanError(f"{path}: {error}") from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.space!r})"


def unpacked(key: object, n: int, form: str) -> tuple[Any, ...]:
    """Return a key as the tuple it should be."""
    if isinstance(key, tuple) and len(key) == n:
        return key
    raise TabularBellmanError(f"key {key!r} is not {form}.")
