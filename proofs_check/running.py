"""A run: which claims, on what, one after the other or side by side, and what was finished when it stopped."""

import difflib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from proofs_check.attack import ATTACKS, Attacked, attack
from proofs_check.claim import Claim, Misreading, Mistake
from proofs_check.claims import CLAIMS
from proofs_check.evidence import Fate, Outcome, Result, Verdict, check, planted
from proofs_check.instances import Effort, Instance
from proofs_check.library import LIBRARY
from proofs_check.mistakes import MISTAKES
from proofs_check.standing import Standing, stands
from tabular_bellman import TabularBellmanError

if TYPE_CHECKING:
    from proofs_check.certificates import Written

__all__ = ["Run", "chosen_claims", "named_wrong"]

_ATTACK_EFFORT: Final = {"quick": 0, "default": 1, "thorough": 4}


def chosen_claims(names: Sequence[str]) -> tuple[Claim, ...]:
    """Return the claims of these ids, in the order of the paper; all of them for none.

    Raises
    ------
    TabularBellmanError
        For an id that no claim has, with the nearest that there is.
    """
    known = {claim.id: claim for claim in CLAIMS}
    for name in names:
        if name not in known:
            raise TabularBellmanError(f"{name}: no such claim{near(name, known)}; proofs-check list names them all.")
    return tuple(claim for claim in CLAIMS if not names or claim.id in names)


def named_wrong(name: str, claims: Sequence[Claim] = CLAIMS) -> Mistake | Misreading:
    """Return the mistake of this name, or the misreading of one of the claims.

    Raises
    ------
    TabularBellmanError
        Where there is none, and for a misreading of another claim.
    """
    for claim in CLAIMS:
        for wrong in claim.misreadings:
            if wrong.name == name and claim not in claims:
                raise TabularBellmanError(
                    f"--plant {name}: a misreading of {claim.id}, which is not among those to run."
                )
    known: dict[str, Mistake | Misreading] = {mistake.name: mistake for mistake in MISTAKES}
    known |= {wrong.name: wrong for claim in claims for wrong in claim.misreadings}
    if name not in known:
        raise TabularBellmanError(f"--plant {name}: no such mistake{near(name, known)}; proofs-check list names them.")
    return known[name]


def near(name: str, known: Sequence[str] | dict[str, Any]) -> str:
    """Return a hint at the known names that look like this one."""
    lower = {item.lower(): item for item in known}
    found = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)
    return f" (did you mean {', '.join(lower[item] for item in found)}?)" if found else ""


