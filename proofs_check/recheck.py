"""Check certificates again, from the mathematics alone: ``python recheck.py FOLDER`` (nothing to be installed).

A certificate says: on this instance, these are the two sides of each comparison of a claim, and they are related so.
Nothing of the code that wrote it is used here.  Both sides are derived once more, by enumeration, from the definition
of the claim (below, one function for each), in numbers that do not round or that say by how much.

Format (a file holds a list of certificates, one for each instance)::

    {"format": 1, "claim": "P1-logZ", "verdict": "EXACT" | "CERTIFIED" | "REFUTED", "strength": "exact" | "certified",
     "bits": 128,                              of the balls; 0 where there are none
     "instance": {"name": ..., "vocab": [token, ...], "prompts": [prompt, ...], "min_length": 1, "max_length": 3,
                  "ends_with_eos": true, "temperature": "2", "tables": {"reward": [[prompt, [token, ...], token or null
                  for EOS, number], ...], "potential": [[prompt, [token, ...], number], ...], "prompt_weights":
                  [number, ...], ...}, "lifted": [[number, ...], ...], "numbers": [[...]], "other_is_given": true},
     "comparisons": [{"what": ..., "relation": "equal" | "at most" | "differs", "left": [...], "right": [...]}, ...]}

Tables hold logarithms (nats).  For some claims `lifted` and `numbers` have what the claim's body made into logarithms
and into numbers, array by array in the order of its calls, the tables among them.  A pair of tables whose second is
given, and not drawn, is one of many, beside which constants are not compared again.
A number is "p/q"; {"log": number}; {"constant": "p/q", "logs": [[factor, argument], ...]}, the constant plus multiples
of logarithms; a ball {"mid": [m, e], "rad": [n, f]}, which is m·2^e ± n·2^f; or "-inf", "inf".

EXACT and CERTIFIED are accepted where the comparisons are those of the definition, each number agrees with the
definition's (equals it; or its ball, narrower than 1e-15, meets an enclosure of it narrower than 1e-35, both relative
to max(1, |x|)), and each relation holds, both between the numbers as printed and between those of the definition
("equal": balls whose difference holds 0 and is narrower than 1e-30; "at most": told apart, or equal in this sense).

REFUTED is about one comparison, the one numbered `at` from 0, which must fail as printed.  `wrong` names the side that
is not the definition's ("left" or "right": that of code that computes something else; the other side must agree); or
nothing (""), where the statement itself fails: both sides must agree.  What wrong code gave cannot be derived again:
of that side it is checked that it is not what the definition says, where the comparison fails.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import islice, product
from math import gcd, inf, isfinite
from pathlib import Path
from typing import Any, Final, TypeAlias, Union

__all__ = ["DEFINITIONS", "MADE", "NO_DEFINITION", "main", "recheck"]

_AGREES: Final = 10**35  # what is derived here is narrower than this part of max(1, |x|)
_PRINTS: Final = 10**15  # and what a certificate says, than this part
_TELLS: Final = 10**30  # balls are one number where their difference is narrower than this part
_MOST_BITS: Final = 4096
_MOST_PAIRS: Final = 200_000
_LARGEST: Final = 1 << 24  # exponents


class Rejected(Exception):
    """Why a certificate is not accepted."""


class TooWide(Exception):
    """An enclosure does not tell; more bits may."""


# -- numbers -----------------------------------------------------------------------------------------------------------


class Work:
    """How numbers are computed at present: exactly, or in enclosures of so many bits."""

    exact = True
    bits = 192


Real: TypeAlias = Union["Number", float]  # a float is inf or -inf
Exactly: TypeAlias = int | Fraction
_ZERO: Final = Fraction(0)


class Number:
    """A rational plus rational multiples of logarithms of rationals; or a ball (m ± r)·2^e, as integers (m, r, e)."""

    __slots__ = ("ball", "logs", "rational")

    def __init__(
        self,
        rational: Exactly = _ZERO,
        logs: dict[Fraction, Fraction] | None = None,
        ball: tuple[int, int, int] | None = None,
    ) -> None:
        self.rational = rational if type(rational) is Fraction else Fraction(rational)
        self.logs, self.ball = logs or {}, ball

    @staticmethod
    def of(x: "Number | Exactly") -> "Number":
        """Take an integer, a rational or a number."""
        return x if isinstance(x, Number) else Number(x)

    def enclosed(self) -> tuple[int, int, int]:
        """Return a ball around it."""
        if self.ball is not None:
            return self.ball
        p, q = self.rational.numerator, self.rational.denominator
        shift = Work.bits + q.bit_length() - p.bit_length()
        found = (p, 0, 0) if q == 1 else (_shifted(p, shift) // q, 2, -shift)
        for argument, factor in self.logs.items():
            found = _plus(found, _times(Number(factor).enclosed(), _log(argument.numerator, argument.denominator)))
        return _rounded(*found)

    def is_zero(self) -> bool:
        """Decide whether it is exactly 0; a ball never is known to be."""
        if self.ball is not None or self.rational or not self.logs:
            return self.ball is None and not self.rational and not self.logs
        # Logarithms of pairwise coprime integers are independent over the rationals, and with 1 (Lindemann).
        powers: dict[int, Fraction] = {}
        for argument, factor in self.logs.items():
            for integer, sign in ((argument.numerator, 1), (argument.denominator, -1)):
                twos = (integer & -integer).bit_length() - 1  # weights have many factors 2, which gcds find slowly
                powers[2] = powers.get(2, Fraction(0)) + sign * twos * factor
                odd = integer >> twos
                powers[odd] = powers.get(odd, Fraction(0)) + sign * factor
        base = _coprime([x for x, power in powers.items() if x > 1 and power])
        return not any(sum(power * _multiplicity(x, b) for x, power in powers.items() if x > 1) for b in base)

    def sign(self) -> int:
        """Return -1, 0 or 1; for a ball, where it tells."""
        if self.ball is None and not self.logs:
            return (self.rational > 0) - (self.rational < 0)
        if self.ball is None and self.is_zero():
            return 0
        before = Work.bits
        try:
            while True:
                m, r, _ = self.enclosed()
                if abs(m) > r or not r:
                    return (m > 0) - (m < 0)
                if self.ball is not None:
                    raise TooWide
                Work.bits *= 2
        finally:
            Work.bits = before

    def __add__(self, other: Any) -> Any:
        if isinstance(other, float):
            return other if not isfinite(other) else self + Fraction(other)
        x, y = self, Number.of(other)
        if x.ball is not None or y.ball is not None:
            return Number(ball=_plus(x.enclosed(), y.enclosed()))
        logs = dict(x.logs)
        for argument, factor in y.logs.items():
            logs[argument] = logs.get(argument, 0) + factor
        return Number(x.rational + y.rational, {a: f for a, f in logs.items() if f} if logs else None)

    __radd__ = __add__

    def __neg__(self) -> "Number":
        if self.ball is None:
            return Number(-self.rational, {a: -f for a, f in self.logs.items()})
        m, r, e = self.ball
        return Number(ball=(-m, r, e))

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return (-self) + other

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, float):
            return other * self.sign() if not isfinite(other) else self * Fraction(other)
        x, y = self, Number.of(other)
        if x.ball is None and y.ball is None:
            if x.logs and not y.logs:
                x, y = y, x
            if not x.logs:
                factor = x.rational
                return Number(y.rational * factor, {a: f * factor for a, f in y.logs.items()} if factor else None)
            _inexact("a product of logarithms")
        if (x.ball is None and not x.rational and not x.logs) or (y.ball is None and not y.rational and not y.logs):
            return Number(0)
        return Number(ball=_times(x.enclosed(), y.enclosed()))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        y = Number.of(Fraction(other) if isinstance(other, float) else other)
        if y.ball is None and not y.logs:
            if not y.rational:
                raise Rejected("a division by 0")
            return self * (1 / y.rational)
        if y.ball is None:
            _inexact("a quotient of logarithms")
        m, r, e = y.enclosed()
        if abs(m) <= r:
            raise TooWide
        shift = abs(m).bit_length() + Work.bits
        radius = (r << shift) // (abs(m) * (abs(m) - r)) + 2  # |1/m - 1/(m ± r)| ≤ r/(|m|(|m| - r))
        return self * Number(ball=_rounded((1 << shift) // m, radius, -shift - e))

    def __rtruediv__(self, other: Any) -> Any:
        return Number.of(other) / self

    def __abs__(self) -> "Number":
        if self.ball is None:
            return -self if self.sign() < 0 else self
        m, r, e = self.ball
        if abs(m) >= r:
            return Number(ball=(abs(m), r, e))
        return Number(ball=(abs(m) + r, abs(m) + r, e - 1))  # from 0 to |m| + r


def _inexact(what: str) -> None:
    if Work.exact:
        raise Rejected(f"{what} has no exact form")


def _shifted(x: int, by: int) -> int:
    return x << by if by >= 0 else x >> -by


def _rounded(m: int, r: int, e: int) -> tuple[int, int, int]:
    """Round to the bits of the work, outward."""
    excess = max(m.bit_length() - Work.bits, r.bit_length() - 32)
    return (m, r, e) if excess <= 0 else (m >> excess, (r >> excess) + 2, e + excess)


def _plus(x: tuple[int, int, int], y: tuple[int, int, int]) -> tuple[int, int, int]:
    if not (x[0] or x[1]) or not (y[0] or y[1]):
        return y if not (x[0] or x[1]) else x
    e = min(x[2], y[2])
    a, b = x[2] - e, y[2] - e
    return _rounded((x[0] << a) + (y[0] << b), (x[1] << a) + (y[1] << b), e)


def _times(x: tuple[int, int, int], y: tuple[int, int, int]) -> tuple[int, int, int]:
    return _rounded(x[0] * y[0], abs(x[0]) * y[1] + abs(y[0]) * x[1] + x[1] * y[1], x[2] + y[2])


def _twice_artanh(z: int, w: int) -> tuple[int, int]:
    """Return 2 artanh z and a bound of its error, in units of 2^-w; |z| ≤ 1/3 may be off by a unit."""
    square, power, total, k = z * z >> w, z, z, 1
    while power not in (0, -1):
        power = power * square >> w
        k += 2
        total += power // k
    # Each of the (k+1)/2 terms is off by less than 2 units, what is cut off is less than 1.
    return 2 * total, 4 * k + 8


@lru_cache
def _log_2(w: int) -> tuple[int, int]:
    return _twice_artanh((1 << w) // 3, w)


def _log(p: int, q: int = 1, r: int = 0, e: int = 0) -> tuple[int, int, int]:
    """Return a ball around the logarithm of (p ± r)/q·2^e, by the series of artanh."""
    if p <= r:
        raise TooWide
    w, shift = Work.bits + 32, p.bit_length() - q.bit_length()
    a, b = (p, q << shift) if shift >= 0 else (p << -shift, q)  # a/b from 1/2 to 2
    if 3 * a > 4 * b:
        b, shift = 2 * b, shift + 1
    elif 3 * a < 2 * b:
        a, shift = 2 * a, shift - 1
    value, error = _twice_artanh(((a - b) << w) // (a + b), w)
    more = (shift + e).bit_length() + 16
    two, off = _log_2(w + more)
    value, error = value + ((shift + e) * two >> more), error + (abs(shift + e) * off >> more) + 2
    return _rounded(value, error + (((r << w) // (p - r) + 1) if r else 0), -w)


def _log_of(x: Fraction) -> Number:
    return Number(_ZERO, None if x == 1 else {x: Fraction(1)})


def log(x: Any) -> Real:
    """Return log x; -inf for 0."""
    x = Number.of(x)
    if x.ball is None:
        if x.logs:
            _inexact("the logarithm of a logarithm")
        elif x.rational <= 0:
            if x.rational < 0:
                raise Rejected("the logarithm of a number below 0")
            return -inf
        elif Work.exact or x.rational == 1:
            return _log_of(x.rational)
        else:
            return Number(ball=_log(x.rational.numerator, x.rational.denominator))
    m, r, e = x.enclosed()
    return Number(ball=_log(m, 1, r, e))


def exp(x: Any) -> Number:
    """Return e^x; 0 for -inf."""
    if isinstance(x, float):
        return Number(0) if x == -inf else exp(Number(Fraction(x)))
    x = Number.of(x)
    if x.ball is None:
        roots = [_power(argument, factor) for argument, factor in x.logs.items()]
        if all(root is not None for root in roots):
            found = Number(1)
            for root in roots:
                found = found * root
            return found if not x.rational else found * _exp(Number(x.rational))
    return _exp(x)


def _exp(x: Number) -> Number:
    _inexact("an exponential")
    w = Work.bits + 32
    if x.ball is None and not x.logs:
        value, radius = (x.rational.numerator << w) // x.rational.denominator, 1
    else:
        m, r, e = x.enclosed()
        value, radius = _shifted(m, e + w), _shifted(r, e + w) + 2
    if abs(value) >> w > _LARGEST:
        raise Rejected("an exponential beyond all bounds")
    if radius >> w:
        raise TooWide
    k = value // _log_2(w)[0]
    more = k.bit_length() + 16
    rest = value - (k * _log_2(w + more)[0] >> more)  # from about 0 to log 2, off by 3 units besides the radius
    term = total = 1 << w
    n = 0
    while term not in (0, -1):
        n += 1
        term = (term * rest >> w) // n
        total += term
    # Each term is off by less than 6 units, and e^R - 1 ≤ 2R for R ≤ 1, of what may be off itself.
    return Number(ball=_rounded(total, 24 * n + 48 + (2 * total * radius >> w) + 1, k - w))


def _power(x: Fraction, exponent: Fraction) -> Number | None:
    """Return x^exponent where that is rational."""
    if max(abs(exponent.numerator), exponent.denominator) > 1000:
        return None
    raised = x**exponent.numerator
    parts = [_integer_root(part, exponent.denominator) for part in (raised.numerator, raised.denominator)]
    return None if parts[0] is None or parts[1] is None else Number(Fraction(parts[0], parts[1]))


def _integer_root(x: int, order: int) -> int | None:
    low, high = 0, 1 << (x.bit_length() // order + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**order < x else (low, middle)
    return low if low**order == x else None


def _coprime(waiting: list[int]) -> list[int]:
    """Return pairwise coprime integers above 1 of which each given one is a product."""
    base: list[int] = []
    while waiting:
        x = waiting.pop()
        for i, b in enumerate(base):
            common = gcd(x, b)
            if common > 1:
                base.pop(i)
                waiting.extend(part for part in (common, b // common, x // common) if part > 1)
                break
        else:
            base.append(x)
    return base


def _multiplicity(x: int, base: int) -> int:
    count = 0
    while x % base == 0:
        x, count = x // base, count + 1
    return count


def largest(numbers: Iterable[Any]) -> Any:
    """Return the largest of some numbers; balls need not be told apart for it."""
    found: Any = -inf
    for x in numbers:
        if isinstance(found, float) or isinstance(x, float):
            found = x if found == -inf or x == inf else found
            continue
        gap = x - found
        if gap.ball is not None:
            found = (x + found + abs(gap)) * Fraction(1, 2)
        elif gap.sign() > 0:
            found = x
    return found


def smallest(numbers: Iterable[Any]) -> Any:
    """Return the smallest of some numbers."""
    return -largest(-x for x in numbers)


def total(numbers: Iterable[Any]) -> Any:
    """Return the sum of some numbers."""
    found: Any = Number(0)
    for x in numbers:
        found = x + found if isinstance(found, float) else found + x
    return found


def mean(pairs: Iterable[tuple[Any, Any]]) -> Any:
    """Return Σ weight·value of (weight, value), where a weight of 0 counts as 0 whatever the value is."""
    return total(weight * value for weight, value in pairs if not is_zero(weight))


def is_zero(x: Any) -> bool:
    """Tell whether a weight is exactly 0."""
    return Number.of(x).is_zero()


# -- trees of responses ------------------------------------------------------------------------------------------------

Pair: TypeAlias = tuple[int, tuple[int, ...], int | None]  # prompt, prefix, action; by number, None for EOS
Place: TypeAlias = tuple[int, tuple[int, ...]]  # prompt and prefix
Reply: TypeAlias = tuple[int, tuple[int | None, ...]]  # prompt and response
Table: TypeAlias = Mapping[Any, Any]


class Tree:
    """All responses to each prompt, and what is added up over them.

    Tables are dicts by pair (prompt, prefix, action), by place (prompt, prefix) or by reply (prompt, response); results
    for each prompt are lists.  `pairs(t)`, `places(t)` and `replies` are in the order of certificates: the action, or
    the response, slowest; then the last token of the prefix, …, the first; the prompt fastest.
    """

    def __init__(self, V: int, T: int, P: int = 1, first: int = 1, eos: bool = True) -> None:
        self.V, self.T, self.P, self.first, self.eos = V, T, P, first, eos
        self.prompts = range(P)
        self.all_places: list[Place] = [place for t in range(T) for place in self.places(t)]
        self.all_pairs: list[Pair] = [pair for t in range(T) for pair in self.pairs(t)]
        lengths = range(first, T + 1) if eos else [T + 1]
        end: tuple[int | None, ...] = (None,) if eos else ()
        self.responses = [(*y, *end) for n in lengths for y in product(range(V), repeat=n - 1)]
        self.replies: list[Reply] = [(x, y) for y in self.responses for x in self.prompts]

    def actions(self, t: int) -> list[int | None]:
        """The actions after t tokens."""
        tokens: list[int | None] = list(range(self.V)) if not self.eos or t < self.T - 1 else []
        return [*tokens, None] if self.eos and t >= self.first - 1 else tokens

    def places(self, t: int) -> list[Place]:
        """(prompt, prefix) for all prefixes of t tokens."""
        return [(x, s[::-1]) for s in product(range(self.V), repeat=t) for x in self.prompts]

    def pairs(self, t: int) -> list[Pair]:
        """(prompt, prefix, action) for all prefixes of t tokens."""
        return [(x, s, a) for a in self.actions(t) for x, s in self.places(t)]

    def at(self, place: Place) -> list[Pair]:
        """The pairs at one place."""
        return [(*place, a) for a in self.actions(len(place[1]))]

    def path(self, reply: Reply) -> list[Pair]:
        """The pairs along a response."""
        x, y = reply
        return [(x, y[:t], a) for t, a in enumerate(y)]  # type: ignore[misc]  # EOS comes last

    def child(self, pair: Pair) -> Place | None:
        """Where a pair leads to; None at the end of a response."""
        x, s, a = pair
        return None if a is None or len(s) + 1 == self.T else (x, (*s, a))

    def per_prompt(self, f: Callable[[list[Reply]], Any]) -> list[Any]:
        """A function of the replies of each prompt."""
        return [f([(x, y) for y in self.responses]) for x in self.prompts]

    # Along responses.

    def totals(self, table: Table) -> dict[Reply, Any]:
        """R(x, y), the sum along each response."""
        return {reply: total(table[pair] for pair in self.path(reply)) for reply in self.replies}

    def products(self, weights: Table) -> dict[Reply, Any]:
        """The product along each response."""
        found = {}
        for reply in self.replies:
            found[reply] = Number(1)
            for pair in self.path(reply):
                found[reply] = found[reply] * weights[pair]
        return found

    def sums(self, f: Table) -> list[Any]:
        """Σ_y f(x, y)."""
        return self.per_prompt(lambda replies: total(f[reply] for reply in replies))

    def ebm(self, weights: Table) -> dict[Reply, Any]:
        """p_R, where the weights are exp r: products along responses over their sum."""
        found = self.products(weights)
        sums = self.sums(found)
        return {reply: x / sums[reply[0]] for reply, x in found.items()}

    def arm(self, weights: Table) -> dict[Reply, Any]:
        """p_q, where the weights are exp q: products of the policy."""
        return self.products(self.policy(weights))

    # At prefixes.

    def below(self, weights: Table) -> dict[Place, Any]:
        """For each prefix, the sum over its completions of the products of weights: exp V, by enumeration."""
        found: dict[Place, Any] = {place: Number(0) for place in self.all_places}
        for x, y in self.replies:
            tail = Number(1)
            # Each response completes each of its prefixes.
            for pair in reversed(self.path((x, y))):
                tail = tail * weights[pair]
                found[pair[:2]] = found[pair[:2]] + tail
        return found

    def values(self, weights: Table) -> dict[Place, Any]:
        """exp V_q of q = M(r) by eq. (6), where the weights are exp r: exp V(s) = Σ_a exp(r(s, a) + V(s⊕a))."""
        found: dict[Place, Any] = {}
        for place in reversed(self.all_places):
            found[place] = total(self._ahead(weights, found, pair) for pair in self.at(place))
        return found

    def bellman(self, weights: Table) -> dict[Pair, Any]:
        """exp M(r): q(s, a) = r(s, a) + V(s⊕a), V = 0 at the end."""
        values = self.values(weights)
        return {pair: self._ahead(weights, values, pair) for pair in self.all_pairs}

    def _ahead(self, weights: Table, values: Table, pair: Pair) -> Any:
        child = self.child(pair)
        return weights[pair] if child is None else weights[pair] * values[child]

    def inverse(self, weights: Table) -> dict[Pair, Any]:
        """exp M⁻¹(q), where the weights are exp q: r(s, a) = q(s, a) - V_q(s⊕a); 0 where q is -inf."""
        sums = self.local(weights)
        found = dict(weights)
        for pair in self.all_pairs:
            child = self.child(pair)
            if child is not None and not is_zero(weights[pair]):
                found[pair] = weights[pair] / sums[child]
        return found

    def local(self, weights: Table) -> dict[Place, Any]:
        """Σ_a exp q(s, a)."""
        return {place: total(weights[pair] for pair in self.at(place)) for place in self.all_places}

    def policy(self, weights: Table) -> dict[Pair, Any]:
        """softmax of q at each prefix, where the weights are exp q; 0 throughout where there is nothing."""
        sums = self.local(weights)
        return {
            pair: Number(0) if is_zero(sums[pair[:2]]) else weights[pair] / sums[pair[:2]] for pair in self.all_pairs
        }

    def passing(self, policy: Table) -> dict[Place, Any]:
        """The chance of passing through each prefix."""
        found: dict[Place, Any] = {(x, ()): Number(1) for x in self.prompts}
        for pair in self.all_pairs:
            child = self.child(pair)
            if child is not None:
                found[child] = found[pair[:2]] * policy[pair]
        return found

    # Informations.

    def expect(self, p: Table, f: Table) -> list[Any]:
        """E_p f, of each prompt."""
        return self.per_prompt(lambda replies: mean((p[reply], f[reply]) for reply in replies))

    def entropy(self, p: Table) -> list[Any]:
        """H(p), of each prompt."""
        return [-x for x in self.expect(p, {reply: log(p[reply]) for reply in self.replies})]

    def kl(self, p: Table, q: Table) -> list[Any]:
        """KL(p‖q), of each prompt."""
        return self.expect(p, log_ratios(p, q))

    def step_kl(self, policy: Table, other: Table) -> dict[Place, Any]:
        """KL(π‖π') at each prefix."""
        ratios = log_ratios(policy, other)
        return {place: mean((policy[k], ratios[k]) for k in self.at(place)) for place in self.all_places}

    def over_places(self, chances: Table, f: Table) -> list[Any]:
        """Σ_s chance(s) f(s) over the prefixes of each prompt."""
        return [mean((chances[k], f[k]) for k in self.all_places if k[0] == x) for x in self.prompts]

    def furthest(self, f: Table, g: Table) -> dict[Place, Any]:
        """max_a |f - g| at each prefix over the actions that f allows, of logarithms; 0 where there are none."""
        gaps = {k: abs(f[k] - g[k]) for k in self.all_pairs if f[k] != -inf}
        return {s: largest([Number(0), *(gaps[k] for k in self.at(s) if k in gaps)]) for s in self.all_places}

    def most(self, f: Table) -> list[Any]:
        """The largest of f over the places of each prompt."""
        return [largest(f[place] for place in self.all_places if place[0] == x) for x in self.prompts]


def log_ratios(p: Table, q: Table) -> dict[Any, Any]:
    """log(p/q); inf where q is 0, and 0 where p is."""
    return {k: Number(0) if is_zero(x) else inf if is_zero(q[k]) else log(x / q[k]) for k, x in p.items()}


def exps(table: Table, temperature: Exactly = 1) -> dict[Any, Any]:
    """exp(r/τ)."""
    return {k: exp(x if isinstance(x, float) else x / temperature) for k, x in table.items()}


def logs(weights: Table) -> dict[Any, Any]:
    """The logarithms of weights; -inf for 0."""
    return {k: log(x) for k, x in weights.items()}


def plus(*tables: Table) -> dict[Any, Any]:
    """The sum of tables of logarithms."""
    return {k: total(table[k] for table in tables) for k in tables[0]}


class Case(Tree):
    """The instance of a certificate: a tree, and logarithms in tables.

    `table("other")` and `table("direction")` are by pair, `table("potential")` by place, `prompt_weights` by prompt;
    `rewards` and `logits` are those of the reward, -inf in `logits` where a pair is not `live`, as in `masked(table)`.
    `temperature`, `lifted`, `numbers` and `given` are as in the format; `vocab` and `names` are tokens and prompts.
    """

    def __init__(self, instance: Mapping[str, Any]) -> None:
        self.vocab, self.names = (tuple(map(_frozen, instance[key])) for key in ("vocab", "prompts"))
        for names in (self.vocab, self.names):
            if not names or len(set(names)) < len(names):
                raise Rejected("no tokens or no prompts, or one of them twice")
        low, high, eos = instance["min_length"], instance["max_length"], instance["ends_with_eos"]
        if [type(low), type(high), type(eos)] != [int, int, bool] or not 1 <= low <= high or (not eos and low != high):
            raise Rejected("lengths that no responses have")
        if high > 1000 or len(self.names) * len(self.vocab) ** (high - eos) > _MOST_PAIRS:
            raise Rejected("an instance too large to be written out")
        super().__init__(len(self.vocab), high, len(self.names), low, eos)
        self.temperature = _rational(instance["temperature"])
        if self.temperature <= 0:
            raise Rejected("a temperature that is not positive")
        self._tables: Mapping[str, Any] = instance["tables"]
        self._read: dict[str, dict[Any, Any]] = {}
        self.rewards = self.table("reward")
        self.live: set[Pair] = set()
        for pair in reversed(self.all_pairs):  # those from which some way to the end is allowed
            child = self.child(pair)
            if self.rewards[pair] != -inf and (child is None or any(k in self.live for k in self.at(child))):
                self.live.add(pair)
        if len({x for x, s, _ in self.live if not s}) < self.P:
            raise Rejected("an instance without responses to some prompt")
        self.logits = self.masked(self.rewards)
        self.given = instance.get("other_is_given", False)
        self.lifted, self.numbers = (
            [[number(x) for x in array] for array in instance.get(key, [])] for key in ("lifted", "numbers")
        )

    def table(self, name: str) -> dict[Any, Any]:
        """Return a table: one number for each pair, or place, and no other."""
        if name in self._read:
            return self._read[name]
        if name not in self._tables:
            raise Rejected(f"there is no table '{name}'")
        order: list[Any] = self.all_places if name == "potential" else self.all_pairs
        prompts, tokens = ({x: i for i, x in enumerate(each)} for each in (self.names, self.vocab))
        found: dict[Any, Any] = {}
        for prompt, prefix, *action, value in self._tables[name]:
            key = (prompts.get(_frozen(prompt)), tuple(tokens.get(_frozen(token), -1) for token in prefix))
            found[(*key, *(None if a is None else tokens.get(_frozen(a), -1) for a in action))] = number(value)
        if len(self._tables[name]) != len(order) or found.keys() != set(order) or inf in found.values():
            raise Rejected(f"table '{name}': not one number for each of its entries")
        self._read[name] = {key: found[key] for key in order}
        return self._read[name]

    def masked(self, table: Table) -> dict[Pair, Any]:
        """A table of logits: -inf where the pair is not live."""
        return {pair: x if pair in self.live else -inf for pair, x in table.items()}

    def spread(self, arrays: list[list[Real]], places: bool = False) -> dict[Any, Any]:
        """A table from an array for each depth, in the order of certificates."""
        keys = [self.places(t) if places else self.pairs(t) for t in range(self.T)]
        return {k: x for keys, array in zip(keys, arrays, strict=False) for k, x in zip(keys, array, strict=True)}

    def choices(self) -> set[Place]:
        """The places with more than one live action."""
        return {place for place in self.all_places if sum(k in self.live for k in self.at(place)) > 1}

    @property
    def prompt_weights(self) -> list[Any]:
        """The distribution over the prompts."""
        return [number(x) for x in self._tables["prompt_weights"]]

    def over_prompts(self, f: list[Any]) -> list[Any]:
        """E_X f."""
        return [mean(zip(self.prompt_weights, f, strict=True))]


def _frozen(x: Any) -> Any:
    if isinstance(x, list):
        return tuple(_frozen(part) for part in x)
    if x is not None and not isinstance(x, (str, int, float)):
        raise Rejected(f"{x!r} is no token or prompt")
    return x


def number(x: Any) -> Real:
    """Read a number of a certificate."""
    match x:
        case "inf" | "-inf":
            return float(x)
        case str():
            return Number(_rational(x))
        case {"log": inner, **rest} if not rest:
            found = number(inner)
            if isinstance(found, float) or (found.ball is None and found.rational <= 0):
                raise Rejected("a logarithm of what is not positive")
            # Logarithms of rationals that are part of a table stay as they are, also beside balls.
            return log(found) if found.ball is not None else _log_of(found.rational)
        case {"constant": constant, "logs": parts, **rest} if not rest:
            sum_ = Number(_rational(constant))
            for factor, argument in parts:
                if _rational(argument) <= 0:
                    raise Rejected("a logarithm of what is not positive")
                sum_ = sum_ + Number(0, {_rational(argument): _rational(factor)})
            return sum_
        case {"mid": [m, e], "rad": [n, f], **rest} if not rest and all(type(k) is int for k in (m, e, n, f)):
            if Work.exact:
                raise Rejected("a ball among exact numbers")
            if n < 0 or max(abs(e), abs(f)) > _LARGEST:
                raise Rejected("a ball with a negative radius, or beyond all bounds")
            low = min(e, f)
            return Number(ball=(m << (e - low), n << (f - low), low))
    raise Rejected(f"{str(x)[:60]} is no number")


def _rational(x: Any) -> Fraction:
    if not isinstance(x, str) or not x.lstrip("-").replace("/", "", 1).isdecimal():
        raise Rejected(f"{str(x)[:60]} is no rational")
    try:
        return Fraction(x)
    except (ValueError, ZeroDivisionError):
        raise Rejected(f"{x[:60]} is no rational") from None


# -- checking ----------------------------------------------------------------------------------------------------------

Row: TypeAlias = tuple[str, str, list[Any], list[Any]]  # what, relation, left, right
Definition: TypeAlias = Callable[[Case], Iterator[Row]]

DEFINITIONS: Final[dict[str, Definition]] = {}
"""What each claim says, by its id."""

MADE: Final[dict[str, tuple[str, ...]]] = {}
"""Of claims whose certificates say what the body lifted, or made into numbers: which of the two."""

NO_DEFINITION: Final[dict[str, str]] = {}
"""The claims that have none, and why."""


def definition(claim: str, *made: str) -> Callable[[Definition], Definition]:
    """Enter a function as the definition of a claim; `made`: whether it needs what is "lifted", or "numbers"."""

    def enter(function: Definition) -> Definition:
        DEFINITIONS[claim] = function
        if made:
            MADE[claim] = made
        return function

    return enter


def _narrow(x: Number, part: int, size: Number) -> bool:
    """Tell whether a radius is at most max(1, |size|)/part."""
    (_, radius, e), (m, _, f) = x.enclosed(), size.enclosed()
    return radius * part <= max(_shifted(1, -e), _shifted(abs(m), f - e))


def _holds(relation: str, x: Real, y: Real) -> bool | None:
    """Tell whether one entry is as the relation asks; None where balls leave it open."""
    if isinstance(x, float) or isinstance(y, float):
        a, b = (z if isinstance(z, float) else 0.0 for z in (x, y))
        if a != a or b != b or a == inf:
            return False
        return a <= b if relation == "at most" else (a == b == -inf) is (relation == "equal")
    gap: Number = x - y
    if gap.ball is None:
        return gap.sign() <= 0 if relation == "at most" else gap.is_zero() is (relation == "equal")
    m, r, _ = gap.ball
    if abs(m) > r:
        return relation == "differs" or (relation == "at most" and m < 0)
    return relation != "differs" if _narrow(gap, _TELLS, y) else None


def _agree(printed: Real, derived: Real) -> bool:
    """Tell whether a number of a certificate is the one of the definition."""
    if isinstance(printed, float) or isinstance(derived, float):
        return isinstance(printed, float) and isinstance(derived, float) and printed == derived
    gap: Number = printed - derived
    if gap.ball is None:
        return gap.is_zero()
    if not _narrow(derived, _AGREES, derived):
        raise TooWide
    return abs(gap.ball[0]) <= gap.ball[1] and _narrow(printed, _PRINTS, derived)


Side: TypeAlias = list[list[Real]]  # the numbers as printed, and by the definition


def _sides(printed: Mapping[str, Any], derived: Row | None) -> tuple[Side, Side]:
    """Return the left and the right of a comparison that is the definition's in words."""
    what, relation = printed["what"], printed["relation"]
    if derived is None or (what, relation) != derived[:2]:
        told = "nothing" if derived is None else f"'{derived[0]}' ({derived[1]})"
        raise Rejected(f"'{what}' ({relation}), where the definition has {told}")
    left, right = (
        [[number(x) for x in printed[side]], [x if isinstance(x, float) else Number.of(x) for x in should]]
        for side, should in (("left", derived[2]), ("right", derived[3]))
    )
    if len({len(numbers) for numbers in (*left, *right)}) > 1:
        raise Rejected(f"{what}: not as many numbers as the definition has")
    return left, right


def _passes(certificate: Mapping[str, Any], definition: Iterator[Row]) -> None:
    """Check that everything is the definition's, and holds."""
    rows = list(definition)
    if not rows or len(certificate["comparisons"]) != len(rows):
        raise Rejected(f"{len(certificate['comparisons'])} comparisons, where the definition has {len(rows)}")
    for printed, row in zip(certificate["comparisons"], rows, strict=True):
        left, right = _sides(printed, row)
        for side, numbers in (("left", left), ("right", right)):
            for i, pair in enumerate(zip(*numbers, strict=True)):
                if not _agree(*pair):
                    raise Rejected(f"{row[0]}: number {i + 1} on the {side} is not the definition's")
        for derived, told in enumerate(("as printed", "by the definition")):
            for i, pair in enumerate(zip(left[derived], right[derived], strict=True)):
                holds = _holds(row[1], *pair)
                if holds is None and derived:
                    raise TooWide
                if not holds:
                    raise Rejected(f"{row[0]}: number {i + 1} {told} is not '{row[1]}'")


def _fails(certificate: Mapping[str, Any], definition: Iterator[Row]) -> None:
    """Check that one comparison fails as printed, and that what it is compared with is the definition's."""
    at, wrong = certificate["at"], certificate["wrong"]
    if type(at) is not int or wrong not in ("left", "right", "") or len(certificate["comparisons"]) != 1:
        raise Rejected("a refutation is one comparison, numbered, with the side that is wrong")
    left, right = _sides(certificate["comparisons"][0], next(islice(definition, at, None), None))
    what, relation = certificate["comparisons"][0]["what"], certificate["comparisons"][0]["relation"]
    failing = [i for i, pair in enumerate(zip(left[0], right[0], strict=True)) if _holds(relation, *pair) is False]
    if not failing:
        raise Rejected(f"{what}: '{relation}' does not fail as printed")
    for side, numbers in (("left", left), ("right", right)):
        agree = [_agree(*pair) for pair in zip(*numbers, strict=True)]
        if side != wrong and not all(agree):
            raise Rejected(f"{what}: the {side} side is not the definition's")
        if side == wrong and all(agree[i] for i in failing):
            raise Rejected(f"{what}: the {side} side is the definition's where the comparison fails")


def recheck(certificate: Any) -> str:
    """Check one certificate; return why it is rejected, or nothing."""
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)  # products of weights have thousands of digits
    try:
        claim, verdict, strength, bits = (certificate[key] for key in ("claim", "verdict", "strength", "bits"))
        if certificate["format"] != 1 or (verdict, strength) not in _VERDICTS:
            raise Rejected(f"format {certificate['format']!r}, verdict {verdict!r} of strength {strength!r}: unknown")
        if claim not in DEFINITIONS:
            raise Rejected(f"the claim {claim!r} has no definition here")
        if type(bits) is not int or (bits != 0 if strength == "exact" else not 64 <= bits <= _MOST_BITS):
            raise Rejected(f"{bits!r} bits")
        Work.exact, Work.bits = strength == "exact", bits + 64
        while Work.bits <= 2 * _MOST_BITS:
            try:
                check = _fails if verdict == "REFUTED" else _passes
                check(certificate, DEFINITIONS[claim](Case(certificate["instance"])))
                return ""
            except TooWide:
                Work.bits *= 2
        return "numbers too wide to tell, whatever the bits"
    except Rejected as reason:
        return str(reason)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        return f"not in the format ({type(error).__name__}: {error})"
    finally:
        sys.set_int_max_str_digits(digits)


