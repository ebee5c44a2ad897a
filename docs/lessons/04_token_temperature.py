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
# # 4. Token temperature is not sequence temperature
#
# To make a model more careful, people turn its temperature down. There are two things that this can mean:
#
# - **sequence temperature**: p(y)^(1/τ) over the sum, of whole responses y;
# - **token temperature**: at every step, divide the logits by τ and draw the next token. This is what samplers do.
#
# **The question.** One token, `a`, at most two of them. The three responses EOS, `a` EOS and `a` `a` EOS are equally
# likely, one third each. What becomes of them at temperature ½, by the one and by the other? Do the two differ at all?
#
# Write down three numbers for each.

# %%
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
from exercises import exercises_of

from tabular_bellman import (
    AutoregressiveModel,
    EnergyBasedModel,
    SequenceSpace,
    StateActionTable,
    inverse_soft_bellman,
    soft_bellman,
)

check = exercises_of(4)

# %% [markdown]
# ## By hand
#
# Sequence temperature ½ squares the probabilities: all three squares are equal, so nothing changes. For token
# temperature you need the steps. At the start, going on with `a` leads to two of the three responses, so its chance is
# 2/3. After `a` it is 1/2. Square at each step, and divide by the sum *there*:

# %%
half = Fraction(1, 2)
go_on = [Fraction(2, 3), half]  # the chance of a at the start, and after a


def squared(chance):
    """Return the chance of one of two actions at temperature ½."""
    return chance**2 / (chance**2 + (1 - chance) ** 2)


print("chances of a:", *go_on, "-> at token temperature ½:", *(squared(x) for x in go_on))
first, second = (squared(x) for x in go_on)
squares = [(1 - go_on[0]) ** 2, (go_on[0] * (1 - go_on[1])) ** 2, (go_on[0] * go_on[1]) ** 2]
print("sequence temperature ½:", *(square / sum(squares) for square in squares))
print("token temperature ½:   ", 1 - first, first * (1 - second), first * second)

# %% [markdown]
# So it is ⅓, ⅓, ⅓ by the one and ⅕, ⅖, ⅖ by the other. Equally likely responses are no longer equally likely: short
# ones have lost, since ending at once was the less likely *step*.
#
# ## With the library
#
# In the library a temperature divides *rewards*, all along the response: sequence temperature. Dividing logits is a
# division of a table.

# %%
space = SequenceSpace("a", max_length=3)
rewards = StateActionTable.zeros(space)
logits = EnergyBasedModel(rewards).to_autoregressive().logits
by_sequence = EnergyBasedModel(rewards, temperature=0.5)
by_token = AutoregressiveModel(logits / 0.5)
print("sequence:", by_sequence.probabilities()[0].round(4))
print("token:   ", by_token.probabilities()[0].round(4))

# %% [markdown]
# ## Where they part
#
# A step has the chance π(a|s). At token temperature τ it is raised to 1/τ, and divided by the sum at this prefix:
#
#     π_τ(a|s) = π(a|s)^(1/τ) / N_τ(s)
#     N_τ(s) = Σ_a π(a|s)^(1/τ)
#
# Along a response y the steps multiply to p(y). So token temperature *divides* p(y)^(1/τ) by one number N_τ(s) for each
# prefix s that y passes, and another response passes other prefixes. Sequence temperature divides by one number for
# all. So they agree where the product of these divisors is the same along all responses. For τ = ½ each divisor is a
# sum of squared chances:

# %%
model = AutoregressiveModel(logits)
for response, p in zip(space.responses(), model.probabilities()[0], strict=True):
    prefixes = [response[:t] for t in range(len(response))]
    divisors = [sum(model.policy[None, s, a] ** 2 for a in space.actions(len(s))) for s in prefixes]
    product = np.prod(divisors)
    print(f"{''.join(map(str, response)):6} divisors {np.round(divisors, 4)}")
    print(f"{'':6} p² {p**2:.4f}, product {product:.4f}, p²/product {p**2 / product:.4f}")

# %% [markdown]
# All p² are the same; the products are not, and p²/product is what token temperature gave above. EOS alone passes one
# prefix only, and is divided by the largest product.
#
# To draw at a *sequence* temperature, token by token, the plan has to be made anew: read the rewards off the logits
# with M⁻¹, divide these by τ, and apply M again.


