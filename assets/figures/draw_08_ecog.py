"""Draws the figures of lesson 08: `python -m assets.figures.draw_08_ecog` from the project's folder."""

import math
from collections.abc import Sequence
from itertools import pairwise

from assets.figures.drawing import BODY, FAINT, INK, KEY, MUTED, PALE, QUERY, SMALL, TITLE, VALUE, WEIGHT, Canvas

#: Parts of a split: learned from, chosen on, tested on.
PARTS = {"training": QUERY, "validation": VALUE, "test": KEY}

#: What the cell "slider" of the lesson measures: r with labels shifted by so many seconds.
SHIFTS = ("0", "0.5", "1", "3", "10", "30", "150")
SCORES = {
    "neighbors, random split": (0.97, 0.97, 0.96, 0.97, 0.96, 0.97, 0.97),
    "ridge, random split": (0.63, 0.64, 0.56, 0.34, 0.31, 0.33, 0.33),
    "ridge, contiguous split": (0.44, 0.42, 0.31, 0.01, -0.01, 0.00, 0.06),
    "neighbors, contiguous split": (0.00, 0.06, 0.07, -0.03, -0.02, -0.01, 0.01),
}


def wave(c: Canvas, x: float, y: float, width: float, height: float, cycles: Sequence[float], color: str, shift: float = 0) -> None:
    """A potential: a sum of sines, as a chain of short lines."""
    points = []
    for i in range(121):
        t = i / 120
        value = sum(math.sin(2 * math.pi * n * t + shift + n) / n**0.7 for n in cycles)
        points.append((x + width * t, y - height * value / sum(n**-0.7 for n in cycles)))
    for (x1, y1), (x2, y2) in pairwise(points):
        c.line(round(x1, 1), round(y1, 1), round(x2, 1), round(y2, 1), color, 1.3)


def sequence() -> Canvas:
    """From the grid to a table of tokens."""
    c = Canvas(
        "08_sequence", "Electrodes on the brain, their potentials, and a table whose columns are time bins, one token each", 760, 330
    )
    c.text(95, 26, "the grid", BODY, bold=True)
    for i in range(5):
        for j in range(5):
            c.circle(35 + 30 * j, 62 + 30 * i, 8, PALE[QUERY] if (i, j) != (2, 2) else QUERY, QUERY)
    c.text(95, 222, "64 electrodes", SMALL, MUTED)
    c.arrow(182, 122, 214, 122, INK)
    c.text(305, 26, "potentials, 500 a second", BODY, bold=True)
    for k in range(4):
        wave(c, 226, 66 + 38 * k, 160, 14, (2, 5, 9, 17), QUERY if k == 1 else MUTED, 1.7 * k)
    c.text(305, 222, "20 minutes", SMALL, MUTED)
    c.arrow(398, 122, 436, 122, INK)
    left, top, cell = 450, 48, 30
    c.text(left + 135, 26, "a window of features", BODY, bold=True)
    for j in range(9):
        for i in range(5):
            fill = PALE[WEIGHT] if j == 6 else "#F6F6F6"
            c.rect(left + cell * j, top + cell * i, cell, cell, fill, WEIGHT if j == 6 else MUTED, 0)
    c.text(left + cell * 6.5, top + 166, "token: one bin", SMALL, WEIGHT, bold=True)
    c.arrow(left, 238, left + 270, 238, INK)
    c.text(left + 135, 256, "T bins of 50 ms: the sequence", SMALL + 1, bold=True)
    c.arrow(left + 284, top + 150, left + 284, top, INK)
    c.text(left + 284, 214, "N", BODY, bold=True)
    c.text(380, 296, "N = 64 electrodes × 3 bands = 192 numbers: what is known of one bin, the feature dimension", BODY, INK)
    return c


