"""Probes of lesson 02: the table of sines and cosines, positions added to tokens, learned positions, and positions on a grid.

Lengths and widths are drawn and never equal, so that no exchanged axis goes unseen. Tables are compared to 1e-4: a student computes
their angles in float32.
"""

from autograder.probe import exercise

sinusoidal_encoding = exercise(
    "sinusoidal_encoding",
    right="Every row has the same length, because each pair is a sine and a cosine of one angle. Row 0 is 0, 1, 0, 1, and so on.",
)
positional_embedding = exercise(
    "PositionalEmbedding",
    right="The table is saved and moved with the module, and no optimizer will touch it. The same word at two places is now two vectors.",
)
learned_positions = exercise(
    "LearnedPositions",
    right="It is lesson 01's embedding once more, looked up by place instead of by word. Beyond its last row it knows nothing.",
)
sinusoidal_encoding_2d = exercise(
    "sinusoidal_encoding_2d",
    right="Two places in one row share their first half, two in one column their last half: nearness now counts in both directions.",
)

#: What stands in for the table, so that what is built on it is judged on its own.
TABLE = {"sinusoidal_encoding": "sinusoidal_encoding"}
NEAR = {"rtol": 1e-4, "atol": 1e-4}


@sinusoidal_encoding.probe(points=1)
def test_one_pair_of_columns(submission, observe, draw):
    """With two columns, row t holds the sine and the cosine of t itself; positions start at 0."""
    for length in (3, int(draw.integers(5, 12))):
        observe(f"table of {length} positions and 2 columns", submission.call("sinusoidal_encoding", length, 2).result, **NEAR)


@sinusoidal_encoding.probe(points=1)
def test_two_pairs_of_columns(submission, observe, draw):
    """With four columns, the second pair turns a hundred times more slowly than the first."""
    for length in (3, int(draw.integers(5, 8))):
        observe(f"table of {length} positions and 4 columns", submission.call("sinusoidal_encoding", length, 4).result, **NEAR)


@sinusoidal_encoding.probe(points=1)
def test_frequencies(submission, observe, draw):
    """Columns 2i and 2i + 1 hold sine and cosine of t / 10000^(2i / d_model): one frequency for both, falling from pair to pair."""
    length, width = int(draw.integers(21, 30)), 2 * int(draw.integers(3, 9))
    observe(f"table of {length} positions and {width} columns", submission.call("sinusoidal_encoding", length, width).result, **NEAR)


@sinusoidal_encoding.probe(points=1)
def test_any_length(submission, observe, draw):
    """The table has as many rows as asked for, be it one or many, and a row does not depend on how many there are."""
    width = 2 * int(draw.integers(4, 7))
    observe(f"table of a single position and {width} columns", submission.call("sinusoidal_encoding", 1, width).result, **NEAR)
    observe(f"table of 5 positions and {width} columns", submission.call("sinusoidal_encoding", 5, width).result, **NEAR)
    observe(f"table of 50 positions and {width} columns", submission.call("sinusoidal_encoding", 50, width).result, **NEAR)


@sinusoidal_encoding.probe(points=1)
def test_odd_width(submission, observe, draw):
    """An odd width raises ValueError."""
    width = 1 + 2 * int(draw.integers(2, 6))
    for columns in (width, 3):
        observe(f"the error for {columns} columns", submission.error("sinusoidal_encoding", int(draw.integers(12, 20)), columns))


@positional_embedding.probe(points=1)
def test_buffer(submission, observe, draw):
    """The module has no parameters; a buffer called pe, saved with its state, holds the table in shape (1, L, D)."""
    length, width = int(draw.integers(9, 14)), 2 * int(draw.integers(2, 4))
    saved = _embedding(submission, length, width).method("state_dict").result
    observe("the saved state", {name: values for name, values in saved.items() if name == "pe"}, **NEAR)


@positional_embedding.probe(points=1)
def test_scaled_then_added(submission, observe, draw):
    """A sequence of full length: tokens times the root of D, plus the whole table."""
    length, width = int(draw.integers(9, 14)), 2 * int(draw.integers(2, 4))
    observe("output", _embedding(submission, length, width)(draw.normal(1, length, width)).result, **NEAR)


