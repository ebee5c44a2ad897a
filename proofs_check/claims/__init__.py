"""All claims, in the order of the paper: a module or two for each part of it."""

from typing import Final

from proofs_check.claim import Claim
from proofs_check.claims import (
    appendix_a,
    appendix_a_information,
    appendix_a_paths,
    appendix_b,
    appendix_c,
    appendix_c_distances,
    bounds,
    estimators,
    gauge_dimensions,
    gauges,
    geometry,
    gradients,
    jacobian,
    library,
    lookahead,
    perturbations,
    proposition1,
    representatives,
    section1,
    section2,
    section3,
    section3_control,
    section4,
    section4_distillation,
    section4_risks,
    sharp,
    sharp_sequences,
    temperature,
)

__all__ = ["CLAIMS", "PARTS"]

PARTS: Final[tuple[tuple[str, tuple[Claim, ...]], ...]] = (
    ("Section 1: responses, states, prompts", section1.CLAIMS),
    ("Section 2: the two views", section2.CLAIMS),
    ("Section 3: the bijection", (*section3.CLAIMS, *proposition1.CLAIMS)),
    ("Section 3: the soft Bellman operator", section3_control.CLAIMS),
    ("Section 4: learning and distillation", (*section4_risks.CLAIMS, *section4.CLAIMS, *section4_distillation.CLAIMS)),
    ("Appendix A: lengths, marginals, references", appendix_a.CLAIMS),
    ("Appendix A: entropy and divergence", appendix_a_information.CLAIMS),
    ("Appendix A: paths and bounds", appendix_a_paths.CLAIMS),
    ("Gradient equivalence (A.10, A.11 and beyond)", (*gradients.CLAIMS, *jacobian.CLAIMS)),
    ("Appendix B: proofs", appendix_b.CLAIMS),
    ("Appendix C: experiments", (*appendix_c.CLAIMS, *appendix_c_distances.CLAIMS)),
    ("Beyond the paper: gauges", (*gauge_dimensions.CLAIMS, *gauges.CLAIMS, *representatives.CLAIMS)),
    ("Beyond the paper: sharp constants", (*sharp.CLAIMS, *sharp_sequences.CLAIMS)),
    ("Beyond the paper: bounds", (*bounds.CLAIMS, *perturbations.CLAIMS)),
    ("Beyond the paper: geometry and temperature", (*geometry.CLAIMS, *temperature.CLAIMS)),
    ("Beyond the paper: estimates of a divergence", estimators.CLAIMS),
    ("Beyond the paper: lookahead", lookahead.CLAIMS),
    ("This library", library.CLAIMS),
)

CLAIMS: Final[tuple[Claim, ...]] = tuple(claim for _, claims in PARTS for claim in claims)
