"""Draws the figures of lesson 07: `python -m assets.figures.draw_07_ndt` from the project's folder.

With `--paths` also 07_pca.svg, from the saved model of the lesson and a simulated session (some seconds).
"""

import math
import random
import sys
from itertools import pairwise

from assets.figures.drawing import BODY, FAINT, FOLDER, INK, KEY, MUTED, PALE, QUERY, SMALL, TITLE, VALUE, WEIGHT, Canvas

COUNT = {0: "#F4F4F4", 1: "#9DB7C9", 2: "#4C7A9B", 3: "#1E4A6B"}  # spike counts, pale to dark


def counts(rows: int, columns: int, seed: int, rate: float = 0.35) -> list[list[int]]:
    """A made-up table of small counts."""
    chance = random.Random(seed)
    return [[min(3, sum(chance.random() < rate for _ in range(3))) * (chance.random() < 0.55) for _ in range(columns)] for _ in range(rows)]


def hatch(c: Canvas, x: float, y: float, w: float, h: float, color: str = WEIGHT) -> None:
    """A hidden entry: purple, crossed out."""
    c.rect(x, y, w, h, PALE[WEIGHT], color, 0)
    c.line(x, y + h, x + w, y, color, 1.2)


def curve(c: Canvas, points: list[tuple[float, float]], color: str, width: float = 2, dashed: bool = False) -> None:
    """A line through points; dashed: two pieces of every five are left out."""
    for i, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        if not dashed or i % 5 < 3:
            c.line(x1, y1, x2, y2, color, width)


def bell(x: float, middle: float, sd: float) -> float:
    """A Gaussian of height one."""
    return math.exp(-0.5 * ((x - middle) / sd) ** 2)


def tokens() -> Canvas:
    """Three recordings as tables, and what a token is in each."""
    c = Canvas("07_tokens", "fMRI, calcium imaging and electrophysiology as tables of time by channels, one token of each marked", 760, 330)
    kinds = [
        ("fMRI", "regions", "one number in 1–2 s", (3, 2), ["token: a patch of", "regions and times"], QUERY),
        ("calcium imaging", "cells", "some ten a second", (6, 1), ["token: a frame, or", "one cell's trace"], KEY),
        ("electrophysiology", "neurons", "to the millisecond", (6, 1), ["token: a time bin", "of all neurons"], VALUE),
    ]
    for i, (name, rows, speed, (high, wide), words, color) in enumerate(kinds):
        x0, y0, cell = 60 + 245 * i, 88, 19
        c.text(x0 + 4 * cell, 28, name, TITLE, color, bold=True)
        c.text(x0 + 4 * cell, 52, speed, SMALL, MUTED, italic=True)
        for r in range(6):
            for t in range(8):
                if i == 0:
                    level = 0.5 + 0.5 * math.sin(0.55 * t + 1.1 * r)
                elif i == 1:
                    level = max(math.exp(-(t - s) / 2.5) if t >= s else 0 for s in ((r * 3) % 7, (r * 5 + 4) % 9))
                else:
                    level = 1.0 if (3 * r + 5 * t + r * t) % 7 == 0 else 0.05
                gray = round(244 - 190 * level)
                c.rect(
                    x0 + cell * t, y0 + cell * r, cell, cell, f"#{gray:02X}{min(255, gray + 8):02X}{min(255, gray + 14):02X}", "white", 0
                )
        left, top = (2, 1) if i == 0 else (3, 0)
        c.rect(x0 + cell * left, y0 + cell * top, cell * wide, cell * high, "none", color, 2)
        c.rect(x0 + cell * left - 1.5, y0 + cell * top - 1.5, cell * wide + 3, cell * high + 3, "none", color, 3)
        c.text(x0 - 30, y0 + 3 * cell, rows, SMALL, MUTED)
        c.arrow(x0, y0 + 6 * cell + 14, x0 + 8 * cell, y0 + 6 * cell + 14, MUTED)
        c.text(x0 + 4 * cell, y0 + 6 * cell + 30, "time", SMALL, MUTED)
        c.lines(x0 + 4 * cell, y0 + 6 * cell + 64, words, BODY, color)
    return c


