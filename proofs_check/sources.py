"""Where rewards come from: a CSV file, a saved table, a function of the user's, or random numbers."""

import csv
import math
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from proofs_check.functions import hint, load_function, names_function
from proofs_check.instances import Effort, Instance, built_in, logarithms, of_user
from tabular_bellman import EOS, EnergyBasedModel, SequenceSpace, StateActionTable, TabularBellmanError
from tabular_bellman.tokens import some

__all__ = ["Request", "instances"]

_COLUMNS = ("prompt", "response", "reward")
_LONGEST_WEIGHT = 1000
_LARGEST_EXPONENT = 1000
_WEIGHTED = ("prompt", "response", "weight")


@dataclass(frozen=True)
class Request:
    """What to check, as asked for on the command line.

    Attributes
    ----------
    rewards : str or None
        A `.csv`, `.npz` or `.json` file, or ``package.module:function``; None for random or built-in rewards.
    stepwise : bool
        Whether the function is f(prompt, prefix, action) rather than f(prompt, response).
    vocab : int or tuple of str, optional
    max_length, min_length, fixed_length : int, optional
    prompts : tuple of str, optional
    missing : float, optional
        The reward of a response that a CSV file leaves out; None makes an absent row an error.
    seed : int
    max_bytes : int
    refuse : callable, optional
        Raises for a space too large for what it is wanted for, before a table over it is made.
    """

    rewards: str | None = None
    stepwise: bool = False
    vocab: int | tuple[str, ...] | None = None
    max_length: int | None = None
    min_length: int | None = None
    fixed_length: int | None = None
    prompts: tuple[str, ...] | None = None
    missing: float | None = None
    seed: int = 0
    max_bytes: int = 2**27
    effort: Effort = "default"
    refuse: Callable[[SequenceSpace], None] | None = None

    def shape_options(self) -> list[str]:
        """The options given that say what the space is."""
        names = ("vocab", "max_length", "min_length", "fixed_length", "prompts")
        return [_option(name) for name in names if getattr(self, name) is not None]

    @property
    def built_in(self) -> bool:
        """Whether it asks for the built-in instances."""
        return self.rewards is None and not self.shape_options()

    def options(self) -> list[str]:
        """The words of a command line that ask for the same, but for the effort; what is as usual is left out."""
        words = []
        for each in fields(self):
            value = getattr(self, each.name)
            if value == each.default or each.name in ("effort", "refuse"):
                continue
            if value is True:
                words.append(_option(each.name))
                continue
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            # A value that looks like an option is one word with its option.
            words += [f"{_option(each.name)}={text}"] if text.startswith("-") else [_option(each.name), text]
        return words


def _option(name: str) -> str:
    """Return what a field is called on the command line."""
    return "--" + name.replace("_", "-")


def instances(request: Request) -> tuple[str, list[Instance]]:
    """Return what the instances are, in words, and the instances.

    Raises
    ------
    TabularBellmanError
        For anything wrong with the request, the file or the function, in one line.
    """
    name, reward, weights = _reward(request)
    if reward is None:
        return name, list(built_in(request.seed, request.effort))
    EnergyBasedModel(reward)  # refuses rewards that allow no response to some prompt, naming it
    space = reward.space
    prompts = "" if space.prompts == (None,) else f", prompts {some(space.prompts)}"
    words = f"{name} over {space!r}, tokens {some(space.vocab)}{prompts}"
    return words, of_user(reward, "as given", request.seed, weights)


Weights = Mapping[float, Fraction]


def _reward(request: Request) -> tuple[str, StateActionTable | None, Weights]:
    source = request.rewards
    path = Path(source or "")
    is_csv, is_table = path.suffix.lower() == ".csv", path.suffix.lower() in (".npz", ".json")
    is_function = source is not None and not is_csv and not is_table
    if request.stepwise and not is_function:
        raise TabularBellmanError("--stepwise goes with --rewards package.module:function.")
    if request.missing is not None and not is_csv:
        raise TabularBellmanError("--missing goes with --rewards FILE.csv.")
    if source is None:
        if not request.shape_options():
            return f"built-in instances, seed {request.seed}", None, {}
        space = _space(request, "random rewards")
        return f"random rewards, seed {request.seed},", StateActionTable.random(space, rng=request.seed), {}
    if is_csv:
        return source, *_from_csv(path, request)
    if is_table:
        if request.shape_options():
            raise TabularBellmanError(f"{source} holds its own space; leave out {', '.join(request.shape_options())}.")
        return source, StateActionTable.load(path, max_bytes=request.max_bytes), {}
    if not names_function(source):
        raise TabularBellmanError(
            f"--rewards {source}: neither a .csv, .npz or .json file nor package.module:function{hint(source)}."
        )
    with redirect_stdout(sys.stderr):  # what the function prints is no part of the report
        function = load_function("--rewards", source)
        space = _space(request, f"the function {source}")
        build = StateActionTable.from_function if request.stepwise else StateActionTable.from_responses
        return source, build(space, function), {}


