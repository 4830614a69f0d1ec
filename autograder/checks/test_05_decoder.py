"""Probes of lesson 05: attention across sequences, a decoder's mask and inputs, its layer, the whole transformer, and decoding."""

import numpy as np

from autograder.probe import exercise

# Batch, target and source tokens, heads, width of a head, of a target token, of a memory token, hidden width: no two alike.
B, T, S, H, D, WIDTH, MEMORY, HIDDEN = 3, 7, 5, 2, 4, 6, 9, 10

CLASSES = {name: name for name in ("MultiHeadAttention", "CrossAttention", "FeedForwardLayer")}
WHOLE = {name: name for name in ("Encoder", "DecoderLayer", "make_trg_mask")}
LAYER_SIZES = {"input_dim": WIDTH, "num_heads": H, "head_dims": D, "ffn_dim": HIDDEN, "mha_dropout_p": 0.0, "ffn_dropout_p": 0.0}
PAD = 3

cross = exercise(
    "CrossAttention",
    right="One output for each token that asked, however many were there to read. Nothing in it says what kind of thing the memory is.",
)
trg_mask = exercise(
    "make_trg_mask", right="Left to right, and no padding: this one table is why a whole target can be trained in one pass."
)
shift = exercise("shift_right", right="Every token moved to the step that comes after it. Without this, a model learns to copy its input.")
layer = exercise(
    "DecoderLayer", right="History, source, computing: three parts, one stream. The source has its say but is never written to."
)
transformer = exercise(
    "Transformer",
    right="Two vocabularies, two lengths, one table of logits: one row for each token that was fed in, about the token after it.",
)
greedy = exercise("greedy_decode", right="The model heard all that it had said itself, and each row fell silent when it was done.")


# --- cross-attention ---


def cross_parameters(draw, width=WIDTH, memory=MEMORY, total=H * D):
    maps = draw.linear("linear_q", width, total) | draw.linear("linear_k", memory, total) | draw.linear("linear_v", memory, total)
    return draw.norm("norm", width) | maps | draw.linear("linear_out", total, width)


def cross_layer(submission, draw, dropout_p=0.0, training=False):
    sizes = {"input_dim": WIDTH, "memory_dim": MEMORY, "num_heads": H, "head_dims": D, "dropout_p": dropout_p}
    return submission.module("CrossAttention", sizes, cross_parameters(draw), training=training)


def some_allowed(draw, *shape):
    """A mask (..., S) that leaves every query a token: about half of them, and always the third."""
    return (draw.uniform(0, 1, *shape) < 0.5) | (np.arange(S) == 2)


@cross.probe(points=2)
def test_cross_values(submission, observe, draw):
    """Queries come from the normalized x, keys and values from the memory as it is; each head blends its own values."""
    reply = cross_layer(submission, draw)(draw.normal(B, T, WIDTH, scale=2.0), draw.normal(B, S, MEMORY))
    observe("output (B, T, input_dim)", reply.result)
    observe("x and memory, afterwards", reply.arguments)


@cross.probe(points=1)
def test_cross_lengths(submission, observe, draw):
    """Any two lengths go together: one query for many tokens, many queries for one."""
    module = cross_layer(submission, draw)
    observe("output of one query", module(draw.normal(B, 1, WIDTH), draw.normal(B, S, MEMORY)).result)
    observe("output with a memory of one token", module(draw.normal(B, T, WIDTH), draw.normal(B, 1, MEMORY)).result)
    observe("output of few queries on many tokens", module(draw.normal(2, 4, WIDTH), draw.normal(2, 11, MEMORY)).result)


@cross.probe(points=1)
def test_cross_other_sizes(submission, observe, draw):
    """head_dims is the width of one head, and each width is free: three heads of width 2 for tokens of width 4 and a memory of width 5."""
    sizes = {"input_dim": 4, "memory_dim": 5, "num_heads": 3, "head_dims": 2, "dropout_p": 0.0}
    module = submission.module("CrossAttention", sizes, cross_parameters(draw, 4, 5, 6))
    observe("output", module(draw.normal(2, 8, 4), draw.normal(2, 7, 5)).result)


