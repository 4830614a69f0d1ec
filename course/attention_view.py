"""bertviz's interactive views of attention, without a network, each with a still picture below it.

bertviz draws a page that fetches its scripts from the web, and that JupyterLab does not run. Here the page carries its scripts (`vendor/`,
with their licenses) and stands in a frame of its own, which may run them but reach neither the notebook nor any address.

    where                                                    what is shown
    JupyterLab 4, Notebook 7, Colab, VS Code, nbconvert      the view to play with, and below it the picture
    viewers that drop frames: GitHub, untrusted notebooks    the picture
    anywhere, as long as bertviz is not installed            a sentence that says how to get it, and the picture
"""

import html
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import torch
from IPython.display import Image, display
from matplotlib.figure import Figure

from course import plots

SIDES = "Left: queries, who looks. Right: keys, who is looked at. Layers and heads count from 0."
HEAD_HINT = (
    "A colored square is a head: a click switches it off or on, a double click shows it alone. Point at a token to see only its lines."
)
MODEL_HINT = (
    "A row for each layer, a column for each head. Click a head to see it large; point at one of its left tokens to see only its lines."
)
NO_BERTVIZ = (
    "To play with this view, install bertviz: %pip install --no-deps bertviz. Then run this cell again. Until then, see the picture."
)
NO_ATTENTION = (
    "There is no attention to show: a layer is missing, or all are. A model of transformers gives its weights only if it was loaded with "
    'attn_implementation="eager" and called with output_attentions=True; its default, sdpa, never has them in hand.'
)

#: Whatever a token says, the page fetches nothing.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
STYLE = """body { margin: 8px; background: white; color: #222222; font-family: "Helvetica Neue", Helvetica, Arial, sans-serif; }
h1 { font-size: 15px; margin: 0 0 4px; } p { font-size: 12px; margin: 0 0 8px; color: #707070; } svg { max-width: 100%; }"""
#: In the place of require.js: both scripts are there already.
REQUIRE = """window.require = {config() {}};
window.requirejs = (names, run) => run(...names.map(name => ({jquery: window.jQuery, d3: window.d3})[name]));"""
#: bertviz draws its model view 970 pixels wide; in a narrower frame it is scaled.
FIT = """for (const svg of document.querySelectorAll("svg[width='970']"))
  svg.setAttribute("viewBox", `0 0 970 ${svg.getAttribute("height")}`), svg.style.height = "auto";"""
#: It makes the rows of its model view the higher the fewer heads there are, so it is told of at least this many.
FEWEST_HEADS = 8
#: Stands for "<" on the way through bertviz, which would let a token </script> end the script that names it.
LESS_THAN, LESS_THAN_IN_JSON = "\ue000", r"\ue000"


@dataclass(frozen=True)
class AttentionView:
    """A view and its picture; as the last line of a cell it shows both. page: HTML. picture: PNG. height, width: of them, in pixels."""

    page: str = field(repr=False)
    picture: bytes = field(repr=False)
    title: str
    height: int
    width: int

    def _repr_html_(self) -> str:
        page = self.page.replace("&", "&amp;").replace('"', "&quot;")
        style = f"width: 100%; height: {self.height}px; border: 0"
        return f'<iframe title="{html.escape(self.title)}" sandbox="allow-scripts" style="{style}" srcdoc="{page}"></iframe>'

    def _repr_png_(self) -> bytes:
        return self.picture

    def _ipython_display_(self) -> None:
        # Two outputs, so that a viewer that drops the frame still has the picture; raw, because IPython's HTML warns of frames.
        display({"text/html": self._repr_html_(), "text/plain": repr(self)}, raw=True)
        display(Image(self.picture, format="png", width=self.width, alt=f"{self.title}, as heat maps"))


