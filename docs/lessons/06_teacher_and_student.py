# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6. Teacher and student
#
# **The question.** A student model is trained to write as its teacher does. The training log shows the divergence per
# token, averaged over all tokens of a batch: 0.0053 nats. Responses have up to four tokens and EOS. How far apart are
# the two as distributions over *whole responses*: the same 0.0053, less, or more?
#
# And the paper has a bound for this (Proposition 3). Its value here: near the truth, ten times too large, a thousand
# times?
#
# Write down both guesses.

# %%
import numpy as np
from exercises import exercises_of

from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    kl_by_depth,
    kl_divergence,
    token_kl_divergence,
)
from tabular_bellman.bounds import kappa, kappa_bound, proposition_3_bound
from tabular_bellman.distillation import distillation_report
from tabular_bellman.estimators import kl_estimators
from tabular_bellman.pair_bounds import max_span_bound, span_bound
from tabular_bellman.plotting import bounds_against_kl

check = exercises_of(6)

# %% [markdown]
# ## The two
#
# The teacher is energy-based: a response with as many `(` as `)` is worth two nats. The student has the teacher's
# logits, up to some noise, as training might leave it; at each prefix they are normalised, as a network's log-softmax
# does.

# %%
space = SequenceSpace("()", max_length=5)
rewards = StateActionTable.from_responses(space, lambda _, y: 2.0 * (y.count("(") == y.count(")")))
teacher = EnergyBasedModel(rewards)
logits = teacher.to_autoregressive().logits
noise = StateActionTable.random(space, rng=0, scale=0.2)
student = AutoregressiveModel((logits + noise).log_softmax())

kl = kl_divergence(teacher, student)
per_token = token_kl_divergence(teacher, student)
lengths = np.array([len(y) for y in space.responses()])
mean_length = float(teacher.probabilities()[0] @ lengths)
print(f"KL of whole responses:       {kl:.5f}")
print(f"token-level KL:              {per_token:.5f}  ({per_token:.4f})")
print(f"mean length, EOS counted:    {mean_length:.3f}")
print(f"token-level KL times length: {per_token * mean_length:.5f}")

# %% [markdown]
# It is more: 0.02181, which is 4.129 times as much. The log shows a mean over tokens, and a response has 4.129 of them
# on average. Two papers that report "the KL" may differ by the length of their responses. And if responses grow longer,
# the token-level KL can fall while the KL rises.
#
# ## Why it is a sum
#
# log p(y)/q(y) is a sum over the steps of y. So is its mean: the *chain rule* (Appendix A.4),
#
#     KL(p‖q) = Σ_t E over s drawn from p of KL(π_p(·|s) ‖ π_q(·|s))
#
# At each prefix compare the next-token distributions; weight by the chance that the *teacher* comes there. This is
# teacher forcing: the prefixes are the teacher's, and the student is asked at each what it would write next.

# %%
depths = kl_by_depth(teacher, student)
for t, part in enumerate(depths):
    print(f"after {t} tokens: {part:.6f}")
print(f"sum:            {depths.sum():.6f}")

# %% [markdown]
# Nothing comes from the last step: EOS is forced there, and student and teacher agree on what is forced.
#
# Which prefixes matter? A prefix adds P(s), the chance to come there, times its own KL.

# %%
report = distillation_report(teacher, student)
parts = sorted(report.forward.by_prefix.items(), key=lambda item: -item[1])[:4]
for (_, prefix), part in parts:
    passing = report.forward.passing[None, prefix]
    print(f"{''.join(prefix) or 'start':6} P(s) = {passing:.4f}   adds {part:.6f}   {part / kl:.0%}")

# %% [markdown]
# A third of it (33%) is at `)`: after this first token the student is worst, or rather, worst where it counts. A large
# error where nobody comes would cost little.
#
# ## The other direction
#
# KL(student‖teacher) takes its prefixes from the student. Here the two are near, so the two KLs are. They part when the
# student *forbids*: let it drop everything below 15%, as samplers do that cut off the tail.

# %%
cut = 0.15
kept = [np.where(level < np.log(cut), -np.inf, level) for level in student.log_policy.levels]
pruned = AutoregressiveModel(StateActionTable.from_levels(space, kept))
print(f"student:      KL(teacher‖·) = {kl:.4f}   KL(·‖teacher) = {kl_divergence(student, teacher):.4f}")
print(
    f"below {cut:.0%} dropped: KL(teacher‖·) = {kl_divergence(teacher, pruned)}   "
    f"KL(·‖teacher) = {kl_divergence(pruned, teacher):.4f}"
)

# %% [markdown]
# Maximum likelihood lowers the first and cannot bear a zero; on-policy distillation lowers the second, and hardly
# minds.
#
# ## How far could it be?
#
# You know the student's logits to within ε. What follows for the KL? Proposition 3 says KL ≤ 2Tε, ε = max |f - g| over
# all prefixes and actions. Compute it for our pair.

