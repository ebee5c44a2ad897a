"""An exact test of a sampler: no tolerance, a false-alarm rate.

On each of a few fixed instances n responses are drawn and counted.  If the sampler is right, the number of responses
in any set of probability p is binomial(n, p), exactly.  The sets are each response, all responses through each
prefix, and, of pairs of draws, those that are equal, of probability Σ p²; draws come in two calls, and pairs are draws
1, 2, 3, 5 or 7 apart, half a call apart, or at one place of the two calls, no draw in two pairs.  An instance is
rejected if some count is so far out that its exact two-sided p-value, times the number of sets, is at most its share
of the false-alarm rate (Bonferroni); and at once for a response that is impossible.  So a right sampler is rejected
with a probability of at most the stated rate, over the whole check.
"""

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from operator import itemgetter
from typing import Any, Final

import numpy as np
from scipy.special import bdtr, bdtrc, ndtri  # scipy.stats would take half a second to import

from proofs_check.claim import Mistake
from proofs_check.evidence import planted
from proofs_check.library import LIBRARY
from proofs_check.mistakes.draws import DRAWS
from proofs_check.testing.adapters import Unreadable
from proofs_check.testing.cases import Case, Options
from proofs_check.testing.diagnosis import candidates
from proofs_check.testing.judging import message
from proofs_check.testing.kinds import KINDS
from proofs_check.testing.kinds.kind import named_arguments
from proofs_check.testing.witnesses import plainest, witnesses
from proofs_check.toolkit import Toolkit
from tabular_bellman import EOS, SequenceSpace, TabularBellmanError
from tabular_bellman.extended import FloatArray
from tabular_bellman.tokens import Response

__all__ = ["Drawn", "Rejected", "sample_all", "sampler_diagnosis", "smallest_seen"]

_KIND: Final = KINDS["sampler"]
_EQUAL: Final = "a draw equal to"
_LAGS: Final = (1, 2, 3, 5, 7)


@dataclass(frozen=True)
class Rejected:
    """The set of responses whose count is furthest out.

    Attributes
    ----------
    what : str
    count, n : int
    probability : float
        Of one draw.
    p_value : float
        Times the number of sets; 0 for what is impossible.
    """

    what: str
    count: int
    n: int
    probability: float
    p_value: float


