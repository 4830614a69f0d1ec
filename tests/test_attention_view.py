"""The bridge to bertviz: what its pages hold, what is shown in a notebook, and what is said when something does not fit."""

import hashlib
import html
import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import nbformat
import pytest
import torch
from nbclient import NotebookClient

from course import attention_view, trained

VENDOR = Path(attention_view.__file__).parent / "vendor"
TOKENS = ["the", "cat", "sat", "down", "."]
KEYS = ["el", "gat", "va", "seure"]


def attention(layers=3, heads=2, queries=5, keys=5, seed=0):
    """Weights as a model gives them: a layer at a time, with a batch of one."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, heads, queries, keys, generator=generator).softmax(dim=-1) for _ in range(layers)]


def parameters(view):
    """What bertviz's script is given."""
    (line,) = re.findall(r"^ *const params = (.*);$", view.page, flags=re.MULTILINE)
    return json.loads(line)


def shape_of(picture, tmp_path):
    """The (rows, columns) of a PNG's pixels."""
    (tmp_path / "picture.png").write_bytes(picture)
    return matplotlib.image.imread(tmp_path / "picture.png").shape[:2]


both = pytest.mark.parametrize("view", [attention_view.head_view, attention_view.model_view])


@both
def test_the_page_holds_the_weights_once_rounded_to_four_decimals(view):
    weights = attention()
    (shown,) = parameters(view(weights, TOKENS))["attention"]
    assert shown["attn"] == [[[[round(w, 4) for w in row] for row in head] for head in layer[0].double().tolist()] for layer in weights]
    assert shown["left_text"] == shown["right_text"] == TOKENS


@both
def test_layers_without_a_batch_and_arrays_of_numpy_show_the_same(view):
    weights = attention()
    expected = view(weights, TOKENS).page
    assert view([layer[0] for layer in weights], TOKENS).page == expected
    assert view([layer.numpy() for layer in weights], tuple(TOKENS)).page == expected
    assert view([layer.clone().requires_grad_() for layer in weights], TOKENS).page == expected


@both
def test_attention_across_sequences_has_queries_at_the_left_and_keys_at_the_right(view):
    (shown,) = parameters(view(attention(keys=4), TOKENS, other_tokens=KEYS))["attention"]
    assert (shown["left_text"], shown["right_text"]) == (TOKENS, KEYS)


def test_the_head_view_begins_with_the_layer_and_heads_that_were_asked_for():
    chosen = parameters(attention_view.head_view(attention(), TOKENS, layer=2, heads=[1]))
    assert (chosen["layer"], chosen["heads"]) == (2, [1])


@both
def test_the_page_fetches_nothing_and_says_so_to_the_browser(view):
    page = view(attention(), TOKENS).page
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=", page)
    assert "default-src 'none'" in page and "d3js.org v5" in page and "jQuery v3" in page


@both
def test_the_frame_keeps_the_page_from_the_notebook(view):
    frame = view(attention(), TOKENS, title='Ours, "trained"')._repr_html_()
    assert re.search(r'<iframe title="Ours, &quot;trained&quot;" sandbox="allow-scripts"', frame)
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == view(attention(), TOKENS, title='Ours, "trained"').page


@both
def test_the_same_attention_gives_the_same_bytes(view):
    assert view(attention(), TOKENS) == view(attention(), TOKENS)


@both
def test_a_token_cannot_end_the_script_that_names_it(view):
    nasty = ["</script>", "<!--", "<eos>", "; // HACK: ", '"&amp;']
    page, harmless = view(attention(), nasty), view(attention(), TOKENS)
    assert page.page.count("</script>") == harmless.page.count("</script>")
    assert parameters(page)["attention"][0]["left_text"] == nasty


def test_the_picture_of_a_head_view_has_the_chosen_heads_only_six_in_a_row(tmp_path):
    weights = attention(heads=14)
    (low, wide), (lower, narrow), (high, _) = (
        shape_of(attention_view.head_view(weights, TOKENS, heads=heads).picture, tmp_path) for heads in (range(6), range(2), None)
    )
    assert narrow < wide and lower > low and high > 2 * low


def test_the_picture_of_a_model_view_has_a_row_for_each_layer(tmp_path):
    high, low = (shape_of(attention_view.model_view(attention(layers, heads=4), TOKENS).picture, tmp_path)[0] for layers in (4, 1))
    assert high > 2 * low


@both
def test_a_long_sequence_can_be_shown(view, tmp_path):
    shown = view(attention(1, 2, 120, 120), [f"bin {i}" for i in range(120)])
    assert max(shape_of(shown.picture, tmp_path)) < 2000
    assert shown.height <= 1000


