"""Probes of lesson 04: the two parts of an encoder layer, heads, the residual stream, and the stack."""

import numpy as np

from autograder.probe import exercise

# Batch, tokens, heads, width of a head, width of a token, hidden width: no two alike, and none a product of others that occurs.
B, T, H, D, WIDTH, HIDDEN = 3, 7, 2, 5, 6, 4

HEADS = {"split_heads": "split_heads", "merge_heads": "merge_heads"}
CLASSES = {"MultiHeadAttention": "MultiHeadAttention", "FeedForwardLayer": "FeedForwardLayer"}
LAYER_SIZES = {"input_dim": WIDTH, "num_heads": H, "head_dims": D, "ffn_dim": HIDDEN, "mha_dropout_p": 0.0, "ffn_dropout_p": 0.0}

feed_forward = exercise(
    "FeedForwardLayer",
    right="No output depends on another token, so all tokens can be computed at once; that is half of what makes a transformer fast.",
)
split = exercise(
    "split_heads", right="No number was computed, only moved. The heads are now a leading axis, and attention treats them like a batch."
)
merge = exercise(
    "merge_heads", right="The way back. The linear map that follows is the first place where the heads can learn from one another."
)
attention = exercise(
    "MultiHeadAttention",
    right="Every token hears from every allowed token of its own sequence, in each head through other eyes, and from nobody else.",
)
layer = exercise("EncoderLayer", right="If both parts say zero, the stream comes through untouched. A layer learns only what to change.")
encoder = exercise("Encoder", right="Depth costs parameters and steps; length costs neither, only a larger table of weights.")


# --- the feed-forward layer ---


def feed_forward_parameters(draw, width=WIDTH, hidden=HIDDEN):
    return draw.norm("norm", width) | draw.linear("linear1", width, hidden) | draw.linear("linear2", hidden, width)


def feed_forward_layer(submission, draw, dropout_p=0.0, training=False):
    sizes = {"input_dim": WIDTH, "hidden_dim": HIDDEN, "dropout_p": dropout_p}
    return submission.module("FeedForwardLayer", sizes, feed_forward_parameters(draw), training=training)


@feed_forward.probe(points=2)
def test_feed_forward_values(submission, observe, draw):
    """Each token is normalized, mapped, cut off below zero, and mapped back to its width."""
    reply = feed_forward_layer(submission, draw)(draw.normal(B, T, WIDTH, scale=2.0))
    observe("output (B, T, input_dim)", reply.result)
    observe("x, afterwards", reply.arguments)


@feed_forward.probe(points=0.5)
def test_feed_forward_any_leading_axes(submission, observe, draw):
    """Any number of leading axes will do: a single token, or four axes."""
    module = feed_forward_layer(submission, draw)
    observe("output for a single token", module(draw.normal(WIDTH)).result)
    observe("output for four axes", module(draw.normal(2, 3, 5, WIDTH)).result)


@feed_forward.probe(points=0.5)
def test_feed_forward_alone(submission, observe, draw):
    """Each token is computed on its own, in training too: changing one token changes no other output."""
    module = feed_forward_layer(submission, draw, training=True)
    x = draw.normal(B, T, WIDTH)
    changed = x.copy()
    changed[1, 4] = draw.normal(WIDTH)
    observe("which outputs move when token 4 of sequence 1 changes", moved(module(x).result, module(changed).result))


@feed_forward.probe(points=0.5)
def test_feed_forward_evaluation(submission, observe, draw):
    """In evaluation, dropout does nothing."""
    observe("output in evaluation", feed_forward_layer(submission, draw, dropout_p=1.0)(draw.normal(B, T, WIDTH)).result)