def task() -> Canvas:
    """The delayed reach, and where bins are placed."""
    c = Canvas("07_task", "A delayed reach around a barrier, its events in time, and the window of 35 bins around movement onset", 760, 300)
    c.rect(20, 20, 220, 220, "#F6F6F6", MUTED, 4)
    c.circle(130, 150, 7, "white", INK)
    c.text(130, 172, "start", SMALL, MUTED)
    c.rect(200, 52, 20, 20, PALE[VALUE], VALUE, 2)
    c.text(196, 40, "target", SMALL, VALUE)
    c.rect(148, 96, 40, 30, "#DDDDDD", MUTED, 0)
    c.text(168, 111, "barrier", 11, INK)
    path = [(130 + 80 * s - 62 * math.sin(math.pi * s), 150 - 88 * s - 22 * math.sin(math.pi * s)) for s in (i / 24 for i in range(25))]
    curve(c, path[:-1], QUERY, 2.6)
    c.arrow(*path[-3], *path[-1], QUERY, 2.6)
    c.text(74, 84, "hand", SMALL, QUERY)
    c.text(130, 262, "one of 9 mazes, in 3 versions", SMALL, MUTED, italic=True)
    left, right, y = 280, 735, 120
    c.arrow(left, y, right, y, INK, 2)
    c.text(722, y + 18, "time", SMALL, MUTED)
    for x, name, color in [(315, "targets", VALUE), (470, "go", KEY), (590, "movement", QUERY)]:
        c.line(x, y - 30, x, y + 8, color, 2.4)
        c.text(x, y - 42, name, BODY, color, bold=True)
    c.text(392, y - 14, "delay: plan, hold still", SMALL, MUTED)
    c.text(530, y - 14, "reaction", SMALL, MUTED)
    start, width = 590 - 250 * 0.23, 700 * 0.23
    for i in range(35):
        c.rect(start + i * width / 35, y + 40, width / 35, 26, PALE[WEIGHT] if i % 2 else "white", WEIGHT, 0)
    c.line(590, y + 8, 590, y + 74, QUERY, 1.6, "4 3")
    c.text(start - 10, y + 53, "35 bins of 20 ms", SMALL, WEIGHT, "end")
    c.text(start, y + 84, "−250 ms", SMALL)
    c.text(590, y + 84, "0", SMALL, QUERY)
    c.text(start + width, y + 84, "+450 ms", SMALL)
    c.lines(510, y + 116, ["Time zero is the movement onset of each trial,", "so bin 12 means the same in all of them."], SMALL, INK)
    return c


def bins() -> Canvas:
    """Half-open bins."""
    c = Canvas("07_bins", "Spikes of one neuron on a time line, edges at 0, 0.5, 1 and 2, and the counts 1, 2, 1", 760, 250)
    x0, unit, y = 110, 270, 120
    for t, (start, stop, count) in enumerate([(0, 0.5, 1), (0.5, 1, 2), (1, 2, 1)]):
        c.rect(x0 + unit * start, y - 34, unit * (stop - start), 68, PALE[QUERY] if t % 2 == 0 else "white", QUERY, 0)
        c.text(x0 + unit * (start + stop) / 2, y + 88, str(count), TITLE, QUERY, bold=True)
        c.text(x0 + unit * (start + stop) / 2, y - 52, f"bin {t}", SMALL, MUTED)
    for edge in (0, 0.5, 1, 2):
        c.text(x0 + unit * edge, y + 52, f"{edge:g}", BODY)
    for place, shift in [(0.1, 0), (0.5, 3), (0.5, 10), (1.0, 3)]:
        c.line(x0 + unit * place + shift, y - 22, x0 + unit * place + shift, y + 22, INK, 3.4)
    c.line(x0 + unit * 2 + 4, y - 22, x0 + unit * 2 + 4, y + 22, MUTED, 3.4)
    c.text(x0 - 50, y, "spikes", BODY, INK)
    c.text(x0 - 50, y + 52, "edges", BODY, INK)
    c.text(x0 - 50, y + 88, "counts", BODY, QUERY)
    c.lines(x0 + unit * 2 + 48, y - 8, ["on the last", "edge: not", "counted"], SMALL, MUTED)
    c.text(380, 24, "A spike on an edge belongs to the bin that starts there", TITLE, bold=True)
    return c


