"""Every lesson runs: the solutions from top to bottom without an error, the student's notebook up to each stub and past it."""

import copy
import re

import nbclient
import nbformat
import pytest

from autograder import build, lessons
from autograder.source import ROOT

#: Seconds that a lesson may take on the graders' two cores. The lessons themselves promise three minutes to students.
SECONDS = 400


def run(notebook: nbformat.NotebookNode, allow_errors: bool = False) -> nbformat.NotebookNode:
    """Execute a copy of the notebook as Jupyter does, in the folder where students open it."""
    executed = copy.deepcopy(notebook)
    client = nbclient.NotebookClient(
        executed,
        timeout=SECONDS,
        kernel_name="python3",
        allow_errors=allow_errors,
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    )
    client.execute()
    return executed


def texts(cell: nbformat.NotebookNode) -> str:
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", ()))


def by_id(notebook: nbformat.NotebookNode) -> dict[str, nbformat.NotebookNode]:
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


@pytest.mark.parametrize("stem", lessons.stems())
def test_solutions_run_and_are_right(stem):
    executed = run(build.solution_notebook(stem))
    cells = by_id(executed)
    for name in lessons.lesson(stem).exercises:
        assert "right" in texts(cells[f"{name}-check"]).splitlines()[0], texts(cells[f"{name}-check"])
    stderr = [output.text for cell in executed.cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"]
    assert not stderr, "a lesson warns or logs nothing"


@pytest.mark.parametrize("stem", lessons.stems())
def test_student_notebook_runs_to_its_stubs(stem):
    executed = run(build.student_notebook(stem), allow_errors=True)
    cells = by_id(executed)
    for name in lessons.lesson(stem).exercises:
        assert "not attempted" in texts(cells[f"{name}-check"]).splitlines()[0], texts(cells[f"{name}-check"])
    errors = [
        (cell.metadata.get("nbgrader", {}).get("grade_id"), output.ename)
        for cell in executed.cells
        for output in cell.get("outputs", ())
        if output.output_type == "error"
    ]
    assert not errors, "an exercise that is not written yet stops no other cell"


@pytest.mark.parametrize("stem", lessons.stems())
def test_student_notebook_is_empty_of_outputs_and_chance(stem):
    notebook = nbformat.read(build.notebook_file(stem), as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert "jupytext" not in notebook.metadata
    assert not any("lines_to_next_cell" in cell.metadata for cell in notebook.cells)
    assert build.as_text(build.student_notebook(stem)) == build.as_text(build.student_notebook(stem))
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell.id) for cell in notebook.cells)
