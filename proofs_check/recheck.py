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
and into numbers, array by array in the order of its calls, the tables among them.
A number is "p/q"; {"log": "p/q"}, or the logarithm of a ball; {"constant": "p/q", "logs": [[factor, argument], ...]},
the constant plus multiples of logarithms; a ball {"mid": [m, e], "rad": [n, f]}, which is m·2^e ± n·2^f; or "-inf",
"inf".  There are no balls in an instance.

An instance is refused where the claim says nothing about it: it has to be in the claim's scope, `other` to be finite
where an allowed response passes and nowhere else, a direction to be finite, a potential to be finite and 0 at the root,
prompts to have positive weights that add up to 1, and what the body made to be as many numbers, and as large, as it
makes.

Some claims also compare constants, the same beside every instance (`CONSTANTS`).  A certificate with `other_is_given`
is one of many and may leave these out, where a certificate of the same claim and strength that has them was accepted:
in the same file, or in one before it by name.

EXACT and CERTIFIED are accepted where the comparisons are those of the definition, each number agrees with the
definition's (equals it; or its ball, narrower than 1e-15, meets an enclosure of it narrower than 1e-35, both relative
to max(1, |x|)), and each relation holds, both between the numbers as printed and between those of the definition
("equal": balls whose difference holds 0 and is narrower than 1e-30; "at most": told apart, or equal in this sense).