# %%
epsilon = report.epsilon
paper = float(proposition_3_bound(epsilon, space.max_length))
print(f"ε = {epsilon:.4f}, 2Tε = {paper:.2f}: {paper / kl:,.0f} times the KL")

# %% [markdown]
# 2,072 times too large. Two things are to blame, and both can be mended.
#
# **The gauge.** A constant added to all logits of a prefix changes no probability. The teacher's logits are M(r), which
# lie V(s) above the logarithms of its probabilities; the student's are normalised. ε counts these constants. What does
# not, is the *span* of f - g at a prefix: its largest minus its smallest value. Half of the largest span is ε in the
# best gauge.
#
# **The constant.** Even within ε the KL of one step cannot reach 2ε. The most it can be is κ(ε) = ε coth ε - 1 +
# log(sinh ε / ε), about ε²/2 for small ε.

# %%
best = report.epsilon_best_gauge
print(f"ε in the best gauge: {best:.4f}")
print(f"at that ε, one step: 2ε = {2 * best:.4f}, κ(ε) = {float(kappa(best)):.4f}")
rows = [
    ("paper, 2Tε", paper),
    ("n κ(ε)", float(kappa_bound(epsilon, space))),
    ("n κ(largest span/2)", max_span_bound(teacher, student)),
    ("Σ P(s) κ(span/2)", span_bound(teacher, student)),
    ("KL", kl),
]
for name, value in rows:
    print(f"{name:20} {value:9.5f}   {value / kl:8.2f} times the KL")

ax = bounds_against_kl(teacher, student)

# %% [markdown]
# n is the number of depths that offer a choice, four here. Each row knows more than the one above it, and is nearer:
# the last bound is 1.75 times the KL. The picture has all bounds of the library, for both directions; n is called
# n_free there. (Everything after the first row goes beyond the paper; `docs/sharper.md` has formulas and proofs.)
#
# ## How many samples would tell?
#
# For a real model nobody can add up all responses. One draws y from p, and averages an *estimator*. With d = log
# p(y)/q(y) the usual ones are k1 = d, k2 = d²/2 and k3 = e^(-d) - 1 + d. Here their bias and their spread can be
# computed, not guessed.

# %%
print("     mean      bias      std    draws for an error of KL/10")
for estimator in list(kl_estimators(teacher, student))[:3]:
    draws = estimator.variance / (kl / 10) ** 2
    print(f"{estimator.name}  {estimator.mean:.5f}  {estimator.bias:+.5f}  {estimator.std:.5f}  {draws:7,.0f}")

d = (teacher.log_probabilities() - student.log_probabilities())[0]
p = teacher.probabilities()[0]
gains, losses = float(p @ d.clip(min=0)), float(p @ d.clip(max=0))
print(f"d is negative in {p[d < 0].sum():.0%} of all draws; its mean: {gains:.3f} {losses:+.3f} = {gains + losses:.3f}")

# %% [markdown]
# k1 has the right mean and needs 9,155 draws for one digit. Its d is negative in 56% of all draws: the mean is what is
# left of 0.093 and -0.071, and each draw comes from one side or the other. k3 has the right mean too, and needs 189. k2
# needs even fewer, but its mean is not the KL. Try it: fifty draws, a few times over.

# %%
table = {y: i for i, y in enumerate(space.responses())}
for seed in range(4):
    drawn = d[[table[y] for y in teacher.sample(50, rng=seed)]]
    print(f"seed {seed}: k1 {drawn.mean():+.4f}   k3 {(np.expm1(-drawn) + drawn).mean():+.4f}   truth {kl:+.4f}")

# %% [markdown]
# k1 goes as far as 0.0777; k3 stays between 0.0158 and 0.0238. And k1 can come out negative, while k3 cannot, for a
# single draw either: e^(-d) ≥ 1 - d.
#
# ## Exercises
#
# Three decimals are enough for a number, except in the first.
#
# **1.** Now with responses of up to six brackets: `max_length=7`, everything else as above, same seed and scale. What
# is the KL of whole responses, KL(teacher‖student)? Five decimals, please.

# %%
answer_1 = ...
check(1, answer_1)

# %% [markdown]
# **2.** At one prefix, the logits f and g differ by at most 1 in each entry. What is the largest that KL(softmax
# f‖softmax g) can be?

# %%
answer_2 = ...
check(2, answer_2)

# %% [markdown]
# **3.** Somebody adds 100 to all logits of the student at the start, and changes nothing else. Which of these changes:
# `"kl"`, `"paper"` (2Tε) or `"span"` (Σ P(s) κ(span/2))?

# %%
answer_3 = ...
check(3, answer_3)

# %% [markdown]
# **4.** Write an estimator `estimate(log_p, log_q)` from the log-probabilities of one response, drawn from p, under
# both models, whose mean is KL(p‖q) and which is never negative.

# %%
answer_4 = ...
check(4, answer_4)
