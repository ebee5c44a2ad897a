"""docs/plotting.md runs from top to bottom, and its pictures, and that of the README, are what it draws."""

import importlib.util
import re
from contextlib import closing
from itertools import islice
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt
from matplotlib.testing.compare import compare_images
from PIL import Image

from tabular_bellman import plotting

DOCS = Path(__file__).parents[2] / "docs"
TOLERANCE = 0.5  # root mean square, of 255; on one machine the pictures are the same byte for byte
_spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
pictures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pictures)


def opened(path):
    with Image.open(path) as image:
        return image.convert("RGB")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    before = plt.get_backend()
    plt.switch_backend("agg")
    yield {path.name: path for path in pictures.write(tmp_path_factory.mktemp("pictures"))}
    plt.switch_backend(before)


def test_the_page_runs_and_draws_the_pictures_that_it_shows(written):
    assert set(written) == {path.name for path in (DOCS / "pictures").iterdir()}
    for name, path in written.items():  # words are as wide as they are in this version of Matplotlib
        assert opened(path).size == pytest.approx(opened(DOCS / "pictures" / name).size, abs=8)


@pytest.mark.skipif(
    not mpl.__version__.startswith(f"{pictures.DRAWN_WITH}."),
    reason=f"the pictures of docs were drawn with Matplotlib {pictures.DRAWN_WITH}; this one sets letters otherwise",
)
def test_the_pictures_are_the_same(written):
    for name, path in written.items():
        assert compare_images(DOCS / "pictures" / name, path, TOLERANCE) is None


def test_writing_leaves_nothing_behind(written):
    assert plt.get_fignums() == []
    assert not list(DOCS.glob("*.svg"))


def test_another_picture_is_found(written, tmp_path):
    changed = tmp_path / "changed.png"
    opened(written["brackets.png"]).convert("L").convert("RGB").save(changed)  # the colours are lost
    assert compare_images(DOCS / "pictures" / "brackets.png", changed, TOLERANCE) is not None


def test_the_same_bytes_again(written):
    with closing(pictures.figures()) as drawn:
        again = {name: pictures.content(figure, dpi) for name, figure, dpi in islice(drawn, 6)}
    assert len(again) == 6
    assert again == {name: written[name].read_bytes() for name in again}
    for path in written.values():
        assert b"matplotlib" not in path.read_bytes().lower()
        assert b"tEXt" not in path.read_bytes()


def test_the_picture_of_the_readme_is_small_enough_to_load():
    path = DOCS / "pictures" / "brackets.png"
    assert path.stat().st_size <= 150_000
    assert opened(path).width == 1600
    assert opened(path).getpixel((2, 2)) == (255, 255, 255)


def test_every_block_and_every_picture_is_reached():
    page = (DOCS / "plotting.md").read_text(encoding="utf-8")
    found = list(pictures.blocks())
    assert len(found) == page.count("```python")
    assert [name for _, name in found if name] == re.findall(r"\]\(pictures/(.*?)\)", page)


def test_the_page_lists_every_function():
    page = (DOCS / "plotting.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)\(", page, re.MULTILINE) == [
        "prefix_tree",
        "table_by_depth",
        "table_heatmap",
        "lookahead_curve",
        "reach_of_rewards",
        "kl_by_depth",
        "kl_by_prefix",
        "bounds_against_kl",
        "temperature_sweep",
    ]
    for name in plotting.__all__:
        assert re.search(rf"^\| `{name}\(", page, re.MULTILINE)
        assert re.search(rf"^(ax = |\s*){name}\(", page, re.MULTILINE), f"{name} is nowhere called"