def features() -> Canvas:
    """What happens to a potential."""
    c = Canvas(
        "08_features", "One electrode: less the average, notch, then two band powers and the slow potential, one vector a bin", 760, 300
    )
    wave(c, 18, 140, 96, 26, (1, 3, 8, 19), QUERY)
    c.text(66, 190, "potential", SMALL, QUERY)
    c.arrow(120, 140, 142, 140, INK)
    c.box(144, 112, 100, 56, "", MUTED)
    c.lines(194, 132, ["less average,", "notch 60 Hz"], SMALL)
    rows = [(50, "70–150 Hz", "high gamma", WEIGHT), (140, "8–30 Hz", "mu/beta", WEIGHT), (230, "above 0.3 Hz", "motor potential", VALUE)]
    for y, band, name, color in rows:
        c.arrow(246, 140, 284, y, INK)
        c.box(287, y - 20, 104, 40, band, color, SMALL)
        if color == WEIGHT:
            c.arrow(393, y, 414, y, INK)
            c.box(417, y - 20, 134, 40, "square, smooth, log", color, SMALL)
        else:
            c.arrow(393, y, 414, y, INK)
            c.box(417, y - 20, 134, 40, "mean of the bin", color, SMALL)
        c.arrow(553, y, 624, 140 + (y - 140) * 0.36, INK)
        c.text(600 - 10 * (y == 140), y - 16 if y < 140 else y + 22 if y > 140 else y - 10, name, SMALL, color)
    for k in range(3):
        c.rect(628, 92 + 32 * k, 40, 32, PALE[VALUE if k == 2 else WEIGHT], INK, 0)
    c.text(648, 208, "one bin", SMALL + 1, bold=True)
    c.lines(714, 132, ["× 64", "electrodes"], SMALL, MUTED)
    c.text(380, 282, "every filter runs forward only: a bin holds what is known at its end", BODY, MUTED, italic=True)
    return c


def windows() -> Canvas:
    """Windows as views of one block of memory."""
    c = Canvas("08_windows", "Seven bins in memory; windows of three bins at bins 0, 2 and 4 are views of the same cells", 760, 320)
    cell, left = 62, 250
    c.text(60, 62, "memory", BODY, bold=True, anchor="start")
    c.text(60, 82, "each bin once", SMALL, MUTED, anchor="start")
    for i in range(7):
        c.rect(left + cell * i, 48, cell, 42, PALE[QUERY], QUERY, 0)
        c.text(left + cell * (i + 0.5), 69, f"bin {i}", SMALL)
    for w in range(3):
        y = 126 + 46 * w
        c.text(60, y + 16, f"window {w}", BODY, WEIGHT, anchor="start", bold=True)
        c.text(158, y + 16, f"begins at {2 * w}", SMALL, MUTED, anchor="start")
        for i in range(3):
            x = left + cell * (2 * w + i)
            c.rect(x + 2, y, cell - 4, 32, PALE[WEIGHT], WEIGHT, 3)
            c.text(x + cell / 2, y + 16, f"[{w}, {i}]", SMALL)
        c.line(left + cell * (2 * w) + 4, 92, left + cell * (2 * w) + 4, y - 2, WEIGHT, 1, "3 3")
    c.text(380, 280, "length 3, step 2: one block of numbers, and a rule for reading it", BODY)
    c.text(
        380, 302, "a loop of slices would store bins 2 and 4 twice; with step 1, every bin `length` times".replace("`", ""), SMALL, MUTED
    )
    return c


