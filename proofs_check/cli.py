"""The command line of ``proofs-check``: its options, and how errors reach a person."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from proofs_check.commands import (
    INTERRUPTED,
    bounds,
    demo,
    errata,
    explore,
    listing,
    lookahead,
    matrix,
    proof,
    run,
    schema,
    show,
    target,
)
from proofs_check.distill import distill
from tabular_bellman import TabularBellmanError, __version__

__all__ = ["main"]

_EPILOG = """\
exit status: 0 every claim as expected, 1 a claim behaved unexpectedly, 2 wrong usage or bad input, 130 interrupted

examples:
  proofs-check demo
  proofs-check run
  proofs-check run --rewards rewards.csv
  proofs-check run --rewards mypackage.rewards:score --vocab a,b,c --max-length 5
  proofs-check run --vocab 3 --max-length 5 --seed 7      random rewards
  proofs-check run P1-prob P1-logZ --plant hard-max
  proofs-check run --evidence all --jobs 2
  proofs-check run --evidence all --dask tcp://10.0.0.1:8786
  proofs-check run --html report.html
  proofs-check explore --html explore.html
  proofs-check proof P1-logZ
  proofs-check show P3-kl-bound
  proofs-check errata E4
  proofs-check target mypackage.backup:soft_q --kind soft-bellman
  proofs-check distill teacher.npz student.npz
  proofs-check bounds --epsilon 0.5 --max-length 6
"""

_TARGET_EPILOG = """\
exit status: 0 it agrees, 1 it does not, 2 it cannot be called

kinds, and what the function is:
  soft-bellman   f(rewards) -> (logits, values), or one of them (--returns)
  inverse        f(logits) -> rewards
  log-partition  f(rewards) -> number
  log-prob       f(logits, response) -> number
  policy         f(logits) -> table of probabilities
  sampler        f(logits, n) -> n responses
  gradient       f(rewards) -> table of derivatives of the log-partition
  marginals      f(logits) -> chance of passing through each prefix
  kl             f(logits of p, logits of q) -> number
  kl-estimator   f(logits of p, logits of q, response) -> number
  entropy        f(logits) -> number

docs/testing.md says how tables and responses look with each adapter.

examples:
  proofs-check target mypackage.backup:soft_q --kind soft-bellman
  proofs-check target mypackage.model:log_prob --kind log-prob --adapter batch --array torch --dtype float32
"""

_BOUNDS_EPILOG = """\
exit status: 0 the pairs get to the sharp bound to 1e-9 and no further, or no bound is violated; 1 not so; 2 wrong usage

examples:
  proofs-check bounds
  proofs-check bounds --epsilon 0.1 --vocab 3 --max-length 5
  proofs-check bounds --vocab 1
  proofs-check bounds --fixed-length 4
  proofs-check bounds --pairs 10000
"""

_DISTILL_EPILOG = """\
exit status: 0 compared, 2 a table that cannot be read, or two that do not go together

A file does not say what its numbers are. Read one way or the other they are different models, so say it where it is
not as above. docs/distillation.md goes through the report.

