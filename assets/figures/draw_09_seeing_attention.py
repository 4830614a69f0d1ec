"""Draws the figures of lesson 09: `python -m assets.figures.draw_09_seeing_attention` from the project's folder. Needs MiniLM for one."""

import torch

from assets.figures.drawing import BODY, FAINT, INK, KEY, MUTED, PALE, QUERY, SMALL, TITLE, VALUE, WEIGHT, Canvas, shade

HEAD_COLORS = (QUERY, KEY, VALUE, WEIGHT)


def views() -> Canvas:
    """How to read bertviz's head view and model view."""
    c = Canvas(
        "09_views", "Head view: lines from queries to keys, a color for each head. Model view: layers by heads of small pictures", 760, 350
    )
    c.text(180, 26, "head view: one layer", TITLE, bold=True)
    for i, color in enumerate(HEAD_COLORS):
        c.rect(120 + 32 * i, 48, 26, 16, color if i in (1, 3) else PALE[color], color, 2)
    c.text(268, 56, "heads: click to hide", SMALL, MUTED, "start", italic=True)
    tokens = ["the", "cat", "sat", "the", "cat"]
    for i, token in enumerate(tokens):
        y = 100 + 40 * i
        if i == 4:
            c.rect(48, y - 13, 62, 26, PALE[QUERY], QUERY, 4)
        c.text(102, y, token, BODY, QUERY, "end")
        c.text(248, y, token, BODY, KEY, "start")
    for i, j, weight, color in [(4, 1, 5, KEY), (4, 3, 3, WEIGHT), (4, 0, 1.2, WEIGHT), (4, 4, 1, KEY)]:
        c.line(112, 100 + 40 * i, 242, 100 + 40 * j, color, weight)
    c.text(80, 304, "query: who looks", SMALL, QUERY)
    c.text(266, 304, "key: who is looked at", SMALL, KEY)
    c.text(176, 330, "point at a token: only its lines remain", SMALL, MUTED, italic=True)
    c.line(395, 20, 395, 330, FAINT, 1.4)
    c.text(575, 26, "model view: all heads", TITLE, bold=True)
    for layer in range(3):
        c.text(432, 98 + 80 * layer, f"layer {layer}", SMALL, INK)
        for head in range(4):
            x, y = 470 + 68 * head, 64 + 80 * layer
            chosen = (layer, head) == (2, 1)
            c.rect(x, y, 58, 66, PALE[KEY] if chosen else "white", KEY if chosen else "#BBBBBB", 4)
            for i in range(5):
                targets = [(max(i - 1, 0), 2), (0, 2), (i, 2), ((i + 3) % 5 if i in (1, 3, 0, 4) else i, 1.6)][(layer + head) % 4]
                c.line(x + 10, y + 9 + 12 * i, x + 48, y + 9 + 12 * targets[0], HEAD_COLORS[head], targets[1] * 0.7)
    for head in range(4):
        c.text(499 + 68 * head, 52, f"head {head}", SMALL, INK)
    c.text(575, 330, "click a head to see it large", SMALL, MUTED, italic=True)
    return c


def hooks() -> Canvas:
    """A pre-hook changes the question, a hook takes down the answer."""
    c = Canvas(
        "09_hooks", "A pre-hook asks an attention layer for its weights, a forward hook takes them down; the model is unchanged", 760, 290
    )
    c.text(380, 26, "one call of one attention layer, inside any model", TITLE, bold=True)
    c.rect(20, 62, 106, 170, "#F6F6F6", MUTED)
    c.lines(73, 112, ["the model", "calls its", "layer with"], BODY, INK)
    c.lines(73, 190, ["need_weights", "= False"], SMALL, MUTED)
    c.arrow(128, 147, 166, 147)
    c.rect(170, 92, 150, 110, PALE[QUERY], QUERY)
    c.text(245, 114, "pre-hook", BODY, QUERY, bold=True)
    c.lines(245, 144, ["need_weights = True", "average_attn_weights", "= False"], SMALL, INK)
    c.arrow(322, 147, 356, 147)
    c.rect(360, 92, 130, 110, "white", INK)
    c.lines(425, 134, ["nn.Multihead-", "Attention"], BODY, INK)
    c.arrow(492, 147, 526, 147)
    c.rect(530, 92, 130, 110, PALE[WEIGHT], WEIGHT)
    c.text(595, 114, "forward hook", BODY, WEIGHT, bold=True)
    c.lines(595, 146, ["takes down", "(B, heads, T_q, T_k)"], SMALL, INK)
    c.arrow(662, 147, 700, 147)
    c.lines(728, 138, ["output", "goes on"], SMALL, VALUE)
    c.arrow(595, 204, 595, 240, WEIGHT)
    for i in range(4):
        c.rect(533 + 32 * i, 244, 28, 28, shade((0.5, 0.3, 0.7, 0.4)[i]), WEIGHT, 2)
    c.text(522, 258, "the list you return", SMALL, WEIGHT, "end")
    return c


