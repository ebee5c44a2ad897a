"""Every row of the ledger maps to a claim or to a stated reason, and nothing is left over."""

import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from proofs_check import kill_matrix, tables
from proofs_check.claims import CLAIMS
from proofs_check.credits import CREDITS
from proofs_check.errata import ERRATA
from proofs_check.evidence import Fate, planted
from proofs_check.ledger import LEDGER
from proofs_check.mistakes import SOFT_BELLMAN

IDS = {claim.id for claim in CLAIMS}
DOCS = Path(__file__).parent.parent.parent / "docs"
COMPUTE = kill_matrix.compute


@cache
def matrix():
    """The matrix, a minute's work: only where a test of these runs."""
    return COMPUTE()


def test_rows_are_unique_and_each_has_a_claim_or_a_reason():
    assert len({row.id for row in LEDGER}) == len(LEDGER)
    for row in LEDGER:
        assert bool(row.claims) != bool(row.not_computable), row.id
        assert set(row.claims) <= IDS, row.id


def test_what_goes_beyond_the_paper_names_its_earliest_source_or_says_that_none_was_found():
    assert {claim.id for claim in CLAIMS if "beyond the paper" in claim.place} == set(CREDITS)
    for text in CREDITS.values():
        assert "no source found" in text or re.search(r"\b(1[89]|20)\d\d\b|as [A-Z]+-", text), text
        assert "nobody" not in text.lower()


def test_every_claim_belongs_to_a_row_or_to_this_library():
    held = {name for row in LEDGER for name in row.claims}
    assert {name for name in IDS if not name.startswith("L-")} == held


def test_claims_name_errata_and_nearly_every_erratum_has_a_claim():
    known = {erratum.id for erratum in ERRATA}
    assert [erratum.id for erratum in ERRATA] == [f"E{n}" for n in range(1, 28)]
    for claim in CLAIMS:
        assert set(claim.errata) <= known, claim.id
    # What no claim can hold: a figure's label or curves, a grid of learning rates, the listing.
    assert known - {name for claim in CLAIMS for name in claim.errata} == {"E18", "E21", "E22", "E23", "E25"}


def test_every_claim_holds_and_rejects_what_it_names_and_every_mistake_is_rejected():
    assert matrix().unexpected == []


def test_a_claim_that_does_not_hold_is_said(run, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(kill_matrix, "LIBRARY", planted(SOFT_BELLMAN[0]))
        patch.setattr(kill_matrix, "MISTAKES", ())
        assert [kill_matrix._of(name)[0] for name in ("P1-logZ", "K-kappa")] == [False, True]
    monkeypatch.setattr(kill_matrix, "compute", lambda _: replace(matrix(), failing=["P1-logZ"]))
    status, out, _ = run("matrix")
    assert status == 1
    assert out.endswith("\nP1-logZ fails with no mistake put in\n")


CLAIM = next(claim for claim in CLAIMS if claim.mistakes and claim.misreadings)
NAMED = sum(len(claim.rejects) for claim in CLAIMS)


@pytest.mark.parametrize("kind", ["mistakes", "misreadings"])
def test_a_named_mistake_that_is_not_rejected_is_said(run, monkeypatch, kind):
    wrong = getattr(CLAIM, kind)[0]
    fates = getattr(matrix(), kind) | {(wrong.name, CLAIM.id): Fate.SURVIVED}
    monkeypatch.setattr(kill_matrix, "compute", lambda _: replace(matrix(), **{kind: fates}))
    status, out, _ = run("matrix")
    assert status == 1
    assert f"Mistakes and misreadings that a claim names: {NAMED - 1:,} of {NAMED:,} are rejected by it." in out
    assert out.endswith(f"\n{CLAIM.id} does not reject {wrong.name}: SURVIVED\n")


def test_a_mistake_that_no_claim_rejects_is_said():
    name, n = CLAIM.mistakes[0].name, len(tables.MISTAKES)
    found = replace(
        matrix(), mistakes={cell: Fate.UNSEEN if cell[0] == name else fate for cell, fate in matrix().mistakes.items()}
    )
    lines = list(tables.matrix_lines(found))
    assert lines[-1] == f"no claim rejects {name}"
    assert f"Mistakes that some claim rejects: {n - 1} of {n}." in lines


def test_the_pages_in_docs_are_what_the_code_writes():
    pages = {"claims.md": tables.claims_page(), "kill-matrix.md": tables.matrix_page(matrix())}
    for name, lines in pages.items():
        written = (DOCS / name).read_text(encoding="utf-8")
        assert written == "".join(f"{line}\n" for line in lines), (
            f"docs/{name} is stale; its first lines say how to write it"
        )


def test_the_pages_read_well():
    for line in tables.claims_page():
        assert r"\\vert" not in line  # a line break and a word, where a norm was meant
    assert max(map(len, tables.matrix_lines(matrix()))) <= 80


def test_the_commands_write_the_pages(run, monkeypatch):
    monkeypatch.setattr(kill_matrix, "compute", lambda _: matrix())
    for command, name in (("list", "claims.md"), ("matrix", "kill-matrix.md")):
        assert run(command, "--markdown") == (0, (DOCS / name).read_text(encoding="utf-8"), "")


def test_the_package_imports_nothing_heavy():
    code = "import sys, proofs_check.cli; print([m for m in ('sympy', 'hypothesis', 'joblib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