@cross.probe(points=1)
def test_cross_mask(submission, observe, draw):
    """A query blends only tokens that the mask marks True, and its weights for these sum to one."""
    module, x, memory = cross_layer(submission, draw), draw.normal(B, T, WIDTH), draw.normal(B, S, MEMORY)
    observe("output with a mask (T, S)", module(x, memory, some_allowed(draw, T, S)).result)
    observe("output with a mask (B, 1, T, S), by keyword", module(x, memory, mask=some_allowed(draw, B, 1, T, S)).result)
    observe("output with a mask (H, T, S)", module(x, memory, some_allowed(draw, H, T, S)).result)


@cross.probe(points=1)
def test_cross_padding(submission, observe, draw):
    """With a mask (B, 1, 1, S) tokens that are marked False have no influence at all."""
    module, x, memory = cross_layer(submission, draw), draw.normal(B, T, WIDTH), draw.normal(B, S, MEMORY)
    real = np.arange(S) < np.array([4, 5, 1])[:, None, None, None]
    other = np.where(real[:, 0, 0, :, None], memory, draw.normal(B, S, MEMORY))
    observe("output", module(x, memory, real).result)
    observe("which outputs move when the padding changes", moved(module(x, memory, real).result, module(x, other, real).result))


@cross.probe(points=1)
def test_cross_dependence(submission, observe, draw):
    """A memory token reaches every query of its own sequence; a query reaches its own output only."""
    module, x, memory = cross_layer(submission, draw), draw.normal(B, T, WIDTH), draw.normal(B, S, MEMORY)
    changed, asked = memory.copy(), x.copy()
    changed[1, 3], asked[2, 4] = draw.normal(MEMORY), draw.normal(WIDTH)
    before = module(x, memory).result
    observe("which outputs move when memory token 3 of sequence 1 changes", moved(before, module(x, changed).result))
    observe("which outputs move when query 4 of sequence 2 changes", moved(before, module(asked, memory).result))


@cross.probe(points=1)
def test_cross_dropout(submission, observe, draw):
    """Dropout acts on the weights, in training only: with all of them dropped, only linear_out's bias is left."""
    x, memory = draw.normal(B, T, WIDTH), draw.normal(B, S, MEMORY)
    observe("output in evaluation", cross_layer(submission, draw, 1.0)(x, memory).result)
    observe("output in training, all weights dropped", cross_layer(submission, draw, 1.0, training=True)(x, memory).result)
    sizes = {"input_dim": WIDTH, "memory_dim": MEMORY, "num_heads": H, "head_dims": 3, "dropout_p": 0.5}
    parameters = cross_parameters(draw, total=6) | {"linear_out.weight": np.eye(6), "linear_out.bias": np.zeros(6)}
    alike = np.repeat(draw.normal(B, 1, MEMORY), S, axis=1)  # all tokens of a memory alike, so all values are
    calm, shaken = (submission.module("CrossAttention", sizes, parameters, training=mode)(x, alike).result for mode in (False, True))
    observe("each head's output is a multiple of its value", all_multiples(calm, shaken))
    observe("in training, outputs differ from those in evaluation", bool((~near(calm, shaken)).any()))


def moved(before, after):
    """For each token, whether its output changed."""
    return np.abs(np.subtract(after, before)).max(axis=-1) > 1e-4


def all_multiples(calm, shaken):
    """Whether each head's output points where it points without dropout."""
    by_head = [np.reshape(output, (B, T, H, 3)) for output in (calm, shaken)]
    return bool(near(np.cross(*by_head), 0).all())


def near(a, b):
    return np.abs(np.subtract(a, b)) < 1e-4


# --- the decoder's mask and inputs ---


def tokens(draw, lengths, longest, low=4, high=9, pad=PAD):
    """Rows of tokens from [low, high), the given number of them, then padding; (rows, longest)."""
    rows = draw.integers(low, high, len(lengths), longest)
    return np.where(np.arange(longest) < np.array(lengths)[:, None], rows, pad)


