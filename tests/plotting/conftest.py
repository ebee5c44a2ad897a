"""Pictures are drawn without a display, and put away afterwards."""

import pytest
from drawn_examples import EXAMPLES, PICTURES
from matplotlib import pyplot as plt
from matplotlib.figure import Figure


@pytest.fixture(autouse=True)
def _no_display():
    before = plt.get_backend()
    plt.switch_backend("agg")
    with plt.style.context("default"):
        yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


@pytest.fixture(params=PICTURES)
def picture(request):
    return PICTURES[request.param]


@pytest.fixture(params=EXAMPLES)
def reward(request):
    return EXAMPLES[request.param]
