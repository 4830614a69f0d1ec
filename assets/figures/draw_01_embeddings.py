"""Draws the figures of lesson 01: `python -m assets.figures.draw_01_embeddings` from the project's folder."""

import math
from itertools import pairwise

import numpy as np

from assets.figures.drawing import BODY, FAINT, INK, KEY, MUTED, PALE, QUERY, SMALL, TITLE, VALUE, WEIGHT, Canvas
from course import words

NAMES, COLORS = ["fish", "boat", "hunt"], [QUERY, KEY, VALUE]
THREE = np.array([[2, 2, 1], [2, -1, 0], [0, 1, 2]], dtype=float)


def space() -> Canvas:
    """Three words in three dimensions."""
    c = Canvas("01_space", "Arrows for fish, boat and hunt in a space with the axes water, alive and action", 760, 330)

    def place(water: float, alive: float, action: float) -> tuple[float, float]:
        return 130 + 90 * (water + 0.55 * alive), 262 - 90 * (0.98 * action + 0.46 * alive)

    for end, label in [((2.8, 0, 0), "water"), ((0, 2.7, 0), "alive"), ((0, 0, 2.4), "action")]:
        c.arrow(*place(0, 0, 0), *place(*end), MUTED, 1.4)
        x, y = place(*end)
        c.text(x + 8, y - 8, label, BODY, MUTED, "start")
    c.line(*place(0, 0, 0), *place(0, -1.2, 0), FAINT, 1.4)
    for name, color, (water, alive, action) in zip(NAMES, COLORS, THREE.tolist(), strict=True):
        foot, tip = place(water, alive, 0), place(water, alive, action)
        for corner in (place(water, 0, 0), place(0, alive, 0)):
            c.line(*corner, *foot, color, 1, "3 4")
        c.line(*foot, *tip, color, 1, "3 4")
        c.arrow(*place(0, 0, 0), *tip, color, 3)
        c.text(tip[0] + 10, tip[1] + (14 if name == "boat" else -8), name, TITLE, color, "start", bold=True)
    for i, (name, color, row) in enumerate(zip(NAMES, COLORS, THREE.astype(int).tolist(), strict=True)):
        c.text(570, 120 + 28 * i, f"{name} = ({', '.join(map(str, row)).replace('-', '−')})", BODY + 1, color, "start", bold=True)
    c.text(570, 90, "(water, alive, action)", SMALL, MUTED, "start")
    return c


def dot() -> Canvas:
    """The sign of a dot product, and its size as a shadow."""
    c = Canvas(
        "01_dot", "Three pairs of arrows: acute angle, right angle, obtuse angle, and the shadow of one arrow on the other", 760, 240
    )
    for panel, (degrees, title, sign) in enumerate([(40, "the same way", "> 0"), (90, "at a right angle", "= 0"), (140, "apart", "< 0")]):
        x, y = 122 + 250 * panel, 165
        c.text(x, 26, title, TITLE, bold=True)
        tip = x + 95 * math.cos(math.radians(degrees)), y - 95 * math.sin(math.radians(degrees))
        c.line(x - 95, y, x + 110, y, FAINT, 1.4)
        c.arrow(x, y, x + 105, y, KEY, 3)
        c.line(*tip, tip[0], y, MUTED, 1.2, "4 4")
        c.line(x, y + 7, tip[0], y + 7, WEIGHT, 5)
        c.arrow(x, y, *tip, QUERY, 3)
        c.text(tip[0] + (12 if degrees < 91 else -12), tip[1] - 6, "a", TITLE, QUERY, bold=True)
        c.text(x + 114, y - 12, "b", TITLE, KEY, bold=True)
        c.text(x, 214, f"a · b {sign}", TITLE, WEIGHT, bold=True)
        if degrees != 90:
            c.text(x + (44 if degrees < 90 else -44), y - 14, f"{degrees}°", SMALL, MUTED)
    c.text(159, 188, "shadow of a on b", SMALL, WEIGHT)
    return c