def smooth() -> Canvas:
    """The kernel inside, at an edge, and the gap between trials."""
    c = Canvas(
        "07_smooth", "Gaussian weights in the middle and at the start of a trial; they sum to one, and end where the trial ends", 760, 300
    )
    cell = 26
    for x0, title in [(50, "trial 0"), (410, "trial 1")]:
        c.text(x0 + 6 * cell, 26, title, BODY, INK, bold=True)
        for t in range(12):
            c.rect(x0 + cell * t, 200, cell, 22, "#F6F6F6", MUTED, 0)
    for x in (362 + 8, 362 + 28):
        c.line(x, 60, x, 240, KEY, 1.6, "5 4")
    c.lines(380, 262, ["seconds passed here:", "nothing crosses"], SMALL, KEY)
    for x0, middle, color, words in [
        (50, 6, QUERY, ["inside: both", "sides weigh in"]),
        (410, 0, VALUE, ["at the edge: half the bell is missing,", "what remains is scaled up to sum 1"]),
    ]:
        weights = [bell(t, middle, 1.6) for t in range(12)]
        for t, weight in enumerate(weights):
            tall = 235 * weight / sum(weights)
            if tall > 1:
                c.rect(x0 + cell * t + 3, 196 - tall, cell - 6, tall, PALE[color], color, 2)
        c.rect(x0 + cell * middle, 200, cell, 22, PALE[color], color, 0)
        c.text(x0 + cell * (middle + 0.5), 236, "t", BODY, color, bold=True)
        c.lines(x0 + (48 if middle else 230), 76, words, SMALL, color)
    return c


def cosmooth() -> Canvas:
    """What is shown, hidden and scored."""
    c = Canvas(
        "07_cosmooth",
        "Left the counts of a trial, in the middle what the model is shown, right what it predicts and what is scored",
        760,
        370,
    )
    cell, table = 22, counts(9, 7, 4)
    hidden = {(0, 2), (1, 5), (2, 0), (2, 4), (3, 6), (4, 1), (4, 3), (5, 5), (0, 6), (3, 2), (5, 0)}
    for x0, title in [(80, "counts"), (310, "shown"), (566, "predicted")]:
        c.text(x0 + 3.5 * cell, 26, title, TITLE, bold=True)
        for n in range(9):
            y = 50 + cell * n + (14 if n > 5 else 0)
            for t in range(7):
                x, count, masked, out = x0 + cell * t, table[n][t], (n, t) in hidden, n > 5
                if title == "shown" and out:
                    continue
                if title == "predicted":
                    scored = masked or out
                    c.rect(x, y, cell, cell, PALE[VALUE] if scored else "white", VALUE if scored else FAINT, 0)
                    if scored:
                        c.text(x + cell / 2, y + cell / 2, "?", SMALL, VALUE, bold=True)
                else:
                    c.rect(x, y, cell, cell, COUNT[count], "white", 0)
                    number = f"{1.5 * count:g}" if title == "shown" else str(count)
                    c.text(x + cell / 2, y + cell / 2, "" if title == "shown" and masked else number, 11, "white" if count > 1 else INK)
    for n, t in hidden:  # over their neighbors' outlines
        hatch(c, 310 + cell * t, 50 + cell * n, cell, cell)
        c.text(310 + cell * (t + 0.5), 50 + cell * (n + 0.5), "0", 11, WEIGHT)
    c.text(66, 50 + 3 * cell, "held in", SMALL, QUERY, "end")
    c.text(66, 64 + 7.5 * cell, "held out", SMALL, KEY, "end")
    c.lines(387, 64 + 7 * cell, ["never shown,", "not even as zeros"], SMALL, KEY)
    c.arrow(242, 140, 302, 140)
    c.text(272, 122, "mask", SMALL, WEIGHT)
    c.arrow(472, 140, 558, 140)
    c.text(515, 122, "model", SMALL, INK)
    c.lines(155, 300, ["held-in and held-out", "neurons, T bins"], SMALL, MUTED)
    c.lines(387, 300, ["hidden: crossed out, 0;", "others × 1/(1 − p), p = ⅓"], SMALL, WEIGHT)
    c.lines(643, 300, ["scored: the hidden entries,", "and all held-out neurons;", "in testing only held-out"], SMALL, VALUE)
    return c


