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
# # 04 · The encoder: communicate, then compute
#
# [![Open in Colab](../assets/figures/colab.svg)](COLAB_URL)
#
# **In this lesson you build a transformer encoder from two kinds of layers, prove that it equals PyTorch's, and train it to find the one neuron that has no partner.**
#
# *Before you start:* `nn.Module`, layer normalization, dropout (lesson 00), attention and masks (03). No code of lesson 03 is needed.
#
# | section | minutes |
# |---|---|
# | 1 · [Two jobs](#jobs) | 8 |
# | 2 · [Compute](#compute): `FeedForwardLayer` | 14 |
# | 3 · [Several views of one embedding](#views) | 6 |
# | 4 · [Cut into heads, and back](#heads): `split_heads`, `merge_heads` | 12 |
# | 5 · [Communicate](#communicate): `MultiHeadAttention` | 20 |
# | 6 · [The residual stream](#stream): `EncoderLayer` | 14 |
# | 7 · [Layers in series](#stack): `Encoder` | 8 |
# | 8 · [The same as PyTorch's](#equal) | 6 |
# | 9 · [The neuron without a partner](#train) | 10 |
# | [Recap](#recap) · [Glossary](#glossary) · [Common mistakes](#mistakes) · [Further reading](#reading) | |
#
# After it you can
#
# 1. **build** the layer that computes on each token alone,
# 2. **cut** a token's width into heads and join them again, without mixing tokens,
# 3. **write** multi-head attention for any mask, and prove who depends on whom,
# 4. **wire** a residual stream, and say what pre- and post-norm change,
# 5. **stack** layers into an encoder, **count** its parameters, and train it against fair baselines.

# %%
import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from autograder import check
from course import plots

torch.manual_seed(4)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(f"PyTorch {torch.__version__} on {device}")

# %% [markdown]
# <a id="jobs"></a>
# ## 1 · Two jobs
#
# A lab records from the same patch of motor cortex on two days. Spike sorting finds some neurons on both days, and one on a single day only.
# Each recorded unit is described by three preferred directions: while a reach is planned, while the hand moves, while it holds. **Which unit has no partner?**
# No unit can be judged on its own: each must be held against all others, and then something must be decided about it.
#
# Here are such sets, *simulated*: **each unit is a token**, three numbers wide. Directions are counted in half-turns from $-1$ to $1$, and both ends are the same direction. Four neurons were found twice, one once, so $T = 9$ tokens, in random order.


# %%
def simulate_two_days(sets, found_twice=4, jitter=0.04):
    """Sets of simulated units, and which neuron each unit is (sets, T).

    A unit is three preferred directions in half-turns: (sets, T, 3). Neuron 0 was found on one day
    only, all others on both. jitter: standard deviation of each measured direction.
    """
    direction = 2 * torch.rand(sets, found_twice + 1, 3) - 1
    days = [(direction + jitter * torch.randn_like(direction) + 1) % 2 - 1 for _ in range(2)]
    units = torch.cat([days[0], days[1][:, 1:]], dim=1)  # (sets, T, 3)
    neuron = torch.cat([torch.arange(found_twice + 1), torch.arange(1, found_twice + 1)])  # (T,)
    order = torch.rand(sets, len(neuron)).argsort(dim=1)  # a random order in each set
    return units.gather(1, order[..., None].expand(-1, -1, 3)).to(device), neuron[order].to(device)


units, neuron = simulate_two_days(1000)
odd = (neuron == 0).int().argmax(dim=1)  # (sets,), the place of the unit without a partner
print("units:", tuple(units.shape), "= (sets B, tokens T, directions)")

# %% look="a-set"
_, axes = plots.plt.subplots(1, 9, figsize=(12, 1.9), subplot_kw={"projection": "polar"}, layout="constrained")
for place, ax in enumerate(axes):
    for angle, (color, _, dash), epoch in zip(math.pi * units[0, place].cpu(), plots.LINES, ["plan", "move", "hold"]):
        ax.plot([angle, angle], [0, 1], color=color, linestyle=dash, linewidth=2.5, label=epoch)
    ax.set(xticklabels=[], yticks=[], ylim=(0, 1))
    ax.set_title(f"unit {place}", fontsize=10)
axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
print(f"One simulated set. Which unit has no partner? Find it, then count the places up to the answer: {'.' * odd[0].item()}")

# %% [markdown]
# An **encoder layer** does the two jobs one after the other, and an encoder repeats the layer.
#
# ![The residual stream of three tokens runs upward; multi-head attention reads all tokens and adds its message, then a feed-forward layer reads each token alone and adds to it](../assets/figures/04_stream.svg)
#
# - **Communicate**: multi-head attention moves information *between* tokens. Lesson 03 built one head of it.
# - **Compute**: a feed-forward layer works *within* each token, on what has arrived.
#
# Attention is a poor hand at the second job. Once its weights are fixed, its output is a mean of linear maps: it brings things together but hardly bends them, and no linear map knows that $-1$ and $1$ half-turns are the same direction.
# A feed-forward layer cannot do the first job at all: it never sees another token.


# %%
def who_depends_on_whom(function, x):
    """Whether output token i of function(x) depends on input token j: bool (B·T, B·T).

    x: (B, T, width).
    """
    slopes = torch.autograd.functional.jacobian(function, x)  # (B, T, width, B, T, width)
    return (slopes.abs().amax(dim=(2, 5)) > 1e-7).flatten(2).flatten(0, 1)


def count_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


two_sets = torch.randn(2, 4, 6, device=device)  # (B, T, width): small enough for a table of all pairs

