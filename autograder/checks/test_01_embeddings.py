"""Probes of lesson 01: dot product, cosine, a table of embeddings, nearest neighbors, analogies."""

import numpy as np

from autograder.probe import exercise

dot_product = exercise("dot_product", right="One number for each pair of vectors: how much they share, times how long both are.")
cosine_similarity = exercise(
    "cosine_similarity",
    right="Length is gone, only direction is left: between -1 and 1. And a vector without a direction, the zero vector, resembles nothing.",
)
embedding = exercise("Embedding", right="One row a token, the same table for every place, every sentence and every length.")
nearest = exercise(
    "nearest", right="Best first, and no row wins by being long. If the query is itself in the table, it is its own best match."
)
analogy = exercise(
    "analogy", right="Without the exclusion the answer would often be c itself: keep that in mind when you read a famous analogy."
)

#: What stands in for earlier exercises, so that each is judged on its own.
DOT = {"dot_product": "dot_product"}
EARLIER = DOT | {"cosine_similarity": "cosine_similarity"}
ALL = EARLIER | {"nearest": "nearest"}


@dot_product.probe(points=1)
def test_one_pair(submission, observe, draw):
    """Two vectors give one number: their entries multiplied place by place, and summed."""
    observe("the dot product of two vectors", submission.call("dot_product", draw.normal(6), draw.normal(6)).result)
    observe("the dot product of two vectors of one entry", submission.call("dot_product", draw.normal(1), draw.normal(1)).result)


@dot_product.probe(points=1)
def test_leading_axes(submission, observe, draw):
    """The sum runs over the last axis only; each pair along the leading axes gives its own number."""
    observe("dot products of pairs", submission.call("dot_product", draw.normal(3, 5), draw.normal(3, 5)).result)
    observe("dot products of a batch", submission.call("dot_product", draw.normal(2, 3, 5), draw.normal(2, 3, 5)).result)


@dot_product.probe(points=1)
def test_broadcasting(submission, observe, draw):
    """Leading axes broadcast: one vector against a matrix, or all pairs of two sets."""
    observe("one vector against four", submission.call("dot_product", draw.normal(5), draw.normal(4, 5)).result)
    observe("all pairs of four and three", submission.call("dot_product", draw.normal(4, 1, 5), draw.normal(3, 5)).result)


@cosine_similarity.probe(points=1)
def test_values(submission, observe, draw):
    """The similarity is the dot product divided by the lengths of both vectors, over the last axis."""
    observe("similarity of two vectors", submission.call("cosine_similarity", draw.normal(6), draw.normal(6), doubles=DOT).result)
    pairs = draw.normal(2, 3, 5), draw.normal(2, 3, 5)
    observe("similarities of a batch", submission.call("cosine_similarity", *pairs, doubles=DOT).result)


@cosine_similarity.probe(points=1)
def test_length_plays_no_part(submission, observe, draw):
    """Stretching a vector changes nothing; turning it around changes the sign."""
    a, b, stretch = draw.normal(4, 5), draw.normal(4, 5), draw.uniform(0.2, 20, 4, 1)
    observe("similarity", submission.call("cosine_similarity", a, b, doubles=DOT).result)
    observe("similarity of stretched vectors", submission.call("cosine_similarity", a * stretch, b, doubles=DOT).result)
    observe("similarity of vectors turned around", submission.call("cosine_similarity", a, -b / stretch, doubles=DOT).result)


@cosine_similarity.probe(points=1)
def test_zero_vectors(submission, observe, draw):
    """A zero vector has the similarity 0 with everything, also with another zero vector; the other pairs are as always."""
    a, b = draw.normal(5, 4), draw.normal(5, 4)
    a[[0, 3]], b[[2, 3]] = 0, 0
    observe("similarities, zero vectors among them", submission.call("cosine_similarity", a, b, doubles=DOT).result)
    observe("a zero vector on its own", submission.call("cosine_similarity", np.zeros(3), draw.normal(3), doubles=DOT).result)


@cosine_similarity.probe(points=1)
def test_all_pairs(submission, observe, draw):
    """Leading axes broadcast: one vector against a matrix, or all pairs of two sets."""
    observe("one vector against four", submission.call("cosine_similarity", draw.normal(5), draw.normal(4, 5), doubles=DOT).result)
    observe("all pairs", submission.call("cosine_similarity", draw.normal(4, 1, 5), draw.normal(3, 5), doubles=DOT).result)


@embedding.probe(points=1)
def test_one_parameter(submission, observe, draw):
    """The module has one parameter, called weight, with a row for each token of the vocabulary."""
    sizes = {"vocab_size": int(draw.integers(7, 12)), "embed_dim": int(draw.integers(2, 6))}
    described = submission.describe("Embedding", sizes)
    observe("the parameters", described["parameters"])
    observe("how many numbers are learned", described["count"])


