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
# # 1. Planning without search
#
# A model writes brackets, one at a time. Nobody says anything while it writes. At the end somebody looks, once: is the
# string balanced, or is it not?
#
# **The question.** It may write up to 12 brackets and has written `(((((`. Every balanced string is to come out equally
# often. With what chance should it write `)` next?
#
# Write down a guess before you read on. A half, since there are two brackets? Certainly, since five of them are open?
# Or something in between, and then what?
#
# None of the brackets that come later is decided yet. So it looks as if the model had to search: try what comes next,
# and see where it leads. In this lesson it does not search, and makes no mistake.

# %%
import math
from fractions import Fraction

from exercises import exercises_of

from proofs_check.examples.brackets import brackets_reward, reward
from tabular_bellman import (
    EOS,
    AutoregressiveModel,
    EnergyBasedModel,
    inverse_soft_bellman,
    prefix_marginals,
    soft_bellman,
)
from tabular_bellman.plotting import prefix_tree

check = exercises_of(1)
rewards = brackets_reward(12)
print(rewards.space)

# %% [markdown]
# ## A reward that comes at the end
#
# A *response* is a string that ends in EOS, the end of the sequence. There are 8,191 of them. `reward` looks at a whole
# response: 0 if it is balanced, -∞ if it is not. A reward of -∞ forbids. (A response answers a *prompt*. Here nobody
# asks anything: the prompt is `None`, wherever one has to be given. Lesson 2 has prompts.)

# %%
for response in [("(", ")", EOS), (")", "(", EOS), ("(", "(", EOS), (EOS,)]:
    print(f"{reward(None, response):5}  {response}")

balanced = [y for y in rewards.space.responses() if reward(None, y) == 0.0]
print(f"{len(balanced)} of {rewards.space.n_responses:,} responses are balanced")

# %% [markdown]
# 197 are balanced, the empty one among them. The table `rewards` holds a reward r(s, a) for each step: s is a *prefix*,
# what has been written, and a an *action*, a bracket or EOS. Added up along a response y they are R(y), the reward of
# the whole. Here all of it is paid at the last step, and 0 at every step before. At the start there is nothing to
# choose by:

# %%
for action in rewards.space.actions(0):
    print(f"reward of {action!s:3} at the start: {rewards[None, (), action]:g}")

# %% [markdown]
# What if a model takes these rewards for its logits, and draws from their softmax, token by token? It never ends a
# string that is not balanced, since that is forbidden. But it runs into dead ends: prefixes after which nothing is
# allowed at all.

# %%
policy, reached = rewards.softmax(), prefix_marginals(rewards)
finished = sum(reached[None, y[:-1]] * policy[None, y[:-1], EOS] for y in rewards.space.responses())
print(f"softmax of the rewards: {finished:.1%} of its strings end well")
print(f"chance of ) after (((((: {policy[None, ('(',) * 5, ')']}")

# %% [markdown]
# It gets to the end in 45.4% of all cases, and after `(((((` it tosses a coin. That was the first guess.
#
# ## Count what is still possible
#
# Forget about models for a moment. If all balanced strings are to be equally likely, then after `(((((` the chance of
# `)` is a matter of counting: of the balanced strings that begin with `(((((`, how many go on with `)`?


# %%
def count(prefix):
    """Return how many balanced strings of up to 12 brackets begin with this prefix."""
    ends_here = reward(None, (*prefix, EOS)) == 0.0
    if len(prefix) == 12:
        return int(ends_here)
    return ends_here + count((*prefix, "(")) + count((*prefix, ")"))


five = ("(",) * 5
begin_so, go_on_so = count(five), count((*five, ")"))
print(f"{begin_so} begin with (((((, {go_on_so} of these with ((((()  ->  {Fraction(go_on_so, begin_so)}")
begin_so, go_on_so = count(()), count(("(",))
print(f"{begin_so} in all, {go_on_so} of these begin with (  ->  {Fraction(go_on_so, begin_so)}")

# %% [markdown]
# So the answer is 6/7. And the first step is 196/197: only the empty string does not begin with `(`.
#
# Look at how `count` works. It goes from the end of the strings to their beginning. At the end it asks for the reward;
# before that it adds up what it was told one step later. *What is known only at the end has been carried to the start.*
#
# ## The same, with any reward
#
# Counting is for rewards 0 and -∞. For any reward, add up weights e^R(y) where `count` adds up ones. In logarithms, s a
# being the prefix s with a added:
#
#     V(s) = log Σ_a exp q(s, a)        the value of a prefix s
#     q(s, a) = r(s, a) + V(s a)        the logit of the action a after s; V = 0 after the last step
#
# This is the soft Bellman map M of the paper (Section 3.2, equation (6)): it takes rewards r to logits q. The value is
# the logarithm of the count, and softmax of the logits divides one count by another.