@dataclass(frozen=True)
class Drawn:
    """The draws on one instance.

    Attributes
    ----------
    case : Case
    draws : list of (prompt index, response)
    chances : ndarray of shape (P, n_responses)
    rejected : Rejected, optional
    failure : str
    """

    case: Case
    draws: list[tuple[int, Response]]
    chances: FloatArray
    rejected: Rejected | None = None
    failure: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the draws are such as a right sampler makes."""
        return self.rejected is None and not self.failure


def sample_all(o: Options, function: Callable[..., Any]) -> list[Drawn]:
    """Test a sampler on the fixed instances.

    Raises
    ------
    TabularBellmanError
        If it cannot be called on the plainest one.
    """
    chosen = [plainest(_KIND, o), *witnesses(_KIND, o)]
    level = o.false_alarm / len(chosen)
    found = []
    for number, case in enumerate(chosen):
        drawn = _draw(o, function, case, number)
        if not number and drawn.failure:
            raise _KIND.uncallable(o, drawn.failure)
        found.append(
            drawn if drawn.failure else replace(drawn, rejected=_test(case.space, drawn.draws, drawn.chances, level))
        )
    return found


def _draw(o: Options, function: Callable[..., Any], case: Case, number: int) -> Drawn:
    """Draw in two calls, each half, with seeds of their own: what is the same in both is no chance."""
    chances = _chances(LIBRARY, o, case, next(iter(_KIND.routes(o))))
    halves: list[list[tuple[int, Response]]] = []
    try:
        for half, n in enumerate((o.examples // 2, o.examples - o.examples // 2)):
            with _seeded(o.seed + 1000 * half + number) as seed:
                halves.append(list(_draws(o, function, case, n, seed)) if n else [])
    except Unreadable as error:
        return Drawn(case, [], chances, failure=f"returned {error}")
    except (Exception, SystemExit) as error:
        return Drawn(case, [], chances, failure=f"raised {message(error)}")
    return Drawn(case, [*halves[0], *halves[1]], chances)


def _draws(o: Options, function: Callable[..., Any], case: Case, n: int, seed: int) -> Iterator[tuple[int, Response]]:
    a = o.adapter
    named = named_arguments(o, case)
    if "rng" in o.named:
        named["rng"] = np.random.default_rng(seed)
    if "seed" in o.named:
        named["seed"] = seed
    found = function(a.table(case.table), *a.extras(case.space), n, **named)
    n_all = n * (case.space.n_prompts if a.prompts else 1)
    try:
        found = [found[i] for i in range(len(found))] if hasattr(found, "__len__") else list(islice(found, n_all + 1))
    except (TypeError, KeyError):
        raise Unreadable(f"a {type(found).__name__}, where {n} responses were expected") from None
    if len(found) != n_all:
        raise Unreadable(f"{len(found)} responses, where {n} were asked for")
    return (a.read_response(case.space, item) for item in found)


@contextmanager
def _seeded(seed: int) -> Iterator[int]:
    """Seed the global generators, and put them back afterwards."""
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    torch = sys.modules.get("torch")
    torch_state = None if torch is None else torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    if torch is not None:
        torch.manual_seed(seed % 2**63)
    try:
        yield seed
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(torch_state)


def _chances(kit: Toolkit[Any], o: Options, case: Case, way: str) -> FloatArray:
    """Return the chances of all responses, shape (P, n)."""
    parts = _KIND.routes(o)[way](kit, o, case)
    return np.asarray(np.exp(np.asarray(parts[0].values[0])).T)


def _test(
    space: SequenceSpace, draws: list[tuple[int, Response]], chances: FloatArray, level: float
) -> Rejected | None:
    """Return what is furthest out, if it is beyond the level."""
    furthest = min(_tests(space, draws, chances), key=lambda test: test.p_value)
    return furthest if furthest.p_value <= level else None


def _tests(space: SequenceSpace, draws: list[tuple[int, Response]], chances: FloatArray) -> list[Rejected]:
    """Return all sets with their counts; the p-values are corrected for their number."""
    n = len(draws) // space.n_prompts
    sets: list[tuple[str, int, int, float]] = []
    for p, prompt in enumerate(space.prompts):
        mine = [response for index, response in draws if index == p]
        to = "" if space.n_prompts == 1 else f" to prompt {prompt!r}"
        if len(mine) != n:
            return [Rejected(f"responses{to}", len(mine), n, 1.0, 0.0)]
        known = {response: chances[p, i] for i, response in enumerate(space.responses())}
        counts = Counter(mine)
        for response, count in counts.items():
            if known.get(response, 0.0) == 0.0:
                endless = space.has_eos and (not response or response[-1] is not EOS)
                why = "which has no end" if endless else "which is impossible"
                return [Rejected(f"response {response!r}{to}, {why}", count, n, 0.0, 0.0)]
        sets += [(f"response {y!r}{to}", counts[y], n, chance) for y, chance in known.items() if chance > 0.0]
        sets += _through_prefixes(space, counts, known, n, to)
        for which, pairs in filter(itemgetter(1), _pairings(mine)):
            equal = sum(x == y for x, y in pairs)
            sets.append((f"{_EQUAL} {which}{to}", equal, len(pairs), float((chances[p] ** 2).sum())))
    return [
        Rejected(what, count, size, chance, _p_value(count, size, chance) * len(sets))
        for what, count, size, chance in sets
    ]


def _pairings(draws: list[Response]) -> list[tuple[str, list[tuple[Response, Response]]]]:
    """Pair the draws of two calls in several ways, no draw twice in one of them."""
    calls = draws[: len(draws) // 2], draws[len(draws) // 2 :]
    halves = [pair for call in calls for pair in zip(call[: len(call) // 2], call[len(call) // 2 :], strict=False)]
    return [
        *((f"the one {lag} before", _lagged(draws, lag)) for lag in _LAGS),
        ("the one half a call before", halves),
        ("the one at its place in the other call", list(zip(*calls, strict=False))),
    ]


def _lagged(draws: list[Response], lag: int) -> list[tuple[Response, Response]]:
    """Pair draws that are `lag` apart, block by block."""
    return [(draws[i], draws[i + lag]) for i in range(len(draws) - lag) if i % (2 * lag) < lag]


def _through_prefixes(
    space: SequenceSpace, counts: Counter[Response], known: dict[Response, float], n: int, to: str
) -> list[tuple[str, int, int, float]]:
    through: dict[Response, list[float]] = {}
    for response, chance in known.items():
        for t in range(1, len(space.response_tokens(response)) + (1 if space.has_eos else 0)):
            entry = through.setdefault(response[:t], [0.0, 0.0])
            entry[0] += counts[response]
            entry[1] += chance
    return [
        (f"prefix {prefix!r}{to}", int(count), n, chance)
        for prefix, (count, chance) in through.items()
        if 0.0 < chance < 1.0
    ]


def _p_value(count: int, n: int, chance: float) -> float:
    """Return the exact two-sided p-value of a binomial count: twice the smaller tail."""
    # Chances are computed, with some 7e-10 where numbers are large; nudged against rejection, so that the rate holds.
    at_most = bdtr(count, n, max(0.0, chance * (1.0 - 1e-9)))
    at_least = 1.0 if count == 0 else bdtrc(count - 1, n, min(1.0, chance * (1.0 + 1e-9)))
    return float(min(1.0, 2.0 * min(at_most, at_least)))


def sampler_diagnosis(o: Options, found: list[Drawn]) -> list[Mistake]:
    """Return the mistakes whose chances all the draws pass for, and those of a right sampler do not."""
    usable = [drawn for drawn in found if not drawn.failure]
    fitting = [mistake for mistake in candidates(_KIND, o) if _passes(o, mistake, usable)]
    return fitting or (list(DRAWS) if any(_repeats(o, drawn, len(found)) for drawn in usable) else [])


def _repeats(o: Options, drawn: Drawn, n_instances: int) -> bool:
    """Tell whether equal draws come together more often than independent ones of these frequencies would."""
    space, chances = drawn.case.space, np.zeros_like(drawn.chances)
    number = {response: i for i, response in enumerate(space.responses())}
    known = all(response in number for _, response in drawn.draws)
    if drawn.rejected is None or not known or {prompt for prompt, _ in drawn.draws} != set(range(space.n_prompts)):
        return False
    for prompt, response in drawn.draws:
        chances[prompt, number[response]] += 1.0
    chances /= chances.sum(axis=1, keepdims=True)
    if (chances == 1.0).any(axis=1).all():
        return True  # all draws are one
    return any(
        test.what.startswith(_EQUAL) and test.p_value <= o.false_alarm / n_instances
        for test in _tests(space, drawn.draws, chances)
        if test.count > test.n * test.probability
    )


def _passes(o: Options, mistake: Mistake, found: list[Drawn]) -> bool:
    for drawn in found:
        try:
            with np.errstate(all="ignore"):
                chances = _chances(planted(mistake), o, drawn.case, mistake.replaces)
        except TabularBellmanError:
            return False
        total = chances.sum(axis=1, keepdims=True)
        if not np.allclose(total, 1.0, atol=1e-9):
            return False  # not the chances of anything that can be drawn within the space
        if _test(drawn.case.space, drawn.draws, chances / total, o.false_alarm / len(found)) is not None:
            return False
    return True


def smallest_seen(o: Options, found: list[Drawn]) -> float:
    """Return by how much a chance of 1/2 must be off to be seen, more often than not: a normal approximation."""
    n_sets = max(2 * drawn.chances.size for drawn in found)
    return float(-ndtri(o.false_alarm / len(found) / n_sets / 2.0) * np.sqrt(0.25 / o.examples))
