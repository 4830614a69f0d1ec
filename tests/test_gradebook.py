"""Grades in nbgrader's database and in the CSV file, and nbgrader's own commands on them."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import nbgrader.api
import pytest
import sqlalchemy
from jupyter_core.application import NoStart
from nbgrader.apps import NbGraderApp
from sample_grades import HOSTILE_MARKDOWN, LESSON, Acting, cell, cells, grade, release

from autograder.grading.gradebook import GradebookError, read_csv, rows, write, write_csv
from autograder.grading.grades import Cell, ExerciseGrade

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning", "ignore::DeprecationWarning")


@pytest.fixture
def released(tmp_path: Path) -> Path:
    return release(tmp_path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def opened(out: Path) -> nbgrader.api.Gradebook:
    return nbgrader.api.Gradebook(f"sqlite:///{out}/nbgrader/gradebook.db")


def score_of(out: Path, name: str = "softmax-check", student: str = "ada") -> dict:
    with opened(out) as book:
        return book.find_grade(name, LESSON, LESSON, student).to_dict()


def comment_of(out: Path, name: str = "softmax", student: str = "ada") -> dict:
    with opened(out) as book:
        return book.find_comment(name, LESSON, LESSON, student).to_dict()


def by_hand(out: Path, change: Callable[[nbgrader.api.Gradebook], None]) -> None:
    """What a person does in formgrader."""
    with opened(out) as book:
        change(book)
        book.db.commit()


def contents(out: Path) -> list[str]:
    with closing(sqlite3.connect(out / "nbgrader" / "gradebook.db")) as database:
        return list(database.iterdump())


def files(out: Path) -> dict[str, bytes]:
    course = out / "nbgrader"
    return {str(p.relative_to(course)): p.read_bytes() for p in course.rglob("*") if p.is_file() and p.suffix in (".ipynb", ".json", ".py")}


# The database


def test_each_check_has_its_points(out: Path, released: Path):
    write([grade()], LESSON, released, out)
    assert (score_of(out)["auto_score"], score_of(out)["max_score"]) == (1, 3)
    assert (score_of(out, "attention-check")["auto_score"], score_of(out, "attention-check")["max_score"]) == (2, 2)


def test_the_submission_has_the_sum(out: Path, released: Path):
    write([grade()], LESSON, released, out)
    with opened(out) as book:
        submission = book.find_submission(LESSON, "ada")
        assert (submission.score, submission.max_score, submission.needs_manual_grade) == (3, 7, True)


def test_reason_and_hint_are_the_comment_on_the_students_cell(out: Path, released: Path):
    write([grade()], LESSON, released, out)
    assert comment_of(out)["auto_comment"] == "1 of 3 points. The rows sum to 0.2. Each query needs its own distribution."


def test_a_right_answer_has_no_comment(out: Path, released: Path):
    write([grade()], LESSON, released, out)
    assert comment_of(out, "attention")["auto_comment"] is None


def test_free_text_waits_for_a_person(out: Path, released: Path):
    write([grade()], LESSON, released, out)
    found = score_of(out, "why-scale")
    assert (found["auto_score"], found["needs_manual_grade"]) == (None, True)


def test_untouched_free_text_gets_zero_and_waits_for_nobody(out: Path, released: Path):
    untouched = ExerciseGrade("why-scale", "not_attempted", 0, 2)
    write([grade(why=untouched, cells=cells(why="*Your answer here.*"))], LESSON, released, out)
    found = score_of(out, "why-scale")
    assert (found["auto_score"], found["needs_manual_grade"]) == (0, False)
    assert comment_of(out, "why-scale")["auto_comment"] == "Not attempted."


def test_two_lessons_share_one_gradebook(tmp_path: Path, out: Path, released: Path):
    write([grade()], LESSON, released, out)
    other = grade()
    other = type(other)("ada", "04_encoder", other.exercises, other.cells)
    write([other], "04_encoder", released, out)
    with opened(out) as book:
        assert [a.name for a in book.assignments] == [LESSON, "04_encoder"]
        assert book.find_student("ada").score == 6


def test_another_database_can_be_named_and_nbgrader_is_told(tmp_path: Path, out: Path, released: Path):
    url = f"sqlite:///{tmp_path}/elsewhere.db"
    write([grade()], LESSON, released, out, db=url)
    with nbgrader.api.Gradebook(url) as book:
        assert book.find_submission(LESSON, "ada").score == 3
    assert url in (out / "nbgrader" / "nbgrader_config.py").read_text(encoding="utf-8")
    assert not (out / "nbgrader" / "gradebook.db").exists()


def test_a_named_file_is_found_from_the_course_folder_too(tmp_path: Path, out: Path, released: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write([grade()], LESSON, released, out, db="sqlite:///grades.db")
    assert f"sqlite:///{tmp_path}/grades.db" in (out / "nbgrader" / "nbgrader_config.py").read_text(encoding="utf-8")


def test_an_address_with_a_password_is_kept_from_other_users(tmp_path: Path, out: Path, released: Path):
    write([grade()], LESSON, released, out, db=f"sqlite:///{tmp_path}/elsewhere.db")
    assert (out / "nbgrader" / "nbgrader_config.py").stat().st_mode & 0o077 == 0


def test_a_whole_class_takes_as_many_statements_as_one_student(tmp_path: Path, released: Path):
    def statements(students: int, out: Path) -> int:
        seen = []

        def listener(connection, cursor, statement: str, *arguments) -> None:
            seen.append(statement)

        sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", listener)
        try:
            write([grade(f"student{n}") for n in range(students)], LESSON, released, out)
        finally:
            sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", listener)
        return len(seen)

    assert statements(40, tmp_path / "forty") == statements(1, tmp_path / "one")


# Grading again


def test_a_regrade_changes_the_automatic_score_and_comment(out: Path, released: Path):
    write([grade()], LESSON, released, out)
    write([grade(softmax=ExerciseGrade("softmax", "right", 3, 3))], LESSON, released, out)
    assert score_of(out)["auto_score"] == 3
    assert comment_of(out)["auto_comment"] is None


def test_a_regrade_of_the_same_submissions_changes_nothing(out: Path, released: Path):
    write([grade()], LESSON, released, out)
    before = contents(out), files(out)
    write([grade()], LESSON, released, out)
    assert (contents(out), files(out)) == before


def test_students_who_are_not_graded_again_stay(out: Path, released: Path):
    write([grade("ada"), grade("ben")], LESSON, released, out)
    write([grade("ben")], LESSON, released, out)
    assert score_of(out, student="ada")["auto_score"] == 1


def test_points_extra_credit_and_comments_by_hand_survive(out: Path, released: Path):
    def person(book: nbgrader.api.Gradebook) -> None:
        given = book.find_grade("why-scale", LESSON, LESSON, "ada")
        given.manual_score, given.extra_credit, given.needs_manual_grade = 1.5, 0.5, False
        book.find_comment("softmax", LESSON, LESSON, "ada").manual_comment = "Come and see me."

    write([grade()], LESSON, released, out)
    by_hand(out, person)
    write([grade(softmax=ExerciseGrade("softmax", "right", 3, 3))], LESSON, released, out)
    kept = score_of(out, "why-scale")
    assert (kept["manual_score"], kept["extra_credit"], kept["needs_manual_grade"]) == (1.5, 0.5, False)
    assert comment_of(out)["manual_comment"] == "Come and see me."


@pytest.mark.parametrize(
    ("again", "waits"),
    [
        pytest.param(grade(), False, id="the same answer"),
        pytest.param(grade(cells=cells(why="Another answer.")), True, id="another answer"),
    ],
)
def test_points_by_hand_are_looked_at_again_only_if_the_answer_is_another(out: Path, released: Path, again, waits: bool):
    def person(book: nbgrader.api.Gradebook) -> None:
        given = book.find_grade("why-scale", LESSON, LESSON, "ada")
        given.manual_score, given.needs_manual_grade = 2, False

    write([grade()], LESSON, released, out)
    by_hand(out, person)
    write([again], LESSON, released, out)
    assert score_of(out, "why-scale")["needs_manual_grade"] is waits


def test_new_cells_and_points_of_a_new_release_reach_old_submissions(tmp_path: Path, out: Path, released: Path):
    write([grade("ada"), grade("ben")], LESSON, released, out)
    more = [cell("mask", "def mask(): ...", solution=True), cell("mask-check", 'check("mask")', grade=True, locked=True, points=1)]
    old = grade("ada")
    write(
        [type(old)("ada", LESSON, (*old.exercises, ExerciseGrade("mask", "right", 1, 1)), old.cells)], LESSON, release(tmp_path, *more), out
    )
    assert score_of(out, "mask-check")["auto_score"] == 1
    assert score_of(out, "mask-check")["max_score"] == 1


def test_a_cell_that_the_release_dropped_leaves_the_gradebook(tmp_path: Path, out: Path, released: Path):
    more = [cell("mask", "def mask(): ...", solution=True), cell("mask-check", 'check("mask")', grade=True, locked=True, points=1)]
    old = grade("ada")
    write(
        [type(old)("ada", LESSON, (*old.exercises, ExerciseGrade("mask", "right", 1, 1)), old.cells)], LESSON, release(tmp_path, *more), out
    )
    write([old], LESSON, release(tmp_path), out)
    with opened(out) as book:
        assert book.find_submission(LESSON, "ada").max_score == 7
        assert book.find_submission(LESSON, "ada").score == 3


def test_a_dropped_cell_with_points_by_hand_is_refused(tmp_path: Path, out: Path, released: Path):
    def person(book: nbgrader.api.Gradebook) -> None:
        book.find_grade("mask-check", LESSON, LESSON, "ada").manual_score = 1

    more = [cell("mask", "def mask(): ...", solution=True), cell("mask-check", 'check("mask")', grade=True, locked=True, points=1)]
    old = grade("ada")
    write(
        [type(old)("ada", LESSON, (*old.exercises, ExerciseGrade("mask", "right", 1, 1)), old.cells)], LESSON, release(tmp_path, *more), out
    )
    by_hand(out, person)
    with pytest.raises(GradebookError, match="lacks the cells mask, mask-check"):
        write([old], LESSON, release(tmp_path), out)
    assert score_of(out, "mask-check")["manual_score"] == 1


# All or nothing


@pytest.mark.parametrize("dies", [pytest.param(False, id="an error"), pytest.param(True, id="the process dies")])
def test_a_failure_half_way_leaves_everything_as_it_was(out: Path, released: Path, dies: bool):
    write([grade()], LESSON, released, out)
    before = contents(out), files(out)
    child = os.fork()
    if child == 0:  # fails when scores and new students are written, and comments are next

        def fail(connection, cursor, statement: str, *arguments) -> None:
            if statement.startswith("INSERT INTO comment"):
                if dies:
                    os.kill(os.getpid(), signal.SIGKILL)
                raise OSError("no space left on device")

        try:
            sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", fail)
            write([grade(softmax=ExerciseGrade("softmax", "right", 3, 3)), grade("ben")], LESSON, released, out)
        except OSError:
            os._exit(3)
        os._exit(0)
    assert os.waitpid(child, 0)[1] != 0
    assert (contents(out), files(out)) == before


def test_after_a_failure_the_next_run_writes_everything(out: Path, released: Path):
    write([grade()], LESSON, released, out)
    (out / "nbgrader" / ".staging").mkdir()
    (out / "nbgrader" / ".staging" / "left over").touch()
    write([grade("ben")], LESSON, released, out)
    assert score_of(out, student="ben")["auto_score"] == 1
    assert not (out / "nbgrader" / ".staging").exists()


# What is refused


@pytest.mark.parametrize("student_id", ["", ".", "..", "../eve", "a/b", ".hidden", "a b", "<b>", "x" * 65, "\x1b[31m", "ada\n"])
def test_an_id_that_is_no_safe_folder_is_refused(out: Path, released: Path, student_id: str):
    with pytest.raises(GradebookError, match="no safe name") as refusal:
        write([grade(student_id)], LESSON, released, out)
    assert "\x1b" not in str(refusal.value)
    assert not (out / "nbgrader").exists()


def test_two_grades_of_one_student_are_refused(out: Path, released: Path):
    with pytest.raises(GradebookError, match="ada has two grades"):
        write([grade(), grade()], LESSON, released, out)


def test_grades_for_other_points_than_the_release_has_are_refused(tmp_path: Path, out: Path):
    with pytest.raises(GradebookError, match="same sources"):
        write([grade()], LESSON, release(tmp_path, softmax_points=5), out)


def test_a_grade_for_another_lesson_is_refused(out: Path, released: Path):
    with pytest.raises(GradebookError, match="04_encoder was expected"):
        write([grade()], "04_encoder", released, out)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, out: Path, released: Path):
    (tmp_path / "notes.txt").write_text("These are notes, and no database. " * 100, encoding="utf-8")
    with pytest.raises(GradebookError, match=r"notes\.txt cannot be written: file is not a database"):
        write([grade()], LESSON, released, out, db=f"sqlite:///{tmp_path}/notes.txt")
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8").startswith("These are notes")


@pytest.mark.parametrize("url", ["grades.db", "oracle://u:secret@host/db"])
def test_an_address_of_no_database_is_refused(out: Path, released: Path, url: str):
    with pytest.raises(GradebookError) as refusal:
        write([grade()], LESSON, released, out, db=url)
    assert "secret" not in str(refusal.value)


# nbgrader's own commands


def run_nbgrader(out: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run a command of nbgrader in the course folder, in this process, which has nbgrader imported already."""
    monkeypatch.chdir(out / "nbgrader")
    monkeypatch.setenv("JUPYTER_ALLOW_INSECURE_WRITES", "1")
    NbGraderApp.clear_instance()
    try:
        app = NbGraderApp()
        app.initialize(list(arguments))
        with suppress(NoStart):  # how nbgrader says that the subcommand is done
            app.start()
    finally:
        if app.subapp:
            app.subapp.reset()
        app.reset()