@positional_embedding.probe(points=1)
def test_shorter_sequences(submission, observe, draw):
    """A sequence of T tokens gets the first T rows, also if it is a single token."""
    length, width = int(draw.integers(9, 14)), 2 * int(draw.integers(2, 4))
    layer = _embedding(submission, length, width)
    observe("output for a shorter sequence", layer(draw.normal(1, int(draw.integers(5, 8)), width)).result, **NEAR)
    observe("output for a single token", layer(draw.normal(1, 1, width)).result, **NEAR)


@positional_embedding.probe(points=1)
def test_batch(submission, observe, draw):
    """All sequences of a batch get the same positions, each token its own; the argument is left unchanged."""
    layer, x = _embedding(submission, 8, 6), draw.normal(3, 5, 6)
    reply = layer(x)
    observe("output", reply.result, **NEAR)
    observe("the argument afterwards", reply.arguments[0])
    moved = x.copy()
    moved[:, int(draw.integers(0, 5))] += 0.5
    observe("output after one token has changed", layer(moved).result, **NEAR)


@learned_positions.probe(points=1)
def test_one_parameter(submission, observe, draw):
    """The module has one parameter, called weight, with a row of D numbers for each of the L positions."""
    sizes = {"max_seq_len": int(draw.integers(8, 12)), "embed_model_dim": int(draw.integers(3, 7))}
    described = submission.describe("LearnedPositions", sizes)
    observe("the parameters", described["parameters"])
    observe("how many numbers are learned", described["count"])


@learned_positions.probe(points=1)
def test_added_as_they_are(submission, observe, draw):
    """Row t of weight is added to token t, and nothing is scaled."""
    weight = draw.normal(9, 4)
    observe("output for a sequence of full length", _learned(submission, weight)(draw.normal(1, 9, 4)).result)


@learned_positions.probe(points=1)
def test_shorter_batches(submission, observe, draw):
    """Every sequence of a batch of T tokens gets the first T rows, also if T is 1; the argument is left unchanged."""
    layer = _learned(submission, draw.normal(9, 4))
    reply = layer(draw.normal(2, int(draw.integers(5, 8)), 4))
    observe("output for shorter sequences", reply.result)
    observe("the argument afterwards", reply.arguments[0])
    observe("output for single tokens", layer(draw.normal(3, 1, 4)).result)


@sinusoidal_encoding_2d.probe(points=2)
def test_rows_and_columns(submission, observe, draw):
    """The first half of entry [r, c] is the table's row r, the second half its row c, each of width d_model / 2."""
    by_hand = submission.call("sinusoidal_encoding_2d", 3, 2, 4, doubles=TABLE)
    observe("table of a 3 by 2 grid and 4 numbers", by_hand.result, **NEAR)
    height, width = int(draw.integers(3, 6)), int(draw.integers(6, 9))
    table = submission.call("sinusoidal_encoding_2d", height, width, 12, doubles=TABLE)
    observe(f"table of a {height} by {width} grid and 12 numbers", table.result, **NEAR)


@sinusoidal_encoding_2d.probe(points=1)
def test_narrow_grids(submission, observe, draw):
    """A grid may have a single row or a single column, and may be taller than wide."""
    long = int(draw.integers(5, 8))
    for height, width in ((1, long), (long, 1), (long, 3)):
        table = submission.call("sinusoidal_encoding_2d", height, width, 8, doubles=TABLE)
        observe(f"table of a {height} by {width} grid and 8 numbers", table.result, **NEAR)


@sinusoidal_encoding_2d.probe(points=1)
def test_width_that_does_not_split(submission, observe, draw):
    """A d_model that is not divisible by 4 raises ValueError, whether it is odd or even."""
    for columns in (4 * int(draw.integers(1, 4)) + 2, 4 * int(draw.integers(1, 4)) + 1):
        observe(f"the error for {columns} numbers", submission.error("sinusoidal_encoding_2d", 3, 2, columns, doubles=TABLE))


def _embedding(submission, length: int, width: int):
    """A PositionalEmbedding on a stand-in for the table. It has no parameters to load, and may have none."""
    return submission.module("PositionalEmbedding", {"max_seq_len": length, "embed_model_dim": width}, {}, doubles=TABLE)


def _learned(submission, weight):
    """LearnedPositions with the given rows."""
    sizes = {"max_seq_len": weight.shape[0], "embed_model_dim": weight.shape[1]}
    return submission.module("LearnedPositions", sizes, {"weight": weight})
