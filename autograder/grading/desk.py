"""One session at the instructor's desk: from paths on disk to grades, feedback pages and nbgrader's gradebook, with progress."""

from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from autograder import build, source
from autograder.grading import engine, intake, sandbox
from autograder.grading.grades import ExerciseGrade, Grade
from autograder.lessons import Lesson

SYMBOLS = {"right": ("✓", "green"), "not_attempted": ("○", "dim"), "needs_grading": ("?", "cyan")}


class CannotGrade(Exception):
    """Grading did not begin; the message says why and what to do."""


def grade_class(
    paths: Iterable[Path],
    lesson: Lesson,
    out: Path,
    run: engine.Run,
    console: Console,
    db: str | None = None,
    seed: int | None = None,
    write: bool = True,
) -> list[Grade]:
    """Grade what is in `paths`, show a table, and (unless `write` is False) write everything under `out`.

    Raises CannotGrade where submissions cannot be found or student code cannot be jailed here.
    """
    try:
        submissions = intake.find(list(paths), lesson.stem)
        secret = engine.Secret(out).number(seed, keep=write)
    except (intake.IntakeError, ValueError) as problem:
        raise CannotGrade(str(problem)) from None
    if run.sandboxed and (problem := sandbox.available()):
        raise CannotGrade(f"{problem} Student code is not run without a sandbox unless you type --no-sandbox (better: a container).")
    with _progress(console) as progress:
        task = progress.add_task("observing the reference", total=len(submissions))
        marker = engine.Marker(lesson, secret)
        cache = engine.Cache(out / "cache" / lesson.stem, engine.basis(marker, run)) if write else None
        progress.update(task, description="grading")
        grades = engine.grade(submissions, marker, run, cache, done=lambda grade: progress.advance(task))
        if write:
            progress.update(task, description="writing")
            _write(grades, lesson, out, db)
    console.print(_table(lesson, grades))
    if write:
        for what, where in (
            ("grades", "grades.csv"),
            ("feedback", f"feedback/<student>/{lesson.stem}.html"),
            ("nbgrader course", "nbgrader"),
        ):
            console.print(f"{what + ':':17}{out / where}", markup=False, highlight=False, soft_wrap=True)
        console.print(f"{'database:':17}{db or out / 'nbgrader' / 'gradebook.db'}", markup=False, highlight=False, soft_wrap=True)
    return grades


def _write(grades: list[Grade], lesson: Lesson, out: Path, db: str | None) -> None:
    # Imported here: nbgrader takes seconds to import, and a dry run needs none of it.
    from autograder.grading import feedback, gradebook

    title = next(cell.source for cell in source.read(lesson.stem) if cell.kind == "markdown").splitlines()[0].lstrip("# ")
    try:
        gradebook.write(grades, lesson.stem, build.notebook_file(lesson.stem), out, db)
    except gradebook.GradebookError as problem:
        raise CannotGrade(str(problem)) from None
    gradebook.write_csv(grades, out / "grades.csv")
    for grade in grades:
        feedback.write(grade, title, out)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _table(lesson: Lesson, grades: list[Grade]) -> Table:
    """The gradebook: a row for each student, a numbered column for each exercise, and below it which number is which."""
    names = [exercise.exercise for exercise in grades[0].exercises] if grades else []
    legend = "   ".join(f"{number} {name}" for number, name in enumerate(names, start=1))
    marks = "✓ right   ○ not attempted   ? for a person to grade   2/6 points, partly right"
    table = Table(title=f"Gradebook, {lesson.stem}", caption=f"{legend}\n{marks}", caption_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("student", no_wrap=True)
    for number in range(1, len(names) + 1):
        table.add_column(str(number), justify="center", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    for grade in grades:
        table.add_row(grade.student_id, *map(_cell, grade.exercises), f"{grade.points:g}/{grade.max_points:g}")
    return table


def _cell(exercise: ExerciseGrade) -> Text:
    symbol, style = SYMBOLS.get(exercise.status, (exercise.status, "red"))
    if exercise.status == "wrong":
        symbol = f"{exercise.points:g}/{exercise.max_points:g}"
    return Text(symbol, style=style)
