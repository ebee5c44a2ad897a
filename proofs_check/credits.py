"""The earliest source found of each claim that goes beyond the paper, or that none was found.

Found by searching, not by a census: "no source found" does not say that there is none.  Where the text of a source was
not at hand, only its title page or a citation of it, the entry says so: "not read".
"""

from types import MappingProxyType
from typing import Final

__all__ = ["CREDITS"]

_NONE: Final = "no source found"
_SPECHT: Final = (
    "Specht 1960 (Math. Z. 74): κ(ε) is the logarithm of Specht's ratio, of arithmetic to geometric mean, at "
    "e^(2ε) (seen "
    "as cited by Fujii, Mićić, Pečarić and Seo 2003); as a KL bound for bounded-range mechanisms: Dong, Durfee "
    "and Rogers, "
    "ICML 2020, arXiv 1909.13830 (its formula not read)"
)
_CHAIN: Final = (
    "chain rule: Kullback and Leibler 1951; sums of one-step bounds under one's own law: Kakade and Langford, "
    "ICML 2002, "
    "Ross and Bagnell, AISTATS 2010, and adaptive composition, Dong, Durfee and Rogers 2020 (not read)"
)
_SHAPING: Final = (
    "Ng, Harada and Russell, ICML 1999 (rewards); sums along paths, of arcs w(u,v) + h(u) - h(v): Johnson 1977 "
    "(J. ACM "
    "24; not read)"
)
_PUSHING: Final = "weight pushing to locally normalised automata: Mohri 1997, 2009 (of the second, the algorithm read)"
_REWARDS: Final = (
    "one reward out of each class: Gleave et al., ICLR 2021 (EPIC, means), Jenner and Gleave 2022, arXiv 2203.13553, "
    "Skalse et al., ICLR 2024, arXiv 2309.15257 (STARC, least norm), Belomestny et al. 2025, arXiv 2512.06956 (least "
    "squares)"
)
_HOEFFDING: Final = "Hoeffding 1963 (JASA 58)"
_RESIDUALS: Final = (
    "of residuals, for returns: Williams and Baird 1993, Singh and Yee 1994; regularised: Geist, Scherrer and "
    "Pietquin, "
    "ICML 2019; one softmax over sequences: as K-kappa"
)
_NATURAL: Final = (
    "the metric: Rao 1945 (not read); its gradient: Amari 1998 (Neural Comput. 10; not read); policies: Kakade, "
    "NIPS 2001; distributions over paths: Bagnell and "
    "Schneider, IJCAI 2003"
)
_SCHULMAN: Final = 'Schulman, "Approximating KL Divergence", 7 March 2020'