_VERDICTS: Final = (("EXACT", "exact"), ("CERTIFIED", "certified"), ("REFUTED", "exact"), ("REFUTED", "certified"))


def main(arguments: list[str]) -> int:
    """Check every certificate in a folder; return 0 where all are accepted, 1 where not, 2 for bad input."""
    counts: dict[str, int] = {}
    rejected = 0
    try:
        (folder,) = arguments
        for path in sorted(path for path in Path(folder).iterdir() if path.suffix == ".json"):
            certificates = json.loads(path.read_text(encoding="utf-8"))
            for place, certificate in enumerate(certificates, start=1):
                reason, verdict = recheck(certificate), str(certificate["verdict"])
                counts[verdict] = counts.get(verdict, 0) + 1
                if reason:
                    rejected += 1
                    print(f"REJECTED {path.name}, number {place}: {reason}")
        if not counts:
            raise ValueError(f"no certificates in {folder}")
    except (OSError, ValueError, TypeError, KeyError) as error:
        print(f"usage: python recheck.py FOLDER, with certificates (.json) in it; {error}", file=sys.stderr)
        return 2
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    print(
        f"{sum(counts.values())} certificates ({told}): {sum(counts.values()) - rejected} accepted, {rejected} rejected"
    )
    return int(rejected > 0)


