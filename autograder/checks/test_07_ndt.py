"""Probes of lesson 07: bins, smoothing, masking, the Poisson loss, bits per spike, the model, a training step, a decoder."""

import numpy as np

from autograder.probe import exercise
from autograder.submission import StudentError

# Trials, time bins, held-in neurons, all neurons, width of a token: no two alike.
B, T, IN, OUT, D = 3, 7, 5, 9, 8

bins = exercise("bin_spikes", right="A table of counts: what was a list of moments can now go into any model that reads numbers.")
smoothing = exercise(
    "smooth_spikes", right="A steady neuron stays steady up to the edges, and no spike was heard in another trial or another neuron."
)
masking = exercise(
    "mask_spikes",
    right="Nobody can copy what was hidden: it has to be inferred from other neurons and other moments. That is the whole idea.",
)
loss = exercise("masked_poisson_nll", right="Log-rates in, counts as the judge, and only what was hidden is judged.")
score = exercise(
    "bits_per_spike", right="Zero is what a flat line scores. Everything above it was learned about when and together with whom."
)
model = exercise(
    "NeuralDataTransformer",
    right="It says more neurons than it hears: the held-out ones exist only at the output, so they can be predicted but never copied.",
)
step = exercise("train_step", right="Forward, loss, backward, clip, update: five lines that every model of this course is trained by.")
decoder = exercise(
    "fit_decoder", right="The penalty was chosen on trials that the read-out had not seen, which is what makes its score worth telling."
)


def counts(draw, *shape, most=4):
    """Spike counts from 0 to most, as floating-point numbers."""
    return draw.integers(0, most + 1, *shape).astype(float)


def chosen(draw, *shape, share=0.5):
    """A random mask, bool; its first entry is True and its last is False."""
    mask = draw.uniform(0, 1, *shape) < share
    mask.flat[0], mask.flat[-1] = True, False
    return mask


def said(truth):
    return "yes" if truth else "no"


def moved(before, after):
    """For each time bin of each trial, whether any neuron's value changed."""
    return np.abs(np.subtract(after, before)).max(axis=-1) > 1e-5


# --- bins ---


@bins.probe(points=1)
def test_bins_counts(submission, observe, draw):
    """Entry [t, n] is how many spikes neuron n has in bin t, whatever the order of its spikes and the widths of the bins."""
    times = [draw.uniform(0, 10, number) for number in (40, 25, 60)]
    observe("counts (T, N)", submission.call("bin_spikes", times, np.array([0.0, 1, 2.5, 5, 5.5, 10])).result)
    times = [draw.uniform(-0.5, 0.75, 30) for _ in range(2)]
    observe("counts of bins in seconds around an event", submission.call("bin_spikes", times, np.linspace(-0.5, 0.75, 6)).result)


@bins.probe(points=0.5)
def test_bins_edges(submission, observe, draw):
    """A spike exactly on an edge is counted in the bin that begins there, and on the last edge in none."""
    on_edges = [np.array([1.0, 2, 2, 4]), np.array([8.0, 4, 8]), draw.integers(0, 9, 30).astype(float)]
    observe("counts of spikes on edges", submission.call("bin_spikes", on_edges, np.array([0.0, 1, 2, 4, 8])).result)


@bins.probe(points=0.5)
def test_bins_outside(submission, observe, draw):
    """Spikes before the first and after the last edge are in no bin."""
    times = [draw.uniform(-9, 20, 50), draw.uniform(20, 30, 6), draw.uniform(-9, -1, 6)]
    observe("counts", submission.call("bin_spikes", times, np.array([0.0, 3, 4, 7, 11])).result)


@bins.probe(points=0.5)
def test_bins_silent(submission, observe, draw):
    """A neuron without a spike keeps its column, of zeros; a single bin keeps its axis."""
    times = [draw.uniform(0, 4, 9), np.zeros(0), draw.uniform(0, 4, 7)]
    observe("counts where neuron 1 is silent", submission.call("bin_spikes", times, np.arange(5.0)).result)
    observe("counts of a single bin", submission.call("bin_spikes", times, np.array([1.0, 3])).result)


# --- smoothing ---


