"""Draws the figures of lesson 06: `python -m assets.figures.draw_06_gpt` from the project's folder."""

import math
from itertools import pairwise

from assets.figures.drawing import BODY, INK, KEY, MUTED, PALE, QUERY, SMALL, TITLE, VALUE, WEIGHT, Canvas


def plus(c: Canvas, x: float, y: float, r: float = 11) -> None:
    """The sign of a sum on the stream."""
    c.circle(x, y, r, "white", INK, 1.8)
    c.line(x - r / 2, y, x + r / 2, y, INK, 1.8)
    c.line(x, y - r / 2, x, y + r / 2, INK, 1.8)


def history() -> Canvas:
    """From AlexNet to GPT-3."""
    c = Canvas("06_history", "A timeline from 2012 to 2020: AlexNet, seq2seq, attention, the transformer, GPT and BERT, GPT-3", 760, 290)
    c.arrow(30, 145, 740, 145, INK, 2.4)
    events = [
        (80, "2012", "AlexNet", ["a deep convolutional", "network wins ImageNet"], MUTED, True),
        (215, "2014", "seq2seq", ["LSTM to LSTM through", "one vector"], MUTED, False),
        (330, "2014", "attention", ["Bahdanau: the decoder", "looks back at all states"], WEIGHT, True),
        (455, "2017", "transformer", ["attention without", "recurrence, in parallel"], QUERY, False),
        (570, "2018", "GPT · BERT", ["decoder alone,", "encoder alone"], KEY, True),
        (680, "2020", "GPT-3", ["175 billion", "parameters"], VALUE, False),
    ]
    for x, year, name, words, color, up in events:
        c.circle(x, 145, 8, PALE.get(color, "#F6F6F6"), color, 2.4)
        side = -1 if up else 1
        c.line(x, 145 + 10 * side, x, 145 + 34 * side, color)
        top = 44 if up else 192
        c.text(x, top, f"{year} · {name}", BODY, color, bold=True)
        c.lines(x, top + 24, words, SMALL, INK)
    return c


def family() -> Canvas:
    """Encoder-decoder, encoder only, decoder only."""
    c = Canvas("06_family", "Three families of transformers and the masks that each of them uses", 760, 330)
    for left, title, note in [
        (20, "encoder–decoder", "translation (lesson 05)"),
        (300, "encoder only", "BERT, lesson 07"),
        (530, "decoder only", "GPT, this lesson"),
    ]:
        c.text(left + (130 if left == 20 else 105), 26, title, TITLE, bold=True)
        c.text(left + (130 if left == 20 else 105), 50, note, SMALL, MUTED, italic=True)
    c.box(30, 130, 110, 64, "encoder", KEY)
    c.box(175, 130, 110, 64, "decoder", QUERY)
    c.arrow(141, 162, 173, 162, WEIGHT, 3)
    c.text(157, 116, "cross-attention", SMALL, WEIGHT)
    c.text(85, 218, "source", SMALL)
    c.text(230, 218, "target so far", SMALL)
    c.box(340, 130, 130, 64, "encoder", KEY)
    c.text(405, 218, "all tokens, some masked", SMALL)
    c.box(570, 130, 130, 64, "decoder", QUERY)
    c.text(635, 218, "prompt and answer", SMALL)
    for x, words in [(230, "next token"), (405, "masked tokens"), (635, "next token")]:
        c.arrow(x, 128, x, 92, INK)
        c.text(x, 78, words, SMALL)
    for x, causal in [(55, False), (200, True), (375, False), (605, True)]:
        for i in range(4):
            for j in range(4):
                seen = j <= i or not causal
                c.rect(x + 15 * j, 238 + 15 * i, 15, 15, WEIGHT if seen else "white", "#BBBBBB", 0)
                if not seen:
                    c.line(x + 15 * j, 253 + 15 * i, x + 15 * j + 15, 238 + 15 * i, "#BBBBBB", 1)
        c.text(x + 30, 313, "causal" if causal else "sees all", SMALL, WEIGHT)
    return c