@embedding.probe(points=1)
def test_rows(submission, observe, draw):
    """Token t becomes row t of weight, exactly as it stands there; a repeated token gets the same row again."""
    layer = submission.module("Embedding", {"vocab_size": 7, "embed_dim": 4}, {"weight": draw.normal(7, 4)})
    order = draw.permutation(7)
    observe("the vectors of all tokens", layer(np.concatenate([order, order[:3]])).result)


@embedding.probe(points=1)
def test_any_shape(submission, observe, draw):
    """Tokens of any shape are looked up one by one: a single one, a sequence, or a batch of sequences."""
    layer = submission.module("Embedding", {"vocab_size": 9, "embed_dim": 4}, {"weight": draw.normal(9, 4)})
    observe("a batch of sequences", layer(draw.integers(0, 9, 2, 5)).result)
    observe("tokens with three axes", layer(draw.integers(0, 9, 2, 3, 1)).result)
    observe("a single token", layer(draw.integers(0, 9)).result)


@nearest.probe(points=1)
def test_best_first(submission, observe, draw):
    """The answer is the indices of the k rows with the highest cosine similarity to the query, the best one first."""
    query, rows = draw.normal(4), draw.normal(13, 4)
    observe("the five nearest of thirteen rows", submission.call("nearest", query, rows, 5, doubles=EARLIER).result)
    observe("the nearest row alone", submission.call("nearest", query, rows, 1, doubles=EARLIER).result)
    observe("all rows, ordered", submission.call("nearest", query, rows, 13, doubles=EARLIER).result)


@nearest.probe(points=1)
def test_long_rows_have_no_advantage(submission, observe, draw):
    """Neither long nor short rows have an advantage; a row in the query's own direction comes first, however short."""
    query, rows = draw.normal(4), draw.normal(13, 4) * draw.uniform(0.2, 6, 13, 1)
    rows[9] = 0.05 * query
    observe("the six nearest rows, of very different lengths", submission.call("nearest", query, rows, 6, doubles=EARLIER).result)


@nearest.probe(points=1)
def test_zero_row(submission, observe, draw):
    """A row of zeros counts as similarity 0: behind the rows that point the query's way, ahead of those that point away."""
    query = draw.normal(4)
    rows = np.concatenate([draw.uniform(0.2, 1, 3, 1) * query, np.zeros((1, 4)), draw.uniform(-1, -0.2, 4, 1) * query])
    rows = rows + draw.normal(8, 4, scale=0.1) * (np.abs(rows).sum(axis=1, keepdims=True) > 0)
    observe("all rows, a row of zeros among them", submission.call("nearest", query, rows, 8, doubles=EARLIER).result)


@analogy.probe(points=1)
def test_offset(submission, observe, draw):
    """What b is to a, the answer is to c: the row nearest by cosine to b - a + c, the rows taken as they are."""
    rows = draw.normal(17, 4) * draw.uniform(0.5, 2.5, 17, 1)
    for a, b, c in [(0, 1, 2), (12, 5, 9), (3, 16, 7), (8, 14, 4), (10, 2, 15)]:
        observe(f"analogy({a}, {b}, {c})", submission.call("analogy", a, b, c, rows, doubles=ALL).result)


@analogy.probe(points=1)
def test_the_three_are_excluded(submission, observe, draw):
    """None of the three rows of the question is ever the answer, however near it is."""
    rows = draw.normal(12, 4)
    near_c, near_b, near_a = rows.copy(), rows.copy(), rows.copy()
    near_c[7] = rows[2] + draw.normal(4, scale=0.2)  # b is nearly a, so b - a + c is nearly c
    near_b[10] = rows[2] + draw.normal(4, scale=0.2)  # c is nearly a, so b - a + c is nearly b
    near_a[7], near_a[10] = rows[2] + 0.7 * rows[5], rows[2] - 0.7 * rows[5] + draw.normal(4, scale=0.1)  # a lies between b and c
    for name, table in {"c": near_c, "b": near_b, "a": near_a}.items():
        observe(f"the answer where {name} lies nearest", submission.call("analogy", 2, 7, 10, table, doubles=ALL).result)


@analogy.probe(points=1)
def test_answer_is_a_row_of_the_whole_table(submission, observe, draw):
    """The answer is one index into the whole table, whatever the order of the three."""
    rows = draw.normal(9, 5) * draw.uniform(0.5, 2.5, 9, 1)
    rows[8] = 1.5 * (rows[1] - rows[0] + rows[2]) + draw.normal(5, scale=0.05)
    observe("the answer in the last row", submission.call("analogy", 0, 1, 2, rows, doubles=ALL).result)
    observe("asked from b and c exchanged", submission.call("analogy", 0, 2, 1, rows, doubles=ALL).result)
    observe("asked from a and b exchanged", submission.call("analogy", 1, 0, 2, rows, doubles=ALL).result)
