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
# # 03 · Attention: tokens that read one another
#
# [![Open in Colab](../assets/figures/colab.svg)](COLAB_URL)
#
# **In this lesson you build scaled dot-product attention from one matrix product, and let a population of neurons use it.**
#
# *Before you start:* tensors, shapes and `nn.Module` (lesson 00), the dot product (01), why order needs a positional encoding (02).
#
# | section | minutes |
# |---|---|
# | 1 · [The routing problem](#routing) | 7 |
# | 2 · [Query, key, value](#qkv) | 5 |
# | 3 · [Scores](#scores): `attention_scores` | 8 |
# | 4 · [Weights that sum to one](#softmax): `softmax` | 12 |
# | 5 · [Why the scores are scaled](#scaling) | 8 |
# | 6 · [The whole function, with a mask](#attention): `scaled_dot_product_attention` | 18 |
# | 7 · [Two masks](#masks): `causal_mask`, `padding_mask` | 8 |
# | 8 · [Attention as messages on a graph](#graph) | 6 |
# | 9 · [Self-attention as a module](#module): `SelfAttention` | 8 |
# | 10 · [The fused function](#fused) | 4 |
# | 11 · [Causal or not: what a decoder may claim](#causal) | 6 |
# | [Recap](#recap) · [Glossary](#glossary) · [Common mistakes](#mistakes) · [Further reading](#reading) | |
#
# After it you can
#
# 1. **compute** how well every query matches every key,
# 2. **turn** scores into weights along the right axis, without overflow,
# 3. **explain** the factor $1/\sqrt{d_k}$ from the variance of a dot product,
# 4. **write** attention for any mask, with a query that may look nowhere,
# 5. **build** causal masks, padding masks, and self-attention as a module,
# 6. **decide** between causal and acausal attention for a neural recording.

# %%
import math

import torch
import torch.nn.functional as F
from torch import nn

from autograder import check
from course import plots

torch.manual_seed(3)
torch.set_printoptions(precision=3, sci_mode=False)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(f"PyTorch {torch.__version__} on {device}")

# %% [markdown]
# <a id="routing"></a>
# ## 1 · The routing problem
#
# Read *"the fish swam past the boat, so we …"*: the missing word, *hunt* or *sail*, hangs on words that came earlier.
# Neural recordings pose the same problem.
# In a delayed reach a monkey sees a target, waits, and moves only at the go signal.
# A model that reads the recording bin by bin must, at *go*, still know what it saw at the *cue*.
# **What is the token, and which other tokens does it need?** That is the question of this lesson, for words and neurons alike.
#
# Below is a *simulated* population: $N = 30$ neurons, $T = 12$ time bins of 100 ms, and **each time bin is a token**, a vector of 30
# spike counts.
# Twenty neurons are tuned to the target's direction, but only in the cue bin; five tell that a cue is on; five fire at go.
# Real premotor neurons keep the plan alive through the delay; ours forget it on purpose, so that it must be fetched from the past.

# %%
CUE, GO = 3, 9  # time bins
preferred = torch.arange(20) * 2 * math.pi / 20  # preferred directions of the tuned neurons


def simulate_reaches(trials, bins=12):
    """Simulated spike counts (trials, bins, 30), and each trial's reach direction (trials,) in radians."""
    angle = 2 * math.pi * torch.randint(8, (trials,)) / 8 - math.pi
    rates = torch.full((trials, bins, 30), 2.0)
    rates[:, CUE, :20] += 1.6 * torch.cos(angle[:, None] - preferred)  # cosine tuning, in one bin
    rates[:, :, 20:] = 1.0
    rates[:, CUE, 20:25] = 6.0
    rates[:, GO, 25:] = 6.0
    return torch.poisson(rates).to(device), angle.to(device)


reaches, angles = simulate_reaches(800)  # (B, T, N), (B,)
print("tokens:", tuple(reaches.shape), "= (trials B, time bins T, neurons N)")

# %% look="population"
plots.population(reaches[0], {"cue": CUE, "go": GO}, "One trial: each column is a token")

# %% [markdown]
# ### Three ways to move information
#
# ![Three panels: an RNN passes on one state, a convolution sees a window, attention connects all tokens](../assets/figures/03_routing.svg)
#
# | | path from the cue to *go* | all tokens at once? | work for $T$ tokens of width $D$ |
# |---|---|---|---|
# | recurrent (RNN, LSTM, GRU) | one step a token, through a state of fixed size | no | $T \cdot D^2$ |
# | convolution, window $w$ | as many layers as it takes to span the gap | yes | $w \cdot T \cdot D^2$ |
# | attention | **one step**, whatever the distance | yes | $T^2 \cdot D$ |
#
# A recurrent network squeezes the whole past into one hidden state: a bottleneck.
# The gates of an LSTM or a GRU protect what is in the state, but do not make it larger.
# Attention keeps every token and lets each read from the others directly; the price is a table of $T \times T$ weights.
# This trade pays in language, images (patches as tokens), time series, and neural recordings.
#
# **Predict.** How strongly does the last output of each *untrained* model depend on a token 30 bins earlier?
#
# <details><summary>Answer, once you have a guess</summary>
#
# The RNN's and the LSTM's sensitivity shrinks by a constant factor a step, so it falls along a straight line on the log axis.
# The convolution's is exactly zero beyond its window.
# Attention's has no trend with distance. Training can stretch the memory of a recurrent network; here you see where it starts.
#
# </details>


