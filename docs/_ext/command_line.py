"""The command line, as its parser has it, and the errata, computed while the site is built."""

import argparse
import os
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from proofs_check import cli
from proofs_check.errata import ERRATA
from proofs_check.errata.render import as_expected, found, render

LOGGER = logging.getLogger(__name__)
WIDTH = "88"  # of usage lines, whatever the terminal of who builds


class CommandLine(SphinxDirective):
    """The whole reference of ``proofs-check``: one section for each command, each option where a link can find it."""

    def run(self) -> list[nodes.Node]:
        """Write it from the parser."""
        os.environ["COLUMNS"] = WIDTH
        lines: list[str] = []
        for parser in commands():
            lines += described(parser)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


class Errata(SphinxDirective):
    """The notes on the printed text, each a section with what ``proofs-check errata`` prints of it, for Markdown."""

    def run(self) -> list[nodes.Node]:
        """Compute them: seconds, for the counterexamples are searched for."""
        lines: list[str] = []
        for erratum in ERRATA:
            finding = found(erratum)
            if not as_expected(finding):
                LOGGER.warning("%s was not found as expected", erratum.id, location=self.get_location())
            lines += [f"({erratum.id})=", "", f"## {erratum.id}: {erratum.title}", "", "~~~text"]
            lines += [*render(erratum, finding), "~~~", ""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def commands() -> list[argparse.ArgumentParser]:
    """Return the parser of each command, in the order of ``proofs-check --help``."""
    parser = cli._parser()
    return [
        command
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for command in dict.fromkeys(action.choices.values())
    ]


def described(parser: argparse.ArgumentParser) -> list[str]:
    """Return a section on one command, in reStructuredText."""
    name = parser.prog
    lines = [name, "-" * len(name), "", f".. program:: {name}", ""]
    lines += [_sentence(parser.description or ""), "", ".. code-block:: text", ""]
    lines += _indented(parser.format_usage().strip())
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
        actions = [action for action in actions if not isinstance(action, argparse._HelpAction)]
        if not actions:
            continue
        if group.title not in ("positional arguments", "options"):
            lines += ["", f".. rubric:: {_sentence(group.title or '')}", ""]
        for action in actions:
            lines += ["", f".. option:: {_signature(action)}", "", f"   {escaped(_help(action))}", ""]
    if parser.epilog:
        lines += ["", ".. code-block:: text", "", *_indented(parser.epilog.strip()), ""]
    return [*lines, ""]


def _signature(action: argparse.Action) -> str:
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}"
        if action.choices
        else (action.dest.upper() if action.option_strings else action.dest)
    )
    if not action.option_strings:
        return str(value)
    takes = "" if action.nargs == 0 else f" {value}"
    return ", ".join(f"{option}{takes}" for option in action.option_strings)


def _help(action: argparse.Action) -> str:
    text = action.help or ""
    choices = f"one of {', '.join(map(str, action.choices))}" if action.choices and action.metavar else ""
    required = "has to be given" if action.required and action.option_strings else ""
    return "; ".join(filter(None, (text, choices, required)))


def _sentence(text: str) -> str:
    return escaped(text[:1].upper() + text[1:])


def escaped(text: str) -> str:
    """Return text with nothing in it that reStructuredText would take for markup."""
    return "".join(f"\\{sign}" if sign in "\\*`|_:" else sign for sign in text)


def _indented(text: str) -> list[str]:
    return [f"   {line}" if line else "" for line in text.split("\n")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add both directives."""
    app.add_directive("command-line", CommandLine)
    app.add_directive("errata", Errata)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