# %% [markdown]
# <a id="compute"></a>
# ## 2 · Compute: the feed-forward layer
#
# **Exercise `FeedForwardLayer`** · difficulty 2/5 · importance 5/5 · 12 minutes · {points:FeedForwardLayer} points
#
# *Why now:* it is the simpler of the two jobs, and lesson 00 has all its parts. Normalize the token, widen it, cut off what is negative, and bring it back to its width:
#
# $$\operatorname{FFN}(x) = W_2 \, \operatorname{dropout}\bigl(\operatorname{ReLU}(W_1 \operatorname{norm}(x) + b_1)\bigr) + b_2 .$$
#
# ![A token passes norm, linear1, ReLU, dropout and linear2, with the graph of ReLU; the same weights serve every token](../assets/figures/04_ffn.svg)
#
# *By hand*, with a token $(1, 3)$: its mean is 2 and its standard deviation 1, so the norm gives $(-1, 1)$. A first map with rows $(1,0), (0,1), (1,1)$ and bias $(0, 0, 0.5)$ makes $(-1, 1, 0.5)$; ReLU makes $(0, 1, 0.5)$. A second map with rows $(1, 2, 0), (0, 1, -2)$ makes $(2, 0)$.
#
# Each hidden unit is a detector: it fires if the token lies on one side of a plane, and then adds its column of $W_2$.
# The hidden width is usually 2 to 4 times the token's. Many later models, GPT among them, use GELU, a smooth relative of ReLU; the plan is the same.
#
# **Predict.** The same layer reads a batch of shape (2, 4, 6). How many of the 8 tokens can output token 5 depend on? And what changes if you reorder the tokens?
#
# <details><summary>Answer</summary>
#
# One: itself. So reordering the tokens reorders the outputs, nothing more. That is why all tokens can be computed at once.
#
# </details>


# %% exercise="FeedForwardLayer"
class FeedForwardLayer(nn.Module):
    """The computing part of an encoder layer: the same small network on every token, alone.

    input_dim: width of a token. hidden_dim: width between the two linear maps.
    dropout_p: probability with which, in training, a hidden unit of a token is dropped.
    Its parts are norm (nn.LayerNorm over a token's width), linear1 (input_dim to hidden_dim),
    relu (nn.ReLU), dropout (nn.Dropout) and linear2 (hidden_dim to input_dim). Both linear maps
    have a bias; there are no other parameters.
    """

    def __init__(self, input_dim, hidden_dim, dropout_p):
        ### BEGIN SOLUTION
        super().__init__()
        self.norm = nn.LayerNorm(input_dim)
        self.linear1 = nn.Linear(input_dim, hidden_dim)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout_p)
        self.linear2 = nn.Linear(hidden_dim, input_dim)
        ### END SOLUTION

    def forward(self, x):
        """x: (..., input_dim), any leading axes, also none; left unchanged.

        In this order: norm, linear1, relu, dropout, linear2. Returns (..., input_dim), without
        adding x: the residual connection belongs to the encoder layer.
        """
        ### BEGIN SOLUTION
        hidden = self.relu(self.linear1(self.norm(x)))  # (..., hidden_dim)
        return self.linear2(self.dropout(hidden))
        ### END SOLUTION


# %% check="FeedForwardLayer"
check("FeedForwardLayer")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# `__init__` first sets the module up, then makes five parts with the names in the docstring. `forward` sends x through them in the order of the formula, from the inside out.
#
# </details>
# <details><summary>Hint 2: what often goes wrong</summary>
#
# Layer norm needs the width of what it normalizes, here the token's. Nothing follows the second map: no ReLU, no norm, no sum. Dropout made once as a part of the module knows by itself whether the module trains or is evaluated.
#
# </details>
#
# **Look.** Left: who depends on whom, two sets of four tokens each, in your layer. Right: your hidden units as detectors, the output of one layer over all 2-D tokens. The norm is left out here: with it, a token of two numbers could only be $(-1, 1)$ or $(1, -1)$. (Why?)

# %% look="feed-forward"
with plots.needs("FeedForwardLayer"):
    _, (left, right) = plots.plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    table = who_depends_on_whom(FeedForwardLayer(6, 8, 0.0).to(device), two_sets)
    plots.mask_map(table, "who depends on whom", "output token", "input token", left)
    torch.manual_seed(7)
    small = FeedForwardLayer(2, 5, 0.0)
    small.norm = nn.Identity()
    side = torch.linspace(-2, 2, 81)
    tokens = torch.cartesian_prod(side, side)  # (81 * 81, 2)
    with torch.no_grad():
        surface = small(tokens)[:, 0].view(81, 81).T
    right.contourf(side, side, surface, 20, cmap="PuOr_r")
    for weight, bias in zip(small.linear1.weight.detach(), small.linear1.bias.detach()):
        right.plot(side, -(weight[0] * side + bias) / weight[1], color=plots.INK, linewidth=1.2)
    right.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", xlabel="x[0]", ylabel="x[1]", title="one output, five detectors")

# %% [markdown]
# <a id="views"></a>
# ## 3 · Several views of one embedding
#
# Which words are alike, *fish* and *shark* (animals), *fish* and *boat* (small), *hunt* and *sail* (things one does)? All of these: it depends on what you look at.
# One attention head looks through one set of projections, so it gives *one* answer.
# With several heads, each with its own $W_Q$, $W_K$, $W_V$, a token can ask several questions at once.
#
# Below, six words are set by hand in four dimensions. A head with two-dimensional keys sees a flat shadow of them. Change the head and watch who becomes whose neighbor.

# %%
words = ["fish", "shark", "boat", "ship", "hunt", "sail"]
embedding = torch.tensor(  # animal, vessel, activity, size
    [
        [1.0, 0.1, 0.0, 0.2],
        [0.75, 0.0, 0.15, 0.9],
        [0.1, 1.0, 0.15, 0.4],
        [0.0, 0.75, 0.0, 1.1],
        [0.8, 0.35, 1.0, 0.5],
        [0.35, 0.85, 0.9, 0.75],
    ]
)
projections = {  # three heads: each a map from 4 to 2 dimensions, (2, 4)
    "head 0: animal or vessel": torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]]),
    "head 1: how large, how active": torch.tensor([[0, 0, 0, 1.0], [0, 0, 1.0, 0]]),
    "head 2: a mixture": torch.tensor([[0.7, -0.7, 0.2, 0.3], [0.1, 0.3, -0.8, 0.9]]),
}

# %% look="views"
shadows = {name: embedding @ projection.T for name, projection in projections.items()}
kinds = ["animal", "animal", "vessel", "vessel", "activity", "activity"]
plots.views(shadows, words, kinds, "One embedding, seen by three heads").show()

