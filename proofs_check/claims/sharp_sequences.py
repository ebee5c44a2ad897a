"""Beyond the paper: how far apart two autoregressive models can be. What Proposition 3 has 2T for is sharpened here."""

from collections.abc import Iterator
from functools import reduce
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.claim import FORCED, Claim, Comparison, misread
from proofs_check.extremal import (
    LEAST,
    attaining,
    close_pairs,
    distances,
    expected,
    kappa_of,
    largest,
    sharp_odds,
    spans,
    step_kls,
)
from proofs_check.instances import EQUAL_LENGTHS, MODEST, WITH_EOS, Instance, Scope, bare
from proofs_check.mistakes import KAPPA, KL, KL_ALLOWED, PASSING, POLICY, without
from proofs_check.toolkit import Toolkit
from tabular_bellman import SequenceSpace

__all__ = ["CLAIMS"]

_ONE_TOKEN: Final = Scope("one token", lambda i: i.space.n_tokens == 1)


def _chain(kit: Toolkit[Any], instance: Instance, wrong: str, free: float) -> Iterator[Comparison]:
    """KL = Σ_s P(s) KL_s ≤ Σ_s P(s) κ(span_s/2) ≤ free·κ(ε), in both directions."""
    space, tables = instance.space, (kit.logits(instance), kit.other(instance))
    most = free * kappa_of(kit, largest(space, distances(kit, instance.live, *tables)))
    directions = (("KL(p‖q)", *tables), ("KL(q‖p)", *tables[::-1]))
    for name, f, g in directions:
        yield Comparison(f"{name} ≤ free steps · κ(ε)", kit.kl(space, f, g), most, "at most")
    widths = [0.5 * width for width in spans(kit, instance.live, *tables)]
    alone = [live.sum(axis=0) <= 1 for live in instance.live]
    steps = [
        reals.where(one, kit.number(np.zeros(one.shape)), kappa_of(kit, width))
        for one, width in zip(alone, widths, strict=True)
    ]
    for name, f, g in directions:
        passing = kit.passing(space, g if wrong.endswith("-other-prefixes") else f)
        kls = step_kls(kit, space, f, g)
        if wrong == "sequence-steps-unweighted":
            passing = [kit.system.ones(level.shape) for level in passing]
        whole, weighted = kit.kl(space, f, g), expected(kit, space, passing, steps)
        yield Comparison(f"{name} ≤ Σ_s P(s) κ(span_s/2)", whole, weighted, "at most")
        yield Comparison(f"{name} = Σ_s P(s) KL_s", whole, expected(kit, space, passing, kls))
        yield Comparison(f"{name}: Σ_s P(s) κ(span_s/2) ≤ free steps · κ(ε)", weighted, most, "at most")


