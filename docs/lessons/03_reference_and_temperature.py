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
# # 3. A reference model, a verifier and a temperature
#
# **The question.** A small language model writes strings of letters. One in fifteen of them is a word. A verifier pays
# 1 for a word and 0 for anything else, and the model is tuned to earn this reward without moving too far from where it
# began:
#
#     maximise  E R - τ KL(p‖p_ref)
#
# At τ = 1, how often does the *best possible* model write a word: always, since that is what is paid? About twice as
# often as before? And at τ = 0.1? Write down two numbers.
#
# Here the optimum can be computed exactly. No training: what training would end at, if it were perfect.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
from exercises import exercises_of

from proofs_check.examples.letters import letters_space, reference_model, verifier
from tabular_bellman import EOS, EnergyBasedModel, StateActionTable, kl_divergence, soft_bellman

check = exercises_of(3)

# %% [markdown]
# ## Two models that disagree
#
# The reference model is a table of letter pairs, counted in the Gettysburg Address. It writes up to three letters. The
# verifier knows the words of the speech.

# %%
space = letters_space()
reference = reference_model(space)
pays = np.array([verifier(y) for y in space.responses()])
before = reference.probabilities()[0]
w = float(before @ pays)

print(f"{space.n_responses:,} strings, {int(pays.sum())} of them words")
print(f"the reference writes a word with the chance {w:.4f}, one in {1 / w:.1f}")
print("three draws:", ["".join(y[:-1]) for y in reference.sample(3, rng=0)])

# %% [markdown]
# ## The optimum, in one line
#
# The best p is known (equation (2) of the paper): p(y) ∝ p_ref(y) e^(R(y)/τ). The reference is kept, and each response
# is multiplied by a weight. That is an energy-based model, with the reference as its measure.

# %%
rewards = StateActionTable.from_responses(space, pays)


def tuned(temperature):
    """Return the optimum at this temperature."""
    return EnergyBasedModel(rewards, temperature).with_reference(reference)


def success(model):
    """Return the chance of a word."""
    return float(model.probabilities()[0] @ pays)


print("   τ     P(word)   KL from the reference")
for temperature in (1.0, 0.5, 0.2, 0.1):
    model = tuned(temperature)
    print(f"{temperature:4g}   {success(model):8.4f}   {kl_divergence(model, reference):8.4f}")

# %% [markdown]
# At τ = 1 it writes a word in 0.1591 of all cases: not even three times as often as before. At τ = 0.1 the chance is
# 0.9993. How many guessed that the first is so small?
#
# With rewards 0 and 1 one can see why. A word gains the factor e^(1/τ), all else the factor 1. So the *odds* of a word
# are multiplied by e^(1/τ), and nothing else changes.

# %%
for temperature in (1.0, 0.1):
    factor = math.exp(1 / temperature)
    odds = w / (1 - w) * factor
    print(f"τ = {temperature:g}: odds times {factor:,.1f}, so P(word) = {odds / (1 + odds):.4f}")

# %% [markdown]
# A temperature of 1 means: a reward of 1 is worth a factor of 2.7 in the odds. τ is the price of a nat of KL, in units
# of reward. What is a small τ depends on what the verifier pays, and on how rare success is.
#
# ## Is it the best?
#
# Do not take the formula on trust. Try to beat it: change the rewards at random, and with them the model, and see what
# becomes of the objective E R - τ KL.

# %%
temperature = 0.2
best = tuned(temperature)


def objective(model):
    """Return E R - τ KL(p‖p_ref)."""
    return success(model) - temperature * kl_divergence(model, reference)


print(f"objective of the optimum:   {objective(best):.4f}")
print(f"objective of the reference: {objective(reference):.4f}")
rng = np.random.default_rng(0)
for size in (0.01, 0.1, 1.0):
    noisy = StateActionTable.from_responses(space, pays + size * rng.standard_normal(pays.size))
    rival = EnergyBasedModel(noisy, temperature, reference=reference)
    loss = objective(best) - objective(rival)
    print(
        f"noise {size:4g}: objective lower by {loss:.6f}   τ KL(rival‖best) = "
        f"{temperature * kl_divergence(rival, best):.6f}"
    )

# %% [markdown]
# It is never higher. And the last two columns agree: what a rival loses is exactly τ times its KL from the optimum.
# That is the whole proof: a KL is never negative, and 0 for the optimum alone.
#
# ## Reward against KL
#
# Plot what each τ earns against what it costs. No model lies above this line: it would have a better objective for some
# τ. Beside it stands a rival that needs no training, *best-of-n*: draw n strings from the reference, and keep a word if
# there is one. It succeeds unless all n fail, so its chance of success is 1 - (1 - w)^n; and among words, and among
# other strings, it keeps the proportions of the reference.


# %%
def divergence(chance):
    """Return KL(p‖p_ref) of a model with this chance of a word that keeps the reference's proportions."""
    terms = [(chance, w), (1 - chance, 1 - w)]
    return sum(p * math.log(p / q) for p, q in terms if p > 0)


