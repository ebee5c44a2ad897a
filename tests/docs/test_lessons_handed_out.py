"""What teachers are told: how long lessons take, where the guides are, and what a class is given."""

import os
import re
import subprocess
import sys
import zipfile

import pytest
from built_site import DOCS

TIME = re.compile(r"\*\*Time\.\*\* (\d+) minutes of reading, (\d+) of exercises")


def guided():
    """Return {lesson: (minutes to read, minutes for the exercises)} of the guides."""
    found = {}
    for path in sorted((DOCS / "lessons" / "guides").glob("*.md")):
        read, done = TIME.search(path.read_text(encoding="utf-8")).groups()
        found[int(path.name[:2])] = (int(read), int(done))
    return found


def fits(text):
    """Return (lessons said to fit 45 minutes, those that do without exercises, those beside lesson 1 in 90)."""
    short = re.search(r"45 minutes are enough for lesson (.*?)\. Lessons (.*?) fit if their exercises", text)
    long = re.search(r"90 minutes are enough for lesson 1 and one of (.*?),\s+with", text)
    return [{int(number) for number in re.findall(r"\d", part)} for part in (*short.groups(), long[1])]


def test_what_fits_into_a_lesson_fits():
    minutes = guided()
    whole, read_only, beside_the_first = fits((DOCS / "teachers.md").read_text(encoding="utf-8"))
    assert whole == {lesson for lesson, times in minutes.items() if sum(times) <= 45}
    assert read_only == set(minutes) - whole
    assert all(minutes[lesson][0] <= 45 for lesson in read_only)
    # With ten minutes to talk; lesson 7 is for the end.
    room = 90 - 10 - sum(minutes[1])
    assert beside_the_first == {lesson for lesson, times in minutes.items() if sum(times) <= room} - {1, 7}


def test_every_guide_is_linked_in_the_text():
    """A viewer of Markdown shows no toctree."""
    text = re.sub(r"```.*?```", "", (DOCS / "teachers.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    guides = {f"lessons/guides/{path.name}" for path in (DOCS / "lessons" / "guides").glob("*.md")}
    assert guides <= set(re.findall(r"\]\(([^)]+)\)", text))


@pytest.fixture
def handed_out(tmp_path):
    """The folder that students unpack."""
    pytest.importorskip("sphinx", reason="Sphinx is not installed (pip install '.[docs]')")
    import lesson_pages

    lesson_pages.write(DOCS / "lessons", tmp_path / "downloads")
    with zipfile.ZipFile(tmp_path / "downloads" / "lessons.zip") as archive:
        archive.extractall(tmp_path / "class")
    return tmp_path / "class" / "lessons"


def test_a_class_gets_lessons_and_exercises_and_no_solutions(handed_out):
    names = {str(path.relative_to(handed_out)) for path in handed_out.rglob("*") if path.is_file()}
    lessons = DOCS / "lessons"
    scripts = [*lessons.glob("[0-9]*.py"), *lessons.glob("exercises/*.py")]
    assert names == {str(path.relative_to(lessons)) for path in scripts}
    assert len(names) > 14


def test_a_lesson_runs_where_it_was_unpacked(handed_out):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [sys.executable, "02_eos_and_prompts.py"],
        cwd=handed_out,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "exercise" in ran.stdout.lower()


# -- words for pictures, links for those who want to run it --

PICTURE = '<h1>A</h1><p><img alt="../_images/0.png" src="../_images/0.png" /></p>'


def test_a_picture_gets_words(monkeypatch):
    pytest.importorskip("sphinx", reason="Sphinx is not installed (pip install '.[docs]')")
    import lesson_pages

    monkeypatch.setattr(lesson_pages, "PICTURES", {"09_a": ('A "tree" & its leaves.',)})
    words = 'alt="A &quot;tree&quot; &amp; its leaves."'
    assert lesson_pages.with_words("09_a", PICTURE) == PICTURE.replace('alt="../_images/0.png"', words)
    for lesson, text in (("08_b", PICTURE), ("09_a", "<h1>A</h1>"), ("09_a", PICTURE * 2)):
        with pytest.raises(lesson_pages.ExtensionError, match=f"{lesson} has . pictures, and words for"):
            lesson_pages.with_words(lesson, text)
