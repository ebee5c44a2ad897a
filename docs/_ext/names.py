"""Names in docstrings and signatures: what they stand for is looked up in the module where they are written.

A name in single backticks, as `soft_bellman`, becomes a link if it is public; else it is code, as a parameter is.
Signatures show what the source says, ``x: FloatArray`` and not what that expands to, and each name in them has to mean
something there: one that does not is a warning, and warnings are errors.
"""

import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from public import PACKAGES, defined_in, homes, public_names
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxRole
from sphinx.util.nodes import make_refnode

_NOWHERE = object()
# Text and formulas between markup that Sphinx knows: ``literals``, `names` and :roles:`...`.
_MARKUP = re.compile(r"(``.*?``|:[\w:]+:`.*?`|`[^`\n]+`_?|^\s*(?:>>>|\.\.\.) .*$)", re.MULTILINE)


class SingleBackticks(SphinxRole):
    """A reference to whatever stands in single backticks, to be resolved when all names are known."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return it with the place where it stands."""
        reference = addnodes.pending_xref(
            self.rawtext,
            nodes.literal(self.rawtext, self.text, classes=["name"]),
            refdomain="py",
            reftype="obj",
            reftarget=self.text.removesuffix("()"),
            in_backticks=True,
        )
        reference["py:module"] = self.env.ref_context.get("py:module")
        reference["py:class"] = self.env.ref_context.get("py:class")
        return [reference], []


class ByMeaning(SphinxPostTransform):
    """Resolves names before Sphinx does, which would take any name that ends alike."""

    default_priority = 9

    def run(self, **_options: Any) -> None:
        """Replace each reference that has a meaning; what is left is for Sphinx to complain of."""
        for node in list(self.document.findall(addnodes.pending_xref)):
            if node.get("refdomain") == "py":
                found = _resolved(self.app, self.env, node, _shown(node))
                if found is not None:
                    node.replace_self(found)


def _shown(node: Any) -> nodes.Element:
    """Return what a reference shows: of two ways to show it, the short one, as it can be resolved."""
    children = node.children
    if children and isinstance(children[0], addnodes.pending_xref_condition):
        children = next((child.children for child in children if child.get("condition") == "resolved"), children)
    if len(children) == 1 and isinstance(children[0], nodes.literal):
        return children[0].deepcopy()
    return nodes.inline("", "", *[child.deepcopy() for child in children])


def _resolved(app: Sphinx, environment: BuildEnvironment, node: Any, contents: Any) -> Any:
    """Link to the home of what a name means; leave what is not ours as it is; None where it means nothing."""
    target = node["reftarget"]
    found = _home(target, node.get("py:module"), node.get("py:class"))
    domain = environment.domains.python_domain
    for full_name in found:
        if full_name in domain.objects:
            page, anchor, kind = domain.objects[full_name][:3]
            return make_refnode(
                app.builder, environment.current_document.docname, page, anchor, contents, f"{full_name} ({kind})"
            )
    if node.get("in_backticks") or found or _has_meaning(target, node.get("py:module")):
        return contents
    return None


def _home(target: str, module: str | None, inside: str | None) -> list[str]:
    """Return the full names under which a name may be documented, the likeliest first."""
    first, _, rest = target.partition(".")
    rest = f".{rest}" if rest else ""
    candidates = [target]
    if inside and module:
        candidates.append(f"{module}.{inside}.{target}")
    for namespace in _namespaces(module):
        home = _home_of(first, namespace)
        if home:
            candidates.append(f"{home}.{first}{rest}")
    for there in filter(None, (module, "tabular_bellman")):
        if home := homes().get((there, first)):
            candidates.append(f"{home}.{first}{rest}")
        candidates += [f"{there}.{target}", f"{there.rpartition('.')[0]}.{target}"]
    owner, _, name = target.rpartition(".")
    if (owner, name) in homes():
        candidates.append(f"{homes()[owner, name]}.{name}")
    elif "." in owner and (owner.rpartition(".")[0], owner.rpartition(".")[2]) in homes():  # a method
        owner_module, _, owner_name = owner.rpartition(".")
        candidates.append(f"{homes()[owner_module, owner_name]}.{owner_name}.{name}")
    return [candidate for candidate in candidates if candidate in _known()]


def _home_of(name: str, namespace: dict[str, Any]) -> str | None:
    """Return the home of what a module imports and does not offer itself."""
    module = namespace["__name__"]
    if module.partition(".")[0] not in PACKAGES or name not in namespace:
        return None
    written_in = getattr(namespace[name], "__module__", None) or ""
    return homes().get((defined_in(module, name), name)) or homes().get((written_in, name))


def _known() -> set[str]:
    if not _KNOWN:
        for (module, name), home in homes().items():
            _KNOWN.update((module, f"{home}.{name}"))
            thing = getattr(importlib.import_module(module), name)
            if inspect.isclass(thing):
                _KNOWN.update(f"{home}.{name}.{member}" for member in dir(thing))
    return _KNOWN


_KNOWN: set[str] = set()


