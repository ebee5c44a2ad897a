"""The quantities that the proofs speak of: what they are after the last step, and what they are before it.

Weights e^r rather than rewards r are what is given: a logarithm is written as one, and e^r and log e^r have nothing to
do with each other but that.
"""

from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from proofs_check.induction.terms import At, Log, Number, Operand, Term, total_over_actions, total_over_responses
from proofs_check.induction.theory import Kind, Quantity

__all__ = ["QUANTITIES", "a_y", "each_action", "each_response", "s", "s_a"]

# Places: the prefix s, the prefix s·a, the response that begins with a and goes on as y.
s: Final = ""
s_a: Final = "a"
a_y: Final = ("a", "y")
each_action: Final = total_over_actions
each_response: Final = total_over_responses

_all: dict[str, Quantity] = {}


def _define(
    kind: Kind,
    name: str,
    sign: str,
    words: str = "",
    *,
    ends: Operand | None = None,
    is_: Term | None = None,
    positive: bool = True,
    **more: Any,
) -> Quantity:
    """Add a quantity: given if it has no definition."""
    assert name not in _all
    terminal = ends if isinstance(ends, Term) else None if ends is None else Number(Fraction(ends))
    _all[name] = Quantity(
        name=name, kind=kind, sign=sign, words=words, terminal=terminal, unfolding=is_, positive=positive, **more
    )
    return _all[name]


def _after(name: str) -> Term:
    """A quantity at s·a."""
    return At(name, s_a)


def _rest(name: str) -> Term:
    """A quantity of what is left of the response after a."""
    return At(name, s_a, "", ("y",))


def _for(name: str, action: str = "a") -> Term:
    """A quantity of the pair (s, a)."""
    return At(name, s, action)


class Policy(NamedTuple):
    """Logits, their soft value, the policy, and the law of responses."""

    exp_q: Quantity
    exp_V: Quantity
    pi: Quantity
    p: Quantity


def _policy(tag: str) -> Policy:
    """Return the quantities of logits that are given, by their letter."""
    logits = _define("pair", f"e^{tag}", f"e^{tag}({{s}},{{a}})")
    value = _define(
        "prefix", f"e^V_{tag}", f"e^V_{tag}({{s}})", f"V_{tag} = log Σ e^{tag}", ends=1, is_=each_action(logits("a"))
    )
    policy = _define(
        "pair", f"π_{tag}", f"π_{tag}({{a}}|{{s}})", f"π_{tag} = softmax {tag}", is_=logits("a") / value(s)
    )
    law = _define(
        "response",
        f"p_{tag}",
        f"p_{tag}({{y}}|{{s}})",
        f"p_{tag}(a·y) = π_{tag}(a) p_{tag}(y)",
        ends=1,
        is_=policy("a") * _rest(f"p_{tag}"),
    )
    return Policy(logits, value, policy, law)


# -- rewards, soft values, and what is normalised over whole responses -------------------------------------------------

exp_r: Final = _define("pair", "e^r", "e^r({s},{a})")
exp_V: Final = _define("prefix", "e^V", "e^V({s})", "soft value", ends=1, is_=each_action(_for("e^q")))
exp_q: Final = _define("pair", "e^q", "e^q({s},{a})", "(6)", is_=exp_r("a") * exp_V(s_a))
exp_R: Final = _define(
    "response", "e^R", "e^R({s},{y})", "R(s,a·y) = r(s,a) + R(s·a,y)", ends=1, is_=exp_r("a") * _rest("e^R")
)
pi: Final = _define("pair", "π", "π({a}|{s})", "π = e^q / e^V", is_=exp_q("a") / exp_V(s))
p: Final = _define("response", "p", "p({y}|{s})", "p(a·y) = π(a) p(y)", ends=1, is_=pi("a") * _rest("p"))
# One sweep after the other of B_r, from any logits: k of them at s, k - 1 at s·a.
exp_U: Final = _define(
    "prefix", "e^U", "e^U({s})", "one sweep more", ends=1, is_=each_action(exp_r("a") * _after("e^U"))
)
# The loss of one response, summed along it: V_q(s_t) - q(s_t, y_t).
loss: Final = _define(
    "response",
    "ℓ",
    "ℓ({s},{y})",
    "ℓ(a·y) = V(s) - q(s,a) + ℓ(y)",
    ends=0,
    is_=Log(exp_V(s)) - Log(exp_q("a")) + _rest("ℓ"),
    positive=False,
)

# -- logits that are given ---------------------------------------------------------------------------------------------

f: Final = _policy("f")
g: Final = _policy("g")
k: Final = _policy("k")

