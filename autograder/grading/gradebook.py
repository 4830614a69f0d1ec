"""Verdicts into nbgrader: a course folder that nbgrader can work in, and its database. And into one CSV file.

The course folder is generated, `out/nbgrader/`: what nbgrader shows there is the rebuilt copy of each submission (`rebuild.py`), never the
student's file. Scores come from the verdicts. What a person added in nbgrader (points, extra credit, comments) is kept.
"""

import csv
import io
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from uuid import uuid4

import nbgrader.api as nb
import sqlalchemy
from alembic.script import ScriptDirectory
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.utils import is_grade, is_locked, is_solution
from sqlalchemy import URL, delete, insert, select, update
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from autograder.grading.grades import ExerciseGrade, Grade
from autograder.grading.nbgrader_verdicts import Verdict, needs_person, verdict_path
from autograder.grading.rebuild import Release, as_json, grade_id, harmless_sentence, rebuild, visible

STUDENT_ID = re.compile(r"(?!\.)[A-Za-z0-9._@-]{1,64}")  # a name of a folder: not "..", not hidden
LESSON = re.compile(r"[A-Za-z0-9_]{1,64}")


class GradebookError(ValueError):
    """The grades cannot be written. The message says what was given, what was expected, and what to do."""


def write(grades: Iterable[Grade], lesson: str, released: Path, out: Path, db: str | None = None) -> Path:
    """Write a lesson's grades into the nbgrader course in `out/nbgrader/`, all of them or, if anything fails, none.

    Students who were written earlier and are not among `grades` stay as they are. Points, extra credit and comments given by hand stay too.

    Args:
        grades: one record a student.
        lesson: the lesson's stem, which becomes nbgrader's assignment and notebook: "03_attention".
        released: the notebook that the students got.
        out: the folder that holds everything `grade` writes.
        db: the database's URL for SQLAlchemy; None: `out/nbgrader/gradebook.db`.
    Returns:
        The course folder: run `nbgrader` or `jupyter lab` there.
    Raises:
        GradebookError: if the grades do not fit the release, if the database holds work by hand on a cell that the release lacks, or if
            it cannot be written.
    """
    grades = list(grades)
    release = Release.read(released)
    _check(grades, lesson, release)
    course = out.resolve() / "nbgrader"
    url = _database(db, course)
    files = _Files(course)
    files.stage(course / "nbgrader_config.py", _config(url if db else None), private=db is not None)
    files.stage(course / "source" / lesson / f"{lesson}.ipynb", as_json(release.notebook))
    (course / "exchange").mkdir(parents=True, exist_ok=True)
    with _gradebook(url) as gradebook:
        cells = _write_lesson(gradebook, release, lesson)
        verdicts = [_submission(course, files, release, grade) for grade in grades]
        _write_scores(gradebook, lesson, cells, verdicts)
        gradebook.db().finish()
    files.publish()
    return course


def _check(grades: Sequence[Grade], lesson: str, release: Release) -> None:
    """Refuse grades that another release was graded for, and names that are not safe as a folder's."""
    if not LESSON.fullmatch(lesson):
        raise GradebookError(f"The lesson is called {visible(lesson)!r}; letters, digits and _ were expected, such as 03_attention.")
    seen: set[str] = set()
    for grade in grades:
        who = visible(grade.student_id)
        if not STUDENT_ID.fullmatch(grade.student_id):
            raise GradebookError(
                f"The student id {who!r} is no safe name for a folder. Use letters, digits and . _ @ -, and no dot in front."
            )
        if grade.lesson != lesson:
            raise GradebookError(
                f"The grade of {who} is for {visible(grade.lesson)!r}; {lesson} was expected. Write each lesson by itself."
            )
        if grade.student_id in seen:
            raise GradebookError(f"{who} has two grades for {lesson}; one was expected. Decide which submission counts.")
        seen.add(grade.student_id)
        points = {_grade_cell(release, e.exercise): e.max_points for e in grade.exercises}
        if points != release.points:
            raise GradebookError(
                f"The grade of {who} has the points {points}; the release of {lesson} has {release.points}. "
                "Build the notebooks and the grades from the same sources: run `autograder build`, then `autograder grade`."
            )