@smoothing.probe(points=1)
def test_smoothing_values(submission, observe, draw):
    """Bin t becomes the average of its trial's bins, weighted by a Gaussian of their distance; sd is in bins."""
    reply = submission.call("smooth_spikes", counts(draw, B, 12, IN), 1.5)
    observe("smoothed (B, T, N)", reply.result)
    observe("spikes, afterwards", reply.arguments[0])
    observe("smoothed with sd=0.75", submission.call("smooth_spikes", counts(draw, 2, 6, 4), 0.75).result)


@smoothing.probe(points=1)
def test_smoothing_edges(submission, observe, draw):
    """The weights are shares at the edges too: a neuron that fires steadily stays as it is, however wide the Gaussian."""
    steady = np.broadcast_to(counts(draw, B, 1, IN) + 1, (B, T, IN)).copy()
    for sd in (1.0, 4.0):
        observe(f"smoothed steady counts, sd={sd}", submission.call("smooth_spikes", steady, sd).result)
    observe("smoothed with an sd far wider than a trial", submission.call("smooth_spikes", counts(draw, B, T, IN), 100.0).result)
    observe("smoothed trials of one bin", submission.call("smooth_spikes", counts(draw, B, 1, IN), 2.0).result)


@smoothing.probe(points=1)
def test_smoothing_dependence(submission, observe, draw):
    """A spike is heard before and after its bin, but in no other trial and no other neuron."""
    spikes = counts(draw, B, T, IN)
    before = submission.call("smooth_spikes", spikes, 2.0).result
    for trial, t, neuron in ((1, 3, 2), (0, T - 1, 0), (2, 0, IN - 1)):
        more = spikes.copy()
        more[trial, t, neuron] += 6
        change = np.subtract(submission.call("smooth_spikes", more, 2.0).result, before)
        observe(f"what a spike in trial {trial}, bin {t}, neuron {neuron} changes", change)


# --- masking ---

MANY = (7, 30, 60)  # so many entries that a share of them is within 0.03 of its probability


def masked(submission, spikes, ratio, seed):
    """What mask_spikes returns, as (masked, mask)."""
    hidden, mask = submission.call("mask_spikes", spikes, ratio, seed).result
    return hidden, mask


@masking.probe(points=1)
def test_masking_values(submission, observe, draw):
    """Hidden counts are exactly 0, all others are scaled up by 1 / (1 - ratio), and mask says which is which: True = hidden."""
    spikes, seed = counts(draw, B, 12, IN) + 1, int(draw.integers(0, 1000))
    for ratio in (0.25, 0.5):
        hidden, mask = masked(submission, spikes, ratio, seed)
        observe(f"ratio {ratio}: masked, set to zero by the check", np.zeros_like(hidden))  # its shape and kind
        observe(f"ratio {ratio}: mask, set to False by the check", np.zeros_like(mask))
        factors = np.divide(hidden, spikes)
        observe(f"ratio {ratio}: smallest and largest number where mask is True", extremes(hidden[mask]))
        observe(f"ratio {ratio}: smallest and largest factor where mask is False", extremes(factors[~mask]))


def extremes(values):
    return [np.min(values), np.max(values)]


@masking.probe(points=1)
def test_masking_share(submission, observe, draw):
    """ratio is the probability that an entry is hidden, whether its count is zero or not."""
    spikes, seed = counts(draw, *MANY, most=2), int(draw.integers(0, 1000))
    for ratio in (0.2, 0.6):
        _, mask = masked(submission, spikes, ratio, seed)
        observe(f"ratio {ratio}: is about that share hidden", said(abs(np.mean(mask) - ratio) < 0.03))
        observe(f"ratio {ratio}: is it hidden among counts of zero", said(abs(np.mean(mask[spikes == 0]) - ratio) < 0.05))
        observe(f"ratio {ratio}: is it hidden among other counts", said(abs(np.mean(mask[spikes > 0]) - ratio) < 0.05))


@masking.probe(points=1)
def test_masking_independent(submission, observe, draw):
    """Each entry is hidden or not on its own: not whole time bins, whole neurons, or the same entries of every trial."""
    _, mask = masked(submission, counts(draw, *MANY), 0.5, int(draw.integers(0, 1000)))
    for axis, name in enumerate(("trials", "time bins", "neurons")):
        first, second = np.delete(mask, -1, axis), np.delete(mask, 0, axis)
        observe(f"do neighboring {name} agree in half of their entries", said(0.4 < np.mean(first == second) < 0.6))


