"""What the instances on which a function is wrong have in common, and the setting that leaves such instances out.

A function that is right but for large numbers, or for what is forbidden, may be good enough for what its author does
with it.  The report then says so, and how to ask for the rest alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from proofs_check.testing.cases import Case
from proofs_check.testing.judging import Outcome
from proofs_check.testing.sampling import Drawn

__all__ = ["Group", "shared"]

_PLAIN: Final = 4.0  # as far as numbers="plain" goes


@dataclass(frozen=True)
class Group:
    """One thing that makes instances harder, and can be left out.

    Attributes
    ----------
    name : str
    gloss : str
        What the name means, where it needs that.
    option, setting : str
        What leaves it out, on the command line and in a call.
    besides : str
        What else that leaves out.
    has : callable
        Whether an instance has it.
    """

    name: str
    gloss: str
    option: str
    setting: str
    besides: str
    has: Callable[[Case], bool]

    def text(self) -> str:
        """Say that a function is wrong with it only, and what leaves it out."""
        return (
            f"{self.name}{self.gloss}; it agrees on every fixed instance without them\n"
            f"{self.option} ({self.setting} in a call) leaves them out{self.besides}"
        )


def shared(fixed: Sequence[Outcome | Drawn], smallest: Case) -> Group | None:
    """Return what all instances have on which a function is wrong: the smallest, and fixed ones.

    None where there is no such thing; where it is right on every fixed instance, since one instance alone has much in
    common with itself; and where every fixed instance has it, so that there is none without.
    """
    wrong = [one.case for one in fixed if not one.agrees]
    if not wrong:
        return None
    for group in _GROUPS:
        if all(map(group.has, [*wrong, smallest])) and not all(group.has(one.case) for one in fixed):
            return group
    return None


def _dead(case: Case) -> bool:
    return not all(live.all() for live in case.live_prefixes)


def _forbids(case: Case) -> bool:
    """Tell whether anything is forbidden, by a reference too."""
    return case.forbids or (case.reference is not None and any((level == 0.0).any() for level in case.reference.levels))


_NO_MASKS: Final = ("--no-masks", "masks=False")

_GROUPS: Final = (
    Group(
        "large numbers", " (beyond ±4)", "--numbers plain", 'numbers="plain"', "", lambda case: case.largest > _PLAIN
    ),
    Group("dead prefixes", "", *_NO_MASKS, ", and whatever else is forbidden", _dead),
    Group("forbidden actions", "", *_NO_MASKS, "", _forbids),
    Group(
        "temperatures other than 1", "", "--temperature 1", "temperature=1", "", lambda case: case.temperature != 1.0
    ),
    Group("discounts below 1", "", "--discount 1", "discount=1", "", lambda case: case.discount != 1.0),
)
"""The more special before the more general."""