# M⁻¹ of the logits f, and M of that.
exp_m: Final = _define("pair", "e^m", "e^m({s},{a})", "m = M⁻¹ f", is_=f.exp_q("a") / f.exp_V(s_a))
exp_V_m: Final = _define("prefix", "e^V_m", "e^V_m({s})", "soft value of m", ends=1, is_=each_action(_for("e^q_m")))
exp_q_m: Final = _define("pair", "e^q_m", "e^q_m({s},{a})", "q_m = M(m)", is_=exp_m("a") * exp_V_m(s_a))
# M⁻¹ of the logits q = M(r): their soft value is computed from them alone.
exp_V_q: Final = _define("prefix", "e^V_q", "e^V_q({s})", "V_q = log Σ e^q", ends=1, is_=each_action(exp_q("a")))
exp_r_q: Final = _define("pair", "e^(M⁻¹q)", "e^(M⁻¹q)({s},{a})", "M⁻¹", is_=exp_q("a") / exp_V_q(s_a))
# M of log-probabilities.
exp_V_pi: Final = _define(
    "prefix", "e^V_π", "e^V_π({s})", "soft value of log π", ends=1, is_=each_action(_for("e^q_π"))
)
exp_q_pi: Final = _define("pair", "e^q_π", "e^q_π({s},{a})", "q_π = M(log π)", is_=f.pi("a") * exp_V_pi(s_a))
# R_q of eq. (3)'s logits, and the sum of soft values along a response.
exp_R_f: Final = _define(
    "response", "e^R_f", "e^R_f({s},{y})", "R_f(a·y) = f(s,a) + R_f(y)", ends=1, is_=f.exp_q("a") * _rest("e^R_f")
)
exp_A_f: Final = _define(
    "response", "e^A_f", "e^A_f({s},{y})", "A_f(a·y) = V_f(s) + A_f(y)", ends=1, is_=f.exp_V(s) * _rest("e^A_f")
)

# -- gauges ------------------------------------------------------------------------------------------------------------

exp_phi: Final = _define("prefix", "e^φ", "e^φ({s})", ends=1)
exp_r_phi: Final = _define(
    "pair", "e^r'", "e^r'({s},{a})", "r' = r + φ(s) - φ(s·a)", is_=exp_r("a") * exp_phi(s) / exp_phi(s_a)
)
exp_V_phi: Final = _define("prefix", "e^V'", "e^V'({s})", "soft value of r'", ends=1, is_=each_action(_for("e^q'")))
exp_q_phi: Final = _define("pair", "e^q'", "e^q'({s},{a})", "q' = M(r')", is_=exp_r_phi("a") * exp_V_phi(s_a))
exp_R_phi: Final = _define(
    "response", "e^R'", "e^R'({s},{y})", "R'(a·y) = r'(s,a) + R'(y)", ends=1, is_=exp_r_phi("a") * _rest("e^R'")
)

# -- a reference policy ------------------------------------------------------------------------------------------------

pi_ref: Final = _define("pair", "π_ref", "π_ref({a}|{s})")
p_ref: Final = _define(
    "response", "p_ref", "p_ref({y}|{s})", "p_ref(a·y) = π_ref(a) p_ref(y)", ends=1, is_=pi_ref("a") * _rest("p_ref")
)
exp_V_ref: Final = _define(
    "prefix", "e^W", "e^W({s})", "W = log E_ref e^q̃", ends=1, is_=each_action(pi_ref("a") * _for("e^q̃"))
)
exp_q_ref: Final = _define("pair", "e^q̃", "e^q̃({s},{a})", "q̃ = r + W(s·a)", is_=exp_r("a") * exp_V_ref(s_a))
pi_tilted: Final = _define("pair", "π̃", "π̃({a}|{s})", "π̃ ∝ π_ref e^q̃", is_=pi_ref("a") * exp_q_ref("a") / exp_V_ref(s))
p_tilted: Final = _define("response", "p̃", "p̃({y}|{s})", "p̃(a·y) = π̃(a) p̃(y)", ends=1, is_=pi_tilted("a") * _rest("p̃"))

# -- a law of responses that is given ----------------------------------------------------------------------------------

ended: Final = _define("prefix", "ρ(s)", "ρ({s})")
rho: Final = _define("response", "ρ", "ρ({s}·{y})", "s·(a·y) = (s·a)·y", ends=ended(s), is_=_rest("ρ"))
mass: Final = _define("prefix", "P", "P({s})", "P sums ρ below", ends=ended(s), is_=each_response(s, rho(s, "y")))
pi_rho: Final = _define("pair", "π_ρ", "π_ρ({a}|{s})", "π_ρ = P(s·a) / P(s)", is_=mass(s_a) / mass(s))
p_rho: Final = _define(
    "response", "p_ρ", "p_ρ({y}|{s})", "p_ρ(a·y) = π_ρ(a) p_ρ(y)", ends=1, is_=pi_rho("a") * _rest("p_ρ")
)