def entropy() -> Canvas:
    """Rows of four weights and their entropy."""
    c = Canvas("09_entropy", "Four rows of weights over four keys: entropies 0, 1, 1.5 and 2 bits", 760, 260)
    rows = [
        ("one key", [1, 0, 0, 0], "0 bits"),
        ("two alike", [0.5, 0.5, 0, 0], "1 bit"),
        ("one half, two quarters", [0.5, 0.25, 0.25, 0], "1.5 bits"),
        ("all alike", [0.25] * 4, "2 bits"),
    ]
    for i, (name, weights, bits) in enumerate(rows):
        x0 = 30 + 184 * i
        c.text(x0 + 74, 28, name, BODY, INK)
        c.line(x0, 190, x0 + 148, 190, INK)
        for j, weight in enumerate(weights):
            c.rect(x0 + 6 + 36 * j, 190 - 136 * weight, 28, 136 * weight, shade(weight), WEIGHT, 0)
            c.text(x0 + 20 + 36 * j, 204, f"k{j}", SMALL, KEY)
        c.text(x0 + 74, 234, bits, TITLE, WEIGHT, bold=True)
    return c


def patterns() -> Canvas:
    """Three patterns as boolean matrices."""
    c = Canvas(
        "09_patterns",
        "Marked keys of three patterns: previous token, first token, same token; queries without a mark are crossed out",
        760,
        330,
    )
    words, cell = ["the", "cat", "saw", "the", "cat"], 34
    kinds = [
        ("previous token", lambda i, j: j == i - 1),
        ("first token", lambda i, j: j == 0),
        ("same token, elsewhere", lambda i, j: i != j and words[i] == words[j]),
    ]
    for k, (title, marked) in enumerate(kinds):
        x0, y0 = 66 + 245 * k, 84
        c.text(x0 + 2.5 * cell, 28, title, BODY, bold=True)
        for i in range(5):
            c.text(x0 - 8, y0 + cell * (i + 0.5), words[i], SMALL, QUERY, "end")
            c.text(x0 + cell * (i + 0.5), y0 - 12, words[i], SMALL, KEY)
            counts = any(marked(i, j) for j in range(5))
            for j in range(5):
                c.rect(x0 + cell * j, y0 + cell * i, cell, cell, WEIGHT if marked(i, j) else "white", "#BBBBBB", 0)
            if not counts:
                c.line(x0 + 3, y0 + cell * (i + 0.5), x0 + 5 * cell - 3, y0 + cell * (i + 0.5), MUTED, 1.6, "4 3")
    c.text(380, 282, "filled: where the head should look  ·  dashed: nothing to find, so this query does not count", SMALL, INK)
    c.text(380, 306, "a head's score: its mean share of attention on filled squares", SMALL, WEIGHT)
    return c


def rollout() -> Canvas:
    """Two tokens, two layers, mixed with the identity and multiplied."""
    c = Canvas(
        "09_rollout",
        "Paths of two tokens through two layers; each layer is half attention, half identity; shares multiply along paths",
        760,
        330,
    )
    c.text(190, 26, "shares multiply along each path", BODY, bold=True)
    levels, columns = (282, 180, 78), (100, 280)
    names = [("a", "b"), ("", ""), ("a", "b")]
    edges = [(0, [(0, 0, 1.0), (1, 0, 0.25), (1, 1, 0.75)]), (1, [(0, 0, 0.5), (0, 1, 0.5), (1, 0, 0.5), (1, 1, 0.5)])]
    for level, arrows in edges:
        for to, source, share in arrows:
            x1, x2 = columns[source], columns[to]
            on_path = to == 0 if level == 1 else True
            c.arrow(
                x1,
                levels[level] - 16,
                x2,
                levels[level + 1] + 18,
                WEIGHT if on_path else "#BBBBBB",
                1 + 4 * share,
                opacity=0.9 if on_path else 0.6,
            )
            if on_path:
                place = 0.34 if source != to else 0.5
                x, y = x1 + place * (x2 - x1), levels[level] - 16 - place * 68
                c.rect(x - 17, y - 10, 34, 20, "white", "white", 3)
                c.text(x, y, f"{share:g}", SMALL, WEIGHT)
    for y, pair in zip(levels, names, strict=True):
        for x, name in zip(columns, pair, strict=True):
            c.circle(
                x, y, 15, PALE[KEY] if y == 282 else PALE[VALUE] if y == 78 else "#F6F6F6", KEY if y == 282 else VALUE if y == 78 else MUTED
            )
            c.text(x, y, name, BODY)
    for y, word in zip(levels, ("input", "after layer 0", "output"), strict=True):
        c.text(340, y, word, SMALL, MUTED, "start")
    c.text(590, 26, "the same as a matrix product", BODY, bold=True)

    def matrix(x: float, y: float, rows: list[list[float]], name: str) -> None:
        c.grid(x, y, 40, [[f"{v:g}" for v in row] for row in rows], [[shade(v) for v in row] for row in rows], WEIGHT)
        c.text(x + 40, y - 14, name, SMALL, INK)

    matrix(455, 84, [[0.5, 0.5], [0.5, 0.5]], "½(A₁ + I)")
    c.text(550, 124, "×", TITLE)
    matrix(565, 84, [[1, 0], [0.25, 0.75]], "½(A₀ + I)")
    c.text(560, 186, "=", TITLE)
    matrix(515, 214, [[0.625, 0.375], [0.625, 0.375]], "rollout")
    c.lines(625, 240, ["a: 0.5·1 + 0.5·0.25", "b: 0.5·0.75"], SMALL, WEIGHT, "start")
    return c