def _space(request: Request, what: str) -> SequenceSpace:
    if request.vocab is None or (request.max_length is None and request.fixed_length is None):
        raise TabularBellmanError(f"{what}: give --vocab and --max-length (or --fixed-length).")
    return _sized(request, request.vocab, request.max_length, request.prompts)


def _sized(
    request: Request,
    vocab: int | tuple[str, ...],
    max_length: int | None,
    prompts: tuple[str, ...] | None,
) -> SequenceSpace:
    if request.fixed_length is None:
        assert max_length is not None
        space = SequenceSpace(
            vocab,
            max_length=max_length,
            min_length=1 if request.min_length is None else request.min_length,
            prompts=prompts,
            max_bytes=request.max_bytes,
        )
    elif request.max_length is None and request.min_length is None:
        space = SequenceSpace.fixed_length(vocab, request.fixed_length, prompts, max_bytes=request.max_bytes)
    else:
        raise TabularBellmanError("--fixed-length goes without --max-length and --min-length.")
    if request.refuse is not None:
        request.refuse(space)
    return space


# -- CSV --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    line: int
    prompt: str
    tokens: tuple[str, ...]
    reward: float | Fraction  # the reward, or a rational weight, e to it


def _from_csv(path: Path, request: Request) -> tuple[StateActionTable, Weights]:
    rows = _rows(path)
    vocab = request.vocab if request.vocab is not None else _inferred_vocab(path, rows)
    longest = max(len(row.tokens) for row in rows) + 1
    prompts = request.prompts if request.prompts is not None else tuple(dict.fromkeys(row.prompt for row in rows))
    space = _sized(request, vocab, request.max_length if request.max_length is not None else longest, prompts)
    space.check_budget(f"{path}: a StateActionTable")
    token_of = {str(token): token for token in space.vocab}

    found: dict[tuple[int, int], _Row] = {}
    for row in rows:
        try:
            p = space.prompt_index(row.prompt)
            tokens = tuple(token_of.get(token, token) for token in row.tokens)
            index = space.response_index(space.complete(tokens))
        except TabularBellmanError as error:
            raise TabularBellmanError(f"{path}, line {row.line}: {error}") from None
        if (p, index) in found:
            raise TabularBellmanError(
                f"{path}, line {row.line}: prompt {row.prompt!r}, response {' '.join(row.tokens)!r} stands in line "
                f"{found[p, index].line} already; give each response once."
            )
        found[p, index] = row
    if len(found) < space.n_responses and request.missing is None:
        raise _absent(path, space, found, {len(row.tokens) for row in rows})
    fill = math.nan if request.missing is None else request.missing
    values = np.full((space.n_prompts, space.n_responses_per_prompt), fill)
    logs, weights = logarithms(row.reward for row in rows if isinstance(row.reward, Fraction))
    for place, row in found.items():
        values[place] = logs[row.reward] if isinstance(row.reward, Fraction) else row.reward
    # A step without a reward has the weight 1, which some column of weights must have been given for.
    known = {0.0: Fraction(1), **weights} if any(isinstance(row.reward, Fraction) for row in rows) else {}
    return StateActionTable.from_responses(space, values), known


