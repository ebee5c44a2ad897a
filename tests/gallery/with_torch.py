"""PyTorch: autograd, teacher-forced batches, samplers from torch.distributions."""

import torch
import torch.nn.functional as F
from torch.distributions import Categorical

from gallery.common import by_prefix
from gallery.entry import Entry

__all__ = ["RIGHT", "WRONG"]


def _children(prefixes, lengths, n_tokens):
    """(N, V): the row of each child, or N."""
    keys = [tuple(prefix[:n]) for prefix, n in zip(prefixes.tolist(), lengths.tolist(), strict=True)]
    rows = {key: i for i, key in enumerate(keys)}
    return torch.tensor([[rows.get((*key, token), len(keys)) for token in range(n_tokens)] for key in keys])


def _values(rewards, prefixes, lengths, total, below=lambda v: v):
    """Backward induction that autograd can follow: nothing is written in place."""
    n_tokens = rewards.shape[1] - 1
    children = _children(prefixes, lengths, n_tokens)
    v = torch.zeros(len(rewards) + 1, dtype=rewards.dtype)
    for _ in range(int(lengths.max()) + 1):
        q = torch.cat([rewards[:, :-1] + below(v)[children], rewards[:, -1:]], dim=1)
        v = torch.cat([total(q), torch.zeros(1, dtype=rewards.dtype)])
    return q, v[:-1]


def _log_sum_exp(q):
    """torch.logsumexp with a gradient of 0 where everything is forbidden."""
    dead = torch.isneginf(q).all(dim=1, keepdim=True)
    return torch.logsumexp(q.masked_fill(dead, 0.0), dim=1).masked_fill(dead[:, 0], -torch.inf)


def _inside(tokens, lengths):
    return torch.arange(tokens.shape[1]) < lengths[:, None]


# -- right ------------------------------------------------------------------------------------------------------------


def soft_bellman(rewards, prefixes, lengths, temperature=1.0):
    return _values(rewards, prefixes, lengths, lambda q: temperature * torch.logsumexp(q / temperature, dim=1))


def soft_bellman_mdp(rewards, next_state, terminal):
    v = torch.zeros(len(rewards), dtype=rewards.dtype)
    for _ in range(len(rewards)):
        q = rewards + v[next_state]
        v = torch.logsumexp(q, dim=1).masked_fill(terminal, 0.0)
    return q, v


def gradient_by_autograd(rewards, prefixes, lengths, temperature=1.0):
    rewards = rewards.clone().requires_grad_()
    _, v = _values(rewards, prefixes, lengths, lambda q: temperature * _log_sum_exp(q / temperature))
    (v[lengths == 0].sum() / temperature).backward()
    return rewards.grad


def log_prob(logits, tokens, lengths):
    steps = F.log_softmax(logits, dim=-1).gather(-1, tokens[..., None])[..., 0]
    return steps.masked_fill(~_inside(tokens, lengths), 0.0).sum(dim=1)


def log_prob_in_float32(logits, tokens, lengths):
    """As mixed precision does: the logits come in bfloat16, the softmax runs in float32."""
    return log_prob(logits.float(), tokens, lengths)


def log_prob_by_cross_entropy(logits, tokens, lengths):
    targets = tokens.masked_fill(~_inside(tokens, lengths), -100)
    return -F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=-100, reduction="none").sum(dim=1)


def policy(logits, prefixes, lengths):
    return F.softmax(logits, dim=-1)


def inverse(logits, next_state, terminal):
    return logits - torch.logsumexp(logits, dim=1).masked_fill(terminal, 0.0)[next_state]


def gradient_of_nll(logits, tokens, lengths):
    logits = logits.clone().requires_grad_()
    (-log_prob(logits, tokens, lengths).mean()).backward()
    return logits.grad


def entropy(logits, next_state, terminal):
    pi = F.softmax(logits, dim=1)
    own = torch.special.entr(pi).sum(dim=1)
    h = torch.zeros(len(logits), dtype=logits.dtype)
    for _ in range(len(logits)):
        h = (own + (pi * h[next_state]).sum(dim=1)).masked_fill(terminal, 0.0)
    return h[0]


def sampler(logits, prefixes, lengths, n):
    n_tokens = logits.shape[1] - 1
    children = F.pad(_children(prefixes, lengths, n_tokens), (0, 1), value=len(logits))  # EOS leads nowhere
    ended = torch.full((1, n_tokens + 1), -torch.inf, dtype=logits.dtype)
    ended[0, -1] = 0.0
    table, nowhere = torch.cat([logits, ended]), torch.full((1, n_tokens + 1), len(logits))
    children = torch.cat([children, nowhere])
    row = torch.nonzero(lengths == 0)[0].expand(n)
    drawn = []
    for _ in range(prefixes.shape[1]):
        drawn.append(Categorical(logits=table[row]).sample())
        row = children[row, drawn[-1]]
    return torch.stack(drawn, dim=1)


