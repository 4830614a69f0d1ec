"""The views of attention where they are met: played with in JupyterLab and in exported pages, without a request to anybody."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from browser import Server, Watched, lab_server, page, wait_for_kernel
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from autograder import build
from autograder.source import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page

pytestmark = pytest.mark.browser

NAME, STRANGER, LESSON = "views.ipynb", "stranger.ipynb", "09_seeing_attention"
LOAD = """\
import torch
from course import attention_view, trained

model, tokenizer = trained.minilm()
inputs = tokenizer("The cat sat on the mat", "The cat lay on the rug", return_tensors="pt")
with torch.no_grad():
    attention = model(**inputs, output_attentions=True).attentions
tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])"""
HEADS = 'attention_view.head_view(attention, tokens, layer=2, heads=[9], title="One head")'
MODEL = 'attention_view.model_view(attention, tokens, title="All heads")'
CROSS = """\
across = [layer[0, :, :6, 8:] / layer[0, :, :6, 8:].sum(dim=-1, keepdim=True) for layer in attention]
attention_view.head_view(across, tokens[:6], other_tokens=["</script>", *tokens[9:]], title="Across")"""

#: Milliseconds that a busy machine may take to show a notebook.
PATIENCE = 180_000

#: The token "cat" stands at two places, and a head of layer 2 looks from each to the other.
CAT, OTHER_CAT = 2, 9

PICTURES = ".jp-RenderedImage img"

#: How strongly each line is drawn that can be seen: "query-key" -> opacity.
DRAWN = """lines => Object.fromEntries(lines.map(line => [
    `${line.getAttribute("left-token-index")}-${line.getAttribute("right-token-index")}`,
    getComputedStyle(line).visibility === "visible" ? Number(line.getAttribute("stroke-opacity")) : 0
]).filter(([, opacity]) => opacity > 0.01))"""

RELOAD = """() => Promise.all(Array.from(document.querySelectorAll("iframe[srcdoc]"), frame => new Promise(loaded => {
    frame.addEventListener("load", loaded, {once: true});
    frame.srcdoc = frame.srcdoc;
})))"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with notebooks that were run elsewhere, so that JupyterLab does not trust them, and one of them as a page."""
    folder = tmp_path_factory.mktemp("views")
    lesson = build.solution_notebook(LESSON)
    NotebookClient(lesson, kernel_name="python3", timeout=400, resources={"metadata": {"path": str(ROOT / "notebooks")}}).execute()
    nbformat.write(lesson, folder / f"{LESSON}.ipynb")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in (LOAD, HEADS, MODEL, CROSS)])
    NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    assert not [output for cell in notebook.cells for output in cell.outputs if output.output_type != "display_data"]
    nbformat.write(notebook, folder / NAME)
    (folder / "views.html").write_text(exported(notebook), encoding="utf-8")
    notebook.cells.append(nbformat.v4.new_markdown_cell("Trust is in a content, so this notebook needs another."))
    nbformat.write(notebook, folder / STRANGER)
    return folder


def exported(notebook: nbformat.NotebookNode) -> str:
    """The notebook as `jupyter nbconvert --to html` writes it, but for the scripts of nbconvert's own that it would fetch."""
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    return exporter.from_notebook_node(notebook)[0]


@pytest.fixture(scope="module")
def server(executed: Path) -> Iterator[Server]:
    options = ["--JupyterNotebookApp.expose_app_in_browser=True"]
    with lab_server(executed, options, {"JUPYTER_DATA_DIR": str(executed / "data")}) as running:  # which keeps what is trusted
        yield running


@pytest.fixture(scope="module", params=["JupyterLab", "Notebook", "nbconvert"])
def opened(request: pytest.FixtureRequest, browser: "Browser", server: Server, executed: Path) -> Iterator[Watched]:
    """The executed notebook: trusted in JupyterLab 4 or in Notebook 7, or exported and opened as a file."""
    with page(browser) as watched:
        if request.param == "JupyterLab":
            open_in_lab(watched.page, server, NAME)
            trust(watched.page)
        elif request.param == "Notebook":
            open_in_notebook(watched.page, server, NAME)
            trust(watched.page)
        else:
            watched.page.goto((executed / "views.html").as_uri())
        yield watched


@pytest.fixture
def watched(opened: Watched) -> Watched:
    """The same, every view as at first."""
    opened.page.evaluate(RELOAD)
    return opened


def open_in_lab(page: "Page", server: Server, name: str) -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(server.url(f"lab/tree/{name}?reset"))
    wait_for_kernel(page)


def open_in_notebook(page: "Page", server: Server, name: str) -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(server.url(f"notebooks/{name}"))
    page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell")


def trust(page: "Page") -> None:
    """What a reader does with a notebook from somebody else: Edit, Trust Notebook, and yes."""
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:trust'); }")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_selector("iframe[srcdoc]")


def view(page: "Page", title: str) -> "FrameLocator":
    return page.frame_locator(f'iframe[title="{title}"]')


