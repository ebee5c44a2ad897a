"""Every row of the paper's ledger, and what became of it: a claim, or a reason why there is none.

A row is a statement of the paper, or one that this project adds to it.  Most rows have a claim of the same name.  A
row that cannot be computed says why, and is never counted as passed.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["LEDGER", "Row"]


@dataclass(frozen=True)
class Row:
    """One row: its id, where it stands, and the claims that hold it, or why nothing does.

    Attributes
    ----------
    id, place : str
    claims : tuple of str
        Ids of claims; empty for what cannot be computed.
    not_computable : str
        The reason, where there is no claim.
    """

    id: str
    place: str
    claims: tuple[str, ...] = ()
    not_computable: str = ""


def _rows(place: str, *ids: str) -> tuple[Row, ...]:
    """Return rows with a claim of the same name."""
    return tuple(Row(name, place, (name,)) for name in ids)


_RUNS: Final = "they need the authors' training runs"

LEDGER: Final[tuple[Row, ...]] = (
    *_rows("Sections 1 and 2.2, Appendix A.1", "N-Y", "N-S", "N-X"),
    *_rows("Section 2", "S2-ebm", "S2-cost", "S2-maxent", "S2-klreg", "S2-distil", "S2-arm", "S2-eq3"),
    *_rows("Sections 3.1 and 3.2", "S3.1-chain", "S3.2-decomp"),
    *_rows("Proposition 1", "P1-bijection-r", "P1-bijection-q", "P1-prob", "P1-logZ", "P1-cost"),
    *_rows("Sections 3.3 and 3.4", "S3.3-bellman", "S3.3-opt", "S3.3-gamma", "S3.4-dag"),
    *_rows("Section 4.1", "S4.1-zero", "P2-minima"),
    Row("P2-argmin", "Proposition 2", ("P2-argmin", "P2-argmin-dims")),
    *_rows("Section 4.1", "S4.1-tf"),
    *_rows("Proposition 3", "P3-kl-bound"),
    # What approximates the logits, a causal transformer of some size, is an existence theorem of another paper.
    *_rows("Section 4.2", "S4.2-approx"),
    *_rows("Section 5", "S5-Lstar"),
    *_rows("Appendix A.1", "A1-fact", "A1-eos"),
    Row("P4-validity", "Proposition 4", ("P4-validity", "P4-lengths")),
    *_rows("Appendix A.2", "A2-marg"),
    *_rows("Appendix A.3", "A3-entropy-chain"),
    Row("A3-estimator", "Appendix A.3", ("A3-estimator", "A3-variance")),
    *_rows("Appendices A.3 and A.4", "A3-stoch", "A4-stoch", "A4-kl-chain"),
    *_rows("Appendices A.5 to A.8", "A5-reference", "A6-chain", "A7-variational", "A8-elbo", "A8-minmax"),
    *_rows("Appendix A.9", "A9-beta", "A9-Z"),
    Row("A9-lattice", "Appendix A.9", ("A9-lattice", "A9-lattice-cost")),
    *_rows("Appendices A.10 and A.11", "A10-ebm", "A10-arm", "A11-backprop"),
    Row("L1-kl", "Lemma 1, Appendix B", ("L1-kl", "L1-logZ")),
    *_rows("Appendix B.4", "B4-proof"),
    *_rows("gradient equivalence, Sections 4.1 and A.10", "GR-arm-risk", "GR-ebm-risk"),
    *_rows("gradient equivalence, beyond the paper", "GR-chain", "GR-adjoint", "GR-jacobian", "GR-minimisers"),
    *_rows("gradient equivalence, beyond the paper", "GR-taylor"),
    *_rows("gauges, beyond the paper", "G-shaping", "G-dims", "G-equivariance", "G-invariance", "G-quotient"),
    *_rows("gauges, beyond the paper", "G-eq3-dims", "G-sections"),
    *_rows("sharp constants, beyond the paper", "K-kappa", "K-series", "K-span", "K-sequence", "K-fixed-length"),
    *_rows("sharp constants, beyond the paper", "K-one-token", "K-ratio"),
    *_rows("gauges, beyond the paper", "G-orbit", "G-min-norm", "G-pythagoras", "G-centred"),
    *_rows("bounds, beyond the paper", "K-supremum", "K-lower", "K-tv", "K-residual", "K-perturbation"),
    *_rows("geometry and temperature, beyond the paper", "F-metric", "F-natural", "X-tsallis", "T-zero", "T-infinite"),
    *_rows("estimates of a divergence, beyond the paper", "D-k1-k3", "D-k2", "D-k3-variance"),
    *_rows("estimates of a divergence, beyond the paper", "D-steps", "D-steps-variance", "D-token-kl"),
    Row("K-fig5", "Figure 5", not_computable=f"the paper's bound over the KL at the ends of its curves; {_RUNS}"),
    *_rows("lookahead, beyond the paper", "H-exact", "H-operator", "H-terminal", "H-success"),
    *_rows("Appendix C", "C-nseq", "C-params", "C-overparam", "C-zipf"),
    *_rows("Appendices C.3 and C.5", "C-centering", "C-before", "C-distance", "C5-bound", "C-gns"),
    Row(
        "C-normal", "Appendix C", not_computable="the seed of the normal numbers is not printed; E22 computes their law"
    ),
    Row("C-train", "Appendix C", not_computable=f"optimiser settings of each figure are missing; {_RUNS}"),
    Row("C-fig2/3/4", "Appendix C", not_computable=f"curves of gaps and distances; {_RUNS}"),
    Row("C-fig5", "Appendix C", not_computable=f"curves; {_RUNS}, and which distance is drawn is not said (E20)"),
    Row("C-fig5n", "Appendix C", not_computable=f"curves on random targets; {_RUNS}"),
    Row("C-fig6/7", "Appendix C", not_computable=f"sizes, batches and targets are not printed; {_RUNS} (see E23)"),
    Row("C-fig8", "Appendix C", not_computable=f"batch size and number are not printed; {_RUNS} (C-gns holds of any)"),
)
