"""Draws the figures of lesson 03: `python -m assets.figures.draw_03_attention` from the project's folder."""

import itertools
import math

import numpy as np

from assets.figures.drawing import BODY, FAINT, INK, KEY, MUTED, PALE, QUERY, SMALL, TITLE, VALUE, WEIGHT, Canvas, shade

WORDS = ["fish", "boat", "hunt"]
SQUARE = 34


def routing() -> Canvas:
    """Three ways from the cue to the go bin."""
    c = Canvas("03_routing", "A recurrent network, a convolution, and attention carrying a cue to a later token", 760, 250)
    for panel, title in enumerate(["recurrent: one state", "convolution: a window", "attention: direct"]):
        left = 20 + 250 * panel
        c.text(left + 110, 26, title, TITLE, bold=True)
        xs = [left + 20 + 45 * i for i in range(5)]
        for i, x in enumerate(xs):
            color = KEY if i == 0 else QUERY if i == 4 else MUTED
            c.box(x - 17, 190, 34, 30, ["cue", "", "", "", "go"][i], color, SMALL)
            c.circle(x, 80, 13, stroke=QUERY if i == 4 else MUTED)
        _route(c, panel, xs)
    c.text(130, 52, "all of the past in one state", SMALL, KEY)
    c.text(380, 236, "more layers to reach further back", SMALL, MUTED, italic=True)
    c.text(630, 236, "one step at any distance", SMALL, MUTED, italic=True)
    c.text(130, 236, "one step a token", SMALL, MUTED, italic=True)
    return c


def _route(c: Canvas, panel: int, xs: list[float]) -> None:
    if panel == 0:
        for x in xs:
            c.arrow(x, 188, x, 95, MUTED)
        for a, b in itertools.pairwise(xs):
            c.arrow(a + 14, 80, b - 14, 80, KEY, 3)
    elif panel == 1:
        for i, x in enumerate(xs):
            for j in range(max(0, i - 2), i + 1):
                c.arrow(xs[j], 188, x, 95, WEIGHT if i == 4 else FAINT, 2.5 if i == 4 else 1.4)
        c.text(xs[2], 52, "the cue is out of sight", SMALL, KEY)
    else:
        for i in range(4):
            for x in xs:
                c.line(x, 188, xs[i], 95, FAINT, 1.2)
        for j, x in enumerate(xs):
            c.arrow(x, 188, xs[4], 95, KEY if j == 0 else WEIGHT, 4 if j == 0 else 1.2)


def filing() -> Canvas:
    """Query, key and value as a filing system."""
    c = Canvas("03_filing", "A query is compared with the key of every drawer; the values come back blended in proportion", 760, 300)
    c.rect(30, 105, 150, 80, PALE[QUERY], QUERY)
    c.lines(105, 128, ["query of hunt:", "“an animal?”"], BODY, QUERY)
    c.text(105, 170, "what I look for", SMALL, MUTED, italic=True)
    shares = [0.77, 0.05, 0.19]
    for i, (word, key, share) in enumerate(zip(WORDS, ["much of an animal", "none", "a little"], shares, strict=True)):
        y = 50 + 78 * i
        c.rect(290, y, 290, 62, "#F6F6F6", MUTED)
        c.rect(300, y + 10, 150, 42, PALE[KEY], KEY)
        c.text(375, y + 22, f"key of {word}", BODY, KEY)
        c.text(375, y + 40, key, SMALL, KEY)
        c.rect(460, y + 10, 110, 42, PALE[VALUE], VALUE)
        c.text(515, y + 31, f"value of {word}", SMALL, VALUE)
        c.arrow(182, 145, 286, y + 31, QUERY, 1.6)
        c.arrow(582, y + 31, 652, 145, VALUE, 1 + 8 * share, opacity=0.45 + 0.55 * share)
        c.text(612, y + (12 if i < 2 else 52), f"{share:.2f}", BODY, WEIGHT, bold=True)
    c.circle(690, 145, 36, PALE[VALUE], VALUE)
    c.text(690, 145, "blend", BODY, VALUE, bold=True)
    c.text(375, 28, "what I have", SMALL, MUTED, italic=True)
    c.text(515, 28, "what I tell", SMALL, MUTED, italic=True)
    c.text(635, 28, "how much of it", SMALL, WEIGHT, italic=True)
    c.text(690, 200, "the output", SMALL, MUTED, italic=True)
    return c