def masks() -> Canvas:
    """Four kinds of masks."""
    c = Canvas(
        "07_masks", "Tables of neurons by time with single entries, whole bins, whole neurons, or spans of bins crossed out", 760, 280
    )
    chance = random.Random(2)
    elements = {(n, t) for n in range(6) for t in range(8) if chance.random() < 0.3}
    kinds = [
        ("single entries", elements, ["from neighbors in", "time and population"]),
        ("time bins", {(n, t) for n in range(6) for t in (1, 4, 7)}, ["must look", "along time"]),
        ("neurons", {(n, t) for n in (1, 4) for t in range(8)}, ["must look across", "the population"]),
        ("spans", {(n, t) for n in range(6) for t in (3, 4, 5)}, ["no neighbor to", "interpolate from"]),
    ]
    for i, (name, hidden, words) in enumerate(kinds):
        x0, y0, cell = 38 + 182 * i, 56, 17
        c.text(x0 + 4 * cell, 28, name, BODY, INK, bold=True)
        for n in range(6):
            for t in range(8):
                c.rect(x0 + cell * t, y0 + cell * n, cell, cell, "#E8EEF2", "white", 0)
        for n, t in sorted(hidden):
            hatch(c, x0 + cell * t, y0 + cell * n, cell, cell)
        c.text(x0 + 4 * cell, y0 + 6 * cell + 16, "time", 11, MUTED)
        c.lines(x0 + 4 * cell, y0 + 6 * cell + 44, words, SMALL, INK)
    c.text(380, 256, "Crossed out = hidden. In its place: a zero, a random count, or a learned token.", SMALL, WEIGHT)
    return c


def bits() -> Canvas:
    """The scale of bits per spike."""
    c = Canvas("07_bits", "A line of bits per spike: negative, 0 for each neuron's mean, smoothing 0.19, the true rates 0.38", 760, 230)
    x0, unit, y = 230, 1000, 120
    c.arrow(40, y, 735, y, INK, 2)
    c.text(736, y + 20, "bits per spike", SMALL, MUTED, "end")
    for value in (-0.1, 0, 0.1, 0.2, 0.3, 0.4):
        c.line(x0 + unit * value, y - 5, x0 + unit * value, y + 5)
        c.text(x0 + unit * value, y + 20, f"{value:g}".replace("-", "−"), SMALL)
    for value, lines, color, up in [
        (0, ["null model:", "each neuron's mean"], INK, True),
        (0.188, ["smoothing +", "regression"], QUERY, True),
        (0.382, ["oracle:", "the true rates"], KEY, True),
    ]:
        c.circle(x0 + unit * value, y, 7, PALE.get(color, "#F6F6F6"), color, 2.2)
        c.lines(x0 + unit * value, y - 52 if up else y + 40, lines, SMALL, color)
    c.arrow(x0 - 20, y + 50, 60, y + 50, WEIGHT, 2)
    c.lines(130, y + 70, ["worse than the mean:", "confident and wrong"], SMALL, WEIGHT)
    c.arrow(x0 + unit * 0.2, y + 50, x0 + unit * 0.37, y + 50, VALUE, 2)
    c.text(x0 + unit * 0.285, y + 70, "what is left to win", SMALL, VALUE)
    return c


