"""`make bench`: one class of lesson 03, graded by `nbgrader autograde` with tests in the kernel, and by `autograder grade`, in one run.

Both begin cold, run one submission at a time, and end with scores in a gradebook and a feedback page for each student. nbgrader runs
twice: on the lesson as released (it has no way to leave out the cells that draw), and without those cells, which is kinder to it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from rich.console import Console
from rich.table import Table

from autograder import build, lessons, source
from autograder.grading import catalogue, sample

STEM = "03_attention"
OUT = source.ROOT / "out" / "bench"
STUDENTS = 20

#: What an instructor would write into the test cells of an nbgrader notebook: PyTorch's own functions as the reference, two inputs each.
TESTS = {
    "attention_scores": "for s in (1, 2):\n    torch.manual_seed(s); a, b = torch.randn(2, 3, 5), torch.randn(2, 4, 5)\n"
    "    torch.testing.assert_close(attention_scores(a, b), a @ b.transpose(-2, -1))",
    "softmax": "for s in (1, 2):\n    torch.manual_seed(s); x = 100 * torch.randn(2, 3, 5)\n"
    "    torch.testing.assert_close(softmax(x, 1), torch.softmax(x, 1))",
    "scaled_dot_product_attention": "for s in (1, 2):\n    torch.manual_seed(s); a, b = torch.randn(2, 3, 5), torch.randn(2, 4, 5)\n"
    "    c = torch.randn(2, 4, 6);     m = torch.rand(2, 3, 4) > 0.4; m[..., 0] = True\n"
    "    torch.testing.assert_close(scaled_dot_product_attention(a, b, c, m)[0], F.scaled_dot_product_attention(a, b, c, m))",
    "causal_mask": "for n in (1, 5):\n    assert torch.equal(causal_mask(n), torch.ones(n, n).tril().bool())",
    "padding_mask": "for n in (4, 6):\n    given = torch.tensor([1, 0, 4])\n"
    "    assert torch.equal(padding_mask(given, n), torch.arange(n)[None, None] < given[:, None, None])",
    "SelfAttention": "for s in (1, 2):\n    torch.manual_seed(s); m = SelfAttention(6, 4); x = torch.randn(2, 3, 6)\n"
    "    torch.testing.assert_close(m(x), F.scaled_dot_product_attention(m.linear_q(x), m.linear_k(x), m.linear_v(x)))",
}


@dataclass(frozen=True)
class Cost:
    """What a command took: wall and CPU seconds of all its processes, and the memory of the largest one, in MB."""

    wall: float
    cpu: float
    peak: float


def measure(command: list[str], folder: Path) -> Cost:
    """Run a command to its end. Raises RuntimeError with the end of what it printed if it fails."""
    # nbgrader calls `alembic` by name, which is beside the interpreter.
    search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    environment = dict(os.environ, PATH=search, JUPYTER_ALLOW_INSECURE_WRITES="1", PYTHONWARNINGS="ignore")
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        # Of this command and all that it waited for: what RUSAGE_CHILDREN counts would hold every earlier command's peak too.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise RuntimeError(f"{' '.join(command[2:4])} failed:\n{log.read()[-2000:]}")
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def a_class() -> dict[str, NotebookNode]:
    """Right submissions, alternatives and misconceptions in turn; nobody loops."""
    its, right = catalogue.load(STEM), sample.solutions(STEM)
    step = max(1, len(its.misconceptions) // (2 * STUDENTS // 3))
    variants = [("misconceptions", v) for v in its.misconceptions[::step][: 2 * STUDENTS // 3]]
    variants += [("alternatives", v) for v in its.alternatives]
    made = {"right": sample.notebook(STEM, right)}
    for folder, v in variants[: STUDENTS - 1]:
        made[f"s{len(made):02}-{v.name[:40]}"] = sample.notebook(
            STEM, right | {v.exercise: sample.variant(STEM, folder, v.name, v.exercise)}
        )
    return made


def nbgrader_course(folder: Path, submissions: Mapping[str, NotebookNode], drawing: bool) -> None:
    """An nbgrader course whose check cells hold tests, released and submitted. drawing: whether the cells that draw are kept."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = f'c = get_config()\nc.CourseDirectory.course_id = "bench"\nc.Exchange.root = {str(folder / "exchange")!r}\n'
    (folder / "nbgrader_config.py").write_text(config, encoding="utf-8")
    _put(_with_tests(build.solution_notebook(STEM), drawing), folder / "source" / STEM)
    measure(_nbgrader("generate_assignment", STEM), folder)
    for student, submitted in submissions.items():
        _put(_with_tests(submitted, drawing), folder / "submitted" / student / STEM)


def _with_tests(notebook: NotebookNode, drawing: bool) -> NotebookNode:
    looks = {cell.name for cell in source.read(STEM) if cell.role == "look"}
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in notebook.cells]
    notebook.cells = [cell for cell, grade_id in zip(notebook.cells, ids, strict=True) if drawing or grade_id not in looks]
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if grade_id.endswith("-check"):
            cell.source = TESTS[grade_id.removesuffix("-check")]
            cell.metadata["nbgrader"].pop("checksum", None)
    if not drawing:
        notebook.cells.insert(1, new_code_cell("import matplotlib.pyplot as plt", id="as-a-lesson-would"))
    return notebook


def _put(notebook: NotebookNode, folder: Path) -> None:
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{STEM}.ipynb")


def _nbgrader(*words: str) -> list[str]:
    return [sys.executable, "-m", "nbgrader", *words]


def _nbgrader_cost(folder: Path) -> Cost:
    graded, told = (measure(_nbgrader(word, STEM), folder) for word in ("autograde", "generate_feedback"))
    return Cost(graded.wall + told.wall, graded.cpu + told.cpu, max(graded.peak, told.peak))


def main() -> None:
    console = Console()
    assert set(TESTS) == set(lessons.lesson(STEM).exercises)
    shutil.rmtree(OUT, ignore_errors=True)
    submissions = a_class()
    console.print(f"{len(submissions)} submissions of {STEM}, one at a time, cold")
    folder = sample.write(submissions, OUT / "submitted")
    costs = {}
    for name, drawing in (("nbgrader, as released", True), ("nbgrader, without drawing", False)):
        with console.status(name):
            nbgrader_course(OUT / "nbgrader", {s: nbformat.from_dict(n) for s, n in a_class().items()}, drawing)
            costs[name] = _nbgrader_cost(OUT / "nbgrader")
    with console.status("autograder grade"):
        command = [sys.executable, "-m", "autograder", "grade", str(folder), "--lesson", STEM, "--out", str(OUT / "ours"), "--jobs", "1"]
        costs["autograder grade"] = measure(command, source.ROOT)
    console.print(_table(costs, len(submissions)))


def _table(costs: Mapping[str, Cost], students: int) -> Table:
    ours = costs["autograder grade"]
    table = Table(title="Grading one class, with feedback and gradebook written")
    for heading in ("", "wall s", "CPU s", "CPU s a submission", "peak MB", "wall ÷ ours", "CPU ÷ ours"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, cost in costs.items():
        numbers = (f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.cpu / students:.2f}", f"{cost.peak:.0f}")
        table.add_row(name, *numbers, f"{cost.wall / ours.wall:.1f}", f"{cost.cpu / ours.cpu:.1f}")
    return table


if __name__ == "__main__":
    main()
