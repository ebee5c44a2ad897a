"""How many rewards, and how many logits, give one distribution: kernels and orbits, counted exactly."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check.claim import Claim, Comparison, misread
from proofs_check.exact import as_exact, rank
from proofs_check.instances import Instance, half_forbidden
from proofs_check.paths import incidence
from proofs_check.toolkit import Toolkit
from tabular_bellman import SequenceSpace, StateActionTable

__all__ = ["CLAIMS"]

Matrix = NDArray[np.int64]

# |E|, rank and kernel of r ↦ R_r, as the statement of G-dims has them.
_TABLE: Final = {(1, 2): (3, 2, 1), (2, 2): (5, 3, 2), (2, 3): (13, 7, 6), (3, 3): (25, 13, 12), (2, 5): (61, 31, 30)}
_FIXED: Final = {(2, 3): (14, 8, 6)}


# -- matrices of a tree -----------------------------------------------------------------------------------------------


def _taken(space: SequenceSpace) -> Matrix:
    """Which response (row) takes which pair (column) of one prompt's tree, pairs in the order of storage."""
    return np.concatenate([level.reshape(-1, level.shape[-1]) for level in incidence(space)]).T.astype(np.int64)


def _shaping(space: SequenceSpace) -> Matrix:
    """φ(s) - φ(s⊕a) at each pair (row), for φ = 1 at one prefix (column), the root first."""
    V = space.n_tokens
    starts = np.cumsum([0, *(V**t for t in range(space.n_depths))])
    rows = []
    for t in range(space.n_depths):
        for action in range(space.n_actions(t)):
            for prefix in range(V**t):
                row = np.zeros(starts[-1], dtype=np.int64)
                row[starts[t] + prefix] += 1
                if t + 1 < space.n_depths and action < V:
                    row[starts[t + 1] + prefix + V**t * action] -= 1
                rows.append(row)
    return np.array(rows)


def _states(space: SequenceSpace) -> int:
    """The prefixes of one prompt, counted one by one."""
    return sum(1 for t in range(space.n_depths) for _ in space.prefixes(t, space.prompts[0]))


def _entries(matrix: NDArray[Any]) -> NDArray[np.object_]:
    return matrix.astype(np.object_)


# -- bodies -----------------------------------------------------------------------------------------------------------


