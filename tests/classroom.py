"""What the tests of grading share: a lesson, a class on disk, and grading it as the command does."""

from collections.abc import Mapping
from functools import cache
from io import StringIO
from pathlib import Path

from nbformat import NotebookNode
from rich.console import Console

from autograder import lessons
from autograder.grading import desk, engine, sample
from autograder.grading.grades import ExerciseGrade, Grade
from autograder.grading.sandbox import Limits

STEM = "03_attention"
#: Short enough for tests of endless loops, long enough for a busy machine.
LIMITS = Limits(seconds=8.0)


@cache
def marker(secret: int = 7) -> engine.Marker:
    """The lesson's marker, made once for all tests of a process."""
    return engine.Marker(lessons.lesson(STEM), secret)


def grade(submissions: Mapping[str, NotebookNode], folder: Path, limits: Limits = LIMITS, jobs: int = 2) -> dict[str, Grade]:
    """Grade notebooks in the sandbox, without writing gradebooks; by student."""
    sample.write(submissions, folder)
    found = desk.intake.find([folder], STEM)
    return {g.student_id: g for g in engine.grade(found, marker(), engine.Run(limits, jobs))}


def graded(submissions: Mapping[str, NotebookNode], folder: Path, out: Path, **how) -> tuple[dict[str, Grade], str]:
    """Grade as `autograder grade` does, with everything that it writes; by student, and what it printed."""
    sample.write(submissions, folder)
    console = Console(file=StringIO(), width=200)
    grades = desk.grade_class([folder], lessons.lesson(STEM), out, engine.Run(LIMITS), console, **how)
    return {g.student_id: g for g in grades}, console.file.getvalue()


def exercise(grade: Grade, name: str) -> ExerciseGrade:
    return next(e for e in grade.exercises if e.exercise == name)


def statuses(grade: Grade) -> dict[str, str]:
    return {e.exercise: e.status for e in grade.exercises}


def right() -> dict[str, str]:
    """The cells of a student who has everything right."""
    return dict(sample.solutions(STEM))
