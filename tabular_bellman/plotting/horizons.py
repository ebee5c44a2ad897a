"""What a limited horizon loses, as a curve, and at which depths, as a matrix (see `tabular_bellman.lookahead`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tabular_bellman.errors import TabularBellmanError
from tabular_bellman.extended import FloatArray, kl_terms, weighted
from tabular_bellman.inputs import entries, expect
from tabular_bellman.lookahead import lookahead_logits
from tabular_bellman.models import AutoregressiveModel
from tabular_bellman.plotting.canvas import (
    PLAIN,
    SERIES,
    SYMBOLS,
    axes,
    choose_prompt,
    drawing,
    headline,
    whole_numbers,
)
from tabular_bellman.plotting.cells import Box, draw_cells
from tabular_bellman.plotting.settings import handed_on, merged
from tabular_bellman.recursion import prefix_marginals, soft_bellman
from tabular_bellman.space import SequenceSpace
from tabular_bellman.table import StateActionTable
from tabular_bellman.tokens import Prompt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HorizonLosses", "horizon_losses", "lookahead_curve", "reach_of_rewards"]

_MOST_HORIZONS: Final = 60


@dataclass(frozen=True, eq=False)
class HorizonLosses:
    """What horizons lose for one prompt; of `horizon_losses`.

    Attributes
    ----------
    horizons : ndarray of shape (H,)
        h, in the order asked for.
    by_depth : ndarray of shape (H, T)
        E[KL(π(·|S_t)‖π_h(·|S_t))], S_t a prefix of depth t drawn from p, 0 where the response has ended; in nats.
    kl : ndarray of shape (H,)
        KL(p‖p_h) of whole responses: the sum over depths.
    success : ndarray of shape (H,)
        The chance that a draw from softmax(M_h r) ends in an allowed response.
    """

    horizons: FloatArray
    by_depth: FloatArray
    kl: FloatArray
    success: FloatArray


def horizon_losses(
    reward: StateActionTable, *, prompt: Prompt = None, horizons: Iterable[int] | None = None
) -> HorizonLosses:
    """Compare p, drawn token by token from softmax(M r), with p_h, from softmax(M_h r), for each horizon h.

    Parameters
    ----------
    reward : StateActionTable
    prompt : hashable, optional
        By default the first.
    horizons : iterable of int, optional
        At most 60; by default all, 0 to T - 1.

    Raises
    ------
    TabularBellmanError
        If every response to a prompt is forbidden, for a horizon that does not exist, and for too many.
    """
    expect(StateActionTable, reward, "the reward")
    space, p = reward.space, choose_prompt(reward.space, prompt)
    chosen = _horizons(space, horizons)
    model = AutoregressiveModel(soft_bellman(reward)[0])
    log_policy, log_passing = model.log_policy.levels, model.prefix_log_probs.levels
    by_depth, success = np.zeros((len(chosen), space.n_depths)), np.zeros(len(chosen))
    for i, horizon in enumerate(chosen):
        logits = lookahead_logits(reward, horizon)
        seen = logits.log_softmax()
        for t in range(space.n_depths - 1 - horizon):  # what is deeper sees to the end
            lost = kl_terms(log_policy[t], seen.levels[t]).sum(axis=0)
            by_depth[i, t] = weighted(log_passing[t], lost)[p :: space.n_prompts].sum()
        success[i] = _success(logits, seen, p)
    return HorizonLosses(np.array(chosen), by_depth, by_depth.sum(axis=1), success)


def _success(logits: StateActionTable, log_policy: StateActionTable, p: int) -> float:
    """Return the chance that a draw ends in a response, not at a prefix without a way on."""
    space, passing = logits.space, prefix_marginals(logits)
    total = 0.0
    for t, level in enumerate(log_policy.levels):
        last = t + 1 == space.n_depths
        ends = level if last else level[-1:] if space.has_eos and t + 1 >= space.min_length else level[:0]
        total += float((np.exp(ends).sum(axis=0) * passing.levels[t])[p :: space.n_prompts].sum())
    return min(total, 1.0)


def _horizons(space: SequenceSpace, horizons: Iterable[int] | None) -> list[int]:
    if horizons is not None:
        return entries(horizons, "horizons", _MOST_HORIZONS)
    if space.n_depths > _MOST_HORIZONS:
        raise TabularBellmanError(
            f"{space!r} has {space.n_depths} horizons; a picture takes {_MOST_HORIZONS}. Choose some with horizons=, "
            "or use a shorter max_length."
        )
    return list(range(space.n_depths))


@drawing
def lookahead_curve(
    reward: StateActionTable,
    *,
    prompt: Prompt = None,
    horizons: Iterable[int] | None = None,
    ax: "Axes | None" = None,
    **kwargs: Any,
) -> "Axes":
    """Draw what a horizon of h steps loses: KL(p‖p_h), and the chance that a draw from p_h succeeds.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids.
    prompt : hashable, optional
        By default the first.
    horizons : iterable of int, optional
        At most 60; by default all, 0 to T - 1.
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    **kwargs
        For both lines, as `Axes.plot` takes them (`matplotlib.lines.Line2D`).

    Returns
    -------
    matplotlib.axes.Axes
        With KL in nats at the left; the chance has Axes of its own at the right, from 0 to 1.

    Raises
    ------
    TabularBellmanError
        As `horizon_losses`, for settings that Matplotlib refuses, and without Matplotlib.

    Notes
    -----
    p draws token by token from softmax(M r), p_h from softmax(M_h r), which sees the rewards of a step and of the h
    steps after it (`lookahead_logits`).  A draw succeeds if it ends in an allowed response, not at a prefix where
    everything is forbidden.  KL(p‖p_h) is finite; a longer horizon need not lose less.
    """
    from matplotlib.lines import Line2D

    found = horizon_losses(reward, prompt=prompt, horizons=horizons)
    ax = axes(ax, 5.2, 3.4)
    right = ax.twinx()
    order = np.argsort(found.horizons)
    x = found.horizons[order]
    curves = ((ax, found.kl, "KL(p‖p_h), nats"), (right, found.success, "chance of success"))
    for k, (side, values, label) in enumerate(curves):
        look = merged({**SERIES[k], "label": label}, kwargs, Line2D)
        with handed_on(kwargs):
            side.plot(x, values[order], **look)
    ax.set_xlabel("horizon h: steps seen beyond the next")
    ax.set_ylabel(f"{SYMBOLS[0]} KL(p‖p_h), nats", **PLAIN)
    ax.set_ylim(bottom=0.0)
    right.set_ylabel(f"{SYMBOLS[1]} chance of success", **PLAIN)
    right.set_ylim(0.0, 1.05)
    whole_numbers(ax, x[0], x[-1])
    headline(ax, reward.space, choose_prompt(reward.space, prompt))
    return ax


@drawing
def reach_of_rewards(
    reward: StateActionTable, *, prompt: Prompt = None, colorbar: bool = True, ax: "Axes | None" = None, **kwargs: Any
) -> "Axes":
    """Draw how far back rewards reach: what the choice at one depth loses when it sees rewards up to another only.

    Parameters
    ----------
    reward : StateActionTable
        r, in nats; -inf forbids.
    prompt : hashable, optional
        By default the first.
    colorbar : bool, default True
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    **kwargs
        ``cmap=``, ``norm=``, ``vmin=`` and ``vmax=``, and properties of the coloured cells, a
        `matplotlib.collections.PolyCollection`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TabularBellmanError
        As `horizon_losses`, for settings that Matplotlib refuses, and without Matplotlib.

    Notes
    -----
    Row t, column u ≥ t:

        D(t, u) = E[KL(π(·|S_t) ‖ π_{u-t}(·|S_t))],

    with S_t a prefix of depth t drawn from p = softmax(M r), and π_h the policy of M_h r: at depth t it sees the
    rewards of depths t to u = t + h, and none beyond.  In the last column it sees everything, and nothing is lost.  A
    row that is 0 from its first cell on is a depth at which the next reward is all that counts; one that is far from 0
    up to the last column but one, a depth that cannot be decided without the last reward.

    Along a diagonal the horizon is the same: KL(p‖p_h) is the sum of D(t, min(t + h, T - 1)) over t, by the chain rule
    (Appendix A.4).
    """
    losses = horizon_losses(reward, prompt=prompt)
    T = reward.n_depths
    ax = axes(ax, min(2.0 + 0.6 * T, 20.0), min(1.2 + 0.5 * T, 20.0))
    ax.set_xlim(0.0, T)
    ax.set_ylim(T, 0.0)
    pairs = [(t, u) for t in range(T) for u in range(t, T)]
    values = np.array([losses.by_depth[u - t, t] for t, u in pairs])
    ax.set_xticks(np.arange(T) + 0.5, [str(t) for t in range(T)], **PLAIN)
    ax.set_yticks(np.arange(T) + 0.5, [str(t) for t in range(T)], **PLAIN)
    ax.tick_params(length=0.0)
    ax.set_xlabel("rewards seen up to depth u")
    ax.set_ylabel("choice at depth t")
    for side in ("left", "bottom", "top", "right"):
        ax.spines[side].set_visible(False)
    headline(ax, reward.space, choose_prompt(reward.space, prompt))
    draw_cells(
        ax,
        [Box(u, t, 1.0, 1.0) for t, u in pairs],
        values,
        color_label="nats lost" if colorbar else None,
        settings=kwargs,
    )
    return ax