# %% [markdown]
# Where the figure above does not show (on GitHub, on paper), this is what it says:
#
# ![Three scatter plots of the same six words: one head groups animals and vessels, one groups by size and activity, one mixes](../assets/figures/04_views.svg)
#
# A population of neurons invites the same: one view by preferred direction, another by when in the trial a neuron fires, a third by brain area. Learned views rarely have such names.
#
# ### What it costs
#
# The transformer of 2017 has tokens of width 512 and 8 heads of width 64: $8 \cdot 64 = 512$. The outputs of the heads are laid side by side (*concatenated*), and a last map, $W_O$, mixes them:
#
# $$\operatorname{MHA}(X) = \bigl[\,\operatorname{head}_0 \mid \dots \mid \operatorname{head}_{H-1}\,\bigr] W_O^\top + b_O, \qquad \operatorname{head}_h = \operatorname{Attention}(Q_h, K_h, V_h).$$
#
# Narrow heads keep the bill constant: 8 heads of 64 cost about as much as one head of 512, but give eight tables of weights instead of one.
# Each head has maps of its own. They are *stored* together: one linear map from 512 to 512, of whose outputs head $h$ owns 64.

# %% [markdown]
# <a id="heads"></a>
# ## 4 · Cut into heads, and back
#
# **Exercise `split_heads`** · difficulty 2/5 · importance 5/5 · 7 minutes · {points:split_heads} points
#
# *Why now:* lesson 03's attention takes any leading axes. So if heads become a leading axis, like the batch, all of them are computed by one call, in parallel. From here on $D$ is the width of *one head*:
#
# $$(B, T, H \cdot D) \;\longrightarrow\; (B, H, T, D) .$$
#
# ![A token's six columns are cut into two heads of three; each head then holds its columns of all tokens](../assets/figures/04_split.svg)
#
# *By hand:* two tokens $(1, 2, 3, 4, 5, 6)$ and $(7, 8, 9, 10, 11, 12)$, two heads. Head 0 holds $(1,2,3)$ and $(7,8,9)$; head 1 holds $(4,5,6)$ and $(10,11,12)$.
#
# **Predict.** What does `view(1, 2, 2, 3)` make of these two tokens? It has the right shape.
#
# <details><summary>Answer</summary>
#
# Head 0 gets (1, 2, 3) and (4, 5, 6): the *whole first token*, cut in two. `view` reads the numbers in the order in which they lie in memory and cannot exchange axes. Attention would then run between parts of one token, and no shape would complain.
#
# </details>


