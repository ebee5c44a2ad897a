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
# # 7. What counts as evidence
#
# **The question.** In Lesson 6 there was κ(ε) = ε coth ε - 1 + log(sinh ε / ε). It is a theorem that κ(ε) < ε²/2 for
# every ε > 0. A student types both sides into Python. With `ε = 1` the answer is True, with `ε = 1e-5` it is False.
#
# What do you conclude: the theorem is false? Python is broken? Nothing? And would True a million times over have proved
# it?
#
# Write down what you would need to see to be sure.

# %%
import math
from fractions import Fraction
from itertools import product

import numpy as np
from exercises import exercises_of
from flint import arb, ctx, fmpq

from proofs_check.induction import check as check_proof
from proofs_check.induction import perturbed, printed
from tabular_bellman.bounds import kappa

check = exercises_of(7)

# %% [markdown]
# ## Floats
#
# A float has some sixteen digits. Type the formula as it stands, and see them go: it subtracts 1 from something that is
# nearly 1.


# %%
def typed_in(epsilon):
    """Return κ(ε) by its formula, in floats."""
    return epsilon / math.tanh(epsilon) - 1 + math.log(math.sinh(epsilon) / epsilon)


print("    ε         ε²/2   ε²/2 - κ: typed in   with care   about ε⁴/36")
for epsilon in (1.0, 1e-5, 1e-7, 1e-9):
    half = epsilon**2 / 2
    typed, careful = half - typed_in(epsilon), half - float(kappa(epsilon))
    print(f"{epsilon:5g}   {half:10.2e}   {typed:19.1e}   {careful:9.1e}   {epsilon**4 / 36:11.1e}")

# %% [markdown]
# The theorem says that ε²/2 - κ is positive; for small ε it is about ε⁴/36. Two things went wrong, and they are not the
# same.
#
# The formula as typed loses its digits. At 1e-05 the difference comes out negative. At 1e-07 it is positive, and just
# as wrong: 1.2e-16 in place of 2.8e-30. True was as worthless as False. That can be mended: the library adds up series
# in which nothing cancels, and it gets 1e-05 right, and 1e-07 nearly.
#
# But at 1e-09 the careful difference is 0, and `kappa(ε) < ε**2 / 2` is False again. (The formula as typed says 5e-19
# there, which is all of ε²/2: it finds κ = 0.) Here the code is as good as floats can be, and floats are not good
# enough: the two numbers are nearer to each other than two neighbouring floats.

# %%
epsilon = 1e-9
print(f"κ as typed: {typed_in(epsilon):g}, so that ε²/2 - κ = {epsilon**2 / 2 - typed_in(epsilon):.0e}")
print(f"κ with care, less than ε²/2: {float(kappa(epsilon)) < epsilon**2 / 2}")
print(f"ε⁴/36 = {epsilon**4 / 36:.1e}")
print(f"neighbouring floats here are {np.spacing(epsilon**2 / 2):.1e} apart")

# %% [markdown]
# So False means: *these floats cannot tell*. A check that knows its own error would say so. In this repository a float
# verdict is CHECKED only within a bound that is derived from the computation.
#
# ## Balls
#
# Compute with more digits, and carry along how far off you may be: a number is then a *ball*, a midpoint and a radius,
# and the truth is inside. A comparison of two balls that do not touch is decided, for good. If they touch, take more
# digits.


# %%
def compare(epsilon, bits):
    """Return κ(ε) as a ball of so many bits, and what the balls say of κ(ε) < ε²/2."""
    with ctx.workprec(bits):
        e = arb(epsilon)
        ball, half = e * e.coth() - 1 + (e.sinh() / e).log(), e * e / 2
        return ball, "true" if ball < half else "false" if ball >= half else "cannot tell"


for bits in (53, 106, 212):
    ball, verdict = compare(1e-9, bits)
    print(f"{bits:3} bits: κ within {float(ball.rad()):.0e} of {float(ball.mid()):.6e}: {verdict}")

print(f"the float 1e-9 equals the rational 1/10**9: {Fraction(1e-9) == Fraction(1, 10**9)}")
print(f"at that rational, with 212 bits: {compare(fmpq(1, 10**9), 212)[1]}")