@masking.probe(points=1)
def test_masking_seed(submission, observe, draw):
    """The same seed hides the same entries, whatever the counts, and another seed hides others."""
    seed = int(draw.integers(0, 1000))
    first, other = counts(draw, *MANY), counts(draw, *MANY)
    _, mask = masked(submission, first, 0.4, seed)
    observe("are the same entries hidden with the same seed", said(np.array_equal(mask, masked(submission, first, 0.4, seed)[1])))
    observe("are they with other counts", said(np.array_equal(mask, masked(submission, other, 0.4, seed)[1])))
    agree = np.mean(mask == masked(submission, first, 0.4, seed + 1)[1])
    observe("are others hidden with the next seed", said(agree < 0.7))  # by chance 0.52 of the entries agree


@masking.probe(points=0.5)
def test_masking_nothing(submission, observe, draw):
    """With ratio 0 nothing is hidden and nothing is scaled; the counts that were given stay as they are with any ratio."""
    spikes = counts(draw, B, T, IN)
    observe("(masked, mask) for ratio 0", submission.call("mask_spikes", spikes, 0.0, 3).result)
    observe("spikes, afterwards", submission.call("mask_spikes", spikes, 0.5, int(draw.integers(0, 1000))).arguments[0])


@masking.probe(points=0.5)
def test_masking_errors(submission, observe, draw):
    """A ratio below 0, or of 1 and above, raises ValueError."""
    spikes = counts(draw, B, T, IN)
    for ratio in (1.0, 1.5, -0.1):
        observe(f"error for ratio {ratio}", submission.error("mask_spikes", spikes, ratio, 0))


# --- the loss ---


@loss.probe(points=1.5)
def test_loss_values(submission, observe, draw):
    """The loss is the mean of exp(log-rate) - count · log-rate over the scored entries of the whole batch, and has no other term."""
    mask = draw.uniform(0, 1, B, T, OUT) < np.array([0.1, 0.5, 0.9])[:, None, None]  # few entries of one trial, many of another
    reply = submission.call("masked_poisson_nll", draw.normal(B, T, OUT), counts(draw, B, T, OUT), mask)
    observe("loss", reply.result)
    observe("log_rates, spikes and mask, afterwards", reply.arguments)
    everything = np.ones((B, T, IN), dtype=bool)
    observe(
        "loss where all is scored", submission.call("masked_poisson_nll", draw.normal(B, T, IN), counts(draw, B, T, IN), everything).result
    )
    one = np.zeros((B, T, IN), dtype=bool)
    one[1, 4, 2] = True
    observe("loss of a single entry", submission.call("masked_poisson_nll", draw.normal(B, T, IN), counts(draw, B, T, IN), one).result)


@loss.probe(points=1)
def test_loss_other_entries(submission, observe, draw):
    """What is not scored does not count: other numbers there, NaN and infinity too, leave the loss as it is."""
    log_rates, spikes, mask = draw.normal(B, T, OUT), counts(draw, B, T, OUT), chosen(draw, B, T, OUT, share=0.3)
    observe("loss", submission.call("masked_poisson_nll", log_rates, spikes, mask).result)
    other = np.where(mask, log_rates, draw.normal(B, T, OUT)), np.where(mask, spikes, counts(draw, B, T, OUT))
    observe("loss with other numbers where nothing is scored", submission.call("masked_poisson_nll", *other, mask).result)
    unknown = log_rates, np.where(mask, spikes, np.nan), mask
    observe("loss with NaN for counts that are not scored", submission.call("masked_poisson_nll", *unknown).result)
    wild = np.where(mask, log_rates, np.inf), spikes, mask
    observe("loss with infinite log-rates that are not scored", submission.call("masked_poisson_nll", *wild).result)


