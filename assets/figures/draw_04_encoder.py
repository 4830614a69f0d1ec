"""Draws the figures of lesson 04: `python -m assets.figures.draw_04_encoder` from the project's folder."""

import math

from assets.figures.drawing import BODY, FAINT, INK, KEY, MUTED, PALE, QUERY, SMALL, TITLE, VALUE, WEIGHT, Canvas

#: Heads have colors of their own, apart from those of queries, keys and values.
HEADS = ["#F5DFEC", "#FFF0C2", "#E3E3E3"]
WORDS = ["fish", "shark", "boat", "ship", "hunt", "sail"]
EMBEDDING = [  # animal, vessel, activity, size
    [1.0, 0.1, 0.0, 0.2],
    [0.75, 0.0, 0.15, 0.9],
    [0.1, 1.0, 0.15, 0.4],
    [0.0, 0.75, 0.0, 1.1],
    [0.8, 0.35, 1.0, 0.5],
    [0.35, 0.85, 0.9, 0.75],
]
PROJECTIONS = {
    "animal or vessel": [[1, 0, 0, 0], [0, 1, 0, 0]],
    "how large, how active": [[0, 0, 0, 1], [0, 0, 1, 0]],
    "a mixture": [[0.7, -0.7, 0.2, 0.3], [0.1, 0.3, -0.8, 0.9]],
}


def plus(c: Canvas, x: float, y: float, r: float = 11) -> None:
    """The sign of a sum on the stream."""
    c.circle(x, y, r, "white", INK, 1.8)
    c.line(x - r / 2, y, x + r / 2, y, INK, 1.8)
    c.line(x, y - r / 2, x, y + r / 2, INK, 1.8)


def stream() -> Canvas:
    """Three residual streams through one encoder layer."""
    c = Canvas(
        "04_stream", "Three residual streams pass one encoder layer; attention spans all, a feed-forward layer works on each", 760, 420
    )
    xs = [70, 250, 430]
    c.rect(36, 245, 550, 44, PALE[WEIGHT], WEIGHT)
    for i, x in enumerate(xs):
        c.line(x, 372, x, 40, "white", 9)
        c.arrow(x, 372, x, 34, INK, 3.2)
        c.rect(x - 48, 374, 96, 30, "#F6F6F6", MUTED)
        c.text(x, 389, f"token {i}", BODY)
        c.arrow(x, 326, x + 60, 291, WEIGHT, 2, bend=-8)
        c.arrow(x + 60, 244, x + 11, 212, WEIGHT, 2, bend=-8)
        plus(c, x, 210)
        c.arrow(x, 180, x + 66, 149, VALUE, 2, bend=-8)
        c.rect(x + 22, 112, 92, 36, PALE[VALUE], VALUE)
        c.text(x + 68, 130, "feed-forward", SMALL + 0.5, VALUE)
        c.arrow(x + 66, 111, x + 11, 80, VALUE, 2, bend=-8)
        plus(c, x, 78)
    c.text(340, 267, "multi-head attention", BODY, WEIGHT, bold=True)
    c.text(160, 267, "all tokens", SMALL, WEIGHT, italic=True)
    c.text(510, 267, "all tokens", SMALL, WEIGHT, italic=True)
    c.text(675, 257, "communicate", TITLE, WEIGHT, bold=True)
    c.text(675, 279, "between tokens", SMALL, MUTED)
    c.text(675, 121, "compute", TITLE, VALUE, bold=True)
    c.text(675, 143, "within each token", SMALL, MUTED)
    c.lines(675, 360, ["residual stream:", "read, and added to,", "never replaced"], SMALL, INK)
    return c