# %% look="reach-back"
def sensitivity(model, length=40, width=16):
    """Size of the gradient of the last output with respect to each input, by distance (length,)."""
    x = torch.randn(8, length, width, requires_grad=True)
    model(x)[:, -1].sum().backward()
    return x.grad.norm(dim=-1).mean(dim=0).flip(0)


rnn, lstm = nn.RNN(16, 16, batch_first=True), nn.LSTM(16, 16, batch_first=True)
conv = nn.Sequential(*[nn.Conv1d(16, 16, kernel_size=5, padding=2) for _ in range(3)])
routes = {
    "RNN": sensitivity(lambda x: rnn(x)[0]),
    "LSTM": sensitivity(lambda x: lstm(x)[0]),
    "3 convolutions of width 5": sensitivity(lambda x: conv(x.mT).mT),
    "attention": sensitivity(lambda x: F.scaled_dot_product_attention(x, x, x)),
}
routes = {name: torch.where(size > 1e-12, size, torch.nan) for name, size in routes.items()}
plots.curves(range(40), routes, "distance in tokens", "sensitivity of the last output", log="y")

# %% [markdown]
# <a id="qkv"></a>
# ## 2 · Query, key, value
#
# ![A query is compared with the key on each drawer, and a blend of the drawers' values comes back](../assets/figures/03_filing.svg)
#
# Think of a filing system. You come with a **query**; every drawer has a **key** on its label; inside lies a **value**.
# A computer's dictionary opens the one drawer whose key matches exactly; attention opens *all*, each as far as its key matches, and
# hands back the blend.
# Every token plays all three parts, with three vectors made from its embedding $x$ by three learned linear maps:
#
# - query $q = W_Q x$: **what I look for**,
# - key $k = W_K x$: **what I have**,
# - value $v = W_V x$: **what I tell** whoever picks me.
#
# Lesson 01 compared words by the dot product of their embeddings. Why three maps, then? Because relevance is not similarity: *hunt*
# looks for an animal without being one, and the go bin looks for the cue bin without resembling it.
#
# Here are three tokens with two dimensions, set by hand: one says *animal*, the other *vessel*. (Dimensions that a model learns have no
# such names.)

# %%
words = ["fish", "boat", "hunt"]
q = torch.tensor([[0.0, 1.0], [1.0, 1.0], [2.0, 0.0]], device=device)  # hunt: an animal?
k = torch.tensor([[2.0, 1.0], [0.0, 2.0], [1.0, 0.0]], device=device)  # fish: very much
v = torch.tensor([[3.0, 0.0], [0.0, 3.0], [1.0, 1.0]], device=device)
print("q, k, v:", tuple(q.shape), "= (tokens T, width D)")

# %% [markdown]
# <a id="scores"></a>
# ## 3 · Scores
#
# **Exercise `attention_scores`** · difficulty 1/5 · importance 4/5 · 8 minutes · {points:attention_scores} points
#
# *Why now:* a filing system begins by comparing the query with every label. One number for each pair will do: the dot product of query
# $i$ and key $j$,
#
# $$s_{ij} = q_i \cdot k_j, \qquad S = Q K^\top .$$
#
# *By hand*, for *hunt* with $q = (2, 0)$: against *fish* $2\cdot2 + 0\cdot1 = 4$, against *boat* $2\cdot0 + 0\cdot2 = 0$, against
# *hunt* itself $2\cdot1 + 0\cdot0 = 2$. One row of the table: $(4, 0, 2)$.
#
# Real tensors carry more axes in front, a batch for instance, and there may be more keys than queries. The docstring says what must hold.
#
# **Predict.** With $q$ of shape (8, 5, 16) and $k$ of shape (8, 7, 16), what is the shape of the scores? What happens if you exchange
# queries and keys?
#
# <details><summary>Answer</summary>
#
# (8, 5, 7): a row for each query, a column for each key. Exchanged, the table is transposed. *Who looks* and *who is looked at* are
# different roles, so the table is in general not symmetric.
#
# </details>


# %% exercise="attention_scores"
def attention_scores(q, k):
    """How well each query matches each key: their dot product, not scaled.

    q: (..., T_q, D), the queries. k: (..., T_k, D), the keys, with the same leading axes, if any.
    Returns (..., T_q, T_k); entry [..., i, j] belongs to query i and key j.
    """
    ### BEGIN SOLUTION
    return q @ k.transpose(-2, -1)  # (..., T_q, D) @ (..., D, T_k)
    ### END SOLUTION


# %% check="attention_scores"
check("attention_scores")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# One matrix product does it. Which two axes of the keys have to trade places so that the inner sizes agree? Leave all the others alone.
#
# </details>
# <details><summary>Hint 2: in words</summary>
#
# `.T` turns around *all* axes. Look for the tensor method that exchanges two, and count them from the end.
#
# </details>
#
# #### Look
#
# The scores of *hunt*, as geometry: the further a key reaches in the direction of the query, the higher its score. A long key
# wins too, not only a well-aligned one.

# %% look="scores"
with plots.needs("attention_scores"):
    scores = attention_scores(q, k)
    arrows = {"query of hunt": q[2]}
    arrows |= {f"key of {word}: {score:.0f}": key for word, score, key in zip(words, scores[2], k)}
    plots.vectors(arrows, [plots.QUERY] + 3 * [plots.KEY], "The query of hunt, its score with each key")

