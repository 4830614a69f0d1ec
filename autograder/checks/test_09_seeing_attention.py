"""Probes of lesson 09: collecting attention weights, their entropy, heads with a pattern, rollout, and silencing a head.

No two axes share a size: B sequences, T queries, S keys, and layers with different numbers of heads.
"""

import numpy as np

from autograder.probe import exercise
from autograder.submission import StudentError

B, T, S, WIDTH = 3, 5, 7, 8
SIZES = {"width": WIDTH, "heads": 2, "other_heads": 4}

collect = exercise(
    "collect_attention",
    right="Hooks see every call of every layer and are gone afterwards: this works on any model made of these layers, whoever wrote it.",
)
entropy = exercise(
    "head_entropy",
    right="0 bits: all on one key. log2(T) bits: spread evenly over T. Causal heads have fewer keys at first, so compare like with like.",
)
find = exercise(
    "find_head",
    right="A score needs its level of chance: the share that the marked keys would get if all keys got the same.",
)
rollout = exercise(
    "attention_rollout",
    right="Each layer mixes what the layers before have mixed, so the last layer stands leftmost in the product. Every row sums to one.",
)
ablate = exercise(
    "ablate_head",
    right="What a head says to the stream goes through its own columns of out_proj. Now you can ask what the model loses without it.",
)


# --- a model to look at ---


def attention_parameters(draw, name):
    """Parameters of an nn.MultiheadAttention called `name`."""
    into = {f"{name}.in_proj_weight": draw.normal(3 * WIDTH, WIDTH, scale=0.6), f"{name}.in_proj_bias": draw.normal(3 * WIDTH, scale=0.5)}
    return into | draw.linear(f"{name}.out_proj", WIDTH, WIDTH)


def reader(draw, layers=1, looks=1, training=False):
    """A model with `layers` encoder layers of 2 heads, and then `looks` calls of one layer with 4 heads, which is made first."""
    parameters = attention_parameters(draw, "across")
    for i in range(layers):
        name = f"encoder.layers.{i}"
        parameters |= (
            attention_parameters(draw, f"{name}.self_attn") | draw.norm(f"{name}.norm1", WIDTH) | draw.norm(f"{name}.norm2", WIDTH)
        )
        parameters |= draw.linear(f"{name}.linear1", WIDTH, WIDTH + 1) | draw.linear(f"{name}.linear2", WIDTH + 1, WIDTH)
    sizes = SIZES | {"layers": layers, "looks": looks}
    return {"module": "double:reader", "sizes": sizes, "parameters": parameters, "training": training}


# --- collecting ---


@collect.probe(points=2)
def test_collect_values(submission, observe, draw):
    """Every head of every layer comes back on its own, (B, heads, T_q, T_k), also from layers that were asked for no weights."""
    reply = submission.call("collect_attention", draw.normal(B, T, WIDTH), model=reader(draw))
    observe("weights of two layers, one tensor as inputs", reply.result)
    observe("inputs, afterwards", reply.arguments)


@collect.probe(points=1)
def test_collect_order(submission, observe, draw):
    """The list follows the calls, not the order in which layers were made; a layer that is called twice stands there twice."""
    model, x = reader(draw, layers=3, looks=2), draw.normal(B, T, WIDTH)
    observe("weights of five calls", submission.call("collect_attention", x, model=model).result)


@collect.probe(points=1)
def test_collect_arguments(submission, observe, draw):
    """A tuple holds all the model's arguments, in order: here x and the memory that its last layer looks at."""
    inputs = (draw.normal(B, T, WIDTH), draw.normal(B, S, WIDTH))
    observe("weights, with two arguments", submission.call("collect_attention", inputs, model=reader(draw)).result)
    alone = submission.call("collect_attention", (draw.normal(1, 1, WIDTH),), model=reader(draw)).result
    observe("weights, with one argument in a tuple, one sequence of one token", alone)


@collect.probe(points=1)
def test_collect_evaluation(submission, observe, draw):
    """A model in training mode is read in evaluation mode, without dropout and without gradients, and is in training mode again."""
    inputs = (draw.normal(B, T, WIDTH), draw.normal(B, S, WIDTH))
    model = reader(draw, training=True)
    observe("weights of a model in training mode", submission.call("collect_attention", inputs, model=model).result)
    left = submission.call("collect_attention", inputs, model=model, then="left_behind").result
    observe("training flags and gradients, afterwards", [left["training"], left["with gradients"], left["learnable"]])


@collect.probe(points=0.5)
def test_collect_padding(submission, observe, draw):
    """Rows of padded queries are there too and sum to one: PyTorch's fast path, which leaves them out, is off while the model reads."""
    padding = np.arange(T) >= np.array([[4], [2], [3]])  # True = blocked; no sequence fills the table
    inputs = (draw.normal(B, T, WIDTH), draw.normal(B, S, WIDTH), padding)
    observe("weights, with padding", submission.call("collect_attention", inputs, model=reader(draw)).result)


