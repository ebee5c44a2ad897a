"""Searches that try to break an inequality, or failing that to leave it no room.

An attack has a claim, which of its "at most" comparisons it goes for, and a way to make an instance from a vector of
numbers.  SciPy's optimisers and Hypothesis's targeted search look for the vector that brings the left side nearest to
the right one, over the library.  What goes beyond the bound of the computation refutes the claim.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from proofs_check.claim import Body, Claim, Comparison
from proofs_check.claims import (
    appendix_a_paths,
    appendix_b,
    appendix_c_distances,
    section4_distillation,
    section4_risks,
    sharp,
    sharp_sequences,
)
from proofs_check.evidence import evaluate
from proofs_check.instances import Instance
from proofs_check.library import LIBRARY
from proofs_check.toolkit import Toolkit
from tabular_bellman import SequenceSpace, StateActionTable, TabularBellmanError, inverse_soft_bellman
from tabular_bellman.extended import FloatArray

__all__ = ["ATTACKS", "Attack", "Attacked", "attack", "pairs_of_tables"]

# Sides smaller than this are no near miss: 0 ≤ 0 says nothing about a constant.
_NOTHING: Final = 1e-6
# Further beyond 0 than rounding gets: there is no need to search on.
_BEYOND: Final = 1e-6
# What the search makes of an instance that the library refuses.
_REFUSED: Final = -1e12
_BITS: Final = 6


@dataclass(frozen=True)
class Attack:
    """What is searched, and for which claim.

    Attributes
    ----------
    of : Claim
    targets : tuple of str
        How the comparisons begin that are gone for, each in a search of its own.
    dimension : int
    build : callable
        From a vector of `dimension` numbers in [-1, 1] to an instance.
    space : str
        What is searched, in words.
    by_ratio : bool
        Whether the ratio of the sides is what counts, as where both can be 0; else their difference.
    """

    of: Claim
    targets: tuple[str, ...]
    dimension: int
    build: Callable[[FloatArray], Instance]
    space: str
    by_ratio: bool = True

    @property
    def claim(self) -> str:
        """The id of the claim."""
        return self.of.id


@dataclass(frozen=True)
class Attacked:
    """The tightest instance that an attack found.

    Attributes
    ----------
    claim, what : str
        The id of the claim, and its comparison.
    instance : Instance
    left, right : float
        The two sides, at the entry where they are nearest.
    bound : float
        How far rounding could have moved them.
    violated : bool
        Whether left exceeds right, somewhere, by more than that.
    evaluations : int
    space : str
        What was searched, in words.
    """

    claim: str
    what: str
    instance: Instance
    left: float
    right: float
    bound: float
    violated: bool
    evaluations: int
    space: str

    @property
    def slack(self) -> float:
        """What is left between the sides; below 0 where left is above right."""
        return self.right - self.left

    @property
    def ratio(self) -> float:
        """Left over right; NaN where right is 0."""
        return self.left / self.right if self.right else float("nan")

    @property
    def summary(self) -> str:
        """One sentence: what came of it."""
        # Cut, not rounded: what is not met is not shown as 100 %.
        share = f" ({np.floor(1e5 * self.ratio) / 1e3:.3f} %)" if self.left > 0.0 < self.right else ""
        found = f"{self.left:.8g} of {self.right:.8g}{share}, slack {self.slack:.1e}"
        verdict = "REFUTED" if self.violated else "holds"
        return f"{verdict}; {self.what}: {found}; the tightest of {self.evaluations:,} tries on {self.space}"

    def as_dict(self) -> dict[str, Any]:
        """Return what a report needs, in plain types; tables as lists in reading order."""
        space, reward, other = self.instance.space, self.instance.reward, self.instance.other
        return {
            "claim": self.claim,
            "comparison": self.what,
            "violated": self.violated,
            "left": self.left,
            "right": self.right,
            "slack": self.slack,
            "ratio": self.ratio if self.right else None,
            "bound": self.bound,
            "evaluations": self.evaluations,
            "searched": self.space,
            "space": repr(space),
            "reward": _plain(reward),
            "other": _plain(other),
        }

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Write both tables, as ``<claim>.json`` and ``<claim>-other.json``; return where."""
        paths = folder / f"{self.claim}.json", folder / f"{self.claim}-other.json"
        for table, path in zip((self.instance.reward, self.instance.other), paths, strict=True):
            table.save(path)
        return paths