@trg_mask.probe(points=1)
def test_trg_mask_values(submission, observe, draw):
    """Each token may read itself and earlier tokens, as far as these are not padding; the mask is bool, (B, 1, T, T)."""
    reply = submission.call("make_trg_mask", tokens(draw, [4, 6, 1], 6), PAD)
    observe("mask (B, 1, T, T)", reply.result)
    observe("tokens, afterwards", reply.arguments)


@trg_mask.probe(points=0.5)
def test_trg_mask_no_padding(submission, observe, draw):
    """Without padding it is the causal mask for every row; one token may read itself."""
    observe("mask of full rows", submission.call("make_trg_mask", tokens(draw, [5, 5], 5), PAD).result)
    observe("mask of single tokens", submission.call("make_trg_mask", tokens(draw, [1, 1, 1], 1), PAD).result)


@trg_mask.probe(points=0.5)
def test_trg_mask_other_pad(submission, observe, draw):
    """The padding token is the one that is named, wherever it stands; 0 is then a token like any other."""
    observe("mask with pad=7", submission.call("make_trg_mask", tokens(draw, [3, 5], 5, 0, 3, pad=7), pad=7).result)
    holes = tokens(draw, [6, 6], 6)
    holes[0, 2] = holes[1, 4] = PAD
    observe("mask with padding in the middle", submission.call("make_trg_mask", holes, PAD).result)


@shift.probe(points=1)
def test_shift_values(submission, observe, draw):
    """The start token comes first, then all targets but the last of each row; the targets stay as they are."""
    reply = submission.call("shift_right", tokens(draw, [4, 6, 2], 6), 1)
    observe("inputs (B, T)", reply.result)
    observe("targets, afterwards", reply.arguments)


@shift.probe(points=1)
def test_shift_edges(submission, observe, draw):
    """Targets of a single step become the start token alone; the start token is the one that is named."""
    observe("inputs for T = 1", submission.call("shift_right", tokens(draw, [1, 1, 1], 1), 1).result)
    observe("inputs with sos=0", submission.call("shift_right", tokens(draw, [5, 5], 5), sos=0).result)


# --- the decoder layer ---


def layer_with_stand_ins(submission, draw, mha_dropout_p=0.0, ffn_dropout_p=0.0, training=False):
    parts = {
        "MHA": {"double": "mixer", "weight": draw.normal(WIDTH, WIDTH, scale=0.5), "arguments": ("x", "mask")},
        "cross": {"double": "mixer", "weight": draw.normal(WIDTH, WIDTH, scale=0.5), "arguments": ("x", "memory", "mask")},
        "FFN": {"double": "mixer", "weight": draw.normal(WIDTH, WIDTH, scale=0.5), "arguments": ("x",)},
    }
    sizes = LAYER_SIZES | {"mha_dropout_p": mha_dropout_p, "ffn_dropout_p": ffn_dropout_p}
    return submission.module("DecoderLayer", sizes, parts=parts, doubles=CLASSES, training=training)


@layer.probe(points=3)
def test_layer_stream(submission, observe, draw):
    """Self-attention, cross-attention and the feed-forward layer read, in this order, the stream so far, and add to it."""
    reply = layer_with_stand_ins(submission, draw)(draw.normal(B, T, WIDTH), draw.normal(B, S, WIDTH))
    observe("output (B, T, input_dim)", reply.result)
    observe("x and memory, afterwards", reply.arguments)


@layer.probe(points=1)
def test_layer_masks(submission, observe, draw):
    """The target's mask reaches the self-attention, the source's mask the cross-attention, each as it is."""
    module, x, memory = layer_with_stand_ins(submission, draw), draw.normal(B, T, WIDTH), draw.normal(B, S, WIDTH)
    past, real = np.tril(np.ones((T, T), dtype=bool)), np.arange(S) < np.array([4, 5, 1])[:, None, None, None]
    observe("output with both masks", module(x, memory, past, real).result)
    observe("output with the target's mask alone", module(x, memory, trg_mask=past).result)
    observe("output with the source's mask alone", module(x, memory, src_mask=real).result)


