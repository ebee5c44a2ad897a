"""The Markdown files of the repository."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def markdown():
    """Return the Markdown files that git knows or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    names = listed.stdout.split() if listed.returncode == 0 else [path.relative_to(ROOT) for path in ROOT.rglob("*.md")]
    return sorted({ROOT / name for name in names if (ROOT / name).exists()})