def axis() -> Canvas:
    """The axis along which the softmax runs."""
    scores = [[1, 2, 0], [3, 2, 1], [4, 0, 2]]
    weights = [[math.exp(s) / sum(map(math.exp, row)) for s in row] for row in scores]
    c = Canvas(
        "03_axis", "A table of scores; the softmax runs along each row, over the keys, and each row of weights sums to one", 760, 270
    )
    for left, table, title in [(120, scores, "scores"), (450, weights, "weights")]:
        c.text(left + 75, 24, title, TITLE, bold=True)
        c.text(left + 75, 48, "keys", BODY, KEY)
        texts = [[f"{v:.2f}" if title == "weights" else str(v) for v in row] for row in table]
        fills = [[shade(v) for v in row] for row in table] if title == "weights" else None
        c.grid(left, 82, 50, texts, fills, MUTED)
        for i, word in enumerate(WORDS):
            c.text(left + 25 + 50 * i, 70, word, SMALL, KEY)
            c.text(left - 10, 107 + 50 * i, word, SMALL, QUERY, "end")
    c.text(50, 157, "queries", BODY, QUERY)
    for i in range(3):
        c.arrow(282, 107 + 50 * i, 392, 107 + 50 * i, WEIGHT, 2)
        c.text(612, 107 + 50 * i, "→ sum 1", BODY, WEIGHT, "start", bold=True)
    c.lines(336, 76, ["softmax", "along the row"], SMALL, WEIGHT)
    sums = [sum(row[j] for row in weights) for j in range(3)]
    for j, total in enumerate(sums):
        c.text(475 + 50 * j, 246, f"{total:.2f}", SMALL, MUTED)
    c.text(440, 246, "columns:", SMALL, MUTED, "end")
    c.text(612, 246, "not 1, and need not be", SMALL, MUTED, "start")
    return c


def steps() -> Canvas:
    """Attention in six steps, for the token hunt."""
    c = Canvas("03_steps", "Six steps of attention for the token hunt, with numbers", 760, 330)
    heads = ["query, keys", "1 · dot product", "2 · divide by √2", "3 · softmax", "4 · times value", "5 · sum"]
    xs = [95, 250, 370, 480, 600, 705]
    for x, head in zip(xs, heads, strict=True):
        c.text(x, 28, head, SMALL + 1, bold=True)
    keys, scores, scaled, weights = ["(2, 1)", "(0, 2)", "(1, 0)"], ["4", "0", "2"], ["2.83", "0.00", "1.41"], [0.768, 0.045, 0.187]
    values, parts = ["(3, 0)", "(0, 3)", "(1, 1)"], ["(2.30, 0.00)", "(0.00, 0.14)", "(0.19, 0.19)"]
    c.box(20, 60, 150, 34, "query of hunt (2, 0)", QUERY, SMALL)
    for i, word in enumerate(WORDS):
        y = 115 + 66 * i
        c.box(40, y, 130, 34, f"key of {word} {keys[i]}", KEY, SMALL - 0.5)
        c.arrow(172, y + 17, 220, y + 17, MUTED)
        c.box(222, y, 56, 34, scores[i], INK)
        c.arrow(280, y + 17, 338, y + 17, MUTED)
        c.box(340, y, 60, 34, scaled[i], INK)
        c.arrow(402, y + 17, 448, y + 17, MUTED)
        c.rect(450, y, 60, 34, shade(weights[i]), WEIGHT)
        c.text(480, y + 17, f"{weights[i]:.3f}", BODY, "white" if weights[i] > 0.5 else INK)
        c.text(600, y - 8, f"× value {values[i]}", SMALL, VALUE)
        c.arrow(512, y + 17, 548, y + 17, MUTED)
        c.box(550, y, 100, 34, parts[i], VALUE, SMALL)
        c.arrow(652, y + 17, 680, 196 if i < 2 else 250, VALUE, 1.6)
    c.arrow(172, 77, 226, 112, QUERY, 1.6)
    c.rect(664, 200, 88, 46, PALE[VALUE], VALUE)
    c.text(708, 223, "(2.49, 0.32)", SMALL - 1, VALUE, bold=True)
    c.text(480, 306, "sum: 1", SMALL, WEIGHT)
    c.text(708, 276, "output of hunt", SMALL - 1, MUTED, italic=True)
    c.text(250, 306, "a hidden key's score becomes −∞ before step 3", SMALL, MUTED, italic=True)
    return c


