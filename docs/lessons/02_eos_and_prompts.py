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
# # 2. Why EOS and prompts matter
#
# Ask what a model may say, and the answer seems too dull to write down: any string up to some length. This lesson is
# about two places where dull is wrong. Both are in the paper's text, and both are easy to get wrong in code.
#
# **The question.** The vocabulary has one token, `a`. A response has at most one `a` and then EOS. The model's logits
# are 0 everywhere. The paper's Section 1 says that a response is at least one token long, EOS not counted. What do the
# probabilities of all responses add up to?
#
# One, of course; they are probabilities. Or not? Write down your guess.

# %%
import math

from exercises import exercises_of

from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    soft_bellman,
)

check = exercises_of(2)

# %% [markdown]
# ## The bare EOS
#
# A model that chooses among `a` and EOS at every step can choose EOS at once. Then its response is EOS alone. Work it
# out by hand, without the library: softmax of two equal logits, and after `a` nothing but EOS is left.

# %%
at_start = {"a": math.exp(0), "EOS": math.exp(0)}
total = sum(at_start.values())
chances = {"EOS": at_start["EOS"] / total, "a EOS": at_start["a"] / total * 1.0}
print(chances)
print(f"of the responses with at least one token: {chances['a EOS']}")

# %% [markdown]
# The answer is 0.5. The other half belongs to EOS alone, which Section 1's set leaves out. (Erratum E1 of `proofs-check
# errata`. Proposition 4 of the same paper has the right set: all strings of at most T - 1 tokens, the empty one too,
# and EOS after each. T counts EOS.)
#
# The theorem breaks with it. Proposition 1 says that log Σ_y e^R(y) = V(start). Take all rewards 0: the sum over
# Section 1's set has one term, and the value at the start knows of two.

# %%
space = SequenceSpace("a", max_length=2)
print(list(space.responses()))
_, values = soft_bellman(StateActionTable.zeros(space))
print(f"log of the sum over Section 1's set: {math.log(1):.4f}")
print(f"value at the start:                  {values[None, ()]:.4f}")

# %% [markdown]
# You may want a model that never answers with nothing. Say so where the *actions* are defined: forbid EOS at the start.
# That is `min_length=2`, lengths counting EOS as ever. Then set and actions agree again.

# %%
space = SequenceSpace("a", max_length=2, min_length=2)
_, values = soft_bellman(StateActionTable.zeros(space))
print(f"actions at the start: {space.actions(0)}; value: {values[None, ()]:.4f}")

# %% [markdown]
# ## The last EOS is forced, and yet it counts
#
# After T - 1 tokens only EOS is left. A choice among one action is none: its probability is 1, whatever its logit is.
# So equation (3) of the paper sets this logit to 0. Harmless?
#
# Put a reward of 1 on the last EOS, and 0 everywhere else. Then EOS alone is worth 0 and `a` EOS is worth 1.

# %%
space = SequenceSpace("a", max_length=2)
rewards = StateActionTable.from_dict(space, {(None, ("a",), EOS): 1.0}, default=0.0)
wanted = EnergyBasedModel(rewards).probabilities()[0]
logits, _ = soft_bellman(rewards)
print(f"e^R(y) over the sum: {wanted.round(4)}")
print(f"softmax of M(r):     {AutoregressiveModel(logits).probabilities()[0].round(4)}")
print(f"logit of the last EOS:     {logits[None, ('a',), EOS]:g}")
print(f"logit of a at the start:   {logits[None, (), 'a']:g}")

# %% [markdown]
# The forced EOS decides nothing where it stands. But its logit is handed *up*: V after `a` is 1, and that is why `a`
# has the chance 0.7311. If it is set to 0 inside the recursion, the reward is lost:

# %%
lost = {"a": 0.0 + 0.0, "EOS": 0.0}  # q = r + V, with V = 0 after a
share = math.exp(lost["a"]) / sum(math.exp(q) for q in lost.values())
print(f"chance of a with the last logit set to 0: {share}")

# %% [markdown]
# So the last logit is any real number, not 0 (E2). In code the same mistake is a padding mask that also covers the EOS
# token, or a sum over `range(T - 1)`.
#
# And the tokens at the last step? They do not exist. A real logit for them, however small, gives chance to responses
# that are too long (E3). In this library an action that does not exist has no entry, and one that is forbidden has -∞.
# Not `-1e9`, though it looks safe enough. See what it does where *everything* is forbidden.

# %%
brackets = SequenceSpace("()", max_length=3)