def ndt() -> Canvas:
    """The architecture."""
    c = Canvas(
        "07_ndt", "Counts of 122 neurons, read-in, positions, dropout, encoder layers, dropout, read-out, log-rates of 162", 760, 330
    )
    y = 120
    parts = [
        (20, 84, "counts", INK, "(B, T, 122)"),
        (136, 84, "read_in", QUERY, "(B, T, D)"),
        (282, 74, "dropout", MUTED, ""),
        (388, 130, "", KEY, "(B, T, D)"),
        (550, 74, "dropout", MUTED, ""),
        (656, 84, "read_out", VALUE, "(B, T, 162)"),
    ]
    for x, w, name, color, shape in parts:
        c.box(x, y, w, 64, name, color)
        c.text(x + w / 2, y + 82, shape, SMALL, MUTED)
    c.lines(453, y + 16, ["encoder", "pre-norm, GELU", "2 layers, norm"], BODY - 1, KEY)
    for x1, x2 in [(106, 134), (222, 238), (264, 280), (358, 386), (520, 548), (626, 654)]:
        c.arrow(x1, y + 32, x2, y + 32)
    c.circle(251, y + 32, 11, "white", INK, 1.8)
    c.line(246, y + 32, 256, y + 32, INK, 1.8)
    c.line(251, y + 27, 251, y + 37, INK, 1.8)
    c.box(196, 34, 110, 42, "positions", WEIGHT)
    c.text(316, 55, "(T, D), learned", SMALL, MUTED, "start")
    c.arrow(251, 78, 251, y + 19, WEIGHT)
    c.arrow(698, y + 92, 698, y + 128, VALUE)
    c.text(698, y + 142, "log-rates", BODY, VALUE, bold=True)
    c.lines(698, y + 164, ["bias starts at the", "log of the means"], SMALL, VALUE)
    c.lines(62, y + 142, ["held-in neurons,", "some entries", "hidden"], SMALL, INK)
    for t in range(9):
        x = 330 + 27 * t
        c.rect(x, y + 136, 22, 34, PALE[KEY], KEY, 2)
    c.text(450, y + 190, "a token is a time bin; every token may read every other", SMALL, KEY)
    c.text(450, y + 118, "t = 0 … 34", SMALL, MUTED)
    return c


def loop() -> Canvas:
    """Three splits, and the step that is kept."""
    c = Canvas(
        "07_loop", "375 trials train, 125 validate, 100 test; the validation score peaks, and the weights of the peak are kept", 760, 300
    )
    for y, w, name, words, color in [
        (46, 255, "375 train", "the weights learn from these", QUERY),
        (126, 85, "125 val", "the best step is chosen on these", KEY),
        (206, 68, "100 test", "scored once, at the end", VALUE),
    ]:
        c.box(24, y, w, 40, name, color)
        c.text(24, y + 54, words, SMALL, color, "start")
    x0, y0, wide, tall = 390, 250, 330, 190
    c.arrow(x0, y0, x0 + wide + 20, y0, INK)
    c.arrow(x0, y0, x0, y0 - tall - 10, INK)
    c.text(x0 + wide - 10, y0 + 18, "step", SMALL, MUTED)
    c.text(x0 + 8, y0 - tall - 16, "score on", SMALL, MUTED, "start")
    steps = [i / 120 for i in range(121)]
    train = [(x0 + wide * s, y0 - tall * (1 - math.exp(-4 * s))) for s in steps]
    val = [(x0 + wide * s, y0 - tall * (0.82 * (1 - math.exp(-4.4 * s)) - 0.22 * max(0.0, s - 0.35) ** 1.3)) for s in steps]
    curve(c, train, QUERY)
    curve(c, val, KEY, 2.4, dashed=True)
    best = min(val, key=lambda point: point[1])
    c.circle(*best, 7, PALE[KEY], KEY, 2.4)
    c.line(best[0], best[1] + 10, best[0], y0, KEY, 1.2, "3 3")
    c.lines(best[0] + 6, best[1] + 36, ["best checkpoint:", "these weights are kept"], SMALL, KEY, "start")
    c.text(x0 + wide + 6, train[-1][1] - 12, "train", SMALL, QUERY, "end")
    c.text(x0 + wide + 6, val[-1][1] + 14, "val", SMALL, KEY, "end")
    return c