def _has_meaning(target: str, module: str | None) -> bool:
    """Say whether an expression such as `np.ndarray` means anything in a module, to a type checker at least."""
    first, *rest = target.split(".")
    for namespace in (*_namespaces(module), vars(sys.modules["builtins"]), sys.modules):
        thing = namespace.get(first, _NOWHERE)
        for part in rest:
            thing = getattr(thing, part, _NOWHERE)
        if thing is not _NOWHERE or first in _for_type_checkers(namespace.get("__file__")):
            return True
    return False


@cache
def _for_type_checkers(path: str | None) -> frozenset[str]:
    """Return the names that a module imports below ``if TYPE_CHECKING``."""
    body = ast.parse(Path(path).read_text(encoding="utf-8")).body if path else []
    blocks = [node for node in body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return frozenset(alias.asname or alias.name for node in imports for alias in node.names)


def _namespaces(module: str | None) -> Iterator[dict[str, Any]]:
    """Yield the names of a module, then those of the modules that what it offers was written in."""
    if module in sys.modules:
        there = sys.modules[module]
        offered = [getattr(getattr(there, name), "__module__", None) for name in public_names(module)]
        for name in dict.fromkeys((module, *offered)):
            if name in sys.modules:
                yield vars(sys.modules[name])


def _signature_of_source(
    _app: Sphinx, _what: str, _name: str, thing: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Show the signature as it is written."""
    if signature is None:
        return signature, returns
    if inspect.isclass(thing) and issubclass(thing, Enum):
        return "", None  # its members are listed; nobody calls it
    if inspect.isclass(thing) and (is_dataclass(thing) or hasattr(thing, "_fields")):
        return f"({', '.join(_fields(thing))})", None
    function = vars(thing).get("__init__") if inspect.isclass(thing) else thing
    if isinstance(function, (classmethod, staticmethod)):
        function = function.__func__
    function = inspect.unwrap(getattr(function, "__func__", function)) if function is not None else None
    source = _source(function) if inspect.isfunction(function) else None
    if not isinstance(source, ast.FunctionDef):
        return signature, returns
    positional = source.args.posonlyargs or source.args.args
    if positional and positional[0].arg in ("self", "cls"):
        del positional[0]
    _Unquoted().visit(source.args)
    written = None if inspect.isclass(thing) or source.returns is None else _annotation(source.returns)
    return f"({ast.unparse(source.args)})", written


class _Unquoted(ast.NodeTransformer):
    """Takes the quotes off annotations that name what is defined further below."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        if node.annotation is not None:
            node.annotation = ast.parse(_annotation(node.annotation), mode="eval").body
        return node


def _annotation(node: ast.expr) -> str:
    """Return an annotation as it is written, without the quotes of names; strings of Literal keep theirs."""

    class Names(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.Subscript:
            return node if ast.unparse(node.value) == "Literal" else self.generic_visit(node)

        def visit_Constant(self, node: ast.Constant) -> ast.expr:
            return ast.parse(node.value, mode="eval").body if isinstance(node.value, str) else node

    return ast.unparse(Names().visit(node))


def _source(thing: Any) -> ast.stmt | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
    except (OSError, SyntaxError):  # what was made while the program ran
        return None


def _fields(thing: type) -> Iterator[str]:
    """Yield the fields of a dataclass or a named tuple, those of its bases first, as they are written."""
    taken = [field.name for field in fields(thing) if field.init] if is_dataclass(thing) else list(thing._fields)
    written: dict[str, str] = {}
    for base in reversed(thing.__mro__):
        source = _source(base) if is_dataclass(base) or hasattr(base, "_fields") else None
        for node in source.body if isinstance(source, ast.ClassDef) else ():
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                made = isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "field"
                default = "" if node.value is None else " = ..." if made else f" = {ast.unparse(node.value)}"
                written[node.target.id] = f"{node.target.id}: {_annotation(node.annotation)}{default}"
    by_name_only = {field.name for field in fields(thing) if field.kw_only} if is_dataclass(thing) else set()
    yield from (written.get(name, name) for name in taken if name not in by_name_only)
    if by_name_only:
        yield "*"
        yield from (written.get(name, name) for name in taken if name in by_name_only)


def _signs_of_formulas(_app: Sphinx, _what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """Take bars, stars and underscores of formulas for what they are: docstrings are written to be read as text."""
    lines[:] = as_text("\n".join(lines)).split("\n")


def as_text(text: str) -> str:
    """Escape what is markup to Sphinx and a sign of a formula to a reader."""
    parts = _MARKUP.split(text)
    parts[::2] = [re.sub(r"(?<!\\)\||(?<=\w)_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the role, the resolver, and what is done to signatures and docstrings."""
    app.add_role("name", SingleBackticks())
    app.add_post_transform(ByMeaning)
    app.connect("autodoc-process-signature", _signature_of_source)
    app.connect("autodoc-process-docstring", _signs_of_formulas, priority=600)  # after numpydoc
    return {"parallel_read_safe": True, "parallel_write_safe": True}
