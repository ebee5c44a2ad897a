"""The reference of the API: ``.. modules::`` documents the modules that it is given; one left out fails the build.

Each module becomes a section, with its own names in full and pointers to those that have their home elsewhere. A
package name that ends in ``.*`` stands for the package and all public modules in it, one that ends in ``.+`` for the
modules alone.
"""

import importlib
import textwrap
from typing import Any, ClassVar

from docutils import nodes
from names import as_text
from public import documentation, home, is_constant, missing, modules_of, public_names
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

LOGGER = logging.getLogger(__name__)


class Modules(SphinxDirective):
    """A section for each module named in the content, one to a line."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"inherited": lambda _: True}

    def run(self) -> list[nodes.Node]:
        """Write the stanzas that autodoc understands, and have them read."""
        found: list[nodes.Node] = []
        for line in self.content:
            for module in modules_of(line.strip()):
                self._note(module)
                text = "\n".join(stanza(module, inherited="inherited" in self.options))
                found += self.parse_text_to_nodes(text, allow_section_headings=True)
        return found

    def _note(self, module: str) -> None:
        importlib.import_module(module)
        places = documented(self.env)
        if places.setdefault(module, self.env.docname) != self.env.docname:
            LOGGER.warning("%s is also documented in %s", module, places[module], location=self.get_location())


def stanza(module: str, *, inherited: bool = False) -> list[str]:
    """Return the lines that document a module: itself, its own names, and where the others are."""
    own = [name for name in public_names(module) if home(module, name) == module]
    elsewhere = [name for name in public_names(module) if home(module, name) != module]
    shown = [name for name in own if documentation(module, name)]
    bare = [name for name in own if name not in shown]
    lines = [module, "-" * len(module), "", f".. automodule:: {module}", ""]
    if elsewhere:
        lines += ["Offered here, and documented where they are at home:", ""]
        lines += [f"- :py:obj:`{home(module, name)}.{name}`" for name in elsewhere]
        lines += [""]
    if bare:
        lines += ["Without words of their own:", ""]
        lines += [f"- ``{name}``, {_kind(module, name)}" for name in bare]
        lines += [""]
    lines += [f".. currentmodule:: {module}", ""]
    for name in shown:
        thing = getattr(importlib.import_module(module), name)
        if is_constant(module, name):
            text = as_text(textwrap.dedent(documentation(module, name)))
            lines += [f".. py:data:: {name}", "", textwrap.indent(text, "   "), ""]
            continue
        directive, options = "autofunction", []
        if isinstance(thing, type):
            directive = "autoexception" if issubclass(thing, BaseException) else "autoclass"
            options = ["   :members:", "   :show-inheritance:"]
            if inherited:
                options += ["   :inherited-members: object, ABC, Generic, tuple, Exception, ValueError, BaseException"]
        lines += [f".. {directive}:: {module}.{name}", *options, ""]
    return lines


def _kind(module: str, name: str) -> str:
    thing = getattr(importlib.import_module(module), name)
    kind = type(thing).__name__
    if "GenericAlias" in kind or kind in ("UnionType", "TypeVar"):
        return "a type"
    return f"a {kind} of {len(thing)}" if isinstance(thing, (tuple, list, dict, frozenset)) else f"a {kind}"


def documented(environment: BuildEnvironment) -> dict[str, str]:
    """Return {module: the page that documents it}, of the pages that were read."""
    if not hasattr(environment, "documented_modules"):
        environment.documented_modules = {}
    return environment.documented_modules


def _forget(_app: Sphinx, environment: BuildEnvironment, page: str) -> None:
    places = documented(environment)
    for module in [module for module, place in places.items() if place == page]:
        del places[module]


def _merge(_app: Sphinx, environment: BuildEnvironment, pages: list[str], other: BuildEnvironment) -> None:
    documented(environment).update({module: page for module, page in documented(other).items() if page in pages})


def _check(_app: Sphinx, environment: BuildEnvironment) -> None:
    for line in missing(documented(environment)):
        LOGGER.warning(line, type="reference")


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive, and the check that nothing public is left out."""
    app.add_directive("modules", Modules)
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _merge)
    app.connect("env-check-consistency", _check)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