# -- chain rules -------------------------------------------------------------------------------------------------------

entropy: Final = _define(
    "prefix",
    "H",
    "H({s})",
    "H(s) = H(π_f(·|s))",
    is_=-each_action(f.pi("a") * Log(f.pi("a"))),
    positive=False,
)
entropies: Final = _define(
    "prefix",
    "H_chain",
    "ΣH({s})",
    "ΣH: H of each prefix, weighted",
    ends=0,
    is_=entropy(s) + each_action(f.pi("a") * _after("H_chain")),
    positive=False,
)
estimator: Final = _define(
    "response", "Ĥ", "Ĥ({s},{y})", "Ĥ: the sum of H along y", ends=0, is_=entropy(s) + _rest("Ĥ"), positive=False
)


def _divergences(other: Policy, tag: str, sign: str) -> tuple[Quantity, Quantity]:
    """Return KL of one step, and its sum over prefixes weighted by their chances under p_f."""
    one = _define(
        "prefix",
        f"KL{tag}",
        f"KL{sign}({{s}})",
        f"KL{sign}(s) = KL of one step",
        is_=each_action(f.pi("a") * (Log(f.pi("a")) - Log(other.pi("a")))),
        positive=False,
    )
    chain = _define(
        "prefix",
        f"KL{tag}_chain",
        f"ΣKL{sign}({{s}})",
        f"ΣKL{sign}: KL of each prefix, weighted",
        ends=0,
        is_=one(s) + each_action(f.pi("a") * _after(f"KL{tag}_chain")),
        positive=False,
    )
    return one, chain


divergence, divergences = _divergences(g, "", "")
divergence_k, divergences_k = _divergences(k, "_k", "'")

# Regularised reward of a policy, from s on.
control: Final = _define(
    "prefix",
    "J",
    "J({s})",
    "J(s) = E[r + J(s·a)] + H(s)",
    ends=0,
    is_=each_action(f.pi("a") * (Log(exp_r("a")) - Log(f.pi("a")) + _after("J"))),
    positive=False,
)

# -- sums over paths, and over lengths (powers of x count steps) -------------------------------------------------------

x: Final = _define("number", "x", "x", positive=False)
alpha: Final = _define("prefix", "α", "α({s})", "α(s·a) = α(s) e^r(s,a)", is_=At("α", s) * exp_r("a"), forward=True)
beta: Final = _define(
    "prefix", "β", "β({s})", "β(s) = Σ_a e^r β(s·a)", ends=1, is_=each_action(exp_r("a") * _after("β"))
)
paths: Final = _define(
    "prefix",
    "αβ",
    "Γ({s})",
    "Γ(s) = β(s) + x Σ_a e^r Γ(s·a)",
    ends=0,
    is_=beta(s) + x() * each_action(exp_r("a") * _after("αβ")),
    positive=False,
)
steps: Final = _define(
    "response",
    "steps",
    "(1 + … + x^(|{y}|-1))",
    "|a·y| = 1 + |y|",
    ends=0,
    is_=Number(Fraction(1)) + x() * _rest("steps"),
    positive=False,
)
power: Final = _define(
    "response", "x^|y|", "x^|{y}|", "|a·y| = 1 + |y|", ends=1, is_=x() * _rest("x^|y|"), positive=False
)
reaching: Final = _define(
    "prefix",
    "reach",
    "N({s})",
    "N(s) = 1 + x Σ_a π_f N(s·a)",
    ends=0,
    is_=Number(Fraction(1)) + x() * each_action(f.pi("a") * _after("reach")),
    positive=False,
)

# -- directional derivatives -------------------------------------------------------------------------------------------