def length() -> Canvas:
    """What a longer arrow does to dot product and cosine."""
    c = Canvas(
        "01_length", "A short boat arrow and a four times longer one beside the same fish arrow: dot product 2 and 8, cosine 0.30", 760, 270
    )
    for left, times in [(40, 1), (350, 4)]:
        x, y = left + 20, 190
        angle = math.acos(2 / math.sqrt(45))  # between fish and boat
        base = math.radians(12)
        fish, boat = 3 * 34, times * math.sqrt(5) * 34
        c.arrow(x, y, x + fish * math.cos(base + angle), y - fish * math.sin(base + angle), QUERY, 3)
        c.text(x + fish * math.cos(base + angle) + 24, y - fish * math.sin(base + angle), "fish", TITLE, QUERY, bold=True)
        c.arrow(x, y, x + boat * math.cos(base), y - boat * math.sin(base), KEY, 3)
        label = "boat" if times == 1 else f"{times} · boat"
        c.text(x + boat * math.cos(base) + 12, y - boat * math.sin(base) + 16, label, TITLE, KEY, bold=True)
        arc = [(x + 40 * math.cos(base + angle * i / 12), y - 40 * math.sin(base + angle * i / 12)) for i in range(13)]
        for (x1, y1), (x2, y2) in pairwise(arc):
            c.line(x1, y1, x2, y2, MUTED, 1.4)
        c.text(x + 68, y - 52, "73°", BODY, MUTED)
        middle = left + (120 if times == 1 else 180)
        c.text(middle, 222, f"dot product {2 * times}", BODY + 1, WEIGHT, bold=True)
        c.text(middle, 244, "cosine 0.30", BODY + 1, MUTED, bold=True)
    c.text(200, 28, "as it is", TITLE, bold=True)
    c.text(530, 28, "four times louder", TITLE, bold=True)
    c.text(530, 52, "(fish · fish is 9; ten times louder gives 20)", SMALL, MUTED, italic=True)
    return c


def network() -> Canvas:
    """An embedding as a small network."""
    c = Canvas(
        "01_network", "Five input units, one a word, joined to two output units; the unit of boat is on and sends its weights", 760, 320
    )
    vocabulary = ["fish", "boat", "hunt", "whale", "sail"]
    weights = ["", "2.0", "", "", ""], ["", "−1.0", "", "", ""]
    outputs = [(500, 110), (500, 230)]
    for i, word in enumerate(vocabulary):
        y = 60 + 55 * i
        on = word == "boat"
        for j, (x2, y2) in enumerate(outputs):
            c.line(258, y, x2 - 24, y2, KEY if on else FAINT, 3 if on else 1.4)
            if on:
                c.text(400, 88 if j == 0 else 176, weights[j][i], BODY, KEY, bold=True)
        c.circle(240, y, 18, PALE[KEY] if on else "white", KEY if on else MUTED)
        c.text(240, y, "1" if on else "0", BODY, KEY if on else MUTED, bold=on)
        c.text(208, y, word, BODY, KEY if on else MUTED, "end", bold=on)
    for (x, y), value in zip(outputs, ["2.0", "−1.0"], strict=True):
        c.circle(x, y, 24, PALE[KEY], KEY)
        c.text(x, y, value, BODY, KEY, bold=True)
    c.text(240, 24, "input: one unit a word", BODY, bold=True)
    c.text(500, 64, "output: one unit a dimension", BODY, bold=True)
    c.lines(542, 160, ["the embedding of boat:", "the weights that leave its unit"], SMALL + 1, KEY, "start")
    c.text(500, 290, "all other weights meet a zero", SMALL, MUTED, italic=True)
    return c


def lookup() -> Canvas:
    """One-hot times matrix is a lookup."""
    c = Canvas("01_lookup", "The one-hot row vector of boat times a matrix with three rows gives the second row", 760, 230)
    hot = [["0", "1", "0"]]
    c.grid(60, 95, 46, hot, [["white", PALE[KEY], "white"]], MUTED)
    for i, name in enumerate(NAMES):
        c.text(83 + 46 * i, 84, name, SMALL, COLORS[i])
    c.text(129, 46, "one-hot (1, V)", BODY, bold=True)
    c.text(225, 118, "×", 22, MUTED)
    rows = [[f"{v:g}".replace("-", "−") for v in row] for row in THREE.tolist()]
    c.grid(310, 50, 46, rows, [["white"] * 3, [PALE[KEY]] * 3, ["white"] * 3], MUTED)
    for i, name in enumerate(NAMES):
        c.text(300, 73 + 46 * i, name, SMALL, COLORS[i], "end")
    c.text(379, 26, "table W (V, D)", BODY, bold=True)
    c.text(500, 118, "=", 22, MUTED)
    c.grid(555, 95, 46, [rows[1]], [[PALE[KEY]] * 3], KEY)
    c.text(624, 46, "row of boat (1, D)", BODY, bold=True)
    c.text(624, 168, "the same, by index: W[1]", BODY, KEY, bold=True)
    c.text(129, 168, "0 · fish + 1 · boat + 0 · hunt", SMALL, MUTED)
    c.text(379, 212, "no product needed: look the row up", SMALL, MUTED, italic=True)
    return c


