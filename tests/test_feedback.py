"""The page that a student gets: what it says, and that nothing a student wrote can act on it."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sample_grades import HOSTILE_CODE, HOSTILE_MARKDOWN, LESSON, Acting, cells, grade

from autograder.grading.feedback import STATUSES, page, write
from autograder.grading.grades import STATUSES as ALL_STATUSES
from autograder.grading.grades import Behaviour, Cell, ExerciseGrade, Grade


class Text(HTMLParser):
    """The text of a page as a reader sees it."""

    def __init__(self, html: str):
        super().__init__()
        self.pieces: list[str] = []
        self.feed(html[html.index("<body>") :])

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    def __str__(self) -> str:
        return " ".join("".join(self.pieces).split())


def said(graded: Grade) -> str:
    return str(Text(page(graded, "Attention")))


def test_it_lies_at_student_and_lesson(tmp_path: Path):
    path = write(grade(), "Attention", tmp_path)
    assert path == tmp_path / "feedback" / "ada" / f"{LESSON}.html"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("student_id", ["", "..", "../eve", "a/b"])
def test_an_id_that_leads_elsewhere_is_refused(tmp_path: Path, student_id: str):
    with pytest.raises(ValueError, match="cannot name a file"):
        write(grade(student_id), "Attention", tmp_path)
    assert not list(tmp_path.rglob("*.html"))


def test_it_gives_the_score_and_what_comes_later():
    assert "3 of 7 points, 2 of them given by hand later" in said(grade())


def test_it_has_a_line_for_each_exercise():
    text = said(grade())
    assert "softmax ✗ not yet 1 / 3" in text
    assert "attention ✓ right 2 / 2" in text
    assert "why-scale … waits for a reader later / 2" in text


def test_each_behavior_has_its_points_and_a_failed_one_its_reason():
    text = said(grade())
    assert "✓ Softmax gives positive numbers. 1 / 1" in text
    assert "✗ Softmax normalizes the axis it is asked for. The rows sum to 0.2. 0 / 2" in text


def test_a_reason_that_a_behavior_gives_is_not_given_twice():
    assert said(grade()).count("The rows sum to 0.2.") == 1


def test_a_reason_of_the_whole_exercise_is_given():
    assert "It ran for more than 10 s." in said(grade(softmax=ExerciseGrade("softmax", "timeout", 0, 3, "It ran for more than 10 s.")))


def test_the_misconception_is_named():
    assert "What this looks like. Each query needs its own distribution." in said(grade())


def test_the_students_own_code_stands_beside_it():
    assert "e = (x - x.max()).exp() return e / e.sum() # <b>everything</b> at once" in said(grade())


def test_the_students_words_stand_beside_a_question():
    assert "Because the variance of $q \\cdot k$ grows with $d$." in said(grade())


def test_an_exercise_that_was_not_attempted_shows_no_stub():
    stub = cells(softmax="def softmax(x, dim):\n    raise NotImplementedError")
    text = said(grade(softmax=ExerciseGrade("softmax", "not_attempted", 0, 3), cells=stub))
    assert "○ not attempted" in text
    assert "NotImplementedError" not in text


def test_notices_come_first():
    text = said(grade(notices=("The cell attention occurs twice.",)))
    assert text.index("The cell attention occurs twice.") < text.index("softmax")


@pytest.mark.parametrize("status", ALL_STATUSES)
def test_every_status_is_a_sign_and_words_not_only_a_color(status: str):
    sign, words, _ = STATUSES[status]
    graded = grade(softmax=ExerciseGrade("softmax", status, None if status == "needs_grading" else 0, 3))
    assert f"softmax {sign} {words}" in said(graded)


def test_it_is_one_file_that_asks_for_nothing():
    html = page(grade(), "Attention")
    assert not re.search(r"<(link|script|img|iframe|object|embed)\b|url\(|@import|\bsrc=", html)


def test_its_policy_forbids_everything_but_its_own_style_sheet():
    html = page(grade(), "Attention")
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert html.index("Content-Security-Policy") < html.index("<title>")


@pytest.mark.parametrize("hostile", [*HOSTILE_MARKDOWN, *HOSTILE_CODE])
def test_no_text_acts_wherever_it_stands(hostile: str):
    behaviour = Behaviour(hostile, 0, 1, hostile)
    exercises = [
        ExerciseGrade(hostile, status, None if status == "needs_grading" else 0, 1, hostile, hostile, (behaviour,))
        for status in ALL_STATUSES
    ]
    submitted = (Cell("code", hostile, hostile), Cell("markdown", hostile, "why-scale"), Cell("code", hostile))
    html = page(Grade(hostile, hostile, tuple(exercises), submitted, (hostile,)), hostile)
    found = Acting()
    found.feed(html[html.index("<body>") :])
    assert [tag for tag in found.found if tag != "svg"] == []  # the page's own bar is an SVG picture
    assert html.count("<svg") == 1
    assert not set(html) & {"\x1b", "\x07", "\x00", "\u202e", "\ud800"}
    assert "<title>" in html.split("<body>")[0] and "<script" not in html