def _grade_cell(release: Release, exercise: str) -> str:
    """The cell that carries an exercise's score: its check, or, for a free-text answer, the answer itself."""
    return exercise if exercise in release.points else f"{exercise}-check"


def _config(url: URL | None) -> str:
    lines = [
        '"""nbgrader\'s settings for this folder. Written by `autograder grade`, and written again at the next run."""',
        "",
        "from pathlib import Path",
        "",
        "c = get_config()  # noqa: F821",
        "course = str(Path(__file__).resolve().parent)",
        "c.CourseDirectory.root = course",
        'c.Exchange.root = course + "/exchange"',
        "# nbgrader runs no student code here: its `autograde` takes the verdicts that `autograder grade` has written.",
        "c.TakeVerdicts.course = course",
        "c.Autograde.autograde_preprocessors = [",
        '    "autograder.grading.nbgrader_verdicts.TakeVerdicts",',
        '    "nbgrader.preprocessors.AssignLatePenalties",',
        '    "nbgrader.preprocessors.CheckCellMetadata",',
        "]",
    ]
    if url is not None:
        lines.append(f"c.CourseDirectory.db_url = {url.render_as_string(hide_password=False)!r}")
    return "\n".join(lines) + "\n"


class _Files:
    """Files that are written now, beside the course, and moved into their places together once nothing can fail any more."""

    def __init__(self, course: Path):
        self.course = course
        self.staging = course / ".staging"
        shutil.rmtree(self.staging, ignore_errors=True)
        self.staging.mkdir(parents=True)
        self.moves: list[tuple[Path, Path]] = []

    def stage(self, path: Path, text: str, private: bool = False) -> None:
        staged = self.staging / str(len(self.moves))
        if private:  # the database's address may hold a password
            staged.touch(mode=0o600)
        staged.write_text(text, encoding="utf-8")
        self.moves.append((staged, path))

    def publish(self) -> None:
        for staged, path in self.moves:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged, path)
        self.staging.rmdir()


class _OneCommit(Session):
    """A session whose commits wait. nbgrader's Gradebook commits in each call; a class is to be written whole or not at all."""

    def commit(self) -> None:
        self.flush()

    def finish(self) -> None:
        super().commit()


def _database(db: str | None, course: Path) -> URL:
    """The database's address. A file's is made absolute, because nbgrader reads it in another folder."""
    try:
        url = sqlalchemy.make_url(db or "sqlite:///gradebook.db")
    except sqlalchemy.exc.ArgumentError:
        raise GradebookError(
            f"{db!r} is no database address. Expected one as SQLAlchemy writes it, such as sqlite:////srv/grades.db."
        ) from None
    if url.get_backend_name() == "sqlite" and url.database:
        file = (Path.cwd() if db else course) / url.database
        file.parent.mkdir(parents=True, exist_ok=True)
        url = url.set(database=str(file))
    return url


@contextmanager
def _gradebook(url: URL) -> Iterator[nb.Gradebook]:
    """nbgrader's gradebook in one transaction: call `gradebook.db().finish()` to make it last."""
    if url.get_backend_name() == "sqlite":
        url = url.update_query_dict({"timeout": "30"})  # seconds to wait for a formgrader that is saving
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sqlalchemy.exc.SAWarning)  # nbgrader's own calls cause harmless ones
            _create_tables(url)
            with nb.Gradebook(url) as gradebook:
                gradebook.db.remove()
                gradebook.db = scoped_session(sessionmaker(class_=_OneCommit, autoflush=False, bind=gradebook.engine))
                yield gradebook
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as problem:  # ImportError: the driver of that kind of database
        why = str(getattr(problem, "orig", None) or problem).splitlines()[0]
        raise GradebookError(
            f"The gradebook {url.set(query={}).render_as_string()} cannot be written: {why}. Nothing was changed. "
            "If nbgrader is older or newer than the file, run `nbgrader db upgrade` beside it; else name another database (`--db`)."
        ) from problem


