"""The proof of the checks, lesson by lesson: misconceptions rejected and named, alternatives accepted, margins kept."""

import pytest

from autograder import lessons
from autograder.grading.audit import audit


@pytest.mark.parametrize("stem", lessons.stems())
def test_every_misconception_is_named_and_every_alternative_accepted(stem):
    findings = list(audit(lessons.lesson(stem)))
    assert {finding.kind for finding in findings} == {"reference", "misconception", "alternative"}
    assert [f"{f.exercise}/{f.variant}: {f.problem}" for f in findings if f.problem] == []
