"""The text of a report: claim, smallest instance as a table, worst number, what the mistake looks like."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from proofs_check.claim import Mistake
from proofs_check.mistakes.draws import DRAWS
from proofs_check.testing.cases import Case, Options
from proofs_check.testing.groups import Group, shared
from proofs_check.testing.judging import Outcome
from proofs_check.testing.kinds import Kind, Part
from proofs_check.testing.report import Report
from proofs_check.testing.sampling import Drawn, smallest_seen
from proofs_check.testing.search import Found
from tabular_bellman import EOS, SequenceSpace, StateActionTable

__all__ = ["agreement", "disagreement", "of_sampler"]

_ROWS: Final = 24
_WIDTH: Final = 88
_VAGUE: Final = 0.05


def agreement(kind: Kind, o: Options, name: str, fixed: Sequence[Outcome], instances: int, ratio: float) -> Report:
    """Report that a function agrees."""
    line = f"{kind.name}: {name} agrees on {instances} instances ({_setting(o)}); "
    line += f"at most {100 * ratio:.2g} % of the bound used"
    vague = float(np.mean([outcome.vague for outcome in fixed]))
    if vague > _VAGUE:
        line += (
            f"; but of {100 * vague:.0f} % of the numbers the bound is more than a tenth: {o.arrays.dtype} tells little"
        )
    right_on = (outcome.case.name for outcome in fixed)
    return Report(kind.name, name, True, instances, ratio, right_on=tuple(right_on), lines=(line,))


def disagreement(
    kind: Kind, o: Options, name: str, found: Found, instances: int, mistakes: Sequence[Mistake], where: str
) -> Report:
    """Report where a function is wrong; `where` says on what the mistakes reproduce its numbers."""
    smallest, fixed = found.smallest, found.fixed
    assert smallest is not None
    lines = [f"{kind.name}: {name} does not compute what it should ({_setting(o)})", ""]
    lines += _entry("claim", kind.claim(o))
    lines += _entry("instance", _instance(smallest.case, o))
    lines += ["", *_table(o, smallest), ""]
    if smallest.failure:
        lines += _entry("worst", f"it {smallest.failure}")
    else:
        lines += _entry("worst", _worst(smallest))
    if found.fickle:
        lines += _entry("note", "called twice with the same arguments it gave different answers")
    group = None if found.fickle else shared(fixed, smallest.case)
    lines += _diagnosis_lines(mistakes, smallest, where, group)
    lines += _entry("agrees on", _names(fixed))
    lines += _entry("replay", _replay(smallest.case))
    return _wrong(kind, name, instances, mistakes, smallest.case, fixed, lines, group)


def of_sampler(kind: Kind, o: Options, name: str, found: list[Drawn], mistakes: Sequence[Mistake]) -> Report:
    """Report on a sampler."""
    n, instances = o.examples, len(found)
    wrong = next((drawn for drawn in found if not drawn.agrees), None)
    rate = f"an exact test; false-alarm rate at most {o.false_alarm:g}"
    if wrong is None:
        line = f"sampler: {name} agrees on {instances} instances, {n:,} draws each ({_setting(o)}; {rate}); "
        line += f"a chance of 1/2 that is {smallest_seen(o, found):.2g} off would show"
        return Report(kind.name, name, True, instances, right_on=_apart(found)[0], lines=(line,))
    lines = [f"sampler: {name} does not draw what it should ({_setting(o)}; {rate})", ""]
    lines += _entry("claim", kind.claim(o))
    lines += _entry("instance", _instance(wrong.case, o))
    lines += ["", *_drawn_table(wrong), ""]
    if wrong.rejected is None:
        lines += _entry("worst", f"it {wrong.failure}")
    else:
        r = wrong.rejected
        times = f"drawn {r.count:,} times of {r.n:,}, expected {r.n * r.probability:,.1f}"
        lines += _entry("worst", f"{r.what}: {times}; p-value {r.p_value:.1e}, all sets counted")
    group = shared(found, wrong.case)
    lines += _diagnosis_lines(mistakes, wrong, "draws", group)
    lines += _entry("agrees on", _names(found))
    lines += _entry("replay", _replay(wrong.case))
    return _wrong(kind, name, instances, mistakes, wrong.case, found, lines, group)


def _wrong(
    kind: Kind,
    name: str,
    instances: int,
    mistakes: Sequence[Mistake],
    smallest: Case,
    fixed: Sequence[Outcome | Drawn],
    lines: Sequence[str],
    group: Group | None,
) -> Report:
    names = tuple(mistake.name for mistake in mistakes)
    only_with = "" if group is None else group.name
    right_on, wrong_on = _apart(fixed)
    return Report(
        kind.name, name, False, instances, np.inf, names, smallest, right_on, wrong_on, tuple(lines), only_with
    )


# -- lines ------------------------------------------------------------------------------------------------------------


def _entry(name: str, text: str) -> list[str]:
    first, *others = text.split("\n")
    return [f"{name:<10} {first}".rstrip(), *(f"{'':<10} {line}".rstrip() for line in others)]


def _setting(o: Options) -> str:
    arrays = "" if o.adapter.name in ("dict", "table") else f"{o.arrays.library}, "
    pairs = (("temperature", o.temperature), ("discount", o.discount))
    varied = [name for name, value in pairs if value is None] + (["reference"] if o.reference == "varies" else [])
    fixed = [f"{name} {value:g}" for name, value in pairs if value not in (None, 1.0)]
    words = [*fixed, *([f"{', '.join(varied)} varied"] if varied else [])]
    return ", ".join([f"adapter {o.adapter.name}, {arrays}{o.arrays.dtype}", *words, f"seed {o.seed}"])


def _instance(case: Case, o: Options) -> str:
    space = case.space
    what = [f"{len(space.vocab)} token{'s' if len(space.vocab) > 1 else ''} {', '.join(map(repr, space.vocab))}"]
    if space.has_eos:
        what.append(
            f"max_length {space.max_length}" + (f", min_length {space.min_length}" if space.min_length > 1 else "")
        )
    else:
        what.append(f"fixed length {space.max_length}")
    if space.prompts != (None,):
        what.append(f"prompts {', '.join(map(repr, space.prompts))}")
    if case.temperature != 1.0 or "temperature" in o.named:
        what.append(f"temperature {case.temperature:g}")
    if case.discount != 1.0 or "discount" in o.named:
        what.append(f"discount {case.discount:g}")
    if o.of == "nll":
        what.append("responses " + ", ".join(map(_plain, case.responses)))
    return "; ".join(what)


def _plain(response: Any) -> str:
    actions = ["EOS" if action is EOS else repr(action) for action in response]
    return f"({actions[0]},)" if len(actions) == 1 else f"({', '.join(actions)})"


def _table(o: Options, outcome: Outcome) -> list[str]:
    """The instance, with their numbers beside ours: one table of pairs, one for each other kind of number."""
    case = outcome.case
    inputs: list[tuple[str, StateActionTable]] = [("reward" if o.view == "rewards" else "logit", case.table)]
    if case.other is not None:
        inputs = [("logit of p", case.table), ("logit of q", case.other)]
    if case.reference is not None:
        inputs.append(("reference", case.reference))
    header = ["prefix", "action", *(name for name, _ in inputs)]
    rows = [
        [_at(case.space, *case.space.prefix_at(t, index)), _name(case.space.actions(t)[row])]
        + [_short(table.levels[t][row, index]) for _, table in inputs]
        for t in range(case.space.n_depths)
        for index in range(case.space.n_prefixes_at(t))
        for row in range(case.space.n_actions(t))
    ]
    others: list[str] = []
    for part, places in _places(outcome):
        if part.over == "pairs":
            header += [f"{part.what}: theirs", "ours", ""]
            order = _by_prefix(part, places)
            rows = [[*row, *_numbers(outcome, place)] for row, place in zip(rows, order, strict=True)]
        elif part.over != "prompts":
            keys = [
                _key(case, part, depth, at)
                for depth, value in enumerate(part.values)
                for at in np.ndindex(*value.shape)
            ]
            body = [[key, *_numbers(outcome, place)] for key, place in zip(keys, places, strict=True)]
            first = "prefix" if part.over == "prefixes" else "response"
            others += ["", *_aligned([[first, f"{part.what}: theirs", "ours", ""], *body])]
    return [*_aligned([header, *rows]), *others]


def _places(outcome: Outcome) -> Iterator[tuple[Part, range]]:
    start = 0
    for part in outcome.theirs:
        size = sum(value.size for value in part.values)
        yield part, range(start, start + size)
        start += size


def _by_prefix(part: Part, places: range) -> list[int]:
    """Return the places of a part over pairs, prefix by prefix rather than action by action."""
    found, start = [], places.start
    for value in part.values:
        found += np.arange(start, start + value.size).reshape(value.shape).T.ravel().tolist()
        start += value.size
    return found


def _numbers(outcome: Outcome, place: int) -> list[str]:
    theirs, ours = outcome.found[place], outcome.answer.right[place]
    if outcome.ratio[place] <= 1.0:
        return [_short(theirs), _short(ours), ""]
    shown = _short if _short(theirs) != _short(ours) else repr
    return [shown(float(theirs)), shown(float(ours)), "<- worst" if place == outcome.worst else "<-"]


def _key(case: Case, part: Part, depth: int, position: tuple[int, ...]) -> str:
    space = case.space
    if part.over == "prefixes":
        return _at(space, *space.prefix_at(depth, position[0]))
    return _to(space, space.prompts[position[1]]) + _plain(space.response_at(position[0]))


def _drawn_table(drawn: Drawn) -> list[str]:
    space = drawn.case.space
    rows = [["response", "chance", *([] if drawn.failure else ["expected", "drawn"])]]
    for p, prompt in enumerate(space.prompts):
        to = _to(space, prompt)
        counts = Counter(response for index, response in drawn.draws if index == p)
        n, other = counts.total(), counts.total()
        for i, response in enumerate(space.responses()):
            chance = float(drawn.chances[p, i])
            # What failed has drawn nothing, of which nothing is to be expected.
            numbers = [] if drawn.failure else [f"{chance * n:.1f}", f"{counts[response]:,}"]
            rows.append([to + _plain(response), f"{chance:.6g}", *numbers])
            other -= counts[response]
        if other:
            rows.append([f"{to}anything else", "0", "0", f"{other:,}"])
    return _aligned(rows)


def _at(space: SequenceSpace, prompt: Any, prefix: Any) -> str:
    return f"{_to(space, prompt)}{prefix!r}"


def _to(space: SequenceSpace, prompt: Any) -> str:
    """Name the prompt, unless it is the only one, None."""
    return "" if space.prompts == (None,) else f"{prompt!r}: "


def _name(action: Any) -> str:
    return "EOS" if action is EOS else repr(action)


def _short(x: float) -> str:
    return f"{x + 0.0:.7g}"  # no -0


def _aligned(rows: list[list[str]]) -> list[str]:
    """Align columns; of a long table, the first rows and some that are marked."""
    body = range(1, len(rows))
    marked = [i for i in body if rows[i][-1].startswith("<-")][: _ROWS // 2]
    first = [i for i in body if i not in marked][: _ROWS - len(marked)]
    rows_shown = [rows[0], *(rows[i] for i in sorted([*marked, *first]))]
    cut = len(rows) - len(rows_shown)
    widths = [max(map(len, column)) for column in zip(*rows_shown, strict=True)]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows_shown)
    lines = ["  " + "  ".join(row).rstrip() for row in cells]
    return [*lines, f"  … and {cut} rows more"] if cut else lines


def _worst(outcome: Outcome) -> str:
    place = outcome.worst
    part, where = outcome.where(place)
    theirs, ours, bound = outcome.found[place], outcome.answer.right[place], outcome.answer.bound[place]
    return (
        f"{part.what}{f' at {where}' if where else ''}\n"
        f"theirs {theirs:.17g}, ours {ours + 0.0:.17g}, difference {outcome.residual[place]:.3g}, bound {bound:.1e}"
    )


_REPRODUCED: Final = {
    "everywhere": "which gives all of their numbers, here and on the fixed instances",
    "modest": "which gives their numbers wherever no number is large; there is more",
    "ordinary": "which gives their numbers wherever nothing is forbidden and no number is large; there is more",
    "draws": "with which their draws agree, here and on the fixed instances",
}


_OF_NAN: Final = "-inf - (-inf), 0 · inf or an overflow"


def _diagnosis_lines(
    mistakes: Sequence[Mistake], outcome: Outcome | Drawn, where: str, group: Group | None
) -> list[str]:
    """Name the mistakes, and what all that is wrong has in common; where there is neither, say so."""
    lines: list[str] = []
    nan = isinstance(outcome, Outcome) and bool(np.isnan(outcome.found).any())
    if mistakes:
        for number, mistake in enumerate(mistakes):
            lines += _entry("looks like" if not number else "  or", f"{mistake.name}: {mistake.summary}")
        lines += [] if mistakes[0] in DRAWS else _entry("", _REPRODUCED[where])
    elif group is not None:
        lines += _entry("looks like", f"a NaN of {_OF_NAN}") if nan else []
    elif nan:
        lines += _entry("looks like", f"no mistake of the registry; a NaN comes of {_OF_NAN}")
    elif not outcome.failure:
        lines += _entry("looks like", "no mistake of the registry: none reproduces their numbers")
    return lines if group is None else [*lines, *_entry("only with", group.text())]


def _apart(fixed: Sequence[Outcome | Drawn]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the fixed instances on which a function is right, and on which it is wrong."""
    right = tuple(one.case.name for one in fixed if one.agrees)
    return right, tuple(one.case.name for one in fixed if not one.agrees)


