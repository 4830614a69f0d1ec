"""No answer in anything that students get, or that a worker can read: no line of a solution or misconception that was not given anyway."""

import io
import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest
from classroom import STEM, graded, right

from autograder import answers, build, lessons, source
from autograder.grading import sample
from autograder.grading.case import Limits
from autograder.source import ROOT

#: A line this long is an answer wherever it stands; shorter ones are, three in a row.
LONG = 30
ROW = 3


def lines_of(text: str) -> list[str]:
    """Code lines without indentation and comments, as they would be recognized."""
    stripped = (re.sub(r"\s+#.*$", "", line).strip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


@cache
def given() -> frozenset[str]:
    """Lines that students are given anyway: given cells and stubs of all lessons, check files and what notebooks import."""
    texts = [cell.source for stem in lessons.stems() for cell in build.student_notebook(stem).cells]
    files = [path for folder in ("autograder", "course") for path in (ROOT / folder).rglob("*.py") if "grading" not in path.parts]
    texts += [path.read_text(encoding="utf-8") for path in files]
    return frozenset(line for text in texts for line in lines_of(text))


@cache
def secret_blocks(stem: str) -> list[list[str]]:
    """The lines of each solution, misconception and alternative."""
    solutions = [
        block
        for cell in source.read(stem)
        if cell.role == "exercise"
        for block in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, re.DOTALL)
    ]
    answers_to_questions = [cell.source for cell in source.read(stem) if cell.role == "question"]
    catalogues = [source.SOLUTIONS / folder / f"{stem}.py" for folder in ("misconceptions", "alternatives")]
    code = [
        re.sub(r"@misconception\(.*?\n\)\n|@alternative\(.*?\)\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for path in catalogues
    ]
    return [lines_of(block) for block in solutions + answers_to_questions + code]


def leaks(text: str, stem: str) -> list[str]:
    """The solution lines of a lesson that stand in a text."""
    found = []
    present = set(lines_of(text))
    for block in secret_blocks(stem):
        own = [line not in given() for line in block]
        found += [line for line, new in zip(block, own, strict=True) if new and len(line) >= LONG and line in text]
        for start in range(len(block) - ROW + 1):
            row = block[start : start + ROW]
            # Lines such as `)` or `else:` follow each other in any code; three that say something do not.
            if all(own[start : start + ROW]) and all(len(line) > 8 for line in row) and all(line in present for line in row):
                found.append(" / ".join(row))
    return found


def readable(data: bytes) -> str:
    """Text that somebody could find in a file of any kind: as it is, and with JSON's escapes undone."""
    text = data.decode("utf-8", "replace")
    return text + "\n" + text.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t")


@pytest.mark.parametrize("stem", lessons.stems())
class TestStudentsFiles:
    def test_the_scan_finds_a_solution(self, stem):
        assert leaks(build.as_text(build.solution_notebook(stem)).replace("\\n", "\n").replace('\\"', '"'), stem)

    def test_notebook(self, stem):
        assert leaks(readable(build.notebook_file(stem).read_bytes()), stem) == []

    def test_recording(self, stem):
        assert leaks(readable(answers.answers_file(stem).read_bytes()), stem) == []


def test_bundle(tmp_path):
    names = build.bundle(tmp_path / "students.zip", lessons.stems())
    assert not [name for name in names if name.startswith(("solutions", "autograder/grading", "tests"))]
    assert {"autograder/check.py", "course/plots.py"} <= set(names) and f"notebooks/{STEM}.ipynb" in names
    with zipfile.ZipFile(tmp_path / "students.zip") as archive:
        for name in archive.namelist():
            for stem in lessons.stems():
                assert leaks(readable(archive.read(name)), stem) == [], name


def test_two_bundles_are_the_same_bytes(tmp_path):
    for name in ("one.zip", "two.zip"):
        build.bundle(tmp_path / name, lessons.stems())
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_bundle_checks_a_notebook_on_its_own(tmp_path):
    build.bundle(tmp_path / "students.zip", lessons.stems())
    with zipfile.ZipFile(tmp_path / "students.zip") as archive:
        archive.extractall(tmp_path)
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    sample.write({"mine": sample.notebook(STEM, right())}, tmp_path)
    command = [sys.executable, "-m", "autograder", "check", str(tmp_path / "mine.ipynb")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": right") == len(lessons.lesson(STEM).exercises)


def test_wheel(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as archive:
        for name in archive.namelist():
            assert "solutions" not in name and "grading" not in name
            for stem in lessons.stems():
                assert leaks(readable(archive.read(name)), stem) == [], name


def test_feedback_tells_no_answer(tmp_path):
    folder = Path(tmp_path) / "submitted"
    wrong = {"softmax": "def softmax(x, dim):\n    return x\n", "causal_mask": "def causal_mask(length):\n    return None\n"}
    graded({"bob": sample.notebook(STEM, wrong)}, folder, tmp_path / "out")
    pages = [
        *(tmp_path / "out" / "feedback").rglob("*.html"),
        *(tmp_path / "out" / "nbgrader").rglob("*.ipynb"),
        tmp_path / "out" / "grades.csv",
    ]
    assert len(pages) >= 4
    for page in pages:
        assert leaks(readable(page.read_bytes()), STEM) == [], page


READ_ALL = """
import os
found = []
for top in ("/",):
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if os.path.join(folder, f) not in ("/proc", "/sys", "/usr/lib", "/usr/lib64")]
        for name in files:
            path = os.path.join(folder, name)
            if any(word in path for word in ("solutions", "grading", "answers", "checks", "misconceptions", "gradebook", "secret")):
                if "autograder" in path or "solutions/" in path:
                    found.append(path)
raise RuntimeError(repr(found))
"""


def test_a_worker_sees_no_answers(tmp_path):
    """A submission that looks at every path of its world finds none of ours but the worker itself."""
    from classroom import grade

    patient = Limits(seconds=60)  # there are many files to look at
    found = grade({"eve": sample.notebook(STEM, {"softmax": READ_ALL})}, tmp_path, patient)["eve"]
    reason = next(e.reason for e in found.exercises if e.exercise == "softmax")
    assert "[]" in reason, reason