def attack(plan: Attack, seed: int = 0, effort: int = 1) -> Attacked:
    """Search for the instance that leaves least room; the same seed finds the same one.

    Parameters
    ----------
    plan : Attack
    seed : int
    effort : int
        How many times the usual number of tries, 1 or more.
    """
    found: list[Attacked] = []
    for target in plan.targets:
        for each in sorted({1, effort}):  # what the usual effort finds, more of it finds too
            if not (found and found[-1].violated):
                found.append(_Search(plan, target, seed, each).run())
    total = sum(each.evaluations for each in found)
    best = max(found, key=lambda each: (each.violated, _closeness(plan, each.left, each.right)))
    return replace(best, evaluations=total)


class _Search:
    """The search for one comparison; remembers the best vector that it met."""

    def __init__(self, plan: Attack, target: str, seed: int, effort: int) -> None:
        self.plan, self.target, self.seed, self.effort = plan, target, seed, effort
        self.rng = np.random.default_rng([seed, plan.dimension])
        self.evaluations, self.best = 0, -np.inf
        self.vector = np.zeros(plan.dimension)

    def run(self) -> Attacked:
        """Search by steepest ascent from random starts, then bit by bit, then from the best once more."""
        for _ in range(4 * self.effort):
            self.ascend(self.rng.uniform(-0.5, 0.5, self.plan.dimension), 8)
            if self.best > _BEYOND:
                return self.result()
        self.target_bits(30 * self.effort)
        self.ascend(self.vector, 25)
        return self.result()

    def closeness(self, vector: FloatArray) -> float:
        """Return how near the sides are, over the library; 0 where they meet, more beyond."""
        self.evaluations += 1
        try:
            found = self._values(self.plan.build(vector))
        except TabularBellmanError:
            return _REFUSED
        if found > self.best:
            self.best, self.vector = found, np.array(vector)
        return found

    def _values(self, instance: Instance) -> float:
        sides = islice(self.plan.of.body(LIBRARY, instance), self._last)
        rows = [item for item in sides if isinstance(item, Comparison) and item.what.startswith(self.target)]
        found = max(float(_closeness(self.plan, row.left, row.right).max()) for row in rows)
        return found if np.isfinite(found) else _REFUSED

    @cached_property
    def _last(self) -> int:
        """How many comparisons the body has to yield until all that are gone for are there."""
        items = list(self.plan.of.body(LIBRARY, self.plan.build(self.vector)))
        chosen = [i for i, x in enumerate(items) if isinstance(x, Comparison) and x.what.startswith(self.target)]
        if not chosen or any(getattr(items[i], "relation", "") != "at most" for i in chosen):
            raise ValueError(f"{self.plan.claim}: no inequality begins with {self.target!r}")
        return chosen[-1] + 1

    def ascend(self, start: FloatArray, steps: int) -> None:
        """Follow the gradient, by differences."""
        from scipy.optimize import fmin_l_bfgs_b

        fmin_l_bfgs_b(
            lambda vector: -self.closeness(vector),
            start,
            approx_grad=True,
            bounds=[(-1.0, 1.0)] * self.plan.dimension,
            maxiter=steps,
            maxfun=steps * (self.plan.dimension + 1),
        )

    def target_bits(self, examples: int) -> None:
        """Let Hypothesis raise the closeness.

        Vectors are drawn bit by bit: for numbers it would try constants that it finds in whatever modules are
        loaded, and keep what it finds in files.
        """
        from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings, target
        from hypothesis import strategies as st

        n = _BITS * self.plan.dimension
        places = 0.5 ** np.arange(1, _BITS + 1)

        @seed(self.seed)
        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.target),
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.tuples(*[st.booleans()] * n))
        def search(bits: tuple[bool, ...]) -> None:
            fractions = np.array(bits, dtype=float).reshape(-1, _BITS) @ places
            found = self.closeness(2.0 * fractions / places.sum() - 1.0)
            target(found, label="closeness")

        search()

    def result(self) -> Attacked:
        """Judge the best vector by the claim's own bound."""
        instance = replace(self.plan.build(self.vector), name="tightest found")
        claim = replace(self.plan.of, body=_only(self.plan.of.body, self.target))
        outcome = evaluate(claim, LIBRARY, instance)
        sides = [
            (row.what, float(left), float(right))
            for row in claim.body(LIBRARY, instance)
            if isinstance(row, Comparison)
            for left, right in zip(np.ravel(row.left), np.ravel(row.right), strict=True)
        ]
        what, left, right = max(sides, key=lambda side: _closeness(self.plan, side[1], side[2]))
        violated = not outcome.holds
        return Attacked(
            self.plan.claim,
            what,
            instance,
            left,
            right,
            outcome.bound,
            violated,
            self.evaluations,
            self.plan.space,
        )


def _plain(table: StateActionTable) -> list[float | str]:
    """Return the numbers in reading order; -inf as files have it."""
    return [value if np.isfinite(value) else "-inf" for value in table.to_vector().tolist()]


