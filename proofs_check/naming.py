"""Claims and mistakes by their names, as the command line gives them."""

import difflib
from collections.abc import Sequence
from typing import Any

from proofs_check.claim import Claim, Misreading, Mistake
from proofs_check.claims import CLAIMS
from proofs_check.mistakes import MISTAKES
from tabular_bellman import TabularBellmanError

__all__ = ["chosen_claims", "named_wrong", "near"]


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
