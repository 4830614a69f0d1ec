"""What grading a submission says: the record that the gradebook, the CSV file and the feedback pages are written from."""

from dataclasses import dataclass

#: right, wrong: decided by observations. error: the student's code raised. needs_grading: a free-text answer for a person to read.
STATUSES = ("right", "wrong", "not_attempted", "error", "timeout", "memory", "needs_grading")


@dataclass(frozen=True)
class Cell:
    """One cell as submitted; all of it is hostile text. kind: "code" or "markdown". grade_id: nbgrader's id, "" where lost."""

    kind: str
    source: str
    grade_id: str = ""


@dataclass(frozen=True)
class Behaviour:
    """One probe's verdict: what it asks (its docstring), its points, whether it held, and the sentence if it did not."""

    text: str
    points: float
    max_points: float
    reason: str = ""


@dataclass(frozen=True)
class ExerciseGrade:
    """One exercise's verdict. points is None only where status is needs_grading. reason: plain sentences; hint: a misconception's."""

    exercise: str
    status: str
    points: float | None
    max_points: float
    reason: str = ""
    hint: str = ""
    behaviours: tuple[Behaviour, ...] = ()


@dataclass(frozen=True)
class Grade:
    """One submission's verdict. notices: sentences about it as a whole (lost metadata, duplicate names, a cell that never ended)."""

    student_id: str
    lesson: str
    exercises: tuple[ExerciseGrade, ...]
    cells: tuple[Cell, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        return sum(e.points or 0.0 for e in self.exercises)

    @property
    def max_points(self) -> float:
        return sum(e.max_points for e in self.exercises)
