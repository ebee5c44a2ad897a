"""The built site, and what the pages of docs/ are made of."""

import sys

import built_site
import pytest

sys.path.insert(0, str(built_site.DOCS / "_ext"))


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """(exit status, what Sphinx said, folder)."""
    return built_site.built(tmp_path_factory)


@pytest.fixture(scope="session")
def site(build):
    """The folder of the built site."""
    return build[2]