direction: Final = _define("pair", "d", "d({s},{a})", positive=False)
direction_R: Final = _define(
    "response",
    "R_d",
    "R_d({s},{y})",
    "R_d(a·y) = d(s,a) + R_d(y)",
    ends=0,
    is_=direction("a") + _rest("R_d"),
    positive=False,
)
d_exp_r: Final = _define(
    "pair", "∂e^r", "∂e^r({s},{a})", "∂e^r = e^r d", is_=exp_r("a") * direction("a"), positive=False, tangent_of="e^r"
)
d_exp_q: Final = _define("pair", "∂e^q", "∂e^q({s},{a})", "(6), derived", positive=False, tangent_of="e^q")
d_exp_V: Final = _define("prefix", "∂e^V", "∂e^V({s})", "soft value, derived", positive=False, tangent_of="e^V")
d_exp_R: Final = _define("response", "∂e^R", "∂e^R({s},{y})", "R, derived", positive=False, tangent_of="e^R")
# Over all pairs below s: the way there, its e^r, what follows, and d.
through: Final = _define(
    "prefix",
    "αβd",
    "Σαe^rβd({s})",
    "Σ over pairs below s: first of s, then of each s·a",
    ends=0,
    is_=each_action(exp_r("a") * direction("a") * beta(s_a) + exp_r("a") * _after("αβd")),
    positive=False,
)
d_exp_f: Final = _define(
    "pair", "∂e^f", "∂e^f({s},{a})", "∂e^f = e^f d", is_=f.exp_q("a") * direction("a"), positive=False, tangent_of="e^f"
)
d_exp_V_f: Final = _define("prefix", "∂e^V_f", "∂e^V_f({s})", "V_f, derived", positive=False, tangent_of="e^V_f")
d_exp_A_f: Final = _define("response", "∂e^A_f", "∂e^A_f({s},{y})", "A_f, derived", positive=False, tangent_of="e^A_f")
expected_d: Final = _define(
    "response",
    "Ed",
    "E_d({s},{y})",
    "E_d: Σ_b π_f(b|·) d(·,b) along y",
    ends=0,
    is_=each_action(f.pi("b") * direction("b"), "b") + _rest("Ed"),
    positive=False,
)

# Over all prefixes below s, weighted with their mass: how π_f and π_ρ differ, along d.
gap: Final = _define(
    "prefix",
    "Δ",
    "Δ({s})",
    "Δ: Σ_a (π_f - π_ρ) d of each prefix, weighted",
    ends=0,
    is_=each_action((f.pi("a") - pi_rho("a")) * direction("a") + pi_rho("a") * _after("Δ")),
    positive=False,
)

# -- bounds ------------------------------------------------------------------------------------------------------------

epsilon: Final = _define("number", "ε", "ε")
exp_epsilon: Final = _define("number", "e^ε", "e^ε")
sinh: Final = _define("number", "sinh ε", "sinh ε")
cosh: Final = _define("number", "cosh ε", "cosh ε")
log_c: Final = _define("number", "log c", "log(sinh ε/ε)", positive=False)
kappa: Final = _define(
    "number",
    "κ",
    "κ",
    "κ = ε coth ε - 1 + log(sinh ε/ε)",
    is_=epsilon() * cosh() / sinh() - 1 + log_c(),
    positive=False,
)
several: Final = _define(
    "prefix",
    "b",
    "b({s})",
    "b = 1 where there are several actions, else 0",
    by_case=(("one action", Number(Fraction(0))), ("several actions", Number(Fraction(1)))),
    positive=False,
)
free_depths: Final = _define("prefix", "n", "n({s})", ends=0, positive=False)
height: Final = _define("prefix", "T", "T({s})", ends=0, positive=False)
mean_length: Final = _define(
    "prefix",
    "E|Y|",
    "E|Y|({s})",
    "E|Y| = 1 + Σ_a π_f E|Y|(s·a)",
    ends=0,
    is_=Number(Fraction(1)) + each_action(f.pi("a") * _after("E|Y|")),
    positive=False,
)

# The same at one prefix: distance up to a shift c(s), half the span if c is in the middle.
epsilon_s: Final = _define("prefix", "ε(s)", "ε({s})")
sinh_s: Final = _define("prefix", "sinh ε(s)", "sinh ε({s})")
cosh_s: Final = _define("prefix", "cosh ε(s)", "cosh ε({s})")
log_c_s: Final = _define("prefix", "log c(s)", "log(sinh ε({s})/ε({s}))", positive=False)
shift: Final = _define("prefix", "e^c", "e^c({s})")
kappa_s: Final = _define(
    "prefix",
    "κ(s)",
    "κ(ε({s}))",
    "κ = ε coth ε - 1 + log(sinh ε/ε)",
    is_=epsilon_s(s) * cosh_s(s) / sinh_s(s) - 1 + log_c_s(s),
    positive=False,
)
kappas: Final = _define(
    "prefix",
    "κ_chain",
    "Σκ({s})",
    "Σκ: bκ of each prefix, weighted",
    ends=0,
    is_=several(s) * kappa_s(s) + each_action(f.pi("a") * _after("κ_chain")),
    positive=False,
)

QUANTITIES: Final = MappingProxyType(_all)
