"""Probes of lesson 00: a linear layer, layer normalization, a network of two layers, one step of gradient descent."""

import numpy as np

from autograder.probe import exercise

linear = exercise(
    "linear",
    right="The layer touches the last axis only: everything in front is a batch, and the same weights serve each input of it.",
)
two_layer_net = exercise(
    "TwoLayerNet",
    right="The bend between the layers makes it more than a line; nothing bends the output, so it may have any sign and size.",
)
layer_norm = exercise(
    "layer_norm",
    right="Each vector by itself: nothing depends on who else is in the batch. A vector without differences becomes the bias.",
)
gradient_step = exercise(
    "gradient_step",
    right="Against the gradient, by a step in proportion to it. The loss is a mean, so a larger batch does not make a larger step.",
)

SIZES = {"input_dim": 5, "hidden_dim": 7, "output_dim": 3}


@linear.probe(points=1)
def test_weighted_sums(submission, observe, draw):
    """Each output is the sum of all inputs, each times its weight from that output's row, plus that output's bias."""
    weight, bias = np.array([[10.0, 0.0], [0.0, 8.0], [-6.0, -6.0]]), np.array([12.0, 10.0, 9.0])
    observe("the example by hand", submission.call("linear", np.array([0.0, 1.0]), weight, bias).result)
    observe("four inputs of width 3", submission.call("linear", draw.normal(4, 3), draw.normal(5, 3), draw.normal(5)).result)
    observe("one input, one output", submission.call("linear", draw.normal(1), draw.normal(1, 1), draw.normal(1)).result)


@linear.probe(points=1)
def test_without_a_bias(submission, observe, draw):
    """Without a bias, left out or None, the weighted sums come back as they are."""
    x, weight = draw.normal(4, 3), draw.normal(2, 3)
    observe("outputs where the bias is left out", submission.call("linear", x, weight).result)
    observe("outputs where the bias is None", submission.call("linear", x, weight, bias=None).result)


@linear.probe(points=1)
def test_leading_axes(submission, observe, draw):
    """Any number of leading axes, also none, stay as they are: only the last axis changes its length."""
    weight, bias = draw.normal(6, 5), draw.normal(6)
    observe("output for a single vector", submission.call("linear", draw.normal(5), weight, bias).result)
    observe("outputs of trials and time bins", submission.call("linear", draw.normal(2, 3, 5), weight, bias).result)
    observe("outputs with four axes", submission.call("linear", draw.normal(2, 4, 3, 5), weight, bias).result)


@two_layer_net.probe(points=1)
def test_two_layers_of_its_own(submission, observe, draw):
    """The network has linear1, from the input to the hidden layer, and linear2, from there to the output, each with a bias."""
    sizes = {"input_dim": int(draw.integers(2, 5)), "hidden_dim": int(draw.integers(6, 9)), "output_dim": 5}
    described = submission.describe("TwoLayerNet", sizes)
    observe("parameters", described["parameters"])
    observe("parameters that share their numbers", described["shared"])


@two_layer_net.probe(points=1)
def test_bend_in_between(submission, observe, draw):
    """The output is linear2 of the ReLU of linear1, and nothing is done to it."""
    observe("outputs of a batch", _network(submission, draw)(draw.normal(6, 5)).result)
    tent = {
        "linear1.weight": np.ones((3, 1)),
        "linear1.bias": np.array([0.0, -1.0, -2.0]),
        "linear2.weight": np.array([[20.0, -40.0, 20.0]]),
        "linear2.bias": np.array([5.0]),
    }
    network = submission.module("TwoLayerNet", {"input_dim": 1, "hidden_dim": 3, "output_dim": 1}, tent)
    observe("rates of the example by hand", network(np.array([[-1.0], [0.5], [1.0], [1.5], [4.0]])).result)


@two_layer_net.probe(points=1)
def test_any_leading_axes(submission, observe, draw):
    """Every vector along the last axis goes through the same network, whatever stands in front, and none feels another."""
    network, x = _network(submission, draw), draw.normal(2, 4, 5)
    observe("outputs of trials and time bins", network(x).result)
    moved = x.copy()
    moved[1, 2] += 1.0
    observe("outputs after one vector has changed", network(moved).result)
    observe("output for a single vector", network(draw.normal(5)).result)


