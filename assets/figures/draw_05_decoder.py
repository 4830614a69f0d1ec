"""Draws the figures of lesson 05: `python -m assets.figures.draw_05_decoder` from the project's folder."""

import math

from assets.figures.drawing import BODY, FAINT, INK, KEY, MUTED, PALE, QUERY, SMALL, TITLE, VALUE, WEIGHT, Canvas, shade


def zoom() -> Canvas:
    """Three zoom levels of the transformer."""
    c = Canvas("05_zoom", "A transformer from afar, as encoder and decoder, and as two stacks of six layers", 760, 380)
    for x, title in [(95, "from afar"), (330, "closer"), (610, "closest")]:
        c.text(x, 26, title, TITLE, bold=True)
    c.box(25, 160, 140, 70, "transformer", INK, bold=True)
    c.arrow(95, 310, 95, 234, KEY)
    c.arrow(95, 156, 95, 90, QUERY)
    c.text(95, 326, "source", BODY, KEY)
    c.text(95, 76, "target", BODY, QUERY)
    c.line(195, 50, 195, 350, FAINT)
    c.box(215, 160, 95, 70, "encoder", KEY)
    c.box(350, 160, 95, 70, "decoder", QUERY)
    c.arrow(312, 195, 346, 195, KEY, 3)
    c.text(329, 148, "memory", SMALL, KEY)
    c.line(329, 157, 329, 190, KEY, 1)
    c.arrow(262, 310, 262, 234, KEY)
    c.text(262, 326, "source", BODY, KEY)
    c.arrow(397, 310, 397, 234, QUERY)
    c.lines(397, 326, ["target", "so far"], SMALL, QUERY)
    c.arrow(397, 156, 397, 90, QUERY)
    c.text(397, 76, "next token", BODY, QUERY)
    c.line(465, 50, 465, 350, FAINT)
    for i in range(6):
        y = 268 - 34 * i
        c.box(485, y, 90, 26, f"layer {i}", KEY, SMALL)
        c.box(650, y, 90, 26, f"layer {i}", QUERY, SMALL)
        c.arrow(600, 111, 646, y + 13, KEY, 1.6)
    c.line(577, 111, 600, 111, KEY, 3)
    c.arrow(530, 322, 530, 297, KEY)
    c.arrow(695, 322, 695, 297, QUERY)
    c.text(530, 336, "source", BODY, KEY)
    c.text(695, 336, "target so far", BODY, QUERY)
    c.arrow(695, 96, 695, 72, QUERY)
    c.text(695, 60, "next token", BODY, QUERY)
    c.text(474, 82, "memory: what the last says", SMALL - 1, KEY, "start")
    c.text(612, 362, "every decoder layer reads the same memory", SMALL, MUTED, italic=True)
    return c


def dataflow() -> Canvas:
    """A translation, step by step."""
    c = Canvas("05_dataflow", "The decoder is fed SOS and the words written so far, and adds one word a step until EOS", 760, 330)
    words = ["SOS", "les", "convolucions", "estan", "mortes", "EOS"]
    c.lines(95, 110, ["“convolutions", "are dead”"], BODY, KEY)
    c.box(40, 160, 110, 46, "encoder", KEY)
    c.arrow(95, 142, 95, 157, KEY)
    c.lines(95, 226, ["read once:", "memory (B, S, D)"], SMALL, MUTED)
    c.line(152, 183, 190, 183, KEY, 3)
    c.text(350, 26, "fed to the decoder", BODY, bold=True)
    c.text(672, 26, "it adds", BODY, bold=True)
    wide = [44, 36, 104, 52, 58, 44]
    for step in range(5):
        y = 50 + 52 * step
        x = 205
        for i in range(step + 1):
            c.box(x, y, wide[i], 32, words[i], INK if i == 0 else QUERY, SMALL)
            x += wide[i] + 5
        c.arrow(x + 2, y + 16, 618, y + 16, MUTED)
        c.box(622, y, 104, 32, words[step + 1], VALUE if step < 4 else INK, SMALL, bold=True)
        c.line(190, 183, 190, y + 16, KEY, 1.6)
        c.arrow(190, y + 16, 203, y + 16, KEY)
        if step < 4:
            c.arrow(620, y + 34, 230 + sum(wide[: step + 1]) + 5 * step + wide[step + 1] / 2, y + 50, FAINT, 1.4)
    c.text(400, 316, "each new word is fed back in; after EOS nothing is asked any more", SMALL, MUTED, italic=True)
    return c


