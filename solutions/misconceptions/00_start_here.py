"""What students write instead, in lesson 00. Run in a copy of the lesson's namespace, with `misconception`."""

# linear


@misconception(
    "linear",
    what="Inputs and weights were multiplied as they stand, so inputs meet the wrong axis of the weights.",
    why="A row of the weights belongs to an output; the inner lengths agree only by accident, and then the numbers are wrong.",
)
def linear_with_the_weights_as_they_stand(x, weight, bias=None):
    output = x @ weight
    return output if bias is None else output + bias


@misconception(
    "linear",
    what="The weights were reshaped, not transposed.",
    why="The shape is right and nothing complains, but each number has ended up with another input and output.",
)
def linear_with_the_weights_reshaped(x, weight, bias=None):
    output = x @ weight.reshape(weight.shape[1], weight.shape[0])
    return output if bias is None else output + bias


@misconception(
    "linear",
    what="The weights come first in the product, as for a single column vector on paper.",
    why="That fits one input; with a batch in front the axes no longer meet.",
)
def linear_weights_first(x, weight, bias=None):
    output = weight @ x
    return output if bias is None else output + bias


@misconception(
    "linear",
    what="The bias has no effect.",
    why="Every output would have to be zero where all inputs are; a neuron could have no rate of its own.",
)
def linear_without_the_bias(x, weight, bias=None):
    return x @ weight.T


@misconception(
    "linear",
    what="A bias is added even where there is none.",
    why="Leaving it out is allowed; None cannot be added to a tensor.",
)
def linear_that_needs_a_bias(x, weight, bias=None):
    return x @ weight.T + bias


@misconception(
    "linear",
    what="The bias itself is asked whether it is true.",
    why="A tensor of several numbers is neither true nor false, and one of a single zero counts as absent. The question is whether it is None.",
)
def linear_that_asks_whether_the_bias_is_true(x, weight, bias=None):
    output = x @ weight.T
    return output + bias if bias else output


@misconception(
    "linear",
    what="The bias is subtracted, as if it were a threshold.",
    why="The other sign is as good a convention, but weights that were trained with one are wrong under the other.",
)
def linear_with_a_threshold(x, weight, bias=None):
    output = x @ weight.T
    return output if bias is None else output - bias


@misconception(
    "linear",
    what="The outputs stand along the first axis, not the last.",
    why="The next layer takes the first axis for the batch, and mixes trials with outputs.",
)
def linear_with_outputs_first(x, weight, bias=None):
    output = x @ weight.T
    return (output if bias is None else output + bias).movedim(-1, 0)


@misconception(
    "linear",
    what="The leading axes were flattened into one, and not restored.",
    why="Trials and time bins can no longer be told apart.",
)
def linear_that_flattens(x, weight, bias=None):
    output = x.reshape(-1, x.shape[-1]) @ weight.T
    return output if bias is None else output + bias


@misconception(
    "linear",
    what="The weighted inputs are averaged, not summed.",
    why="A layer with more inputs would whisper; how strongly each input counts is the weight's business alone.",
)
def linear_as_a_mean(x, weight, bias=None):
    output = x @ weight.T / x.shape[-1]
    return output if bias is None else output + bias


@misconception(
    "linear",
    what="Negative outputs have become zero.",
    why="The bend is a step of its own, between layers; a linear layer answers with either sign.",
)
def linear_with_a_bend(x, weight, bias=None):
    output = x @ weight.T
    return torch.relu(output if bias is None else output + bias)


# TwoLayerNet


@misconception(
    "TwoLayerNet",
    what="Nothing bends between the two layers.",
    why="Two linear layers in a row are one linear layer: however many hidden units, the answer stays a plane.",
)
class NetWithoutABend(TwoLayerNet):
    def forward(self, x):
        return self.linear2(self.linear1(x))


@misconception(
    "TwoLayerNet",
    what="The output goes through a ReLU as well.",
    why="The network can never answer with a negative number, and where it should, it learns nothing.",
)
class NetWithTwoBends(TwoLayerNet):
    def forward(self, x):
        return torch.relu(self.linear2(torch.relu(self.linear1(x))))