@loss.probe(points=1)
def test_loss_gradient(submission, observe, draw):
    """Its gradient reaches the scored log-rates and is 0 at all others, also where a count there is NaN."""
    log_rates, spikes, mask = draw.normal(B, T, OUT), counts(draw, B, T, OUT), chosen(draw, B, T, OUT)
    observe("gradient by log_rates", submission.call("masked_poisson_nll", log_rates, spikes, mask, then="gradient").result)
    unknown = np.where(mask, spikes, np.nan)
    observe("gradient, NaN not scored", submission.call("masked_poisson_nll", log_rates, unknown, mask, then="gradient").result)


@loss.probe(points=0.5)
def test_loss_nothing(submission, observe, draw):
    """If no entry is scored, the loss is 0."""
    nothing = np.zeros((B, T, OUT), dtype=bool)
    observe("loss", submission.call("masked_poisson_nll", draw.normal(B, T, OUT), counts(draw, B, T, OUT), nothing).result)


# --- the score ---


@score.probe(points=1.5)
def test_score_values(submission, observe, draw):
    """The score is the null model's summed loss minus that of the log-rates, for each spike, in bits."""
    for name, shape in (("score", (B, T, OUT)), ("score of few neurons in long trials", (4, 17, 2))):
        reply = submission.call("bits_per_spike", draw.normal(*shape, scale=0.7), counts(draw, *shape))
        observe(name, reply.result)
        observe("log_rates and spikes, afterwards", reply.arguments)


@score.probe(points=1)
def test_score_null(submission, observe, draw):
    """The null model knows each neuron's mean over all trials and bins of these spikes: whoever predicts that scores 0."""
    spikes = counts(draw, B, T, OUT) * (1 + np.arange(OUT))  # neurons of very different means
    spikes[0, 0], spikes[1] = 1, spikes[1] * 3  # none is silent, and one trial is livelier
    means = np.log(np.broadcast_to(spikes.mean(axis=(0, 1)), spikes.shape))
    observe("score of each neuron's mean", submission.call("bits_per_spike", means, spikes).result, atol=1e-4)
    observe("score of all neurons' mean", submission.call("bits_per_spike", np.full(spikes.shape, np.log(spikes.mean())), spikes).result)
    truth = np.log(np.maximum(spikes, 0.5))
    observe("score of log-rates that know the counts", submission.call("bits_per_spike", truth, spikes).result)


@score.probe(points=1)
def test_score_silent(submission, observe, draw):
    """A neuron without a spike adds nothing to the null model's loss, and what is predicted for it still costs."""
    spikes = counts(draw, B, T, OUT)
    spikes[..., 3] = 0
    observe("score with a silent neuron", submission.call("bits_per_spike", draw.normal(B, T, OUT, scale=0.5), spikes).result)


@score.probe(points=0.5)
def test_score_form(submission, observe, draw):
    """The score is a Python float; without any spike there is none, and ValueError is raised."""
    log_rates, spikes = draw.normal(B, T, OUT, scale=0.5), counts(draw, B, T, OUT)
    observe("is it a float", said(isinstance(submission.call("bits_per_spike", log_rates, spikes).result, float)))
    observe("error without a spike", submission.error("bits_per_spike", log_rates, np.zeros((B, T, OUT))))


# --- the model ---

SIZES = {"num_in": IN, "num_out": OUT, "d_model": D, "num_heads": 2, "num_layers": 1, "trial_length": T, "dropout_p": 0.25}

#: Norms magnify rounding errors, so log-rates are compared a little less strictly.
CLOSE = {"rtol": 1e-3, "atol": 1e-4}


def weights(draw, num_in=IN, num_out=OUT, d_model=D, num_layers=1, trial_length=T):
    """Parameters of a NeuralDataTransformer by name."""
    table = draw.linear("read_in", num_in, d_model) | {"positions": draw.normal(trial_length, d_model)}
    for layer in (f"encoder.layers.{i}" for i in range(num_layers)):
        table |= {f"{layer}.self_attn.in_proj_weight": draw.normal(3 * d_model, d_model, scale=d_model**-0.5)}
        table |= {f"{layer}.self_attn.in_proj_bias": draw.normal(3 * d_model, scale=0.5)}
        table |= draw.linear(f"{layer}.self_attn.out_proj", d_model, d_model)
        table |= draw.linear(f"{layer}.linear1", d_model, 2 * d_model) | draw.linear(f"{layer}.linear2", 2 * d_model, d_model)
        table |= draw.norm(f"{layer}.norm1", d_model) | draw.norm(f"{layer}.norm2", d_model)
    return table | draw.norm("encoder.norm", d_model) | draw.linear("read_out", d_model, num_out)