# %% [markdown]
# <a id="softmax"></a>
# ## 4 · Weights that sum to one
#
# **Exercise `softmax`** · difficulty 2/5 · importance 5/5 · 12 minutes · {points:softmax} points
#
# *Why now:* scores can be negative and of any size. To blend values we need shares: positive, and one in total. The softmax makes them,
# and keeps the order:
#
# $$w_j = \frac{e^{s_j}}{\sum_{m} e^{s_m}} .$$
#
# *By hand:* $(4, 0, 2)$ gives $e^4, e^0, e^2 = 54.60, 1, 7.39$, in total $62.99$; the shares are $0.867, 0.016, 0.117$.
#
# ![The softmax runs along each row of scores, over the keys, so that each row sums to one](../assets/figures/03_axis.svg)
#
# **The axis.** In a table of scores the last axis runs over the keys. Each *query* hands out one unit of attention, so each *row* sums
# to one; the columns need not.
#
# **The size.** In float32 $e^{89}$ overflows to infinity, and ∞/∞ is NaN. But a constant added to all scores of a slice cancels in the
# fraction, so you are free to choose one that keeps every exponent at or below zero.
#
# **Predict.** What does the softmax of $(1000, 1000, 1000)$ give? Of $(0, 0, -\infty)$?
#
# <details><summary>Answer</summary>
#
# One third each: only differences count. One half, one half, and exactly zero: $e^{-\infty} = 0$. We will use this to hide keys.
#
# </details>


# %% exercise="softmax"
def softmax(x, dim):
    """Turn numbers into shares: positive, and summing to one along axis `dim`.

    x: a floating-point tensor of any shape; each slice along `dim` is normalized on its own.
    Large entries (±1000) must not overflow. An entry of -inf gets the share 0; each slice has at
    least one finite entry.
    Returns a new tensor of the same shape; x is left unchanged.
    """
    ### BEGIN SOLUTION
    exponentials = torch.exp(x - x.amax(dim=dim, keepdim=True))  # largest exponent: 0
    return exponentials / exponentials.sum(dim=dim, keepdim=True)
    ### END SOLUTION


# %% check="softmax"
check("softmax")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Two ideas: find a number for each slice that you may subtract, then divide by a sum over the same axis. For both, keep the reduced
# axis with size 1 so that shapes broadcast.
#
# </details>
# <details><summary>Hint 2: pseudocode</summary>
#
# top ← largest entry of each slice, axis kept · e ← exponential of (x less top), in a new tensor · return e over its sum along the
# slice, axis kept
#
# </details>
#
# #### Look, and break it
#
# Left, your weights for the three words, along the keys. Right, the same scores along the *queries*: a popular
# slip.
# Nothing crashes, all numbers lie between 0 and 1. But now each column sums to one: every key spreads itself among the queries, and a
# query may end up with more or less than one unit.

# %% look="axis"
with plots.needs("softmax"):
    table = q @ k.T  # two axes only, so .T is safe here
    maps = {"right: dim=-1, over the keys": softmax(table, -1), "wrong: dim=-2": softmax(table, -2)}
    plots.attention_maps(maps, words, words, width=3.6)
    for name, weights in maps.items():
        print(f"{name:30} sums of the rows {weights.sum(dim=-1)}")

# %% [markdown]
# <a id="scaling"></a>
# ## 5 · Why the scores are scaled
#
# The transformer divides each score by $\sqrt{d_k}$, where $d_k$ is the width of queries and keys (our $D$). Why this number?
#
# Take the entries of $q$ and $k$ as independent, with mean 0 and variance 1: a fair sketch of how training begins.
# One product $q_i k_i$ then has mean 0 and variance $E[q_i^2]\,E[k_i^2] = 1$, and variances of independent terms add up:
#
# $$\operatorname{Var}(q \cdot k) = \sum_{i=1}^{d_k} \operatorname{Var}(q_i k_i) = d_k .$$
#
# So a score has standard deviation $\sqrt{d_k}$.
#
# At $d_k = 64$ scores differ by 8 and more, and $e^8 \approx 3000$: one key takes all.
# Learning then stalls: a weight's sensitivity to its own score is $\partial w_i / \partial s_i = w_i (1 - w_i)$, which is next to nothing
# for a weight near zero or near one. Dividing by $\sqrt{d_k}$ gives scores of spread 1 at every width.
#
# **Predict.** What would dividing by $d_k$ do? Sketch the three curves before you run the cell.

# %% look="variance"
widths = 2 ** torch.arange(11)
powers = {"no scaling": 0.0, "divided by √d_k": 0.5, "divided by d_k": 1.0}
spread, slope = {name: [] for name in powers}, {name: [] for name in powers}
for width in widths.tolist():
    raw = (torch.randn(400, 1, width) @ torch.randn(400, width, 10)).squeeze(1)  # (400, 10)
    for name, power in powers.items():
        s = raw / width**power
        w = torch.softmax(s, dim=-1)
        spread[name].append(s.std())
        slope[name].append((w * (1 - w)).mean())

_, (left, right) = plots.plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
spread, slope = ({name: torch.stack(y) for name, y in lines.items()} for lines in (spread, slope))
plots.curves(widths, spread, "width d_k", "standard deviation", "Spread of the scores", "xy", ax=left)
plots.curves(widths, slope, "width d_k", "mean of w (1 − w)", "What is left to learn from", "x", ax=right)