@misconception(
    "TwoLayerNet",
    what="The bend comes after the second layer instead of between the two.",
    why="In between nothing happens, so both layers collapse into one, and the output loses its negative half.",
)
class NetWithTheBendAtTheEnd(TwoLayerNet):
    def forward(self, x):
        return torch.relu(self.linear2(self.linear1(x)))


@misconception(
    "TwoLayerNet",
    what="The bend comes before the first layer: it acts on the input.",
    why="What is negative in the data is lost before any weight has seen it.",
)
class NetWithTheBendAtTheStart(TwoLayerNet):
    def forward(self, x):
        return self.linear2(self.linear1(torch.relu(x)))


@misconception(
    "TwoLayerNet",
    what="The bend is a sigmoid, not a ReLU.",
    why="It flattens on both sides: large inputs can no longer be told apart, and hardly any gradient comes back through it.",
)
class NetWithSigmoid(TwoLayerNet):
    def forward(self, x):
        return self.linear2(torch.sigmoid(self.linear1(x)))


@misconception(
    "TwoLayerNet",
    what="The bend is a hyperbolic tangent, not a ReLU.",
    why="It flattens on both sides, so hidden units saturate where these should go on growing.",
)
class NetWithTanh(TwoLayerNet):
    def forward(self, x):
        return self.linear2(torch.tanh(self.linear1(x)))


@misconception(
    "TwoLayerNet",
    what="The output went through a softmax.",
    why="Its numbers are shares that sum to one; rates or velocities do not.",
)
class NetWithSoftmax(TwoLayerNet):
    def forward(self, x):
        return torch.softmax(self.linear2(torch.relu(self.linear1(x))), dim=-1)


@misconception(
    "TwoLayerNet",
    what="The hidden layer comes back, not the output.",
    why="The second layer has no effect, and the output has the hidden layer's width.",
)
class NetThatReturnsTheHiddenLayer(TwoLayerNet):
    def forward(self, x):
        return torch.relu(self.linear1(x))


@misconception(
    "TwoLayerNet",
    what="The result is computed but not returned.",
    why="Without a return, Python hands back None, and the next layer has nothing to work on.",
)
class NetThatReturnsNothing(TwoLayerNet):
    def forward(self, x):
        self.linear2(torch.relu(self.linear1(x)))


@misconception(
    "TwoLayerNet",
    what="The module was not set up as one before it got its layers.",
    why="PyTorch has then no place to note the layers, and refuses them.",
)
class NetNotSetUp(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim):
        self.linear1 = nn.Linear(input_dim, hidden_dim)


@misconception(
    "TwoLayerNet",
    what="The layers lie in a plain list.",
    why="PyTorch does not look into Python's lists: it finds no parameters, so nothing is trained, saved or moved to the GPU.",
)
class NetWithAList(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim):
        super().__init__()
        self.layers = [nn.Linear(input_dim, hidden_dim), nn.Linear(hidden_dim, output_dim)]

    def forward(self, x):
        return self.layers[1](torch.relu(self.layers[0](x)))


@misconception(
    "TwoLayerNet",
    what="The first layer sends the input straight to the output's width, and the hidden layer has no size of its own.",
    why="How rich the network is depends on the width in the middle.",
)
class NetWithoutHiddenWidth(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim):
        super().__init__()
        self.linear1 = nn.Linear(input_dim, output_dim)
        self.linear2 = nn.Linear(output_dim, output_dim)

    def forward(self, x):
        return self.linear2(torch.relu(self.linear1(x)))


@misconception(
    "TwoLayerNet",
    what="The sizes of the layers are given as output first, input second.",
    why="nn.Linear wants the input's width first; only the weight that it stores has them the other way round.",
)
class NetWithSizesExchanged(TwoLayerNet):
    def __init__(self, input_dim, hidden_dim, output_dim):
        nn.Module.__init__(self)
        self.linear1 = nn.Linear(hidden_dim, input_dim)
        self.linear2 = nn.Linear(output_dim, hidden_dim)