@feed_forward.probe(points=0.5)
def test_feed_forward_dropout(submission, observe, draw):
    """In training, dropout silences hidden units: each is either missing or as much louder as it must be to make up for those."""
    sizes = {"input_dim": WIDTH, "hidden_dim": HIDDEN, "dropout_p": 0.5}
    parameters = feed_forward_parameters(draw)
    parameters["linear2.weight"] = np.eye(WIDTH, HIDDEN)  # output i shows hidden unit i; the last two show the bias alone
    x = draw.normal(B, T, WIDTH)
    calm, shaken = (submission.module("FeedForwardLayer", sizes, parameters, training=mode)(x).result for mode in (False, True))
    quiet = parameters["linear2.bias"]
    observe("each hidden unit is silent or doubled", all_silent_or_doubled(calm - quiet, shaken - quiet))
    observe("some are silent, some doubled", some_silent_some_doubled(calm - quiet, shaken - quiet))
    observe("output when all are dropped", feed_forward_layer(submission, draw, dropout_p=1.0, training=True)(x).result)


def moved(before, after):
    """For each token, whether its output changed."""
    return np.abs(np.subtract(after, before)).max(axis=-1) > 1e-4


def all_silent_or_doubled(calm, shaken):
    return bool((near(shaken, 0) | near(shaken, 2 * calm)).all())


def some_silent_some_doubled(calm, shaken):
    loud = ~near(calm, 0)
    return [bool((near(shaken, 0) & loud).any()), bool((near(shaken, 2 * calm) & loud).any())]


def near(a, b):
    return np.abs(np.subtract(a, b)) < 1e-4


# --- heads ---


@split.probe(points=1)
def test_split_values(submission, observe, draw):
    """Head h holds columns h·D to (h+1)·D - 1 of every token, and the heads stand before the tokens."""
    observe("heads (B, H, T, D)", submission.call("split_heads", draw.normal(2, 5, 12), 3).result)


@split.probe(points=0.5)
def test_split_one_head(submission, observe, draw):
    """One head holds everything; as many heads as columns hold one column each."""
    x = draw.normal(2, 5, 3)
    observe("one head", submission.call("split_heads", x, 1).result)
    observe("three heads of width 1", submission.call("split_heads", x, 3).result)


@split.probe(points=0.5)
def test_split_remainder(submission, observe, draw):
    """A width that is not a multiple of the number of heads raises ValueError."""
    observe("error for a width of 8 and 3 heads", submission.error("split_heads", draw.normal(2, 5, 8), 3))


@merge.probe(points=1)
def test_merge_values(submission, observe, draw):
    """Columns h·D to (h+1)·D - 1 of each token come from head h."""
    observe("tokens (B, T, H·D)", submission.call("merge_heads", draw.normal(2, 3, 5, 4)).result)


@merge.probe(points=1)
def test_merge_undoes_the_cut(submission, observe, draw):
    """Heads that were cut from tokens, in whatever order they lie in memory, become the same tokens again."""
    tokens = draw.normal(2, 5, 6)
    heads = np.stack(np.split(tokens, 2, axis=-1), axis=1)  # (B, H, T, D)
    observe("tokens (B, T, H·D)", submission.call("merge_heads", heads).result)
    observe("tokens from one head", submission.call("merge_heads", heads[:, :1]).result)


# --- multi-head attention ---


def attention_parameters(draw, width=WIDTH, total=H * D):
    maps = draw.linear("linear_q", width, total) | draw.linear("linear_k", width, total) | draw.linear("linear_v", width, total)
    return draw.norm("norm", width) | maps | draw.linear("linear_out", total, width)


def attention_layer(submission, draw, dropout_p=0.0, training=False):
    sizes = {"input_dim": WIDTH, "num_heads": H, "head_dims": D, "dropout_p": dropout_p}
    return submission.module("MultiHeadAttention", sizes, attention_parameters(draw), doubles=HEADS, training=training)


def some_allowed(draw, *shape):
    """A mask that leaves every query a key: about half of the pairs, and always the query's own token."""
    return (draw.uniform(0, 1, *shape) < 0.5) | np.eye(T, dtype=bool)


@attention.probe(points=2)
def test_attention_values(submission, observe, draw):
    """Normalized tokens become queries, keys and values; each head blends its own values; linear_out maps the joined heads."""
    reply = attention_layer(submission, draw)(draw.normal(B, T, WIDTH, scale=2.0))
    observe("output (B, T, input_dim)", reply.result)
    observe("x, afterwards", reply.arguments)


