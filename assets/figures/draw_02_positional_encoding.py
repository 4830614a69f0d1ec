"""Draws the figures of lesson 02: `python -m assets.figures.draw_02_positional_encoding` from the project's folder."""

import itertools
import math

from assets.figures.drawing import BODY, FAINT, INK, KEY, MUTED, PALE, QUERY, SMALL, TITLE, VALUE, WEIGHT, Canvas

WORD_COLORS = {"fish": QUERY, "hunt": MUTED, "boat": KEY}


def bag() -> Canvas:
    """Two orders, one bag."""
    c = Canvas("02_bag", "Two word orders, and two trials with their cues exchanged, fall into the same bag and give one mean", 760, 330)
    for row, order in enumerate([["fish", "hunt", "boat"], ["boat", "hunt", "fish"]]):
        for i, word in enumerate(order):
            c.box(30 + 92 * i, 62 + 150 * row, 80, 34, word, WORD_COLORS[word])
        c.arrow(312, 79 + 150 * row, 372, 138 if row == 0 else 172, MUTED)
    c.text(160, 32, "words", TITLE, bold=True)
    c.text(160, 154, "other order, same words", SMALL, MUTED, italic=True)
    c.rect(378, 112, 96, 84, "#F6F6F6", INK, 18)
    for i, word in enumerate(WORD_COLORS):
        c.circle(402 + 24 * i, 170 - 14 * (i % 2), 9, PALE.get(WORD_COLORS[word], FAINT), WORD_COLORS[word])
    c.text(426, 130, "bag", BODY, bold=True)
    c.text(426, 218, "one mean for both:", SMALL, MUTED, italic=True)
    c.text(426, 236, "the order is gone", SMALL, MUTED, italic=True)
    c.text(616, 32, "time bins", TITLE, bold=True)
    for row, cues in enumerate([{2: ("L", QUERY), 6: ("R", KEY)}, {2: ("R", KEY), 6: ("L", QUERY)}]):
        for t in range(9):
            letter, color = cues.get(t, ("", MUTED))
            c.box(512 + 24 * t, 62 + 150 * row, 22, 34, letter, color, SMALL)
        c.arrow(506, 79 + 150 * row, 478, 138 if row == 0 else 172, MUTED)
    c.text(620, 116, "left cue first", SMALL, MUTED)
    c.text(620, 266, "right cue first", SMALL, MUTED)
    c.text(616, 160, "same bins, exchanged", SMALL, MUTED, italic=True)
    c.text(380, 308, "what is in the tokens survives the mean; where they were does not", BODY, INK, italic=True)
    return c