def prompt() -> Canvas:
    """Prompt and answer as one sequence under one mask."""
    c = Canvas("06_prompt", "A causal mask over eight tokens: end token, prompt, and generated words up to the next end token", 760, 380)
    words = ["<eos>", "the", "fish", "swam", "to", "the", "boat", "<eos>"]
    cell, x0, y0 = 34, 150, 66
    for i, row in enumerate(words):
        color = MUTED if i == 0 else KEY if i < 4 else VALUE
        c.text(x0 - 12, y0 + cell * (i + 0.5), row, BODY, color, "end")
        c.text(x0 + cell * (i + 0.5), y0 - 14, row, SMALL - 0.5, color)
        for j in range(8):
            fill = WEIGHT if j <= i else "white"
            c.rect(x0 + cell * j, y0 + cell * i, cell, cell, fill, "#BBBBBB", 0)
            if j > i:
                c.line(x0 + cell * j, y0 + cell * (i + 1), x0 + cell * (j + 1), y0 + cell * i, "#CCCCCC", 1)
    c.text(x0 + 4 * cell, 24, "who is read", SMALL, KEY, italic=True)
    c.text(60, 48, "who reads", SMALL, QUERY, italic=True)
    for y, color, head, lines in [
        (84, MUTED, "start", ["<eos> of the text before"]),
        (140, KEY, "prompt", ["given; read all at once"]),
        (220, VALUE, "answer", ["drawn one by one, each", "appended and read in turn"]),
        (318, VALUE, "<eos>", ["drawn like any word:", "generation stops"]),
    ]:
        c.text(460, y, head, BODY, color, "start", bold=True)
        c.lines(540, y, lines, SMALL, INK, "start")
    return c


def fused() -> Canvas:
    """One product, three thirds, heads."""
    c = Canvas("06_fused", "c_attn makes one wide tensor; its thirds are queries, keys and values; each is cut into two heads", 760, 330)
    c.box(20, 120, 80, 70, "x", INK)
    c.text(60, 210, "(B, T, C)", SMALL, MUTED)
    c.arrow(102, 155, 150, 155)
    c.text(126, 138, "c_attn", SMALL, INK)
    for i, (name, color) in enumerate([("q", QUERY), ("k", KEY), ("v", VALUE)]):
        c.rect(154 + 70 * i, 120, 70, 70, PALE[color], color, 0)
        c.text(189 + 70 * i, 155, name, TITLE, color, bold=True)
        for h in range(2):
            y = 52 + 78 * i + 34 * h
            c.rect(450, y, 76, 28, PALE[color], color, 3)
            c.text(488, y + 14, f"{name}, head {h}", SMALL, color)
        c.arrow(366, 155, 446, 52 + 78 * i + 31, color, 1.6)
    c.text(259, 210, "(B, T, 3C), in this order", SMALL, MUTED)
    c.lines(408, 42, ["thirds first,", "then heads"], SMALL, INK)
    c.text(488, 296, "each (B, H, T, D)", SMALL, MUTED)
    c.box(574, 100, 76, 56, "", WEIGHT)
    c.lines(612, 118, ["attention", "causal"], SMALL, WEIGHT)
    c.arrow(528, 150, 571, 132, WEIGHT)
    c.arrow(612, 158, 612, 196, INK)
    c.box(574, 199, 76, 34, "join", INK)
    c.text(612, 248, "(B, T, C)", SMALL, MUTED)
    c.arrow(652, 216, 676, 216)
    c.box(679, 196, 68, 40, "c_proj", VALUE)
    c.text(713, 254, "(B, T, C)", SMALL, MUTED)
    return c