def scaling() -> Canvas:
    """One query's weights on ten keys, for three widths and three scalings (the static version of the slider)."""
    c = Canvas(
        "03_scaling", "Bars of the attention weights of one query on ten keys at widths 4, 64 and 1024 with three scalings", 760, 420
    )
    scalings = [("no scaling", 0.0, QUERY), ("divided by √d", 0.5, KEY), ("divided by d", 1.0, VALUE)]
    stream = np.random.RandomState(0)
    for column, width in enumerate([4, 64, 1024]):
        scores = stream.standard_normal((10, width)) @ stream.standard_normal(width)
        c.text(215 + 210 * column, 26, f"d = {width}", TITLE, bold=True)
        for row, (name, power, color) in enumerate(scalings):
            base, left = 148 + 120 * row, 125 + 210 * column
            scaled = scores / width**power
            weights = np.exp(scaled - scaled.max())
            weights /= weights.sum()
            c.line(left, base, left + 180, base, MUTED, 1)
            c.line(left, base - 90, left + 180, base - 90, FAINT, 1)
            for j, weight in enumerate(weights):
                c.rect(left + 2 + 18 * j, base - 90 * float(weight), 14, 90 * float(weight), PALE[color], color, 0)
            if column == 0:
                c.text(112, base - 84, "1", SMALL, MUTED, "end")
                c.text(112, base - 2, "0", SMALL, MUTED, "end")
                c.text(56, base - 45, name, SMALL + 1, color, bold=True)
    c.text(425, 405, "ten keys; heights are the weights of one query", SMALL, MUTED, italic=True)
    return c


def masks() -> Canvas:
    """Causal, padding, and empty-row masks, as tables and as arrows."""
    c = Canvas("03_masks", "Three masks as tables of allowed pairs and as arrows between tokens", 760, 344)
    tables = {
        "causal": [[j <= i for j in range(4)] for i in range(4)],
        "padding: 3 real of 4": [[j < 3 for j in range(4)] for i in range(4)],
        "query 1 may look nowhere": [[i != 1 for j in range(4)] for i in range(4)],
    }
    for panel, (title, table) in enumerate(tables.items()):
        left = 62 + 245 * panel
        c.text(left + 68, 26, title, BODY + 1, bold=True)
        c.text(left + 68, 48, "key", SMALL, KEY)
        for i in range(4):
            c.text(left - 12, 77 + SQUARE * i, str(i), SMALL, QUERY)
            for j in range(4):
                x, y = left + SQUARE * j, 60 + SQUARE * i
                c.rect(x, y, SQUARE, SQUARE, WEIGHT if table[i][j] else "white", MUTED, 0)
                if not table[i][j]:
                    c.line(x + 9, y + 9, x + 25, y + 25, MUTED, 1.2)
                    c.line(x + 9, y + 25, x + 25, y + 9, MUTED, 1.2)
            c.text(left + 17 + SQUARE * i, 206, str(i), SMALL, KEY)
        for i in range(4):
            for j in range(4):
                if i != j and table[i][j]:
                    level = 261 if j < i else 291  # messages to later tokens above, to earlier ones below
                    c.arrow(left - 10 + 52 * j, level, left - 10 + 52 * i, level, WEIGHT, 1.3, bend=3 + 9 * abs(i - j), opacity=0.85)
        for i in range(4):
            c.circle(left - 10 + 52 * i, 276, 13)
            c.text(left - 10 + 52 * i, 276, str(i), SMALL)
    c.text(24, 128, "query", SMALL, QUERY)
    return c


def graph() -> Canvas:
    """Attention as message passing."""
    c = Canvas("03_graph", "A directed graph of tokens; a node weighs incoming messages by how well keys match its query", 760, 300)
    for x, y, name, share in [(120, 70, "fish", 0.77), (120, 230, "boat", 0.05)]:
        c.circle(x, y, 34)
        c.text(x, y, name, BODY, bold=True)
        c.box(x + 50, y - 42, 150, 28, "what I have: key", KEY, SMALL)
        c.box(x + 50, y - 8, 150, 28, "what I tell: value", VALUE, SMALL)
        c.arrow(x + 204, y, 455, 140 if y < 150 else 162, VALUE, 1.2 + 8 * share)
        c.text(408 if y < 150 else 350, 96 if y < 150 else 226, f"weight {share:.2f}", SMALL, WEIGHT, "start", bold=True)
    c.circle(500, 150, 38, stroke=QUERY, width=2.4)
    c.text(500, 150, "hunt", BODY, bold=True)
    c.box(420, 40, 160, 28, "what I look for: query", QUERY, SMALL)
    c.line(500, 70, 500, 110, QUERY, 1.4, "4 3")
    c.arrow(528, 178, 472, 178, VALUE, 2.6, bend=32)
    c.text(500, 246, "weight 0.19, from itself", SMALL, WEIGHT, bold=True)
    c.arrow(542, 150, 596, 150, VALUE, 3)
    c.box(600, 118, 140, 64, "", VALUE)
    c.lines(670, 140, ["new message:", "the weighted sum"], SMALL, VALUE)
    c.text(380, 282, "an edge is there if the mask allows it; no edges in, no message", SMALL, MUTED, italic=True)
    return c