@layer_norm.probe(points=1)
def test_mean_0_and_variance_1(submission, observe, draw):
    """With weight 1 and bias 0, each vector comes out with mean 0 and variance 1."""
    by_hand = submission.call("layer_norm", np.array([2.0, 4.0, 9.0]), np.ones(3), np.zeros(3))
    observe("the example by hand", by_hand.result)
    x = draw.uniform(-2, 2, 4, 1) + draw.uniform(0.5, 2, 4, 1) * draw.normal(4, 6)
    observe("four vectors of different mean and spread", submission.call("layer_norm", x, np.ones(6), np.zeros(6)).result)


@layer_norm.probe(points=1)
def test_scale_and_shift(submission, observe, draw):
    """After that, each entry is multiplied by its own weight and shifted by its own bias."""
    observe("outputs", submission.call("layer_norm", draw.normal(3, 5), 1 + draw.normal(5, scale=0.5), draw.normal(5)).result)


@layer_norm.probe(points=2)
def test_each_vector_by_itself(submission, observe, draw):
    """Each vector along the last axis has its own mean and variance: no other vector of the batch or sequence plays a part."""
    weight, bias = np.ones(5), np.zeros(5)  # scale and shift are asked for elsewhere
    x = draw.uniform(-2, 2, 2, 3, 1) + draw.uniform(0.5, 2, 2, 3, 1) * draw.normal(2, 3, 5)
    reply = submission.call("layer_norm", x, weight, bias)
    observe("outputs of sequences", reply.result)
    observe("the arguments afterwards", reply.arguments)
    moved = x.copy()
    moved[1, 0] = draw.normal(5)
    observe("outputs after one vector has changed", submission.call("layer_norm", moved, weight, bias).result)
    observe("output for a single vector", submission.call("layer_norm", draw.normal(5), weight, bias).result)


@layer_norm.probe(points=1)
def test_small_variances(submission, observe, draw):
    """eps is added to the variance under the root, so that vectors without differences become the bias."""
    weight, bias = 1 + draw.normal(4, scale=0.5), draw.normal(4)
    observe("outputs where eps is 0.5", submission.call("layer_norm", draw.normal(3, 4), weight, bias, eps=0.5).result)
    observe("outputs of small numbers", submission.call("layer_norm", draw.normal(3, 4, scale=0.004), weight, bias).result)
    silent = draw.normal(5, 4)
    silent[1], silent[3] = 0.0, 7.0
    observe("outputs, vectors of equal entries among them", submission.call("layer_norm", silent, weight, bias).result)
    observe("output for a vector of one entry", submission.call("layer_norm", draw.normal(3, 1), weight[:1], bias[:1]).result)


@gradient_step.probe(points=1)
def test_step_against_the_gradient(submission, observe, draw):
    """The new weight is the old one, less the learning rate times the gradient of the mean squared error."""
    weight, x, y = draw.normal(3, 2), draw.normal(5, 3), draw.normal(5, 2)
    observe("the new weight", _step(submission, weight, x, y, 0.5).result)
    observe("the new weight at another learning rate", _step(submission, weight, x, y, float(draw.uniform(0.05, 0.2))).result)


@gradient_step.probe(points=1)
def test_mean_over_all_entries(submission, observe, draw):
    """The loss is a mean over trials and outputs: every trial given twice makes no difference, and one output is as good as many."""
    weight, x, y = draw.normal(2, 4), draw.normal(7, 2), draw.normal(7, 4)
    observe("the new weight for four outputs", _step(submission, weight, x, y, 0.3).result)
    observe("the new weight for every trial twice", _step(submission, weight, np.tile(x, (2, 1)), np.tile(y, (2, 1)), 0.3).result)
    observe("the new weight for a single output", _step(submission, draw.normal(3, 1), draw.normal(6, 3), draw.normal(6, 1), 0.3).result)
    x, y = np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [4.0], [6.0]])
    observe("the new weight of the example by hand", _step(submission, np.array([[1.0]]), x, y, 0.1).result)
    observe("the new weight for a single trial", _step(submission, draw.normal(3, 2), draw.normal(1, 3), draw.normal(1, 2), 0.3).result)


@gradient_step.probe(points=1)
def test_old_weight_is_kept(submission, observe, draw):
    """The new weight is a new tensor: weight, inputs and targets keep their values."""
    reply = _step(submission, draw.normal(3, 2), draw.normal(4, 3), draw.normal(4, 2), 0.4)
    observe("the arguments afterwards", reply.arguments)
    observe("the new weight", reply.result)


def _network(submission, draw):
    """A TwoLayerNet with drawn parameters."""
    return submission.module("TwoLayerNet", SIZES, draw.linear("linear1", 5, 7) | draw.linear("linear2", 7, 3))


def _step(submission, *arguments):
    return submission.call("gradient_step", *arguments)
