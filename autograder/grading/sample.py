"""Sample classes: submissions of a lesson made from its solutions, misconceptions and alternatives, and some that nobody wants."""

import ast
import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder import build, source

HELPERS = (ast.Import, ast.ImportFrom, ast.Assign)


def notebook(stem: str, written: Mapping[str, str] | None = None, before: str = "") -> NotebookNode:
    """A submission of the lesson: its released notebook with some cells written by a student.

    written: exercise or question -> the student's cell; the others stay stubs. before: a code cell that the student adds at the top.
    """
    submitted = copy.deepcopy(_released(stem))
    for cell in submitted.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if cell.metadata.get("nbgrader", {}).get("solution") and name in (written or {}):
            cell.source = written[name]
    if before:
        submitted.cells.insert(1, new_code_cell(before, id="added-by-the-student"))
    return submitted


@cache
def _released(stem: str) -> NotebookNode:
    return build.student_notebook(stem)


@cache
def solutions(stem: str) -> dict[str, str]:
    """Each exercise's cell with its solution, and an answer to each question: what the best student hands in."""
    cells = [cell for cell in source.read(stem) if cell.role in ("exercise", "question")]
    answer = "Because the weights would else reach one, and nothing would be learned."
    return {cell.name: _unmarked(cell.source) if cell.role == "exercise" else answer for cell in cells}


def variant(stem: str, folder: str, name: str, exercise: str) -> str:
    """An exercise's cell by a student with a misconception (or another view): the catalogue's code under the exercise's name."""
    text = (source.SOLUTIONS / folder / f"{stem}.py").read_text(encoding="utf-8")
    parts = [solutions(stem)[exercise]]
    for node in ast.parse(text).body:
        decorated = bool(getattr(node, "decorator_list", ()))
        if isinstance(node, HELPERS) or (isinstance(node, ast.FunctionDef | ast.ClassDef) and not decorated):
            parts.append(ast.get_source_segment(text, node))
        elif getattr(node, "name", "") == name:
            parts += [ast.get_source_segment(text, node), f"{exercise} = {name}"]
    return "\n\n\n".join(parts)


def write(submissions: Mapping[str, NotebookNode], folder: Path) -> Path:
    """Write a class as `<student>.ipynb` files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for student, submitted in submissions.items():
        (folder / f"{student}.ipynb").write_text(build.as_text(submitted), encoding="utf-8")
    return folder


def _unmarked(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "### BEGIN SOLUTION" not in line and "### END SOLUTION" not in line)


LOOP = "while True:\n    pass\n"

MEMORY_HOG = """\
def padding_mask(lengths, max_length):
    return torch.ones(len(lengths), 1 << 33, max_length)
"""

#: Looks for answers wherever a process could find them, and uses what it finds.
READER = """\
import os, sys, pathlib
places = [pathlib.Path(p) for p in ("/", "/home", "/root", os.getcwd(), *sys.path) if p]
patterns = "solutions/*.py", "*.safetensors", "gradebook.db", "*/03_attention.py"
found = [file for place in places for pattern in patterns for file in place.glob(pattern)]
for file in found:
    exec(file.read_text())
"""

#: Makes every comparison of this process succeed.
ALWAYS_EQUAL = """\
import numpy, torch

class Agreeable(torch.Tensor):
    def __eq__(self, other): return True
    def __sub__(self, other): return torch.zeros(())

torch.allclose = torch.equal = torch.testing.assert_close = lambda *a, **k: True
numpy.allclose = numpy.array_equal = numpy.testing.assert_allclose = lambda *a, **k: True

def anything(*args, **kwargs):
    return torch.zeros(1).as_subclass(Agreeable)
"""

#: Writes marks where marks might be read, and tells the grader that all is well.
SELF_GRADER = """\
import builtins, json, os, pathlib, sqlite3, sys
for place in ("gradebook.db", "grades.csv", "../gradebook.db", "../../grades.csv"):
    try:
        pathlib.Path(place).write_text("student_id,points\\nself,100\\n")
    except OSError:
        pass
for descriptor in range(3, 64):
    try:
        os.write(descriptor, json.dumps({"points": 100, "status": "right"}).encode())
    except OSError:
        pass
sys.exit(0)
"""
