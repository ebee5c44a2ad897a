"""The command line: ``proofs-check demo``, ``run`` and ``list``."""

import argparse
import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

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
  proofs-check run --plant hard-max
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
        print("proofs-check: interrupted; of the claims, those printed above are finished", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="proofs-check",
        description="Check the theorems that make autoregressive models energy-based models, on trees small enough "
        "to write out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"proofs-check {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="show what it is about", description="Tell the story of an example.")
    demo.add_argument("example", nargs="?", choices=("brackets", "letters"), default="brackets")
    demo.set_defaults(command=_demo)

    listing = commands.add_parser("list", help="list the claims and the mistakes", description="List both.")
    listing.set_defaults(command=_list)

    run = commands.add_parser(
        "run",
        help="check the claims",
        description="Check the claims, on built-in instances or on rewards of your own.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = run.add_argument_group("rewards of your own").add_argument
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
        type=_size,
        metavar="B",
        help="the budget for one table (128 MiB); a run takes about 25 times that",
    )
    run.add_argument("--seed", type=_seed, metavar="S", help="of the random rewards (0)")
    run.add_argument(
        "--plant", metavar="MISTAKE", help="put a mistake into the code under test (proofs-check list names them)"
    )
    run.add_argument("--json", action="store_true", help="print one JSON document")
    run.set_defaults(command=_run)
    return parser


def _vocab(text: str) -> int | tuple[str, ...]:
    if text.lstrip("+-").isdecimal():
        return int(text)
    tokens = tuple(token.strip() for token in text.split(","))
    if not all(tokens):
        raise argparse.ArgumentTypeError(f"{text!r} holds an empty token; write tokens separated by commas, as a,b,c")
    return tokens


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


def _size(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer, 0 or more")
    return int(text)


def _demo(options: argparse.Namespace) -> int:
    from proofs_check.examples import brackets, letters

    _print({"brackets": brackets, "letters": letters}[options.example].story())
    return 0


def _list(_: argparse.Namespace) -> int:
    from proofs_check import report
    from proofs_check.claims import CLAIMS
    from proofs_check.mistakes import MISTAKES

    _print(report.listing(CLAIMS, MISTAKES))
    return 0


def _run(options: argparse.Namespace) -> int:
    from proofs_check import report
    from proofs_check.claims import CLAIMS
    from proofs_check.evidence import Result, Verdict, check, planted
    from proofs_check.mistakes import MISTAKES
    from proofs_check.sources import Request, instances
    from proofs_check.toolkit import LIBRARY

    names = {mistake.name: mistake for mistake in MISTAKES}
    if options.plant is not None and options.plant not in names:
        raise TabularBellmanError(f"--plant {options.plant}: no such mistake; there are {', '.join(names)}.")
    mistake = None if options.plant is None else names[options.plant]
    if options.rewards is not None and options.seed is not None:
        raise TabularBellmanError("--seed is of random rewards; leave it out with --rewards.")
    given = {name: value for name, value in vars(options).items() if value is not None}
    fields: dict[str, Any] = {name: given[name] for name in Request.__dataclass_fields__ if name in given}
    request = Request(**fields)
    source, chosen = instances(request)

    complete = request.rewards is None and not request.shape_options()
    toolkit = LIBRARY if mistake is None else planted(mistake)
    results: list[Result] = []
    if not options.json:
        _print(report.header(source, [instance.name for instance in chosen], mistake))
    for claim in CLAIMS:
        results.append(check(claim, chosen, toolkit, complete=complete))
        if not options.json:
            _print(report.row(results[-1]))
    if options.json:
        _print([report.as_json(source, request.seed, mistake, results)])
    else:
        _print(report.summary(results, mistake))
    return 0 if all(result.verdict is Verdict.CHECKED for result in results) else 1


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        try:
            print(line, flush=True)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            # Where nobody reads on (`proofs-check run | head`), go on in silence: the exit status stays true.
            if not isinstance(error, BrokenPipeError):
                raise TabularBellmanError(f"cannot write the report: {error.strerror}.") from error