@layer.probe(points=1)
def test_layer_memory(submission, observe, draw):
    """The memory reaches the cross-attention as it is, whatever its length."""
    module, x = layer_with_stand_ins(submission, draw), draw.normal(B, T, WIDTH)
    observe("output with a memory of one token", module(x, draw.normal(B, 1, WIDTH)).result)
    observe("output with a memory longer than the target", module(x, draw.normal(B, 11, WIDTH)).result)


@layer.probe(points=1)
def test_layer_sizes(submission, observe, draw):
    """Each part is made with the sizes and the dropout that are meant for it."""
    parameters = {f"{name}.gain": draw.uniform(0.5, 2.0, 1) for name in ("MHA", "cross", "FFN")}
    sizes = LAYER_SIZES | {"mha_dropout_p": 0.25, "ffn_dropout_p": 0.125}
    module = submission.module("DecoderLayer", sizes, parameters, doubles=CLASSES)
    observe("output in evaluation", module(draw.normal(B, T, WIDTH), draw.normal(B, S, WIDTH)).result)


@layer.probe(points=1)
def test_layer_dropout(submission, observe, draw):
    """In training each dropout acts on its own branch, before the sum; in evaluation none acts."""
    x, memory = draw.normal(B, T, WIDTH), draw.normal(B, S, WIDTH)
    observe("both attentions' branches dropped", layer_with_stand_ins(submission, draw, 1.0, 0.0, training=True)(x, memory).result)
    observe("the feed-forward branch dropped", layer_with_stand_ins(submission, draw, 0.0, 1.0, training=True)(x, memory).result)
    observe("all dropped", layer_with_stand_ins(submission, draw, 1.0, 1.0, training=True)(x, memory).result)
    observe("in evaluation", layer_with_stand_ins(submission, draw, 1.0, 1.0)(x, memory).result)


# --- the whole ---


def whole(submission, draw, num_layers=2, src_vocab=11, trg_vocab=8, dropout_p=0.25):
    sizes = {"src_vocab": src_vocab, "trg_vocab": trg_vocab, "max_len": 12, "num_layers": num_layers, "input_dim": WIDTH}
    sizes |= {"num_heads": H, "head_dims": D, "ffn_dim": HIDDEN, "dropout_p": dropout_p, "pad": PAD}
    parameters = {"encoder.gain": draw.uniform(0.5, 2.0, 1)}
    parameters |= {f"decoder.{i}.gain": draw.uniform(0.5, 2.0, 1) for i in range(num_layers)}
    for name, vocab in (("src_embed", src_vocab), ("trg_embed", trg_vocab)):
        parameters |= {f"{name}.tokens.weight": draw.normal(vocab, WIDTH), f"{name}.positions.weight": draw.normal(12, WIDTH)}
    parameters |= draw.norm("decoder_norm", WIDTH) | draw.linear("linear_out", WIDTH, trg_vocab)
    return submission.module("Transformer", sizes, parameters, doubles=WHOLE)


@transformer.probe(points=3)
def test_transformer_logits(submission, observe, draw):
    """The target's logits come out: every decoder layer reads the memory, then come the last norm and the linear map, and no softmax."""
    reply = whole(submission, draw)(tokens(draw, [S] * B, S, 4, 11), tokens(draw, [T] * B, T, 4, 8))
    observe("logits (B, T, trg_vocab)", reply.result)
    observe("src and trg, afterwards", reply.arguments)


@transformer.probe(points=2)
def test_transformer_padding(submission, observe, draw):
    """The source's padding is hidden from the encoder and from cross-attention; in the target, padding and the future are hidden."""
    module = whole(submission, draw)
    observe("logits with padding in the source", module(tokens(draw, [5, 2, 4], S, 4, 11), tokens(draw, [T] * B, T, 4, 8)).result)
    observe("logits with padding in the target", module(tokens(draw, [S] * B, S, 4, 11), tokens(draw, [3, 7, 1], T, 4, 8)).result)
    observe("logits with padding in both", module(tokens(draw, [3, 5, 1], S, 4, 11), tokens(draw, [7, 2, 5], T, 4, 8)).result)