def sampler_next_token(logits, n):
    eos = len(logits(())) - 1
    drawn = []
    for _ in range(n):
        response = ()
        while eos not in response:
            response += (int(torch.multinomial(F.softmax(logits(response), dim=-1), 1)),)
        drawn.append(response)
    return drawn


def k3_of_tokens(log_p, log_q, lengths):
    """Unbiased at each step, so also their sum."""
    log_ratio = log_q - log_p
    return (torch.expm1(log_ratio) - log_ratio).sum(dim=1)


_DICT = {"adapter": "dict"}
_TORCH = {"adapter": "batch", "array": "torch"}
_MDP = {"adapter": "mdp", "array": "torch"}
_NEXT = {"adapter": "next-token", "array": "torch"}
_NLL = _TORCH | {"of": "nll"}
_LOG_PARTITION = _TORCH | {"of": "log-partition"}
_MASKED = {"adapter": "batch", "array": "torch", "lengths": "both", "masks": True}


def _entry(name, kind, function, options, mistakes=()):
    return Entry(name, kind, function, options, mistakes, "torch")


RIGHT = (
    _entry("torch soft Bellman", "soft-bellman", soft_bellman, _MASKED),
    _entry("torch soft Bellman, float32", "soft-bellman", soft_bellman, _TORCH | {"dtype": "float32"}),
    _entry("torch value iteration", "soft-bellman", soft_bellman_mdp, _MDP | {"masks": True}),
    _entry("torch inverse", "inverse", inverse, _MDP | {"masks": True, "lengths": "both"}),
    _entry("torch gradient by autograd", "gradient", gradient_by_autograd, _MASKED | {"of": "log-partition"}),
    _entry(
        "torch gradient by autograd, float32",
        "gradient",
        gradient_by_autograd,
        _TORCH | {"of": "log-partition", "dtype": "float32"},
    ),
    _entry("torch log-probability", "log-prob", log_prob, _MASKED),
    _entry("torch log-probability, float32", "log-prob", log_prob, _MASKED | {"dtype": "float32"}),
    _entry("torch log-probability, bfloat16", "log-prob", log_prob, _TORCH | {"dtype": "bfloat16"}),
    _entry("torch log-probability, from bfloat16", "log-prob", log_prob_in_float32, _MASKED | {"dtype": "bfloat16"}),
    _entry("torch log-probability by cross-entropy", "log-prob", log_prob_by_cross_entropy, _MASKED),
    _entry("torch policy", "policy", policy, _MASKED | {"dtype": "float32"}),
    _entry("torch gradient of the likelihood", "gradient", gradient_of_nll, _MASKED | {"of": "nll"}),
    _entry("torch entropy", "entropy", entropy, _MDP | {"masks": True}),
    _entry("torch sampler", "sampler", sampler, _MASKED),
    _entry("torch next-token sampler", "sampler", sampler_next_token, _NEXT),
    _entry("torch k3 of tokens", "kl-estimator", k3_of_tokens, _TORCH | {"masks": False}),
)

# -- wrong ------------------------------------------------------------------------------------------------------------


def best_logit(rewards, prefixes, lengths):
    return _values(rewards, prefixes, lengths, lambda q: q.max(dim=1).values)  # torch.logsumexp


def mean_of_exp(rewards, prefixes, lengths):
    def total(q):
        return torch.logsumexp(q, dim=1) - torch.isfinite(q).sum(dim=1).to(q.dtype).log()  # a sum, not a mean

    return _values(rewards, prefixes, lengths, total)


def sum_of_exp(rewards, prefixes, lengths):
    return _values(rewards, prefixes, lengths, lambda q: q.exp().sum(dim=1).log())  # overflows for lack of a shift


def halves(rewards, prefixes, lengths):
    q, v = soft_bellman(rewards.float(), prefixes, lengths)  # as a model is run
    return q.double(), v.double()


def detached(rewards, prefixes, lengths):
    rewards = rewards.clone().requires_grad_()
    _, v = _values(rewards, prefixes, lengths, _log_sum_exp, below=torch.Tensor.detach)  # no target network here
    v[lengths == 0].sum().backward()
    return rewards.grad


def gradient_descent(rewards, prefixes, lengths):
    return -gradient_by_autograd(rewards, prefixes, lengths)  # the gradient, not the step


def gathered_logits(logits, tokens, lengths):
    steps = logits.gather(-1, tokens[..., None])[..., 0]  # no log_softmax
    return steps.masked_fill(~_inside(tokens, lengths), 0.0).sum(dim=1)


def padded_steps_counted(logits, tokens, lengths):
    return F.log_softmax(logits, dim=-1).gather(-1, tokens[..., None])[..., 0].sum(dim=1)  # no mask


def eos_masked_as_padding(logits, tokens, lengths):
    eos = logits.shape[-1] - 1
    steps = F.log_softmax(logits, dim=-1).gather(-1, tokens[..., None])[..., 0]
    return steps.masked_fill(tokens == eos, 0.0).sum(dim=1)  # the first EOS counts


