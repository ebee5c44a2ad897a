"""Write the pictures of the README and of docs/plotting.md: ``python docs/pictures.py [FOLDER]``.

A picture of docs/plotting.md is what the Python block above it leaves in `ax`; `brackets.png`, for the README, is drawn
here.  The same version of Matplotlib writes the same bytes; another one sets letters in another way.
"""

import re
import sys
from collections.abc import Hashable, Iterator
from contextlib import chdir
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from proofs_check.examples.brackets import brackets_reward
from tabular_bellman import EOS, EnergyBasedModel, StateTable
from tabular_bellman.plotting import prefix_tree
from tabular_bellman.plotting.horizons import horizon_losses
from tabular_bellman.plotting.labels import number
from tabular_bellman.tokens import Prefix, Prompt

DOCS = Path(__file__).parent
PAGE = DOCS / "plotting.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n!\[[^\]]*\]\(pictures/([\w-]+\.png)\)\n)?", re.DOTALL | re.MULTILINE)
DRAWN_WITH = "3.11"  # the version of Matplotlib that drew what is kept in docs/pictures
GROUND = "#ffffff"  # of its own, since pages are light or dark


def blocks() -> Iterator[tuple[str, str | None]]:
    """Yield (code, name of the picture below it or None) of the page, in order."""
    return ((code, name or None) for code, name in BLOCK.findall(PAGE.read_text(encoding="utf-8")))


def figures() -> Iterator[tuple[str, Figure, int]]:
    """Yield (name, figure, dots per inch); a figure is closed when the next one is asked for."""
    names: dict[str, Any] = {}
    with plt.style.context("default"), TemporaryDirectory() as elsewhere, chdir(elsewhere):  # blocks may write files
        yield "brackets.png", brackets(), 200
        for code, name in blocks():
            exec(compile(code, str(PAGE), "exec"), names)
            if name is not None:
                yield name, names["ax"].figure, 110
            plt.close("all")


def write(folder: Path) -> list[Path]:
    """Write every picture into a folder, and return their paths."""
    folder, written = folder.absolute(), []
    for name, figure, dpi in figures():
        (folder / name).write_bytes(content(figure, dpi))
        written.append(folder / name)
    return written


def content(figure: Figure, dpi: int) -> bytes:
    """Return the bytes of a picture."""
    drawn, small = BytesIO(), BytesIO()
    figure.savefig(drawn, dpi=dpi, facecolor=GROUND, metadata={"Software": None})
    # A palette makes a file half as large.
    image = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(small, format="PNG", optimize=True)
    return small.getvalue()


def brackets(n_brackets: int = 4) -> Figure:
    """Draw what M makes of a reward that is given at the last step only."""
    reward = brackets_reward(n_brackets)
    model = EnergyBasedModel(reward)
    logits = model.to_autoregressive().logits
    counts = StateTable.from_levels(reward.space, [np.exp(level) for level in model.values.levels])
    success = horizon_losses(reward, horizons=[0, n_brackets]).success
    figure = Figure(figsize=(8.0, 6.6))
    left, right = figure.add_axes((0.01, 0.09, 0.45, 0.835)), figure.add_axes((0.47, 0.09, 0.52, 0.835))

    def at_the_end(prompt: Prompt, prefix: Prefix, action: Hashable) -> str:
        """Return the reward of the last step; before, it is 0, as the title says."""
        return number(reward[prompt, prefix, action]) if action is EOS else ""

    def as_logarithm(prompt: Prompt, prefix: Prefix, action: Hashable) -> str:
        """Return a logit: each is the logarithm of a whole number."""
        logit = logits[prompt, prefix, action]
        return number(logit) if logit == -np.inf else f"log {number(np.exp(logit))}"

    prefix_tree(reward, color_by=None, write=at_the_end, ax=left)
    prefix_tree(model, color_by=counts, write=as_logarithm, colorbar=False, ax=right)
    for ax, title, policy, share in (
        (left, "reward r: 0 or −∞ at the last step,\n0 before", "softmax(r)", success[0]),
        (right, "logits q = M(r):\nwhat the last step pays is known at the first", "softmax(M r)", success[1]),
    ):
        ax.set_title(title, fontsize=10.0, pad=2.0)
        line = f"{share:.0%} of draws from {policy} end balanced"
        ax.text(0.5, 0.0, line, transform=ax.transAxes, ha="center", va="top")
    caption = "Width: the chance to come there.  Number and colour: exp V, how many balanced strings begin so.\n"
    figure.text(0.5, 0.01, f"{caption}Dashes and ×: forbidden.  ⊗: no way on.", ha="center", fontsize=8.0)
    return figure


if __name__ == "__main__":
    plt.switch_backend("agg")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "pictures"
    target.mkdir(parents=True, exist_ok=True)
    for path in write(target):
        print(f"{path}: {path.stat().st_size:,} bytes")