@attention.probe(points=1)
def test_attention_other_sizes(submission, observe, draw):
    """head_dims is the width of one head: three heads of width 2, and a single token, work as well."""
    sizes = {"input_dim": 4, "num_heads": 3, "head_dims": 2, "dropout_p": 0.0}
    module = submission.module("MultiHeadAttention", sizes, attention_parameters(draw, 4, 6), doubles=HEADS)
    observe("output", module(draw.normal(2, 5, 4)).result)
    observe("output for one token", module(draw.normal(2, 1, 4)).result)


@attention.probe(points=1)
def test_attention_mask(submission, observe, draw):
    """A query blends only values that the mask marks True, and its weights for these still sum to one."""
    module, x = attention_layer(submission, draw), draw.normal(B, T, WIDTH)
    observe("output with a mask (T, T)", module(x, some_allowed(draw, T, T)).result)
    observe("output with the mask by keyword", module(x, mask=some_allowed(draw, T, T)).result)


@attention.probe(points=1)
def test_attention_mask_broadcasts(submission, observe, draw):
    """A mask may differ between sequences, between heads, or both."""
    module, x = attention_layer(submission, draw), draw.normal(B, T, WIDTH)
    observe("output with a mask (B, 1, T, T)", module(x, some_allowed(draw, B, 1, T, T)).result)
    observe("output with a mask (H, T, T)", module(x, some_allowed(draw, H, T, T)).result)
    real = np.arange(T) < np.array([4, 7, 1])[:, None, None, None]
    observe("output with a mask (B, 1, 1, T)", module(x, real).result)


@attention.probe(points=1)
def test_attention_dependence(submission, observe, draw):
    """A token reaches every query of its own sequence that may attend to it, and no other."""
    module, x, mask = attention_layer(submission, draw), draw.normal(B, T, WIDTH), some_allowed(draw, T, T)
    changed = x.copy()
    changed[1, 4] = draw.normal(WIDTH)
    observe("which outputs move when token 4 of sequence 1 changes", moved(module(x).result, module(changed).result))
    observe("which move with a mask", moved(module(x, mask).result, module(changed, mask).result))


@attention.probe(points=0.5)
def test_attention_evaluation(submission, observe, draw):
    """In evaluation, dropout does nothing."""
    observe("output in evaluation", attention_layer(submission, draw, dropout_p=1.0)(draw.normal(B, T, WIDTH)).result)


@attention.probe(points=1.5)
def test_attention_dropout(submission, observe, draw):
    """In training, dropout acts on the attention weights: messages go missing, the others grow to make up, no value is torn apart."""
    sizes = {"input_dim": 6, "num_heads": 2, "head_dims": 3, "dropout_p": 0.5}
    parameters = attention_parameters(draw, 6, 6)
    parameters |= {"linear_out.weight": np.eye(6), "linear_out.bias": np.zeros(6)}  # the output shows the heads as they are
    x = np.repeat(draw.normal(5, 1, 6), T, axis=1)  # all tokens of a sequence alike, so all values are
    calm, shaken = (
        submission.module("MultiHeadAttention", sizes, parameters, doubles=HEADS, training=mode)(x).result for mode in (False, True)
    )
    observe("each head's output is a multiple of its value", all_multiples(calm, shaken))
    observe("in steps of one doubled weight, and not always once", steps_of_a_weight(calm, shaken))
    observe("output when all weights are dropped", attention_layer(submission, draw, 1.0, training=True)(draw.normal(B, T, WIDTH)).result)


def by_head(output):
    return np.reshape(output, (5, T, 2, 3))


def all_multiples(calm, shaken):
    """Whether each head's output points where the head's output without dropout points."""
    return bool(near(np.cross(by_head(calm), by_head(shaken)), 0).all())


def steps_of_a_weight(calm, shaken):
    """Among equal keys each weight is 1/T, and 2/T where its neighbors are dropped: the output grows in such steps."""
    own, other = by_head(calm), by_head(shaken)
    times = (own * other).sum(axis=-1) / (own * own).sum(axis=-1)
    return [bool(near(times * T / 2, np.round(times * T / 2)).all()), bool((~near(times, 1)).any())]


# --- the encoder layer ---


