"""What a person sees of a submission: the released notebook with the student's text in it, and nothing in it that can run.

nbgrader's pages and JupyterLab show a notebook's HTML, scripts and all. So they never get the student's file. They get a copy made from the
release and from the text of the student's cells: no outputs, no attachments, no metadata but the release's own.
"""

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.filters import markdown2html
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, is_grade, is_solution

from autograder.grading.grades import Cell

# Highlighters and Markdown parsers need quadratic time on texts made for it, here and whenever somebody opens the copy. Hence limits,
# each far beyond what an honest submission has.
LONGEST_CELL = 20_000  #: characters; longer cells are cut
LONGEST_MARKDOWN = 6_000  #: characters; longer Markdown is shown as plain text
LONGEST_SENTENCE = 2_000  #: characters; longer comments and notices are cut
MOST_ADDED_TEXT = 200_000  #: characters; cells that a student added beyond that many in all are left out

MISSING_CODE = "# This cell is missing from the submission."
MISSING_TEXT = "*This cell is missing from the submission.*"


@dataclass(frozen=True)
class Release:
    """A lesson as the students got it. `notebook` has nbgrader's metadata, checksums included."""

    notebook: NotebookNode

    @classmethod
    def read(cls, path: Path) -> "Release":
        """Read a built notebook, and give its cells the checksums by which nbgrader knows an untouched answer."""
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if "nbgrader" in cell.metadata:
                cell.metadata.nbgrader.checksum = compute_checksum(cell)
        return cls(notebook)

    @cached_property
    def position(self) -> dict[str, int]:
        """Where the cell with a grade id stands in the notebook."""
        return {grade_id(cell): i for i, cell in enumerate(self.notebook.cells) if grade_id(cell)}

    @cached_property
    def solutions(self) -> tuple[str, ...]:
        """The ids of the cells that a student fills: exercises, and free-text answers."""
        return tuple(grade_id(cell) for cell in self.notebook.cells if is_solution(cell))

    @cached_property
    def points(self) -> dict[str, float]:
        """The points of each cell that carries a score, by its id: checks, and free-text answers."""
        return {grade_id(cell): float(cell.metadata.nbgrader.points) for cell in self.notebook.cells if is_grade(cell)}

    @cached_property
    def page_ids(self) -> frozenset[str]:
        """The HTML ids by which nbgrader's pages find their score and comment fields. A student's heading must not take one."""
        fields = {f"{name}{suffix}" for name in self.position for suffix in ("", "-comment", "_extra_credit")}
        return frozenset(fields | {"notebook", "notebook-container", "statusmessage", "toc"})

    def cell(self, name: str) -> NotebookNode:
        return self.notebook.cells[self.position[name]]


def grade_id(cell: NotebookNode) -> str:
    """nbgrader's id of a released cell, or "" where it has none."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def rebuild(release: Release, cells: Sequence[Cell], notices: Sequence[str] = ()) -> dict[str, Any]:
    """The submission to show: locked cells from the release, solution and added cells with the student's text.

    Args:
        cells: the submission's cells, in its order.
        notices: sentences about the submission, put above everything else.
    Returns:
        A notebook (nbformat 4.5) of plain dictionaries.
    """
    filled = {name: index for name in release.solutions if (index := answer_index(cells, name)) is not None}
    added = _added_cells(release, cells, filled)
    shown: list[dict[str, Any]] = [_notice_cell(notices)] if notices else []
    shown += _own_cells(release, added.get(-1, []), "top")
    for position, released in enumerate(release.notebook.cells):
        name = grade_id(released)
        shown.append(
            _filled_cell(release, released, cells[filled[name]] if name in filled else None) if is_solution(released) else released
        )
        shown += _own_cells(release, added.get(position, []), str(position))
    return {"cells": shown, "metadata": release.notebook.metadata, "nbformat": 4, "nbformat_minor": 5}


def as_json(notebook: dict[str, Any]) -> str:
    """A notebook's file, the same for the same notebook."""
    return json.dumps(notebook, ensure_ascii=False, sort_keys=True) + "\n"