# %% [markdown]
# With 53 bits, those of a float, it cannot tell; with 212 bits it is true. That is no approximation: for this ε it is a
# proof, if you trust the ball arithmetic. Mind which ε: the float `1e-9` is near the rational that one writes so, and
# not equal to it, and balls take the float for what it is. The last line asks about the rational itself, which no float
# equals: there ε begins as a ball with a radius. Neither answer says anything of any other ε.
#
# ## Rationals
#
# Balls decide what is *unequal*. That two numbers are equal no ball can say: however small, it has room for a
# difference. Here is an equality. Proposition 1 says that the recursion and the enumeration give the same number, log
# Σ_y e^R(y). Take the exponentials: write w for the weight e^r of a step. Then it is
#
#     W(s) = Σ_a w(s, a) W(s a)     from the end to the start, against
#     Σ_y Π_t w(s_t, y_t)           over all responses y
#
# and with rational weights both sides are rationals. No rounding, no tolerance.


# %%
def random_weights(length, seed):
    """Return {(prefix, action): weight} for tokens a and b, up to this length; the action None is EOS."""
    rng, weights = np.random.default_rng(seed), {}
    for t in range(length):
        for prefix in product("ab", repeat=t):
            for action in ("a", "b", None) if t < length - 1 else (None,):
                above, below = rng.integers(1, 10, size=2).tolist()
                weights[prefix, action] = Fraction(above, below)
    return weights


# %%
def enumerated(weights):
    """Return Σ_y Π_t w: every response, written out."""
    total = Fraction(0)
    for prefix, action in weights:
        if action is None:  # each EOS ends one response
            steps = [(prefix[:t], prefix[t]) for t in range(len(prefix))]
            total += math.prod((weights[step] for step in steps), start=weights[prefix, None])
    return total


def recursive(weights, prefix=(), add=sum):
    """Return W(s), from the end to the start."""
    steps = [(w, (*s, a)) for (s, a), w in weights.items() if s == prefix]
    return add(w * (recursive(weights, after, add) if after[-1] is not None else 1) for w, after in steps)


weights = random_weights(3, seed=0)
print(f"recursion   {recursive(weights)}")
print(f"enumeration {enumerated(weights)}")
print(f"equal: {recursive(weights) == enumerated(weights)}")

# %% [markdown]
# Equal, digit for digit. The same in floats, with logarithms, as it would be coded:


# %%
def log(weight):
    """Return the logarithm of a rational, even if this is too large for a float."""
    return math.log(weight.numerator) - math.log(weight.denominator)


def recursive_log(weights, prefix=(), add=lambda logs: np.logaddexp.reduce(list(logs))):
    """Return V(s) = log W(s), in floats."""
    steps = [(log(w), (*s, a)) for (s, a), w in weights.items() if s == prefix]
    return add(r + (recursive_log(weights, after, add) if after[-1] is not None else 0.0) for r, after in steps)


def enumerated_log(weights):
    """Return log Σ_y e^R(y), in floats."""
    rewards = {step: log(w) for step, w in weights.items()}
    ends = [prefix for prefix, action in rewards if action is None]
    return np.logaddexp.reduce([sum(rewards[s[:t], s[t]] for t in range(len(s))) + rewards[s, None] for s in ends])


tables = [random_weights(3, seed) for seed in range(20)]
off = [abs(recursive_log(w) - enumerated_log(w)) for w in tables]
print(f"equal in {sum(x == 0 for x in off)} of {len(off)} cases")
print(f"never further apart than 1e-14: {max(off) < 1e-14}")

# %% [markdown]
# ## Who notices what
#
# Evidence is worth what it would have noticed. Put four mistakes in, one at a time, and look on which of three checks
# each shows: floats and rationals for T up to 3, and rationals for T = 4. Each check is shown the same mistake, in its
# own numbers.


# %%
def log_sum_exp(logs):
    """Return log Σ exp without taking the largest out first; inf where it overflows."""
    with np.errstate(over="ignore"):
        return float(np.log(np.sum(np.exp(list(logs)))))


def short_sighted(weights):
    """Return the weights that somebody sees who looks three steps ahead: what comes later counts 1."""
    return {(s, a): w if len(s) < 3 else Fraction(1) for (s, a), w in weights.items()}


TINY = Fraction(1, 10**20)
MISTAKES = {  # name: (in floats, in rationals)
    "hard max": (lambda w: recursive_log(w, add=max), lambda w: recursive(w, add=max)),
    "20th digit": (lambda w: recursive_log(w) + float(TINY), lambda w: recursive(w) * (1 + TINY)),
    "overflow": (lambda w: recursive_log(w, add=log_sum_exp), recursive),
    "three steps": (lambda w: recursive_log(short_sighted(w)), lambda w: recursive(short_sighted(w))),
}