def layer_with_stand_ins(submission, draw, mha_dropout_p=0.0, ffn_dropout_p=0.0, training=False):
    parts = {
        "MHA": {"double": "mixer", "weight": draw.normal(WIDTH, WIDTH, scale=0.5), "arguments": ("x", "mask")},
        "FFN": {"double": "mixer", "weight": draw.normal(WIDTH, WIDTH, scale=0.5), "arguments": ("x",)},
    }
    sizes = LAYER_SIZES | {"mha_dropout_p": mha_dropout_p, "ffn_dropout_p": ffn_dropout_p}
    return submission.module("EncoderLayer", sizes, parts=parts, doubles=CLASSES, training=training)


@layer.probe(points=2)
def test_layer_stream(submission, observe, draw):
    """Attention's output is added to the stream, then the feed-forward layer reads that sum and adds to it."""
    reply = layer_with_stand_ins(submission, draw)(draw.normal(B, T, WIDTH))
    observe("output (B, T, input_dim)", reply.result)
    observe("x, afterwards", reply.arguments)


@layer.probe(points=1)
def test_layer_mask(submission, observe, draw):
    """The mask reaches the attention as it is."""
    module, x = layer_with_stand_ins(submission, draw), draw.normal(B, T, WIDTH)
    observe("output with a mask (T, T)", module(x, some_allowed(draw, T, T)).result)
    observe("output with a mask by keyword", module(x, mask=some_allowed(draw, B, 1, T, T)).result)


@layer.probe(points=1)
def test_layer_sizes(submission, observe, draw):
    """Both parts are made with the sizes and dropouts that are meant for them."""
    parameters = {"MHA.gain": draw.normal(1), "FFN.gain": draw.normal(1)}
    sizes = LAYER_SIZES | {"mha_dropout_p": 0.25, "ffn_dropout_p": 0.125}
    module = submission.module("EncoderLayer", sizes, parameters, doubles=CLASSES)
    observe("output in evaluation", module(draw.normal(B, T, WIDTH)).result)


@layer.probe(points=1)
def test_layer_dropout(submission, observe, draw):
    """In training, each dropout acts on its own branch, before the sum; in evaluation neither acts."""
    x = draw.normal(B, T, WIDTH)
    observe("attention's branch dropped", layer_with_stand_ins(submission, draw, 1.0, 0.0, training=True)(x).result)
    observe("the feed-forward branch dropped", layer_with_stand_ins(submission, draw, 0.0, 1.0, training=True)(x).result)
    observe("both dropped", layer_with_stand_ins(submission, draw, 1.0, 1.0, training=True)(x).result)
    observe("in evaluation", layer_with_stand_ins(submission, draw, 1.0, 1.0)(x).result)


# --- the stack ---


def stack(submission, draw, num_layers=3):
    sizes = LAYER_SIZES | {"num_layers": num_layers, "mha_dropout_p": 0.25, "ffn_dropout_p": 0.125}
    gains = {f"layers.{i}.gain": draw.uniform(0.5, 2.0, 1) for i in range(num_layers)}
    return submission.module("Encoder", sizes, gains, doubles={"EncoderLayer": "EncoderLayer"})


@encoder.probe(points=1)
def test_encoder_series(submission, observe, draw):
    """Each layer has weights of its own and reads what the one before it put out."""
    reply = stack(submission, draw)(draw.normal(B, T, WIDTH))
    observe("output of three layers", reply.result)
    observe("x, afterwards", reply.arguments)


@encoder.probe(points=1)
def test_encoder_mask(submission, observe, draw):
    """Every layer is given the mask."""
    module, x = stack(submission, draw), draw.normal(B, T, WIDTH)
    observe("output with a mask (T, T)", module(x, some_allowed(draw, T, T)).result)
    observe("output with a mask by keyword", module(x, mask=some_allowed(draw, B, 1, T, T)).result)


@encoder.probe(points=1)
def test_encoder_depth(submission, observe, draw):
    """There are as many layers as asked for."""
    observe("output of one layer", stack(submission, draw, 1)(draw.normal(B, T, WIDTH)).result)
    observe("output of five layers", stack(submission, draw, 5)(draw.normal(B, T, WIDTH)).result)