def answer(cells: Sequence[Cell], name: str) -> str | None:
    """What the student wrote for an exercise or question, safe to print; None if the cell is gone."""
    index = answer_index(cells, name)
    return None if index is None else shortened(cells[index].source)


def answer_index(cells: Sequence[Cell], name: str) -> int | None:
    """Which of a submission's cells answers an exercise.

    It is the last one with the exercise's id before its check, or, where the ids are lost, the last that defines the name.
    """
    checks = [i for i, cell in enumerate(cells) if cell.grade_id == f"{name}-check" or cell.source.strip() == f'check("{name}")']
    before = cells[: checks[0]] if checks else cells
    defines = re.compile(rf"^(?:async\s+def|def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*=", re.MULTILINE)
    for candidates in (before, cells):
        with_id = [i for i, cell in enumerate(candidates) if cell.grade_id == name]
        if with_id:
            return with_id[-1]
    for candidates in (before, cells):
        by_name = [i for i, cell in enumerate(candidates) if not cell.grade_id and cell.kind == "code" and defines.search(cell.source)]
        if by_name:
            return by_name[-1]
    return None


def _added_cells(release: Release, cells: Sequence[Cell], filled: dict[str, int]) -> dict[int, list[Cell]]:
    """The cells that the student added, by the position of the released cell that each follows (-1: above the first)."""
    name_of = {index: name for name, index in filled.items()}
    given: dict[tuple[str, str], list[int]] = {}
    for position, released in enumerate(release.notebook.cells):
        if not is_solution(released):
            given.setdefault((released.cell_type, released.source.strip()), []).append(position)
    added: dict[int, list[Cell]] = {}
    room = MOST_ADDED_TEXT
    after = -1
    for index, cell in enumerate(cells):
        same_text = given.get((cell.kind, cell.source.strip()), [])
        if index in name_of:
            after = release.position[name_of[index]]
        elif cell.grade_id in release.position and cell.grade_id not in release.solutions:
            after = release.position[cell.grade_id]
        elif same_text:
            after = next((position for position in same_text if position > after), same_text[-1])
        elif cell.source.strip() and room > 0:
            added.setdefault(after, []).append(cell)
            room -= min(len(cell.source), LONGEST_CELL) + 100
    return added


def _own_cells(release: Release, cells: Sequence[Cell], where: str) -> list[dict[str, Any]]:
    return [_shown(release, cell.kind, cell.source, f"added-{where}-{n}") for n, cell in enumerate(cells)]


def _filled_cell(release: Release, released: NotebookNode, submitted: Cell | None) -> dict[str, Any]:
    """A released solution cell, with the student's text in it."""
    if submitted is None:
        source = MISSING_CODE if released.cell_type == "code" else MISSING_TEXT
    elif submitted.source == released.source:
        source = released.source
    else:
        source = _shown(release, released.cell_type, submitted.source, "")["source"]
    return {**released, "source": source}


def _shown(release: Release, kind: str, source: str, cell_id: str) -> dict[str, Any]:
    if kind == "code":
        return {"cell_type": "code", "id": cell_id, "metadata": {}, "source": shortened(source), "execution_count": None, "outputs": []}
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": harmless_markdown(source, release.page_ids)}


def _notice_cell(notices: Sequence[str]) -> dict[str, Any]:
    lines = ["**About this submission**", "", *(f"- {harmless_sentence(notice)}" for notice in notices)]
    return {"cell_type": "markdown", "id": "notices", "metadata": {}, "source": "\n".join(lines)}


# Text that a terminal, an editor or a page would obey.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with control characters, direction overrides and broken surrogates made visible: nothing for a terminal to obey."""
    return _OBEYED.sub(_picture, text.replace("\r\n", "\n").replace("\r", "\n"))


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's pictures of the control characters: ESC becomes ␛
    return "␡" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"


def shortened(source: str) -> str:
    """A student's code as text to show, cut where it is far longer than any answer."""
    text = _GAP.sub("\n" * 20, visible(source[:LONGEST_CELL]))
    return text if len(source) <= LONGEST_CELL else f"{text}\n# Cut here: the cell has {len(source)} characters."


_GAP = re.compile(r"\n(?:[ \t]*\n){20,}")