@misconception(
    "TwoLayerNet",
    what="The layers have no bias.",
    why="All bends would sit at the origin: no tent at a medium speed could be made.",
)
class NetWithoutBias(TwoLayerNet):
    def __init__(self, input_dim, hidden_dim, output_dim):
        super().__init__(input_dim, hidden_dim, output_dim)
        self.linear1 = nn.Linear(input_dim, hidden_dim, bias=False)
        self.linear2 = nn.Linear(hidden_dim, output_dim, bias=False)


@misconception(
    "TwoLayerNet",
    what="The layers have other names than the ones asked for.",
    why="Weights are saved and loaded by name: under another name they are not found.",
)
class NetWithOtherNames(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim):
        super().__init__()
        self.fc1 = nn.Linear(input_dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, output_dim)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


# layer_norm


def _standardized(x, dim, eps=1e-5, less=0):
    """x with mean 0 and variance 1 along dim; the variance is divided by the count less `less`."""
    return (x - x.mean(dim=dim, keepdim=True)) / torch.sqrt(x.var(dim=dim, keepdim=True, correction=less) + eps)


@misconception(
    "layer_norm",
    what="Mean and variance were taken along the first axis: over the batch, feature by feature.",
    why="That is batch normalization. What becomes of a trial then depends on which others it came with.",
)
def norm_over_the_batch(x, weight, bias, eps=1e-5):
    return _standardized(x, 0, eps) * weight + bias


@misconception(
    "layer_norm",
    what="One mean and one variance serve the whole tensor.",
    why="Vectors that differ in level still differ afterwards, and each depends on all others.",
)
def norm_over_everything(x, weight, bias, eps=1e-5):
    return _standardized(x, tuple(range(x.dim())), eps) * weight + bias


@misconception(
    "layer_norm",
    what="All vectors of a sequence share a mean and a variance.",
    why="A token's output then depends on later tokens: in a decoder the future leaks in, and padding changes everything.",
)
def norm_over_the_sequence(x, weight, bias, eps=1e-5):
    return _standardized(x, tuple(range(1, x.dim())) or (0,), eps) * weight + bias


@misconception(
    "layer_norm",
    what="The squared deviations were divided by one less than their number.",
    why="That estimates the variance of a population from a sample. Here the vector itself is to have variance 1; narrow ones come out too small.",
)
def norm_with_the_sample_variance(x, weight, bias, eps=1e-5):
    return _standardized(x, -1, eps, less=1) * weight + bias


@misconception(
    "layer_norm",
    what="eps was added to the standard deviation, outside the root.",
    why="For vectors of small variance the outcome differs a lot, and weights trained with one are wrong with the other.",
)
def norm_with_eps_outside(x, weight, bias, eps=1e-5):
    spread = x.std(dim=-1, keepdim=True, correction=0)
    return (x - x.mean(dim=-1, keepdim=True)) / (spread + eps) * weight + bias


@misconception(
    "layer_norm",
    what="Two things at once: the deviations were divided by one less than their number, and eps was added outside the root.",
    why="Each is nearly right, so the numbers look fine, and no weights trained with the usual definition fit.",
)
def norm_with_the_usual_std(x, weight, bias, eps=1e-5):
    return (x - x.mean(dim=-1, keepdim=True)) / (x.std(dim=-1, keepdim=True) + eps) * weight + bias


@misconception(
    "layer_norm",
    what="Nothing is added to the variance: eps is missing.",
    why="A vector without differences is divided by zero, and a single NaN spreads through the whole network.",
)
def norm_without_eps(x, weight, bias, eps=1e-5):
    return _standardized(x, -1, 0.0) * weight + bias


@misconception(
    "layer_norm",
    what="The eps that is passed in has no effect.",
    why="A caller who chose another one gets the default, silently.",
)
def norm_with_a_fixed_eps(x, weight, bias, eps=1e-5):
    return _standardized(x, -1) * weight + bias


@misconception(
    "layer_norm",
    what="Weight and bias have no effect.",
    why="They are what the layer learns: without them every vector must keep variance 1, useful or not.",
)
def norm_without_scale_and_shift(x, weight, bias, eps=1e-5):
    return _standardized(x, -1, eps)


@misconception(
    "layer_norm",
    what="The bias has no effect.",
    why="No entry could then have a level of its own.",
)
def norm_without_shift(x, weight, bias, eps=1e-5):
    return _standardized(x, -1, eps) * weight


