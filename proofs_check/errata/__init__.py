"""Notes on the printed text: what stands there, the smallest case where it fails, found on the spot, and the repair."""

from typing import Final

from proofs_check.errata.appendix import APPENDIX
from proofs_check.errata.divergences import DIVERGENCES
from proofs_check.errata.erratum import Erratum, Finding, Grade
from proofs_check.errata.experiments import EXPERIMENTS
from proofs_check.errata.figures import FIGURES
from proofs_check.errata.remarks import REMARKS
from proofs_check.errata.setting import SETTING
from proofs_check.errata.strings import STRINGS
from proofs_check.errata.theorems import THEOREMS

__all__ = ["ERRATA", "Erratum", "Finding", "Grade"]

_PARTS: Final = (SETTING, STRINGS, THEOREMS, REMARKS, APPENDIX, DIVERGENCES, EXPERIMENTS, FIGURES)

# E1 to E27, in order.
ERRATA: Final[tuple[Erratum, ...]] = tuple(
    sorted((erratum for part in _PARTS for erratum in part), key=lambda erratum: int(erratum.id[1:]))
)
