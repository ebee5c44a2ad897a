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
# # 5. A ten-line test that finds a mistake
#
# **The question.** A colleague has written the soft Bellman map for her project, and has slipped: where the paper has
# log Σ exp she takes the maximum. You may test her function on *one* example. What is the smallest on which it is
# wrong: how many tokens, what length, which rewards?
#
# Write it down: a vocabulary, a length, a reward for each step. Then see whether a machine finds a smaller one.

# %%
import math

from exercises import exercises_of
from exercises.lesson_5 import mystery  # for exercise 2; do not look yet

from proofs_check.testing import check_soft_bellman
from tabular_bellman import EOS, SequenceSpace, StateActionTable, soft_bellman

check = exercises_of(5)

# %% [markdown]
# ## Her function
#
# It takes a dict of rewards, {(prefix, action): reward}. A prefix is a tuple of tokens, and the action None is EOS. It
# returns logits and values: q = r + V of what comes next, from the longest prefixes to the shortest.


# %%
def hard_backup(rewards):
    """{(prefix, action): reward} -> logits and values."""
    logits, values = {}, {}
    for prefix, action in sorted(rewards, key=lambda pair: -len(pair[0])):
        below = values.get((*prefix, action), 0.0)
        logits[prefix, action] = rewards[prefix, action] + below
        values[prefix] = max(values.get(prefix, -math.inf), logits[prefix, action])
    return logits, values


# %% [markdown]
# She has a test, too. It is the kind of test that one writes: an example that one can do in one's head, and a tolerance
# against rounding.

# %%
example = {((), "a"): 0.0, ((), None): 2.0, (("a",), None): 12.0}
logits, values = hard_backup(example)
wanted = math.log(math.exp(0.0 + 12.0) + math.exp(2.0))
print(f"value at the start: {values[()]}")
print(f"wanted:             {wanted:.6f}")
print(f"her test passes: {math.isclose(values[()], wanted, rel_tol=1e-3)}")

# %% [markdown]
# It passes: 12.0 against 12.000045. One response is worth so much more than the other that the sum *is* nearly the
# maximum. On such an example no test with such a tolerance can tell the two apart.
#
# ## The test
#
# Here is a test of ten lines. The one that counts is the call of `check_soft_bellman`: give it the function.
#
#     # test_backup.py
#     from my_project import backup
#
#     from proofs_check.testing import check_soft_bellman
#
#
#     def test_backup():
#         """Every logit and value, on small instances, against an exact oracle."""
#         report = check_soft_bellman(backup)
#         print(report)
#
# In a test it raises an AssertionError. Here, with `throw=False`, it returns its report.

# %%
report = check_soft_bellman(hard_backup, throw=False)
print(report)

# %% [markdown]
# ## Read the report
#
# **The instance.** One token, max_length 2, all rewards 0. Was yours as small? With one action only, the maximum is
# right; so there have to be two, and that takes a token beside EOS. And rewards of 0 make the difference as plain as
# can be. Do it by hand: there are two responses, EOS and `a` EOS, each with the weight e^0.

# %%
print(f"log(e^0 + e^0) = log 2 = {math.log(math.exp(0) + math.exp(0)):.7f}, max(0, 0) = {max(0, 0)}")

# %% [markdown]
# So 0.6931472 is right and 0 is wrong. The report says by how much (0.693), and how large a difference rounding could
# have made (the *bound*). You have chosen no tolerance; it follows from the computation and the floating-point type.
#
# **The mistake.** `looks like hard-max`. The kit has a register of known mistakes. It puts each into a correct program
# and compares *all* numbers with hers. Only hard-max gives the same.
#
# **The claim.** That is what a backup has to compute, in its general form. s⊕a is the prefix s with a added. γ is a
# discount and π_ref a reference model: a function that has no such parameters is asked for γ = 1 and for the plain sum,
# as here. τ is the temperature, 1 here.
#
# **Where it agrees.** With one step there is no choice, so that every mistake about choices is invisible. That line
# tells you which tests would have missed it.
#
# ## How it looks for the example
#
# It starts with a dozen instances that are known to hurt: large numbers, forbidden actions, other temperatures. Then it
# draws a hundred at random. When one fails it *shrinks* it: fewer tokens, shorter responses, zeros for numbers, as long
# as it still fails. That is why what you see fits on a napkin. The first that failed need not have:

# %%
drawn = StateActionTable.random(SequenceSpace("ab", max_length=3), rng=1)
smallest = StateActionTable.zeros(report.smallest.space)
for name, table in [("random rewards", drawn), ("rewards, all 0", smallest)]:
    given = {(s, None if a is EOS else a): value for (_, s, a), value in table.items()}
    hard, soft = hard_backup(given)[1][()], soft_bellman(table)[1][None, ()]
    print(f"{len(given):2} {name}: hers {hard:.4f}, right {soft:.4f}")

# %% [markdown]
# Both show that she is wrong. Only the second shows *why*.
#
# ## Repair it


# %%
def soft_backup(rewards):
    """{(prefix, action): reward} -> logits and values."""
    logits, values = {}, {}
    for prefix in sorted({prefix for prefix, _ in rewards}, key=len, reverse=True):
        actions = [action for start, action in rewards if start == prefix]
        for action in actions:
            logits[prefix, action] = rewards[prefix, action] + values.get((*prefix, action), 0.0)
        values[prefix] = math.log(sum(math.exp(logits[prefix, action]) for action in actions))
    return logits, values


report = check_soft_bellman(soft_backup, throw=False)
print(f"agrees: {report.agrees}")
print(f"of the instances it begins with, right on {len(report.right_on)}")
print(f"wrong on: {'; '.join(report.wrong_on)}")

# %% [markdown]
# No hard max any more, but the kit is not content. On large numbers `exp` overflows; and at a dead prefix, where
# everything is forbidden, the logarithm is one of 0. Take the largest logit out first, and say what the value of a dead
# prefix is:


# %%
def stable_backup(rewards):
    """{(prefix, action): reward} -> logits and values."""
    logits, values = {}, {}
    for prefix in sorted({prefix for prefix, _ in rewards}, key=len, reverse=True):
        actions = [action for start, action in rewards if start == prefix]
        for action in actions:
            logits[prefix, action] = rewards[prefix, action] + values.get((*prefix, action), 0.0)
        top = max(logits[prefix, action] for action in actions)
        if top == -math.inf:
            values[prefix] = top
        else:
            total = sum(math.exp(logits[prefix, action] - top) for action in actions)
            values[prefix] = top + math.log(total)
    return logits, values


report = check_soft_bellman(stable_backup, throw=False)
print(f"agrees: {report.agrees}, on {report.instances} instances")

# %% [markdown]
# It agrees on 112 instances. That is evidence and not a proof (Lesson 7). But it is evidence of a test that you have
# *seen fail*.
#
# ## Exercises
#
# Three decimals are enough for a number.
#
# **1.** One token, max_length 3, all rewards 0. By how much is `hard_backup` wrong at the start?

# %%
answer_1 = ...
check(1, answer_1)

# %% [markdown]
# **2.** `mystery` is another backup, with another mistake, and a temperature. Check it as above. What does the report
# say that it looks like? Answer with the name, a string.

# %%
answer_2 = ...
check(2, answer_2)

# %% [markdown]
# **3.** Give rewards on which `hard_backup` is wrong at the start by more than 1, with as few responses as you can: a
# dict as it takes it.

# %%
answer_3 = ...
check(3, answer_3)

# %% [markdown]
# **4.** Write a backup with a temperature, `f(rewards, temperature)`: q = r + V of what comes next, V = τ log Σ
# exp(q/τ). The kit judges it. It goes by the name of a parameter: the temperature has to be called `temperature`.

# %%
answer_4 = ...
check(4, answer_4)
