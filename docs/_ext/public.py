"""What is public, and where it is documented: modules without a leading underscore, and the names of their ``__all__``.

A name that several modules offer has one home, the shortest module name of these: what ``tabular_bellman`` re-exports
is documented there, and the modules that it comes from point to it. Of two that are equally short it is the one where
the name is defined.
"""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = ("tabular_bellman", "proofs_check")


def public_modules(package: str) -> list[str]:
    """Return the names of a package and of all public modules below it, sorted."""
    root = importlib.import_module(package)
    below = pkgutil.walk_packages(root.__path__, f"{package}.") if hasattr(root, "__path__") else ()
    names = [package, *(found.name for found in below)]
    return sorted(name for name in names if not any(part.startswith("_") for part in name.split(".")))


def modules_of(line: str) -> list[str]:
    """Return the modules that a line of the reference stands for: ``p.*`` has p and what is in it, ``p.+`` not p."""
    if line.endswith(".*"):
        return public_modules(line[:-2])
    return public_modules(line[:-2])[1:] if line.endswith(".+") else [line]


def home(module: str, name: str) -> str:
    """Return the module that documents a name that another offers."""
    return homes().get((module, name), module)


@cache
def all_public_modules() -> tuple[str, ...]:
    """Return the public modules of both packages."""
    return tuple(name for package in PACKAGES for name in public_modules(package))


def public_names(module: str) -> list[str]:
    """Return what a module offers, in the order in which it says so."""
    return list(getattr(importlib.import_module(module), "__all__", ()))


@cache
def homes() -> dict[tuple[str, str], str]:
    """Return {(module, name): the module that documents it}."""
    found = {}
    for module in all_public_modules():
        for name in public_names(module):
            offered = [other for other in all_public_modules() if _offers(other, name, module)]
            found[module, name] = min(offered, key=lambda other: (other.count("."), _imports(other, name), other))
    return found


def _offers(other: str, name: str, module: str) -> bool:
    """Say whether the other module offers the same object under the same name: it has to be imported, not equal."""
    if other == module:
        return True
    theirs, ours = importlib.import_module(other), importlib.import_module(module)
    if name not in getattr(theirs, "__all__", ()) or getattr(theirs, name) is not getattr(ours, name):
        return False
    # Small constants that are equal are one object in CPython; only an import makes a name the same name.
    return _imports(other, name) or _imports(module, name)


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse(Path(path).read_text(encoding="utf-8"))


def _imports(module: str, name: str) -> bool:
    """Say whether a module has a name from another one."""
    path = importlib.import_module(module).__file__
    assert path is not None
    body = _tree(path).body
    return any(
        name == (alias.asname or alias.name)
        for node in body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


def assigned(module: str) -> dict[str, str]:
    """Return {constant: its documentation}, the string below the assignment; '' where there is none."""
    path = importlib.import_module(module).__file__
    assert path is not None
    found: dict[str, str] = {}
    body = _tree(path).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        text = following.value if isinstance(following, ast.Expr) else None
        documentation = text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else ""
        # `KL, ENTROPY = ...` makes two.
        for target in targets:
            for name in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(name, ast.Name):
                    found[name.id] = documentation
    return found


def documentation(module: str, name: str) -> str:
    """Return the docstring of a name, '' if it has none."""
    if is_constant(module, name):
        return assigned(defined_in(module, name)).get(name, "")
    return own_docstring(getattr(importlib.import_module(module), name))


def defined_in(module: str, name: str) -> str:
    """Return the module that a constant comes from, through as many imports as it takes."""
    loaded = importlib.import_module(module)
    assert loaded.__file__ is not None
    for node in _tree(loaded.__file__).body:
        theirs = isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES
        if theirs and name in {alias.name for alias in node.names}:
            return defined_in(node.module, name)
    return module


def own_docstring(thing: Any) -> str:
    """Return a docstring that was written, not what a dataclass or a named tuple puts in its place."""
    text = thing.__doc__ or ""
    if inspect.isclass(thing) and text.startswith(f"{thing.__name__}("):
        return ""
    return str(text)


def is_constant(module: str, name: str) -> bool:
    """Say whether a name is assigned, and so has no docstring of its own: its words stand below the assignment."""
    thing = getattr(importlib.import_module(module), name)
    return name in assigned(defined_in(module, name)) or not (inspect.isclass(thing) or inspect.isroutine(thing))


def missing(found: dict[str, str]) -> list[str]:
    """Return what is public and not in the reference, or has no docstring, one line for each."""
    told = [f"the module {module} is in no page of docs/api" for module in all_public_modules() if module not in found]
    for module in all_public_modules():
        if not importlib.import_module(module).__doc__:
            told.append(f"the module {module} has no docstring")
        for name in public_names(module):
            if home(module, name) == module and not excused(module, name) and not documentation(module, name):
                told.append(f"{module}.{name} has no docstring")
    return told


def excused(module: str, name: str) -> bool:
    """Say whether a name may do without: a constant inside `proofs_check`, which is listed by name and kind."""
    if not module.startswith("proofs_check") or module.startswith(("proofs_check.testing", "proofs_check.strategies")):
        return False
    return is_constant(module, name)


def methods(thing: type) -> Iterator[tuple[str, Any]]:
    """Yield the public functions that a class defines itself, as functions."""
    for name, value in vars(thing).items():
        function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if not name.startswith("_") and (inspect.isfunction(function) or isinstance(value, property)):
            yield name, function