def _sequence(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    def free(T: int) -> float:
        return {"sequence-one-step": min(1.0, T - 1.0), "sequence-T-minus-2": max(T - 2.0, 0.0)}.get(wrong, T - 1.0)

    yield from _chain(kit, instance, wrong, free(instance.space.max_length))
    if instance.second is not None:
        return
    # A pair that loses κ(ε) at each step but the last: all of it where T = 2, nearly all where EOS is rare.
    for T, epsilon, eos in ((2, 1.0, -2.0), (3, 4.0, -2.0), (4, 1.0, -20.0)):
        space = SequenceSpace(2, max_length=T)
        f, g, _ = attaining(kit, space, epsilon, eos)
        going_on = 1.0 - kit.real(kit.policy(space, f)[0][-1])
        kappa, steps = kit.kappa(kit.number([epsilon])), kit.number([0.0])
        for _ in range(T - 1):
            steps = 1.0 + going_on * steps
        reached = kit.kl(space, f, g)
        yield Comparison(f"T={T}, ε={epsilon:g}, EOS at {eos:g}: KL = κ(ε) Σ_t (1-π(EOS))^t", reached, kappa * steps)
        yield Comparison(f"T={T}, ε={epsilon:g}, EOS at {eos:g}: KL ≤ (T-1) κ(ε)", reached, free(T) * kappa, "at most")


def _fixed_length(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    def free(n: int) -> float:
        return {"fixed-length-one-step": 1.0, "fixed-length-n-minus-1": n - 1.0}.get(wrong, float(n))

    yield from _chain(kit, instance, wrong, free(instance.space.max_length))
    for n, V, epsilon in ((1, 2, 1.0), (2, 2, 2.0), (3, 2, 0.5), (2, 3, 8.0)):
        space = SequenceSpace.fixed_length(V, n)
        f, g, _ = attaining(kit, space, epsilon)
        kappa = kit.kappa(kit.number([epsilon]))
        yield Comparison(f"n={n}, V={V}, ε={epsilon:g}: KL = n κ(ε)", kit.kl(space, f, g), free(n) * kappa)


# -- one token ---------------------------------------------------------------------------------------------------------


def _longer(epsilon: Any, below: Any) -> Any:
    """D_n from D_{n-1}: the largest over the chance a of going on, of the loss here and a·D_{n-1}.

    The chance is taken near its best; where it is a little off, that costs the square of a rounding error.
    """
    minus = reals.exp(-2.0 * epsilon)
    ending = reals.chosen(1.0 / (2.0 * epsilon + below) - minus / (1.0 - minus))
    return _loss(epsilon, 1.0 - ending, ending) + (1.0 - ending) * below


def _loss(epsilon: Any, chance: Any, ending: Any) -> Any:
    """KL where f - g is +ε with this chance under f, and -ε otherwise, with chance `ending`."""
    return 2.0 * epsilon * chance + reals.log(ending + chance * reals.exp(-2.0 * epsilon))


def _one_token(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, f, g = instance.space, kit.logits(instance), kit.other(instance)
    largest_distance = largest(space, distances(kit, instance.live, f, g))
    epsilon = reals.maximum(largest_distance, kit.number(LEAST))
    most = reduce(lambda below, _: _longer(epsilon, below), range(space.max_length - 1), 0.0 * epsilon)
    yield Comparison("KL(p‖q) ≤ D_{T-1}(ε)", kit.kl(space, f, g), most, "at most")
    yield Comparison("KL(q‖p) ≤ D_{T-1}(ε)", kit.kl(space, g, f), most, "at most")

    chances = np.arange(1, 32)[:, None] / 32.0
    sizes = np.array([0.5, 1.0, 2.0])
    epsilon = kit.number(sizes)
    minus, limit = reals.exp(-2.0 * epsilon), reals.exp(2.0 * epsilon) - 1.0 - 2.0 * epsilon
    kappa, below, found = kit.kappa(epsilon), 0.0 * epsilon, []
    for n in range(1, 6):
        total = 2.0 * epsilon + below
        # In closed form: 2 sinh ε = e^ε (1 - e^(-2ε)).
        closed = total / (1.0 - minus) - 1.0 + reals.log(1.0 - minus) - reals.log(total)
        going_on = _loss(epsilon, chances, 1.0 - chances) + chances * below
        if wrong == "one-token-without-going-on":
            closed = 2.0 * epsilon / (1.0 - minus) - 1.0 + reals.log(1.0 - minus) - reals.log(2.0 * epsilon)
        if wrong == "one-token-certain":
            closed = kappa + below
        value = _longer(epsilon, below)
        yield Comparison(f"D_{n} in closed form", closed, value)
        yield Comparison(f"D_{n} at other chances of going on", going_on, value + 0.0 * chances, "at most")
        ending = _loss(epsilon, chances, 1.0 - chances) + (1.0 - chances) * below
        yield Comparison(f"D_{n} where EOS has +ε", ending, value + 0.0 * chances, "at most")
        yield Comparison(f"D_{n} ≤ n κ(ε)", value, float(n) * kappa, "at most")
        yield Comparison(f"D_{n} ≤ e^(2ε) - 1 - 2ε", value, limit, "at most")
        below = value
        found.append(value)
    yield Comparison("D_1 = κ", found[0], kappa)
    yield Comparison("e^(2ε) - 1 - 2ε stays as it is", _longer(epsilon, limit), limit)
    # Attained: the chances of going on, from the root.
    for number, size in enumerate(sizes):
        for n in (1, 3, 5):
            one = SequenceSpace(1, max_length=n + 1)
            mine, theirs = _attaining_one_token(kit, one, float(size))
            reached = kit.kl(one, mine, theirs)
            exact = found[n - 1] if wrong != "one-token-all-steps" else float(n) * kappa
            yield Comparison(f"T={n + 1}, ε={size:g}: KL = D_{n}", reached, exact[number : number + 1])
    at_one = reals.concatenate([value[1:2] for value in found])
    stated = np.array([0.474475, 0.810332, 1.071482, 1.284650, 1.464082])
    yield Comparison(
        "D_1 to D_5 at ε = 1, to 6 decimals", abs(at_one - stated), kit.number(np.full(5, 5e-7)), "at most"
    )


def _attaining_one_token(kit: Toolkit[Any], space: SequenceSpace, epsilon: float) -> tuple[list[Any], list[Any]]:
    """Logits (f, g), ε apart, that lose D_{T-1} in all: going on has +ε, EOS -ε."""
    nothing, one = kit.number([0.0]), kit.system.ones((1, 1))
    below, f, g = nothing, [one], [kit.carrier(kit.log(one) - epsilon)]
    for _ in range(space.max_length - 1):
        logits = reals.concatenate([sharp_odds(kit, epsilon, below), nothing]).reshape((2, 1))
        f.append(kit.carrier(logits))
        g.append(kit.carrier(logits - epsilon * np.array([[1.0], [-1.0]])))
        below = _longer(kit.number([epsilon]), below)
    return f[::-1], g[::-1]


# -- the paper's bound against the sharp one ---------------------------------------------------------------------------


def _ratio(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    grid = kit.number(np.array([0.125, 0.5, 1.0, 2.0, 4.0, 16.0]))
    kappa = kit.kappa(grid)
    least = (6.0 if wrong == "ratio-six-over-epsilon" else 4.0) / grid
    yield Comparison("4/ε ≤ 2ε/κ(ε)", least, 2.0 * grid / kappa, "at most")
    one = kit.kappa(kit.number([1.0]))
    for T, stated in ((2, 8.4), (3, 6.3)):
        steps = float(T if wrong == "ratio-without-the-forced-step" else T - 1)
        ratio = (1.0 if wrong == "ratio-half" else 2.0) * T / (steps * one)
        yield Comparison(
            f"2Tε/((T-1)κ(ε)) at ε = 1, T = {T}, is {stated}", abs(ratio - stated), kit.number([0.05]), "at most"
        )
        space = SequenceSpace(2, max_length=T)
        f, g, _ = attaining(kit, space, 1.0, eos=-40.0)
        reached = 2.0 * T / kit.kl(space, f, g)
        # At T = 3, EOS at the first step (exp(-40)) takes a little.
        off = abs(reached - ratio)
        yield Comparison(f"the same of a pair that attains it, T = {T}", off, kit.number([1e-12]), "at most")


CLAIMS: Final = (
    Claim(
        id="K-sequence",
        place="beyond the paper (Proposition 3, sharp)",
        statement="KL(p‖q) = Σ_s P(s) KL_s ≤ Σ_s P(s) κ(span_s/2) ≤ (T-1) κ(ε), ε = max |f-g|",
        latex=r"\mathrm{KL}(p_f, p_g) = \sum_s P_f(s)\, \mathrm{KL}_s "
        r"\le \sum_s P_f(s)\, \kappa(\tfrac12 \operatorname{span}_s (f-g)) \le (T-1)\, \kappa(\varepsilon), \quad "
        r"\varepsilon = \|f - g\|_\infty",
        hypotheses=f"{FORCED}; either direction. Attained at T = 2, approached as π(EOS) → 0 (V ≥ 2)",
        routes=(
            "KL of whole responses, by enumeration; of pairs that lose κ(ε) at each free step",
            "KL and κ at every prefix, weighted by the chance of passing there",
        ),
        body=_sequence,
        mistakes=(*KAPPA, *KL, *POLICY, *PASSING),
        misreadings=misread(
            _sequence,
            ("sequence-steps-unweighted", "every prefix counts the same"),
            ("sequence-other-prefixes", "prefixes are drawn from the second model"),
            ("sequence-one-step", "κ(ε) for the whole response"),
            ("sequence-T-minus-2", "T - 2 free steps"),
        ),
        scope=WITH_EOS & MODEST,
        certified_on=close_pairs,
        errata=("E19",),
    ),
    Claim(
        id="K-fixed-length",
        place="beyond the paper (Proposition 3, sharp)",
        statement="KL(p‖q) ≤ n κ(ε) for responses of n tokens without EOS, attained",
        latex=r"\mathrm{KL}(p_f, p_g) \le n\, \kappa(\varepsilon) \text{ on } \mathcal{V}^n, \text{ attained}, \quad "
        r"\varepsilon = \|f - g\|_\infty",
        hypotheses="responses of n tokens, no EOS, two tokens or more; either direction",
        routes=("KL of whole responses, by enumeration; of pairs that attain the bound", "κ of the largest distance"),
        body=_fixed_length,
        # Without EOS these are right: every response gets as far.
        mistakes=(
            *KAPPA,
            *KL_ALLOWED,
            *without(POLICY, "policy-without-eos", "never-empty"),
            *without(PASSING, "passing-given-length"),
        ),
        misreadings=misread(
            _fixed_length,
            ("fixed-length-one-step", "κ(ε) for the whole response"),
            ("fixed-length-n-minus-1", "n - 1 free steps, as with EOS"),
            ("fixed-length-other-prefixes", "prefixes are drawn from the second model"),
        ),
        scope=EQUAL_LENGTHS,
        errata=("E19",),
    ),
    Claim(
        id="K-one-token",
        place="beyond the paper (Proposition 3, sharp)",
        statement="V=1: max KL = D_{T-1}, D_n = max_a KL_a + a D_{n-1}, D_n ≤ e^{2ε} - 1 - 2ε",
        latex=r"V = 1:\quad \max \mathrm{KL} = D_{T-1}, \quad "
        r"D_n = \max_a \bigl[\varepsilon(2a-1) + \log(a e^{-\varepsilon} + (1-a) e^{\varepsilon}) + a D_{n-1}\bigr] "
        r"\le e^{2\varepsilon} - 1 - 2\varepsilon",
        hypotheses="one token and EOS; a is the chance of going on; either direction",
        routes=(
            "KL of whole responses, by enumeration; of pairs built from the root down",
            "the recursion, at its best chance, in closed form, and at other chances",
        ),
        body=_one_token,
        mistakes=(*KAPPA, *KL_ALLOWED),
        misreadings=misread(
            _one_token,
            ("one-token-without-going-on", "D_n counts one step alone"),
            ("one-token-certain", "D_n = κ + D_{n-1}: going on is certain"),
            ("one-token-all-steps", "n κ(ε) is attained"),
        ),
        scope=_ONE_TOKEN,
    ),
    Claim(
        id="K-ratio",
        place="beyond the paper",
        statement="2Tε / ((T-1) κ(ε)) = 8.4 (T=2), 6.3 (T=3) at ε = 1; at least 4/ε at any T",
        latex=r"\frac{2T\varepsilon}{(T-1)\,\kappa(\varepsilon)} \ge \frac{4}{\varepsilon} \text{ at any } T, \quad "
        r"\approx 8.4 \; (T = 2), \; 6.3 \; (T = 3) \text{ at } \varepsilon = 1",
        hypotheses="ε > 0, V ≥ 2",
        routes=("the two bounds", "the paper's bound, over KL of pairs that attain the sharp one"),
        body=_ratio,
        mistakes=(
            *KAPPA,
            *without(KL_ALLOWED, "kl-without-last-step"),
        ),  # the last step is forced, or as good as never taken
        misreadings=misread(
            _ratio,
            ("ratio-six-over-epsilon", "at least 6/ε"),
            ("ratio-without-the-forced-step", "T κ(ε) for (T-1) κ(ε)"),
            ("ratio-half", "Tε for 2Tε"),
        ),
        own=lambda _: [bare("numbers ε")],
    ),
)