# %% [markdown]
# <details><summary>Answer: what the picture says</summary>
#
# Unscaled, the spread grows as $\sqrt{d_k}$ and the gradient dies. Divided by $d_k$, the spread *shrinks* as $1/\sqrt{d_k}$: weights
# become uniform whatever the keys say, and attention is an average. Only $\sqrt{d_k}$ keeps both alive at all widths.
#
# </details>
#
# The argument is about the start of training; a trained model may make its queries and keys longer, and its attention as sharp as it likes.
#
# **Move the slider:** one query, ten keys, three scalings.

# %% look="slider"
frames = {}
for width in (1, 4, 16, 64, 256, 1024):
    seeded = torch.Generator().manual_seed(0)
    one, ten = torch.randn(width, generator=seeded), torch.randn(10, width, generator=seeded)
    frames[str(width)] = {name: torch.softmax(ten @ one / width**power, 0) for name, power in powers.items()}
plots.bars_with_slider(frames, "d_k", "key", "weight", "One query's weights on ten keys").show()

# %% [markdown]
# Where the figure above does not show (on GitHub, on paper), this is what it says:
#
# ![Weights at widths 4, 64, 1024: unscaled one-hot, over the width uniform, over its root graded](../assets/figures/03_scaling.svg)
#
# <a id="attention"></a>
# ## 6 · The whole function, with a mask
#
# **Exercise `scaled_dot_product_attention`** · difficulty 3/5 · importance 5/5 · 18 minutes · {points:scaled_dot_product_attention} points
#
# *Why now:* all pieces are on the table. Scores, scaled; softmax over the keys; then the values, weighted and summed:
#
# $$\operatorname{Attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V .$$
#
# ![Steps for the token hunt: dot products, scaling, softmax, weighting the values, their sum](../assets/figures/03_steps.svg)
#
# *By hand*, for *hunt*: scores $(4, 0, 2)$, over $\sqrt 2$: $(2.83, 0, 1.41)$, weights $(0.768, 0.045, 0.187)$. Output: $0.768\,(3,0) +
# 0.045\,(0,3) + 0.187\,(1,1) = (2.49, 0.32)$: mostly what *fish* tells. One output a query, as wide as a value.
#
# **The mask** says who may attend to whom: `True` (or 1) at $[i, j]$ lets query $i$ attend to key $j$.
# A hidden key must be out *before* the softmax, so that the remaining weights still sum to one. Its score becomes $-\infty$, its weight
# exactly 0.
#
# **The empty row.** A query may be allowed no key at all: a recording that failed, say. Softmax of nothing but $-\infty$ is 0/0. In
# this course such a query gets weights 0 and output 0, *no message*, and no other row is touched.
#
# **Predict.** Many programs fill with a very negative number, $-9\cdot10^{15}$, instead of $-\infty$. What does an empty row give then?
#
# <details><summary>Answer, after running the next cell</summary>
#
# A uniform row: only differences between scores count, and these are all alike. That is worse than NaN, which at least spreads until
# you see it. Here nothing looks wrong, yet the query averages exactly what it was forbidden to see.
#
# </details>

# %% look="empty-row"
empty_rows = {
    "filled with -inf": torch.softmax(torch.full((4,), -math.inf), dim=0),
    "filled with -9e15": torch.softmax(torch.full((4,), -9e15), dim=0),
    "our convention": torch.zeros(4),
}
for how, weights in empty_rows.items():
    print(f"{how:18} -> weights {weights}")


# %% exercise="scaled_dot_product_attention"
def scaled_dot_product_attention(q, k, v, mask=None):
    """Attention with scores divided by the square root of D, the width of the queries.

    q: (..., T_q, D). k: (..., T_k, D). v: (..., T_k, D_v). Any number of leading axes, also none.
    mask: None (all may attend), or a tensor of bools or integers 0/1 that broadcasts to
    (..., T_q, T_k); True or 1 at [i, j] lets query i attend to key j. A query that may attend to no
    key gets weights 0 and output 0.
    Returns (output, weights), of shapes (..., T_q, D_v) and (..., T_q, T_k).
    The arguments are left unchanged.
    """
    ### BEGIN SOLUTION
    scores = attention_scores(q, k) / math.sqrt(q.shape[-1])  # (..., T_q, T_k)
    if mask is None:
        weights = softmax(scores, dim=-1)
    else:
        allowed = mask.bool()
        lonely = ~allowed.any(dim=-1, keepdim=True)  # queries without a key
        scores = scores.masked_fill(~allowed, -math.inf).masked_fill(lonely, 0.0)
        weights = softmax(scores, dim=-1).masked_fill(lonely, 0.0)
    return weights @ v, weights
    ### END SOLUTION


# %% check="scaled_dot_product_attention"
check("scaled_dot_product_attention")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# Leave the mask for later: score, scale, softmax, blend, with the two functions that you have. Then ask where a forbidden score must be
# replaced: before or after the softmax?
#
# </details>
# <details><summary>Hint 2: the mask</summary>
#
# Make the mask boolean first: on integers, `~` flips bits and gives −1 and −2, which are both "true". Use the version of *masked fill*
# that returns a new tensor (no underscore at the end).
#
# </details>
# <details><summary>Hint 3: pseudocode for the empty row</summary>
#
# empty ← rows in which no key is allowed, axis kept · give those rows any finite scores, so that the softmax is defined · after the
# softmax, set their weights to zero · blend the values last: then the outputs are zero by themselves
#
# </details>
#
# #### Look
#
# Your weights for the three words, without a mask, with *fish* hidden from all, and with *boat* allowed to look nowhere.

