"""Appendices C.1 and C.2: numbers of sequences and of parameters, and the Zipf data."""

from collections.abc import Iterator
from math import prod
from typing import Any, Final

import numpy as np

from proofs_check import reals
from proofs_check.claim import Claim, Comparison, misread
from proofs_check.derivatives import terminal
from proofs_check.exact import as_exact
from proofs_check.instances import Instance, bare
from proofs_check.mistakes import ENTROPY, KL_ALLOWED, without
from proofs_check.toolkit import Toolkit
from tabular_bellman import SequenceSpace

__all__ = ["CLAIMS"]

_SIZES: Final = ((8, 4), (4, 8))
_MODELS: Final = ((2, 16, 16), (3, 64, 64))  # layers, width D, hidden width F
# As printed: numbers of sequences, and of parameters.
_SEQUENCES: Final = (4096, 65536)
_PARAMETERS: Final = (3633, 76609)
# To four digits, as the statement has them: H and KL(ρ‖uniform).
_ZIPF: Final = {4096: (6.0664, 2.2514), 65536: (7.7214, 3.3689)}
# Euler's constant, and the first Stieltjes constant.
_EULER: Final = 0.57721566490153286
_STIELTJES: Final = -0.07281584548367673


def _numbers_alone(seed: int) -> list[Instance]:
    return [bare("(V, T) = (8, 4) and (4, 8)")]


