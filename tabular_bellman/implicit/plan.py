"""How the tree below a prefix is cut into blocks, ranges and shards: by formula, whatever the workers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.implicit.functions import n_actions
from tabular_bellman.implicit.rewards import Rewards
from tabular_bellman.space import SequenceSpace
from tabular_bellman.tokens import count

__all__ = ["FEW_LEAVES", "Plan", "Problem", "Range", "Rows"]

FEW_LEAVES: Final = 2**20
"""A tree with fewer leaves is not worth cutting into shards."""

_SHARDS: Final = 16
_SHARD_LEAVES: Final = 2**26
_SHARD_PREFIXES: Final = 2**22  # in all shards together: what they carry is kept

Rows = tuple[int, ...]
"""Actions by their rows: tokens by their positions in the vocabulary, and V for EOS."""

Range = tuple[int, int, Rows]
"""First and last + 1 of the tokens taken together, and the tokens after these."""


@dataclass(frozen=True)
class Problem:
    """Rewards that are never tabulated, and the size of blocks.

    Attributes
    ----------
    rewards : Rewards
    block : int
        Pairs of prefix and action in a block, at most (a block has one prefix at least).
    """

    rewards: Rewards
    block: int

    @property
    def space(self) -> SequenceSpace:
        """The space."""
        return self.rewards.space

    def plan(self, base: int) -> "Plan":
        """Return how the tree below a prefix of `base` tokens is cut, by formula."""
        space = self.space
        V, depths = space.n_tokens, space.n_depths - base
        block = max(self.block, V + 1)
        whole = 0
        while whole + 1 < depths and V ** (whole + 1) * n_actions(space, base + whole + 1) <= block:
            whole += 1
        if whole + 1 == depths:
            return Plan(space, base, whole, 1, V**whole, 1)
        most = max(n_actions(space, depth) for depth in (base + whole + 1, space.n_depths - 2))  # of all to come
        group = max(1, block // (V**whole * most))
        width = group * V**whole
        return Plan(space, base, whole, group, width, V if space.has_eos and whole + 2 < depths else 1)

    def check_memory(self, n_carried: int) -> None:
        """Refuse blocks that would not fit.

        Raises
        ------
        TabularBellmanError
            If the buffers of a walk that carries so many numbers would take more than the budget of the space.
        """
        space, plan, V = self.space, self.plan(0), self.space.n_tokens
        columns = plan.width * plan.last
        numbers = space.n_depths * columns + (5 + 2 * n_carried) * max(self.block, V + 1)
        numbers += sum((n_actions(space, t) + n_carried) * V**t for t in range(plan.top))
        if plan.top < plan.depths:
            numbers += n_carried * V * (plan.whole_size + plan.width * (plan.depths - 1 - plan.top))
        if 8 * numbers > space.max_bytes:
            raise TabularBellmanError(
                f"blocks of {columns:,} prefixes over {space!r} would take {count(8 * numbers)} bytes; the budget is "
                f"{space.max_bytes:,} bytes. Use a smaller block=, or raise the budget of the space with max_bytes=."
            )


@dataclass(frozen=True)
class Plan:
    """How the tree below a prefix is cut into blocks; depths are counted from there.

    Attributes
    ----------
    space : SequenceSpace
    base : int
        The length of the prefix.
    whole : int
        The last depth whose prefixes fit into one block.
    group : int
        How many tokens are taken together from there to the next depth.
    width : int
        Prefixes in a block, at most: group·V**whole.
    last : int
        How many tokens are taken together on the way to the last step: V where it offers EOS alone.
    """

    space: SequenceSpace
    base: int
    whole: int
    group: int
    width: int
    last: int

    @property
    def depths(self) -> int:
        """How many depths there are."""
        return self.space.n_depths - self.base

    @property
    def whole_size(self) -> int:
        """How many prefixes the last whole depth has."""
        return int(self.space.n_tokens**self.whole)

    @property
    def top(self) -> int:
        """The depth down to which tables are small: each of its prefixes follows one of the last whole depth."""
        return self.whole + 1

    def n_leaves(self, depth: int) -> int:
        """How many responses there are below a prefix of this depth, an exact integer."""
        V, left = self.space.n_tokens, self.depths - depth
        if not self.space.has_eos:
            return int(V**left)
        shortest = max(0, self.space.min_length - 1 - self.base - depth)
        return int(V**left - V**shortest) // (V - 1) if V > 1 else left - shortest

    def ranges(self, depth: int) -> Iterator[Range]:
        """Yield the ranges of a depth below the whole ones, those that follow one range one after the other."""
        V = self.space.n_tokens
        groups = [(a, min(a + self.group, V)) for a in range(0, V, self.group)]
        return ((a, b, rest) for a, b in groups for rest in product(range(V), repeat=depth - self.top))

    def start(self, where: Range) -> int:
        """Return the number of the first prefix of a range."""
        first, _, rest = where
        number = 0
        for token in reversed(rest):
            number = number * self.space.n_tokens + token
        return (number * self.space.n_tokens + first) * self.whole_size

    def shard_depth(self, depth: int) -> int | None:
        """Return at which depth, `depth` or below, to cut into shards; None for a tree too small to cut.

        A shard is one range.  There are at least 16, where the tree is so deep, and more where they would have more
        than 2**26 responses, but not more than 2**22 prefixes in all.
        """
        if self.n_leaves(0) <= FEW_LEAVES or max(self.top, depth) >= self.depths:
            return None
        V, cut = self.space.n_tokens, max(self.top, depth)
        while cut + 2 < self.depths:
            shards = -(-V // self.group) * V ** (cut - self.top)
            large = self.width * self.n_leaves(cut) > _SHARD_LEAVES and V ** (cut + 1) <= _SHARD_PREFIXES
            if shards >= _SHARDS and not large:
                break
            cut += 1
        return cut