# %% look="words"
with plots.needs("scaled_dot_product_attention"):
    hide_fish = torch.tensor([[False, True, True]], device=device)  # (1, T): the same for all queries
    no_view = torch.tensor([[1, 1, 1], [0, 0, 0], [1, 1, 1]], device=device)  # boat, row 1, sees nothing
    masks = {"no mask": None, "fish is hidden": hide_fish, "boat may look nowhere": no_view}
    results = {name: scaled_dot_product_attention(q, k, v, m) for name, m in masks.items()}
    plots.attention_maps({name: weights for name, (_, weights) in results.items()}, words, words)
    for name, (output, _) in results.items():
        print(f"{name:22} outputs of boat {output[1]} and of hunt {output[2]}")

# %% [markdown]
# #### Break it
#
# Let the simulated time bins attend to each other: queries, keys and values are all the standardized spike counts, 30
# wide. Left, your function. Right, the same with the scaling undone: we multiply the queries by $\sqrt{30}$ beforehand.
#
# **Predict:** which map is nearer to one-hot, and what is on its diagonal?

# %% look="unscaled"
with plots.needs("scaled_dot_product_attention"):
    bins = (reaches[0] - reaches.mean(dim=(0, 1))) / reaches.std(dim=(0, 1))  # (T, N)
    scaled = scaled_dot_product_attention(bins, bins, bins)[1]
    unscaled = scaled_dot_product_attention(bins * math.sqrt(30), bins, bins)[1]
    plots.attention_maps({"with 1/√d_k": scaled, "scaling undone": unscaled}, width=4)

# %% [markdown]
# Raw similarity mostly finds itself: the diagonal wins in both, and takes everything when scores are not scaled. This is why queries
# and keys are *learned* projections (section 9).
#
# <a id="masks"></a>
# ## 7 · Two masks
#
# ![Three masks as grids and as arrows: causal, padding, and one with an empty row](../assets/figures/03_masks.svg)
#
# **Exercise `causal_mask`** · difficulty 1/5 · importance 5/5 · 4 minutes · {points:causal_mask} points
#
# *Why now:* a language model that predicts the next word, or a decoder that drives a cursor *now*, must not read the future. Token $i$
# may attend to token $j$ only if $j \le i$.
#
# *By hand*, three tokens: row 0 is (yes, no, no), row 1 (yes, yes, no), row 2 (yes, yes, yes).
#
# **Predict.** What is the first token's output under this mask?
#
# <details><summary>Answer</summary>
#
# Its own value, unchanged: with one key to choose from, that key's weight is 1, whatever the score.
#
# </details>


# %% exercise="causal_mask"
def causal_mask(length):
    """The mask of a sequence whose tokens attend to themselves and to earlier tokens.

    length: T, at least 1.
    Returns a bool tensor (T, T): entry [i, j] is True if token i may attend to token j.
    """
    ### BEGIN SOLUTION
    return torch.ones(length, length, dtype=torch.bool).tril()
    ### END SOLUTION


# %% check="causal_mask"
check("causal_mask")

# %% [markdown]
# **Exercise `padding_mask`** · difficulty 2/5 · importance 4/5 · 4 minutes · {points:padding_mask} points
#
# *Why now:* trials differ in length, but a batch is one rectangular tensor, so short trials are filled up with bins that mean nothing.
# No query may attend to those *keys*: column $j$ is open if $j <$ length.
#
# *By hand*, lengths 2 and 3 padded to 4: (yes, yes, no, no) and (yes, yes, yes, no).
#
# The same row holds for all queries of a trial. So the mask is (B, 1, T), and the axis of size 1 broadcasts over the queries of scores
# (B, T, T).
#
# **Predict.** What if the mask were (B, T)?
#
# <details><summary>Answer</summary>
#
# Against scores (B, T, T) it would be read as (1, B, T): an error, unless B equals T (or 1), when it silently hides keys by the wrong
# trial.
#
# </details>


# %% exercise="padding_mask"
def padding_mask(lengths, max_length):
    """The mask of a batch of sequences that are filled up at the end to a common length.

    lengths: integer tensor (B,), how many tokens of each sequence are real, from 0 to max_length.
    max_length: T.
    Returns a bool tensor (B, 1, T): entry [b, 0, j] is True if token j of sequence b is real.
    """
    ### BEGIN SOLUTION
    return torch.arange(max_length, device=lengths.device) < lengths[:, None, None]
    ### END SOLUTION


# %% check="padding_mask"
check("padding_mask")

# %% [markdown]
# <details><summary>Hints for both masks</summary>
#
# Causal: which half of a square of ones is "column not after row"? PyTorch has a function for each half; try both on a 3 × 3 square and
# look. The diagonal belongs to it, and the result is bool.
#
# Padding: count 0, 1, … T − 1 along the last axis, and compare the counts with the lengths, after giving `lengths` two more axes of
# size 1. Mind the boundary: a sequence of length 2 has tokens 0 and 1.
#
# </details>
#
# #### Look
#
# Your masks, and what the three words can tell each other when read from left to right. Masks combine with `&`: a key must be
# allowed by both.

# %% look="masks"
with plots.needs("causal_mask", "padding_mask", "scaled_dot_product_attention"):
    _, axes = plots.plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    both = causal_mask(5) & padding_mask(torch.tensor([3, 5]), 5)  # (B, T, T)
    plots.mask_map(causal_mask(5), "causal", ax=axes[0])
    plots.mask_map(both[0], "causal, and 3 real bins of 5", ax=axes[1])
    output, weights = scaled_dot_product_attention(q, k, v, causal_mask(3).to(device))
    plots.attention_map(weights, words, words, "your weights, causal", ax=axes[2])
    print(f"value of fish {v[0]}, output of fish {output[0]}")

