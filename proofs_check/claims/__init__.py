"""All claims, one module for each part of the paper."""

from typing import Final

from proofs_check.claims import appendix_b, library, section3
from proofs_check.evidence import Claim

__all__ = ["CLAIMS"]

CLAIMS: Final[tuple[Claim, ...]] = (*section3.CLAIMS, *appendix_b.CLAIMS, *library.CLAIMS)
