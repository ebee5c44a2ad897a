"""What the page of a lesson has beside its text: the script to take along, and words for its pictures.

A lesson is of use with its exercises beside it, so that what is offered is a zip of all lessons and exercises, without
the solutions; and the one script, for those who have the rest.
"""

import html
import re
import zipfile
from pathlib import Path
from typing import Any, Final

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PICTURES: Final = {
    "01_brackets": (
        "The tree of the strings of up to 4 brackets, with the chance of each step and the value of each prefix: "
        "branches lead to the four balanced strings, and are broad where many of them lie ahead; dashed ones, which "
        "have no chance, lead nowhere.",
    ),
    "03_reference_and_temperature": (
        "The chance of a word against KL from the reference. One curve for the optimum, over all temperatures, rises "
        "to certainty; the squares for the best of n draws, from 1 to 64, lie on it.",
    ),
    "04_token_temperature": (
        "The chance of the mode against the temperature. As the sequence temperature falls to 0, it rises to 1; as "
        "the token temperature does, it falls to 0. The two curves meet at temperature 1.",
    ),
    "06_teacher_and_student": (
        "The bounds on both KLs between teacher and student, a row for each, with the KLs as lines on a logarithmic "
        "axis. The first four are about a thousand times too large; those with spans are near.",
    ),
}
"""What the pictures of a lesson show, in their order: for readers who do not see them."""

_LESSON: Final = re.compile(r"lessons/(\d\d_\w+)")
_PICTURE: Final = re.compile(r'<img alt="[^"]*_images/[^"]*"')
_ARCHIVE: Final = "lessons.zip"
_MOMENT: Final = (2000, 1, 1, 0, 0, 0)  # the same bytes whenever it is written


def with_words(lesson: str, text: str) -> str:
    """Return a lesson's page with words in the place of the file names of its pictures.

    Raises
    ------
    ExtensionError
        If there are not as many pictures as words.
    """
    words = PICTURES.get(lesson, ())
    found = _PICTURE.findall(text)
    if len(found) != len(words):
        raise ExtensionError(
            f"lesson {lesson} has {len(found)} pictures, and words for {len(words)}: PICTURES in {Path(__file__).name}"
        )
    left = iter(words)
    return _PICTURE.sub(lambda _: f'<img alt="{html.escape(next(left))}"', text)


def with_downloads(lesson: str, text: str) -> str:
    """Return a lesson's page with links, below its title, to the script and to all lessons."""
    offer = (
        f'<p class="downloads">Run it: <a download href="../_downloads/{lesson}.py">{lesson}.py</a>, in the folder of '
        f'<a download href="../_downloads/{_ARCHIVE}">all lessons and exercises</a> (zip). '
        '<a href="README.html#to-run-them">How to run them</a></p>'
    )
    before, title, after = text.partition("</h1>")
    if not title:
        raise ExtensionError(f"the page of lesson {lesson} has no title")
    return f"{before}{title}\n{offer}{after}"


def write(lessons: Path, folder: Path) -> None:
    """Write what is offered for download: each lesson, and the zip of all with their exercises."""
    folder.mkdir(parents=True, exist_ok=True)
    scripts = sorted(lessons.glob("[0-9]*.py"))
    with zipfile.ZipFile(folder / _ARCHIVE, "w") as archive:
        for path in [*scripts, *sorted(lessons.glob("exercises/*.py"))]:
            about = zipfile.ZipInfo(f"lessons/{path.relative_to(lessons).as_posix()}", _MOMENT)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            archive.writestr(about, path.read_bytes())
    for path in scripts:
        (folder / path.name).write_bytes(path.read_bytes())


def _page(app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    found = _LESSON.fullmatch(page)
    if found and "body" in context:
        body = with_downloads(found[1], context["body"])
        # A build that runs no lesson has no pictures.
        context["body"] = with_words(found[1], body) if app.config.nb_execution_mode != "off" else body


def _downloads(app: Sphinx, failed: Exception | None) -> None:
    if failed is None and app.builder.format == "html":
        write(Path(app.srcdir) / "lessons", Path(app.outdir) / "_downloads")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add both, where pages are written and where all is."""
    app.connect("html-page-context", _page)
    app.connect("build-finished", _downloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
