"""Probes of lesson 03: scores, softmax, attention with masks, two masks, and self-attention as a module.

Inputs have unit scale, so that no softmax saturates, and no two axes of the same size, so that no mixed-up axis goes unseen.
"""

import numpy as np

from autograder.probe import exercise

attention_scores = exercise(
    "attention_scores",
    right="A row for each query and a column for each key: the roles differ, and so do the two axes. Leading axes were left alone.",
)
softmax = exercise(
    "softmax",
    right="Only differences between scores count. So subtracting the largest is free, and a score of minus infinity hides a key.",
)
scaled_dot_product_attention = exercise(
    "scaled_dot_product_attention",
    right="Each output is a weighted mean of the values, so it lies between them. A query with no key gets zeros, not a guess.",
)
causal_mask = exercise(
    "causal_mask",
    right="The diagonal belongs to the mask: the first token has itself, so no row is empty. True = may attend.",
)
padding_mask = exercise(
    "padding_mask",
    right="The axis of size 1 stands where the queries are: one row of allowed keys serves them all, by broadcasting.",
)
self_attention = exercise(
    "SelfAttention",
    right="3 · head_dim · (input_dim + 1) parameters, whatever the length of the sequence: one layer fits every length.",
)

#: Doubles for what attention is built on, so that an earlier mistake costs its own points only.
PIECES = {"attention_scores": "attention_scores", "softmax": "softmax"}
ATTENTION = {"scaled_dot_product_attention": "attention"}

SIZES = {"input_dim": 6, "head_dim": 4}


@attention_scores.probe(points=1)
def test_every_query_meets_every_key(submission, observe, draw):
    """Entry [i, j] of the scores is the plain dot product of query i and key j."""
    by_hand = submission.call("attention_scores", np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 0.0]]), np.array([[2.0, 1.0], [0.0, 2.0]]))
    observe("scores of the example by hand", by_hand.result)
    observe("scores of 3 queries and 4 keys", submission.call("attention_scores", draw.normal(3, 2), draw.normal(4, 2)).result)
    observe("scores of one query and one key", submission.call("attention_scores", draw.normal(1, 5), draw.normal(1, 5)).result)


@attention_scores.probe(points=1)
def test_scores_with_leading_axes(submission, observe, draw):
    """Leading axes (a batch, heads) stay as they are: each slice has its own table of scores."""
    observe("scores of a batch", submission.call("attention_scores", draw.normal(2, 3, 4), draw.normal(2, 5, 4)).result)
    observe("scores with four axes", submission.call("attention_scores", draw.normal(2, 3, 6, 5), draw.normal(2, 3, 4, 5)).result)


@softmax.probe(points=1)
def test_shares_along_the_last_axis(submission, observe, draw):
    """The shares are exponentials divided by their sum along the axis."""
    observe("softmax of the example by hand", submission.call("softmax", np.array([[4.0, 0.0, 2.0], [1.0, 1.0, 1.0]]), dim=-1).result)
    reply = submission.call("softmax", draw.normal(4, 3), dim=-1)
    observe("softmax of (4, 3) numbers along the last axis", reply.result)
    observe("softmax of a single entry", submission.call("softmax", draw.normal(3, 1), dim=-1).result)


@softmax.probe(points=1)
def test_axis_that_is_asked_for(submission, observe, draw):
    """Softmax normalizes the axis that it is asked for and no other, and leaves its argument unchanged."""
    for dim in (0, 1, -1):
        reply = submission.call("softmax", draw.normal(2, 3, 5), dim)
        observe(f"softmax along axis {dim}", reply.result)
        observe("the argument afterwards", reply.arguments[0])


@softmax.probe(points=1)
def test_large_and_hidden_scores(submission, observe, draw):
    """Scores of ±1000 do not overflow, and an entry of minus infinity gets the share 0."""
    large = draw.normal(4, 3) + np.array([[1000.0], [-1000.0], [0.0], [1000.0]])
    observe("softmax of scores around 1000, -1000, 0 and 1000", submission.call("softmax", large, dim=-1).result, rtol=1e-3)
    hidden = draw.normal(3, 4)
    hidden[0, 1] = hidden[2, 3] = -np.inf
    observe("softmax with entries of minus infinity", submission.call("softmax", hidden, dim=-1).result)