def context() -> Canvas:
    """How much of the trial each read-out knows."""
    c = Canvas("07_context", "Three read-outs of velocity in one bin, and the bins of the trial whose spikes each of them knows", 760, 280)
    cell, x0, now = 20, 240, 11
    c.text(x0 + 12.5 * cell, 22, "spikes that the velocity in bin t is read from (a sketch)", BODY, INK, bold=True)
    for y, name, note, color, weight in [
        (56, "smoothed spikes", "linear, one bin", QUERY, lambda t: bell(t, now, 2.5)),
        (130, "whole-trial ridge", "linear, all bins", KEY, lambda t: 0.55 + 0.3 * math.sin(1.7 * t)),
        (204, "NDT rates", "attention, then linear", VALUE, lambda t: 0.25 + 0.6 * bell(t, now, 4) + 0.2 * math.sin(2.3 * t)),
    ]:
        c.text(220, y + 10, name, BODY, color, "end", bold=True)
        c.text(220, y + 30, note, SMALL, MUTED, "end")
        for t in range(25):
            share = max(0.0, min(1.0, weight(t)))
            c.rect(x0 + cell * t, y, cell, 30, "white", FAINT, 0)
            if share > 0.03:
                c.rect(x0 + cell * t + 2, y + 28 - 26 * share, cell - 4, 26 * share, PALE[color], color, 1)
        c.line(x0 + cell * (now + 0.5), y - 6, x0 + cell * (now + 0.5), y + 38, INK, 1.6, "4 3")
    c.text(x0 + cell * (now + 0.5), 258, "t", BODY, INK, bold=True)
    c.text(x0 + cell * 21, 258, "time in the trial", SMALL, MUTED)
    return c


def pca() -> Canvas:
    """A flat view of the interactive figure, from the saved model."""
    import numpy as np
    import torch
    from safetensors.torch import load_file

    from autograder.grading import reference
    from course import maze
    from course.plots import direction_colors

    lesson = reference.namespace("07_ndt")
    model = lesson["NeuralDataTransformer"](122, 162, 64, 2, 2, 35, 0.2).eval()
    model.load_state_dict(load_file(FOLDER.parent / "models" / "07_ndt.safetensors"))
    test = maze.session(0).of("test")
    spikes = torch.tensor(test.heldin)
    towards = np.round(np.arctan2(*test.target.T[::-1]) / (np.pi / 4)).astype(int) % 8
    chosen = np.concatenate([np.flatnonzero(towards == o)[:4] for o in np.unique(towards)])
    with torch.no_grad():
        panels = {"smoothed spikes": lesson["smooth_spikes"](spikes, 2.5).sqrt(), "NDT rates": model(spikes)[..., :122].exp().sqrt()}
    c = Canvas(
        "07_pca", "Simulated test trials in two principal components: smoothed spikes tangle, NDT rates bundle by direction", 760, 360
    )
    for i, (title, rates) in enumerate(panels.items()):
        flat = rates.numpy().reshape(-1, 122)
        axes = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)[2][:2]
        places = (rates.numpy() - flat.mean(axis=0)) @ axes.T
        places = places[chosen]
        low, high = places.min(axis=(0, 1)), places.max(axis=(0, 1))
        c.text(190 + 380 * i, 26, f"{title} (simulated)", BODY, INK, bold=True)
        c.text(190 + 380 * i, 344, "PC 1, up: PC 2; a dot at movement onset", SMALL, MUTED, italic=True)
        for path, color in zip(places, direction_colors(towards[chosen] * np.pi / 4), strict=True):
            code = "#" + "".join(f"{round(255 * part):02X}" for part in color[:3])
            points = [(30 + 380 * i + 320 * x, 322 - 270 * y) for x, y in ((path - low) / (high - low)).tolist()]
            curve(c, points, code, 1.5)
            c.circle(*points[12], 3, code, code, 1)
    return c


def main() -> None:
    """Write 07_*.svg."""
    drawings = [tokens, task, bins, smooth, cosmooth, masks, bits, ndt, loop, context]
    for draw in drawings + ([pca] if "--paths" in sys.argv else []):
        print(draw().save())


if __name__ == "__main__":
    main()