# %% exercise="split_heads"
def split_heads(x, num_heads):
    """Cut the width of every token into heads, and make the heads a leading axis.

    x: (B, T, H·D); num_heads: H. Head h owns columns h·D to (h+1)·D - 1. Returns (B, H, T, D).
    Raises ValueError if the width of x is not a multiple of num_heads.
    """
    ### BEGIN SOLUTION
    batch, length, width = x.shape
    if width % num_heads:
        raise ValueError(f"{num_heads} heads cannot share a width of {width}; choose a multiple of the heads")
    return x.reshape(batch, length, num_heads, width // num_heads).transpose(1, 2)  # (B, T, H, D) -> (B, H, T, D)
    ### END SOLUTION


# %% check="split_heads"
check("split_heads")

# %% [markdown]
# **Exercise `merge_heads`** · difficulty 1/5 · importance 5/5 · 4 minutes · {points:merge_heads} points
#
# *Why now:* after attention each head has an output for each token. The output map wants them side by side again: exactly the way back, $(B, H, T, D) \rightarrow (B, T, H \cdot D)$.
#
# **Predict.** After `transpose`, PyTorch may refuse a `view`. Why? <details><summary>Answer</summary> A transposed tensor is the same memory read in another order, and a view may not reorder memory. `reshape` copies if it has to. </details>


# %% exercise="merge_heads"
def merge_heads(x):
    """Lay the heads of every token side by side again: the way back from split_heads.

    x: (B, H, T, D). Returns (B, T, H·D), in which columns h·D to (h+1)·D - 1 come from head h.
    """
    ### BEGIN SOLUTION
    batch, heads, length, width = x.shape
    return x.transpose(1, 2).reshape(batch, length, heads * width)  # (B, T, H, D) -> (B, T, H·D)
    ### END SOLUTION


# %% check="merge_heads"
check("merge_heads")

# %% [markdown]
# <details><summary>Hint 1: two steps</summary>
#
# Cutting one axis into two neighbors, or joining two neighbors, is safe: no number moves. Moving an axis is another operation. Which of the two comes first on the way in? And on the way back?
#
# </details>
# <details><summary>Hint 2: shapes</summary>
#
# Way in: (B, T, H·D) → (B, T, H, D) → (B, H, T, D). On the way back read the line from right to left.
#
# </details>
#
# **Look.** The tokens of the worked example, cut by your function and by a plain `view`.

# %% look="split"
example = torch.arange(1.0, 13).view(1, 2, 6)
print("plain view:        head 0", example.view(1, 2, 2, 3)[0, 0].tolist(), " head 1", example.view(1, 2, 2, 3)[0, 1].tolist())
with plots.needs("split_heads", "merge_heads"):
    halves = split_heads(example, 2)
    print("your split_heads:  head 0", halves[0, 0].tolist(), " head 1", halves[0, 1].tolist())
    print("there and back again:", torch.equal(merge_heads(halves), example))

# %% [markdown]
# <a id="communicate"></a>
# ## 5 · Communicate: multi-head attention
#
# **Exercise `MultiHeadAttention`** · difficulty 4/5 · importance 5/5 · 18 minutes · {points:MultiHeadAttention} points
#
# *Why now:* everything is there. Normalize the tokens, make queries, keys and values for all heads at once, cut, attend, join, mix:
#
# ![Tokens are normalized, mapped to queries, keys and values, cut into heads, attended, joined, and mapped by linear_out; shapes are written at every step](../assets/figures/04_attention.svg)
#
# In each head, with head width $D$: $\;\operatorname{softmax}\!\bigl(Q_h K_h^\top / \sqrt{D}\bigr)\, V_h$. Two things are new:
#
# - **Dropout acts on the weights**, after the softmax: in training, a query now and then fails to hear a key, and the others speak louder by $1/(1-p)$. No message may become indispensable.
# - **The heads' total width is free**: `head_dims` is the width of *one* head, so the maps go from `input_dim` to `num_heads * head_dims`, and `linear_out` back.
#
# *By hand*, three tokens $(1,0), (0,1), (1,1)$, all maps the identity, no norm, two heads of width 1. Head 0 sees only the first column, $(1, 0, 1)$: the first token's scores are $(1, 0, 1)$, its weights $(0.42, 0.16, 0.42)$, its output $0.84$. Head 1 sees the second column: the first token's query is 0, so all scores are 0, the weights one third each, the output $0.67$. Together $(0.84, 0.67)$. One head of width 2 has a single table instead, $(0.40, 0.20, 0.40)$, and gives $(0.80, 0.60)$.
#
# **Predict.** For `input_dim` 512 and 8 heads of 64: how many parameters, without the norm? And if all heads shared one map of 64 × 64 for each of query, key and value?
#
# <details><summary>Answer</summary>
#
# $4 \cdot (512 \cdot 512 + 512) = 1{,}050{,}624$. Shared: $3 \cdot (64 \cdot 64 + 64) + 512 \cdot 512 + 512 = 275{,}136$, about a quarter. Such code runs and even trains, but all heads are forced to ask the same question. The parameter count gives it away.
#
# </details>


# %% exercise="MultiHeadAttention"
class MultiHeadAttention(nn.Module):
    """The communicating part of an encoder layer: self-attention with several heads.

    input_dim: width of a token. num_heads: H. head_dims: D, the width of each single head;
    H·D need not equal input_dim. dropout_p: probability with which, in training, an attention
    weight is dropped.
    Its parts are norm (nn.LayerNorm over a token's width), dropout (nn.Dropout), linear_q,
    linear_k, linear_v (input_dim to H·D each) and linear_out (H·D to input_dim). The linear
    maps have a bias; there are no other parameters.
    """

    def __init__(self, input_dim, num_heads, head_dims, dropout_p):
        ### BEGIN SOLUTION
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(input_dim)
        self.dropout = nn.Dropout(dropout_p)
        self.linear_q = nn.Linear(input_dim, num_heads * head_dims)
        self.linear_k = nn.Linear(input_dim, num_heads * head_dims)
        self.linear_v = nn.Linear(input_dim, num_heads * head_dims)
        self.linear_out = nn.Linear(num_heads * head_dims, input_dim)
        ### END SOLUTION

    def forward(self, x, mask=None):
        """x: (B, T, input_dim), left unchanged. Returns (B, T, input_dim).

        Queries, keys and values are all made from the normalized x. Head h uses columns h·D to
        (h+1)·D - 1 of each map, as in split_heads; scores are divided by the square root of D.
        mask: None (all may attend), or a bool tensor that broadcasts to (B, H, T, T); True at
        [b, h, i, j] lets query i attend to key j in head h of sequence b. Every query is
        allowed at least one key. Dropout acts on the weights, after the softmax.
        The result is linear_out of the merged heads; x is not added.
        """
        ### BEGIN SOLUTION
        x = self.norm(x)
        queries = split_heads(self.linear_q(x), self.num_heads)  # (B, H, T, D)
        keys = split_heads(self.linear_k(x), self.num_heads)
        values = split_heads(self.linear_v(x), self.num_heads)
        scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])  # (B, H, T, T)
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        weights = self.dropout(torch.softmax(scores, dim=-1))
        return self.linear_out(merge_heads(weights @ values))  # (B, H, T, D) -> (B, T, H·D) -> (B, T, input_dim)
        ### END SOLUTION


# %% check="MultiHeadAttention"
check("MultiHeadAttention")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Follow the figure from left to right and write down the shape after every step. In the middle is lesson 03, on tensors with one more leading axis. `.T` turns around all four axes: exchange two.
#
# </details>
# <details><summary>Hint 2: the scale</summary>
#
# The variance argument of lesson 03 speaks of the vectors that are multiplied: one head's queries and keys. And `torch.sqrt` wants a tensor; for a plain number Python has its own.
#
# </details>
# <details><summary>Hint 3: pseudocode</summary>
#
# normalize once · three maps, each cut into heads · scores of every query with every key, scaled · where the mask says no: minus infinity · softmax over the keys · dropout · blend the values · join · last map
#
# </details>
#
# ### Who depends on whom
#
# **Break it.** Attention code can run without an error and still connect the wrong things. The table of dependencies shows it: two sets (B) of four tokens (T), so tokens 0–3 must never hear from tokens 4–7.
#
# **Predict** the table of each broken version: (a) heads cut by a plain `view`, (b) attention along the axis of heads, (c) PyTorch's module with its default `batch_first=False`, which reads (T, B, width).


# %% look="dependence"
def cut_by_view(x):  # (B, T, 6) read as (B, H, T, D) without moving an axis, and back in the same way
    return F.scaled_dot_product_attention(*3 * [x.view(2, 2, 4, 3)]).reshape(2, 4, 6)


def attend_over_heads(x):  # the heads stand where the tokens should: (B, T, H, D)
    heads = torch.stack(x.chunk(2, dim=-1), dim=2)
    return F.scaled_dot_product_attention(heads, heads, heads).flatten(2)


time_first = nn.MultiheadAttention(6, 2).to(device)
versions = {"(a) view": cut_by_view, "(b) over heads": attend_over_heads, "(c) batch_first=False": lambda x: time_first(x, x, x)[0]}
_, axes = plots.plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
for ax, (name, function) in zip(axes[1:], versions.items()):
    plots.mask_map(who_depends_on_whom(function, two_sets), name, "output token", "input token", ax)
axes[0].set_axis_off()
with plots.needs("MultiHeadAttention"):
    yours = who_depends_on_whom(MultiHeadAttention(6, 2, 3, 0.0).to(device), two_sets)
    axes[0].set_axis_on()
    plots.mask_map(yours, "yours", "output token", "input token", axes[0])

