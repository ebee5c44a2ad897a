"""A run: which claims, on what, here or on workers, and what was finished when it stopped."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from proofs_check import pieces
from proofs_check.attack import ATTACKS, Attacked
from proofs_check.claim import Claim, Misreading, Mistake
from proofs_check.evidence import Result, Verdict
from proofs_check.instances import Effort, Instance
from proofs_check.pieces import Judged, attacked, judged
from proofs_check.sources import Request
from proofs_check.standing import Standing
from tabular_bellman.parallel import WorkerLostError, Workers

if TYPE_CHECKING:
    from proofs_check.certificates import Written

__all__ = ["Run"]

_ATTACK_EFFORT: Final = {"quick": 0, "default": 1, "thorough": 4}


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
        Whether it ended before it was through.
    request : Request, optional
        What was asked for on the command line, so that it can be asked for again.
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
    request: Request | None = None

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
        workers: Workers,
        on_result: Callable[[Result, list[Standing]], None],
        on_attack: Callable[[Attacked], None],
        certificates: Path | None = None,
    ) -> None:
        """Judge the claims, then attack the inequalities; report each in order, as soon as it is ready.

        An interrupt (Ctrl-C) ends the run; what was finished stays.  With a folder, certificates are written there.

        Raises
        ------
        WorkerLostError
            Where workers died; then, too, what was finished stays.
        """
        try:
            with closing(self._results(workers, certificates)) as results:
                for result, standings in results:
                    self.results.append(result)
                    self.standings.append(standings)
                    on_result(result, standings)
            with closing(self._attacks(workers)) as attacks:
                for found in attacks:
                    self.attacks.append(found)
                    if found.violated:
                        self.results = [
                            replace(result, broken=found.summary) if result.claim.id == found.claim else result
                            for result in self.results
                        ]
                    on_attack(found)
        except KeyboardInterrupt:
            self.interrupted = True
        except WorkerLostError:
            self.interrupted = True
            raise
        finally:
            _Progress().clear()

    def _results(
        self, workers: Workers, certificates: Path | None
    ) -> Generator[tuple[Result, list[Standing]], None, None]:
        planted = None if self.planted is None else self.planted.name
        request = pieces.Request(self.instances, self.complete, self.seed, planted, certificates is not None)
        progress = _Progress()
        with closing(judged(self.claims, self.kinds, request, workers, progress.done)) as found:
            for number, claim in enumerate(self.claims, start=1):
                progress.show(f"{number}/{len(self.claims)} {claim.id}")
                parts = [next(found) for _ in self.kinds]
                if certificates is not None:
                    from proofs_check.certificates import write

                    self.written.append(write(certificates, [each.made for each in parts if each.made is not None]))
                progress.clear()
                floats = next((each for each in parts if each.standing is None), Judged())
                standings = [each.standing for each in parts if each.standing is not None]
                yield Result(claim, floats.outcomes, floats.fates, self.complete), standings

    def _attacks(self, workers: Workers) -> Generator[Attacked, None, None]:
        effort = _ATTACK_EFFORT[self.effort]
        if not (self.complete and effort and self.planted is None and "float64" in self.kinds):
            return
        ids = {claim.id for claim in self.claims}
        plans = [plan for plan in ATTACKS if plan.claim in ids]
        progress = _Progress()
        with closing(attacked(plans, self.seed, effort, workers, progress.done)) as found:
            for plan in plans:
                progress.show(f"attack on {plan.claim}")
                each = next(found)
                progress.clear()
                yield each


class _Progress:
    """What a terminal shows of work that is being done; nothing in a pipe or a file."""

    def __init__(self) -> None:
        self.text = ""

    def show(self, text: str) -> None:
        """Show what is being done."""
        self.text = text
        _write(text)

    def done(self, finished: int, total: int) -> None:
        """Show how far it is."""
        if total > 1:
            _write(f"{self.text} ({finished} of {total} pieces)")

    def clear(self) -> None:
        """Show nothing, before something is printed."""
        _write("")


def _write(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
