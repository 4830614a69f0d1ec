"""Probes of lesson 08: windows, an honest split, standardizing, ridge regression, the decoder, and its score.

No two axes share a size: B windows, T bins, N features, D = d_model, OUT outputs, and a decoder's window longer than T.
"""

import numpy as np

from autograder.probe import exercise
from autograder.submission import StudentError

B, T, N, D, OUT, WINDOW, H = 4, 7, 5, 6, 3, 9, 2
SIZES = {"num_electrodes": N, "d_model": D, "num_heads": H, "num_layers": 2, "num_outputs": OUT, "window": WINDOW}

windows = exercise(
    "sliding_windows",
    right="A thousand windows, and no memory of their own. Neighbors share almost all their numbers: remember that when you split.",
)
split = exercise(
    "contiguous_split",
    right="No test bin stands next to a training bin, and the gap is where windows and filters of one part would reach into the other.",
)
standardizer = exercise(
    "fit_standardizer", right="Two numbers a feature, and both come from training data: the test block has no say in how it is seen."
)
ridge = exercise(
    "ridge_fit", right="Everything is in closed form: no steps, no seed. A score of a network means little until you know this one's."
)
decoder = exercise(
    "ECoGDecoder",
    right="The read-in sets the width free from the number of electrodes, and a causal decoder says at each bin what it could say live.",
)
score = exercise(
    "evaluate", right="A mean of the same kind as the training loss, so the two can be drawn in one plot; and the model did not notice."
)


def error_of(module, *args):
    """The class name of the exception that a module raises, "" if it raises none; code not written yet still counts as such."""
    try:
        module(*args)
    except StudentError as error:
        if error.failure.kind == "NotImplementedError":
            raise
        return error.failure.kind
    return ""


def moved(before, after):
    """For each bin, whether its output changed."""
    return np.abs(np.subtract(after, before)).max(axis=-1) > 1e-4


# --- windows ---


@windows.probe(points=2)
def test_windows_values(submission, observe, draw):
    """Entry [w, t] is bin w * step + t of x with all its features, for every window that fits; bins left over are not used."""
    reply = submission.call("sliding_windows", draw.normal(17, 3), 5, 2)
    observe("windows of 5 bins, every second bin, (7, 5, 3)", reply.result)
    observe("x, afterwards", reply.arguments[0])
    observe("windows at every bin", submission.call("sliding_windows", draw.normal(11, 2), 4, 1).result)
    observe("windows of 4 bins every 3, one bin left over", submission.call("sliding_windows", draw.normal(12, 2), 4, step=3).result)


@windows.probe(points=1)
def test_windows_view(submission, observe, draw):
    """The windows lie in the memory of x: no number is copied."""
    places = {True: "in the memory of x", False: "in memory of their own"}
    for length, step in ((5, 2), (4, 1)):
        reply = submission.call("sliding_windows", draw.normal(13, 3), length, step, then="shares_memory")
        observe(f"where windows of {length} bins, every {step}, lie", places.get(reply.result, "nowhere: there is no tensor"))


@windows.probe(points=1)
def test_windows_edges(submission, observe, draw):
    """One window if x is just as long; windows of one bin; steps longer than a window; and integers stay integers."""
    observe("one window as long as x", submission.call("sliding_windows", draw.normal(6, 3), 6, 1).result)
    observe("windows of one bin", submission.call("sliding_windows", draw.normal(7, 3), 1, 2).result)
    observe("windows of 2 bins, every 5", submission.call("sliding_windows", draw.normal(13, 4), 2, 5).result)
    observe("windows of integers", submission.call("sliding_windows", draw.integers(0, 9, 8, 3), 4, 2).result)


@windows.probe(points=1)
def test_windows_errors(submission, observe, draw):
    """A window longer than x raises ValueError, and so does a length or a step below 1; a window just as long as x does not."""
    x = draw.normal(6, 2)
    observe("error for a window that just fits", submission.error("sliding_windows", x, 6, 1))
    observe("error for a window one bin too long", submission.error("sliding_windows", x, 7, 1))
    observe("error for a window two bins too long, in steps of 3", submission.error("sliding_windows", x, 8, 3))
    observe("error for step 0", submission.error("sliding_windows", x, 3, 0))
    observe("error for length 0", submission.error("sliding_windows", x, 0, 1))


# --- the split ---


