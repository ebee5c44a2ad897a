"""The mistakes that an exploring page offers, in the groups and the order in which a lesson would take them.

The registry keeps mistakes by the function that they replace; who looks for one thinks of what it gets wrong.
"""

from typing import Any, Final

from proofs_check.mistakes import MISTAKES, OF_TEMPERATURE

__all__ = ["MISTAKE_GROUPS", "SHOWN_MISTAKES", "offered"]

MISTAKE_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Values": (
        "hard-max",
        "rewards-as-logits",
        "one-step-lookahead",
        "expected-value",
        "log-mean-exp",
        "wrong-sign",
        "mask-1e9",
    ),
    "EOS and the last step": (
        "eos-left-out",
        "eos-goes-on",
        "eos-outside-softmax",
        "last-step-for-free",
        "last-step-dropped",
        "horizon-one-short",
    ),
    "Temperature": (
        "lost-temperature",
        "token-temperature",
        "temperature-inverted",
        "policy-lost-temperature",
    ),
    "Prompts": (
        "prompts-merged",
        "prompts-concatenated",
        "prompts-pooled",
    ),
    "Whole responses": (
        "length-normalised",
        "shortest-left-out",
        "best-response",
    ),
    "The inverse map": (
        "inverse-own-value",
        "inverse-hard-max",
    ),
    "The reference": (
        "reference-ignored",
        "reference-in-logits",
        "reference-at-first-step",
    ),
}
SHOWN_MISTAKES: Final = tuple(name for group in MISTAKE_GROUPS.values() for name in group)


def offered() -> list[dict[str, Any]]:
    """Return what the page's script is told of each mistake; what it does wrong is in the words of the registry."""
    known = {mistake.name: mistake for mistake in MISTAKES}
    return [
        {
            "name": name,
            "group": group,
            "summary": known[name].summary,
            "aboutReference": known[name].replaces == "with_reference",
            "ofTemperature": name in (*OF_TEMPERATURE, "policy-lost-temperature"),
        }
        for group, names in MISTAKE_GROUPS.items()
        for name in names
    ]