def ablate() -> Canvas:
    """A head owns columns of the output projection."""
    c = Canvas(
        "09_ablate", "The output projection in four blocks of columns, one for each head; the block of head 2 is switched off", 760, 310
    )
    c.text(380, 26, "each head speaks to the stream through its own columns", TITLE, bold=True)
    c.text(150, 64, "heads, side by side", SMALL, INK)
    for head in range(4):
        off = head == 2
        y = 84 + 48 * head
        c.rect(90, y, 120, 40, FAINT if off else PALE[HEAD_COLORS[head]], MUTED if off else HEAD_COLORS[head])
        c.text(150, y + 20, f"head {head}", BODY, MUTED if off else HEAD_COLORS[head])
        c.arrow(212, y + 20, 300, 180, MUTED if off else HEAD_COLORS[head], 1.4 if off else 2.2, dash="5 4" if off else "")
    c.text(432, 64, "out_proj.weight (D, D)", SMALL, INK)
    for head in range(4):
        off = head == 2
        x = 312 + 60 * head
        c.rect(x, 84, 60, 184, "white" if off else PALE[HEAD_COLORS[head]], MUTED if off else HEAD_COLORS[head], 0)
        c.text(x + 30, 284, f"head {head}", SMALL, MUTED if off else HEAD_COLORS[head])
        for i in range(9 if off else 0):
            c.line(x, 104 + 20 * i, x + 60, 84 + 20 * i if i else 84, "#BBBBBB", 1)
        c.text(x + 30, 176, "0" if off else "", TITLE, MUTED, bold=True)
    c.arrow(556, 176, 604, 176)
    c.box(608, 146, 120, 60, "to the stream", VALUE)
    c.text(668, 226, "+ bias, as before", SMALL, MUTED)
    return c


def sinks(trained: list[list[float]], untrained: list[list[float]]) -> Canvas:
    """Where the words of a sentence pair look, layer by layer: MiniLM, and the same network with random weights."""
    c = Canvas("09_sinks", "Shares of attention in MiniLM's six layers: up to 0.61 on [CLS]; with random weights 0.07", 760, 360)
    kinds = [("[CLS]", WEIGHT), ("[SEP]", KEY), ("itself", QUERY), ("same word", VALUE), ("all others", MUTED)]
    for (name, color), x in zip(kinds, (120, 220, 320, 420, 555), strict=True):
        c.rect(x - 22, 22, 14, 14, color if name != "all others" else "#F6F6F6", color, 0)
        c.text(x - 2, 29, name, SMALL, color, "start")
    for x0, title, layers in ((60, "MiniLM, trained", trained), (420, "the same network, random weights", untrained)):
        c.text(x0 + 150, 62, title, BODY, bold=True)
        for layer, shares in enumerate(layers):
            y, x = 84 + 40 * layer, x0
            c.text(x0 - 10, y + 15, f"{layer}", SMALL, INK, "end")
            for share, (_, color) in zip(shares, kinds, strict=True):
                wide = 300 * share
                c.rect(x, y, wide, 30, color if color != MUTED else "#F6F6F6", "white" if color != MUTED else MUTED, 0)
                if wide > 28:
                    c.text(x + wide / 2, y + 15, f"{share:.2f}", SMALL, "white" if color != MUTED else INK)
                x += wide
    c.text(380, 340, "layer (rows) · share of a word's attention, mean over 12 heads and 12 words", SMALL, MUTED)
    return c