def _kernel(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space = instance.space
    every, shaping = _taken(space), _shaping(space)
    if wrong == "sign":
        shaping = abs(shaping)
    for p, prompt in enumerate(space.prompts):
        finite = np.concatenate(
            [np.isfinite(level).reshape(-1, space.n_prompts)[:, p] for level in instance.reward.levels]
        )
        # What is left of the tree: allowed responses, the pairs on them, the prefixes of these.
        allowed = ~(every.astype(bool) & ~finite).any(axis=1)
        used = every[allowed].any(axis=0)
        taken, moves = every[np.ix_(allowed, used)], shaping[used]
        moves = moves[:, (moves == 1).any(axis=0)]
        n_responses, n_pairs = taken.shape
        kernel = n_pairs - rank(taken)
        # φ = 1 at the root adds 1 to R, φ = 1 elsewhere nothing.
        change = taken @ moves
        only_root = np.zeros_like(change)
        only_root[:, 0] = 1
        yield Comparison(f"{prompt!r}: R moves by φ(x)", _entries(change), _entries(only_root))
        free = moves if wrong == "with-root" else moves[:, 1:]
        rank_of_shaping = rank(free) if free.size else 0
        counted = n_pairs - n_responses + (wrong == "fewer-responses")
        yield Comparison(
            f"{prompt!r}: dimension of the kernel, rank of shaping, prefixes but the root",
            as_exact(kernel, rank_of_shaping, free.shape[1]),
            as_exact(counted, counted, counted),
        )
        yield Comparison(f"{prompt!r}: rank = |Y|", as_exact(n_pairs - kernel), as_exact(n_responses))


def _dimensions(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space = instance.space
    V, T, P = space.n_tokens, space.n_depths, space.n_prompts
    n_pairs = sum(1 for _ in space.pairs())
    of_rewards = rank(np.kron(np.eye(P, dtype=np.int64), _taken(space)))
    # In closed form: a sum of powers, or V of them at the last depth alone.
    powers = T if V == 1 else (V**T - 1) // (V - 1)
    responses, states = (powers, powers) if space.has_eos else (V**T, powers)
    if wrong == "terminal-state":
        states += 1
    edges = states + responses if wrong == "forest" else states + responses - 1
    if wrong == "merged":
        P = 1
    yield Comparison("|E| = I + |Y| - 1, listed", as_exact(n_pairs), as_exact(P * edges))
    yield Comparison("rank = |Y|", as_exact(of_rewards), as_exact(P * responses))
    yield Comparison("kernel = I - 1", as_exact(n_pairs - of_rewards), as_exact(P * (states - 1)))
    gauge = space.n_prompts * _states(space)
    yield Comparison(
        "gauge of q: I; quotient: |Y| - 1", as_exact(gauge, n_pairs - gauge), as_exact(P * states, P * (responses - 1))
    )
    table = _TABLE if space.has_eos else _FIXED
    if (V, T) in table:
        printed = [P * number for number in table[V, T]]
        yield Comparison("the table", as_exact(n_pairs, of_rewards, n_pairs - of_rewards), as_exact(*printed))


def _without_last(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space = instance.space
    V, T = space.n_tokens, space.n_depths
    last = 0 if wrong == "nothing-fixed" else V ** (T - 1)
    taken = _taken(space)[:, : -(V ** (T - 1))]
    n_pairs = sum(1 for _, prefix, _ in space.pairs() if len(prefix) + 1 < T)
    responses = sum(V**t for t in range(T))
    reached = responses - 1 if wrong == "loses-one" else responses
    found = rank(taken) if taken.size else 0
    # With T = 1 nothing is free: R_r = 0 always.
    expected = reached if T > 1 else 0
    yield Comparison("|E| = 2|Y| - 1 - V^(T-1)", as_exact(n_pairs), as_exact(2 * responses - 1 - last))
    yield Comparison("rank = |Y| for T ≥ 2, 0 for T = 1", as_exact(found), as_exact(expected))
    kernel = 2 * responses - 1 - last - expected
    if wrong == "same-kernel":
        kernel = responses - 1
    yield Comparison("kernel = |Y| - 1 - V^(T-1) for T ≥ 2", as_exact(n_pairs - found), as_exact(kernel))


def _trees(*spaces: SequenceSpace) -> list[Instance]:
    return [Instance(repr(space), StateActionTable.zeros(space)) for space in spaces]


def _with_eos(*sizes: tuple[int, int]) -> list[SequenceSpace]:
    return [SequenceSpace(V, max_length=T) for V, T in sizes]


def _every_kind(seed: int) -> list[Instance]:
    return _trees(
        *_with_eos((1, 1), (1, 2), (1, 4), (2, 2), (2, 3), (3, 3), (2, 4)),
        SequenceSpace(2, max_length=4, min_length=2),
        SequenceSpace("ab", max_length=3, prompts=["a", "ab"]),
        SequenceSpace.fixed_length(2, 3),
        SequenceSpace.fixed_length(3, 2, ["x", "y"]),
    )


def _with_masks(seed: int) -> list[Instance]:
    rng = np.random.default_rng(seed)
    spaces = [
        *_with_eos((2, 4), (3, 3)),
        SequenceSpace(2, max_length=3, prompts=["x", "y"]),
        SequenceSpace.fixed_length(2, 4),
    ]
    return [*_every_kind(seed), *(half_forbidden(space, rng, seed) for space in spaces)]


def _of_the_table(seed: int) -> list[Instance]:
    prompts = SequenceSpace(2, max_length=3, prompts=["x", "y"])
    return _trees(*_with_eos(*_TABLE), SequenceSpace.fixed_length(2, 3), prompts, SequenceSpace.fixed_length(3, 2))


def _eq3_sizes(seed: int) -> list[Instance]:
    return _trees(*_with_eos((1, 1), (2, 1), (1, 2), (2, 2), (2, 3), (3, 3), (1, 4), (2, 4)))


CLAIMS: Final = (
    Claim(
        id="G-shaping",
        place="beyond the paper; Section 3.2, eq. (5)",
        statement="ker(r ↦ R_r) = {φ(s) - φ(s⊕a): φ(x) = 0}, of dimension I - 1; rank |Y|",
        latex=r"\ker(r \mapsto R_r) = \{\varphi(s) - \varphi(s \oplus a) : \varphi(x) = 0\}, \quad "
        r"\dim \ker = I - 1, \quad \operatorname{rank} = |Y|",
        hypotheses="any finite tree with I prefixes and leaves Y, for each prompt; φ = 0 after the last step",
        routes=(
            "responses times pairs, written out, times shaping, written out; ranks over the rationals",
            "zero, and the numbers of pairs and of responses",
        ),
        body=_kernel,
        misreadings=misread(
            _kernel,
            ("shaping-sign", "φ(s) + φ(s⊕a)", "sign"),
            ("shaping-at-root", "φ(x) is free too", "with-root"),
            ("shaping-one-more", "the kernel has dimension I", "fewer-responses"),
        ),
        errata=("E4",),
        own=_with_masks,
    ),
    Claim(
        id="G-dims",
        place="beyond the paper; Sections 3.1 and 3.2",
        statement="|E| = I + |Y| - 1, rank(r ↦ R_r) = |Y|, kernel I - 1; (2,3): 13, 7, 6; times |X|",
        latex=r"|E| = I + |Y| - 1, \quad \operatorname{rank}(r \mapsto R_r) = |Y|, \quad \dim\ker = I - 1; \quad "
        r"13, \; 7, \; 6 \text{ for } (V, T) = (2, 3); \text{ times } |X|",
        hypotheses="any finite tree with I prefixes and leaves Y; with EOS I = |Y|, for length T I = Σ_{t<T} V^t",
        routes=("pairs and prefixes listed, ranks by elimination over the rationals", "closed forms"),
        body=_dimensions,
        misreadings=misread(
            _dimensions,
            ("dims-terminal-state", "what follows EOS counts as a state", "terminal-state"),
            ("dims-forest", "|E| = I + |Y|: one pair more than a tree has", "forest"),
            ("dims-prompts-merged", "all prompts share one tree", "merged"),
        ),
        errata=("E4",),
        own=_of_the_table,
    ),
    Claim(
        id="G-eq3-dims",
        place="beyond the paper; eq. (3)",
        statement="with r(s_T,EOS) = 0: |E| = 2|Y|-1-V^(T-1), rank |Y|, kernel |Y|-1-V^(T-1)",
        latex=r"r(s_T, \mathrm{EOS}) = 0:\quad |E| = 2|Y| - 1 - V^{T-1}, \quad \operatorname{rank} = |Y|, \quad "
        r"\dim\ker = |Y| - 1 - V^{T-1}",
        hypotheses="responses with EOS, bare EOS among them; T ≥ 2 (for T = 1 nothing is free, and the rank is 0)",
        routes=("pairs before the last step, listed; ranks by elimination over the rationals", "closed forms"),
        body=_without_last,
        misreadings=misread(
            _without_last,
            ("eq3-nothing-fixed", "|E| as it is without eq. (3)", "nothing-fixed"),
            ("eq3-loses-rank", "fixing the last step costs a dimension of R", "loses-one"),
            ("eq3-same-kernel", "the kernel as it is without eq. (3)", "same-kernel"),
        ),
        errata=("E2", "E3"),
        own=_eq3_sizes,
    ),
)