def network(submission, draw, **options):
    return submission.module("NeuralDataTransformer", SIZES, weights(draw), **options)


@model.probe(points=3)
def test_model_log_rates(submission, observe, draw):
    """Read-in, plus positions, the encoder with its last norm, read-out: the log-rates of all neurons, with no function after that."""
    module = submission.module("NeuralDataTransformer", SIZES | {"num_layers": 2}, weights(draw, num_layers=2))
    reply = module(counts(draw, B, T, IN))
    observe("log-rates (B, T, num_out)", reply.result, **CLOSE)
    observe("spikes, afterwards", reply.arguments[0])


@model.probe(points=1)
def test_model_sizes(submission, observe, draw):
    """Depth, heads, widths and the length of a trial are those asked for."""
    for layers, heads, length in ((1, 4, 6), (3, 1, 10)):
        sizes = {
            "num_in": 4,
            "num_out": 3,
            "d_model": 12,
            "num_heads": heads,
            "num_layers": layers,
            "trial_length": length,
            "dropout_p": 0.1,
        }
        module = submission.module("NeuralDataTransformer", sizes, weights(draw, 4, 3, 12, layers, length))
        observe(f"log-rates of {layers} layer{'s' * (layers > 1)}", module(counts(draw, 2, length, 4)).result, **CLOSE)


@model.probe(points=1)
def test_model_dependence(submission, observe, draw):
    """A time bin reaches every bin of its own trial, earlier ones too, and no other trial."""
    module, spikes = network(submission, draw), counts(draw, B, T, IN)
    before = module(spikes).result
    for t in (1, T - 1):
        changed = spikes.copy()
        changed[1, t] += 1 + counts(draw, IN)
        observe(f"which bins move when bin {t} of trial 1 changes", moved(before, module(changed).result))


@model.probe(points=1)
def test_model_dropout(submission, observe, draw):
    """In training, dropout with dropout_p acts before the encoder, in its layers and after it; in evaluation nowhere."""
    spikes, p = counts(draw, B, T, IN), {"dropout_p": 1.0}
    tokens = draw.normal(B, T, D)
    silenced = submission.module("NeuralDataTransformer", SIZES | p, weights(draw), training=True)
    observe("log-rates when all is dropped", silenced(spikes).result, **CLOSE)
    observe("encoder's output when all is dropped in its layers", silenced.method("encoder", tokens).result, **CLOSE)
    # Without an encoder, and read out as they are, tokens show how often they were dropped, each time by one half.
    table = {name: values for name, values in weights(draw, num_out=D).items() if not name.startswith("encoder")}
    table |= {"read_out.weight": np.eye(D), "read_out.bias": np.zeros(D)}
    sizes, bare = SIZES | {"num_out": D, "dropout_p": 0.5}, {"parts": {"encoder": {"double": "passing"}}}
    calm, shaken = (submission.module("NeuralDataTransformer", sizes, table, training=t, **bare)(spikes).result for t in (False, True))
    observe("log-rates in evaluation, without an encoder", calm, **CLOSE)
    observe("in training, are entries silent or four times as large", said(np.all(near(shaken, 0) | near(shaken, np.multiply(calm, 4)))))
    observe("are some silent, some not", said(0 < np.mean(near(shaken, 0)) < 1))


def near(a, b):
    return np.abs(np.subtract(a, b)) < 1e-4


@model.probe(points=1)
def test_model_length(submission, observe, draw):
    """A trial of another length than trial_length raises ValueError, and its message tells both lengths."""
    module = network(submission, draw)
    for length in (T - 1, T + 1, 1):
        kind, message = refusal(module, counts(draw, B, length, IN))
        observe(f"error for {length} bins instead of {T}", kind)
        observe("does its message tell both lengths", said(str(length) in message and str(T) in message))


