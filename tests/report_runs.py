"""Runs to write pages of: real ones of a few claims, and made-up ones."""

from functools import cache

from proofs_check.claims import CLAIMS
from proofs_check.evidence import Fate, Outcome, Result
from proofs_check.naming import chosen_claims
from proofs_check.running import Run
from proofs_check.sources import Request, instances
from tabular_bellman.parallel import Workers

FEW = ("S2-maxent", "P3-kl-bound", "GR-jacobian", "K-ratio")
KINDS = ("float64", "exact", "induction")


def executed(names=FEW, kinds=KINDS, **fields):
    """Return a run of claims on the small built-in instances."""
    source, chosen = instances(Request(effort="quick"))
    run = Run(chosen_claims(names), source, chosen, True, 0, "quick", kinds=kinds, **fields)
    run.execute(Workers(), lambda *_: None, lambda _: None)
    return run


@cache
def few():
    """Return a run of a few claims, the same to whoever asks."""
    return executed()


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
