"""JAX: jax.grad, vmap and scan; float32, and float64 where it can be enabled locally."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import log_softmax, logsumexp, softmax

from gallery.entry import Entry

__all__ = ["RIGHT", "WRONG"]


# Compiled once for each shape; a function made anew at each call would be compiled at each.
@partial(jax.jit, static_argnames="total")
def _iterate(rewards, next_state, terminal, temperature, total):
    """As many sweeps as there are states, by scan."""

    def sweep(v, _):
        q = rewards + v[next_state]
        return jnp.where(terminal, 0.0, jax.vmap(total, (0, None))(q, temperature)), None

    v, _ = jax.lax.scan(sweep, jnp.zeros(len(rewards), rewards.dtype), length=len(rewards))
    return rewards + v[next_state], v


def _log_sum_exp(row, temperature):
    """τ log Σ exp with a gradient of 0 where everything is forbidden."""
    dead = jnp.all(jnp.isneginf(row))
    return jnp.where(dead, -jnp.inf, temperature * logsumexp(jnp.where(dead, 0.0, row) / temperature))


# -- right ------------------------------------------------------------------------------------------------------------


def soft_bellman(rewards, next_state, terminal, temperature=1.0):
    return _iterate(rewards, next_state, terminal, temperature, _log_sum_exp)


def in_float64(rewards, next_state, terminal):
    """NumPy in, NumPy out; inside, JAX in float64."""
    with jax.enable_x64(True):
        q, v = soft_bellman(jnp.asarray(rewards), jnp.asarray(next_state), jnp.asarray(terminal))
        return np.asarray(q), np.asarray(v)


@jax.jit
def gradient(rewards, next_state, terminal):
    return jax.grad(lambda r: soft_bellman(r, next_state, terminal)[1][0])(rewards)


def gradient_in_float64(rewards, next_state, terminal):
    with jax.enable_x64(True):
        arguments = (jnp.asarray(x) for x in (rewards, next_state, terminal))
        return np.asarray(gradient(*arguments))


def log_prob_of_one(logits, tokens, length):
    steps = log_softmax(logits)[jnp.arange(len(tokens)), tokens]
    return jnp.sum(jnp.where(jnp.arange(len(tokens)) < length, steps, 0.0))


@jax.jit
def log_prob(logits, tokens, lengths):
    return jax.vmap(log_prob_of_one)(logits, tokens, lengths)


@jax.jit
def gradient_of_nll(logits, tokens, lengths):
    return jax.grad(lambda q: -jnp.mean(log_prob(q, tokens, lengths)))(logits)


def policy(logits, prefixes, lengths):
    return jax.vmap(softmax)(logits)


def k1(log_p, log_q, lengths):
    return jnp.sum(log_p - log_q, axis=1)


def sampler(logits, n, seed):
    eos = len(logits(())) - 1
    keys = jax.random.split(jax.random.key(seed), 4 * n)
    # Every uniform number is made at once: a call for each would take long.
    noise = np.asarray(jax.vmap(lambda key: jax.random.gumbel(key, (eos + 1,)))(keys)).reshape(n, 4, eos + 1)
    drawn = []
    for i in range(n):
        response = ()
        while eos not in response:
            response += (int(np.argmax(np.asarray(logits(response)) + noise[i, len(response)])),)
        drawn.append(response)
    return drawn


_MDP = {"adapter": "mdp", "array": "jax", "dtype": "float32"}
_BATCH = {"adapter": "batch", "array": "jax", "dtype": "float32"}


def _entry(name, kind, function, options, mistakes=()):
    return Entry(name, kind, function, options, mistakes, "jax")


RIGHT = (
    _entry("jax value iteration, float32", "soft-bellman", soft_bellman, _MDP | {"masks": True}),
    _entry("jax value iteration, float64 inside", "soft-bellman", in_float64, {"adapter": "mdp", "lengths": "both"}),
    _entry("jax.grad, float32", "gradient", gradient, _MDP | {"of": "log-partition", "masks": True}),
    _entry("jax.grad, float64 inside", "gradient", gradient_in_float64, {"adapter": "mdp", "of": "log-partition"}),
    _entry("jax log-probability", "log-prob", log_prob, _BATCH | {"lengths": "both", "masks": True}),
    _entry("jax gradient of the likelihood", "gradient", gradient_of_nll, _BATCH | {"of": "nll"}),
    _entry("jax policy", "policy", policy, _BATCH | {"lengths": "both"}),
    _entry("jax k1", "kl-estimator", k1, _BATCH),
    _entry("jax sampler", "sampler", sampler, {"adapter": "next-token"}),
)

# -- wrong ------------------------------------------------------------------------------------------------------------


def hard_max(rewards, next_state, terminal):
    return _iterate(rewards, next_state, terminal, 1.0, _max)


def _max(row, temperature):
    return jnp.max(row)  # logsumexp


def lost_temperature(rewards, next_state, terminal, temperature):
    return _iterate(rewards, next_state, terminal, temperature, _without_factor)


def _without_factor(row, temperature):
    return logsumexp(row / temperature)  # lacks temperature *


def inverted_temperature(rewards, next_state, terminal, temperature):
    return soft_bellman(rewards, next_state, terminal, 1.0 / temperature)  # the parameter of _iterate is τ, not β


def gradient_of_loss(rewards, next_state, terminal):
    return -gradient(rewards, next_state, terminal)  # log Z goes up with the rewards


@jax.jit
def gradient_of_every_value(rewards, next_state, terminal):
    def total(r):
        _, v = soft_bellman(r, next_state, terminal)
        return jnp.sum(jnp.where(jnp.isneginf(v), 0.0, v))  # jax.grad wants a number: v[0], not the sum of all

    return jax.grad(total)(rewards)


def raw_logits(logits, tokens, lengths):
    steps = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]  # no log_softmax
    return jnp.sum(jnp.where(jnp.arange(tokens.shape[1]) < lengths[:, None], steps, 0.0), axis=1)


def padding_counted(logits, tokens, lengths):
    return jnp.take_along_axis(log_softmax(logits), tokens[..., None], axis=-1).sum(axis=(1, 2))  # no mask


def backwards(log_p, log_q, lengths):
    return jnp.sum(log_q - log_p, axis=1)  # an estimate of -KL(p‖q)


def one_key(logits, n, seed):
    eos, key = len(logits(())) - 1, jax.random.key(seed)
    noise = np.asarray(jax.random.gumbel(key, (4, eos + 1)))  # the key is not split: all draws are the same
    response = ()
    while eos not in response:
        response += (int(np.argmax(np.asarray(logits(response)) + noise[len(response)])),)
    return [response] * n


WRONG = (
    _entry("jax hard max", "soft-bellman", hard_max, _MDP, ("hard-max",)),
    _entry("jax lost temperature", "soft-bellman", lost_temperature, _MDP, ("lost-temperature",)),
    _entry("jax inverted temperature", "soft-bellman", inverted_temperature, _MDP, ("temperature-inverted",)),
    _entry("jax gradient of a loss", "gradient", gradient_of_loss, _MDP | {"of": "log-partition"}, ("gradient-sign",)),
    _entry(
        "jax gradient of every value",
        "gradient",
        gradient_of_every_value,
        _MDP | {"of": "log-partition"},
        ("gradient-of-every-value",),
    ),
    _entry("jax sum of logits", "log-prob", raw_logits, _BATCH, ("not-normalised",)),
    _entry("jax log-probability with padding", "log-prob", padding_counted, _BATCH, ("padding-counted",)),
    _entry("jax k1 backwards", "kl-estimator", backwards, _BATCH, ("kl-negative",)),
    _entry("jax sampler with one key", "sampler", one_key, {"adapter": "next-token"}, ("draws-repeat",)),
)
