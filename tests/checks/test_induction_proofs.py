"""Proofs by induction: that all hold, what they prove, and how they read."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import proofs_check.induction
from proofs_check.claims import CLAIMS
from proofs_check.induction import PROOFS, TRUSTED, check, printed, proof_of
from proofs_check.induction.printing import WIDTH, trusted_by
from proofs_check.induction.theorems import THEORY

# What the machine has to prove, for every length and vocabulary.
REQUIRED = (
    "P1-logZ",
    "P1-prob",
    "P1-bijection-r",
    "P1-bijection-q",
    "P4-validity",
    "G-equivariance",
    "A3-entropy-chain",
    "A4-kl-chain",
    "A5-reference",
    "A8-elbo",
    "A9-beta",
    "A9-Z",
    "A11-backprop",
    "P2-minima",
    "L1-kl",
    "K-kappa",
    "K-sequence",
    "K-fixed-length",
)


@pytest.mark.parametrize("name", PROOFS)
def test_proved(name):
    result = check(name)
    assert result.reason == ""
    assert result.proved
    assert result.anchor.evaluations > 100
    assert all(result.lemmas.values())


@pytest.mark.parametrize("name", ["P1-logZ", "A10-arm", "GR-arm-risk", "K-sequence by spans", "P4-lengths"])
def test_proved_on_other_trees(name):
    assert check(name, trees=36, seed=7).proved


@pytest.mark.parametrize("claim", REQUIRED)
def test_required_claims_have_proofs(claim):
    assert proof_of(claim)


def test_claims_exist():
    named = {claim for theorem in PROOFS.values() for claim in theorem.claims}
    assert named <= {claim.id for claim in CLAIMS}
    assert proof_of("C-nseq") == ()


def test_every_fact_and_quantity_is_used():
    used = {name for result in map(check, PROOFS) for name in result.lemmas}
    stated = {theorem.name for theorem in PROOFS.values() if theorem.claims}
    assert used | stated == set(PROOFS), "a lemma of nothing"
    cited = {name for theorem in PROOFS.values() for link in theorem.links for name in link.by}
    assert set(THEORY.facts) <= cited
    spoken_of = {name for theorem in PROOFS.values() for name in THEORY.mentioned(*theorem.terms())}
    # The derivative of R has no proof of its own: that of the sum goes through (6).
    assert set(THEORY.quantities) - spoken_of <= {"∂e^R"}


def test_only_facts_of_analysis_are_trusted_for_inequalities():
    trusted = [fact.words for fact in THEORY.facts.values() if fact.trusted]
    assert all(words.startswith(("ε e^x ≤ ε cosh ε + x sinh ε", "log X ≤ X/c - 1 + log c")) for words in trusted)
    assert trusted_by(PROOFS["P1-logZ"], THEORY) == TRUSTED
    assert any("log is below its tangents" in words for words in trusted_by(PROOFS["K-sequence"], THEORY))
    assert any("derivatives" in words for words in trusted_by(PROOFS["GR-ebm-risk"], THEORY))


@pytest.mark.parametrize("name", PROOFS)
def test_printed_lines_fit(name):
    lines = printed(name)
    assert max(map(len, lines)) <= WIDTH
    assert not any(line.endswith(" NO") for line in lines)
    assert any(line.endswith(" ok") for line in lines)


def test_printed():
    assert "\n".join(printed("P1-logZ")) == GOLDEN


GOLDEN = """\
P1-logZ (Proposition 1): log-partition = soft value. PROVED.
  For every finite tree of responses and every reward: V(s) = log Σ_y e^R(s,y) = A_R(s).

  After the last step both sides are 1.                                                       ok
  At s, assume it at every s·a:
      e^V(s)
    = Σ_a e^q(s,a)                                     soft value                             ok
    = Σ_a e^r(s,a) e^V(s·a)                            (6)                                    ok
    = Σ_a e^r(s,a) Σ_{y∈Y(s·a)} e^R(s·a,y)             induction hypothesis                   ok
    = Σ_a Σ_{y∈Y(s·a)} e^r(s,a) e^R(s·a,y)             Σ is linear                            ok
    = Σ_{y∈Y(s)} e^R(s,y)                              Y(s) = ⊔_a a·Y(s·a); R(s,a·y) =
                                                       r(s,a) + R(s·a,y)                      ok

  Where    e^V(s) = Σ_a e^q(s,a); 1 after the last step
           e^q(s,a) = e^r(s,a) e^V(s·a)
           e^R(s,a·y) = e^r(s,a) e^R(s·a,y); 1 after the last step
  Checked  5 links, each by the rules that it cites, none of which it could do without: ok
           after the last step, and what is assumed at s·a: written from the statement: ok
           definitions, statement, facts and links against enumeration: 658 comparisons in exact
             numbers, 12 random trees, seed 0: ok
  Proves   P1-logZ
  Trusted  induction on finite trees: what holds after the last step, and at s if it does at
             every s·a, holds everywhere
           Y(s) is the disjoint union of the a·Y(s·a), and after the last step there is the
             empty response alone
           Σ is linear; over one action it is its term
           arithmetic of polynomials in free atoms with rational coefficients, and of quotients
             by what is positive
           weights e^r, e^f, … are positive numbers of which nothing else is known (r finite;
             -inf is a forbidden action)
           that the names mean what the enumeration on random trees computes for them"""


def test_a_failed_proof_reads_as_one():
    from proofs_check.induction import perturbed
    from proofs_check.induction.printing import printed as lines_of

    wrong = next(change for change in perturbed("P1-logZ") if change.name == "definition of e^V: 2 after the last step")
    result = wrong.check(all_faults=True)
    lines = lines_of(wrong.theory.theorems["P1-logZ"], result, wrong.theory)
    assert lines[0].endswith("NOT PROVED.")
    assert "  ! after the last step: the claim is not = there" in lines
    assert any("it says 2 = 1" in line and line.endswith("NO") for line in lines)
    wrong = next(change for change in perturbed("P1-logZ") if change.name == "link 2: without e^r")
    result = wrong.check(all_faults=True)
    lines = lines_of(wrong.theory.theorems["P1-logZ"], result, wrong.theory)
    assert sum(line.endswith("NO") for line in lines) == 2
    assert sum("^ does not follow from what is cited" in line for line in lines) == 2


def test_a_theorem_of_ones_own():
    theorem = PROOFS["P1-logZ"]
    wrong = replace(theorem, right=2 * theorem.right)
    assert check(theorem).proved
    assert not check(wrong).proved
    assert printed(wrong)[0].endswith("NOT PROVED.")


def test_unknown_names():
    with pytest.raises(KeyError, match="no proof is called P1-log"):
        check("P1-log")


def test_nothing_is_decided_by_floating_point_or_by_numpy():
    folder = Path(proofs_check.induction.__file__).parent
    for file in folder.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        assert "float(" not in source
        assert "import math" not in source
        assert "simplify" not in source
    code = "import sys, proofs_check.induction as i; i.check('P1-logZ'); print(*{'numpy', 'sympy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "\n"