@scaled_dot_product_attention.probe(points=2)
def test_weighted_mean_of_values(submission, observe, draw):
    """Without a mask: weights are the softmax over the keys of the scaled scores, and the output is the weighted sum of the values."""
    q, k = np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([[2.0, 1.0], [0.0, 2.0], [1.0, 0.0]])
    v = np.array([[3.0, 0.0, 1.0, 0.0], [0.0, 3.0, 0.0, 1.0], [1.0, 1.0, 0.0, 2.0]])
    observe("output and weights of the example by hand", _attend(submission, q, k, v).result)
    observe("output and weights", _attend(submission, draw.normal(3, 5), draw.normal(6, 5), draw.normal(6, 2)).result)
    q, k, v = draw.normal(1, 5), draw.normal(1, 5), draw.normal(1, 2)
    observe("output and weights of one query and one key", _attend(submission, q, k, v).result)
    q, k, v = draw.normal(4, 3, scale=40), draw.normal(5, 3, scale=40), draw.normal(5, 2)
    observe("output and weights for large scores", _attend(submission, q, k, v).result, rtol=1e-3)


@scaled_dot_product_attention.probe(points=1)
def test_mask_says_who_may_attend(submission, observe, draw):
    """True (or 1) lets a query attend to a key; the weights of the allowed keys still sum to one; the arguments stay as they are."""
    q, k, v = draw.normal(3, 1), draw.normal(5, 1), draw.normal(5, 2)  # width 1: a wrong scaling costs its own points, not these
    mask = _some_allowed(draw, 3, 5)
    reply = _attend(submission, q, k, v, mask)
    observe("output and weights with a mask of bools", reply.result)
    observe("the arguments afterwards", reply.arguments)
    reply = _attend(submission, q, k, v, mask.astype(np.int64))
    observe("output and weights with a mask of zeros and ones", reply.result)
    observe("the arguments afterwards", reply.arguments)
    changed = k.copy(), v.copy()
    for tokens in changed:
        tokens[2] += 1.0
    observe("output and weights after key and value 2 have changed", _attend(submission, q, *changed, mask).result)


@scaled_dot_product_attention.probe(points=1)
def test_query_without_a_key(submission, observe, draw):
    """A query that may attend to no key gets weights 0 and output 0, and the other queries are not touched."""
    q, k, v = draw.normal(4, 1), draw.normal(3, 1), draw.normal(3, 2)
    mask = np.ones((4, 3), dtype=bool)
    mask[int(draw.integers(0, 4))] = False
    observe("output and weights with one empty row", _attend(submission, q, k, v, mask).result)
    observe("output and weights where no row has a key", _attend(submission, q, k, v, np.zeros((4, 3), dtype=bool)).result)


@scaled_dot_product_attention.probe(points=2)
def test_leading_axes_and_broadcast_masks(submission, observe, draw):
    """Any number of leading axes, with a mask that broadcasts to the table of weights; the arguments stay as they are."""
    q, k, v = draw.normal(2, 3, 4), draw.normal(2, 5, 4), draw.normal(2, 5, 6)  # (B, T, D)
    reply = _attend(submission, q, k, v)
    observe("output and weights of a batch", reply.result)
    observe("the arguments afterwards", reply.arguments)
    rows = _some_allowed(draw, 2, 5)[:, None]  # (B, 1, T_k)
    observe("output and weights of a batch with a mask of shape (B, 1, T_k)", _attend(submission, q, k, v, rows).result)
    q, k, v = draw.normal(2, 3, 5, 4), draw.normal(2, 3, 7, 4), draw.normal(2, 3, 7, 6)  # (B, H, T, D)
    table = _some_allowed(draw, 5, 7)  # (T_q, T_k)
    observe("output and weights with four axes", _attend(submission, q, k, v, table).result)
    rows = _some_allowed(draw, 2, 7)[:, None, None].astype(np.int64)  # (B, 1, 1, T_k)
    observe("output and weights with four axes and a mask of shape (B, 1, 1, T_k)", _attend(submission, q, k, v, rows).result)