def _n_sequences(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    for (V, T), printed in zip(_SIZES, _SEQUENCES, strict=True):
        listed = sum(1 for _ in SequenceSpace.fixed_length(V, T).responses())
        # Y of Proposition 4, of Section 1 (no bare EOS), of A.1 (that, and one token longer).
        lengths = ((1, T), (2, T), (2, T + 1))
        others = [
            sum(1 for _ in SequenceSpace(V, min_length=least, max_length=most).responses()) for least, most in lengths
        ]
        below = sum(V**t for t in range(T))
        counted = {"proposition-4": others[0], "main-text": others[1], "a1": others[2]}.get(wrong, listed)
        yield Comparison(f"V={V}, T={T}: strings of length T", as_exact(counted, counted), as_exact(V**T, printed))
        yield Comparison(f"V={V}, T={T}: the other Y", as_exact(*others), as_exact(below, below - 1, below - 1 + V**T))


def _shapes(V: int, T: int, N: int, D: int, F: int, wrong: str = "") -> list[tuple[int, ...]]:
    """Every array of weights of the energy-based Transformer, its head last."""
    norms: list[tuple[int, ...]] = [(D,), (D,)]
    attention: list[tuple[int, ...]] = [(D, D), (D,)] * 4  # queries, keys, values, output
    dense: list[tuple[int, ...]] = [(D, F), (F,), (F, D), (D,)]
    if wrong == "no-biases":
        attention, dense = attention[::2], dense[::2]
    embeddings: list[tuple[int, ...]] = [(V + 1, D), (T + 1, D)]
    if wrong == "no-bos":
        embeddings = [(V, D), (T, D)]
    final = norms if wrong == "final-norm" else []
    return [*embeddings, *[*norms, *attention, *norms, *dense] * N, *final, (D, 1), (1,)]


def _formula(V: int, T: int, N: int, D: int, F: int) -> int:
    return (V + 1) * D + (T + 1) * D + N * (4 * D + 4 * (D * D + D) + 2 * D * F + F + D) + D + 1


def _parameters(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    for (N, D, F), printed in zip(_MODELS, _PARAMETERS, strict=True):
        for V, T in _SIZES:
            what = f"V={V}, T={T}, {N} layers"
            shapes, formula = _shapes(V, T, N, D, F, wrong), _formula(V, T, N, D, F)
            listed = sum(prod(shape) for shape in shapes)
            yield Comparison(f"{what}: EBM", as_exact(listed, listed), as_exact(formula, printed))
            # The head of the autoregressive model has V outputs, not one.
            with_logits = sum(prod(shape) for shape in [*shapes[:-2], (D, V), (V,)])
            if wrong == "heads-alike":
                with_logits = listed
            yield Comparison(f"{what}: ARM", as_exact(with_logits), as_exact(formula + (V - 1) * (D + 1)))


def _overparametrised(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    for V, T in _SIZES:
        free = len(list(SequenceSpace.fixed_length(V, T).responses())) - 1
        smaller, larger = (_formula(V, T, *model) for model in _MODELS)
        if wrong == "same-width":
            larger = _formula(V, T, 3, 16, 16)
        if wrong == "per-step":
            free = V - 1
        if wrong == "per-prefix-and-token":
            free = sum(V ** (t + 1) for t in range(T))
        yield Comparison(f"V={V}, T={T}: 2 layers are fewer", as_exact(smaller + 1), as_exact(free), "at most")
        yield Comparison(f"V={V}, T={T}: 3 layers are more", as_exact(free + 1), as_exact(larger), "at most")


def _sums(kit: Toolkit[Any], n: int) -> tuple[Any, Any]:
    """Σ 1/i and Σ log(i)/i up to n by Euler and Maclaurin; for these n what is left out is below 1e-20."""
    x = kit.number(np.array([float(n)]))
    log, square = reals.log(x), x * x
    harmonic = log + kit.number(_EULER) + 0.5 / x - 1.0 / (12.0 * square) + 1.0 / (120.0 * square * square)
    third = (11.0 - 6.0 * log) / (square * square)
    logs = log * log / 2.0 + kit.number(_STIELTJES) + log / (2.0 * x) + (1.0 - log) / (12.0 * square)
    return harmonic, logs - third / 720.0


def _zipf(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    for (V, T), (n, printed) in zip(_SIZES, _ZIPF.items(), strict=True):
        ranks = np.arange(1.0, n + 1.0)
        weights = 1.0 / kit.number(ranks**2 if wrong == "squared" else ranks)
        p = weights / weights.sum(0)
        log_p = reals.log(p)
        log_n = reals.log(kit.number(np.array([float(n)])))
        entropy = -reals.total(p * log_p)
        from_uniform = reals.total(p * (log_p + log_n))
        if wrong == "reversed":
            from_uniform = -reals.total(log_p + log_n) / float(n)
        if wrong == "bits":
            entropy = entropy / reals.log(kit.number(np.array([2.0])))
        harmonic, logs = _sums(kit, n)
        formula = reals.log(harmonic) + logs / harmonic
        almost, half = kit.number(np.array([1e-12])), kit.number(np.array([5e-5]))
        yield Comparison(f"n={n}: H, added up, to 12 digits", abs(entropy - formula), almost, "at most")
        divergence = log_n - formula
        yield Comparison(
            f"n={n}: KL(ρ‖uniform), added up, to 12 digits", abs(from_uniform - divergence), almost, "at most"
        )
        for what, number, digits in zip(("H", "KL"), (entropy, from_uniform), printed, strict=True):
            yield Comparison(f"n={n}: {what} to four digits", abs(number - digits), half, "at most")
        # As a model: log 1/i at the last step of the i-th string.
        space = SequenceSpace.fixed_length(V, T)
        log_weights = kit.carrier(-reals.log(kit.number(ranks)).reshape((n, 1)))
        logits, _ = kit.soft_bellman(space, terminal(kit, space, log_weights), 1.0)
        uniform = [kit.system.ones(level.shape) for level in logits]
        yield Comparison(f"n={n}: H of the model", kit.entropy(space, logits), entropy)
        yield Comparison(f"n={n}: KL of the model", kit.kl(space, logits, uniform), from_uniform)


CLAIMS: Final = (
    Claim(
        id="C-nseq",
        place="Appendix C.1",
        statement="|Y| = V^T: 4096 for (V,T) = (8,4), 65536 for (4,8)",
        latex=r"|Y| = V^T = 4096 \text{ for } (V, T) = (8, 4), \quad 65536 \text{ for } (V, T) = (4, 8)",
        hypotheses="strings of T tokens, without EOS, one prompt; none of the three Y with EOS has these numbers",
        routes=("strings listed one by one", "V^T, and the number printed"),
        body=_n_sequences,
        misreadings=misread(
            _n_sequences,
            ("nseq-proposition-4", "Y of Proposition 4: 585 and 21845", "proposition-4"),
            ("nseq-main-text", "Y of Section 1: 584 and 21844", "main-text"),
            ("nseq-a1", "Y of A.1: 4680 and 87380", "a1"),
        ),
        errata=("E1", "E26"),
        own=_numbers_alone,
    ),
    Claim(
        id="C-params",
        place="Appendix C.2",
        statement="EBM parameters: 3633 (N=2, D=F=16), 76609 (N=3, D=F=64); ARM: + (V-1)(D+1)",
        latex=r"\#\mathrm{EBM} = (V+1)D + (T+1)D + N(4D + 4(D^2+D) + 2DF + F + D) + D + 1 = 3633 \text{ for } N "
        r"= 2, \; D = F = 16, \quad = 76609 \text{ for } N = 3, \; D = F = 64; \quad "
        r"\#\mathrm{ARM} = \#\mathrm{EBM} + (V-1)(D+1)",
        hypotheses="rows for BOS; layer norms with scale and bias, all biases, no final norm; V + T = 12",
        routes=("every array of weights listed with its shape", "the formula, and the number printed"),
        body=_parameters,
        misreadings=misread(
            _parameters,
            ("params-no-bos", "no rows for BOS, as the code is printed: 3601 and 76481", "no-bos"),
            ("params-final-norm", "a norm after the last layer", "final-norm"),
            ("params-no-biases", "dense layers without biases", "no-biases"),
            ("params-heads-alike", "the autoregressive model has as many", "heads-alike"),
        ),
        errata=("E17", "E26"),
        own=_numbers_alone,
    ),
    Claim(
        id="C-overparam",
        place="Appendix C.2",
        statement="2 layers: fewer parameters than V^T - 1; 3 layers: more",
        latex=r"\text{2 layers: } 3633 < V^T - 1, \quad \text{3 layers: } 76609 > V^T - 1",
        hypotheses="against the degrees of freedom of one distribution over V^T strings",
        routes=("the formula of C-params", "strings listed one by one, less one"),
        body=_overparametrised,
        misreadings=misread(
            _overparametrised,
            ("overparam-same-width", "three layers of the width of the two", "same-width"),
            ("overparam-one-step", "against the degrees of freedom of one step, V - 1", "per-step"),
            ("overparam-all-logits", "against all logits, gauge and all: 87380 for (4,8)", "per-prefix-and-token"),
        ),
        own=_numbers_alone,
    ),
    Claim(
        id="C-zipf",
        place="Appendix C.2 (the exponent is not printed; 1 here)",
        statement="ρ_i ∝ 1/i: H = 6.0664, KL(ρ‖uniform) = 2.2514 (n=4096); 7.7214, 3.3689 (65536)",
        latex=r"\rho_i \propto 1/i:\quad H = \log h + \frac{1}{h} \sum_{i \le n} \frac{\log i}{i}, \; "
        r"h = \sum_{i \le n} \frac{1}{i}, \; \mathrm{KL}(\rho, \text{uniform}) = \log n - H; \quad 6.0664, \; "
        r"2.2514 \text{ for } n = 4096; \quad 7.7214, \; 3.3689 \text{ for } n = 65536",
        hypotheses="one prompt; the order of the strings does not matter here",
        routes=(
            "added up term by term",
            "log H_n + Σ log(i)/i / H_n, the sums by Euler and Maclaurin",
            "entropy and KL of the model M(terminal log ρ)",
        ),
        body=_zipf,
        mistakes=(*without(ENTROPY, "entropy-zero-times-infinity"), *KL_ALLOWED),
        misreadings=misread(
            _zipf,
            ("zipf-squared", "exponent 2", "squared"),
            ("zipf-reversed", "KL(uniform‖ρ)", "reversed"),
            ("zipf-bits", "the entropy in bits", "bits"),
        ),
        own=_numbers_alone,
    ),
)
