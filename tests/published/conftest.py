"""No doctests here; to collect these modules would import packages that may not be there."""

import sys

import pytest

collect_ignore_glob = ["*_wrappers.py", "__main__.py"]


@pytest.fixture(autouse=True)
def one_thread():
    """Tables are tiny: several threads of PyTorch make each call slower, on a busy machine tenfold."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