def refusal(module, spikes):
    """Class name and message of the error that a call raises, "" if it raises none; a module that cannot be made still says why."""
    try:
        module(spikes)
    except StudentError as error:
        if error.failure.kind in ("NotImplementedError", "Unfit"):
            raise
        return error.failure.kind, error.failure.message
    return "", ""


@model.probe(points=1)
def test_model_start_at_mean(submission, observe, draw):
    """start_at_mean sets the read-out's bias to the logarithm of each neuron's mean count, at least that of 1e-4, and returns it."""
    spikes = counts(draw, B, T, OUT) * (1 + np.arange(OUT))
    spikes[..., 4] = 0  # a silent neuron
    spikes[1, 2, 5] += 1
    table = weights(draw)
    module = submission.module("NeuralDataTransformer", SIZES, table)
    observe("what it returns", module.method("start_at_mean", spikes).result)
    module = submission.module("NeuralDataTransformer", SIZES, table, then="parameters")
    after = module.method("start_at_mean", spikes).result
    observe("read_out.bias, afterwards", after["read_out.bias"])
    others = [near(after[name], values).all() for name, values in table.items() if name != "read_out.bias"]
    observe("are all other parameters as they were", said(all(others)))


@model.probe(points=0.5)
def test_model_start(submission, observe, draw):
    """Positions and the weights of the read-out start as normal numbers of standard deviation 0.02, different for each entry."""
    sizes = {"num_in": 6, "num_out": int(draw.integers(50, 60)), "d_model": 64, "num_heads": 2, "num_layers": 1}
    sizes |= {"trial_length": int(draw.integers(40, 50)), "dropout_p": 0.1}
    saved = submission.call("NeuralDataTransformer", **sizes, then="saved").result
    observe("name of the saved positions", [name for name in saved if name.split(".")[0] == "positions"])
    for name in ("positions", "read_out.weight"):
        mean, sd = saved.get(name, (np.nan, np.nan))
        observe(f"{name}: is its mean about 0", said(abs(mean) < 0.003))
        observe(f"{name}: is its standard deviation about 0.02", said(abs(sd - 0.02) < 0.002))


# --- a training step ---

LOSS = {"masked_poisson_nll": "masked_poisson_nll"}


def trained(submission, draw, optimizer, steps=3, module="double:linear", size=1.0):
    """What three steps make of a linear model; `size` scales its log-rates."""
    if module == "double:linear":
        sizes, prefix = {"in_features": IN, "out_features": OUT}, ""
    else:
        sizes, prefix = {"inputs": IN, "outputs": OUT, "notices": "training"}, "linear."
    start = {f"{prefix}weight": draw.normal(OUT, IN, scale=0.2 * size), f"{prefix}bias": draw.normal(OUT, scale=size)}
    batch = (counts(draw, B, T, IN, most=2), counts(draw, B, T, OUT), chosen(draw, B, T, OUT, share=0.4))
    made_of = {"module": module, "sizes": sizes, "parameters": start, "optimizer": optimizer, "steps": steps}
    return submission.train("train_step", batch, **made_of, doubles=LOSS)


@step.probe(points=1)
def test_step_weights(submission, observe, draw):
    """Each step follows the gradient of the masked loss of its own batch, and of nothing before."""
    after = trained(submission, draw, {"name": "SGD", "lr": 0.3}, steps=1)
    observe("parameters after one step", after["parameters"])
    after = trained(submission, draw, {"name": "SGD", "lr": 0.3})
    observe("parameters after three steps", after["parameters"])
    observe("the losses that were returned", after["returned"])


@step.probe(points=1)
def test_step_optimizer(submission, observe, draw):
    """The optimizer that is given does the update, with its own settings and memory."""
    after = trained(submission, draw, {"name": "AdamW", "lr": 0.1, "weight_decay": 0.2})
    observe("parameters after three steps of AdamW", after["parameters"])
    after = trained(submission, draw, {"name": "SGD", "lr": 0.1, "momentum": 0.9})
    observe("parameters after three steps with momentum", after["parameters"])


@step.probe(points=1)
def test_step_clips(submission, observe, draw):
    """A gradient longer than 5, over all parameters together, is scaled down to 5 before the update; its direction stays."""
    after = trained(submission, draw, {"name": "SGD", "lr": 0.1}, steps=1, size=4.0)
    observe("parameters after one step with a very long gradient", after["parameters"])
    after = trained(submission, draw, {"name": "SGD", "lr": 0.1}, size=4.0)
    observe("parameters after three steps", after["parameters"])


