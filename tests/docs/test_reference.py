"""Every public name is in the reference and has a docstring, and docstrings keep to numpydoc."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import public
import pytest

from proofs_check import cli

DOCS = Path(__file__).parents[2] / "docs"
MODULES = re.compile(r"^\.\. modules::\n(?: +:.*\n)*\n((?: +\S.*\n?)+)", re.MULTILINE)


def in_the_reference(folder=DOCS / "api"):
    """Return the modules that pages of the reference name, as often as they are named."""
    found = []
    for page in sorted(folder.glob("*.rst")):
        for block in MODULES.findall(page.read_text(encoding="utf-8")):
            for name in block.split():
                found += public.modules_of(name)
    return found


def test_every_public_module_is_in_one_place():
    found = in_the_reference()
    assert sorted(found) == sorted(public.all_public_modules())


def test_every_public_name_has_words():
    assert public.missing(dict.fromkeys(in_the_reference(), "somewhere")) == []


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A package with one public module, `planted.part`, of the code that it is given."""

    def write(code):
        (tmp_path / "planted").mkdir()
        (tmp_path / "planted" / "__init__.py").write_text('"""A package."""\n')
        (tmp_path / "planted" / "part.py").write_text(code)
        (tmp_path / "planted" / "_private.py").write_text("__all__ = ['unseen']\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(public, "PACKAGES", ("planted",))
        public.all_public_modules.cache_clear()
        public.homes.cache_clear()

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "planted"]:
        del sys.modules[name]
    public.all_public_modules.cache_clear()
    public.homes.cache_clear()


def test_what_is_left_out_is_found(planted):
    planted('"""Words."""\n\n__all__ = ["LIMIT", "bare"]\n\nLIMIT = 3\n\n\ndef bare():\n    pass\n')
    assert public.missing({"planted": "a page"}) == [
        "the module planted.part is in no page of docs/api",
        "planted.part.LIMIT has no docstring",
        "planted.part.bare has no docstring",
    ]


def test_a_constant_has_its_words_below(planted):
    planted('"""Words."""\n\n__all__ = ["LIMIT"]\n\nLIMIT: int = 3\n"""The most."""\n')
    assert public.missing({"planted": "", "planted.part": ""}) == []


def test_what_a_package_offers_is_at_home_there():
    assert public.home("tabular_bellman.models", "EnergyBasedModel") == "tabular_bellman"
    assert public.home("tabular_bellman.kappa", "kappa") == "tabular_bellman.kappa"
    assert public.home("tabular_bellman.bounds", "kappa") == "tabular_bellman.kappa"
    assert public.home("tabular_bellman.levels", "soft_bellman") == "tabular_bellman.levels"  # another function
    for (module, name), home in public.homes().items():
        assert getattr(importlib.import_module(home), name) is getattr(importlib.import_module(module), name)


# -- numpydoc --

# What numpydoc calls these: sections it knows, in its order; a summary of one line, with a capital and a full stop;
# parameters that exist, in their order, each described once.
CODES = {"GL06", "GL07", "GL09", "GL10", "PR02", "PR03", "PR06", "PR10", "RT02", "SS01", "SS03", "SS04", "SS06"}
# Here every function has all of its parameters documented (PR01); elsewhere it has all or, in a few words, none.
WHOLE = (
    "tabular_bellman",
    "tabular_bellman.bounds",
    "tabular_bellman.distillation",
    "tabular_bellman.divergence",
    "tabular_bellman.error_bounds",
    "tabular_bellman.estimators",
    "tabular_bellman.gauge_dimensions",
    "tabular_bellman.gauges",
    "tabular_bellman.geometry",
    "tabular_bellman.implicit",
    "tabular_bellman.learning",
    "tabular_bellman.levels",
    "tabular_bellman.lookahead",
    "tabular_bellman.pair_bounds",
    "tabular_bellman.parallel",
    "tabular_bellman.plotting",
    "tabular_bellman.representatives",
    "tabular_bellman.temperature",
    "proofs_check.strategies",
    "proofs_check.testing",
)
# numpydoc asks for the line where a thing is defined; these were made while the program runs.
UNREADABLE = ("proofs_check.pair_survey.Bound.applies", "proofs_check.testing.drawn.cases")


def documented():
    """Yield (module, full name, thing) of public functions, classes and methods, each at its home."""
    for module in public.all_public_modules():
        for name in public.public_names(module):
            if public.home(module, name) != module or public.is_constant(module, name):
                continue
            thing = getattr(importlib.import_module(module), name)
            yield module, f"{module}.{name}", thing
            if inspect.isclass(thing):
                for method, function in public.methods(thing):
                    if function.__doc__:
                        yield module, f"{module}.{name}.{method}", function


def faults(module, full_name, thing):
    """Return what numpydoc has against a docstring, of what is asked for here."""
    validate = pytest.importorskip("numpydoc.validate", reason="numpydoc is not installed (pip install '.[docs]')")
    found = {}
    if full_name not in UNREADABLE:
        found = dict(validate.validate(full_name)["errors"])
    wanted = set(CODES)
    sections = set(re.findall(r"^ *(\w+)\n *-{4,}$", inspect.getdoc(thing) or "", re.MULTILINE))
    # What makes an object of records is its attributes.
    of_records = inspect.isclass(thing) and "Attributes" in sections
    whole = module in WHOLE and inspect.isfunction(thing) and "." not in thing.__qualname__
    if not of_records and (whole or "Parameters" in sections):
        wanted.add("PR01")
    return [f"{full_name}: {code} {found[code]}" for code in sorted(wanted & set(found))]


def test_docstrings_keep_to_numpydoc():
    checked = list(documented())
    assert len(checked) > 900
    assert [fault for each in checked for fault in faults(*each)] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Return it\n\n    Parameters\n    ----------\n    x : int\n    y : int\n", "SS03"),
        ("Return it.\n\n    Parameters\n    ----------\n    x : int\n", "PR01"),
        ("Return it.\n\n    Parameters\n    ----------\n    x : int\n    y : int\n    z : int\n", "PR02"),
        ("Return it.\n\n    Parameters\n    ----------\n    y : int\n    x : int\n", "PR03"),
        (
            "Return it.\n\n    Parameters\n    ----------\n    x, y : int\n\n"
            "    Notes\n    -----\n    N.\n\n    Returns\n    -------\n    int\n",
            "GL07",
        ),
    ],
)
def test_faults_are_found(words, code, planted):
    planted(f'"""Words."""\n\n__all__ = ["f"]\n\n\ndef f(x, y):\n    """{words}    """\n    return x\n')
    told = faults("planted.part", "planted.part.f", importlib.import_module("planted.part").f)
    assert [fault.split()[1] for fault in told] == [code]


# -- the command line --


def test_every_option_is_described():
    """Here from the parser itself; the page is written from it."""
    pytest.importorskip("sphinx", reason="Sphinx is not installed (pip install '.[docs]')")
    from command_line import commands, described

    written = "\n".join(line for parser in commands() for line in described(parser))
    for parser in commands():
        assert f".. program:: {parser.prog}\n" in written
        for action in parser._actions:
            for option in action.option_strings:
                if option not in ("-h", "--help"):
                    assert re.search(rf"^\.\. option:: .*{option}\b", written, re.MULTILINE), (parser.prog, option)
    assert {parser.prog.split()[1] for parser in commands()} >= {"run", "demo", "explore", "errata", "proof", "target"}
    assert cli._parser().prog == "proofs-check"