def gelu() -> Canvas:
    """GELU and ReLU, and the error of the approximation."""
    c = Canvas("06_gelu", "GELU beside ReLU from -3 to 3, and the error of the tanh approximation", 760, 300)

    def exact(x: float) -> float:
        return x / 2 * (1 + math.erf(x / math.sqrt(2)))

    def with_tanh(x: float) -> float:
        return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    steps = [-3 + 0.05 * i for i in range(121)]
    for x0, title, lines, unit, floor in [
        (200, "GELU and ReLU", [(exact, VALUE, 3, ""), (lambda x: max(x, 0.0), MUTED, 2, "6 4")], 62, 230),
        (570, "tanh formula − exact", [(lambda x: with_tanh(x) - exact(x), WEIGHT, 2.4, "")], 160000, 150),
    ]:
        c.text(x0, 26, title, BODY, bold=True)
        c.line(x0 - 165, floor, x0 + 165, floor, MUTED, 1)
        c.line(x0, 48, x0, 262, MUTED, 1)
        for f, color, width, dash in lines:
            for i, (a, b) in enumerate(pairwise(steps)):
                if not dash or i % 6 < 4:
                    c.line(x0 + 54 * a, floor - unit * f(a), x0 + 54 * b, floor - unit * f(b), color, width)
        for x in (-3, -2, -1, 1, 2, 3):
            c.text(x0 + 54 * x, floor + 16 if x0 < 300 else 256, str(x).replace("-", "−"), SMALL, MUTED)
    c.text(120, 206, "GELU dips below zero", SMALL, VALUE)
    c.text(262, 206, "ReLU: a kink at zero", SMALL, MUTED, "start")
    for y, words in [(150 - 80, "+0.0005"), (150 + 80, "−0.0005")]:
        c.line(566, y, 574, y, MUTED)
        c.text(558, y, words, SMALL, MUTED, "end")
    return c


def block() -> Canvas:
    """The residual stream with two branches."""
    c = Canvas("06_block", "The stream passes two sums; attention and MLP each read a normalized copy and add their message", 760, 250)
    c.arrow(30, 180, 735, 180, INK, 4)
    c.text(52, 204, "x", TITLE)
    for x, norm, part, color, note in [(110, "ln_1", "attn", WEIGHT, "between tokens"), (420, "ln_2", "mlp", VALUE, "within each token")]:
        c.arrow(x, 178, x, 107, color, 2)
        c.box(x - 34, 66, 68, 38, norm, MUTED)
        c.arrow(x + 36, 85, x + 78, 85, color, 2)
        c.box(x + 81, 62, 96, 46, part, color, bold=True)
        c.text(x + 129, 46, note, SMALL, MUTED, italic=True)
        c.arrow(x + 179, 85, x + 230, 165, color, 2, bend=10)
        plus(c, x + 236, 180)
    c.text(225, 206, "the stream itself: nothing is normalized here", SMALL, MUTED, italic=True)
    c.text(700, 204, "(B, T, C)", SMALL, MUTED)
    c.text(380, 24, "communicate, then compute", BODY, bold=True)
    return c


def gpt() -> Canvas:
    """The whole model, with one table used twice."""
    c = Canvas("06_gpt", "Tokens pick rows of wte, positions rows of wpe; blocks; ln_f; the head uses the table wte again", 760, 330)
    c.box(20, 150, 76, 44, "tokens", INK)
    c.text(58, 210, "(B, T)", SMALL, MUTED)
    c.arrow(98, 172, 134, 172)
    c.box(137, 146, 90, 52, "wte[token]", KEY)
    c.box(137, 246, 90, 46, "wpe[place]", QUERY)
    c.text(182, 306, "block_size rows", SMALL, MUTED)
    plus(c, 268, 172)
    c.arrow(229, 172, 255, 172)
    c.arrow(229, 266, 264, 185, QUERY, bend=-10)
    c.arrow(281, 172, 318, 172)
    for i in range(3):
        c.box(321 + 12 * i, 134 + 8 * i, 116, 64, "" if i < 2 else "n_layer blocks", WEIGHT)
    c.text(391, 236, "(B, T, C)", SMALL, MUTED)
    c.arrow(463, 178, 498, 172)
    c.box(501, 150, 62, 44, "ln_f", MUTED)
    c.arrow(565, 172, 596, 172)
    c.box(599, 146, 80, 52, "lm_head", KEY)
    c.arrow(681, 172, 703, 172)
    c.text(728, 172, "logits", SMALL, INK)
    c.text(714, 210, "(B, T, V)", SMALL, MUTED)
    c.rect(300, 26, 180, 56, PALE[KEY], KEY)
    c.lines(390, 43, ["one table (V, C)", "a row for each word"], BODY, KEY)
    c.arrow(298, 56, 184, 142, KEY, 2, bend=-16)
    c.arrow(482, 56, 638, 142, KEY, 2, bend=16)
    c.text(196, 66, "rows, looked up", SMALL, KEY)
    c.lines(628, 30, ["transposed: a dot product", "with each row"], SMALL, KEY)
    return c