@transformer.probe(points=1)
def test_transformer_methods(submission, observe, draw):
    """encode and decode work on their own: decode reads the memory that it is given."""
    module, src = whole(submission, draw), tokens(draw, [5, 2, 4], S, 4, 11)
    observe("memory (B, S, input_dim)", module.method("encode", src).result)
    observe("logits for a given memory", module.method("decode", tokens(draw, [T] * B, T, 4, 8), draw.normal(B, S, WIDTH), src).result)
    observe("logits for one token so far", module.method("decode", tokens(draw, [1] * B, 1, 4, 8), draw.normal(B, S, WIDTH), src).result)


@transformer.probe(points=1)
def test_transformer_sizes(submission, observe, draw):
    """Depth, vocabularies and dropout are those asked for, and every layer has weights of its own."""
    module = whole(submission, draw, num_layers=3, src_vocab=7, trg_vocab=13, dropout_p=0.5)
    observe("logits of three layers", module(tokens(draw, [4] * 2, 4, 4, 7), tokens(draw, [6] * 2, 6, 4, 13)).result)
    module = whole(submission, draw, num_layers=1)
    observe("logits of one layer", module(tokens(draw, [9] * 2, 9, 4, 11), tokens(draw, [2] * 2, 2, 4, 8)).result)


# --- decoding ---


def decoded(submission, src, max_len, vocab=11, sos=1, eos=2, pad=0, training=False):
    """What greedy_decode makes of a model that says as many tokens as the source has, and then eos."""
    model = {"module": "double:translator", "sizes": {"vocab": vocab, "eos": eos, "pad": pad}, "training": training}
    return submission.call("greedy_decode", src, sos, eos, pad, max_len, model=model)


@greedy.probe(points=2)
def test_greedy_history(submission, observe, draw):
    """Each step takes the most probable token, given the source and everything written so far, in order."""
    reply = decoded(submission, tokens(draw, [6, 6, 6], 6, pad=0), 9)
    observe("tokens of three rows of equal length", reply.result)
    observe("src, afterwards", reply.arguments)


@greedy.probe(points=2)
def test_greedy_stops_each_row(submission, observe, draw):
    """Each row ends with its own end token and holds padding after it, while the others go on."""
    observe("tokens of rows of different lengths", decoded(submission, tokens(draw, [3, 6, 1, 5], 6, pad=0), 10).result)


@greedy.probe(points=1)
def test_greedy_one_row(submission, observe, draw):
    """A batch of one works, and so does a target longer or shorter than the source's table is wide."""
    observe("tokens of one row", decoded(submission, tokens(draw, [4], 4, pad=0), 10).result)
    observe("tokens of a short row in a wide table", decoded(submission, tokens(draw, [2], 8, pad=0), 10).result)


@greedy.probe(points=1)
def test_greedy_max_len(submission, observe, draw):
    """At most max_len tokens are written, and no more than the longest row needs."""
    observe("tokens, cut at 4", decoded(submission, tokens(draw, [7, 2, 5], 7, pad=0), 4).result)
    observe("tokens, with room for exactly the longest", decoded(submission, tokens(draw, [3, 2], 3, pad=0), 4).result)
    observe("tokens, with too much room", decoded(submission, tokens(draw, [2, 3], 3, pad=0), 20).result)


@greedy.probe(points=1)
def test_greedy_other_tokens(submission, observe, draw):
    """Start, end and padding are the tokens that are named."""
    observe("tokens with sos=9, eos=5, pad=7", decoded(submission, tokens(draw, [4, 2, 3], 4, 0, 5, pad=7), 8, 12, 9, 5, 7).result)


@greedy.probe(points=1)
def test_greedy_evaluation(submission, observe, draw):
    """A model that was left in training mode is put into evaluation mode first."""
    observe("tokens", decoded(submission, tokens(draw, [5, 3, 4], 5, pad=0), 9, training=True).result)