def head_view(
    attention: Sequence[Any],
    tokens: Sequence[str],
    *,
    layer: int | None = None,
    heads: Sequence[int] | None = None,
    title: str = "",
    other_tokens: Sequence[str] | None = None,
) -> AttentionView:
    """One layer at a time: lines from each query to the keys that it looks at, a color for each head. The layer can be changed.

    attention: for each layer, weights (heads, T_q, T_k) or (1, heads, T_q, T_k). tokens: T_q names of the queries, and of the keys too
    unless other_tokens (T_k names) are given, as for cross-attention. layer, heads: what is shown at first (layer 0, all heads); the
    picture shows only these.

    Raises ValueError, with a sentence, for no attention at all, shapes or tokens that do not fit, NaN, and unknown layers or heads.
    """
    weights, queries, keys = _checked(attention, tokens, other_tokens)
    layer, heads = layer or 0, list(range(weights.shape[1]) if heads is None else heads)
    for what, asked, there in (("layer", [layer], weights.shape[0]), ("head", heads, weights.shape[1])):
        if not asked or not set(asked) <= set(range(there)):
            raise ValueError(f"{what} {', '.join(map(str, asked)) or '(none)'} was asked for; there are {what}s 0 to {there - 1}")
    body = _bertviz("head_view", weights, queries, keys, other_tokens is not None, layer=layer, heads=heads)
    panels = [(f"head {head}", weights[layer, head]) for head in heads]
    rows = [panels[start : start + 6] for start in range(0, len(panels), 6)]
    name = title or "Attention"
    height = 140 + 22.5 * max(len(queries), len(keys))  # as high as bertviz makes it, and the text above
    return _view(body, name, HEAD_HINT, min(height, 800), _picture(rows, queries, keys, f"{name}: layer {layer}"))


def model_view(
    attention: Sequence[Any], tokens: Sequence[str], *, title: str = "", other_tokens: Sequence[str] | None = None
) -> AttentionView:
    """All heads of all layers at a glance; a click makes one large. Arguments and errors as for head_view."""
    weights, queries, keys = _checked(attention, tokens, other_tokens)
    layers, heads, longest = weights.shape[0], weights.shape[1], max(len(queries), len(keys))
    body = _bertviz("model_view", weights, queries, keys, other_tokens is not None, display_mode="light")
    body = body.replace(f'"total_heads": {heads}}}', f'"total_heads": {max(heads, FEWEST_HEADS)}}}')
    rows = [[(f"{layer}.{head}", weights[layer, head]) for head in range(heads)] for layer in range(layers)]
    name = title or "Attention"
    thumbnail = 84 / max(heads, FEWEST_HEADS) * longest + 10
    height = 90 + max(layers * thumbnail + 38, 18 * longest + 55)
    return _view(body, name, MODEL_HINT, min(height, 1000), _picture(rows, queries, keys, f"{name}: layer.head"))


def _checked(
    attention: Sequence[Any], tokens: Sequence[str], other_tokens: Sequence[str] | None
) -> tuple[torch.Tensor, list[str], list[str]]:
    """The weights (layers, heads, T_q, T_k), float64 and rounded to 4 decimals, and the names of queries and of keys."""
    if attention is None or len(attention) == 0 or any(layer is None for layer in attention):
        raise ValueError(NO_ATTENTION)
    layers = [torch.as_tensor(layer).detach().cpu().double() for layer in attention]
    layers = [layer[0] if layer.ndim == 4 and len(layer) == 1 else layer for layer in layers]
    shapes = list(dict.fromkeys(tuple(layer.shape) for layer in layers))
    if len(shapes) > 1 or len(shapes[0]) != 3:
        raise ValueError(
            f"Layers of the shapes {', '.join(map(str, shapes))} were given; expected is a list with (heads, T_q, T_k) or "
            "(1, heads, T_q, T_k) for each layer, all the same. Of a batch choose one sequence; put a single layer into a list."
        )
    if isinstance(tokens, str) or isinstance(other_tokens, str):
        raise ValueError('A text was given for the tokens; expected is a list of them, such as ["the", "cat"].')
    queries, keys = ([str(token) for token in names] for names in (tokens, tokens if other_tokens is None else other_tokens))
    if (len(queries), len(keys)) != shapes[0][1:]:
        raise ValueError(
            f"{len(queries)} tokens for queries and {len(keys)} for keys were given, but {shapes[0][1]} queries look at {shapes[0][2]} "
            "keys. Give a name for each; where the keys are another sequence, give theirs as other_tokens."
        )
    weights = torch.stack(layers)
    if weights.isnan().any():
        raise ValueError("Some weights are NaN: a softmax over nothing, where a query may attend to nobody. Look at the mask.")
    sums = weights.sum(dim=-1)
    if (sums - 1).abs().max() > 0.01:
        print(f"Each row should sum to 1, but these sum to {sums.min():.2f} up to {sums.max():.2f}. After the softmax? Without dropout?")
    return (weights * 1e4).round() / 1e4, queries, keys


