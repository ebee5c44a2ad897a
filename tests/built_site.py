"""The documentation, built once for all tests that look at it, also where several processes share them."""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NEEDED = ("sphinx", "furo", "myst_nb", "jupytext", "numpydoc", "latex2mathml", "matplotlib")
_LONGEST = 600  # seconds, on a busy machine


def absent():
    """Return what the build needs and is not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def built(tmp_path_factory):
    """Return (exit status, what Sphinx said, the folder of the site)."""
    if absent():
        pytest.skip(f"{', '.join(absent())}: not installed (pip install '.[docs]')")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / "site", shared / "site" / "status"
    try:
        folder.mkdir()
    except FileExistsError:  # another process builds, or has built
        until = time.monotonic() + _LONGEST
        while not done.exists():
            assert time.monotonic() < until, "the build of another process does not end"
            time.sleep(0.5)
    else:
        ran = sphinx(DOCS, folder)
        (folder / "said").write_text(ran.stdout + ran.stderr, encoding="utf-8")
        (folder / "new").write_text(str(ran.returncode), encoding="utf-8")
        (folder / "new").rename(done)
    return int(done.read_text(encoding="utf-8")), (folder / "said").read_text(encoding="utf-8"), folder / "html"


def sphinx(source, folder, *options):
    """Build what lies in a folder, as ``docs/conf.py`` says, with warnings as errors and nothing kept elsewhere."""
    environment = os.environ | {name: str(folder / "home") for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
    # A proxy where nobody answers: what asks for a network fails.
    proxies = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    environment |= dict.fromkeys(proxies, "http://127.0.0.1:9")
    environment |= {"no_proxy": "localhost,127.0.0.1"}
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", *options]
    return subprocess.run(
        [*command, "-d", str(folder / "doctrees"), str(source), str(folder / "html")],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=_LONGEST,
    )