# %%
small = [random_weights(length, seed) for length in (1, 2, 3) for seed in range(5)]
small.append({step: w * 10**400 for step, w in small[-1].items()})  # and large rewards
longer = [random_weights(4, seed) for seed in range(5)]

print(f"{'':12} floats, T ≤ 3   rationals, T ≤ 3   rationals, T = 4")
for name, (in_floats, in_rationals) in MISTAKES.items():
    noticed = (
        any(not math.isclose(in_floats(w), enumerated_log(w), rel_tol=1e-12, abs_tol=1e-12) for w in small),
        any(in_rationals(w) != enumerated(w) for w in small),
        any(in_rationals(w) != enumerated(w) for w in longer),
    )
    first, second, third = ("noticed" if seen else "-" for seen in noticed)
    print(f"{name:12} {first:13}   {second:16}   {third}")

# %% [markdown]
# Read it by rows. A hard max is seen by everybody. An error in the 20th digit is seen by rationals alone. An overflow
# is seen by *floats* alone: on paper there is nothing wrong with it. So more exact is not more of everything: rationals
# check another program, in which nothing overflows.
#
# And the last row: whoever looks at T ≤ 3 only, however exactly, does not see what begins at T = 4. And what begins at
# length forty?

# %%
for n_tokens, word in [(1, "token"), (2, "tokens")]:
    print(f"T = 40, {n_tokens} {word}: {sum(n_tokens**t for t in range(40)):,} prefixes")

# %% [markdown]
# No check with two tokens will ever see that, since it takes one number for each of 1,099,511,627,775 prefixes. One
# token is another matter: there are 40. But who would think of trying just that?
#
# ## A proof
#
# What holds for *all* lengths is proved by induction on the tree: true after the last step; and true at a prefix if it
# is true after each action there. The repository holds such proofs as data, and checks each link by program.

# %%
result = check_proof("P1-logZ")
for line in printed("P1-logZ", result)[:12]:
    print(line.removesuffix("ok").rstrip())
print(f"…\nproved: {result.proved}")

# %% [markdown]
# Would the checker notice a wrong proof? Ask it as you asked the others. Each definition, each statement, each link is
# changed, one at a time.

# %%
planted = list(perturbed("P1-logZ"))
rejected = sum(not error.check().proved for error in planted)
print(f"{rejected} of {len(planted)} planted errors are rejected; three of them: ")
for error in planted[::35]:
    print(f"   {error.name}")

# %% [markdown]
# All 97 are. But mind what has been proved: the *statement*. Whether this library's code computes what the statement
# says is for the checks on inputs. `proofs-check run --evidence all` has both, in columns that it never mixes:
#
# | evidence | about | decides | cannot |
# |---|---|---|---|
# | float64 | the code, these inputs | differences beyond rounding | what is nearer than rounding |
# | balls | the code's formula, these inputs | inequalities | equalities, beyond so many digits |
# | rationals | the code's formula, these inputs | equalities | what overflows; what is not rational |
# | induction | the statement | all lengths, all rewards | whether the code is right |
#
# ## Exercises
#
# **1.** What is the smallest whole number k for which Python says that 1.0 + 10.0**-k == 1.0?

# %%
answer_1 = ...
check(1, answer_1)

# %% [markdown]
# **2.** For each of these, which evidence is the *weakest* that settles it? Answer with a dict from letter to one of
# `"float64"`, `"balls"`, `"rationals"`, `"induction"` (in the order of the table; each is used once).
#
# - `"a"`: your log-sum-exp does not overflow on rewards of 1000
# - `"b"`: κ(ε) < ε²/2 at ε = 1e-9
# - `"c"`: the recursion and the enumeration agree *exactly* on one given table of rational weights
# - `"d"`: they agree for every length

# %%
answer_2 = ...
check(2, answer_2)

# %% [markdown]
# **3.** How many bits do balls need to decide κ(ε) < ε²/2 at ε = 1e-12? Give a number of bits that is enough, and no
# more than twice what is needed. (`compare` is yours.)

# %%
answer_3 = ...
check(3, answer_3)

# %% [markdown]
# **4.** Write a wrong `total(weights)` that no float check can catch: for the weights of `random_weights` it returns a
# Fraction that is not `enumerated(weights)`, and yet the same number once both are turned into floats.

# %%
answer_4 = ...
check(4, answer_4)
