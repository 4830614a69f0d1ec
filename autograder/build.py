"""From the sources to what students get: notebooks, recordings and the bundle. Two builds are byte-identical."""

import hashlib
import json
import logging
import re
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder import answers, source
from autograder.lessons import Lesson, lesson
from autograder.source import ROOT, SourceCell

NOTEBOOKS = ROOT / "notebooks"
STUB = 'raise NotImplementedError("not written yet")'
ANSWER_STUB = "*Your answer here.*"
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}

#: The first code cell of every notebook. On Colab, what the notebooks import comes from the repository, and nothing there is replaced.
COLAB = """\
try:
    import autograder
except ModuleNotFoundError:  # on Colab: fetch the checks, and leave the installed packages as they are
    %pip install --quiet --no-deps git+{repository}"""

#: What a student's bundle holds, besides the notebooks. The instructors' folders are not in this list, and a test looks for their text.
BUNDLED = ("README.md", "LICENSE", "LICENSE-TEXT", "pyproject.toml", "environment.yml", "assets", "course", "autograder")
WITHHELD = ("autograder/grading", "autograder/build.py", "autograder/source.py")


def notebook_file(stem: str) -> Path:
    return NOTEBOOKS / f"{stem}.ipynb"


def solution_notebook(stem: str) -> NotebookNode:
    """The lesson with its solutions, ready to execute: what instructors read, and what the tests run from top to bottom."""
    its_lesson = lesson(stem)
    cells = source.read(stem)
    notebook = new_notebook(cells=list(_cells(its_lesson, cells)), metadata=json.loads(json.dumps(KERNEL)))
    notebook.nbformat_minor = 5
    return notebook


def student_notebook(stem: str) -> NotebookNode:
    """The lesson as students get it: solutions replaced by stubs, cells locked and marked by nbgrader's own preprocessors."""
    # Imported here: nbgrader takes seconds to import, and only a build needs it.
    from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, ClearSolutions, ComputeChecksums, LockCells

    notebook, resources = solution_notebook(stem), {}
    for preprocessor in (
        LockCells(),
        ClearSolutions(code_stub={"python": STUB}, text_stub=ANSWER_STUB),
        ClearOutput(),
        CheckCellMetadata(),
        ComputeChecksums(),
    ):
        preprocessor.log.setLevel(logging.ERROR)
        notebook, resources = preprocessor.preprocess(notebook, resources)
    return notebook


def as_text(notebook: NotebookNode) -> str:
    """A notebook as JSON, keys sorted, so that the same notebook is always the same bytes."""
    nbformat.validate(notebook)
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def build(stem: str, anew: bool = True) -> list[Path]:
    """Write the lesson's notebook and recording where they changed; the files written.

    anew: also observe a lesson whose sources have not changed, in case the engine has.
    """
    # Imported here: the instructors' part is absent where only notebooks are checked.
    from autograder.grading import catalogue

    written = []
    text = as_text(student_notebook(stem))
    if not notebook_file(stem).is_file() or notebook_file(stem).read_text(encoding="utf-8") != text:
        notebook_file(stem).parent.mkdir(exist_ok=True)
        notebook_file(stem).write_text(text, encoding="utf-8")
        written.append(notebook_file(stem))
    changed = answers.recorded_hash(stem) != answers.source_hash(stem)
    if changed or (anew and answers.differences(lesson(stem), catalogue.load(stem))):
        answers.write(lesson(stem), catalogue.load(stem))
        written.append(answers.answers_file(stem))
    return written


def stale(stem: str) -> list[str]:
    """What a fresh build would change, in sentences: the notebook byte by byte, the recording by tolerance."""
    from autograder.grading import catalogue

    found = []
    file = notebook_file(stem)
    if not file.is_file() or file.read_text(encoding="utf-8") != as_text(student_notebook(stem)):
        found.append(f"notebooks/{file.name} is not what solutions/{stem}.py builds")
    if answers.recorded_hash(stem) != answers.source_hash(stem):
        found.append(f"autograder/answers/{stem}.safetensors was recorded from other sources")
    else:
        found += answers.differences(lesson(stem), catalogue.load(stem))
    return found


def bundle(out: Path, stems: Iterable[str]) -> list[str]:
    """Write the zip that students get; the names in it. Deterministic: sorted names, fixed times."""
    files = sorted(path for name in BUNDLED for path in _files(ROOT / name)) + [notebook_file(stem) for stem in stems]
    names = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            name = path.relative_to(ROOT).as_posix()
            info = zipfile.ZipInfo(f"transformers-for-neural-data/{name}", date_time=(2026, 1, 1, 0, 0, 0))
            info.external_attr, info.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())
            names.append(name)
    return names


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in path.rglob("*"):
        name = file.relative_to(ROOT).as_posix()
        if file.is_file() and "__pycache__" not in file.parts and not name.startswith(WITHHELD):
            yield file


def _cells(its_lesson: Lesson, cells: list[SourceCell]) -> Iterator[NotebookNode]:
    """Notebook cells with nbgrader's metadata and ids that depend on nothing but the source."""
    used: set[str] = set()
    fill = _Filler(its_lesson, cells)
    first = next(place for place, cell in enumerate(cells) if cell.kind == "code")
    for cell in [*cells[:first], SourceCell("code", COLAB.format(repository=repository())), *cells[first:]]:
        text = fill(cell.source) if cell.kind == "markdown" else cell.source
        made = new_markdown_cell(text) if cell.kind == "markdown" else new_code_cell(text)
        grade_id = _grade_id(cell)
        made.id = _unused(grade_id or f"{cell.kind}-{_digest(cell.source)}", used)
        if cell.kind == "code" or cell.role:
            made.metadata["nbgrader"] = _nbgrader(cell, grade_id or made.id, its_lesson)
        yield made


def _grade_id(cell: SourceCell) -> str:
    return f"{cell.name}-check" if cell.role == "check" else cell.name


def _nbgrader(cell: SourceCell, grade_id: str, its_lesson: Lesson) -> dict:
    """nbgrader's cell metadata, version 3. Pictures stay editable, so that a student can play with them."""
    grade = cell.role in ("check", "question")
    metadata = {
        "grade": grade,
        "grade_id": grade_id,
        "locked": cell.role in ("", "check"),
        "schema_version": 3,
        "solution": cell.role in ("exercise", "question"),
        "task": False,
    }
    if grade:
        metadata["points"] = its_lesson.exercises[cell.name].points if cell.role == "check" else cell.points
    return metadata


class _Filler:
    """Fills what a text may leave open: {points:NAME} and COLAB_URL."""

    def __init__(self, its_lesson: Lesson, cells: list[SourceCell]) -> None:
        self._points = {name: exercise.points for name, exercise in its_lesson.exercises.items()}
        self._points |= {cell.name: cell.points for cell in cells if cell.role == "question"}
        self._stem = its_lesson.stem

    def __call__(self, text: str) -> str:
        text = re.sub(r"\{points:([\w-]+)\}", lambda match: f"{self._points[match[1]]:g}", text)
        return text.replace("COLAB_URL", f"{colab_base()}/notebooks/{self._stem}.ipynb")


def repository() -> str:
    """The repository's address, which stands in pyproject.toml only."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def colab_base() -> str:
    """Where Colab opens the project from."""
    return repository().replace("https://github.com/", "https://colab.research.google.com/github/") + "/blob/main"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _unused(wanted: str, used: set[str]) -> str:
    number = 1
    name = re.sub(r"[^A-Za-z0-9_-]", "-", wanted)[:60]
    while (candidate := name if number == 1 else f"{name}-{number}") in used:
        number += 1
    used.add(candidate)
    return candidate
