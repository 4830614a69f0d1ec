"""Draws the figures of lesson 00: `python -m assets.figures.draw_00_start_here` from the project's folder."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from assets.figures.drawing import BODY, FAINT, INK, KEY, MUTED, PALE, QUERY, SMALL, TITLE, VALUE, WEIGHT, Canvas
from autograder.grading import reference

RIGHT, WRONG, WAITING = "#0b6e4f", "#b3410e", "#5f6b7a"  # the colors of the three outcomes, as `check` shows them


def curve(c: Canvas, points: Sequence[tuple[float, float]], color: str, width: float = 2.4, dash: str = "") -> None:
    """A line through points, piece by piece."""
    for (x1, y1), (x2, y2) in pairwise(points):
        c.line(x1, y1, x2, y2, color, width, dash)


def check() -> Canvas:
    """From a stub to one of three outcomes."""
    c = Canvas("00_check", "An exercise cell leads to a check cell, which leads to one of three boxes", 760, 290)
    c.rect(24, 78, 220, 134, "#F6F6F6", MUTED)
    c.text(38, 100, "def linear(x, weight, …):", SMALL, INK, "start")
    c.lines(58, 118, ['"""What it should do."""', "raise NotImplementedError"], SMALL, INK, "start")
    c.text(134, 180, "you replace the last line", SMALL, QUERY, bold=True)
    c.text(134, 56, "1 · the exercise", TITLE, bold=True)
    c.arrow(248, 145, 290, 145, INK, 2)
    c.rect(294, 122, 130, 46, "#F6F6F6", MUTED)
    c.text(359, 145, 'check("linear")', SMALL + 1)
    c.text(359, 100, "2 · the check", TITLE, bold=True)
    boxes = [
        (52, WAITING, "○ not attempted", ["Not written yet."]),
        (128, WRONG, "✗ not yet", ["what was asked, what was seen,", "and what you probably misunderstood"]),
        (224, RIGHT, "✓ right", ["what to notice"]),
    ]
    c.text(600, 26, "3 · one of three outcomes", TITLE, bold=True)
    for y, color, title, lines in boxes:
        height = 32 + 18 * len(lines) + 4
        c.arrow(428, 145, 466, y + height / 2, color, 1.8)
        c.rect(470, y, 270, height, "white", color, 3)
        c.rect(470, y, 7, height, color, color, 0)
        c.text(490, y + 18, title, BODY, color, "start", bold=True)
        c.lines(490, y + 38, lines, SMALL, INK, "start")
    return c


def tensor() -> Canvas:
    """A table of counts, and what a mean over each axis leaves."""
    c = Canvas("00_tensor", "A table of counts with four trials and three neurons; its mean over trials and over neurons", 760, 330)
    rows = [[14, 3, 9], [18, 2, 7], [8, 12, 22], [20, 5, 12]]
    x, y, cell = 150, 84, 40
    c.grid(x, y, cell, [[str(v) for v in row] for row in rows], [["white"] * 3] * 4, MUTED)
    for i in range(4):
        c.text(x - 12, y + cell * (i + 0.5), f"trial {i}", SMALL, MUTED, "end")
    for j in range(3):
        c.text(x + cell * (j + 0.5), y - 12, f"n{j}", SMALL, MUTED)
    c.text(x + 60, 34, "counts (B, N) = (4, 3)", TITLE, bold=True)
    c.arrow(x - 76, y, x - 76, y + 160, QUERY, 2)
    c.text(x - 86, y + 80, "dim 0", BODY, QUERY, "end", bold=True)
    c.arrow(x, y + 190, x + 120, y + 190, KEY, 2)
    c.text(x + 60, y + 210, "dim 1, also −1: the last", BODY, KEY, bold=True)
    over_trials = [f"{sum(row[j] for row in rows) / 4:g}" for j in range(3)]
    left = 400
    c.text(left, 84, "counts.mean(dim=0)", BODY, QUERY, "start", bold=True)
    c.grid(left, 100, cell, [over_trials], [[PALE[QUERY]] * 3], QUERY)
    c.text(left + 140, 120, "(3,): one number a neuron", BODY, INK, "start")
    over_neurons = [f"{sum(row) / 3:.1f}".removesuffix(".0") for row in rows]
    c.text(left, 178, "counts.mean(dim=1)", BODY, KEY, "start", bold=True)
    c.grid(left, 194, cell, [over_neurons], [[PALE[KEY]] * 4], KEY)
    c.text(left + 180, 214, "(4,): one number a trial", BODY, INK, "start")
    c.text(left, 268, "the axis that is named disappears;", BODY, MUTED, "start", italic=True)
    c.text(left, 290, "keepdim=True keeps it, (1, 3) or (4, 1)", BODY, MUTED, "start", italic=True)
    return c


def broadcast() -> Canvas:
    """Three pairs of shapes."""
    c = Canvas("00_broadcast", "Shapes (4, 3) and (3), (4, 3) and (4, 1), (4, 1) and (4), with what broadcasting makes of each", 760, 310)
    cell = 22

    def table(x: float, y: float, rows: int, columns: int, color: str, real_rows: int, real_columns: int) -> None:
        for i in range(rows):
            for j in range(columns):
                real = i < real_rows and j < real_columns
                c.rect(x + cell * j, y + cell * i, cell, cell, PALE[color] if real else "white", color if real else "#BBBBBB", 0)
                if not real:
                    c.line(x + cell * j + 4, y + cell * i + cell - 4, x + cell * (j + 1) - 4, y + cell * i + 4, color, 1, "2 2")

    panels = [
        (20, "(4, 3) − (3,)", (4, 3, 4, 3), (4, 3, 1, 3), "the row is repeated", "result (4, 3)", INK),
        (266, "(4, 3) − (4, 1)", (4, 3, 4, 3), (4, 3, 4, 1), "the column is repeated", "result (4, 3)", INK),
        (502, "(4, 1) − (4,)", (4, 4, 4, 1), (4, 4, 1, 4), "both are repeated", "result (4, 4): rarely meant", WRONG),
    ]
    for left, title, first, second, what, result, color in panels:
        c.text(left + 112, 32, title, TITLE, color, bold=True)
        gap = 14 if first[1] == 4 else 22
        table(left + 12, 72, first[0], first[1], QUERY, first[2], first[3])
        middle = left + 12 + cell * first[1] + gap
        c.text(middle, 72 + 2 * cell, "−", 20, MUTED)
        table(middle + gap, 72, second[0], second[1], KEY, second[2], second[3])
        c.text(left + 112, 188, what, BODY, MUTED)
        c.text(left + 112, 216, result, BODY, color, bold=True)
    c.line(258, 50, 258, 230, FAINT)
    c.line(496, 50, 496, 230, FAINT)
    c.text(380, 258, "filled: the numbers that are there; crossed: copies that broadcasting adds", SMALL, MUTED, italic=True)
    c.text(380, 282, "compare lengths from the right: equal, or 1, or missing", SMALL, MUTED, italic=True)
    return c


def linear() -> Canvas:
    """A linear layer as a network and as a matrix."""
    c = Canvas(
        "00_linear", "Two inputs joined to three outputs by weighted lines; beside it the matrix with a row for each output", 760, 320
    )
    inputs = [("cos θ", 0, 110), ("sin θ", 1, 210)]
    outputs = [(12, 70), (18, 160), (3, 250)]
    weights, bias, colors = [(10, 0), (0, 8), (-6, -6)], [12, 10, 9], [QUERY, KEY, VALUE]
    for (rate, y), row, b, color in zip(outputs, weights, bias, colors, strict=True):
        for (_, _, y_in), weight in zip(inputs, row, strict=True):
            c.line(122, y_in, 316, y, color if weight else FAINT, 1.2 + abs(weight) / 3.5, "" if weight >= 0 else "7 4")
            if weight:
                share = 0.74
                place = 122 + share * 194, y_in + share * (y - y_in)
                c.rect(place[0] - 13, place[1] - 9, 26, 18, "white", "white", 3)
                c.text(*place, f"{weight}".replace("-", "−"), SMALL + 1, color, bold=True)
        c.circle(338, y, 22, PALE[color], color)
        c.text(338, y, str(rate), BODY, color, bold=True)
        c.text(372, y, f"bias {b}", SMALL, color, "start")
    for name, i, y in inputs:
        c.circle(100, y, 22)
        c.text(100, y, ["0", "1"][i], BODY, bold=True)
        c.text(66, y, name, BODY, INK, "end")
    c.text(100, 30, "input x", BODY, bold=True)
    c.text(338, 30, "rates y", BODY, bold=True)
    c.text(200, 300, "a reach upward; dashed: negative weights", SMALL, MUTED, italic=True)
    left, top = 490, 92
    c.text(left + 46, 44, "W (out, in)", TITLE, bold=True)
    c.text(left + 184, 44, "b (out,)", TITLE, bold=True)
    for i, (row, b, color) in enumerate(zip(weights, bias, colors, strict=True)):
        c.grid(left, top + 46 * i, 46, [[f"{v}".replace("-", "−") for v in row]], [[PALE[color]] * 2], color)
        c.grid(left + 161, top + 46 * i, 46, [[str(b)]], [[PALE[color]]], color)
        c.text(left + 222, top + 46 * i + 23, f"y{i}", BODY, color, "start", bold=True)
    c.text(left + 23, 76, "cos θ", SMALL, MUTED)
    c.text(left + 69, 76, "sin θ", SMALL, MUTED)
    c.text(left + 110, 256, "a row says what one output listens to", SMALL + 1, MUTED, italic=True)
    return c


def tent() -> Canvas:
    """Three hinges make a tent."""
    c = Canvas("00_tent", "Three hinge curves with weights 20, -40 and 20, and their sum: a tent with its peak at speed 1", 760, 290)
    weights = [20, -40, 20]
    for panel, (bend, weight, color) in enumerate(zip([0, 1, 2], weights, [QUERY, KEY, VALUE], strict=True)):
        left, base = 22 + 158 * panel, 150
        c.line(left, base, left + 132, base, MUTED, 1.2)
        c.text(left + 66, 34, f"{weight} · ReLU(speed{f' − {bend}' if bend else ''})".replace("-", "−"), SMALL, color, bold=True)
        points = [(left + 33 * s, base - 0.75 * weight * max(s - bend, 0)) for s in (0, bend, 3)]
        curve(c, [(x, min(max(y, 52), 250)) if weight > 0 else (x, y) for x, y in points], color, 3)
        for tick in range(4):
            c.text(left + 33 * tick, base + (16 if weight > 0 else -14), str(tick), SMALL - 1, MUTED)
        if panel < 2:
            c.text(left + 146, base, "+", 20, MUTED)
    c.text(518, 150, "+ 5  =", 18, MUTED)
    left, base = 570, 200
    c.line(left, base, left + 180, base, MUTED, 1.2)
    tent_points = [(left + 42 * s, base - 4.6 * rate) for s, rate in ((0, 5), (1, 25), (2, 5), (4, 5))]
    curve(c, tent_points, WEIGHT, 3.4)
    for tick in range(5):
        c.text(left + 42 * tick, base + 16, str(tick), SMALL - 1, MUTED)
    c.text(left + 90, 40, "rate: a tent", BODY, WEIGHT, bold=True)
    c.text(left + 50, base - 4.6 * 25 - 10, "25", SMALL, WEIGHT)
    c.text(left + 166, base - 36, "5", SMALL, WEIGHT)
    c.text(left + 90, base + 36, "speed of the hand", SMALL, MUTED)
    c.text(270, 272, "a hidden unit is a hinge: zero up to its bend, straight after it", SMALL, MUTED, italic=True)
    return c


def norms() -> Canvas:
    """Which numbers share a mean."""
    c = Canvas(
        "00_norms", "Two tables of trials by neurons: in one each row shares a mean and variance, in the other each column", 760, 320
    )
    rows = [[2, 4, 9], [4, 8, 18], [3, 5, 8], [1, 6, 11]]
    colors = [QUERY, KEY, VALUE, WEIGHT]
    for left, title, note, by_row in [
        (60, "layer norm: each trial by itself", "4 means, 4 variances", True),
        (440, "batch norm: each neuron over the batch", "3 means, 3 variances", False),
    ]:
        x, y, cell = left + 60, 84, 46
        c.text(left + 129, 34, title, BODY + 1, bold=True)
        fills = [[PALE[colors[i if by_row else j]] for j in range(3)] for i in range(4)]
        c.grid(x, y, cell, [[str(v) for v in row] for row in rows], fills, MUTED)
        for i in range(4):
            c.text(x - 10, y + cell * (i + 0.5), f"trial {i}", SMALL, colors[i] if by_row else MUTED, "end", bold=by_row)
            if by_row:
                c.rect(x - 2, y + cell * i + 3, 3 * cell + 4, cell - 6, "none", colors[i], 8)
        for j in range(3):
            c.text(
                x + cell * (j + 0.5),
                y - 14,
                f"n{j}",
                SMALL,
                MUTED if by_row else colors[j],
                bold=not by_row,
            )
            if not by_row:
                c.rect(x + cell * j + 3, y - 2, cell - 6, 4 * cell + 4, "none", colors[j], 8)
        c.text(left + 129, 288, note, BODY, MUTED)
    c.lines(278, 150, ["twice the rates", "in trial 1:", "same output", "as trial 0"], SMALL, MUTED, "start")
    c.line(400, 56, 400, 300, FAINT)
    return c


def dropout() -> Canvas:
    """Training and evaluation."""
    c = Canvas("00_dropout", "Eight entries of 3: in training two are zero and six are 4; in evaluation all are 3", 760, 250)
    dropped = [2, 5]
    lines = [
        (70, "input", ["3"] * 8, ["white"] * 8, INK, "mean 3"),
        (130, "train(), p = ¼", ["0" if i in dropped else "4" for i in range(8)], None, KEY, "mean 3 on average"),
        (190, "eval()", ["3"] * 8, ["white"] * 8, VALUE, "mean 3, always"),
    ]
    for y, name, values, fills, color, note in lines:
        c.text(170, y + 20, name, BODY + 1, color, "end", bold=True)
        c.grid(190, y, 40, [values], [fills or [FAINT if i in dropped else PALE[KEY] for i in range(8)]], MUTED)
        c.text(530, y + 20, note, BODY, MUTED, "start")
    for i in dropped:
        c.line(194 + 40 * i, 166, 226 + 40 * i, 134, MUTED, 1.4)
    c.text(350, 34, "what survives is divided by 1 − p: 3 / ¾ = 4", BODY, KEY, bold=True)
    return c


def descent() -> Canvas:
    """Gradient descent on a bowl with three learning rates."""
    c = Canvas("00_descent", "Steps on a bowl: 0.04 crawls, 0.3 reaches the bottom, 1.06 jumps from side to side and climbs", 760, 270)
    for panel, (lr, title, note) in enumerate(
        [(0.04, "too small", "crawls"), (0.3, "fitting", "arrives"), (1.06, "too large", "climbs out")]
    ):
        middle, base = 130 + 250 * panel, 205

        def place(w: float, middle: float = middle, base: float = base) -> tuple[float, float]:
            return middle + 62 * w, base - 40 * w * w

        curve(c, [place(-1.75 + 3.5 * i / 60) for i in range(61)], MUTED, 1.6)
        w = -1.2 if lr > 1 else -1.6
        for _ in range(5):
            new = w - lr * 2 * w  # the gradient of w squared is 2 w
            if abs(new) > 1.8:
                break
            (x1, y1), (x2, y2) = place(w), place(new)
            c.circle(x1, y1, 4, QUERY, QUERY)
            if math.hypot(x2 - x1, y2 - y1) > 9:
                c.arrow(x1, y1, x2, y2, QUERY, 1.8)
            w = new
        c.circle(*place(w), 4.5, KEY, KEY)
        c.text(middle, 28, f"learning rate {title}", BODY + 1, bold=True)
        c.text(middle, 240, note, BODY, MUTED, italic=True)
        c.text(middle + 100, 214, "w", SMALL, MUTED)
        if not panel:
            c.text(middle - 96, 62, "loss", SMALL, MUTED, "end")
    return c


def loop() -> Canvas:
    """The five steps of training, and validation beside them."""
    c = Canvas("00_loop", "Five boxes in a circle: predict, measure, clear, walk back, step; a branch leads to validation", 760, 330)
    boxes = [
        (174, 20, "1 predict", "model(x)", INK),
        (322, 126, "2 measure", "loss = …", KEY),
        (280, 250, "3 clear", "optimizer.zero_grad()", MUTED),
        (68, 250, "4 walk back", "loss.backward()", WEIGHT),
        (26, 126, "5 step", "optimizer.step()", QUERY),
    ]
    for (x1, y1, *_), (x2, y2, *_) in zip(boxes, [*boxes[1:], boxes[0]], strict=True):
        cx, cy, dx, dy = x1 + 82, y1 + 30, x2 - x1, y2 - y1
        # From edge to edge: boxes are 164 by 60.
        reach = min(82 / abs(dx) if dx else 9, 30 / abs(dy) if dy else 9) + 0.03
        c.arrow(cx + reach * dx, cy + reach * dy, cx + (1 - reach) * dx, cy + (1 - reach) * dy, INK, 2)
    for x, y, title, code, color in boxes:
        c.rect(x, y, 164, 60, PALE.get(color, "#F6F6F6"), color)
        c.text(x + 82, y + 20, title, BODY, color, bold=True)
        c.text(x + 82, y + 42, code, SMALL)
    c.lines(256, 148, ["every step,", "training trials"], SMALL, MUTED)
    c.line(520, 40, 520, 300, FAINT)
    c.rect(548, 66, 186, 74, PALE[VALUE], VALUE)
    c.lines(641, 86, ["now and then", "eval(), no_grad(),", "loss on validation trials"], SMALL, INK)
    c.text(641, 44, "is it still learning?", BODY, VALUE, bold=True)
    c.rect(548, 216, 186, 58, PALE[VALUE], VALUE)
    c.lines(641, 236, ["once, at the end:", "loss on test trials"], SMALL, INK)
    c.text(641, 194, "how good is it?", BODY, VALUE, bold=True)
    return c


def overfit() -> Canvas:
    """The wide network's fit, as the lesson trains it."""
    c = Canvas("00_overfit", "Ten noisy points on a line; the network's fit after 20, 40 and 600 steps", 760, 300)
    names = reference.namespace("00_start_here")
    torch.manual_seed(4)
    training, validation, _ = (names["simulate_line"](trials) for trials in (10, 40, 400))
    seen = names["train"](nn.Sequential(nn.Linear(1, 200), nn.ReLU(), nn.Linear(200, 1)), training, validation)
    for panel, (step, note) in enumerate([(20, "on its way"), (40, "a line"), (600, "the noise too")]):
        left = 30 + 240 * panel

        def place(x: float, y: float, left: float = left) -> tuple[float, float]:
            return left + 110 + 100 * x, 225 - 4.1 * y

        c.rect(left, 46, 220, 190, "white", FAINT, 4)
        for x, y in zip(*(t.flatten().tolist() for t in validation), strict=True):
            c.circle(*place(x, y), 2.2, "white", MUTED, 1)
        curve(c, [place(-1 + i / 40, y) for i, y in enumerate(seen["fits"][step // 20].tolist())], QUERY, 2.4)
        for x, y in zip(*(t.flatten().tolist() for t in training), strict=True):
            c.circle(*place(x, y), 4, KEY, KEY)
        c.text(left + 110, 26, f"step {step}: {note}", BODY, bold=True)
        error = seen["validation"][step // 20].item()
        c.text(left + 110, 254, f"validation error {error:.0f}", SMALL, MUTED)
    c.text(
        380, 282, "filled: training trials; open: validation trials; across: hand velocity; up: rate (simulated)", SMALL, MUTED, italic=True
    )
    return c


if __name__ == "__main__":
    for figure in (check, tensor, broadcast, linear, tent, norms, dropout, descent, loop, overfit):
        print(figure().save().name)