def _create_tables(url: URL) -> None:
    """Make an empty gradebook. nbgrader would do it itself, but by starting `alembic`, which need not be on the path."""
    engine = sqlalchemy.create_engine(url)
    if not sqlalchemy.inspect(engine).has_table("alembic_version"):
        version = sqlalchemy.table("alembic_version", sqlalchemy.column("version_num"))
        with engine.begin() as connection:
            nb.Base.metadata.create_all(connection)
            connection.execute(sqlalchemy.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            connection.execute(insert(version).values(version_num=ScriptDirectory(ALEMBIC_DIR).get_current_head()))
    engine.dispose()


@dataclass(frozen=True)
class _Cells:
    """Database keys: of the assignment, its notebook, and the grade and solution cells by name."""

    assignment: str
    notebook: str
    grades: dict[str, str]
    comments: dict[str, str]


def _write_lesson(gradebook: nb.Gradebook, release: Release, lesson: str) -> _Cells:
    """Write what the release says: assignment, notebook, cells, points."""
    assignment = gradebook.update_or_create_assignment(lesson)
    kernelspec = json.dumps(release.notebook.metadata.get("kernelspec", {}))
    notebook = gradebook.update_or_create_notebook(lesson, lesson, kernelspec=kernelspec)
    _remove_old_cells(gradebook.db(), notebook, release)
    grades, comments = {}, {}
    for cell in release.notebook.cells:
        name = grade_id(cell)
        if is_grade(cell):
            worth = {"max_score": release.points[name], "cell_type": cell.cell_type}
            grades[name] = gradebook.update_or_create_grade_cell(name, lesson, lesson, **worth).id
        if is_solution(cell):
            comments[name] = gradebook.update_or_create_solution_cell(name, lesson, lesson).id
        if name:
            source = {"source": cell.source, "checksum": cell.metadata.nbgrader.checksum}
            gradebook.update_or_create_source_cell(name, lesson, lesson, cell_type=cell.cell_type, locked=is_locked(cell), **source)
    return _Cells(assignment.id, notebook.id, grades, comments)


def _remove_old_cells(session: Session, notebook: nb.Notebook, release: Release) -> None:
    """Remove the cells that an earlier release had and this one lacks, with their scores."""
    solutions = set(release.solutions)
    old = [cell for cell in notebook.grade_cells if cell.name not in release.points]
    old += [cell for cell in notebook.solution_cells if cell.name not in solutions]
    keys = [cell.id for cell in old]
    by_hand = select(nb.Grade.id).where(
        nb.Grade.cell_id.in_(keys), (nb.Grade.manual_score.is_not(None)) | (nb.Grade.extra_credit.is_not(None))
    )
    remarks = select(nb.Comment.id).where(nb.Comment.cell_id.in_(keys), nb.Comment.manual_comment.is_not(None))
    if keys and (session.execute(by_hand).first() or session.execute(remarks).first()):
        raise GradebookError(
            f"The release of {notebook.name} lacks the cells {', '.join(sorted({c.name for c in old}))}, for which the gradebook holds "
            "points or comments given by hand. Write into a new folder (`--out`), or put the cells back."
        )
    session.execute(delete(nb.Grade).where(nb.Grade.cell_id.in_(keys)))
    session.execute(delete(nb.Comment).where(nb.Comment.cell_id.in_(keys)))
    for cell in old:
        session.delete(cell)
    for cell in notebook.source_cells:
        if cell.name not in release.position:
            session.delete(cell)
    session.flush()
    session.expire(notebook)


@dataclass(frozen=True)
class _Submission:
    """One student's verdict, and which answers differ from those that stood in the course folder before."""

    student_id: str
    verdict: Verdict
    changed: frozenset[str]


def _submission(course: Path, files: _Files, release: Release, grade: Grade) -> _Submission:
    """Stage the rebuilt copy and the verdict of one submission."""
    shown = rebuild(release, grade.cells, grade.notices)
    text = as_json(shown)
    place = Path(grade.student_id, grade.lesson, f"{grade.lesson}.ipynb")
    scores = {_grade_cell(release, e.exercise): e.points for e in grade.exercises}
    comments = {e.exercise: comment(e) for e in grade.exercises}
    verdict = Verdict.of(text.encode("utf-8"), scores, comments)
    changed = _changed_answers(course / "submitted" / place, text, shown, release)
    files.stage(course / "submitted" / place, text)
    files.stage(course / "autograded" / place, text)
    files.stage(verdict_path(course, grade.lesson, grade.student_id), verdict.as_json())
    return _Submission(grade.student_id, verdict, changed)


def comment(exercise: ExerciseGrade) -> str | None:
    """What formgrader and nbgrader's feedback say beside an answer; None where there is nothing to say."""
    if exercise.status in ("right", "needs_grading"):
        return None
    said = " ".join(part for part in (exercise.reason, exercise.hint) if part)
    if exercise.status == "not_attempted":
        return harmless_sentence(said or "Not attempted.")
    return harmless_sentence(f"{exercise.points or 0:g} of {exercise.max_points:g} points. {said}")


def _changed_answers(before: Path, text: str, shown: dict, release: Release) -> frozenset[str]:
    """The free-text answers that differ from those shown before."""
    if not before.is_file():
        return frozenset()
    earlier = before.read_text(encoding="utf-8")
    if earlier == text:
        return frozenset()
    free_text = set(release.points) & set(release.solutions)
    old, new = (
        {c["metadata"].get("nbgrader", {}).get("grade_id"): c["source"] for c in notebook["cells"]}
        for notebook in (json.loads(earlier), shown)
    )
    return frozenset(name for name in free_text if old.get(name) != new.get(name))


def _write_scores(gradebook: nb.Gradebook, lesson: str, cells: _Cells, submissions: Sequence[_Submission]) -> None:
    """Write all submissions' scores and comments, with a few statements for the whole class."""
    session = gradebook.db()
    notebooks = _notebook_keys(session, cells, [s.student_id for s in submissions])
    grades = select(
        nb.Grade.id, nb.Grade.notebook_id, nb.Grade.cell_id, nb.Grade.auto_score, nb.Grade.manual_score, nb.Grade.needs_manual_grade
    )
    known_grades = {(g.notebook_id, g.cell_id): g for g in session.execute(grades.where(nb.Grade.cell_id.in_(cells.grades.values())))}
    comments = select(nb.Comment.id, nb.Comment.notebook_id, nb.Comment.cell_id).where(nb.Comment.cell_id.in_(cells.comments.values()))
    known_comments = {(c.notebook_id, c.cell_id): c.id for c in session.execute(comments)}
    new_grades, old_grades, new_comments, old_comments = [], [], [], []
    for submission in submissions:
        notebook = notebooks[submission.student_id]
        for name, cell in cells.grades.items():
            points, old = submission.verdict.scores[name], known_grades.get((notebook, cell))
            if old is None:
                score = {"auto_score": points, "needs_manual_grade": needs_person(points, None, None, False)}
                new_grades.append({"notebook_id": notebook, "cell_id": cell, **score})
            else:
                wait = needs_person(points, old.auto_score, old.manual_score, old.needs_manual_grade, name in submission.changed)
                old_grades.append({"id": old.id, "auto_score": points, "needs_manual_grade": wait})
        for name, cell in cells.comments.items():
            text, key = submission.verdict.comments.get(name), known_comments.get((notebook, cell))
            if key is None:
                new_comments.append({"notebook_id": notebook, "cell_id": cell, "auto_comment": text})
            else:
                old_comments.append({"id": key, "auto_comment": text})
    for statement, rows in (
        (insert(nb.Grade), new_grades),
        (update(nb.Grade), old_grades),
        (insert(nb.Comment), new_comments),
        (update(nb.Comment), old_comments),
    ):
        if rows:
            session.execute(statement, rows, execution_options={"render_nulls": True})  # else rows with a None are sent one by one


def _notebook_keys(session: Session, cells: _Cells, students: Sequence[str]) -> dict[str, str]:
    """The key of each student's submitted notebook. Students and submissions that the gradebook lacks are added."""
    known = set(session.scalars(select(nb.Student.id)))
    submitted = select(nb.SubmittedAssignment.student_id, nb.SubmittedAssignment.id).where(
        nb.SubmittedAssignment.assignment_id == cells.assignment
    )
    assignments = dict(session.execute(submitted).tuples().all())
    new = [student for student in students if student not in assignments]
    assignments |= {student: uuid4().hex for student in new}
    by_assignment = select(nb.SubmittedNotebook.assignment_id, nb.SubmittedNotebook.id).where(
        nb.SubmittedNotebook.notebook_id == cells.notebook
    )
    notebooks = dict(session.execute(by_assignment).tuples().all())
    lacking = [student for student in students if assignments[student] not in notebooks]
    notebooks |= {assignments[student]: uuid4().hex for student in lacking}
    rows = (
        (insert(nb.Student), [{"id": student} for student in students if student not in known]),
        (
            insert(nb.SubmittedAssignment),
            [{"id": assignments[student], "assignment_id": cells.assignment, "student_id": student} for student in new],
        ),
        (
            insert(nb.SubmittedNotebook),
            [
                {"id": notebooks[assignments[student]], "assignment_id": assignments[student], "notebook_id": cells.notebook}
                for student in lacking
            ],
        ),
    )
    for statement, values in rows:
        if values:
            session.execute(statement, values)
    return {student: notebooks[assignments[student]] for student in students}


@dataclass(frozen=True)
class Row:
    """A line of `grades.csv`: one exercise of one student. points is None where a person has yet to decide."""

    student_id: str
    lesson: str
    exercise: str
    points: float | None
    max_points: float
    status: str
    reason: str


def rows(grade: Grade) -> list[Row]:
    """A grade's lines, in its order."""
    return [
        Row(grade.student_id, grade.lesson, e.exercise, e.points, e.max_points, e.status, " ".join(f"{e.reason} {e.hint}".split()))
        for e in grade.exercises
    ]


def write_csv(grades: Iterable[Grade], path: Path) -> None:
    """Write `grades.csv`. Lines of other students and lessons that the file holds already are kept.

    A text that a spreadsheet would take for a formula gets an apostrophe in front. The file is replaced in one step.
    """
    lines = [row for grade in grades for row in rows(grade)]
    new = {(row.student_id, row.lesson) for row in lines}
    kept = [row for row in read_csv(path) if (row.student_id, row.lesson) not in new] if path.exists() else []
    table = io.StringIO()
    writer = csv.writer(table, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow([field.name for field in fields(Row)])
    for row in sorted([*kept, *lines], key=lambda row: (row.lesson, row.student_id)):
        writer.writerow(_cell(value) for value in astuple(row))
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.write_text(table.getvalue(), encoding="utf-8")
    os.replace(staged, path)


def read_csv(path: Path) -> list[Row]:
    """Read what `write_csv` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.reader(file)
        header, expected = next(table, []), [field.name for field in fields(Row)]
        if header != expected:
            raise GradebookError(f"{path} has the columns {header}; {expected} were expected. Move the file away, and grade again.")
        return [_row(line) for line in table]


def _row(line: list[str]) -> Row:
    student_id, lesson, exercise, points, max_points, status, reason = (_text(value) for value in line)
    return Row(student_id, lesson, exercise, float(points) if points else None, float(max_points), status, reason)


# What a spreadsheet takes for a formula, the wide forms of East Asian input included; and the apostrophe, because reading takes one off.
_FORMULA = tuple("=+-@\t'＝＋－＠")


def _cell(value: str | float | None) -> str | float:
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = " ".join(visible(value).split())
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(value: str) -> str:
    return value[1:] if value.startswith("'") else value