def test_nbgrader_exports_the_scores(out: Path, released: Path, monkeypatch: pytest.MonkeyPatch):
    write([grade()], LESSON, released, out)
    run_nbgrader(out, monkeypatch, "export")
    line = (out / "nbgrader" / "grades.csv").read_text(encoding="utf-8").splitlines()[1].split(",")
    assert [line[0], line[3], line[9], line[10]] == [LESSON, "ada", "3.0", "7.0"]


def test_nbgraders_feedback_shows_scores_and_reasons_and_nothing_of_a_student_acts(
    out: Path, released: Path, monkeypatch: pytest.MonkeyPatch
):
    hostile = cells(*(Cell("markdown", markdown) for markdown in HOSTILE_MARKDOWN), why=HOSTILE_MARKDOWN[0])
    reason = ExerciseGrade("softmax", "error", 0, 3, "ValueError in __init__: x = '<script>alert(1)</script>'", "[x](javascript:alert(1))")
    write([grade(cells=hostile, softmax=reason, notices=HOSTILE_MARKDOWN)], LESSON, released, out)
    run_nbgrader(out, monkeypatch, "generate_feedback", LESSON)
    html = (out / "nbgrader" / "feedback" / "ada" / LESSON / f"{LESSON}.html").read_text(encoding="utf-8")
    assert "Score: 2.0 / 7.0" in html
    assert "0 of 3 points. ValueError in" in html
    page = Acting()
    page.feed(html[html.index("<body>") :])
    assert page.found == []