def leak() -> Canvas:
    """Two splits of the same time axis."""
    c = Canvas("08_leak", "Random split: test windows lie among training windows; contiguous split: three blocks with gaps", 760, 390)
    c.text(30, 28, "random split of overlapping windows", TITLE, anchor="start", bold=True)
    order = ["training", "test", "training", "training", "validation", "training", "test", "training", "training", "training"]
    for i, part in enumerate(order):
        x, y = 50 + 56 * i, 54 + 12 * (i % 5)
        c.rect(x, y, 150, 10, PALE[PARTS[part]], PARTS[part], 2)
    c.rect(106, 46, 150, 92, "none", KEY, 4, "5 3")
    c.text(181, 154, "every bin of this test window", SMALL, KEY)
    c.text(181, 170, "is in training windows too", SMALL, KEY)
    c.arrow(50, 132, 720, 132, MUTED, 1.2)
    c.text(722, 148, "time", SMALL, MUTED, anchor="end")
    c.text(30, 214, "contiguous split", TITLE, anchor="start", bold=True)
    for part, x, w in (("training", 50, 340), ("validation", 470, 80), ("test", 630, 80)):
        c.rect(x, 240, w, 40, PALE[PARTS[part]], PARTS[part])
        c.text(x + w / 2, 260, part, SMALL + 1, PARTS[part], bold=True)
    for x in (392, 552):
        for k in range(8):
            c.line(x + 9.5 * k, 280, x + 9.5 * k + 10, 240, MUTED, 0.8)
        c.text(x + 38, 298, "gap", BODY, MUTED, bold=True)
    c.arrow(50, 318, 720, 318, MUTED, 1.2)
    c.text(722, 334, "time", SMALL, MUTED, anchor="end")
    c.text(380, 362, "gap ≥ window + filter memory, so that neighbors share no bin and no filter", BODY)
    return c


def shift() -> Canvas:
    """Scores of shifted labels (the static version of the slider)."""
    c = Canvas("08_shift", "Score against label shift for neighbors and ridge, on random and contiguous splits", 760, 340)
    left, top, w, h = 74, 34, 410, 240
    place = {name: left + w * i / (len(SHIFTS) - 1) for i, name in enumerate(SHIFTS)}
    for value in (0, 0.25, 0.5, 0.75, 1):
        y = top + h * (1 - value)
        c.line(left, y, left + w, y, FAINT, 1)
        c.text(left - 10, y, f"{value:g}", SMALL, MUTED, anchor="end")
    for name, x in place.items():
        c.text(x, top + h + 20, name, SMALL, MUTED)
    c.text(left + w / 2, top + h + 44, "shift of the labels, s", SMALL + 1)
    c.text(24, top - 10, "r", BODY)
    looks = [(KEY, ""), (QUERY, "6 4"), (VALUE, ""), (WEIGHT, "2 3")]
    for (name, scores), (color, dash), dy in zip(SCORES.items(), looks, (0, 0, -8, 10), strict=True):
        points = [(place[s], top + h * (1 - r)) for s, r in zip(SHIFTS, scores, strict=True)]
        for (x1, y1), (x2, y2) in pairwise(points):
            c.line(x1, y1, x2, y2, color, 2.2, dash)
        for x, y in points:
            c.circle(x, y, 3.6, color, color)
        c.text(left + w + 16, points[-1][1] + dy, name, SMALL + 1, color, anchor="start", bold=True)
    c.text(left + w + 16, top + 28, "the same at every shift: a lie", SMALL, MUTED, anchor="start", italic=True)
    c.text(left + w + 16, top + h - 44, "fades within a reach: the brain", SMALL, MUTED, anchor="start", italic=True)
    c.text(left + w + 16, top + h + 44, "simulated ECoG", SMALL, MUTED, anchor="start")
    return c