def module() -> Canvas:
    """Self-attention as a module, with shapes."""
    c = Canvas("03_module", "Tokens pass three linear maps to queries, keys and values; attention makes the output", 760, 270)
    c.box(20, 105, 120, 60, "", INK)
    c.lines(80, 125, ["tokens x", "(B, T, D)"], BODY)
    for y, color, letter in [(30, QUERY, "q"), (115, KEY, "k"), (200, VALUE, "v")]:
        c.arrow(142, 135, 196, y + 20, INK)
        c.box(200, y, 110, 40, f"linear_{letter}", color)
        c.arrow(312, y + 20, 376, y + 20, color, 2)
        c.text(412, y + 10, {"q": "queries", "k": "keys", "v": "values"}[letter], BODY, color)
        c.text(412, y + 30, "(B, T, head_dim)", SMALL - 1, MUTED)
        c.arrow(470, y + 20, 528, 135 + (y - 115) / 4, color, 2)
    c.box(532, 85, 110, 100, "", WEIGHT)
    c.lines(587, 116, ["scaled", "dot-product", "attention"], BODY - 1, WEIGHT)
    c.arrow(644, 135, 678, 135, VALUE, 2.4)
    c.lines(716, 117, ["output", "(B, T,", "head_dim)"], SMALL, VALUE)
    c.text(587, 232, "mask: who may read whom", SMALL, MUTED)
    c.arrow(587, 222, 587, 189, MUTED)
    return c


def causal() -> Canvas:
    """What a causal and an acausal decoder read."""
    c = Canvas("03_causal", "The causal decoder reads bins up to now; the acausal decoder reads the whole trial", 760, 300)
    for row, (title, reach, use) in enumerate([("causal", 5, "act now, claim when"), ("acausal", 11, "look back, estimate better")]):
        base = 118 + 136 * row
        c.text(74, base - 22, title, TITLE, bold=True)
        c.text(92, base + 4, use, SMALL - 1, MUTED)
        for i in range(12):
            x = 190 + 46 * i
            seen = i <= reach
            color = KEY if i == 7 else QUERY if i == 5 else MUTED
            c.rect(x, base, 38, 26, PALE.get(color, "#F6F6F6") if seen else "white", color if seen else FAINT, 4)
            c.text(x + 19, base + 13, {5: "now", 7: "cue"}.get(i, ""), SMALL, color)
            if seen and i != 5:
                c.arrow(x + 19, base - 2, 439, base - 40, KEY if i == 7 else WEIGHT, 2.6 if i == 7 else 1.3)
        c.circle(439, base - 52, 12, PALE[VALUE], VALUE)
        c.text(459, base - 56, "output", SMALL, VALUE, "start")
    c.text(460, 24, "what the output of the bin “now” may read", BODY, INK, bold=True)
    c.text(620, 178, "the cue reaches a bin that came before it", SMALL, KEY, italic=True)
    return c


def badge() -> Canvas:
    """The badge that opens a notebook in Colab."""
    c = Canvas("colab", "Open in Colab", 148, 26)
    c.rect(0.5, 0.5, 147, 25, "#444444", "#444444", 5)
    c.circle(17, 13, 6, "none", "#E69F00", 3)
    c.circle(27, 13, 6, "none", "#F0C36D", 3)
    c.text(91, 13, "Open in Colab", SMALL, "white", bold=True)
    return c


def main() -> None:
    """Draw them all."""
    for figure in (routing, filing, axis, steps, scaling, masks, graph, module, causal, badge):
        print(figure().save())


if __name__ == "__main__":
    main()