# %% [markdown]
# <a id="graph"></a>
# ## 8 · Attention as messages on a graph
#
# ![A node weighs the values that arrive along its incoming edges by its own query](../assets/figures/03_graph.svg)
#
# A mask is a directed graph: an edge from $j$ to $i$ wherever query $i$ may attend to key $j$.
# Along each edge travels a message, what $j$ tells; the receiver weighs what comes in by how well it matches what it looks for. A full
# mask is a complete graph, the causal mask a graph in which messages run forward only.
#
# The next cell passes messages node by node, in plain loops. Node 1 has no incoming edge: it must receive nothing, and nobody else may
# receive its share.

# %%
edges = [(0, 0), (1, 0), (0, 2), (1, 2), (2, 2), (3, 2), (1, 3)]  # (from, to), four nodes
look_for, have, tell = torch.randn(3, 4, 2, device=device)  # (4, 2) each

received = torch.zeros(4, 2, device=device)
for node in range(4):
    senders = [a for a, b in edges if b == node]
    if not senders:
        continue
    match = torch.stack([look_for[node] @ have[sender] for sender in senders]) / math.sqrt(2)
    for share, sender in zip(torch.softmax(match, dim=0), senders):
        received[node] += share * tell[sender]

graph = torch.zeros(4, 4, dtype=torch.bool, device=device)
for a, b in edges:
    graph[b, a] = True  # row: who receives, column: who sends
at_once = F.scaled_dot_product_attention(look_for, have, tell, attn_mask=graph)
print(f"node 1 receives {received[1]}")
print(f"loops and one matrix formula differ by at most {(received - at_once).abs().max():.1e}")

# %% look="message-graph"
with plots.needs("scaled_dot_product_attention"):
    _, (left, right) = plots.plt.subplots(1, 2, figsize=(11, 3), layout="constrained")
    forward_only = torch.ones(3, 3, device=device).tril() > 0
    for ax, title, m in [(left, "no mask", None), (right, "causal", forward_only)]:
        weights = scaled_dot_product_attention(q, k, v, m)[1]
        plots.message_graph(weights, words, f"Your weights as messages: {title}", ax)

# %% [markdown]
# ### Nodes have no order
#
# A graph does not number its nodes. So if you shuffle the tokens, the outputs should be shuffled in the same way and otherwise stay as
# they are: attention is **permutation equivariant**. It sees *what* is in the other tokens, never *where* they are.
#
# **Predict.** Is that still so under a causal mask?
#
# <details><summary>Answer</summary>
#
# No: the mask refers to places in the sequence, and those do not move with the tokens. That is a hint of order, but a weak one. For the
# order itself tokens need the positions of lesson 02, added before the first attention.
#
# </details>

# %% look="shuffle"
tokens = reaches[:1]  # (1, T, N)
order = torch.randperm(12, device=device)
for title, causal in {"no mask": False, "causal mask": True}.items():
    attended = F.scaled_dot_product_attention(tokens, tokens, tokens, is_causal=causal)
    mixed = tokens[:, order]
    then = F.scaled_dot_product_attention(mixed, mixed, mixed, is_causal=causal)
    apart = (attended[:, order] - then).abs().max()
    print(f"{title:12} shuffling after or before attention: outputs differ by at most {apart:.1e}")

# %% [markdown]
# <a id="module"></a>
# ## 9 · Self-attention as a module
#
# **Exercise `SelfAttention`** · difficulty 3/5 · importance 5/5 · 8 minutes · {points:SelfAttention} points
#
# *Why now:* so far queries, keys and values fell from the sky. In *self*-attention all three come from the same tokens $X$, each
# through its own learned map, so that training decides what to look for, what to offer, and what to tell:
#
# $$Q = X W_Q^\top + b_Q, \quad K = X W_K^\top + b_K, \quad V = X W_V^\top + b_V, \quad Z = \operatorname{Attention}(Q, K, V).$$
#
# ![Three linear maps make queries, keys and values; attention makes the output (B, T, head_dim)](../assets/figures/03_module.svg)
#
# *By hand:* with one token there is one key, its weight is 1, and the output is $W_V x + b_V$, whatever $W_Q$ and $W_K$ are.
#
# **Predict.** How many parameters has `SelfAttention(input_dim=30, head_dim=2)`? Does the number depend on $T$?
#
# <details><summary>Answer</summary>
#
# 3 · (30 · 2 + 2) = 186, and no: the same maps serve every token, so sequences of any length fit.
#
# </details>


# %% exercise="SelfAttention"
class SelfAttention(nn.Module):
    """Self-attention with one head: the tokens of a sequence read one another.

    input_dim: width of a token. head_dim: width of a query, a key, a value, and the output.
    Its only parameters are those of linear_q, linear_k and linear_v, each an
    nn.Linear(input_dim, head_dim) with a bias.
    """

    def __init__(self, input_dim, head_dim):
        ### BEGIN SOLUTION
        super().__init__()
        self.linear_q = nn.Linear(input_dim, head_dim)
        self.linear_k = nn.Linear(input_dim, head_dim)
        self.linear_v = nn.Linear(input_dim, head_dim)
        ### END SOLUTION

    def forward(self, x, mask=None):
        """Returns the output alone, (..., T, head_dim).

        x: (..., T, input_dim). mask: as in scaled_dot_product_attention.
        """
        ### BEGIN SOLUTION
        queries, keys, values = self.linear_q(x), self.linear_k(x), self.linear_v(x)
        output, _ = scaled_dot_product_attention(queries, keys, values, mask)
        return output
        ### END SOLUTION


