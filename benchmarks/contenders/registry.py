"""All contenders, in the order of tables; ours comes first, since the others are compared with it."""

from benchmarks.contenders import by_hand, chains, libraries, ours, plain_numpy, with_numba

__all__ = ["CONTENDERS", "OURS"]

OURS, *_VARIANTS = ours.CONTENDERS
CONTENDERS = (
    OURS,
    *_VARIANTS,
    plain_numpy.CONTENDER,
    plain_numpy.ALLOCATING,
    *libraries.CONTENDERS[:1],
    *by_hand.CONTENDERS,
    with_numba.CONTENDER,
    *libraries.CONTENDERS[1:],
    *chains.CONTENDERS,
)
