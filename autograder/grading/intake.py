"""From what an instructor has on disk to submissions: a notebook, a folder of notebooks, or nbgrader's tree."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

STUDENT_ID = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class Submission:
    """One student's notebook, unread. problem: why there is none to read, in a sentence."""

    student_id: str
    path: Path
    problem: str = ""


class IntakeError(Exception):
    """What was given holds no submissions, or two of one student. The message says what to do."""


def find(paths: Iterable[Path], stem: str) -> list[Submission]:
    """All submissions of a lesson, sorted by student.

    paths: notebooks (`<student>.ipynb`), folders of them, or nbgrader's `submitted/` (`<student>/<lesson>/*.ipynb`).
    Raises IntakeError for a path that does not exist, a name that cannot be a student's id, two submissions of one student, or none at all.
    """
    found: dict[str, Submission] = {}
    for path in paths:
        for submission in _of(path, stem):
            if not STUDENT_ID.fullmatch(submission.student_id):
                raise IntakeError(
                    f"{submission.path} belongs to {submission.student_id!r}, which cannot be a student's id. "
                    "Rename it: letters, digits and . _ @ - are allowed, at most 64."
                )
            if submission.student_id in found:
                before = found[submission.student_id].path
                raise IntakeError(f"{submission.student_id} has two submissions, {before} and {submission.path}. Keep the one that counts.")
            found[submission.student_id] = submission
    if not found:
        given = ", ".join(map(str, paths)) or "no path"
        raise IntakeError(
            f"No submission of {stem} in {given}. Expected notebooks called <student>.ipynb, or nbgrader's <student>/{stem}/{stem}.ipynb."
        )
    return [found[student] for student in sorted(found)]


def _of(path: Path, stem: str) -> Iterator[Submission]:
    if path.suffix == ".ipynb" and (path.is_file() or path.is_symlink()):
        yield Submission(path.stem, path)
    elif path.is_dir():
        for entry in sorted(path.iterdir()):
            if entry.suffix == ".ipynb":
                yield Submission(entry.stem, entry)
            elif (entry / stem).is_dir():
                yield _in_tree(entry.name, entry / stem, stem)
    else:
        raise IntakeError(f"{path} is neither a notebook nor a folder of notebooks.")


def _in_tree(student: str, folder: Path, stem: str) -> Submission:
    """nbgrader's way: the notebook that bears the lesson's name, or the only one."""
    notebooks = sorted(folder.glob("*.ipynb"))
    named = [notebook for notebook in notebooks if notebook.stem == stem]
    if named or len(notebooks) == 1:
        return Submission(student, (named or notebooks)[0])
    listed = ", ".join(notebook.name for notebook in notebooks)
    problem = f"There is no {stem}.ipynb in the submission; {f'it holds {listed}' if listed else 'it holds no notebook'}."
    return Submission(student, folder / f"{stem}.ipynb", problem)