@dataclass
class Run:
    """What is asked for, and the results so far.

    Attributes
    ----------
    claims : sequence of Claim
    source : str
        What the instances are, in words.
    instances : sequence of Instance
    complete : bool
        Whether the instances were chosen so that every mistake shows on them (the built-in ones are).
    seed : int
    effort : {"quick", "default", "thorough"}
    planted : Mistake or Misreading, optional
    kinds : sequence of str
        Which kinds of evidence, of `standing.EVIDENCE`.
    results : list of Result
        Of the first claims, in order, as far as the run has got; empty without float64.
    standings : list of list of Standing
        Likewise, by the other kinds of evidence.
    written : list of Written
        The certificates, claim by claim, where a folder for them was given.
    attacks : list of Attacked
        What the attacks on inequalities found, as far as the run has got.
    interrupted : bool
    """

    claims: Sequence[Claim]
    source: str
    instances: Sequence[Instance]
    complete: bool
    seed: int = 0
    effort: Effort = "default"
    planted: Mistake | Misreading | None = None
    kinds: Sequence[str] = ("float64",)
    results: list[Result] = field(default_factory=list)
    standings: list[list[Standing]] = field(default_factory=list)
    written: "list[Written]" = field(default_factory=list)
    attacks: list[Attacked] = field(default_factory=list)
    interrupted: bool = False

    @property
    def of_floats_alone(self) -> bool:
        """Whether no other kind of evidence than float64 is asked for."""
        return tuple(self.kinds) == ("float64",)

    def verdicts(self, number: int) -> dict[str, Verdict]:
        """What the claim of that number has, by each kind of evidence."""
        found = {"float64": self.results[number].verdict} if "float64" in self.kinds else {}
        return found | {standing.kind: standing.verdict for standing in self.standings[number]}

    @property
    def unexpected(self) -> list[str]:
        """The claims that did not come out as they should, in order."""
        return [
            result.claim.id
            for number, result in enumerate(self.results)
            if any(verdict.unexpected for verdict in self.verdicts(number).values())
        ]

    @property
    def disagreements(self) -> list[str]:
        """The claims that one kind of evidence refutes where another passes: a fault of the harness."""
        found = []
        for number, (result, standings) in enumerate(zip(self.results, self.standings, strict=True)):
            # Of each kind about these inputs, the instances that it passes on, and those that it fails on.
            about_inputs = [each for each in standings if each.kind in ("exact", "certified")]
            passes = [set(each.on) for each in about_inputs]
            fails = [set(each.failed) for each in about_inputs]
            passes.append({outcome.instance for outcome in result.outcomes if outcome.holds})
            fails.append({outcome.instance for outcome in result.outcomes if not outcome.holds})
            # What holds for every reward fails on none, and what fails as a function fails on nearly all.
            symbolic = self.verdicts(number).get("symbolic", Verdict.NOT_RUN)
            against = (symbolic.passed and any(fails)) or (symbolic is Verdict.REFUTED and any(passes))
            if against or any(one & other for one in passes for other in fails):
                found.append(result.claim.id)
        return found

    @property
    def finished(self) -> bool:
        """Whether every claim asked for has its result; of the attacks, `interrupted` tells."""
        return len(self.results) == len(self.claims)

    @property
    def as_expected(self) -> bool:
        """Whether it finished, some claim passed, and every claim that applies did."""
        return not self.interrupted and self.finished and self.passed and not self.unexpected

    @property
    def passed(self) -> bool:
        """Whether some claim passed, by some kind of evidence."""
        return any(v.passed for number in range(len(self.results)) for v in self.verdicts(number).values())

    def execute(
        self,
        jobs: int,
        on_result: Callable[[Result, list[Standing]], None],
        on_attack: Callable[[Attacked], None],
        certificates: Path | None = None,
    ) -> None:
        """Judge the claims in order, `jobs` at a time, then attack the inequalities; report each when it is ready.

        An interrupt (Ctrl-C) ends the run; what was finished stays.  With a folder, certificates are written there.
        """
        try:
            for result, standings in self._results(jobs, certificates):
                self.results.append(result)
                self.standings.append(standings)
                on_result(result, standings)
            for found in self._attacks():
                self.attacks.append(found)
                if found.violated:
                    self.results = [
                        replace(result, broken=found.summary) if result.claim.id == found.claim else result
                        for result in self.results
                    ]
                on_attack(found)
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            _progress("")

    def _results(self, jobs: int, certificates: Path | None) -> Iterator[tuple[Result, list[Standing]]]:
        name = None if self.planted is None else self.planted.name
        shared = (self.instances, self.complete, self.seed, name, tuple(self.kinds), certificates)
        found: Iterator[tuple[list[Outcome], dict[str, Fate], list[Standing], Written | None]]
        if jobs == 1:
            found = (_evidence(claim.id, *shared) for claim in self.claims)
        else:
            parallel, delayed = _joblib()
            found = parallel(n_jobs=jobs, return_as="generator")(
                delayed(_evidence)(claim.id, *shared) for claim in self.claims
            )
        for number, claim in enumerate(self.claims, start=1):
            _progress(f"{number}/{len(self.claims)} {claim.id}")
            outcomes, fates, standings, written = next(found)
            if written is not None:
                self.written.append(written)
            _progress("")
            yield Result(claim, outcomes, fates, self.complete), standings

    def _attacks(self) -> Iterator[Attacked]:
        effort = _ATTACK_EFFORT[self.effort]
        if not (self.complete and effort and self.planted is None and "float64" in self.kinds):
            return
        ids = {claim.id for claim in self.claims}
        for plan in ATTACKS:
            if plan.claim in ids:
                _progress(f"attack on {plan.claim}")
                found = attack(plan, seed=self.seed, effort=effort)
                _progress("")
                yield found


def _evidence(
    name: str,
    instances: Sequence[Instance],
    complete: bool,
    seed: int,
    planted_name: str | None,
    kinds: Sequence[str],
    certificates: Path | None,
) -> "tuple[list[Outcome], dict[str, Fate], list[Standing], Written | None]":
    """Judge one claim.  Claims hold functions, which do not travel between processes: names and numbers do."""
    claim = next(claim for claim in CLAIMS if claim.id == name)
    toolkit, misread, mistake = LIBRARY, None, None
    if planted_name is not None:
        wrong = named_wrong(planted_name)
        if isinstance(wrong, Mistake):
            toolkit, mistake = planted(wrong), wrong
        elif wrong in claim.misreadings:
            misread = wrong
    outcomes, fates, written = list[Outcome](), dict[str, Fate](), None
    if "float64" in kinds:
        result = check(claim, instances, toolkit, complete=complete, seed=seed, misread=misread)
        outcomes, fates = result.outcomes, result.fates
    standings, behind = stands(claim, kinds, instances, complete=complete, seed=seed, wrong=misread or mistake)
    if certificates is not None:
        from proofs_check.certificates import write

        written = write(certificates, behind)
    return outcomes, fates, standings, written


def _joblib() -> tuple[Any, Any]:
    try:
        from joblib import Parallel, delayed
    except ImportError:
        raise TabularBellmanError(
            "--jobs above 1 needs joblib (the extra `parallel`): pip install joblib, or leave --jobs out."
        ) from None
    return Parallel, delayed


def _progress(text: str) -> None:
    """Show on a terminal what is being done; nothing in a pipe or a file."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