def ffn() -> Canvas:
    """The feed-forward layer on one token."""
    c = Canvas("04_ffn", "Norm, linear1, ReLU, dropout and linear2 on one token, with the graph of ReLU", 760, 290)
    c.box(16, 70, 84, 50, "", INK)
    c.lines(58, 86, ["token x", "input_dim"], SMALL)
    steps = [
        ("norm", 128, 70, MUTED),
        ("linear1", 226, 80, VALUE),
        ("relu", 336, 70, VALUE),
        ("dropout", 434, 80, MUTED),
        ("linear2", 542, 80, VALUE),
    ]
    last = 102
    for name, x, w, color in steps:
        c.arrow(last, 95, x - 3, 95, INK)
        c.box(x, 72, w, 46, name, color)
        last = x + w + 2
    c.arrow(last, 95, 648, 95, INK)
    c.box(651, 70, 94, 50, "", INK)
    c.lines(698, 86, ["message", "input_dim"], SMALL)
    for x, words in [(163, "input_dim"), (266, "hidden_dim"), (371, "hidden_dim"), (474, "hidden_dim"), (582, "input_dim")]:
        c.text(x, 54, words, SMALL - 0.5, MUTED)
    c.text(380, 26, "each token on its own, all with the same weights", BODY, INK, bold=True)
    c.line(301, 232, 441, 232, MUTED, 1.2)
    c.line(371, 256, 371, 160, MUTED, 1.2)
    c.line(301, 232, 371, 232, VALUE, 3.4)
    c.line(371, 232, 435, 168, VALUE, 3.4)
    c.text(371, 272, "ReLU: below zero, silence", SMALL, VALUE)
    c.arrow(371, 152, 371, 121, VALUE, 1.4, dash="4 3")
    c.lines(150, 195, ["widen: each hidden unit", "is a detector"], SMALL, MUTED)
    c.lines(590, 195, ["narrow: each detector that", "fires adds its column"], SMALL, MUTED)
    c.arrow(225, 178, 258, 122, MUTED, 1.2)
    c.arrow(590, 178, 583, 122, MUTED, 1.2)
    return c