@collect.probe(points=1)
def test_collect_leaves(submission, observe, draw):
    """The model is left as it was: no hook, no replaced method, the same parameters and mode, and the fast path switched on again."""
    model = reader(draw)
    reply = submission.call("collect_attention", draw.normal(B, T, WIDTH), model=model, then="left_behind")
    observe("what is left behind", reply.result)


@collect.probe(points=1.5)
def test_collect_error(submission, observe, draw):
    """If the model raises in the middle, the error is raised on, and the model is left as it was all the same."""
    too_wide = (draw.normal(B, T, WIDTH), draw.normal(B, S, WIDTH + 1))
    for training in (False, True):
        model = reader(draw, training=training)
        reply = submission.call("collect_attention", too_wide, model=model, then="left_behind")
        observe(f"what is left behind by an error, training={training}", reply.result)


# --- entropy ---


def tables(draw, *shape):
    """Attention weights: rows of the last axis that sum to one."""
    scores = np.exp(draw.normal(*shape, scale=1.5))
    return scores / scores.sum(axis=-1, keepdims=True)


@entropy.probe(points=2)
def test_entropy_values(submission, observe, draw):
    """For each head: minus the sum of p log2 p over the keys, then the mean over the queries."""
    reply = submission.call("head_entropy", tables(draw, B, 2, T, S))
    observe("bits, (B, heads)", reply.result)
    observe("weights, afterwards", reply.arguments)


@entropy.probe(points=1)
def test_entropy_zeros(submission, observe, draw):
    """Weights of zero add nothing: a causal table, a head that looks at one key only, and the example by hand."""
    causal = np.tril(tables(draw, 4, T, T))
    observe("bits of causal heads", submission.call("head_entropy", causal / causal.sum(axis=-1, keepdims=True)).result)
    observe("bits of a head with one key for each query", submission.call("head_entropy", np.eye(T)[None][..., draw.permutation(T)]).result)
    observe("bits of the example by hand", submission.call("head_entropy", np.array([[[0.5, 0.25, 0.25, 0.0], [1.0, 0, 0, 0]]])).result)


@entropy.probe(points=0.5)
def test_entropy_axes(submission, observe, draw):
    """Any leading axes will do, none included, and a query that may look nowhere counts as 0 bits."""
    observe("bits, (heads,)", submission.call("head_entropy", tables(draw, 4, T, S)).result)
    observe("bits, (2, B, heads)", submission.call("head_entropy", tables(draw, 2, B, 4, T, S)).result)
    weights = tables(draw, 2, T, S)
    weights[1, 2] = 0.0
    observe("bits where a row is all zeros", submission.call("head_entropy", weights).result)


# --- heads with a pattern ---


def model_tables(draw, heads, batch=B, queries=T, keys=S):
    """A list of layers, each with its own number of heads."""
    return [tables(draw, batch, h, queries, keys) for h in heads]


def found(submission, weights, pattern):
    """(layer, head, score), as numbers."""
    return submission.call("find_head", weights, pattern).result


@find.probe(points=2)
def test_find_values(submission, observe, draw):
    """The score is the share of attention on the marked keys, mean over sequences and queries; layers may differ in their heads."""
    previous = np.eye(T, S, k=-1, dtype=bool)
    for heads in ((2, 4, 1), (1, 6), (6, 2, 4, 2)):
        observe(f"(layer, head, score) in layers of {heads} heads", found(submission, model_tables(draw, heads), previous))


@find.probe(points=1)
def test_find_planted(submission, observe, draw):
    """A head that is made to look at the marked keys is found, wherever it is."""
    pattern = draw.normal(T, S) > 0.8
    pattern[0, 0], pattern[1] = True, False
    for layer, head in ((0, 1), (2, 3), (1, 0)):
        weights = model_tables(draw, (2, 1, 4))
        weights[layer][:, head] = (weights[layer][:, head] + pattern) / (1 + pattern.sum(axis=-1, keepdims=True))
        observe("(layer, head, score)", found(submission, weights, pattern))


@find.probe(points=1)
def test_find_queries_that_count(submission, observe, draw):
    """A query without a marked key does not count, and one with several marked keys counts with the sum of their weights."""
    several = np.zeros((T, S), dtype=bool)
    several[1, [0, 2, 5, 6]] = several[3, 1] = True
    weights = model_tables(draw, (2, 4))
    observe("(layer, head, score), two of five queries count", found(submission, weights, several))
    observe("(layer, head, score), first key for all", found(submission, weights, np.eye(1, S, dtype=bool).repeat(T, 0)))
    observe("(layer, head, score), one sequence", found(submission, model_tables(draw, (4, 2), batch=1), several))


