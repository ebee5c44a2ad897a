"""What the report page shows of one claim: a row of the table, and a section."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Final

from proofs_check.attack import Attacked
from proofs_check.claim import Claim
from proofs_check.claims import PARTS
from proofs_check.credits import CREDITS
from proofs_check.evidence import INFORMATIVE_BOUND, Fate, Outcome, Result, Verdict
from proofs_check.pages.formulas import formula
from proofs_check.pages.report.words import KINDS, NAMES, SHAPES, number
from proofs_check.report import measured, rejects, sizes, strongly_rejects
from proofs_check.running import Run
from proofs_check.standing import Standing

__all__ = ["Judgement", "Shown", "shown"]

_PART_OF: Final = {claim.id: number for number, (_, claims) in enumerate(PARTS) for claim in claims}
_FATES: Final = {
    Fate.REJECTED: "rejected",
    Fate.SURVIVED: "not rejected",
    Fate.UNSEEN: "not compared",
    Fate.EQUIVALENT: "no difference",
    Fate.UNUSED: "not used",
}
_STRONG_FATES: Final = {"rejected": "rejected", "survived": "not rejected", "the same": "no difference"}


@dataclass(frozen=True)
class Judgement:
    """What one kind of evidence says of a claim: the verdict, and in words what it rests on.

    `detail` is what stands beside the verdict in the table; `more` are lines below it in the section.
    """

    kind: str
    verdict: Verdict
    detail: str = ""
    more: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    of: int = 0
    failed: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """What the kind is called at the head of a column."""
        return KINDS[self.kind][0]

    @property
    def about(self) -> str:
        """What it is about, and how it is known."""
        return KINDS[self.kind][1]

    @property
    def name(self) -> str:
        """The verdict in words."""
        return NAMES[self.verdict]

    @property
    def shape(self) -> str:
        """The name of the shape that the verdict has."""
        return SHAPES[self.verdict]


@dataclass(frozen=True)
class Shown:
    """One claim of a run, as the page shows it."""

    run: Run
    result: Result
    standings: Sequence[Standing]
    unexpected: bool
    disagrees: bool
    attacks: tuple[Attacked, ...]
    proofs: tuple[tuple[str, str], ...]
    provable: bool

    @property
    def claim(self) -> Claim:
        """The claim itself."""
        return self.result.claim

    @property
    def part(self) -> int:
        """The number of the part of the paper that it belongs to."""
        return _PART_OF[self.claim.id]

    @property
    def part_title(self) -> str:
        """And its title."""
        return PARTS[self.part][0]

    @property
    def formula(self) -> Any:
        """The statement, typeset."""
        return formula(self.claim.latex)

    @property
    def credit(self) -> str:
        """The earliest source found, of what goes beyond the paper."""
        return CREDITS.get(self.claim.id, "")

    @property
    def words(self) -> str:
        """What a search looks at."""
        claim = self.claim
        parts = (claim.id, claim.statement, claim.place, claim.hypotheses, *claim.errata, self.part_title)
        return " ".join(parts).lower()

    @property
    def of_floats(self) -> bool:
        """Whether there are residuals and bounds of float64 to be shown."""
        return "float64" in self.run.kinds and bool(self.result.outcomes)

    @cached_property
    def judgements(self) -> list[Judgement]:
        """What each kind of evidence that was asked for says, the strongest first."""
        found = {each.kind: _judged(self.run, each) for each in self.standings}
        if "float64" in self.run.kinds:
            found["float64"] = _judged_floats(self.result)
        return [found[kind] for kind in KINDS if kind in found]

    @property
    def data(self) -> str:
        """Each kind of evidence and its verdict, for the filters."""
        return " ".join(f"{each.kind}:{each.verdict.name}" for each in self.judgements)

    @property
    def worst(self) -> Outcome:
        """The outcome nearest to its bound, or furthest beyond it."""
        return self.result.worst

    @property
    def slack(self) -> Any:
        """The smallest slack, as a number or in a word; nothing where there is none."""
        slack = self.result.slack
        if slack is None:
            return ""
        return number(slack, ".2g")

    @property
    def attained(self) -> bool:
        """Whether the slack is within rounding of 0."""
        slack = self.result.slack
        return slack is not None and slack <= max(outcome.widest for outcome in self.result.outcomes)

    @property
    def rejects(self) -> tuple[int, int, int] | None:
        """How many mistakes were rejected, of how many that count, and how many could not be put in.

        Over floats, or by the first kind of those asked for that mistakes were put in for.
        """
        if self.of_floats:
            return *rejects(self.result), 0
        return next((strongly_rejects(each) for each in self.standings if each.fates), None)

    @property
    def measured(self) -> dict[str, tuple[Any, Any]]:
        """What was measured besides: the smallest number and the largest."""
        found = measured(self.result)
        return {what: (number(min(each), ".6g"), number(max(each), ".6g")) for what, each in found.items()}

    @property
    def failing(self) -> list[Outcome]:
        """The outcomes that refute it."""
        return [outcome for outcome in self.result.outcomes if not outcome.holds]

    @cached_property
    def reasons(self) -> list[str]:
        """Why mistakes were not put in, each once."""
        whys = (why for each in self.standings for _, _, why in (fate.partition(": ") for fate in each.fates.values()))
        return list(dict.fromkeys(why for why in whys if why))

    @property
    def columns(self) -> list[str]:
        """The kinds of evidence by which mistakes were put in."""
        found = [kind for kind in KINDS if any(each.kind == kind and each.fates for each in self.standings)]
        return [*found, "float64"] if self.of_floats and self.result.fates else found

    @property
    def mistakes(self) -> Iterator[tuple[str, str, list[tuple[str, int, int]]]]:
        """What must fail it: name, what is wrong, and what became of it by each kind of evidence.

        That is what became of it, the number of a reason, or 0, and for how many kinds in a row.
        """
        by_kind = {each.kind: each.fates for each in self.standings}
        by_kind["float64"] = {name: _FATES[fate] for name, fate in self.result.fates.items()}
        for wrong in self.claim.rejects:
            cells = []
            for kind in self.columns:
                fate, _, why = by_kind[kind].get(wrong.name, "").partition(": ")
                cells.append((_STRONG_FATES.get(fate, fate), self.reasons.index(why) + 1 if why else 0))
            yield wrong.name, wrong.summary, [(*cell, len(list(alike))) for cell, alike in groupby(cells)]


def shown(run: Run) -> Iterator[Shown]:
    """Yield the claims of a run that are finished."""
    from proofs_check.induction import check, printed, proof_of

    unexpected, disagreements = set(run.unexpected), set(run.disagreements)
    for result, standings in zip(run.results, run.standings, strict=True):
        theorems = proof_of(result.claim.id)
        asked = "induction" in run.kinds
        yield Shown(
            run,
            result,
            standings,
            result.claim.id in unexpected,
            result.claim.id in disagreements,
            tuple(attack for attack in run.attacks if attack.claim == result.claim.id),
            tuple((each.name, "\n".join(printed(each, check(each)))) for each in theorems) if asked else (),
            bool(theorems),
        )


def _judged(run: Run, standing: Standing) -> Judgement:
    """Return what evidence of another kind than float64 says."""
    detail, more, many = "", [], len(standing.on)
    if standing.verdict is Verdict.PROVED_AT:
        detail = sizes(run, standing)
    elif standing.in_part:
        detail = "in part"
        more.append(f"Left to the reader: {standing.why}.")
    elif standing.verdict.passed and standing.kind in ("exact", "certified"):
        detail = f"on {many}" if many == standing.of else f"on {many} of {standing.of}"
    if standing.why and not standing.in_part:
        more.append(f"{standing.why[0].upper()}{standing.why[1:].removesuffix('.')}.")
    if standing.bits:
        more.append(f"{standing.bits} bits at most.")
    if standing.attained:
        what = "1 inequality has" if standing.attained == 1 else f"{standing.attained:,} inequalities have"
        more.append(f"{what} sides that agree to 1e-30.")
    return Judgement(standing.kind, standing.verdict, detail, tuple(more), standing.on, standing.of, standing.failed)


def _judged_floats(result: Result) -> Judgement:
    many = len(result.outcomes)
    more = []
    if result.broken:
        more.append(f"An attack broke it: {result.broken}.")
    if result.verdict is Verdict.NOT_APPLICABLE:
        why = "No mistake makes a difference here" if many else f"It is checked on {result.claim.checked_on}"
        more.append(f"{why}.")
    else:
        more += [f"{doubt[0].upper()}{doubt[1:]}." for doubt in result.doubts()]
    widest = max((outcome.widest for outcome in result.outcomes), default=0.0)
    if many and widest <= INFORMATIVE_BOUND:
        more.append(f"No bound is wider than {widest:.1e}, of 1 or of the number.")
    return Judgement("float64", result.verdict, f"on {many}" if many else "", tuple(more))