# %%
logits, values = soft_bellman(rewards)
model = AutoregressiveModel(logits)
print(f"exp V(start) = {math.exp(values[None, ()]):.6f}")
print(f"chance of ( at the start = {model.policy[None, (), '(']:.6f}    196/197 = {196 / 197:.6f}")
print(f"chance of ) after (((((  = {model.policy[None, five, ')']:.6f}    6/7 = {6 / 7:.6f}")

# %% [markdown]
# Before M the start knew nothing. After M its logits are the logarithms of what each first step can still become:

# %%
for action in rewards.space.actions(0):
    r, q = rewards[None, (), action], logits[None, (), action]
    print(f"{action!s:3}   reward {r:g}   logit {q:.4f}")
print(f"log 196 = {math.log(196):.4f}")

# %% [markdown]
# Nothing below `)` can be saved, so its logit is -∞: the string is lost at the first step, and now the first step says
# so.
#
# Here is the whole tree for strings of up to four brackets. A line is as wide as it is likely to be passed; the colour
# of a prefix, and the number below it, is its value. What is dashed is forbidden: a cross ends a string that is not
# balanced, and a ring around it says that nothing could follow.

# %%
small = EnergyBasedModel(brackets_reward(4)).to_autoregressive()
ax = prefix_tree(small)

# %% [markdown]
# ## Check it against the definition
#
# Has every balanced string the same chance? The *energy-based model* of a reward is defined without any steps: write
# down all responses, take e^R(y), and divide by the sum (equation (1)). Compare it with the model that writes token by
# token, response for response. And draw from it, to see that no draw is wasted.

# %%
energy_based = EnergyBasedModel(rewards)
difference = abs(energy_based.probabilities() - model.probabilities()).max()
print(f"sum of exp R(y), by enumeration: {math.exp(energy_based.log_partition()):.6f}")
print(f"chance of (): {model.probabilities()[0, 0]:.6f}    1/197 = {1 / 197:.6f}")
print(f"largest difference of the two models is below 1e-12: {difference < 1e-12}")

drawn = model.sample(1000, rng=0)
print(f"{sum(reward(None, y) == 0.0 for y in drawn)} of {len(drawn)} draws are balanced")

# %% [markdown]
# All 1000 are. That is Proposition 1: with q = M(r), p_R(y) = p_q(y) for every response y, and log Σ_y e^R(y) =
# V(start). And M has an inverse, r(s, a) = q(s, a) - V(s a): the rewards can be read off the logits, wherever nothing
# is dead. A prefix is *dead* if nothing that is allowed begins with it. Then its value is -∞, and so is the logit of
# each step to it, whatever reward it had.

# %%
back = inverse_soft_bellman(logits)
for prefix, action in [(("(", ")"), EOS), (("(", "("), EOS), ((), ")")]:
    r, q, found = (table[None, prefix, action] for table in (rewards, logits, back))
    print(f"{''.join(prefix) or 'start':5} {action!s:3}   reward {r:4g}   logit {q:7.4f}   read off {found:4g}")

lost = [pair for pair, r in rewards.items() if not math.isclose(back[pair], r, abs_tol=1e-9)]
into_dead = [(x, s, a) for x, s, a in lost if a is not EOS and values[x, (*s, a)] == -math.inf]
print(f"not what went in: {len(lost):,} of {rewards.space.n_pairs:,}; steps to a dead prefix: {len(into_dead):,}")
off = abs(EnergyBasedModel(back).probabilities() - energy_based.probabilities()).max()
print(f"chances of responses under the two differ by less than 1e-12: {off < 1e-12}")

# %% [markdown]
# In the third row a reward of 0 went in, and what is read off is -∞. That happens to 7,566 of the 16,381 rewards here,
# all of them for steps to a dead prefix. Between models nothing is lost: no response that is allowed takes such a step,
# so that both tables of rewards give each response the same chance.
#
# What did it cost? One sum for each prefix, 8,191 of them, before the first token is written: no search while writing,
# but all of it before. A language model cannot write the sums out; it is asked to *learn* them. That there is always a
# table of logits to be learnt is what the paper proves. How far one is that is learnt only nearly, is Lesson 6.
#
# ## Exercises
#
# Replace `...` by your answer and run the cell. You may use everything above. Three decimals are enough for a number.
#
# **1.** Up to 12 brackets, and the model has written `((`. What is the chance of `)` now?

# %%
answer_1 = ...
check(1, answer_1)

# %% [markdown]
# **2.** Now the strings have *exactly* 12 brackets; shorter ones are forbidden. What is exp V(start)?

# %%
answer_2 = ...
check(2, answer_2)

# %% [markdown]
# **3.** Write a reward, a function of prompt and response as `reward` is, under which a balanced string with k pairs of
# brackets is `2**k` times as likely as the empty one. Strings that are not balanced stay forbidden.

# %%
answer_3 = ...
check(3, answer_3)

# %% [markdown]
# **4.** Somebody adds 5 to the reward of every balanced string. What happens to the chance of `(` at the start:
# `"rises"`, `"falls"` or `"stays"`?

# %%
answer_4 = ...
check(4, answer_4)