def ridge() -> Canvas:
    """A window as one row, times weights."""
    c = Canvas("08_ridge", "A window is laid out as one row, multiplied by a weight for every number, plus an intercept", 760, 270)
    c.text(86, 30, "a window", BODY, bold=True)
    tints = ["#D6EAF5", "#B9DBEE", "#9CCBE6", "#E3EFF7", "#C7E2F1", "#ACD3EA"]
    for t in range(4):
        for n in range(3):
            c.rect(30 + 28 * t, 54 + 28 * n, 28, 28, tints[(t + 2 * n) % 6], QUERY, 0)
    c.text(86, 158, "(T, N)", SMALL, MUTED)
    c.arrow(152, 96, 186, 96, INK)
    c.text(340, 30, "one row x", BODY, bold=True)
    for k in range(12):
        t, n = divmod(k, 3)
        c.rect(196 + 24 * k, 84, 24, 24, tints[(t + 2 * n) % 6], QUERY, 0)
    c.text(340, 130, "bin by bin: (P,) with P = T · N", SMALL, MUTED)
    c.text(506, 96, "×", TITLE)
    c.text(548, 30, "W", BODY, bold=True)
    for k in range(6):
        for o in range(2):
            c.rect(526 + 22 * o, 48 + 17 * k, 22, 17, PALE[WEIGHT], WEIGHT, 0)
    c.text(548, 166, "(P, O)", SMALL, MUTED)
    c.text(590, 96, "+ b =", BODY)
    for o, name in enumerate("xy"):
        c.rect(632 + 50 * o, 80, 46, 32, PALE[VALUE], VALUE, 3)
        c.text(655 + 50 * o, 96, f"v {name}", SMALL)
    c.text(680, 130, "velocity, mm/s", SMALL, MUTED)
    c.text(380, 206, "each electrode, band and moment has a weight of its own; the penalty keeps weights small,", BODY)
    c.text(380, 228, "since neighbors in space and time say nearly the same", BODY)
    c.text(380, 252, "W and b minimize squared error + α · (sum of W²); b is free", SMALL, MUTED, italic=True)
    return c


def gpt() -> Canvas:
    """A GPT beside the decoder."""
    c = Canvas("08_gpt", "Left a GPT, right the ECoG decoder: table, tied head and softmax are replaced, the rest is kept", 760, 420)
    sides = {
        60: [("tokens: word numbers (B, T)", MUTED), ("wte: a row for each word", KEY), ("+ wpe: positions", QUERY),
             ("causal blocks", WEIGHT), ("norm", MUTED), ("tied head: V logits", KEY), ("softmax: the next word", KEY)],
        430: [("tokens: bins (B, T, N)", MUTED), ("read_in: Linear N → D", VALUE), ("+ positions", QUERY),
              ("blocks, causal or not", WEIGHT), ("norm", MUTED), ("read_out: Linear D → O", VALUE), ("velocities, as they are", VALUE)],
    }  # fmt: skip
    for x, title in ((60, "language model (lesson 06)"), (430, "decoder of the brain")):
        c.text(x + 135, 28, title, TITLE, bold=True)
    for x, rows in sides.items():
        for k, (words, color) in enumerate(rows):
            y = 356 - 51 * k
            c.box(x, y, 270, 36, words, color)
            if k < len(rows) - 1:
                c.arrow(x + 135, y, x + 135, y - 14, INK)
    for k, word in ((1, "replaced"), (2, "kept"), (3, "kept"), (4, "kept"), (5, "replaced"), (6, "removed")):
        y = 356 - 51 * k + 18
        color = MUTED if word == "kept" else KEY
        c.arrow(334, y, 426, y, color, dash="" if word == "kept" else "4 3")
        c.text(380, y - 12, word, SMALL, color, bold=word != "kept")
    return c


def axis() -> Canvas:
    """The axis that a positional encoding numbers."""
    c = Canvas("08_axis", "A positional encoding numbers the middle axis: electrodes before, time bins after the permutation", 760, 300)
    for left, title, rows, columns, color, middle, last in (
        (40, "(batch, electrode, time)", 4, 8, KEY, "electrode", "time"),
        (440, "(batch, time, electrode)", 8, 4, VALUE, "time", "electrode"),
    ):
        c.text(left + 140, 28, title, BODY, bold=True)
        width, height = 200 / max(columns, 6), 180 / max(rows, 6)
        x0, y0 = left + 80, 70
        for i in range(rows):
            c.text(x0 - 14, y0 + height * (i + 0.5), str(i), SMALL, color, bold=True)
            for j in range(columns):
                c.rect(x0 + width * j, y0 + height * i, width, height, PALE[color], MUTED, 0)
        c.text(x0 + width * columns / 2, y0 - 14, last, SMALL, MUTED)
        c.text(left + 24, y0 + height * rows / 2, middle, SMALL, color, bold=True)
        c.text(left + 140, 272, "electrodes are numbered: wrong" if color == KEY else "bins are numbered: right", BODY, color, bold=True)
    c.arrow(345, 145, 425, 145, INK, 2)
    c.text(385, 128, "permute first", SMALL, INK, bold=True)
    return c


