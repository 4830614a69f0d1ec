"""The notebooks as students meet them: in a real JupyterLab, with their pictures, and answers to what somebody types."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from browser import Server, lab_server, page, run_all_cells, wait_for_kernel

from autograder import build, lessons
from autograder.grading import sample
from autograder.source import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
STEM = "03_attention"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's folder: notebooks beside the figures that they show."""
    folder = tmp_path_factory.mktemp("student")
    shutil.copytree(ROOT / "notebooks", folder / "work")
    shutil.copytree(ROOT / "assets" / "figures", folder / "assets" / "figures")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with lab_server(folder) as running:
        yield running


def open_notebook(page: "Page", server: Server, name: str) -> None:
    page.goto(server.url(f"lab/tree/work/{name}?reset"))
    wait_for_kernel(page)


def broken_pictures(page: "Page") -> list[str]:
    """The alternative texts of pictures that did not load."""
    return page.eval_on_selector_all(
        ".jp-NotebookPanel img", "images => images.filter(i => i.complete && i.naturalWidth === 0).map(i => i.alt || i.src)"
    )


def outcomes(page: "Page") -> list[str]:
    """What the check cells show, in order."""
    shown = page.eval_on_selector_all(".jp-NotebookPanel .jp-OutputArea-output", "found => found.map(o => o.innerText)")
    return [text for text in shown if text.startswith(("○", "✗", "✓"))]


@pytest.mark.parametrize("stem", lessons.stems())
def test_a_lesson_opens_with_all_its_figures_and_asks_no_other_host(browser: "Browser", server: Server, stem: str):
    with page(browser) as watched:
        open_notebook(watched.page, server, f"{stem}.ipynb")
        watched.page.wait_for_timeout(1500)
        figures = watched.page.locator(".jp-NotebookPanel .jp-MarkdownCell img").count()
        assert figures >= 6
        assert broken_pictures(watched.page) == []
        assert watched.outside == []


def test_an_untouched_notebook_runs_and_says_what_is_to_be_done(browser: "Browser", server: Server):
    with page(browser) as watched:
        open_notebook(watched.page, server, f"{STEM}.ipynb")
        run_all_cells(watched.page)
        shown = outcomes(watched.page)
        assert len(shown) == len(lessons.lesson(STEM).exercises)
        assert all("not attempted" in text for text in shown)
        assert watched.outside == []


def test_right_and_wrong_answers_are_told_apart_and_named(browser: "Browser", server: Server, folder: Path):
    right = sample.solutions(STEM)
    wrong = sample.variant(STEM, "misconceptions", "softmax_always_last", "softmax")
    nbformat.write(sample.notebook(STEM, right | {"softmax": wrong}), folder / "work" / "mine.ipynb")
    with page(browser) as watched:
        open_notebook(watched.page, server, "mine.ipynb")
        run_all_cells(watched.page)
        shown = dict(zip(lessons.lesson(STEM).exercises, outcomes(watched.page), strict=True))
        assert "not yet" in shown.pop("softmax")
        assert all("right" in text for text in shown.values())
        assert watched.page.locator(".jp-NotebookPanel .jp-OutputArea-output img, .jp-NotebookPanel .js-plotly-plot").count() >= 5
        assert watched.outside == []


def test_names_of_the_notebooks_are_those_of_the_lessons():
    assert sorted(path.stem for path in build.NOTEBOOKS.glob("*.ipynb")) == lessons.stems()