@split.probe(points=2)
def test_split_values(submission, observe, draw):
    """Training, gap, validation, gap, test, to the last window; the shares are of the windows that are not in a gap, rounded down."""
    gap = int(draw.integers(5, 40))
    for remaining in (613, 277):  # shares of these are far from whole numbers, so rounding errors do not matter
        found = submission.call("contiguous_split", remaining + 2 * gap, (0.7, 0.16, 0.14), gap).result
        observe(f"(train, validation, test) of {remaining + 2 * gap} windows with a gap of {gap}", found)
    other = submission.call("contiguous_split", 41, fractions=(0.5, 0.25, 0.25), gap=gap // 5).result
    observe(f"(train, validation, test) of half and two quarters of 41 windows, gap {gap // 5}", other)


@split.probe(points=1)
def test_split_order(submission, observe, draw):
    """Each part is one block without holes, and the parts follow one another in time."""
    found = submission.call("contiguous_split", int(draw.integers(90, 120)), (0.6, 0.3, 0.1), 4).result
    parts = [np.asarray(part).ravel() for part in found]
    observe("the windows of each part", ["one block" if (np.diff(part) == 1).all() else "not one block, ascending" for part in parts])
    later = [parts[i].max() < parts[i + 1].min() for i in range(len(parts) - 1)]
    observe("the beginning of validation and of test", ["after the last part" if each else "before the last part's end" for each in later])


@split.probe(points=1)
def test_split_gap(submission, observe, draw):
    """Between two neighboring parts exactly `gap` windows are left out, both times; a gap of 0 leaves out none."""
    count = int(draw.integers(70, 90))
    for gap in (11, 1, 0):
        parts = [np.asarray(part).ravel() for part in submission.call("contiguous_split", count, (0.7, 0.2, 0.1), gap).result]
        left_out = [parts[i + 1].min() - parts[i].max() - 1 for i in range(len(parts) - 1)]
        observe(f"windows left out between the parts, gap {gap}", left_out)


@split.probe(points=1)
def test_split_errors(submission, observe, draw):
    """Where a part would be empty, ValueError names the number of windows and the gap."""
    gap = int(draw.integers(30, 40))
    for count, fractions in ((2 * gap + 5, (0.7, 0.15, 0.15)), (2 * gap, (0.6, 0.2, 0.2)), (gap + 7, (0.6, 0.2, 0.2))):
        kind, message = "", ""
        try:
            submission.call("contiguous_split", count, fractions, gap)
        except StudentError as error:
            if error.failure.kind == "NotImplementedError":
                raise
            kind, message = error.failure.kind, error.failure.message
        observe(f"error for {count} windows with a gap of {gap}", kind)
        observe(f"its message, on the {count} windows", "names them" if str(count) in message else "does not name them")
        named = str(gap) in message or str(2 * gap) in message
        observe(f"its message, on the gap of {gap} (or both gaps together)", "names it" if named else "does not name it")
    observe("no error if each part has one window", submission.call("contiguous_split", 2 * gap + 4, (0.5, 0.25, 0.25), gap).result)


# --- standardizing ---


@standardizer.probe(points=1)
def test_standardizer_values(submission, observe, draw):
    """For each feature: the mean over all other axes, and the root of the mean squared deviation from it."""
    scale, shift = draw.uniform(0.5, 3.0, N), draw.normal(N, scale=2.0)
    reply = submission.call("fit_standardizer", draw.normal(B, T, N) * scale + shift)
    observe("(mean, sd) of windows", reply.result)
    observe("train, afterwards", reply.arguments)


@standardizer.probe(points=1)
def test_standardizer_axes(submission, observe, draw):
    """The features are the last axis, however many axes stand before it."""
    observe("(mean, sd) of two bins", submission.call("fit_standardizer", np.array([[1.0, 10.0], [3.0, 50.0]])).result)
    observe("(mean, sd) of bins (T, N)", submission.call("fit_standardizer", draw.normal(T, N)).result)
    observe("(mean, sd) of four axes", submission.call("fit_standardizer", draw.normal(2, 3, B, N)).result)
    observe("(mean, sd) of a single feature", submission.call("fit_standardizer", draw.normal(B, T, 1)).result)


@standardizer.probe(points=1)
def test_standardizer_constant(submission, observe, draw):
    """A feature that never changes gets sd 1; one that changes little keeps its own."""
    x = draw.normal(B, T, N)
    x[..., 1], x[..., 4] = int(draw.integers(2, 9)), 0.0
    x[..., 2] *= 0.0625  # a power of two, so that every number still fits into float32
    found = submission.call("fit_standardizer", x).result
    sd = np.ravel(found[1])
    constant = ["0 or less" if value <= 0 else "not 1, but above 0" if abs(value - 1) > 1e-3 else "1" for value in sd[[1, 4]]]
    observe("sd of two features that never change", constant)
    observe("sd of the others", sd[[0, 2, 3]])
    observe("means", found[0])


# --- ridge ---

#: A linear system in float32 is solved to fewer digits than a sum.
SOLVED = {"rtol": 1e-3, "atol": 3e-4}


@ridge.probe(points=2)
def test_ridge_values(submission, observe, draw):
    """Weights and intercept make the least of the sum of squared errors plus alpha times the sum of squared weights."""
    x, y = draw.normal(23, N) + draw.normal(N), draw.normal(23, OUT) + draw.normal(OUT)
    for alpha in (2.0, 30.0):
        reply = submission.call("ridge_fit", x, y, alpha)
        observe(f"(weights, intercept) for alpha={alpha:g}", reply.result, **SOLVED)
        observe("x and y, afterwards", reply.arguments[:2])


@ridge.probe(points=1)
def test_ridge_intercept(submission, observe, draw):
    """The intercept is not penalized: with a penalty beyond all measure the weights vanish, and the mean of y is predicted."""
    x, y = draw.normal(19, N) + 1.0, draw.normal(19, OUT) + 5.0
    observe("(weights, intercept) for alpha=1e8", submission.call("ridge_fit", x, y, 1e8).result, **SOLVED)
    observe("(weights, intercept) for y and for y + 10", [submission.call("ridge_fit", x, y + c, 4.0).result for c in (0, 10)], **SOLVED)


@ridge.probe(points=1)
def test_ridge_more_features(submission, observe, draw):
    """With more features than samples there is still one answer; one feature and one output will do as well."""
    observe(
        "(weights, intercept) of 6 samples with 11 features",
        submission.call("ridge_fit", draw.normal(6, 11), draw.normal(6, 2), 1.5).result,
        **SOLVED,
    )
    observe(
        "(weights, intercept) of one feature", submission.call("ridge_fit", draw.normal(8, 1) + 2, draw.normal(8, 1), 0.5).result, **SOLVED
    )


# --- the decoder ---

#: Norms after attention magnify rounding errors, so outputs are compared a little less strictly.
CLOSE = {"rtol": 1e-3, "atol": 1e-4}

PASS = {"double": "passing"}


def layer_parameters(draw, place, d):
    """Parameters of the nn.TransformerEncoderLayer number `place`, of width d and feed-forward width 2 * d."""
    own = draw.linear("self_attn.out_proj", d, d) | draw.linear("linear1", d, 2 * d) | draw.linear("linear2", 2 * d, d)
    own |= {"self_attn.in_proj_weight": draw.normal(3 * d, d, scale=d**-0.5), "self_attn.in_proj_bias": draw.normal(3 * d, scale=0.5)}
    own |= draw.norm("norm1", d) | draw.norm("norm2", d)
    return {f"layers.layers.{place}.{name}": values for name, values in own.items()}


def decoder_parameters(draw, sizes):
    n, d = sizes["num_electrodes"], sizes["d_model"]
    own = draw.linear("read_in", n, d) | {"positions": draw.normal(sizes["window"], d)}
    for place in range(sizes["num_layers"]):
        own |= layer_parameters(draw, place, d)
    return own | draw.norm("norm", d) | draw.linear("read_out", d, sizes["num_outputs"])


def whole(submission, draw, training=False, **changed):
    sizes = SIZES | changed
    return submission.module("ECoGDecoder", sizes, decoder_parameters(draw, sizes), training=training)


@decoder.probe(points=2)
def test_decoder_values(submission, observe, draw):
    """Features are read in, positions added, then layers, norm and read-out: an output for every bin, causal unless told otherwise."""
    reply = whole(submission, draw)(draw.normal(B, T, N))
    observe("outputs (B, T, num_outputs)", reply.result, **CLOSE)
    observe("x, afterwards", reply.arguments)
    wide = {"num_electrodes": 10, "d_model": 4, "num_heads": 1, "num_layers": 1, "num_outputs": 2, "window": 6}
    observe("outputs of a narrow decoder of one layer", whole(submission, draw, **wide)(draw.normal(3, 5, 10)).result, **CLOSE)


@decoder.probe(points=1)
def test_decoder_dependence(submission, observe, draw):
    """A causal decoder's output t hears from bins 0 to t of its own window and from no later one, in training too."""
    module, x = whole(submission, draw, causal=True), draw.normal(B, T, N)
    before = module(x).result
    for place in (0, 3, T - 1):
        changed = x.copy()
        changed[1, place] = draw.normal(N)
        observe(f"which outputs move when bin {place} of window 1 changes", moved(before, module(changed).result))
    # Evaluation may take a faster path through PyTorch than training, with another reading of the mask.
    module, changed = whole(submission, draw, training=True), x.copy()
    changed[:, 4] = draw.normal(B, N)
    earlier = moved(module(x).result, module(changed).result)[:, :4]
    observe("in training, outputs before a bin that changes", "move" if earlier.any() else "stay")


@decoder.probe(points=1)
def test_decoder_acausal(submission, observe, draw):
    """With causal=False every output hears from all bins of its own window."""
    module, x = whole(submission, draw, causal=False), draw.normal(B, T, N)
    before, changed = module(x).result, x.copy()
    changed[2, 3] = draw.normal(N)
    observe("outputs", before, **CLOSE)
    observe("which outputs move when bin 3 of window 2 changes", moved(before, module(changed).result))


@decoder.probe(points=1)
def test_decoder_positions(submission, observe, draw):
    """Positions belong to bins: the first T of them are added to the T tokens, before anything else is done."""
    parts = {name: PASS for name in ("dropout", "layers", "norm", "read_out")}
    parameters = draw.linear("read_in", N, D) | {"positions": draw.normal(WINDOW, D)}
    module = submission.module("ECoGDecoder", SIZES, parameters, parts)
    observe("tokens with positions, dropout, layers, norm and read-out taken out", module(draw.normal(B, T, N)).result)
    alike = np.repeat(draw.normal(B, 1, N), T, axis=1)
    observe("outputs, all parts in place, for bins that are all alike", whole(submission, draw, causal=False)(alike).result, **CLOSE)


@decoder.probe(points=1)
def test_decoder_lengths(submission, observe, draw):
    """Any number of bins up to the window works, one included; one more raises ValueError."""
    module = whole(submission, draw)
    observe("output for one bin", module(draw.normal(B, 1, N)).result, **CLOSE)
    observe("outputs for a full window", module(draw.normal(2, WINDOW, N)).result, **CLOSE)
    for causal in (True, False):
        error = error_of(whole(submission, draw, causal=causal), draw.normal(2, WINDOW + 1, N))
        observe(f"error for one bin more than the window, causal={causal}", error)


@decoder.probe(points=1)
def test_decoder_dropout(submission, observe, draw):
    """Dropout of 0.3 works in training only: on the tokens with their positions, and inside the layers."""
    stream = draw.linear("read_in", N, D) | {"positions": draw.normal(WINDOW, D)}
    x, ends = draw.normal(16, T, N), {"norm": PASS, "read_out": PASS}
    modes = (False, True)
    calm, shaken = (submission.module("ECoGDecoder", SIZES, stream, ends | {"layers": PASS}, training=m)(x).result for m in modes)
    observe("tokens in evaluation", calm)
    observe("in training, the tokens' numbers are", fates(calm, shaken, 1 / 0.7))
    # Attention is silenced, and the feed-forward part says the same to every token, so that what is added shows dropout alone.
    layer = layer_parameters(draw, 0, D)
    for name in ("self_attn.out_proj.weight", "self_attn.out_proj.bias", "linear1.weight", "linear2.bias"):
        layer[f"layers.layers.0.{name}"] *= 0
    layer["layers.layers.0.linear1.bias"] = draw.uniform(1, 2, 2 * D)
    layer["layers.layers.0.linear2.weight"] = np.eye(D, 2 * D)
    one = SIZES | {"num_layers": 1}
    said = [submission.module("ECoGDecoder", one, stream | layer, ends | {"dropout": PASS}, training=m)(x).result for m in modes]
    added = [np.subtract(each, calm) for each in said]
    observe("what the layer adds in evaluation", added[0], **CLOSE)
    observe("in training, the numbers that the layer adds, dropped twice, are", fates(*added, 0.7**-2))


def fates(calm, shaken, louder):
    """What became of the numbers in training: which of three things happened to any of them, in words."""
    silent, made_up = np.abs(shaken) < 1e-4, np.abs(np.subtract(shaken, np.multiply(calm, louder))) < 1e-3
    seen = {"silent": silent & ~made_up, "as much louder as makes up for those": made_up & ~silent, "something else": ~(silent | made_up)}
    return ", or ".join(name for name, any_of_them in seen.items() if any_of_them.any())


@decoder.probe(points=1)
def test_decoder_parameters(submission, observe, draw):
    """The decoder has the named parts and no other parameters, and only these are saved; positions begin small, with sd 0.02."""
    window = int(draw.integers(150, 200))
    sizes = {"num_electrodes": 11, "d_model": 24, "num_heads": 3, "num_layers": 2, "num_outputs": OUT, "window": window}
    described = submission.describe("ECoGDecoder", sizes)
    observe("parameters", described["parameters"])
    observe("parameters that share their numbers", described["shared"])
    saved = submission.call("ECoGDecoder", **sizes, then="saved").result
    others = set(saved) - set(described["parameters"])
    observe("what is saved besides the parameters", "something" if others else "nothing")
    mean, sd = saved.get("positions", [1.0, 1.0])
    small = abs(mean) < 0.002 and abs(sd - 0.02) < 0.002
    observe("positions, to begin with", "mean 0 and sd 0.02" if small else "another mean or another sd")


@decoder.probe(points=1)
def test_decoder_heads(submission, observe, draw):
    """A width that num_heads does not divide raises ValueError; the number of features does not have to be divisible."""
    observe("error for d_model=6 and num_heads=4", error_of(whole(submission, draw, num_heads=4), draw.normal(B, T, N)))
    observe(
        "outputs of 3 heads for 7 features", whole(submission, draw, num_electrodes=7, num_heads=3)(draw.normal(B, T, 7)).result, **CLOSE
    )


# --- the score ---


def asked(submission, draw, batches, model, then=""):
    """What evaluate makes of a stand-in (..., N) to (..., OUT), on batches of so many samples."""
    pairs = [(draw.normal(b, T, N), draw.normal(b, T, OUT)) for b in batches]
    return submission.call("evaluate", pairs, model=model, then=then).result


def linear(draw):
    sizes = {"in_features": N, "out_features": OUT}
    parameters = {"weight": draw.normal(OUT, N, scale=0.5), "bias": draw.normal(OUT)}
    return {"module": "double:linear", "sizes": sizes, "parameters": parameters}


def noticing(draw, what, training):
    sizes = {"inputs": N, "outputs": OUT, "notices": what}
    return {"module": "double:moody", "sizes": sizes, "parameters": draw.linear("linear", N, OUT), "training": training}


@score.probe(points=1)
def test_evaluate_equal_batches(submission, observe, draw):
    """The mean of the squared errors over all numbers of all samples, as one number."""
    observe("score of two batches of four samples", asked(submission, draw, (4, 4), linear(draw)))
    observe("score of one batch", asked(submission, draw, (6,), linear(draw)))


@score.probe(points=1)
def test_evaluate_last_batch(submission, observe, draw):
    """Each sample counts the same: those of a small last batch no more than others."""
    observe("score of batches of 8, 8 and 1", asked(submission, draw, (8, 8, 1), linear(draw)))
    observe("score of batches of 2 and 6", asked(submission, draw, (2, 6), linear(draw)))


@score.probe(points=1)
def test_evaluate_mode(submission, observe, draw):
    """The model answers in evaluation mode, whatever mode it was in."""
    model = noticing(draw, "training", training=True)
    observe("score of a model that was training", asked(submission, draw, (4, 4), model))


@score.probe(points=1)
def test_evaluate_gradients(submission, observe, draw):
    """No gradients are recorded while the model answers."""
    model = noticing(draw, "gradients", training=False)
    observe("score of a model that says something else where gradients are recorded", asked(submission, draw, (4, 4), model))


@score.probe(points=1)
def test_evaluate_mode_afterwards(submission, observe, draw):
    """Afterwards the model is in the mode in which it was before."""
    modes = {True: "training", False: "evaluation"}
    for training in (True, False):
        found = asked(submission, draw, (4, 4), noticing(draw, "training", training), then="modes")
        observe(f"modes of the model and its parts, {modes[training]} before", [modes[mode] for mode in found])