# %% [markdown]
# (a) mixes only tokens whose halves landed in one head. (b) lets no information pass between tokens at all. (c) attends across the *batch*: each trial reads the other trial, and accuracy on a test set would depend on its companions.
# None of these raises an error when sizes happen to fit, so test with axes of different sizes, and look at the table.
#
# <a id="stream"></a>
# ## 6 · The residual stream
#
# **Exercise `EncoderLayer`** · difficulty 3/5 · importance 5/5 · 10 minutes · {points:EncoderLayer} points
#
# *Why now:* both parts are built; a layer needs the wiring. Each part reads the stream and **adds** its output to it:
#
# $$x \leftarrow x + \operatorname{dropout}\bigl(\operatorname{MHA}(x)\bigr), \qquad x \leftarrow x + \operatorname{dropout}\bigl(\operatorname{FFN}(x)\bigr).$$
#
# This is a **residual connection**: what is added back is the part's own *input*, the stream as it stands, and not the embedding from the very beginning, nor the values inside attention.
# Think of a shared notebook that runs through all layers. Every layer reads it, and writes corrections in; nothing is erased.
# So a unit's own profile, or the position added in lesson 02, is still there ten layers on without anybody feeding it in again; and in training, gradients run back along the sum undiminished.
# The price: width is constant from bottom to top.
#
# *By hand:* the stream holds $(1, 3)$. Attention writes $(0.5, -1)$: now $(1.5, 2)$. The feed-forward layer reads *that* and writes $(2, 0)$: the layer's output is $(3.5, 2)$.
#
# ![Pre-norm: the norm sits inside each branch and the stream itself is never touched; post-norm: the norm sits on the stream after every addition](../assets/figures/04_prenorm.svg)
#
# **Pre- or post-norm.** The paper of 2017 normalized the stream after each addition (*post-norm*). Most models since about 2019, and this course, normalize only what a part reads (*pre-norm*): your two parts begin with a norm of their own, so the layer needs none. A post-norm stack usually has to be started with a slow learning rate (*warm-up*); a pre-norm stack is more forgiving, but its stream grows with depth and wants one last norm before the read-out.
#
# **Predict.** What does a layer put out if both of its parts put out zero? And a stack of 24 such layers?
#
# <details><summary>Answer</summary>
#
# Its input, exactly, through all 24. A residual layer has to learn only what to *change*. Without the sums the output would be zero.
#
# </details>


# %% exercise="EncoderLayer"
class EncoderLayer(nn.Module):
    """One layer of a pre-norm encoder: attention, then a feed-forward layer, each added to the stream.

    input_dim: width of a token. num_heads, head_dims: of the attention. ffn_dim: hidden width
    of the feed-forward layer.
    Its parts are MHA, a MultiHeadAttention with dropout mha_dropout_p; FFN, a FeedForwardLayer
    with dropout ffn_dropout_p; post_mha_dropout and post_ffn_dropout, nn.Dropout with
    mha_dropout_p and ffn_dropout_p. It has no parameters of its own.
    """

    def __init__(self, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        ### BEGIN SOLUTION
        super().__init__()
        self.MHA = MultiHeadAttention(input_dim, num_heads, head_dims, mha_dropout_p)
        self.FFN = FeedForwardLayer(input_dim, ffn_dim, ffn_dropout_p)
        self.post_mha_dropout = nn.Dropout(mha_dropout_p)
        self.post_ffn_dropout = nn.Dropout(ffn_dropout_p)
        ### END SOLUTION

    def forward(self, x, mask=None):
        """x: (B, T, input_dim), left unchanged. mask: handed on to MHA as it is.

        What MHA makes of x passes post_mha_dropout and is added to x; what FFN makes of that sum
        passes post_ffn_dropout and is added to the sum. Returns the last sum, (B, T, input_dim).
        Nothing else is normalized: MHA and FFN do it themselves.
        """
        ### BEGIN SOLUTION
        x = x + self.post_mha_dropout(self.MHA(x, mask))
        return x + self.post_ffn_dropout(self.FFN(x))
        ### END SOLUTION


# %% check="EncoderLayer"
check("EncoderLayer")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Two steps of the same form: old stream plus dropout of what a part says about it. What does the second part read: what came into the layer, or what the first step left behind?
#
# </details>
# <details><summary>Hint 2: what often goes wrong</summary>
#
# `+=` writes into the caller's tensor; a plain sum makes a new one. Dropout belongs to the branch: if it acts on the sum, parts of the stream itself are erased. The feed-forward layer takes no mask: it sees one token.
#
# </details>
#
# **Look.** The layer wired in three ways (with PyTorch's parts) and stacked 24 times, with fresh random weights. How different are nine random tokens from one another, at each depth? (1: they have nothing in common; 0: all are the same.)


# %% look="diversity"
def diversity(layers):
    """Share of the tokens' size that they do not have in common, before and after each layer."""
    x, shares = torch.randn(50, 9, 32, device=device), []  # (B, T, width)
    for layer in [nn.Identity(), *layers]:
        x = layer(x)
        shares.append(((x - x.mean(dim=1, keepdim=True)).norm() / x.norm()).item())
    return torch.tensor(shares).clamp(min=1e-7)


def layers(depth=24, **kind):
    return [nn.TransformerEncoderLayer(32, 4, 64, 0.0, batch_first=True, device=device, **kind) for _ in range(depth)]


def without_stream(layer):  # the same parts, one after the other
    def forward(x):
        x = layer.norm1(x)
        x = layer.self_attn(x, x, x, need_weights=False)[0]
        return layer.linear2(layer.linear1(layer.norm2(x)).relu())

    return forward


with torch.no_grad():
    wirings = {"pre-norm": diversity(layers(norm_first=True)), "post-norm": diversity(layers(norm_first=False))}
    wirings["no residual"] = diversity([without_stream(layer) for layer in layers()])
plots.curves(range(25), wirings, "layers", "what tells tokens apart", "24 layers with random weights", log="y")

# %% [markdown]
# Attention averages. Without the stream a few layers average everything away, and no later layer can tell who is who. The stream keeps each token's identity; that is the first reason for residual connections, gradients are the second.
#
# <a id="stack"></a>
# ## 7 · Layers in series
#
# **Exercise `Encoder`** · difficulty 2/5 · importance 4/5 · 6 minutes · {points:Encoder} points
#
# *Why now:* one layer lets a unit compare itself with others; the next can use the result of *their* comparisons. Heads work in parallel and see the same stream; layers work in series, and each reads what all before it wrote.
#
# ![Layers in series, heads in parallel within each; beside it bars of the parameter count of one layer at width 512](../assets/figures/04_encoder.svg)
#
# *By hand:* at width 512 with 8 heads and `ffn_dim` 2048, attention has 1,050,624 parameters, the feed-forward layer $2048 \cdot 513 + 512 \cdot 2049 = 2{,}099{,}712$, the two norms 2,048: 3,152,384 a layer, two thirds of them in *computing*. Six layers: 18,914,304. None of it depends on $T$.
#
# **Predict.** How many sequential steps does the encoder take for 9 tokens, and for 900? <details><summary>Answer</summary> The same: one a layer (two, if you count its parts). All tokens go through each at once; only the table of weights grows, with T². A recurrent network would take 900 steps. </details>


# %% exercise="Encoder"
class Encoder(nn.Module):
    """A stack of encoder layers, in series.

    num_layers: how many. All other arguments are those of EncoderLayer, in the same order,
    the same for every layer.
    Its only part is layers, an nn.ModuleList of EncoderLayers, each with weights of its own;
    there is no norm at the end.
    """

    def __init__(self, num_layers, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        ### BEGIN SOLUTION
        super().__init__()
        sizes = (input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p)
        self.layers = nn.ModuleList([EncoderLayer(*sizes) for _ in range(num_layers)])
        ### END SOLUTION

    def forward(self, x, mask=None):
        """x: (B, T, input_dim). mask: handed to every layer as it is.

        Returns the output of the last layer, (B, T, input_dim).
        """
        ### BEGIN SOLUTION
        for layer in self.layers:
            x = layer(x, mask)
        return x
        ### END SOLUTION


# %% check="Encoder"
check("Encoder")

# %% [markdown]
# <details><summary>Hints</summary>
#
# A plain Python list hides its modules: they would not be trained, moved to a device, or saved. And a list multiplied by a number repeats *the same* object: count the parameters of two layers and of four.
#
# </details>
#
# **Look.** Your encoder at three depths: its parameters, and who depends on whom if each token may hear only itself and its left neighbor. News travels one place a layer.

# %% look="encoder"
with plots.needs("Encoder", "EncoderLayer"):
    here = torch.eye(4, dtype=torch.bool, device=device)
    neighbors = here | here.roll(1, dims=0).tril()  # (T, T)
    _, axes = plots.plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
    for ax, depth in zip(axes, [1, 2, 3]):
        encoder = Encoder(depth, 6, 2, 3, 8, 0.0, 0.0).to(device)
        table = who_depends_on_whom(partial(encoder, mask=neighbors), two_sets)
        plots.mask_map(table, f"depth {depth}", "output token", "input token", ax)
        print(f"depth {depth}: {count_parameters(encoder)} parameters")

# %% [markdown]
# <a id="equal"></a>
# ## 8 · The same as PyTorch's
#
# `nn.TransformerEncoderLayer(norm_first=True)` is your layer. Copy your weights into it, and both must give the same numbers. Three things to know about PyTorch's modules:
#
# - **The mask is the other way around.** In `nn.MultiheadAttention` and in all modules built on it, True = *blocked*. Pass `~mask`. (The function `F.scaled_dot_product_attention` agrees with us.)
# - **`batch_first=True`**, or they read (T, B, width).
# - The three maps lie in one matrix, `in_proj_weight`, queries first; `num_heads * head_dims` must equal the width.
#
# ![The same causal mask in two conventions: ours marks who may attend, PyTorch's attention modules mark who is blocked](../assets/figures/04_mask.svg)


# %%
def as_torch_layer(own, num_heads):
    """PyTorch's encoder layer with the weights of one of ours (num_heads * head_dims = input_dim)."""
    ffn_dim, input_dim = own.FFN.linear1.weight.shape
    layer = nn.TransformerEncoderLayer(input_dim, num_heads, ffn_dim, dropout=0.0, batch_first=True, norm_first=True, device=device)
    maps = [own.MHA.linear_q, own.MHA.linear_k, own.MHA.linear_v]
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(torch.cat([one.weight for one in maps]))  # (3 · input_dim, input_dim)
        layer.self_attn.in_proj_bias.copy_(torch.cat([one.bias for one in maps]))
    layer.self_attn.out_proj.load_state_dict(own.MHA.linear_out.state_dict())
    layer.norm1.load_state_dict(own.MHA.norm.state_dict())
    layer.norm2.load_state_dict(own.FFN.norm.state_dict())
    layer.linear1.load_state_dict(own.FFN.linear1.state_dict())
    layer.linear2.load_state_dict(own.FFN.linear2.state_dict())
    return layer.eval()


def gap(a, b):
    """The largest difference between two tensors, as text."""
    return f"{(a - b).abs().max():.1e}"


# %% look="equal"
with plots.needs("EncoderLayer", "MultiHeadAttention"), torch.no_grad():
    own = EncoderLayer(12, 3, 4, 20, 0.0, 0.0).to(device).eval()
    theirs, x = as_torch_layer(own, num_heads=3), torch.randn(5, 9, 12, device=device)
    causal = torch.ones(9, 9, device=device).tril().bool()
    normed = theirs.norm1(x)  # nn.MultiheadAttention does not normalize its input
    print("attention, no mask:            ", gap(own.MHA(x), theirs.self_attn(normed, normed, normed)[0]))
    print("attention, mask and ~mask:     ", gap(own.MHA(x, causal), theirs.self_attn(normed, normed, normed, attn_mask=~causal)[0]))
    print("encoder layer, mask and ~mask: ", gap(own(x, causal), theirs(x, src_mask=~causal)))
    print("encoder layer, mask and mask:  ", gap(own(x, causal), theirs(x, src_mask=causal)), "<- the wrong convention")

# %% [markdown]
# With the wrong convention every token hears only the future, and the last, which has none, becomes NaN, or in newer versions silently zero. From here on we rely on PyTorch's layers where a cell must work without yours:


# %%
class TorchEncoder(nn.Module):
    """The same encoder, made of PyTorch's parts: same arguments, same masks as ours.

    num_heads * head_dims must be input_dim, and one dropout probability serves all parts.
    """

    def __init__(self, num_layers, input_dim, num_heads, head_dims, ffn_dim, mha_dropout_p, ffn_dropout_p):
        super().__init__()
        layer = nn.TransformerEncoderLayer(input_dim, num_heads, ffn_dim, ffn_dropout_p, batch_first=True, norm_first=True)
        self.stack = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)
        for parameter in self.stack.parameters():  # PyTorch copies one layer, initial weights included: draw each anew
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x, mask=None):
        return self.stack(x, mask=None if mask is None else ~mask)


# %% [markdown]
# <a id="train"></a>
# ## 9 · The neuron without a partner
#
# ![Nine units from two days: four pairs joined by lines, and one unit alone](../assets/figures/04_task.svg)
#
# A read-in widens the three directions to 32 numbers; two encoder layers work on the stream; a norm and a linear map read a score from each token; a softmax over the nine tokens says which is the odd one.
# A unit resembles itself most, which is no news, so the mask forbids it to look at itself.
# Every training step draws new sets: there is nothing to memorize, and dropout stays at zero.
#
# Beside it, **chance** ($1/9$), and controls of about the same size: **mean pooling**, in which a token sees itself and the *mean* of all (a fair rival: it too ignores order); and the encoder with one of its jobs taken away, an *ablation*.
# A hand-written rule shows what is to be had: take the unit whose nearest neighbor on the circle is farthest away.
#
# **Predict.** Which of the two jobs can the encoder spare?


# %%
class OddOneOut(nn.Module):
    """A score for each unit of a set: units (B, T, 3) to scores (B, T).

    sees: (T, T) bool, who may attend to whom.
    """

    def __init__(self, encoder, sees, width=32):
        super().__init__()
        self.read_in, self.encoder = nn.Linear(3, width), encoder
        self.read_out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))
        self.register_buffer("sees", sees, persistent=False)

    def forward(self, units):
        return self.read_out(self.encoder(self.read_in(units), self.sees)).squeeze(-1)


class MeanPooling(nn.Module):
    """Each token computes on itself and on the mean of all tokens."""

    def __init__(self, width=32, hidden=150):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.both = nn.Sequential(nn.Linear(2 * width, hidden), nn.ReLU(), nn.Linear(hidden, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x, mask=None):
        each = self.each(x)  # (B, T, width)
        return self.both(torch.cat([each, each.mean(dim=1, keepdim=True).expand_as(each)], dim=-1))


# %%
def accuracy(model):
    """Share of the 1000 held-out sets in which the odd unit gets the highest score."""
    with torch.no_grad():
        return (model.eval()(units).argmax(dim=1) == odd).float().mean().item()


def train(model, steps=400, batch=128, rate=6e-3):
    """Train on fresh simulated sets; the accuracy on held-out sets every 50 steps."""
    torch.manual_seed(0)  # the same training sets for every model
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    history = [accuracy(model)]
    for step in range(steps):
        model.train()
        x, which = simulate_two_days(batch)
        loss = F.cross_entropy(model(x), (which == 0).int().argmax(dim=1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            history.append(accuracy(model))
    return history


itself = torch.eye(9, dtype=torch.bool, device=device)
sizes = dict(num_layers=2, input_dim=32, num_heads=4, head_dims=8, ffn_dim=128, mha_dropout_p=0.0, ffn_dropout_p=0.0)

# %% look="train"
torch.set_num_threads(1)  # for tables as small as these, more threads only wait for one another
torch.manual_seed(1)
try:
    model, whose = OddOneOut(Encoder(**sizes), ~itself).to(device), "your encoder"
    assert model(units[:2]).shape == (2, 9)
except Exception as error:  # not written yet, or not yet right: the lesson goes on with PyTorch's parts
    print(f"Your Encoder does not run yet ({type(error).__name__}); this trains PyTorch's.")
    model, whose = OddOneOut(TorchEncoder(**sizes), ~itself).to(device), "PyTorch's encoder"
histories = {whose: train(model), "chance": [1 / 9] * 9}
plots.curves(range(0, 401, 50), histories, "training steps", "odd unit found", "1000 held-out simulated sets")
print(f"{whose}: {count_parameters(model):,} parameters, {accuracy(model):.1%} of the held-out sets right")

# %% [markdown]
# Now the controls, each trained from the start, in the same way on the same sets. One may look only at itself; one has feed-forward layers that always say zero; one pools.

# %% look="controls"
deaf = OddOneOut(TorchEncoder(**sizes), itself).to(device)
mute = OddOneOut(TorchEncoder(**sizes), ~itself).to(device)
pool = OddOneOut(MeanPooling(), itself).to(device)
for name, parameter in mute.named_parameters():
    if "linear2" in name:
        nn.init.zeros_(parameter).requires_grad_(False)
controls = {"cannot communicate": deaf, "cannot compute": mute, "mean pooling": pool}
curves = histories | {name: train(control) for name, control in controls.items()}
plots.curves(range(0, 401, 50), curves, "training steps", "odd unit found", "1000 held-out simulated sets")
print(f"mean pooling: {count_parameters(pool):,} parameters")

# %% [markdown]
# **Look** at where the trained model looks. Units of one set, sorted so that partners stand side by side; the odd one comes first.


# %% look="where-it-looks"
def weights_of(layer, x):
    """Attention weights (B, H, T, T) on the stream x, of a layer of PyTorch's, or of yours copied."""
    layer = layer if isinstance(layer, nn.TransformerEncoderLayer) else as_torch_layer(layer, sizes["num_heads"])
    normed = layer.norm1(x)  # PyTorch's convention below: True = blocked
    return layer.self_attn(normed, normed, normed, attn_mask=itself, average_attn_weights=False)[1]


with plots.needs("EncoderLayer", "Encoder"), torch.no_grad():
    layers = model.encoder.stack.layers if isinstance(model.encoder, TorchEncoder) else model.encoder.layers
    order = neuron[0].argsort()
    stream = model.read_in(units[:1, order])
    names = [f"{'odd' if n == 0 else n}" for n in neuron[0, order].tolist()]
    tables = {f"layer 0, head {h}": table for h, table in enumerate(weights_of(layers[0], stream)[0])}
    plots.attention_maps(tables, names, names, width=3.3)

# %% [markdown]
# Partners find each other: within each pair (same number) the weights are large, and the odd unit has to spread its attention or settle for a stranger. What the heads fetch, the feed-forward layer compares with what the stream already holds.
#
# ### Order does not matter
#
# A set has no first unit. The encoder has no positions, so shuffling the units must shuffle the scores and change nothing else. (The mask "not itself" means the same after shuffling; a causal mask would not.)
#
# **Break it.** Add a position to each unit first, as one would for words, and shuffle again.

# %% look="order"
shuffle = torch.randperm(9, device=device)
position = torch.randn(9, 3, device=device)  # any code that differs from place to place
with torch.no_grad():
    print("Scores of sets shuffled before or after the model differ by at most")
    print("  without positions:", gap(model(units[:, shuffle]), model(units)[:, shuffle]))
    print("  with positions:   ", gap(model(units[:, shuffle] + position), model(units + position)[:, shuffle]))

# %% [markdown]
# ### All scores, side by side

# %% look="scores"
with torch.no_grad():
    apart = (units[:, :, None] - units[:, None] + 1) % 2 - 1  # (B, T, T, 3), on the circle
    nearest = (apart.square().sum(dim=-1) + 9 * itself).amin(dim=-1)  # (B, T), the unit itself left out
    rule = (nearest.argmax(dim=1) == odd).float().mean().item()
scores = {"hand-written rule": rule, whose: accuracy(model)} | {name: accuracy(one) for name, one in controls.items()} | {"chance": 1 / 9}
_, ax = plots.plt.subplots(figsize=(7, 2.6), layout="constrained")
bars = ax.barh(list(scores), list(scores.values()), color=[plots.QUERY if name == whose else plots.MUTED for name in scores])
ax.bar_label(bars, [f" {score:.1%}" for score in scores.values()])
ax.invert_yaxis()
ax.set(xlim=(0, 1.1), xlabel="odd unit found in 1000 held-out simulated sets")
ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# Read the bars honestly. Without communication nothing works; without computing the encoder finds clearly fewer, yet far more than you may have guessed: softmax and norm bend things too.
# The encoder does not beat the rule, which somebody who knew the answer wrote; it *found* such a rule, from examples alone.
# All this is one seed, on simulated units with independent noise (real ones drift together), in sets of nine: try others.
#
# **Predict.** Without communication it still finds more than one in nine. How can that be?
#
# <details><summary>Answer</summary>
#
# Partners look alike, so they get nearly the same score. Whatever the score, the highest one belongs to each of the five *neurons* equally often: up to one in five. A level of chance is worth a second thought.
#
# </details>
#
# <a id="recap"></a>
# ## Recap
#
# - An encoder layer communicates (attention, between tokens), then computes (feed-forward, within each).
# - Heads are columns of one map: cut, moved to a leading axis, attended in parallel, joined, mixed. They cost no more than one wide head.
# - Both parts add to a residual stream, which keeps who is who and lets gradients through. The sum adds the part's own input.
# - Pre-norm normalizes what a part reads and leaves the stream alone.
# - The table of who depends on whom finds errors that shapes do not.
# - PyTorch's attention modules take True = blocked: pass `~mask`.
#
# *You have built* a full encoder. *Lesson 05* adds a decoder that reads it, *lesson 07* turns it into a model of neural populations.
#
# <a id="glossary"></a>
# ## Glossary
#
# | term | meaning |
# |---|---|
# | head | one attention with maps of its own, on a share of the columns |
# | head width $D$ | columns of one head (`head_dims`); $H \cdot D$ in all |
# | feed-forward layer, MLP | two linear maps with a nonlinearity, on each token alone |
# | residual stream | the sum that runs through all layers and that each part adds to |
# | pre-norm, post-norm | normalizing what a part reads; normalizing the stream after a sum |
# | permutation equivariant | shuffled in, shuffled out in the same way |
# | ablation | taking a part away to see what it was good for |
#
# <a id="mistakes"></a>
# ## Common mistakes
#
# - `view` where axes must be exchanged: heads made of other tokens' numbers. Shapes agree, values do not.
# - Attention over the axis of heads, or of the batch: look at the table of dependencies.
# - One small map for all heads: count the parameters.
# - Scaling by the width of all heads together, or by none.
# - The second part reads or adds the wrong stream: the first part's work is lost.
# - Batch norm for layer norm: a token's output then depends on its companions.
# - Dropout on the output, or on the stream, where it belongs on the weights or the branch.
# - The same layer object repeated: a stack with the parameters of one layer.
#
# <a id="reading"></a>
# ## Further reading
#
# - Vaswani et al. (2017), *Attention Is All You Need*, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): sections 3.1 (layers, residuals, post-norm), 3.2.2 (heads), 3.3 (feed-forward).
# - Xiong et al. (2020), *On Layer Normalization in the Transformer Architecture*, [arXiv:2002.04745](https://arxiv.org/abs/2002.04745): section 3, pre- against post-norm and warm-up.
# - Dong, Cordonnier and Loukas (2021), *Attention is Not All You Need*, [arXiv:2103.03404](https://arxiv.org/abs/2103.03404): section 2, why pure attention loses the differences between tokens.
# - Elhage et al. (2021), [*A Mathematical Framework for Transformer Circuits*](https://transformer-circuits.pub/2021/framework/index.html): the residual stream as a shared channel.
# - Lee et al. (2019), *Set Transformer*, [arXiv:1810.00825](https://arxiv.org/abs/1810.00825): section 3, attention for sets.
# - PyTorch, [`nn.MultiheadAttention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html) and [`nn.TransformerEncoderLayer`](https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html): masks, `batch_first`, `norm_first`.