def _rows(path: Path) -> list[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, skipinitialspace=True)
            names = reader.fieldnames or []
            columns = _WEIGHTED if "weight" in names else _COLUMNS
            lacking = [name for name in columns if name not in names]
            if lacking:
                raise TabularBellmanError(
                    f"{path}, line 1: no column {', '.join(lacking)}; found {some(tuple(names)) or 'nothing'}. The "
                    f"first line names the columns {', '.join(_COLUMNS)} (or weight, a rational, for its exponential), "
                    "separated by commas."
                )
            if "reward" in names and "weight" in names:
                raise TabularBellmanError(f"{path}, line 1: columns reward and weight; give one, weight = exp(reward).")
            if len(set(names)) < len(names):
                raise TabularBellmanError(
                    f"{path}, line 1: a column stands twice; the columns are {some(tuple(names))}."
                )
            rows = [_row(path, reader.line_num, record, columns) for record in reader]
    except FileNotFoundError:
        raise TabularBellmanError(f"{path}: no such file.") from None
    except OSError as error:
        raise TabularBellmanError(f"cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise TabularBellmanError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error
    except csv.Error as error:
        raise TabularBellmanError(f"{path} is not CSV: {error}.") from error
    if not rows:
        raise TabularBellmanError(f"{path} has no rows below its header; give one for each response.")
    return rows


def _row(path: Path, line: int, record: dict[str, Any], columns: tuple[str, ...]) -> _Row:
    cells = [record[name] for name in columns]
    if None in cells or None in record:
        raise TabularBellmanError(f"{path}, line {line}: it has too {'few' if None in cells else 'many'} cells.")
    prompt, response, text = cells
    if columns is _WEIGHTED:
        return _Row(line, prompt, tuple(response.split()), _weight(path, line, text))
    try:
        reward = float(text.replace("_", "x"))  # Python reads 1_0 as 10; a CSV file does not mean that
    except ValueError:
        raise TabularBellmanError(f"{path}, line {line}: reward {text!r} is not a number.") from None
    overflow = math.isinf(reward) and "inf" not in text.lower()
    if math.isnan(reward) or reward == math.inf or overflow:
        raise TabularBellmanError(f"{path}, line {line}: reward {text!r}; it must be finite, or -inf to forbid.")
    return _Row(line, prompt, tuple(response.split()), reward)


def _weight(path: Path, line: int, text: str) -> Fraction:
    if len(text) > _LONGEST_WEIGHT:
        raise TabularBellmanError(f"{path}, line {line}: a weight of {len(text):,} characters; the limit is 1,000.")
    exponent = re.search("e([+-]?[0-9]+) *$", text, re.IGNORECASE)
    if exponent is not None and abs(int(exponent[1])) > _LARGEST_EXPONENT:
        raise TabularBellmanError(
            f"{path}, line {line}: weight {text!r}; powers of ten go up to {_LARGEST_EXPONENT:,} either way."
        )
    try:
        if "_" in text:
            raise ValueError
        weight = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise TabularBellmanError(
            f"{path}, line {line}: weight {text!r} is no rational number in a form that is read, such as 3/7, 0.25 "
            "or 1e-20."
        ) from None
    if weight < 0:
        raise TabularBellmanError(f"{path}, line {line}: weight {text!r}; it must be positive, or 0 to forbid.")
    return weight


def _inferred_vocab(path: Path, rows: list[_Row]) -> tuple[str, ...]:
    tokens = {token for row in rows for token in row.tokens}
    if str(EOS) in tokens:
        line = next(row.line for row in rows if str(EOS) in row.tokens)
        raise TabularBellmanError(f"{path}, line {line}: responses are written without EOS; it is added to each.")
    if not tokens:
        raise TabularBellmanError(f"{path}: no tokens in any response; give the vocabulary with --vocab.")
    if all(re.fullmatch("[0-9]+", token) for token in tokens):
        return tuple(sorted(tokens, key=lambda token: (len(token.lstrip("0")), token.lstrip("0"), token)))
    return tuple(sorted(tokens))


def _absent(
    path: Path, space: SequenceSpace, found: dict[tuple[int, int], _Row], sizes: set[int]
) -> TabularBellmanError:
    n = space.n_responses_per_prompt
    p, index = next((p, i) for p in range(space.n_prompts) for i in range(n) if (p, i) not in found)
    text = " ".join(map(str, space.response_tokens(space.response_at(index))))
    remedy = "add its row, or give --missing=-inf"
    if space.has_eos and min(sizes) + 1 > space.min_length:
        remedy += f", or --min-length {min(sizes) + 1} if no response is that short"
        if len(sizes) == 1:
            remedy += f", or --fixed-length {min(sizes)} if responses have no EOS"
    return TabularBellmanError(
        f"{path}: no row for prompt {space.prompts[p]!r}, response {text!r}"
        f"{' (bare EOS)' if not text else ''}, one of {space.n_responses - len(found):,} absent; {remedy}."
    )
