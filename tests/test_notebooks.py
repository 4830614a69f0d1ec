"""Every lesson runs: the solutions from top to bottom without an error, the student's notebook up to each stub and past it."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import nbclient
import nbformat
import pytest

from autograder import build, lessons
from autograder.source import ROOT

#: Seconds that a lesson may take on the graders' two cores. The lessons themselves promise three minutes to students.
SECONDS = 400


#: Two notebooks at a time, each on one thread: as many as the graders' machine has cores.
AT_A_TIME = 2


def run(notebook: nbformat.NotebookNode, allow_errors: bool) -> nbformat.NotebookNode:
    """Execute a notebook as Jupyter does, in the folder where students open it."""
    folder = {"metadata": {"path": str(ROOT / "notebooks")}}
    client = nbclient.NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", allow_errors=allow_errors, resources=folder)
    return client.execute()


@pytest.fixture(scope="module")
def executed(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str], nbformat.NotebookNode]]:
    """The executed notebook of a lesson, "solution" or "student". All that the chosen tests ask for are begun at once."""
    chosen = {item.callspec.params["stem"] for item in request.session.items if item.fspath == request.node.fspath}
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(AT_A_TIME) as pool:
        patch.setenv("OMP_NUM_THREADS", "1")
        runs = {(stem, "solution"): pool.submit(run, build.solution_notebook(stem), False) for stem in sorted(chosen)}
        runs |= {(stem, "student"): pool.submit(run, build.student_notebook(stem), True) for stem in sorted(chosen)}
        yield lambda stem, kind: runs[stem, kind].result()
        for future in runs.values():
            future.cancel()


def texts(cell: nbformat.NotebookNode) -> str:
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", ()))


def by_id(notebook: nbformat.NotebookNode) -> dict[str, nbformat.NotebookNode]:
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


@pytest.mark.parametrize("stem", lessons.stems())
def test_solutions_run_and_are_right(stem, executed):
    notebook = executed(stem, "solution")
    cells = by_id(notebook)
    for name in lessons.lesson(stem).exercises:
        assert "right" in texts(cells[f"{name}-check"]).splitlines()[0], texts(cells[f"{name}-check"])
    stderr = [output.text for cell in notebook.cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"]
    assert not stderr, "a lesson warns or logs nothing"


@pytest.mark.parametrize("stem", lessons.stems())
def test_student_notebook_runs_to_its_stubs(stem, executed):
    notebook = executed(stem, "student")
    cells = by_id(notebook)
    for name in lessons.lesson(stem).exercises:
        assert "not attempted" in texts(cells[f"{name}-check"]).splitlines()[0], texts(cells[f"{name}-check"])
    errors = [
        (cell.metadata.get("nbgrader", {}).get("grade_id"), output.ename)
        for cell in notebook.cells
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