def _closeness(plan: Attack, left: Any, right: Any) -> Any:
    """From -1 (nothing) to 0 (the sides meet), and above where left exceeds right; or the difference itself."""
    left, right = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not plan.by_ratio:
        return left - right
    with np.errstate(invalid="ignore"):  # of what overflowed: the search passes it over
        return (left - right - _NOTHING) / (np.abs(left) + np.abs(right) + _NOTHING)


def _only(body: Body, target: str) -> Body:
    """Return the body with the comparisons alone that begin so."""

    def chosen(kit: Toolkit[Any], instance: Instance) -> Iterator[Comparison]:
        for item in body(kit, instance):
            if isinstance(item, Comparison) and item.what.startswith(target):
                yield item

    return chosen


# -- what is searched --------------------------------------------------------------------------------------------------


def pairs_of_tables(
    space: SequenceSpace, *, energy_based: bool = False
) -> tuple[int, Callable[[FloatArray], Instance], str]:
    """Return (dimension, build, words): logits that depend on depth and action alone, and others up to ε apart.

    Parameters
    ----------
    space : SequenceSpace
    energy_based : bool
        Whether the first table is handed over as the rewards whose image under M it is.

    Notes
    -----
    The vector holds logits from -23 to 23, most of them small; differences as angles, ε·sin(angle), so that those of
    size ε are smooth points; and log ε from log 1/20 to log 60.
    """
    sizes = [space.n_actions(t) for t in range(space.n_depths)]
    n = sum(sizes)

    def table(numbers: FloatArray) -> StateActionTable:
        columns = np.split(numbers, np.cumsum(sizes)[:-1])
        levels = [np.repeat(column[:, None], space.n_prefixes_at(t), axis=1) for t, column in enumerate(columns)]
        return StateActionTable.from_levels(space, levels)

    def build(vector: FloatArray) -> Instance:
        f, angles, size = np.split(vector, (n, 2 * n))
        epsilon = np.exp(0.5 * (np.log(60.0) * (1.0 + size[0]) + np.log(0.05) * (1.0 - size[0])))
        logits = 4.0 * np.tan(1.4 * f)
        first, second = table(logits), table(logits - epsilon * np.sin(np.pi * angles))
        return Instance("attack", inverse_soft_bellman(first) if energy_based else first, second=second)

    plural = "token" if space.n_tokens == 1 else "tokens"
    length = f"T = {space.max_length}" if space.has_eos else f"fixed length {space.max_length}"
    return 2 * n + 1, build, f"pairs of tables with {space.n_tokens} {plural}, {length}"


def _plans() -> Iterator[Attack]:
    modules = (
        section4_risks,
        section4_distillation,
        appendix_a_paths,
        appendix_b,
        appendix_c_distances,
        sharp,
        sharp_sequences,
    )
    claims = {claim.id: claim for module in modules for claim in module.CLAIMS}
    one_step, up_to_three = SequenceSpace.fixed_length(3, 1), SequenceSpace(2, max_length=3)
    both = ("KL(p‖q) ≤ free steps", "KL(q‖p) ≤ free steps")
    rows: tuple[tuple[str, tuple[str, ...], SequenceSpace, bool], ...] = (
        ("P3-kl-bound", ("KL(p_q‖p_R) ≤ 2T", "KL(p_R‖p_q) ≤ 2T"), up_to_three, True),
        ("S4.1-zero", ("log(1 + (n-1)exp(-span R)) ≤",), up_to_three, False),
        ("A8-elbo", ("ELBO(p) ≤",), up_to_three, False),
        ("C5-bound", ("KL ≤ 2T", "KL ≤ Σ P(s)"), up_to_three, False),
        ("L1-kl", ("KL(σ f‖σ g) ≤", "KL(σ g‖σ f) ≤"), one_step, False),
        ("L1-logZ", ("|log Z_f - log Z_g| ≤",), one_step, False),
        ("B4-proof", ("Σ_t E_q KL(π_q‖π_q*) ≤",), up_to_three, True),
        ("K-kappa", ("KL(σ f‖σ g) ≤", "KL(σ g‖σ f) ≤"), one_step, False),
        ("K-span", ("KL(σ f‖σ g) ≤", "KL(σ g‖σ f) ≤"), one_step, False),
        ("K-sequence", both, up_to_three, False),
        ("K-fixed-length", both, SequenceSpace.fixed_length(2, 2), False),
        ("K-one-token", ("KL(p‖q) ≤", "KL(q‖p) ≤"), SequenceSpace(1, max_length=3), False),
    )
    for name, targets, space, energy_based in rows:
        dimension, build, words = pairs_of_tables(space, energy_based=energy_based)
        yield Attack(claims[name], targets, dimension, build, words)


ATTACKS: Final[tuple[Attack, ...]] = tuple(_plans())