def company() -> Canvas:
    """Words and the company they keep."""
    c = Canvas(
        "01_company", "Animals linked to what animals do, vessels to what vessels do; two links dashed, never seen in training", 760, 330
    )
    sides = [
        (["fish", "whale", "shark"], ["swims", "eats", "hunts"], QUERY, ("whale", "hunts")),
        (["boat", "ship", "canoe"], ["sails", "floats", "sinks"], KEY, ("canoe", "sinks")),
    ]
    for block, (nouns, verbs, color, unseen) in enumerate(sides):
        top = 60 + 135 * block
        for i, noun in enumerate(nouns):
            for j, verb in enumerate(verbs):
                missing = (noun, verb) == unseen
                c.line(
                    300, top + 42 * i, 460, top + 42 * j, WEIGHT if missing else color, 2.2 if missing else 1.4, "6 5" if missing else ""
                )
        for i, (noun, verb) in enumerate(zip(nouns, verbs, strict=True)):
            c.box(220, top - 14 + 42 * i, 80, 28, noun, color)
            c.box(460, top - 14 + 42 * i, 80, 28, verb, color)
    c.text(260, 24, "who", BODY, bold=True)
    c.text(500, 24, "does what", BODY, bold=True)
    c.lines(40, 92, ["never side by side,", "but the same company:", "similar vectors"], SMALL + 1, QUERY, "start")
    c.lines(575, 150, ["dashed: never seen", "in training. Will the", "model expect them?"], SMALL + 1, WEIGHT, "start")
    return c


def analogy() -> Canvas:
    """The parallelogram, with the true cosines."""
    c = Canvas("01_analogy", "Man, woman, king and queen; the sum lies at cosine 0.89 from king and 0.86 from queen", 760, 300)
    at = {"man": (120, 230), "woman": (190, 90), "king": (430, 250), "queen": (560, 96)}
    target = (500, 110 + 0)
    c.arrow(*at["man"], *at["woman"], QUERY, 3)
    c.arrow(*at["king"], *target, QUERY, 3, dash="7 5")
    c.text(130, 150, "woman − man", BODY, QUERY, "end")
    c.text(452, 180, "the same step", BODY, QUERY, "end")
    c.line(target[0] + 8, target[1], at["queen"][0] - 10, at["queen"][1] + 2, MUTED, 1.4, "3 4")
    for word, (x, y) in at.items():
        c.circle(x, y, 7, INK if word != "queen" else VALUE, INK if word != "queen" else VALUE)
        c.text(
            x,
            y + (22 if word in ("man", "king") else -20),
            word,
            TITLE,
            VALUE if word == "queen" else INK,
            bold=True,
        )
    c.circle(*target, 8, "white", QUERY, 3)
    c.text(target[0] - 14, target[1] - 22, "woman − man + king", BODY, QUERY, "end", bold=True)
    c.lines(556, 190, ["cosine with the sum:", "king 0.89", "queen 0.86"], BODY, INK, "start")
    c.text(556, 254, "king wins, unless excluded", SMALL, WEIGHT, "start", bold=True)
    c.text(250, 284, "schematic; the cosines are those of GloVe", SMALL, MUTED, italic=True)
    return c


GROUPS = {
    "animals": "fish dog cat horse bird lion wolf shark whale salmon",
    "vessels": "boat ship ferry yacht canoe vessel sail kayak tanker raft",
    "brain": "neuron neurons cortex axon synapse dendrite neural brain nerve spinal",
    "body": "hand arm finger wrist elbow shoulder knee foot thumb toe",
    "family": "mother father son daughter aunt uncle niece nephew brother sister",
    "countries": "france italy spain japan egypt norway poland cuba greece russia",
    "capitals": "paris rome madrid tokyo cairo oslo warsaw havana athens moscow",
    "numbers": "one two three four five six seven eight nine ten",
}