@misconception(
    "layer_norm",
    what="The shift came before the scale, so the bias was multiplied too.",
    why="Scale and shift could no longer be learned one without the other.",
)
def norm_shifted_before_scaled(x, weight, bias, eps=1e-5):
    return (_standardized(x, -1, eps) + bias) * weight


@misconception(
    "layer_norm",
    what="Scale and shift came before the normalization.",
    why="Mean and variance of what was learned are then wiped out again.",
)
def norm_after_scale_and_shift(x, weight, bias, eps=1e-5):
    return _standardized(x * weight + bias, -1, eps)


@misconception(
    "layer_norm",
    what="The deviations were divided by the variance, not by its root.",
    why="The outcome has variance one over the old one: what was narrow becomes wide.",
)
def norm_by_the_variance(x, weight, bias, eps=1e-5):
    centered = x - x.mean(dim=-1, keepdim=True)
    return centered / (centered.square().mean(dim=-1, keepdim=True) + eps) * weight + bias


@misconception(
    "layer_norm",
    what="The mean was not subtracted: entries were divided by the root of their mean square.",
    why="That is another normalization, RMSNorm, which many large models use. Here a common offset should disappear.",
)
def norm_by_the_mean_square(x, weight, bias, eps=1e-5):
    return x / torch.sqrt(x.square().mean(dim=-1, keepdim=True) + eps) * weight + bias


@misconception(
    "layer_norm",
    what="The vectors were centered, and keep their spread.",
    why="A trial in which everything is twice as strong still comes out twice as strong.",
)
def norm_that_only_centers(x, weight, bias, eps=1e-5):
    return (x - x.mean(dim=-1, keepdim=True)) * weight + bias


@misconception(
    "layer_norm",
    what="The vectors were brought to length 1, not to variance 1.",
    why="The wider the vector, the smaller its entries would be.",
)
def norm_to_unit_length(x, weight, bias, eps=1e-5):
    centered = x - x.mean(dim=-1, keepdim=True)
    return centered / torch.sqrt(centered.square().sum(dim=-1, keepdim=True) + eps) * weight + bias


@misconception(
    "layer_norm",
    what="The reduced axis got lost, so the means line up with the entries and not with the vectors.",
    why="Shapes then clash, or broadcast silently along the wrong axis where lengths are equal.",
)
def norm_without_keeping_the_axis(x, weight, bias, eps=1e-5):
    return (x - x.mean(dim=-1)) / torch.sqrt(x.var(dim=-1, correction=0) + eps) * weight + bias


@misconception(
    "layer_norm",
    what="The caller's tensor was written to.",
    why="The input is still needed: a residual connection adds it to what comes later.",
)
def norm_in_place(x, weight, bias, eps=1e-5):
    x -= x.mean(dim=-1, keepdim=True)
    return x / torch.sqrt(x.square().mean(dim=-1, keepdim=True) + eps) * weight + bias


# gradient_step


def _slope(weight, loss):
    """The gradient of loss(weight) by autograd."""
    own = weight.detach().clone().requires_grad_()
    loss(own).backward()
    return own.grad


@misconception(
    "gradient_step",
    what="The step goes up the gradient, not down.",
    why="The gradient points to where the loss grows; each such step makes the model worse.",
)
def step_up(weight, x, y, lr):
    return weight + lr * _slope(weight, lambda w: F.mse_loss(x @ w, y))


@misconception(
    "gradient_step",
    what="The loss is a sum of squares, not a mean.",
    why="The step grows with the number of trials, so a learning rate that suits one batch diverges on a larger one.",
)
def step_of_the_sum(weight, x, y, lr):
    return weight - lr * _slope(weight, lambda w: (x @ w - y).square().sum())


@misconception(
    "gradient_step",
    what="The mean runs over the trials only, and the outputs are summed.",
    why="The step grows with the number of outputs; PyTorch's mean squared error divides by all entries.",
)
def step_of_the_mean_over_trials(weight, x, y, lr):
    return weight - lr * _slope(weight, lambda w: (x @ w - y).square().sum(dim=1).mean())


