"""A distillation report for people: tables of at most 80 columns, and what their rows mean."""

import math
from collections.abc import Hashable, Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Final

import numpy as np

from tabular_bellman.distillation.records import at_prompt
from tabular_bellman.tokens import plural

if TYPE_CHECKING:
    from tabular_bellman.distillation.report import DirectedReport, DistillationReport, Uncovered

__all__ = ["lines"]

_WIDTH: Final = 80
_SHOWN_PREFIXES: Final = 5
_SHOWN_TOKENS: Final = 26  # characters of a prefix or a response


def lines(report: "DistillationReport", *, brief: bool = False) -> Iterator[str]:
    """Yield the lines of a report; if `brief`, those of the divergences and the bounds alone."""
    space = report.space
    if not brief:
        yield f"teacher   {report.teacher}"
        yield f"student   {report.student}"
        yield from _wrapped(f"space     {repr(space)[16:-1].rsplit(', ', 1)[0]}", 10)
        yield from _wrapped(
            "In nats, over all responses, nothing sampled. teacher‖student: KL(teacher‖student), with responses drawn "
            "from the teacher; student‖teacher: the other way round. /KL: the bound over the KL, 1 where it is sharp."
        )
    for i, prompt in enumerate(space.prompts):
        if i or not brief:
            yield ""
        if space.prompts != (None,):
            yield from (f"-- prompt {_shortened(repr(prompt), 60)} ".ljust(_WIDTH, "-"), "")
        sections = (_divergences, _bounds) if brief else (_divergences, _by_depth, _by_prefix, _bounds, _estimators)
        for section in sections:
            yield from section(report, i)
    if not brief:
        yield from ("", *_legend(report))


def _divergences(report: "DistillationReport", i: int) -> Iterator[str]:
    there, back = report.directions
    yield _columns("", there.name, back.name)
    for label, name in (
        ("KL of whole responses", "kl"),
        ("token-level KL, mean over tokens", "token_kl"),
        ("token-level KL, mean by response", "token_kl_by_response"),
        ("mean length (EOS counts)", "mean_length"),
    ):
        yield _columns(label, *(_number(at_prompt(getattr(each, name), i)) for each in report.directions))
    yield _columns("total variation", *[_number(at_prompt(report.total_variation, i))] * 2)
    yield _columns(
        "  at most, from KL", *(_number(at_prompt(each.total_variation_bound, i)) for each in report.directions)
    )
    for each in report.directions:
        yield from _why_infinite(each, each.uncovered[i])
    if all(np.isnan(at_prompt(bound.ratio, i)) and np.isfinite(at_prompt(bound.value, i)) for bound in there.bounds):
        yield ""
        yield "The two are one model: what is left of the KL is rounding."


def _why_infinite(each: "DirectedReport", found: "Uncovered | None") -> Iterator[str]:
    if found is None:
        return
    drawn, other = each.name.split("‖")
    others = "" if found.count == 1 else f", and {plural(found.count - 1, 'response')} more ({found.chance:.4g} in all)"
    yield ""
    yield from _wrapped(
        f"KL({each.name}) is infinite: the {other} forbids {_tokens(found.response)}, which the {drawn} writes with "
        f"probability {_chance(found.log_probability)}{others}."
    )


def _by_depth(report: "DistillationReport", i: int) -> Iterator[str]:
    yield ""
    yield _columns("KL by depth (tokens already written)", "", "")
    tables = [np.atleast_2d(each.by_depth)[i].tolist() for each in report.directions]
    totals = [at_prompt(each.kl, i) for each in report.directions]
    for depth, values in enumerate(zip(*tables, strict=True)):
        cells = [f"{_number(x)} {_share(x, whole):>5}" for x, whole in zip(values, totals, strict=True)]
        yield _columns(f"  depth {depth}", *cells)


def _by_prefix(report: "DistillationReport", i: int) -> Iterator[str]:
    space = report.space
    for each in report.directions:
        found = _largest(each, i)
        if not found:
            continue
        yield ""
        n = space.n_prefixes // space.n_prompts
        title = f"{each.name}: most of it at" if len(found) > 1 else f"{each.name}: all of it at"
        yield f"{title:<30}{'P(s)':>12}{'KL_s':>12}{'P(s)·KL_s':>14}{'share':>8}"
        for prefix, chance, value in found:
            step = value / chance if chance > 0.0 else value
            share = _share(value, at_prompt(each.kl, i))
            yield f"  {_tokens(prefix):<28}{_number(chance):>12}{_number(step):>12}{_number(value):>14}{share:>8}"
        if n > len(found) == _SHOWN_PREFIXES:
            yield f"  … of {plural(n, 'prefix')}"