def span() -> Canvas:
    """What a span head adds to an encoder."""
    c = Canvas(
        "09_span",
        "A span head gives every token two numbers, one as start and one as end of the answer; the best pair is the answer",
        760,
        330,
    )
    words = ["[CLS]", "how", "long", "?", "[SEP]", "it", "lasts", "a", "tenth", "of", "a", "second", "[SEP]"]
    start = [0.5, 0, 0, 0, 0, 0.6, 0.4, 2.6, 1.6, 0.2, 0.5, 0.4, 0]
    end = [0.5, 0, 0, 0, 0, 0.2, 0.2, 0.3, 1.0, 0.3, 0.4, 2.8, 0.3]
    step, x0 = 55, 26
    for i, word in enumerate(words):
        x = x0 + step * (i + 0.5)
        chosen = 7 <= i <= 11
        color = VALUE if chosen else MUTED if i < 5 or i == 12 else INK
        c.rect(x - 25, 168, 50, 28, PALE[VALUE] if chosen else "white", color, 4)
        c.text(x, 182, word, SMALL, color)
        c.rect(x - 9, 128 - 28 * start[i], 18, 28 * start[i], PALE[QUERY], QUERY, 0)
        c.rect(x - 9, 224, 18, 28 * end[i], PALE[KEY], KEY, 0)
        c.arrow(x, 166, x, 134, FAINT, 1.2)
        c.arrow(x, 198, x, 222, FAINT, 1.2)
    c.text(20, 30, "start logits: w_start · x", BODY, QUERY, "start", bold=True)
    c.text(20, 312, "end logits: w_end · x", BODY, KEY, "start", bold=True)
    c.text(475, 30, "answer: best start + end, start ≤ end, within the passage", SMALL, VALUE)
    c.text(x0 + step * 2, 150, "question", SMALL, MUTED, italic=True)
    c.text(x0 + step * 6, 150, "passage", SMALL, MUTED, italic=True)
    return c


def course() -> Canvas:
    """The ten lessons and what was built in each."""
    c = Canvas(
        "09_course",
        "The course: tools, embeddings, positions, attention, encoder, decoder, GPT, spikes, ECoG, and looking inside",
        760,
        360,
    )
    c.text(380, 26, "what you have built", TITLE, bold=True)
    places = {
        "00": (40, 60, "tensors, training", MUTED),
        "01": (40, 130, "embeddings", KEY),
        "02": (40, 200, "positions", KEY),
        "03": (215, 130, "attention", WEIGHT),
        "04": (390, 60, "encoder", QUERY),
        "05": (390, 130, "decoder", QUERY),
        "06": (390, 200, "GPT", QUERY),
        "07": (570, 60, "model of spikes", VALUE),
        "08": (570, 200, "decoder of ECoG", VALUE),
        "09": (215, 280, "seeing attention", WEIGHT),
    }
    for first, second in (("00", "03"), ("01", "03"), ("02", "03"), ("03", "04"), ("03", "05"), ("03", "06"), ("04", "07"), ("06", "08")):
        (x1, y1, *_), (x2, y2, *_) = places[first], places[second]
        c.arrow(x1 + 152, y1 + 24, x2 - 3, y2 + 24, MUTED, 1.6)
    for number, (x, y, name, color) in places.items():
        wide = 330 if number == "09" else 150
        c.rect(x, y, wide, 48, PALE.get(color, "#F6F6F6"), color)
        c.text(x + 12, y + 24, number, BODY, color, "start", bold=True)
        c.text(
            x + 40,
            y + 24,
            name if number != "09" else "seeing attention: look into any of them",
            SMALL,
            INK,
            "start",
        )
    for x in (270, 465):
        c.arrow(x, 278, x, 252 if x == 465 else 182, WEIGHT, 1.6, dash="5 4")
    return c


def shares() -> tuple[list[list[float]], list[list[float]]]:
    """For each layer of MiniLM, trained and with random weights: shares on [CLS], [SEP], itself, the same word elsewhere, all others."""
    from transformers import AutoModel

    from course import trained

    model, tokenizer = trained.minilm()
    read = tokenizer("The cat sat on the mat", "The cat lay on the rug", return_tensors="pt")
    names = tokenizer.convert_ids_to_tokens(read["input_ids"][0])
    torch.manual_seed(9)
    fresh = AutoModel.from_config(model.config, attn_implementation="eager").eval()
    words = torch.tensor([not name.startswith("[") for name in names])
    itself = torch.eye(len(names)).bool()
    same = torch.tensor([[a == b for b in names] for a in names]) & ~itself
    masks = [torch.tensor([name == kind for name in names]).expand(len(names), -1) for kind in ("[CLS]", "[SEP]")] + [itself, same]
    found = []
    for network in (model, fresh):
        with torch.no_grad():
            layers = network(**read, output_attentions=True).attentions
        rows = [[(layer[0] * mask)[:, words].sum(dim=-1).mean().item() for mask in masks] for layer in layers]
        found.append([[*row, 1 - sum(row)] for row in rows])
    return found[0], found[1]


if __name__ == "__main__":
    for draw in (views, hooks, entropy, patterns, rollout, ablate, span, course):
        draw().save()
    sinks(*shares()).save()