def test_autograde_takes_the_verdicts_and_runs_no_student_code(out: Path, released: Path, tmp_path: Path, project: Path):
    mark = tmp_path / "student code ran"
    write([grade(cells=cells(softmax=f"def softmax(x, dim): ...\nopen({str(mark)!r}, 'w')"))], LESSON, released, out)
    by_hand(out, lambda book: setattr(book.find_grade("softmax-check", LESSON, LESSON, "ada"), "auto_score", 0))
    command = [sys.executable, "-m", "nbgrader", "autograde", LESSON, "--force"]
    environment = {**os.environ, "PYTHONPATH": str(project), "JUPYTER_ALLOW_INSECURE_WRITES": "1"}
    done = subprocess.run(command, cwd=out / "nbgrader", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (score_of(out)["auto_score"], score_of(out, "why-scale")["auto_score"]) == (1, None)
    assert comment_of(out)["auto_comment"].startswith("1 of 3 points.")
    assert not mark.exists()


def test_autograde_refuses_a_submission_that_has_no_verdict(out: Path, released: Path, monkeypatch: pytest.MonkeyPatch):
    write([grade()], LESSON, released, out)
    submitted = out / "nbgrader" / "submitted"
    (submitted / "eve" / LESSON).mkdir(parents=True)
    (submitted / "eve" / LESSON / f"{LESSON}.ipynb").write_bytes((submitted / "ada" / LESSON / f"{LESSON}.ipynb").read_bytes())
    with pytest.raises(SystemExit):
        run_nbgrader(out, monkeypatch, "autograde", LESSON, "--student", "eve")
    assert score_of(out, student="eve")["auto_score"] is None


def test_autograde_refuses_a_submission_other_than_the_one_graded(out: Path, released: Path, monkeypatch: pytest.MonkeyPatch):
    write([grade()], LESSON, released, out)
    submitted = out / "nbgrader" / "submitted" / "ada" / LESSON / f"{LESSON}.ipynb"
    submitted.write_text(submitted.read_text(encoding="utf-8").replace("e.sum()", "e.sum(dim)"), encoding="utf-8")
    with pytest.raises(SystemExit):
        run_nbgrader(out, monkeypatch, "autograde", LESSON, "--force")
    assert score_of(out)["auto_score"] == 1


def test_autograde_keeps_points_by_hand(out: Path, released: Path, monkeypatch: pytest.MonkeyPatch):
    def person(book: nbgrader.api.Gradebook) -> None:
        given = book.find_grade("why-scale", LESSON, LESSON, "ada")
        given.manual_score, given.needs_manual_grade = 2, False

    write([grade()], LESSON, released, out)
    by_hand(out, person)
    run_nbgrader(out, monkeypatch, "autograde", LESSON, "--force")
    kept = score_of(out, "why-scale")
    assert (kept["manual_score"], kept["needs_manual_grade"]) == (2, False)


def test_the_course_holds_the_release_and_no_files_of_students(out: Path, released: Path):
    write([grade()], LESSON, released, out)
    source = json.loads((out / "nbgrader" / "source" / LESSON / f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    assert [c["source"] for c in source["cells"]] == [c["source"] for c in json.loads(released.read_text(encoding="utf-8"))["cells"]]


# grades.csv


def test_the_csv_file_has_a_line_for_each_exercise(tmp_path: Path):
    write_csv([grade()], tmp_path / "grades.csv")
    assert (tmp_path / "grades.csv").read_text(encoding="utf-8").splitlines() == [
        '"student_id","lesson","exercise","points","max_points","status","reason"',
        '"ada","03_attention","softmax",1,3,"wrong","The rows sum to 0.2. Each query needs its own distribution."',
        '"ada","03_attention","attention",2,2,"right",""',
        '"ada","03_attention","why-scale","",2,"needs_grading",""',
    ]


def test_the_csv_file_is_read_back_as_it_was(tmp_path: Path):
    write_csv([grade(), grade("ben")], tmp_path / "grades.csv")
    assert read_csv(tmp_path / "grades.csv") == [*rows(grade()), *rows(grade("ben"))]


FORMULAS = ("=cmd|' /C calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "＝1+1", "'=1", ' =HYPERLINK("http://canary.example")', "\n=1")


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_text_is_no_formula_for_a_spreadsheet(tmp_path: Path, formula: str):
    wrong = ExerciseGrade("softmax", "wrong", 1, 3, formula)
    write_csv([grade("@ada", softmax=wrong)], tmp_path / "grades.csv")
    line = (tmp_path / "grades.csv").read_text(encoding="utf-8").splitlines()[1]
    assert line.startswith('"\'@ada",')
    assert line.split(",", 6)[6].startswith("\"'")


@pytest.mark.parametrize("formula", FORMULAS)
def test_such_a_text_is_read_back_without_the_mark(tmp_path: Path, formula: str):
    write_csv([grade("-ada", softmax=ExerciseGrade("softmax", "wrong", 1, 3, formula))], tmp_path / "grades.csv")
    first = read_csv(tmp_path / "grades.csv")[0]
    assert (first.student_id, first.reason) == ("-ada", " ".join(formula.split()))


def test_the_csv_file_holds_nothing_that_a_terminal_obeys(tmp_path: Path):
    wrong = ExerciseGrade("softmax", "wrong", 1, 3, "\x1b]0;owned\x07\x1b[2J, \ud800 and \u202e\r\nnew line")
    write_csv([grade(softmax=wrong)], tmp_path / "grades.csv")
    found = (tmp_path / "grades.csv").read_text(encoding="utf-8")
    assert not set(found) & {"\x1b", "\x07", "\r", "\u202e"}
    assert len(found.splitlines()) == 4


def test_lines_of_other_students_and_lessons_stay(tmp_path: Path):
    write_csv([grade("ada"), grade("ben")], tmp_path / "grades.csv")
    write_csv([grade("ben", softmax=ExerciseGrade("softmax", "right", 3, 3))], tmp_path / "grades.csv")
    found = read_csv(tmp_path / "grades.csv")
    assert [(row.student_id, row.points) for row in found if row.exercise == "softmax"] == [("ada", 1), ("ben", 3)]


def test_a_file_of_another_kind_is_not_overwritten(tmp_path: Path):
    (tmp_path / "grades.csv").write_text("name;points\nada;7\n", encoding="utf-8")
    with pytest.raises(GradebookError, match="Move the file away"):
        write_csv([grade()], tmp_path / "grades.csv")
    assert (tmp_path / "grades.csv").read_text(encoding="utf-8") == "name;points\nada;7\n"
