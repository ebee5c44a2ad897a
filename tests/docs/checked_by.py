"""Which test has the numbers of which page: every block of a page that shows numbers is in one of these lists."""

# (page, kind of block) -> the test that makes them again and compares.
CHECKED_BY = {
    ("README.md", "console"): "tests/test_readme.py::test_what_the_readme_shows",
    ("README.md", "doctest"): "setup.cfg::README.md",
    ("docs/cite.md", "text"): "tests/docs/test_citing.py::test_the_page_cites_what_the_file_cites",
    ("docs/claims.md", "table"): "tests/checks/test_ledger.py::test_the_pages_in_docs_are_what_the_code_writes",
    ("docs/distillation.md", "console"): "tests/docs/test_pages_followed.py::test_what_a_page_shows_is_what_you_get",
    (
        "docs/distillation.md",
        "table",
    ): "tests/docs/test_pages_followed.py::test_prose_on_distillation_has_numbers_shown",
    ("docs/evidence.md", "console"): "tests/test_readme.py::test_what_the_readme_shows",
    ("docs/first-steps.md", "console"): "tests/docs/test_pages_followed.py::test_what_a_page_shows_is_what_you_get",
    ("docs/gallery.md", "table"): "tests/kit/test_gallery.py::test_the_page_has_every_entry",
    ("docs/kill-matrix.md", "text"): "tests/checks/test_ledger.py::test_the_pages_in_docs_are_what_the_code_writes",
    ("docs/library.md", "doctest"): "setup.cfg::docs/library.md",
    ("docs/own-rewards.md", "console"): "tests/docs/test_pages_followed.py::test_what_a_page_shows_is_what_you_get",
    ("docs/responses.md", "console"): "tests/docs/test_pages_followed.py::test_what_a_page_shows_is_what_you_get",
    ("docs/sharper.md", "console"): "tests/docs/test_pages_followed.py::test_what_a_page_shows_is_what_you_get",
    ("docs/streaming.md", "console"): "tests/docs/test_pages_followed.py::test_what_a_page_shows_is_what_you_get",
    ("docs/testing.md", "console"): "tests/docs/test_pages_followed.py::test_the_page_on_testing_without_pytorch",
    ("docs/workers.md", "console"): "tests/checks/test_workers.py::PAGE",
}

# (page, kind of block) -> why no test compares them: the page has to say these words itself.
MEASURED = {
    ("docs/speed.md", "table"): "nothing is tested against them, since machines differ",
    ("docs/speed.md", "text"): "nothing is tested against them, since machines differ",
    ("docs/published.md", "table"): "depends on the version of Hypothesis",
    ("docs/lessons/README.md", "table"): "The minutes are estimates",
}
