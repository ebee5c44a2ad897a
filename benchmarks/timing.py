"""Interleaved repetitions: all contenders take turns, in an order that is shuffled anew in each round.

A turn is one call that is not timed (it wakes threads up and fills caches; long calls go without), then a few calls
that are timed together, so many that the clock does not count.  What disturbs the machine for a while disturbs all.
"""

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Effort", "Times", "interleaved"]

_LONG = 0.05  # seconds


@dataclass(frozen=True)
class Effort:
    """How long to measure one task at one size."""

    seconds: float = 2.5
    turn_seconds: float = 4e-3
    least_rounds: int = 7
    most_rounds: int = 40


QUICK = Effort(seconds=0.5, turn_seconds=1e-3, least_rounds=3, most_rounds=10)


@dataclass
class Times:
    """The seconds of one call, once for each round."""

    calls: int = 1  # timed together in one round
    seconds: list[float] = field(default_factory=list)

    @property
    def least(self) -> float:
        """The shortest: noise only adds."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """What to expect."""
        return statistics.median(self.seconds)


def interleaved(
    functions: Mapping[str, Callable[[], object]],
    clocks: Mapping[str, Callable[[], float]],
    effort: Effort,
    seed: int = 0,
) -> dict[str, Times]:
    """Time functions, and things that time themselves, in turns.

    Parameters
    ----------
    functions : mapping of name to function
        Already compiled, and run once.
    clocks : mapping of name to function
        Functions that return seconds.
    effort : Effort
    seed : int
        For the order of turns.

    Returns
    -------
    dict of name to Times
    """
    once = {name: _seconds(function, 1) for name, function in functions.items()}
    calls = {name: max(1, math.ceil(effort.turn_seconds / seconds)) for name, seconds in once.items()}
    a_round = sum((calls[name] + (seconds < _LONG)) * seconds for name, seconds in once.items())
    rounds = max(effort.least_rounds, min(effort.most_rounds, int(effort.seconds / a_round)))
    results = {name: Times(calls.get(name, 1)) for name in (*functions, *clocks)}
    names, rng = list(results), random.Random(seed)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            rng.shuffle(names)
            for name in names:
                if name in clocks:
                    results[name].seconds.append(clocks[name]())
                else:
                    if once[name] < _LONG:
                        functions[name]()
                    results[name].seconds.append(_seconds(functions[name], calls[name]))
    finally:
        if collecting:
            gc.enable()
    return results


def _seconds(function: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls
