# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here: from a tensor to a trained network
#
# [![Open in Colab](../assets/figures/colab.svg)](COLAB_URL)
#
# **In this lesson you write four pieces that all later networks are made of, and train one to predict how fast a neuron fires.**
#
# *Before you start:* Python with NumPy, vectors and matrices, and what a derivative is. No deep learning, no neuroscience.
#
# | section | minutes |
# |---|---|
# | 1 · [How a notebook of this course works](#how) | 3 |
# | 2 · [Tensors and their shapes](#tensors) | 5 |
# | 3 · [A linear layer](#linear): `linear` | 6 |
# | 4 · [Reading the documentation](#docs) | 3 |
# | 5 · [A module of your own](#module): `TwoLayerNet` | 7 |
# | 6 · [Normalization](#norm): `layer_norm` | 8 |
# | 7 · [Dropout, and two modes](#dropout) | 2 |
# | 8 · [Loss and gradient](#gradient): `gradient_step` | 6 |
# | 9 · [One training loop](#training) | 4 |
# | 10 · [Your environment](#environment) | 1 |
# | [Recap](#recap) · [Glossary](#glossary) · [Common mistakes](#mistakes) · [Further reading](#reading) | |
#
# After it you can
#
# 1. **apply** a linear layer to inputs of any shape, and **predict** the shape that comes out,
# 2. **build** a network by subclassing `nn.Module`,
# 3. **normalize** each vector of a batch by itself, and **say** what batch normalization does instead,
# 4. **take** a step down the gradient of a loss, the one move that all training repeats.

# %%
import inspect
import math
import platform
from importlib.metadata import version

import torch
import torch.nn.functional as F
from torch import nn

from autograder import check
from course import plots

torch.manual_seed(0)  # the same random numbers each time you run this from the top
torch.set_printoptions(precision=3, sci_mode=False)
print(f"PyTorch {torch.__version__}; this lesson is small and runs on the CPU")

# %% [markdown]
# <a id="how"></a>
# ## 1 · How a notebook of this course works
#
# Run the cells from top to bottom, each with Shift + Enter. A cell sees everything that earlier ones have defined; if that gets muddled,
# *Kernel → Restart Kernel and Run All Cells* starts afresh.
# In an exercise you replace one line, `raise NotImplementedError`, with code that does what the text in triple quotes promises: the
# **docstring** is the contract.
# The next cell is a `check`. It tries your code on many inputs, and says one of three things:
#
# ![An exercise cell, its check, and three outcomes: not attempted, not yet with the reason, right with a note](../assets/figures/00_check.svg)
#
# Here they are, for the exercise of section 3: not written, a hasty first try, and PyTorch's own function. **Read the second box:** it
# says what was *asked*, what was *seen*, and, where your answer equals a known misunderstanding, which one. It never shows the answer.


# %% look="three-outcomes"
def not_written(x, weight, bias=None):
    raise NotImplementedError


def hasty(x, weight, bias=None):
    return x @ weight


exercise = "linear"
for linear in (not_written, hasty, F.linear):  # as if you had edited the cell twice
    print(f"{linear.__name__}:")
    check(exercise)  # looks the name up
del linear  # yours comes in section 3; after running this again, run yours again

# %% [markdown]
# Three habits make the most of it:
#
# - **Predict** before you open an answer. A guess, even a wrong one, makes the answer stick.
# - **Hints** unfold in steps. Try for a few minutes before each.
# - Stuck? Go on. No later cell needs your exercises; pictures drawn with your own code say so until it is there.
#
# Change the cells that plot as much as you like. Your grade depends on exercises alone.
#
# <a id="tensors"></a>
# ## 2 · Tensors and their shapes
#
# A monkey reaches from the center of a screen to one of eight targets, and we count the spikes of $N = 30$ neurons in its motor cortex.
# Many such neurons fire most for one direction, their **preferred direction**, and less the further a reach turns away from it. The drop
# follows a cosine, and the count varies from trial to trial even if nothing else does. The recording below is *simulated* by just this
# rule.

# %%
preferred = 2 * math.pi * torch.rand(30)  # (N,), preferred directions in radians


def simulate_reaches(trials):
    """Simulated reaches: spike counts (trials, 30), and directions (trials,) in radians."""
    direction = 2 * math.pi * torch.randint(8, (trials,)) / 8
    rates = 12 + 10 * torch.cos(direction[:, None] - preferred)  # (trials, 30)
    return torch.poisson(rates), direction


counts, direction = simulate_reaches(200)
print("counts   ", tuple(counts.shape), counts.dtype, counts.device)
print("direction", tuple(direction.shape), direction.dtype, direction.device)

# %% look="population"
title = "Forty simulated reaches: each column is a trial"
plots.population(counts[:40], title=title, columns="trial")

# %% [markdown]
# A **tensor** is an array of numbers, like NumPy's, that can also live on a graphics card (its *device*) and remember how it was computed
# (section 8). Its **shape** lists the lengths of its axes. One trial is a vector (N,); many trials handled at once are a **batch** (B, N).
# Letters mean the same in all lessons: B batch, T time or tokens, N neurons, D width.
#
# ![A table of counts (B, N): a row is a trial, a column a neuron; the mean over dim 0 leaves (N,), over dim 1 (B,)](../assets/figures/00_tensor.svg)
#
# **`dim` names the axis that disappears.** `counts.mean(dim=0)` averages over trials and leaves one number a neuron;
# `counts.mean(dim=-1)` averages over the last axis, the neurons. With `keepdim=True` the axis stays, with length 1. Why would one want that?
#
# **Broadcasting.** Two shapes go together if, *compared from the right*, the lengths are equal, or one of them is 1 or missing. The short
# axis is then repeated.
#
# ![Broadcasting: (4, 3) with (3) repeats the row, (4, 1) the column; (4, 1) with (4) makes a table (4, 4)](../assets/figures/00_broadcast.svg)
#
# **Predict** four shapes, or errors: `counts` (200, 30) minus its mean over trials; minus its mean over neurons; the same with `keepdim`;
# and a prediction (200, 1) minus a target (200,).
#
# <details><summary>Answer, after running the next cell</summary>
#
# The first and third work. The second compares 30 with 200, an error. The fourth is the dangerous one: it *works*, and subtracts every
# target from every prediction. Its mean is a number that looks like a loss.
#
# </details>

# %% look="broadcasting"
prediction, target = torch.randn(200, 1), torch.randn(200)
attempts = {
    "minus the mean over trials": (counts, counts.mean(dim=0)),
    "minus the mean over neurons": (counts, counts.mean(dim=1)),
    "the same, axis kept": (counts, counts.mean(dim=1, keepdim=True)),
    "prediction minus target": (prediction, target),
}
for name, (a, b) in attempts.items():
    try:
        outcome = tuple((a - b).shape)
    except RuntimeError as error:
        outcome = f"RuntimeError: {error}"
    print(f"{name:28} {tuple(a.shape)!s:9} − {tuple(b.shape)!s:8} -> {outcome}")

# %% [markdown]
# An error is the good case. Two axes that happen to have the same length hide it: with 30 trials of 30 neurons, the second line would run,
# and be wrong. So try your code on axes of *different* lengths, as the checks do.
#
# <a id="linear"></a>
# ## 3 · A linear layer
#
# **Exercise `linear`** · difficulty 1/5 · importance 5/5 · 5 minutes · {points:linear} points
#
# *Why now:* our neurons are already a linear layer. By the addition formula $\cos(\theta - \theta_p) = \cos\theta\cos\theta_p +
# \sin\theta\sin\theta_p$, so a neuron's rate is a **weighted sum** of two inputs, $\cos\theta$ and $\sin\theta$, plus a constant of its own, the
# **bias**:
#
# $$y_o = \sum_{i} W_{oi}\, x_i + b_o, \qquad y = x W^\top + b .$$
#
# ![Two inputs joined to three outputs; the weights on the lines into an output are one row of W](../assets/figures/00_linear.svg)
#
# $W$ has a row for each output: shape $(D_\text{out}, D_\text{in})$. Row $o$ holds what output $o$ listens to. For our neurons it is an arrow
# in the preferred direction.
#
# *By hand*, three neurons with rows $(10, 0), (0, 8), (-6, -6)$ and biases $12, 10, 9$. For a reach upward, $x = (0, 1)$: rates
# $10\cdot0 + 0\cdot1 + 12 = 12$, then $8 + 10 = 18$, then $-6 + 9 = 3$.
#
# **Predict.** A recording of 7 trials and 5 time bins has shape (7, 5, 2). What does this layer make of it?
#
# <details><summary>Answer</summary>
#
# (7, 5, 3): the layer acts on the last axis, and treats everything in front as "many inputs". The same weights serve all 35.
#
# </details>


# %% exercise="linear"
def linear(x, weight, bias=None):
    """A linear layer: each output is a weighted sum of all inputs, plus its bias.

    x: floating-point tensor (..., D_in), with any number of leading axes, also none.
    weight: (D_out, D_in), one row for each output.
    bias: (D_out,), one number for each output, or None for no bias.
    Returns (..., D_out).
    """
    ### BEGIN SOLUTION
    output = x @ weight.T  # (..., D_in) @ (D_in, D_out)
    return output if bias is None else output + bias
    ### END SOLUTION


# %% check="linear"
check("linear")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# In a product `a @ b` the last axis of a meets the last but one of b. Write down the two shapes: which one has to be turned around?
# Turning around is not reshaping: `reshape` keeps the numbers in line and cuts the line anew.
#
# </details>
# <details><summary>Hint 2: the bias</summary>
#
# A vector (D_out,) broadcasts against (..., D_out) by itself. To ask whether there is one, compare with None: a tensor of several numbers
# is neither true nor false.
#
# </details>
#
# #### Look
#
# The three neurons of the example, by your function: its outputs over all directions of reach are their **tuning curves**.

# %% look="tuning"
with plots.needs("linear"):
    theta = torch.linspace(0, 2 * math.pi, 25)
    x = torch.stack([theta.cos(), theta.sin()], dim=-1)  # (25, 2)
    weight = torch.tensor([[10.0, 0.0], [0.0, 8.0], [-6.0, -6.0]])
    rates = linear(x, weight, torch.tensor([12.0, 10.0, 9.0]))  # (25, 3)
    tuned = {f"weights {row.tolist()}": y for row, y in zip(weight.int(), rates.T)}
    plots.curves(theta.rad2deg(), tuned, "direction of reach, degrees", "spikes per bin")
    plots.plt.ylim(top=32)  # room for the legend

# %% [markdown]
# Each curve peaks where the input points along its row. But look at 45°, straight against the third row: half a spike above zero, and with
# a smaller bias it would be *below*. No neuron fires at a negative rate, and not every tuning curve is a cosine. Section 5 learns to bend.
#
# <a id="docs"></a>
# ## 4 · Reading the documentation
#
# PyTorch has this layer as `nn.Linear`. Its page opens with a line like the first one below: the **signature**. What has an `=` is optional,
# and the value behind it is the default.

# %% look="signatures"
for layer in (nn.Linear, nn.LayerNorm, nn.BatchNorm1d, nn.Dropout):
    print(f"nn.{layer.__name__}{inspect.signature(layer)}\n")

# %% [markdown]
# | part of a page | what to look for | `nn.Linear` |
# |---|---|---|
# | signature | what you must give, and what is assumed if you do not | `bias=True` |
# | formula | what is computed, in which convention | $y = xA^T + b$ |
# | Parameters | what each argument means | sizes of input and output |
# | Shape | which axes it touches; a star stands for "any number" | $(*, H_{in}) \to (*, H_{out})$ |
# | Variables | what the layer stores and how that is initialized | `weight` (out, in), `bias` (out) |
# | Examples | a few lines to run, and change | 128 inputs of width 20 |
#
# In a notebook `nn.Linear?` shows the page without a network.
#
# **Your turn.** Find in this way: (a) Which axes does `nn.LayerNorm(30)` normalize? (b) What is `p` of `nn.Dropout`: kept, or dropped? (c) Does
# `nn.PoissonNLLLoss` want rates or their logarithms? (d) Which axis of its input does `nn.MultiheadAttention` take for the batch?
#
# <details><summary>Answers</summary>
#
# (a) The last one, which must be 30 long. (b) The probability that an entry is *dropped*. (c) Logarithms: `log_input=True` is the
# default. (d) The second: `batch_first=False`. Defaults such as (c) and (d) raise no error if you assume otherwise; they only make the result
# wrong.
#
# </details>
#
# <a id="module"></a>
# ## 5 · A module of your own
#
# **Exercise `TwoLayerNet`** · difficulty 2/5 · importance 5/5 · 5 minutes · {points:TwoLayerNet} points
#
# *Why now:* one linear layer makes straight lines and planes. Two in a row make no more than that, for a sum of sums is a sum. Put a bend
# between them, the **ReLU**, which sets negative numbers to zero, and with enough hidden units they come as near to *any* curve as you like:
#
# $$h = \operatorname{ReLU}(W_1 x + b_1), \qquad y = W_2 h + b_2, \qquad \operatorname{ReLU}(z) = \max(z, 0) .$$
#
# ![Three hinges, each zero up to its bend, add up to a tent: a neuron that prefers a medium speed](../assets/figures/00_tent.svg)
#
# *By hand:* a neuron that prefers a medium speed. Three hidden units bend at speeds 0, 1 and 2, and are added with weights $20, -40, 20$ and bias
# $5$. At speed $1.5$: $h = (1.5, 0.5, 0)$, so the rate is $30 - 20 + 0 + 5 = 15$.
#
# **Subclassing.** PyTorch's networks are classes. A *subclass* of `nn.Module` inherits what every network needs: listing its parameters, saving and
# loading them, moving them to a device. You add two methods: `__init__` makes the layers, after a first line that sets up the parent, and
# `forward` says how the input flows through them. An example, with the rate as the exponential of a linear layer:


# %%
class PositiveRates(nn.Module):
    """From a direction, as (..., cosine and sine), to positive rates (..., num_neurons)."""

    def __init__(self, num_neurons):
        super().__init__()
        self.tuning = nn.Linear(2, num_neurons)  # an attribute: now its parameters are known

    def forward(self, x):
        return torch.exp(self.tuning(x))


model = PositiveRates(num_neurons=30)
print(model)
print({name: tuple(parameter.shape) for name, parameter in model.named_parameters()})
output = model(torch.randn(7, 5, 2))  # call the model, never its forward
print("output:", tuple(output.shape))

# %% [markdown]
# **Predict.** How many parameters has `TwoLayerNet(30, 64, 2)`? May its output be negative?
#
# <details><summary>Answer</summary>
#
# 64 · 30 + 64 + 2 · 64 + 2 = 2,114, whatever the size of the batch. Yes: nothing bends the output. A velocity, for instance, has both signs.
#
# </details>


# %% exercise="TwoLayerNet"
class TwoLayerNet(nn.Module):
    """A network with one hidden layer: linear1, then ReLU, then linear2, and no more.

    input_dim, hidden_dim, output_dim: widths of input, hidden layer, and output.
    Its only parameters are those of linear1, an nn.Linear from the input to the
    hidden layer, and of linear2, an nn.Linear from there to the output, each with
    a bias.
    """

    def __init__(self, input_dim, hidden_dim, output_dim):
        ### BEGIN SOLUTION
        super().__init__()
        self.linear1 = nn.Linear(input_dim, hidden_dim)
        self.linear2 = nn.Linear(hidden_dim, output_dim)
        ### END SOLUTION

    def forward(self, x):
        """x: (..., input_dim), any leading axes, also none. Returns (..., output_dim)."""
        ### BEGIN SOLUTION
        return self.linear2(torch.relu(self.linear1(x)))
        ### END SOLUTION


# %% check="TwoLayerNet"
check("TwoLayerNet")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Follow `PositiveRates` line by line. What must come first in `__init__`? Layers are made there, once; made in `forward`, they would be new
# and random at each call.
#
# </details>
# <details><summary>Hint 2: forward</summary>
#
# Three steps, each on the result of the one before. PyTorch has the bend as `torch.relu`, `F.relu`, and as a layer, `nn.ReLU()`.
#
# </details>
#
# #### Look, and break it
#
# Your network with the weights of the example: its three hidden units, and its output. Then the same two layers without the bend. **Predict**
# that second curve.

# %% look="tent"
with plots.needs("TwoLayerNet"):
    net = TwoLayerNet(1, 3, 1)
    hidden, output = torch.tensor([0.0, -1.0, -2.0]), torch.tensor([[20.0, -40.0, 20.0]])
    net.linear1.load_state_dict({"weight": torch.ones(3, 1), "bias": hidden})
    net.linear2.load_state_dict({"weight": output, "bias": torch.tensor([5.0])})
    speed = torch.linspace(-0.5, 3, 29)[:, None]  # (29, 1)
    _, panels = plots.plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    bent = torch.relu(net.linear1(speed))  # (29, 3)
    hinges = {f"hidden unit {i}": bent[:, i] for i in range(3)}
    plots.curves(speed, hinges, "speed", "activity", "Three hinges", ax=panels[0])
    sums = {"your network": net(speed), "without ReLU": net.linear2(net.linear1(speed))}
    plots.curves(speed, sums, "speed", "spikes per bin", "Their sum", ax=panels[1])

# %% [markdown]
# Without the bend the three lines add up to one line, here even a flat one. The notebook goes on with PyTorch's own layers, so nothing below
# depends on your class.
#
# <a id="norm"></a>
# ## 6 · Normalization
#
# **Exercise `layer_norm`** · difficulty 2/5 · importance 5/5 · 6 minutes · {points:layer_norm} points
#
# *Why now:* layers learn best from numbers of about unit size. But some neurons fire ten times as fast as others, and in some trials the
# animal is more aroused and *all* of them fire faster. **Layer normalization** takes each vector by itself and brings its $D$ entries to mean 0 and
# variance 1. Then every entry gets a scale and a shift, which are learned:
#
# $$\mu = \frac1D \sum_d x_d, \qquad \sigma^2 = \frac1D \sum_d (x_d - \mu)^2, \qquad y_d = \frac{x_d - \mu}{\sqrt{\sigma^2 + \varepsilon}}\; w_d + b_d .$$
#
# The small $\varepsilon$ keeps a silent trial, whose variance is 0, from dividing by zero.
#
# *By hand:* $(2, 4, 9)$ has mean 5 and variance $(9 + 1 + 16)/3 = 8.67$, root $2.94$. Normalized: $(-1.02, -0.34, 1.36)$. With
# $w = (1, 1, 2)$ and $b = (0, 1, 0)$: $(-1.02, 0.66, 2.72)$.
#
# ![Layer norm: mean and variance of each row, a trial. Batch norm: of each column, a neuron over the batch](../assets/figures/00_norms.svg)
#
# **Batch normalization** goes along the other axis: a mean and a variance *for each feature*, over the batch. So what one trial becomes depends on
# which others share its batch; for new data, it uses running averages kept from training. Layer norm needs no company and works the same for one
# token or a thousand: one reason why transformers use it.
#
# **Predict.** For `x` of shape (200, 12, 30), how many means does layer norm over the last axis compute? What comes out for a vector whose entries are
# all 7?
#
# <details><summary>Answer</summary>
#
# 200 · 12 = 2,400, one a vector. And exactly the bias $b$: each deviation is 0, and 0 over $\sqrt\varepsilon$ is 0.
#
# </details>


# %% exercise="layer_norm"
def layer_norm(x, weight, bias, eps=1e-5):
    """Bring each vector along the last axis to mean 0 and variance 1; scale and shift it.

    x: floating-point tensor (..., D), with any number of leading axes, also none.
    weight, bias: (D,), the scale and the shift of each entry, in this order.
    The variance is the mean of the squared deviations (divided by D, not by D - 1).
    eps: added to the variance, under the root.
    Returns (..., D), a new tensor; x is left unchanged. A vector whose entries are
    all equal becomes `bias`.
    """
    ### BEGIN SOLUTION
    centered = x - x.mean(dim=-1, keepdim=True)
    variance = centered.square().mean(dim=-1, keepdim=True)  # (..., 1)
    return centered / torch.sqrt(variance + eps) * weight + bias
    ### END SOLUTION


# %% check="layer_norm"
check("layer_norm")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Mean and variance are one number a vector, and must line up with its D entries: section 2 has the word for keeping a reduced axis.
#
# </details>
# <details><summary>Hint 2: the variance</summary>
#
# `var` and `std` divide by D − 1 unless told otherwise; look up their arguments. Or write the mean of the squares yourself.
#
# </details>
# <details><summary>Hint 3: pseudocode</summary>
#
# deviations ← each entry less the mean of its vector · spread ← root of (mean squared deviation plus eps) · deviations over spread, entry by entry
# times weight, plus bias
#
# </details>
#
# #### Look
#
# Twenty simulated trials; in the last ten the animal is aroused, and every neuron fires twice as fast. **Predict** which of the two
# normalizations hides the arousal, and which hides that neurons differ in their mean rate.

# %%
baseline = torch.linspace(4, 40, 15)  # (N,), a mean rate for each of fifteen neurons
aroused = torch.where(torch.arange(20) < 10, 1.0, 2.0)  # (B,), a factor a trial
activity = torch.poisson(aroused[:, None] * baseline)  # (B, N)
batch_norm = nn.BatchNorm1d(15)

# %% look="norms"
with plots.needs("layer_norm"):
    scale, shift = torch.ones(15), torch.zeros(15)
    maps = {
        "as recorded, all on one scale": (activity - activity.mean()) / activity.std(),
        "your layer_norm: trial by trial": layer_norm(activity, scale, shift),
        "nn.BatchNorm1d: neuron by neuron": batch_norm(activity).detach(),
    }
    _, axes = plots.plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    for ax, (title, values) in zip(axes, maps.items()):
        plots.similarity_map(values.T, title=title, limit=2.5, ax=ax)
        ax.set(xlabel="trial", ylabel="neuron", yticks=[0, 5, 10])

# %% [markdown]
# **Break it.** One wild trial: an artifact adds up to a thousand spikes to trial 0 alone. Which *other* trials' outputs move?

# %% look="company"
louder = activity.clone()
louder[0] += torch.linspace(0, 1000, 15)
own = nn.LayerNorm(15)
for name, layer in {"layer norm": own, "batch norm": batch_norm.train()}.items():
    moved = (layer(louder) - layer(activity)).abs().amax(dim=1) > 1e-4  # (B,)
    print(f"{name}: trials that moved: {moved.nonzero().flatten().tolist()}")

# %% [markdown]
# <a id="dropout"></a>
# ## 7 · Dropout, and two modes
#
# **Dropout** sets each entry to zero with probability $p$, at random and anew at each call, so that no unit can rely on one other unit. What survives is
# **divided by $1 - p$**, so that the mean stays what it was. All this happens in training only.
#
# ![With p = 1/4: in training one of four entries is zeroed and the others grow by 4/3; in evaluation nothing changes](../assets/figures/00_dropout.svg)
#
# **Predict.** `nn.Dropout(0.25)` on a million ones, in training: which numbers come out, and what is their mean? And after `eval()`?

# %% look="dropout"
layer, ones = nn.Dropout(0.25), torch.ones(1_000_000)
for mode in ("train", "eval"):
    getattr(layer, mode)()  # layer.train() or layer.eval()
    dropped = layer(ones)
    print(f"{mode + '()':8} values {dropped.unique()}, mean {dropped.mean():.3f}")

# %% [markdown]
# A module and all its parts are in one of two modes: `model.train()`, as at the start, or `model.eval()`. It matters for dropout and batch norm.
# Forget `eval()`, and your predictions are noisy and depend on their batch. `torch.no_grad()` is another thing: it stops the recording of
# gradients, and changes no output. To evaluate you want both.
#
# <a id="gradient"></a>
# ## 8 · Loss and gradient
#
# **Exercise `gradient_step`** · difficulty 2/5 · importance 5/5 · 4 minutes · {points:gradient_step} points
#
# *Why now:* where do weights come from? From a measure of failure, the **loss**. Here it is the **mean squared error** of the model $\hat y = xW$:
#
# $$L(W) = \frac{1}{B\,D_\text{out}} \sum_{b, o} (\hat y_{bo} - y_{bo})^2, \qquad \nabla L = \frac{2}{B\,D_\text{out}}\; x^\top (xW - y) .$$
#
# The **gradient** $\nabla L$ has the shape of $W$. It says how fast $L$ grows with each weight, so we go the other way, by a **learning rate** $\eta$:
#
# $$W_\text{new} = W - \eta\, \nabla L .$$
#
# *By hand*, one input, one output: $x = 1, 2, 3$, targets $y = 2, 4, 6$, and $w = 1$. Errors $-1, -2, -3$, so $L = 14/3 = 4.67$ and $\nabla L =
# \frac23 (-1 - 4 - 9) = -9.33$. With $\eta = 0.1$: $w = 1 + 0.933 = 1.933$, and the loss falls to $0.02$.
#
# PyTorch finds gradients by itself (**autograd**): from a tensor that *requires a gradient*, it records every operation, and `backward()` walks the record
# back.

# %% look="autograd"
w = torch.tensor(1.0, requires_grad=True)
x, y = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 4.0, 6.0])
loss = (w * x - y).square().mean()
loss.backward()
print(f"loss {loss.item():.2f}, gradient {w.grad.item():.2f}")

# %% [markdown]
# On paper $W$ stands to the right of $x$ with shape $(D_\text{in}, D_\text{out})$; `nn.Linear` stores its transpose. In this exercise it is as on paper.
#
# **Predict.** What happens to a step if you feed the same trials twice, (2B, D) instead of (B, D)?
#
# <details><summary>Answer</summary>
#
# Nothing: the loss is a *mean*. With a sum, the step would double, and a learning rate that suits one batch would fail on a larger one.
#
# </details>


# %% exercise="gradient_step"
def gradient_step(weight, x, y, lr):
    """One step of gradient descent for the model whose predictions are x @ weight.

    weight: (D_in, D_out). x: (B, D_in), the inputs. y: (B, D_out), the targets.
    lr: the learning rate, a number.
    The loss is the mean over all B * D_out entries of (x @ weight - y) squared.
    Returns the new weight (D_in, D_out), a new tensor; weight, x and y keep their
    values. By the formula or by autograd, as you like.
    """
    ### BEGIN SOLUTION
    errors = x @ weight - y  # (B, D_out)
    gradient = 2 * x.T @ errors / errors.numel()  # (D_in, D_out)
    return weight - lr * gradient
    ### END SOLUTION


# %% check="gradient_step"
check("gradient_step")

# %% [markdown]
# <details><summary>Hint 1: by the formula</summary>
#
# Check the shapes: the gradient is as large as the weight, so the inputs must be turned around. How many entries does the mean run over?
#
# </details>
# <details><summary>Hint 2: by autograd</summary>
#
# copy ← the weight, detached and cloned, set to require a gradient · loss ← as above, one number · walk back · the old weight less lr times the copy's
# gradient. No `-=`: that writes into the caller's tensor.
#
# </details>
#
# #### Look
#
# Your steps fit neuron 0's tuning curve to its 200 simulated counts, from nothing. The inputs are $\cos\theta$, $\sin\theta$ and a 1, whose weight is
# the bias.

# %% look="descent"
with plots.needs("gradient_step"):
    features = torch.stack([direction.cos(), direction.sin(), torch.ones(200)], dim=-1)
    theta = torch.linspace(0, 2 * math.pi, 25)
    grid = torch.stack([theta.cos(), theta.sin(), torch.ones(25)], dim=-1)  # (25, 3)
    targets = counts[:, :1]  # (B, 1); counts[:, 0] would be (B,): see section 2
    weight, fits = torch.zeros(3, 1), {}
    for step in range(31):
        if step in (0, 1, 3, 30):
            fits[f"after {step} steps"] = grid @ weight
        weight = gradient_step(weight, features, targets, lr=0.3).detach()
    plots.curves(theta.rad2deg(), fits, "direction of reach, degrees", "spikes per bin")
    apart = direction.rad2deg() + torch.randn(200)  # so that dots do not hide each other
    plots.plt.scatter(apart, targets, s=8, color=plots.MUTED, alpha=0.5, zorder=0)
    learned, true = torch.atan2(weight[1], weight[0]).rad2deg() % 360, preferred[0].rad2deg()
    print(f"preferred direction: learned {learned.item():.0f}°, true {true:.0f}°")

# %% [markdown]
# #### Break it: the learning rate
#
# ![On a bowl: small steps crawl, medium ones arrive, large ones jump to and fro and climb out](../assets/figures/00_descent.svg)
#
# The same fit with three learning rates. **Predict:** which curve goes *up*, and does the best one reach zero?

# %% look="rates"
with plots.needs("gradient_step"):
    losses = {}
    for name, lr in {"lr 0.01": 0.01, "lr 0.3": 0.3, "lr 1.02": 1.02}.items():
        weight, path = torch.zeros(3, 1), []
        for _ in range(40):
            path.append(F.mse_loss(features @ weight, targets))
            weight = gradient_step(weight, features, targets, lr).detach()
        losses[name] = torch.stack(path)
    plots.curves(range(40), losses, "step", "mean squared error", log="y")

# %% [markdown]
# It never reaches zero: counts vary about their rate, by chance, and no curve can foresee that. What is left is noise. The next section shows what
# happens to those who try to fit it all the same.
#
# <a id="training"></a>
# ## 9 · One training loop
#
# Every network of this course, from here to the Neural Data Transformer, is trained by the same five lines. An **optimizer** holds the parameters and
# takes the steps; Adam, used here, adapts the step to each weight. Our few trials go in all at once; of more, each step takes a random
# **mini-batch**.
#
# ![A circle of five: predict, measure the loss, clear old gradients, walk back, step; beside it, check on other trials](../assets/figures/00_loop.svg)
#
# Trials have three jobs, and no trial has two:
#
# | set | used to | how often |
# |---|---|---|
# | training | change the weights | at every step |
# | validation | choose: when to stop, how wide, which learning rate | while you work |
# | test | report one honest number | once, at the end |
#
# The *simulated* neuron below fires on a **line**, faster the faster the hand moves its way, plus noise of standard deviation 4. We have ten training
# trials.


# %%
def simulate_line(trials):
    """Hand velocities, -1 to 1, and simulated rates, a line and noise: (trials, 1) each."""
    velocity = torch.linspace(-1, 1, trials)[:, None]
    return velocity, 20 + 12 * velocity + 4 * torch.randn(trials, 1)