@step.probe(points=0.5)
def test_step_training_mode(submission, observe, draw):
    """The model is in training mode when it makes its log-rates, and stays in it."""
    after = trained(submission, draw, {"name": "SGD", "lr": 0.1}, module="double:moody", size=0.3)
    observe("is the model in training mode afterwards", said(after["training"]))
    observe("the losses that were returned", after["returned"])
    observe("parameters after three steps", after["parameters"])


@step.probe(points=0.5)
def test_step_returns(submission, observe, draw):
    """What comes back is the loss before the update, as a Python float."""
    after = trained(submission, draw, {"name": "SGD", "lr": 0.2}, steps=2)
    observe("the losses that were returned", after["returned"])
    observe("are they Python floats", said(all(isinstance(value, float) for value in after["returned"])))


# --- a decoder ---

#: Weights come out of a system of equations, which magnifies rounding errors.
SOLVED = {"rtol": 1e-3, "atol": 1e-4}


def reaches(draw, trials=13, bins=8, neurons=4, lag=0, noise=0.3):
    """Rates (B, T, N), and a velocity (B, T, 2) that follows them `lag` bins later, with noise."""
    rates = draw.uniform(0, 2, trials, bins + lag, neurons)
    velocity = 5 + rates @ draw.normal(neurons, 2) + noise * draw.normal(trials, bins + lag, 2)
    return rates[:, lag:], velocity[:, :bins]


@decoder.probe(points=1)
def test_decoder_values(submission, observe, draw):
    """The read-out that comes back is fitted on all trials with the best penalty, and its offset is free."""
    reply = submission.call("fit_decoder", *reaches(draw), 0, [100.0, 1.0, 10000.0])
    observe("(weights, offset, alpha)", reply.result, **SOLVED)
    observe("rates and velocity, afterwards", reply.arguments[:2])
    observe("(weights, offset, alpha) of a single penalty", submission.call("fit_decoder", *reaches(draw), 0, [30.0]).result, **SOLVED)


@decoder.probe(points=1)
def test_decoder_lag(submission, observe, draw):
    """Velocity is read from the rates `lag` bins earlier in the same trial; bins without a partner are left out."""
    for lag in (1, 3, 7):
        rates, velocity = reaches(draw, lag=lag)
        observe(f"(weights, offset, alpha), lag={lag}", submission.call("fit_decoder", rates, velocity, lag, [50.0, 2.0]).result, **SOLVED)


@decoder.probe(points=1)
def test_decoder_whole_trials(submission, observe, draw):
    """A penalty is judged on trials that were left out as a whole: that a trial's bins resemble each other must not help."""
    noise = draw.normal(15, 4, 20), draw.normal(15, 4, 2)
    observe("(weights, offset, alpha) where nothing can be read", submission.call("fit_decoder", *noise, 0, [2.0, 500.0]).result, **SOLVED)
    alike = resembling(draw, np.arange(15))
    observe(
        "(weights, offset, alpha) where bins resemble each other", submission.call("fit_decoder", *alike, 0, [0.5, 5000.0]).result, **SOLVED
    )


@decoder.probe(points=1)
def test_decoder_every_fifth(submission, observe, draw):
    """Trials 0, 5, 10, ... are left out together, then trials 1, 6, 11, ..., and so on."""
    for name, group in (("neighbors resemble each other", np.arange(15) // 3), ("every fifth trial is alike", np.arange(15) % 5)):
        reply = submission.call("fit_decoder", *resembling(draw, group), 0, [0.5, 5000.0])
        observe(f"(weights, offset, alpha) where {name}", reply.result, **SOLVED)


def resembling(draw, group):
    """Rates (B, 4, 8) and a velocity (B, 4, 6) that are alike within a group of trials, and otherwise have nothing in common."""
    own = draw.normal(len(group), 1, 8)[group], draw.normal(len(group), 1, 6)[group]
    return tuple(shared + 0.1 * draw.normal(len(group), 4, shared.shape[-1]) for shared in own)
