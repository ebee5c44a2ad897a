"""The exploring page: change a reward at the last token, and see the logits at the first follow.

Everything is in one file: the trees, drawn here and filled with the library's numbers, and a script that computes
them again whenever something is changed.
"""

import json
from ast import literal_eval
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from proofs_check.instances import largest_reward
from proofs_check.pages.explore.examples import Example, built_in
from proofs_check.pages.explore.mistakes import offered
from proofs_check.pages.explore.tree import Drawing, Tree, label
from proofs_check.pages.explore.words import beyond, chance, exact, long, short
from proofs_check.pages.rendering import markup, mathematics, printable, render
from tabular_bellman import (
    EOS,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    TabularBellmanError,
    inverse_soft_bellman,
    soft_bellman,
)
from tabular_bellman.base_table import Table
from tabular_bellman.tokens import count

__all__ = ["LARGEST_REWARD", "MOST_EDGES", "page", "refuse_large"]

MOST_EDGES: Final = 120
LARGEST_REWARD: Final = 1e6  # beyond it, sums of rewards differ by more than the page shows


def page(reward: StateActionTable | None, source: str) -> str:
    """Return the page, with the built-in examples, and the given rewards before them.

    Parameters
    ----------
    reward : StateActionTable, optional
    source : str
        What the rewards are, in words.

    Raises
    ------
    TabularBellmanError
        For rewards over more than `MOST_EDGES` steps or larger than `LARGEST_REWARD`, for tokens that Python could
        not read back, and if the extra ``html`` is not installed.
    """
    examples = list(built_in())
    if reward is not None:
        examples.insert(0, _of_user(reward, source))
    shown = [_shown(example) for example in examples]
    data = {
        "largest": LARGEST_REWARD,
        "examples": [_data(each) for each in shown],
        "mistakes": offered(),
    }
    return render(
        "explore/page.html",
        all_shown=shown,
        data=_embedded(data),
        EOS=EOS,
        label=label,
        exact=exact,
        short=short,
        long=long,
        chance=chance,
        beyond=beyond,
        formula=mathematics,
    )


def refuse_large(space: SequenceSpace) -> None:
    """Refuse, by formula, a tree that nobody could look at.

    Raises
    ------
    TabularBellmanError
        Naming the number of steps, the limit and the remedy.
    """
    if space.n_pairs > MOST_EDGES:
        raise TabularBellmanError(
            f"the tree of {space!r} has {count(space.n_pairs)} edges, one for each prefix and action; a page to look "
            f"at holds {MOST_EDGES}. Give a shorter --max-length, fewer tokens (--vocab) or fewer --prompts."
        )


def _of_user(reward: StateActionTable, source: str) -> Example:
    refuse_large(reward.space)
    largest = largest_reward(reward)
    if largest > LARGEST_REWARD:
        raise TabularBellmanError(
            f"{source}: a reward of size {largest:.3g}; the page shows rewards up to {LARGEST_REWARD:.0e}, beyond "
            "which rounding would show. Scale the rewards down."
        )
    return Example("yours", "Your rewards", f"Rewards: {source}.", reward)


# -- the library's numbers -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shown:
    """An example, its tree, its numbers (over edges, nodes, leaves prompt by prompt, prompts), and its drawings.

    Of probabilities there are logarithms as well: they tell what is too small for a number from what is impossible.
    """

    example: Example
    tree: Tree
    numbers: dict[str, list[float]]
    logs: dict[str, list[float]]

    @property
    def drawings(self) -> dict[str, Drawing]:
        """The whole tree, and before it, where there are dead prefixes, the tree with nothing drawn below these."""
        dead = [node.number for node in self.tree.nodes if node.prefix and self.numbers["V"][node.number] == -np.inf]
        return ({"live": Drawing(self.tree, frozenset(dead))} if dead else {}) | {"whole": Drawing(self.tree)}

    def share(self, node: int) -> float:
        """Where the value of a node stands between the smallest and the largest, in percent."""
        finite = [x for x in self.numbers["V"] if np.isfinite(x)]
        low, high = min(finite), max(finite)
        x = self.numbers["V"][node]
        return 100.0 * (x - low) / (high - low) if np.isfinite(x) and high > low else 50.0


