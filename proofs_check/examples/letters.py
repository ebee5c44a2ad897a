"""A letter-bigram reference model and a verifier: the optimum of KL-regularised alignment, exactly.

The reference model is fitted on a famous speech; the verifier pays 1 for a string that is a word of the speech.
The optimum of E R - τ KL(p‖p_ref) is p ∝ p_ref exp(R/τ) (eq. (2)): the lower the temperature τ, the more words, and
the further from the reference.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from tabular_bellman import AutoregressiveModel, EnergyBasedModel, SequenceSpace, StateActionTable, kl_divergence
from tabular_bellman.tokens import EOS, Prefix, Prompt, Response, Token

__all__ = ["letters_space", "reference_model", "reward", "story", "verifier"]

# Abraham Lincoln, Gettysburg, 19 November 1863 (public domain).
_SPEECH = """
Four score and seven years ago our fathers brought forth on this continent, a new nation, conceived in Liberty, and
dedicated to the proposition that all men are created equal.
Now we are engaged in a great civil war, testing whether that nation, or any nation so conceived and so dedicated, can
long endure. We are met on a great battle-field of that war. We have come to dedicate a portion of that field, as a
final resting place for those who here gave their lives that that nation might live. It is altogether fitting and
proper that we should do this.
But, in a larger sense, we can not dedicate -- we can not consecrate -- we can not hallow -- this ground. The brave
men, living and dead, who struggled here, have consecrated it, far above our poor power to add or detract. The world
will little note, nor long remember what we say here, but it can never forget what they did here. It is for us the
living, rather, to be dedicated here to the unfinished work which they who fought here have thus far so nobly
advanced. It is rather for us to be here dedicated to the great task remaining before us -- that from these honored
dead we take increased devotion to that cause for which they gave the last full measure of devotion -- that we here
highly resolve that these dead shall not have died in vain -- that this nation, under God, shall have a new birth of
freedom -- and that government of the people, by the people, for the people, shall not perish from the earth.
"""
_WORDS = re.findall("[a-z]+", _SPEECH.lower())
_LEXICON = frozenset(_WORDS)
_START, _END = "^", "$"
_BIGRAMS = Counter(pair for word in _WORDS for pair in zip(_START + word, word + _END, strict=True))
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def letters_space(max_letters: int = 3) -> SequenceSpace:
    """Return the space of all strings of up to `max_letters` letters."""
    return SequenceSpace(_LETTERS, max_length=max_letters + 1)


def reference_model(space: SequenceSpace) -> AutoregressiveModel:
    """Return the letter-bigram model of the speech, with half a count added to each pair of letters."""

    def next_letter_logits(_: Prompt, prefixes: list[Prefix]) -> np.ndarray:
        rows = {last: [_count(last, letter) for letter in (*_LETTERS, _END)] for last in _START + _LETTERS}
        return np.log([rows[str(prefix[-1]) if prefix else _START] for prefix in prefixes])

    return AutoregressiveModel(StateActionTable.from_next_token_logits(space, next_letter_logits))


def _count(last: str, following: str) -> float:
    return _BIGRAMS[last, following] + 0.5


def verifier(response: Response) -> float:
    """Return 1 if the letters spell a word of the speech, else 0."""
    return float("".join(map(str, response[:-1])) in _LEXICON)


def reward(prompt: Prompt, prefix: Prefix, action: Token) -> float:  # noqa: ARG001 - the signature of every reward
    """Return log p_ref(action | prefix), and at EOS the verifier's reward besides: a stepwise reward.

    ``proofs-check run --stepwise --rewards proofs_check.examples.letters:reward --vocab a,b,…,z --max-length 4``
    runs the claims on it.
    """
    last = str(prefix[-1]) if prefix else _START
    total = sum(_count(last, letter) for letter in (*_LETTERS, _END))
    step = math.log(_count(last, _END if action is EOS else str(action)) / total)
    return step + verifier((*prefix, EOS)) if action is EOS else step


def story(temperatures: tuple[float, ...] = (1.0, 0.1)) -> Iterator[str]:
    """Yield the lines of the demo; every number is computed here."""
    space = letters_space()
    reference = reference_model(space)
    pays = np.array([verifier(y) for y in space.responses()])
    rewards = StateActionTable.from_responses(space, pays)
    cut_off = reference.logits.cut_off
    assert cut_off is not None

    yield f"Strings of up to 3 letters, {space.n_responses:,} of them."
    yield "Reference: the letter bigrams of the Gettysburg Address. It would have written"
    yield f"more than 3 letters with probability {cut_off[0]:.3f}; here it must stop."
    yield "Verifier: 1 for a word of the speech, else 0."
    yield "Optimum of E R - τ KL(p‖p_ref): p ∝ p_ref exp(R/τ)."
    yield ""
    yield f"  {'':10} {'E R = P(word)':>14} {'entropy':>9} {'KL from reference':>18}   mode"
    yield _row("reference", reference, reference, pays)
    for temperature in temperatures:
        model = EnergyBasedModel(rewards, temperature).with_reference(reference)
        yield _row(f"τ = {temperature:g}", model, reference, pays)
    yield ""
    yield "Entropy and KL in nats, over whole strings, by enumeration."


def _row(
    name: str, model: EnergyBasedModel | AutoregressiveModel, reference: AutoregressiveModel, pays: np.ndarray
) -> str:
    word = "".join(str(token) for token in model.mode()[:-1])
    expected = float(model.probabilities()[0] @ pays)
    kl = kl_divergence(model, reference)
    return f"  {name:10} {expected:14.4f} {model.entropy():9.4f} {kl:18.4f}   {word!r}"