@causal_mask.probe(points=1)
def test_past_and_present(submission, observe, draw):
    """A token may attend to itself and to every earlier token, and to no later one."""
    observe("causal mask", submission.call("causal_mask", int(draw.integers(4, 9))).result)


@causal_mask.probe(points=1)
def test_first_token_sees_itself(submission, observe, draw):
    """The shortest sequences: a single token sees itself; of two, only the second sees both."""
    short = 1 + draw.permutation(2)
    for length in short.tolist():
        observe(f"causal mask of length {length}", submission.call("causal_mask", length).result)


@padding_mask.probe(points=1)
def test_real_tokens_are_open(submission, observe, draw):
    """Key j of a sequence is open if the sequence has more than j tokens; the mask has shape (B, 1, T), the width T as given."""
    lengths = draw.integers(1, 6, 4)
    observe("padding mask of four sequences in seven columns", submission.call("padding_mask", lengths, 7).result)


@padding_mask.probe(points=1)
def test_empty_and_full_sequences(submission, observe, draw):
    """A full sequence hides nothing, a sequence of length 0 hides all, and a batch may hold a single sequence."""
    lengths = np.array([5, 0, int(draw.integers(1, 5))])
    observe("padding mask of lengths 5, 0 and another", submission.call("padding_mask", lengths, 5).result)
    observe("padding mask of a single sequence", submission.call("padding_mask", draw.integers(1, 4, 1), 4).result)


@self_attention.probe(points=1)
def test_one_token(submission, observe, draw):
    """A single token attends to itself alone: the output is its own value, and the layer has three linear maps of its own."""
    described = submission.describe("SelfAttention", SIZES)
    observe("parameters", described["parameters"])
    observe("parameters that share their numbers", described["shared"])
    observe("output for one token", _layer(submission, draw)(draw.normal(3, 1, 6)).result)


@self_attention.probe(points=2)
def test_tokens_read_one_another(submission, observe, draw):
    """Queries, keys and values come from the same tokens, each through its own map; the output alone comes back."""
    layer, x = _layer(submission, draw), draw.normal(2, 5, 6)
    observe("output", layer(x).result)
    moved = x.copy()
    moved[:, int(draw.integers(0, 5))] += 0.5
    observe("output after one token has changed", layer(moved).result)
    observe("output without a batch axis", layer(draw.normal(5, 6)).result)


@self_attention.probe(points=2)
def test_mask_is_handed_on(submission, observe, draw):
    """The mask decides which tokens a token reads: hidden ones leave no trace in its output."""
    layer, x = _layer(submission, draw), draw.normal(2, 5, 6)
    causal = np.tril(np.ones((5, 5), dtype=bool))
    observe("output with a causal mask", layer(x, causal).result)
    last = x.copy()
    last[:, -1] += 0.5
    observe("output with a causal mask after the last token has changed", layer(last, mask=causal).result)
    observe("output with a padding mask", layer(x, np.array([[[1, 1, 1, 0, 0]], [[1, 1, 1, 1, 0]]], dtype=bool)).result)


def _attend(submission, q, k, v, *mask):
    """Attention on doubles of its pieces; the mask, if any, by position, so that its later state comes back too."""
    return submission.call("scaled_dot_product_attention", q, k, v, *mask, doubles=PIECES)


def _layer(submission, draw):
    """A SelfAttention with drawn parameters, on PyTorch's attention in place of the exercise before."""
    parameters = draw.linear("linear_q", 6, 4) | draw.linear("linear_k", 6, 4) | draw.linear("linear_v", 6, 4)
    return submission.module("SelfAttention", SIZES, parameters, doubles=ATTENTION)


def _some_allowed(draw, rows: int, columns: int) -> np.ndarray:
    """A random mask (rows, columns) of bools in which every row has both an allowed and a hidden key, and rows differ."""
    mask = draw.integers(0, 2, rows, columns).astype(bool)
    for row in range(rows):
        mask[row, row % columns] = True
        mask[row, (row + 1) % columns] = False
    return mask
