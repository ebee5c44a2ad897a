"""Sections 1 and 2.2: which responses, prompts and states there are."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import numpy as np

from proofs_check.claim import Claim, Comparison, misread
from proofs_check.exact import as_exact
from proofs_check.instances import SMALL, WITH_EOS, Instance, bare
from proofs_check.mistakes import ARM, POLICY, without
from proofs_check.toolkit import Toolkit
from tabular_bellman import EOS, SequenceSpace, StateActionTable

__all__ = ["CLAIMS"]


def _strings(space: SequenceSpace, first: int, last: int) -> list[tuple[Any, ...]]:
    """⋃ V^t over t = first, …, last."""
    return [tokens for t in range(first, last + 1) for tokens in product(space.vocab, repeat=t)]


def _response_sets(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, logits = instance.space, kit.logits(instance)
    V, T = space.n_tokens, space.max_length
    sets = {
        "Proposition 4": [(*y, EOS) for t in range(1, T + 1) for y in product(space.vocab, repeat=t - 1)],
        "Section 1": [(*y, EOS) for y in _strings(space, 1, T - 1)],
        "A.1": [(*y, EOS) for y in _strings(space, 1, T)],
    }
    p = kit.real(kit.arm_log_probs(space, logits))
    place = {y: i for i, y in enumerate(space.responses())}
    root = kit.real(kit.policy(space, logits)[0])
    eos = root[root.shape[0] - 1 :] if EOS in space.actions(0) else root[:0]
    one = kit.number(np.ones(space.n_prompts))
    for name, members in sets.items():
        # What is no response of the space takes a step of probability 0.
        mass = p[np.array([place[y] for y in members if y in place], dtype=np.intp)].sum(0)
        whole = name == "Proposition 4" or name == wrong
        yield Comparison(f"mass of {name}'s Y", mass, one if whole else one - eos.sum(0))
    powers = [V**t for t in range(T + 1)]
    expected = as_exact(sum(powers[:T]), sum(powers[1:T]), sum(powers[1:]))
    yield Comparison("number of responses in each", as_exact(*(len(set(y)) for y in sets.values())), expected)


def _states(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space = instance.space
    V, T, P = space.n_tokens, space.max_length, space.n_prompts
    prompts: list[Any] = list(space.prompts)
    U = max(len(prompt) for prompt in prompts)  # BOS counts
    pairs: set[tuple[Any, Any]] = {pair for t in range(T) for pair in space.prefixes(t)}
    strings = {(*x, *y) for x, y in pairs}
    printed = {("BOS", *y) for y in _strings(space, 1, U + T - 2)}
    shifted = {(x, y) for x in prompts for y in _strings(space, 1, T)}
    n_responses = len(set(space.responses()))
    states = {"strings": len(strings), "A.1": len(shifted)}.get(wrong, len(pairs))
    edges = {"all": P * n_responses * (V + 1), "two": 2 * P * n_responses}.get(wrong, P * (2 * n_responses - 1))
    counted = sum(len(space.actions(len(y))) for _, y in pairs)
    yield Comparison("states (x, y_<t) = |X||Y|", as_exact(states), as_exact(P * n_responses))
    yield Comparison("edges = |X|(2|Y| - 1)", as_exact(counted), as_exact(edges))
    yield Comparison("the library's own counts", as_exact(space.n_prefixes, space.n_pairs), as_exact(states, edges))
    # As strings, states of prompts of different lengths coincide, and what is left is Section 2.2's S.
    merged = len(pairs) if wrong == "apart" else sum(V**t for t in range(1, U + T - 1))
    yield Comparison("states as strings = Section 2.2's S", as_exact(len(strings ^ printed)), as_exact(0))
    yield Comparison("states as strings: how many", as_exact(len(strings)), as_exact(merged))
    fewer = len(strings) + (U > 2 and T > 1)
    yield Comparison("states as strings: fewer", as_exact(fewer), as_exact(len(pairs)), "at most")
    off = 0 if wrong == "A.1" else P * (1 + V**T)
    yield Comparison("A.1's S: without x, and V^T too many", as_exact(len(pairs ^ shifted)), as_exact(off))


def _states_own(_: int) -> list[Instance]:
    found = []
    for V, U, T in ((1, 2, 1), (1, 3, 2), (1, 3, 3), (2, 2, 2), (2, 3, 2), (2, 3, 3), (3, 3, 3)):
        prompts = [("BOS", *x) for t in range(1, U) for x in product(range(V), repeat=t)]  # Section 1's X
        space = SequenceSpace(V, max_length=T, prompts=prompts)
        found.append(Instance(f"V={V}, T={T}, prompts of up to {U - 1} tokens", StateActionTable.zeros(space)))
    return found


def _prompts(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    first = 1 if wrong == "printed" else 0
    for V, U in product((1, 2, 3), (1, 2, 3, 4)):
        last = U if wrong == "too long" else U - 1
        ours = {("BOS", *x) for t in range(first, last + 1) for x in product(range(V), repeat=t)}
        printed = {("BOS", *x) for t in range(1, U) for x in product(range(V), repeat=t)}
        # V^0 + … + V^(U-1), by counting in base V.
        size = U if V == 1 else (V**U - 1) // (V - 1)
        yield Comparison(f"|X|, V={V}, U={U}", as_exact(len(ours)), as_exact(V ** (U - 1) if wrong == "one" else size))
        missing = as_exact(len(ours - printed), int(("BOS",) in ours - printed), len(printed - ours))
        yield Comparison(f"what Section 1 leaves out, V={V}, U={U}", missing, as_exact(1, 1, 0))


CLAIMS: Final = (
    Claim(
        id="N-Y",
        place="Section 1, Appendix A.1, Proposition 4",
        statement="p_q has mass 1 on ⋃_{τ=1..T} V^{τ-1}×{EOS}, 1 - π(EOS|x) without τ = 1",
        latex=r"p_q\Big(\bigcup_{\tau=1}^{T} \mathcal{V}^{\tau-1} \times \{\mathrm{EOS}\}\Big) = 1, \quad "
        r"p_q\Big(\bigcup_{t=1}^{T-1} \mathcal{V}^{t} \times \{\mathrm{EOS}\}\Big) "
        r"= p_q\Big(\bigcup_{t=1}^{T} \mathcal{V}^{t} \times \{\mathrm{EOS}\}\Big) = 1 - \pi(\mathrm{EOS} \mid x)",
        hypotheses="π(EOS|s_T) = 1; what is no path of the tree has probability 0",
        routes=("the sets, written out literally, and p_q added up over each", "1, and 1 - π(EOS|x) at the root"),
        body=_response_sets,
        # A softmax that leaves EOS out of the tokens' sum leaves π(EOS|x) as it is.
        mistakes=(*ARM, *without(POLICY, "policy-without-eos")),
        misreadings=misread(
            _response_sets,
            ("responses-of-section-1", "p_q has mass 1 on Section 1's Y", "Section 1"),
            ("responses-of-a1", "p_q has mass 1 on A.1's Y", "A.1"),
        ),
        errata=("E1", "E11"),
        scope=SMALL & WITH_EOS,
    ),
    Claim(
        id="N-S",
        place="Section 2.2, Appendix A.1",
        statement="states (x, y_<t): |S| = |X||Y|, |E| = |X|(2|Y| - 1); as strings, some merge",
        latex=r"S = \{(x, y_{<t})\}:\quad |S| = |X||Y|, \quad |E| = |X|(2|Y| - 1), \quad "
        r"|\{x \oplus y_{<t}\}| < |S| \text{ from } U = 3, \; T = 2 \text{ on}",
        hypotheses="t = 1..T; prompts of 1 to U-1 tokens after BOS (Section 1); strings merge from U = 3, T = 2 on",
        routes=("pairs, strings and the printed sets, written out", "|Y| counted, and the space's closed forms"),
        body=_states,
        misreadings=misread(
            _states,
            ("states-as-strings", "a state is the string x⊕y_<t (Section 2.2)", "strings"),
            ("states-of-a1", "t runs from 1 to T in X × V^t (A.1)", "A.1"),
            ("states-all-actions", "every action at every state: q, r over S × A", "all"),
            ("states-two-edges-each", "|E| = 2|S|", "two"),
            ("states-strings-apart", "states as strings do not coincide", "apart"),
        ),
        errata=(
            "E3",
            "E4",
            "E11",
            "E12",
        ),
        own=_states_own,
    ),
    Claim(
        id="N-X",
        place="Section 1",
        statement="X = {BOS}×⋃_{0..U-1} V^t: |X| = Σ_{t<U} V^t; from t = 1 it lacks x = BOS",
        latex=r"X = \{\mathrm{BOS}\} \times \bigcup_{t=0}^{U-1} \mathcal{V}^t, \quad |X| = \sum_{t<U} V^t, \quad "
        r"\text{from } t = 1 \text{ on it lacks } x = \mathrm{BOS}",
        hypotheses="U ≥ 1",
        routes=("the set, written out", "(V^U - 1)/(V - 1), and the printed set with BOS added"),
        body=_prompts,
        misreadings=misread(
            _prompts,
            ("prompts-printed", "the union starts at t = 1", "printed"),
            ("prompts-too-long", "prompts have up to U tokens after BOS", "too long"),
            ("prompts-of-one-length", "|X| = V^(U-1)", "one"),
        ),
        errata=("E12",),
        own=lambda _: [bare("V ≤ 3, U ≤ 4")],
    ),
)