def task() -> Canvas:
    """A run and its replay."""
    c = Canvas("05_task", "A run past five places with a reward; the replay goes back from the reward to the start", 760, 250)
    run = ["d", "a", "c", "R", "f"]
    c.text(30, 70, "run (source, S = 5)", BODY, KEY, "start", bold=True)
    for i, place in enumerate(run):
        color = VALUE if place == "R" else KEY if i < 3 else MUTED
        c.circle(250 + 90 * i, 70, 24, PALE.get(color, "#F6F6F6"), color, 2)
        c.text(250 + 90 * i, 70, place, TITLE, color, bold=True)
        if i < 4:
            c.arrow(278 + 90 * i, 70, 312 + 90 * i, 70, MUTED)
    c.text(520, 26, "reward", SMALL, VALUE, italic=True)
    c.text(610, 26, "not replayed", SMALL, MUTED, italic=True)
    c.text(30, 190, "replay (target, T = 4)", BODY, QUERY, "start", bold=True)
    for i, place in enumerate(["c", "a", "d", "EOS"]):
        color = QUERY if i < 3 else INK
        c.circle(250 + 90 * i, 190, 24, PALE.get(color, "#F6F6F6"), color, 2)
        c.text(250 + 90 * i, 190, place, TITLE if i < 3 else SMALL, color, bold=True)
        if i < 3:
            c.arrow(278 + 90 * i, 190, 312 + 90 * i, 190, MUTED)
            c.arrow(430 - 90 * i, 97, 250 + 90 * i, 163, WEIGHT, 1.6, dash="5 4")
    c.text(385, 234, "what was last comes first; after the start of the run it is over", SMALL, MUTED, italic=True)
    return c


def cross() -> Canvas:
    """Where queries, keys and values come from."""
    c = Canvas(
        "05_cross",
        "Self-attention makes queries, keys and values from one sequence; cross-attention takes keys and values from the memory",
        760,
        400,
    )
    for left, title in [(20, "self-attention"), (390, "cross-attention")]:
        c.text(left + 170, 26, title, TITLE, bold=True)
    c.line(380, 45, 380, 380, FAINT)
    for i in range(4):
        c.box(60 + 74 * i, 330, 60, 32, ["SOS", "les", "conv…", "estan"][i], QUERY, SMALL)
        c.box(410 + 44 * i, 330, 40, 32, ["SOS", "les", "conv…", "estan"][i], QUERY, SMALL - 1)
    for i in range(3):
        c.box(606 + 46 * i, 330, 42, 32, ["conv…", "are", "dead"][i], KEY, SMALL - 1)
    c.text(205, 380, "one sequence (B, T)", SMALL, QUERY)
    c.text(497, 380, "target (B, T)", SMALL, QUERY)
    c.text(674, 380, "memory (B, S)", SMALL, KEY)
    for left, xs, starts in [(20, [75, 190, 305], [130, 205, 280]), (390, [497, 640, 712], [497, 650, 700])]:
        for x, start, name, color in zip(xs, starts, ["queries", "keys", "values"], [QUERY, KEY, VALUE], strict=True):
            wide = 88 if left == 20 else 66
            c.box(x - wide / 2, 258, wide, 30, name, color, SMALL)
            c.arrow(start, 327, x, 291, color)
    _table(c, 90, 92, 4, 4, "T × T weights")
    _table(c, 430, 92, 4, 3, "T × S weights")
    c.arrow(75, 256, 100, 226, QUERY)
    c.arrow(190, 256, 160, 226, KEY)
    c.arrow(305, 256, 290, 182, VALUE)
    c.arrow(497, 256, 485, 226, QUERY)
    c.arrow(640, 256, 535, 226, KEY)
    c.arrow(712, 256, 690, 182, VALUE)
    for x, y0 in [(290, 150), (690, 150)]:
        c.rect(x - 55, y0 - 30, 110, 60, PALE[VALUE], VALUE)
        c.lines(x, y0 - 16, ["output:", "one for", "each query"], SMALL, VALUE)
    c.arrow(214, 155, 232, 152, WEIGHT, 2)
    c.arrow(526, 155, 632, 152, WEIGHT, 2)
    return c


