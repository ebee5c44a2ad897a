"""Runs to write pages of: real ones of a few claims, and made-up ones."""

from functools import cache
from itertools import cycle

import numpy as np

from proofs_check.attack import ATTACKS, Attacked
from proofs_check.claim import Measured
from proofs_check.claims import CLAIMS
from proofs_check.evidence import Fate, Outcome, Result, Verdict
from proofs_check.naming import chosen_claims
from proofs_check.running import Run
from proofs_check.sources import Request, instances
from proofs_check.standing import EVIDENCE, Standing
from tabular_bellman.parallel import Workers

FEW = ("S2-maxent", "P3-kl-bound", "GR-jacobian", "K-ratio")
KINDS = ("float64", "exact", "induction")


def executed(names=FEW, kinds=KINDS, request=None, **fields):
    """Return a run of claims on what is asked for, or on the small built-in instances."""
    asked = Request(effort="quick") if request is None else request
    source, chosen = instances(asked)
    run = Run(
        chosen_claims(names), source, chosen, asked.built_in, asked.seed, "quick", kinds=kinds, request=asked, **fields
    )
    run.execute(Workers(), lambda *_: None, lambda _: None)
    return run


@cache
def few():
    """Return a run of a few claims, the same to whoever asks."""
    return executed()


@cache
def strong():
    """Return a run of two claims by all kinds of evidence, and what an attack on one of them could have found."""
    run = executed(("P1-logZ", "K-kappa"), EVIDENCE)
    run.attacks.append(attacked("K-kappa"))
    return run


@cache
def own():
    """Return a run on rewards that are no built-in ones, of claims that are about them and of one that is not."""
    asked = Request(vocab=2, max_length=3, seed=7, effort="quick")
    return executed(("P1-logZ", "K-kappa", "K-ratio"), ("float64", "exact", "certified"), asked)


def attacked(claim, violated=False):
    """Return what an attack on a claim could have found, with numbers of no meaning."""
    plan = next(plan for plan in ATTACKS if plan.claim == claim)
    instance = plan.build(np.linspace(-0.7, 0.9, plan.dimension))
    return Attacked(claim, "left ≤ right", instance, 0.171875, 0.203125, 1e-12, violated, 98_765, plan.space)


def made_up(claims=CLAIMS, source="built-in instances, seed 0", name="an instance", complete=True, **fields):
    """Return a run in which every claim passed, with numbers of no meaning: nothing is computed for it."""
    results = [
        Result(
            claim,
            [Outcome(name, 0.25, 0.5, "here", 3, 4, 1e-9)],
            {each.name: Fate.REJECTED for each in claim.rejects},
            complete,
        )
        for claim in claims
    ]
    return Run(claims, source, [], complete, results=results, standings=[[] for _ in claims], **fields)


@cache
def telling(complete=True):
    """Return a made-up run with all that a section can show, in numbers that cannot be taken for one another."""
    claims = chosen_claims(["P1-logZ", "K-kappa", "L1-kl"])
    slope = [(Measured("slope", number),) for number in (1.25, 2.75, 1.75)]
    first = [
        Outcome("first", 1.5e-15, 2.5e-14, "A = V", 31, 7, 3e-9, slack=0.125, measured=slope[0]),
        Outcome("second", 4.5e-16, 6.5e-13, "p = q", 1234, 0, 5e-9, slack=0.375, measured=slope[1]),
        Outcome("third", 0.0, 0.0, "k = n", 17, 5, exact=True, measured=slope[2]),
    ]
    touching = [Outcome("first", 3.5e-17, 7.5e-16, "KL ≤ κ", 41, 2, 9e-9, slack=1.5e-17)]
    failing = [
        Outcome("first", 0.046875, 0.0234375, "below 2ε", 43, 3, 8e-9),
        Outcome("second", float("inf"), where="refused", refusal="no response of 6 tokens"),
    ]
    all_fates = {
        "most": (Fate.REJECTED, Fate.REJECTED, Fate.SURVIVED, Fate.UNSEEN, Fate.EQUIVALENT, Fate.UNUSED),
        "all": (Fate.REJECTED,),
    }
    results = [
        Result(claim, outcomes, _fates(claim, all_fates[which]), complete)
        for claim, outcomes, which in zip(claims, (first, touching, failing), ("most", "all", "most"), strict=True)
    ]
    declined = ("rejected", "the same", "declined: no root of 2", "rejected", "declined: no log of 3", "rejected")
    standings = [
        [
            Standing("exact", Verdict.EXACT, ("first",), 3, fates=_fates(claims[0], declined)),
            Standing("certified", Verdict.CERTIFIED, ("first", "second"), 4, attained=6, bits=512),
            Standing("symbolic", Verdict.PROVED_AT, ("(2,2)", "(3,4)", "(2,3) for 2 prompts"), 5),
            Standing("induction", Verdict.PROVED, ("the one of trees",), 1, "a p that is 0 at 2 prefixes"),
        ],
        [
            Standing("exact", Verdict.NOT_APPLICABLE, of=8, why="logs of 3"),
            Standing(
                "certified",
                Verdict.CERTIFIED,
                ("first",),
                1,
                fates=_fates(claims[1], ("rejected", "survived")),
                bits=256,
            ),
            Standing("symbolic", Verdict.PROVED_AT, ("V = 8",), 1, attained=1),
            Standing("induction", Verdict.PROVED, ("another", "one more"), 2),
        ],
        [
            Standing("exact", Verdict.REFUTED, of=3, why="on second: 2 is not 3", failed=("second",)),
            Standing("certified", Verdict.INCONCLUSIVE, ("first",), 9, why="on third: too close", bits=2048),
            Standing("symbolic", Verdict.NOT_RUN, why="it needs a package"),
            Standing("induction", Verdict.NOT_APPLICABLE, why="no proof by induction here"),
        ],
    ]
    attacks = [attacked("K-kappa"), attacked("L1-kl", violated=True)]
    return Run(claims, "nothing", [], complete, kinds=EVIDENCE, results=results, standings=standings, attacks=attacks)


def _fates(claim, fates):
    """Return one fate after the other for what must fail a claim, and from the first again."""
    return {wrong.name: fate for wrong, fate in zip(claim.rejects, cycle(fates), strict=False)}