REFUTED is about one comparison, the one numbered `at` from 0, which must fail as printed.  `wrong` names the side that
is not the definition's ("left" or "right": that of code that computes something else; the other side must agree); or
nothing (""), where the statement itself fails: both sides must agree.  What wrong code gave cannot be derived again:
of that side it is checked that it is not what the definition says, where the comparison fails.  That two sides differ
is said of some instances, and no statement fails by one where they do not.
"""

import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import chain, islice, product
from math import gcd, inf, isfinite
from pathlib import Path
from typing import Any, Final, TypeAlias, Union

__all__ = [
    "CONSTANTS",
    "DEFINITIONS",
    "MADE",
    "MOST_CHARACTERS",
    "NO_DEFINITION",
    "Case",
    "in_scope",
    "main",
    "recheck",
    "recheck_all",
]

_AGREES: Final = 10**35  # what is derived here is narrower than this part of max(1, |x|)
_PRINTS: Final = 10**15  # and what a certificate says, than this part
_TELLS: Final = 10**30  # balls are one number where their difference is narrower than this part
_MOST_BITS: Final = 4096
_LARGEST: Final = 1 << 24  # exponents of balls,
_FURTHEST: Final = 1 << 16  # between the two of one ball,
_POWER: Final = 1000  # and of powers,
_MOST_POWERED: Final = 1 << 20  # which have so many bits, times the order of the root
_MOST_PAIRS: Final = {True: 100, False: 10_000}  # of an instance, in exact numbers or not
_MOST_WORK: Final = 1 << 20  # characters of exact tables, times the numbers of the temperature
_MOST_FILE: Final = 1 << 28  # bytes

MOST_CHARACTERS: Final = 200_000
"""Of a rational, or of the midpoint of a ball."""


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


def _cut(x: tuple[int, int, int], e: int) -> tuple[int, int, int]:
    """Drop the digits below 2^e, outward."""
    m, r, below = x[0], x[1], e - x[2]
    return x if below <= 0 else (m >> below, (r >> below) + 2, e)


def _plus(x: tuple[int, int, int], y: tuple[int, int, int]) -> tuple[int, int, int]:
    if not (x[0] or x[1]) or not (y[0] or y[1]):
        return y if not (x[0] or x[1]) else x
    e = min(x[2], y[2])
    if max(x[2], y[2]) - e > _FURTHEST:  # then most digits of one do not count
        e = max(x[2] + x[0].bit_length(), y[2] + y[0].bit_length()) - 2 * Work.bits
        x, y = _cut(x, e), _cut(y, e)
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
            if not Work.exact and max(map(int.bit_length, found.rational.as_integer_ratio())) > 64:
                found = Number(ball=found.enclosed())  # sums of long rationals are longer
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
    size = max(x.numerator.bit_length(), x.denominator.bit_length()) * abs(exponent.numerator)
    if max(abs(exponent.numerator), exponent.denominator) > _POWER or size * exponent.denominator > _MOST_POWERED:
        return None
    raised = x**exponent.numerator
    parts = [_integer_root(part, exponent.denominator) for part in (raised.numerator, raised.denominator)]
    return None if parts[0] is None or parts[1] is None else Number(Fraction(parts[0], parts[1]))


def _integer_root(x: int, order: int) -> int | None:
    if order == 1:
        return x
    root, nearer = 0, 1 << (x.bit_length() // order + 1)
    while root != nearer:  # Newton's method, from above
        root = nearer
        nearer = min(root, ((order - 1) * root + x // root ** (order - 1)) // order)
    return root if root**order == x else None


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
    `temperature` is as in the format; `vocab` and `names` are tokens and prompts.  `lifted` and `numbers` have what the
    body made, block by block (see `definition`).
    """

    lifted: list[Any]
    numbers: list[Any]

    def __init__(self, instance: Mapping[str, Any]) -> None:
        self.vocab, self.names = (tuple(map(_frozen, instance[key])) for key in ("vocab", "prompts"))
        for names in (self.vocab, self.names):
            if not names or len(set(names)) < len(names):
                raise Rejected("no tokens or no prompts, or one of them twice")
        low, high, eos = instance["min_length"], instance["max_length"], instance["ends_with_eos"]
        if [type(low), type(high), type(eos)] != [int, int, bool] or not 1 <= low <= high or (not eos and low != high):
            raise Rejected("lengths that no responses have")
        most = _MOST_PAIRS[Work.exact]
        if high > 1000 or len(self.names) * len(self.vocab) ** (high - eos) > most:
            raise Rejected("an instance too large to be written out")
        super().__init__(len(self.vocab), high, len(self.names), low, eos)
        if len(self.all_pairs) > most:
            raise Rejected("an instance too large to be written out")
        self.temperature = _rational(instance["temperature"])
        if self.temperature <= 0:
            raise Rejected("a temperature that is not positive")
        self._tables: Mapping[str, Any] = instance["tables"]
        if Work.exact and len(str(self._tables)) * max(self.temperature.as_integer_ratio()) > _MOST_WORK:
            raise Rejected("numbers too long to be raised to powers")
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
            found[(*key, *(None if a is None else tokens.get(_frozen(a), -1) for a in action))] = _plain(value)
        if len(self._tables[name]) != len(order) or found.keys() != set(order) or inf in found.values():
            raise Rejected(f"table '{name}': not one number for each of its entries")
        if name != "reward" and {key for key, x in found.items() if x != -inf} != (
            self.live if name == "other" else set(order)
        ):
            raise Rejected(f"table '{name}': not finite where it should be, or finite where it should not")
        if name == "potential" and not all(is_zero(found[x, ()]) for x in self.prompts):
            raise Rejected("a potential that is not 0 at the root")
        self._read[name] = {key: found[key] for key in order}
        return self._read[name]

    def masked(self, table: Table) -> dict[Pair, Any]:
        """A table of logits: -inf where the pair is not live."""
        return {pair: x if pair in self.live else -inf for pair, x in table.items()}

    def blocks(self, arrays: list[list[Any]], layout: str) -> list[Any]:
        """What the body made, as `definition` says that it is laid out."""
        found: list[Any] = []
        left = iter(arrays)
        for word in layout.split():
            keys: list[list[Any]]
            match word:
                case "rewards" | "pairs":
                    keys = [self.pairs(t) for t in range(self.T)]
                case "alive" | "places":
                    keys = [self.places(t) for t in range(self.T)]
                case "units":  # each pair of one prompt's tree, at each pair
                    keys = [self.pairs(t) * (len(self.all_pairs) // self.P) for t in range(self.T)]
                    keys = keys if len(self.all_pairs) <= 100 else []
                case "replies":
                    keys = [self.replies]
                case "second":
                    keys = [self.places(1)]
                case _:
                    keys = [list(range(int(word)))]
            block = []
            for wanted, array in zip(keys, islice(left, len(keys)), strict=True):
                if len(array) != len(wanted):
                    raise Rejected("not as many numbers as the claim's body makes")
                block += [(key, _plain(x)) for key, x in zip(wanted, array, strict=True)]
            if any(isinstance(x, float) and (x == inf or word not in ("rewards", "alive")) for _, x in block):
                raise Rejected("a number that is not finite among those that the claim's body makes")
            found.append(dict(block))
        if next(left, None) is not None:
            raise Rejected("more numbers than the claim's body makes")
        return found

    def choices(self) -> set[Place]:
        """The places with more than one live action."""
        return {place for place in self.all_places if sum(k in self.live for k in self.at(place)) > 1}

    @property
    def prompt_weights(self) -> list[Any]:
        """The distribution over the prompts."""
        if "prompt_weights" not in self._read:
            found = dict(enumerate(_plain(x) for x in self._tables["prompt_weights"]))
            if len(found) != self.P or any(isinstance(x, float) or x.sign() <= 0 for x in found.values()):
                raise Rejected("not one positive weight for each prompt")
            if not is_zero(total(found.values()) - 1):
                raise Rejected("weights of prompts that do not add up to 1")
            self._read["prompt_weights"] = found
        return list(self._read["prompt_weights"].values())

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
            if isinstance(found, float) or found.logs:
                raise Rejected("a logarithm of what is no rational and no ball")
            if found.ball is not None:
                return log(found)
            if found.rational <= 0:
                raise Rejected("a logarithm of what is not positive")
            return _log_of(found.rational)  # of a rational it stays as it is, also beside balls
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
            e, f = (e if m else f), (f if n else e)
            if n < 0 or max(abs(e), abs(f)) > _LARGEST or abs(e - f) > _FURTHEST:
                raise Rejected("a ball with a negative radius, or beyond all bounds")
            if max(m.bit_length(), n.bit_length()) > 3 * MOST_CHARACTERS:
                raise Rejected("a ball with too many digits")
            low = min(e, f)
            return Number(ball=(m << (e - low), n << (f - low), low))
    raise Rejected(f"{str(x)[:60]} is no number")


def _plain(x: Any) -> Real:
    """Read a number of an instance, which is no ball."""
    found = number(x)
    if not isinstance(found, float) and found.ball is not None:
        raise Rejected("a ball in an instance")
    return found


def _rational(x: Any) -> Fraction:
    if not isinstance(x, str) or not x.lstrip("-").replace("/", "", 1).isdecimal():
        raise Rejected(f"{str(x)[:60]} is no rational")
    if len(x) > MOST_CHARACTERS:
        raise Rejected(f"{x[:60]}… has too many digits")
    try:
        return Fraction(x)
    except (ValueError, ZeroDivisionError):
        raise Rejected(f"{x[:60]} is no rational") from None


# -- checking ----------------------------------------------------------------------------------------------------------

Row: TypeAlias = tuple[str, str, list[Any], list[Any]]  # what, relation, left, right
Definition: TypeAlias = Callable[[Case], Iterator[Row]]

DEFINITIONS: Final[dict[str, Definition]] = {}
"""What each claim says, by its id."""

CONSTANTS: Final[dict[str, Callable[[], Iterator[Row]]]] = {}
"""Comparisons about constants alone that come after those of a definition, of claims that have some."""

MADE: Final[dict[str, dict[str, str]]] = {}
"""Of claims whose certificates say what the body lifted, or made into numbers: which of the two, and its layout."""

NO_DEFINITION: Final[dict[str, str]] = {}
"""The claims that have none, and why."""

_SCOPES: Final[dict[str, tuple[str, ...]]] = {}

_IS: Final[dict[str, Callable[[Case], bool]]] = {
    "ends with EOS": lambda c: c.eos,
    "every length from 1": lambda c: c.eos and c.first == 1,
    "one length": lambda c: not c.eos,
    "one length, or every one from 1": lambda c: not c.eos or c.first == 1,
    "one prompt": lambda c: c.P == 1,
    "one token": lambda c: c.V == 1,
    "two steps": lambda c: c.T > 1,
    "12 steps": lambda c: c.T <= 12,
    "50 steps": lambda c: c.T <= 50,
    "60 pairs": lambda c: len(c.all_pairs) <= 60,
    "100 pairs": lambda c: len(c.all_pairs) <= 100,
    "400 pairs": lambda c: len(c.all_pairs) <= 400,
    "every action allowed": lambda c: len(c.live) == len(c.all_pairs),
    "every prompt": lambda c: _has_every_prompt(c),
}
"""What a scope asks for, by its words; steps and pairs are at most so many (two steps: at least)."""


def definition(
    claim: str, *scope: str, lifted: str | None = None, numbers: str | None = None
) -> Callable[[Definition], Definition]:
    """Enter a function as the definition of a claim.

    `scope` are keys of `_IS`.  `lifted` and `numbers` say in words how what the body made is laid out; for each word
    there is a block in `c.lifted` or `c.numbers`: a table by "pairs" or "places", from an array for each depth
    ("rewards" or "alive" where -inf may be); an array by "replies", or by the places at the "second" step; "units", a
    number for each pair of one prompt at each pair, where these are few; or an array of so many numbers.  Where there
    are no words, the arrays are as they are, and checked by the definition.
    """

    def enter(function: Definition) -> Definition:
        DEFINITIONS[claim], _SCOPES[claim] = function, scope
        made = {"lifted": lifted, "numbers": numbers}
        if any(layout is not None for layout in made.values()):
            MADE[claim] = {kind: layout for kind, layout in made.items() if layout is not None}
        return function

    return enter


def constants(claim: str) -> Callable[[Callable[[], Iterator[Row]]], Callable[[], Iterator[Row]]]:
    """Enter a function as the comparisons of a claim that are about constants alone."""

    def enter(function: Callable[[], Iterator[Row]]) -> Callable[[], Iterator[Row]]:
        CONSTANTS[claim] = function
        return function

    return enter


def in_scope(claim: str, c: Case) -> bool:
    """Tell whether a claim says something about an instance."""
    return all(_IS[word](c) for word in _SCOPES.get(claim, ()))


def _rows(claim: str, instance: Mapping[str, Any], short: bool) -> Iterator[Row]:
    """What a claim says of an instance that it is about; without its constants where it is to be `short`."""
    c = Case(instance)
    if not in_scope(claim, c):
        raise Rejected(f"the claim is about something else: {', '.join(_SCOPES[claim])}")
    for kind, layout in MADE.get(claim, {}).items():
        arrays = instance.get(kind, [])
        setattr(c, kind, c.blocks(arrays, layout) if layout else [[_plain(x) for x in array] for array in arrays])
    return chain(DEFINITIONS[claim](c), () if short or claim not in CONSTANTS else CONSTANTS[claim]())


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
    if len({len(numbers) for numbers in (printed["left"], printed["right"], *derived[2:])}) > 1:
        raise Rejected(f"{what}: not as many numbers as the definition has")
    left, right = (
        [[number(x) for x in printed[side]], [x if isinstance(x, float) else Number.of(x) for x in should]]
        for side, should in (("left", derived[2]), ("right", derived[3]))
    )
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
    if relation == "differs" and not wrong:
        raise Rejected(f"{what}: said of some instances, which this one does not refute")
    for side, numbers in (("left", left), ("right", right)):
        agree = [_agree(*pair) for pair in zip(*numbers, strict=True)]
        if side != wrong and not all(agree):
            raise Rejected(f"{what}: the {side} side is not the definition's")
        if side == wrong and all(agree[i] for i in failing):
            raise Rejected(f"{what}: the {side} side is the definition's where the comparison fails")


def recheck(certificate: Any, whole: Collection[tuple[str, str]] = ()) -> str:
    """Check one certificate; return why it is rejected, or nothing.

    `whole` has (claim, strength) of the certificates beside it that were accepted with the claim's constants.
    """
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
        short = _is_short(certificate)
        if short and verdict != "REFUTED" and (claim, strength) not in whole:
            raise Rejected("constants are left out, and no certificate accepted before this one has them")
        Work.exact, Work.bits = strength == "exact", bits + 64
        while Work.bits <= 2 * _MOST_BITS:
            try:
                check = _fails if verdict == "REFUTED" else _passes
                check(certificate, _rows(claim, certificate["instance"], short))
                return ""
            except TooWide:
                Work.bits *= 2
        return "numbers too wide to tell, whatever the bits"
    except Rejected as reason:
        return str(reason)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        return f"not in the format ({type(error).__name__}: {error})"
    except MemoryError:
        return "too large for the memory"
    finally:
        sys.set_int_max_str_digits(digits)


def _is_short(certificate: Any) -> bool:
    """Tell whether a certificate leaves out the constants of its claim."""
    try:
        return certificate["claim"] in CONSTANTS and certificate["instance"].get("other_is_given") is True
    except (LookupError, TypeError, AttributeError):
        return False


def recheck_all(certificates: list[Any], whole: set[tuple[str, str]]) -> list[str]:
    """Check the certificates of one file, those that leave nothing out first; `whole` grows by what these are."""
    reasons = [""] * len(certificates)
    for i in sorted(range(len(certificates)), key=lambda i: _is_short(certificates[i])):
        each = certificates[i]
        reasons[i] = recheck(each, whole)
        if not reasons[i] and each["verdict"] != "REFUTED" and not _is_short(each):
            whole.add((each["claim"], each["strength"]))
    return reasons


_VERDICTS: Final = (("EXACT", "exact"), ("CERTIFIED", "certified"), ("REFUTED", "exact"), ("REFUTED", "certified"))


def main(arguments: list[str]) -> int:
    """Check every certificate in a folder; return 0 where all are accepted, 1 where not, 2 where there are none."""
    files = [path for path in Path(arguments[0]).glob("*") if path.suffix.lower() == ".json"] if arguments else []
    if len(arguments) != 1 or not files:
        print("usage: python recheck.py FOLDER, with certificates (.json) in it", file=sys.stderr)
        return 2
    counts: dict[str, int] = {}
    whole: set[tuple[str, str]] = set()
    rejected = 0
    for path in sorted(files):
        try:
            certificates = _certificates(path)
            for place, reason in enumerate(recheck_all(certificates, whole), start=1):
                verdict = certificates[place - 1]["verdict"]
                verdict = verdict if verdict in ("EXACT", "CERTIFIED", "REFUTED") else "of no known verdict"
                counts[verdict] = counts.get(verdict, 0) + 1
                if reason:
                    rejected += 1
                    print(_shown(f"REJECTED {path.name}, number {place}: {reason}"))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
        except (OSError, ValueError, TypeError, LookupError, RecursionError, MemoryError) as error:
            counts["unreadable"] = counts.get("unreadable", 0) + 1
            rejected += 1
            print(_shown(f"REJECTED {path.name}: {error or type(error).__name__}"))
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    n = sum(counts.values())
    print(f"{n} certificate{'s' * (n != 1)} ({told}): {n - rejected} accepted, {rejected} rejected")
    return int(rejected > 0)


def _certificates(path: Path) -> list[Any]:
    """Read a file of certificates."""
    if not path.is_file() or path.stat().st_size > _MOST_FILE:
        raise ValueError(f"{path.name}: not a regular file, or too large")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: {error}") from None
    if not isinstance(found, list) or not found:
        raise ValueError(f"{path.name}: not a list of certificates, or an empty one")
    return found


def _shown(text: str) -> str:
    """On one line, which a certificate can have no other line begin with."""
    return "".join(x if x.isprintable() else "?" for x in text[:1000])


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
# `definition(claim, lifted="...")` has all that it lifts in `c.lifted`.  Other trees are `Tree(V, T, ...)`.
#
# What it yields has to be true of every `Case` in its scope, or a certificate could refute what is true: where a
# hypothesis is about what a body made, the definition refuses an instance without it.


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


@definition("N-Y", "400 pairs", "50 steps", "ends with EOS")
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


def _has_every_prompt(c: Case) -> bool:
    """Whether the prompts are Section 1's X: BOS, and all strings of one token or more, up to some length."""
    if any(not isinstance(x, tuple) or x[:1] != ("BOS",) or not {*x[1:]} <= {*c.vocab} for x in c.names):
        return False
    most = max(map(len, c.names)) - 1
    return min(map(len, c.names)) > 1 and most <= c.P and sum(c.V**t for t in range(1, most + 1)) == c.P


@definition("N-S", "every length from 1", "every prompt")
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


@definition("S2-ebm", "50 steps")
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


@definition("S2-maxent", "50 steps")
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


@definition("S2-klreg", "50 steps")
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


@definition("S2-distil", "50 steps", lifted="rewards rewards rewards pairs")
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
    if not all(is_zero(x - c.lifted[3][c.at(k[:2])[0]]) for k, x in c.lifted[3].items()):
        raise Rejected("a shift that is not the same for all actions at a prefix")
    added = exps(c.lifted[3])
    moved = objective({k: x * added[k] for k, x in mine.items()})
    yield "the same at q(s, ·) + c(s)", "equal", moved, objective(mine)


@definition("S2-arm", "50 steps")
def _s2_arm(c: Case) -> Iterator[Row]:
    weights = exps(c.logits)
    p, local, along = c.arm(weights), c.local(weights), c.products(weights)
    spent = c.products({k: local[k[:2]] for k in c.all_pairs})
    right = [-inf if is_zero(along[k]) else log(along[k] / spent[k]) for k in c.replies]
    yield "log p_q(y|x) = R_q(x, y) - Σ_t V_q(s_t)", "equal", [log(p[k]) for k in c.replies], right


@definition("S2-eq3", "50 steps", "ends with EOS")
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


@constants("P3-kl-bound")
def _p3_kl_pairs() -> Iterator[Row]:
    tree = Tree(2, 3)
    for epsilon in (16, 1024):
        f, signs = kappa_pair(tree, epsilon, -60)
        reached = tree.kl(tree.arm(exps(f)), tree.arm(exps(moved(f, signs, -epsilon))))
        yield f"a pair at distance {epsilon}", "at most", reached, [6 * epsilon]


@definition("S4.2-approx", lifted="rewards pairs pairs 3 6 4 3 6 4")
def _s4_approximation(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards)
    p, logits = c.ebm(weights), c.bellman(weights)
    for moves, delta in zip(c.lifted[1:3], (1.0, 1e-2), strict=True):
        bound, most = [Fraction(delta)] * c.P, Fraction(delta) / (2 * c.T)
        # They are floats, which may be rounded up, and the bound of KL allows much more than that.
        if any((abs(x) - most * (1 + Fraction(1, 1 << 40))).sign() > 0 for x in moves.values()):
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


@definition("L1-kl", "50 steps")
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


@constants("L1-kl")
def _l1_kl_pairs() -> Iterator[Row]:
    for epsilon in (Fraction(1, 4), 4, 1024):
        for actions in (2, 5):
            tree, name = Tree(actions, 1, eos=False), f"{actions} actions at distance {float(epsilon):g}"
            mine, signs = kappa_pair(tree, epsilon, -20)
            pi, rho = (tree.policy(exps(each)) for each in (mine, moved(mine, signs, -epsilon)))
            reached = tree.kl(tree.products(pi), tree.products(rho))
            yield name, "at most", reached, [2 * epsilon]
            yield f"KL of {name}", "equal", reached, [tree.step_kl(pi, rho)[0, ()]]


@definition("L1-logZ", "50 steps", lifted="rewards rewards places")
def _l1_log_partition(c: Case) -> Iterator[Row]:
    f = exps(c.logits)
    change, apart = _log_ratio(c, f, exps(c.table("other"))), c.furthest(c.logits, c.table("other"))
    choice = c.choices()
    for t in range(c.T):
        left, right = ([abs(f[s]) if s in choice else 0 for s in c.places(t)] for f in (change, apart))
        yield f"|log Z_f - log Z_g| ≤ max |f - g|, depth {t}", "at most", left, right
    shift = c.lifted[2]
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


# -- Appendix A.1 to A.9 --


def _a_beginnings(c: Tree, p: Table, t: int) -> dict[Any, Any]:
    """The law of the first t steps: Σ p over the replies that begin alike; what has ended stays as it is."""
    found: dict[Any, Any] = {(x, y[:t]): Number(0) for x, y in c.replies}
    for x, y in c.replies:
        found[x, y[:t]] = found[x, y[:t]] + p[x, y]
    return found


def _a_of_each_prompt(c: Tree, f: Table) -> list[Any]:
    """Σ f over the keys of each prompt."""
    return [total(value for key, value in f.items() if key[0] == x) for x in c.prompts]


def _a_part(x: Any, whole: Any) -> Any:
    """x/whole, 0 where there is nothing."""
    return Number(0) if is_zero(whole) else x / whole


def _a_after(c: Tree, pair: Pair, f: Table, end: Exactly) -> Any:
    """f where a pair leads to, or what counts at the end of a response."""
    child = c.child(pair)
    return end if child is None else f[child]


def _a_end_depths(c: Tree) -> list[int]:
    """After how many tokens a response may end with EOS."""
    return sorted({len(y) - 1 for y in c.responses if y[-1] is None})


@definition("A1-fact", "ends with EOS")
def _a1_factorised(c: Case) -> Iterator[Row]:
    policy = c.policy(exps(c.logits))
    p, passing = c.products(policy), c.passing(policy)
    for t in _a_end_depths(c):
        ends, reached = {(x, s): p[x, (*s, None)] for x, s in c.places(t)}, _a_beginnings(c, p, t)
        right = [log(passing[s] * _a_part(ends[s], reached[s])) for s in c.places(t)]
        yield f"p(y) of the responses of {t} tokens", "equal", [log(ends[s]) for s in c.places(t)], right


@definition("A1-eos", "ends with EOS")
def _a1_end_given_prefix(c: Case) -> Iterator[Row]:
    policy = c.policy(exps(c.logits))
    p = c.products(policy)
    allowed = [c.path(k) for k in c.replies if all(c.rewards[pair] != -inf for pair in c.path(k))]
    passed = {pair[:2] for path in allowed for pair in path}
    for t in _a_end_depths(c):
        law, places = _a_beginnings(c, p, t), [s for s in c.places(t) if s in passed]
        if places:
            left = [log(policy[x, s, None]) for x, s in places]
            yield f"π(EOS|s) after {t} tokens", "equal", left, [log(p[x, (*s, None)] / law[x, s]) for x, s in places]


@definition("P4-lengths", "ends with EOS")
def _p4_lengths(c: Case) -> Iterator[Row]:
    policy = c.policy(exps(c.logits))
    p, passing = c.products(policy), c.passing(policy)
    masses = [_a_of_each_prompt(c, {s: passing[s] for s in c.places(t)}) for t in range(c.T)]  # M_1, M_2, …
    masses.append([Number(0)] * c.P)
    for t in range(1, c.T + 1):
        law = _a_of_each_prompt(c, {k: x for k, x in p.items() if len(k[1]) == t})
        change = [a - b for a, b in zip(masses[t - 1], masses[t], strict=True)]
        yield f"l_t = M_t - M_(t+1), t = {t}", "equal", law, change
        so_far = _a_of_each_prompt(c, {k: x for k, x in p.items() if len(k[1]) <= t})
        yield f"Σ of l up to t = 1 - M_(t+1), t = {t}", "equal", so_far, [1 - x for x in masses[t]]


@definition("A2-marg", "50 steps")
def _a2_marginals(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    along, p, values = c.products(weights), c.ebm(weights), c.values(weights)
    policy = c.policy(c.bellman(weights))
    passing, stepped = c.passing(policy), c.products(policy)
    right = [log(stepped[k] * values[k[0], ()]) for k in c.replies]
    yield "R = log p + A of each response", "equal", [log(along[k]) for k in c.replies], right
    for t in range(c.T):
        law = _a_beginnings(c, p, t)
        left, right = ([log(each[s]) for s in c.places(t)] for each in (law, passing))
        yield f"p of each prefix of {t} tokens", "equal", left, right
    for t in _a_end_depths(c):
        lengths = _a_of_each_prompt(c, {k: x for k, x in p.items() if len(k[1]) == t + 1})
        ends = _a_of_each_prompt(c, {s: passing[s] * policy[(*s, None)] for s in c.places(t)})
        yield f"p(|Y| = {t + 1})", "equal", [log(x) for x in lengths], [log(x) for x in ends]


@definition("A5-reference")
def _a5_reference(c: Case) -> Iterator[Row]:
    weights, reference = exps(c.rewards), c.policy(exps(c.table("other")))
    along, p_ref = c.products(weights), c.products(reference)
    both = {k: x * p_ref[k] for k, x in along.items()}
    sums = c.sums(both)
    values: dict[Place, Any] = {}
    q: dict[Pair, Any] = {}
    for place in reversed(c.all_places):  # q = r + log E_ref exp q(next)
        for k in c.at(place):
            q[k] = weights[k] * _a_after(c, k, values, 1)
        values[place] = total(reference[k] * q[k] for k in c.at(place))
    p = c.arm({k: reference[k] * q[k] for k in c.all_pairs})
    left = [log(both[k] / sums[k[0]]) for k in c.replies]
    yield "log-probability of each response", "equal", left, [log(p[k]) for k in c.replies]
    yield "log-partition = root value", "equal", [log(x) for x in sums], [log(values[x, ()]) for x in c.prompts]


@definition("A6-chain", "50 steps")
def _a6_chain(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    p, logits, below = c.ebm(weights), c.bellman(weights), c.below(weights)
    policy = c.policy(logits)
    for t in range(c.T):
        sums = {k: weights[k] * _a_after(c, k, below, 1) for k in c.pairs(t)}
        left, right = ([log(each[k]) for k in c.pairs(t)] for each in (logits, sums))
        yield f"logits at depth {t}", "equal", left, right
        here, longer = _a_beginnings(c, p, t), _a_beginnings(c, p, t + 1)
        left = [log(longer[x, (*s, a)]) for x, s, a in c.pairs(t)]
        right = [log(here[k[:2]] * policy[k]) for k in c.pairs(t)]
        yield f"p(s⊕a) = p(s) π(a|s) at depth {t}", "equal", left, right


# Informations.


def _a_entropies(c: Tree, policy: Table) -> dict[Place, Any]:
    """H(π(·|s)) at each prefix."""
    return {s: -mean((policy[k], log(policy[k])) for k in c.at(s)) for s in c.all_places}


def _a_by_depth(c: Tree, passing: Table, local: Table) -> list[list[Any]]:
    """Σ_s chance(s) f(s) of each depth, for each prompt."""
    return [[mean((passing[s], local[s]) for s in c.places(t) if s[0] == x) for x in c.prompts] for t in range(c.T)]


@definition("A3-entropy-chain")
def _a3_entropy_chain(c: Case) -> Iterator[Row]:
    policy = c.policy(exps(c.logits))
    p, terms = c.products(policy), _a_by_depth(c, c.passing(policy), _a_entropies(c, policy))
    chain = [total(parts) for parts in zip(*terms, strict=True)]
    yield "entropy of responses = Σ_t E[H(π(·|S_t))]", "equal", c.entropy(p), chain
    if len(c.all_pairs) > 10_000 or c.T > 50:  # then step by step is too much
        return
    before: list[Any] = [Number(0)] * c.P
    for t, term in enumerate(terms, start=1):
        law = _a_beginnings(c, p, t)
        after = _a_of_each_prompt(c, {k: -mean([(x, log(x))]) for k, x in law.items()})
        added = [a - b for a, b in zip(after, before, strict=True)]
        yield f"H(Y_≤{t}) - H(Y_<{t}) = E[H(π(·|S_{t}))]", "equal", added, term
        before = after


@definition("A3-estimator")
def _a3_estimator(c: Case) -> Iterator[Row]:
    policy = c.policy(exps(c.logits))
    p, local = c.products(policy), _a_entropies(c, policy)
    guess = {k: total(local[pair[:2]] for pair in c.path(k)) for k in c.replies}
    yield "E of Σ_t H(π(·|S_t)) = H(p)", "equal", c.expect(p, guess), c.entropy(p)


@definition("A3-variance")
def _a3_variance(_: Case) -> Iterator[Row]:
    tree = Tree(1, 3)
    policy = tree.policy({k: Number(2 if k == (0, (), 0) else 1) for k in tree.all_pairs})
    p, local = tree.products(policy), _a_entropies(tree, policy)
    guesses = (
        {k: total(local[pair[:2]] for pair in tree.path(k)) for k in tree.replies},
        {k: -log(p[k]) for k in tree.replies},
    )
    variances = []
    for guess in guesses:
        (center,) = tree.expect(p, guess)
        variances.append(tree.expect(p, {k: (x - center) * (x - center) for k, x in guess.items()}))
    yield "Var Σ_t H(π(·|S_t)) = 2/9 (log 2)²", "equal", variances[0], [log(2) * log(2) * Fraction(2, 9)]
    yield "Var log p = 0", "equal", variances[1], [0]
    yield "the two differ", "differs", variances[1], variances[0]


@definition("A4-kl-chain", "50 steps")
def _a4_kl_chain(c: Case) -> Iterator[Row]:
    pi, rho = c.policy(exps(c.logits)), c.policy(exps(c.table("other")))
    p, q = c.products(pi), c.products(rho)
    terms, back = (_a_by_depth(c, c.passing(mine), c.step_kl(mine, theirs)) for mine, theirs in ((pi, rho), (rho, pi)))
    chain, chain_back = ([total(parts) for parts in zip(*each, strict=True)] for each in (terms, back))
    yield "KL(p‖p0) of responses = Σ_t E[KL(π‖π0)]", "equal", c.kl(p, q), chain
    before: list[Any] = [Number(0)] * c.P
    for t, term in enumerate(terms, start=1):
        law, other = _a_beginnings(c, p, t), _a_beginnings(c, q, t)
        ratios = log_ratios(law, other)
        after = _a_of_each_prompt(c, {k: mean([(x, ratios[k])]) for k, x in law.items()})
        yield f"what step {t} adds to KL(p‖p0)", "equal", [a - b for a, b in zip(after, before, strict=True)], term
        before = after
    yield "KL(p0‖p) of responses = Σ_t E[KL(π0‖π)]", "equal", c.kl(q, p), chain_back


def _a_context(s: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    """The last n tokens."""
    return s[max(0, len(s) - n) :]


# A process: states and actions take turns; a state depends on the state and the action before, an action on its state.


def _a_laws(c: Case, logits: Table) -> list[dict[Any, dict[Any, Any]]]:
    """Of each step: the law of what comes next, by the last state and action, or by the last state."""
    policy, laws = c.policy(exps(logits)), []
    first: dict[Any, Real] = {}
    for t in range(c.T):
        laws.append({_a_context(s, 2 - t % 2): {a: policy[x, s, a] for a in c.actions(t)} for x, s in c.places(t)})
        for k in c.pairs(t):
            key = (t, _a_context(k[1], 2 - t % 2), k[2])
            if not _holds("equal", logits[k], first.setdefault(key, logits[k])):
                raise Rejected("a step that depends on more than the state, or the state and the action")
    return laws


def _a_occupancies(laws: list[dict[Any, dict[Any, Any]]]) -> list[dict[Any, Any]]:
    """The law of what each step depends on, from step to step."""
    found = [{(): Number(1)}]
    for t, law in enumerate(laws[:-1]):
        after = {context: Number(0) for context in laws[t + 1]}
        for context, chance in found[-1].items():
            for a, x in law[context].items():
                key = _a_context((*context, a), 1 + t % 2)
                after[key] = after[key] + chance * x
        found.append(after)
    return found


@definition("A3-stoch", "one length", "one prompt")
def _a3_process(c: Case) -> Iterator[Row]:
    p, laws = c.arm(exps(c.logits)), _a_laws(c, c.logits)
    where = _a_occupancies(laws)
    for t in range(1, c.T, 2):
        states = [total(x for k, x in p.items() if k[1][t - 1] == state) for state in range(c.V)]
        yield f"law of the state S_{t // 2 + 1}", "equal", states, [where[t][state,] for state in range(c.V)]
    entropies = [{s: -mean((x, log(x)) for x in law.values()) for s, law in step.items()} for step in laws]
    chain = total(mean((x, local[s]) for s, x in at.items()) for at, local in zip(where, entropies, strict=True))
    yield "entropy of trajectories", "equal", c.entropy(p), [chain]


@definition("A4-stoch", "one length", "one prompt")
def _a4_process(c: Case) -> Iterator[Row]:
    p, q = c.arm(exps(c.logits)), c.arm(exps(c.table("other")))
    laws, theirs = _a_laws(c, c.logits), _a_laws(c, c.table("other"))
    for one, another in zip(laws[::2], theirs[::2], strict=True):  # the steps of states
        if not all(_holds("equal", x, another[s][a]) for s, law in one.items() for a, x in law.items()):
            raise Rejected("two processes whose states do not follow one law")
    where, chain = _a_occupancies(laws), Number(0)
    for t in range(1, c.T, 2):  # the steps of actions
        for s, chance in where[t].items():
            ratios = log_ratios(laws[t][s], theirs[t][s])
            chain = chain + chance * mean((x, ratios[a]) for a, x in laws[t][s].items())
    yield "KL of trajectories", "equal", c.kl(p, q), [chain]


# Maxima and bounds.


def _a_nested(c: Case, policy: Table) -> list[Any]:
    """E[r + τ H(π) + what comes after], from the last step back."""
    value: dict[Place, Any] = {}
    for s in reversed(c.all_places):
        gains = []
        for k in c.at(s):
            if not is_zero(policy[k]):
                gain = c.rewards[k] - c.temperature * log(policy[k])
                gains.append((policy[k], gain + _a_after(c, k, value, 0)))
        value[s] = mean(gains)
    return [value[x, ()] for x in c.prompts]


@definition("A7-variational")
def _a7_variational(c: Case) -> Iterator[Row]:
    weights, tau = exps(c.rewards, c.temperature), c.temperature
    logits, values = c.bellman(weights), c.values(weights)
    best, other = c.policy(logits), c.policy(exps(c.table("other")))
    largest_value = [tau * log(x) for x in c.sums(c.products(weights))]
    yield "A = the value of π = softmax(M r)", "equal", largest_value, _a_nested(c, best)
    yield "A ≥ that of another π", "at most", _a_nested(c, other), largest_value
    divergence, alive = c.step_kl(other, best), {k[:2] for k in c.live}
    for t in range(c.T):
        places = [s for s in c.places(t) if s in alive]
        taken = {s: [k for k in c.at(s) if not is_zero(other[k])] for s in places}
        gains = {s: mean((other[k], tau * (log(logits[k]) - log(other[k]))) for k in taken[s]) for s in places}
        if places:
            left, right = [tau * log(values[s]) - gains[s] for s in places], [tau * divergence[s] for s in places]
            yield f"what π misses at each prefix of depth {t} = τ KL(π‖π*)", "equal", left, right


def _a_bound(c: Case, p: Table, totals: Table) -> list[Any]:
    """E_p[R] + H(p)."""
    return [a + b for a, b in zip(c.expect(p, totals), c.entropy(p), strict=True)]


@definition("A8-elbo", "50 steps")
def _a8_lower_bound(c: Case) -> Iterator[Row]:
    weights, p = exps(c.rewards, c.temperature), c.arm(exps(c.table("other")))
    along = c.products(weights)
    totals, partition = logs(along), [log(x) for x in c.sums(along)]
    bound = _a_bound(c, p, totals)
    yield "ELBO(p) ≤ A", "at most", bound, partition
    gap = [a - b for a, b in zip(partition, bound, strict=True)]
    yield "A - ELBO(p) = KL(p‖p_R)", "equal", gap, c.kl(p, c.ebm(weights))
    yield "A = ELBO at q = M(r)", "equal", partition, _a_bound(c, c.arm(c.bellman(weights)), totals)


@definition("A8-minmax", "50 steps")
def _a8_saddle(c: Case) -> Iterator[Row]:
    weights, reference = exps(c.rewards), c.policy(exps(c.table("other")))
    rho = c.products(reference)
    totals, log_rho = logs(c.products(weights)), logs(rho)

    def objective(totals: Table, q: Table) -> list[Any]:
        parts = zip(_a_bound(c, q, totals), c.expect(rho, totals), strict=True)
        return c.over_prompts([a - b for a, b in parts])

    def risk(p: Table) -> list[Any]:
        return c.over_prompts([-x for x in c.expect(rho, logs(p))])

    mine, student = risk(c.ebm(weights)), c.arm(exps(c.logits))
    least = c.over_prompts(c.entropy(rho))
    yield "E_ρ ℓ_R = max over q, at q = M(r)", "equal", mine, objective(totals, c.arm(c.bellman(weights)))
    yield "no other q gives more", "at most", objective(totals, student), mine
    yield "H(ρ) ≤ E_ρ ℓ_R", "at most", least, mine
    yield "E_ρ ℓ_R = H(ρ) at R = log ρ", "equal", risk(c.ebm(reference)), least
    yield "at q = log π_ρ every R gives H(ρ)", "equal", objective(totals, rho), least
    yield "at R = log ρ no q gives more", "at most", objective(log_rho, student), least


# Sums over paths.


@definition("A9-beta", "50 steps")
def _a9_forward_backward(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    values, below, policy = c.values(weights), c.below(weights), c.policy(c.bellman(weights))
    above = c.passing(weights)  # products from the root
    for t in range(c.T):
        left, right = ([log(each[s]) for s in c.places(t)] for each in (values, below))
        yield f"V = log β at depth {t}", "equal", left, right
        left = [log(above[k[:2]] * below[k[:2]] * policy[k]) for k in c.pairs(t)]
        right = [log(above[k[:2]] * weights[k] * _a_after(c, k, below, 1)) for k in c.pairs(t)]
        yield f"α(s) β(s) π(a|s) = α(s⊕a) β(s⊕a) at depth {t}", "equal", left, right


@definition("A9-Z")
def _a9_cut(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    along, p, values, above = c.products(weights), c.ebm(weights), c.values(weights), c.passing(weights)
    z = c.sums(along)
    for t in range(c.T):
        cut = _a_of_each_prompt(c, {s: above[s] * values[s] for s in c.places(t)})
        longer = _a_of_each_prompt(c, {k: x for k, x in p.items() if len(k[1]) > t})
        right = [log(a * b) for a, b in zip(z, longer, strict=True)]
        yield f"Σ α β over prefixes of {t} tokens = Z P(|Y| ≥ {t + 1})", "equal", [log(x) for x in cut], right
        ended = _a_of_each_prompt(c, {k: x for k, x in along.items() if len(k[1]) <= t})
        left = [log(a + b) for a, b in zip(cut, ended, strict=True)]
        yield f"with what ended before {t + 1}: Z", "equal", left, [log(x) for x in z]


@definition("A9-lattice", "50 steps")
def _a9_lattice(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    for window in (0, 1, 2):

        def seen(x: int, s: tuple[Any, ...], n: int = window) -> Place:
            """The prefix as the window sees it: all but its last tokens replaced by the first token."""
            context = _a_context(s, n)
            return x, (*(0,) * (len(s) - len(context)), *context)

        tree = {(x, s, a): weights[(*seen(x, s), a)] for x, s, a in c.all_pairs}
        values = c.values(tree)
        nodes: dict[Place, Any] = {}
        for place in reversed(c.all_places):
            if place == seen(*place):  # one node for each depth and context
                steps = [(tree[k], c.child(k)) for k in c.at(place)]
                nodes[place] = total(w * (1 if s is None else nodes[seen(*s)]) for w, s in steps)
        for t in range(c.T):
            right = [log(nodes[seen(*s)]) for s in c.places(t)]
            yield f"V at depth {t} with a window of {window}", "equal", [log(values[s]) for s in c.places(t)], right
        left, right = [log(x) for x in c.sums(c.products(tree))], [log(nodes[x, ()]) for x in c.prompts]
        yield f"log-partition with a window of {window}", "equal", left, right


@definition("A9-lattice-cost")
def _a9_edges(_: Case) -> Iterator[Row]:
    for V, T, W in ((2, 6, 2), (2, 6, 1), (3, 4, 1), (1, 5, 2), (2, 4, 0), (2, 4, 3)):
        of_any, of_one = (
            [len({(t, _a_context(y[:t], W), a) for y in tree.responses for t, a in enumerate(y)})]
            for tree in (Tree(V, T), Tree(V, T, eos=False))
        )
        sizes = f"V={V}, T={T}, W={W}"
        formula = sum(V ** min(t, W) * (V + 1) for t in range(T - 1)) + V ** min(T - 1, W)
        yield f"edges, {sizes}", "equal", of_any, [formula]
        yield f"at most T V^W (V+1), {sizes}", "at most", of_any, [T * V**W * (V + 1)]
        yield f"of one length: at most T V^(W+1), {sizes}", "at most", of_one, [T * V ** (W + 1)]


# -- Appendices A.10 and A.11: gradients --


def _gradients_few(c: Case) -> bool:
    """Whether there is a comparison for each pair."""
    return len(c.all_pairs) <= 100


def _gradients_after(c: Case, k: Pair, f: Table, at_end: int) -> Any:
    """f of the prefix s⊕a; a number at the end of a response."""
    child = c.child(k)
    return Number(at_end) if child is None else f[child]


def _gradients_pairwise(what: str, routes: Mapping[str, list[Any]]) -> Iterator[Row]:
    """Every two routes to the same numbers."""
    names = list(routes)
    for i, one in enumerate(names):
        for another in names[i + 1 :]:
            yield f"{what}: {one} = {another}", "equal", routes[one], routes[another]


def _gradients_taken(c: Case, p: Table) -> dict[Pair, Any]:
    """Σ p(y) over the responses that take each pair."""
    found: dict[Pair, Any] = {k: Number(0) for k in c.all_pairs}
    for reply in c.replies:
        for k in c.path(reply):
            found[k] = found[k] + p[reply]
    return found


def _gradients_chances(c: Case, weights: Table) -> dict[Pair, Any]:
    """The chance of each pair under softmax of logits: of passing its prefix, times that of its action."""
    policy = c.policy(weights)
    passing = c.passing(policy)
    return {k: passing[k[:2]] * x for k, x in policy.items()}


def _gradients_alpha_beta(c: Case, weights: Table) -> dict[Pair, Any]:
    """α(s) e^r(s,a) β(s⊕a) / Z: α the product of weights up to s, β the sum over what completes s⊕a."""
    below, alpha = c.below(weights), c.passing(weights)
    after = {k: _gradients_after(c, k, below, 1) for k in c.all_pairs}
    return {k: alpha[k[:2]] * weights[k] * after[k] / below[k[0], ()] for k in c.all_pairs}


def _gradients_of_root(c: Case, weights: Table) -> dict[Pair, Any]:
    """∂A/∂r(s,a), where Z is affine in e^r(s,a): what of Z is lost without it, over Z."""
    before, found = c.sums(c.products(weights)), {}
    for k in c.all_pairs:
        z, x = before[k[0]], k[0]
        found[k] = (z - c.values({**weights, k: Number(0)})[x, ()]) / z
    return found


def _gradients_of_values(c: Case, weights: Table) -> dict[Pair, Any]:
    """∂V(s)/∂q(s,a) by itself, in the same way; 0 where nothing is allowed."""
    found, sums = {}, c.local(weights)
    for k in c.all_pairs:
        z, rest = sums[k[:2]], total(weights[other] for other in c.at(k[:2]) if other != k)
        found[k] = Number(0) if is_zero(z) else (z - rest) / z
    return found


def _gradients_changes(c: Case, weights: Table, d: Table) -> dict[Place, Any]:
    """The change of V along d, of rewards: the mean of d added up along what completes each prefix; 0 at dead ones."""
    below = c.below(weights)
    found: dict[Place, Any] = {place: Number(0) for place in c.all_places}
    for reply in c.replies:
        tail, added = Number(1), Number(0)
        for k in reversed(c.path(reply)):
            tail, added = tail * weights[k], added + d[k]
            found[k[:2]] = found[k[:2]] + tail * added
    return {s: x if is_zero(below[s]) else x / below[s] for s, x in found.items()}


def _gradients_differentiated(c: Case, policy: Table, d: Table) -> dict[Place, Any]:
    """The change of V along d, by eq. (6) differentiated: V'(s) = Σ_a π(a|s) (d(s,a) + V'(s⊕a))."""
    found: dict[Place, Any] = {}
    for s in reversed(c.all_places):
        found[s] = mean((policy[k], d[k] + _gradients_after(c, k, found, 0)) for k in c.at(s))
    return found


def _gradients_root_change(c: Case, weights: Table, d: Table) -> list[Any]:
    """The change of A along d, in this way."""
    changes = _gradients_differentiated(c, c.policy(c.bellman(weights)), d)
    return [changes[x, ()] for x in c.prompts]


def _gradients_pushed(c: Case, changes: Table, d: Table) -> dict[Pair, Any]:
    """J_M d: d(s,a) and the change of V(s⊕a)."""
    return {k: d[k] + _gradients_after(c, k, changes, 0) for k in c.all_pairs}


def _gradients_pulled(c: Case, policy: Table, g: Table) -> dict[Pair, Any]:
    """J_Mᵀ g: g(s,a), and g of each pair above times the chance of (s,a) from there on."""
    found = {}
    for x, s, a in c.all_pairs:
        k: Pair = (x, s, a)
        found[k], chance = g[k], policy[k]
        for t in reversed(range(len(s))):
            above: Pair = (x, s[:t], s[t])
            found[k], chance = found[k] + g[above] * chance, chance * policy[above]
    return found


def _gradients_along(c: Case, gradient: Table, d: Table) -> list[Any]:
    """<gradient, d>, of each prompt."""
    return [total(gradient[k] * d[k] for k in c.all_pairs if k[0] == x) for x in c.prompts]


def _gradients_of_arm_risk(c: Case, mine: Table, target: Table) -> dict[Pair, Any]:
    """p_X(x) ρ(s) (π(a|s) - π_ρ(a|s)), of weights of logits."""
    pi, theirs, share = c.policy(mine), c.policy(target), c.prompt_weights
    rho = c.passing(theirs)
    return {k: rho[k[:2]] * (x - theirs[k]) * share[k[0]] for k, x in pi.items()}


def _gradients_of_ebm_risk(c: Case, mine: Table, theirs: Table) -> dict[Pair, Any]:
    """p_X(x) (p(s,a) - ρ(s,a)), of chances of pairs."""
    return {k: (x - theirs[k]) * c.prompt_weights[k[0]] for k, x in mine.items()}


def _gradients_ends(c: Case) -> set[Pair]:
    """The pairs that end a response."""
    return {c.path(reply)[-1] for reply in c.replies}


@definition("A10-ebm", "50 steps")
def _a10_ebm(c: Case) -> Iterator[Row]:
    weights, ends = exps(c.rewards), _gradients_ends(c)
    p, last = c.ebm(weights), {reply: c.path(reply)[-1] for reply in c.replies}
    routes = {
        "αβ/Z at last steps": _gradients_alpha_beta(c, weights),
        "∂A/∂r at last steps": _gradients_chances(c, c.bellman(weights)),
    }
    if _gradients_few(c):
        routes["complex step"] = _gradients_of_root(c, weights)
    sides = {name: [gradient[last[reply]] for reply in c.replies] for name, gradient in routes.items()}
    yield from _gradients_pairwise("∂A/∂R(y)", {"p_R": [p[reply] for reply in c.replies], **sides})
    d = {k: x if k in ends else Number(0) for k, x in c.table("direction").items()}
    left, right = c.expect(p, {reply: d[last[reply]] for reply in c.replies}), _gradients_root_change(c, weights, d)
    yield "along a direction: Σ p(y) D(y) = complex step", "equal", left, right


@definition("A10-arm", "100 pairs")
def _a10_arm(c: Case) -> Iterator[Row]:
    weights = exps(c.logits)
    p, policy, changes = c.arm(weights), c.policy(weights), _gradients_of_values(c, weights)

    def on_path(f: Table, k: Pair) -> list[Any]:
        return [f[k] if any(above[:2] == k[:2] for above in c.path((k[0], y))) else Number(0) for y in c.responses]

    formula, stepped = ([on_path(f, k) for k in c.all_pairs] for f in (policy, changes))
    left, right = ([x for row in rows for x in row] for rows in (formula, stepped))
    yield "∂A^ARM(x,y)/∂q: π on the path = complex step", "equal", left, right
    rows = zip(c.all_pairs, formula, strict=True)
    enumerated, recursive = _gradients_taken(c, p), _gradients_chances(c, weights)
    routes = {
        "mean over y": [mean((p[k[0], y], x) for y, x in zip(c.responses, row, strict=True)) for k, row in rows],
        "chance of the pair, by enumeration": [enumerated[k] for k in c.all_pairs],
        "chance of the pair, by recursion": [recursive[k] for k in c.all_pairs],
    }
    yield from _gradients_pairwise("E ∂A^ARM/∂q", routes)


@definition("A11-backprop", "50 steps")
def _a11_backprop(c: Case) -> Iterator[Row]:
    weights, d = exps(c.rewards), c.table("direction")
    logits = c.bellman(weights)
    policy, formula = c.policy(logits), _gradients_chances(c, logits)
    at_root = {k: x if not k[1] else Number(0) for k, x in policy.items()}
    routes = {
        "ρ(s) π(a|s)": formula,
        "αβ'/Z": _gradients_alpha_beta(c, weights),
        "J_Mᵀ ∂A/∂q": _gradients_pulled(c, policy, at_root),
    }
    if _gradients_few(c):
        routes |= {"enumeration": _gradients_taken(c, c.ebm(weights)), "complex step": _gradients_of_root(c, weights)}
    yield from _gradients_pairwise("∂A/∂r(s,a)", {n: [f[k] for k in c.all_pairs] for n, f in routes.items()})
    changes = _gradients_changes(c, weights, d)
    yield "along a direction", "equal", _gradients_along(c, formula, d), [changes[x, ()] for x in c.prompts]


@definition("GR-arm-risk", "50 steps")
def _gr_arm_risk(c: Case) -> Iterator[Row]:
    weights, target, share = exps(c.logits), exps(c.table("other")), c.prompt_weights
    rho, chances = c.passing(c.policy(target)), _gradients_chances(c, target)
    changes, policy = _gradients_of_values(c, weights), c.policy(weights)
    routes = {
        "ρ(s) (π_q - π_ρ)": _gradients_of_arm_risk(c, weights, target),
        "E[∂A^ARM - ∂R_q], complex step": {k: (rho[k[:2]] * x - chances[k]) * share[k[0]] for k, x in changes.items()},
    }
    if _gradients_few(c):
        taken = _gradients_taken(c, {reply: x * share[reply[0]] for reply, x in c.arm(target).items()})
        here = {s: total(taken[k] for k in c.at(s)) for s in c.all_places}
        routes["E[π_q on the path - actions taken]"] = {k: x * here[k[:2]] - taken[k] for k, x in policy.items()}
    yield from _gradients_pairwise("∂L^ARM/∂q(s,a)", {n: [f[k] for k in c.all_pairs] for n, f in routes.items()})


@definition("GR-ebm-risk", "50 steps")
def _gr_ebm_risk(c: Case) -> Iterator[Row]:
    weights, target, d = exps(c.rewards), exps(c.table("other")), c.table("direction")
    theirs, rho = _gradients_chances(c, target), c.arm(target)
    formula = _gradients_of_ebm_risk(c, _gradients_chances(c, c.bellman(weights)), theirs)
    routes = {"p_R - ρ": formula, "αβ'/Z - ρ": _gradients_of_ebm_risk(c, _gradients_alpha_beta(c, weights), theirs)}
    if _gradients_few(c):
        p, data = c.ebm(weights), _gradients_taken(c, rho)
        routes["enumeration"] = _gradients_taken(c, {k: (x - rho[k]) * c.prompt_weights[k[0]] for k, x in p.items()})
        routes["complex step"] = _gradients_of_ebm_risk(c, _gradients_of_root(c, weights), data)
    yield from _gradients_pairwise("∂L^EBM/∂r(s,a)", {n: [f[k] for k in c.all_pairs] for n, f in routes.items()})
    parts = zip(_gradients_root_change(c, weights, d), c.expect(rho, c.totals(d)), c.prompt_weights, strict=True)
    yield "along a direction", "equal", _gradients_along(c, formula, d), [(a - b) * share for a, b, share in parts]


@definition("GR-chain", "50 steps")
def _gr_chain(c: Case) -> Iterator[Row]:
    weights, target, d = exps(c.rewards), exps(c.table("other")), c.table("direction")
    logits = c.bellman(weights)
    of_logits = _gradients_of_arm_risk(c, logits, target)
    of_rewards = _gradients_of_ebm_risk(c, _gradients_alpha_beta(c, weights), _gradients_chances(c, target))
    routes = {"∇_r L^EBM": of_rewards, "J_Mᵀ ∇_q L^ARM": _gradients_pulled(c, c.policy(logits), of_logits)}
    if _gradients_few(c):
        p, rho = c.ebm(weights), c.arm(target)
        routes["enumeration"] = _gradients_taken(c, {k: (x - rho[k]) * c.prompt_weights[k[0]] for k, x in p.items()})
    yield from _gradients_pairwise("gradient", {n: [f[k] for k in c.all_pairs] for n, f in routes.items()})
    pushed = _gradients_pushed(c, _gradients_changes(c, weights, d), d)
    left, right = _gradients_along(c, of_rewards, d), _gradients_along(c, of_logits, pushed)
    yield "<∇_r L^EBM, d> = <∇_q L^ARM, J_M d>", "equal", left, right


# -- The Jacobian of M, minimisers and Taylor remainders --


def _jacobian_tree(c: Case) -> list[tuple[tuple[int, ...], int | None]]:
    """(prefix, action) of one prompt's pairs, in order of depth."""
    return [(s, a) for x, s, a in c.all_pairs if not x]


def _jacobian_unit(c: Case, s: tuple[int, ...], a: int | None) -> dict[Pair, Any]:
    """1 at one pair of each prompt's tree."""
    return {k: Number(int(k[1:] == (s, a))) for k in c.all_pairs}


def _jacobian_pushed(c: Case, weights: Table) -> list[dict[Pair, Any]]:
    """The columns of J_M: J_M e of each unit vector."""
    units = [_jacobian_unit(c, *u) for u in _jacobian_tree(c)]
    return [_gradients_pushed(c, _gradients_changes(c, weights, e), e) for e in units]


def _jacobian_stepped(c: Case, weights: Table) -> list[dict[Pair, Any]]:
    """The same, where exp V(s) is affine in e^r(u): what of it is lost without u, over exp V(s)."""
    columns, values = [], c.values(weights)
    for u in _jacobian_tree(c):
        without = c.values({k: Number(0) if k[1:] == u else w for k, w in weights.items()})
        lost = {s: z if is_zero(z) else (z - without[s]) / z for s, z in values.items()}
        columns.append(_gradients_pushed(c, lost, _jacobian_unit(c, *u)))
    return columns


def _jacobian_determinant(rows: list[list[Any]]) -> Any:
    """The determinant, by elimination."""
    found: Any = Number(1)
    while rows:
        i = next((i for i, row in enumerate(rows) if not is_zero(row[0])), None)
        if i is None:
            return Number(0)
        first, found = rows[i], found * rows[i][0] * (-1) ** i
        rest = rows[:i] + rows[i + 1 :]
        rows = [
            row[1:] if is_zero(row[0]) else [y - row[0] / first[0] * x for x, y in zip(first[1:], row[1:], strict=True)]
            for row in rest
        ]
    return found


@definition("GR-jacobian", "100 pairs")
def _gr_jacobian(c: Case) -> Iterator[Row]:
    columns, tree = _jacobian_pushed(c, exps(c.rewards)), _jacobian_tree(c)
    for x, name in enumerate(c.names):
        rows = [[column[x, *k] for column in columns] for k in tree]
        not_above = [(i, j) for i, k in enumerate(tree) for j, u in enumerate(tree) if len(k[0]) >= len(u[0])]
        left, right = [rows[i][j] for i, j in not_above], [int(i == j) for i, j in not_above]
        yield f"prompt {name!r}: 1 on the diagonal, 0 below", "equal", left, right
        yield f"prompt {name!r}: det J_M", "equal", [_jacobian_determinant(rows)], [1]


def _jacobian_flat(c: Case, columns: list[dict[Pair, Any]]) -> list[Any]:
    """Columns as one list: the pair slowest, then the prompt, then the unit vector."""
    return [column[x, *k] for k in _jacobian_tree(c) for x in c.prompts for column in columns]


@definition("GR-adjoint", "50 steps", numbers="pairs pairs units")
def _gr_adjoint(c: Case) -> Iterator[Row]:
    weights, d, g = exps(c.rewards), c.table("direction"), c.numbers[1]
    policy = c.policy(c.bellman(weights))
    pushed = _gradients_pushed(c, _gradients_changes(c, weights, d), d)
    left, right = _gradients_along(c, pushed, g), _gradients_along(c, _gradients_pulled(c, policy, g), d)
    yield "<g, J d> = <Jᵀ g, d>", "equal", left, right
    stepped = _gradients_pushed(c, _gradients_differentiated(c, policy, d), d)
    yield "J d = complex step", "equal", [pushed[k] for k in c.all_pairs], [stepped[k] for k in c.all_pairs]
    if not _gradients_few(c):
        return
    tree, p, taken = _jacobian_tree(c), c.ebm(weights), [frozenset(c.path(reply)) for reply in c.replies]
    pulled = [_gradients_pulled(c, policy, _jacobian_unit(c, *k)) for k in tree]
    matrix = _jacobian_flat(c, _jacobian_pushed(c, weights))
    rows = [[row[x, *u] for x in c.prompts for u in tree] for row in pulled]
    routes = {
        "J e": matrix,
        "complex step": _jacobian_flat(c, _jacobian_stepped(c, weights)),
        "(Jᵀ e)ᵀ": [e for row in rows for e in row],
    }
    yield from _gradients_pairwise("J_M", routes)
    entries, chances, left, right = iter(matrix), _gradients_taken(c, p), list[Any](), list[Any]()
    for k, x, u in product(tree, c.prompts, tree):
        entry, below = next(entries), len(k[0]) < len(u[0])
        both = (p[y] for y, pairs in zip(c.replies, taken, strict=True) if (x, *k) in pairs and (x, *u) in pairs)
        left.append(chances[x, *k] * entry if below else 0)
        right.append(total(both) if below else 0)
    yield "P(pair) J = P(both pairs), by enumeration", "equal", left, right


@definition("GR-minimisers", "50 steps")
def _gr_minimisers(c: Case) -> Iterator[Row]:
    target, d = exps(c.table("other")), c.table("direction")
    rho = c.arm(target)
    ends = {c.path(reply)[-1]: x for reply, x in rho.items()}
    best = {k: ends.get(k, Number(1)) for k in c.all_pairs}
    logits = c.bellman(best)
    of_logits = _gradients_of_arm_risk(c, logits, target)
    of_rewards = _gradients_of_ebm_risk(c, _gradients_alpha_beta(c, best), _gradients_chances(c, target))
    for name, gradient in (("ARM", of_logits), ("EBM", of_rewards)):
        yield f"∇L^{name} = 0", "equal", [gradient[k] for k in c.all_pairs], [0] * len(c.all_pairs)
    for name, p in (("M(r*)", c.arm(logits)), ("r*", c.ebm(best))):
        yield f"p of {name} = ρ", "equal", [log(p[k]) for k in c.replies], [log(rho[k]) for k in c.replies]
    left, right = _gradients_root_change(c, best, d), c.expect(rho, c.totals(d))
    yield "∂A along a direction = E_ρ of it", "equal", left, right


def _jacobian_squared_span(values: Iterable[Any]) -> Any:
    """(max - min)², 0 of nothing."""
    kept = list(values)
    span = largest(kept) - smallest(kept) if kept else Number(0)
    return span * span


def _jacobian_remainders(
    name: str, f: Callable[[Fraction], list[Any]], slopes: list[Any], squares: list[Any]
) -> Iterator[Row]:
    """f(h) - f(0) - h f'(0) against 0, and against h²/8 of what f'' is at most a quarter of."""
    start = f(Fraction(0))
    for h in (Fraction(1, 256), Fraction(1, 512)):
        rest = [b - a - h * slope for a, b, slope in zip(start, f(h), slopes, strict=True)]
        what = f"{name}: remainder at {float(h):g}"
        yield f"{what} is not negative", "at most", [0] * len(rest), rest
        yield f"{what} is at most h²/8 of a span squared", "at most", rest, [h * h / 8 * x for x in squares]


@definition("GR-taylor")
def _gr_taylor(c: Case) -> Iterator[Row]:
    target, d = exps(c.table("other")), c.table("direction")
    weights, logits, totals = exps(c.rewards), exps(c.logits), c.totals(d)
    rho, passing, allowed = c.arm(target), c.passing(c.policy(target)), c.products(weights)

    def moved(f: Table, h: Fraction) -> dict[Pair, Any]:
        return exps({k: x if x == -inf else x + h * d[k] for k, x in f.items()})

    def risk(p: Table) -> list[Any]:
        return c.over_prompts([-x for x in c.expect(rho, logs(p))])

    def partition(h: Fraction) -> list[Any]:
        return [log(z) for z in c.sums(c.products(moved(c.rewards, h)))]

    of_partition = _gradients_chances(c, c.bellman(weights))
    of_ebm = _gradients_of_ebm_risk(c, of_partition, _gradients_chances(c, target))
    of_arm = _gradients_of_arm_risk(c, logits, target)
    spans = c.per_prompt(lambda ys: _jacobian_squared_span(totals[y] for y in ys if not is_zero(allowed[y])))
    local = {s: _jacobian_squared_span(d[k] for k in c.at(s) if k in c.live) for s in c.all_places}
    slopes, squares = _gradients_along(c, of_partition, d), c.over_prompts(spans)
    yield from _jacobian_remainders("A", partition, slopes, spans)
    slopes = [total(_gradients_along(c, of_ebm, d))]
    yield from _jacobian_remainders("L^EBM", lambda h: risk(c.ebm(moved(c.rewards, h))), slopes, squares)
    slopes, squares = [total(_gradients_along(c, of_arm, d))], c.over_prompts(c.over_places(passing, local))
    yield from _jacobian_remainders("L^ARM", lambda h: risk(c.arm(moved(c.logits, h))), slopes, squares)


# -- What changes nothing: shaping and shifts --


def _gauges_shaped(c: Case, rewards: Table, phi: Table) -> dict[Pair, Any]:
    """r(s,a) + φ(s) - φ(s⊕a)."""
    return {k: x + phi[k[:2]] - _gradients_after(c, k, phi, 0) for k, x in rewards.items()}


@definition("G-invariance", lifted="rewards places places")
def _g_invariance(c: Case) -> Iterator[Row]:
    before = c.totals(c.rewards)
    after = c.totals(_gauges_shaped(c, c.rewards, c.table("potential")))
    yield "φ(x) = 0: R is unchanged", "equal", [after[k] for k in c.replies], [before[k] for k in c.replies]
    phi = c.lifted[2]
    after = c.totals(_gauges_shaped(c, c.rewards, phi))
    right = [before[k] + phi[k[0], ()] for k in c.replies]
    yield "φ(x) adds itself to R", "equal", [after[k] for k in c.replies], right


@definition("G-equivariance", lifted="rewards places")
def _g_equivariance(c: Case) -> Iterator[Row]:
    phi, tau = c.lifted[1], c.temperature
    sides: list[tuple[Table, Table]] = []
    for rewards in (_gauges_shaped(c, c.rewards, phi), c.rewards):
        weights = exps(rewards, tau)
        sides.append((logs(c.bellman(weights)), logs(c.values(weights))))
    (logits, values), (q, v) = sides
    left, right = [tau * logits[k] for k in c.all_pairs], [tau * q[k] + phi[k[:2]] for k in c.all_pairs]
    yield "M(r + φ(s) - φ(s⊕a)) = M(r) + φ(s)", "equal", left, right
    left, right = [tau * values[s] for s in c.all_places], [tau * v[s] + phi[s] for s in c.all_places]
    yield "its values move by φ(s)", "equal", left, right


@definition("G-quotient", "50 steps", lifted="rewards rewards places")
def _g_quotient(c: Case) -> Iterator[Row]:
    phi = c.lifted[2]
    tables = _gauges_shaped(c, c.rewards, phi), c.rewards
    left, right = ([log(x) for x in c.policy(c.bellman(exps(rewards))).values()] for rewards in tables)
    yield "same R, same policy", "equal", left, right
    shifted = {k: x + phi[k[:2]] for k, x in c.logits.items()}
    one, two = (logs(c.products(c.inverse(exps(q)))) for q in (c.logits, shifted))
    right = [one[k] + phi[k[0], ()] for k in c.replies]
    yield "same policy, same R up to c(x)", "equal", [two[k] for k in c.replies], right


@definition("G-sections", "50 steps", "12 steps", lifted="rewards rewards alive 1")
def _g_sections(c: Case) -> Iterator[Row]:
    weights, before = exps(c.rewards), c.totals(c.rewards)
    ends = {c.path(k)[-1]: exp(before[k]) for k in c.replies}
    terminal = c.totals(logs({k: ends.get(k, Number(1)) for k in c.all_pairs}))
    yield "R of terminal R = R", "equal", [terminal[k] for k in c.replies], [before[k] for k in c.replies]
    policy, alive = c.policy(exps(c.logits)), {k[:2] for k in c.live}
    sums = c.local(policy)
    yield "V of log π = 0", "equal", [log(sums[s]) for s in c.all_places], [0 if s in alive else -inf for s in sums]
    (constant,) = c.lifted[3].values()
    fixed = {k: x * exp(constant) if not k[1] else x for k, x in policy.items()}
    mapped = c.bellman(fixed)
    sides = ([log(f[k]) for k in c.all_pairs] for f in (mapped, fixed))
    yield "M(log π + c(x)) = log π + c(x)", "equal", next(sides), next(sides)
    mapped, below = c.bellman(weights), logs(c.below(weights))
    for t in range(c.T - 1):
        right = [c.rewards[k] + _gradients_after(c, k, below, 0) for k in c.pairs(t)]
        yield f"M(r) - r = V(s⊕a) at depth {t}", "equal", [log(mapped[k]) for k in c.pairs(t)], right


# -- How many rewards give one distribution --


def _gauge_dimensions_rank(rows: Iterable[Iterable[int]]) -> int:
    """The rank of a matrix of integers, over the rationals: each row less what the rows before it span."""
    base: dict[int, list[Fraction]] = {}
    for row in rows:
        rest = [Fraction(x) for x in row]
        for i in range(len(rest)):
            if rest[i] and i in base:
                factor = rest[i] / base[i][i]
                rest = [x - factor * y for x, y in zip(rest, base[i], strict=True)]
            elif rest[i]:
                base[i] = rest
                break
    return len(base)


@definition("G-shaping")
def _g_shaping(c: Case) -> Iterator[Row]:
    for x, name in enumerate(c.names):
        paths = [c.path((x, y)) for y in c.responses]
        allowed = [path for path in paths if all(c.rewards[k] != -inf for k in path)]
        passed = {k for path in allowed for k in path}
        pairs = [k for k in c.all_pairs if k in passed]
        places = [s for s in c.all_places if any(k in passed for k in c.at(s))]
        moves = {(k, s): (k[:2] == s) - (c.child(k) == s) for k in pairs for s in places}
        left = [sum(moves[k, s] for k in path) for path in allowed for s in places]
        yield f"{name!r}: R moves by φ(x)", "equal", left, [int(not s[1]) for _ in allowed for s in places]
        taken = _gauge_dimensions_rank([int(k in path) for k in pairs] for path in allowed)
        shaping = _gauge_dimensions_rank([moves[k, s] for k in pairs] for s in places if s[1])
        what, free = "dimension of the kernel, rank of shaping, prefixes but the root", len(pairs) - len(allowed)
        yield f"{name!r}: {what}", "equal", [len(pairs) - taken, shaping, len(places) - 1], [free] * 3
        yield f"{name!r}: rank = |Y|", "equal", [taken], [len(allowed)]


@definition("G-dims", "one length, or every one from 1")
def _g_dims(c: Case) -> Iterator[Row]:
    edges, powers = len(c.all_pairs), sum(c.V**t for t in range(c.T))
    rank = _gauge_dimensions_rank([int(k in c.path(reply)) for k in c.all_pairs] for reply in c.replies)
    states, responses = powers, powers if c.eos else c.V**c.T
    yield "|E| = I + |Y| - 1, listed", "equal", [edges], [c.P * (states + responses - 1)]
    yield "rank = |Y|", "equal", [rank], [c.P * responses]
    yield "kernel = I - 1", "equal", [edges - rank], [c.P * (states - 1)]
    left, right = [len(c.all_places), edges - len(c.all_places)], [c.P * states, c.P * (responses - 1)]
    yield "gauge of q: I; quotient: |Y| - 1", "equal", left, right
    known = {(1, 2): (3, 2, 1), (2, 2): (5, 3, 2), (2, 3): (13, 7, 6), (3, 3): (25, 13, 12), (2, 5): (61, 31, 30)}
    printed = known if c.eos else {(2, 3): (14, 8, 6)}
    if (c.V, c.T) in printed:
        yield "the table", "equal", [edges, rank, edges - rank], [c.P * x for x in printed[c.V, c.T]]


@definition("G-eq3-dims", "every length from 1", "one prompt")
def _g_last_reward_dims(c: Case) -> Iterator[Row]:
    free = [k for k in c.all_pairs if len(k[1]) < c.T - 1]
    rank = _gauge_dimensions_rank([int(k in c.path(reply)) for k in free] for reply in c.replies)
    responses, last = sum(c.V**t for t in range(c.T)), c.V ** (c.T - 1)
    reached = responses if c.T > 1 else 0
    yield "|E| = 2|Y| - 1 - V^(T-1)", "equal", [len(free)], [2 * responses - 1 - last]
    yield "rank = |Y| for T ≥ 2, 0 for T = 1", "equal", [rank], [reached]
    what = "kernel = |Y| - 1 - V^(T-1) for T ≥ 2"
    yield what, "equal", [len(free) - rank], [2 * responses - 1 - last - reached]


# -- Sections 3.1 and 3.2 --


def _s3_through(c: Tree, p: Table) -> dict[Any, Any]:
    """Σ p(y) over the responses that pass through each prefix, and over those that take each pair."""
    found: dict[Any, Any] = dict.fromkeys((*c.all_places, *c.all_pairs), Number(0))
    for reply in c.replies:
        for pair in c.path(reply):
            found[pair], found[pair[:2]] = found[pair] + p[reply], found[pair[:2]] + p[reply]
    return found


def _s3_conditionals(c: Tree, p: Table) -> dict[Pair, Any]:
    """The chance of each action among the responses that pass through its prefix; 0 where none does."""
    through = _s3_through(c, p)
    return {k: Number(0) if is_zero(through[k[:2]]) else through[k] / through[k[:2]] for k in c.all_pairs}


def _s3_rank(rows: Iterable[Mapping[Any, Exactly]]) -> int:
    """The rank over the rationals of rows that are dicts, by elimination."""
    basis: dict[Any, dict[Any, Exactly]] = {}
    for row in rows:
        left = {k: Fraction(x) for k, x in row.items() if x}
        while left:
            lead = min(left, key=repr)
            if lead not in basis:
                basis[lead] = {k: x / left[lead] for k, x in left.items()}
                break
            factor = left[lead]
            for k, x in basis[lead].items():
                left[k] = left.get(k, Fraction(0)) - factor * x
            left = {k: x for k, x in left.items() if x}
    return len(basis)


@definition("S3.1-chain", "400 pairs", "50 steps")
def _s3_chain(c: Case) -> Iterator[Row]:
    joint = c.ebm(exps(c.rewards))
    again = c.products(_s3_conditionals(c, joint))
    left, right = ([log(p[k]) for k in c.replies] for p in (again, joint))
    yield "joint → conditionals → joint", "equal", left, right
    policy = c.policy(exps(c.logits))
    steps, passing = _s3_conditionals(c, c.products(policy)), c.passing(policy)
    for t in range(c.T):
        left, right = ([-inf if is_zero(passing[k[:2]]) else log(f[k]) for k in c.pairs(t)] for f in (steps, policy))
        yield f"conditionals → joint → conditionals at depth {t}", "equal", left, right
    free = sum(len(c.actions(len(s))) - 1 for x, s in c.all_places if x == 0)
    yield "degrees of freedom at free states = |Y| - 1", "equal", [free], [len(set(c.responses)) - 1]


@definition("S3.2-decomp", lifted="pairs replies")
def _s3_decomposition(c: Case) -> Iterator[Row]:
    rank = _s3_rank(dict.fromkeys(c.path(k), 1) for k in c.replies)
    yield "rank of r ↦ R_r = |X||Y|", "equal", [rank], [c.P * len(c.responses)]
    kernel = len(c.all_places) - c.P
    yield "dimension of its kernel = |S| - |X|", "equal", [len(c.all_pairs) - rank], [kernel]
    drawn = c.lifted[1]
    ends = {c.path(k)[-1]: x for k, x in drawn.items()}
    last = {k: ends.get(k, Number(0)) for k in c.all_pairs}
    if not all(is_zero(x - last[k]) for k, x in c.lifted[0].items()):
        raise Rejected("rewards other than R on the last step")
    reached = c.totals(last)
    what = "R_r = R with all reward on the last step"
    yield what, "equal", [reached[k] for k in c.replies], list(drawn.values())


@definition("P1-cost")
def _p1_cost(_: Case) -> Iterator[Row]:
    for V, T in product((1, 2, 3), (2, 3, 4)):
        tree, what = Tree(V, T), f"V={V}, T={T}: "
        n, below_root = len(tree.responses), [s for s in tree.all_places if s[1]]
        table = {k: Number(Fraction(1 + (t + i) % 5, 1 + i % 3)) for t in range(T) for i, k in enumerate(tree.pairs(t))}
        # A log-sum-exp for the value of each prefix that is the child of a pair: of all pairs, or of those on a path.
        children = [len({tree.child(k) for k in table} - {None}), len(below_root)]
        yield what + "of either whole table, |Y| - 1", "equal", children, [n - 1, n - 1]
        path = tree.path((0, (*[V - 1] * (T - 1), None)))
        passed = [place for place in map(tree.child, path) if place is not None]
        terms = sum(len(tree.at(s)) for s in passed)
        right = [T - 1, (T - 2) * (V + 1) + 1]
        yield what + "of one R_r(x, y), T - 1 with (T - 2)(V + 1) + 1 terms", "equal", [len(passed), terms], right
        terms = sum(len(tree.at(s)) for s in below_root)
        right = [n - 1, len(table) - (V + 1)]
        yield what + "of q at one state, |Y| - 1 with |E| - V - 1 terms", "equal", [len(below_root), terms], right
        logits, tails = tree.bellman(table), tree.below(table)
        back, along, whole = tree.inverse(logits), Number(1), Number(1)
        for k in path:
            along, whole = along * back[k], whole * table[k]
        first = [
            table[k] * (1 if place is None else tails[place])
            for k, place in zip(tree.pairs(0), map(tree.child, tree.pairs(0)), strict=True)
        ]
        yield what + "what was computed", "equal", [along, *first], [whole, *(logits[k] for k in tree.pairs(0))]
        same = sum(is_zero(back[k] - x) for k, x in table.items())
        yield what + "M⁻¹ gives r back", "equal", [same], [2 * n - 1]


# -- Sections 3.3 and 3.4 --


def _s3_ahead(c: Tree, weights: Table, values: Table) -> dict[Pair, Any]:
    """exp of r(s, a) + V(s⊕a), from weights exp r and exp V; V = 0 at the end."""
    return {k: x if c.child(k) is None else x * values[c.child(k)] for k, x in weights.items()}


@definition("S3.3-bellman", "50 steps", "12 steps", lifted="rewards pairs 1")
def _s3_fixed_point(c: Case) -> Iterator[Row]:
    tau, weights = c.temperature, exps(c.rewards, c.temperature)
    logits, start, one = c.bellman(weights), c.lifted[1], c.lifted[2][0]
    once, before = _s3_ahead(c, weights, c.local(logits)), exps(start, tau)
    raised = {k: x * exp(one / tau) for k, x in before.items()}
    first = reached = _s3_ahead(c, weights, c.local(before))
    for _ in range(c.T - 1):
        before, reached = reached, _s3_ahead(c, weights, c.local(reached))
    for t in range(c.T):
        right = [tau * log(logits[k]) for k in c.pairs(t)]
        yield f"B_r(M(r)) = M(r) at depth {t}", "equal", [tau * log(once[k]) for k in c.pairs(t)], right
        yield f"B_r^T(any q) = M(r) at depth {t}", "equal", [tau * log(reached[k]) for k in c.pairs(t)], right
    paths = [c.path(k) for k in c.replies if len(k[1]) == c.T]
    deep = {path[0] for path in paths if all(k in c.live for k in path)}
    left = [tau * log(before[k]) if k in deep else 1 for k in c.pairs(0)]
    right = [tau * log(logits[k]) if k in deep else 0 for k in c.pairs(0)]
    yield "B_r^(T-1)(q) is not M(r)", "differs", left, right
    moved = _s3_ahead(c, weights, c.local(raised))
    for t in range(c.T - 1):
        tokens = [k for k in c.pairs(t) if k[2] is not None]
        allowed = [k for k in tokens if c.rewards[k] != -inf]
        change = {k: tau * (log(moved[k]) - log(first[k])) for k in allowed}
        right = [one if k in change else 0 for k in tokens]
        yield f"B_r(q + 1) = B_r(q) + 1 at depth {t}", "equal", [change.get(k, 0) for k in tokens], right


@definition("S3.3-opt", "50 steps")
def _s3_optimal(c: Case) -> Iterator[Row]:
    tau, weights = c.temperature, exps(c.rewards, c.temperature)
    totals, p = c.totals(c.rewards), c.arm(exps(c.table("other")))
    highest, best = [tau * log(x) for x in c.sums(c.products(weights))], c.ebm(weights)

    def objective(q: Table) -> list[Any]:
        return [a + tau * b for a, b in zip(c.expect(q, totals), c.entropy(q), strict=True)]

    right = [a - tau * b for a, b in zip(highest, c.kl(p, best), strict=True)]
    yield "J(π) = A_R - KL(p_π, p_R)", "equal", objective(p), right
    yield "J(π) ≤ A_R", "at most", objective(p), highest
    yield "J(π) = A_R at π = softmax(M(r))", "equal", objective(c.arm(c.bellman(weights))), highest


def _s3_discounted(
    c: Tree, rewards: Table, gamma: Exactly, tau: Exactly = 1, measure: Table | None = None
) -> tuple[dict[Pair, Any], dict[Place, Any]]:
    """q and V, as logarithms: q(s, a) = r(s, a) + γ V(s⊕a), V(s) = τ log Σ π_ref exp(q/τ)."""
    q: dict[Pair, Any] = {}
    V: dict[Place, Any] = {}
    for place in reversed(c.all_places):
        for k in c.at(place):
            child = c.child(k)
            q[k] = rewards[k] if child is None else rewards[k] + gamma * V[child]
        V[place] = _s3_value(c, q, place, tau, measure)
    return q, V


def _s3_value(c: Tree, q: Table, place: Place, tau: Exactly, measure: Table | None) -> Any:
    parts = {k: exp(q[k] if isinstance(q[k], float) else q[k] / tau) for k in c.at(place)}
    return tau * log(total(x if measure is None else x * measure[k] for k, x in parts.items()))


@definition("S3.3-gamma", numbers="")
def _s3_gamma(c: Case) -> Iterator[Row]:
    policy = c.policy(exps(c.table("other")))
    p, passing = c.products(policy), c.passing(policy)
    for gamma in (Fraction(1, 2), Fraction(7, 8)):
        what = f"γ={float(gamma)}: "
        q, V = _s3_discounted(c, c.rewards, gamma)
        best = c.policy(exps(q))
        highest = [V[x, ()] for x in c.prompts]
        gains = {k: gamma ** len(k[1]) * (c.rewards[k] - log(x)) for k, x in policy.items() if not is_zero(x)}
        value = c.expect(p, {k: total(gains.get(pair, 0) for pair in c.path(k)) for k in c.replies})
        gap = c.over_places(passing, {s: gamma ** len(s[1]) * x for s, x in c.step_kl(policy, best).items()})
        right = [a - b for a, b in zip(highest, gap, strict=True)]
        yield what + "J(π) = V(x) - E Σ γ^(t-1) KL(π, π*)", "equal", value, right
        yield what + "J(π) ≤ V(x)", "at most", value, highest
        if len(c.live) < len(c.all_pairs):
            continue
        mine = c.products(best)
        for name, base in (("Σ r", Fraction(1)), ("Σ γ^(t-1) r", gamma)):
            model = c.ebm(exps({k: base ** len(k[1]) * x for k, x in c.rewards.items()}))
            ratios = {k: abs(x) for k, x in log_ratios(mine, model).items()}
            apart = c.per_prompt(lambda replies, f=ratios: largest(f[k] for k in replies))  # type: ignore[misc]
            # With EOS and T = 2 the last value is a reward, and discounting it is one and the same.
            relation = "equal" if base != 1 and c.eos and c.T == 2 else "differs"
            yield what + f"log p_π* and that of {name}", relation, apart, [0] * c.P
    yield from _s3_by_hand()
    yield from _s3_cyclic(c.numbers[-24:])


def _s3_by_hand() -> Iterator[Row]:
    tree, what = Tree(1, 3), "V=1, T=3, γ=½: "
    q, V = _s3_discounted(tree, dict.fromkeys(tree.all_pairs, Number(0)), Fraction(1, 2))
    eos, value, root = tree.policy(exps(q))[0, (), None], V[0, ()], exp(log(2) / 2)
    yield what + "π(EOS|x) = √2 - 1", "equal", [eos], [root - 1]
    yield what + "V(x) = log(1 + √2)", "equal", [value], [log(1 + root)]
    yield what + "π(EOS|x) is not ⅓", "differs", [eos], [Fraction(1, 3)]
    yield what + "V(x) is not log 3", "differs", [value], [log(3)]


def _s3_cyclic(made: list[list[Real]]) -> Iterator[Row]:
    """Two actions at each of three states; what was drawn: logits, others, then chances and rewards at each step."""
    if len(made) != 24:
        raise Rejected("not as many numbers as the claim's body makes")
    one, two, again, chances, rewards, *_ = made
    n, k, gamma = 3, 2, Fraction(3, 4)
    rows = [chances[i : i + n] for i in range(0, k * n * n, n)]  # of action and state
    steps = [(made[i], made[i + 1]) for i in (3, 5, *range(8, 24, 2))]
    whole = all(is_zero(total(row) - 1) and all(isinstance(x, Number) and x.sign() >= 0 for x in row) for row in rows)
    same = [(chances, rewards)] * len(steps)
    if [len(x) for x in made[:5]] != [6, 6, 6, 18, 6] or not whole or not _s3_same([again, *steps], [one, *same]):
        raise Rejected("no chances, or not the same at each step")

    def step(q: list[Any]) -> list[Any]:
        values = [log(exp(q[s]) + exp(q[n + s])) for s in range(n)]
        return [r + gamma * mean(zip(row, values, strict=True)) for r, row in zip(rewards, rows, strict=True)]

    def distance(x: list[Any], y: list[Any]) -> Any:
        return largest(abs(a - b) for a, b in zip(x, y, strict=True))

    moved = distance(step([x + 1 for x in one]), step(one))
    yield "cycles: |B(q + 1) - B(q)| = γ", "equal", [moved], [gamma]
    for i in range(1, 5):
        apart = gamma * distance(one, two)
        one, two = step(one), step(two)
        yield f"cycles: step {i} of B shrinks distances by γ", "at most", [distance(one, two)], [apart]


def _s3_same(x: Any, y: Any) -> bool:
    """Whether nested lists hold the same numbers."""
    if isinstance(x, (list, tuple)):
        return len(x) == len(y) and all(_s3_same(a, b) for a, b in zip(x, y, strict=True))
    return is_zero(x - y)


@definition("S3.4-dag", "50 steps")
def _s3_paths(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards)  # of which rationals are compared faster than their logarithms
    paths = c.products(weights)
    best = c.per_prompt(lambda replies: log(largest(paths[k] for k in replies)))
    nested: dict[Any, Any] = {None: 1}
    for s in reversed(c.all_places):
        nested[s] = largest(weights[k] * nested[c.child(k)] for k in c.at(s))
    yield "largest path = nested maxima", "equal", [log(nested[x, ()]) for x in c.prompts], best
    count = log(len(c.responses))
    for beta in (1, 10, 100):
        what, weights = f"β={beta}", exps(c.rewards, Fraction(1, beta))
        values, room = c.values(weights), [count / beta] * c.P
        root = [log(values[x, ()]) for x in c.prompts]
        along = [log(x) for x in c.sums(c.products(weights))]
        yield what + ": log Σ over paths = nested", "equal", root, along
        soft, most = [x / beta for x in root], [a + b for a, b in zip(best, room, strict=True)]
        yield what + ": largest ≤ soft", "at most", best, soft
        yield what + ": soft ≤ largest + (log |Y|)/β", "at most", soft, most
        even = c.values(dict.fromkeys(c.all_pairs, Number(1)))
        yield what + ", r=0: soft = (log |Y|)/β", "equal", [log(even[x, ()]) / beta for x in c.prompts], room


# -- Sections 4.1 and 5 --


def _s4_risk(c: Case, rho: Table, p: Table) -> list[Any]:
    """E -log p(Y|X), where Y is drawn from ρ."""
    return c.over_prompts([-x for x in c.expect(rho, logs(p))])


def _s4_excess(c: Case, rho: Table, p: Table) -> list[Any]:
    """E KL(ρ‖p)."""
    return c.over_prompts(c.kl(rho, p))


def _s4_less(x: list[Any], y: list[Any]) -> list[Any]:
    return [a - b for a, b in zip(x, y, strict=True)]


def _s4_gauged(c: Case, weights: Table) -> dict[Pair, Any]:
    """The weights of logits to which another constant is added at each prefix."""
    return {k: x * exp(c.table("potential")[k[:2]]) for k, x in weights.items()}


def _s4_gradient(c: Case, rho: Table, p: Table, steps: Table | None = None) -> dict[Pair, Any]:
    """The derivatives of E -log p: by rewards, or where `steps` is its policy by logits."""
    theirs, mine = _s3_through(c, rho), _s3_through(c, p)
    if steps is not None:
        mine = {k: theirs[k[:2]] * x for k, x in steps.items()}
    return {k: c.prompt_weights[k[0]] * (mine[k] - theirs[k]) for k in c.all_pairs}


@definition("P2-minima", "50 steps")
def _p2_minima(c: Case) -> Iterator[Row]:
    weights, rho = exps(c.rewards), c.arm(exps(c.table("other")))
    p, learnt, entropy = c.ebm(weights), c.bellman(weights), c.over_prompts(c.entropy(rho))
    yield "L^ARM(M r) = L^EBM(R_r)", "equal", _s4_risk(c, rho, c.arm(learnt)), _s4_risk(c, rho, p)
    ends = {c.path(k)[-1]: x for k, x in rho.items()}
    terminal = {k: ends.get(k, Number(k in c.live)) for k in c.all_pairs}
    mapped, best = c.bellman(terminal), c.ebm(terminal)
    gauged = c.arm(_s4_gauged(c, c.policy(exps(c.table("other")))))
    yield "L^ARM at log π_ρ + c(s)", "equal", _s4_risk(c, rho, gauged), entropy
    yield "L^EBM at the terminal reward log ρ", "equal", _s4_risk(c, rho, best), entropy
    partition = c.over_prompts([log(x) for x in c.sums(rho)])
    right = [a + b for a, b in zip(partition, _s4_risk(c, rho, rho), strict=True)]
    yield "L^EBM at R = log ρ", "equal", right, entropy
    yield "H(Y|X) ≤ L^ARM(q)", "at most", entropy, _s4_risk(c, rho, c.arm(exps(c.logits)))
    yield "H(Y|X) ≤ L^EBM(R_r)", "at most", entropy, _s4_risk(c, rho, p)
    by_logits, by_rewards = _s4_gradient(c, rho, rho, c.policy(mapped)), _s4_gradient(c, rho, best)
    for t in range(c.T):
        pairs = c.pairs(t)
        yield f"∂L^ARM = 0 at M(terminal), depth {t}", "equal", [by_logits[k] for k in pairs], [0] * len(pairs)
        yield f"∂L^EBM = 0 at terminal, depth {t}", "equal", [by_rewards[k] for k in pairs], [0] * len(pairs)


@definition("P2-argmin", "50 steps")
def _p2_argmin(c: Case) -> Iterator[Row]:
    other, potential = exps(c.table("other")), c.table("potential")
    rho, student, p = c.arm(other), c.arm(c.bellman(exps(c.rewards))), c.ebm(exps(c.rewards))
    entropy, log_rho = c.over_prompts(c.entropy(rho)), [log(rho[k]) for k in c.replies]
    logits = _s4_gauged(c, c.policy(other))
    reward = c.inverse(logits)
    yield "L^ARM(q*) with q* = log π_ρ + c(s)", "equal", _s4_risk(c, rho, c.arm(logits)), entropy
    mine = c.ebm(reward)
    yield "L^EBM(R_{r*}) with r* = M⁻¹(q*)", "equal", _s4_risk(c, rho, mine), entropy
    yield "p_{R_{r*}} = ρ", "equal", [log(mine[k]) for k in c.replies], log_rho
    moved = {k: x * exp(potential[k[:2]] - potential.get(c.child(k), 0)) for k, x in reward.items()}
    yield "L^EBM at r* + φ(s) - φ(s⊕a)", "equal", _s4_risk(c, rho, c.ebm(moved)), entropy
    again = c.arm(c.bellman(moved))
    yield "p_q = ρ with q = M(r* + φ(s) - φ(s⊕a))", "equal", [log(again[k]) for k in c.replies], log_rho
    loss = _s4_excess(c, rho, student)
    yield "L^ARM(M r) - H = KL(ρ‖p_q)", "equal", _s4_less(_s4_risk(c, rho, student), entropy), loss
    yield "L^EBM(R_r) - H = KL(ρ‖p_R)", "equal", _s4_less(_s4_risk(c, rho, p), entropy), loss


@definition("P2-argmin-dims", "every action allowed", "60 pairs")
def _p2_dimensions(c: Case) -> Iterator[Row]:
    tree = Tree(c.V, c.T, 1, c.first, c.eos)
    # p_q stays as it is where the logits of each prefix move together; p_R, where the rewards of all responses do.
    policies = [{k: 1, tree.at(k[:2])[0]: -1} for k in tree.all_pairs if k != tree.at(k[:2])[0]]
    paths = [dict.fromkeys(tree.path(k), 1) for k in tree.replies]
    first, replies = tree.replies[0], tree.replies[1:]
    apart = [{k: row.get(k, 0) - paths[0].get(k, 0) for k in {*row, *paths[0]}} for row in paths[1:]]
    pairs = len(tree.all_pairs)
    models = len(tree.replies) - _s3_rank({k: 1, first: -1} for k in replies)
    found, states = [pairs - _s3_rank(policies), pairs - _s3_rank(apart), models], len(tree.all_places)
    yield "dimensions of the argmin in q, r and R, for one prompt", "equal", found, [states, states, 1]


@definition("S4.1-zero", "50 steps")
def _s4_zero(c: Case) -> Iterator[Row]:
    f, g = exps(c.logits), exps(c.table("other"))
    p, q = c.ebm(f), c.arm(c.bellman(f))
    yield "R(y) - A = -ℓ^ARM(M r, y)", "equal", [log(p[k]) for k in c.replies], [log(q[k]) for k in c.replies]
    halfway = {k: exp(log(x * g[k]) * Fraction(1, 2)) for k, x in f.items()}

    def losses(model: Table) -> list[Any]:
        return [0 if is_zero(model[k]) else -log(model[k]) for k in c.replies]

    for name, model in (("ℓ^EBM", c.ebm), ("ℓ^ARM", c.arm)):
        between = [(a + b) * Fraction(1, 2) for a, b in zip(losses(model(f)), losses(model(g)), strict=True)]
        yield f"{name} halfway between two tables", "at most", losses(model(halfway)), between
    allowed = {k: x for k, x in c.totals(c.logits).items() if x != -inf}
    of = [[x for k, x in allowed.items() if k[0] == prompt] for prompt in c.prompts]
    least = [log(1 + (len(xs) - 1) * exp(smallest(xs) - largest(xs))) for xs in of]
    left = [least[k[0]] if k in allowed else 0 for k in c.replies]
    yield "log(1 + (n-1)exp(-span R)) ≤ ℓ^EBM", "at most", left, losses(p)


@definition("S4.1-tf", "400 pairs", "50 steps")
def _s4_teacher_forcing(c: Case) -> Iterator[Row]:
    weights, student = exps(c.table("other")), exps(c.logits)
    rho, policy = c.ebm(weights), c.policy(student)
    through = _s3_through(c, rho)
    steps = [-mean((through[k], log(policy[k])) for k in c.all_pairs if k[0] == x) for x in c.prompts]
    right = _s4_risk(c, c.arm(c.bellman(weights)), c.arm(student))
    yield "L^ARM(q) = Σ_t E -log π_q(y_t|s_t)", "equal", c.over_prompts(steps), right
    best = _s4_gauged(c, {k: through[k] for k in c.all_pairs})
    p = c.arm(best)
    left, right = ([log(each[k]) for k in c.replies] for each in (p, rho))
    yield "Π_t π_{q*}(y_t|s_t) = ρ(y|x)", "equal", left, right
    yield "L^ARM(q*) = H(Y|X)", "equal", _s4_risk(c, rho, p), c.over_prompts(c.entropy(rho))
    gradient = _s4_gradient(c, rho, p, c.policy(best))
    for t in range(c.T):
        yield f"∂L^ARM = 0 at q*, depth {t}", "equal", [gradient[k] for k in c.pairs(t)], [0] * len(c.pairs(t))


@definition("S5-Lstar", "50 steps")
def _s5_least_risk(c: Case) -> Iterator[Row]:
    rho, p, q = c.arm(exps(c.table("other"))), c.ebm(exps(c.rewards)), c.arm(exps(c.logits))
    of = c.prompt_weights
    joint = -mean((of[k[0]] * x, log(of[k[0]] * x)) for k, x in rho.items())
    of_prompts, least = -mean((x, log(x)) for x in of), c.over_prompts(c.entropy(rho))
    yield "H(X, Y) - H(X) = L*", "equal", [joint - of_prompts], least
    risk = _s4_risk(c, rho, p)
    yield "L^EBM(R) - L* = KL(ρ‖p_R)", "equal", _s4_less(risk, least), _s4_excess(c, rho, p)
    yield "L^ARM(q) - L* = KL(ρ‖p_q)", "equal", _s4_less(_s4_risk(c, rho, q), least), _s4_excess(c, rho, q)
    yield "L* ≤ L^EBM(R)", "at most", least, risk


# -- horizons --


def _h_ways(c: Tree, weights: Table, place: Place | None, steps: int) -> Any:
    """Σ over the ways to go on from a prefix for at most so many steps of the products of weights, written out."""
    found, going = Number(0), [(place, Number(1))]
    for _ in range(steps):
        further = [(c.child(k), x * weights[k]) for s, x in going if s is not None for k in c.at(s)]
        found = found + total(x for s, x in going if s is None)
        going = further
    return found + total(x for _, x in going)


def _h_logits(c: Tree, weights: Table, horizon: int) -> dict[Pair, Any]:
    """exp M_h r: what the next h steps can bring, and nothing after them."""
    ahead = {s: _h_ways(c, weights, s, horizon) for s in c.all_places if s[1]}
    return _s3_ahead(c, weights, ahead)


def _h_recursion(c: Tree, weights: Table, horizon: int) -> dict[Pair, Any]:
    """exp B_r^(h+1) 0: q = r + V(s⊕a), so many times, from V = 0."""
    found = dict(weights)
    for _ in range(horizon):
        found = _s3_ahead(c, weights, c.local(found))
    return found


@definition("H-exact")
def _h_exact(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    seen, logits = _h_recursion(c, weights, c.T - 1), c.bellman(weights)
    for t in range(c.T):
        left, right = ([c.temperature * log(q[k]) for k in c.pairs(t)] for q in (seen, logits))
        yield f"logits at depth {t}", "equal", left, right


@definition("H-operator", "50 steps")
def _h_operator(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    for horizon in range(min(c.T, 4)):
        seen, applied = (f(c, weights, horizon) for f in (_h_logits, _h_recursion))
        for t in range(c.T):
            left, right = ({k: c.temperature * log(q[k]) for k in c.pairs(t)} for q in (seen, applied))
            yield f"logits at depth {t}, horizon {horizon}", "equal", list(left.values()), list(right.values())
            if t + 1 < c.T:
                ways, on = ([x for k, x in side.items() if k[2] is not None] for side in (left, right))
                yield f"the ways on from depth {t}, horizon {horizon}", "equal", ways, on


@definition("H-terminal", "one length", "50 steps")
def _h_terminal(c: Case) -> Iterator[Row]:
    weights = {k: exp(x) if len(k[1]) == c.T - 1 else Number(1) for k, x in c.rewards.items()}
    p = c.ebm(weights)
    before: list[Any] = []
    for horizon in range(c.T):
        blind = c.T - 1 - horizon
        marginal: dict[Reply, Any] = {}
        for x, y in c.replies:
            marginal[x, y[:blind]] = marginal.get((x, y[:blind]), Number(0)) + p[x, y]
        mine = c.arm(_h_recursion(c, weights, horizon))
        share = Fraction(1, c.V**blind)
        expected = [-inf if is_zero(p[x, y]) else log(p[x, y] / marginal[x, y[:blind]] * share) for x, y in c.replies]
        what = f"log-probability of each response, horizon {horizon}"
        yield what, "equal", [log(mine[k]) for k in c.replies], expected
        lost = c.kl(p, mine)
        entropies = [-mean((m, log(m)) for k, m in marginal.items() if k[0] == x) for x in c.prompts]
        yield f"KL(p_M‖p_h), horizon {horizon}", "equal", lost, [blind * log(c.V) - x for x in entropies]
        if before:
            yield f"KL(p_M‖p_h) from horizon {horizon - 1} to {horizon}", "at most", lost, before
        before = lost


@definition("H-success")
def _h_success(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards)
    p = c.ebm(weights)
    for horizon in range(min(c.T, 4)):
        mine = c.arm(_h_logits(c, weights, horizon))
        yield f"horizon {horizon}", "at most", [exp(-x) for x in c.kl(p, mine)], c.sums(mine)


# -- the library --


def _l_enumerated(c: Tree, weights: Table) -> tuple[dict[Pair, Any], dict[Place, Any]]:
    """exp M(r) and exp V as sums over the completions of each prefix."""
    tails = c.below(weights)
    return _s3_ahead(c, weights, tails), tails


@definition("L-kernel")
def _l_kernel(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    (logits, tails), again, values = _l_enumerated(c, weights), c.bellman(weights), c.values(weights)
    for t in range(c.T):
        left, right = ([c.temperature * log(q[k]) for k in c.pairs(t)] for q in (logits, again))
        yield f"logits at depth {t}", "equal", left, right
        left, right = ([c.temperature * log(V[s]) for s in c.places(t)] for V in (tails, values))
        yield f"values at depth {t}", "equal", left, right
    # How code goes through the tree makes no difference to what it should find.
    for path in ("whole", "blocked", "threaded", "shifted", "blocked, threaded, shifted"):
        for t in range(c.T):
            left, right = ([c.temperature * log(q[k]) for k in c.pairs(t)] for q in (logits, again))
            yield f"{path}: logits at depth {t}", "equal", left, right
            left, right = ([c.temperature * log(V[s]) for s in c.places(t)] for V in (tails, values))
            yield f"{path}: values at depth {t}", "equal", left, right


@definition("L-parameters")
def _l_parameters(c: Case) -> Iterator[Row]:
    reference, tau = c.policy(exps(c.table("other"))), c.temperature
    for name, gamma, measure in (
        ("γ=½", Fraction(1, 2), None),
        ("π_ref", Fraction(1), reference),
        ("γ=0.9, π_ref", Fraction(9, 10), reference),
    ):
        q, V = _s3_discounted(c, c.rewards, gamma, tau, measure)
        again = {s: _s3_value(c, q, s, tau, measure) for s in c.all_places}
        for t in range(c.T):
            logits, values = [q[k] for k in c.pairs(t)], [V[s] for s in c.places(t)]
            yield f"{name}: logits at depth {t}", "equal", logits, logits
            yield f"{name}: values at depth {t}", "equal", values, values
            back = [
                q[k] if q[k] == -inf else q[k] - gamma * (0 if (s := c.child(k)) is None else again[s])
                for k in c.pairs(t)
            ]
            yield f"{name}: rewards at depth {t}", "equal", back, [c.logits[k] for k in c.pairs(t)]


@definition("L-ebm-policy", "50 steps")
def _l_ebm_policy(c: Case) -> Iterator[Row]:
    weights = exps(c.rewards, c.temperature)
    through, (pairs, tails) = _s3_through(c, c.products(weights)), _l_enumerated(c, weights)
    policy = {k: Number(0) if is_zero(x) else x / tails[k[:2]] for k, x in pairs.items()}
    softmax = c.policy(c.bellman(weights))
    for t in range(c.T):
        left, right = [log(policy[k] * through[k[:2]]) for k in c.pairs(t)], [log(through[k]) for k in c.pairs(t)]
        yield f"π(a|s) Σ through s = Σ through s⊕a at depth {t}", "equal", left, right
        left, right = ([log(pi[k]) for k in c.pairs(t)] for pi in (policy, softmax))
        yield f"π = softmax(M_τ(r)/τ) at depth {t}", "equal", left, right


# -- Appendix C.1 and C.2 --

_C_SIZES: Final = ((8, 4, 4096), (4, 8, 65536))  # V, T, and how many sequences as printed
_C_MODELS: Final = ((2, 16, 16, 3633), (3, 64, 64, 76609))  # layers, width, hidden width, and parameters as printed


@definition("C-nseq")
def _c_nseq(_: Case) -> Iterator[Row]:
    for V, T, printed in _C_SIZES:
        listed = len(_strings(range(V), T, T))
        yield f"V={V}, T={T}: strings of length T", "equal", [listed, listed], [V**T, printed]
        # Before EOS: up to T - 1 tokens (Proposition 4), one to T - 1 (Section 1), one to T (A.1).
        others = [len(_strings(range(V), first, last)) for first, last in ((0, T - 1), (1, T - 1), (1, T))]
        below = (V**T - 1) // (V - 1)
        yield f"V={V}, T={T}: the other Y", "equal", others, [below, below - 1, below - 1 + V**T]


def appendix_c_arrays(V: int, T: int, layers: int, D: int, F: int, outputs: int) -> int:
    """How many weights a Transformer has: arrays listed with their shapes (layer norms have a scale and a bias)."""
    layer = [(D,), (D,), (D,), (D,), *[(D, D), (D,)] * 4, (D, F), (F,), (F, D), (D,)]
    shapes = [(V + 1, D), (T + 1, D), *layer * layers, (D, outputs), (outputs,)]
    return sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in shapes)


def appendix_c_formula(V: int, T: int, layers: int, D: int, F: int) -> int:
    """The same of the energy-based one, in closed form."""
    return (V + T + 2) * D + layers * (4 * D + 4 * (D * D + D) + 2 * D * F + F + D) + D + 1


@definition("C-params")
def _c_params(_: Case) -> Iterator[Row]:
    for layers, D, F, printed in _C_MODELS:
        for V, T, _n in _C_SIZES:
            one, several = (appendix_c_arrays(V, T, layers, D, F, outputs) for outputs in (1, V))
            formula = appendix_c_formula(V, T, layers, D, F)
            yield f"V={V}, T={T}, {layers} layers: EBM", "equal", [one, one], [formula, printed]
            yield f"V={V}, T={T}, {layers} layers: ARM", "equal", [several], [formula + (V - 1) * (D + 1)]


@definition("C-overparam")
def _c_overparam(_: Case) -> Iterator[Row]:
    for V, T, _n in _C_SIZES:
        free = len(_strings(range(V), T, T)) - 1
        smaller, larger = (appendix_c_formula(V, T, layers, D, F) for layers, D, F, _n in _C_MODELS)
        yield f"V={V}, T={T}: 2 layers are fewer", "at most", [smaller + 1], [free]
        yield f"V={V}, T={T}: 3 layers are more", "at most", [free + 1], [larger]


# -- Appendices C.3 and C.6 --


def appendix_c_centred(f: Table, groups: Iterable[list[Any]]) -> dict[Any, Any]:
    """f less its mean over each group of keys; of keys in no group nothing is said."""
    return {k: f[k] - total(f[j] for j in group) / len(group) for group in groups for k in group}


def appendix_c_live(c: Case) -> list[list[Pair]]:
    """The live pairs of each prefix that has some."""
    return [group for s in c.all_places if (group := [k for k in c.at(s) if k in c.live])]


@definition("C-centering", "50 steps", lifted="rewards places")
def _c_centering(c: Case) -> Iterator[Row]:
    groups, shift = appendix_c_live(c), c.lifted[1]

    def centred(logits: Table) -> list[Any]:
        found = appendix_c_centred(logits, groups)
        return [found.get(k, 0) for k in c.all_pairs]

    plain = centred(c.logits)
    moved = {k: c.logits[k] + shift[k[:2]] for k in c.live}
    yield "c(q + shift) = c(q)", "equal", centred(moved), plain
    yield "c(log π) = c(q)", "equal", centred(logs(c.policy(exps(c.logits)))), plain


@definition("C-distance", "50 steps", lifted="rewards rewards places")
def _c_distance(c: Case) -> Iterator[Row]:
    groups, shift = appendix_c_live(c), c.lifted[2]
    weights, other = exps(c.rewards), exps(c.masked(c.table("other")))
    by = exps(shift)

    def distance(ours: Table, theirs: Table) -> list[Any]:
        mine, yours = (appendix_c_centred({k: log(f[k]) for k in c.live}, groups) for f in (ours, theirs))
        gaps = {group[0][:2]: largest(abs(mine[k] - yours[k]) for k in group) for group in groups}
        return [gaps.get(s, 0) for s in c.all_places]

    plain = distance(c.bellman(weights), other)
    shifted = {k: x * by[k[:2]] for k, x in other.items()}
    yield "logits shifted at each prefix", "equal", distance(c.bellman(weights), shifted), plain
    shaped = {k: x * by[k[:2]] / (1 if c.child(k) is None else by[c.child(k)]) for k, x in weights.items()}
    yield "rewards shaped", "equal", distance(c.bellman(shaped), other), plain
    yield "of log-probabilities", "equal", distance(c.policy(c.bellman(weights)), c.policy(other)), plain


@definition("C-before", "every action allowed", "100 pairs", "two steps", lifted="rewards rewards second 1")
def _c_before(c: Case) -> Iterator[Row]:
    policy, groups = c.policy(exps(c.logits)), c.per_prompt(list)
    target = appendix_c_centred(logs(c.products(policy)), groups)

    def distance(logits: Table) -> list[Any]:
        mine = appendix_c_centred(c.totals(logits), groups)
        return [largest(abs(target[k] - mine[k]) for k in group) for group in groups]

    yield "log-normalised logits: 0", "equal", distance(logs(policy)), [0] * c.P
    shift, (ten,) = c.lifted[2], c.lifted[3].values()
    if ten.sign() <= 0 or not all(is_zero(x - (0 if s[0] else ten)) for (_, s), x in shift.items()):
        raise Rejected("other shifts than a positive one after the first token")
    moved = {k: log(x) + shift.get(k[:2], 0) for k, x in policy.items()}
    share = Fraction(sum(y[0] == 0 for y in c.responses), len(c.responses))
    right = ten * (max(share, 1 - share) if share < 1 else 0)
    yield "10 at one prefix: 10 max(f, 1-f)", "equal", distance(moved), [right] * c.P


@definition("C-gns", "100 pairs")
def _c_gns(c: Case) -> Iterator[Row]:
    model, data, weights = c.ebm(exps(c.rewards)), c.arm(exps(c.masked(c.table("other")))), c.prompt_weights

    def taken(p: Table) -> dict[Pair, Any]:
        """The chance of each pair, added up over the responses that take it."""
        found = dict.fromkeys(c.all_pairs, Number(0))
        for k in c.replies:
            for pair in c.path(k):
                found[pair] = found[pair] + p[k]
        return found

    mine, theirs = taken(model), taken(data)
    exact = [weights[k[0]] * (mine[k] - theirs[k]) for k in c.all_pairs]
    chances = {k: weights[k[0]] * data[k] for k in c.replies if not is_zero(data[k])}
    gradients = {k: [(mine[j] if j[0] == k[0] else 0) - (j in c.path(k)) for j in c.all_pairs] for k in chances}
    batches = [
        (chances[j] * chances[k], [(a + b) * Fraction(1, 2) for a, b in zip(gradients[j], gradients[k], strict=True)])
        for j, k in product(chances, repeat=2)
    ]
    found = [mean((chance, g[i]) for chance, g in batches) for i in range(len(exact))]
    yield "E g_B = ∇L", "equal", found, exact

    def square(g: Iterable[Any]) -> Any:
        return total(x * x for x in g)

    signal, size = square(exact), mean((chance, square(g)) for chance, g in batches)
    noise = mean((chance, square(a - b for a, b in zip(g, exact, strict=True))) for chance, g in batches)
    yield "coherence (1 + GNS) = 1", "equal", [square(found) * (signal + noise)], [signal * size]
    of_one = mean((chance, square(gradients[k])) for k, chance in chances.items())
    yield "noise of two = half the noise of one", "equal", [noise], [(of_one - signal) * Fraction(1, 2)]


# -- sharp constants (beyond the paper), and the bound of Appendix C.5 --

_SHARP_DISTANCES: Final = tuple(map(Fraction, ("1/4", "1", "2", "4", "16")))
_SHARP_LEAST: Final = Fraction(1, 1 << 16)  # κ grows: where ε is smaller, bounds have κ of this


def sharp_kappa(epsilon: Any) -> Any:
    """κ(ε) = ε coth ε - 1 + log(sinh ε/ε), ε > 0."""
    up, down = exp(Number.of(epsilon)), exp(-Number.of(epsilon))
    return epsilon * ((up + down) / (up - down)) - 1 + log((up - down) / (2 * Number.of(epsilon)))


def sharp_least(epsilon: Any, least: Exactly = _SHARP_LEAST) -> Any:
    """ε, or `least` where that is larger."""
    return largest([Number.of(epsilon), Number(least)])


def sharp_loss(epsilon: Any, up: Any, down: Any) -> Any:
    """KL where f - g is +ε with the chance `up` under f, and -ε with `down`: E_f(f - g) - log(Z_f/Z_g)."""
    grow = exp(Number.of(epsilon))
    return epsilon * (up - down) + log(up / grow + down * grow)


def sharp_best(epsilon: Any, below: Any = _ZERO) -> tuple[Any, Any]:
    """The chances of +ε and -ε where KL, plus `below` times the first, is largest: where its derivative is 0."""
    ahead, minus = 1 / (2 * Number.of(epsilon) + below), exp(-2 * Number.of(epsilon))
    return 1 / (1 - minus) - ahead, ahead - minus / (1 - minus)


def sharp_gaps(c: Case, f: Table, g: Table) -> dict[Place, list[Any]]:
    """f - g at each prefix, of its live pairs."""
    return {s: [f[k] - g[k] for k in c.at(s) if k in c.live] for s in c.all_places}


def sharp_spans(gaps: Mapping[Place, list[Any]]) -> dict[Place, Any]:
    """max (f - g) - min (f - g) at each prefix; 0 where there is nothing to choose."""
    return {s: largest(h) - smallest(h) if len(h) > 1 else Number(0) for s, h in gaps.items()}


def sharp_step_rows(c: Case, f: Table, g: Table) -> tuple[dict[Place, Any], dict[Place, Any]]:
    """KL at each prefix, both ways, of logits."""
    mine, theirs = c.policy(exps(f)), c.policy(exps(g))
    return c.step_kl(mine, theirs), c.step_kl(theirs, mine)


@definition("K-kappa", "50 steps")
def _k_kappa(c: Case) -> Iterator[Row]:
    forwards, backwards = sharp_step_rows(c, c.logits, c.table("other"))
    most = {s: sharp_kappa(sharp_least(x)) for s, x in c.furthest(c.logits, c.table("other")).items()}
    for t in range(c.T):
        ours, theirs, right = ([f[s] for s in c.places(t)] for f in (forwards, backwards, most))
        yield f"KL(σ f‖σ g) ≤ κ(max |f - g|), depth {t}", "at most", ours, right
        yield f"KL(σ g‖σ f) ≤ κ(max |f - g|), depth {t}", "at most", theirs, right
    kappa = [sharp_kappa(x) for x in _SHARP_DISTANCES]
    attained = [sharp_loss(x, *sharp_best(x)) for x in _SHARP_DISTANCES]
    yield "KL where +ε has its best chance = κ(ε)", "equal", attained, kappa
    chances = [Fraction(k, 32) for k in range(1, 32)]
    other = [sharp_loss(x, p, 1 - p) for p in chances for x in _SHARP_DISTANCES]
    yield "KL where +ε has another chance ≤ κ(ε)", "at most", other, kappa * len(chances)
    for epsilon, right in zip(_SHARP_DISTANCES, kappa, strict=True):
        for actions in (2, 5):
            tree = Tree(actions, 1, eos=False)
            f, signs = kappa_pair(tree, epsilon, 0)
            reached = tree.kl(tree.arm(exps(f)), tree.arm(exps(moved(f, signs, -epsilon))))
            yield f"KL of {actions} actions at distance {float(epsilon):g} = κ", "equal", reached, [right]


@definition("K-span", "50 steps")
def _k_span(c: Case) -> Iterator[Row]:
    other, shift = c.table("other"), c.table("potential")
    lifted = {k: x if isinstance(x, float) else x + shift[k[:2]] for k, x in c.logits.items()}
    (forwards, backwards), (again, _) = sharp_step_rows(c, c.logits, other), sharp_step_rows(c, lifted, other)
    gaps = sharp_gaps(c, c.logits, other)
    widths, moved_widths = sharp_spans(gaps), sharp_spans(sharp_gaps(c, lifted, other))
    for t in range(c.T):
        places = c.places(t)
        ours, theirs, ours_again = ([f[s] for s in places] for f in (forwards, backwards, again))
        width, width_again = ([f[s] for s in places] for f in (widths, moved_widths))
        most = [sharp_kappa(sharp_least(x * Fraction(1, 2))) for x in width]
        yield f"KL(σ f‖σ g) ≤ κ(span/2), depth {t}", "at most", ours, most
        yield f"KL(σ g‖σ f) ≤ κ(span/2), depth {t}", "at most", theirs, most
        # Both sides of 8κ ≤ span² are divided by the span where that is above 1.
        scales, spans = [sharp_least(x, 1) for x in width], [sharp_least(x, 2 * _SHARP_LEAST) for x in width]
        left = [8 * x / scale for x, scale in zip(most, scales, strict=True)]
        right = [x * x / scale for x, scale in zip(spans, scales, strict=True)]
        yield f"κ(span/2) ≤ span²/8, depth {t}", "at most", left, right
        yield f"KL(σ(f + c)‖σ g) = KL(σ f‖σ g), depth {t}", "equal", ours_again, ours
        yield f"span(f + c - g) = span(f - g), depth {t}", "equal", width_again, width
        means = {s: total(gaps[s]) / max(len(gaps[s]), 1) for s in places}
        centred = [largest([Number(0), *(abs(x - means[s]) for x in gaps[s])]) for s in places]
        yield f"span/2 ≤ |h - mean h|, depth {t}", "at most", [x * Fraction(1, 2) for x in width], centred
        shares = [Fraction(1.0 - 1.0 / max(len(gaps[s]), 1)) for s in places]  # in floats
        right = [share * x for share, x in zip(shares, width, strict=True)]
        yield f"|h - mean h| ≤ (1 - 1/k) span, depth {t}", "at most", centred, right
    tree = Tree(3, 1, eos=False)
    for epsilon in _SHARP_DISTANCES:
        f, signs = kappa_pair(tree, epsilon, 0)
        f, g = {k: x + 2 for k, x in f.items()}, moved(f, signs, -epsilon)
        apart = [2 + epsilon * signs[k] for k in tree.all_pairs]  # f - g
        reached, name = tree.kl(tree.arm(exps(f)), tree.arm(exps(g))), f"{float(2 * epsilon):g}"
        right = [sharp_kappa((max(apart) - min(apart)) / 2)]
        yield f"a pair of span {name}, at distance {float(max(apart)):g}", "equal", reached, right


def sharp_quotient(a: list[Any], b: list[Any]) -> list[Any]:
    """The power series of a quotient."""
    found: list[Any] = []
    for k, x in enumerate(a):
        found.append((x - sum(y * b[k - j] for j, y in enumerate(found))) / b[0])
    return found


@definition("K-series")
def _k_series(_: Case) -> Iterator[Row]:
    factorial = [Fraction(1)]
    for k in range(1, 20):
        factorial.append(factorial[-1] * k)
    order = range(9)  # powers of ε²
    sinh, cosh = [1 / factorial[2 * k + 1] for k in order], [1 / factorial[2 * k] for k in order]  # sinh ε/ε
    coth, slope = sharp_quotient(cosh, sinh), sharp_quotient([2 * k * x for k, x in enumerate(sinh)], sinh)
    kappa = [Fraction(0), *(coth[k] + slope[k] / (2 * k) for k in order[1:])]
    # x/(e^x - 1) = Σ B_n xⁿ/n!
    bernoulli = sharp_quotient([Fraction(1)] + [Fraction(0)] * 16, [1 / factorial[k + 1] for k in range(17)])
    formula = [4**k * bernoulli[2 * k] * (1 + Fraction(1, 2 * k)) for k in order[1:]]
    yield "the series of κ: 0, then 4ᵏ B_2k (1 + 1/2k)/(2k)!", "equal", kappa, [0, *formula]
    stated = [Fraction(1, 2), Fraction(-1, 36), Fraction(1, 405)]
    yield "κ = ε²/2 - ε⁴/36 + ε⁶/405 - …", "equal", kappa[1:4], stated
    squares = sharp_quotient(sharp_quotient([Fraction(1)] + [Fraction(0)] * 8, sinh), sinh)  # ε²/sinh² ε
    right = [2 * coth[k] - squares[k] - (k == 0) for k in order]
    yield "εκ'(ε) = 2ε coth ε - ε²/sinh² ε - 1", "equal", [2 * k * x for k, x in enumerate(kappa)], right

    grid = [*_SHARP_DISTANCES, Fraction(1, 2), Fraction(8), Fraction(3)]
    found = [sharp_kappa(x) for x in grid]
    yield "κ(ε) ≤ ε²/2", "at most", found, [x * x / 2 for x in grid]
    yield "κ(ε) ≤ 2ε", "at most", found, [2 * x for x in grid]
    small = [Fraction(1, 4), Fraction(1, 2), Fraction(1)]
    lower, low = [x**2 / 2 - x**4 / 36 for x in small], [sharp_kappa(x) for x in small]
    yield "ε²/2 - ε⁴/36 ≤ κ(ε), ε ≤ 1", "at most", lower, low
    right = [y + x**6 / 405 for x, y in zip(small, lower, strict=True)]
    yield "κ(ε) ≤ ε²/2 - ε⁴/36 + ε⁶/405, ε ≤ 1", "at most", low, right
    limit = [2 * x - 1 - log(2 * x) for x in grid]
    far = [i for i, x in enumerate(grid) if x >= Fraction(1, 2)]
    yield "2ε - 1 - log 2ε ≤ κ(ε), ε ≥ 1/2", "at most", [limit[i] for i in far], [found[i] for i in far]
    right = [y + 2 * x / (exp(Number(2 * x)) - 1) for x, y in zip(grid, limit, strict=True)]
    yield "κ(ε) ≤ 2ε - 1 - log 2ε + 2ε/(e^{2ε} - 1)", "at most", found, right
    for at, value in zip(grid, found, strict=True):
        sinh_at, cosh_at = ((exp(Number(at)) + sign * exp(Number(-at))) / 2 for sign in (-1, 1))
        slope_at = 2 * cosh_at / sinh_at - at / (sinh_at * sinh_at) - 1 / at
        tangent = [value + slope_at * (x - at) for x in grid]
        yield f"tangent at {float(at):g} ≤ κ", "at most", tangent, found
    known = ((0.5, 0.123302), (1.0, 0.474475), (2.0, 1.669850), (4.0, 4.922908), (10.0, 16.004268))
    off = [abs(sharp_kappa(Fraction(x)) - Fraction(y)) for x, y in known]
    yield "κ(½), κ(1), κ(2), κ(4), κ(10) to 6 decimals", "at most", off, [Fraction(5e-7)] * 5


def sharp_chain(c: Case, free: int) -> Iterator[Row]:
    """KL = Σ_s P(s) KL_s ≤ Σ_s P(s) κ(span_s/2) ≤ free·κ(ε), in both directions."""
    f, g = c.logits, c.table("other")
    most = [free * sharp_kappa(sharp_least(x)) for x in c.most(c.furthest(f, g))]
    widths, choice = sharp_spans(sharp_gaps(c, f, g)), c.choices()
    steps = {s: sharp_kappa(sharp_least(x / 2)) if s in choice else Number(0) for s, x in widths.items()}
    whole = [c.kl(*pair) for pair in ((c.arm(exps(f)), c.arm(exps(g))), (c.arm(exps(g)), c.arm(exps(f))))]
    for name, left in zip(("KL(p‖q)", "KL(q‖p)"), whole, strict=True):
        yield f"{name} ≤ free steps · κ(ε)", "at most", left, most
    for name, left, each, drawn in zip(("KL(p‖q)", "KL(q‖p)"), whole, sharp_step_rows(c, f, g), (f, g), strict=True):
        passing = c.passing(c.policy(exps(drawn)))
        weighted = c.over_places(passing, steps)
        yield f"{name} ≤ Σ_s P(s) κ(span_s/2)", "at most", left, weighted
        yield f"{name} = Σ_s P(s) KL_s", "equal", left, c.over_places(passing, each)
        yield f"{name}: Σ_s P(s) κ(span_s/2) ≤ free steps · κ(ε)", "at most", weighted, most


@definition("K-sequence", "ends with EOS", "50 steps")
def _k_sequence(c: Case) -> Iterator[Row]:
    yield from sharp_chain(c, c.T - 1)


@constants("K-sequence")
def _k_sequence_pairs() -> Iterator[Row]:
    for T, epsilon, eos in ((2, 1, -2), (3, 4, -2), (4, 1, -20)):
        tree = Tree(2, T)
        f, signs = kappa_pair(tree, epsilon, eos)
        reached = tree.kl(tree.arm(exps(f)), tree.arm(exps(moved(f, signs, -epsilon))))
        kappa, going_on = sharp_kappa(epsilon), 1 - tree.policy(exps(f))[0, (), None]
        powers = [Number(1)]
        for _t in range(T - 2):
            powers.append(powers[-1] * going_on)
        name = f"T={T}, ε={epsilon}, EOS at {eos}"
        yield f"{name}: KL = κ(ε) Σ_t (1-π(EOS))^t", "equal", reached, [kappa * total(powers)]
        yield f"{name}: KL ≤ (T-1) κ(ε)", "at most", reached, [(T - 1) * kappa]


@definition("K-fixed-length", "one length")
def _k_fixed_length(c: Case) -> Iterator[Row]:
    yield from sharp_chain(c, c.T)
    for n, V, epsilon in ((1, 2, Fraction(1)), (2, 2, Fraction(2)), (3, 2, Fraction(1, 2)), (2, 3, Fraction(8))):
        tree = Tree(V, n, eos=False)
        f, signs = kappa_pair(tree, epsilon, 0)
        reached = tree.kl(tree.arm(exps(f)), tree.arm(exps(moved(f, signs, -epsilon))))
        yield f"n={n}, V={V}, ε={float(epsilon):g}: KL = n κ(ε)", "equal", reached, [n * sharp_kappa(epsilon)]


def sharp_longest(epsilon: Any, n: int) -> list[Any]:
    """D_0, …, D_n: each the largest over the chance a of going on of KL at one step plus a·(the one before)."""
    found: list[Any] = [Number(0)]
    for _ in range(n):
        going_on, ending = sharp_best(epsilon, found[-1])
        found.append(sharp_loss(epsilon, going_on, ending) + going_on * found[-1])
    return found


@definition("K-one-token", "one token")
def _k_one_token(c: Case) -> Iterator[Row]:
    p, q = c.arm(exps(c.logits)), c.arm(exps(c.table("other")))
    furthest = c.most(c.furthest(c.logits, c.table("other")))
    most = [sharp_longest(sharp_least(x), c.T - 1)[-1] for x in furthest]
    yield "KL(p‖q) ≤ D_{T-1}(ε)", "at most", c.kl(p, q), most
    yield "KL(q‖p) ≤ D_{T-1}(ε)", "at most", c.kl(q, p), most

    sizes, chances = (Fraction(1, 2), Fraction(1), Fraction(2)), [Fraction(k, 32) for k in range(1, 32)]
    longest = {x: sharp_longest(x, 5) for x in sizes}
    kappa, limit = [sharp_kappa(x) for x in sizes], [exp(Number(2 * x)) - 1 - 2 * x for x in sizes]
    for n in range(1, 6):
        value, below = ({x: found[k] for x, found in longest.items()} for k in (n, n - 1))
        right, closed = list(value.values()), []
        for x in sizes:
            ahead, rest = 2 * x + below[x], 1 - exp(Number(-2 * x))
            closed.append(ahead / rest - 1 + log(rest) - log(ahead))
        yield f"D_{n} in closed form", "equal", closed, right
        left = [sharp_loss(x, a, 1 - a) + a * below[x] for a in chances for x in sizes]
        yield f"D_{n} at other chances of going on", "at most", left, right * 31
        left = [sharp_loss(x, a, 1 - a) + (1 - a) * below[x] for a in chances for x in sizes]
        yield f"D_{n} where EOS has +ε", "at most", left, right * 31
        yield f"D_{n} ≤ n κ(ε)", "at most", right, [n * x for x in kappa]
        yield f"D_{n} ≤ e^(2ε) - 1 - 2ε", "at most", right, limit
    yield "D_1 = κ", "equal", [longest[x][1] for x in sizes], kappa
    best = [sharp_best(x, y) for x, y in zip(sizes, limit, strict=True)]
    left = [sharp_loss(x, *ab) + ab[0] * y for x, y, ab in zip(sizes, limit, best, strict=True)]
    yield "e^(2ε) - 1 - 2ε stays as it is", "equal", left, limit
    for x in sizes:
        for n in (1, 3, 5):
            tree = Tree(1, n + 1)
            f, g = dict.fromkeys(tree.all_pairs, Number(1)), dict.fromkeys(tree.all_pairs, Number(1))  # weights
            for s in tree.all_places:
                steps = n - len(s[1])  # that are left, besides the forced one
                if steps:
                    for k, chance, sign in zip(tree.at(s), sharp_best(x, longest[x][steps - 1]), (-1, 1), strict=True):
                        f[k], g[k] = chance, chance * exp(Number(sign * x))
            reached = tree.kl(tree.arm(f), tree.arm(g))
            yield f"T={n + 1}, ε={float(x):g}: KL = D_{n}", "equal", reached, [longest[x][n]]
    stated = map(Fraction, (0.474475, 0.810332, 1.071482, 1.284650, 1.464082))
    off = [abs(found - y) for found, y in zip(longest[sizes[1]][1:], stated, strict=True)]
    yield "D_1 to D_5 at ε = 1, to 6 decimals", "at most", off, [Fraction(5e-7)] * 5


@definition("K-ratio")
def _k_ratio(_: Case) -> Iterator[Row]:
    grid = list(map(Fraction, ("1/8", "1/2", "1", "2", "4", "16")))
    yield "4/ε ≤ 2ε/κ(ε)", "at most", [4 / x for x in grid], [2 * x / sharp_kappa(x) for x in grid]
    for T, stated in ((2, 8.4), (3, 6.3)):
        ratio = 2 * T / ((T - 1) * sharp_kappa(1))
        off = [abs(ratio - Fraction(stated))]
        yield f"2Tε/((T-1)κ(ε)) at ε = 1, T = {T}, is {stated}", "at most", off, [Fraction(0.05)]
        tree = Tree(2, T)
        f, signs = kappa_pair(tree, 1, -40)
        (reached,) = tree.kl(tree.arm(exps(f)), tree.arm(exps(moved(f, signs, -1))))
        off = [abs(2 * T / reached - ratio)]
        yield f"the same of a pair that attains it, T = {T}", "at most", off, [Fraction(1e-12)]


@definition("C5-bound")
def _c5_bound(c: Case) -> Iterator[Row]:
    f, g = exps(c.logits), exps(c.table("other"))
    passing, widths = c.passing(c.policy(f)), sharp_spans(sharp_gaps(c, c.logits, c.table("other")))
    kappas = {s: Number(0) if is_zero(x) else sharp_kappa(x / 2) for s, x in widths.items()}
    sharp, squares = c.over_places(passing, kappas), c.over_places(passing, {s: x * x / 8 for s, x in widths.items()})
    bound = [2 * c.T * x for x in c.most(c.furthest(c.logits, c.table("other")))]
    whole = c.kl(c.arm(f), c.arm(g))
    yield "KL ≤ 2T max|q - q'|", "at most", whole, bound
    yield "KL ≤ Σ P(s) κ(span/2)", "at most", whole, sharp
    yield "Σ P(s) κ(span/2) ≤ Σ P(s) span²/8", "at most", sharp, squares
    yield "Σ P(s) κ(span/2) ≤ 2T max|q - q'|", "at most", sharp, bound


# -- the data of Appendix C.2 --


def appendix_c_logs(n: int) -> list[Any]:
    """The logarithms of 1, …, n, added up over prime factors."""
    factor = list(range(n + 1))
    for p in range(2, int(n**0.5) + 1):
        for multiple in range(p * p, n + 1, p):
            factor[multiple] = min(factor[multiple], p)
    found: list[Any] = [Number(0), Number(0)]
    for i in range(2, n + 1):
        found.append(log(i) if factor[i] == i else found[factor[i]] + found[i // factor[i]])
    return found[1:]


def appendix_c_sums(n: int) -> tuple[Any, Any]:
    """Σ 1/i and Σ log(i)/i for i ≤ n by Euler and Maclaurin, with constants to 17 digits."""
    euler, stieltjes, log_n = Fraction(0.57721566490153286), Fraction(-0.07281584548367673), log(n)
    inverse = [Fraction(1, n**k) for k in range(5)]
    harmonic = log_n + euler + inverse[1] / 2 - inverse[2] / 12 + inverse[4] / 120
    logs_ = log_n * log_n / 2 + stieltjes + log_n * inverse[1] / 2 + (1 - log_n) * inverse[2] / 12
    return harmonic, logs_ - (11 - 6 * log_n) * inverse[4] / 720


@definition("C-zipf")
def _c_zipf(_: Case) -> Iterator[Row]:
    for (V, T, n), stated in zip(_C_SIZES, ((6.0664, 2.2514), (7.7214, 3.3689)), strict=True):
        log_i = appendix_c_logs(n)
        weights = [Number(ball=Number(Fraction(1, i)).enclosed()) for i in range(1, n + 1)]
        whole, log_n = total(weights), log(n)
        shift = log(whole)  # p is 1/i over the whole
        entropy = total(w * (x + shift) for w, x in zip(weights, log_i, strict=True)) / whole
        divergence = total(w * (log_n - x - shift) for w, x in zip(weights, log_i, strict=True)) / whole
        harmonic, logs_ = appendix_c_sums(n)
        formula = log(harmonic) + logs_ / harmonic
        almost = [Fraction(1e-12)]
        yield f"n={n}: H, added up, to 12 digits", "at most", [abs(entropy - formula)], almost
        what, off = f"n={n}: KL(ρ‖uniform), added up, to 12 digits", abs(divergence - (log_n - formula))
        yield what, "at most", [off], almost
        for what, found, digits in zip(("H", "KL"), (entropy, divergence), stated, strict=True):
            yield f"n={n}: {what} to four digits", "at most", [abs(found - Fraction(digits))], [Fraction(5e-5)]
        # As a model: log 1/i at the last step of the i-th string.
        tree = Tree(V, T, eos=False)
        rewards: dict[Pair, Any] = dict.fromkeys(tree.all_pairs, Number(1))
        rewards.update(zip((tree.path(k)[-1] for k in tree.replies), weights, strict=True))
        p = tree.arm(tree.bellman(rewards))
        log_probs = logs(p)
        yield f"n={n}: H of the model", "equal", [-x for x in tree.expect(p, log_probs)], [entropy]
        ratios = {k: x + log_n for k, x in log_probs.items()}
        yield f"n={n}: KL of the model", "equal", tree.expect(p, ratios), [divergence]


# -- One reward for each model --


def _representatives_passed(c: Case) -> dict[Reply, list[Pair]]:
    """The allowed responses, with the pairs along each."""
    paths = {reply: c.path(reply) for reply in c.replies}
    return {reply: path for reply, path in paths.items() if all(c.rewards[k] != -inf for k in path)}


def _representatives_along(c: Case, f: Table) -> list[Any]:
    """The sum along each allowed response, 0 for others."""
    passed = _representatives_passed(c)
    return [total(f[k] for k in passed[reply]) if reply in passed else Number(0) for reply in c.replies]


def _representatives_tails(c: Case, t: int) -> list[tuple[int | None, ...]]:
    """All ways to complete a prefix of t tokens, by length, the first token fastest."""
    sizes, end = (range(max(c.first - 1 - t, 0), c.T - t), (None,)) if c.eos else ([c.T - t], ())
    return [(*tail[::-1], *end) for n in sizes for tail in product(range(c.V), repeat=n)]


@definition("G-orbit", "50 steps", lifted="rewards places")
def _g_orbit(c: Case) -> Iterator[Row]:
    phi, before = c.lifted[1], c.totals(c.rewards)
    passed = _representatives_passed(c)
    pairs = {k for path in passed.values() for k in path}
    rewards = {k: x if k in pairs else -inf for k, x in c.rewards.items()}
    values = logs(c.below(exps(rewards)))
    at_ends = {path[-1]: before[reply] + phi[reply[0], ()] for reply, path in passed.items()}
    others = {
        "R + c(x) at the end": {k: at_ends.get(k, Number(0)) for k in pairs},
        "log π": logs(c.policy(c.bellman(exps(rewards)))),
        "shaped r": _gauges_shaped(c, rewards, phi),
    }
    for name, table in others.items():
        other = {k: table[k] if k in pairs else -inf for k in c.all_pairs}
        theirs = logs(c.below(exps(other)))
        moves = {k[:2]: theirs[k[:2]] - values[k[:2]] for k in pairs}
        expected = {k: rewards[k] + moves[k[:2]] - _gradients_after(c, k, moves, 0) for k in pairs}
        left, right = ([f[k] if k in pairs else Number(0) for k in c.all_pairs] for f in (other, expected))
        yield f"{name} = r + φ(s) - φ(s⊕a), φ = V' - V", "equal", left, right
        for t in range(c.T if name == "log π" else 0):
            left, right = [], []
            for tail, (x, s) in product(_representatives_tails(c, t), c.places(t)):
                path = c.path((x, (*s, *tail)))[t:]
                allowed = (x, (*s, *tail)) in passed
                left.append(total(other[k] - rewards[k] for k in path) if allowed else Number(0))
                right.append(moves[x, s] if allowed else Number(0))
            yield f"{name}: φ(s) = what any completion gains, depth {t}", "equal", left, right


def _representatives_flows(c: Case, rewards: Table, free: bool) -> tuple[dict[Pair, Any], list[Any], list[Any]]:
    """Solve Σ_a u(s,a) = u(into s), u = r + φ(s) - φ(s⊕a): from the ends up, Σ_a u(s,a) = A φ(s) + B; then down.

    φ is 0 at the roots, or with a free constant such that Σ_a u(x,a) = 0.  Also A and B at the roots.
    """
    pairs = {k for path in _representatives_passed(c).values() for k in path}
    slope: dict[Place, Any] = dict.fromkeys(c.all_places, Number(0))
    start, phi = dict(slope), dict(slope)
    at_pair: dict[Pair, tuple[Any, Any]] = {}
    for k in reversed(c.all_pairs):
        if k in pairs:
            child, here = c.child(k), (Number(1), rewards[k])
            if child is not None:  # u = r + φ(s) - φ', and A φ' + B = u
                part = slope[child] / (slope[child] + 1)
                here = (part, part * rewards[k] + start[child] / (slope[child] + 1))
            at_pair[k] = here
            slope[k[:2]], start[k[:2]] = slope[k[:2]] + here[0], start[k[:2]] + here[1]
    roots = [(x, ()) for x in c.prompts]
    phi.update({x: -start[x] / slope[x] for x in roots} if free else {})
    flows = dict.fromkeys(c.all_pairs, Number(0))
    for k in c.all_pairs:
        if k in pairs:
            flows[k], child = at_pair[k][0] * phi[k[:2]] + at_pair[k][1], c.child(k)
            if child is not None:
                phi[child] = rewards[k] + phi[k[:2]] - flows[k]
    return flows, [slope[x] for x in roots], [start[x] for x in roots]


def _representatives_laws(c: Case, flows: Table) -> Iterator[Row]:
    for t in range(1, c.T):
        into = [flows[x, s[:-1], s[-1]] for x, s in c.places(t)]
        out = [total(flows[k] for k in c.at(s)) for s in c.places(t)]
        yield f"r(into s) = Σ_a r(s, a), depth {t}", "equal", into, out


@definition("G-min-norm", "50 steps", lifted="rewards places places")
def _g_min_norm(c: Case) -> Iterator[Row]:
    shaped = [_gauges_shaped(c, c.rewards, phi) for phi in (c.table("potential"), c.lifted[2])]
    before, passed = _representatives_along(c, c.rewards), _representatives_passed(c)
    flows, _, _ = _representatives_flows(c, c.rewards, False)
    yield "R is kept", "equal", _representatives_along(c, flows), before
    yield from _representatives_laws(c, flows)
    left = _representatives_flows(c, shaped[0], False)[0]
    yield "φ(x) = 0: the same from r + φ(s) - φ(s⊕a)", "equal", list(left.values()), list(flows.values())
    # The current from x to the ends where φ(x) = 1 and r = 0: the share of each step of s is its chance.
    free, _, _ = _representatives_flows(c, c.rewards, True)
    nothing = {k: Number(int(not k[1])) for k in c.all_pairs}
    current = _representatives_flows(c, nothing, False)[0]
    out = {s: total(current[k] for k in c.at(s)) for s in c.all_places}
    means = [Number(0) for _ in c.prompts]
    for (x, y), r in zip(c.replies, before, strict=True):
        if (x, y) in passed:
            means[x] = means[x] + current[passed[x, y][-1]] / out[x, ()] * r
    right = [r - means[reply[0]] if reply in passed else Number(0) for reply, r in zip(c.replies, before, strict=True)]
    yield "a constant free: R less its mean", "equal", _representatives_along(c, free), right
    sums = [total(free[k] for k in c.at((x, ()))) for x in c.prompts]
    yield "a constant free: Σ_a r(x, a) = 0", "equal", sums, [0] * c.P
    yield from _representatives_laws(c, free)
    left = _representatives_flows(c, shaped[1], True)[0]
    yield "a constant free: the same from r + φ(s) - φ(s⊕a)", "equal", list(left.values()), list(free.values())


@definition("G-pythagoras", "50 steps")
def _g_pythagoras(c: Case) -> Iterator[Row]:
    passed = _representatives_passed(c)
    pairs = {k for path in passed.values() for k in path}
    flows, slope, start = _representatives_flows(c, c.rewards, False)
    free, _, _ = _representatives_flows(c, c.rewards, True)

    def squares(f: Table) -> list[Any]:
        return [total(f[k] * f[k] for k in c.all_pairs if k in pairs and k[0] == x) for x in c.prompts]

    least = squares(flows)
    others = {"r": c.rewards, "r + φ(s) - φ(s⊕a)": _gauges_shaped(c, c.rewards, c.table("potential"))}
    for name, other in others.items():
        rest = squares({k: other[k] - flows[k] for k in pairs})
        whole = squares(other)
        right = [x + y for x, y in zip(least, rest, strict=True)]
        yield f"Σ r² of {name} = Σ u² + Σ (r - u)²", "equal", whole, right
        yield f"Σ u² ≤ Σ r² of {name}", "at most", least, whole
    right = [x + b * b / a for x, a, b in zip(squares(free), slope, start, strict=True)]
    yield "Σ u² = Σ u² with a constant free + c(x) w(x)²", "equal", least, right
    totals = zip(c.replies, _representatives_along(c, c.rewards), strict=True)
    left = [r * r / len(reply[1]) for reply, r in totals]
    yield "R(y)²/|y| ≤ Σ u²", "at most", left, [least[x] for x, _ in c.replies]


@definition("G-centred", "50 steps", lifted="rewards places")
def _g_centred(c: Case) -> Iterator[Row]:
    passed = _representatives_passed(c)
    pairs = {k for path in passed.values() for k in path}
    choices = {s: sum(k in pairs for k in c.at(s)) for s in c.all_places}

    def centred(rewards: Table) -> tuple[dict[Place, Any], dict[Pair, Any]]:
        # φ(s): minus the mean of what completions of s give, each with the product of its choices.
        phi: dict[Place, Any] = dict.fromkeys(c.all_places, Number(0))
        for path in passed.values():
            to_come, chance = Number(0), Fraction(1)
            for t in reversed(range(len(path))):
                to_come, chance = to_come + rewards[path[t]], chance / choices[path[t][:2]]
                phi[path[t][:2]] = phi[path[t][:2]] - to_come * chance
        moved = {k: rewards[k] + phi[k[:2]] - _gradients_after(c, k, phi, 0) for k in pairs}
        return phi, {k: moved.get(k, Number(0)) for k in c.all_pairs}

    phi, found = centred(c.rewards)
    for t in range(c.T):
        sums = [total(found[k] for k in c.at(s)) for s in c.places(t)]
        yield f"Σ_a r(s, a) = 0, depth {t}", "equal", sums, [0] * len(sums)
    before = _representatives_along(c, c.rewards)
    means = [Number(0) for _ in c.prompts]
    for reply, r in zip(c.replies, before, strict=True):
        chance = Fraction(1)
        for k in passed.get(reply, []):
            chance /= choices[k[:2]]
        means[reply[0]] = means[reply[0]] + r * chance
    yield "φ(x) = - mean R", "equal", [phi[x, ()] for x in c.prompts], [-x for x in means]
    right = [r - means[reply[0]] if reply in passed else Number(0) for reply, r in zip(c.replies, before, strict=True)]
    yield "R less its mean", "equal", _representatives_along(c, found), right
    other = centred(_gauges_shaped(c, c.rewards, c.lifted[1]))[1]
    yield "the same from r + φ(s) - φ(s⊕a)", "equal", list(other.values()), list(found.values())


# -- the largest KL of a ball, lower bounds, total variation, residuals (beyond the paper) --


def bounds_near(x: Any) -> float:
    """A float near a number."""
    m, _, e = Number.of(x).enclosed()
    return float(Fraction(m) * Fraction(2) ** e)


def bounds_gain(epsilon: Any, future: Any) -> Any:
    """max_P [2εP + log(1 - cP) + Pδ], c = 1 - e^(-2ε): at 1 - cP = 1/u, u = (2ε + δ)/c; at P = 1 where u ≥ e^(2ε)."""
    minus = exp(-2 * Number.of(epsilon))
    u = (2 * epsilon + future) / (1 - minus)
    rest = largest([1 / u, minus])
    return u * (1 - rest) + log(rest)


def bounds_two(values: list[Any]) -> tuple[Any, Any]:
    """The largest of some numbers and the next."""
    pairs = [(x, y) for i, x in enumerate(values) for y in values[:i]]
    return largest(values), largest(smallest(pair) for pair in pairs)


def bounds_losses(c: Tree, live: Any, epsilon: Any) -> tuple[dict[Place, Any], dict[Place, list[tuple[Pair, Any]]]]:
    """What is lost at most from each prefix on, by prompt's ε; and its live pairs with what they lead to."""
    lost: dict[Place, Any] = {}
    after: dict[Place, list[tuple[Pair, Any]]] = {}
    for s in reversed(c.all_places):
        after[s] = [(k, lost.get(c.child(k) or (-1, ()), Number(0))) for k in c.at(s) if k in live]
        values = [x for _, x in after[s]]
        lost[s] = values[0] if len(values) == 1 else Number(0)
        if len(values) > 1:
            first, second = bounds_two(values)
            lost[s] = second + bounds_gain(epsilon[s[0]], first - second)
    return lost, after


def bounds_furthest(c: Tree, live: Any, epsilon: Fraction) -> tuple[Any, Any]:
    """D at the root, and the KL of a pair: +ε and the best chance for the most to come, -ε for the next, rest rare."""
    lost, after = bounds_losses(c, live, [epsilon] * c.P)
    f: dict[Pair, Any] = dict.fromkeys(c.all_pairs, -inf)
    signs = dict.fromkeys(c.all_pairs, 1)
    limit = bounds_near(exp(Number(2 * epsilon)) - 1 - 2 * epsilon)
    for pairs in after.values():
        if len(pairs) < 2:
            f.update(dict.fromkeys([k for k, _ in pairs], Number(0)))
            continue
        best, most = max(pairs, key=lambda pair: bounds_near(pair[1]))
        others = [pair for pair in pairs if pair[0] != best]
        second = max((x for _, x in others), key=bounds_near)
        close = [k for k, x in others if bounds_near(second - x) <= 1e-12]
        f.update({k: Number(0) if k in close else Number(-40) for k, _ in others})
        signs.update(dict.fromkeys(close, -1))
        f[best] = Number(40)
        if bounds_near(most - second) < limit:
            chance, rest = sharp_best(epsilon, Number(0) if bounds_near(most - second) < 1e-12 else most - second)
            f[best] = log(chance * len(close)) - log(rest)
    moved_down = {k: x if x == -inf else x - epsilon * signs[k] for k, x in f.items()}
    return [lost[0, ()]], c.kl(c.arm(exps(f)), c.arm(exps(moved_down)))


def bounds_live(c: Tree, forbidden: Iterable[tuple[tuple[int, ...], int | None]]) -> set[Pair]:
    """The pairs from which some way to the end is allowed, where these are forbidden."""
    found: set[Pair] = set()
    for k in reversed(c.all_pairs):
        child = c.child(k)
        if k[1:] not in forbidden and (child is None or any(other in found for other in c.at(child))):
            found.add(k)
    return found


@definition("K-supremum", "50 steps")
def _k_supremum(c: Case) -> Iterator[Row]:
    f, g = c.logits, c.table("other")
    epsilon = [sharp_least(x) for x in c.most(c.furthest(f, g))]
    lost, _ = bounds_losses(c, c.live, epsilon)
    p, q, most = c.arm(exps(f)), c.arm(exps(g)), [lost[x, ()] for x in c.prompts]
    yield "KL(p‖q) ≤ D(ε)", "at most", c.kl(p, q), most
    yield "KL(q‖p) ≤ D(ε)", "at most", c.kl(q, p), most


@constants("K-supremum")
def _k_supremum_trees() -> Iterator[Row]:
    forced = [((1, *(0,) * t), 1) for t in range(5)]
    for words, tree, forbidden, size, attained in (
        ("one token, T = 4", Tree(1, 4), [], 1.0, True),
        ("two tokens, T = 2", Tree(2, 2), [], 2.0, True),
        ("fixed length 2", Tree(2, 2, eos=False), [], 2.0, True),
        ("one side forced", Tree(2, 3), [((), 1), ((0,), None)], 1.0, True),
        ("two tokens, T = 3", Tree(2, 3), [], 0.5, False),
        ("two tokens, T = 3, some forbidden", Tree(2, 3), [((0,), 0), ((1,), None)], 2.0, False),
        ("five steps or none", Tree(2, 6, eos=False), forced, 0.1, False),
    ):
        most, reached = bounds_furthest(tree, bounds_live(tree, forbidden), Fraction(size))
        name = f"{words}, ε={size:g}"
        if attained:
            yield f"{name}: KL = D(ε)", "equal", reached, most
        else:
            yield f"{name}: KL ≤ D(ε)", "at most", reached, most
            yield f"{name}: D(ε) - KL ≤ 1e-9", "at most", [most[0] - reached[0]], [Fraction(1e-9)]


def bounds_of_two(c: Tree, f: Table, g: Table, two: Mapping[Place, tuple[Pair, Pair]]) -> dict[Place, Any]:
    """(π(a) + π(b)) times the KL of a against b, at each prefix with such two; of weights."""
    pi, found = c.policy(f), {}
    for s, (a, b) in two.items():
        mine, theirs = ([w[k] / (w[a] + w[b]) for k in (a, b)] for w in (f, g))
        alone = mean((x, log(x) - log(y)) for x, y in zip(mine, theirs, strict=True))
        found[s] = (pi[a] + pi[b]) * alone
    return {s: found.get(s, Number(0)) for s in c.all_places}


@definition("K-lower", "50 steps")
def _k_lower(c: Case) -> Iterator[Row]:
    f, g = c.logits, c.table("other")
    two: dict[Place, tuple[Pair, Pair]] = {}
    for s in c.choices():
        pairs = [k for k in c.at(s) if k in c.live]
        up = down = pairs[0]
        for k in pairs[1:]:  # the first of equals
            up = k if (f[k] - g[k] - f[up] + g[up]).sign() > 0 else up
            down = k if (f[k] - g[k] - f[down] + g[down]).sign() < 0 else down
        if up != down:
            two[s] = up, down
    mine, theirs = exps(f), exps(g)
    for name, w, v in (("KL(p‖q)", mine, theirs), ("KL(q‖p)", theirs, mine)):
        below = c.over_places(c.passing(c.policy(w)), bounds_of_two(c, w, v, two))
        yield f"Σ_s P(s) L_s ≤ {name}", "at most", below, c.kl(c.arm(w), c.arm(v))


@constants("K-lower")
def _k_lower_of_two() -> Iterator[Row]:
    for tree in (Tree(1, 4), Tree(2, 2, eos=False)):
        f, g = (
            {k: Number(1 + (factor * i + t) % modulus) for t in range(tree.T) for i, k in enumerate(tree.pairs(t))}
            for factor, modulus in ((3, 5), (5, 7))
        )
        two = {s: (tree.at(s)[0], tree.at(s)[-1]) for s in tree.all_places if len(tree.at(s)) > 1}
        below = tree.over_places(tree.passing(tree.policy(f)), bounds_of_two(tree, f, g, two))
        yield f"{tree.V} tokens: Σ_s P(s) L_s = KL(p‖q)", "equal", below, tree.kl(tree.arm(f), tree.arm(g))
    tree = Tree(3, 1, eos=False)
    f, g = (dict(zip(tree.all_pairs, map(Number, level), strict=True)) for level in ((5, 2, 3), (2, 5, 3)))
    a, b, _ = tree.at((0, ()))
    least = list(bounds_of_two(tree, f, g, {(0, ()): (a, b)}).values())
    yield "q agrees on the third of three actions: L = KL(p‖q)", "equal", least, tree.kl(tree.arm(f), tree.arm(g))
    width, pi = 2 * log(Fraction(5, 2)), tree.policy(f)
    cosh = width / 2 + log((1 + exp(-width)) / 2)
    yield "2 min(π_a, π_b) log cosh(w/2) ≤ L", "at most", [2 * smallest([pi[a], pi[b]]) * cosh], least


def bounds_variation(c: Tree, p: Table, q: Table) -> list[Any]:
    """½ Σ |p - q|."""
    return [x / 2 for x in c.sums({k: abs(p[k] - q[k]) for k in c.replies})]


def bounds_within(words: str, kl: list[Any], tv: list[Any]) -> Iterator[Row]:
    """Pinsker's inequality and that of Bretagnolle and Huber."""
    yield f"{words}: TV² ≤ KL/2", "at most", [x * x for x in tv], [x / 2 for x in kl]
    yield f"{words}: TV² ≤ 1 - e^(-KL)", "at most", [x * x for x in tv], [1 - exp(-x) for x in kl]


@definition("K-tv", "50 steps")
def _k_tv(c: Case) -> Iterator[Row]:
    p, q = c.arm(exps(c.logits)), c.arm(exps(c.table("other")))
    tv = bounds_variation(c, p, q)
    yield from bounds_within("KL(p‖q)", c.kl(p, q), tv)
    yield from bounds_within("KL(q‖p)", c.kl(q, p), tv)


@constants("K-tv")
def _k_tv_pairs() -> Iterator[Row]:
    tree = Tree(2, 1, eos=False)

    def of(x: Any, y: Any) -> dict[Reply, Any]:
        return tree.arm(dict(zip(tree.all_pairs, (Number.of(x), Number.of(y)), strict=True)))

    for odds in (5, 20):
        sure = of(exp(Number(odds)), 1)
        for other, words in ((of(1, 1), "1/2"), (of(exp(Number(Fraction(-odds, 2))), 1), "little")):
            kl, tv = tree.kl(sure, other), bounds_variation(tree, sure, other)
            yield from bounds_within(f"log-odds {odds} against {words}", kl, tv)
    for t in (Fraction(1, 256), Fraction(1, 4)):
        p, q = of(1 + t, 1 - t), of(1 - t, 1 + t)
        kl, tv, name = tree.kl(p, q), bounds_variation(tree, p, q), f"(1 ± {float(t):g})/2"
        yield f"{name}: TV = t", "equal", tv, [t]
        yield f"{name}: KL = t log((1+t)/(1-t))", "equal", kl, [t * (log(1 + t) - log(1 - t))]
        yield from bounds_within(name, kl, tv)
        yield f"{name}: KL ≤ 2 TV² (1 + t²/2)", "at most", kl, [2 * tv[0] * tv[0] * (1 + t * t / 2)]


def bounds_unshared(c: Tree, live: Any) -> list[int]:
    """The most pairs that one of two responses goes through and not the other: the diameter of each prompt's tree."""
    height: dict[Place, int] = {}
    spread: dict[Place, int] = {}
    for s in reversed(c.all_places):
        children = [c.child(k) for k in c.at(s) if k in live]
        lengths = sorted(1 + (0 if child is None else height[child]) for child in children)
        height[s] = max(lengths, default=0)
        apart = sum(lengths[-2:]) if len(lengths) > 1 else 0
        spread[s] = max([apart, *(spread[child] for child in children if child is not None)])
    return [spread[x, ()] for x in c.prompts]


def bounds_of_difference(c: Case, difference: Table, both: Iterable[tuple[str, list[Any]]]) -> Iterator[Row]:
    """What KL and the span over responses have to do with a difference of rewards (of live pairs)."""
    allowed = [k for k in c.replies if all(pair in c.live for pair in c.path(k))]
    sums = {k: total(difference[pair] for pair in c.path(k)) for k in allowed}
    ends = [[sums[k] for k in allowed if k[0] == x] for x in c.prompts]
    width = [largest(group) - smallest(group) for group in ends]
    for name, divergence in both:
        yield f"{name} ≤ κ(½ span_y)", "at most", divergence, [sharp_kappa(sharp_least(x / 2)) for x in width]
    up: dict[Place, Any] = {}
    down: dict[Place, Any] = {}
    for s in reversed(c.all_places):
        for best, found in ((largest, up), (smallest, down)):
            steps = [difference[k] + found.get(c.child(k) or (-1, ()), 0) for k in c.at(s) if k in c.live]
            found[s] = best(steps) if steps else Number(0)
    backward = [up[x, ()] - down[x, ()] for x in c.prompts]
    yield "the span over responses, by a backward pass", "equal", backward, width
    sizes = [largest(abs(y) for k, y in difference.items() if k[0] == x) for x in c.prompts]
    most = [n * x for n, x in zip(bounds_unshared(c, c.live), sizes, strict=True)]
    yield "span_y ≤ (pairs that two responses do not share) · max |δ|", "at most", width, most


def bounds_extreme() -> Iterator[Row]:
    """Rewards η apart at every step with all the KL that they can have: attained, or approached."""
    for n, eta in ((1, Fraction(1)), (2, Fraction(1, 2)), (3, Fraction(1))):
        tree = Tree(2, n, eos=False)
        chance, rest = sharp_best(n * eta)
        r = {k: log(chance) - log(rest) if k == (0, (), 0) else Number(0) for k in tree.all_pairs}
        signs = {k: 1 if (*k[1], k[2])[0] == 0 else -1 for k in tree.all_pairs}
        reached = tree.kl(tree.ebm(exps(r)), tree.ebm(exps(moved(r, signs, -eta))))
        yield f"fixed length {n}, η={float(eta):g}: KL = κ(nη)", "equal", reached, [sharp_kappa(n * eta)]
    for tree, eta in ((Tree(2, 3), Fraction(1, 2)), (Tree(1, 4), Fraction(1))):
        paths = [tree.path(reply) for reply in tree.replies]
        pairs = [(one, other) for i, one in enumerate(paths) for other in paths[i + 1 :]]
        one, other = max(pairs, key=lambda two: len(set(two[0]) ^ set(two[1])))
        unshared = len(set(one) ^ set(other))
        chance, rest = sharp_best(unshared * eta / 2)
        turn = next(k for k in one if k not in other)
        away = {k: Number(0 if k in (*one, *other) else -80) for k in tree.all_pairs}
        r = {k: log(chance) - log(rest) + x if k == turn else x for k, x in away.items()}
        signs = {k: (k in one) - (k in other) for k in tree.all_pairs}
        reached = tree.kl(tree.ebm(exps(r)), tree.ebm(exps(moved(r, signs, -eta))))
        most = [sharp_kappa(unshared * eta / 2)]
        words = f"{tree.V} tokens, T = {tree.T}, η={float(eta):g}"
        yield f"{words}: KL ≤ κ(½ · unshared · η)", "at most", reached, most
        yield f"{words}: it is approached to 1e-9", "at most", [most[0] - reached[0]], [Fraction(1e-9)]


@definition("K-residual", "50 steps")
def _k_residual(c: Case) -> Iterator[Row]:
    logits, rewards = exps(c.masked(c.table("other"))), exps(c.logits)
    implied = c.inverse(logits)
    residual = {k: log(implied[k]) - log(rewards[k]) for k in c.live}
    arm, ebm = c.arm(logits), c.ebm(rewards)
    corrected = c.ebm({k: x * exp(residual[k]) if k in c.live else x for k, x in rewards.items()})
    what = "p_q is the energy-based model of R + Σ_t δ"
    yield what, "equal", [log(arm[k]) for k in c.replies], [log(corrected[k]) for k in c.replies]
    both = (("KL(p_q‖p_R)", c.kl(arm, ebm)), ("KL(p_R‖p_q)", c.kl(ebm, arm)))
    yield from bounds_of_difference(c, residual, both)


@constants("K-residual")
def _k_residual_pairs() -> Iterator[Row]:
    yield from bounds_extreme()


@definition("K-perturbation", "50 steps")
def _k_perturbation(c: Case) -> Iterator[Row]:
    r, other = c.logits, c.table("other")
    difference = {k: r[k] - other[k] for k in c.live}
    p, q = c.ebm(exps(r)), c.ebm(exps(other))
    tilted = c.ebm({k: x * exp(difference[k]) if k in c.live else x for k, x in exps(other).items()})
    yield "p_R ∝ p_R' exp(R - R')", "equal", [log(p[k]) for k in c.replies], [log(tilted[k]) for k in c.replies]
    yield from bounds_of_difference(c, difference, (("KL(p_R‖p_R')", c.kl(p, q)), ("KL(p_R'‖p_R)", c.kl(q, p))))


@constants("K-perturbation")
def _k_perturbation_pairs() -> Iterator[Row]:
    yield from bounds_extreme()


# -- The metric, and the natural gradient --


def _geometry_centred(c: Case, policy: Table, d: Table) -> dict[Pair, Any]:
    """d(s,a) less its mean under π."""
    means = {s: total(policy[k] * d[k] for k in c.at(s)) for s in c.all_places}
    return {k: x - means[k[:2]] for k, x in d.items()}


def _geometry_of_logits(c: Case, policy: Table, d: Table) -> dict[Pair, Any]:
    """F_q d: the chance of the pair times what is centred."""
    passing, centred = c.passing(policy), _geometry_centred(c, policy, d)
    return {k: passing[k[:2]] * policy[k] * x for k, x in centred.items()}


def _geometry_pushed(c: Case, weights: Table, d: Table) -> dict[Pair, Any]:
    """J_M d, by enumeration."""
    return _gradients_pushed(c, _gradients_changes(c, weights, d), d)


@definition("F-metric", "50 steps", numbers="pairs")
def _f_metric(c: Case) -> Iterator[Row]:
    weights, d = exps(c.rewards), c.numbers[0]
    policy, p, moved = c.policy(c.bellman(weights)), c.ebm(weights), c.totals(d)
    average = c.expect(p, moved)
    away = {k: x - average[k[0]] for k, x in moved.items()}
    ahead, advantages = _geometry_pushed(c, weights, d), {}
    of_rewards = _gradients_pulled(c, policy, _geometry_of_logits(c, policy, ahead))
    centred, chances = _geometry_centred(c, policy, ahead), _gradients_chances(c, c.bellman(weights))
    for x, s, a in c.all_pairs:
        way = [centred[x, s[:t], s[t]] for t in range(len(s))]
        advantages[x, s, a] = chances[x, s, a] * total([*way, centred[x, s, a]])
    routes = {"J_Mᵀ F_q J_M d": of_rewards, "advantages added up": advantages}
    if _gradients_few(c):
        enumerated = _gradients_taken(c, {k: p[k] * x for k, x in away.items()})
        routes["Cov(1{(s,a)}, R_d), by enumeration"] = enumerated
        along = c.totals(_geometry_centred(c, policy, d))
        taken = _gradients_taken(c, {k: p[k] * x for k, x in along.items()})
        here = {s: total(taken[k] for k in c.at(s)) for s in c.all_places}
        left = _geometry_of_logits(c, policy, d)
        right = [x - policy[k] * here[k[:2]] for k, x in taken.items()]
        yield "F_q d = E[score <score, d>]", "equal", [left[k] for k in c.all_pairs], right
    yield from _gradients_pairwise("F_r d", {n: [f[k] for k in c.all_pairs] for n, f in routes.items()})
    variance = c.expect(p, {k: x * x for k, x in away.items()})
    yield "<d, F_r d> = Var R_d, by enumeration", "equal", _gradients_along(c, of_rewards, d), variance
    blocks = _gradients_along(c, _geometry_of_logits(c, policy, ahead), ahead)
    yield "Var R_d = Σ_s P(s) Var_π of J_M d", "equal", variance, blocks


@definition("F-natural", "50 steps")
def _f_natural(c: Case) -> Iterator[Row]:
    weights, target, share = exps(c.rewards), exps(c.masked(c.table("other"))), c.prompt_weights
    logits, p, rho = c.bellman(weights), c.ebm(weights), c.arm(target)
    policy, at_pairs = c.policy(logits), [_gradients_taken(c, f) for f in (p, rho)]
    mine, theirs = ({s: total(f[k] for k in c.at(s)) for s in c.all_places} for f in at_pairs)
    d = {}
    for k in c.all_pairs:  # from the chances of prefixes and pairs, by enumeration
        passed = not is_zero(at_pairs[0][k])
        d[k] = theirs[k[:2]] / mine[k[:2]] - at_pairs[1][k] / at_pairs[0][k] if passed else Number(0)
    means = [total(policy[k] * d[k] for k in c.at(s)) for s in c.all_places]
    yield "mean 0 under π", "equal", means, [0] * len(means)
    left, right = _geometry_of_logits(c, policy, d), _gradients_of_arm_risk(c, logits, target)
    yield "F_q d = ∇_q L^ARM", "equal", [left[k] * share[k[0]] for k in c.all_pairs], [right[k] for k in c.all_pairs]
    pushed = _geometry_pushed(c, weights, d)
    left = _gradients_pulled(c, policy, _geometry_of_logits(c, policy, pushed))
    right = _gradients_of_ebm_risk(c, *at_pairs)
    yield "F_r d = ∇_r L^EBM", "equal", [left[k] * share[k[0]] for k in c.all_pairs], [right[k] for k in c.all_pairs]
    yield "J_M d = d", "equal", [pushed[k] for k in c.all_pairs], [d[k] for k in c.all_pairs]
    moved, allowed = c.totals(d), [k for k in c.replies if not is_zero(p[k])]
    ratio = {k: 1 - rho[k] / p[k] for k in allowed}
    left_side, right_side = ([f[k] if k in ratio else 0 for k in c.replies] for f in (moved, ratio))
    yield "change of log p(y) = 1 - ρ(y)/p(y), by enumeration", "equal", left_side, right_side


# -- Both ends of the temperature --


def _temperature_ends(c: Tree, rewards: Table) -> dict[Place, list[Any]]:
    """The rewards of the allowed completions of each prefix, by enumeration."""
    found: dict[Place, list[Any]] = {s: [] for s in c.all_places}
    for reply in c.replies:
        so_far: Any = Number(0)
        for k in reversed(c.path(reply)):
            so_far = so_far + rewards[k]
            found[k[:2]] += [so_far] if not isinstance(so_far, float) else []
    return found


def _temperature_soft(c: Tree, rewards: Table, tau: Fraction) -> dict[Place, Any]:
    """V at a temperature: τ log of the sum of exp(R/τ) over completions."""
    return {s: tau * log(x) if not is_zero(x) else -inf for s, x in c.below(exps(rewards, tau)).items()}


def _temperature_after(c: Tree, f: Table, end: Any) -> dict[Pair, Any]:
    """f(s⊕a), or `end` after the last step."""
    children = {k: c.child(k) for k in c.all_pairs}
    return {k: end if s is None else f[s] for k, s in children.items()}


def _temperature_distances(c: Tree, rewards: Table, tau: Fraction, told: str) -> Iterator[Row]:
    """TV of p from the uniform distribution over the best responses."""
    weights, totals = exps(rewards, tau), c.totals(rewards)
    p, sums, distance, left_out, most = c.ebm(weights), c.sums(c.products(weights)), [], [], []
    for x in c.prompts:
        mine = {k: y for k, y in totals.items() if k[0] == x and y != -inf}
        top = largest(mine.values())
        best = {k for k, y in mine.items() if (top - y).is_zero()}
        distance.append(total(abs(p[k] - Fraction(k in best, len(best))) for k in mine) * Fraction(1, 2))
        left_out.append(1 - len(best) * exp(top / tau) / sums[x])
        others = [y - top for k, y in mine.items() if k not in best]
        most.append(len(others) * exp(largest(others) / tau) / len(best) if others else Number(0))
    yield f"TV from uniform over the best = 1 - m e^((V_0 - V)/τ), {told}", "equal", distance, left_out
    yield f"TV ≤ (N - m)/m e^(-g/τ), {told}", "at most", distance, most


@definition("T-zero", "50 steps", lifted="rewards 3 2")
def _t_zero(c: Case) -> Iterator[Row]:
    ends = _temperature_ends(c, c.rewards)
    hard = {s: largest(x) for s, x in ends.items()}
    gaps = {s: [x - hard[s] for x in xs if not (x - hard[s]).is_zero()] for s, xs in ends.items()}
    next_best = {s: largest(xs) for s, xs in gaps.items()}
    n, m = {s: len(xs) for s, xs in ends.items()}, {s: len(xs) - len(gaps[s]) for s, xs in ends.items()}
    hard_logits = {k: c.rewards[k] + x for k, x in _temperature_after(c, hard, Number(0)).items()}
    alive = [s for s in c.all_places if n[s]]
    tau = c.temperature
    for k in (1, 4):
        rewards = {pair: k * x for pair, x in c.rewards.items()}
        told = f"{'r' if k == 1 else '4r'} at temperature {float(tau):g}"
        soft, most = _temperature_soft(c, rewards, tau), {}
        for s in alive:
            rest = len(gaps[s]) * exp(k * next_best[s] / tau) if gaps[s] else Number(0)
            most[s] = k * hard[s] + tau * log(m[s] + rest)
        least = {s: k * hard[s] for s in alive}
        low, high, bound = ([f[s] if n[s] else 0 for s in c.all_places] for f in (least, soft, most))
        yield f"V_0 ≤ V, {told}", "at most", low, high
        yield f"V ≤ V_0 + τ log(m + (N - m) e^(-g/τ)), {told}", "at most", high, bound
        few = [len(gaps[s]) <= 1 for s in c.all_places]
        left, right = (
            [f.get(s, -inf) if yes else 0 for s, yes in zip(c.all_places, few, strict=True)] for f in (soft, most)
        )
        yield f"attained where all but one are best, {told}", "equal", left, right
        after, counts = _temperature_after(c, soft, Number(0)), _temperature_after(c, n, 1)
        low, high = (
            [f[pair] if pair in c.live else 0 for pair in c.all_pairs]
            for f in (hard_logits, {pair: rewards[pair] + x for pair, x in after.items()})
        )
        low = [k * x for x in low]
        yield f"M_0 ≤ M(r), {told}", "at most", low, high
        rises = [tau * log(counts[pair]) if pair in c.live else 0 for pair in c.all_pairs]
        bound = [x + rise for x, rise in zip(low, rises, strict=True)]
        yield f"M(r) ≤ M_0 + τ log N(s⊕a), {told}", "at most", high, bound
        yield from _temperature_distances(c, rewards, tau, told)
    tied = Tree(2, 2)
    rewards = dict(zip(tied.all_pairs, [x for block in c.lifted[1:] for x in block.values()], strict=True))
    told = f"two of three responses are best, temperature {float(c.temperature):g}"
    yield from _temperature_distances(tied, rewards, c.temperature, told)


@definition("T-infinite", "50 steps")
def _t_infinite(c: Case) -> Iterator[Row]:
    ends, roots = _temperature_ends(c, c.rewards), [(x, ()) for x in c.prompts]
    n = {s: len(xs) for s, xs in ends.items()}
    centre = {s: total(xs) / n[s] if n[s] else Number(0) for s, xs in ends.items()}
    variance = {s: total((x - centre[s]) * (x - centre[s]) for x in xs) / max(n[s], 1) for s, xs in ends.items()}
    span = {s: largest(xs) - smallest(xs) if xs else Number(0) for s, xs in ends.items()}
    totals = c.totals(c.rewards)
    allowed = [[x for k, x in totals.items() if k[0] == y and x != -inf] for y in c.prompts]
    means = [total(xs) / len(xs) for xs in allowed]
    yield "mean of R, by enumeration", "equal", means, [centre[s] for s in roots]
    squares = [total(x * x for x in xs) / len(xs) - y * y for xs, y in zip(allowed, means, strict=True)]
    yield "variance of R, by enumeration", "equal", squares, [variance[s] for s in roots]
    root_3 = exp(log(3) * Fraction(1, 2))
    for tau in (c.temperature, 16 * c.temperature):
        soft, told = _temperature_soft(c, c.rewards, tau), f"temperature {float(tau):g}"
        limit = {s: tau * log(n[s]) + x if n[s] else Number(0) for s, x in centre.items()}
        values = {s: soft[s] if n[s] else Number(0) for s in c.all_places}
        first = {s: x * x / (8 * tau) for s, x in span.items()}
        third = [x * x * x / (36 * tau * tau) / root_3 for x in span.values()]
        low, value, rise = list(limit.values()), list(values.values()), [values[s] - limit[s] for s in c.all_places]
        yield f"τ log N + mean ≤ V, {told}", "at most", low, value
        yield f"V ≤ τ log N + mean + span²/8τ, {told}", "at most", value, [limit[s] + first[s] for s in c.all_places]
        away = [abs(y - variance[s] / (2 * tau)) for s, y in zip(c.all_places, rise, strict=True)]
        yield f"V - τ log N - mean within span³/(36√3 τ²) of Var/2τ, {told}", "at most", away, third
        left = [soft[s] if n[s] == 2 or not n[s] else 0 for s in c.all_places]
        half = {s: x / (2 * tau) for s, x in span.items()}
        cosh = {s: centre[s] + tau * log(exp(x) + exp(-x)) for s, x in half.items() if n[s] == 2}
        right = [cosh.get(s, 0) if n[s] else -inf for s in c.all_places]
        yield f"mean + τ log(2 cosh(span/2τ)) of two, {told}", "equal", left, right
        p = c.ebm(exps(c.rewards, tau))
        live = [[p[x, y] for y in c.responses if totals[x, y] != -inf] for x in c.prompts]
        left = [-total(log(x) for x in xs) / len(xs) for xs in live]
        right = [(soft[s] - centre[s]) / tau for s in roots]
        yield f"-mean of log p = (V - mean)/τ, {told}", "equal", left, right
        distance = [total(abs(x - Fraction(1, len(xs))) for x in xs) * Fraction(1, 2) for xs in live]
        quarter = [exp(span[s] / (4 * tau)) for s in roots]
        most = [(x - 1 / x) / (x + 1 / x) for x in quarter]
        yield f"TV from uniform ≤ tanh(span/4τ), {told}", "at most", distance, most


# -- Another entropy --


def _tsallis_max(x: list[Fraction]) -> tuple[list[Fraction], Fraction]:
    """argmax and max of <p, x> - ½(‖p‖² - 1): the support of which p = x - θ is positive, and x ≤ θ beside it."""
    for inside in product((True, False), repeat=len(x)):
        if any(inside):
            chosen = [a for a, yes in zip(x, inside, strict=True) if yes]
            theta = (sum(chosen, Fraction(-1))) / len(chosen)
            if all(a > theta if yes else a <= theta for a, yes in zip(x, inside, strict=True)):
                p = [max(a - theta, Fraction(0)) for a in x]
                return p, sum((a * b for a, b in zip(p, x, strict=True)), (1 - sum(a * a for a in p)) / Fraction(2))
    raise AssertionError("one support is right")


def _tsallis_totals(tree: list[Any]) -> list[Fraction]:
    """The rewards of whole responses: a tree lists rewards, and (reward, tree)."""
    return [y for x in tree for y in ([x[0] + z for z in _tsallis_totals(x[1])] if isinstance(x, tuple) else [x])]


def _tsallis_steps(tree: list[Any]) -> tuple[list[Fraction], Fraction]:
    """The distribution of responses, and the value, of V(s) = max over p of <p, q> - Ω(p), q = r + V."""
    parts = [_tsallis_steps(x[1]) if isinstance(x, tuple) else ([Fraction(1)], Fraction(0)) for x in tree]
    q = [(x[0] if isinstance(x, tuple) else x) + v for x, (_, v) in zip(tree, parts, strict=True)]
    policy, value = _tsallis_max(q)
    return [a * b for a, (p, _) in zip(policy, parts, strict=True) for b in p], value


@definition("X-tsallis", lifted="rewards 2 2")
def _x_tsallis(c: Case) -> Iterator[Row]:
    def both(tree: list[Any]) -> tuple[list[Any], list[Any]]:
        (p, v), (q, w) = _tsallis_max(_tsallis_totals(tree)), _tsallis_steps(tree)
        return [*p, v], [*q, w]

    zero, half = Fraction(0), Fraction(1, 2)
    for a, b in product([Fraction(k, 4) for k in range(-2, 3)], repeat=2):
        one, two = both([a, (b, [a * b])])
        yield f"two responses, {a} and {b + a * b}: the same both ways", "equal", one, two
        tree = [a, (b, [zero]), (a - b, [b])]
        one, two = both(tree)
        yield f"three responses, one choice, {a} and {b}: the same both ways", "equal", one, two
    one, two = both([zero, (zero, [zero, (zero, [zero])])])
    yield "V=1, T=3, no rewards, all at once: ⅓, ⅓, ⅓; value ⅓", "equal", one, [Fraction(1, 3)] * 4
    exact = [Fraction(3, 8), Fraction(5, 16), Fraction(5, 16), Fraction(25, 64)]
    yield "step by step: 3/8, 5/16, 5/16; value 25/64", "equal", two, exact
    yield "they differ", "differs", one, two
    trees: list[list[Any]] = [[zero, (zero, [zero, half])], [(zero, [zero, zero]), half], [zero, zero, half]]
    x, y, z = (_tsallis_steps(tree)[1] for tree in trees)
    yield "max_Ω(0, 0, ½), grouped in three ways", "differs", [x, x, y], [y, z, z]
    one, two = (_tsallis_max([zero, Fraction(-k)])[0] for k in (1, 2))
    yield "sparsemax(0, -1) = sparsemax(0, -2)", "equal", one, two
    weights = exps(c.rewards)
    p, q = c.ebm(weights), c.arm(c.bellman(weights))
    left, right = ([log(f[k]) for k in c.replies] for f in (p, q))
    yield "with -entropy for Ω: the distributions are the same", "equal", left, right
    partition, values = c.sums(c.products(weights)), c.values(weights)
    left, right = ([log(x) for x in xs] for xs in (partition, [values[x, ()] for x in c.prompts]))
    yield "with -entropy for Ω: the values are the same", "equal", left, right
    pairs = ([exp(x) for x in block.values()] for block in c.lifted[1:])
    left, right = ([log(x / total(xs)) for x in xs] for xs in pairs)
    yield "softmax(0, -1) ≠ softmax(0, -2)", "differs", left, right


# -- estimates of KL --


def _d_sure(p: Table) -> dict[Any, Any]:
    """What can be drawn."""
    return {k: x for k, x in p.items() if not is_zero(x)}


def _d_variance(p: Table, f: Table) -> Any:
    """Var_p f, of one prompt."""
    middle = mean((x, f[k]) for k, x in p.items())
    return mean((x, (f[k] - middle) * (f[k] - middle)) for k, x in p.items())


def _d_of(p: Table, x: int) -> dict[Any, Any]:
    """The part of one prompt."""
    return {k: value for k, value in p.items() if k[0] == x}


def _d_k3(p: Table, q: Table) -> dict[Any, Any]:
    """q/p - 1 - log q/p of what can be drawn."""
    ratios = log_ratios(p, q)
    return {k: q[k] / x - 1 + ratios[k] for k, x in _d_sure(p).items()}


def _d_two(first: int, second: int) -> dict[Any, Any]:
    """The law on two responses with weights in this proportion."""
    return {i: Number(Fraction(x, first + second)) for i, x in enumerate((first, second))}


def _d_along(c: Tree, f: Mapping[Place, Any]) -> dict[Reply, Any]:
    """The sum over the prefixes of each response."""
    return {reply: total(f[pair[:2]] for pair in c.path(reply)) for reply in c.replies}


@definition("D-k1-k3", "50 steps")
def _d_k1_k3(c: Case) -> Iterator[Row]:
    f, g = exps(c.logits), exps(c.table("other"))
    rho, narrow, lost = c.policy(g), dict(f), [Number(0)] * c.P
    for x in c.prompts:
        roots = [k for k in c.at((x, ())) if k in c.live]
        if len(roots) > 1:
            narrow[roots[0]], lost[x] = Number(0), rho[roots[0]]
    for name, weights, missing in (("p", f, [Number(0)] * c.P), ("p without a first action", narrow, lost)):
        pi, p, q = c.policy(weights), c.arm(weights), c.arm(g)
        chain = c.over_places(c.passing(pi), c.step_kl(pi, rho))
        yield f"{name}: E k1 = KL", "equal", c.kl(p, q), chain
        kept = c.sums({k: q[k] - x if not is_zero(x) else Number(0) for k, x in p.items()})
        k3 = [a + b for a, b in zip(kept, c.kl(p, q), strict=True)]
        yield f"{name}: E k3 = KL - q(p = 0)", "equal", k3, [a - b for a, b in zip(chain, missing, strict=True)]


@definition("D-k2", "50 steps")
def _d_k2(c: Case) -> Iterator[Row]:
    p, q = c.arm(exps(c.logits)), c.arm(exps(c.table("other")))
    ratios, half = log_ratios(p, q), Fraction(1, 2)
    means = c.expect(p, {k: d * d * half for k, d in ratios.items()})
    varying = [_d_variance(_d_of(p, x), ratios) for x in c.prompts]
    right = [half * (v + kl * kl) for v, kl in zip(varying, c.kl(p, q), strict=True)]
    yield "E k2 = ½ (Var k1 + KL²)", "equal", means, right
    fair, ratios = _d_two(1, 1), log_ratios(_d_two(1, 1), _d_two(1, 3))
    k2 = mean((x, ratios[k] * ratios[k] * half) for k, x in fair.items())
    kl = mean((x, ratios[k]) for k, x in fair.items())
    yield "p = (½, ½), q = (¼, ¾): E k2 is not KL", "differs", [k2], [kl]


@definition("D-k3-variance", "50 steps")
def _d_k3_variance(c: Case) -> Iterator[Row]:
    p, q = c.arm(exps(c.logits)), c.arm(exps(c.table("other")))
    ratios, k3, left, right = log_ratios(p, q), _d_k3(p, q), [], []
    for x, there, back in zip(c.prompts, c.kl(p, q), c.kl(q, p), strict=True):
        drawn = _d_sure(_d_of(p, x))
        chi = total(q[k] * q[k] / chance for k, chance in drawn.items()) - 1
        left.append(_d_variance(drawn, k3))
        right.append(_d_variance(drawn, ratios) + chi - 2 * (there + back))
    yield "Var k3 = Var k1 + χ²(q‖p) - 2 (KL(p‖q) + KL(q‖p))", "equal", left, right
    for what, mine, theirs in (("near", (1, 1), (49, 51)), ("far", (1, 99), (1, 1))):
        p, q = _d_two(*mine), _d_two(*theirs)
        sides = [_d_variance(p, _d_k3(p, q)), _d_variance(p, log_ratios(p, q))]
        less, more = sides if what == "near" else reversed(sides)
        yield f"{what}: which of Var k1, Var k3 is larger", "at most", [less], [more]


@definition("D-steps", "50 steps")
def _d_steps(c: Case) -> Iterator[Row]:
    pi, rho = c.policy(exps(c.logits)), c.policy(exps(c.table("other")))
    p, q, k3 = c.products(pi), c.products(rho), _d_k3(pi, rho)
    drawn = [reply for reply, x in p.items() if not is_zero(x)]
    sums = {reply: total(k3[pair] for pair in c.path(reply)) for reply in drawn}
    yield "E Σ_t KL_t = KL", "equal", c.expect(p, _d_along(c, c.step_kl(pi, rho))), c.kl(p, q)
    yield "E Σ_t k3_t = KL", "equal", c.expect(p, {k: sums.get(k, Number(0)) for k in p}), c.kl(p, q)


@definition("D-steps-variance")
def _d_steps_variance(_: Case) -> Iterator[Row]:
    tree = Tree(1, 3)
    p = dict(zip(tree.replies, map(Number, (Fraction(1, 2), Fraction(0), Fraction(1, 2))), strict=True))
    q = {k: Number(Fraction(1, 3)) for k in p}
    # The steps of p: EOS or 0, ½ each; then 0. Those of q: EOS with ⅓, then with ½.
    first = (log(Number(Fraction(3, 2))) + log(Number(Fraction(3, 4)))) * Fraction(1, 2)
    second = log(Number(2))
    sums = dict(zip(p, (first, first + second, first + second), strict=True))
    told, ratios = log(Number(Fraction(3, 2))), log_ratios(p, q)
    drawn = [told if is_zero(x) else ratios[k] for k, x in p.items()]
    yield "k1 = log 3/2, whatever is drawn", "equal", drawn, [told] * 3
    yield "E k1 = log 3/2", "equal", tree.expect(p, ratios), [told]
    yield "E Σ_t KL_t = log 3/2", "equal", tree.expect(p, sums), [told]
    varying, constant = _d_variance(p, sums), _d_variance(p, ratios)
    yield "Var Σ_t KL_t = ¼ (log 2)²", "equal", [varying], [second * second * Fraction(1, 4)]
    yield "Var k1 = 0", "equal", [constant], [Number(0)]
    yield "Var k1 ≤ Var Σ_t KL_t", "at most", [constant], [varying]


@definition("D-token-kl", "50 steps")
def _d_token_kl(c: Case) -> Iterator[Row]:
    pi, rho = c.policy(exps(c.logits)), c.policy(exps(c.table("other")))
    p, q, passing = c.products(pi), c.products(rho), c.passing(pi)
    long = c.expect(p, {(x, y): Number(len(y)) for x, y in c.replies})
    steps = c.over_places(passing, {place: Number(1) for place in c.all_places})
    sums = c.over_places(passing, c.step_kl(pi, rho))
    right = [n * s / m for n, s, m in zip(long, sums, steps, strict=True)]
    yield "KL = E|Y| · token-level KL", "equal", c.kl(p, q), right
    fair = _d_two(1, 1)
    kl = mean((x, log_ratios(fair, _d_two(1, 3))[k]) for k, x in fair.items())
    # EOS and 0 EOS, ½ each: 3/2 steps; the first step has all of KL.
    by_response = Fraction(3, 2) * (kl * Fraction(1, 2) + kl * Fraction(1, 4))
    yield "V=1, T=2: E|Y| times the mean by response = 9/8 KL", "equal", [8 * by_response], [9 * kl]
    yield "V=1, T=2: token-level KL = 2/3 KL", "equal", [kl * 3 / Fraction(3, 2)], [2 * kl]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