# -- definitions -------------------------------------------------------------------------------------------------------
#
# How to write one.  A definition takes a `Case` c and yields rows (what, relation, left, right) in the order of the
# claim's body, with its words; sides are lists of numbers in the order of certificates: for p_q of each response
# [log(p[k]) for k in c.replies], for a level of a table [f[k] for k in c.pairs(t)] or [f[k] for k in c.places(t)], for
# each prompt a list.  Compute with weights (exp of rewards, probabilities), of which 0 is exact, and take logarithms
# last; `exps(c.rewards, c.temperature)` gives exp(r/τ).  Write each side from what it says, by enumeration where it is
# about responses (`c.ebm`, `c.arm`, `c.sums`, `c.expect`, `c.kl`, `c.below`), by eq. (6) where it is about M
# (`c.bellman`, `c.values`).  A body may use floats: a table's entry x is the float `float(x.rational)` where balls are
# used (there tables hold floats).  What a body makes up, by floats or chance, it lifts or makes into numbers:
# `definition(claim, "lifted")` has all that it lifts in `c.lifted`.  Other trees are `Tree(V, T, ...)`.


@definition("P1-logZ")
def _p1_log_partition(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    values = c.values(weights)
    enumerated = [log(x) for x in c.sums(c.products(weights))]
    yield "log-partition = root value", "equal", enumerated, [log(values[x, ()]) for x in c.prompts]


@definition("P1-prob")
def _p1_probabilities(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    p, q = c.ebm(weights), c.arm(c.bellman(weights))
    what = "log-probability of each response"
    yield what, "equal", [log(p[k]) for k in c.replies], [log(q[k]) for k in c.replies]


@definition("P1-bijection-r")
def _p1_back_to_rewards(c: Case) -> Iterator[Row]:
    back = c.inverse(c.bellman(exps(c.rewards, c.temperature)))
    for t in range(c.T):
        left = [c.temperature * log(back[k]) for k in c.pairs(t)]
        yield f"rewards at depth {t}", "equal", left, [c.logits[k] for k in c.pairs(t)]


@definition("P1-bijection-q")
def _p1_back_to_logits(c: Case) -> Iterator[Row]:
    again = c.bellman(c.inverse(exps(c.logits, c.temperature)))
    for t in range(c.T):
        left = [c.temperature * log(again[k]) for k in c.pairs(t)]
        yield f"logits at depth {t}", "equal", left, [c.logits[k] for k in c.pairs(t)]


# -- Sections 1 and 2.2 --


def _strings(vocab: Iterable[Any], first: int, last: int) -> set[tuple[Any, ...]]:
    """⋃ V^t over t = first, …, last."""
    return {y for t in range(first, last + 1) for y in product(vocab, repeat=t)}


@definition("N-Y")
def _n_y(c: Case) -> Iterator[Row]:
    tokens, p = range(c.V), c.arm(exps(c.logits))
    sets = {
        "Proposition 4": _strings(tokens, 0, c.T - 1),
        "Section 1": _strings(tokens, 1, c.T - 1),
        "A.1": _strings(tokens, 1, c.T),
    }
    policy = c.policy(exps(c.logits))
    ends = [policy[x, (), None] if None in c.actions(0) else 0 for x in c.prompts]
    for name, members in sets.items():
        mass = c.per_prompt(lambda replies, y=members: total(p[k] for k in replies if k[1][:-1] in y))  # type: ignore[misc]
        yield f"mass of {name}'s Y", "equal", mass, [1 - (0 if name == "Proposition 4" else end) for end in ends]
    sums = [sum(c.V**t for t in range(first, last)) for first, last in ((0, c.T), (1, c.T), (1, c.T + 1))]
    yield "number of responses in each", "equal", [len(members) for members in sets.values()], sums


@definition("N-S")
def _n_s(c: Case) -> Iterator[Row]:
    states = {(c.names[x], tuple(c.vocab[a] for a in s)) for x, s in c.all_places}
    strings = {(*x, *s) for x, s in states}
    P, Y, U = c.P, len(c.responses), max(len(x) for x in c.names)  # BOS counts
    printed = {("BOS", *y) for y in _strings(c.vocab, 1, U + c.T - 2)}
    shifted = {(x, y) for x in c.names for y in _strings(c.vocab, 1, c.T)}
    yield "states (x, y_<t) = |X||Y|", "equal", [len(states)], [P * Y]
    yield "edges = |X|(2|Y| - 1)", "equal", [len(c.all_pairs)], [P * (2 * Y - 1)]
    yield "the library's own counts", "equal", [len(c.all_places), len(c.all_pairs)], [P * Y, P * (2 * Y - 1)]
    yield "states as strings = Section 2.2's S", "equal", [len(strings ^ printed)], [0]
    yield "states as strings: how many", "equal", [len(strings)], [sum(c.V**t for t in range(1, U + c.T - 1))]
    yield "states as strings: fewer", "at most", [len(strings) + (U > 2 and c.T > 1)], [len(states)]
    yield "A.1's S: without x, and V^T too many", "equal", [len(states ^ shifted)], [P * (1 + c.V**c.T)]


@definition("N-X")
def _n_x(_: Case) -> Iterator[Row]:
    for V, U in product((1, 2, 3), (1, 2, 3, 4)):
        ours, printed = _strings(range(V), 0, U - 1), _strings(range(V), 1, U - 1)
        yield f"|X|, V={V}, U={U}", "equal", [len(ours)], [sum(V**t for t in range(U))]
        missing = [len(ours - printed), int(() in ours - printed), len(printed - ours)]
        yield f"what Section 1 leaves out, V={V}, U={U}", "equal", missing, [1, 1, 0]


# -- Section 2 --


@definition("S2-ebm")
def _s2_ebm(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    p, totals = c.ebm(weights), c.totals(c.rewards)
    partition = [log(x) for x in c.sums(c.products(weights))]
    right = [totals[k] * (1 / c.temperature) - partition[k[0]] for k in c.replies]
    yield "log p_R = R - A_R", "equal", [log(p[k]) for k in c.replies], right
    yield "log of the total probability = 0", "equal", [log(x) for x in c.sums(p)], [0] * c.P


@definition("S2-cost")
def _s2_cost(_: Case) -> Iterator[Row]:
    sizes = [(V, T) for V in (1, 2, 3, 4) for T in (1, 2, 3, 4, 5)]
    terms = {size: len(Tree(*size).responses) for size in sizes}
    single, several = [s for s in sizes if s[0] == 1], [s for s in sizes if s[0] > 1]
    left, right = [(V - 1) * terms[V, T] for V, T in sizes], [V**T - 1 for V, T in sizes]
    yield "(V - 1)·terms = V^T - 1", "equal", left, right
    yield "V=1: terms = T", "equal", [terms[s] for s in single], [T for _, T in single]
    yield "V>1: terms ≤ V^T", "at most", [terms[s] for s in several], [V**T for V, T in several]
    yield "V^(T-1) ≤ terms", "at most", [V ** (T - 1) for V, T in sizes], list(terms.values())
    right = [2 * V ** (T - 1) for V, T in several]
    yield "V>1: terms < 2 V^(T-1)", "at most", [terms[s] + 1 for s in several], right


@definition("S2-maxent")
def _s2_maxent(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    p, best = c.arm(exps(c.table("other"))), c.ebm(weights)
    totals = {k: x * (1 / c.temperature) for k, x in c.totals(c.rewards).items()}
    partition = [log(x) for x in c.sums(c.products(weights))]

    def objective(p: Table) -> list[Any]:
        return [a + b for a, b in zip(c.expect(p, totals), c.entropy(p), strict=True)]

    right = [a - b for a, b in zip(partition, c.kl(p, best), strict=True)]
    yield "E_p R + H(p) = A_R - KL(p, p_R)", "equal", objective(p), right
    yield "E_p R + H(p) ≤ A_R", "at most", objective(p), partition
    yield "E R + H = A_R at p = p_R", "equal", objective(best), partition


@definition("S2-klreg")
def _s2_kl_regularised(c: Case) -> Iterator[Row]:
    weights, policy = exps(c.rewards), c.policy(exps(c.table("other")))
    tilted = {k: x * policy[k] for k, x in weights.items()}  # exp r π_ref at each pair
    p, reference, along = (
        c.arm(exps(c.masked(c.table("direction")))),
        c.arm(exps(c.table("other"))),
        c.products(weights),
    )
    joint = {k: reference[k] * x for k, x in along.items()}
    enumerated, best, step = c.sums(joint), c.ebm(tilted), c.values(tilted)
    what, left = "p* ∝ p_ref e^R is p_{R + log p_ref}", [log(joint[k] / enumerated[k[0]]) for k in c.replies]
    yield what, "equal", left, [log(best[k]) for k in c.replies]
    value, highest = [-x for x in c.kl(p, joint)], [log(step[x, ()]) for x in c.prompts]
    right = [a - b for a, b in zip(highest, c.kl(p, best), strict=True)]
    yield "E R - KL(p, p_ref) = V(x) - KL(p, p*)", "equal", value, right
    yield "E R - KL(p, p_ref) ≤ V(x)", "at most", value, highest
    yield "log Σ p_ref e^R = V(x)", "equal", [log(x) for x in enumerated], highest


@definition("S2-distil", "lifted")
def _s2_distil(c: Case) -> Iterator[Row]:
    mine, both, reference = (
        exps(c.masked(c.table("direction"))),
        exps(plus(c.rewards, c.table("other"))),
        exps(c.table("other")),
    )
    along, p_ref = c.products(exps(c.rewards)), c.ebm(reference)
    gain = {k: x * p_ref[k] for k, x in along.items()}

    def objective(weights: Table) -> list[Any]:
        return c.over_prompts([-x for x in c.kl(c.arm(weights), gain)])

    sums = zip(c.sums(c.products(both)), c.sums(c.products(reference)), strict=True)
    parts = zip(sums, c.kl(c.arm(mine), c.ebm(both)), strict=True)
    right = c.over_prompts([log(a) - log(b) - kl for (a, b), kl in parts])
    yield "E[E R - KL(p_q, p_ref)] = c - E KL(p_q, p_{R+R_ref})", "equal", objective(mine), right
    added = exps(c.spread(c.lifted[3 * c.T :]))  # after three tables
    moved = objective({k: x * added[k] for k, x in mine.items()})
    yield "the same at q(s, ·) + c(s)", "equal", moved, objective(mine)


@definition("S2-arm")
def _s2_arm(c: Case) -> Iterator[Row]:
    weights = exps(c.logits)
    p, local, along = c.arm(weights), c.local(weights), c.products(weights)
    spent = c.products({k: local[k[:2]] for k in c.all_pairs})
    right = [-inf if is_zero(along[k]) else log(along[k] / spent[k]) for k in c.replies]
    yield "log p_q(y|x) = R_q(x, y) - Σ_t V_q(s_t)", "equal", [log(p[k]) for k in c.replies], right


@definition("S2-eq3")
def _s2_last_logit(c: Case) -> Iterator[Row]:
    p = c.arm(exps(c.logits))
    for name, numbers in (("0", dict.fromkeys(c.all_pairs, Number(0))), ("any number", c.table("direction"))):
        last = set(c.pairs(c.T - 1))
        replaced = {k: numbers[k] if k in last and x != -inf else x for k, x in c.logits.items()}
        q = c.arm(exps(replaced))
        left, right = ([log(each[k]) for k in c.replies] for each in (q, p))
        yield f"log p_q with q(s_T, EOS) = {name}", "equal", left, right
        yield "log of the total probability = 0", "equal", [log(x) for x in c.sums(q)], [0] * c.P


# -- Section 4.2 and Appendix B --


def kappa_pair(tree: Tree, epsilon: Exactly, eos: Exactly) -> tuple[dict[Pair, Any], dict[Pair, int]]:
    """Logits f and signs, of which f and g = f - ε·sign are as far apart in KL as logits ε apart can be.

    The sign is -1 at the last token, or at EOS beside one token, and +1 elsewhere.  The chance of +1 under f is
    1/(1 - e^(-2ε)) - 1/2ε; EOS beside tokens has the logit `eos`, relative to the last token.  A body takes odds near
    these, rounded to its bits: KL has its maximum there, so that this moves it by much less than what its balls hold.
    """
    minus, twice = exp(Number(-2 * epsilon)), Number(2 * epsilon)
    chance, rest = 1 / (1 - minus) - 1 / twice, 1 / twice - minus / (1 - minus)
    odds = log(chance) - log(rest)
    f: dict[Pair, Any] = {}
    signs: dict[Pair, int] = {}
    for x, s in tree.all_places:
        actions = tree.actions(len(s))
        n = len(actions)
        for a in actions:
            f[x, s, a], signs[x, s, a] = Number(0), 1
        if n > 1 and tree.V > 1:
            signs[x, s, tree.V - 1] = -1
            left = exp(odds) - (exp(Number(eos)) if n > tree.V else 0)
            for token in range(tree.V - 1):
                f[x, s, token] = log(left / (tree.V - 1))
            if n > tree.V:
                f[x, s, None] = Number(eos)
        elif n > 1:
            signs[x, s, None], f[x, s, 0] = -1, odds
    return f, signs


def moved(f: Table, signs: Table, by: Exactly) -> dict[Any, Any]:
    """f + by·sign."""
    return {k: x + by * signs[k] for k, x in f.items()}


@definition("P3-kl-bound")
def _p3_kl_bound(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards)
    logits, p, student = c.bellman(weights), c.ebm(weights), c.arm(exps(c.table("other")))
    bound = [2 * c.T * x for x in c.most(c.furthest(logs(logits), c.table("other")))]
    forwards = c.kl(student, p)
    yield "KL(p_q‖p_R) ≤ 2T max |M(r) - q|", "at most", forwards, bound
    yield "KL(p_R‖p_q) ≤ 2T max |M(r) - q|", "at most", c.kl(p, student), bound
    yield "KL(p_q‖p_R) = KL(p_q‖p_{M r})", "equal", c.kl(student, c.arm(logits)), forwards
    yield "KL(p_{M r}‖p_R) = 0", "equal", c.kl(c.arm(logits), p), [0] * c.P
    tree = Tree(2, 3)
    for epsilon in () if c.given else (16, 1024):
        f, signs = kappa_pair(tree, epsilon, -60)
        reached = tree.kl(tree.arm(exps(f)), tree.arm(exps(moved(f, signs, -epsilon))))
        yield f"a pair at distance {epsilon}", "at most", reached, [6 * epsilon]


@definition("S4.2-approx", "lifted")
def _s4_approximation(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards)
    p, logits = c.ebm(weights), c.bellman(weights)
    for i, delta in enumerate((1.0, 1e-2), start=1):
        moves, bound = c.spread(c.lifted[i * c.T :]), [Fraction(delta)] * c.P  # after the rewards
        # In floats, which may round up; a rational weight is near to what it stands for.
        if not Work.exact and any(abs(x.rational) > delta / (2 * c.T) * (1 + 1e-15) for x in moves.values()):
            raise Rejected("logits moved by more than δ/2T")
        student = c.arm({k: x * exp(moves[k]) for k, x in logits.items()})
        yield f"KL(p_q‖p_R) ≤ {delta:g}", "at most", c.kl(student, p), bound
        yield f"KL(p_R‖p_q) ≤ {delta:g}", "at most", c.kl(p, student), bound
    tree = Tree(2, 3)
    for delta in (96, 6144):
        f, signs = kappa_pair(tree, delta // 6, -60)
        lost = tree.kl(tree.arm(exps(f)), tree.arm(exps(moved(f, signs, -delta // 6))))
        yield f"a direction, to precision {delta}", "at most", lost, [delta]


@definition("P4-validity")
def _p4_validity(c: Case) -> Iterator[Row]:
    whole = c.sums(c.arm(exps(c.logits)))
    yield "log of the total probability = 0", "equal", [log(x) for x in whole], [0] * c.P


def _log_ratio(c: Case, f: Table, g: Table) -> dict[Place, Any]:
    """log Z_f - log Z_g at each prefix, of weights; 0 where nothing is allowed."""
    mine, theirs = c.local(f), c.local(g)
    return {s: Number(0) if is_zero(x) else log(x / theirs[s]) for s, x in mine.items()}


@definition("L1-kl")
def _l1_kl(c: Case) -> Iterator[Row]:
    f, g = exps(c.logits), exps(c.table("other"))
    apart, pi, rho = c.furthest(c.logits, c.table("other")), c.policy(f), c.policy(g)
    forwards, backwards, change = c.step_kl(pi, rho), c.step_kl(rho, pi), _log_ratio(c, f, g)
    choice = c.choices()
    means = {s: mean((pi[k], c.logits[k] - c.table("other")[k]) for k in c.at(s) if k in c.live) for s in c.all_places}
    for t in range(c.T):
        bound = [2 * apart[s] for s in c.places(t)]
        yield f"KL(σ f‖σ g) ≤ 2 max |f - g|, depth {t}", "at most", [forwards[s] for s in c.places(t)], bound
        yield f"KL(σ g‖σ f) ≤ 2 max |f - g|, depth {t}", "at most", [backwards[s] for s in c.places(t)], bound
    for t in range(c.T):
        left, right = ([f[s] if s in choice else 0 for s in c.places(t)] for f in (means, apart))
        yield f"Σ σ_f (f - g) ≤ max |f - g|, depth {t}", "at most", left, right
        left, right = [forwards[s] for s in c.places(t)], [means[s] - change[s] for s in c.places(t)]
        yield f"KL = Σ σ_f (f - g) - log Z_f/Z_g, depth {t}", "equal", left, right
    for epsilon in () if c.given else (Fraction(1, 4), 4, 1024):  # the same beside every instance
        for actions in (2, 5):
            tree, name = Tree(actions, 1, eos=False), f"{actions} actions at distance {float(epsilon):g}"
            mine, signs = kappa_pair(tree, epsilon, -20)
            pi, rho = (tree.policy(exps(each)) for each in (mine, moved(mine, signs, -epsilon)))
            reached = tree.kl(tree.products(pi), tree.products(rho))
            yield name, "at most", reached, [2 * epsilon]
            yield f"KL of {name}", "equal", reached, [tree.step_kl(pi, rho)[0, ()]]


@definition("L1-logZ", "lifted")
def _l1_log_partition(c: Case) -> Iterator[Row]:
    f = exps(c.logits)
    change, apart = _log_ratio(c, f, exps(c.table("other"))), c.furthest(c.logits, c.table("other"))
    choice = c.choices()
    for t in range(c.T):
        left, right = ([abs(f[s]) if s in choice else 0 for s in c.places(t)] for f in (change, apart))
        yield f"|log Z_f - log Z_g| ≤ max |f - g|, depth {t}", "at most", left, right
    shift = c.spread(c.lifted[2 * c.T :], places=True)  # after two tables
    change = _log_ratio(c, {k: x * exp(shift[k[:2]]) for k, x in f.items()}, f)
    alive = {k[:2] for k in c.live}
    for t in range(c.T):
        left, right = [change[s] for s in c.places(t)], [shift[s] if s in alive else 0 for s in c.places(t)]
        yield f"log Z_(f + c) - log Z_f = c, depth {t}", "equal", left, right


@definition("B4-proof")
def _b4_proof(c: Case) -> Iterator[Row]:
    weights, student = exps(c.rewards), exps(c.table("other"))
    teacher, p = c.bellman(weights), c.arm(student)
    steps, apart = c.step_kl(c.policy(student), c.policy(teacher)), c.furthest(logs(teacher), c.table("other"))
    passing = c.passing(c.policy(student))
    chain = c.over_places(passing, steps)
    yield "KL(p_q‖p_R) = Σ_t E_q KL(π_q‖π_q*)", "equal", c.kl(p, c.ebm(weights)), chain
    along = [2 * x for x in c.over_places(passing, apart)]
    length = c.expect(p, {k: len(k[1]) for k in c.replies})
    most = [2 * n * x for n, x in zip(length, c.most(apart), strict=True)]
    yield "Σ_t E_q KL(π_q‖π_q*) ≤ 2 E_q Σ_t max_a |q* - q|", "at most", chain, along
    yield "2 E_q Σ_t max_a |q* - q| ≤ 2 E_q|Y| max_S(x) |q* - q|", "at most", along, most
    yield "E_q|Y| ≤ T", "at most", length, [c.T] * c.P


# ----------------------------------------------------------------------------------------------------------------------

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
