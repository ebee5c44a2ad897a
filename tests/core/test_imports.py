import subprocess
import sys

import pytest


def loaded(statement):
    """Return the top-level names of the files that a fresh interpreter has imported after a statement."""
    code = f"""
import sys
before = set(sys.modules)
{statement}
new = set(sys.modules) - before
print(*{{name.split(".")[0] for name in new if getattr(sys.modules[name], "__file__", None)}})
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def third_party(modules):
    return {name for name in modules if name not in sys.stdlib_module_names and not name.startswith("_")}


def test_tabular_bellman_loads_numpy_and_scipy_and_nothing_else():
    assert third_party(loaded("import tabular_bellman")) == {"tabular_bellman", "numpy", "scipy"}


def test_proofs_check_loads_nothing_heavy():
    assert third_party(loaded("import proofs_check")) == {"proofs_check"}


def test_tabular_bellman_never_imports_proofs_check():
    code = "import pkgutil, importlib, tabular_bellman as t\n" + (
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(t.__path__, 'tabular_bellman.')]"
    )
    assert "proofs_check" not in loaded(code)


@pytest.mark.parametrize("package", ["tabular_bellman"])
def test_every_public_name_is_documented(package):
    module = __import__(package)
    for name in module.__all__:
        thing = getattr(module, name)
        assert name == "EOS" or thing.__doc__, name
        if isinstance(thing, type):
            for attribute, value in vars(thing).items():
                if not attribute.startswith("_") and (callable(value) or isinstance(value, property)):
                    assert value.__doc__, f"{name}.{attribute}"