examples:
  proofs-check distill teacher.npz student.npz
  proofs-check distill large.npz small.npz --teacher-is logits
  proofs-check distill teacher.npz student.npz --temperature 0.5 --csv report.csv
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # mathematical signs on a terminal that lacks them
    try:
        options = _parser().parse_args(arguments)
        status: int = options.command(options)
        return status
    except TabularBellmanError as error:
        print(f"proofs-check: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except MemoryError:
        print("proofs-check: error: out of memory; use a smaller space or --max-bytes.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("proofs-check: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="proofs-check",
        description="Check the theorems that make autoregressive models energy-based models, on trees small enough "
        "to write out.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"proofs-check {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, function: Callable[[argparse.Namespace], int], help: str) -> _Parser:
        added: _Parser = commands.add_parser(name, help=help, description=f"{function.__doc__}")
        added.set_defaults(command=function)
        return added

    command("demo", demo, "show what it is about").add_argument(
        "example", nargs="?", choices=("brackets", "letters"), default="brackets"
    )
    run_parser = command("run", run, "check the claims")
    run_parser.epilog = _EPILOG
    _add_run(run_parser)
    _add_rewards(run_parser)
    command("proof", proof, "print the proof of a claim for all trees").add_argument("name", metavar="CLAIM")
    of_list = command("list", listing, "list claims and mistakes").add_mutually_exclusive_group().add_argument
    of_list("--proved", action="store_true", help="instead: what is proved, and what is not, part by part")
    of_list("--markdown", action="store_true", help="instead: the claims as the page in docs/")
    command("show", show, "show one claim, erratum or mistake").add_argument("name", metavar="NAME")
    command("errata", errata, "what does not hold as printed, and how it does").add_argument(
        "names", nargs="*", metavar="E1", help="only these"
    )
    matrix_parser = command("matrix", matrix, "put every mistake into every claim")
    matrix_parser.add_argument("--markdown", action="store_true", help="as the page in docs/")
    _add_workers(matrix_parser)
    _add_evidence(matrix_parser)
    _add_rewards(command("lookahead", lookahead, "what a limited horizon loses"))
    explore_parser = command("explore", explore, "a page on which to change rewards and see what follows")
    explore_parser.add_argument("--html", type=_path, required=True, metavar="FILE", help="where to write it")
    _add_rewards(explore_parser)
    target_parser = command("target", target, "check a function of yours against the exact oracle")
    target_parser.epilog = _TARGET_EPILOG
    _add_target(target_parser)
    target_parser.values["--kind"] = _kinds
    distill_parser = command("distill", distill, "compare a student with its teacher")
    distill_parser.epilog = _DISTILL_EPILOG
    _add_distill(distill_parser)
    bounds_parser = command("bounds", bounds, "the sharp bounds on the KL beside the paper's")
    bounds_parser.epilog = _BOUNDS_EPILOG
    _add_bounds(bounds_parser)
    command("schema", schema, "print the JSON Schema of run --json")
    return parser


class _Parser(argparse.ArgumentParser):
    """One with examples left as they stand, and no abbreviated options."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)
        self.values: dict[str, Callable[[], str]] = {}
        """What an option can be, to be said where it, or its value, is missing."""

    def error(self, message: str) -> NoReturn:
        """Name the values that an option can have, besides what is wrong with it."""
        named = message.replace(",", " ").replace(":", " ").split()
        known = (f"{option} is one of {values()}" for option, values in self.values.items() if option in named)
        super().error("; ".join([message, *known]))


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help="only these (proofs-check list names them)")
    effort = parser.add_mutually_exclusive_group()
    for name, text in (
        ("quick", "small instances only, and no attacks on inequalities"),
        ("thorough", "five seeds, and longer attacks"),
    ):
        effort.add_argument(f"--{name}", dest="effort", action="store_const", const=name, help=text)
    parser.set_defaults(effort="default")
    parser.add_argument(
        "--plant", metavar="MISTAKE", help="put a mistake into the code under test (proofs-check list names them)"
    )
    _add_workers(parser)
    _add_evidence(parser)
    output = parser.add_argument_group("output").add_argument
    output(
        "--certificates",
        type=_path,
        metavar="FOLDER",
        help="write what exact and certified verdicts rest on, for proofs_check/recheck.py",
    )
    output("--json", action="store_true", help="print one JSON document (proofs-check schema describes it)")
    output("--quiet", action="store_true", help="print the verdict only, and what is not as expected")
    output("--junit", type=Path, metavar="FILE", help="write a JUnit file too")
    output("--html", type=_path, metavar="FILE", help="write the report as one page too (needs the extra html)")
    output("--save", type=Path, metavar="FOLDER", help="save the tightest instance that each attack found")


def _add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=_positive, metavar="N", help="processes (1; more need joblib)")
    parser.add_argument("--dask", metavar="ADDRESS", help="the workers of a Dask cluster, by its scheduler's address")


def _add_evidence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--evidence",
        type=_evidence,
        default=("float64",),
        metavar="KINDS",
        help="float64 (default), exact, certified, symbolic, induction, separated by commas; or all",
    )


def _add_rewards(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("rewards of your own").add_argument
    add(
        "--rewards",
        metavar="SOURCE",
        help="a CSV file (columns prompt, response, reward; a response is tokens separated by spaces, without EOS), "
        "a table saved as .npz or .json, or package.module:function, f(prompt, response) -> float",
    )
    add("--stepwise", action="store_true", help="the function is f(prompt, prefix, action) -> float")
    add("--vocab", type=_vocab, metavar="N|a,b,c", help="the tokens: 0 to N-1, or strings")
    add("--max-length", type=int, metavar="T", help="the largest length of a response, EOS counted")
    add("--min-length", type=int, metavar="T", help="the smallest length, EOS counted (1)")
    add("--fixed-length", type=int, metavar="N", help="instead: exactly N tokens, no EOS")
    add("--prompts", type=_words, metavar="a,b", help="the prompts (one, None; of a CSV file, those in it)")
    add("--missing", type=_missing, metavar="R", help="the reward of responses a CSV file leaves out: --missing=-inf")
    add(
        "--max-bytes",
        type=_positive,
        metavar="B",
        help="the budget for one table (128 MiB); a run takes about 25 times that",
    )
    parser.add_argument("--seed", type=_seed, metavar="S", help="of the random rewards (0)")


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", metavar="package.module:function", help="also of a file in the current folder")
    parser.add_argument("--kind", required=True, help="what it computes (below)")
    add = parser.add_argument_group("how it is called").add_argument
    add("--adapter", metavar="NAME", help="dict (default), batch, next-token, mdp or table")
    add("--array", metavar="LIBRARY", help="numpy (default), torch or jax")
    add("--dtype", help="float64 (default), float32, bfloat16 or float16; it decides the bound")
    add("--returns", metavar="WHAT", help="both, logits or values; probabilities or log-probabilities")
    add("--view", help="whether the table is of logits or of rewards")
    add("--of", help="a gradient of: log-partition (default), or nll, f(logits, responses)")
    add("--temperature", type=float, metavar="T", help="that is built in, or to pass (1; or several, by keyword)")
    add("--discount", type=float, metavar="G", help="likewise, of soft-bellman and inverse")
    add("--reference", help="uniform: V is a log mean exp")
    add = parser.add_argument_group("on what").add_argument
    add("--no-masks", dest="masks", action="store_false", default=None, help="nothing is forbidden")
    add("--numbers", help="any (default), or plain: none large, none far ahead of the others")
    add("--prompts", action="store_true", default=None, help="several prompts; keys name the prompt")
    add("--lengths", help="eos (default), fixed or both")
    add("--max-responses", type=int, metavar="N", help="at most so many responses to a prompt (40)")
    add("--examples", type=int, metavar="N", help="instances to draw, besides fixed ones (100)")
    add("--draws", type=int, metavar="N", help="responses that a sampler draws on each instance (2000)")
    add("--seed", type=int, metavar="S", help="the same seed draws the same (0)")
    add = parser.add_argument_group("judged how").add_argument
    add("--tolerance", type=float, metavar="X", help="added to the derived bound (0)")
    add("--false-alarm", type=float, metavar="P", help="of a sampler's exact test (1e-6)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _add_distill(parser: argparse.ArgumentParser) -> None:
    for role, reading in (("teacher", "rewards"), ("student", "logits")):
        parser.add_argument(
            role, type=_path, metavar=role.upper(), help=f"a table saved as .npz or .json, of {reading}"
        )
    add = parser.add_argument_group("what the tables hold").add_argument
    for role, reading in (("teacher", "rewards"), ("student", "logits")):
        add(f"--{role}-is", choices=("rewards", "logits"), default=reading, help=f"({reading})")
    add("--temperature", type=float, metavar="T", help="that divides the teacher's rewards (1)")
    add("--max-bytes", type=_positive, default=2**27, metavar="B", help="the budget for one table (128 MiB)")
    add = parser.add_argument_group("output").add_argument
    add("--json", action="store_true", help="print one JSON document")
    add("--quiet", action="store_true", help="print the divergences and the bounds alone")
    add("--csv", type=_path, metavar="FILE", help="write each number as one row too")


def _add_bounds(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("length by length").add_argument
    add("--epsilon", type=float, metavar="E", help="how far apart the logits may be (1)")
    add("--vocab", type=_positive, metavar="N", help="the number of tokens (2)")
    add("--max-length", type=_positive, metavar="T", help="lengths 2 to T, EOS counted (8)")
    add("--fixed-length", type=_positive, metavar="N", help="instead: exactly 1 to N tokens, no EOS")
    add = parser.add_argument_group("against pairs of models").add_argument
    add("--pairs", type=_positive, metavar="N", help="draw N pairs, random and nearly as far apart as they can be")
    add("--seed", type=_seed, metavar="S", help="of the pairs (0)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _kinds() -> str:
    from proofs_check.testing.kinds import KINDS

    return ", ".join(map(repr, KINDS))


def _vocab(text: str) -> int | tuple[str, ...]:
    if text.lstrip("+-").isdecimal():
        return int(text)
    tokens = tuple(token.strip() for token in text.split(","))
    if not all(tokens):
        raise argparse.ArgumentTypeError(f"{text!r} holds an empty token; write tokens separated by commas, as a,b,c")
    return tokens


def _evidence(text: str) -> tuple[str, ...]:
    from proofs_check.standing import EVIDENCE

    asked = [kind.strip() for kind in text.split(",")]
    for kind in asked:
        if kind not in (*EVIDENCE, "all"):
            known = ", ".join(EVIDENCE)
            raise argparse.ArgumentTypeError(
                f"{kind!r} is no kind of evidence; there are {known}, and all, as one word with commas"
            )
    return tuple(kind for kind in EVIDENCE if kind in asked or "all" in asked)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _missing(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value) or value == math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not finite or -inf")
    return value


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer, 0 or more")
    return int(text)


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(text)