def _bertviz(view: str, weights: torch.Tensor, queries: list[str], keys: list[str], cross: bool, **options: Any) -> str:
    """The body of bertviz's page, the same at every call, without the address of a script; a sentence if bertviz is not there."""
    try:
        import bertviz
    except ModuleNotFoundError:
        return f"<p>{NO_BERTVIZ}</p>"
    layers = list(weights[:, None])
    queries, keys = ([token.replace("<", LESS_THAN) for token in names] for names in (queries, keys))
    if cross:
        given = {"cross_attention": layers, "decoder_tokens": queries, "encoder_tokens": keys}
    else:
        given = {"attention": layers, "tokens": queries}
    body = getattr(bertviz, view)(**given, **options, html_action="return").data
    body = re.sub(r'<script src="https:[^"]*"></script>', "", body)
    body = re.sub(r"(?m)^( *const params = )(.*); // HACK: \2 .*$", r"\1\2;", body)  # a comment that repeats all weights
    body = re.sub(r"bertviz-[0-9a-f]{32}", "bertviz", body)  # a number drawn at each call
    return body.replace(LESS_THAN_IN_JSON, r"\u003c")


def _view(body: str, title: str, hint: str, height: float, picture: Figure) -> AttentionView:
    """The whole page, scripts included, and the picture as a PNG."""
    scripts = [*(_script(name) for name in ("jquery.slim.min.js", "d3.min.js")), REQUIRE]
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1><p>{SIDES}<br>{hint}</p>"
        f"{''.join(f'<script>{script}</script>' for script in scripts)}{body}<script>{FIT}</script></html>"
    )
    png = io.BytesIO()
    picture.savefig(png, format="png", dpi=150)
    return AttentionView(page, png.getvalue(), title, round(height), width=round(80 * picture.get_figwidth()))


@cache
def _script(name: str) -> str:
    return (files("course") / "vendor" / name).read_text(encoding="utf-8")


def _picture(rows: list[list[tuple[str, torch.Tensor]]], queries: list[str], keys: list[str], title: str) -> Figure:
    """Rows of heat maps, each (its name, weights (T_q, T_k)), tokens at the left and below."""
    columns, high, wide = max(map(len, rows)), max(len(queries), 3), max(len(keys), 3)
    inch = min(9.6 / columns, 3.2) / max(high, wide)  # the side of a weight's square
    left, below = (0.09 * max(map(len, names)) for names in (queries, keys))
    size = (columns * (wide * inch + 0.1) + left + 0.4, len(rows) * (high * inch + 0.25) + below + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=11, parse_math=False)
    step = math.ceil(0.1 / inch)  # in long sequences only every second token is named, or every third
    style = {"fontsize": min(9, 58 * inch * step), "parse_math": False}
    for i, axes in enumerate(figure.subplots(len(rows), columns, squeeze=False)):
        for j, ax in enumerate(axes):
            ax.set(xticks=[], yticks=[])
            if j >= len(rows[i]):
                ax.axis("off")
                continue
            name, weights = rows[i][j]
            ax.imshow(weights.numpy(), cmap=plots.WEIGHT_MAP, vmin=0, vmax=1, interpolation="nearest")
            ax.set_title(name, fontsize=8, pad=2)
            ax.tick_params(length=0, pad=1)
            if j == 0:
                ax.set_yticks(range(0, len(queries), step), queries[::step], color=plots.QUERY, **style)
            if i == len(rows) - 1:
                ax.set_xticks(range(0, len(keys), step), keys[::step], color=plots.KEY, rotation=90, **style)
    figure.supylabel("query: who looks", fontsize=9, color=plots.QUERY)
    figure.supxlabel("key: who is looked at", fontsize=9, color=plots.KEY)
    return figure