@both
def test_a_token_may_hold_what_matplotlib_takes_for_mathematics(view):
    assert view(attention(), ["$x_", "$", r"$\frac$", "_", "^"]).picture.startswith(b"\x89PNG")


def test_a_notebook_gets_the_view_and_the_picture_and_no_warning():
    code = (
        "import torch\nfrom course import attention_view\n"
        "attention_view.head_view([torch.eye(3).expand(2, 3, 3)], ['a', 'b', 'c'], title='Eye')"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    view, picture = notebook.cells[0].outputs  # and no third: nothing on standard error
    assert view["data"]["text/html"].startswith('<iframe title="Eye"')
    assert "image/png" in picture["data"] and picture["metadata"]["image/png"]["alt"] == "Eye, as heat maps"


def test_without_bertviz_there_is_a_sentence_and_the_picture():
    code = """import sys; sys.modules["bertviz"] = None
import torch; from course import attention_view
view = attention_view.head_view([torch.eye(3)[None]], ["a", "b", "c"])
print("pip install --no-deps bertviz" in view.page, len(view.picture) > 1000)"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout.split(), ran.stderr) == (["True", "True"], "")


def test_the_empty_attentions_of_sdpa_are_named():
    from transformers import AutoModel

    folder = Path(trained.minilm()[0].config._name_or_path)
    model = AutoModel.from_pretrained(folder, attn_implementation="sdpa", local_files_only=True)
    given = model(torch.tensor([[101, 4937, 102]]), output_attentions=True).attentions
    with pytest.raises(ValueError, match='attn_implementation="eager"'):
        attention_view.head_view(given, ["[CLS]", "cat", "[SEP]"])


@pytest.mark.parametrize("nothing", [None, [], (), [None, None]])
@both
def test_no_attention_is_named(view, nothing):
    with pytest.raises(ValueError, match=r"no attention to show.*eager"):
        view(nothing, TOKENS)


@pytest.mark.parametrize(
    ("weights", "tokens", "other", "sentence"),
    [
        (attention(), TOKENS[:4], None, r"4 tokens for queries and 4 for keys were given, but 5 queries look at 5 keys"),
        (attention(keys=4), TOKENS, None, r"5 for keys were given, but 5 queries look at 4 keys.*other_tokens"),
        (attention(keys=4), TOKENS, KEYS[:3], r"3 for keys were given, but 5 queries look at 4 keys"),
        (attention(), "the cat sat", None, r"text was given for the tokens; expected is a list"),
        (attention()[0][0], TOKENS, None, r"shapes \(5, 5\) were given.*put a single layer into a list"),
        ([torch.rand(2, 3, 5, 5)], TOKENS, None, r"shapes \(2, 3, 5, 5\) were given.*Of a batch choose one"),
        ([*attention(1, 2), *attention(1, 3)], TOKENS, None, r"\(2, 5, 5\), \(3, 5, 5\) were given.*all the same"),
        ([torch.full((1, 2, 5, 5), torch.nan)], TOKENS, None, r"NaN.*mask"),
    ],
)
@both
def test_what_does_not_fit_is_named(view, weights, tokens, other, sentence):
    with pytest.raises(ValueError, match=sentence):
        view(weights, tokens, other_tokens=other)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"layer": 3}, "layer 3 was asked for; there are layers 0 to 2"),
        ({"layer": -1}, "layer -1 was asked for"),
        ({"heads": [0, 2]}, "head 0, 2 was asked for; there are heads 0 to 1"),
        ({"heads": []}, r"head \(none\) was asked for"),
    ],
)
def test_an_unknown_layer_or_head_is_named(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        attention_view.head_view(attention(), TOKENS, **options)


@both
def test_rows_that_do_not_sum_to_one_are_shown_with_one_sentence(view, capsys):
    assert view([layer * 0.5 for layer in attention()], TOKENS).picture
    said = capsys.readouterr()
    assert (said.out.count("\n"), said.err) == (1, "") and "sum to 0.50" in said.out


@both
def test_proper_weights_are_shown_without_a_word(view, capsys):
    view(attention(), TOKENS)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("script", sorted(VENDOR.glob("*.js")), ids=lambda script: script.name)
def test_a_script_of_others_is_unchanged_and_has_its_origin_and_license_beside_it(script):
    name = script.name.split(".")[0]
    origin = (VENDOR / f"{name}.origin.txt").read_text(encoding="utf-8")
    assert hashlib.sha256(script.read_bytes()).hexdigest() in origin
    assert "opyright" in (VENDOR / f"{name}.LICENSE.txt").read_text(encoding="utf-8")