def _table(c: Canvas, x: float, y: float, rows: int, columns: int, title: str) -> None:
    """A table of weights with its title."""
    cell = 30
    c.text(x + cell * columns / 2, y - 16, title, SMALL, WEIGHT, bold=True)
    for i in range(rows):
        for j in range(columns):
            near = math.exp(-((i / (rows - 1) - j / (columns - 1)) ** 2) * 5)
            c.rect(x + cell * j, y + cell * i, cell, cell, shade(0.08 + 0.75 * near), WEIGHT, 0)


def graph() -> Canvas:
    """The three graphs, and the same as a table."""
    c = Canvas("05_graph", "Source nodes send to one another and to every target node; target nodes send to later ones", 760, 360)
    source, target = [90, 190, 290], [60, 150, 240, 330]
    for a in source:
        for b in source:
            if a != b:
                c.arrow(a, 282, b, 282, KEY, 1.4, bend=-18 if a < b else 18)
        for b in target:
            c.arrow(a, 250, b, 122, WEIGHT, 1.2, opacity=0.75)
    for i, a in enumerate(target):
        for b in target[i + 1 :]:
            c.arrow(a, 82, b, 82, QUERY, 1.4, bend=10 + 0.09 * (b - a))
    for i, x in enumerate(source):
        c.circle(x, 268, 19, PALE[KEY], KEY, 2)
        c.text(x, 268, f"s{i}", BODY, KEY)
    for i, x in enumerate(target):
        c.circle(x, 102, 19, PALE[QUERY], QUERY, 2)
        c.text(x, 102, f"t{i}", BODY, QUERY)
    c.text(195, 336, "encoder: everybody hears everybody", SMALL, KEY)
    c.text(195, 24, "decoder: only from left to right", SMALL, QUERY)
    c.text(372, 186, "cross", SMALL, WEIGHT, "end")
    left, top, cell = 470, 70, 34
    for i in range(7):
        for j in range(7):
            allowed = (i < 3 and j < 3) or (i >= 3 and (j < 3 or j <= i))
            color = KEY if i < 3 else WEIGHT if j < 3 else QUERY
            x, y = left + cell * j, top + cell * i
            c.rect(x, y, cell, cell, color if allowed else "white", MUTED, 0)
            if not allowed:
                c.line(x + 4, y + 4, x + cell - 4, y + cell - 4, "#BBBBBB", 1.2)
                c.line(x + cell - 4, y + 4, x + 4, y + cell - 4, "#BBBBBB", 1.2)
        name, color = (f"s{i}", KEY) if i < 3 else (f"t{i - 3}", QUERY)
        c.text(left - 14, top + cell * (i + 0.5), name, SMALL, color)
        c.text(left + cell * (i + 0.5), top - 12, name, SMALL, color)
    c.text(left + 119, 36, "is read", BODY, MUTED)
    c.text(left + 119, 330, "rows: who reads; filled: may; crossed out: may not", SMALL, MUTED, italic=True)
    return c