def projector() -> Canvas:
    """Eighty words on two principal components, as lesson 01 computes them."""
    c = Canvas("01_projector", "Eighty words in eight groups on the first two principal components of their GloVe vectors", 760, 520)
    picked = [(word, group) for group, members in GROUPS.items() for word in members.split()]
    points = words.load().of([word for word, _ in picked]).double().numpy()
    centered = points - points.mean(axis=0)
    _, _, directions = np.linalg.svd(centered, full_matrices=False)
    shadow = centered @ directions[:2].T
    shadow *= np.sign(shadow[0])  # an axis may come out either way round; fish is put top right
    low, high = shadow.min(axis=0), shadow.max(axis=0)
    colors = dict(zip(GROUPS, [QUERY, KEY, WEIGHT, VALUE, "#8A6D00", MUTED, INK, "#4B3FA3"], strict=True))
    places = [(40 + 630 * x, 470 - 420 * y) for x, y in (shadow - low) / (high - low)]
    taken = [(x - 3, y - 3, 6, 6) for x, y in places]
    for (word, group), (x, y) in zip(picked, places, strict=True):
        c.circle(x, y, 3, colors[group], colors[group])
        spot = _free_spot(x, y, 6.6 * len(word), taken)
        if spot:  # where all is taken, the point stays without its name
            taken.append(spot)
            c.text(spot[0], spot[1] + 6, word, SMALL - 1, colors[group], "start")
    for i, (group, color) in enumerate(colors.items()):
        c.text(50 + 88 * i, 502, group, SMALL + 1, color, "start", bold=True)
    return c


def _free_spot(
    x: float, y: float, width: float, taken: list[tuple[float, float, float, float]]
) -> tuple[float, float, float, float] | None:
    """A box (left, top, width, height) for a label beside (x, y) that touches no other; None if there is none near."""
    for away in (0, 8, 16, 24):
        for left, top in [
            (x + 6 + away, y - 6),
            (x - 6 - width - away, y - 6),
            (x - width / 2, y - 17 - away),
            (x - width / 2, y + 5 + away),
        ]:
            if not any(left < a + w and a < left + width and top < b + h and b < top + 11 for a, b, w, h in taken):
                return left, top, width, 11
    return None


def population() -> Canvas:
    """One-hot picks a row; counts blend the rows."""
    c = Canvas(
        "01_population", "A one-hot vector picks one row of a table of arrows; a vector of spike counts adds all arrows, weighted", 760, 330
    )
    angles = [20, 110, 200, 290]
    for left, title, values in [(20, "one-hot picks a row", [0, 1, 0, 0]), (390, "counts blend the rows", [4, 9, 2, 1])]:
        c.text(left + 175, 26, title, TITLE, bold=True)
        c.text(left + 58, 58, "vector (1, N)", SMALL, MUTED)
        c.text(left + 165, 58, "table (N, 2)", SMALL, MUTED)
        c.text(left + 290, 58, "result (1, 2)", SMALL, MUTED)
        most = max(values)
        total = np.zeros(2)
        for i, (value, angle) in enumerate(zip(values, angles, strict=True)):
            y = 100 + 52 * i
            arrow = np.array([math.cos(math.radians(angle)), -math.sin(math.radians(angle))])
            total += value * arrow
            share = value / most
            c.rect(left + 40, y - 18, 36, 36, PALE[WEIGHT] if value else "white", WEIGHT if value else MUTED, 0)
            c.text(left + 58, y, str(value), BODY, WEIGHT if value else MUTED, bold=bool(value))
            c.text(left + 30, y, f"n{i + 1}", SMALL, MUTED, "end")
            c.text(left + 100, y, "×", BODY, MUTED)
            tail, tip = np.array([left + 165, y]) - 19 * arrow, np.array([left + 165, y]) + 19 * arrow
            c.arrow(*tail.tolist(), *tip.tolist(), QUERY if value else MUTED, 1.4 + 3 * share, opacity=0.35 + 0.65 * share)
        c.text(left + 215, 178, "=", 22, MUTED)
        tail = np.array([left + 290.0, 178.0])
        step = 60 * total / np.linalg.norm(total)
        c.arrow(*(tail - step / 2).tolist(), *(tail + step / 2).tolist(), WEIGHT, 4)
    c.text(310, 238, "the arrow of neuron 2", SMALL, MUTED)
    c.text(680, 238, "the population vector", SMALL, WEIGHT, bold=True)
    c.line(380, 50, 380, 290, FAINT)
    c.text(
        380,
        312,
        "arrows: preferred directions. Vector, table, product: the same machine, for a word and for a population",
        SMALL,
        MUTED,
        italic=True,
    )
    return c


if __name__ == "__main__":
    for figure in (space, dot, length, network, lookup, company, analogy, projector, population):
        print(figure().save().name)