def train(model, training, validation, steps=600, every=20):
    """Train on all trials at once. Returns losses, and the fit on a grid, every few steps."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    grid = torch.linspace(-1, 1, 81)[:, None]
    seen = {"training": [], "validation": [], "fits": []}
    for step in range(steps + 1):
        model.train()
        loss = F.mse_loss(model(training[0]), training[1])  # 1 predict, 2 measure
        if step % every == 0:
            model.eval()
            with torch.no_grad():
                for name, (x, y) in {"training": training, "validation": validation}.items():
                    seen[name].append(F.mse_loss(model(x), y))
                seen["fits"].append(model(grid).flatten())
        optimizer.zero_grad()  # 3 clear the old gradients
        loss.backward()  # 4 walk back
        optimizer.step()  # 5 step
    return {name: torch.stack(values) for name, values in seen.items()}


# %% [markdown]
# Two models compete: a straight line with 2 parameters, and a network with 200 hidden units and 601 parameters. **Predict** whose *training* loss ends
# lower, and whose *validation* loss.

# %% look="overfitting"
torch.manual_seed(4)
training, validation, test = simulate_line(10), simulate_line(40), simulate_line(400)
network = nn.Sequential(nn.Linear(1, 200), nn.ReLU(), nn.Linear(200, 1))
wide = train(network, training, validation)
line = train(nn.Linear(1, 1), training, validation)
models = {"network with 200 hidden units": wide, "straight line": line}
_, axes = plots.plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained", sharey=True)
for ax, (name, seen) in zip(axes, models.items()):
    both = {f"{part} trials": seen[part] for part in ("training", "validation")}
    plots.curves(range(0, 601, 20), both, "step", "mean squared error", name, "y", ax=ax)
    ax.axhline(16, color=plots.MUTED, linewidth=1)
    ax.text(600, 9.5, "variance of the noise: 16", color=plots.MUTED, fontsize=9, ha="right")

# %% [markdown]
# **Move the slider** to see the network learn: first the line, then the noise.

# %% look="slider"
cloud = {"training trials": training, "validation trials": validation}
when = (0, 1, 2, 3, 4, 6, 8, 10, 15, 20, 30)
frames = {str(20 * i): wide["fits"][i] for i in when}
labels = ("step", "hand velocity", "rate, spikes/s", "The network's fit while it trains")
plots.fit_with_slider(torch.linspace(-1, 1, 81), frames, cloud, *labels).show()

# %% [markdown]
# Where the figure above does not show (on GitHub, on paper), this is what it says:
#
# ![The fit after 20, 40 and 600 steps: still on its way, a line, and a curve through all ten training trials](../assets/figures/00_overfit.svg)
#
# That is **overfitting**: the network learns its ten trials by heart, noise included, and gets worse on all others. Only the validation loss tells.
# How bad it gets depends on the draw: try other seeds, and more training trials.
# **Early stopping** keeps the weights of its best step. One honest number at the end, from the test trials, with a baseline below it and the best
# possible above:

# %% look="scores"
velocity, rates = test
grid = torch.linspace(-1, 1, 81)
nearest = (velocity - grid).abs().argmin(dim=1)  # (400,), its place on the grid
best = wide["validation"].argmin()
answers = {
    "mean of the training trials (baseline)": training[1].mean().expand(400, 1),
    "network, last step": wide["fits"][-1][nearest, None],
    f"network, stopped at step {20 * best}": wide["fits"][best][nearest, None],
    "straight line": line["fits"][-1][nearest, None],
    "the true line (best on average)": 20 + 12 * velocity,
}
print("mean squared error on test trials")
for name, answer in answers.items():
    print(f"{name:40} {F.mse_loss(answer, rates):6.1f}")

# %% [markdown]
# *Which* trials may serve as test trials is a question in itself: neighboring moments of one recording are nearly copies of each other, and a careless split
# lets a model cheat. Lesson 08 catches one.
#
# <a id="environment"></a>
# ## 10 · Your environment
#
# What your computer runs, a training step as a trial, and the state of your four exercises. If you ask for help, copy this.

# %% look="environment"
packages = ["torch", "numpy", "matplotlib", "plotly", "ipython", "pytest", "safetensors"]
print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
print(", ".join(f"{name} {version(name)}" for name in packages))
gpu = torch.cuda.is_available()
print("GPU:", torch.cuda.get_device_name() if gpu else "none, and none is needed")
trial = train(nn.Linear(1, 1), simulate_line(4), simulate_line(4), steps=20)["training"]
if trial[-1] < trial[0]:
    print("✓ ready: PyTorch trains here, and the checks run")
else:
    print("✗ PyTorch does not train here; see the README on how to install it")
for exercise in ("linear", "TwoLayerNet", "layer_norm", "gradient_step"):
    check(exercise)

# %% [markdown]
# <a id="recap"></a>
# ## Recap
#
# - A tensor has a shape. `dim` is the axis that disappears; broadcasting lines shapes up from the right, and may do so where you did not mean it.
# - A linear layer is a weighted sum a row, on the last axis, for any number of inputs. A bend between two of them makes any curve possible.
# - A subclass of `nn.Module` makes its layers in `__init__` and uses them in `forward`; parameters are found by their attributes.
# - Layer norm looks along one vector; batch norm along the batch, feature by feature.
# - Dropout zeroes and rescales in training, and does nothing in evaluation. `eval()` and `no_grad()` are different things.
# - Training: predict, measure, clear, walk back, step. Judge on trials that had no part in it.
#
# *You have built* what a transformer is made of, but for attention. *Lesson 01* turns words and neurons into vectors.
#
# <a id="glossary"></a>
# ## Glossary
#
# | term | meaning |
# |---|---|
# | tensor, shape, axis | an array of numbers; the lengths of its axes; one of them, counted from 0, or from the end as −1 |
# | batch, mini-batch | several inputs handled at once, along the first axis; a few of all trials, for one step |
# | broadcasting | repeating axes of length 1, or missing ones, so that two shapes agree |
# | subclass | a class that has all that its parent has, and adds to it |
# | parameter | a tensor in a module that training changes |
# | linear layer | weighted sums of all inputs, and a bias |
# | ReLU | negative numbers become zero; the bend between linear layers |
# | layer, batch normalization | mean 0, variance 1: within each vector; for each feature over the batch |
# | dropout | zeroing entries at random in training, and rescaling the rest |
# | loss, gradient, learning rate | how wrong; in which direction more wrong; how far to step the other way |
# | autograd | PyTorch's record of operations, and the walk back that gives gradients |
# | overfitting | learning the training trials' noise |
# | preferred direction, tuning curve | the reach for which a neuron fires most; its rate for all of them |
#
# <a id="mistakes"></a>
# ## Common mistakes
#
# - `reshape` where a transpose is meant: same shape, other numbers.
# - (B, 1) minus (B,): a table (B, B), and a loss that looks fine. Print shapes.
# - `if bias:` on a tensor. Compare with None.
# - No `super().__init__()`; layers made in `forward`, or kept in a plain list: no parameters to train.
# - ReLU after the last layer: the network can never answer "less than zero".
# - Variance over D − 1, or eps outside the root: nearly right, which is the worst kind of wrong.
# - "One mean for the whole batch": batch norm has one *per feature*.
# - `F.dropout(x, p)` in `forward`: it is always on, `eval()` or not, unless you pass `training=self.training`.
# - A sum for a loss: it grows with the batch, and cannot be compared with a mean.
# - `weight -= …` on an argument: the caller's tensor changes.
# - No `zero_grad()`: gradients of all steps pile up.
# - Choosing by the test set: then it is a validation set, and the honest number is gone.
#
# <a id="reading"></a>
# ## Further reading
#
# - Ba, Kiros and Hinton (2016), *Layer Normalization*, [arXiv:1607.06450](https://arxiv.org/abs/1607.06450): section 3, against batch norm.
# - Ioffe and Szegedy (2015), *Batch Normalization*, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167): section 3, algorithm 1, and 3.1 for evaluation.
# - Srivastava et al. (2014), *Dropout*, [Journal of Machine Learning Research 15](https://jmlr.org/papers/v15/srivastava14a.html): sections 1 and 4. The
#   paper rescales at test time; PyTorch does so in training, to the same effect.
# - Kingma and Ba (2015), *Adam*, [arXiv:1412.6980](https://arxiv.org/abs/1412.6980): algorithm 1.
# - Georgopoulos et al. (1982), *On the relations between the direction of two-dimensional arm movements and cell discharge in primate motor cortex*, Journal of
#   Neuroscience 2, 1527–1537: cosine tuning.
# - PyTorch, [documentation of `nn`](https://docs.pytorch.org/docs/stable/nn.html), and
#   [broadcasting](https://docs.pytorch.org/docs/stable/notes/broadcasting.html).