sweep = [tuned(temperature) for temperature in np.geomspace(0.06, 10.0, 60)]
counts = (1, 2, 4, 8, 16, 32, 64)
best_of = {n: 1 - (1 - w) ** n for n in counts}

fig, ax = plt.subplots(figsize=(6.0, 3.6), layout="constrained")
costs, earns = [kl_divergence(model, reference) for model in sweep], [success(model) for model in sweep]
ax.plot(costs, earns, "-", label="the optimum, each τ")
ax.plot([divergence(p) for p in best_of.values()], list(best_of.values()), "s", label="best of n")
for n, p in best_of.items():
    ax.annotate(f"n = {n}", (divergence(p) + 0.06, p - 0.02), fontsize=8)
ax.set(xlabel="KL from the reference (nats)", xlim=(-0.1, 3.1))
ax.set(ylabel="chance of a word", ylim=(0, 1.05))
ax.legend(loc="lower right")

print("           best of n          the optimum with the same odds")
print("   n   P(word)      KL         τ   P(word)      KL")
for n in (2, 8, 64):
    p = best_of[n]
    tau = 1 / math.log(p / (1 - p) * (1 - w) / w)
    model = tuned(tau)
    kl = kl_divergence(model, reference)
    print(f"{n:4}  {p:8.4f}  {divergence(p):6.4f}    {tau:6.4f}  {success(model):8.4f}  {kl:6.4f}")

# %% [markdown]
# Best-of-n lies *on* the line: for rewards 0 and 1, best of 8 is the optimum at τ = 0.4298. It tunes nothing, and pays
# with draws. With more than two levels of reward it is in general not the optimum of any τ.
#
# As τ goes to 0 the optimum becomes the reference *given that it writes a word*. Drawing from it takes no training
# either: draw until there is a word. That is rejection sampling, and it takes 1/w draws on average.

# %%
print(f"draws until a word: {1 / w:.1f} on average")
print(f"KL of the reference given a word: {-math.log(w):.4f}")
print(f"KL of the optimum at τ = 0.02:    {kl_divergence(tuned(0.02), reference):.4f}")

# %% [markdown]
# ## And now one letter at a time
#
# The optimum is defined on whole strings. The model that was to be tuned writes letters. The soft Bellman map, with a
# reference (Appendix A.5), says how it has to write them:
#
#     log π(a|s) = log π_ref(a|s) + (r(s, a) + V(s a) - V(s))/τ
#
# r(s, a) is what the step is paid, here at EOS only, and V what is still to be gained after it, 0 after EOS. Follow the
# word `the`:

# %%
_, values = soft_bellman(rewards, temperature=0.1, reference=reference)
writer = tuned(0.1).to_autoregressive()
print("step   r(s, a)   V(s a) - V(s)   log π_ref      sum     log π")
for t, a in enumerate(("t", "h", "e", EOS)):
    s = ("t", "h", "e")[:t]
    r, gain = rewards[None, s, a], (0.0 if a is EOS else values[None, (*s, a)]) - values[None, s]
    old, new = reference.log_policy[None, s, a], writer.log_policy[None, s, a]
    print(f"{a!s:4}   {r:7g}   {gain:13.4f}   {old:9.4f}  {old + (r + gain) / 0.1:7.4f}   {new:7.4f}")

# %% [markdown]
# The sum is log π, step for step. EOS after `the` is paid, so r counts in the last row as V does in the others. What
# has become of the first letters, and of `e` after `th`?

# %%
for name, model in [("reference", reference), ("τ = 0.1", writer)]:
    chances = model.policy[0][0]
    first = [f"{space.actions(0)[i]} {chances[i]:.3f}" for i in np.argsort(chances)[::-1][:4]]
    after_th = model.policy[None, ("t", "h"), "e"]
    print(f"{name:10} first letters: {', '.join(first)};   e after th: {after_th:.3f}")

# %% [markdown]
# It is one distribution, seen two ways: this is what the paper's title means.
#
# ## Exercises
#
# Three decimals are enough for a number.
#
# **1.** At which τ does the best model write a word in half of all cases?

# %%
answer_1 = ...
check(1, answer_1)

# %% [markdown]
# **2.** Now the verifier pays for words of three letters only. How far from the reference (KL, in nats) can a smaller
# and smaller τ drive the optimum at most?

# %%
answer_2 = ...
check(2, answer_2)

# %% [markdown]
# **3.** The verifier is changed: it pays 3 for a word and 2 for anything else. At τ = 1, does the chance of a word
# rise, fall or stay? Answer `"rises"`, `"falls"` or `"stays"`.

# %%
answer_3 = ...
check(3, answer_3)

# %% [markdown]
# **4.** Write `tune(reference, rewards, temperature)`: two NumPy arrays of equal length, the probabilities of the
# responses and their rewards, and a number; return the array of the probabilities of the optimum. It will be tried with
# large rewards, too, and with responses that the reference never writes.

# %%
answer_4 = ...
check(4, answer_4)
