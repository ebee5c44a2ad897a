"""torch-struct (MIT): structured prediction, https://github.com/harvardnlp/pytorch-struct.

`LinearChainCRF`: a tree becomes a chain of hidden states, one for each (prefix, action) of a depth, and one where
finished responses wait; a transition carries the reward of the action that it arrives at.  Everything that is not a
transition gets the package's own zero, -1e5.  `Autoregressive`: a table is the model.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch_struct

ZERO = -1e5  # of the package: exp of it is 0, as long as other numbers stay far above it


# PyTorch warns of distributions without arg_constraints; the package is older than that.
class Crf(torch_struct.LinearChainCRF):
    arg_constraints: ClassVar = {}


class Autoregressive(torch_struct.Autoregressive):
    arg_constraints: ClassVar = {}


@dataclass(frozen=True)
class Chain:
    """The distribution of a table, and which pair each hidden state of a step stands for.

    Hidden state 0 is for what is finished, and for the start.
    """

    crf: Crf
    pairs: list[list[Any]]

    def event(self, response):
        """The one-hot event of a response."""
        states = [0]
        for t, pairs in enumerate(self.pairs):
            states.append(1 + pairs.index((response[:t], response[t])) if t < len(response) else 0)
        return Crf.struct.to_parts(torch.tensor([states]), self.crf.log_potentials.shape[-1])

    def response(self, event):
        """The response of a one-hot event."""
        states = Crf.struct.from_parts(event)[0][0].tolist()
        return tuple(pairs[s - 1][1] for pairs, s in zip(self.pairs, states[1:], strict=True) if s)


def chain(table, forbidden=-np.inf):
    """Potentials [1, step, to, from] of a table; -inf becomes `forbidden`."""
    n_steps = 1 + max(len(prefix) for prefix, _ in table)
    pairs = [[pair for pair in table if len(pair[0]) == t] for t in range(n_steps)]
    n_hidden = 1 + max(map(len, pairs))
    potentials = torch.full((1, n_steps, n_hidden, n_hidden), ZERO, dtype=torch.float64)
    before = {(): 0}
    for t, step in enumerate(pairs):
        prefixes = {prefix for prefix, _ in step}
        for arrived, i in before.items():
            if arrived not in prefixes:  # finished
                potentials[0, t, 0, i] = 0.0
        for i, (prefix, action) in enumerate(step, start=1):
            potentials[0, t, i, before[prefix]] = max(table[prefix, action], forbidden)
        before = {(*prefix, action): i for i, (prefix, action) in enumerate(step, start=1)} | {"finished": 0}
    return Chain(Crf(potentials), pairs)


def log_partition(rewards):
    return chain(rewards).crf.partition.item()


def gradient(rewards):
    """The marginals of the package, summed over where a transition comes from."""
    of = chain(rewards)
    chances = of.crf.marginals[0].sum(-1)
    return {pair: chances[t, i].item() for t, step in enumerate(of.pairs) for i, pair in enumerate(step, start=1)}


def marginals(rewards):
    """A prefix is passed through by the transition that arrives at it."""
    arrivals = {(*prefix, action): chance for (prefix, action), chance in gradient(rewards).items()}
    return arrivals | {(): 1.0}


def log_prob(rewards, response):
    of = chain(rewards, ZERO)
    return of.crf.log_prob(of.event(response)).item()


def entropy(rewards):
    return chain(rewards, ZERO).crf.entropy.item()


def entropy_of_minus_infinity(rewards):
    """The same with -inf where an action is forbidden."""
    return chain(rewards).crf.entropy.item()


def kl(logits_p, logits_q):
    return chain(_log_policy(logits_p), ZERO).crf.kl(chain(_log_policy(logits_q), ZERO).crf).item()


def sampler(rewards, n):
    of = chain(rewards, ZERO)
    return [of.response(event) for event in of.crf.sample((n,))]


def _log_policy(logits):
    totals = {}
    for (prefix, _), x in logits.items():
        totals[prefix] = np.logaddexp(totals.get(prefix, -np.inf), x)
    return {(prefix, action): x - totals[prefix] for (prefix, action), x in logits.items()}


class TableModel(torch_struct.AutoregressiveModel):
    """Next-token logits by prefix; the package has one length for all, so what follows EOS is EOS.

    The state of a batch entry is the number of its prefix.  Tokens come with the start class in front.
    """

    def __init__(self, logits, n_classes, n_steps):
        super().__init__()
        self.logits, self.n_classes, self.n_steps = logits, n_classes, n_steps
        self.prefixes = [None]  # None is before the start class

    def forward(self, inputs, state=None):
        rows, after = [], []
        for tokens, (number,) in zip(inputs.tolist(), state[0].tolist(), strict=True):
            prefix, row = self.prefixes[number], []
            for token in tokens:
                prefix = () if prefix is None else (*prefix, token)
                row.append(self._row(prefix))
            if prefix not in self.prefixes:
                self.prefixes.append(prefix)
            rows.append(row)
            after.append([self.prefixes.index(prefix)])
        return torch.tensor(np.array(rows)), (torch.tensor(after),)

    def _row(self, prefix):
        end = self.n_classes - 1
        if end in prefix or len(prefix) >= self.n_steps:  # log_prob asks for what follows the last token, too
            return np.where(np.arange(self.n_classes) == end, 0.0, -np.inf)
        return self.logits(prefix)


def _autoregressive(logits, n_steps):
    n_classes = len(logits(()))
    start = (torch.zeros((1, 1), dtype=torch.long),)
    return Autoregressive(TableModel(logits, n_classes, n_steps), start, n_classes, n_steps)


def autoregressive_log_prob(logits, response):
    return _autoregressive(logits, len(response)).log_prob(torch.tensor([[list(response)]]), sparse=True).item()


def autoregressive_sampler(logits, n):
    # Four steps are the most of any fixed instance; with fewer, what comes after the end is not looked at.
    drawn = _autoregressive(logits, 4).sample((n,))[:, 0].argmax(-1).tolist()
    end = len(logits(())) - 1
    return [tuple(row[: row.index(end) + 1]) for row in drawn]
