"""What a run consists of: independent pieces, done here or by workers, and how claims are put together from them.

A piece is one claim by one kind of evidence.  Where that is about very many instances it is several: some instances
each, and then one for each thing that must fail.  Which they are depends on the claim, and not on who does the work.
"""

import pickle
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from proofs_check.attack import ATTACKS, Attack, Attacked, attack
from proofs_check.claim import Claim, Misreading, Mistake
from proofs_check.claims import CLAIMS
from proofs_check.evidence import Fate, Outcome, check, planted
from proofs_check.instances import Instance
from proofs_check.library import LIBRARY
from proofs_check.naming import named_wrong
from proofs_check.standing import Standing, standing_of, stands
from proofs_check.strengths import (
    Evidence,
    Finding,
    Strength,
    findings,
    instances_for,
    rejects,
    tellers,
    unavailable,
)
from tabular_bellman.parallel import WorkerLostError, Workers

if TYPE_CHECKING:
    from proofs_check.certificates import Certificate, Made

__all__ = ["Judged", "Request", "alone", "attacked", "judged"]

# More instances than this are many, and then so many are a piece.
_MANY: Final = 200
_GROUP: Final = 50

Progress = Callable[[int, int], None]
Call = tuple[Any, ...]


@dataclass(frozen=True)
class Request:
    """What claims are judged on, and how.

    Attributes
    ----------
    instances : sequence of Instance
    complete : bool
        Whether these are the built-in ones.
    seed : int
    planted : str, optional
        The name of a mistake or misreading that is put in.
    certify : bool
        Whether certificates are wanted.
    """

    instances: Sequence[Instance]
    complete: bool
    seed: int = 0
    planted: str | None = None
    certify: bool = False


@dataclass
class Judged:
    """What a claim has by one kind of evidence: outcomes and fates by float64, a standing by others."""

    outcomes: list[Outcome] = field(default_factory=list)
    fates: dict[str, Fate] = field(default_factory=dict)
    standing: Standing | None = None
    made: "Made | None" = None


def judged(
    claims: Sequence[Claim], kinds: Sequence[str], request: Request, workers: Workers, on_done: Progress | None = None
) -> Generator[Judged, None, None]:
    """Yield what each claim has by each kind of evidence, in this order, as soon as it is there.

    What takes two rounds has its second one together with what follows, so that no worker waits.
    """
    left = deque((claim, kind) for claim in claims for kind in kinds)
    many: _Many | None = None
    while left or many:
        plan: list[tuple[Callable[[list[Any]], Judged | None], list[Call]]] = []
        if many:
            plan.append((many.judged, many.second()))
        many = None
        while left and not many:
            claim, kind = left.popleft()
            many = _Many.of(claim, kind, request)
            plan.append((many.take, many.first()) if many else (_only, [(_whole, claim.id, kind, request)]))
        calls = [call for _, some in plan for call in some]
        with closing(_shared(calls, workers, on_done)) as results:
            for put_together, some in plan:
                found = put_together([next(results) for _ in some])
                if found is not None:
                    yield found


def attacked(
    plans: Sequence[Attack], seed: int, effort: int, workers: Workers, on_done: Progress | None = None
) -> Generator[Attacked, None, None]:
    """Yield what each attack finds."""
    calls = [(_attack, plan.claim, "attack", seed, effort) for plan in plans]
    return _shared(calls, workers, on_done)


def _shared(calls: Sequence[Call], workers: Workers, on_done: Progress | None) -> Generator[Any, None, None]:
    """Share out calls (function, claim, kind, ...)."""
    try:
        with closing(workers.map(alone, calls, what="piece", on_done=on_done)) as results:
            yield from results
    except WorkerLostError as error:
        names = dict.fromkeys(f"{calls[number][1]} ({calls[number][2]})" for number in error.lost)
        raise WorkerLostError(f"{', '.join(names)}: {error}", error.finished, error.lost) from None


# -- in the workers ----------------------------------------------------------------------------------------------------
# Claims hold functions, which do not travel between processes: names and numbers do.