CREDITS: Final = MappingProxyType(
    {
        "P2-argmin-dims": f"{_NONE} (edges of a tree, rank and nullity)",
        "A3-variance": f"{_NONE}; the subject: Amini, Vieira and Cotterell 2025, arXiv 2504.10637 (its abstract read)",
        "GR-arm-risk": "exponential families (moments of model and of data); sequences: Lafferty, McCallum and "
        "Pereira, "
        "ICML 2001 (not read)",
        "GR-ebm-risk": "as GR-arm-risk; visits along paths: Ziebart et al., AAAI 2008",
        "GR-chain": f"{_NONE} for the two losses; a chain rule",
        "GR-jacobian": f"{_NONE} (a triangular map)",
        "GR-adjoint": f"{_NONE} for the two losses; backward passes of soft dynamic programs: Mensch and "
        f"Blondel, ICML "
        "2018, arXiv 1802.03676",
        "GR-minimisers": f"{_NONE} beyond the paper's Proposition 2",
        "GR-taylor": f"{_HOEFFDING}; smoothness of log-sum-exp: Nesterov 2005 (Math. Program. 103)",
        "C5-bound": f"as K-sequence: {_CHAIN}",
        "C-gns": "noise scale: McCandlish et al. 2018, arXiv 1812.06162; coherence: Chatterjee and Zielinski "
        "2020, arXiv "
        f"2008.01217; the identity between them: {_NONE}",
        "G-shaping": "shaping as a gradient on a graph: Jenner, van Hoof and Gleave 2022, arXiv 2208.09570v2; "
        "the kernel on "
        f"a finite tree: {_NONE}",
        "G-dims": f"{_NONE} (edges of a tree, rank and nullity)",
        "G-eq3-dims": f"{_NONE} (edges of a tree, rank and nullity)",
        "G-invariance": _SHAPING,
        "G-equivariance": f"{_SHAPING}; {_PUSHING}; as an identity of the soft map: {_NONE}",
        "G-quotient": "logit choice: Rust 1987, Magnac and Thesmar 2002 (not read); rewards that lead to one "
        "policy: Cao, "
        "Cohen and Szpruch, NeurIPS 2021, Kim et al., ICML 2021, Skalse et al., ICML 2023",
        "G-sections": _PUSHING,
        "G-orbit": "Cao, Cohen and Szpruch, NeurIPS 2021, arXiv 2106.03498; Skalse et al., ICML 2023, arXiv "
        "2203.07475; on a "
        f"tree of strings: {_NONE}",
        "G-min-norm": f"{_REWARDS}; by two passes over a tree: {_NONE}",
        "G-pythagoras": f"{_REWARDS}; least squares over potentials: Jiang, Lim, Yao and Ye 2011 (not read)",
        "G-centred": _REWARDS,
        "K-kappa": _SPECHT,
        "K-series": f"{_NONE} for the expansion; κ(ε) ≤ ε²/2: {_HOEFFDING}",
        "K-span": f"{_SPECHT}; span²/8: {_HOEFFDING}, as a divergence bound Cesar and Rogers, ALT 2021, arXiv "
        f"2004.07223",
        "K-sequence": f"{_CHAIN}; that free steps alone count, and the exact supremum: {_NONE}",
        "K-fixed-length": f"{_CHAIN}; the exact maximum: {_NONE}",
        "K-one-token": _NONE,
        "K-ratio": f"{_NONE} (arithmetic on the paper's bound)",
        "K-supremum": f"{_CHAIN}; the supremum over a tree with forbidden actions: {_NONE}",
        "K-lower": "one term of the chain rule for a partition: Kullback and Leibler 1951, Csiszár 1967 (not "
        "read); with the "
        f"two extreme actions: {_NONE}",
        "K-tv": "Pinsker 1960, with the constant Csiszár 1967 and Kullback 1967 (not read); Bretagnolle and "
        "Huber 1978 (seen "
        "as cited)",
        "K-residual": _RESIDUALS,
        "K-perturbation": "one softmax over sequences: as K-kappa",
        "F-metric": f"{_NATURAL}; block by block on a tree: {_NONE}",
        "F-natural": _NATURAL,
        "T-zero": "max ≤ τ log Σ exp(·/τ) ≤ max + τ log n: Nesterov 2005 (Math. Program. 103; the bound not read)",
        "T-infinite": f"the cumulant expansion: Thiele 1889; the bound: {_HOEFFDING}",
        "X-tsallis": "Mensch and Blondel, ICML 2018, arXiv 1802.03676, on smoothed recursions; that shaping alone "
        "identifies rewards owes to entropy: Schlaginhaufen and Kamgarpour, ICML 2023, arXiv 2306.00629",
        "D-k1-k3": _SCHULMAN,
        "D-k2": f"{_SCHULMAN}; the bias in closed form: {_NONE}",
        "D-k3-variance": f"{_SCHULMAN} (by simulation); in closed form: {_NONE}",
        "D-steps": "Amini, Vieira and Cotterell 2025, arXiv 2504.10637 (its abstract read)",
        "D-steps-variance": f"{_NONE}; the subject: Amini, Vieira and Cotterell 2025, arXiv 2504.10637 (its abstract "
        "read)",
        "D-token-kl": f"{_NONE} for the identity; the confusion: Tang and Munos 2025, arXiv 2506.09477",
        "H-exact": "value iteration over a finite horizon: Bellman 1957 (not read)",
        "H-operator": "value iteration over a finite horizon: Bellman 1957 (not read)",
        "H-terminal": _NONE,
        "H-success": "log 1/P(A) as the least divergence: Csiszár 1975 (Ann. Probab. 3; seen in lecture notes)",
    }
)
"""Of the id of each claim that goes beyond the paper, the earliest source found."""
