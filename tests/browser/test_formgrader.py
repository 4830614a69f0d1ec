"""Formgrader, JupyterLab and the feedback page in a real browser: scores and comments are there, and no script of a student's runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nbgrader.api
import pytest
from browser import Server, Watched, lab_server, page
from sample_grades import CANARY, HOSTILE_CODE, HOSTILE_MARKDOWN, LESSON, cells, grade, release

from autograder.grading import feedback, gradebook
from autograder.grading.grades import Behaviour, Cell, ExerciseGrade

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning", "ignore::DeprecationWarning")]

ADDED = (*(Cell("markdown", text) for text in HOSTILE_MARKDOWN), *(Cell("code", text) for text in HOSTILE_CODE))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graded class: ada's submission is ordinary, eve's is hostile wherever a student can write."""
    out = tmp_path_factory.mktemp("graded")
    hostile = ExerciseGrade("softmax", "error", 0, 3, f"ValueError: <script>{CANARY}</script>", HOSTILE_MARKDOWN[1])
    eve = grade(
        "eve", softmax=hostile, cells=cells(*ADDED, softmax=HOSTILE_CODE[2], why="\n\n".join(HOSTILE_MARKDOWN)), notices=HOSTILE_MARKDOWN
    )
    gradebook.write([grade("ada"), eve, grade("raw")], LESSON, release(out), out)
    _put_back_the_students_file(out / "nbgrader" / "autograded" / "raw" / LESSON / f"{LESSON}.ipynb")
    return out


def _put_back_the_students_file(path: Path) -> None:
    """What would be there without rebuilding: proof that the canary would be seen."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"].append({"cell_type": "markdown", "id": "hostile", "metadata": {}, "source": f"<script>{CANARY}</script>"})
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture(scope="module")
def server(out: Path) -> Iterator[Server]:
    with lab_server(out / "nbgrader") as running:
        yield running


def open_submission(watched: Watched, server: Server, out: Path, student: str) -> None:
    with nbgrader.api.Gradebook(f"sqlite:///{out}/nbgrader/gradebook.db") as book:
        key = book.find_submission_notebook(LESSON, LESSON, student).id
    watched.page.goto(server.url(f"formgrader/submissions/{key}/"))
    watched.page.wait_for_function("() => window.formgrader?.grades?.loaded && window.formgrader.comments?.loaded", timeout=60_000)


def ran(watched: Watched) -> bool:
    """Whether the canary ran: a mark on the page, a dialog, or a request that only a student's text can have made."""
    watched.page.wait_for_timeout(300)
    mark = watched.page.evaluate("() => document.documentElement.dataset.canary")
    return bool(mark or watched.dialogs or any("canary.example" in address for address in watched.outside))


def placeholder(watched: Watched, field: str) -> str | None:
    return watched.page.locator(f'[id="{field}"]').get_attribute("placeholder")


def test_formgrader_lists_the_submissions_with_their_scores(browser: "Browser", server: Server):
    with page(browser) as watched:
        watched.page.goto(server.url(f"formgrader/gradebook/{LESSON}/{LESSON}"))
        watched.page.wait_for_selector("tbody a")
        scores = [line.split("\t")[2].strip() for line in watched.page.locator("tbody tr").all_inner_texts()]
        assert sorted(scores) == ["2 / 7", "3 / 7", "3 / 7"]


def test_formgrader_shows_scores_and_comments_beside_the_code(browser: "Browser", server: Server, out: Path, tmp_path: Path):
    with page(browser) as watched:
        open_submission(watched, server, out, "ada")
        assert placeholder(watched, "softmax-check") == "1"
        assert placeholder(watched, "attention-check") == "2"
        assert placeholder(watched, "softmax-comment") == "1 of 3 points. The rows sum to 0.2. Each query needs its own distribution."
        assert "needs_manual_grade" in watched.page.locator('[id="why-scale"]').get_attribute("class")
        assert "e = (x - x.max()).exp()" in watched.page.locator("#notebook-container").first.inner_text()
        watched.page.screenshot(path=tmp_path / "formgrader.png", full_page=True)
        assert (tmp_path / "formgrader.png").stat().st_size > 20_000


def test_points_given_in_formgrader_survive_a_regrade(browser: "Browser", server: Server, out: Path):
    with page(browser) as watched:
        open_submission(watched, server, out, "ada")
        with watched.page.expect_response(lambda response: "/api/grade/" in response.url and response.request.method == "PUT") as saved:
            watched.page.locator('[id="why-scale"]').fill("1.5")
            watched.page.locator('[id="why-scale"]').blur()
        assert saved.value.ok
    gradebook.write([grade("ada")], LESSON, out / f"{LESSON}.ipynb", out)
    with page(browser) as watched:
        open_submission(watched, server, out, "ada")
        assert watched.page.locator('[id="why-scale"]').input_value() == "1.5"


def test_no_script_of_a_student_runs_in_formgrader(browser: "Browser", server: Server, out: Path):
    with page(browser) as watched:
        open_submission(watched, server, out, "eve")
        assert not ran(watched)
        assert placeholder(watched, "softmax-check") == "0"  # no heading of the student's took the field's place
        assert watched.page.locator("#notebook-container :is(script, style, iframe, img, svg, form, link)").count() == 0


def test_such_a_script_runs_where_the_students_file_is_shown_as_it_is(browser: "Browser", server: Server, out: Path):
    with page(browser) as watched:
        open_submission(watched, server, out, "raw")
        assert ran(watched)


def test_no_script_of_a_student_runs_in_jupyterlab(browser: "Browser", server: Server):
    with page(browser) as watched:
        watched.page.goto(server.url(f"lab/tree/autograded/eve/{LESSON}/{LESSON}.ipynb"))
        watched.page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-RenderedMarkdown", timeout=60_000)
        assert not ran(watched)


def test_nothing_acts_on_the_feedback_page(browser: "Browser", out: Path):
    hostile = "\n".join((*HOSTILE_MARKDOWN, *HOSTILE_CODE))
    exercise = ExerciseGrade("softmax", "error", 0, 3, hostile, hostile, (Behaviour(hostile, 0, 3, hostile),))
    path = feedback.write(
        grade("eve", softmax=exercise, cells=cells(*ADDED, softmax=hostile, why=hostile), notices=(hostile,)), hostile, out
    )
    with page(browser) as watched:
        watched.page.goto(path.as_uri())
        assert not ran(watched)
        assert watched.outside == []
        assert watched.errors == []


def test_a_script_on_the_feedback_page_would_be_stopped_by_its_policy(browser: "Browser", out: Path, tmp_path: Path):
    path = feedback.write(grade("ada"), "Attention", out)
    smuggled = tmp_path / "smuggled.html"
    text = path.read_text(encoding="utf-8").replace("<main>", f"<main><script>{CANARY}</script><p style='color:red'>x</p>")
    smuggled.write_text(text, encoding="utf-8")
    with page(browser) as watched:
        watched.page.goto(smuggled.as_uri())
        assert not ran(watched)
        assert any("Content Security Policy" in error for error in watched.errors)


@pytest.mark.parametrize("width", [320, 380, 1200])
def test_the_feedback_page_fits_a_screen_of_any_width(browser: "Browser", out: Path, width: int):
    path = feedback.write(grade("ada", cells=cells(softmax="x = " + "long_name_" * 50)), "Attention", out)
    with page(browser, width=width) as watched:
        watched.page.goto(path.as_uri())
        assert watched.page.evaluate("() => document.documentElement.scrollWidth") <= width