@find.probe(points=0.5)
def test_find_nothing(submission, observe, draw):
    """A pattern without any mark raises ValueError."""
    observe("error", submission.error("find_head", model_tables(draw, (2, 4)), np.zeros((T, S), dtype=bool)))


# --- rollout ---


@rollout.probe(points=2)
def test_rollout_values(submission, observe, draw):
    """Mean over heads, half and half with the identity, and the product of all layers, later ones on the left."""
    reply = submission.call("attention_rollout", model_tables(draw, (2, 4, 1), keys=T))
    observe("rollout of three layers (B, T, T)", reply.result)
    observe("weights, afterwards", reply.arguments)


@rollout.probe(points=1)
def test_rollout_depth(submission, observe, draw):
    """One layer gives itself, mixed with the identity; causal layers give a causal rollout."""
    observe("rollout of one layer", submission.call("attention_rollout", model_tables(draw, (4,), keys=T)).result)
    causal = [np.tril(table) for table in model_tables(draw, (2, 2, 2, 2), batch=2, keys=T)]
    causal = [table / table.sum(axis=-1, keepdims=True) for table in causal]
    observe("rollout of four causal layers", submission.call("attention_rollout", causal).result)
    by_hand = [np.array([[[[1.0, 0.0], [0.5, 0.5]]]]), np.array([[[[0.0, 1.0], [1.0, 0.0]]]])]
    observe("rollout of the example by hand", submission.call("attention_rollout", by_hand).result)


@rollout.probe(points=1)
def test_rollout_renormalizes(submission, observe, draw):
    """Rows are divided by their sum in each layer, so rows that dropout, or a mask, left with another sum do no harm."""
    weights = model_tables(draw, (2, 4), keys=T)
    weights[0][:, :, 2] = 0.0  # a query that may look nowhere
    weights[1] *= draw.uniform(0.3, 1.4, B, 4, T, 1)
    observe("rollout where rows do not sum to one", submission.call("attention_rollout", weights).result)


# --- silencing a head ---

#: Norms magnify rounding errors, so outputs are compared a little less strictly.
CLOSE = {"rtol": 1e-3, "atol": 1e-4}


@ablate.probe(points=2)
def test_ablate_values(submission, observe, draw):
    """The head that is named adds nothing to its layer's output; all other heads, and the bias of out_proj, stay."""
    model, x = reader(draw, layers=2), draw.normal(B, T, WIDTH)
    for layer, head in ((0, 1), (1, 0), (2, 3), (2, 0)):
        observe(f"output without head {head} of layer {layer}", submission.call("ablate_head", x, layer, head, model=model).result, **CLOSE)


@ablate.probe(points=0.5)
def test_ablate_arguments(submission, observe, draw):
    """A tuple holds all the model's arguments; the inputs are left unchanged."""
    inputs = (draw.normal(B, T, WIDTH), draw.normal(B, S, WIDTH))
    reply = submission.call("ablate_head", inputs, 1, 2, model=reader(draw))
    observe("output, with two arguments", reply.result, **CLOSE)
    observe("arguments, afterwards", reply.arguments)


@ablate.probe(points=1)
def test_ablate_leaves(submission, observe, draw):
    """The model is read in evaluation mode, and left as it was: parameters, mode, and no hook."""
    model, x = reader(draw, training=True), draw.normal(B, T, WIDTH)
    observe("output of a model in training mode", submission.call("ablate_head", x, 0, 0, model=model).result, **CLOSE)
    observe("what is left behind", submission.call("ablate_head", x, 1, 3, model=model, then="left_behind").result)


@ablate.probe(points=0.5)
def test_ablate_error(submission, observe, draw):
    """If the model raises, even in the middle of the silenced layer, it is left as it was all the same."""
    too_wide = (draw.normal(B, T, WIDTH), draw.normal(B, S, WIDTH + 1))
    for layer in (0, 1):
        reply = submission.call("ablate_head", too_wide, layer, 1, model=reader(draw, training=True), then="left_behind")
        observe(f"what is left behind by an error, layer {layer}", reply.result)


@ablate.probe(points=1)
def test_ablate_missing(submission, observe, draw):
    """A layer or head that the model does not have raises ValueError, a negative number too."""
    x, model = draw.normal(B, T, WIDTH), reader(draw)
    for layer, head in ((2, 0), (0, 2), (-1, 0), (1, -1)):
        observe(f"error for layer {layer}, head {head}", error_of(submission, "ablate_head", x, layer, head, model=model))


def error_of(submission, *args, **kwargs):
    """The class name of the exception that a call with a model raises, "" if none; code not written yet still counts as such."""
    try:
        submission.call(*args, **kwargs)
    except StudentError as error:
        if error.failure.kind == "NotImplementedError":
            raise
        return error.failure.kind
    return ""
