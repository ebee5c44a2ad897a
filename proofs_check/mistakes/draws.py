"""Mistakes of samplers, which no claim calls: `proofs_check.testing` names them."""

from typing import Any, Final

from proofs_check.mistakes.common import registered
from tabular_bellman import TabularBellmanError

__all__ = ["DRAWS"]


def _no_chances(*_: Any) -> Any:
    raise TabularBellmanError("draws that are not independent have no chances of their own.")


DRAWS: Final = registered(
    "sampler", ("draws-repeat", "draws are not independent: they repeat one another", _no_chances)
)
