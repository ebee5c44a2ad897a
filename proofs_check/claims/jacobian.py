"""What follows from the gradients: the Jacobian of M, the minimisers and their orbits, Taylor remainders."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proofs_check import reals
from proofs_check.claim import FORCED, Claim, Comparison, Measured, misread
from proofs_check.derivatives import (
    copied,
    flat,
    jacobian,
    numbers,
    pairwise,
    per_prefix,
    sum_along,
    terminal,
)
from proofs_check.exact import as_exact
from proofs_check.instances import FEW, MODEST, Instance, built_in
from proofs_check.mistakes import (
    ARM_GRADIENT,
    EBM_GRADIENT,
    FORWARD_MODE,
    LOG_PARTITION_GRADIENT,
    OF_TEMPERATURE,
    PULLBACK,
    PUSHFORWARD,
    SOFT_BELLMAN_POLICY,
    without,
)
from proofs_check.paths import incidence
from proofs_check.toolkit import Levels, Toolkit, expectation
from tabular_bellman import SequenceSpace, StateActionTable

__all__ = ["CLAIMS"]

# A power of two, so that the step along a direction rounds nothing.
_STEP: Final = 2.0**-8


# -- the Jacobian -----------------------------------------------------------------------------------------------------


def _depths(space: SequenceSpace) -> NDArray[np.intp]:
    """The depth of each pair of one tree, in the order of storage."""
    return np.repeat(range(space.n_depths), [space.n_actions(t) * space.n_tokens**t for t in range(space.n_depths)])


def _determinant(matrix: NDArray[Any]) -> Any:
    """The determinant of a matrix by elimination without rounding: floats are rationals."""
    rows = [[Fraction(entry) if isinstance(entry, float) else entry for entry in row] for row in matrix.tolist()]
    det: Any = Fraction(1)
    for i in range(len(rows)):
        pivot = next((k for k in range(i, len(rows)) if rows[k][i]), None)
        if pivot is None:
            return Fraction(0)
        if pivot != i:
            rows[i], rows[pivot], det = rows[pivot], rows[i], -det
        det *= rows[i][i]
        for k in range(i + 1, len(rows)):
            factor = rows[k][i] / rows[i][i]
            if factor:
                rows[k] = [x - factor * y for x, y in zip(rows[k], rows[i], strict=True)]
    return det


def _triangular(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, depth = instance.space, _depths(instance.space)
    copies, rewards, units = copied(instance)
    lifted = [kit.lift(level) for level in rewards]
    changes = kit.pushforward(copies, lifted, numbers(kit, units))
    if wrong == "own-value":
        policy = [kit.real(level) for level in kit.policy(copies, kit.recursion(copies, lifted, 1.0)[0])]
        changes = [change + (pi * change).sum(0) for pi, change in zip(policy, changes, strict=True)]
    matrices = reals.bare(jacobian(space, changes)).transpose(1, 0, 2)  # (P, pair, unit)
    if wrong == "transposed":
        matrices = matrices.transpose(0, 2, 1)
    if wrong == "signed":
        matrices = -matrices
    not_above = depth[:, None] >= depth[None, :]
    for prompt, matrix in zip(space.prompts, matrices, strict=True):
        one = np.eye(len(depth))[not_above].astype(object)
        yield Comparison(f"prompt {prompt!r}: 1 on the diagonal, 0 below", matrix[not_above].astype(object), one)
        yield Comparison(f"prompt {prompt!r}: det J_M", np.array([_determinant(matrix)], dtype=np.object_), as_exact(1))


def _adjoint(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, rewards = instance.space, kit.rewards(instance)
    d = numbers(kit, instance.direction.levels)
    g = numbers(kit, Instance("", instance.reward, seed=instance.seed + 1).direction.levels)
    pushed, pulled = kit.pushforward(space, rewards, d), kit.pullback(space, rewards, g)
    if wrong == "symmetric":
        pulled = kit.pushforward(space, rewards, g)
    if wrong == "inverse":
        pulled = [a + a - b for a, b in zip(g, pulled, strict=True)]
    yield Comparison("<g, J d> = <Jᵀ g, d>", sum_along(pushed, g, space), sum_along(pulled, d, space))
    stepped, _ = kit.forward_mode(space, rewards, d)
    yield Comparison("J d = complex step", flat(pushed), flat(stepped))
    if not FEW.includes(instance):
        return
    copies, tiled, units = copied(instance)
    lifted, basis = [kit.lift(level) for level in tiled], numbers(kit, units)
    matrix = jacobian(space, kit.pushforward(copies, lifted, basis))
    transposed = jacobian(space, kit.pullback(copies, lifted, basis))
    swapped = reals.concatenate([transposed[:, p].T[:, None, :] for p in range(space.n_prompts)], axis=1)
    steps = jacobian(space, kit.forward_mode(copies, lifted, basis)[0])
    yield from pairwise({"J e": matrix, "complex step": steps, "(Jᵀ e)ᵀ": swapped}, "J_M")
    # Below the pair (s, a): its chance times J is the chance of both pairs.
    depth = _depths(space)
    above = (depth[:, None] < depth[None, :]).astype(np.float64)[:, None, :]
    p = kit.real(kit.ebm_log_probs(space, rewards, 1.0))
    takes = np.concatenate([level.reshape(-1, level.shape[-1]) for level in incidence(space)]).astype(np.float64)
    both = reals.concatenate([(p.T * takes[i]).reshape((1, *p.T.shape)) for i in range(len(takes))])  # (K, P, n)
    joint = reals.concatenate([(both * takes[k]).sum(2)[:, :, None] for k in range(len(takes))], axis=2)
    chance = both.sum(2)[:, :, None]
    yield Comparison("P(pair) J = P(both pairs), by enumeration", chance * matrix * above, joint * above)


# -- minimisers -------------------------------------------------------------------------------------------------------


def _minimisers(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison]:
    space, target, weights = instance.space, kit.other(instance), instance.prompt_weights
    log_rho = kit.arm_log_probs(space, target)
    best = terminal(kit, space, log_rho)
    if wrong == "squared":
        best = [kit.system.power(level, 2.0) for level in best]
    logits = list(kit.soft_bellman(space, best, 1.0)[0])
    if wrong == "not-mapped":
        # The same numbers at the last steps, read as logits; what is dead stays forbidden.
        zero = [kit.system.is_zero(q) for q in logits]
        logits = [kit.system.multiply(r, kit.lift(np.where(z, -np.inf, 0.0))) for r, z in zip(best, zero, strict=True)]
    if wrong == "mapped-twice":
        best = logits
    nothing = kit.number(np.zeros(sum(level.size for level in instance.reward.levels)))
    yield Comparison("∇L^ARM = 0", flat(kit.arm_gradient(space, logits, target, weights)), nothing)
    yield Comparison("∇L^EBM = 0", flat(kit.ebm_gradient(space, best, target, weights)), nothing)
    yield Comparison("p of M(r*) = ρ", kit.arm_log_probs(space, logits), log_rho)
    yield Comparison("p of r* = ρ", kit.ebm_log_probs(space, best, 1.0), log_rho)
    # By a third route: A moves along any direction as the data do.
    direction = instance.direction.levels
    _, change = kit.forward_mode(space, best, numbers(kit, direction))
    moved = expectation(kit, log_rho, kit.log(kit.response_rewards(space, [kit.lift(level) for level in direction])))
    yield Comparison("∂A along a direction = E_ρ of it", change, moved)


# -- Taylor remainders ------------------------------------------------------------------------------------------------


def _taylor(kit: Toolkit[Any], instance: Instance, wrong: str = "") -> Iterator[Comparison | Measured]:
    space, rewards, logits = instance.space, kit.rewards(instance), kit.logits(instance)
    target, weights = kit.other(instance), instance.prompt_weights
    direction = instance.direction.levels
    d = numbers(kit, direction)
    moves = kit.log(kit.response_rewards(space, [kit.lift(level) for level in direction]))
    squared = _squared_span(kit, moves, np.logical_not(kit.system.is_zero(kit.response_rewards(space, rewards))))
    local: Any = kit.number(0.0)
    for t, (rho, q) in enumerate(zip(kit.passing(space, target), logits, strict=True)):
        here = kit.real(rho) * _squared_span(kit, d[t], np.logical_not(kit.system.is_zero(q)))
        local = local + (here * per_prefix(weights, here)).sum(0)
    constant = 16.0 if wrong == "half" else 8.0

    def along(levels: Levels, h: float) -> list[Any]:
        pairs = zip(levels, direction, strict=True)
        return [kit.system.multiply(level, kit.carrier(h * kit.log(kit.lift(change)))) for level, change in pairs]

    def partition(h: float) -> Any:
        return kit.log(kit.log_partition(space, along(rewards, h), 1.0))

    def ebm_risk(h: float) -> Any:
        return kit.ebm_risk(space, along(rewards, h), target, weights)

    def arm_risk(h: float) -> Any:
        return kit.arm_risk(space, along(logits, h), target, weights)

    slopes = {
        "A": sum_along(kit.log_partition_gradient(space, rewards), d, space),
        "L^EBM": reals.total(sum_along(kit.ebm_gradient(space, rewards, target, weights), d, space)),
        "L^ARM": reals.total(sum_along(kit.arm_gradient(space, logits, target, weights), d, space)),
    }
    spans = {
        "A": squared,
        "L^EBM": reals.total(squared * weights),
        "L^ARM": reals.total(local),
    }
    for (name, slope), f in zip(slopes.items(), (partition, ebm_risk, arm_risk), strict=True):
        if wrong == "halved":
            slope = slope / 2.0
        if wrong == "backward":
            slope = -slope
        start, sizes = f(0.0), []
        for h in (_STEP, _STEP / 2.0):
            remainder = f(h) - start - slope * h
            yield Comparison(
                f"{name}: remainder at {h:g} is not negative", kit.number(np.zeros(start.shape)), remainder, "at most"
            )
            largest = spans[name] * (h * h / constant)
            yield Comparison(
                f"{name}: remainder at {h:g} is at most h²/8 of a span squared", remainder, largest, "at most"
            )
            sizes.append(float(np.abs(reals.value(remainder)).sum()))
        # Where nothing bends, the remainder is rounding.
        if sizes[1] > 1e-10 * (1.0 + np.abs(reals.value(start)).sum()):
            yield Measured(f"slope of the Taylor remainder of {name}", float(np.log2(sizes[0] / sizes[1])))


def _squared_span(kit: Toolkit[Any], values: Any, live: NDArray[np.bool_]) -> Any:
    """The square of the span over the first axis."""
    nothing, dead = np.full(live.shape, -np.inf), ~np.asarray(live.any(axis=0))
    zero = kit.number(np.zeros(dead.shape))
    span = reals.largest(reals.where(live, values, nothing), 0) + reals.largest(reals.where(live, -values, nothing), 0)
    span = reals.where(dead, zero, span)
    return span * span


def _curved(seed: int) -> list[Instance]:
    """Small built-in instances, and two equally likely responses: there the variance is span²/4."""
    even = Instance("V=1, T=2, two responses alike", StateActionTable.zeros(SequenceSpace(1, max_length=2)), seed=seed)
    return [*(instance for instance in built_in(seed) if FEW.includes(instance)), even]


CLAIMS: Final = (
    Claim(
        id="GR-jacobian",
        place="beyond the paper (Proposition 1 says that M is a bijection)",
        statement="det J_M = 1: J_M has 1 on its diagonal, and 0 unless r(s',a') is deeper",
        latex=r"\det J_M = 1, \quad \frac{\partial q(s,a)}{\partial r(s,a)} = 1, \quad "
        r"\frac{\partial q(s,a)}{\partial r(s',a')} = 0 \text{ unless } (s',a') \text{ is deeper}",
        hypotheses=f"{FORCED}; pairs in order of depth, each prompt's apart",
        routes=(
            "unit vectors pushed through M one by one, their entries as rationals",
            "the identity on and below the diagonal; the determinant by elimination over the rationals",
        ),
        body=_triangular,
        # What stands above the diagonal, which the mistakes in pushing change, is GR-adjoint's.
        misreadings=misread(
            _triangular,
            ("jacobian-own-value", "q(s,a) = r(s,a) + V(s)", "own-value"),
            ("jacobian-transposed", "shallow rewards move deep logits", "transposed"),
            ("jacobian-signed", "q(s,a) = -r(s,a) - V(s⊕a)", "signed"),
        ),
        scope=FEW,
    ),
    Claim(
        id="GR-adjoint",
        place="beyond the paper",
        statement="<g, J_M d> = <J_Mᵀ g, d>; below (s,a), J_M = P(s',a' | s,a)",
        latex=r"\langle g, J_M d\rangle = \langle J_M^\top g, d\rangle, \quad "
        r"\frac{\partial q(s,a)}{\partial r(s',a')} = P(s',a' \mid s,a) \text{ below } (s,a)",
        hypotheses=FORCED,
        routes=(
            "J_M d from the leaves up",
            "J_Mᵀ g from the root down",
            "J_M d by complex step, along a direction (all) and along unit vectors (small instances)",
            "joint chances of two pairs, by enumeration (small instances)",
        ),
        body=_adjoint,
        mistakes=(*PUSHFORWARD, *PULLBACK, *FORWARD_MODE),
        misreadings=misread(
            _adjoint,
            ("adjoint-symmetric", "J_M is its own transpose", "symmetric"),
            ("adjoint-inverse", "the sign of what arrives from above", "inverse"),
        ),
        scope=MODEST,
    ),
    Claim(
        id="GR-minimisers",
        place="Proposition 2 and B.3; that the gradients vanish there is beyond the paper",
        statement="r* = log ρ at last steps, 0 before: ∇L^EBM(r*) = 0 and ∇L^ARM(M r*) = 0",
        latex=r"r^\star = \log \rho \text{ at last steps, } 0 \text{ before: } \nabla L^{\mathrm{EBM}}(R_{r^\star}) "
        r"= 0, \quad \nabla L^{\mathrm{ARM}}(M(r^\star)) = 0",
        hypotheses=f"{FORCED}; ρ(y|x) > 0 wherever y is allowed",
        routes=(
            "the library's gradients at r* and M(r*), against 0",
            "the distributions there against ρ, response by response",
            "∂A along a direction by complex step, against E_ρ, by enumeration",
        ),
        body=_minimisers,
        mistakes=(
            # Where π is π_ρ the first gradients differ by no more than their factors, and by their sign.
            *without(
                ARM_GRADIENT,
                "arm-gradient-all-prefixes",
                "arm-gradient-own-prefixes",
                "arm-gradient-sign",
                "arm-gradient-token-mean",
            ),
            *without(EBM_GRADIENT, "ebm-gradient-of-logits"),
            # The temperature is 1; rewards are log-probabilities, so that nothing overflows or is near -1e9.
            *without(SOFT_BELLMAN_POLICY, *OF_TEMPERATURE, "mask-1e9", "no-shift"),
            # Only the change of A is looked at.
            *without(FORWARD_MODE, "forward-mode-identity"),
        ),
        misreadings=misread(
            _minimisers,
            ("minimiser-not-mapped", "q* = r*: the same table minimises both", "not-mapped"),
            ("minimiser-mapped-twice", "r* = q*: logits are taken for rewards", "mapped-twice"),
            ("minimiser-squared", "log ρ counted twice", "squared"),
        ),
        errata=("E2", "E4", "E5"),
        scope=MODEST,
    ),
    Claim(
        id="GR-taylor",
        place="beyond the paper",
        statement="0 ≤ f(r + hd) - f(r) - h<∇f, d> ≤ h²/8 · span², for A, L^EBM and L^ARM",
        latex=r"0 \le f(r + hd) - f(r) - h\langle\nabla f, d\rangle \le \tfrac{h^2}{8}\,\mathrm{span}^2 "
        r"\text{ for } f = A, \; L^{\mathrm{EBM}}, \; L^{\mathrm{ARM}}",
        hypotheses=f"{FORCED}; span of R_d over responses, for L^ARM of d(s,·), squared and averaged as f is",
        routes=(
            "f at two points, by enumeration (A, L^EBM) or along each response (L^ARM)",
            "the library's gradient; f'' is a variance, at most span²/4, so the slope of the remainder is 2",
        ),
        body=_taylor,
        mistakes=(*LOG_PARTITION_GRADIENT, *EBM_GRADIENT, *ARM_GRADIENT),
        misreadings=misread(
            _taylor,
            ("taylor-half-gradient", "half the gradient: slope 1", "halved"),
            ("taylor-backward", "the gradient's sign: slope 1", "backward"),
            ("taylor-half-curvature", "h²/16 of the span squared", "half"),
        ),
        own=_curved,
    ),
)