def _shown(example: Example) -> _Shown:
    reward, reference, temperature = example.reward, example.reference, example.temperature
    logits, values = soft_bellman(reward, temperature=temperature, reference=reference)
    model = EnergyBasedModel(reward, temperature, reference=reference)
    planner = model.to_autoregressive()
    tree = Tree(example.space)
    reached = _vector(planner.prefix_log_probs)
    steps = _vector(planner.log_policy)
    with np.errstate(under="ignore"):
        logs = {
            "policy": steps,
            "passing": np.array([reached[edge.start.number] + steps[edge.number] for edge in tree.edges]),
            "reached": reached,
            "p": planner.log_probabilities().ravel(),
            "pR": model.log_probabilities().ravel(),
        }
        numbers = {name: np.exp(array) for name, array in logs.items()} | {
            "r": reward.to_vector(),
            "q": logits.to_vector(),
            "V": values.to_vector(),
            "R": np.array([_total(reward, edge.start.prompt, edge.response) for edge in tree.leaves]),
            "A": np.atleast_1d(model.log_partition()),
            "back": inverse_soft_bellman(logits, temperature=temperature, reference=reference).to_vector(),
            "reference": np.exp(_vector(reference.log_policy)) if reference is not None else np.ones(len(steps)),
        }
    lists = ({name: array.tolist() for name, array in arrays.items()} for arrays in (numbers, logs))
    return _Shown(example, tree, *lists)


def _total(reward: StateActionTable, prompt: Hashable, tokens: tuple[Hashable, ...]) -> float:
    response = reward.space.complete(tokens)
    return float(sum(reward[prompt, response[:t], action] for t, action in enumerate(response)))


def _vector(table: Table) -> Any:
    return table.to_vector()


# -- what the script is given ----------------------------------------------------------------------------------------


def _data(shown: _Shown) -> dict[str, Any]:
    example, tree = shown.example, shown.tree
    space, reference = example.space, example.reference
    return {
        "id": example.id,
        "title": example.title,
        "about": example.about,
        "space": {
            "tokens": [printable(str(token)) for token in space.vocab],
            "prompts": ["" if prompt is None else printable(str(prompt)) for prompt in space.prompts],
            "python": {
                "tokens": [_literal("token", token) for token in space.vocab],
                "prompts": [_literal("prompt", prompt) for prompt in space.prompts],
            },
            "hasEos": space.has_eos,
            "minLength": space.min_length,
            "maxLength": space.max_length,
        },
        "nodes": {
            "prompt": [space.prompt_index(node.prompt) for node in tree.nodes],
            "prefix": [[space.token_index(token) for token in node.prefix] for node in tree.nodes],
            "stored": [node.stored for node in tree.nodes],
        },
        "edges": {
            "from": [edge.start.number for edge in tree.edges],
            "to": [-1 if edge.end is None else edge.end.number for edge in tree.edges],
            "action": [-1 if edge.action is EOS else space.token_index(edge.action) for edge in tree.edges],
        },
        "leaves": [edge.number for edge in tree.leaves],
        "rewards": _numbers(shown.numbers["r"]),
        "reference": None if reference is None else _numbers(_vector(reference.log_policy).tolist()),
        "temperature": example.temperature,
    }


def _literal(kind: str, value: Hashable) -> str:
    """Write a token as a program would."""
    text = repr(value)
    try:
        if literal_eval(text) == value:
            return text
    except (SyntaxError, ValueError):
        pass
    raise TabularBellmanError(
        f"the {kind} {text} cannot be written into a program; the page takes tokens and prompts that are None, bool, "
        "int, finite float, str or a tuple of these."
    )


def _numbers(values: Sequence[float]) -> list[float | str]:
    return [value if np.isfinite(value) else "-inf" for value in values]


def _embedded(data: object) -> Any:
    """Write data so that nothing in it can end the script that holds it, or begin a comment there."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