# %% check="SelfAttention"
check("SelfAttention")

# %% [markdown]
# <details><summary>Hint 1: a nudge</summary>
#
# A module must be set up as an `nn.Module` before it can own layers: what is always the first line of `__init__`? Then three layers,
# with exactly the names in the docstring.
#
# </details>
# <details><summary>Hint 2: forward</summary>
#
# Three maps of the same x, one call of the function that you wrote, with the mask handed on. It gives back two things; one is asked for.
#
# </details>
#
# ### A layer that fetches the target
#
# Training comes in lesson 04. Here we *set* the weights, to see what they can say about the simulated reach:
#
# - **query** (what I look for): every bin asks for a cue, a constant in the bias;
# - **key** (what I have): the mean count of the five cue neurons;
# - **value** (what I tell): the population vector, each tuned neuron voting for its preferred direction.
#
# #### Look
#
# What *your* layer puts out in the go bin, one point a trial, colored by the true direction; gray rays mark the eight targets.
# Beside it the plain mean of the values over all bins, in which the cue's one bin drowns.

# %%
hand_set = {}  # the parameters of a SelfAttention(input_dim=30, head_dim=2), by name
for name in ("linear_q", "linear_k", "linear_v"):
    hand_set[f"{name}.weight"] = torch.zeros(2, 30, device=device)
    hand_set[f"{name}.bias"] = torch.zeros(2, device=device)
hand_set["linear_q.bias"][0] = 2.0
hand_set["linear_k.weight"][0, 20:25] = 1 / 5
hand_set["linear_v.weight"][0, :20] = preferred.cos() / 16  # a cue's votes add up to length 1
hand_set["linear_v.weight"][1, :20] = preferred.sin() / 16

# %% look="fetch"
with plots.needs("SelfAttention", "scaled_dot_product_attention"):
    layer = SelfAttention(input_dim=30, head_dim=2).to(device)
    layer.load_state_dict(hand_set)
    with torch.no_grad():
        fetched = layer(reaches[:200])[:, GO]  # (200, 2)
        averaged = layer.linear_v(reaches[:200]).mean(dim=1)
    clouds = {"your layer, at go": fetched, "mean over all bins": averaged}
    plots.plane(clouds, angles[:200], "What reaches the go bin")

# %% [markdown]
# <a id="fused"></a>
# ## 10 · The fused function
#
# PyTorch has all of this in one call, `F.scaled_dot_product_attention`. It is *fused*: it works through the table in blocks and need
# not store $T \times T$ weights, so it is faster and leaner on long sequences. What it cannot do is show you the weights.
#
# Its boolean `attn_mask` follows our convention, **True = may attend**. Beware of `nn.MultiheadAttention` and
# `nn.TransformerEncoderLayer`: there **True = blocked**. The next cell compares your function with the fused one; from here on the
# notebook uses PyTorch's, so nothing below depends on your exercises.


# %%
def attend(q, k, v, mask=None):
    """PyTorch's fused attention; where an old PyTorch lacks it, the function you wrote."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return scaled_dot_product_attention(q, k, v, mask)[0]


# %% look="fused"
x = torch.randn(2, 3, 6, 4, device=device)  # (B, H, T, D)
causal = torch.ones(6, 6, device=device).tril() > 0
with plots.needs("scaled_dot_product_attention"):
    yours, _ = scaled_dot_product_attention(x, x, x, causal)
    gap = (yours - attend(x, x, x, causal)).abs().max()
    print(f"yours and PyTorch's fused function differ by at most {gap:.1e}")

multihead = nn.MultiheadAttention(embed_dim=4, num_heads=1, batch_first=True).to(device)
conventions = {"attn_mask=~mask": ~causal, "attn_mask=mask (wrong here)": causal}
maps = {name: multihead(x[0], x[0], x[0], attn_mask=m)[1][0] for name, m in conventions.items()}
plots.attention_maps(maps, width=3.6)

# %% [markdown]
# With the wrong convention everybody sees only the future, and the last token, which has none, becomes NaN.
#
# <a id="causal"></a>
# ## 11 · Causal or not: what a decoder may claim
#
# ![The causal decoder reads bins up to now, the acausal one the whole trial, past and future](../assets/figures/03_causal.svg)
#
# Now every bin of the simulated trial asks for the cue, and names the nearest of eight targets. We do it twice, with a causal mask and
# without, and beside it put the running mean of all values so far and the level of chance, 1 in 8.
#
# **Predict.** How well can each do *before* the cue, in bins 0 to 2?


# %%
def accuracy(directions):
    """In what share of the trials each bin's output (B, T, 2) points nearest to the true target; (T,)."""
    read = torch.atan2(directions[..., 1], directions[..., 0])  # (B, T), radians
    steps = torch.round((read - angles[:, None]) / (2 * math.pi / 8))
    return (steps % 8 == 0).float().mean(dim=0)


def project(name):
    """Queries, keys or values of all bins, with the weights that we set by hand; (B, T, 2)."""
    return F.linear(reaches, hand_set[f"linear_{name}.weight"], hand_set[f"linear_{name}.bias"])