def reward(response, forbidden):
    """Return 0 for () and the empty string, and `forbidden` for all others."""
    return 0.0 if response in [(EOS,), ("(", ")", EOS)] else forbidden


for forbidden in (-math.inf, -1e9):
    table = StateActionTable.from_responses(brackets, lambda _, y, worst=forbidden: reward(y, worst))
    policy = EnergyBasedModel(table).to_autoregressive().policy
    after = [f"{action} {policy[None, (')',), action]:.4f}" for action in brackets.actions(1)]
    print(f"{forbidden:6g}: after )  {', '.join(after)}")

# %% [markdown]
# With -∞ the prefix `)` is *dead*: nothing can come after it, and the library says so by zeros. With `-1e9` it looks
# alive: a model that has strayed there goes on as if nothing had happened, each action 0.3333, and nothing raises an
# error.
#
# ## Prompts that share a string
#
# A chat model sees one string: the prompt, then what it has written. So it seems natural to let the *state* of the
# model be this string. Take two prompts, `a` and `aa`, and again responses of at most one `a`. After prompt `a` and one
# token the string is `aa`, and EOS must come. The prompt `aa` with nothing written is the string `aa` too. There `a`
# may still come.
#
# One table, keyed by strings, cannot hold both. Watch it try:


# %%
def string_table(prompts):
    """Return {string: logits}, all rewards 0, with strings for states; where two collide the last prompt wins."""
    table = {}
    for prompt in prompts:
        table[prompt + "a"] = {"EOS": 0.0}  # the last step: EOS is forced
        after_a = math.log(sum(math.exp(q) for q in table[prompt + "a"].values()))
        table[prompt] = {"a": 0.0 + after_a, "EOS": 0.0}
    return table


for order in (["a", "aa"], ["aa", "a"]):
    table = string_table(order)
    for prompt in ("a", "aa"):
        weights = {name: math.exp(q) for name, q in table[prompt].items()}
        ends = weights["EOS"] / sum(weights.values())
        note = "; and aa may go on" if prompt == "a" and "a" in table["aa"] else ""
        print(f"written {order}: chance of EOS after {prompt!r}: {ends}{note}")

# %% [markdown]
# In one order the prompt `aa` may say nothing but EOS: 1.0 in place of 0.5. In the other order the prompt `a` gets
# responses that are too long. Propositions 1 and 2 are both false for such states (E4).
#
# The repair is to remember where the prompt ended: a state is a *pair* of a prompt and what has been written. In the
# library every prompt is the root of a tree of its own.

# %%
space = SequenceSpace("a", max_length=2, prompts=["a", "aa"])
_, values = soft_bellman(StateActionTable.zeros(space))
print(f"prompt 'a',  written ('a',): value {values['a', ('a',)]:.4f}, actions {space.actions(1)}")
print(f"prompt 'aa', written ():     value {values['aa', ()]:.4f}, actions {space.actions(0)}")
energy_based = EnergyBasedModel(StateActionTable.zeros(space))
print(energy_based.probabilities())

# %% [markdown]
# The same string, but two values, 0.0000 and 0.6931, since the horizons differ. Prompts of one length never collide,
# nor do prompts that end in a separator which the model cannot write. So this mistake hides until somebody mixes
# lengths.
#
# ## The command
#
# `proofs-check errata E1 E2 E3 E4` searches for the smallest case in which each printed statement fails, while you
# wait, and shows that it holds as repaired. Run it in a terminal: you will meet the examples of this lesson.
#
# ## Exercises
#
# Three decimals are enough for a number.
#
# **1.** Three tokens, T = 4. How many responses are there, by Proposition 4?

# %%
answer_1 = ...
check(1, answer_1)

# %% [markdown]
# **2.** Two tokens, T = 3, all logits 0. How much probability is on Section 1's set, the responses with one token or
# more?

# %%
answer_2 = ...
check(2, answer_2)

# %% [markdown]
# **3.** One token, T = 2. The rewards are ½ for `a` at the start, 1 for EOS at the start, and 2 for the EOS after `a`.
# What is the probability of `a` EOS?

# %%
answer_3 = ...
check(3, answer_3)

# %% [markdown]
# **4.** Write `collide(prompt, other, T)`, which says (True or False) whether two different prompts, as strings, share
# a state when responses have at most T - 1 tokens. Any token may come in a response. A state is a prompt and the tokens
# written so far, 0 to T - 1 of them.

# %%
answer_4 = ...
check(4, answer_4)