def mean_over_steps(logits, tokens, lengths):
    return log_prob(logits, tokens, lengths) / lengths  # as in a perplexity


def labels_shifted(logits, tokens, lengths):
    steps = F.log_softmax(logits[:, :-1], dim=-1).gather(-1, tokens[:, 1:, None])[..., 0]  # shifted already
    return steps.masked_fill(~_inside(tokens, lengths)[:, 1:], 0.0).sum(dim=1)


def zero_times_infinity(logits):
    rows = by_prefix(logits)

    def below(prefix):
        if prefix not in rows:
            return 0.0
        log_pi = F.log_softmax(torch.tensor(list(rows[prefix].values()), dtype=torch.float64), dim=0)
        further = torch.tensor([below((*prefix, action)) for action in rows[prefix]], dtype=torch.float64)
        return (log_pi.exp() * (further - log_pi)).sum().item()  # where π is 0 this is 0 · inf

    return below(())


def cross_entropy_mean(logits, tokens, lengths):
    logits = logits.clone().requires_grad_()
    targets = tokens.masked_fill(~_inside(tokens, lengths), -100)
    F.cross_entropy(logits.transpose(1, 2), targets).backward()  # reduction="mean" divides by the tokens of all
    return logits.grad


def likelihood_uphill(logits, tokens, lengths):
    logits = logits.clone().requires_grad_()
    log_prob(logits, tokens, lengths).mean().backward()  # of the log-likelihood, not of the loss
    return logits.grad


def squared(log_p, log_q, lengths):
    return 0.5 * (log_p - log_q).sum(dim=1) ** 2  # k2 has a bias


def ratio_upside_down(log_p, log_q, lengths):
    log_ratio = (log_p - log_q).sum(dim=1)  # q/p
    return torch.expm1(log_ratio) - log_ratio


def argmax(logits, n):
    eos, response = len(logits(())) - 1, ()
    while eos not in response:
        response += (int(logits(response).argmax()),)  # no draw
    return [response] * n


def seeded_inside(logits, n):
    drawn = []
    for _ in range(n):
        torch.manual_seed(0)  # once, before the loop
        drawn += sampler_next_token(logits, 1)
    return drawn


WRONG = (
    _entry("torch hard max", "soft-bellman", best_logit, _TORCH, ("hard-max",)),
    _entry(
        "torch log-mean-exp",
        "soft-bellman",
        mean_of_exp,
        _TORCH | {"masks": False},
        ("log-mean-exp",),
    ),
    _entry("torch exp without a shift", "soft-bellman", sum_of_exp, _TORCH, ("no-shift",)),
    _entry("torch in float32 throughout", "soft-bellman", halves, _TORCH, ("single-precision",)),
    _entry(
        "torch gradient with detached values",
        "gradient",
        detached,
        _LOG_PARTITION,
        ("gradient-first-step-only",),
    ),
    _entry("torch gradient downhill", "gradient", gradient_descent, _LOG_PARTITION, ("gradient-sign",)),
    _entry("torch gathered logits", "log-prob", gathered_logits, _TORCH | {"dtype": "float32"}, ("not-normalised",)),
    _entry("torch log-probability with padding", "log-prob", padded_steps_counted, _TORCH, ("padding-counted",)),
    _entry(
        "torch log-probability with EOS masked",
        "log-prob",
        eos_masked_as_padding,
        _TORCH | {"masks": False, "dtype": "float32"},
        ("last-step-for-free",),
    ),
    _entry("torch mean log-probability", "log-prob", mean_over_steps, _TORCH, ("length-normalised",)),
    _entry("torch labels shifted again", "log-prob", labels_shifted, _TORCH, ("shifted-twice",)),
    _entry(
        "torch entropy with 0 times infinity",
        "entropy",
        zero_times_infinity,
        {"adapter": "dict"},
        ("entropy-zero-times-infinity",),
    ),
    _entry(
        "torch cross-entropy by token",
        "gradient",
        cross_entropy_mean,
        _TORCH | {"of": "nll"},
        ("arm-gradient-token-mean",),
    ),
    _entry("torch likelihood uphill", "gradient", likelihood_uphill, _NLL, ("arm-gradient-sign",)),
    _entry("torch k2", "kl-estimator", squared, _TORCH, ("kl-k2",)),
    _entry("torch k3 upside down", "kl-estimator", ratio_upside_down, _TORCH, ("kl-k3-inverted",)),
    _entry("torch argmax for a sampler", "sampler", argmax, _NEXT, ("policy-greedy",)),
    _entry(
        "torch sampler seeded inside its loop",
        "sampler",
        seeded_inside,
        _NEXT | {"draws": 400},  # each seeds PyTorch anew, which takes long
        ("draws-repeat",),
    ),
)