def mean() -> Canvas:
    """Three numbers for the same errors."""
    c = Canvas("08_mean", "Errors 1, 1, 1 in one batch and 5 in another: mean of samples 2, of batch means 3, sum of means 6", 760, 260)
    for x, errors in ((70, (1, 1, 1)), (300, (5,))):
        c.rect(x, 52, 62 * len(errors) + 12, 76, "#F6F6F6", MUTED)
        for i, error in enumerate(errors):
            c.box(x + 8 + 62 * i, 62, 56, 56, str(error), KEY if error > 1 else QUERY, TITLE, bold=True)
    c.text(169, 34, "batch of three samples", BODY)
    c.text(344, 34, "last batch, one", BODY)
    c.text(169, 146, "mean 1", SMALL + 1, MUTED)
    c.text(337, 146, "mean 5", SMALL + 1, MUTED)
    rows = [
        ("over samples", "(1 + 1 + 1 + 5) / 4 = 2", VALUE, "compare this"),
        ("mean of batch means", "(1 + 5) / 2 = 3", MUTED, "the last batch counts too much"),
        ("sum of batch means", "1 + 5 = 6", MUTED, "grows with the number of batches"),
    ]
    for i, (name, formula, color, comment) in enumerate(rows):
        y = 178 + 27 * i
        c.text(70, y, name, BODY, color, anchor="start", bold=i == 0)
        c.text(270, y, formula, BODY, color, anchor="start", bold=i == 0)
        c.text(480, y, comment, SMALL, color, anchor="start", italic=True)
    c.lines(570, 74, ["squared error of a sample,", "averaged over its bins", "and outputs"], SMALL, MUTED)
    return c


def claims() -> Canvas:
    """What a causal and an acausal decoder read."""
    c = Canvas("08_claims", "Causal: filters and attention end at now. Acausal: both reach beyond the decoded bin", 760, 330)
    for y, title, color, causal in ((30, "causal", QUERY, True), (182, "acausal", KEY, False)):
        c.text(40, y, title, TITLE, color, anchor="start", bold=True)
        now = 480 if causal else 320
        end = now if causal else 600
        for i in range(13):
            x = 120 + 40 * i
            inside = x + 40 <= end + 1
            c.rect(x, y + 52, 40, 30, PALE[color] if inside and x >= 160 else "white", color if inside and x >= 160 else FAINT, 0)
        start = 160
        for k in range(start + 20, end, 80):
            if abs(k - (now - 20)) > 10:
                c.arrow(k, y + 52, now - 20, y + 34, color, 1.4, bend=-10 if k < now - 20 else 10, opacity=0.8)
        c.rect(now - 40, y + 52, 40, 30, color, color, 0)
        c.text(now - 20, y + 22, "decoded bin", SMALL, color, bold=True)
        c.line(now, y + 44, now, y + 118, INK, 1.4, "4 3")
        c.text(now + 6, y + 112, "now" if causal else "the moment that is decoded", SMALL, INK, anchor="start")
        c.arrow(120, y + 96, now - 2, y + 96, MUTED, 1.6)
        c.text(112, y + 96, "filters", SMALL, MUTED, anchor="end")
        if not causal:
            c.arrow(640, y + 96, now + 2, y + 96, MUTED, 1.6)
        c.text(112, y + 67, "attention", SMALL, color, anchor="end")
    c.lines(698, 89, ["works", "online"], SMALL, QUERY)
    c.lines(698, 228, ["better estimate,", "no claim", "on when"], SMALL, KEY)
    return c


if __name__ == "__main__":
    for figure in (sequence, features, windows, leak, shift, ridge, gpt, axis, mean, claims):
        print(figure().save())