# %%
def logits_at(logits, temperature):
    """Return the logits that draw at this sequence temperature."""
    rewards = inverse_soft_bellman(logits)
    return soft_bellman(rewards / temperature)[0]


replanned = AutoregressiveModel(logits_at(logits, 0.5))
print("token by token, sequence temperature ½:", replanned.probabilities()[0].round(4))

# %% [markdown]
# ## All the way down: greedy is not the mode
#
# Let the temperature go to 0. Token temperature takes the likeliest *token* at each step: greedy decoding. Sequence
# temperature takes the likeliest *response*: the mode. Here is a model in which the first token leads astray.

# %%
pairs = SequenceSpace.fixed_length("ab", 2)
chances = {
    (None, (), "a"): 0.6,
    (None, (), "b"): 0.4,
    (None, ("a",), "a"): 0.5,
    (None, ("a",), "b"): 0.5,
    (None, ("b",), "a"): 0.9,
    (None, ("b",), "b"): 0.1,
}
log_chances = {key: np.log(chance) for key, chance in chances.items()}
garden = AutoregressiveModel(StateActionTable.from_dict(pairs, log_chances))
for name, response in [("greedy", garden.greedy()), ("mode", garden.mode())]:
    print(f"{name:7} {''.join(response)}   probability {np.exp(garden.log_prob(response)):.2f}")

# %% [markdown]
# Greedy decoding takes `a`, which has the larger chance 0.60 than `b`, and ends with a response of probability 0.30.
# The mode has 0.36, and lies behind the token that greedy refused. Follow both on the way to 0.

# %%
temperatures = np.array([2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02])
reward_table = inverse_soft_bellman(garden.logits)
mode = pairs.response_index(garden.mode())
sequence = [EnergyBasedModel(reward_table, tau).probabilities()[0, mode] for tau in temperatures]
token = [AutoregressiveModel(garden.logits / tau).probabilities()[0, mode] for tau in temperatures]

print(f"chance of a at the start: {chances[None, (), 'a']:.2f}")
print("   τ   chance of the mode, by sequence   by token")
for tau, x, y in zip(temperatures, sequence, token, strict=True):
    print(f"{tau:4g}   {x:31.4f}   {y:8.4f}")

fig, ax = plt.subplots(figsize=(6.0, 3.2), layout="constrained")
ax.semilogx(temperatures, sequence, "o-", label="sequence temperature")
ax.semilogx(temperatures, token, "s--", label="token temperature")
ax.set(xlabel="temperature", ylabel="chance of the mode", ylim=(-0.03, 1.03))
ax.legend()

# %% [markdown]
# At temperature 1 they are the same model. Then the one goes to 1, and the other to 0: turned down far enough, the
# sampler hardly ever writes what its model thinks most likely.
#
# None of this is a fault of samplers. But a statement about the one temperature is not one about the other: in
# particular the τ of KL-regularised training (Lesson 3; equation (2)) divides rewards of whole responses, and sampling
# the trained model at token temperature τ is something else.
#
# ## Exercises
#
# Three decimals are enough for a number.
#
# **1.** Back to the first model: one third each. Token temperature 2. What is the probability of `a` `a` EOS?

# %%
answer_1 = ...
check(1, answer_1)

# %% [markdown]
# **2.** For which of these models do the two temperatures agree, whatever τ is? Answer with the letter.
#
# - `"a"`: one token, up to two of them, all responses equally likely
# - `"b"`: two tokens, exactly two of them, each drawn as if the other were not there, with chances 0.8 and 0.2
# - `"c"`: two tokens, exactly two of them, the first drawn with chances 0.8 and 0.2, and the second repeats it with
#   chance 0.9 after the first token, 0.5 after the second

# %%
answer_2 = ...
check(2, answer_2)

# %% [markdown]
# **3.** Make a model over `pairs` whose greedy response is not its mode, and whose mode is at least 1.5 times as
# probable. Give an AutoregressiveModel.

# %%
answer_3 = ...
check(3, answer_3)

# %% [markdown]
# **4.** Write `cool(rewards, temperature)`: a StateActionTable of rewards and a number; return a StateActionTable whose
# softmax at each prefix draws at this *sequence* temperature. (`logits_at` starts from logits. Yours starts from
# rewards.)

# %%
answer_4 = ...
check(4, answer_4)