@misconception(
    "gradient_step",
    what="The factor two of the derivative of a square is missing.",
    why="Harmless on its own, but it is the gradient of half the loss: the learning rate means something else.",
)
def step_of_half_the_loss(weight, x, y, lr):
    return weight - lr * _slope(weight, lambda w: F.mse_loss(x @ w, y)) / 2


@misconception(
    "gradient_step",
    what="The old weight was overwritten.",
    why="Whoever still holds it, to compare or to go back, now holds the new one without knowing.",
)
def step_in_place(weight, x, y, lr):
    weight -= lr * _slope(weight, lambda w: F.mse_loss(x @ w, y))
    return weight


@misconception(
    "gradient_step",
    what="The gradient came back, not the new weight.",
    why="It says where to go from the old weight; the step itself is still to be taken.",
)
def step_that_returns_the_gradient(weight, x, y, lr):
    return _slope(weight, lambda w: F.mse_loss(x @ w, y))


@misconception(
    "gradient_step",
    what="Only the change came back, not the weight after it.",
    why="Each step starts from the weight that the last one left, and would forget it here.",
)
def step_that_returns_the_change(weight, x, y, lr):
    return -lr * _slope(weight, lambda w: F.mse_loss(x @ w, y))


@misconception(
    "gradient_step",
    what="The learning rate has no effect.",
    why="A full gradient is rarely a step of a good size: too long, and the loss grows.",
)
def step_without_learning_rate(weight, x, y, lr):
    return weight - _slope(weight, lambda w: F.mse_loss(x @ w, y))


@misconception(
    "gradient_step",
    what="The gradient was brought to length one before the step.",
    why="Steps should shrink as the slope does; of equal length, they never settle in the valley.",
)
def step_of_fixed_length(weight, x, y, lr):
    slope = _slope(weight, lambda w: F.mse_loss(x @ w, y))
    return weight - lr * slope / slope.norm()


@misconception(
    "gradient_step",
    what="The loss is the mean absolute error.",
    why="Its gradient does not tell a large error from a small one.",
)
def step_of_the_absolute_error(weight, x, y, lr):
    return weight - lr * _slope(weight, lambda w: (x @ w - y).abs().mean())


@misconception(
    "gradient_step",
    what="The loss is the root of the mean squared error.",
    why="It has its minimum at the same place, but its gradient is another one, and does not fade as the errors do.",
)
def step_of_the_root(weight, x, y, lr):
    return weight - lr * _slope(weight, lambda w: F.mse_loss(x @ w, y).sqrt())


@misconception(
    "gradient_step",
    what="With a single output, every prediction is compared with every target: an axis of length one got lost on one side.",
    why="Broadcasting makes a square table of it without a complaint, and the model learns the mean of all targets.",
)
def step_with_targets_squeezed(weight, x, y, lr):
    return weight - lr * _slope(weight, lambda w: (x @ w - y.squeeze(-1)).square().mean())


@misconception(
    "gradient_step",
    what="The targets play no part: the predictions themselves are taken for errors.",
    why="Every step then shrinks the predictions toward zero, whatever was measured.",
)
def step_without_targets(weight, x, y, lr):
    return weight - lr * _slope(weight, lambda w: (x @ w).square().mean())


@misconception(
    "gradient_step",
    what="Every trial makes a step of its own.",
    why="The trials then count in their order, and one call walks many times as far. One step uses the mean over all of them.",
)
def step_for_each_trial(weight, x, y, lr):
    for one, target in zip(x, y):
        weight = weight - lr * _slope(weight, lambda w, one=one, target=target: F.mse_loss(one @ w, target))
    return weight


@misconception(
    "gradient_step",
    what="The inputs were not turned around for the gradient.",
    why="The gradient must be as large as the weight: a row for each input, summed over trials.",
)
def step_with_inputs_as_they_stand(weight, x, y, lr):
    errors = x @ weight - y
    return weight - lr * 2 * x @ errors / errors.numel()


@misconception(
    "gradient_step",
    what="The weight came back as it was.",
    why="The gradient was never used: the loss would stay where it is for ever.",
)
def step_that_stays(weight, x, y, lr):
    return weight.clone()
