"""transformers (Apache-2.0): language models, https://github.com/huggingface/transformers.

What the package does with any logits: its loss, its scores, its `generate`, through a model that looks its logits up.
Nothing is downloaded.
"""

import torch
from transformers import GenerationConfig, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.loss.loss_utils import ForCausalLMLoss
from transformers.modeling_outputs import CausalLMOutput

from tabular_bellman import EOS, soft_bellman

IGNORED = -100


def log_prob(logits, tokens, lengths):
    """Minus the loss of each response."""
    rows = zip(logits, _labels(tokens, lengths), strict=True)
    return torch.stack([-_loss(row[None], labels[None], 1) for row, labels in rows])


def nll_gradient(logits, tokens, lengths):
    """The loss divided by the number of responses."""
    return _gradient(logits, tokens, lengths, len(tokens))


def nll_gradient_by_default(logits, tokens, lengths):
    return _gradient(logits, tokens, lengths, None)


def _labels(tokens, lengths):
    return tokens.masked_fill(torch.arange(tokens.shape[1]) >= lengths[:, None], IGNORED)


def _loss(logits, labels, n_items):
    # Position t of the logits is for label t+1: a label in front, where a prompt would be, and a position at the end.
    labels = torch.cat([torch.full_like(labels[:, :1], IGNORED), labels], dim=1)
    logits = torch.cat([logits, torch.zeros_like(logits[:, :1])], dim=1)
    return ForCausalLMLoss(logits, labels, vocab_size=logits.shape[-1], num_items_in_batch=n_items)


def _gradient(logits, tokens, lengths, n_items):
    variable = logits.clone().requires_grad_()
    _loss(variable, _labels(tokens, lengths), n_items).backward()
    return variable.grad


class TableConfig(PreTrainedConfig):
    model_type = "table"


class TableModel(PreTrainedModel, GenerationMixin):
    """Looks its logits up, by what comes after the first symbol, which stands for the start."""

    config_class = TableConfig
    main_input_name = "input_ids"

    def __init__(self, rows, n_symbols):
        super().__init__(TableConfig(vocab_size=n_symbols, num_hidden_layers=0))
        self.rows = rows
        self.anything = torch.nn.Parameter(torch.zeros(1))  # generate asks a model for its device
        self.after_the_end = torch.zeros(n_symbols)

    def forward(self, input_ids, **_):
        rows = [self.rows.get(tuple(ids[1:]), self.after_the_end) for ids in input_ids.tolist()]
        return CausalLMOutput(logits=torch.stack(rows)[:, None])


def log_prob_by_scores(logits, tokens, lengths):
    """`compute_transition_scores` of all steps, added up."""
    return _scores(logits, tokens).sum(dim=1)


def log_prob_by_scores_to_the_end(logits, tokens, lengths):
    """The same, of the steps up to EOS."""
    inside = torch.arange(tokens.shape[1]) < lengths[:, None]
    return _scores(logits, tokens).masked_fill(~inside, 0.0).sum(dim=1)


def _scores(logits, tokens):
    model = TableModel({}, logits.shape[-1])
    return model.compute_transition_scores(tokens, tuple(logits.unbind(1)), normalize_logits=True)


def sampler(logits, prefixes, lengths, n):
    """`generate` with do_sample, and nothing that changes the logits."""
    counts = lengths.tolist()
    rows = {tuple(p[:k]): row for p, k, row in zip(prefixes.tolist(), counts, logits, strict=True)}
    return _generated(rows, n, max(counts) + 1)


def sampler_at_temperature(rewards, n, temperature):
    """The logits of p ∝ exp R, and then a temperature for `generate`."""
    space = rewards.space
    logits, _ = soft_bellman(rewards)
    rows = {}
    for (_, prefix, action), x in logits.items():
        row = rows.setdefault(_numbers(space, prefix), torch.full((space.n_tokens + 1,), -torch.inf))
        row[_numbers(space, (action,))] = x
    drawn = _generated(rows, n, space.max_length, temperature=temperature).tolist()
    symbols = (*space.vocab, EOS)
    return [tuple(symbols[i] for i in row[: row.index(space.n_tokens) + 1]) for row in drawn]


def _numbers(space, actions):
    return tuple(space.n_tokens if action is EOS else space.token_index(action) for action in actions)


def _generated(rows, n, n_steps, temperature=1.0):
    """n responses (n, n_steps), EOS after the end; top_k would be 50 by default."""
    n_symbols = len(rows[()])
    eos = n_symbols - 1
    settings = GenerationConfig(do_sample=True, max_new_tokens=n_steps, eos_token_id=eos, pad_token_id=eos,
                                top_k=0, temperature=temperature, use_cache=False)  # fmt: skip
    ids = torch.full((n, 1), eos)
    drawn = TableModel(rows, n_symbols).generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)[
        :, 1:
    ]
    return torch.nn.functional.pad(drawn, (0, n_steps - drawn.shape[1]), value=eos)