def harmless_markdown(source: str, page_ids: frozenset[str] = frozenset()) -> str:
    """The student's Markdown with no HTML, link target, picture, diagram or TeX command that could act.

    Emphasis, lists, tables, code and formulas stay. A space takes the meaning from what could act: `< script>`, `[x] (address)`. Then what
    nbconvert makes of it is looked at: if anything but plain text elements comes out, the whole cell is shown as text.

    Args:
        page_ids: HTML ids that the text's headings must not have.
    """
    text = visible(source)
    if len(text) <= LONGEST_MARKDOWN and not _LONG_RUN.search(text):
        for active, harmless in _MARKDOWN_ACTIVE:
            text = active.sub(harmless, text)
        if _is_plain(text, page_ids):
            return text
    return "\n".join(f"    {line}" for line in shortened(source).strip("\n").split("\n"))  # an indented block: text without a way out


_LONG_RUN = re.compile(r"([^\w\s=-])\1{99}")

_TEX_COMMANDS = "href|url|style|class|cssId|html[A-Za-z]*|data|bbox|require|includegraphics|def|gdef|edef|xdef|let|(?:re)?new[a-z]+"
_MARKDOWN_ACTIVE = (
    (re.compile(r"<(?=[A-Za-z/!?])"), "< "),  # a tag, comment or address starts with "<" and one of these, in Markdown as in HTML
    (re.compile(r"\](?=[(:])"), "] "),  # a link, a picture, or the definition of a link's target
    (re.compile(rf"\\(?=(?:{_TEX_COMMANDS})(?![A-Za-z]))"), r"\\ "),
    (re.compile(r"(`{3,}|~{3,})([ \t]*)(?=mermaid)", re.IGNORECASE), r"\1\2text "),
)


def harmless_sentence(text: str) -> str:
    """A sentence that may quote a student, for a place that is Markdown on one page and plain text on another."""
    text = textwrap.shorten(visible(text[:10_000]), LONGEST_SENTENCE, placeholder=" …")
    for active, harmless in _MARKDOWN_ACTIVE:
        text = active.sub(harmless, text)
    text = re.sub(r"^(?=[#>=~`|+*-])", r"\\", text)  # at its start these make a heading, a quotation, a list, a table
    return re.sub(r"(?<![\w`])(__\w+__)(?![\w`])", r"`\1`", text)  # else __init__ would turn bold and lose its underscores


def _is_plain(markdown: str, page_ids: frozenset[str]) -> bool:
    """Whether nbconvert makes only plain text elements of it."""
    inspector = _Inspector(page_ids)
    try:
        inspector.feed(markdown2html(markdown))
    except Exception:  # a text that breaks the renderer here would break nbgrader's page
        return False
    inspector.close()
    return inspector.plain


class _Inspector(HTMLParser):
    """Reads HTML, and notes whether all of it is text elements without anything that acts."""

    ELEMENTS = re.compile("p|br|hr|em|strong|del|code|pre|span|div|blockquote|h[1-6]|a|input|[uod]l|li|dt|dd|table|thead|tbody|tr|th|td")
    ALIGNED = re.compile(r"text-align: ?(left|center|right);?")

    def __init__(self, page_ids: frozenset[str]):
        super().__init__()
        self.page_ids = page_ids
        self.plain = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.ELEMENTS.fullmatch(tag) or not all(self._harmless(tag, name, value or "") for name, value in attrs):
            self.plain = False

    def _harmless(self, tag: str, name: str, value: str) -> bool:
        if name == "class":
            return "mermaid" not in value.lower()
        if name == "id":
            return value not in self.page_ids
        if name == "href":
            return tag == "a" and value.startswith(("http://", "https://", "#"))
        if name == "style":
            return tag in ("td", "th") and bool(self.ALIGNED.fullmatch(value))
        if name in ("type", "checked", "disabled"):
            return tag == "input" and (name != "type" or value == "checkbox")
        return name == "start" and tag == "ol"

    def handle_comment(self, data: str) -> None:
        self.plain = False

    def handle_decl(self, decl: str) -> None:
        self.plain = False

    def handle_pi(self, data: str) -> None:
        self.plain = False

    def unknown_decl(self, data: str) -> None:
        self.plain = False
