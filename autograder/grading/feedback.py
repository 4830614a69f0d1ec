"""A page for each student that says what was right, what was not, and why: made from verdicts, not from an executed notebook.

The page is one file without scripts, and tells the browser to run none. It has what the student wrote and what grading said about it;
expected values, secret inputs and solutions are not in the record that it is made from.
"""

import base64
import hashlib
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.grading.grades import Behaviour, ExerciseGrade, Grade
from autograder.grading.rebuild import answer, visible

TEMPLATES = Path(__file__).parent / "templates"

#: A status as a person reads it: a sign that survives a gray print, words, and the kind that gives the color.
STATUSES = {
    "right": ("✓", "right", "right"),
    "wrong": ("✗", "not yet", "wrong"),
    "error": ("✗", "raised an error", "wrong"),
    "timeout": ("✗", "took too long", "wrong"),
    "memory": ("✗", "took too much memory", "wrong"),
    "not_attempted": ("○", "not attempted", "open"),
    "needs_grading": ("…", "waits for a reader", "open"),
}


def write(grade: Grade, lesson_title: str, out: Path) -> Path:
    """Write one student's page for one lesson.

    Args:
        lesson_title: how the lesson calls itself: "Attention".
        out: the folder that holds everything `grade` writes.
    Returns:
        `out/feedback/STUDENT/LESSON.html`.
    Raises:
        ValueError: if the student's id or the lesson is not a plain name, so that the page would lie elsewhere.
    """
    for name in (grade.student_id, grade.lesson):
        if name in ("", ".", "..") or Path(name).name != name:
            raise ValueError(f"{visible(name)!r} cannot name a file; a plain name was expected, without slashes. Rename the submission.")
    path = out / "feedback" / grade.student_id / f"{grade.lesson}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.write_text(page(grade, lesson_title), encoding="utf-8")
    os.replace(staged, path)
    return path


def page(grade: Grade, lesson_title: str) -> str:
    """The page as HTML."""
    environment, style, style_hash = _layout()
    return environment.get_template("feedback.html.jinja").render(
        student=visible(grade.student_id),
        title=visible(lesson_title),
        points=grade.points,
        max_points=grade.max_points,
        later=sum(exercise.max_points for exercise in grade.exercises if exercise.points is None),
        summary=_summary(grade),
        notices=[visible(notice) for notice in grade.notices],
        exercises=[_shown(exercise, grade) for exercise in grade.exercises],
        style=style,
        style_hash=style_hash,
    )


@cache
def _layout() -> tuple[Environment, Markup, str]:
    """The templates, the style sheet, and the hash by which the page allows this style sheet and no other."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["points"] = lambda number: f"{number:g}"
    style = (TEMPLATES / "feedback.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return environment, Markup(style), f"sha256-{digest}"


def _summary(grade: Grade) -> list[tuple[str, str, int]]:
    """How many exercises have each status: kind, words, number, in the order of STATUSES."""
    count = Counter(exercise.status for exercise in grade.exercises)
    return [(kind, words, count[status]) for status, (_, words, kind) in STATUSES.items() if count[status]]


def _shown(exercise: ExerciseGrade, grade: Grade) -> dict[str, Any]:
    """What the template shows of one exercise."""
    sign, words, kind = STATUSES[exercise.status]
    wrote = answer(grade.cells, exercise.exercise) if exercise.status != "not_attempted" else None
    written = next((cell.kind for cell in grade.cells if cell.grade_id == exercise.exercise), "code")
    said_below = any(behaviour.reason and exercise.reason.endswith(behaviour.reason) for behaviour in exercise.behaviours)
    return {
        "name": visible(exercise.exercise),
        "sign": sign,
        "words": words,
        "kind": kind,
        "status": exercise.status,
        "points": exercise.points,
        "max_points": exercise.max_points,
        "reason": "" if said_below else visible(exercise.reason),
        "hint": visible(exercise.hint),
        "behaviours": [_behaviour(behaviour) for behaviour in exercise.behaviours],
        "code": _highlighted(wrote) if wrote and written == "code" else None,
        "text": wrote if wrote and written == "markdown" else None,
    }


def _behaviour(behaviour: Behaviour) -> dict[str, Any]:
    held = not behaviour.reason and behaviour.points >= behaviour.max_points
    text = {"text": visible(behaviour.text), "reason": visible(behaviour.reason), "held": held}
    return {**text, "points": behaviour.points, "max_points": behaviour.max_points}


def _highlighted(code: str) -> Markup:
    """Python with its tokens in spans; pygments escapes the text."""
    return Markup(highlight(code, PythonLexer(), HtmlFormatter(nowrap=True)))