def _largest(each: "DirectedReport", i: int) -> list[tuple[tuple[Hashable, ...], float, float]]:
    """Return the prefixes with the largest contributions, these first."""
    space, P = each.by_prefix.space, each.by_prefix.space.n_prompts
    found = []
    for depth, (passing, level) in enumerate(zip(each.passing.levels, each.by_prefix.levels, strict=True)):
        mine = level[i::P]
        for index in np.argsort(-mine, kind="stable")[:_SHOWN_PREFIXES].tolist():
            if mine[index] > 0.0:
                _, prefix = space.prefix_at(depth, i + P * index)
                found.append((prefix, float(passing[i + P * index]), float(mine[index])))
    return sorted(found, key=lambda row: -row[2])[:_SHOWN_PREFIXES]


def _bounds(report: "DistillationReport", i: int) -> Iterator[str]:
    there, back = report.directions
    for kind, title in (("upper", "Upper bounds on KL of whole responses"), ("lower", "Lower bounds")):
        yield ""
        yield _columns(title, *[f"{'bound':>9} {'/KL':>7}"] * 2)
        for mine, theirs in zip(there.bounds, back.bounds, strict=True):
            if mine.kind == kind:
                cells = [
                    f"{_number(at_prompt(each.value, i)):>9} {_ratio(at_prompt(each.ratio, i)):>7}"
                    for each in (mine, theirs)
                ]
                yield _columns(f"  {mine.formula}", *cells)
        if kind == "upper":
            yield f"  {_epsilon(*(at_prompt(x, i) for x in (report.epsilon, report.epsilon_best_gauge)))}"


def _epsilon(epsilon: float, best: float) -> str:
    if math.isinf(epsilon):
        return "ε = inf: one of the two forbids an action that the other allows"
    return f"ε = {_number(epsilon)}; in the best gauge {_number(best)}"


def _estimators(report: "DistillationReport", i: int) -> Iterator[str]:
    there, back = report.directions
    yield ""
    yield _columns("Estimates of that KL from one draw", *[f"{'bias':>10} {'std':>9}"] * 2)
    for pair in zip(there.estimators, back.estimators, strict=True):
        biases = [at_prompt(each.bias, i) for each in pair]
        spreads = [_number(at_prompt(each.std, i)) for each in pair]
        cells = [f"{_number(bias, '+'):>10} {std:>9}" for bias, std in zip(biases, spreads, strict=True)]
        yield _columns(f"  {pair[0].name:<9} {pair[0].formula}", *cells)


def _legend(report: "DistillationReport") -> Iterator[str]:
    space, T = report.space, report.space.max_length
    yield "What the rows mean"
    yield from _wrapped(
        "  KL of whole responses and token-level KL are different things: the first is the mean length times the mean "
        "over tokens. The bounds bound, and the estimators estimate, the first.",
        2,
    )
    yield f"  T = {T}; n_free = {space.n_free_depths} depths offer more than one action"
    yield from _wrapped(
        "  ε = max |f-g| of the logits as they are given (of an energy-based model: M of its reward). In the best "
        "gauge: once constants are added to the logits of each prefix, which change neither model; this is half of "
        "the largest span (max - min over actions) of f-g.",
        2,
    )
    for bound in report.forward.bounds:
        yield f"  {bound.formula:<24}{bound.meaning}"
    yield from _wrapped("  d = log p/q of a response drawn from p, d_t of its step t; n draws have std/√n.", 2)


# -- cells -------------------------------------------------------------------------------------------------------------


def _columns(label: str, *cells: str) -> str:
    return f"{label:<40}{cells[0]:>20}{cells[1]:>20}".rstrip()


def _number(x: float, sign: str = "") -> str:
    """Write a number in at most 9 characters, with four digits where there is room."""
    if math.isnan(x) or math.isinf(x) or x == 0.0:
        return "–" if math.isnan(x) else f"{x:g}" if x else "0"
    if abs(x) < 1e-3 or abs(x) >= 1e5:
        short = sign or x < 0.0 or not 1e-99 <= abs(x) < 1e100
        return f"{x:{sign}.2e}" if short else f"{x:.3e}"
    return f"{x:{sign}#.4g}".removesuffix(".")


def _ratio(x: float) -> str:
    if math.isnan(x) or math.isinf(x):
        return "–"
    return f"{x:.2f}" if x < 1e3 else f"{x:.0f}" if x < 1e6 else f"{x:.1e}"


def _share(x: float, whole: float) -> str:
    return f"{100.0 * (x / whole):.0f}%" if 0.0 < whole < math.inf else "–"


def _chance(log_probability: float) -> str:
    chance = math.exp(log_probability)
    return f"{chance:.4g}" if chance > 0.0 else f"exp({log_probability:.4g})"


def _tokens(sequence: Sequence[Hashable]) -> str:
    return _shortened(repr(tuple(sequence)), _SHOWN_TOKENS)


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _wrapped(text: str, indent: int = 0) -> list[str]:
    return wrap(text, _WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)
