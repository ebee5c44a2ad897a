"""What Hypothesis calls at its own import, through the entry point: how ``st.from_type`` finds the strategies.

The usual hook registers types, and has to import them: `tabular_bellman`, with NumPy and SciPy, would triple the time
of ``import hypothesis`` for whoever has this package installed, and would be loaded before coverage is measured.  So
this registers a function instead, in the table through which Hypothesis finds its own NumPy strategies: asked for an
unknown type, it goes through those functions whose package has been imported.  Nobody can ask for a type of
`tabular_bellman` before that.

That table is not part of Hypothesis's interface, but the same from 6.100 on.  Where it is not there, the types are
registered in the usual way.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["register"]

_PACKAGE: Final = "tabular_bellman"
_NAMES: Final = ("SequenceSpace", "StateActionTable", "StateTable", "AutoregressiveModel", "EnergyBasedModel")


def register() -> None:
    """Make ``st.from_type`` know the types of `tabular_bellman`."""
    try:
        types = import_module("hypothesis.strategies._internal.types")
    except ImportError:
        types = None
    found_by_package = getattr(types, "_global_extra_lookup", None)
    if isinstance(found_by_package, dict):
        found_by_package[_PACKAGE] = _resolve
    else:
        _register_types()


def _resolve(thing: Any) -> "SearchStrategy[Any] | None":
    """Return the strategy of one of our types; None for any other, of which this is asked too."""
    name = getattr(thing, "__name__", None)
    if name not in _NAMES or getattr(sys.modules.get(_PACKAGE), name, None) is not thing:
        return None
    from proofs_check.strategies import of_type

    return of_type(thing)


def _register_types() -> None:
    from hypothesis.strategies import register_type_strategy

    import tabular_bellman
    from proofs_check.strategies import of_type

    for name in _NAMES:
        register_type_strategy(getattr(tabular_bellman, name), of_type)