Q, K, V = project("q"), project("k"), project("v")
past_only = torch.ones(12, 12, device=device).tril() > 0
decoded = {
    "acausal attention": accuracy(attend(Q, K, V)),
    "causal attention": accuracy(attend(Q, K, V, past_only)),
    "running mean": accuracy(V.cumsum(dim=1)),
    "chance": torch.full((12,), 1 / 8),
}

# %% look="decoding"
events = {"cue": CUE, "go": GO}
plots.curves(range(12), decoded, "time bin", "targets read correctly", events=events)

# %% [markdown]
# The acausal decoder "knows" the target before it was shown. These neurons foresee nothing: they were *simulated* without foresight.
# The decoder copied the cue bin backward.
#
# - **Causal** is the honest choice where the future is not there yet: brain–computer interfaces, online decoding, next-step prediction,
#   and any claim about *when* information appears.
# - **Acausal** is the better choice where the whole recording lies on the table: denoising, inferring firing rates, filling in missing
#   bins, sorting trials after the fact. More context, better estimates; no claim about timing.
#
# A causal mask is not enough if a filter, a normalization, or a second layer looks ahead: every step must be causal (lesson 08).
#
# **Question** · {points:causal_claim} points, read by your teacher
#
# A colleague decodes the reach target from motor cortex with acausal attention. 200 ms *before* the cue the decoder is right in 80 % of
# the trials. She concludes that motor cortex anticipates the target, and wants to build the decoder into a brain–computer interface. In
# four to six sentences: (a) what explains the 80 %, (b) which one change of the analysis would test her claim, and what it should show
# if you are right, (c) one question about the same data for which acausal attention is the better choice, and why.

# %% [markdown] question="causal_claim" points=2
# **(a)** Without a causal mask the bins before the cue attend to bins after it, so information about the target flows backward through
# the weights; the decoder reads the cue (or the movement), not a prediction of it. **(b)** Decode again with a causal mask (and causal
# filters and normalization): before the cue the accuracy should fall to chance, 1/8 for eight equally likely targets, and rise only
# after it. A control: shuffling the trials' data after the cue must not change what is decoded before it. **(c)** For example denoising
# or estimating single-trial firing rates offline: the future holds information about the present state, the estimate improves, and
# nothing is claimed about when the brain had it.
#
# *Rubric:* 1 point for (a) naming attention to the future as the source, with (b) a causal analysis and chance as its expected result
# (half a point each); 1 point for (c), an offline question (half) with a reason that says what the future adds (half).

# %% [markdown]
# <a id="recap"></a>
# ## Recap
#
# - Attention moves information between tokens in one step, at any distance, for the price of $T \times T$ weights.
# - Each token asks (query), offers (key) and tells (value). Output $i$ is the mean of the values, weighted by softmax over the *keys*
#   of $q_i \cdot k_j / \sqrt{d_k}$.
# - $\sqrt{d_k}$ because the variance of a dot product of unit-variance vectors is $d_k$.
# - A mask is a graph of who may read whom. It acts before the softmax; an empty row gives zeros.
# - Attention itself is blind to order; positions or a causal mask bring it in.
# - Causal if you claim *when* or act *now*; acausal if you look back.
#
# *You have built* every part of one attention head. *Lesson 04* runs several heads side by side and trains them.
#
# <a id="glossary"></a>
# ## Glossary
#
# | term | meaning |
# |---|---|
# | query, key, value | what a token looks for, has, tells: three linear maps of it |
# | score, weight | dot product of a query and a key; its share after scaling and softmax |
# | mask | table of who may attend to whom; here True = may |
# | causal, acausal | using the past and present only; using the future too |
# | padding | filler that makes sequences of a batch equally long |
# | permutation equivariant | shuffled in, shuffled out in the same way |
# | fused | several operations in one kernel, without storing what lies between |
# | population vector | sum of preferred directions, weighted by spike counts |
#
# <a id="mistakes"></a>
# ## Common mistakes
#
# - No scaling, or dividing by $d_k$: too sharp, or too flat. Plot the weights at two widths.
# - Softmax over the queries: sum the rows.
# - Blending keys instead of values: give values another width than keys.
# - Masking after the softmax: rows no longer sum to one.
# - Mask upside down: perturb the last token and see which outputs move.
# - Empty rows: NaN, or a silent average over what was forbidden.
# - `.T` on a batch: works only when sizes coincide. Test with axes of different sizes.
# - Writing into the arguments (`masked_fill_`, `*=`): the caller's data change.
#
# <a id="reading"></a>
# ## Further reading
#
# - Vaswani et al. (2017), *Attention Is All You Need*, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.2.1 for the
#   formula and footnote 4 for the variance; section 4 and table 1 for path lengths.
# - Bahdanau, Cho and Bengio (2015), *Neural Machine Translation by Jointly Learning to Align and Translate*,
#   [arXiv:1409.0473](https://arxiv.org/abs/1409.0473): section 3.1, attention before transformers, against the bottleneck.
# - Ye and Pandarinath (2021), *Representation learning for neural population activity with Neural Data Transformers*,
#   [arXiv:2108.01210](https://arxiv.org/abs/2108.01210): time bins as tokens; lesson 07 builds it.
# - Georgopoulos, Schwartz and Kettner (1986), *Neuronal population coding of movement direction*, Science 233, 1416–1419: the
#   population vector.
# - PyTorch,
#   [`scaled_dot_product_attention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html):
#   the mask's convention, and the reference code.