# The precision of balls is one for all threads, and a worker of a cluster may have several.
_LOCK: Final = threading.Lock()


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function while no other piece runs in this process."""
    with _LOCK:
        return function(*arguments)


def _claim(name: str) -> Claim:
    return next(claim for claim in CLAIMS if claim.id == name)


def _put_in(claim: Claim, name: str | None) -> Mistake | Misreading | None:
    """Return what is wrong by that name, where it is about this claim."""
    wrong = None if name is None else named_wrong(name)
    return wrong if isinstance(wrong, Mistake) or wrong in claim.misreadings else None


def _whole(name: str, kind: str, request: Request) -> Judged:
    """Judge a claim by one kind of evidence."""
    claim = _claim(name)
    wrong = _put_in(claim, request.planted)
    instances, complete, seed = request.instances, request.complete, request.seed
    if kind == "float64":
        toolkit = planted(wrong) if isinstance(wrong, Mistake) else LIBRARY
        misread = wrong if isinstance(wrong, Misreading) else None
        result = check(claim, instances, toolkit, complete=complete, seed=seed, misread=misread)
        return Judged(result.outcomes, result.fates)
    standing, evidence = stands(claim, kind, instances, complete=complete, seed=seed, wrong=wrong)
    return Judged(standing=standing, made=_made(evidence, request) if evidence else None)


def _made(evidence: Evidence, request: Request, parts: "Sequence[Certificate | str] | None" = None) -> "Made | None":
    if not request.certify:
        return None
    from proofs_check.certificates import made

    return made(evidence, parts)


def _group(
    name: str, kind: str, instances: Sequence[Instance], request: Request
) -> "list[tuple[Finding, Certificate | str]]":
    """Return what a claim gives on some instances, and the certificate of each."""
    claim, strength = _claim(name), Strength(kind)
    found = findings(claim, strength, instances, _put_in(claim, request.planted))
    if not request.certify:
        return [(each.without_numbers, "") for each in found]
    from proofs_check.certificates import part

    return [(each.without_numbers, part(claim, strength, each)) for each in found]


def _fate(name: str, kind: str, number: int, instances: bytes) -> str:
    """Return what becomes of one of the things that must fail a claim, on pickled instances."""
    claim = _claim(name)
    return rejects(claim, claim.rejects[number], Strength(kind), _unpickled(instances))


@lru_cache(maxsize=1)
def _unpickled(instances: bytes) -> list[Instance]:
    found: list[Instance] = pickle.loads(instances)
    return found


def _attack(name: str, _: str, seed: int, effort: int) -> Attacked:
    return attack(next(plan for plan in ATTACKS if plan.claim == name), seed=seed, effort=effort)


# -- put together ------------------------------------------------------------------------------------------------------


def _only(found: list[Judged]) -> Judged:
    (one,) = found
    return one


class _Many:
    """A claim about very many instances, as `judge` judges it, in two rounds."""

    def __init__(self, claim: Claim, strength: Strength, instances: Sequence[Instance], request: Request) -> None:
        self.claim, self.strength, self.instances, self.request = claim, strength, instances, request
        self.found: list[Finding] = []
        self.parts: list[Certificate | str] = []

    @classmethod
    def of(cls, claim: Claim, kind: str, request: Request) -> "_Many | None":
        """Return it where there are so many; of other numbers than balls one instance may be about the next."""
        if kind != Strength.CERTIFIED.value or unavailable(Strength.CERTIFIED):
            return None
        chosen = instances_for(
            claim, Strength.CERTIFIED, request.instances, complete=request.complete, seed=request.seed
        )
        return cls(claim, Strength.CERTIFIED, chosen, request) if len(chosen) > _MANY else None

    def first(self) -> list[Call]:
        """Return the calls for findings."""
        request = replace(self.request, instances=())
        return [
            (_group, self.claim.id, self.strength.value, _fresh(self.instances[start : start + _GROUP]), request)
            for start in range(0, len(self.instances), _GROUP)
        ]

    def take(self, groups: list[Any]) -> None:
        """Take what they return."""
        for found, part in (each for group in groups for each in group):
            self.found.append(found)
            self.parts.append(part)

    def second(self) -> list[Call]:
        """Return the calls for what must fail; none where it is not put in, as `judge` decides."""
        if not (self.request.complete and any(each.complete for each in self.found)):
            return []
        told = pickle.dumps(_fresh(tellers(self.strength, self.found)))  # once, and not for each call
        return [(_fate, self.claim.id, self.strength.value, number, told) for number in range(len(self.claim.rejects))]

    def judged(self, fates: list[str]) -> Judged:
        """Put together what the claim has."""
        names = [wrong.name for wrong in self.claim.rejects]
        evidence = Evidence(
            self.claim, self.strength, tuple(self.found), dict(zip(names, fates, strict=True)) if fates else None
        )
        return Judged(standing=standing_of(evidence), made=_made(evidence, self.request, self.parts))


def _fresh(instances: Sequence[Instance]) -> list[Instance]:
    """Return the instances without what they have worked out, which need not travel."""
    return [replace(instance) for instance in instances]