def _names(fixed: Sequence[Outcome | Drawn]) -> str:
    right, _ = _apart(fixed)
    wrong = [
        one.case.name + (f" ({one.failure.partition(':')[0]})" if one.failure else "")
        for one in fixed
        if not one.agrees
    ]
    if not wrong:
        return "all fixed instances"
    lines = textwrap.wrap("; ".join(right) or "no fixed instance", _WIDTH)
    return "\n".join([*lines, *textwrap.wrap(f"not on: {'; '.join(wrong)}", _WIDTH)])


def _replay(case: Case) -> str:
    """Code that makes the instance again, with the library."""
    lines = [f"space = {_space_code(case.space)}", f"table = {_table_code(case.table)}"]
    if case.other is not None:
        lines.append(f"other = {_table_code(case.other)}")
    if case.reference is not None:
        lines.append(f"reference = {_table_code(case.reference)}")
    if case.responses:
        lines.append(f"responses = [{', '.join(map(_plain, case.responses))}]")
    return "\n".join(lines)


def _space_code(space: SequenceSpace) -> str:
    prompts = "" if space.prompts == (None,) else f", prompts={space.prompts!r}"
    if not space.has_eos:
        return f"SequenceSpace.fixed_length({space.vocab!r}, {space.max_length}{prompts})"
    least = "" if space.min_length == 1 else f", min_length={space.min_length}"
    return f"SequenceSpace({space.vocab!r}, max_length={space.max_length}{least}{prompts})"


def _table_code(table: StateActionTable) -> str:
    # What is 0 is left out.
    items = (f"{key!r}: {_number_code(value)}" for key, value in table.items() if value != 0.0)
    return f"StateActionTable.from_dict(space, {{{', '.join(items)}}}, default=0.0)"


def _number_code(x: float) -> str:
    return 'float("-inf")' if np.isneginf(x) else repr(x)
