"""Lets `nbgrader autograde` take this grader's verdicts, instead of running student code and guessing scores from its output.

nbgrader imports this module in its own process, so it imports nothing of the project. It reads `verdicts/LESSON/STUDENT.json`, which
`grade` writes; nothing in a submission can reach that file.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import SaveAutoGrades
from traitlets import Unicode


@dataclass(frozen=True)
class Verdict:
    """What grading decided about one submission.

    Attributes:
        submission: SHA-256 of the file in `submitted/` that it is about.
        scores: by grade cell: points, or None where a person decides.
        comments: by solution cell: what to tell the student, or None.
    """

    submission: str
    scores: dict[str, float | None]
    comments: dict[str, str | None]

    @classmethod
    def of(cls, submitted: bytes, scores: dict[str, float | None], comments: dict[str, str | None]) -> "Verdict":
        return cls(hashlib.sha256(submitted).hexdigest(), scores, comments)

    @classmethod
    def read(cls, course: Path, lesson: str, student_id: str) -> "Verdict":
        """Read a student's verdict.

        Raises:
            LookupError: if there is none, or if it is about another file than the one in `submitted/`.
        """
        path = verdict_path(course, lesson, student_id)
        submitted = course / "submitted" / student_id / lesson / f"{lesson}.ipynb"
        if not path.is_file():
            raise LookupError(
                f"{student_id} has no verdict for {lesson}: {path} is missing. Grade the submission first: `autograder grade`."
            )
        verdict = cls(**json.loads(path.read_text(encoding="utf-8")))
        if verdict.submission != hashlib.sha256(submitted.read_bytes()).hexdigest():
            raise LookupError(f"{submitted} is not the file that the verdict is about. Grade the new submission first: `autograder grade`.")
        return verdict

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True) + "\n"


def verdict_path(course: Path, lesson: str, student_id: str) -> Path:
    return course / "verdicts" / lesson / f"{student_id}.json"


def needs_person(points: float | None, earlier: float | None, manual: float | None, waiting: bool, changed: bool = False) -> bool:
    """Whether a grade waits for a person.

    nbgrader asks for another look at every grade given by hand, at every regrade. Here it is asked for only where something is new.

    Args:
        points: what grading says now; None where a person decides.
        earlier: what it said before.
        manual: the points given by hand, if any.
        waiting: whether the grade waits already.
        changed: whether the answer is another one than before.
    """
    if manual is None:
        return points is None
    return waiting or changed or points != earlier


class TakeVerdicts(SaveAutoGrades):
    """Writes verdicts where nbgrader's own preprocessor writes what it reads from cell outputs."""

    course = Unicode(help="The course folder, which holds verdicts/ and submitted/").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        known = resources["nbgrader"]
        self.verdict = Verdict.read(Path(self.course), known["assignment"], known["student"])
        return super().preprocess(nb, resources)

    def _add_score(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        name = cell.metadata.nbgrader.grade_id
        points = self.verdict.scores[name]
        grade = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
        grade.needs_manual_grade = needs_person(points, grade.auto_score, grade.manual_score, grade.needs_manual_grade)
        grade.auto_score = points
        self.gradebook.db.commit()

    def _add_comment(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        name = cell.metadata.nbgrader.grade_id
        comment = self.gradebook.find_comment(name, self.notebook_id, self.assignment_id, self.student_id)
        comment.auto_comment = self.verdict.comments.get(name)
        self.gradebook.db.commit()