def views() -> Canvas:
    """Six words in three planes (the static version of the buttons)."""
    c = Canvas("04_views", "The same six words projected on three planes, one for each head", 760, 300)
    kinds = [KEY, KEY, QUERY, QUERY, VALUE, VALUE]
    for panel, (title, projection) in enumerate(PROJECTIONS.items()):
        left, size = 20 + 247 * panel, 226
        c.text(left + size / 2, 22, f"head {panel}: {title}", BODY, bold=True)
        c.rect(left, 42, size, size - 16, "#FBFBFB", FAINT, 4)
        points = [[sum(w * e for w, e in zip(row, word, strict=True)) for row in projection] for word in EMBEDDING]
        low = [min(p[k] for p in points) for k in (0, 1)]
        high = [max(p[k] for p in points) for k in (0, 1)]
        for i, (word, p) in enumerate(zip(WORDS, points, strict=True)):
            x = left + 34 + (size - 72) * (p[0] - low[0]) / (high[0] - low[0])
            y = 42 + (size - 16) - 26 - (size - 76) * (p[1] - low[1]) / (high[1] - low[1])
            _mark(c, x, y, i // 2, kinds[i])
            c.text(x, y - 15, word, SMALL + 1, kinds[i], bold=True)
    axes = [("animal →", "vessel ↑"), ("size →", "activity ↑"), ("a number →", "another ↑")]
    for panel, (across, up) in enumerate(axes):
        c.text(133 + 247 * panel, 266, across, SMALL, MUTED)
        c.text(133 + 247 * panel, 284, up, SMALL, MUTED)
    return c


def _mark(c: Canvas, x: float, y: float, kind: int, color: str) -> None:
    if kind == 0:
        c.circle(x, y, 6, PALE[color], color, 2)
    elif kind == 1:
        c.rect(x - 6, y - 6, 12, 12, PALE[color], color, 0)
    else:
        for a, b in [(-6, 6), (6, -6)]:
            c.line(x - 6, y + a, x + 6, y + b, color, 2.4)


def split() -> Canvas:
    """Cutting tokens into heads, rightly and by a plain view."""
    c = Canvas("04_split", "Two tokens of six columns cut into two heads, and what a plain view makes of them", 760, 300)
    numbers = [[str(6 * t + i + 1) for i in range(6)] for t in range(2)]
    fills = [[HEADS[i // 3] for i in range(6)] for _ in range(2)]
    c.text(145, 94, "tokens (B, T, H·D)", BODY, bold=True)
    c.grid(40, 116, 35, numbers, fills, MUTED)
    c.text(92, 204, "head 0's columns", SMALL, WEIGHT)
    c.text(198, 204, "head 1's", SMALL, "#8A6D00")
    for t in range(2):
        c.text(32, 133 + 35 * t, str(t), SMALL, MUTED, "end")
    c.arrow(262, 130, 352, 76, INK, 2)
    c.text(296, 66, "split_heads", SMALL + 1, INK, bold=True)
    c.arrow(262, 170, 352, 220, MUTED, 2, dash="5 4")
    c.text(286, 234, "plain view", SMALL + 1, MUTED, bold=True)
    c.text(545, 22, "heads (B, H, T, D)", BODY, bold=True)
    for h in range(2):
        x = 372 + 190 * h
        c.text(x + 52, 44, f"head {h}", SMALL, WEIGHT if h == 0 else "#8A6D00", bold=True)
        c.grid(x, 56, 35, [row[3 * h : 3 * h + 3] for row in numbers], [[HEADS[h]] * 3] * 2, MUTED)
        c.text(x + 116, 73, "token 0", SMALL - 1, MUTED, "start")
        c.text(x + 116, 108, "token 1", SMALL - 1, MUTED, "start")
        c.text(x + 52, 176, f"“head {h}”", SMALL, MUTED, bold=True)
        c.grid(x, 188, 35, [numbers[h][:3], numbers[h][3:]], [[HEADS[0]] * 3, [HEADS[1]] * 3], MUTED)
        c.text(x + 116, 205, f"token {h}", SMALL - 1, KEY, "start")
        c.text(x + 116, 240, f"token {h}", SMALL - 1, KEY, "start")
    c.text(545, 280, "right shape, wrong numbers: each “head” is one whole token", SMALL, KEY, italic=True)
    return c


def attention() -> Canvas:
    """Multi-head attention with shapes."""
    c = Canvas("04_attention", "From normalized tokens to heads, through attention in each head, and back", 760, 320)
    c.box(12, 130, 66, 50, "", INK)
    c.text(45, 155, "x", BODY)
    c.lines(52, 198, ["(B, T,", "input_dim)"], SMALL - 1, MUTED)
    c.arrow(80, 155, 98, 155, INK)
    c.box(100, 135, 56, 40, "norm", MUTED)
    for y, color, letter in [(52, QUERY, "q"), (137, KEY, "k"), (222, VALUE, "v")]:
        c.arrow(158, 155, 188, y + 18, INK)
        c.box(190, y, 82, 36, f"linear_{letter}", color)
        c.text(231, y + 50, "(B, T, H·D)", SMALL - 1, MUTED)
        c.arrow(274, y + 18, 296, y + 18, color, 2)
        c.box(298, y, 72, 36, "split", color)
        c.text(334, y + 50, "(B, H, T, D)", SMALL - 1, MUTED)
        c.arrow(372, y + 18, 408, 155 + (y - 137) / 3.2, color, 2)
    for h in (2, 1, 0):
        c.rect(411 + 12 * h, 102 - 14 * h, 108, 104, HEADS[h], WEIGHT)
    c.lines(465, 124, ["softmax(", "q·kᵀ / √D )", "dropout", "· v"], SMALL, INK)
    c.text(484, 56, "every head at once", SMALL, WEIGHT, bold=True)
    c.text(465, 222, "weights (B, H, T, T)", SMALL - 1, MUTED)
    c.arrow(465, 268, 465, 236, MUTED)
    c.text(465, 282, "mask: True = may attend", SMALL, MUTED)
    c.arrow(522, 155, 560, 155, VALUE, 2.2)
    c.box(562, 137, 62, 36, "merge", VALUE)
    c.text(593, 187, "(B, T, H·D)", SMALL - 1, MUTED)
    c.arrow(626, 155, 640, 155, VALUE, 2.2)
    c.box(642, 137, 86, 36, "linear_out", INK, SMALL + 0.5)
    c.arrow(685, 136, 685, 100, INK, 2)
    c.lines(685, 66, ["message", "(B, T, input_dim)"], SMALL, INK)
    c.text(380, 24, "H heads of width D, side by side", BODY, bold=True)
    return c


def prenorm() -> Canvas:
    """Where the norm stands."""
    c = Canvas("04_prenorm", "Pre-norm has the norm inside the branch, post-norm has it on the stream", 760, 290)
    for panel, (title, claim) in enumerate(
        [("pre-norm (this course)", "the stream runs free"), ("post-norm (2017)", "the stream is rescaled at each sum")]
    ):
        left = 20 + 375 * panel
        c.text(left + 170, 24, title, TITLE, bold=True)
        y = 190
        c.line(left + 10, y, left + 340, y, INK, 3.2)
        c.arrow(left + 320, y, left + 352, y, INK, 3.2)
        for part, (name, color) in enumerate([("MHA", WEIGHT), ("FFN", VALUE)]):
            x = left + 28 + 160 * part
            sum_at = x + (112 if panel == 0 else 84)
            if panel == 0:
                c.arrow(x, y, x + 14, 118, color, 2, bend=6)
                c.box(x - 14, 84, 52, 32, "norm", MUTED, SMALL + 1)
                c.arrow(x + 40, 100, x + 52, 100, color, 2)
                c.box(x + 54, 84, 60, 32, name, color, bold=True)
            else:
                c.arrow(x, y, x + 14, 118, color, 2, bend=6)
                c.box(x - 2, 84, 68, 32, name, color, bold=True)
                c.box(x + 98, y - 16, 48, 32, "norm", KEY, SMALL + 1)
            c.arrow(sum_at - (18 if panel == 0 else 26), 118, sum_at, y - 13, color, 2, bend=5)
            plus(c, sum_at, y)
        c.text(left + 170, 244, claim, BODY, INK if panel == 0 else KEY, italic=True)
    c.text(380, 274, "dropout follows each MHA and FFN, still on its branch", SMALL, MUTED)
    return c


def encoder() -> Canvas:
    """Layers in series, heads in parallel, and where the parameters are."""
    c = Canvas("04_encoder", "A stack of layers with parallel heads, and the parameters of one layer at width 512", 760, 330)
    for i in range(3):
        y = 218 - 76 * i
        c.rect(70, y, 290, 58, "#FAFAFA", MUTED)
        c.text(62, y + 29, f"layer {i}", SMALL, MUTED, "end")
        for h in range(4):
            c.rect(84 + 38 * h, y + 12, 32, 34, HEADS[h % 3] if h < 3 else "#FFFFFF", WEIGHT)
            c.text(100 + 38 * h, y + 29, f"h{h}", SMALL, WEIGHT)
        c.arrow(238, y + 29, 256, y + 29, MUTED)
        c.box(258, y + 12, 90, 34, "compute", VALUE, SMALL + 1)
        c.arrow(215, y + 76 if i else y + 86, 215, y + 60, INK, 2.4)
    c.arrow(215, 65, 215, 40, INK, 2.4)
    c.text(215, 318, "tokens (B, T, input_dim)", BODY)
    c.text(215, 26, "the same shape", BODY)
    c.text(24, 46, "layers in series", SMALL, MUTED, "start", italic=True)
    c.text(84, 290, "heads in parallel", SMALL, WEIGHT, "start", italic=True)
    c.text(560, 34, "parameters of one layer", BODY, bold=True)
    c.text(560, 54, "width 512, 8 heads of 64, ffn_dim 2048", SMALL, MUTED)
    for i, (name, count, color) in enumerate(
        [("attention", 1_050_624, WEIGHT), ("feed-forward", 2_099_712, VALUE), ("two norms", 2_048, MUTED)]
    ):
        y = 88 + 66 * i
        c.text(420, y + 8, name, BODY, color, "start")
        c.rect(420, y + 22, max(2, 300 * count / 2_099_712), 22, PALE.get(color, "#F6F6F6"), color, 2)
        c.text(738, y + 8, f"{count:,}", BODY, color, "end")
    c.line(420, 288, 738, 288, MUTED, 1.2)
    c.text(420, 304, "sum", BODY, INK, "start", bold=True)
    c.text(738, 304, "3,152,384", BODY, INK, "end", bold=True)
    return c


def mask() -> Canvas:
    """One mask, two conventions."""
    c = Canvas("04_mask", "A causal mask where True means may attend, and where True means blocked", 760, 290)
    cell = 38
    for panel, (rule, who) in enumerate(
        [
            ("True = may attend", "this course, and F.scaled_dot_product_attention"),
            ("True = blocked", "nn.MultiheadAttention, nn.TransformerEncoderLayer"),
        ]
    ):
        left = 120 + 370 * panel
        c.text(left + 76, 24, rule, TITLE, bold=True)
        c.text(left + 76, 46, who, SMALL, MUTED)
        c.text(left + 76, 256, "key", SMALL, KEY)
        c.text(left - 28, 150, "query", SMALL, QUERY, "end")
        for i in range(4):
            c.text(left - 12, 88 + cell * i, str(i), SMALL, QUERY)
            c.text(left + cell * (i + 0.5), 234, str(i), SMALL, KEY)
            for j in range(4):
                _pair(c, left + cell * j, 69 + cell * i, cell, may=j <= i, marked=(j <= i) == (panel == 0))
    c.arrow(292, 145, 420, 145, INK, 2)
    c.text(356, 130, "~mask", BODY, INK, bold=True)
    c.text(380, 277, "filled: may attend · crossed out: may not · the same graph in both", SMALL, MUTED, italic=True)
    return c


def _pair(c: Canvas, x: float, y: float, cell: float, may: bool, marked: bool) -> None:
    c.rect(x, y, cell, cell, PALE[WEIGHT] if may else "white", MUTED, 0)
    if not may:
        c.line(x + 4, y + 4, x + cell - 4, y + cell - 4, FAINT, 1.6)
        c.line(x + 4, y + cell - 4, x + cell - 4, y + 4, FAINT, 1.6)
    c.text(x + cell / 2, y + cell / 2, "True" if marked else "False", SMALL - 1, INK if marked else MUTED, bold=marked)


def task() -> Canvas:
    """Nine units, four pairs, one alone."""
    c = Canvas("04_task", "Nine units with three preferred directions each; four pairs match, one unit is alone", 760, 300)
    neurons = [(20, 130, 250), (75, 200, 310), (140, 260, 15), (215, 330, 100), (300, 45, 170)]
    days = [[3, 0, 4, 1, 2], [1, 4, 3, 0]]
    places = {}
    for day, found in enumerate(days):
        y = 92 + 130 * day
        c.text(52, y, f"day {day + 1}", BODY, bold=True)
        for i, neuron in enumerate(found):
            x = 150 + 132 * i + 66 * day
            places[day, neuron] = (x, y)
    for neuron in (0, 1, 3, 4):
        (x1, y1), (x2, y2) = places[0, neuron], places[1, neuron]
        c.line(x1, y1 + 36, x2, y2 - 36, WEIGHT, 2.4)
    for (day, neuron), (x, y) in places.items():
        alone = neuron == 2
        c.circle(x, y, 34, PALE[KEY] if alone else "white", KEY if alone else MUTED, 2.4 if alone else 1.6)
        for k, (angle, color) in enumerate(zip(neurons[neuron], (QUERY, KEY, VALUE), strict=True)):
            turn = math.radians(angle + (5 if day else -4) * (-1) ** (neuron + k))
            c.line(x, y, x + 29 * math.cos(turn), y - 29 * math.sin(turn), color, 3, ["", "6 3", "2 3"][k])
    x, y = places[0, 2]
    c.text(x, y - 50, "no partner", BODY, KEY, bold=True)
    for k, (name, color) in enumerate([("plan", QUERY), ("move", KEY), ("hold", VALUE)]):
        c.line(216 + 130 * k, 283, 246 + 130 * k, 283, color, 3, ["", "6 3", "2 3"][k])
        c.text(254 + 130 * k, 283, name, SMALL, color, "start")
    c.text(52, 283, "preferred direction:", SMALL, MUTED, "start")
    return c


def main() -> None:
    """Draw them all."""
    for figure in (stream, ffn, views, split, attention, prenorm, encoder, mask, task):
        print(figure().save())


if __name__ == "__main__":
    main()