def drawn(page: "Page", title: str) -> dict[str, float]:
    lines = view(page, title).locator("#attention line")
    lines.first.wait_for(state="attached")
    return lines.evaluate_all(DRAWN)


def test_another_layer_draws_other_lines(watched: Watched):
    before = drawn(watched.page, "One head")
    view(watched.page, "One head").locator("#layer").select_option("0")
    after = drawn(watched.page, "One head")
    assert len(before) > 20 and len(after) > 20
    assert before[f"{CAT}-{OTHER_CAT}"] > 0.8 > 0.1 > after.get(f"{CAT}-{OTHER_CAT}", 0)
    assert watched.outside == []


def test_pointing_at_a_token_leaves_only_its_lines(watched: Watched):
    everything = drawn(watched.page, "One head")
    view(watched.page, "One head").locator("#left text").nth(CAT).hover()
    its_own = drawn(watched.page, "One head")
    assert its_own == {line: opacity for line, opacity in everything.items() if line.startswith(f"{CAT}-")}
    assert max(its_own, key=its_own.get) == f"{CAT}-{OTHER_CAT}"
    assert watched.outside == []


def test_a_click_on_its_square_adds_a_head(watched: Watched):
    squares = view(watched.page, "One head").locator('svg rect[height="20"]')
    before = drawn(watched.page, "One head")
    squares.nth(8).click()
    assert len(drawn(watched.page, "One head")) > 0
    assert drawn(watched.page, "One head") != before


def test_a_click_in_the_model_view_shows_that_head_large(watched: Watched):
    everything = view(watched.page, "All heads")
    heads = everything.locator("svg > g > rect:last-child")
    heads.first.wait_for()
    assert heads.count() == 6 * 12
    heads.nth(2 * 12 + 9).click()
    assert everything.locator("text.detail").text_content() == "Layer 2, Head 9"
    groups = everything.locator(".attn-line-group")
    everything.locator(".detail .token").nth(CAT).hover()
    assert [float(opacity) for opacity in groups.evaluate_all("all => all.map(one => one.style.opacity)")] == [
        float(i == CAT) for i in range(15)
    ]
    assert watched.outside == []


def test_across_sequences_queries_stand_left_and_keys_right(watched: Watched):
    across = view(watched.page, "Across")
    assert across.locator("#left text").all_text_contents() == ["[CLS]", "the", "cat", "sat", "on", "the"]
    assert across.locator("#right text").all_text_contents() == ["</script>", "cat", "lay", "on", "the", "rug", "[SEP]"]


def test_each_view_fits_its_frame_and_has_a_picture_below(watched: Watched):
    frames = watched.page.locator("iframe[srcdoc]")
    assert frames.count() == 3
    for i, title in enumerate(("One head", "All heads", "Across")):
        drawing = view(watched.page, title).locator("svg").bounding_box()
        frame = watched.page.locator(f'iframe[title="{title}"]').bounding_box()
        picture = watched.page.locator(PICTURES).nth(i).bounding_box()
        assert drawing["x"] + drawing["width"] <= frame["x"] + frame["width"]
        assert drawing["y"] + drawing["height"] <= frame["y"] + frame["height"]
        assert frame["y"] + frame["height"] <= picture["y"] and picture["width"] > 300


def test_the_page_of_a_view_cannot_reach_the_notebook_or_the_web(watched: Watched):
    attempt = """async () => {
        const tried = [];
        try { parent.document.title; tried.push("notebook"); } catch {}
        try { await fetch("https://example.org/"); tried.push("web"); } catch {}
        return tried;
    }"""
    inside = next(frame for frame in watched.page.frames if frame.parent_frame)
    assert inside.evaluate(attempt) == []
    assert watched.outside == []


def test_a_notebook_that_is_not_trusted_still_shows_the_pictures(browser: "Browser", server: Server):
    with page(browser) as watched:
        open_in_lab(watched.page, server, STRANGER)
        pictures = watched.page.locator(PICTURES)
        pictures.nth(2).wait_for()
        assert pictures.evaluate_all("all => all.map(one => one.naturalWidth > 300)") == [True] * 3
        assert watched.page.locator("iframe[srcdoc]").count() == 0


def test_the_lessons_own_views_can_be_played_with(browser: "Browser", server: Server):
    with page(browser) as watched:
        open_in_lab(watched.page, server, f"{LESSON}.ipynb")
        trust(watched.page)
        frames = watched.page.locator("iframe[srcdoc]")
        opened = [frames.nth(i).get_attribute("title") for i in range(frames.count())]
        title = next(title for title in opened if view(watched.page, title).locator("#layer option").count() > 1)
        before = drawn(watched.page, title)
        shown = view(watched.page, title).locator("#layer").input_value()
        view(watched.page, title).locator("#layer").select_option("0" if shown != "0" else "1")
        other_layer = drawn(watched.page, title)
        view(watched.page, title).locator("#left text").nth(1).hover()
        one_token = drawn(watched.page, title)
        assert other_layer != before
        assert 0 < len(one_token) < len(other_layer) and all(line.startswith("1-") for line in one_token)
        assert watched.outside == []