def shift() -> Canvas:
    """Logits against the token one place later."""
    c = Canvas("06_shift", "Five tokens; the logits above each are compared with the next token; the last logits have no target", 760, 310)
    words = ["<eos>", "the", "fish", "swam", "away"]
    for t, word in enumerate(words):
        x = 150 + 125 * t
        c.box(x - 44, 226, 88, 40, word, KEY)
        c.arrow(x, 224, x, 182, INK)
        dim = t == 4
        c.box(x - 44, 140, 88, 40, f"logits {t}", MUTED if dim else QUERY)
        c.text(x, 284, str(t), SMALL, MUTED)
        if dim:
            c.text(x, 90, "no target", SMALL, MUTED, italic=True)
        else:
            c.rect(x - 44, 66, 88, 34, PALE[VALUE], VALUE)
            c.text(x, 83, words[t + 1], BODY, VALUE)
            c.line(x, 102, x, 138, VALUE, 2, "4 3")
            c.arrow(x + 106, 224, x + 46, 92, "#B8B8B8", 1.6, bend=-12, dash="3 3")
    c.text(20, 83, "target", BODY, VALUE, "start", bold=True)
    c.text(20, 160, "model", BODY, QUERY, "start", bold=True)
    c.text(20, 246, "input", BODY, KEY, "start", bold=True)
    c.text(20, 284, "place t", SMALL, MUTED, "start")
    c.text(380, 28, "teacher forcing: the true past everywhere, all places in one pass", BODY, bold=True)
    return c


def sampling(levels: dict[str, list[float]], words: list[str]) -> Canvas:
    """Ten words at three temperatures (the static version of the slider)."""
    c = Canvas("06_sampling", "The saved model's probabilities of the ten likeliest next words at temperatures 0.5, 1 and 2", 760, 300)
    for panel, (title, heights) in enumerate(levels.items()):
        left = 28 + 247 * panel
        c.text(left + 105, 26, f"temperature {title}", BODY, bold=True)
        c.line(left, 220, left + 215, 220, MUTED, 1)
        for i, p in enumerate(heights):
            c.rect(left + 4 + 21 * i, 220 - 170 * p, 17, max(170 * p, 0.8), PALE[QUERY], QUERY, 0)
            c.text(left + 12.5 + 21 * i, 232, str(i), SMALL - 1, MUTED)
        c.text(left + 14, 220 - 170 * heights[0] - 10, f"{heights[0]:.2f}", SMALL, QUERY)
    c.text(380, 258, "after “it is a truth universally acknowledged, that a single man in”, the likeliest words, by rank:", SMALL, INK)
    c.text(380, 280, "   ".join(f"{i} {word}" for i, word in enumerate(words)), SMALL, MUTED)
    return c


def next_words() -> tuple[dict[str, list[float]], list[str]]:
    """What the saved model gives the ten likeliest words at three temperatures, and the words."""
    import torch
    from safetensors.torch import load_file

    from assets.figures.drawing import FOLDER
    from autograder.grading import reference
    from course import novel

    book, lesson = novel.load(), reference.namespace("06_gpt")
    model = lesson["TorchGPT"](1000, 32, 2, 4, 64, 0.1).eval()
    model.load_state_dict(load_file(FOLDER.parent / "models" / "06_gpt.safetensors"))
    prompt_tokens = book.encode("it is a truth universally acknowledged, that a single man in")
    with torch.no_grad():
        logits = model(prompt_tokens[None])[0][0, -1]
    best = logits.topk(10).indices
    levels = {name: torch.softmax(logits / float(name), 0)[best].tolist() for name in ("0.5", "1", "2")}
    return levels, [book.vocabulary[i] for i in best.tolist()]


if __name__ == "__main__":
    for draw in (history, family, prompt, fused, gelu, block, gpt, shift):
        draw().save()
    sampling(*next_words()).save()