def shift() -> Canvas:
    """The target shifted right."""
    c = Canvas("05_shift", "The target moved one place to the right, after SOS, is what the decoder is fed", 760, 290)
    target = ["c", "a", "d", "EOS"]
    c.text(30, 60, "targets", BODY, VALUE, "start", bold=True)
    c.text(30, 150, "decoder inputs", BODY, QUERY, "start", bold=True)
    c.text(30, 240, "must predict", BODY, VALUE, "start", bold=True)
    for i in range(4):
        x = 220 + 110 * i
        c.box(x, 40, 70, 40, target[i], VALUE if i < 3 else INK, BODY, bold=True)
        c.box(x, 130, 70, 40, (["SOS", *target])[i], QUERY if i else INK, BODY, bold=True)
        c.box(x, 220, 70, 40, target[i], VALUE if i < 3 else INK, BODY, bold=True)
        c.arrow(x + 35, 172, x + 35, 217, MUTED)
        if i < 3:
            c.arrow(x + 40, 82, x + 140, 127, QUERY, 2)
    c.line(590, 82, 640, 104, MUTED, 1.6, dash="5 4")
    c.lines(690, 100, ["EOS is never", "fed in"], SMALL, MUTED)
    c.lines(690, 190, ["all steps", "in one pass"], SMALL, MUTED)
    return c


def layer() -> Canvas:
    """The decoder layer."""
    c = Canvas("05_layer", "The stream of the target with three branches: masked self-attention, cross-attention, feed-forward", 760, 420)
    c.arrow(330, 400, 330, 22, QUERY, 3)
    c.text(345, 398, "target stream x (B, T, width)", SMALL, QUERY, "start")
    parts = [("MHA: masked self-attention", "what have I said?", QUERY), ("cross: cross-attention", "what does the source say?", WEIGHT)]
    parts += [("FFN: feed-forward", "what follows from it?", VALUE)]
    for i, (name, question, color) in enumerate(parts):
        y = 322 - 116 * i
        c.arrow(330, y + 42, 408, y + 22, MUTED)
        c.box(410, y - 6, 210, 40, name, color, SMALL + 0.5)
        c.text(515, y + 48, question, SMALL, MUTED, italic=True)
        c.arrow(408, y - 2, 344, y - 22, MUTED)
        c.text(385, y - 26, "dropout", SMALL - 1, MUTED)
        c.circle(330, y - 24, 11)
        c.text(330, y - 24, "+", BODY)
    c.box(640, 322, 100, 26, "trg_mask", QUERY, SMALL)
    c.arrow(638, 335, 622, 336, QUERY)
    c.box(640, 228, 100, 26, "src_mask", KEY, SMALL)
    c.arrow(638, 238, 622, 228, KEY)
    c.box(30, 150, 150, 120, "", KEY)
    c.lines(105, 184, ["memory", "(B, S, width)", "from the encoder", "only read"], SMALL, KEY)
    c.arrow(182, 212, 408, 212, KEY, 2)
    return c


def smoothing() -> Canvas:
    """Label smoothing: the target distribution, and the loss."""
    c = Canvas(
        "05_smoothing", "The target distribution with and without smoothing, and the loss against the logit of the true token", 760, 310
    )
    c.text(170, 26, "target distribution, V = 6", BODY, bold=True)
    c.text(560, 26, "loss, the other logits being 0", BODY, bold=True)
    c.line(40, 250, 320, 250, MUTED)
    for v in range(6):
        x = 50 + 45 * v
        hard, soft = float(v == 2), 0.9 * (v == 2) + 0.1 / 6
        c.rect(x, 250 - 180 * hard, 15, 180 * hard, PALE[QUERY], QUERY, 0)
        c.rect(x + 18, 250 - 180 * soft, 15, 180 * soft, PALE[KEY], KEY, 0)
        c.text(x + 17, 266, "y" if v == 2 else f"{v}", SMALL, INK)
    c.text(182, 80, "ε = 0: 1 and 0", SMALL, QUERY, "start")
    c.text(182, 100, "ε = 0.1: 0.917 and 0.017", SMALL, KEY, "start")
    c.line(420, 250, 720, 250, MUTED)
    c.line(420, 60, 420, 250, MUTED)
    for epsilon, color, dash in [(0.0, QUERY, ""), (0.1, KEY, "6 4")]:
        before = None
        for step in range(61):
            gap = step / 5
            total = math.log(math.exp(gap) + 5)
            loss = (1 - epsilon) * (total - gap) + epsilon * (total - gap / 6)
            place = (420 + 24 * gap, 250 - 95 * loss)
            if before and (not dash or step % 3):
                c.line(*before, *place, color, 2.2)
            before = place
    c.text(720, 236, "ε = 0", SMALL, QUERY, "end")
    c.text(700, 122, "ε = 0.1", SMALL, KEY, "end")
    c.text(570, 268, "logit of the true token", SMALL, MUTED)
    for gap in (0, 4, 8, 12):
        c.text(420 + 24 * gap, 284, str(gap), SMALL - 1, MUTED)
    c.text(412, 250 - 95 * 1.79, "1.8", SMALL - 1, MUTED, "end")
    return c