def counters() -> Canvas:
    """Four codes of the positions 0 to 15."""
    c = Canvas("02_counters", "Four codes of the positions 0 to 15: index, fraction of the length, binary digits, and waves", 760, 370)
    codes = [
        ("index t", "grows without bound", _index),
        ("fraction t/T", "a step depends on T", _fraction),
        ("binary digits", "exact, but it jumps", _binary),
        ("sines and cosines", "bounded, smooth, steady", _waves),
    ]
    for panel, (title, remark, draw) in enumerate(codes):
        left, top = 30 + 370 * (panel % 2), 14 + 178 * (panel // 2)
        c.text(left + 165, top + 12, title, BODY + 1, bold=True)
        c.text(left + 165, top + 164, remark, SMALL, VALUE if panel == 3 else MUTED, italic=True)
        draw(c, left, top + 30)
    return c


def _index(c: Canvas, left: float, top: float) -> None:
    for t in range(16):
        c.rect(left + 20 * t + 5, top + 108 - 6.6 * t, 12, 6.6 * t + 2, PALE[KEY], KEY, 0)
    c.text(left + 12, top + 118, "0", SMALL, MUTED)
    c.text(left + 312, top + 118, "15", SMALL, MUTED)


def _fraction(c: Canvas, left: float, top: float) -> None:
    for row, (length, color) in enumerate([(16, QUERY), (6, KEY)]):
        y = top + 30 + 55 * row
        c.line(left + 10, y, left + 310, y, MUTED, 1.2)
        for t in range(length):
            c.circle(left + 10 + 300 * t / (length - 1), y, 5, PALE[color], color)
        c.text(left + 160, y - 18, f"a trial of {length} bins: from 0 to 1", SMALL, color)


def _binary(c: Canvas, left: float, top: float) -> None:
    for bit in range(4):
        for t in range(16):
            on = t >> (3 - bit) & 1
            c.rect(left + 20 * t + 5, top + 2 + 26 * bit, 18, 22, PALE[WEIGHT] if on else "white", WEIGHT if on else "#BBBBBB", 2)
            c.text(left + 20 * t + 14, top + 13 + 26 * bit, str(on), SMALL, WEIGHT if on else MUTED)
    c.rect(left + 143, top - 3, 44, 110, "none", KEY, 4, dash="4 3")
    c.text(left + 165, top + 117, "7 to 8: all digits flip", SMALL, KEY)


def _waves(c: Canvas, left: float, top: float) -> None:
    for i, (speed, color) in enumerate([(math.pi, WEIGHT), (math.pi / 2, KEY), (math.pi / 4, QUERY), (math.pi / 8, VALUE)]):
        middle = top + 14 + 28 * i
        c.line(left + 5, middle, left + 325, middle, FAINT, 1)
        points = [(left + 14 + 5 * k, middle - 10 * math.cos(speed * k / 4)) for k in range(61)]
        for (x1, y1), (x2, y2) in itertools.pairwise(points):
            c.line(x1, y1, x2, y2, color, 1.6)
        for t in range(16):
            c.circle(left + 14 + 20 * t, middle - 10 * math.cos(speed * t), 2.6, color, color)


def columns() -> Canvas:
    """The table, and who owns which column."""
    c = Canvas("02_columns", "Rows of the table are positions; each clock owns two columns, the sine and the cosine of one angle", 760, 344)
    colors = [QUERY, KEY, VALUE]
    for i, (speed, color) in enumerate(zip(["1", "1/21.5", "1/464"], colors, strict=True)):
        left = 150 + 150 * i
        c.text(left + 70, 26, f"clock i = {i}", BODY, color, bold=True)
        c.text(left + 70, 48, f"ω = {speed}", SMALL, color)
        c.text(left + 35, 74, f"column {2 * i}", SMALL, MUTED)
        c.text(left + 105, 74, f"column {2 * i + 1}", SMALL, MUTED)
    speeds = [10000 ** (-2 * i / 6) for i in range(3)]
    for row, t in enumerate([0, 1, 2, 3, 4]):
        y = 90 + 38 * row
        c.text(136, y + 17, f"t = {t}", BODY, INK, "end")
        for i, (speed, color) in enumerate(zip(speeds, colors, strict=True)):
            for j, value in enumerate([math.sin(speed * t), math.cos(speed * t)]):
                x = 150 + 150 * i + 70 * j
                c.rect(x, y, 70, 34, PALE[color], color, 0)
                c.text(x + 35, y + 17, f"{value:.3f}".replace("-", "−"), BODY, INK)
    c.text(60, 166, "position", BODY, MUTED)
    for i, color in enumerate(colors):
        c.text(185 + 150 * i, 300, "sine", BODY, color)
        c.text(255 + 150 * i, 300, "cosine", BODY, color)
    c.circle(675, 128, 48, "white", MUTED)
    c.arrow(675, 128, 675 + 46 * math.sin(1), 128 - 46 * math.cos(1), QUERY, 3)
    c.line(675, 128, 675, 80, FAINT, 1.4, "4 3")
    c.text(690, 100, "ω t", SMALL, QUERY)
    c.lines(675, 202, ["the hand of a clock:", "sine to the right,", "cosine upward"], SMALL, MUTED)
    c.text(675, 258, "length 1, always", SMALL, INK, bold=True)
    c.text(380, 328, "D = 6 columns, three clocks, each slower than the one before", SMALL, MUTED, italic=True)
    return c


def clocks() -> Canvas:
    """Six clocks at four positions (the static version of the slider)."""
    c = Canvas("02_clocks", "The hands of six clocks at positions 0, 1, 5 and 20; the first spins, the last hardly moves", 760, 410)
    for i in range(6):
        c.text(170 + 105 * i, 24, f"columns {2 * i}, {2 * i + 1}", SMALL, INK, bold=True)
    for row, t in enumerate([0, 1, 5, 20]):
        y = 80 + 86 * row
        c.text(66, y, f"position {t}", BODY, INK)
        for i in range(6):
            x, angle = 170 + 105 * i, t * 10000 ** (-2 * i / 12)
            c.circle(x, y, 36, "white", MUTED, 1.2)
            c.line(x, y, x, y - 36, FAINT, 1.4)
            c.arrow(x, y, x + 34 * math.sin(angle), y - 34 * math.cos(angle), QUERY, 2.8)
    c.text(432, 394, "D = 12: sine to the right, cosine upward; at position 0 all hands point up", SMALL, MUTED, italic=True)
    return c


def rotation() -> Canvas:
    """A shift turns every hand by its own angle, from anywhere."""
    c = Canvas("02_rotation", "Moving on by five positions turns each clock's hand by a fixed angle, whatever the start", 760, 340)
    for row, (speed, color, name) in enumerate([(0.3, QUERY, "a faster clock"), (0.08, KEY, "a slower clock")]):
        y = 92 + 140 * row
        c.text(84, y - 10, name, BODY, color, bold=True)
        c.text(84, y + 12, f"turns by 5 · {speed:g} = {5 * speed:g}", SMALL, color)
        for i, start in enumerate([0, 7, 15]):
            x = 250 + 190 * i
            c.circle(x, y, 52, "white", MUTED, 1.2)
            first, then = speed * start, speed * (start + 5)
            c.arrow(x, y, x + 48 * math.sin(first), y - 48 * math.cos(first), MUTED, 2.2)
            c.arrow(x, y, x + 48 * math.sin(then), y - 48 * math.cos(then), color, 3)
            arc = [first + (then - first) * k / 12 for k in range(13)]
            for a, b in itertools.pairwise(arc):
                c.line(x + 28 * math.sin(a), y - 28 * math.cos(a), x + 28 * math.sin(b), y - 28 * math.cos(b), color, 2)
            if row == 0:
                c.text(x, 22, f"from {start} to {start + 5}", BODY, INK)
    c.text(
        440, 314, "the same shift is the same turn, wherever it starts: one fixed map for “five bins later”", SMALL + 1, MUTED, italic=True
    )
    return c


def buffers() -> Canvas:
    """What a parameter, a buffer and a plain attribute take part in."""
    c = Canvas("02_buffers", "A parameter is trained, saved and moved; a buffer is saved and moved; a plain attribute is neither", 760, 290)
    heads = [("trained by", "the optimizer"), ("saved in", "the state_dict"), ("moved with", ".to(device)")]
    rows = [
        ("nn.Parameter(...)", "learned positions", QUERY, (1, 1, 1)),
        ("register_buffer(...)", "sines and cosines", VALUE, (0, 1, 1)),
        ("self.table = ...", "a trap", MUTED, (0, 0, 0)),
    ]
    for j, head in enumerate(heads):
        for line, words in enumerate(head):
            c.text(355 + 165 * j, 28 + 19 * line, words, BODY, INK, bold=True)
    for i, (name, use, color, marks) in enumerate(rows):
        y = 70 + 70 * i
        c.box(24, y, 220, 54, "", color)
        c.text(134, y + 18, name, BODY, color, bold=True)
        c.text(134, y + 38, use, SMALL, color)
        for j, mark in enumerate(marks):
            x = 355 + 165 * j
            c.circle(x, y + 27, 20, PALE[VALUE] if mark else "white", VALUE if mark else "#BBBBBB")
            c.text(x, y + 27, "yes" if mark else "no", BODY, VALUE if mark else MUTED, bold=bool(mark))
    return c


def append() -> Canvas:
    """Added or appended."""
    c = Canvas("02_append", "Added, the width stays and word and place share columns; appended, they have columns of their own", 760, 320)
    for panel, title in enumerate(["added", "appended"]):
        c.text(190 + 380 * panel, 26, title, TITLE, bold=True)
    c.line(380, 20, 380, 300, FAINT, 1.4)
    _strip(c, 62, 52, 8, QUERY, "word or bin x")
    c.text(38, 147, "+", TITLE, INK, bold=True)
    _strip(c, 62, 130, 8, KEY, "place p")
    c.arrow(190, 190, 190, 208, MUTED)
    _strip(c, 62, 212, 8, WEIGHT, "both in the same D columns")
    _strip(c, 404, 52, 8, QUERY, "word or bin x")
    _strip(c, 680, 52, 2, KEY, "place p")
    c.arrow(532, 112, 532, 208, MUTED)
    c.arrow(712, 112, 696, 208, MUTED)
    _strip(c, 404, 212, 8, QUERY, "D columns")
    _strip(c, 660, 212, 2, KEY, "and more")
    c.text(190, 296, "memory as before; W acts on both", SMALL, MUTED, italic=True)
    c.text(570, 296, "every later layer is wider; W has a part for each", SMALL, MUTED, italic=True)
    return c


def _strip(c: Canvas, left: float, top: float, cells: int, color: str, words: str) -> None:
    for i in range(cells):
        c.rect(left + 32 * i, top, 32, 34, PALE[color], color, 0)
    c.text(left + 16 * cells, top + 47, words, SMALL, color)


def axis() -> Canvas:
    """Which axis gets numbered."""
    c = Canvas(
        "02_axis", "On (batch, electrode, time) the library numbers the electrodes; after permuting it numbers the time bins", 760, 330
    )
    for panel, (title, color) in enumerate([("as recorded", KEY), ("after permute(0, 2, 1)", VALUE)]):
        left, cell = 150 + 350 * panel, 28
        rows, columns = ((4, "electrode"), (7, "time")) if panel == 0 else ((7, "time"), (4, "electrode"))
        c.text(left + 60, 26, title, TITLE, bold=True)
        c.text(left + 60, 50, f"(batch, {rows[1]}, {columns[1]})", SMALL, MUTED)
        for i in range(rows[0]):
            for j in range(columns[0]):
                c.rect(left + cell * j, 90 + cell * i, cell, cell, "white", "#BBBBBB", 0)
            c.box(left - 34, 92 + cell * i, 28, cell - 4, str(i), color, SMALL)
        c.text(left + cell * columns[0] / 2, 76, columns[1], SMALL, INK)
        c.text(left - 54, 90 + cell * rows[0] / 2, rows[1], SMALL, INK, "end")
        c.arrow(left - 45, 92, left - 45, 88 + cell * rows[0], color, 2)
    c.lines(232, 232, ["electrodes are numbered:", "wrong axis, no error"], BODY, KEY)
    c.lines(624, 180, ["time bins are", "numbered: right"], BODY, VALUE, "start")
    c.text(380, 312, "PositionalEncoding1D numbers the axis in the middle; the last one holds the channels", SMALL, MUTED, italic=True)
    return c


def grid() -> Canvas:
    """Raster order, and a code in two halves."""
    c = Canvas(
        "02_grid", "An 8 by 8 grid numbered row by row, and a token whose first half tells the row, second half the column", 760, 350
    )
    c.text(160, 24, "numbered row by row", BODY + 1, bold=True)
    marked = {7: KEY, 8: KEY, 0: QUERY}
    for n in range(64):
        x, y = 40 + 30 * (n % 8), 48 + 30 * (n // 8)
        color = marked.get(n, MUTED)
        c.rect(x, y, 30, 30, PALE.get(color, "white") if n in marked else "white", color if n in marked else "#BBBBBB", 0)
        c.text(x + 15, y + 15, str(n), SMALL, color, bold=n in marked)
    c.text(160, 306, "7 and 8: next numbers, far apart", SMALL, KEY)
    c.text(160, 326, "0 and 8: neighbors, numbers far apart", SMALL, QUERY)
    c.text(545, 24, "row and column, half of the width each", BODY + 1, bold=True)
    for r in range(5):
        for k in range(7):
            here = (r, k) == (2, 1)
            c.rect(410 + 38 * k, 70 + 26 * r, 38, 26, PALE[VALUE] if r == 2 and k == 1 else "white", INK if here else "#BBBBBB", 0)
    for r in range(5):
        c.text(398, 83 + 26 * r, str(r), SMALL, QUERY, "end", bold=r == 2)
    for k in range(7):
        c.text(429 + 38 * k, 58, str(k), SMALL, KEY, bold=k == 1)
    c.text(704, 135, "row 2", BODY, QUERY, "middle")
    c.arrow(467, 138, 500, 232, MUTED)
    c.rect(410, 238, 140, 42, PALE[QUERY], QUERY, 0)
    c.rect(550, 238, 140, 42, PALE[KEY], KEY, 0)
    for i, value in enumerate(["0.909", "−0.416", "0.841", "0.540"]):
        c.text(445 + 70 * i, 259, value, BODY, QUERY if i < 2 else KEY)
    c.text(480, 296, "first half: row 2", SMALL, QUERY)
    c.text(620, 296, "second half: column 1", SMALL, KEY)
    c.text(550, 326, "D = 4: one clock for rows, one for columns", SMALL, MUTED, italic=True)
    return c


def main() -> None:
    """Draw them all."""
    for figure in (bag, counters, columns, clocks, rotation, buffers, append, axis, grid):
        print(figure().save())


if __name__ == "__main__":
    main()
