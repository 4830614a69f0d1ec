"""The proof of the checks, lesson by lesson: misconceptions rejected and named, alternatives accepted, margins kept."""

import pytest

from autograder import lessons
from autograder.grading.audit import Finding, audit_lessons

#: As many lessons at a time as the graders' machine has cores.
AT_A_TIME = 2


@pytest.fixture(scope="module")
def findings(request: pytest.FixtureRequest) -> dict[str, list[Finding]]:
    """The findings of each lesson that the chosen tests ask for."""
    chosen = {item.callspec.params["stem"] for item in request.session.items if item.fspath == request.node.fspath}
    return dict(audit_lessons(sorted(chosen), AT_A_TIME))


@pytest.mark.parametrize("stem", lessons.stems())
def test_every_misconception_is_named_and_every_alternative_accepted(stem, findings):
    assert {finding.kind for finding in findings[stem]} == {"reference", "misconception", "alternative"}
    assert [f"{f.exercise}/{f.variant}: {f.problem}" for f in findings[stem] if f.problem] == []
