"""The copy of a submission that people look at: the release with the student's text in it, and nothing that can act."""

import json
from pathlib import Path

import nbformat
import pytest
from nbconvert.filters import markdown2html
from sample_grades import ATTENTION, HOSTILE_CODE, HOSTILE_MARKDOWN, SOFTMAX, Acting, cells, release

from autograder.grading.grades import Cell
from autograder.grading.rebuild import LONGEST_CELL, Release, answer, as_json, harmless_markdown, harmless_sentence, rebuild, visible


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return Release.read(release(tmp_path_factory.mktemp("release")))


def sources(notebook: dict) -> list[str]:
    return [cell["source"] for cell in notebook["cells"]]


def by_id(notebook: dict) -> dict[str, str]:
    return {cell["metadata"].get("nbgrader", {}).get("grade_id", cell["id"]): cell["source"] for cell in notebook["cells"]}


def test_it_is_a_valid_notebook_without_outputs(released: Release):
    shown = rebuild(released, cells(Cell("code", "1 + 1"), Cell("markdown", "Done.")), ["A notice."])
    notebook = nbformat.reads(as_json(shown), as_version=4)
    nbformat.validate(notebook)
    assert [cell.outputs for cell in notebook.cells if cell.cell_type == "code" and cell.outputs] == []


def test_the_students_answers_stand_in_the_released_cells(released: Release):
    shown = by_id(rebuild(released, cells()))
    assert (shown["softmax"], shown["attention"]) == (SOFTMAX, ATTENTION)


def test_locked_cells_come_from_the_release(released: Release):
    tampered = [Cell(c.kind, "pass  # no check", c.grade_id) if c.grade_id in ("softmax-check", "given") else c for c in cells()]
    shown = rebuild(released, tampered)
    assert by_id(shown)["softmax-check"] == 'check("softmax")'
    assert by_id(shown)["given"] == "import torch"
    assert "pass  # no check" not in sources(shown)


def test_metadata_come_from_the_release(released: Release):
    shown = rebuild(released, cells(Cell("code", "extra", "unknown-id")))
    assert [c["metadata"] for c in shown["cells"] if c["source"] == "extra"] == [{}]
    assert shown["metadata"] == released.notebook.metadata


def test_an_added_cell_stands_where_the_student_put_it(released: Release):
    submitted = list(cells())
    submitted.insert(4, Cell("code", "softmax(torch.ones(3), 0)"))
    shown = sources(rebuild(released, submitted))
    assert shown.index("softmax(torch.ones(3), 0)") == shown.index('check("softmax")') + 1


def test_a_missing_answer_says_so(released: Release):
    shown = by_id(rebuild(released, [c for c in cells() if c.grade_id not in ("softmax", "why-scale")]))
    assert shown["softmax"] == "# This cell is missing from the submission."
    assert shown["why-scale"] == "*This cell is missing from the submission.*"


def test_an_untouched_answer_is_the_released_one_to_the_letter(released: Release):
    shown = rebuild(released, cells(why="*Your answer here.*"))
    assert next(c for c in shown["cells"] if c["id"] == "why-scale") == released.cell("why-scale")


def test_without_metadata_answers_are_found_by_name_and_given_cells_by_text(released: Release):
    bare = [Cell(c.kind, c.source) for c in cells() if c.grade_id != "why-scale"]
    shown = rebuild(released, bare)
    assert by_id(shown)["softmax"] == SOFTMAX
    assert len(shown["cells"]) == len(released.notebook.cells)


def test_of_two_cells_with_one_id_the_last_before_the_check_is_the_answer():
    first, second = Cell("code", "def softmax(): 1", "softmax"), Cell("code", "def softmax(): 2", "softmax")
    check, late = Cell("code", 'check("softmax")', "softmax-check"), Cell("code", "def softmax(): 3", "softmax")
    assert answer([first, second, check, late], "softmax") == second.source


def test_the_other_cell_with_the_same_id_is_shown_too(released: Release):
    shown = rebuild(released, [Cell("code", "def softmax(): 1", "softmax"), *cells()])
    assert "def softmax(): 1" in sources(shown)
    assert by_id(shown)["softmax"] == SOFTMAX


def test_the_same_submission_gives_the_same_bytes(released: Release):
    assert as_json(rebuild(released, cells())) == as_json(rebuild(released, cells()))


@pytest.mark.parametrize("code", HOSTILE_CODE)
def test_code_is_text_that_a_terminal_does_not_obey(released: Release, code: str):
    shown = as_json(rebuild(released, cells(Cell("code", code))))
    kept = json.loads(shown.encode("utf-8"))["cells"][-2]["source"]
    assert not set(kept) & {"\x1b", "\x07", "\u202e", "\ud800"}
    assert kept.splitlines()[-1][-12:] == code.splitlines()[-1][-12:].replace("\ud800", "\N{REPLACEMENT CHARACTER}")


def test_control_characters_become_pictures():
    assert visible("a\x1b[31mb\r\nc\x00\u202e") == "a␛[31mb\nc␀\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("markdown", HOSTILE_MARKDOWN)
def test_no_markdown_of_a_student_can_act(released: Release, markdown: str):
    page = Acting()
    page.feed(markdown2html(harmless_markdown(markdown, released.page_ids)))
    assert page.found == []


def test_the_texts_above_do_act_when_they_are_left_alone():
    page = Acting()
    page.feed("\n\n".join(markdown2html(markdown) for markdown in HOSTILE_MARKDOWN if "attachment:" not in markdown))
    assert {"script", "iframe", "img", "a href", "pre class=mermaid", "h1 id=softmax-check"} <= set(page.found)


def test_ordinary_markdown_is_left_as_it_is():
    prose = "Attention is **soft** *lookup*: $a < b$, `q @ k`, see https://example.org."
    ordinary = f"{prose}\n\n1. keys\n2. values\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    assert harmless_markdown(ordinary) == ordinary


def test_a_sentence_keeps_its_underscores_where_markdown_would_take_them():
    assert harmless_sentence("In __init__ of MHA:\n<b>x</b>") == "In `__init__` of MHA: < b>x< /b>"


def test_a_huge_cell_is_cut_and_says_so(released: Release):
    shown = by_id(rebuild(released, cells(softmax="x = 1\n" * LONGEST_CELL)))["softmax"]
    assert len(shown) < LONGEST_CELL + 100
    assert shown.endswith(f"# Cut here: the cell has {6 * LONGEST_CELL} characters.")


def test_thousands_of_added_cells_do_not_fill_the_copy(released: Release):
    shown = rebuild(released, cells(*[Cell("code", "y = 1")] * 20_000))
    assert len(shown["cells"]) < 5_000


def test_a_released_notebook_in_the_project_is_rebuilt_from_its_own_cells(project: Path):
    for path in sorted((project / "notebooks").glob("*.ipynb")):
        lesson = Release.read(path)
        untouched = [Cell(c.cell_type, c.source, c.metadata.get("nbgrader", {}).get("grade_id", "")) for c in lesson.notebook.cells]
        assert rebuild(lesson, untouched)["cells"] == lesson.notebook.cells