def beam() -> Canvas:
    """Greedy and beam search on a tree of two words."""
    c = Canvas("05_beam", "Greedy takes the first word of probability 0.6 and ends at 0.24; the other first word leads to 0.36", 760, 310)
    c.circle(80, 155, 24, "#F6F6F6", INK)
    c.text(80, 155, "SOS", SMALL)
    firsts = [("els", 0.6, 85, QUERY), ("les", 0.4, 225, VALUE)]
    seconds = [[("models", 0.4), ("nuclis", 0.3), ("altres", 0.3)], [("convolucions", 0.9), ("altres", 0.1)]]
    for (word, p, y, color), ends in zip(firsts, seconds, strict=True):
        c.arrow(106, 155, 236, y, color, 1 + 5 * p)
        c.text(165, (155 + y) / 2 - (14 if y < 155 else -16), f"{p}", BODY, color, bold=True)
        c.box(240, y - 18, 80, 36, word, color, BODY, bold=True)
        for i, (end, q) in enumerate(ends):
            at = y + (i - (len(ends) - 1) / 2) * 48
            c.arrow(322, y, 421, at, color, 1 + 4 * q)
            c.text(388, y + 0.72 * (at - y) - (9 if at <= y else -11), f"{q}", SMALL, color)
            c.box(425, at - 16, 110, 32, end, color if i == 0 else MUTED, SMALL)
            c.text(545, at, f"{p} · {q} = {p * q:.2f}", BODY, color if i == 0 else MUTED, "start", bold=i == 0)
    c.text(740, 20, "greedy ends here", SMALL, QUERY, "end", italic=True)
    c.text(740, 184, "a beam of 2 finds this", SMALL, VALUE, "end", italic=True)
    c.text(380, 294, "the likelier first word leads to the less likely sequence", SMALL, MUTED, italic=True)
    return c


def temperature() -> Canvas:
    """The same logits at three temperatures (the static version of the slider)."""
    c = Canvas("05_temperature", "Bars of next-token probabilities of the same logits at temperatures 0.5, 1 and 4", 760, 250)
    logits = {"a": 1.2, "c": 3.0, "d": 2.2, "f": 0.3, "h": 1.6}
    for panel, t in enumerate((0.5, 1, 4)):
        left = 40 + 245 * panel
        c.text(left + 95, 26, f"temperature {t:g}", BODY, bold=True)
        total = sum(math.exp(s / t) for s in logits.values())
        c.line(left, 205, left + 195, 205, MUTED)
        for i, (name, s) in enumerate(logits.items()):
            p = math.exp(s / t) / total
            c.rect(left + 8 + 38 * i, 205 - 150 * p, 28, 150 * p, PALE[QUERY], QUERY, 0)
            c.text(left + 22 + 38 * i, 195 - 150 * p, f"{p:.2f}", SMALL - 1)
            c.text(left + 22 + 38 * i, 220, name, SMALL)
    return c


FIGURES = [zoom, dataflow, task, cross, graph, shift, layer, smoothing, beam, temperature]

if __name__ == "__main__":
    for figure in FIGURES:
        print(figure().save().name)
