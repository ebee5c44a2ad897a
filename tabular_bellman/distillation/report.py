"""Everything about one distillation, exactly: how far a student is from its teacher, where, and what bounds say.

`distillation_report` computes both KLs of whole responses, their splits by depth and by prefix, the token-level KLs
beside them, the total variation, every bound with its ratio to the KL, and the bias and variance of estimators.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular_bellman.bounds import total_variation_bound
from tabular_bellman.distillation.bounds import Bound, Pair, bounds
from tabular_bellman.divergence import (
    expect_model,
    kl_by_depth,
    kl_divergence,
    one_or_all,
    prefix_kl,
    token_kl_divergence,
    total_variation,
)
from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.estimators import KLEstimators, kl_estimators
from tabular_bellman.extended import FloatArray, weighted
from tabular_bellman.models import AutoregressiveModel, EnergyBasedModel
from tabular_bellman.sequence_model import SequenceModel
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateTable
from tabular_bellman.tokens import Response, plural, some

__all__ = ["DirectedReport", "DistillationReport", "Uncovered", "distillation_report"]


@dataclass(frozen=True)
class Uncovered:
    """Responses to one prompt that are drawn, and that the other model forbids: why KL is infinite.

    Attributes
    ----------
    response : tuple
        The most probable one (the first in order, of equals).
    log_probability : float
        Of that one.
    count : int
        How many there are.
    chance : float
        Of all of them together.
    """

    response: Response
    log_probability: float
    count: int
    chance: float


@dataclass(frozen=True, eq=False)
class DirectedReport:
    """KL(p‖q), responses drawn from p, and what belongs to it; a float each, or shape (P,), in nats.

    Attributes
    ----------
    name : str
        "teacher‖student" or "student‖teacher": p‖q.
    kl : float or ndarray
        Of whole responses.
    by_depth : ndarray of shape (n_depths,), or (P, n_depths)
        What each step adds to `kl`.
    passing : StateTable
        P(s), the chance that a draw passes through each prefix.
    by_prefix : StateTable
        P(s)·KL(π_p‖π_q): what each prefix adds to `kl`; inf where q forbids what p may write next.
    token_kl : float or ndarray
        Token-level KL, the mean over all tokens: kl / mean_length.
    token_kl_by_response : float or ndarray
        Token-level KL, the mean over responses of the mean over their tokens.
    mean_length : float or ndarray
        E|Y|, EOS counted.
    total_variation_bound : float or ndarray
        What `kl` says about the total variation.
    bounds : tuple of Bound
    estimators : KLEstimators
    uncovered : tuple of Uncovered or None
        For each prompt, what makes `kl` infinite; None where it is finite.
    """

    name: str
    kl: Any
    by_depth: FloatArray
    passing: StateTable
    by_prefix: StateTable
    token_kl: Any
    token_kl_by_response: Any
    mean_length: Any
    total_variation_bound: Any
    bounds: tuple[Bound, ...]
    estimators: KLEstimators
    uncovered: tuple[Uncovered | None, ...]


@dataclass(frozen=True, eq=False)
class DistillationReport:
    """What `distillation_report` found; ``str(report)`` is a table to read.

    Attributes
    ----------
    space : SequenceSpace
    teacher, student : str
        What they are, in words.
    total_variation : float or ndarray of shape (P,)
        ½ Σ_y |p(y) - q(y)|.
    epsilon : float or ndarray of shape (P,)
        max |f - g| of their logits as given (an energy-based model's are M(r)), over prefixes that one of them reaches
        and actions that one of them allows, in nats; inf where only one of them allows an action.
    epsilon_best_gauge : float or ndarray of shape (P,)
        The same once each prefix has had its best constant added: half the largest span of f - g at a prefix.
    forward : DirectedReport
        KL(teacher‖student).
    reverse : DirectedReport
        KL(student‖teacher).
    """

    space: SequenceSpace
    teacher: str
    student: str
    total_variation: Any
    epsilon: Any
    epsilon_best_gauge: Any
    forward: DirectedReport
    reverse: DirectedReport

    @property
    def directions(self) -> tuple[DirectedReport, DirectedReport]:
        """`forward` and `reverse`."""
        return self.forward, self.reverse

    def __str__(self) -> str:
        from tabular_bellman.distillation.text import lines

        return "\n".join(lines(self))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one dict for each number: prompt, direction, quantity, name, depth, prefix, value.

        In long format, as `to_dataframe` has it; what a column does not apply to is None there.
        """
        from tabular_bellman.distillation.records import rows

        return rows(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists, strings and numbers, ready for JSON.

        What is not finite is the string "inf"; a ratio that is no number (0/0, inf/inf) is None.  Tokens and prompts
        that JSON has no form for are written as `repr` does.

        Examples
        --------
        >>> import json
        >>> from tabular_bellman import AutoregressiveModel, SequenceSpace, StateActionTable
        >>> from tabular_bellman.distillation import distillation_report
        >>> model = AutoregressiveModel(StateActionTable.zeros(SequenceSpace(1, max_length=2)))
        >>> document = distillation_report(model, model).to_dict()
        >>> json.loads(json.dumps(document, allow_nan=False)) == document
        True
        """
        from tabular_bellman.distillation.records import document

        return document(self)

    def to_dataframe(self) -> Any:
        """Return a pandas data frame in long format: one row for each number, columns as in `rows`.

        Returns
        -------
        pandas.DataFrame
            Columns prompt, direction, quantity, name, depth, prefix, value.

        Raises
        ------
        TabularBellmanError
            Where pandas is not installed.

        Examples
        --------
        ``frame.query("quantity == 'bound_over_kl'").pivot_table("value", "name", "direction")`` compares bounds, and
        ``frame.query("quantity == 'kl_at_depth'")`` is ready to be plotted.
        """
        try:
            import pandas
        except ImportError:
            raise TabularBellmanError(
                "to_dataframe needs pandas, which is not installed: pip install 'tabular_bellman[dataframe]'. "
                "rows() gives the same without it."
            ) from None
        frame = pandas.DataFrame(list(self.rows()), dtype=object)
        return frame.astype({"depth": "Int64", "value": "float64"})


def distillation_report(teacher: SequenceModel, student: SequenceModel) -> DistillationReport:
    """Compare a student with its teacher: divergences, where they come from, bounds and estimators.

    Parameters
    ----------
    teacher, student : EnergyBasedModel or AutoregressiveModel
        Over one space.

    Returns
    -------
    DistillationReport
        Exact in float64, by enumeration of the responses; with several prompts, of each prompt, nothing averaged.

    Raises
    ------
    TabularBellmanError
        For different spaces, saying in what they differ, and for what is no model.

    Notes
    -----
    Section 4.3 of the paper, and beyond it.  ε is of logits f and g as they are given; those of an energy-based model
    are M(r)/τ + log π_ref (`EnergyBasedModel.to_autoregressive`).  A constant added to the logits of a prefix changes
    ε, and with it the bounds that are made of it, but neither model; bounds of spans do not change.  Which bounds hold
    and why is told in `bounds` and `pair_bounds`; all of them bound the KL of whole responses, never a token-level one.

    Where one is energy-based and the other autoregressive, the Bellman residual of the one's logits for the other's
    reward has a bound that needs no logits of the energy-based model.

    Examples
    --------
    >>> from tabular_bellman import AutoregressiveModel, EnergyBasedModel, SequenceSpace, StateActionTable
    >>> from tabular_bellman.distillation import distillation_report
    >>> reward = StateActionTable.random(SequenceSpace("ab", max_length=3), rng=0)
    >>> teacher = EnergyBasedModel(reward)
    >>> student = AutoregressiveModel(0.9 * teacher.to_autoregressive().logits)
    >>> report = distillation_report(teacher, student)
    >>> round(report.forward.kl, 6), round(report.reverse.kl, 6)
    (0.00284, 0.002867)
    >>> for bound in report.forward.bounds:
    ...     print(f"{bound.formula:<23} {bound.ratio:6.2f} KL")
    2Tε                     491.26 KL
    2·n_free·ε              327.50 KL
    n_free·κ(ε)              18.98 KL
    sup of |f-g| ≤ ε         18.98 KL
    n_free·κ(max span/2)      3.91 KL
    sup of spans ≤ max span   3.91 KL
    κ(span_y Σ_t δ_t / 2)     2.06 KL
    Σ_s P(s) κ(span_s/2)      2.34 KL
    Σ_s P(s) L_s              0.83 KL
    """
    expect_model("the teacher", teacher)
    expect_model("the student", student)
    _require_same_space(teacher.space, student.space)
    pair = Pair(teacher, student)
    return DistillationReport(
        space=teacher.space,
        teacher=_in_words(teacher),
        student=_in_words(student),
        total_variation=one_or_all(total_variation(teacher, student)),
        epsilon=one_or_all(pair.epsilon),
        epsilon_best_gauge=one_or_all(pair.epsilon_best_gauge),
        forward=_directed("teacher‖student", teacher, student, pair),
        reverse=_directed("student‖teacher", student, teacher, pair),
    )


def _directed(name: str, p: SequenceModel, q: SequenceModel, pair: Pair) -> DirectedReport:
    space, kl = p.space, kl_divergence(p, q)
    passing = [np.exp(level) for level in p.prefix_log_probs.levels]
    by_prefix = [weighted(*each) for each in zip(p.prefix_log_probs.levels, prefix_kl(p, q), strict=True)]
    lengths = sum(level.reshape(-1, space.n_prompts).sum(axis=0) for level in passing)
    return DirectedReport(
        name=name,
        kl=kl,
        by_depth=kl_by_depth(p, q),
        passing=StateTable._wrap(space, passing),
        by_prefix=StateTable._wrap(space, by_prefix),
        token_kl=token_kl_divergence(p, q),
        token_kl_by_response=token_kl_divergence(p, q, average="responses"),
        mean_length=one_or_all(np.asarray(lengths)),
        total_variation_bound=one_or_all(np.atleast_1d(total_variation_bound(kl))),
        bounds=tuple(bounds(p, q, np.atleast_1d(kl), pair)),
        estimators=kl_estimators(p, q),
        uncovered=tuple(_uncovered(p, q, i) for i in range(space.n_prompts)),
    )


# -- responses ---------------------------------------------------------------------------------------------------------


def _uncovered(p: SequenceModel, q: SequenceModel, prompt: int) -> Uncovered | None:
    """What p may write and q may not, to one prompt."""
    log_p = np.where(np.isneginf(q.log_probabilities()[prompt]), p.log_probabilities()[prompt], -np.inf)
    count = int((~np.isneginf(log_p)).sum())
    if not count:
        return None
    best = int(log_p.argmax())
    return Uncovered(p.space.response_at(best), float(log_p[best]), count, float(np.exp(log_p).sum()))


# -- in words ----------------------------------------------------------------------------------------------------------


def _in_words(model: SequenceModel) -> str:
    if isinstance(model, EnergyBasedModel):
        reference = "" if model.reference is None else ", with a reference measure"
        return f"energy-based model, temperature {model.temperature:g}{reference}"
    return "autoregressive model" if isinstance(model, AutoregressiveModel) else type(model).__name__


def _require_same_space(teacher: SequenceSpace, student: SequenceSpace) -> None:
    if teacher != student:
        raise TabularBellmanError(
            f"teacher and student are over different spaces: {'; '.join(_differences(teacher, student))}. "
            "Build both over one SequenceSpace."
        )


def _differences(teacher: SequenceSpace, student: SequenceSpace) -> Iterator[str]:
    """Say in what two spaces differ."""
    if teacher.has_eos != student.has_eos:
        ends = [
            "up to EOS" if space.has_eos else f"of exactly {plural(space.max_length, 'token')}"
            for space in (teacher, student)
        ]
        yield f"the teacher's responses are {ends[0]}, the student's {ends[1]}"
    else:
        for name in ("max_length", "min_length") if teacher.has_eos else ("max_length",):
            mine, theirs = getattr(teacher, name), getattr(student, name)
            if mine != theirs:
                yield f"{name} {mine} and {theirs}"
    of_each = (("tokens", teacher.vocab, student.vocab), ("prompts", teacher.prompts, student.prompts))
    for what, mine, theirs in of_each:
        if mine != theirs:
            order = " (another order)" if set(mine) == set(theirs) else ""
            yield f"{what} {some(mine)} and {some(theirs)}{order}"
